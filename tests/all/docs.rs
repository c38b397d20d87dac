//! The pages: what is made from the code is fresh, links lead somewhere, commands parse.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use tagalong::{
    cli::args::{Args, definition},
    config,
    plan::{
        check::FindingCode,
        message::{Style, Update, message},
        report::Version,
    },
    policy::{Blame, Code, List, TagCode, preset::Presets},
    service::metrics::{CycleOutcome, METRICS, OTHER, PushOutcome, ReloadOutcome, RequestKind},
};

use crate::{
    bless::assert_fresh,
    repository::{files_with, root, text},
};

/// The pages that people read.
fn pages() -> Vec<String> {
    let mut pages = files_with("docs", "md");
    pages.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned));
    pages
}

/// A row of a table.
fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

#[test]
fn the_reference_of_the_command_line_is_fresh() {
    let mut page =
        "# Command line\n\nThis page is made from the code. What the commands do is told in [the pages](../../README.md#read-on).\n".to_owned();
    let mut command = definition().term_width(100);
    command.build();
    describe(&command, &mut page);
    assert_fresh(&root().join("docs/reference/cli.md"), &page);
}

fn describe(command: &clap::Command, page: &mut String) {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).replace('-', " ");
    let help = command.clone().render_help().to_string().replace(" (see more with '--help')", "");
    write!(page, "\n## {name}\n\n```text\n{}\n```\n", help.trim_end()).unwrap();
    command.get_subcommands().for_each(|sub| describe(sub, page));
}

#[test]
fn the_reference_of_the_configuration_is_fresh() {
    let mut made = String::new();
    for section in config::sections() {
        let title = if section.name.is_empty() { "At the top".to_owned() } else { format!("`{}`", section.name) };
        write!(made, "\n### {title}\n\n{}\n\n| key | value | default | meaning |\n|---|---|---|---|\n", section.about).unwrap();
        for key in section.keys {
            made += &row(&[&format!("`{}`", key.name), key.shape, &key.default, &key.meaning]);
        }
    }
    let page = text("docs/configuration.md");
    let (before, rest) = page.split_once("<!-- keys -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /keys -->").unwrap();
    assert_fresh(&root().join("docs/configuration.md"), &format!("{before}<!-- keys -->\n{made}\n<!-- /keys -->{after}"));
}

#[test]
fn the_example_of_a_commit_is_fresh() {
    let version = |tag: &str| Version { tag: Some(tag.to_owned()), digest: None };
    let update = |workload: &str, name: &str, (from, to): (&str, &str), policy: &str, link: Option<String>| Update {
        workload: format!("shop:deployment/{workload}"),
        container: "app".to_owned(),
        name: format!("ghcr.io/acme/{name}"),
        from: version(from),
        to: version(to),
        policy: policy.to_owned(),
        link,
        root: "apps".to_owned(),
        file: format!("apps/{workload}.yaml"),
        reason: String::new(),
    };
    let compare = format!("https://github.com/acme/frontend/compare/{}...{}", "3f2a1b9".repeat(6).split_at(40).0, "9c1d2e0".repeat(6).split_at(40).0);
    let updates = [
        update("frontend", "frontend", ("1.4.2", "1.5.0"), "semver:~1", Some(compare.clone())),
        update("admin", "frontend", ("1.4.2", "1.5.0"), "semver:~1", Some(compare)),
        update("cart", "cart", ("main-88-1a2b3c4", "main-91-5d6e7f8"), "glob:main-*", None),
    ];
    let made = format!("```text\n{}```\n", message(&updates, &Style::default()));
    let page = text("docs/review-commits.md");
    let (before, rest) = page.split_once("<!-- commit -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /commit -->").unwrap();
    assert_fresh(&root().join("docs/review-commits.md"), &format!("{before}<!-- commit -->\n{made}<!-- /commit -->{after}"));
}

