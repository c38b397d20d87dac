//! Git over http: certificates of ours, proxies, redirects, kept connections, and servers that misbehave.

use std::{fmt::Write as _, process::Stdio, sync::Arc};

use tagalong::{
    git::{Branches, Write},
    policy::Blame,
};

use crate::kit::{
    binary::Machine,
    certificates::{Certificates, Leaf},
    git::Bare,
    git_server::{Door, GitServer, ReservedPort},
    hostile::{Asked, Hostile, Reply},
    proxy::{Tunnels, forwarded},
    registry::program,
    source::{Here, changes, committed, fleet, new_commit, text},
};

const SECRET: &str = "t0ken-of-the-bot";
const PROXY_SECRET: &str = "pr0xy-s3cret";

/// Who may show what: `NAME.pem` with `NAME.key`; the server is `localhost` and `git.invalid`.
fn certificates() -> Certificates {
    let certificates = Certificates::make();
    let server = Leaf { signer: "root", names: "DNS:localhost,DNS:git.invalid", year: None };
    certificates.leaf("server", server);
    certificates.leaf("bot", Leaf { names: "DNS:bot", ..server });
    certificates.leaf("deep", Leaf { signer: "between", names: "DNS:bot", ..server });
    certificates.chain("chain", &["deep", "between"]);
    certificates.leaf("old", Leaf { names: "DNS:bot", year: Some(2020), ..server });
    certificates.self_signed("stranger");
    certificates
}

/// The arguments that write one new tag into a repository.
fn set(url: &str) -> [&str; 4] {
    ["set", "app:1.1", "--git-url", url]
}

#[test]
fn a_server_that_wants_a_certificate_is_shown_it() {
    let certificates = certificates();
    let folder = certificates.path().display().to_string();
    for (word, keys) in [
        ("its own", "clientCertFile: CERTIFICATES/bot.pem, clientKeyFile: CERTIFICATES/bot.key"),
        ("with the authority between", "clientCertFile: CERTIFICATES/chain.pem, clientKeyFile: CERTIFICATES/deep.key"),
    ] {
        let (machine, fleet) = (Machine::new().keeping(SECRET), fleet());
        let server = GitServer::start_mutual_tls(fleet.root(), Door::Basic("bot", SECRET), certificates.path(), "server");
        let keys = keys.replace("CERTIFICATES", &folder);
        let entry = format!("username: bot, passwordEnv: PASSWORD, caFile: '{folder}/root.pem', {keys}");
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}', {entry} }}\n", server.url()));
        let ran = machine.call(set(&server.url())).env("PASSWORD", SECRET).run().ended(0);
        assert!(ran.err.is_empty(), "{word}: {}", ran.err);
        assert_eq!(fleet.file("apps/web/deploy.yaml"), b"image: app:1.1\n", "{word}");
        assert_eq!(fleet.faults(), "", "{word}");
    }
}

