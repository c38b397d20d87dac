//! Git over SSH: keys of every kind, known hosts, and what stands in the way.

use std::{fmt::Write as _, fs, io::Write as _, net::TcpListener, os::unix::fs::PermissionsExt, path::Path, process::Command};

use super::{fleet_of, registry};
use crate::kit::{
    binary::{Machine, Ran},
    git::Bare,
    sshd::{Agent, HOST_KEYS, KeyPair, Sshd},
};

const PASSPHRASE: &str = "c0rrect horse";

/// A configuration of the repository at `url`.
fn configured(machine: &Machine, url: &str, keys: &str) {
    machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{url}', {keys} }}\n"));
}

/// What was printed, without what differs from run to run.
fn told(ran: &Ran, machine: &Machine, sshd: &Sshd, fleet: &Bare) -> String {
    let (root, fleet, port) = (machine.root().display().to_string(), fleet.path().display().to_string(), sshd.port().to_string());
    ran.told(&[(&root, "ROOT"), (&fleet, "/FLEET"), (&port, "PORT")])
}

#[test]
fn a_key_of_every_kind_plans_and_pushes() {
    let (registry, sshd) = (registry(), Sshd::start(&HOST_KEYS));
    for (word, kind, passphrase, keys) in [
        ("ed25519", "ed25519", "", ""),
        ("ECDSA", "ecdsa -b 384", "", ""),
        ("ECDSA of 521 bits in PEM", "ecdsa -b 521 -m PEM", "", ""),
        ("RSA", "rsa -b 2048", "", ""),
        ("RSA in PEM, as Flux v1 made it", "rsa -b 2048 -m PEM", "", ""),
        ("RSA in PKCS 8", "rsa -b 2048 -m PKCS8", "", ""),
        ("encrypted ed25519", "ed25519", PASSPHRASE, ", sshPassphraseFile: passphrase"),
        ("encrypted RSA in PEM", "rsa -b 2048 -m PEM", PASSPHRASE, ", sshPassphraseEnv: PASSPHRASE"),
        ("encrypted ECDSA in PKCS 8", "ecdsa -b 256 -m PKCS8", PASSPHRASE, ", sshPassphraseFile: passphrase"),
    ] {
        let (machine, fleet) = (Machine::new().keeping(PASSPHRASE).keeping("PRIVATE KEY"), fleet_of(&registry));
        let url = sshd.url(&fleet.path());
        sshd.admit(&KeyPair::make(&machine.work(), "identity", kind, passphrase), "");
        machine.file("work/known_hosts", sshd.known("ssh-ed25519"));
        machine.file("work/passphrase", format!("{PASSPHRASE}\n"));
        configured(&machine, &url, &format!("sshKeyFile: identity, knownHostsFile: known_hosts{keys}"));
        let ran = machine.call(["plan", &url, "--check"]).env("PASSPHRASE", PASSPHRASE).run();
        assert_eq!((ran.code, &*ran.err), (4, ""), "{word}: {}", ran.out);
        let ran = machine.call(["apply", &url]).env("PASSPHRASE", PASSPHRASE).run();
        assert_eq!((ran.code, &*ran.err), (0, ""), "{word}: {}", ran.out);
        assert_eq!(ran.last(), format!("pushed {} to main (1 update)", &fleet.tip("main").unwrap()[..7]), "{word}");
        assert_eq!(fleet.faults(), "", "{word}");
    }
    assert!(sshd.log().contains("Accepted publickey for"), "{}", sshd.log());
    assert!(!sshd.log().contains("Failed publickey"), "one attempt each: {}", sshd.log());
}

