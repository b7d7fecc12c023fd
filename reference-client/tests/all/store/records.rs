//! What is stored is read as it was.

use edgewise_client::store::{
    Connection, Contact, End, Given, Invitation, Owner, Profile, Server, Store, StoreError,
    StoreMisuse,
};
use edgewise_spec::time::Now;

use super::{ADDRESS, Filled, Home, connection, dump, fill, recipient, sender, versioned};

fn sender_of(store: &Store, filled: &Filled) -> Connection {
    store.read().connection(filled.sender).unwrap().unwrap()
}

#[test]
fn everything_is_there_after_it_was_closed_and_opened() {
    let home = Home::new();
    let mut store = home.create();
    fill(&mut store);
    let before = dump(&store);
    assert_eq!(before.len(), 18, "{before:#?}");
    store.close().unwrap();
    assert!(!home.beside("-wal").exists(), "the log is emptied");
    let store = home.open();
    assert_eq!(dump(&store), before);
    store.check().unwrap();
}

#[test]
fn everything_is_there_after_it_was_only_dropped() {
    let home = Home::new();
    let mut store = home.create();
    fill(&mut store);
    let before = dump(&store);
    drop(store);
    assert_eq!(dump(&home.open()), before);
}

#[test]
fn both_ends_of_a_connection_come_back_with_keys_chain_and_numbers() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let stored = sender_of(&store, &filled);
    assert_eq!(stored.owner, Owner::Contact(filled.contact));
    assert_eq!((stored.place, stored.address), (3, ADDRESS.parse().unwrap()));
    let End::Sender(read) = stored.end else { panic!("another role") };
    let wrote = sender();
    assert_eq!(read.keys.newest().record(), wrote.keys.newest().record());
    assert_eq!(read.keys.before().unwrap().record(), wrote.keys.before().unwrap().record());
    assert_eq!(read.keys.chain(), wrote.keys.chain());
    assert_eq!(read.keys.chain().len(), 2);
    assert_eq!(*read.claim.unwrap().to_seed(), *wrote.claim.unwrap().to_seed());
    assert_eq!((read.claimed, read.incarnation), (wrote.claimed, wrote.incarnation));
    assert_eq!(read.unreachable_since, wrote.unreachable_since);

    let stored = store.read().connection(filled.recipient).unwrap().unwrap();
    let End::Recipient(read) = stored.end else { panic!("another role") };
    let wrote = recipient();
    assert_eq!((read.recipient_id, read.terms), (wrote.recipient_id, wrote.terms));
    assert_eq!(read.keys.chain(), wrote.keys.chain());
    assert_eq!(read.open.unwrap().1, wrote.open.unwrap().1);
    assert_eq!(read.claim_vk, wrote.claim_vk);
    assert_eq!(read.sender_key, wrote.sender_key);
    assert_eq!((read.created, read.suspended, read.window_parts), (true, true, 16));
}

#[test]
fn a_changed_recipient_is_stored_and_roles_are_not_mixed_up() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let mut state = recipient();
    state.open = None;
    state.suspended = false;
    store.write(|tx| tx.set_recipient(filled.recipient, &state)).unwrap();
    let stored = store.read().connection(filled.recipient).unwrap().unwrap();
    let End::Recipient(read) = stored.end else { panic!("another role") };
    assert!(read.open.is_none() && !read.suspended);
    let refused = store.write(|tx| tx.set_recipient(filled.sender, &state)).unwrap_err();
    assert!(matches!(refused, StoreError::Misuse(StoreMisuse::OtherRole)));
    let refused = store.write(|tx| tx.set_sender(filled.recipient, &sender())).unwrap_err();
    assert!(matches!(refused, StoreError::Misuse(StoreMisuse::OtherRole)));
}

#[test]
fn changes_replace_and_lists_are_in_order() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let mut carol = Contact::named(filled.profile, "Carol", Now::from_seconds(1));
    let id = store.write(|tx| tx.add_contact(&carol)).unwrap();
    carol.blocked = true;
    store.write(|tx| tx.set_contact(id, &carol)).unwrap();
    let contacts = store.read().contacts(filled.profile).unwrap();
    let names: Vec<_> = contacts.iter().map(|(_, contact)| contact.name.as_str()).collect();
    assert_eq!(names, ["Carol", "Bob Canary"]);
    assert!(contacts[0].1.blocked);

    let (_, mut server) = store.read().servers(filled.profile).unwrap().remove(0);
    server.rank = 1;
    let first = store.write(|tx| tx.add_server(&server)).unwrap();
    server.known = versioned(b"more epochs");
    store.write(|tx| tx.set_server(first, &server)).unwrap();
    let servers = store.read().servers(filled.profile).unwrap();
    let ranks: Vec<_> = servers.iter().map(|(_, server)| server.rank).collect();
    assert_eq!((ranks, servers[0].0), (vec![1, 2], first));
    assert_eq!(store.read().server(first).unwrap().unwrap().known.bytes(), b"more epochs");

    store.write(|tx| tx.set_profile(filled.profile, &Profile::named("Anna"))).unwrap();
    assert_eq!(store.read().profile(filled.profile).unwrap().unwrap().name, "Anna");
    store.check().unwrap();
}

