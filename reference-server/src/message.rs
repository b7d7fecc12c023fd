//! Blocks in gRPC messages, without a buffer beyond one block.
//!
//! A gRPC message is a flag byte, a u32 length and a protobuf message; [`v1::Frame`] and the two
//! messages of Describe are all `bytes block = 1`. Reading them here, and not in a general codec,
//! bounds a link's buffers to one block, hands the block out for opening in place, and lets a
//! message that is no block at all be answered as the clauses ask and not with a status of the
//! library's own.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use edgewise_proto::v1;
use prost::Message as _;

/// Bytes that a message may be longer than its block: protobuf's key and length, and a little.
pub const MESSAGE_SLACK: usize = 16;
/// Bytes of gRPC in front of each message: flag and length.
pub const HEADER_LEN: usize = 5;
/// Bytes of gRPC and protobuf in front of each block that goes out.
pub const PREFIX_LEN: usize = HEADER_LEN + 3;

/// Takes blocks out of the bytes of a request's body.
#[derive(Debug)]
pub struct BlockReader {
    header: [u8; HEADER_LEN],
    filled: usize,
    /// The message that the header announced, as far as it has come.
    message: BytesMut,
    expected: usize,
    limit: usize,
    skipping: usize,
}

impl BlockReader {
    /// A reader for blocks of up to `block_len` bytes.
    #[must_use]
    pub fn new(block_len: usize) -> Self {
        Self {
            header: [0; HEADER_LEN],
            filled: 0,
            message: BytesMut::new(),
            expected: 0,
            limit: block_len.saturating_add(MESSAGE_SLACK),
            skipping: 0,
        }
    }

    /// From here on, blocks have `block_len` bytes and longer messages are not kept.
    pub fn expect(&mut self, block_len: usize) {
        self.limit = block_len.saturating_add(MESSAGE_SLACK);
    }

    /// The next block in `chunk`, whose bytes it consumes; `None` once it needs more.
    ///
    /// A message that is compressed, too long or no `Frame` comes out as an empty block, which is
    /// of no class: LINK-10 and FRAME-2 then apply to it as to every other wrong length.
    pub fn next(&mut self, chunk: &mut Bytes) -> Option<BytesMut> {
        if self.skipping > 0 {
            let skipped = self.skipping.min(chunk.len());
            chunk.advance(skipped);
            self.skipping -= skipped;
            if self.skipping > 0 {
                return None;
            }
        }
        if self.filled < HEADER_LEN {
            self.fill_header(chunk)?;
            let [flag, length @ ..] = self.header;
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if flag != 0 || length > self.limit {
                self.filled = 0;
                self.skipping = length;
                return Some(BytesMut::new());
            }
            self.expected = length;
            self.message.reserve(length);
        }
        let taken = (self.expected - self.message.len()).min(chunk.len());
        self.message.put(chunk.split_to(taken));
        if self.message.len() < self.expected {
            return None;
        }
        self.filled = 0;
        Some(block_of(self.message.split()))
    }

    /// Whether nothing of a message is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled == 0 && self.skipping == 0
    }

    /// Gives the buffer back while nothing is coming.
    pub fn release(&mut self) {
        if self.message.is_empty() {
            self.message = BytesMut::new();
        }
    }

    fn fill_header(&mut self, chunk: &mut Bytes) -> Option<()> {
        let missing = self.header.get_mut(self.filled..)?;
        let taken = missing.len().min(chunk.len());
        chunk.copy_to_slice(missing.get_mut(..taken)?);
        self.filled += taken;
        (self.filled == HEADER_LEN).then_some(())
    }
}

/// The block of one protobuf message; empty if it is none.
fn block_of(mut message: BytesMut) -> BytesMut {
    if let Some(prefix) = usual_prefix(&message) {
        message.advance(prefix);
        return message;
    }
    // Any other encoding that protobuf permits: an unknown field, a repeated one, a long varint.
    v1::Frame::decode(message.freeze()).map(|frame| BytesMut::from(frame.block)).unwrap_or_default()
}

/// The length of key and length of a message that is one `bytes` field 1 and nothing else.
fn usual_prefix(message: &[u8]) -> Option<usize> {
    let (&0x0a, rest) = message.split_first()? else { return None };
    let mut length = 0_usize;
    for (index, &byte) in rest.iter().take(3).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            let prefix = index + 2;
            return (length == message.len() - prefix).then_some(prefix);
        }
    }
    None
}

/// Leaves room in front of a block whose length is not known yet.
pub fn reserve_prefix(out: &mut BytesMut) {
    out.put_bytes(0, PREFIX_LEN);
}

