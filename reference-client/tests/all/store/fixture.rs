//! A store that the code of schema version 1 made is read by the code of today.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use edgewise_client::store::Unlock;

use super::{Home, OPTIONS, dump, fill};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

#[test]
fn the_store_of_version_1_reads_as_it_was_written() {
    let home = Home::new();
    for (from, to) in [("store-v1.db", "chat.db"), ("store-v1.key", "key")] {
        let to = home.folder.path().join(to);
        fs::copy(fixtures().join(from), &to).unwrap();
        // Version control keeps no such permissions.
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let store = home.open();
    let expected = fs::read_to_string(fixtures().join("store-v1.txt")).unwrap();
    assert_eq!(dump(&store).join("\n"), expected);
}

/// Writes the fixture. The one of version 1 is never written again: a later schema gets another
/// name here, and its own test.
#[test]
#[ignore = "writes a file of the repository"]
fn write_the_fixture() {
    let path = fixtures().join("store-v1.db");
    let key = Unlock::make_key_file(&fixtures().join("store-v1.key")).unwrap();
    let mut store = edgewise_client::store::Store::create(&path, &key, &OPTIONS).unwrap();
    fill(&mut store);
    fs::write(fixtures().join("store-v1.txt"), dump(&store).join("\n")).unwrap();
    store.close().unwrap();
    for ending in ["-lock", "-mark"] {
        fs::remove_file(fixtures().join(format!("store-v1.db{ending}"))).unwrap();
    }
}
