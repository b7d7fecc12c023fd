//! Sending and receiving: all of it or nothing, and no counter twice.

use edgewise_client::store::{
    Cell, ConnectionId, Direction, Message, Piece, Receiving, Says, Sending, Store, StoreError,
    StoreMisuse,
};

use super::{Filled, Home, dump, fill, part, said, versioned};

fn revision(store: &Store, filled: &Filled) -> u64 {
    store.read().session(filled.session).unwrap().unwrap().revision
}

fn misuse(result: Result<impl core::fmt::Debug, StoreError>) -> StoreMisuse {
    match result.unwrap_err() {
        StoreError::Misuse(misuse) => misuse,
        other => panic!("{other:?}"),
    }
}

#[test]
fn sending_stores_state_parts_and_message_together() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let at = revision(&store, &filled);
    let cells = [
        Cell { s: 6, parts: vec![(filled.sender, part(61))] },
        Cell { s: 9, parts: vec![(filled.sender, part(91))] },
    ];
    let sending = Sending {
        session: filled.session,
        revision: at,
        state: &versioned(b"after 9"),
        cells: &cells,
        says: Says::New(&said(50, "long")),
    };
    let sent = store.write(|tx| tx.send(&sending)).unwrap();
    assert_eq!(sent.revision, at + 1);
    assert_eq!(sent.numbers, [(filled.sender, 5), (filled.sender, 6)]);
    let session = store.read().session(filled.session).unwrap().unwrap();
    assert_eq!((session.sealed, session.state.bytes()), (9, &b"after 9"[..]));
    let stored = store.read().part(filled.sender, 6).unwrap().unwrap();
    assert_eq!((stored.s, stored.message, stored.part), (9, sent.message, part(91)));
    let position = sent.message.unwrap();
    assert_eq!(store.read().message(filled.contact, position).unwrap(), Some(said(50, "long")));
}

#[test]
fn no_counter_is_sealed_twice() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let before = dump(&store);
    let at = revision(&store, &filled);
    let cell = |s: u32| Cell { s, parts: vec![(filled.sender, part(1))] };
    for (cells, used, sealed) in [
        (vec![cell(5)], 5, 5),
        (vec![cell(1)], 1, 5),
        (vec![cell(6), cell(6)], 6, 6),
        (vec![cell(8), cell(7)], 7, 8),
    ] {
        let sending = Sending {
            session: filled.session,
            revision: at,
            state: &versioned(b"another"),
            cells: &cells,
            says: Says::Nothing,
        };
        let refused = misuse(store.write(|tx| tx.send(&sending)));
        assert_eq!(refused, StoreMisuse::CounterUsed { s: used, sealed });
    }
    assert_eq!(dump(&store), before);
}

#[test]
fn work_on_an_old_state_is_refused() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let before = dump(&store);
    let old = revision(&store, &filled) - 1;
    let state = versioned(b"made from an old one");
    let cells = [Cell { s: 6, parts: vec![(filled.sender, part(1))] }];
    let sending = Sending {
        session: filled.session,
        revision: old,
        state: &state,
        cells: &cells,
        says: Says::Nothing,
    };
    assert_eq!(misuse(store.write(|tx| tx.send(&sending))), StoreMisuse::Stale(old));
    let receiving = Receiving {
        session: filled.session,
        revision: old,
        state: &state,
        message: None,
        pieces: &[],
        joined: &[],
    };
    assert_eq!(misuse(store.write(|tx| tx.receive(&receiving))), StoreMisuse::Stale(old));
    let set = store.write(|tx| tx.set_session(filled.session, old, &state));
    assert_eq!(misuse(set), StoreMisuse::Stale(old));
    assert_eq!(dump(&store), before);
}

#[test]
fn a_sending_that_fails_half_way_leaves_nothing() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let before = dump(&store);
    let nowhere = ConnectionId::from_number(filled.sender.number() ^ 1);
    let parts = vec![(filled.sender, part(1)), (nowhere, part(2))];
    let sending = Sending {
        session: filled.session,
        revision: revision(&store, &filled),
        state: &versioned(b"never"),
        cells: &[Cell { s: 6, parts }],
        says: Says::New(&said(60, "never")),
    };
    let refused = misuse(store.write(|tx| tx.send(&sending)));
    assert_eq!(refused, StoreMisuse::Unknown("connection"));
    assert_eq!(dump(&store), before);
    store.check().unwrap();
}

