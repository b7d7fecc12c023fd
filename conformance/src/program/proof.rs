//! `prove --matrix`: every mutant against every case of its profile.

use std::fmt::Write;
use std::io;
use std::time::Instant;

use edgewise_spec::constants::SPEC_REVISION;
use serde::{Deserialize, Serialize};

use super::prove::{SEED, client_plan, is_kill, plan, program};
use super::{ProveOptions, Usage, jobs, select};
use crate::case::Case;
use crate::cases;
use crate::driver::{ClientSource, REFERENCE};
use crate::mutants::Mutant;
use crate::outcome::{Exit, Outcome};
use crate::report::{CaseReport, Format, ShrunkReport, Wanted, format};
use crate::repro::SUITE_VERSION;
use crate::runner;
use crate::scene;
use crate::target::Source;

/// Cases that the table names of those that had no reason to fail; the JSON has them all.
const NAMED_MAX: usize = 6;

/// The whole matrix.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    suite_version: String,
    spec_revision: u32,
    seed: u64,
    duration_ms: u64,
    /// Cases that do not pass on the references without a mutant, and prove nothing.
    unsound: Vec<String>,
    mutants: Vec<Row>,
}

/// One mutant against all cases.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    mutant: String,
    /// The case that has to see it.
    case: String,
    outcome: Outcome,
    /// Whether that case failed, by what it saw.
    killed: bool,
    /// Other cases that judge the clause, and failed.
    related: Vec<String>,
    /// Cases that do not judge the clause, and failed.
    unrelated: Vec<String>,
    /// Cases that ended neither by a pass nor by what they saw.
    otherwise: Vec<Other>,
    /// How many cases were run.
    tried: usize,
    /// What properties came to.
    shrunk: Vec<Shrunk>,
    duration_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Other {
    case: String,
    outcome: Outcome,
}

#[derive(Debug, Serialize, Deserialize)]
struct Shrunk {
    case: String,
    #[serde(flatten)]
    to: ShrunkReport,
}

/// Tries all, tells of each, and writes what is known after each.
pub(super) async fn matrix(
    options: &ProveOptions,
    mutants: Vec<&'static Mutant>,
) -> Result<Exit, Usage> {
    if let Some(other) = options.report.iter().find(|one| !is_written(one.format)) {
        return Err(Usage(format!("{other}: a proof is written as json or markdown")));
    }
    let names: Vec<&str> = cases::all().map(|case| case.id).collect();
    let wanted = select::select(&options.cases_like, &names).map_err(Usage)?;
    let begin = Instant::now();
    let mut proof = if options.go_on { Proof::begun(&options.report)? } else { Proof::new() };
    let before = proof.duration_ms;
    let known: Vec<_> = proof.mutants.iter().map(|row| row.mutant.clone()).collect();
    let all: Vec<_> = cases::all().filter(|case| wanted.contains(&case.id)).collect();
    anstream::println!("{} mutants; {} cases without a mutant first", mutants.len(), all.len());
    proof.unsound = unsound(all.clone(), jobs(options.jobs)).await;
    for case in &proof.unsound {
        anstream::println!("UNPROVEN  {case} does not pass without a mutant");
    }
    for (place, mutant) in mutants.iter().enumerate() {
        if known.iter().any(|id| id == mutant.id) {
            continue;
        }
        let named = cases::find(mutant.case)
            .ok_or_else(|| Usage(format!("{}: no case {}", mutant.id, mutant.case)))?;
        let of_profile = all.iter().copied().filter(|case| {
            case.profile() == named.profile()
                && case.id != named.id
                && !proof.unsound.iter().any(|id| id == case.id)
        });
        let tried = of_profile.chain([named]).collect();
        let row = row(mutant, named, tried, jobs(options.jobs)).await?;
        anstream::println!("{}  ({} of {})", row.line(), place + 1, mutants.len());
        proof.mutants.push(row);
        proof.duration_ms = before.saturating_add(millis(begin));
        proof.write(&options.report)?;
    }
    anstream::println!("\n{}", proof.summary());
    Ok(proof.exit())
}

