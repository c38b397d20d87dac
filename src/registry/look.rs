//! What stands behind a tag.

use std::sync::Arc;

use reqwest::Method;
use url::Url;

use super::{
    client::RequestKind,
    client::{Client, api, verified},
    created::{Sources, built},
    document::{CONFIG_BODY, Config, Document, Entry, Image, read, read_config},
    error::{Fault, Problem},
    page::Validators,
    place::Place,
    wire::{Answer, Deadline, Request, authority},
};
use crate::{
    image::{Digest, Platform, Tag},
    policy::record::{ImageFacts, Metadata, PlatformFacts},
};

/// How many documents one tag may lead to, its configurations included.
const DOCUMENTS: usize = 32;
/// How deep indexes may stand in indexes.
const DEPTH: u8 = 3;

/// What was read by its digest.
#[derive(Clone)]
pub(super) enum Part {
    Document(Arc<Document>),
    Config(Arc<Config>),
}

/// An image that an index offers.
struct Offer {
    platform: Platform,
    digest: Digest,
    /// The annotations of the entry and of the indexes around it, the closest first.
    created: [Option<String>; 2],
}

/// One look at one tag.
struct Look<'a> {
    client: &'a Client,
    place: &'a Place,
    base: Url,
    host: String,
    documents: usize,
}

impl Client {
    pub(super) async fn metadata(&self, place: &Place, tag: &Tag, known: Option<&Digest>, wanted: &[Platform]) -> Result<Metadata, Problem> {
        let base = self.base(place).await?;
        let mut look = Look { client: self, place, host: authority(&base), base, documents: 0 };
        if let Some(digest) = known {
            match look.document(digest).await {
                Ok(document) => return look.stands(digest.clone(), &document, wanted).await,
                // It may have been moved, or taken away, since.
                Err(Problem::Answer { fault: Fault::MissingPart { .. }, .. }) => {}
                Err(problem) => return Err(problem),
            }
        }
        let answer = self.manifest(place, &look.base, tag.as_str(), &mut Deadline::request(self.wire.patience())).await?;
        match answer.status {
            200 => {}
            404 if says_gone(&answer) => return Ok(Metadata::Gone),
            _ => return Err(answer.failure(self.wire.now())),
        }
        let digest = verified(&answer, None)?;
        let document = read(&answer.body).map_err(|fault| Problem::Answer { host: answer.host(), fault })?;
        look.host = answer.host();
        look.stands(digest, &document, wanted).await
    }
}

/// A registry says so in its own words, or with an empty body; a web page of somebody in between is no answer.
fn says_gone(answer: &Answer) -> bool {
    let code = super::said::said(&answer.body).code;
    answer.body.is_empty() || code.is_some_and(|code| code != "NAME_UNKNOWN")
}

