//! Addresses as the file and the command line write them.

use ::url::Url;

/// Why an address cannot stand in the file. No variant holds the address: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A password or a token stands in it.
    Secret,
    /// It is no address at all.
    Malformed,
    /// The scheme is not one of those that the key takes.
    Scheme,
}

/// Checks where a Git repository is: a URL, `user@host:path`, or a folder.
pub(super) fn check_git(text: &str) -> Result<(), Fault> {
    if !text.contains("://") {
        return if text.is_empty() { Err(Fault::Malformed) } else { Ok(()) };
    }
    let url = Url::parse(text).map_err(|_| Fault::Malformed)?;
    let user_is_secret = match url.scheme() {
        "http" | "https" => !url.username().is_empty(),
        "ssh" | "git" | "file" => false,
        _ => return Err(Fault::Scheme),
    };
    if user_is_secret || url.password().is_some() { Err(Fault::Secret) } else { Ok(()) }
}

/// An address without what does not tell repositories apart: user, password, `.git`, slashes at the end, the case of the host.
pub(super) fn identity(text: &str) -> String {
    let bare = |text: &str| text.trim_end_matches('/').trim_end_matches(".git").trim_end_matches('/').to_owned();
    match Url::parse(text) {
        Ok(mut url) if text.contains("://") => {
            // Neither can fail where there is a host, and where there is none neither is written.
            let _no_host = url.set_username("").and_then(|()| url.set_password(None));
            bare(url.as_str())
        }
        _ => bare(text),
    }
}

/// The last part of an address, by which people call a repository; `None` where it has none (`.`).
pub(super) fn last_part(text: &str) -> Option<String> {
    let identity = identity(text);
    let last = identity.rsplit(['/', ':']).next()?;
    (!matches!(last, "" | "." | "..")).then(|| last.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_the_file_holds_no_secret() {
        for (word, text, outcome) in [
            ("https", "https://git.example/fleet.git", Ok(())),
            ("ssh with its user", "ssh://git@git.example/fleet.git", Ok(())),
            ("short ssh", "git@git.example:fleet.git", Ok(())),
            ("folder", "../fleet", Ok(())),
            ("file", "file:///srv/fleet.git", Ok(())),
            ("password", "https://bot:hunter2@git.example/fleet.git", Err(Fault::Secret)),
            ("token as user", "https://hunter2@git.example/fleet.git", Err(Fault::Secret)),
            ("password in ssh", "ssh://git:hunter2@git.example/fleet.git", Err(Fault::Secret)),
            ("other scheme", "ftp://git.example/fleet.git", Err(Fault::Scheme)),
            ("no host", "https://", Err(Fault::Malformed)),
            ("empty", "", Err(Fault::Malformed)),
        ] {
            assert_eq!(check_git(text), outcome, "{word}");
        }
    }

    #[test]
    fn two_spellings_of_one_address_are_equal() {
        for (word, one, other) in [
            ("suffix", "https://git.example/fleet.git", "https://git.example/fleet"),
            ("slash", "https://git.example/fleet/", "https://git.example/fleet"),
            ("user and password", "https://bot:pw@git.example/fleet", "https://git.example/fleet"),
            ("case of the host", "https://GIT.example/fleet", "https://git.example/fleet"),
            ("folder", "../fleet/", "../fleet"),
        ] {
            assert_eq!(identity(one), identity(other), "{word}");
        }
    }

    #[test]
    fn a_repository_is_called_by_the_last_part() {
        for (text, name) in [
            ("ssh://git.example/team/fleet.git", Some("fleet")),
            ("git@git.example:fleet.git", Some("fleet")),
            ("/srv/fleet/", Some("fleet")),
            (".", None),
            ("..", None),
        ] {
            assert_eq!(last_part(text).as_deref(), name, "{text}");
        }
    }
}
