//! libgit2's process-wide options.

use std::{
    sync::{Once, OnceLock},
    time::Duration,
};

use git2::{ConfigLevel, opts, transport};

use super::http;

/// How long a Git server may say nothing, where nobody says otherwise.
pub const DEFAULT_SILENCE: Duration = Duration::from_mins(1);

static INSTALLED: Once = Once::new();
static SILENCE: OnceLock<Duration> = OnceLock::new();

/// Sets how libgit2 behaves in this process; the first call decides, later ones change nothing.
///
/// `silence` bounds the wait for a connection and for each byte, not the whole transfer. The Git configuration of the machine and of the user
/// is not read, so that a run does not depend on who starts it. Who owns a repository is not asked: nothing that its configuration could name is
/// ever executed (libgit2 runs neither hooks nor filters nor file-system monitors).
pub fn install(silence: Duration) {
    INSTALLED.call_once(|| {
        set(i32::try_from(silence.as_millis()).unwrap_or(i32::MAX));
        SILENCE.get_or_init(|| silence);
    });
}

/// Makes sure that the options are set before libgit2 is used.
pub(super) fn ensure() {
    install(DEFAULT_SILENCE);
}

/// How long a Git server may say nothing.
pub(super) fn silence() -> Duration {
    SILENCE.get().copied().unwrap_or(DEFAULT_SILENCE)
}

#[expect(
    unsafe_code,
    reason = "libgit2's options are C globals; the `Once` runs this before any other use of libgit2, all of which `Source::open` opens"
)]
fn set(milliseconds: i32) {
    // SAFETY: no other thread is inside libgit2: every use of it is behind `ensure`, and the `Once` makes all callers wait for this to end.
    let outcome = unsafe {
        opts::set_server_connect_timeout_in_milliseconds(milliseconds)
            .and_then(|()| opts::set_server_timeout_in_milliseconds(milliseconds))
            .and_then(|()| opts::set_verify_owner_validation(false))
            .and_then(|()| opts::set_search_path(ConfigLevel::System, ""))
            .and_then(|()| opts::set_search_path(ConfigLevel::Global, ""))
            .and_then(|()| opts::set_search_path(ConfigLevel::XDG, ""))
            .and_then(|()| opts::set_search_path(ConfigLevel::ProgramData, ""))
            .and_then(|()| transport::register("https", http::transport))
            .and_then(|()| transport::register("http", http::transport))
    };
    outcome.expect("libgit2 knows these options since 1.7, and takes a transport for each scheme once");
    // A cycle reads each object once, while its mirror stays open for months.
    opts::enable_caching(false);
}
