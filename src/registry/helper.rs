//! Credential helpers: programs that know credentials.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::SecretString;
use serde::Deserialize;
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::{Instant, timeout},
};

use super::flight::Flights;
use crate::config::{Grant, Helper, server_names};

/// The longest answer of a helper; what is longer is no credential.
const ANSWER: u64 = 64 * 1024;
/// How long a helper that gave nothing is left alone.
const NOTHING_FOR: Duration = Duration::from_mins(1);

/// Why a helper gave no answer. What it wrote is never shown, since it may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HelperError {
    /// There is no such program.
    #[error("the credential helper `{program}` is not installed")]
    Missing {
        /// The program.
        program: String,
    },
    /// It cannot be started.
    #[error("the credential helper `{program}` cannot be started: {reason}")]
    NotStarted {
        /// The program.
        program: String,
        /// What the system says.
        reason: String,
    },
    /// It takes too long.
    #[error("the credential helper `{program}` gave no answer in {} s", after.as_secs_f32())]
    Silent {
        /// The program.
        program: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// It failed.
    #[error("the credential helper `{program}` failed with {status}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
    },
    /// Its answer is no credential.
    #[error("the credential helper `{program}` answered with what is no credential: {why}")]
    Unreadable {
        /// The program.
        program: String,
        /// What is wrong.
        why: &'static str,
    },
}

impl HelperError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { program } => {
                format!("put `{program}` into a folder of `PATH`, or remove it from the Docker configuration")
            }
            Self::NotStarted { program, .. } | Self::Failed { program, .. } | Self::Unreadable { program, .. } | Self::Silent { program, .. } => {
                format!("try `echo HOST | {program} get` as the user who runs this, or give the registry a credential under `registries:`")
            }
        })
    }
}

/// What a helper said about one key.
type Answer = Result<Option<Grant>, HelperError>;

/// Everything that helpers said.
#[derive(Default)]
pub(super) struct Helpers {
    answers: Flights<(Helper, String), (Instant, Answer)>,
}

impl Helpers {
    /// What a helper knows about a key of the Docker configuration.
    pub(super) async fn ask(&self, helper: &Helper, key: &str, patience: Duration) -> Answer {
        let good = |(at, answer): &(Instant, Answer)| matches!(answer, Ok(Some(_))) || at.elapsed() < NOTHING_FOR;
        let ask = async {
            let answer = ask(&helper.program(), key, patience).await;
            Ok((Instant::now(), answer))
        };
        match self.answers.share((helper.clone(), key.to_owned()), good, ask).await {
            Ok((_, answer)) => answer,
            // A helper's failure is an answer, so the question itself never fails.
            Err(_) => Ok(None),
        }
    }

    /// Forgets what a helper said: what it gave is no longer taken.
    pub(super) fn forget(&self, helper: &Helper, key: &str) {
        self.answers.forget(&(helper.clone(), key.to_owned()));
    }
}

/// Asks for each name that the key may have.
async fn ask(program: &str, key: &str, patience: Duration) -> Answer {
    for server in server_names(key) {
        if let Some(grant) = get(program, server, patience).await? {
            return Ok(Some(grant));
        }
    }
    Ok(None)
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// `PROGRAM get`, with the server on its standard input; no shell sees either.
async fn get(program: &str, server: &str, patience: Duration) -> Answer {
    let program = || program.to_owned();
    let mut command = Command::new(program());
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => HelperError::Missing { program: program() },
        kind => HelperError::NotStarted { program: program(), reason: kind.to_string() },
    })?;
    let mut group = Group::led_by(&child);
    let ended = timeout(patience, talk(&mut child, server)).await.map_err(|_| HelperError::Silent { program: program(), after: patience })?;
    let (printed, status) = ended.map_err(|error| HelperError::NotStarted { program: program(), reason: error.kind().to_string() })?;
    let unreadable = |why| HelperError::Unreadable { program: program(), why };
    let Some(status) = status else {
        return Err(unreadable("it is longer than 64 KiB"));
    };
    group.let_go();
    if !status.success() {
        return if says_not_found(&printed) { Ok(None) } else { Err(HelperError::Failed { program: program(), status: status.to_string() }) };
    }
    let Printed { username, secret } = serde_json::from_slice(&printed).map_err(|_| unreadable("it is not the JSON of one"))?;
    Ok((!secret.is_empty()).then(|| Grant::of_pair(username, SecretString::from(secret))))
}

/// Tells the server and reads the answer; there is no status where the answer does not end.
async fn talk(child: &mut Child, server: &str) -> io::Result<(Vec<u8>, Option<ExitStatus>)> {
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read is judged by what it prints.
        let _unread = input.write_all(server.as_bytes()).await;
    }
    let mut printed = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(ANSWER + 1).read_to_end(&mut printed).await?;
    }
    let ends = printed.len() as u64 <= ANSWER;
    Ok((printed, if ends { Some(child.wait().await?) } else { None }))
}

