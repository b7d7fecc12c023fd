//! Vectors of contents.

use std::collections::BTreeMap;

use edgewise_spec::message::{Broadcast, Content, ContentRefused, Reference, Seen, Whose};
use serde::{Deserialize, Serialize};

use super::mode;
use crate::message::{hello, key};
use crate::vector::{Hex, Vector, pattern, vector};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ContentInput {
    /// 1 deniable, 2 attested.
    mode: u8,
    #[serde(rename = "type")]
    kind: u16,
    content: Hex,
}

/// The type's name, and its fields by their names in the chapter: texts as they are, numbers in
/// decimal, bytes in hexadecimal, lists with commas.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ContentOutput {
    name: String,
    fields: BTreeMap<String, String>,
}

pub fn judge(input: &ContentInput) -> Result<ContentOutput, &'static str> {
    let content = Content::decode(mode(input.mode), input.kind, &input.content.0);
    content.map(|content| shown(&content)).map_err(|refused| match refused {
        ContentRefused::Short(_) => "short",
        ContentRefused::Long { .. } => "long",
        ContentRefused::Text(_) => "text",
        ContentRefused::Value { .. } => "value",
        ContentRefused::Surplus(_) => "surplus",
        ContentRefused::Key => "key",
    })
}

fn whose(reference: &Reference) -> String {
    match reference.whose {
        Whose::Mine => "mine",
        Whose::Yours => "yours",
    }
    .to_owned()
}

/// The fields of control, and of what is opaque here.
fn control(content: &Content) -> (&'static str, Vec<(&'static str, String)>) {
    let hex = |bytes: &[u8]| hex::encode(bytes);
    match content {
        Content::Move { number, place, descriptor } => (
            "move",
            vec![
                ("number", number.to_string()),
                ("place", place.to_string()),
                ("descriptor", hex(descriptor)),
            ],
        ),
        Content::Moved { number, place, s } => (
            "moved",
            vec![
                ("number", number.to_string()),
                ("place", place.to_string()),
                ("s", s.to_string()),
            ],
        ),
        Content::Group { operation, bytes } => {
            ("group", vec![("operation", operation.to_string()), ("bytes", hex(bytes))])
        }
        Content::Device { operation, bytes } => {
            ("device", vec![("operation", operation.to_string()), ("bytes", hex(bytes))])
        }
        Content::Custom { name, bytes } => {
            ("custom", vec![("name", name.clone()), ("bytes", hex(bytes))])
        }
        Content::Standby(card) => ("standby", vec![("card", hex(card))]),
        Content::Again { id, hash, content } => {
            let shown = shown(content);
            let inner = shown.fields.into_iter().map(|(name, value)| format!("{name}={value}"));
            let fields = vec![("id", hex(id.as_bytes())), ("hash", hex(hash))];
            let inner = inner.collect::<Vec<_>>().join(",");
            ("again", [fields, vec![("type", shown.name), ("content", inner)]].concat())
        }
        Content::Unknown { bytes, .. } => ("unknown", vec![("bytes", hex(bytes))]),
        other => panic!("{other:?}"),
    }
}

