//! Arguments, output, and one file per verb.
#![expect(clippy::disallowed_methods, reason = "edge: reads the clock, standard input and the demo's folders")]

mod annotate;
pub mod args;
mod check;
mod completions;
pub mod demo;
pub mod error;
pub mod exit;
mod explain;
mod flags;
mod ground;
pub mod help;
mod identity;
mod list;
pub mod log;
mod man;
mod pick;
mod plan;
mod policy;
pub mod print;
pub mod progress;
mod release;
mod run;
mod scan;
mod set;
mod terminal;
mod values;

use std::io;

use args::{Args, Command, ListCommand, PolicyCommand};
use error::CommandError;
use exit::Exit;

use crate::plan::safe;

/// What a command has to say, and how the process ends.
pub struct Said {
    /// Data, for standard output.
    text: Vec<u8>,
    /// Talk, for standard error.
    talk: String,
    exit: Exit,
}

impl Said {
    /// Adds notes, a line each.
    fn note(&mut self, notes: impl IntoIterator<Item = impl AsRef<str>>) {
        for note in notes {
            self.talk.extend(["note: ", &safe::line(note.as_ref()), "\n"]);
        }
    }
}

/// Runs the command of these arguments to its end.
pub fn run(args: &Args) -> Exit {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(io::stderr(), print::failure(&error, None, None).as_bytes());
            return Exit::Bug;
        }
    };
    let outcome = runtime.block_on(command(args));
    // What still blocks a thread, such as a name that is looked up, has nothing more to say.
    runtime.shutdown_background();
    match outcome {
        Ok(said) => {
            say(io::stderr(), terminal::paint_talk(said.talk).as_bytes());
            say(io::stdout(), &said.text);
            said.exit
        }
        Err(error) => {
            let told = print::failure(&error, None, error.hint().as_deref());
            say(io::stderr(), terminal::paint_talk(told).as_bytes());
            error.exit()
        }
    }
}

async fn command(args: &Args) -> Result<Said, CommandError> {
    match &args.command {
        Command::Plan(plan) => plan::plan(args, plan).await,
        Command::Apply(apply) => plan::apply(args, apply).await,
        Command::Run(run) => run::run(args, run).await,
        Command::Explain(explain) => explain::explain(args, explain).await,
        Command::List { command: ListCommand::Images(list) } => list::images(args, list).await,
        Command::List { command: ListCommand::Workloads(list) } => list::workloads(args, list),
        Command::Identity(wanted) => identity::identity(args, wanted),
        Command::Scan(scan) => scan::scan(args, scan).await,
        Command::Check(check) => check::check(args, check),
        Command::Policy { command: PolicyCommand::Test(test) } => policy::test(args, test),
        Command::Policy { command: PolicyCommand::Set(set) } => annotate::policy(args, set).await,
        Command::Set(set) => set::set(args, set).await,
        Command::Release(release) => release::release(args, release).await,
        Command::Automate(automate) => annotate::automate(args, automate).await,
        Command::Deautomate(deautomate) => annotate::deautomate(args, deautomate).await,
        Command::Lock(lock) => annotate::lock(args, lock).await,
        Command::Unlock(unlock) => annotate::unlock(args, unlock).await,
        Command::Policy { command: PolicyCommand::List(list) } => policy::list(args, list),
        Command::Policy { command: PolicyCommand::Show(show) } => policy::show(args, show),
        Command::Demo(demo) => demo::demo(demo.output).await,
        Command::Completions(completions) => Ok(completions::completions(*completions)),
        Command::Man(man) => man::man(man),
        Command::Help(help) => help::help(help),
    }
}

/// Writes to a stream that may have been closed: then nobody reads any more.
pub fn say(mut stream: impl io::Write, bytes: &[u8]) {
    let _closed = stream.write_all(bytes).and_then(|()| stream.flush());
}
