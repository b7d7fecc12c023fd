//! Standard output and standard error.

use std::io::{IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};

use super::args::{Colours, Globals};
use super::failure::Failure;
use super::local::Caller;
use super::outcome::{FailureLine, Line, Outcome, SCHEMA};
use super::text::{self, Cards};

/// Where a command line's answer goes.
#[derive(Clone, Debug)]
pub(crate) struct Out {
    pub(crate) json: bool,
    colours: bool,
    terminal: bool,
}

impl Out {
    pub(crate) fn new(globals: &Globals) -> Self {
        match globals.color {
            Colours::Auto => ColorChoice::Auto.write_global(),
            Colours::Always => ColorChoice::AlwaysAnsi.write_global(),
            Colours::Never => ColorChoice::Never.write_global(),
        }
        let choice = AutoStream::choice(&std::io::stdout());
        Self {
            json: globals.json,
            colours: choice != ColorChoice::Never,
            terminal: std::io::stdout().is_terminal(),
        }
    }

    /// Who asks, for [`local::prepare`](super::local::prepare).
    pub(crate) const fn caller(&self) -> Caller {
        Caller::Shell { draws: self.terminal && !self.json }
    }

    /// Writes an outcome; false if nobody reads any more.
    pub(crate) fn outcome(&self, outcome: &Outcome, in_file: bool) -> bool {
        let text = if self.json {
            serde_json::to_string(&Line::new(outcome.clone())).map(|line| line + "\n").ok()
        } else {
            text::outcome(outcome, Cards { colours: self.colours, in_file }).ok()
        };
        let Some(text) = text else { return false };
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
    }

    /// Writes raw text; a reader that has gone away is no failure.
    pub(crate) fn raw(text: &[u8]) {
        let _ = std::io::stdout().write_all(text);
    }

    /// Writes a failure to standard error.
    pub(crate) fn failure(&self, failure: &Failure) {
        let text = if self.json {
            let code = failure.reason.code();
            let line = FailureLine { schema: SCHEMA, kind: "error", code, failure };
            serde_json::to_string(&line).unwrap_or_default()
        } else {
            format!("edgewise: {}", super::plain::lines(&failure.message))
        };
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}
