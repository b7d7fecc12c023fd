//! Vectors of the hello and of the reply, the whole key schedule with them, by the way of
//! decapsulation: nobody's encapsulation need be repeatable.

use arrayvec::ArrayVec;
use edgewise_proto::v1;
use edgewise_spec::cadence::TickMs;
use edgewise_spec::constants::{HELLO_OPTIONS_LEN, HELLO_PREFIX_LEN};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{
    EpochSecret, EpochWindow, HandshakeParams, HelloRefused, ReplyRefused, open_hello, open_reply,
    schedule,
};
use edgewise_spec::suite::{Decapsulator, Sealer, SuiteId};
use edgewise_spec::time::Now;
use prost::Message;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use serde::{Deserialize, Serialize};

use super::{Outcome, identity::identity};
use crate::vector::{Hex, Vector, pattern, vector};

/// A hello without its padding, at a server that holds one epoch, offers suites 1 and 2 and serves
/// every class.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct HelloInput {
    fingerprint: Hex,
    epoch_seed: Hex,
    record: Hex,
    /// Seconds since the Unix epoch.
    now: u64,
    class: u32,
    hello: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct HelloOutput {
    th0: Hex,
    ss_s: Hex,
    k1: Hex,
    options: Hex,
    th1: Hex,
}

pub type HelloVector = Vector<HelloInput, HelloOutput>;

fn params(input: &HelloInput) -> HandshakeParams {
    let epoch = EpochSecret::from_parts(&input.epoch_seed.array(), &input.record.0).unwrap();
    HandshakeParams {
        fingerprint: input.fingerprint.array(),
        epochs: EpochWindow::new([epoch]),
        suites: ArrayVec::from([SuiteId::Chacha20Poly1305, SuiteId::Aes256Gcm]),
        classes: Class::ALL.into(),
        ticks: TickMs::all().collect(),
    }
}

pub fn hello(input: &HelloInput) -> Outcome<HelloOutput> {
    let hello = input.hello.array();
    let class = Class::try_from(input.class).unwrap();
    let opened = open_hello(&params(input), Now::from_seconds(input.now), class, &hello);
    let opened = opened.map_err(|why| match why {
        HelloRefused::Length => "length",
        HelloRefused::Padding => "padding",
        HelloRefused::Suite => "suite",
        HelloRefused::Epoch => "epoch",
        HelloRefused::Key => "key",
        HelloRefused::OptionsSeal => "options-seal",
        HelloRefused::OptionsEncoding => "options-encoding",
        HelloRefused::OptionsValue => "options-value",
        HelloRefused::Tick => "tick",
    })?;
    let suite = opened.suite;
    let th0 = schedule::th0(suite, &input.fingerprint.array(), &input.record.array());
    let prefix = hello.first_chunk::<HELLO_PREFIX_LEN>().unwrap();
    let k1 = schedule::hello_key(suite, &opened.ss_s, &th0, prefix);
    let (options, tag) = hello[HELLO_PREFIX_LEN..].split_first_chunk().unwrap();
    let mut options: [u8; HELLO_OPTIONS_LEN] = *options;
    let sealer = Sealer::new(suite, &k1);
    sealer.open(&[0; 12], prefix, &mut options, tag.try_into().unwrap()).unwrap();
    Ok(HelloOutput {
        th0: th0.into(),
        ss_s: opened.ss_s.as_bytes().into(),
        k1: k1.as_slice().into(),
        options: options.into(),
        th1: opened.th1.into(),
    })
}

/// Everything a client needs for a hello; faults are put in by changing it.
struct Draft {
    suite: u16,
    number: u32,
    ct_s: [u8; 1_120],
    ek_c: Vec<u8>,
    options: Vec<u8>,
    class: u32,
    now: u64,
}

/// A server's one epoch, number 7, and the draft of a good hello in class medium for it.
fn good() -> (EpochSecret, Draft) {
    let mut rng = ChaCha20Rng::from_seed(pattern("hello"));
    let epoch = identity().sign_epoch(7, 604_800, 691_200, &mut rng);
    let (ct_s, _) = epoch.record().ek().encapsulate_derand(&pattern("ct_s"));
    let ek_c = Decapsulator::from_seed(&pattern("ek_c")).encapsulator().as_bytes().to_vec();
    let options = options(2, 0);
    (epoch, Draft { suite: 1, number: 7, ct_s, ek_c, options, class: 2, now: 650_000 })
}

fn options(class: u32, depth: u32) -> Vec<u8> {
    let encoded = v1::HelloOptions { link_class: class, depth, tick_ms: 0 }.encode_to_vec();
    let len = u16::try_from(encoded.len()).unwrap().to_be_bytes();
    [&len[..], &encoded].concat()
}

