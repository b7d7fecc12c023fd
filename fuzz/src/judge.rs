//! What each fuzz target does with its bytes, and what must hold whatever they are.
//!
//! The same file is part of the specification's tests, which replay the corpus, so that what was
//! found once is looked at in every ordinary run.

#[path = "accept.rs"]
mod rules;

use std::sync::LazyLock;

use arrayvec::ArrayVec;
use bytes::Bytes;
use edgewise_proto::v1;
use edgewise_spec::connection::{Create, Setting, create_input};
use edgewise_spec::frame::{
    Class, Received, Writer, is_request, read_client_items, read_server_items,
};
use edgewise_spec::invitation::{Bundle, Card, ContactBundle, Descriptor};
use edgewise_spec::link::{
    Address, Blocks, ClientHandshake, Description, EpochWindow, HandshakeParams, IdentityKey,
    Limits, Progress, ServerHandshake, VerifiedEpoch,
};
use edgewise_spec::message::{BodyRefused, Content, Layout, Proof};
use edgewise_spec::scatter::{
    Arrival, Joined, OpenedPart, PartChain, Receiver, Shape, fragments, join, seal_cell, seal_part,
    shares,
};
use edgewise_spec::session::{Mode, Purpose, Session};
use edgewise_spec::suite::{Decapsulator, SigningKey, SuiteId};
use edgewise_spec::time::Now;
use prost::Message;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

pub use rules::accept;

/// The fingerprint of the server whose records and descriptions stand in the corpus, as in
/// `conformance/vectors/link.json`.
const FINGERPRINT: [u8; 32] = *include_bytes!("fingerprint");

const NOW: Now = Now::from_seconds(7_500);

static SERVER: LazyLock<HandshakeParams> = LazyLock::new(|| {
    let identity = IdentityKey::from_seed(&[1; 32]);
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    let epoch = identity.sign_epoch(7, 7_000, 8_000, &mut rng);
    HandshakeParams {
        fingerprint: identity.fingerprint(),
        epochs: EpochWindow::new([epoch]),
        suites: ArrayVec::from([SuiteId::Chacha20Poly1305, SuiteId::Aes256Gcm]),
        classes: Class::ALL.into(),
        ticks: edgewise_spec::cadence::TickMs::all().collect(),
    }
});

/// An opened block: a byte for end and class, then the block's front.
///
/// What is read is written again and read again, the same; a refused block hands on nothing.
pub fn frame_read(data: &[u8]) {
    let Some((choice, front)) = data.split_first() else { return };
    let class = Class::ALL[usize::from(choice >> 1) % 3];
    let at_server = choice & 1 == 0;
    let mut text = front.to_vec();
    text.resize(class.text_len(), 0);
    let text = Bytes::from(text);
    let read = |text, items: &mut Vec<_>| match at_server {
        true => read_client_items(text, items),
        false => read_server_items(text, items),
    };
    let mut items = Vec::new();
    if read(text, &mut items).is_err() {
        assert!(items.is_empty(), "items of a refused block");
        return;
    }
    let mut again = vec![0xaa; class.text_len()];
    let mut writer = Writer::new(&mut again);
    let mut written = Vec::new();
    for received in items {
        match received {
            Received::Unknown { tag } => assert!(tag != 0 && at_server),
            Received::Item(item) => {
                let body = item.body.as_ref().expect("a body");
                assert!(item.tag != 0 || !is_request(body), "a request without a tag");
                // A negative enum of five bytes is written in ten, so that all may not fit again.
                if writer.push(&item).is_err() {
                    return;
                }
                written.push(Received::Item(item));
            }
        }
    }
    writer.finish();
    let mut items = Vec::new();
    read(again.into(), &mut items).expect("what was written");
    assert_eq!(items, written);
}

/// The text of an address: what is accepted has one spelling.
pub fn address(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string(), text);
    }
}

