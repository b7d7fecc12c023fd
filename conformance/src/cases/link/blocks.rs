//! Sealed blocks: what is no next block of its direction, and keys that move forward.

use edgewise_proto::v1::{self, GoodbyeCode, RejectCode, item::Body};
use edgewise_spec::constants::{RATCHET_FRAMES, WINDOW_BYTES_MAX, WINDOW_PARTS_MAX};

use crate::case::{Case, case};
use crate::peer::{Class, Link, Role};
use crate::trial::{Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("link/block-replayed", [LINK_27], block_replayed),
    case!("link/block-dropped", [LINK_27], block_dropped),
    case!("link/blocks-reordered", [LINK_27], blocks_reordered),
    case!("link/block-altered", [LINK_27], block_altered),
    case!("link/block-of-another-link", [LINK_27], block_of_another_link),
    case!("link/block-reflected", [LINK_27], block_reflected),
    case!("link/ratchet-of-the-client", [LINK_28], ratchet_of_the_client),
    case!("link/ratchet-of-the-server", [LINK_28], ratchet_of_the_server),
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

async fn ratchet_of_the_client(t: &mut Trial) -> Verdict {
    let mut link = open(t).await?;
    while link.sent() < RATCHET_FRAMES {
        link.send_items(&[]).await?;
    }
    link.ask(harmless()).await?.reject(RejectCode::NotAttached)?;
    ensure!(link.sent() > RATCHET_FRAMES, "blocks beyond the ratchet", "{}", link.sent());
    Ok(())
}

/// Parts of class small fill a block each: so the server has to send as many.
async fn ratchet_of_the_server(t: &mut Trial) -> Verdict {
    let (connection, mut medium) = t.open(Class::Small).await?;
    let claim = connection.claim(medium.transcript());
    medium.ask(Body::Claim(claim)).await?.claimed()?;
    let mut link = t.link(Class::Small).await?;
    let (sender, _) = link.attach(&connection, Role::Sender, 0).await?;
    let (recipient, _) = link.attach(&connection, Role::Recipient, 0).await?;
    let subscribe = v1::Subscribe {
        handle: recipient,
        window_parts: WINDOW_PARTS_MAX,
        window_bytes: WINDOW_BYTES_MAX,
    };
    link.ask(Body::Subscribe(subscribe)).await?.subscribed()?;
    let part = t.part(Class::Small);
    let mut submission = 0;
    while link.received() <= RATCHET_FRAMES + 1 {
        let first = submission;
        let mut tags = Vec::new();
        for _ in 0..12 {
            let send = v1::Send { handle: sender, submission, part: part.clone() };
            tags.push(link.post(Body::Send(send)).await?);
            submission += 1;
        }
        for tag in tags {
            link.answer(tag).await?.done()?;
        }
        for sequence in first + 1..=submission {
            ensure_eq!(link.deliver().await?.sequence, sequence, "sequence");
        }
        let acknowledge = v1::Acknowledge { handle: recipient, through: submission };
        link.tell(Body::Acknowledge(acknowledge)).await?;
    }
    Ok(())
}
