//! Why images cannot be set.

use std::collections::BTreeSet;

use thiserror::Error;

use super::Obstacle;
use crate::policy::Blame;

/// How many near names are told.
const NEAR: usize = 3;

/// Why images cannot be set; nothing is written then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetError {
    /// No place holds the image.
    #[error("cannot set `{wanted}`: no place holds this image")]
    Nowhere {
        /// The name.
        wanted: String,
        /// Names that are like it.
        near: Vec<String>,
        /// A file that holds it, and is left out.
        left_out: Option<String>,
    },
    /// A place of the image cannot be rewritten.
    #[error("cannot set the image at {}:{}: {}{}", obstacle.file, obstacle.line, obstacle.reason, others(*more))]
    Place {
        /// The place.
        obstacle: Obstacle,
        /// How many other places cannot be rewritten either.
        more: usize,
    },
    /// A file that may hold the image is in the middle of a merge.
    #[error("cannot set images in `{file}` line {line}: a merge left its marks there")]
    Conflict {
        /// The file.
        file: String,
        /// The line of the first mark, from 1.
        line: u32,
    },
}

fn others(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    }
}

impl SetError {
    /// No place holds the image; the likest of these names are suggested, and where it stands among what is left out.
    pub fn nowhere(wanted: &str, names: &BTreeSet<String>, left_out: Option<String>) -> Self {
        let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
        // The last parts decide: hosts and folders are the same for most.
        let is_near = |name: &&String| {
            let (name, wanted) = (last(name), last(wanted));
            // Of so few letters the likeness sees no two that were exchanged.
            let is_slip = name.len() > 2 && strsim::damerau_levenshtein(&name, &wanted) == 1;
            is_slip || strsim::jaro_winkler(&name, &wanted) > 0.75
        };
        let mut near: Vec<(f64, &String)> = names.iter().filter(is_near).map(|name| (strsim::jaro_winkler(name, wanted), name)).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let near = near.into_iter().take(NEAR).map(|(_, name)| name.clone()).collect();
        Self::Nowhere { wanted: wanted.to_owned(), near, left_out }
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nowhere { left_out: Some(file), .. } => format!("it stands in {file}, which the paths leave out"),
            Self::Nowhere { near, .. } if near.is_empty() => "`tagalong list images` shows all that are there".to_owned(),
            Self::Nowhere { near, .. } => format!("did you mean {}?", near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")),
            Self::Place { .. } => "nothing was written: mend the place, or leave it out with --path".to_owned(),
            Self::Conflict { .. } => "nothing was written: end the merge first".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_told() {
        let names = ["ghcr.io/acme/web", "ghcr.io/acme/frontend", "redis"].map(str::to_owned).into();
        for (word, wanted, near) in [
            ("two letters exchanged", "ghcr.io/acme/wbe", &["ghcr.io/acme/web"][..]),
            ("a letter too many", "webs", &["ghcr.io/acme/web"]),
            ("a letter too few", "acme/frontnd", &["ghcr.io/acme/frontend"]),
            ("another name", "ghcr.io/acme/api", &[]),
        ] {
            let SetError::Nowhere { near: found, .. } = SetError::nowhere(wanted, &names, None) else { panic!("{word}") };
            assert_eq!(found, near, "{word}");
        }
    }
}
