//! Random walks: both ends talk and move, servers forget and are away, clients crash wherever
//! something is stored. In the end everything has arrived, once, in order.

use edgewise_spec::frame::Class;
use edgewise_spec::message::Content;
use edgewise_spec::rotation::moving::{FollowerEvent, MoverEvent, MoverStep};
use edgewise_spec::scatter::Shape;
use proptest::prelude::*;

use super::end::Crash;
use super::world::{Event, World};
use crate::vector::pattern;

impl World {
    /// Servers are reached again, clients crash no more, and everything comes to its end.
    fn drain(&mut self, dead: Option<[u8; 32]>) {
        for (id, wire) in &mut self.wires {
            wire.down = dead == Some(*id);
        }
        for _ in 0..8 {
            self.turn();
            self.delete();
            for who in [0, 1] {
                let end = &self.ends[who];
                let MoverStep::Ask { place, offer } = end.mover.pending() else { continue };
                // Its answer is lost with a server, or the new server is: superseded.
                if dead == Some(end.plain.lanes[&offer.lane].wire) {
                    self.run(who, &Event::Begin { place }, Crash::No);
                }
            }
            self.give_up();
        }
    }

    /// The sender is refused where its recipient has deleted, for as long as it tries.
    fn give_up(&mut self) {
        for end in &mut self.ends {
            let lanes: Vec<_> = end.follower.lanes().collect();
            for lane in lanes {
                let wire = end.plain.out_lanes[&lane].wire;
                if self.wires[&wire].deleted {
                    let step = end.follower.handle(FollowerEvent::Gone(lane));
                    end.follow(step);
                    end.transact(Crash::No);
                }
            }
        }
    }

    /// What holds once nothing is under way.
    fn audit(&mut self) {
        for who in [0, 1] {
            self.run(who, &Event::Say, Crash::No);
            self.turn();
        }
        let lanes = self.ends.iter().flat_map(|end| end.plain.lanes.values());
        let used: Vec<_> = lanes.map(|lane| lane.wire).collect();
        // What was left is deleted.
        let mut others = self.wires.iter().filter(|(id, _)| !used.contains(id));
        assert!(others.all(|(_, wire)| wire.deleted || !wire.exists));
        for who in [0, 1] {
            let (from, to) = (&self.ends[who], &self.ends[1 - who]);
            let heard = to.plain.heard.values().filter_map(|content| match content {
                Some(Content::Text(text)) => Some(text.clone()),
                _ => None,
            });
            assert_eq!(
                heard.collect::<Vec<_>>(),
                from.plain.accepted,
                "lost, doubled or reordered"
            );
            assert!(from.plain.waiting.is_empty());
            assert!(to.plain.held.is_empty(), "parts of a cell that was not opened");
            // No move is under way, and nothing is left of one.
            assert_eq!(to.mover.pending(), MoverStep::Nothing);
            assert_eq!(to.mover.lanes().count(), 0, "{:?}", to.mover);
            assert_eq!(from.follower.lanes().count(), 0, "{:?}", from.follower);
            assert!(from.follower.claim().is_none());
            assert!(from.follower.kept().is_empty());
            assert_eq!(from.plain.out_lanes.len(), from.plain.out_places.len());
            assert_eq!(to.plain.lanes.len(), to.plain.places.len());
            for (lane, out) in to.plain.places.iter().zip(&from.plain.out_places) {
                let wire = to.plain.lanes[lane].wire;
                assert_eq!(wire, from.plain.out_lanes[out].wire, "both ends use one connection");
                assert!(!self.wires[&wire].deleted);
            }
        }
    }
}

fn crash() -> impl Strategy<Value = Crash> {
    prop_oneof![8 => Just(Crash::No), 1 => Just(Crash::Before), 1 => Just(Crash::After)]
}

fn event() -> impl Strategy<Value = Event> {
    let which = || any::<u8>().prop_map(usize::from);
    prop_oneof![
        6 => Just(Event::Say),
        2 => Just(Event::Flush),
        8 => (which(), 1..4_usize).prop_map(|(which, count)| Event::Submit { which, count }),
        10 => (which(), 1..4_usize, prop::bool::weighted(0.2))
            .prop_map(|(which, count, again)| Event::Deliver { which, count, again }),
        2 => any::<u8>().prop_map(|place| Event::Begin { place }),
        3 => Just(Event::Create),
        1 => Just(Event::Withdraw),
        4 => Just(Event::Claim),
        1 => Just(Event::Again),
        1 => which().prop_map(|which| Event::Forget { which }),
        1 => (which(), any::<bool>()).prop_map(|(which, down)| Event::Down { which, down }),
    ]
}

fn walk(n: u8, seed: u8, death: Option<usize>, events: &[(usize, Event, Crash)]) {
    walk_over(Shape::new(Class::Medium, 1, n).unwrap(), seed, death, events);
}

