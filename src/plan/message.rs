//! The message of a commit.

mod template;

use std::{borrow::Cow, collections::BTreeSet, fmt::Write as _};

use super::{
    release::Released,
    report::{Record, Version},
    safe,
    trailer::{RELEASED_BY, UPDATE, is_trailer},
};

pub use template::{Data, TemplateError, Templates};

/// The most characters of a subject.
const SUBJECT: usize = 200;
/// The most updates that the list names one by one.
const LISTED: usize = 200;

/// How the messages of a repository are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// The repository's name.
    pub repository: String,
    /// What people worded themselves.
    pub templates: Templates,
    /// Whether continuous integration is asked to leave the commits alone.
    pub ci: Ci,
    /// Who is named beside the author.
    pub co_authors: Vec<Person>,
    /// Who certifies the commits.
    pub sign_off: Option<Person>,
}

/// A person as Git names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: Option<String>,
}

/// One container's update, as the message tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// `namespace:kind/name`.
    pub workload: String,
    /// The container's name.
    pub container: String,
    /// The image's name as Git writes it.
    pub name: String,
    /// What stood in Git.
    pub from: Version,
    /// What stands there now.
    pub to: Version,
    /// The policy's text.
    pub policy: String,
    /// Where a reviewer sees what changed.
    pub link: Option<String>,
    /// The kustomization's folder, or the file that the workload was read from.
    pub root: String,
    /// The file that is written.
    pub file: String,
    /// Why, in one sentence.
    pub reason: String,
}

impl Update {
    /// What a person's release updates; what it goes against stands behind the policy.
    fn of_release(released: &Released) -> Self {
        let Released { workload, container, image, from, to, policy, against, root, file, .. } = released.clone();
        let policy = policy.unwrap_or_else(|| "no policy".to_owned());
        let policy = against.map_or_else(|| policy.clone(), |against| format!("{policy}, by force: {against}"));
        Self { workload, container, name: image, from, to, policy, link: None, root, file, reason: String::new() }
    }

    /// What a record of a plan updates, `None` where it has no image or no winner.
    pub fn of(record: &Record) -> Option<Self> {
        let Record { workload, container, from, policy, link, root, file, reason, .. } = record.clone();
        Some(Self { workload, container, name: record.image.clone()?, from, to: record.to.clone()?, policy, link, root, file, reason })
    }
}

/// Whether a commit asks continuous integration to leave it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ci {
    /// It says nothing.
    #[default]
    Run,
    /// It says `[ci skip]`.
    Skip,
}

/// The message of the commit that holds these updates.
///
/// # Shape
/// Subject, list by workload, links to sources, trailers, with an empty line between. Only the trailers are for machines: one `Image-Update` for each
/// distinct name, old and new, each on one line whatever its parts hold.
pub fn message(updates: &[Update], style: &Style) -> String {
    let Style { repository, templates, .. } = style;
    let mut failed = String::new();
    let mut made = |what: &str, text: Result<Option<String>, TemplateError>| {
        text.unwrap_or_else(|error| {
            writeln!(failed, "The template of the {what} failed: {}", safe::line(&error.reason)).expect("a string takes all that is written");
            None
        })
    };
    let subject = made("subject", templates.subject(repository, updates)).map_or_else(|| default_subject(updates), |text| cut(&text));
    let mut body = made("body", templates.body(repository, updates))
        .map_or_else(|| default_body(updates), |text| if text.is_empty() { text } else { text + "\n" });
    if !failed.is_empty() {
        body.extend(["\n", &failed]);
    }
    assemble(&subject, &body, trailers(updates), style)
}

/// The body as it is worded where no template does.
fn default_body(updates: &[Update]) -> String {
    let mut body = String::new();
    write_list(&mut body, updates);
    write_links(&mut body, updates);
    body
}

/// The message of a commit that a person asked for: what was done, and a line for each change.
pub fn by_hand(subject: &str, lines: &[String], style: &Style) -> String {
    let mut body = String::new();
    for line in lines {
        body.extend(["- ", &safe::line(line), "\n"]);
    }
    assemble(&cut(&safe::line(subject)), &body, BTreeSet::new(), style)
}

