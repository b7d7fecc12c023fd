//! What people say: bodies, pieces, chain, signatures and proofs.

mod hostile;
mod path;
mod proof;
mod property;
mod vectors;

use edgewise_spec::constants::{CHAIN_WINDOW, FORKS_MAX, PIECE_DAYS};
use edgewise_spec::frame::Class;
use edgewise_spec::message::{
    Chain, Composed, Composer, Content, ContentRefused, Direction, Event, Hello, Inbox, Layout,
    Link, Message, MessageRefused, UpTo,
};
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;
use edgewise_spec::suite::SigningKey;
use edgewise_spec::time::Now;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

pub const TRANSCRIPT: [u8; 32] = [0x70; 32];
pub const START: Now = Now::from_seconds(1_800_000_000);

pub fn key(direction: Direction) -> SigningKey {
    SigningKey::from_seed(&[direction.number() + 1; 32])
}

pub fn shapes() -> Vec<Shape> {
    let shape = |(class, k)| Shape::new(class, k, k).unwrap();
    Shape::TABLE.into_iter().map(shape).collect()
}

/// Both ends of one direction.
pub struct Way {
    pub composer: Composer,
    pub inbox: Inbox,
    pub rng: ChaCha20Rng,
}

impl Way {
    pub fn new(mode: Mode, shape: Shape, direction: Direction) -> Self {
        let layout = Layout::new(mode, shape);
        let signing = (mode == Mode::Attested).then(|| key(direction));
        let vk = signing.as_ref().map(SigningKey::verifying_key);
        let vk = vk.filter(|_| direction == Direction::FromInviter);
        Self {
            composer: Composer::new(layout, TRANSCRIPT, direction, signing).unwrap(),
            inbox: Inbox::new(layout, TRANSCRIPT, direction, vk, Chain::default()),
            rng: ChaCha20Rng::from_seed([1; 32]),
        }
    }

    pub fn inviter(mode: Mode) -> Self {
        Self::new(mode, Shape::SINGLE, Direction::FromInviter)
    }

    pub fn say(&mut self, content: &Content) -> Composed {
        self.say_after(UpTo::default(), content)
    }

    pub fn say_after(&mut self, up_to: UpTo, content: &Content) -> Composed {
        let (next, composed) = self.composer.compose(START, up_to, content, &mut self.rng).unwrap();
        self.composer = next;
        composed
    }

    pub fn hear(&mut self, composed: &Composed) -> Vec<Event> {
        let heard =
            composed.bodies.iter().flat_map(|body| self.inbox.receive(START, body).unwrap());
        heard.collect()
    }

    /// The message that is shown when the last of its bodies is received.
    pub fn shown(&mut self, composed: &Composed) -> Message {
        match self.hear(composed).pop() {
            Some(Event::Message(message)) => *message,
            other => panic!("{other:?}"),
        }
    }
}

pub fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

pub fn hello(mode: Mode) -> Content {
    let vk =
        (mode == Mode::Attested).then(|| *key(Direction::FromClaimer).verifying_key().as_bytes());
    Content::Hello(Hello {
        descriptors: vec![vec![7; 90], vec![8; 91]],
        vk,
        name: "Ada".to_owned(),
        standby: vec![9; 64],
    })
}

#[test]
fn capacities_are_those_of_the_chapters_table() {
    let capacities = shapes().into_iter().map(|shape| {
        [Mode::Deniable, Mode::Attested].map(|mode| Layout::new(mode, shape).capacity())
    });
    let expected = [[608, 528], [2_960, 2_880], [1_328, 1_248], [24_464, 24_384], [13_552, 13_472]];
    assert_eq!(capacities.collect::<Vec<_>>(), expected);
    let small = Shape::new(Class::Small, 4, 4).unwrap();
    // 400 cells of the smallest kind hold less than MESSAGE_MAX.
    assert_eq!(Layout::new(Mode::Deniable, small).len_max(), 400 * 608);
    assert_eq!(Layout::new(Mode::Attested, Shape::SINGLE).len_max(), 256 * 1_024);
}

