use std::sync::Mutex;

use jiff::SignedDuration;

use super::*;
use crate::{
    image::Name,
    plan::Answer,
    policy::{
        Blame, Code,
        annotation::{Origin, Policy},
        decision::{Listing, Wants},
        keys::Keys,
        pattern::Pattern,
    },
    service::clock::{self, Clock, Listener},
    store::Record,
};

const MINUTE: Duration = Duration::from_mins(1);

fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

fn repository(name: &str) -> Repository {
    Name::parse(name).expect("a name").repository()
}

fn tags(texts: &[&str]) -> Vec<Tag> {
    texts.iter().map(|text| Tag::parse(text).expect("a tag")).collect()
}

fn asked(name: &str, tag: &str, pattern: &str, keys: &[(&str, &str)]) -> Asked {
    let mut policy = Policy { pattern: Pattern::parse(pattern).expect("a pattern"), keys: Keys::default(), origin: Origin::Written };
    for (key, value) in keys {
        policy.keys.set(key, value).expect("a key");
    }
    Asked { repository: repository(name), tag: Tag::parse(tag).ok(), digest: None, policy, wants: Wants::Image, rolled_back: vec![] }
}

/// A board with one unit, and what that unit hears and remembers.
struct Table {
    board: Board,
    circuits: Circuits,
    now: Arc<Mutex<Timestamp>>,
    heard: Listener,
    _work: Listener,
    subjects: Subjects,
    answers: Answers,
}

impl Table {
    fn new(questions: Vec<Asked>) -> Self {
        let now = Arc::new(Mutex::new(noon()));
        let told = Arc::clone(&now);
        let clock: Clock = Arc::new(move || *told.lock().expect("no panic"));
        let ((work, works), (bell, heard)) = (clock::bell(&clock), clock::bell(&clock));
        let interval = |image: &Repository| if &*image.registry == "hourly.corp" { 60 * MINUTE } else { 10 * MINUTE };
        let pace = Pace { interval: Box::new(interval), per_second: Box::new(|host| if host == "slow.corp" { 0.001 } else { 20.0 }) };
        let circuits = Circuits::default();
        let board = Board::new("open".to_owned(), pace, circuits.clone(), work);
        board.join("fleet", bell);
        let mut table = Self { board, circuits, now, heard, _work: works, subjects: Subjects::default(), answers: Answers::default() };
        table.ask(questions);
        table
    }

    fn ask(&mut self, questions: Vec<Asked>) {
        self.subjects = Subjects { list: vec![], questions };
        self.answers = self.board.ask("fleet", &self.subjects, std::mem::take(&mut self.answers), self.now());
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().expect("no panic")
    }

    fn pass(&self, time: SignedDuration) {
        *self.now.lock().expect("no panic") += time;
    }

    /// What is to be done; where the store is to be asked, it knows nothing.
    fn jobs(&self) -> Vec<Job> {
        let mut jobs = self.board.jobs(self.now());
        if let Some(Job::Open(repositories)) = jobs.first().cloned() {
            self.board.opened(repositories.iter().map(|repository| (repository.clone(), Kept::default())).collect(), self.now());
            for repository in &repositories {
                self.board.done(Work::Open, repository, self.now());
            }
            jobs = self.board.jobs(self.now());
        }
        jobs
    }

    fn lists(&self, name: &str, texts: &[&str]) {
        self.board.listed(&repository(name), tags(texts), self.now());
        self.board.done(Work::List, &repository(name), self.now());
    }

    /// Decides; the answer is when it may be otherwise.
    fn decide(&mut self) -> Timestamp {
        let now = self.now();
        self.board.answer("fleet", &self.subjects.questions, &mut self.answers, now)
    }

    /// The answers by code and winner.
    fn says(&mut self) -> String {
        self.decide();
        let word = |answer: &Answer| match answer {
            Answer::Waiting => "waits".to_owned(),
            Answer::Failed(failure) => failure.code.as_str().to_owned(),
            Answer::Decided(decision) => format!("{} {}", decision.code.as_str(), decision.winner.as_ref().map_or("-", Tag::as_str)),
        };
        self.answers.list().iter().map(word).collect::<Vec<_>>().join(", ")
    }

