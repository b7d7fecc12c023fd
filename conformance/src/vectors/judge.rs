//! What an answer means beside what is expected.

use serde_json::Value;

use super::protocol::Answer;
use super::{Expected, Vector};
use crate::outcome::Outcome;

/// Characters of a value that are shown.
const SHOWN: usize = 72;
/// Characters of it that are shown in front of the first that differs.
const BEFORE: usize = 8;

/// Operations whose refusals tell nobody their layer: an end of a session is one answer to all
/// (spec/session.md, *Vectors*), so a program may not know it.
const UNTOLD: [&str; 1] = ["session/open"];

/// What became of a vector; what was expected and what came, where that is something else.
#[derive(Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    pub(super) finding: Option<(String, String)>,
}

/// Judges an answer.
pub(super) fn judge(vector: &Vector, answer: &Answer) -> Judged {
    let found = |outcome, expected: String, actual: String| Judged {
        outcome,
        finding: Some((expected, actual)),
    };
    let fail = |expected, actual| found(Outcome::Fail, expected, actual);
    let pass = Judged { outcome: Outcome::Pass, finding: None };
    match (&vector.expected, answer) {
        (_, Answer::Unsupported(_)) => Judged { outcome: Outcome::Unsupported, finding: None },
        (Expected::Output(expected), Answer::Output(actual)) if expected == actual => pass,
        (Expected::Output(expected), Answer::Output(actual)) => {
            let (mut wanted, mut came) = (Vec::new(), Vec::new());
            differences("output", Some(expected), Some(actual), &mut wanted, &mut came);
            fail(wanted.join("\n"), came.join("\n"))
        }
        (Expected::Output(expected), Answer::Refused(layer)) => {
            fail(format!("accepted: {}", cut(&expected.to_string(), 0)), refused(layer))
        }
        (Expected::Refused(layer), Answer::Output(actual)) => {
            fail(refused(layer), format!("accepted: {}", cut(&actual.to_string(), 0)))
        }
        (Expected::Refused(expected), Answer::Refused(layer)) if expected == layer => pass,
        (Expected::Refused(expected), Answer::Refused(layer)) if layer.is_empty() => {
            let operation = format!("{}/{}", vector.word, vector.operation);
            if UNTOLD.contains(&operation.as_str()) {
                return pass;
            }
            found(Outcome::Warn, refused(expected), refused(layer))
        }
        (Expected::Refused(expected), Answer::Refused(layer)) => {
            fail(refused(expected), refused(layer))
        }
    }
}

fn refused(layer: &str) -> String {
    if layer.is_empty() {
        return "refused, without a layer".to_owned();
    }
    format!("refused by layer {:?}", cut(layer, 0))
}

/// Every place where two values differ, a line each on either side.
fn differences(
    place: &str,
    expected: Option<&Value>,
    actual: Option<&Value>,
    wanted: &mut Vec<String>,
    came: &mut Vec<String>,
) {
    if expected == actual {
        return;
    }
    match (expected, actual) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let more = right.keys().filter(|name| !left.contains_key(*name));
            for name in left.keys().chain(more) {
                let place = format!("{place}.{name}");
                differences(&place, left.get(name), right.get(name), wanted, came);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for at in 0..left.len().max(right.len()) {
                let place = format!("{place}[{at}]");
                differences(&place, left.get(at), right.get(at), wanted, came);
            }
        }
        _ => {
            let text = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
            let (left, right) = (text(expected), text(actual));
            let same = left.chars().zip(right.chars()).take_while(|(a, b)| a == b).count();
            let from = if left.len().max(right.len()) > SHOWN { same } else { 0 };
            wanted.push(format!("{place} {}", cut(&left, from)));
            came.push(format!("{place} {}", cut(&right, from)));
        }
    }
}

/// The part of a text around the character `at`, with how much of it there is.
fn cut(text: &str, at: usize) -> String {
    let count = text.chars().count();
    if count <= SHOWN {
        return text.to_owned();
    }
    let skipped = at.saturating_sub(BEFORE);
    let shown: String = text.chars().skip(skipped).take(SHOWN).collect();
    let front = if skipped > 0 { "…" } else { "" };
    let end = if skipped + SHOWN < count { "…" } else { "" };
    format!("{front}{shown}{end} ({count} characters, shown from {skipped})")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vector(operation: &str, expected: Expected) -> Vector {
        Vector {
            word: "session".into(),
            operation: operation.into(),
            name: "session/x".into(),
            comment: String::new(),
            requirements: Vec::new(),
            flags: Vec::new(),
            input: json!({}),
            expected,
        }
    }

    #[test]
    fn only_the_expected_answer_passes() {
        let output = || Expected::Output(json!({ "a": 1, "b": "00" }));
        let layer = || Expected::Refused("tag".into());
        let answer = |text: Value| Answer::Output(text);
        let refused = |layer: &str| Answer::Refused(layer.into());
        for (expected, answer, outcome) in [
            (output(), answer(json!({ "b": "00", "a": 1 })), Outcome::Pass),
            (output(), answer(json!({ "a": 1 })), Outcome::Fail),
            (output(), answer(json!({ "a": 1, "b": "00", "c": 1 })), Outcome::Fail),
            (output(), answer(json!({ "a": "1", "b": "00" })), Outcome::Fail),
            (output(), answer(json!({})), Outcome::Fail),
            (output(), refused("tag"), Outcome::Fail),
            (layer(), refused("tag"), Outcome::Pass),
            (layer(), refused("length"), Outcome::Fail),
            (layer(), refused(""), Outcome::Warn),
            (layer(), answer(json!({})), Outcome::Fail),
            (layer(), Answer::Unsupported("no".into()), Outcome::Unsupported),
        ] {
            let judged = judge(&vector("cell", expected.clone()), &answer);
            assert_eq!(judged.outcome, outcome, "{expected:?} {answer:?}");
            let plain = matches!(outcome, Outcome::Pass | Outcome::Unsupported);
            assert_eq!(judged.finding.is_none(), plain, "{answer:?}");
        }
        let untold = vector("open", layer());
        assert_eq!(judge(&untold, &refused("")).outcome, Outcome::Pass);
        assert_eq!(judge(&untold, &refused("length")).outcome, Outcome::Fail);
    }

    #[test]
    fn what_differs_is_shown_and_nothing_else() {
        let long = "ab".repeat(1_000);
        let mut other = long.clone();
        other.replace_range(900..901, "x");
        let expected = Expected::Output(json!({ "same": long, "long": long, "list": [1, 2] }));
        let answer = Answer::Output(json!({ "same": long, "long": other, "list": [1] }));
        let (wanted, came) = judge(&vector("cell", expected), &answer).finding.unwrap();
        assert!(came.contains('x') && !wanted.contains('x'), "{came}");
        assert!(
            wanted.contains("output.long …") && wanted.contains("output.list[1] 2"),
            "{wanted}"
        );
        assert!(came.contains("output.list[1] none"), "{came}");
        assert!(!wanted.contains("same") && wanted.len() < 300, "{wanted}");
    }
}