fn shown(content: &Content) -> ContentOutput {
    let hex = |bytes: &[u8]| hex::encode(bytes);
    let id = |id: &edgewise_spec::message::MessageId| hex(id.as_bytes());
    let (name, fields): (&str, Vec<(&str, String)>) = match content {
        Content::Text(text) => ("text", vec![("text", text.clone())]),
        Content::Profile(profile) => (
            "profile",
            vec![
                ("name", profile.name.clone()),
                ("about", profile.about.clone()),
                ("picture", hex(&profile.picture)),
            ],
        ),
        Content::Hello(hello) => {
            let list: Vec<_> = hello.descriptors.iter().map(hex::encode).collect();
            let vk = hello.vk.map(hex::encode).unwrap_or_default();
            let fields = vec![("descriptors", list.join(",")), ("vk", vk)];
            let more = vec![("name", hello.name.clone()), ("standby", hex(&hello.standby))];
            ("hello", [fields, more].concat())
        }
        Content::Receipt(receipt) => {
            let seen = if receipt.seen == Seen::Read { "read" } else { "delivered" };
            let list = receipt.messages.iter().map(|(i, hash)| id(i) + ":" + &hex(hash));
            let list: Vec<_> = list.collect();
            ("receipt", vec![("seen", seen.to_owned()), ("messages", list.join(","))])
        }
        Content::Edit { id: i, text } => ("edit", vec![("id", id(i)), ("text", text.clone())]),
        Content::Delete { id: i } => ("delete", vec![("id", id(i))]),
        Content::Reply { to, text } => {
            ("reply", vec![("whose", whose(to)), ("id", id(&to.id)), ("text", text.clone())])
        }
        Content::Reaction { to, given, with } => {
            let operation = if *given { "given" } else { "taken back" };
            let fields = vec![("whose", whose(to)), ("id", id(&to.id))];
            let more = vec![("operation", operation.to_owned()), ("reaction", with.clone())];
            ("reaction", [fields, more].concat())
        }
        Content::Introduction { name, card } => {
            ("introduction", vec![("name", name.clone()), ("card", hex(card))])
        }
        Content::Broadcast(broadcast) => {
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
            ("broadcast", fields)
        }
        other => control(other),
    };
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ContentOutput { name: name.to_owned(), fields }
}

fn made(
    name: &str,
    comment: &str,
    flags: &[&str],
    (mode, kind): (u8, u16),
    content: Vec<u8>,
) -> Vector<ContentInput, ContentOutput> {
    let input = ContentInput { mode, kind, content: Hex(content) };
    let outcome = judge(&input);
    let clause = match (kind, outcome.is_ok()) {
        (18.., _) => "MESSAGE-18",
        (3, _) => "MESSAGE-22",
        _ => "MESSAGE-19",
    };
    vector(&format!("content/{name}"), comment, &[clause], flags, input, outcome)
}