#[test]
fn the_reference_of_presets_is_fresh() {
    let mut page =
        "# Presets\n\nThis page is made from the files in `policies/`, which are part of the program and of its tests. A pattern names one as \
                    `preset:NAME`; own ones are told in [Name a policy](../presets.md).\n\n| preset | chooses |\n|---|---|\n"
            .to_owned();
    for preset in Presets::shipped().iter() {
        page += &row(&[&format!("[`{0}`](#{0})", preset.name), &preset.summary]);
    }
    for preset in Presets::shipped().iter() {
        write!(page, "\n## {}\n\n{}.\n\n| key | value |\n|---|---|\n", preset.name, preset.summary).unwrap();
        let code = |text: &str| format!("`{text}`");
        page += &row(&["pattern", &code(preset.pattern.resolved())]);
        preset.keys.written().iter().for_each(|(key, value)| page += &row(&[&code(key), &code(value)]));
        for case in &preset.cases {
            let current = case.current.as_deref().map_or_else(|| "No tag".to_owned(), code);
            write!(page, "\n{current} in Git, {}: `{}`.\n\n| tag | built | becomes |\n|---|---|---|\n", case.about, case.decision).unwrap();
            for tag in &case.tags {
                page += &row(&[&code(&tag.tag), tag.built.as_deref().unwrap_or(""), &code(&tag.code)]);
            }
        }
    }
    assert_fresh(&root().join("docs/reference/presets.md"), &page);
}

#[test]
fn the_reference_of_codes_is_fresh() {
    let mut page = "# Codes\n\nThis page is made from the code. Codes stand in JSON, and decide the exit code.\n".to_owned();
    for (title, about, list) in [
        ("Updates", "The container changes. `plan --check` exits with 4.", List::Updates),
        ("Current", "Nothing is to do.", List::Current),
        ("Held", "The container stays on purpose, or waits for something.", List::Held),
        ("Failed", "What decides could not be asked.", List::Failed),
    ] {
        write!(page, "\n## {title}\n\n{about}\n\n| code | meaning | exit code |\n|---|---|---|\n").unwrap();
        for code in Code::ALL.iter().filter(|code| code.list() == list) {
            let exit = match code.blame() {
                None => "0",
                Some(Blame::Operator) => "1: a person must change something",
                Some(Blame::Remote) => "3: it may pass on retry",
                Some(Blame::Bug) => "70: a bug",
            };
            page += &row(&[&format!("`{code}`"), code.meaning(), exit]);
        }
    }
    page += "\n## Tags\n\nWhat became of one tag, in `explain` and `policy test`.\n\n| code | meaning |\n|---|---|\n";
    for code in TagCode::ALL {
        page += &row(&[&format!("`{code}`"), code.meaning()]);
    }
    page +=
        "\n## Findings\n\nWhat `check` finds in a repository. An error makes it exit with 1; some findings weigh less where they do less harm.\n\n";
    page += "| code | severity | meaning |\n|---|---|---|\n";
    for code in FindingCode::ALL {
        page += &row(&[&format!("`{code}`"), code.severity().as_str(), code.meaning()]);
    }
    assert_fresh(&root().join("docs/reference/codes.md"), &page);
}

