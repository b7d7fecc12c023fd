//! The state table of the chapter, worked out from [`plan`].

use std::num::NonZeroU32;

use bytes::Bytes;
use edgewise_proto::v1::{self, Role, State};

use super::{
    Around, Attach, By, Claim, Create, Deposit, Kind, Op, Outcome, Plan, Put, Record, Terms, plan,
};
use crate::error::Reject;
use crate::frame::Class;
use crate::rotation::{Chain, Change, KeyRecord};
use crate::store::{LinkId, Place, Slot};
use crate::suite::SigningKey;
use crate::time::Now;

const NOW: Now = Now::from_seconds(1_800_000_000);

fn key(seed: u8, version: u32) -> KeyRecord {
    let vk = *SigningKey::from_seed(&[seed; 32]).verifying_key().as_bytes();
    KeyRecord { vk, version, not_before: 0, not_after: NOW.hour() + 1, grace: 0 }
}

fn create(state: State) -> Create {
    Create {
        recipient_id: [1; 32],
        sender_id: [2; 32],
        recipient_key: key(1, 0),
        sender_key: (state != State::Open).then(|| key(2, 0)),
        state,
        kind: Kind::Contact,
        class: Class::Medium,
        terms: Terms::new(16, 30, 7).unwrap(),
        bundle: Bytes::new(),
        chain: Chain::default(),
        incarnation: 5,
    }
}

const AROUND: Around =
    Around { slot: Slot(0), claim_key_taken: false, buried: false, full: false, deposited: false };

fn address() -> Create {
    Create { kind: Kind::Address, ..create(State::Open) }
}

fn deposit() -> Op {
    Op::Deposit(Box::new(Deposit { sender_id: [2; 32], part: Bytes::new() }))
}

fn place() -> Place {
    Place { link: LinkId(NonZeroU32::MIN), handle: 0 }
}

fn by(role: Role) -> By {
    By { slot: Slot(0), incarnation: 5, version: 0, role, place: place() }
}

fn attach(role: Role) -> Op {
    let vk = if role == Role::Recipient { key(1, 0).vk } else { key(2, 0).vk };
    let wire = v1::Attach {
        role: role.into(),
        recipient_id: vec![1; 32].into(),
        vk: vk.to_vec().into(),
        signature: vec![0; 64].into(),
        ..v1::Attach::default()
    };
    Op::Attach(Box::new(Attach::from_wire(&wire, Class::Medium).unwrap()))
}

fn rotate(role: Role) -> Op {
    let (old, new) = if role == Role::Recipient { (1, 3) } else { (2, 4) };
    let wire = v1::KeyChange {
        new_key: Some(key(new, 1).to_wire()),
        old_vk: key(old, 0).vk.to_vec().into(),
        old_signature: vec![0; 64].into(),
        new_signature: vec![0; 64].into(),
    };
    Op::Rotate { by: by(role), change: Box::new(Change::from_wire(&wire).unwrap()) }
}

fn operations() -> Vec<(&'static str, Op)> {
    let (recipient, sender) = (by(Role::Recipient), by(Role::Sender));
    let claim = |key| Op::Claim(Box::new(Claim { sender_id: [2; 32], sender_key: key }));
    let send = |submission| Op::Send { by: sender, submission, part: Bytes::new() };
    vec![
        ("Create, open", Op::Create(Box::new(create(State::Open)))),
        ("Create, address", Op::Create(Box::new(address()))),
        ("Create, claimed", Op::Create(Box::new(create(State::Claimed)))),
        ("Claim", claim(key(2, 0))),
        ("Claim, another key", claim(key(9, 0))),
        ("Deposit", deposit()),
        ("Deposit, repeat", deposit()),
        ("Attach, recipient", attach(Role::Recipient)),
        ("Attach, sender", attach(Role::Sender)),
        ("Subscribe", Op::Subscribe { by: recipient }),
        ("Acknowledge", Op::Acknowledge { by: recipient, through: 1 }),
        ("Send, next", send(3)),
        ("Send, repeat", send(2)),
        ("Send, ahead", send(4)),
        ("Suspend", Op::Suspend { by: recipient }),
        ("Resume", Op::Resume { by: recipient }),
        ("Rotate, recipient", rotate(Role::Recipient)),
        ("Rotate, sender", rotate(Role::Sender)),
        ("Delete", Op::Delete { by: recipient }),
        ("Detach", Op::Detach { by: recipient }),
    ]
}

/// The columns: the state, and what else matters.
fn records() -> Vec<(&'static str, Option<Record>, bool)> {
    let record = |state, accepted, held| {
        let mut record = Record::new(&create(state), NOW);
        (record.next, record.accepted, record.held) = (3, accepted, held);
        record.set_subscriber(Some(place()));
        Some(record)
    };
    let address = |held| {
        let mut record = Record::new(&self::address(), NOW);
        (record.next, record.accepted, record.held) = (3, 3, held);
        record.set_subscriber(Some(place()));
        Some(record)
    };
    vec![
        ("none", None, false),
        ("deleted", None, true),
        ("open", record(State::Open, 0, 0), false),
        ("claimed, nothing sent", record(State::Claimed, 0, 0), false),
        ("claimed", record(State::Claimed, 3, 3), false),
        ("claimed, full", record(State::Claimed, 16, 16), false),
        ("suspended", record(State::Suspended, 3, 3), false),
        ("address", address(3), false),
        ("address, full", address(16), false),
    ]
}

