//! How each registry is asked.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    num::NonZeroU16,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Deserializer, de::Error as _};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{CredentialSource, Lines, Prefix, SecretSource, defaults, duration::PositiveSpan, key::section, secret::SignIn};
use crate::image::{Name, Repository};

/// The entries under `registries:`, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Registries {
    /// The entries.
    pub entries: Vec<RegistryEntry>,
    /// How hard a host may be asked where none of its entries says.
    #[serde(skip)]
    pub default_budget: Budget,
    /// Authorities that every host is trusted by, beside those of the system.
    #[serde(skip)]
    pub ca_file: Option<PathBuf>,
}

/// How the repositories below one prefix are asked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct RegistryEntry {
    /// Which repositories it is for.
    pub prefix: Prefix,
    /// The repositories in Git that it serves; none named means all.
    pub serves: Vec<String>,
    /// Where the API of this name is really asked.
    pub endpoint: Option<Endpoint>,
    /// The prefix below which tags and metadata are asked instead.
    pub list_from: Option<Prefix>,
    /// How much is trusted.
    pub security: Security,
    /// The authority that signed the registry's certificate, beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// The certificate that is shown to a host that asks for one.
    pub client_certificate: Option<ClientCertificate>,
    /// What opens it.
    pub credential: Option<CredentialSource>,
    /// How many requests may be under way at once.
    pub concurrency: Option<NonZeroU16>,
    /// How many requests may begin in a second.
    pub requests_per_second: Option<f64>,
    /// How old a tag list may get.
    pub interval: Option<Duration>,
    /// Where its keys stand in the file.
    pub lines: Lines,
}

/// A certificate that a client shows, and its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCertificate {
    /// The file of the certificate, and of those that signed it.
    pub certificate: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
}

/// How much is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Https with a certificate that somebody known vouches for; plain http only on loopback.
    #[default]
    Verified,
    /// Any certificate, and plain http where there is none.
    Insecure,
}

/// A scheme, a host and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Docker Hub, by its name in images and by those of its servers.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// How hard a host may be asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Requests under way at once.
    pub concurrency: u16,
    /// Requests begun in a second.
    pub requests_per_second: f64,
}

/// How long an answer is waited for, and how often it is asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For one request, retries included; time spent in the budget's queue does not count.
    pub request: Duration,
    /// For a whole tag list.
    pub listing: Duration,
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes.
    pub stall: Duration,
    /// For a credential helper.
    pub helper: Duration,
    /// Tries of one request.
    pub tries: u32,
    /// The longest pause before the second try; it doubles from then on.
    pub first_pause: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        defaults::BUDGET
    }
}

/// Whether a number of requests in a second is one that can be kept to.
pub fn is_rate(number: f64) -> bool {
    number.is_finite() && number > 0.0
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            listing: Duration::from_mins(5),
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(15),
            helper: Duration::from_secs(5),
            tries: 4,
            first_pause: Duration::from_millis(500),
        }
    }
}

impl Registries {
    /// The entry for a repository: the longest prefix wins, and of two equal ones the first.
    pub fn entry_for(&self, repository: &Repository) -> Option<&RegistryEntry> {
        self.entries.iter().rev().filter(|entry| entry.prefix.covers(repository)).max_by_key(|entry| entry.prefix.closeness())
    }

    /// The entry for a host as a whole, as [`Registries::entry_for`].
    pub fn entry_for_host(&self, host: &str) -> Option<&RegistryEntry> {
        let covering = self.entries.iter().rev().filter(|entry| entry.prefix.path().is_empty() && entry.prefix.covers_host(host));
        covering.max_by_key(|entry| entry.prefix.closeness())
    }

    /// Whether a host stands in an entry: in its prefix, or as the place where the prefix is really asked.
    pub fn lists(&self, host: &str) -> bool {
        let host = if DOCKER_HUB.contains(&host) { DOCKER_HUB[0] } else { host };
        let is_endpoint = |endpoint: &Endpoint| endpoint.authority() == host;
        self.entries.iter().any(|entry| {
            let from = entry.list_from.as_ref();
            entry.prefix.covers_host(host) || entry.endpoint.as_ref().is_some_and(is_endpoint) || from.is_some_and(|from| from.covers_host(host))
        })
    }

