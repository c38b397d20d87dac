//! What a linter has to see of a file beside its workloads: the places of annotations, and what stands where nobody reads it.

use std::collections::BTreeSet;

use super::{
    File, KindPaths, Place, Site, Unreadable, Workload, file,
    workload::{annotation_entries, is_ours, objects, workload},
    yaml::{Tree, comments},
};
use crate::policy::comment::CommentPolicy;

/// Bytes that every file with an annotation or a comment policy of ours holds.
const MARKS: [&str; 3] = ["fluxcd.io/", "flux.weave.works/", "tagalong"];

/// Prefixes that are no misspelled ones of ours.
const OTHERS: [&str; 3] = ["toolkit.fluxcd.io", "helm.fluxcd.io", "reconcile.fluxcd.io"];

/// Where annotations are read by others, or by nobody.
const ELSEWHERE: [(&[&str], Elsewhere); 8] = [
    (&["spec", "template", "metadata", "annotations"], Elsewhere::PodTemplate),
    (&["spec", "jobTemplate", "metadata", "annotations"], Elsewhere::PodTemplate),
    (&["spec", "jobTemplate", "spec", "template", "metadata", "annotations"], Elsewhere::PodTemplate),
    (&["template", "metadata", "annotations"], Elsewhere::PodTemplate),
    (&["metadata", "labels"], Elsewhere::Labels),
    (&["metadata"], Elsewhere::Outside),
    (&["annotations"], Elsewhere::Outside),
    (&["spec", "annotations"], Elsewhere::Outside),
];

/// What a linter has to see of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The objects with something to look at.
    pub objects: Vec<Inspected>,
    /// Comments that read like policies and are about no value.
    pub remarks: Vec<CommentPolicy>,
}

/// An object with annotations of ours, or with what looks like them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The object as it is read, and its index among the workloads of the file; `None` where it is no workload.
    pub workload: Option<(usize, Workload)>,
    /// The places of the workload's annotations, in their order.
    pub spots: Vec<Spot>,
    /// What stands where it does nothing.
    pub strays: Vec<Stray>,
}

/// Where one annotation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The column of its value, from 1.
    pub column: u32,
    /// The key, where it can be edited alone.
    pub key: Option<Site>,
    /// The value, where it can be edited alone.
    pub value: Option<Site>,
}

/// An entry that looks like an annotation of ours and is read by nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The key.
    pub key: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// Where it stands.
    pub place: Elsewhere,
}

/// Where an entry is read by nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// In the annotations of the pod template.
    PodTemplate,
    /// Among the labels.
    Labels,
    /// Beside the annotations in place of below them.
    Outside,
    /// Where annotations stand, with a prefix that is nearly one of ours.
    Prefix,
}

/// Whether a file can hold anything of ours, by a search of its bytes.
pub fn is_marked(bytes: &[u8]) -> bool {
    MARKS.iter().any(|mark| bytes.windows(mark.len()).any(|window| window == mark.as_bytes()))
}

/// What a linter has to see of a file, whose content was read before.
///
/// # Errors
/// As [`read`](super::read).
pub fn inspect(path: &str, bytes: &[u8], kinds: &[KindPaths], file: &File) -> Result<Inspection, Unreadable> {
    let (tree, text) = file::tree(path, bytes)?;
    let mut found = Inspection { objects: vec![], remarks: remarks(text, file) };
    if file.kustomization.is_some() || file.flux_yaml.is_some() {
        return Ok(found);
    }
    let mut index = 0;
    for object in objects(&tree) {
        let workload = workload(&tree, &object, kinds).map(|workload| {
            index += 1;
            (index - 1, workload)
        });
        let spots: Vec<Spot> = annotation_entries(&tree, object.node).into_iter().map(|entry| spot(&tree, entry)).collect();
        let strays = strays(&tree, object.node);
        if !spots.is_empty() || !strays.is_empty() {
            found.objects.push(Inspected { workload, spots, strays });
        }
    }
    Ok(found)
}

/// Comments that read like policies and that no place took.
fn remarks(text: &str, file: &File) -> Vec<CommentPolicy> {
    let taken: BTreeSet<u32> =
        file.images().filter_map(|image| image.policy).flat_map(|policy| [Some(policy.line), policy.again]).flatten().collect();
    let found = comments(text).unwrap_or_default();
    found.iter().filter_map(|comment| CommentPolicy::find(&comment.text, comment.line)).filter(|policy| !taken.contains(&policy.line)).collect()
}

fn spot(tree: &Tree<'_>, (key, value): (usize, usize)) -> Spot {
    // What an alias or a merge key also puts elsewhere is not ours to change.
    let alone = |node: usize| Site::at(tree, node, Place::Custom).ok().filter(|site| site.scalar.feeds() == 1);
    Spot { column: tree.column(value) + 1, key: alone(key), value: alone(value) }
}

