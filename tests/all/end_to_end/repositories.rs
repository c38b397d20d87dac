//! Repositories that are not there, or not as they should be.

use std::fs;

use super::{automated, deployment};
use crate::kit::{
    binary::Machine,
    git::{Bare, git},
    git_server::{Door, GitServer, ReservedPort},
    registry::{Mode, Registry},
};

/// What `plan` says about each of some repositories, how it ends, and that it left nothing in their place.
fn told(machine: &Machine, rows: &[(&str, Vec<&str>)], names: &[(&str, &str)]) -> String {
    let mut all = Vec::new();
    for (word, arguments) in rows {
        let ran = machine.call(["plan"].iter().chain(arguments)).run();
        all.push(format!("{word}: {}\n{}", ran.code, ran.told(names)));
    }
    all.concat()
}

const SECRET: &str = "s3cret-in-the-url";

#[test]
fn a_name_that_leads_to_no_repository_is_told_with_what_to_do() {
    let machine = Machine::new().keeping(SECRET);
    let file = machine.file("work/file", "x").display().to_string();
    let work = machine.work().display().to_string();
    let [plain, no_scheme] = ["http://", ""].map(|scheme| format!("{scheme}bot:{SECRET}@git.example/fleet.git"));
    let (folder, query) = (format!("file://{work}"), format!("https://bot:{SECRET}@git.example/fleet.git?x=1"));
    let rows = [
        ("no such folder", vec!["nowhere"]),
        ("a file", vec![&*file]),
        ("a file URL of a plain folder", vec![&*folder]),
        ("plain http", vec![&*plain]),
        ("a query", vec![&*query]),
        ("another scheme", vec!["ftp://git.example/fleet.git"]),
        ("no scheme", vec![&*no_scheme]),
        ("nothing", vec![""]),
    ];
    insta::assert_snapshot!(told(&machine, &rows, &[(&*work, "WORK")]), @r"
    no such folder: 1
    error: cannot read `nowhere`: there is no such folder
      hint: name a folder, a bare repository or a URL
    a file: 1
    error: cannot read `WORK/file`: it is no folder
      hint: name a folder, a bare repository or a URL
    a file URL of a plain folder: 1
    error: cannot read `file://WORK`: it is no Git repository
      hint: name a folder, a bare repository or a URL
    plain http: 1
    error: cannot use `http://***@git.example/fleet.git` as the URL of a repository: plain http to another machine can be read and changed on the way
      hint: use https://, or set `insecure: true` for this repository
    a query: 1
    error: cannot use `https://***@git.example/fleet.git?x=1` as the URL of a repository: a repository's URL has no `?` and no `#`
      hint: name the branch with --branch
    another scheme: 1
    error: cannot use `ftp://git.example/fleet.git` as the URL of a repository: `ftp://` is not spoken
      hint: a repository is a folder, https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or file:///PATH
    no scheme: 1
    error: cannot use `***@git.example/fleet.git` as the URL of a repository: it has no scheme
      hint: write `https://` before it
    nothing: 1
    error: cannot read `` as a repository: it is empty
      hint: name a folder or a URL; `.` is the current folder
    ");
    assert!(!machine.work().join("nowhere").exists());
}

#[test]
fn a_remote_that_cannot_be_read_is_told_with_what_to_do() {
    let machine = Machine::new().keeping(SECRET);
    let (fleet, empty, nobody) = (Bare::with(&[("a.yaml", "a: 1\n")]), Bare::empty(), ReservedPort::new());
    for branch in ["master", "release/1.0", "release/1.1", "feature/x"] {
        fleet.git(&["branch", branch, "main"]);
    }
    let server = |door| GitServer::start(fleet.root(), door);
    let open = server(Door::Open);
    let page = server(Door::Answer(200, "text/html", "<html>hello</html>"));
    let forbidden = server(Door::Answer(403, "text/plain", "no"));
    let busy = server(Door::Answer(503, "text/plain", "no"));
    let (fleet, empty, nobody) = (fleet.file_url(), empty.file_url(), format!("http://127.0.0.1:{}/fleet.git", nobody.number()));
    let other = open.url_of(&format!("bot:{SECRET}@"), "other.git");
    let unknown = format!("https://bot:{SECRET}@git.invalid/fleet.git");
    let [open, page, forbidden, busy] = [open, page, forbidden, busy].map(|server| (server.url(), server));
    let rows = [
        ("an empty repository", vec![&*empty]),
        ("no such branch", vec![&*fleet, "--branch", "relase/1.1"]),
        ("no branch like it", vec![&*fleet, "--branch", "zzz"]),
        ("a branch that is not a name", vec![&*fleet, "--branch", "a..b"]),
        ("nobody listens", vec![&*nobody]),
        ("no such host", vec![&*unknown]),
        ("no such repository", vec![&*other]),
        ("a web page", vec![&*page.0]),
        ("forbidden", vec![&*forbidden.0]),
        ("busy", vec![&*busy.0]),
    ];
    let open = open.0.strip_suffix("/fleet.git").unwrap();
    let names = [(&*fleet, "FLEET"), (&*empty, "EMPTY"), (&*nobody, "NOBODY"), (&*page.0, "PAGE"), (&*forbidden.0, "FORBIDDEN")];
    insta::assert_snapshot!(told(&machine, &rows, &[&names[..], &[(&*busy.0, "BUSY"), (open, "OPEN")]].concat()), @r"
    an empty repository: 1
    error: cannot read `EMPTY`: it is empty
      hint: push a first commit
    no such branch: 1
    error: cannot read `relase/1.1` of `FLEET`: there is no such branch
      hint: did you mean `release/1.1` or `release/1.0`?
    no branch like it: 1
    error: cannot read `zzz` of `FLEET`: there is no such branch
      hint: name an existing branch with --branch
    a branch that is not a name: 1
    error: cannot read `a..b` of `FLEET`: there is no such branch
      hint: name an existing branch with --branch
    nobody listens: 3
    error: cannot fetch from `NOBODY`: nothing accepts connections there
      hint: check the host and the port, and whether the server runs
    no such host: 3
    error: cannot fetch from `https://git.invalid/fleet.git`: no address is known for the host `git.invalid`
      hint: check the host's name and this machine's DNS
    no such repository: 1
    error: cannot fetch from `OPEN/other.git`: it has no such repository, or hides it from this user
      hint: check the URL: it is the one that `git clone` takes
    a web page: 1
    error: cannot fetch from `PAGE`: what answers there is no Git repository
      hint: check the URL: it is the one that `git clone` takes
    forbidden: 1
    error: cannot fetch from `FORBIDDEN`: it does not allow this (403 Forbidden)
      hint: give this user or token read access to the repository
    busy: 3
    error: cannot fetch from `BUSY`: it answered with HTTP status 503
      hint: try again later
    ");
}

#[test]
fn a_repository_without_annotations_shows_the_two_lines_to_add() {
    let machine = Machine::new();
    let fleet = Bare::with(&[("web.yaml", &deployment("web", "registry.invalid/web:1.0.0", &[]))]);
    let ran = machine.call(["apply", &fleet.file_url()]).run().ended(0);
    insta::assert_snapshot!(ran.told(&[(&fleet.tip("main").unwrap()[..7], "COMMIT")]), @r#"
    fleet  main @ COMMIT   1 workload, none automated

    nothing to do: the one workload here is not automated

    To have an image updated, add two lines to its workload, with the container's name and the versions that you want:

        metadata:
          annotations:
            fluxcd.io/automated: "true"
            fluxcd.io/tag.<container>: semver:~1.4
    "#);
    let ran = machine.call(["explain", "web", &fleet.file_url()]).run().ended(0);
    insta::assert_snapshot!(ran.told(&[]), @r#"note: web takes no part in updates: annotate it with fluxcd.io/automated: "true""#);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_told() {
    let machine = Machine::new();
    let fleet = Bare::with(&[("a.yaml", "a: 1\n")]);
    let server = GitServer::start(fleet.root(), Door::Open);
    let url = server.url();
    let file = machine.file("work/file", "x");
    let within = file.join("state").display().to_string();
    let mut all = Vec::new();
    for state in [file.to_str().unwrap(), &within, "/proc/tagalong", "/dev/null"] {
        let ran = machine.call(["plan", &url, "--state", state]).run().ended(1);
        all.push(ran.told(&[(&machine.work().display().to_string(), "WORK")]));
    }
    insta::assert_snapshot!(all.concat(), @r"
    error: cannot write the state folder `WORK/file/git`
      because: Not a directory (os error 20)
      hint: name a folder that can be written with --state, or `state` in tagalong.yaml
    error: cannot write the state folder `WORK/file/state/git`
      because: Not a directory (os error 20)
      hint: name a folder that can be written with --state, or `state` in tagalong.yaml
    error: cannot write the state folder `/proc/tagalong/git`
      because: No such file or directory (os error 2)
      hint: name a folder that can be written with --state, or `state` in tagalong.yaml
    error: cannot write the state folder `/dev/null/git`
      because: Not a directory (os error 20)
      hint: name a folder that can be written with --state, or `state` in tagalong.yaml
    ");
    let ran = machine.call(["plan", &url]).without("HOME").without("XDG_STATE_HOME").run().ended(1);
    insta::assert_snapshot!(ran.told(&[]), @r"
    error: cannot choose a folder for caches: neither `XDG_STATE_HOME` nor `HOME` is set
      hint: give one with --state DIR
    ");
    assert_eq!(fs::read_to_string(file).unwrap(), "x");
}

#[test]
fn a_work_tree_says_what_keeps_it_from_a_commit() {
    let registry = Registry::start(Mode::Open);
    super::push(&registry, "web", &["1.0.0", "1.1.0"]);
    let machine = Machine::new();
    let old = automated("web", &format!("{}/web:1.0.0", registry.host()), "semver:~1");
    let fleet = Bare::with(&[("web.yaml", &old)]);
    let tree = fleet.checkout();
    let mut all = Vec::new();
    let mut refused = |word: &str, arguments: &[&str]| {
        let ran = machine.call(arguments).within(tree.path()).run().ended(1);
        all.push(format!("{word}\n{}", ran.told(&[(&tree.path().canonicalize().unwrap().display().to_string(), "TREE")])));
        assert_eq!(fs::read_to_string(tree.path().join("web.yaml")).unwrap(), old, "{word}");
    };
    refused("another branch", &["apply", "--commit", "--branch", "other"]);
    git(tree.path(), &["checkout", "--quiet", "--detach"]);
    refused("no branch", &["apply", "--commit"]);
    git(tree.path(), &["checkout", "--quiet", "main"]);
    fs::write(tree.path().join(".git/MERGE_HEAD"), fleet.tip("main").unwrap()).unwrap();
    refused("a merge", &["apply", "--commit"]);
    fs::remove_file(tree.path().join(".git/MERGE_HEAD")).unwrap();
    refused("a name that is none", &["apply", "--commit", "--git-user", "<>"]);
    insta::assert_snapshot!(all.concat(), @r"
    another branch
    error: cannot read `other` of `TREE`: `main` is checked out
      hint: `git switch other` there, or name the repository by its URL
    no branch
    error: cannot commit in `TREE`: no branch is checked out
      hint: check out a branch with `git switch`, or leave out --commit
    a merge
    error: cannot commit in `TREE`: a merge is under way
      hint: end it first, or leave out --commit
    a name that is none
    error: cannot commit as `<> <tagalong@localhost>`: failed to parse signature - Neither `name` nor `email` should contain angle brackets chars.
      hint: --git-user and --git-email name the author
    ");
    machine.call(["apply", "--commit"]).within(tree.path()).run().ended(0);
    assert_eq!(git(tree.path(), &["status", "--porcelain"]), "");
}

#[test]
fn a_git_server_that_nobody_vouches_for_is_believed_only_where_the_configuration_says_so() {
    // Any https server will do: what it answers comes after its certificate.
    let (server, machine) = (Registry::start(Mode::Tls), Machine::new());
    let url = format!("https://{}/fleet.git", server.host());
    let mut all = Vec::new();
    for (word, key) in [("as it is", ""), ("insecure", ", insecure: true")] {
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: {url}{key} }}\n"));
        all.push(format!("{word}\n{}", machine.call(["plan", &url]).run().ended(1).told(&[(server.host(), "HOST")])));
    }
    insta::assert_snapshot!(all.concat(), @r"
    as it is
    error: cannot fetch from `https://HOST/fleet.git`: its certificate is not vouched for: nobody whom this machine trusts signed it
      hint: name a file with its authority's certificate with `caFile` for this repository in tagalong.yaml, or let this machine trust it; `insecure: true` there trusts anybody
    insecure
    error: cannot fetch from `https://HOST/fleet.git`: it has no such repository, or hides it from this user
      hint: check the URL: it is the one that `git clone` takes
    ");
}
