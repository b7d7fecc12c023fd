//! A descriptor: one more connection, told inside a session.

use super::layout::{self, Fields, ServerRefused};
use super::secret::ConnectionSecret;
use crate::constants::HASH_LEN;
use crate::link::Address;
use crate::require;

/// A connection to be claimed: where, by which secret, and from which s on its part chain runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// The server.
    pub server: Address,
    /// c: random, drawn for this connection.
    pub secret: ConnectionSecret,
    /// The parts of a cell with s above it may go over the connection; 0 for a new direction.
    pub base: u32,
}

/// Why a descriptor is refused (INVITATION-36).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorRefused {
    /// It ends too soon.
    #[error("the descriptor ends within its {0}")]
    Short(&'static str),
    /// Its server is not acceptable.
    #[error("the descriptor's server: {0}")]
    Server(ServerRefused),
    /// Bytes follow it.
    #[error("{0} bytes follow the descriptor")]
    Surplus(usize),
}

impl Descriptor {
    /// The one encoding: server 36 + h ‖ c 32 ‖ base 4.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        layout::put_server(&mut bytes, &self.server);
        bytes.extend_from_slice(self.secret.as_bytes());
        bytes.extend_from_slice(&self.base.to_be_bytes());
        bytes
    }

    /// Reads a descriptor and nothing else.
    ///
    /// # Errors
    /// [`DescriptorRefused`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptorRefused> {
        let (descriptor, rest) = Self::read(bytes)?;
        require!(INVITATION_36, rest.is_empty(), DescriptorRefused::Surplus(rest.len()));
        Ok(descriptor)
    }

    /// Reads the descriptor in front, as where several follow one another; the rest comes back.
    ///
    /// # Errors
    /// [`DescriptorRefused`], but for bytes that follow.
    pub fn read(bytes: &[u8]) -> Result<(Self, &[u8]), DescriptorRefused> {
        let mut fields = Fields::new(bytes);
        let server = layout::server(&mut fields).map_err(DescriptorRefused::Server)?;
        let secret: [u8; HASH_LEN] = fields.array().ok_or(DescriptorRefused::Short("secret"))?;
        let base = fields.long().ok_or(DescriptorRefused::Short("base"))?;
        let secret = ConnectionSecret::from_bytes(&secret);
        Ok((Self { server, secret, base }, fields.rest()))
    }
}
