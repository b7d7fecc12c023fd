//! Profiles, servers and contacts.

use edgewise_spec::invitation::Name;
use edgewise_spec::link::Address;
use edgewise_spec::message::{self, Broadcast, Content};
use zeroize::Zeroizing;

use super::carried::flow;
use super::net::Order;
use super::talk::Talk;
use super::turn::{Result, Turn, Use};
use crate::messenger::{
    BroadcastRole, ContactView, Event, MessengerError, ProfileView, Reach, SafetyView, ServerView,
};
use crate::store::codec::{Fields, Writer};
use crate::store::{
    Contact, ContactId, Direction, End, Profile, ProfileId, SecretText, Server, ServerId,
    SessionId, Verified, Versioned,
};

/// The name of a contact who has not said one.
pub(super) const NAMELESS: &str = "new contact";
const RECEIPTS: &str = "receipts";
/// Messages that are looked at for the number of unread ones, and for the newest that is shown.
const LOOKS: u32 = 10_000;

/// What somebody tells about themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub name: String,
    pub about: String,
    pub picture: Vec<u8>,
}

impl Told {
    fn to_versioned(&self) -> Versioned {
        let mut to = Writer::bare();
        to.bytes(self.name.as_bytes());
        to.bytes(self.about.as_bytes());
        to.bytes(&self.picture);
        Versioned::new(1, to.finish())
    }

    /// Nothing where nothing was told.
    fn from_versioned(stored: &Versioned) -> Self {
        let mut from = Fields::new(stored.bytes());
        let read = |from: &mut Fields<'_>| {
            let (name, about) = (from.text()?, from.text()?);
            Some(Self { name, about, picture: from.bytes()?.to_vec() })
        };
        read(&mut from).unwrap_or_default()
    }
}

/// Profiles and servers.
impl Turn<'_, '_> {
    pub(crate) fn profiles(&mut self) -> Result<Vec<ProfileView>> {
        let mut views = Vec::new();
        for (id, profile) in self.tx.profiles()? {
            let told = Told::from_versioned(&profile.details);
            let (delivery_receipts, read_receipts) = self.receipt_choice(id)?;
            views.push(ProfileView {
                id,
                name: profile.name,
                about: told.about,
                picture: told.picture,
                delivery_receipts,
                read_receipts,
            });
        }
        views.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        Ok(views)
    }

    pub(crate) fn add_profile(&mut self, name: &str) -> Result<ProfileId> {
        Name::new(name)?;
        Ok(self.tx.add_profile(&Profile::named(name))?)
    }

    /// Whether receipts of delivery and of reading are sent (MESSAGE-32: reading by choice alone).
    fn receipt_choice(&self, profile: ProfileId) -> Result<(bool, bool)> {
        let stored = self.tx.setting(Some(profile), RECEIPTS)?;
        let bits = stored.and_then(|value| value.bytes().first().copied()).unwrap_or(1);
        Ok((bits & 1 != 0, bits & 2 != 0))
    }

    pub(super) fn delivery_receipts(&self, profile: ProfileId) -> Result<bool> {
        Ok(self.receipt_choice(profile)?.0)
    }

    pub(super) fn read_receipts(&self, profile: ProfileId) -> Result<bool> {
        Ok(self.receipt_choice(profile)?.1)
    }

    pub(crate) fn set_profile(&mut self, view: &ProfileView) -> Result<()> {
        let ProfileView { id, name, about, picture, delivery_receipts, read_receipts } = view;
        Name::new(name)?;
        let before = self.tx.profile(*id)?.ok_or(MessengerError::Unknown("profile"))?;
        let (name, about, picture) = (name.clone(), about.clone(), picture.clone());
        let told = Told { name: String::new(), about: about.clone(), picture: picture.clone() };
        let content = message::Profile { name: name.clone(), about, picture };
        let after = Profile { name, details: told.to_versioned() };
        let bits = u8::from(*delivery_receipts) | u8::from(*read_receipts) << 1;
        let value = Versioned::new(1, Zeroizing::new(vec![bits]));
        self.tx.set_setting(Some(*id), RECEIPTS, &value)?;
        if after == before {
            return Ok(());
        }
        self.tx.set_profile(*id, &after)?;
        let its = |talk: &&Talk| talk.profile == *id;
        let talks: Vec<SessionId> =
            self.state.talks.values().filter(its).map(|talk| talk.id).collect();
        for talk in talks {
            if !self.is_listener(talk) {
                self.say_in(talk, &Content::Profile(content.clone()))?;
            }
        }
        Ok(())
    }

