//! The sender's clauses.

use edgewise_spec::client::{Request, SenderEnd, SenderEvent, SenderState, Stopped};
use edgewise_spec::constants::{RESTORE_GRACE_DAYS, SPACE_RETRY_SECONDS};
use edgewise_spec::frame::Class;
use edgewise_spec::suite::SigningKey;

use super::world::{World, key};
use crate::world::server::START;

fn again(said: &[SenderEvent]) -> Vec<usize> {
    let again = |event: &SenderEvent| match event {
        SenderEvent::Attached { again } => Some(*again),
        _ => None,
    };
    said.iter().filter_map(again).collect()
}

/// CONNECTION-59: parts arrive in the order in which they were pushed, each once.
#[test]
fn parts_arrive_once_and_in_order() {
    for class in Class::ALL {
        let mut world = World::ready(1, class, 128);
        world.push(0..100);
        world.settle();
        assert_eq!(world.numbers(), (0..100).collect::<Vec<_>>());
        assert_eq!(world.said.last(), Some(&SenderEvent::Accepted { through: 99 }));
        assert_eq!(world.server.store.stats().parts, 0);
        let parts = world
            .told
            .iter()
            .filter(|told| matches!(told, edgewise_spec::client::RecipientEvent::Part { .. }));
        assert_eq!(parts.count(), 100);
    }
}

/// CONNECTION-60: what was accepted while the link was lost is not sent again, what was not is.
#[test]
fn after_a_lost_link_it_goes_on_where_the_server_stands() {
    let mut world = World::ready(2, Class::Small, 128);
    world.acknowledges = false;
    world.push(0..10);
    // The sends reach the server, their results do not come back.
    let wire = world.sending.last_mut().unwrap();
    world.sender.advance(world.now, 5, &mut wire.link).unwrap();
    for _ in 0..7 {
        let mut out = bytes::BytesMut::new();
        let _ = wire.link.poll_block(world.now, &mut out);
        world.server.handle_block(world.now, wire.id, out);
    }
    world.cut_sending();
    assert_eq!(world.server.store.stats().parts, 7);
    world.said.clear();
    world.send();
    assert_eq!(again(&world.said), [0]);
    assert_eq!(world.said[0], SenderEvent::Accepted { through: 6 });
    assert_eq!(world.server.store.stats().parts, 10);
    world.settle();
    assert_eq!(world.numbers(), (0..10).collect::<Vec<_>>());
}

/// The `from` of every Attach of the sender that the server has read.
fn froms(world: &mut World) -> Vec<u64> {
    let learned = world.server.learned.take().unwrap();
    let of_sender = learned.split("Attach(Attach").filter(|op| op.contains("role: Sender"));
    let from = of_sender.filter_map(|op| op.split_once(", from: ")?.1.split_once(','));
    from.map(|(from, _)| from.parse().unwrap()).collect()
}

/// CONNECTION-60: of ten submissions seven have reached the server and the answers to four have
/// come back, so that the fifth is the lowest without one.
#[test]
fn an_attach_names_the_lowest_submission_without_an_answer() {
    let mut world = World::ready(15, Class::Small, 128);
    world.acknowledges = false;
    world.push(0..10);
    let wire = world.sending.last_mut().unwrap();
    world.sender.advance(world.now, 5, &mut wire.link).unwrap();
    for n in 0..7 {
        let mut out = bytes::BytesMut::new();
        let _ = wire.link.poll_block(world.now, &mut out);
        world.server.handle_block(world.now, wire.id, out);
        let (Some(answer), _) = world.server.poll_block(world.now, wire.id) else { panic!() };
        let mut events = Vec::new();
        if n < 4 {
            wire.link.handle_block(world.now, answer, &mut events).unwrap();
        }
        for event in events {
            world.sender.handle(world.now, 5, &event, &mut world.said);
        }
    }
    // What is released is answered too, and lowers nothing.
    world.sender.release(1);
    world.cut_sending();
    world.server.learned = Some(String::new());
    world.send();
    assert_eq!(froms(&mut world), [4]);
    world.cut_sending();
    world.server.learned = Some(String::new());
    world.send();
    assert_eq!(froms(&mut world), [10], "all are answered: the next one is the lowest");
}

