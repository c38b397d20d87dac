//! In how many places a value is read.

use super::Tree;

impl Tree<'_> {
    /// In how many places of its document a scalar is read, aliases and merge keys followed.
    ///
    /// # Shape
    /// A merged value that an own key hides is not read there. What stands under a key that no object of Kubernetes has is a template,
    /// read only where an alias puts it.
    pub(in crate::manifest) fn places(&self, node: usize) -> u32 {
        if !self.aliases {
            return 1;
        }
        self.places.get_or_init(|| self.count_places())[self.target(node)]
    }

    /// Walks what the documents stand for; the bound on what aliases repeat bounds the walk.
    fn count_places(&self) -> Vec<u32> {
        let mut places = vec![0; self.nodes.len()];
        let mut objects = self.roots.clone();
        let mut open = vec![];
        while let Some(object) = objects.pop() {
            for (key, value) in self.merged_entries(object) {
                match self.scalar(key) {
                    Some((name, _)) if is_template(name) => {}
                    Some(("items", _)) => objects.extend(self.items(value)),
                    _ => open.extend([key, value]),
                }
            }
        }
        while let Some(node) = open.pop() {
            places[self.target(node)] += 1;
            open.extend(self.merged_entries(node).into_iter().flat_map(|(key, value)| [key, value]));
            open.extend(self.items(node));
        }
        places
    }
}

/// Field names of Kubernetes are words like `apiVersion`.
fn is_template(key: &str) -> bool {
    !key.starts_with(|first: char| first.is_ascii_lowercase()) || !key.chars().all(|c| c.is_ascii_alphanumeric())
}