    /// Whether the unit's bell was rung since the last time.
    fn is_woken(&mut self) -> bool {
        use futures_util::FutureExt;
        self.heard.until(Timestamp::MAX, clock::Hold::default()).now_or_never().is_some()
    }
}

#[tokio::test]
async fn a_list_that_says_what_the_last_one_said_wakes_nobody() {
    let mut table = Table::new(vec![asked("quay.io/shop/web", "1.0.0", "semver:~1", &[])]);
    table.jobs();
    for (word, listed, wakes) in [
        ("the first", vec!["1.0.0"], true),
        ("the same", vec!["1.0.0"], false),
        ("in another order, one twice", vec!["1.0.0", "1.0.0"], false),
        ("a new tag", vec!["1.0.0", "1.1.0"], true),
        ("one is gone", vec!["1.0.0"], true),
    ] {
        table.pass(SignedDuration::from_mins(10));
        table.lists("quay.io/shop/web", &listed);
        assert_eq!(table.is_woken(), wakes, "{word}");
    }
    let failure = Failure { code: Code::Unreachable, reason: "no answer".to_owned(), blame: Blame::Remote, hint: None };
    for (word, wakes) in [("it fails", true), ("it fails alike", false)] {
        table.board.failed(&repository("quay.io/shop/web"), failure.clone(), table.now());
        assert_eq!(table.is_woken(), wakes, "{word}");
    }
    assert_eq!(table.says(), "stale");
    table.lists("quay.io/shop/web", &["1.0.0"]);
    assert!(table.is_woken(), "it is over");
    assert_eq!(table.says(), "current 1.0.0");
}

#[test]
fn only_what_changed_is_decided_anew() {
    let mut table = Table::new(vec![asked("quay.io/shop/web", "1.0.0", "semver:~1", &[]), asked("quay.io/shop/api", "1.0.0", "semver:~1", &[])]);
    table.jobs();
    for name in ["quay.io/shop/web", "quay.io/shop/api"] {
        table.lists(name, &["1.0.0"]);
    }
    assert_eq!(table.says(), "current 1.0.0, current 1.0.0");
    let outdated = |table: &Table| table.board.outdated(&table.answers, table.now()).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(outdated(&table), [""; 0]);
    table.pass(SignedDuration::from_mins(10));
    table.lists("quay.io/shop/web", &["1.0.0", "2.0.0"]);
    table.lists("quay.io/shop/api", &["1.0.0"]);
    assert_eq!(outdated(&table), ["quay.io/shop/web"]);
    table.decide();
    let [web, api, other] = ["quay.io/shop/web", "quay.io/shop/api", "quay.io/shop/other"].map(|name| asked(name, "1.0.0", "semver:~1", &[]));
    for (word, questions, expected) in [
        ("the same in another order", vec![api.clone(), web.clone()], vec![]),
        ("another image beside them", vec![other, api.clone(), web.clone()], vec!["quay.io/shop/other"]),
        ("another kind of place", vec![Asked { wants: Wants::Artifact, ..web.clone() }, api.clone()], vec!["quay.io/shop/web"]),
        ("another pattern", vec![asked("quay.io/shop/web", "1.0.0", "semver:*", &[]), api.clone()], vec!["quay.io/shop/web"]),
        ("another tag", vec![asked("quay.io/shop/web", "1.0.1", "semver:*", &[]), api], vec!["quay.io/shop/web"]),
    ] {
        table.ask(questions);
        assert_eq!(outdated(&table), expected, "{word}");
        table.decide();
    }
}

#[test]
fn what_no_list_could_change_is_never_listed() {
    let mut table = Table::new(vec![Asked { tag: None, ..asked("quay.io/shop/web", "-", "glob:*", &[]) }]);
    table.subjects.questions[0].policy.origin = Origin::Default;
    let questions = table.subjects.questions.clone();
    table.ask(questions);
    assert_eq!((table.jobs(), table.says().as_str()), (vec![], "noExplicitPattern -"));
}

