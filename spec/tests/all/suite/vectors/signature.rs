//! Vectors of Ed25519.

use edgewise_spec::suite::{KeyRefused, SignatureRefused, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::vector::{Hex, Vector, pattern, vector};

type Outcome<O> = Result<O, &'static str>;

#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SignInput {
    seed: Hex,
    message: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct SignOutput {
    public: Hex,
    signature: Hex,
}

pub type SignVector = Vector<SignInput, SignOutput>;

pub fn sign(input: &SignInput) -> Outcome<SignOutput> {
    let key = SigningKey::from_seed(&input.seed.array());
    let public = key.verifying_key().as_bytes().into();
    Ok(SignOutput { public, signature: key.sign(&input.message.0).into() })
}

pub fn signatures() -> Vec<SignVector> {
    let make = |id, comment, seed: [u8; 32], message: &[u8]| {
        let input = SignInput { seed: seed.into(), message: message.into() };
        let output = sign(&input);
        vector(id, comment, &["SUITE-9"], &[], input, output)
    };
    vec![
        make("sign/empty", "no message", pattern("sign"), b""),
        make("sign/short", "eight bytes", pattern("sign"), b"a change"),
        make("sign/long", "a thousand bytes", pattern("sign too"), &pattern::<1_000>("sign long")),
    ]
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct KeyInput {
    public: Hex,
}

pub type KeyVector = Vector<KeyInput, Nothing>;

fn layer_of_key(refused: KeyRefused) -> &'static str {
    match refused {
        KeyRefused::Length => "key-length",
        KeyRefused::NotCanonical => "key-encoding",
        KeyRefused::SmallOrder => "key-order",
        KeyRefused::Modulus => "key-modulus",
    }
}

pub fn verifying_key(input: &KeyInput) -> Outcome<Nothing> {
    VerifyingKey::parse(&input.public.0).map(|_| Nothing {}).map_err(layer_of_key)
}

pub fn keys() -> Vec<KeyVector> {
    let make = |id, comment, clause, flags: &[&str], public: &[u8], outcome| {
        vector(id, comment, &[clause], flags, KeyInput { public: public.into() }, outcome)
    };
    let key = *SigningKey::from_seed(&pattern("sign")).verifying_key().as_bytes();
    let with = |low: u8, fill: u8, high: u8| {
        let mut point = [fill; 32];
        (point[0], point[31]) = (low, high);
        point
    };
    let odd = &["NonCanonical"][..];
    vec![
        make("verifying-key/usual", "a key", "SUITE-10", &[], &key, Ok(Nothing {})),
        make("verifying-key/empty", "no byte", "SUITE-10", &[], b"", Err("key-length")),
        make("verifying-key/short", "31 bytes", "SUITE-10", &[], &key[1..], Err("key-length")),
        make(
            "verifying-key/long",
            "33 bytes",
            "SUITE-10",
            &[],
            &[&key[..], &[0]].concat(),
            Err("key-length"),
        ),
        make(
            "verifying-key/y-p-plus-3",
            "y is p + 3: a second encoding of a point of large order",
            "SUITE-11",
            odd,
            &with(0xf0, 0xff, 0x7f),
            Err("key-encoding"),
        ),
        make(
            "verifying-key/y-p-plus-3-sign",
            "y is p + 3, the sign bit set",
            "SUITE-11",
            odd,
            &with(0xf0, 0xff, 0xff),
            Err("key-encoding"),
        ),
        make(
            "verifying-key/y-greatest",
            "all bits set",
            "SUITE-11",
            odd,
            &[0xff; 32],
            Err("key-encoding"),
        ),
        make(
            "verifying-key/y-3",
            "y is 3: the first encoding of that point is accepted",
            "SUITE-11",
            &[],
            &with(3, 0, 0),
            Ok(Nothing {}),
        ),
    ]
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct VerifyInput {
    public: Hex,
    message: Hex,
    signature: Hex,
}

pub type VerifyVector = Vector<VerifyInput, Nothing>;

pub fn verify(input: &VerifyInput) -> Outcome<Nothing> {
    let key = VerifyingKey::parse(&input.public.0).map_err(layer_of_key)?;
    key.verify(&input.message.0, &input.signature.array()).map(|()| Nothing {}).map_err(|refused| {
        match refused {
            SignatureRefused::Scalar => "scalar",
            SignatureRefused::NotCanonical => "point-encoding",
            SignatureRefused::SmallOrder => "point-order",
            SignatureRefused::Equation => "equation",
        }
    })
}

/// Keys and signatures that no signer makes: see `spec/tests/data/README.md`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edge {
    id: String,
    comment: String,
    requirements: Vec<String>,
    flags: Vec<String>,
    public: Hex,
    message: Hex,
    signature: Hex,
    expect_layer: Option<String>,
}

pub fn verifications() -> Vec<VerifyVector> {
    let edges: Vec<Edge> =
        serde_json::from_str(include_str!("../../../data/ed25519-edges.json")).unwrap();
    let mut vectors = altered();
    vectors.extend(edges.into_iter().map(|edge| {
        let input =
            VerifyInput { public: edge.public, message: edge.message, signature: edge.signature };
        vector(
            &format!("verify/{}", edge.id),
            &edge.comment,
            &edge.requirements.iter().map(String::as_str).collect::<Vec<_>>(),
            &edge.flags.iter().map(String::as_str).collect::<Vec<_>>(),
            input,
            edge.expect_layer.as_deref().map_or(Ok(Nothing {}), Err),
        )
    }));
    vectors
}

/// A signature, and the same with one fault.
fn altered() -> Vec<VerifyVector> {
    let key = SigningKey::from_seed(&pattern("sign"));
    let make = |id, comment, fault: Option<fn(&mut VerifyInput)>| {
        let message = b"a change".to_vec();
        let mut input = VerifyInput {
            public: key.verifying_key().as_bytes().into(),
            signature: key.sign(&message).into(),
            message: Hex(message),
        };
        if let Some(fault) = fault {
            fault(&mut input);
        }
        let outcome = if fault.is_some() { Err("equation") } else { Ok(Nothing {}) };
        vector(id, comment, &["SUITE-16"], &[], input, outcome)
    };
    vec![
        make("verify/usual", "a signature", None),
        make("verify/message", "a bit of the message", Some(|i| i.message.0[0] ^= 1)),
        make("verify/message-longer", "a zero after it", Some(|i| i.message.0.push(0))),
        make("verify/point", "a bit of R", Some(|i| i.signature.0[0] ^= 1)),
        make("verify/point-sign", "the sign bit of R", Some(|i| i.signature.0[31] ^= 0x80)),
        make("verify/scalar", "a bit of S", Some(|i| i.signature.0[32] ^= 1)),
        make("verify/key-sign", "the sign bit of A", Some(|i| i.public.0[31] ^= 0x80)),
    ]
}
