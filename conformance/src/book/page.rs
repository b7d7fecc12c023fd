//! One text of the repository as a page: clauses with anchors and traces, names with links.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::{Book, Fault, Line, PAGES, source};
use crate::clauses::{CHAPTERS, Clause, Evidence};

/// The page of a text; files that it leads to are added to `led`.
pub(super) fn page(
    book: &Book,
    from: &str,
    text: &str,
    led: &mut BTreeSet<String>,
) -> Result<String, Fault> {
    let mut writer = Writer { book, from, led, out: String::new() };
    let mut lines = text.lines().peekable();
    let mut fenced = false;
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced || line.starts_with('#') || line.starts_with("```") {
            writer.out.push_str(line);
        } else if let Some(clause) = writer.clause_of(line) {
            let mut sentence = line.to_owned();
            while let Some(more) = lines.next_if(|line| !line.trim().is_empty()) {
                sentence.push(' ');
                sentence.push_str(more.trim());
            }
            writer.clause(&clause, &sentence)?;
        } else {
            writer.line(line)?;
        }
        writer.out.push('\n');
    }
    Ok(writer.out)
}

/// The names in capitals in a column of a text's tables.
pub(super) fn names(text: &str, column: usize) -> BTreeSet<String> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.trim_matches('|').split('|').nth(column));
    cells.map(str::trim).filter(|cell| is_name(cell)).map(str::to_owned).collect()
}

fn is_name(word: &str) -> bool {
    let capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    word.len() > 2
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.chars().all(capital)
}

struct Writer<'a> {
    book: &'a Book,
    from: &'a str,
    led: &'a mut BTreeSet<String>,
    out: String,
}