fn strays(tree: &Tree<'_>, object: usize) -> Vec<Stray> {
    let mut found = vec![];
    let mut take = |path: &[&str], place: Elsewhere, wanted: &dyn Fn(&str) -> bool| {
        for (key, _) in tree.path(object, path).map(|mapping| tree.merged_entries(mapping)).unwrap_or_default() {
            if let Some(text) = tree.text(key).filter(|text| wanted(text)) {
                found.push(Stray { key: text.to_owned(), line: tree.line(key), column: tree.column(key) + 1, place });
            }
        }
    };
    for (path, place) in ELSEWHERE {
        take(path, place, &is_ours);
    }
    take(&["metadata", "annotations"], Elsewhere::Prefix, &is_nearly_ours);
    found
}

/// Whether a prefix is one of ours but for a slip.
fn is_nearly_ours(key: &str) -> bool {
    let Some((prefix, _)) = key.split_once('/').filter(|_| !is_ours(key)) else {
        return key.starts_with("tagalong");
    };
    let is_slip = |ours: &&str| strsim::damerau_levenshtein(prefix, ours) <= 2;
    let others = OTHERS.iter().any(|other| prefix == *other || prefix.ends_with(&format!(".{other}")));
    !others && (["fluxcd.io", "filter.fluxcd.io", "flux.weave.works", "tagalong.dev"].iter().any(is_slip) || prefix.starts_with("tagalong"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::read;

    fn inspected(text: &str) -> Vec<Inspected> {
        let file = read("a.yaml", text.as_bytes(), &[]).expect(text);
        inspect("a.yaml", text.as_bytes(), &[], &file).expect(text).objects
    }

    fn pod(metadata: &str) -> String {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec: {{containers: [{{name: c, image: 'x:1'}}]}}\n")
    }

    #[test]
    fn what_stands_where_nobody_reads_it_is_seen() {
        let deployment = |spec: &str| format!("apiVersion: apps/v1\nkind: Deployment\nspec: {{{spec}}}\n");
        for (word, text, strays) in [
            ("annotations", pod("{annotations: {fluxcd.io/automated: 'true'}}"), vec![]),
            ("labels", pod("{labels: {fluxcd.io/automated: 'true'}}"), vec![("fluxcd.io/automated", Elsewhere::Labels)]),
            ("metadata", pod("{fluxcd.io/automated: 'true'}"), vec![("fluxcd.io/automated", Elsewhere::Outside)]),
            (
                "pod template",
                deployment("template: {metadata: {annotations: {filter.fluxcd.io/c: '1'}}}"),
                vec![("filter.fluxcd.io/c", Elsewhere::PodTemplate)],
            ),
            (
                "template of a job",
                deployment("jobTemplate: {spec: {template: {metadata: {annotations: {tagalong.dev/tag: '1'}}}}}"),
                vec![("tagalong.dev/tag", Elsewhere::PodTemplate)],
            ),
            ("slip", pod("{annotations: {fluxcd.oi/tag.c: '1'}}"), vec![("fluxcd.oi/tag.c", Elsewhere::Prefix)]),
            ("letter too much", pod("{annotations: {filters.fluxcd.io/c: '1'}}"), vec![("filters.fluxcd.io/c", Elsewhere::Prefix)]),
            ("own without its end", pod("{annotations: {tagalong/tag: '1'}}"), vec![("tagalong/tag", Elsewhere::Prefix)]),
            ("Flux v2", pod("{annotations: {kustomize.toolkit.fluxcd.io/prune: '1', reconcile.fluxcd.io/requestedAt: x}}"), vec![]),
            ("helm operator", pod("{annotations: {helm.fluxcd.io/antecedent: '1'}}"), vec![]),
            ("others", pod("{annotations: {example.com/tag: '1', checksum: '2'}}"), vec![]),
        ] {
            let found = inspected(&text);
            let shown: Vec<(&str, Elsewhere)> = found.iter().flat_map(|found| &found.strays).map(|stray| (stray.key.as_str(), stray.place)).collect();
            assert_eq!(shown, strays, "{word}");
        }
    }

    #[test]
    fn an_annotation_can_be_edited_where_it_stands_alone() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    annotations: &a\n      fluxcd.io/automated: \"true\"\n\
                    - apiVersion: v1\n  kind: Pod\n  metadata:\n    annotations:\n      <<: *a\n      é: x\n      fluxcd.io/tag.c:  semver:~1\n";
        let found = inspected(text);
        let shown: Vec<Vec<(u32, bool)>> =
            found.iter().map(|found| found.spots.iter().map(|spot| (spot.column, spot.key.is_some() && spot.value.is_some())).collect()).collect();
        assert_eq!(shown, [vec![(28, false)], vec![(25, true), (28, false)]]);
        assert_eq!(found.iter().map(|found| found.workload.as_ref().expect("a workload").0).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_kustomization_holds_no_objects() {
        let text = "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nmetadata: {annotations: {fluxcd.io/automated: 'true'}}\n";
        assert_eq!(inspected(text), []);
    }

    #[test]
    fn marks_are_searched_for_in_bytes() {
        for (text, marked) in [
            (&b"fluxcd.io/automated"[..], true),
            (b"\xff flux.weave.works/x", true),
            (b"# tagalong: semver:*", true),
            (b"fluxcd.io", false),
            (b"", false),
        ] {
            assert_eq!(is_marked(text), marked, "{}", String::from_utf8_lossy(text));
        }
    }
}
