//! The way to one repository over http: the connections that are kept, and what is shown there.

use std::{
    fmt,
    future::Future,
    io,
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::{
    Client, Request, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect::Policy,
};
use rustls::{CertificateError, ClientConfig, crypto::ring, sign::SingleCertAndKey};
use secrecy::ExposeSecret;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::{coop::unconstrained, yield_now},
    time::timeout,
};
use url::Url;

use super::{failure, redirect};
use crate::{
    git::{
        authority::{Judge, Trust},
        options,
        remote::{Credentials, RemoteUrl},
        text,
        trouble::Trouble,
    },
    net::{Identity, innermost},
};

/// Forges know Git by the first word.
const USER_AGENT: &str = concat!("git/2.0 (tagalong ", env!("CARGO_PKG_VERSION"), ")");

/// How often every task that can go on has had its turn until a connection is kept: its own, the one that takes it back, and one to spare.
const TURNS: usize = 3;

/// What it takes to come to a repository over http.
#[derive(Clone, Debug, Default)]
pub struct HttpAccess {
    /// Which certificates are trusted.
    pub trust: Trust,
    /// The certificate that is shown to a server that asks for one.
    pub identity: Option<Identity>,
}

impl HttpAccess {
    /// What TLS takes to come to a host.
    pub(in crate::git) fn tls(&self, host: &str) -> Result<ClientConfig, rustls::Error> {
        let judge = Judge::new(host, self.trust.clone());
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
        let tls = tls.dangerous().with_custom_certificate_verifier(Arc::new(judge));
        Ok(match &self.identity {
            Some(identity) => tls.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key()))),
            None => tls.with_no_client_auth(),
        })
    }
}

/// The way to one repository.
pub(in crate::git) struct Line {
    client: Client,
    driver: Handle,
    url: Url,
    trust: Trust,
    shows: bool,
    /// What signs in, which an App renews.
    authorization: Mutex<Option<HeaderValue>>,
    silence: Duration,
    /// Whether a connection may be kept since an earlier answer.
    kept: AtomicBool,
}

impl Line {
    /// Makes ready; nobody is asked yet.
    ///
    /// # Errors
    /// The machine gives no thread or no TLS.
    pub(in crate::git) fn new(url: &RemoteUrl, credentials: Option<&Credentials>, access: &HttpAccess) -> Result<Self, Trouble> {
        let broken = |why: &dyn fmt::Display| Trouble::Other(format!("no connection can be made: {why}"));
        let driver = driver().map_err(|error| broken(&error))?;
        let silence = options::silence();
        let tls = access.tls(url.host().unwrap_or_default()).map_err(|error| broken(&error))?;
        let client = Client::builder().user_agent(USER_AGENT).redirect(Policy::none()).referer(false).http1_only();
        let client = client.tls_backend_preconfigured(tls).connect_timeout(silence);
        let client = if url.is_loopback() { client.no_proxy() } else { client };
        Ok(Self {
            client: client.build().map_err(|error| broken(&innermost(&error)))?,
            driver,
            url: Url::parse(url.as_str()).map_err(|error| broken(&error))?,
            trust: access.trust.clone(),
            shows: access.identity.is_some(),
            authorization: Mutex::new(credentials.map(authorization)),
            silence,
            kept: AtomicBool::new(false),
        })
    }

