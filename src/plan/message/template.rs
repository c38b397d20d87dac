//! Subjects and bodies that people word themselves, as `MiniJinja` templates.
//!
//! Pure, and bounded: so many steps, so many bytes, no other file, and no data but [`Data`], each text of it on one line.

use std::{borrow::Cow, io};

use minijinja::{Environment, Error, ErrorKind, Template, UndefinedBehavior, Value, syntax::SyntaxConfig};
use serde::Serialize;

use super::{Update, default_body, default_subject, lines_of};
use crate::plan::{report::Version, safe};

/// The steps that a template may take.
const FUEL: u64 = 1_000_000;
/// The most that a template may write.
///
/// # Units
/// Bytes.
const LONGEST: usize = 64 * 1024;
/// The longest template.
///
/// # Units
/// Bytes.
const SOURCE: usize = 64 * 1024;

/// The templates of a repository; what is `None` is worded as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    /// Of the subject.
    pub subject: Option<String>,
    /// Of the body.
    pub body: Option<String>,
}

/// Why a template makes no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct TemplateError {
    /// The line of the template, from 1, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

/// What a template is given.
#[derive(Clone, Debug, Serialize)]
pub struct Data<'a> {
    /// The repository's name.
    repository: Cow<'a, str>,
    /// The subject as it is usually worded.
    subject: String,
    /// The body as it is usually worded.
    body: String,
    /// Each distinct move once.
    images: Vec<Image<'a>>,
    /// Each container.
    updates: Vec<Moved<'a>>,
}

#[derive(Clone, Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Image<'a> {
    name: Cow<'a, str>,
    from: Safe<'a>,
    to: Safe<'a>,
    link: Option<Cow<'a, str>>,
}

#[derive(Clone, Debug, Serialize)]
struct Moved<'a> {
    workload: Cow<'a, str>,
    container: Cow<'a, str>,
    #[serde(flatten)]
    image: Image<'a>,
    policy: Cow<'a, str>,
    root: Cow<'a, str>,
    file: Cow<'a, str>,
    reason: Cow<'a, str>,
}

#[derive(Clone, Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Safe<'a> {
    tag: Option<Cow<'a, str>>,
    digest: Option<Cow<'a, str>>,
}

impl<'a> Data<'a> {
    /// What these updates of a repository give.
    pub fn new(repository: &'a str, moved: &'a [Update]) -> Self {
        let updates: Vec<Moved<'a>> = moved.iter().map(Moved::of).collect();
        let mut images: Vec<Image<'a>> = updates.iter().map(|update| update.image.clone()).collect();
        images.sort();
        images.dedup();
        Self { repository: safe::line(repository), subject: default_subject(moved), body: default_body(moved), images, updates }
    }

    fn value(&self) -> Value {
        let json = serde_json::to_value(self).and_then(serde_json::from_value);
        json.expect("texts, lists and nothing else")
    }
}

impl<'a> Moved<'a> {
    fn of(update: &'a Update) -> Self {
        let Update { workload, container, name, from, to, policy, link, root, file, reason } = update;
        Self {
            workload: safe::line(workload),
            container: safe::line(container),
            image: Image { name: safe::word(name), from: Safe::of(from), to: Safe::of(to), link: link.as_deref().map(safe::word) },
            policy: safe::line(policy),
            root: safe::line(root),
            file: safe::line(file),
            reason: safe::line(reason),
        }
    }
}

impl<'a> Safe<'a> {
    fn of(version: &'a Version) -> Self {
        Self { tag: version.tag.as_deref().map(safe::word), digest: version.digest.as_deref().map(safe::word) }
    }
}

impl Templates {
    /// Tells what is wrong with them before the first commit: each is tried on updates of every shape.
    ///
    /// # Errors
    /// One does not parse, names what it is not given, or makes too much, or a subject of nothing. With it comes the key: `subject` or `body`.
    pub fn check(&self) -> Result<(), (&'static str, TemplateError)> {
        for (key, source) in [("subject", &self.subject), ("body", &self.body)] {
            let Some(source) = source else { continue };
            for updates in samples() {
                let text = render(source, "fleet", &updates).map_err(|error| (key, error))?;
                if key == "subject" && one_line(&text).is_empty() {
                    return Err((key, TemplateError { line: None, reason: "it makes an empty subject".to_owned() }));
                }
            }
        }
        Ok(())
    }

    /// The subject, on one line; `None` where it is worded as usual.
    pub(super) fn subject(&self, repository: &str, updates: &[Update]) -> Result<Option<String>, TemplateError> {
        let text = self.subject.as_ref().map(|source| render(source, repository, updates)).transpose()?;
        Ok(text.map(|text| one_line(&text)).filter(|text| !text.is_empty()))
    }

