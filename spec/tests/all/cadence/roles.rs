//! Both roles in lock-step, over the world's server.

use bytes::BytesMut;
use edgewise_spec::cadence::{Rhythm, TickMs};
use edgewise_spec::client::{ClientLink, Event, Filled, Request};
use edgewise_spec::constants::{ANSWER_SECONDS, LINK_LIFE_SECONDS, TICKS_UNANSWERED_MAX};
use edgewise_spec::error::{GoodbyeCode, LinkEnd};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{Progress, ServerHandshake};
use edgewise_spec::store::LinkId;
use edgewise_spec::suite::SuiteId;
use edgewise_spec::time::Now;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::link::{NOW, server};
use crate::world::server::{START, Server};

const TICK_MS: u64 = 1_000;

struct Pair {
    server: Server,
    client: ClientLink,
    id: LinkId,
    now: Now,
    events: Vec<Event>,
}

impl Pair {
    /// A link in cadence whose first block has its answer; the next point is a tick away.
    fn open() -> Self {
        let mut server = Server::new(5);
        let rhythm = Rhythm::new(TickMs::try_from(1_000).unwrap(), 0).unwrap();
        let (suite, class) = (SuiteId::Chacha20Poly1305, Class::Small);
        let epoch = server.epoch.clone();
        let client =
            ClientLink::open_in_cadence(&epoch, suite, class, Some(rhythm), START, &mut server.rng);
        let id = server.open(START);
        let mut pair = Self { server, client, id, now: START, events: Vec::new() };
        for _ in 0..class.hello_blocks() {
            assert_eq!(pair.up(), 1);
        }
        assert_eq!(pair.down(), class.reply_blocks());
        assert_eq!(pair.events, [Event::Opened]);
        pair.events.clear();
        assert_eq!(pair.both(), (1, 1), "the first block waits for no point");
        pair
    }

    /// Carries what the client sends now, up to one block.
    fn up(&mut self) -> usize {
        let mut block = BytesMut::new();
        if self.client.poll_block(self.now, &mut block) == Filled::Nothing {
            return 0;
        }
        self.server.handle_block(self.now, self.id, block);
        1
    }

    /// Carries what the server sends now, all of it.
    fn down(&mut self) -> usize {
        let mut blocks = 0;
        while let (Some(block), _) = self.server.poll_block(self.now, self.id) {
            blocks += 1;
            let _ = self.client.handle_block(self.now, block, &mut self.events);
        }
        blocks
    }

    /// Blocks each way at this moment.
    fn both(&mut self) -> (usize, usize) {
        let mut up = 0;
        while self.up() == 1 {
            up += 1;
        }
        (up, self.down())
    }

    fn pass(&mut self, millis: u64) -> (usize, usize) {
        self.now = self.now.plus_millis(millis);
        let now = self.now;
        self.server.tick(now);
        self.both()
    }
}

fn suspend() -> Request {
    Request::Suspend { handle: 7 }
}

#[test]
fn one_block_each_way_a_tick_whatever_is_asked() {
    let mut pair = Pair::open();
    let mut counts = Vec::new();
    for round in 0..20_u64 {
        if round >= 10 {
            for token in 0..3 {
                pair.client.submit(round * 3 + token, suspend()).unwrap();
            }
        }
        assert_eq!(pair.both(), (0, 0), "before the point");
        assert_eq!(pair.pass(TICK_MS - 1), (0, 0));
        counts.push(pair.pass(1));
    }
    assert_eq!(counts, vec![(1, 1); 20]);
    let answered = |event: &Event| matches!(event, Event::Answered { .. });
    assert_eq!(pair.events.iter().filter(|event| answered(event)).count(), 30);
}

#[test]
fn an_hour_of_sleep_is_no_burst() {
    let mut pair = Pair::open();
    for token in 0..40 {
        pair.client.submit(token, suspend()).unwrap();
    }
    assert_eq!(pair.pass(3_600_000), (1, 1));
    assert_eq!(pair.pass(TICK_MS - 1), (0, 0));
    assert_eq!(pair.pass(1), (1, 1));
    // Woken at the wrong moment: that tick is missed.
    assert_eq!(pair.pass(3_600_700), (0, 0));
    assert_eq!(pair.pass(300), (1, 1));
}

