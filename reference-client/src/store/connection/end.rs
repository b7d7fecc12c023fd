//! The states of both ends as bytes.

use arrayvec::ArrayVec;
use bytes::Bytes;
use edgewise_proto::v1::{KeyChange, Kind};
use edgewise_spec::client::{Key, KeyRing, Lifetime, RecipientState, SenderState, Terms};
use edgewise_spec::constants::{CHAIN_MAX, HASH_LEN};
use edgewise_spec::frame::Class;
use edgewise_spec::rotation::KeyRecord;
use edgewise_spec::suite::{SigningKey, VerifyingKey};
use edgewise_spec::time::Now;
use prost::Message;
use zeroize::Zeroizing;

use super::Numbers;
use crate::store::codec::{Fields, Writer};

pub(super) fn write_sender(to: &mut Writer, state: &SenderState) {
    to.option(state.claim.as_ref(), write_signing);
    write_keys(to, &state.keys);
    to.option(state.claimed.as_ref(), |to, (id, class)| {
        to.raw(id);
        to.u8(*class as u8);
    });
    to.option(state.incarnation, Writer::u64);
    let Numbers { first, released, answered } = Numbers::of(&state.outbox);
    to.u64(first);
    to.u64(released);
    to.u64(answered);
    to.option(state.unreachable_since, |to, since| to.u64(since.millis()));
}

pub(super) fn read_sender(from: &mut Fields<'_>) -> Option<SenderState> {
    Some(SenderState {
        claim: from.option(read_signing)?,
        keys: read_keys(from)?,
        claimed: from.option(|from| Some((from.array()?, read_class(from)?)))?,
        incarnation: from.option(Fields::u64)?,
        outbox: Numbers { first: from.u64()?, released: from.u64()?, answered: from.u64()? }
            .outbox(),
        unreachable_since: from.option(Fields::u64)?.map(Now::from_millis),
    })
}

pub(super) fn write_recipient(to: &mut Writer, state: &RecipientState) {
    to.raw(&state.recipient_id);
    write_keys(to, &state.keys);
    to.raw(state.claim_vk.as_bytes());
    to.option(state.open.as_ref(), |to, (claim, bundle)| {
        write_signing(to, claim);
        to.bytes(bundle);
    });
    let Terms { class, kind, quota, idle_days, part_days } = state.terms;
    to.u8(class as u8);
    to.u32(u32::try_from(i32::from(kind)).unwrap_or_default());
    to.u32(quota);
    to.u32(idle_days);
    to.u32(part_days);
    to.flag(state.created);
    to.option(state.sender_key.as_ref(), write_record);
    to.flag(state.suspended);
    to.u32(state.window_parts);
}

pub(super) fn read_recipient(from: &mut Fields<'_>) -> Option<RecipientState> {
    Some(RecipientState {
        recipient_id: from.array()?,
        keys: read_keys(from)?,
        claim_vk: VerifyingKey::parse(&from.array::<32>()?).ok()?,
        open: from
            .option(|from| Some((read_signing(from)?, Bytes::copy_from_slice(from.bytes()?))))?,
        terms: Terms {
            class: read_class(from)?,
            kind: Kind::try_from(i32::try_from(from.u32()?).ok()?).ok()?,
            quota: from.u32()?,
            idle_days: from.u32()?,
            part_days: from.u32()?,
        },
        created: from.flag()?,
        sender_key: from.option(read_record)?,
        suspended: from.flag()?,
        window_parts: from.u32()?,
    })
}

fn read_class(from: &mut Fields<'_>) -> Option<Class> {
    Class::try_from(u32::from(from.u8()?)).ok()
}

fn write_signing(to: &mut Writer, key: &SigningKey) {
    to.raw(&*key.to_seed());
}

fn read_signing(from: &mut Fields<'_>) -> Option<SigningKey> {
    let seed = Zeroizing::new(from.array::<HASH_LEN>()?);
    Some(SigningKey::from_seed(&seed))
}

fn write_record(to: &mut Writer, record: &KeyRecord) {
    to.raw(&record.vk);
    for number in [record.version, record.not_before, record.not_after, record.grace] {
        to.u32(number);
    }
}

fn read_record(from: &mut Fields<'_>) -> Option<KeyRecord> {
    Some(KeyRecord {
        vk: from.array()?,
        version: from.u32()?,
        not_before: from.u32()?,
        not_after: from.u32()?,
        grace: from.u32()?,
    })
}

fn write_key(to: &mut Writer, key: &Key) {
    write_signing(to, key.signing());
    let KeyRecord { version, not_before, not_after, grace, .. } = key.record();
    for number in [version, not_before, not_after, grace] {
        to.u32(number);
    }
}

fn read_key(from: &mut Fields<'_>) -> Option<Key> {
    let signing = read_signing(from)?;
    let version = from.u32()?;
    let (not_before, not_after, grace) = (from.u32()?, from.u32()?, from.u32()?);
    Some(Key::new(signing, version, Lifetime { not_before, not_after, grace }))
}

fn write_keys(to: &mut Writer, keys: &KeyRing) {
    write_key(to, keys.newest());
    to.option(keys.before(), write_key);
    to.u32(u32::try_from(keys.chain().len()).unwrap_or_default());
    for change in keys.chain() {
        to.bytes(&change.encode_to_vec());
    }
}

fn read_keys(from: &mut Fields<'_>) -> Option<KeyRing> {
    let newest = read_key(from)?;
    let before = from.option(read_key)?;
    let mut chain = ArrayVec::<KeyChange, CHAIN_MAX>::new();
    for _ in 0..from.u32()? {
        chain.try_push(KeyChange::decode(from.bytes()?).ok()?).ok()?;
    }
    Some(KeyRing::restore(newest, before, chain))
}
