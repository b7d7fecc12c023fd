//! Sealing and opening the blocks of one direction, and reading what is inside.

use bytes::{Buf, Bytes};
use edgewise_proto::v1::Item;
use edgewise_proto::v1::item::Body;
use edgewise_spec::constants::{
    HASH_LEN, ITEM_PREFIX, ITEMS_MAX, NONCE_LEN, RATCHET_FRAMES, TAG_LEN, labels,
};
use edgewise_spec::suite::{Sealer, SuiteId, derive};
use prost::Message;

/// One direction's key and count.
pub struct Direction {
    suite: SuiteId,
    key: [u8; HASH_LEN],
    sealer: Sealer,
    count: u64,
}

impl std::fmt::Debug for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direction").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Direction {
    /// A direction at its block 0.
    #[must_use]
    pub fn new(suite: SuiteId, key: [u8; HASH_LEN]) -> Self {
        Self { suite, key, sealer: Sealer::new(suite, &key), count: 0 }
    }

    /// The number of the next block.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Seals the next block: text, then tag.
    #[must_use]
    pub fn seal(&mut self, mut text: Vec<u8>) -> Vec<u8> {
        let nonce = self.next_nonce();
        let tag = self.sealer.seal(&nonce, &[], &mut text);
        text.extend(tag);
        text
    }

    /// Opens the next block; `None` if it is not the next one of this direction.
    #[must_use]
    pub fn open(&mut self, block: &[u8]) -> Option<Vec<u8>> {
        let nonce = self.next_nonce();
        let (text, tag) = block.split_at_checked(block.len().checked_sub(TAG_LEN)?)?;
        let mut text = text.to_vec();
        self.sealer.open(&nonce, &[], &mut text, tag.try_into().ok()?).ok()?;
        Some(text)
    }

    // LINK-28
    fn next_nonce(&mut self) -> [u8; NONCE_LEN] {
        if self.count > 0 && self.count.is_multiple_of(RATCHET_FRAMES) {
            let mut next = [0; HASH_LEN];
            let context = self.count.to_be_bytes();
            derive(self.suite, &[&self.key], labels::LINK_RATCHET, &[&context], &mut next);
            self.key = next;
            self.sealer = Sealer::new(self.suite, &next);
        }
        let mut nonce = [0; NONCE_LEN];
        for (byte, value) in nonce.iter_mut().skip(4).zip(self.count.to_be_bytes()) {
            *byte = value;
        }
        self.count += 1;
        nonce
    }
}

/// Items as the beginning of an opened block: length and encoding of each, nothing behind.
#[must_use]
pub fn write_items(items: &[Item]) -> Vec<u8> {
    let mut text = Vec::new();
    for item in items {
        write_item(&mut text, &item.encode_to_vec());
    }
    text
}

/// Adds one item's length and bytes.
pub fn write_item(text: &mut Vec<u8>, item: &[u8]) {
    text.extend(u16::try_from(item.len()).unwrap_or(u16::MAX).to_be_bytes());
    text.extend(item);
}

/// The items of an opened block of a server (FRAME-13), each with its bytes.
///
/// # Errors
/// What is wrong with the block.
pub fn read_items(text: Vec<u8>) -> Result<Vec<(Item, Bytes)>, String> {
    let mut rest = Bytes::from(text);
    let mut items = Vec::new();
    while rest.len() >= ITEM_PREFIX {
        let length = usize::from(rest.get_u16());
        if length == 0 {
            break;
        }
        if length > rest.len() {
            return Err(format!("an item of {length} bytes where {} are left", rest.len()));
        }
        let bytes = rest.split_to(length);
        let item = Item::decode(bytes.clone())
            .map_err(|error| format!("an item that does not decode: {error}"))?;
        if !from_server(&item) {
            return Err(format!("no item of a server: {}", hex::encode(&bytes)));
        }
        items.push((item, bytes));
    }
    if rest.iter().any(|byte| *byte != 0) {
        return Err("bytes after the end that are not zero".to_owned());
    }
    if items.len() > ITEMS_MAX {
        return Err(format!("{} items", items.len()));
    }
    Ok(items)
}

fn from_server(item: &Item) -> bool {
    match &item.body {
        Some(Body::Result(result)) => result.outcome.is_some() && item.tag != 0,
        Some(
            Body::Deliver(_) | Body::Goodbye(_) | Body::Notice(_) | Body::Ended(_) | Body::Space(_),
        ) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use edgewise_proto::v1::Space;

    use super::*;

    #[test]
    fn both_ends_of_a_direction_agree_across_a_ratchet() {
        let (mut here, mut there) =
            [(); 2].map(|()| Direction::new(SuiteId::Chacha20Poly1305, [7; 32])).into();
        for direction in [&mut here, &mut there] {
            direction.count = RATCHET_FRAMES - 1;
        }
        for _ in 0..3 {
            let block = here.seal(vec![1, 2, 3]);
            assert_eq!(there.open(&block), Some(vec![1, 2, 3]));
        }
        let block = here.seal(vec![4]);
        there.count += 1;
        assert_eq!(there.open(&block), None);
    }

    #[test]
    fn what_a_server_may_not_send_is_named() {
        let space = Item { tag: 0, body: Some(Body::Space(Space { handle: 3 })) };
        let mut text = write_items(std::slice::from_ref(&space));
        text.resize(100, 0);
        assert_eq!(read_items(text.clone()).unwrap()[0].0, space);
        text[99] = 1;
        assert!(read_items(text).unwrap_err().contains("after the end"));
        assert!(read_items(vec![0, 9, 1]).unwrap_err().contains("9 bytes where 1"));
        assert!(read_items(vec![0, 1, 0xff]).unwrap_err().contains("does not decode"));
        assert!(read_items(vec![0, 2, 8, 1]).unwrap_err().contains("no item of a server"));
    }
}