const fn is_written(format: Format) -> bool {
    matches!(format, Format::Json | Format::Markdown)
}

fn millis(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

async fn unsound(cases: Vec<&'static Case>, jobs: usize) -> Vec<String> {
    let (servers, clients): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| case.profile().is_for_servers());
    let mut ran = runner::run(&plan(servers, Source::Embedded, jobs), &mut ()).await.cases;
    let clients = client_plan(clients, ClientSource::Embedded(REFERENCE), jobs);
    ran.extend(scene::run::run(&clients, &mut ()).await.cases);
    ran.into_iter().filter(|case| case.outcome != Outcome::Pass).map(|case| case.id).collect()
}

async fn row(
    mutant: &'static Mutant,
    named: &'static Case,
    tried: Vec<&'static Case>,
    jobs: usize,
) -> Result<Row, Usage> {
    let begin = Instant::now();
    let count = tried.len();
    let ran = match named.profile().is_for_servers() {
        true => {
            let source = program("serve", mutant)?.server();
            runner::run(&plan(tried, source, jobs), &mut ()).await
        }
        false => {
            let source = program("drive", mutant)?.client();
            scene::run::run(&client_plan(tried, source, jobs), &mut ()).await
        }
    };
    let row = Row::of(mutant, &ran.cases);
    Ok(Row { tried: count, duration_ms: millis(begin), ..row })
}

impl Row {
    fn of(mutant: &'static Mutant, ran: &[CaseReport]) -> Self {
        let named = ran.iter().find(|case| case.id == mutant.case);
        let mut row = Self {
            mutant: mutant.id.to_owned(),
            case: mutant.case.to_owned(),
            outcome: named.map_or(Outcome::Notrun, |case| case.outcome),
            killed: named.is_some_and(is_kill),
            related: Vec::new(),
            unrelated: Vec::new(),
            otherwise: Vec::new(),
            tried: ran.len(),
            shrunk: Vec::new(),
            duration_ms: 0,
        };
        for case in ran {
            let id = case.id.clone();
            if let (true, Some(to)) = (is_kill(case), case.shrunk) {
                row.shrunk.push(Shrunk { case: id.clone(), to });
            }
            if matches!(case.outcome, Outcome::Pass | Outcome::Info | Outcome::Unsupported)
                || case.id == mutant.case
            {
                continue;
            }
            if !is_kill(case) {
                row.otherwise.push(Other { case: id, outcome: case.outcome });
            } else if case.requirements.iter().any(|clause| clause == mutant.clause()) {
                row.related.push(id);
            } else {
                row.unrelated.push(id);
            }
        }
        row
    }

    fn line(&self) -> String {
        let word = if self.killed { "killed  " } else { "SURVIVED" };
        format!(
            "{word}  {}  {} {}; also {} that judge the clause, {} that do not, {} otherwise; {} s",
            self.mutant,
            self.case,
            self.outcome.name(),
            self.related.len(),
            self.unrelated.len(),
            self.otherwise.len(),
            self.duration_ms / 1_000,
        )
    }
}

impl Proof {
    fn new() -> Self {
        Self {
            suite_version: SUITE_VERSION.to_owned(),
            spec_revision: SPEC_REVISION,
            seed: SEED,
            duration_ms: 0,
            unsound: Vec::new(),
            mutants: Vec::new(),
        }
    }

    /// What an earlier run of the same suite has written.
    fn begun(wanted: &[Wanted]) -> Result<Self, Usage> {
        let Some(json) = wanted.iter().find(|one| one.format == Format::Json) else {
            return Err(Usage("--go-on needs the JSON that is there: --report json=…".to_owned()));
        };
        let refused = |why: &dyn std::fmt::Display| Usage(format!("{json}: {why}"));
        let text = std::fs::read_to_string(&json.path).map_err(|error| refused(&error))?;
        let proof: Self = serde_json::from_str(&text).map_err(|error| refused(&error))?;
        let fresh = Self::new();
        let of = |proof: &Self| {
            format!(
                "suite {}, revision {}, seed {}",
                proof.suite_version, proof.spec_revision, proof.seed
            )
        };
        if of(&proof) != of(&fresh) {
            let why = format!("is of {}; this is {}: begin anew", of(&proof), of(&fresh));
            return Err(refused(&why));
        }
        Ok(proof)
    }

