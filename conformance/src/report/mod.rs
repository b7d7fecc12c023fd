//! The result of a run as data, and what is written from it.
//!
//! The JSON is the source of all other formats; `conformance/report.schema.json` describes it.

mod badge;
pub mod format;
mod html;
mod junit;
mod markdown;
mod target;
pub mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use edgewise_spec::constants::SPEC_REVISION;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Profile};
use crate::cases;
use crate::clauses::Clause;
use crate::outcome::{Exit, Outcome};
use crate::repro::SUITE_VERSION;

pub use format::{Format, Wanted};
pub use target::TargetReport;

/// Version of the JSON: it rises when a reader of the old one could misread the new one.
pub const REPORT_VERSION: u32 = 1;

/// What a case is whose outcome does not count.
pub const UNSCORED: &str = "unscored";

/// Everything that is known of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub report_version: u32,
    /// Revision of the specification that was judged.
    pub spec_revision: u32,
    /// Version of the suite.
    pub suite_version: String,
    /// How the program ended.
    pub verdict: Exit,
    /// What was judged, one entry a profile.
    pub targets: Vec<TargetReport>,
    /// From which all randomness of the suite came.
    pub seed: u64,
    /// How long the whole run took.
    pub duration_ms: u64,
    /// How many cases, or pairs of a matrix, had each outcome, and how many cases were unscored; all
    /// are named.
    pub summary: BTreeMap<String, u32>,
    /// One entry a case, in the order of the chapters.
    pub cases: Vec<CaseReport>,
    /// Expectations that no longer hold.
    pub stale: Vec<StaleReport>,
    /// The clauses that the cases judge, by id.
    pub clauses: BTreeMap<String, ClauseReport>,
    /// Who talked with whom; empty unless a matrix was asked for.
    pub matrix: Vec<PairReport>,
}

/// An expectation that no longer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaleReport {
    /// The case or wildcard of the entry.
    pub entry: String,
    /// Where it begins in the file, from 1.
    pub line: usize,
    /// The cases that it is stale about.
    pub cases: Vec<String>,
    /// Why.
    pub why: String,
}

impl fmt::Display for StaleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, {}", self.line, self.entry)?;
        if let [case] = &self.cases[..]
            && *case != self.entry
        {
            write!(f, " ({case})")?;
        }
        write!(f, ": {}", self.why)
    }
}

/// A clause as the chapter has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClauseReport {
    /// The chapter.
    pub word: String,
    /// Who has to keep it.
    pub role: String,
    /// What can show that it is kept.
    pub evidence: String,
    /// The sentence.
    pub text: String,
}

/// Two clients that talked over a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairReport {
    /// The server's name.
    pub server: String,
    /// The name of the client that invited.
    pub inviter: String,
    /// The name of the client that claimed.
    pub claimer: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took.
    pub duration_ms: u64,
    /// What was seen.
    pub note: String,
}

/// What the failure of a property was shrunk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShrunkReport {
    /// How many sequences had been carried out.
    pub sequences: u64,
    /// How many commands show it.
    pub commands: u64,
    /// Of how many that were generated.
    pub generated: u64,
    /// How many candidates were tried.
    pub candidates: u64,
}

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseReport {
    /// The case's id.
    pub id: String,
    /// The profile that it belongs to.
    pub profile: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether its outcome counts: not if it came after the revision was frozen.
    pub scored: bool,
    /// The clauses that it judges.
    pub requirements: Vec<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// What the clauses ask for; not for a pass.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected: Option<String>,
    /// What the implementation did; not for a pass.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub actual: Option<String>,
    /// What went over the wire; not for a pass, unless asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace: Option<Vec<String>>,
    /// What a property's failure was shrunk to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shrunk: Option<ShrunkReport>,
    /// The command that runs this case again; not for a pass.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rerun: Option<String>,
    /// What else is to be said: of an expected failure, why it is expected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// Where an expected failure is discussed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub link: Option<String>,
}

