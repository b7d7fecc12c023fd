//! Bodies and contents that no honest peer makes.

use edgewise_spec::constants::{INCOMPLETE_BYTES_MAX, INCOMPLETE_MAX, MESSAGE_MAX};
use edgewise_spec::frame::Class;
use edgewise_spec::message::{
    BodyRefused, Composed, Content, ContentRefused, Direction, Event, Layout, MessageRefused,
    PieceRefused, kind,
};
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::{START, Way, hello, text};

fn altered(body: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body[at..at + bytes.len()].copy_from_slice(bytes);
    body
}

#[test]
fn each_fault_of_a_body_has_its_error() {
    let layout = Layout::new(Mode::Deniable, Shape::SINGLE);
    let mut way = Way::inviter(Mode::Deniable);
    let body = way.say(&text("hi")).bodies.remove(0);
    let long = way.say(&text(&"x".repeat(2_000)));
    let whole = layout.parse(&body).unwrap().unwrap();
    assert_eq!((whole.index, whole.count, whole.bytes), (0, 1, &b"hi"[..]));
    let max = MESSAGE_MAX;
    let cases: Vec<(Vec<u8>, BodyRefused)> = vec![
        (body[1..].to_vec(), BodyRefused::Length { expected: 1_424, got: 1_423 }),
        ([&body[..], &[0]].concat(), BodyRefused::Length { expected: 1_424, got: 1_425 }),
        (altered(&body, 0, &[0, 2]), BodyRefused::Version(2)),
        (altered(&body, 0, &[0, 0]), BodyRefused::Padding(3)),
        (altered(&body, 79, &[1]), BodyRefused::Padding(79)),
        (altered(&body, 98, &[1]), BodyRefused::Padding(98)),
        (altered(&body, 1_423, &[1]), BodyRefused::Padding(1_423)),
        (altered(&body, 8, &[0, 4, 0, 1]), BodyRefused::TooLong { max, got: max + 1 }),
        (altered(&body, 8, &[255; 4]), BodyRefused::TooLong { max, got: u32::MAX as usize }),
        (altered(&body, 6, &[0, 2]), BodyRefused::Count { expected: 1, got: 2 }),
        (altered(&body, 6, &[0, 0]), BodyRefused::Count { expected: 1, got: 0 }),
        (altered(&body, 4, &[0, 1]), BodyRefused::Index { index: 1, count: 1 }),
        (altered(&body, 12, &[0, 0, 0, 1]), BodyRefused::PieceLength { expected: 2, got: 1 }),
        (altered(&body, 12, &[0, 0, 0, 3]), BodyRefused::PieceLength { expected: 2, got: 3 }),
        (
            altered(&long.bodies[0], 12, &[0, 0, 0, 9]),
            BodyRefused::PieceLength { expected: 1_328, got: 9 },
        ),
        (altered(&body, 16, &[0; 4]), BodyRefused::NumberZero),
    ];
    for (body, expected) in cases {
        assert_eq!(layout.parse(&body), Err(expected), "{expected}");
        let refused = way.inbox.receive(START, &body);
        assert_eq!(refused, Err(MessageRefused::Body(expected)));
    }
    assert!(way.inbox.pieces().is_empty() && way.inbox.chain().is_empty());
    assert!(matches!(&way.hear(&long)[1], Event::Message(_)));
}

#[test]
fn pieces_that_contradict_one_another_are_refused_and_change_nothing() {
    let mut way = Way::inviter(Mode::Deniable);
    let long = way.say(&text(&"x".repeat(2_000)));
    way.inbox.receive(START, &long.bodies[0]).unwrap();
    for at in [3, 10, 40, 70, 74, 84] {
        let other = altered(&long.bodies[1], at, &[long.bodies[1][at] ^ 1]);
        let refused = way.inbox.receive(START, &other);
        if at == 10 {
            assert!(matches!(refused, Err(MessageRefused::Body(_))), "{refused:?}");
            continue;
        }
        assert_eq!(refused, Err(MessageRefused::Piece(PieceRefused::Header(long.id))), "{at}");
    }
    let other = altered(&long.bodies[0], 500, b"y");
    let refused = way.inbox.receive(START, &other);
    assert_eq!(refused, Err(MessageRefused::Piece(PieceRefused::Bytes(long.id, 0))));
    let events = way.inbox.receive(START, &long.bodies[1]).unwrap();
    assert!(matches!(&events[..], [Event::Message(message)] if message.hash == long.hash));
}

