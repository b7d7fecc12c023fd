//! Sessions that are lost, and those that take their place.

use std::time::{Duration, Instant};

use edgewise_client::messenger::{
    Accept, ContactView, Event, Invite, MessageView, Reach, Said, Say,
};
use edgewise_client::store::{ContactId, Delivery, Direction, End, Store, Verified};
use edgewise_client::{Client, Clock, Sender, SenderEvent, SenderState};
use edgewise_spec::constants::{
    RESTORE_GRACE_DAYS, STANDBY_DELAY_SECONDS, STANDBY_RENEW_DAYS, STANDBY_TURN_HOURS,
};
use edgewise_spec::link::IdentityKey;
use edgewise_spec::session::Mode;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{LONG, Person, kill, meet, options, store_options, unlock};
use crate::link::key;
use crate::server::{Config, TestServer};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Two who talk over the server a, and have another one, b; one clock for all.
struct World {
    clock: Clock,
    a: Option<TestServer>,
    b: Option<TestServer>,
    ann: Person,
    bobs: ContactId,
    bob: Person,
    anns: ContactId,
}

async fn server(clock: &Clock, seed: u8) -> TestServer {
    let (clock, epoch_seconds) = (clock.clone(), 500 * 86_400);
    let config = Config { clock, epoch_seconds, ..Config::default() };
    TestServer::start_as(&IdentityKey::from_seed(&[seed; 32]), config).await
}

impl World {
    async fn new() -> Self {
        Self::of(Invite::default()).await
    }

    async fn of(invite: Invite) -> Self {
        let clock = Clock::default();
        let (a, b) = (server(&clock, 1).await, server(&clock, 2).await);
        let servers = [a.address.clone(), b.address.clone()];
        let mut ann = Person::with_clock("Ann", &servers, clock.clone()).await;
        let mut bob = Person::with_clock("Bob", &servers, clock.clone()).await;
        let (bobs, anns) = meet(&mut ann, &mut bob, invite).await;
        let mut world = Self { clock, a: Some(a), b: Some(b), ann, bobs, bob, anns };
        world.talk("at first").await;
        world
    }

    /// One that has standbys, given both ways.
    async fn with_standbys() -> Self {
        let world = Self::new().await;
        world.give().await;
        world
    }

