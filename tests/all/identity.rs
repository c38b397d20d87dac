//! `identity`, beside `ssh-keygen`; and what signs in with it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::{
    end_to_end::{fleet, push},
    kit::{
        binary::Machine,
        git::Bare,
        registry::{Mode, Registry},
        sshd::{HOST_KEYS, KeyPair, Sshd},
    },
};

const PASSPHRASE: &str = "c0rrect horse";

fn ssh_keygen(arguments: &[&str], file: &Path) -> String {
    let ran = Command::new("ssh-keygen").args(arguments).arg(file).output().expect("the ssh-keygen program");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// The first two words: what counts of a public key.
fn bare(public: &str) -> String {
    public.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_public_key_of_every_kind_is_what_ssh_keygen_says() {
    for (word, kind, passphrase) in [
        ("ed25519", "ed25519", ""),
        ("encrypted ed25519", "ed25519", PASSPHRASE),
        ("ECDSA", "ecdsa -b 256", ""),
        ("ECDSA in PEM", "ecdsa -b 384 -m PEM", ""),
        ("ECDSA of 521 bits in PKCS 8", "ecdsa -b 521 -m PKCS8", ""),
        ("RSA", "rsa -b 2048", ""),
        ("encrypted RSA", "rsa -b 2048", PASSPHRASE),
        ("RSA in PEM, as Flux v1 made it", "rsa -b 2048 -m PEM", ""),
        ("RSA in PKCS 8", "rsa -b 2048 -m PKCS8", ""),
    ] {
        let machine = Machine::new().keeping("PRIVATE KEY").keeping(PASSPHRASE);
        let pair = KeyPair::make(&machine.work(), "identity", kind, passphrase);
        let listed = ssh_keygen(&["-l", "-f"], &pair.path);
        fs::remove_file(pair.path.with_extension("pub")).unwrap();
        assert_eq!(bare(&machine.run("identity --file identity").ended(0).out), pair.bare(), "{word}");
        let fingerprint = machine.run("identity --file identity --fingerprint").ended(0).out;
        assert_eq!(fingerprint.split_whitespace().next(), listed.split_whitespace().nth(1), "{word}");
    }
}

#[test]
fn a_key_that_hides_its_public_part_is_read_from_beside_it() {
    let machine = Machine::new();
    let pair = KeyPair::make(&machine.work(), "identity", "rsa -b 2048 -m PEM", PASSPHRASE);
    assert_eq!(machine.run("identity --file identity").ended(0).out.trim(), pair.public);
    fs::remove_file(pair.path.with_extension("pub")).unwrap();
    let told = machine.run("identity --file identity").ended(1).told(&[]);
    insta::assert_snapshot!(told, @r"
    error: cannot tell the public key of `identity`: it is encrypted, or of a form that does not tell it
      hint: put the public key beside it, as `identity.pub`: `ssh-keygen -y -f identity` prints it
    ");
}

#[test]
fn a_key_is_made_once_and_anew_where_it_is_asked_for() {
    let machine = Machine::new().keeping("PRIVATE KEY");
    let made = machine.run("identity").ended(0);
    let path = machine.root().join("home/.config/tagalong/identity");
    let bits = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((bits(&path), bits(path.parent().unwrap())), (0o600, 0o700));
    assert!(made.out.starts_with("ssh-ed25519 ") && made.out.ends_with(" tagalong\n"), "{}", made.out);
    assert!(made.err.contains("made the key `") && made.err.contains("install the public one as a deploy key"), "{}", made.err);
    assert_eq!(ssh_keygen(&["-y", "-f"], &path), made.out.trim());
    let again = machine.run("identity").ended(0);
    assert_eq!((again.out.clone(), &*again.err), (made.out, ""), "it is printed from then on");
    let json = machine.run("identity --output json").ended(0).json();
    assert_eq!((json["public"].as_str(), &json["kind"], &json["made"]), (Some(again.out.trim()), &"ssh-ed25519".into(), &false.into()));
    assert_eq!(json["fingerprint"].as_str(), ssh_keygen(&["-l", "-f"], &path).split_whitespace().nth(1));
    let other = machine.run("identity --regenerate").ended(0).out;
    assert_ne!(other, again.out);
    assert_eq!(ssh_keygen(&["-y", "-f"], &path), other.trim());
}

#[test]
fn the_key_is_the_one_that_the_configuration_names() {
    let machine = Machine::new().keeping(PASSPHRASE);
    let entry = |name: &str, more: &str| format!("- {{ url: 'ssh://git@git.example/{name}', sshKeyFile: keys/{name}{more} }}\n");
    machine.file("work/passphrase", format!("{PASSPHRASE}\n"));
    machine.file("work/tagalong.yaml", format!("repositories:\n{}", entry("a", ", sshPassphraseFile: passphrase")));
    let public = machine.run("identity").ended(0).out;
    let opened = Command::new("ssh-keygen").args(["-y", "-P", PASSPHRASE, "-f"]).arg(machine.work().join("keys/a")).output().unwrap();
    assert_eq!(bare(&String::from_utf8(opened.stdout).unwrap()), bare(&public), "encrypted with the passphrase of its entry");
    machine.file("work/tagalong.yaml", format!("repositories:\n{}{}", entry("a", ""), entry("b", "")));
    insta::assert_snapshot!(machine.run("identity").ended(2).told(&[]), @r"
    error: cannot tell which key is meant: the configuration names `keys/a`, `keys/b`
      hint: name the repository, or the file with --file
    ");
    machine.run("identity ssh://git@git.example/b").ended(0);
    assert_eq!(bare(&machine.run("identity ssh://git@git.example/a").ended(0).out), bare(&public));
    let variable = "repositories:\n- { url: 'ssh://git@git.example/a', sshKeyEnv: DEPLOY_KEY }\n";
    machine.file("work/tagalong.yaml", variable);
    let pair = KeyPair::make(machine.root(), "held", "ed25519", "");
    let call = |words: &[&str]| machine.call(words).env("DEPLOY_KEY", fs::read_to_string(&pair.path).unwrap()).run();
    assert_eq!(call(&["identity"]).ended(0).out.trim(), pair.public);
    assert!(call(&["identity", "--regenerate"]).ended(2).err.contains("cannot make a new key: the variable `DEPLOY_KEY` holds it"));
    assert!(machine.run("identity").ended(1).err.contains("cannot read the secret in the variable `DEPLOY_KEY`: it is not set"));
    machine.file("work/junk", "junk");
    assert!(machine.run("identity --file junk").ended(1).err.contains("cannot use `junk` as an SSH key: it holds no private key"));
    assert!(machine.run("identity --file junk/key").ended(1).err.contains("cannot write the key `junk/key`"));
}

/// A registry with an update, a repository that wants it, and a server that holds it.
fn scene() -> (Registry, Bare, Sshd, Machine) {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    let fleet = fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1");
    (registry, fleet, Sshd::start(&HOST_KEYS), Machine::new().keeping("PRIVATE KEY").keeping(PASSPHRASE))
}

#[test]
fn the_key_that_was_made_signs_in() {
    let (_registry, fleet, sshd, machine) = scene();
    let url = sshd.url(&fleet.path());
    machine.file("home/.ssh/known_hosts", sshd.known("ssh-ed25519"));
    let public = machine.run("identity").ended(0).out.trim().to_owned();
    let refused = machine.call(["apply", &url]).run().ended(1).err;
    assert!(refused.contains("it refused the SSH key") && refused.contains(&bare(&public)), "{refused}");
    sshd.admit(&KeyPair { path: machine.root().join("home/.config/tagalong/identity"), public }, "");
    assert_eq!(machine.call(["apply", &url]).run().ended(0).last(), format!("pushed {} to main (1 update)", &fleet.tip("main").unwrap()[..7]));
}

#[test]
fn a_key_of_a_variable_signs_in() {
    for (word, passphrase, more) in [("plain", "", ""), ("encrypted", PASSPHRASE, ", sshPassphraseEnv: PASSPHRASE")] {
        let (_registry, fleet, sshd, machine) = scene();
        let url = sshd.url(&fleet.path());
        let pair = KeyPair::make(machine.root(), "held", "ed25519", passphrase);
        sshd.admit(&pair, "");
        machine.file("home/.ssh/known_hosts", sshd.known("ssh-ed25519"));
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{url}', sshKeyEnv: DEPLOY_KEY{more} }}\n"));
        let call = |key: &str| machine.call(["apply", &url]).env("DEPLOY_KEY", key).env("PASSPHRASE", PASSPHRASE).run();
        assert!(call("junk").ended(1).err.contains("cannot use `$DEPLOY_KEY` as an SSH key: it holds no private key"), "{word}");
        let told = machine.call(["plan", &url]).env("PASSPHRASE", PASSPHRASE).run().ended(1).err;
        assert!(told.contains("cannot read the secret in the variable `DEPLOY_KEY`: it is not set"), "{word}: {told}");
        assert!(call(&fs::read_to_string(&pair.path).unwrap()).ended(0).last().starts_with("pushed "), "{word}");
    }
}

#[test]
fn a_pinned_fingerprint_decides_alone() {
    let (_registry, fleet, sshd, machine) = scene();
    let url = sshd.url(&fleet.path());
    let pair = KeyPair::make(&machine.work(), "identity", "ed25519", "");
    sshd.admit(&pair, "");
    machine.file("home/.ssh/known_hosts", sshd.known("ssh-ed25519"));
    machine.file("shown", sshd.known("ssh-ed25519"));
    let fingerprint = ssh_keygen(&["-l", "-f"], &machine.root().join("shown")).split_whitespace().nth(1).unwrap().to_owned();
    let other = format!("SHA256:{}", "a".repeat(43));
    let pinned = |pins: &str| {
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{url}', sshKeyFile: identity, hostKeyFingerprints: [{pins}] }}\n"));
        machine.call(["plan", &url]).run()
    };
    let told = pinned(&format!("'{other}'")).ended(1).err.replace(&fingerprint, "FINGERPRINT");
    assert!(told.contains("its host key is none of `hostKeyFingerprints`: it showed ssh-ed25519 FINGERPRINT"), "{told}");
    fs::remove_file(machine.root().join("home/.ssh/known_hosts")).unwrap();
    pinned(&format!("'{other}', '{fingerprint}='")).ended(0);
    assert!(pinned("'MD5:00'").ended(1).err.contains("line 2: `hostKeyFingerprints` holds fingerprints, each as `SHA256:…`"));
}
