//! Servers that show a client an epoch that is not theirs, or two keys for one.

use bytes::{BufMut, Bytes, BytesMut};
use edgewise_proto::conformance::v1::ServerFaultKind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::v1::Description;
use edgewise_spec::constants::{
    DESCRIBE_LEN, EK_LEN, EPOCH_RECORD_LEN, SIGNATURE_LEN, VK_LEN, labels,
};
use edgewise_spec::link::epoch::IdentityKey;
use edgewise_spec::suite::{SigningKey, lp};
use prost::Message;
use rand_core::SeedableRng;

use crate::case::{Case, driven};
use crate::ensure;
use crate::peer::person::Terms;
use crate::scene::{QUIET, Scene};
use crate::verdict::{Stop, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    driven!("link/equivocation", [LINK_5], equivocation),
    driven!("link/wrong-epoch", [LINK_4, LINK_41], wrong_epoch),
];

/// Where numbers and key stand in a record.
const NUMBER_AT: usize = VK_LEN;
const EK_AT: usize = VK_LEN + 4 + 8 + 8;

/// A fault of a server: told, of that server.
async fn fault(scene: &Scene, place: usize, expected: &str) -> Result<ServerFaultKind, Stop> {
    let server = scene.host(place)?.address.to_string();
    scene
        .event(expected, |event| match event {
            Event::ServerFault(it) if it.server == server => Some(it.kind()),
            _ => None,
        })
        .await
}

/// The server signs another key for an epoch whose key the client has: the user is told, and the
/// client says nothing more over it.
async fn equivocation(scene: &mut Scene) -> Verdict {
    let (mut person, contact) = scene.meet_inviting(&Terms::default()).await?;
    person.say_text("before").await?;
    scene.shows(&contact, "before").await?;
    let streams = scene.host(0)?.record().streams;
    scene.host(0)?.equivocate();
    let kind = fault(scene, 0, "the user told of two keys for one epoch (LINK-5)").await?;
    let expected = ServerFaultKind::Equivocation;
    ensure!(kind == expected, "EQUIVOCATION", "{}", kind.as_str_name());
    tokio::time::sleep(QUIET).await;
    let asked = scene.host(0)?.record().asked.len();
    // Whoever is refused is refused: what is said now does not go there.
    let text = scene.canary();
    let content = edgewise_proto::conformance::v1::content::Kind::Text(text);
    let _ = scene.try_says(&contact, content).await?;
    tokio::time::sleep(QUIET).await;
    let record = scene.host(0)?.record();
    ensure!(record.asked.len() == asked, "a server that is not used (LINK-5)", "more requests");
    // Those that were refused for their epoch before it was looked at again.
    let more = record.streams - streams;
    ensure!(more <= 8, "no more links to it", "{more}");
    Ok(())
}

/// What a server shows in place of its Description.
type Change = fn(&mut Description, &IdentityKey);

/// Signs a record again, after a change of what stands in it.
fn resign(record: &mut [u8], identity: &IdentityKey) {
    let (signed, signature) = record.split_at_mut(EPOCH_RECORD_LEN - SIGNATURE_LEN);
    let key = SigningKey::from_seed(&identity.to_seed());
    signature.copy_from_slice(&key.sign(&[&lp(labels::LINK_EPOCH)[..], signed].concat()));
}

fn on_records(description: &mut Description, change: impl Fn(&mut [u8])) {
    for record in &mut description.epochs {
        let mut bytes = record.to_vec();
        change(&mut bytes);
        *record = bytes.into();
    }
}

fn flip(bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
}

fn set(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

const CHANGES: &[(&str, Change)] = &[
    ("a signature that does not verify", |it, _| {
        on_records(it, |record| flip(record, EPOCH_RECORD_LEN - 1));
    }),
    ("another number under the signature", |it, _| {
        on_records(it, |record| flip(record, NUMBER_AT + 3));
    }),
    ("records of another identity", |it, _| {
        let mut rng = rand_chacha::ChaCha20Rng::from_seed([7; 32]);
        let other = IdentityKey::generate(&mut rng);
        on_records(it, |record| {
            set(record, 0, other.verifying_key().as_bytes());
            resign(record, &other);
        });
    }),
    ("another identity, whole", |it, _| {
        let mut rng = rand_chacha::ChaCha20Rng::from_seed([8; 32]);
        let other = IdentityKey::generate(&mut rng);
        it.identity_vk = Bytes::copy_from_slice(other.verifying_key().as_bytes());
        on_records(it, |record| {
            set(record, 0, other.verifying_key().as_bytes());
            resign(record, &other);
        });
    }),
    ("a key whose X25519 half has low order", |it, identity| {
        on_records(it, |record| {
            set(record, EK_AT + EK_LEN - 32, &[0; 32]);
            resign(record, identity);
        });
    }),
    ("a key whose ML-KEM half is out of range", |it, identity| {
        on_records(it, |record| {
            set(record, EK_AT, &[0xff; 32]);
            resign(record, identity);
        });
    }),
    ("a record that is cut", |it, _| {
        for record in &mut it.epochs {
            record.truncate(EPOCH_RECORD_LEN - 1);
        }
    }),
    ("no record", |it, _| it.epochs.clear()),
    ("another revision", |it, _| it.revision += 1),
];

fn padded(description: &Description) -> Bytes {
    let mut block = BytesMut::with_capacity(DESCRIBE_LEN);
    block.put_u16(u16::try_from(description.encoded_len()).unwrap_or(u16::MAX));
    block.extend_from_slice(&description.encode_to_vec());
    block.resize(DESCRIBE_LEN, 0);
    block.freeze()
}

/// A server shows what is not its own epoch: nothing is said to it, and the user is told.
async fn wrong_epoch(scene: &mut Scene) -> Verdict {
    scene.servers(CHANGES.len()).await?;
    let around = scene.around();
    for (place, (what, change)) in CHANGES.iter().enumerate() {
        scene.note(*what);
        let terms = Terms { servers: vec![place], ..Terms::default() };
        let (_person, card) = scene.person_invites(&terms).await?;
        let door = around.doors.get(place);
        let door = door.ok_or_else(|| Stop::harness("no server"))?;
        let mut description = door.target.describe(&around.trace).await?;
        change(&mut description, &scene.host(place)?.identity());
        scene.host(place)?.describe_as(Some(padded(&description)));
        scene.client_accepts(&card).await?;
        fault(scene, place, &format!("the user told of {what} (LINK-4)")).await?;
        let asked = scene.host(place)?.record().asked.len();
        ensure!(asked == 0, format!("nothing asked of a server with {what}"), "{asked} requests");
    }
    Ok(())
}
