//! Properties of encodings, pieces and chain.

use edgewise_spec::message::{
    Broadcast, Content, Event, Layout, Link, MessageId, Profile, Proof, Receipt, Reference, Seen,
    Whose,
};
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

use super::{START, Way, shapes, text};

fn id() -> impl Strategy<Value = MessageId> {
    (1..=u32::MAX, any::<[u8; 12]>()).prop_map(|(number, random)| {
        let bytes = [&number.to_be_bytes()[..], &random].concat();
        MessageId::from_bytes(bytes.try_into().unwrap())
    })
}

fn reference() -> impl Strategy<Value = Reference> {
    (any::<bool>(), id()).prop_map(|(mine, id)| Reference {
        whose: if mine { Whose::Mine } else { Whose::Yours },
        id,
    })
}

/// What can be said again.
fn repeatable() -> impl Strategy<Value = Box<Content>> {
    let words = "[^\\x00]{1,80}";
    prop_oneof![
        words.prop_map(Content::Text),
        (reference(), words).prop_map(|(to, text)| Content::Reply { to, text }),
        ("[a-z ]{0,16}", vec(any::<u8>(), 1..=556))
            .prop_map(|(name, card)| Content::Introduction { name, card }),
        ("[a-z.]{1,64}", vec(any::<u8>(), 0..200))
            .prop_map(|(name, bytes)| Content::Custom { name, bytes }),
    ]
    .prop_map(Box::new)
}

