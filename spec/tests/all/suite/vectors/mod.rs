//! `conformance/vectors/suite.json`: made here, checked here.

mod kem;
mod signature;
mod symmetric;

use std::collections::{BTreeMap, BTreeSet};

use edgewise_spec::constants::SPEC_REVISION;
use serde::{Deserialize, Serialize};

use crate::schema::matches;
use crate::vector::{Vector, VectorFile, assert_current, load};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Groups {
    hash: Vec<symmetric::HashVector>,
    lp: Vec<symmetric::LpVector>,
    derive: Vec<symmetric::DeriveVector>,
    open: Vec<symmetric::OpenVector>,
    argon2id: Vec<symmetric::ArgonVector>,
    sign: Vec<signature::SignVector>,
    verifying_key: Vec<signature::KeyVector>,
    verify: Vec<signature::VerifyVector>,
    x_wing_key: Vec<kem::SeedVector>,
    encapsulation_key: Vec<kem::KeyVector>,
    decapsulate: Vec<kem::DecapsulateVector>,
}

const FLAGS: [(&str, &str); 8] = [
    ("AesHardware", "suite 0x0002: only for implementations that offer it"),
    ("ImplicitRejection", "accepted, but the secret is unrelated to the sender's"),
    ("LowOrder", "an X25519 value with which every secret gives zero"),
    ("Malleable", "a second signature of one message, made without the key"),
    ("MixedOrder", "a point with a component of order 8, where equations differ"),
    ("NonCanonical", "a second encoding of a value"),
    ("OffCurve", "an encoding of no point"),
    (
        "SmallOrder",
        "a point whose order divides 8: a signature that holds for many keys or messages",
    ),
];

fn made() -> VectorFile<Groups> {
    VectorFile {
        schema: "suite.schema.json".to_owned(),
        word: "suite".to_owned(),
        spec_revision: SPEC_REVISION,
        flags: FLAGS.iter().map(|&(flag, what)| (flag.to_owned(), what.to_owned())).collect(),
        groups: Groups {
            hash: symmetric::hashes(),
            lp: symmetric::prefixes(),
            derive: symmetric::derivations(),
            open: symmetric::openings(),
            argon2id: symmetric::passwords(),
            sign: signature::signatures(),
            verifying_key: signature::keys(),
            verify: signature::verifications(),
            x_wing_key: kem::seeds(),
            encapsulation_key: kem::keys(),
            decapsulate: kem::decapsulations(),
        },
    }
}

/// Id, clauses and flags of a vector of any kind.
type Labels = (String, Vec<String>, Vec<String>);

fn labels<I, O>(group: &str, vectors: &[Vector<I, O>], all: &mut Vec<Labels>) {
    for vector in vectors {
        assert!(vector.id.starts_with(&format!("{group}/")), "{}", vector.id);
        all.push((vector.id.clone(), vector.requirements.clone(), vector.flags.clone()));
    }
}

fn all_labels(groups: &Groups) -> Vec<Labels> {
    let mut all = Vec::new();
    labels("hash", &groups.hash, &mut all);
    labels("lp", &groups.lp, &mut all);
    labels("derive", &groups.derive, &mut all);
    labels("open", &groups.open, &mut all);
    labels("argon2id", &groups.argon2id, &mut all);
    labels("sign", &groups.sign, &mut all);
    labels("verifying-key", &groups.verifying_key, &mut all);
    labels("verify", &groups.verify, &mut all);
    labels("x-wing-key", &groups.x_wing_key, &mut all);
    labels("encapsulation-key", &groups.encapsulation_key, &mut all);
    labels("decapsulate", &groups.decapsulate, &mut all);
    all
}

#[test]
fn the_file_is_what_this_code_makes() {
    if edgewise_spec::suite::aes_available() {
        assert_current(&made());
    }
}

