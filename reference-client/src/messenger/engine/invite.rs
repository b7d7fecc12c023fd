//! Making invitations, and what comes of them.

use edgewise_spec::client::{RecipientEvent, Stopped};
use edgewise_spec::constants::{CARD_SERVERS_MAX, INVITATION_HOURS_MAX, SERVERS_MAX};
use edgewise_spec::invitation::{
    Ask, Bundle, BundleRefused, Happened, Inviter, Lost, Name, Offer as Terms, Places, bundle_at,
};
use edgewise_spec::link::Address;
use edgewise_spec::mutant;
use edgewise_spec::scatter::{Arrival, LaneId, Shape};
use edgewise_spec::session::Mode;
use edgewise_spec::suite::{Decapsulator, SigningKey};

use super::net::Order;
use super::offer::{Asked, Offer, opening, verifying_key};
use super::partial::{Partial, Partly};
use super::turn::{Result, Turn, Use};
use crate::clock::OsRandom;
use crate::messenger::{
    AbandonReason, Event, InvitationStep, InvitationView, Invite, MessengerError,
};
use crate::store::{ConnectionId, Given, Invitation, InvitationId, Owner, ProfileId, Versioned};

impl Turn<'_, '_> {
    pub(crate) fn invite(&mut self, profile: ProfileId, invite: &Invite) -> Result<InvitationId> {
        self.add_offer(profile, invite, None)
    }

    pub(super) fn add_offer(
        &mut self,
        profile: ProfileId,
        invite: &Invite,
        request: Option<Asked>,
    ) -> Result<InvitationId> {
        let own = self.tx.profile(profile)?.ok_or(MessengerError::Unknown("profile"))?;
        if let Some(contact) = invite.contact {
            self.tx.contact(contact)?.ok_or(MessengerError::Unknown("contact"))?;
        }
        let servers = self.servers_for(profile, &invite.servers, invite.shape.n())?;
        let shape = shape_over(invite.shape, servers.len())?;
        let key = Decapsulator::generate(&mut OsRandom);
        // MESSAGE-33
        let signing = match invite.mode {
            Mode::Deniable => None,
            Mode::Attested => Some(SigningKey::generate(&mut OsRandom).to_seed()),
        };
        let bundle = Bundle::make(
            &Terms {
                shape,
                servers: &servers,
                ek: &key.encapsulator(),
                vk: signing.as_ref().map(verifying_key),
                name: Name::new(&own.name)?,
                not_after: self
                    .now
                    .hour()
                    .saturating_add(invite.hours.clamp(1, INVITATION_HOURS_MAX)),
            },
            &mut OsRandom,
        )
        .map_err(|fault| not_now(&fault))?;
        let carded = u8::try_from(servers.len().min(CARD_SERVERS_MAX)).unwrap_or(1);
        let invitation = Invitation {
            profile,
            label: invite.label.clone(),
            given: Given::Not,
            contact: invite.contact,
            made: self.now,
            state: Versioned::default(),
        };
        let id = self.tx.add_invitation(&invitation)?;
        let mut connections = Vec::new();
        for (place, server) in (0..).zip(&servers) {
            let secret = bundle.secret().connection(place, &server.fingerprint);
            let sealed = bundle_at(place, carded, &bundle.sealed());
            let owner = (Owner::Invitation(id), Use::Offer(id));
            let terms = Self::terms(bundle.shape().class());
            let made =
                self.add_recipient(profile, owner, (place, server), &secret, sealed, terms)?;
            connections.push(made);
        }
        let seed = key.to_seed();
        let (receiver, session) =
            opening(&bundle, &seed).ok_or_else(|| self.damaged("invitation"))?;
        let offer = Offer {
            id,
            profile,
            inviter: Inviter::new(bundle.shape().n()),
            bundle,
            seed,
            signing,
            carded,
            connections,
            seen: Places::default(),
            contact: invite.contact,
            request,
            receiver,
            partial: Partial::default(),
            session,
        };
        self.state.offers.insert(id, offer);
        self.store_offer(id)?;
        Ok(id)
    }

    /// The servers that were named, or the first ones of the profile.
    pub(super) fn servers_for(
        &self,
        profile: ProfileId,
        named: &[Address],
        count: u8,
    ) -> Result<Vec<Address>> {
        if !named.is_empty() {
            return Ok(named.to_vec());
        }
        let need = usize::from(count).clamp(1, SERVERS_MAX);
        let servers = self.tx.servers(profile)?;
        let have = servers.len();
        if have < need {
            return Err(MessengerError::Servers { have, need });
        }
        Ok(servers.into_iter().take(need).map(|(_, server)| server.address).collect())
    }

