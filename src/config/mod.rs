//! File, flags and environment as typed values; the only place where defaults are written.
