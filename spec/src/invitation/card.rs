//! The card: what is shown or sent, as one line of text or the QR code of it.

use core::fmt;

use arrayvec::ArrayVec;
use zeroize::Zeroizing;

use super::base32::{self, NotBase32};
use super::layout;
use super::secret::Secret;
use crate::constants::{CARD_CHECK_LEN, CARD_LEN_MAX, CARD_SERVERS_MAX, HASH_LEN, labels};
use crate::link::{Address, AddressRefused, Edge};
use crate::require;
use crate::suite;

const SCHEME: &str = "EDGEWISE";
/// Behind the port of a server that is reached without TLS.
const CLEARTEXT: char = '*';
const SECRET_SYMBOLS: usize = base32::len(HASH_LEN);
const CHECK_SYMBOLS: usize = base32::len(CARD_CHECK_LEN);

/// What a card is of, and how it was handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardKind {
    /// A one-time invitation, shown on the inviter's screen and nowhere else.
    Shown,
    /// A one-time invitation that was sent, or shown and sent.
    Sent,
    /// A contact address, for anyone.
    Address,
}

impl CardKind {
    const ALL: [Self; 3] = [Self::Shown, Self::Sent, Self::Address];

    /// The letter in a card.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Shown => 'S',
            Self::Sent => 'T',
            Self::Address => 'A',
        }
    }
}

/// A card whose every part is in order. Its Debug prints nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    kind: CardKind,
    secret: Secret,
    servers: ArrayVec<Address, CARD_SERVERS_MAX>,
}

/// Why a text is no card: what was wrong, with which value, and what to do. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardRefused {
    /// There is no text.
    #[error("there is no text; paste the whole invitation, from EDGEWISE: on")]
    Empty,
    /// It does not look like a card at all.
    #[error("this is no invitation; one begins with EDGEWISE: and goes on without a gap")]
    NoCard,
    /// It belongs to another protocol.
    #[error("this is a link of {0}:, not of Edgewise; open it with the program it is from")]
    Foreign(String),
    /// It is the address of a server.
    #[error("this is the address of a server; it invites nobody: ask for an invitation")]
    Server,
    /// It is of an unknown kind.
    #[error("kind {0} of invitation is unknown; it may need a newer version of this program")]
    Kind(char),
    /// It names none or too many servers.
    #[error("{0} is no number of servers, which is 1, 2 or 3; copy the invitation again")]
    Count(char),
    /// Its end is missing.
    #[error("the end is missing after {0} characters; copy or scan the whole invitation")]
    Truncated(usize),
    /// There is more than a card.
    #[error("something follows the invitation after {0} characters; copy it alone")]
    Surplus(usize),
    /// It is longer than any card.
    #[error("{0} characters are more than an invitation has; copy it alone")]
    Long(usize),
    /// A character is none of the alphabet.
    #[error("character {place}, {symbol:?}, does not belong there; copy the invitation again")]
    Symbol {
        /// Its place, from 1, white space not counted.
        place: usize,
        /// The character.
        symbol: char,
    },
    /// A part has another length.
    #[error("the {part} has {got} characters instead of {expected}; copy the invitation again")]
    Length {
        /// Which part.
        part: &'static str,
        /// Its length.
        got: usize,
        /// The length it has to have.
        expected: usize,
    },
    /// The check does not agree, or a spelling is none that an inviter writes.
    #[error("the invitation was altered on its way; copy or scan it again")]
    Altered,
    /// A server's host or port is not acceptable.
    #[error("{text:?} is no place of a server: {fault}; copy the invitation again")]
    Place {
        /// Host and port as they stand there.
        text: String,
        /// What is wrong.
        fault: AddressRefused,
    },
    /// It names a server twice, or none.
    #[error("the invitation names server {0} twice; ask for a new one")]
    Twice(u8),
}

impl Card {
    /// The card of a secret and the servers that hold its bundle, one to CARD_SERVERS_MAX of them.
    ///
    /// # Errors
    /// [`CardRefused::Count`] and [`CardRefused::Twice`].
    pub fn new(kind: CardKind, secret: Secret, servers: &[Address]) -> Result<Self, CardRefused> {
        let digit = u32::try_from(servers.len()).ok().and_then(|n| char::from_digit(n, 10));
        let count = CardRefused::Count(digit.unwrap_or('+'));
        if servers.is_empty() || servers.len() > CARD_SERVERS_MAX {
            return Err(count);
        }
        let lower = |server: &Address| {
            let host = server.edge.host.to_ascii_lowercase();
            Address { edge: Edge { host, port: server.edge.port }, ..server.clone() }
        };
        let servers: ArrayVec<_, CARD_SERVERS_MAX> = servers.iter().map(lower).collect();
        distinct(&servers)?;
        Ok(Self { kind, secret, servers })
    }

