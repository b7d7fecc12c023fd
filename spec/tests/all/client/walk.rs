//! Random walks: links are lost, memory is lost, commits roll back, clients crash, keys change.
//! Whatever happened, once it is over everything has arrived, in order.

use edgewise_spec::client::{RecipientEnd, SenderEnd};
use edgewise_spec::frame::Class;
use edgewise_spec::store::memory::MemoryStore;
use rand_core::Rng;

use super::world::{World, key};

struct Walk {
    world: World,
    pushed: u64,
    versions: [u32; 2],
    /// A state of the store, and the keys' versions at that time.
    snapshot: Option<(MemoryStore, [u32; 2])>,
}

impl Walk {
    fn step(&mut self) {
        let world = &mut self.world;
        match world.rng.next_u32() % 16 {
            0 => world.cut_sending(),
            1 => world.cut_receiving(),
            2 => world.lose_everything(),
            3 => self.snapshot = Some((world.server.store.clone(), self.versions)),
            4 => {
                // More changes than a chain carries cannot be made up for; one may have been under
                // way when the state was taken.
                let [sender, recipient] = self.versions;
                if let Some((snapshot, [before, earlier])) = self.snapshot.take()
                    && sender - before <= 2
                    && recipient - earlier <= 2
                {
                    world.server.fail_over(world.now, snapshot);
                }
            }
            5 => {
                // The sender's process dies: what it had stored is all that is left.
                world.cut_sending();
                world.sender = SenderEnd::new(world.sender.state().clone());
            }
            6 => {
                world.cut_receiving();
                world.recipient = RecipientEnd::new(world.recipient.state().clone());
            }
            7 => {
                self.versions[0] += 1;
                let new = key(100 + self.versions[0] as u8, self.versions[0]);
                let _ = world.sender.rotate(new);
            }
            8 => {
                self.versions[1] += 1;
                let new = key(180 + self.versions[1] as u8, self.versions[1]);
                let _ = world.recipient.rotate(new);
            }
            9 => world.acknowledges = !world.acknowledges,
            10 => {
                let on = world.rng.next_u32().is_multiple_of(2);
                world.recipient.suspend(on);
            }
            11 => {
                // The recipient's session says what has arrived: those parts are let go.
                let arrived = world.numbers().len() as u64;
                if arrived > 0 {
                    world.sender.release(arrived - 1);
                }
            }
            12 | 13 => {
                let more = u64::from(world.rng.next_u32() % 8);
                world.push(self.pushed..self.pushed + more);
                self.pushed += more;
            }
            _ => world.pass(5, 5),
        }
        if self.world.rng.next_u32().is_multiple_of(2) {
            self.world.send();
        }
        if self.world.rng.next_u32().is_multiple_of(2) {
            self.world.receive();
        }
    }
}

fn walk(seed: u64) {
    let world = World::ready(seed, Class::Small, 16);
    let mut walk = Walk { world, pushed: 0, versions: [0; 2], snapshot: None };
    for _ in 0..60 {
        walk.step();
        let numbers = walk.world.numbers();
        let in_order: Vec<u64> = (0..numbers.len() as u64).collect();
        assert_eq!(numbers, in_order, "seed {seed}: out of order");
    }
    let Walk { mut world, pushed, .. } = walk;
    world.acknowledges = true;
    world.recipient.suspend(false);
    world.recipient.subscribe_again();
    world.cut();
    world.pass(4_000, 50);
    let all: Vec<u64> = (0..pushed).collect();
    assert_eq!(
        world.numbers(),
        all,
        "seed {seed}: lost. sender {:?}, recipient {:?}",
        world.said.last(),
        world.told.last()
    );
    assert_eq!(world.server.store.stats().parts, 0, "seed {seed}: not acknowledged");
}

#[test]
fn nothing_is_lost_doubled_or_reordered() {
    for seed in 0..60 {
        walk(seed);
    }
}
