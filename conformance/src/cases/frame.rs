//! Cases of the chapter frame: what stands in an opened block.

use std::time::Duration;

use edgewise_proto::v1::{self, GoodbyeCode, Item, RejectCode, item::Body};
use edgewise_spec::constants::ITEMS_MAX;
use prost::Message;

use crate::case::{Case, case};
use crate::peer::blocks::write_item;
use crate::peer::{Class, Link, Role, wire};
use crate::trial::{Stop, Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("frame/blocks-have-one-length", [FRAME_1], blocks_have_one_length),
    case!("frame/short-block", [FRAME_2], short_block),
    case!("frame/long-block", [FRAME_2], long_block),
    case!("frame/empty-block", [FRAME_2], empty_block),
    case!("frame/block-of-another-class", [FRAME_2], block_of_another_class),
    case!("frame/item-past-the-end", [FRAME_5, FRAME_11], item_past_the_end),
    case!("frame/byte-behind-the-end", [FRAME_6, FRAME_11], byte_behind_the_end),
    case!("frame/last-byte-not-zero", [FRAME_6, FRAME_11], last_byte_not_zero),
    case!("frame/item-truncated", [FRAME_7, FRAME_11], item_truncated),
    case!("frame/item-truncated-inside", [FRAME_7, FRAME_11], item_truncated_inside),
    case!("frame/item-of-field-zero", [FRAME_7, FRAME_11], item_of_field_zero),
    case!("frame/item-of-deep-groups", [FRAME_7, FRAME_14], item_of_deep_groups),
    case!("frame/too-many-items", [FRAME_8, FRAME_11], too_many_items),
    case!("frame/most-items", [FRAME_8], most_items),
    case!("frame/item-with-nothing-but-a-tag", [FRAME_9, FRAME_11], item_without_body),
    case!("frame/request-without-tag", [FRAME_10, FRAME_11], request_without_tag),
    case!("frame/refused-block-has-no-effect", [FRAME_12], refused_block_has_no_effect),
    case!("frame/blocks-open-to-items", [FRAME_13], blocks_open_to_items),
    case!("frame/unknown-item-with-tag", [FRAME_14], unknown_item_with_tag),
    case!("frame/item-of-a-server-with-tag", [FRAME_14], item_of_a_server_with_tag),
    case!("frame/unknown-item-without-tag", [FRAME_15], unknown_item_without_tag),
    case!("frame/unknown-fields", [FRAME_16], unknown_fields),
    case!("frame/thousands-of-unknown-fields", [FRAME_16], thousands_of_unknown_fields),
    case!("frame/one-answer-to-each", [FRAME_17], one_answer_to_each),
    case!("frame/acknowledge-has-no-answer", [FRAME_18], acknowledge_has_no_answer),
    case!("frame/order-of-one-handle", [FRAME_19], order_of_one_handle),
];

/// A field number that no revision uses.
const UNKNOWN: u32 = 1_999;

/// A request that is always refused and changes nothing: the handle is not attached.
fn harmless() -> Body {
    Body::Suspend(v1::Suspend { handle: 0 })
}

async fn is_alive(link: &mut Link) -> Verdict {
    link.ask(harmless()).await?.reject(RejectCode::NotAttached)
}

/// One well-sealed block with this text ends a fresh link with FRAME_MALFORMED.
async fn is_refused(t: &mut Trial, text: Vec<u8>) -> Verdict {
    let mut link = t.link(Class::Small).await?;
    is_alive(&mut link).await?;
    let mut text = text;
    text.resize(Class::Small.text(), 0);
    link.send_text(text).await?;
    link.goodbye(GoodbyeCode::FrameMalformed).await
}

async fn blocks_have_one_length(t: &mut Trial) -> Verdict {
    let served = t.described().await?.classes;
    for class in Class::ALL {
        if !served.contains(&class.code()) {
            continue;
        }
        let mut link = t.link(class).await?;
        is_alive(&mut link).await?;
        let tags = link.post_all(vec![harmless(); 8]).await?;
        for tag in tags {
            link.answer(tag).await?.reject(RejectCode::NotAttached)?;
        }
        link.finish().await?;
    }
    let mut pair = t.pair(Class::Medium).await?;
    let part = t.part(Class::Medium);
    pair.send(part.clone()).await?;
    pair.subscribe(1).await?;
    ensure_eq!(pair.recipient.deliver().await?.part, part, "part");
    Ok(())
}

