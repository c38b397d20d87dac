//! One cycle, start to finish.
