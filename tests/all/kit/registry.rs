//! Debian's `docker-registry` on a free loopback port, in a folder of its own.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use reqwest::{Method, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::token::{Signer, TokenService};

/// The user of a registry with basic authentication.
pub const USER: &str = "puller";
/// That user's password.
pub const PASSWORD: &str = "correct-horse-battery";

/// Whom the registry lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everyone, by plain http.
    Open,
    /// [`USER`], by plain http.
    Basic,
    /// Everyone, by https with a certificate of a private authority.
    Tls,
    /// Those who show a certificate of that authority, by https.
    MutualTls,
    /// Those with a token of a [`TokenService`], by plain http.
    Token,
}

/// A running registry, until it is dropped.
pub struct Registry {
    process: Child,
    log: Arc<Mutex<String>>,
    folder: TempDir,
    address: String,
    mode: Mode,
    /// What lets the test itself push.
    signer: Option<Arc<Signer>>,
}

/// The media types of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Those of the OCI.
    #[default]
    Oci,
    /// Those of Docker, schema 2.
    Docker,
}

/// What is pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// One image, for the first platform.
    #[default]
    Image,
    /// An index with one image for each platform.
    Index,
    /// An index with one image for each platform and an attestation for the first.
    AttestedIndex,
    /// A Helm chart.
    Chart,
    /// A signature.
    Signature,
}

/// What an image is made of.
#[derive(Clone, Debug, Default)]
pub struct ImageSpec {
    /// Its kind.
    pub kind: Kind,
    /// Its media types.
    pub form: Form,
    /// What its configuration says about when it was built.
    pub created: Option<String>,
    /// The labels of its configuration.
    pub labels: BTreeMap<String, String>,
    /// `os/architecture[/variant]`; `linux/amd64` where none is named.
    pub platforms: Vec<String>,
    /// The annotation `org.opencontainers.image.created` of each manifest.
    pub annotation: Option<String>,
    /// That of the index.
    pub index_annotation: Option<String>,
}

impl ImageSpec {
    /// An OCI image for `linux/amd64`, built at a time.
    pub fn built(created: &str) -> Self {
        Self { created: Some(created.to_owned()), ..Self::default() }
    }
}

impl Registry {
    /// Starts a registry and waits until it listens.
    pub fn start(mode: Mode) -> Self {
        assert_ne!(mode, Mode::Token, "a registry with tokens knows its token service");
        Self::start_with(mode, None)
    }

    /// Starts a registry that wants the tokens of a service.
    pub fn guarded_by(service: &TokenService) -> Self {
        Self::start_with(Mode::Token, Some(service))
    }

    fn start_with(mode: Mode, service: Option<&TokenService>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the registry");
        let path = folder.path();
        let auth = match mode {
            Mode::Open => String::new(),
            Mode::Token => service.map(TokenService::registry_configuration).unwrap_or_default(),
            Mode::Basic => {
                let line = run(program("htpasswd").args(["-nbB", "-C", "4", USER, PASSWORD]), "apache2-utils");
                fs::write(path.join("htpasswd"), line.trim()).expect("the password file is written");
                format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", path.join("htpasswd").display())
            }
            Mode::Tls | Mode::MutualTls => {
                make_certificates(path);
                String::new()
            }
        };
        let tls = match mode {
            Mode::Tls => format!("  tls:\n    certificate: {0}/server.pem\n    key: {0}/server.key\n", path.display()),
            Mode::MutualTls => {
                format!("  tls:\n    certificate: {0}/server.pem\n    key: {0}/server.key\n    clientcas: [{0}/ca.pem]\n", path.display())
            }
            Mode::Open | Mode::Basic | Mode::Token => String::new(),
        };
        let config = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  inmemory: {{}}\n  delete:\n    enabled: true\n\
             http:\n  addr: 127.0.0.1:0\n  secret: test\n{tls}{auth}"
        );
        let config_path = path.join("config.yml");
        fs::write(&config_path, config).expect("the configuration is written");
        let mut process = program("docker-registry")
            .arg("serve")
            .arg(&config_path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`docker-registry` starts; on Debian: apt-get install docker-registry");
        let log = Arc::new(Mutex::new(String::new()));
        let address = await_address(&mut process, &log);
        Self { process, log, folder, address, mode, signer: service.map(TokenService::signer) }
    }

    /// `127.0.0.1:PORT`: how an image's name begins.
    pub fn host(&self) -> &str {
        &self.address
    }

