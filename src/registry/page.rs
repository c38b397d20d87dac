//! Pages of a tag list.

use std::{
    borrow::Cow,
    collections::HashSet,
    hash::{DefaultHasher, Hasher},
    mem,
};

use reqwest::header::{ETAG, HeaderMap, LAST_MODIFIED};
use serde::Deserialize;
use url::Url;

use super::{
    error::{Fault, printable},
    wire::redacted,
};
use crate::image::Tag;

/// The longest body of one page.
pub(super) const PAGE_BODY: usize = 16 * 1024 * 1024;
/// The most pages of one list.
const PAGES: usize = 10_000;
/// The most tags of one list.
const TAGS: usize = 5_000_000;

/// The tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// Every legal tag once, in the registry's order.
    pub tags: Vec<Tag>,
    /// How many names were no legal tags.
    pub ignored: u32,
    /// The pages that it came on.
    pub pages: Pages,
}

/// What tells that a list came on the same pages as another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// A hash of the bytes of each.
    hashes: Box<[u64]>,
    /// What the host gave with a list of one page.
    ///
    /// A list of several is asked for whole: with one new tag all of its pages would have to be asked for twice.
    pub given: Validators,
}

/// What a host gives so that it can be asked whether its answer is still the same.
///
/// # Source
/// RFC 9110, sections 8.8 and 13.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// The longest of them: they are kept with every list.
const VALIDATOR: usize = 200;

impl Validators {
    /// What an answer gives.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty() && text.len() <= VALIDATOR);
        Self { etag: text(ETAG).map(str::to_owned), last_modified: text(LAST_MODIFIED).map(str::to_owned) }
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Pages {
    /// How many requests brought the list; at least one will.
    pub fn requests(&self) -> usize {
        self.hashes.len().max(1)
    }

    /// The same without what the host gave: it is asked for the whole list.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { given: Validators::default(), ..self }
    }
}

/// A tag list while its pages come in.
#[derive(Default)]
pub(super) struct Listing {
    list: TagList,
    known: HashSet<Tag>,
    places: HashSet<String>,
    pages: Vec<u64>,
    names: usize,
    /// The pages of last time.
    last: Pages,
    /// Bodies that are those of last time, and not read for as long as all are.
    same: Vec<Body>,
}

/// A page that is not read yet.
struct Body {
    bytes: Vec<u8>,
    is_only: bool,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    name: Option<Name<'a>>,
    #[serde(default, borrow)]
    tags: Tags<'a>,
}

/// A text, copied only where it holds escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// What stands under `tags`.
#[derive(Default, Deserialize)]
#[serde(from = "Option<Vec<Name<'a>>>")]
enum Tags<'a> {
    #[default]
    Missing,
    Null,
    #[serde(borrow)]
    Names(Vec<Name<'a>>),
}

impl<'a> From<Option<Vec<Name<'a>>>> for Tags<'a> {
    fn from(names: Option<Vec<Name<'a>>>) -> Self {
        names.map_or(Self::Null, Self::Names)
    }
}

impl Listing {
    /// A list of which these pages are known.
    pub(super) fn after(last: Pages) -> Self {
        Self { last, ..Self::default() }
    }

    /// Notes that a page is asked for.
    ///
    /// # Errors
    /// It was asked for before, or there were too many.
    pub(super) fn ask(&mut self, url: &Url) -> Result<(), Fault> {
        if self.places.len() >= PAGES {
            return Err(Fault::TooManyPages(PAGES));
        }
        if self.places.insert(url.to_string()) { Ok(()) } else { Err(Fault::RepeatedPage) }
    }

