//! What the files show to somebody who has them and no key.

use std::fs;

use edgewise_client::store::{Position, SecretText, StoreError};

use super::{ADDRESS, Home, dump, fill, part, recipient, said, sender, versioned};

/// Everything in [`fill`] that nobody else may read.
fn canaries() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> =
        ["canary", "Canary", ADDRESS, "chat.example", "Ann", "Bob", "dark-"]
            .map(|text| text.into())
            .to_vec();
    all.extend([vec![9; 32], recipient().recipient_id.to_vec(), part(1)[..64].to_vec()]);
    all.push(sender().keys.newest().record().vk.to_vec());
    all.push(sender().keys.newest().signing().to_seed().to_vec());
    all.push(vec![3; 16]);
    all
}

fn shown(home: &Home) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(home.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        files.push((path.display().to_string(), fs::read(path).unwrap()));
    }
    assert!(files.len() >= 4, "store, lock, mark, key");
    files
}

fn contains(bytes: &[u8], canary: &[u8]) -> bool {
    bytes.windows(canary.len()).any(|window| window == canary)
}

#[test]
fn no_file_shows_names_texts_ids_addresses_or_keys() {
    let home = Home::new();
    let mut store = home.create();
    fill(&mut store);
    let dumped = dump(&store).join("\n");
    assert!(dumped.contains("text-canary-3") && dumped.contains("Bob Canary"));
    let mut files = shown(&home);
    assert!(files.iter().any(|(name, _)| name.ends_with("-wal")));
    store.close().unwrap();
    files.extend(shown(&home));
    for (name, bytes) in &files {
        for canary in canaries() {
            assert!(!contains(bytes, &canary), "{name} shows {}", String::from_utf8_lossy(&canary));
        }
    }
}

#[test]
fn nothing_secret_is_printed() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    let read = store.read();
    let mut printed = vec![
        format!("{read:?} {:?} {:?}", home.unlock, SecretText::new("canary".to_owned())),
        format!("{:?}", read.session(filled.session)),
        format!("{:?}", read.connection(filled.sender)),
        format!("{:?}", read.connection(filled.recipient)),
        format!("{:?}", read.invitation(filled.invitation).unwrap().unwrap().state),
        format!("{:?}", read.message(filled.contact, Position(1))),
        format!("{:?}", read.servers(filled.profile).unwrap()[0].1.access_password),
    ];
    printed.push(format!("{store:?}"));
    store
        .write(|tx| {
            printed.push(format!("{tx:?}"));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    for line in printed {
        assert!(!line.contains("canary"), "{line}");
        // A seed of the keys that `sender` has.
        assert!(!line.contains("3, 3, 3, 3") && !line.contains("7, 7, 7, 7"), "{line}");
    }
}

#[test]
fn the_length_of_what_was_said_is_blurred() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    for (id, text) in [(200, "no"), (201, "yes please")] {
        store.write(|tx| tx.add_message(filled.contact, &said(id, text))).unwrap();
    }
    store.close().unwrap();
    let db = rusqlite::Connection::open(&home.path).unwrap();
    let sql = "SELECT count(DISTINCT length(sealed)) FROM message WHERE position >= 7";
    assert_eq!(db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn what_was_replaced_or_removed_leaves_the_file() {
    let home = Home::new();
    let mut store = home.create();
    let filled = fill(&mut store);
    store.close().unwrap();
    let old: Vec<Vec<u8>> = {
        let db = rusqlite::Connection::open(&home.path).unwrap();
        let sql = "SELECT sealed FROM session UNION ALL SELECT sealed FROM outbox UNION ALL \
                   SELECT sealed FROM message WHERE position = 2";
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(old.len(), 7);
    let mut store = home.open();
    let session = store.read().session(filled.session).unwrap().unwrap();
    store
        .write(|tx| {
            tx.set_session(filled.session, session.revision, &versioned(b"next"))?;
            tx.release(filled.sender, 99)?;
            tx.set_content(filled.contact, Position(2), &versioned(b"deleted"))
        })
        .unwrap();
    store.close().unwrap();
    let bytes = fs::read(&home.path).unwrap();
    for sealed in old {
        assert!(!contains(&bytes, &sealed[..64.min(sealed.len())]));
        assert!(!contains(&bytes, &sealed[sealed.len() - 32..]));
    }
}
