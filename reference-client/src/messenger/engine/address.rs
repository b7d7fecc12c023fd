//! The user's own contact addresses, and the requests that come there.

use edgewise_proto::v1::Kind;
use edgewise_spec::client::{RecipientEvent, Terms};
use edgewise_spec::constants::{ADDRESS_EK_HOURS, CARD_SERVERS_MAX, REQUEST_GRACE_DAYS};
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{
    Announcement, Card, ContactBundle, ContactKey, ContactKeys, Name, Request, Root,
};
use edgewise_spec::link::Address;
use edgewise_spec::suite::Decapsulator;
use edgewise_spec::time::{Hour, Now};
use zeroize::Zeroizing;

use super::net::Order;
use super::talk::{read_list, write_list};
use super::turn::{Result, Turn, Use};
use crate::clock::OsRandom;
use crate::messenger::{Accept, AddressView, Event, MessengerError, RequestView};
use crate::store::codec::{Fields, Writer};
use crate::store::{
    ConnectionId, ContactId, End, Owner, ProfileId, Reader, StoreError, StoreMisuse, Versioned,
};

const SETTING: &str = "address";
const VERSION: u32 = 1;
/// How long a version of the bundle is good: until the next one, and while its owner is away.
const GOOD_HOURS: Hour = ADDRESS_EK_HOURS + REQUEST_GRACE_DAYS * 24;
/// Requests that wait, and those turned down that are known again.
const REQUESTS_MAX: usize = 256;

/// A contact address as it stands between transactions.
pub(super) struct Home {
    root: Root,
    keys: ContactKeys,
    servers: Vec<Address>,
    pub(super) connections: Vec<ConnectionId>,
    created: Vec<bool>,
    name: String,
    requests: Vec<Waiting>,
    /// Cards of requests that were answered: one that comes again says nothing new.
    answered: Vec<[u8; 32]>,
    next: u64,
}

/// A request that waits for an answer.
struct Waiting {
    number: u64,
    stored: Now,
    greeting: String,
    card: Card,
}

impl Home {
    pub(super) fn load(reader: &Reader<'_>, profile: ProfileId) -> Result<Option<Self>> {
        let Some(stored) = reader.setting(Some(profile), SETTING)? else { return Ok(None) };
        let home = Self::from_versioned(&stored);
        let fault = || reader.corrupt("a row of its contact address is of an unknown shape");
        Ok(Some(home.ok_or_else(fault)?))
    }

    fn from_versioned(stored: &Versioned) -> Option<Self> {
        if stored.version() != VERSION {
            return None;
        }
        let mut from = Fields::new(stored.bytes());
        let (salt, seed) = (from.array()?, Zeroizing::new(from.array()?));
        let keys = read_list(&mut from, |from| {
            let (version, made) = (from.u32()?, from.u32()?);
            let seed = Zeroizing::new(from.array()?);
            Some(ContactKey { version, made, key: Decapsulator::from_seed(&seed) })
        })?;
        let servers = read_list(&mut from, |from| from.text()?.parse().ok())?;
        let connections = read_list(&mut from, Fields::i64)?;
        let created = read_list(&mut from, Fields::flag)?;
        let name = from.text()?;
        let requests = read_list(&mut from, |from| {
            Some(Waiting {
                number: from.u64()?,
                stored: Now::from_millis(from.u64()?),
                greeting: from.text()?,
                card: Card::parse(&from.text()?).ok()?,
            })
        })?;
        let answered = read_list(&mut from, Fields::array)?;
        let next = from.u64()?;
        from.end()?;
        Some(Self {
            root: Root::from_parts(&salt, &seed),
            keys: ContactKeys::restore(keys)?,
            servers,
            connections: connections.into_iter().map(ConnectionId::from_number).collect(),
            created,
            name,
            requests,
            answered,
            next,
        })
    }