async fn ends_on_length(t: &mut Trial, length: usize) -> Verdict {
    let mut link = t.link(Class::Small).await?;
    is_alive(&mut link).await?;
    t.note(format!("a block of {length} bytes instead of {}", Class::Small.block()));
    let block = match length.checked_sub(16) {
        Some(text) => link.seal(vec![0; text]),
        None => vec![0; length],
    };
    link.send_block(&block).await?;
    link.goodbye(GoodbyeCode::BlockLength).await
}

async fn short_block(t: &mut Trial) -> Verdict {
    for length in [Class::Small.block() - 1, 512, 16, 15, 1] {
        ends_on_length(t, length).await?;
    }
    Ok(())
}

async fn long_block(t: &mut Trial) -> Verdict {
    for length in [Class::Small.block() + 1, Class::Small.block() + 16, 2_048] {
        ends_on_length(t, length).await?;
    }
    Ok(())
}

async fn empty_block(t: &mut Trial) -> Verdict {
    ends_on_length(t, 0).await
}

async fn block_of_another_class(t: &mut Trial) -> Verdict {
    ends_on_length(t, Class::Medium.block()).await?;
    ends_on_length(t, Class::Large.block()).await
}

async fn item_past_the_end(t: &mut Trial) -> Verdict {
    // All bytes that are left are one sound request; only the length says that there is more.
    let left = Class::Small.text() - 2;
    let request = Item { tag: 7, body: Some(harmless()) }.encode_to_vec();
    let filler = wire::bytes(UNKNOWN, &vec![0; left - request.len() - 4]);
    let item = [request, filler].concat();
    ensure_eq!(item.len(), left, "length of the item");
    let left = u16::try_from(left).map_err(|error| Stop::harness(error.to_string()))?;
    for length in [left + 1, u16::MAX] {
        is_refused(t, [&length.to_be_bytes()[..], &item].concat()).await?;
    }
    Ok(())
}

async fn byte_behind_the_end(t: &mut Trial) -> Verdict {
    for place in [2, Class::Small.text() / 2, Class::Small.text() - 1] {
        let mut text = vec![0; Class::Small.text()];
        if let Some(byte) = text.get_mut(place) {
            *byte = 1;
        }
        is_refused(t, text).await?;
    }
    Ok(())
}

async fn last_byte_not_zero(t: &mut Trial) -> Verdict {
    // One byte is left behind this item, too few for an end.
    let room = Class::Small.text() - 1 - 2;
    let item = wire::bytes(UNKNOWN, &vec![0; room - 4]);
    let mut text = Vec::new();
    write_item(&mut text, &item);
    text.push(1);
    is_refused(t, text).await
}

async fn item_truncated(t: &mut Trial) -> Verdict {
    for item in [&[0x80][..], &[0x12, 5, 8, 1], &[8, 0x80]] {
        let mut text = Vec::new();
        write_item(&mut text, item);
        is_refused(t, text).await?;
    }
    Ok(())
}

async fn item_truncated_inside(t: &mut Trial) -> Verdict {
    for inside in [&[0x08][..], &[0x1a, 9, 0], &[0x10, 0x80, 0x80]] {
        let mut text = Vec::new();
        write_item(&mut text, &[wire::number(1, 1), wire::bytes(2, inside)].concat());
        is_refused(t, text).await?;
    }
    Ok(())
}

async fn item_of_field_zero(t: &mut Trial) -> Verdict {
    let mut text = Vec::new();
    write_item(&mut text, &[wire::number(1, 1), wire::number(0, 1)].concat());
    is_refused(t, text).await
}

/// Decoders may refuse what is nested too deeply (FRAME-7) or take it as unknown (FRAME-14).
async fn item_of_deep_groups(t: &mut Trial) -> Verdict {
    let mut inside = Vec::new();
    for _ in 0..200 {
        inside = wire::group(1, &inside);
    }
    let mut link = t.link(Class::Small).await?;
    let tag = link.tag();
    link.expect(tag);
    let item = [wire::number(1, u64::from(tag)), wire::group(UNKNOWN, &inside)].concat();
    let mut text = Vec::new();
    write_item(&mut text, &item);
    text.resize(Class::Small.text(), 0);
    link.send_text(text).await?;
    match link.answer(tag).await {
        Ok(answer) => answer.reject(RejectCode::UnsupportedItem)?,
        Err(_) => link.goodbye(GoodbyeCode::FrameMalformed).await?,
    }
    let mut other = t.link(Class::Small).await?;
    is_alive(&mut other).await
}

