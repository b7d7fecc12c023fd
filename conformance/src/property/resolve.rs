//! From a command to the request that it stands for, given what is there.

use crate::model::{
    Attach, Attachment, Change, Class, Create, Hour, IDLE_DAYS, Key, Name, PART_DAYS, Pair, QUOTAS,
    Request, Role, State, Terms, World,
};

use super::command::{
    Aim, AttachFlaw, ChangeFlaw, ClaimFlaw, Command, CreateFlaw, Slot, Submission, Which,
};

/// The classes of the slots in which links are opened when they are needed.
pub const SLOTS: [Class; 5] =
    [Class::Medium, Class::Medium, Class::Small, Class::Small, Class::Large];
/// Hours that a key lives: longer than any sequence moves the clock, but for `LIFE_SHORT`.
const LIFE: u32 = 360 * 24;
/// Hours that every fourth key lives.
const LIFE_SHORT: u32 = 60;
/// Hours of grace.
const GRACE: u32 = 30;

/// What the clients of one sequence know.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// Connections made, in that order.
    pub parties: Vec<Party>,
    pairs: Pair,
    parts: u32,
}

/// What is known of one connection.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its name.
    pub name: Name,
    create: Create,
    recipient: Vec<Key>,
    sender: Vec<Key>,
}

/// What one command stands for: a link, by slot, and a request.
pub type Step = (usize, Request);

impl Party {
    /// The recipient's present key.
    #[must_use]
    pub fn recipient_key(&self) -> Key {
        self.recipient.last().copied().unwrap_or(self.create.key)
    }

    fn keys(&self, role: Role) -> &[Key] {
        match role {
            Role::Recipient => &self.recipient,
            Role::Sender => &self.sender,
        }
    }
}

impl Cast {
    /// The requests of one command, carried out one after the other; none where it names nothing.
    pub fn resolve(&mut self, command: &Command, world: &World, links: &Links) -> Option<Step> {
        let hour = world.hour();
        match command {
            Command::Create { slot, class, state, terms, flaw } => {
                let create = self.create(*class, *state, *terms, *flaw, hour);
                Some((slot_for(*slot, &create), Request::Create(Box::new(create))))
            }
            Command::Restore { slot, connection, state, key, chain } => {
                self.restore(*slot, *connection, *state, (*key, *chain), hour)
            }
            Command::Claim { slot, connection, first, flaw } => {
                self.claim(*slot, *connection, *first, *flaw, hour)
            }
            Command::Attach { .. } => self.attach(command, world, links),
            Command::Send { aim, submission, whole, .. } => {
                Some(self.send(*aim, *submission, *whole, world, links))
            }
            Command::Subscribe { aim, parts, eighths } => {
                let (slot, handle) = aim_at(*aim, Role::Recipient, world, links);
                let part = SLOTS.get(slot).map_or(0, |class| class.part_len());
                let bytes = part.saturating_mul(*eighths) / 8;
                Some((slot, Request::Subscribe { handle, parts: *parts, bytes }))
            }
            Command::Acknowledge { aim, but, beyond } => {
                let (slot, handle) = aim_at(*aim, Role::Recipient, world, links);
                let delivered = attachment(slot, handle, world, links)
                    .and_then(|a| a.subscription.as_ref())
                    .map_or(0, |subscription| subscription.delivered);
                let reach = if *beyond { delivered + 1_000 } else { delivered };
                let through = reach.saturating_sub(u64::from(*but));
                Some((slot, Request::Acknowledge { handle, through }))
            }
            Command::Suspend(aim) => {
                let (slot, handle) = aim_at(*aim, Role::Recipient, world, links);
                Some((slot, Request::Suspend { handle }))
            }
            Command::Resume(aim) => {
                let (slot, handle) = aim_at(*aim, Role::Recipient, world, links);
                Some((slot, Request::Resume { handle }))
            }
            Command::Rotate { aim, role, flaw } => {
                Some(self.rotate(*aim, *role, *flaw, world, links))
            }
            Command::RotateAgain(aim) => Some(self.rotate_again(*aim, world, links)),
            Command::Delete(aim) => {
                let (slot, handle) = aim_at(*aim, Role::Recipient, world, links);
                Some((slot, Request::Delete { handle }))
            }
            Command::Detach(aim) => {
                let (slot, handle) = aim_at(*aim, Role::Recipient, world, links);
                Some((slot, Request::Detach { handle }))
            }
            Command::Drop(_) | Command::Advance(_) | Command::Restart => None,
        }
    }

    /// A connection without a fault, on the shortest terms.
    pub fn new_connection(&mut self, class: Class, state: State, hour: Hour) -> Create {
        self.create(class, state, 0, None, hour)
    }

