//! `conformance/vectors/invitation.json`: made here, checked here.

mod make;
mod read;

use edgewise_spec::constants::SPEC_REVISION;
use serde::{Deserialize, Serialize};

use crate::audit::audit;
use crate::vector::{Hex, Vector, VectorFile, assert_current, load};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Groups {
    bundle: Vec<Vector<Bytes, BundleOutput>>,
    invite: Vec<Vector<InviteInput, InviteOutput>>,
    open: Vec<Vector<OpenInput, OpenOutput>>,
    card: Vec<Vector<Text, CardOutput>>,
    descriptor: Vec<Vector<Bytes, DescriptorOutput>>,
    contact: Vec<Vector<ContactInput, ContactOutput>>,
    request: Vec<Vector<RequestInput, RequestOutput>>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Bytes {
    bytes: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct BundleOutput {
    secret: Hex,
    suite: u16,
    mode: u8,
    class: u32,
    k: u8,
    /// Addresses, in order.
    servers: Vec<String>,
    ek: Hex,
    /// Empty in mode deniable.
    vk: Hex,
    name: String,
    not_after: u32,
}

/// A bundle, and how its card is handed on.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct InviteInput {
    bundle: Hex,
    shown: bool,
    /// How many servers the card names.
    carded: usize,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct InviteOutput {
    card: String,
    sealed: Hex,
    connections: Vec<ConnectionOutput>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ConnectionOutput {
    c: Hex,
    claim_vk: Hex,
    sender_id: Hex,
    part_chain: Hex,
    /// Whether it is created with the sealed bundle, or else with zeros.
    holds_bundle: bool,
}

/// What a server returned for a card.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct OpenInput {
    card: String,
    sealed: Hex,
    hour: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct OpenOutput {
    bundle: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct CardOutput {
    kind: String,
    secret: Hex,
    servers: Vec<String>,
    /// The card as it is written.
    written: String,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct DescriptorOutput {
    server: String,
    c: Hex,
    base: u32,
}

/// What a server returned for the card of a contact address.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ContactInput {
    card: String,
    sealed: Hex,
    /// The highest version that was seen before; 0 for none.
    seen: u32,
    hour: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ContactOutput {
    /// The signed bytes.
    bundle: Hex,
    version: u32,
    servers: Vec<String>,
    ek: Hex,
    name: String,
    not_after: u32,
}

/// What was deposited at the address of a secret whose owner keeps one key.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct RequestInput {
    request: Hex,
    secret: Hex,
    version: u32,
    /// Seed of the secret key of that version.
    seed: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct RequestOutput {
    greeting: String,
    card: String,
}

fn made() -> VectorFile<Groups> {
    let flags = [
        ("Card", "a text that is no card, or has an impossible part"),
        ("Late", "its time is over, or it is older than what was seen"),
        ("Layout", "a field that cannot be, is missing or is one too many"),
        ("Other", "of another invitation, owner, server or version"),
        ("Sealed", "not what was sealed"),
    ];
    VectorFile {
        schema: "invitation.schema.json".to_owned(),
        word: "invitation".to_owned(),
        spec_revision: SPEC_REVISION,
        flags: flags.map(|(flag, meaning)| (flag.to_owned(), meaning.to_owned())).into(),
        groups: Groups {
            bundle: make::bundles(),
            invite: make::invites(),
            open: make::opens(),
            card: make::cards(),
            descriptor: make::descriptors(),
            contact: make::contacts(),
            request: make::requests(),
        },
    }
}

#[test]
fn vectors_are_current() {
    assert_current(&made());
}

#[test]
fn vectors_hold() {
    let file: VectorFile<Groups> = load("invitation");
    file.groups.bundle.iter().for_each(|vector| vector.check(read::bundle));
    file.groups.invite.iter().for_each(|vector| vector.check(read::invite));
    file.groups.open.iter().for_each(|vector| vector.check(read::open));
    file.groups.card.iter().for_each(|vector| vector.check(read::card));
    file.groups.descriptor.iter().for_each(|vector| vector.check(read::descriptor));
    file.groups.contact.iter().for_each(|vector| vector.check(read::contact));
    file.groups.request.iter().for_each(|vector| vector.check(read::request));
    audit::<Groups>("invitation");
}

/// What each is meant to come to is said where it is made, apart from the code: see `make`.
#[test]
fn each_layer_refuses_something() {
    let file = serde_json::to_string(&load::<Groups>("invitation").groups.open).unwrap();
    for layer in ["length", "sealed", "version", "padding", "commitment", "servers", "expired"] {
        assert!(file.contains(&format!("\"expect_layer\":\"{layer}\"")), "{layer}");
    }
}