    fn exit(&self) -> Exit {
        if self.mutants.is_empty() {
            Exit::Harness
        } else if self.unsound.is_empty() && self.mutants.iter().all(|row| row.killed) {
            Exit::Conformant
        } else {
            Exit::Nonconformant
        }
    }

    fn summary(&self) -> String {
        let count =
            |fits: &dyn Fn(&Row) -> bool| self.mutants.iter().filter(|row| fits(row)).count();
        let (all, tried) =
            (self.mutants.len(), self.mutants.iter().map(|row| row.tried).sum::<usize>());
        let mut text = format!(
            "{} of {all} mutants killed by the case that names them, by what it saw; {} by other cases \
             of the clause too, {} by cases of other clauses, {} ended a case otherwise; {tried} runs of \
             cases in {} s",
            count(&|row| row.killed),
            count(&|row| !row.related.is_empty()),
            count(&|row| !row.unrelated.is_empty()),
            count(&|row| !row.otherwise.is_empty()),
            self.duration_ms / 1_000,
        );
        let mut sequences: Vec<u64> = self.shrunk().map(|to| to.sequences).collect();
        let mut commands: Vec<u64> = self.shrunk().map(|to| to.commands).collect();
        if !sequences.is_empty() {
            let found = sequences.len();
            let _ = write!(
                text,
                "; properties killed {found} times, after {} sequences and by {} commands in the median",
                median(&mut sequences),
                median(&mut commands)
            );
        }
        text
    }

    fn shrunk(&self) -> impl Iterator<Item = &ShrunkReport> {
        self.mutants.iter().flat_map(|row| &row.shrunk).map(|shrunk| &shrunk.to)
    }

    fn write(&self, wanted: &[Wanted]) -> Result<(), Usage> {
        for one in wanted {
            let text = match one.format {
                Format::Json => serde_json::to_string_pretty(self).map_err(io::Error::from),
                _ => Ok(self.markdown()),
            };
            let written = text.and_then(|text| format::replace(&one.path, &(text + "\n")));
            written.map_err(|error| Usage(format!("{one}: {error}")))?;
        }
        Ok(())
    }

    fn markdown(&self) -> String {
        let mut text = format!(
            "# Every mutant against every case of its profile\n\nSuite {}, revision {}, seed {}: {}.\n",
            self.suite_version,
            self.spec_revision,
            self.seed,
            self.summary()
        );
        if !self.unsound.is_empty() {
            let _ = writeln!(text, "\nNot passed without a mutant: {}.", self.unsound.join(", "));
        }
        text.push_str(
            "\n| mutant | its case | outcome | of the clause too | of other clauses | otherwise | properties |\n\
             |---|---|---|---|---|---|---|\n",
        );
        for row in &self.mutants {
            let others: Vec<_> = row
                .otherwise
                .iter()
                .map(|it| format!("{} {}", it.case, it.outcome.name()))
                .collect();
            let shrunk: Vec<_> = row.shrunk.iter().map(Shrunk::words).collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} |",
                row.mutant,
                row.case,
                if row.killed { "killed" } else { row.outcome.name() },
                listed(&row.related),
                listed(&row.unrelated),
                listed(&others),
                shrunk.join("; "),
            );
        }
        text
    }
}

impl Shrunk {
    fn words(&self) -> String {
        let ShrunkReport { sequences, commands, generated, .. } = self.to;
        format!("{}: sequence {sequences}, {commands} of {generated} commands", self.case)
    }
}

