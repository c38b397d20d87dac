//! Manifests, indexes and configurations.

use std::{collections::BTreeMap, fmt::Write};

use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, ImageIndexEntry,
    OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageIndex, OciImageManifest,
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

use super::{
    created::annotated,
    error::{Fault, printable},
    page::json,
};
use crate::image::{Digest, Platform};

/// The longest manifest or index.
pub(super) const MANIFEST_BODY: usize = 4 * 1024 * 1024;
/// The longest configuration.
pub(super) const CONFIG_BODY: usize = 8 * 1024 * 1024;
/// What is asked for: without an index's types a registry may answer with one of its images, or with 404.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// What stands behind a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Index(Index),
    Image(Image),
    /// Something that no node runs: what it is.
    Other(String),
}

/// An index, without attestations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) entries: Vec<Entry>,
    pub(super) created: Option<String>,
}

/// One entry of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) digest: Digest,
    /// Missing where the index leaves it to the image's configuration.
    pub(super) platform: Option<Platform>,
    pub(super) nested: bool,
    pub(super) created: Option<String>,
}

/// The manifest of an image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) config: Digest,
    pub(super) created: Option<String>,
}

/// What the configuration of an image says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) platform: Option<Platform>,
    pub(super) created: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
}

/// Enough of a manifest to tell what it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    schema_version: Option<Value>,
    media_type: Option<String>,
    manifests: Option<Value>,
    config: Option<Value>,
    layers: Option<Value>,
    fs_layers: Option<Value>,
}

/// Reads a manifest or an index.
///
/// # Errors
/// It is neither, or both: then two readers could see two things behind one digest.
///
/// # Source
/// OCI image spec 1.1, "Image Manifest" and "Image Index"; Docker "Image Manifest Version 2, Schema 2".
pub(super) fn read(body: &[u8]) -> Result<Document, Fault> {
    let fault = |why: &str| Fault::Unreadable { expected: "a manifest", why: why.to_owned() };
    let outline: Outline = json(body, "a manifest")?;
    if outline.fs_layers.is_some() || outline.schema_version.as_ref().and_then(Value::as_u64) == Some(1) {
        return Ok(Document::Other("Docker schema 1, which is refused".to_owned()));
    }
    let (index, image) = (outline.manifests.is_some(), outline.config.is_some() || outline.layers.is_some());
    let media_type = outline.media_type.as_deref().unwrap_or_default();
    let is_index = matches!(media_type, OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE);
    let is_image = matches!(media_type, OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE);
    match (index, image) {
        (true, true) => Err(fault("it is a manifest and an index at once")),
        (true, false) if is_image => Err(fault("it says that it is a manifest, and is an index")),
        (false, true) if is_index => Err(fault("it says that it is an index, and is a manifest")),
        (true, false) if is_index || media_type.is_empty() => read_index(&json(body, "an index")?),
        (false, true) if is_image || media_type.is_empty() => match other_config(&outline) {
            Some(kind) => Ok(Document::Other(kind)),
            None => read_image(&json(body, "a manifest")?),
        },
        _ if !media_type.is_empty() && !is_image && !is_index => Ok(Document::Other(printable(media_type, 100))),
        _ => Err(fault("it names neither manifests nor a configuration")),
    }
}

fn read_index(index: &OciImageIndex) -> Result<Document, Fault> {
    if let Some(kind) = &index.artifact_type {
        return Ok(Document::Other(printable(kind, 100)));
    }
    let mut entries = Vec::new();
    for entry in index.manifests.iter().filter(|entry| !is_attachment(entry)) {
        let nested = matches!(&*entry.media_type, OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE);
        let platform = match &entry.platform {
            // A platform without a name cannot be wanted by anyone.
            Some(platform) => match platform_of(&platform.os.to_string(), &platform.architecture.to_string(), platform.variant.as_deref()) {
                Some(platform) if !platform.is_unknown() => Some(platform),
                _ => continue,
            },
            None => None,
        };
        let created = annotated(entry.annotations.as_ref()).map(str::to_owned);
        entries.push(Entry { digest: digest(&entry.digest)?, platform, nested, created });
    }
    if entries.is_empty() {
        return Ok(Document::Other("an index without an image".to_owned()));
    }
    Ok(Document::Index(Index { entries, created: annotated(index.annotations.as_ref()).map(str::to_owned) }))
}

