//! Sealed blocks: what is no next block of its direction, and keys that move forward.

use edgewise_proto::v1::{self, GoodbyeCode, RejectCode, item::Body};
use edgewise_spec::constants::{RATCHET_FRAMES, WINDOW_PARTS_MAX};

use crate::case::{Case, case};
use crate::cases::ask;
use crate::peer::{Class, Link};
use crate::trial::{Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("link/block-replayed", [LINK_27], block_replayed),
    case!("link/block-dropped", [LINK_27], block_dropped),
    case!("link/blocks-reordered", [LINK_27], blocks_reordered),
    case!("link/block-altered", [LINK_27], block_altered),
    case!("link/block-of-another-link", [LINK_27], block_of_another_link),
    case!("link/block-reflected", [LINK_27], block_reflected),
    case!("link/ratchet", [LINK_28], ratchet, long),
];

fn harmless() -> Body {
    Body::Suspend(v1::Suspend { handle: 0 })
}

async fn open(t: &mut Trial) -> Result<Link, crate::trial::Stop> {
    let mut link = t.link(Class::Small).await?;
    link.ask(harmless()).await?.reject(RejectCode::NotAttached)?;
    Ok(link)
}

async fn block_replayed(t: &mut Trial) -> Verdict {
    let mut link = open(t).await?;
    let text = link.text(&[])?;
    let block = link.seal(text);
    link.send_block(&block).await?;
    link.send_block(&block).await?;
    link.goodbye(GoodbyeCode::BlockSeal).await
}

async fn block_dropped(t: &mut Trial) -> Verdict {
    let mut link = open(t).await?;
    let text = link.text(&[])?;
    let _dropped = link.seal(text.clone());
    let block = link.seal(text);
    link.send_block(&block).await?;
    link.goodbye(GoodbyeCode::BlockSeal).await
}

async fn blocks_reordered(t: &mut Trial) -> Verdict {
    let mut link = open(t).await?;
    let text = link.text(&[])?;
    let (first, second) = (link.seal(text.clone()), link.seal(text));
    link.send_block(&second).await?;
    link.send_block(&first).await?;
    link.goodbye(GoodbyeCode::BlockSeal).await
}

async fn block_altered(t: &mut Trial) -> Verdict {
    let last = Class::Small.block() - 1;
    for (place, bit) in [(0, 0), (500, 7), (last - 16, 3), (last - 15, 0), (last, 7)] {
        let mut link = open(t).await?;
        let text = link.text(&[])?;
        let mut block = link.seal(text);
        if let Some(byte) = block.get_mut(place) {
            *byte ^= 1 << bit;
        }
        t.note(format!("bit {bit} of byte {place} flipped"));
        link.send_block(&block).await?;
        link.goodbye(GoodbyeCode::BlockSeal).await?;
    }
    Ok(())
}

async fn block_of_another_link(t: &mut Trial) -> Verdict {
    let (mut one, mut other) = (open(t).await?, open(t).await?);
    let text = other.text(&[])?;
    let block = other.seal(text);
    one.send_block(&block).await?;
    one.goodbye(GoodbyeCode::BlockSeal).await?;
    other.send_block(&block).await?;
    other.ask(harmless()).await?.reject(RejectCode::NotAttached)
}

/// A block sealed with the key of the other direction.
async fn block_reflected(t: &mut Trial) -> Verdict {
    let mut link = open(t).await?;
    let text = link.text(&[])?;
    let block = link.seal_as_server(text);
    link.send_block(&block).await?;
    link.goodbye(GoodbyeCode::BlockSeal).await
}

/// Both directions of one link, side by side. Parts of class small fill a block each, and each
/// subscription begins with the oldest: 64 of them, asked for again and again, make the server
/// send blocks that cost it nothing else. The client's are empty but for the asking.
async fn ratchet(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Small).await?;
    for _ in 0..WINDOW_PARTS_MAX {
        let part = t.part(Class::Small);
        pair.send(part).await?;
    }
    let (handle, link) = (pair.recipient_handle, &mut pair.recipient);
    while link.sent() <= RATCHET_FRAMES || link.received() <= RATCHET_FRAMES {
        let tag = link.post(ask::subscribe(handle, WINDOW_PARTS_MAX)).await?;
        for _ in 0..WINDOW_PARTS_MAX {
            link.send_items(&[]).await?;
        }
        link.answer(tag).await?.subscribed()?;
        for sequence in 1..=u64::from(WINDOW_PARTS_MAX) {
            ensure_eq!(link.deliver().await?.sequence, sequence, "sequence");
        }
    }
    link.ask(ask::suspend(handle)).await?.done()
}
