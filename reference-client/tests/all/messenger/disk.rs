//! A disk that is full refuses what is new, loses nothing, and is gone on with once there is room.

use std::path::PathBuf;
use std::slice;

use edgewise_client::Clock;
use edgewise_client::messenger::{Event, Invite, Messenger, Say};
use edgewise_client::store::Store;

use super::{Person, options, store_options, two, unlock};
use crate::server::{Config, TestServer};

/// Needs a small file system of its own: `.ci/run` mounts one and names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs EDGEWISE_SMALL_DISK"]
async fn a_full_disk_refuses_and_loses_nothing() {
    let disk = PathBuf::from(std::env::var_os("EDGEWISE_SMALL_DISK").expect("a small disk"));
    let disk = disk.join("messenger");
    std::fs::create_dir(&disk).unwrap();
    let server = TestServer::start(Config::default()).await;
    let ((ann, bobs), (mut bob, anns)) =
        two(slice::from_ref(&server.address), Invite::default()).await;
    // Ann's store moves to the small disk.
    let Person { messenger, events, profile, clock, folder } = ann;
    messenger.close().await.unwrap();
    drop(events);
    for name in ["chat.db", "chat.db-mark", "chat.db-lock"] {
        std::fs::copy(folder.path().join(name), disk.join(name)).unwrap();
    }
    let path = disk.join("chat.db");
    let store = Store::open(&path, &unlock(), &store_options()).unwrap();
    let (messenger, events) = Messenger::open(store, options(&Clock::default())).await.unwrap();
    let mut ann = Person { messenger, events, profile, clock, folder };
    ann.say(bobs, "there is room").await;
    assert_eq!(bob.text().await, "there is room");

    let filler = disk.join("filler");
    let written = std::fs::write(&filler, vec![7; 8 << 20]);
    assert!(written.is_err(), "the disk is larger than this test fills");
    let mut accepted = 0;
    let refused = loop {
        let text = format!("text {accepted} {}", "x".repeat(500));
        match ann.messenger.send(bobs, Say::Text(text)).await {
            Ok(_) => accepted += 1,
            Err(refused) => break refused,
        }
        assert!(accepted < 10_000, "the disk is never full");
    };
    assert!(refused.to_string().contains("no space left"), "{refused}");
    // What comes meanwhile waits on the server.
    bob.say(anns, "are you there?").await;
    let told = ann.wait(|event| match event {
        Event::Trouble(text) => Some(text.clone()),
        _ => None,
    });
    assert!(told.await.contains("no space left"));
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(ann.text().await, "are you there?");
    ann.say(bobs, "room again").await;
    for number in 0..accepted {
        assert!(bob.text().await.starts_with(&format!("text {number} ")), "in order");
    }
    assert_eq!(bob.text().await, "room again");
    ann.messenger.clone().close().await.unwrap();
    let store = Store::open(&path, &unlock(), &store_options()).unwrap();
    store.check().unwrap();
    store.close().unwrap();
    std::fs::remove_dir_all(&disk).unwrap();
}
