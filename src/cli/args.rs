//! What can be typed.

mod annotate;
mod identity;
mod pages;
mod scan;
mod set;

use std::{ffi::OsString, path::PathBuf};

use clap::{
    ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, builder::BoolishValueParser, error::ErrorKind,
    parser::ValueSource,
};
use jiff::Timestamp;

use super::{exit::Exit, values::own_key};
pub use annotate::{AutomateArgs, DeautomateArgs, Hand, LockArgs, PolicySetArgs, ReleaseArgs, UnlockArgs, Word};
pub use identity::IdentityArgs;
pub use pages::{CompletionShell, CompletionsArgs, DemoArgs, HelpArgs, ManArgs};
pub use scan::ScanArgs;
pub use set::SetArgs;

pub use super::{
    flags::Target,
    log::LogFlags,
    values::{Address, OwnKey, mask},
};
use crate::{config::Overrides, image::Tag};

/// Keeps the image tags in a GitOps repository up to date.
#[derive(Clone, Debug, Parser)]
#[command(name = "tagalong", version, disable_help_subcommand = true, max_term_width = 120, after_help = "Example:\n  tagalong demo")]
pub struct Args {
    /// Configuration file [default: ./tagalong.yaml where present]
    #[arg(long, global = true, env = "TAGALONG_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder of caches [default: tagalong below $XDG_STATE_HOME]
    #[arg(long, global = true, env = "TAGALONG_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// Folders with own presets, beside those of the configuration; repeat it, or put commas between
    #[arg(long, global = true, env = "TAGALONG_POLICIES", value_name = "DIRS", value_delimiter = ',')]
    pub policies: Vec<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show what would change, what is held, and why; write nothing
    Plan(PlanArgs),
    /// Make the updates that `plan` shows
    Apply(ApplyArgs),
    /// Keep many repositories up to date, until it is told to end
    Run(RunArgs),
    /// Show every tag of a workload's images with the reason why it won or lost
    Explain(ExplainArgs),
    /// Show the images or the workloads of a repository
    #[command(after_help = "Example:\n  tagalong list images clusters/prod --automated")]
    List {
        /// What to list.
        #[command(subcommand)]
        command: ListCommand,
    },
    /// Show the tags of images as the registries list them
    Scan(ScanArgs),
    /// Look for what is wrong in a repository or in the configuration; no registry is asked
    Check(CheckArgs),
    /// Work with policies
    #[command(after_help = "Example:\n  tagalong policy test 'semver:~1' 1.0.0 1.5.0 2.0.0")]
    Policy {
        /// What to do with them.
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Rewrite image references, without asking a registry
    Set(SetArgs),
    /// Make one update that a person asks for, if need be against the policy
    Release(ReleaseArgs),
    /// Let a workload take part in updates
    Automate(AutomateArgs),
    /// Let a workload take no part in updates
    Deautomate(DeautomateArgs),
    /// Keep a workload as it is, and say why
    Lock(LockArgs),
    /// Let a locked workload be updated again
    Unlock(UnlockArgs),
    /// Print the SSH public key to install as a deploy key; make the key where there is none
    Identity(IdentityArgs),
    /// Make two updates happen between a throw-away registry and Git repository
    Demo(DemoArgs),
    /// Print what a shell needs to complete commands and flags
    Completions(CompletionsArgs),
    /// Print the manual page, or write those of all commands
    Man(ManArgs),
    /// Show the help of a command, or a page about a topic: `help topics`
    Help(HelpArgs),
}

/// The verbs of `list`.
#[derive(Clone, Debug, Subcommand)]
pub enum ListCommand {
    /// Show every place that holds an image
    Images(ListImagesArgs),
    /// Show every workload with its images
    #[command(after_help = "Example:\n  tagalong list workloads --held")]
    Workloads(ListArgs),
}

/// The verbs of `policy`.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show which of some tags a pattern chooses, and why the others lose
    Test(PolicyTestArgs),
    /// Write the patterns of a workload's containers, and own keys, into Git
    Set(Box<PolicySetArgs>),
    /// List the presets, which patterns name as `preset:NAME`
    List(PolicyListArgs),
    /// Show a preset: its pattern, its keys, and what it chooses
    Show(PolicyShowArgs),
}