fn name(state: State) -> &'static str {
    match state {
        State::Unspecified => "none",
        State::Open => "open",
        State::Claimed => "claimed",
        State::Suspended => "suspended",
    }
}

/// One cell: what is answered, and what becomes of the record.
fn cell(planned: &Plan, before: Option<&Record>, unanswered: bool) -> String {
    let answer = match &planned.outcome {
        Ok(Outcome::Done) => "Done".to_owned(),
        Ok(Outcome::Created(state)) => format!("Created {}", name(*state)),
        Ok(Outcome::Claimed { .. }) => "Claimed".to_owned(),
        Ok(Outcome::Attached { .. }) => "Attached".to_owned(),
        Ok(Outcome::Subscribed(_)) => "Subscribed".to_owned(),
        Err(reject) => reject.code().as_str_name().trim_start_matches("REJECT_CODE_").to_owned(),
    };
    let mut effects = Vec::new();
    match &planned.put {
        Put::Keep => {}
        Put::Insert(record) => effects.push(format!("→ {}", name(record.state()))),
        Put::Remove => effects.push("→ deleted".to_owned()),
        Put::Replace(after) => {
            let before = before.unwrap();
            if before.state() != after.state() {
                effects.push(format!("→ {}", name(after.state())));
            }
            if before.conflict() != after.conflict() {
                effects.push("conflict".to_owned());
            }
            if before.recipient_key != after.recipient_key
                || before.state() == after.state() && before.sender_key() != after.sender_key()
            {
                effects.push("new key".to_owned());
            }
        }
    }
    if planned.put_bundle {
        effects.push("bundle".to_owned());
    }
    if planned.append {
        effects.push("kept".to_owned());
    }
    if planned.trim.is_some() {
        effects.push("deleted up to it".to_owned());
    }
    if planned.wait.is_some() {
        effects.push("waits".to_owned());
    }
    let answer = if unanswered { "–".to_owned() } else { answer };
    if effects.is_empty() { answer } else { format!("{answer} ({})", effects.join(", ")) }
}

fn table() -> String {
    let records = records();
    let heads: Vec<&str> = records.iter().map(|(head, ..)| *head).collect();
    let mut lines = vec![format!("| operation | {} |", heads.join(" | "))];
    lines.push(format!("|{}", "---|".repeat(heads.len() + 1)));
    for (operation, op) in operations() {
        let cells: Vec<String> = records
            .iter()
            .map(|(_, record, buried)| {
                let slot = Slot(0);
                let buried = *buried;
                let deposited = operation == "Deposit, repeat";
                let around = Around { slot, buried, deposited, ..AROUND };
                // FRAME-18
                let unanswered = matches!(op, Op::Acknowledge { .. });
                cell(&plan(record.as_ref(), &around, &op, NOW), record.as_ref(), unanswered)
            })
            .collect();
        lines.push(format!("| {operation} | {} |", cells.join(" | ")));
    }
    lines.join("\n")
}

#[test]
fn the_table_of_the_chapter_is_what_the_code_does() {
    let table = table();
    insta::assert_snapshot!("state_by_operation", table);
    let chapter = include_str!("../../connection.md");
    assert!(chapter.contains(&table), "the chapter's state table is stale:\n{table}");
}

#[test]
fn a_full_server_refuses_only_what_it_does_not_know() {
    let around = Around { full: true, ..AROUND };
    let op = Op::Create(Box::new(create(State::Open)));
    assert_eq!(plan(None, &around, &op, NOW).outcome, Err(Reject::Full));
    let known = Record::new(&create(State::Open), NOW);
    let planned = plan(Some(&known), &around, &op, NOW);
    assert_eq!(planned.outcome, Ok(Outcome::Created(State::Open)));
}

#[test]
fn another_key_version_or_incarnation_is_refused_by_every_operation_but_detach() {
    let mut record = Record::new(&create(State::Claimed), NOW);
    record.next = 3;
    let around = AROUND;
    let stale: [fn(&mut By); 2] = [|by| by.incarnation += 1, |by| by.version += 1];
    for make_stale in stale {
        for (name, mut op) in operations() {
            match &mut op {
                Op::Create(_) | Op::Claim(_) | Op::Deposit(_) | Op::Attach(_) => continue,
                Op::Send { by, .. }
                | Op::Subscribe { by }
                | Op::Acknowledge { by, .. }
                | Op::Suspend { by }
                | Op::Resume { by }
                | Op::Rotate { by, .. }
                | Op::Delete { by }
                | Op::Detach { by } => make_stale(by),
            }
            let planned = plan(Some(&record), &around, &op, NOW);
            let expected = if name == "Detach" { Ok(Outcome::Done) } else { Err(Reject::Refused) };
            assert_eq!(planned.outcome, expected, "{name}");
            assert_eq!(planned.put, Put::Keep, "{name}");
            assert!(!planned.append && planned.trim.is_none() && planned.wait.is_none());
        }
    }
}
