//! Properties of the frame: over any items, and over any bytes.

use bytes::Bytes;
use edgewise_proto::v1::{self, item::Body};
use edgewise_spec::constants::ITEMS_MAX;
use edgewise_spec::frame::{
    Class, Malformed, Received, Writer, is_request, read_client_items, read_server_items,
};
use proptest::prelude::*;

use super::{framed, text};

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..most).prop_map(Bytes::from)
}

/// Bodies of every kind, with any field values.
fn body() -> impl Strategy<Value = Body> {
    let key =
        || {
            (bytes(40), any::<u32>(), any::<u32>()).prop_map(|(vk, version, not_after)| {
                v1::KeyRecord { vk, version, not_before: 3, not_after, grace: 4 }
            })
        };
    let (handle, long) = (any::<u32>(), any::<u64>());
    prop_oneof![
        (handle, long, bytes(300)).prop_map(|(handle, submission, part)| {
            Body::Send(v1::Send { handle, submission, part })
        }),
        (handle, long, bytes(300)).prop_map(|(handle, sequence, part)| {
            Body::Deliver(v1::Deliver { handle, sequence, part })
        }),
        (handle, long)
            .prop_map(|(handle, through)| Body::Acknowledge(v1::Acknowledge { handle, through })),
        (any::<i32>(), long).prop_map(|(code, next)| {
            let outcome = Some(v1::result::Outcome::Reject(v1::Reject { code, next }));
            Body::Result(v1::Result { outcome })
        }),
        Just(Body::Result(v1::Result { outcome: Some(v1::result::Outcome::Done(v1::Done {})) })),
        any::<i32>().prop_map(|code| Body::Goodbye(v1::Goodbye { code })),
        (bytes(200), bytes(70), bytes(70)).prop_map(|(body, signature, access)| {
            Body::Create(v1::Create {
                body,
                recipient_signature: signature.clone(),
                claim_signature: signature,
                access,
                chain: vec![],
            })
        }),
        (bytes(40), proptest::option::of(key())).prop_map(|(claim_vk, sender_key)| {
            Body::Claim(v1::Claim { claim_vk, sender_key, ..v1::Claim::default() })
        }),
        (handle, bytes(40), long).prop_map(|(handle, vk, from)| {
            Body::Attach(v1::Attach { handle, role: 1, vk, from, ..v1::Attach::default() })
        }),
        (handle, any::<u32>(), any::<u32>()).prop_map(|(handle, window_parts, window_bytes)| {
            Body::Subscribe(v1::Subscribe { handle, window_parts, window_bytes })
        }),
        (handle, key()).prop_map(|(handle, key)| {
            let change = v1::KeyChange { new_key: Some(key), ..v1::KeyChange::default() };
            Body::Rotate(v1::Rotate { handle, change: Some(change) })
        }),
        handle.prop_map(|handle| Body::Suspend(v1::Suspend { handle })),
        handle.prop_map(|handle| Body::Resume(v1::Resume { handle })),
        handle.prop_map(|handle| Body::Delete(v1::Delete { handle })),
        handle.prop_map(|handle| Body::Detach(v1::Detach { handle })),
        handle.prop_map(|handle| {
            Body::Notice(v1::Notice { handle, conflict: true, ..v1::Notice::default() })
        }),
        handle.prop_map(|handle| Body::Ended(v1::Ended { handle, reason: 2 })),
        handle.prop_map(|handle| Body::Space(v1::Space { handle })),
    ]
}

fn item() -> impl Strategy<Value = v1::Item> {
    (1_u32.., body()).prop_map(|(tag, body)| v1::Item { tag, body: Some(body) })
}

/// A field of a protobuf message, whole: key and value.
fn field(numbers: std::ops::Range<u32>) -> impl Strategy<Value = (u32, Vec<u8>)> {
    let value = prop_oneof![
        any::<u64>().prop_map(|value| {
            let mut out = Vec::new();
            prost::encoding::encode_varint(value, &mut out);
            (0, out)
        }),
        any::<[u8; 8]>().prop_map(|value| (1, value.to_vec())),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|value| {
            let mut out = vec![value.len() as u8];
            out.extend(value);
            (2, out)
        }),
        any::<[u8; 4]>().prop_map(|value| (5, value.to_vec())),
    ];
    (numbers, value).prop_map(|(number, (wire_type, value))| {
        let mut out = Vec::new();
        prost::encoding::encode_varint(u64::from(number << 3 | wire_type), &mut out);
        out.extend(value);
        (number, out)
    })
}

