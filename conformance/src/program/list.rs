//! `list`: every case with its clauses.

use serde::Serialize;

use super::Usage;
use crate::case::{Case, Place};
use crate::cases;
use crate::outcome::Exit;
use crate::profiles::Lists;

#[derive(Serialize)]
struct Line {
    id: &'static str,
    profile: &'static str,
    requirements: Vec<String>,
    needs: Vec<String>,
    place: &'static str,
    scored: bool,
}

impl Line {
    fn of(case: &Case, lists: &Lists) -> Self {
        let place = match case.place {
            Place::Shared => "shared",
            Place::Long => "long",
            Place::Alone => "alone",
            Place::Quiet => "quiet",
        };
        let needs = case.needs.iter().map(|need| need.name().to_owned()).collect();
        let requirements = case.requirements();
        let (profile, scored) = (case.profile().name(), lists.scores(case.id));
        Self { id: case.id, profile, requirements, needs, place, scored }
    }
}

/// Prints the cases.
pub(super) fn list(json: bool) -> Result<Exit, Usage> {
    let lists = Lists::checked_in().map_err(Usage)?;
    let lines: Vec<Line> = cases::all().map(|case| Line::of(case, &lists)).collect();
    if json {
        let text =
            serde_json::to_string_pretty(&lines).map_err(|error| Usage(error.to_string()))?;
        anstream::println!("{text}");
        return Ok(Exit::Conformant);
    }
    let width = lines.iter().map(|line| line.id.len()).max().unwrap_or_default();
    for line in &lines {
        let needs = if line.needs.is_empty() {
            String::new()
        } else {
            format!("  needs {}", line.needs.join(", "))
        };
        let unscored = if line.scored { "" } else { "  unscored" };
        let clauses = line.requirements.join(", ");
        anstream::println!("{:<width$}  {clauses}{needs}{unscored}", line.id);
    }
    anstream::println!("{} cases", lines.len());
    Ok(Exit::Conformant)
}