pub fn contents() -> Vec<Vector<ContentInput, ContentOutput>> {
    let id = [&[0, 0, 0, 3][..], &pattern::<12>("id")].concat();
    let hash = pattern::<32>("hash");
    let cat = |parts: &[&[u8]]| parts.concat();
    let encoded = |number: u8| hello(mode(number)).encode(mode(number)).unwrap();
    let vk = *key(edgewise_spec::message::Direction::FromClaimer).verifying_key().as_bytes();
    let weak = encoded(2).windows(32).position(|window| window == vk).unwrap();
    let mut low_order = encoded(2);
    low_order[weak..weak + 32].fill(0);
    let none: &[&str] = &[];
    vec![
        made("text", "UTF-8", none, (1, 1), "grüß dich, 世界".into()),
        made("text-empty", "no text", &["Text"], (1, 1), vec![]),
        made("text-utf8", "not UTF-8", &["Text"], (1, 1), vec![b'a', 0xc3]),
        made("text-zero", "U+0000", &["Text"], (1, 1), b"a\0".to_vec()),
        made("profile", "with a picture", none, (1, 2), cat(&[b"\0\x03Ada\0\x02hi", &[1, 2]])),
        made("profile-name", "65 bytes of name", &["Limit"], (1, 2), cat(&[&[0, 65], &[97; 67]])),
        made("profile-line", "a line feed in a name", &["Text"], (1, 2), vec![0, 1, 10, 0, 0]),
        made("hello-deniable", "without a key", none, (1, 3), encoded(1)),
        made("hello-attested", "with its key", none, (2, 3), encoded(2)),
        made("hello-no-key", "none where one is needed", &["Key"], (2, 3), encoded(1)),
        made("hello-key", "a key where none may be", &["Key"], (1, 3), encoded(2)),
        made("hello-low-order", "no acceptable key", &["Key"], (2, 3), low_order),
        made("receipt", "one message, read", none, (1, 4), cat(&[&[2, 0, 1], &id, &hash])),
        made("receipt-none", "no message", &["Layout"], (1, 4), vec![1, 0, 0]),
        made("receipt-short", "ends in a hash", &["Layout"], (1, 4), {
            cat(&[&[1, 0, 1], &id, &hash[..31]])
        }),
        made("edit", "another text", none, (1, 5), cat(&[&id, b"better"])),
        made("delete", "an own message", none, (1, 6), id.clone()),
        made("delete-surplus", "a byte follows", &["Layout"], (1, 6), cat(&[&id, &[0]])),
        made("delete-number", "number 0", &["Layout"], (1, 6), vec![0; 16]),
        made("reply", "to the recipient's message", none, (1, 7), cat(&[&[2], &id, b"yes"])),
        made("reply-whose", "whose is 0", &["Layout"], (1, 7), cat(&[&[0], &id, b"yes"])),
        made("reaction", "given", none, (1, 8), cat(&[&[2], &id, &[1], "👍".as_bytes()])),
        made("reaction-back", "taken back", none, (1, 8), cat(&[&[1], &id, &[2], b"ok"])),
        made("reaction-long", "33 bytes", &["Limit"], (1, 8), cat(&[&[1], &id, &[1], &[97; 33]])),
        made("introduction", "an invitation", none, (1, 9), cat(&[b"\0\x03Eve", &[9; 40]])),
        made("introduction-none", "no invitation", &["Layout"], (1, 9), b"\0\x03Eve".to_vec()),
        made("broadcast-open", "with its name", none, (1, 10), b"\x01\0\x04news".to_vec()),
        made("broadcast-close", "over", none, (1, 10), vec![2]),
        made("broadcast-odd", "operation 5", &["Layout"], (1, 10), vec![5]),
        made("move", "place 2", none, (1, 11), cat(&[&[0, 0, 0, 1, 2], &[4; 80]])),
        made("move-place", "place 10", &["Limit"], (1, 11), vec![0, 0, 0, 1, 10, 4]),
        made("moved", "from s = 300", none, (1, 12), vec![0, 0, 0, 1, 2, 0, 0, 1, 44]),
        made("group", "opaque here", none, (1, 13), vec![1, 0xaa]),
        made("device", "opaque here", none, (1, 14), vec![2]),
        made("device-zero", "operation 0", &["Layout"], (1, 14), vec![0]),
        made("custom", "of an application", none, (1, 15), b"\0\x0borg.exampleX".to_vec()),
        made("custom-name", "no name", &["Text"], (1, 15), vec![0, 0, 1]),
        made("standby", "a card", none, (1, 16), vec![9; 40]),
        made("standby-none", "no card", &["Layout"], (1, 16), vec![]),
        made("standby-long", "557 bytes", &["Limit"], (1, 16), vec![9; 557]),
        made("again", "a text", none, (1, 17), cat(&[&id, &hash, &[0, 1], b"waits"])),
        made("again-reply", "a reply", none, (2, 17), {
            cat(&[&id, &hash, &[0, 7, 1], &id, b"waits"])
        }),
        made("again-number", "number 0", &["Layout"], (1, 17), cat(&[&[0; 48], &[0, 1, 97]])),
        made("again-again", "of type again", &["Layout"], (1, 17), {
            cat(&[&id, &hash, &[0, 17], &id, &hash, &[0, 1, 97]])
        }),
        made("again-receipt", "of a type that is not repeated", &["Layout"], (1, 17), {
            cat(&[&id, &hash, &[0, 6], &id])
        }),
        made("again-empty", "an empty text", &["Text"], (1, 17), cat(&[&id, &hash, &[0, 1]])),
        made("unknown", "type 18", &["Unknown"], (1, 18), vec![1, 2, 3]),
        made("unknown-last", "type 65,535", &["Unknown"], (2, u16::MAX), vec![]),
    ]
}
