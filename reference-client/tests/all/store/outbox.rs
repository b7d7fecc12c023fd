//! The outbox in the store and the outbox of the sender's end are the same one.

use std::collections::VecDeque;

use edgewise_client::SenderState;
use edgewise_client::store::{Cell, End, Says, Sending, Store, StoreError, StoreMisuse};
use edgewise_spec::client::{Kept, Outbox, SenderEnd};

use super::{Filled, Home, fill, part, versioned};

fn stored(store: &Store, filled: &Filled) -> SenderState {
    match store.read().connection(filled.sender).unwrap().unwrap().end {
        End::Sender(state) => *state,
        End::Recipient(_) => panic!("another role"),
    }
}

fn send(store: &mut Store, filled: &Filled, s: u32) -> u64 {
    let revision = store.read().session(filled.session).unwrap().unwrap().revision;
    let cell = Cell { s, parts: vec![(filled.sender, part(u8::try_from(s).unwrap()))] };
    let sending = Sending {
        session: filled.session,
        revision,
        state: &versioned(b"next"),
        cells: &[cell],
        says: Says::Nothing,
    };
    store.write(|tx| tx.send(&sending)).unwrap().numbers[0].1
}

#[test]
fn numbers_and_submissions_are_those_of_the_end() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let mut end = SenderEnd::new(stored(&store, &filled));
    assert_eq!(end.state().outbox.iter().count(), 5);
    for s in 6..=9 {
        assert_eq!(send(&mut store, &filled, s), end.push(part(u8::try_from(s).unwrap())));
    }
    for through in [2, 2, 6, 40] {
        end.release(through);
        store.write(|tx| tx.release(filled.sender, through)).unwrap();
        assert_eq!(stored(&store, &filled).outbox, end.state().outbox, "through {through}");
    }
    assert_eq!(stored(&store, &filled).outbox.next_number(), 9);
    assert_eq!(send(&mut store, &filled, 10), 9, "no number comes twice");
    store.check().unwrap();
}

#[test]
fn releasing_tells_which_messages_arrived() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let released = store.write(|tx| tx.release(filled.sender, 1)).unwrap();
    let told: Vec<_> = released.iter().map(|part| (part.s, part.message.unwrap().0)).collect();
    assert_eq!(told, [(1, 1), (2, 2)]);
    assert!(store.write(|tx| tx.release(filled.sender, 1)).unwrap().is_empty());
    assert!(store.read().part(filled.sender, 1).unwrap().is_none());
    assert!(store.read().part(filled.sender, 2).unwrap().is_some());
}

#[test]
fn parts_that_the_end_does_not_know_yet_stay() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let behind = stored(&store, &filled);
    send(&mut store, &filled, 6);
    store.write(|tx| tx.set_sender(filled.sender, &behind)).unwrap();
    assert_eq!(stored(&store, &filled).outbox.next_number(), 6);
    // It does not know of a release either.
    store.write(|tx| tx.release(filled.sender, 3)).unwrap();
    store.write(|tx| tx.set_sender(filled.sender, &behind)).unwrap();
    let outbox = stored(&store, &filled).outbox;
    assert_eq!((outbox.released(), outbox.first(), outbox.next_number()), (4, 4, 6));
    store.write(|tx| tx.release(filled.sender, 9)).unwrap();
    store.write(|tx| tx.set_sender(filled.sender, &behind)).unwrap();
    assert_eq!(stored(&store, &filled).outbox.next_number(), 6, "no number comes twice");
}

#[test]
fn a_state_with_parts_that_were_never_stored_is_refused() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let mut end = SenderEnd::new(stored(&store, &filled));
    end.push(part(6));
    let refused = store.write(|tx| tx.set_sender(filled.sender, end.state())).unwrap_err();
    let expected = StoreMisuse::PartNotStored { pushed: 6, stored: 5 };
    assert!(matches!(refused, StoreError::Misuse(misuse) if misuse == expected));
}

#[test]
fn answers_new_submissions_and_incarnations_are_kept() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let mut state = stored(&store, &filled);
    let kept: VecDeque<Kept> = state
        .outbox
        .iter()
        .skip(1)
        .enumerate()
        .map(|(at, kept)| Kept { accepted: at < 2, ..kept.clone() })
        .collect();
    // One part was released, two were answered, and all have new submissions from 100 on.
    state.outbox = Outbox::restore(100, 1, kept);
    state.incarnation = Some(5);
    store.write(|tx| tx.set_sender(filled.sender, &state)).unwrap();
    let read = stored(&store, &filled);
    assert_eq!((read.outbox, read.incarnation), (state.outbox, Some(5)));
    store.close().unwrap();
    let store = home.open();
    assert_eq!(stored(&store, &filled).outbox.lowest_unanswered(), 102);
}
