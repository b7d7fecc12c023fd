//! What the caller's own process does before and after a verb, wherever that runs: reading and
//! writing files, standard input, asking for passwords.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::failure::Failure;
use super::folder::{create_private, unreadable, write_private};
use super::outcome::{Line, Outcome};
use super::print::Out;
use super::verb::{AddressVerb, Export, Invitations, ProfileVerb, ServersVerb, Verb};
use super::{qr, unlock};
use edgewise_spec::constants::MESSAGE_MAX;

/// Who asks: a shell, which has standard input and may draw, or the screen, which has neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A command line; whether a QR code would be drawn on its terminal.
    Shell { draws: bool },
    /// The screen of `chat`.
    Screen,
}

/// Reads what the verb names into the verb.
pub(crate) fn prepare(verb: &mut Verb, caller: Caller) -> Result<(), Failure> {
    let draws = matches!(caller, Caller::Screen | Caller::Shell { draws: true });
    match verb {
        Verb::Invite(invite) => invite.shown |= draws && !invite.link && invite.png.is_none(),
        Verb::Invitations(Invitations::Card(card)) => {
            card.shown |= draws && !card.link && card.png.is_none();
        }
        Verb::Accept(accept) => accept.card = card(&accept.card, caller)?,
        Verb::Introduce(introduce) => introduce.card = card(&introduce.card, caller)?,
        Verb::Address(AddressVerb::Request(request)) => request.card = card(&request.card, caller)?,
        Verb::Send(send) => send.text = vec![text(&send.text, caller)?],
        Verb::Reply(reply) | Verb::Edit(reply) => reply.text = vec![text(&reply.text, caller)?],
        Verb::Export(export) => {
            export.proof |= export.file.is_some();
            if caller == Caller::Screen && export.out.is_none() && !export.proof {
                return Err(Failure::usage("here an export needs a file: /export --out FILE"));
            }
        }
        Verb::Profile(ProfileVerb::Set(set)) => {
            if let Some(path) = &set.picture {
                let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
                set.picture_bytes = Some(STANDARD.encode(bytes));
            }
        }
        Verb::Remove(remove) if !remove.yes => {
            let what = format!("contact {} with everything that was said", remove.contact);
            sure(&what, "remove", caller)?;
        }
        Verb::Profile(ProfileVerb::Remove(remove)) if !remove.yes => {
            let what = format!("profile {} with all its contacts and what they said", remove.name);
            sure(&what, "profile remove", caller)?;
        }
        Verb::Servers(ServersVerb::Add(add)) => {
            if let Some(path) = &add.file {
                add.list = Some(list(path, caller)?);
            } else if let Some(path) = &add.password_file {
                add.password = Some(super::verb::Secret(unlock::first_line(path)?));
            } else if add.ask && caller != Caller::Screen {
                add.password = Some(super::verb::Secret(unlock::ask("The server's password: ")?));
            }
        }
        _ => {}
    }
    Ok(())
}

/// Asks whether to remove something for good.
fn sure(what: &str, verb: &str, caller: Caller) -> Result<(), Failure> {
    let what = super::plain::line(what);
    if caller == Caller::Screen {
        let text = format!("that removes the {what}, for good; to do so: /{verb} NAME --yes");
        return Err(Failure::usage(text));
    }
    unlock::sure(
        &format!("Remove the {what}, for good?"),
        &format!("to remove it all the same: edgewise {verb} NAME --yes"),
        "nothing was removed",
    )
}

/// Writes what came of the verb where its command line says.
pub(crate) fn finish(verb: &Verb, outcome: &Outcome) -> Result<(), Failure> {
    if let (Some(path), Some(card)) = (verb.png(), card_of(outcome)) {
        qr::Qr::of(card)?.write_png(path)?;
    }
    if let (Verb::Export(export), Outcome::Proof { proof, .. }) = (verb, outcome)
        && let Some(path) = &export.file
    {
        write_private(path, &STANDARD.decode(proof).map_err(Failure::failed)?)?;
    }
    Ok(())
}

