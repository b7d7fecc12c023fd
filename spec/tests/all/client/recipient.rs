//! The recipient's clauses.

use edgewise_proto::v1::State;
use edgewise_spec::client::{RecipientEnd, RecipientEvent, Stopped};
use edgewise_spec::error::{Misuse, Reject};
use edgewise_spec::frame::Class;

use super::world::{Wire, World, key};

fn told(world: &World, wanted: &RecipientEvent) -> usize {
    world.told.iter().filter(|told| *told == wanted).count()
}

/// CONNECTION-67: told that the server does not know the connection, it restores it, with the
/// sender's key that it stored.
#[test]
fn a_lost_connection_is_restored_in_its_state() {
    for suspended in [false, true] {
        let mut world = World::ready(21, Class::Small, 128);
        world.recipient.suspend(suspended);
        world.settle();
        world.lose_everything();
        world.told.clear();
        world.receive();
        assert!(world.recipient.is_subscribed());
        assert_eq!(told(&world, &RecipientEvent::Created), 1);
        let state = if suspended { State::Suspended } else { State::Claimed };
        assert_eq!(told(&world, &RecipientEvent::Subscribed(state)), 1);
    }
}

/// CONNECTION-67, ROTATION-17: between the refusal of an Attach and the Create a server comes back
/// that knows the connection under the key before the last change. The chain of the Create makes
/// up for it.
#[test]
fn a_restoring_create_carries_the_changes_that_the_server_missed() {
    let mut world = World::ready(29, Class::Small, 128);
    let before = world.server.store.clone();
    world.recipient.rotate(key(62, 1)).unwrap();
    world.settle();
    assert!(world.recipient.state().keys.before().is_none());
    world.lose_everything();
    world.told.clear();
    // The refusals, of the newest key alone and with its chain, up to the Create.
    let class = world.recipient.wants().unwrap();
    let mut wire = Wire::open(&mut world.server, class, world.now, &mut world.rng);
    let mut events = wire.carry(&mut world.server, world.now);
    for _ in 0..2 {
        world.recipient.advance(world.now, 6, None, &mut wire.link).unwrap();
        events.extend(wire.carry(&mut world.server, world.now));
        for event in events.drain(..) {
            world.recipient.handle(world.now, 6, &event, &mut world.told);
        }
    }
    assert_eq!(world.server.store.stats().connections, 0);
    world.server.store = before;
    world.receiving.push(wire);
    world.receive();
    assert_eq!(told(&world, &RecipientEvent::Created), 1);
    assert!(world.recipient.is_subscribed(), "{:?}", world.told);
    assert_eq!(world.server.store.stats().connections, 1);
}

/// CONNECTION-67: one that is deleted stays deleted.
#[test]
fn a_deleted_connection_is_not_restored() {
    let mut world = World::ready(22, Class::Small, 128);
    let state = world.recipient.state().clone();
    world.recipient.delete();
    world.settle();
    assert_eq!(world.told.last(), Some(&RecipientEvent::Stopped(Stopped::Deleted)));
    world.cut_receiving();
    world.recipient = RecipientEnd::new(state);
    world.receive();
    assert_eq!(world.told.last(), Some(&RecipientEvent::Stopped(Stopped::Gone)));
}

/// CONNECTION-68: nothing is acknowledged before the sender's key is stored.
#[test]
fn the_senders_key_is_stored_before_anything_is_acknowledged() {
    let mut world = World::new(23, Class::Small, 128);
    world.stores_keys = false;
    world.receive();
    world.push(0..3);
    world.settle();
    assert_eq!(world.numbers(), [0, 1, 2]);
    assert_eq!(world.server.store.stats().parts, 3);
    assert_eq!(world.recipient.stored(3), Err(Misuse::SenderKeyNotStored));
    world.settle();
    assert_eq!(world.server.store.stats().parts, 3);
    world.recipient.sender_key_stored();
    world.recipient.stored(3).unwrap();
    world.settle();
    assert_eq!(world.server.store.stats().parts, 0);
}

