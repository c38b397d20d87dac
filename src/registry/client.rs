//! What a registry is asked.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;
use reqwest::{Method, header::LINK};
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use super::{
    address::Where,
    document::{ACCEPT, Document, MANIFEST_BODY, digest_of},
    error::{Fault, Problem, RegistryError, Verb, printable},
    flight::Flights,
    helper::Helpers,
    journal::Sent,
    limit::Budgets,
    look::Part,
    page::{Listing, PAGE_BODY, Pages, TagList, Validators, next_page},
    place::Place,
    token::Proofs,
    visit::{Opened, Question, Verdict, Visit},
    wire::{Answer, Deadline, Request, Wire, authority, same_origin},
};
use crate::{
    config::{DockerConfig, Patience, Registries, RegistryAllow},
    image::{Digest, Platform, Repository, Tag},
    policy::record::Metadata,
};

/// What tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a client is made of.
#[derive(Clone)]
pub struct Settings {
    /// The entries under `registries:` that serve the repository in Git.
    pub registries: Registries,
    /// The logins of the Docker configuration.
    pub docker: DockerConfig,
    /// How long it waits.
    pub patience: Patience,
    /// Which registries may be asked.
    pub allow: RegistryAllow,
    /// Which addresses the names of registries, of their token services and of redirects may lead to.
    pub addresses: Where,
    /// What it takes for now: a build time far ahead of it is none.
    pub clock: Clock,
}

/// What a registry, or the service of its tokens, is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// A page of a tag list.
    List,
    /// The digest of a tag, without its manifest.
    Head,
    /// A manifest or an index.
    Manifest,
    /// The configuration of an image.
    Config,
    /// A token.
    Token,
    /// Whether the API answers at all.
    Probe,
}

impl RequestKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: &[Self] = &[Self::List, Self::Head, Self::Manifest, Self::Config, Self::Token, Self::Probe];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Head => "head",
            Self::Manifest => "manifest",
            Self::Config => "config",
            Self::Token => "token",
            Self::Probe => "probe",
        }
    }

    /// What it means, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::List => "A page of a tag list.",
            Self::Head => "The digest of a tag, without its manifest.",
            Self::Manifest => "A manifest or an index.",
            Self::Config => "The configuration of an image.",
            Self::Token => "A token.",
            Self::Probe => "Whether the API answers at all.",
        }
    }
}

