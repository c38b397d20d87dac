//! Every default.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::{Budget, Log, LogFormat, LogLevel};

/// The file that is read where `--config` names none and it is present.
pub const FILE: &str = "tagalong.yaml";
/// The folder of caches below the state folder of the user.
pub const STATE_NAME: &str = "tagalong";
/// `listen`: loopback only.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3030);
/// `timeout`.
pub const TIMEOUT: Duration = Duration::from_mins(1);
/// `gitTimeout`.
pub const GIT_TIMEOUT: Duration = Duration::from_mins(1);
/// `repositories[].interval`.
pub const GIT_INTERVAL: Duration = Duration::from_mins(1);
/// `registryPollInterval`.
pub const REGISTRY_INTERVAL: Duration = Duration::from_mins(5);
/// `registryRps`, `registryBurst`.
pub const BUDGET: Budget = Budget { concurrency: 8, requests_per_second: 20.0 };
/// `repositories[].commit.name`.
pub const AUTHOR_NAME: &str = "Tagalong";
/// `repositories[].commit.email`.
pub const AUTHOR_EMAIL: &str = "tagalong@localhost";
/// `repositories[].commit.batchWindow`.
pub const BATCH_WINDOW: Duration = Duration::from_secs(10);
/// `logLevel`, `logFormat`.
pub const LOG: Log = Log { level: LogLevel::Info, format: LogFormat::Text };
