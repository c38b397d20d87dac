//! Repositories are read and written as the `git` program would have it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use tagalong::{
    git::{Access, Content, Credentials, Location, Plaintext, Source, Write, WriteError, Written},
    policy::Blame,
};

use crate::kit::{
    git::Bare,
    git_server::{Door, GitServer, ReservedPort},
    source::{Here, changes, committed, file, fleet, new_commit, paths, text},
};

const SECRET: &str = "hunter2-s3cret";

#[test]
fn a_change_is_pushed_over_http_and_git_finds_nothing_to_complain_about() {
    let (fleet, here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Basic("bot", SECRET));
    let url = server.url_of(&format!("bot:{SECRET}@"), "fleet.git");
    let (mut source, tip) = here.read(&url).expect("a tip");
    assert_eq!(tip.branch.as_deref(), Some("main"));
    assert_eq!(tip.commit.map(|commit| commit.to_string()), fleet.tip("main"));
    assert_eq!(paths(&tip), ["apps/run.sh", "apps/web/crlf.yaml", "apps/web/deploy.yaml", "other/deep/down/x.yaml"]);
    assert_eq!(text(&source, &tip, "apps/web/crlf.yaml"), "image: app:1.0\r\n");

    let changes =
        changes(&[("apps/web/deploy.yaml", "image: app:1.1\n"), ("apps/web/crlf.yaml", "image: app:1.1\r\n"), ("apps/run.sh", "#!/bin/bash\n")]);
    let commit = committed(source.write(&tip, &changes, &new_commit(), Write::Commit));

    assert_eq!(fleet.tip("main"), Some(commit.clone()));
    assert_eq!(fleet.faults(), "");
    assert_eq!(fleet.file("apps/web/crlf.yaml"), b"image: app:1.1\r\n");
    let raw = fleet.git(&["diff-tree", "-r", "--no-abbrev", "--raw", "--name-only", "main~1", "main"]);
    assert_eq!(raw, "apps/run.sh\napps/web/crlf.yaml\napps/web/deploy.yaml\n");
    let modes = fleet.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", "main"]);
    assert_eq!(
        modes,
        "120000 apps/link.yaml\n100755 apps/run.sh\n100644 apps/web/crlf.yaml\n100644 apps/web/deploy.yaml\n100644 other/deep/down/x.yaml\n"
    );
    let log = fleet.git(&["log", "-1", "--date=raw", "--format=%an <%ae> %ad|%cn <%ce> %cd|%s|%(trailers:key=Image-Update)", "main"]);
    let who = "Tagalong <tagalong@localhost> 1700000100 +0000";
    assert_eq!(log.trim(), format!("{who}|{who}|Auto-release app:1.1|Image-Update: app 1.0 -> 1.1"));

    server.requests();
    assert_eq!(source.read(None).expect("a tip").commit.map(|id| id.to_string()), Some(commit));
    assert_eq!(server.requests(), ["GET /fleet.git/info/refs?service=git-upload-pack"], "one ref advertisement, no fetch");
}

#[test]
fn an_unchanged_tree_makes_no_commit() {
    let (fleet, here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Open);
    for repository in [server.url(), fleet.file_url(), fleet.path().display().to_string()] {
        let (source, tip) = here.read(&repository).expect("a tip");
        let same = changes(&[("other/deep/down/x.yaml", "x: 1\n")]);
        assert_eq!(source.write(&tip, &same, &new_commit(), Write::Commit).expect("fine"), Written::Nothing, "{repository}");
        assert_eq!(fleet.tip("main"), tip.commit.map(|commit| commit.to_string()));
    }
}

#[test]
fn a_large_file_is_measured_and_not_read() {
    let here = Here::new();
    let fleet = Bare::with(&[("big.yaml", &"#".repeat(3_000_000)), ("small.yaml", "a: 1\n")]);
    let (server, checkout) = (GitServer::start(fleet.root(), Door::Open), fleet.checkout());
    for repository in [server.url(), fleet.file_url(), checkout.path().display().to_string()] {
        let (source, tip) = here.read(&repository).expect("a tip");
        assert_eq!(source.content(file(&tip, "big.yaml"), 1_000_000).expect("a size"), Content::TooLarge { size: 3_000_000 }, "{repository}");
        assert_eq!(text(&source, &tip, "small.yaml"), "a: 1\n");
    }
}

