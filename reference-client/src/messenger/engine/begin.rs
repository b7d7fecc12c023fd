//! A session begins: an invitation becomes a talk.

use std::collections::BTreeMap;

use edgewise_spec::invitation::Descriptor;
use edgewise_spec::message::{Chain, Composer, Content, Direction, Hello, Inbox, Layout};
use edgewise_spec::mutant;
use edgewise_spec::scatter::{LaneId, PartChain, Receiver, Sender};
use edgewise_spec::session::{Opened, Session};
use edgewise_spec::suite::SigningKey;

use super::join::Join;
use super::offer::verifying_key;
use super::partial::{Partial, Partly};
use super::people::{NAMELESS, Told};
use super::talk::{Beginning, Out, Talk};
use super::turn::{Result, Turn, Use};
use crate::clock::OsRandom;
use crate::messenger::{Event, InvitationStep, MessengerError};
use crate::store::{Contact, Given, InvitationId, Owner, SessionId, Verified};

impl Turn<'_, '_> {
    /// The claimer's session, with its hello.
    pub(super) fn begin_as_claimer(&mut self, join: Join) -> Result<()> {
        let Some(bundle) = join.claimer.bundle() else { return Ok(()) };
        let (secret, shape, mode) = (bundle.secret(), bundle.shape(), bundle.mode());
        let rng = &mut OsRandom;
        let bytes = bundle.as_bytes();
        let session =
            Session::claim(secret.as_bytes(), bytes, bundle.ek(), shape, mode, self.now, rng);
        let transcript = session.transcript0().ok_or_else(|| self.damaged("session"))?;
        let chains = bundle.servers().iter().zip(0..).map(|(server, place)| {
            let secret = secret.connection(place, &server.fingerprint);
            PartChain::new(&secret.part_chain(), 0)
        });
        let sender = Sender::new(shape, chains.collect()).map_err(scatter)?;
        let chains = join.replies.iter().map(|it| PartChain::new(&it.secret.part_chain(), 0));
        let receiver = Receiver::new(shape, chains.collect()).map_err(scatter)?;
        let layout = Layout::new(mode, shape);
        let key = join.seed.as_ref().map(|seed| SigningKey::from_seed(seed));
        let own = Direction::FromClaimer;
        let composer = Composer::new(layout, transcript, own, key)?;
        let inbox =
            Inbox::new(layout, transcript, own.other(), bundle.vk().copied(), Chain::default());
        let outs = self.outs_of(&join)?;
        let hello = self.hello(&join)?;
        let lanes = join.replies.iter().map(|reply| reply.connection);
        let talk = Talk::from(Beginning {
            id: join.id,
            contact: join.contact,
            profile: join.profile,
            revision: join.revision,
            session,
            own,
            composer,
            inbox,
            seed: join.seed.clone(),
            sender: Some(sender),
            outs,
            receiver,
            lanes: (0..).zip(lanes).collect(),
            partial: Partial::default(),
            now: self.now,
        });
        let said = Told { name: bundle.name().to_owned(), ..Told::default() };
        let id = join.id;
        self.state.talks.insert(id, talk);
        let position = self.say_in(id, &Content::Hello(hello))?;
        if let Some(talk) = self.state.talks.get_mut(&id) {
            talk.hello = Some(position);
            talk.session = talk.session.hello_sealed(self.now);
        }
        self.store_talk(id)?;
        if self.state.talks.values().any(|talk| talk.contact == join.contact && talk.id != id) {
            self.begins_anew(join.contact, join.scanned)?;
        }
        self.contact_says(join.contact, &said, join.named, join.scanned)?;
        self.tell(Event::Contact(join.contact));
        Ok(())
    }

    /// The claimed connections, and those that are still being claimed, by place.
    fn outs_of(&mut self, join: &Join) -> Result<Vec<Out>> {
        let bundle = join.claimer.bundle().ok_or_else(|| self.damaged("bundle"))?.clone();
        let claims = join.claims.iter().copied().zip(0..);
        let mut outs: Vec<Out> = claims.map(|(it, lane)| Out::new(it, lane)).collect();
        for (place, server) in (0..).zip(bundle.servers()).skip(outs.len()) {
            let secret = bundle.secret().connection(place, &server.fingerprint);
            let owner = (Owner::Contact(join.contact), Use::Session(join.id));
            let made = self.add_sender(join.profile, owner, (place, server), &secret)?;
            outs.push(Out::new(made, place.into()));
        }
        Ok(outs)
    }

    fn hello(&self, join: &Join) -> Result<Hello> {
        let mut descriptors = Vec::new();
        for reply in &join.replies {
            let connection = self.tx.connection(reply.connection)?;
            let connection = connection.ok_or_else(|| self.damaged("connection"))?;
            let (server, secret) = (connection.address, reply.secret.clone());
            descriptors.push(Descriptor { server, secret, base: 0 }.to_bytes());
        }
        let profile = self.tx.profile(join.profile)?.ok_or_else(|| self.damaged("profile"))?;
        // SESSION-39
        let vk = join.seed.as_ref().map(|seed| *verifying_key(seed).as_bytes());
        let vk = vk.or_else(|| mutant!(SESSION_39).then_some([9; 32]));
        Ok(Hello { descriptors, vk, name: profile.name, standby: Vec::new() })
    }

