//! Every verb, once: the command line and the screen parse it, the daemon reads it as JSON.
//!
//! As JSON a verb is an object with one member, its name, whose value has the fields below; the
//! daemon's method `address.add` is `{"address": {"add": {…}}}`. Fields that name files of the
//! caller are not part of it: the program reads and writes them itself.

mod blocks;
mod fields;

use std::path::PathBuf;

use clap::Subcommand;
use serde::{Deserialize, Serialize};

pub(crate) use blocks::Blocks;
pub(crate) use fields::*;

/// What can be done with an open store.
#[derive(Clone, Debug, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// Invite somebody: a QR code to scan, a link, or a picture.
    Invite(Invite),
    /// Invitations that nobody has taken yet.
    #[command(subcommand)]
    Invitations(Invitations),
    /// Accept an invitation: its link, `-` for standard input, or a picture of its QR code.
    Accept(Accept),
    /// Everybody you can talk with, or one of them in full.
    Contacts(Contacts),
    /// Say something. Without a text, standard input is read.
    Send(Send),
    /// Answer a message.
    Reply(Reply),
    /// Change a message of your own.
    Edit(Reply),
    /// Withdraw a message of your own.
    Delete(At),
    /// React to a message with an emoji or a word.
    React(React),
    /// Show what has come and was not seen yet.
    Receive(Receive),
    /// Show what was said.
    History(History),
    /// Look for a text in what was said.
    Search(Search),
    /// Remember that you have seen everything up to a message, or all of it.
    Read(Read),
    /// Change the keys of every connection with a contact.
    Rotate(One),
    /// Say that the session with a contact is lost: their standby invitation begins a new one.
    Renew(One),
    /// Move a connection of what a contact sends to another server.
    Move(Move),
    /// The safety number: compare it with the contact's, by voice or in person.
    Verify(Verify),
    /// Your contact address, which anyone may have, and who asks at it.
    #[command(subcommand)]
    Address(AddressVerb),
    /// Your profiles: contacts of one know nothing of the others.
    #[command(subcommand)]
    Profile(ProfileVerb),
    /// Pass somebody else's invitation, made for this contact, on to them.
    Introduce(Introduce),
    /// Say things to somebody who only listens, or listen only.
    #[command(subcommand)]
    Broadcast(BroadcastVerb),
    /// Show nothing of a contact any more; their servers refuse what they send.
    Block(One),
    /// Show a contact again.
    Unblock(One),
    /// Call a contact by another name.
    Rename(Rename),
    /// Remove a contact with everything that was said.
    Remove(Remove),
    /// Write out what was said, as JSON lines, or a proof of it.
    Export(Export),
    /// Servers on which your connections are made.
    #[command(subcommand)]
    Servers(ServersVerb),
    /// Check files, clock, servers and connections, and say what to do about each finding.
    Doctor(Doctor),
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $action:ident($fields:ident)),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Subcommand, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(crate) enum $name { $($(#[$of])* $action($fields)),+ }
    )+};
}

actions! {
    Invitations {
        /// All of them.
        List(Nothing),
        /// The card of one again.
        Card(CardOf),
        /// Take one back.
        Withdraw(OneInvitation),
    }
    AddressVerb {
        /// Its card, and who asks at it.
        Show(ShowAddress),
        /// Make one.
        Add(AddAddress),
        /// Remove it: its card is good for nothing from then on.
        Remove(Nothing),
        /// Who asks.
        Requests(Nothing),
        /// Accept a request.
        Accept(AcceptRequest),
        /// Turn a request down; who asks learns nothing.
        Refuse(Number),
        /// Ask the owner of an address.
        Request(Request),
    }
    ProfileVerb {
        /// All of them.
        List(Nothing),
        /// Make one.
        Add(Named),
        /// Change name, words, picture or receipts of the current one.
        Set(SetProfile),
        /// Remove one with all its contacts.
        Remove(RemoveProfile),
        /// From now on, verbs that name no profile use this one.
        Use(Named),
    }
    BroadcastVerb {
        /// From now on you alone speak.
        Open(Listener),
        /// The broadcast is over.
        Close(One),
        /// Hear nothing for now.
        Pause(One),
        /// Hear it again.
        Resume(One),
    }
    ServersVerb {
        /// All of them, by rank.
        List(Nothing),
        /// Add one.
        Add(AddServer),
        /// Remove one from the list; connections on it stay.
        Remove(OneServer),
    }
}

impl Verb {
    /// Whether nothing leaves this machine for it, so that no link is needed.
    pub(crate) const fn is_offline(&self) -> bool {
        match self {
            Self::Contacts(_)
            | Self::History(_)
            | Self::Search(_)
            | Self::Export(_)
            | Self::Invitations(Invitations::List(_) | Invitations::Card(_))
            | Self::Address(AddressVerb::Show(_) | AddressVerb::Requests(_))
            | Self::Profile(ProfileVerb::List(_) | ProfileVerb::Add(_) | ProfileVerb::Use(_))
            | Self::Servers(_) => true,
            Self::Verify(verify) => !verify.same && !verify.different,
            _ => false,
        }
    }

    /// The card that comes out is written or shown so: whether to draw it, and the picture's file.
    pub(crate) fn png(&self) -> Option<&PathBuf> {
        match self {
            Self::Invite(invite) => invite.png.as_ref(),
            Self::Invitations(Invitations::Card(card)) => card.png.as_ref(),
            Self::Address(AddressVerb::Show(show)) => show.png.as_ref(),
            Self::Address(AddressVerb::Add(add)) => add.png.as_ref(),
            _ => None,
        }
    }
}
