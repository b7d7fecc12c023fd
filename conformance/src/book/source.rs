//! A file of the repository as a page of its own, with an anchor a line.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Line;

const HEAD: &str = include_str!("source.html");
/// What is longer than this is no text that anybody reads: it stands as it is.
const BYTES_MAX: usize = 1 << 20;

/// Where the page of a file is.
pub(super) fn page_name(path: &str) -> String {
    if path.ends_with(".json") { format!("code/{path}") } else { format!("code/{path}.html") }
}

/// Where a line of a file is; the file is one that has to be written.
pub(super) fn link(line: &Line, led: &mut BTreeSet<String>) -> String {
    led.insert(line.path.clone());
    let name = page_name(&line.path);
    if name.ends_with(".json") { name } else { format!("{name}#L{}", line.number) }
}

/// The page of a file.
pub(super) fn page(path: &str, text: &str) -> String {
    if path.ends_with(".json") || text.len() > BYTES_MAX {
        return text.to_owned();
    }
    let mut lines = String::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let _ = write!(
            lines,
            "<span class=\"line\" id=\"L{number}\"><a href=\"#L{number}\">{number}</a>{}\n</span>",
            escaped(line)
        );
    }
    HEAD.replace("{path}", &escaped(path)).replace("{lines}", &lines)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_anchors_and_nothing_of_them_is_markup() {
        let page = page("a/b.rs", "one\n<two & \"three\">\n");
        assert!(page.contains("id=\"L2\""), "{page}");
        assert!(page.contains("&lt;two &amp; &quot;three&quot;&gt;"), "{page}");
        assert!(!page.contains("{path}") && !page.contains("<two"), "{page}");
    }
}
