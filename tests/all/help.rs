//! What a person reads before the first command: topics, manual pages, and what shells complete.

use std::{fs, process::Command};

use serde_json::Value;
use tagalong::{
    cli::{args::definition, help::TOPICS},
    policy::keys::KEYS,
};

use crate::kit::binary::Machine;

#[test]
fn topics_are_listed_and_shown() {
    let machine = Machine::new();
    insta::assert_snapshot!(machine.run("help topics").ended(0).out, @r#"
    Topics:
      policies     patterns, presets and own keys: which tag is chosen
      exit-codes   how commands end, for scripts

    Read one with `tagalong help TOPIC`; `tagalong help COMMAND` tells the flags of a command.
    "#);
    for (name, _, page) in TOPICS {
        assert_eq!(machine.run(&format!("help {name}")).ended(0).out, page);
        let widest = page.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 110 && page.is_ascii() && page.ends_with(".\n") | page.contains("TRY"), "{name}: {widest}");
    }
}

#[test]
fn the_topic_of_policies_names_every_key_and_prefix() {
    let page = TOPICS.iter().find(|(name, ..)| *name == "policies").unwrap().2;
    for word in KEYS.into_iter().chain(["semver:", "glob:", "regexp:", "digest:", "preset:"]) {
        assert!(page.lines().any(|line| line.starts_with(&format!("  {word}"))), "{word}");
    }
}

#[test]
fn help_of_a_command_is_what_its_flag_prints() {
    let machine = Machine::new();
    for command in ["plan", "policy test", "run"] {
        assert_eq!(machine.run(&format!("help {command}")).ended(0).out, machine.run(&format!("{command} --help")).ended(0).out, "{command}");
    }
    assert_eq!(machine.run("help").ended(0).out, machine.run("--help").ended(0).out);
    assert_eq!(
        machine.run("help polices").ended(2).err,
        "error: cannot help with `polices`: it is neither a topic nor a command\n  hint: did you mean `policies` or `policy`?\n"
    );
    let hint = "hint: `tagalong help topics` and `tagalong --help` list them\n";
    assert!(machine.run("help zzz").ended(2).err.ends_with(hint));
}

#[test]
fn each_shell_gets_a_script_that_knows_every_verb() {
    let machine = Machine::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = machine.run(&format!("completions {shell}")).ended(0).out;
        for verb in definition().get_subcommands() {
            assert!(script.contains(verb.get_name()), "{shell}: {}", verb.get_name());
        }
        assert!(script.contains("--git-url") || script.contains("git-url"), "{shell}");
    }
    let script = machine.file("work/tagalong.bash", machine.run("completions bash").ended(0).out);
    let asked = "source \"$1\"; COMP_WORDS=(tagalong pol); COMP_CWORD=1; _tagalong tagalong pol tagalong; echo \"${COMPREPLY[@]}\"";
    let said = Command::new("bash").args(["-c", asked, "bash"]).arg(script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "policy\n", "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn what_the_program_says_of_itself_is_json_too() {
    let machine = Machine::new();
    let json = |line: &str| serde_json::from_str::<Value>(&machine.run(&format!("{line} --output json")).ended(0).out).unwrap();
    assert_eq!(json("help topics")["topics"].as_array().unwrap().len(), TOPICS.len());
    assert_eq!(json("help policies")["text"], TOPICS[0].2);
    assert_eq!(json("help plan")["text"], machine.run("help plan").ended(0).out);
    let script = json("completions zsh");
    assert_eq!((&script["shell"], &script["script"]), (&"zsh".into(), &machine.run("completions zsh").ended(0).out.into()));
    assert_eq!(json("man")["page"], machine.run("man").ended(0).out);
    let mut written = json("man --out man1")["pages"].as_array().unwrap().clone();
    let mut there: Vec<Value> =
        fs::read_dir(machine.work().join("man1")).unwrap().map(|entry| entry.unwrap().file_name().to_str().unwrap().into()).collect();
    written.sort_by_key(ToString::to_string);
    there.sort_by_key(ToString::to_string);
    assert_eq!(written, there);
    let demo = json("demo");
    assert_eq!(demo["rounds"].as_array().unwrap().len(), 2);
    assert_eq!(demo["rounds"][1]["report"]["updates"].as_array().unwrap().len(), 1);
    assert!(demo["rounds"][1]["commit"]["message"].as_str().unwrap().starts_with("Auto-release "));
}

#[test]
fn manual_pages_are_printed_and_written() {
    let machine = Machine::new();
    let page = machine.run("man").ended(0).out;
    assert!(page.contains(".TH tagalong 1") && page.contains("tagalong demo"), "{page}");
    machine.run("man --out share/man1").ended(0);
    let mut written: Vec<String> =
        fs::read_dir(machine.work().join("share/man1")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    written.sort();
    for name in ["tagalong.1", "tagalong-plan.1", "tagalong-policy-test.1"] {
        assert!(written.contains(&name.to_owned()), "{written:?}");
    }
    machine.file("work/file", "");
    let refused = machine.run("man --out file").ended(1).err;
    assert!(refused.starts_with("error: cannot write the manual pages into `file`\n"), "{refused}");
}