/// CONNECTION-61, CONNECTION-62: many sends are under way when the row is full. The sender goes
/// back once, and does not try again before there is room.
#[test]
fn at_a_full_row_it_goes_back_once_and_waits_for_space() {
    let mut world = World::ready(3, Class::Small, 16);
    world.acknowledges = false;
    world.push(0..40);
    world.settle();
    let full = |world: &World| world.counted(|said| *said == SenderEvent::Full);
    assert_eq!((full(&world), world.server.store.stats().parts), (1, 16));
    assert!(!world.send(), "nothing goes out while it is full");
    assert_eq!(world.sender.deadline(), Some(world.now.plus_seconds(SPACE_RETRY_SECONDS)));
    world.acknowledges = true;
    world.recipient.stored(16).unwrap();
    world.settle();
    world.pass(60, 5);
    assert_eq!(world.numbers(), (0..40).collect::<Vec<_>>());
    assert!(full(&world) <= 3, "{} refusals were acted on", full(&world));
    assert_eq!(world.said.last(), Some(&SenderEvent::Accepted { through: 39 }));
}

/// CONNECTION-62: without notice of space it tries again after SPACE_RETRY_SECONDS.
#[test]
fn without_notice_of_space_it_tries_again_in_time() {
    let mut world = World::ready(4, Class::Small, 16);
    world.acknowledges = false;
    world.push(0..17);
    world.settle();
    // The notice is lost with the link that it was due on.
    world.now = world.now.plus_seconds(SPACE_RETRY_SECONDS);
    world.said.clear();
    world.send();
    assert_eq!(world.said, [SenderEvent::Full]);
}

/// CONNECTION-63: a record that stands below what is kept can only be lifted by an attach.
#[test]
fn at_a_gap_below_what_is_kept_it_attaches_again() {
    let mut world = World::ready(5, Class::Small, 128);
    let before = world.server.store.clone();
    world.push(0..5);
    world.settle();
    world.sender.release(4);
    // A broken store: answered commits are lost, and the incarnation stays.
    world.server.store = before;
    world.cut_receiving();
    world.push(5..6);
    world.said.clear();
    world.settle();
    assert!(again(&world.said).is_empty(), "not at once: it backs off");
    world.pass(10, 1);
    assert_eq!(again(&world.said), [0]);
    assert_eq!(world.numbers(), (0..6).collect::<Vec<_>>());
}

/// CONNECTION-64: the server lost a claim that the recipient never heard of.
#[test]
fn a_claim_is_repeated_when_the_attach_is_refused() {
    let mut world = World::new(6, Class::Medium, 128);
    world.recipient.suspend(false);
    world.receive();
    world.cut_receiving();
    world.send();
    assert!(world.sender.is_attached());
    world.lose_everything();
    world.push(0..1);
    world.send();
    assert!(!world.sender.is_attached());
    // The recipient restores what it knows: a connection that nobody has claimed.
    assert!(world.recipient.state().sender_key.is_none());
    world.receive();
    world.pass(30, 1);
    let claims = world.counted(|said| matches!(said, SenderEvent::Claimed { .. }));
    assert_eq!(claims, 2);
    assert_eq!(world.numbers(), [0]);
}

/// CONNECTION-65: it goes on trying for RESTORE_GRACE_DAYS, ever less often, and then stops.
#[test]
fn it_gives_a_lost_connection_up_after_the_grace_and_not_before() {
    let mut world = World::ready(7, Class::Small, 128);
    world.lose_everything();
    world.recipient = idle(&world);
    let days = u64::from(RESTORE_GRACE_DAYS);
    let step = 600;
    while world.now < START.plus_seconds((days - 1) * 86_400) {
        world.now = world.now.plus_seconds(step);
        world.send();
    }
    let stopped = SenderEvent::Stopped(Stopped::Gone);
    assert_eq!(world.counted(|said| *said == stopped), 0);
    assert!(world.counted(|said| *said == SenderEvent::Unreachable) > 100);
    while world.now < START.plus_seconds((days + 1) * 86_400) {
        world.now = world.now.plus_seconds(step);
        world.send();
    }
    assert_eq!(world.said.last(), Some(&stopped));
    assert_eq!(world.sender.wants(), None);
}

/// A recipient that does nothing.
fn idle(world: &World) -> edgewise_spec::client::RecipientEnd {
    edgewise_spec::client::RecipientEnd::new(world.recipient.state().clone())
}

/// CONNECTION-66: after a loss of memory every kept part is handed in again, in order, under new
/// submissions; what was released is not.
#[test]
fn after_a_loss_of_memory_every_kept_part_is_submitted_again() {
    let mut world = World::ready(8, Class::Small, 128);
    world.push(0..10);
    world.settle();
    world.sender.release(3);
    world.lose_everything();
    world.said.clear();
    world.stored.clear();
    world.pass(30, 1);
    assert_eq!(again(&world.said), [6]);
    assert_eq!(world.numbers(), (4..10).collect::<Vec<_>>());
    assert_eq!(world.said.last(), Some(&SenderEvent::Accepted { through: 9 }));
    assert_eq!(world.sender.state().outbox.next_number(), 10);
}