impl Writer<'_> {
    /// The clause that begins with this line, in its own chapter.
    fn clause_of(&self, line: &str) -> Option<Clause> {
        let (id, _) = line.strip_prefix("**")?.split_once("** (")?;
        let clause = self.book.clause(id)?;
        (self.from == format!("spec/{}.md", clause.word)).then(|| clause.clone())
    }

    /// Its sentence in a box with its anchor, and what is known of it.
    fn clause(&mut self, clause: &Clause, sentence: &str) -> Result<(), Fault> {
        let id = &clause.id;
        let head = format!("**{id}**");
        let rest = sentence.strip_prefix(&head).unwrap_or(sentence);
        let _ = write!(self.out, "<div class=\"clause\" id=\"{id}\">\n\n[**{id}**](#{id})");
        self.line(rest)?;
        self.out.push_str("\n\n");
        self.trace(clause);
        self.out.push_str("\n</div>");
        Ok(())
    }

    fn trace(&mut self, clause: &Clause) {
        let (mut parts, mut rows) = (Vec::new(), String::new());
        let mut row = |kind: &str, text: &str| {
            let _ = write!(rows, "<li><span>{kind}</span> {text}</li>");
        };
        let cases: Vec<_> = self.book.cases_of(&clause.id).collect();
        count(&mut parts, cases.len(), "case");
        for case in cases {
            let anchor = case.id.replace('/', "-");
            row("case", &format!("<a href=\"cases.html#{anchor}\">{}</a>", case.id));
        }
        let kept = self.book.kept.get(&clause.id).into_iter().flatten();
        let kept: Vec<Line> = kept.cloned().collect();
        count(&mut parts, kept.len(), "place in code");
        for line in kept {
            let target = source::link(&line, self.led);
            let text = format!("<a href=\"{target}\">{}:{}</a>", line.path, line.number);
            row("code", &text);
        }
        let mutants: Vec<_> = self.book.mutants_of(&clause.id).collect();
        count(&mut parts, mutants.len(), "mutant");
        for mutant in mutants {
            let anchor = mutant.case.replace('/', "-");
            let case = format!("<a href=\"cases.html#{anchor}\">{}</a>", mutant.case);
            row("mutant", &format!("{}, which {case} kills", mutant.id));
        }
        if clause.evidence == Evidence::Vector {
            let path = format!("conformance/vectors/{}.json", clause.word);
            let target = source::link(&Line { path: path.clone(), number: 1 }, self.led);
            parts.push("vectors".to_owned());
            row("vectors", &format!("<a href=\"{target}\">{path}</a>"));
        }
        if parts.is_empty() {
            parts.push("seen by reading code alone".to_owned());
        }
        let parts = parts.join(" · ");
        let _ = if rows.is_empty() {
            writeln!(self.out, "<p class=\"trace\">{parts}</p>")
        } else {
            let summary = format!("<summary>{parts}</summary>");
            writeln!(self.out, "<details class=\"trace\">{summary}<ul>{rows}</ul></details>")
        };
    }

    /// A line of prose or of a table.
    fn line(&mut self, line: &str) -> Result<(), Fault> {
        let is_row = line.starts_with('|');
        let mut line = line;
        if is_row && let Some((anchors, rest)) = self.anchored(line) {
            self.out.push_str(&anchors);
            line = rest;
        }
        let mut rest = line;
        let mut before = ' ';
        while let Some(next) = rest.chars().next() {
            let taken = if next == '`' {
                code_span(rest)
            } else if next == '[' && self.link(rest)? > 0 {
                link_len(rest)
            } else if next.is_ascii_uppercase() && !before.is_ascii_alphanumeric() && before != '-'
            {
                self.name(rest, is_row)
            } else {
                0
            };
            let (done, left) = rest.split_at(taken.max(next.len_utf8()));
            if next == '`' || taken == 0 {
                self.out.push_str(done);
            }
            before = done.chars().next_back().unwrap_or(' ');
            rest = left;
        }
        Ok(())
    }

    /// The beginning of a row that says what a number or a code is, with its anchor, and the rest.
    fn anchored<'l>(&self, line: &'l str) -> Option<(String, &'l str)> {
        let (is_numbers, is_codes) =
            (self.from == "spec/parameters.md", self.from == "spec/error.md");
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = |at: usize| cells.get(at).is_some_and(|cell| cell.parse::<u32>().is_ok());
        let name = match (cells.first(), cells.get(1)) {
            (Some(name), _) if is_numbers && self.book.parameters.contains(*name) => name,
            (Some(name), _) if is_codes && is_name(name) && number(1) => name,
            (_, Some(name)) if is_codes && is_name(name) && number(0) && number(2) => name,
            _ => return None,
        };
        // FULL stands twice, with two reasons.
        let anchor = format!("<a id=\"{name}\"></a>");
        let seen = self.out.contains(&anchor);
        let (head, rest) = line.split_at(line.find(name)? + name.len());
        let head = head.strip_suffix(name)?;
        let anchor = if seen { "" } else { anchor.as_str() };
        Some((format!("{head}{anchor}{name}"), rest))
    }

    /// Links the name that the text begins with, if it is one, and says how long it is.
    fn name(&mut self, text: &str, is_row: bool) -> usize {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        let word = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        let word = word.trim_end_matches('-');
        if let Some(clause) = self.book.clause(word) {
            let _ = write!(self.out, "[{word}]({}.md#{word})", clause.word);
            return word.len();
        }
        let chapters = self.from.strip_prefix("spec/").and_then(|name| name.strip_suffix(".md"));
        let is_chapter =
            chapters.is_some_and(|name| CHAPTERS.iter().any(|(word, _)| *word == name));
        let here = |page: &str| self.from == format!("spec/{page}.md");
        if is_row || !is_chapter {
            return 0;
        }
        if self.book.codes.contains(word) && !here("error") {
            let _ = write!(self.out, "<a class=\"name\" href=\"error.html#{word}\">{word}</a>");
        } else if self.book.parameters.contains(word) && !self.book.codes.contains(word) {
            let _ =
                write!(self.out, "<a class=\"name\" href=\"parameters.html#{word}\">{word}</a>");
        } else {
            return 0;
        }
        word.len()
    }

    /// Writes the link that the text begins with, led to where its target is in the book. 0 where it
    /// begins with none.
    fn link(&mut self, text: &str) -> Result<usize, Fault> {
        let length = link_len(text);
        let Some((label, target)) = text.get(1..length).and_then(|link| link.split_once("]("))
        else {
            return Ok(0);
        };
        let target = target.trim_end_matches(')');
        let target = self.target(target)?;
        let _ = write!(self.out, "[{label}]({target})");
        Ok(length)
    }

    fn target(&mut self, target: &str) -> Result<String, Fault> {
        if target.contains("://") || target.starts_with('#') {
            return Ok(target.to_owned());
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = joined(self.from, file);
        let anchor = if anchor.is_empty() { String::new() } else { format!("#{anchor}") };
        if let Some((_, _, name, _)) = PAGES.iter().find(|(_, from, ..)| *from == path) {
            return Ok(format!("{name}{anchor}"));
        }
        if self.book.root.join(&path).is_file() {
            self.led.insert(path.clone());
            return Ok(format!("{}{anchor}", source::page_name(&path)));
        }
        Err(Fault::Link { page: self.from.to_owned(), target: target.to_owned() })
    }
}

