//! What a link in cadence costs, whatever is said over it.

use super::tick::TickMs;
use crate::frame::Class;

/// gRPC's prefix of a message: a flag and a length.
const GRPC_PREFIX: usize = 5;
/// Key of the field `block` of a Frame.
const FRAME_KEY: usize = 1;
/// Head of an HTTP/2 frame.
const HTTP2_HEAD: usize = 9;
/// Head, content type and tag of a TLS 1.3 record.
const TLS_RECORD: usize = 5 + 1 + 16;

/// The bytes of one block of a link on the wire, one direction, by what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockBytes {
    /// The block itself.
    pub block: usize,
    /// Its gRPC message: prefix, field key and length.
    pub grpc: usize,
    /// Its HTTP/2 frame, of which it has one.
    pub http2: usize,
    /// Its TLS record, of which it has one; 0 in cleartext.
    pub tls: usize,
}

impl BlockBytes {
    /// The bytes of a block of a class, in TLS or not. All but the block is counted from the
    /// formats, for one HTTP/2 frame and one TLS record a block, as both references send it.
    #[must_use]
    pub const fn of(class: Class, tls: bool) -> Self {
        let block = class.block_len();
        // A varint: seven bits a byte.
        let length = (usize::BITS - block.leading_zeros()).div_ceil(7) as usize;
        Self {
            block,
            grpc: GRPC_PREFIX + FRAME_KEY + length,
            http2: HTTP2_HEAD,
            tls: if tls { TLS_RECORD } else { 0 },
        }
    }

    /// All of them.
    #[must_use]
    pub const fn sum(self) -> usize {
        self.block + self.grpc + self.http2 + self.tls
    }
}

/// Bytes a day that a link in cadence sends each way, without those of TCP and IP.
///
/// The handshake, windows of HTTP/2 and pings are left out: less than a thousandth of it.
#[must_use]
pub const fn bytes_a_day(class: Class, tick: TickMs, tls: bool) -> u64 {
    tick.a_day() * BlockBytes::of(class, tls).sum() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAPTER: &str = include_str!("../../cadence.md");

    #[test]
    fn a_block_has_the_bytes_of_its_formats() {
        assert_eq!(BlockBytes::of(Class::Small, true).sum(), 1_024 + 5 + 3 + 9 + 22);
        assert_eq!(BlockBytes::of(Class::Medium, false).sum(), 4_096 + 5 + 3 + 9);
        assert_eq!(BlockBytes::of(Class::Large, false).grpc, 5 + 3);
    }

    /// The chapter's table of megabytes a day.
    #[test]
    fn the_chapter_has_the_bandwidth() {
        for tick in TickMs::all() {
            let megabytes = Class::ALL.map(|class| {
                let bytes = bytes_a_day(class, tick, true);
                format!("{}.{:02}", bytes / 1_000_000, bytes / 10_000 % 100)
            });
            let row = format!("| {} | {} |", tick.millis(), megabytes.join(" | "));
            assert!(CHAPTER.contains(&row), "cadence.md lacks {row}");
        }
    }
}
