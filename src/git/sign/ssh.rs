//! Signatures of SSH keys.

use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey};

use super::{Fault, MAKE, ecdsa};

/// What the signature is for: git signs and verifies under this name.
const NAMESPACE: &str = "git";
/// Why an RSA key is refused.
pub(super) const RSA: &str = "it is an RSA key of SSH; ed25519 and ECDSA sign, and RSA keys of OpenPGP";

/// A decrypted key that signs.
#[derive(Clone)]
pub(super) struct Key(PrivateKey);

impl Key {
    pub(super) fn parse(text: &str, passphrase: Option<&str>) -> Result<Self, Fault> {
        // The reader takes the block alone, with the line ends of this system and one at its end.
        let block = text.find("-----BEGIN ").map_or("", |at| &text[at..]);
        let block = format!("{}\n", block.replace("\r\n", "\n").trim());
        let read = PrivateKey::from_openssh(&block).ok().or_else(|| ecdsa::read(&block));
        let key = read.ok_or_else(|| Fault::Unusable("it is damaged".to_owned(), MAKE))?;
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => {}
            Algorithm::Rsa { .. } => return Err(Fault::Unusable(RSA.to_owned(), MAKE)),
            other => return Err(Fault::Unusable(format!("it is a key of the type {other}, which cannot sign here"), MAKE)),
        }
        if !key.is_encrypted() {
            return Ok(Self(key));
        }
        let passphrase = passphrase.ok_or(Fault::Encrypted)?;
        key.decrypt(passphrase).ok().or_else(|| ecdsa::decrypt(&key, passphrase)).map(Self).ok_or(Fault::Passphrase)
    }

    pub(super) fn sign(&self, content: &[u8]) -> Result<String, String> {
        let signature = self.0.sign(NAMESPACE, HashAlg::Sha512, content).and_then(|signature| signature.to_pem(LineEnding::LF));
        signature.map_err(|error| error.to_string())
    }
}
