//! What is refused, and what a refusal leaves alone.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::v1::{self, Role};
use edgewise_spec::client::{Answer, Event, Request};
use edgewise_spec::connection::{Around, Attach, By, Create, Kind, Op, Record, State, Terms, plan};
use edgewise_spec::error::Reject;
use edgewise_spec::frame::Class;
use edgewise_spec::link::describe::Limits;
use edgewise_spec::rotation::Chain;
use edgewise_spec::store::{LinkId, Place, Slot};

use crate::world::keys::{Connection, Keys};
use crate::world::peer::{Pair, Peer};
use crate::world::server::{START, Server};

const FORGED: Bytes = Bytes::from_static(&[1; 64]);

/// ERROR-2: of three requests in one block the middle one is refused.
#[test]
fn a_refused_request_leaves_the_others_of_its_block_alone() {
    let mut server = Server::new(40);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let handle = pair.recipient_handle;
    let subscribe = v1::Subscribe { handle, window_parts: 1, window_bytes: 1 };
    let requests = [
        Request::Resume { handle },
        Request::Resume { handle: handle + 1 },
        Request::Subscribe(subscribe),
    ];
    for (token, request) in (1_001..).zip(requests) {
        pair.recipient.link.submit(token, request).unwrap();
    }
    pair.recipient.turn(server, START);
    let refused = |event: &Event| match event {
        Event::Answered { token, result } => Some((*token, result.clone().err())),
        _ => None,
    };
    let answers: Vec<_> = pair.recipient.events.iter().filter_map(refused).collect();
    assert_eq!(answers, [(1_001, None), (1_002, Some(Reject::NotAttached)), (1_003, None)]);
    assert_eq!(pair.recipient.end, None);
}

struct Fresh {
    connection: Connection,
    keys: Keys,
}

impl Fresh {
    fn new(server: &mut Server) -> Self {
        let keys = Keys::new(&mut server.rng);
        let fingerprint = *server.fingerprint();
        let connection =
            Connection::new(&mut server.rng, fingerprint, &keys.now, Class::Medium, 16);
        Self { connection, keys }
    }

