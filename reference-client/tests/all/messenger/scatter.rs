//! People talk over servers none of which has what they say: any k of n carry it.

use std::time::Duration;

use edgewise_client::messenger::{
    Accept, ConnectionView, ContactView, Event, Flow, InvitationStep, Invite, Mark, MessengerError,
    Said, Standing,
};
use edgewise_client::store::{ContactId, Delivery, Direction};
use edgewise_client::{Address, Class, Clock};
use edgewise_spec::constants::PARTIAL_DAYS;
use edgewise_spec::invitation::Card;
use edgewise_spec::link::IdentityKey;
use edgewise_spec::scatter::{PartChain, Shape, open_part, seal_part};

use super::{LONG, Person, meet};
use crate::server::{Config, TestServer};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
/// Long enough for what has all its parts to be shown.
const A_WHILE: Duration = Duration::from_millis(1_500);

async fn server(clock: &Clock, seed: u8) -> TestServer {
    let (clock, epoch_seconds) = (clock.clone(), 500 * 86_400);
    let config = Config { clock, epoch_seconds, ..Config::default() };
    TestServer::start_as(&IdentityKey::from_seed(&[seed; 32]), config).await
}

/// Ten servers that have nothing to do with each other.
pub async fn ten_servers(clock: &Clock) -> Vec<TestServer> {
    let mut servers = Vec::new();
    for seed in 1..=10 {
        servers.push(server(clock, seed).await);
    }
    servers
}

fn over(shape: Shape) -> Invite {
    Invite { shape, ..Invite::default() }
}

/// Two who talk over ten servers of which seven are enough; one clock for all.
struct World {
    clock: Clock,
    servers: Vec<TestServer>,
    ann: Person,
    bobs: ContactId,
    bob: Person,
    anns: ContactId,
    /// The card by which they met.
    card: Card,
}

impl World {
    async fn new() -> Self {
        Self::of(Shape::SEVEN_OF_TEN).await
    }

    async fn of(shape: Shape) -> Self {
        let clock = Clock::default();
        let servers = ten_servers(&clock).await;
        let addresses: Vec<Address> = servers.iter().map(|it| it.address.clone()).collect();
        let mut ann = Person::with_clock("Ann", &addresses, clock.clone()).await;
        let mut bob = Person::with_clock("Bob", &addresses, clock.clone()).await;
        let text = ann.invite(over(shape)).await;
        let card = Card::parse(&text).unwrap();
        let anns = bob.messenger.accept(bob.profile, &text, Accept::default()).await.unwrap();
        let bobs = ann.accepted().await;
        bob.ready(anns).await;
        ann.ready(bobs).await;
        Self { clock, servers, ann, bobs, bob, anns, card }
    }

    /// Both say something, and hear it.
    async fn talk(&mut self, what: &str) {
        self.ann.say(self.bobs, &format!("{what}, Bob")).await;
        assert_eq!(self.bob.text().await, format!("{what}, Bob"));
        self.bob.say(self.anns, &format!("{what}, Ann")).await;
        assert_eq!(self.ann.text().await, format!("{what}, Ann"));
    }

    fn set_away(&self, servers: core::ops::Range<usize>, away: bool) {
        self.servers[servers].iter().for_each(|server| server.set_away(away));
    }

    /// What Bob sees of Ann.
    async fn view(&self) -> ContactView {
        self.bob.messenger.contact(self.anns).await.unwrap()
    }

    /// Until Bob sees that what Ann says is carried so.
    async fn receiving(&self, wanted: Flow) -> ContactView {
        let seen = async {
            loop {
                // Connections are looked at every five minutes.
                self.clock.advance_millis(6 * MINUTE);
                tokio::time::sleep(Duration::from_millis(500)).await;
                let view = self.view().await;
                if view.receiving == Some(wanted) {
                    return view;
                }
            }
        };
        tokio::time::timeout(LONG, seen).await.unwrap_or_else(|_| panic!("{wanted:?} is not seen"))
    }