    /// Takes note of keys that a request made the record's, as the model says.
    pub fn learn(&mut self, world: &World) {
        for party in &mut self.parties {
            let Some(record) = world.records().get(&party.name) else { continue };
            let seen = [
                (&mut party.recipient, Some(record.recipient)),
                (&mut party.sender, record.sender),
            ];
            for (keys, key) in seen {
                if let Some(key) = key.filter(|key| !keys.contains(key)) {
                    keys.push(key);
                }
            }
        }
    }

    /// A key that nobody was told of.
    pub fn fresh_key(&mut self, version: u32, hour: Hour) -> Key {
        self.pairs += 1;
        let life = if self.pairs.is_multiple_of(4) { LIFE_SHORT } else { LIFE };
        let not_after = hour + life;
        Key { pair: self.pairs, version, not_before: hour - 24, not_after, grace: GRACE }
    }

    fn party(&self, number: u8) -> Option<&Party> {
        self.parties.get(usize::from(number).checked_rem(self.parties.len())?)
    }

    fn create(
        &mut self,
        class: Class,
        state: State,
        terms: u8,
        flaw: Option<CreateFlaw>,
        hour: Hour,
    ) -> Create {
        use CreateFlaw as Flaw;
        let open = state == State::Open;
        let key = self.fresh_key(0, hour);
        self.pairs += 1;
        let claim = self.pairs;
        let first_sender = self.fresh_key(0, hour);
        let pick = |list: &[u32; 4]| list.get(usize::from(terms) % 3).copied().unwrap_or_default();
        let mut create = Create {
            name: key.pair,
            key,
            claim,
            state,
            sender: (!open).then_some(first_sender),
            class,
            // Small quotas are reached; each list's last may be above the server's own limit.
            quota: if terms < 6 { QUOTAS[0] } else { QUOTAS[1] },
            idle_days: pick(&IDLE_DAYS),
            part_days: pick(&PART_DAYS),
            bundle: open.then_some(key.pair),
            recipient_signed: true,
            claim_signed: open,
            chain: Vec::new(),
        };
        let early = |key: &mut Key| key.not_before = hour + 2;
        match flaw {
            None => {}
            Some(Flaw::RecipientUnsigned) => create.recipient_signed = false,
            Some(Flaw::ClaimUnsigned) => create.claim_signed = false,
            Some(Flaw::Bundle) => create.bundle = (!open).then_some(key.pair),
            Some(Flaw::Sender) => create.sender = open.then_some(first_sender),
            Some(Flaw::Quota) => create.quota += 1,
            Some(Flaw::Days) => create.idle_days += 1,
            Some(Flaw::Times) => create.key.not_after = create.key.not_before,
            Some(Flaw::Early) => early(&mut create.key),
            Some(Flaw::SenderEarly) => create.sender.iter_mut().for_each(early),
            Some(Flaw::ClaimTaken) => {
                if let Some(other) = self.party(terms) {
                    create.claim = other.create.claim;
                }
            }
        }
        // A refused one is remembered too: its id is as unknown as any.
        let recipient = vec![create.key];
        let sender = vec![create.sender.unwrap_or(first_sender)];
        let name = create.name;
        self.parties.push(Party { name, create: create.clone(), recipient, sender });
        create
    }

    fn restore(
        &mut self,
        slot: Slot,
        connection: u8,
        state: State,
        (which, chain): (Which, u8),
        hour: Hour,
    ) -> Option<Step> {
        let foreign = self.fresh_key(1, hour);
        let party = self.party(connection)?;
        let mut create = party.create.clone();
        let open = state == State::Open;
        create.key = choose(&party.recipient, which, foreign);
        create.state = state;
        create.sender = if open { None } else { party.sender.last().copied() };
        create.bundle = open.then_some(party.name);
        (create.recipient_signed, create.claim_signed) = (true, open);
        // Beside a bundle a chain has no room.
        create.chain = history(&party.recipient, create.key, if open { 0 } else { chain });
        Some((slot_for(slot, &create), Request::Create(Box::new(create))))
    }

    fn claim(
        &mut self,
        slot: Slot,
        connection: u8,
        first: bool,
        flaw: Option<ClaimFlaw>,
        hour: Hour,
    ) -> Option<Step> {
        let foreign = self.fresh_key(0, hour);
        let party = self.party(connection)?;
        let own = party.sender.first().copied().filter(|_| first);
        let mut claim = party.create.claim;
        let mut key = own.unwrap_or(foreign);
        match flaw {
            Some(ClaimFlaw::Version) => key.version = 1,
            Some(ClaimFlaw::Early) => {
                key = Key { not_before: hour + 2, ..foreign };
            }
            Some(ClaimFlaw::Unknown) => claim = foreign.pair,
            Some(ClaimFlaw::Unsigned) | None => {}
        }
        let signed = flaw != Some(ClaimFlaw::Unsigned);
        Some((slot_of(slot, Class::Medium), Request::Claim { claim, key, signed }))
    }

