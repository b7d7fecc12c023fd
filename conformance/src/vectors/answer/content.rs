//! Chapter message, *Contents*: a type's name, and its fields by their names in the chapter.

use edgewise_spec::message::{
    Broadcast, Content, ContentRefused, MessageId, Reference, Seen, Whose,
};
use serde_json::{Map, Value, json};

use super::Answered;
use super::input::Input;
use super::message::mode;

/// A name and a value as text: texts as they are, numbers in decimal, bytes in hexadecimal.
type Field = (&'static str, String);

pub(super) fn content(input: Input<'_>) -> Answered {
    let content = Content::decode(mode(input)?, input.number("type")?, &input.bytes("content")?);
    let content = content.map_err(|refused| match refused {
        ContentRefused::Short(_) => "short",
        ContentRefused::Long { .. } => "long",
        ContentRefused::Text(_) => "text",
        ContentRefused::Value { .. } => "value",
        ContentRefused::Surplus(_) => "surplus",
        ContentRefused::Key => "key",
    })?;
    let (name, fields) = shown(&content);
    let fields: Map<String, Value> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Ok(json!({ "name": name, "fields": fields }))
}

fn bytes(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(bytes)
}

fn id(id: &MessageId) -> String {
    bytes(id.as_bytes())
}

fn reference(to: &Reference) -> [Field; 2] {
    let whose = match to.whose {
        Whose::Mine => "mine",
        Whose::Yours => "yours",
    };
    [("whose", whose.to_owned()), ("id", id(&to.id))]
}

fn shown(content: &Content) -> (&'static str, Vec<Field>) {
    match content {
        Content::Text(text) => ("text", vec![("text", text.clone())]),
        Content::Profile(profile) => {
            let picture = bytes(&profile.picture);
            let (name, about) = (profile.name.clone(), profile.about.clone());
            ("profile", vec![("name", name), ("about", about), ("picture", picture)])
        }
        Content::Hello(hello) => {
            let list: Vec<_> = hello.descriptors.iter().map(bytes).collect();
            let vk = hello.vk.map(bytes).unwrap_or_default();
            let standby = bytes(&hello.standby);
            let name = hello.name.clone();
            let fields = [("descriptors", list.join(",")), ("vk", vk)];
            ("hello", [fields, [("name", name), ("standby", standby)]].concat())
        }
        Content::Receipt(receipt) => {
            let seen = if receipt.seen == Seen::Read { "read" } else { "delivered" };
            let list = receipt.messages.iter().map(|(it, hash)| id(it) + ":" + &bytes(hash));
            let list: Vec<_> = list.collect();
            ("receipt", vec![("seen", seen.to_owned()), ("messages", list.join(","))])
        }
        Content::Edit { id: it, text } => ("edit", vec![("id", id(it)), ("text", text.clone())]),
        Content::Delete { id: it } => ("delete", vec![("id", id(it))]),
        Content::Reply { to, text } => {
            ("reply", [&reference(to)[..], &[("text", text.clone())]].concat())
        }
        Content::Reaction { to, given, with } => {
            let operation = if *given { "given" } else { "taken back" };
            let more = [("operation", operation.to_owned()), ("reaction", with.clone())];
            ("reaction", [reference(to), more].concat())
        }
        Content::Introduction { name, card } => {
            ("introduction", vec![("name", name.clone()), ("card", bytes(card))])
        }
        Content::Broadcast(it) => ("broadcast", broadcast(it)),
        other => control(other),
    }
}

fn broadcast(broadcast: &Broadcast) -> Vec<Field> {
    let operation = match broadcast {
        Broadcast::Open { .. } => "open",
        Broadcast::Close => "close",
        Broadcast::Pause => "pause",
        Broadcast::Resume => "resume",
    };
    let mut fields = vec![("operation", operation.to_owned())];
    if let Broadcast::Open { name } = broadcast {
        fields.push(("name", name.clone()));
    }
    fields
}

/// The fields of control, and of what is opaque here.
fn control(content: &Content) -> (&'static str, Vec<Field>) {
    let opaque = |operation: &u8, it: &Vec<u8>| {
        vec![("operation", operation.to_string()), ("bytes", bytes(it))]
    };
    match content {
        Content::Move { number, place, descriptor } => {
            let numbers = [("number", number.to_string()), ("place", place.to_string())];
            ("move", [&numbers[..], &[("descriptor", bytes(descriptor))]].concat())
        }
        Content::Moved { number, place, s } => {
            let numbers = [("number", number.to_string()), ("place", place.to_string())];
            ("moved", [&numbers[..], &[("s", s.to_string())]].concat())
        }
        Content::Group { operation, bytes } => ("group", opaque(operation, bytes)),
        Content::Device { operation, bytes } => ("device", opaque(operation, bytes)),
        Content::Custom { name, bytes: it } => {
            ("custom", vec![("name", name.clone()), ("bytes", bytes(it))])
        }
        Content::Standby(card) => ("standby", vec![("card", bytes(card))]),
        Content::Again { id: it, hash, content } => {
            let (name, fields) = shown(content);
            let mut fields: Vec<_> =
                fields.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            fields.sort();
            let ids = [("id", id(it)), ("hash", bytes(hash))];
            ("again", [ids, [("type", name.to_owned()), ("content", fields.join(","))]].concat())
        }
        Content::Unknown { bytes: it, .. } => ("unknown", vec![("bytes", bytes(it))]),
        other => ("strange", vec![("debug", format!("{other:?}"))]),
    }
}