#[test]
fn the_longest_message_arrives_and_one_byte_more_is_refused() {
    for (mode, shape) in [(Mode::Deniable, shapes()[0]), (Mode::Attested, Shape::SINGLE)] {
        let mut way = Way::new(mode, shape, Direction::FromInviter);
        let max = Layout::new(mode, shape).len_max();
        let longest = way.say(&text(&"x".repeat(max)));
        assert_eq!(longest.bodies.len(), max.div_ceil(Layout::new(mode, shape).capacity()));
        assert_eq!(way.shown(&longest).content, Ok(text(&"x".repeat(max))));
        let more = text(&"x".repeat(max + 1));
        let refused = way.composer.compose(START, UpTo::default(), &more, &mut way.rng);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(&format!("{}", max + 1)), "{refused}");
    }
}

#[test]
fn nothing_is_shown_before_all_has_arrived_in_any_order() {
    let mut way = Way::inviter(Mode::Attested);
    let long = way.say(&text(&"0123456789".repeat(400)));
    assert_eq!(long.bodies.len(), 4);
    for (have, place) in [(1, 3), (2, 0), (3, 1)] {
        let events = way.inbox.receive(START, &long.bodies[place]).unwrap();
        assert_eq!(events, [Event::Waiting { id: long.id, have, count: 4 }]);
    }
    let again = way.inbox.receive(START, &long.bodies[0]).unwrap();
    assert_eq!(again, [Event::Duplicate(long.id)]);
    let events = way.inbox.receive(START, &long.bodies[2]).unwrap();
    let [Event::Message(message)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(message.content, Ok(text(&"0123456789".repeat(400))));
    assert_eq!((message.hash, message.link), (long.hash, Link::Next));
    assert!(way.inbox.pieces().is_empty());
    // All of it once more, as a resent message: shown once.
    let again = way.hear(&long);
    assert_eq!(again.last(), Some(&Event::Duplicate(long.id)));
}

#[test]
fn incomplete_messages_are_given_up_after_their_days() {
    let mut way = Way::inviter(Mode::Deniable);
    let long = way.say(&text(&"a".repeat(3_000)));
    let later = |seconds| START.plus_seconds(seconds);
    let days = u64::from(PIECE_DAYS) * 86_400;
    way.inbox.receive(START, &long.bodies[0]).unwrap();
    way.inbox.receive(later(days - 2), &long.bodies[1]).unwrap();
    assert!(way.inbox.expire(later(days - 1)).is_empty());
    let short = way.say(&text("b"));
    let events = way.inbox.receive(later(days), &short.bodies[0]).unwrap();
    assert_eq!(events[0], Event::GivenUp(long.id));
    // The rest of it does not make it whole.
    let events = way.inbox.receive(later(days), &long.bodies[2]).unwrap();
    assert_eq!(events, [Event::Waiting { id: long.id, have: 1, count: 3 }]);
    assert_eq!(way.inbox.expire(later(2 * days)), [long.id]);
}

#[test]
fn an_empty_body_says_nothing() {
    let mut way = Way::inviter(Mode::Attested);
    let empty = Layout::new(Mode::Attested, Shape::SINGLE).empty();
    assert_eq!(empty, [0; 1_424]);
    assert_eq!(way.inbox.receive(START, &empty), Ok(vec![Event::Empty]));
    assert!(way.inbox.chain().is_empty());
}

#[test]
fn gaps_are_told_and_filled() {
    let mut way = Way::inviter(Mode::Deniable);
    let said: Vec<_> = (0..6).map(|n| way.say(&text(&format!("text {n}")))).collect();
    let links = [0, 3, 5, 1, 4, 2].map(|n| way.shown(&said[n]).link);
    let gap = |first, last| Link::Gap { first, last };
    let expected = [Link::Next, gap(2, 3), gap(5, 5), Link::Filled, Link::Filled, Link::Filled];
    assert_eq!(links, expected);
    assert_eq!(way.inbox.chain().missing().count(), 0);
    for composed in &said {
        assert_eq!(way.hear(composed), [Event::Duplicate(composed.id)]);
    }
    assert_eq!(way.inbox.chain().up_to(), UpTo { number: 6, hash: said[5].hash });
}

#[test]
fn a_fork_is_told_wherever_it_shows() {
    let mut way = Way::inviter(Mode::Attested);
    let first = way.say(&text("one"));
    let mut old = Way { composer: way.composer.clone(), ..Way::inviter(Mode::Attested) };
    old.rng = ChaCha20Rng::from_seed([2; 32]);
    let (second, third) = (way.say(&text("two")), way.say(&text("three")));
    // The peer's program went back to where it stood after the first message.
    let (other, after) = (old.say(&text("zwei")), old.say(&text("drei")));
    way.shown(&first);
    way.shown(&second);
    assert_eq!(way.shown(&other).link, Link::Fork { with: 2 });
    assert_eq!(way.shown(&after).link, Link::Fork { with: 2 });
    // Of two messages with one number the one that came first stays.
    assert_eq!(way.shown(&third).link, Link::Fork { with: 3 });
    assert_eq!(way.inbox.chain().up_to(), UpTo { number: 3, hash: after.hash });
    // The same, found from above: 3 names another 2 than the one that comes later.
    let mut way = Way::inviter(Mode::Attested);
    way.shown(&first);
    assert_eq!(way.shown(&after).link, Link::Gap { first: 2, last: 2 });
    assert_eq!(way.shown(&second).link, Link::Fork { with: 3 });
    // And a first message that says there was one before it.
    let mut chain = Chain::default();
    assert_eq!(chain.judge(1, &[1; 32], &[2; 32]), Link::Fork { with: 0 });
    chain.take(1, &[1; 32], &[0; 32]);
    assert_eq!(chain.judge(1, &[1; 32], &[0; 32]), Link::Duplicate);
}

/// MESSAGE-34: in new cells, as a message comes that has no receipt, and after a restart.
#[test]
fn a_fork_is_told_once() {
    let mut way = Way::inviter(Mode::Deniable);
    let mut old = Way { rng: ChaCha20Rng::from_seed([2; 32]), ..Way::inviter(Mode::Deniable) };
    let (first, second, other) =
        (way.say(&text("one")), way.say(&text("two")), old.say(&text("eins")));
    for message in [&first, &second] {
        way.shown(message);
    }
    assert_eq!(way.shown(&other).link, Link::Fork { with: 1 });
    let chain = Chain::from_bytes(&way.inbox.chain().to_bytes()).unwrap();
    assert_eq!(&chain, way.inbox.chain());
    for _ in 0..2 {
        assert_eq!(way.hear(&other), [Event::Duplicate(other.id)]);
        let layout = Layout::new(Mode::Deniable, Shape::SINGLE);
        let direction = Direction::FromInviter;
        way.inbox = Inbox::new(layout, TRANSCRIPT, direction, None, chain.clone());
    }
    // A third message of the number is another fork.
    old = Way { rng: ChaCha20Rng::from_seed([3; 32]), ..Way::inviter(Mode::Deniable) };
    let third = old.say(&text("uno"));
    assert_eq!(way.shown(&third).link, Link::Fork { with: 1 });
    // They are remembered up to FORKS_MAX, and within the window.
    let (mut chain, hash) = (Chain::default(), |n: usize| [n as u8; 32]);
    chain.take(1, &hash(0), &[0; 32]);
    let empty = chain.to_bytes().len();
    for n in 1..=FORKS_MAX + 1 {
        chain.take(1, &hash(n), &[0; 32]);
        chain.take(1, &hash(n), &[0; 32]);
    }
    assert_eq!(chain.judge(1, &hash(1), &[0; 32]), Link::Fork { with: 1 });
    assert_eq!(chain.judge(1, &hash(2), &[0; 32]), Link::Duplicate);
    assert_eq!(chain.to_bytes().len(), empty + FORKS_MAX * 36);
    chain.take(CHAIN_WINDOW + 2, &hash(0), &hash(0));
    assert_eq!(chain.to_bytes().len(), empty + 32, "one message with what it says of another");
    // What was stored before forks were remembered.
    let mut bytes = chain.to_bytes();
    bytes[0] = 1;
    bytes.remove(5);
    assert_eq!(Chain::from_bytes(&bytes), Ok(chain));
}

#[test]
fn a_chain_is_bounded_and_survives_storage() {
    let hash = |number: u32| [number as u8; 32];
    let mut chain = Chain::default();
    for number in 1..2_000 {
        if number % 7 != 0 {
            chain.take(number, &hash(number), &hash(number - 1));
        }
        assert!(chain.len() <= CHAIN_WINDOW as usize + 1);
    }
    let low = 1_999 - CHAIN_WINDOW;
    assert_eq!(chain.missing().count(), (low..=1_999).filter(|n| n % 7 == 0).count());
    assert_eq!(chain.judge(low - 1, &hash(0), &hash(0)), Link::Stale);
    assert_eq!(chain.judge(1_996, &hash(1_996), &hash(1_995)), Link::Duplicate);
    assert_eq!(chain.judge(1_996, &hash(1), &hash(1_995)), Link::Fork { with: 1_996 });
    assert_eq!(chain.judge(1_988, &hash(1_988), &hash(1_987)), Link::Filled);
    assert_eq!(chain.judge(1_988, &hash(1_988), &hash(3)), Link::Fork { with: 1_987 });
    assert_eq!(chain.judge(1_988, &hash(1), &hash(1_987)), Link::Fork { with: 1_989 });
    let stored = chain.to_bytes();
    assert_eq!(Chain::from_bytes(&stored), Ok(chain));
    for cut in [0, 1, 4, 6, stored.len() - 1] {
        assert!(Chain::from_bytes(&stored[..cut]).is_err(), "{cut}");
    }
    // The last number that there is.
    let mut chain = Chain::default();
    assert_eq!(
        chain.judge(u32::MAX, &hash(1), &hash(2)),
        Link::Gap { first: 1, last: u32::MAX - 1 }
    );
    chain.take(u32::MAX, &hash(1), &hash(2));
    assert_eq!(chain.judge(1, &hash(1), &hash(0)), Link::Stale);
    assert_eq!(chain.missing().count(), CHAIN_WINDOW as usize);
}

#[test]
fn a_hello_is_the_claimers_first_message_and_brings_its_key() {
    for mode in [Mode::Deniable, Mode::Attested] {
        let mut way = Way::new(mode, Shape::SINGLE, Direction::FromClaimer);
        let refused = way.composer.compose(START, UpTo::default(), &text("x"), &mut way.rng);
        assert!(refused.is_err());
        let first = way.say(&hello(mode));
        let again = way.composer.compose(START, UpTo::default(), &hello(mode), &mut way.rng);
        assert!(again.is_err());
        let second = way.say(&text("before you have my hello"));
        let early = way.hear(&second).remove(0);
        match mode {
            Mode::Attested => assert_eq!(early, Event::Held(second.id)),
            Mode::Deniable => assert!(matches!(early, Event::Message(_))),
        }
        let events = way.hear(&first);
        let links: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Message(message) => Some((message.header.id, message.link)),
                _ => None,
            })
            .collect();
        match mode {
            Mode::Attested => {
                assert_eq!(links, [(first.id, Link::Next), (second.id, Link::Next)]);
                let vk = key(Direction::FromClaimer).verifying_key();
                assert_eq!(way.inbox.vk(), Some(&vk));
            }
            Mode::Deniable => assert_eq!(links, [(first.id, Link::Filled)]),
        }
        // It is sent again until it is answered.
        assert_eq!(way.hear(&first), [Event::Duplicate(first.id)]);
        let mut inviter = Way::inviter(mode);
        assert!(
            inviter
                .composer
                .compose(START, UpTo::default(), &hello(mode), &mut inviter.rng)
                .is_err()
        );
    }
}