/// Asks registries; one of them serves a whole process.
///
/// # Shape
/// What it learns about manifests and configurations by digest, tokens and hosts is kept as long as it lives.
/// A default provider of `rustls` must be installed before the first question.
pub struct Client {
    pub(super) settings: Settings,
    pub(super) wire: Wire,
    pub(super) helpers: Helpers,
    pub(super) opened: Opened,
    proofs: Proofs,
    bases: Flights<String, Url>,
    pub(super) parts: Flights<(Repository, Digest), Part>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("requests", &self.requests()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has asked nothing yet, with budgets of its own.
    pub fn new(settings: Settings) -> Self {
        Self::sharing(settings, Budgets::default())
    }

    /// A client whose requests count with those of all that have these budgets.
    pub fn sharing(settings: Settings, budgets: Budgets) -> Self {
        Self {
            wire: Wire::new(&settings, budgets),
            settings,
            helpers: Helpers::default(),
            opened: Opened::default(),
            proofs: Proofs::default(),
            bases: Flights::default(),
            parts: Flights::default(),
        }
    }

    /// How many requests were sent so far, those for tokens and retries included.
    pub fn requests(&self) -> u64 {
        self.wire.sent()
    }

    /// How many requests of each kind were sent to each host so far, as in [`Client::requests`].
    pub fn tally(&self) -> BTreeMap<(String, RequestKind), u64> {
        self.wire.tally()
    }

    /// How many requests a host's budget lets begin in a second.
    pub fn per_second(&self, host: &str) -> f64 {
        self.settings.registries.budget(host).requests_per_second
    }

    /// Keeps every request that is sent from now on, for [`Client::sent`].
    pub fn keep_requests(&self) {
        self.wire.journal.open();
    }

    /// The requests that were kept, in the order of their answers.
    pub fn sent(&self) -> Vec<Sent> {
        self.wire.journal.sent()
    }

    /// Every tag of a repository.
    ///
    /// # Errors
    /// The whole list cannot be had; a part of it is none.
    pub async fn tags(&self, repository: &Repository) -> Result<TagList, RegistryError> {
        Ok(self.tags_unless(repository, &Pages::default()).await?.expect("a list has at least one page, and none of it is known"))
    }

    /// Every tag of a repository; `None` where they came on the pages of `last`, which are not read again, or where the host says so of
    /// what it gave with them.
    ///
    /// # Errors
    /// As of [`Client::tags`].
    pub async fn tags_unless(&self, repository: &Repository, last: &Pages) -> Result<Option<TagList>, RegistryError> {
        let question = Question { verb: Verb::List, repository: repository.clone(), object: repository.to_string() };
        let mut visit = Visit::begin(self, question)?;
        while let Some(place) = visit.next().await? {
            // Boxed, as the two below: whoever asks holds one of these.
            let outcome = Box::pin(self.listing(&place, last.clone())).await;
            let verdict = Verdict::of(&outcome);
            if let Some(end) = visit.take(&place, outcome, verdict) {
                return end;
            }
        }
        visit.end()
    }

    /// The digest that a tag points to now.
    ///
    /// # Errors
    /// It cannot be had, or there is no such tag.
    pub async fn digest(&self, repository: &Repository, tag: &Tag) -> Result<Digest, RegistryError> {
        let mut visit = Visit::begin(self, Question::about(Verb::Resolve, repository, tag))?;
        while let Some(place) = visit.next().await? {
            let outcome = Box::pin(self.head(&place, tag)).await;
            let verdict = Verdict::of(&outcome);
            if let Some(end) = visit.take(&place, outcome, verdict) {
                return end;
            }
        }
        visit.end()
    }

    /// What stands behind a tag: the platforms it offers, and build time and labels of the image for the first of `wanted`.
    ///
    /// # Shape
    /// Where the first wanted platform is not offered, time and labels are those of the first that is.
    /// Where the tag pointed to `known` a moment ago, that is looked at: once, however many tags point there.
    ///
    /// # Errors
    /// No definite answer came. A tag that is gone or is no image is an answer.
    pub async fn look(&self, repository: &Repository, tag: &Tag, known: Option<&Digest>, wanted: &[Platform]) -> Result<Metadata, RegistryError> {
        let mut visit = Visit::begin(self, Question::about(Verb::Look, repository, tag))?;
        while let Some(place) = visit.next().await? {
            let outcome = Box::pin(self.metadata(&place, tag, known, wanted)).await;
            let verdict = if matches!(outcome, Ok(Metadata::Gone)) { Verdict::Hidden } else { Verdict::of(&outcome) };
            if let Some(end) = visit.take(&place, outcome, verdict) {
                return end;
            }
        }
        visit.end()
    }

    async fn listing(&self, place: &Place, last: Pages) -> Result<Option<TagList>, Problem> {
        let path = &place.repository.path;
        let mut deadline = Deadline::listing(self.wire.patience());
        let base = self.base(place).await?;
        let unsized_list = api(&base, &format!("{path}/tags/list"));
        let mut url = unsized_list.clone();
        url.set_query(Some("n=1000"));
        let given = last.given.clone();
        let mut listing = Listing::after(last);
        let mut first = true;
        loop {
            let ask = |url: Url, unless: &Validators| Request {
                kind: RequestKind::List,
                method: Method::GET,
                url,
                accept: "application/json",
                authorization: None,
                form: None,
                unless: unless.clone(),
                bound: PAGE_BODY,
                trust: place.trust.clone(),
            };
            let whole = Validators::default();
            listing.ask(&url).map_err(|fault| Problem::Answer { host: authority(&url), fault })?;
            deadline = deadline.next();
            let mut answer = self.ask(place, &base, ask(url.clone(), if first { &given } else { &whole }), &mut deadline).await?;
            if first && answer.status == 304 && !given.is_empty() {
                if next_page(&answer.url, &links(&answer)?).is_ok_and(|next| next.is_none()) {
                    return Ok(None);
                }
                // There is another page now, and then the tags of this one are wanted, too.
                answer = self.ask(place, &base, ask(url.clone(), &whole), &mut deadline).await?;
            }
            if first && refuses_page_size(&answer) {
                answer = self.ask(place, &base, ask(unsized_list.clone(), &whole), &mut deadline).await?;
            }
            if answer.status != 200 {
                return Err(answer.failure(self.wire.now()));
            }
            let body = std::mem::take(&mut answer.body);
            let fault = |fault| Problem::Answer { host: answer.host(), fault };
            let Some(next) = listing.add(path, &answer.url, &links(&answer)?, body).map_err(fault)? else {
                let given = if first { Validators::of(&answer.headers) } else { whole };
                return listing.finish(path, given).map_err(fault);
            };
            (url, first) = (next, false);
        }
    }

    async fn head(&self, place: &Place, tag: &Tag) -> Result<Digest, Problem> {
        let base = self.base(place).await?;
        let mut deadline = Deadline::request(self.wire.patience());
        let request = Self::manifest_request(place, &base, Method::HEAD, tag.as_str());
        let answer = self.ask(place, &base, request, &mut deadline).await?;
        match answer.status {
            200 => {
                if let Some(digest) = content_digest(&answer)? {
                    return Ok(digest);
                }
            }
            // Some registries answer no HEAD; a GET tells what is the matter.
            400 | 405 | 501 => {}
            _ => return Err(answer.failure(self.wire.now())),
        }
        let answer = self.manifest(place, &base, tag.as_str(), &mut deadline).await?;
        if answer.status != 200 {
            return Err(answer.failure(self.wire.now()));
        }
        let digest = verified(&answer, None)?;
        // A page of a proxy has a digest too.
        super::document::read(&answer.body).map(|_: Document| digest).map_err(|fault| Problem::Answer { host: answer.host(), fault })
    }

    /// Asks for a manifest or index by tag or digest.
    pub(super) async fn manifest(&self, place: &Place, base: &Url, reference: &str, deadline: &mut Deadline) -> Result<Answer, Problem> {
        self.ask(place, base, Self::manifest_request(place, base, Method::GET, reference), deadline).await
    }

    fn manifest_request(place: &Place, base: &Url, method: Method, reference: &str) -> Request {
        let url = api(base, &format!("{}/manifests/{reference}", place.repository.path));
        let kind = if method == Method::HEAD { RequestKind::Head } else { RequestKind::Manifest };
        Request {
            kind,
            method,
            url,
            accept: ACCEPT,
            authorization: None,
            form: None,
            unless: Validators::default(),
            bound: MANIFEST_BODY,
            trust: place.trust.clone(),
        }
    }

    /// Sends a request with what the registry wants to see, which it says with a 401.
    pub(super) async fn ask(&self, place: &Place, base: &Url, mut request: Request, deadline: &mut Deadline) -> Result<Answer, Problem> {
        let home = |url: &Url| same_origin(url, base);
        if !home(&request.url) {
            request.trust = self.wire.trust_elsewhere(&authority(&request.url), &place.trust);
            return self.wire.send(&request, deadline).await;
        }
        let waited = Instant::now();
        let _first = self.proofs.scout(base).await;
        deadline.extend(waited.elapsed());
        let mut proof = self.proofs.first(&self.wire, place, base).await?;
        let mut renewed = false;
        loop {
            request.authorization.clone_from(&proof.header);
            let answer = self.wire.send(&request, deadline).await?;
            if answer.status != 401 || !home(&answer.url) || renewed {
                return Ok(answer);
            }
            // A 401 tells what is wanted, or that a token is not taken any longer.
            renewed = proof.header.is_some();
            match self.proofs.after(&self.wire, place, base, &proof, &answer).await? {
                Some(better) => proof = better,
                None => return Ok(answer),
            }
        }
    }

    /// The root of the API. Where two may be tried, the second counts once the first cannot be talked to and the second can.
    pub(super) async fn base(&self, place: &Place) -> Result<Url, Problem> {
        let [first, second] = &place.bases[..] else {
            // A name may have a host that is none: a port above 65535, an address with five numbers.
            return place.bases.first().cloned().ok_or_else(|| Problem::NoSuchHost { host: place.repository.registry.to_string() });
        };
        let probe = async {
            let deadline = || Deadline::request(self.wire.patience());
            let Err(problem) = self.wire.once(&probe_request(place, first), &mut deadline()).await else {
                return Ok(first.clone());
            };
            match self.wire.send(&probe_request(place, second), &mut deadline()).await {
                Ok(_) => Ok(second.clone()),
                Err(_) => Err(problem),
            }
        };
        self.bases.share(place.repository.registry.to_string(), |_| true, probe).await
    }
}

fn probe_request(place: &Place, base: &Url) -> Request {
    let (url, trust) = (api(base, ""), place.trust.clone());
    Request {
        kind: RequestKind::Probe,
        method: Method::GET,
        url,
        accept: "application/json",
        authorization: None,
        form: None,
        unless: Validators::default(),
        bound: MANIFEST_BODY,
        trust,
    }
}

/// A place of the API. The parts of names, tags and digests need no escapes.
pub(super) fn api(base: &Url, rest: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("/v2/{rest}"));
    url
}

