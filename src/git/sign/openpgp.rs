//! Signatures of `OpenPGP` keys.

use std::cmp::Reverse;

use jiff::Timestamp;
use pgp::{
    composed::{ArmorOptions, Deserializable, DetachedSignature, SignedSecretKey},
    packet::{SecretKey, SecretSubkey, Signature, SignatureType},
    types::{KeyDetails, Password, S2kParams, SecretParams, SigningKey, StringToKey},
};
use ssh_key::rand_core::OsRng;

use super::{Fault, MAKE};

/// A decrypted key that signs, primary or below one.
#[derive(Clone)]
pub(super) enum Key {
    Primary(SecretKey),
    Below(SecretSubkey),
}

impl Key {
    pub(super) fn parse_armoured(text: &str, passphrase: Option<&str>) -> Result<Self, Fault> {
        let (key, _) = SignedSecretKey::from_string(text).map_err(|_| damaged())?;
        Self::of(key, passphrase)
    }

    pub(super) fn parse_binary(bytes: &[u8], passphrase: Option<&str>) -> Result<Self, Fault> {
        Self::of(SignedSecretKey::from_bytes(bytes).map_err(|_| damaged())?, passphrase)
    }

    /// The newest part of a key that may sign now: as `gpg` chooses, one below the primary before the primary itself.
    fn of(key: SignedSecretKey, passphrase: Option<&str>) -> Result<Self, Fault> {
        key.verify_bindings().map_err(|_| damaged())?;
        let now = u32::try_from(Timestamp::now().as_second()).unwrap_or(u32::MAX);
        let unusable = |reason: &str| Fault::Unusable(reason.to_owned(), MAKE);
        let details = &key.details;
        if !details.revocation_signatures.is_empty() {
            return Err(unusable("it is revoked"));
        }
        let own = || newest(details.users.iter().flat_map(|user| &user.signatures).chain(&details.direct_signatures));
        if own().is_some_and(|own| is_past(own, key.primary_key.created_at().as_secs(), now)) {
            return Err(unusable("it has expired"));
        }
        let mut found = Vec::new();
        for one in key.secret_subkeys {
            let is_revoked = one.signatures.iter().any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation));
            let created = one.key.created_at().as_secs();
            let may_sign = newest(&one.signatures).is_some_and(|binding| binding.key_flags().sign() && !is_past(binding, created, now));
            if may_sign && !is_revoked && !is_elsewhere(one.key.secret_params()) {
                found.push((created, Self::Below(one.key)));
            }
        }
        found.sort_by_key(|(created, _)| Reverse(*created));
        let mut found: Vec<Self> = found.into_iter().map(|(_, one)| one).collect();
        if own().is_none_or(|own| own.key_flags().sign()) && !is_elsewhere(key.primary_key.secret_params()) {
            found.push(Self::Primary(key.primary_key));
        }
        let first = found.into_iter().next().ok_or_else(|| unusable("it holds no part that may sign"))?;
        first.decrypted(passphrase)
    }

    fn decrypted(mut self, passphrase: Option<&str>) -> Result<Self, Fault> {
        let params = match &self {
            Self::Primary(key) => key.secret_params(),
            Self::Below(key) => key.secret_params(),
        };
        if params.is_encrypted() {
            let password = Password::from(passphrase.ok_or(Fault::Encrypted)?);
            let opened = match &mut self {
                Self::Primary(key) => key.remove_password(&password),
                Self::Below(key) => key.remove_password(&password),
            };
            opened.map_err(|_| Fault::Passphrase)?;
        }
        Ok(self)
    }

    pub(super) fn sign(&self, content: &[u8]) -> Result<String, String> {
        match self {
            Self::Primary(key) => sign(key, content),
            Self::Below(key) => sign(key, content),
        }
    }
}

fn sign(key: &impl SigningKey, content: &[u8]) -> Result<String, String> {
    let signature = DetachedSignature::sign_binary_data(OsRng, key, &Password::empty(), key.hash_alg(), content);
    let armoured = signature.and_then(|signature| signature.to_armored_string(ArmorOptions::default()));
    armoured.map_err(|error| error.to_string())
}

fn newest<'s>(signatures: impl IntoIterator<Item = &'s Signature>) -> Option<&'s Signature> {
    signatures.into_iter().max_by_key(|signature| signature.created().map(pgp::types::Timestamp::as_secs))
}

/// Whether a key of this age has expired, as its signature says.
fn is_past(signature: &Signature, created: u32, now: u32) -> bool {
    let span = signature.key_expiration_time().map_or(0, pgp::types::Duration::as_secs);
    span != 0 && created.saturating_add(span) <= now
}

/// Whether the secret is only hinted at: it is on a card, or was left out of the export.
fn is_elsewhere(params: &SecretParams) -> bool {
    match params {
        SecretParams::Plain(_) => false,
        SecretParams::Encrypted(encrypted) => match encrypted.string_to_key_params() {
            S2kParams::Aead { s2k, .. } | S2kParams::Cfb { s2k, .. } | S2kParams::MalleableCfb { s2k, .. } => {
                matches!(s2k, StringToKey::Private { .. })
            }
            S2kParams::Unprotected | S2kParams::LegacyCfb { .. } => false,
        },
    }
}

fn damaged() -> Fault {
    Fault::Unusable("it is damaged".to_owned(), MAKE)
}
