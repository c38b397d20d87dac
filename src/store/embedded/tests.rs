use std::{fs, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::store::{Generation, Kind::Repositories, Value, Why};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).expect("a time")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(folder: &TempDir) -> Embedded {
    Embedded::open(folder.path()).expect("the store opens")
}

fn write(id: &str, seen: Option<Generation>, bytes: &str, due: Option<i64>) -> Write {
    let value = Some(Value { bytes: bytes.into(), due: due.map(at) });
    Write { kind: Repositories, id: id.to_owned(), seen, value }
}

fn claim(holder: &str, now: i64, until: i64) -> Claim {
    Claim { holder: holder.to_owned(), now: at(now), until: at(until) }
}

const WINDOW: Window = Window { longest: Duration::from_hours(1), limit: 10 };

async fn save(store: &Embedded, write: Write) -> Saved {
    store.save_if(vec![write]).await.expect("saved").remove(0)
}

async fn stands(store: &Embedded, id: &str) -> Option<Row> {
    store.load(Repositories, vec![id.to_owned()]).await.expect("loaded").remove(0)
}

/// Makes rows that are due after so many seconds.
async fn plant(store: &Embedded, rows: &[(&str, i64)]) {
    let writes = rows.iter().map(|(id, due)| write(id, None, "x", Some(*due))).collect();
    assert!(store.save_if(writes).await.expect("saved").iter().all(|saved| matches!(saved, Saved::Stands(_))));
}

async fn due(store: &Embedded, now: i64) -> (Vec<String>, Option<i64>) {
    let due = store.next_due(Repositories, claim("test", now, now + 100), WINDOW).await.expect("asked");
    (due.ids, due.next.map(|next| next.as_second() - at(0).as_second()))
}

async fn free(store: &Embedded, id: &str, now: i64) {
    assert_eq!(store.lease(Repositories, id.to_owned(), claim("test", now, now)).await.expect("leased"), Leased::Granted);
}

#[tokio::test]
async fn a_row_is_written_only_over_what_its_writer_saw() {
    let store = Embedded::in_memory();
    let Saved::Stands(first) = save(&store, write("a", None, "1", None)).await else { panic!("there was no row") };
    assert_eq!(save(&store, write("a", None, "2", None)).await, Saved::Moved, "there is a row");
    let Saved::Stands(second) = save(&store, write("a", Some(first), "3", Some(5))).await else { panic!("it was seen") };
    assert_eq!(save(&store, write("a", Some(first), "4", None)).await, Saved::Moved, "it was written meanwhile");
    assert_eq!(stands(&store, "a").await, Some(Row { bytes: b"3".into(), generation: second, due: Some(at(5)) }));
    let removal = Write { value: None, ..write("a", Some(second), "", None) };
    assert_eq!(save(&store, removal.clone()).await, Saved::Removed);
    assert_eq!(save(&store, removal).await, Saved::Moved, "there is none any more");
    let Saved::Stands(third) = save(&store, write("a", None, "5", None)).await else { panic!("there is no row") };
    assert!(first < second && second < third, "no generation comes twice");
}

#[tokio::test]
async fn writes_of_one_call_stand_or_fall_each_alone() {
    let store = Embedded::in_memory();
    plant(&store, &[("b", 0)]).await;
    let saved = store.save_if(vec![write("a", None, "1", None), write("b", None, "1", None), write("c", None, "1", None)]).await.expect("saved");
    assert!(matches!(saved[..], [Saved::Stands(_), Saved::Moved, Saved::Stands(_)]), "{saved:?}");
    let loaded = store.load(Repositories, ["c", "x", "a"].map(str::to_owned).into()).await.expect("loaded");
    assert_eq!(loaded.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true], "in the order that was asked");
    assert_eq!(store.load(Kind::Units, vec!["a".to_owned()]).await.expect("loaded"), [None], "another kind");
}

#[tokio::test]
async fn what_is_due_is_told_once_the_longest_overdue_first() {
    let store = Embedded::in_memory();
    plant(&store, &[("later", 200), ("now", 100), ("long", 10), ("never", 5)]).await;
    let generation = stands(&store, "never").await.map(|row| row.generation);
    save(&store, write("never", generation, "x", None)).await;
    assert_eq!(due(&store, 100).await, (vec!["long".to_owned(), "now".to_owned()], Some(200)));
    assert_eq!(due(&store, 150).await, (vec![], Some(200)), "they are leased");
    assert_eq!(due(&store, 205).await, (["long", "now", "later"].map(str::to_owned).into(), None), "the leases have ended");
}