#[test]
fn an_age_is_reached_at_its_moment() {
    let mut table = Table::new(vec![asked("quay.io/shop/web", "1.0.0", "regexp:^(?P<semver>.*)$", &[("min-age", "25m")])]);
    table.jobs();
    table.lists("quay.io/shop/web", &["1.0.0"]);
    table.pass(SignedDuration::from_mins(10));
    table.lists("quay.io/shop/web", &["1.0.0", "1.1.0"]);
    let moment = table.decide();
    let view = View { repository: repository("quay.io/shop/web"), platform: Platform::linux_amd64() };
    let gone = tags(&["1.1.0"]).remove(0);
    assert_eq!(moment, noon() + 25 * MINUTE, "the first list's");
    table.pass(SignedDuration::from_mins(10));
    table.lists("quay.io/shop/web", &["1.0.0", "1.1.0"]);
    table.pass(SignedDuration::from_mins(5));
    assert_eq!(table.decide(), noon() + 35 * MINUTE, "the new tag's");
    table.board.looked(&view, &gone, &Metadata::Gone, None, table.now());
    assert_eq!(table.says(), "current 1.0.0");
}

#[test]
fn a_list_is_stale_after_three_intervals_without_any_news() {
    let mut table = Table::new(vec![asked("quay.io/shop/web", "1.0.0", "semver:~1", &[])]);
    table.jobs();
    table.lists("quay.io/shop/web", &["1.0.0"]);
    assert_eq!(table.decide(), noon() + 30 * MINUTE);
    table.pass(SignedDuration::from_mins(30));
    assert_eq!((table.says().as_str(), table.decide()), ("stale", Timestamp::MAX));
    table.lists("quay.io/shop/web", &["1.0.0"]);
    assert_eq!(table.says(), "current 1.0.0");
}

#[test]
fn a_list_is_stale_after_three_rounds_where_the_budget_makes_them_longer() {
    let mut table = Table::new(vec![asked("slow.corp/shop/web", "1.0.0", "semver:~1", &[]), asked("slow.corp/shop/api", "1.0.0", "semver:~1", &[])]);
    table.jobs();
    for name in ["slow.corp/shop/web", "slow.corp/shop/api"] {
        table.lists(name, &["1.0.0"]);
    }
    assert_eq!(table.decide(), noon() + Duration::from_mins(100), "two requests at one in 1000 s");
    table.ask(vec![asked("slow.corp/shop/web", "1.0.0", "semver:~1", &[])]);
    assert_eq!(table.decide(), noon() + Duration::from_mins(50), "one is left");
}