/// The arguments of `plan`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong plan https://git.example/fleet.git --branch main")]
pub struct PlanArgs {
    /// What to print; `diff` is a unified diff that `git apply` accepts
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: PlanOutput,

    /// Exit with 4 if something would change
    #[arg(long, env = "TAGALONG_CHECK", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub check: bool,

    /// The repository.
    #[command(flatten)]
    pub target: Target,
}

/// The arguments of `apply`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong apply https://git.example/fleet.git --branch main")]
pub struct ApplyArgs {
    /// What to print; `diff` is a unified diff of what was written
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: PlanOutput,

    /// In a work tree, also commit what was written
    #[arg(long, env = "TAGALONG_COMMIT", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub commit: bool,

    /// The repository.
    #[command(flatten)]
    pub target: Target,
}

/// The arguments of `run`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong run --config /etc/tagalong/tagalong.yaml")]
pub struct RunArgs {
    /// How the log is written, where `--log-format` does not say it
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, value_name = "FORMAT")]
    pub output: Option<Output>,

    /// A repository beside those of the configuration.
    #[command(flatten)]
    pub target: Target,

    /// The log.
    #[command(flatten)]
    pub log: LogFlags,
}

/// The arguments of `check`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong check --fix")]
pub struct CheckArgs {
    /// Look at the configuration alone: its file, the variables, the flags, and every file that it names
    #[arg(long, env = "TAGALONG_CONFIG_ONLY", action = ArgAction::SetTrue, conflicts_with = "fix", value_parser = BoolishValueParser::new())]
    pub config_only: bool,

    /// In a work tree, mend what has exactly one right answer
    #[arg(long, env = "TAGALONG_FIX", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub fix: bool,

    /// What to print; `diff` is a unified diff of what `--fix` mends, which alone writes nothing
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: CheckOutput,

    /// The repository.
    #[command(flatten)]
    pub target: Target,

    /// The log.
    #[command(flatten)]
    pub log: LogFlags,
}

/// The arguments of `explain`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong explain deployment/frontend https://git.example/fleet.git")]
pub struct ExplainArgs {
    /// An id namespace:kind/name, or a unique tail of it
    pub workload: String,

    /// Show every tag, and not only the first of each reason
    #[arg(long, env = "TAGALONG_ALL", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub all: bool,

    /// The root whose workload is meant, where several hold it
    #[arg(long, env = "TAGALONG_ROOT", value_name = "PATH", conflicts_with = "all_roots")]
    pub root: Option<String>,

    /// Show the workload of every root that holds it
    #[arg(long, env = "TAGALONG_ALL_ROOTS", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub all_roots: bool,

    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,

    /// The repository.
    #[command(flatten)]
    pub target: Target,
}

/// The arguments of `list images`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong list images https://git.example/fleet.git --image frontend --available=3")]
pub struct ListImagesArgs {
    /// Ask the registries, and show the newest so many tags [default: 10]
    #[arg(long, env = "TAGALONG_AVAILABLE", value_name = "COUNT", num_args = 0..=1, require_equals = true, default_missing_value = "10")]
    pub available: Option<usize>,

    /// What is listed.
    #[command(flatten)]
    pub list: ListArgs,
}

/// What every `list` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct ListArgs {
    /// Only this workload: an id namespace:kind/name, or a tail of it
    #[arg(long, env = "TAGALONG_WORKLOAD", value_name = "WORKLOAD")]
    pub workload: Option<String>,

    /// Only this image: its name, or the end of it
    #[arg(long, env = "TAGALONG_IMAGE", value_name = "NAME")]
    pub image: Option<String>,

    /// Only what takes part in updates
    #[arg(long, env = "TAGALONG_AUTOMATED", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub automated: bool,

    /// Only what is held, as far as Git alone tells
    #[arg(long, env = "TAGALONG_HELD", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub held: bool,

    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,

    /// The repository.
    #[command(flatten)]
    pub target: Target,
}