impl Draft {
    /// The hello, sealed as an honest client would seal these fields.
    fn hello(&self, epoch: &EpochSecret) -> Vec<u8> {
        let keyed = SuiteId::try_from(self.suite).unwrap_or(SuiteId::Chacha20Poly1305);
        let fields: [&[u8]; 4] =
            [&self.suite.to_be_bytes(), &self.number.to_be_bytes(), &self.ct_s, &self.ek_c];
        let prefix: [u8; HELLO_PREFIX_LEN] = fields.concat().try_into().unwrap();
        let (_, ss_s) = epoch.record().ek().encapsulate_derand(&pattern("ct_s"));
        let th0 = schedule::th0(keyed, &identity().fingerprint(), epoch.record().bytes());
        let k1 = schedule::hello_key(keyed, &ss_s, &th0, &prefix);
        let mut text = self.options.clone();
        text.resize(HELLO_OPTIONS_LEN, 0);
        let tag = Sealer::new(keyed, &k1).seal(&[0; 12], &prefix, &mut text);
        [&prefix[..], &text, &tag].concat()
    }

    fn input(&self, epoch: &EpochSecret, hello: Vec<u8>) -> HelloInput {
        HelloInput {
            fingerprint: identity().fingerprint().into(),
            epoch_seed: epoch.to_seed().as_slice().into(),
            record: epoch.record().bytes().into(),
            now: self.now,
            class: self.class,
            hello: Hex(hello),
        }
    }
}

/// A good hello whose draft was changed before it was sealed.
fn with(id: &str, comment: &str, clause: &str, change: impl Fn(&mut Draft)) -> HelloVector {
    let (epoch, mut draft) = good();
    change(&mut draft);
    let input = draft.input(&epoch, draft.hello(&epoch));
    let output = hello(&input);
    let mut flags = Vec::new();
    if draft.suite == 2 {
        flags.push("AesHardware");
    }
    if comment.contains("low order") {
        flags.push("LowOrder");
    }
    if comment.contains("later") {
        flags.push("LaterRevision");
    }
    vector(&format!("hello/{id}"), comment, &[clause], &flags, input, output)
}

/// A good hello with a bit flipped after it was sealed.
fn altered(id: &str, comment: &str, at: usize) -> HelloVector {
    let (epoch, draft) = good();
    let mut bytes = draft.hello(&epoch);
    bytes[at] ^= 1;
    let input = draft.input(&epoch, bytes);
    let output = hello(&input);
    vector(&format!("hello/{id}"), comment, &["LINK-16"], &[], input, output)
}

pub fn hellos() -> Vec<HelloVector> {
    [good_hellos(), refused_hellos(), refused_options()].into_iter().flatten().collect()
}

fn good_hellos() -> Vec<HelloVector> {
    let class = |class: u32| {
        move |draft: &mut Draft| {
            draft.class = class;
            draft.options = options(class, 0);
        }
    };
    vec![
        with("medium", "class medium", "LINK-18", |_| {}),
        with("small", "class small", "LINK-18", class(1)),
        with("large", "class large", "LINK-18", class(3)),
        with("aes", "suite 2", "LINK-12", |draft| draft.suite = 2),
        with("first-second", "the first second of the epoch", "LINK-13", |draft| {
            draft.now = 604_800;
        }),
        with("later-field", "options with a field of a later revision", "LINK-17", |draft| {
            draft.options[1] += 3;
            draft.options.extend([0x98, 0x06, 0x01]);
        }),
    ]
}

fn refused_hellos() -> Vec<HelloVector> {
    vec![
        with("suite-0", "suite 0", "LINK-12", |draft| draft.suite = 0),
        with("suite-3", "suite 3", "LINK-12", |draft| draft.suite = 3),
        with("epoch", "number 9", "LINK-13", |draft| draft.number = 9),
        with("epoch-over", "the second after the only epoch", "LINK-13", |draft| {
            draft.now = 691_200;
        }),
        with("ek-low-order", "an ek_c of low order", "LINK-15", |draft| {
            draft.ek_c[1_184..].fill(0);
        }),
        with("ek-modulus", "an ek_c with an unreduced coefficient", "LINK-15", |draft| {
            draft.ek_c[..2].fill(0xff);
        }),
        with("ct-low-order", "a ct_s of low order", "LINK-15", |draft| draft.ct_s[1_088..].fill(0)),
        altered("altered-ct", "a bit of ct_s: the secret is another", 100),
        altered("altered-ek", "a bit of ek_c's X25519 half", 2_320),
        altered("altered-options", "a bit of the sealed options", 2_342),
        altered("altered-tag", "a bit of the tag", 2_559),
    ]
}

fn refused_options() -> Vec<HelloVector> {
    vec![
        with("options-length", "a length beyond the options", "LINK-17", |draft| {
            draft.options[0] = 1;
        }),
        with("options-not-zero", "a byte behind HelloOptions", "LINK-17", |draft| {
            draft.options.push(1);
        }),
        with("options-encoding", "no protobuf", "LINK-17", |draft| draft.options = vec![0, 1, 8]),
        with("options-class", "class small in a medium hello", "LINK-18", |draft| {
            draft.options = options(1, 0);
        }),
        with("options-depth", "depth 1", "LINK-18", |draft| draft.options = options(2, 1)),
        with("options-none", "no options", "LINK-18", |draft| draft.options = vec![0, 0]),
    ]
}

