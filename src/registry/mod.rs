//! What registries list and hold.
