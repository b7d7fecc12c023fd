//! A store that the code of an earlier schema version made is read by the code of today.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use edgewise_client::store::{Store, Unlock};

use super::{Home, OPTIONS, dump, fill};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A copy of the store that a version made, and what that version read in it.
fn copy(version: u32) -> (Home, Vec<String>) {
    let home = Home::new();
    for (ending, to) in [("db", "chat.db"), ("key", "key")] {
        let from = fixtures().join(format!("store-v{version}.{ending}"));
        let to = home.folder.path().join(to);
        fs::copy(from, &to).unwrap();
        // Version control keeps no such permissions.
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let expected = fs::read_to_string(fixtures().join(format!("store-v{version}.txt"))).unwrap();
    (home, expected.lines().map(str::to_owned).collect())
}

#[test]
fn the_store_of_version_1_reads_as_it_was_written_but_for_its_inbox() {
    let (home, mut expected) = copy(1);
    let all = expected.len();
    expected.retain(|line| !line.starts_with("Acknowledge("));
    assert_eq!(expected.len(), all - 1);
    let store = home.open();
    assert_eq!(dump(&store), expected);
    store.check().unwrap();
    store.close().unwrap();
    assert_eq!(dump(&home.open()), expected, "once more, without a step");
}

#[test]
fn the_store_of_version_2_reads_as_it_was_written() {
    let (home, expected) = copy(2);
    let store = home.open();
    assert_eq!(dump(&store), expected);
    store.check().unwrap();
    store.close().unwrap();
    assert_eq!(dump(&home.open()), expected, "once more, without a step");
}

#[test]
fn the_store_of_version_3_reads_as_it_was_written() {
    let (home, expected) = copy(3);
    assert_eq!(dump(&home.open()), expected);
}

/// Writes the fixture of today's version. Those of earlier ones are never written again: a later
/// schema gets another name here, and its own test.
#[test]
#[ignore = "writes a file of the repository"]
fn write_the_fixture() {
    let path = fixtures().join("store-v3.db");
    let key = Unlock::make_key_file(&fixtures().join("store-v3.key")).unwrap();
    let mut store = Store::create(&path, &key, &OPTIONS).unwrap();
    fill(&mut store);
    fs::write(fixtures().join("store-v3.txt"), dump(&store).join("\n")).unwrap();
    store.close().unwrap();
    for ending in ["-lock", "-mark"] {
        fs::remove_file(fixtures().join(format!("store-v3.db{ending}"))).unwrap();
    }
}
