//! Tells the service manager how it goes, where one asks.

use std::{
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

use crate::{config::Environment, plan::safe};

/// What the service manager is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The start is done, or a reload is.
    Ready,
    /// The configuration is read anew.
    Reloading,
    /// The end has begun.
    Stopping,
    /// It still works.
    Alive,
    /// A line for `systemctl status`.
    Status(String),
}

/// Sends states to the service manager; without one it does nothing.
///
/// # Source
/// `sd_notify(3)`, `sd_watchdog_enabled(3)`. A socket of the `vsock:` form is not spoken to.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    ///
    /// # Errors
    /// The variable names no address of a socket, or no socket can be made.
    pub fn of(environment: &Environment) -> io::Result<Self> {
        let Some(name) = environment.variable("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        Ok(Self { socket: Some((UnixDatagram::unbound()?, address(OsStr::new(name))?)), watchdog: watchdog(environment, std::process::id()) })
    }

    /// How often it wants to hear that the process is alive: half of the time after which it would end it.
    pub fn heartbeat(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.socket.is_some())
    }

    /// Tells these states in one message.
    ///
    /// # Errors
    /// The socket does not take it.
    pub fn tell(&self, states: &[State]) -> io::Result<()> {
        let Some((socket, manager)) = &self.socket else { return Ok(()) };
        let message: String = states.iter().map(|state| line(state) + "\n").collect();
        socket.send_to_addr(message.as_bytes(), manager).map(|_| ())
    }

    /// Tells for ever that the process is alive, as often as the service manager wants to hear it.
    ///
    /// It runs where the work runs, so a runtime that no longer moves is noticed.
    pub async fn beat(&self) {
        let Some(heartbeat) = self.heartbeat() else { return std::future::pending().await };
        let mut ticks = tokio::time::interval(heartbeat);
        loop {
            ticks.tick().await;
            // A message that was lost is sent again with the next.
            let _lost = self.tell(&[State::Alive]);
        }
    }
}

fn line(state: &State) -> String {
    match state {
        State::Ready => "READY=1".into(),
        // systemd takes a reload as done only if READY=1 comes after this time.
        State::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic()),
        State::Stopping => "STOPPING=1".into(),
        State::Alive => "WATCHDOG=1".into(),
        State::Status(text) => format!("STATUS={}", safe::line(text)),
    }
}

/// The clock that the service manager reads, too.
///
/// # Units
/// Microseconds.
fn monotonic() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// A path, or after `@` the name of an abstract socket.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "NOTIFY_SOCKET is neither an absolute path nor `@` with a name")),
    }
}

fn watchdog(environment: &Environment, own: u32) -> Option<Duration> {
    let number = |name| environment.variable(name)?.parse::<u64>().ok();
    let meant = environment.variable("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(own.into());
    let limit = Duration::from_micros(number("WATCHDOG_USEC").filter(|limit| meant && *limit > 1)?);
    Some(limit / 2)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn received(manager: &UnixDatagram) -> String {
        let mut bytes = [0; 1024];
        let length = manager.recv(&mut bytes).expect("a message");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    /// A socket of a service manager, and how it is named to its services.
    fn managers() -> [(UnixDatagram, String, Option<tempfile::TempDir>); 2] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let name = format!("tagalong-test-{}-{}", std::process::id(), fastrand::u64(..));
        let hidden = SocketAddr::from_abstract_name(&name).expect("a name");
        [
            (UnixDatagram::bind(&path).expect("bound"), path.to_str().expect("text").to_owned(), Some(folder)),
            (UnixDatagram::bind_addr(&hidden).expect("bound"), format!("@{name}"), None),
        ]
    }

    #[test]
    fn each_state_arrives_at_either_kind_of_socket() {
        for (manager, name, _folder) in managers() {
            let notifier = Notifier::of(&environment(&[("NOTIFY_SOCKET", &name)])).expect("an address");
            for (states, message) in [
                (vec![State::Ready], "READY=1\n"),
                (vec![State::Ready, State::Status("2 repositories\nREADY=0".into())], "READY=1\nSTATUS=2 repositories\\nREADY=0\n"),
                (vec![State::Stopping], "STOPPING=1\n"),
                (vec![State::Alive], "WATCHDOG=1\n"),
            ] {
                notifier.tell(&states).expect("sent");
                assert_eq!(received(&manager), message, "{name}");
            }
        }
    }

    #[test]
    fn a_reload_tells_its_time_on_the_monotonic_clock() {
        let [(manager, name, _folder), _] = managers();
        let notifier = Notifier::of(&environment(&[("NOTIFY_SOCKET", &name)])).expect("an address");
        let before = monotonic();
        notifier.tell(&[State::Reloading]).expect("sent");
        let message = received(&manager);
        let time: i64 = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("both lines").trim_end().parse().expect("a number");
        assert!((before..=monotonic()).contains(&time), "{message}");
    }

    #[tokio::test]
    async fn the_watchdog_hears_from_it_again_and_again() {
        let [(manager, name, _folder), _] = managers();
        manager.set_nonblocking(true).expect("set");
        let manager = tokio::net::UnixDatagram::from_std(manager).expect("a socket");
        let notifier = Notifier::of(&environment(&[("NOTIFY_SOCKET", &name), ("WATCHDOG_USEC", "20000")])).expect("an address");
        let three = async {
            for _ in 0..3 {
                let mut bytes = [0; 64];
                let length = manager.recv(&mut bytes).await.expect("a message");
                assert_eq!(&bytes[..length], b"WATCHDOG=1\n");
            }
        };
        tokio::select! {
            () = notifier.beat() => panic!("it beats for ever"),
            heard = timeout(Duration::from_secs(30), three) => heard.expect("three beats"),
        }
    }

    #[test]
    fn the_heartbeat_is_half_of_the_limit() {
        for (word, variables, heartbeat) in [
            ("half", &[("WATCHDOG_USEC", "60000000")][..], Some(30)),
            ("for this process", &[("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", "7")], Some(30)),
            ("for another process", &[("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", "8")], None),
            ("no watchdog", &[], None),
            ("zero", &[("WATCHDOG_USEC", "0")], None),
            ("no number", &[("WATCHDOG_USEC", "1m")], None),
        ] {
            assert_eq!(watchdog(&environment(variables), 7), heartbeat.map(Duration::from_secs), "{word}");
        }
    }

    #[test]
    fn without_a_service_manager_nothing_is_sent() {
        let notifier = Notifier::of(&environment(&[("WATCHDOG_USEC", "60000000")])).expect("nothing to do");
        assert_eq!(notifier.heartbeat(), None);
        notifier.tell(&[State::Ready]).expect("nothing to do");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for name in ["notify", "vsock:2:1234"] {
            assert!(Notifier::of(&environment(&[("NOTIFY_SOCKET", name)])).is_err(), "{name}");
        }
        let nobody = Notifier::of(&environment(&[("NOTIFY_SOCKET", "/nowhere/notify")])).expect("an address");
        assert!(nobody.tell(&[State::Ready]).is_err());
    }
}
