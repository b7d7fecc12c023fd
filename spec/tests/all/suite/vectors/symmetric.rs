//! Vectors of H, lp, D, the AEADs and Argon2id.

use edgewise_spec::suite::{self, Sealer, SuiteId};
use serde::{Deserialize, Serialize};

use crate::vector::{Hex, Vector, pattern, vector};

type Outcome<O> = Result<O, &'static str>;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct HashInput {
    message: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct HashOutput {
    digest: Hex,
}

pub type HashVector = Vector<HashInput, HashOutput>;

pub fn hash(input: &HashInput) -> Outcome<HashOutput> {
    // In two pieces: H covers the concatenation.
    let (left, right) = input.message.0.split_at(input.message.0.len() / 3);
    Ok(HashOutput { digest: suite::hash(&[left, right]).into() })
}

pub fn hashes() -> Vec<HashVector> {
    let make = |id, comment, message: &[u8]| {
        let input = HashInput { message: message.into() };
        let output = hash(&input);
        vector(id, comment, &["SUITE-3"], &[], input, output)
    };
    vec![
        make("hash/empty", "no byte", b""),
        make("hash/abc", "three bytes", b"abc"),
        make("hash/200-bytes", "four blocks", &pattern::<200>("hash")),
    ]
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct LpInput {
    label: String,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct LpOutput {
    encoded: Hex,
}

pub type LpVector = Vector<LpInput, LpOutput>;

pub fn lp(input: &LpInput) -> Outcome<LpOutput> {
    Ok(LpOutput { encoded: suite::lp(&input.label).as_slice().into() })
}

pub fn prefixes() -> Vec<LpVector> {
    let make = |id, comment, label: &str| {
        let input = LpInput { label: label.to_owned() };
        let output = lp(&input);
        vector(id, comment, &["SUITE-4"], &[], input, output)
    };
    vec![
        make("lp/empty", "no label", ""),
        make("lp/link", "the label of a link's transcript", "link"),
        make("lp/longest", "32 bytes", "a label of thirty-two characters"),
    ]
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct DeriveInput {
    suite: u16,
    secret: Hex,
    label: String,
    context: Hex,
    length: u16,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct DeriveOutput {
    output: Hex,
}

pub type DeriveVector = Vector<DeriveInput, DeriveOutput>;

pub fn derive(input: &DeriveInput) -> Outcome<DeriveOutput> {
    fn out<const N: usize>(input: &DeriveInput) -> Hex {
        let suite = SuiteId::try_from(input.suite).unwrap();
        let (left, right) = input.secret.0.split_at(input.secret.0.len() / 2);
        let mut out = [0; N];
        suite::derive(suite, &[left, right], &input.label, &[&input.context.0], &mut out);
        out.into()
    }
    let output = match input.length {
        32 => out::<32>(input),
        33 => out::<33>(input),
        96 => out::<96>(input),
        8_160 => out::<8_160>(input),
        other => panic!("no vector has length {other}"),
    };
    Ok(DeriveOutput { output })
}

pub fn derivations() -> Vec<DeriveVector> {
    let make = |id, comment, suite, secret: &[u8], label: &str, context: &[u8], length| {
        let (secret, context) = (secret.into(), context.into());
        let input = DeriveInput { suite, secret, label: label.to_owned(), context, length };
        let output = derive(&input);
        vector(id, comment, &["SUITE-5"], &[], input, output)
    };
    let secret = pattern::<32>("derive secret");
    let context = pattern::<100>("derive context");
    vec![
        make("derive/plain", "32 bytes, no context", 1, &secret, "link/hello", b"", 32),
        make("derive/context", "a context", 1, &secret, "link/hello", &context, 32),
        make("derive/suite-2", "the suite is in the salt", 2, &secret, "link/hello", &context, 32),
        make("derive/other-label", "the label is in the info", 1, &secret, "link/ratchet", b"", 32),
        make("derive/length", "the length is in the info", 1, &secret, "link/hello", b"", 33),
        make(
            "derive/two-secrets",
            "96 bytes from two concatenated secrets",
            1,
            &pattern::<64>("derive two secrets"),
            "link/master",
            &context,
            96,
        ),
        make("derive/longest", "255 blocks of HKDF", 1, &secret, "link/master", b"", 8_160),
    ]
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct OpenInput {
    suite: u16,
    key: Hex,
    nonce: Hex,
    ad: Hex,
    /// Text, then tag.
    sealed: Hex,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct OpenOutput {
    text: Hex,
}

pub type OpenVector = Vector<OpenInput, OpenOutput>;

fn sealer(input: &OpenInput) -> Sealer {
    Sealer::new(SuiteId::try_from(input.suite).unwrap(), &input.key.array())
}

/// Opens, and seals again what opened: that must be the same bytes.
pub fn open(input: &OpenInput) -> Outcome<OpenOutput> {
    let (text, tag) = input.sealed.0.split_last_chunk().ok_or("tag")?;
    let mut text = text.to_vec();
    let (nonce, ad) = (input.nonce.array(), &input.ad.0);
    sealer(input).open(&nonce, ad, &mut text, tag).map_err(|_| "tag")?;
    let output = OpenOutput { text: text.as_slice().into() };
    let again = sealer(input).seal(&nonce, ad, &mut text);
    assert_eq!([text.as_slice(), &again].concat(), input.sealed.0);
    Ok(output)
}

pub fn openings() -> Vec<OpenVector> {
    [(1, &[][..], ""), (2, &["AesHardware"][..], "-suite-2")]
        .into_iter()
        .flat_map(|(suite, flags, suffix)| openings_of(suite, flags, suffix))
        .collect()
}

fn openings_of(suite: u16, flags: &[&str], suffix: &str) -> Vec<OpenVector> {
    let make = |id: &str, comment, ad: &[u8], text: &[u8], fault: Option<fn(&mut OpenInput)>| {
        let mut input = OpenInput {
            suite,
            key: pattern::<32>("open key").into(),
            nonce: pattern::<12>("open nonce").into(),
            ad: ad.into(),
            sealed: text.into(),
        };
        let tag = sealer(&input).seal(&input.nonce.array(), ad, &mut input.sealed.0);
        input.sealed.0.extend(tag);
        let (clause, outcome) = match fault {
            None => ("SUITE-6", Ok(OpenOutput { text: text.into() })),
            Some(fault) => {
                fault(&mut input);
                ("SUITE-7", Err("tag"))
            }
        };
        vector(&format!("{id}{suffix}"), comment, &[clause], flags, input, outcome)
    };
    let text = pattern::<100>("open text");
    let ad = b"associated";
    vec![
        make("open/empty", "no text, no associated data", b"", b"", None),
        make("open/no-text", "associated data alone", ad, b"", None),
        make("open/text", "100 bytes", ad, &text, None),
        make("open/block", "4,080 bytes", b"", &pattern::<4_080>("open block"), None),
        make("open/key", "a bit of the key", ad, &text, Some(|i| i.key.0[31] ^= 0x80)),
        make("open/nonce", "a bit of the nonce", ad, &text, Some(|i| i.nonce.0[11] ^= 1)),
        make("open/ad", "a bit of the associated data", ad, &text, Some(|i| i.ad.0[0] ^= 1)),
        make("open/ad-longer", "a zero after the data", ad, &text, Some(|i| i.ad.0.push(0))),
        make("open/text-first", "first bit of the text", ad, &text, Some(|i| i.sealed.0[0] ^= 1)),
        make("open/text-last", "last bit of the text", ad, &text, Some(|i| i.sealed.0[99] ^= 128)),
        make("open/tag-first", "first bit of the tag", ad, &text, Some(|i| i.sealed.0[100] ^= 1)),
        make("open/tag-last", "last bit of the tag", ad, &text, Some(|i| i.sealed.0[115] ^= 128)),
        make("open/cut", "one byte less", ad, &text, Some(|i| i.sealed.0.truncate(115))),
        make("open/too-short", "15 bytes", ad, &text, Some(|i| i.sealed.0.truncate(15))),
        make("open/tag-zeros", "a tag of zeros", ad, &text, Some(|i| i.sealed.0[100..].fill(0))),
    ]
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ArgonInput {
    password: Hex,
    salt: Hex,
    memory_kib: u32,
    passes: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct ArgonOutput {
    output: Hex,
}

pub type ArgonVector = Vector<ArgonInput, ArgonOutput>;

pub fn argon2id(input: &ArgonInput) -> Outcome<ArgonOutput> {
    let mut out = [0; 32];
    let (salt, memory) = (input.salt.array(), input.memory_kib);
    suite::argon2id(&input.password.0, &salt, memory, input.passes, &mut out)
        .map_err(|_| "parameters")?;
    Ok(ArgonOutput { output: out.into() })
}

pub fn passwords() -> Vec<ArgonVector> {
    let make = |id, comment, password: &[u8], memory_kib, passes, refused: bool| {
        let salt = pattern::<16>("argon2id salt").into();
        let input = ArgonInput { password: password.into(), salt, memory_kib, passes };
        let output = if refused { Err("parameters") } else { argon2id(&input) };
        vector(id, comment, &["SUITE-24"], &[], input, output)
    };
    vec![
        make("argon2id/least", "least memory, one pass", b"password", 8, 1, false),
        make("argon2id/usual", "1 MiB, three passes", "Straße 9".as_bytes(), 1_024, 3, false),
        make("argon2id/odd-memory", "memory that is no multiple of 4 KiB", b"", 67, 2, false),
        make("argon2id/no-memory", "less than 8 KiB", b"password", 7, 1, true),
        make("argon2id/no-pass", "no pass", b"password", 8, 0, true),
    ]
}
