#![doc = include_str!("../../invitation.md")]

mod base32;
mod bundle;
mod card;
mod claimer;
mod contact;
mod descriptor;
mod inviter;
mod layout;
mod name;
mod request;
mod secret;

pub use bundle::{Bundle, BundleRefused, Offer};
pub use card::{Card, CardKind, CardRefused};
pub use claimer::{Answer, Claim, Claimer, Claiming, Given, Place, Ready, Seeking, Step, Waiting};
pub use contact::{Announcement, ContactBundle, ContactKey, ContactKeys, Root};
pub use descriptor::{Descriptor, DescriptorRefused};
pub use inviter::{Ask, Claimed, Happened, Inviter, Lost, Made, Making, Places};
pub use layout::ServerRefused;
pub use name::{Name, NameRefused};
pub use request::{Request, RequestRefused};
pub use secret::{ConnectionSecret, Secret, bundle_at, filler};

const _: () = {
    use crate::constants as c;
    // The longest bundle of either sort fits its text.
    let servers = c::SERVERS_MAX * (c::HASH_LEN + 4 + c::HOST_LEN_MAX);
    let rest = servers + c::EK_LEN + 1 + c::NAME_LEN_MAX + 4;
    assert!(2 + c::HASH_LEN + 6 + rest + c::VK_LEN <= c::BUNDLE_TEXT_LEN);
    assert!(2 + c::HASH_LEN + c::VK_LEN + 7 + rest + c::SIGNATURE_LEN <= c::BUNDLE_TEXT_LEN);
};
