//! Somebody's contact address, and the requests that come there.

use bytes::Bytes;
use edgewise_proto::v1::item::Body;
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{
    Announcement, Card, ContactBundle, ContactKey, ContactKeys, Name, Request, Root,
};
use edgewise_spec::link::Address;
use edgewise_spec::suite::Decapsulator;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::lanes::Lane;
use super::{Surroundings, seal_bundle};
use crate::peer::PATIENCE;
use crate::verdict::{Stop, Verdict};

/// Hours for which a version is good.
const GOOD_HOURS: u32 = 1_000;

/// The owner of a contact address that has had two versions, and keeps the keys of both.
#[derive(Debug)]
pub struct AddressOwner {
    root: Root,
    keys: ContactKeys,
    servers: Vec<Address>,
    not_after: u32,
    lanes: Vec<Lane>,
}

impl AddressOwner {
    /// Opens an address at these servers of the scene, with version 2 of its bundle.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn open(
        around: &Surroundings,
        seed: [u8; 32],
        places: &[usize],
    ) -> Result<Self, Stop> {
        let harness = || Stop::harness("a scene with fewer servers");
        let mut rng = ChaCha20Rng::from_seed(seed);
        let doors: Option<Vec<_>> = places.iter().map(|it| around.doors.get(*it)).collect();
        let doors = doors.ok_or_else(harness)?;
        let made = around.clock.now().hour();
        let key = |version| ContactKey { version, made, key: Decapsulator::generate(&mut rng) };
        let keys = ContactKeys::restore([1, 2].map(key).into()).ok_or_else(harness)?;
        let servers = doors.iter().map(|door| door.public.clone()).collect();
        let not_after = made.saturating_add(GOOD_HOURS);
        let root = Root::generate(&mut rng);
        let mut owner = Self { root, keys, servers, not_after, lanes: Vec::new() };
        let bundle = owner.bundle(2)?;
        for (place, door) in (0..).zip(doors) {
            let secret = bundle.secret().connection(place, &door.public.fingerprint);
            let mut lane = Lane::open(door, Class::Medium, around, &mut rng).await?;
            lane.take_requests(around, &secret, bundle.sealed(), &mut rng).await?;
            owner.lanes.push(lane);
        }
        Ok(owner)
    }

    /// The text of its card.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn card(&self) -> Result<String, Stop> {
        let card = self.bundle(2)?.card(self.servers.len());
        let card: Card = card.map_err(|error| Stop::harness(error.to_string()))?;
        Ok(card.to_text().to_string())
    }

    /// A version of its bundle: 1 or 2.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn bundle(&self, version: u32) -> Result<ContactBundle, Stop> {
        let harness = |why: &dyn std::fmt::Display| Stop::harness(why.to_string());
        let key = self.keys.of_version(version).ok_or_else(|| harness(&"no such version"))?;
        let announcement = Announcement {
            version,
            servers: &self.servers,
            ek: &key.encapsulator(),
            name: Name::new("Olga").map_err(|error| harness(&error))?,
            not_after: self.not_after,
        };
        ContactBundle::make(&self.root, &announcement).map_err(|error| harness(&error))
    }

    /// Has a bundle, good or bad, stand at all servers, sealed as of a version.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn announce(&mut self, version: u32, bundle: &[u8]) -> Verdict {
        let sealed = seal_bundle(self.root.secret().as_bytes(), version, bundle);
        for lane in &mut self.lanes {
            lane.announce(sealed.clone()).await?;
        }
        Ok(())
    }

    /// The next request at a place, as it came and opened; none that comes within a time.
    ///
    /// # Errors
    /// [`Stop::Fail`] on what is no request.
    pub async fn request_within(
        &mut self,
        place: usize,
        within: std::time::Duration,
    ) -> Result<Option<(Bytes, Request)>, Stop> {
        let lane = self.lanes.get_mut(place).ok_or_else(|| Stop::harness("no such place"))?;
        loop {
            match lane.next(within).await? {
                None => return Ok(None),
                Some(Body::Deliver(deliver)) => {
                    lane.acknowledge(deliver.sequence).await?;
                    let opened = Request::open(&deliver.part, &self.keys, &self.root.secret());
                    let request = opened.map_err(|error| {
                        Stop::fail("a contact request (INVITATION-47)", error.to_string())
                    })?;
                    return Ok(Some((deliver.part, request)));
                }
                Some(Body::Notice(_)) => {}
                Some(other) => return Err(Stop::fail("a Deliver", format!("{other:?}"))),
            }
        }
    }

    /// The same, where one has to come.
    ///
    /// # Errors
    /// [`Stop::Fail`] where none does.
    pub async fn request(&mut self, place: usize) -> Result<(Bytes, Request), Stop> {
        let found = self.request_within(place, PATIENCE).await?;
        found.ok_or_else(|| Stop::fail("a contact request (INVITATION-47)", "none"))
    }
}
