//! What one root deploys, step by step as kustomize builds it.

use std::{borrow::Cow, collections::BTreeSet};

use super::{
    HeldByKustomize, Kustomization, Link,
    change::{affix, annotate, merged},
    entry::Entry,
    layout::{Layout, Target, folder, is_below, shown},
    live::{Live, Source},
    merge,
    patch::{Form, From, Operation, Patch, Says, is_annotated},
    patched::Patched,
    pointer,
    read::FieldSpec,
    resource::{Id, Resource, Selection},
    survey::{About, Seen},
    transform::Entries,
    value::Object,
};
use crate::manifest::{Node, Place};

/// Kustomizations may use each other this deep.
const LAYERS: usize = 64;
/// One root may reach kustomizations so often.
const VISITS: usize = 10_000;
/// What an object is called that a plugin generates.
pub(super) const GENERATED: &str = "object";
/// One root may have so many objects.
const RESOURCES: usize = 100_000;

/// A layer around a kustomization that no file of its own holds.
#[derive(Clone, Copy)]
pub(super) struct Outer<'f> {
    /// The file that says so.
    pub(super) path: &'f str,
    pub(super) says: &'f Kustomization,
}

/// What a kustomization gathers.
#[derive(Default)]
pub(super) struct Gathered<'f> {
    pub(super) resources: Vec<Resource<'f>>,
    /// Image fields that `configurations` add, here and above.
    specs: Vec<&'f FieldSpec>,
    /// Objects whose content nobody knows: what kustomize generates or fetches.
    pub(super) unknown: Vec<HeldByKustomize>,
}

/// The building of one root.
pub(super) struct Build<'l, 'f> {
    layout: &'l Layout<'l, 'f>,
    /// Why kustomize builds nothing at all.
    pub(super) fault: Option<HeldByKustomize>,
    /// Patches that ask for updates of what nobody knows.
    pub(super) adrift: Vec<(&'f Object, Source<'f>, HeldByKustomize)>,
    /// What else there is to tell.
    pub(super) seen: Seen<'f>,
    /// Where `openapi` may say how lists are merged.
    schema: Option<(&'f str, u32)>,
    visits: usize,
    stack: Vec<&'f str>,
}

/// A kustomization and the layer around it, as one.
struct Layer<'f> {
    path: &'f str,
    says: &'f Kustomization,
    outer: Option<Outer<'f>>,
}

impl<'f> Layer<'f> {
    /// Something of the kustomization, then of what stands around it, each with its file.
    fn all<T>(&self, of: impl Fn(&'f Kustomization) -> &'f [T]) -> Vec<(&'f str, &'f T)> {
        let own = of(self.says).iter().map(|one| (self.path, one));
        own.chain(self.outer.iter().flat_map(|outer| of(outer.says).iter().map(|one| (outer.path, one)))).collect()
    }

    /// A text that the layer around may replace.
    fn text(&self, of: impl Fn(&'f Kustomization) -> Option<&'f str>) -> Option<&'f str> {
        self.outer.and_then(|outer| of(outer.says)).or_else(|| of(self.says))
    }

    /// The `images`: an outer entry takes the place of one with its name.
    fn images(&self) -> Vec<(&'f str, &'f Entry)> {
        let mut images: Vec<(&str, &Entry)> = self.says.images.iter().map(|entry| (self.path, entry)).collect();
        for (path, entry) in self.outer.iter().flat_map(|outer| outer.says.images.iter().map(|entry| (outer.path, entry))) {
            match images.iter_mut().find(|(_, own)| own.name == entry.name) {
                Some(own) => *own = (path, entry),
                None => images.push((path, entry)),
            }
        }
        images
    }
}

impl<'l, 'f> Build<'l, 'f> {
    pub(super) fn new(layout: &'l Layout<'l, 'f>) -> Self {
        Self { layout, fault: None, adrift: vec![], seen: Seen::default(), schema: None, visits: 0, stack: vec![] }
    }

