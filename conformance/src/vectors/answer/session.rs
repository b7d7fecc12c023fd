//! Chapter session: derivations, whole cells, and cells given to an end.

use edgewise_spec::constants::{CT_LEN, TAG_LEN};
use edgewise_spec::frame::Class;
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::cell::{FRONT_LEN, Numbers, seal};
use edgewise_spec::session::schedule::{self, Key, Transcript};
use edgewise_spec::session::{Digits, Fresh, Mode, Purpose, Session};
use edgewise_spec::suite::Decapsulator;
use edgewise_spec::time::Now;
use serde_json::json;

use super::input::{Input, No, hex, strange};
use super::{Answered, Operation};

/// The header's box, in front of a cell: keys, four numbers and a tag (SESSION-6).
const BOX_LEN: usize = FRONT_LEN + 16 + TAG_LEN;

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "start" => start,
        "step" => step,
        "chain" => chain,
        "message" => message,
        "header" => header,
        "safety" => safety,
        "cell" => cell,
        "open" => open,
        _ => return None,
    })
}

fn key(input: Input<'_>, name: &str) -> Result<Key, No> {
    Ok(Key::new(input.array(name)?))
}

fn start(input: Input<'_>) -> Answered {
    let bundle = input.bytes("bundle")?;
    let start = schedule::start(&input.array("secret")?, &bundle);
    Ok(json!({
        "transcript": hex(schedule::transcript_of_bundle(&bundle)),
        "root": hex(start.root.as_slice()),
        "claimer_header": hex(start.claimer.as_slice()),
        "inviter_header": hex(start.inviter.as_slice()),
    }))
}

fn step(input: Input<'_>) -> Answered {
    let before = Decapsulator::from_seed(&input.array("seed_before")?);
    let ek = Decapsulator::from_seed(&input.array("seed")?).encapsulator();
    let ct = input.array("ct")?;
    let ss = before.decapsulate(&ct).map_err(|_| "key")?;
    let (tr, t, ek_before) =
        (input.array("transcript")?, input.number("t")?, before.encapsulator());
    let tr = schedule::transcript(&tr, t, ek_before.as_bytes(), &ct, ek.as_bytes());
    let step = schedule::step(&key(input, "root")?, &ss, &tr);
    Ok(json!({
        "ss": hex(ss.as_bytes()),
        "transcript": hex(tr),
        "root": hex(step.root.as_slice()),
        "chain": hex(step.chain.as_slice()),
        "header": hex(step.header.as_slice()),
    }))
}

fn chain(input: Input<'_>) -> Answered {
    let (next, message) = schedule::chain(&key(input, "chain")?, input.number("s")?);
    Ok(json!({ "next": hex(next.as_slice()), "message": hex(message.as_slice()) }))
}

fn message(input: Input<'_>) -> Answered {
    let keys = schedule::message(&key(input, "message")?);
    Ok(json!({
        "key": hex(keys.key.as_slice()),
        "nonce": hex(keys.nonce),
        "commitment": hex(keys.commitment),
    }))
}

fn header(input: Input<'_>) -> Answered {
    let ek = Decapsulator::from_seed(&input.array("seed")?).encapsulator();
    let front = front(ek.as_bytes(), &input.bytes("ct")?)?;
    let (step, start, ack) = (input.number("t")?, input.number("start")?, input.number("ack")?);
    let numbers = Numbers { step, start, ack, reserved: 0 };
    let (key, keys) = (key(input, "header_key")?, schedule::message(&Key::default()));
    let mut cell = seal(&key, &keys, &[0; 32], input.number("s")?, &front, numbers, &[]);
    cell.truncate(BOX_LEN);
    Ok(json!({ "box": hex(cell) }))
}

fn front(ek: &[u8], ct: &[u8]) -> Result<[u8; FRONT_LEN], No> {
    [ek, ct].concat().try_into().map_err(|_| strange("a key of another length"))
}

fn safety(input: Input<'_>) -> Answered {
    let digits = Digits::of(&input.array("transcript")?, input.number("t")?);
    Ok(json!({ "digits": digits.to_string() }))
}

/// What both ends come from.
struct Known {
    secret: [u8; 32],
    bundle: Vec<u8>,
    seeds: Vec<[u8; 32]>,
    cts: Vec<[u8; CT_LEN]>,
}

/// A step, as its own end has it.
struct Step {
    header: Key,
    chain: Key,
    tr: Transcript,
    front: [u8; FRONT_LEN],
}

impl Known {
    fn read(input: Input<'_>) -> Result<Self, No> {
        let known = input.inner("known")?;
        Ok(Self {
            secret: known.array("secret")?,
            bundle: known.bytes("bundle")?,
            seeds: known.arrays("seeds")?,
            cts: known.arrays("cts")?,
        })
    }