    pub(super) fn store_offer(&mut self, id: InvitationId) -> Result<()> {
        let Some(offer) = self.state.offers.get(&id) else { return Ok(()) };
        let stored = self.tx.invitation(id)?.ok_or(MessengerError::Unknown("invitation"))?;
        let state = offer.to_versioned();
        Ok(self.tx.set_invitation(id, &Invitation { state, ..stored })?)
    }

    pub(crate) fn card(&mut self, id: InvitationId, sent: bool) -> Result<String> {
        let offer = self.state.offers.get(&id).filter(|offer| !offer.is_abandoned());
        let offer = offer.ok_or(MessengerError::Unknown("invitation"))?;
        // INVITATION-26
        if !offer.is_ready() {
            let text = "the invitation's servers have not taken it yet; wait for it to be ready";
            return Err(MessengerError::NotNow(text.to_owned()));
        }
        let stored = self.tx.invitation(id)?.ok_or(MessengerError::Unknown("invitation"))?;
        // INVITATION-23: once sent, always sent.
        let given = stored.given.max(if sent { Given::Sent } else { Given::Shown });
        let shown = given == Given::Shown;
        let card = offer.bundle.card(shown, offer.carded.into())?;
        if given != stored.given {
            self.tx.set_invitation(id, &Invitation { given, ..stored })?;
        }
        Ok(card.to_text().to_string())
    }

    pub(crate) fn invitations(&mut self, profile: ProfileId) -> Result<Vec<InvitationView>> {
        let mut views = Vec::new();
        for (id, stored) in self.tx.invitations(profile)? {
            let Some(offer) = self.state.offers.get(&id).filter(|it| !it.is_abandoned()) else {
                continue;
            };
            // The user has nothing to hand on there.
            if self.standby_of(id).is_some() {
                continue;
            }
            views.push(InvitationView {
                id,
                profile,
                label: stored.label,
                given: stored.given,
                ready: offer.is_ready(),
                claimed: matches!(offer.inviter, Inviter::Claimed(_)),
                mode: offer.bundle.mode(),
                shape: offer.bundle.shape(),
                servers: offer.bundle.servers().to_vec(),
                made: stored.made,
                not_after: offer.bundle.not_after(),
            });
        }
        Ok(views)
    }

    pub(crate) fn withdraw(&mut self, id: InvitationId) -> Result<()> {
        let offer = self.state.offers.get(&id).filter(|offer| !offer.is_abandoned());
        offer.ok_or(MessengerError::Unknown("invitation"))?;
        self.happened(id, Happened::Withdrawn)
    }

    /// What comes of something that happens to an invitation.
    pub(super) fn happened(&mut self, id: InvitationId, happened: Happened) -> Result<()> {
        let Some(offer) = self.state.offers.get_mut(&id) else { return Ok(()) };
        let before = offer.inviter;
        let ask = offer.inviter.handle(happened);
        if offer.inviter != before {
            self.store_offer(id)?;
        }
        let standby = self.standby_of(id);
        let step = match ask {
            Ask::Nothing | Ask::Begin => return Ok(()),
            Ask::HandOn => InvitationStep::Ready,
            Ask::Expect => InvitationStep::Claimed,
            Ask::Delete(why) => {
                self.abandon_offer(id)?;
                InvitationStep::Abandoned(match why {
                    Lost::Conflict => AbandonReason::Conflict,
                    Lost::Expired => AbandonReason::Expired,
                    Lost::Withdrawn => AbandonReason::Withdrawn,
                })
            }
        };
        if let Some(contact) = standby {
            return match step {
                InvitationStep::Ready => self.say_standby(contact),
                InvitationStep::Abandoned(why) => self.standby_over(id, contact, why),
                InvitationStep::Claimed | InvitationStep::Accepted(_) => Ok(()),
            };
        }
        let ready = step == InvitationStep::Ready;
        self.tell(Event::Invitation { invitation: id, step });
        if ready { self.leave_request(id) } else { Ok(()) }
    }

    /// INVITATION-29, INVITATION-31: its connections are deleted, its keys erased.
    pub(super) fn abandon_offer(&mut self, id: InvitationId) -> Result<()> {
        let Some(offer) = self.state.offers.remove(&id) else { return Ok(()) };
        let spared = usize::from(mutant!(INVITATION_29));
        for connection in offer.connections.into_iter().skip(spared) {
            self.doom(connection)?;
        }
        Ok(self.tx.remove_invitation(id)?)
    }