#[test]
fn the_reference_of_metrics_is_fresh() {
    let mut page = "# Metrics\n\nThis page is made from the code. `tagalong run` serves them as OpenMetrics text under `/metrics` of `listen`.\n\n\
                    | metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n"
        .to_owned();
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        page += &row(&[&format!("`{}`", metric.name), metric.kind.as_str(), metric.unit, &labels.join(" "), metric.meaning]);
    }
    page += "\n## Labels\n\nEvery label takes its values from a closed list: no tag, path or sentence becomes one.\n\n";
    page += "- `repository`: the name of a repository in the configuration.\n";
    writeln!(page, "- `host`: the host of a prefix under `registries`, as it is written there; every other one is `{OTHER}`.").unwrap();
    page += "- `code`: one of [the codes](codes.md); `list` is the list that it belongs to: `updates`, `current`, `held` or `failed`.\n";
    for (title, rows) in [
        ("`kind` of a request", RequestKind::ALL.iter().map(|word| (word.as_str(), word.meaning())).collect::<Vec<_>>()),
        ("`outcome` of a cycle", CycleOutcome::ALL.iter().map(|word| (word.as_str(), word.meaning())).collect()),
        ("`outcome` of a push", PushOutcome::ALL.iter().map(|word| (word.as_str(), word.meaning())).collect()),
        ("`outcome` of a reload", ReloadOutcome::ALL.iter().map(|word| (word.as_str(), word.meaning())).collect()),
    ] {
        write!(page, "\n### {title}\n\n| value | meaning |\n|---|---|\n").unwrap();
        for (word, meaning) in rows {
            page += &row(&[&format!("`{word}`"), meaning]);
        }
    }
    assert_fresh(&root().join("docs/reference/metrics.md"), &page);
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&text(&page)).into_iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let folder = Path::new(&page).parent().unwrap();
            let target = if path.is_empty() { root().join(&page) } else { root().join(folder).join(path) };
            let Ok(target) = std::fs::read_to_string(target) else {
                broken.push(format!("{page}: {link}"));
                continue;
            };
            if anchor.is_some_and(|anchor| !anchors(&target).contains(anchor)) {
                broken.push(format!("{page}: {link}: no such heading"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn links(page: &str) -> Vec<String> {
    page.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link.to_owned()).collect()
}

/// Headings as forges link to them: lower case, spaces as dashes, other signs left out.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter_map(|line| line.strip_prefix('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |heading: &str| heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>();
    headings.map(|heading| kept(heading).replace(' ', "-")).collect()
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let mut reached = BTreeSet::from(["README.md".to_owned()]);
    let mut next = vec!["README.md".to_owned()];
    while let Some(page) = next.pop() {
        for link in links(&text(&page)).into_iter().filter(|link| !link.contains("://")) {
            let path = Path::new(&page).parent().unwrap().join(link.split('#').next().unwrap());
            let Ok(path) = root().join(path).canonicalize() else { continue };
            let path = path.strip_prefix(root().canonicalize().unwrap()).unwrap().to_str().unwrap().to_owned();
            if Path::new(&path).extension().is_some_and(|found| found == "md") && reached.insert(path.clone()) {
                next.push(path);
            }
        }
    }
    let lost: Vec<String> = files_with("docs", "md").into_iter().filter(|page| !reached.contains(page)).collect();
    assert!(lost.is_empty(), "no page links to {lost:?}");
}

#[test]
fn commands_in_pages_parse() {
    let mut seen = 0;
    for page in pages() {
        for command in commands(&text(&page)) {
            let words = words(&command);
            let parsed = Args::read(&words);
            assert!(parsed.is_ok(), "{page}: {command}\n{}", parsed.unwrap_err().text);
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} commands were found");
}

/// The invocations of `tagalong` in the fenced blocks that hold commands.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut language = None;
    for line in page.replace("\\\n", " ").lines().map(str::trim) {
        if let Some(fence) = line.strip_prefix("```") {
            language = if language.is_some() { None } else { Some(fence.to_owned()) };
            continue;
        }
        let typed = match language.as_deref() {
            Some("sh") => line,
            Some("console") => line.strip_prefix("$ ").unwrap_or_default(),
            Some("yaml") => line.trim_start_matches("- ").trim_start_matches("run: "),
            _ => continue,
        };
        let typed = typed.replace("$TAG", "1.2.3");
        let parts = typed.split(" | ").map(|part| part.replacen("cargo run -- ", "tagalong ", 1));
        commands.extend(parts.filter(|part| part.starts_with("tagalong ")));
    }
    commands
}

/// The words of a command as a shell splits them, up to a redirection.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            (None, '<' | '>' | '#') => break,
            (_, c) => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn configurations_in_pages_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for page in ["docs/configuration.md", "docs/git-sign-in.md", "docs/registries.md", "docs/run-it.md"] {
        for block in text(page).split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()) {
            let path = folder.path().join("tagalong.yaml");
            std::fs::write(&path, &block).unwrap();
            let environment = config::Environment::from_iter([("HOME".to_owned(), "/nowhere".to_owned())]);
            let read = config::load(Some(&path), config::Overrides::default(), &environment);
            assert!(read.is_ok(), "{page}: {}\n{block}", read.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} configurations were found");
}