    /// The certificate of the private authority of [`Mode::Tls`].
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A file in the registry's own folder with a text.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file is written");
        path
    }

    /// Pushes an image; the answer is the digest that the tag points to.
    pub fn push(&self, repository: &str, tag: &str, spec: &ImageSpec) -> String {
        self.push_all(repository, &[(tag, spec)]).remove(0)
    }

    /// Pushes images; the answers are the digests that the tags point to.
    pub fn push_all(&self, repository: &str, images: &[(&str, &ImageSpec)]) -> Vec<String> {
        self.with_runtime(async |client| {
            let mut digests = Vec::new();
            for &(tag, spec) in images {
                let pushed = Pushing { registry: self, client, repository, tag };
                digests.push(match spec.kind {
                    Kind::Image => pushed.image(Some(tag), spec, platforms(spec)[0]).await.1,
                    Kind::Chart | Kind::Signature => pushed.artifact(tag, spec.kind).await,
                    Kind::Index | Kind::AttestedIndex => pushed.index(tag, spec).await,
                });
            }
            digests
        })
    }

    /// Deletes what a tag points to, as a retention job does.
    pub fn delete_tag(&self, repository: &str, tag: &str) {
        let digest = self.with_runtime(async |client| {
            let request = self.request(client, Method::HEAD, &self.url(repository, &format!("manifests/{tag}")));
            let answer = request.header("accept", "application/vnd.oci.image.manifest.v1+json").send().await.expect("the registry answers");
            answer.headers()["docker-content-digest"].to_str().expect("a digest").to_owned()
        });
        self.delete(repository, &digest);
    }

    /// Deletes the manifest of a digest, and so every tag that points to it.
    pub fn delete(&self, repository: &str, digest: &str) {
        self.with_runtime(async |client| {
            let url = self.url(repository, &format!("manifests/{digest}"));
            let answer = self.request(client, Method::DELETE, &url).send().await.expect("the registry answers");
            assert_eq!(answer.status(), StatusCode::ACCEPTED, "{url}");
        });
    }

    fn speaks_tls(&self) -> bool {
        matches!(self.mode, Mode::Tls | Mode::MutualTls)
    }

    /// The certificate of a client of [`Mode::MutualTls`], and its key.
    pub fn client_files(&self) -> [PathBuf; 2] {
        ["client.pem", "client.key"].map(|name| self.folder.path().join(name))
    }

    fn url(&self, repository: &str, rest: &str) -> String {
        let scheme = if self.speaks_tls() { "https" } else { "http" };
        format!("{scheme}://{}/v2/{repository}/{rest}", self.address)
    }

    fn request(&self, client: &reqwest::Client, method: Method, url: &str) -> reqwest::RequestBuilder {
        let request = client.request(method, url);
        match &self.signer {
            _ if self.mode == Mode::Basic => request.basic_auth(USER, Some(PASSWORD)),
            Some(signer) => {
                let path = url.split_once("/v2/").expect("a place of the API").1;
                let end = ["/blobs/", "/manifests/"].iter().find_map(|part| path.find(part)).expect("a repository");
                request.bearer_auth(signer.token(&path[..end], &["pull", "push", "delete"], 300))
            }
            None => request,
        }
    }

    /// Runs in a thread of its own, so that tests with and without a runtime can push.
    fn with_runtime<T: Send>(&self, work: impl AsyncFnOnce(&reqwest::Client) -> T + Send) -> T {
        super::install_tls();
        thread::scope(|scope| {
            let work = scope.spawn(|| {
                let mut builder = reqwest::Client::builder().no_proxy();
                if self.mode == Mode::MutualTls {
                    let both = self.client_files().map(|file| fs::read(file).expect("a certificate and its key")).concat();
                    builder = builder.identity(reqwest::Identity::from_pem(&both).expect("an identity"));
                }
                if self.speaks_tls() {
                    let pem = fs::read(self.ca_file()).expect("the authority's certificate");
                    builder = builder.tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")]);
                }
                let client = builder.build().expect("a client");
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(work(&client))
            });
            work.join().expect("the push succeeds")
        })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _already_gone = self.process.wait();
        if thread::panicking() {
            eprintln!("--- log of the registry on {}\n{}", self.address, self.log.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// One push.
struct Pushing<'a> {
    registry: &'a Registry,
    client: &'a reqwest::Client,
    repository: &'a str,
    /// What tells two images apart that are otherwise the same.
    tag: &'a str,
}

impl Pushing<'_> {
    /// Pushes an image by tag, or by its digest alone; the answer is its descriptor and its digest.
    async fn image(&self, tag: Option<&str>, spec: &ImageSpec, platform: &str) -> (Value, String) {
        let (manifest_type, config_type, layer_type) = match spec.form {
            Form::Oci => (
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.oci.image.layer.v1.tar+gzip",
            ),
            Form::Docker => (
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ),
        };
        let mut config = platform_json(platform);
        config["config"] = json!({ "Labels": spec.labels });
        config["rootfs"] = json!({ "type": "layers", "diff_ids": [] });
        config["comment"] = json!(self.tag);
        if let Some(created) = &spec.created {
            config["created"] = json!(created);
        }
        let config = self.blob(config_type, config.to_string().as_bytes()).await;
        let layer = self.blob(layer_type, b"layer").await;
        let mut manifest = json!({ "schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [layer] });
        annotate(&mut manifest, spec.annotation.as_deref());
        let (mut descriptor, digest) = self.manifest(tag, manifest_type, &manifest).await;
        descriptor["platform"] = platform_json(platform);
        (descriptor, digest)
    }

    async fn index(&self, tag: &str, spec: &ImageSpec) -> String {
        let mut entries = Vec::new();
        for platform in platforms(spec) {
            entries.push(self.image(None, spec, platform).await.0);
        }
        if spec.kind == Kind::AttestedIndex {
            let (mut entry, _) = self.image(None, &ImageSpec { form: spec.form, ..ImageSpec::default() }, "unknown/unknown").await;
            entry["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
            entries.push(entry);
        }
        let media_type = match spec.form {
            Form::Oci => "application/vnd.oci.image.index.v1+json",
            Form::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        };
        let mut index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries });
        annotate(&mut index, spec.index_annotation.as_deref());
        self.manifest(Some(tag), media_type, &index).await.1
    }

    async fn artifact(&self, tag: &str, kind: Kind) -> String {
        let (config_type, layer_type) = match kind {
            Kind::Signature => ("application/vnd.oci.image.config.v1+json", "application/vnd.dev.cosign.simplesigning.v1+json"),
            _ => ("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"),
        };
        let (config, layer) = (self.blob(config_type, b"{}").await, self.blob(layer_type, b"artifact").await);
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer] });
        self.manifest(Some(tag), media_type, &manifest).await.1
    }

    async fn manifest(&self, tag: Option<&str>, media_type: &str, manifest: &Value) -> (Value, String) {
        let body = manifest.to_string();
        let digest = digest(body.as_bytes());
        let url = self.registry.url(self.repository, &format!("manifests/{}", tag.unwrap_or(&digest)));
        let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": body.len() });
        let answer = self.registry.request(self.client, Method::PUT, &url).header(CONTENT_TYPE, media_type).body(body).send().await;
        let answer = answer.expect("the registry answers");
        assert_eq!(answer.status(), StatusCode::CREATED, "{url}: {}", answer.text().await.unwrap_or_default());
        (descriptor, digest)
    }

    async fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        let start = self.registry.url(self.repository, "blobs/uploads/");
        let answer = self.registry.request(self.client, Method::POST, &start).send().await.expect("the registry answers");
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{start}");
        let location = answer.headers()["location"].to_str().expect("a location").to_owned();
        let joint = if location.contains('?') { '&' } else { '?' };
        let url = format!("{location}{joint}digest={digest}");
        let answer = self.registry.request(self.client, Method::PUT, &url).body(bytes.to_vec()).send().await.expect("the registry answers");
        assert_eq!(answer.status(), StatusCode::CREATED, "{url}");
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }
}

