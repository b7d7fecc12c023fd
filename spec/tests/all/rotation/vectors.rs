//! `conformance/vectors/rotation.json`: made here, checked here.

use edgewise_proto::v1::{self, Role};
use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::error::Reject;
use edgewise_spec::rotation::{Chain, Change, KeyRecord, Life, change_input};
use edgewise_spec::suite::SigningKey;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::moving::vectors::{
    MoveInput, MoveOutput, MovedInput, MovedOutput, answers, judge_move, judge_moved, moves,
};
use crate::audit::audit;
use crate::vector::{Hex, Vector, VectorFile, assert_current, load, pattern, vector};

const HOUR: u32 = 500_000;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Groups {
    life: Vec<Vector<Moment, Stage>>,
    change: Vec<Vector<ChangeInput, ChangeOutput>>,
    chain: Vec<Vector<ChainInput, ChainOutput>>,
    #[serde(rename = "move")]
    moves: Vec<Vector<MoveInput, MoveOutput>>,
    moved: Vec<Vector<MovedInput, MovedOutput>>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Moment {
    not_before: u32,
    not_after: u32,
    grace: u32,
    hour: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Stage {
    life: String,
}

/// A change asked for over an attachment of the key `old_vk` in `version`.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ChangeInput {
    role: u8,
    recipient_id: Hex,
    version: u32,
    hour: u32,
    /// A KeyChange.
    change: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ChangeOutput {
    /// The label and the layout, as both keys sign them.
    signed: Hex,
}

/// A chain in a request under `vk` and `version`, at a server whose record has `record`.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ChainInput {
    role: u8,
    recipient_id: Hex,
    hour: u32,
    vk: Hex,
    version: u32,
    /// The KeyRecord that the server has.
    record: Hex,
    /// KeyChanges, oldest first.
    chain: Vec<Hex>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ChainOutput {
    /// The record's key after the chain.
    vk: Hex,
    version: u32,
}

fn layer(reject: Reject) -> &'static str {
    match reject {
        Reject::Malformed => "malformed",
        Reject::Terms => "terms",
        Reject::BadSignature => "bad-signature",
        Reject::KeyExpired => "key-expired",
        Reject::KeyNotYetValid => "key-not-yet-valid",
        other => panic!("{other:?}"),
    }
}

fn role(number: u8) -> Role {
    Role::try_from(i32::from(number)).unwrap()
}

fn life(input: &Moment) -> Result<Stage, &'static str> {
    let Moment { not_before, not_after, grace, hour } = *input;
    let life = KeyRecord { vk: [0; 32], version: 0, not_before, not_after, grace }.life(hour);
    let life = match life {
        Life::Early => "early",
        Life::Valid => "valid",
        Life::Grace => "grace",
        Life::Dead => "dead",
    };
    Ok(Stage { life: life.to_owned() })
}

fn judge_change(input: &ChangeInput) -> Result<ChangeOutput, &'static str> {
    let (role, id) = (role(input.role), input.recipient_id.array());
    let wire = v1::KeyChange::decode(&input.change.0[..]).unwrap();
    let change = Change::from_wire(&wire).map_err(layer)?;
    change.check_terms(input.version, Some(input.hour)).map_err(layer)?;
    change.verify(role, &id).map_err(layer)?;
    Ok(ChangeOutput { signed: change_input(role, &id, &change.old_vk, &change.new).into() })
}

fn judge_chain(input: &ChainInput) -> Result<ChainOutput, &'static str> {
    let (role, id) = (role(input.role), input.recipient_id.array());
    let wire: Vec<_> =
        input.chain.iter().map(|it| v1::KeyChange::decode(&it.0[..]).unwrap()).collect();
    let chain = Chain::from_wire(&wire, &input.vk.array(), input.version).map_err(layer)?;
    chain.check_terms(input.hour).map_err(layer)?;
    chain.verify(role, &id).map_err(layer)?;
    let record = v1::KeyRecord::decode(&input.record.0[..]).unwrap();
    let record = KeyRecord::from_wire(&record).unwrap();
    let key = chain.follow(&record, input.hour).map_err(layer)?;
    Ok(ChainOutput { vk: key.vk.into(), version: key.version })
}

fn key(number: u32) -> SigningKey {
    SigningKey::from_seed(&pattern(&format!("key {number}")))
}

fn record(number: u32) -> KeyRecord {
    let vk = *key(number).verifying_key().as_bytes();
    KeyRecord { vk, version: number, not_before: HOUR - 9, not_after: HOUR + 9, grace: 5 }
}

fn id() -> [u8; 32] {
    pattern("recipient id")
}

/// The change from one key to a record of the next, signed by both.
fn change(role: Role, old: u32, new: u32, record: &KeyRecord) -> v1::KeyChange {
    let old_vk = *key(old).verifying_key().as_bytes();
    let input = change_input(role, &id(), &old_vk, record);
    v1::KeyChange {
        new_key: Some(record.to_wire()),
        old_vk: old_vk.to_vec().into(),
        old_signature: key(old).sign(&input).to_vec().into(),
        new_signature: key(new).sign(&input).to_vec().into(),
    }
}

