//! Work trees and bare folders are read and written as their owners would have it.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::Path,
};

use tagalong::{
    git::{Mode, Write, WriteError, Written},
    policy::Blame,
};

use crate::kit::{
    git::{Bare, command, git},
    git_server::{Door, GitServer},
    source::{Here, changes, committed, file, fleet, new_commit, paths, text},
};

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    fs::write(path, text).expect("a file");
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_bare_folder_gets_the_commit_on_its_branch() {
    let (fleet, here) = (fleet(), Here::new());
    fleet.commit("release", &[("only.yaml", "a: 1\n")]);
    fleet.hook("pre-receive", "exit 1");
    let (mut source, tip) = here.read(&name(&fleet.path())).expect("a tip");
    let commit = committed(source.write(&tip, &changes(&[("apps/web/deploy.yaml", "image: app:1.1\n")]), &new_commit(), Write::Files));
    assert_eq!(fleet.tip("main"), Some(commit), "nothing is pushed, so no hook is asked");
    let tip = source.read(Some("release")).expect("a tip");
    let commit = committed(source.write(&tip, &changes(&[("only.yaml", "a: 2\n")]), &new_commit(), Write::Commit));
    assert_eq!(fleet.tip("release"), Some(commit));
    assert_eq!(fleet.git(&["diff", "--stat", "main~1", "main"]), " apps/web/deploy.yaml | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n");
    assert_eq!(fleet.faults(), "");
}

#[test]
fn a_listing_that_goes_on_from_commit_to_commit_is_that_of_a_first_look() {
    let (fleet, here) = (fleet(), Here::new());
    let place = name(&fleet.path());
    let (mut source, _) = here.read(&place).expect("a tip");
    let checkout = fleet.checkout();
    let root = checkout.path();
    let steps: [(&str, &dyn Fn()); 9] = [
        ("nothing", &|| ()),
        ("a file differs", &|| put(root, "other/deep/down/x.yaml", "x: 2\n")),
        ("a folder comes", &|| put(root, "other/deep/up/y.yaml", "y: 1\n")),
        ("a folder of like name", &|| put(root, "other/deep/up-more/z.yaml", "z: 1\n")),
        ("a mode differs", &|| fs::set_permissions(root.join("apps/web/deploy.yaml"), fs::Permissions::from_mode(0o755)).expect("a mode")),
        ("a folder moves", &|| drop(git(root, &["mv", "other/deep", "moved"]))),
        ("a folder becomes a file", &|| {
            git(root, &["rm", "-rq", "moved/up"]);
            put(root, "moved/up", "a: 1\n");
        }),
        ("a file becomes a folder", &|| {
            git(root, &["rm", "-q", "moved/up"]);
            put(root, "moved/up/a.yaml", "a: 1\n");
        }),
        ("a folder goes", &|| drop(git(root, &["rm", "-rq", "apps"]))),
    ];
    for (word, step) in steps {
        step();
        git(root, &["add", "--all", "."]);
        git(root, &["commit", "--quiet", "--allow-empty", "-m", word]);
        git(root, &["push", "--quiet"]);
        let tip = source.read(None).expect("a tip");
        let (_, first) = Here::new().read(&place).expect("a tip");
        assert_eq!((tip.files, tip.skipped), (first.files, first.skipped), "{word}");
    }
    fleet.commit("other", &[("only.yaml", "a: 1\n")]);
    let (_, first) = Here::new().read_branch(&place, Some("other")).expect("a tip");
    assert_eq!(source.read(Some("other")).expect("a tip").files, first.files, "another branch");
}

