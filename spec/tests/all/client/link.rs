//! The clauses of a client's end of a link.

use bytes::{BufMut, BytesMut};
use edgewise_proto::v1::{self, GoodbyeCode, item::Body, result::Outcome};
use edgewise_spec::client::{ClientLink, Event, Filled, Request};
use edgewise_spec::constants::{ANSWER_SECONDS, HELLO_SECONDS, LINK_LIFE_SECONDS};
use edgewise_spec::error::{LinkEnd, Misuse, Status};
use edgewise_spec::frame::{Class, Received, Writer, read_client_items};
use edgewise_spec::link::{Blocks, HandshakeParams, Progress, ServerHandshake};
use edgewise_spec::suite::SuiteId;
use edgewise_spec::time::Now;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::link::{NOW, server};

/// A client's link and a server that says whatever the test wants.
struct Pair {
    client: ClientLink,
    server: Box<Blocks>,
    events: Vec<Event>,
}

fn greet(class: Class) -> (ClientLink, ServerHandshake, HandshakeParams, ChaCha20Rng) {
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let (_, params) = server(&mut rng);
    let epoch = params.epochs.current(NOW).unwrap().record().clone();
    let suite = SuiteId::Chacha20Poly1305;
    let client = ClientLink::open(&epoch, suite, class, NOW, &mut rng);
    (client, ServerHandshake::new(NOW, 10), params, rng)
}

fn polled(client: &mut ClientLink) -> (Filled, BytesMut) {
    let mut out = BytesMut::new();
    (client.poll_block(NOW, &mut out), out)
}

impl Pair {
    fn open(class: Class) -> Self {
        let (mut client, mut edge, params, mut rng) = greet(class);
        let mut events = Vec::new();
        let server = loop {
            let (filled, mut block) = polled(&mut client);
            assert_eq!((filled, block.len()), (Filled::Block, class.block_len()));
            match edge.handle_block(&params, NOW, &mut rng, &mut block).unwrap() {
                Progress::More => {}
                Progress::Reply(reply) => {
                    assert_eq!(polled(&mut client).0, Filled::Nothing, "before the reply");
                    assert_eq!(
                        client.submit(0, Request::Detach { handle: 0 }),
                        Err(Misuse::NotOpen)
                    );
                    for block in reply {
                        assert!(events.is_empty() && client.transcript().is_none());
                        client.handle_block(NOW, block[..].into(), &mut events).unwrap();
                    }
                    assert_eq!(events, [Event::Opened]);
                }
                Progress::Confirmed(blocks) => break blocks,
            }
        };
        assert_eq!(client.transcript(), Some(&server.transcript));
        assert_eq!(polled(&mut client).0, Filled::Nothing, "nothing to say");
        Self { client, server, events: Vec::new() }
    }

    fn say(&mut self, items: &[v1::Item]) -> Result<(), LinkEnd> {
        let class = self.client.class();
        let mut block = BytesMut::zeroed(class.block_len());
        let mut writer = Writer::new(&mut block[..class.text_len()]);
        for item in items {
            writer.push(item).unwrap();
        }
        writer.finish();
        self.server.sealer.seal(&mut block).unwrap();
        self.client.handle_block(NOW, block, &mut self.events)
    }

    fn hear(&mut self) -> (Filled, Vec<v1::Item>) {
        let (filled, mut block) = polled(&mut self.client);
        let mut items = Vec::new();
        if !block.is_empty() {
            self.server.opener.open(&mut block).unwrap();
            block.truncate(self.client.class().text_len());
            read_client_items(block.freeze(), &mut items).unwrap();
        }
        let item = |received| match received {
            Received::Item(item) => item,
            Received::Unknown { tag } => panic!("unknown item of tag {tag}"),
        };
        (filled, items.into_iter().map(item).collect())
    }

    /// The link ends with this code: said in a last block, and nothing after it.
    fn ends(&mut self, code: GoodbyeCode) {
        let (filled, items) = self.hear();
        assert_eq!(filled, Filled::Last(LinkEnd::Ours(code)));
        let last = items.last().unwrap();
        assert_eq!(last.body, Some(Body::Goodbye(v1::Goodbye { code: code.into() })));
        assert_eq!(self.hear().0, Filled::Nothing);
        assert_eq!(self.client.end(), Some(LinkEnd::Ours(code)));
        assert_eq!(self.client.submit(0, Request::Detach { handle: 0 }), Err(Misuse::NotOpen));
    }
}

fn done(tag: u32) -> v1::Item {
    let outcome = Some(Outcome::Done(v1::Done {}));
    v1::Item { tag, body: Some(Body::Result(v1::Result { outcome })) }
}