#[test]
fn a_certificate_that_is_missing_or_not_taken_is_told() {
    let (certificates, fleet) = (certificates(), fleet());
    let folder = certificates.path().display().to_string();
    let server = GitServer::start_mutual_tls(fleet.root(), Door::Open, certificates.path(), "server");
    let mut told = String::new();
    for (word, keys) in [
        ("none", ""),
        ("nobody's", ", clientCertFile: CERTIFICATES/stranger.pem, clientKeyFile: CERTIFICATES/stranger.key"),
        ("the authority between is not shown", ", clientCertFile: CERTIFICATES/deep.pem, clientKeyFile: CERTIFICATES/deep.key"),
        ("expired", ", clientCertFile: CERTIFICATES/old.pem, clientKeyFile: CERTIFICATES/old.key"),
        ("another's key", ", clientCertFile: CERTIFICATES/bot.pem, clientKeyFile: CERTIFICATES/old.key"),
        ("no key", ", clientCertFile: CERTIFICATES/bot.pem, clientKeyFile: CERTIFICATES/bot.pem"),
        ("no file", ", clientCertFile: CERTIFICATES/missing.pem, clientKeyFile: CERTIFICATES/bot.key"),
        ("a key alone", ", clientKeyFile: CERTIFICATES/bot.key"),
    ] {
        let machine = Machine::new();
        let keys = keys.replace("CERTIFICATES", &folder);
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}', caFile: '{folder}/root.pem'{keys} }}\n", server.url()));
        let ran = machine.call(set(&server.url())).run().ended(1);
        write!(told, "{word}\n{}", ran.told(&[(&server.url(), "https://localhost:PORT/fleet.git"), (&folder, "CERTIFICATES")])).unwrap();
        assert_eq!(server.requests(), <[String; 0]>::default(), "{word}: nothing is asked");
    }
    insta::assert_snapshot!(told, @r"
    none
    error: cannot fetch from `https://localhost:PORT/fleet.git`: it wants a client certificate, and none is given
      hint: name one with `clientCertFile` and `clientKeyFile` for this repository in tagalong.yaml
    nobody's
    error: cannot fetch from `https://localhost:PORT/fleet.git`: it does not take the client certificate that it was shown
      hint: check whether the certificate in `clientCertFile` has expired, and whether the server trusts who signed it
    the authority between is not shown
    error: cannot fetch from `https://localhost:PORT/fleet.git`: it does not take the client certificate that it was shown
      hint: check whether the certificate in `clientCertFile` has expired, and whether the server trusts who signed it
    expired
    error: cannot fetch from `https://localhost:PORT/fleet.git`: it does not take the client certificate that it was shown
      hint: check whether the certificate in `clientCertFile` has expired, and whether the server trusts who signed it
    another's key
    error: cannot use `CERTIFICATES/bot.pem` with the key in `CERTIFICATES/old.key`: the key is not that of the certificate
      hint: `clientCertFile` names a certificate in PEM, with those that signed it behind it, and `clientKeyFile` its key without a passphrase
    no key
    error: cannot use `CERTIFICATES/bot.pem` with the key in `CERTIFICATES/bot.pem`: they hold no certificate and key in PEM
      hint: `clientCertFile` names a certificate in PEM, with those that signed it behind it, and `clientKeyFile` its key without a passphrase
    no file
    error: cannot read the client certificate in `CERTIFICATES/missing.pem`: No such file or directory (os error 2)
      hint: `clientCertFile` names a certificate in PEM, with those that signed it behind it, and `clientKeyFile` its key without a passphrase
    a key alone
    error: cannot read `tagalong.yaml` line 2: `clientCertFile` and `clientKeyFile` need each other
      hint: docs/configuration.md shows every key with the value that it wants
    ");
}

#[test]
fn a_server_that_refuses_certificates_after_the_handshake_is_understood() {
    let page =
        |said: &str| format!("<html><head><title>400 {said}</title></head><body><center><h1>400 Bad Request</h1>{said}</center></body></html>");
    for (word, said, told) in [
        ("none", "No required SSL certificate was sent", "it wants a client certificate, and none is given"),
        ("refused", "The SSL certificate error", "it wants a client certificate, and none is given"),
        ("something else", "Request Header Or Cookie Too Large", "it answered with HTTP status 400"),
    ] {
        let body = page(said).into_bytes();
        let server = Hostile::start(move |_, _| Reply::new(400, body.clone()).header("Content-Type", "text/html"));
        let error = Here::new().read(&format!("http://{}/fleet.git", server.host())).err().expect("it fails");
        assert!(error.to_string().ends_with(told), "{word}: {error}");
        assert_eq!(error.blame(), Blame::Operator, "{word}");
    }
}

