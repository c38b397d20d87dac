//! One repository, come to by every way.

use super::{
    binary::Machine,
    certificates::{Certificates, Leaf},
    git::Bare,
    git_server::{Door, GitServer},
    sshd::{HOST_KEYS, KeyPair, Sshd},
};

/// The token that opens the https server.
pub const TOKEN: &str = "t0ken-of-the-writer";

/// How a repository is come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    File,
    Https,
    Ssh,
}

/// What a server lets us do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    Writer,
    Reader,
    Stranger,
}

/// A repository with a server before it, until it is dropped.
pub struct Served {
    /// Its URL.
    pub url: String,
    /// What its entry in a configuration beside `tagalong.yaml` of the machine says.
    pub keys: String,
    _https: Option<GitServer>,
    _ssh: Option<Sshd>,
}

/// The certificates of https servers.
pub fn certificates() -> Certificates {
    let certificates = Certificates::make();
    certificates.leaf("good", Leaf { signer: "root", names: "DNS:localhost", year: None });
    certificates
}

impl Served {
    /// Serves a repository to the programs on a machine.
    pub fn start(way: Way, guest: Guest, fleet: &Bare, machine: &Machine, certificates: &Certificates) -> Self {
        match way {
            Way::File => Self { url: fleet.file_url(), keys: String::new(), _https: None, _ssh: None },
            Way::Https => {
                if guest == Guest::Reader {
                    fleet.git(&["config", "http.receivepack", "false"]);
                }
                machine.file("work/token", if guest == Guest::Stranger { "another" } else { TOKEN });
                let server = GitServer::start_tls(fleet.root(), Door::Basic("x-access-token", TOKEN), certificates.path(), "good");
                let keys = format!("tokenFile: token, caFile: '{}'", certificates.path().join("root.pem").display());
                Self { url: server.url(), keys, _https: Some(server), _ssh: None }
            }
            Way::Ssh => {
                let (sshd, key) = (Sshd::start(&HOST_KEYS), KeyPair::make(&machine.work(), "identity", "ed25519", ""));
                match guest {
                    Guest::Writer => sshd.admit(&key, ""),
                    Guest::Reader => sshd.admit_reader(&key),
                    Guest::Stranger => {}
                }
                machine.file("work/known_hosts", sshd.known("ssh-ed25519"));
                let keys = "sshKeyFile: identity, knownHostsFile: known_hosts".to_owned();
                Self { url: sshd.url(&fleet.path()), keys, _https: None, _ssh: Some(sshd) }
            }
        }
    }
}
