//! Standby invitations: what is kept for the day when a session is lost for good, given and got.

use std::collections::BTreeMap;

use edgewise_spec::constants::{
    INVITATION_HOURS_MAX, RESTORE_GRACE_DAYS, STANDBY_DELAY_SECONDS, STANDBY_RENEW_DAYS,
};
use edgewise_spec::invitation::{Card, CardKind};
use edgewise_spec::link::Address;
use edgewise_spec::message::{Content, Direction};
use edgewise_spec::mutant;
use edgewise_spec::session::Mode;
use edgewise_spec::suite::VerifyingKey;
use edgewise_spec::time::Now;
use rand_core::Rng as _;

use super::talk::{Talk, read_list, write_list};
use super::turn::{Result, Turn};
use crate::clock::OsRandom;
use crate::messenger::{AbandonReason, Invite, MessengerError};
use crate::store::codec::{Fields, Writer};
use crate::store::{ConnectionId, ContactId, InvitationId, ProfileId, SessionId, Versioned};

const VERSION: u32 = 1;
/// How long another standby waits after one that its servers would not keep.
const RETRY_SECONDS: u64 = 3_600;
/// Sessions of the past that are remembered.
const BEFORE_MAX: usize = 16;

/// What is kept of a contact beside its session, for the session after it.
#[derive(Default)]
pub(super) struct Standby {
    /// The contact's card, which came last.
    pub held: Option<Card>,
    /// The user's own, the newest last.
    pub given: Vec<Given>,
    /// The contact's standby is being claimed, or its session waits for the first answer.
    pub renewing: Option<Renewing>,
    /// Connections of the session that are not up.
    pub down: BTreeMap<ConnectionId, Down>,
    /// Sessions that others have taken the place of, the oldest first.
    pub before: Vec<Before>,
    /// Not stored: when the next one of the user's own is made.
    due: Option<Now>,
    /// Not stored: servers that would not make one.
    avoided: Vec<[u8; 32]>,
}

/// A standby that the contact is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub invitation: InvitationId,
    /// Whether the contact was told.
    pub said: bool,
}

/// A claim of the contact's standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Renewing {
    pub session: SessionId,
    /// Whether the user was the claimer of the session before, and so decides (INVITATION-56).
    pub first: bool,
}

/// Since when a connection is not up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Down {
    pub since: Now,
    /// Its server has said what repeating cannot change.
    pub for_good: bool,
}

/// A session that is over.
pub(super) struct Before {
    pub session: SessionId,
    /// What proofs of an attested session need.
    pub proven: Option<Proven>,
}

/// What a proof says beside its messages.
pub(super) struct Proven {
    pub own: Direction,
    pub transcript: [u8; 32],
    pub own_vk: VerifyingKey,
    pub peer_vk: VerifyingKey,
}

impl Down {
    /// When it is lost.
    pub(super) fn lost_at(self) -> Now {
        let days = u64::from(RESTORE_GRACE_DAYS) * 86_400;
        let at_once = self.for_good || mutant!(INVITATION_54);
        self.since.plus_seconds(if at_once { 0 } else { days })
    }
}

impl Standby {
    pub(super) fn setting(contact: ContactId) -> String {
        format!("standby/{}", contact.number())
    }

    pub(super) fn remember(&mut self, session: SessionId, proven: Option<Proven>) {
        self.before.push(Before { session, proven });
        let surplus = self.before.len().saturating_sub(BEFORE_MAX);
        self.before.drain(..surplus);
    }

    pub(super) fn to_versioned(&self) -> Versioned {
        let mut to = Writer::bare();
        to.option(self.held.as_ref(), |to, card| to.bytes(card.to_text().as_bytes()));
        write_list(&mut to, self.given.iter(), |to, given| {
            to.i64(given.invitation.number());
            to.flag(given.said);
        });
        to.option(self.renewing, |to, renewing| {
            to.i64(renewing.session.number());
            to.flag(renewing.first);
        });
        write_list(&mut to, self.down.iter(), |to, (id, down)| {
            to.i64(id.number());
            to.u64(down.since.millis());
            to.flag(down.for_good);
        });
        write_list(&mut to, self.before.iter(), |to, before| {
            to.i64(before.session.number());
            to.option(before.proven.as_ref(), |to, proven| {
                to.u8(proven.own.number());
                to.raw(&proven.transcript);
                to.raw(proven.own_vk.as_bytes());
                to.raw(proven.peer_vk.as_bytes());
            });
        });
        Versioned::new(VERSION, to.finish())
    }

