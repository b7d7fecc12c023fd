//! One process at a time.

use std::fs;

use edgewise_client::store::{Store, StoreError};

use super::kill::Child;
use super::{Home, fill};

#[test]
fn a_store_in_use_names_the_other_process() {
    let home = Home::new();
    let mut store = home.create();
    fill(&mut store);
    store.close().unwrap();
    let child = Child::start(&home, "hold");
    child.wait_for("held");
    for refused in [home.try_open().map(drop), Store::wipe(&home.path)] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, StoreError::InUse { pid: Some(pid), .. } if pid == child.id()),
            "{refused:?}"
        );
        assert!(refused.to_string().contains(&format!("process {}", child.id())));
    }
    let again = Store::create(&home.path, &home.unlock, &super::OPTIONS).unwrap_err();
    assert!(matches!(again, StoreError::InUse { .. }));
    child.kill();
    // Its lock file is still there, with its id: the lock is not.
    assert!(home.beside("-lock").exists());
    home.open();
}

#[test]
fn the_same_process_is_told_apart_too() {
    let home = Home::new();
    let store = home.create();
    let refused = home.try_open().unwrap_err();
    let own = std::process::id();
    assert!(matches!(refused, StoreError::InUse { pid: Some(pid), .. } if pid == own));
    drop(store);
    home.open();
}

#[test]
fn a_lock_file_left_behind_blocks_nobody() {
    let home = Home::new();
    home.create().close().unwrap();
    for left in ["1\n", "4294967295\n", "", "not a number, and much longer than any number is"] {
        fs::write(home.beside("-lock"), left).unwrap();
        home.open();
    }
    let held = home.open();
    fs::write(home.beside("-lock"), "???").unwrap();
    let refused = home.try_open().unwrap_err();
    assert!(matches!(refused, StoreError::InUse { pid: None, .. }));
    assert!(refused.to_string().contains("another process"));
    drop(held);
}