/// The front of a DescribeResponse's block: what is accepted can be described again.
pub fn description(data: &[u8]) {
    let mut block = data.to_vec();
    block.resize(4_096, 0);
    let Ok(read) = Description::read(&block, &FINGERPRINT) else { return };
    assert!(read.limits.check().is_ok());
    assert!(!read.epochs.is_empty());
    let again = read.to_block().expect("it came in one block");
    assert_eq!(Description::read(&again, &FINGERPRINT), Ok(read));
}

/// An epoch record: what is accepted keeps its bytes.
pub fn epoch_record(data: &[u8]) {
    if let Ok(epoch) = VerifiedEpoch::verify(data, &FINGERPRINT) {
        assert_eq!(epoch.bytes(), data);
        assert!(epoch.not_before() < epoch.not_after());
    }
}

/// What a client sends before it has keys, cut into blocks: a byte for the class, then bytes.
///
/// Only the class's number of blocks leads to a reply, nothing to a link.
pub fn hello(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let class = Class::ALL[usize::from(*choice) % 3];
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    let mut edge = ServerHandshake::new(NOW, 10);
    let mut replied = false;
    let whole = choice & 0x80 == 0;
    for (n, block) in bytes.chunks(class.block_len()).enumerate() {
        let mut block = block.to_vec();
        if whole {
            block.resize(class.block_len(), 0);
        }
        match edge.handle_block(&SERVER, NOW, &mut rng, &mut block) {
            Ok(Progress::More) => assert!(n + 1 < class.hello_blocks()),
            Ok(Progress::Reply(blocks)) => {
                assert_eq!((n + 1, replied), (class.hello_blocks(), false));
                assert_eq!(blocks.len(), class.reply_blocks());
                replied = true;
            }
            Ok(Progress::Confirmed(_)) => panic!("a link without its keys"),
            Err(_) => return,
        }
    }
}

/// What a server answers to a good hello: a byte for the class, then bytes that are laid over an
/// honest reply. Only the honest reply confirms.
pub fn reply(data: &[u8]) {
    let Some((choice, mask)) = data.split_first() else { return };
    let class = Class::ALL[usize::from(*choice) % 3];
    let (mut client, blocks) = honest(class);
    let mut blocks: Vec<u8> = blocks.concat();
    for (place, bit) in blocks.iter_mut().zip(mask) {
        *place ^= bit;
    }
    let changed = mask.iter().take(blocks.len()).any(|bit| *bit != 0);
    let mut confirmed: Option<Box<Blocks>> = None;
    for block in blocks.chunks(class.block_len()) {
        match client.handle_block(block) {
            Ok(outcome) => confirmed = outcome,
            Err(_) => {
                assert!(changed, "an honest reply was refused");
                return;
            }
        }
    }
    assert_eq!(confirmed.is_some(), !changed);
}

/// A client that has sent its hello, and the honest reply to it.
fn honest(class: Class) -> (ClientHandshake, Vec<Bytes>) {
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    let epoch = SERVER.epochs.current(NOW).expect("an epoch").record().clone();
    let suite = SuiteId::Chacha20Poly1305;
    let (client, hello) = ClientHandshake::start(&epoch, suite, class, &mut rng);
    let mut edge = ServerHandshake::new(NOW, 10);
    for block in hello {
        match edge.handle_block(&SERVER, NOW, &mut rng, &mut block.to_vec()) {
            Ok(Progress::Reply(blocks)) => return (client, blocks),
            Ok(_) => {}
            Err(end) => panic!("{end:?}"),
        }
    }
    panic!("no reply to a whole hello");
}

/// The recipient key whose signature [`create_body`] puts under every body, so that what stands
/// behind the signature's check is reached too.
#[must_use]
pub fn recipient() -> SigningKey {
    SigningKey::from_seed(&[5; 32])
}

