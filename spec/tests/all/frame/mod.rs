//! The frame from outside: what is read, what is refused, and that writing is its inverse.

mod answers;
mod property;
mod vectors;

use bytes::Bytes;
use edgewise_proto::v1::{self, item::Body};
use edgewise_spec::constants::{CONTROL_RESERVE, ITEM_OVERHEAD, ITEMS_MAX};
use edgewise_spec::error::{GoodbyeCode, LinkEnd};
use edgewise_spec::frame::{
    Class, Malformed, NoRoom, Received, Writer, read_client_items, read_server_items,
};
use prost::Message;

/// An opened block of class small with these bytes in front and zeros behind.
pub fn text(front: &[u8]) -> Bytes {
    let mut text = vec![0; Class::Small.text_len()];
    text[..front.len()].copy_from_slice(front);
    text.into()
}

/// An item as it stands in a block: its length and its bytes.
pub fn framed(encoded: &[u8]) -> Vec<u8> {
    let len = u16::try_from(encoded.len()).unwrap();
    [&len.to_be_bytes(), encoded].concat()
}

fn item(tag: u32, body: Body) -> v1::Item {
    v1::Item { tag, body: Some(body) }
}

fn suspend(tag: u32) -> v1::Item {
    item(tag, Body::Suspend(v1::Suspend { handle: 3 }))
}

fn from_client(front: &[u8]) -> Result<Vec<Received>, Malformed> {
    let mut items = vec![Received::Unknown { tag: 77 }];
    let outcome = read_client_items(text(front), &mut items);
    assert_eq!(items.remove(0), Received::Unknown { tag: 77 });
    assert!(outcome.is_ok() || items.is_empty(), "items of a refused block");
    outcome.map(|()| items)
}

#[test]
fn an_empty_block_has_no_items() {
    assert_eq!(from_client(&[]), Ok(vec![]));
}

#[test]
fn items_are_read_in_order() {
    let (first, second) = (suspend(1), suspend(2));
    let front = [framed(&first.encode_to_vec()), framed(&second.encode_to_vec())].concat();
    assert_eq!(from_client(&front), Ok(vec![Received::Item(first), Received::Item(second)]));
}

/// FRAME-5
#[test]
fn an_item_longer_than_what_is_left_is_refused() {
    // The item fills the block exactly; with one more in its length only that is wrong.
    let fill = Class::Small.text_len() - 2;
    let mut encoded = suspend(9).encode_to_vec();
    encoded.extend([0xfa, 0x3e]); // field 1007, length-delimited
    prost::encoding::encode_varint((fill - encoded.len() - 2) as u64, &mut encoded);
    encoded.resize(fill, 0);
    let mut block = framed(&encoded);
    assert_eq!(from_client(&block).unwrap().len(), 1);
    block[1] += 1;
    assert_eq!(from_client(&block), Err(Malformed::ItemLength));
    assert_eq!(from_client(&[0xff, 0xff]), Err(Malformed::ItemLength));
}

/// FRAME-6
#[test]
fn every_byte_after_the_end_is_zero() {
    let front = framed(&suspend(1).encode_to_vec());
    for at in front.len() + 2..Class::Small.text_len() {
        let mut block = text(&front).to_vec();
        block[at] = 0x80;
        assert_eq!(from_client(&block), Err(Malformed::NotZero), "byte {at}");
    }
}

/// FRAME-6: one byte is left after the last item, and is no zero.
#[test]
fn a_single_byte_that_is_left_is_zero() {
    let fill = Class::Small.text_len() - 3;
    let mut encoded = suspend(9).encode_to_vec();
    encoded.extend([0xfa, 0x3e]);
    prost::encoding::encode_varint((fill - encoded.len() - 2) as u64, &mut encoded);
    encoded.resize(fill, 0);
    let mut block = framed(&encoded);
    assert_eq!(from_client(&block).unwrap().len(), 1);
    block.push(1);
    assert_eq!(from_client(&block), Err(Malformed::NotZero));
}

/// FRAME-7
#[test]
fn an_item_that_is_no_protobuf_is_refused() {
    for (encoded, why) in [
        (&[0x08][..], "a tag without its value"),
        (&[0x08, 0xff], "a tag whose value has no end"),
        (&[0x00, 0x01], "field number 0"),
        (&[0x0f], "wire type 7"),
        (&[0x12, 0x05, 0x08], "a body longer than the item"),
        (&[0x12, 0x01, 0x08], "a Send that breaks off"),
        (&[0x0c], "an end of a group that never began"),
        (&[0xfb, 0x3e], "a group without an end"),
        (&[0x08, 1, 0x1a, 0x02, 0x12, 0x09], "a Deliver that breaks off"),
    ] {
        let encoded = framed(encoded);
        assert_eq!(from_client(&encoded), Err(Malformed::Encoding), "{why}");
    }
}

