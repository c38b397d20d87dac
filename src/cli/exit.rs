//! Exit codes: one table.

use std::process::ExitCode;

use crate::{
    plan::report::Report,
    policy::{Blame, Code},
};

/// How a command ends. Where several apply, the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done, or nothing to do: 0.
    Done,
    /// With `--check`: there are updates: 4.
    Updates,
    /// The other side failed; it may pass on retry: 3.
    Remote,
    /// A person must change something: 1.
    Operator,
    /// The command line is wrong: 2. Nothing was done, so no other applies.
    Usage,
    /// A bug: 70.
    Bug,
}

/// Whether updates that would be made are told by the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// They are: `--check`.
    Updates,
    /// They are not.
    Nothing,
}

impl Exit {
    /// The number that the shell sees.
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Operator => 1,
            Self::Usage => 2,
            Self::Remote => 3,
            Self::Updates => 4,
            Self::Bug => 70,
        }
    }

    /// How a command ends that did what the report says.
    pub fn of_report(report: &Report, check: Check) -> Self {
        let held = report.held.iter().filter(|record| matches!(record.code, Code::MalformedPolicy | Code::PushRefused)).map(|_| Self::Operator);
        let failed = report.failed.iter().map(|record| record.blame.or(record.code.blame()).map_or(Self::Remote, Self::from));
        let unreadable = report.unreadable.iter().filter(|file| file.annotated).map(|_| Self::Operator);
        let updates = report.updates.iter().filter(|_| check == Check::Updates).map(|_| Self::Updates);
        held.chain(failed).chain(unreadable).chain(updates).max().unwrap_or(Self::Done)
    }
}

impl From<Blame> for Exit {
    fn from(blame: Blame) -> Self {
        match blame {
            Blame::Operator => Self::Operator,
            Blame::Remote => Self::Remote,
            Blame::Bug => Self::Bug,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.number().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        manifest::Place,
        plan::report::{Record, UnreadableFile, Version},
        policy::List,
    };

    fn record(code: Code, blame: Option<Blame>) -> Record {
        Record {
            root: ".".into(),
            workload: "default:deployment/app".into(),
            container: "app".into(),
            image: None,
            from: Version::default(),
            to: None,
            policy: "glob:*".into(),
            file: "app.yaml".into(),
            line: 1,
            place: Place::Container,
            code,
            reason: String::new(),
            blame,
            newer_elsewhere: None,
            departs: None,
            hint: None,
            link: None,
        }
    }

    fn report(codes: &[Code]) -> Report {
        let list = |list| codes.iter().filter(|code| code.list() == list).map(|code| record(*code, code.blame())).collect();
        Report {
            repository: "fleet".into(),
            branch: None,
            commit: None,
            pushed: None,
            updates: list(List::Updates),
            current: list(List::Current),
            held: list(List::Held),
            failed: list(List::Failed),
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn a_report_decides_the_exit_code() {
        for (word, codes, check, number) in [
            ("nothing at all", &[][..], Check::Nothing, 0),
            ("current", &[Code::Current], Check::Updates, 0),
            ("updated", &[Code::Updated], Check::Nothing, 0),
            ("updated, asked for", &[Code::Updated], Check::Updates, 4),
            ("switched, asked for", &[Code::Switched], Check::Updates, 4),
            ("held", &[Code::Locked, Code::WouldGoBack, Code::NoTagMatches, Code::EditRefused], Check::Updates, 0),
            ("malformed", &[Code::MalformedPolicy], Check::Nothing, 1),
            ("push refused", &[Code::PushRefused], Check::Nothing, 1),
            ("not found", &[Code::NotFound], Check::Nothing, 1),
            ("unauthorized", &[Code::Unauthorized], Check::Nothing, 1),
            ("rate limited", &[Code::RateLimited], Check::Nothing, 3),
            ("unreachable", &[Code::Unreachable], Check::Nothing, 3),
            ("bad answer", &[Code::BadAnswer], Check::Nothing, 3),
            ("stale", &[Code::Stale], Check::Nothing, 3),
            ("failed beside updates that were made", &[Code::Updated, Code::Unreachable], Check::Nothing, 3),
            ("the other side before updates", &[Code::Updated, Code::Unreachable], Check::Updates, 3),
            ("a person before the other side", &[Code::Unreachable, Code::NotFound, Code::Updated], Check::Updates, 1),
            ("held and asked for", &[Code::Locked, Code::Updated], Check::Updates, 4),
        ] {
            assert_eq!(Exit::of_report(&report(codes), check).number(), number, "{word}");
        }
    }

    #[test]
    fn every_held_code_but_two_is_a_success() {
        for &code in Code::ALL.iter().filter(|code| code.list() == List::Held) {
            let expected = if matches!(code, Code::MalformedPolicy | Code::PushRefused) { Exit::Operator } else { Exit::Done };
            assert_eq!(Exit::of_report(&report(&[code]), Check::Nothing), expected, "{code}");
        }
    }

    #[test]
    fn an_unreadable_file_counts_where_it_is_annotated() {
        for (annotated, exit) in [(true, Exit::Operator), (false, Exit::Done)] {
            let unreadable = vec![UnreadableFile { file: "a.yaml".into(), line: None, reason: "tabs".into(), annotated }];
            assert_eq!(Exit::of_report(&Report { unreadable, ..report(&[]) }, Check::Nothing), exit);
        }
    }

    #[test]
    fn a_bug_comes_before_everything() {
        let failed = vec![record(Code::NotFound, Some(Blame::Operator)), record(Code::BadAnswer, Some(Blame::Bug))];
        assert_eq!(Exit::of_report(&Report { failed, ..report(&[Code::MalformedPolicy]) }, Check::Nothing).number(), 70);
    }
}