fn asked(
    name: &str,
    comment: &str,
    clause: &str,
    flags: &[&str],
    wire: &v1::KeyChange,
) -> Vector<ChangeInput, ChangeOutput> {
    let change = wire.encode_to_vec().into();
    let input = ChangeInput { role: 2, recipient_id: id().into(), version: 0, hour: HOUR, change };
    let outcome = judge_change(&input);
    vector(&format!("change/{name}"), comment, &[clause], flags, input, outcome)
}

fn changes() -> Vec<Vector<ChangeInput, ChangeOutput>> {
    let good = || change(Role::Sender, 0, 1, &record(1));
    let altered = |alter: fn(&mut v1::KeyChange)| {
        let mut wire = good();
        alter(&mut wire);
        wire
    };
    let swap = |wire: &mut v1::KeyChange| {
        std::mem::swap(&mut wire.old_signature, &mut wire.new_signature);
    };
    vec![
        asked("good", "signed by both keys", "ROTATION-6", &[], &good()),
        asked("other-role", "for a recipient", "ROTATION-6", &["Signature"], &{
            change(Role::Recipient, 0, 1, &record(1))
        }),
        asked("swapped", "each key has the other's", "ROTATION-6", &["Signature"], &altered(swap)),
        asked(
            "altered-time",
            "the new key's end was put off after it was signed",
            "ROTATION-6",
            &["Signature"],
            &altered(|wire| wire.new_key.as_mut().unwrap().not_after += 1),
        ),
        asked(
            "short-signature",
            "63 bytes",
            "CONNECTION-70",
            &["Shape"],
            &altered(|wire| wire.old_signature = vec![1; 63].into()),
        ),
        asked(
            "small-order",
            "a new key that is no acceptable key",
            "ROTATION-1",
            &["Shape"],
            &altered(|wire| wire.new_key.as_mut().unwrap().vk = vec![0; 32].into()),
        ),
    ]
}

fn changes_of_times() -> Vec<Vector<ChangeInput, ChangeOutput>> {
    let to = |alter: fn(&mut KeyRecord)| {
        let mut new = record(1);
        alter(&mut new);
        change(Role::Sender, 0, 1, &new)
    };
    vec![
        asked("same-version", "version 0", "ROTATION-8", &["Times"], &to(|key| key.version = 0)),
        asked(
            "early",
            "not valid yet",
            "ROTATION-9",
            &["Times"],
            &to(|key| {
                key.not_before = HOUR + 1;
            }),
        ),
        asked(
            "first-hour",
            "valid from this hour",
            "ROTATION-9",
            &[],
            &to(|key| {
                key.not_before = HOUR;
            }),
        ),
        asked(
            "over",
            "over in this hour",
            "ROTATION-9",
            &["Times"],
            &to(|key| {
                key.not_after = HOUR;
            }),
        ),
        asked(
            "long",
            "one hour too long",
            "ROTATION-2",
            &["Times"],
            &to(|key| {
                key.not_after = key.not_before + 366 * 24 + 1;
            }),
        ),
        asked(
            "longest",
            "as long as may be",
            "ROTATION-2",
            &[],
            &to(|key| {
                key.not_after = key.not_before + 366 * 24;
            }),
        ),
        asked(
            "graceful",
            "an hour of grace too much",
            "ROTATION-2",
            &["Times"],
            &to(|key| {
                key.grace = 721;
            }),
        ),
    ]
}

fn shown(
    name: &str,
    comment: &str,
    clause: &str,
    flags: &[&str],
    at: &KeyRecord,
    last: u32,
    chain: &[v1::KeyChange],
) -> Vector<ChainInput, ChainOutput> {
    let input = ChainInput {
        role: 1,
        recipient_id: id().into(),
        hour: HOUR,
        vk: record(last).vk.into(),
        version: last,
        record: at.to_wire().encode_to_vec().into(),
        chain: chain.iter().map(|change| change.encode_to_vec().into()).collect(),
    };
    let outcome = judge_chain(&input);
    vector(&format!("chain/{name}"), comment, &[clause], flags, input, outcome)
}

