//! Chapter rotation: keys, changes, chains, and connections that move.

use edgewise_proto::v1::{self, Role};
use edgewise_spec::rotation::moving::{
    Direction, Follower, FollowerEvent, FollowerStep, MoveRefused, MovedRefused, Mover, MoverEvent,
    MoverStep,
};
use edgewise_spec::rotation::{Chain, Change, KeyRecord, Life, change_input};
use prost::Message;
use serde_json::json;

use super::connection::layer;
use super::input::{Input, No, hex, strange};
use super::{Answered, Operation};

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "life" => life,
        "change" => change,
        "chain" => chain,
        "move" => moves,
        "moved" => moved,
        _ => return None,
    })
}

fn life(input: Input<'_>) -> Answered {
    let record = KeyRecord {
        vk: [0; 32],
        version: 0,
        not_before: input.number("not_before")?,
        not_after: input.number("not_after")?,
        grace: input.number("grace")?,
    };
    let life = match record.life(input.number("hour")?) {
        Life::Early => "early",
        Life::Valid => "valid",
        Life::Grace => "grace",
        Life::Dead => "dead",
    };
    Ok(json!({ "life": life }))
}

fn role(input: Input<'_>) -> Result<Role, No> {
    Role::try_from(input.number::<i32>("role")?).map_err(strange)
}

fn change(input: Input<'_>) -> Answered {
    let (role, id) = (role(input)?, input.array("recipient_id")?);
    let wire = v1::KeyChange::decode(&input.bytes("change")?[..]).map_err(strange)?;
    let change = Change::from_wire(&wire).map_err(layer)?;
    let (version, hour) = (input.number("version")?, input.number("hour")?);
    change.check_terms(version, Some(hour)).map_err(layer)?;
    change.verify(role, &id).map_err(layer)?;
    Ok(json!({ "signed": hex(change_input(role, &id, &change.old_vk, &change.new)) }))
}

fn chain(input: Input<'_>) -> Answered {
    let (role, id, hour) = (role(input)?, input.array("recipient_id")?, input.number("hour")?);
    let wire = input.bytes_list("chain")?;
    let wire: Result<Vec<_>, _> = wire.iter().map(|it| v1::KeyChange::decode(&it[..])).collect();
    let wire = wire.map_err(strange)?;
    let chain = Chain::from_wire(&wire, &input.array("vk")?, input.number("version")?);
    let chain = chain.map_err(layer)?;
    chain.check_terms(hour).map_err(layer)?;
    chain.verify(role, &id).map_err(layer)?;
    let record = v1::KeyRecord::decode(&input.bytes("record")?[..]).map_err(strange)?;
    let record = KeyRecord::from_wire(&record).map_err(layer)?;
    let key = chain.follow(&record, hour).map_err(layer)?;
    Ok(json!({ "vk": hex(key.vk), "version": key.version }))
}

/// A sender to whom moves come, brought to where it stood before.
fn moves(input: Input<'_>) -> Answered {
    let (number, taken) = (input.number("number")?, input.number::<u32>("taken")?);
    let (answered, answered_s) = (input.number("answered")?, input.number::<u32>("answered_s")?);
    let now = Direction { sealed: input.number("sealed")?, acked: input.number("acked")? };
    let comes = |number, n, place, base, to, now| {
        let descriptor = &b"any"[..];
        FollowerEvent::Move { number, place, base, descriptor, n, from: 0, to, now }
    };
    let mut follower = Follower::default();
    if answered > 0 {
        let sealed = answered_s.checked_sub(1).ok_or_else(|| strange("answered_s is 0"))?;
        let before = Direction { sealed, acked: sealed };
        let _ = follower.handle(comes(answered, 1, 0, sealed, 10, before));
        let _ = follower.handle(FollowerEvent::Claimed(before));
    }
    if taken > answered {
        let _ = follower.handle(comes(taken, 1, 0, now.sealed, 11, now));
    }
    let (n, place, base) = (input.number("n")?, input.number("place")?, input.number("base")?);
    let (verdict, s) = match follower.handle(comes(number, n, place, base, 12, now)) {
        FollowerStep::Claim { .. } => ("claim", 0),
        FollowerStep::Repeat(answer) => ("repeat", answer.s),
        FollowerStep::Nothing => ("ignore", 0),
        FollowerStep::Refused(MoveRefused::Number) => return Err("number".into()),
        FollowerStep::Refused(MoveRefused::Place { .. }) => return Err("place".into()),
        FollowerStep::Refused(MoveRefused::Base { .. }) => return Err("base".into()),
        other => return Err(strange(format_args!("{other:?}"))),
    };
    Ok(json!({ "verdict": verdict, "s": s }))
}

/// A recipient that has asked for moves, to whom an answer comes.
fn moved(input: Input<'_>) -> Answered {
    let (place, opened) = (input.number("asked_place")?, input.number("base")?);
    let mut mover = Mover::default();
    for lane in 0..input.number::<u8>("asked")? {
        let begin = MoverEvent::Begin { place, from: 0, lane: 10 + u32::from(lane), opened };
        mover.handle(begin).map_err(|why| strange(format_args!("{why:?}")))?;
        mover.handle(MoverEvent::Created).map_err(|why| strange(format_args!("{why:?}")))?;
    }
    let answer = MoverEvent::Moved {
        number: input.number("number")?,
        place: input.number("place")?,
        s: input.number("s")?,
        opened: input.number("opened")?,
    };
    let step = mover.handle(answer).map_err(|why| strange(format_args!("{why:?}")))?;
    let verdict = match step {
        MoverStep::Taken { .. } => "take",
        MoverStep::Nothing => "ignore",
        MoverStep::Refused(MovedRefused::Number(_)) => return Err("number".into()),
        MoverStep::Refused(MovedRefused::Place { .. }) => return Err("place".into()),
        MoverStep::Refused(MovedRefused::Early { .. }) => return Err("early".into()),
        MoverStep::Refused(MovedRefused::Far { .. }) => return Err("far".into()),
        other => return Err(strange(format_args!("{other:?}"))),
    };
    Ok(json!({ "verdict": verdict }))
}
