//! From a plan to a pushed commit.