/// The arguments of `policy test`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong policy test 'semver:~1' 1.0.0 1.5.0 2.0.0 --current 1.0.0")]
pub struct PolicyTestArgs {
    /// The pattern, as in an annotation
    pub pattern: String,

    /// The tags [default: lines of standard input, `TAG` or `TAG TIME` with an RFC 3339 build time]
    #[arg(value_name = "TAG")]
    pub tags: Vec<String>,

    /// The tag that stands in Git
    #[arg(long, env = "TAGALONG_CURRENT", value_name = "TAG", value_parser = Tag::parse)]
    pub current: Option<Tag>,

    /// The time to decide at, in RFC 3339 [default: now]
    #[arg(long, env = "TAGALONG_NOW", value_name = "TIME")]
    pub now: Option<Timestamp>,

    /// An own key, such as min-age=48h; repeat it for more
    #[arg(long = "key", env = "TAGALONG_KEY", value_name = "KEY=VALUE", value_parser = own_key)]
    pub keys: Vec<OwnKey>,

    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}

/// The arguments of `policy list`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong policy list --policies ./policies")]
pub struct PolicyListArgs {
    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}

/// The arguments of `policy show`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong policy show minor")]
pub struct PolicyShowArgs {
    /// The preset
    pub name: String,

    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}

/// The formats that every command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// The same value as JSON
    Json,
}

/// The formats of a command that changes files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanOutput {
    /// For people
    #[default]
    Text,
    /// The same value as JSON
    Json,
    /// A unified diff
    Diff,
}

/// The formats of the linter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckOutput {
    /// For people
    #[default]
    Text,
    /// The same value as JSON
    Json,
    /// SARIF 2.1.0, which forges show beside the lines
    Sarif,
    /// A unified diff of what has one right answer
    Diff,
}

/// Why there are no arguments to work with: help was asked for, or the usage is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// What to print; secrets in addresses are masked.
    pub text: String,
    /// How the process ends: help goes to standard output and is a success, the rest goes to standard error.
    pub exit: Exit,
}

impl Args {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// Help or the version was asked for, or the usage is wrong.
    pub fn of_process() -> Result<Self, Stopped> {
        Self::read(std::env::args_os())
    }