    fn to_versioned(&self) -> Versioned {
        let mut to = Writer::bare();
        let (salt, seed) = self.root.to_parts();
        to.raw(salt.as_slice());
        to.raw(seed.as_slice());
        write_list(&mut to, self.keys.keys().iter(), |to, key| {
            to.u32(key.version);
            to.u32(key.made);
            to.raw(key.key.to_seed().as_slice());
        });
        write_list(&mut to, self.servers.iter(), |to, server| {
            to.bytes(server.to_string().as_bytes());
        });
        write_list(&mut to, self.connections.iter(), |to, id| to.i64(id.number()));
        write_list(&mut to, self.created.iter(), |to, created| to.flag(*created));
        to.bytes(self.name.as_bytes());
        write_list(&mut to, self.requests.iter(), |to, waiting| {
            to.u64(waiting.number);
            to.u64(waiting.stored.millis());
            to.bytes(waiting.greeting.as_bytes());
            to.bytes(waiting.card.to_text().as_bytes());
        });
        write_list(&mut to, self.answered.iter(), |to, secret| to.raw(secret));
        to.u64(self.next);
        Versioned::new(VERSION, to.finish())
    }

    /// The present version of the bundle.
    fn bundle(&self) -> Result<ContactBundle> {
        let fault = || MessengerError::from(StoreError::from(StoreMisuse::Unknown("address")));
        let key = self.keys.present().ok_or_else(fault)?;
        let announcement = Announcement {
            version: key.version,
            servers: &self.servers,
            ek: &key.key.encapsulator(),
            name: Name::new(&self.name)?,
            not_after: key.made.saturating_add(GOOD_HOURS),
        };
        ContactBundle::make(&self.root, &announcement)
            .map_err(|fault| MessengerError::NotNow(fault.to_string()))
    }

    fn carded(&self) -> usize {
        self.servers.len().min(CARD_SERVERS_MAX)
    }
}

/// The user's own address.
impl Turn<'_, '_> {
    pub(super) fn is_own_address(&self, card: &Card) -> bool {
        self.state.homes.values().any(|home| home.root.secret() == *card.secret())
    }

    fn home(&self, profile: ProfileId) -> Result<&Home> {
        self.state.homes.get(&profile).ok_or(MessengerError::Unknown("contact address"))
    }

    fn store_home(&mut self, profile: ProfileId) -> Result<()> {
        let stored = self.home(profile)?.to_versioned();
        Ok(self.tx.set_setting(Some(profile), SETTING, &stored)?)
    }

    pub(crate) fn address(&mut self, profile: ProfileId) -> Result<Option<AddressView>> {
        let Some(home) = self.state.homes.get(&profile) else { return Ok(None) };
        let bundle = home.bundle()?;
        let made = home.created.iter().all(|created| *created);
        let card =
            if made { Some(bundle.card(home.carded())?.to_text().to_string()) } else { None };
        let requests = home.requests.iter().map(Waiting::view).collect();
        let (version, servers) = (bundle.version(), home.servers.clone());
        Ok(Some(AddressView { profile, card, version, servers, requests }))
    }

    pub(crate) fn add_address(&mut self, profile: ProfileId, redundancy: u8) -> Result<()> {
        let own = self.tx.profile(profile)?.ok_or(MessengerError::Unknown("profile"))?;
        if self.state.homes.contains_key(&profile) {
            let text = "the profile has a contact address; remove it to make another one";
            return Err(MessengerError::NotNow(text.to_owned()));
        }
        let servers = self.servers_for(profile, &[], redundancy)?;
        let mut home = Home {
            root: Root::generate(&mut OsRandom),
            keys: ContactKeys::generate(&mut OsRandom, self.now.hour()),
            created: vec![false; servers.len()],
            servers,
            connections: Vec::new(),
            name: own.name,
            requests: Vec::new(),
            answered: Vec::new(),
            next: 1,
        };
        let bundle = home.bundle()?;
        let terms = Terms { kind: Kind::Address, ..Self::terms(Class::Medium) };
        for (place, server) in (0..).zip(&home.servers) {
            let secret = bundle.secret().connection(place, &server.fingerprint);
            let owner = (Owner::Profile, Use::Home(profile));
            let at = (place, server);
            let made = self.add_recipient(profile, owner, at, &secret, bundle.sealed(), terms)?;
            home.connections.push(made);
        }
        self.state.homes.insert(profile, home);
        self.store_home(profile)
    }

    pub(crate) fn remove_address(&mut self, profile: ProfileId) -> Result<()> {
        let connections = self.home(profile)?.connections.clone();
        for connection in connections {
            self.doom(connection)?;
        }
        self.state.homes.remove(&profile);
        self.tx.remove_setting(Some(profile), SETTING)?;
        Ok(())
    }

