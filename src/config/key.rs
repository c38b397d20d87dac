//! The keys of the configuration file: one declaration makes the type that is read and the line of the reference page.

/// A section of the configuration file.
#[derive(Clone, Debug)]
pub struct Section {
    /// Where it stands: `repositories[]`; empty at the top.
    pub name: &'static str,
    /// What it is for.
    pub about: String,
    /// Its keys, in the order of the page.
    pub keys: Vec<Key>,
}

/// A key of the configuration file.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key as it is written.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: &'static str,
    /// What holds where the key is absent or `null`.
    pub default: String,
    /// What it means.
    pub meaning: String,
}

/// Declares a section as it is written: every key is optional there, and `null` is the same as absent.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $section:literal $name:ident {
            $( $(#[doc = $meaning:literal])+ $key:literal $field:ident: $type:ty, $shape:literal, $default:expr; )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $( $(#[doc = $meaning])+ #[serde(rename = $key)] pub(super) $field: Option<$type>, )+
        }

        impl $name {
            /// The section for the reference page.
            pub(super) fn section() -> $crate::config::Section {
                $crate::config::Section {
                    name: $section,
                    about: concat!($($about),+).trim().to_owned(),
                    keys: vec![$($crate::config::Key {
                        name: $key,
                        shape: $shape,
                        default: $default.to_string(),
                        meaning: concat!($($meaning),+).trim().to_owned(),
                    }),+],
                }
            }
        }
    };
}

pub(super) use section;

/// The known keys, the nearest to `key` first.
pub(super) fn nearest_first(key: &str, known: &[&'static str]) -> Vec<&'static str> {
    let mut known = known.to_vec();
    let folded = key.to_ascii_lowercase();
    known.sort_by_key(|candidate| strsim::damerau_levenshtein(&folded, &candidate.to_ascii_lowercase()));
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_comes_first() {
        for (word, key, nearest) in [
            ("a letter missing", "registry", "registries"),
            ("two swapped", "repositoreis", "repositories"),
            ("other case", "REPOSITORIES", "repositories"),
            ("dashes", "listen-hooks", "listenHooks"),
        ] {
            assert_eq!(nearest_first(key, &["listen", "listenHooks", "registries", "repositories"])[0], nearest, "{word}");
        }
    }
}
