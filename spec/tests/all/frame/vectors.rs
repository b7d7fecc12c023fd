//! `conformance/vectors/frame.json`: made here, checked here.

use bytes::Bytes;
use edgewise_proto::v1::{self, item::Body};
use edgewise_spec::constants::{ITEMS_MAX, SPEC_REVISION};
use edgewise_spec::frame::{
    Class, Malformed, Received, Writer, read_client_items, read_server_items,
};
use prost::Message;
use serde::{Deserialize, Serialize};

use super::{framed, item, suspend};
use crate::audit::audit;
use crate::vector::{Hex, Vector, VectorFile, assert_current, load, vector};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Groups {
    read: Vec<ReadVector>,
    write: Vec<WriteVector>,
}

/// An opened block: `front`, then zeros up to the class's length.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ReadInput {
    from: From,
    class: u32,
    front: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum From {
    Client,
    Server,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ReadOutput {
    items: Vec<ReadItem>,
}

/// What is handed on, in order. `item` is one encoding of the item without unknown fields, empty
/// for an item that is unknown and answered.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ReadItem {
    tag: u32,
    known: bool,
    item: Hex,
}

type ReadVector = Vector<ReadInput, ReadOutput>;

fn read(input: &ReadInput) -> Result<ReadOutput, &'static str> {
    let class = Class::try_from(input.class).unwrap();
    let mut text = input.front.0.clone();
    assert!(text.len() <= class.text_len());
    text.resize(class.text_len(), 0);
    let mut items = Vec::new();
    let outcome = match input.from {
        From::Client => read_client_items(text.into(), &mut items),
        From::Server => read_server_items(text.into(), &mut items),
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
            ReadItem { tag: item.tag, known: true, item: item.encode_to_vec().into() }
        }
        Received::Unknown { tag } => ReadItem { tag: *tag, known: false, item: Hex(Vec::new()) },
    });
    Ok(ReadOutput { items: items.collect() })
}

fn from_client(
    id: &str,
    comment: &str,
    requirements: &[&str],
    flags: &[&str],
    front: &[u8],
) -> ReadVector {
    let input = ReadInput { from: From::Client, class: 1, front: front.into() };
    let outcome = read(&input);
    vector(&format!("read/{id}"), comment, requirements, flags, input, outcome)
}

fn from_server(
    id: &str,
    comment: &str,
    requirements: &[&str],
    flags: &[&str],
    front: &[u8],
) -> ReadVector {
    let input = ReadInput { from: From::Server, class: 1, front: front.into() };
    let outcome = read(&input);
    vector(&format!("read/{id}"), comment, requirements, flags, input, outcome)
}

/// A Suspend whose encoding is made `len` bytes long by a field that nobody knows.
fn filled(len: usize) -> Vec<u8> {
    let mut encoded = suspend(9).encode_to_vec();
    encoded.extend([0xfa, 0x3e]); // field 1007, length-delimited
    prost::encoding::encode_varint((len - encoded.len() - 2) as u64, &mut encoded);
    encoded.resize(len, 0);
    encoded
}

fn accepted() -> Vec<ReadVector> {
    let one = framed(&suspend(1).encode_to_vec());
    let ack = item(0, Body::Acknowledge(v1::Acknowledge { handle: 0, through: 1 }));
    let ack = framed(&ack.encode_to_vec());
    let part = Bytes::from(vec![0x2a; Class::Small.part_len()]);
    let send = item(2, Body::Send(v1::Send { handle: 0, submission: 7, part }));
    let whole = Class::Small.text_len() - 2;
    vec![
        from_client("empty", "no item at all", &[], &["Empty"], &[]),
        from_client("one", "one request", &["FRAME-10"], &[], &one),
        from_client(
            "part",
            "a Send, and an Acknowledge beside it",
            &["FRAME-19"],
            &[],
            &[framed(&send.encode_to_vec()), ack.clone()].concat(),
        ),
        from_client(
            "full",
            "an item that fills the block",
            &["FRAME-5"],
            &[],
            &framed(&filled(whole)),
        ),
        from_client(
            "one-byte-left",
            "one byte behind the last item, zero",
            &["FRAME-6"],
            &[],
            &framed(&filled(whole - 1)),
        ),
        from_client(
            "most-items",
            "as many as there may be",
            &["FRAME-8"],
            &[],
            &ack.repeat(ITEMS_MAX),
        ),
        from_client(
            "default-body",
            "a Suspend of handle 0",
            &["FRAME-9"],
            &[],
            &[0, 5, 8, 1, 0xa2, 1, 0],
        ),
        from_client(
            "tagged-goodbye",
            "a Goodbye with a tag is no request",
            &["FRAME-10"],
            &[],
            &framed(&item(3, Body::Goodbye(v1::Goodbye { code: 1 })).encode_to_vec()),
        ),
    ]
}

