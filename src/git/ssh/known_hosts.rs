//! Which host keys are trusted.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD as BASE64};
use ring::hmac;
use sha2::{Digest, Sha256};

use super::wire;

/// The port that a known host has where none is written.
const DEFAULT_PORT: u16 = 22;

/// A file of known hosts.
///
/// # Source
/// sshd(8), "`SSH_KNOWN_HOSTS` FILE FORMAT".
#[derive(Clone, Debug, Default)]
pub struct KnownHosts {
    /// Where it stands, and where a line would be added.
    path: Option<PathBuf>,
    lines: Vec<Line>,
    /// The only keys that are trusted, by their fingerprints; empty where the lines decide.
    pinned: Vec<String>,
    /// Who vouches for a host that no line names.
    beyond: Beyond,
}

/// Who vouches for a host that no line names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::git) enum Beyond {
    /// Nobody.
    #[default]
    Nobody,
    /// What the large forges publish.
    Forges,
}

/// The host keys that the large forges publish.
static FORGES: LazyLock<KnownHosts> = LazyLock::new(|| KnownHosts::parse(Path::new("forges"), include_str!("forges.known_hosts")));

/// One line that names hosts.
#[derive(Clone, Debug)]
struct Line {
    number: usize,
    marker: Marker,
    hosts: String,
    kind: String,
    key: Vec<u8>,
}

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    Trusted,
    Revoked,
    Authority,
}

/// A host key that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKeyFault {
    /// What stands against it.
    pub reason: HostKeyReason,
    /// The key that the host showed.
    pub shown: ShownKey,
    /// The file that was looked into.
    pub file: Option<PathBuf>,
}

/// Why a host key is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKeyReason {
    /// The host is not named.
    Unknown,
    /// The host is named with another key of the same type, on this line.
    Changed(usize),
    /// The host is named with keys of these other types only.
    OtherTypes(Vec<String>),
    /// The key is revoked, on this line.
    Revoked(usize),
    /// The forge publishes other keys.
    NotOfTheForge,
    /// The configuration names the fingerprints of other keys.
    NotPinned,
}

/// A host key as a host showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownKey {
    /// `ssh-ed25519` and the like.
    pub kind: String,
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// The line by which it would be known.
    pub line: String,
}

impl KnownHosts {
    /// Reads the lines of a file; what is no line of a known host is left out, as OpenSSH does.
    pub fn parse(path: &Path, text: &str) -> Self {
        let lines = text.lines().enumerate().filter_map(|(index, line)| Line::parse(index + 1, line));
        Self { path: Some(path.to_owned()), lines: lines.collect(), ..Self::default() }
    }

    /// No known host; a line would be added to `path`.
    pub fn empty(path: Option<PathBuf>) -> Self {
        Self { path, ..Self::default() }
    }

    /// The same, where only these keys are trusted, by their fingerprints, if there are any.
    #[must_use]
    pub fn pinned(self, fingerprints: &[String]) -> Self {
        let pinned = fingerprints.iter().map(|fingerprint| fingerprint.trim_end_matches('=').to_owned()).collect();
        Self { pinned, ..self }
    }

    /// The same, where the large forges are known by what they publish, if no line names them.
    #[must_use]
    pub fn with_forges(self) -> Self {
        Self { beyond: Beyond::Forges, ..self }
    }

    /// Whether no line tells a host.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Judges the key that a host showed.
    ///
    /// As with OpenSSH, a host on an uncommon port is also known by a line without port that holds this very key.
    ///
    /// # Errors
    /// The key is revoked, another than the known one, or nobody knows the host.
    pub fn judge(&self, host: &str, port: u16, key: &[u8]) -> Result<(), HostKeyFault> {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let name = name(&host, port);
        let kind = wire::kind(key).unwrap_or("unknown");
        let fault = |reason| HostKeyFault { reason, shown: ShownKey::of(&name, kind, key), file: self.path.clone() };
        if !self.pinned.is_empty() {
            let shown = ShownKey::of(&name, kind, key);
            return if self.pinned.contains(&shown.fingerprint) { Ok(()) } else { Err(fault(HostKeyReason::NotPinned)) };
        }
        let naming = |name: String| self.lines.iter().filter(move |line| line.marker != Marker::Authority && line.names(&name));
        let of_host: Vec<&Line> = naming(name.clone()).collect();
        let same: Vec<&Line> = of_host.iter().copied().chain(naming(host.clone())).filter(|line| line.key == key).collect();
        if let Some(line) = same.iter().find(|line| line.marker == Marker::Revoked) {
            return Err(fault(HostKeyReason::Revoked(line.number)));
        }
        if !same.is_empty() {
            return Ok(());
        }
        let trusted = || of_host.iter().filter(|line| line.marker == Marker::Trusted);
        match trusted().find(|line| line.kind == kind) {
            Some(line) => Err(fault(HostKeyReason::Changed(line.number))),
            None if trusted().next().is_some() => Err(fault(HostKeyReason::OtherTypes(trusted().map(|line| line.kind.clone()).collect()))),
            None if self.beyond == Beyond::Nobody => Err(fault(HostKeyReason::Unknown)),
            None => match FORGES.judge(&host, port, key) {
                Ok(()) => Ok(()),
                Err(HostKeyFault { reason: HostKeyReason::Unknown, .. }) => Err(fault(HostKeyReason::Unknown)),
                Err(_) => Err(fault(HostKeyReason::NotOfTheForge)),
            },
        }
    }
}

