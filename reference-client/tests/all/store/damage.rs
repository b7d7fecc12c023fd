//! Bits that flip, pages that vanish, files that are older than they should be.
//!
//! Whatever happens to the files, a store that opens is the one that was committed last.

use std::fs;
use std::path::Path;

use edgewise_client::store::{Store, StoreError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Filled, Home, OPTIONS, dump, fill, said, say};

const PAGE: usize = 4_096;

fn copy(from: &Home, to: &Home) {
    for ending in ["", "-wal", "-mark"] {
        let _ = fs::remove_file(to.beside(ending));
        if from.beside(ending).exists() {
            fs::copy(from.beside(ending), to.beside(ending)).unwrap();
        }
    }
}

/// Opens what may be damaged: `Err` with what is told, or the dump.
fn look(home: &Home, unlock: &Home) -> Result<Vec<String>, StoreError> {
    let store = Store::open(&home.path, &unlock.unlock, &OPTIONS)?;
    Ok(dump(&store))
}

fn must_be_noticed(refused: &StoreError, what: &str) {
    let told = refused.to_string();
    match refused {
        StoreError::Corrupt { .. } => assert!(told.contains("keep a copy"), "{told}"),
        StoreError::RolledBack { .. } => assert!(told.contains("Bring the newer"), "{told}"),
        // The plain header says so, and nobody can tell that it lies.
        StoreError::NotAStore { .. } | StoreError::FromTheFuture { .. } => {}
        other => panic!("{what}: {other:?}"),
    }
}

fn closed() -> (Home, Vec<String>) {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    // Enough that most pages are full.
    for number in 110..150 {
        let text = "x".repeat(40 * usize::from(number - 100));
        store.write(|tx| tx.add_message(filled.contact, &said(number, &text))).unwrap();
    }
    let before = dump(&store);
    store.close().unwrap();
    (home, before)
}

/// Damages copies of one file, and counts how often it was noticed.
fn damage(
    home: &Home,
    file: &str,
    before: &[String],
    mut change: impl FnMut(&mut Vec<u8>) -> Option<String>,
) -> (usize, usize) {
    let bytes = fs::read(home.beside(file)).unwrap();
    let other = Home::new();
    let (mut noticed, mut harmless) = (0, 0);
    loop {
        let mut damaged = bytes.clone();
        let Some(what) = change(&mut damaged) else { return (noticed, harmless) };
        copy(home, &other);
        fs::write(other.beside(file), &damaged).unwrap();
        match look(&other, home) {
            Ok(found) => {
                assert_eq!(found, before, "{what}: opened, and not what was committed");
                harmless += 1;
            }
            Err(refused) => {
                must_be_noticed(&refused, &what);
                noticed += 1;
            }
        }
    }
}

/// Whether a byte holds something: unused space is zeros, and of the header SQLite does not use its
/// counters of changes.
fn used(bytes: &[u8], at: usize) -> bool {
    bytes[at] != 0 && !matches!(at, 24..28 | 40..44 | 92..100)
}

#[test]
fn a_bit_that_flips_in_any_page_is_noticed_or_has_no_effect() {
    let (home, before) = closed();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let whole = fs::read(&home.path).unwrap();
    let pages = whole.len() / PAGE;
    assert!(pages > 20, "{pages} pages");
    let flips: Vec<usize> =
        (0..pages * 8).map(|at| at / 8 * PAGE * 8 + rng.next_u32() as usize % (PAGE * 8)).collect();
    let mut bits = flips.iter().filter(|bit| used(&whole, *bit / 8)).count();
    let mut flips = flips.into_iter();
    let (noticed, harmless) = damage(&home, "", &before, |bytes| {
        let bit = flips.next()?;
        bytes[bit / 8] ^= 1 << (bit % 8);
        Some(format!("byte {} bit {}", bit / 8, bit % 8))
    });
    // What is not noticed lies in space that no row uses.
    bits -= noticed.min(bits);
    assert!(bits == 0 && noticed > 100, "{bits} more, {noticed} noticed, {harmless} harmless");
}