/// The first few of many.
fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    if let Some(more) = names.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        let _ = write!(text, " and {more} more");
    }
    text
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUTANT: Mutant = Mutant { id: "FRAME-2/x", case: "frame/short-block" };

    fn ended(id: &str, clause: &str, outcome: Outcome) -> CaseReport {
        CaseReport::plain(id, vec![clause.to_owned()], outcome)
    }

    #[test]
    fn a_mutant_is_killed_by_what_its_case_saw_and_by_nothing_else() {
        for (outcome, expected, killed) in [
            (Outcome::Fail, "Done", true),
            (Outcome::Fail, runner::REACHABLE, false),
            (Outcome::Crash, "Done", false),
            (Outcome::Timeout, "Done", false),
            (Outcome::Pass, "Done", false),
        ] {
            let mut case = ended(MUTANT.case, "FRAME-2", outcome);
            case.expected = Some(expected.to_owned());
            assert_eq!(Row::of(&MUTANT, &[case]).killed, killed, "{outcome:?} {expected}");
        }
        assert_eq!(Row::of(&MUTANT, &[]).outcome, Outcome::Notrun);
    }

    #[test]
    fn who_else_notices_is_sorted_and_told() {
        let mut found = ended("property/sequences", "LINK-1", Outcome::Fail);
        found.shrunk =
            Some(ShrunkReport { sequences: 3, commands: 2, generated: 40, candidates: 9 });
        let ran = [
            ended(MUTANT.case, "FRAME-2", Outcome::Fail),
            ended("frame/other", "FRAME-2", Outcome::Fail),
            ended("link/crash", "FRAME-2", Outcome::Crash),
            ended("link/pass", "FRAME-2", Outcome::Pass),
            found,
        ];
        let row = Row::of(&MUTANT, &ran);
        assert!(row.killed);
        assert_eq!(
            (&row.related[..], &row.unrelated[..]),
            (&["frame/other".to_owned()][..], &["property/sequences".to_owned()][..])
        );
        assert_eq!(row.otherwise.len(), 1);
        let mut proof = Proof { duration_ms: 1_000, mutants: vec![row], ..Proof::new() };
        let text = proof.markdown();
        for told in [
            "1 of 1 mutants killed",
            "after 3 sequences and by 2 commands in the median",
            "| FRAME-2/x | frame/short-block | killed | frame/other | property/sequences | \
             link/crash crash | property/sequences: sequence 3, 2 of 40 commands |",
        ] {
            assert!(text.contains(told), "no {told:?} in\n{text}");
        }
        assert_eq!(proof.exit(), Exit::Conformant);
        proof.unsound.push("frame/x".to_owned());
        assert_eq!(proof.exit(), Exit::Nonconformant);
        proof.mutants.clear();
        assert_eq!(proof.exit(), Exit::Harness);
        let json = serde_json::to_value(&proof).unwrap();
        assert_eq!(json["unsound"][0], "frame/x");
    }

    #[test]
    fn what_was_begun_goes_on_where_it_is_of_this_suite() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proof.json");
        let wanted = [Wanted { format: Format::Json, path: path.clone() }];
        let missing = Proof::begun(&wanted).unwrap_err().to_string();
        assert!(missing.contains("proof.json"), "{missing}");
        let row = Row::of(&MUTANT, &[ended(MUTANT.case, "FRAME-2", Outcome::Fail)]);
        let proof = Proof { duration_ms: 7, mutants: vec![row], ..Proof::new() };
        proof.write(&wanted).unwrap();
        let begun = Proof::begun(&wanted).unwrap();
        assert_eq!((begun.duration_ms, begun.mutants.len()), (7, 1));
        assert_eq!(begun.mutants[0].mutant, MUTANT.id);
        Proof { seed: SEED + 1, ..proof }.write(&wanted).unwrap();
        let other = Proof::begun(&wanted).unwrap_err().to_string();
        assert!(other.contains("begin anew"), "{other}");
        std::fs::write(&path, "{").unwrap();
        assert!(Proof::begun(&wanted).is_err());
        let none = Proof::begun(&[]).unwrap_err().to_string();
        assert!(none.contains("--report json"), "{none}");
    }
}
