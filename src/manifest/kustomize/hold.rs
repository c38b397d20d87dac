//! What is held because of files that nobody can read or foresee.

use std::collections::BTreeMap;

use super::{
    Deployed, HeldByKustomize,
    layout::{folder, is_below},
    tops::is_understood,
};
use crate::manifest::{File, Generation, Unreadable, is_kustomization};

/// Below a `.flux.yaml` that runs commands nobody knows what is deployed.
pub(super) fn by_flux(files: &BTreeMap<String, File>, deployed: &mut [Deployed<'_>]) {
    for (path, file) in files.iter().filter(|(_, file)| !is_understood(file)) {
        let Some(flux) = &file.flux_yaml else {
            continue;
        };
        let key = match flux.generation {
            Generation::CommandUpdated => "commandUpdated",
            Generation::PatchUpdated | Generation::ScanForFiles => "patchUpdated",
            Generation::Unknown => "what it says",
        };
        let reason = format!("{path} generates manifests in its own way (`{key}`), which is not understood");
        let held = HeldByKustomize { reason, path: path.clone(), line: flux.line, annotates: false };
        let top = folder(path);
        for deployed in deployed.iter_mut().filter(|deployed| is_below(top, deployed.path) || is_below(top, deployed.root)) {
            deployed.held.get_or_insert_with(|| held.clone());
        }
    }
}

/// What a kustomization or a `.flux.yaml` says that cannot be read nobody knows.
pub(super) fn by_unreadable(file: &Unreadable, deployed: &mut [Deployed<'_>]) {
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let top = folder(&file.path);
    let concerns = |deployed: &Deployed<'_>| match name {
        ".flux.yaml" => is_below(top, deployed.path) || is_below(top, deployed.root),
        // A file that is its own root is one that no kustomization claims.
        name => is_kustomization(name) && deployed.root == deployed.path && is_below(top, deployed.path),
    };
    let held = HeldByKustomize { reason: file.to_string(), path: file.path.clone(), line: file.line.unwrap_or(1), annotates: false };
    for deployed in deployed.iter_mut().filter(|deployed| concerns(deployed)) {
        deployed.held.get_or_insert_with(|| held.clone());
    }
}
