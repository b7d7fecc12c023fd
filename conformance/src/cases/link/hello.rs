//! The handshake: what is refused, with which bare status, and what is answered.

use std::time::Duration;

use bytes::Bytes;
use edgewise_spec::constants::{
    CT_LEN, EK_LEN, HELLO_LEN, HELLO_OPTIONS_LEN, HELLO_PREFIX_LEN, HELLO_SECONDS,
};

use crate::case::{Case, case};
use crate::peer::hello::record_number;
use crate::peer::{Carrier, Class, Heard, HelloPlan, Link, PATIENCE};
use crate::target::life;
use crate::trial::{Stop, Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("link/first-block-length", [LINK_10, LINK_21], first_block_length),
    case!("link/hello-blocks-differ", [LINK_11], hello_blocks_differ),
    case!("link/hello-padding", [LINK_11], hello_padding),
    case!("link/unknown-suite", [LINK_12], unknown_suite),
    case!("link/unknown-epoch", [LINK_13], unknown_epoch),
    case!("link/neighbouring-epochs", [LINK_13, LINK_14], neighbouring_epochs, needs Clock),
    case!("link/hello-key-unacceptable", [LINK_15], hello_key_unacceptable),
    case!("link/hello-ciphertext-unacceptable", [LINK_15], hello_ciphertext_unacceptable),
    case!("link/hello-bit-flips", [LINK_16], hello_bit_flips),
    case!("link/options-layout", [LINK_17], options_layout),
    case!("link/options-of-another-class", [LINK_18], options_of_another_class),
    case!("link/options-of-another-depth", [LINK_18], options_of_another_depth),
    case!("link/hello-too-slow", [LINK_19, LINK_21], hello_too_slow, needs Clock),
    case!("link/confirmation-too-slow", [LINK_19], confirmation_too_slow, needs Clock),
    case!("link/bare-status", [LINK_21], bare_status),
    case!("link/reply", [LINK_22], reply),
    case!("link/first-block-does-not-open", [LINK_23], first_block_does_not_open),
    case!("link/quiet-until-confirmed", [LINK_24], quiet_until_confirmed),
];

const INVALID_ARGUMENT: u32 = 3;
const DEADLINE_EXCEEDED: u32 = 4;
const FAILED_PRECONDITION: u32 = 9;
const UNIMPLEMENTED: u32 = 12;

/// Expects that a stream ends with this status and nothing beside it.
async fn ends_bare(carrier: &mut Carrier, status: u32) -> Verdict {
    let expected = format!("bare gRPC status {status}, without message and details (LINK-21)");
    match carrier.receive_within(PATIENCE).await? {
        Heard::End(ending)
            if ending.status == Some(status) && ending.message.is_empty() && !ending.details =>
        {
            Ok(())
        }
        Heard::End(ending) => Err(Stop::fail(expected, ending.to_string())),
        Heard::Message(_) => Err(Stop::fail(expected, "a block")),
    }
}

/// Sends these blocks as a stream's first ones and expects a bare status.
async fn is_refused(t: &mut Trial, blocks: &[Vec<u8>], status: u32) -> Verdict {
    let (_http, mut carrier) = t.stream().await?;
    for block in blocks {
        carrier.send_block(block).await?;
    }
    ends_bare(&mut carrier, status).await
}

async fn plan_is_refused(t: &mut Trial, plan: &HelloPlan, status: u32) -> Verdict {
    let fingerprint = t.target().address.fingerprint;
    let hello = plan.build(&fingerprint, t.rng())?;
    is_refused(t, &hello.blocks, status).await
}

/// A hello without a fault, as blocks that may be altered.
async fn blocks(t: &mut Trial, class: Class) -> Result<Vec<Vec<u8>>, Stop> {
    let plan = t.hello(class).await?;
    let fingerprint = t.target().address.fingerprint;
    Ok(plan.build(&fingerprint, t.rng())?.blocks)
}

async fn first_block_length(t: &mut Trial) -> Verdict {
    for length in [0, 1, 1_023, 1_025, 2_048, 4_095, 4_097, 16_319, 16_321] {
        is_refused(t, &[vec![0; length]], INVALID_ARGUMENT).await?;
    }
    Ok(())
}