#[test]
fn every_way_that_a_remote_fails_is_told_apart_and_tells_no_secret() {
    let (fleet, empty) = (fleet(), Bare::empty());
    let server = GitServer::start(fleet.root(), Door::Basic("bot", SECRET));
    let nothing = GitServer::start(empty.root(), Door::Basic("bot", SECRET));
    let page = GitServer::start(fleet.root(), Door::Answer(200, "text/html", "<h1>Hello</h1>"));
    let forbidden = GitServer::start(fleet.root(), Door::Answer(403, "text/plain", SECRET));
    let broken = GitServer::start(fleet.root(), Door::Answer(503, "text/plain", SECRET));
    let (closed, open) = (ReservedPort::new(), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let (down, cutting) = (closed.number(), open.local_addr().expect("an address").port());
    let cutter = std::thread::spawn(move || drop(open.accept().expect("a caller")));
    let signed = format!("bot:{SECRET}@");
    for (word, url, branch, told, blame) in [
        ("no password", server.url(), None, "it wants a user and a password or token, and none is given", Blame::Operator),
        (
            "wrong password",
            server.url_of(&format!("bot:{SECRET}x@"), "fleet.git"),
            None,
            "it refused the user and the password or token",
            Blame::Operator,
        ),
        ("no repository", server.url_of(&signed, "flet.git"), None, "it has no such repository, or hides it from this user", Blame::Operator),
        ("no branch", server.url_of(&signed, "fleet.git"), Some("mian"), "there is no such branch", Blame::Operator),
        ("empty", nothing.url_of(&signed, "fleet.git"), None, "it is empty", Blame::Operator),
        ("a page", page.url_of(&signed, "fleet.git"), None, "what answers there is no Git repository", Blame::Operator),
        ("forbidden", forbidden.url_of(&signed, "fleet.git"), None, "it does not allow this (403 Forbidden)", Blame::Operator),
        ("broken", broken.url_of(&signed, "fleet.git"), None, "it answered with HTTP status 503", Blame::Remote),
        ("nobody listens", format!("http://{signed}127.0.0.1:{down}/fleet.git"), None, "nothing accepts connections there", Blame::Remote),
        (
            "cut",
            format!("http://{signed}127.0.0.1:{cutting}/fleet.git"),
            None,
            "the connection ended in the middle of the conversation",
            Blame::Remote,
        ),
        (
            "no host",
            format!("https://{signed}no-such-host.invalid/f"),
            None,
            "no address is known for the host `no-such-host.invalid`",
            Blame::Remote,
        ),
    ] {
        let here = Here::new();
        let error = here.read_branch(&url, branch).err().unwrap_or_else(|| panic!("{word}: it fails"));
        let said = format!("{error} {error:?} {:?}", error.hint());
        assert!(error.to_string().ends_with(told), "{word}: {error}");
        assert_eq!(error.blame(), blame, "{word}");
        assert!(!said.contains(SECRET), "{word}: {said}");
    }
    cutter.join().expect("it was called");
}

#[test]
fn an_untrusted_certificate_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder.path())
        .output()
        .expect("the openssl program: `apt-get install openssl`");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (port, server) = tls_server(folder.path());
    let error = Here::new().read(&format!("https://localhost:{port}/fleet.git")).err().expect("it fails");
    assert!(error.to_string().contains("its certificate is not vouched for"), "{error}");
    assert_eq!(error.blame(), Blame::Operator);
    server.join().expect("it was called");
}

/// A server that shakes one hand with the certificate in `folder`.
fn tls_server(folder: &Path) -> (u16, std::thread::JoinHandle<()>) {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).expect("a key");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = std::sync::Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).expect("a pair"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let mut connection = rustls::ServerConnection::new(config).expect("a connection");
        while let Ok((read, _)) = connection.complete_io(&mut stream) {
            if read == 0 {
                break;
            }
        }
    });
    (port, server)
}

#[test]
fn a_branch_that_is_not_there_is_told_with_its_neighbours() {
    let (fleet, here) = (fleet(), Here::new());
    for branch in ["maint", "release", "unrelated-work", "zzz"] {
        fleet.git(&["branch", branch, "main"]);
    }
    let server = GitServer::start(fleet.root(), Door::Open);
    for repository in [server.url(), fleet.file_url()] {
        let error = here.read_branch(&repository, Some("mian")).err().expect("it fails");
        assert_eq!(error.hint().as_deref(), Some("did you mean `main` or `maint`?"), "{error}");
    }
    fleet.git(&["symbolic-ref", "HEAD", "refs/heads/gone"]);
    let error = here.read(&server.url()).err().expect("it fails");
    assert!(error.hint().expect("a hint").contains("`main`"), "{error}");
}

