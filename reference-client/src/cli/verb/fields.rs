//! The fields of each verb.

use std::path::PathBuf;

use clap::Args;
use edgewise_spec::constants::{
    CARD_SERVERS_MAX, INVITATION_HOURS, INVITATION_HOURS_MAX, SERVERS_MAX,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Blocks;

const REDUNDANCY_MAX: i64 = CARD_SERVERS_MAX as i64;
const SERVERS: i64 = SERVERS_MAX as i64;

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field:meta])* $member:ident: $type:ty),* $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Args, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name { $($(#[$field])* pub(crate) $member: $type),* }
    )+};
}

fields! {
    Invite {
        /// Whom it is for: they are called so until they say another name.
        #[arg(long, default_value = "")]
        #[serde(default)]
        label: String,
        /// What will be said can be shown to others: messages and receipts are signed.
        #[arg(long)]
        #[serde(default)]
        attested: bool,
        /// How many servers carry what is said, each way.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=SERVERS))]
        #[serde(default = "one")]
        servers: u8,
        /// How many of them are enough: 1, 4 or 7. Fewer learn nothing together. With 4 and 7 each
        /// server has a part of what is said, with 1 all of it.
        #[arg(long, value_name = "K", default_value_t = 1,
              value_parser = clap::value_parser!(u8).range(1..=SERVERS))]
        #[serde(default = "one")]
        enough: u8,
        /// How long the blocks are that servers see; else medium, and small where 4 or 7 are
        /// enough.
        #[arg(long)]
        #[serde(default)]
        class: Option<Blocks>,
        /// Ten servers, of which any seven are enough: --servers 10 --enough 7.
        #[arg(long, conflicts_with_all = ["servers", "enough", "class"])]
        #[serde(default)]
        full: bool,
        /// Hours until it is no longer good.
        #[arg(long, default_value_t = INVITATION_HOURS,
              value_parser = clap::value_parser!(u32).range(1..=i64::from(INVITATION_HOURS_MAX)))]
        #[serde(default = "hours")]
        hours: u32,
        /// Repeat the exchange with this contact.
        #[arg(long = "for", value_name = "CONTACT")]
        #[serde(default, rename = "for")]
        contact: Option<String>,
        /// Print the link, for sending; recorded as sent.
        #[arg(long)]
        #[serde(skip)]
        link: bool,
        /// Write the QR code into a PNG file, for sending; recorded as sent.
        #[arg(long, value_name = "FILE")]
        #[serde(skip)]
        png: Option<PathBuf>,
        /// The card is shown on a screen, to somebody who is there, and nowhere else. This is so
        /// when a QR code is drawn in a terminal.
        #[arg(long, conflicts_with_all = ["link", "png"])]
        #[serde(default)]
        shown: bool,
        /// Wait until it is accepted.
        #[arg(long)]
        #[serde(default)]
        wait: bool,
        /// Seconds to wait for the servers.
        #[arg(long, default_value_t = 30)]
        #[serde(default = "thirty")]
        seconds: u64,
    }
    Accept {
        /// The link, `-` for standard input, or a PNG or JPEG file.
        card: String,
        /// What you call them; else what they call themselves.
        #[arg(long, default_value = "")]
        #[serde(default)]
        name: String,
        /// The card was read from the inviter's screen and nowhere else.
        #[arg(long)]
        #[serde(default)]
        scanned: bool,
        /// Repeat the exchange with this contact.
        #[arg(long = "for", value_name = "CONTACT")]
        #[serde(default, rename = "for")]
        contact: Option<String>,
        /// Seconds to wait until you can talk; 0 does not wait.
        #[arg(long, default_value_t = 0)]
        #[serde(default)]
        wait: u64,
    }
    Contacts {
        /// Name, beginning of a name, or id.
        contact: Option<String>,
    }
    One {
        /// Name, beginning of a name, or id.
        contact: String,
    }
    Remove {
        /// Name, beginning of a name, or id.
        contact: String,
        /// Do not ask.
        #[arg(long)]
        #[serde(skip)]
        yes: bool,
    }
    Send {
        /// Name, beginning of a name, or id.
        contact: String,
        /// The text.
        #[serde(default, with = "joined")]
        text: Vec<String>,
        /// Seconds to wait until a server has it.
        #[arg(long)]
        #[serde(default)]
        wait: Option<u64>,
    }
    Reply {
        /// Name, beginning of a name, or id.
        contact: String,
        /// Number of the message, as the history shows it.
        message: u64,
        /// The text.
        #[serde(default, with = "joined")]
        text: Vec<String>,
    }
    At {
        /// Name, beginning of a name, or id.
        contact: String,
        /// Number of the message, as the history shows it.
        message: u64,
    }
    React {
        /// Name, beginning of a name, or id.
        contact: String,
        /// Number of the message, as the history shows it.
        message: u64,
        /// An emoji or a word.
        with: String,
        /// Take it back.
        #[arg(long)]
        #[serde(default)]
        back: bool,
    }
    Receive {
        /// From this contact only.
        contact: Option<String>,
        /// Go on showing what comes.
        #[arg(long, short)]
        #[serde(default)]
        follow: bool,
        /// Leave it unseen.
        #[arg(long)]
        #[serde(default)]
        peek: bool,
        /// End after so many messages.
        #[arg(long, value_name = "N")]
        #[serde(default)]
        count: Option<u64>,
        /// Seconds to wait for messages when none is there.
        #[arg(long, default_value_t = 5)]
        #[serde(default = "five")]
        seconds: u64,
    }
    History {
        /// Name, beginning of a name, or id.
        contact: String,
        /// How many messages at most.
        #[arg(long, short = 'n', default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        #[serde(default = "fifty")]
        most: u32,
        /// Those before this one.
        #[arg(long, value_name = "MESSAGE")]
        #[serde(default)]
        before: Option<u64>,
    }
    Search {
        /// Name, beginning of a name, or id.
        contact: String,
        /// The text.
        #[arg(required = true)]
        #[serde(with = "joined")]
        text: Vec<String>,
        /// Look before this message.
        #[arg(long, value_name = "MESSAGE")]
        #[serde(default)]
        before: Option<u64>,
    }
    Read {
        /// Name, beginning of a name, or id.
        contact: String,
        /// Number of the last message seen.
        #[arg(long, value_name = "MESSAGE")]
        #[serde(default)]
        through: Option<u64>,
    }
    Move {
        /// Name, beginning of a name, or id.
        contact: String,
        /// Which connection of what they send, as `contacts NAME` numbers them.
        #[arg(long, default_value_t = 0)]
        #[serde(default)]
        place: u8,
        /// Where to; else another server of the profile.
        #[arg(long, value_name = "ADDRESS")]
        #[serde(default)]
        server: Option<String>,
    }
    Verify {
        /// Name, beginning of a name, or id.
        contact: String,
        /// You compared the numbers, and they are the same.
        #[arg(long, conflicts_with = "different")]
        #[serde(default)]
        same: bool,
        /// They differ, or an earlier comparison no longer counts.
        #[arg(long)]
        #[serde(default)]
        different: bool,
    }
    Introduce {
        /// Who gets to know somebody.
        contact: String,
        /// The invitation that somebody else has made for them.
        card: String,
        /// Who that is.
        #[arg(long)]
        name: String,
    }
    Rename {
        /// Name, beginning of a name, or id.
        contact: String,
        /// The new name.
        #[arg(required = true)]
        #[serde(with = "joined")]
        name: Vec<String>,
    }
    Export {
        /// Name, beginning of a name, or id.
        contact: String,
        /// Write to this file instead of standard output.
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        #[serde(skip)]
        out: Option<PathBuf>,
        /// Write a proof for others into this file; the session has to be attested.
        #[arg(long = "proof", value_name = "FILE")]
        #[serde(skip)]
        file: Option<PathBuf>,
        /// Answer with a proof.
        #[arg(skip)]
        #[serde(default)]
        proof: bool,
        /// The messages that the proof shows, such as 3,5-9; else the newest hundred.
        #[arg(long, value_name = "LIST", requires = "file")]
        #[serde(default)]
        messages: Option<String>,
    }
    Doctor {
        /// Seconds to wait for the servers.
        #[arg(long, default_value_t = 10)]
        #[serde(default = "ten")]
        seconds: u64,
    }
    Number {
        /// Number of the request.
        number: u64,
    }
    AcceptRequest {
        /// Number of the request.
        number: u64,
        /// What you call them.
        #[arg(long, default_value = "")]
        #[serde(default)]
        name: String,
    }
    AddAddress {
        /// How many servers carry it.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=REDUNDANCY_MAX))]
        #[serde(default = "one")]
        servers: u8,
        /// Seconds to wait for the servers.
        #[arg(long, default_value_t = 30)]
        #[serde(default = "thirty")]
        seconds: u64,
        /// Write the QR code into a PNG file.
        #[arg(long, value_name = "FILE")]
        #[serde(skip)]
        png: Option<PathBuf>,
    }
    ShowAddress {
        /// Write the QR code into a PNG file.
        #[arg(long, value_name = "FILE")]
        #[serde(skip)]
        png: Option<PathBuf>,
    }
    Request {
        /// The address's card: its link, `-` for standard input, or a picture of its QR code.
        card: String,
        /// What you say to its owner.
        #[arg(long, default_value = "")]
        #[serde(default)]
        greeting: String,
        /// Whom it is for: they are called so until they say another name.
        #[arg(long, default_value = "")]
        #[serde(default)]
        label: String,
        /// How many servers carry what is said, each way.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=SERVERS))]
        #[serde(default = "one")]
        servers: u8,
        /// How many of them are enough: 1, 4 or 7. Fewer learn nothing together. With 4 and 7 each
        /// server has a part of what is said, with 1 all of it.
        #[arg(long, value_name = "K", default_value_t = 1,
              value_parser = clap::value_parser!(u8).range(1..=SERVERS))]
        #[serde(default = "one")]
        enough: u8,
        /// How long the blocks are that servers see; else medium, and small where 4 or 7 are
        /// enough.
        #[arg(long)]
        #[serde(default)]
        class: Option<Blocks>,
        /// Ten servers, of which any seven are enough: --servers 10 --enough 7.
        #[arg(long, conflicts_with_all = ["servers", "enough", "class"])]
        #[serde(default)]
        full: bool,
        /// Wait until it is accepted.
        #[arg(long)]
        #[serde(default)]
        wait: bool,
    }
    Named {
        /// The name.
        name: String,
    }
    RemoveProfile {
        /// The name.
        name: String,
        /// Do not ask.
        #[arg(long)]
        #[serde(skip)]
        yes: bool,
    }
    OneInvitation {
        /// Its id, or the beginning of it.
        invitation: String,
    }
    CardOf {
        /// Its id, or the beginning of it.
        invitation: String,
        /// Print the link, for sending; recorded as sent.
        #[arg(long)]
        #[serde(skip)]
        link: bool,
        /// Write the QR code into a PNG file, for sending; recorded as sent.
        #[arg(long, value_name = "FILE")]
        #[serde(skip)]
        png: Option<PathBuf>,
        /// The card is shown on a screen, to somebody who is there, and nowhere else.
        #[arg(long, conflicts_with_all = ["link", "png"])]
        #[serde(default)]
        shown: bool,
    }
    SetProfile {
        /// Another name.
        #[arg(long)]
        #[serde(default)]
        name: Option<String>,
        /// Words about yourself.
        #[arg(long)]
        #[serde(default)]
        about: Option<String>,
        /// A picture.
        #[arg(long, value_name = "FILE")]
        #[serde(skip)]
        picture: Option<PathBuf>,
        /// Whether contacts are told that a message has come: on or off.
        #[arg(long, value_name = "ON|OFF", value_parser = on_off())]
        #[serde(default)]
        delivery_receipts: Option<bool>,
        /// Whether contacts are told that a message was seen: on or off.
        #[arg(long, value_name = "ON|OFF", value_parser = on_off())]
        #[serde(default)]
        read_receipts: Option<bool>,
        /// The picture's bytes, in base64.
        #[arg(skip)]
        #[serde(default)]
        picture_bytes: Option<String>,
    }
    AddServer {
        /// Its address, which begins with edgewise://
        #[arg(required_unless_present = "file")]
        #[serde(default)]
        address: Option<String>,
        /// Add all servers of a list, one address a line, as `edgewise-server network --addresses`
        /// writes it; - is standard input.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["address", "password_file", "ask"])]
        #[serde(skip)]
        file: Option<PathBuf>,
        /// The list's text.
        #[arg(skip)]
        #[serde(default)]
        list: Option<String>,
        /// It asks for a password, which is read from this file.
        #[arg(long, value_name = "FILE")]
        #[serde(skip)]
        password_file: Option<PathBuf>,
        /// It asks for a password, which is asked for here.
        #[arg(long = "password", conflicts_with = "password_file")]
        #[serde(skip)]
        ask: bool,
        /// The password.
        #[arg(skip)]
        #[serde(default)]
        password: Option<Secret>,
    }
    OneServer {
        /// Its address, id, or the beginning of either.
        server: String,
    }
    Listener {
        /// Name, beginning of a name, or id.
        contact: String,
        /// What the broadcast is called.
        name: String,
    }
    Nothing {}
}

/// A text that no `Debug` prints.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) struct Secret(pub(crate) Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.0.as_str().to_owned()
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret")
    }
}

fn on_off() -> impl clap::builder::TypedValueParser<Value = bool> {
    use clap::builder::TypedValueParser as _;
    clap::builder::PossibleValuesParser::new(["on", "off"]).map(|word| word == "on")
}

const fn one() -> u8 {
    1
}
const fn hours() -> u32 {
    INVITATION_HOURS
}
const fn five() -> u64 {
    5
}
const fn ten() -> u64 {
    10
}
const fn thirty() -> u64 {
    30
}
const fn fifty() -> u32 {
    50
}

/// Words of a command line, which are one text as JSON.
mod joined {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(words: &[String], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&words.join(" "))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        String::deserialize(from).map(|text| vec![text])
    }
}
