//! The configuration file as it is written.

use serde_saphyr::{Error, Spanned};

use super::{
    Section, defaults,
    duration::Show,
    github_app::IdText,
    key::{nearest_first, section},
    registries,
    source::Source,
};
use crate::config::ConfigError;

/// A scalar with its line.
pub(super) type Text = Spanned<String>;
/// A list of scalars with their lines.
pub(super) type Texts = Vec<Text>;
/// A whole number above zero.
pub(super) type Count = std::num::NonZeroU16;

section! {
    /// The top of the file.
    "" FileWritten {
        /// The folder of caches; it may be deleted at any time.
        "state" state: Text, "folder", "`$XDG_STATE_HOME/tagalong`, else `~/.local/state/tagalong`";
        /// Where health, metrics and pages are served.
        "listen" listen: Text, "address:port", defaults::LISTEN;
        /// Where webhooks alone are served.
        "listenHooks" listen_hooks: Text, "address:port", "nowhere";
        /// Which registries may be asked: every one that a manifest names, or only those under `registries`.
        "registryAllow" registry_allow: Text, "`any` or `listed`", "any";
        /// The Git repositories.
        "repositories" repositories: Vec<Spanned<RepositoryWritten>>, "list", "none";
        /// The registries that need more than their name.
        "registries" registries: Vec<Spanned<registries::Written>>, "list", "none";
        /// Further kinds of objects that hold images.
        "kinds" kinds: Vec<Spanned<KindWritten>>, "list", "none";
        /// Folders with own presets.
        "policies" policies: Texts, "folders", "none";
        /// How long a command goes on without learning anything new from a registry.
        "timeout" timeout: Text, "duration", Show(defaults::TIMEOUT);
        /// How long a Git remote may be silent.
        "gitTimeout" git_timeout: Text, "duration", Show(defaults::GIT_TIMEOUT);
        /// How often a repository in a registry is listed.
        "registryPollInterval" registry_poll_interval: Text, "duration", Show(defaults::REGISTRY_INTERVAL);
        /// Requests per second, per registry host.
        "registryRps" registry_rps: Spanned<f64>, "number", defaults::BUDGET.requests_per_second;
        /// Requests at the same time, per registry host.
        "registryBurst" registry_burst: Count, "number", defaults::BUDGET.concurrency;
        /// Private CAs for all registries, beside those that the machine trusts.
        "registryCaFile" registry_ca_file: Text, "file", "none";
        /// Hosts that may answer with plain http, or with a certificate that nobody vouches for.
        "registryInsecureHosts" registry_insecure_hosts: Texts, "hosts", "none";
        /// Images that are never looked up: globs over the full name, such as `docker.io/library/*`.
        "registryExcludeImages" registry_exclude_images: Texts, "globs", "none";
        /// The only images that are looked up.
        "registryIncludeImages" registry_include_images: Texts, "globs", "all";
        /// The Docker configuration file with credentials.
        "dockerConfig" docker_config: Text, "file", "`$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`, where present";
        /// The least that `run` logs.
        "logLevel" log_level: Text, "`error`, `warn`, `info` or `debug`", defaults::LOG.level;
        /// Lines for people, or one JSON object a line.
        "logFormat" log_format: Text, "`text` or `json`", defaults::LOG.format;
    }
}

