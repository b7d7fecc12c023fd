//! A stranger at somebody's contact address: reads its bundle, leaves a request.

use edgewise_proto::v1::item::Body;
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{Card, ContactBundle, Request};
use rand_core::SeedableRng;

use super::claiming::door_of;
use super::lanes::Lane;
use super::{Person, Surroundings};
use crate::verdict::{Stop, Verdict};

impl Person {
    /// The bundle of a contact address, as the first server of its card has it now.
    ///
    /// # Errors
    /// [`Stop::Fail`] where the card or the bundle is not good.
    pub async fn reads_address(
        around: &Surroundings,
        seed: [u8; 32],
        card: &str,
    ) -> Result<ContactBundle, Stop> {
        let card = Card::parse(card)
            .map_err(|error| Stop::fail("the text of a card (INVITATION-19)", error.to_string()))?;
        let mut rng = rand_chacha::ChaCha20Rng::from_seed(seed);
        let server = card.servers().first().ok_or_else(|| Stop::fail("a server", "none"))?;
        let mut lane =
            Lane::open(&door_of(around, server)?, Class::Medium, around, &mut rng).await?;
        let secret = card.secret().connection(0, &server.fingerprint);
        let (_, answer) = lane.claim(around, &secret, &mut rng).await?;
        let claimed = answer.claimed()?;
        ContactBundle::open(&card, &claimed.bundle, 0, around.clock.now().hour())
            .map_err(|error| Stop::fail("a contact bundle (INVITATION-40)", error.to_string()))
    }

    /// Leaves a request with a card of one's own at the first server of a contact address.
    ///
    /// # Errors
    /// [`Stop`] of the link.
    pub async fn asks(
        around: &Surroundings,
        seed: [u8; 32],
        address: &ContactBundle,
        greeting: &str,
        own: &str,
    ) -> Verdict {
        let harness = |why: &dyn std::fmt::Display| Stop::harness(why.to_string());
        let mut rng = rand_chacha::ChaCha20Rng::from_seed(seed);
        let own = Card::parse(own).map_err(|error| harness(&error))?;
        let request = Request::new(greeting, &own).map_err(|error| harness(&error))?;
        let part = request.seal(address, &mut rng);
        let server = address.servers().first().ok_or_else(|| harness(&"no server"))?;
        let mut lane =
            Lane::open(&door_of(around, server)?, Class::Medium, around, &mut rng).await?;
        let secret = address.secret().connection(0, &server.fingerprint);
        let (connection, answer) = lane.claim(around, &secret, &mut rng).await?;
        answer.claimed()?;
        let deposit = connection.deposit(lane.link.transcript(), part);
        lane.link.ask(Body::Deposit(deposit)).await?.done()
    }
}
