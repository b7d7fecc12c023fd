//! Chapter scatter: shapes, part chains, cells and parts.

use edgewise_spec::frame::Class;
use edgewise_spec::invitation::ConnectionSecret;
use edgewise_spec::scatter::{
    Arrival, Joined, OpenedPart, PartChain, PartRefused, Receiver, Sender, Shape, Window,
    fragments, join, shares,
};
use serde_json::json;

use super::input::{Input, No, hex, strange};
use super::{Answered, Operation};

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "shape" => shape,
        "chain" => chain,
        "split" => split,
        "open" => open,
        "fragment" => fragment,
        "share" => share,
        "split_coded" => split_coded,
        "open_coded" => open_coded,
        "join" => joined,
        _ => return None,
    })
}

/// The chain of a connection with this secret.
fn chain_of(secret: &[u8; 32], base: u32) -> PartChain {
    PartChain::new(&ConnectionSecret::from_bytes(secret).part_chain(), base)
}

/// The shape of an input that only a refusal of SCATTER-1 is not about.
fn shape_of(input: Input<'_>) -> Result<Shape, No> {
    Shape::new(input.class()?, input.number("k")?, input.number("n")?).map_err(strange)
}

fn shape(input: Input<'_>) -> Answered {
    let shape = Shape::new(input.class()?, input.number("k")?, input.number("n")?);
    let shape = shape.map_err(|_| "shape")?;
    Ok(json!({
        "part": shape.part_len(),
        "fragment": shape.fragment_len(),
        "cell": shape.cell_len(),
        "body": shape.body_len(),
    }))
}

fn chain(input: Input<'_>) -> Answered {
    let mut chain = chain_of(&input.array("secret")?, input.number("base")?);
    let key = chain.step_to(input.number("s")?).ok_or("spent")?;
    Ok(json!({
        "key": hex(key.to_key()), "tag": hex(key.tag()), "chain": hex(chain.to_key()),
    }))
}

/// A shape over these connections, and their chains.
fn over(class: Class, k: u8, secrets: &[[u8; 32]]) -> Option<(Shape, Vec<PartChain>)> {
    let shape = Shape::new(class, k, u8::try_from(secrets.len()).ok()?).ok()?;
    Some((shape, secrets.iter().map(|secret| chain_of(secret, 0)).collect()))
}

/// A cell over connections with the secrets of the input.
fn split_over(input: Input<'_>, k: u8, coefficients: &[[u8; 32]]) -> Answered {
    let made = over(input.class()?, k, &input.arrays("secrets")?);
    let (shape, chains) = made.ok_or_else(|| strange("its shape"))?;
    let sender = Sender::new(shape, chains).map_err(strange)?;
    let (cell, key) = (input.bytes("cell")?, input.array("cell_key")?);
    let split = sender.split_under(input.number("s")?, &cell, &key, coefficients);
    let (_, parts) = split.map_err(|_| "length")?;
    Ok(json!({ "parts": parts.into_iter().map(hex).collect::<Vec<_>>() }))
}

fn split(input: Input<'_>) -> Answered {
    split_over(input, 1, &[])
}

fn split_coded(input: Input<'_>) -> Answered {
    split_over(input, input.number("k")?, &input.arrays("coefficients")?)
}

/// Why a part is no part of its cell.
fn refusal(arrival: &Arrival) -> No {
    match arrival {
        Arrival::Stray => "tag".into(),
        Arrival::Bad(PartRefused::Length { .. }) => "length".into(),
        Arrival::Bad(PartRefused::Seal(_)) => "seal".into(),
        Arrival::Bad(PartRefused::Fragment(_)) => "fragment".into(),
        other => strange(format_args!("{other:?}")),
    }
}

fn open(input: Input<'_>) -> Answered {
    let made = over(input.class()?, 1, &[input.array("secret")?]);
    let (shape, chains) = made.ok_or_else(|| strange("its shape"))?;
    let receiver = Receiver::new(shape, chains).map_err(strange)?;
    match receiver.open(0, &input.bytes("part")?) {
        Arrival::Cell { s, cell } => Ok(json!({ "s": s, "cell": hex(cell) })),
        other => Err(refusal(&other)),
    }
}

fn open_coded(input: Input<'_>) -> Answered {
    let mut receiver = Receiver::restore(shape_of(input)?, 0, []).map_err(strange)?;
    let window = Window::new(chain_of(&input.array("secret")?, 0), 0);
    receiver.add(0, input.number("place")?, window).map_err(strange)?;
    match receiver.open(0, &input.bytes("part")?) {
        Arrival::Part { s, part } => Ok(json!({
            "s": s,
            "place": part.place,
            "fragment": hex(&*part.fragment),
            "share": hex(part.share.as_slice()),
        })),
        other => Err(refusal(&other)),
    }
}

fn fragment(input: Input<'_>) -> Answered {
    let fragments = fragments(shape_of(input)?, &input.bytes("sealed")?);
    Ok(json!({ "fragments": fragments.into_iter().map(hex).collect::<Vec<_>>() }))
}

fn share(input: Input<'_>) -> Answered {
    let (key, coefficients) = (input.array("cell_key")?, input.arrays("coefficients")?);
    let shares = shares(shape_of(input)?, &key, &coefficients);
    Ok(json!({ "shares": shares.iter().map(|share| hex(**share)).collect::<Vec<_>>() }))
}

fn joined(input: Input<'_>) -> Answered {
    let shape = shape_of(input)?;
    let mut parts = Vec::new();
    for part in input.list("parts")? {
        let bytes = [part.bytes("fragment")?, part.bytes("share")?].concat();
        let part = OpenedPart::from_bytes(shape, part.number("place")?, &bytes);
        parts.push(part.map_err(strange)?);
    }
    match join(shape, &parts) {
        Joined::Cell { cell, wrong } => Ok(json!({ "cell": hex(cell), "wrong": wrong })),
        Joined::Short { .. } => Err("short".into()),
        Joined::Apart => Err("apart".into()),
    }
}