    /// Reads a card as people hand it on: in either case, with white space anywhere.
    ///
    /// # Errors
    /// [`CardRefused`] (INVITATION-19 to INVITATION-22).
    pub fn parse(text: &str) -> Result<Self, CardRefused> {
        let text = plain(text)?;
        let (kind, count, rest) = head(&text)?;
        let expected = 2 + 2 * count;
        let parts: Vec<&str> = rest.split('/').collect();
        let check = parts.get(expected - 1).copied().unwrap_or_default();
        if parts.len() < expected || parts.len() == expected && check.len() < CHECK_SYMBOLS {
            return Err(CardRefused::Truncated(text.len()));
        }
        let whole = parts.len() == expected && check.len() == CHECK_SYMBOLS;
        let end = text.len() - rest.len()
            + parts.iter().take(expected - 1).map(|part| part.len() + 1).sum::<usize>();
        require!(INVITATION_19, whole, CardRefused::Surplus(end + CHECK_SYMBOLS));

        let mut place = text.len() - rest.len();
        let mut parts = parts.into_iter();
        let mut next = || {
            let part = parts.next().unwrap_or_default();
            let start = place;
            place += part.len() + 1;
            (part, start)
        };
        let (part, start) = next();
        let secret = Zeroizing::new(decode::<HASH_LEN>(part, start, "secret")?);
        let mut servers = ArrayVec::new();
        for _ in 0..count {
            let (part, start) = next();
            let fingerprint = decode(part, start, "fingerprint")?;
            let (edge, tls) = server_place(next().0)?;
            let server = Address { fingerprint, edge, tls };
            servers.try_push(server).map_err(|_| CardRefused::Altered)?;
        }
        let (part, start) = next();
        let got: [u8; CARD_CHECK_LEN] = decode(part, start, "check")?;
        let front = text.get(..start).ok_or(CardRefused::Altered)?;
        require!(INVITATION_21, got == check_of(front), CardRefused::Altered);
        distinct(&servers)?;
        Ok(Self { kind, secret: Secret::from_bytes(&secret), servers })
    }

    /// The card in capitals, which the smallest QR code of it holds (INVITATION-19).
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(CARD_LEN_MAX));
        text.push_str(SCHEME);
        text.push(':');
        text.push(self.kind.letter());
        text.push_str(&self.servers.len().to_string());
        text.push('/');
        base32::encode(self.secret.as_bytes(), &mut text);
        for Address { fingerprint, edge, tls } in &self.servers {
            text.push('/');
            base32::encode(fingerprint, &mut text);
            text.push('/');
            text.push_str(&edge.host.to_ascii_uppercase());
            text.push(':');
            text.push_str(&edge.port.to_string());
            if !tls {
                text.push(CLEARTEXT);
            }
        }
        text.push('/');
        let check = check_of(&text);
        base32::encode(&check, &mut text);
        text
    }

    /// What it is of, and how it was handed on (INVITATION-23).
    #[must_use]
    pub const fn kind(&self) -> CardKind {
        self.kind
    }

    /// s.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The servers that hold the bundle: the first ones of its list, in order (INVITATION-24).
    #[must_use]
    pub fn servers(&self) -> &[Address] {
        &self.servers
    }

    /// The same card as one that was sent: who shows it and then sends it has sent it, and so has
    /// who passes it inside a session (INVITATION-23, INVITATION-38).
    #[must_use]
    pub fn sent(&self) -> Self {
        let kind = if self.kind == CardKind::Shown { CardKind::Sent } else { self.kind };
        Self { kind, ..self.clone() }
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Card")
    }
}

/// Without white space and in capitals (INVITATION-20).
fn plain(text: &str) -> Result<Zeroizing<String>, CardRefused> {
    let symbols = || text.chars().filter(|symbol| !symbol.is_ascii_whitespace());
    let len = symbols().count();
    if len > CARD_LEN_MAX {
        // What another protocol's link is, its length does not hide.
        foreign(text)?;
        return Err(CardRefused::Long(len));
    }
    let mut plain = Zeroizing::new(String::with_capacity(CARD_LEN_MAX));
    plain.extend(symbols().map(|symbol| symbol.to_ascii_uppercase()));
    if plain.is_empty() {
        return Err(CardRefused::Empty);
    }
    foreign(&plain)?;
    match plain.chars().enumerate().find(|(_, symbol)| !symbol.is_ascii_graphic()) {
        Some((place, symbol)) => Err(CardRefused::Symbol { place: place + 1, symbol }),
        None => Ok(plain),
    }
}

