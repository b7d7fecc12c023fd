//! Contents as they are read: the rules of every type.

use super::{
    Broadcast, Content, ContentRefused, Hello, Profile, Receipt, Reference, Seen, Whose, kind,
};
use crate::constants::{
    ABOUT_LEN_MAX, CARD_LEN_MAX, DESCRIPTOR_LEN_MAX, NAME_LEN_MAX, REACTION_LEN_MAX, RECEIPTS_MAX,
    SERVERS_MAX,
};
use crate::message::MessageId;
use crate::message::field::Fields;
use crate::require;
use crate::session::Mode;
use crate::suite::VerifyingKey;

/// The content of a type; what follows its last field is left.
pub(super) fn content(
    mode: Mode,
    kind: u16,
    fields: &mut Fields<'_>,
) -> Result<Content, ContentRefused> {
    Ok(match kind {
        kind::TEXT => Content::Text(fields.text("text")?),
        kind::PROFILE => Content::Profile(Profile {
            name: fields.name("name", NAME_LEN_MAX)?,
            about: about(fields)?,
            picture: fields.rest().to_vec(),
        }),
        kind::HELLO => Content::Hello(read_hello(mode, fields)?),
        kind::RECEIPT => Content::Receipt(read_receipt(fields)?),
        kind::EDIT => Content::Edit { id: id(fields)?, text: fields.text("text")? },
        kind::DELETE => Content::Delete { id: id(fields)? },
        kind::REPLY => Content::Reply { to: reference(fields)?, text: fields.text("text")? },
        kind::REACTION => read_reaction(fields)?,
        kind::INTRODUCTION => Content::Introduction {
            name: fields.name("name", NAME_LEN_MAX)?,
            card: rest(fields, "card", CARD_LEN_MAX)?,
        },
        kind::BROADCAST => Content::Broadcast(match fields.u8("operation")? {
            1 => Broadcast::Open { name: fields.name("name", NAME_LEN_MAX)? },
            2 => Broadcast::Close,
            3 => Broadcast::Pause,
            4 => Broadcast::Resume,
            got => return value("operation", got),
        }),
        kind::MOVE => Content::Move {
            number: fields.u32("number")?,
            place: place(fields)?,
            descriptor: rest(fields, "descriptor", DESCRIPTOR_LEN_MAX)?,
        },
        kind::MOVED => Content::Moved {
            number: fields.u32("number")?,
            place: place(fields)?,
            s: fields.u32("s")?,
        },
        kind::GROUP => {
            Content::Group { operation: operation(fields)?, bytes: fields.rest().to_vec() }
        }
        kind::DEVICE => {
            Content::Device { operation: operation(fields)?, bytes: fields.rest().to_vec() }
        }
        kind::CUSTOM => {
            let name = fields.name("name", NAME_LEN_MAX)?;
            let named = !name.is_empty();
            require!(MESSAGE_19, named, ContentRefused::Text("name"));
            Content::Custom { name, bytes: fields.rest().to_vec() }
        }
        kind::STANDBY => Content::Standby(rest(fields, "card", CARD_LEN_MAX)?),
        kind::AGAIN => read_again(mode, fields)?,
        // MESSAGE-18
        _ => Content::Unknown { kind, bytes: fields.rest().to_vec() },
    })
}

fn value<T>(field: &'static str, got: u8) -> Result<T, ContentRefused> {
    Err(ContentRefused::Value { field, got: got.into() })
}

fn id(fields: &mut Fields<'_>) -> Result<MessageId, ContentRefused> {
    let id = MessageId::from_bytes(fields.array("id")?);
    require!(MESSAGE_19, id.number() > 0, ContentRefused::Value { field: "number", got: 0 });
    Ok(id)
}

fn place(fields: &mut Fields<'_>) -> Result<u8, ContentRefused> {
    let got = fields.u8("place")?;
    let legal = usize::from(got) < SERVERS_MAX;
    let refused = ContentRefused::Value { field: "place", got: got.into() };
    require!(MESSAGE_19, legal, refused);
    Ok(got)
}

fn operation(fields: &mut Fields<'_>) -> Result<u8, ContentRefused> {
    match fields.u8("operation")? {
        0 => value("operation", 0),
        operation => Ok(operation),
    }
}

