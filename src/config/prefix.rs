//! Prefixes of image names.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::image::{Name, Repository};

/// Which repositories an entry is for: `host[:port][/path]`.
///
/// # Shape
/// `*` stands for one whole label of the host or one whole part of the path. Docker Hub's names are all `docker.io`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    host: String,
    path: Vec<String>,
}

impl Prefix {
    /// Reads a prefix.
    ///
    /// # Errors
    /// The text is none; the error is one sentence that quotes it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("`{}` is no prefix of image names: {why}", text.escape_debug()));
        if text.contains("://") {
            return refuse("it has no scheme, write only `host[:port][/path]`");
        }
        let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
        if !(host.contains(['.', ':', '*']) || host == "localhost") {
            return refuse("it begins with a host, which has a dot or a port or is `localhost`");
        }
        let parts = || host.split(['.', ':']).chain(path.into_iter().flat_map(|path| path.split('/')));
        if parts().any(|part| part.contains('*') && part != "*") {
            return refuse("`*` stands for a whole label");
        }
        let sample = format!("{}/{}", host.replace('*', "x.x"), path.unwrap_or("x").replace('*', "x"));
        let Ok(sample) = Name::parse(&sample) else {
            return refuse("write it as `host[:port][/path]`");
        };
        let host = if sample.repository().registry.as_ref() == "docker.io" { "docker.io".to_owned() } else { host.to_ascii_lowercase() };
        Ok(Self { host, path: path.into_iter().flat_map(|path| path.split('/')).map(str::to_owned).collect() })
    }

    /// The host, and its port where one is written.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The parts of the path; none where the prefix is a host alone.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Whether a `*` stands in it.
    pub fn has_wildcard(&self) -> bool {
        self.host.contains('*') || self.path.iter().any(|part| part == "*")
    }

    /// Whether the host of a repository is meant, whatever its path.
    pub fn covers_host(&self, registry: &str) -> bool {
        let mut labels = registry.split('.');
        self.host.split('.').all(|wanted| labels.next().is_some_and(|label| fits(wanted, label))) && labels.next().is_none()
    }

    /// Whether a repository is meant.
    pub fn covers(&self, repository: &Repository) -> bool {
        let mut parts = repository.path.split('/');
        self.covers_host(&repository.registry) && self.path.iter().all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
    }

    /// What makes one of two prefixes that cover the same repository the closer one: more parts, fewer `*`, more text.
    pub(super) fn closeness(&self) -> (usize, std::cmp::Reverse<usize>, usize) {
        let text = self.to_string();
        (self.path.len(), std::cmp::Reverse(text.matches('*').count()), text.len())
    }
}

/// A label with a port (`*:5000`) is matched by its parts.
fn fits(wanted: &str, label: &str) -> bool {
    match wanted.strip_prefix('*') {
        Some("") => !label.contains(':'),
        Some(port) => label.ends_with(port) && label.len() > port.len() && !label[..label.len() - port.len()].contains(':'),
        None => wanted == label,
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.path.iter().try_for_each(|part| write!(f, "/{part}"))
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(text: &str) -> Repository {
        Name::parse(text).expect(text).repository()
    }

    #[test]
    fn a_prefix_covers_whole_labels_and_whole_parts() {
        for (word, prefix, name, covers) in [
            ("host", "ghcr.io", "ghcr.io/acme/app", true),
            ("case of the host", "GHCR.io", "ghcr.io/acme/app", true),
            ("path", "ghcr.io/acme", "ghcr.io/acme/app", true),
            ("the repository itself", "ghcr.io/acme/app", "ghcr.io/acme/app", true),
            ("half a part", "ghcr.io/ac", "ghcr.io/acme/app", false),
            ("half a host", "hcr.io", "ghcr.io/acme/app", false),
            ("port", "registry.corp:5000", "registry.corp:5000/app", true),
            ("other port", "registry.corp:5000", "registry.corp:5001/app", false),
            ("no port", "registry.corp", "registry.corp:5000/app", false),
            ("one label", "*.corp.example", "a.corp.example/app", true),
            ("two labels for one", "*.corp.example", "a.b.corp.example/app", false),
            ("no label for one", "*.corp.example", "corp.example/app", false),
            ("a label and a port", "*:5000", "registry:5000/app", true),
            ("a label does not hide a port", "registry.*", "registry.corp:5000/app", false),
            ("a part", "registry.corp/*/app", "registry.corp/team/app", true),
            ("a part that is not there", "registry.corp/app/*", "registry.corp/app", false),
            ("Docker Hub's other name", "index.docker.io", "redis", true),
            ("Docker Hub's library", "docker.io/library", "redis:7".split(':').next().expect("a name"), true),
            ("address", "[::1]:5000", "[::1]:5000/app", true),
            ("localhost", "localhost:5000", "localhost:5000/app", true),
        ] {
            assert_eq!(Prefix::parse(prefix).expect(word).covers(&repository(name)), covers, "{word}");
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for (word, text) in [
            ("scheme", "https://ghcr.io"),
            ("no host", "acme"),
            ("empty", ""),
            ("half a label", "gh*.io"),
            ("empty part", "ghcr.io//app"),
            ("slash at the end", "ghcr.io/"),
            ("tag", "ghcr.io/app:1"),
            ("space", "ghcr.io /app"),
        ] {
            assert!(Prefix::parse(text).is_err(), "{word}");
        }
    }
}