    /// Tells a new contact what a bundle or a hello has no room for.
    pub(super) fn tell_own_profile(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.get(&id) else { return Ok(()) };
        let Some(profile) = self.tx.profile(talk.profile)? else { return Ok(()) };
        let told = Told::from_versioned(&profile.details);
        if told == Told::default() {
            return Ok(());
        }
        let (name, about, picture) = (profile.name, told.about, told.picture);
        self.say_in(id, &Content::Profile(message::Profile { name, about, picture })).map(drop)
    }

    pub(crate) fn remove_profile(&mut self, id: ProfileId) -> Result<()> {
        self.tx.profile(id)?.ok_or(MessengerError::Unknown("profile"))?;
        let others = self.tx.connections(id)?.into_iter().any(
            |(_, connection)| matches!(connection.end, End::Recipient(ref state) if state.created),
        );
        if others {
            let text = "the profile still has contacts, invitations or an address; remove them \
                        first, so that their connections are deleted on their servers";
            return Err(MessengerError::NotNow(text.to_owned()));
        }
        Ok(self.tx.remove_profile(id)?)
    }

    pub(crate) fn servers(&mut self, profile: ProfileId) -> Result<Vec<ServerView>> {
        let connections = self.tx.connections(profile)?;
        let mut views = Vec::new();
        for (id, server) in self.tx.servers(profile)? {
            let on = |address: &Address| address.fingerprint == server.address.fingerprint;
            let its = connections.iter().filter(|(_, connection)| on(&connection.address));
            let ids: Vec<_> = its.map(|(id, _)| *id).collect();
            views.push(ServerView {
                id,
                password: server.access_password.is_some(),
                connections: ids.len(),
                reached: ids.iter().any(|id| self.state.up.contains(id)),
                altered: self.altered_by(&ids),
                address: server.address,
            });
        }
        Ok(views)
    }

    pub(crate) fn add_server(
        &mut self,
        profile: ProfileId,
        address: &Address,
        access_password: Option<SecretText>,
    ) -> Result<ServerId> {
        self.tx.profile(profile)?.ok_or(MessengerError::Unknown("profile"))?;
        let known = self.tx.servers(profile)?;
        if known.iter().any(|(_, server)| server.address.fingerprint == address.fingerprint) {
            let text = format!("the profile has the server at {} already", address.edge);
            return Err(MessengerError::NotNow(text));
        }
        let rank = known.last().map_or(0, |(_, server)| server.rank.saturating_add(1));
        let (address, known) = (address.clone(), Versioned::default());
        Ok(self.tx.add_server(&Server { profile, address, access_password, rank, known })?)
    }

    pub(crate) fn remove_server(&mut self, id: ServerId) -> Result<()> {
        self.tx.server(id)?.ok_or(MessengerError::Unknown("server"))?;
        Ok(self.tx.remove_server(id)?)
    }
}

/// Contacts.
impl Turn<'_, '_> {
    /// What a contact says about itself; its name is taken over where the user has given none.
    pub(super) fn contact_says(
        &mut self,
        id: ContactId,
        told: &Told,
        named: bool,
        scanned: bool,
    ) -> Result<()> {
        let contact = self.tx.contact(id)?.ok_or_else(|| self.damaged("contact"))?;
        let name = match (named, told.name.as_str()) {
            (true, _) => contact.name,
            (false, "") => NAMELESS.to_owned(),
            (false, name) => name.to_owned(),
        };
        let verified = match contact.verified {
            Verified::No if scanned => Verified::Shown,
            verified => verified,
        };
        let details = told.to_versioned();
        Ok(self.tx.set_contact(id, &Contact { name, details, verified, ..contact })?)
    }

