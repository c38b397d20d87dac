//! `scan`.

use jiff::Timestamp;

use super::{
    Said,
    args::{Args, Output, ScanArgs},
    error::CommandError,
    exit::Exit,
    ground,
    print::{self, ScanReport},
    progress::Progress,
    terminal,
};
use crate::{
    config::{self, Environment},
    image::Reference,
    plan::{Failure, scanned::ScannedImage},
    registry::{Client, Where},
    service::{Inquiry, Memory, scan_images},
};

/// Lists the tags of images, and looks at some of each.
///
/// # Errors
/// The configuration cannot be read. A registry that does not answer is told beside the others.
pub async fn scan(args: &Args, scan: &ScanArgs) -> Result<Said, CommandError> {
    let config = config::load(args.config.as_deref(), args.overrides(), &Environment::of_process())?;
    let docker = ground::docker(&config)?;
    let mut notes: Vec<String> = docker.notices().iter().map(ToString::to_string).collect();
    // Without a repository in Git there is nobody whom an entry that is for some could serve.
    let registries = config.registries.serving_all();
    let client = Client::new(ground::settings_of(&config, registries.clone(), docker, Where::Anywhere));
    if scan.explain_requests {
        client.keep_requests();
    }
    let view = registries.view();
    let interval = ground::interval(registries, config.registry_interval);
    let inquiry = Inquiry { client, memory: Memory::open(&config.state), view, interval };
    let progress = Progress::begin("listing tags");
    let found = scan_images(&inquiry, config.timeout, &progress, &scan.images, scan.limit.get(), Timestamp::now()).await;
    drop(progress);
    let requests = scan.explain_requests.then(|| inquiry.client.sent());
    let mut exit = Exit::Done;
    let mut images = Vec::new();
    for (reference, found) in scan.images.iter().zip(found) {
        notes.extend(told(reference, &found));
        exit = exit.max(ended(reference, &found));
        images.push(found.unwrap_or_else(|failure| ScannedImage::failed(reference, &failure)));
    }
    let report = ScanReport { images, requests };
    let text = match scan.output {
        Output::Text => terminal::paint(print::scan(&report, terminal::width())),
        Output::Json => print::json(&report),
    };
    let mut said = Said { text: text.into_bytes(), talk: String::new(), exit };
    said.note(notes);
    said.note(inquiry.memory.news());
    Ok(said)
}

/// What else to tell about an image.
fn told(reference: &Reference, found: &Result<ScannedImage, Failure>) -> Vec<String> {
    let Ok(image) = found else { return Vec::new() };
    let missing = reference.tag.as_ref().filter(|_| image.tags.is_empty()).map(|tag| format!("{} lists no tag `{tag}`", reference.name));
    let doubt = image.in_doubt.then(|| format!("the list of {} lacks much that an earlier one had: it is doubted", reference.name));
    missing.into_iter().chain(doubt).collect()
}

fn ended(reference: &Reference, found: &Result<ScannedImage, Failure>) -> Exit {
    match found {
        Err(failure) => failure.blame.into(),
        Ok(image) if image.tags.is_empty() && reference.tag.is_some() => Exit::Operator,
        Ok(image) => image.tags.iter().filter_map(|tag| tag.blame).map(Exit::from).max().unwrap_or(Exit::Done),
    }
}
