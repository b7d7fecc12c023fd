//! What a command found: a table for people, JSON for programs, and the targets it was held to.

use crate::Failure;
use crate::machine::Machine;
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// Everything that one command found.
#[derive(Serialize)]
pub struct Report {
    /// The command, as typed.
    pub command: &'static str,
    /// Where it ran.
    pub machine: Machine,
    /// What a reader has to know to judge the figures.
    pub notes: Vec<String>,
    /// Column heads and rows, as printed.
    pub table: Table,
    /// What was to be reached.
    pub targets: Vec<Target>,
    /// The figures behind the table, unrounded.
    pub measured: serde_json::Value,
}

/// Rows under column heads. The first column is text, the others are set to the right.
#[derive(Default, Serialize)]
pub struct Table {
    /// Column heads.
    pub head: Vec<&'static str>,
    /// One cell for each column head.
    pub rows: Vec<Vec<String>>,
}

/// One figure and the bound it is held to.
#[derive(Serialize)]
pub struct Target {
    /// What is held to the bound.
    pub what: String,
    /// What was measured.
    pub measured: f64,
    /// The bound.
    pub bound: Bound,
    /// Unit of both.
    pub unit: &'static str,
    /// Whether the bound holds.
    pub met: bool,
}

/// A bound of a target.
#[derive(Clone, Copy, Serialize)]
pub enum Bound {
    /// No less than this.
    AtLeast(f64),
    /// No more than this.
    AtMost(f64),
}

impl Target {
    /// Holds a measured figure to its bound.
    pub fn new(what: String, measured: f64, bound: Bound, unit: &'static str) -> Self {
        let met = match bound {
            Bound::AtLeast(least) => measured >= least,
            Bound::AtMost(most) => measured <= most,
        };
        Self { what, measured, bound, unit, met }
    }
}

impl Report {
    /// True if every target was met.
    pub fn is_met(&self) -> bool {
        self.targets.iter().all(|target| target.met)
    }

    /// Prints the report.
    pub fn print(&self) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let Machine { processor, cores, load_average, kernel } = &self.machine;
        writeln!(out, "load {}", self.command)?;
        writeln!(
            out,
            "{processor}, {cores} cores, Linux {kernel}; load average before: {load_average}\n"
        )?;
        write!(out, "{}", self.table.to_text())?;
        writeln!(out)?;
        for target in &self.targets {
            let (word, bound) = match target.bound {
                Bound::AtLeast(bound) => ("at least", bound),
                Bound::AtMost(bound) => ("at most", bound),
            };
            let verdict = if target.met { "met    " } else { "NOT MET" };
            let Target { what, measured, unit, .. } = target;
            writeln!(out, "{verdict} {what}: {measured:.2} {unit}, {word} {bound} asked")?;
        }
        for note in &self.notes {
            writeln!(out, "note: {note}")?;
        }
        Ok(())
    }

    /// Writes the report as JSON.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

impl Table {
    fn to_text(&self) -> String {
        let heads = self.head.iter().map(|head| (*head).to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&heads).chain(&self.rows).collect();
        let width = |column: usize| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..self.head.len()).filter_map(width).collect();
        let mut text = String::new();
        for line in &lines {
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                if column == 0 {
                    text.push_str(&format!("{cell}{padding}"));
                } else {
                    text.push_str(&format!("  {padding}{cell}"));
                }
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// Says on standard error what a person has to know now.
pub fn complain(text: &str) {
    // Nobody is left to be told if standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let table = Table {
            head: vec!["what", "µs"],
            rows: vec![
                vec!["echo".to_owned(), "3.1".to_owned()],
                vec!["a longer one".to_owned(), "12.25".to_owned()],
            ],
        };
        assert_eq!(
            table.to_text(),
            "what             µs\necho            3.1\na longer one  12.25\n"
        );
    }

    #[test]
    fn a_bound_holds_at_its_edge() {
        let met = |measured, bound| Target::new(String::new(), measured, bound, "").met;
        assert!(met(0.5, Bound::AtLeast(0.5)));
        assert!(!met(0.499, Bound::AtLeast(0.5)));
        assert!(met(38.0, Bound::AtMost(38.0)));
        assert!(!met(38.1, Bound::AtMost(38.0)));
    }
}