#[test]
fn links_submodules_and_paths_that_are_no_text_are_left_out() {
    let here = Here::new();
    let submodule = "1".repeat(40);
    let fleet = Bare::with(&[("+module", &submodule), ("@link", "a.yaml"), (r#""bad-\377.yaml""#, "b: 1\n"), ("a.yaml", "a: 1\n")]);
    let server = GitServer::start(fleet.root(), Door::Open);
    let bad = [b"refs/heads/bad-\xff".as_slice()].map(OsStr::from_bytes);
    assert!(command(&fleet.path()).arg("update-ref").args(bad).arg("main").status().expect("git").success());
    for repository in [server.url(), fleet.file_url()] {
        let (source, tip) = here.read(&repository).expect("a tip");
        assert_eq!((paths(&tip), tip.skipped), (vec!["a.yaml"], 1), "{repository}");
        committed(source.write(&tip, &changes(&[("a.yaml", &repository)]), &new_commit(), Write::Commit));
        let kept = fleet.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", "main"]);
        assert_eq!(kept, "100644 a.yaml\n100644 \"bad-\\377.yaml\"\n120000 link\n160000 module\n", "{repository}");
    }
}

#[test]
fn a_new_file_may_come_but_no_path_leaves_the_tree() {
    let (fleet, here) = (fleet(), Here::new());
    let checkout = fleet.checkout();
    let (source, tip) = here.read(&name(&fleet.path())).expect("a tip");
    committed(source.write(&tip, &changes(&[("new/deep/file.yaml", "a: 1\n")]), &new_commit(), Write::Commit));
    assert_eq!(fleet.file("new/deep/file.yaml"), b"a: 1\n");
    for repository in [fleet.path(), checkout.path().to_owned()] {
        let (source, tip) = here.read(&name(&repository)).expect("a tip");
        for path in ["../out.yaml", "/tmp/out.yaml", ".git/config", "apps/../../out.yaml"] {
            let error = source.write(&tip, &changes(&[(path, "a: 1\n")]), &new_commit(), Write::Files).expect_err(path);
            assert!(matches!(error, WriteError::Outside(_)), "{path}: {error}");
        }
        let error = source.write(&tip, &changes(&[("apps/link.yaml", "a: 1\n")]), &new_commit(), Write::Files).expect_err("a symlink");
        assert!(matches!(error, WriteError::NotAFile(_)), "{error}");
    }
}

#[test]
fn a_work_tree_is_read_as_it_is_now() {
    let (fleet, here) = (fleet(), Here::new());
    let checkout = fleet.checkout();
    let root = checkout.path();
    put(root, "apps/web/deploy.yaml", "image: app:1.0 # not committed\n");
    put(root, "untracked.yaml", "a: 1\n");
    put(root, ".hidden/x.yaml", "a: 1\n");
    put(root, ".gitignore", "ignored/\nignored/**\n*.log\n");
    put(root, "ignored/x.yaml", "a: 1\n");
    put(root, "ignored/tracked.yaml", "a: 1\n");
    git(root, &["add", "--force", "ignored/tracked.yaml"]);
    put(root, "x.log", "log\n");
    fs::remove_file(root.join("other/deep/down/x.yaml")).expect("removed");
    symlink("apps", root.join("linked")).expect("a link");
    git(root, &["init", "--quiet", "inner"]);
    put(root, "inner/x.yaml", "a: 1\n");
    fs::write(root.join(OsStr::from_bytes(b"bad-\xff.yaml")), "a: 1\n").expect("a file");

    let (source, tip) = here.read(&name(root)).expect("a tip");
    let listed =
        [".gitignore", ".hidden/x.yaml", "apps/run.sh", "apps/web/crlf.yaml", "apps/web/deploy.yaml", "ignored/tracked.yaml", "untracked.yaml"];
    assert_eq!(paths(&tip), listed);
    assert_eq!((tip.skipped, tip.unlisted.len()), (1, 0));
    assert_eq!((tip.branch.as_deref(), tip.commit.map(|commit| commit.to_string())), (Some("main"), fleet.tip("main")));
    assert_eq!(text(&source, &tip, "apps/web/deploy.yaml"), "image: app:1.0 # not committed\n");
    assert_eq!(file(&tip, "apps/run.sh").mode, Mode::Executable);

    let (_, tip) = here.read(&name(&root.join("apps/web"))).expect("a tip");
    assert_eq!(paths(&tip), ["apps/web/crlf.yaml", "apps/web/deploy.yaml"], "a folder inside is read alone, and its paths count from the root");
    let (_, tip) = here.read(&name(&root.join("ignored"))).expect("a tip");
    assert_eq!((paths(&tip), &tip.branch), (vec!["tracked.yaml", "x.yaml"], &None), "a folder that is ignored is on its own");
    let error = here.read_branch(&name(root), Some("release")).err().expect("it fails");
    assert!(error.to_string().ends_with("`main` is checked out"), "{error}");
}

#[test]
fn a_folder_that_is_no_repository_is_read_and_edited() {
    let (here, folder) = (Here::new(), tempfile::tempdir().expect("a folder"));
    put(folder.path(), ".gitignore", "*.yaml\n");
    put(folder.path(), "a/x.yaml", "a: 1\n");
    let (source, tip) = here.read(&name(folder.path())).expect("a tip");
    assert_eq!((paths(&tip), &tip.branch, tip.commit), (vec![".gitignore", "a/x.yaml"], &None, None));
    assert_eq!(text(&source, &tip, "a/x.yaml"), "a: 1\n");
    let edit = changes(&[("a/x.yaml", "a: 2\n")]);
    let error = source.write(&tip, &edit, &new_commit(), Write::Commit).expect_err("no repository");
    assert!(error.to_string().ends_with("it is no Git repository"), "{error}");
    assert_eq!(source.write(&tip, &edit, &new_commit(), Write::Files).expect("written"), Written::Files);
    assert_eq!(fs::read_to_string(folder.path().join("a/x.yaml")).expect("a file"), "a: 2\n");
    assert_eq!(source.write(&tip, &edit, &new_commit(), Write::Files).expect("the same"), Written::Nothing);
}

#[test]
fn an_edit_keeps_mode_line_ends_and_everything_beside() {
    let (fleet, here) = (fleet(), Here::new());
    let checkout = fleet.checkout();
    let root = checkout.path();
    fs::set_permissions(root.join("apps/run.sh"), fs::Permissions::from_mode(0o751)).expect("a mode");
    put(root, "dirty.yaml", "mine\n");
    let (source, tip) = here.read(&name(root)).expect("a tip");
    for path in ["apps/run.sh", "apps/web/crlf.yaml"] {
        text(&source, &tip, path);
    }
    let edits = changes(&[("apps/run.sh", "#!/bin/bash\n"), ("apps/web/crlf.yaml", "image: app:1.1\r\n")]);
    assert_eq!(source.write(&tip, &edits, &new_commit(), Write::Files).expect("written"), Written::Files);
    let run = fs::metadata(root.join("apps/run.sh")).expect("a file");
    assert_eq!(run.mode() & 0o777, 0o751);
    assert_eq!(fs::read(root.join("apps/web/crlf.yaml")).expect("a file"), b"image: app:1.1\r\n");
    assert!(fs::symlink_metadata(root.join("apps/link.yaml")).expect("a link").is_symlink());
    assert_eq!(git(root, &["status", "--porcelain"]), " M apps/run.sh\n M apps/web/crlf.yaml\n?? dirty.yaml\n", "and no temporary file");
}

#[test]
fn nothing_is_written_when_one_file_cannot_be() {
    type Hindrance = fn(&Path);
    let rows: [(&str, Hindrance, &str); 4] = [
        ("changed", |root| put(root, "z.yaml", "somebody else\n"), "cannot write the file `z.yaml`: it changed since it was read"),
        ("gone", |root| fs::remove_file(root.join("z.yaml")).expect("removed"), "cannot write the file `z.yaml`: it changed since it was read"),
        (
            "read-only",
            |root| fs::set_permissions(root.join("z.yaml"), fs::Permissions::from_mode(0o444)).expect("a mode"),
            "cannot write the file `z.yaml`: it is read-only",
        ),
        (
            "link now",
            |root| {
                fs::rename(root.join("z.yaml"), root.join("y.yaml")).expect("renamed");
                symlink("y.yaml", root.join("z.yaml")).expect("a link");
            },
            "cannot write `z.yaml`: it is no regular file",
        ),
    ];
    for (word, hinder, told) in rows {
        let (here, folder) = (Here::new(), tempfile::tempdir().expect("a folder"));
        put(folder.path(), "a.yaml", "a: 1\n");
        put(folder.path(), "z.yaml", "z: 1\n");
        let (source, tip) = here.read(&name(folder.path())).expect("a tip");
        for path in ["a.yaml", "z.yaml"] {
            text(&source, &tip, path);
        }
        hinder(folder.path());
        let error = source.write(&tip, &changes(&[("a.yaml", "a: 2\n"), ("z.yaml", "z: 2\n")]), &new_commit(), Write::Files).expect_err(word);
        assert_eq!(error.to_string(), told, "{word}");
        assert_eq!(fs::read_to_string(folder.path().join("a.yaml")).expect("a file"), "a: 1\n", "{word}");
        assert!(!fs::read_dir(folder.path()).expect("a folder").any(|entry| name(&entry.expect("an entry").path()).contains(".tagalong-")), "{word}");
    }
}

#[test]
fn a_commit_takes_its_own_files_alone_and_leaves_the_index() {
    let (fleet, here) = (fleet(), Here::new());
    let checkout = fleet.checkout();
    let root = checkout.path();
    put(root, "staged.yaml", "mine\n");
    git(root, &["add", "staged.yaml"]);
    put(root, "other/deep/down/x.yaml", "x: mine\n");
    let (source, tip) = here.read(&name(root)).expect("a tip");
    text(&source, &tip, "apps/web/deploy.yaml");
    let commit = committed(source.write(&tip, &changes(&[("apps/web/deploy.yaml", "image: app:1.1\n")]), &new_commit(), Write::Commit));
    assert_eq!(git(root, &["rev-parse", "main"]).trim(), commit);
    assert_eq!(git(root, &["show", "--format=%an", "--name-only", "main"]), "Tagalong\n\napps/web/deploy.yaml\n");
    assert_eq!(git(root, &["status", "--porcelain"]), " M other/deep/down/x.yaml\nA  staged.yaml\n");
    assert_eq!(git(root, &["fsck", "--strict"]), "");
}

#[test]
fn a_commit_is_refused_before_anything_is_written() {
    type Hindrance = fn(&Path);
    let rows: [(&str, Hindrance, &str); 12] = [
        ("dirty file", |root| put(root, "apps/web/deploy.yaml", "image: app:1.0 # mine\n"), "it has changes that are not committed"),
        (
            "staged file",
            |root| {
                put(root, "apps/web/deploy.yaml", "image: app:1.0 # mine\n");
                git(root, &["add", "."]);
            },
            "it has changes that are not committed",
        ),
        ("untracked file", |root| drop(git(root, &["rm", "--quiet", "--cached", "apps/web/deploy.yaml"])), "it has changes that are not committed"),
        ("no branch", |root| drop(git(root, &["checkout", "--quiet", "--detach"])), "no branch is checked out"),
        (
            "a merge",
            |root| {
                git(root, &["checkout", "--quiet", "-b", "side"]);
                git(root, &["commit", "--quiet", "--allow-empty", "-m", "side"]);
                git(root, &["checkout", "--quiet", "main"]);
                git(root, &["commit", "--quiet", "--allow-empty", "-m", "main"]);
                git(root, &["merge", "--quiet", "--no-commit", "side"]);
            },
            "a merge is under way",
        ),
        (
            "intent to add",
            |root| {
                git(root, &["rm", "--quiet", "--cached", "apps/web/deploy.yaml"]);
                git(root, &["add", "--intent-to-add", "apps/web/deploy.yaml"]);
            },
            "it has changes that are not committed",
        ),
        ("a rebase", |root| stopped(root, "rebase"), "no branch is checked out"),
        ("a cherry-pick", |root| stopped(root, "cherry-pick"), "a cherry-pick is under way"),
        ("a revert", |root| put(root, ".git/REVERT_HEAD", &git(root, &["rev-parse", "HEAD"])), "a revert is under way"),
        ("an index that only git reads", |root| drop(git(root, &["update-index", "--split-index"])), "unsupported mandatory extension: 'link'"),
        ("a sparse index", |root| drop(git(root, &["sparse-checkout", "set", "--sparse-index", "apps"])), "unsupported mandatory extension: 'sdir'"),
        ("a lock", |root| put(root, ".git/index.lock", ""), "another process has locked it: index.lock exists"),
    ];
    for (word, hinder, told) in rows {
        let (fleet, here) = (fleet(), Here::new());
        let checkout = fleet.checkout();
        let root = checkout.path();
        hinder(root);
        let (source, tip) = here.read(&name(root)).expect("a tip");
        let before = text(&source, &tip, "apps/web/deploy.yaml");
        let error = source.write(&tip, &changes(&[("apps/web/deploy.yaml", "image: app:1.1\n")]), &new_commit(), Write::Commit).expect_err(word);
        assert!(error.to_string().ends_with(told), "{word}: {error}");
        assert!(error.hint().is_some() && error.blame() != Blame::Bug, "{word}");
        assert_eq!(fs::read_to_string(root.join("apps/web/deploy.yaml")).expect("a file"), before, "{word}");
    }
}

#[test]
fn line_ends_are_committed_as_the_attributes_say() {
    let (fleet, here) = (Bare::with(&[(".gitattributes", "*.yaml text eol=crlf\n"), ("a.yaml", "image: app:1.0\n")]), Here::new());
    let checkout = fleet.checkout();
    let root = checkout.path();
    let (source, tip) = here.read(&name(root)).expect("a tip");
    assert_eq!(text(&source, &tip, "a.yaml"), "image: app:1.0\r\n");
    committed(source.write(&tip, &changes(&[("a.yaml", "image: app:1.1\r\n")]), &new_commit(), Write::Commit));
    assert_eq!(git(root, &["show", "main:a.yaml"]), "image: app:1.1\n");
    assert_eq!(git(root, &["status", "--porcelain"]), "");
}

#[test]
fn a_linked_work_tree_is_a_work_tree() {
    let (fleet, here) = (fleet(), Here::new());
    let checkout = fleet.checkout();
    let folder = tempfile::tempdir().expect("a folder");
    let linked = folder.path().join("linked");
    let added = command(checkout.path()).args(["worktree", "add", "--quiet", "-b", "feature"]).arg(&linked).status().expect("git");
    assert!(added.success());
    let (source, tip) = here.read(&name(&linked)).expect("a tip");
    assert_eq!(tip.branch.as_deref(), Some("feature"));
    text(&source, &tip, "apps/web/deploy.yaml");
    let commit = committed(source.write(&tip, &changes(&[("apps/web/deploy.yaml", "image: app:1.1\n")]), &new_commit(), Write::Commit));
    assert_eq!(git(checkout.path(), &["rev-parse", "feature"]).trim(), commit);
    assert_eq!(git(&linked, &["status", "--porcelain"]), "");
}

/// `git` tells times apart by seconds, libgit2 by less: what one doubts the other believes.
#[test]
fn a_change_in_the_second_of_the_index_is_not_hidden_by_a_commit() {
    let tree = Bare::with(&[("a.yaml", "image: app:1.0\n"), ("b.yaml", "b: 1\n")]).checkout();
    let changed_at = |path: &str, nanoseconds| {
        let file = fs::File::options().write(true).open(tree.path().join(path)).expect("a file");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, nanoseconds)).expect("a time");
    };
    git(tree.path(), &["config", "core.trustctime", "false"]);
    changed_at("b.yaml", 100_000_000);
    git(tree.path(), &["update-index", "--refresh"]);
    changed_at(".git/index", 900_000_000);
    fs::write(tree.path().join("b.yaml"), "b: 2\n").expect("a file");
    changed_at("b.yaml", 500_000_000);

    let (source, tip) = Here::new().read(tree.path().to_str().expect("text")).expect("a tip");
    source.content(file(&tip, "a.yaml"), 1 << 20).expect("read");
    committed(source.write(&tip, &changes(&[("a.yaml", "image: app:1.1\n")]), &new_commit(), Write::Commit));
    assert_eq!(git(tree.path(), &["status", "--porcelain"]), " M b.yaml\n");
}

/// Two branches that want different things of one file, and the command that brings them together, stopped.
fn stopped(root: &Path, verb: &str) {
    git(root, &["checkout", "--quiet", "-b", "side"]);
    put(root, "x.yaml", "x: side\n");
    git(root, &["add", "x.yaml"]);
    git(root, &["commit", "--quiet", "-m", "side"]);
    git(root, &["checkout", "--quiet", "main"]);
    put(root, "x.yaml", "x: main\n");
    git(root, &["add", "x.yaml"]);
    git(root, &["commit", "--quiet", "-m", "main"]);
    let output = command(root).args([verb, "side"]).output().expect("git");
    assert!(!output.status.success(), "it stops at the conflict");
}

#[test]
fn what_else_stands_in_the_index_stays_as_it_was() {
    let (fleet, here) = (fleet(), Here::new());
    let checkout = fleet.checkout();
    let root = checkout.path();
    // A hunk is staged and another is not; one file is to be added, one is told to be left alone, one is gone.
    put(root, "other/deep/down/x.yaml", "x: staged\n");
    git(root, &["add", "other/deep/down/x.yaml"]);
    put(root, "other/deep/down/x.yaml", "x: mine\n");
    put(root, "later.yaml", "later: 1\n");
    git(root, &["add", "--intent-to-add", "later.yaml"]);
    git(root, &["update-index", "--assume-unchanged", "apps/run.sh"]);
    git(root, &["rm", "--quiet", "--cached", "apps/web/crlf.yaml"]);
    let entries =
        || git(root, &["ls-files", "-v", "--stage"]).lines().filter(|line| !line.ends_with("deploy.yaml")).map(str::to_owned).collect::<Vec<_>>();
    let (before, status) = (entries(), git(root, &["status", "--porcelain"]));
    let (source, tip) = here.read(&name(root)).expect("a tip");
    text(&source, &tip, "apps/web/deploy.yaml");
    let commit = committed(source.write(&tip, &changes(&[("apps/web/deploy.yaml", "image: app:1.1\n")]), &new_commit(), Write::Commit));
    assert_eq!(git(root, &["show", "--format=%H", "--name-only", "main"]), format!("{commit}\n\napps/web/deploy.yaml\n"));
    assert_eq!((entries(), git(root, &["status", "--porcelain"])), (before, status));
    assert!(!root.join(".git/index.lock").exists());
    assert_eq!(git(root, &["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn every_kind_of_checkout_is_committed_to() {
    type Make = fn(&Bare, &Path);
    let rows: [(&str, Make); 4] = [
        ("a work tree of a bare repository", |fleet, folder| drop(fleet.git(&["worktree", "add", "--quiet", "-b", "feature", &name(folder)]))),
        ("a Git folder elsewhere", |fleet, folder| {
            let elsewhere = fleet.root().join("elsewhere.git");
            fleet.git(&["clone", "--quiet", "--separate-git-dir", &name(&elsewhere), &fleet.file_url(), &name(folder)]);
        }),
        ("a sparse checkout", |fleet, folder| {
            fleet.git(&["clone", "--quiet", &fleet.file_url(), &name(folder)]);
            git(folder, &["sparse-checkout", "set", "--no-sparse-index", "apps"]);
        }),
        ("a shallow clone", |fleet, folder| drop(fleet.git(&["clone", "--quiet", "--depth", "1", &fleet.file_url(), &name(folder)]))),
    ];
    for (word, make) in rows {
        let (fleet, here) = (fleet(), Here::new());
        fleet.commit("main", &[("more.yaml", "a: 1\n")]);
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("checkout");
        make(&fleet, &root);
        let (source, tip) = here.read(&name(&root)).expect("a tip");
        text(&source, &tip, "apps/web/deploy.yaml");
        let commit = committed(source.write(&tip, &changes(&[("apps/web/deploy.yaml", "image: app:1.1\n")]), &new_commit(), Write::Commit));
        assert_eq!(git(&root, &["show", "--format=%H", "--name-only", "HEAD"]), format!("{commit}\n\napps/web/deploy.yaml\n"), "{word}");
        assert_eq!(git(&root, &["status", "--porcelain"]), "", "{word}");
        assert_eq!(git(&root, &["ls-files", "other"]), "other/deep/down/x.yaml\n", "{word}: what is not checked out stays in Git");
        assert_eq!(git(&root, &["fsck", "--no-dangling"]), "", "{word}");
    }
}

#[test]
fn a_branch_that_moves_under_a_commit_leaves_no_change_behind() {
    let (fleet, here) = (fleet(), Here::new());
    let checkout = fleet.checkout();
    let root = checkout.path();
    let (source, tip) = here.read(&name(root)).expect("a tip");
    text(&source, &tip, "apps/web/deploy.yaml");
    let theirs = git(root, &["commit-tree", "-p", "main", "-m", "theirs", "main^{tree}"]);
    git(root, &["update-ref", "refs/heads/main", theirs.trim()]);
    let error = source.write(&tip, &changes(&[("apps/web/deploy.yaml", "image: app:1.1\n")]), &new_commit(), Write::Commit).expect_err("it moved");
    assert!(matches!(error, WriteError::Moved { .. }), "{error}");
    assert_eq!(git(root, &["status", "--porcelain"]), "", "the file is as it was");
    assert!(!root.join(".git/index.lock").exists());
}
