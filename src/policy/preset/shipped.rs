//! The presets that are part of the program: every file of `policies/`.

macro_rules! shipped {
    ($($name:literal)+) => { &[$(($name, include_str!(concat!("../../../policies/", $name, ".yaml")))),+] };
}

/// Names and texts, by name.
pub(super) const SHIPPED: &[(&str, &str)] = shipped! {
    "alpine-version"
    "beta"
    "bookworm-slim"
    "build-number"
    "calendar"
    "latest"
    "main"
    "main-sha-timestamp"
    "major"
    "minor"
    "rc"
    "release"
    "release-timestamp"
    "settled"
};
