//! The program as a whole: what it says, and its report.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_edgewise-conformance");

/// What a run of the program came to.
pub struct Told {
    pub exit: Option<i32>,
    /// What stood on the terminal.
    pub text: String,
    /// The JSON report; null if there is none.
    pub report: Value,
}

/// Runs the program in a folder: a subcommand, or what it does without one.
pub fn told(folder: &Path, subcommand: Option<&str>, args: &[&str]) -> Told {
    let report = folder.join("report.json");
    let _ = std::fs::remove_file(&report);
    let output = Command::new(PROGRAM)
        .current_dir(folder)
        .args(subcommand)
        .args(["--report", "json=report.json"])
        .args(args)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let report = std::fs::read(&report).map(|json| serde_json::from_slice(&json).unwrap());
    let (exit, report) = (output.status.code(), report.unwrap_or_default());
    Told { exit, text: text.concat(), report }
}

impl Told {
    pub fn cases(&self) -> &[Value] {
        self.report["cases"].as_array().unwrap_or_else(|| panic!("no report: {}", self.text))
    }

    pub fn outcomes(&self) -> Vec<&str> {
        self.cases().iter().map(|case| case["outcome"].as_str().unwrap()).collect()
    }

    pub fn case(&self, id: &str) -> &Value {
        let found = self.cases().iter().find(|case| case["id"] == id);
        found.unwrap_or_else(|| panic!("no {id}: {}", self.text))
    }

    pub fn outcome(&self, id: &str) -> &str {
        self.case(id)["outcome"].as_str().unwrap()
    }

    pub fn actual(&self, id: &str) -> &str {
        self.case(id)["actual"].as_str().unwrap_or_default()
    }

    pub fn count(&self, outcome: &str) -> u64 {
        self.report["summary"][outcome].as_u64().unwrap()
    }
}