impl fmt::Display for HostKeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ShownKey { kind, fingerprint, .. } = &self.shown;
        let file = self.file.as_ref().map_or_else(|| "known_hosts".to_owned(), |file| file.display().to_string());
        match &self.reason {
            HostKeyReason::Unknown => write!(f, "its host key is not known: it showed {kind} {fingerprint}"),
            HostKeyReason::Changed(line) => {
                write!(f, "its host key changed: it showed {kind} {fingerprint}, and `{file}` line {line} holds another")
            }
            HostKeyReason::OtherTypes(types) => {
                write!(f, "its host key is known as {} only, and it showed {kind} {fingerprint}", types.join(" and "))
            }
            HostKeyReason::NotOfTheForge => write!(f, "its host key is none that this forge publishes: it showed {kind} {fingerprint}"),
            HostKeyReason::NotPinned => write!(f, "its host key is none of `hostKeyFingerprints`: it showed {kind} {fingerprint}"),
            HostKeyReason::Revoked(line) => write!(f, "its host key {kind} {fingerprint} is revoked in `{file}` line {line}"),
        }
    }
}

impl HostKeyFault {
    /// What to do next.
    pub(in crate::git) fn hint(&self) -> String {
        let line = &self.shown.line;
        let add = match &self.file {
            Some(file) => format!("add this line to `{}`: {line}", file.display()),
            None => format!("name a file with this line with `knownHostsFile`: {line}"),
        };
        match &self.reason {
            HostKeyReason::Unknown | HostKeyReason::OtherTypes(_) => format!("compare the fingerprint with what the host's owner says, then {add}"),
            HostKeyReason::Changed(number) => {
                format!("somebody may stand between: ask the host's owner, and only if the change is meant replace line {number} by: {line}")
            }
            HostKeyReason::NotOfTheForge => {
                format!("somebody may stand between: compare the fingerprint with what the forge publishes, and only then {add}")
            }
            HostKeyReason::NotPinned => "somebody may stand between: compare the fingerprint with what the host's owner says".to_owned(),
            HostKeyReason::Revoked(_) => "ask the host's owner: whoever has this key must not be trusted".to_owned(),
        }
    }
}

/// How a host is called in the file.
fn name(host: &str, port: u16) -> String {
    if port == DEFAULT_PORT { host.to_owned() } else { format!("[{host}]:{port}") }
}

impl ShownKey {
    fn of(name: &str, kind: &str, key: &[u8]) -> Self {
        Self {
            kind: kind.to_owned(),
            fingerprint: format!("SHA256:{}", BASE64.encode(Sha256::digest(key))),
            line: format!("{name} {kind} {}", base64::prelude::BASE64_STANDARD.encode(key)),
        }
    }
}

impl Line {
    fn parse(number: usize, line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().filter(|word| !word.starts_with('#'))?;
        let (marker, hosts) = match first {
            "@revoked" => (Marker::Revoked, words.next()?),
            "@cert-authority" => (Marker::Authority, words.next()?),
            word if word.starts_with('@') => return None,
            hosts => (Marker::Trusted, hosts),
        };
        let (kind, key) = (words.next()?, words.next()?);
        let key = BASE64.decode(key.trim_end_matches('=')).ok()?;
        (wire::kind(&key) == Some(kind)).then(|| Self { number, marker, hosts: hosts.to_owned(), kind: kind.to_owned(), key })
    }

