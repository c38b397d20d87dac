//! Git over https with certificates that no machine trusts by itself.

use std::{fmt::Write as _, net::TcpListener};

use super::{fleet_of, registry};
use crate::kit::{
    binary::Machine,
    certificates::{Certificates, Leaf},
    git_server::{Door, GitServer},
};

const SECRET: &str = "t0ken-of-the-bot";

/// Certificates for every row; what a server shows is `NAME.pem`, what a person trusts is another of them.
fn certificates() -> Certificates {
    let certificates = Certificates::make();
    let good = Leaf { signer: "root", names: "DNS:localhost,IP:127.0.0.1", year: None };
    certificates.leaf("good", good);
    certificates.leaf("deep", Leaf { signer: "between", ..good });
    certificates.chain("deep-chain", &["deep", "between"]);
    certificates.chain("both", &["between", "root"]);
    certificates.leaf("else", Leaf { names: "DNS:git.example,DNS:*.git.example", ..good });
    certificates.leaf("address", Leaf { names: "IP:127.0.0.1", ..good });
    certificates.leaf("old", Leaf { year: Some(2020), ..good });
    certificates.leaf("early", Leaf { year: Some(2080), ..good });
    certificates.self_signed("lonely");
    certificates.self_signed("stranger");
    certificates
}

#[test]
fn a_private_authority_is_trusted_for_its_repository() {
    let (registry, certificates) = (registry(), certificates());
    for (word, shown, keys) in [
        ("signed by the root", "good", "caFile: CERTIFICATES/root.pem"),
        ("the chain is shown", "deep-chain", "caFile: CERTIFICATES/root.pem"),
        ("the chain is in the file", "deep", "caFile: CERTIFICATES/both.pem"),
        ("the authority between is trusted", "deep", "caFile: CERTIFICATES/between.pem"),
        ("its own certificate", "lonely", "caFile: CERTIFICATES/lonely.pem"),
        ("insecure", "old", "insecure: true"),
        ("insecure, and an authority", "else", "insecure: true, caFile: CERTIFICATES/root.pem"),
    ] {
        let (machine, fleet) = (Machine::new().keeping(SECRET), fleet_of(&registry));
        let server = GitServer::start_tls(fleet.root(), Door::Basic("x-access-token", SECRET), certificates.path(), shown);
        machine.file("work/token", format!("{SECRET}\n"));
        let keys = keys.replace("CERTIFICATES", &certificates.path().display().to_string());
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}', tokenFile: token, {keys} }}\n", server.url()));
        let ran = machine.call(["apply", &server.url()]).run();
        assert_eq!((ran.code, &*ran.err), (0, ""), "{word}: {}", ran.out);
        assert_eq!(ran.last(), format!("pushed {} to main (1 update)", &fleet.tip("main").unwrap()[..7]), "{word}");
        assert_eq!(fleet.faults(), "");
    }
}

#[test]
fn what_the_machine_trusts_counts_beside_the_authority_of_the_repository() {
    let (registry, certificates) = (registry(), certificates());
    let fleet = fleet_of(&registry);
    let server = GitServer::start_tls(fleet.root(), Door::Open, certificates.path(), "deep-chain");
    for (word, keys) in [("no authority", String::new()), ("another one", format!(", caFile: '{}/stranger.pem'", certificates.path().display()))] {
        let machine = Machine::new();
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}'{keys} }}\n", server.url()));
        let ran = machine.call(["plan", &server.url()]).env("SSL_CERT_FILE", certificates.path().join("root.pem")).run();
        assert_eq!((ran.code, &*ran.err), (0, ""), "{word}: {}", ran.out);
        machine.call(["plan", &server.url()]).run().ended(1);
    }
}

