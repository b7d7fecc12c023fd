//! What a text costs on its way from field to block, by stage and in all, beside the bare AEAD and
//! KEM operations that are in it.
//!
//! `cargo bench -p edgewise-benches --bench message`, and the same with
//! `--no-default-features --features sodium`
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, reason = "a bench stops at a fault")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use edgewise_proto::v1::{self, item::Body};
use edgewise_spec::frame::{Class, Received, Writer, read_client_items};
use edgewise_spec::invitation::ConnectionSecret;
use edgewise_spec::link::{BlockOpener, BlockSealer};
use edgewise_spec::message::{Chain, Composer, Content, Direction, Hello, Inbox, Layout, UpTo};
use edgewise_spec::scatter::{Arrival, PartChain, Receiver, Sender, Shape};
use edgewise_spec::session::{Mode, Purpose, Session};
use edgewise_spec::suite::{BACKEND, Decapsulator, Sealer, SigningKey, SuiteId};
use edgewise_spec::time::Now;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const NOW: Now = Now::from_seconds(1_800_000_000);
const SHAPE: Shape = Shape::SINGLE;
const SUITE: SuiteId = SuiteId::Chacha20Poly1305;

/// Everything that stands between a text and a block, at the claimer, after the first answer.
struct Sending {
    composer: Composer,
    session: Session,
    sender: Sender,
    link: BlockSealer,
}

struct Receiving {
    link: BlockOpener,
    receiver: Receiver,
    session: Session,
    inbox: Inbox,
}

fn text() -> Content {
    Content::Text("x".repeat(1_024))
}

fn ends(mode: Mode, rng: &mut ChaCha20Rng) -> (Sending, Receiving) {
    let key = Decapsulator::from_seed(&[1; 32]);
    let ek = key.encapsulator();
    let claimer = Session::claim(&[2; 32], b"bundle", &ek, SHAPE, mode, NOW, rng);
    let inviter = Session::invite(&[2; 32], b"bundle", key, SHAPE, mode);
    let (layout, transcript) = (Layout::new(mode, SHAPE), claimer.transcript0().expect("step 0"));
    let signing = (mode == Mode::Attested).then(|| SigningKey::from_seed(&[3; 32]));
    let vk = signing.as_ref().map(|key| *key.verifying_key().as_bytes());
    let own = Direction::FromClaimer;
    let composer = Composer::new(layout, transcript, own, signing).expect("a composer");
    let mut inbox = Inbox::new(layout, transcript, own, None, Chain::default());
    let descriptors = vec![vec![7; 100]];
    let hello = Hello { descriptors, vk, name: "Bob".into(), standby: Vec::new() };
    let hello = composer.compose(NOW, UpTo::default(), &Content::Hello(hello), rng);
    let (composer, hello) = hello.expect("a hello");
    inbox.receive(NOW, &hello.bodies[0]).expect("a hello");
    let sealed = claimer.seal(Purpose::Message, NOW, &hello.bodies[0], rng).expect("room");
    let opened = inviter.open(NOW, sealed.s, &sealed.cell).expect("an honest cell");
    let empty = layout.empty();
    let answer = opened.session.seal(Purpose::Answer, NOW, &empty, rng).expect("room");
    let heard = sealed.session.open(NOW, answer.s, &answer.cell).expect("an honest cell");
    // The claimer steps with its next cell, and is in chain from then on.
    let stepped = heard.session.seal(Purpose::Message, NOW, &empty, rng).expect("room");
    let inviter = answer.session.open(NOW, stepped.s, &stepped.cell).expect("an honest cell");
    let secret = ConnectionSecret::from_bytes(&[4; 32]);
    let chain = || PartChain::new(&secret.part_chain(), stepped.s);
    let sender = Sender::new(SHAPE, vec![chain()]).expect("one connection");
    let receiver = Receiver::new(SHAPE, vec![chain()]).expect("one connection");
    let link = BlockSealer::new(SUITE, Class::Medium, &[5; 32]);
    let opener = BlockOpener::new(SUITE, Class::Medium, &[5; 32]);
    (
        Sending { composer, session: stepped.session, sender, link },
        Receiving { link: opener, receiver, session: inviter.session, inbox },
    )
}

fn framed(part: Vec<u8>, block: &mut [u8]) {
    let part = Bytes::from(part);
    let send = v1::Send { handle: 3, submission: 1_000_000, part };
    let mut writer = Writer::new(block);
    writer.push(&v1::Item { tag: 1_000, body: Some(Body::Send(send)) }).expect("room");
    writer.finish();
}

fn unframed(text: &[u8]) -> Bytes {
    let mut items = Vec::new();
    read_client_items(Bytes::copy_from_slice(text), &mut items).expect("a frame");
    match items.into_iter().next() {
        Some(Received::Item(v1::Item { body: Some(Body::Send(send)), .. })) => send.part,
        _ => Bytes::new(),
    }
}

