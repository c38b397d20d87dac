//! Says it once, and when it changes.

use std::collections::BTreeMap;

/// What was told last, by key: only changes pass.
#[derive(Clone, Debug)]
pub struct Told<K, V> {
    said: BTreeMap<K, V>,
}

/// What a round of facts adds to what was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<K, V> {
    /// What is new, or has another value than the last time.
    pub news: Vec<(K, V)>,
    /// What held the last time and no longer does.
    pub ended: Vec<(K, V)>,
}

impl<K, V> Default for Told<K, V> {
    fn default() -> Self {
        Self { said: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V: PartialEq + Clone> Told<K, V> {
    /// Whether this was not told yet; from now on it was.
    pub fn is_news(&mut self, key: K, value: V) -> bool {
        if self.said.get(&key) == Some(&value) {
            return false;
        }
        self.said.insert(key, value);
        true
    }

    /// It no longer holds: what was told about it, so that the end can be told, too.
    pub fn end(&mut self, key: &K) -> Option<V> {
        self.said.remove(key)
    }

    /// All that holds now; what is not among it has ended.
    pub fn turn(&mut self, now: BTreeMap<K, V>) -> Changes<K, V> {
        let before = std::mem::replace(&mut self.said, now);
        let news = self.said.iter().filter(|(key, value)| before.get(key) != Some(value)).map(|(key, value)| (key.clone(), value.clone())).collect();
        let ended = before.into_iter().filter(|(key, _)| !self.said.contains_key(key)).collect();
        Changes { news, ended }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_news() {
        let mut told = Told::default();
        for (word, key, value, news) in [
            ("the first time", "db", "locked", true),
            ("again", "db", "locked", false),
            ("another key", "web", "locked", true),
            ("another value", "db", "tooYoung", true),
            ("the first value again", "db", "locked", true),
            ("the other key stays told", "web", "locked", false),
        ] {
            assert_eq!(told.is_news(key, value), news, "{word}");
        }
        assert_eq!(told.end(&"db"), Some("locked"));
        assert_eq!(told.end(&"db"), None);
        assert!(told.is_news("db", "locked"), "after its end it is news again");
    }

    #[test]
    fn a_turn_tells_what_began_and_what_ended() {
        let mut told = Told::default();
        for (word, now, news, ended) in [
            ("nothing", vec![], vec![], vec![]),
            ("two begin", vec![("a", 1), ("b", 1)], vec![("a", 1), ("b", 1)], vec![]),
            ("the same", vec![("a", 1), ("b", 1)], vec![], vec![]),
            ("one changes, one ends", vec![("b", 2)], vec![("b", 2)], vec![("a", 1)]),
            ("it comes back", vec![("a", 1), ("b", 2)], vec![("a", 1)], vec![]),
            ("all end", vec![], vec![], vec![("a", 1), ("b", 2)]),
        ] {
            assert_eq!(told.turn(now.into_iter().collect()), Changes { news, ended }, "{word}");
        }
    }
}