/// Content of every type but hello, which has its own tests.
fn content() -> impl Strategy<Value = Content> {
    let words = "[^\\x00]{1,80}";
    let name = "[a-zà-ÿ ]{0,16}";
    let bytes = || vec(any::<u8>(), 0..200);
    prop_oneof![
        words.prop_map(Content::Text),
        (name, "[^\\x00]{0,40}", bytes()).prop_map(|(name, about, picture)| {
            Content::Profile(Profile { name, about, picture })
        }),
        (any::<bool>(), vec((id(), any::<[u8; 32]>()), 1..=64)).prop_map(|(read, messages)| {
            let seen = if read { Seen::Read } else { Seen::Delivered };
            Content::Receipt(Receipt { seen, messages })
        }),
        (id(), words).prop_map(|(id, text)| Content::Edit { id, text }),
        id().prop_map(|id| Content::Delete { id }),
        (reference(), words).prop_map(|(to, text)| Content::Reply { to, text }),
        (reference(), any::<bool>(), "[a-z]{1,32}")
            .prop_map(|(to, given, with)| Content::Reaction { to, given, with }),
        (name, vec(any::<u8>(), 1..=556))
            .prop_map(|(name, card)| Content::Introduction { name, card }),
        name.prop_map(|name| Content::Broadcast(Broadcast::Open { name })),
        prop::sample::select(vec![Broadcast::Close, Broadcast::Pause, Broadcast::Resume])
            .prop_map(Content::Broadcast),
        (any::<u32>(), 0..10_u8, vec(any::<u8>(), 1..256))
            .prop_map(|(number, place, descriptor)| Content::Move { number, place, descriptor }),
        (any::<u32>(), 0..10_u8, any::<u32>()).prop_map(|(number, place, s)| Content::Moved {
            number,
            place,
            s
        }),
        (1..=u8::MAX, bytes()).prop_map(|(operation, bytes)| Content::Group { operation, bytes }),
        (1..=u8::MAX, bytes()).prop_map(|(operation, bytes)| Content::Device { operation, bytes }),
        ("[a-z.]{1,64}", bytes()).prop_map(|(name, bytes)| Content::Custom { name, bytes }),
        vec(any::<u8>(), 1..=556).prop_map(Content::Standby),
        (id(), any::<[u8; 32]>(), repeatable()).prop_map(|(id, hash, content)| Content::Again {
            id,
            hash,
            content
        }),
        (18..=u16::MAX, bytes()).prop_map(|(kind, bytes)| Content::Unknown { kind, bytes }),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![Mode::Deniable, Mode::Attested])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn reading_is_the_inverse_of_writing(content in content(), mode in mode()) {
        let bytes = content.encode(mode).unwrap();
        prop_assert_eq!(Content::decode(mode, content.kind(), &bytes), Ok(content));
    }

    /// What can be read has one encoding: the bytes that were read.
    #[test]
    fn every_content_has_one_encoding(
        kind in 0..20_u16,
        bytes in vec(any::<u8>(), 0..120),
        mode in mode(),
    ) {
        if let Ok(content) = Content::decode(mode, kind, &bytes) {
            prop_assert_eq!(content.kind(), kind);
            prop_assert_eq!(content.encode(mode), Ok(bytes));
        }
    }

    /// In whatever shape, mode and order, with some pieces repeated: the message, once.
    #[test]
    fn pieces_come_together_in_any_order(
        shape in prop::sample::select(shapes()),
        mode in mode(),
        len in 1..60_000_usize,
        order in vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let direction = edgewise_spec::message::Direction::FromInviter;
        let mut way = Way::new(mode, shape, direction);
        let said = way.say(&text(&"m".repeat(len)));
        let count = said.bodies.len();
        let mut arrived = BTreeSet::new();
        let mut shown = 0;
        let places = order.iter().map(|index| index.index(count)).chain(0..count);
        for place in places {
            arrived.insert(place);
            let complete = arrived.len() == count;
            for event in way.inbox.receive(START, &said.bodies[place]).unwrap() {
                if let Event::Message(message) = event {
                    prop_assert!(complete);
                    prop_assert_eq!(message.bytes.len(), len);
                    shown += 1;
                }
            }
        }
        prop_assert_eq!(shown, 1);
    }

    /// Any arrival order of an honest direction has no fork, and in the end no gap.
    #[test]
    fn an_honest_direction_never_forks(order in Just((0..40_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let mut way = Way::inviter(Mode::Deniable);
        let said: Vec<_> = (0..40).map(|n| way.say(&text(&format!("{n}")))).collect();
        let mut missing: BTreeSet<u32> = BTreeSet::new();
        let mut highest = 0;
        for place in order {
            let number = place as u32 + 1;
            let link = way.shown(&said[place]).link;
            let expected = match number {
                _ if number < highest => Link::Filled,
                _ if number == highest + 1 => Link::Next,
                _ => Link::Gap { first: highest + 1, last: number - 1 },
            };
            prop_assert_eq!(link, expected);
            missing.extend(highest + 1..number);
            missing.remove(&number);
            highest = highest.max(number);
            prop_assert_eq!(way.inbox.chain().missing().collect::<BTreeSet<_>>(), missing.clone());
        }
        prop_assert!(missing.is_empty());
    }

    /// A body that is altered anywhere is refused, or is another message: never the same one.
    #[test]
    fn an_altered_body_is_not_the_same_message(at in 0..1_424_usize, bit in 0..8_u32, mode in mode()) {
        let mut way = Way::inviter(mode);
        let said = way.say(&text(&"w".repeat(900)));
        let mut body = said.bodies[0].clone();
        body[at] ^= 1 << bit;
        match way.inbox.receive(START, &body) {
            Err(_) => prop_assert!(way.inbox.chain().is_empty()),
            Ok(events) => {
                prop_assert_eq!(mode, Mode::Deniable);
                let [Event::Message(message)] = &events[..] else { panic!("{events:?}") };
                prop_assert_ne!(message.hash, said.hash);
            }
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(mut bytes in vec(any::<u8>(), 0..1_500), version in 0..3_u8) {
        let layout = Layout::new(Mode::Deniable, Shape::SINGLE);
        let _ = Proof::verify(&bytes);
        let _ = edgewise_spec::message::Chain::from_bytes(&bytes);
        bytes.resize(1_424, 0);
        bytes[0] = 0;
        bytes[1] = version;
        if let Ok(Some(piece)) = layout.parse(&bytes) {
            prop_assert!(piece.bytes.len() <= layout.capacity());
        }
    }
}
