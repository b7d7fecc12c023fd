//! Rewrites a file of expectations so that it holds: what stands keeps its words and comments, what
//! is stale goes, what fails and is in no entry gets one. No wildcard is ever made.

use std::mem;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use super::{Expectation, Expectations, Told};
use crate::outcome::Outcome;
use crate::report::CaseReport;

/// The reason of an entry that nobody has explained.
pub const UNEXPLAINED: &str = "not explained yet";

/// What becomes of an entry.
enum Fate {
    /// It stands.
    Kept,
    /// One entry a case in its place, each with its message.
    Parted(Vec<(String, String)>),
}

impl Expectations {
    /// The file with which these outcomes, before any expectation was applied, are as expected.
    /// What a run did not judge stays. `known` are the cases of the suite; `strict` counts warnings.
    ///
    /// # Errors
    /// What cannot be read again, which is a fault of the suite.
    pub fn fixed(
        &self,
        cases: &[CaseReport],
        known: &[&str],
        strict: bool,
    ) -> Result<String, toml_edit::TomlError> {
        let mut document: DocumentMut = self.text.parse()?;
        let there = document.remove("expect").map(Item::into_array_of_tables);
        let there = there.and_then(Result::ok).unwrap_or_default();
        let mut tables = ArrayOfTables::new();
        let mut above = String::new();
        for (entry, table) in self.entries.iter().zip(there) {
            let parts = match entry.fate(cases) {
                Fate::Kept => vec![table],
                Fate::Parted(singles) if singles.is_empty() => {
                    above.push_str(about_the_file(&prefix(&table)));
                    continue;
                }
                Fate::Parted(singles) => parted(&table, &singles),
            };
            for mut table in parts {
                if !above.is_empty() {
                    let prefix = mem::take(&mut above) + prefix(&table).trim_start_matches('\n');
                    table.decor_mut().set_prefix(prefix);
                }
                tables.push(table);
            }
        }
        for case in cases {
            let covered = self.entries.iter().any(|entry| entry.covers.contains(&case.id));
            if !covered && known.contains(&case.id.as_str()) && fails(case, strict) {
                tables.push(written(case));
            }
        }
        if !above.is_empty() {
            let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
            document.set_trailing(above + &trailing);
        }
        if !tables.is_empty() {
            document.insert("expect", Item::ArrayOfTables(tables));
        }
        Ok(document.to_string())
    }
}

impl Expectation {
    fn fate(&self, cases: &[CaseReport]) -> Fate {
        let told = |id: &String| {
            let case = cases.iter().find(|case| case.id == *id);
            case.map_or(Told::Nothing, |case| self.told(case))
        };
        let stale = self.covers.iter().any(|id| matches!(told(id), Told::Stale(_)));
        if self.miscounts().is_none() && !stale {
            return Fate::Kept;
        }
        let single = |id: &String| {
            let message = match told(id) {
                Told::Holds | Told::Nothing => self.message.clone(),
                Told::Stale(_) => {
                    let case = cases.iter().find(|case| case.id == *id)?;
                    fails(case, true).then(|| first_line(case))?
                }
            };
            Some((id.clone(), message))
        };
        Fate::Parted(self.covers.iter().filter_map(single).collect())
    }
}

/// Whether an entry is due for what became of a case.
fn fails(case: &CaseReport, strict: bool) -> bool {
    let failed = matches!(case.outcome, Outcome::Fail | Outcome::Timeout | Outcome::Crash);
    let told = case.expected.as_ref().is_some_and(|expected| !expected.is_empty());
    case.scored && told && (failed || (strict && case.outcome == Outcome::Warn))
}

fn first_line(case: &CaseReport) -> String {
    let expected = case.expected.as_deref().unwrap_or_default();
    expected.lines().next().unwrap_or_default().to_owned()
}

fn written(case: &CaseReport) -> Table {
    let mut table = Table::new();
    set(&mut table, "case", &case.id);
    set(&mut table, "message", &first_line(case));
    set(&mut table, "reason", UNEXPLAINED);
    table
}

/// One table a case, the first of them with the comments above the old one.
fn parted(table: &Table, singles: &[(String, String)]) -> Vec<Table> {
    let one = |(place, (case, message)): (usize, &(String, String))| {
        let mut one = table.clone();
        one.remove("count");
        set(&mut one, "case", case);
        set(&mut one, "message", message);
        if place > 0 {
            one.decor_mut().set_prefix("\n");
            one.set_position(None);
        }
        one
    };
    singles.iter().enumerate().map(one).collect()
}

/// Sets a value; a comment behind it stays.
fn set(table: &mut Table, key: &str, text: &str) {
    let old = table.get(key).and_then(Item::as_value);
    if old.and_then(Value::as_str) == Some(text) {
        return;
    }
    let mut new = Value::from(text);
    if let Some(old) = old {
        *new.decor_mut() = old.decor().clone();
    }
    table.insert(key, Item::Value(new));
}

