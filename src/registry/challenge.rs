//! `WWW-Authenticate`: what a registry wants to see.

/// What a registry wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token of a token service.
    Bearer {
        /// Where the tokens are.
        realm: String,
        /// Whom they are for.
        service: Option<String>,
    },
}

/// The challenges of one header that are understood; the text is the fault where it does not follow the grammar.
///
/// # Source
/// RFC 9110, section 11.6.1; the distribution project's "Token Authentication Specification".
pub(super) fn parse(header: &str) -> Result<Vec<Challenge>, String> {
    let mut rest = Cursor(header);
    let mut found = Vec::new();
    loop {
        rest.skip(|c| c == ',' || is_blank(c));
        if rest.0.is_empty() {
            return Ok(found);
        }
        let scheme = rest.token().ok_or_else(|| format!("a scheme is missing before `{}`", shown(rest.0)))?.to_ascii_lowercase();
        let parameters = rest.parameters()?;
        match scheme.as_str() {
            "basic" => found.push(Challenge::Basic),
            "bearer" => {
                let value = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
                let realm = value("realm").ok_or("a token is wanted, and nothing says where it is")?;
                found.push(Challenge::Bearer { realm, service: value("service") });
            }
            _ => {}
        }
    }
}

/// The unread rest of a header.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn skip(&mut self, what: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(what);
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.find(|c: char| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// All up to the next scheme: parameters with a comma between them, or one `token68`.
    fn parameters(&mut self) -> Result<Vec<(String, String)>, String> {
        let mut found: Vec<(String, String)> = Vec::new();
        if !self.0.is_empty() && !self.0.starts_with([' ', '\t', ',']) {
            return Err(format!("`{}` cannot follow a scheme", shown(self.0)));
        }
        self.skip(is_blank);
        if self.token68() {
            return Ok(found);
        }
        loop {
            self.skip(|c| c == ',' || is_blank(c));
            let before = self.0;
            let Some(name) = self.token() else {
                return if self.0.is_empty() { Ok(found) } else { Err(format!("`{}` cannot stand there", shown(self.0))) };
            };
            self.skip(is_blank);
            let Some(rest) = self.0.strip_prefix('=') else {
                // A name without a value is the next scheme.
                self.0 = before;
                return Ok(found);
            };
            self.0 = rest;
            self.skip(is_blank);
            let value = self.value().ok_or_else(|| format!("the value of `{}` cannot be read", shown(name)))?;
            let name = name.to_ascii_lowercase();
            if found.iter().any(|(known, _)| *known == name) {
                return Err(format!("`{}` is there twice", shown(&name)));
            }
            found.push((name, value));
            self.skip(is_blank);
            if !(self.0.is_empty() || self.0.starts_with(',')) {
                return Err(format!("`{}` cannot follow a value", shown(self.0)));
            }
        }
    }

    /// Passes over one `token68`, which has no name and no value.
    fn token68(&mut self) -> bool {
        let end = self.0.find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/".contains(c))).unwrap_or(self.0.len());
        let rest = self.0[end..].trim_start_matches('=').trim_start_matches(is_blank);
        let taken = end > 0 && (rest.is_empty() || rest.starts_with(','));
        if taken {
            self.0 = rest;
        }
        taken
    }

    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.0.strip_prefix('"') else {
            return self.token().map(str::to_owned);
        };
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(chars.next()?.1),
                c if c.is_control() && c != '\t' => return None,
                c => value.push(c),
            }
        }
        None
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn shown(text: &str) -> String {
    super::error::printable(text, 40)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.into(), service: service.map(Into::into) }
    }

    #[test]
    fn challenges_are_read_by_the_grammar() {
        for (word, header, expected) in [
            (
                "Docker Hub",
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/redis:pull""#,
                vec![bearer("https://auth.docker.io/token", Some("registry.docker.io"))],
            ),
            ("basic", r#"Basic realm="basic-realm""#, vec![Challenge::Basic]),
            ("basic alone", "Basic", vec![Challenge::Basic]),
            ("case", r#"BEARER REALM="https://a/t""#, vec![bearer("https://a/t", None)]),
            ("several", r#"Basic realm="x", Bearer realm="https://a/t",service="s""#, vec![Challenge::Basic, bearer("https://a/t", Some("s"))]),
            ("several, the other way", r#"Bearer realm="https://a/t", Basic realm="x""#, vec![bearer("https://a/t", None), Challenge::Basic]),
            ("unknown scheme before", r#"Negotiate, Bearer realm="https://a/t""#, vec![bearer("https://a/t", None)]),
            ("unknown scheme with a token", r#"Negotiate YII=, Basic realm="x""#, vec![Challenge::Basic]),
            ("unknown scheme with parameters", r#"Digest realm="d", nonce=abc, Basic realm="x""#, vec![Challenge::Basic]),
            ("comma in quotes", r#"Bearer realm="https://a/t",scope="repository:a:pull,push""#, vec![bearer("https://a/t", None)]),
            ("quoted pair", r#"Bearer realm="https://a/\"t",service="a\\b""#, vec![bearer("https://a/\"t", Some(r"a\b"))]),
            ("blanks", "Bearer   realm = \"https://a/t\" ,\tservice=s", vec![bearer("https://a/t", Some("s"))]),
            ("stray commas", r#", ,Bearer realm="https://a/t",,service="s","#, vec![bearer("https://a/t", Some("s"))]),
            ("unknown alone", "Negotiate", vec![]),
            ("empty", "", vec![]),
        ] {
            assert_eq!(parse(header).expect(word), expected, "{word}");
        }
    }

    #[test]
    fn what_is_not_by_the_grammar_is_refused() {
        for (word, header) in [
            ("open quote", r#"Bearer realm="https://a/t"#),
            ("no realm", r#"Bearer service="s""#),
            ("value without quotes that needs them", "Bearer realm=https://a/t"),
            ("two realms", r#"Bearer realm="https://a/t",realm="https://evil/t""#),
            ("text after a value", r#"Bearer realm="https://a/t"x"#),
            ("no scheme", r#"="x""#),
            ("scheme that is none", "Bea(rer"),
            ("control character", "Bearer realm=\"https://a/\u{1}t\""),
        ] {
            assert!(parse(header).is_err(), "{word}: {:?}", parse(header));
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(header in "[a-zA-Z=\", \\\\é:/-]{0,40}") {
            let _outcome = parse(&header);
        }
    }
}
