//! The keys of the configuration file: one declaration makes the type that is read, the line of the reference page and the schema.

use std::{collections::BTreeMap, num::NonZeroU16, path::PathBuf};

use serde_saphyr::Spanned;

use super::{Endpoint, Prefix, duration::PositiveSpan};

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
    /// What YAML it is.
    pub form: Form,
}

/// What YAML a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A scalar that is read as text.
    Text,
    /// A scalar that is read as text, and is often written as a number.
    Id,
    /// A number above zero.
    Number,
    /// A whole number above zero, of 16 bits.
    Count,
    /// `true` or `false`.
    Boolean,
    /// Several of one form.
    List(&'static Form),
    /// The keys of the section with this name.
    Section(&'static str),
}

/// A type of the file that has a form.
pub(super) trait Formed {
    /// What YAML it is read from.
    const FORM: Form;
}

macro_rules! formed {
    ($($form:ident: $($type:ty),+;)+) => { $($(impl Formed for $type { const FORM: Form = Form::$form; })+)+ };
}

formed! {
    Text: String, PathBuf, Prefix, Endpoint, PositiveSpan;
    Number: f64;
    Count: NonZeroU16;
    Boolean: bool;
}

impl<T: Formed> Formed for Spanned<T> {
    const FORM: Form = T::FORM;
}

impl<T: Formed> Formed for Vec<T> {
    const FORM: Form = Form::List(&T::FORM);
}

/// Where the keys of one entry of the file stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(BTreeMap<&'static str, u64>);

impl Lines {
    /// The line of a key, from 1; `None` where it is not written.
    pub fn of(&self, key: &str) -> Option<u64> {
        self.0.get(key).copied().filter(|line| *line > 0)
    }

    pub(super) fn note(&mut self, key: &'static str, line: u64) {
        self.0.insert(key, line);
    }
}

/// Declares a section as it is written: every key is optional there, and `null` is the same as absent. Unknown keys are kept, so that all are told at once.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $section:literal $name:ident {
            $( $(#[doc = $meaning:literal])+ $key:literal $field:ident: $type:ty, $shape:literal, $default:expr; )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default)]
        pub(super) struct $name {
            $( $(#[doc = $meaning])+ pub(super) $field: Option<$type>, )+
            /// Where the known keys stand.
            pub(super) lines: $crate::config::key::Lines,
            /// The keys that nobody knows here.
            pub(super) unknown: Vec<serde_saphyr::Spanned<String>>,
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Reader;

                impl<'de> serde::de::Visitor<'de> for Reader {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("keys and values")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut written = $name::default();
                        while let Some(key) = map.next_key::<serde_saphyr::Spanned<String>>()? {
                            match &*key.value {
                                $( $key => {
                                    written.lines.note($key, key.referenced.line());
                                    written.$field = map.next_value()?;
                                } )+
                                _ => {
                                    written.unknown.push(key);
                                    let _passed_over = map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(written)
                    }
                }

                deserializer.deserialize_struct(stringify!($name), Self::KEYS, Reader)
            }
        }

        impl $crate::config::key::Formed for $name {
            const FORM: $crate::config::Form = $crate::config::Form::Section($section);
        }

        impl $name {
            /// The keys that are known here.
            pub(super) const KEYS: &'static [&'static str] = &[$($key),+];

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
                        form: <$type as $crate::config::key::Formed>::FORM,
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