    /// The body, in lines that are nobody else's; `None` where it is worded as usual.
    pub(super) fn body(&self, repository: &str, updates: &[Update]) -> Result<Option<String>, TemplateError> {
        let text = self.body.as_ref().map(|source| render(source, repository, updates)).transpose()?;
        Ok(text.map(|text| lines_of(text.trim_matches(['\n', '\r']).trim_end())))
    }
}

/// A subject has one line, whatever a template made of it.
fn one_line(text: &str) -> String {
    lines_of(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn render(source: &str, repository: &str, updates: &[Update]) -> Result<String, TemplateError> {
    if source.len() > SOURCE {
        return Err(TemplateError { line: None, reason: "it is longer than 64 KiB".to_owned() });
    }
    let environment = environment();
    let template = environment.template_from_str(source).map_err(|error| told(&error))?;
    known(&template)?;
    let data = Data::new(repository, updates);
    let mut text = Bounded(Vec::new());
    template.render_captured_to(data.value(), &mut text).map_err(|error| told(&error))?;
    String::from_utf8(text.0).map_err(|error| TemplateError { line: None, reason: error.to_string() })
}

fn environment<'s>() -> Environment<'s> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    // A block on a line of its own leaves no empty line.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the marks are the usual ones"));
    environment
}

/// Names what a template asks for and is not given, also where no sample leads.
fn known(template: &Template<'_, '_>) -> Result<(), TemplateError> {
    const KNOWN: [&str; 5] = ["repository", "subject", "body", "images", "updates"];
    // The functions of the language count as names, too.
    const FUNCTIONS: [&str; 4] = ["range", "dict", "namespace", "loop"];
    let mut unknown: Vec<String> = template.undeclared_variables(false).into_iter().collect();
    unknown.retain(|name| !KNOWN.contains(&name.as_str()) && !FUNCTIONS.contains(&name.as_str()));
    unknown.sort();
    match unknown.first() {
        Some(name) => Err(TemplateError { line: None, reason: format!("it is not given `{name}`; it is given {}", KNOWN.join(", ")) }),
        None => Ok(()),
    }
}

fn told(error: &Error) -> TemplateError {
    let reason = match error.kind() {
        ErrorKind::OutOfFuel => "it takes more than a million steps".to_owned(),
        ErrorKind::WriteFailure => "it makes more than 64 KiB".to_owned(),
        kind => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
    };
    TemplateError { line: error.line().filter(|line| *line > 0), reason }
}

/// Takes no more than is allowed.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Updates of every shape: one and several, with and without tags, digests and links.
fn samples() -> [Vec<Update>; 2] {
    let version =
        |tag: Option<&str>, digest: bool| Version { tag: tag.map(str::to_owned), digest: digest.then(|| format!("sha256:{}", "a".repeat(64))) };
    let update = |name: &str, from: Version, to: Version, link: Option<&str>| Update {
        workload: "shop:deployment/web".to_owned(),
        container: "app".to_owned(),
        name: name.to_owned(),
        from,
        to,
        policy: "semver:~1".to_owned(),
        link: link.map(str::to_owned),
        root: "apps".to_owned(),
        file: "apps/web.yaml".to_owned(),
        reason: "1.1.0 is the highest version in ~1".to_owned(),
    };
    let plain = || update("ghcr.io/acme/web", version(Some("1.0.0"), false), version(Some("1.1.0"), false), None);
    let pinned = update("redis", version(None, false), version(Some("7.4"), true), Some("https://redis.example"));
    [vec![plain()], vec![plain(), pinned]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{
        message::{Style, message},
        trailer::is_trailer,
    };

    fn check(subject: &str) -> Option<String> {
        let told = |(_, error): (&str, TemplateError)| match error.line {
            Some(line) => format!("{line}: {error}"),
            None => error.to_string(),
        };
        Templates { subject: Some(subject.to_owned()), body: None }.check().err().map(told)
    }

    #[test]
    fn a_bad_template_is_told_before_the_first_commit() {
        let given = "it is given repository, subject, body, images, updates";
        for (word, template, told) in [
            ("good", "chore: {{ subject }}", None),
            (
                "all there is",
                "{{ repository }}{{ body }}{% for u in updates %}{{ u.workload }}{{ u.container }}{{ u.name }}{{ u.from.tag }}{{ u.to.digest }}{{ u.policy }}{{ u.link }}{{ u.root }}{{ u.file }}{{ u.reason }}{{ loop.index }}{% endfor %}{% for i in images %}{{ i.name }}{{ i.to.tag }}{{ i.link }}{% endfor %}",
                None,
            ),
            ("no end", "{{ subject", Some("1: syntax error: unexpected end of input, expected end of variable block".to_owned())),
            ("another name", "x {{ image }}", Some(format!("it is not given `image`; {given}"))),
            (
                "another name where no sample leads",
                "x {% if updates|length > 900 %}{{ nothing }}{% endif %}",
                Some(format!("it is not given `nothing`; {given}")),
            ),
            ("another field", "x\n{{ updates[0].tag }}", Some("2: undefined value".to_owned())),
            ("another filter", "{{ subject|shout }}", Some("1: unknown filter: filter shout is unknown".to_owned())),
            ("another file", "{% include '/etc/passwd' %}", Some("1: syntax error: unknown statement include".to_owned())),
            ("nothing", "{% if false %}x{% endif %}\n", Some("it makes an empty subject".to_owned())),
            (
                "no end of steps",
                "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}x",
                Some("1: it takes more than a million steps".to_owned()),
            ),
            ("too much", "{{ 'x' * 70000 }}", Some("it makes more than 64 KiB".to_owned())),
        ] {
            assert_eq!(check(template), told, "{word}");
        }
    }

    #[test]
    fn a_block_on_a_line_of_its_own_leaves_none() {
        let body = "Moved:\n{% for image in images %}\n* {{ image.name }} {{ image.from.tag or '-' }} to {{ image.to.tag }}\n{% endfor %}\n\nSee {{ repository }}.\n";
        let templates = Templates { subject: Some("deps: {{ images|length }} images".to_owned()), body: Some(body.to_owned()) };
        let style = Style { repository: "fleet".to_owned(), templates, ..Style::default() };
        insta::assert_snapshot!(message(&samples()[1], &style), @r"
        deps: 2 images

        Moved:
        * ghcr.io/acme/web 1.0.0 to 1.1.0
        * redis - to 7.4

        See fleet.

        Image-Update: ghcr.io/acme/web 1.0.0 -> 1.1.0
        Image-Update: redis - -> 7.4@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        ");
    }

    #[test]
    fn what_fails_later_is_worded_as_usual_and_told() {
        let many: Vec<Update> = (0..100).map(|n| Update { name: format!("app-{n}"), ..samples()[0][0].clone() }).collect();
        let template = "{% for image in images %}{{ 'x' * 1000 }}{% endfor %}".to_owned();
        let templates = Templates { subject: Some(template.clone()), body: Some(template) };
        let text = message(&many, &Style { templates, ..Style::default() });
        assert!(text.starts_with("Auto-release multiple (100) images\n\nshop:deployment/web\n- app: app-0 "), "{text}");
        assert!(text.contains("\nThe template of the subject failed: it makes more than 64 KiB\nThe template of the body failed: it makes more than 64 KiB\n\nImage-Update: "), "{text}");
    }

    #[test]
    fn no_text_forges_a_line_through_a_template() {
        let templates = Templates {
            subject: Some("{{ updates[0].policy }}".to_owned()),
            body: Some("{{ updates[0].policy }}\n{{ updates[0].reason }}\n{{ updates[0].link }}".to_owned()),
        };
        let style = Style { templates, ..Style::default() };
        for (word, forged) in [
            ("a trailer", "Image-Update: evil 1 -> 2"),
            ("a trailer in another case", "  image-update : evil 1 -> 2"),
            ("a person's trailer", "Released-by: evil"),
            ("lines", "x\n\nImage-Update: evil 1 -> 2"),
            ("git's divider", "---"),
            ("an escape sequence", "\u{1b}[2J"),
            ("another direction", "\u{202e}x\u{2066}"),
            ("a template", "{{ 7 * 7 }}"),
        ] {
            let update = Update { policy: forged.into(), reason: forged.into(), link: Some(forged.into()), ..samples()[0][0].clone() };
            let text = message(&[update], &style);
            let ours: Vec<&str> = text.lines().filter(|line| is_trailer(line)).collect();
            assert_eq!(ours, ["Image-Update: ghcr.io/acme/web 1.0.0 -> 1.1.0"], "{word}: {text}");
            assert!(!text.lines().any(|line| line.starts_with("---") || line == "49"), "{word}: {text}");
            assert!(text.chars().all(|c| c == '\n' || !safe::is_unsafe(c)), "{word}: {text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_texts_are_a_templated_message_has_its_shape(texts in any::<[String; 8]>(), subject in any::<String>()) {
            let [workload, container, name, policy, root, file, reason, link] = texts;
            let update = Update { workload, container, name, policy, root, file, reason, link: Some(link), ..samples()[0][0].clone() };
            let body = "{% for u in updates %}\n{{ u.workload }}\n{{ u.container }}\n{{ u.name }}\n{{ u.policy }}\n{{ u.root }}\n{{ u.file }}\n{{ u.reason }}\n{{ u.link }}\n{% endfor %}";
            let templates = Templates { subject: Some(subject.replace(['{', '}'], "")), body: Some(body.to_owned()) };
            let text = message(std::slice::from_ref(&update), &Style { templates, ..Style::default() });
            prop_assert_eq!(text.lines().filter(|line| is_trailer(line)).count(), 1);
            prop_assert!(text.chars().all(|c| c == '\n' || !safe::is_unsafe(c)));
            prop_assert!(text.lines().next().unwrap().chars().count() <= 200);
            prop_assert_eq!(text.lines().nth(1), Some(""));
        }
    }
}