/// FRAME-8
#[test]
fn more_items_than_the_most_are_refused() {
    let ack = item(0, Body::Acknowledge(v1::Acknowledge { handle: 0, through: 1 }));
    let one = framed(&ack.encode_to_vec());
    assert_eq!(from_client(&one.repeat(ITEMS_MAX)).unwrap().len(), ITEMS_MAX);
    assert_eq!(from_client(&one.repeat(ITEMS_MAX + 1)), Err(Malformed::TooManyItems));
}

/// FRAME-8 counts items that are skipped too.
#[test]
fn skipped_items_count() {
    let unknown = framed(&[0xb8, 0x3e, 0x01]); // field 999
    assert_eq!(from_client(&unknown.repeat(ITEMS_MAX)), Ok(vec![]));
    assert_eq!(from_client(&unknown.repeat(ITEMS_MAX + 1)), Err(Malformed::TooManyItems));
}

/// FRAME-9
#[test]
fn an_item_with_nothing_beside_its_tag_is_refused() {
    assert_eq!(from_client(&framed(&[0x08, 0x05])), Err(Malformed::EmptyItem));
    assert_eq!(from_client(&framed(&[0x08, 0x00])), Err(Malformed::EmptyItem));
    assert_eq!(from_client(&framed(&[0x08, 0x05, 0x08, 0x06])), Err(Malformed::EmptyItem));
}

fn requests() -> Vec<Body> {
    vec![
        Body::Send(v1::Send::default()),
        Body::Create(v1::Create::default()),
        Body::Claim(v1::Claim::default()),
        Body::Attach(v1::Attach::default()),
        Body::Subscribe(v1::Subscribe::default()),
        Body::Suspend(v1::Suspend::default()),
        Body::Resume(v1::Resume::default()),
        Body::Rotate(v1::Rotate::default()),
        Body::Delete(v1::Delete::default()),
        Body::Detach(v1::Detach::default()),
    ]
}

/// FRAME-10
#[test]
fn a_request_has_a_tag() {
    for body in requests() {
        let tagged = item(1, body.clone());
        let block = framed(&tagged.encode_to_vec());
        assert_eq!(from_client(&block), Ok(vec![Received::Item(tagged)]));
        let block = framed(&item(0, body.clone()).encode_to_vec());
        assert_eq!(from_client(&block), Err(Malformed::Untagged), "{body:?}");
    }
}

/// FRAME-11
#[test]
fn a_malformed_block_ends_the_link() {
    assert_eq!(
        LinkEnd::from(Malformed::Encoding),
        LinkEnd::Ours(GoodbyeCode::FrameMalformed),
        "for every reason"
    );
}

/// FRAME-12
#[test]
fn nothing_of_a_refused_block_is_handed_on() {
    let good = framed(&suspend(1).encode_to_vec());
    let bad = framed(&[0x08, 0x05]);
    assert_eq!(from_client(&[good, bad].concat()), Err(Malformed::EmptyItem));
}

/// FRAME-14, FRAME-15
#[test]
fn an_unknown_item_is_answered_under_its_tag_or_skipped() {
    let from_servers = [
        Body::Deliver(v1::Deliver::default()),
        Body::Result(v1::Result::default()),
        Body::Notice(v1::Notice::default()),
        Body::Ended(v1::Ended::default()),
        Body::Space(v1::Space::default()),
    ];
    for body in from_servers {
        let block = framed(&item(6, body.clone()).encode_to_vec());
        assert_eq!(from_client(&block), Ok(vec![Received::Unknown { tag: 6 }]));
        let block = framed(&item(0, body).encode_to_vec());
        assert_eq!(from_client(&block), Ok(vec![]));
    }
    let number_999 = [0x08, 0x06, 0xba, 0x3e, 0x02, 0xff, 0xff];
    assert_eq!(from_client(&framed(&number_999)), Ok(vec![Received::Unknown { tag: 6 }]));
    assert_eq!(from_client(&framed(&number_999[2..])), Ok(vec![]));
}

/// Of several bodies the last one counts, as protobuf has it for a oneof.
#[test]
fn the_last_of_several_bodies_counts() {
    let sent = item(4, Body::Detach(v1::Detach { handle: 2 })).encode_to_vec();
    let delivered = item(0, Body::Space(v1::Space { handle: 2 })).encode_to_vec();
    let unknown = from_client(&framed(&[sent.clone(), delivered.clone()].concat()));
    assert_eq!(unknown, Ok(vec![Received::Unknown { tag: 4 }]));
    let known = from_client(&framed(&[delivered, sent].concat()));
    assert_eq!(known.unwrap().len(), 1);
}

/// FRAME-16
#[test]
fn unknown_fields_are_ignored() {
    let plain = suspend(1);
    // Field 99 of Item, behind it a Suspend with a field 99 of its own.
    let outer = [&plain.encode_to_vec()[..], &[0x98, 0x06, 0x01]].concat();
    let inner = [0x08, 0x01, 0xa2, 0x01, 0x05, 0x08, 0x03, 0x98, 0x06, 0x01];
    for encoded in [&outer[..], &inner] {
        assert_eq!(from_client(&framed(encoded)), Ok(vec![Received::Item(plain.clone())]));
    }
}

