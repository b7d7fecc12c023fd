//! The refusals, in the order of spec/error.md (ERROR-6).

use edgewise_proto::v1::RejectCode as Code;

use super::{
    Attach, CHAIN_MAX, Change, Class, Create, HANDLES_MAX, Hour, IDLE_DAYS, KEY_GRACE_HOURS_MAX,
    KEY_LIFE_HOURS_MAX, Key, Name, PART_DAYS, QUOTAS, Role, State, WINDOW_BYTES_MAX,
    WINDOW_PARTS_MAX, World,
};

/// Why a request has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The code.
    pub code: Code,
    /// Only with GAP (ERROR-3).
    pub next: u64,
}

impl Refusal {
    /// A refusal that carries nothing but its code.
    pub(super) const fn of(code: Code) -> Self {
        Self { code, next: 0 }
    }
}

fn unless(code: Code, holds: bool) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::of(code)) }
}

/// ROTATION-3 to ROTATION-5: whether the key may be used now.
pub(super) fn life(key: &Key, hour: Hour) -> Result<(), Refusal> {
    unless(Code::KeyNotYetValid, hour >= key.not_before)?;
    unless(Code::KeyExpired, hour < key.not_after)
}

/// ROTATION-2: whether the key's times can be.
fn times(key: &Key) -> Result<(), Refusal> {
    let life = key.not_after.checked_sub(key.not_before);
    let lives = life.is_some_and(|hours| (1..=KEY_LIFE_HOURS_MAX).contains(&hours));
    unless(Code::Terms, lives && key.grace <= KEY_GRACE_HOURS_MAX)
}

/// ROTATION-14: whether the changes join one another and the request's key.
fn joined(chain: &[Change], pair: u32, version: u32) -> Result<(), Refusal> {
    let mut joins = chain.len() <= CHAIN_MAX;
    joins &= pairwise(chain).all(|(one, next)| one.new.pair == next.old);
    if let Some(last) = chain.last() {
        joins &= (last.new.pair, last.new.version) == (pair, version);
    }
    unless(Code::Malformed, joins)
}

/// ROTATION-2, ROTATION-8, ROTATION-9: times that can be, versions that rise, a last key that is
/// valid.
fn chain_terms(chain: &[Change], hour: Hour) -> Result<(), Refusal> {
    chain.iter().try_for_each(|change| times(&change.new))?;
    let rises = pairwise(chain).all(|(one, next)| one.new.version < next.new.version);
    let valid = chain.last().is_none_or(|change| life(&change.new, hour).is_ok());
    unless(Code::Terms, rises && valid)
}

fn pairwise(chain: &[Change]) -> impl Iterator<Item = (&Change, &Change)> {
    chain.iter().zip(chain.iter().skip(1))
}

impl World {
    pub(super) fn judge_create(&self, link: usize, create: &Create) -> Result<(), Refusal> {
        let open = create.state == State::Open;
        let named = create.key.version > 0 || create.key.pair == create.name;
        let whole = create.bundle.is_some() == open && create.sender.is_none() == open;
        unless(Code::Malformed, named && whole)?; // CONNECTION-5
        joined(&create.chain, create.key.pair, create.key.version)?;
        self.judge_medium(link, open)?; // CONNECTION-7
        let terms = &self.terms;
        let listed = QUOTAS.contains(&create.quota)
            && create.quota <= terms.quota_max
            && IDLE_DAYS.contains(&create.idle_days)
            && create.idle_days <= terms.idle_days_max
            && PART_DAYS.contains(&create.part_days)
            && create.part_days <= terms.part_days_max;
        unless(Code::Terms, listed)?; // CONNECTION-6
        times(&create.key)?;
        create.sender.as_ref().map_or(Ok(()), times)?;
        chain_terms(&create.chain, self.hour)?;
        let signed = create.recipient_signed && (create.claim_signed || !open);
        // CONNECTION-3, CONNECTION-4, ROTATION-6
        unless(Code::BadSignature, signed && create.chain.iter().all(|change| change.signed))
    }

    pub(super) fn judge_claim(&self, link: usize, key: &Key, signed: bool) -> Result<(), Refusal> {
        self.judge_medium(link, true)?; // CONNECTION-14
        unless(Code::Terms, key.version == 0)?; // CONNECTION-21
        times(key)?;
        unless(Code::BadSignature, signed) // CONNECTION-15
    }