fn chains() -> Vec<Vector<ChainInput, ChainOutput>> {
    let step = |old, record: &KeyRecord| change(Role::Recipient, old, old + 1, record);
    let chain: Vec<_> = (0..4).map(|old| step(old, &record(old + 1))).collect();
    let over = KeyRecord { not_before: HOUR - 99, not_after: HOUR, ..record(0) };
    let dead = KeyRecord { not_after: HOUR - 5, ..over };
    let mid_over = KeyRecord { not_before: HOUR - 99, not_after: HOUR - 1, ..record(1) };
    let mid_dead = KeyRecord { not_after: HOUR - 6, ..mid_over };
    let mut unsigned = chain[..2].to_vec();
    unsigned[0].old_signature = unsigned[0].new_signature.clone();
    let (zero, one) = (record(0), record(1));
    vec![
        shown("none", "no chain", "ROTATION-15", &[], &zero, 0, &[]),
        shown("whole", "from the record's key on", "ROTATION-15", &[], &zero, 3, &chain[..3]),
        shown("part", "the first change is known", "ROTATION-15", &[], &one, 3, &chain[..3]),
        shown("known", "all are known", "ROTATION-15", &[], &record(3), 3, &chain[..3]),
        shown("apart", "starts after the record", "ROTATION-15", &[], &zero, 3, &chain[1..3]),
        shown("long", "four changes", "ROTATION-14", &["Shape"], &zero, 4, &chain),
        shown("gap", "one is missing", "ROTATION-14", &["Shape"], &zero, 3, &{
            [chain[0].clone(), chain[2].clone()]
        }),
        shown("end", "ends at another key", "ROTATION-14", &["Shape"], &zero, 3, &chain[..2]),
        shown("unsigned", "an inner one", "ROTATION-6", &["Signature"], &zero, 2, &unsigned),
        shown("grace", "the record's key in grace", "ROTATION-13", &[], &over, 1, &chain[..1]),
        shown("dead", "it is dead", "ROTATION-5", &["Expired"], &dead, 1, &chain[..1]),
        shown("inner-grace", "an inner key is over", "ROTATION-9", &[], &zero, 2, &{
            [step(0, &mid_over), chain[1].clone()]
        }),
        shown("inner-dead", "it is dead", "ROTATION-5", &["Expired"], &zero, 2, &{
            [step(0, &mid_dead), chain[1].clone()]
        }),
        shown("last-over", "the last key is over", "ROTATION-9", &["Times"], &zero, 1, &{
            [step(0, &mid_over)]
        }),
    ]
}

fn made() -> VectorFile<Groups> {
    let moment = |name: &str, hour, expected: &str| {
        let input = Moment { not_before: 10, not_after: 20, grace: 5, hour };
        let outcome = life(&input);
        let id = format!("life/{name}");
        vector(&id, expected, &["ROTATION-3", "ROTATION-4", "ROTATION-5"], &[], input, outcome)
    };
    let flags = [
        ("Expired", "a key that may not even name its successor"),
        ("Old", "a move, or an answer, that was overtaken or came before"),
        ("Reach", "numbers that no honest end has"),
        ("Shape", "fields of a wrong length, keys or chains that cannot be"),
        ("Signature", "a signature over something else"),
        ("Times", "a new key's times or version"),
    ];
    VectorFile {
        schema: "rotation.schema.json".to_owned(),
        word: "rotation".to_owned(),
        spec_revision: SPEC_REVISION,
        flags: flags.map(|(flag, meaning)| (flag.to_owned(), meaning.to_owned())).into(),
        groups: Groups {
            life: vec![
                moment("before", 9, "the hour before"),
                moment("first", 10, "the first hour"),
                moment("last", 19, "the last hour"),
                moment("over", 20, "the first hour of grace"),
                moment("grace", 24, "the last hour of grace"),
                moment("dead", 25, "the hour after"),
            ],
            change: changes().into_iter().chain(changes_of_times()).collect(),
            chain: chains(),
            moves: moves(),
            moved: answers(),
        },
    }
}

#[test]
fn vectors_are_current() {
    assert_current(&made());
}

#[test]
fn vectors_hold() {
    let file: VectorFile<Groups> = load("rotation");
    file.groups.life.iter().for_each(|vector| vector.check(life));
    file.groups.change.iter().for_each(|vector| vector.check(judge_change));
    file.groups.chain.iter().for_each(|vector| vector.check(judge_chain));
    file.groups.moves.iter().for_each(|vector| vector.check(judge_move));
    file.groups.moved.iter().for_each(|vector| vector.check(judge_moved));
    audit::<Groups>("rotation");
}

/// What each is meant to come to, said apart from the code that made it.
#[test]
fn each_fault_is_refused_for_its_own_sake() {
    let file: VectorFile<Groups> = load("rotation");
    let change = file.groups.change.iter().map(|it| (&it.id, &it.flags, &it.expect_layer));
    let chain = file.groups.chain.iter().map(|it| (&it.id, &it.flags, &it.expect_layer));
    for (id, flags, layer) in change.chain(chain) {
        let expected = match flags.first().map(String::as_str) {
            None => None,
            Some("Expired") => Some("key-expired"),
            Some("Shape") => Some("malformed"),
            Some("Signature") => Some("bad-signature"),
            Some("Times") => Some("terms"),
            Some(other) => panic!("{other}"),
        };
        assert_eq!(layer.as_deref(), expected, "{id}");
    }
    let lives: Vec<_> = file.groups.life.iter().map(|it| it.output.as_ref().unwrap()).collect();
    let lives: Vec<_> = lives.iter().map(|stage| stage.life.as_str()).collect();
    assert_eq!(lives, ["early", "valid", "valid", "grace", "grace", "dead"]);
}