    /// Reads arguments; the first is the program's name.
    ///
    /// # Errors
    /// As [`Args::of_process`].
    pub fn read(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, Stopped> {
        let mut command = definition();
        let matches = command.try_get_matches_from_mut(arguments).map_err(|error| Stopped::from(&error))?;
        if let Some((name, _)) = matches.subcommand().filter(|(_, matches)| names_two_repositories(matches)) {
            let command = command.find_subcommand_mut(name).expect("clap matched this subcommand");
            return Err(Stopped::from(
                &command.error(ErrorKind::ArgumentConflict, "REPO and --git-url name the repository twice: leave one of them out"),
            ));
        }
        Self::from_arg_matches(&matches).map_err(|error| Stopped::from(&error))
    }

    /// The flags and variables that win over the configuration file.
    pub fn overrides(&self) -> Overrides {
        let overrides = match &self.command {
            Command::Plan(PlanArgs { target, .. }) | Command::Apply(ApplyArgs { target, .. }) | Command::Explain(ExplainArgs { target, .. }) => {
                target.overrides()
            }
            Command::List {
                command: ListCommand::Images(ListImagesArgs { list: ListArgs { target, .. }, .. }) | ListCommand::Workloads(ListArgs { target, .. }),
            } => target.overrides(),
            Command::Run(RunArgs { output, target, log }) => Overrides { log: log.overrides_with(*output), ..target.overrides() },
            Command::Check(CheckArgs { target, log, .. }) => Overrides { log: log.overrides(), ..target.overrides() },
            Command::Automate(AutomateArgs { place, .. })
            | Command::Deautomate(DeautomateArgs { place, .. })
            | Command::Lock(LockArgs { place, .. })
            | Command::Release(ReleaseArgs { place, .. })
            | Command::Unlock(UnlockArgs { place, .. }) => place.overrides(),
            Command::Scan(scan) => scan.overrides(),
            Command::Set(SetArgs { git, .. }) => git.overrides(),
            Command::Policy { command: PolicyCommand::Set(set) } => set.git.overrides(),
            Command::Policy { .. } | Command::Identity(_) | Command::Demo(_) | Command::Completions(_) | Command::Man(_) | Command::Help(_) => {
                Overrides::default()
            }
        };
        Overrides { state: self.state.clone(), policies: self.policies.clone(), ..overrides }
    }
}

/// The command line as it is defined, for parsing and for the reference page.
pub fn definition() -> clap::Command {
    without_values_of_variables(Args::command())
}

/// Help tells which variables there are, never what they hold.
fn without_values_of_variables(command: clap::Command) -> clap::Command {
    command.mut_args(|argument| argument.hide_env_values(true)).mut_subcommands(without_values_of_variables)
}

/// Whether both stand on the command line; a variable gives way to an argument.
fn names_two_repositories(matches: &ArgMatches) -> bool {
    if let Some((_, matches)) = matches.subcommand() {
        return names_two_repositories(matches);
    }
    let typed = |id| matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine);
    typed("repo") && typed("git_url")
}

impl From<&clap::Error> for Stopped {
    fn from(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        // Help holds nothing that was typed; what looks like a password there is `NAME:TAG@DIGEST`.
        if error.use_stderr() { Self { text: mask(&text), exit: Exit::Usage } } else { Self { text, exit: Exit::Done } }
    }
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn read(line: &str) -> Result<Args, Stopped> {
        Args::read(line.split_whitespace())
    }

    #[test]
    fn help_is_printed_as_it_is_written() {
        let help = read("tagalong set --help").expect_err("help");
        assert!(help.text.contains("NAME:TAG@DIGEST") && help.exit == Exit::Done, "{}", help.text);
    }

    fn target(line: &str) -> Target {
        match read(line).expect(line).command {
            Command::Plan(plan) => plan.target,
            Command::Apply(apply) => apply.target,
            Command::Explain(explain) => explain.target,
            Command::Run(run) => run.target,
            other => panic!("{other:?} has no repository"),
        }
    }

    #[test]
    fn the_definition_holds_together() {
        definition().debug_assert();
    }