    /// A handle that is named is used from now on, whatever becomes of the attach.
    pub(super) fn judge_attach(&mut self, link: usize, attach: &Attach) -> Result<(), Refusal> {
        joined(&attach.chain, attach.pair, attach.version)?;
        let found = self.links.get_mut(link);
        let free = found.as_ref().is_some_and(|link| {
            attach.handle <= link.fresh && !link.attachments.contains_key(&attach.handle)
        });
        unless(Code::HandleTaken, free || attach.handle >= HANDLES_MAX)?; // CONNECTION-22
        if let Some(link) = found.filter(|_| attach.handle < HANDLES_MAX) {
            link.fresh = link.fresh.max(attach.handle + 1);
        }
        chain_terms(&attach.chain, self.hour)?;
        // CONNECTION-24, ROTATION-6
        unless(Code::BadSignature, attach.signed && attach.chain.iter().all(|c| c.signed))?;
        unless(Code::Full, attach.handle < HANDLES_MAX) // CONNECTION-23
    }

    pub(super) fn judge_subscribe(
        &self,
        link: usize,
        handle: u32,
        parts: u32,
        bytes: u32,
    ) -> Result<(), Refusal> {
        self.judge_attached(link, handle, Some(Role::Recipient))?;
        let listed =
            (1..=WINDOW_PARTS_MAX).contains(&parts) && (1..=WINDOW_BYTES_MAX).contains(&bytes);
        unless(Code::Terms, listed)?; // CONNECTION-40
        self.judge_handle(link, handle, Some(Role::Recipient))
    }

    /// The handle, the change and the key that asks for it; in grace it may (ROTATION-13).
    pub(super) fn judge_rotate(
        &self,
        link: usize,
        handle: u32,
        change: &Change,
    ) -> Result<Role, Refusal> {
        let role = self.judge_attached(link, handle, None)?;
        times(&change.new)?;
        let attachment = self.links.get(link).and_then(|link| link.attachments.get(&handle));
        let fresh = attachment.is_some_and(|attachment| !self.is_stale(attachment));
        let record = attachment.and_then(|attachment| self.records.get(&attachment.name));
        let key = record.and_then(|record| record.key(role)).filter(|_| fresh);
        let present = key.map(|key| (key.pair, key.version));
        if present != Some((change.new.pair, change.new.version)) {
            let above = attachment.is_some_and(|a| change.new.version > a.version);
            // ROTATION-8, ROTATION-9
            unless(Code::Terms, above && life(&change.new, self.hour).is_ok())?;
        }
        unless(Code::BadSignature, change.signed)?; // ROTATION-6
        let Some(key) = key else { return Err(Refusal::of(Code::Refused)) }; // CONNECTION-26
        unless(Code::KeyNotYetValid, self.hour >= key.not_before)?;
        unless(Code::KeyExpired, self.hour < key.not_after.saturating_add(key.grace))?;
        Ok(role)
    }

    /// The handle, the record behind it and the life of the key that was proven.
    pub(super) fn judge_handle(
        &self,
        link: usize,
        handle: u32,
        role: Option<Role>,
    ) -> Result<(), Refusal> {
        let role = self.judge_attached(link, handle, role)?;
        let attachment = self.links.get(link).and_then(|link| link.attachments.get(&handle));
        let fresh = attachment.filter(|attachment| !self.is_stale(attachment));
        let record = fresh.and_then(|attachment| self.records.get(&attachment.name));
        let key = record.and_then(|record| record.key(role));
        key.map_or(Err(Refusal::of(Code::Refused)), |key| life(&key, self.hour))
    }

    /// ROTATION-15: the changes from the one whose old key is the record's.
    pub(super) fn apply_chain(
        &mut self,
        name: Name,
        role: Role,
        chain: &[Change],
    ) -> Result<(), Refusal> {
        let hour = self.hour;
        let Some(record) = self.records.get_mut(&name) else { return Ok(()) };
        let Some(key) = record.key(role) else { return Ok(()) };
        let Some(last) = chain.last() else { return Ok(()) };
        if let Some(first) = chain.iter().find(|change| change.old == key.pair) {
            unless(Code::Terms, first.new.version > key.version)?; // ROTATION-8
            unless(Code::KeyNotYetValid, hour >= key.not_before)?;
            unless(Code::KeyExpired, hour < key.not_after.saturating_add(key.grace))?;
            record.set_key(role, last.new);
        }
        Ok(())
    }

    /// CONNECTION-29
    fn judge_attached(
        &self,
        link: usize,
        handle: u32,
        role: Option<Role>,
    ) -> Result<Role, Refusal> {
        let attachment = self.links.get(link).and_then(|link| link.attachments.get(&handle));
        let found = attachment.map(|attachment| attachment.role);
        let found = found.filter(|found| role.is_none_or(|role| role == *found));
        found.ok_or(Refusal::of(Code::NotAttached))
    }

    fn judge_medium(&self, link: usize, asked: bool) -> Result<(), Refusal> {
        let medium = self.links.get(link).is_some_and(|link| link.class == Class::Medium);
        unless(Code::WrongLinkClass, medium || !asked)
    }
}
