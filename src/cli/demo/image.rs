//! Images without layers, made in memory.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::image::Platform;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// An image that is to be pushed.
#[derive(Clone, Debug)]
pub struct Image {
    created: Option<String>,
    labels: BTreeMap<String, String>,
    platforms: Vec<Platform>,
}

/// Something a registry stores under its digest.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub media_type: &'static str,
    pub bytes: Vec<u8>,
    pub digest: String,
}

impl Image {
    /// An image for `linux/amd64`, built at that time (RFC 3339).
    pub fn built(created: &str) -> Self {
        Self { created: Some(created.to_owned()), labels: BTreeMap::new(), platforms: vec![Platform::linux_amd64()] }
    }

    /// An image for `linux/amd64` that does not tell when it was built.
    pub fn timeless() -> Self {
        Self { created: None, ..Self::built("") }
    }

    /// With a label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// For other platforms; an image for several has an index.
    #[must_use]
    pub fn platforms(mut self, platforms: &[Platform]) -> Self {
        self.platforms = platforms.to_vec();
        self
    }

    /// What is stored: the manifest or index that a tag points to, and all that it needs.
    pub(super) fn contents(&self) -> (Content, Vec<Content>) {
        let mut stored = Vec::new();
        let mut entries = Vec::new();
        for platform in &self.platforms {
            let config = Content::of(CONFIG, &self.configuration(platform));
            let manifest = Content::of(MANIFEST, &json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(), "layers": [] }));
            let mut entry = manifest.descriptor();
            entry["platform"] = json!({ "os": platform.os, "architecture": platform.architecture });
            if let Some(variant) = &platform.variant {
                entry["platform"]["variant"] = json!(variant);
            }
            entries.push(entry);
            stored.extend([config, manifest]);
        }
        match stored.last() {
            Some(manifest) if entries.len() == 1 => (manifest.clone(), stored),
            _ => (Content::of(INDEX, &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries })), stored),
        }
    }

    fn configuration(&self, platform: &Platform) -> serde_json::Value {
        let mut configuration = json!({
            "os": platform.os,
            "architecture": platform.architecture,
            "config": { "Labels": self.labels },
            "rootfs": { "type": "layers", "diff_ids": [] },
        });
        if let Some(created) = &self.created {
            configuration["created"] = json!(created);
        }
        configuration
    }
}

impl Content {
    fn of(media_type: &'static str, value: &serde_json::Value) -> Self {
        let bytes = value.to_string().into_bytes();
        let digest = format!("sha256:{:x}", Sha256::digest(&bytes));
        Self { media_type, bytes, digest }
    }

    fn descriptor(&self) -> serde_json::Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}
