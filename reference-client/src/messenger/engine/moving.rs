//! Moving connections: a place of a direction goes to another server, and the session goes on.

use edgewise_spec::client::{RecipientEvent, SenderEvent, Stopped};
use edgewise_spec::constants::HASH_LEN;
use edgewise_spec::invitation::{ConnectionSecret, Descriptor, filler};
use edgewise_spec::link::Address;
use edgewise_spec::message::Content;
use edgewise_spec::mutant;
use edgewise_spec::rotation::moving::{
    Answer, Direction, FollowerEvent, FollowerStep, LaneId, MoverEvent, MoverStep,
};
use edgewise_spec::scatter::{PartChain, Window};

use super::begin::scatter;
use super::talk::{Out, Talk};
use super::turn::{Result, Turn, Use};
use crate::clock::OsRandom;
use crate::messenger::{Event, MessengerError};
use crate::store::{ConnectionId, ContactId, Owner, ProfileId, SessionId};

/// Who carries what the contact says.
struct Carriers {
    /// The server of the place that moves.
    present: Option<Address>,
    /// Those of the other places.
    others: Vec<[u8; HASH_LEN]>,
}

/// What the user receives over: this end moves it.
impl Turn<'_, '_> {
    pub(crate) fn move_connection(
        &mut self,
        contact: ContactId,
        place: u8,
        server: Option<Address>,
    ) -> Result<()> {
        let stored = self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
        let not_now = |text: String| MessengerError::NotNow(text);
        let Some(talk) = self.talk_of(contact).filter(|talk| talk.is_answered()) else {
            let text = "the contact has not answered yet; move once you have talked";
            return Err(not_now(text.to_owned()));
        };
        let (id, shape, opened) = (talk.id, talk.session.shape(), talk.session.opened());
        let Some(from) = talk.moving.places.get(usize::from(place)).copied() else {
            let n = shape.n();
            return Err(not_now(format!("there is no place {place}; the session has {n}, from 0")));
        };
        let carriers = self.carriers(talk, from)?;
        let server = match server {
            Some(server) => server,
            None => self.another_server(stored.profile, &carriers)?,
        };
        // Two places on one server bring it nearer to the k that it takes.
        if shape.k() > 1 && carriers.others.contains(&server.fingerprint) {
            let text = "that server carries another place of this direction; move to one that \
                        carries none, or have more servers: edgewise servers add ADDRESS";
            return Err(not_now(text.to_owned()));
        }
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let lane = talk.moving.next_lane;
        let begin = MoverEvent::Begin { place, from, lane, opened };
        talk.moving.mover.handle(begin).map_err(|refused| not_now(refused.to_string()))?;
        talk.moving.next_lane = lane.saturating_add(1);
        let secret = ConnectionSecret::generate(&mut OsRandom);
        let chain = PartChain::new(&secret.part_chain(), opened);
        let window = Window::new(chain, talk.receiver.highest());
        talk.receiver.add(lane, place, window).map_err(scatter)?;
        talk.moving.secrets.push((lane, secret.clone()));
        let owner = (Owner::Contact(contact), Use::Session(id));
        let (at, terms) = ((place, &server), Self::terms(shape.class()));
        let made = self.add_recipient(stored.profile, owner, at, &secret, filler(), terms)?;
        if let Some(talk) = self.state.talks.get_mut(&id) {
            talk.lanes.insert(lane, made);
        }
        if mutant!(ROTATION_21, "said") {
            self.mover(id, MoverEvent::Created)?;
        }
        self.store_talk(id)
    }

    /// Which servers carry what the contact says.
    fn carriers(&self, talk: &Talk, from: LaneId) -> Result<Carriers> {
        let mut carriers = Carriers { present: None, others: Vec::new() };
        for (lane, connection) in &talk.lanes {
            let Some(stored) = self.tx.connection(*connection)? else { continue };
            if *lane == from {
                carriers.present = Some(stored.address);
            } else {
                carriers.others.push(stored.address.fingerprint);
            }
        }
        Ok(carriers)
    }

    /// The profile's first server that carries nothing of what the contact says; with no such one,
    /// the present one, for a part chain that nobody has a copy of.
    fn another_server(&self, profile: ProfileId, carriers: &Carriers) -> Result<Address> {
        let servers = self.tx.servers(profile)?.into_iter().map(|(_, server)| server.address);
        let mut servers: Vec<_> = servers.collect();
        let present = carriers.present.as_ref();
        let is_present =
            |it: &Address| present.is_some_and(|present| present.fingerprint == it.fingerprint);
        let is_other = |it: &Address| carriers.others.contains(&it.fingerprint);
        servers.extend(present.cloned());
        servers.sort_by_key(|it| (is_other(it), is_present(it)));
        servers.into_iter().next().ok_or(MessengerError::Servers { have: 0, need: 1 })
    }