fn count(parts: &mut Vec<String>, number: usize, what: &str) {
    let (noun, rest) = what.split_once(' ').unwrap_or((what, ""));
    let plural = if number == 1 { "" } else { "s" };
    if number > 0 {
        parts.push(format!("{number} {noun}{plural} {rest}").trim_end().to_owned());
    }
}

/// The length of the code that a text begins with.
fn code_span(text: &str) -> usize {
    let marks = text.len() - text.trim_start_matches('`').len();
    let (open, rest) = text.split_at(marks);
    rest.find(open).map_or(marks, |end| marks + end + marks)
}

/// The length of the `[label](target)` that a text begins with, 0 where it begins with none.
fn link_len(text: &str) -> usize {
    let Some((label, rest)) = text.split_once("](") else { return 0 };
    if label.contains(']') {
        return 0;
    }
    rest.find(')').map_or(0, |end| label.len() + 2 + end + 1)
}

/// A path relative to a file, from the root of the repository.
fn joined(from: &str, to: &str) -> String {
    let folder = Path::new(from).parent().map(|path| path.to_string_lossy().into_owned());
    let mut parts: Vec<&str> = Vec::new();
    let folder = folder.unwrap_or_default();
    for part in folder.split('/').chain(to.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Book::of(&root).unwrap()
    }

    fn made(from: &str, text: &str) -> String {
        page(&book(), from, text, &mut BTreeSet::new()).unwrap()
    }

    #[test]
    fn names_become_links_but_not_in_code_and_not_in_links() {
        let text =
            "Of FRAME-2, `FRAME-2`, [FRAME-2](link.md) and SHA-256 by HALF_OPEN_MAX: REFUSED.\n";
        let expected = "Of [FRAME-2](frame.md#FRAME-2), `FRAME-2`, [FRAME-2](link.md) and SHA-256 by \
                        <a class=\"name\" href=\"parameters.html#HALF_OPEN_MAX\">HALF_OPEN_MAX</a>: \
                        <a class=\"name\" href=\"error.html#REFUSED\">REFUSED</a>.\n";
        assert_eq!(made("spec/link.md", text), expected);
        let fenced = "```text\nFRAME-2\n```\n";
        assert_eq!(made("spec/link.md", fenced), fenced);
        let row = "| FRAME-2 | REFUSED |\n";
        assert_eq!(made("spec/link.md", row), "| [FRAME-2](frame.md#FRAME-2) | REFUSED |\n");
    }

    #[test]
    fn links_are_led_into_the_book_or_to_the_file() {
        let text = "[a](../proto/edgewise/v1/frame.proto), [b](../spec/link.md#end), [c](#x)\n";
        let expected = "[a](code/proto/edgewise/v1/frame.proto.html), [b](link.md#end), [c](#x)\n";
        assert_eq!(made("conformance/README.md", text), expected);
        let missing = page(&book(), "spec/link.md", "[a](nothing.md)", &mut BTreeSet::new());
        let fault = missing.unwrap_err().to_string();
        assert_eq!(fault, "spec/link.md: nothing is at \"nothing.md\"");
    }

    #[test]
    fn numbers_and_codes_have_anchors() {
        let row = "| HALF_OPEN_MAX | 4,096 | Most links. |\n";
        let expected = "| <a id=\"HALF_OPEN_MAX\"></a>HALF_OPEN_MAX | 4,096 | Most links. |\n";
        assert_eq!(made("spec/parameters.md", row), expected);
        let rows = "| 9 | FULL | 15 | x |\n| 17 | FULL | 15 | y |\n| DONE | 1 | client | z |\n";
        let expected = "| 9 | <a id=\"FULL\"></a>FULL | 15 | x |\n| 17 | FULL | 15 | y |\n\
                        | <a id=\"DONE\"></a>DONE | 1 | client | z |\n";
        assert_eq!(made("spec/error.md", rows), expected);
    }
}
