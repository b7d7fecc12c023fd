//! Bytes and texts of every shape: what is written is read the same, whatever else is refused.

use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{
    Bundle, BundleRefused, Card, CardKind, CardRefused, ConnectionSecret, Descriptor, Name, Offer,
    Secret,
};
use edgewise_spec::link::{Address, Edge};
use edgewise_spec::scatter::Shape;
use edgewise_spec::suite::SigningKey;
use proptest::prelude::*;

use super::{HOUR, NOT_AFTER, bundle_over, key, server};

fn host() -> impl Strategy<Value = String> {
    let label = "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?";
    prop_oneof![
        proptest::string::string_regex(&format!("{label}(\\.{label}){{0,3}}")).unwrap(),
        any::<u128>().prop_map(|bits| std::net::Ipv6Addr::from_bits(bits).to_string()),
    ]
}

prop_compose! {
    fn address()(
        fingerprint: [u8; 32],
        host in host(),
        port in 1..=u16::MAX,
        tls: bool,
    ) -> Address {
        Address { fingerprint, edge: Edge { host, port }, tls }
    }
}

prop_compose! {
    fn card()(
        kind in prop_oneof![
            Just(CardKind::Shown), Just(CardKind::Sent), Just(CardKind::Address)
        ],
        secret: [u8; 32],
        servers in prop::collection::vec(address(), 1..=3),
    ) -> Card {
        Card::new(kind, Secret::from_bytes(&secret), &servers).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_card_survives_its_text(card in card(), case: u64) {
        let text = card.to_text();
        prop_assert_eq!(&Card::parse(&text).unwrap(), &card);
        // INVITATION-20: in any mixture of cases, broken anywhere.
        let mixed = text.chars().enumerate().flat_map(|(place, symbol)| {
            let small = case >> (place % 64) & 1 == 1;
            let symbol = if small { symbol.to_ascii_lowercase() } else { symbol };
            [Some(symbol), (place % 7 == 3 && small).then_some('\n')].into_iter().flatten()
        });
        prop_assert_eq!(&Card::parse(&mixed.collect::<String>()).unwrap(), &card);
    }

    #[test]
    fn the_qr_alphabet_holds_every_card(card in card()) {
        let alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
        prop_assert!(card.to_text().chars().all(|symbol| alphabet.contains(symbol)));
    }

    #[test]
    fn every_beginning_of_a_card_is_known_as_one(card in card()) {
        let text = card.to_text();
        for end in 1..text.len() {
            let refused = Card::parse(&text[..end]).unwrap_err();
            prop_assert_eq!(refused, CardRefused::Truncated(end));
        }
    }

    #[test]
    fn a_changed_character_is_noticed(card in card(), place: prop::sample::Index, to in "[ -~]") {
        let text = card.to_text();
        let place = place.index(text.len());
        let changed = format!("{}{to}{}", &text[..place], &text[place + 1..]);
        match Card::parse(&changed) {
            // A small letter for a large one is the same card.
            Ok(read) => prop_assert_eq!(read, card),
            Err(refused) => {
                prop_assert!(refused.to_string().len() > 20);
                let secret = text.split('/').nth(1).unwrap();
                let told = format!("{refused:?} {refused}");
                prop_assert!(!told.contains(&secret[..12]));
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        if let Ok(card) = Card::parse(&text) {
            prop_assert_eq!(Card::parse(&card.to_text()).unwrap(), card);
        }
    }

    #[test]
    fn a_descriptor_survives_its_bytes(
        server in address(), c: [u8; 32], base: u32, rest: Vec<u8>, place: prop::sample::Index,
        bit in 0..8_u8,
    ) {
        let descriptor = Descriptor { server, secret: ConnectionSecret::from_bytes(&c), base };
        let bytes = descriptor.to_bytes();
        prop_assert_eq!(&Descriptor::parse(&bytes).unwrap(), &descriptor);
        let followed = [&bytes[..], &rest].concat();
        let (read, left) = Descriptor::read(&followed).unwrap();
        prop_assert_eq!((&read, left), (&descriptor, &rest[..]));
        for end in 0..bytes.len() {
            prop_assert!(Descriptor::parse(&bytes[..end]).is_err(), "{}", end);
        }
        let mut flipped = bytes.clone();
        flipped[place.index(bytes.len())] ^= 1 << bit;
        if let Ok(read) = Descriptor::parse(&flipped) {
            prop_assert_eq!(read.to_bytes(), flipped);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 48, ..ProptestConfig::default()
    })]

    #[test]
    fn a_bundle_survives_its_bytes(
        salt: [u8; 32],
        servers in prop::collection::vec(address(), 1..=10),
        attested: bool,
        name in "[^\\p{C}\\x{2028}\\x{2029}]{0,16}",
        not_after in HOUR + 1..,
        place: prop::sample::Index,
        bit in 0..8_u8,
    ) {
        let vk = SigningKey::from_seed(&salt).verifying_key();
        let offer = Offer {
            shape: Shape::new(Class::Medium, 1, servers.len() as u8).unwrap(),
            servers: &servers,
            ek: &key().encapsulator(),
            vk: attested.then_some(vk),
            name: Name::new(&name).unwrap(),
            not_after,
        };
        let bundle = Bundle::with_salt(&offer, &salt).unwrap();
        let bytes = bundle.as_bytes();
        prop_assert_eq!(&Bundle::parse(bytes).unwrap(), &bundle);
        prop_assert_eq!(bundle.servers(), &servers);
        prop_assert_eq!((bundle.name(), bundle.not_after()), (&name[..], not_after));
        let carded = servers.len().min(3);
        let card = bundle.card(false, carded).unwrap();
        prop_assert_eq!(&Bundle::open(&card, &bundle.sealed(), HOUR).unwrap(), &bundle);

        // What differs is refused, or another bundle with another secret.
        let mut flipped = bytes.to_vec();
        flipped[place.index(bytes.len())] ^= 1 << bit;
        if let Ok(read) = Bundle::parse(&flipped) {
            prop_assert_eq!(read.as_bytes(), &flipped);
            prop_assert!(read.secret() != bundle.secret());
        }
        let mut flipped = bundle.sealed().to_vec();
        let place = place.index(flipped.len());
        flipped[place] ^= 1 << bit;
        prop_assert_eq!(Bundle::open(&card, &flipped, HOUR), Err(BundleRefused::Sealed));
    }
}

#[test]
fn every_truncation_of_a_bundle_is_refused() {
    let bundle = bundle_over(3, true);
    let bytes = bundle.as_bytes();
    for end in 0..bytes.len() {
        let refused = Bundle::parse(&bytes[..end]);
        assert!(refused.is_err(), "{end}");
    }
    let card = bundle.card(true, 3).unwrap();
    let sealed = bundle.sealed();
    for end in [0, 1, 4, 20, 3_583] {
        let refused = Bundle::open(&card, &sealed[..end], HOUR);
        assert_eq!(refused, Err(BundleRefused::Length(end)));
    }
    assert!(Bundle::open(&card, &sealed, NOT_AFTER - 1).is_ok());
}

#[test]
fn two_bundles_have_nothing_in_common() {
    let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::from_seed([1; 32]);
    let key = key().encapsulator();
    let offer = Offer {
        shape: Shape::SINGLE,
        servers: &[server(0)],
        ek: &key,
        vk: None,
        name: Name::default(),
        not_after: NOT_AFTER,
    };
    let [one, two] = [(); 2].map(|()| Bundle::make(&offer, &mut rng).unwrap());
    assert_ne!(one.secret(), two.secret());
    assert_ne!(one.as_bytes()[..32], two.as_bytes()[..32]);
    let sender = |bundle: &Bundle| {
        bundle.secret().connection(0, &server(0).fingerprint).sender_id(&server(0).fingerprint)
    };
    assert_ne!(sender(&one), sender(&two));
    // The same secret gives each place, and each server, a connection of its own.
    let secret = one.secret();
    let connections: std::collections::BTreeSet<_> = (0..10)
        .flat_map(|place| [(place, server(0)), (place, server(1))])
        .map(|(place, server)| *secret.connection(place, &server.fingerprint).as_bytes())
        .collect();
    assert_eq!(connections.len(), 20);
}

/// A card with one short host fits version 6 of a QR code at M, with three version 10.
#[test]
fn cards_are_short() {
    let [one, three] = [1, 3].map(|n| {
        let servers: Vec<_> = (0..n).map(|n| server(3 * n)).collect();
        let secret = Secret::from_bytes(&[7; 32]);
        Card::new(CardKind::Shown, secret, &servers).unwrap().to_text().len()
    });
    assert!(one <= 154 && three <= 311, "{one} {three}");
    let long = |n: usize| {
        let label = "a".repeat(49);
        let edge = Edge { host: format!("{label}.{label}{n}"), port: 65_535 };
        Address { edge, tls: false, ..server(n) }
    };
    let servers: Vec<_> = (0..3).map(long).collect();
    let longest = Card::new(CardKind::Sent, Secret::from_bytes(&[7; 32]), &servers).unwrap();
    assert_eq!(longest.to_text().len(), edgewise_spec::constants::CARD_LEN_MAX);
    assert_eq!(Card::parse(&longest.to_text()), Ok(longest));
}

#[test]
fn nothing_secret_is_printed() {
    let bundle = bundle_over(1, false);
    let card = bundle.card(true, 1).unwrap();
    let printed = format!(
        "{bundle:?} {card:?} {:?} {:?}",
        bundle.secret(),
        bundle.secret().connection(0, &[0; 32])
    );
    assert_eq!(printed, "Bundle Card Secret ConnectionSecret");
}

#[test]
fn hosts_have_one_spelling() {
    let mut shouted = server(0);
    shouted.edge.host = "EDGE0.Example".to_owned();
    let offer = |server| {
        let offer = Offer {
            shape: Shape::SINGLE,
            servers: &[server],
            ek: &key().encapsulator(),
            vk: None,
            name: Name::default(),
            not_after: NOT_AFTER,
        };
        Bundle::with_salt(&offer, &[1; 32]).unwrap()
    };
    assert_eq!(offer(shouted.clone()).as_bytes(), offer(server(0)).as_bytes());
    let card = Card::new(CardKind::Sent, Secret::from_bytes(&[1; 32]), &[shouted]).unwrap();
    assert_eq!(card.servers(), [server(0)]);
}
