//! Names of repositories.

use std::fmt;

use super::ReferenceError;

/// A repository's name as somebody wrote it: `redis`, `ghcr.io/acme/app`, `localhost:5000/app`.
///
/// # Source
/// The grammar of the distribution project's `reference` package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

/// Where a name leads: two names are one repository when these are equal.
///
/// # Shape
/// Docker Hub's names are all `docker.io`, and a single word there stands below `library/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// Host, and port where one is written: `docker.io`, `registry.corp:5000`, in lower case.
    pub registry: Box<str>,
    /// The path on that host: `library/redis`.
    pub path: Box<str>,
}

impl Name {
    /// Reads a name without tag and digest.
    ///
    /// # Errors
    /// The text is no name by the grammar, or longer than 255 bytes.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let (domain, path) = split_domain(text);
        if let Some(domain) = domain {
            check_domain(text, domain)?;
        }
        check_path(text, text.len() - path.len(), path)?;
        if text.len() > 255 {
            return Err(ReferenceError::new(text, 255, "a name has at most 255 characters"));
        }
        if domain.is_none() && text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ReferenceError::new(text, 0, "64 hexadecimal digits are an image id, not a name"));
        }
        Ok(Self(text.into()))
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The repository that the name leads to.
    pub fn repository(&self) -> Repository {
        let (domain, path) = split_domain(&self.0);
        let domain = domain.unwrap_or("docker.io").to_ascii_lowercase();
        match &*domain {
            "docker.io" | "index.docker.io" | "registry-1.docker.io" => {
                Repository { registry: "docker.io".into(), path: if path.contains('/') { path.into() } else { format!("library/{path}").into() } }
            }
            _ => Repository { registry: domain.into(), path: path.into() },
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// The first component is a domain only if it has a dot or a colon, or is `localhost`.
fn split_domain(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, text),
    }
}

fn check_domain(text: &str, domain: &str) -> Result<(), ReferenceError> {
    let error = |at: usize, why: &str| Err(ReferenceError::new(text, at, why));
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else {
                return error(0, "the `[` of an address is not closed");
            };
            if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
                return error(1, "between `[` and `]` stands an IPv6 address");
            }
            ("", port.strip_prefix(':').or_else(|| port.is_empty().then_some("0")))
        }
        None => match domain.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (domain, Some("0")),
        },
    };
    if !domain.starts_with('[') {
        let mut at = 0;
        for label in host.split('.') {
            let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
            let bytes = label.as_bytes();
            if !edge(bytes.first()) || !edge(bytes.last()) || !bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') {
                return error(at, "a host is made of letters, digits and dashes between dots");
            }
            at += label.len() + 1;
        }
    }
    match port {
        Some(port) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
        _ => error(host.len(), "after the colon of a host stands a port number"),
    }
}

/// Components of lower-case letters and digits, joined inside by `.`, `_`, `__` or any number of `-`.
fn check_path(text: &str, start: usize, path: &str) -> Result<(), ReferenceError> {
    let error = |at: usize, why: String| Err(ReferenceError::new(text, at, why));
    let mut at = start;
    for component in path.split('/') {
        let bytes = component.as_bytes();
        if bytes.is_empty() {
            return error(at, "a part of the name is empty".into());
        }
        if let Some((offset, c)) = component.char_indices().find(|(_, c)| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-')) {
            return error(at + offset, format!("a name cannot hold `{}` here", c.escape_debug()));
        }
        let mut offset = 0;
        while offset < bytes.len() {
            if bytes[offset].is_ascii_alphanumeric() {
                offset += 1;
                continue;
            }
            let end = bytes[offset..].iter().position(u8::is_ascii_alphanumeric).map_or(bytes.len(), |n| offset + n);
            let separator = &component[offset..end];
            let joins = matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
            if offset == 0 || end == bytes.len() || !joins {
                return error(at + offset, format!("`{separator}` cannot stand here in a name"));
            }
            offset = end;
        }
        at += component.len() + 1;
    }
    Ok(())
}
