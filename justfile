# What people type. CI runs the README's test command instead.

# Everything that must hold before a commit, but for the tests.
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
    cargo deny --locked check
    typos

# All tests, with what they need.
test:
    scripts/test

# The benchmarks; each prints the size of its input.
bench *ARGS:
    cargo bench --locked {{ARGS}}

# The editing law over what a fuzzer makes up; needs cargo-fuzz and a nightly compiler.
fuzz *ARGS:
    cargo +nightly fuzz run edit {{ARGS}}

# Writes generated pages and snapshots anew; look at the change before you commit it.
bless:
    TAGALONG_BLESS=1 INSTA_UPDATE=always cargo test --locked
