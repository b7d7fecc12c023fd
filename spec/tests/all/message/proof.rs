//! Proofs: what they show, and what shows none.

use edgewise_spec::message::{
    Composed, Content, Direction, Proof, ProofRefused, ProvenMessage, Receipt, Receipted, Seen,
    UpTo,
};
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;

use super::{TRANSCRIPT, Way, hello, key, text};

pub const CLAIMER: Direction = Direction::FromClaimer;
pub const INVITER: Direction = Direction::FromInviter;

fn shown(direction: Direction, said: &Composed) -> ProvenMessage {
    ProvenMessage::new(direction, said.header, said.content.clone())
}

pub fn export(messages: Vec<ProvenMessage>) -> Result<Vec<u8>, ProofRefused> {
    let (inviter, claimer) = (key(INVITER).verifying_key(), key(CLAIMER).verifying_key());
    Proof::export(&TRANSCRIPT, &inviter, &claimer, messages)
}

/// hello, "I owe you 5", (not shown) from the claimer; an answer and a receipt from the inviter.
pub fn conversation() -> Vec<ProvenMessage> {
    let mut ada = Way::new(Mode::Attested, Shape::SINGLE, CLAIMER);
    let mut ben = Way::inviter(Mode::Attested);
    let greeting = ada.say(&hello(Mode::Attested));
    let owe = ada.say(&text("I owe you 5"));
    let other = ada.say(&text("and my door's code is 4711"));
    let agreed = ben.say_after(UpTo { number: 2, hash: owe.hash }, &text("agreed"));
    let receipt = Content::Receipt(Receipt {
        seen: Seen::Read,
        messages: vec![(greeting.id, greeting.hash), (owe.id, owe.hash)],
    });
    let read = ben.say_after(UpTo { number: 3, hash: other.hash }, &receipt);
    let paid = ada.say_after(UpTo { number: 1, hash: agreed.hash }, &text("paid"));
    vec![
        shown(CLAIMER, &greeting),
        shown(CLAIMER, &owe),
        shown(CLAIMER, &paid),
        shown(INVITER, &agreed),
        shown(INVITER, &read),
    ]
}

#[test]
fn a_proof_shows_authorship_receipt_and_order() {
    let bytes = export(conversation()).unwrap();
    let proof = Proof::verify(&bytes).unwrap();
    assert_eq!(proof.transcript(), &TRANSCRIPT);
    assert_eq!(proof.author(CLAIMER), &key(CLAIMER).verifying_key());
    assert_eq!(proof.author(INVITER), &key(INVITER).verifying_key());
    let numbers: Vec<_> = proof
        .messages()
        .iter()
        .map(|message| (message.direction, message.header.id.number()))
        .collect();
    let (c, i) = (CLAIMER, INVITER);
    assert_eq!(numbers, [(c, 1), (c, 2), (c, 4), (i, 1), (i, 2)]);
    assert_eq!(proof.messages()[1].content, b"I owe you 5");
    let read = Receipted { by: 4, seen: Some(Seen::Read) };
    assert_eq!(proof.receipts(0), [read]);
    assert_eq!(proof.receipts(1), [Receipted { by: 3, seen: None }, read]);
    assert_eq!(proof.receipts(2), []);
    assert_eq!(proof.receipts(3), [Receipted { by: 2, seen: None }]);
    let before: Vec<(usize, usize)> = (0..5)
        .flat_map(|a| (0..5).map(move |b| (a, b)))
        .filter(|(a, b)| proof.is_before(*a, *b))
        .collect();
    let expected = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (3, 2), (3, 4)];
    assert_eq!(before, expected);
    assert!(!proof.is_before(9, 0) && proof.receipts(9).is_empty());
    // What was not exported is not in it.
    assert!(!bytes.windows(4).any(|window| window == b"4711"));
}

#[test]
fn the_order_of_export_does_not_matter_and_each_message_stands_alone() {
    let mut messages = conversation();
    let whole = export(messages.clone()).unwrap();
    messages.reverse();
    assert_eq!(export(messages.clone()).unwrap(), whole);
    for message in messages {
        assert!(Proof::verify(&export(vec![message]).unwrap()).is_ok());
    }
}

#[test]
fn nothing_is_exported_that_does_not_verify() {
    assert!(matches!(export(vec![]), Err(ProofRefused::Count { got: 0, .. })));
    let twice = [conversation(), conversation()].concat();
    assert_eq!(export(twice), Err(ProofRefused::Order(1)));
    let mut messages = conversation();
    messages[1].content[11 - 1] = b'9';
    assert_eq!(export(messages), Err(ProofRefused::Signature(1)));
    let mut messages = conversation();
    messages[1].direction = INVITER;
    messages.truncate(2);
    assert_eq!(export(messages), Err(ProofRefused::Signature(1)));
    // A deniable session's message has no signature.
    let mut way = Way::inviter(Mode::Deniable);
    let said = way.say(&text("deniable"));
    assert_eq!(export(vec![shown(INVITER, &said)]), Err(ProofRefused::Signature(0)));
    let (ada, _) = (key(CLAIMER).verifying_key(), ());
    let same = Proof::export(&TRANSCRIPT, &ada, &ada, conversation());
    assert_eq!(same, Err(ProofRefused::Key("claimer")));
    let other = Proof::export(&[0; 32], &key(INVITER).verifying_key(), &ada, conversation());
    assert_eq!(other, Err(ProofRefused::Signature(0)));
}

#[test]
fn a_proof_that_contradicts_itself_shows_nothing() {
    // The same author tells two stories: another message 2, and one that follows the first 2.
    let messages = conversation();
    let mut ada = Way::new(Mode::Attested, Shape::SINGLE, CLAIMER);
    ada.say(&hello(Mode::Attested));
    ada.rng = rand_chacha::rand_core::SeedableRng::from_seed([50; 32]);
    let other = ada.say(&text("I owe you 500"));
    let third = ada.say(&text("third"));
    let mixed = vec![messages[1].clone(), shown(CLAIMER, &third)];
    assert_eq!(export(mixed), Err(ProofRefused::Previous(1)));
    // The inviter received the first 2, and is shown with the other one.
    let mixed = vec![shown(CLAIMER, &other), messages[3].clone()];
    assert_eq!(export(mixed), Err(ProofRefused::UpTo(1)));
    // A first message that follows something.
    let mut first = Way::inviter(Mode::Attested);
    let state = [&[1, 0, 0, 0, 0][..], &[9; 32]].concat();
    first.composer = first.composer.resume(&state).unwrap();
    let said = first.say(&text("x"));
    assert_eq!(export(vec![shown(INVITER, &said)]), Err(ProofRefused::Previous(0)));
    let nothing = first.say_after(UpTo { number: 0, hash: [4; 32] }, &text("x"));
    assert_eq!(export(vec![shown(INVITER, &nothing)]), Err(ProofRefused::UpTo(0)));
}

#[test]
fn no_altered_proof_verifies() {
    let bytes = export(conversation()).unwrap();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(Proof::verify(&altered).is_err(), "byte {at}");
        assert!(Proof::verify(&bytes[..at]).is_err(), "cut at {at}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Proof::verify(&longer), Err(ProofRefused::Surplus(1)));
}