#[test]
fn https_goes_through_the_proxy_of_the_environment() {
    let certificates = certificates();
    let ca = certificates.path().join("root.pem").display().to_string();
    let url = "https://git.invalid/fleet.git";
    let mut told = String::new();
    for (word, user, variables, exit) in [
        ("as it is", None, &[("HTTPS_PROXY", "PROXY")][..], 0),
        ("in lower case", None, &[("https_proxy", "PROXY")], 0),
        ("for all", None, &[("ALL_PROXY", "PROXY")], 0),
        ("not for others", None, &[("HTTPS_PROXY", "PROXY"), ("NO_PROXY", "other.invalid")], 0),
        ("with a user", Some("who:pr0xy-s3cret"), &[("HTTPS_PROXY", "SIGNED")], 0),
        ("without its user", Some("who:pr0xy-s3cret"), &[("HTTPS_PROXY", "PROXY")], 1),
        ("with a wrong password", Some("who:another"), &[("HTTPS_PROXY", "SIGNED")], 1),
        ("not for this host", None, &[("HTTPS_PROXY", "PROXY"), ("NO_PROXY", "git.invalid")], 3),
        ("not for its domain", None, &[("HTTPS_PROXY", "PROXY"), ("NO_PROXY", ".invalid")], 3),
        ("for http alone", None, &[("HTTP_PROXY", "PROXY")], 3),
    ] {
        let (machine, fleet) = (Machine::new().keeping(SECRET).keeping(PROXY_SECRET), fleet());
        let server = GitServer::start_tls(fleet.root(), Door::Basic("x-access-token", SECRET), certificates.path(), "server");
        let proxy = Tunnels::start(server.port(), user);
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{url}', tokenEnv: TOKEN, caFile: '{ca}' }}\n"));
        let value = |value: &str| value.replace("PROXY", &proxy.url("")).replace("SIGNED", &proxy.url("who:pr0xy-s3cret@"));
        let call = machine.call(set(url)).without("NO_PROXY").env("TOKEN", SECRET);
        let ran = variables.iter().fold(call, |call, (name, text)| call.env(name, value(text))).run().ended(exit);
        let through = proxy.asked();
        if exit == 0 {
            assert!(!through.is_empty() && through.iter().all(|line| line == "CONNECT git.invalid:443 HTTP/1.1"), "{word}: {through:?}");
            assert_eq!(fleet.file("apps/web/deploy.yaml"), b"image: app:1.1\n", "{word}");
        } else {
            assert_eq!(through.is_empty(), exit == 3, "{word}: {through:?}");
            assert_eq!(server.requests(), <[String; 0]>::default(), "{word}");
            write!(told, "{word}\n{}", ran.told(&[])).unwrap();
        }
    }
    insta::assert_snapshot!(told, @r"
    without its user
    error: cannot fetch from `https://git.invalid/fleet.git`: the proxy before it wants a user and a password, or refuses those that it was given
      hint: write `http://USER:PASSWORD@HOST:PORT` into HTTPS_PROXY, or the host of the repository into NO_PROXY
    with a wrong password
    error: cannot fetch from `https://git.invalid/fleet.git`: the proxy before it wants a user and a password, or refuses those that it was given
      hint: write `http://USER:PASSWORD@HOST:PORT` into HTTPS_PROXY, or the host of the repository into NO_PROXY
    not for this host
    error: cannot fetch from `https://git.invalid/fleet.git`: no address is known for the host `git.invalid`
      hint: check the host's name and this machine's DNS
    not for its domain
    error: cannot fetch from `https://git.invalid/fleet.git`: no address is known for the host `git.invalid`
      hint: check the host's name and this machine's DNS
    for http alone
    error: cannot fetch from `https://git.invalid/fleet.git`: no address is known for the host `git.invalid`
      hint: check the host's name and this machine's DNS
    ");
}

#[test]
fn a_proxy_that_leads_nowhere_is_told() {
    let (nobody, down) = (ReservedPort::new(), ReservedPort::new());
    let proxy = Tunnels::start(nobody.number(), None);
    for (word, proxy, told) in [
        ("it refuses", proxy.url(""), "the proxy before it does not lead there"),
        ("it is down", format!("http://127.0.0.1:{}", down.number()), "the proxy before it cannot be reached"),
        ("nobody knows it", "http://proxy.invalid:3128".to_owned(), "the proxy before it cannot be reached"),
    ] {
        let call = Machine::new();
        let ran = call.call(set("https://git.invalid/fleet.git")).without("NO_PROXY").env("HTTPS_PROXY", proxy).run().ended(3);
        assert!(ran.err.contains(&format!("`https://git.invalid/fleet.git`: {told}\n")), "{word}: {}", ran.err);
    }
}

#[test]
fn no_proxy_stands_before_this_machine() {
    let certificates = certificates();
    for over_tls in ["https", "http"] {
        let (machine, fleet) = (Machine::new(), fleet());
        let server = match over_tls {
            "https" => GitServer::start_tls(fleet.root(), Door::Open, certificates.path(), "server"),
            _ => GitServer::start(fleet.root(), Door::Open),
        };
        let proxy = Tunnels::start(server.port(), None);
        let ca = certificates.path().join("root.pem").display().to_string();
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}', caFile: '{ca}' }}\n", server.url()));
        let call = machine.call(set(&server.url())).without("NO_PROXY");
        ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].iter().fold(call, |call, name| call.env(name, proxy.url(""))).run().ended(0);
        assert_eq!(proxy.asked(), <[String; 0]>::default(), "{over_tls}");
    }
}

#[test]
fn a_repository_that_moved_on_its_host_is_found_and_written() {
    let (fleet, here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Basic("bot", SECRET));
    let url = server.url_of(&format!("bot:{SECRET}@"), "moved.git");
    let (source, tip) = here.read(&url).expect("a tip");
    let commit = committed(source.write(&tip, &changes(&[("apps/web/deploy.yaml", "image: app:1.1\n")]), &new_commit(), Write::Commit));
    assert_eq!(fleet.tip("main"), Some(commit));
    let (moved, posted): (Vec<_>, Vec<_>) = server.requests().into_iter().partition(|request| request.starts_with("GET /moved.git/"));
    assert!(!moved.is_empty());
    assert!(posted.contains(&"POST /fleet.git/git-receive-pack".to_owned()), "{posted:?}");
    assert!(posted.iter().all(|request| request.contains(" /fleet.git/")), "{posted:?}");
}

