use std::io;

use tracing::{debug, error, info, info_span, subscriber::with_default, warn};

use super::*;

/// Where a test reads what was written.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics here").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no test panics here").clone()).expect("text")
    }
}

fn noon() -> Clock {
    Arc::new(|| "2026-01-31T12:00:03.04Z".parse().expect("a time"))
}

fn log(level: LogLevel, format: LogFormat) -> (Log, Page) {
    let page = Page::default();
    (Log::new(config::Log { level, format }, page.clone(), noon()), page)
}

/// What is logged while `work` goes on.
fn logged(level: LogLevel, format: LogFormat, work: impl FnOnce()) -> String {
    let (log, page) = log(level, format);
    with_default(log.subscriber(), work);
    page.text()
}

fn a_day() {
    info!(repository = "fleet", branch = "main", commit = "9c1d2e0", seconds = 0.310_4, "pushed {} updates", 2);
    warn!(repository = "fleet", workload = "shop:statefulset/db", code = %crate::policy::Code::Locked, "held");
    warn!(host = "quay.io", r#for = "60s", after = 5, last = 503, "registry rests");
    error!(registry.host = "quay.io", error.hint = "give quay.io/acme a \"credential\"", "cannot sign in to a registry of the fleet");
    debug!(first = true, empty = "", big = u64::MAX, "read");
    info!("ready");
}

#[test]
fn a_line_for_people_has_its_fields_below_each_other() {
    assert_eq!(
        logged(LogLevel::Debug, LogFormat::Text, a_day),
        r#"12:00:03 INFO  pushed 2 updates            repository=fleet branch=main commit=9c1d2e0 seconds=0.31
12:00:03 WARN  held                        repository=fleet workload=shop:statefulset/db code=locked
12:00:03 WARN  registry rests              host=quay.io for=60s after=5 last=503
12:00:03 ERROR cannot sign in to a registry of the fleet registry.host=quay.io error.hint="give quay.io/acme a \"credential\""
12:00:03 DEBUG read                        first=true empty="" big=18446744073709551615
12:00:03 INFO  ready
"#
    );
}

#[test]
fn a_line_for_machines_is_one_object() {
    assert_eq!(
        logged(LogLevel::Debug, LogFormat::Json, a_day),
        r#"{"time":"2026-01-31T12:00:03.040Z","level":"info","message":"pushed 2 updates","repository":"fleet","branch":"main","commit":"9c1d2e0","seconds":0.31}
{"time":"2026-01-31T12:00:03.040Z","level":"warn","message":"held","repository":"fleet","workload":"shop:statefulset/db","code":"locked"}
{"time":"2026-01-31T12:00:03.040Z","level":"warn","message":"registry rests","host":"quay.io","for":"60s","after":5,"last":503}
{"time":"2026-01-31T12:00:03.040Z","level":"error","message":"cannot sign in to a registry of the fleet","registry.host":"quay.io","error.hint":"give quay.io/acme a \"credential\""}
{"time":"2026-01-31T12:00:03.040Z","level":"debug","message":"read","first":true,"empty":"","big":"18446744073709551615"}
{"time":"2026-01-31T12:00:03.040Z","level":"info","message":"ready"}
"#
    );
}

#[test]
fn the_level_decides_what_is_logged() {
    for (level, lines) in [(LogLevel::Error, 1), (LogLevel::Warn, 3), (LogLevel::Info, 5), (LogLevel::Debug, 6)] {
        assert_eq!(logged(level, LogFormat::Text, a_day).lines().count(), lines, "{level}");
    }
}

#[test]
fn level_and_format_change_while_it_runs() {
    let (log, page) = log(LogLevel::Error, LogFormat::Text);
    with_default(log.subscriber(), || {
        let say = |round| info!(round, "still here");
        say(1);
        log.change(config::Log { level: LogLevel::Info, format: LogFormat::Json });
        say(2);
        log.change(config::Log { level: LogLevel::Warn, format: LogFormat::Json });
        say(3);
    });
    assert_eq!(page.text(), "{\"time\":\"2026-01-31T12:00:03.040Z\",\"level\":\"info\",\"message\":\"still here\",\"round\":2}\n");
}

#[test]
fn libraries_are_silent() {
    let text = logged(LogLevel::Debug, LogFormat::Text, || {
        for_others();
        info!(target: "tagalong::service", "ours");
        info!(target: "tagalonger", "a name that begins as ours");
    });
    assert_eq!(text, "12:00:03 INFO  ours\n");
}

fn for_others() {
    error!(target: "hyper::proto", authorization = "hunter2", "sent");
    warn!(target: "h2", "frame");
}

#[test]
fn what_strangers_wrote_stays_on_its_line() {
    let work = || warn!(workload = "a\n12:00:04 INFO  pushed", reason = "x\u{202e}y code=current", "held\u{1b}[31m {}", "a\rb");
    assert_eq!(
        logged(LogLevel::Info, LogFormat::Text, work),
        "12:00:03 WARN  held\\u{1b}[31m a\\rb         workload=\"a\\\\n12:00:04 INFO  pushed\" reason=\"x\\\\u{202e}y code=current\"\n"
    );
    let json = logged(LogLevel::Info, LogFormat::Json, work);
    assert_eq!(json.lines().count(), 1);
    let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(read["workload"], "a\\n12:00:04 INFO  pushed");
    assert_eq!(read["reason"], "x\\u{202e}y code=current");
}

#[test]
fn an_error_is_told_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `fleet`")]
    struct Outer(#[source] io::Error);
    let failure = Outer(io::Error::other("the disk is gone"));
    let text = logged(LogLevel::Info, LogFormat::Text, || error!(error = &failure as &dyn std::error::Error, "failed"));
    assert_eq!(text, "12:00:03 ERROR failed                      error=\"cannot read `fleet`: the disk is gone\"\n");
}

#[test]
fn the_fields_of_spans_come_first() {
    let text = logged(LogLevel::Info, LogFormat::Text, || {
        let _cycle = info_span!("cycle", repository = "fleet").entered();
        let _write = info_span!("write", branch = "main").entered();
        info!(commit = "9c1d2e0", "pushed");
    });
    assert_eq!(text, "12:00:03 INFO  pushed                      repository=fleet branch=main commit=9c1d2e0\n");
}
