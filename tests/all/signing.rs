//! Signed commits, as `git verify-commit` judges them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    end_to_end::{automated, fleet, push},
    kit::{
        binary::{Machine, Ran},
        git::{self, Bare},
        git_server::{Door, GitServer},
        process::{Daemon, configuration},
        registry::{Mode, Registry},
    },
};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: app\n    image: app:1\n";

/// A machine whose configuration signs with `work/key`; the keys' owner has a keyring of their own.
struct Scene {
    machine: Machine,
    fleet: Bare,
}

impl Scene {
    fn new(more: &str) -> Self {
        let (machine, fleet) = (Machine::new().keeping("hunter2"), Bare::with(&[("pod.yaml", POD)]));
        let text = format!("repositories:\n- url: {}\n  commit: {{ signingKeyFile: key{more} }}\n", fleet.file_url());
        machine.file("work/tagalong.yaml", text);
        fs::create_dir(machine.root().join("ring")).unwrap();
        Self { machine, fleet }
    }

    fn key(&self) -> PathBuf {
        self.machine.work().join("key")
    }

    /// Runs a program that makes keys, in the folder of the configuration.
    fn tool(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.machine.work()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.machine.root().join("home")).env("GNUPGHOME", self.ring()).output().expect(program)
    }

    fn ring(&self) -> PathBuf {
        let ring = self.machine.root().join("ring");
        fs::set_permissions(&ring, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        ring
    }

    fn ssh_keygen(&self, arguments: &[&str]) {
        let ran = self.tool("ssh-keygen", &[&["-q", "-f", "key", "-C", "bot"], arguments].concat());
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Makes a key with `gpg`, and gives what it exports.
    fn gpg(&self, passphrase: &str, make: &[&str], export: &[&str]) {
        let common = ["--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", passphrase];
        for arguments in [make, export] {
            let ran = self.tool("gpg", &[&common[..], arguments].concat());
            assert!(ran.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        }
    }

    /// What `git` says of the commit at the tip of a repository.
    fn verify(&self, folder: &Path) -> Output {
        let signers = self.machine.root().join("signers");
        if let Ok(public) = fs::read_to_string(self.machine.work().join("key.pub")) {
            fs::write(&signers, format!("tagalong@localhost {public}")).unwrap();
        }
        let mut command = git::command(folder);
        command.env("GNUPGHOME", self.ring()).arg("-c").arg(format!("gpg.ssh.allowedSignersFile={}", signers.display()));
        command.args(["verify-commit", "main"]).output().expect("git")
    }

    fn is_signed(&self, word: &str) {
        let judged = self.verify(&self.fleet.path());
        assert!(judged.status.success(), "{word}: {}", String::from_utf8_lossy(&judged.stderr));
        assert_eq!(self.fleet.faults(), "", "{word}");
    }

    fn set(&self) -> Ran {
        self.machine.call(["set", "app:2", "--git-url", &self.fleet.file_url()]).env("PASSPHRASE", "hunter2").run()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // The agent that `gpg` starts ends with its folder.
        self.tool("gpgconf", &["--kill", "all"]);
    }
}

#[test]
fn git_takes_the_signatures_of_ssh_keys() {
    let passphrase = ", signingPassphraseEnv: PASSPHRASE";
    for (word, make, more, keys) in [
        ("ed25519", &["-t", "ed25519", "-N", ""][..], "", 1),
        ("ed25519 with a passphrase", &["-t", "ed25519", "-N", "hunter2"], passphrase, 1),
        ("a passphrase that nobody needs", &["-t", "ed25519", "-N", ""], passphrase, 1),
        ("P-256", &["-t", "ecdsa", "-b", "256", "-N", ""], "", 1),
        ("P-384 with a passphrase", &["-t", "ecdsa", "-b", "384", "-N", "hunter2"], passphrase, 1),
        // The secret number of every fourth begins with zeros, which the file leaves out.
        ("P-521", &["-t", "ecdsa", "-b", "521", "-N", ""], "", 12),
        ("P-521 with a passphrase", &["-t", "ecdsa", "-b", "521", "-N", "hunter2"], passphrase, 8),
    ] {
        for _ in 0..keys {
            let scene = Scene::new(more);
            scene.ssh_keygen(make);
            scene.set().ended(0);
            scene.is_signed(word);
        }
    }
}

#[test]
fn git_takes_the_signatures_of_openpgp_keys() {
    let user = "Tagalong <tagalong@localhost>";
    let passphrase = ", signingPassphraseEnv: PASSPHRASE";
    let export = &["--armor", "--output", "key", "--export-secret-keys"][..];
    for (word, secret, algorithm, export, more) in [
        ("RSA", "", &["--quick-generate-key", user, "rsa2048", "sign", "never"][..], export, ""),
        ("EdDSA with a passphrase", "hunter2", &["--quick-generate-key", user, "ed25519", "sign", "never"], export, passphrase),
        ("ECDSA", "", &["--quick-generate-key", user, "nistp256", "sign", "1y"], export, ""),
        ("without armour", "", &["--quick-generate-key", user, "ed25519", "sign", "never"], &["--output", "key", "--export-secret-keys"], ""),
    ] {
        let scene = Scene::new(more);
        scene.gpg(secret, algorithm, export);
        scene.set().ended(0);
        scene.is_signed(word);
    }
}

#[test]
fn a_key_below_signs_where_the_primary_is_kept_elsewhere() {
    let scene = Scene::new(", signingPassphraseFile: passphrase");
    scene.machine.file("work/passphrase", "hunter2\n");
    scene.gpg("hunter2", &["--quick-generate-key", "Tagalong <tagalong@localhost>", "ed25519", "cert", "never"], &["--list-keys"]);
    let listed = String::from_utf8(scene.tool("gpg", &["--list-keys", "--with-colons"]).stdout).unwrap();
    let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap().trim_end_matches(':').to_owned();
    scene.gpg("hunter2", &["--quick-add-key", &fingerprint, "ed25519", "sign", "never"], &["--armor", "--output", "key", "--export-secret-subkeys"]);
    scene.set().ended(0);
    scene.is_signed("a subkey");
}

#[test]
fn every_command_that_commits_signs() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let image = format!("{}/shop/web", registry.host());
    let text = automated("web", &format!("{image}:1.0.0"), "semver:~1");
    let release = ["release", "web", "--image", &*format!("{image}:1.1.0")];
    for (word, verb) in [
        ("apply", &["apply"][..]),
        ("set", &["set", &format!("{image}:1.1.0")]),
        ("release", &release),
        ("lock", &["lock", "web"]),
        ("policy set", &["policy", "set", "web", "app=semver:~2"]),
    ] {
        let mut scene = Scene::new("");
        scene.fleet = Bare::with(&[("web.yaml", &text)]);
        scene.ssh_keygen(&["-t", "ed25519", "-N", ""]);
        let checkout = scene.fleet.checkout();
        for (place, folder) in [(scene.fleet.file_url(), scene.fleet.path()), (checkout.path().display().to_string(), checkout.path().to_owned())] {
            let entry = format!("repositories:\n- url: {place}\n  commit: {{ signingKeyFile: key }}\n");
            scene.machine.file("work/tagalong.yaml", entry);
            scene.machine.call([verb, &["--commit", "--git-url", &place]].concat()).run().ended(0);
            let judged = scene.verify(&folder);
            assert!(judged.status.success(), "{word} in {place}: {}", String::from_utf8_lossy(&judged.stderr));
        }
    }
}

#[test]
fn the_daemon_signs_and_takes_up_another_key() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let image = format!("{}/shop/web", registry.host());
    let mut scene = Scene::new("");
    scene.fleet = fleet(&format!("{image}:1.0.0"), "semver:~1");
    scene.ssh_keygen(&["-t", "ed25519", "-N", ""]);
    let server = GitServer::start(scene.fleet.root(), Door::Open);
    let entry = format!("{{ name: fleet, url: '{}', interval: 300ms, commit: {{ batchWindow: 0s, signingKeyFile: key }} }}", server.url());
    let mut daemon = Daemon::start(&scene.machine, &configuration("", &[registry.host()], &[entry]));
    daemon.says(&["\"pushed\"", "fleet"]);
    scene.is_signed("the first key");
    let old = fs::read_to_string(scene.machine.work().join("key.pub")).unwrap();
    fs::remove_file(scene.key()).unwrap();
    scene.ssh_keygen(&["-t", "ecdsa", "-N", ""]);
    assert_ne!(fs::read_to_string(scene.machine.work().join("key.pub")).unwrap(), old);
    daemon.says(&["\"configuration taken\""]);
    push(&registry, "shop/web", &["1.2.0"]);
    daemon.says(&["\"pushed\"", "fleet"]);
    scene.is_signed("the second key");
}

