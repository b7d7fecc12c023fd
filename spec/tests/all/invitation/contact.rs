//! A contact address through its versions, and what strangers leave there.

use edgewise_spec::constants::{ADDRESS_EK_HOURS, REQUEST_GRACE_DAYS, REQUEST_LEN};
use edgewise_spec::invitation::{
    Announcement, BundleRefused, CardKind, ContactBundle, ContactKeys, Name, Request,
    RequestRefused, Root,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::{HOUR, NOT_AFTER, bundle_over, servers};

fn announce(root: &Root, keys: &ContactKeys) -> ContactBundle {
    let present = keys.present().unwrap();
    let announcement = Announcement {
        version: present.version,
        servers: &servers(2),
        ek: &present.key.encapsulator(),
        name: Name::new("Grace").unwrap(),
        not_after: NOT_AFTER,
    };
    ContactBundle::make(root, &announcement).unwrap()
}

#[test]
fn one_card_opens_every_version_and_only_forward() {
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    let root = Root::generate(&mut rng);
    let (salt, seed) = root.to_parts();
    assert_eq!(Root::from_parts(&salt, &seed).to_bytes(), root.to_bytes());
    let mut keys = ContactKeys::generate(&mut rng, HOUR);
    let first = announce(&root, &keys);
    let card = first.card(2).unwrap();
    assert_eq!((card.kind(), card.secret()), (CardKind::Address, &root.secret()));
    // INVITATION-45
    assert!(!keys.renew(&mut rng, HOUR + ADDRESS_EK_HOURS - 1));
    assert!(keys.renew(&mut rng, HOUR + ADDRESS_EK_HOURS));
    let second = announce(&root, &keys);
    assert_eq!((first.version(), second.version()), (1, 2));
    assert_ne!(first.ek(), second.ek());
    assert_ne!(first.sealed()[4..], second.sealed()[4..]);
    assert_eq!(ContactBundle::open(&card, &second.sealed(), 1, HOUR), Ok(second));
    let older = ContactBundle::open(&card, &first.sealed(), 2, HOUR);
    assert_eq!(older, Err(BundleRefused::Older { got: 1, seen: 2 }));
}

#[test]
fn a_replaced_key_opens_for_its_grace_and_not_an_hour_longer() {
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    let root = Root::generate(&mut rng);
    let mut keys = ContactKeys::generate(&mut rng, HOUR);
    let contact = announce(&root, &keys);
    let card = bundle_over(2, false).card(true, 2).unwrap();
    let request = Request::new("it is me", &card).unwrap();
    assert_eq!(request.card().kind(), CardKind::Sent);
    let [one, two] = [(); 2].map(|()| request.seal(&contact, &mut rng));
    assert_eq!(one.len(), REQUEST_LEN);
    assert_ne!(one[4..], two[4..], "two servers see nothing in common but the version");
    let secret = root.secret();
    let replaced = HOUR + ADDRESS_EK_HOURS;
    assert!(keys.renew(&mut rng, replaced));
    assert_eq!(Request::open(&one, &keys, &secret), Ok(request.clone()));
    // INVITATION-46
    keys.renew(&mut rng, replaced + REQUEST_GRACE_DAYS * 24 - 1);
    assert_eq!(Request::open(&two, &keys, &secret), Ok(request));
    keys.renew(&mut rng, replaced + REQUEST_GRACE_DAYS * 24);
    assert_eq!(Request::open(&two, &keys, &secret), Err(RequestRefused::Version(1)));
    // The present key stays, however old.
    let present = keys.present().unwrap().version;
    keys.renew(&mut rng, u32::MAX);
    assert!(keys.of_version(present + 1).is_some());
    assert!(keys.keys().windows(2).all(|pair| pair[0].version < pair[1].version));
}

#[test]
fn a_request_is_for_one_address() {
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    let [one, other] = [(); 2].map(|()| Root::generate(&mut rng));
    let keys = ContactKeys::generate(&mut rng, HOUR);
    let card = bundle_over(1, false).card(false, 1).unwrap();
    let request = Request::new("", &card).unwrap();
    let sealed = request.seal(&announce(&one, &keys), &mut rng);
    assert_eq!(Request::open(&sealed, &keys, &one.secret()), Ok(request));
    // Even where both have the same key.
    assert_eq!(Request::open(&sealed, &keys, &other.secret()), Err(RequestRefused::Sealed));
    for place in [0, 4, 700, 1_123, 1_124, 3_000, 3_904, 3_919] {
        let mut flipped = sealed.to_vec();
        flipped[place] ^= 1;
        assert!(Request::open(&flipped, &keys, &one.secret()).is_err(), "{place}");
    }
}

#[test]
fn an_address_is_no_invitation_and_the_other_way_round() {
    let mut rng = ChaCha20Rng::from_seed([5; 32]);
    let root = Root::generate(&mut rng);
    let contact = announce(&root, &ContactKeys::generate(&mut rng, HOUR));
    let address = contact.card(1).unwrap();
    assert!(Request::new("", &address).is_err());
    assert!(edgewise_spec::invitation::Claimer::new(address).is_err());
    let bundle = bundle_over(1, false);
    let card = bundle.card(false, 1).unwrap();
    let opened = ContactBundle::open(&card, &bundle.sealed(), 0, HOUR);
    assert_eq!(opened, Err(BundleRefused::Commitment));
}

#[test]
fn an_owner_makes_nothing_that_is_refused() {
    let mut rng = ChaCha20Rng::from_seed([6; 32]);
    let root = Root::generate(&mut rng);
    let keys = ContactKeys::generate(&mut rng, HOUR);
    let ek = keys.present().unwrap().key.encapsulator();
    let make = |version, servers: &[_]| {
        let (name, not_after) = (Name::default(), NOT_AFTER);
        let announcement = Announcement { version, servers, ek: &ek, name, not_after };
        ContactBundle::make(&root, &announcement).map(|contact| contact.version())
    };
    assert_eq!(make(1, &servers(10)), Ok(1));
    assert_eq!(make(0, &servers(1)), Err(BundleRefused::Version(0)));
    assert_eq!(make(1, &servers(11)), Err(BundleRefused::Short("servers")));
    assert_eq!(make(1, &[]), Err(BundleRefused::Short("servers")));
    let twice = [servers(1), servers(1)].concat();
    assert_eq!(make(1, &twice), Err(BundleRefused::Twice(1)));
}
