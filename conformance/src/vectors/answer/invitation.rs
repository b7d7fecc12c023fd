//! Chapter invitation: bundles, cards, descriptors, contact addresses and requests.

use edgewise_spec::invitation::{
    Bundle, BundleRefused, Card, CardKind, CardRefused, ContactBundle, ContactKey, ContactKeys,
    Descriptor, DescriptorRefused, Request, RequestRefused, Secret, bundle_at,
};
use edgewise_spec::link::Address;
use edgewise_spec::suite::Decapsulator;
use serde_json::{Value, json};

use super::input::{Input, hex, strange};
use super::{Answered, Operation};

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "bundle" => bundle,
        "invite" => invite,
        "open" => open,
        "card" => card,
        "descriptor" => descriptor,
        "contact" => contact,
        "request" => request,
        _ => return None,
    })
}

fn texts(servers: &[Address]) -> Vec<String> {
    servers.iter().map(Address::to_string).collect()
}

fn bundle_layer(refused: BundleRefused) -> &'static str {
    match refused {
        BundleRefused::Length(_) => "length",
        BundleRefused::Sealed => "sealed",
        BundleRefused::Version(_) => "version",
        BundleRefused::Padding => "padding",
        BundleRefused::Commitment => "commitment",
        BundleRefused::Short(_) => "short",
        BundleRefused::Surplus(_) => "surplus",
        BundleRefused::Suite(_) => "suite",
        BundleRefused::Mode(_) => "mode",
        BundleRefused::Class(_) | BundleRefused::Shape(_) => "shape",
        BundleRefused::Server { .. } => "server",
        BundleRefused::Twice(_) => "twice",
        BundleRefused::Key(_) => "key",
        BundleRefused::Name(_) => "name",
        BundleRefused::Servers => "servers",
        BundleRefused::Signature => "signature",
        BundleRefused::Older { .. } => "older",
        BundleRefused::Expired { .. } => "expired",
    }
}

fn card_layer(refused: CardRefused) -> &'static str {
    match refused {
        CardRefused::Empty => "empty",
        CardRefused::NoCard => "no-card",
        CardRefused::Foreign(_) => "foreign",
        CardRefused::Server => "server-address",
        CardRefused::Kind(_) => "kind",
        CardRefused::Count(_) => "count",
        CardRefused::Truncated(_) => "truncated",
        CardRefused::Surplus(_) => "surplus",
        CardRefused::Long(_) => "long",
        CardRefused::Symbol { .. } => "symbol",
        CardRefused::Length { .. } => "length",
        CardRefused::Altered => "altered",
        CardRefused::Place { .. } => "place",
        CardRefused::Twice(_) => "twice",
    }
}

fn bundle(input: Input<'_>) -> Answered {
    let bundle = Bundle::parse(&input.bytes("bytes")?).map_err(bundle_layer)?;
    Ok(json!({
        "secret": hex(bundle.secret().as_bytes()),
        "suite": bundle.suite().code(),
        "mode": bundle.mode().number(),
        "class": bundle.shape().class().number(),
        "k": bundle.shape().k(),
        "servers": texts(bundle.servers()),
        "ek": hex(bundle.ek().as_bytes()),
        "vk": bundle.vk().map_or_else(|| hex([]), |vk| hex(vk.as_bytes())),
        "name": bundle.name(),
        "not_after": bundle.not_after(),
    }))
}

fn invite(input: Input<'_>) -> Answered {
    let bundle = Bundle::parse(&input.bytes("bundle")?).map_err(bundle_layer)?;
    let carded: u8 = input.number("carded")?;
    let card = bundle.card(input.truth("shown")?, usize::from(carded)).map_err(card_layer)?;
    let sealed = bundle.sealed();
    let connection = |(place, server): (u8, &Address)| {
        let secret = bundle.secret().connection(place, &server.fingerprint);
        json!({
            "c": hex(secret.as_bytes()),
            "claim_vk": hex(secret.claim_key().verifying_key().as_bytes()),
            "sender_id": hex(secret.sender_id(&server.fingerprint)),
            "part_chain": hex(secret.part_chain()),
            "holds_bundle": bundle_at(place, carded, &sealed) == sealed,
        })
    };
    let connections: Vec<Value> = (0..).zip(bundle.servers()).map(connection).collect();
    Ok(json!({
        "card": card.to_text().to_string(),
        "sealed": hex(&sealed[..]),
        "connections": connections,
    }))
}

fn open(input: Input<'_>) -> Answered {
    let card = Card::parse(input.text("card")?).map_err(strange)?;
    let bundle = Bundle::open(&card, &input.bytes("sealed")?, input.number("hour")?);
    Ok(json!({ "bundle": hex(bundle.map_err(bundle_layer)?.as_bytes()) }))
}

fn card(input: Input<'_>) -> Answered {
    let card = Card::parse(input.text("text")?).map_err(card_layer)?;
    let kind = match card.kind() {
        CardKind::Shown => "shown",
        CardKind::Sent => "sent",
        CardKind::Address => "address",
    };
    Ok(json!({
        "kind": kind,
        "secret": hex(card.secret().as_bytes()),
        "servers": texts(card.servers()),
        "written": card.to_text().to_string(),
    }))
}

fn descriptor(input: Input<'_>) -> Answered {
    let refused = |fault| match fault {
        DescriptorRefused::Short(_) => "short",
        DescriptorRefused::Server(_) => "server",
        DescriptorRefused::Surplus(_) => "surplus",
    };
    let descriptor = Descriptor::parse(&input.bytes("bytes")?).map_err(refused)?;
    Ok(json!({
        "server": descriptor.server.to_string(),
        "c": hex(descriptor.secret.as_bytes()),
        "base": descriptor.base,
    }))
}

fn contact(input: Input<'_>) -> Answered {
    let card = Card::parse(input.text("card")?).map_err(strange)?;
    let (seen, hour) = (input.number("seen")?, input.number("hour")?);
    let contact = ContactBundle::open(&card, &input.bytes("sealed")?, seen, hour);
    let contact = contact.map_err(bundle_layer)?;
    Ok(json!({
        "bundle": hex(contact.as_bytes()),
        "version": contact.version(),
        "servers": texts(contact.servers()),
        "ek": hex(contact.ek().as_bytes()),
        "name": contact.name(),
        "not_after": contact.not_after(),
    }))
}

fn request(input: Input<'_>) -> Answered {
    let refused = |fault| match fault {
        RequestRefused::Length(_) => "length",
        RequestRefused::Version(_) => "version",
        RequestRefused::Sealed => "sealed",
        RequestRefused::Layout => "layout",
        RequestRefused::Greeting => "greeting",
        RequestRefused::Card(_) => "card",
    };
    let key = Decapsulator::from_seed(&input.array("seed")?);
    let key = ContactKey { version: input.number("version")?, made: 0, key };
    let keys = ContactKeys::restore(vec![key]).ok_or_else(|| strange("no key"))?;
    let secret = Secret::from_bytes(&input.array("secret")?);
    let request = Request::open(&input.bytes("request")?, &keys, &secret).map_err(refused)?;
    Ok(json!({
        "greeting": request.greeting(), "card": request.card().to_text().to_string(),
    }))
}
