//! Certificate authorities that one repository alone trusts.
//!
//! libgit2 knows authorities for the whole process only, so these are asked in its certificate callback, which shows the server's own certificate
//! alone. What stands between that one and the authority is asked of the server once more; it needs no trust, because each signature is checked.

use std::{
    fs, io,
    net::{TcpStream, ToSocketAddrs},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use thiserror::Error as ThisError;

use crate::policy::Blame;

/// How long the server may take for each step when it is asked for what stands between.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which certificates are trusted.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those that this machine trusts.
    #[default]
    System,
    /// Also those of a file.
    Also(Authority),
    /// Any: a person said `insecure`.
    Anything,
}

/// The certificates of one file.
#[derive(Clone, Debug)]
pub struct Authority {
    path: PathBuf,
    certificates: Arc<[CertificateDer<'static>]>,
    verifier: Arc<WebPkiServerVerifier>,
}

/// Why a file gives no authority.
#[derive(Debug, ThisError)]
pub enum AuthorityError {
    /// It cannot be read.
    #[error("cannot read the CA file `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds no certificate, or a broken one.
    #[error("cannot use the CA file `{}`: {what}", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        what: &'static str,
    },
}

impl Authority {
    /// Reads the PEM certificates of a file.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn read(path: &Path) -> Result<Self, AuthorityError> {
        let bytes = fs::read(path).map_err(|source| AuthorityError::Unreadable { path: path.to_owned(), source })?;
        let refuse = |what| AuthorityError::NoCertificate { path: path.to_owned(), what };
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(|_| refuse("it is no PEM text"))?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|_| refuse("it holds a certificate that cannot be read"))?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let verifier = verifier.map_err(|_| refuse("it holds no PEM certificate"))?;
        Ok(Self { path: path.to_owned(), certificates: certificates.into(), verifier })
    }

    /// The certificates of the file.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.certificates.iter()
    }

    /// Whether the certificate of a server is vouched for, or is one of the file itself; and is the server's, by its name.
    pub(super) fn judge(&self, certificate: &[u8], host: &str, port: u16) -> Result<(), String> {
        let certificate = CertificateDer::from(certificate);
        let host = host.trim_matches(['[', ']']);
        let name = ServerName::try_from(host).map_err(|_| format!("`{host}` is no name that a certificate can hold"))?;
        let judged = if self.certificates.contains(&certificate) {
            ParsedCertificate::try_from(&certificate).and_then(|certificate| verify_server_name(&certificate, &name))
        } else {
            match self.verify(&certificate, &[], &name) {
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                    self.verify(&certificate, &between(&name, host, port).unwrap_or_default(), &name)
                }
                judged => judged,
            }
        };
        judged.map_err(|error| self.sentence(&error, host))
    }

    fn verify(&self, certificate: &CertificateDer<'_>, between: &[CertificateDer<'_>], name: &ServerName<'_>) -> Result<(), Error> {
        self.verifier.verify_server_cert(certificate, between, name, &[], UnixTime::now()).map(|_verified| ())
    }

    fn sentence(&self, error: &Error, host: &str) -> String {
        use CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext, UnknownIssuer};
        let file = self.path.display();
        match error {
            Error::InvalidCertificate(UnknownIssuer) => format!("none of the authorities in `{file}` signed it"),
            Error::InvalidCertificate(ExpiredContext { not_after, .. }) => format!("it expired on {}", date(*not_after)),
            Error::InvalidCertificate(Expired) => "it has expired".to_owned(),
            Error::InvalidCertificate(NotValidYetContext { not_before, .. }) => format!("it is valid from {} only", date(*not_before)),
            Error::InvalidCertificate(NotValidYet) => "it is not valid yet".to_owned(),
            Error::InvalidCertificate(NotValidForNameContext { presented, .. }) if !presented.is_empty() => {
                format!("it is not for `{host}`, but for {}", presented.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", "))
            }
            Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => format!("it does not name `{host}`"),
            Error::InvalidCertificate(CertificateError::Other(_)) => format!("it is no server's certificate, and `{file}` does not hold it itself"),
            Error::InvalidCertificate(fault) => format!("it cannot be a server's certificate ({fault:?})"),
            other => other.to_string(),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The name in `DnsName("git.example")` or `IpAddress(192.0.2.1)`.
fn plain(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, name)| name.trim_end_matches(')').trim_matches('"'))
}

fn date(time: UnixTime) -> String {
    let time = i64::try_from(time.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "a day beyond all years".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// The certificates that a server shows beside its own. The handshake always ends there: nothing is said to this server.
fn between(name: &ServerName<'_>, host: &str, port: u16) -> Option<Vec<CertificateDer<'static>>> {
    let heard = Arc::new(Heard { between: Mutex::default(), provider: provider() });
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().ok()?;
    let config = config.dangerous().with_custom_certificate_verifier(heard.clone()).with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), name.to_owned()).ok()?;
    let mut stream = (host, port).to_socket_addrs().ok()?.find_map(|address| TcpStream::connect_timeout(&address, PATIENCE).ok())?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    // It fails as soon as the certificates are heard.
    let _ended = connection.complete_io(&mut stream);
    let between = std::mem::take(&mut *heard.between.lock().unwrap_or_else(PoisonError::into_inner));
    Some(between)
}

/// Hears which certificates a server shows, and accepts none.
#[derive(Debug)]
struct Heard {
    between: Mutex<Vec<CertificateDer<'static>>>,
    provider: Arc<CryptoProvider>,
}

impl Heard {
    fn enough<T>() -> Result<T, Error> {
        Err(Error::General("heard".to_owned()))
    }
}

impl ServerCertVerifier for Heard {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let owned = between.iter().map(|certificate| certificate.clone().into_owned()).collect();
        *self.between.lock().unwrap_or_else(PoisonError::into_inner) = owned;
        Self::enough()
    }

    fn verify_tls12_signature(&self, _: &[u8], _: &CertificateDer<'_>, _: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        Self::enough()
    }

    fn verify_tls13_signature(&self, _: &[u8], _: &CertificateDer<'_>, _: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        Self::enough()
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl AuthorityError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { path, .. } => format!("put the authority's certificate into `{}` and let this user read it", path.display()),
            Self::NoCertificate { .. } => "a CA file holds certificates in PEM: `-----BEGIN CERTIFICATE-----`".to_owned(),
        })
    }
}