/// Fields and items of a later revision.
fn unknown() -> Vec<ReadVector> {
    let plain = suspend(1).encode_to_vec();
    let space = item(0, Body::Space(v1::Space { handle: 2 })).encode_to_vec();
    let field_99 = [0x98, 0x06, 0x01];
    let f = |id, comment, requirements: &[&str], flags: &[&str], encoded: &[u8]| {
        from_client(id, comment, requirements, flags, &framed(encoded))
    };
    vec![
        f(
            "unknown-tagged",
            "a field of an unknown number",
            &["FRAME-14"],
            &["Unknown"],
            &[8, 6, 0xba, 0x3e, 1, 0],
        ),
        f(
            "unknown-untagged",
            "the same without a tag",
            &["FRAME-15"],
            &["Unknown"],
            &[0xba, 0x3e, 1, 0],
        ),
        f(
            "group-unknown",
            "a group of an unknown number",
            &["FRAME-14"],
            &["Unknown"],
            &[8, 6, 0xbb, 0x3e, 8, 1, 0xbc, 0x3e],
        ),
        f(
            "wrong-direction",
            "a Space, which servers send",
            &["FRAME-14"],
            &["Unknown"],
            &[&[8, 4][..], &space].concat(),
        ),
        f(
            "outer-unknown",
            "an unknown field beside the body",
            &["FRAME-16"],
            &["Unknown"],
            &[&plain[..], &field_99].concat(),
        ),
        f(
            "inner-unknown",
            "an unknown field in the body",
            &["FRAME-16"],
            &["Unknown"],
            &[8, 1, 0xa2, 1, 5, 8, 3, 0x98, 6, 1],
        ),
    ]
}

/// Legal protobuf that encoders do not write.
fn unusual() -> Vec<ReadVector> {
    let plain = suspend(1).encode_to_vec();
    let space = item(0, Body::Space(v1::Space { handle: 2 })).encode_to_vec();
    let both = [&plain[..], &space].concat();
    let reversed = [&space[..], &plain].concat();
    let f = |id, comment, requirements: &[&str], flags: &[&str], encoded: &[u8]| {
        from_client(id, comment, requirements, flags, &framed(encoded))
    };
    vec![
        f("last-body-known", "Space, then Suspend", &["FRAME-14"], &["Repeated"], &reversed),
        f("last-body-unknown", "Suspend, then Space", &["FRAME-14"], &["Repeated"], &both),
        f(
            "repeated-tag",
            "two tags: the last counts",
            &["FRAME-7"],
            &["Repeated"],
            &[&[8, 9][..], &plain].concat(),
        ),
        f(
            "merged-body",
            "two Sends, whose fields are merged",
            &["FRAME-7"],
            &["Repeated"],
            &[8, 1, 0x12, 2, 8, 5, 0x12, 2, 0x10, 6],
        ),
        f(
            "long-varint",
            "a tag in more bytes than it needs",
            &["FRAME-7"],
            &["Repeated"],
            &[8, 0x81, 0x80, 0, 0xa2, 1, 2, 8, 3],
        ),
    ]
}