/// The links that stand in an answer's headers.
fn links(answer: &Answer) -> Result<Vec<&str>, Problem> {
    let links: Option<Vec<&str>> = answer.headers.get_all(LINK).iter().map(|value| value.to_str().ok()).collect();
    links.ok_or_else(|| Problem::Answer { host: answer.host(), fault: Fault::Link("it is not ASCII".to_owned()) })
}

fn refuses_page_size(answer: &Answer) -> bool {
    let code = super::said::said(&answer.body).code;
    matches!(answer.status, 400 | 405 | 416 | 422)
        || (answer.status == 404 && matches!(code.as_deref(), Some("UNSUPPORTED" | "PAGINATION_NUMBER_INVALID")))
}

/// The digest that an answer says it has.
pub(super) fn content_digest(answer: &Answer) -> Result<Option<Digest>, Problem> {
    let Some(value) = answer.headers.get("docker-content-digest") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let illegal = |_| Problem::Answer { host: answer.host(), fault: Fault::IllegalDigest(printable(&text, 100)) };
    Digest::parse(text.trim()).map(Some).map_err(illegal)
}

/// The digest of an answer's body, which is the wanted one and the one that the answer says.
pub(super) fn verified(answer: &Answer, wanted: Option<&Digest>) -> Result<Digest, Problem> {
    let said = content_digest(answer)?;
    let expected = wanted.or(said.as_ref());
    let digest = digest_of(&answer.body, expected);
    match expected {
        Some(expected) if *expected != digest => Err(Problem::Answer { host: answer.host(), fault: Fault::WrongDigest(expected.to_string()) }),
        _ => Ok(digest),
    }
}
