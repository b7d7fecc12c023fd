//! Checking a proof, by whoever has nothing else.

use std::io::Read as _;

use super::args::VerifyProof;
use super::failure::Failure;
use super::folder::unreadable;
use super::outcome::{Outcome, Proven};
use super::shape;
use edgewise_spec::constants::PROOF_LEN_MAX;
use edgewise_spec::message::{Content, Direction, Proof, ProvenMessage};
use edgewise_spec::session::Mode;
use edgewise_spec::time::Now;

/// Verifies a proof's file.
pub(crate) fn verify(arguments: &VerifyProof) -> Result<Outcome, Failure> {
    let path = &arguments.file;
    let mut bytes = Vec::new();
    let most = PROOF_LEN_MAX as u64 + 1;
    std::fs::File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    let proof = Proof::verify(&bytes)
        .map_err(|error| Failure::failed(format!("{} shows nothing: {error}", path.display())))?;
    let messages = proof.messages().iter().enumerate();
    let messages = messages.map(|(place, message)| proven(&proof, place, message)).collect();
    Ok(Outcome::Proven { messages })
}

fn proven(proof: &Proof, place: usize, message: &ProvenMessage) -> Proven {
    let author = match message.direction {
        Direction::FromClaimer => "claimer",
        Direction::FromInviter => "inviter",
    };
    let header = &message.header;
    let content = Content::decode(Mode::Attested, header.kind, &message.content);
    let text = match content {
        Ok(content) => say(content),
        Err(error) => format!("(a message that breaks a rule: {error})"),
    };
    let mut received_by: Vec<_> = proof.receipts(place).iter().map(|receipt| receipt.by).collect();
    received_by.sort_unstable();
    received_by.dedup();
    Proven {
        place,
        author: author.to_owned(),
        number: header.id.number(),
        time: shape::time(Now::from_millis(header.time)),
        text,
        received_by,
    }
}

/// What a message says, for a reader who knows nothing else of it.
fn say(content: Content) -> String {
    match content {
        Content::Text(text) => text,
        Content::Reply { to, text } => format!("[to {:?}] {text}", to.id),
        Content::Edit { id, text } => format!("[instead of {id:?}] {text}"),
        Content::Delete { id } => format!("(withdraws {id:?})"),
        Content::Reaction { to, given: true, with } => format!("({with} to {:?})", to.id),
        Content::Reaction { to, with, .. } => format!("(takes back {with} to {:?})", to.id),
        Content::Receipt(receipt) => format!("(a receipt for {} messages)", receipt.messages.len()),
        Content::Hello(hello) => format!("(the first message, of {})", hello.name),
        Content::Profile(profile) => format!("(goes by {})", profile.name),
        Content::Introduction { name, .. } => format!("(introduces {name})"),
        Content::Again { content, .. } => say(*content),
        _ => "(not a text)".to_owned(),
    }
}