    /// Only the entries that serve the repository in Git of this name.
    #[must_use]
    pub fn serving(&self, name: &str) -> Self {
        let serves = |entry: &&RegistryEntry| entry.serves.is_empty() || entry.serves.iter().any(|served| served == name);
        Self { entries: self.entries.iter().filter(serves).cloned().collect(), ..self.clone() }
    }

    /// Only the entries that serve every repository in Git.
    #[must_use]
    pub fn serving_all(&self) -> Self {
        Self { entries: self.entries.iter().filter(|entry| entry.serves.is_empty()).cloned().collect(), ..self.clone() }
    }

    /// What tells the registries that one repository in Git sees from those that others see: nothing where it sees them as all do, else a
    /// hash of where the entries for it lead, and of where their credentials are configured.
    pub fn view(&self) -> String {
        let own: Vec<String> = self.entries.iter().filter(|entry| !entry.serves.is_empty()).map(RegistryEntry::sight).collect();
        if own.is_empty() {
            return String::new();
        }
        Sha256::digest(own.join("\n")).iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// Plain http and any certificate from this host: all its entries say so, and it has one for the whole host.
    pub(super) fn call_insecure(&mut self, host: &Prefix) {
        self.entries.iter_mut().filter(|entry| entry.prefix.host() == host.host()).for_each(|entry| entry.security = Security::Insecure);
        if !self.entries.iter().any(|entry| entry.prefix == *host) {
            self.entries.push(RegistryEntry { security: Security::Insecure, ..RegistryEntry::bare(host.clone()) });
        }
    }

    /// How hard a host may be asked: the least that any of its entries says.
    pub fn budget(&self, host: &str) -> Budget {
        let entries = || self.entries.iter().filter(|entry| entry.prefix.covers_host(host));
        let default = self.default_budget;
        Budget {
            concurrency: entries().filter_map(|entry| entry.concurrency).min().map_or(default.concurrency, NonZeroU16::get),
            requests_per_second: entries().filter_map(|entry| entry.requests_per_second).reduce(f64::min).unwrap_or(default.requests_per_second),
        }
    }
}

impl RegistryEntry {
    /// An entry that says nothing but whom it is for.
    fn bare(prefix: Prefix) -> Self {
        Self {
            prefix,
            serves: Vec::new(),
            endpoint: None,
            list_from: None,
            security: Security::default(),
            ca_file: None,
            client_certificate: None,
            credential: None,
            concurrency: None,
            requests_per_second: None,
            interval: None,
            lines: Lines::default(),
        }
    }

    /// What decides which lists it shows: where is asked, and as whom. How often and how fast makes no difference.
    fn sight(&self) -> String {
        let Self { prefix, endpoint, list_from, credential, client_certificate, .. } = self;
        format!("{:?}", (prefix.to_string(), endpoint, list_from.as_ref().map(Prefix::to_string), credential, client_certificate))
    }

    /// The same entry with relative paths starting at a folder.
    pub(super) fn based_at(mut self, folder: &Path) -> Self {
        self.ca_file = self.ca_file.map(|path| folder.join(path));
        self.client_certificate = self
            .client_certificate
            .map(|ClientCertificate { certificate, key }| ClientCertificate { certificate: folder.join(certificate), key: folder.join(key) });
        if let Some(CredentialSource::Basic { password: SecretSource::File(path), .. } | CredentialSource::Token(SecretSource::File(path))) =
            &mut self.credential
        {
            *path = folder.join(&*path);
        }
        self
    }

    /// The repository that is asked in place of one that the prefix covers.
    pub fn listed_as(&self, repository: &Repository) -> Option<Repository> {
        let from = self.list_from.as_ref()?;
        let rest = repository.path.split('/').skip(self.prefix.path().len());
        let name: Vec<&str> = from.path().iter().map(String::as_str).chain(rest).collect();
        Name::parse(&format!("{}/{}", from.host(), name.join("/"))).ok().map(|name| name.repository())
    }
}

impl Endpoint {
    /// Reads `scheme://host[:port]`.
    ///
    /// # Errors
    /// The text is something else; the error never quotes a text that may hold a secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("an endpoint is written as `https://host[:port]`: {why}"));
        let Ok(url) = Url::parse(text) else {
            return refuse("this is no URL");
        };
        match url.scheme() {
            _ if !url.username().is_empty() || url.password().is_some() => {
                refuse("a secret is never written here, use `username` and `passwordFile`")
            }
            "http" | "https" if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
                refuse("it has no path; `listFrom` is where a path is written")
            }
            "http" | "https" if url.host_str().is_some() => Ok(Self(url)),
            _ => refuse("its scheme is https, or http where that is allowed"),
        }
    }

    /// The endpoint as a URL with the path `/`.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Its host, and the port where it is not the scheme's own.
    fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// Whether a host, with or without a port, is this machine: `localhost`, `127.0.0.0/8` or `::1`.
