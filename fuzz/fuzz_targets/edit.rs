//! Any bytes keep the editing law: they end in a reason, or a new image changes its place and nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/all/editing_law.rs"]
mod editing_law;

fuzz_target!(|bytes: &[u8]| {
    for path in ["a.yaml", "values.yaml", "kustomization.yaml", "compose.yaml"] {
        editing_law::holds(path, bytes);
    }
});
