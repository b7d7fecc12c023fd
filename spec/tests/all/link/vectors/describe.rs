//! Vectors of descriptions.

use edgewise_proto::v1;
use edgewise_spec::constants::{DESCRIBE_LEN, EDGES_MAX, SPEC_REVISION};
use edgewise_spec::link::{Description, DescriptionRefused, IdentityKey};
use prost::Message;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use serde::{Deserialize, Serialize};

use super::{Outcome, identity::identity};
use crate::vector::{Hex, Vector, pattern, vector};

/// The block is `front`, then zeros up to `length` bytes.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct DescriptionInput {
    fingerprint: Hex,
    length: usize,
    front: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct DescriptionOutput {
    epochs: Vec<u32>,
    suites: Vec<u16>,
    classes: Vec<u32>,
    limits: Vec<u32>,
    edges: Vec<String>,
    access_required: bool,
}

pub type DescriptionVector = Vector<DescriptionInput, DescriptionOutput>;

pub fn description(input: &DescriptionInput) -> Outcome<DescriptionOutput> {
    let mut block = input.front.0.clone();
    block.resize(input.length, 0);
    let read = Description::read(&block, &input.fingerprint.array());
    let read = read.map_err(|why| match why {
        DescriptionRefused::Malformed => "malformed",
        DescriptionRefused::Revision(_) => "revision",
        DescriptionRefused::Identity => "identity",
        DescriptionRefused::NoEpoch => "no-epoch",
        DescriptionRefused::Epoch(_) => "epoch",
        DescriptionRefused::Limits(_) => "limits",
        DescriptionRefused::Ticks => "ticks",
        DescriptionRefused::Edge => "edge",
    })?;
    let limits = read.limits;
    Ok(DescriptionOutput {
        epochs: read.epochs.iter().map(|epoch| epoch.number()).collect(),
        suites: read.suites.iter().map(|suite| suite.code()).collect(),
        classes: read.classes.iter().map(|class| class.number()).collect(),
        limits: vec![
            limits.quota_max,
            limits.idle_days_max,
            limits.part_days_max,
            limits.stall_seconds,
            limits.link_life_seconds,
        ],
        edges: read.edges.iter().map(ToString::to_string).collect(),
        access_required: read.access_required,
    })
}

fn usual(rng: &mut ChaCha20Rng) -> v1::Description {
    let record = *identity().sign_epoch(7, 604_800, 691_200, rng).record().bytes();
    v1::Description {
        revision: SPEC_REVISION,
        identity_vk: identity().verifying_key().as_bytes().to_vec().into(),
        epochs: vec![record.to_vec().into()],
        suites: vec![1, 2],
        classes: vec![1, 2, 3],
        limits: Some(v1::Limits {
            quota_max: 512,
            idle_days_max: 365,
            part_days_max: 30,
            stall_seconds: 60,
            link_life_seconds: 86_400,
        }),
        edges: vec!["edge-2.example:4433".to_owned(), "[2001:db8::2]:443".to_owned()],
        access_required: true,
        ticks: Vec::new(),
    }
}

/// The front of the block that holds this description.
fn front(description: &v1::Description) -> Vec<u8> {
    let encoded = description.encode_to_vec();
    [&u16::try_from(encoded.len()).unwrap().to_be_bytes()[..], &encoded].concat()
}

fn make(id: &str, comment: &str, flags: &[&str], length: usize, front: &[u8]) -> DescriptionVector {
    let fingerprint = identity().fingerprint().into();
    let input = DescriptionInput { fingerprint, length, front: front.into() };
    let output = description(&input);
    let clause = match output {
        Err("malformed") => "LINK-6",
        Err("revision" | "limits" | "edge") => "LINK-41",
        _ => "LINK-4",
    };
    vector(&format!("description/{id}"), comment, &[clause], flags, input, output)
}

/// A good description, changed.
fn with(
    id: &str,
    comment: &str,
    flags: &[&str],
    change: impl Fn(&mut v1::Description),
) -> DescriptionVector {
    let mut changed = usual(&mut ChaCha20Rng::from_seed(pattern("description")));
    change(&mut changed);
    make(id, comment, flags, DESCRIBE_LEN, &front(&changed))
}

fn limits(id: &str, comment: &str, change: impl Fn(&mut v1::Limits)) -> DescriptionVector {
    with(id, comment, &[], |all| change(all.limits.as_mut().unwrap()))
}

pub fn descriptions() -> Vec<DescriptionVector> {
    [layouts(), contents()].into_iter().flatten().collect()
}

fn layouts() -> Vec<DescriptionVector> {
    let whole = front(&usual(&mut ChaCha20Rng::from_seed(pattern("description"))));
    let mut later = [&whole[..], &[0x98, 0x06, 0x01]].concat(); // field 99
    later[1] += 3;
    let mut cut = whole[..whole.len() - 1].to_vec();
    cut[1] -= 1;
    let dirty = [&whole[..], &[1]].concat();
    let whole_block = |id, comment, front: &[u8]| make(id, comment, &[], DESCRIBE_LEN, front);
    vec![
        whole_block("usual", "one record, two edges", &whole),
        make(
            "unknown-field",
            "a field of a later revision",
            &["LaterRevision"],
            DESCRIBE_LEN,
            &later,
        ),
        make("short", "4,095 bytes", &[], DESCRIBE_LEN - 1, &whole),
        make("long", "4,097 bytes", &[], DESCRIBE_LEN + 1, &whole),
        whole_block("length", "a length beyond the block", &[0x0f, 0xff, 0x08, 0x01]),
        whole_block("not-zero", "a byte behind the Description", &dirty),
        whole_block("encoding", "a Description that breaks off", &cut),
    ]
}

fn contents() -> Vec<DescriptionVector> {
    let mut rng = ChaCha20Rng::from_seed(pattern("next"));
    let next = *identity().sign_epoch(8, 691_200, 777_600, &mut rng).record().bytes();
    let other = IdentityKey::from_seed(&pattern("another identity"));
    let other = other.verifying_key().as_bytes().to_vec();
    vec![
        with("two-records", "the next epoch's too", &[], |all| {
            all.epochs.push(next.to_vec().into())
        }),
        with(
            "unknown-numbers",
            "a suite and a class of a later revision",
            &["LaterRevision"],
            |all| {
                all.suites.push(3);
                all.classes.push(4);
            },
        ),
        with("revision", "revision 2", &["LaterRevision"], |all| all.revision = 2),
        with("identity", "another server's identity key", &[], |all| {
            all.identity_vk = other.clone().into();
        }),
        with("no-epoch", "no record", &[], |all| all.epochs.clear()),
        with("epoch", "a record with a flipped bit", &[], |all| {
            let mut record = all.epochs[0].to_vec();
            record[100] ^= 1;
            all.epochs[0] = record.into();
        }),
        limits("quota", "a quota of 129", |limits| limits.quota_max = 129),
        limits("idle-days", "31 days", |limits| limits.idle_days_max = 31),
        limits("part-days", "no days", |limits| limits.part_days_max = 0),
        limits("stall", "61 seconds", |limits| limits.stall_seconds = 61),
        limits("life", "86,401 seconds", |limits| limits.link_life_seconds = 86_401),
        with("no-limits", "no limits at all", &[], |all| all.limits = None),
        with("edge", "an edge without a port", &[], |all| all.edges[0] = "edge.example".to_owned()),
        with("edges", "one edge too many", &[], |all| {
            all.edges = vec!["e:1".to_owned(); EDGES_MAX + 1];
        }),
    ]
}
