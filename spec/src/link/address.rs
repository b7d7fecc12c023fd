//! Where a server is and who it is: `edgewise://<fingerprint>@<host>:<port>`.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

use crate::constants::{HASH_LEN, HOST_LEN_MAX};
use crate::require;

const SCHEME: &str = "edgewise://";
const CLEARTEXT: &str = "?tls=off";
/// Length of 32 bytes in unpadded base64url.
const FINGERPRINT_TEXT_LEN: usize = 43;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Host and port of one edge of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Edge {
    /// A host name of 1 to HOST_LEN_MAX bytes, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The TCP port, never 0.
    pub port: u16,
}

/// A server as people hand it on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The hash of its identity key, 32 bytes (LINK-1).
    pub fingerprint: [u8; HASH_LEN],
    /// Where it is.
    pub edge: Edge,
    /// Whether TLS lies around the stream. It is not what secures the link.
    pub tls: bool,
}

/// Why an address is refused (LINK-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AddressRefused {
    /// It does not begin with `edgewise://`.
    #[error("an address begins with edgewise://")]
    Scheme,
    /// The fingerprint is not 32 bytes in unpadded base64url.
    #[error("a fingerprint is 43 characters of base64url")]
    Fingerprint,
    /// The host is empty, too long, or no host name or IP address.
    #[error("no acceptable host")]
    Host,
    /// The port is missing or not 1 to 65535 in decimal.
    #[error("no acceptable port")]
    Port,
    /// Something other than `?tls=off` follows the port.
    #[error("an unknown option behind the port")]
    Option,
}

impl FromStr for Edge {
    type Err = AddressRefused;

    fn from_str(text: &str) -> Result<Self, AddressRefused> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressRefused::Port)?;
        let port = parse_port(port).ok_or(AddressRefused::Port)?;
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        let good = match bracketed {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => is_host(host),
        };
        require!(LINK_2, good, AddressRefused::Host);
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.parse() {
            Ok(IpAddr::V6(_)) => write!(f, "[{}]:{}", self.host, self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Address {
    type Err = AddressRefused;

    fn from_str(text: &str) -> Result<Self, AddressRefused> {
        let rest = text.strip_prefix(SCHEME).ok_or(AddressRefused::Scheme)?;
        let (fingerprint, rest) = rest.split_once('@').ok_or(AddressRefused::Fingerprint)?;
        let fingerprint = decode(fingerprint).ok_or(AddressRefused::Fingerprint)?;
        let (edge, option) = rest.find('?').map_or((rest, ""), |at| rest.split_at(at));
        require!(LINK_2, option.is_empty() || option == CLEARTEXT, AddressRefused::Option);
        Ok(Self { fingerprint, edge: edge.parse()?, tls: option.is_empty() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = if self.tls { "" } else { CLEARTEXT };
        write!(f, "{SCHEME}{}@{}{option}", encode(&self.fingerprint), self.edge)
    }
}

/// Digits without sign or leading zero, so that one port has one spelling.
fn parse_port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

/// A host name or IPv4 address: labels of letters, digits and inner hyphens.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= HOST_LEN_MAX && host.split('.').all(label)
}

/// Unpadded base64url (RFC 4648, section 5) of 32 bytes.
fn encode(bytes: &[u8; HASH_LEN]) -> String {
    let mut text = String::with_capacity(FINGERPRINT_TEXT_LEN);
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut put = |sextet: u32| {
        let symbol = ALPHABET.get((sextet & 63) as usize).copied().unwrap_or_default();
        text.push(char::from(symbol));
    };
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 6 {
            held -= 6;
            put(bits >> held);
        }
    }
    put(bits << (6 - held));
    text
}

/// The 32 bytes of 43 characters; `None` unless [`encode`] gives the same text back.
fn decode(text: &str) -> Option<[u8; HASH_LEN]> {
    let mut bytes = [0; HASH_LEN];
    let mut out = bytes.iter_mut();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for symbol in text.bytes() {
        let sextet = ALPHABET.iter().position(|known| *known == symbol)?;
        bits = (bits << 6) | u32::try_from(sextet).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            *out.next()? = (bits >> held) as u8;
        }
    }
    (encode(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_its_text() {
        for text in [
            "edgewise://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@edge.example:4433",
            "edgewise://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@[2001:db8::1]:1?tls=off",
            "edgewise://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@127.0.0.1:65535",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.fingerprint, core::array::from_fn(|i| i as u8));
            assert_eq!(address.to_string(), text);
        }
    }
}