#[test]
fn every_byte_of_the_header_and_of_the_schema_counts() {
    let (home, before) = closed();
    let mut at = 0..PAGE;
    let (noticed, _) = damage(&home, "", &before, |bytes| {
        let at = at.by_ref().step_by(7).next()?;
        bytes[at] ^= 0x11;
        Some(format!("byte {at}"))
    });
    assert!(noticed > 150, "{noticed}");
}

#[test]
fn a_page_that_is_lost_or_another_one_is_noticed() {
    let (home, before) = closed();
    let pages = fs::metadata(&home.path).unwrap().len() as usize / PAGE;
    let mut rounds = (0..pages).flat_map(|page| [(page, 0), (page, 1)]);
    let (noticed, harmless) = damage(&home, "", &before, |bytes| {
        let (page, how) = rounds.next()?;
        let other = (page + 1) % pages;
        let filling = match how {
            0 => vec![0; PAGE],
            _ => bytes[other * PAGE..][..PAGE].to_vec(),
        };
        bytes[page * PAGE..][..PAGE].copy_from_slice(&filling);
        Some(format!("page {page}, {how}"))
    });
    assert_eq!(harmless, 0, "{noticed} noticed");
}

#[test]
fn a_file_that_ends_too_early_is_noticed() {
    let (home, before) = closed();
    let len = fs::metadata(&home.path).unwrap().len() as usize;
    let mut lens = (0..len).step_by(PAGE).chain([1, 17, 50, 99, 100, 101, PAGE + 1, len - 1]);
    let (_, harmless) = damage(&home, "", &before, |bytes| {
        let len = lens.next()?;
        bytes.truncate(len);
        Some(format!("{len} bytes"))
    });
    assert_eq!(harmless, 0);
}

/// A store whose last transactions are in the log alone, as after a crash.
fn crashed() -> (Home, Vec<String>) {
    let (home, _) = closed();
    let mut store = home.open();
    let filled = fill(&mut store);
    let after = dump(&store);
    say(&mut store, &filled, 6);
    let last = dump(&store);
    assert_ne!(after, last);
    let frozen = Home::new();
    copy(&home, &frozen);
    fs::copy(home.folder.path().join("key"), frozen.folder.path().join("key")).unwrap();
    (frozen, last)
}

#[test]
fn a_log_that_is_damaged_cut_or_gone_never_brings_back_an_older_state() {
    let (home, before) = crashed();
    let len = fs::metadata(home.beside("-wal")).unwrap().len() as usize;
    assert!(len > 10 * PAGE);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut flips = (0..len / 1_024).map(|at| at * 1_024 + rng.next_u32() as usize % 1_024);
    let (noticed, harmless) = damage(&home, "-wal", &before, |bytes| {
        let at = flips.next()?;
        bytes[at] ^= 0x20;
        Some(format!("byte {at} of the log"))
    });
    assert!(noticed > 100, "{noticed} noticed, {harmless} harmless");
    let mut lens = (0..len).step_by(3_997);
    let (_, harmless) = damage(&home, "-wal", &before, |bytes| {
        let len = lens.next()?;
        bytes.truncate(len);
        Some(format!("log of {len} bytes"))
    });
    assert_eq!(harmless, 0);
    fs::remove_file(home.beside("-wal")).unwrap();
    assert!(matches!(home.try_open().unwrap_err(), StoreError::RolledBack { .. }));
}

fn older(home: &Home, filled: &Filled) -> Vec<u8> {
    let mut store = home.open();
    say(&mut store, filled, 6);
    store.close().unwrap();
    let bytes = fs::read(&home.path).unwrap();
    let mut store = home.open();
    say(&mut store, filled, 7);
    store.close().unwrap();
    bytes
}

