//! What an earlier version of the program has stored goes on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use edgewise_client::messenger::{Invite, Messenger, Options, Said, Say};
use edgewise_client::store::{ContactId, Store, Unlock};

use super::{Person, store_options, two, unlock};
use crate::server::{Config, TestServer};

async fn open(folder: &Path) -> (Messenger, ContactId) {
    let unlock = Unlock::KeyFile(folder.join("key"));
    let store = Store::open(&folder.join("chat.db"), &unlock, &store_options()).unwrap();
    let options = Options { offline: true, ..Options::default() };
    let (messenger, _) = Messenger::open(store, options).await.unwrap();
    let profile = messenger.profiles().await.unwrap().remove(0).id;
    let contact = messenger.contacts(profile).await.unwrap().remove(0).id;
    (messenger, contact)
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

async fn texts(messenger: &Messenger, contact: ContactId) -> Vec<String> {
    let page = messenger.history(contact, None, 100).await.unwrap();
    let mut texts: Vec<_> = page
        .messages
        .into_iter()
        .filter_map(|message| match message.said {
            Said::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    texts.reverse();
    texts
}

/// A session whose row has the whole chain of what was received, as version 1 of the schema had it.
#[tokio::test]
async fn a_talk_of_version_1_goes_on() {
    goes_on(1).await;
}

/// A session whose row has no counts of what servers have altered, as version 3 of a talk had it.
#[tokio::test]
async fn a_talk_of_version_3_goes_on() {
    goes_on(3).await;
}

async fn goes_on(version: u32) {
    let folder = tempfile::tempdir().unwrap();
    for (ending, to) in [("db", "chat.db"), ("key", "key")] {
        let to = folder.path().join(to);
        let from = fixtures().join(format!("talk-v{version}.{ending}"));
        std::fs::copy(from, &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let mut expected: Vec<String> = (1..=3).map(|n| format!("from bob {n}")).collect();
    expected.extend((1..=2).map(|n| format!("from ann {n}")));
    // Once as it was, then as this version has stored it.
    for round in 0..3 {
        let (messenger, contact) = open(folder.path()).await;
        assert_eq!(texts(&messenger, contact).await, expected);
        let text = format!("later {round}");
        messenger.send(contact, Say::Text(text.clone())).await.unwrap();
        expected.push(text);
        messenger.close().await.unwrap();
    }
}

/// Writes the fixture of today's version. Those of earlier ones are never written again: a later
/// version of a talk gets another name here, and its own test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes files of the repository"]
async fn write_the_fixture() {
    let server = TestServer::start(Config::default()).await;
    let (ann, bob) = two(std::slice::from_ref(&server.address), Invite::default()).await;
    let ((mut ann, bobs), (mut bob, anns)) = (ann, bob);
    for n in 1..=3 {
        bob.say(anns, &format!("from bob {n}")).await;
        assert_eq!(ann.text().await, format!("from bob {n}"));
    }
    for n in 1..=2 {
        ann.say(bobs, &format!("from ann {n}")).await;
        assert_eq!(bob.text().await, format!("from ann {n}"));
    }
    let Person { messenger, folder, .. } = ann;
    messenger.close().await.unwrap();
    let path = folder.path().join("chat.db");
    let mut store = Store::open(&path, &unlock(), &store_options()).unwrap();
    let key = Unlock::make_key_file(&fixtures().join("talk-v4.key")).unwrap();
    store.change_unlock(&key, store_options().stretch).unwrap();
    store.close().unwrap();
    std::fs::copy(&path, fixtures().join("talk-v4.db")).unwrap();
}