#[tokio::test]
async fn a_limit_leaves_rows_for_the_next_time() {
    let store = Embedded::in_memory();
    plant(&store, &[("a", 1), ("b", 2), ("c", 3)]).await;
    let window = Window { limit: 2, ..WINDOW };
    let first = store.next_due(Repositories, claim("one", 10, 20), window).await.expect("asked");
    assert_eq!(first, Due { ids: vec!["a".to_owned(), "b".to_owned()], next: Some(at(10)) });
    let second = store.next_due(Repositories, claim("two", 10, 20), window).await.expect("asked");
    assert_eq!(second, Due { ids: vec!["c".to_owned()], next: Some(at(20)) });
}

#[tokio::test]
async fn what_was_planned_before_the_clock_was_set_back_is_due() {
    let store = Embedded::in_memory();
    plant(&store, &[("in an hour", 3600), ("in two", 7200)]).await;
    assert_eq!(due(&store, 0).await, (vec!["in two".to_owned()], Some(3600)));
}

#[tokio::test]
async fn a_hint_makes_a_row_due_once() {
    let store = Embedded::in_memory();
    assert_eq!(store.hint(Repositories, "a".to_owned(), at(1)).await.expect("hinted"), Hinted::Unknown);
    plant(&store, &[("a", 300)]).await;
    for seconds in [20, 10, 30] {
        assert_eq!(store.hint(Repositories, "a".to_owned(), at(seconds)).await.expect("hinted"), Hinted::Due);
    }
    assert_eq!(stands(&store, "a").await.and_then(|row| row.due), Some(at(10)), "the earliest counts");
    assert_eq!(due(&store, 5).await, (vec![], Some(10)));
    assert_eq!(due(&store, 10).await, (vec!["a".to_owned()], None));
    free(&store, "a", 11).await;
    assert_eq!(due(&store, 11).await, (vec![], Some(300)), "it was taken up");
}

#[tokio::test]
async fn a_hint_that_comes_during_the_work_is_due_after_it() {
    let store = Embedded::in_memory();
    plant(&store, &[("a", 10)]).await;
    assert_eq!(due(&store, 10).await.0, ["a"]);
    store.hint(Repositories, "a".to_owned(), at(11)).await.expect("hinted");
    let generation = stands(&store, "a").await.map(|row| row.generation);
    save(&store, write("a", generation, "y", Some(310))).await;
    assert_eq!(due(&store, 12).await, (vec![], Some(110)), "the work goes on");
    free(&store, "a", 13).await;
    assert_eq!(due(&store, 13).await.0, ["a"]);
}

#[tokio::test]
async fn a_lease_is_its_holder_s_until_it_ends() {
    let store = Embedded::in_memory();
    for (word, holder, now, until, leased) in [
        ("free", "one", 0, 10, Leased::Granted),
        ("taken", "two", 5, 10, Leased::Taken(at(10))),
        ("prolonged", "one", 5, 20, Leased::Granted),
        ("still taken", "two", 10, 30, Leased::Taken(at(20))),
        ("ended by itself", "two", 20, 30, Leased::Granted),
        ("given back", "two", 21, 21, Leased::Granted),
        ("free again", "one", 22, 30, Leased::Granted),
    ] {
        assert_eq!(store.lease(Kind::Units, "fleet".to_owned(), claim(holder, now, until)).await.expect("leased"), leased, "{word}");
    }
}

#[tokio::test]
async fn a_cache_forgets_what_nobody_recalled() {
    let folder = folder();
    let database = redb::Builder::new().create(folder.path().join("x")).expect("made");
    let rows = Rows::new(database, 1000).expect("made");
    let entry = |id: &str| (id.to_owned(), vec![b'x'; 100]);
    let holds = |id: &str| rows.recall(Cache::Files, &[id.to_owned()]).expect("recalled")[0].is_some();
    rows.remember(Cache::Files, &[entry("used"), entry("unused")]).expect("remembered");
    for number in 0..30 {
        assert!(holds("used"), "after {number} others");
        rows.remember(Cache::Files, &[entry(&format!("other {number}"))]).expect("remembered");
    }
    assert!(!holds("unused") && !holds("other 1") && holds("other 29"));
    assert!(rows.recall(Cache::Facts, &["used".to_owned()]).expect("recalled")[0].is_none(), "another cache");
}

#[tokio::test]
async fn an_entry_that_is_put_again_is_replaced() {
    let store = Embedded::in_memory();
    for text in ["1", "2"] {
        store.remember(Cache::Facts, vec![("a".to_owned(), text.into())]).await.expect("remembered");
    }
    let recalled = store.recall(Cache::Facts, vec!["b".to_owned(), "a".to_owned()]).await.expect("recalled");
    assert_eq!(recalled, [None, Some(b"2".to_vec())]);
}