#[test]
fn how_an_invitation_was_given_never_gets_better() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let read = |store: &Store| store.read().invitation(filled.invitation).unwrap().unwrap();
    let shown = read(&store);
    assert_eq!(shown.given, Given::Shown);
    for (given, becomes) in
        [(Given::Not, Given::Shown), (Given::Sent, Given::Sent), (Given::Shown, Given::Sent)]
    {
        let changed = Invitation { given, ..shown.clone() };
        store.write(|tx| tx.set_invitation(filled.invitation, &changed)).unwrap();
        assert_eq!(read(&store).given, becomes);
    }
}

#[test]
fn settings_belong_to_a_profile_or_to_all() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let profile = Some(filled.profile);
    store.write(|tx| tx.set_setting(profile, "theme-canary", &versioned(b"light"))).unwrap();
    let read = |store: &Store, whose, name| store.read().setting(whose, name).unwrap();
    assert_eq!(read(&store, profile, "theme-canary"), Some(versioned(b"light")));
    assert_eq!(read(&store, None, "theme-canary"), Some(versioned(b"dark-canary")));
    assert_eq!(read(&store, None, "receipts-canary"), None);
    let names: Vec<_> =
        store.read().settings(profile).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["receipts-canary", "theme-canary"]);
    assert!(store.write(|tx| tx.remove_setting(None, "theme-canary")).unwrap());
    assert!(!store.write(|tx| tx.remove_setting(None, "theme-canary")).unwrap());
    assert_eq!(read(&store, None, "theme-canary"), None);
}

#[test]
fn removing_a_contact_removes_what_is_theirs_and_nothing_else() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let own = connection(filled.profile, Owner::Profile, End::Recipient(Box::new(recipient())));
    let own = store.write(|tx| tx.add_connection(&own)).unwrap();
    store.write(|tx| tx.remove_contact(filled.contact)).unwrap();
    let left = dump(&store);
    // Profile, two settings, server, the profile's own connection.
    assert_eq!(left.len(), 5, "{left:#?}");
    assert!(store.read().connection(own).unwrap().is_some());
    assert!(store.read().base(filled.session).unwrap().is_none());
    store.check().unwrap();
    store.write(|tx| tx.remove_profile(filled.profile)).unwrap();
    assert_eq!(dump(&store).len(), 1);
    store.check().unwrap();
}

#[test]
fn nothing_belongs_to_what_is_not_there() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let before = dump(&store);
    let (profile, contact) = (filled.profile, filled.contact);
    let gone = edgewise_client::store::ProfileId::from_number(profile.number() ^ 1);
    let nobody = edgewise_client::store::ContactId::from_number(contact.number() ^ 1);
    let stranger = Contact::named(gone, "Eve", Now::default());
    let (_, server) = store.read().servers(profile).unwrap().remove(0);
    let server = Server { profile: gone, ..server };
    let invitation = store.read().invitation(filled.invitation).unwrap().unwrap();
    let invitation = Invitation { profile: gone, ..invitation };
    let lost = connection(gone, Owner::Profile, End::Recipient(Box::new(recipient())));
    let orphan = connection(profile, Owner::Contact(nobody), End::Recipient(Box::new(recipient())));
    let refusals = [
        store.write(|tx| tx.add_contact(&stranger)).unwrap_err(),
        store.write(|tx| tx.set_contact(contact, &stranger)).unwrap_err(),
        store.write(|tx| tx.add_server(&server)).unwrap_err(),
        store.write(|tx| tx.add_invitation(&invitation)).unwrap_err(),
        store.write(|tx| tx.set_invitation(filled.invitation, &invitation)).unwrap_err(),
        store.write(|tx| tx.add_connection(&lost)).unwrap_err(),
        store.write(|tx| tx.add_connection(&orphan)).unwrap_err(),
        store.write(|tx| tx.set_owner(filled.sender, Owner::Contact(nobody))).unwrap_err(),
        store.write(|tx| tx.add_session(nobody, &versioned(b""))).unwrap_err(),
        store.write(|tx| tx.remove_contact(nobody)).unwrap_err(),
        store.write(|tx| tx.remove_profile(gone)).unwrap_err(),
        store.write(|tx| tx.set_setting(Some(gone), "x", &versioned(b""))).unwrap_err(),
    ];
    for refused in refusals {
        assert!(matches!(refused, StoreError::Misuse(StoreMisuse::Unknown(_))), "{refused:?}");
    }
    assert_eq!(dump(&store), before);
}

#[test]
fn a_value_too_long_is_refused_and_nothing_is_written() {
    let home = Home::new();
    let mut store = home.create();
    let long = versioned(&vec![1; 1 << 20]);
    let refused = store.write(|tx| tx.set_setting(None, "long", &long)).unwrap_err();
    assert!(matches!(refused, StoreError::Misuse(StoreMisuse::TooLong(_))));
    assert!(dump(&store).is_empty());
}