    fn attach(&mut self, command: &Command, world: &World, links: &Links) -> Option<Step> {
        let Command::Attach { slot, connection, role, key, ahead, chain, flaw } = command else {
            return None;
        };
        let hour = world.hour();
        let foreign = self.fresh_key(0, hour);
        let party = self.party(*connection)?;
        let (name, class) = (party.name, party.create.class);
        let present = choose(party.keys(*role), *key, foreign);
        let slot = slot_of(*slot, class);
        let link = links.at(slot).and_then(|link| world.links().get(link));
        let next = (0..).find(|h| link.is_none_or(|l| !l.attachments.contains_key(h)));
        let next = next.unwrap_or_default();
        let used = link.and_then(|link| link.attachments.keys().next_back().copied());
        let expected = world.records().get(&name).map_or(0, |record| record.next);
        let mut changes = Vec::new();
        let mut key = present;
        // A small block has no room for more.
        let most = if SLOTS.get(slot) == Some(&Class::Small) { 3 } else { 4 };
        for _ in 0..(*chain).min(most) {
            let new = self.fresh_key(key.version + 1, hour);
            changes.push(Change {
                new,
                old: key.pair,
                signed: *flaw != Some(AttachFlaw::Unsigned),
            });
            key = new;
        }
        let mut attach = Attach {
            handle: next,
            role: *role,
            name,
            pair: key.pair,
            version: key.version,
            from: if *role == Role::Sender { expected + u64::from(*ahead) } else { 0 },
            signed: true,
            chain: changes,
        };
        match flaw {
            None => {}
            Some(AttachFlaw::Unsigned) => attach.signed = false,
            Some(AttachFlaw::HandleInUse) => attach.handle = used.unwrap_or(next),
            Some(AttachFlaw::HandleAhead) => {
                attach.handle = link.map_or(0, |link| link.fresh) + 1;
            }
            Some(AttachFlaw::Version) => {
                attach.version += 1;
                attach.chain.clear();
            }
            Some(AttachFlaw::Unknown) => attach.name = foreign.pair,
        }
        Some((slot, Request::Attach(Box::new(attach))))
    }

    fn send(
        &mut self,
        aim: Aim,
        submission: Submission,
        whole: bool,
        world: &World,
        links: &Links,
    ) -> Step {
        let (slot, handle) = aim_at(aim, Role::Sender, world, links);
        let attachment = attachment(slot, handle, world, links);
        let name = attachment.map_or(0, |attachment| attachment.name);
        let next = world.records().get(&name).map_or(0, |record| record.next);
        let submission = match submission {
            Submission::Next => next,
            Submission::Below(by) => next.saturating_sub(u64::from(by)),
            Submission::Above(by) => next + u64::from(by),
        };
        self.parts += 1;
        let part = self.parts;
        (slot, Request::Send { handle, submission, part, whole })
    }

    fn rotate(
        &mut self,
        aim: Aim,
        role: Role,
        flaw: Option<ChangeFlaw>,
        world: &World,
        links: &Links,
    ) -> Step {
        let hour = world.hour();
        let (slot, handle) = aim_at(aim, role, world, links);
        let found = attachment(slot, handle, world, links);
        let (name, role) = found.map_or((0, role), |a| (a.name, a.role));
        let stale = found.is_none_or(|a| world.is_stale(a));
        let record = world.records().get(&name);
        let present = record.and_then(|record| match role {
            Role::Recipient => Some(record.recipient),
            Role::Sender => record.sender,
        });
        let version = found.map_or(0, |a| a.version).max(present.map_or(0, |key| key.version));
        let mut new = self.fresh_key(version + 1, hour);
        let mut old = present.map_or(new.pair, |key| key.pair);
        match flaw {
            None | Some(ChangeFlaw::Unsigned) => {}
            Some(ChangeFlaw::Old) => old = self.fresh_key(0, hour).pair,
            // One fault a request: a stale attachment's version is not looked at.
            Some(ChangeFlaw::Version) if stale => {}
            Some(ChangeFlaw::Version) => new.version = version,
            Some(ChangeFlaw::Early) => new.not_before = hour + 2,
            Some(ChangeFlaw::Times) => new.not_after = new.not_before,
        }
        let signed = flaw != Some(ChangeFlaw::Unsigned);
        let change = Change { new, old, signed };
        (slot, Request::Rotate { handle, name, role, change })
    }