/// From a text to a sealed block.
fn send(end: &mut Sending, content: &Content, rng: &mut ChaCha20Rng) -> Vec<u8> {
    let composed = end.composer.compose(NOW, UpTo::default(), content, rng).expect("a text").1;
    let sealed = end.session.seal(Purpose::Message, NOW, &composed.bodies[0], rng).expect("room");
    let (_, mut parts) = end.sender.split(sealed.s, &sealed.cell, rng).expect("a new s");
    let mut block = vec![0; Class::Medium.block_len()];
    framed(parts.remove(0), &mut block[..Class::Medium.text_len()]);
    end.link.seal(&mut block).expect("a whole block");
    block
}

fn stages(criterion: &mut Criterion) {
    for (mode, name) in [(Mode::Deniable, "deniable"), (Mode::Attested, "attested")] {
        let mut group = criterion.benchmark_group(format!("message/1 KiB, {name}, {BACKEND}"));
        let mut rng = ChaCha20Rng::from_seed([6; 32]);
        let (mut to, mut from) = ends(mode, &mut rng);
        let content = text();
        let compose = |to: &Sending, rng: &mut ChaCha20Rng| {
            to.composer.compose(NOW, UpTo::default(), &content, rng).expect("a text").1
        };
        group.bench_function("1 message: compose", |b| b.iter(|| compose(&to, &mut rng)));
        let body = compose(&to, &mut rng).bodies.remove(0);
        let seal = |to: &Sending, rng: &mut ChaCha20Rng| {
            to.session.seal(Purpose::Message, NOW, &body, rng).expect("room")
        };
        group.bench_function("2 session: seal", |b| b.iter(|| seal(&to, &mut rng)));
        let sealed = seal(&to, &mut rng);
        group.bench_function("3 scatter: split", |b| {
            b.iter(|| to.sender.split(sealed.s, &sealed.cell, &mut rng).expect("a new s"));
        });
        let part = to.sender.split(sealed.s, &sealed.cell, &mut rng).expect("a new s").1.remove(0);
        let mut block = vec![0; Class::Medium.block_len()];
        let text_len = Class::Medium.text_len();
        group.bench_function("4 frame: write", |b| {
            b.iter(|| framed(part.clone(), black_box(&mut block[..text_len])));
        });
        group.bench_function("5 link: seal", |b| b.iter(|| to.link.seal(black_box(&mut block))));
        group.bench_function("text to block", |b| b.iter(|| send(&mut to, &content, &mut rng)));
        let mut frame = vec![0; text_len];
        framed(part.clone(), &mut frame);
        group.bench_function("6 frame: read", |b| b.iter(|| unframed(black_box(&frame))));
        group.bench_function("7 scatter: open", |b| {
            b.iter(|| matches!(from.receiver.open(0, &part), Arrival::Cell { .. }));
        });
        group.bench_function("8 session: open", |b| {
            b.iter(|| from.session.open(NOW, sealed.s, &sealed.cell).expect("an honest cell"));
        });
        group.bench_function("9 message: receive", |b| {
            b.iter(|| from.inbox.clone().receive(NOW, &body).expect("a text"));
        });
        // Fresh counters, so that each block opens.
        to.link = BlockSealer::new(SUITE, Class::Medium, &[5; 32]);
        group.bench_function("text to block to text", |b| {
            b.iter(|| {
                let mut block = send(&mut to, &content, &mut rng);
                from.link.open(&mut block).expect("the next block");
                let part = unframed(&block[..text_len]);
                let Arrival::Cell { s, cell } = from.receiver.open(0, &part) else { return 0 };
                let opened = from.session.open(NOW, s, &cell).expect("an honest cell");
                from.inbox.clone().receive(NOW, &opened.body).expect("a text").len()
            });
        });
        group.finish();
    }
}

/// The operations that no implementation can do without.
fn bare(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("message/bare, {BACKEND}"));
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let lens = [2_354, SHAPE.body_len(), SHAPE.fragment_len(), Class::Medium.text_len()];
    let mut texts = lens.map(|len| vec![9; len]);
    group.bench_function("AEAD: header, body, part, block, one way", |b| {
        b.iter(|| {
            for text in &mut texts {
                black_box(Sealer::new(SUITE, &[4; 32]).seal(&[0; 12], b"ad", text));
            }
        });
    });
    let key = Decapsulator::from_seed(&[6; 32]);
    let ek = key.encapsulator();
    group.bench_function("KEM: encapsulate and make a key, a step's sender", |b| {
        b.iter(|| (ek.encapsulate(&mut rng), Decapsulator::generate(&mut rng)));
    });
    group.finish();
}

criterion_group!(benches, stages, bare);
criterion_main!(benches);