#[test]
fn the_agent_signs_in_where_no_key_is_named() {
    let (registry, sshd, machine) = (registry(), Sshd::start(&HOST_KEYS), Machine::new());
    let fleet = fleet_of(&registry);
    let url = sshd.url(&fleet.path());
    let key = KeyPair::make(machine.root(), "held", "ed25519", "");
    let agent = Agent::holding(machine.root(), &key);
    machine.file("home/.ssh/known_hosts", sshd.known("ssh-rsa"));
    let refused = machine.call(["plan", &url]).env("SSH_AUTH_SOCK", &agent.socket).run().ended(1);
    insta::assert_snapshot!(told(&refused, &machine, &sshd, &fleet), @r#"
    error: cannot fetch from `ssh://127.0.0.1:PORT/FLEET`: it refused every key of the ssh-agent
      hint: add the key to the repository's deploy keys, with write access: `ssh-add -L` prints it
    "#);
    sshd.admit(&key, "");
    let ran = machine.call(["apply", &url]).env("SSH_AUTH_SOCK", &agent.socket).run().ended(0);
    assert_eq!(ran.last(), format!("pushed {} to main (1 update)", &fleet.tip("main").unwrap()[..7]));
    let gone = machine.call(["plan", &url]).env("SSH_AUTH_SOCK", machine.root().join("nobody")).run().ended(1);
    insta::assert_snapshot!(told(&gone, &machine, &sshd, &fleet), @r#"
    error: cannot ask the ssh-agent at `ROOT/nobody`
      because: No such file or directory (os error 2)
      hint: start an ssh-agent, or name a key with `sshKeyFile` for this repository in tagalong.yaml
    "#);
}

#[test]
fn a_host_is_known_by_every_form_of_a_line() {
    let (registry, sshd) = (registry(), Sshd::start(&HOST_KEYS));
    let fleet = fleet_of(&registry);
    let (line, url) = (sshd.known("ssh-ed25519"), sshd.url(&fleet.path()));
    let key = line.split_once(' ').unwrap().1;
    for (word, text) in [
        ("plain", line.clone()),
        ("several types", HOST_KEYS.map(|kind| sshd.known(kind)).concat()),
        ("hashed", hashed(&line)),
        ("a pattern", format!("[127.0.0.?]:* {key}")),
        ("without a port", format!("127.0.0.1 {key}")),
        ("among others", format!("# theirs\ngit.example {key}\n{line}@revoked * {}", sshd.known("ssh-rsa").split_once(' ').unwrap().1)),
    ] {
        let machine = Machine::new();
        sshd.admit(&KeyPair::make(&machine.work(), "identity", "ed25519", ""), "");
        machine.file("work/known_hosts", text);
        configured(&machine, &url, "sshKeyFile: identity, knownHostsFile: known_hosts");
        let ran = machine.call(["plan", &url, "--check"]).run();
        assert_eq!((ran.code, &*ran.err), (4, ""), "{word}: {}", ran.out);
    }
}

/// A line as `ssh-keygen -H` hides its host.
fn hashed(line: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    fs::write(&path, line).unwrap();
    let made = Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&path).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = fs::read_to_string(path).unwrap();
    assert!(text.starts_with("|1|"));
    text
}

#[test]
fn a_host_that_is_not_known_is_not_talked_to() {
    let (registry, sshd, machine) = (registry(), Sshd::start(&["ssh-ed25519"]), Machine::new());
    let fleet = fleet_of(&registry);
    let url = sshd.url(&fleet.path());
    sshd.admit(&KeyPair::make(&machine.work(), "identity", "ed25519", ""), "");
    let other = KeyPair::make(machine.root(), "other", "ed25519", "");
    let host = format!("[127.0.0.1]:{}", sshd.port());
    let (line, rsa) = (sshd.known("ssh-ed25519"), sshd.known("ssh-rsa"));
    let key = line.split_once(' ').unwrap().1.trim_end();
    let shown = ssh_fingerprint(machine.root(), key);
    let mut sentences = String::new();
    for (word, text) in [
        ("unknown", String::new()),
        ("changed", format!("# ours\n{host} {}\n", other.bare())),
        ("other type", rsa),
        ("revoked", format!("{line}@revoked * {key}\n")),
    ] {
        machine.file("work/known_hosts", text);
        configured(&machine, &url, "sshKeyFile: identity, knownHostsFile: known_hosts");
        let ran = machine.call(["plan", &url]).run().ended(1);
        let ran = told(&ran, &machine, &sshd, &fleet).replace(key, "KEY").replace(&shown, "FINGERPRINT");
        write!(sentences, "{word}\n{ran}").unwrap();
    }
    insta::assert_snapshot!(sentences, @r#"
    unknown
    error: cannot fetch from `ssh://127.0.0.1:PORT/FLEET`: its host key is not known: it showed ssh-ed25519 FINGERPRINT
      hint: compare the fingerprint with what the host's owner says, then add this line to `known_hosts`: [127.0.0.1]:PORT KEY
    changed
    error: cannot fetch from `ssh://127.0.0.1:PORT/FLEET`: its host key changed: it showed ssh-ed25519 FINGERPRINT, and `known_hosts` line 2 holds another
      hint: somebody may stand between: ask the host's owner, and only if the change is meant replace line 2 by: [127.0.0.1]:PORT KEY
    other type
    error: cannot fetch from `ssh://127.0.0.1:PORT/FLEET`: its host key is known as ssh-rsa only, and it showed ssh-ed25519 FINGERPRINT
      hint: compare the fingerprint with what the host's owner says, then add this line to `known_hosts`: [127.0.0.1]:PORT KEY
    revoked
    error: cannot fetch from `ssh://127.0.0.1:PORT/FLEET`: its host key ssh-ed25519 FINGERPRINT is revoked in `known_hosts` line 2
      hint: ask the host's owner: whoever has this key must not be trusted
    "#);
    fs::remove_file(machine.work().join("known_hosts")).unwrap();
    configured(&machine, &url, "sshKeyFile: identity");
    let ran = machine.call(["plan", &url]).run().ended(1);
    assert!(ran.err.contains(&format!("add this line to `{}/home/.ssh/known_hosts`: {}", machine.root().display(), line.trim_end())), "{}", ran.err);
    machine.file("home/.ssh/known_hosts", line);
    machine.call(["plan", &url]).run().ended(0);
    assert!(!sshd.log().contains("Failed"), "{}", sshd.log());
}

/// The fingerprint as `ssh-keygen` prints it.
fn ssh_fingerprint(folder: &Path, key: &str) -> String {
    let path = folder.join("shown.pub");
    fs::write(&path, key).unwrap();
    let printed = Command::new("ssh-keygen").arg("-lf").arg(&path).output().unwrap().stdout;
    String::from_utf8(printed).unwrap().split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_key_that_does_not_open_the_door_is_told() {
    let (registry, sshd) = (registry(), Sshd::start(&HOST_KEYS));
    let (machine, fleet) = (Machine::new().keeping(PASSPHRASE).keeping("wr0ng"), fleet_of(&registry));
    let url = sshd.url(&fleet.path());
    let stranger = KeyPair::make(&machine.work(), "stranger", "ed25519", "");
    let old = KeyPair::make(&machine.work(), "old", "rsa -b 2048 -m PEM", "");
    let locked = KeyPair::make(&machine.work(), "locked", "ed25519", PASSPHRASE);
    sshd.admit(&locked, "");
    machine.file("work/known_hosts", sshd.known("ssh-ed25519"));
    machine.file("work/wrong", "wr0ng\n");
    machine.file("work/empty", "");
    machine.file("work/broken", fs::read_to_string(&stranger.path).unwrap().replace('A', "B"));
    let mut sentences = String::new();
    for (word, keys) in [
        ("no key", ""),
        ("refused", "sshKeyFile: stranger,"),
        ("refused, and old", "sshKeyFile: old,"),
        ("missing", "sshKeyFile: missing,"),
        ("a folder", "sshKeyFile: .,"),
        ("empty", "sshKeyFile: empty,"),
        ("the public one", "sshKeyFile: stranger.pub,"),
        ("broken", "sshKeyFile: broken,"),
        ("no passphrase", "sshKeyFile: locked,"),
        ("wrong passphrase", "sshKeyFile: locked, sshPassphraseFile: wrong,"),
        ("no passphrase in the variable", "sshKeyFile: locked, sshPassphraseEnv: NOBODY_SET_THIS,"),
        ("an empty passphrase", "sshKeyFile: locked, sshPassphraseFile: empty,"),
    ] {
        configured(&machine, &url, &format!("{keys} knownHostsFile: known_hosts"));
        let ran = machine.call(["plan", &url]).run().ended(1);
        write!(sentences, "{word}\n{}", told(&ran, &machine, &sshd, &fleet).replace(stranger.bare(), "PUBLIC").replace(old.bare(), "OLD")).unwrap();
    }
    configured(&machine, &url, "sshKeyFile: stranger, knownHostsFile: nowhere");
    let ran = machine.call(["plan", &url]).run().ended(1);
    write!(sentences, "no known hosts\n{}", told(&ran, &machine, &sshd, &fleet)).unwrap();
    sshd.admit(&stranger, "");
    let nowhere = sshd.url(&fleet.root().join("nowhere.git"));
    configured(&machine, &nowhere, "sshKeyFile: stranger, knownHostsFile: known_hosts");
    let ran = machine.call(["plan", &nowhere]).run().ended(1);
    write!(sentences, "no repository\n{}", told(&ran, &machine, &sshd, &fleet).replace(&fleet.root().display().to_string(), "/ROOT")).unwrap();
    insta::assert_snapshot!(sentences, @r#"
    no key
    error: cannot fetch from `ssh://127.0.0.1:PORT/FLEET`: it wants an SSH key, and none is given
      hint: `tagalong identity` makes one and prints what to install; or name one with `sshKeyFile` for this repository in tagalong.yaml, or start an ssh-agent that holds it
    refused
    error: cannot fetch from `ssh://127.0.0.1:PORT/FLEET`: it refused the SSH key `stranger`
      hint: add the key to the repository's deploy keys, with write access: PUBLIC
    refused, and old
    error: cannot fetch from `ssh://127.0.0.1:PORT/FLEET`: it refused the SSH key `old`
      hint: add the key to the repository's deploy keys, with write access: OLD
    missing
    error: cannot read the SSH key `missing`
      because: No such file or directory (os error 2)
      hint: put the private key into `missing` and let this user read it
    a folder
    error: cannot read the SSH key `.`
      because: Is a directory (os error 21)
      hint: put the private key into `.` and let this user read it
    empty
    error: cannot use `empty` as an SSH key: it holds no private key
      hint: `tagalong identity --file FILE` makes one
    the public one
    error: cannot use `stranger.pub` as an SSH key: it holds a public key
      hint: name the private key: the file of the same name without `.pub`
    broken
    error: cannot use `broken` as an SSH key: it holds no private key
      hint: `tagalong identity --file FILE` makes one
    no passphrase
    error: cannot use `locked` as an SSH key: it is encrypted, and no passphrase is given
      hint: name the passphrase with `sshPassphraseFile` or `sshPassphraseEnv`, or load the key into an ssh-agent and leave `sshKeyFile` out
    wrong passphrase
    error: cannot fetch from `ssh://127.0.0.1:PORT/FLEET`: the SSH key `locked` cannot be opened: its passphrase is wrong, or it is damaged
      hint: `ssh-keygen -y -f locked` tells whether the passphrase in `sshPassphraseFile` or `sshPassphraseEnv` is right
    no passphrase in the variable
    error: cannot read the secret in the variable `NOBODY_SET_THIS`: it is not set
      hint: set `NOBODY_SET_THIS` where this program is started
    an empty passphrase
    error: cannot read the secret in `empty`: it is empty
      hint: write the secret, and nothing else, into `empty` and let this user read it
    no known hosts
    error: cannot read the known hosts in `nowhere`
      because: No such file or directory (os error 2)
      hint: make it with `ssh-keyscan HOST > nowhere`, and compare the keys with what the host's owner says
    no repository
    error: cannot fetch from `ssh://127.0.0.1:PORT/ROOT/nowhere.git`: it has no such repository, or hides it from this user
      hint: check the URL: it is the one that `git clone` takes
    "#);
}

#[test]
fn a_key_that_may_only_read_holds_the_update() {
    let (registry, sshd, machine) = (registry(), Sshd::start(&HOST_KEYS), Machine::new());
    let fleet = fleet_of(&registry);
    let (url, before) = (sshd.url(&fleet.path()), fleet.tip("main"));
    let reader = KeyPair::make(&machine.work(), "identity", "ed25519", "");
    sshd.admit_reader(&reader);
    machine.file("work/known_hosts", sshd.known("ssh-ed25519"));
    configured(&machine, &url, "sshKeyFile: identity, knownHostsFile: known_hosts");
    machine.call(["plan", &url, "--check"]).run().ended(4);
    let ran = machine.call(["apply", &url]).run().ended(1);
    let told = told(&ran, &machine, &sshd, &fleet).replace(registry.host(), "REGISTRY").replace(reader.bare(), "PUBLIC");
    let held: Vec<&str> = told.lines().skip(2).take(2).collect();
    insta::assert_snapshot!(held.join("\n"), @r#"
    held  default:deployment/web   app   REGISTRY/shop/web   1.4.2   cannot push to `ssh://127.0.0.1:PORT/FLEET`: it does not allow this: "ERROR: The key you are authenticating with has been marked as read only."; would be 1.5.0
          hint: give this deploy key write access: PUBLIC
    "#);
    let report = machine.call(["apply", &url, "--output", "json"]).run().ended(1).json();
    assert_eq!(report["held"][0]["code"], "pushRefused");
    assert_eq!(fleet.tip("main"), before);
}

#[test]
fn a_hook_that_refuses_is_heard_over_ssh() {
    let (registry, sshd, machine) = (registry(), Sshd::start(&HOST_KEYS), Machine::new());
    let fleet = fleet_of(&registry);
    fleet.hook("pre-receive", "echo 'no images on Fridays'\nexit 1");
    let url = sshd.url(&fleet.path());
    sshd.admit(&KeyPair::make(&machine.work(), "identity", "ed25519", ""), "");
    machine.file("work/known_hosts", sshd.known("ssh-ed25519"));
    configured(&machine, &url, "sshKeyFile: identity, knownHostsFile: known_hosts");
    let report = machine.call(["apply", &url, "--output", "json"]).run().ended(1).json();
    assert_eq!(report["held"][0]["code"], "pushRefused");
    assert!(report["held"][0]["reason"].as_str().unwrap().contains("no images on Fridays"), "{report}");
}

#[test]
fn a_key_that_everybody_can_read_is_used_with_a_warning() {
    let (registry, sshd, machine) = (registry(), Sshd::start(&HOST_KEYS), Machine::new());
    let fleet = fleet_of(&registry);
    let url = sshd.url(&fleet.path());
    let key = KeyPair::make(&machine.work(), "identity", "ed25519", "");
    sshd.admit(&key, "");
    machine.file("work/known_hosts", sshd.known("ssh-ed25519"));
    configured(&machine, &url, "sshKeyFile: identity, knownHostsFile: known_hosts, username: bot, passwordEnv: NOBODY_SET_THIS");
    for (mode, warned) in [(0o640, false), (0o644, true)] {
        fs::set_permissions(&key.path, fs::Permissions::from_mode(mode)).unwrap();
        let told = machine.call(["plan", &url, "--output", "json"]).run().ended(0).err;
        let warning = "note: every user of this machine can read the SSH key `identity`; `chmod 600 identity` ends that\n";
        assert_eq!(told.contains(warning), warned, "{told}");
        assert!(told.contains("is spoken to over SSH: its password or token is not used\n"), "{told}");
    }
}

#[test]
fn a_server_that_says_nothing_or_something_else_is_left() {
    let machine = Machine::new();
    KeyPair::make(&machine.work(), "identity", "ed25519", "");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("ssh://git@127.0.0.1:{port}/fleet.git");
    configured(&machine, &url, "sshKeyFile: identity");
    let ran = machine.call(["plan", &url, "--git-timeout", "300ms"]).run().ended(3);
    insta::assert_snapshot!(ran.told(&[(&port.to_string(), "PORT")]), @r#"
    error: cannot fetch from `ssh://127.0.0.1:PORT/fleet.git`: no answer in time
      hint: check the network and any proxy; --git-timeout says how long silence is borne
    "#);
    let (sshd, fleet) = (Sshd::start(&HOST_KEYS), Bare::empty());
    let url = sshd.url(&fleet.path());
    sshd.admit(&KeyPair::make(&machine.work(), "waiting", "ed25519", ""), "command=\"cat > /dev/null\"");
    machine.file("work/known_hosts", sshd.known("ssh-ed25519"));
    configured(&machine, &url, "sshKeyFile: waiting, knownHostsFile: known_hosts");
    let ran = machine.call(["plan", &url, "--git-timeout", "1s"]).run().ended(3);
    assert!(ran.err.contains("no answer in time"), "after the sign-in: {}", ran.err);
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ssh://git@127.0.0.1:{}/fleet.git", web.local_addr().unwrap().port());
    let answering = std::thread::spawn(move || web.accept().unwrap().0.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap());
    configured(&machine, &url, "sshKeyFile: identity");
    let ran = machine.call(["plan", &url]).run().ended(1);
    answering.join().unwrap();
    assert!(ran.err.contains("what answers there does not speak SSH"), "{}", ran.err);
}
