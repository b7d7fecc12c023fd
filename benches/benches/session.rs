//! What a session costs: a text of 1 KiB in chain, and with a step each way, beside the bare AEAD
//! and KEM operations that are in it and beside Olm (vodozemac, which is not post-quantum).
//!
//! `cargo bench -p edgewise-benches --bench session`
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, clippy::panic, reason = "a bench stops at a fault")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use edgewise_spec::constants::{HEADER_BOX_LEN, HEADER_TEXT_LEN};
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::{Mode, Purpose, Sealed, Session};
use edgewise_spec::suite::{BACKEND, Decapsulator, Sealer, SuiteId};
use edgewise_spec::time::Now;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use vodozemac::olm::{Account, OlmMessage, SessionConfig};

const NOW: Now = Now::from_seconds(1_800_000_000);

/// The text that Olm encrypts; a cell has room for 1,328 bytes, whatever is said.
const TEXT_LEN: usize = 1_024;

fn seal(session: &Session, rng: &mut ChaCha20Rng) -> Sealed {
    let body = [7; Shape::SINGLE.body_len()];
    session.seal(Purpose::Message, NOW, &body, rng).expect("room for a cell")
}

fn open(session: &Session, sealed: &Sealed) -> Session {
    session.open(NOW, sealed.s, &sealed.cell).expect("an honest cell").session
}

/// The claimer, who may step, and the inviter, who waits for it.
fn ends(rng: &mut ChaCha20Rng) -> (Session, Session) {
    let key = Decapsulator::from_seed(&[1; 32]);
    let (ek, shape, mode) = (key.encapsulator(), Shape::SINGLE, Mode::Deniable);
    let claimer = Session::claim(&[2; 32], b"bundle", &ek, shape, mode, NOW, rng);
    let inviter = Session::invite(&[2; 32], b"bundle", key, shape, mode);
    let hello = seal(&claimer, rng);
    let answer = seal(&open(&inviter, &hello), rng);
    (open(&hello.session, &answer), answer.session)
}

/// Two ends of Olm that have heard one another.
fn olm() -> (vodozemac::olm::Session, vodozemac::olm::Session) {
    let (alice, mut bob) = (Account::new(), Account::new());
    bob.generate_one_time_keys(1);
    let one_time = *bob.one_time_keys().values().next().expect("a key");
    let config = SessionConfig::version_1();
    let to = alice.create_outbound_session(config, bob.curve25519_key(), one_time);
    let mut to = to.expect("a session");
    let OlmMessage::PreKey(first) = to.encrypt("hello").expect("a message") else {
        panic!("the first message is another");
    };
    let from = bob.create_inbound_session(config, alice.curve25519_key(), &first);
    let mut from = from.expect("a session").session;
    let answer = from.encrypt("answer").expect("a message");
    to.decrypt(&answer).expect("an honest message");
    (to, from)
}

fn in_chain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session/1 KiB in chain");
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    let (claimer, inviter) = ends(&mut rng);
    let stepped = seal(&claimer, &mut rng);
    let (claimer, inviter) = (stepped.session.clone(), open(&inviter, &stepped));
    let sealed = seal(&claimer, &mut rng);
    group.bench_function(format!("seal {BACKEND}"), |b| b.iter(|| seal(&claimer, &mut rng)));
    group.bench_function(format!("open {BACKEND}"), |b| b.iter(|| open(&inviter, &sealed)));
    group.bench_function(format!("seal and open {BACKEND}"), |b| {
        b.iter(|| open(&inviter, &seal(&claimer, &mut rng)));
    });
    group.bench_function("bare AEAD, header and body, both ways", |b| {
        let (header, body) = (vec![1; HEADER_TEXT_LEN], vec![2; Shape::SINGLE.body_len()]);
        b.iter(|| {
            for (text, ad) in [(&header, 14), (&body, HEADER_BOX_LEN + 36)] {
                let (mut text, ad) = (text.clone(), [3; HEADER_BOX_LEN + 36][..ad].to_vec());
                let key = Sealer::new(SuiteId::Chacha20Poly1305, &[4; 32]);
                let tag = key.seal(&[0; 12], &ad, &mut text);
                key.open(&[0; 12], &ad, &mut text, &tag).expect("what was sealed");
                black_box(&text);
            }
        });
    });
    let (mut to, mut from) = olm();
    let text = [7; TEXT_LEN];
    group.bench_function("encrypt and decrypt vodozemac", |b| {
        b.iter(|| {
            let message = to.encrypt(text).expect("a message");
            from.decrypt(&message).expect("an honest message")
        });
    });
    group.finish();
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session/1 KiB with a step");
    let mut rng = ChaCha20Rng::from_seed([5; 32]);
    let (claimer, inviter) = ends(&mut rng);
    group.bench_function(format!("one way {BACKEND}"), |b| {
        b.iter(|| open(&inviter, &seal(&claimer, &mut rng)));
    });
    group.bench_function(format!("both ways {BACKEND}"), |b| {
        b.iter(|| {
            let there = seal(&claimer, &mut rng);
            let back = seal(&open(&inviter, &there), &mut rng);
            open(&there.session, &back)
        });
    });
    group.bench_function(format!("bare KEM, one way {BACKEND}"), |b| {
        let key = Decapsulator::from_seed(&[6; 32]);
        let ek = key.encapsulator();
        b.iter(|| {
            let (ct, _) = ek.encapsulate(&mut rng);
            let next = Decapsulator::generate(&mut rng);
            (key.decapsulate(&ct).expect("a good ciphertext"), next)
        });
    });
    let (mut to, mut from) = olm();
    let text = [7; TEXT_LEN];
    group.bench_function("both ways vodozemac", |b| {
        b.iter(|| {
            let there = to.encrypt(text).expect("a message");
            from.decrypt(&there).expect("an honest message");
            let back = from.encrypt(text).expect("a message");
            to.decrypt(&back).expect("an honest message")
        });
    });
    group.finish();
}

fn store(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session/state");
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let (claimer, inviter) = ends(&mut rng);
    for (name, session) in [("entitled", claimer), ("waiting", inviter)] {
        let bytes = session.to_bytes();
        group.bench_function(format!("{name} to {} bytes", bytes.len()), |b| {
            b.iter(|| session.to_bytes());
        });
        group.bench_function(format!("{name} from bytes"), |b| {
            b.iter(|| Session::from_bytes(&bytes).expect("a session"));
        });
    }
    group.finish();
}

criterion_group!(benches, in_chain, steps, store);
criterion_main!(benches);
