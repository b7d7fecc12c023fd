//! Vectors of k > 1: fragments, shares, parts, and what joins.

use edgewise_spec::scatter::{
    Arrival, Joined, OpenedPart, PartRefused, Receiver, Sender, Shape, Window, fragments, join,
    seal_cell, seal_part, shares,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Parts, chain, class};
use crate::vector::{Hex, Vector, pattern, vector};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct FragmentInput {
    class: u32,
    k: u8,
    n: u8,
    sealed: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Fragments {
    fragments: Vec<Hex>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ShareInput {
    class: u32,
    k: u8,
    n: u8,
    cell_key: Hex,
    /// c_1 to c_(k − 1).
    coefficients: Vec<Hex>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    shares: Vec<Hex>,
}

/// A cell over connections with these secrets, all of base 0.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SplitCodedInput {
    class: u32,
    k: u8,
    secrets: Vec<Hex>,
    s: u32,
    cell_key: Hex,
    coefficients: Vec<Hex>,
    cell: Hex,
}

/// A part that a connection of a place delivers, of base 0.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct OpenCodedInput {
    class: u32,
    k: u8,
    n: u8,
    place: u8,
    secret: Hex,
    part: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct OpenedCoded {
    s: u32,
    place: u8,
    fragment: Hex,
    share: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct JoinInput {
    class: u32,
    k: u8,
    n: u8,
    /// In the order in which they came.
    parts: Vec<HeldPart>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct HeldPart {
    place: u8,
    fragment: Hex,
    share: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct JoinedCell {
    cell: Hex,
    /// Places whose parts do not belong to it, ascending.
    wrong: Vec<u8>,
}

fn shape(number: u32, k: u8, n: u8) -> Shape {
    Shape::new(class(number), k, n).unwrap()
}

fn all(list: Vec<Vec<u8>>) -> Vec<Hex> {
    list.into_iter().map(Hex).collect()
}

fn arrays(list: &[Hex]) -> Vec<[u8; 32]> {
    list.iter().map(Hex::array).collect()
}

pub fn judge_fragment(input: &FragmentInput) -> Result<Fragments, &'static str> {
    let shape = shape(input.class, input.k, input.n);
    Ok(Fragments { fragments: all(fragments(shape, &input.sealed.0)) })
}

pub fn judge_share(input: &ShareInput) -> Result<Shares, &'static str> {
    let shape = shape(input.class, input.k, input.n);
    let shares = shares(shape, &input.cell_key.array(), &arrays(&input.coefficients));
    Ok(Shares { shares: shares.iter().map(|share| Hex(share.to_vec())).collect() })
}

pub fn judge_split(input: &SplitCodedInput) -> Result<Parts, &'static str> {
    let shape = shape(input.class, input.k, input.secrets.len() as u8);
    let chains = input.secrets.iter().map(|secret| chain(secret, 0)).collect();
    let sender = Sender::new(shape, chains).unwrap();
    let (key, coefficients) = (input.cell_key.array(), arrays(&input.coefficients));
    let split = sender.split_under(input.s, &input.cell.0, &key, &coefficients);
    let (_, parts) = split.map_err(|_| "length")?;
    Ok(Parts { parts: all(parts) })
}

pub fn judge_open(input: &OpenCodedInput) -> Result<OpenedCoded, &'static str> {
    let shape = shape(input.class, input.k, input.n);
    let mut receiver = Receiver::restore(shape, 0, []).unwrap();
    receiver.add(7, input.place, Window::new(chain(&input.secret, 0), 0)).unwrap();
    match receiver.open(7, &input.part.0) {
        Arrival::Part { s, part } => Ok(OpenedCoded {
            s,
            place: part.place,
            fragment: Hex(part.fragment.to_vec()),
            share: part.share.as_ref().into(),
        }),
        Arrival::Stray => Err("tag"),
        Arrival::Bad(PartRefused::Length { .. }) => Err("length"),
        Arrival::Bad(PartRefused::Seal(_)) => Err("seal"),
        other => panic!("{other:?}"),
    }
}

