//! Vectors of fingerprints, addresses and epoch records.

use edgewise_spec::constants::labels;
use edgewise_spec::link::{
    self, Address, AddressRefused, EpochRefused, IdentityKey, VerifiedEpoch,
};
use edgewise_spec::suite::{SigningKey, VerifyingKey, lp};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::vector::{Hex, Vector, pattern, vector};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct FingerprintInput {
    identity_vk: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct FingerprintOutput {
    fingerprint: Hex,
}

pub type FingerprintVector = Vector<FingerprintInput, FingerprintOutput>;

pub fn fingerprint(input: &FingerprintInput) -> Outcome<FingerprintOutput> {
    let vk = VerifyingKey::parse(&input.identity_vk.0).map_err(|_| "identity")?;
    Ok(FingerprintOutput { fingerprint: link::fingerprint(&vk).into() })
}

pub fn fingerprints() -> Vec<FingerprintVector> {
    let make = |id, seed: [u8; 32]| {
        let identity_vk = IdentityKey::from_seed(&seed).verifying_key().as_bytes().into();
        let input = FingerprintInput { identity_vk };
        let output = fingerprint(&input);
        vector(id, "an identity key", &["LINK-1"], &[], input, output)
    };
    vec![
        make("fingerprint/first", pattern("identity")),
        make("fingerprint/second", pattern("another identity")),
    ]
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct AddressInput {
    text: String,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct AddressOutput {
    fingerprint: Hex,
    host: String,
    port: u16,
    tls: bool,
}

pub type AddressVector = Vector<AddressInput, AddressOutput>;

pub fn address(input: &AddressInput) -> Outcome<AddressOutput> {
    let address: Address = input.text.parse().map_err(|why| match why {
        AddressRefused::Scheme => "scheme",
        AddressRefused::Fingerprint => "fingerprint",
        AddressRefused::Host => "host",
        AddressRefused::Port => "port",
        AddressRefused::Option => "option",
    })?;
    assert_eq!(address.to_string(), input.text, "one spelling");
    let Address { fingerprint, edge, tls } = address;
    Ok(AddressOutput { fingerprint: fingerprint.into(), host: edge.host, port: edge.port, tls })
}

/// 32 bytes that count up, as a fingerprint.
const NAME: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

pub fn addresses() -> Vec<AddressVector> {
    let make = |id: &str, comment: &str, text: String| {
        let input = AddressInput { text };
        let output = address(&input);
        vector(&format!("address/{id}"), comment, &["LINK-2"], &[], input, output)
    };
    let at = |id: &str, comment: &str, place: &str| {
        make(id, comment, format!("edgewise://{NAME}@{place}"))
    };
    let named = |id: &str, comment: &str, name: &str| {
        make(id, comment, format!("edgewise://{name}@edge.example:4433"))
    };
    vec![
        at("name", "a host name", "edge.example:4433"),
        at("capitals", "letters keep their case", "Edge.Example:4433"),
        at("ipv4", "an IPv4 address", "127.0.0.1:65535"),
        at("ipv6", "an IPv6 address", "[2001:db8::1]:1"),
        at("cleartext", "without TLS", "edge.example:4433?tls=off"),
        at(
            "longest-host",
            "100 characters",
            &format!("{0}.{0}.{0}.{1}:1", "a".repeat(30), "b".repeat(7)),
        ),
        named("url-alphabet", "- and _", &format!("{}-_{}", &NAME[..10], &NAME[12..])),
        make("scheme", "another scheme", format!("https://{NAME}@edge.example:4433")),
        make(
            "scheme-capitals",
            "the scheme in capitals",
            format!("EDGEWISE://{NAME}@edge.example:4433"),
        ),
        make("no-fingerprint", "no @", "edgewise://edge.example:4433".to_owned()),
        named("fingerprint-short", "42 characters", &NAME[..42]),
        named("fingerprint-long", "44 characters", &format!("{NAME}A")),
        named("fingerprint-padded", "a sign of padding", &format!("{NAME}=")),
        named("fingerprint-alphabet", "+ of the other base64", &format!("+{}", &NAME[1..])),
        named(
            "fingerprint-loose-bits",
            "the last two bits are not 0",
            &format!("{}9", &NAME[..42]),
        ),
        at("no-host", "no host", ":4433"),
        at(
            "host-too-long",
            "101 characters",
            &format!("{0}.{0}.{0}.{1}:1", "a".repeat(30), "b".repeat(8)),
        ),
        at("label-empty", "two dots", "edge..example:4433"),
        at("label-too-long", "a label of 64 characters", &format!("{}:1", "a".repeat(64))),
        at("label-hyphen", "a hyphen in front", "-edge.example:4433"),
        at("host-underscore", "an underscore", "edge_1.example:4433"),
        at("host-unicode", "a letter beyond ASCII", "ëdge.example:4433"),
        at("ipv6-bare", "an IPv6 address without brackets", "2001:db8::1:443"),
        at("ipv6-broken", "no IPv6 address", "[2001:db8::g]:443"),
        at("no-port", "no port", "edge.example"),
        at("port-empty", "an empty port", "edge.example:"),
        at("port-0", "port 0", "edge.example:0"),
        at("port-zero-in-front", "a leading zero", "edge.example:04433"),
        at("port-sign", "a sign", "edge.example:+4433"),
        at("port-too-great", "port 65536", "edge.example:65536"),
        at("option-other", "another option", "edge.example:4433?tls=on"),
        at("option-empty", "nothing behind the ?", "edge.example:4433?"),
        at("path", "a path", "edge.example:4433/"),
    ]
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct RecordInput {
    fingerprint: Hex,
    record: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct RecordOutput {
    number: u32,
    not_before: u64,
    not_after: u64,
    ek: Hex,
}

pub type RecordVector = Vector<RecordInput, RecordOutput>;

pub fn record(input: &RecordInput) -> Outcome<RecordOutput> {
    let epoch = VerifiedEpoch::verify(&input.record.0, &input.fingerprint.array());
    let epoch = epoch.map_err(|why| match why {
        EpochRefused::Length => "length",
        EpochRefused::Identity => "identity",
        EpochRefused::Fingerprint => "fingerprint",
        EpochRefused::Signature => "signature",
        EpochRefused::Times => "times",
        EpochRefused::Key => "key",
        EpochRefused::Seed => "seed",
    })?;
    assert_eq!(epoch.bytes(), &input.record.0[..]);
    Ok(RecordOutput {
        number: epoch.number(),
        not_before: epoch.not_before(),
        not_after: epoch.not_after(),
        ek: epoch.ek().as_bytes().into(),
    })
}

pub fn identity() -> IdentityKey {
    IdentityKey::from_seed(&pattern("identity"))
}

/// A record, changed and signed again.
fn signed_again(record: &[u8], change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut record = record.to_vec();
    change(&mut record);
    let key = SigningKey::from_seed(&pattern("identity"));
    let signed = [lp(labels::LINK_EPOCH).as_slice(), &record[..1_268]].concat();
    record[1_268..].copy_from_slice(&key.sign(&signed));
    record
}

pub fn records() -> Vec<RecordVector> {
    let mut rng = ChaCha20Rng::from_seed(pattern("epoch"));
    let good = *identity().sign_epoch(7, 604_800, 691_200, &mut rng).record().bytes();
    let last = identity().sign_epoch(u32::MAX, (1 << 53) - 2, (1 << 53) - 1, &mut rng);
    let make = |id, comment, flags: &[&str], record_bytes: &[u8]| {
        let fingerprint = identity().fingerprint().into();
        let input = RecordInput { fingerprint, record: record_bytes.into() };
        let output = record(&input);
        vector(id, comment, &["LINK-4"], flags, input, output)
    };
    let mut altered = good;
    altered[40] ^= 1;
    let mut small_order = good;
    small_order[..32].fill(0);
    small_order[0] = 1;
    let other = IdentityKey::from_seed(&pattern("another identity"));
    let other = *other.sign_epoch(7, 604_800, 691_200, &mut rng).record().bytes();
    let low_order = signed_again(&good, |record| record[52 + 1_184..1_268].fill(0));
    let modulus = signed_again(&good, |record| record[52..54].fill(0xff));
    let empty = signed_again(&good, |record| record.copy_within(36..44, 44));
    let unlabelled = {
        let mut record = good;
        let key = SigningKey::from_seed(&pattern("identity"));
        record[1_268..].copy_from_slice(&key.sign(&good[..1_268]));
        record
    };
    vec![
        make("epoch-record/usual", "number 7, its day", &[], &good),
        make(
            "epoch-record/greatest",
            "the greatest number, the greatest time that every JSON library reads",
            &[],
            last.record().bytes(),
        ),
        make("epoch-record/short", "a byte is missing", &[], &good[..1_331]),
        make("epoch-record/long", "a byte too many", &[], &[&good[..], &[0]].concat()),
        make("epoch-record/identity", "an identity key of small order", &[], &small_order),
        make("epoch-record/fingerprint", "another server's record", &[], &other),
        make("epoch-record/altered", "a bit of not_before is flipped", &[], &altered),
        make("epoch-record/unlabelled", "signed without the label", &[], &unlabelled),
        make("epoch-record/times", "not_after is not_before", &[], &empty),
        make("epoch-record/low-order", "an ek of low order", &["LowOrder"], &low_order),
        make("epoch-record/modulus", "an ek with an unreduced coefficient", &[], &modulus),
    ]
}