#[test]
fn a_branch_that_moved_is_never_overwritten() {
    let here = Here::new();
    for kind in ["http", "file", "bare"] {
        let fleet = fleet();
        let server = GitServer::start(fleet.root(), Door::Open);
        let repository = match kind {
            "http" => server.url(),
            "file" => fleet.file_url(),
            _ => fleet.path().display().to_string(),
        };
        for (word, move_it) in [
            ("forward", (|fleet: &Bare| fleet.commit("main", &[("theirs.yaml", "a: 1\n")])) as fn(&Bare)),
            ("back", |fleet| drop(fleet.git(&["update-ref", "refs/heads/main", "main~1"]))),
            ("sideways", |fleet| drop(fleet.git(&["update-ref", "refs/heads/main", "side"]))),
        ] {
            fleet.git(&["update-ref", "-d", "refs/heads/side"]);
            fleet.commit("side", &[("side.yaml", "s: 1\n")]);
            let (mut source, tip) = here.read_branch(&repository, Some("main")).expect("a tip");
            if word == "back" {
                fleet.commit("main", &[("more.yaml", "a: 1\n")]);
            }
            let tip = if word == "back" { source.read(Some("main")).expect("a tip") } else { tip };
            move_it(&fleet);
            let theirs = fleet.tip("main");
            let error = source.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit).expect_err("it moved");
            assert!(matches!(error, WriteError::Moved { .. }), "{kind}, {word}: {error}");
            assert_eq!(fleet.tip("main"), theirs, "{kind}, {word}");
            let tip = source.read(Some("main")).expect("a tip");
            let ours = committed(source.write(&tip, &changes(&[("x.yaml", word)]), &new_commit(), Write::Commit));
            assert_eq!(fleet.tip("main"), Some(ours), "{kind}, {word}: planned again, pushed");
        }
        assert_eq!(fleet.faults(), "", "{kind}");
    }
}

#[test]
fn a_branch_that_is_deleted_or_moves_in_the_middle_of_the_push_has_moved() {
    let here = Here::new();
    for (word, script) in [("moves", "git update-ref refs/heads/main refs/heads/side"), ("is deleted", "git update-ref -d refs/heads/main")] {
        let fleet = fleet();
        fleet.commit("side", &[("side.yaml", "s: 1\n")]);
        fleet.hook("pre-receive", &format!("unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES; {script}"));
        let server = GitServer::start(fleet.root(), Door::Open);
        let (source, tip) = here.read(&server.url()).expect("a tip");
        let error = source.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit).expect_err("it moved");
        assert!(matches!(error, WriteError::Moved { .. }), "{word}: {error}");
        assert_eq!(error.blame(), Blame::Remote);
    }
}

#[test]
fn what_a_remote_refuses_is_told_in_its_own_words() {
    type Guard = fn(&Bare);
    let rows: [(&str, Guard, &str); 4] = [
        (
            "hook",
            |fleet| fleet.hook("pre-receive", r"printf 'no images\non \033[31mFridays\n' >&2; exit 1"),
            "no images; on  [31mFridays (pre-receive hook declined)",
        ),
        (
            "forge",
            |fleet| fleet.hook("update", r#"echo "GL-HOOK-ERR: $1 is protected"; echo "see https://a:b@git.example/help"; exit 1"#),
            "GL-HOOK-ERR: refs/heads/main is protected; see https://***@git.example/help; error: hook declined to update refs/heads/main (hook declined)",
        ),
        (
            "echo of the password",
            |fleet| fleet.hook("pre-receive", &format!("echo you came with {SECRET}; exit 1")),
            "you came with *** (pre-receive hook declined)",
        ),
        ("hidden branch", |fleet| drop(fleet.git(&["config", "receive.hideRefs", "refs/heads/main"])), "the remote hides the branch from pushes"),
    ];
    for (word, guard, told) in rows {
        let (fleet, here) = (fleet(), Here::new());
        guard(&fleet);
        let before = fleet.tip("main");
        let server = GitServer::start(fleet.root(), Door::Basic("bot", SECRET));
        let (source, tip) = here.read(&server.url_of(&format!("bot:{SECRET}@"), "fleet.git")).expect("a tip");
        let error = source.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit).expect_err("it is refused");
        let WriteError::Refused { message, .. } = &error else { panic!("{word}: {error:?}") };
        assert_eq!(message, told, "{word}");
        assert_eq!((error.blame(), fleet.tip("main")), (Blame::Operator, before), "{word}");
    }
}

#[test]
fn what_a_remote_says_about_a_push_that_it_took_is_told() {
    let (fleet, here) = (fleet(), Here::new());
    fleet.hook("post-receive", &format!(r"printf 'Create a pull request:\n\n  https://git.example/new\033[0m you are {SECRET}\n'"));
    let server = GitServer::start(fleet.root(), Door::Basic("bot", SECRET));
    let (source, tip) = here.read(&server.url_of(&format!("bot:{SECRET}@"), "fleet.git")).expect("a tip");
    assert!(source.news().is_empty());
    committed(source.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit));
    let news: Vec<String> = source.news().iter().map(ToString::to_string).collect();
    assert_eq!(news, [format!("`{}` says: Create a pull request:; https://git.example/new [0m you are ***", server.url())]);
}