#[test]
fn every_vector_comes_to_what_it_says() {
    let groups = load::<Groups>("suite").groups;
    groups.hash.iter().for_each(|v| v.check(symmetric::hash));
    groups.lp.iter().for_each(|v| v.check(symmetric::lp));
    groups.derive.iter().for_each(|v| v.check(symmetric::derive));
    groups.open.iter().for_each(|v| {
        let hardware = edgewise_spec::suite::aes_available();
        if hardware || !v.flags.iter().any(|flag| flag == "AesHardware") {
            v.check(symmetric::open);
        }
    });
    groups.argon2id.iter().for_each(|v| v.check(symmetric::argon2id));
    groups.sign.iter().for_each(|v| v.check(signature::sign));
    groups.verifying_key.iter().for_each(|v| v.check(signature::verifying_key));
    groups.verify.iter().for_each(|v| v.check(signature::verify));
    groups.x_wing_key.iter().for_each(|v| v.check(kem::x_wing_key));
    groups.encapsulation_key.iter().for_each(|v| v.check(kem::encapsulation_key));
    groups.decapsulate.iter().for_each(|v| v.check(kem::decapsulate));
}

/// An opener that takes anything, say, would pass vectors whose refusals nothing tells apart.
#[test]
fn ids_are_one_of_a_kind_and_flags_are_explained() {
    let file = load::<Groups>("suite");
    let all = all_labels(&file.groups);
    let ids: BTreeSet<_> = all.iter().map(|(id, ..)| id).collect();
    assert_eq!(ids.len(), all.len());
    let used: BTreeSet<_> = all.iter().flat_map(|(.., flags)| flags).collect();
    assert_eq!(used, file.flags.keys().collect());
}

/// The clauses of the chapter with this evidence, and those that vectors name, are the same.
#[test]
fn every_clause_with_evidence_vector_has_one() {
    let chapter = include_str!("../../../../suite.md");
    let clauses: BTreeSet<&str> = chapter
        .lines()
        .filter_map(|line| line.strip_prefix("**")?.split_once("** (both; vector) "))
        .map(|(id, _)| id)
        .collect();
    assert!(clauses.len() > 15, "{clauses:?}");
    let file = load::<Groups>("suite");
    let all = all_labels(&file.groups);
    let named = all.iter().flat_map(|(_, requirements, _)| requirements).map(String::as_str);
    assert_eq!(named.collect::<BTreeSet<_>>(), clauses);
}

#[test]
fn unknown_fields_are_refused() {
    let file = serde_json::to_value(load::<Groups>("suite")).unwrap();
    for place in ["", "/groups", "/groups/verify/0", "/groups/verify/0/input"] {
        let mut file = file.clone();
        let object = file.pointer_mut(place).unwrap().as_object_mut().unwrap();
        object.insert("surprise".to_owned(), true.into());
        assert!(serde_json::from_value::<VectorFile<Groups>>(file).is_err(), "{place}");
    }
}

/// The schema describes the file: every object has the properties that the schema requires and no
/// others, every value has its type.
#[test]
fn the_schema_describes_the_file() {
    let schema =
        serde_json::from_str(include_str!("../../../../../conformance/vectors/suite.schema.json"))
            .unwrap();
    let file = serde_json::to_value(load::<Groups>("suite")).unwrap();
    matches(&schema, &schema, &file, "$");
    for place in ["/groups/verify/0", "/groups/verify/0/input", "/groups", ""] {
        let mut file = file.clone();
        let object = file.pointer_mut(place).unwrap().as_object_mut().unwrap();
        object.insert("surprise".to_owned(), true.into());
        let outcome = std::panic::catch_unwind(|| matches(&schema, &schema, &file, "$"));
        assert!(outcome.is_err(), "{place}");
    }
}

/// The flags' own list, so that a new one is a deliberate act.
#[test]
fn the_flags_are_in_order() {
    let sorted: BTreeMap<_, _> = FLAGS.into();
    assert!(FLAGS.into_iter().eq(sorted));
}
