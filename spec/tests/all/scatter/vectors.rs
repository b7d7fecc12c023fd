//! `conformance/vectors/scatter.json`: made here, checked here.

mod coded;

use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::ConnectionSecret;
use edgewise_spec::scatter::{Arrival, PartChain, PartRefused, Receiver, Sender, Shape, seal_part};
use serde::{Deserialize, Serialize};

use crate::audit::audit;
use crate::vector::{Hex, Vector, VectorFile, assert_current, load, pattern, vector};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Groups {
    shape: Vec<Vector<ShapeInput, Lengths>>,
    chain: Vec<Vector<ChainInput, Step>>,
    split: Vec<Vector<SplitInput, Parts>>,
    open: Vec<Vector<OpenInput, Cell>>,
    fragment: Vec<Vector<coded::FragmentInput, coded::Fragments>>,
    share: Vec<Vector<coded::ShareInput, coded::Shares>>,
    split_coded: Vec<Vector<coded::SplitCodedInput, Parts>>,
    open_coded: Vec<Vector<coded::OpenCodedInput, coded::OpenedCoded>>,
    join: Vec<Vector<coded::JoinInput, coded::JoinedCell>>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ShapeInput {
    class: u32,
    k: u8,
    n: u8,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Lengths {
    part: usize,
    fragment: usize,
    cell: usize,
    body: usize,
}

/// The step of `s` on the chain of a connection.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ChainInput {
    secret: Hex,
    base: u32,
    s: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Step {
    key: Hex,
    tag: Hex,
    /// PC_s.
    chain: Hex,
}

/// A cell over connections with these secrets, all of base 0.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct SplitInput {
    class: u32,
    secrets: Vec<Hex>,
    s: u32,
    cell_key: Hex,
    cell: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Parts {
    parts: Vec<Hex>,
}

/// A part that the one connection of a new direction delivers.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct OpenInput {
    class: u32,
    secret: Hex,
    part: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Cell {
    s: u32,
    cell: Hex,
}

/// The chain of a connection with this secret c.
fn chain(secret: &Hex, base: u32) -> PartChain {
    PartChain::new(&ConnectionSecret::from_bytes(&secret.array()).part_chain(), base)
}

fn class(number: u32) -> Class {
    Class::try_from(number).unwrap()
}

fn judge_shape(input: &ShapeInput) -> Result<Lengths, &'static str> {
    let shape = Shape::new(class(input.class), input.k, input.n).map_err(|_| "shape")?;
    Ok(Lengths {
        part: shape.part_len(),
        fragment: shape.fragment_len(),
        cell: shape.cell_len(),
        body: shape.body_len(),
    })
}

fn judge_chain(input: &ChainInput) -> Result<Step, &'static str> {
    let mut chain = self::chain(&input.secret, input.base);
    let key = chain.step_to(input.s).ok_or("spent")?;
    Ok(Step {
        key: key.to_key().as_ref().into(),
        tag: key.tag().into(),
        chain: chain.to_key().as_ref().into(),
    })
}

fn judge_split(input: &SplitInput) -> Result<Parts, &'static str> {
    let n = u8::try_from(input.secrets.len()).unwrap();
    let shape = Shape::new(class(input.class), 1, n).unwrap();
    let chains = input.secrets.iter().map(|secret| chain(secret, 0)).collect();
    let sender = Sender::new(shape, chains).unwrap();
    let split = sender.split_under(input.s, &input.cell.0, &input.cell_key.array(), &[]);
    let (_, parts) = split.map_err(|_| "length")?;
    Ok(Parts { parts: parts.into_iter().map(Hex).collect() })
}

