//! `check --config-only` against files, variables and flags; nobody is asked.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::kit::{binary::Machine, certificates::Certificates, sshd::KeyPair};

#[test]
fn a_configuration_that_holds_is_told_in_one_line() {
    let machine = Machine::new();
    let said = machine.run("check --config-only").ended(0);
    assert_eq!((&*said.out, &*said.err), ("no configuration file: 0 repositories and 0 registries configured, nothing stands in the way\n", ""));
    machine.file(
        "work/tagalong.yaml",
        "repositories: [{ url: https://git.example/fleet.git }]\nregistries: [{ prefix: ghcr.io }, { prefix: quay.io }]\n",
    );
    let said = machine.run("check --config-only").ended(0);
    assert_eq!(said.out, "tagalong.yaml: 1 repository and 2 registries configured, nothing stands in the way\n");
    let json = machine.run("check --config-only --output json").ended(0).json();
    let configured = serde_json::json!({ "file": "tagalong.yaml", "repositories": ["fleet"], "registries": ["ghcr.io", "quay.io"] });
    assert_eq!(json, serde_json::json!({ "configuration": configured, "findings": [] }));
}

#[test]
fn all_that_is_wrong_in_the_file_is_told_at_once() {
    let machine = Machine::new().keeping("hunter2");
    machine.file(
        "work/tagalong.yaml",
        "\
liste: 127.0.0.1:3030
timeout: 0s
repositories:
- url: https://git.example/fleet.git
  intervall: 1m
  interval: 0s
- url: https://git.example/fleet
- branch: main
- url: https://bot:hunter2@git.example/shop.git
- url: https://git.example/ops.git
  password: hunter2
  username: bot
  commit: { grup: all, group: image }
registries:
- prefix: ghcr.io
  for: [fleete]
- username: puller
kinds:
- { apiVersion: acme.io/v1, kind: Shop, image: [spec.image] }
logLevel: loud
",
    );
    let said = machine.run("check --config-only").ended(1);
    insta::assert_snapshot!(said.out, @r#"
    tagalong.yaml:1: error: there is no key `liste` here
      hint: did you mean `listen`? The others are state, kinds, policies, timeout, listenHooks, registries, logLevel, gitTimeout, registryRps, logFormat, repositories, registryAllow, registryBurst, registryCaFile, dockerConfig, registryPollInterval, registryInsecureHosts, registryExcludeImages, registryIncludeImages
    tagalong.yaml:2: error: `timeout` is zero
      hint: leave it out for the default, or write `1m`
    tagalong.yaml:5: error: there is no key `intervall` here
      hint: did you mean `interval`? The others are username, insecure, name, url, tokenFile, githubApp, branch, paths, roots, namespaces, sshKeyFile, tokenEnv, caFile, clientCertFile, clientKeyFile, pushBranch, sshKeyEnv, commit, passwordFile, passwordEnv, knownHostsFile, sshPassphraseFile, sshPassphraseEnv, hostKeyFingerprints
    tagalong.yaml:6: error: `interval` is zero
      hint: leave it out for the default, or write `1m`
    tagalong.yaml:7: error: two repositories have the same `url` and `branch`
      hint: leave one of them out, or give them different branches
    tagalong.yaml:8: error: a repository needs its `url`
      hint: docs/configuration.md shows every key with the value that it wants
    tagalong.yaml:9: error: a secret does not belong into this file, and `url` holds one
      hint: take user and password out of the address; write `username` with `passwordFile` or `passwordEnv`, or `tokenFile` or `tokenEnv`
    tagalong.yaml:11: error: a secret does not belong into this file, and `password` holds one
      hint: write it into a file and name that with `passwordFile`, or a variable with `passwordEnv`
    tagalong.yaml:12: error: `username` needs `passwordFile` or `passwordEnv`
      hint: docs/configuration.md shows every key with the value that it wants
    tagalong.yaml:13: error: there is no key `grup` here
      hint: did you mean `group`? The others are name, body, email, ciSkip, signOff, subject, coAuthors, batchWindow, signingKeyFile, signingPassphraseEnv, signingPassphraseFile
    tagalong.yaml:17: error: a registry needs its `prefix`
      hint: docs/configuration.md shows every key with the value that it wants
    tagalong.yaml:19: error: there is no key `image` here
      hint: did you mean `images`? The others are kind, apiVersion
    tagalong.yaml:19: error: a kind needs `apiVersion`, `kind` and `images`
      hint: docs/configuration.md shows every key with the value that it wants
    tagalong.yaml:20: error: `logLevel` is one of `error`, `warn`, `info`, `debug`
      hint: docs/configuration.md shows every key with the value that it wants
    14 faults
    "#);
    assert_eq!(said.err, "");
    let json = machine.run("check --config-only --output json").ended(1).json();
    assert_eq!(json["configuration"], serde_json::Value::Null);
    assert_eq!(json["findings"].as_array().unwrap().len(), said.out.matches(": error: ").count());
}

#[test]
fn every_file_and_variable_that_is_named_is_looked_at() {
    let machine = Machine::new().keeping("hunter2");
    KeyPair::make(&machine.work(), "open", "ed25519", "");
    KeyPair::make(&machine.work(), "locked", "ed25519", "hunter2");
    fs::set_permissions(machine.work().join("open"), fs::Permissions::from_mode(0o644)).unwrap();
    for (path, text) in [
        ("hosts", "# nobody\nnot a key\n"),
        ("junk", "junk\n"),
        ("empty", ""),
        ("two-lines", "hunter2\nhunter2\n"),
        ("docker.json", "{\"auths\": [\n}"),
        ("tagalong.yaml", NAMED),
    ] {
        machine.file(&format!("work/{path}"), text);
    }
    let said = machine.run("check --config-only").ended(1);
    insta::assert_snapshot!(said.out, @r#"
    tagalong.yaml:3: error: cannot read the SSH key `missing`: No such file or directory (os error 2)
      hint: put the private key into `missing` and let this user read it
    tagalong.yaml:4: error: cannot read the known hosts in `missing`: No such file or directory (os error 2)
      hint: make it with `ssh-keyscan HOST > missing`, and compare the keys with what the host's owner says
    tagalong.yaml:6: error: cannot use `locked` as an SSH key: it is encrypted, and no passphrase is given
      hint: name the passphrase with `sshPassphraseFile` or `sshPassphraseEnv`, or load the key into an ssh-agent and leave `sshKeyFile` out
    tagalong.yaml:7: warning: `hosts` tells no host key
    tagalong.yaml:10: error: cannot read the secret in the variable `NOBODY_SET_THIS`: it is not set
      hint: set `NOBODY_SET_THIS` where this program is started
    tagalong.yaml:11: warning: `ssh://git.example/d.git` is spoken to over SSH: its password or token is not used
    tagalong.yaml:12: warning: every user of this machine can read the SSH key `open`; `chmod 600 open` ends that
    tagalong.yaml:13: error: cannot read the secret in `missing`: there is no such file
      hint: write the secret, and nothing else, into `missing` and let this user read it
    tagalong.yaml:16: error: cannot use the CA file `junk`: it holds no PEM certificate
      hint: a CA file holds certificates in PEM: `-----BEGIN CERTIFICATE-----`
    tagalong.yaml:17: error: cannot read the secret in `empty`: it is empty
      hint: write the secret, and nothing else, into `empty` and let this user read it
    tagalong.yaml:19: error: cannot sign commits with `junk`: it holds no private key
      hint: make one: `ssh-keygen -t ed25519 -f signing`, or `gpg --export-secret-keys --armor KEY > signing`
    tagalong.yaml:22: error: cannot read the client certificate in `missing`: No such file or directory (os error 2)
      hint: `clientCertFile` names a certificate in PEM, with those that signed it behind it, and `clientKeyFile` its key without a passphrase
    tagalong.yaml:26: error: cannot read the secret in `two-lines`: it has more than one line
      hint: write the secret, and nothing else, into `two-lines` and let this user read it
    tagalong.yaml:28: error: cannot read the CA file `missing`: No such file or directory (os error 2)
      hint: put the authority's certificate into `missing` and let this user read it
    tagalong.yaml:29: error: cannot read the secret in the variable `NOBODY_SET_THIS`: it is not set
      hint: set `NOBODY_SET_THIS` where this program is started
    tagalong.yaml:31: error: cannot read the client certificate in `missing`: No such file or directory (os error 2)
      hint: `clientCertFile` names a certificate in PEM, with those that signed it behind it, and `clientKeyFile` its key without a passphrase
    tagalong.yaml:34: error: cannot use `junk` with the key in `open`: they hold no certificate and key in PEM
      hint: `clientCertFile` names a certificate in PEM, with those that signed it behind it, and `clientKeyFile` its key without a passphrase
    tagalong.yaml:36: error: cannot read the Docker configuration `docker.json`: line 1, column 10 is not as Docker writes it
      hint: name a file that `docker login` wrote, or give the registry a credential under `registries:`
    tagalong.yaml:37: error: cannot use the CA file `junk`: it holds no PEM certificate
      hint: a CA file holds certificates in PEM: `-----BEGIN CERTIFICATE-----`
    16 faults
    "#);
}

/// A configuration that names files of every kind.
const NAMED: &str = "\
repositories:
- url: ssh://git@git.example/a.git
  sshKeyFile: missing
  knownHostsFile: missing
- url: ssh://git@git.example/b.git
  sshKeyFile: locked
  knownHostsFile: hosts
- url: ssh://git@git.example/c.git
  sshKeyFile: open
  sshPassphraseEnv: NOBODY_SET_THIS
- url: ssh://git@git.example/d.git
  sshKeyFile: open
  passwordFile: missing
  username: bot
- url: https://git.example/e.git
  caFile: junk
  tokenFile: empty
- url: https://git.example/f.git
  commit: { signingKeyFile: junk }
- url: https://git.example/g.git
  clientKeyFile: missing
  clientCertFile: open
registries:
- prefix: ghcr.io
  username: puller
  passwordFile: two-lines
- prefix: quay.io
  caFile: missing
  tokenEnv: NOBODY_SET_THIS
- prefix: gcr.io
  clientCertFile: missing
  clientKeyFile: open
- prefix: gcr.io/acme
  clientCertFile: junk
  clientKeyFile: open
dockerConfig: docker.json
registryCaFile: junk
";

#[test]
fn what_is_odd_is_told_and_stands_in_nobodys_way() {
    let machine = Machine::new().keeping("hunter2");
    KeyPair::make(&machine.work(), "open", "ed25519", "");
    fs::set_permissions(machine.work().join("open"), fs::Permissions::from_mode(0o644)).unwrap();
    let certificates = Certificates::make();
    certificates.self_signed("ca");
    fs::copy(certificates.path().join("ca.pem"), machine.work().join("ca.pem")).unwrap();
    machine.file("work/token", "hunter2\n");
    machine.file("work/docker.json", r#"{"auths":{"ghcr.io":{"auth":"%"}}}"#);
    let text = "repositories:\n- url: ssh://git@git.example/a.git\n  sshKeyFile: open\n  tokenFile: token\n\
                - url: https://git.example/b.git\n  caFile: ca.pem\n  sshKeyFile: open\n";
    machine.file("work/tagalong.yaml", text);
    let said = machine.run("check --config-only --docker-config docker.json").ended(0);
    insta::assert_snapshot!(said.out, @r#"
    warning: the login for `ghcr.io` in the Docker configuration cannot be read
    tagalong.yaml:2: warning: `ssh://git.example/a.git` is spoken to over SSH: its password or token is not used
    tagalong.yaml:3: warning: every user of this machine can read the SSH key `open`; `chmod 600 open` ends that
    tagalong.yaml:5: warning: `https://git.example/b.git` is not spoken to over SSH: its `sshKeyFile` is not used
    tagalong.yaml:7: warning: every user of this machine can read the SSH key `open`; `chmod 600 open` ends that
    tagalong.yaml: 2 repositories and 0 registries configured, nothing stands in the way
    "#);
}

#[test]
fn flags_and_variables_are_looked_at_too() {
    let machine = Machine::new().keeping("hunter2");
    for (word, arguments, variable, code) in [
        ("fine", "check --config-only", ("TAGALONG_TIMEOUT", "5s"), 0),
        ("no span", "check --config-only", ("TAGALONG_TIMEOUT", "soon"), 2),
        ("zero", "check --config-only", ("TAGALONG_REGISTRY_POLL_INTERVAL", "0s"), 2),
        ("log level", "check --config-only", ("TAGALONG_LOG_LEVEL", "loud"), 2),
        ("missing file", "check --config-only", ("TAGALONG_CONFIG", "nowhere.yaml"), 1),
        ("missing Docker configuration", "check --config-only", ("TAGALONG_DOCKER_CONFIG", "nowhere.json"), 1),
        ("address", "check --config-only", ("TAGALONG_GIT_URL", "ftp://bot:hunter2@git.example/fleet"), 1),
    ] {
        let ran = machine.call(arguments.split(' ')).env(variable.0, variable.1).run();
        assert_eq!(ran.code, code, "{word}: {}{}", ran.out, ran.err);
        assert_eq!(ran.code != 0, ran.out.contains("error: ") || ran.err.contains("error: "), "{word}: {}{}", ran.out, ran.err);
    }
}
