//! `man`: the manual pages.

use std::path::Path;

use clap_mangen::{Man, generate_to};

use super::{
    Said,
    args::{ManArgs, definition},
    error::CommandError,
    exit::Exit,
};

/// Prints the page of the program, or writes those of all commands into a folder.
///
/// # Errors
/// The folder cannot be written.
pub fn man(args: &ManArgs) -> Result<Said, CommandError> {
    let mut page = Vec::new();
    match &args.out {
        Some(folder) => write(folder).map_err(|source| CommandError::Manual { folder: folder.clone(), source })?,
        None => Man::new(definition()).render(&mut page).expect("a vector takes all that is written"),
    }
    Ok(Said { text: page, talk: String::new(), exit: Exit::Done })
}

fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    generate_to(definition(), folder)
}