    /// Adds a page; the answer is where the next one is.
    ///
    /// # Errors
    /// The page is none, or departs from the specification.
    pub(super) fn add(&mut self, path: &str, at: &Url, links: &[&str], bytes: Vec<u8>) -> Result<Option<Url>, Fault> {
        let next = next_page(at, links)?;
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        let hash = hasher.finish();
        let is_repeated = self.pages.contains(&hash);
        let is_same = !is_repeated && self.last.hashes.get(self.pages.len()) == Some(&hash) && self.same.len() == self.pages.len();
        self.pages.push(hash);
        let body = Body { bytes, is_only: self.pages.len() == 1 && next.is_none() };
        let held: usize = self.same.iter().map(|body| body.bytes.len()).sum();
        if is_same && held + body.bytes.len() <= PAGE_BODY {
            self.same.push(body);
        } else {
            self.read_all(path)?;
            let came = self.read(path, &body)?;
            if came > 0 && is_repeated {
                return Err(Fault::RepeatedPage);
            }
        }
        Ok(next)
    }

    /// The list, once its last page is added, with what the host gave; `None` where it came on the pages of last time.
    ///
    /// # Errors
    /// A page is none, or departs from the specification.
    pub(super) fn finish(mut self, path: &str, given: Validators) -> Result<Option<TagList>, Fault> {
        if !self.same.is_empty() && self.pages == *self.last.hashes && self.same.len() == self.pages.len() {
            return Ok(None);
        }
        self.read_all(path)?;
        self.list.pages = Pages { hashes: self.pages.into(), given };
        Ok(Some(self.list))
    }

    /// Reads what is not read yet.
    fn read_all(&mut self, path: &str) -> Result<(), Fault> {
        mem::take(&mut self.same).iter().try_for_each(|body| self.read(path, body).map(drop))
    }

    /// Takes the tags of a page; says how many names it has.
    fn read(&mut self, path: &str, body: &Body) -> Result<usize, Fault> {
        let page: Page<'_> = json(&body.bytes, "a tag list")?;
        if let Some(Name(name)) = page.name.filter(|name| !same_repository(&name.0, path)) {
            return Err(Fault::OtherRepository(printable(&name, 100)));
        }
        let names = match page.tags {
            Tags::Names(names) => names,
            Tags::Null if body.is_only => return Ok(0),
            Tags::Null => return Err(Fault::NullTags),
            Tags::Missing => return Err(Fault::Unreadable { expected: "a tag list", why: "it has no tags".to_owned() }),
        };
        self.names += names.len();
        if self.names > TAGS {
            return Err(Fault::TooManyTags(TAGS));
        }
        if self.take(&names) && !names.is_empty() {
            return Err(Fault::RepeatedPage);
        }
        Ok(names.len())
    }

    /// Takes in names; the answer is whether all of them had come with earlier pages.
    fn take(&mut self, names: &[Name<'_>]) -> bool {
        let before = self.list.tags.len();
        let mut illegal = 0;
        for Name(name) in names {
            match Tag::parse(name) {
                Ok(tag) if self.known.insert(tag.clone()) => self.list.tags.push(tag),
                Ok(_) => {}
                Err(_) => illegal += 1,
            }
        }
        self.list.ignored += illegal;
        illegal == 0 && self.list.tags.len() == before
    }
}

/// A body of one JSON object, or what it is instead.
pub(super) fn json<'a, T: Deserialize<'a>>(body: &'a [u8], expected: &'static str) -> Result<T, Fault> {
    // An array would be read as the fields of an object in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Fault::Unreadable { expected, why: "it is an array".to_owned() });
    }
    serde_json::from_slice(body).map_err(|error| {
        if body.trim_ascii_start().starts_with(b"<") {
            return Fault::WebPage;
        }
        Fault::Unreadable { expected, why: printable(&error.to_string(), 120) }
    })
}

/// A proxy may add the prefix below which it serves a repository, or take it off.
fn same_repository(name: &str, path: &str) -> bool {
    let below = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    name.is_empty() || below(name, path) || below(path, name)
}