/// A helper and whatever it started; all of them end with this value, unless they are let go.
struct Group(Option<Pid>);

impl Group {
    fn led_by(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    fn let_go(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _already_gone = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// The words by which helpers say that they know nothing.
///
/// # Source
/// `docker-credential-helpers`, `credentials/error.go`.
fn says_not_found(printed: &[u8]) -> bool {
    String::from_utf8_lossy(printed).to_ascii_lowercase().contains("credentials not found")
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        path::{Path, PathBuf},
    };

    use rustix::process::test_kill_process_group;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::Credential;

    /// Writes a script by another process: a file that this process wrote may still be open in a child that another test starts, and such a file cannot be run.
    fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        let mut install =
            std::process::Command::new("install").args(["-m", "755", "/dev/stdin"]).arg(&path).stdin(Stdio::piped()).spawn().expect("`install`");
        install.stdin.take().expect("its input").write_all(format!("#!/bin/sh\n{text}\n").as_bytes()).expect("written");
        assert!(install.wait().expect("it ends").success());
        path
    }

    fn shown(answer: Answer) -> String {
        match answer {
            Ok(None) => "none".to_owned(),
            Ok(Some(Grant::Credential(Credential::Basic { user, password }))) => format!("{user}:{}", password.expose_secret()),
            Ok(Some(Grant::Credential(Credential::Token(_)))) => "a token".to_owned(),
            Ok(Some(Grant::Identity { token, .. })) => format!("identity {}", token.expose_secret()),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_helper_answers_in_one_of_these_ways() {
        let folder = tempfile::tempdir().expect("a folder");
        for (word, text, says) in [
            ("a password", r#"read -r server; echo "{\"ServerURL\":\"$server\",\"Username\":\"u-$1\",\"Secret\":\"$server\"}""#, "u-get:ghcr.io"),
            ("an identity token", r#"echo '{"Username":"<token>","Secret":"t"}'"#, "identity t"),
            ("no secret", r#"echo '{"ServerURL":"","Username":"","Secret":""}'"#, "none"),
            ("not found", "echo credentials not found in native keychain; exit 1", "none"),
            ("not found, in other letters", "echo Credentials not found; exit 2", "none"),
            ("a failure", "echo hunter2; exit 3", "failed with exit status: 3"),
            ("a death", "kill -9 $$", "failed with signal: 9"),
            ("no JSON", "echo hunter2", "it is not the JSON of one"),
            ("nothing", "exit 0", "it is not the JSON of one"),
            ("without end", "exec cat /dev/zero", "it is longer than 64 KiB"),
        ] {
            let path = script(folder.path(), &word.replace([' ', ','], "-"), text);
            let said = shown(get(path.to_str().expect("text"), "ghcr.io", Duration::from_secs(20)).await);
            assert!(said.ends_with(says) || said.contains(&format!("{says} (")), "{word}: {said}");
            assert!(!said.contains("hunter2"), "{word}: {said}");
        }
        let missing = shown(get(folder.path().join("missing").to_str().expect("text"), "ghcr.io", Duration::from_secs(20)).await);
        assert!(missing.ends_with("missing` is not installed"), "{missing}");
        let folder_itself = shown(get(folder.path().to_str().expect("text"), "ghcr.io", Duration::from_secs(20)).await);
        assert!(folder_itself.contains("cannot be started"), "{folder_itself}");
    }

    #[tokio::test]
    async fn a_helper_that_hangs_ends_with_all_that_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let note = folder.path().join("group");
        for (word, text) in [
            ("the helper", "echo $$ > NOTE.new; mv NOTE.new NOTE; exec cat NOTE.fifo"),
            ("its child alone", "echo $$ > NOTE.new; cat NOTE.fifo & mv NOTE.new NOTE; exit 0"),
        ] {
            let pipe = std::process::Command::new("mkfifo").arg(folder.path().join("group.fifo")).status().expect("`mkfifo`");
            assert!(pipe.success());
            let path = script(folder.path(), &word.replace(' ', "-"), &text.replace("NOTE", note.to_str().expect("text")));
            let said = shown(get(path.to_str().expect("text"), "ghcr.io", Duration::from_secs(1)).await);
            assert!(said.ends_with("gave no answer in 1 s"), "{word}: {said}");
            let group: i32 = std::fs::read_to_string(&note).expect("it began").trim().parse().expect("a number");
            let group = Pid::from_raw(group).expect("a group");
            while test_kill_process_group(group).is_ok() {
                tokio::task::yield_now().await;
            }
            std::fs::remove_file(folder.path().join("group.fifo")).expect("removed");
        }
    }
}
