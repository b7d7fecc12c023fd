//! The derivations one by one.

use edgewise_spec::session::Digits;
use edgewise_spec::session::cell::{FRONT_LEN, Numbers};
use edgewise_spec::session::schedule::{self, Key};
use edgewise_spec::suite::{Decapsulator, Encapsulator};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use serde::{Deserialize, Serialize};

use crate::vector::{Hex, Vector, pattern, vector};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct StartInput {
    secret: Hex,
    bundle: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct StartOutput {
    /// tr_-1.
    transcript: Hex,
    /// R_0.
    root: Hex,
    /// HK_0.
    claimer_header: Hex,
    /// HK_1.
    inviter_header: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct StepInput {
    t: u32,
    /// tr_{t-1}.
    transcript: Hex,
    /// R_t.
    root: Hex,
    /// Of the key that is encapsulated to.
    seed_before: Hex,
    ct: Hex,
    /// Of the step's new key.
    seed: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct StepOutput {
    ss: Hex,
    /// tr_t.
    transcript: Hex,
    /// R_{t+1}.
    root: Hex,
    /// CK_t.
    chain: Hex,
    /// HK_{t+2}.
    header: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ChainInput {
    chain: Hex,
    s: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ChainOutput {
    next: Hex,
    message: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct MessageInput {
    message: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct MessageOutput {
    key: Hex,
    nonce: Hex,
    commitment: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct HeaderInput {
    header_key: Hex,
    s: u32,
    /// Of the key in the header.
    seed: Hex,
    ct: Hex,
    t: u32,
    start: u32,
    ack: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct HeaderOutput {
    #[serde(rename = "box")]
    sealed: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SafetyInput {
    transcript: Hex,
    t: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SafetyOutput {
    digits: String,
}

fn key(hex: &Hex) -> Key {
    Key::new(hex.array())
}

fn hex(key: &Key) -> Hex {
    key.as_slice().into()
}

pub fn start(input: &StartInput) -> Result<StartOutput, &'static str> {
    let start = schedule::start(&input.secret.array(), &input.bundle.0);
    Ok(StartOutput {
        transcript: schedule::transcript_of_bundle(&input.bundle.0).into(),
        root: hex(&start.root),
        claimer_header: hex(&start.claimer),
        inviter_header: hex(&start.inviter),
    })
}

pub fn step(input: &StepInput) -> Result<StepOutput, &'static str> {
    let before = Decapsulator::from_seed(&input.seed_before.array());
    let ek = Decapsulator::from_seed(&input.seed.array()).encapsulator();
    let ct = input.ct.array();
    let ss = before.decapsulate(&ct).unwrap();
    let ek_before = before.encapsulator();
    let tr = input.transcript.array();
    let tr = schedule::transcript(&tr, input.t, ek_before.as_bytes(), &ct, ek.as_bytes());
    let step = schedule::step(&key(&input.root), &ss, &tr);
    Ok(StepOutput {
        ss: ss.as_bytes().into(),
        transcript: tr.into(),
        root: hex(&step.root),
        chain: hex(&step.chain),
        header: hex(&step.header),
    })
}

pub fn chain(input: &ChainInput) -> Result<ChainOutput, &'static str> {
    let (next, message) = schedule::chain(&key(&input.chain), input.s);
    Ok(ChainOutput { next: hex(&next), message: hex(&message) })
}

pub fn message(input: &MessageInput) -> Result<MessageOutput, &'static str> {
    let keys = schedule::message(&key(&input.message));
    let (nonce, commitment) = (keys.nonce.into(), keys.commitment.into());
    Ok(MessageOutput { key: hex(&keys.key), nonce, commitment })
}

pub fn header(input: &HeaderInput) -> Result<HeaderOutput, &'static str> {
    let ek = Decapsulator::from_seed(&input.seed.array()).encapsulator();
    let front = [&ek.as_bytes()[..], &input.ct.0].concat();
    let front: [u8; FRONT_LEN] = front.try_into().unwrap();
    let HeaderInput { s, t, start, ack, .. } = *input;
    let numbers = Numbers { step: t, start, ack, reserved: 0 };
    let (header_key, keys) = (key(&input.header_key), schedule::message(&Key::default()));
    let cell =
        edgewise_spec::session::cell::seal(&header_key, &keys, &[0; 32], s, &front, numbers, &[]);
    Ok(HeaderOutput { sealed: cell[..2_368].into() })
}

pub fn safety(input: &SafetyInput) -> Result<SafetyOutput, &'static str> {
    let digits = Digits::of(&input.transcript.array(), input.t).to_string();
    Ok(SafetyOutput { digits })
}

pub fn starts() -> Vec<Vector<StartInput, StartOutput>> {
    let of = |name: &str, comment: &str, bundle: &[u8]| {
        let input = StartInput { secret: pattern::<32>(name).into(), bundle: bundle.into() };
        let outcome = start(&input);
        vector(&format!("start/{name}"), comment, &["SESSION-1", "SESSION-2"], &[], input, outcome)
    };
    vec![
        of("short", "a bundle of a few bytes", b"bundle"),
        of("long", "a bundle of 1,500 bytes", &pattern::<1_500>("bundle")),
    ]
}

/// A ciphertext to the key of a seed, always the same.
pub fn ciphertext(seed: &[u8; 32], name: &str) -> [u8; 1_120] {
    let ek = Decapsulator::from_seed(seed).encapsulator();
    let mut rng = ChaCha20Rng::from_seed(pattern(name));
    Encapsulator::parse(ek.as_bytes()).unwrap().encapsulate(&mut rng).0
}

pub fn steps() -> Vec<Vector<StepInput, StepOutput>> {
    let of = |name: &str, comment: &str, t: u32| {
        let seed_before = pattern(&format!("{name} before"));
        let input = StepInput {
            t,
            transcript: pattern::<32>(&format!("{name} transcript")).into(),
            root: pattern::<32>(&format!("{name} root")).into(),
            seed_before: seed_before.into(),
            ct: ciphertext(&seed_before, name).into(),
            seed: pattern::<32>(&format!("{name} seed")).into(),
        };
        let outcome = step(&input);
        vector(&format!("step/{name}"), comment, &["SESSION-2", "SESSION-3"], &[], input, outcome)
    };
    vec![
        of("first", "of the claimer", 0),
        of("second", "of the inviter", 1),
        of("late", "a number of three bytes", 70_000),
    ]
}

pub fn chains() -> Vec<Vector<ChainInput, ChainOutput>> {
    let of = |name: &str, s: u32| {
        let input = ChainInput { chain: pattern::<32>(name).into(), s };
        let outcome = chain(&input);
        vector(&format!("chain/{name}"), &format!("s = {s}"), &["SESSION-4"], &[], input, outcome)
    };
    vec![of("one", 1), of("two", 2), of("large", 4_000_000_000)]
}

pub fn messages() -> Vec<Vector<MessageInput, MessageOutput>> {
    let of = |name: &str| {
        let input = MessageInput { message: pattern::<32>(name).into() };
        let outcome = message(&input);
        let id = format!("message/{name}");
        vector(&id, "key, nonce and commitment", &["SESSION-5"], &[], input, outcome)
    };
    vec![of("one"), of("another")]
}

pub fn headers() -> Vec<Vector<HeaderInput, HeaderOutput>> {
    let of = |name: &str, s: u32, t: u32, start: u32, ack: u32| {
        let seed = pattern::<32>(&format!("{name} before"));
        let input = HeaderInput {
            header_key: pattern::<32>(&format!("{name} key")).into(),
            s,
            seed: pattern::<32>(&format!("{name} seed")).into(),
            ct: ciphertext(&seed, name).into(),
            t,
            start,
            ack,
        };
        let outcome = header(&input);
        let (id, comment) = (format!("header/{name}"), format!("s = {s}, t = {t}"));
        vector(&id, &comment, &["SESSION-6"], &[], input, outcome)
    };
    vec![of("first", 1, 0, 1, 0), of("later", 70_000, 9, 69_990, 12)]
}

pub fn safeties() -> Vec<Vector<SafetyInput, SafetyOutput>> {
    let of = |name: &str, t: u32| {
        let input = SafetyInput { transcript: pattern::<32>(name).into(), t };
        let outcome = safety(&input);
        let (id, comment) = (format!("safety/{name}"), format!("of step {t}"));
        vector(&id, &comment, &["SESSION-8"], &[], input, outcome)
    };
    vec![of("first", 0), of("same-step", 0), of("later", 7)]
}