#[test]
fn a_copy_that_is_put_back_is_refused_until_the_user_insists() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    store.close().unwrap();
    let old = older(&home, &filled);
    fs::write(&home.path, &old).unwrap();
    let refused = home.try_open().unwrap_err();
    let StoreError::RolledBack { found, committed, mark, .. } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!((*committed, found + 1), (found + 1, *committed));
    assert!(refused.to_string().contains(&mark.display().to_string()));
    fs::remove_file(mark).unwrap();
    assert_eq!(home.open().read().session(filled.session).unwrap().unwrap().sealed, 6);
}

/// Exchanges the value of one row with that of another file, as somebody who can write the file
/// would who wants a counter to be used again.
fn transplant(from: &Path, to: &Path, table: &str, row: &str) {
    let sql = format!("SELECT sealed FROM {table} {row}");
    let old: Vec<u8> =
        rusqlite::Connection::open(from).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap();
    let db = rusqlite::Connection::open(to).unwrap();
    assert!(db.execute(&format!("UPDATE {table} SET sealed = ?1 {row}"), [old]).unwrap() > 0);
}

#[test]
fn an_old_row_another_rows_value_or_a_missing_row_is_noticed() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    store.close().unwrap();
    let old = older(&home, &filled);
    let aside = Home::new();
    fs::write(&aside.path, &old).unwrap();
    let now = fs::read(&home.path).unwrap();
    let refused = |change: &dyn Fn(&rusqlite::Connection)| {
        fs::write(&home.path, &now).unwrap();
        change(&rusqlite::Connection::open(&home.path).unwrap());
        home.try_open().unwrap_err()
    };
    let rolled = refused(&|_| transplant(&aside.path, &home.path, "session", ""));
    assert!(matches!(&rolled, StoreError::Corrupt { what, .. } if what.contains("session")));
    for sql in [
        "UPDATE outbox SET sealed = (SELECT sealed FROM outbox WHERE number = 1) WHERE number = 2",
        "UPDATE message SET sealed = (SELECT sealed FROM message WHERE position = 1) WHERE position = 2",
        "DELETE FROM outbox WHERE number = 3",
        "DELETE FROM message WHERE position = 3",
        "DELETE FROM message WHERE position = 7",
        "DELETE FROM base",
        "DELETE FROM setting WHERE setting = (SELECT max(setting) FROM setting)",
        "DELETE FROM ledger",
        "DELETE FROM key",
        "UPDATE contact SET contact = contact + 1",
        "UPDATE message SET lookup = lookup + 1 WHERE position = 2",
        "DROP INDEX message_lookup",
        "CREATE TABLE other (x)",
    ] {
        let refused = refused(&|db| {
            db.pragma_update(None, "foreign_keys", false).unwrap();
            db.execute_batch(sql).unwrap();
        });
        assert!(matches!(refused, StoreError::Corrupt { .. }), "{sql}: {refused:?}");
    }
}

#[test]
fn a_large_history_is_checked_when_it_is_read() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    store.close().unwrap();
    let db = rusqlite::Connection::open(&home.path).unwrap();
    db.execute("DELETE FROM message WHERE position = 3", []).unwrap();
    drop(db);
    let hasty = edgewise_client::store::Options { check_whole_max: 0, ..OPTIONS };
    let store = Store::open(&home.path, &home.unlock, &hasty).unwrap();
    assert!(store.read().history(filled.contact, None, 3).is_ok());
    for before in [None, Some(edgewise_client::store::Position(4))] {
        let refused = store.read().history(filled.contact, before, 4).unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused:?}");
    }
    assert!(matches!(store.check().unwrap_err(), StoreError::Corrupt { .. }));
    // What a client goes on from is always checked.
    drop(store);
    let db = rusqlite::Connection::open(&home.path).unwrap();
    db.execute("DELETE FROM outbox WHERE number = 3", []).unwrap();
    drop(db);
    let refused = Store::open(&home.path, &home.unlock, &hasty).unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused:?}");
}
