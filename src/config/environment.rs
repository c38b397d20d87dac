//! The environment, read once.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::defaults;

/// The environment variables of the process, read once; those that are not UTF-8 are left out.
///
/// They may hold secrets, so nothing prints their values.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the environment of this process.
    pub fn of_process() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
    }

    /// The value of a variable; an empty one counts as not set.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The default folder of caches, `None` where neither `XDG_STATE_HOME` nor `HOME` is set.
    ///
    /// # Source
    /// XDG Base Directory Specification 0.8: a relative path there is invalid and is ignored.
    pub(super) fn state_folder(&self) -> Option<PathBuf> {
        let absolute = |name| self.variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
        Some(base.join(defaults::STATE_NAME))
    }

    /// Where this user's Git is configured, the strongest file first.
    ///
    /// # Source
    /// git-config(1), FILES.
    pub(crate) fn git_configurations(&self) -> Vec<PathBuf> {
        let path = |name| self.variable(name).map(PathBuf::from);
        if let Some(named) = path("GIT_CONFIG_GLOBAL") {
            return vec![named];
        }
        let home = path("HOME");
        let xdg = path("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
        home.iter().map(|home| home.join(".gitconfig")).chain(xdg.map(|xdg| xdg.join("git/config"))).collect()
    }

    /// The key that `identity` makes where no other file is named.
    pub(crate) fn identity(&self) -> Option<PathBuf> {
        let path = |name| self.variable(name).map(PathBuf::from);
        let folder = path("XDG_CONFIG_HOME").or_else(|| Some(path("HOME")?.join(".config")))?;
        Some(folder.join("tagalong/identity"))
    }

    /// The hosts that this user's SSH knows.
    pub(crate) fn known_hosts(&self) -> Option<PathBuf> {
        Some(PathBuf::from(self.variable("HOME")?).join(".ssh/known_hosts"))
    }

    /// Where Docker keeps its configuration for this user.
    pub(super) fn docker_config(&self) -> Option<PathBuf> {
        let folder = self.variable("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(PathBuf::from(self.variable("HOME")?).join(".docker")))?;
        Some(folder.join("config.json"))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().collect() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_state_folder_follows_the_xdg_rules() {
        for (word, variables, folder) in [
            ("own variable", &[("XDG_STATE_HOME", "/s"), ("HOME", "/h")][..], Some("/s/tagalong")),
            ("home", &[("HOME", "/h")], Some("/h/.local/state/tagalong")),
            ("relative is ignored", &[("XDG_STATE_HOME", "s"), ("HOME", "/h")], Some("/h/.local/state/tagalong")),
            ("empty is not set", &[("XDG_STATE_HOME", ""), ("HOME", "/h")], Some("/h/.local/state/tagalong")),
            ("neither", &[], None),
        ] {
            assert_eq!(environment(variables).state_folder(), folder.map(PathBuf::from), "{word}");
        }
    }

    #[test]
    fn values_are_not_printed() {
        assert_eq!(format!("{:?}", environment(&[("TOKEN", "hunter2")])), r#"{"TOKEN"}"#);
    }
}
