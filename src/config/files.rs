//! The files that a configuration names.

use std::{collections::BTreeSet, path::PathBuf};

use super::{Config, CredentialSource, SecretSource};

impl Config {
    /// Every file that is read because the configuration names it: secrets, keys, certificates, known hosts, logins of Docker; and the folders of presets.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let repositories = self.repositories.iter().flat_map(|repository| {
            let secrets = [
                repository.ssh_passphrase.as_ref(),
                repository.commit.signing_passphrase.as_ref(),
                repository.credential.as_ref().map(CredentialSource::secret),
                repository.github_app.as_ref().map(|app| &app.key),
            ];
            let named =
                [&repository.ssh_key_file, &repository.known_hosts_file, &repository.ca_file, &repository.commit.signing_key_file].map(Clone::clone);
            let shown = repository.client_certificate.clone().map(|shown| [shown.certificate, shown.key]);
            named.into_iter().chain(secrets.map(file)).flatten().chain(shown.into_iter().flatten())
        });
        let registries = self.registries.entries.iter().flat_map(|entry| {
            let secret = file(entry.credential.as_ref().map(CredentialSource::secret));
            let shown = entry.client_certificate.clone().map(|shown| [shown.certificate, shown.key]);
            entry.ca_file.clone().into_iter().chain(shown.into_iter().flatten()).chain(secret)
        });
        let all = [&self.registries.ca_file, &self.docker_config].map(Clone::clone);
        repositories.chain(registries).chain(all.into_iter().flatten()).chain(self.policies.iter().cloned()).collect()
    }
}

fn file(secret: Option<&SecretSource>) -> Option<PathBuf> {
    match secret {
        Some(SecretSource::File(path)) => Some(path.clone()),
        Some(SecretSource::Variable(_)) | None => None,
    }
}

impl CredentialSource {
    fn secret(&self) -> &SecretSource {
        match self {
            Self::Basic { password: secret, .. } | Self::Token(secret) => secret,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Environment, Overrides, load};

    #[test]
    fn every_key_that_names_a_file_is_among_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tagalong.yaml");
        let text = "dockerConfig: docker.json\nregistryCaFile: all-ca.pem\nstate: state\npolicies: [presets]\n\
                    repositories:\n\
                    - {url: 'ssh://git@git.example/a', sshKeyFile: key, sshPassphraseFile: passphrase, knownHostsFile: hosts}\n\
                    - {url: 'https://git.example/b', username: bot, passwordFile: password, caFile: git-ca.pem, clientCertFile: git.pem, clientKeyFile: git.key}\n\
                    - {url: 'https://git.example/d', githubApp: {id: 1, privateKeyFile: app.pem}}\n\
                    - {url: 'https://git.example/c', tokenEnv: TOKEN, commit: {signingKeyFile: signing, signingPassphraseFile: signing-passphrase}}\n\
                    registries:\n\
                    - {prefix: one.example, username: puller, passwordFile: pull, caFile: ca.pem, clientCertFile: client.pem, clientKeyFile: client.key}\n\
                    - {prefix: two.example, tokenFile: token}\n";
        std::fs::write(&path, text).expect("written");
        let config = load(Some(&path), Overrides::default(), &Environment::default()).expect("a configuration");
        let files: Vec<_> = config.files().into_iter().map(|file| file.strip_prefix(folder.path()).expect("beside it").to_owned()).collect();
        let named = [
            "all-ca.pem",
            "app.pem",
            "ca.pem",
            "client.key",
            "client.pem",
            "docker.json",
            "git-ca.pem",
            "git.key",
            "git.pem",
            "hosts",
            "key",
            "passphrase",
            "password",
            "presets",
            "pull",
            "signing",
            "signing-passphrase",
            "token",
        ];
        assert_eq!(files, named.map(|name| Path::new(name).to_owned()));
    }
}
