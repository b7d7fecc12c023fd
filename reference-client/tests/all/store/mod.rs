//! The store: what it keeps, from whom, and through what.

mod damage;
mod fixture;
mod held;
mod history;
mod kill;
mod lock;
mod outbox;
mod privacy;
mod records;
mod refusals;
mod session;
mod space;
mod unlock;
mod wipe;

use std::path::PathBuf;

use bytes::Bytes;
use edgewise_client::store::{
    Cell, Connection, ConnectionId, Contact, ContactId, Delivery, Direction, End, Exported, Given,
    Held, Invitation, InvitationId, Message, Options, Owner, Piece, Profile, ProfileId, Receiving,
    Says, SecretText, Sending, Server, SessionId, Store, Stretch, Unlock, Verified, Versioned,
};
use edgewise_client::{Class, Key, KeyRing, Lifetime, RecipientState, SenderState, Terms};
use edgewise_proto::v1::Role;
use edgewise_spec::client::change;
use edgewise_spec::suite::{SigningKey, hash};
use edgewise_spec::time::Now;
use tempfile::TempDir;

pub const OPTIONS: Options =
    Options { stretch: Stretch { memory_kib: 8, passes: 1 }, check_whole_max: u64::MAX };

/// A folder for one store, which a key file unlocks: that takes no stretching.
pub struct Home {
    pub folder: TempDir,
    pub path: PathBuf,
    pub unlock: Unlock,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        let unlock = Unlock::make_key_file(&folder.path().join("key")).unwrap();
        Self { folder, path, unlock }
    }

    pub fn create(&self) -> Store {
        Store::create(&self.path, &self.unlock, &OPTIONS).unwrap()
    }

    pub fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    pub fn try_open(&self) -> Result<Store, edgewise_client::store::StoreError> {
        Store::open(&self.path, &self.unlock, &OPTIONS)
    }

    pub fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        name.into()
    }
}

pub fn versioned(bytes: &[u8]) -> Versioned {
    Versioned::new(1, bytes.to_vec().into())
}

pub fn said(id: u8, text: &str) -> Message {
    Message {
        id: vec![id; 16],
        direction: Direction::Sent,
        time: Now::from_seconds(1_000 + u64::from(id)),
        stored: Now::from_seconds(2_000 + u64::from(id)),
        delivery: Delivery::Waiting,
        content: versioned(text.as_bytes()),
    }
}

fn key(seed: u8, version: u32) -> Key {
    let life = Lifetime { not_before: 5, not_after: 500, grace: 50 };
    Key::new(SigningKey::from_seed(&[seed; 32]), version, life)
}

/// A ring in the middle of a change, with the change before it in the chain too.
fn ring(role: Role, id: &[u8; 32]) -> KeyRing {
    let chain =
        [change(role, id, &key(1, 0), &key(2, 1)), change(role, id, &key(2, 1), &key(3, 2))];
    KeyRing::restore(key(3, 2), Some(key(2, 1)), chain.into_iter().collect())
}

pub fn sender() -> SenderState {
    let mut state = SenderState::new(SigningKey::from_seed(&[7; 32]), key(1, 0));
    state.keys = ring(Role::Sender, &[9; 32]);
    state.claimed = Some(([9; 32], Class::Medium));
    state.incarnation = Some(0x0102_0304);
    state.unreachable_since = Some(Now::from_seconds(77));
    state
}

pub fn recipient() -> RecipientState {
    let claim = SigningKey::from_seed(&[8; 32]);
    let bundle = Bytes::from(vec![6; 3_584]);
    let terms = Terms::usual(Class::Large);
    let mut state = RecipientState::new(&[4; 32], key(1, 0), claim, bundle, terms);
    state.keys = ring(Role::Recipient, &state.recipient_id);
    state.created = true;
    state.sender_key = Some(key(5, 1).record());
    state.suspended = true;
    state
}

pub const ADDRESS: &str =
    "edgewise://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@chat.example:4431";

/// The rows of a store in which something of every kind is stored.
pub struct Filled {
    pub profile: ProfileId,
    pub contact: ContactId,
    pub invitation: InvitationId,
    pub sender: ConnectionId,
    pub recipient: ConnectionId,
    pub session: SessionId,
}

pub fn connection(profile: ProfileId, owner: Owner, end: End) -> Connection {
    Connection { profile, owner, place: 3, address: ADDRESS.parse().unwrap(), end }
}

pub fn fill(store: &mut Store) -> Filled {
    let filled = store.write(|tx| {
        let profile = tx.add_profile(&Profile {
            name: "Ann Canary".to_owned(),
            details: versioned(b"profile-canary"),
        })?;
        tx.add_server(&Server {
            profile,
            address: ADDRESS.parse().unwrap(),
            access_password: Some(SecretText::new("password-canary".to_owned())),
            rank: 2,
            known: versioned(b"epochs-canary"),
        })?;
        let mut contact = Contact::named(profile, "Bob Canary", Now::from_seconds(9));
        contact.verified = Verified::Compared(Now::from_seconds(10));
        contact.details = versioned(b"details-canary");
        let contact = tx.add_contact(&contact)?;
        let invitation = tx.add_invitation(&Invitation {
            profile,
            label: "label-canary".to_owned(),
            given: Given::Shown,
            contact: Some(contact),
            made: Now::from_seconds(8),
            state: versioned(b"invitation-canary"),
        })?;
        let owner = Owner::Contact(contact);
        let end = End::Sender(Box::new(sender()));
        let sender = tx.add_connection(&connection(profile, owner, end))?;
        let end = End::Recipient(Box::new(recipient()));
        let owner = Owner::Invitation(invitation);
        let recipient = tx.add_connection(&connection(profile, owner, end))?;
        let session = tx.add_session(contact, &versioned(b"session-canary-0"))?;
        tx.set_setting(None, "theme-canary", &versioned(b"dark-canary"))?;
        tx.set_setting(Some(profile), "receipts-canary", &versioned(b"on"))?;
        Ok::<_, edgewise_client::store::StoreError>(Filled {
            profile,
            contact,
            invitation,
            sender,
            recipient,
            session,
        })
    });
    let filled = filled.unwrap();
    for s in 1..=5 {
        say(store, &filled, s);
    }
    hear(store, &filled);
    filled
}