    fn rotate_again(&mut self, aim: Aim, world: &World, links: &Links) -> Step {
        let hour = world.hour();
        let (slot, handle) = aim_at(aim, Role::Recipient, world, links);
        let found = attachment(slot, handle, world, links).filter(|a| !world.is_stale(a));
        let record = found.and_then(|a| Some((a.role, world.records().get(&a.name)?)));
        let present = record.and_then(|(role, record)| match role {
            Role::Recipient => Some(record.recipient),
            Role::Sender => record.sender,
        });
        let foreign = self.fresh_key(u32::MAX, hour);
        let new = present.unwrap_or(foreign);
        let change = Change { new, old: foreign.pair, signed: true };
        let any = attachment(slot, handle, world, links);
        let (name, role) = any.map_or((0, Role::Recipient), |a| (a.name, a.role));
        (slot, Request::Rotate { handle, name, role, change })
    }
}

/// Which link stands in which slot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Links([Option<usize>; SLOTS.len()]);

impl Links {
    /// The link in a slot.
    #[must_use]
    pub fn at(&self, slot: usize) -> Option<usize> {
        self.0.get(slot).copied().flatten()
    }

    /// Puts a link in a slot, or takes it out.
    pub fn set(&mut self, slot: usize, link: Option<usize>) {
        if let Some(place) = self.0.get_mut(slot) {
            *place = link;
        }
    }

    fn slot_of_link(&self, link: usize) -> Option<usize> {
        self.0.iter().position(|there| *there == Some(link))
    }
}

/// The slot that a command means.
#[must_use]
pub fn slot_of(slot: Slot, class: Class) -> usize {
    let index = usize::from(slot.index);
    if slot.stray {
        return index % SLOTS.len();
    }
    let right = || SLOTS.iter().enumerate().filter(|(_, c)| **c == class).map(|(n, _)| n);
    index.checked_rem(right().count()).and_then(|n| right().nth(n)).unwrap_or_default()
}

/// The slot for a create: one whose blocks hold the bundle, if there is one.
fn slot_for(slot: Slot, create: &Create) -> usize {
    let needed = if create.state == State::Open { Class::Medium } else { create.class };
    match (slot_of(slot, needed), &create.bundle) {
        (at, Some(_)) if SLOTS.get(at) == Some(&Class::Small) => SLOTS.len() - 1,
        (at, _) => at,
    }
}

/// Slot and handle that a command is aimed at; a handle that nothing has where nothing is there.
fn aim_at(aim: Aim, role: Role, world: &World, links: &Links) -> (usize, u32) {
    const NOTHING: (usize, u32) = (0, 60_000);
    let (number, any) = match aim {
        Aim::Right(number) => (number, false),
        Aim::Any(number) => (number, true),
        Aim::Nothing => return NOTHING,
    };
    let fitting: Vec<(usize, u32)> = (0..world.links().len())
        .filter_map(|link| Some((links.slot_of_link(link)?, world.links().get(link)?)))
        .flat_map(|(slot, link)| {
            let fits = move |a: &Attachment| any || a.role == role;
            let those = link.attachments.iter().filter(move |(_, a)| fits(a));
            those.map(move |(handle, _)| (slot, *handle))
        })
        .collect();
    let index = usize::from(number).checked_rem(fitting.len());
    index.and_then(|index| fitting.get(index).copied()).unwrap_or(NOTHING)
}

fn attachment<'a>(
    slot: usize,
    handle: u32,
    world: &'a World,
    links: &Links,
) -> Option<&'a Attachment> {
    world.links().get(links.at(slot)?)?.attachments.get(&handle)
}

fn choose(keys: &[Key], which: Which, foreign: Key) -> Key {
    let chosen = match which {
        Which::Present => keys.last(),
        Which::Former => keys.iter().rev().nth(1),
        Which::Foreign => None,
    };
    chosen.copied().unwrap_or(foreign)
}

/// The last changes that led to `key`, at most `most`.
fn history(keys: &[Key], key: Key, most: u8) -> Vec<Change> {
    let end = keys.iter().position(|known| *known == key).map_or(0, |at| at + 1);
    let known = keys.get(..end).unwrap_or_default();
    let steps = known.iter().zip(known.iter().skip(1));
    let all = steps.map(|(old, new)| Change { new: *new, old: old.pair, signed: true });
    let skip = end.saturating_sub(1).saturating_sub(usize::from(most));
    all.skip(skip).collect()
}

/// The terms under which every sequence runs.
#[must_use]
pub const fn grants(terms: &Terms) -> bool {
    terms.quota_max >= QUOTAS[1] && terms.idle_days_max >= 90 && terms.part_days_max >= 21
}