/// Whether the text belongs to another scheme, or to none.
fn foreign(text: &str) -> Result<(), CardRefused> {
    let text = text.trim_ascii();
    let Some((scheme, rest)) = text.split_once(':') else {
        let begun = SCHEME.get(..text.len()).is_some_and(|front| front.eq_ignore_ascii_case(text));
        return Err(if begun { CardRefused::Truncated(text.len()) } else { CardRefused::NoCard });
    };
    let is_scheme = scheme.len() <= 32
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return Err(CardRefused::NoCard);
    }
    let ours = scheme.eq_ignore_ascii_case(SCHEME);
    require!(INVITATION_22, ours, CardRefused::Foreign(scheme.to_ascii_lowercase()));
    if rest.starts_with("//") {
        return Err(CardRefused::Server);
    }
    Ok(())
}

/// Kind and number of servers, and what follows their slash.
fn head(text: &str) -> Result<(CardKind, usize, &str), CardRefused> {
    let truncated = CardRefused::Truncated(text.len());
    let front = SCHEME.len() + 1;
    let mut symbols = text.chars().skip(front);
    let Some(letter) = symbols.next() else { return Err(truncated) };
    let kind = CardKind::ALL.into_iter().find(|kind| kind.letter() == letter);
    let kind = kind.ok_or(CardRefused::Kind(letter))?;
    let Some(digit) = symbols.next() else { return Err(truncated) };
    let count = digit.to_digit(10).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| (1..=CARD_SERVERS_MAX).contains(count));
    let count = count.ok_or(CardRefused::Count(digit))?;
    match symbols.next() {
        None => Err(truncated),
        Some('/') => Ok((kind, count, text.get(front + 3..).unwrap_or_default())),
        Some(symbol) => Err(CardRefused::Symbol { place: front + 3, symbol }),
    }
}

fn decode<const N: usize>(
    text: &str,
    start: usize,
    part: &'static str,
) -> Result<[u8; N], CardRefused> {
    base32::decode(text).map_err(|fault| match fault {
        NotBase32::Symbol(at) => CardRefused::Symbol {
            place: start + at + 1,
            symbol: text.chars().nth(at).unwrap_or_default(),
        },
        NotBase32::Length => {
            CardRefused::Length { part, got: text.len(), expected: base32::len(N) }
        }
        NotBase32::Bits => CardRefused::Altered,
    })
}

/// `HOST:PORT`, and `*` where TLS is off. The last colon is the port's: an IPv6 host has no brackets.
fn server_place(text: &str) -> Result<(Edge, bool), CardRefused> {
    let refused = |fault| CardRefused::Place { text: text.to_ascii_lowercase(), fault };
    let (rest, tls) = match text.strip_suffix(CLEARTEXT) {
        Some(rest) => (rest, false),
        None => (text, true),
    };
    let (host, port) = rest.rsplit_once(':').ok_or(refused(AddressRefused::Port))?;
    let plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    let port = if plain { port.parse().ok() } else { None };
    let port = port.ok_or(refused(AddressRefused::Port))?;
    let edge = layout::edge(&host.to_ascii_lowercase(), port).map_err(refused)?;
    Ok((edge, tls))
}

fn distinct(servers: &[Address]) -> Result<(), CardRefused> {
    for (place, server) in servers.iter().enumerate() {
        let known = servers.iter().take(place).any(|it| it.fingerprint == server.fingerprint);
        let place = u8::try_from(place).unwrap_or(u8::MAX);
        require!(INVITATION_14, !known, CardRefused::Twice(place));
    }
    Ok(())
}

/// The check of everything in front of it, the slash included.
fn check_of(front: &str) -> [u8; CARD_CHECK_LEN] {
    let hash = suite::hash(&[&suite::lp(labels::INVITATION_CARD), front.as_bytes()]);
    let [a, b, c, d, e, ..] = hash;
    [a, b, c, d, e]
}

const _: () = {
    let server = 1 + SECRET_SYMBOLS + 1 + crate::constants::HOST_LEN_MAX + 1 + 5 + 1;
    let front = SCHEME.len() + 1 + 3 + SECRET_SYMBOLS;
    assert!(CARD_LEN_MAX == front + CARD_SERVERS_MAX * server + 1 + CHECK_SYMBOLS);
    // No bit of the check is without use, so it has one spelling.
    assert!(CARD_CHECK_LEN * 8 == CHECK_SYMBOLS * 5);
};