    pub(super) fn profile_heard(
        &mut self,
        id: ContactId,
        profile: &message::Profile,
    ) -> Result<()> {
        let message::Profile { name, about, picture } = profile.clone();
        let told = Told { name, about, picture };
        let before = self.tx.contact(id)?.ok_or_else(|| self.damaged("contact"))?;
        // A contact that goes by the name it said goes by its new one.
        let said = Told::from_versioned(&before.details).name;
        let named = before.name != said && before.name != NAMELESS;
        self.contact_says(id, &told, named, false)?;
        self.tell(Event::Contact(id));
        Ok(())
    }

    pub(crate) fn contacts(&mut self, profile: ProfileId) -> Result<Vec<ContactView>> {
        let contacts = self.tx.contacts(profile)?;
        contacts.into_iter().map(|(id, contact)| self.view(id, contact)).collect()
    }

    pub(crate) fn contact_view(&mut self, id: ContactId) -> Result<ContactView> {
        let contact = self.tx.contact(id)?.ok_or(MessengerError::Unknown("contact"))?;
        self.view(id, contact)
    }

    fn view(&self, id: ContactId, contact: Contact) -> Result<ContactView> {
        let talk = self.talk_of(id);
        let told = Told::from_versioned(&contact.details);
        let standby = self.state.standbys.get(&id);
        let joining = self.state.joins.values().any(|join| join.contact == id)
            || standby.is_some_and(|standby| standby.renewing.is_some());
        let reach = match talk {
            Some(talk) if self.state.is_lost(talk, self.now) => {
                if joining {
                    Reach::Joining
                } else {
                    Reach::Lost
                }
            }
            Some(talk) if talk.is_answered() && talk.sender.is_some() => Reach::Ready,
            Some(_) => Reach::Waiting,
            None if joining => Reach::Joining,
            None => Reach::Lost,
        };
        let (unread, last) = self.unread(id, contact.seen)?;
        let connections = talk.map_or(Ok(Vec::new()), |talk| self.connection_views(talk))?;
        Ok(ContactView {
            id,
            profile: contact.profile,
            name: contact.name,
            said_name: told.name,
            about: told.about,
            verified: contact.verified,
            blocked: contact.blocked,
            reach,
            mode: talk.map(|talk| talk.session.mode()),
            unread,
            last,
            shape: talk.map(|talk| talk.session.shape()),
            sending: talk.and_then(|talk| flow(talk, Direction::Sent, &connections)),
            receiving: talk.and_then(|talk| flow(talk, Direction::Received, &connections)),
            connections,
            broadcast: talk.and_then(|talk| talk.broadcast),
            standby: standby.is_some_and(|standby| standby.held.is_some()),
            since: contact.since,
        })
    }

    /// The session that a contact is talked with in: the newest one that both ends have.
    pub(super) fn talk_of(&self, contact: ContactId) -> Option<&Talk> {
        let talks = self.state.talks.values().filter(|talk| talk.contact == contact);
        talks.max_by_key(|talk| (talk.sender.is_some(), talk.is_answered(), talk.since))
    }

    fn unread(
        &self,
        id: ContactId,
        seen: Option<crate::store::Position>,
    ) -> Result<(u64, Option<crate::messenger::MessageView>)> {
        let mut before = None;
        let (mut unread, mut last, mut looked) = (0, None, 0);
        loop {
            let page = self.tx.history(id, before, 64)?;
            for (position, message) in page.messages {
                looked += 1;
                let is_new = Some(position) > seen;
                if !is_new && last.is_some() {
                    return Ok((unread, last));
                }
                let Some(view) = self.view_of(id, position, &message)? else { continue };
                if is_new && view.direction == Direction::Received {
                    unread += 1;
                }
                last = last.or(Some(view));
            }
            before = page.before;
            if before.is_none() || looked >= LOOKS {
                return Ok((unread, last));
            }
        }
    }