async fn hello_blocks_differ(t: &mut Trial) -> Verdict {
    for length in [0, Class::Small.block() - 1, Class::Medium.block()] {
        let mut blocks = blocks(t, Class::Small).await?;
        if let Some(last) = blocks.last_mut() {
            last.resize(length, 0);
        }
        is_refused(t, &blocks, INVALID_ARGUMENT).await?;
    }
    Ok(())
}

async fn hello_padding(t: &mut Trial) -> Verdict {
    for class in Class::ALL {
        for place in [HELLO_LEN, class.block() * class.hello_blocks() - 1] {
            let mut blocks = blocks(t, class).await?;
            flip(&mut blocks, place, 1);
            is_refused(t, &blocks, INVALID_ARGUMENT).await?;
        }
    }
    Ok(())
}

/// Changes bits of the hello's byte at `place`, counted over all blocks.
fn flip(blocks: &mut [Vec<u8>], place: usize, bits: u8) {
    let length = blocks.first().map_or(1, Vec::len);
    let byte = blocks.get_mut(place / length).and_then(|block| block.get_mut(place % length));
    if let Some(byte) = byte {
        *byte ^= bits;
    }
}

async fn unknown_suite(t: &mut Trial) -> Verdict {
    let offered = t.described().await?.suites;
    for suite in [0, 2, 3, 0x0100, u16::MAX] {
        if offered.contains(&u32::from(suite)) {
            continue;
        }
        let plan = HelloPlan { suite, ..t.hello(Class::Small).await? };
        plan_is_refused(t, &plan, UNIMPLEMENTED).await?;
    }
    Ok(())
}

async fn unknown_epoch(t: &mut Trial) -> Verdict {
    let plan = t.hello(Class::Small).await?;
    let current = record_number(&plan.record);
    for number in [current.wrapping_sub(2), current.wrapping_add(2), current ^ 1 << 31] {
        let plan = HelloPlan { epoch: Some(number), ..plan.clone() };
        plan_is_refused(t, &plan, FAILED_PRECONDITION).await?;
    }
    Ok(())
}

/// Seconds until the epoch of a record is over.
fn until_over(t: &Trial, record: &Bytes) -> Result<u64, Stop> {
    let (_, until) = life(record).ok_or_else(|| Stop::fail("an epoch record", "none"))?;
    Ok(until.saturating_sub(t.now().seconds()) + 1)
}

async fn neighbouring_epochs(t: &mut Trial) -> Verdict {
    let first = t.epoch().await?;
    let described = t.describe().await?;
    for record in &described.epochs {
        t.note(format!("a described epoch: {}", record_number(record)));
        let plan = HelloPlan::new(Class::Small, record.clone());
        t.link_of(&plan).await?.finish().await?;
    }
    t.advance(until_over(t, &first)?).await?;
    let second = t.epoch().await?;
    ensure_eq!(record_number(&second), record_number(&first) + 1, "epoch");
    t.note("the previous epoch");
    let previous = HelloPlan::new(Class::Small, first.clone());
    t.link_of(&previous).await?.finish().await?;
    t.advance(until_over(t, &second)?).await?;
    t.note("the epoch before the previous one");
    plan_is_refused(t, &previous, FAILED_PRECONDITION).await
}

/// X25519 points of small order, and one that is not canonical.
const SMALL_ORDER: [[u8; 32]; 3] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut prime = [0xff; 32];
        prime[0] = 0xed;
        prime[31] = 0x7f;
        prime
    },
];

/// Puts a point at the end of a key or a ciphertext, where its X25519 half stands.
fn with_point(mut bytes: Vec<u8>, point: [u8; 32]) -> Vec<u8> {
    bytes.truncate(bytes.len().saturating_sub(point.len()));
    bytes.extend(point);
    bytes
}

