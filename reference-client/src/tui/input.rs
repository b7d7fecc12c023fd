//! The line that is being written: it may have several lines, and remembers those before it.

/// Characters that the line takes.
const LEN_MAX: usize = 64 * 1_024;
/// Lines that are remembered.
const REMEMBERED_MAX: usize = 100;

/// The line that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Input {
    symbols: Vec<char>,
    at: usize,
    past: Vec<String>,
    /// Which line of the past is shown, counted from the newest; with what was written before.
    looking: Option<(usize, String)>,
}

impl Input {
    pub(super) fn text(&self) -> String {
        self.symbols.iter().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// The text before the cursor.
    pub(super) fn before(&self) -> String {
        self.symbols.iter().take(self.at).collect()
    }

    pub(super) fn set(&mut self, text: &str) {
        self.symbols = text.chars().take(LEN_MAX).collect();
        self.at = self.symbols.len();
    }

    pub(super) fn insert(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        for symbol in text.chars() {
            if self.symbols.len() < LEN_MAX {
                self.symbols.insert(self.at.min(self.symbols.len()), symbol);
                self.at += 1;
            }
        }
    }

    /// Takes the text away and remembers it.
    pub(super) fn take(&mut self) -> String {
        let text = self.text();
        self.symbols.clear();
        self.at = 0;
        self.looking = None;
        if !text.trim().is_empty() && self.past.last() != Some(&text) {
            self.past.push(text.clone());
            if self.past.len() > REMEMBERED_MAX {
                self.past.remove(0);
            }
        }
        text
    }

    pub(super) fn left(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    pub(super) fn right(&mut self) {
        self.at = (self.at + 1).min(self.symbols.len());
    }

    pub(super) fn home(&mut self) {
        self.at = 0;
    }

    pub(super) fn end(&mut self) {
        self.at = self.symbols.len();
    }

    pub(super) fn backspace(&mut self) {
        if self.at > 0 {
            self.at -= 1;
            self.symbols.remove(self.at);
        }
    }

    pub(super) fn delete(&mut self) {
        if self.at < self.symbols.len() {
            self.symbols.remove(self.at);
        }
    }

    pub(super) fn delete_to_start(&mut self) {
        self.symbols.drain(..self.at);
        self.at = 0;
    }

    pub(super) fn delete_to_end(&mut self) {
        self.symbols.truncate(self.at);
    }

    pub(super) fn delete_word(&mut self) {
        let before = self.symbols.get(..self.at).unwrap_or_default();
        let space = before.iter().rev().take_while(|symbol| symbol.is_whitespace()).count();
        let word =
            before.iter().rev().skip(space).take_while(|symbol| !symbol.is_whitespace()).count();
        self.symbols.drain(self.at - space - word..self.at);
        self.at -= space + word;
    }

    /// The line before the one that is shown.
    pub(super) fn up(&mut self) {
        let next = self.looking.as_ref().map_or(0, |(place, _)| place + 1);
        if let Some(line) = self.past.iter().rev().nth(next).cloned() {
            let draft = self.looking.take().map_or_else(|| self.text(), |(_, draft)| draft);
            self.set(&line);
            self.looking = Some((next, draft));
        }
    }

    /// The line behind the one that is shown, and at last what was being written.
    pub(super) fn down(&mut self) {
        match self.looking.take() {
            None => {}
            Some((0, draft)) => self.set(&draft),
            Some((place, draft)) => {
                if let Some(line) = self.past.iter().rev().nth(place - 1).cloned() {
                    self.set(&line);
                    self.looking = Some((place - 1, draft));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_and_changed() {
        let mut input = Input::default();
        input.insert("hello wörld 世界");
        input.delete_word();
        input.home();
        input.delete();
        input.insert("J");
        input.right();
        input.backspace();
        assert_eq!((input.text().as_str(), input.before().as_str()), ("Jllo wörld ", "J"));
        input.delete_to_end();
        input.backspace();
        input.backspace();
        input.delete();
        input.left();
        assert!(input.is_empty());
        input.insert("a\r\nb\rc");
        assert_eq!(input.text(), "a\nb\nc");
        input.delete_to_start();
        input.insert(&"x".repeat(LEN_MAX + 5));
        assert_eq!(input.text().len(), LEN_MAX);
    }

    #[test]
    fn lines_are_remembered_and_a_draft_is_not_lost() {
        let mut input = Input::default();
        for line in ["one", "two", "two"] {
            input.insert(line);
            assert_eq!(input.take(), line);
        }
        input.insert("draft");
        input.up();
        assert_eq!(input.text(), "two");
        input.up();
        input.up();
        assert_eq!(input.text(), "one");
        input.down();
        input.down();
        assert_eq!(input.text(), "draft");
        input.down();
        assert_eq!(input.text(), "draft");
    }
}
