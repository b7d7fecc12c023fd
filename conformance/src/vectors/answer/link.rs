//! Chapter link, but for the handshake.

use edgewise_spec::error::{GoodbyeCode, LinkEnd};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{
    self, Address, AddressRefused, BlockOpener, BlockSealer, Description, DescriptionRefused,
    EpochRefused, VerifiedEpoch, schedule,
};
use edgewise_spec::suite::{SuiteId, VerifyingKey};
use serde_json::json;

use super::input::{Input, No, hex, strange};
use super::{Answered, Operation, handshake};

/// The blocks of the vectors are small.
const CLASS: Class = Class::Small;
/// No vector is further down its direction; blocks before it are sealed and forgotten.
const COUNT_MAX: u64 = 1 << 18;

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "fingerprint" => fingerprint,
        "address" => address,
        "epoch_record" => epoch_record,
        "description" => description,
        "hello" => handshake::hello,
        "reply" => handshake::reply,
        "ratchet" => ratchet,
        "seal" => seal,
        "open" => open,
        _ => return None,
    })
}

fn fingerprint(input: Input<'_>) -> Answered {
    let vk = VerifyingKey::parse(&input.bytes("identity_vk")?).map_err(|_| "identity")?;
    Ok(json!({ "fingerprint": hex(link::fingerprint(&vk)) }))
}

fn address(input: Input<'_>) -> Answered {
    let address: Address = input.text("text")?.parse().map_err(|why| match why {
        AddressRefused::Scheme => "scheme",
        AddressRefused::Fingerprint => "fingerprint",
        AddressRefused::Host => "host",
        AddressRefused::Port => "port",
        AddressRefused::Option => "option",
    })?;
    let Address { fingerprint, edge, tls } = address;
    Ok(json!({
        "fingerprint": hex(fingerprint), "host": edge.host, "port": edge.port, "tls": tls,
    }))
}

fn epoch_record(input: Input<'_>) -> Answered {
    let epoch = VerifiedEpoch::verify(&input.bytes("record")?, &input.array("fingerprint")?);
    let epoch = epoch.map_err(|why| match why {
        EpochRefused::Length => "length",
        EpochRefused::Identity => "identity",
        EpochRefused::Fingerprint => "fingerprint",
        EpochRefused::Signature => "signature",
        EpochRefused::Times => "times",
        EpochRefused::Key => "key",
        EpochRefused::Seed => "seed",
    })?;
    Ok(json!({
        "number": epoch.number(),
        "not_before": epoch.not_before(),
        "not_after": epoch.not_after(),
        "ek": hex(epoch.ek().as_bytes()),
    }))
}

fn description(input: Input<'_>) -> Answered {
    let mut block = input.bytes("front")?;
    block.resize(usize::from(input.number::<u16>("length")?), 0);
    let read = Description::read(&block, &input.array("fingerprint")?);
    let read = read.map_err(|why| match why {
        DescriptionRefused::Malformed => "malformed",
        DescriptionRefused::Revision(_) => "revision",
        DescriptionRefused::Identity => "identity",
        DescriptionRefused::NoEpoch => "no-epoch",
        DescriptionRefused::Epoch(_) => "epoch",
        DescriptionRefused::Limits(_) => "limits",
        DescriptionRefused::Ticks => "ticks",
        DescriptionRefused::Edge => "edge",
    })?;
    let limits = read.limits;
    Ok(json!({
        "epochs": read.epochs.iter().map(|epoch| epoch.number()).collect::<Vec<_>>(),
        "suites": read.suites.iter().map(|suite| suite.code()).collect::<Vec<_>>(),
        "classes": read.classes.iter().map(|class| class.number()).collect::<Vec<_>>(),
        "limits": [
            limits.quota_max,
            limits.idle_days_max,
            limits.part_days_max,
            limits.stall_seconds,
            limits.link_life_seconds,
        ],
        "edges": read.edges.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "access_required": read.access_required,
    }))
}

/// A derivation, in whichever suite.
fn ratchet(input: Input<'_>) -> Answered {
    let suite = SuiteId::try_from(input.number::<u16>("suite")?).map_err(strange)?;
    let next = schedule::ratchet(suite, &input.array("key")?, input.number("n")?);
    Ok(json!({ "next": hex(next.as_slice()) }))
}

fn count(input: Input<'_>) -> Result<u64, No> {
    let n = input.number("n")?;
    if n > COUNT_MAX { Err(strange("a block so far down")) } else { Ok(n) }
}

fn seal(input: Input<'_>) -> Answered {
    let (n, front) = (count(input)?, input.bytes("front")?);
    let mut sealer = BlockSealer::new(input.suite()?, CLASS, &input.array("key")?);
    let mut block = vec![0; CLASS.block_len()];
    while sealer.count() < n {
        sealer.seal(&mut block).map_err(strange)?;
    }
    block.fill(0);
    let place = block.get_mut(..front.len()).ok_or_else(|| strange("longer than a block"))?;
    place.copy_from_slice(&front);
    sealer.seal(&mut block).map_err(strange)?;
    Ok(json!({ "block": hex(block) }))
}

fn open(input: Input<'_>) -> Answered {
    let (n, mut block) = (count(input)?, input.bytes("block")?);
    let mut opener = BlockOpener::new(input.suite()?, CLASS, &input.array("key")?);
    let mut earlier = vec![0; CLASS.block_len()];
    while opener.count() < n {
        // Whatever stood there: the count goes on.
        let _ = opener.open(&mut earlier);
    }
    opener.open(&mut block).map_err(|end| match end {
        LinkEnd::Ours(GoodbyeCode::BlockLength) => "block-length".into(),
        LinkEnd::Ours(GoodbyeCode::BlockSeal) => "block-seal".into(),
        other => strange(format_args!("{other:?}")),
    })?;
    block.truncate(CLASS.text_len());
    let used = block.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    block.truncate(used);
    Ok(json!({ "front": hex(block) }))
}
