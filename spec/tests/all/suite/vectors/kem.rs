//! Vectors of X-Wing: keys, and decapsulation, since nobody's encapsulation need be repeatable.

use edgewise_spec::suite::{Decapsulator, Encapsulator, KeyRefused};
use serde::{Deserialize, Serialize};

use super::signature::Nothing;
use crate::vector::{Hex, Vector, pattern, vector};

type Outcome<O> = Result<O, &'static str>;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SeedInput {
    seed: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SeedOutput {
    ek: Hex,
}

pub type SeedVector = Vector<SeedInput, SeedOutput>;

pub fn x_wing_key(input: &SeedInput) -> Outcome<SeedOutput> {
    let key = Decapsulator::from_seed(&input.seed.array());
    Ok(SeedOutput { ek: key.encapsulator().as_bytes().into() })
}

pub fn seeds() -> Vec<SeedVector> {
    let make = |id, comment, seed: [u8; 32]| {
        let input = SeedInput { seed: seed.into() };
        let output = x_wing_key(&input);
        vector(id, comment, &["SUITE-17"], &[], input, output)
    };
    vec![
        make("x-wing-key/usual", "a seed", pattern("x-wing")),
        make("x-wing-key/zeros", "a seed of zeros", [0; 32]),
    ]
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct KeyInput {
    ek: Hex,
}

pub type KeyVector = Vector<KeyInput, Nothing>;

pub fn encapsulation_key(input: &KeyInput) -> Outcome<Nothing> {
    Encapsulator::parse(&input.ek.0).map(|_| Nothing {}).map_err(|refused| match refused {
        KeyRefused::Length => "key-length",
        KeyRefused::Modulus => "key-modulus",
        KeyRefused::SmallOrder => "key-order",
        KeyRefused::NotCanonical => "key-encoding",
    })
}

/// u coordinates of low order: name, lowest byte, other bytes, highest byte.
fn low_orders() -> Vec<(&'static str, [u8; 32])> {
    let with = |low, fill, high| {
        let mut u = [fill; 32];
        (u[0], u[31]) = (low, high);
        u
    };
    let order_8 = |text: &str| -> [u8; 32] { hex::decode(text).unwrap().try_into().unwrap() };
    vec![
        ("0", [0; 32]),
        ("1", with(1, 0, 0)),
        ("order-8-a", order_8("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
        ("order-8-b", order_8("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")),
        ("p-less-1", with(0xec, 0xff, 0x7f)),
        ("p", with(0xed, 0xff, 0x7f)),
        ("p-plus-1", with(0xee, 0xff, 0x7f)),
    ]
}

/// [`low_orders`], each also with the highest bit set, which X25519 ignores.
fn low_orders_twice() -> Vec<(String, [u8; 32])> {
    let twice = low_orders().into_iter().flat_map(|(name, u)| {
        let mut high = u;
        high[31] |= 0x80;
        [(name.to_owned(), u), (format!("{name}-high-bit"), high)]
    });
    twice.collect()
}

/// u coordinates with second encodings that X25519 takes: u = 9 with the highest bit, and 2^255 − 1.
fn odd_encodings() -> [(&'static str, [u8; 32]); 2] {
    let mut nine = [0; 32];
    (nine[0], nine[31]) = (9, 0x80);
    let mut greatest = [0xff; 32];
    greatest[31] = 0x7f;
    [("high-bit", nine), ("greatest", greatest)]
}

fn ek() -> Vec<u8> {
    Decapsulator::from_seed(&pattern("x-wing")).encapsulator().as_bytes().to_vec()
}

/// Sets the 12 bits of coefficient `index`.
fn set_coefficient(ek: &mut [u8], index: usize, value: u16) {
    let [low, high] = value.to_le_bytes();
    let at = index / 2 * 3;
    if index.is_multiple_of(2) {
        ek[at] = low;
        ek[at + 1] = (ek[at + 1] & 0xf0) | high;
    } else {
        ek[at + 1] = (ek[at + 1] & 0x0f) | (low << 4);
        ek[at + 2] = (low >> 4) | (high << 4);
    }
}

pub fn keys() -> Vec<KeyVector> {
    let make = |id: &str, comment: &str, clause, flags: &[&str], ek: Vec<u8>, outcome| {
        vector(id, comment, &[clause], flags, KeyInput { ek: Hex(ek) }, outcome)
    };
    let coefficient = |index, value| {
        let mut ek = ek();
        set_coefficient(&mut ek, index, value);
        ek
    };
    let half = |u: [u8; 32]| [&ek()[..1_184], &u].concat();
    let length = Err("key-length");
    let mut vectors = vec![
        make("encapsulation-key/usual", "a key", "SUITE-18", &[], ek(), Ok(Nothing {})),
        make("encapsulation-key/empty", "no byte", "SUITE-18", &[], vec![], length),
        make("encapsulation-key/short", "1,215 bytes", "SUITE-18", &[], ek()[1..].into(), length),
        make(
            "encapsulation-key/long",
            "1,217 bytes",
            "SUITE-18",
            &[],
            [ek(), vec![0]].concat(),
            length,
        ),
    ];
    for (index, value) in
        [(0, 3_329), (0, 4_095), (1, 3_329), (383, 3_330), (766, 3_329), (767, 3_329)]
    {
        let comment = format!("coefficient {index} is {value}");
        let id = format!("encapsulation-key/coefficient-{index}-is-{value}");
        let outcome = Err("key-modulus");
        let flags = &["NonCanonical"];
        vectors.push(make(&id, &comment, "SUITE-19", flags, coefficient(index, value), outcome));
    }
    for index in [0, 767] {
        let comment = format!("coefficient {index} is 3328, the greatest");
        let id = format!("encapsulation-key/coefficient-{index}-is-3328");
        let outcome = Ok(Nothing {});
        vectors.push(make(&id, &comment, "SUITE-19", &[], coefficient(index, 3_328), outcome));
    }
    for (name, u) in low_orders_twice() {
        let (id, comment) = (format!("encapsulation-key/u-{name}"), format!("u is {name}"));
        let outcome = Err("key-order");
        vectors.push(make(&id, &comment, "SUITE-20", &["LowOrder"], half(u), outcome));
    }
    for (name, u) in odd_encodings() {
        let (id, comment) = (format!("encapsulation-key/u-{name}"), format!("u is {name}"));
        let outcome = Ok(Nothing {});
        vectors.push(make(&id, &comment, "SUITE-23", &["NonCanonical"], half(u), outcome));
    }
    vectors
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct DecapsulateInput {
    seed: Hex,
    ct: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct DecapsulateOutput {
    ss: Hex,
}

pub type DecapsulateVector = Vector<DecapsulateInput, DecapsulateOutput>;

pub fn decapsulate(input: &DecapsulateInput) -> Outcome<DecapsulateOutput> {
    let key = Decapsulator::from_seed(&input.seed.array());
    let secret = key.decapsulate(&input.ct.array()).map_err(|_| "ciphertext-order")?;
    Ok(DecapsulateOutput { ss: secret.as_bytes().into() })
}

pub fn decapsulations() -> Vec<DecapsulateVector> {
    let key = Decapsulator::from_seed(&pattern("x-wing"));
    let (ct, sent) = key.encapsulator().encapsulate_derand(&pattern("x-wing encapsulation"));
    let make = |id: &str, comment: &str, clause, flags: &[&str], ct: [u8; 1_120], refused: bool| {
        let input = DecapsulateInput { seed: (*key.to_seed()).into(), ct: ct.into() };
        let output = if refused { Err("ciphertext-order") } else { decapsulate(&input) };
        vector(id, comment, &[clause], flags, input, output)
    };
    let flipped = |index: usize, bit: u8| {
        let mut ct = ct;
        ct[index] ^= bit;
        ct
    };
    let half = |u: [u8; 32]| {
        let mut ct = ct;
        ct[1_088..].copy_from_slice(&u);
        ct
    };
    let rejected = &["ImplicitRejection"][..];
    let usual = make("decapsulate/usual", "a ciphertext", "SUITE-22", &[], ct, false);
    assert_eq!(usual.output.as_ref().unwrap().ss, sent.as_bytes().into());
    let mut vectors = vec![
        usual,
        make(
            "decapsulate/first-bit",
            "a bit of ML-KEM's half",
            "SUITE-22",
            rejected,
            flipped(0, 1),
            false,
        ),
        make(
            "decapsulate/last-bit",
            "its last bit",
            "SUITE-22",
            rejected,
            flipped(1_087, 128),
            false,
        ),
        make(
            "decapsulate/zeros",
            "zeros in ML-KEM's half",
            "SUITE-22",
            rejected,
            {
                let mut ct = ct;
                ct[..1_088].fill(0);
                ct
            },
            false,
        ),
        make(
            "decapsulate/x25519-bit",
            "a bit of X25519's half",
            "SUITE-22",
            &[],
            flipped(1_088, 1),
            false,
        ),
    ];
    for (name, u) in low_orders_twice() {
        let (id, comment) = (format!("decapsulate/u-{name}"), format!("u is {name}"));
        vectors.push(make(&id, &comment, "SUITE-21", &["LowOrder"], half(u), true));
    }
    for (name, u) in odd_encodings() {
        let (id, comment) = (format!("decapsulate/u-{name}"), format!("u is {name}"));
        vectors.push(make(&id, &comment, "SUITE-23", &["NonCanonical"], half(u), false));
    }
    vectors
}