fn acknowledges(count: usize) -> Vec<Item> {
    let acknowledge = Body::Acknowledge(v1::Acknowledge::default());
    vec![Item { tag: 0, body: Some(acknowledge) }; count]
}

async fn too_many_items(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Small).await?;
    is_alive(&mut link).await?;
    link.send_items(&acknowledges(ITEMS_MAX + 1)).await?;
    link.goodbye(GoodbyeCode::FrameMalformed).await
}

async fn most_items(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Small).await?;
    link.send_items(&acknowledges(ITEMS_MAX)).await?;
    is_alive(&mut link).await
}

async fn item_without_body(t: &mut Trial) -> Verdict {
    let mut text = Vec::new();
    write_item(&mut text, &wire::number(1, 7));
    is_refused(t, text).await
}

async fn request_without_tag(t: &mut Trial) -> Verdict {
    let requests = [
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
    ];
    for body in requests {
        let mut text = Vec::new();
        write_item(&mut text, &Item { tag: 0, body: Some(body) }.encode_to_vec());
        is_refused(t, text).await?;
    }
    Ok(())
}

async fn refused_block_has_no_effect(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let tag = pair.recipient.tag();
    let suspend = Body::Suspend(v1::Suspend { handle: pair.recipient_handle });
    let mut text = pair.recipient.text(&[Item { tag, body: Some(suspend) }])?;
    if let Some(last) = text.last_mut() {
        *last = 1;
    }
    pair.recipient.send_text(text).await?;
    pair.recipient.goodbye(GoodbyeCode::FrameMalformed).await?;
    let mut link = t.link(Class::Medium).await?;
    let (_, attached) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    ensure_eq!(attached.state(), v1::State::Claimed, "state");
    Ok(())
}

async fn blocks_open_to_items(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Small).await?;
    for _ in 0..4 {
        let part = t.part(Class::Small);
        pair.send(part).await?;
    }
    pair.subscribe(4).await?;
    for sequence in 1..=4 {
        ensure_eq!(pair.recipient.deliver().await?.sequence, sequence, "sequence");
    }
    // Answers of every length up to a full block.
    for count in [1, 2, 3, 30, 64] {
        let tags = pair.recipient.post_all(vec![harmless(); count]).await?;
        for tag in tags {
            pair.recipient.answer(tag).await?;
        }
    }
    pair.recipient.finish().await
}

/// Sends an item that is unknown and tagged, and expects that nothing but the refusal follows.
async fn is_unsupported(link: &mut Link, field: u32, inside: &[u8]) -> Verdict {
    let tag = link.tag();
    link.expect(tag);
    let item = [wire::number(1, u64::from(tag)), wire::bytes(field, inside)].concat();
    let mut text = Vec::new();
    write_item(&mut text, &item);
    text.resize(link.class().text(), 0);
    link.send_text(text).await?;
    link.answer(tag).await?.reject(RejectCode::UnsupportedItem)
}

async fn unknown_item_with_tag(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Small).await?;
    for field in [7, 15, 26, 31, 63, UNKNOWN] {
        is_unsupported(&mut link, field, b"anything").await?;
    }
    is_alive(&mut link).await
}

async fn item_of_a_server_with_tag(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Small).await?;
    for field in [3, 5, 32, 33, 34] {
        is_unsupported(&mut link, field, &[]).await?;
    }
    is_alive(&mut link).await
}

async fn unknown_item_without_tag(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Small).await?;
    let tag = link.tag();
    link.expect(tag);
    let mut text = Vec::new();
    for field in [3, 5, 32, UNKNOWN] {
        write_item(&mut text, &wire::bytes(field, &[]));
    }
    write_item(&mut text, &Item { tag, body: Some(harmless()) }.encode_to_vec());
    write_item(&mut text, &wire::bytes(UNKNOWN, b"anything"));
    text.resize(Class::Small.text(), 0);
    link.send_text(text).await?;
    link.answer(tag).await?.reject(RejectCode::NotAttached)?;
    link.quiet(Duration::from_millis(50)).await?;
    is_alive(&mut link).await
}