#[test]
fn a_hello_has_the_key_that_its_session_needs() {
    for (mode, other) in [(Mode::Deniable, Mode::Attested), (Mode::Attested, Mode::Deniable)] {
        assert_eq!(hello(other).encode(mode), Err(ContentRefused::Key));
        let layout = Layout::new(mode, Shape::SINGLE);
        let signing = (other == Mode::Attested).then(|| key(Direction::FromClaimer));
        assert!(Composer::new(layout, TRANSCRIPT, Direction::FromClaimer, signing).is_err());
    }
    let Content::Hello(mut weak) = hello(Mode::Attested) else { panic!("no hello") };
    weak.vk = Some([0; 32]);
    assert_eq!(Content::Hello(weak).encode(Mode::Attested), Err(ContentRefused::Key));
}

#[test]
fn a_message_counts_for_its_session_direction_and_key_alone() {
    let mut way = Way::inviter(Mode::Attested);
    let said = way.say(&text("mine"));
    let layout = Layout::new(Mode::Attested, Shape::SINGLE);
    let inviter = Direction::FromInviter;
    let hear = |transcript, direction, signer: Direction| {
        let vk = Some(key(signer).verifying_key());
        let mut inbox = Inbox::new(layout, transcript, direction, vk, Chain::default());
        inbox.receive(START, &said.bodies[0])
    };
    let refused = Err(MessageRefused::Signature(said.id));
    assert!(hear(TRANSCRIPT, inviter, inviter).is_ok());
    assert_eq!(hear([0; 32], inviter, inviter), refused);
    assert_eq!(hear(TRANSCRIPT, inviter, Direction::FromClaimer), refused);
    // Every bit of header and content that means something is signed.
    for at in [3, 20, 40, 66, 75, 85, 111, 112, 176] {
        let mut body = said.bodies[0].clone();
        body[at] ^= 1;
        let mut inbox = Way::inviter(Mode::Attested).inbox;
        let outcome = inbox.receive(START, &body);
        assert!(matches!(outcome, Err(MessageRefused::Signature(_))), "{at}: {outcome:?}");
        assert!(inbox.chain().is_empty());
    }
}