#[test]
fn a_key_that_cannot_sign_is_refused_before_anything_is_written() {
    let locked = &["-t", "ed25519", "-N", "hunter2"][..];
    for (word, make, more, told) in [
        ("RSA", &["-t", "rsa", "-b", "2048", "-N", ""][..], "", "it is an RSA key of SSH; ed25519 and ECDSA sign, and RSA keys of OpenPGP"),
        ("PEM", &["-t", "ecdsa", "-m", "PEM", "-N", ""], "", "it is in PEM form, and OpenSSH's own is wanted"),
        ("no passphrase", locked, "", "it is encrypted, and no passphrase is given"),
        ("another passphrase", locked, ", signingPassphraseEnv: OTHER", "the passphrase does not open it"),
    ] {
        let scene = Scene::new(more);
        scene.ssh_keygen(make);
        let call = |words: &[&str]| scene.machine.call(words).env("OTHER", "wrong").run().ended(1).told(&[]);
        let before = scene.fleet.tip("main");
        let said = call(&["set", "app:2", "--git-url", &scene.fleet.file_url()]);
        assert!(said.starts_with(&format!("error: cannot sign commits with `key`: {told}")) && said.contains("\n  hint: "), "{word}: {said}");
        assert_eq!(scene.fleet.tip("main"), before, "{word}");
        let said = call(&["check", "--config-only"]);
        assert!(said.starts_with(&format!("tagalong.yaml:3: error: cannot sign commits with `key`: {told}")), "{word}: {said}");
    }
}

#[test]
fn an_expired_key_is_refused() {
    let scene = Scene::new("");
    let long_ago = ["--faked-system-time", "20200101T000000"];
    let make = ["--quick-generate-key", "Tagalong <tagalong@localhost>", "ed25519", "sign", "1d"];
    scene.gpg("", &[&long_ago[..], &make].concat(), &["--output", "key", "--export-secret-keys"]);
    assert!(scene.set().ended(1).err.contains("cannot sign commits with `key`: it has expired"));
    fs::remove_file(scene.key()).unwrap();
    assert!(scene.set().ended(1).err.contains("cannot read the signing key `key`"));
}