    /// What a connection of an invitation says.
    pub(super) fn offer_heard(
        &mut self,
        id: InvitationId,
        connection: ConnectionId,
        event: &RecipientEvent,
    ) -> Result<()> {
        let Some(place) = self.state.offers.get(&id).and_then(|it| it.place_of(connection)) else {
            return Ok(());
        };
        match event {
            RecipientEvent::Created => self.happened(id, Happened::Created(place)),
            RecipientEvent::StoreSenderKey(_) => self.happened(id, Happened::Claimed(place)),
            RecipientEvent::Conflict => self.happened(id, Happened::Conflict(place)),
            RecipientEvent::Part { sequence, part } => {
                self.offer_part(id, connection, *sequence, part)
            }
            RecipientEvent::Subscribed(edgewise_proto::v1::State::Open) => {
                self.offer_seen_open(id, place)
            }
            RecipientEvent::Subscribed(_) if mutant!(INVITATION_30) => {
                self.offer_seen_open(id, place)
            }
            RecipientEvent::Stopped(Stopped::Gone | Stopped::Refused(_)) => {
                self.happened(id, Happened::Withdrawn)
            }
            _ => Ok(()),
        }
    }

    /// INVITATION-30
    fn offer_seen_open(&mut self, id: InvitationId, place: u8) -> Result<()> {
        let Some(offer) = self.state.offers.get_mut(&id) else { return Ok(()) };
        if self.now.hour() < offer.bundle.not_after() && !mutant!(INVITATION_30, "early") {
            return Ok(());
        }
        offer.seen = Places::from_bits(offer.seen.bits() | 1 << place);
        let all = offer.seen == Places::first(offer.bundle.shape().n());
        let over = all || mutant!(INVITATION_30, "one-of-them");
        self.store_offer(id)?;
        if over { self.happened(id, Happened::Over) } else { Ok(()) }
    }

    /// The first cell of the session makes the claimer a contact.
    fn offer_part(
        &mut self,
        id: InvitationId,
        connection: ConnectionId,
        sequence: u64,
        part: &[u8],
    ) -> Result<()> {
        let Some(offer) = self.state.offers.get(&id) else { return Ok(()) };
        let lane = offer.place_of(connection).unwrap_or_default().into();
        let done = match offer.receiver.open(lane, part) {
            Arrival::Cell { s, cell } => self.offer_cell(id, (lane, s), &cell)?,
            Arrival::Part { s, part } => {
                self.hold(Partly::Offer(id), connection, (lane, s), &part)?;
                self.offer_join(id, s)?;
                true
            }
            // Nothing else can be sealed by who has the card; it is of no use.
            _ => true,
        };
        // One that has to wait is delivered again, and said again.
        if done {
            self.order(connection, Order::Stored(sequence));
        }
        Ok(())
    }

    /// What the held parts of a cell come to.
    fn offer_join(&mut self, id: InvitationId, s: u32) -> Result<()> {
        let Some(cell) = self.join(Partly::Offer(id), s)? else { return Ok(()) };
        let Some(offer) = self.state.offers.get(&id) else { return Ok(()) };
        let Some(lane) = offer.partial.lanes(s).first().copied() else { return Ok(()) };
        // One that has to wait stays held, and is looked at again from time to time.
        self.offer_cell(id, (lane, s), &cell).map(drop)
    }

    /// The same for every cell of which parts are held, and which is not given up.
    pub(super) fn offer_hourly(&mut self, id: InvitationId) -> Result<()> {
        self.let_over_go(Partly::Offer(id))?;
        let Some(offer) = self.state.offers.get(&id) else { return Ok(()) };
        offer.partial.cells().into_iter().try_for_each(|s| self.offer_join(id, s))
    }

    /// A whole cell; false where it has to wait.
    fn offer_cell(
        &mut self,
        id: InvitationId,
        (lane, s): (LaneId, u32),
        cell: &[u8],
    ) -> Result<bool> {
        let Some(offer) = self.state.offers.get(&id) else { return Ok(true) };
        let Ok(opened) = offer.session.open(self.now, s, cell) else {
            // It will not get better.
            self.let_cell_go(Partly::Offer(id), s)?;
            return Ok(true);
        };
        if let Some(contact) = self.standby_of(id)
            && !self.gives_way(contact)?
        {
            return Ok(false);
        }
        self.happened(id, Happened::Opened)?;
        self.begin_as_inviter(id, (lane, s), opened)?;
        Ok(true)
    }
}

/// How cells are split over so many servers.
fn shape_over(like: Shape, servers: usize) -> Result<Shape> {
    let n = u8::try_from(servers).unwrap_or(u8::MAX);
    let shape = Shape::new(like.class(), like.k(), n);
    shape.map_err(|fault| MessengerError::NotNow(fault.to_string()))
}

fn not_now(fault: &BundleRefused) -> MessengerError {
    MessengerError::NotNow(fault.to_string())
}
