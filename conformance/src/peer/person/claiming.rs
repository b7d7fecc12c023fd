//! The person accepts a card: claims, opens the bundle, makes the connections back, says hello.

use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{Bundle, Card, ConnectionSecret, Descriptor, filler};
use edgewise_spec::message::{Content, Hello};
use edgewise_spec::scatter::{PartChain, Receiver, Sender};
use edgewise_spec::session::{Mode, Session};
use edgewise_spec::suite::SigningKey;
use rand_core::SeedableRng;

use super::lanes::Lane;
use super::talking::Cell;
use super::{Person, Role, Surroundings};
use crate::peer::answer::Answer;
use crate::verdict::{Stop, Verdict};

/// A card whose connections the person has claimed, and no more.
#[derive(Debug)]
pub struct Claimed {
    /// The opened bundle.
    pub bundle: Bundle,
    /// The card.
    pub card: Card,
    outs: Vec<Lane>,
    rng: rand_chacha::ChaCha20Rng,
    around: Surroundings,
}

impl Claimed {
    /// Claims every place of a card's bundle, in order.
    ///
    /// # Errors
    /// [`Stop::Fail`] where the card or the bundle is not good, or a claim is refused.
    pub async fn claim(around: Surroundings, seed: [u8; 32], card: &str) -> Result<Self, Stop> {
        let card = Card::parse(card)
            .map_err(|error| Stop::fail("the text of a card (INVITATION-19)", error.to_string()))?;
        let mut rng = rand_chacha::ChaCha20Rng::from_seed(seed);
        let mut outs = Vec::new();
        let mut bundle: Option<Bundle> = None;
        let mut place = 0;
        loop {
            let servers = bundle.as_ref().map_or(card.servers(), Bundle::servers);
            let Some(server) = servers.get(place).cloned() else { break };
            let door = door_of(&around, &server)?;
            // What its class is is told by the claim.
            let mut lane = Lane::open(&door, Class::Medium, &around, &mut rng).await?;
            let number = u8::try_from(place).unwrap_or_default();
            let secret = card.secret().connection(number, &server.fingerprint);
            let (connection, answer) = lane.claim(&around, &secret, &mut rng).await?;
            let claimed = answer.claimed()?;
            if bundle.is_none() {
                let opened = Bundle::open(&card, &claimed.bundle, around.clock.now().hour());
                bundle = Some(opened.map_err(|error| {
                    Stop::fail("a bundle that the card opens", error.to_string())
                })?);
            }
            lane.send_on(&around, connection, &claimed, &mut rng).await?;
            outs.push(lane);
            place += 1;
        }
        let bundle = bundle.ok_or_else(|| Stop::fail("a bundle", "no server of the card"))?;
        Ok(Self { bundle, card, outs, rng, around })
    }

    /// Begins the session, with connections back that exist.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn begin(self) -> Result<(Person, Content), Stop> {
        let harness = |why: &dyn std::fmt::Display| Stop::harness(why.to_string());
        let Self { bundle, card, outs, mut rng, around } = self;
        let mut ins = Vec::new();
        let (shape, mode) = (bundle.shape(), bundle.mode());
        let mut chains_out = Vec::new();
        let mut chains_in = Vec::new();
        let mut descriptors = Vec::new();
        for (number, out) in (0_u8..).zip(&outs) {
            let server = out.door.public.clone();
            let mut lane = Lane::open(&out.door, shape.class(), &around, &mut rng).await?;
            let out = card.secret().connection(number, &server.fingerprint);
            chains_out.push(PartChain::new(&out.part_chain(), 0));
            let secret = ConnectionSecret::generate(&mut rng);
            lane.receive_on(&around, &secret, filler(), &mut rng).await?;
            ins.push(lane);
            chains_in.push(PartChain::new(&secret.part_chain(), 0));
            descriptors.push(Descriptor { server, secret, base: 0 }.to_bytes());
        }
        let key = (mode == Mode::Attested).then(|| SigningKey::generate(&mut rng));
        let hello = Content::Hello(Hello {
            descriptors,
            vk: key.as_ref().map(|key| *key.verifying_key().as_bytes()),
            name: "Carol".to_owned(),
            standby: Vec::new(),
        });
        let receiver = Receiver::new(shape, chains_in).map_err(|error| harness(&error))?;
        let secret = card.secret().as_bytes();
        let now = around.clock.now();
        let session =
            Session::claim(secret, bundle.as_bytes(), bundle.ek(), shape, mode, now, &mut rng);
        let mut person = Person::new(around, [0; 32], Role::Claimer, shape, mode, receiver);
        person.rng = rng;
        (person.ins, person.outs) = (ins, outs);
        person.key = key;
        person.session = Some(session);
        person.sender = Some(Sender::new(shape, chains_out).map_err(|error| harness(&error))?);
        person.begin_words(bundle.vk().copied())?;
        Ok((person, hello))
    }

    /// Begins the session and says hello.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn greet(self) -> Result<(Person, Vec<Cell>), Stop> {
        let (mut person, hello) = self.begin().await?;
        let cells = person.say(&hello).await?;
        Ok((person, cells))
    }
}

impl Person {
    /// Accepts a card and says hello.
    ///
    /// # Errors
    /// [`Stop::Fail`] where the card, its bundle or a claim is not good.
    pub async fn accept(
        around: Surroundings,
        seed: [u8; 32],
        card: &str,
    ) -> Result<(Self, Vec<Cell>), Stop> {
        Claimed::claim(around, seed, card).await?.greet().await
    }

    /// Claims the connection of a secret at a server, to send over it as the next place.
    pub(super) async fn claim_out(
        &mut self,
        server: &edgewise_spec::link::Address,
        secret: &ConnectionSecret,
    ) -> Verdict {
        let door = door_of(&self.around, server)?;
        let class = self.shape.class();
        let mut lane = Lane::open(&door, class, &self.around, &mut self.rng).await?;
        let (connection, answer) = lane.claim(&self.around, secret, &mut self.rng).await?;
        let claimed = answer.claimed()?;
        lane.send_on(&self.around, connection, &claimed, &mut self.rng).await?;
        self.outs.push(lane);
        Ok(())
    }

    /// Tries to claim the first connection of a card, and says what the server answered.
    ///
    /// # Errors
    /// [`Stop`] of the link.
    pub async fn try_claim(
        around: &Surroundings,
        seed: [u8; 32],
        card: &str,
        place: u8,
        server: &edgewise_spec::link::Address,
    ) -> Result<Answer, Stop> {
        let card = Card::parse(card)
            .map_err(|error| Stop::fail("the text of a card (INVITATION-19)", error.to_string()))?;
        let mut rng = rand_chacha::ChaCha20Rng::from_seed(seed);
        let door = door_of(around, server)?;
        let mut lane = Lane::open(&door, Class::Medium, around, &mut rng).await?;
        let secret = card.secret().connection(place, &server.fingerprint);
        let (_, answer) = lane.claim(around, &secret, &mut rng).await?;
        Ok(answer)
    }
}

/// The way to a server.
pub(super) fn door_of(
    around: &Surroundings,
    server: &edgewise_spec::link::Address,
) -> Result<super::Door, Stop> {
    let known = around.doors.iter().find(|door| door.public == *server);
    // A server that is none of the scene's is reached by its front door.
    known.cloned().map_or_else(|| super::Door::at(server), Ok)
}
