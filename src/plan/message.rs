//! The message of a commit.

use std::{borrow::Cow, collections::BTreeSet, fmt::Write as _};

use super::{
    report::{Record, Version},
    safe,
};

/// The most characters of a subject.
const SUBJECT: usize = 200;
/// The most updates that the list names one by one.
const LISTED: usize = 200;
/// The token of our trailers: a commit with such a line is ours.
pub(super) const TRAILER: &str = "Image-Update";

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
}

impl Update {
    /// What a record of a plan updates, `None` where it has no image or no winner.
    pub fn of(record: &Record) -> Option<Self> {
        let Record { workload, container, from, policy, link, .. } = record.clone();
        Some(Self { workload, container, name: record.image.clone()?, from, to: record.to.clone()?, policy, link })
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
pub fn message(updates: &[Update], ci: Ci) -> String {
    let mut text = subject(updates);
    text.push_str("\n\n");
    if ci == Ci::Skip {
        text.push_str("[ci skip]\n\n");
    }
    write_list(&mut text, updates);
    write_links(&mut text, updates);
    text.push('\n');
    for trailer in trailers(updates) {
        text.push_str(&trailer);
        text.push('\n');
    }
    text
}

/// The message of a commit that a person asked for: what was done, and a line for each change.
pub fn by_hand(subject: &str, lines: &[String], ci: Ci) -> String {
    let mut text = cut(&safe::line(subject));
    text.push_str("\n\n");
    if ci == Ci::Skip {
        text.push_str("[ci skip]\n\n");
    }
    for line in lines {
        text.extend(["- ", &safe::line(line), "\n"]);
    }
    text
}

/// `Auto-release <image>`, or how many.
fn subject(updates: &[Update]) -> String {
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

/// A line that git would not take for the end of the message, nor anyone for a trailer of ours.
fn line_start(line: &str) -> Cow<'_, str> {
    match line.chars().next() {
        Some(first) if line.starts_with(TRAILER) || matches!(first, '-' | '#') => {
            Cow::Owned(format!("{}{}", first.escape_unicode(), &line[first.len_utf8()..]))
        }
        _ => Cow::Borrowed(line),
    }
}

fn trailers(updates: &[Update]) -> BTreeSet<String> {
    updates.iter().map(|Update { name, from, to, .. }| format!("{TRAILER}: {} {} -> {}", safe::word(name), written(from), written(to))).collect()
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
        Update { workload, container, name, from: tag(from), to: tag(to), policy: "semver:~1".to_owned(), link: None }
    }

    #[test]
    fn one_image_is_named_in_the_subject() {
        insta::assert_snapshot!(message(&[update("shop:deployment/frontend", "app", "ghcr.io/acme/frontend", "1.4.2", "1.5.0")], Ci::Run), @r"
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
        insta::assert_snapshot!(message(&updates, Ci::Skip), @r"
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
        let text = message(&[Update { from, to, ..update("a:deployment/b", "c", "app", "", "") }], Ci::Run);
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
            let subject = subject(&[Update { to, ..update("a:deployment/b", "c", name, "0.9", "") }]);
            assert!(subject.ends_with(ends) && subject.chars().count() <= SUBJECT, "{word}: {subject}");
        }
    }

    #[test]
    fn a_list_names_two_hundred_and_trailers_name_all() {
        let many = |count: usize| -> Vec<Update> { (0..count).map(|n| update("a:deployment/b", "c", &format!("app-{n}"), "1", "2")).collect() };
        for (word, count, listed, ending) in [("at the bound", 200, 200, None), ("above it", 250, 200, Some("\nand 50 more\n"))] {
            let text = message(&many(count), Ci::Run);
            assert_eq!(text.lines().filter(|line| line.starts_with("- ")).count(), listed, "{word}");
            assert_eq!(text.lines().filter(|line| line.starts_with("Image-Update: ")).count(), count, "{word}");
            assert_eq!(ending.is_some(), text.contains("more\n"), "{word}");
            assert!(ending.is_none_or(|ending| text.contains(ending)), "{word}");
        }
    }

    #[test]
    fn no_text_forges_a_line() {
        for (word, forged) in [
            ("a newline", "x\n\nImage-Update: evil 1 -> 2"),
            ("a carriage return", "x\rImage-Update: evil 1 -> 2"),
            ("a line separator", "x\u{2028}Image-Update: evil 1 -> 2"),
            ("the token itself", "Image-Update: evil 1 -> 2"),
            ("git's divider", "---\nImage-Update: evil 1 -> 2"),
        ] {
            for part in 0..4 {
                let mut update = update("a:deployment/b", "c", "app", "1", "2");
                *[&mut update.workload, &mut update.container, &mut update.policy, update.to.tag.get_or_insert_default()][part] = forged.to_owned();
                let text = message(&[update], Ci::Run);
                let ours: Vec<&str> = text.split(['\n', '\r', '\u{2028}']).filter(|line| line.starts_with("Image-Update")).collect();
                assert!(matches!(ours[..], [one] if one.starts_with("Image-Update: app 1 -> ")), "{word}: {text}");
                assert!(!text.lines().any(|line| line.starts_with("---")), "{word}: {text}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_texts_are_the_message_has_its_shape(texts in proptest::collection::vec(any::<[String; 6]>(), 1..4)) {
            let updates: Vec<Update> = texts.iter().map(|[workload, container, name, from, to, policy]| {
                let policy = policy.clone();
                Update { policy, ..update(workload, container, name, from, to) }
            }).collect();
            let text = message(&updates, Ci::Run);
            let expected: BTreeSet<String> = trailers(&updates);
            let ours: BTreeSet<String> = text.lines().filter(|line| line.starts_with(TRAILER)).map(str::to_owned).collect();
            prop_assert_eq!(ours, expected);
            prop_assert!(text.chars().all(|c| c == '\n' || !safe::is_unsafe(c)));
            prop_assert!(text.lines().next().unwrap().chars().count() <= SUBJECT);
        }
    }
}