    /// What a connection of the address says.
    pub(super) fn home_heard(
        &mut self,
        profile: ProfileId,
        id: ConnectionId,
        event: &RecipientEvent,
    ) -> Result<()> {
        match event {
            RecipientEvent::Created => {
                let Some(home) = self.state.homes.get_mut(&profile) else { return Ok(()) };
                let place = home.connections.iter().position(|it| *it == id);
                if let Some(created) = place.and_then(|place| home.created.get_mut(place)) {
                    *created = true;
                }
                self.store_home(profile)
            }
            RecipientEvent::Part { sequence, part } => {
                self.order(id, Order::Stored(*sequence));
                self.asked(profile, part)
            }
            _ => Ok(()),
        }
    }

    /// INVITATION-48: what is no request is dropped, and a card that comes again says nothing new.
    fn asked(&mut self, profile: ProfileId, part: &[u8]) -> Result<()> {
        let now = self.now;
        let Some(home) = self.state.homes.get_mut(&profile) else { return Ok(()) };
        let Ok(request) = Request::open(part, &home.keys, &home.root.secret()) else {
            return Ok(());
        };
        let secret = request.card().secret();
        let known = home.requests.iter().any(|waiting| waiting.card.secret() == secret)
            || home.answered.contains(secret.as_bytes());
        if known || home.requests.len() >= REQUESTS_MAX {
            return Ok(());
        }
        let waiting = Waiting {
            number: home.next,
            stored: now,
            greeting: request.greeting().to_owned(),
            card: request.card().clone(),
        };
        home.next += 1;
        let view = waiting.view();
        home.requests.push(waiting);
        self.store_home(profile)?;
        self.tell(Event::Request { profile, request: Box::new(view) });
        Ok(())
    }

    fn answer_request(&mut self, profile: ProfileId, number: u64) -> Result<Card> {
        let home = self.state.homes.get_mut(&profile);
        let home = home.ok_or(MessengerError::Unknown("contact address"))?;
        let place = home.requests.iter().position(|waiting| waiting.number == number);
        let place = place.ok_or(MessengerError::Unknown("request"))?;
        let waiting = home.requests.remove(place);
        home.answered.push(*waiting.card.secret().as_bytes());
        let surplus = home.answered.len().saturating_sub(REQUESTS_MAX);
        home.answered.drain(..surplus);
        self.store_home(profile)?;
        Ok(waiting.card)
    }

    pub(crate) fn accept_request(
        &mut self,
        profile: ProfileId,
        number: u64,
        accept: &Accept,
    ) -> Result<ContactId> {
        let card = self.answer_request(profile, number)?;
        self.accept_card(profile, card, accept)
    }

    pub(crate) fn refuse_request(&mut self, profile: ProfileId, number: u64) -> Result<()> {
        self.answer_request(profile, number).map(drop)
    }

    /// INVITATION-45, INVITATION-46: a new key each week, announced by a new version.
    pub(super) fn homes_tick(&mut self) -> Result<()> {
        let profiles: Vec<_> = self.state.homes.keys().copied().collect();
        for profile in profiles {
            let hour = self.now.hour();
            let name = self.tx.profile(profile)?.map(|own| own.name);
            let Some(home) = self.state.homes.get_mut(&profile) else { continue };
            let kept = home.keys.keys().len();
            if !home.keys.renew(&mut OsRandom, hour) {
                if home.keys.keys().len() != kept {
                    // What was erased here is erased in the store.
                    self.store_home(profile)?;
                }
                continue;
            }
            home.name = name.unwrap_or_default();
            let (sealed, connections) = (home.bundle()?.sealed(), home.connections.clone());
            for id in connections {
                let Some(connection) = self.tx.connection(id)? else { continue };
                let End::Recipient(mut state) = connection.end else { continue };
                if let Some((_, bundle)) = &mut state.open {
                    *bundle = sealed.clone();
                }
                // CONNECTION-74: made once more, with the new bundle.
                state.created = false;
                self.tx.set_recipient(id, &state)?;
                self.restart(id)?;
            }
            self.store_home(profile)?;
        }
        Ok(())
    }
}

impl Waiting {
    fn view(&self) -> RequestView {
        let Self { number, stored, greeting, .. } = self;
        RequestView { number: *number, greeting: greeting.clone(), stored: *stored }
    }
}