/// Writes the prefix of the block that was appended after [`reserve_prefix`] at `start`. Returns
/// false, and takes the room back, if none was.
pub fn fill_prefix(out: &mut BytesMut, start: usize) -> bool {
    let block_len = out.len().saturating_sub(start + PREFIX_LEN);
    if block_len == 0 {
        out.truncate(start);
        return false;
    }
    if let Some(prefix) = out.get_mut(start..start + PREFIX_LEN) {
        prefix.copy_from_slice(&prefix_of(block_len));
    }
    true
}

/// Everything that stands in front of a block of `block_len` bytes, at most 16,383.
fn prefix_of(block_len: usize) -> [u8; PREFIX_LEN] {
    let length = u32::try_from(block_len).unwrap_or(u32::MAX);
    let [a, b, c, d] = length.saturating_add(3).to_be_bytes();
    // A varint of exactly two bytes.
    let [low, high] = [(length & 0x7f) as u8 | 0x80, (length >> 7 & 0x7f) as u8];
    [0, a, b, c, d, 0x0a, low, high]
}

/// A whole message around a block.
#[must_use]
pub fn message_of(block: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(PREFIX_LEN + block.len());
    out.put_slice(&prefix_of(block.len()));
    out.put_slice(block);
    out.freeze()
}

const _: () = {
    use edgewise_spec::constants::{BLOCK_LARGE, BLOCK_SMALL};
    assert!(BLOCK_SMALL >= 128 && BLOCK_LARGE < 16_384);
};

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test stops at a fault")]
mod tests {
    use super::*;
    use edgewise_spec::constants::{BLOCK_LARGE, BLOCK_MEDIUM, BLOCK_SMALL};

    fn grpc(message: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend(message);
        bytes
    }

    fn block(length: usize) -> Vec<u8> {
        (0..length).map(|index| index as u8).collect()
    }

    fn read_all(reader: &mut BlockReader, bytes: &[u8], step: usize) -> Vec<BytesMut> {
        let mut blocks = Vec::new();
        for piece in bytes.chunks(step) {
            let mut chunk = Bytes::copy_from_slice(piece);
            while let Some(block) = reader.next(&mut chunk) {
                blocks.push(block);
            }
            assert!(chunk.is_empty());
        }
        blocks
    }

    #[test]
    fn what_goes_out_is_what_protobuf_writes() {
        for length in [BLOCK_SMALL, BLOCK_MEDIUM, BLOCK_LARGE] {
            let frame = v1::Frame { block: block(length).into() };
            assert_eq!(message_of(&block(length))[..], grpc(&frame.encode_to_vec()));
        }
    }

    #[test]
    fn blocks_come_out_however_the_bytes_are_cut() {
        for step in [1, 2, 3, 7, 1_024, 5_000, 100_000] {
            let mut reader = BlockReader::new(BLOCK_MEDIUM);
            let bytes = [message_of(&block(4_096)), message_of(&block(1_024))].concat();
            let blocks = read_all(&mut reader, &bytes, step);
            assert_eq!(blocks, [block(4_096), block(1_024)], "in pieces of {step}");
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn every_encoding_that_protobuf_permits_is_read() {
        let frame = v1::Frame { block: block(1_000).into() }.encode_to_vec();
        let unknown = [&frame[..], &[0x10, 0x05]].concat();
        let twice = [&[0x0a, 0x01, 0x09][..], &frame].concat();
        let long = [&[0x0a, 0xe8, 0x87, 0x80, 0x00][..], &block(1_000)].concat();
        for message in [unknown, twice, long] {
            let blocks = read_all(&mut BlockReader::new(BLOCK_SMALL), &grpc(&message), 100);
            assert_eq!(blocks, [block(1_000)]);
        }
    }

    #[test]
    fn what_is_no_block_is_an_empty_one_and_the_next_is_read_on() {
        let mut compressed = grpc(&[1, 2, 3]);
        compressed[0] = 1;
        let long = grpc(&block(BLOCK_SMALL + MESSAGE_SLACK + 1));
        let broken = grpc(&[0x0a, 0x7f, 1]);
        let group = grpc(&[0x0b]);
        let empty = grpc(&[]);
        for bad in [compressed, long, broken, group, empty] {
            for step in [1, 1_000_000] {
                let mut reader = BlockReader::new(BLOCK_SMALL);
                let bytes = [&bad[..], &message_of(&block(BLOCK_SMALL))].concat();
                let blocks = read_all(&mut reader, &bytes, step);
                assert_eq!(blocks, [Vec::new(), block(BLOCK_SMALL)]);
            }
        }
    }

    #[test]
    fn a_length_of_four_gigabytes_costs_no_memory() {
        let mut reader = BlockReader::new(BLOCK_LARGE);
        let mut chunk = Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
        assert_eq!(reader.next(&mut chunk), Some(BytesMut::new()));
        assert_eq!(reader.next(&mut chunk), None);
        assert!(reader.message.capacity() == 0);
    }
}