    /// A Create with every fault of a list, asked over a link of a class.
    fn create(&self, server: &mut Server, class: Class, faults: &[Fault]) -> Option<Reject> {
        let mut peer = Peer::open(server, START, class);
        let mut body = self.connection.body(&self.keys.now, None);
        if faults.contains(&Fault::Field) {
            body.claim_vk.truncate(31);
        }
        if faults.contains(&Fault::Terms) {
            body.quota = 17;
        }
        let mut create = self.connection.create(&peer.transcript(), &self.keys, &body);
        if faults.contains(&Fault::Signature) {
            create.recipient_signature = FORGED;
        }
        peer.ask(server, START, Request::Create(Box::new(create))).err()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Field,
    /// A link of class large.
    LinkClass,
    Terms,
    Signature,
    /// The server asks for a password, and the proof is none.
    Access,
}

/// ERROR-6: of the faults of a Create the one is named that stands highest in the table.
#[test]
fn the_first_fault_of_the_table_is_named() {
    use Fault::{Access, Field, LinkClass, Signature, Terms};
    let rows = [
        (Field, Reject::Malformed),
        (LinkClass, Reject::WrongLinkClass),
        (Terms, Reject::Terms),
        (Signature, Reject::BadSignature),
        (Access, Reject::AccessDenied),
    ];
    for chosen in 1_u32..1 << rows.len() {
        let here = rows.iter().enumerate().filter(|(row, _)| chosen & 1 << row != 0);
        let here: Vec<_> = here.map(|(_, row)| *row).collect();
        let faults: Vec<Fault> = here.iter().map(|(fault, _)| *fault).collect();
        let class = if faults.contains(&LinkClass) { Class::Large } else { Class::Medium };
        let password = faults.contains(&Access).then_some(&b"password"[..]);
        let mut server = Server::with(41, Limits::default(), password);
        let fresh = Fresh::new(&mut server);
        let refused = fresh.create(&mut server, class, &faults);
        assert_eq!(refused, Some(here[0].1), "{faults:?}");
        assert_eq!(server.store.stats().connections, 0, "{faults:?}");
    }
}

/// ERROR-6, over an attachment and before there is one.
#[test]
fn handles_come_before_terms_signatures_and_records() {
    let mut server = Server::new(42);
    let server = &mut server;
    let mut pair = Pair::new(server, START, Class::Small, 16);
    let (peer, handle) = (&mut pair.recipient, pair.recipient_handle);
    let subscribe = v1::Subscribe { handle: handle + 1, window_parts: 0, window_bytes: 0 };
    let refused = peer.ask(server, START, Request::Subscribe(subscribe));
    assert_eq!(refused, Err(Reject::NotAttached));
    let rotate = v1::Rotate { handle: handle + 1, change: None };
    let refused = peer.ask(server, START, Request::Rotate(Box::new(rotate)));
    assert_eq!(refused, Err(Reject::Malformed));

    let stranger = Keys::new(&mut server.rng);
    let mut forged = |handle, keys: &Keys| {
        let transcript = peer.transcript();
        let mut attach = pair.connection.attach(&transcript, handle, Role::Recipient, keys, 0);
        attach.signature = FORGED;
        peer.ask(server, START, Request::Attach(Box::new(attach)))
    };
    assert_eq!(forged(handle, &stranger), Err(Reject::HandleTaken));
    assert_eq!(forged(handle + 1, &stranger), Err(Reject::BadSignature));
    let suspend = Request::Suspend { handle };
    assert_eq!(peer.ask(server, START, suspend), Ok(Answer::Done));
    // A gap comes before the row that is full.
    let ahead = pair.sender.send(server, START, pair.sender_handle, 1, 0);
    assert_eq!(ahead, Err(Reject::Gap { next: 0 }));
}

/// ERROR-5: whether there is no record or one under another key takes the same time. The least
/// time of many is compared, which no other load of the machine lengthens.
#[test]
fn the_common_refusal_takes_no_longer_for_what_is_unknown() {
    let mut server = Server::new(43);
    let Fresh { connection, keys } = Fresh::new(&mut server);
    let record = Record::new(
        &Create {
            recipient_id: connection.recipient_id,
            sender_id: [2; 32],
            recipient_key: keys.now.record,
            sender_key: None,
            state: State::Open,
            kind: Kind::Contact,
            class: Class::Medium,
            terms: Terms::new(16, 30, 7).unwrap(),
            bundle: Bytes::new(),
            chain: Chain::default(),
            incarnation: 5,
        },
        START,
    );
    let around = Around {
        slot: Slot(0),
        claim_key_taken: false,
        buried: false,
        full: false,
        deposited: false,
    };
    let stranger = Keys::new(&mut server.rng);
    let attach = connection.attach(&[0; 32], 0, Role::Recipient, &stranger, 0);
    let attach = Op::Attach(Box::new(Attach::from_wire(&attach, Class::Medium).unwrap()));
    let place = Place { link: LinkId(NonZeroU32::MIN), handle: 0 };
    let by = By { slot: Slot(0), incarnation: 6, version: 0, role: Role::Recipient, place };
    for op in [attach, Op::Resume { by }] {
        let least = |record: Option<&Record>| {
            let times = (0..1_000).map(|_| {
                let start = Instant::now();
                let planned = plan(record, &around, &op, START);
                let time = start.elapsed();
                assert_eq!(planned.outcome, Err(Reject::Refused));
                time
            });
            times.min().unwrap()
        };
        let (known, unknown) = (least(Some(&record)), least(None));
        let apart = known.abs_diff(unknown);
        assert!(apart < Duration::from_micros(20), "{known:?} known, {unknown:?} unknown");
    }
}