/// What stands above an entry.
fn prefix(table: &Table) -> String {
    let prefix = table.decor().prefix().and_then(|prefix| prefix.as_str());
    prefix.unwrap_or_default().to_owned()
}

/// The part of a prefix that a blank line parts from its entry: it is about the file, or about
/// several entries.
fn about_the_file(prefix: &str) -> &str {
    let end = prefix.rfind("\n\n").map_or(0, |place| place + 2);
    let part = prefix.get(..end).unwrap_or_default();
    if part.trim().is_empty() { "" } else { part }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{KNOWN, ended, entry, parsed};
    use super::*;

    fn fixed(text: &str, cases: &[CaseReport]) -> String {
        let fixed = parsed(text).fixed(cases, &KNOWN, false).unwrap();
        // What was written holds.
        assert_eq!(parsed(&fixed).apply(&mut cases.to_vec()), [], "{fixed}");
        fixed
    }

    const FILE: &str = "\
# Of our server, by the team.

# Known for long.
[[expect]]
case = \"frame/length\" # the oldest
message = \"a Result\" # as it begins
reason = \"known\"
link = \"https://x.org/1\"

[[expect]]
case = \"link/a\"
message = \"a Result\"
reason = \"hard\"
# The end.
";

    #[test]
    fn what_holds_stays_to_the_letter_and_what_was_not_run_does() {
        let failed = ended("frame/length", Outcome::Fail, "a Result for #1");
        assert_eq!(fixed(FILE, &[failed]), FILE);
        let unsure = [Outcome::Notrun, Outcome::Flaky, Outcome::HarnessError];
        for outcome in unsure {
            assert_eq!(fixed(FILE, &[ended("link/a", outcome, "x")]), FILE);
        }
    }

    #[test]
    fn a_message_changes_and_nothing_beside_it() {
        let failed = ended("frame/length", Outcome::Fail, "Goodbye\nand more");
        let wanted = FILE.replacen("\"a Result\"", "\"Goodbye\"", 1);
        assert_eq!(fixed(FILE, &[failed]), wanted);
    }

    #[test]
    fn what_passes_goes_and_what_is_about_the_file_stays() {
        let passed = [
            ended("frame/length", Outcome::Pass, ""),
            ended("link/a", Outcome::Fail, "a Result for #1"),
        ];
        let fixed_once = fixed(FILE, &passed);
        let wanted = "# Of our server, by the team.\n\n[[expect]]\ncase = \"link/a\"\n\
                      message = \"a Result\"\nreason = \"hard\"\n# The end.\n";
        assert_eq!(fixed_once, wanted);
        let none = fixed(FILE, &KNOWN.map(|id| ended(id, Outcome::Pass, "")));
        assert_eq!(none, "# Of our server, by the team.\n\n# The end.\n");
    }

    #[test]
    fn what_fails_gets_an_entry_and_what_is_no_case_none() {
        let failed = [
            ended("frame/order", Outcome::Crash, "a server that goes on"),
            ended("frame/length", Outcome::Warn, "soon"),
            ended("harness/start", Outcome::Crash, "a ServerReady"),
        ];
        let wanted = "[[expect]]\ncase = \"frame/order\"\nmessage = \"a server that goes on\"\n\
                      reason = \"not explained yet\"\n";
        assert_eq!(fixed("", &failed), wanted);
        assert_eq!(parsed(wanted).unexplained(), 1);
        let strict = parsed("").fixed(&failed, &KNOWN, true).unwrap();
        assert!(strict.contains("frame/length"), "{strict}");
        let more = fixed(FILE, &[failed[0].clone(), failed[2].clone()]);
        assert_eq!(more.replace(&format!("\n{wanted}"), ""), FILE, "{more}");
    }

    #[test]
    fn a_wildcard_that_holds_stays_and_one_that_does_not_is_parted() {
        let text = entry("link/close-*", "Goodbye", "count = 3");
        let mut cases = [
            ended("link/close-a", Outcome::Fail, "Goodbye DONE"),
            ended("link/close-b", Outcome::Fail, "Goodbye DONE"),
        ];
        assert_eq!(fixed(&text, &cases), text, "the third was not run");
        cases[0].outcome = Outcome::Pass;
        let parted = fixed(&text, &cases);
        let there: Vec<_> = parsed(&parted).entries.into_iter().map(|it| it.case).collect();
        assert_eq!(there, ["link/close-b", "link/close-c"], "{parted}");
        assert!(!parted.contains("count"), "{parted}");
        let fewer = entry("link/close-*", "Goodbye", "count = 2");
        let parted = fixed(&fewer, &[ended("link/close-c", Outcome::Fail, "a Result")]);
        assert_eq!(parsed(&parted).entries.len(), 3, "{parted}");
        assert!(!parted.contains('*') && parted.contains("\"a Result\""), "{parted}");
    }
}