/// A reply without its padding, at the client that sent this good hello.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ReplyInput {
    epoch_seed: Hex,
    record: Hex,
    client_seed: Hex,
    hello: Hex,
    reply: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ReplyOutput {
    th1: Hex,
    ss_s: Hex,
    ss_c: Hex,
    confirmation: Hex,
    client_to_server: Hex,
    server_to_client: Hex,
    transcript: Hex,
}

pub type ReplyVector = Vector<ReplyInput, ReplyOutput>;

pub fn reply(input: &ReplyInput) -> Outcome<ReplyOutput> {
    let hello: [u8; 2_560] = input.hello.array();
    let suite = SuiteId::try_from(u16::from_be_bytes([hello[0], hello[1]])).unwrap();
    let th0 = schedule::th0(suite, &identity().fingerprint(), &input.record.array());
    let th1 = schedule::th1(&th0, &hello);
    let epoch = EpochSecret::from_parts(&input.epoch_seed.array(), &input.record.0).unwrap();
    let epoch = Decapsulator::from_seed(&epoch.to_seed());
    let ss_s = epoch.decapsulate(hello[6..1_126].try_into().unwrap()).unwrap();
    let client = Decapsulator::from_seed(&input.client_seed.array());
    let bytes: [u8; 1_152] = input.reply.array();
    let opened = open_reply(suite, Class::Medium, &ss_s, &client, &th1, &bytes);
    let opened = opened.map_err(|why| match why {
        ReplyRefused::Ciphertext => "ciphertext",
        ReplyRefused::Confirmation => "confirmation",
        other => panic!("{other:?}"),
    })?;
    let ct_c = bytes.first_chunk().unwrap();
    let ss_c = client.decapsulate(ct_c).unwrap();
    let keys = schedule::master(suite, &ss_s, &ss_c, &th1, ct_c);
    Ok(ReplyOutput {
        th1: th1.into(),
        ss_s: ss_s.as_bytes().into(),
        ss_c: ss_c.as_bytes().into(),
        confirmation: keys.confirmation.into(),
        client_to_server: keys.client_to_server.as_slice().into(),
        server_to_client: keys.server_to_client.as_slice().into(),
        transcript: opened.transcript.into(),
    })
}

/// What an honest server answers.
fn honest(suite: SuiteId, epoch: &EpochSecret, hello: &[u8; 2_560]) -> Vec<u8> {
    let client = Decapsulator::from_seed(&pattern("ek_c")).encapsulator();
    let (ct_c, ss_c) = client.encapsulate_derand(&pattern("ct_c"));
    let (_, ss_s) = epoch.record().ek().encapsulate_derand(&pattern("ct_s"));
    let th0 = schedule::th0(suite, &identity().fingerprint(), epoch.record().bytes());
    let keys = schedule::master(suite, &ss_s, &ss_c, &schedule::th1(&th0, hello), &ct_c);
    [&ct_c[..], &keys.confirmation].concat()
}

pub fn replies() -> Vec<ReplyVector> {
    let make = |id: &str, comment: &str, code: u16, change: &dyn Fn(&mut [u8])| {
        let (epoch, mut draft) = good();
        draft.suite = code;
        let hello = draft.hello(&epoch);
        let suite = SuiteId::try_from(code).unwrap();
        let mut bytes = honest(suite, &epoch, hello[..].try_into().unwrap());
        change(&mut bytes);
        let input = ReplyInput {
            epoch_seed: epoch.to_seed().as_slice().into(),
            record: epoch.record().bytes().into(),
            client_seed: pattern::<32>("ek_c").into(),
            hello: Hex(hello),
            reply: Hex(bytes),
        };
        let output = reply(&input);
        let clause = if output == Err("ciphertext") { "LINK-38" } else { "LINK-26" };
        let low_order: &[&str] = if output == Err("ciphertext") { &["LowOrder"] } else { &[] };
        let flags: &[&str] = if code == 2 { &["AesHardware"] } else { low_order };
        vector(&format!("reply/{id}"), comment, &[clause], flags, input, output)
    };
    vec![
        make("suite-1", "the whole key schedule", 1, &|_| {}),
        make("suite-2", "the whole key schedule in suite 2", 2, &|_| {}),
        make("low-order", "a ct_c of low order", 1, &|reply| reply[1_088..1_120].fill(0)),
        make("altered-ct", "a bit of ct_c: the secret is another", 1, &|reply| reply[0] ^= 1),
        make("confirmation", "a bit of the confirmation", 1, &|reply| reply[1_151] ^= 1),
        make("zeros", "no confirmation at all", 1, &|reply| reply[1_120..].fill(0)),
    ]
}