section! {
    /// A Git repository. The entry holds for a command whose `REPO` has the same address.
    "repositories[]" RepositoryWritten {
        /// How the repository is called.
        "name" name: Text, "text", "the last part of the address";
        /// Where it is: `https://`, `ssh://`, `user@host:path`, `file://`, a folder, or `http://` to loopback. Required.
        "url" url: Text, "address", "required";
        /// The branch that is read.
        "branch" branch: Text, "text", "the remote's HEAD";
        /// Another branch for the commits; it is made where there is none.
        "pushBranch" push_branch: Text, "text", "the branch that is read";
        /// Where may be written: paths or globs in the repository.
        "paths" paths: Texts, "globs", "everything";
        /// Kustomizations that are deployed though others use them, too.
        "roots" roots: Texts, "folders", "none";
        /// The namespaces whose pull secrets its workloads may use.
        "namespaces" namespaces: Texts, "names", "none";
        /// How often its branch is looked at.
        "interval" interval: Text, "duration", Show(defaults::GIT_INTERVAL);
        /// The private key that signs in over SSH: ed25519, ECDSA or RSA.
        "sshKeyFile" ssh_key_file: Text, "file", "what `tagalong identity` made, else the keys of the ssh-agent at `$SSH_AUTH_SOCK`";
        /// A variable that holds the private key itself.
        "sshKeyEnv" ssh_key_env: Text, "name", "none";
        /// A file that holds the passphrase of the key.
        "sshPassphraseFile" ssh_passphrase_file: Text, "file", "none";
        /// A variable that holds the passphrase of the key.
        "sshPassphraseEnv" ssh_passphrase_env: Text, "name", "none";
        /// The only SSH hosts that are trusted, in the format of OpenSSH's `known_hosts`.
        "knownHostsFile" known_hosts_file: Text, "file", "`~/.ssh/known_hosts`, where present, and what the large forges publish";
        /// The only SSH host keys that are trusted, by their fingerprints; known hosts do not count then.
        "hostKeyFingerprints" host_key_fingerprints: Texts, "`SHA256:…`", "none";
        /// The user for https, with `passwordFile`, `passwordEnv`, `tokenFile` or `tokenEnv`.
        "username" username: Text, "text", "none";
        /// A file that holds the password.
        "passwordFile" password_file: Text, "file", "none";
        /// A variable that holds the password.
        "passwordEnv" password_env: Text, "name", "none";
        /// A file that holds a token for https.
        "tokenFile" token_file: Text, "file", "none";
        /// A variable that holds a token for https.
        "tokenEnv" token_env: Text, "name", "none";
        /// The GitHub App that signs in over https, instead of a user or a token.
        "githubApp" github_app: Spanned<GitHubAppWritten>, "section", "none";
        /// A private CA for this repository, beside those that the machine trusts.
        "caFile" ca_file: Text, "file", "none";
        /// A certificate that is shown to an https server that asks for one, with `clientKeyFile`.
        "clientCertFile" client_cert_file: Text, "file", "none";
        /// The key of that certificate.
        "clientKeyFile" client_key_file: Text, "file", "none";
        /// Whether plain http, or a certificate that nobody vouches for, is accepted. SSH hosts must be known all the same.
        "insecure" insecure: bool, "`true` or `false`", "false";
        /// How commits are made.
        "commit" commit: CommitWritten, "section", "as below";
    }
}

section! {
    /// The GitHub App that signs in over https.
    "repositories[].githubApp" GitHubAppWritten {
        /// The App's id or client id. Required.
        "id" id: Spanned<IdText>, "number or text", "required";
        /// The id of its installation.
        "installationId" installation_id: Spanned<IdText>, "number", "what the API says for the repository";
        /// A file that holds the App's private key: RSA, in PEM.
        "privateKeyFile" private_key_file: Text, "file", "none";
        /// A variable that holds the App's private key itself.
        "privateKeyEnv" private_key_env: Text, "name", "none";
        /// Where GitHub's API is: `https://`, or `http://` to loopback.
        "apiUrl" api_url: Text, "address", "`https://api.github.com`; of an Enterprise server `https://HOST/api/v3`";
    }
}

section! {
    /// How commits are made.
    "repositories[].commit" CommitWritten {
        /// The author's and committer's name.
        "name" name: Text, "text", defaults::AUTHOR_NAME;
        /// The author's and committer's email.
        "email" email: Text, "text", defaults::AUTHOR_EMAIL;
        /// The private key that signs commits: an SSH key (ed25519 or ECDSA) or a key of `gpg`.
        "signingKeyFile" signing_key_file: Text, "file", "none";
        /// A file that holds the passphrase of the signing key.
        "signingPassphraseFile" signing_passphrase_file: Text, "file", "none";
        /// A variable that holds the passphrase of the signing key.
        "signingPassphraseEnv" signing_passphrase_env: Text, "name", "none";
        /// One commit for all updates, or one for each workload or image.
        "group" group: Text, "`all`, `workload` or `image`", "all";
        /// The quiet period before a commit.
        "batchWindow" batch_window: Text, "duration", Show(defaults::BATCH_WINDOW);
        /// A template for the subject of what policies update.
        "subject" subject: Text, "template", "`Auto-release <image>`";
        /// A template for the body of what policies update. The `Image-Update` lines follow it always.
        "body" body: Text, "template", "a list by workload, and links";
        /// Further authors, each as `Name <address>`.
        "coAuthors" co_authors: Texts, "people", "none";
        /// Whether the message ends in a `Signed-off-by` of the author.
        "signOff" sign_off: bool, "`true` or `false`", "false";
        /// Whether the message says `[ci skip]`.
        "ciSkip" ci_skip: bool, "`true` or `false`", "false";
    }
}