    pub(super) fn from_versioned(stored: &Versioned) -> Option<Self> {
        if stored.version() != VERSION {
            return None;
        }
        let mut from = Fields::new(stored.bytes());
        let held = match from.option(Fields::text)? {
            Some(text) => Some(Card::parse(&text).ok()?),
            None => None,
        };
        let given = read_list(&mut from, |from| {
            let invitation = InvitationId::from_number(from.i64()?);
            Some(Given { invitation, said: from.flag()? })
        })?;
        let renewing = from.option(|from| {
            let session = SessionId::from_number(from.i64()?);
            Some(Renewing { session, first: from.flag()? })
        })?;
        let down = read_list(&mut from, |from| {
            let id = ConnectionId::from_number(from.i64()?);
            let since = Now::from_millis(from.u64()?);
            Some((id, Down { since, for_good: from.flag()? }))
        })?;
        let before = read_list(&mut from, |from| {
            let session = SessionId::from_number(from.i64()?);
            let proven = from.option(|from| {
                Some(Proven {
                    own: Direction::from_number(from.u8()?)?,
                    transcript: from.array()?,
                    own_vk: VerifyingKey::parse(&from.array::<32>()?).ok()?,
                    peer_vk: VerifyingKey::parse(&from.array::<32>()?).ok()?,
                })
            })?;
            Some(Before { session, proven })
        })?;
        from.end()?;
        let down = down.into_iter().collect();
        Some(Self { held, given, renewing, down, before, ..Self::default() })
    }

    /// When the user's own is made: at a time that chance has chosen, once.
    fn is_due(&mut self, since: Now, now: Now) -> bool {
        let due = *self.due.get_or_insert_with(|| {
            let chance = OsRandom.next_u64() % STANDBY_DELAY_SECONDS;
            since.plus_seconds(STANDBY_DELAY_SECONDS + chance)
        });
        now >= due
    }
}

impl Turn<'_, '_> {
    pub(super) fn load_standby(&mut self, profile: ProfileId, contact: ContactId) -> Result<()> {
        let stored = self.tx.setting(Some(profile), &Standby::setting(contact))?;
        if let Some(stored) = stored {
            let standby = Standby::from_versioned(&stored);
            let standby = standby.ok_or_else(|| self.damaged("standby"))?;
            self.state.standbys.insert(contact, standby);
        }
        Ok(())
    }

    /// Changes what is kept for the session after a contact's, and stores it.
    pub(super) fn with_standby<T>(
        &mut self,
        contact: ContactId,
        what: impl FnOnce(&mut Standby) -> T,
    ) -> Result<T> {
        let profile = self.tx.contact(contact)?.ok_or_else(|| self.damaged("contact"))?.profile;
        let standby = self.state.standbys.entry(contact).or_default();
        let done = what(standby);
        let stored = standby.to_versioned();
        self.tx.set_setting(Some(profile), &Standby::setting(contact), &stored)?;
        Ok(done)
    }

    /// Whose standby an invitation is.
    pub(super) fn standby_of(&self, id: InvitationId) -> Option<ContactId> {
        let contact = self.state.offers.get(&id)?.contact?;
        let given = &self.state.standbys.get(&contact)?.given;
        given.iter().any(|given| given.invitation == id).then_some(contact)
    }

