//! Two ends, the connections between them, and what happens to them.

use std::collections::BTreeMap;

use edgewise_spec::frame::Class;
use edgewise_spec::message::Content;
use edgewise_spec::rotation::moving::{FollowerEvent, MoverEvent, MoverStep};
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::{Mode, Session};
use edgewise_spec::suite::Decapsulator;
use edgewise_spec::time::Now;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::end::{Crash, End};
use super::wire::{Wire, WireId};
use crate::vector::pattern;

pub const START: Now = Now::from_seconds(1_800_000_000);

#[derive(Clone, Debug)]
pub enum Event {
    Say,
    Flush,
    /// A connection is given some of its parts.
    Submit {
        which: usize,
        count: usize,
    },
    /// The first part of a connection is delivered; without an acknowledgement again later.
    Deliver {
        which: usize,
        count: usize,
        again: bool,
    },
    Begin {
        place: u8,
    },
    Create,
    Withdraw,
    Claim,
    /// The message move or moved is said again.
    Again,
    Forget {
        which: usize,
    },
    Down {
        which: usize,
        down: bool,
    },
}

pub struct World {
    pub ends: [End; 2],
    pub wires: BTreeMap<WireId, Wire>,
    count: u32,
}

impl World {
    /// Two ends that know one another, over n connections each way.
    pub fn new(n: u8, seed: u8) -> Self {
        Self::over(Shape::new(Class::Medium, 1, n).unwrap(), seed)
    }

    /// The same over the connections of any shape.
    pub fn over(shape: Shape, seed: u8) -> Self {
        let n = shape.n();
        let (secret, bundle) = (pattern("secret"), b"a bundle");
        let key = Decapsulator::from_seed(&pattern("bundle seed"));
        let mut rng = ChaCha20Rng::from_seed([seed; 32]);
        let (ek, mode) = (key.encapsulator(), Mode::Deniable);
        let claimer = Session::claim(&secret, bundle, &ek, shape, mode, START, &mut rng);
        let inviter = Session::invite(&secret, bundle, key, shape, mode);
        let wires = |name: &str| -> Vec<WireId> {
            (0..n).map(|place| pattern(&format!("{name} {place}"))).collect()
        };
        let (to_claimer, to_inviter) = (wires("to claimer"), wires("to inviter"));
        let end = |session, incoming: &[WireId], outgoing: &[WireId], seed: u8| {
            let rng = ChaCha20Rng::from_seed([seed; 32]);
            End::new(session, shape, incoming, outgoing, rng, START)
        };
        let claimer = end(claimer, &to_claimer, &to_inviter, seed ^ 0x40);
        let inviter = end(inviter, &to_inviter, &to_claimer, seed ^ 0x80);
        let both = to_claimer.iter().enumerate().chain(to_inviter.iter().enumerate());
        let wires = both.map(|(place, wire)| (*wire, Wire::claimed(place as u32))).collect();
        let mut world = Self { ends: [claimer, inviter], wires, count: 0 };
        for who in [0, 1] {
            world.run(who, &Event::Say, Crash::No);
            world.turn();
        }
        world
    }

    /// The place of an index in a list.
    fn pick<T: Copy>(list: &[T], which: usize) -> T {
        list[which % list.len()]
    }

    pub fn run(&mut self, who: usize, event: &Event, crash: Crash) {
        let end = &mut self.ends[who];
        match *event {
            Event::Say => {
                self.count += 1;
                let text = format!("text {}", self.count);
                end.plain.waiting.push_back(Content::Text(text.clone()));
                end.plain.accepted.push(text);
                end.flush(crash);
            }
            Event::Flush => end.flush(crash),
            Event::Submit { which, count } => {
                let lane = Self::pick(&end.serves(), which);
                self.submit(who, lane, count);
            }
            Event::Deliver { which, count, again } => {
                let lane = Self::pick(&end.listens(), which);
                self.deliver(who, lane, count, again, crash);
            }
            Event::Begin { place } => {
                end.begin(place % end.shape.n(), crash);
            }
            Event::Create => self.create(who, crash),
            Event::Withdraw => {
                if let MoverStep::Create(_) = end.mover.pending() {
                    end.made(MoverEvent::Withdrawn, crash);
                }
            }
            Event::Claim => self.claim(who, crash),
            Event::Again => {
                if let MoverStep::Ask { place, offer } = end.mover.pending() {
                    let said = end.plain.heard.len();
                    end.say_again(place, offer);
                    assert_eq!(said, end.plain.heard.len());
                    end.transact(crash);
                }
            }
            Event::Forget { which } => {
                let wires: Vec<_> = self.wires.keys().copied().collect();
                let wire = self.wires.get_mut(&Self::pick(&wires, which)).unwrap();
                if wire.exists && !wire.deleted {
                    wire.forget();
                }
            }
            Event::Down { which, down } => {
                let wires: Vec<_> = self.wires.keys().copied().collect();
                self.wires.get_mut(&Self::pick(&wires, which)).unwrap().down = down;
            }
        }
    }