    /// The repository's address.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Its host.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Signs in with these from now on.
    pub(in crate::git) fn sign_in_with(&self, credentials: &Credentials) {
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization(credentials));
    }

    /// Whether something is said about who asks.
    pub(super) fn signs_in(&self) -> bool {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What a server's certificate that is not trusted means.
    pub(super) fn distrust(&self, fault: &CertificateError) -> Trouble {
        let sentence = text::one_line(self.trust.sentence(fault, self.host()).as_bytes(), None);
        if matches!(self.trust, Trust::Also(_)) { Trouble::Authority(sentence) } else { Trouble::Certificate(sentence) }
    }

    /// What it means that the server is not content with what we showed.
    pub(super) fn unshown(&self) -> Trouble {
        if self.shows { Trouble::CertificateRefused } else { Trouble::CertificateWanted }
    }

    /// Asks which branches a repository has; redirects are followed on the same host, and the address that answered comes back.
    pub(super) fn advertisement(&self, repository: &Url, service: &str) -> Result<(Response, Url), Trouble> {
        let mut url = below(repository, "info/refs");
        url.set_query(Some(&format!("service={service}")));
        for _ in 0..=redirect::MOST {
            let request = self.client.get(url.clone());
            let answer = self.ask(self.signed(request).build().map_err(|error| failure::trouble(self, &error))?)?;
            if let Some(next) = redirect::followed(&answer)? {
                url = next;
                continue;
            }
            let answer = self.expected(answer, &format!("application/x-{service}-advertisement"))?;
            return Ok((answer, redirect::base(&url, service).ok_or(Trouble::NotGit)?));
        }
        Err(redirect::elsewhere(&url, ""))
    }

    /// A request that posts to a service of a repository.
    pub(super) fn post(&self, repository: &Url, service: &str) -> RequestBuilder {
        let request = self.client.post(below(repository, service));
        let request = request.header(CONTENT_TYPE, format!("application/x-{service}-request"));
        self.signed(request.header(reqwest::header::ACCEPT, format!("application/x-{service}-result")))
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &*self.authorization.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(authorization) => request.header(AUTHORIZATION, authorization.clone()),
            None => request,
        }
    }

    /// Sends a request that may be sent twice, and waits for its answer.
    pub(super) fn ask(&self, request: Request) -> Result<Response, Trouble> {
        // That a kept connection has ended is often found out by the next request alone.
        let again = if self.kept.load(Ordering::Relaxed) { request.try_clone() } else { None };
        let answer = match (self.ask_once(request)?, again) {
            (Err(error), Some(again)) if failure::is_cut(&error) => self.ask_once(again)?,
            (answer, _) => answer,
        };
        answer.map_err(|error| failure::trouble(self, &error))
    }

    /// Sends a request, and waits for its answer.
    pub(super) fn ask_once(&self, request: Request) -> Result<reqwest::Result<Response>, Trouble> {
        self.wait(self.client.execute(request))
    }

    /// Sends a request, and goes on meanwhile.
    pub(super) fn begin(&self, request: Request) -> tokio::task::JoinHandle<reqwest::Result<Response>> {
        self.driver.spawn(self.client.execute(request))
    }

    /// The answer, where it is of a content type.
    pub(super) fn expected(&self, answer: Response, content_type: &str) -> Result<Response, Trouble> {
        if answer.status().is_redirection() {
            return Err(redirect::refused(&answer));
        }
        if answer.status() != StatusCode::OK {
            return Err(failure::of_status(self, answer));
        }
        self.kept.store(true, Ordering::Relaxed);
        let given = answer.headers().get(CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
        let is_it = given.split(';').next().is_some_and(|given| given.trim().eq_ignore_ascii_case(content_type));
        if is_it { Ok(answer) } else { Err(Trouble::NotGit) }
    }

    /// Waits until a connection whose answer was read to its end is kept: the library does that in tasks of its own, which run in turn.
    pub(super) fn settle(&self) {
        let turns = self.driver.spawn(async {
            for _ in 0..TURNS {
                yield_now().await;
            }
        });
        let _settled = self.wait(turns);
    }

    /// Waits for as long as silence is borne.
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Trouble> {
        self.wait_for(self.silence, work).ok_or(Trouble::TimedOut)
    }

    /// Waits for a time.
    pub(super) fn wait_for<T>(&self, time: Duration, work: impl Future<Output = T>) -> Option<T> {
        let _driven = self.driver.enter();
        waited(timeout(time, work)).ok()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// A place below a repository, whose address may end in a slash.
fn below(repository: &Url, place: &str) -> Url {
    let mut url = repository.clone();
    url.set_path(&format!("{}/{place}", repository.path().trim_end_matches('/')));
    url
}

fn authorization(Credentials { user, password }: &Credentials) -> HeaderValue {
    let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose_secret()));
    let mut header = HeaderValue::from_str(&format!("Basic {pair}")).expect("base64 is of letters, digits and signs");
    header.set_sensitive(true);
    header
}

/// The one thread that moves the bytes of all connections. It belongs to no runtime of ours, for a conversation blocks whoever holds it, on
/// whatever thread.
fn driver() -> io::Result<Handle> {
    static DRIVER: OnceLock<Runtime> = OnceLock::new();
    if let Some(driver) = DRIVER.get() {
        return Ok(driver.handle().clone());
    }
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("git-http").enable_all().build()?;
    // Another thread may have been faster; what it made is the one, and this one ends without a wait.
    if let Err(superfluous) = DRIVER.set(runtime) {
        superfluous.shutdown_background();
    }
    Ok(DRIVER.get().expect("it is set").handle().clone())
}

/// Waits on this thread, which may be one of a runtime: tokio's own way to wait is not allowed there.
fn waited<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    // The budget of a task that blocks is never renewed.
    let mut work = pin!(unconstrained(work));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => thread::park(),
        }
    }
}