async fn hello_key_unacceptable(t: &mut Trial) -> Verdict {
    let plan = t.hello(Class::Medium).await?;
    let blocks = blocks(t, Class::Medium).await?;
    let good = blocks.concat();
    let good = good.get(2 + 4 + CT_LEN..HELLO_PREFIX_LEN).unwrap_or_default().to_vec();
    ensure_eq!(good.len(), EK_LEN, "length of ek_c");
    for point in SMALL_ORDER {
        let plan = HelloPlan { ek_c: Some(with_point(good.clone(), point)), ..plan.clone() };
        plan_is_refused(t, &plan, INVALID_ARGUMENT).await?;
    }
    // Coefficients of 12 bits, 0xfff each: above the modulus.
    let mut unreduced = good;
    for byte in unreduced.iter_mut().take(3) {
        *byte = 0xff;
    }
    let plan = HelloPlan { ek_c: Some(unreduced), ..plan };
    plan_is_refused(t, &plan, INVALID_ARGUMENT).await
}

async fn hello_ciphertext_unacceptable(t: &mut Trial) -> Verdict {
    let plan = t.hello(Class::Medium).await?;
    for point in SMALL_ORDER {
        let ct_s = with_point(t.bytes(CT_LEN).to_vec(), point);
        let plan = HelloPlan { ct_s: Some(ct_s), ..plan.clone() };
        plan_is_refused(t, &plan, INVALID_ARGUMENT).await?;
    }
    Ok(())
}

async fn hello_bit_flips(t: &mut Trial) -> Verdict {
    let ct_s = 2 + 4;
    let ek_c = ct_s + CT_LEN;
    let places = [
        ct_s,
        ct_s + CT_LEN / 2,
        ct_s + CT_LEN - 40,
        ek_c + EK_LEN - 64,
        ek_c + EK_LEN - 33,
        HELLO_PREFIX_LEN,
        HELLO_PREFIX_LEN + HELLO_OPTIONS_LEN - 1,
        HELLO_PREFIX_LEN + HELLO_OPTIONS_LEN,
        HELLO_LEN - 1,
    ];
    for place in places {
        let mut blocks = blocks(t, Class::Medium).await?;
        t.note(format!("bit 0 of byte {place} of the hello flipped"));
        flip(&mut blocks, place, 1);
        is_refused(t, &blocks, INVALID_ARGUMENT).await?;
    }
    Ok(())
}

async fn options_layout(t: &mut Trial) -> Verdict {
    let plan = t.hello(Class::Medium).await?;
    let good = plan.options_text();
    let with = |place: usize, value: u8| {
        let mut text = good.clone();
        if let Some(byte) = text.get_mut(place) {
            *byte = value;
        }
        text
    };
    let faults = [
        ("a length past the end", with(0, 0xff)),
        ("a length that is one too large", {
            let mut text = vec![0; HELLO_OPTIONS_LEN];
            text.splice(..2, [0, u8::try_from(HELLO_OPTIONS_LEN - 1).unwrap_or(u8::MAX)]);
            text
        }),
        ("a last byte that is not zero", with(HELLO_OPTIONS_LEN - 1, 1)),
        ("no protobuf", with(2, 0xff)),
    ];
    for (fault, options) in faults {
        t.note(fault);
        let plan = HelloPlan { options: Some(options), ..plan.clone() };
        plan_is_refused(t, &plan, INVALID_ARGUMENT).await?;
    }
    Ok(())
}

async fn options_of_another_class(t: &mut Trial) -> Verdict {
    let plan = t.hello(Class::Medium).await?;
    for link_class in [0, 1, 3, 4, u32::MAX] {
        let plan = HelloPlan { link_class: Some(link_class), ..plan.clone() };
        plan_is_refused(t, &plan, INVALID_ARGUMENT).await?;
    }
    Ok(())
}

async fn options_of_another_depth(t: &mut Trial) -> Verdict {
    let plan = t.hello(Class::Medium).await?;
    for depth in [1, 2, u32::MAX] {
        plan_is_refused(t, &HelloPlan { depth, ..plan.clone() }, INVALID_ARGUMENT).await?;
    }
    Ok(())
}

