//! The world before its first tick: every connection is made and claimed, every two people have
//! met. It costs no tick and counts in no figure.

use bytes::BytesMut;
use edgewise_spec::client::{
    ClientLink, Event, Key, Lifetime, RecipientEnd, RecipientEvent, RecipientState, SenderEnd,
    SenderEvent, SenderState, Terms,
};
use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{ConnectionSecret, Descriptor, filler};
use edgewise_spec::link::{Address, Edge};
use edgewise_spec::message::Hello;
use edgewise_spec::scatter::{PartChain, Shape};
use edgewise_spec::store::LinkId;
use edgewise_spec::suite::SuiteId;
use edgewise_spec::time::Now;
use rand_chacha::ChaCha8Rng;

use crate::Failure;
use crate::end::End;
use crate::group::Group;
use crate::lane::{Lane, RECIPIENT, SENDER};

/// Steps after which an end that is still not done will never be.
const STEPS_MAX: usize = 8;

/// A medium link to one group, over which all its connections are made: no link is bound to those
/// whose connections it makes.
struct Wire {
    link: ClientLink,
    id: LinkId,
}

impl Wire {
    fn open(now: Now, group: &mut Group, rng: &mut ChaCha8Rng) -> Result<Self, Failure> {
        let suite = SuiteId::Chacha20Poly1305;
        let link = ClientLink::open(group.epoch(), suite, Class::Medium, now, rng);
        let mut wire = Self { link, id: group.open(now, usize::MAX)? };
        wire.carry(now, group)?;
        Ok(wire)
    }

    /// Carries blocks both ways until there are none.
    fn carry(&mut self, now: Now, group: &mut Group) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::new();
        loop {
            let mut out = BytesMut::new();
            let _ = self.link.poll_block(now, &mut out);
            let sent = !out.is_empty();
            if sent {
                group.take(now, self.id, out);
            }
            let Some(block) = group.give(now, self.id) else {
                if sent {
                    continue;
                }
                return Ok(events);
            };
            let heard = self.link.handle_block(now, block, &mut events);
            heard
                .map_err(|end| format!("a link over which connections are made ended: {end:?}"))?;
        }
    }

    /// Makes a connection and claims it.
    fn make(
        &mut self,
        now: Now,
        secret: &ConnectionSecret,
        group: &mut Group,
        rng: &mut ChaCha8Rng,
    ) -> Result<(SenderEnd, RecipientEnd), Failure> {
        let (life, claim) = (Lifetime::longest(now), secret.claim_key());
        let key = Key::generate(rng, 0, life);
        let terms = Terms::usual(Class::Small);
        let state = RecipientState::new(group.fingerprint(), key, claim.clone(), filler(), terms);
        let mut recipient = RecipientEnd::new(state);
        let mut made = false;
        for _ in 0..STEPS_MAX {
            recipient.advance(now, RECIPIENT, None, &mut self.link)?;
            let mut told = Vec::new();
            for event in self.carry(now, group)? {
                recipient.handle(now, RECIPIENT, &event, &mut told);
            }
            made |= told.contains(&RecipientEvent::Created);
            if made {
                break;
            }
        }
        let mut sender = SenderEnd::new(SenderState::new(claim, Key::generate(rng, 0, life)));
        for _ in 0..STEPS_MAX {
            sender.advance(now, SENDER, &mut self.link)?;
            let mut said = Vec::new();
            for event in self.carry(now, group)? {
                sender.handle(now, SENDER, &event, &mut said);
            }
            if made && said.iter().any(|event| matches!(event, SenderEvent::Claimed { .. })) {
                return Ok((sender, recipient));
            }
        }
        Err("a connection was not made and claimed".into())
    }
}

/// What a client begins with: its lanes in the order of the groups, and its end of a conversation.
pub type Begun = (Vec<Lane>, End);

/// All clients, an even number. Client 2i + 1 has invited client 2i.
pub fn clients(
    now: Now,
    count: usize,
    groups: &mut [Group],
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Begun>, Failure> {
    let opened = groups.iter_mut().map(|group| Wire::open(now, group, rng));
    let mut wires = opened.collect::<Result<Vec<_>, _>>()?;
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count / 2 {
        clients.extend(pair(now, groups, &mut wires, rng)?);
    }
    for (wire, group) in wires.iter().zip(groups) {
        group.close(wire.id);
    }
    Ok(clients)
}

fn pair(
    now: Now,
    groups: &mut [Group],
    wires: &mut [Wire],
    rng: &mut ChaCha8Rng,
) -> Result<[Begun; 2], Failure> {
    let mut lanes = [Vec::new(), Vec::new()];
    let mut ways = [Vec::new(), Vec::new()];
    let mut descriptors = Vec::new();
    for (place, (group, wire)) in (0_u16..).zip(groups.iter_mut().zip(wires)) {
        let secrets: [_; 2] = core::array::from_fn(|_| ConnectionSecret::generate(rng));
        let [to_inviter, to_claimer] = &secrets;
        let (claimer_says, inviter_hears) = wire.make(now, to_inviter, group, rng)?;
        let (inviter_says, claimer_hears) = wire.make(now, to_claimer, group, rng)?;
        let [claimer, inviter] = &mut lanes;
        claimer.push(Lane::new(claimer_says, claimer_hears));
        inviter.push(Lane::new(inviter_says, inviter_hears));
        for (way, secret) in ways.iter_mut().zip(&secrets) {
            way.push(PartChain::new(&secret.part_chain(), 0));
        }
        let edge = Edge { host: "group.example".to_owned(), port: place + 1 };
        let server = Address { fingerprint: *group.fingerprint(), edge, tls: true };
        let descriptor = Descriptor { server, secret: to_claimer.clone(), base: 0 };
        descriptors.push(descriptor.to_bytes());
    }
    let hello = Hello { descriptors, vk: None, name: String::new(), standby: Vec::new() };
    let ends = End::meet(now, Shape::SEVEN_OF_TEN, hello, ways, rng)?;
    let ([claimer, inviter], [claims, invites]) = (ends, lanes);
    Ok([(claims, claimer), (invites, inviter)])
}
