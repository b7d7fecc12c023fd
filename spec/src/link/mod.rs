#![doc = include_str!("../../link.md")]

pub mod address;
pub mod blocks;
pub mod client;
pub mod describe;
pub mod epoch;
pub mod schedule;
pub mod server;

pub use address::{Address, AddressRefused, Edge};
pub use blocks::{BlockOpener, BlockSealer, Blocks};
pub use client::{ClientHandshake, ReplyRefused, open_reply};
pub use describe::{DescribeAnswer, Description, DescriptionRefused, Limits};
pub use epoch::{
    EpochRefused, EpochSecret, EpochWindow, Equivocation, IdentityKey, SeenEpochs, VerifiedEpoch,
    fingerprint,
};
pub use server::{
    HandshakeParams, HelloRefused, OpenedHello, Progress, ServerHandshake, open_hello,
};