/// Whether what came out stands in a file.
pub(crate) fn in_file(verb: &Verb) -> bool {
    verb.png().is_some() || matches!(verb, Verb::Export(export) if export.file.is_some())
}

/// Takes what a verb tells on its way: to standard output, or into the file of an export.
pub(crate) struct Told<'a> {
    out: &'a Out,
    file: Option<std::sync::Mutex<std::fs::File>>,
    lines: bool,
    verb: &'a Verb,
}

impl<'a> Told<'a> {
    pub(crate) fn new(verb: &'a Verb, out: &'a Out) -> Result<Self, Failure> {
        let file = match verb {
            Verb::Export(Export { out: Some(path), .. }) => {
                Some(std::sync::Mutex::new(create_private(path)?))
            }
            _ => None,
        };
        Ok(Self { out, file, lines: matches!(verb, Verb::Export(_)), verb })
    }

    /// Whether what was told is all that standard output is to have.
    pub(crate) fn is_all(&self) -> bool {
        self.file.is_none() && matches!(self.verb, Verb::Export(export) if !export.proof)
    }

    /// False if nobody takes any more.
    pub(crate) fn take(&self, outcome: &Outcome) -> bool {
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            return append(&mut *file, outcome);
        }
        if self.lines {
            return append(&mut std::io::stdout(), outcome);
        }
        // The picture of an invitation is written as soon as there is one.
        finish(self.verb, outcome).is_ok() && self.out.outcome(outcome, in_file(self.verb))
    }
}

/// Writes an outcome as a line of JSON.
pub(crate) fn append(to: &mut impl std::io::Write, outcome: &Outcome) -> bool {
    serde_json::to_string(&Line::new(outcome.clone()))
        .is_ok_and(|line| to.write_all((line + "\n").as_bytes()).is_ok())
}

/// The card that an outcome carries.
pub(crate) fn card_of(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Invitation { card, .. } => card.as_deref(),
        Outcome::Address { address: Some(address) } => address.card.as_deref(),
        _ => None,
    }
}

/// A list of addresses: a file, or standard input.
fn list(path: &Path, caller: Caller) -> Result<String, Failure> {
    if path == Path::new("-") && caller != Caller::Screen {
        return stdin();
    }
    let most = u64::try_from(MESSAGE_MAX).unwrap_or(u64::MAX);
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let read = file.take(most + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(path, &error))?;
    if text.len() as u64 > most {
        let path = path.display();
        return Err(Failure::usage(format!("{path} has more than {most} bytes; split it")));
    }
    Ok(text)
}

/// A card's text from what was typed: itself, a picture of it, or standard input.
fn card(typed: &str, caller: Caller) -> Result<String, Failure> {
    if typed == "-" && caller != Caller::Screen {
        return stdin();
    }
    let path = Path::new(typed);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let picture = ["png", "jpg", "jpeg"].iter().any(|known| ending.eq_ignore_ascii_case(known));
    if picture || path.is_file() { qr::read(path) } else { Ok(typed.to_owned()) }
}

fn text(words: &[String], caller: Caller) -> Result<String, Failure> {
    let text = words.join(" ");
    let from_stdin = caller != Caller::Screen && (text.is_empty() || text == "-");
    if !from_stdin {
        return Ok(text);
    }
    if text.is_empty() && std::io::stdin().is_terminal() {
        return Err(Failure::usage("there is no text; write it behind the name, or - to type it"));
    }
    stdin()
}

fn stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let most = u64::try_from(MESSAGE_MAX).unwrap_or(u64::MAX);
    std::io::stdin()
        .lock()
        .take(most + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
    if text.len() as u64 > most {
        return Err(Failure::usage(format!("standard input has more than {most} bytes")));
    }
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}