/// Sends message number `s` as cell `s`.
pub fn say(store: &mut Store, filled: &Filled, s: u32) {
    let revision = store.read().session(filled.session).unwrap().unwrap().revision;
    let number = u8::try_from(s).unwrap();
    let cell = Cell { s, parts: vec![(filled.sender, part(number))] };
    let sending = Sending {
        session: filled.session,
        revision,
        state: &versioned(format!("session-canary-{s}").as_bytes()),
        cells: &[cell],
        says: Says::New(&said(number, &format!("text-canary-{s}"))),
    };
    store.write(|tx| tx.send(&sending)).unwrap();
}

pub fn part(number: u8) -> Bytes {
    vec![number; 3_920].into()
}

/// A part of cell `s` whose first part came at second 40.
pub fn held(s: u32, part: &str) -> Held {
    Held { s, since: Now::from_seconds(40), part: versioned(part.as_bytes()) }
}

fn hear(store: &mut Store, filled: &Filled) {
    let revision = store.read().session(filled.session).unwrap().unwrap().revision;
    let message = Message { direction: Direction::Received, ..said(100, "answer-canary") };
    let piece = Piece { expires: 30, content: versioned(b"piece-canary") };
    let receiving = Receiving {
        session: filled.session,
        revision,
        state: &versioned(b"session-canary-heard"),
        message: Some(&message),
        pieces: &[piece],
        joined: &[],
    };
    store
        .write(|tx| {
            tx.hold(filled.recipient, &held(3, "held-canary"))?;
            tx.set_base(filled.session, &versioned(b"base-canary"))?;
            tx.receive(&receiving)
        })
        .unwrap();
}

/// Short bytes in hex, long ones as their length and hash.
fn hex(bytes: &[u8]) -> String {
    if bytes.len() > 64 {
        return format!("{} bytes {}", bytes.len(), hex(&hash(&[bytes])));
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn keys(keys: &KeyRing) -> String {
    let one = |key: &Key| format!("{} {:?}", hex(&*key.signing().to_seed()), key.record());
    format!(
        "{} / {:?} / {}",
        one(keys.newest()),
        keys.before().map(one),
        hex(format!("{:?}", keys.chain()).as_bytes())
    )
}

fn end(end: &End) -> String {
    match end {
        End::Sender(state) => format!(
            "sender {} {:?} {:?} {:?} {:?} {:?} claim {:?}",
            keys(&state.keys),
            state.claimed,
            state.incarnation,
            state.unreachable_since,
            (state.outbox.first(), state.outbox.released(), state.outbox.lowest_unanswered()),
            state.outbox.iter().map(|kept| (hex(&kept.part), kept.accepted)).collect::<Vec<_>>(),
            state.claim.as_ref().map(|claim| hex(&*claim.to_seed())),
        ),
        End::Recipient(state) => format!(
            "recipient {} {} {:?} {:?} {} {:?} {} {} {} open {:?}",
            hex(&state.recipient_id),
            keys(&state.keys),
            state.terms,
            state.sender_key,
            state.created,
            state.suspended,
            state.window_parts,
            hex(state.claim_vk.as_bytes()),
            hex(&state.recipient_id),
            state.open.as_ref().map(|(claim, bundle)| (hex(&*claim.to_seed()), hex(bundle))),
        ),
    }
}

fn content(value: &Versioned) -> String {
    format!("{}:{}", value.version(), String::from_utf8_lossy(value.bytes()))
}

/// Everything that is stored, as lines of text.
pub fn dump(store: &Store) -> Vec<String> {
    let mut lines = Vec::new();
    let exported = store.read().export(|row| {
        let more = match &row {
            Exported::Connection(_, connection) => end(&connection.end),
            Exported::Profile(_, profile) => content(&profile.details),
            Exported::Contact(_, contact) => content(&contact.details),
            Exported::Invitation(_, invitation) => content(&invitation.state),
            Exported::Session(_, session) => content(&session.state),
            Exported::Base(_, base) => content(base),
            Exported::Piece(_, _, piece) => content(&piece.content),
            Exported::Held(_, held) => content(&held.part),
            Exported::Message(_, _, message) => content(&message.content),
            Exported::Setting(_, _, value) => content(value),
            Exported::Server(_, server) => {
                let password = server.access_password.as_ref().map(SecretText::as_str);
                format!("{password:?} {}", content(&server.known))
            }
            _ => String::new(),
        };
        let row = match row {
            // Its Debug leaves secrets out, and is long.
            Exported::Connection(id, c) => {
                format!(
                    "Connection({id:?}, {:?}, {:?}, {}, {})",
                    c.profile, c.owner, c.place, c.address
                )
            }
            other => format!("{other:?}"),
        };
        lines.push(format!("{row} {more}"));
        Ok::<_, edgewise_client::store::StoreError>(())
    });
    exported.unwrap();
    lines
}
