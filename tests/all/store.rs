//! The store among other processes, killed, and on a disk that is full.

use std::{
    io::{BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tagalong::store::{Embedded, Generation, Kind, Notice, Row, Saved, Store, Value, Write};

/// In the environment of a test that runs once more as another process: the folder that it works on.
const FOLDER: &str = "TAGALONG_TEST_STORE";

/// The folder, where this process is the other one.
fn as_other() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The same test as another process, its mounts its own: first the folder is mounted over with a small disk in memory.
fn on_small_disk(test: &str, options: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
        if [ "$(id -u)" = 0 ]; then own=; else own=--map-root-user; fi
        exec unshare --mount $own sh -c 'mount -t tmpfs -o "$1" none "$2" && exec "$3" --exact "$4" --nocapture' sh "$@""#;
    let output = Command::new("sh")
        .args(["-c", script, "sh", options])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&told));
}

fn write(id: &str, seen: Option<Generation>, bytes: Vec<u8>) -> Write {
    Write { kind: Kind::Units, id: id.to_owned(), seen, value: Some(Value { bytes, due: None }) }
}

async fn rows(store: &Embedded, ids: &[&str]) -> Vec<Option<Row>> {
    store.load(Kind::Units, ids.iter().map(|id| (*id).to_owned()).collect()).await.unwrap()
}

/// Writes two rows at once, again and again, and tells each number that stands.
async fn write_until_killed(folder: &Path) {
    let store = Embedded::open(folder).unwrap();
    assert_eq!(store.notices(), []);
    let before = rows(&store, &["a", "b"]).await;
    let mut number = before[0].as_ref().map_or(0, |row| u64::from_le_bytes(row.bytes[..8].try_into().unwrap()));
    let mut seen: Vec<_> = before.iter().map(|row| row.as_ref().map(|row| row.generation)).collect();
    loop {
        number += 1;
        // Of changing size, so that pages are made and freed.
        let bytes = [&number.to_le_bytes()[..], &vec![7; usize::try_from(number % 50).unwrap() * 1000]].concat();
        let saved = store.save_if(vec![write("a", seen[0], bytes.clone()), write("b", seen[1], bytes)]).await.unwrap();
        seen = saved.iter().map(|saved| if let Saved::Stands(generation) = saved { Some(*generation) } else { panic!("moved") }).collect();
        println!("\nsaved {number}");
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_is_sound_and_has_all_that_it_said_it_had() {
    if let Some(folder) = as_other() {
        write_until_killed(&folder).await;
    }
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..15 {
        let mut other = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::killed_at_any_moment_it_is_sound_and_has_all_that_it_said_it_had", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let told = BufReader::new(other.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut numbers = told.filter_map(|line| line.strip_prefix("saved ")?.parse::<u64>().ok());
        let last = numbers.nth(fastrand::usize(..40)).unwrap();
        // More may be under way by now.
        other.kill().unwrap();
        other.wait().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        assert_eq!(store.notices(), []);
        let rows: Vec<Vec<u8>> = rows(&store, &["a", "b"]).await.into_iter().map(|row| row.unwrap().bytes).collect();
        assert_eq!(rows[0], rows[1], "both or none");
        let number = u64::from_le_bytes(rows[0][..8].try_into().unwrap());
        assert!(number >= last, "it has {number} and said {last}");
    }
}

#[tokio::test]
async fn a_second_process_works_in_memory() {
    if let Some(folder) = as_other() {
        let store = Embedded::open(&folder).unwrap();
        assert_eq!(store.notices(), [Notice::InMemory(folder)]);
        assert_eq!(rows(&store, &["a"]).await, [None]);
        store.save_if(vec![write("b", None, vec![1])]).await.unwrap();
        assert!(rows(&store, &["b"]).await[0].is_some());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    store.save_if(vec![write("a", None, vec![1])]).await.unwrap();
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::a_second_process_works_in_memory"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stdout));
    assert!(matches!(&rows(&store, &["a", "b"]).await[..], [Some(_), None]));
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_it_goes_on_when_there_is_room() {
    let Some(folder) = as_other() else {
        return on_small_disk("store::a_full_disk_loses_nothing_and_it_goes_on_when_there_is_room", "size=6m");
    };
    let store = Embedded::open(&folder).unwrap();
    let filler = folder.join("filler");
    std::fs::write(&filler, vec![1; 3 << 20]).unwrap();
    let mut stand = vec![];
    let full = loop {
        let id = format!("row {}", stand.len());
        match store.save_if(vec![write(&id, None, vec![2; 100_000])]).await {
            Ok(saved) => stand.push((id, saved[0])),
            Err(error) => break error,
        }
        assert!(stand.len() < 100, "the disk is never full");
    };
    let path = folder.join("store.redb");
    assert_eq!(full.to_string(), format!("cannot write `{}`: no room is left on the disk", path.display()));
    let again = store.save_if(vec![write("more", None, vec![2; 100_000])]).await;
    assert_eq!(again.unwrap_err().to_string(), full.to_string(), "it stays full");
    let read = rows(&store, &["row 0"]).await;
    assert!(read[0].is_some(), "what stands can be read");
    std::fs::remove_file(filler).unwrap();
    let saved = store.save_if(vec![write("more", None, vec![2; 100_000])]).await.unwrap();
    stand.push(("more".to_owned(), saved[0]));
    assert!(stand.len() > 1);
    holds(&store, &stand).await;
    drop(store);
    holds(&Embedded::open(&folder).unwrap(), &stand).await;
}

async fn holds(store: &Embedded, stand: &[(String, Saved)]) {
    assert_eq!(store.notices(), []);
    for (id, saved) in stand {
        let row = rows(store, &[id]).await.remove(0).unwrap();
        assert_eq!((Saved::Stands(row.generation), row.bytes), (*saved, vec![2; 100_000]), "{id}");
    }
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_is_told() {
    let Some(folder) = as_other() else {
        return on_small_disk("store::a_folder_that_may_not_be_written_is_told", "ro");
    };
    let error = Embedded::open(&folder).err().unwrap();
    assert_eq!(error.to_string(), format!("cannot use `{}`: this user has no permission", folder.join("store.lock").display()));
    assert!(error.hint().is_some());
}