pub fn judge_join(input: &JoinInput) -> Result<JoinedCell, &'static str> {
    let part = |part: &HeldPart| OpenedPart {
        place: part.place,
        fragment: Zeroizing::new(part.fragment.0.clone()),
        share: Zeroizing::new(part.share.array()),
    };
    let parts: Vec<_> = input.parts.iter().map(part).collect();
    match join(shape(input.class, input.k, input.n), &parts) {
        Joined::Cell { cell, wrong } => Ok(JoinedCell { cell: Hex(cell), wrong }),
        Joined::Short { .. } => Err("short"),
        Joined::Apart => Err("apart"),
    }
}

fn coefficients(k: u8) -> Vec<Hex> {
    (1..k).map(|degree| pattern::<32>(&format!("coefficient {degree}")).into()).collect()
}

fn cell(shape: Shape) -> Vec<u8> {
    pattern::<26_976>("cell")[..shape.cell_len()].to_vec()
}

fn key() -> [u8; 32] {
    pattern("cell key")
}

pub fn fragment_vectors() -> Vec<Vector<FragmentInput, Fragments>> {
    let made = |name: &str, comment: &str, (class, k, n): (u32, u8, u8), sealed: Vec<u8>| {
        let input = FragmentInput { class, k, n, sealed: Hex(sealed) };
        let outcome = judge_fragment(&input);
        vector(&format!("fragment/{name}"), comment, &["SCATTER-17"], &[], input, outcome)
    };
    let sealed = |class, k, n| seal_cell(&key(), &cell(shape(class, k, n)));
    // The first byte of each data fragment in turn is 1: the columns of the matrix, and its rows.
    let unit = |k: usize| {
        let mut sealed = vec![0; k * 784];
        (0..k).for_each(|column| sealed[column * 784 + column] = 1);
        sealed
    };
    vec![
        made("matrix-4", "byte j of a fragment is column j of its row", (1, 4, 10), unit(4)),
        made("matrix-7", "byte j of a fragment is column j of its row", (1, 7, 10), unit(7)),
        made("small-4", "4 of 10", (1, 4, 10), sealed(1, 4, 10)),
        made("small-7", "7 of 10", (1, 7, 10), sealed(1, 7, 10)),
        made("none-more", "4 of 4: the sealed cell alone", (1, 4, 4), sealed(1, 4, 4)),
    ]
}

pub fn share_vectors() -> Vec<Vector<ShareInput, Shares>> {
    let made = |name: &str, comment: &str, k: u8, key: [u8; 32], coefficients: Vec<Hex>| {
        let input = ShareInput { class: 1, k, n: 10, cell_key: key.into(), coefficients };
        let outcome = judge_share(&input);
        vector(&format!("share/{name}"), comment, &["SCATTER-18"], &[], input, outcome)
    };
    let byte = |byte: u8| Hex(vec![byte; 32]);
    let zeros = |k: usize| vec![byte(0); k];
    let mut square = zeros(3);
    square[1] = byte(1);
    vec![
        made("four", "k = 4", 4, key(), coefficients(4)),
        made("seven", "k = 7", 7, key(), coefficients(7)),
        made("constant", "coefficients of zeros: every share is the key", 4, key(), zeros(3)),
        made("square", "key 0, c_2 = 1: each byte is the square of x", 4, [0; 32], square),
        made("high", "all bits: reduced by the polynomial", 7, [0xFF; 32], vec![byte(0xFF); 6]),
    ]
}

fn honest(k: u8, n: u8) -> SplitCodedInput {
    let secret = |place| pattern::<32>(&format!("secret {place}")).into();
    SplitCodedInput {
        class: 1,
        k,
        secrets: (0..n).map(secret).collect(),
        s: 1,
        cell_key: key().into(),
        coefficients: coefficients(k),
        cell: Hex(cell(shape(1, k, n))),
    }
}