    /// What a connection to the user says of its being made.
    pub(super) fn mover_heard(
        &mut self,
        id: SessionId,
        connection: ConnectionId,
        event: &RecipientEvent,
    ) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let making = matches!(talk.moving.mover.pending(), MoverStep::Create(lane)
            if talk.lanes.get(&lane) == Some(&connection));
        let event = match event {
            RecipientEvent::Created if making => MoverEvent::Created,
            RecipientEvent::Stopped(Stopped::Gone | Stopped::Refused(_)) if making => {
                MoverEvent::Withdrawn
            }
            _ => return Ok(()),
        };
        self.mover(id, event)
    }

    fn mover(&mut self, id: SessionId, event: MoverEvent) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let contact = talk.contact;
        // Only a beginning is refused, and this is none.
        let Ok(step) = talk.moving.mover.handle(event) else { return Ok(()) };
        match step {
            MoverStep::Nothing | MoverStep::Create(_) => return Ok(()),
            MoverStep::Ask { place, offer } => {
                let Some(connection) = talk.lanes.get(&offer.lane).copied() else { return Ok(()) };
                let secret = talk.moving.secrets.iter().position(|(lane, _)| *lane == offer.lane);
                let Some(secret) = secret.map(|at| talk.moving.secrets.swap_remove(at).1) else {
                    return Ok(());
                };
                let Some(stored) = self.tx.connection(connection)? else { return Ok(()) };
                let (server, base) = (stored.address, offer.base);
                let descriptor = Descriptor { server, secret, base }.to_bytes();
                let number = offer.number;
                self.say_in(id, &Content::Move { number, place, descriptor })?;
            }
            MoverStep::Taken { place, lane, withdrawn, .. } => {
                if let Some(at) = talk.moving.places.get_mut(usize::from(place)) {
                    if mutant!(ROTATION_18, "left") {
                        let _ = talk.receiver.remove(*at);
                    }
                    *at = lane;
                }
                if let Some(withdrawn) = withdrawn {
                    self.leave_lane(id, withdrawn)?;
                }
                self.tell(Event::Contact(contact));
            }
            MoverStep::Delete(lanes) => {
                for lane in lanes {
                    self.leave_lane(id, lane)?;
                }
                self.tell(Event::Contact(contact));
            }
            MoverStep::Refused(refused) => {
                let text = format!("The contact's program is broken: {refused}.");
                self.notice(contact, &text)?;
            }
        }
        self.store_talk(id)
    }

    fn leave_lane(&mut self, id: SessionId, lane: LaneId) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        // A lane that is not there was left before.
        let _ = talk.receiver.remove(lane);
        talk.moving.secrets.retain(|(of, _)| *of != lane);
        talk.tallies.remove(&lane);
        talk.altering.remove(&lane);
        talk.partial.forget(lane);
        match talk.lanes.remove(&lane) {
            Some(connection) => self.doom(connection),
            None => Ok(()),
        }
    }

    pub(super) fn moved_heard(
        &mut self,
        id: SessionId,
        (number, place, s): (u32, u8, u32),
    ) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let opened = talk.session.opened();
        self.mover(id, MoverEvent::Moved { number, place, s, opened })
    }

    /// ROTATION-25, ROTATION-34: after each cell that opened.
    pub(super) fn moving_opened(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let (awaited, acked) = (talk.session.awaited(), talk.session.acknowledged());
        self.mover(id, MoverEvent::Awaited(awaited))?;
        self.follower(id, FollowerEvent::Acknowledged(acked))
    }
}