#[test]
fn nobody_is_followed_to_another_host() {
    let fleet = fleet();
    let (server, trap) = (GitServer::start(fleet.root(), Door::Open), Hostile::start(|_, _| Reply::new(404, vec![])));
    // The same server under another name, and another port under the same name.
    let elsewhere = format!("http://localhost:{}", trap.host().rsplit(':').next().unwrap());
    let (first, posts) = (elsewhere.clone(), elsewhere.clone());
    let backend = format!("127.0.0.1:{}", server.port());
    let advertisement = Hostile::start(move |asked, _| Reply::new(302, vec![]).header("Location", &format!("{first}{}&x={SECRET}", asked.target)));
    let post = Hostile::start(move |asked, _| match &*asked.method {
        "GET" => forwarded(&backend, &Asked { headers: asked.headers.clone(), ..asked.clone() }),
        _ => Reply::new(307, vec![]).header("Location", &format!("{posts}{}", asked.target)),
    });
    let circles = Hostile::start(|asked, _| Reply::new(301, vec![]).header("Location", &asked.target));
    let nowhere = Hostile::start(|_, _| Reply::new(301, vec![]));
    for (word, server, to) in [
        ("the advertisement", &advertisement, format!("it sends us to another host, which is not followed: {elsewhere}/fleet.git/info/refs")),
        ("a post", &post, format!("it sends us to another host, which is not followed: {elsewhere}/fleet.git/git-upload-pack")),
        ("in circles", &circles, format!("it sends us around, which leads nowhere: http://{}/fleet.git/info/refs", circles.host())),
        ("nowhere", &nowhere, format!("it sends us around, which leads nowhere: http://{}/fleet.git/info/refs", nowhere.host())),
    ] {
        let error = Here::new().read(&format!("http://bot:{SECRET}@{}/fleet.git", server.host())).err().expect("it fails");
        let told = error.to_string();
        assert!(told.ends_with(&to), "{word}: {told}");
        assert!(!format!("{error} {error:?}").contains(SECRET), "{word}: {told}");
        assert_eq!(error.blame(), Blame::Operator, "{word}");
    }
    assert!(trap.asked().is_empty(), "{:?}", trap.asked());
    assert_eq!(circles.asked().len(), 6, "it is followed five times");
}

#[test]
fn cycles_share_one_connection_which_may_end_between_them() {
    let (fleet, here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Basic("bot", SECRET));
    let url = server.url_of(&format!("bot:{SECRET}@"), "fleet.git");
    let (mut source, tip) = here.read(&url).expect("a tip");
    committed(source.write(&tip, &changes(&[("apps/web/deploy.yaml", "image: app:1.1\n")]), &new_commit(), Write::Commit));
    let tip = source.read(None).expect("a tip");
    assert!(source.still_stands(&tip, Branches::one(None)).expect("an answer"));
    let requests = server.requests();
    assert_eq!(requests.len(), 6, "{requests:?}");
    assert_eq!(server.connections(), 1, "{requests:?}");

    let port = server.stop();
    let server = GitServer::at(&port, fleet.root(), Door::Basic("bot", SECRET));
    source.read(None).expect("a tip");
    assert_eq!(server.requests(), ["GET /fleet.git/info/refs?service=git-upload-pack"]);
    drop(Arc::clone(&port));
}

#[test]
fn what_was_asked_on_a_dead_connection_is_asked_again_but_nothing_is_pushed_twice() {
    let (fleet, here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Open);
    let backend = format!("127.0.0.1:{}", server.port());
    let hasty = Hostile::start(move |asked, before| match before {
        // Each on a connection that was kept: the look at the branch, the pack, the push.
        2 | 5 | 8 => Reply::nothing(),
        _ => forwarded(&backend, asked).kept(),
    });
    let (mut source, tip) = here.read(&format!("http://{}/fleet.git", hasty.host())).expect("a tip");
    assert!(source.still_stands(&tip, Branches::one(None)).expect("an answer"));
    fleet.commit("main", &[("more.yaml", "a: 1\n")]);
    let tip = source.read(None).expect("a tip");
    let written = source.write(&tip, &changes(&[("apps/web/deploy.yaml", "image: app:1.1\n")]), &new_commit(), Write::Commit);
    let error = written.expect_err("the push is lost");
    assert!(error.to_string().ends_with("the connection ended in the middle of the conversation"), "{error}");
    let asked: Vec<String> = hasty.asked().iter().map(|asked| format!("{} {}", asked.method, &asked.target["/fleet.git/".len()..])).collect();
    let (look, pack, push) = ("GET info/refs?service=git-upload-pack", "POST git-upload-pack", "POST git-receive-pack");
    assert_eq!(asked, [look, pack, look, look, look, pack, pack, "GET info/refs?service=git-receive-pack", push, look]);
}

