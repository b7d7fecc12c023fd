//! Vectors of sealed blocks and of the ratchet.

use edgewise_spec::error::{GoodbyeCode, LinkEnd};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{BlockOpener, BlockSealer, schedule};
use edgewise_spec::suite::SuiteId;
use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::vector::{Hex, Vector, pattern, vector};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct RatchetInput {
    suite: u16,
    key: Hex,
    n: u64,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct RatchetOutput {
    next: Hex,
}

pub type RatchetVector = Vector<RatchetInput, RatchetOutput>;

pub fn ratchet(input: &RatchetInput) -> Outcome<RatchetOutput> {
    let suite = SuiteId::try_from(input.suite).unwrap();
    let next = schedule::ratchet(suite, &input.key.array(), input.n);
    Ok(RatchetOutput { next: next.as_slice().into() })
}

pub fn ratchets() -> Vec<RatchetVector> {
    let make = |id, comment, suite, n| {
        let input = RatchetInput { suite, key: pattern::<32>("traffic").into(), n };
        let output = ratchet(&input);
        vector(id, comment, &["LINK-28"], &["Ratchet"], input, output)
    };
    vec![
        make("ratchet/first", "before block 65,536", 1, 1 << 16),
        make("ratchet/second", "before block 131,072, from the same key", 1, 1 << 17),
        make("ratchet/aes", "suite 2: another salt", 2, 1 << 16),
    ]
}

/// Block `n` of a direction that began with `key`, class small; the opened block is `front`, then
/// zeros.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SealInput {
    suite: u16,
    key: Hex,
    n: u64,
    front: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SealOutput {
    block: Hex,
}

pub type SealVector = Vector<SealInput, SealOutput>;

const CLASS: Class = Class::Small;

pub fn seal(input: &SealInput) -> Outcome<SealOutput> {
    let suite = SuiteId::try_from(input.suite).unwrap();
    let mut sealer = BlockSealer::new(suite, CLASS, &input.key.array());
    let mut block = vec![0; CLASS.block_len()];
    while sealer.count() < input.n {
        sealer.seal(&mut block).unwrap();
    }
    block.fill(0);
    block[..input.front.0.len()].copy_from_slice(&input.front.0);
    sealer.seal(&mut block).unwrap();
    Ok(SealOutput { block: Hex(block) })
}

pub fn seals() -> Vec<SealVector> {
    let make = |id, comment, suite: u16, n: u64| {
        let clause = if n < 1 << 16 { "LINK-27" } else { "LINK-28" };
        let mut flags = if n < 65_535 { vec![] } else { vec!["Ratchet"] };
        if suite == 2 {
            flags.push("AesHardware");
        }
        let front = Hex(vec![0, 5, 8, 1, 0xa2, 1, 0]);
        let input = SealInput { suite, key: pattern::<32>("traffic").into(), n, front };
        let output = seal(&input);
        vector(id, comment, &[clause], &flags, input, output)
    };
    vec![
        make("seal/first", "block 0", 1, 0),
        make("seal/second", "block 1", 1, 1),
        make("seal/before", "the last block under the first key", 1, 65_535),
        make("seal/after", "the first block under the second key", 1, 65_536),
        make("seal/third", "the first block under the third key", 1, 131_072),
        make("seal/aes", "block 0 in suite 2", 2, 0),
        make("seal/aes-after", "block 65,536 in suite 2", 2, 65_536),
    ]
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct OpenInput {
    suite: u16,
    key: Hex,
    n: u64,
    block: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct OpenOutput {
    front: Hex,
}

pub type OpenVector = Vector<OpenInput, OpenOutput>;

pub fn open(input: &OpenInput) -> Outcome<OpenOutput> {
    let suite = SuiteId::try_from(input.suite).unwrap();
    let mut opener = BlockOpener::new(suite, CLASS, &input.key.array());
    let mut garbage = vec![0; CLASS.block_len()];
    while opener.count() < input.n {
        assert!(opener.open(&mut garbage).is_err());
    }
    let mut block = input.block.0.clone();
    opener.open(&mut block).map_err(|end| match end {
        LinkEnd::Ours(GoodbyeCode::BlockLength) => "block-length",
        LinkEnd::Ours(GoodbyeCode::BlockSeal) => "block-seal",
        other => panic!("{other:?}"),
    })?;
    let text = &block[..CLASS.text_len()];
    let used = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Ok(OpenOutput { front: text[..used].into() })
}

pub fn opens() -> Vec<OpenVector> {
    let key = Hex::from(pattern::<32>("traffic"));
    let front = Hex(vec![0, 5, 8, 1, 0xa2, 1, 1]);
    let sealed = |n| {
        let input = SealInput { suite: 1, key: key.clone(), n, front: front.clone() };
        seal(&input).unwrap().block.0
    };
    let (first, after) = (sealed(0), sealed(65_536));
    let make = |id, comment, clause, n, block: &[u8]| {
        let flags: &[&str] = if n < 65_535 { &[] } else { &["Ratchet"] };
        let input = OpenInput { suite: 1, key: key.clone(), n, block: block.into() };
        let output = open(&input);
        vector(id, comment, &[clause], flags, input, output)
    };
    let flipped = |at: usize| {
        let mut block = first.clone();
        block[at] ^= 1;
        block
    };
    let longer = [&first[..], &[0]].concat();
    vec![
        make("open/first", "block 0", "LINK-27", 0, &first),
        make("open/after", "block 65,536, its key the second", "LINK-28", 65_536, &after),
        make("open/replay", "block 0 again, as block 1", "LINK-27", 1, &first),
        make("open/dropped", "block 65,536 as block 65,537", "LINK-27", 65_537, &after),
        make("open/old-key", "block 0 as block 65,536", "LINK-28", 65_536, &first),
        make("open/text", "a bit of the first byte", "LINK-27", 0, &flipped(0)),
        make("open/padding", "a bit of the padding", "LINK-27", 0, &flipped(900)),
        make("open/tag", "a bit of the tag", "LINK-27", 0, &flipped(1_023)),
        make("open/short", "a byte is missing", "FRAME-2", 0, &first[..1_023]),
        make("open/long", "a byte too many", "FRAME-2", 0, &longer),
    ]
}