async fn hello_too_slow(t: &mut Trial) -> Verdict {
    let blocks = blocks(t, Class::Small).await?;
    let (_silent, mut silent) = t.stream().await?;
    let (_half, mut half) = t.stream().await?;
    if let Some(first) = blocks.first() {
        half.send_block(first).await?;
    }
    // The server has seen both streams once it has served one that came after them.
    t.link(Class::Small).await?.finish().await?;
    t.advance(HELLO_SECONDS - 1).await?;
    is_quiet(&mut silent, Duration::from_millis(100)).await?;
    t.advance(2).await?;
    ends_bare(&mut silent, DEADLINE_EXCEEDED).await?;
    ends_bare(&mut half, DEADLINE_EXCEEDED).await
}

async fn confirmation_too_slow(t: &mut Trial) -> Verdict {
    let plan = t.hello(Class::Small).await?;
    let fingerprint = t.target().address.fingerprint;
    let hello = plan.build(&fingerprint, t.rng())?;
    let (_http, mut carrier) = t.stream().await?;
    Link::shake(&mut carrier, &hello, Class::Small).await?;
    t.advance(HELLO_SECONDS + 1).await?;
    ends_bare(&mut carrier, DEADLINE_EXCEEDED).await
}

async fn is_quiet(carrier: &mut Carrier, during: Duration) -> Verdict {
    match tokio::time::timeout(during, carrier.receive()).await {
        Err(_) => Ok(()),
        Ok(Heard::Message(_)) => Err(Stop::fail("nothing", "a block")),
        Ok(Heard::End(ending)) => Err(Stop::fail("nothing", ending.to_string())),
    }
}

/// One refusal of each kind that needs no clock; [`ends_bare`] judges.
async fn bare_status(t: &mut Trial) -> Verdict {
    is_refused(t, &[vec![0; 100]], INVALID_ARGUMENT).await?;
    let plan = t.hello(Class::Small).await?;
    let none = HelloPlan { suite: 0x7777, ..plan.clone() };
    plan_is_refused(t, &none, UNIMPLEMENTED).await?;
    let far = HelloPlan { epoch: Some(record_number(&plan.record) ^ 1 << 30), ..plan.clone() };
    plan_is_refused(t, &far, FAILED_PRECONDITION).await?;
    plan_is_refused(t, &HelloPlan { depth: 9, ..plan }, INVALID_ARGUMENT).await
}

async fn reply(t: &mut Trial) -> Verdict {
    let described = t.described().await?;
    for class in Class::ALL.into_iter().filter(|class| described.classes.contains(&class.code())) {
        for suite in &described.suites {
            let suite = u16::try_from(*suite).unwrap_or(0);
            t.link_on(class, suite).await?.finish().await?;
        }
    }
    Ok(())
}

async fn first_block_does_not_open(t: &mut Trial) -> Verdict {
    for altered in [true, false] {
        let plan = t.hello(Class::Small).await?;
        let fingerprint = t.target().address.fingerprint;
        let hello = plan.build(&fingerprint, t.rng())?;
        let (http, mut carrier) = t.stream().await?;
        let keys = Link::shake(&mut carrier, &hello, Class::Small).await?;
        let mut link = Link::unconfirmed(carrier, Some(http), keys, Class::Small);
        let text = link.text(&[])?;
        let mut block = link.seal(text.clone());
        if altered {
            flip(std::slice::from_mut(&mut block), 0, 1);
        } else {
            // Well sealed, but as the second block of the direction.
            block = link.seal(text);
        }
        link.send_block(&block).await?;
        ends_bare(link.carrier(), INVALID_ARGUMENT).await?;
    }
    Ok(())
}

async fn quiet_until_confirmed(t: &mut Trial) -> Verdict {
    let plan = t.hello(Class::Small).await?;
    let fingerprint = t.target().address.fingerprint;
    let hello = plan.build(&fingerprint, t.rng())?;
    let (http, mut carrier) = t.stream().await?;
    let keys = Link::shake(&mut carrier, &hello, Class::Small).await?;
    is_quiet(&mut carrier, Duration::from_millis(200)).await?;
    let mut link = Link::unconfirmed(carrier, Some(http), keys, Class::Small);
    link.send_items(&[]).await?;
    link.finish().await
}