async fn with_unknown_fields(t: &mut Trial, count: usize) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let link = &mut pair.recipient;
    let tag = link.tag();
    link.expect(tag);
    let extra = wire::number(UNKNOWN, 1).repeat(count);
    let known = v1::Suspend { handle: pair.recipient_handle }.encode_to_vec();
    let inside = [wire::bytes(UNKNOWN, b"anything"), known, extra].concat();
    let item =
        [wire::number(1, u64::from(tag)), wire::bytes(20, &inside), wire::number(UNKNOWN, 9)];
    let mut text = Vec::new();
    write_item(&mut text, &item.concat());
    text.resize(Class::Medium.text(), 0);
    link.send_text(text).await?;
    link.answer(tag).await?.done()?;
    let mut link = t.link(Class::Medium).await?;
    let (_, attached) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    ensure_eq!(attached.state(), v1::State::Suspended, "state");
    Ok(())
}

async fn unknown_fields(t: &mut Trial) -> Verdict {
    with_unknown_fields(t, 1).await
}

async fn thousands_of_unknown_fields(t: &mut Trial) -> Verdict {
    with_unknown_fields(t, 1_300).await
}

async fn one_answer_to_each(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let handle = pair.recipient_handle;
    let tags = [1_000, 7, u32::MAX, 128, 1 << 20];
    let items: Vec<Item> = tags
        .iter()
        .enumerate()
        .map(|(place, tag)| {
            let body = match place % 2 {
                0 => Body::Suspend(v1::Suspend { handle }),
                _ => Body::Resume(v1::Resume { handle: handle + 1 }),
            };
            Item { tag: *tag, body: Some(body) }
        })
        .collect();
    pair.recipient.send_items(&items).await?;
    for (place, tag) in tags.into_iter().enumerate() {
        let answer = pair.recipient.answer(tag).await?;
        if place % 2 == 0 { answer.done()? } else { answer.reject(RejectCode::NotAttached)? }
    }
    pair.recipient.quiet(Duration::from_millis(50)).await
}

async fn acknowledge_has_no_answer(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    pair.subscribe(4).await?;
    let sequence = pair.recipient.deliver().await?.sequence;
    for (handle, through) in
        [(pair.recipient_handle, sequence), (pair.recipient_handle, 99), (9, 1)]
    {
        let acknowledge = v1::Acknowledge { handle, through };
        let tag = pair.recipient.tag();
        let item = Item { tag, body: Some(Body::Acknowledge(acknowledge)) };
        pair.recipient.send_items(&[item]).await?;
    }
    is_alive_beside(&mut pair.recipient).await?;
    pair.recipient.quiet(Duration::from_millis(50)).await
}

async fn is_alive_beside(link: &mut Link) -> Verdict {
    let handle = link.next_handle();
    link.ask(Body::Suspend(v1::Suspend { handle })).await?.reject(RejectCode::NotAttached)
}

async fn order_of_one_handle(t: &mut Trial) -> Verdict {
    let pair = t.pair(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let handle = link.next_handle();
    let attach = pair.connection.attach(link.transcript(), Role::Recipient, handle, 0);
    let mut bodies = vec![Body::Attach(attach)];
    for _ in 0..8 {
        bodies.push(Body::Suspend(v1::Suspend { handle }));
        bodies.push(Body::Resume(v1::Resume { handle }));
    }
    bodies.push(Body::Suspend(v1::Suspend { handle }));
    bodies.push(Body::Detach(v1::Detach { handle }));
    bodies.push(Body::Resume(v1::Resume { handle }));
    let tags = link.post_all(bodies).await?;
    let (first, rest) = tags.split_first().ok_or_else(|| Stop::harness("no tags"))?;
    let (last, between) = rest.split_last().ok_or_else(|| Stop::harness("no tags"))?;
    link.answer(*first).await?.attached()?;
    for tag in between {
        link.answer(*tag).await?.done()?;
    }
    link.answer(*last).await?.reject(RejectCode::NotAttached)?;
    link.use_handle();
    let (_, attached) = link.attach(&pair.connection, Role::Recipient, 0).await?;
    ensure_eq!(attached.state(), v1::State::Suspended, "state");
    Ok(())
}
