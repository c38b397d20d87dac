//! The arguments of the commands that write annotations.

use clap::{ArgAction, builder::BoolishValueParser};

use super::{OwnKey, PlanOutput};
use crate::{
    cli::{
        flags::{GitFlags, Place},
        values::{Address, own_key, tagged},
    },
    image::Reference,
};

/// Which workload, and what becomes of the change.
#[derive(Clone, Debug, clap::Args)]
pub struct Hand {
    /// An id namespace:kind/name, or a unique tail of it
    pub workload: String,

    /// The root whose workload is meant, where several hold it
    #[arg(long, env = "TAGALONG_ROOT", value_name = "PATH", conflicts_with = "all_roots")]
    pub root: Option<String>,

    /// The workload of every root that holds it
    #[arg(long, env = "TAGALONG_ALL_ROOTS", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub all_roots: bool,

    /// What to print; `diff` is a unified diff of the change
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: PlanOutput,

    /// Write nothing, and exit with 4 if something would change
    #[arg(long, env = "TAGALONG_CHECK", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(), conflicts_with = "commit")]
    pub check: bool,

    /// In a work tree, also commit what was written
    #[arg(long, env = "TAGALONG_COMMIT", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub commit: bool,
}

/// The arguments of `automate`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong automate deployment/frontend https://git.example/fleet.git")]
pub struct AutomateArgs {
    /// Which, and what then.
    #[command(flatten)]
    pub hand: Hand,

    /// The repository.
    #[command(flatten)]
    pub place: Place,
}

/// The arguments of `deautomate`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong deautomate deployment/frontend https://git.example/fleet.git")]
pub struct DeautomateArgs {
    /// Which, and what then.
    #[command(flatten)]
    pub hand: Hand,

    /// The repository.
    #[command(flatten)]
    pub place: Place,
}

/// The arguments of `lock`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong lock deployment/frontend -m audit https://git.example/fleet.git")]
pub struct LockArgs {
    /// Which, and what then.
    #[command(flatten)]
    pub hand: Hand,

    /// Why; `plan` and `explain` show it
    #[arg(short, long, env = "TAGALONG_MESSAGE", value_name = "TEXT")]
    pub message: Option<String>,

    /// Who locks it [default: user.name of Git's configuration]
    #[arg(long, env = "TAGALONG_USER", value_name = "NAME")]
    pub user: Option<String>,

    /// The repository.
    #[command(flatten)]
    pub place: Place,
}

/// The arguments of `unlock`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong unlock deployment/frontend https://git.example/fleet.git")]
pub struct UnlockArgs {
    /// Which, and what then.
    #[command(flatten)]
    pub hand: Hand,

    /// The repository.
    #[command(flatten)]
    pub place: Place,
}

/// The arguments of `release`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong release deployment/frontend --image ghcr.io/acme/frontend:1.4.2 --force -m incident")]
pub struct ReleaseArgs {
    /// Which, and what then.
    #[command(flatten)]
    pub hand: Hand,

    /// The image as it shall be, NAME:TAG or NAME:TAG@DIGEST; repeat it for more
    #[arg(long = "image", env = "TAGALONG_IMAGE", value_name = "REF", required = true, value_parser = tagged)]
    pub images: Vec<Reference>,

    /// Go against the policy, a lock, or a version that somebody rolled back
    #[arg(long, env = "TAGALONG_FORCE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub force: bool,

    /// Why; the commit says it
    #[arg(short, long, env = "TAGALONG_MESSAGE", value_name = "TEXT")]
    pub message: Option<String>,

    /// Who wants it, such as `Ada <ada@acme.example>` [default: user.name and user.email of Git's configuration]
    #[arg(long, env = "TAGALONG_USER", value_name = "NAME")]
    pub user: Option<String>,

    /// The repository.
    #[command(flatten)]
    pub place: Place,
}

/// The arguments of `policy set`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong policy set deployment/frontend 'app=semver:~1.4' https://git.example/fleet.git")]
pub struct PolicySetArgs {
    /// Which, and what then.
    #[command(flatten)]
    pub hand: Hand,

    /// Containers with their patterns, then the repository: a folder (work tree or bare) or a remote address [default: --git-url, else the current folder]
    #[arg(value_name = "CONTAINER=PATTERN… REPO", value_parser = word)]
    pub words: Vec<Word>,

    /// Take the pattern of a container away; repeat it for more
    #[arg(long, env = "TAGALONG_REMOVE", value_name = "CONTAINER")]
    pub remove: Vec<String>,

    /// An own key, such as min-age=48h, or min-age.app=48h for one container; without a value it goes; repeat it for more
    #[arg(long = "key", env = "TAGALONG_KEY", value_name = "KEY=VALUE", value_parser = own_key)]
    pub keys: Vec<OwnKey>,

    /// How the repository is asked.
    #[command(flatten)]
    pub git: GitFlags,
}

/// A word behind the workload of `policy set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A container and its pattern.
    Pattern(String, String),
    /// The repository.
    Repository(Address),
}

/// The first `=` separates; no container has a slash in its name.
fn word(text: &str) -> Result<Word, String> {
    match text.split_once('=') {
        Some(("", _)) => Err("write it as CONTAINER=PATTERN, for example app=semver:~1.4".to_owned()),
        Some((container, pattern)) if !container.contains('/') => Ok(Word::Pattern(container.to_owned(), pattern.to_owned())),
        _ => Ok(Word::Repository(Address::from(text.to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_equals_sign_separates() {
        let pattern = |container: &str, pattern: &str| Ok(Word::Pattern(container.to_owned(), pattern.to_owned()));
        let repository = |text: &str| Ok(Word::Repository(Address::from(text.to_owned())));
        for (text, wanted) in [
            ("app=semver:~1", pattern("app", "semver:~1")),
            ("app=regexp:a=b,c", pattern("app", "regexp:a=b,c")),
            ("app=", pattern("app", "")),
            ("../fleet", repository("../fleet")),
            ("../a=b", repository("../a=b")),
            ("https://git.example/fleet?a=b", repository("https://git.example/fleet?a=b")),
        ] {
            assert_eq!(word(text), wanted, "{text}");
        }
        assert!(word("=semver:~1").is_err());
    }
}
