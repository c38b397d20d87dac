//! The `tagalong` program.

fn main() {}
