//! Connections: the ends that a profile holds, with everything they keep over restarts.
//!
//! The parts of a sender's outbox are rows of their own ([`outbox`](super::outbox)), so that
//! storing a part does not rewrite the others; here stand the numbers that go with them.

mod end;

use edgewise_spec::client::{Kept, Outbox, RecipientState, SenderState};
use edgewise_spec::link::Address;

use super::codec::{Fields, Record, Writer};
use super::error::{StoreError, StoreMisuse};
use super::table::{CONNECTION, CONTACT, HELD, INVITATION, OUTBOX, PROFILE};
use super::{ConnectionId, ContactId, InvitationId, ProfileId, Reader, Transaction};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The profile itself, as a contact address or a loop.
    Profile,
    /// An invitation that nobody has taken yet.
    Invitation(InvitationId),
    /// A contact.
    Contact(ContactId),
}

/// One end, in its role.
#[derive(Clone, Debug)]
pub enum End {
    /// The end that hands parts in.
    Sender(Box<SenderState>),
    /// The end that parts are delivered to.
    Recipient(Box<RecipientState>),
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The profile that holds it. It never changes.
    pub profile: ProfileId,
    /// What it is for.
    pub owner: Owner,
    /// Its place *i* among the connections of its direction.
    pub place: u8,
    /// The server.
    pub address: Address,
    /// The end's state.
    pub end: End,
}

impl Record for Connection {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.i64(self.profile.0);
        match self.owner {
            Owner::Profile => to.u8(0),
            Owner::Invitation(id) => {
                to.u8(1);
                to.i64(id.0);
            }
            Owner::Contact(id) => {
                to.u8(2);
                to.i64(id.0);
            }
        }
        to.u8(self.place);
        to.bytes(self.address.to_string().as_bytes());
        match &self.end {
            End::Sender(state) => {
                to.u8(1);
                end::write_sender(to, state);
            }
            End::Recipient(state) => {
                to.u8(2);
                end::write_recipient(to, state);
            }
        }
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            profile: ProfileId(from.i64()?),
            owner: match from.u8()? {
                0 => Owner::Profile,
                1 => Owner::Invitation(InvitationId(from.i64()?)),
                2 => Owner::Contact(ContactId(from.i64()?)),
                _ => return None,
            },
            place: from.u8()?,
            address: from.text()?.parse().ok()?,
            end: match from.u8()? {
                1 => End::Sender(Box::new(end::read_sender(from)?)),
                2 => End::Recipient(Box::new(end::read_recipient(from)?)),
                _ => return None,
            },
        })
    }
}

impl Reader<'_> {
    /// A connection, if there is one of this id; a sender with its whole outbox.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn connection(&self, id: ConnectionId) -> Result<Option<Connection>, StoreError> {
        let Some((_, mut connection)) = self.find::<Connection>(&CONNECTION, &[id.0])? else {
            return Ok(None);
        };
        self.fill(id, &mut connection)?;
        Ok(Some(connection))
    }

    /// The connections of a profile, senders with their outboxes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn connections(
        &self,
        profile: ProfileId,
    ) -> Result<Vec<(ConnectionId, Connection)>, StoreError> {
        let mut all = Vec::new();
        for (id, mut connection) in self.list_of::<Connection>(&CONNECTION, profile)? {
            let id = ConnectionId(id);
            self.fill(id, &mut connection)?;
            all.push((id, connection));
        }
        Ok(all)
    }

    /// The state of a sender without its parts.
    pub(super) fn sender(&self, id: ConnectionId) -> Result<(Connection, SenderState), StoreError> {
        let found = self.find::<Connection>(&CONNECTION, &[id.0])?;
        let (_, connection) = found.ok_or(StoreMisuse::Unknown("connection"))?;
        match &connection.end {
            End::Sender(state) => {
                let state = (**state).clone();
                Ok((connection, state))
            }
            End::Recipient(_) => Err(StoreMisuse::OtherRole.into()),
        }
    }

    /// Puts the stored parts into a sender's state.
    fn fill(&self, id: ConnectionId, connection: &mut Connection) -> Result<(), StoreError> {
        let End::Sender(state) = &mut connection.end else { return Ok(()) };
        let Numbers { first, released, answered } = Numbers::of(&state.outbox);
        let mut kept = std::collections::VecDeque::new();
        for (number, part) in self.parts(id)? {
            if number != released.saturating_add(kept.len() as u64) {
                return Err(self.corrupt("a part of an outbox is missing"));
            }
            kept.push_back(Kept { part: part.part, accepted: number < answered });
        }
        state.outbox = Outbox::restore(first, released, kept);
        Ok(())
    }
}

/// Where a sender's outbox stands, without its parts.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    /// The submission of the part `released`.
    pub(super) first: u64,
    /// The number of the oldest part that is kept.
    pub(super) released: u64,
    /// The number of the oldest part without an answer.
    pub(super) answered: u64,
}