    /// Builds the kustomization in a file.
    pub(super) fn kustomization(&mut self, path: &'f str, outer: Option<Outer<'f>>, into: Gathered<'f>) -> Gathered<'f> {
        let Some(says) = self.layout.kustomization(path) else { return into };
        self.visits += 1;
        let mut gathered = into;
        if self.stack.len() >= LAYERS || self.visits > VISITS || gathered.resources.len() > RESOURCES {
            self.fail(path, says.line, format!("{path} stands below {LAYERS} kustomizations, or its root reaches too much"));
            return gathered;
        }
        self.stack.push(path);
        let layer = Layer { path, says, outer };
        if let Some(first) = self.layout.first_of_several(folder(path)) {
            self.fail(first, 1, several(folder(path)));
        }
        if let Some(line) = says.schema {
            self.schema.get_or_insert((path, line));
        }
        for refusal in &says.refusals {
            self.fail(path, refusal.line, format!("kustomize cannot use {path}: {}", refusal.reason));
        }
        let mut lines = vec![];
        for link in &says.resources {
            lines.push((gathered.resources.len(), link.line));
            self.resource(path, link, &mut gathered);
        }
        self.check_unique(path, &lines, &gathered.resources);
        self.configure(&layer, &mut gathered);
        for (from, link) in layer.all(|says| &says.components) {
            gathered = self.component(path, from, link, gathered);
        }
        self.transform(&layer, &mut gathered);
        self.stack.pop();
        gathered
    }

    /// Builds a folder without a kustomization, as Flux does: what stands in it and below, each folder with a kustomization as a whole.
    pub(super) fn scanned(&mut self, found: &[Target<'f>], outer: Outer<'f>) -> Gathered<'f> {
        let mut gathered = Gathered::default();
        for target in found {
            match target {
                Target::Kustomization(path) => {
                    let below = self.kustomization(path, None, Gathered::default());
                    gathered.resources.extend(below.resources);
                }
                Target::File(path) => {
                    let from = Source { path, place: Place::Container };
                    gathered.resources.extend(self.layout.files[*path].objects.iter().map(|object| Resource::new(object, from)));
                }
                _ => {}
            }
        }
        self.check_unique(outer.path, &[(0, outer.says.line)], &gathered.resources);
        self.transform(&Layer { path: outer.path, says: outer.says, outer: None }, &mut gathered);
        gathered
    }

    /// Holds what was merged by a schema that is not known here.
    pub(super) fn doubt_schema(&self, resources: &mut [Resource<'f>]) {
        let Some((path, line)) = self.schema else { return };
        for resource in resources.iter_mut().filter(|resource| resource.patched && !merge::is_known(&resource.live)) {
            let reason = format!("`openapi` in {path} may say how patches are merged into it, which is not understood");
            resource.held.get_or_insert(HeldByKustomize { reason, path: path.to_owned(), line, annotates: false });
        }
    }

    /// Merges the patch file of a `.flux.yaml` over everything.
    pub(super) fn overlay(&mut self, path: &'f str, objects: &'f [Object], resources: &mut [Resource<'f>]) {
        let from = Source { path, place: Place::FluxPatch };
        for object in objects {
            let name = Id::of_patch(&object.value).name;
            match resources.iter_mut().find(|resource| resource.id().name == name) {
                Some(resource) => {
                    resource.merged.push(Patched { by: path, path, text: None, object, alone: true });
                    let stays = merged(resource, object, &Patch::of_flux(), from);
                    let reason = format!("the patch {path} takes it away");
                    let held = HeldByKustomize { reason, path: path.to_owned(), line: object.line, annotates: false };
                    resource.held = resource.held.take().or((!stays).then_some(held));
                }
                None if is_annotated(&object.value) => {
                    let reason = format!("the patch for {} `{}` matches nothing", name.kind, name.own);
                    self.adrift.push((object, from, HeldByKustomize { reason, path: path.to_owned(), line: object.line, annotates: true }));
                }
                None => {}
            }
        }
    }

    fn fail(&mut self, path: &str, line: u32, reason: String) {
        self.fault.get_or_insert_with(|| HeldByKustomize { reason, path: path.to_owned(), line, annotates: false });
    }

    /// Adds what an element of `resources` leads to.
    fn resource(&mut self, path: &'f str, link: &'f Link, gathered: &mut Gathered<'f>) {
        match self.layout.find(folder(path), &link.path) {
            Target::Kustomization(next) => {
                if !self.may_enter(path, next, link) {
                    return;
                }
                if self.layout.kustomization(next).is_some_and(|next| next.component) {
                    self.fail(path, link.line, format!("{next} is a component, which `resources` of {path} cannot name"));
                }
                let below = self.kustomization(next, None, Gathered::default());
                if gathered.resources.is_empty() {
                    gathered.resources = below.resources;
                } else {
                    gathered.resources.extend(below.resources);
                }
                gathered.specs.extend(below.specs);
                gathered.unknown.extend(below.unknown);
            }
            Target::File(file) => self.file(path, link, file, gathered),
            Target::Remote => {
                self.seen.is_partial = true;
                self.seen.remark(path, link.line, About::Remote { address: link.path.clone() });
                gathered.unknown.push(HeldByKustomize {
                    reason: format!("`{}` is outside the repository, and not fetched", link.path),
                    path: path.to_owned(),
                    line: link.line,
                    annotates: false,
                });
            }
            target => self.lost(path, link, target),
        }
    }

    fn file(&mut self, path: &'f str, link: &'f Link, file: &'f str, gathered: &mut Gathered<'f>) {
        let read = &self.layout.files[file];
        if read.left_out {
            self.seen.is_partial = true;
            let reason = format!("{file} is named in .tagalongignore");
            gathered.unknown.push(HeldByKustomize { reason, path: path.to_owned(), line: link.line, annotates: false });
        }
        let from = Source { path: file, place: Place::Container };
        gathered.resources.extend(read.objects.iter().map(|object| Resource::new(object, from)));
    }

    /// Kustomize refuses two objects of one id; the lines are those of the links, each with the first object that it brought.
    fn check_unique(&mut self, path: &str, lines: &[(usize, u32)], resources: &[Resource<'f>]) {
        let mut known = BTreeSet::new();
        let Some((at, twice)) = resources.iter().enumerate().find(|(_, resource)| !known.insert(resource.key())) else { return };
        let line = lines[..lines.partition_point(|(first, _)| *first <= at)].last().map_or(1, |(_, line)| *line);
        let what = format!("{} `{}` of {}", twice.kind(), twice.name(), twice.from.path);
        self.fail(path, line, format!("{path} gathers {what} twice, which kustomize refuses"));
    }

    fn may_enter(&mut self, path: &str, next: &str, link: &Link) -> bool {
        let circle = self.stack.iter().find(|above| is_below(folder(next), folder(above))).copied();
        if let Some(above) = circle {
            let how = if self.stack.contains(&next) {
                format!("{path} and {next} use each other in a circle")
            } else {
                format!("{path} uses {}, in which {above} stands itself", shown(folder(next)))
            };
            self.fail(path, link.line, how);
            // What stands there is told as held, once.
            return !self.stack.contains(&next);
        }
        true
    }

    /// A path that leads to nothing that can be used.
    fn lost(&mut self, path: &str, link: &Link, target: Target<'f>) {
        let reason = match target {
            Target::Several(folder) => several(&folder),
            Target::Unreadable(file) => file.to_string(),
            _ => format!("`{}` of {path} is no file or kustomization of the repository", link.path),
        };
        self.fail(path, link.line, reason);
    }

    fn configure(&mut self, layer: &Layer<'f>, gathered: &mut Gathered<'f>) {
        let Layer { path, says, .. } = *layer;
        self.seen.is_partial |= !says.configurations.is_empty();
        for link in &says.configurations {
            match self.layout.find(folder(path), &link.path) {
                Target::File(file) => gathered.specs.extend(&self.layout.files[file].field_specs),
                target => self.lost(path, link, target),
            }
        }
        for (kind, name, _) in &says.generated {
            let reason = format!("the {kind} `{name}` is generated");
            let held = HeldByKustomize { reason, path: path.to_owned(), line: says.line, annotates: false };
            if &**kind == GENERATED {
                self.seen.is_partial = true;
                self.seen.remark(path, says.line, About::Held(format!("`generators` in {path} make objects that nobody knows")));
            }
            gathered.unknown.push(held);
        }
    }

    fn component(&mut self, path: &'f str, from: &'f str, link: &'f Link, gathered: Gathered<'f>) -> Gathered<'f> {
        match self.layout.find(folder(path), &link.path) {
            Target::Kustomization(next) => {
                if !self.may_enter(path, next, link) {
                    return gathered;
                }
                if self.layout.kustomization(next).is_some_and(|next| !next.component) {
                    self.fail(from, link.line, format!("{next} is no component, which `components` of {from} has to name"));
                }
                self.kustomization(next, None, gathered)
            }
            Target::Remote => {
                self.fail(from, link.line, format!("the component `{}` is outside the repository, and not fetched", link.path));
                gathered
            }
            target => {
                self.lost(from, link, target);
                gathered
            }
        }
    }

    /// Changes what was gathered, in kustomize's order.
    fn transform(&mut self, layer: &Layer<'f>, gathered: &mut Gathered<'f>) {
        for (path, patch) in layer.all(|says| &says.merges).into_iter().chain(layer.all(|says| &says.patches)) {
            self.patch(path, patch, gathered);
        }
        if let Some(namespace) = layer.text(|says| says.namespace.as_deref()) {
            self.set_namespace(layer.path, layer.says.line, namespace, gathered);
        }
        if let Some(prefix) = layer.text(|says| says.prefix.as_deref()) {
            affix(&mut gathered.resources, |name| format!("{prefix}{name}"));
        }
        if let Some(suffix) = layer.text(|says| says.suffix.as_deref()) {
            affix(&mut gathered.resources, |name| format!("{name}{suffix}"));
        }
        for (path, (key, text)) in layer.all(|says| &says.labels) {
            annotate(&mut gathered.resources, "labels", path, key, text);
        }
        for (path, (key, text)) in layer.all(|says| &says.annotations) {
            annotate(&mut gathered.resources, "annotations", path, key, text);
        }
        for (path, patch) in layer.all(|says| &says.operations) {
            self.patch(path, patch, gathered);
        }
        self.images(layer, gathered);
        for (path, obstacle) in layer.all(|says| &says.obstacles) {
            let reason = format!("`{}` in {path} may change it, which is not understood", obstacle.key);
            self.seen.is_partial = true;
            self.seen.remark(path, obstacle.line, About::Held(reason.clone()));
            for resource in &mut gathered.resources {
                let held = || HeldByKustomize { reason: reason.clone(), path: path.to_owned(), line: obstacle.line, annotates: false };
                resource.held.get_or_insert_with(held);
            }
        }
    }

    fn set_namespace(&mut self, path: &str, line: u32, namespace: &'f str, gathered: &mut Gathered<'f>) {
        for resource in &mut gathered.resources {
            resource.remember();
            if resource.sets_namespace() {
                resource.rename(&["metadata", "namespace"], Cow::Borrowed(namespace));
            } else if resource.kind() == "Namespace" {
                resource.rename(&["metadata", "name"], Cow::Borrowed(namespace));
            }
        }
        let mut known = BTreeSet::new();
        if let Some(twice) = gathered.resources.iter().find(|resource| !known.insert(resource.key())) {
            let what = format!("{} `{}`", twice.kind(), twice.name());
            self.fail(path, line, format!("the namespace of {path} makes two objects of one id: {what}"));
        }
    }

    fn patch(&mut self, file: &'f str, patch: &'f Patch, gathered: &mut Gathered<'f>) {
        let place = Place::KustomizePatch;
        let (from, says) = match &patch.from {
            From::Inline(content) => (Source { path: file, place }, content.says()),
            From::Nowhere(reason) => (Source { path: file, place }, Says::Broken { reason, annotates: false }),
            From::File(link) => match self.layout.find(folder(file), &link.path) {
                Target::File(found) => (Source { path: found, place }, self.layout.files[found].says()),
                target => return self.lost(file, link, target),
            },
        };
        match says {
            Says::Objects(objects) if patch.form != Form::Operations => self.merge(file, patch, objects, from, gathered),
            Says::Operations(operations) if patch.form != Form::Merge => self.operate(file, patch, operations, from, gathered),
            Says::Objects(_) | Says::Operations(_) => {
                self.fail(file, patch.line, format!("{file} has a patch under the key of another kind of patches"));
            }
            Says::Broken { reason, annotates } => {
                let reason = format!("a patch of {file} cannot be read: {reason}");
                self.fault.get_or_insert(HeldByKustomize { reason, path: file.to_owned(), line: patch.line, annotates });
            }
        }
    }

    /// The resources that a patch with a target is for.
    fn selected(&mut self, file: &str, patch: &'f Patch, gathered: &Gathered<'f>) -> Option<Vec<usize>> {
        let selector = patch.target.as_ref()?;
        let Some(selection) = Selection::of(selector) else {
            self.fail(file, selector.line, format!("the `target` of a patch in {file} holds no expression that can be read"));
            return Some(vec![]);
        };
        Some((0..gathered.resources.len()).filter(|at| selection.selects(&gathered.resources[*at])).collect())
    }

    /// Merges the objects of a patch.
    fn merge(&mut self, file: &'f str, patch: &'f Patch, objects: &'f [Object], from: Source<'f>, gathered: &mut Gathered<'f>) {
        let mut gone = BTreeSet::new();
        if let Some(selected) = self.selected(file, patch, gathered) {
            let [object] = objects else {
                return self.fail(file, patch.line, format!("a patch of {file} with a `target` holds several objects, which kustomize refuses"));
            };
            let note = Patched { by: file, path: from.path, text: inline(patch), object, alone: selected.len() == 1 };
            for at in selected {
                gathered.resources[at].merged.push(note);
                gone.extend((!merged(&mut gathered.resources[at], object, patch, from)).then_some(at));
            }
        } else {
            for object in objects {
                let id = Id::of_patch(&object.value);
                let found: Vec<usize> = (0..gathered.resources.len()).filter(|at| gathered.resources[*at].goes_by(&id)).collect();
                if let [at] = found[..] {
                    gathered.resources[at].merged.push(Patched { by: file, path: from.path, text: inline(patch), object, alone: true });
                }
                match found[..] {
                    [at] if merged(&mut gathered.resources[at], object, patch, from) => {}
                    [at] => drop(gone.insert(at)),
                    _ => self.unmatched(file, patch, object, from, found.len(), gathered),
                }
            }
        }
        let mut at = 0..;
        gathered.resources.retain(|_| !at.next().is_some_and(|at| gone.contains(&at)));
    }

    /// A patch that names no resource, or several.
    fn unmatched(&mut self, file: &str, patch: &Patch, object: &'f Object, from: Source<'f>, found: usize, gathered: &Gathered<'f>) {
        let what = Id::of_patch(&object.value).name;
        let (kind, name) = (what.kind, what.own);
        let line = if from.path == file { object.line } else { patch.line };
        let held = match gathered.unknown.first() {
            Some(unknown) if found == 0 => unknown.clone(),
            _ => {
                let what = if found == 0 { "nothing" } else { "several objects" };
                self.fail(file, line, format!("the patch for {kind} `{name}` in {file} matches {what}, which kustomize refuses"));
                let reason = format!("the patch for {kind} `{name}` matches {what}");
                HeldByKustomize { reason, path: file.to_owned(), line, annotates: true }
            }
        };
        if is_annotated(&object.value) {
            self.adrift.push((object, from, held));
        }
    }

    /// Carries out the operations of a patch.
    fn operate(&mut self, file: &'f str, patch: &'f Patch, operations: &'f [Operation], from: Source<'f>, gathered: &mut Gathered<'f>) {
        let Some(selected) = self.selected(file, patch, gathered) else {
            return self.fail(file, patch.line, format!("a list of operations in {file} has no `target`, which kustomize refuses"));
        };
        for at in selected {
            let resource = &mut gathered.resources[at];
            resource.patched = true;
            if patch.form == Form::Any {
                resource.remember();
            }
            if resource.has_history() && resource.live.path(&["metadata", "annotations"]).is_none() {
                *resource.live.entry("metadata").entry("annotations") = Live::Map(vec![]);
            }
            for operation in operations {
                if let Err(reason) = pointer::apply(&mut resource.live, operation, from) {
                    let reason = format!("an operation of {} on it fails or is not understood: {reason}", from.path);
                    let held = HeldByKustomize { reason, path: from.path.to_owned(), line: operation.line, annotates: false };
                    resource.held.get_or_insert(held);
                }
            }
        }
    }

    fn images(&mut self, layer: &Layer<'f>, gathered: &mut Gathered<'f>) {
        let images = layer.images();
        if images.is_empty() {
            return;
        }
        for (path, entry) in &images {
            self.seen.entry(path, entry);
        }
        let entries = Entries::new(images.into_iter());
        if let Some((path, entry)) = entries.broken() {
            self.fail(path, entry.line, format!("the name `{}` in the `images` of {path} is no expression that can be read", entry.name));
        }
        let Gathered { resources, specs, .. } = gathered;
        for resource in resources.iter_mut().filter(|resource| resource.kind() != "CustomResourceDefinition") {
            entries.apply(resource, specs, &mut |path, entry| self.seen.meant(path, entry));
        }
    }
}

/// The scalar that holds a patch, where no file of its own does.
fn inline(patch: &Patch) -> Option<Node> {
    patch.text.filter(|_| matches!(patch.from, From::Inline(_)))
}

fn several(folder: &str) -> String {
    format!("{} has several kustomization files, which kustomize refuses", shown(folder))
}