/// Words about oneself: lines are allowed there, so that it is no name.
fn about(fields: &mut Fields<'_>) -> Result<String, ContentRefused> {
    let bytes = fields.prefixed("about", ABOUT_LEN_MAX)?;
    let text = core::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    Ok(text.ok_or(ContentRefused::Text("about"))?.to_owned())
}

/// All that is left: 1 to `max` bytes.
fn rest(
    fields: &mut Fields<'_>,
    field: &'static str,
    max: usize,
) -> Result<Vec<u8>, ContentRefused> {
    let bytes = fields.rest();
    let got = bytes.len();
    require!(MESSAGE_19, got > 0, ContentRefused::Short(field));
    require!(MESSAGE_19, got <= max, ContentRefused::Long { field, max, got });
    Ok(bytes.to_vec())
}

fn reference(fields: &mut Fields<'_>) -> Result<Reference, ContentRefused> {
    let whose = match fields.u8("whose")? {
        1 => Whose::Mine,
        2 => Whose::Yours,
        got => return value("whose", got),
    };
    Ok(Reference { whose, id: id(fields)? })
}

fn read_reaction(fields: &mut Fields<'_>) -> Result<Content, ContentRefused> {
    let to = reference(fields)?;
    let given = match fields.u8("operation")? {
        1 => true,
        2 => false,
        got => return value("operation", got),
    };
    let (max, got) = (REACTION_LEN_MAX, fields.0.len());
    require!(MESSAGE_19, got <= max, ContentRefused::Long { field: "reaction", max, got });
    let with = fields.text("reaction")?;
    let plain = !with.chars().any(char::is_control);
    require!(MESSAGE_19, plain, ContentRefused::Text("reaction"));
    Ok(Content::Reaction { to, given, with })
}

fn read_again(mode: Mode, fields: &mut Fields<'_>) -> Result<Content, ContentRefused> {
    let (id, hash) = (id(fields)?, fields.array("hash")?);
    let inner = fields.u16("type")?;
    let refused = ContentRefused::Value { field: "type", got: inner.into() };
    require!(MESSAGE_19, kind::can_be_repeated(inner), refused);
    Ok(Content::Again { id, hash, content: Box::new(content(mode, inner, fields)?) })
}

fn read_receipt(fields: &mut Fields<'_>) -> Result<Receipt, ContentRefused> {
    let seen = match fields.u8("seen")? {
        1 => Seen::Delivered,
        2 => Seen::Read,
        got => return value("seen", got),
    };
    let count = fields.u16("count")?;
    let refused = ContentRefused::Value { field: "count", got: count.into() };
    require!(MESSAGE_19, (1..=RECEIPTS_MAX).contains(&usize::from(count)), refused);
    let message = |_| Ok((id(fields)?, fields.array("hash")?));
    let messages: Result<_, ContentRefused> = (0..count).map(message).collect();
    Ok(Receipt { seen, messages: messages? })
}

fn read_hello(mode: Mode, fields: &mut Fields<'_>) -> Result<Hello, ContentRefused> {
    let count = fields.u8("count")?;
    let refused = ContentRefused::Value { field: "count", got: count.into() };
    require!(MESSAGE_19, (1..=SERVERS_MAX).contains(&usize::from(count)), refused);
    let descriptor = |_| Ok(fields.prefixed("descriptor", DESCRIPTOR_LEN_MAX)?.to_vec());
    let descriptors: Result<_, ContentRefused> = (0..count).map(descriptor).collect();
    let descriptors: Vec<Vec<u8>> = descriptors?;
    let named = descriptors.iter().all(|descriptor| !descriptor.is_empty());
    require!(MESSAGE_19, named, ContentRefused::Short("descriptor"));
    let vk = match fields.u8("key")? {
        0 => None,
        1 => Some(fields.array("key")?),
        got => return value("key", got),
    };
    // MESSAGE-22: a deniable session has no signing key, an attested one needs it.
    let keyed = match mode {
        Mode::Deniable => vk.is_none(),
        Mode::Attested => vk.is_some_and(|vk| VerifyingKey::parse(&vk).is_ok()),
    };
    require!(MESSAGE_22, keyed, ContentRefused::Key);
    let name = fields.name("name", NAME_LEN_MAX)?;
    let (standby, max) = (fields.rest().to_vec(), CARD_LEN_MAX);
    let got = standby.len();
    require!(MESSAGE_19, got <= max, ContentRefused::Long { field: "standby", max, got });
    Ok(Hello { descriptors, vk, name, standby })
}
