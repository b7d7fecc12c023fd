//! Contents as they are written.

use super::{Broadcast, Content, Hello, Reference};
use crate::message::field::put_prefixed;

/// Appends the fields of a content; `None` for one that no length prefix can tell.
pub(super) fn content(content: &Content, out: &mut Vec<u8>) -> Option<()> {
    const ANY: usize = u16::MAX as usize;
    match content {
        Content::Text(text) => out.extend_from_slice(text.as_bytes()),
        Content::Profile(profile) => {
            put_prefixed(out, profile.name.as_bytes(), ANY)?;
            put_prefixed(out, profile.about.as_bytes(), ANY)?;
            out.extend_from_slice(&profile.picture);
        }
        Content::Hello(hello) => put_hello(out, hello)?,
        Content::Receipt(receipt) => {
            out.push(receipt.seen as u8);
            out.extend_from_slice(&u16::try_from(receipt.messages.len()).ok()?.to_be_bytes());
            for (id, hash) in &receipt.messages {
                out.extend_from_slice(id.as_bytes());
                out.extend_from_slice(hash);
            }
        }
        Content::Edit { id, text } => {
            out.extend_from_slice(id.as_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Content::Delete { id } => out.extend_from_slice(id.as_bytes()),
        Content::Reply { to, text } => {
            put_reference(out, to);
            out.extend_from_slice(text.as_bytes());
        }
        Content::Reaction { to, given, with } => {
            put_reference(out, to);
            out.push(if *given { 1 } else { 2 });
            out.extend_from_slice(with.as_bytes());
        }
        Content::Introduction { name, card } => {
            put_prefixed(out, name.as_bytes(), ANY)?;
            out.extend_from_slice(card);
        }
        Content::Broadcast(broadcast) => match broadcast {
            Broadcast::Open { name } => {
                out.push(1);
                put_prefixed(out, name.as_bytes(), ANY)?;
            }
            Broadcast::Close => out.push(2),
            Broadcast::Pause => out.push(3),
            Broadcast::Resume => out.push(4),
        },
        Content::Move { number, place, descriptor } => {
            out.extend_from_slice(&number.to_be_bytes());
            out.push(*place);
            out.extend_from_slice(descriptor);
        }
        Content::Moved { number, place, s } => {
            out.extend_from_slice(&number.to_be_bytes());
            out.push(*place);
            out.extend_from_slice(&s.to_be_bytes());
        }
        Content::Group { operation, bytes } | Content::Device { operation, bytes } => {
            out.push(*operation);
            out.extend_from_slice(bytes);
        }
        Content::Custom { name, bytes } => {
            put_prefixed(out, name.as_bytes(), ANY)?;
            out.extend_from_slice(bytes);
        }
        Content::Again { id, hash, content } => {
            out.extend_from_slice(id.as_bytes());
            out.extend_from_slice(hash);
            put_again(out, content)?;
        }
        Content::Standby(bytes) | Content::Unknown { bytes, .. } => out.extend_from_slice(bytes),
    }
    Some(())
}

fn put_again(out: &mut Vec<u8>, inner: &Content) -> Option<()> {
    out.extend_from_slice(&inner.kind().to_be_bytes());
    // No deeper than one: `read` refuses another one in it.
    if inner.can_be_repeated() { content(inner, out) } else { Some(()) }
}

fn put_reference(out: &mut Vec<u8>, to: &Reference) {
    out.push(to.whose as u8);
    out.extend_from_slice(to.id.as_bytes());
}

fn put_hello(out: &mut Vec<u8>, hello: &Hello) -> Option<()> {
    out.push(u8::try_from(hello.descriptors.len()).ok()?);
    for descriptor in &hello.descriptors {
        put_prefixed(out, descriptor, u16::MAX.into())?;
    }
    out.push(u8::from(hello.vk.is_some()));
    out.extend_from_slice(hello.vk.as_ref().map_or(&[], |vk| &vk[..]));
    put_prefixed(out, hello.name.as_bytes(), u16::MAX.into())?;
    out.extend_from_slice(&hello.standby);
    Some(())
}