/// LINK-26: with another confirmation nothing more is sent.
#[test]
fn another_confirmation_ends_the_stream() {
    let (mut client, mut edge, params, mut rng) = greet(Class::Medium);
    let (_, mut hello) = polled(&mut client);
    let Ok(Progress::Reply(reply)) = edge.handle_block(&params, NOW, &mut rng, &mut hello) else {
        panic!("no reply");
    };
    let mut block = BytesMut::from(&reply[0][..]);
    block[1_130] ^= 1;
    let mut events = Vec::new();
    let end = client.handle_block(NOW, block, &mut events).unwrap_err();
    assert_eq!(end, LinkEnd::Refused(Status::InvalidArgument));
    assert!(events.is_empty());
    assert_eq!(polled(&mut client), (Filled::Nothing, BytesMut::new()));
}

/// FRAME-3: every block has the class's length, whatever is in it; several items share one.
#[test]
fn items_ride_together_in_blocks_of_one_length() {
    for class in Class::ALL {
        let mut pair = Pair::open(class);
        let handle = pair.client.free_handle().unwrap();
        for token in 0..3 {
            pair.client.submit(token, Request::Suspend { handle }).unwrap();
        }
        pair.client.acknowledge(handle, 7);
        pair.client.acknowledge(handle, 9);
        let part = vec![1; class.part_len()].into();
        let send = v1::Send { handle, submission: 0, part };
        pair.client.submit(3, Request::Send(send)).unwrap();
        let (_, items) = pair.hear();
        let acks: Vec<_> = items.iter().filter(|item| item.tag == 0).collect();
        let through = Some(Body::Acknowledge(v1::Acknowledge { handle, through: 9 }));
        assert_eq!(acks.len(), 1, "acknowledgements of one handle merge");
        assert_eq!(acks[0].body, through);
        let tags: Vec<u32> = items.iter().map(|item| item.tag).filter(|tag| *tag != 0).collect();
        assert_eq!(tags, [1, 2, 3, 4], "one block");
        assert_eq!(pair.hear().0, Filled::Nothing);
    }
}