    fn submit(&mut self, who: usize, lane: u32, count: usize) {
        let end = &mut self.ends[who];
        let out = &end.plain.out_lanes[&lane];
        let Some(wire) = self.wires.get_mut(&out.wire).filter(|wire| wire.is_up()) else { return };
        assert_eq!(wire.claimed, Some(out.key), "nothing is sent to what is not claimed");
        let (incarnation, through) = end.submitted.get(&lane).copied().unwrap_or_default();
        let through = if incarnation == wire.incarnation { through } else { 0 };
        let parts = end.plain.outbox.range((lane, through + 1)..=(lane, u32::MAX));
        for ((_, s), part) in parts.take(count) {
            wire.parts.push_back(part.clone());
            end.submitted.insert(lane, (wire.incarnation, *s));
        }
    }

    fn deliver(&mut self, who: usize, lane: u32, count: usize, again: bool, crash: Crash) {
        let end = &mut self.ends[who];
        let Some(id) = end.plain.lanes.get(&lane).filter(|lane| !lane.over).map(|it| it.wire)
        else {
            return;
        };
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| wire.is_up()) else { return };
        for _ in 0..count {
            let Some(part) = wire.parts.front() else { return };
            let stored = end.take(lane, part, crash);
            if !stored || again || crash == Crash::After {
                return;
            }
            wire.parts.pop_front();
            if !end.listens().contains(&lane) {
                return;
            }
        }
    }

    fn create(&mut self, who: usize, crash: Crash) {
        let end = &mut self.ends[who];
        let MoverStep::Create(lane) = end.mover.pending() else { return };
        let wire = end.plain.lanes[&lane].wire;
        self.wires.entry(wire).or_default().exists = true;
        end.made(MoverEvent::Created, crash);
    }

    fn claim(&mut self, who: usize, crash: Crash) {
        let end = &mut self.ends[who];
        let Some(claim) = end.follower.claim() else { return };
        let out = &end.plain.out_lanes[&claim.to];
        let now = end.direction();
        let event = match self.wires.get_mut(&out.wire).filter(|wire| wire.is_up()) {
            None => FollowerEvent::Unclaimed,
            Some(wire) => {
                let owner = *wire.claimed.get_or_insert(out.key);
                if owner == out.key { FollowerEvent::Claimed(now) } else { FollowerEvent::Conflict }
            }
        };
        let step = end.follower.handle(event);
        end.follow(step);
        end.transact(crash);
    }

    /// Connections that are to be deleted are; the sender is refused there, in the end for good.
    pub fn delete(&mut self) {
        for who in [0, 1] {
            let lanes = &mut self.ends[who].plain.lanes;
            let over: Vec<_> = lanes.iter().filter(|(_, it)| it.over).map(|it| *it.0).collect();
            for lane in over {
                let id = lanes[&lane].wire;
                let wire = self.wires.entry(id).or_default();
                (wire.deleted, wire.exists) = (true, true);
                wire.parts.clear();
                lanes.remove(&lane);
            }
        }
    }

    /// Everything that is under way arrives, as far as servers are up.
    pub fn turn(&mut self) {
        for _ in 0..6 {
            for who in [0, 1] {
                for event in [Event::Create, Event::Flush, Event::Claim, Event::Flush] {
                    self.run(who, &event, Crash::No);
                }
                for lane in self.ends[who].serves() {
                    self.submit(who, lane, usize::MAX);
                }
                for lane in self.ends[1 - who].listens() {
                    self.deliver(1 - who, lane, usize::MAX, false, Crash::No);
                }
            }
        }
    }
}
