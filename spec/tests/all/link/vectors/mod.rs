//! `conformance/vectors/link.json`: made here, checked here.

mod blocks;
mod describe;
mod handshake;
mod identity;

use std::collections::BTreeSet;

use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::suite::aes_available;
use serde::{Deserialize, Serialize};

use crate::audit::audit;
use crate::vector::{Vector, VectorFile, assert_current, load};

type Outcome<O> = Result<O, &'static str>;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Groups {
    fingerprint: Vec<identity::FingerprintVector>,
    address: Vec<identity::AddressVector>,
    epoch_record: Vec<identity::RecordVector>,
    description: Vec<describe::DescriptionVector>,
    hello: Vec<handshake::HelloVector>,
    reply: Vec<handshake::ReplyVector>,
    ratchet: Vec<blocks::RatchetVector>,
    seal: Vec<blocks::SealVector>,
    open: Vec<blocks::OpenVector>,
}

const FLAGS: [(&str, &str); 4] = [
    ("AesHardware", "suite 0x0002: only for implementations that offer it"),
    ("LaterRevision", "fields or numbers that a later revision may add"),
    ("LowOrder", "an X25519 value with which every secret gives zero"),
    ("Ratchet", "a block on either side of a change of key"),
];

fn made() -> VectorFile<Groups> {
    VectorFile {
        schema: "link.schema.json".to_owned(),
        word: "link".to_owned(),
        spec_revision: SPEC_REVISION,
        flags: FLAGS.iter().map(|&(flag, what)| (flag.to_owned(), what.to_owned())).collect(),
        groups: Groups {
            fingerprint: identity::fingerprints(),
            address: identity::addresses(),
            epoch_record: identity::records(),
            description: describe::descriptions(),
            hello: handshake::hellos(),
            reply: handshake::replies(),
            ratchet: blocks::ratchets(),
            seal: blocks::seals(),
            open: blocks::opens(),
        },
    }
}

#[test]
fn the_file_is_what_this_code_makes() {
    if aes_available() {
        assert_current(&made());
    }
}

fn check<I, O>(vectors: &[Vector<I, O>], run: impl Fn(&I) -> Outcome<O>)
where
    O: PartialEq + std::fmt::Debug,
{
    for vector in vectors {
        if aes_available() || !vector.flags.iter().any(|flag| flag == "AesHardware") {
            vector.check(&run);
        }
    }
}

#[test]
fn every_vector_comes_to_what_it_says() {
    let groups = load::<Groups>("link").groups;
    check(&groups.fingerprint, identity::fingerprint);
    check(&groups.address, identity::address);
    check(&groups.epoch_record, identity::record);
    check(&groups.description, describe::description);
    check(&groups.hello, handshake::hello);
    check(&groups.reply, handshake::reply);
    check(&groups.ratchet, blocks::ratchet);
    check(&groups.seal, blocks::seal);
    check(&groups.open, blocks::open);
}

#[test]
fn the_file_keeps_its_promises() {
    audit::<Groups>("link");
}

/// Every layer that the schema knows refuses some vector: none is there for nothing.
#[test]
fn every_layer_refuses_something() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../../conformance/vectors/link.schema.json"))
            .unwrap();
    let file = serde_json::to_value(load::<Groups>("link")).unwrap();
    for (group, vectors) in file["groups"].as_object().unwrap() {
        let layer = |vector: &serde_json::Value| Some(vector.get("expect_layer")?.to_string());
        let used: BTreeSet<_> = vectors.as_array().unwrap().iter().filter_map(layer).collect();
        let path = format!("/properties/groups/properties/{group}/items/properties/expect_layer");
        let known = schema.pointer(&path).map_or(&[][..], |rule| rule["enum"].as_array().unwrap());
        let known: BTreeSet<_> = known.iter().map(ToString::to_string).collect();
        assert_eq!(used, known, "{group}");
    }
}