#[test]
fn a_certificate_that_is_not_vouched_for_ends_the_talk_before_the_secret() {
    let (registry, certificates) = (registry(), certificates());
    let fleet = fleet_of(&registry);
    let folder = certificates.path().display().to_string();
    let mut sentences = String::new();
    for (word, shown, keys) in [
        ("no authority is named", "good", ""),
        ("another authority", "good", ", caFile: CERTIFICATES/stranger.pem"),
        ("the chain is not shown", "deep", ", caFile: CERTIFICATES/root.pem"),
        ("other names", "else", ", caFile: CERTIFICATES/root.pem"),
        ("only an address", "address", ", caFile: CERTIFICATES/root.pem"),
        ("expired", "old", ", caFile: CERTIFICATES/root.pem"),
        ("not valid yet", "early", ", caFile: CERTIFICATES/root.pem"),
        ("the root as a server", "root", ", caFile: CERTIFICATES/between.pem"),
        ("no CA file", "good", ", caFile: CERTIFICATES/missing.pem"),
        ("no certificate in it", "good", ", caFile: CERTIFICATES/good.key"),
    ] {
        let machine = Machine::new().keeping(SECRET);
        let server = GitServer::start_tls(fleet.root(), Door::Basic("x-access-token", SECRET), certificates.path(), shown);
        let keys = keys.replace("CERTIFICATES", &folder);
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}', tokenEnv: TOKEN{keys} }}\n", server.url()));
        let ran = machine.call(["plan", &server.url()]).env("TOKEN", SECRET).run().ended(1);
        write!(sentences, "{word}\n{}", ran.told(&[(&server.url(), "https://localhost:PORT/fleet.git"), (&folder, "CERTIFICATES")])).unwrap();
        assert_eq!(server.requests(), <[String; 0]>::default(), "{word}: nothing is asked");
    }
    insta::assert_snapshot!(sentences, @r"
    no authority is named
    error: cannot fetch from `https://localhost:PORT/fleet.git`: its certificate is not vouched for: nobody whom this machine trusts signed it
      hint: name a file with its authority's certificate with `caFile` for this repository in tagalong.yaml, or let this machine trust it; `insecure: true` there trusts anybody
    another authority
    error: cannot fetch from `https://localhost:PORT/fleet.git`: its certificate is not vouched for: none of the authorities in `CERTIFICATES/stranger.pem` signed it
      hint: let the server's owner renew it, or name the authority that signed it with `caFile`
    the chain is not shown
    error: cannot fetch from `https://localhost:PORT/fleet.git`: its certificate is not vouched for: none of the authorities in `CERTIFICATES/root.pem` signed it
      hint: let the server's owner renew it, or name the authority that signed it with `caFile`
    other names
    error: cannot fetch from `https://localhost:PORT/fleet.git`: its certificate is not vouched for: it is not for `localhost`, but for git.example, *.git.example
      hint: let the server's owner renew it, or name the authority that signed it with `caFile`
    only an address
    error: cannot fetch from `https://localhost:PORT/fleet.git`: its certificate is not vouched for: it is not for `localhost`, but for 127.0.0.1
      hint: let the server's owner renew it, or name the authority that signed it with `caFile`
    expired
    error: cannot fetch from `https://localhost:PORT/fleet.git`: its certificate is not vouched for: it expired on 2021-01-01
      hint: let the server's owner renew it, or name the authority that signed it with `caFile`
    not valid yet
    error: cannot fetch from `https://localhost:PORT/fleet.git`: its certificate is not vouched for: it is valid from 2080-01-01 only
      hint: let the server's owner renew it, or name the authority that signed it with `caFile`
    the root as a server
    error: cannot fetch from `https://localhost:PORT/fleet.git`: its certificate is not vouched for: it is no server's certificate, and `CERTIFICATES/between.pem` does not hold it itself
      hint: let the server's owner renew it, or name the authority that signed it with `caFile`
    no CA file
    error: cannot read the CA file `CERTIFICATES/missing.pem`
      because: No such file or directory (os error 2)
      hint: put the authority's certificate into `CERTIFICATES/missing.pem` and let this user read it
    no certificate in it
    error: cannot use the CA file `CERTIFICATES/good.key`: it holds no PEM certificate
      hint: a CA file holds certificates in PEM: `-----BEGIN CERTIFICATE-----`
    ");
}

#[test]
fn a_server_that_says_nothing_after_the_greeting_of_tls_is_left() {
    let (machine, certificates) = (Machine::new(), certificates());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/fleet.git", silent.local_addr().unwrap().port());
    let ca = certificates.path().join("root.pem");
    machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{url}', caFile: '{}' }}\n", ca.display()));
    let ran = machine.call(["plan", &url, "--git-timeout", "300ms"]).run().ended(3);
    insta::assert_snapshot!(ran.told(&[(&url, "URL")]), @r#"
    error: cannot fetch from `URL`: no answer in time
      hint: check the network and any proxy; --git-timeout says how long silence is borne
    "#);
}

#[test]
fn a_key_does_not_sign_in_over_https() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = fleet_of(&registry);
    let server = GitServer::start(fleet.root(), Door::Open);
    machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}', sshKeyFile: missing }}\n", server.url()));
    let ran = machine.call(["plan", &server.url(), "--output", "json"]).run().ended(0);
    assert!(ran.err.contains("is not spoken to over SSH: its `sshKeyFile` is not used"), "{}", ran.err);
}