impl CaseReport {
    /// A case with nothing to tell but its outcome.
    #[must_use]
    pub fn plain(id: &str, requirements: Vec<String>, outcome: Outcome) -> Self {
        Self {
            id: id.to_owned(),
            profile: cases::find(id).map_or(Profile::Core, Case::profile).name().to_owned(),
            outcome,
            scored: true,
            requirements,
            duration_ms: 0,
            expected: None,
            actual: None,
            trace: None,
            shrunk: None,
            rerun: None,
            note: None,
            link: None,
        }
    }
}

impl Report {
    /// A report of these cases. `clauses` are all that there are; those that the cases judge are kept.
    #[must_use]
    pub fn new(
        targets: Vec<TargetReport>,
        seed: u64,
        cases: Vec<CaseReport>,
        clauses: &[Clause],
    ) -> Self {
        let judged =
            |clause: &&Clause| cases.iter().any(|case| case.requirements.contains(&clause.id));
        let clauses = clauses
            .iter()
            .filter(judged)
            .map(|clause| (clause.id.clone(), ClauseReport::of(clause)))
            .collect();
        let mut report = Self {
            report_version: REPORT_VERSION,
            spec_revision: SPEC_REVISION,
            suite_version: SUITE_VERSION.to_owned(),
            verdict: Exit::Harness,
            targets,
            seed,
            duration_ms: 0,
            summary: BTreeMap::new(),
            cases,
            stale: Vec::new(),
            clauses,
            matrix: Vec::new(),
        };
        report.judge(false);
        report
    }

    /// Counts the outcomes again and draws the verdict from them. What a stale expectation is about
    /// is told by that, and is not against the implementation twice.
    pub fn judge(&mut self, strict: bool) {
        let stale: BTreeSet<&String> = self.stale.iter().flat_map(|entry| &entry.cases).collect();
        let pairs = self.matrix.iter().map(|pair| pair.outcome);
        let scored = self.cases.iter().filter(|case| case.scored);
        let cases = scored.clone().map(|case| case.outcome);
        let unscored = u32::try_from(self.cases.len() - scored.clone().count()).unwrap_or(u32::MAX);
        self.summary = Outcome::ALL.iter().map(|outcome| (outcome.name().to_owned(), 0)).collect();
        for outcome in cases.chain(pairs.clone()) {
            *self.summary.entry(outcome.name().to_owned()).or_default() += 1;
        }
        self.summary.insert(UNSCORED.to_owned(), unscored);
        let judged = scored.filter(|case| !stale.contains(&case.id));
        let outcomes: Vec<_> = judged.map(|case| case.outcome).chain(pairs).collect();
        self.verdict = Exit::of(&outcomes, strict, !self.stale.is_empty());
    }

    /// The chapters that have cases here, in order, with the cases of each.
    #[must_use]
    pub fn chapters(&self) -> Vec<(&str, Vec<&CaseReport>)> {
        let mut chapters: Vec<(&str, Vec<&CaseReport>)> = Vec::new();
        for case in &self.cases {
            let word = case.word();
            match chapters.iter_mut().find(|(known, _)| *known == word) {
                Some((_, cases)) => cases.push(case),
                None => chapters.push((word, vec![case])),
            }
        }
        chapters
    }

    /// What was judged, in a line: `edgewise-server 0.1.0, edgewise-client 0.1.0`; of a matrix, the
    /// clients that it names.
    #[must_use]
    pub fn judged(&self) -> String {
        if self.targets.is_empty() {
            let names: BTreeSet<&str> = self.matrix.iter().map(|it| it.inviter.as_str()).collect();
            return names.into_iter().collect::<Vec<_>>().join(", ");
        }
        self.targets.iter().map(TargetReport::name).collect::<Vec<_>>().join(", ")
    }