/// What the user sends over: this end follows.
impl Turn<'_, '_> {
    pub(super) fn move_heard(
        &mut self,
        id: SessionId,
        number: u32,
        place: u8,
        descriptor: &[u8],
    ) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let contact = talk.contact;
        let Ok(parsed) = Descriptor::parse(descriptor) else {
            let text = "The contact's program is broken: it moved a connection to nowhere.";
            return self.notice(contact, text);
        };
        let n = u8::try_from(talk.outs.len()).unwrap_or(u8::MAX);
        let from = talk.outs.get(usize::from(place)).map_or(0, |out| out.lane);
        let (to, now, base) = (talk.moving.next_out, stands(talk), parsed.base);
        let event = FollowerEvent::Move { number, place, base, descriptor, n, from, to, now };
        self.follower(id, event)
    }

    /// What a connection that is being claimed for a move says.
    pub(super) fn follower_heard(
        &mut self,
        id: SessionId,
        connection: ConnectionId,
        event: &SenderEvent,
    ) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let claiming =
            talk.moving.claiming.as_ref().is_some_and(|out| out.connection == connection);
        let left = talk.moving.leaving.iter().find(|out| out.connection == connection);
        let left = left.map(|out| out.lane);
        let event = match event {
            SenderEvent::Claimed { .. } if claiming => FollowerEvent::Claimed(stands(talk)),
            SenderEvent::Stopped(Stopped::Conflict) if claiming => FollowerEvent::Conflict,
            SenderEvent::Stopped(_) => match left {
                Some(lane) => FollowerEvent::Gone(lane),
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        self.follower(id, event)
    }

    pub(super) fn moving_sealed(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let now = stands(talk);
        self.follower(id, FollowerEvent::Sealed(now))
    }

    fn follower(&mut self, id: SessionId, event: FollowerEvent<'_>) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let contact = talk.contact;
        match talk.moving.follower.handle(event) {
            FollowerStep::Nothing => return Ok(()),
            FollowerStep::Wait => {}
            FollowerStep::Claim { to, forget } => self.claim_new(id, to, forget)?,
            FollowerStep::Switched { answer, base, to, let_go, .. } => {
                self.switch(id, answer, base, to)?;
                let_go.into_iter().try_for_each(|lane| self.let_go(id, lane))?;
                self.say_moved(id, answer)?;
            }
            FollowerStep::Repeat(answer) => self.say_moved(id, answer)?,
            FollowerStep::LetGo(lanes) => {
                lanes.into_iter().try_for_each(|lane| self.let_go(id, lane))?;
            }
            // ROTATION-35
            FollowerStep::Alarm { .. } => return self.end_betrayed(id),
            FollowerStep::Refused(refused) => {
                let text = format!("A move of the contact was refused: {refused}.");
                self.notice(contact, &text)?;
            }
        }
        self.store_talk(id)
    }

    fn claim_new(&mut self, id: SessionId, to: LaneId, forget: Option<LaneId>) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let claim = talk.moving.follower.claim();
        let Some(Ok(descriptor)) = claim.map(|it| Descriptor::parse(&it.descriptor)) else {
            return Ok(());
        };
        let place = claim.map_or(0, |it| it.place);
        let superseded = talk.moving.claiming.take_if(|out| Some(out.lane) == forget);
        talk.moving.next_out = to.saturating_add(1);
        let (profile, contact) = (talk.profile, talk.contact);
        if let Some(out) = superseded {
            self.doom(out.connection)?;
        }
        let owner = (Owner::Contact(contact), Use::Session(id));
        let at = (place, &descriptor.server);
        let made = self.add_sender(profile, owner, at, &descriptor.secret)?;
        if let Some(talk) = self.state.talks.get_mut(&id) {
            talk.moving.claim_secret = Some(descriptor.secret);
            talk.moving.claiming = Some(Out::new(made, to));
        }
        Ok(())
    }

    /// From the answer's s on the place's parts go over the new connection.
    fn switch(&mut self, id: SessionId, answer: Answer, base: u32, to: LaneId) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let claimed = talk.moving.claiming.take_if(|out| out.lane == to);
        let (Some(out), Some(secret)) = (claimed, talk.moving.claim_secret.take()) else {
            return Ok(());
        };
        let mut chain = PartChain::new(&secret.part_chain(), base);
        // SCATTER-3: what was sealed over the old connection is stepped over.
        let _ = chain.step_to(answer.s.saturating_sub(1));
        if let Some(sender) = &mut talk.sender {
            sender.replace(answer.place, chain).map_err(scatter)?;
        }
        if let Some(at) = talk.outs.get_mut(usize::from(answer.place)) {
            talk.moving.leaving.push(std::mem::replace(at, out));
        }
        let contact = talk.contact;
        self.tell(Event::Contact(contact));
        Ok(())
    }

    fn let_go(&mut self, id: SessionId, lane: LaneId) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        let at = talk.moving.leaving.iter().position(|out| out.lane == lane);
        match at.map(|at| talk.moving.leaving.swap_remove(at)) {
            Some(out) => self.doom(out.connection),
            None => Ok(()),
        }
    }

    fn say_moved(&mut self, id: SessionId, answer: Answer) -> Result<()> {
        let Answer { number, place, s } = answer;
        self.say_in(id, &Content::Moved { number, place, s }).map(drop)
    }
}

const fn stands(talk: &Talk) -> Direction {
    Direction { sealed: talk.session.sealed(), acked: talk.session.acknowledged() }
}
