//! What a person may have done wrong, and what they are told.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use edgewise_client::store::{Store, StoreError};
use rusqlite::Connection;

use super::{Home, OPTIONS, dump, fill};

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_store_that_is_missing_or_there_already() {
    let home = Home::new();
    let refused = home.try_open().unwrap_err();
    assert!(matches!(refused, StoreError::Missing { .. }));
    assert!(refused.to_string().contains(&home.path.display().to_string()));
    assert!(!home.beside("-lock").exists(), "looking makes nothing");
    let mut store = home.create();
    fill(&mut store);
    let before = dump(&store);
    drop(store);
    let refused = Store::create(&home.path, &home.unlock, &OPTIONS).unwrap_err();
    assert!(matches!(refused, StoreError::Exists { .. }));
    assert_eq!(dump(&home.open()), before);
}

#[test]
fn what_an_interrupted_making_left_is_in_nobodys_way() {
    let home = Home::new();
    fs::write(home.beside("-new"), b"half a store").unwrap();
    assert!(matches!(home.try_open().unwrap_err(), StoreError::Missing { .. }));
    home.create().close().unwrap();
    assert!(!home.beside("-new").exists());
    home.open();
}

#[test]
fn all_files_are_the_owners_alone() {
    let home = Home::new();
    let mut store = home.create();
    fill(&mut store);
    for ending in ["", "-wal", "-lock", "-mark"] {
        assert_eq!(mode_of(&home.beside(ending)), 0o600, "{ending}");
    }
    assert_eq!(mode_of(&home.folder.path().join("key")), 0o600);
    assert!(!home.beside("-shm").exists(), "no memory is shared");
}

#[test]
fn files_that_others_may_use_are_refused() {
    let home = Home::new();
    home.create().close().unwrap();
    let key = home.folder.path().join("key");
    for (file, bits) in
        [(&home.path, 0o644), (&home.path, 0o620), (&home.path, 0o601), (&key, 0o640)]
    {
        mode(file, bits);
        let refused = home.try_open().unwrap_err();
        assert!(
            matches!(&refused, StoreError::Permissions { path, mode } if path == file && *mode == bits),
            "{refused:?}"
        );
        let told = refused.to_string();
        assert!(told.contains(&format!("chmod 600 {}", file.display())), "{told}");
        assert!(told.contains(&format!("{bits:04o}")), "{told}");
        mode(file, 0o600);
    }
    home.open();
}

#[test]
fn other_files_are_no_stores() {
    let home = Home::new();
    for (name, bytes) in [("text", &b"Dear diary, nothing happened today."[..]), ("one", b"x")] {
        let path = home.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        mode(&path, 0o600);
        for refused in [Store::open(&path, &home.unlock, &OPTIONS).map(drop), Store::wipe(&path)] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused:?}");
        }
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    let folder = Store::open(home.folder.path(), &home.unlock, &OPTIONS).unwrap_err();
    assert!(matches!(folder, StoreError::NotAStore { .. }));
    for id in [0, 77] {
        let path = home.folder.path().join(format!("other-{id}"));
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!("PRAGMA application_id = {id}; CREATE TABLE t (x)")).unwrap();
        drop(db);
        mode(&path, 0o600);
        let refused = Store::open(&path, &home.unlock, &OPTIONS).unwrap_err();
        assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused:?}");
        assert!(matches!(Store::wipe(&path).unwrap_err(), StoreError::NotAStore { .. }));
    }
}

#[test]
fn a_store_from_the_future_is_left_alone() {
    let home = Home::new();
    let mut store = home.create();
    fill(&mut store);
    let before = dump(&store);
    store.close().unwrap();
    let set = |version: u32| {
        let db = Connection::open(&home.path).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
    };
    set(9);
    let refused = home.try_open().unwrap_err();
    assert!(matches!(refused, StoreError::FromTheFuture { found: 9, known: 3, .. }), "{refused:?}");
    assert!(refused.to_string().contains("update this program"));
    set(3);
    assert_eq!(dump(&home.open()), before);
    set(0);
    assert!(matches!(home.try_open().unwrap_err(), StoreError::Corrupt { .. }));
}

/// Does nothing unless the test below starts it, as somebody who may not write the folder.
#[test]
#[ignore = "the body of another test"]
fn as_somebody_who_may_not_write() {
    let folder = std::path::PathBuf::from(std::env::var_os("EDGEWISE_FOLDER").unwrap());
    let unlock = edgewise_client::store::Unlock::KeyFile(folder.join("key"));
    for name in ["chat.db", "fixed.db", "still.db"] {
        let refused = Store::open(&folder.join(name), &unlock, &OPTIONS).unwrap_err();
        assert!(matches!(refused, StoreError::ReadOnly { .. }), "{name}: {refused:?}");
        assert!(refused.to_string().contains("check owner and permissions"));
    }
    let refused = Store::create(&folder.join("new.db"), &unlock, &OPTIONS).unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly { .. }), "{refused:?}");
}

#[test]
fn a_folder_or_file_that_cannot_be_written_is_told() {
    let home = Home::new();
    let mut store = home.create();
    fill(&mut store);
    let before = dump(&store);
    store.close().unwrap();
    // Of the other two the lock is there, so that the file itself, or the lack of a log, refuses.
    let copies = ["fixed.db", "fixed.db-lock", "still.db", "still.db-lock"];
    for name in copies {
        let ending = if name.ends_with("lock") { "-lock" } else { "" };
        fs::copy(home.beside(ending), home.folder.path().join(name)).unwrap();
    }
    mode(&home.folder.path().join("fixed.db"), 0o400);
    fs::remove_file(home.beside("-lock")).unwrap();
    mode(home.folder.path(), 0o555);
    // For root no folder is read-only: be nobody then.
    let nobody = 65_534;
    let root = chown(&home.path, Some(nobody), None).is_ok();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "store::refusals::as_somebody_who_may_not_write", "--ignored"]);
    child.env("EDGEWISE_FOLDER", home.folder.path()).current_dir("/");
    if root {
        for name in copies.into_iter().chain(["key"]) {
            chown(home.folder.path().join(name), Some(nobody), None).unwrap();
        }
        child.uid(nobody);
    }
    let output = child.output().unwrap();
    mode(home.folder.path(), 0o700);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    assert_eq!(dump(&home.open()), before);
}