/// Where `Link` leads: only its path and query are followed, on the scheme, host and port that answered.
///
/// # Source
/// RFC 8288, section 3; OCI distribution spec 1.1, "Listing Tags".
pub(super) fn next_page(at: &Url, headers: &[&str]) -> Result<Option<Url>, Fault> {
    let Some(target) = headers.iter().map(|header| next_target(header)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().next() else {
        return Ok(None);
    };
    let next = at.join(&target).map_err(|_| Fault::Link(redacted(&target)))?;
    if next.host_str() != at.host_str() {
        return Err(Fault::ForeignLink(printable(next.host_str().unwrap_or(next.scheme()), 100)));
    }
    let mut followed = at.clone();
    followed.set_path(next.path());
    followed.set_query(next.query());
    Ok(Some(followed))
}

/// The target whose relation is `next`, among the links of one header.
fn next_target(header: &str) -> Result<Option<String>, Fault> {
    let unreadable = || Fault::Link(printable(header, 100));
    let mut rest = header.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (target, parameters) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or_else(unreadable)?;
        let end = unquoted(parameters, ',').unwrap_or(parameters.len());
        if relations(&parameters[..end]).any(|relation| relation.eq_ignore_ascii_case("next")) {
            return if target.is_empty() { Err(unreadable()) } else { Ok(Some(target.to_owned())) };
        }
        rest = parameters[end..].trim_start_matches([' ', '\t', ',']);
    }
    Ok(None)
}

/// The relation types of a link's parameters; only the first `rel` counts.
fn relations(parameters: &str) -> impl Iterator<Item = &str> {
    let mut rest = parameters;
    let mut found = "";
    while let Some(start) = unquoted(rest, ';') {
        let end = unquoted(&rest[start + 1..], ';').map_or(rest.len(), |end| start + 1 + end);
        if let Some((name, value)) = rest[start + 1..end].split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            found = value.trim().trim_matches('"');
            break;
        }
        rest = &rest[end..];
    }
    found.split_ascii_whitespace()
}