/// The message of a commit that releases images because a person asked for it: who, and why where they said so.
pub fn release(released: &[Released], by: &Person, why: Option<&str>, style: &Style) -> String {
    let updates: Vec<Update> = released.iter().map(Update::of_release).collect();
    let mut body = why.map(|why| format!("{}\n\n", lines_of(why.trim()))).unwrap_or_default();
    write_list(&mut body, &updates);
    let images: BTreeSet<(&str, &Version)> = updates.iter().map(|update| (update.name.as_str(), &update.to)).collect();
    let what = match images.first() {
        Some((name, to)) if images.len() == 1 => reference(name, to),
        _ => format!("multiple ({}) images", images.len()),
    };
    let to = updates.first().map(|update| update.workload.as_str()).unwrap_or_default();
    let subject = cut(&format!("Release {what} to {}", safe::word(to)));
    let mut trailers: Vec<String> = trailers(&updates).into_iter().collect();
    trailers.push(format!("{RELEASED_BY}: {}", by.line()));
    assemble(&subject, &body, trailers, style)
}

/// Subject, body and trailers, with an empty line between; without trailers the body ends the message.
fn assemble(subject: &str, body: &str, trailers: impl IntoIterator<Item = String>, style: &Style) -> String {
    let mut text = format!("{subject}\n");
    if style.ci == Ci::Skip {
        text.push_str("\n[ci skip]\n");
    }
    if !body.is_empty() {
        text.extend(["\n", body]);
    }
    let co_authors = style.co_authors.iter().map(|person| format!("Co-authored-by: {}", person.line()));
    let sign_off = style.sign_off.iter().map(|person| format!("Signed-off-by: {}", person.line()));
    let trailers: Vec<String> = trailers.into_iter().chain(co_authors).chain(sign_off).collect();
    if !trailers.is_empty() {
        text.push('\n');
    }
    text.extend(trailers.iter().flat_map(|trailer| [trailer, "\n"]));
    text
}