fn platforms(spec: &ImageSpec) -> Vec<&str> {
    if spec.platforms.is_empty() { vec!["linux/amd64"] } else { spec.platforms.iter().map(String::as_str).collect() }
}

fn platform_json(platform: &str) -> Value {
    let mut parts = platform.split('/');
    let mut value = json!({ "os": parts.next(), "architecture": parts.next() });
    if let Some(variant) = parts.next() {
        value["variant"] = json!(variant);
    }
    value
}

fn annotate(manifest: &mut Value, created: Option<&str>) {
    if let Some(created) = created {
        manifest["annotations"] = json!({ "org.opencontainers.image.created": created });
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Reads the log on, in a thread of its own, until the registry says where it listens.
fn await_address(process: &mut Child, log: &Arc<Mutex<String>>) -> String {
    let lines = BufReader::new(process.stderr.take().expect("the log is piped"));
    let (found, address) = mpsc::channel();
    let sink = Arc::clone(log);
    thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("listening on ") {
                let address: String = rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
                let _nobody_waits = found.send(address);
            }
            let mut log = sink.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
    let Ok(address) = address.recv_timeout(Duration::from_secs(20)) else {
        let _already_gone = process.kill();
        panic!("the registry does not listen:\n{}", log.lock().unwrap_or_else(PoisonError::into_inner));
    };
    address
}

/// A private authority `ca.pem` and a certificate `server.pem` of it for loopback.
fn make_certificates(folder: &Path) {
    let openssl = |arguments: &str| run(program("openssl").current_dir(folder).args(arguments.split(' ')), "openssl");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=test-authority -days 2"));
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n").expect("the names are written");
    openssl(&format!("req {key} -keyout client.key -out client.csr -subj /CN=puller"));
    fs::write(folder.join("purpose"), "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n").expect("the purpose is written");
    openssl("x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile purpose -out client.pem");
    openssl("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem");
}

/// A program with an environment that no developer's settings reach.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").env("HOME", "/nonexistent").env("LC_ALL", "C");
    command
}

/// What a program prints, which must go well; `package` is the one of Debian that holds it.
pub fn run(command: &mut Command, package: &str) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; on Debian: apt-get install {package}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