/// CONNECTION-66: the same after a failover that rolls an answered append back.
#[test]
fn after_a_failover_every_kept_part_is_submitted_again() {
    let mut world = World::ready(9, Class::Small, 128);
    world.acknowledges = false;
    world.push(0..4);
    world.settle();
    let snapshot = world.server.store.clone();
    world.push(4..8);
    world.settle();
    world.stored.clear();
    world.server.fail_over(world.now, snapshot);
    world.push(8..9);
    world.acknowledges = true;
    world.pass(30, 1);
    assert_eq!(world.numbers(), (0..9).collect::<Vec<_>>());
}

/// CONNECTION-64: somebody else was first.
#[test]
fn a_conflict_ends_the_end_and_the_recipient_is_told() {
    let mut world = World::ready(10, Class::Medium, 128);
    let claim = SigningKey::from_seed(&[3; 32]);
    world.cut_sending();
    world.sender = SenderEnd::new(SenderState::new(claim, key(99, 0)));
    world.settle();
    assert_eq!(world.said.last(), Some(&SenderEvent::Stopped(Stopped::Conflict)));
    let conflict = edgewise_spec::client::RecipientEvent::Conflict;
    assert_eq!(world.told.iter().filter(|told| **told == conflict).count(), 1);
}

/// ROTATION-16: both keys are kept until an attach under the new one has succeeded.
#[test]
fn both_keys_are_kept_until_an_attach_under_the_new_one() {
    let mut world = World::ready(11, Class::Small, 128);
    world.sender.rotate(key(50, 1)).unwrap();
    assert_eq!(world.sender.state().keys.before().unwrap().record().version, 0);
    // The rotation reaches the server; its answer does not come back.
    let wire = world.sending.last_mut().unwrap();
    world.sender.advance(world.now, 5, &mut wire.link).unwrap();
    let mut out = bytes::BytesMut::new();
    let _ = wire.link.poll_block(world.now, &mut out);
    world.server.handle_block(world.now, wire.id, out);
    world.cut_sending();
    assert!(world.sender.state().keys.before().is_some());
    world.push(0..3);
    world.settle();
    assert!(world.sender.state().keys.before().is_none());
    assert_eq!(world.counted(|said| *said == SenderEvent::KeyConfirmed), 1);
    assert_eq!(world.numbers(), [0, 1, 2]);
    // The recipient knows the new key, and can restore with it.
    assert_eq!(world.recipient.state().sender_key.unwrap().version, 1);
}

/// ROTATION-16: the rotation never reached the server, which learns of it by the chain.
#[test]
fn a_rotation_that_was_lost_is_made_up_by_the_chain() {
    let mut world = World::ready(12, Class::Small, 128);
    world.sender.rotate(key(50, 1)).unwrap();
    world.cut_sending();
    world.push(0..1);
    world.settle();
    assert!(world.sender.state().keys.before().is_none());
    assert_eq!(world.numbers(), [0]);
}

/// ROTATION-17: a failover takes the server back by three changes of key, and no more.
#[test]
fn the_chain_makes_up_for_three_lost_changes() {
    let mut world = World::ready(13, Class::Small, 128);
    let snapshot = world.server.store.clone();
    for version in 1..=3 {
        world.sender.rotate(key(50 + version as u8, version)).unwrap();
        world.settle();
        assert!(world.sender.state().keys.before().is_none());
    }
    assert_eq!(world.sender.state().keys.chain().len(), 3);
    world.server.fail_over(world.now, snapshot);
    world.push(0..1);
    world.pass(30, 1);
    assert_eq!(world.numbers(), [0]);
    world.sender.rotate(key(60, 4)).unwrap();
    world.settle();
    assert_eq!(world.sender.state().keys.chain().len(), 3);
}

/// FRAME-20, LINK-46: tags in one block differ, and never more than REQUESTS_MAX are unanswered.
#[test]
fn no_more_requests_than_the_most_are_under_way() {
    let mut world = World::ready(14, Class::Small, 512);
    world.acknowledges = false;
    world.push(0..200);
    let wire = world.sending.last_mut().unwrap();
    world.sender.advance(world.now, 5, &mut wire.link).unwrap();
    assert_eq!(wire.link.room(), 1, "one is left for what else may be asked");
    wire.link.submit(1, Request::Detach { handle: 9 }).unwrap();
    let refused = wire.link.submit(2, Request::Detach { handle: 9 });
    assert_eq!(refused, Err(edgewise_spec::error::Misuse::TooManyRequests));
    world.acknowledges = true;
    world.settle();
    world.cut_receiving();
    world.settle();
    assert_eq!(world.numbers().len(), 200);
    assert_eq!(world.recipient.state().sender_key.unwrap().version, 0);
}
