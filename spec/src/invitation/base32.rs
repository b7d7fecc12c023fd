//! Base32 (RFC 4648, section 6) without padding: half the alphabet, and a third smaller QR codes.
//!
//! What is spelled is secret, so no symbol is looked up or branched on (SUITE-27).

/// Appends `bytes` in capitals.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            out.push(symbol(bits >> held));
        }
    }
    if held > 0 {
        out.push(symbol(bits << (5 - held)));
    }
}

/// Why a text is not the one spelling of N bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotBase32 {
    /// The character at this place is no symbol.
    Symbol(usize),
    /// It has another number of symbols.
    Length,
    /// The last symbol has bits that no byte needs.
    Bits,
}

/// Number of symbols for `len` bytes.
pub(super) const fn len(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

/// The N bytes of a text in capitals.
pub(super) fn decode<const N: usize>(text: &str) -> Result<[u8; N], NotBase32> {
    if let Some(place) = text.bytes().position(|symbol| value(symbol).is_none()) {
        return Err(NotBase32::Symbol(place));
    }
    if text.len() != len(N) {
        return Err(NotBase32::Length);
    }
    let mut bytes = [0; N];
    let mut out = bytes.iter_mut();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for quintet in text.bytes().filter_map(value) {
        bits = (bits << 5) | quintet;
        held += 5;
        if held >= 8 {
            held -= 8;
            if let Some(byte) = out.next() {
                *byte = (bits >> held & 0xff) as u8;
            }
        }
    }
    if bits & ((1 << held) - 1) == 0 { Ok(bytes) } else { Err(NotBase32::Bits) }
}

/// `A` to `Z`, then `2` to `7`.
fn symbol(quintet: u32) -> char {
    let quintet = (quintet & 31) as u8;
    // All ones from 26 on.
    let digit = (25_u8.wrapping_sub(quintet) >> 7).wrapping_neg();
    char::from(quintet + b'A' - (digit & (b'A' + 26 - b'2')))
}

/// What a symbol stands for. Whether it is one at all is no secret; which one is.
fn value(symbol: u8) -> Option<u32> {
    let within = |low: u8, high: u8| {
        let above = u16::from(symbol).wrapping_sub(u16::from(low)) >> 15;
        let below = u16::from(high).wrapping_sub(u16::from(symbol)) >> 15;
        u32::from(1 ^ (above | below))
    };
    let (letter, digit) = (within(b'A', b'Z'), within(b'2', b'7'));
    let letter_value = u32::from(symbol).wrapping_sub(u32::from(b'A'));
    let digit_value = u32::from(symbol).wrapping_sub(u32::from(b'2')).wrapping_add(26);
    let found = (letter_value & letter.wrapping_neg()) | (digit_value & digit.wrapping_neg());
    (letter | digit == 1).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_without_padding() {
        let pairs = [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ];
        for (bytes, text) in pairs {
            let mut out = String::new();
            encode(bytes.as_bytes(), &mut out);
            assert_eq!(out, text);
            assert_eq!(out.len(), len(bytes.len()));
        }
        assert_eq!(&decode::<6>("MZXW6YTBOI").unwrap(), b"foobar");
        assert_eq!(decode::<6>("MZXW6YTBOJ"), Err(NotBase32::Bits));
        assert_eq!(decode::<6>("MZXW6YTBO"), Err(NotBase32::Length));
        assert_eq!(decode::<6>("MZXW1YTBOI"), Err(NotBase32::Symbol(4)));
    }

    #[test]
    fn every_byte_is_a_symbol_or_none() {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        for byte in 0..=u8::MAX {
            let expected = alphabet.bytes().position(|known| known == byte);
            assert_eq!(value(byte), expected.map(|place| place as u32), "{byte}");
        }
        let spelled: String = (0..32).map(symbol).collect();
        assert_eq!(spelled, alphabet);
    }
}