    /// Whether the line is about a host that is called so.
    fn names(&self, name: &str) -> bool {
        if let Some(hashed) = self.hosts.strip_prefix("|1|") {
            return is_hash_of(hashed, name);
        }
        let mut named = false;
        for pattern in self.hosts.split(',') {
            match pattern.strip_prefix('!') {
                Some(pattern) if matches(pattern, name) => return false,
                Some(_) => {}
                None => named |= matches(pattern, name),
            }
        }
        named
    }
}

/// `SALT|HASH`: HMAC-SHA1 of the name, keyed with the salt. It hides names from readers of the file and protects nothing else.
fn is_hash_of(hashed: &str, name: &str) -> bool {
    let decoded = |text: &str| BASE64.decode(text.trim_end_matches('=')).ok();
    let Some((salt, hash)) = hashed.split_once('|').and_then(|(salt, hash)| Some((decoded(salt)?, decoded(hash)?))) else { return false };
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt), name.as_bytes(), &hash).is_ok()
}

/// Whether a pattern of `*` and `?` matches, whatever the case; linear but for one step back per star.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || c.eq_ignore_ascii_case(&name[n]) => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJm";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY=";

    fn blob(key: &str) -> Vec<u8> {
        BASE64.decode(key.split(' ').nth(1).expect("a key").trim_end_matches('=')).expect("base64")
    }

    #[test]
    fn the_large_forges_are_known_by_what_they_publish() {
        // What https://docs.github.com, docs.gitlab.com, bitbucket.org and docs.codeberg.org print beside the keys.
        let published = [
            ("github.com", "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"),
            ("github.com", "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM"),
            ("github.com", "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s"),
            ("gitlab.com", "eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8"),
            ("gitlab.com", "HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw"),
            ("gitlab.com", "ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ"),
            ("bitbucket.org", "ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM"),
            ("bitbucket.org", "FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0"),
            ("bitbucket.org", "46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E"),
            ("codeberg.org", "mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g"),
        ];
        let told =
            FORGES.lines.iter().map(|line| (line.hosts.split(',').next().unwrap_or_default(), ShownKey::of("", &line.kind, &line.key).fingerprint));
        assert_eq!(told.collect::<Vec<_>>(), published.map(|(host, hash)| (host, format!("SHA256:{hash}"))));
    }

    #[test]
    fn what_a_file_says_of_a_forge_wins_over_what_it_publishes() {
        let github = blob(ED25519);
        let file = |text: &str| KnownHosts::parse(Path::new("hosts"), text);
        let reason = |hosts: KnownHosts, host: &str, port, key: &str| hosts.judge(host, port, &blob(key)).err().map(|fault| fault.reason);
        let pin = |hash: &str| vec![format!("SHA256:{hash}")];
        let own = "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU";
        assert_eq!(ShownKey::of("", "ssh-ed25519", &github).fingerprint, format!("SHA256:{own}"));
        for (word, hosts, host, port, key, expected) in [
            ("built in", file("").with_forges(), "github.com", 22, ED25519, None),
            ("over the port of https", file("").with_forges(), "ssh.github.com", 443, ED25519, None),
            ("another key", file("").with_forges(), "github.com", 22, OTHER, Some(HostKeyReason::NotOfTheForge)),
            ("another host", file("").with_forges(), "git.example", 22, ED25519, Some(HostKeyReason::Unknown)),
            ("not built in", file(""), "github.com", 22, ED25519, Some(HostKeyReason::Unknown)),
            ("the file has another", file(&format!("github.com {OTHER}")).with_forges(), "github.com", 22, ED25519, Some(HostKeyReason::Changed(1))),
            ("the file revokes it", file(&format!("@revoked * {ED25519}")).with_forges(), "github.com", 22, ED25519, Some(HostKeyReason::Revoked(1))),
            ("pinned", file("").pinned(&pin(own)), "git.example", 22, ED25519, None),
            ("pinned, with its padding", file("").pinned(&pin(&format!("{own}="))), "git.example", 22, ED25519, None),
            ("pinned to another", file(&format!("* {ED25519}")).pinned(&pin("x")), "git.example", 22, ED25519, Some(HostKeyReason::NotPinned)),
            ("nothing is pinned", file(&format!("* {ED25519}")).pinned(&[]), "git.example", 22, ED25519, None),
        ] {
            assert_eq!(reason(hosts, host, port, key), expected, "{word}");
        }
    }

    #[test]
    fn a_host_is_known_by_its_line() {
        // `ssh-keygen -H` made the hashes, of `git.example` and `[git.example]:2222`.
        for (word, hosts, host, port, known) in [
            ("plain", "git.example", "git.example", 22, true),
            ("case", "Git.Example", "GIT.example", 22, true),
            ("other host", "git.example", "else.example", 22, false),
            ("list", "a.example,git.example,192.0.2.1", "192.0.2.1", 22, true),
            ("port", "[git.example]:2222", "git.example", 2222, true),
            ("other port", "[git.example]:2222", "git.example", 22, false),
            ("line without port", "git.example", "git.example", 2222, true),
            ("star", "*.example", "git.example", 22, true),
            ("star over port", "[*.example]:2222", "git.example", 2222, true),
            ("question mark", "gi?.example", "git.example", 22, true),
            ("two stars", "*i*.ex*e", "git.example", 22, true),
            ("star that ends early", "*.exam", "git.example", 22, false),
            ("exception", "*.example,!git.example", "git.example", 22, false),
            ("exception for another", "*.example,!x.example", "git.example", 22, true),
            ("address of IPv6", "[2001:db8::1]:2222", "[2001:db8::1]", 2222, true),
            ("hash", "|1|DPte5XL4BGyyt/+dRu49x90dgv4=|yoVUp8G47XswhV6XBaEAJwAAexA=", "git.example", 22, true),
            ("hash of another", "|1|DPte5XL4BGyyt/+dRu49x90dgv4=|yoVUp8G47XswhV6XBaEAJwAAexA=", "else.example", 22, false),
            ("hash with port", "|1|8zatp7mc31dVDeZLvz25K7UY3fs=|OnaqLhEp9lgoI7fQNAmuNTnlAgg=", "git.example", 2222, true),
            ("hash with another port", "|1|8zatp7mc31dVDeZLvz25K7UY3fs=|OnaqLhEp9lgoI7fQNAmuNTnlAgg=", "git.example", 22, false),
            ("broken hash", "|1|DPte5XL4", "git.example", 22, false),
        ] {
            let known_hosts = KnownHosts::parse(Path::new("known"), &format!("# comment\n\n{hosts} {ED25519} somebody\n"));
            assert_eq!(known_hosts.judge(host, port, &blob(ED25519)).is_ok(), known, "{word}");
        }
    }

    #[test]
    fn each_reason_is_told_apart() {
        let changed = format!("git.example {ECDSA}\ngit.example {OTHER}");
        for (word, text, reason) in [
            ("empty", String::new(), Some(HostKeyReason::Unknown)),
            ("second key of the type", format!("git.example {OTHER}\ngit.example {ED25519}"), None),
            ("changed", changed, Some(HostKeyReason::Changed(2))),
            ("other type", format!("git.example {ECDSA}"), Some(HostKeyReason::OtherTypes(vec!["ecdsa-sha2-nistp256".to_owned()]))),
            ("revoked", format!("git.example {ED25519}\n@revoked * {ED25519}"), Some(HostKeyReason::Revoked(2))),
            ("another is revoked", format!("git.example {ED25519}\n@revoked * {OTHER}"), None),
            ("only a revoked one", format!("@revoked * {OTHER}"), Some(HostKeyReason::Unknown)),
            ("authority", format!("@cert-authority * {ED25519}"), Some(HostKeyReason::Unknown)),
            ("unknown marker", format!("@friend git.example {ED25519}"), Some(HostKeyReason::Unknown)),
            ("type that is not the key's", format!("git.example ssh-rsa {}", &ED25519[12..]), Some(HostKeyReason::Unknown)),
            ("no base64", "git.example ssh-ed25519 %%%".to_owned(), Some(HostKeyReason::Unknown)),
        ] {
            let judged = KnownHosts::parse(Path::new("known"), &text).judge("git.example", 22, &blob(ED25519));
            assert_eq!(judged.err().map(|fault| fault.reason), reason, "{word}");
        }
    }

    #[test]
    fn an_unknown_key_is_told_with_the_line_to_add() {
        let fault = KnownHosts::empty(None).judge("git.example", 2222, &blob(ED25519)).expect_err("unknown");
        assert_eq!(fault.shown.line, format!("[git.example]:2222 {ED25519}"));
        assert_eq!(fault.shown.fingerprint, "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
        assert!(KnownHosts::parse(Path::new("known"), &fault.shown.line).judge("git.example", 2222, &blob(ED25519)).is_ok());
    }
}