/// FRAME-18 and LINK-35: neither needs a tag, both may have one.
#[test]
fn acknowledge_and_goodbye_are_no_requests() {
    for tag in [0, 5] {
        for body in [
            Body::Acknowledge(v1::Acknowledge { handle: 1, through: 2 }),
            Body::Goodbye(v1::Goodbye { code: 1 }),
        ] {
            let known = item(tag, body);
            let block = framed(&known.encode_to_vec());
            assert_eq!(from_client(&block), Ok(vec![Received::Item(known)]));
        }
    }
}

/// FRAME-21, FRAME-22
#[test]
fn a_client_skips_what_it_does_not_know_and_refuses_a_result_without_outcome() {
    let read = |item: &v1::Item| {
        let mut items = Vec::new();
        read_server_items(text(&framed(&item.encode_to_vec())), &mut items).map(|()| items)
    };
    for body in requests() {
        assert_eq!(read(&item(3, body)), Ok(vec![]));
    }
    let empty = item(3, Body::Result(v1::Result { outcome: None }));
    assert_eq!(read(&empty), Err(Malformed::NoOutcome));
    let done = Some(v1::result::Outcome::Done(v1::Done {}));
    let known = item(3, Body::Result(v1::Result { outcome: done }));
    assert_eq!(read(&known), Ok(vec![Received::Item(known)]));
}

#[test]
fn parts_are_slices_of_the_block() {
    let part = Bytes::from(vec![7; Class::Small.part_len()]);
    let send = item(1, Body::Send(v1::Send { handle: 0, submission: 0, part }));
    let block = text(&framed(&send.encode_to_vec()));
    let mut items = Vec::new();
    read_client_items(block.clone(), &mut items).unwrap();
    let [Received::Item(v1::Item { body: Some(Body::Send(read)), .. })] = &items[..] else {
        panic!("{items:?}");
    };
    let inside = block.as_ptr_range();
    assert!(inside.contains(&read.part.as_ptr()));
}

/// ITEM_OVERHEAD and CONTROL_RESERVE hold for the longest numbers there are.
#[test]
fn a_part_and_one_more_item_always_fit() {
    for class in Class::ALL {
        let part = Bytes::from(vec![7; class.part_len()]);
        let deliver = v1::Deliver { handle: u32::MAX, sequence: u64::MAX, part: part.clone() };
        let send = v1::Send { handle: u32::MAX, submission: u64::MAX, part };
        let refusal = v1::result::Outcome::Reject(v1::Reject { code: i32::MAX, next: u64::MAX });
        let attached = v1::Attached { incarnation: u64::MAX, state: 3, next: u64::MAX };
        for outcome in [refusal, v1::result::Outcome::Attached(attached)] {
            let outcome = Some(outcome);
            let riders = [
                item(u32::MAX, Body::Result(v1::Result { outcome })),
                item(0, Body::Acknowledge(v1::Acknowledge { handle: u32::MAX, through: u64::MAX })),
            ];
            for first in
                [item(0, Body::Deliver(deliver.clone())), item(u32::MAX, Body::Send(send.clone()))]
            {
                assert!(first.encoded_len() + 2 <= class.part_len() + ITEM_OVERHEAD);
                for rider in &riders {
                    assert!(rider.encoded_len() + 2 <= CONTROL_RESERVE);
                    let mut block = vec![0xff; class.text_len()];
                    let mut writer = Writer::new(&mut block);
                    assert_eq!((writer.push(&first), writer.push(rider)), (Ok(()), Ok(())));
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_leaves_the_writer_as_it_was() {
    let mut block = vec![0xff; 20];
    let mut writer = Writer::new(&mut block);
    assert!(writer.is_empty());
    assert_eq!(writer.remaining(), 18);
    assert_eq!(writer.push(&suspend(1)), Ok(()));
    let part = Bytes::from_static(&[9; 30]);
    let long = item(2, Body::Send(v1::Send { handle: 1, submission: 1, part }));
    assert!(!writer.fits(&long));
    assert_eq!(writer.push(&long), Err(NoRoom));
    let used = writer.finish();
    assert_eq!(block[used..], [0; 11]);
    assert_eq!(block[..used], framed(&suspend(1).encode_to_vec()));
}

#[test]
fn a_writer_stops_at_the_most_items() {
    let mut block = vec![0; Class::Large.text_len()];
    let mut writer = Writer::new(&mut block);
    for _ in 0..ITEMS_MAX {
        assert_eq!(writer.push(&suspend(1)), Ok(()));
    }
    assert_eq!((writer.push(&suspend(1)), writer.remaining()), (Err(NoRoom), 0));
}
