//! The daemon's log: a line for people, or a JSON object for machines.
//!
//! Only our own events are written. The libraries below us stay silent, whatever the level: what they would print may hold a header.

use std::{
    fmt::{self, Write as _},
    io::Write,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::Interest,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::{LookupSpan, Registry},
};

use super::Clock;
use crate::{
    config::{self, LogFormat, LogLevel},
    plan::safe,
};

/// How wide a message is in the text form, so that fields stand below each other.
///
/// # Units
/// Characters.
const MESSAGE: usize = 27;

/// The log of a process; a clone leads to the same.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    settings: RwLock<config::Log>,
    out: Mutex<Box<dyn Write + Send>>,
    clock: Clock,
}

impl Log {
    /// A log that writes its lines there.
    pub fn new(settings: config::Log, out: impl Write + Send + 'static, clock: Clock) -> Self {
        Self { shared: Arc::new(Shared { settings: RwLock::new(settings), out: Mutex::new(Box::new(out)), clock }) }
    }

    /// Another level or format, from the next line on.
    pub fn change(&self, settings: config::Log) {
        *self.shared.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// What takes events of `tracing` and writes them here.
    pub fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        Registry::default().with(Lines { shared: Arc::clone(&self.shared) })
    }

    /// Takes all events of this process from now on; where something takes them already, nothing changes.
    pub fn install(&self) {
        let _already = tracing::subscriber::set_global_default(self.subscriber());
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("settings", &self.shared.settings()).finish_non_exhaustive()
    }
}

impl Shared {
    fn settings(&self) -> config::Log {
        *self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line in one piece. Where nobody reads any more there is nobody to tell.
    fn write(&self, line: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _closed = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}

/// The layer that makes a line of each event.
struct Lines {
    shared: Arc<Shared>,
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_ours(metadata.target()) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_ours(metadata.target()) && *metadata.level() <= Level::from(self.shared.settings().level)
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            fields.list.extend(span.extensions().get::<Fields>().into_iter().flat_map(|fields| fields.list.clone()));
        }
        event.record(&mut fields);
        let line = Line { time: self.shared.clock.now(), level: *event.metadata().level(), fields };
        self.shared.write(&match self.shared.settings().format {
            LogFormat::Text => line.text(),
            LogFormat::Json => line.json(),
        });
    }
}

/// Whether an event was made by this package.
fn is_ours(target: &str) -> bool {
    target.split("::").next() == Some(env!("CARGO_PKG_NAME"))
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// What an event says: a sentence, and what can be searched for.
#[derive(Clone, Debug, Default)]
struct Fields {
    message: String,
    list: Vec<(&'static str, Value)>,
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Whole(i128),
    Number(f64),
    Truth(bool),
}

impl Fields {
    fn text(&mut self, field: &Field, text: &str) {
        let text = safe::line(text).into_owned();
        if field.name() == "message" {
            self.message = text;
        } else {
            self.list.push((field.name(), Value::Text(text)));
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // A thousandth is enough for a person, and for a second.
        self.list.push((field.name(), Value::Number((value * 1000.0).round() / 1000.0)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.list.push((field.name(), Value::Whole(value.into())));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.list.push((field.name(), Value::Whole(value.into())));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.list.push((field.name(), Value::Truth(value)));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let chain = std::iter::successors(Some(value), |error| error.source());
        let sentences: Vec<String> = chain.map(ToString::to_string).collect();
        self.text(field, &sentences.join(": "));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }
}

struct Line {
    time: Timestamp,
    level: Level,
    fields: Fields,
}

impl Line {
    /// `12:00:03 INFO  pushed 2 updates            repository=fleet seconds=0.31`
    fn text(&self) -> String {
        let mut line = format!("{} {:<5} ", self.time.strftime("%H:%M:%S"), self.level.as_str());
        if self.fields.list.is_empty() {
            line += &self.fields.message;
        } else {
            let _infallible = write!(line, "{:<MESSAGE$}", self.fields.message);
        }
        for (name, value) in &self.fields.list {
            let _infallible = match value {
                Value::Text(text) if is_one_word(text) => write!(line, " {name}={text}"),
                Value::Text(text) => write!(line, " {name}=\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"")),
                Value::Whole(number) => write!(line, " {name}={number}"),
                Value::Number(number) => write!(line, " {name}={number}"),
                Value::Truth(value) => write!(line, " {name}={value}"),
            };
        }
        line + "\n"
    }

    /// `{"time":"…","level":"info","message":"pushed 2 updates","repository":"fleet","seconds":0.31}`
    fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers have a JSON form") + "\n"
    }
}

/// Whether a value is told from what stands behind it without quotes.
fn is_one_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '='))
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &format_args!("{:.3}", self.time))?;
        map.serialize_entry("level", &self.level.as_str().to_ascii_lowercase())?;
        map.serialize_entry("message", &self.fields.message)?;
        for (name, value) in &self.fields.list {
            match value {
                Value::Text(text) => map.serialize_entry(name, text)?,
                // What a machine may lose beyond 2^53 is a text, as JSON's readers want it.
                Value::Whole(number) => match i64::try_from(*number) {
                    Ok(number) => map.serialize_entry(name, &number)?,
                    Err(_) => map.serialize_entry(name, &number.to_string())?,
                },
                Value::Number(number) => map.serialize_entry(name, number)?,
                Value::Truth(value) => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
