//! The clauses of the chapters: the normative sentences that everything here refers to.

use std::fmt;

/// The chapters that hold clauses: word and text, in reading order.
pub const CHAPTERS: &[(&str, &str)] = &[
    ("suite", include_str!("../../spec/suite.md")),
    ("frame", include_str!("../../spec/frame.md")),
    ("link", include_str!("../../spec/link.md")),
    ("connection", include_str!("../../spec/connection.md")),
    ("rotation", include_str!("../../spec/rotation.md")),
    ("invitation", include_str!("../../spec/invitation.md")),
    ("session", include_str!("../../spec/session.md")),
    ("message", include_str!("../../spec/message.md")),
    ("scatter", include_str!("../../spec/scatter.md")),
    ("cadence", include_str!("../../spec/cadence.md")),
    ("error", include_str!("../../spec/error.md")),
];

/// The keywords of BCP 14, longest first.
const KEYWORDS: [&str; 11] = [
    "MUST NOT",
    "MUST",
    "SHALL NOT",
    "SHALL",
    "SHOULD NOT",
    "SHOULD",
    "NOT RECOMMENDED",
    "RECOMMENDED",
    "REQUIRED",
    "OPTIONAL",
    "MAY",
];

/// Who has to keep a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Servers.
    Server,
    /// Clients.
    Client,
    /// Both.
    Both,
}

/// What can show that a clause is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// What a server sends.
    Wire,
    /// What a client does when a driver tells it to.
    Driver,
    /// What a server sends once its clock or its store has been moved.
    Control,
    /// Given inputs and outputs.
    Vector,
    /// Reading the code.
    Review,
}

/// One normative sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Permanent: `FRAME-3`.
    pub id: String,
    /// The chapter it stands in.
    pub word: &'static str,
    /// Who has to keep it.
    pub role: Role,
    /// What shows that it is kept.
    pub evidence: Evidence,
    /// The sentence.
    pub text: String,
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = format!("{:?}", self.role).to_lowercase();
        let evidence = format!("{:?}", self.evidence).to_lowercase();
        write!(f, "{} ({role}; {evidence}) {}", self.id, self.text)
    }
}

impl Clause {
    /// The BCP 14 keywords of the sentence.
    #[must_use]
    pub fn keywords(&self) -> Vec<&'static str> {
        let mut found = Vec::new();
        let mut words = self.text.split(|c: char| !c.is_ascii_alphabetic()).peekable();
        while let Some(word) = words.next() {
            let pair = words.peek().map(|next| format!("{word} {next}"));
            let keyword = KEYWORDS
                .iter()
                .find(|keyword| pair.as_deref() == Some(**keyword) || word == **keyword);
            if let Some(keyword) = keyword {
                found.push(*keyword);
                if keyword.contains(' ') {
                    words.next();
                }
            }
        }
        found
    }

    /// Whether a server's wire can show that the clause is kept.
    #[must_use]
    pub fn is_for_servers(&self) -> bool {
        self.role != Role::Client && matches!(self.evidence, Evidence::Wire | Evidence::Control)
    }

    /// Whether a client under test can show that the clause is kept: by what it tells, or by what it
    /// makes of what others compute.
    #[must_use]
    pub fn is_for_clients(&self) -> bool {
        self.role != Role::Server && matches!(self.evidence, Evidence::Driver | Evidence::Vector)
    }
}

/// A line that looks like a clause and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word}.md, line {line}: {why}: {text}")]
pub struct NoClause {
    /// The chapter.
    pub word: &'static str,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub why: &'static str,
    /// The line.
    pub text: String,
}

/// The clauses of all chapters, in order.
///
/// # Errors
/// The first line that begins like a clause and is none.
pub fn all() -> Result<Vec<Clause>, NoClause> {
    let mut clauses = Vec::new();
    for (word, text) in CHAPTERS {
        clauses.extend(read(word, text)?);
    }
    Ok(clauses)
}

/// The clauses of one chapter.
///
/// # Errors
/// The first line that begins like a clause and is none.
pub fn read(word: &'static str, text: &str) -> Result<Vec<Clause>, NoClause> {
    let mut clauses = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let start = line.trim_start_matches("- ");
        let marked = format!("**{}-", word.to_uppercase());
        if !start.starts_with(&marked) {
            continue;
        }
        let fault = |why| NoClause { word, line: number + 1, why, text: line.to_owned() };
        let (id, rest) = start
            .trim_start_matches("**")
            .split_once("** (")
            .ok_or_else(|| fault("no role and evidence behind the id"))?;
        let (kind, sentence) = rest.split_once(") ").ok_or_else(|| fault("no sentence"))?;
        let (role, evidence) = kind.split_once("; ").ok_or_else(|| fault("no `role; evidence`"))?;
        let mut sentence = sentence.trim().to_owned();
        while let Some((_, more)) = lines.next_if(|(_, line)| continues(line)) {
            sentence.push(' ');
            sentence.push_str(more.trim());
        }
        clauses.push(Clause {
            id: id.to_owned(),
            word,
            role: role_of(role).ok_or_else(|| fault("no such role"))?,
            evidence: evidence_of(evidence).ok_or_else(|| fault("no such evidence"))?,
            text: sentence,
        });
    }
    Ok(clauses)
}

/// A paragraph goes on until an empty line, a list, a table, a heading or a fence.
fn continues(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !["- ", "|", "#", "```", "**"].iter().any(|mark| line.starts_with(mark))
}

fn role_of(name: &str) -> Option<Role> {
    match name {
        "server" => Some(Role::Server),
        "client" => Some(Role::Client),
        "both" => Some(Role::Both),
        _ => None,
    }
}

fn evidence_of(name: &str) -> Option<Evidence> {
    match name {
        "wire" => Some(Evidence::Wire),
        "driver" => Some(Evidence::Driver),
        "control" => Some(Evidence::Control),
        "vector" => Some(Evidence::Vector),
        "review" => Some(Evidence::Review),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_may_run_over_several_lines() {
        let text =
            "# frame\n\n**FRAME-3** (server; wire) A server MUST\nrefuse it.\n\nProse MUST.\n";
        let clauses = read("frame", text).unwrap();
        assert_eq!(clauses.len(), 1);
        assert_eq!(clauses[0].to_string(), "FRAME-3 (server; wire) A server MUST refuse it.");
        assert_eq!(clauses[0].keywords(), ["MUST"]);
    }

    #[test]
    fn two_words_may_be_one_keyword() {
        let text = "**FRAME-1** (both; vector) It MUST NOT be, it SHOULD; it MAY NOTe MUSTer.\n";
        let clauses = read("frame", text).unwrap();
        assert_eq!(clauses[0].keywords(), ["MUST NOT", "SHOULD", "MAY"]);
    }

    #[test]
    fn half_a_clause_is_a_fault() {
        for text in ["**FRAME-1** A server MUST.", "**FRAME-1** (nobody; wire) x MUST y"] {
            assert!(read("frame", text).is_err(), "{text}");
        }
    }
}
