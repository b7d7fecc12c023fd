//! Other people's text, made harmless: nothing in it moves the cursor, turns the reading direction
//! round, or hides.

/// Whether a character changes how text around it is shown instead of being shown itself: control
/// characters, marks of direction, invisible and format characters, tags.
pub(crate) const fn is_hidden(symbol: char) -> bool {
    matches!(
        symbol,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// One line: what would not be shown stands there as its number, such as `<U+202E>`.
pub(crate) fn line(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for symbol in text.chars() {
        push(&mut plain, symbol);
    }
    plain
}

/// The same with its line ends kept; a tab becomes spaces.
pub(crate) fn lines(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for symbol in text.replace("\r\n", "\n").chars() {
        match symbol {
            '\n' => plain.push('\n'),
            '\t' => plain.push_str("    "),
            other => push(&mut plain, other),
        }
    }
    plain
}

fn push(plain: &mut String, symbol: char) {
    if is_hidden(symbol) {
        plain.push_str(&format!("<U+{:04X}>", u32::from(symbol)));
    } else {
        plain.push(symbol);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_or_turns_the_text_round_is_left() {
        let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}a\u{202e}b\u{9b}31mc\r\nd\u{e0041}\u{200b}";
        for shown in [line(hostile), lines(hostile)] {
            assert!(!shown.chars().any(|symbol| symbol != '\n' && is_hidden(symbol)), "{shown:?}");
            assert!(shown.contains("<U+001B>[2J") && shown.contains("a<U+202E>b<U+009B>31mc"));
        }
        assert_eq!(line(hostile).lines().count(), 1);
        assert_eq!(lines(hostile).lines().count(), 2);
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["Grüße, 世界", "👩‍👩‍👧‍👦 family", "שלום عليكم", "क्षि"]
        {
            assert_eq!(line(text), text);
        }
        assert_eq!(lines("a\tb\nc"), "a    b\nc");
    }
}