#[test]
fn a_goodbye_goes_at_a_point_and_is_answered_once() {
    let mut pair = Pair::open();
    pair.client.submit(1, suspend()).unwrap();
    pair.client.goodbye(GoodbyeCode::Done);
    assert_eq!(pair.both(), (0, 0));
    assert_eq!(pair.pass(TICK_MS), (1, 1));
    assert_eq!(pair.client.end(), Some(LinkEnd::Ours(GoodbyeCode::Done)));
    assert_eq!(pair.server.poll_block(pair.now, pair.id).0, None);
}

#[test]
fn the_servers_goodbye_is_an_answer() {
    let mut pair = Pair::open();
    pair.now = START.plus_seconds(LINK_LIFE_SECONDS);
    let now = pair.now;
    pair.server.tick(now);
    assert_eq!(pair.down(), 0, "LINK-29 waits for the client");
    assert_eq!(pair.both(), (1, 1));
    assert_eq!(pair.client.end(), Some(LinkEnd::Theirs(GoodbyeCode::LifeOver)));
}

#[test]
fn a_server_that_answers_nothing_gets_no_more_than_the_bound() {
    let mut pair = Pair::open();
    let mut sent = 0;
    for _ in 0..2 * TICKS_UNANSWERED_MAX {
        pair.now = pair.now.plus_millis(TICK_MS);
        sent += pair.up();
    }
    assert_eq!(sent, TICKS_UNANSWERED_MAX);
    let first = START.plus_millis(TICK_MS);
    let until = first.plus_seconds(ANSWER_SECONDS);
    assert_eq!(pair.client.deadline(), Some(until));
    assert_eq!(pair.client.handle_timeout(first), Ok(()));
    let end = LinkEnd::Ours(GoodbyeCode::Stalled);
    assert_eq!(pair.client.handle_timeout(until), Err(end));
    assert_eq!(pair.client.end(), Some(end), "nothing is said to it");
}

/// A server that says more than it was asked, sealed as it ought to be.
#[test]
fn a_block_unasked_ends_the_link() {
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let (_, params) = server(&mut rng);
    let epoch = params.epochs.current(NOW).unwrap().record().clone();
    let rhythm = Rhythm::new(TickMs::try_from(1_000).unwrap(), 0).unwrap();
    let (suite, class) = (SuiteId::Chacha20Poly1305, Class::Medium);
    let mut client = ClientLink::open_in_cadence(&epoch, suite, class, Some(rhythm), NOW, &mut rng);
    let mut edge = ServerHandshake::new(NOW, 10);
    let mut events = Vec::new();
    let mut blocks = loop {
        let mut block = BytesMut::new();
        assert_eq!(client.poll_block(NOW, &mut block), Filled::Block);
        match edge.handle_block(&params, NOW, &mut rng, &mut block).unwrap() {
            Progress::More => {}
            Progress::Reply(reply) => {
                for block in reply {
                    client.handle_block(NOW, block[..].into(), &mut events).unwrap();
                }
            }
            Progress::Confirmed(blocks) => break blocks,
        }
    };
    assert_eq!(blocks.tick.map(TickMs::millis), Some(1_000));
    let mut say = || {
        let mut block = BytesMut::zeroed(class.block_len());
        blocks.sealer.seal(&mut block).unwrap();
        client.handle_block(NOW, block, &mut events)
    };
    assert_eq!(say(), Ok(()), "the answer to the first block");
    assert_eq!(say(), Err(LinkEnd::Ours(GoodbyeCode::OutOfStep)));
    let mut last = BytesMut::new();
    assert_eq!(client.poll_block(NOW, &mut last), Filled::Nothing, "until the next point");
    let point = client.point_after(NOW).unwrap();
    let end = LinkEnd::Ours(GoodbyeCode::OutOfStep);
    assert_eq!(client.poll_block(point, &mut last), Filled::Last(end));
}
