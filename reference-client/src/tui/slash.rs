//! Slash commands: the verbs, parsed by the same definition as the command line.

use clap::{CommandFactory as _, Parser};

use crate::cli::failure::Failure;
use crate::cli::verb::Verb;

#[derive(Debug, Parser)]
#[command(name = "/", no_binary_name = true, disable_help_subcommand = true)]
struct Slash {
    #[command(subcommand)]
    verb: Verb,
}

/// What a line asks for.
#[derive(Debug)]
pub(super) enum Line {
    /// Something to say to whom the screen shows.
    Text(String),
    /// A verb.
    Verb(Box<Verb>),
    /// The help.
    Help,
    /// The end.
    Quit,
}

/// Reads a line. A verb about a contact is about `open`, the one that is shown, unless its first
/// word is a name behind an `@`.
pub(super) fn parse(line: &str, open: Option<&str>) -> Result<Line, Failure> {
    let Some(command) = line.strip_prefix('/') else { return Ok(Line::Text(line.to_owned())) };
    // Two of them begin a text with one.
    if command.starts_with('/') {
        return Ok(Line::Text(command.to_owned()));
    }
    let name = command.split_whitespace().next().unwrap_or_default();
    match name {
        "" | "help" | "?" => return Ok(Line::Help),
        "quit" | "exit" | "q" => return Ok(Line::Quit),
        _ => {}
    }
    let mut words = split(name, command);
    let place = usize::from(words.get(1).is_some_and(|word| has_verb(name, word))) + 1;
    let named = words.get(place).is_some_and(|word| word.starts_with('@'));
    if takes_contact(&words) && !named {
        let open = open.ok_or_else(|| {
            Failure::usage(format!("nobody is chosen; choose with Tab, or write: /{name} @NAME"))
        })?;
        words.insert(place, open.to_owned());
    }
    let parsed = Slash::try_parse_from(words).map_err(|error| {
        let text = error.render().to_string();
        Failure::usage(text.trim_start_matches("error: ").trim_end())
    })?;
    match parsed.verb {
        Verb::Receive(_) => Err(Failure::usage("this screen shows what comes by itself")),
        verb => Ok(Line::Verb(Box::new(verb))),
    }
}

/// Names of verbs that begin so, for completing them.
pub(super) fn complete(start: &str) -> Vec<String> {
    let command = Slash::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    let mut names: Vec<_> = names.chain(["help", "quit"]).map(str::to_owned).collect();
    names.retain(|name| name.starts_with(start));
    names.sort();
    names
}

/// What each verb does, for the help.
pub(super) fn verbs() -> Vec<(String, String)> {
    let command = Slash::command();
    let about = |verb: &clap::Command| {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        (verb.get_name().to_owned(), about)
    };
    command.get_subcommands().filter(|verb| verb.get_name() != "receive").map(about).collect()
}

/// Words of a command. A text that is said stays as it was written, quotes and spaces too.
fn split(name: &str, command: &str) -> Vec<String> {
    let numbers = match name {
        "send" => 0,
        "reply" | "edit" => 1,
        _ => {
            let plain = || command.split_whitespace().map(str::to_owned).collect();
            return shlex::split(command).unwrap_or_else(plain);
        }
    };
    let mut rest = command;
    let mut words = Vec::new();
    let mut next = |rest: &mut &str| {
        let trimmed = rest.trim_start();
        let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        let (word, left) = trimmed.split_at(end);
        *rest = left;
        if !word.is_empty() {
            words.push(word.to_owned());
        }
    };
    next(&mut rest);
    if rest.trim_start().starts_with('@') {
        next(&mut rest);
    }
    for _ in 0..numbers {
        next(&mut rest);
    }
    let text = rest.trim_start();
    if !text.is_empty() {
        // Whatever it begins with, it is no option.
        words.extend(["--".to_owned(), text.to_owned()]);
    }
    words
}

fn has_verb(name: &str, inner: &str) -> bool {
    let command = Slash::command();
    command.find_subcommand(name).is_some_and(|verb| verb.find_subcommand(inner).is_some())
}

fn takes_contact(words: &[String]) -> bool {
    let command = Slash::command();
    let Some(verb) = words.first().and_then(|name| command.find_subcommand(name)) else {
        return false;
    };
    let inner = words.get(1).and_then(|name| verb.find_subcommand(name));
    let first = inner.unwrap_or(verb).get_positionals().next();
    first.is_some_and(|first| first.get_id() == "contact" && first.is_required_set())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(line: &str) -> String {
        match parse(line, Some("0123")) {
            Ok(Line::Verb(verb)) => serde_json::to_string(&verb).unwrap(),
            Ok(other) => format!("{other:?}"),
            Err(failure) => failure.message,
        }
    }

    #[test]
    fn verbs_are_about_whom_the_screen_shows() {
        assert!(verb("/rotate").contains(r#"{"rotate":{"contact":"0123"}}"#));
        assert!(verb("/rotate @bob").contains(r#""contact":"@bob""#));
        assert!(
            verb("/reply 7 don't  \"quote\"").contains(r#""message":7,"text":"don't  \"quote\"""#)
        );
        assert!(verb("/reply @bob 7 x").contains(r#""contact":"@bob","message":7"#));
        assert!(verb("/send -x").contains(r#""contact":"0123","text":"-x""#));
        assert!(verb("/send @bob it's").contains(r#""contact":"@bob","text":"it's""#));
        assert!(verb("/broadcast open News").contains(r#""contact":"0123","name":"News""#));
        assert!(verb("/history -n 5").contains(r#""contact":"0123","most":5"#));
        assert!(verb("/contacts").contains(r#"{"contacts":{"contact":null}}"#));
        assert!(verb("/invite --label 'A B'").contains(r#""label":"A B""#));
        assert!(verb("/rename Anna Lisa").contains(r#""name":"Anna Lisa""#));
    }

    #[test]
    fn texts_help_and_mistakes() {
        assert!(matches!(parse("hi / you", None), Ok(Line::Text(text)) if text == "hi / you"));
        assert!(matches!(parse("//shrug", None), Ok(Line::Text(text)) if text == "/shrug"));
        assert!(matches!(parse("/help", None), Ok(Line::Help)));
        assert!(matches!(parse("/quit", None), Ok(Line::Quit)));
        assert!(parse("/rotate", None).unwrap_err().message.contains("nobody is chosen"));
        assert!(verb("/nothing").contains("unrecognized subcommand"));
        assert!(verb("/receive").contains("shows what comes"));
        assert!(verb("/wipe").contains("unrecognized subcommand"));
        assert_eq!(
            complete("re"),
            ["react", "read", "receive", "remove", "rename", "renew", "reply", "rotate"]
                .into_iter()
                .filter(|name| name.starts_with("re"))
                .collect::<Vec<_>>()
        );
        assert!(verbs().len() > 20);
    }
}