#[test]
fn an_error_or_a_panic_of_the_caller_leaves_nothing() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let before = dump(&store);
    let failed: Result<(), StoreError> = store.write(|tx| {
        tx.remove_contact(filled.contact)?;
        Err(StoreMisuse::Doubled.into())
    });
    assert!(failed.is_err());
    assert_eq!(dump(&store), before);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.write(|tx| -> Result<(), StoreError> {
            tx.remove_contact(filled.contact)?;
            panic!("in the middle");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(dump(&store), before);
    store.write(|tx| tx.remove_contact(filled.contact)).unwrap();
}

#[test]
fn receiving_stores_state_message_and_pieces() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let read = store.read();
    let (old_piece, _) = read.pieces(filled.session).unwrap().remove(0);
    let message = Message { direction: Direction::Received, ..said(70, "whole") };
    let piece = Piece { expires: 40, content: versioned(b"first half") };
    let at = revision(&store, &filled);
    let receiving = Receiving {
        session: filled.session,
        revision: at,
        state: &versioned(b"opened"),
        message: Some(&message),
        pieces: std::slice::from_ref(&piece),
        joined: &[old_piece],
    };
    let received = store.write(|tx| tx.receive(&receiving)).unwrap();
    assert_eq!(received.revision, at + 1);
    let read = store.read();
    assert_eq!(read.message(filled.contact, received.message.unwrap()).unwrap(), Some(message));
    assert_eq!(read.pieces(filled.session).unwrap(), [(received.pieces[0], piece)]);
    assert_eq!(read.session(filled.session).unwrap().unwrap().state.bytes(), b"opened");
    assert_eq!(read.session(filled.session).unwrap().unwrap().sealed, 5);
}

#[test]
fn cells_are_committed_with_the_state_that_sealed_them_alone() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let before = dump(&store);
    let at = revision(&store, &filled);
    let cell = |s: u32| [Cell { s, parts: vec![(filled.sender, part(1))] }];
    let refused = store.write(|tx| tx.add_cells(filled.session, &cell(6), None));
    assert_eq!(misuse(refused), StoreMisuse::StateNotStored(6));
    // Not even where the part could not be stored and nobody cared.
    let nowhere = ConnectionId::from_number(filled.sender.number() ^ 1);
    let refused = store.write(|tx| {
        let parts = vec![(filled.sender, part(1)), (nowhere, part(2))];
        let _ = tx.add_cells(filled.session, &[Cell { s: 6, parts }], None);
        Ok::<_, StoreError>(())
    });
    assert_eq!(misuse(refused), StoreMisuse::StateNotStored(6));
    assert_eq!(dump(&store), before);
    // Several sealings, and one state for all of them.
    let numbers = store.write(|tx| {
        let first = tx.add_cells(filled.session, &cell(6), None)?;
        let again = tx.add_cells(filled.session, &cell(6), None);
        assert_eq!(misuse(again), StoreMisuse::CounterUsed { s: 6, sealed: 6 });
        let second = tx.add_cells(filled.session, &cell(8), None)?;
        tx.set_session(filled.session, at, &versioned(b"after 8"))?;
        Ok::<_, StoreError>([first, second].concat())
    });
    assert_eq!(numbers.unwrap(), [(filled.sender, 5), (filled.sender, 6)]);
    let session = store.read().session(filled.session).unwrap().unwrap();
    assert_eq!((session.sealed, session.revision), (8, at + 1));
    store.check().unwrap();
}

#[test]
fn pieces_go_when_their_time_is_over() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let late = Piece { expires: 31, content: versioned(b"late") };
    let late_id = store.write(|tx| tx.add_piece(filled.session, &late)).unwrap();
    assert_eq!(store.write(|tx| tx.expire_pieces(filled.session, 29)).unwrap(), 0);
    assert_eq!(store.write(|tx| tx.expire_pieces(filled.session, 30)).unwrap(), 1);
    assert_eq!(store.read().pieces(filled.session).unwrap(), [(late_id, late)]);
    store.write(|tx| tx.remove_piece(filled.session, late_id)).unwrap();
    let again = store.write(|tx| tx.remove_piece(filled.session, late_id));
    assert_eq!(misuse(again), StoreMisuse::Unknown("piece"));
}
