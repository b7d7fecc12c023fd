//! The numbers of rows: 63 random bits each, which tell nobody anything.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(super) i64);

        impl $name {
            /// The id of a number that [`number`](Self::number) gave.
            #[must_use]
            pub const fn from_number(number: i64) -> Self {
                Self(number)
            }

            /// The id as a number, for other programs to hold on to.
            #[must_use]
            pub const fn number(self) -> i64 {
                self.0
            }
        }
    )*};
}

ids! {
    /// A profile of the store's user.
    ProfileId
    /// A server that a profile uses.
    ServerId
    /// Somebody whom a profile talks with.
    ContactId
    /// One end of a connection.
    ConnectionId
    /// A session with a contact.
    SessionId
    /// An invitation that a profile made.
    InvitationId
    /// A piece of something incomplete.
    PieceId
}