fn refused() -> Vec<ReadVector> {
    let whole = Class::Small.text_len() - 2;
    let mut too_long = framed(&filled(whole));
    too_long[1] += 1;
    let mut last_not_zero = framed(&filled(whole - 1));
    last_not_zero.push(1);
    let one = framed(&suspend(1).encode_to_vec());
    let ack = item(0, Body::Acknowledge(v1::Acknowledge { handle: 0, through: 1 }));
    let ack = framed(&ack.encode_to_vec());
    let unknown = framed(&[0xb8, 0x3e, 1]);
    let most = ITEMS_MAX + 1;
    let n = |id, comment, front: &[u8]| from_client(id, comment, &["FRAME-6"], &[], front);
    let e = |id, comment, encoded: &[u8]| {
        from_client(id, comment, &["FRAME-7"], &["NotProtobuf"], &framed(encoded))
    };
    let mut end = text_with(&one, Class::Small.text_len() - 1);
    *end.last_mut().unwrap() = 0x80;
    let refused_last = [one.clone(), framed(&[8, 5])].concat();
    let untagged = framed(&suspend(0).encode_to_vec());
    let f = from_client;
    vec![
        f("item-too-long", "one more than is left", &["FRAME-5"], &[], &too_long),
        f("length-ffff", "the longest length there is", &["FRAME-5"], &[], &[0xff, 0xff, 8]),
        n("byte-after-end", "right behind the end", &[&one[..], &[0, 0, 1]].concat()),
        n("item-after-end", "an item behind the end", &[&one[..], &[0, 0], &one].concat()),
        n("last-byte", "in the last byte", &end),
        n("one-byte-not-zero", "in the one byte that is left", &last_not_zero),
        e("no-value", "a tag without its value", &[8]),
        e("endless-varint", "a varint without an end", &[8, 0xff]),
        e("field-0", "a field of number 0", &[0, 1]),
        e("wire-type-7", "a wire type that does not exist", &[0x0f]),
        e("body-too-long", "a body longer than the item", &[8, 1, 0x12, 5, 8]),
        e("inner-cut", "a Send that breaks off", &[8, 1, 0x12, 1, 8]),
        e("unknown-cut", "an unknown field that breaks off", &[8, 1, 0xba, 0x3e, 5, 0]),
        e("deliver-cut", "a Deliver that breaks off, at a server", &[8, 1, 0x1a, 2, 0x12, 9]),
        e("group-end", "an end of a group that did not begin", &[8, 1, 0xbc, 0x3e]),
        e("group-open", "a group without an end", &[8, 1, 0xbb, 0x3e]),
        f("too-many", "one more than the most", &["FRAME-8"], &[], &ack.repeat(most)),
        f(
            "too-many-skipped",
            "the same, all unknown",
            &["FRAME-8"],
            &["Unknown"],
            &unknown.repeat(most),
        ),
        f("tag-alone", "nothing but a tag", &["FRAME-9"], &[], &framed(&[8, 5])),
        f("tags-alone", "nothing but tags", &["FRAME-9"], &["Repeated"], &framed(&[8, 5, 8, 6])),
        f("untagged", "a request without a tag", &["FRAME-10"], &[], &untagged),
        f(
            "tag-0",
            "a request whose tag is written and 0",
            &["FRAME-10"],
            &[],
            &framed(&[8, 0, 0xa2, 1, 0]),
        ),
        f(
            "good-then-bad",
            "a good item does not save the block",
            &["FRAME-12"],
            &[],
            &refused_last,
        ),
    ]
}

fn text_with(front: &[u8], len: usize) -> Vec<u8> {
    let mut text = front.to_vec();
    text.resize(len + 1, 0);
    text
}

fn at_clients() -> Vec<ReadVector> {
    let done = v1::result::Outcome::Done(v1::Done {});
    let done = item(1, Body::Result(v1::Result { outcome: Some(done) }));
    let space = item(0, Body::Space(v1::Space { handle: 2 }));
    let f = |id, comment, requirements: &[&str], flags: &[&str], encoded: &[u8]| {
        from_server(id, comment, requirements, flags, &framed(encoded))
    };
    vec![
        f("result", "a Result", &["FRAME-22"], &[], &done.encode_to_vec()),
        f("space", "an item without a tag", &["FRAME-21"], &[], &space.encode_to_vec()),
        f(
            "client-unknown",
            "an unknown item with a tag: skipped",
            &["FRAME-21"],
            &["Unknown"],
            &[8, 6, 0xba, 0x3e, 1, 0],
        ),
        f(
            "client-request",
            "a request, which clients send: skipped",
            &["FRAME-21"],
            &["Unknown"],
            &suspend(1).encode_to_vec(),
        ),
        f(
            "client-untagged",
            "the same without a tag: skipped too",
            &["FRAME-21"],
            &["Unknown"],
            &suspend(0).encode_to_vec(),
        ),
        f("no-outcome", "a Result without an outcome", &["FRAME-22"], &[], &[8, 1, 0x2a, 0]),
        f(
            "unknown-outcome",
            "a Result with an unknown outcome",
            &["FRAME-22"],
            &["Unknown"],
            &[8, 1, 0x2a, 3, 0xb8, 0x3e, 1],
        ),
        f("client-tag-alone", "nothing but a tag", &["FRAME-23"], &[], &[8, 5]),
        f("client-encoding", "an item that breaks off", &["FRAME-23"], &["NotProtobuf"], &[8]),
    ]
}