    pub(crate) fn rename(&mut self, id: ContactId, name: &str) -> Result<()> {
        Name::new(name)?;
        if name.is_empty() {
            return Err(MessengerError::NotNow("a name has at least one character".to_owned()));
        }
        self.with_contact(id, |contact| name.clone_into(&mut contact.name))
    }

    fn with_contact(&mut self, id: ContactId, what: impl FnOnce(&mut Contact)) -> Result<()> {
        let mut contact = self.tx.contact(id)?.ok_or(MessengerError::Unknown("contact"))?;
        what(&mut contact);
        self.tx.set_contact(id, &contact)?;
        self.tell(Event::Contact(id));
        Ok(())
    }

    pub(crate) fn block(&mut self, id: ContactId, blocked: bool) -> Result<()> {
        self.with_contact(id, |contact| contact.blocked = blocked)?;
        let its = self.state.talks.values().filter(|talk| talk.contact == id);
        let lanes: Vec<_> = its.flat_map(|talk| talk.lanes.values().copied()).collect();
        for connection in lanes {
            if let Some(stored) = self.tx.connection(connection)?
                && let End::Recipient(mut state) = stored.end
            {
                // Its server is asked once somebody has claimed it, and not before.
                if state.suspended != blocked && state.sender_key.is_some() {
                    self.state.changing.insert(connection);
                }
                state.suspended = blocked;
                self.tx.set_recipient(connection, &state)?;
                self.order(connection, Order::Suspend(blocked));
            }
        }
        Ok(())
    }

    pub(crate) fn remove_contact(&mut self, id: ContactId) -> Result<()> {
        self.tx.contact(id)?.ok_or(MessengerError::Unknown("contact"))?;
        let talks: Vec<_> = self.state.talks.values().filter(|it| it.contact == id).collect();
        let joins: Vec<_> = self.state.joins.values().filter(|it| it.contact == id).collect();
        let sessions: Vec<SessionId> =
            talks.iter().map(|it| it.id).chain(joins.iter().map(|it| it.id)).collect();
        let uses = self.state.uses.iter();
        let its = uses.filter(
            |(_, used)| matches!(used, Use::Session(session) if sessions.contains(session)),
        );
        let connections: Vec<_> = its.map(|(connection, _)| *connection).collect();
        for connection in connections {
            self.doom(connection)?;
        }
        self.forget_standbys(id)?;
        for session in sessions {
            self.state.talks.remove(&session);
            self.state.joins.remove(&session);
        }
        self.tx.remove_contact(id)?;
        self.tell(Event::ContactRemoved(id));
        Ok(())
    }

    pub(crate) fn safety_number(&mut self, id: ContactId) -> Result<Option<SafetyView>> {
        self.tx.contact(id)?.ok_or(MessengerError::Unknown("contact"))?;
        let number = self.talk_of(id).and_then(|talk| talk.session.safety_number());
        Ok(number.map(|safety| SafetyView {
            number: safety.number.to_string(),
            steps: safety.steps.iter().map(|(t, it)| (*t, it.to_string())).collect(),
        }))
    }

    pub(crate) fn verify(&mut self, id: ContactId, same: bool) -> Result<()> {
        let now = self.now;
        self.with_contact(id, |contact| {
            contact.verified = if same { Verified::Compared(now) } else { Verified::No };
        })
    }
}

/// Broadcasts.
impl Turn<'_, '_> {
    pub(super) fn is_listener(&self, id: SessionId) -> bool {
        let talk = self.state.talks.get(&id);
        talk.is_some_and(|talk| talk.broadcast == Some(BroadcastRole::Listener))
    }

    pub(super) fn broadcast_heard(&mut self, id: SessionId, heard: &Broadcast) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&id) else { return Ok(()) };
        match (heard, talk.broadcast) {
            (Broadcast::Open { .. }, None) => talk.broadcast = Some(BroadcastRole::Listener),
            (Broadcast::Close, Some(BroadcastRole::Listener)) => talk.broadcast = None,
            _ => {}
        }
        let contact = talk.contact;
        self.tell(Event::Contact(contact));
        Ok(())
    }
}
