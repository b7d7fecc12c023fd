//! The specification as the source of an mdBook: the chapters with an anchor a clause, each clause
//! with the cases that judge it, the lines that keep it and the faults that were tried.

mod catalogue;
mod page;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::case::Case;
use crate::clauses::{self, Clause};
use crate::mutants::Mutant;
use crate::{cases, mutants, trace};

/// The pages, in reading order: part, where the text is, name of the page, title. A part that is
/// empty goes on.
const PAGES: &[(&str, &str, &str, &str)] = &[
    ("", "spec/README.md", "README.md", "Edgewise"),
    ("Chapters", "spec/suite.md", "suite.md", "suite"),
    ("", "spec/frame.md", "frame.md", "frame"),
    ("", "spec/link.md", "link.md", "link"),
    ("", "spec/connection.md", "connection.md", "connection"),
    ("", "spec/rotation.md", "rotation.md", "rotation"),
    ("", "spec/invitation.md", "invitation.md", "invitation"),
    ("", "spec/session.md", "session.md", "session"),
    ("", "spec/message.md", "message.md", "message"),
    ("", "spec/scatter.md", "scatter.md", "scatter"),
    ("", "spec/cadence.md", "cadence.md", "cadence"),
    ("", "spec/error.md", "error.md", "error"),
    ("", "spec/parameters.md", "parameters.md", "parameters"),
    ("Building", "spec/implementing.md", "implementing.md", "Implementing Edgewise"),
    ("", "conformance/README.md", "conformance.md", "The conformance suite"),
    ("", "conformance/samples/python-server/README.md", "python-server.md", "A server in Python"),
    ("", CASES, CASES, "Cases"),
    ("Appendix", "spec/changes.md", "changes.md", "Changes"),
];
/// The page of all cases, which is made here.
const CASES: &str = "cases.md";
const TOML: &str = include_str!("book.toml");
const STYLE: &str = include_str!("book.css");
const SCRIPT: &str = include_str!("book.js");

/// Why there is no book.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the file system says.
        error: std::io::Error,
    },
    /// A chapter has a line that is half a clause.
    #[error(transparent)]
    Clause(#[from] clauses::NoClause),
    /// A page names something that is not there.
    #[error("{page}: nothing is at {target:?}")]
    Link {
        /// The text that names it, from the root of the repository.
        page: String,
        /// What it names.
        target: String,
    },
}

/// A line of the repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    /// From the root of the repository, with slashes.
    path: String,
    /// Counted from 1.
    number: usize,
}

/// What is known of the clauses, whatever page they are named on.
struct Book {
    root: PathBuf,
    clauses: Vec<Clause>,
    /// By id of the clause: the lines that name it.
    kept: BTreeMap<String, BTreeSet<Line>>,
    /// By id of the case: its line in a table.
    tables: BTreeMap<&'static str, Line>,
    /// Numbers of the protocol.
    parameters: BTreeSet<String>,
    /// Codes of refusals and of ends.
    codes: BTreeSet<String>,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Pages of the book.
    pub pages: usize,
    /// Clauses with an anchor.
    pub clauses: usize,
    /// Files of the repository that the pages lead to.
    pub files: usize,
}

/// Writes the source of the book, from the repository at `root`, to the folder `out`; `mdbook build`
/// makes HTML of it. `mermaid` is the script that draws the diagrams.
///
/// # Errors
/// [`Fault`]: what cannot be read or written, and links that lead to nothing.
pub fn write(root: &Path, out: &Path, mermaid: &Path) -> Result<Written, Fault> {
    let book = Book::of(root)?;
    let pages = out.join("src");
    make(&pages)?;
    put(&out.join("book.toml"), TOML)?;
    put(&out.join("book.css"), STYLE)?;
    put(&out.join("book.js"), SCRIPT)?;
    put(&out.join("mermaid.js"), &get(mermaid)?)?;
    put(&pages.join("SUMMARY.md"), &summary())?;
    let mut led = BTreeSet::new();
    for (_, from, name, _) in PAGES {
        let text = if *from == CASES {
            catalogue::page(&book, &mut led)
        } else {
            page::page(&book, from, &get(&root.join(from))?, &mut led)?
        };
        put(&pages.join(name), &text)?;
    }
    for path in &led {
        let to = pages.join(source::page_name(path));
        make(to.parent().unwrap_or(&pages))?;
        put(&to, &source::page(path, &get(&root.join(path))?))?;
    }
    Ok(Written { pages: PAGES.len(), clauses: book.clauses.len(), files: led.len() })
}

impl Book {
    fn of(root: &Path) -> Result<Self, Fault> {
        let mut kept: BTreeMap<String, BTreeSet<Line>> = BTreeMap::new();
        for folder in trace::FOLDERS {
            for (path, text) in sources(root, folder)? {
                for (number, citation) in trace::citations(&text) {
                    let line = Line { path: path.clone(), number };
                    kept.entry(citation.clause().to_owned()).or_default().insert(line);
                }
            }
        }
        let mut tables = BTreeMap::new();
        for (path, text) in sources(root, "conformance/src/cases")? {
            for (number, line) in text.lines().enumerate() {
                let case = line.split('"').nth(1).and_then(cases::find);
                if let Some(case) = case {
                    let line = Line { path: path.clone(), number: number + 1 };
                    tables.entry(case.id).or_insert(line);
                }
            }
        }
        let parameters = page::names(&get(&root.join("spec/parameters.md"))?, 0);
        let error = get(&root.join("spec/error.md"))?;
        let mut codes = page::names(&error, 0);
        codes.extend(page::names(&error, 1));
        let clauses = clauses::all()?;
        Ok(Self { root: root.to_owned(), clauses, kept, tables, parameters, codes })
    }

