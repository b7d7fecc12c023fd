//! A disk that is really full. `transaction.rs` tests the same with a bounded file.

use std::path::PathBuf;

use edgewise_client::store::{Store, StoreError, Unlock};

use super::{OPTIONS, dump, fill, said};

/// Needs a small disk of its own: `mount -t tmpfs -o size=1m none /mnt/small`, and its path in
/// `EDGEWISE_SMALL_DISK`.
#[test]
#[ignore = "needs a small disk"]
fn a_full_disk_loses_nothing() {
    let folder = PathBuf::from(std::env::var_os("EDGEWISE_SMALL_DISK").unwrap());
    let (path, filler) = (folder.join("chat.db"), folder.join("filler"));
    // What the user can free.
    let spare = folder.join("spare");
    std::fs::write(&spare, vec![0; 300_000]).unwrap();
    let unlock = Unlock::make_key_file(&folder.join("key")).unwrap();
    let mut store = Store::create(&path, &unlock, &OPTIONS).unwrap();
    let filled = fill(&mut store);
    let mut committed = dump(&store);
    let refused = loop {
        let next = u8::try_from(committed.len() + 90).unwrap();
        let text = "x".repeat(20_000);
        match store.write(|tx| tx.add_message(filled.contact, &said(next, &text))) {
            Ok(_) => committed = dump(&store),
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, StoreError::NoSpace { .. }), "{refused:?}");
    assert!(refused.to_string().contains("all that was committed is kept"));
    assert_eq!(dump(&store), committed);
    // Not even a byte is left: it opens and reads all the same.
    let room = std::fs::write(&filler, vec![0; 1 << 20]);
    assert!(room.is_err(), "the disk is full");
    drop(store);
    let store = Store::open(&path, &unlock, &OPTIONS).unwrap();
    assert_eq!(dump(&store), committed);
    assert!(matches!(store.close().unwrap_err(), StoreError::NoSpace { .. }));
    let refused = Store::create(&folder.join("second.db"), &unlock, &OPTIONS).unwrap_err();
    assert!(matches!(refused, StoreError::NoSpace { .. }), "{refused:?}");
    assert!(!folder.join("second.db").exists() && !folder.join("second.db-new").exists());
    std::fs::remove_file(&filler).unwrap();
    std::fs::remove_file(&spare).unwrap();
    let mut store = Store::open(&path, &unlock, &OPTIONS).unwrap();
    assert_eq!(dump(&store), committed);
    store.write(|tx| tx.add_message(filled.contact, &said(255, "at last"))).unwrap();
    store.close().unwrap();
    Store::wipe(&path).unwrap();
}