fn judge_open(input: &OpenInput) -> Result<Cell, &'static str> {
    let shape = Shape::new(class(input.class), 1, 1).unwrap();
    let chains = vec![chain(&input.secret, 0)];
    match Receiver::new(shape, chains).unwrap().open(0, &input.part.0) {
        Arrival::Cell { s, cell } => Ok(Cell { s, cell: Hex(cell) }),
        Arrival::Stray => Err("tag"),
        Arrival::Bad(PartRefused::Length { .. }) => Err("length"),
        Arrival::Bad(PartRefused::Seal(_)) => Err("seal"),
        Arrival::Bad(PartRefused::Fragment(_)) => Err("fragment"),
        other => panic!("{other:?}"),
    }
}

fn shapes() -> Vec<Vector<ShapeInput, Lengths>> {
    let shaped = |name: &str, comment: &str, class, k, n| {
        let input = ShapeInput { class, k, n };
        let outcome = judge_shape(&input);
        let flags: &[&str] = if outcome.is_ok() { &[] } else { &["Shape"] };
        vector(&format!("shape/{name}"), comment, &["SCATTER-1"], flags, input, outcome)
    };
    vec![
        shaped("small-4", "the smallest", 1, 4, 4),
        shaped("small-7", "the default of ten servers", 1, 7, 10),
        shaped("medium-1", "the default of one server", 2, 1, 1),
        shaped("medium-1-of-10", "full redundancy", 2, 1, 10),
        shaped("medium-7", "long texts over ten servers", 2, 7, 10),
        shaped("large-1", "long texts over one server", 3, 1, 1),
        shaped("small-1", "no room for a header", 1, 1, 1),
        shaped("small-5", "in no row", 1, 5, 10),
        shaped("large-7", "in no row", 3, 7, 10),
        shaped("none", "no fragment", 2, 0, 1),
        shaped("few", "fewer parts than join to a cell", 1, 7, 6),
        shaped("no-part", "no part at all", 2, 1, 0),
        shaped("many", "more than ten servers", 2, 1, 11),
    ]
}

fn steps() -> Vec<Vector<ChainInput, Step>> {
    let stepped = |name: &str, comment: &str, base, s| {
        let input = ChainInput { secret: pattern::<32>("secret").into(), base, s };
        let outcome = judge_chain(&input);
        let flags: &[&str] = if outcome.is_ok() { &[] } else { &["Spent"] };
        let clauses = ["SCATTER-2", "SCATTER-3"];
        vector(&format!("chain/{name}"), comment, &clauses, flags, input, outcome)
    };
    vec![
        stepped("first", "the first part of a new connection", 0, 1),
        stepped("second", "the next one", 0, 2),
        stepped("far", "s counts in four bytes", 0, 300),
        stepped("based", "the first of a connection that a place moved to", 299, 300),
        stepped("last", "the last s that there is", u32::MAX - 1, u32::MAX),
        stepped("base", "no part has the base as its s", 299, 299),
    ]
}

fn honest(class_number: u32, n: usize) -> SplitInput {
    let len = Shape::new(class(class_number), 1, 1).unwrap().cell_len();
    SplitInput {
        class: class_number,
        secrets: (0..n).map(|place| pattern::<32>(&format!("secret {place}")).into()).collect(),
        s: 1,
        cell_key: pattern::<32>("cell key").into(),
        cell: Hex(pattern::<16_064>("cell")[..len].to_vec()),
    }
}

fn splits() -> Vec<Vector<SplitInput, Parts>> {
    let clauses = ["SCATTER-4", "SCATTER-6"];
    let made = |name: &str, comment: &str, input: SplitInput| {
        let outcome = judge_split(&input);
        let flags: &[&str] = if outcome.is_ok() { &[] } else { &["Length"] };
        vector(&format!("split/{name}"), comment, &clauses, flags, input, outcome)
    };
    let mut short = honest(2, 1);
    short.cell.0.pop();
    vec![
        made("one", "one connection", honest(2, 1)),
        made("three", "the same cell over three connections", honest(2, 3)),
        made("large", "one large connection", honest(3, 1)),
        made("short", "a cell of one byte less", short),
    ]
}

