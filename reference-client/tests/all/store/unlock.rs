//! Who can open a store, and what a change of passphrase changes.

use std::fs;
use std::path::Path;

use edgewise_client::store::{Store, StoreError, Unlock};
use rusqlite::Connection;

use super::{Home, OPTIONS, dump, fill};

fn raw(path: &Path, sql: &str) -> Vec<Vec<u8>> {
    let db = Connection::open(path).unwrap();
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn contains(path: &Path, bytes: &[u8]) -> bool {
    fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes)
}

#[test]
fn a_passphrase_opens_and_another_does_not() {
    let home = Home::new();
    let right = Unlock::passphrase("correct horse");
    let mut store = Store::create(&home.path, &right, &OPTIONS).unwrap();
    fill(&mut store);
    let before = dump(&store);
    store.close().unwrap();
    for wrong in ["correct horsf", "correct horse ", "x", "Correct horse"] {
        let refused = Store::open(&home.path, &Unlock::passphrase(wrong), &OPTIONS).unwrap_err();
        assert!(matches!(refused, StoreError::WrongPassphrase), "{refused:?}");
        assert!(refused.to_string().contains("try again"));
    }
    let empty = Store::open(&home.path, &Unlock::passphrase(""), &OPTIONS).unwrap_err();
    assert!(matches!(empty, StoreError::PassphraseUnusable));
    assert_eq!(dump(&Store::open(&home.path, &right, &OPTIONS).unwrap()), before);
}

#[test]
fn the_usual_stretching_is_stored_with_the_store() {
    let home = Home::new();
    let unlock = Unlock::passphrase("correct horse");
    let usual = edgewise_client::store::Options::default();
    Store::create(&home.path, &unlock, &usual).unwrap().close().unwrap();
    let record = raw(&home.path, "SELECT record FROM key").remove(0);
    assert_eq!(record[17..25], [65_536_u32.to_be_bytes(), 3_u32.to_be_bytes()].concat());
    // What is given on opening is for a new passphrase, not for this one.
    Store::open(&home.path, &unlock, &OPTIONS).unwrap();
}

#[test]
fn changing_the_passphrase_wraps_the_key_anew_and_touches_no_value() {
    let home = Home::new();
    let (old, new) = (Unlock::passphrase("old one"), Unlock::passphrase("new one"));
    let mut store = Store::create(&home.path, &old, &OPTIONS).unwrap();
    fill(&mut store);
    let before = dump(&store);
    store.close().unwrap();
    let sealed = "SELECT sealed FROM message UNION ALL SELECT sealed FROM connection \
                  UNION ALL SELECT sealed FROM session UNION ALL SELECT sealed FROM outbox";
    let values = raw(&home.path, sealed);
    let record = raw(&home.path, "SELECT record FROM key").remove(0);
    assert!(contains(&home.path, &record));

    let mut store = Store::open(&home.path, &old, &OPTIONS).unwrap();
    store.change_unlock(&new, OPTIONS.stretch).unwrap();
    // At once, not only after closing: neither the file nor the log has it any more.
    assert!(!contains(&home.path, &record) && !contains(&home.beside("-wal"), &record));
    store.close().unwrap();
    assert_eq!(raw(&home.path, sealed), values);
    let refused = Store::open(&home.path, &old, &OPTIONS).unwrap_err();
    assert!(matches!(refused, StoreError::WrongPassphrase));
    let mut store = Store::open(&home.path, &new, &OPTIONS).unwrap();
    assert_eq!(dump(&store), before);

    // And over to a key file.
    store.change_unlock(&home.unlock, OPTIONS.stretch).unwrap();
    drop(store);
    let refused = Store::open(&home.path, &new, &OPTIONS).unwrap_err();
    assert!(matches!(refused, StoreError::KeyFileNeeded));
    assert_eq!(dump(&home.open()), before);
}

#[test]
fn a_key_file_that_is_missing_another_or_damaged_is_told_apart() {
    let home = Home::new();
    home.create().close().unwrap();
    let key = home.folder.path().join("key");
    let bytes = fs::read(&key).unwrap();

    let refused = Store::open(&home.path, &Unlock::passphrase("x"), &OPTIONS).unwrap_err();
    assert!(matches!(refused, StoreError::KeyFileNeeded));

    let other = Unlock::make_key_file(&home.folder.path().join("other")).unwrap();
    let refused = Store::open(&home.path, &other, &OPTIONS).unwrap_err();
    assert!(matches!(refused, StoreError::WrongKeyFile { .. }), "{refused:?}");

    let again = Unlock::make_key_file(&key).unwrap_err();
    assert!(matches!(again, StoreError::Exists { .. }));
    assert_eq!(fs::read(&key).unwrap(), bytes);

    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        fs::write(&key, &damaged).unwrap();
        let refused = home.try_open().unwrap_err();
        assert!(matches!(refused, StoreError::KeyFileUnusable { .. }), "byte {at}: {refused:?}");
    }
    for damaged in [&bytes[..0], &bytes[..40], &[&bytes[..], b"\n"].concat()] {
        fs::write(&key, damaged).unwrap();
        let refused = home.try_open().unwrap_err();
        assert!(matches!(refused, StoreError::KeyFileUnusable { .. }), "{refused:?}");
        assert!(refused.to_string().contains("restore it from a copy"));
    }
    fs::remove_file(&key).unwrap();
    let refused = home.try_open().unwrap_err();
    assert!(matches!(refused, StoreError::KeyFileMissing { .. }));
    assert!(refused.to_string().contains("bring it back"), "{refused}");
    assert!(refused.to_string().contains(&key.display().to_string()));
}

#[test]
fn a_store_with_a_passphrase_asks_for_it() {
    let home = Home::new();
    Store::create(&home.path, &Unlock::passphrase("x"), &OPTIONS).unwrap();
    let refused = home.try_open().unwrap_err();
    assert!(matches!(refused, StoreError::PassphraseNeeded));
}
