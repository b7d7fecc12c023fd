//! `explain`: what a clause says and who judges it, or what a case judges.

use std::fmt::Write;

use super::{Usage, select};
use crate::case::Case;
use crate::clauses::{self, Clause};
use crate::outcome::Exit;
use crate::{cases, mutants};

/// Prints a clause or a case.
pub(super) fn explain(what: &str) -> Result<Exit, Usage> {
    let clauses = clauses::all().map_err(|error| Usage(error.to_string()))?;
    anstream::println!("{}", text(what, &clauses)?.trim_end());
    Ok(Exit::Conformant)
}

fn text(what: &str, clauses: &[Clause]) -> Result<String, Usage> {
    if let Some(case) = cases::find(what) {
        return Ok(of_case(case, clauses));
    }
    let upper = what.to_uppercase().replacen('_', "-", 1);
    if let Some(clause) = clauses.iter().find(|clause| clause.id == upper) {
        return Ok(of_clause(clause));
    }
    let mut names: Vec<&str> = clauses.iter().map(|clause| clause.id.as_str()).collect();
    names.extend(cases::all().map(|case| case.id));
    let near = select::near(what, &names).join(", ");
    Err(Usage(format!("no clause and no case {what:?}; near: {near}")))
}

fn of_clause(clause: &Clause) -> String {
    let mut text = format!("{clause}\n\nspec/{}.md\n", clause.word);
    let judged: Vec<&Case> =
        cases::all().filter(|case| case.requirements().contains(&clause.id)).collect();
    if judged.is_empty() {
        let _ = writeln!(text, "\nno case: evidence {:?}", clause.evidence);
    }
    for case in judged {
        let _ = write!(text, "\ncase    {}", case.id);
    }
    for mutant in mutants::all().filter(|mutant| mutant.clause() == clause.id) {
        let _ = write!(text, "\nmutant  {}, killed by {}", mutant.id, mutant.case);
    }
    text
}

fn of_case(case: &Case, clauses: &[Clause]) -> String {
    let mut text = format!("{}\n", case.id);
    if !case.needs.is_empty() {
        let _ = writeln!(text, "needs {:?}", case.needs);
    }
    for id in case.requirements() {
        if let Some(clause) = clauses.iter().find(|clause| clause.id == id) {
            let _ = write!(text, "\n{clause}\n");
        }
    }
    for mutant in mutants::all().filter(|mutant| mutant.case == case.id) {
        let _ = write!(text, "\nkills   {}", mutant.id);
    }
    let _ = write!(text, "\nrun     edgewise-conformance --case {}", case.id);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_and_cases_are_explained_and_others_are_named() {
        let clauses = clauses::all().unwrap();
        let clause = text("frame_2", &clauses).unwrap();
        assert!(clause.starts_with("FRAME-2 (server; wire) A server that receives"), "{clause}");
        let case = cases::all().next().unwrap();
        let explained = text(case.id, &clauses).unwrap();
        assert!(explained.contains(&case.requirements()[0]), "{explained}");
        let fault = text("FRAME-0", &clauses).unwrap_err().to_string();
        assert!(fault.contains("FRAME-"), "{fault}");
    }
}
