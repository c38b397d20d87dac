//! Annotations: which policy a person wrote for a workload and its containers.

/// One annotation of a workload, as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The key, with its prefix.
    pub key: String,
    /// The value as it is written, without quotes.
    pub value: String,
    /// The line of the value, from 1.
    pub line: u32,
    /// Whether the API server would take the value for text.
    pub quoting: Quoting,
}

/// How an annotation's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// Text, as the API server wants it.
    Text,
    /// An unquoted scalar that YAML reads as a boolean: the API server refuses it.
    PlainBoolean,
}