    #[test]
    fn a_command_line_ends_as_it_should() {
        for (word, line, exit) in [
            ("plan", "tagalong plan", None),
            ("apply", "tagalong apply ../fleet --commit --output diff", None),
            ("check", "tagalong check --config-only --log-level debug --registry-rps 3", None),
            ("check of a repository", "tagalong check ../fleet --fix --output sarif", None),
            ("a configuration is not fixed", "tagalong check --config-only --fix", Some(Exit::Usage)),
            ("no interval", "tagalong run --git-poll-interval 0s", Some(Exit::Usage)),
            ("explain", "tagalong explain frontend --all --root clusters/prod", None),
            ("completions", "tagalong completions zsh", None),
            ("a shell that is not known", "tagalong completions tcsh", Some(Exit::Usage)),
            ("man", "tagalong man --out /tmp/man1", None),
            ("help of a topic", "tagalong help policies", None),
            ("help of a verb's verb", "tagalong help policy test", None),
            ("policy list", "tagalong policy list --policies a,b --policies c --output json", None),
            ("policy show", "tagalong policy show minor", None),
            ("policy show without a name", "tagalong policy show", Some(Exit::Usage)),
            ("policy test", "tagalong policy test semver:~1 1.0.0 --current 1.0.0 --now 2026-01-01T00:00:00Z --key min-age=48h", None),
            ("list images", "tagalong list images ../fleet --available --held", None),
            ("so many tags", "tagalong list images --available=3 ../fleet", None),
            ("list workloads", "tagalong list workloads --workload frontend --image app --automated", None),
            ("list what", "tagalong list", Some(Exit::Usage)),
            ("workloads have no tags", "tagalong list workloads --available", Some(Exit::Usage)),
            ("two repositories of a list", "tagalong list images . --git-url ../fleet", Some(Exit::Usage)),
            ("scan", "tagalong scan redis ghcr.io/acme/app:1.0 --limit 3 --explain-requests --output json --timeout 5s", None),
            ("scan of nothing", "tagalong scan", Some(Exit::Usage)),
            ("scan of no tag at all", "tagalong scan redis --limit 0", Some(Exit::Usage)),
            ("scan of a digest", "tagalong scan redis@sha256:x", Some(Exit::Usage)),
            (
                "release",
                "tagalong release frontend --image app:1 --image redis:7@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa --force -m why ../fleet",
                None,
            ),
            ("release of nothing", "tagalong release frontend", Some(Exit::Usage)),
            ("release without a tag", "tagalong release frontend --image app", Some(Exit::Usage)),
            ("identity", "tagalong identity git@git.example:fleet --file key --regenerate --fingerprint --output json", None),
            ("demo", "tagalong demo", None),
            ("global flags after the verb", "tagalong plan --config x.yaml --state /tmp/x", None),
            ("help", "tagalong --help", Some(Exit::Done)),
            ("help of a verb", "tagalong apply --help", Some(Exit::Done)),
            ("version", "tagalong --version", Some(Exit::Done)),
            ("nothing", "tagalong", Some(Exit::Usage)),
            ("run", "tagalong run --config x.yaml --log-format json", None),
            ("unknown verb", "tagalong walk", Some(Exit::Usage)),
            ("unknown flag", "tagalong plan --dry-run", Some(Exit::Usage)),
            ("explain without a workload", "tagalong explain", Some(Exit::Usage)),
            ("explain prints no diff", "tagalong explain frontend --output diff", Some(Exit::Usage)),
            ("one root or all", "tagalong explain frontend --root a --all-roots", Some(Exit::Usage)),
            ("apply does not check", "tagalong apply --check", Some(Exit::Usage)),
            ("no time", "tagalong policy test semver:~1 --now yesterday", Some(Exit::Usage)),
            ("no key", "tagalong policy test semver:~1 --key min-age", Some(Exit::Usage)),
            ("no span", "tagalong plan --timeout 60", Some(Exit::Usage)),
            ("no count", "tagalong plan --registry-rps 0", Some(Exit::Usage)),
            ("a path outside", "tagalong plan --git-path ../x", Some(Exit::Usage)),
            ("an open glob", "tagalong plan --registry-exclude-image [a", Some(Exit::Usage)),
            ("two repositories", "tagalong plan . --git-url ../fleet", Some(Exit::Usage)),
        ] {
            assert_eq!(read(line).err().map(|stopped| stopped.exit), exit, "{word}");
        }
    }

    #[test]
    fn the_repository_is_what_was_typed() {
        for (word, line, place) in [
            ("default", "tagalong plan", "."),
            ("argument", "tagalong plan ../fleet", "../fleet"),
            ("flag", "tagalong apply --git-url https://git.example/fleet", "https://git.example/fleet"),
            ("after the workload", "tagalong explain frontend ../fleet", "../fleet"),
        ] {
            assert_eq!(target(line).place(), place, "{word}");
        }
    }