/// Where a character stands outside quotes.
fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().find_map(|(at, c)| {
        let here = c == wanted && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        here.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at() -> Url {
        Url::parse("https://r.corp:5000/v2/a/b/tags/list?n=1000").expect("a URL")
    }

    /// The list, as the bodies come in one after the other.
    fn came(last: Pages, pages: &[(&str, &str)]) -> Result<Option<TagList>, Fault> {
        let mut listing = Listing::after(last);
        let mut url = at();
        for (link, body) in pages {
            listing.ask(&url)?;
            let links: Vec<&str> = Some(*link).filter(|link| !link.is_empty()).into_iter().collect();
            match listing.add("a/b", &url, &links, body.as_bytes().to_vec())? {
                Some(next) => url = next,
                None => break,
            }
        }
        listing.finish("a/b", Validators::default())
    }

    /// The names of the tags of a list of which nothing is known, and how many were illegal.
    fn listed(pages: &[(&str, &str)]) -> Result<(Vec<String>, u32), Fault> {
        let list = came(Pages::default(), pages)?.expect("nothing was known before");
        Ok((list.tags.iter().map(Tag::to_string).collect(), list.ignored))
    }

    #[test]
    fn a_link_is_followed_on_the_host_that_answered() {
        for (word, link, next) in [
            ("path", r#"</v2/a/b/tags/list?last=x&n=1000>; rel="next""#, Some("https://r.corp:5000/v2/a/b/tags/list?last=x&n=1000")),
            ("query", r#"<?last=x>; rel="next""#, Some("https://r.corp:5000/v2/a/b/tags/list?last=x")),
            ("own host", r#"<https://r.corp:5000/v2/x>; rel="next""#, Some("https://r.corp:5000/v2/x")),
            ("behind a proxy that ends TLS", r#"<http://r.corp/v2/x>; rel="next""#, Some("https://r.corp:5000/v2/x")),
            ("a user is dropped", r#"<https://u:p@r.corp/v2/x>; rel="next""#, Some("https://r.corp:5000/v2/x")),
            ("no quotes", "</x>; rel=next", Some("https://r.corp:5000/x")),
            ("case", r#"</x>; REL="Next""#, Some("https://r.corp:5000/x")),
            ("other parameters", r#"</x>; title="a; rel=prev, b"; rel="last next""#, Some("https://r.corp:5000/x")),
            ("second link", r#"</p>; rel="prev", </x>; rel="next""#, Some("https://r.corp:5000/x")),
            ("comma in the target", r#"</x?a=1,2>; rel="next""#, Some("https://r.corp:5000/x?a=1,2")),
            ("other relation", r#"</x>; rel="prev""#, None),
            ("no relation", "</x>", None),
            ("empty", "", None),
        ] {
            let found = next_page(&at(), &[link]).expect(word);
            assert_eq!(found.as_ref().map(Url::as_str), next, "{word}");
        }
    }

    #[test]
    fn a_link_elsewhere_is_refused() {
        for (word, link, host) in [
            ("another host", r#"<https://evil.example/v2/x>; rel="next""#, Some("evil.example")),
            ("another host, without a scheme", r#"<//evil.example/v2/x>; rel="next""#, Some("evil.example")),
            ("a longer host", r#"<https://r.corp.evil.example/>; rel="next""#, Some("r.corp.evil.example")),
            ("a host as the user", r#"<https://r.corp@evil.example/>; rel="next""#, Some("evil.example")),
            ("no host", r#"<mailto:x>; rel="next""#, Some("mailto")),
            ("no brackets", r#"/v2/x; rel="next""#, None),
            ("open bracket", r#"</v2/x; rel="next""#, None),
            ("nothing", r#"<>; rel="next""#, None),
        ] {
            let fault = next_page(&at(), &[link]).expect_err(word);
            match host {
                Some(host) => assert_eq!(fault, Fault::ForeignLink(host.into()), "{word}"),
                None => assert!(matches!(fault, Fault::Link(_)), "{word}: {fault}"),
            }
        }
    }

    #[test]
    fn pages_make_one_list() {
        let next = r#"</v2/a/b/tags/list?last=2>; rel="next""#;
        for (word, pages, tags, ignored) in [
            ("one page", &[("", r#"{"name":"a/b","tags":["1","2"]}"#)][..], &["1", "2"][..], 0),
            ("two pages", &[(next, r#"{"name":"a/b","tags":["1"]}"#), ("", r#"{"name":"a/b","tags":["2"]}"#)], &["1", "2"], 0),
            ("null on the only page", &[("", r#"{"name":"a/b","tags":null}"#)], &[], 0),
            ("empty", &[("", r#"{"name":"a/b","tags":[]}"#)], &[], 0),
            ("empty last page", &[(next, r#"{"tags":["1"]}"#), ("", r#"{"tags":[]}"#)], &["1"], 0),
            ("twice the same tag", &[("", r#"{"tags":["1","1"]}"#)], &["1"], 0),
            ("a tag on both pages", &[(next, r#"{"tags":["1","2"]}"#), ("", r#"{"tags":["2","3"]}"#)], &["1", "2", "3"], 0),
            ("illegal tags", &[("", r#"{"tags":["1","a b","../x",""]}"#)], &["1"], 3),
            ("no name", &[("", r#"{"tags":["1"]}"#)], &["1"], 0),
            ("a proxy's prefix", &[("", r#"{"name":"hub/a/b","tags":["1"]}"#)], &["1"], 0),
            ("a prefix taken off", &[("", r#"{"name":"b","tags":["1"]}"#)], &["1"], 0),
        ] {
            let (found, illegal) = listed(pages).expect(word);
            assert_eq!((found.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), illegal), (tags, ignored), "{word}");
        }
    }

    #[test]
    fn pages_of_last_time_are_not_read_again() {
        let (next, one, two, other) = (r#"</v2/a/b/tags/list?last=2>; rel="next""#, r#"{"tags":["1"]}"#, r#"{"tags":["2"]}"#, r#"{"tags":["3"]}"#);
        for (word, last, pages, tags) in [
            ("one page", &[("", one)][..], &[("", one)][..], None),
            ("two pages", &[(next, one), ("", two)], &[(next, one), ("", two)], None),
            ("the last differs", &[(next, one), ("", two)], &[(next, one), ("", other)], Some(&["1", "3"][..])),
            ("the first differs", &[(next, one), ("", two)], &[(next, other), ("", two)], Some(&["3", "2"])),
            ("one more", &[("", one)], &[(next, one), ("", two)], Some(&["1", "2"])),
            ("one less", &[(next, one), ("", two)], &[("", one)], Some(&["1"])),
            ("another order", &[(next, one), ("", two)], &[(next, two), ("", one)], Some(&["2", "1"])),
            ("null again", &[("", r#"{"tags":null}"#)], &[("", r#"{"tags":null}"#)], None),
        ] {
            let last = came(Pages::default(), last).expect(word).expect(word).pages;
            let again = came(last, pages).expect(word);
            let found: Option<Vec<String>> = again.map(|list| list.tags.iter().map(Tag::to_string).collect());
            assert_eq!(found.as_deref(), tags.map(|tags| tags.iter().map(ToString::to_string).collect::<Vec<_>>()).as_deref(), "{word}");
        }
    }

    #[test]
    fn a_page_twice_is_a_fault_though_the_first_is_that_of_last_time() {
        let next = r#"</v2/a/b/tags/list?last=2>; rel="next""#;
        let last = came(Pages::default(), &[("", r#"{"tags":["1"]}"#)]).expect("a list").expect("a new one").pages;
        let fault = came(last, &[(next, r#"{"tags":["1"]}"#), ("", r#"{"tags":["1"]}"#)]).expect_err("the same page twice");
        assert_eq!(fault, Fault::RepeatedPage);
    }

    #[test]
    fn a_partial_or_strange_list_is_a_fault() {
        let next = r#"</v2/a/b/tags/list?last=2>; rel="next""#;
        let own = r#"</v2/a/b/tags/list?n=1000>; rel="next""#;
        for (word, pages, says) in [
            ("null on a later page", &[(next, r#"{"tags":["1"]}"#), ("", r#"{"tags":null}"#)][..], "tags are null"),
            ("null with a next page", &[(next, r#"{"tags":null}"#)], "tags are null"),
            ("no tags", &[("", r#"{"name":"a/b"}"#)], "it has no tags"),
            ("errors with 200", &[("", r#"{"errors":[{"code":"DENIED"}]}"#)], "it has no tags"),
            ("web page", &[("", "\n<!DOCTYPE html>")], "web page"),
            ("not JSON", &[("", "tags: 1")], "cannot be read"),
            ("cut off", &[("", r#"{"name":"a/b","tags":["1","#)], "cannot be read"),
            ("an array", &[("", r#"["1"]"#)], "cannot be read"),
            ("numbers", &[("", r#"{"tags":[1,2]}"#)], "cannot be read"),
            ("an object", &[("", r#"{"tags":{"1":{}}}"#)], "cannot be read"),
            ("nesting", &[("", &"[".repeat(100_000))], "cannot be read"),
            ("other repository", &[("", r#"{"name":"x/y","tags":["1"]}"#)], "another repository, `x/y`"),
            ("half a part", &[("", r#"{"name":"xa/b","tags":["1"]}"#)], "another repository"),
            ("link to itself", &[(own, r#"{"tags":["1"]}"#), ("", r#"{"tags":["1"]}"#)], "same page"),
            ("same page behind another link", &[(next, r#"{"tags":["1"]}"#), ("", r#"{"tags":["1"]}"#)], "same page"),
            ("same illegal page", &[(next, r#"{"tags":["a b"]}"#), ("", r#"{"tags":["a b"]}"#)], "same page"),
        ] {
            let fault = listed(pages).expect_err(word).to_string();
            assert!(fault.contains(says), "{word}: {fault}");
        }
    }

    proptest! {
        #[test]
        fn no_link_panics_or_leaves_the_host(link in "[<>;,\"\\\\/?a-z.:@= -]{0,40}") {
            let at = at();
            if let Ok(Some(next)) = next_page(&at, &[&link]) {
                prop_assert_eq!(next.origin(), at.origin());
            }
        }
    }
}
