//! The result of a run as data. `conformance/report.schema.json` describes its JSON.

use std::collections::BTreeMap;

use edgewise_spec::constants::SPEC_REVISION;
use serde::{Deserialize, Serialize};

use crate::case::Profile;
use crate::outcome::Outcome;
use crate::repro::SUITE_VERSION;

/// Everything that is known of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Revision of the specification that was judged.
    pub spec_revision: u32,
    /// Version of the suite.
    pub suite_version: String,
    /// What was judged.
    pub target: TargetReport,
    /// From which all randomness of the suite came.
    pub seed: u64,
    /// How long the whole run took.
    pub duration_ms: u64,
    /// How many cases had each outcome; every outcome is named.
    pub summary: BTreeMap<String, u32>,
    /// One entry a case, in the order of the chapters.
    pub cases: Vec<CaseReport>,
    /// Expectations that no longer hold.
    pub stale: Vec<String>,
}

/// What was judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetReport {
    /// `embedded`, `attach` or `exec`.
    pub kind: String,
    /// The address it was attached to, or the command.
    pub place: String,
    /// What it calls itself.
    pub implementation: String,
    /// Its version.
    pub version: String,
    /// What it declares beyond the profile.
    pub capabilities: Vec<String>,
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
    /// The command that runs this case again; not for a pass.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rerun: Option<String>,
    /// What else is to be said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

impl CaseReport {
    /// A case with nothing to tell but its outcome.
    #[must_use]
    pub fn plain(id: &str, requirements: Vec<String>, outcome: Outcome) -> Self {
        Self {
            id: id.to_owned(),
            profile: Profile::Core.name().to_owned(),
            outcome,
            requirements,
            duration_ms: 0,
            expected: None,
            actual: None,
            trace: None,
            rerun: None,
            note: None,
        }
    }
}

impl Report {
    /// A report of these cases.
    #[must_use]
    pub fn new(target: TargetReport, seed: u64, cases: Vec<CaseReport>) -> Self {
        let mut report = Self {
            spec_revision: SPEC_REVISION,
            suite_version: SUITE_VERSION.to_owned(),
            target,
            seed,
            duration_ms: 0,
            summary: BTreeMap::new(),
            cases,
            stale: Vec::new(),
        };
        report.count();
        report
    }

    /// Counts the outcomes again.
    pub fn count(&mut self) {
        self.summary = Outcome::ALL.iter().map(|outcome| (outcome.name().to_owned(), 0)).collect();
        for case in &self.cases {
            *self.summary.entry(case.outcome.name().to_owned()).or_default() += 1;
        }
    }

    /// The outcomes alone.
    #[must_use]
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.cases.iter().map(|case| case.outcome).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const SCHEMA: &str = include_str!("../report.schema.json");

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

    fn report() -> Report {
        let full = CaseReport {
            expected: Some("a".into()),
            actual: Some("b".into()),
            trace: Some(vec!["c".into()]),
            rerun: Some("d".into()),
            note: Some("e".into()),
            ..CaseReport::plain("frame/x", vec!["FRAME-1".into()], Outcome::Fail)
        };
        let cases = Outcome::ALL.map(|outcome| CaseReport::plain("a/b", Vec::new(), outcome));
        let cases = cases.into_iter().chain([full]).collect();
        let target = TargetReport { kind: "embedded".into(), ..TargetReport::default() };
        Report::new(target, 1, cases)
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
            ("/$defs/target/properties", &value["target"]),
            ("/$defs/case/properties", case),
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
    fn a_report_survives_its_json() {
        let report = report();
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        assert_eq!(report.summary["fail"], 2);
        assert_eq!(report.summary["pass"], 1);
    }
}