/// A part leaves room for an acknowledgement, which rides along.
#[test]
fn an_acknowledgement_rides_along_with_a_part() {
    let mut pair = Pair::open(Class::Small);
    let handle = pair.client.free_handle().unwrap();
    let part: bytes::Bytes = vec![1; Class::Small.part_len()].into();
    for submission in [u64::MAX - 1, u64::MAX] {
        let send = v1::Send { handle, submission, part: part.clone() };
        pair.client.submit(submission, Request::Send(send)).unwrap();
    }
    pair.client.acknowledge(handle, u64::MAX);
    let (_, first) = pair.hear();
    assert_eq!(first.iter().map(|item| item.tag).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(pair.hear().1.len(), 1);
}

/// FRAME-4: a block of another length.
#[test]
fn a_block_of_another_length_ends_the_link() {
    let mut pair = Pair::open(Class::Medium);
    let mut events = Vec::new();
    let block = BytesMut::zeroed(4_095);
    let end = pair.client.handle_block(NOW, block, &mut events);
    assert_eq!(end, Err(LinkEnd::Ours(GoodbyeCode::BlockLength)));
    pair.ends(GoodbyeCode::BlockLength);
}

/// LINK-40: a block that is replayed.
#[test]
fn a_block_that_does_not_open_ends_the_link() {
    let mut pair = Pair::open(Class::Medium);
    let mut block = BytesMut::zeroed(4_096);
    pair.server.sealer.seal(&mut block).unwrap();
    let mut events = Vec::new();
    pair.client.handle_block(NOW, block.clone(), &mut events).unwrap();
    let end = pair.client.handle_block(NOW, block, &mut events);
    assert_eq!(end, Err(LinkEnd::Ours(GoodbyeCode::BlockSeal)));
    pair.ends(GoodbyeCode::BlockSeal);
}

/// FRAME-23: an opened block that is no sequence of items; FRAME-21: an unknown item is skipped.
#[test]
fn a_malformed_block_ends_the_link_and_an_unknown_item_does_not() {
    let mut pair = Pair::open(Class::Small);
    // A request is nothing that a server says to a client.
    let unknown = v1::Item { tag: 3, body: Some(Body::Suspend(v1::Suspend { handle: 1 })) };
    pair.say(&[unknown]).unwrap();
    assert!(pair.events.is_empty());
    let mut block = BytesMut::new();
    block.put_u16(2_000);
    block.resize(Class::Small.block_len(), 0);
    pair.server.sealer.seal(&mut block).unwrap();
    let end = pair.client.handle_block(NOW, block, &mut pair.events);
    assert_eq!(end, Err(LinkEnd::Ours(GoodbyeCode::FrameMalformed)));
    pair.ends(GoodbyeCode::FrameMalformed);
}

/// LINK-48: a result that answers nothing; nothing of its block counts.
#[test]
fn a_result_without_its_request_ends_the_link() {
    let mut pair = Pair::open(Class::Small);
    pair.client.submit(77, Request::Detach { handle: 0 }).unwrap();
    pair.hear();
    let end = pair.say(&[done(1), done(1)]);
    assert_eq!(end, Err(LinkEnd::Ours(GoodbyeCode::FrameMalformed)));
    assert!(pair.events.is_empty(), "{:?}", pair.events);
    pair.ends(GoodbyeCode::FrameMalformed);
}

/// LINK-48: a result of another kind than its request.
#[test]
fn a_result_of_another_kind_ends_the_link() {
    let mut pair = Pair::open(Class::Small);
    pair.client.submit(77, Request::Detach { handle: 0 }).unwrap();
    pair.hear();
    let outcome = Some(Outcome::Attached(v1::Attached::default()));
    let item = v1::Item { tag: 1, body: Some(Body::Result(v1::Result { outcome })) };
    assert_eq!(pair.say(&[item]), Err(LinkEnd::Ours(GoodbyeCode::FrameMalformed)));
}

/// LINK-47: while its own blocks are not taken, a client takes the server's.
#[test]
fn blocks_are_taken_while_none_is_taken() {
    let mut pair = Pair::open(Class::Small);
    for token in 0..64 {
        pair.client.submit(token, Request::Detach { handle: 0 }).unwrap();
    }
    for sequence in 1..=100 {
        let deliver = v1::Deliver { handle: 0, sequence, part: vec![0; 100].into() };
        pair.say(&[v1::Item { tag: 0, body: Some(Body::Deliver(deliver)) }]).unwrap();
    }
    assert_eq!(pair.events.len(), 100);
}

/// LINK-45: a client that has nothing more to do says so, after what it had to say.
#[test]
fn a_goodbye_is_the_last_item_of_the_last_block() {
    let mut pair = Pair::open(Class::Small);
    for token in 0..64 {
        let part = vec![0; Class::Small.part_len()].into();
        let send = v1::Send { handle: 0, submission: token, part };
        pair.client.submit(token, Request::Send(send)).unwrap();
    }
    pair.client.goodbye(GoodbyeCode::Done);
    let refused = pair.client.submit(64, Request::Detach { handle: 0 });
    assert_eq!(refused, Err(Misuse::NotOpen));
    for _ in 0..63 {
        let (filled, items) = pair.hear();
        assert_eq!((filled, items.len()), (Filled::Block, 1));
    }
    pair.ends(GoodbyeCode::Done);
}

/// The server's goodbye ends the link, after what stands before it.
#[test]
fn the_servers_goodbye_ends_the_link() {
    let mut pair = Pair::open(Class::Small);
    pair.client.submit(5, Request::Detach { handle: 0 }).unwrap();
    pair.hear();
    let code = GoodbyeCode::Shutdown.into();
    let goodbye = v1::Item { tag: 0, body: Some(Body::Goodbye(v1::Goodbye { code })) };
    let end = pair.say(&[done(1), goodbye]);
    assert_eq!(end, Err(LinkEnd::Theirs(GoodbyeCode::Shutdown)));
    assert_eq!(pair.events.len(), 1);
    assert_eq!(pair.hear().0, Filled::Nothing);
    assert_eq!(pair.client.carrier_ended(None), LinkEnd::Theirs(GoodbyeCode::Shutdown));
}

/// LINK-50: deadlines of the handshake, of an answer, of a life.
#[test]
fn nothing_is_waited_for_without_end() {
    let (mut client, ..) = greet(Class::Small);
    let at = client.deadline().unwrap();
    assert_eq!(at, NOW.plus_seconds(HELLO_SECONDS));
    assert_eq!(client.handle_timeout(Now::from_millis(at.millis() - 1)), Ok(()));
    let end = LinkEnd::Refused(Status::DeadlineExceeded);
    assert_eq!(client.handle_timeout(at), Err(end));

    let mut pair = Pair::open(Class::Small);
    assert_eq!(pair.client.deadline(), Some(NOW.plus_seconds(LINK_LIFE_SECONDS)));
    pair.client.submit(0, Request::Detach { handle: 0 }).unwrap();
    let at = pair.client.deadline().unwrap();
    assert_eq!(at, NOW.plus_seconds(ANSWER_SECONDS));
    pair.hear();
    assert_eq!(pair.client.handle_timeout(at), Err(LinkEnd::Ours(GoodbyeCode::Stalled)));
    pair.ends(GoodbyeCode::Stalled);

    let mut pair = Pair::open(Class::Small);
    let over = NOW.plus_seconds(LINK_LIFE_SECONDS);
    assert_eq!(pair.client.handle_timeout(over), Err(LinkEnd::Ours(GoodbyeCode::LifeOver)));
    pair.ends(GoodbyeCode::LifeOver);
}