    #[test]
    fn flags_become_overrides() {
        let line = "tagalong apply --state /s --timeout 5s --branch main --git-path apps,infra/{eu,us} --git-path base --git-user Bot --git-email bot@x \
                    --git-ci-skip --group image --git-poll-interval 2m --git-timeout 10s --registry-poll-interval 1h --registry-rps 3 --registry-burst 4 \
                    --registry-insecure-host a:5000,b.x --registry-insecure-host c.x --registry-exclude-image x/* --docker-config /d";
        let overrides = read(line).expect("parses").overrides();
        assert_eq!(
            format!("{overrides:?}"),
            "Overrides { state: Some(\"/s\"), policies: [], timeout: Some(5s), git: GitOverrides { branch: Some(\"main\"), push_branch: None, \
             paths: Some([\"apps\", \"infra/{eu,us}\", \"base\"]), user: Some(\"Bot\"), email: Some(\"bot@x\"), ci_skip: Some(true), \
             group: Some(Image), poll_interval: Some(120s), timeout: Some(10s) }, registry: RegistryOverrides { poll_interval: Some(3600s), \
             requests_per_second: Some(3.0), burst: Some(4), insecure_hosts: [Prefix { host: \"a:5000\", path: [] }, Prefix { host: \"b.x\", path: [] }, \
             Prefix { host: \"c.x\", path: [] }], exclude_images: Some([\"x/*\"]), \
             include_images: None, docker_config: Some(\"/d\") }, log: LogOverrides { level: None, format: None } }"
        );
    }

    #[test]
    fn ci_skip_can_be_switched_off() {
        for (line, value) in
            [("tagalong plan --git-ci-skip", Some(true)), ("tagalong plan --git-ci-skip=false", Some(false)), ("tagalong plan", None)]
        {
            assert_eq!(read(line).expect(line).overrides().git.ci_skip, value, "{line}");
        }
    }

    #[test]
    fn a_label_is_accepted_with_a_notice() {
        assert_eq!(target("tagalong plan --git-label flux-sync").notices().len(), 1);
        assert!(target("tagalong plan").notices().is_empty());
    }

    #[test]
    fn no_secret_is_echoed() {
        for line in [
            "tagalong plan . https://bot:hunter2@git.example/fleet",
            "tagalong plan https://bot:hunter2@git.example/fleet --git-url https://bot:hunter2@git.example/fleet",
            "tagalong https://hunter2@git.example/fleet",
        ] {
            let stopped = read(line).expect_err(line);
            assert!(!stopped.text.contains("hunter2"), "{}", stopped.text);
        }
        assert!(!format!("{:?}", read("tagalong plan https://bot:hunter2@git.example/fleet")).contains("hunter2"));
    }

    /// Every command that does something, by its full name.
    fn leaves(command: &clap::Command, name: &str) -> Vec<(String, clap::Command)> {
        let name = format!("{name} {}", command.get_name());
        if command.has_subcommands() {
            return command.get_subcommands().flat_map(|sub| leaves(sub, &name)).collect();
        }
        vec![(name, command.clone())]
    }

    #[test]
    fn every_command_has_an_example() {
        for (name, command) in leaves(&definition(), "") {
            let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(example.starts_with(&format!("Example:\n {name}")), "{name}");
            read(&example.replace("Example:", "").replace('\'', "")).expect("the example parses");
        }
    }

    #[test]
    fn every_flag_has_a_variable_that_help_does_not_read() {
        let command = definition();
        for (name, leaf) in leaves(&command, "") {
            let flags: Vec<&Arg> = leaf.get_arguments().chain(command.get_arguments()).filter(|argument| argument.get_long().is_some()).collect();
            for flag in flags.into_iter().filter(|flag| !matches!(flag.get_long(), Some("help" | "version"))) {
                let long = flag.get_long().unwrap_or_default();
                let expected = format!("TAGALONG_{}", long.to_uppercase().replace('-', "_"));
                assert_eq!(flag.get_env().and_then(|name| name.to_str()), Some(expected.as_str()), "{name} --{long}");
                assert!(flag.is_hide_env_values_set(), "{name} --{long}");
            }
        }
    }
}