fn opens() -> Vec<Vector<OpenInput, Cell>> {
    let split = honest(2, 1);
    let good = judge_split(&split).unwrap().parts.remove(0).0;
    let secret = split.secrets[0].clone();
    let made = |name: &str, comment: &str, clauses: &[&str], flags: &[&str], part: Vec<u8>| {
        let input = OpenInput { class: 2, secret: secret.clone(), part: Hex(part) };
        let outcome = judge_open(&input);
        vector(&format!("open/{name}"), comment, clauses, flags, input, outcome)
    };
    let flipped = |at: usize| {
        let mut part = good.clone();
        part[at] ^= 0x80;
        part
    };
    let foreign = {
        let key = chain(&secret, 0).step().unwrap();
        seal_part(&key, &pattern::<3_856>("no fragment"), &pattern("cell key"))
    };
    let last = good.len() - 1;
    vec![
        made("good", "as it was sealed", &["SCATTER-4", "SCATTER-6"], &[], good.clone()),
        made("tag", "a bit of the tag", &["SCATTER-4"], &["Tag"], flipped(0)),
        made("fragment", "a bit of the fragment", &["SCATTER-4"], &["Seal"], flipped(16)),
        made("share", "a bit of the share", &["SCATTER-4"], &["Seal"], flipped(last - 16)),
        made("seal", "a bit of the seal", &["SCATTER-4"], &["Seal"], flipped(last)),
        made("short", "one byte less", &["SCATTER-5"], &["Length"], good[..last].to_vec()),
        made("long", "one byte more", &["SCATTER-5"], &["Length"], [&good[..], &[0]].concat()),
        made("peer", "sealed, with a fragment of other bytes", &["SCATTER-6"], &["Peer"], foreign),
    ]
}

fn made() -> VectorFile<Groups> {
    let flags = [
        ("Apart", "as many parts as it takes, and no k of them join"),
        ("Length", "a length that is not the shape's"),
        ("Peer", "only the peer can have made it"),
        ("Seal", "altered under the seal"),
        ("Shape", "in no row of the table"),
        ("Short", "fewer parts than it takes"),
        ("Spent", "behind the chain"),
        ("Tag", "no tag of the window"),
        ("Wrong", "a part that does not belong to its cell"),
    ];
    VectorFile {
        schema: "scatter.schema.json".to_owned(),
        word: "scatter".to_owned(),
        spec_revision: SPEC_REVISION,
        flags: flags.map(|(flag, meaning)| (flag.to_owned(), meaning.to_owned())).into(),
        groups: Groups {
            shape: shapes(),
            chain: steps(),
            split: splits(),
            open: opens(),
            fragment: coded::fragment_vectors(),
            share: coded::share_vectors(),
            split_coded: coded::split_vectors(),
            open_coded: coded::open_vectors(),
            join: coded::join_vectors(),
        },
    }
}

#[test]
fn the_file_is_current() {
    assert_current(&made());
}

#[test]
fn the_vectors_hold() {
    let groups = load::<Groups>("scatter").groups;
    let Groups { shape, chain, split, open, .. } = groups;
    shape.iter().for_each(|vector| vector.check(judge_shape));
    chain.iter().for_each(|vector| vector.check(judge_chain));
    split.iter().for_each(|vector| vector.check(judge_split));
    open.iter().for_each(|vector| vector.check(judge_open));
    groups.fragment.iter().for_each(|vector| vector.check(coded::judge_fragment));
    groups.share.iter().for_each(|vector| vector.check(coded::judge_share));
    groups.split_coded.iter().for_each(|vector| vector.check(coded::judge_split));
    groups.open_coded.iter().for_each(|vector| vector.check(coded::judge_open));
    groups.join.iter().for_each(|vector| vector.check(coded::judge_join));
}

#[test]
fn the_file_is_sound() {
    audit::<Groups>("scatter");
}