pub fn is_loopback(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || bare.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

section! {
    /// What holds for the images whose names begin so. The longest prefix wins.
    "registries[]" Written {
        /// `host[:port][/path]`, with `*` for one label of the host or one part of the path. Required.
        "prefix" prefix: Prefix, "name", "required";
        /// The names of the `repositories` that it serves.
        "for" serves: Vec<String>, "names", "all";
        /// Where the API of this name is really asked: a mirror, or split DNS.
        "endpoint" endpoint: Endpoint, "`https://host[:port]`", "the host itself";
        /// The prefix below which tags and metadata are asked instead, for proxy caches that list only what they hold.
        "listFrom" list_from: Prefix, "name", "none";
        /// Whether plain http, or a certificate that nobody vouches for, is accepted.
        "insecure" insecure: bool, "`true` or `false`", "false";
        /// A private CA for this host.
        "caFile" ca_file: PathBuf, "file", "none";
        /// A certificate that is shown to a host that asks for one, with `clientKeyFile`.
        "clientCertFile" client_cert_file: PathBuf, "file", "none";
        /// The key of that certificate.
        "clientKeyFile" client_key_file: PathBuf, "file", "none";
        /// The user, with `passwordFile` or `passwordEnv`.
        "username" username: String, "text", "none";
        /// A file that holds the password.
        "passwordFile" password_file: PathBuf, "file", "none";
        /// A variable that holds the password.
        "passwordEnv" password_env: String, "name", "none";
        /// A file that holds a token: with `username` in place of a password, else as a bearer token.
        "tokenFile" token_file: PathBuf, "file", "none";
        /// A variable that holds a token.
        "tokenEnv" token_env: String, "name", "none";
        /// Requests at the same time.
        "concurrency" concurrency: NonZeroU16, "number", "`registryBurst`";
        /// Requests per second.
        "requestsPerSecond" requests_per_second: f64, "number", "`registryRps`";
        /// How often a repository is listed.
        "interval" interval: PositiveSpan, "duration", "`registryPollInterval`";
    }
}

impl TryFrom<Written> for RegistryEntry {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Some(prefix) = written.prefix else {
            return Err("a registry needs its `prefix`".to_owned());
        };
        let refuse = |why: &str| Err(format!("the registry `{prefix}` cannot be used: {why}"));
        let security = if written.insecure == Some(true) { Security::Insecure } else { Security::Verified };
        if let Some(Endpoint(url)) = &written.endpoint
            && url.scheme() == "http"
            && security == Security::Verified
            && !is_loopback(url.host_str().unwrap_or_default())
        {
            return refuse("its endpoint is plain http, which needs `insecure: true`");
        }
        if written.list_from.as_ref().is_some_and(Prefix::has_wildcard) {
            return refuse("`listFrom` names one place, without `*`");
        }
        if written.requests_per_second.is_some_and(|rate| !is_rate(rate)) {
            return refuse("`requestsPerSecond` is a number above 0");
        }
        let client_certificate = match (written.client_cert_file, written.client_key_file) {
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            (None, None) => None,
            _ => return refuse("`clientCertFile` and `clientKeyFile` need each other"),
        };
        let Written { username, password_file, password_env, token_file, token_env, .. } = written;
        let credential = match (SignIn { username, password_file, password_env, token_file, token_env }).source() {
            Ok(credential) => credential,
            Err(why) => return refuse(why),
        };
        Ok(Self {
            prefix,
            serves: written.serves.unwrap_or_default(),
            endpoint: written.endpoint,
            list_from: written.list_from,
            security,
            ca_file: written.ca_file,
            client_certificate,
            credential,
            concurrency: written.concurrency,
            requests_per_second: written.requests_per_second,
            interval: written.interval.map(|span| span.0),
            lines: written.lines,
        })
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registries(text: &str) -> Registries {
        serde_json::from_str(text).expect("registries")
    }

    fn repository(text: &str) -> Repository {
        Name::parse(text).expect(text).repository()
    }

    #[test]
    fn the_longest_prefix_wins() {
        let prefixes = ["*.corp", "ghcr.io", "ghcr.io/acme", "ghcr.io/*/app", "ghcr.io/acme/app", "registry.corp", "docker.io"];
        let entries: Vec<String> = prefixes.iter().map(|prefix| format!(r#"{{"prefix":"{prefix}"}}"#)).collect();
        let registries = registries(&format!("[{}]", entries.join(",")));
        for (word, name, prefix) in [
            ("host", "ghcr.io/other/x", Some("ghcr.io")),
            ("path", "ghcr.io/acme/x", Some("ghcr.io/acme")),
            ("the name before a wildcard", "ghcr.io/acme/app", Some("ghcr.io/acme/app")),
            ("a wildcard with more parts", "ghcr.io/other/app", Some("ghcr.io/*/app")),
            ("wildcard", "a.corp/x", Some("*.corp")),
            ("written host before a wildcard", "registry.corp/x", Some("registry.corp")),
            ("Docker Hub", "redis", Some("docker.io")),
            ("nobody", "quay.io/x/y", None),
        ] {
            let entry = registries.entry_for(&repository(name));
            assert_eq!(entry.map(|entry| entry.prefix.to_string()).as_deref(), prefix, "{word}");
        }
    }

    #[test]
    fn of_two_equal_prefixes_the_first_wins() {
        let registries = registries(r#"[{"prefix":"ghcr.io","concurrency":1},{"prefix":"ghcr.io","concurrency":2}]"#);
        let entry = registries.entry_for(&repository("ghcr.io/acme/app")).expect("an entry");
        assert_eq!(entry.concurrency.map(NonZeroU16::get), Some(1));
    }

    #[test]
    fn an_entry_serves_those_that_it_names() {
        let registries = registries(r#"[{"prefix":"ghcr.io","for":["fleet"]},{"prefix":"quay.io"}]"#);
        assert_eq!(registries.serving("fleet").entries.len(), 2);
        assert_eq!(registries.serving("other").entries.len(), 1);
    }

    #[test]
    fn who_asks_elsewhere_or_as_somebody_else_sees_other_registries() {
        let view = |entry: &str| registries(&format!(r#"[{{"prefix":"ghcr.io","for":["fleet"]{entry}}},{{"prefix":"quay.io"}}]"#)).view();
        let password = |user: &str, file: &str| format!(r#","username":"{user}","passwordFile":"{file}""#);
        let one = view(&password("a", "/a"));
        for (word, entry, is_same) in [
            ("the same", password("a", "/a"), true),
            ("how fast", format!(r#"{},"requestsPerSecond":2,"interval":"1h""#, password("a", "/a")), true),
            ("another user", password("b", "/a"), false),
            ("another password", password("a", "/b"), false),
            ("a token", r#","tokenEnv":"A""#.to_owned(), false),
            ("nobody", String::new(), false),
            ("elsewhere", format!(r#"{},"endpoint":"https://mirror.corp""#, password("a", "/a")), false),
            ("listed elsewhere", format!(r#"{},"listFrom":"mirror.corp""#, password("a", "/a")), false),
            ("another certificate", format!(r#"{},"clientCertFile":"c","clientKeyFile":"k""#, password("a", "/a")), false),
        ] {
            assert_eq!(view(&entry) == one, is_same, "{word}");
        }
        let all = registries(r#"[{"prefix":"ghcr.io","for":["fleet"]},{"prefix":"quay.io","tokenEnv":"A"}]"#);
        assert_eq!((all.serving("other").view(), all.serving_all().view()), (String::new(), String::new()), "what all see");
        assert_ne!(all.serving("fleet").view(), "");
    }

    #[test]
    fn a_host_has_the_least_budget_of_its_entries() {
        let registries = registries(
            r#"[{"prefix":"ghcr.io","concurrency":6},{"prefix":"ghcr.io/acme","concurrency":2,"requestsPerSecond":0.5},{"prefix":"quay.io"}]"#,
        );
        assert_eq!(registries.budget("ghcr.io"), Budget { concurrency: 2, requests_per_second: 0.5 });
        assert_eq!(registries.budget("quay.io"), Budget { concurrency: 8, requests_per_second: 20.0 });
    }

    #[test]
    fn a_host_is_listed_wherever_an_entry_names_it() {
        let registries = registries(
            r#"[{"prefix":"ghcr.io/acme"},{"prefix":"*.corp:5000"},{"prefix":"docker.io"},
                {"prefix":"cache.corp/hub","endpoint":"https://mirror.corp:8443","listFrom":"quay.io/x"}]"#,
        );
        for (word, host, listed) in [
            ("below a path", "ghcr.io", true),
            ("wildcard", "a.corp:5000", true),
            ("another port", "a.corp:5001", false),
            ("Docker Hub's server", "registry-1.docker.io", true),
            ("Docker Hub's token service", "auth.docker.io", false),
            ("endpoint", "mirror.corp:8443", true),
            ("endpoint at another port", "mirror.corp", false),
            ("listed from", "quay.io", true),
            ("nowhere", "gcr.io", false),
        ] {
            assert_eq!(registries.lists(host), listed, "{word}");
        }
    }

    #[test]
    fn tags_may_be_listed_elsewhere() {
        for (word, prefix, from, name, listed) in [
            ("proxy of Docker Hub", "mirror.local/hub", "docker.io", "mirror.local/hub/library/redis", "docker.io/library/redis"),
            ("its short names", "mirror.local/hub", "docker.io", "mirror.local/hub/redis", "docker.io/library/redis"),
            ("host for host", "a.corp", "b.corp", "a.corp/x/y", "b.corp/x/y"),
            ("path for path", "a.corp/x", "b.corp/z", "a.corp/x/y", "b.corp/z/y"),
            ("wildcard", "*.corp/x", "b.corp", "a.corp/x/y", "b.corp/y"),
        ] {
            let registries = registries(&format!(r#"[{{"prefix":"{prefix}","listFrom":"{from}"}}]"#));
            let listed_as = registries.entries[0].listed_as(&repository(name)).expect(word);
            assert_eq!(listed_as.to_string(), listed, "{word}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (word, entry, says) in [
            ("two passwords", r#""username":"a","passwordFile":"f","passwordEnv":"e""#, "exclude each other"),
            ("user alone", r#""username":"a""#, "needs `passwordFile`"),
            ("password alone", r#""passwordFile":"f""#, "needs `username`"),
            ("token and password", r#""username":"a","passwordFile":"f","tokenFile":"t""#, "a password and a token"),
            ("plain endpoint", r#""endpoint":"http://mirror.corp""#, "insecure: true"),
            ("secret in the endpoint", r#""endpoint":"https://a:hunter2@mirror.corp""#, "a secret is never written here"),
            ("path in the endpoint", r#""endpoint":"https://mirror.corp/v2/x""#, "listFrom"),
            ("no URL", r#""endpoint":"mirror.corp""#, "this is no URL"),
            ("wildcard to list from", r#""listFrom":"*.corp""#, "without `*`"),
            ("a certificate without its key", r#""clientCertFile":"c""#, "need each other"),
            ("a key without its certificate", r#""clientKeyFile":"k""#, "need each other"),
            ("no request", r#""requestsPerSecond":0"#, "above 0"),
            ("no time", r#""interval":"0s""#, "above zero"),
            ("no unit", r#""interval":"5""#, "lacks its unit"),
        ] {
            let text = format!(r#"[{{"prefix":"ghcr.io",{entry}}}]"#);
            let error = serde_json::from_str::<Registries>(&text).expect_err(word).to_string();
            assert!(error.contains(says), "{word}: {error}");
            assert!(!error.contains("hunter2"), "{word}: {error}");
        }
    }

    #[test]
    fn every_key_is_read() {
        let registries = registries(
            r#"[{"prefix":"registry.corp:5000/team","for":["fleet"],"endpoint":"https://mirror.corp","listFrom":null,"insecure":false,
                "caFile":"/etc/ca.pem","username":"puller","passwordFile":"/etc/pw","concurrency":8,"requestsPerSecond":20,"interval":"5m"}]"#,
        );
        let entry = &registries.entries[0];
        assert_eq!(entry.endpoint.as_ref().map(|endpoint| endpoint.url().as_str()), Some("https://mirror.corp/"));
        let password = SecretSource::File("/etc/pw".into());
        assert_eq!(entry.credential, Some(CredentialSource::Basic { user: "puller".into(), password }));
        assert_eq!(entry.interval, Some(Duration::from_mins(5)));
    }

    #[test]
    fn loopback_is_this_machine() {
        for (host, loopback) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.1.2.3", true),
            ("[::1]:5000", true),
            ("128.0.0.1", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("[::2]", false),
            ("ghcr.io", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host}");
        }
    }
}