#[test]
fn incomplete_messages_are_bounded_in_number_and_bytes() {
    let large = Shape::new(Class::Large, 1, 1).unwrap();
    for (shape, len) in [(Shape::SINGLE, 1_400), (large, 200_000)] {
        let mut way = Way::new(Mode::Deniable, shape, Direction::FromInviter);
        let mut given_up = Vec::new();
        let mut said: Vec<Composed> = Vec::new();
        for _ in 0..INCOMPLETE_MAX + 20 {
            said.push(way.say(&text(&"z".repeat(len))));
            let composed = said.last().unwrap();
            let now = START.plus_seconds(said.len() as u64);
            for body in composed.bodies.iter().skip(1) {
                let events = way.inbox.receive(now, body).unwrap();
                given_up.extend(events.iter().filter_map(|event| match event {
                    Event::GivenUp(id) => Some(*id),
                    _ => None,
                }));
            }
            assert!(way.inbox.pieces().len() <= INCOMPLETE_MAX);
            assert!(way.inbox.pieces().bytes() <= INCOMPLETE_BYTES_MAX);
        }
        // The oldest went first, and everything is either there or was told.
        let oldest: Vec<_> = said.iter().map(|composed| composed.id).collect();
        assert!(given_up.len() >= 20);
        assert_eq!(given_up[..], oldest[..given_up.len()]);
        assert_eq!(given_up.len() + way.inbox.pieces().len(), said.len());
    }
}

#[test]
fn what_waits_for_a_hello_is_bounded() {
    let mode = Mode::Attested;
    let mut way = Way::new(mode, Shape::SINGLE, Direction::FromClaimer);
    let first = way.say(&hello(mode));
    for n in 0..INCOMPLETE_MAX {
        let early = way.say(&text(&format!("{n}")));
        assert_eq!(way.hear(&early), [Event::Held(early.id)]);
        assert_eq!(way.hear(&early), [Event::Duplicate(early.id)]);
    }
    let more = way.say(&text("one more"));
    let refused = way.inbox.receive(START, &more.bodies[0]);
    assert_eq!(refused, Err(MessageRefused::TooManyBeforeHello(more.id)));
    assert_eq!(way.hear(&first).len(), INCOMPLETE_MAX + 1);
    assert!(matches!(way.hear(&more)[0], Event::Message(_)));
}

#[test]
fn a_hello_under_another_key_than_its_own_brings_none() {
    let mode = Mode::Attested;
    let mut way = Way::new(mode, Shape::SINGLE, Direction::FromClaimer);
    let mut first = way.say(&hello(mode));
    first.bodies[0][112] ^= 1;
    let refused = way.inbox.receive(START, &first.bodies[0]);
    assert_eq!(refused, Err(MessageRefused::Signature(first.id)));
    assert_eq!(way.inbox.vk(), None);
    // A first message that is none, and a hello that cannot be read.
    first.bodies[0][112] ^= 1;
    first.bodies[0][3] = 1;
    let refused = way.inbox.receive(START, &first.bodies[0]);
    assert_eq!(refused, Err(MessageRefused::Hello(first.id)));
    first.bodies[0][3] = 3;
    first.bodies[0][176] = 0;
    let refused = way.inbox.receive(START, &first.bodies[0]);
    assert!(matches!(refused, Err(MessageRefused::HelloContent(_))), "{refused:?}");
}

