//! What all vector files are made of.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

/// Bytes, in JSON as lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hex(pub Vec<u8>);

impl Hex {
    /// The bytes as an array; panics when their number is another.
    pub fn array<const N: usize>(&self) -> [u8; N] {
        self.0.as_slice().try_into().unwrap()
    }
}

impl<T: AsRef<[u8]>> From<T> for Hex {
    fn from(bytes: T) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.bytes().any(|digit| digit.is_ascii_uppercase()) {
            return Err(serde::de::Error::custom("upper-case hexadecimal"));
        }
        hex::decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A file of vectors: `G` is a struct with one list a kind of vector.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct VectorFile<G> {
    /// Path of the schema, beside the file.
    #[serde(rename = "$schema")]
    pub schema: String,
    /// The chapter.
    pub word: String,
    /// Revision of the specification.
    pub spec_revision: u32,
    /// What each flag means.
    pub flags: BTreeMap<String, String>,
    /// The vectors.
    pub groups: G,
}

/// One vector: an input, and what comes of it.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Vector<I, O> {
    /// Permanent name, one in the file: `group/what`.
    pub id: String,
    /// What this one is about.
    pub comment: String,
    /// Clauses that it checks.
    pub requirements: Vec<String>,
    /// Kinds of edge that it stands on.
    pub flags: Vec<String>,
    /// What goes in.
    pub input: I,
    /// Whether it is accepted.
    pub result: Verdict,
    /// The layer that must refuse it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect_layer: Option<String>,
    /// What comes out, when it is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<O>,
}

/// What must become of an input.
#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is accepted, with this output.
    Accept,
    /// It is refused, by this layer.
    Refuse,
}

/// A vector of `group` from its name, its clauses and what must come of it.
pub fn vector<I, O>(
    id: &str,
    comment: &str,
    requirements: &[&str],
    flags: &[&str],
    input: I,
    outcome: Result<O, &str>,
) -> Vector<I, O> {
    let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    let (result, expect_layer, output) = match outcome {
        Ok(output) => (Verdict::Accept, None, Some(output)),
        Err(layer) => (Verdict::Refuse, Some(layer.to_owned()), None),
    };
    Vector {
        id: id.to_owned(),
        comment: comment.to_owned(),
        requirements: owned(requirements),
        flags: owned(flags),
        input,
        result,
        expect_layer,
        output,
    }
}

impl<I, O: PartialEq + std::fmt::Debug> Vector<I, O> {
    /// Asserts that `run` comes to what this vector says.
    pub fn check(&self, run: impl Fn(&I) -> Result<O, &'static str>) {
        let expected = match self.result {
            Verdict::Accept => Ok(self.output.as_ref().unwrap()),
            Verdict::Refuse => Err(self.expect_layer.as_deref().unwrap()),
        };
        assert_eq!(run(&self.input).as_ref().map_err(|layer| *layer), expected, "{}", self.id);
    }
}

/// Where the file of a word stands.
fn path(word: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../conformance/vectors");
    root.join(format!("{word}.json"))
}

/// Reads the file of a word.
pub fn load<G: DeserializeOwned>(word: &str) -> VectorFile<G> {
    serde_json::from_str(&std::fs::read_to_string(path(word)).unwrap()).unwrap()
}

/// Asserts that the file of a word is what `made` renders, byte for byte.
///
/// With `UPDATE_VECTORS=1` in the environment the file is written instead.
pub fn assert_current<G: Serialize>(made: &VectorFile<G>) {
    let text = serde_json::to_string_pretty(made).unwrap() + "\n";
    let path = path(&made.word);
    if std::env::var_os("UPDATE_VECTORS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let current = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(current == text, "{} is stale: UPDATE_VECTORS=1 writes it", path.display());
}

/// Deterministic bytes that nothing can be read into: SHA-256 of a name and a counter.
pub fn pattern<const N: usize>(name: &str) -> [u8; N] {
    let mut bytes =
        (0_u32..).flat_map(|n| edgewise_spec::suite::hash(&[name.as_bytes(), &n.to_be_bytes()]));
    std::array::from_fn(|_| bytes.next().unwrap())
}