proptest! {
    /// What was written is what is read, by the end that it is for; the other end knows none of it.
    #[test]
    fn reading_is_the_inverse_of_writing(items in prop::collection::vec(item(), 0..40)) {
        let class = Class::Large;
        let mut block = vec![0xaa; class.text_len()];
        let mut writer = Writer::new(&mut block);
        let mut written = Vec::new();
        for item in items {
            let (fits, before) = (writer.fits(&item), writer.remaining());
            prop_assert_eq!(writer.push(&item).is_ok(), fits);
            if fits {
                written.push(item);
            } else {
                prop_assert_eq!(writer.remaining(), before);
            }
        }
        writer.finish();
        let block = Bytes::from(block);
        let (mut at_server, mut at_client) = (Vec::new(), Vec::new());
        read_client_items(block.clone(), &mut at_server).unwrap();
        read_server_items(block, &mut at_client).unwrap();
        let both = |body: &Body| matches!(body, Body::Goodbye(_));
        let up = |body: &Body| is_request(body) || matches!(body, Body::Acknowledge(_));
        let for_server: Vec<_> = written.iter().map(|item| match item.body.as_ref().unwrap() {
            body if up(body) || both(body) => Received::Item(item.clone()),
            _ => Received::Unknown { tag: item.tag },
        }).collect();
        prop_assert_eq!(at_server, for_server);
        let for_client: Vec<_> = written.iter()
            .filter(|item| !up(item.body.as_ref().unwrap()))
            .map(|item| Received::Item(item.clone()))
            .collect();
        prop_assert_eq!(at_client, for_client);
    }

    /// Any bytes are read or refused; whatever is handed on keeps what the reader promises.
    #[test]
    fn any_bytes_are_judged(front in prop::collection::vec(any::<u8>(), 0..1_008)) {
        let kept = Received::Unknown { tag: 1 };
        let mut items = vec![kept.clone()];
        let outcome = read_client_items(text(&front), &mut items);
        prop_assert_eq!(&items[0], &kept);
        if outcome.is_err() {
            prop_assert_eq!(items.len(), 1);
        }
        for received in &items {
            match received {
                Received::Unknown { tag } => prop_assert_ne!(*tag, 0),
                Received::Item(item) => {
                    let body = item.body.as_ref().unwrap();
                    prop_assert!(item.tag != 0 || !is_request(body));
                }
            }
        }
        prop_assert!(items.len() <= ITEMS_MAX + 1);
    }

    /// Items that a later revision adds: fields of numbers that nobody has yet, in any order.
    #[test]
    fn items_of_a_later_revision_are_unknown(
        tag in any::<u32>(),
        before in prop::collection::vec(field(64..5_000), 0..4),
        after in prop::collection::vec(field(64..5_000), 0..4),
    ) {
        let mut encoded: Vec<u8> = before.iter().flat_map(|(_, field)| field.clone()).collect();
        encoded.push(0x08);
        prost::encoding::encode_varint(u64::from(tag), &mut encoded);
        encoded.extend(after.iter().flat_map(|(_, field)| field.clone()));
        let mut items = Vec::new();
        let outcome = read_client_items(text(&framed(&encoded)), &mut items);
        if before.is_empty() && after.is_empty() {
            prop_assert_eq!(outcome, Err(Malformed::EmptyItem));
        } else {
            prop_assert_eq!(outcome, Ok(()));
            let expected: &[Received] =
                if tag == 0 { &[] } else { &[Received::Unknown { tag }] };
            prop_assert_eq!(&items[..], expected);
        }
    }

    /// A bit that flips in a block never makes the reader hand on half of it.
    #[test]
    fn a_flipped_bit_changes_a_block_or_refuses_it(
        items in prop::collection::vec(item(), 1..4),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let mut block = vec![0; Class::Medium.text_len()];
        let mut writer = Writer::new(&mut block);
        for item in &items {
            writer.push(item).unwrap();
        }
        let used = writer.finish();
        let mut before = Vec::new();
        read_client_items(block.clone().into(), &mut before).unwrap();
        let place = at.index(block.len());
        block[place] ^= 1 << bit;
        let mut after = Vec::new();
        match read_client_items(block.into(), &mut after) {
            Ok(()) => prop_assert!(place < used),
            Err(why) => {
                prop_assert!(after.is_empty());
                prop_assert!(place < used + 2 || why == Malformed::NotZero);
            }
        }
    }
}
