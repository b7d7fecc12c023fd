//! Who may know what (`spec/README.md`): canaries are planted, each party is played with all that it
//! can read recorded, and what is found must be in the party's row.

mod talk;

use std::collections::BTreeSet;

use bytes::Bytes;
use edgewise_proto::v1::{self, Role};
use edgewise_spec::client::Request;
use edgewise_spec::frame::Class;

use crate::world::keys::{Connection, Keys};
use crate::world::peer::{Pair, Peer};
use crate::world::server::{START, Server};

/// Bytes that occur nowhere by chance.
struct Canary {
    name: &'static str,
    bytes: Vec<u8>,
}

impl Canary {
    fn new(name: &'static str, bytes: &[u8]) -> Self {
        Self { name, bytes: bytes.to_vec() }
    }

    fn in_bytes(&self, bytes: &[u8]) -> bool {
        // Sixteen bytes tell, and would do so even if the canary were split between blocks.
        bytes.windows(16).any(|window| window == &self.bytes[..16])
    }

    /// What is learned is recorded as text: arrays and byte strings look different there.
    fn in_text(&self, text: &str) -> bool {
        let array = format!("{:?}", self.bytes);
        let text_form = format!("{:?}", Bytes::from(self.bytes.clone()));
        text.contains(array.trim_matches(['[', ']']))
            || text.contains(text_form.trim_start_matches("b\"").trim_end_matches('"'))
    }
}

struct Story {
    server: Server,
    canaries: Vec<Canary>,
    pair: Pair,
    stranger: Peer,
}

/// One connection from its making to a part that is delivered and acknowledged, and a stranger who
/// guesses beside it.
fn story() -> Story {
    let mut server = Server::new(41);
    server.learned = Some(String::new());
    let mut pair = Pair::new(&mut server, START, Class::Medium, 16);
    let part: Vec<u8> = (0..Class::Medium.part_len()).map(|i| (i * i / 7) as u8).collect();
    let (handle, submission) = (pair.sender_handle, 0);
    let send = v1::Send { handle, submission, part: part.clone().into() };
    pair.sender.ask(&mut server, START, Request::Send(send)).unwrap();
    pair.recipient.subscribe(&mut server, START, pair.recipient_handle, 8).unwrap();
    pair.recipient.acknowledge(&mut server, START, pair.recipient_handle, 1);

    let mut stranger = Peer::open(&mut server, START, Class::Medium);
    let guess = Keys::new(&mut server.rng);
    let fingerprint = *server.fingerprint();
    let other = Connection::new(&mut server.rng, fingerprint, &guess.now, Class::Medium, 16);
    for role in [Role::Recipient, Role::Sender] {
        assert!(stranger.attach(&mut server, START, &other, role, &guess, 0).is_err());
        // Even with the right id, but without the key.
        assert!(stranger.attach(&mut server, START, &pair.connection, role, &guess, 0).is_err());
    }
    assert!(stranger.claim(&mut server, START, &other, &guess.now).is_err());

    let (recipient, sender) = (&pair.recipient_keys.now, &pair.sender_keys.now);
    let canaries = vec![
        Canary::new("recipient id", &pair.connection.recipient_id),
        Canary::new("recipient key", &recipient.record.vk),
        Canary::new("sender key", &sender.record.vk),
        Canary::new("bundle", &[0xB5; 64]),
        Canary::new("part", &part[100..164]),
        Canary::new("recipient secret", &recipient.seed),
        Canary::new("sender secret", &sender.seed),
        Canary::new("claim secret", &pair.connection.claim.seed),
    ];
    Story { server, canaries, pair, stranger }
}

fn found(canaries: &[Canary], is_there: impl Fn(&Canary) -> bool) -> BTreeSet<&str> {
    canaries.iter().filter(|canary| is_there(canary)).map(|canary| canary.name).collect()
}

#[test]
fn each_party_learns_its_row_and_nothing_else() {
    let Story { server, canaries, pair, stranger } = story();
    let row = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    let told = |text: &str| found(&canaries, |canary| canary.in_text(text));

    // Equal, not only a subset: that each canary is found where it may be shows that the search works.
    let in_place = ["recipient id", "recipient key", "sender key", "bundle", "part"];
    assert_eq!(told(&server.learned.unwrap()), row(&in_place), "the server");
    assert_eq!(told(&pair.recipient.learned), row(&["sender key", "part"]), "the recipient");
    let claimer = pair.medium.learned.clone() + &pair.sender.learned;
    assert_eq!(told(&claimer), row(&["recipient id", "bundle"]), "the sender");
    assert_eq!(told(&stranger.learned), row(&[]), "a stranger");
}

#[test]
fn a_network_observer_sees_nothing_but_lengths() {
    let Story { canaries, pair, stranger, .. } = story();
    let mut wire = Vec::new();
    for peer in [&pair.medium, &pair.recipient, &pair.sender, &stranger] {
        assert_eq!(peer.wire.len() % Class::Medium.block_len(), 0);
        wire.extend_from_slice(&peer.wire);
    }
    assert_eq!(found(&canaries, |canary| canary.in_bytes(&wire)), BTreeSet::new());
    // The search itself works: planted in clear, every canary is found.
    for canary in &canaries {
        wire.extend_from_slice(&canary.bytes);
    }
    assert_eq!(found(&canaries, |canary| canary.in_bytes(&wire)).len(), canaries.len());
}