    /// How many cases did not count.
    #[must_use]
    pub fn unscored(&self) -> u32 {
        self.summary.get(UNSCORED).copied().unwrap_or_default()
    }

    /// How many cases had each outcome, without those that none had: `3 pass, 1 fail`.
    #[must_use]
    pub fn counts(&self) -> Vec<(Outcome, u32)> {
        Outcome::ALL
            .into_iter()
            .filter_map(|outcome| {
                let count = self.summary.get(outcome.name()).copied()?;
                (count > 0).then_some((outcome, count))
            })
            .collect()
    }
}

impl CaseReport {
    /// The name of its outcome, or that it does not count.
    #[must_use]
    pub const fn standing(&self) -> &'static str {
        if self.scored { self.outcome.name() } else { UNSCORED }
    }

    /// The chapter it belongs to.
    #[must_use]
    pub fn word(&self) -> &str {
        self.id.split('/').next().unwrap_or(&self.id)
    }
}

impl ClauseReport {
    fn of(clause: &Clause) -> Self {
        Self {
            word: clause.word.to_owned(),
            role: format!("{:?}", clause.role).to_lowercase(),
            evidence: format!("{:?}", clause.evidence).to_lowercase(),
            text: clause.text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const SCHEMA: &str = include_str!("../../report.schema.json");

    /// As much of JSON Schema as the file uses; anything else in it is a fault.
    fn check(schema: &Value, root: &Value, value: &Value, at: &str) -> Result<(), String> {
        for (keyword, rule) in schema.as_object().unwrap() {
            let fault = || format!("{at}: {keyword} {rule}: {value}");
            match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" => {}
                "$ref" => {
                    let path = rule.as_str().unwrap().trim_start_matches('#');
                    check(root.pointer(path).unwrap(), root, value, at)?;
                }
                "type" => {
                    let fits = match rule.as_str().unwrap() {
                        "object" => value.is_object(),
                        "array" => value.is_array(),
                        "string" => value.is_string(),
                        "integer" => value.is_u64(),
                        "boolean" => value.is_boolean(),
                        other => return Err(format!("{at}: type {other}")),
                    };
                    fits.then_some(()).ok_or_else(fault)?;
                }
                "enum" => {
                    rule.as_array().unwrap().contains(value).then_some(()).ok_or_else(fault)?;
                }
                "required" => {
                    let missing = |name: &&Value| value.get(name.as_str().unwrap()).is_none();
                    rule.as_array()
                        .unwrap()
                        .iter()
                        .find(missing)
                        .map_or(Ok(()), |_| Err(fault()))?;
                }
                "additionalProperties" if rule.is_object() => {
                    for (name, value) in value.as_object().unwrap() {
                        check(rule, root, value, &format!("{at}/{name}"))?;
                    }
                }
                "properties" | "additionalProperties" => {
                    let known = schema["properties"].as_object().unwrap();
                    for (name, value) in value.as_object().unwrap() {
                        let rule = known.get(name).ok_or_else(fault)?;
                        check(rule, root, value, &format!("{at}/{name}"))?;
                    }
                }
                "items" => {
                    for (place, value) in value.as_array().unwrap().iter().enumerate() {
                        check(rule, root, value, &format!("{at}/{place}"))?;
                    }
                }
                other => return Err(format!("{at}: keyword {other} is not used here")),
            }
        }
        Ok(())
    }

    const SHRUNK: ShrunkReport =
        ShrunkReport { sequences: 3, commands: 2, generated: 40, candidates: 9 };

    fn report() -> Report {
        let full = CaseReport {
            expected: Some("a".into()),
            actual: Some("b".into()),
            trace: Some(vec!["c".into()]),
            shrunk: Some(SHRUNK),
            rerun: Some("d".into()),
            note: Some("e".into()),
            link: Some("https://example.org".into()),
            ..CaseReport::plain("frame/x", vec!["FRAME-1".into()], Outcome::Fail)
        };
        let cases = Outcome::ALL.map(|outcome| CaseReport::plain("a/b", Vec::new(), outcome));
        let cases = cases.into_iter().chain([full]).collect();
        let target = TargetReport { kind: "embedded".into(), ..TargetReport::default() };
        let clauses = crate::clauses::read("frame", "**FRAME-1** (server; wire) It MUST be so.");
        let mut report = Report::new(vec![target], 1, cases, &clauses.unwrap());
        report.stale.push(StaleReport {
            entry: "frame/*".into(),
            line: 3,
            cases: vec!["frame/y".into()],
            why: "it passes".into(),
        });
        report.matrix.push(PairReport {
            server: "s".into(),
            inviter: "a".into(),
            claimer: "b".into(),
            outcome: Outcome::Pass,
            duration_ms: 1,
            note: "40 texts".into(),
        });
        report
    }

    #[test]
    fn the_json_is_what_the_schema_says() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let value = serde_json::to_value(report()).unwrap();
        check(&schema, &schema, &value, "").unwrap();
        for name in ["spec_revision", "summary", "cases"] {
            let mut less = value.clone();
            less.as_object_mut().unwrap().remove(name);
            assert!(check(&schema, &schema, &less, "").is_err(), "{name} may be missing");
        }
        let mut more = value.clone();
        more["cases"][0]["surprise"] = 1.into();
        assert!(check(&schema, &schema, &more, "").is_err());
        let mut wrong = value;
        wrong["cases"][0]["outcome"] = "passed".into();
        assert!(check(&schema, &schema, &wrong, "").is_err());
    }

