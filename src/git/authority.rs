//! Which certificates of https servers are trusted: those that this machine trusts, and those of one file for one repository alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use jiff::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use rustls_platform_verifier::Verifier;
use thiserror::Error as ThisError;

use crate::policy::Blame;

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

    /// Whether the certificate of a server is vouched for, or is one of the file itself; and is the server's, by its name.
    fn judge(&self, certificate: &CertificateDer<'_>, between: &[CertificateDer<'_>], name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
        if self.certificates.iter().any(|own| own == certificate) {
            return ParsedCertificate::try_from(certificate).and_then(|certificate| verify_server_name(&certificate, name));
        }
        self.verifier.verify_server_cert(certificate, between, name, &[], now).map(|_verified| ())
    }
}

/// What TLS asks about the certificate that a server shows.
#[derive(Debug)]
pub(super) struct Judge {
    /// What is trusted from this host; every other one, such as a proxy, is judged as this machine judges it.
    host: String,
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    /// Judges the certificates of a host.
    pub(super) fn new(host: &str, trust: Trust) -> Self {
        Self { host: host.trim_matches(['[', ']']).to_owned(), trust, provider: provider() }
    }

    /// A certificate that nobody has to vouch for may be one that cannot even be read.
    fn unless_all_is_fine(&self, verify: impl FnOnce() -> Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
        if matches!(self.trust, Trust::Anything) { Ok(HandshakeSignatureValid::assertion()) } else { verify() }
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let system = || judge_of_system(certificate, between, name, stapled, now);
        match &self.trust {
            _ if *name.to_str() != *self.host => system(),
            Trust::Anything => Ok(ServerCertVerified::assertion()),
            Trust::System => system(),
            Trust::Also(authority) => {
                let judged = authority.judge(certificate, between, name, now).map(|()| ServerCertVerified::assertion());
                judged.or_else(|own| system().map_err(|_| own))
            }
        }
    }

    fn verify_tls12_signature(&self, said: &[u8], by: &CertificateDer<'_>, signed: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        self.unless_all_is_fine(|| verify_tls12_signature(said, by, signed, &self.provider.signature_verification_algorithms))
    }

    fn verify_tls13_signature(&self, said: &[u8], by: &CertificateDer<'_>, signed: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        self.unless_all_is_fine(|| verify_tls13_signature(said, by, signed, &self.provider.signature_verification_algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What this machine says to a certificate; its authorities are read once, when they are first asked.
fn judge_of_system(
    certificate: &CertificateDer<'_>,
    between: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    stapled: &[u8],
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    static SYSTEM: OnceLock<Option<Verifier>> = OnceLock::new();
    match SYSTEM.get_or_init(|| Verifier::new(provider()).ok()) {
        Some(system) => system.verify_server_cert(certificate, between, name, stapled, now),
        // A machine without authorities trusts nobody.
        None => Err(CertificateError::UnknownIssuer.into()),
    }
}

impl Trust {
    /// What speaks against the certificate that a host showed.
    pub(super) fn sentence(&self, fault: &CertificateError, host: &str) -> String {
        use CertificateError::{
            BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext, Revoked, UnknownIssuer,
        };
        match (fault, self) {
            // An authority of the same name with another key signed badly.
            (UnknownIssuer | BadSignature, Self::Also(own)) => format!("none of the authorities in `{}` signed it", own.path.display()),
            (UnknownIssuer | BadSignature, _) => "nobody whom this machine trusts signed it".to_owned(),
            (ExpiredContext { not_after, .. }, _) => format!("it expired on {}", date(*not_after)),
            (Expired, _) => "it has expired".to_owned(),
            (NotValidYetContext { not_before, .. }, _) => format!("it is valid from {} only", date(*not_before)),
            (NotValidYet, _) => "it is not valid yet".to_owned(),
            (NotValidForNameContext { presented, .. }, _) if !presented.is_empty() => {
                format!("it is not for `{host}`, but for {}", presented.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", "))
            }
            (NotValidForName | NotValidForNameContext { .. }, _) => format!("it does not name `{host}`"),
            (Revoked, _) => "it was revoked".to_owned(),
            (CertificateError::Other(_), Self::Also(own)) => {
                format!("it is no server's certificate, and `{}` does not hold it itself", own.path.display())
            }
            (CertificateError::Other(_), _) => "it is no server's certificate".to_owned(),
            (fault, _) => format!("it cannot be a server's certificate ({fault:?})"),
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
