//! Repositories made and judged by the `git` program.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// The `git` program in a folder, with nothing of this machine's configuration.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").expect("a PATH")).env("HOME", "/nonexistent");
    command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_TERMINAL_PROMPT", "0")]);
    command.envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@git.example"), ("GIT_AUTHOR_DATE", "1700000000 +0000")]);
    command.envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@git.example"), ("GIT_COMMITTER_DATE", "1700000000 +0000")]);
    command
}

/// What `git` prints, which must go well.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    String::from_utf8(checked(command(folder).args(arguments).output(), arguments).stdout).expect("text")
}

fn checked(output: std::io::Result<Output>, arguments: &[&str]) -> Output {
    let output = output.expect("the git program: `apt-get install git`");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A bare repository in a folder of its own.
pub struct Bare {
    folder: TempDir,
}

impl Bare {
    /// One without a commit, whose branch is `main`.
    pub fn empty() -> Self {
        let bare = Self { folder: tempfile::tempdir().expect("a folder") };
        git(bare.folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "fleet.git"]);
        bare.git(&["config", "http.receivepack", "true"]);
        bare
    }

    /// One with these files on `main`.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let bare = Self::empty();
        bare.commit("main", files);
        bare
    }

    /// The repository.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("fleet.git")
    }

    /// The folder that holds it.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Its `file://` URL.
    pub fn file_url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    /// What `git` prints in it.
    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.path(), arguments)
    }

    /// Somebody's commit on a branch, which grows or begins; `*` before a path is an executable, `@` a symlink, `+` a submodule, `"` a quoted path.
    pub fn commit(&self, branch: &str, files: &[(&str, &str)]) {
        let from = self.tip(branch).map(|tip| format!("from {tip}\n")).unwrap_or_default();
        let mut stream = format!("commit refs/heads/{branch}\ncommitter Ada <ada@git.example> 1700000000 +0000\ndata 4\nwork\n{from}");
        for (path, content) in files {
            let (mode, path) = match path.split_at(1) {
                ("*", path) => ("100755", path),
                ("@", path) => ("120000", path),
                ("+", path) => ("160000", path),
                _ => ("100644", *path),
            };
            match mode {
                "160000" => writeln!(stream, "M {mode} {content} {path}"),
                _ => writeln!(stream, "M {mode} inline {path}\ndata {}\n{content}", content.len()),
            }
            .expect("text");
        }
        let mut import = command(&self.path());
        import.args(["fast-import", "--quiet", "--force"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut import = import.spawn().expect("git");
        import.stdin.take().expect("a pipe").write_all(stream.as_bytes()).expect("git reads");
        checked(import.wait_with_output(), &["fast-import"]);
    }

    /// Where a branch stands.
    pub fn tip(&self, branch: &str) -> Option<String> {
        let output = command(&self.path()).args(["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]).output().expect("git");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The bytes of a file on `main`.
    pub fn file(&self, path: &str) -> Vec<u8> {
        checked(command(&self.path()).args(["show", &format!("main:{path}")]).output(), &["show", path]).stdout
    }

    /// Installs a hook.
    pub fn hook(&self, name: &str, script: &str) {
        let path = self.path().join("hooks").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a hook");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("an executable hook");
    }

    /// What `git fsck --strict` has to complain about.
    pub fn faults(&self) -> String {
        let output = command(&self.path()).args(["fsck", "--strict", "--no-dangling", "--no-progress"]).output().expect("git");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).replace("notice: HEAD points to an unborn branch (main)\n", "")
    }

    /// A checkout of `main` in a folder of its own.
    pub fn checkout(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        git(folder.path(), &["clone", "--quiet", &self.file_url(), "."]);
        folder
    }
}