/// Items, each in one of its encodings, and the front of the opened block that they are written to.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct WriteInput {
    class: u32,
    items: Vec<Hex>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct WriteOutput {
    front: Hex,
}

type WriteVector = Vector<WriteInput, WriteOutput>;

fn write(input: &WriteInput) -> Result<WriteOutput, &'static str> {
    let class = Class::try_from(input.class).unwrap();
    let mut text = vec![0xaa; class.text_len()];
    let mut writer = Writer::new(&mut text);
    for encoded in &input.items {
        let item = v1::Item::decode(&encoded.0[..]).unwrap();
        assert_eq!(item.encode_to_vec(), encoded.0);
        writer.push(&item).map_err(|_| "no-room")?;
    }
    let used = writer.finish();
    assert!(text[used..].iter().all(|byte| *byte == 0));
    Ok(WriteOutput { front: Hex(text[..used].to_vec()) })
}

fn written() -> Vec<WriteVector> {
    let part = |len| Bytes::from(vec![0x2a; len]);
    let send = |len| item(2, Body::Send(v1::Send { handle: 1, submission: 7, part: part(len) }));
    let make = |id, comment, requirements: &[&str], items: &[v1::Item]| {
        let items = items.iter().map(|item| item.encode_to_vec().into()).collect();
        let input = WriteInput { class: 1, items };
        let outcome = write(&input);
        vector(id, comment, requirements, &[], input, outcome)
    };
    let exact = Class::Small.text_len() - 2;
    let exact = exact - send(Class::Small.part_len()).encoded_len() + Class::Small.part_len();
    vec![
        make("write/nothing", "a block without items", &["FRAME-13"], &[]),
        make("write/two", "two items, in order", &["FRAME-13"], &[suspend(1), suspend(2)]),
        make("write/exact", "an item that fills the block", &["FRAME-13"], &[send(exact)]),
        make("write/too-long", "an item one byte too long", &["FRAME-13"], &[send(exact + 1)]),
        make(
            "write/too-many",
            "one item too many",
            &["FRAME-13"],
            &vec![suspend(1); ITEMS_MAX + 1],
        ),
    ]
}

const FLAGS: [(&str, &str); 4] = [
    ("Empty", "a block without items"),
    ("NotProtobuf", "bytes that no protobuf library decodes"),
    ("Repeated", "legal protobuf that encoders do not write"),
    ("Unknown", "fields or items of a later revision, or of the other direction"),
];

fn made() -> VectorFile<Groups> {
    let read = [accepted(), unknown(), unusual(), refused(), at_clients()];
    VectorFile {
        schema: "frame.schema.json".to_owned(),
        word: "frame".to_owned(),
        spec_revision: SPEC_REVISION,
        flags: FLAGS.iter().map(|&(flag, what)| (flag.to_owned(), what.to_owned())).collect(),
        groups: Groups { read: read.into_iter().flatten().collect(), write: written() },
    }
}

#[test]
fn the_file_is_what_this_code_makes() {
    assert_current(&made());
}

#[test]
fn every_vector_comes_to_what_it_says() {
    let groups = load::<Groups>("frame").groups;
    groups.read.iter().for_each(|vector| vector.check(read));
    groups.write.iter().for_each(|vector| vector.check(write));
}

#[test]
fn the_file_keeps_its_promises() {
    audit::<Groups>("frame");
}

/// Each layer that may refuse has a vector, and each is one that the chapter names.
#[test]
fn every_layer_refuses_something() {
    let groups = load::<Groups>("frame").groups;
    let chapter = include_str!("../../../frame.md");
    for layer in [
        "item-length",
        "not-zero",
        "encoding",
        "too-many-items",
        "empty-item",
        "untagged",
        "no-outcome",
    ] {
        assert!(chapter.contains(&format!("`{layer}`")), "{layer}");
        let refuses = |vector: &&ReadVector| vector.expect_layer.as_deref() == Some(layer);
        assert!(groups.read.iter().filter(refuses).count() > 0, "{layer}");
    }
}