/// The body of a Create, signed: what is accepted is within its lists.
pub fn create_body(data: &[u8]) {
    let (transcript, limits) = ([6; 32], Limits::default());
    let setting = Setting {
        fingerprint: &FINGERPRINT,
        transcript: &transcript,
        suite: SuiteId::Chacha20Poly1305,
        class: Class::Medium,
        limits: &limits,
        access: None,
        hour: 1_000,
    };
    let signature = recipient().sign(&create_input(&transcript, data)).to_vec();
    let open =
        v1::CreateBody::decode(data).is_ok_and(|body| body.state == i32::from(v1::State::Open));
    let wire = v1::Create {
        body: Bytes::copy_from_slice(data),
        recipient_signature: signature.clone().into(),
        claim_signature: if open { signature.into() } else { Bytes::new() },
        ..v1::Create::default()
    };
    if let Ok(create) = Create::from_wire(&wire, &setting, 7) {
        assert_eq!(create.sender_key.is_some(), create.state != v1::State::Open);
        assert_eq!(create.bundle.is_empty(), create.state != v1::State::Open);
    }
}

/// The text of a card: what is accepted has one spelling, which is read the same.
pub fn card(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    match Card::parse(text) {
        Ok(card) => {
            let written = card.to_text();
            assert_eq!(Card::parse(&written).as_ref(), Ok(&card));
            let plain: String =
                text.chars().filter(|symbol| !symbol.is_ascii_whitespace()).collect();
            assert_eq!(plain.to_ascii_uppercase(), *written);
        }
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
}

/// The bytes of a bundle, of either sort: what is accepted keeps its bytes, and opens as it is
/// sealed.
pub fn bundle(data: &[u8]) {
    if let Ok(bundle) = Bundle::parse(data) {
        assert_eq!(bundle.as_bytes(), data);
        assert_eq!(bundle.servers().len(), usize::from(bundle.shape().n()));
        let card = bundle.card(true, bundle.servers().len().min(3)).expect("its own servers");
        let opened = Bundle::open(&card, &bundle.sealed(), bundle.not_after().saturating_sub(1));
        assert!(opened == Ok(bundle.clone()) || bundle.not_after() == 0);
    }
    if let Ok(contact) = ContactBundle::parse(data) {
        assert_eq!(contact.as_bytes(), data);
        assert!(contact.version() > 0 && !contact.servers().is_empty());
    }
}

/// The bytes of descriptors, one after another: what is accepted keeps its bytes.
pub fn descriptor(data: &[u8]) {
    let mut rest = data;
    while let Ok((read, left)) = Descriptor::read(rest) {
        assert_eq!([&read.to_bytes()[..], left].concat(), rest);
        rest = left;
    }
    assert!(Descriptor::parse(data).is_err() || !data.is_empty() && rest.is_empty());
}

/// An end in four places of a conversation, and the cell that comes next there, with its number.
static CONVERSATION: LazyLock<[(Session, u32, Vec<u8>); 4]> = LazyLock::new(|| {
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    let key = Decapsulator::from_seed(&[4; 32]);
    let shape = Shape::new(Class::Small, 4, 4).expect("a row of the table");
    let (ek, mode, body) = (key.encapsulator(), Mode::Deniable, vec![5; shape.body_len()]);
    let claimer = Session::claim(&[6; 32], b"bundle", &ek, shape, mode, NOW, &mut rng);
    let inviter = Session::invite(&[6; 32], b"bundle", key, shape, mode);
    let mut seal = |from: &Session| {
        let sealed = from.seal(Purpose::Message, NOW, &body, &mut rng).expect("room");
        (sealed.session, sealed.s, sealed.cell)
    };
    let open = |to: &Session, s, cell: &[u8]| to.open(NOW, s, cell).expect("honest").session;
    let (claimer, s, hello) = seal(&claimer);
    let (claimer, second, again) = seal(&claimer);
    let skipped = open(&inviter, second, &again);
    let (answering, first, answer) = seal(&skipped);
    let heard = open(&claimer, first, &answer);
    let (_, third, next) = seal(&heard);
    [
        (inviter, s, hello.clone()),
        (skipped, s, hello),
        (claimer, first, answer),
        (answering, third, next),
    ]
});

/// A byte for the place in a conversation and what is added to the number, two for a place in the
/// honest cell, then what stands there instead: only the honest cell opens.
pub fn session_cell(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let Some((place, patch)) = rest.split_first_chunk() else { return };
    let (session, s, honest) = &CONVERSATION[usize::from(choice % 4)];
    let shift = u32::from(choice / 4);
    let mut cell = honest.clone();
    let place = usize::from(u16::from_be_bytes(*place)) % cell.len();
    let end = (place + patch.len()).max(cell.len());
    cell.resize(end, 0);
    cell[place..place + patch.len()].copy_from_slice(patch);
    let opened = session.open(NOW, s + shift, &cell);
    assert_eq!(opened.is_ok(), shift == 0 && cell == *honest);
}

/// A stored session: what is taken has one encoding, and can be used.
pub fn session_state(data: &[u8]) {
    let Ok(session) = Session::from_bytes(data) else { return };
    assert_eq!(&session.to_bytes()[..], data);
    let body = vec![0; session.shape().body_len()];
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    if let Ok(sealed) = session.seal(Purpose::Message, NOW, &body, &mut rng) {
        assert_eq!(sealed.s, session.sealed() + 1);
        let _ = session.open(NOW, sealed.s, &sealed.cell);
    }
}

/// The sessions of the conversation, as seeds of the corpus.
#[allow(dead_code, reason = "the fuzzer makes no seeds")]
pub fn sessions() -> impl Iterator<Item = Vec<u8>> {
    CONVERSATION.iter().map(|(session, ..)| session.to_bytes().to_vec())
}

/// The body of a cell: a byte for the mode, then bytes that are laid over an empty body. What is
/// accepted is made again from what was read, and its content has one encoding.
pub fn message_body(data: &[u8]) {
    let Some((choice, front)) = data.split_first() else { return };
    let mode = if choice & 1 == 0 { Mode::Deniable } else { Mode::Attested };
    let layout = Layout::new(mode, Shape::SINGLE);
    let mut body = layout.empty();
    body.iter_mut().zip(front).for_each(|(to, from)| *to = *from);
    let piece = match layout.parse(&body) {
        Ok(Some(piece)) => piece,
        Ok(None) => return assert_eq!(body, layout.empty()),
        Err(refused) => return assert!(!matches!(refused, BodyRefused::Length { .. })),
    };
    assert!(piece.index < piece.count && piece.bytes.len() <= layout.capacity());
    // Pieces of other places are of no matter here: this one is made again.
    let mut content = vec![0; piece.header.len as usize];
    let start = usize::from(piece.index) * layout.capacity();
    content[start..start + piece.bytes.len()].copy_from_slice(piece.bytes);
    let bodies = layout.bodies(&piece.header, &content);
    assert_eq!(bodies.len(), usize::from(piece.count));
    assert_eq!(bodies[usize::from(piece.index)], body);
    message_content(&[&[choice & 1][..], &piece.header.kind.to_be_bytes(), piece.bytes].concat());
}

/// A content: a byte for the mode, two for the type, then bytes.
pub fn message_content(data: &[u8]) {
    let Some((front, bytes)) = data.split_first_chunk::<3>() else { return };
    let mode = if front[0] & 1 == 0 { Mode::Deniable } else { Mode::Attested };
    let kind = u16::from_be_bytes([front[1], front[2]]);
    if let Ok(content) = Content::decode(mode, kind, bytes) {
        assert_eq!(content.kind(), kind);
        assert_eq!(content.encode(mode).as_deref(), Ok(bytes));
    }
}

/// A proof: what is accepted is exported again, the same.
pub fn message_proof(data: &[u8]) {
    use edgewise_spec::message::Direction::{FromClaimer, FromInviter};
    let Ok(proof) = Proof::verify(data) else { return };
    let (inviter, claimer) = (proof.author(FromInviter), proof.author(FromClaimer));
    let messages = proof.messages().to_vec();
    let again = Proof::export(proof.transcript(), inviter, claimer, messages);
    assert_eq!(again.as_deref(), Ok(data));
    for place in 0..proof.messages().len() {
        assert!(proof.receipts(place).iter().all(|receipt| receipt.by != place));
        assert!(!proof.is_before(place, place));
    }
}

/// A part of the first cell: a byte, then bytes that are laid over an honest part. With the byte's
/// lowest bit they are laid over what the part's seal covers, as a peer can.
pub fn scatter_part(data: &[u8]) {
    let Some((choice, mask)) = data.split_first() else { return };
    let chain = || PartChain::new(&[1; 32], 0);
    let key = chain().step().expect("the first step");
    let cell = vec![2; Shape::SINGLE.cell_len()];
    let mut fragment = seal_cell(&[3; 32], &cell);
    let over = |bytes: &mut [u8]| bytes.iter_mut().zip(mask).for_each(|(to, bits)| *to ^= bits);
    if choice & 1 == 1 {
        over(&mut fragment);
    }
    let mut part = seal_part(&key, &fragment, &[3; 32]);
    if choice & 1 == 0 {
        over(&mut part);
        part.extend(mask.iter().skip(Shape::SINGLE.part_len()));
    }
    let touched = part.len().min(fragment.len() + 64 * usize::from(choice & 1 == 0));
    let changed = mask.len() > Shape::SINGLE.part_len() && choice & 1 == 0
        || mask.iter().take(touched).any(|bits| *bits != 0);
    let receiver = Receiver::new(Shape::SINGLE, vec![chain()]).expect("one connection");
    match receiver.open(0, &part) {
        Arrival::Cell { s, cell: opened } => assert!(!changed && s == 1 && opened == cell),
        Arrival::Bad(_) | Arrival::Stray => assert!(changed, "an honest part was refused"),
        other => panic!("{other:?}"),
    }
}

/// Parts of a cell of four of six, in the order in which they came: for each its place, two bytes
/// for a place in it, and what that byte is altered by.
pub fn scatter_join(data: &[u8]) {
    let shape = Shape::new(Class::Small, 4, 6).expect("a shape of the table");
    let (key, cell) = ([3; 32], vec![2; shape.cell_len()]);
    let fragments = fragments(shape, &seal_cell(&key, &cell));
    let shares = shares(shape, &key, &[[4; 32], [5; 32], [6; 32]]);
    let (mut parts, mut truth) = (Vec::new(), [None; 6]);
    for [place, high, low, bits] in data.as_chunks().0.iter().take(12) {
        let place = place % 8;
        let from = usize::from(place) % 6;
        let mut bytes = [&fragments[from][..], &shares[from][..]].concat();
        let at = usize::from(u16::from_be_bytes([*high, *low])) % bytes.len();
        bytes[at] ^= bits;
        match OpenedPart::from_bytes(shape, place, &bytes) {
            Ok(part) => {
                truth[from].get_or_insert(*bits == 0);
                parts.push(part);
            }
            Err(_) => assert!(place > 5),
        }
    }
    let good = truth.iter().filter(|part| **part == Some(true)).count();
    let there = truth.iter().flatten().count();
    let lies = (0..6).filter(|place| truth[usize::from(*place)] == Some(false));
    match join(shape, &parts) {
        Joined::Short { missing } => assert_eq!(usize::from(missing) + there, 4),
        Joined::Apart => assert!(there >= 4 && good < 4),
        Joined::Cell { cell: joined, wrong } => {
            assert!(good >= 4 && joined == cell && wrong == lies.collect::<Vec<_>>());
        }
    }
}
