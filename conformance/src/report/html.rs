//! One page that needs nothing else: no network, no other file.

use std::io;
use std::time::Duration;

use askama::Template;

use super::{CaseReport, ClauseReport, PairReport, Report};
use crate::outcome::Outcome;

#[derive(Template)]
#[template(path = "page.html", escape = "html")]
struct Page<'a> {
    report: &'a Report,
    style: &'static str,
    script: &'static str,
    chapters: Vec<Chapter<'a>>,
    servers: Vec<Server<'a>>,
}

impl Page<'_> {
    /// How a reader sees an outcome at a glance.
    const fn kind(&self, outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Pass | Outcome::Info => "good",
            Outcome::Unsupported | Outcome::Xfail => "aside",
            Outcome::Warn | Outcome::Flaky => "doubt",
            _ => "bad",
        }
    }

    fn seconds(&self, millis: &u64) -> String {
        format!("{:.1} s", Duration::from_millis(*millis).as_secs_f32())
    }
}

struct Chapter<'a> {
    word: &'a str,
    passed: usize,
    cases: Vec<Row<'a>>,
}

struct Row<'a> {
    case: &'a CaseReport,
    clauses: Vec<(&'a str, Option<&'a ClauseReport>)>,
}

/// The clients on one server: a row an inviter, a column a claimer.
struct Server<'a> {
    name: &'a str,
    clients: Vec<&'a str>,
    rows: Vec<(&'a str, Vec<Option<&'a PairReport>>)>,
}

pub(super) fn render(report: &Report) -> io::Result<String> {
    let page = Page {
        report,
        style: include_str!("page.css"),
        script: include_str!("page.js"),
        chapters: chapters(report),
        servers: servers(report),
    };
    page.render().map_err(io::Error::other)
}

fn chapters(report: &Report) -> Vec<Chapter<'_>> {
    let chapter = |(word, cases): (_, Vec<_>)| Chapter {
        word,
        passed: cases
            .iter()
            .filter(|case: &&&CaseReport| case.standing() == Outcome::Pass.name())
            .count(),
        cases: cases.into_iter().map(|case| row(report, case)).collect(),
    };
    report.chapters().into_iter().map(chapter).collect()
}

fn row<'a>(report: &'a Report, case: &'a CaseReport) -> Row<'a> {
    let clause = |id: &'a String| (id.as_str(), report.clauses.get(id));
    Row { case, clauses: case.requirements.iter().map(clause).collect() }
}

fn servers(report: &Report) -> Vec<Server<'_>> {
    let mut names: Vec<&str> = Vec::new();
    let mut clients: Vec<&str> = Vec::new();
    for pair in &report.matrix {
        if !names.contains(&pair.server.as_str()) {
            names.push(&pair.server);
        }
        for client in [pair.inviter.as_str(), pair.claimer.as_str()] {
            if !clients.contains(&client) {
                clients.push(client);
            }
        }
    }
    let find = |server: &str, inviter: &str, claimer: &str| {
        report.matrix.iter().find(|pair| {
            pair.server == server && pair.inviter == inviter && pair.claimer == claimer
        })
    };
    let row = |server: &str, inviter: &str| {
        clients.iter().map(|claimer| find(server, inviter, claimer)).collect()
    };
    names
        .into_iter()
        .map(|name| Server {
            name,
            clients: clients.clone(),
            rows: clients.iter().map(|inviter| (*inviter, row(name, inviter))).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{StaleReport, TargetReport};

    fn failed() -> CaseReport {
        CaseReport {
            expected: Some("</pre><script>alert(1)</script>".into()),
            actual: Some("\"nothing\" & more".into()),
            trace: Some(vec!["1 → Send <handle>".into()]),
            rerun: Some("edgewise-conformance --case frame/x".into()),
            link: Some("https://example.org/issues/12".into()),
            ..CaseReport::plain("frame/x", vec!["FRAME-1".into()], Outcome::Fail)
        }
    }

    fn pair(inviter: &str, outcome: Outcome) -> PairReport {
        PairReport {
            server: "s".into(),
            inviter: inviter.into(),
            claimer: "one".into(),
            outcome,
            duration_ms: 5,
            note: "said <b>".into(),
        }
    }

    #[test]
    fn a_page_has_all_that_is_known_and_nothing_from_outside_becomes_markup() {
        let target = TargetReport {
            profile: "core".into(),
            preflight: vec!["it says <no>".into()],
            implementation: "<img src=x>".into(),
            ..TargetReport::default()
        };
        let clauses = crate::clauses::read("frame", "**FRAME-1** (server; wire) It MUST be so.");
        let mut later = CaseReport::plain("frame/z", Vec::new(), Outcome::Crash);
        later.scored = false;
        let mut report = Report::new(vec![target], 3, vec![failed(), later], &clauses.unwrap());
        report.stale.push(StaleReport {
            entry: "frame/old".into(),
            line: 7,
            cases: vec!["frame/old".into()],
            why: "<gone>".into(),
        });
        report.matrix = vec![pair("one", Outcome::Pass), pair("two", Outcome::Fail)];
        let page = render(&report).unwrap();
        for told in [
            "It MUST be so.",
            "1 → Send &#60;handle&#62;",
            "edgewise-conformance --case frame/x",
            "line 7, frame/old: &#60;gone&#62;",
            "https://example.org/issues/12",
            "said &#60;b&#62;",
            "&#60;img src=x&#62;",
            "not conformant",
            "data-outcome=\"unscored\"",
            "1 unscored</label>",
            "proved first: it says &#60;no&#62;",
        ] {
            assert!(page.contains(told), "no {told:?} in\n{page}");
        }
        assert_eq!(page.matches("<script").count(), 1, "the page's own and no other");
        for outside in ["src=\"http", "href=\"http", "url(", "@import", "<link"] {
            assert!(!page.contains(outside), "the page would ask for {outside:?}");
        }
    }
}