    fn clause(&self, id: &str) -> Option<&Clause> {
        self.clauses.iter().find(|clause| clause.id == id)
    }

    fn cases_of<'a>(&self, clause: &'a str) -> impl Iterator<Item = &'static Case> + use<'a> {
        cases::all().filter(move |case| case.requirements().iter().any(|id| id == clause))
    }

    fn mutants_of<'a>(&self, clause: &'a str) -> impl Iterator<Item = &'static Mutant> + use<'a> {
        mutants::all().filter(move |mutant| mutant.clause() == clause)
    }
}

/// The Rust files of a folder: path from the root, text.
fn sources(root: &Path, folder: &str) -> Result<Vec<(String, String)>, Fault> {
    let top = root.join(folder);
    let paths = trace::files(&top, ".rs").map_err(|error| Fault::File { path: top, error })?;
    let read = paths.into_iter().map(|path| {
        let name = path.strip_prefix(root).unwrap_or(&path);
        Ok((name.to_string_lossy().replace('\\', "/"), get(&path)?))
    });
    read.collect()
}

fn summary() -> String {
    let mut text = String::from("# Summary\n");
    for (part, _, name, title) in PAGES {
        if !part.is_empty() {
            text.push_str(&format!("\n# {part}\n\n"));
        }
        let mark = if *name == "README.md" { "\n" } else { "- " };
        text.push_str(&format!("{mark}[{title}]({name})\n"));
    }
    text
}

fn get(path: &Path) -> Result<String, Fault> {
    let fault = |error| Fault::File { path: path.to_owned(), error };
    std::fs::read_to_string(path).map_err(fault)
}

fn put(path: &Path, text: &str) -> Result<(), Fault> {
    std::fs::write(path, text).map_err(|error| Fault::File { path: path.to_owned(), error })
}

fn make(folder: &Path) -> Result<(), Fault> {
    let fault = |error| Fault::File { path: folder.to_owned(), error };
    std::fs::create_dir_all(folder).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// The whole book, with a script that draws nothing.
    fn written() -> (tempfile::TempDir, Written) {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("empty.js");
        std::fs::write(&script, "").unwrap();
        let written = write(&root(), folder.path(), &script).unwrap();
        (folder, written)
    }

    #[test]
    fn every_chapter_is_a_page_and_every_clause_an_anchor() {
        let (folder, written) = written();
        for (word, _) in clauses::CHAPTERS {
            assert!(PAGES.iter().any(|(.., title)| title == word), "{word} is no page");
        }
        assert_eq!(written.clauses, clauses::all().unwrap().len());
        for clause in clauses::all().unwrap() {
            let page = folder.path().join("src").join(format!("{}.md", clause.word));
            let text = std::fs::read_to_string(page).unwrap();
            let anchor = format!("<div class=\"clause\" id=\"{}\">", clause.id);
            assert_eq!(text.matches(&anchor).count(), 1, "{}", clause.id);
        }
    }

    #[test]
    fn every_case_leads_to_its_line_and_every_clause_to_its_cases() {
        let book = Book::of(&root()).unwrap();
        for case in cases::all() {
            let line = book.tables.get(case.id).unwrap_or_else(|| panic!("{}: no line", case.id));
            let text = get(&root().join(&line.path)).unwrap();
            assert!(text.lines().nth(line.number - 1).unwrap().contains(case.id), "{line:?}");
        }
        let (folder, _) = written();
        let frame = std::fs::read_to_string(folder.path().join("src/frame.md")).unwrap();
        let (_, clause) = frame.split_once("id=\"FRAME-2\"").unwrap();
        let (clause, _) = clause.split_once("</div>").unwrap();
        assert!(clause.contains("cases.html#frame-short-block"), "{clause}");
        assert!(clause.contains("code/spec/src/link/"), "{clause}");
    }

    /// A semicolon ends a statement of Mermaid, and the rest of a sentence is none.
    #[test]
    fn diagrams_have_no_semicolon() {
        let mut diagrams = 0;
        for (_, from, ..) in PAGES.iter().filter(|(_, from, ..)| *from != CASES) {
            let text = get(&root().join(from)).unwrap();
            for part in text.split("```mermaid\n").skip(1) {
                let diagram = part.split("```").next().unwrap();
                assert!(!diagram.contains(';'), "{from}: {diagram}");
                diagrams += 1;
            }
        }
        assert!(diagrams > 8, "{diagrams} diagrams");
    }

    /// Links of the pages, in Markdown and in HTML, lead to a page, a file or an anchor that is there.
    #[test]
    fn no_link_leads_to_nothing() {
        let (folder, _) = written();
        let src = folder.path().join("src");
        let mut links = 0;
        for path in trace::files(&src, ".md").unwrap() {
            let text = std::fs::read_to_string(&path).unwrap();
            for mark in ["](", "href=\""] {
                for rest in text.split(mark).skip(1) {
                    let target = rest.split([')', '"', ' ']).next().unwrap();
                    if target.contains("://") || target.is_empty() {
                        continue;
                    }
                    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                    let page = if file.is_empty() { path.clone() } else { src.join(file) };
                    let made = page.with_extension("md");
                    let page = if file.starts_with("code/") { page } else { made };
                    let there = std::fs::read_to_string(&page)
                        .unwrap_or_else(|_| panic!("{}: {target}", path.display()));
                    let upper = anchor.contains(|c: char| c.is_ascii_uppercase());
                    let exact = file.starts_with("code/") || file.starts_with("cases") || upper;
                    let id = format!("id=\"{anchor}\"");
                    assert!(
                        anchor.is_empty() || !exact || there.contains(&id),
                        "{}: {target} has no such anchor",
                        path.display()
                    );
                    links += 1;
                }
            }
        }
        assert!(links > 1_000, "{links} links");
    }
}