#[tokio::test]
async fn what_was_saved_is_there_after_a_restart() {
    let folder = folder();
    let store = open(&folder);
    plant(&store, &[("a", 10), ("b", 20)]).await;
    store.remember(Cache::Facts, vec![("f".to_owned(), b"1".into())]).await.expect("remembered");
    assert_eq!(due(&store, 15).await.0, ["a"]);
    drop(store);
    let again = open(&folder);
    assert_eq!(again.notices(), []);
    assert_eq!(due(&again, 15).await, (vec!["a".to_owned()], Some(20)), "the lease ended with its process");
    assert_eq!(again.recall(Cache::Facts, vec!["f".to_owned()]).await.expect("recalled"), [Some(b"1".to_vec())]);
}

#[tokio::test]
async fn a_second_store_on_the_folder_works_in_memory_and_says_so_once() {
    let folder = folder();
    let first = open(&folder);
    plant(&first, &[("a", 1)]).await;
    let second = open(&folder);
    assert_eq!(second.notices(), [Notice::InMemory(folder.path().to_owned())]);
    assert_eq!(second.notices(), []);
    assert_eq!(stands(&second, "a").await, None);
    plant(&second, &[("b", 1)]).await;
    assert_eq!((stands(&first, "b").await, stands(&second, "b").await.is_some()), (None, true));
    drop((first, second));
    assert!(stands(&open(&folder), "b").await.is_none(), "it ended with its process");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_set_aside_once() {
    let healthy = {
        let folder = folder();
        let store = open(&folder);
        let writes = (0..200).map(|number| write(&format!("row {number}"), None, &"x".repeat(1000), None)).collect();
        store.save_if(writes).await.expect("saved");
        drop(store);
        fs::read(folder.path().join("store.redb")).expect("the file is there")
    };
    let noise = |from: usize, to: usize| {
        let mut bytes = healthy.clone();
        let mut random = fastrand::Rng::with_seed(7);
        bytes[from..to].iter_mut().for_each(|byte| *byte = random.u8(..));
        bytes
    };
    let end = healthy.len();
    for (word, bytes) in [
        ("a text", b"not a store".repeat(100)),
        ("one byte", vec![0]),
        ("cut off in the header", healthy[..100].to_vec()),
        ("cut off in the middle", healthy[..end / 2].to_vec()),
        ("cut off by a page", healthy[..end - 4096].to_vec()),
        ("zeroes", vec![0; end]),
        ("noise at the front", noise(0, 4096)),
        ("noise in the middle", noise(4096, end / 2)),
        ("noise in all pages", noise(4096, end)),
    ] {
        let folder = folder();
        let path = folder.path().join("store.redb");
        fs::write(&path, &bytes).expect("written");
        let store = open(&folder);
        let aside = folder.path().join("store.redb.aside");
        assert_eq!(store.notices(), [Notice::SetAside { path, aside: aside.clone(), why: Why::Damaged }], "{word}");
        assert!(fs::read(aside).is_ok_and(|kept| !kept.is_empty()), "{word}");
        plant(&store, &[("a", 1)]).await;
        drop(store);
        let again = open(&folder);
        assert_eq!((again.notices(), stands(&again, "a").await.is_some()), (vec![], true), "{word}");
    }
}

#[tokio::test]
async fn a_file_of_another_version_is_set_aside() {
    let folder = folder();
    let path = folder.path().join("store.redb");
    let store = open(&folder);
    plant(&store, &[("a", 1)]).await;
    drop(store);
    let database = redb::Builder::new().create(&path).expect("opened");
    let transaction = database.begin_write().expect("begun");
    transaction.open_table(rows::HEADER).expect("there").insert("format", rows::FORMAT + 1).expect("written");
    transaction.commit().expect("committed");
    drop(database);
    let store = open(&folder);
    let notices = store.notices();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].to_string().contains("store.redb` was written by another version (format 2); it is now `"), "{}", notices[0]);
    assert_eq!(stands(&store, "a").await, None);
}

#[tokio::test]
async fn a_failure_ends_one_call_and_the_next_opens_anew() {
    let folder = folder();
    let store = open(&folder);
    plant(&store, &[("a", 1)]).await;
    for (word, fails) in
        [("a panic", (|_| panic!("a page makes no sense")) as fn(&Rows) -> Result<(), redb::Error>), ("an error", |_| Err(redb::Error::PreviousIo))]
    {
        assert!(store.0.with(fails).is_err(), "{word}");
        assert!(stands(&store, "a").await.is_some(), "{word}");
        assert_eq!(store.notices(), [], "{word}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = folder();
    let path = folder.path().join("file");
    fs::write(&path, "").expect("written");
    let error = Embedded::open(&path.join("state")).err().expect("a file is no folder");
    assert_eq!(error.to_string(), format!("cannot use `{}`: reading or writing failed", path.join("state").display()));
}