/// Attestations and other attachments, and what is neither manifest nor index (Docker schema 1).
fn is_attachment(entry: &ImageIndexEntry) -> bool {
    let attached = entry.annotations.as_ref().is_some_and(|all| all.contains_key("vnd.docker.reference.type"));
    let known = [OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE];
    attached || entry.artifact_type.is_some() || !known.contains(&&*entry.media_type)
}

/// The type of a configuration that is none of an image; such manifests may have `null` for layers.
fn other_config(outline: &Outline) -> Option<String> {
    let kind = outline.config.as_ref()?.get("mediaType")?.as_str()?;
    (!is_config(kind)).then(|| printable(kind, 100))
}

fn read_image(manifest: &OciImageManifest) -> Result<Document, Fault> {
    if let Some(kind) = manifest.artifact_type.as_ref().filter(|kind| !is_config(kind)) {
        return Ok(Document::Other(printable(kind, 100)));
    }
    let is_layer = |layer: &OciDescriptor| {
        ["application/vnd.oci.image.layer.", "application/vnd.docker.image."].iter().any(|kind| layer.media_type.starts_with(kind))
    };
    if let Some(layer) = manifest.layers.first().filter(|_| !manifest.layers.iter().any(is_layer)) {
        return Ok(Document::Other(printable(&layer.media_type, 100)));
    }
    Ok(Document::Image(Image { config: digest(&manifest.config.digest)?, created: annotated(manifest.annotations.as_ref()).map(str::to_owned) }))
}

/// The configuration of an image; early clients pushed images under the last four types, which every Docker still takes.
fn is_config(media_type: &str) -> bool {
    matches!(
        media_type,
        IMAGE_CONFIG_MEDIA_TYPE | IMAGE_DOCKER_CONFIG_MEDIA_TYPE | "application/octet-stream" | "application/json" | "text/html" | ""
    )
}

/// The parts of a configuration that are used; what has another shape is as if it were not there.
#[derive(Deserialize)]
struct WrittenConfig {
    created: Option<Value>,
    os: Option<Value>,
    architecture: Option<Value>,
    variant: Option<Value>,
    config: Option<Value>,
}

/// Reads the configuration of an image.
///
/// # Errors
/// It is no JSON object.
///
/// # Source
/// OCI image spec 1.1, "Image Configuration".
pub(super) fn read_config(body: &[u8]) -> Result<Config, Fault> {
    let written: WrittenConfig = json(body, "a configuration")?;
    let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let platform =
        platform_of(&text(&written.os).unwrap_or_default(), &text(&written.architecture).unwrap_or_default(), text(&written.variant).as_deref());
    let labels = written.config.as_ref().and_then(|config| config.get("Labels")).and_then(Value::as_object);
    let labels = labels.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Ok(Config { platform, created: text(&written.created), labels: labels.collect() })
}

fn platform_of(os: &str, architecture: &str, variant: Option<&str>) -> Option<Platform> {
    let variant = variant.filter(|variant| !variant.is_empty()).map(|variant| format!("/{variant}")).unwrap_or_default();
    Platform::parse(&format!("{os}/{architecture}{variant}").to_ascii_lowercase())
}

fn digest(text: &str) -> Result<Digest, Fault> {
    Digest::parse(text).map_err(|_| Fault::IllegalDigest(printable(text, 100)))
}

/// The digest of bytes, by the algorithm of another digest or by SHA-256.
pub(super) fn digest_of(bytes: &[u8], like: Option<&Digest>) -> Digest {
    let (algorithm, hash) = match like.map(Digest::algorithm) {
        Some("sha384") => ("sha384", hex::<Sha384>(bytes)),
        Some("sha512") => ("sha512", hex::<Sha512>(bytes)),
        _ => ("sha256", hex::<Sha256>(bytes)),
    };
    Digest::parse(&format!("{algorithm}:{hash}")).expect("a hash in hexadecimal digits is a digest")
}