#[test]
fn each_fault_of_a_content_has_its_error() {
    let long = |field, max, got| ContentRefused::Long { field, max, got };
    let value = |field, got| ContentRefused::Value { field, got };
    let id = [&[0, 0, 0, 1][..], &[7; 12]].concat();
    let cat = |parts: &[&[u8]]| parts.concat();
    let cases: Vec<(u16, Vec<u8>, ContentRefused)> = vec![
        (kind::TEXT, vec![], ContentRefused::Text("text")),
        (kind::TEXT, vec![0xff], ContentRefused::Text("text")),
        (kind::TEXT, b"a\0b".to_vec(), ContentRefused::Text("text")),
        (kind::PROFILE, vec![0], ContentRefused::Short("name")),
        (kind::PROFILE, cat(&[&[0, 65], &[b'a'; 65], &[0, 0]]), long("name", 64, 65)),
        (kind::PROFILE, cat(&[&[0, 1], b"\n", &[0, 0]]), ContentRefused::Text("name")),
        (kind::PROFILE, cat(&[&[0, 0, 4, 1], &[b'a'; 1_025]]), long("about", 1_024, 1_025)),
        (kind::HELLO, vec![0], value("count", 0)),
        (kind::HELLO, vec![11], value("count", 11)),
        (kind::HELLO, vec![1, 0, 0, 0, 0, 0], ContentRefused::Short("descriptor")),
        (kind::HELLO, cat(&[&[1, 1, 1], &[0; 300]]), long("descriptor", 256, 257)),
        (kind::HELLO, vec![1, 0, 1, 9, 2, 0, 0], value("key", 2)),
        (kind::HELLO, cat(&[&[1, 0, 1, 9, 0, 0, 0], &[1; 557]]), long("standby", 556, 557)),
        (kind::RECEIPT, vec![3, 0, 1], value("seen", 3)),
        (kind::RECEIPT, vec![1, 0, 0], value("count", 0)),
        (kind::RECEIPT, cat(&[&[1, 0, 65], &[1; 65 * 48]]), value("count", 65)),
        (kind::RECEIPT, cat(&[&[1, 0, 2], &id, &[0; 32]]), ContentRefused::Short("id")),
        (kind::RECEIPT, cat(&[&[1, 0, 1], &id, &[0; 31]]), ContentRefused::Short("hash")),
        (kind::RECEIPT, cat(&[&[1, 0, 1], &id, &[0; 33]]), ContentRefused::Surplus(1)),
        (kind::EDIT, id.clone(), ContentRefused::Text("text")),
        (kind::DELETE, id[1..].to_vec(), ContentRefused::Short("id")),
        (kind::DELETE, vec![0; 16], value("number", 0)),
        (kind::DELETE, cat(&[&id, &[0]]), ContentRefused::Surplus(1)),
        (kind::REPLY, cat(&[&[3], &id, b"x"]), value("whose", 3)),
        (kind::REACTION, cat(&[&[1], &id, &[3], b"x"]), value("operation", 3)),
        (kind::REACTION, cat(&[&[1], &id, &[1]]), ContentRefused::Text("reaction")),
        (kind::REACTION, cat(&[&[1], &id, &[1], b"\n"]), ContentRefused::Text("reaction")),
        (kind::REACTION, cat(&[&[1], &id, &[1], &[b'x'; 33]]), long("reaction", 32, 33)),
        (kind::INTRODUCTION, vec![0, 0], ContentRefused::Short("card")),
        (kind::INTRODUCTION, vec![0; 559], long("card", 556, 557)),
        (kind::BROADCAST, vec![0], value("operation", 0)),
        (kind::BROADCAST, vec![5], value("operation", 5)),
        (kind::BROADCAST, vec![2, 0], ContentRefused::Surplus(1)),
        (kind::MOVE, vec![0, 0, 0, 1, 10, 1], value("place", 10)),
        (kind::MOVE, vec![0, 0, 0, 1, 9], ContentRefused::Short("descriptor")),
        (kind::MOVED, vec![0, 0, 0, 1, 9, 0, 0, 0], ContentRefused::Short("s")),
        (kind::GROUP, vec![], ContentRefused::Short("operation")),
        (kind::GROUP, vec![0], value("operation", 0)),
        (kind::DEVICE, vec![0, 1], value("operation", 0)),
        (kind::CUSTOM, vec![0, 0, 1], ContentRefused::Text("name")),
        (kind::STANDBY, vec![], ContentRefused::Short("card")),
        (kind::STANDBY, vec![0; 557], long("card", 556, 557)),
        (kind::AGAIN, cat(&[&id, &[0; 31]]), ContentRefused::Short("hash")),
        (kind::AGAIN, cat(&[&id, &[0; 32], &[0, 17]]), value("type", 17)),
        (kind::AGAIN, cat(&[&id, &[0; 32], &[0, 3]]), value("type", 3)),
        (kind::AGAIN, cat(&[&id, &[0; 32], &[0, 1]]), ContentRefused::Text("text")),
    ];
    for (kind, bytes, expected) in cases {
        let decoded = Content::decode(Mode::Deniable, kind, &bytes);
        assert_eq!(decoded, Err(expected), "{kind}: {expected}");
    }
}

#[test]
fn a_content_that_cannot_be_read_is_kept_in_the_chain() {
    let mut way = Way::inviter(Mode::Attested);
    // A composer refuses it; a broken program signs it all the same.
    let broken = Content::Unknown { kind: kind::TEXT, bytes: vec![0xff] };
    assert!(broken.encode(Mode::Attested).is_err());
    let odd = way.say(&Content::Unknown { kind: 900, bytes: vec![1, 2, 3] });
    let shown = way.shown(&odd);
    assert_eq!(shown.content, Ok(Content::Unknown { kind: 900, bytes: vec![1, 2, 3] }));
    let mut way = Way::inviter(Mode::Deniable);
    let mut first = way.say(&text("a"));
    first.bodies[0][96] = 0xff;
    let shown = way.shown(&first);
    assert_eq!(shown.content, Err(ContentRefused::Text("text")));
    assert_eq!((shown.bytes, shown.header.kind), (vec![0xff], kind::TEXT));
    assert_eq!(way.inbox.chain().up_to().number, 1);
}

#[test]
fn ids_have_random_bytes() {
    let mut way = Way::inviter(Mode::Deniable);
    let first = way.say(&text("a"));
    let mut other = Way::inviter(Mode::Deniable);
    other.rng = ChaCha20Rng::from_seed([77; 32]);
    let second = other.say(&text("a"));
    assert_eq!((first.id.number(), second.id.number()), (1, 1));
    assert_ne!(first.id.as_bytes()[4..], second.id.as_bytes()[4..]);
    assert_ne!(first.hash, second.hash);
}