impl Numbers {
    pub(super) fn of(outbox: &Outbox) -> Self {
        let (first, released) = (outbox.first(), outbox.released());
        let ahead = outbox.lowest_unanswered().saturating_sub(first);
        Self { first, released, answered: released.saturating_add(ahead) }
    }

    /// The same row with every part below `number` gone.
    pub(super) fn released_below(self, number: u64) -> Self {
        let gone = number.saturating_sub(self.released);
        let released = self.released.saturating_add(gone);
        let first = self.first.saturating_add(gone);
        Self { first, released, answered: self.answered.max(released) }
    }

    /// An outbox that stands here and has the answered parts in its numbers only: its parts are
    /// rows, and these are not kept in memory twice.
    pub(super) fn outbox(self) -> Outbox {
        let answered = self.answered.saturating_sub(self.released);
        let kept = Kept { part: bytes::Bytes::new(), accepted: true };
        let kept = (0..answered).map(|_| kept.clone()).collect();
        Outbox::restore(self.first, self.released, kept)
    }
}

impl Transaction<'_> {
    /// Adds a connection; a sender's outbox must be empty.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`] without such a profile or owner, [`StoreMisuse::PartNotStored`].
    pub fn add_connection(&mut self, connection: &Connection) -> Result<ConnectionId, StoreError> {
        self.must_have(&PROFILE, connection.profile.0)?;
        self.must_own(connection.owner)?;
        if let End::Sender(state) = &connection.end {
            let (pushed, stored) = (state.outbox.next_number(), state.outbox.released());
            if pushed > stored {
                return Err(StoreMisuse::PartNotStored { pushed, stored }.into());
            }
        }
        let id = Self::fresh();
        self.put(&CONNECTION, &[id, connection.profile.0], connection)?;
        Ok(ConnectionId(id))
    }

    fn must_own(&self, owner: Owner) -> Result<(), StoreError> {
        match owner {
            Owner::Profile => Ok(()),
            Owner::Invitation(id) => self.must_have(&INVITATION, id.0),
            Owner::Contact(id) => self.must_have(&CONTACT, id.0),
        }
    }

    /// Gives a connection another owner, as when an invitation is taken.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn set_owner(&mut self, id: ConnectionId, owner: Owner) -> Result<(), StoreError> {
        self.must_own(owner)?;
        let found = self.find::<Connection>(&CONNECTION, &[id.0])?;
        let (row, connection) = found.ok_or(StoreMisuse::Unknown("connection"))?;
        let connection = Connection { owner, ..connection };
        self.put(&CONNECTION, &row.columns, &connection)
    }

    /// Stores a sender's state: keys, claim, incarnation and the numbers of its outbox. Parts that
    /// it has released are removed; parts that it does not know yet stay.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`], [`StoreMisuse::OtherRole`], and
    /// [`StoreMisuse::PartNotStored`] if it has parts that no [`send`](Self::send) stored.
    pub fn set_sender(&mut self, id: ConnectionId, state: &SenderState) -> Result<(), StoreError> {
        let (connection, before) = self.sender(id)?;
        let before = Numbers::of(&before.outbox);
        let stored = self.next_number(id, before.released)?;
        let pushed = state.outbox.next_number();
        if pushed > stored {
            return Err(StoreMisuse::PartNotStored { pushed, stored }.into());
        }
        // Neither side forgets what the other has released.
        let numbers = Numbers::of(&state.outbox).released_below(before.released);
        self.remove_parts(id, before.released, numbers.released)?;
        self.put_sender(id, connection, state, numbers)
    }

    pub(super) fn put_sender(
        &mut self,
        id: ConnectionId,
        connection: Connection,
        state: &SenderState,
        numbers: Numbers,
    ) -> Result<(), StoreError> {
        let state = SenderState { outbox: numbers.outbox(), ..state.clone() };
        let profile = connection.profile.0;
        let connection = Connection { end: End::Sender(Box::new(state)), ..connection };
        self.put(&CONNECTION, &[id.0, profile], &connection)
    }

    /// Stores a recipient's state.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`], [`StoreMisuse::OtherRole`].
    pub fn set_recipient(
        &mut self,
        id: ConnectionId,
        state: &RecipientState,
    ) -> Result<(), StoreError> {
        let found = self.find::<Connection>(&CONNECTION, &[id.0])?;
        let (row, connection) = found.ok_or(StoreMisuse::Unknown("connection"))?;
        if matches!(connection.end, End::Sender(_)) {
            return Err(StoreMisuse::OtherRole.into());
        }
        let end = End::Recipient(Box::new(state.clone()));
        self.put(&CONNECTION, &row.columns, &Connection { end, ..connection })
    }

    /// Removes a connection with its parts, of whichever direction.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`].
    pub fn remove_connection(&mut self, id: ConnectionId) -> Result<(), StoreError> {
        self.must_have(&CONNECTION, id.0)?;
        self.remove_all(&OUTBOX, id.0)?;
        self.remove_all(&HELD, id.0)?;
        self.remove(&CONNECTION, &[id.0]).map(drop)
    }
}