/// Lines of people's text that no reader takes for ours: none is a trailer of ours, or git's end of a message.
fn lines_of(written: &str) -> String {
    let lines = written.lines().map(|line| {
        let line = safe::line(line.trim_end());
        let forges = is_trailer(&line) || line.starts_with("---");
        match line.find(|c: char| !c.is_whitespace()).filter(|_| forges).and_then(|at| Some((at, line[at..].chars().next()?))) {
            Some((at, first)) => format!("{}{}{}", &line[..at], first.escape_unicode(), &line[at + first.len_utf8()..]),
            None => line.into_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

impl Person {
    /// `Name <address>`, on one line.
    fn line(&self) -> String {
        let plain = |text: &str| safe::line(text.trim()).replace(['<', '>'], "");
        match &self.email {
            Some(email) => format!("{} <{}>", plain(&self.name), plain(email)),
            None => plain(&self.name),
        }
    }
}

/// `Auto-release <image>`, or how many.
fn default_subject(updates: &[Update]) -> String {
    let images: BTreeSet<(&str, &Version)> = updates.iter().map(|update| (update.name.as_str(), &update.to)).collect();
    match images.first() {
        Some((name, to)) if images.len() == 1 => {
            let whole = format!("Auto-release {}", reference(name, to));
            let without_digest = Version { tag: to.tag.clone(), digest: None };
            // A digest says nothing to a reader: it goes first, then the end of the name.
            if whole.chars().count() > SUBJECT && to.tag.is_some() {
                cut(&format!("Auto-release {}", reference(name, &without_digest)))
            } else {
                cut(&whole)
            }
        }
        _ => format!("Auto-release multiple ({}) images", images.len()),
    }
}

/// The new reference as it stands in Git.
fn reference(name: &str, version: &Version) -> String {
    let tag = version.tag.iter().map(|tag| format!(":{tag}"));
    let digest = version.digest.iter().map(|digest| format!("@{digest}"));
    safe::word(&std::iter::once(name.to_owned()).chain(tag).chain(digest).collect::<String>()).into_owned()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SUBJECT) {
        None => text.to_owned(),
        Some(_) => text.chars().take(SUBJECT - 1).chain(['…']).collect(),
    }
}

fn write_list(text: &mut String, updates: &[Update]) {
    let lines: BTreeSet<(&str, String)> = updates.iter().map(|update| (update.workload.as_str(), list_line(update))).collect();
    let mut workload = None;
    for (name, line) in lines.iter().take(LISTED) {
        if workload != Some(name) {
            text.extend([workload.map_or("", |_| "\n"), &line_start(&safe::word(name)), "\n"]);
            workload = Some(name);
        }
        text.push_str(line);
    }
    if lines.len() > LISTED {
        writeln!(text, "\nand {} more", lines.len() - LISTED).expect("a string takes all that is written");
    }
}

/// Where to see what changed, once for each image.
fn write_links(text: &mut String, updates: &[Update]) {
    let link = |update: &Update| Some(format!("- {}: {}\n", safe::word(&update.name), safe::word(update.link.as_ref()?)));
    let lines: BTreeSet<String> = updates.iter().filter_map(link).collect();
    if lines.is_empty() {
        return;
    }
    text.push_str("\nSources\n");
    text.extend(lines.iter().take(LISTED).map(String::as_str));
    if lines.len() > LISTED {
        writeln!(text, "\nand {} more", lines.len() - LISTED).expect("a string takes all that is written");
    }
}

fn list_line(update: &Update) -> String {
    let Update { container, name, from, to, policy, .. } = update;
    format!("- {}: {} {} -> {} ({})\n", safe::word(container), safe::word(name), written(from), written(to), safe::line(policy))
}

/// A line that git would not take for the end of the message or a comment, nor anyone for a trailer of ours.
fn line_start(line: &str) -> Cow<'_, str> {
    match line.chars().next() {
        Some(first) if is_trailer(line) || matches!(first, '-' | '#') => {
            Cow::Owned(format!("{}{}", first.escape_unicode(), &line[first.len_utf8()..]))
        }
        _ => Cow::Borrowed(line),
    }
}

fn trailers(updates: &[Update]) -> BTreeSet<String> {
    updates.iter().map(|Update { name, from, to, .. }| format!("{UPDATE}: {} {} -> {}", safe::word(name), written(from), written(to))).collect()
}

/// The tag, `-` where there is none, and the digest behind it where there is one.
fn written(version: &Version) -> String {
    let tag = version.tag.as_deref().unwrap_or("-");
    let text = version.digest.as_ref().map_or_else(|| tag.to_owned(), |digest| format!("{tag}@{digest}"));
    safe::word(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(tag: &str) -> Version {
        Version { tag: Some(tag.to_owned()), digest: None }
    }

    fn update(workload: &str, container: &str, name: &str, from: &str, to: &str) -> Update {
        let [workload, container, name] = [workload, container, name].map(str::to_owned);
        Update {
            workload,
            container,
            name,
            from: tag(from),
            to: tag(to),
            policy: "semver:~1".to_owned(),
            link: None,
            root: ".".to_owned(),
            file: "a.yaml".to_owned(),
            reason: String::new(),
        }
    }

    #[test]
    fn one_image_is_named_in_the_subject() {
        insta::assert_snapshot!(message(&[update("shop:deployment/frontend", "app", "ghcr.io/acme/frontend", "1.4.2", "1.5.0")], &Style::default()), @r"
        Auto-release ghcr.io/acme/frontend:1.5.0

        shop:deployment/frontend
        - app: ghcr.io/acme/frontend 1.4.2 -> 1.5.0 (semver:~1)

        Image-Update: ghcr.io/acme/frontend 1.4.2 -> 1.5.0
        ");
    }

    #[test]
    fn several_images_are_counted_and_listed_by_workload() {
        let untagged = Update { from: Version::default(), policy: "glob:*".to_owned(), ..update("ops:cronjob/report", "job", "redis", "", "7.4") };
        let updates = [
            update("shop:deployment/frontend", "web", "ghcr.io/acme/frontend", "1.4.2", "1.5.0"),
            update("shop:deployment/frontend", "init", "ghcr.io/acme/migrate", "2.0.0", "2.0.1"),
            update("shop:deployment/cart", "web", "ghcr.io/acme/frontend", "1.4.2", "1.5.0"),
            update("shop:deployment/cart", "web", "ghcr.io/acme/frontend", "1.4.2", "1.5.0"),
            untagged,
        ];
        insta::assert_snapshot!(message(&updates, &Style { ci: Ci::Skip, ..Style::default() }), @r"
        Auto-release multiple (3) images

        [ci skip]

        ops:cronjob/report
        - job: redis - -> 7.4 (glob:*)

        shop:deployment/cart
        - web: ghcr.io/acme/frontend 1.4.2 -> 1.5.0 (semver:~1)

        shop:deployment/frontend
        - init: ghcr.io/acme/migrate 2.0.0 -> 2.0.1 (semver:~1)
        - web: ghcr.io/acme/frontend 1.4.2 -> 1.5.0 (semver:~1)

        Image-Update: ghcr.io/acme/frontend 1.4.2 -> 1.5.0
        Image-Update: ghcr.io/acme/migrate 2.0.0 -> 2.0.1
        Image-Update: redis - -> 7.4
        ");
    }

    #[test]
    fn a_record_with_image_and_winner_is_an_update() {
        let whole = Record {
            root: ".".into(),
            workload: "a:deployment/b".into(),
            container: "c".into(),
            image: Some("app".into()),
            from: tag("1"),
            to: Some(tag("2")),
            policy: "semver:~1".into(),
            file: "a.yaml".into(),
            line: 1,
            place: crate::manifest::Place::Container,
            code: crate::policy::Code::Updated,
            reason: String::new(),
            blame: None,
            newer_elsewhere: None,
            departs: None,
            hint: None,
            link: None,
        };
        for (word, record, update) in [
            ("whole", whole.clone(), Some(update("a:deployment/b", "c", "app", "1", "2"))),
            ("no image", Record { image: None, ..whole.clone() }, None),
            ("no winner", Record { to: None, ..whole }, None),
        ] {
            assert_eq!(Update::of(&record), update, "{word}");
        }
    }

    #[test]
    fn a_digest_stands_behind_its_tag() {
        let digest = |digit: &str| Some(format!("sha256:{}", digit.repeat(64)));
        let from = Version { tag: Some("1.0".into()), digest: digest("a") };
        let to = Version { tag: Some("1.0".into()), digest: digest("b") };
        let text = message(&[Update { from, to, ..update("a:deployment/b", "c", "app", "", "") }], &Style::default());
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        assert!(text.starts_with(&format!("Auto-release app:1.0@sha256:{b}\n")), "{text}");
        assert!(text.ends_with(&format!("\n\nImage-Update: app 1.0@sha256:{a} -> 1.0@sha256:{b}\n")), "{text}");
    }

    #[test]
    fn a_long_subject_loses_its_digest_first_then_its_end() {
        let digest = Some(format!("sha256:{}", "a".repeat(64)));
        for (word, name, digest, ends) in [
            ("short", "app", None, "app:1.0"),
            ("long with the digest", &*"n".repeat(150), digest.clone(), "n:1.0"),
            ("long without the digest", &*"n".repeat(250), digest, "n…"),
            ("many bytes a character", &*"é".repeat(250), None, "é…"),
        ] {
            let to = Version { tag: Some("1.0".into()), digest };
            let subject = default_subject(&[Update { to, ..update("a:deployment/b", "c", name, "0.9", "") }]);
            assert!(subject.ends_with(ends) && subject.chars().count() <= SUBJECT, "{word}: {subject}");
        }
    }

    #[test]
    fn a_list_names_two_hundred_and_trailers_name_all() {
        let many = |count: usize| -> Vec<Update> { (0..count).map(|n| update("a:deployment/b", "c", &format!("app-{n}"), "1", "2")).collect() };
        for (word, count, listed, ending) in [("at the bound", 200, 200, None), ("above it", 250, 200, Some("\nand 50 more\n"))] {
            let text = message(&many(count), &Style::default());
            assert_eq!(text.lines().filter(|line| line.starts_with("- ")).count(), listed, "{word}");
            assert_eq!(text.lines().filter(|line| line.starts_with("Image-Update: ")).count(), count, "{word}");
            assert_eq!(ending.is_some(), text.contains("more\n"), "{word}");
            assert!(ending.is_none_or(|ending| text.contains(ending)), "{word}");
        }
    }

    #[test]
    fn no_text_forges_a_line() {
        for (word, forged) in [
            ("the token in another case", "image-update: evil 1 -> 2"),
            ("a person's token", "Released-by: evil"),
            ("a newline", "x\n\nImage-Update: evil 1 -> 2"),
            ("a carriage return", "x\rImage-Update: evil 1 -> 2"),
            ("a line separator", "x\u{2028}Image-Update: evil 1 -> 2"),
            ("the token itself", "Image-Update: evil 1 -> 2"),
            ("git's divider", "---\nImage-Update: evil 1 -> 2"),
        ] {
            for part in 0..4 {
                let mut update = update("a:deployment/b", "c", "app", "1", "2");
                *[&mut update.workload, &mut update.container, &mut update.policy, update.to.tag.get_or_insert_default()][part] = forged.to_owned();
                let text = message(&[update], &Style::default());
                let ours: Vec<&str> = text.split(['\n', '\r', '\u{2028}']).filter(|line| is_trailer(line)).collect();
                assert!(matches!(ours[..], [one] if one.starts_with("Image-Update: app 1 -> ")), "{word}: {text}");
                assert!(!text.lines().any(|line| line.starts_with("---")), "{word}: {text}");
            }
        }
    }

    fn released(against: Option<&str>) -> Released {
        Released {
            root: "apps".into(),
            workload: "shop:deployment/web".into(),
            container: "app".into(),
            image: "ghcr.io/acme/web".into(),
            from: tag("1.5.0"),
            to: tag("1.4.2"),
            policy: Some("semver:~1".into()),
            against: against.map(str::to_owned),
            file: "apps/web.yaml".into(),
            line: 9,
        }
    }

    #[test]
    fn a_release_says_who_wanted_it_and_why() {
        let person = |name: &str, email: Option<&str>| Person { name: name.to_owned(), email: email.map(str::to_owned) };
        let style = Style {
            sign_off: Some(person("Tagalong", Some("tagalong@localhost"))),
            co_authors: vec![person("Bo", Some("bo@acme.example"))],
            ..Style::default()
        };
        let why = "Carts are empty since 1.5.0\n\nImage-Update: evil 1 -> 2\n---\n released-by: nobody";
        insta::assert_snapshot!(release(&[released(Some("1.4.2 is below 1.5.0"))], &person("Ada", Some("ada@acme.example")), Some(why), &style), @r"
        Release ghcr.io/acme/web:1.4.2 to shop:deployment/web

        Carts are empty since 1.5.0

        \u{49}mage-Update: evil 1 -> 2
        \u{2d}--
         \u{72}eleased-by: nobody

        shop:deployment/web
        - app: ghcr.io/acme/web 1.5.0 -> 1.4.2 (semver:~1, by force: 1.4.2 is below 1.5.0)

        Image-Update: ghcr.io/acme/web 1.5.0 -> 1.4.2
        Released-by: Ada <ada@acme.example>
        Co-authored-by: Bo <bo@acme.example>
        Signed-off-by: Tagalong <tagalong@localhost>
        ");
        insta::assert_snapshot!(release(&[released(None)], &person("Ada\nImage-Update: evil 1 -> 2", None), None, &Style::default()), @r"
        Release ghcr.io/acme/web:1.4.2 to shop:deployment/web

        shop:deployment/web
        - app: ghcr.io/acme/web 1.5.0 -> 1.4.2 (semver:~1)

        Image-Update: ghcr.io/acme/web 1.5.0 -> 1.4.2
        Released-by: Ada\nImage-Update: evil 1 - 2
        ");
    }

    proptest! {
        #[test]
        fn whatever_the_texts_are_the_message_has_its_shape(texts in proptest::collection::vec(any::<[String; 6]>(), 1..4)) {
            let updates: Vec<Update> = texts.iter().map(|[workload, container, name, from, to, policy]| {
                let policy = policy.clone();
                Update { policy, ..update(workload, container, name, from, to) }
            }).collect();
            let text = message(&updates, &Style::default());
            let expected: BTreeSet<String> = trailers(&updates);
            let ours: BTreeSet<String> = text.lines().filter(|line| line.starts_with(UPDATE)).map(str::to_owned).collect();
            prop_assert_eq!(ours, expected);
            prop_assert!(text.chars().all(|c| c == '\n' || !safe::is_unsafe(c)));
            prop_assert!(text.lines().next().unwrap().chars().count() <= SUBJECT);
        }
    }
}