    /// Bob does not hear this within a while, and has not so far.
    async fn not_heard(&self, text: &str) {
        tokio::time::sleep(A_WHILE).await;
        assert!(!self.has_heard(text).await, "{text} is shown");
    }

    async fn has_heard(&self, text: &str) -> bool {
        let page = self.bob.messenger.history(self.anns, None, 100).await.unwrap();
        page.messages.iter().any(|message| message.said == Said::Text(text.to_owned()))
    }

    /// How often Bob sees this text.
    async fn count(&self, text: &str) -> usize {
        let page = self.bob.messenger.history(self.anns, None, 100).await.unwrap();
        page.messages.iter().filter(|it| it.said == Said::Text(text.to_owned())).count()
    }
}

fn received(view: &ContactView) -> Vec<&ConnectionView> {
    view.connections.iter().filter(|it| it.direction == Direction::Received).collect()
}

fn places(connections: &[&ConnectionView], standing: Standing) -> Vec<u8> {
    let its = connections.iter().filter(|it| it.standing == standing);
    let mut places: Vec<u8> = its.map(|it| it.place).collect();
    places.sort_unstable();
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_servers_carry_a_talk_each_way() {
    let mut world = World::new().await;
    world.talk("hello").await;
    for view in [world.view().await, world.ann.messenger.contact(world.bobs).await.unwrap()] {
        assert_eq!(view.shape, Some(Shape::SEVEN_OF_TEN));
        assert_eq!((view.sending, view.receiving), (Some(Flow::Whole), Some(Flow::Whole)));
        assert_eq!(view.connections.len(), 20);
        let mut all: Vec<_> = received(&view).iter().map(|it| it.server.fingerprint).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 10, "each on a server of its own");
    }
    for round in 0..5 {
        world.talk(&format!("round {round}")).await;
    }
    let position = world.ann.say(world.bobs, "the last").await;
    assert_eq!(world.bob.text().await, "the last");
    world.ann.changed(position).await;
    let page = world.bob.messenger.history(world.anns, None, 100).await.unwrap();
    assert_eq!(page.messages.len(), 13, "each is shown once");
    assert!(page.messages.iter().all(|message| message.marks.is_empty()));
}

/// Late parts, and ones that never come; what is missing comes when a server is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seven_servers_are_enough_and_six_are_not() {
    let mut world = World::new().await;
    world.talk("hello").await;
    world.set_away(0..3, true);
    world.talk("by seven").await;
    let view = world.receiving(Flow::Enough).await;
    assert_eq!(places(&received(&view), Standing::Silent), [0, 1, 2]);
    assert_eq!(places(&received(&view), Standing::Answering), [3, 4, 5, 6, 7, 8, 9]);
    world.set_away(3..4, true);
    let position = world.ann.say(world.bobs, "by six").await;
    world.not_heard("by six").await;
    let said = world.ann.messenger.message(world.bobs, position).await.unwrap();
    assert_eq!(said.delivery, Delivery::Waiting, "six servers are not enough to have taken it");
    let view = world.receiving(Flow::TooFew).await;
    assert_eq!(places(&received(&view), Standing::Silent), [0, 1, 2, 3]);
    world.set_away(2..3, false);
    assert_eq!(world.bob.text().await, "by six");
    world.receiving(Flow::Enough).await;
    // The others are back: what they bring is late.
    world.set_away(0..4, false);
    world.receiving(Flow::Whole).await;
    world.talk("by ten").await;
    assert_eq!(world.count("by six").await, 1);
    let parts = async {
        while world.servers.iter().any(|server| server.parts() > 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, parts).await.expect("late parts are acknowledged too");
}