    #[test]
    fn the_schema_says_nothing_that_the_json_has_not() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let value = serde_json::to_value(report()).unwrap();
        let case = value["cases"].as_array().unwrap().last().unwrap();
        let pairs = [
            ("/properties", &value),
            ("/$defs/target/properties", &value["targets"][0]),
            ("/$defs/clause/properties", &value["clauses"]["FRAME-1"]),
            ("/$defs/pair/properties", &value["matrix"][0]),
            ("/$defs/case/properties", case),
            ("/$defs/shrunk/properties", &case["shrunk"]),
            ("/$defs/stale/properties", &value["stale"][0]),
            ("/$defs/summary/properties", &value["summary"]),
        ];
        for (pointer, value) in pairs {
            let names = |value: &Value| -> Vec<String> {
                let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
                names.sort();
                names
            };
            assert_eq!(names(schema.pointer(pointer).unwrap()), names(value), "{pointer}");
        }
    }

    #[test]
    fn a_matrix_names_the_clients_that_it_judged() {
        let mut report = report();
        report.targets.clear();
        let pair = report.matrix[0].clone();
        report.matrix.push(PairReport { inviter: "b".into(), claimer: "a".into(), ..pair });
        assert_eq!(report.judged(), "a, b");
    }

    #[test]
    fn what_is_unscored_changes_neither_verdict_nor_counts() {
        let plain =
            |outcome, scored| CaseReport { scored, ..CaseReport::plain("a/b", vec![], outcome) };
        for outcome in Outcome::ALL {
            let cases = vec![plain(Outcome::Pass, true), plain(outcome, false)];
            let report = Report::new(Vec::new(), 1, cases, &[]);
            assert_eq!(report.verdict, Exit::Conformant, "{outcome:?}");
            assert_eq!(report.counts(), [(Outcome::Pass, 1)]);
            assert_eq!(report.unscored(), 1);
        }
        let alone = Report::new(Vec::new(), 1, vec![plain(Outcome::Pass, false)], &[]);
        assert_eq!(alone.verdict, Exit::Harness, "nothing that counts was run");
    }

    #[test]
    fn a_report_survives_its_json() {
        let report = report();
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        assert_eq!(report.summary["fail"], 2);
        assert_eq!(report.summary["pass"], 1);
    }
}
