//! Parts of cells that wait for the others.

use edgewise_client::store::{End, Owner, StoreError, StoreMisuse};

use super::{Home, connection, fill, held, recipient, versioned};

#[test]
fn a_part_is_held_until_it_is_let_go() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    store
        .write(|tx| {
            tx.hold(filled.recipient, &held(9, "nine"))?;
            tx.hold(filled.recipient, &held(7, "seven"))
        })
        .unwrap();
    store.close().unwrap();
    let mut store = home.open();
    let all = store.read().all_held(filled.recipient).unwrap();
    assert_eq!(all, [held(3, "held-canary"), held(7, "seven"), held(9, "nine")]);
    assert_eq!(store.read().held(filled.recipient, 7).unwrap(), Some(held(7, "seven")));
    assert_eq!(store.read().held(filled.recipient, 8).unwrap(), None);
    assert_eq!(store.read().held(filled.sender, 7).unwrap(), None);
    // One for each cell of a connection.
    store.write(|tx| tx.hold(filled.recipient, &held(7, "again"))).unwrap();
    assert_eq!(store.read().held(filled.recipient, 7).unwrap(), Some(held(7, "again")));
    assert!(store.write(|tx| tx.let_go(filled.recipient, 7)).unwrap());
    assert!(!store.write(|tx| tx.let_go(filled.recipient, 7)).unwrap(), "it is gone");
    let left = store.read().all_held(filled.recipient).unwrap();
    assert_eq!(left, [held(3, "held-canary"), held(9, "nine")]);
    store.write(|tx| tx.let_all_go(filled.recipient)).unwrap();
    assert_eq!(store.read().all_held(filled.recipient).unwrap(), []);
    store.check().unwrap();
}

#[test]
fn a_part_is_held_with_all_else_of_its_transaction_or_not_at_all() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let refused = store.write(|tx| {
        tx.hold(filled.recipient, &held(7, "seven"))?;
        tx.set_session(filled.session, 99, &versioned(b"of another revision"))
    });
    assert!(matches!(refused, Err(StoreError::Misuse(StoreMisuse::Stale(_)))), "{refused:?}");
    assert_eq!(store.read().held(filled.recipient, 7).unwrap(), None);
}

#[test]
fn held_parts_go_with_their_connection_and_with_its_contact() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let end = End::Recipient(Box::new(recipient()));
    let its = connection(filled.profile, Owner::Contact(filled.contact), end);
    let its = store.write(|tx| {
        let its = tx.add_connection(&its)?;
        tx.hold(its, &held(7, "seven"))?;
        Ok::<_, StoreError>(its)
    });
    let its = its.unwrap();
    store.write(|tx| tx.remove_connection(filled.recipient)).unwrap();
    assert_eq!(store.read().all_held(filled.recipient).unwrap(), []);
    assert_eq!(store.read().all_held(its).unwrap(), [held(7, "seven")]);
    store.write(|tx| tx.remove_contact(filled.contact)).unwrap();
    assert_eq!(store.read().all_held(its).unwrap(), []);
    store.check().unwrap();
    let gone = store.write(|tx| tx.hold(its, &held(8, "eight"))).unwrap_err();
    assert!(matches!(gone, StoreError::Misuse(StoreMisuse::Unknown("connection"))), "{gone:?}");
}

/// Ten connections that hold parts of the same cells do not show that they belong together.
#[test]
fn rows_of_one_cell_have_nothing_in_common() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let end = End::Recipient(Box::new(recipient()));
    let other = connection(filled.profile, Owner::Contact(filled.contact), end);
    store
        .write(|tx| {
            let other = tx.add_connection(&other)?;
            for s in 1..=20 {
                tx.hold(filled.recipient, &held(s, "one"))?;
                tx.hold(other, &held(s, "other"))?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
    store.close().unwrap();
    let db = rusqlite::Connection::open(&home.path).unwrap();
    let one = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(one("SELECT count(*) FROM held"), 40);
    assert_eq!(one("SELECT count(DISTINCT held) FROM held"), 40);
    assert_eq!(one("SELECT count(*) FROM held WHERE held < 1000000"), 0);
}