section! {
    /// A kind of object that holds images at paths of its own.
    "kinds[]" KindWritten {
        /// Its `apiVersion`. Required.
        "apiVersion" api_version: Text, "text", "required";
        /// Its `kind`. Required.
        "kind" kind: Text, "text", "required";
        /// Dotted paths of the images. Required.
        "images" images: Texts, "paths", "required";
    }
}

/// Every section, in the order of the page.
pub(super) fn sections() -> Vec<Section> {
    vec![
        FileWritten::section(),
        RepositoryWritten::section(),
        GitHubAppWritten::section(),
        CommitWritten::section(),
        registries::Written::section(),
        KindWritten::section(),
    ]
}

/// Reads the text of a file.
pub(super) fn parse(source: &Source, text: &str) -> Result<FileWritten, ConfigError> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true, merge_keys: serde_saphyr::MergeKeyPolicy::Error };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| translate(source, &error))
}

/// The keys by which people would write a secret down, and where it belongs instead.
const SECRET_KEYS: [(&str, &str); 7] = [
    ("password", "write it into a file and name that with `passwordFile`, or a variable with `passwordEnv`"),
    ("token", "write it into a file and name that with `tokenFile`, or a variable with `tokenEnv`"),
    ("secret", "write it into a file and name that with `passwordFile` or `tokenFile`"),
    ("passphrase", "write it into a file and name that with `sshPassphraseFile`, or a variable with `sshPassphraseEnv`"),
    ("sshpassphrase", "write it into a file and name that with `sshPassphraseFile`, or a variable with `sshPassphraseEnv`"),
    ("privatekey", "write it into a file and name that with `privateKeyFile`, or a variable with `privateKeyEnv`"),
    ("sshkey", "write it into a file and name that with `sshKeyFile`"),
];

/// Our own sentence for what the parser found. The parser's texts name keys, shapes and characters, never a value.
fn translate(source: &Source, error: &Error) -> ConfigError {
    let line = error.location().map_or(1, |location| location.line());
    let what = match error {
        Error::AliasError { error, .. } => return translate(source, error),
        Error::DuplicateMappingKey { key, .. } => format!("a key stands twice: `{}`", key.as_deref().unwrap_or("?")),
        Error::InvalidBooleanStrict { .. } | Error::InvalidScalar { ty: "bool", .. } => "a boolean is `true` or `false`".into(),
        Error::InvalidScalar { ty: "f64", .. } => "a number above zero is wanted here".into(),
        Error::InvalidScalar { .. } | Error::SerdeInvalidValue { .. } | Error::SerdeInvalidType { .. } => {
            "a whole number above zero is wanted here".into()
        }
        Error::Unexpected { expected: "mapping start", .. } => "keys and values are wanted here (`key: value`)".into(),
        Error::Unexpected { expected: "sequence start", .. } => "a list is wanted here (`[a, b]`, or lines that start with `- `)".into(),
        Error::Unexpected { expected: "string scalar", .. } => "one value is wanted here, not a list and not keys".into(),
        Error::MultipleDocuments { .. } => "a second document begins here, but the configuration is one".into(),
        Error::MergeKeyNotAllowed { .. } => "merge keys (`<<`) are not read here".into(),
        Error::Message { msg, .. } => msg.clone(),
        Error::Budget { .. } => "it is nested or aliased beyond all use".into(),
        other => plain_text(other),
    };
    source.wrong(line, what)
}

/// What the parser says, without the position that the sentence around it names already.
fn plain_text(error: &Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// A key that nobody knows: perhaps a secret, perhaps a slip.
pub(super) fn unknown_key(source: &Source, line: u64, key: &str, known: &[&'static str]) -> ConfigError {
    match SECRET_KEYS.iter().find(|(name, _)| key.eq_ignore_ascii_case(name)) {
        Some((_, hint)) => ConfigError::SecretInFile { path: source.path.clone(), line, key: key.to_owned(), hint },
        None => ConfigError::UnknownKey { path: source.path.clone(), line, key: key.to_owned(), known: nearest_first(key, known) },
    }
}