pub fn split_vectors() -> Vec<Vector<SplitCodedInput, Parts>> {
    let clauses = ["SCATTER-4", "SCATTER-17", "SCATTER-18", "SCATTER-20"];
    let made = |name: &str, comment: &str, input: SplitCodedInput| {
        let outcome = judge_split(&input);
        let flags: &[&str] = if outcome.is_ok() { &[] } else { &["Length"] };
        vector(&format!("split-coded/{name}"), comment, &clauses, flags, input, outcome)
    };
    let (mut short, mut later) = (honest(4, 6), honest(4, 4));
    short.cell.0.pop();
    later.s = 300;
    vec![
        made("four-of-six", "fragment and share i under the secret of place i", honest(4, 6)),
        made("seven-of-ten", "the default of ten servers", honest(7, 10)),
        made("later", "another s: the same fragments and shares under other keys", later),
        made("short", "a cell of one byte less", short),
    ]
}

pub fn open_vectors() -> Vec<Vector<OpenCodedInput, OpenedCoded>> {
    let split = honest(4, 6);
    let parts: Vec<_> = judge_split(&split).unwrap().parts;
    let secret = |place: u8| split.secrets[usize::from(place)].clone();
    let made = |name: &str, comment: &str, flags: &[&str], place: u8, part: Vec<u8>| {
        let (secret, part) = (secret(place), Hex(part));
        let input = OpenCodedInput { class: 1, k: 4, n: 6, place, secret, part };
        let outcome = judge_open(&input);
        let clauses: &[&str] = match outcome {
            Ok(_) => &["SCATTER-4", "SCATTER-20"],
            Err("length") => &["SCATTER-5"],
            Err(_) => &["SCATTER-4"],
        };
        vector(&format!("open-coded/{name}"), comment, clauses, flags, input, outcome)
    };
    let good = |place: usize| parts[place].0.clone();
    let flipped = |at: usize| {
        let mut part = good(5);
        part[at] ^= 0x80;
        part
    };
    let mixed = |place: usize| [&good(5)[..16], &good(place)[16..]].concat();
    let foreign = {
        let key = chain(&secret(5), 0).step().unwrap();
        seal_part(&key, &pattern::<784>("no fragment"), &pattern("no share"))
    };
    vec![
        made("data", "of a place below k", &[], 0, good(0)),
        made("parity", "of a place from k on", &[], 5, good(5)),
        made("peer", "sealed by the peer: whether it belongs shows when it joins", &[], 5, foreign),
        made("place", "another place's part", &["Tag"], 5, good(4)),
        made("tag", "a bit of the tag", &["Tag"], 5, flipped(0)),
        made("mixed", "the place's tag before another place's text", &["Seal"], 5, mixed(4)),
        made("fragment", "a bit of the fragment", &["Seal"], 5, flipped(16)),
        made("share", "a bit of the share", &["Seal"], 5, flipped(16 + 784)),
        made("seal", "a bit of the seal", &["Seal"], 5, flipped(847)),
        made("short", "one byte less", &["Length"], 5, good(5)[..847].to_vec()),
        made("long", "one byte more", &["Length"], 5, [&good(5)[..], &[0]].concat()),
    ]
}

/// The opened parts of an honest cell.
fn whole(k: u8, n: u8, of: &str) -> Vec<HeldPart> {
    let shape = shape(1, k, n);
    let key = pattern(of);
    let fragments = fragments(shape, &seal_cell(&key, &cell(shape)));
    let shares = shares(shape, &key, &arrays(&coefficients(k)));
    let part = |(place, (fragment, share)): (u8, (Vec<u8>, Zeroizing<[u8; 32]>))| HeldPart {
        place,
        fragment: Hex(fragment),
        share: share.as_ref().into(),
    };
    (0..).zip(fragments.into_iter().zip(shares)).map(part).collect()
}

/// Those of some places, in this order.
fn some(k: u8, n: u8, places: &[usize]) -> Vec<HeldPart> {
    let pick = |place: &usize| whole(k, n, "cell key").swap_remove(*place);
    places.iter().map(pick).collect()
}