#[test]
fn a_user_who_may_only_read_is_told_so() {
    let (fleet, here) = (fleet(), Here::new());
    fleet.git(&["config", "http.receivepack", "false"]);
    let server = GitServer::start(fleet.root(), Door::Open);
    let (source, tip) = here.read(&server.url()).expect("a tip");
    let error = source.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit).expect_err("it is refused");
    assert!(error.to_string().starts_with("cannot push to `http://127.0.0.1:"), "{error}");
    assert!(error.to_string().ends_with("it does not allow this (403 Forbidden)"), "{error}");
    assert_eq!(error.hint().as_deref(), Some("give this user or token write access to the repository"));
}

#[test]
fn a_push_whose_answer_is_lost_is_known_to_have_landed() {
    let (fleet, here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Open);
    let (source, tip) = here.read(&server.url()).expect("a tip");
    server.cut_pushes();
    let commit = committed(source.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit));
    assert_eq!(fleet.tip("main"), Some(commit));
}

#[test]
fn a_server_that_goes_down_before_the_push_is_unreachable() {
    let (fleet, here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Open);
    let (source, tip) = here.read(&server.url()).expect("a tip");
    let _port = server.stop();
    let error = source.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit).expect_err("nobody is there");
    assert!(error.to_string().ends_with("nothing accepts connections there"), "{error}");
    assert_eq!(error.blame(), Blame::Remote);
}

#[test]
fn credentials_come_from_the_configuration_too() {
    let (fleet, mut here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Basic("bot", SECRET));
    here.credentials = Some(Credentials { user: "bot".to_owned(), password: SECRET.into() });
    let (source, tip) = here.read(&server.url()).expect("a tip");
    let commit = committed(source.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit));
    assert_eq!(fleet.tip("main"), Some(commit));
    let kept = files_below(here.state.path());
    assert!(kept.len() > 3);
    for path in kept {
        let bytes = fs::read(&path).expect("a file");
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{}", path.display());
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn two_at_once_have_a_mirror_each() {
    let (fleet, here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Open);
    let (first, tip) = here.read(&server.url()).expect("a tip");
    let (second, same) = here.read(&server.url()).expect("a tip");
    assert_eq!(tip.commit, same.commit);
    committed(first.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit));
    let error = second.write(&same, &changes(&[("x.yaml", "x: 3\n")]), &new_commit(), Write::Commit).expect_err("the first was faster");
    assert!(matches!(error, WriteError::Moved { .. }), "{error}");
}

#[test]
fn a_state_folder_that_cannot_be_written_is_told() {
    let (fleet, here) = (fleet(), Here::new());
    let server = GitServer::start(fleet.root(), Door::Open);
    let in_the_way = here.state.path().join("file");
    fs::write(&in_the_way, "").expect("a file");
    let location = Location::parse(&server.url(), Plaintext::Loopback).expect("a location");
    let error = Source::open(&location, &Access::anonymous(in_the_way.clone())).err().expect("it fails");
    assert!(error.to_string().starts_with(&format!("cannot write the state folder `{}", in_the_way.display())), "{error}");
    assert!(error.hint().expect("a hint").contains("--state"));
    assert_eq!(error.blame(), Blame::Operator);
}

#[test]
fn what_a_push_would_run_or_refuse_is_not_bypassed_by_a_file_url() {
    let (fleet, here) = (fleet(), Here::new());
    fleet.hook("pre-receive", "exit 1");
    let (source, tip) = here.read(&fleet.file_url()).expect("a tip");
    let error = source.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit).expect_err("it is refused");
    assert!(error.to_string().contains("it has a `pre-receive` hook"), "{error}");

    let checkout = fleet.checkout();
    let (source, tip) = here.read(&format!("file://{}", checkout.path().display())).expect("a tip");
    let error = source.write(&tip, &changes(&[("x.yaml", "x: 2\n")]), &new_commit(), Write::Commit).expect_err("it is refused");
    assert!(error.to_string().ends_with("the branch is checked out in a work tree there"), "{error}");
}

#[test]
fn a_folder_that_is_no_place_to_read_is_told() {
    let (here, folder) = (Here::new(), tempfile::tempdir().expect("a folder"));
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("file"), "").expect("a file");
    for (word, repository, told) in [
        ("missing", path("none"), "there is no such folder"),
        ("file", path("file"), "it is no folder"),
        ("file URL, missing", format!("file://{}", path("none")), "there is no such folder"),
        ("file URL, no repository", format!("file://{}", folder.path().display()), "it is no Git repository"),
    ] {
        let error = here.open(&repository).err().unwrap_or_else(|| panic!("{word}: it fails"));
        assert!(error.to_string().ends_with(told), "{word}: {error}");
        assert!(error.hint().is_some(), "{word}");
    }
}