/// CONNECTION-68: a part that was said to be stored waits for the key that was told meanwhile.
#[test]
fn an_acknowledgement_waits_for_a_key_told_meanwhile() {
    let mut world = World::ready(24, Class::Small, 128);
    world.stores_keys = false;
    world.acknowledges = false;
    world.push(0..1);
    world.settle();
    world.recipient.stored(1).unwrap();
    world.sender.rotate(key(50, 1)).unwrap();
    world.send();
    // The notice of the new key comes before the next block of this end goes out.
    let wire = world.receiving.last_mut().unwrap();
    let mut events = wire.carry(&mut world.server, world.now);
    for event in events.drain(..) {
        world.recipient.handle(world.now, 6, &event, &mut world.told);
    }
    world.settle();
    assert_eq!(world.server.store.stats().parts, 1);
    world.recipient.sender_key_stored();
    world.settle();
    assert_eq!(world.server.store.stats().parts, 0);
}

/// CONNECTION-69: told that another link has subscribed, it does not take the subscription back.
#[test]
fn a_replaced_end_does_not_subscribe_again_by_itself() {
    let mut world = World::ready(25, Class::Small, 128);
    let other = RecipientEnd::new(world.recipient.state().clone());
    let first = std::mem::replace(&mut world.recipient, other);
    let wires = std::mem::take(&mut world.receiving);
    world.receive();
    assert!(world.recipient.is_subscribed());
    let second = std::mem::replace(&mut world.recipient, first);
    let others = std::mem::replace(&mut world.receiving, wires);
    world.receive();
    assert_eq!(told(&world, &RecipientEvent::Replaced), 1);
    assert_eq!(world.recipient.wants(), None);
    world.pass(3_600, 60);
    assert!(!world.recipient.is_subscribed());
    world.recipient.subscribe_again();
    world.receive();
    assert!(world.recipient.is_subscribed());
    drop((second, others));
}

/// ROTATION-16, for a recipient: the answer to a rotation is lost.
#[test]
fn a_recipient_keeps_both_keys_too() {
    let mut world = World::ready(26, Class::Small, 128);
    world.recipient.rotate(key(60, 1)).unwrap();
    world.cut_receiving();
    assert_eq!(world.recipient.rotate(key(61, 2)), Err(Misuse::ChangePending));
    world.settle();
    assert!(world.recipient.is_subscribed());
    assert!(world.recipient.state().keys.before().is_none());
    assert_eq!(told(&world, &RecipientEvent::KeyConfirmed), 1);
    world.recipient.rotate(key(61, 2)).unwrap();
    world.push(0..2);
    world.settle();
    assert!(world.recipient.is_subscribed());
    assert_eq!(world.numbers(), [0, 1]);
}

/// ROTATION-16: the server refuses the new key, and the one before goes on.
#[test]
fn a_key_that_is_refused_leaves_the_one_before() {
    let mut world = World::ready(27, Class::Small, 128);
    let early = edgewise_spec::client::Lifetime {
        not_before: world.now.hour() + 5,
        not_after: world.now.hour() + 50,
        grace: 0,
    };
    let signing = edgewise_spec::suite::SigningKey::from_seed(&[70; 32]);
    world.recipient.rotate(edgewise_spec::client::Key::new(signing, 1, early)).unwrap();
    world.push(0..1);
    world.settle();
    assert_eq!(told(&world, &RecipientEvent::KeyRefused(Reject::Terms)), 1);
    assert_eq!(world.recipient.state().keys.newest().record().version, 0);
    world.cut();
    world.push(1..2);
    world.settle();
    assert_eq!(world.numbers(), [0, 1]);
}

/// A recipient that was suspended takes nothing, and the sender waits.
#[test]
fn suspended_and_resumed() {
    let mut world = World::ready(28, Class::Small, 128);
    world.recipient.suspend(true);
    world.receive();
    world.push(0..3);
    world.settle();
    assert!(world.numbers().is_empty());
    assert_eq!(told(&world, &RecipientEvent::Suspended(true)), 1);
    world.recipient.suspend(false);
    world.pass(20, 5);
    assert_eq!(world.numbers(), [0, 1, 2]);
    assert_eq!(told(&world, &RecipientEvent::Suspended(false)), 1);
}