    /// INVITATION-51, INVITATION-53: there is always one that is good for a while yet. The ones
    /// before stay open until they are over (INVITATION-52).
    pub(super) fn give_standby(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let (contact, since) = (talk.contact, talk.since);
        let reached = talk.lanes.values().any(|lane| self.state.up.contains(lane));
        if !talk.is_answered() || talk.sender.is_none() || !reached {
            return Ok(());
        }
        let renewed = self.now.hour().saturating_add(STANDBY_RENEW_DAYS * 24);
        let standby = self.state.standbys.entry(contact).or_default();
        let newest = standby.given.last();
        let newest = newest.and_then(|given| self.state.offers.get(&given.invitation));
        let fresh = newest
            .is_some_and(|offer| offer.bundle.not_after() > renewed || mutant!(INVITATION_51));
        let made = newest.is_some_and(|offer| offer.is_ready());
        let first = standby.given.is_empty();
        if standby.renewing.is_some() || fresh || first && !standby.is_due(since, self.now) {
            return if made { self.say_standby(contact) } else { self.not_made(contact) };
        }
        self.make_standby(id)
    }

    /// Servers that have not made the newest one for so long will not: others may.
    fn not_made(&mut self, contact: ContactId) -> Result<()> {
        let standby = self.state.standbys.get(&contact);
        let Some(given) = standby.and_then(|it| it.given.last().copied()) else { return Ok(()) };
        let made = self.tx.invitation(given.invitation)?.map(|stored| stored.made);
        if made.is_none_or(|made| self.now < made.plus_seconds(RETRY_SECONDS)) {
            return Ok(());
        }
        let servers = match self.state.offers.get(&given.invitation) {
            Some(offer) => offer.bundle.servers().iter().map(|it| it.fingerprint).collect(),
            None => Vec::new(),
        };
        self.with_standby(contact, |standby| {
            standby.given.pop();
            standby.avoided = servers;
            standby.due = None;
        })?;
        self.abandon_offer(given.invitation)
    }

    /// INVITATION-49
    fn make_standby(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let (contact, profile, mode) = (talk.contact, talk.profile, talk.session.mode());
        let shape = talk.session.shape();
        let mode = if mutant!(INVITATION_49) { Mode::Deniable } else { mode };
        let servers = self.standby_servers(talk)?;
        if servers.len() < usize::from(shape.k()) {
            return Ok(());
        }
        let invite = Invite {
            mode,
            shape,
            servers,
            hours: INVITATION_HOURS_MAX,
            contact: Some(contact),
            ..Invite::default()
        };
        let invitation = self.add_offer(profile, &invite, None)?;
        let before = self.with_standby(contact, |standby| {
            let before = standby.given.last().copied();
            standby.given.push(Given { invitation, said: false });
            before
        })?;
        match before {
            Some(before) if mutant!(INVITATION_52) => self.abandon_offer(before.invitation),
            _ => Ok(()),
        }
    }

    /// As many as the session has: first those that it does not use, and of them those that are
    /// reached; of who has none, those of the session (INVITATION-53).
    fn standby_servers(&self, talk: &Talk) -> Result<Vec<Address>> {
        let (mut used, mut lanes, mut reached) = (Vec::new(), Vec::new(), Vec::new());
        for id in talk.connections() {
            if let Some(connection) = self.tx.connection(id)? {
                used.push(connection.address.fingerprint);
                if talk.lane_of(id).is_some() {
                    lanes.push(connection.address);
                }
            }
        }
        for id in &self.state.up {
            reached.extend(self.tx.connection(*id)?.map(|it| it.address.fingerprint));
        }
        let own = self.tx.servers(talk.profile)?.into_iter().map(|(_, server)| server.address);
        let mut servers: Vec<Address> = own.collect();
        // Fewer than k carry nothing.
        let n = usize::from(talk.session.shape().n());
        if servers.is_empty() || talk.session.shape().k() > 1 && servers.len() < n {
            servers.extend(lanes);
        }
        let avoided = self.state.standbys.get(&talk.contact).map_or(&[][..], |it| &it.avoided[..]);
        servers.sort_by_key(|it| {
            let of = &it.fingerprint;
            (avoided.contains(of), used.contains(of), !reached.contains(of))
        });
        let mut known = Vec::new();
        servers.retain(|server| {
            let new = !known.contains(&server.fingerprint);
            known.push(server.fingerprint);
            new
        });
        servers.truncate(n);
        Ok(servers)
    }