#[test]
fn the_last_list_again_is_no_news_unless_it_was_stale_or_in_doubt() {
    let web = repository("quay.io/shop/web");
    let mut table = Table::new(vec![asked("quay.io/shop/web", "1.0.19", "semver:~1", &[])]);
    table.jobs();
    let many: Vec<String> = (0..20).map(|patch| format!("1.0.{patch}")).collect();
    table.lists("quay.io/shop/web", &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(table.says(), "current 1.0.19");
    let generation = table.board.generation("fleet");
    table.board.listed_again(&web, table.now());
    assert_eq!(table.board.generation("fleet"), generation, "nothing changed");
    table.pass(SignedDuration::from_mins(30));
    assert_eq!(table.says(), "stale");
    table.board.listed_again(&web, table.now());
    assert_eq!(table.says(), "current 1.0.19", "it is young again");
    let listing = |table: &Table| table.board.state().images[&web].snapshot().packed.listing();
    table.lists("quay.io/shop/web", &["1.0.0"]);
    assert_eq!(listing(&table), Listing::InDoubt, "it lacks too much");
    for _ in 0..2 {
        table.board.listed_again(&web, table.now());
    }
    assert_eq!(listing(&table), Listing::Trusted, "three equal lists end the doubt");
}

#[test]
fn a_clock_that_is_set_back_neither_freezes_nor_hurries() {
    let names: Vec<String> = (0..30).map(|number| format!("quay.io/shop/web-{number}")).collect();
    let table = Table::new(names.iter().map(|name| asked(name, "1.0.0", "semver:~1", &[])).collect());
    table.jobs();
    for name in &names {
        table.lists(name, &["1.0.0"]);
    }
    table.pass(SignedDuration::from_hours(-24));
    assert_eq!(table.jobs(), [], "nothing is due");
    let mut listed = 0;
    for minute in 1..=11 {
        table.pass(SignedDuration::from_mins(1));
        let jobs = table.jobs();
        assert!(jobs.len() <= 12, "{} at once in minute {minute}", jobs.len());
        listed += jobs.len();
    }
    assert_eq!(listed, 30);
}

#[test]
fn a_host_that_is_silent_holds_up_no_other() {
    let names: Vec<String> = (0..100).map(|number| format!("dead.example/shop/web-{number}")).chain(["quay.io/shop/web".to_owned()]).collect();
    let table = Table::new(names.iter().map(|name| asked(name, "1.0.0", "semver:~1", &[])).collect());
    let count = |jobs: &[Job], host: &str| jobs.iter().filter(|job| matches!(job, Job::List(image, _) if &*image.registry == host)).count();
    let jobs = table.jobs();
    assert_eq!((count(&jobs, "dead.example"), count(&jobs, "quay.io")), (ABREAST, 1));
    assert_eq!((table.jobs(), table.board.next_due(table.now()).is_none()), (vec![], true), "there is no room");
    let Some(Job::List(first, _)) = jobs.first() else { panic!("a list is due") };
    table.board.done(Work::List, first, table.now());
    assert_eq!((table.jobs().len(), table.board.next_due(table.now()).is_some()), (1, false), "as one ends another begins");
}

#[test]
fn a_row_that_cannot_be_read_is_made_anew() {
    let mut table = Table::new(vec![asked("quay.io/shop/web", "1.0.0", "semver:~1", &[])]);
    let listed = Seen::default().observe(tags(&["1.0.0"]), crate::store::Mark::default(), &BTreeSet::new(), noon());
    let mut bytes = listed.encode();
    bytes.push(0);
    let kept = Kept { record: Packed::decode(&bytes).expect("its head can be read"), generation: None, due: Some(noon() + 5 * MINUTE) };
    assert!(matches!(table.board.jobs(noon())[..], [Job::Open(_)]));
    table.board.opened(vec![(repository("quay.io/shop/web"), kept)], noon());
    assert_eq!((table.board.next_due(table.now()), table.says().as_str()), (Some(noon() + 5 * MINUTE), "waits"));
    assert_eq!(table.board.next_due(table.now()), Some(noon()));
}

#[test]
fn what_failed_before_a_restart_still_fails_though_it_fails_alike() {
    let mut table = Table::new(vec![asked("quay.io/shop/web", "1.0.0", "semver:~1", &[])]);
    let web = repository("quay.io/shop/web");
    let failure = Failure { code: Code::Unauthorized, reason: "no".to_owned(), blame: Blame::Operator, hint: None };
    let mut record = Packed::default();
    record.failed(failure.clone(), noon());
    assert!(matches!(table.board.jobs(noon())[..], [Job::Open(_)]));
    assert_eq!(table.says(), "waits");
    table.board.opened(vec![(web.clone(), Kept { record, generation: None, due: Some(noon() + 5 * MINUTE) })], noon());
    assert_eq!(table.says(), "unauthorized");
    table.board.failed(&web, failure, noon());
    assert_eq!(table.says(), "unauthorized");
}

#[test]
fn what_fell_due_while_nobody_ran_is_spread_over_its_own_interval() {
    for (word, host, minutes) in [("10 minutes", "quay.io", 10), ("each hour", "hourly.corp", 60)] {
        let names: Vec<String> = (0..600).map(|number| format!("{host}/shop/web-{number}")).collect();
        let table = Table::new(names.iter().map(|name| asked(name, "1.0.0", "semver:~1", &[])).collect());
        let Some(Job::Open(repositories)) = table.board.jobs(noon()).first().cloned() else { panic!("the store is asked") };
        let record = Packed::from(&Seen::default().observe(tags(&["1.0.0"]), crate::store::Mark::default(), &BTreeSet::new(), noon() - 30 * MINUTE));
        // Half of them fell due during a night, half is due by and by.
        let kept = |at: u32| {
            let due = if at.is_multiple_of(2) { noon() - 600 * MINUTE } else { noon() + MINUTE * (at * minutes / 600) };
            Kept { record: record.clone(), generation: None, due: Some(due) }
        };
        table.board.opened(repositories.into_iter().zip(0..).map(|(repository, at)| (repository, kept(at))).collect(), noon());
        let mut total = 0;
        for minute in 0..minutes {
            let mut now = 0;
            loop {
                let jobs = table.board.jobs(table.now());
                for job in &jobs {
                    let Job::List(repository, _) = job else { panic!("{job:?}") };
                    table.lists(&repository.to_string(), &["1.0.0"]);
                }
                now += jobs.len();
                if jobs.is_empty() {
                    break;
                }
            }
            assert!(now <= 600 / minutes as usize * 2, "{word}: {now} in minute {minute}");
            total += now;
            table.pass(SignedDuration::from_mins(1));
        }
        assert!(total >= 500, "{word}: {total}");
    }
}

#[test]
fn a_unit_with_many_images_keeps_none_waiting_with_few() {
    let many: Vec<String> = (0..5000).map(|number| format!("quay.io/a/web-{number}")).collect();
    let mut table = Table::new(many.iter().map(|name| asked(name, "1.0.0", "semver:~1", &[])).collect());
    let (bell, _heard) = clock::bell(&{
        let clock: Clock = Arc::new(noon);
        clock
    });
    table.board.join("shop", bell);
    // The first of them is wanted by both.
    let few = ["quay.io/a/web-4999", "quay.io/z/one", "quay.io/z/two"];
    let subjects = Subjects { list: vec![], questions: few.iter().map(|name| asked(name, "1.0.0", "semver:~1", &[])).collect() };
    let mut answers = table.board.ask("shop", &subjects, Answers::default(), noon());
    let first = table.jobs();
    let is_few = |job: &Job| matches!(job, Job::List(repository, _) if few.contains(&&*repository.to_string()));
    assert_eq!((first.len(), first.iter().filter(|job| is_few(job)).count()), (ABREAST, 3), "{first:?}");
    for job in &first {
        let Job::List(repository, _) = job else { panic!("{job:?}") };
        table.lists(&repository.to_string(), &["1.0.0", "1.1.0"]);
    }
    // So it is with what is to be learnt.
    table.decide();
    table.board.answer("shop", &subjects.questions, &mut answers, noon());
    let looks: Vec<Job> = table.board.jobs(noon()).into_iter().filter(|job| matches!(job, Job::Look { .. })).collect();
    let is_few = |job: &Job| matches!(job, Job::Look { view, .. } if few.contains(&&*view.repository.to_string()));
    let places: Vec<usize> = looks.iter().enumerate().filter(|(_, job)| is_few(job)).map(|(at, _)| at).collect();
    assert!(places.len() == 3 && places[2] <= 6, "{places:?}");
}

#[test]
fn what_is_asked_for_now_is_not_asked_for_again() {
    let mut table = Table::new(vec![asked("quay.io/shop/web", "main-1", "glob:main-*", &[])]);
    table.jobs();
    let names: Vec<String> = (0..100).map(|number| format!("main-{number}")).collect();
    table.lists("quay.io/shop/web", &names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut asked: Vec<(Platform, Need)> = Vec::new();
    let out = |table: &Table, asked: &mut Vec<(Platform, Need)>| {
        let jobs = table.board.jobs(table.now());
        asked.extend(
            jobs.iter().filter_map(|job| if let Job::Look { view, need, .. } = job { Some((view.platform.clone(), need.clone())) } else { None }),
        );
        jobs
    };
    table.decide();
    let mut jobs = out(&table, &mut asked);
    assert_eq!(jobs.len(), ABREAST);
    while let Some(Job::Look { view, wanted, need, .. }) = jobs.pop() {
        let number: u32 = need.tag().as_str().trim_start_matches("main-").parse().expect("a number");
        let digest = Digest::parse(&format!("sha256:{number:064x}")).expect("a digest");
        let found = if matches!(need, Need::Digest(_)) { Metadata::Pointed(digest.clone()) } else { Metadata::NotAnImage("a chart".to_owned()) };
        table.board.looked(&view, need.tag(), &found, Some(&digest), table.now());
        // It is decided anew at any time.
        table.decide();
        table.board.answered(&view.repository, &wanted, &need);
        table.board.done(Work::Look, &view.repository, table.now());
        jobs.extend(out(&table, &mut asked));
    }
    let once: BTreeSet<_> = asked.iter().cloned().collect();
    assert_eq!((once.len(), asked.len()), (200, 200), "where each tag points, and what stands there");
}

#[test]
fn a_host_that_is_left_alone_gets_one_question_when_that_is_over() {
    let names: Vec<String> = (0..100).map(|number| format!("dead.example/shop/web-{number}")).chain(["quay.io/shop/web".to_owned()]).collect();
    let table = Table::new(names.iter().map(|name| asked(name, "1.0.0", "semver:~1", &[])).collect());
    let fails = |table: &Table, times: usize| {
        let trips: Vec<_> = (0..times).map(|_| table.circuits.begin("dead.example")).collect();
        for trip in trips {
            table.circuits.end(trip, crate::registry::Bearing::Fails(None), table.now());
        }
    };
    fails(&table, 3);
    let count = |jobs: &[Job], host: &str| jobs.iter().filter(|job| matches!(job, Job::List(image, _) if &*image.registry == host)).count();
    let jobs = table.jobs();
    assert_eq!((count(&jobs, "dead.example"), count(&jobs, "quay.io")), (0, 1), "the others go on");
    assert_eq!(table.board.next_due(table.now()), Some(noon() + Duration::from_secs(30)));
    table.pass(SignedDuration::from_secs(30));
    let trial = table.jobs();
    assert_eq!((count(&trial, "dead.example"), table.jobs().len()), (1, 0), "one, and no more");
    let Some(Job::List(first, _)) = trial.first() else { panic!("{trial:?}") };
    let failure = Failure { code: Code::Unreachable, reason: "no answer".to_owned(), blame: Blame::Remote, hint: None };
    fails(&table, 1);
    table.board.failed(first, failure, table.now());
    table.board.done(Work::List, first, table.now());
    assert_eq!((table.jobs(), table.board.next_due(table.now())), (vec![], Some(noon() + Duration::from_secs(90))), "twice as long");
    table.pass(SignedDuration::from_secs(60));
    let trial = table.jobs();
    let Some(Job::List(second, _)) = trial.first() else { panic!("{trial:?}") };
    table.circuits.end(table.circuits.begin("dead.example"), crate::registry::Bearing::Answers, table.now());
    table.lists(&second.to_string(), &["1.0.0"]);
    assert_eq!(count(&table.jobs(), "dead.example"), ABREAST, "it answers again");
}

#[test]
fn rows_that_could_not_be_written_are_written_again() {
    let table = Table::new(vec![asked("quay.io/shop/web", "1.0.0", "semver:~1", &[])]);
    table.jobs();
    table.lists("quay.io/shop/web", &["1.0.0"]);
    let rows = |table: &Table| table.board.unsaved().into_iter().map(|(repository, _)| repository).collect::<Vec<_>>();
    let refused = rows(&table);
    assert_eq!((refused.len(), table.board.is_unsaved()), (1, false));
    table.board.refused(refused.clone());
    assert_eq!((table.board.is_unsaved(), rows(&table)), (true, refused.clone()));
    table.board.refused(vec![repository("quay.io/shop/gone")]);
    assert!(!table.board.is_unsaved(), "nobody asks about it any longer");
}

#[test]
fn what_nobody_asks_about_is_forgotten() {
    let mut table = Table::new(vec![asked("quay.io/shop/web", "1.0.0", "semver:~1", &[])]);
    assert_eq!(table.jobs().len(), 1);
    table.ask(vec![]);
    assert_eq!(table.board.lists().len(), 1, "its list is asked for");
    table.lists("quay.io/shop/web", &["1.0.0"]);
    assert!(table.board.lists().is_empty() && table.board.unsaved().is_empty() && table.board.next_due(table.now()).is_none());
    assert!(table.board.state().hosts.is_empty());
}