    /// The inviter's session, at the first cell of the claimer.
    pub(super) fn begin_as_inviter(
        &mut self,
        invitation: InvitationId,
        (lane, s): (LaneId, u32),
        opened: Opened,
    ) -> Result<()> {
        let standby = self.standby_of(invitation).is_some();
        let Some(offer) = self.state.offers.remove(&invitation) else { return Ok(()) };
        let stored = self.tx.invitation(invitation)?;
        let stored = stored.ok_or_else(|| self.damaged("invitation"))?;
        let Opened { session, body } = opened;
        let transcript = session.transcript0().ok_or_else(|| self.damaged("session"))?;
        let (mode, shape, own) = (session.mode(), session.shape(), Direction::FromInviter);
        let layout = Layout::new(mode, shape);
        let key = offer.signing.as_ref().map(|seed| SigningKey::from_seed(seed));
        let composer = Composer::new(layout, transcript, own, key)?;
        let inbox = Inbox::new(layout, transcript, own.other(), None, Chain::default());
        let contact = match offer.contact {
            Some(contact) => contact,
            None => {
                let name = if stored.label.is_empty() { NAMELESS } else { &stored.label };
                self.tx.add_contact(&Contact::named(offer.profile, name, self.now))?
            }
        };
        // A card that was shown, and nothing else, was taken by somebody in the room.
        let verified = if stored.given == Given::Shown { Verified::Shown } else { Verified::No };
        let shown = self.tx.contact(contact)?.ok_or_else(|| self.damaged("contact"))?;
        let verified = if mutant!(INVITATION_60, "as-inviter") { shown.verified } else { verified };
        self.tx.set_contact(contact, &Contact { verified, ..shown })?;
        let lanes: BTreeMap<_, _> = offer.lanes().collect();
        let mut receiver = offer.receiver;
        receiver.commit(lane, s);
        let mut talk = Talk::from(Beginning {
            id: SessionId::from_number(0),
            contact,
            profile: offer.profile,
            revision: 0,
            session,
            own,
            composer,
            inbox,
            seed: offer.signing,
            sender: None,
            outs: Vec::new(),
            receiver,
            lanes,
            partial: offer.partial,
            now: self.now,
        });
        talk.id = self.tx.add_session(contact, &talk.to_versioned())?;
        let id = talk.id;
        for connection in talk.lanes.values() {
            self.tx.set_owner(*connection, Owner::Contact(contact))?;
            self.state.uses.insert(*connection, Use::Session(id));
        }
        self.state.talks.insert(id, talk);
        self.tx.remove_invitation(invitation)?;
        if standby {
            self.standby_used(contact, invitation)?;
        } else {
            let step = InvitationStep::Accepted(contact);
            self.tell(Event::Invitation { invitation, step });
        }
        self.let_cell_go(Partly::Talk(id), s)?;
        self.body(id, &body)?;
        self.join_all(id)?;
        self.answer(id)?;
        self.tell(Event::Contact(contact));
        Ok(())
    }

    /// The inviter has the claimer's hello: it can be talked with.
    pub(super) fn hello_heard(&mut self, id: SessionId, hello: &Hello) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        if talk.sender.is_some() {
            return Ok(());
        }
        let (contact, profile, shape) = (talk.contact, talk.profile, talk.session.shape());
        let read = hello.descriptors.iter().map(|bytes| Descriptor::parse(bytes));
        let descriptors: std::result::Result<Vec<_>, _> = read.collect();
        let counted = descriptors.as_ref().is_ok_and(|it| it.len() == usize::from(shape.n()));
        let Some(descriptors) = descriptors.ok().filter(|_| counted) else {
            let text = "The contact's program is broken: its hello names no connections that \
                        can be used. Nothing can be said to them; invite them again.";
            return self.notice(contact, text);
        };
        let chains = descriptors.iter().map(|it| PartChain::new(&it.secret.part_chain(), it.base));
        let sender = Sender::new(shape, chains.collect()).map_err(scatter)?;
        let mut outs = Vec::new();
        for (place, descriptor) in (0..).zip(&descriptors) {
            let owner = (Owner::Contact(contact), Use::Session(id));
            let at = (place, &descriptor.server);
            let made = self.add_sender(profile, owner, at, &descriptor.secret)?;
            outs.push(Out::new(made, place.into()));
        }
        if let Some(talk) = self.state.talks.get_mut(&id) {
            talk.sender = Some(sender);
            talk.outs = outs;
        }
        let named = self.tx.contact(contact)?.is_some_and(|it| it.name != NAMELESS);
        let told = Told { name: hello.name.clone(), ..Told::default() };
        self.contact_says(contact, &told, named, false)?;
        self.stands(id)?;
        if !hello.standby.is_empty() {
            self.standby_heard(id, &hello.standby)?;
        }
        self.tell_own_profile(id)
    }
}

pub(super) fn scatter(refused: edgewise_spec::scatter::ScatterRefused) -> MessengerError {
    MessengerError::NotNow(refused.to_string())
}
