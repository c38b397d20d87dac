//! `man`: the manual pages.

use std::{fs, io, path::Path};

use clap_mangen::{Man, generate_to};
use serde_json::json;

use super::{
    Said,
    args::{ManArgs, Output, definition},
    error::CommandError,
    exit::Exit,
    print,
};

/// Prints the page of the program, or writes those of all commands into a folder.
///
/// # Errors
/// The folder cannot be written.
pub fn man(args: &ManArgs) -> Result<Said, CommandError> {
    let mut page = Vec::new();
    let value = if let Some(folder) = &args.out {
        let pages = write(folder).map_err(|source| CommandError::Manual { folder: folder.clone(), source })?;
        json!({ "folder": folder, "pages": pages })
    } else {
        Man::new(definition()).render(&mut page).expect("a vector takes all that is written");
        json!({ "page": String::from_utf8_lossy(&page) })
    };
    let text = match args.output {
        Output::Text => page,
        Output::Json => print::json(&value).into_bytes(),
    };
    Ok(Said { text, talk: String::new(), exit: Exit::Done })
}

/// Writes the pages; their names come back.
fn write(folder: &Path) -> io::Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    generate_to(definition(), folder)?;
    let mut pages = vec!["tagalong.1".to_owned()];
    name(&definition(), "tagalong", &mut pages);
    Ok(pages)
}

fn name(command: &clap::Command, path: &str, pages: &mut Vec<String>) {
    for command in command.get_subcommands() {
        let path = format!("{path}-{}", command.get_name());
        pages.push(format!("{path}.1"));
        name(command, &path, pages);
    }
}
