//! What is held because of files that nobody can read or foresee.

use super::{
    Deployed, HeldByKustomize,
    layout::{Layout, folder, is_below, name},
    tops::is_understood,
};
use crate::manifest::{Generation, Unreadable, is_kustomization};

/// A file that holds what stands beside and below it.
pub(super) struct Holder {
    held: HeldByKustomize,
    whom: Whom,
}

/// Whom a file holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// All that is deployed from there.
    All,
    /// Files that are their own roots, which no kustomization claims.
    Alone,
}

/// Every file that holds something.
pub(super) fn holders(layout: &Layout<'_, '_>, unreadable: &[Unreadable]) -> Vec<Holder> {
    let fluxes = layout.web.fluxes().filter_map(|path| Some((path, layout.files.get(path)?)));
    let fluxes = fluxes.filter(|(_, file)| !is_understood(file)).filter_map(|(path, file)| {
        let flux = file.flux_yaml.as_ref()?;
        let key = match flux.generation {
            Generation::CommandUpdated => "commandUpdated",
            Generation::PatchUpdated | Generation::ScanForFiles => "patchUpdated",
            Generation::Unknown => "what it says",
        };
        // Below a `.flux.yaml` that runs commands nobody knows what is deployed.
        let reason = format!("{path} generates manifests in its own way (`{key}`), which is not understood");
        Some(Holder { held: HeldByKustomize { reason, path: path.to_owned(), line: flux.line, annotates: false }, whom: Whom::All })
    });
    // What a kustomization or a `.flux.yaml` says that cannot be read nobody knows.
    let unreadable = unreadable.iter().filter_map(|file| {
        let whom = match name(&file.path) {
            ".flux.yaml" => Whom::All,
            name => is_kustomization(name).then_some(Whom::Alone)?,
        };
        let held = HeldByKustomize { reason: file.to_string(), path: file.path.clone(), line: file.line.unwrap_or(1), annotates: false };
        Some(Holder { held, whom })
    });
    fluxes.chain(unreadable).collect()
}

/// The first of them that holds a file which is its own root.
pub(super) fn of_alone<'h>(holders: &'h [Holder], path: &str) -> Option<&'h str> {
    let holds = |holder: &&Holder| holder.whom == Whom::Alone && is_below(folder(&holder.held.path), path);
    holders.iter().find(holds).map(|holder| holder.held.path.as_str())
}

impl Holder {
    /// Holds those of what is deployed that stand where it holds.
    pub(super) fn hold(&self, deployed: &mut [Deployed<'_>]) {
        let top = folder(&self.held.path);
        for deployed in deployed {
            let concerns = match self.whom {
                Whom::All => is_below(top, deployed.path) || is_below(top, deployed.root),
                Whom::Alone => deployed.root == deployed.path && is_below(top, deployed.path),
            };
            if concerns {
                deployed.held.get_or_insert_with(|| self.held.clone());
            }
        }
    }
}