#[test]
fn an_answer_may_be_compressed() {
    let (fleet, here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Open);
    let backend = format!("127.0.0.1:{}", server.port());
    let packed = Hostile::start(move |asked, _| {
        let plain = forwarded(&backend, asked);
        if asked.headers.get("accept-encoding").is_none_or(|accepted| !accepted.contains("gzip")) {
            return Reply::new(500, vec![]);
        }
        let body = gzip(plain.body());
        plain.with_body(body).header("Content-Encoding", "gzip")
    });
    let (source, tip) = here.read(&format!("http://{}/fleet.git", packed.host())).expect("a tip");
    assert_eq!(text(&source, &tip, "apps/web/deploy.yaml"), "image: app:1.0\n");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut child = program("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("gzip reads");
    child.wait_with_output().expect("gzip ends").stdout
}

#[test]
fn what_is_longer_than_one_piece_comes_and_goes_whole() {
    // Hashes of numbers, which no compression makes shorter.
    let noise =
        (0_u32..40_000).fold(String::new(), |text, number| text + &format!("{:08x}", number.wrapping_mul(2_654_435_761).rotate_left(number % 31)));
    let (fleet, here) = (Bare::with(&[("app.yaml", "image: app:1.0\n"), ("noise.txt", &noise)]), Here::new());
    let server = GitServer::start(fleet.root(), Door::Open);
    let (source, tip) = here.read(&server.url()).expect("a tip");
    assert_eq!(text(&source, &tip, "app.yaml"), "image: app:1.0\n");
    let more: String = noise.chars().rev().collect();
    let commit = committed(source.write(&tip, &changes(&[("noise.txt", &more)]), &new_commit(), Write::Commit));
    assert_eq!(fleet.tip("main"), Some(commit));
    assert_eq!(fleet.file("noise.txt"), more.as_bytes());
    assert_eq!(fleet.faults(), "");
}

#[test]
fn a_server_that_stops_in_the_middle_is_told() {
    let fleet = fleet();
    let server = GitServer::start(fleet.root(), Door::Open);
    let backend = format!("127.0.0.1:{}", server.port());
    let cut = {
        let backend = backend.clone();
        Hostile::start(move |asked, _| forwarded(&backend, asked).cut_after(30))
    };
    let silent = {
        let backend = backend.clone();
        Hostile::start(move |asked, _| forwarded(&backend, asked).silent_after(30))
    };
    let silent_post = Hostile::start(move |asked, _| match &*asked.method {
        "GET" => forwarded(&backend, asked),
        _ => Reply::new(200, b"0000".to_vec()).header("Content-Type", "application/x-git-upload-pack-result").silent_after(0),
    });
    let garbage =
        Hostile::start(|_, _| Reply::new(200, b"0000not a git".to_vec()).header("Content-Type", "application/x-git-upload-pack-advertisement"));
    for (word, host, told) in [
        ("cut", cut.host(), "the connection ended in the middle of the conversation"),
        ("silent", silent.host(), "no answer in time"),
        ("silent after a post", silent_post.host(), "no answer in time"),
        ("garbage", garbage.host(), "what answers there is no Git repository"),
    ] {
        let (machine, url) = (Machine::new(), format!("http://{host}/fleet.git"));
        let ran = machine.call(set(&url)).env("TAGALONG_GIT_TIMEOUT", "300ms").run();
        assert!(ran.err.contains(&format!("`{url}`: {told}\n")), "{word}: {}", ran.err);
    }
}

#[test]
fn who_speaks_no_tls_is_told() {
    let fleet = fleet();
    let server = GitServer::start(fleet.root(), Door::Open);
    let url = server.url().replace("http://", "https://");
    let error = Here::new().read(&url).err().expect("it fails");
    assert!(error.to_string().ends_with("what answers there does not speak TLS"), "{error}");
}
