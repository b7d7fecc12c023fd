//! Chapter frame.

use edgewise_proto::v1;
use edgewise_spec::frame::{Malformed, Received, Writer, read_client_items, read_server_items};
use prost::Message;
use serde_json::{Value, json};

use super::input::{Input, hex, strange};
use super::{Answered, Operation};

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "read" => read,
        "write" => write,
        _ => return None,
    })
}

fn read(input: Input<'_>) -> Answered {
    let (class, mut text) = (input.class()?, input.bytes("front")?);
    if text.len() > class.text_len() {
        return Err(strange("longer than a block"));
    }
    text.resize(class.text_len(), 0);
    let mut items = Vec::new();
    let outcome = match input.text("from")? {
        "client" => read_client_items(text.into(), &mut items),
        _ => read_server_items(text.into(), &mut items),
    };
    outcome.map_err(|why| match why {
        Malformed::ItemLength => "item-length",
        Malformed::NotZero => "not-zero",
        Malformed::Encoding => "encoding",
        Malformed::TooManyItems => "too-many-items",
        Malformed::EmptyItem => "empty-item",
        Malformed::Untagged => "untagged",
        Malformed::NoOutcome => "no-outcome",
    })?;
    let items = items.iter().map(|received| match received {
        Received::Item(item) => {
            json!({ "tag": item.tag, "known": true, "item": hex(item.encode_to_vec()) })
        }
        Received::Unknown { tag } => json!({ "tag": tag, "known": false, "item": "" }),
    });
    Ok(json!({ "items": items.collect::<Vec<Value>>() }))
}

fn write(input: Input<'_>) -> Answered {
    let mut text = vec![0xaa; input.class()?.text_len()];
    let mut writer = Writer::new(&mut text);
    for encoded in input.bytes_list("items")? {
        let item = v1::Item::decode(&encoded[..]).map_err(strange)?;
        writer.push(&item).map_err(|_| "no-room")?;
    }
    let used = writer.finish();
    text.truncate(used);
    Ok(json!({ "front": hex(text) }))
}