    /// INVITATION-26, INVITATION-38: the contact is told once every connection of it exists.
    pub(super) fn say_standby(&mut self, contact: ContactId) -> Result<()> {
        let Some(standby) = self.state.standbys.get(&contact) else { return Ok(()) };
        let Some(given) = standby.given.last().copied().filter(|given| !given.said) else {
            return Ok(());
        };
        let ready = self.state.offers.get(&given.invitation).is_some_and(|it| it.is_ready());
        let Some(id) = self.talk_of(contact).map(|talk| talk.id).filter(|_| ready) else {
            return Ok(());
        };
        let mut said = given.invitation;
        if mutant!(INVITATION_49, "shared") {
            let mut all = self.state.standbys.values().flat_map(|standby| &standby.given);
            said = all.find(|given| given.said).map_or(said, |given| given.invitation);
        }
        let card = self.card(said, true)?.into_bytes();
        self.say_in(id, &Content::Standby(card))?;
        self.with_standby(contact, |standby| {
            if let Some(last) = standby.given.last_mut() {
                last.said = true;
            }
        })
    }

    /// INVITATION-50: the contact's own, which takes the place of the one before.
    pub(super) fn standby_heard(&mut self, id: SessionId, card: &[u8]) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let contact = talk.contact;
        let text = core::str::from_utf8(card).unwrap_or_default();
        match Card::parse(text).ok().filter(|card| card.kind() == CardKind::Sent) {
            Some(card) => self.with_standby(contact, |standby| {
                if !mutant!(INVITATION_50) || standby.held.is_none() {
                    standby.held = Some(card);
                }
            })?,
            None => {
                let text = "The contact's program is broken: its standby invitation is none.";
                self.notice(contact, text)?;
            }
        }
        if mutant!(INVITATION_54, "at-once") { self.renew(contact) } else { Ok(()) }
    }

    /// The contact has begun its session by a standby of the user's own.
    pub(super) fn standby_used(&mut self, contact: ContactId, id: InvitationId) -> Result<()> {
        self.with_standby(contact, |standby| standby.given.retain(|it| it.invitation != id))
    }

    /// A standby of the user's own is over: another one takes its place.
    pub(super) fn standby_over(
        &mut self,
        id: InvitationId,
        contact: ContactId,
        why: AbandonReason,
    ) -> Result<()> {
        let never = why == AbandonReason::Conflict && mutant!(INVITATION_51, "abandoned");
        let seconds = if never { u64::MAX / 2_000 } else { RETRY_SECONDS };
        let retry = Some(self.now.plus_seconds(seconds));
        self.with_standby(contact, |standby| {
            standby.given.retain(|given| given.invitation != id);
            standby.due = retry;
        })?;
        if why == AbandonReason::Conflict {
            let text = "Somebody else has tried to use the standby invitation that was given to \
                        this contact alone: others may read what you say to one another. Compare \
                        the safety number, or meet and exchange a new invitation.";
            self.notice(contact, text)?;
        }
        Ok(())
    }

    /// INVITATION-57, INVITATION-59: what was passed in a session goes with it.
    pub(super) fn void_standbys(&mut self, contact: ContactId) -> Result<()> {
        if !self.state.standbys.contains_key(&contact) {
            return Ok(());
        }
        let given = self.with_standby(contact, |standby| {
            if !mutant!(INVITATION_59, "held") {
                standby.held = None;
            }
            standby.due = None;
            std::mem::take(&mut standby.given)
        })?;
        if mutant!(INVITATION_59, "given") {
            return Ok(());
        }
        given.into_iter().try_for_each(|given| self.abandon_offer(given.invitation))
    }

    /// The contact goes.
    pub(super) fn forget_standbys(&mut self, contact: ContactId) -> Result<()> {
        self.void_standbys(contact)?;
        self.state.standbys.remove(&contact);
        let profile = self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?.profile;
        self.tx.remove_setting(Some(profile), &Standby::setting(contact))?;
        Ok(())
    }
}
