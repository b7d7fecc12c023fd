//! The page of all cases, by the word they are of.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Book, source};
use crate::case::Case;
use crate::cases;

/// The page; files that it leads to are added to `led`.
pub(super) fn page(book: &Book, led: &mut BTreeSet<String>) -> String {
    let mut text = String::from(
        "# Cases\n\nEvery case of the suite, with the clauses that it judges. `edgewise-conformance \
         explain CASE` says the same, `--case CASE` runs it alone.\n",
    );
    let mut word = "";
    for case in cases::all() {
        if case.word() != word {
            word = case.word();
            let _ = write!(
                text,
                "\n## {word}\n\n| case | judges | profile | needs |\n|---|---|---|---|\n"
            );
        }
        row(&mut text, book, case, led);
    }
    text
}

fn row(text: &mut String, book: &Book, case: &Case, led: &mut BTreeSet<String>) {
    let anchor = case.id.replace('/', "-");
    let name = match book.tables.get(case.id) {
        Some(line) => format!("[{}]({})", case.id, source::link(line, led)),
        None => case.id.to_owned(),
    };
    let clauses = case.requirements().into_iter().map(|id| match book.clause(&id) {
        Some(clause) => format!("[{id}]({}.md#{id})", clause.word),
        None => id,
    });
    let clauses = clauses.collect::<Vec<_>>().join(", ");
    let needs: Vec<_> = case.needs.iter().map(|need| need.name()).collect();
    let (profile, needs) = (case.profile().name(), needs.join(", "));
    let _ = writeln!(text, "| <a id=\"{anchor}\"></a>{name} | {clauses} | {profile} | {needs} |");
}
