//! The history: pages, search, delivery.

use edgewise_client::store::{
    ContactId, Delivery, Message, Position, Store, StoreError, StoreMisuse,
};

use super::{Home, fill, said, versioned};

fn texts(messages: &[(Position, Message)]) -> Vec<String> {
    let text = |message: &Message| String::from_utf8(message.content.bytes().to_vec()).unwrap();
    messages.iter().map(|(_, message)| text(message)).collect()
}

fn long(store: &mut Store, contact: ContactId) {
    store
        .write(|tx| {
            for number in 0..60 {
                let text = if number % 20 == 7 { "needle" } else { "hay" };
                tx.add_message(contact, &said(number + 150, &format!("{text} {number}")))?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

#[test]
fn pages_run_from_the_newest_to_the_first() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let read = store.read();
    let page = read.history(filled.contact, None, 4).unwrap();
    assert_eq!(
        texts(&page.messages),
        ["answer-canary", "text-canary-5", "text-canary-4", "text-canary-3"]
    );
    assert_eq!(page.before, Some(Position(3)));
    let page = read.history(filled.contact, page.before, 4).unwrap();
    assert_eq!(texts(&page.messages), ["text-canary-2", "text-canary-1"]);
    assert_eq!(page.before, None);
    assert_eq!(read.end(filled.contact).unwrap(), Some(Position(6)));
    let beyond = read.history(filled.contact, Some(Position(99)), 1).unwrap();
    assert_eq!(texts(&beyond.messages), ["answer-canary"]);
    let nobody = ContactId::from_number(1);
    assert!(read.history(nobody, None, 9).unwrap().messages.is_empty());
}

#[test]
fn a_search_opens_no_more_than_it_may_and_goes_on_where_it_stopped() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    long(&mut store, filled.contact);
    let (mut hits, mut before, mut rounds) = (Vec::new(), None, 0);
    loop {
        let mut looked = 0;
        let found = store
            .read()
            .search(filled.contact, before, 25, &mut |message| {
                looked += 1;
                message.content.bytes().starts_with(b"needle")
            })
            .unwrap();
        assert!(looked <= 25);
        hits.extend(texts(&found.messages));
        rounds += 1;
        before = found.before;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(hits, ["needle 47", "needle 27", "needle 7"]);
    assert_eq!(rounds, 3);
}

#[test]
fn a_message_is_found_by_its_id_and_comes_once() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let found = store.read().message_of(filled.contact, &[3; 16]).unwrap().unwrap();
    assert_eq!((found.0, found.1.id), (Position(3), vec![3; 16]));
    assert!(store.read().message_of(filled.contact, &[99; 16]).unwrap().is_none());
    let doubled = store.write(|tx| tx.add_message(filled.contact, &said(3, "again"))).unwrap_err();
    assert!(matches!(doubled, StoreError::Misuse(StoreMisuse::Doubled)));
}

#[test]
fn delivery_only_rises() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let at = Position(2);
    for (delivery, rises) in [
        (Delivery::Accepted, true),
        (Delivery::Waiting, false),
        (Delivery::Seen, true),
        (Delivery::Failed, false),
        (Delivery::Delivered, false),
    ] {
        let rose = store.write(|tx| tx.set_delivery(filled.contact, at, delivery)).unwrap();
        assert_eq!(rose, rises, "{delivery:?}");
    }
    let read = store.read().message(filled.contact, at).unwrap().unwrap();
    assert_eq!(read.delivery, Delivery::Seen);
    let nowhere = store.write(|tx| tx.set_delivery(filled.contact, Position(7), Delivery::Seen));
    assert!(matches!(nowhere, Err(StoreError::Misuse(StoreMisuse::Unknown("message")))));
}

#[test]
fn an_edit_keeps_place_and_id() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let content = versioned(b"corrected");
    store.write(|tx| tx.set_content(filled.contact, Position(2), &content)).unwrap();
    let (at, message) = store.read().message_of(filled.contact, &[2; 16]).unwrap().unwrap();
    assert_eq!((at, message.content), (Position(2), content));
    store.check().unwrap();
}
