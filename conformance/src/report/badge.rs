//! The endpoint of a shields badge: what was judged, by which profiles of which revision, and how it ended.

use std::io;

use serde::Serialize;

use super::Report;
use crate::outcome::Exit;

/// As <https://shields.io/badges/endpoint-badge> describes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Badge {
    schema_version: u32,
    label: String,
    message: String,
    color: &'static str,
    is_error: bool,
}

pub(super) fn render(report: &Report) -> io::Result<String> {
    let profiles: Vec<&str> = report.targets.iter().map(|target| target.profile.as_str()).collect();
    let profiles = if profiles.is_empty() { "none".to_owned() } else { profiles.join(" + ") };
    let (message, color) = match report.verdict {
        Exit::Conformant => ("conformant".to_owned(), "brightgreen"),
        Exit::Nonconformant => {
            let scored = report.cases.iter().filter(|case| case.scored);
            let against = scored.clone().filter(|case| case.outcome.is_against(false)).count();
            (format!("{against} of {} against", scored.count()), "red")
        }
        Exit::Harness => ("not judged".to_owned(), "lightgrey"),
        Exit::Stale => ("stale expectations".to_owned(), "orange"),
    };
    let badge = Badge {
        schema_version: 1,
        label: format!("edgewise {profiles}, revision {}", report.spec_revision),
        message,
        color,
        is_error: report.verdict == Exit::Harness,
    };
    Ok(serde_json::to_string_pretty(&badge)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::report::{CaseReport, TargetReport};

    fn badge(outcomes: &[Outcome]) -> serde_json::Value {
        let target = TargetReport { profile: "core".into(), ..TargetReport::default() };
        let cases = outcomes.iter().map(|one| CaseReport::plain("frame/x", Vec::new(), *one));
        let report = Report::new(vec![target], 1, cases.collect(), &[]);
        serde_json::from_str(&render(&report).unwrap()).unwrap()
    }

    #[test]
    fn it_names_profile_and_revision_and_does_not_flatter() {
        let good = badge(&[Outcome::Pass, Outcome::Unsupported]);
        assert_eq!(good["schemaVersion"], 1);
        assert_eq!(good["label"], "edgewise core, revision 1");
        assert_eq!(
            (&good["message"], &good["color"]),
            (&"conformant".into(), &"brightgreen".into())
        );
        let bad = badge(&[Outcome::Pass, Outcome::Fail, Outcome::Timeout]);
        assert_eq!((&bad["message"], &bad["color"]), (&"2 of 3 against".into(), &"red".into()));
        let mut later = CaseReport::plain("frame/x", Vec::new(), Outcome::Fail);
        let failed = later.clone();
        later.scored = false;
        let report = Report::new(Vec::new(), 1, vec![failed, later], &[]);
        assert!(render(&report).unwrap().contains("1 of 1 against"));
        assert_eq!(badge(&[])["message"], "not judged");
        assert_eq!(badge(&[Outcome::HarnessError, Outcome::Fail])["isError"], true);
    }
}