    async fn give(&self) {
        let start = Instant::now();
        self.clock.advance_millis(2_000 * STANDBY_DELAY_SECONDS + MINUTE);
        until("standbys are given both ways", async || {
            // A server that is dead is given up after an hour.
            if start.elapsed() > Duration::from_secs(4) {
                self.clock.advance_millis(20 * MINUTE);
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            self.anns_view().await.standby && self.bobs_view().await.standby
        })
        .await;
    }

    /// Both say something, and hear it.
    async fn talk(&mut self, what: &str) {
        self.ann.say(self.bobs, &format!("{what}, Bob")).await;
        self.bob.heard_text(&format!("{what}, Bob")).await;
        self.bob.say(self.anns, &format!("{what}, Ann")).await;
        self.ann.heard_text(&format!("{what}, Ann")).await;
    }

    /// What Ann sees of Bob.
    async fn bobs_view(&self) -> ContactView {
        self.ann.messenger.contact(self.bobs).await.unwrap()
    }

    /// What Bob sees of Ann.
    async fn anns_view(&self) -> ContactView {
        self.bob.messenger.contact(self.anns).await.unwrap()
    }

    /// The server a is gone, and both have seen it.
    async fn lose_a(&mut self) {
        self.a = None;
        until("both see it", async || {
            self.clock.advance_millis(6 * MINUTE);
            tokio::time::sleep(Duration::from_secs(2)).await;
            let views = [self.anns_view().await, self.bobs_view().await];
            views.iter().all(|view| view.connections.iter().all(|it| !it.up))
        })
        .await;
    }

    /// A time without a look, and one of patience behind it.
    async fn later(&self, millis: u64) {
        self.clock.advance_millis(millis);
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        self.clock.advance_millis(11 * MINUTE);
        tokio::time::sleep(Duration::from_millis(2_500)).await;
    }

    async fn renewed(&mut self) {
        for (person, contact) in [(&mut self.ann, self.bobs), (&mut self.bob, self.anns)] {
            person.wait(|event| (*event == Event::Renewed(contact)).then_some(())).await;
        }
    }

    async fn safety(&self) -> [String; 2] {
        let ann = self.ann.messenger.safety_number(self.bobs).await.unwrap().unwrap();
        let bob = self.bob.messenger.safety_number(self.anns).await.unwrap().unwrap();
        [ann.number, bob.number]
    }

    fn connections(&self) -> [usize; 2] {
        [&self.a, &self.b].map(|server| server.as_ref().map_or(0, |server| server.connections()))
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("not so: {what}"));
}

/// All that a person has said to a contact, or heard, the oldest first.
async fn said(person: &Person, contact: ContactId, way: Direction) -> Vec<MessageView> {
    let page = person.messenger.history(contact, None, 1_000).await.unwrap();
    let mut said = page.messages;
    said.retain(|view| view.direction == way && !matches!(view.said, Said::Notice(_)));
    said.reverse();
    said
}

async fn texts(person: &Person, contact: ContactId, way: Direction) -> Vec<String> {
    let said = said(person, contact, way).await.into_iter();
    said.map(|view| match view.said {
        Said::Text(text) => text,
        other => panic!("{other:?} where a text was expected"),
    })
    .collect()
}

async fn notices(person: &Person, contact: ContactId) -> Vec<String> {
    let page = person.messenger.history(contact, None, 1_000).await.unwrap();
    let notice = |view: MessageView| match view.said {
        Said::Notice(text) => Some(text),
        _ => None,
    };
    page.messages.into_iter().filter_map(notice).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_returns_is_replaced_by_the_standby() {
    let mut world = World::with_standbys().await;
    assert_eq!(world.connections(), [2, 2], "the standbys are on the other server");
    world.talk("still on a").await;
    world.ann.messenger.verify(world.bobs, true).await.unwrap();
    world.bob.messenger.verify(world.anns, true).await.unwrap();
    let before = world.safety().await;
    world.lose_a().await;
    world.ann.say(world.bobs, "waits for Bob").await;
    let own = world.bob.say(world.anns, "waits for Ann").await;
    let edit = Say::Edit { of: own, text: "waits, Ann".to_owned() };
    world.bob.messenger.send(world.anns, edit).await.unwrap();
    world.clock.advance_millis(u64::from(RESTORE_GRACE_DAYS) * DAY - 2 * DAY);
    assert_eq!(world.bobs_view().await.reach, Reach::Ready, "not yet");
    world.clock.advance_millis(2 * DAY + MINUTE);
    assert_eq!(world.bobs_view().await.reach, Reach::Lost);
    assert_eq!(world.anns_view().await.reach, Reach::Lost);
    // The device may have slept all that time: the server has a little while to answer.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(world.anns_view().await.reach, Reach::Lost);
    let clock = world.clock.clone();
    let time = tokio::spawn(async move {
        loop {
            clock.advance_millis(11 * MINUTE);
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    });
    world.renewed().await;
    time.abort();
    world.bob.heard_text("waits for Bob").await;
    world.ann.heard_text("waits, Ann").await;
    world.talk("on b").await;
    let to_bob = ["at first, Bob", "still on a, Bob", "waits for Bob", "on b, Bob"];
    let to_ann = ["at first, Ann", "still on a, Ann", "waits, Ann", "on b, Ann"];
    assert_eq!(texts(&world.bob, world.anns, Direction::Received).await, to_bob);
    assert_eq!(texts(&world.ann, world.bobs, Direction::Sent).await, to_bob);
    assert_eq!(texts(&world.ann, world.bobs, Direction::Received).await, to_ann);
    assert_eq!(texts(&world.bob, world.anns, Direction::Sent).await, to_ann);
    let after = world.safety().await;
    assert_eq!(after[0], after[1]);
    assert_ne!(after[0], before[0]);
    // INVITATION-60
    for view in [world.bobs_view().await, world.anns_view().await] {
        assert_eq!((view.reach, view.verified), (Reach::Ready, Verified::No));
    }
    let told = |text: &String| text.contains("compare it again");
    assert!(notices(&world.ann, world.bobs).await.iter().any(told));
    assert!(notices(&world.bob, world.anns).await.iter().any(told));
    // Each has but one, and of a there is nothing left to look for.
    assert_eq!(world.bob.messenger.contacts(world.bob.profile).await.unwrap().len(), 1);
    assert_eq!(world.ann.messenger.contacts(world.ann.profile).await.unwrap().len(), 1);
    let b = world.b.as_ref().map(|server| server.address.clone());
    for view in [world.anns_view().await, world.bobs_view().await] {
        let servers: Vec<_> = view.connections.into_iter().map(|it| Some(it.server)).collect();
        assert_eq!(servers, [b.clone(), b.clone()]);
    }
    world.give().await;
    world.talk("with new standbys").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_renews_and_nothing_of_the_old_session_stays() {
    let mut world = World::with_standbys().await;
    for (round, anns) in [false, true].into_iter().enumerate() {
        let before = world.safety().await;
        if anns {
            world.ann.messenger.renew(world.bobs).await.unwrap();
        } else {
            world.bob.messenger.renew(world.anns).await.unwrap();
        }
        world.renewed().await;
        let refused = world.ann.messenger.renew(world.bobs).await.unwrap_err();
        assert!(refused.to_string().contains("no standby invitation yet"), "{refused}");
        world.talk(&format!("round {round}")).await;
        let after = world.safety().await;
        assert_eq!(after[0], after[1]);
        assert_ne!(before[0], after[0]);
        until("the old session's connections are deleted", async || {
            world.connections().iter().sum::<usize>() == 2
        })
        .await;
        assert_eq!(world.anns_view().await.connections.len(), 2);
        assert!(world.ann.messenger.invitations(world.ann.profile).await.unwrap().is_empty());
        (world.ann, world.bob) = (world.ann.restart().await, world.bob.restart().await);
        world.talk(&format!("round {round} again")).await;
        // INVITATION-51: what was used is replaced.
        world.give().await;
    }
}

/// Whoever decides, both end in one session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_renew_at_once() {
    let mut world = World::with_standbys().await;
    for round in 0..4_u64 {
        let (ann, bob) = (world.ann.messenger.clone(), world.bob.messenger.clone());
        let (bobs, anns) = (world.bobs, world.anns);
        world.ann.say(bobs, &format!("before {round}, Bob")).await;
        let pause = Duration::from_millis(round * 15);
        let later = async {
            tokio::time::sleep(pause).await;
            bob.renew(anns).await
        };
        let (first, _) = tokio::join!(ann.renew(bobs), later);
        first.unwrap();
        world.renewed().await;
        until("both have one session", async || {
            let [ann, bob] = world.safety().await;
            ann == bob && world.connections().iter().sum::<usize>() == 2
        })
        .await;
        world.bob.say(anns, &format!("before {round}, Ann")).await;
        world.talk(&format!("after {round}")).await;
        let expected: Vec<String> = (0..=round)
            .flat_map(|n| [format!("before {n}, Bob"), format!("after {n}, Bob")])
            .collect();
        let heard = texts(&world.bob, anns, Direction::Received).await;
        assert_eq!(heard[1..], expected, "each once");
        world.give().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_replaced_before_it_ends() {
    let mut world = World::with_standbys().await;
    let (mut days, mut replaced) = (0, None);
    while days < 380 {
        world.clock.advance_millis(20 * DAY);
        days += 20;
        world.talk(&format!("day {days}")).await;
        if replaced.is_none() && 366 - days <= u64::from(STANDBY_RENEW_DAYS) {
            // INVITATION-52: the ones before are still open.
            until("new standbys", async || world.connections()[1] == 4).await;
            replaced = Some(days);
        }
        if replaced.is_none() {
            assert_eq!(world.connections()[1], 2, "day {days}");
        }
    }
    assert_eq!(replaced, Some(340));
    until("the first standbys are over", async || world.connections()[1] == 2).await;
    // INVITATION-50: what is claimed is the newest.
    world.bob.messenger.renew(world.anns).await.unwrap();
    world.renewed().await;
    world.talk("anew").await;
}

/// INVITATION-55: the inviter leaves it to the claimer, for a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inviter_of_the_lost_session_waits() {
    let mut world = World::with_standbys().await;
    world.lose_a().await;
    world.bob.messenger.clone().close().await.unwrap();
    world.later(u64::from(RESTORE_GRACE_DAYS) * DAY).await;
    assert_eq!(world.bobs_view().await.reach, Reach::Lost, "nothing is claimed");
    world.later((u64::from(STANDBY_TURN_HOURS) - 1) * 60 * MINUTE).await;
    assert_eq!(world.bobs_view().await.reach, Reach::Lost, "nothing is claimed");
    world.ann.say(world.bobs, "are you there?").await;
    world.later(60 * MINUTE).await;
    world.bob = world.bob.open().await;
    world.bob.heard_text("are you there?").await;
    world.talk("anew").await;
}

/// Who reaches nobody has lost the network, and no session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_claimed_while_no_server_is_reached() {
    let mut world = World::with_standbys().await;
    world.b = None;
    world.lose_a().await;
    world.later(u64::from(RESTORE_GRACE_DAYS) * DAY).await;
    world.later(5 * DAY).await;
    assert_eq!(world.anns_view().await.reach, Reach::Lost, "it is shown, and nothing is claimed");
    assert_eq!(world.bobs_view().await.reach, Reach::Lost, "it is shown, and nothing is claimed");
}

/// INVITATION-58: two who meet again and exchange a new card.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_exchange_removes_the_session_before() {
    let mut world = World::of(Invite { mode: Mode::Attested, ..Invite::default() }).await;
    let heard = said(&world.bob, world.anns, Direction::Received).await;
    let positions = vec![heard[0].position];
    world.give().await;
    let before = world.safety().await;
    let mode = Mode::Attested;
    let invite = Invite { contact: Some(world.bobs), mode, ..Invite::default() };
    let card = world.ann.invite(invite).await;
    world.bob.messenger.clone().close().await.unwrap();
    let waiting = world.ann.say(world.bobs, "said over the old one").await;
    assert!(world.ann.messenger.flush(10_000).await.unwrap());
    world.bob = world.bob.open().await;
    let accept = Accept { contact: Some(world.anns), ..Accept::default() };
    let anns = world.bob.messenger.accept(world.bob.profile, &card, accept).await.unwrap();
    assert_eq!(anns, world.anns);
    world.renewed().await;
    world.talk("anew").await;
    let after = world.safety().await;
    assert_eq!(after[0], after[1]);
    assert_ne!(before[0], after[0]);
    // On which server the answers come is open: Bob may not have reached the first one again yet.
    until("nothing of the old session is left", async || {
        world.connections().iter().sum::<usize>() == 2
    })
    .await;
    let heard = texts(&world.bob, world.anns, Direction::Received).await;
    assert_eq!(heard, ["at first, Bob", "said over the old one", "anew, Bob"]);
    // Where it was said, or where it was said again: it arrived.
    let said = said(&world.ann, world.bobs, Direction::Sent).await;
    assert!(said.iter().any(|view| view.position >= waiting));
    until("all is delivered", async || {
        let said = self::said(&world.ann, world.bobs, Direction::Sent).await;
        said.iter().all(|view| view.delivery == Delivery::Delivered)
    })
    .await;
    // What was said in the old session can still be proved.
    let proof = world.bob.messenger.export_proof(world.anns, positions).await.unwrap();
    assert!(edgewise_spec::message::Proof::verify(&proof).is_ok());
}

/// ROTATION-35, INVITATION-57: who claims what was only said in a session has read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_others_read_ends_with_its_standbys() {
    let mut world = World::with_standbys().await;
    let c = server(&world.clock, 3).await;
    world.talk("settled").await;
    assert!(world.bob.messenger.flush(10_000).await.unwrap());
    world.bob.messenger.clone().close().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let waiting = world.a.as_ref().unwrap().parts();
    let to = Some(c.address.clone());
    world.ann.messenger.move_connection(world.bobs, 0, to).await.unwrap();
    // Once the new connection is made, Bob is told.
    until("the move waits for Bob", async || world.a.as_ref().unwrap().parts() > waiting).await;
    world.ann.messenger.clone().close().await.unwrap();
    // A thief reads what Ann has told Bob, and claims first.
    let path = world.ann.folder.path().join("chat.db");
    let store = Store::open(&path, &unlock(), &store_options()).unwrap();
    let connections = store.read().connections(world.ann.profile).unwrap();
    let claim = connections.into_iter().find_map(|(_, it)| match it.end {
        End::Recipient(state) if it.address == c.address => state.open.map(|(claim, _)| claim),
        _ => None,
    });
    store.close().unwrap();
    let client = Client::new(options(&world.clock).client);
    let state = SenderState::new(claim.unwrap(), key(9, 0));
    let mut thief = Sender::start(&client, &c.address, state);
    let claimed = async {
        while !matches!(thief.next().await.unwrap().unwrap(), SenderEvent::Claimed { .. }) {}
    };
    tokio::time::timeout(LONG, claimed).await.unwrap();
    let before = world.connections();
    world.bob = world.bob.open().await;
    until("the session is ended", async || world.anns_view().await.reach == Reach::Lost).await;
    let view = world.anns_view().await;
    assert!(view.connections.is_empty() && !view.standby);
    let notices = notices(&world.bob, world.anns).await;
    assert!(notices.iter().any(|text| text.contains("others can read it")), "{notices:?}");
    // His connection of the session is deleted, and the standby that he gave in it.
    until("nothing of Bob's is left", async || {
        world.connections() == [before[0] - 1, before[1] - 1]
    })
    .await;
    let refused = world.bob.messenger.renew(world.anns).await.unwrap_err();
    assert!(refused.to_string().contains("no standby"), "{refused}");
    assert!(
        texts(&world.bob, world.anns, Direction::Received).await.contains(&"at first, Bob".into())
    );
}

/// A client that is killed while its session is replaced: what was accepted arrives, and once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_a_session_is_replaced() {
    let mut world = World::with_standbys().await;
    let path = world.bob.folder.path().join("chat.db");
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut next, mut sent) = (0, 0);
    let mut accepted = Vec::new();
    for _ in 0..6 {
        let before = world.safety().await;
        let ahead = world.clock.now().millis() - Clock::default().now().millis();
        world.bob.messenger.clone().close().await.unwrap();
        for _ in 0..2 {
            let millis = u64::from(rng.next_u32() % 120);
            let (at, from) = (path.clone(), next);
            let life = tokio::task::spawn_blocking(move || kill::renew(&at, from, millis, ahead));
            for _ in 0..5 {
                world.ann.say(world.bobs, &format!("ann {sent}")).await;
                sent += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if let Some(last) = life.await.unwrap() {
                accepted.extend(next..=last);
            }
            // Numbers that may or may not have been accepted are not used again.
            next = accepted.last().map_or(next, |last| next.max(last + 1)) + 50;
        }
        world.bob = world.bob.open().await;
        let _ = world.bob.messenger.renew(world.anns).await;
        until("both have the new session alone", async || {
            let [ann, bob] = world.safety().await;
            ann == bob && ann != before[0] && world.connections().iter().sum::<usize>() == 2
        })
        .await;
        world.give().await;
    }
    world.bob.say(world.anns, &format!("child {next}")).await;
    accepted.push(next);
    let talk = async |person: &Person, contact, way, who: &str| {
        let texts = kill::texts(&person.messenger, contact, way).await;
        let texts: Vec<_> = texts.into_iter().skip(1).collect();
        let mut numbers = kill::numbers(&texts, who);
        numbers.sort_unstable();
        numbers
    };
    until("all that Ann has said has come, once", async || {
        let heard = talk(&world.bob, world.anns, Direction::Received, "ann").await;
        heard == (0..sent).collect::<Vec<_>>()
    })
    .await;
    until("the last has come", async || {
        talk(&world.ann, world.bobs, Direction::Received, "child").await.last() == Some(&next)
    })
    .await;
    let heard = talk(&world.ann, world.bobs, Direction::Received, "child").await;
    let said = talk(&world.bob, world.anns, Direction::Sent, "child").await;
    assert_eq!(heard, said, "what stands in one history stands in the other");
    assert!(heard.windows(2).all(|pair| pair[0] < pair[1]), "nothing twice: {heard:?}");
    assert!(accepted.iter().all(|number| heard.contains(number)), "what was accepted has come");
}
