//! `help`: commands, and topics that no single command is about.

use serde_json::json;

use super::{
    Said,
    args::{HelpArgs, Output, definition},
    error::CommandError,
    exit::Exit,
    print,
};

/// How near a name must be to be suggested.
const NEAR: f64 = 0.8;

/// A topic: its name, what it is about, and its page.
pub const TOPICS: [(&str, &str, &str); 2] = [
    ("policies", "patterns, presets and own keys: which tag is chosen", include_str!("help/policies.txt")),
    ("exit-codes", "how commands end, for scripts", include_str!("help/exit-codes.txt")),
];

/// Prints the page of a topic, or the help of a command.
///
/// # Errors
/// There is neither a topic nor a command of this name.
pub fn help(args: &HelpArgs) -> Result<Said, CommandError> {
    let wanted = args.topic.join(" ");
    let (text, value) = if wanted == "topics" {
        let each: Vec<_> = TOPICS.iter().map(|(name, about, _)| json!({ "name": name, "about": about })).collect();
        (topics(), json!({ "topics": each }))
    } else {
        let text = match TOPICS.iter().find(|(topic, ..)| *topic == wanted) {
            Some((_, _, page)) => (*page).to_owned(),
            None => of_command(&args.topic).ok_or_else(|| unknown(&wanted))?,
        };
        let value = json!({ "topic": wanted, "text": text });
        (text, value)
    };
    let text = match args.output {
        Output::Text => text,
        Output::Json => print::json(&value),
    };
    Ok(Said { text: text.into_bytes(), talk: String::new(), exit: Exit::Done })
}

/// The topics, a line each.
fn topics() -> String {
    let widest = TOPICS.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
    let rows: Vec<String> = TOPICS.iter().map(|(name, about, _)| format!("  {name:widest$}   {about}")).collect();
    let rows = rows.join("\n");
    format!("Topics:\n{rows}\n\nRead one with `tagalong help TOPIC`; `tagalong help COMMAND` tells the flags of a command.\n")
}

/// What `--help` behind these words prints; `None` where they are no command.
fn of_command(words: &[String]) -> Option<String> {
    let mut command = definition();
    words.iter().try_fold(&command, |command, word| command.find_subcommand(word))?;
    let line = ["tagalong"].into_iter().chain(words.iter().map(String::as_str)).chain(["--help"]);
    command.try_get_matches_from_mut(line).err().map(|help| help.render().to_string())
}

fn unknown(wanted: &str) -> CommandError {
    let command = definition();
    let names = TOPICS.iter().map(|(name, ..)| *name).chain(["topics"]).chain(command.get_subcommands().map(clap::Command::get_name));
    let mut near: Vec<(f64, String)> =
        names.map(|name| (strsim::jaro_winkler(name, wanted), name.to_owned())).filter(|(score, _)| *score >= NEAR).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    CommandError::NoTopic { wanted: wanted.to_owned(), near: near.into_iter().take(3).map(|(_, name)| name).collect() }
}
