//! Chapter scatter: shapes, part chains, cells and parts.

use edgewise_spec::frame::Class;
use edgewise_spec::invitation::ConnectionSecret;
use edgewise_spec::scatter::{Arrival, PartChain, PartRefused, Receiver, Sender, Shape};
use serde_json::json;

use super::input::{Input, hex, strange};
use super::{Answered, Operation};

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "shape" => shape,
        "chain" => chain,
        "split" => split,
        "open" => open,
        _ => return None,
    })
}

/// The chain of a connection with this secret.
fn chain_of(secret: &[u8; 32], base: u32) -> PartChain {
    PartChain::new(&ConnectionSecret::from_bytes(secret).part_chain(), base)
}

fn shape(input: Input<'_>) -> Answered {
    let n = input.number("n")?;
    let shape = Shape::new(input.class()?, input.number("k")?, n).map_err(|_| "shape")?;
    let chains = (0..n).map(|place| PartChain::new(&[place; 32], 0)).collect();
    Ok(json!({
        "part": shape.part_len(),
        "fragment": shape.fragment_len(),
        "cell": shape.cell_len(),
        "body": shape.body_len(),
        "defined": Sender::new(shape, chains).is_ok(),
    }))
}

fn chain(input: Input<'_>) -> Answered {
    let mut chain = chain_of(&input.array("secret")?, input.number("base")?);
    let key = chain.step_to(input.number("s")?).ok_or("spent")?;
    Ok(json!({
        "key": hex(key.to_key()), "tag": hex(key.tag()), "chain": hex(chain.to_key()),
    }))
}

/// One part over each of the connections: k is 1.
fn single(class: Class, secrets: &[[u8; 32]]) -> Option<(Shape, Vec<PartChain>)> {
    let shape = Shape::new(class, 1, u8::try_from(secrets.len()).ok()?).ok()?;
    Some((shape, secrets.iter().map(|secret| chain_of(secret, 0)).collect()))
}

fn split(input: Input<'_>) -> Answered {
    let made = single(input.class()?, &input.arrays("secrets")?);
    let (shape, chains) = made.ok_or_else(|| strange("its shape"))?;
    let sender = Sender::new(shape, chains).map_err(strange)?;
    let (cell, key) = (input.bytes("cell")?, input.array("cell_key")?);
    let split = sender.split_under(input.number("s")?, &cell, &key, &[]);
    let (_, parts) = split.map_err(|_| "length")?;
    Ok(json!({ "parts": parts.into_iter().map(hex).collect::<Vec<_>>() }))
}

fn open(input: Input<'_>) -> Answered {
    let made = single(input.class()?, &[input.array("secret")?]);
    let (shape, chains) = made.ok_or_else(|| strange("its shape"))?;
    let receiver = Receiver::new(shape, chains).map_err(strange)?;
    match receiver.open(0, &input.bytes("part")?) {
        Arrival::Cell { s, cell } => Ok(json!({ "s": s, "cell": hex(cell) })),
        Arrival::Stray => Err("tag".into()),
        Arrival::Bad(PartRefused::Length { .. }) => Err("length".into()),
        Arrival::Bad(PartRefused::Seal(_)) => Err("seal".into()),
        Arrival::Bad(PartRefused::Fragment(_)) => Err("fragment".into()),
        other => Err(strange(format_args!("{other:?}"))),
    }
}
