//! Servers: which ones a profile uses, and what is known of them.

use edgewise_spec::link::Address;

use super::codec::{Fields, Record, Writer};
use super::error::{StoreError, StoreMisuse};
use super::table::{PROFILE, SERVER};
use super::{ProfileId, Reader, SecretText, ServerId, Transaction, Versioned};

/// A server that a profile makes its connections on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The profile that uses it.
    pub profile: ProfileId,
    /// Where it is and who it is.
    pub address: Address,
    /// The password that it asks for before it makes connections.
    pub access_password: Option<SecretText>,
    /// Servers with a lower rank are used first.
    pub rank: u32,
    /// What is remembered of it, as epochs that were seen.
    pub known: Versioned,
}

impl Record for Server {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.i64(self.profile.0);
        to.bytes(self.address.to_string().as_bytes());
        let password = self.access_password.as_ref();
        to.option(password, |to, password| to.bytes(password.as_str().as_bytes()));
        to.u32(self.rank);
        self.known.write(to);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            profile: ProfileId(from.i64()?),
            address: from.text()?.parse().ok()?,
            access_password: from.option(Fields::text)?.map(SecretText::new),
            rank: from.u32()?,
            known: Versioned::read(from)?,
        })
    }
}

impl Reader<'_> {
    /// A server, if there is one of this id.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn server(&self, id: ServerId) -> Result<Option<Server>, StoreError> {
        Ok(self.find(&SERVER, &[id.0])?.map(|(_, server)| server))
    }

    /// The servers of a profile, by rank.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn servers(&self, profile: ProfileId) -> Result<Vec<(ServerId, Server)>, StoreError> {
        let rows = self.list_of::<Server>(&SERVER, profile)?;
        let mut servers: Vec<_> = rows.into_iter().map(|(id, s)| (ServerId(id), s)).collect();
        servers.sort_by_key(|(id, server)| (server.rank, *id));
        Ok(servers)
    }
}

impl Transaction<'_> {
    /// Adds a server.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`] without such a profile.
    pub fn add_server(&mut self, server: &Server) -> Result<ServerId, StoreError> {
        self.must_have(&PROFILE, server.profile.0)?;
        let id = Self::fresh();
        self.put(&SERVER, &[id, server.profile.0], server)?;
        Ok(ServerId(id))
    }

    /// Changes a server; it stays with its profile.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn set_server(&mut self, id: ServerId, server: &Server) -> Result<(), StoreError> {
        let row = self.row(&SERVER, &[id.0])?;
        if row.is_none_or(|row| row.column(1) != server.profile.0) {
            return Err(StoreMisuse::Unknown("server").into());
        }
        self.put(&SERVER, &[id.0, server.profile.0], server)
    }

    /// Removes a server. Connections on it stay.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn remove_server(&mut self, id: ServerId) -> Result<(), StoreError> {
        self.must_have(&SERVER, id.0)?;
        self.remove(&SERVER, &[id.0]).map(drop)
    }
}