/// What was held is in the store, and nowhere else: servers were told that it came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_parts_outlive_the_program() {
    let mut world = World::new().await;
    world.talk("hello").await;
    world.set_away(0..4, true);
    world.ann.say(world.bobs, "one").await;
    world.ann.say(world.bobs, "two").await;
    let taken = async {
        while world.servers[4..].iter().any(|server| server.parts() > 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    world.not_heard("one").await;
    tokio::time::timeout(LONG, taken).await.expect("what is held is acknowledged");
    let World { clock, servers, ann, bobs, bob, anns, card } = world;
    let bob = bob.restart().await;
    let mut world = World { clock, servers, ann, bobs, bob, anns, card };
    world.not_heard("one").await;
    // None of the six that have brought their parts is there any more.
    world.set_away(4..10, true);
    world.set_away(0..1, false);
    assert_eq!(world.bob.text().await, "one");
    assert_eq!(world.bob.text().await, "two");
    world.set_away(0..10, false);
    world.talk("at last").await;
    assert_eq!((world.count("one").await, world.count("two").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_lying_servers_are_survived_and_named() {
    let mut world = World::new().await;
    world.talk("hello").await;
    let liars = [1, 4, 8];
    for liar in liars {
        world.servers[liar].alter(|part| part[100] ^= 1);
    }
    for round in 0..3 {
        world.talk(&format!("round {round}")).await;
    }
    let named = async |world: &World| {
        let view = world.view().await;
        let all = received(&view);
        assert_eq!(places(&all, Standing::Answering), [0, 2, 3, 5, 6, 7, 9]);
        for it in all {
            let lies = liars.map(|liar| world.servers[liar].address.clone()).contains(&it.server);
            assert_eq!(it.bad >= 3, lies, "{it:?}");
            assert_eq!(it.standing == Standing::Lying, lies, "{it:?}");
            assert_eq!(it.wrong, 0, "{it:?}");
        }
        assert_eq!(view.receiving, Some(Flow::Enough));
        let servers = world.bob.messenger.servers(world.bob.profile).await.unwrap();
        let altered: Vec<bool> = servers.iter().map(|server| server.altered > 0).collect();
        let lies: Vec<bool> = (0..10).map(|server| liars.contains(&server)).collect();
        assert_eq!(altered, lies);
    };
    let all = async {
        while received(&world.view().await).iter().filter(|it| it.bad >= 3).count() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, all).await.expect("what the liars bring is counted");
    named(&world).await;
    // It is not forgotten.
    let World { clock, servers, ann, bobs, bob, anns, card } = world;
    let bob = bob.restart().await;
    let mut world = World { clock, servers, ann, bobs, bob, anns, card };
    world.talk("later").await;
    world.receiving(Flow::Enough).await;
    named(&world).await;
    // One more, and what is said does not come.
    world.servers[0].alter(|part| part[100] ^= 1);
    world.ann.say(world.bobs, "by six").await;
    world.not_heard("by six").await;
    world.receiving(Flow::TooFew).await;
}

/// A part that was sealed for its connection and is not of its cell: only who has the connection's
/// chain can make one. It is found when others join, and its server is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_is_not_of_its_cell_is_counted() {
    let mut world = World::new().await;
    world.talk("hello").await;
    let (shape, liar) = (Shape::SEVEN_OF_TEN, 2_u8);
    let server = &world.servers[usize::from(liar)];
    // What Bob says goes over the connections of Ann's card.
    let secret = world.card.secret().connection(liar, &server.address.fingerprint);
    let chain = PartChain::new(&secret.part_chain(), 0);
    server.alter(move |part| {
        let mut chain = chain.clone();
        let keys = core::iter::from_fn(|| chain.step()).take(400);
        let tagged = |key: &edgewise_spec::scatter::PartKey| part.starts_with(key.tag());
        if let Some(key) = keys.into_iter().find(tagged) {
            let mut opened = open_part(shape, liar, &key, part).unwrap();
            opened.fragment[7] ^= 1;
            *part = seal_part(&key, &opened.fragment, &opened.share);
        }
    });
    // Two are gone, so that the liar's part is late only when it is the last of eight.
    world.set_away(0..2, true);
    let mut wrong = 0;
    for round in 0..20 {
        let text = format!("round {round}");
        world.bob.say(world.anns, &text).await;
        assert_eq!(world.ann.text().await, text);
        let view = world.ann.messenger.contact(world.bobs).await.unwrap();
        let all = received(&view);
        let liars = places(&all, Standing::Lying);
        wrong = all.iter().map(|it| it.wrong).sum();
        assert!(all.iter().all(|it| it.bad == 0), "its seal opens");
        if !liars.is_empty() {
            assert_eq!(liars, [liar]);
        }
        if wrong >= 2 {
            break;
        }
    }
    assert!(wrong >= 2, "it was never counted");
    world.ann = world.ann.restart().await;
    let view = world.ann.messenger.contact(world.bobs).await.unwrap();
    assert_eq!(received(&view).iter().map(|it| it.wrong).sum::<u32>(), wrong, "it is stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_ten_connections_moves_while_people_talk() {
    let mut world = World::new().await;
    world.talk("before").await;
    let new = server(&world.clock, 77).await;
    let to = Some(new.address.clone());
    world.bob.messenger.move_connection(world.anns, 4, to).await.unwrap();
    for round in 0..8 {
        world.talk(&format!("round {round}")).await;
        if round == 3 {
            world.bob = world.bob.restart().await;
        }
    }
    let settled = async {
        loop {
            let view = world.view().await;
            let all = received(&view);
            let moved = all.iter().find(|it| it.server == new.address).map(|it| it.place);
            if all.len() == 10 && moved.is_some() {
                return moved;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let place = tokio::time::timeout(LONG, settled).await.expect("the old connection is left");
    assert_eq!(place, Some(4), "the new connection has the place");
    // Three others are gone, so the new one is needed.
    world.set_away(5..8, true);
    world.talk("with the new one").await;
    new.set_away(true);
    world.ann.say(world.bobs, "without it").await;
    world.not_heard("without it").await;
    new.set_away(false);
    assert_eq!(world.bob.text().await, "without it");
}

/// Parts are held for seven days after the first of them came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_that_stays_partial_is_given_up() {
    let mut world = World::new().await;
    world.talk("hello").await;
    world.set_away(0..4, true);
    world.ann.say(world.bobs, "in time").await;
    world.not_heard("in time").await;
    world.clock.advance_millis(u64::from(PARTIAL_DAYS) * DAY - 60 * MINUTE);
    world.not_heard("in time").await;
    world.set_away(0..1, false);
    world.bob.heard_text("in time").await;
    world.set_away(0..1, true);
    world.ann.say(world.bobs, "too late").await;
    world.not_heard("too late").await;
    world.clock.advance_millis(u64::from(PARTIAL_DAYS) * DAY + 60 * MINUTE);
    world.not_heard("too late").await;
    // The other four come, which alone are not enough.
    world.set_away(0..4, false);
    world.not_heard("too late").await;
    world.ann.say(world.bobs, "after it").await;
    // What comes first after it tells of the gap, be it a text or a receipt.
    let mut marks = Vec::new();
    loop {
        let (_, message) = world.bob.message().await;
        marks.extend(message.marks);
        if message.said == Said::Text("after it".to_owned()) {
            break;
        }
    }
    assert!(matches!(marks[..], [Mark::Gap { .. }, ..]), "{marks:?}");
    assert!(!world.has_heard("too late").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_message_comes_over_seven_of_ten() {
    let mut world = World::new().await;
    world.set_away(0..3, true);
    let long: String = (0..40_000).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
    world.ann.say(world.bobs, &long).await;
    assert_eq!(world.bob.text().await, long);
}

/// Every row of the table with k above 1, with the fewest servers and the most; a hello of ten
/// descriptors is longer than one cell of the smallest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_in_every_shape() {
    let rows = Shape::TABLE.into_iter().filter(|(_, k)| *k > 1);
    for (class, k) in rows {
        for n in [k, 10] {
            let mut world = World::of(Shape::new(class, k, n).unwrap()).await;
            world.talk(&format!("{class:?} {k} {n}")).await;
            assert_eq!(received(&world.view().await).len(), usize::from(n));
        }
    }
}

/// A server that loses everything gets it again, while the others carry what is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_ten_that_lost_its_memory_is_restored() {
    let mut world = World::new().await;
    world.talk("before").await;
    world.servers[5].lose_everything();
    world.talk("after").await;
    // It is one of the seven that are needed now.
    let back = async {
        while world.servers[5].connections() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, back).await.expect("its connections are made again");
    world.set_away(0..3, true);
    world.talk("with it").await;
}

/// The claimer's first cells come to an invitation, which holds their parts like a session does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_cell_of_an_invitation_waits_for_its_parts() {
    let clock = Clock::default();
    let servers = ten_servers(&clock).await;
    let addresses: Vec<Address> = servers.iter().map(|it| it.address.clone()).collect();
    let mut ann = Person::with_clock("Ann", &addresses, clock.clone()).await;
    let bob = Person::with_clock("Bob", &addresses, clock.clone()).await;
    let card = ann.invite(over(Shape::SEVEN_OF_TEN)).await;
    let accept = |what: &Event| match what {
        Event::Invitation { step: InvitationStep::Accepted(contact), .. } => Some(*contact),
        _ => None,
    };
    // Ann is not there until Bob's hello is on every server.
    ann.messenger.clone().close().await.unwrap();
    let anns = bob.messenger.accept(bob.profile, &card, Accept::default()).await.unwrap();
    let all = async {
        while servers.iter().any(|server| server.parts() == 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, all).await.expect("the hello is on every server");
    bob.messenger.clone().close().await.unwrap();
    servers[..4].iter().for_each(|server| server.set_away(true));
    let mut ann = ann.open().await;
    let held = async {
        while servers[4..].iter().any(|server| server.parts() > 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, held).await.expect("what is held is acknowledged");
    assert!(ann.messenger.contacts(ann.profile).await.unwrap().is_empty());
    ann = ann.restart().await;
    servers[4..].iter().for_each(|server| server.set_away(true));
    servers[1].set_away(false);
    let bobs = ann.wait(accept).await;
    servers.iter().for_each(|server| server.set_away(false));
    let mut bob = bob.open().await;
    bob.ready(anns).await;
    ann.ready(bobs).await;
    ann.say(bobs, "hello").await;
    assert_eq!(bob.text().await, "hello");
    bob.say(anns, "hello").await;
    assert_eq!(ann.text().await, "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_servers_are_told_in_numbers() {
    let clock = Clock::default();
    let servers = [server(&clock, 1).await, server(&clock, 2).await];
    let addresses = servers.each_ref().map(|it| it.address.clone());
    let ann = Person::with_clock("Ann", &addresses, clock).await;
    let refused = ann.messenger.invite(ann.profile, over(Shape::SEVEN_OF_TEN)).await.unwrap_err();
    assert!(matches!(refused, MessengerError::Servers { have: 2, need: 10 }), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("has 2 servers, and 10 are needed; add 8 more"), "{text}");
}

/// Who has fewer servers than the shape is talked with over those of the invitation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claimer_without_servers_uses_those_of_the_invitation() {
    let clock = Clock::default();
    let servers = ten_servers(&clock).await;
    let addresses: Vec<Address> = servers.iter().map(|it| it.address.clone()).collect();
    let mut ann = Person::with_clock("Ann", &addresses, clock.clone()).await;
    let mut bob = Person::with_clock("Bob", &addresses[..1], clock).await;
    let shape = Shape::new(Class::Small, 4, 6).unwrap();
    let (bobs, anns) = meet(&mut ann, &mut bob, over(shape)).await;
    servers[..2].iter().for_each(|server| server.set_away(true));
    ann.say(bobs, "hello").await;
    assert_eq!(bob.text().await, "hello");
    bob.say(anns, "hello").await;
    assert_eq!(ann.text().await, "hello");
}