#[test]
fn what_the_peer_has_received_is_compared_with_what_was_sent() {
    let own = [5; 32];
    for mode in [Mode::Deniable, Mode::Attested] {
        let told = UpTo { number: 3, hash: own }.cut(mode);
        assert!(told.agrees(mode, Some(&own)));
        assert!(!told.agrees(mode, None));
        assert!(!told.agrees(mode, Some(&[6; 32])));
        assert!(UpTo::default().agrees(mode, None));
        assert!(!UpTo { number: 0, hash: [1; 32] }.agrees(mode, None));
    }
    let mut way = Way::inviter(Mode::Deniable);
    let said = way.say_after(UpTo { number: 9, hash: own }, &text("x"));
    let heard = way.shown(&said);
    assert!(heard.header.up_to.agrees(Mode::Deniable, Some(&own)));
}

#[test]
fn a_listener_only_controls() {
    use edgewise_spec::message::{Broadcast, Receipt, Seen};
    let receipt = Receipt { seen: Seen::Read, messages: vec![] };
    assert!(Content::Receipt(receipt).is_control());
    assert!(Content::Broadcast(Broadcast::Pause).is_control());
    assert!(Content::Moved { number: 1, place: 0, s: 2 }.is_control());
    assert!(Content::Standby(vec![1]).is_control());
    assert!(!text("x").is_control());
    assert!(!Content::Unknown { kind: 99, bytes: vec![] }.is_control());
}

#[test]
fn a_composer_takes_up_where_it_stood() {
    let mut way = Way::inviter(Mode::Attested);
    way.say(&text("one"));
    let stored = way.composer.to_bytes();
    let new = Way::inviter(Mode::Attested).composer;
    let resumed = new.clone().resume(&stored).unwrap();
    assert_eq!(resumed.number(), 1);
    let rng = &mut ChaCha20Rng::from_seed([3; 32]);
    let (_, a) = resumed.compose(START, UpTo::default(), &text("two"), rng).unwrap();
    let rng = &mut ChaCha20Rng::from_seed([3; 32]);
    let (_, b) = way.composer.compose(START, UpTo::default(), &text("two"), rng).unwrap();
    assert_eq!(a, b);
    for bad in [&stored[1..], &stored[..36], &[]] {
        assert!(new.clone().resume(bad).is_err());
    }
}
