//! Protobuf by hand, for what no generated type would write.

/// A varint.
#[must_use]
pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A field of wire type 0.
#[must_use]
pub fn number(field: u32, value: u64) -> Vec<u8> {
    [varint(u64::from(field) << 3), varint(value)].concat()
}

/// A field of wire type 2.
#[must_use]
pub fn bytes(field: u32, value: &[u8]) -> Vec<u8> {
    [varint(u64::from(field) << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

/// A field of wire types 3 and 4 around others.
#[must_use]
pub fn group(field: u32, inside: &[u8]) -> Vec<u8> {
    let (begin, end) = (varint(u64::from(field) << 3 | 3), varint(u64::from(field) << 3 | 4));
    [begin, inside.to_vec(), end].concat()
}

#[cfg(test)]
mod tests {
    use edgewise_proto::v1::{Item, Send, item::Body};
    use prost::Message;

    use super::*;

    #[test]
    fn it_is_what_prost_writes() {
        let part = vec![7; 300];
        let send = Send { handle: 1, submission: u64::MAX, part: part.clone().into() };
        let item = Item { tag: 300, body: Some(Body::Send(send)) };
        let inside = [number(1, 1), number(2, u64::MAX), bytes(3, &part)].concat();
        assert_eq!([number(1, 300), bytes(2, &inside)].concat(), item.encode_to_vec());
        let more = [item.encode_to_vec(), group(900, &number(1, 1))].concat();
        assert_eq!(Item::decode(&more[..]).unwrap(), item);
    }
}
