//! Breaking text into rows of so many columns.

use unicode_width::UnicodeWidthChar as _;

/// Columns that a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(|symbol| symbol.width().unwrap_or(0)).sum()
}

/// The beginning of a text that fits so many columns, with an ellipsis if it is cut.
pub(super) fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for symbol in text.chars() {
        used += symbol.width().unwrap_or(0);
        if used > most {
            break;
        }
        kept.push(symbol);
    }
    if most > 0 {
        kept.push('…');
    }
    kept
}

/// Rows of at most `width` columns: broken at spaces, and within a word that fits no row. Rows
/// behind the first begin with `indent` spaces.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let width = width.max(indent + 2);
    let mut rows = Vec::new();
    for line in text.split('\n') {
        let mut row = if rows.is_empty() { String::new() } else { " ".repeat(indent) };
        let mut used = if rows.is_empty() { 0 } else { indent };
        let mut fresh = true;
        for word in line.split_inclusive(' ') {
            let bare = columns(word.trim_end_matches(' '));
            if used + bare > width && !fresh {
                rows.push(std::mem::replace(&mut row, " ".repeat(indent)));
                used = indent;
            }
            for symbol in word.chars() {
                let columns = symbol.width().unwrap_or(0);
                if used + columns > width {
                    if symbol == ' ' {
                        continue;
                    }
                    rows.push(std::mem::replace(&mut row, " ".repeat(indent)));
                    used = indent;
                }
                row.push(symbol);
                used += columns;
            }
            fresh = false;
        }
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_wider_than_it_may_be_and_nothing_is_lost() {
        let text = "a bb ccc dddd 世界世界世界 eeeeeeeeeeeeeeeeeeeeeeee f\ng";
        for width in 4..40 {
            let rows = wrap(text, width, 2);
            assert!(rows.iter().all(|row| columns(row) <= width), "{width}: {rows:?}");
            let bare = |text: &str| text.replace([' ', '\n'], "");
            assert_eq!(bare(&rows.concat()), bare(text), "{width}");
        }
        assert_eq!(wrap("one two three", 8, 2), ["one two ", "  three"]);
        assert_eq!(wrap("", 8, 2), [""]);
    }

    #[test]
    fn a_cut_text_fits() {
        assert_eq!(cut("世界!", 4), "世…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 0), "");
    }
}
