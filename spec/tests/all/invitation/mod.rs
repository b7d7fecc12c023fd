//! Invitations: what is handed on, what is derived from it, and what becomes of it.

mod contact;
mod deposit;
mod encoding;
mod matrix;
mod story;
mod vectors;

use edgewise_spec::frame::Class;
use edgewise_spec::invitation::{Bundle, Name, Offer};
use edgewise_spec::link::{Address, Edge};
use edgewise_spec::scatter::Shape;
use edgewise_spec::suite::{Decapsulator, SigningKey};

use crate::vector::pattern;

/// The hour in which the invitations here end.
pub const NOT_AFTER: u32 = 500_168;
/// An hour in which they are good.
pub const HOUR: u32 = 500_000;

/// Server number n: a host name, or an address of either family.
pub fn server(n: usize) -> Address {
    let host = match n % 3 {
        0 => format!("edge{n}.example"),
        1 => format!("2001:db8::{n}"),
        _ => format!("192.0.2.{n}"),
    };
    let edge = Edge { host, port: 4_433 + n as u16 };
    Address { fingerprint: pattern(&format!("server {n}")), edge, tls: n != 1 }
}

pub fn servers(n: usize) -> Vec<Address> {
    (0..n).map(server).collect()
}

pub fn key() -> Decapsulator {
    Decapsulator::from_seed(&pattern("inviter's key"))
}

/// A bundle over n servers, any one of which is enough.
pub fn bundle_over(n: u8, attested: bool) -> Bundle {
    let vk = SigningKey::from_seed(&pattern("inviter's vk")).verifying_key();
    bundle_of(&servers(usize::from(n)), attested.then_some(vk))
}

pub fn bundle_of(servers: &[Address], vk: Option<edgewise_spec::suite::VerifyingKey>) -> Bundle {
    let offer = Offer {
        shape: Shape::new(Class::Medium, 1, servers.len() as u8).unwrap(),
        servers,
        ek: &key().encapsulator(),
        vk,
        name: Name::new("Ada").unwrap(),
        not_after: NOT_AFTER,
    };
    Bundle::with_salt(&offer, &pattern("salt")).unwrap()
}