/// What comes of these parts of a small cell.
fn joining(
    name: &str,
    comment: &str,
    flags: &[&str],
    (k, n): (u8, u8),
    parts: Vec<HeldPart>,
) -> Vector<JoinInput, JoinedCell> {
    let input = JoinInput { class: 1, k, n, parts };
    let outcome = judge_join(&input);
    let clauses: &[&str] = match name {
        "twice" => &["SCATTER-20"],
        "few" | "fragment" | "share" | "too-many" => &["SCATTER-21", "SCATTER-22"],
        _ if flags.contains(&"Wrong") => &["SCATTER-22", "SCATTER-23"],
        _ => &["SCATTER-17", "SCATTER-18", "SCATTER-21"],
    };
    vector(&format!("join/{name}"), comment, clauses, flags, input, outcome)
}

pub fn join_vectors() -> Vec<Vector<JoinInput, JoinedCell>> {
    let mut vectors = vec![
        joining("data", "the places below k", &[], (4, 6), some(4, 6, &[0, 1, 2, 3])),
        joining(
            "parity",
            "two of data, two of parity, out of order",
            &[],
            (4, 6),
            some(4, 6, &[5, 1, 4, 2]),
        ),
        joining("parity-alone", "four of parity", &[], (4, 8), some(4, 8, &[4, 5, 6, 7])),
        joining(
            "seven",
            "without the first three of ten",
            &[],
            (7, 10),
            some(7, 10, &[3, 4, 5, 6, 7, 8, 9]),
        ),
    ];
    vectors.extend(faults());
    vectors
}

/// Too few, and such as do not belong.
fn faults() -> Vec<Vector<JoinInput, JoinedCell>> {
    // The parts of these places, the first of which is changed.
    let spoilt = |places: &[usize], change: fn(&mut HeldPart)| {
        let mut parts = some(4, 6, places);
        change(&mut parts[0]);
        parts
    };
    let other = |part: &mut HeldPart| {
        let place = usize::from(part.place);
        *part = whole(4, 6, "another cell key").swap_remove(place);
    };
    let fragment = |part: &mut HeldPart| part.fragment.0[783] ^= 1;
    let share = |part: &mut HeldPart| part.share.0[0] ^= 1;
    let (mut twice, mut last) = (some(4, 6, &[0, 1, 2, 2]), some(4, 6, &[0, 1, 2, 3, 4]));
    fragment(&mut twice[3]);
    fragment(&mut last[4]);
    let mut too_many = some(4, 6, &[0, 1, 2, 3, 4, 5]);
    too_many[..3].iter_mut().for_each(share);
    let (wrong, apart) = (&["Wrong"], &["Apart"]);
    vec![
        joining("few", "three of four", &["Short"], (4, 6), some(4, 6, &[0, 2, 5])),
        joining("twice", "a second part of one place is none", &["Short"], (4, 6), twice),
        joining(
            "fragment",
            "four, one with a fragment of other bytes",
            apart,
            (4, 6),
            spoilt(&[0, 2, 3, 5], fragment),
        ),
        joining(
            "share",
            "four, one with a share of other bytes",
            apart,
            (4, 6),
            spoilt(&[0, 2, 3, 5], share),
        ),
        joining(
            "wrong-fragment",
            "and the fifth makes up for it",
            wrong,
            (4, 6),
            spoilt(&[0, 2, 3, 5, 1], fragment),
        ),
        joining(
            "wrong-share",
            "and the fifth makes up for it",
            wrong,
            (4, 6),
            spoilt(&[0, 2, 3, 5, 1], share),
        ),
        joining("wrong-last", "the four before it join", wrong, (4, 6), last),
        joining(
            "other-cell",
            "a part of another cell",
            wrong,
            (4, 6),
            spoilt(&[3, 0, 1, 2, 4], other),
        ),
        joining("too-many", "three wrong ones of six", apart, (4, 6), too_many),
    ]
}