impl Look<'_> {
    /// What a document says, and those that it leads to.
    async fn stands(&mut self, digest: Digest, document: &Document, wanted: &[Platform]) -> Result<Metadata, Problem> {
        match document {
            Document::Other(what) => Ok(Metadata::NotAnImage(what.clone())),
            Document::Image(image) => self.single(digest, image).await,
            Document::Index(index) => {
                let offers = self.offers(index.entries.clone(), index.created.clone()).await?;
                self.index(digest, offers, wanted).await
            }
        }
    }

    async fn single(&mut self, digest: Digest, image: &Image) -> Result<Metadata, Problem> {
        let config = self.config(&image.config).await?;
        let Some(platform) = config.platform.clone() else {
            return Ok(Metadata::NotAnImage("its configuration names no platform".to_owned()));
        };
        let created = self.built(&config, [image.created.as_deref(), None, None]);
        Ok(Metadata::Image(ImageFacts { digest, platforms: vec![PlatformFacts { platform, created }], labels: config.labels.clone() }))
    }

    async fn index(&mut self, digest: Digest, offers: Vec<Offer>, wanted: &[Platform]) -> Result<Metadata, Problem> {
        let serves = |offer: &Offer| wanted.first().is_some_and(|wanted| offer.platform.serves(wanted));
        let chosen = offers.iter().position(serves).unwrap_or(0);
        let Some(offer) = offers.get(chosen) else {
            return Ok(Metadata::NotAnImage("an index without an image".to_owned()));
        };
        let image = match &*self.document(&offer.digest).await? {
            Document::Image(image) => image.clone(),
            Document::Other(what) => return Ok(Metadata::NotAnImage(what.clone())),
            Document::Index(_) => return Err(self.fault(Fault::Unreadable { expected: "a manifest", why: "it is an index".to_owned() })),
        };
        let config = self.config(&image.config).await?;
        let [entry, index] = &offer.created;
        let created = self.built(&config, [image.created.as_deref(), entry.as_deref(), index.as_deref()]);
        let facts = |(at, offer): (usize, &Offer)| PlatformFacts { platform: offer.platform.clone(), created: created.filter(|_| at == chosen) };
        let platforms = offers.iter().enumerate().map(facts).collect();
        Ok(Metadata::Image(ImageFacts { digest, platforms, labels: config.labels.clone() }))
    }

    /// Every image of an index in its order, with those of the indexes inside it in their place.
    async fn offers(&mut self, entries: Vec<Entry>, created: Option<String>) -> Result<Vec<Offer>, Problem> {
        let mut offers = Vec::new();
        let mut open: Vec<(Entry, Option<String>, u8)> = entries.into_iter().rev().map(|entry| (entry, created.clone(), 1)).collect();
        while let Some((entry, around, depth)) = open.pop() {
            let Entry { digest, platform, nested, created } = entry;
            let platform = match platform {
                Some(platform) if !nested => platform,
                _ => match &*self.document(&digest).await? {
                    Document::Index(_) if depth >= DEPTH => return Err(self.fault(Fault::TooManyDocuments(DOCUMENTS))),
                    Document::Index(index) => {
                        let around = index.created.clone().or(created).or(around);
                        open.extend(index.entries.iter().rev().map(|entry| (entry.clone(), around.clone(), depth + 1)));
                        continue;
                    }
                    Document::Other(_) => continue,
                    Document::Image(image) => match self.config(&image.config).await?.platform.clone() {
                        Some(platform) if !platform.is_unknown() => platform,
                        _ => continue,
                    },
                },
            };
            offers.push(Offer { platform, digest, created: [created, around] });
        }
        Ok(offers)
    }

    async fn document(&mut self, digest: &Digest) -> Result<Arc<Document>, Problem> {
        self.count()?;
        let ask = async {
            let answer = self.client.manifest(self.place, &self.base, digest.as_str(), &mut Deadline::request(self.client.wire.patience())).await?;
            self.check(&answer, "manifest", digest)?;
            let document = read(&answer.body).map_err(|fault| Problem::Answer { host: answer.host(), fault })?;
            Ok(Part::Document(Arc::new(document)))
        };
        let key = (self.place.repository.clone(), digest.clone());
        match self.client.parts.share(key, |part| matches!(part, Part::Document(_)), ask).await? {
            Part::Document(document) => Ok(document),
            Part::Config(_) => Err(self.fault(Fault::MissingPart { what: "manifest", digest: digest.to_string() })),
        }
    }

    async fn config(&mut self, digest: &Digest) -> Result<Arc<Config>, Problem> {
        self.count()?;
        let ask = async {
            let request = Request {
                kind: RequestKind::Config,
                method: Method::GET,
                url: api(&self.base, &format!("{}/blobs/{digest}", self.place.repository.path)),
                accept: "*/*",
                authorization: None,
                form: None,
                unless: Validators::default(),
                bound: CONFIG_BODY,
                trust: self.place.trust.clone(),
            };
            let answer = self.client.ask(self.place, &self.base, request, &mut Deadline::request(self.client.wire.patience())).await?;
            self.check(&answer, "configuration", digest)?;
            let config = read_config(&answer.body).map_err(|fault| Problem::Answer { host: answer.host(), fault })?;
            Ok(Part::Config(Arc::new(config)))
        };
        let key = (self.place.repository.clone(), digest.clone());
        match self.client.parts.share(key, |part| matches!(part, Part::Config(_)), ask).await? {
            Part::Config(config) => Ok(config),
            Part::Document(_) => Err(self.fault(Fault::MissingPart { what: "configuration", digest: digest.to_string() })),
        }
    }

    /// Whether an answer by digest is what was asked for.
    fn check(&self, answer: &Answer, what: &'static str, digest: &Digest) -> Result<(), Problem> {
        match answer.status {
            200 => verified(answer, Some(digest)).map(drop),
            404 => Err(self.fault(Fault::MissingPart { what, digest: digest.to_string() })),
            _ => Err(answer.failure(self.client.wire.now())),
        }
    }

    fn built(&self, config: &Config, annotations: [Option<&str>; 3]) -> Option<jiff::Timestamp> {
        let sources = Sources { annotations, config: config.created.as_deref(), labels: Some(&config.labels) };
        built(&sources, self.client.wire.now())
    }

    fn count(&mut self) -> Result<(), Problem> {
        self.documents += 1;
        if self.documents > DOCUMENTS { Err(self.fault(Fault::TooManyDocuments(DOCUMENTS))) } else { Ok(()) }
    }

    fn fault(&self, fault: Fault) -> Problem {
        Problem::Answer { host: self.host.clone(), fault }
    }
}
