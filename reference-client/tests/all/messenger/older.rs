//! What an earlier version of the program has stored goes on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use edgewise_client::messenger::{Messenger, Options, Said, Say};
use edgewise_client::store::{ContactId, Store, Unlock};

use super::store_options;

async fn open(folder: &Path) -> (Messenger, ContactId) {
    let unlock = Unlock::KeyFile(folder.join("key"));
    let store = Store::open(&folder.join("chat.db"), &unlock, &store_options()).unwrap();
    let options = Options { offline: true, ..Options::default() };
    let (messenger, _) = Messenger::open(store, options).await.unwrap();
    let profile = messenger.profiles().await.unwrap().remove(0).id;
    let contact = messenger.contacts(profile).await.unwrap().remove(0).id;
    (messenger, contact)
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
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for (from, to) in [("talk-v1.db", "chat.db"), ("talk-v1.key", "key")] {
        let to = folder.path().join(to);
        std::fs::copy(fixtures.join(from), &to).unwrap();
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
