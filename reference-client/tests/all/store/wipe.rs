//! Destroying a store.

use std::fs;

use edgewise_client::store::{Store, StoreError, Unlock};

use super::{Home, OPTIONS, fill};

fn names(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.folder.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn wiping_leaves_nothing_and_needs_no_passphrase() {
    let home = Home::new();
    let unlock = Unlock::passphrase("forgotten");
    let mut store = Store::create(&home.path, &unlock, &OPTIONS).unwrap();
    fill(&mut store);
    // A second name shows what the blocks hold after the first one is gone.
    let kept = home.folder.path().join("kept");
    fs::hard_link(&home.path, &kept).unwrap();
    // As after a crash: log and mark are there.
    std::mem::drop(store);
    fs::write(home.beside("-wal"), vec![7; 5_000]).unwrap();
    Store::wipe(&home.path).unwrap();
    assert_eq!(
        {
            let mut all = names(&home);
            all.sort();
            all
        },
        ["kept", "key"]
    );
    assert!(fs::read(&kept).unwrap().iter().all(|byte| *byte == 0), "overwritten");
    assert!(matches!(Store::wipe(&home.path).unwrap_err(), StoreError::Missing { .. }));
    let mut store = home.create();
    fill(&mut store);
}

#[test]
fn a_damaged_store_can_be_wiped_too() {
    let home = Home::new();
    home.create().close().unwrap();
    let mut bytes = fs::read(&home.path).unwrap();
    bytes.truncate(5_000);
    bytes[..16].fill(b'x');
    fs::write(&home.path, bytes).unwrap();
    assert!(matches!(home.try_open().unwrap_err(), StoreError::Corrupt { .. }));
    Store::wipe(&home.path).unwrap();
    assert_eq!(names(&home), ["key"]);
}

#[test]
fn an_overwritten_file_says_what_it_is() {
    let home = Home::new();
    home.create().close().unwrap();
    let len = fs::metadata(&home.path).unwrap().len();
    fs::write(&home.path, vec![0; usize::try_from(len).unwrap()]).unwrap();
    let refused = home.try_open().unwrap_err();
    assert!(matches!(refused, StoreError::Wiped { .. }), "{refused:?}");
    assert!(refused.to_string().contains("wipe it again"));
    Store::wipe(&home.path).unwrap();
    assert_eq!(names(&home), ["key"]);
}
