//! Fixed layouts: one field after another, none left over.

use crate::constants::HASH_LEN;
use crate::link::{Address, AddressRefused, Edge};
use crate::require;

/// The rest of a layout that is being read.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(front)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*front)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn long(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
}

/// Why the layout of a server is refused (INVITATION-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerRefused {
    /// It ends too soon.
    #[error("it is cut short")]
    Short,
    /// The option is neither 0 nor 1.
    #[error("option {0} is not 0 (TLS) or 1 (cleartext)")]
    Option(u8),
    /// The host has capitals, or is no ASCII at all.
    #[error("its host is not written in lower case")]
    Case,
    /// Host or port is not that of an address.
    #[error("{0}")]
    Edge(AddressRefused),
}

/// Appends a server: fingerprint 32 ‖ option 1 ‖ port 2 ‖ length of the host 1 ‖ host.
///
/// The host's letters become lower-case, so that a server has one spelling.
pub(super) fn put_server(out: &mut Vec<u8>, server: &Address) {
    let host = server.edge.host.to_ascii_lowercase();
    out.extend_from_slice(&server.fingerprint);
    out.push(u8::from(!server.tls));
    out.extend_from_slice(&server.edge.port.to_be_bytes());
    out.push(u8::try_from(host.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(host.as_bytes());
}

/// Reads what [`put_server`] wrote, and nothing else.
pub(super) fn server(fields: &mut Fields<'_>) -> Result<Address, ServerRefused> {
    let fingerprint = fields.array::<HASH_LEN>().ok_or(ServerRefused::Short)?;
    let option = fields.byte().ok_or(ServerRefused::Short)?;
    let port = fields.short().ok_or(ServerRefused::Short)?;
    let len = fields.byte().ok_or(ServerRefused::Short)?;
    let host = fields.bytes(usize::from(len)).ok_or(ServerRefused::Short)?;
    require!(INVITATION_10, option <= 1, ServerRefused::Option(option));
    let host = core::str::from_utf8(host).map_err(|_| ServerRefused::Case)?;
    let edge = edge(host, port).map_err(ServerRefused::Edge)?;
    let lower = !host.bytes().any(|byte| byte.is_ascii_uppercase());
    require!(INVITATION_10, lower, ServerRefused::Case);
    Ok(Address { fingerprint, edge, tls: option == 0 })
}

/// Host and port as LINK-2 has them; an IPv6 host stands without brackets.
pub(super) fn edge(host: &str, port: u16) -> Result<Edge, AddressRefused> {
    let text =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    text.parse()
}