    /// Step `wanted`, worked out from the first on.
    fn step(&self, wanted: u32) -> Result<Step, No> {
        let schedule::Start { mut root, claimer, inviter } =
            schedule::start(&self.secret, &self.bundle);
        let mut tr = schedule::transcript_of_bundle(&self.bundle);
        let (mut header, mut next) = (claimer, inviter);
        for (t, (pair, ct)) in (0..).zip(self.seeds.windows(2).zip(&self.cts)) {
            let [before, own] = pair else { break };
            let [before, own] = [before, own].map(Decapsulator::from_seed);
            let (ek_before, ek) = (before.encapsulator(), own.encapsulator());
            tr = schedule::transcript(&tr, t, ek_before.as_bytes(), ct, ek.as_bytes());
            let ss = before.decapsulate(ct).map_err(|_| strange("its ciphertexts"))?;
            let step = schedule::step(&root, &ss, &tr);
            if t == wanted {
                let front = front(ek.as_bytes(), ct)?;
                return Ok(Step { header, chain: step.chain, tr, front });
            }
            root = step.root;
            (header, next) = (next, step.header);
        }
        Err(strange("a step that is not known"))
    }

    /// What step t took from randomness.
    fn fresh(&self, t: usize) -> Option<Fresh> {
        let (seed, own, ct) = (self.seeds.get(t)?, self.seeds.get(t + 1)?, *self.cts.get(t)?);
        let ss = Decapsulator::from_seed(seed).decapsulate(&ct).ok()?;
        Some(Fresh { ct, ss, decapsulator: Decapsulator::from_seed(own) })
    }
}

fn cell(input: Input<'_>) -> Answered {
    let (t, s, begin) = (input.number("t")?, input.number("s")?, input.number("start")?);
    let Step { header, mut chain, tr, front } = Known::read(input)?.step(t)?;
    for earlier in begin..s {
        chain = schedule::chain(&chain, earlier).0;
    }
    let keys = schedule::message(&schedule::chain(&chain, s).1);
    let numbers = Numbers { step: t, start: begin, ack: input.number("ack")?, reserved: 0 };
    let cell = seal(&header, &keys, &tr, s, &front, numbers, &input.bytes("body")?);
    Ok(json!({ "cell": hex(cell) }))
}

/// An end after what it did before, and the cell that is given to it. It tells nobody which layer
/// refuses.
fn open(input: Input<'_>) -> Answered {
    let now = Now::default();
    let mut session = end(input)?;
    let known = Known::read(input)?;
    let mut t = if input.text("end")? == "claimer" { 2 } else { 1 };
    for event in input.list("before")? {
        session = if event.text("what")? == "open" {
            let (s, cell) = (event.number("s")?, event.bytes("cell")?);
            session.open(now, s, &cell).map_err(|_| strange("what was opened before"))?.session
        } else {
            sealed(&session, &known, &mut t)?
        };
    }
    let opened = session.open(now, input.number("s")?, &input.bytes("cell")?).map_err(|_| "")?;
    let acknowledged = opened.session.acknowledged();
    Ok(json!({ "body": hex(opened.body), "acknowledged": acknowledged }))
}

/// The end after it has sealed a body of zeros, with step `t` where it may make one.
fn sealed(session: &Session, known: &Known, t: &mut usize) -> Result<Session, No> {
    let spare = || known.fresh(0).ok_or_else(|| strange("no step"));
    let fresh = known.fresh(*t).map_or_else(spare, Ok)?;
    let (mut stepped, body) = (false, vec![0; session.shape().body_len()]);
    let sealed = session.seal_derand(Purpose::Message, Now::default(), &body, |_| {
        stepped = true;
        fresh
    });
    if stepped {
        known.fresh(*t).ok_or_else(|| strange("a step that is not known"))?;
        *t += 2;
    }
    Ok(sealed.map_err(|_| strange("what was sealed before"))?.session)
}

/// The end as it begins; class small, 4 of 4.
fn end(input: Input<'_>) -> Result<Session, No> {
    let known = Known::read(input)?;
    let shape = Shape::new(Class::Small, 4, 4).map_err(strange)?;
    let seed = known.seeds.first().ok_or_else(|| strange("no seed"))?;
    let key = Decapsulator::from_seed(seed);
    let (secret, bundle, mode) = (&known.secret, &known.bundle, Mode::Deniable);
    if input.text("end")? == "inviter" {
        return Ok(Session::invite(secret, bundle, key, shape, mode));
    }
    let fresh = known.fresh(0).ok_or_else(|| strange("no step"))?;
    let ek = key.encapsulator();
    Ok(Session::claim_derand(secret, bundle, &ek, shape, mode, Now::default(), fresh))
}