fn walk_over(shape: Shape, seed: u8, death: Option<usize>, events: &[(usize, Event, Crash)]) {
    let mut world = World::over(shape, seed);
    let dead = death.map(|_| pattern("to inviter 0"));
    for (count, (who, event, crash)) in events.iter().enumerate() {
        if let Some(dead) = dead.filter(|_| death.is_some_and(|death| count >= death)) {
            world.wires.get_mut(&dead).unwrap().down = true;
        }
        world.run(*who, event, *crash);
    }
    world.drain(dead);
    world.audit();
}

fn events() -> impl Strategy<Value = Vec<(usize, Event, Crash)>> {
    prop::collection::vec((0..2_usize, event(), crash()), 1..160)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..Default::default() })]

    #[test]
    fn one_connection_moves_and_nothing_is_lost(seed: u8, events in events()) {
        walk(1, seed, None, &events);
    }

    /// One server may die for good: the others have everything.
    #[test]
    fn one_of_three_moves_and_nothing_is_lost(
        seed: u8,
        death in prop::option::of(0..60_usize),
        events in events(),
    ) {
        walk(3, seed, death, &events);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..Default::default() })]

    /// Four of five join, and one server may die for good.
    #[test]
    fn one_of_four_of_five_moves_and_nothing_is_lost(
        seed: u8,
        death in prop::option::of(0..60_usize),
        events in events(),
    ) {
        walk_over(Shape::new(Class::Small, 4, 5).unwrap(), seed, death, &events);
    }
}

/// ROTATION-34: the new connection is quicker than the old one, whose server then forgets or dies.
#[test]
fn what_was_under_way_when_it_moved_is_kept() {
    for n in [1, 3] {
        let mut world = World::new(n, 3);
        for _ in 0..3 {
            world.run(0, &Event::Say, Crash::No);
        }
        // The inviter moves place 0; what the claimer said before is not handed in anywhere.
        world.run(1, &Event::Begin { place: 0 }, Crash::No);
        world.run(1, &Event::Create, Crash::No);
        world.run(1, &Event::Flush, Crash::No);
        world.run(1, &Event::Submit { which: 0, count: 9 }, Crash::No);
        world.run(0, &Event::Deliver { which: 0, count: 9, again: false }, Crash::No);
        world.run(0, &Event::Claim, Crash::No);
        world.run(0, &Event::Flush, Crash::No);
        world.run(0, &Event::Submit { which: 0, count: 9 }, Crash::No);
        let new = world.ends[1].listens().len() - 1;
        world.run(1, &Event::Deliver { which: new, count: 9, again: false }, Crash::No);
        let new = world.ends[1].plain.places[0];
        assert!(new > 1_000, "the answer came over the new connection");
        assert_eq!(world.ends[1].mover.lanes().count(), 1);
        // The claimer hears that its answer was opened, and keeps what it said before.
        world.run(1, &Event::Say, Crash::No);
        world.run(1, &Event::Submit { which: 0, count: 9 }, Crash::No);
        world.run(0, &Event::Deliver { which: 0, count: 9, again: false }, Crash::No);
        assert_eq!(world.ends[0].session.acknowledged(), world.ends[0].session.sealed());
        // Of one server that forgets all is given again; of three the old one may not come back.
        let old = pattern("to inviter 0");
        world.wires.get_mut(&old).unwrap().forget();
        world.drain((n == 3).then_some(old));
        world.audit();
    }
}

/// SESSION-43: the only server of a direction is dead, with all that its sender may seal.
#[test]
fn an_end_at_its_limit_gets_away_from_a_dead_server() {
    let mut world = World::new(1, 4);
    let dead = pattern("to inviter 0");
    world.wires.get_mut(&dead).unwrap().down = true;
    while world.ends[0].session.room() > 0 {
        world.run(0, &Event::Say, Crash::No);
    }
    world.run(0, &Event::Say, Crash::No);
    assert_eq!(world.ends[0].plain.waiting.len(), 1, "it waits for room");
    world.run(1, &Event::Begin { place: 0 }, Crash::No);
    world.turn();
    assert!(world.ends[1].plain.places[0] > 1_000, "the place has moved");
    assert!(world.ends[0].plain.waiting.is_empty(), "and what waited was sealed");
    // The old connection is waited for, until no cell of it would open.
    assert_eq!(world.ends[1].mover.lanes().count(), 1);
    let end = &mut world.ends[1];
    end.now = end.now.plus_seconds(168 * 3_600);
    end.session = end.session.expired(end.now).unwrap();
    let awaited = MoverEvent::Awaited(end.session.awaited());
    let step = end.mover.handle(awaited).unwrap();
    assert!(matches!(step, MoverStep::Delete(lanes) if lanes[..] == [0]));
}
