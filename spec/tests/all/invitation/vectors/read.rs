//! What each vector comes to.

use edgewise_spec::connection::sender_id;
use edgewise_spec::invitation::{
    Bundle, BundleRefused, Card, CardKind, CardRefused, ContactBundle, ContactKey, ContactKeys,
    Descriptor, DescriptorRefused, Request, RequestRefused, Secret, bundle_at, filler,
};
use edgewise_spec::link::Address;
use edgewise_spec::suite::Decapsulator;

use super::{
    BundleOutput, Bytes, CardOutput, ConnectionOutput, ContactInput, ContactOutput,
    DescriptorOutput, InviteInput, InviteOutput, OpenInput, OpenOutput, RequestInput,
    RequestOutput, Text,
};

fn texts(servers: &[Address]) -> Vec<String> {
    servers.iter().map(Address::to_string).collect()
}

pub fn bundle_layer(refused: BundleRefused) -> &'static str {
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

pub fn bundle(input: &Bytes) -> Result<BundleOutput, &'static str> {
    let bundle = Bundle::parse(&input.bytes.0).map_err(bundle_layer)?;
    Ok(BundleOutput {
        secret: bundle.secret().as_bytes().into(),
        suite: bundle.suite().code(),
        mode: bundle.mode().number(),
        class: bundle.shape().class().number(),
        k: bundle.shape().k(),
        servers: texts(bundle.servers()),
        ek: bundle.ek().as_bytes().into(),
        vk: bundle.vk().map_or_else(|| [].into(), |vk| vk.as_bytes().into()),
        name: bundle.name().to_owned(),
        not_after: bundle.not_after(),
    })
}

pub fn invite(input: &InviteInput) -> Result<InviteOutput, &'static str> {
    let bundle = Bundle::parse(&input.bundle.0).map_err(bundle_layer)?;
    let card = bundle.card(input.shown, input.carded).map_err(card_layer)?;
    let sealed = bundle.sealed();
    let connection = |(place, server): (usize, &Address)| {
        let place = u8::try_from(place).unwrap();
        let secret = bundle.secret().connection(place, &server.fingerprint);
        let claim_vk = *secret.claim_key().verifying_key().as_bytes();
        let held = bundle_at(place, input.carded as u8, &sealed);
        assert!(held == sealed || held == filler());
        assert_eq!(
            secret.sender_id(&server.fingerprint),
            sender_id(&server.fingerprint, &claim_vk)
        );
        ConnectionOutput {
            c: secret.as_bytes().into(),
            claim_vk: claim_vk.into(),
            sender_id: secret.sender_id(&server.fingerprint).into(),
            part_chain: secret.part_chain().into(),
            holds_bundle: held == sealed,
        }
    };
    let connections = bundle.servers().iter().enumerate().map(connection).collect();
    let card = card.to_text().to_string();
    Ok(InviteOutput { card, sealed: sealed[..].into(), connections })
}

pub fn open(input: &OpenInput) -> Result<OpenOutput, &'static str> {
    let card = Card::parse(&input.card).unwrap();
    let bundle = Bundle::open(&card, &input.sealed.0, input.hour).map_err(bundle_layer)?;
    Ok(OpenOutput { bundle: bundle.as_bytes().into() })
}

pub fn card(input: &Text) -> Result<CardOutput, &'static str> {
    let card = Card::parse(&input.text).map_err(card_layer)?;
    let kind = match card.kind() {
        CardKind::Shown => "shown",
        CardKind::Sent => "sent",
        CardKind::Address => "address",
    };
    Ok(CardOutput {
        kind: kind.to_owned(),
        secret: card.secret().as_bytes().into(),
        servers: texts(card.servers()),
        written: card.to_text().to_string(),
    })
}

pub fn descriptor(input: &Bytes) -> Result<DescriptorOutput, &'static str> {
    let refused = |fault| match fault {
        DescriptorRefused::Short(_) => "short",
        DescriptorRefused::Server(_) => "server",
        DescriptorRefused::Surplus(_) => "surplus",
    };
    let descriptor = Descriptor::parse(&input.bytes.0).map_err(refused)?;
    // The other way: what was read is written the same.
    assert_eq!(descriptor.to_bytes(), input.bytes.0);
    Ok(DescriptorOutput {
        server: descriptor.server.to_string(),
        c: descriptor.secret.as_bytes().into(),
        base: descriptor.base,
    })
}

pub fn contact(input: &ContactInput) -> Result<ContactOutput, &'static str> {
    let card = Card::parse(&input.card).unwrap();
    let sealed = &input.sealed.0;
    let contact = ContactBundle::open(&card, sealed, input.seen, input.hour);
    let contact = contact.map_err(bundle_layer)?;
    assert_eq!(contact.sealed(), sealed[..]);
    Ok(ContactOutput {
        bundle: contact.as_bytes().into(),
        version: contact.version(),
        servers: texts(contact.servers()),
        ek: contact.ek().as_bytes().into(),
        name: contact.name().to_owned(),
        not_after: contact.not_after(),
    })
}

pub fn request(input: &RequestInput) -> Result<RequestOutput, &'static str> {
    let refused = |fault| match fault {
        RequestRefused::Length(_) => "length",
        RequestRefused::Version(_) => "version",
        RequestRefused::Sealed => "sealed",
        RequestRefused::Layout => "layout",
        RequestRefused::Greeting => "greeting",
        RequestRefused::Card(_) => "card",
    };
    let key = Decapsulator::from_seed(&input.seed.array());
    let keys = vec![ContactKey { version: input.version, made: 0, key }];
    let keys = ContactKeys::restore(keys).unwrap();
    let secret = Secret::from_bytes(&input.secret.array());
    let request = Request::open(&input.request.0, &keys, &secret).map_err(refused)?;
    Ok(RequestOutput {
        greeting: request.greeting().to_owned(),
        card: request.card().to_text().to_string(),
    })
}