fn hex<H: sha2::Digest>(bytes: &[u8]) -> String {
    H::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn manifest(config: &str, layer: &str, more: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,{more}"config":{{"mediaType":"{config}","digest":"{A}","size":2}},
                "layers":[{{"mediaType":"{layer}","digest":"{A}","size":2}}]}}"#
        )
    }

    fn index(entries: &str, more: &str) -> String {
        format!(r#"{{"schemaVersion":2,{more}"manifests":[{entries}]}}"#)
    }

    fn entry(media_type: &str, more: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"{A}","size":2{more}}}"#)
    }

    fn kind(document: &Document) -> String {
        match document {
            Document::Image(image) => format!("image {}", image.created.as_deref().unwrap_or("-")),
            Document::Other(what) => what.clone(),
            Document::Index(index) => {
                let platform = |entry: &Entry| entry.platform.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
                index.entries.iter().map(platform).collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn a_manifest_is_an_image_or_something_else() {
        let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
        let (oci, docker) = (IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE);
        let docker_tar = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        for (word, text, expected) in [
            ("OCI", manifest(oci, tar, r#""mediaType":"application/vnd.oci.image.manifest.v1+json","#), "image -"),
            ("Docker", manifest(docker, docker_tar, r#""mediaType":"application/vnd.docker.distribution.manifest.v2+json","#), "image -"),
            ("no media type", manifest(oci, tar, ""), "image -"),
            ("zstd", manifest(oci, "application/vnd.oci.image.layer.v1.tar+zstd", ""), "image -"),
            ("pushed long ago", manifest("application/octet-stream", docker_tar, ""), "image -"),
            ("annotated", manifest(oci, tar, r#""annotations":{"org.opencontainers.image.created":"x"},"#), "image x"),
            (
                "Helm chart",
                manifest("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", ""),
                "application/vnd.cncf.helm.config.v1+json",
            ),
            ("signature", manifest(oci, "application/vnd.dev.cosign.simplesigning.v1+json", ""), "application/vnd.dev.cosign.simplesigning.v1+json"),
            ("attestation", manifest(oci, "application/vnd.in-toto+json", ""), "application/vnd.in-toto+json"),
            ("artifact", manifest(oci, tar, r#""artifactType":"application/x.sbom","#), "application/x.sbom"),
            (
                "no layers",
                format!(r#"{{"schemaVersion":2,"config":{{"mediaType":"application/x.policy","digest":"{A}","size":2}},"layers":null}}"#),
                "application/x.policy",
            ),
            ("Wasm", manifest("application/vnd.wasm.config.v1+json", "application/wasm", ""), "application/vnd.wasm.config.v1+json"),
            ("schema 1", r#"{"schemaVersion":1,"name":"a","tag":"1","fsLayers":[]}"#.to_owned(), "Docker schema 1, which is refused"),
            (
                "artifact manifest",
                r#"{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":[]}"#.to_owned(),
                "application/vnd.oci.artifact.manifest.v1+json",
            ),
        ] {
            assert_eq!(kind(&read(text.as_bytes()).expect(word)), expected, "{word}");
        }
    }

    #[test]
    fn an_index_offers_its_platforms_without_attestations() {
        let image = OCI_IMAGE_MEDIA_TYPE;
        let platform =
            |os: &str, architecture: &str, more: &str| entry(image, &format!(r#","platform":{{"os":"{os}","architecture":"{architecture}"{more}}}"#));
        for (word, text, expected) in [
            (
                "two",
                index(&[platform("linux", "amd64", ""), platform("linux", "arm64", r#","variant":"v8""#)].join(","), ""),
                "linux/amd64 linux/arm64/v8",
            ),
            ("attestation", index(&[platform("linux", "amd64", ""), platform("unknown", "unknown", "")].join(","), ""), "linux/amd64"),
            ("attestations alone", index(&platform("unknown", "unknown", ""), ""), "an index without an image"),
            (
                "attachment by its annotation",
                index(
                    &[platform("linux", "s390x", ""), entry(image, r#","annotations":{"vnd.docker.reference.type":"attestation-manifest"}"#)]
                        .join(","),
                    "",
                ),
                "linux/s390x",
            ),
            ("empty", index("", ""), "an index without an image"),
            ("no platform", index(&entry(image, ""), ""), "?"),
            ("nested", index(&entry(OCI_IMAGE_INDEX_MEDIA_TYPE, ""), ""), "?"),
            ("Windows", index(&platform("Windows", "AMD64", r#","os.version":"10.0.1""#), ""), "windows/amd64"),
            ("empty platform", index(&[platform("", "", ""), platform("linux", "amd64", "")].join(","), ""), "linux/amd64"),
            ("Docker list", index(&entry(IMAGE_MANIFEST_MEDIA_TYPE, r#","platform":{"os":"linux","architecture":"ppc64le"}"#), ""), "linux/ppc64le"),
            ("artifact", index(&platform("linux", "amd64", ""), r#""artifactType":"application/x.bundle","#), "application/x.bundle"),
            ("schema 1 inside", index(&entry("application/vnd.docker.distribution.manifest.v1+json", ""), ""), "an index without an image"),
        ] {
            assert_eq!(kind(&read(text.as_bytes()).expect(word)), expected, "{word}");
        }
    }

    #[test]
    fn what_is_ambiguous_or_broken_is_a_fault() {
        let both = format!(r#"{{"manifests":[],"config":{{"mediaType":"x","digest":"{A}","size":1}},"layers":[]}}"#);
        for (word, text, says) in [
            ("both at once", both, "at once"),
            ("index that says manifest", format!(r#"{{"mediaType":"{OCI_IMAGE_MEDIA_TYPE}","manifests":[]}}"#), "is an index"),
            ("manifest that says index", manifest("x", "y", &format!(r#""mediaType":"{OCI_IMAGE_INDEX_MEDIA_TYPE}","#)), "is a manifest"),
            ("neither", r#"{"schemaVersion":2}"#.to_owned(), "names neither"),
            ("web page", "<html>".to_owned(), "web page"),
            ("nesting", "[".repeat(100_000), "cannot be read"),
            ("no digest", manifest(IMAGE_CONFIG_MEDIA_TYPE, "application/vnd.oci.image.layer.v1.tar", "").replace(A, "sha256:x"), "`sha256:x`"),
            ("array", "[]".to_owned(), "cannot be read"),
        ] {
            let fault = read(text.as_bytes()).expect_err(word).to_string();
            assert!(fault.contains(says), "{word}: {fault}");
        }
    }

    #[test]
    fn a_configuration_may_lack_everything() {
        for (word, text, platform, created, labels) in [
            (
                "whole",
                r#"{"os":"linux","architecture":"arm","variant":"v7","created":"x","config":{"Labels":{"a":"b"}}}"#,
                Some("linux/arm/v7"),
                Some("x"),
                1,
            ),
            ("no labels", r#"{"os":"linux","architecture":"amd64","config":{"Labels":null}}"#, Some("linux/amd64"), None, 0),
            ("no config", r#"{"os":"linux","architecture":"amd64","config":null,"created":null}"#, Some("linux/amd64"), None, 0),
            ("other shapes", r#"{"os":1,"architecture":"amd64","created":5,"config":{"Labels":{"a":1}}}"#, None, None, 0),
            ("empty", "{}", None, None, 0),
        ] {
            let config = read_config(text.as_bytes()).expect(word);
            assert_eq!(config.platform.as_ref().map(ToString::to_string).as_deref(), platform, "{word}");
            assert_eq!((config.created.as_deref(), config.labels.len()), (created, labels), "{word}");
        }
    }

    #[test]
    fn a_digest_is_computed_as_its_like() {
        let sha512 = Digest::parse(&format!("sha512:{}", "0".repeat(128))).expect("a digest");
        assert_eq!(digest_of(b"", None).as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(digest_of(b"", Some(&sha512)).as_str().starts_with("sha512:cf83e1357eefb8bdf1542850d66d8007"));
    }
}
