//! Fields of an input.

use edgewise_spec::frame::Class;
use edgewise_spec::suite::{SuiteId, aes_available};
use serde_json::Value;

/// Why there is no output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum No {
    /// A layer refuses.
    Refused(&'static str),
    /// This cannot be computed here.
    Unsupported(String),
}

impl From<&'static str> for No {
    /// A refusal by this layer.
    fn from(layer: &'static str) -> Self {
        Self::Refused(layer)
    }
}

/// An object of an input, whose fields are read as what they have to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a>(&'a Value);

/// Bytes as they stand in an output.
pub(super) fn hex(bytes: impl AsRef<[u8]>) -> Value {
    hex::encode(bytes).into()
}

/// An input that no vector has.
pub(super) fn strange(what: impl std::fmt::Display) -> No {
    No::Unsupported(format!("the input cannot be: {what}"))
}

impl<'a> Input<'a> {
    pub(super) const fn new(value: &'a Value) -> Self {
        Self(value)
    }

    fn field<T>(self, name: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<T, No> {
        self.0.get(name).and_then(read).ok_or_else(|| strange(format_args!("field {name}")))
    }

    pub(super) fn bytes(self, name: &str) -> Result<Vec<u8>, No> {
        self.field(name, bytes)
    }

    pub(super) fn array<const N: usize>(self, name: &str) -> Result<[u8; N], No> {
        self.field(name, |value| bytes(value)?.try_into().ok())
    }

    pub(super) fn number<T: TryFrom<u64>>(self, name: &str) -> Result<T, No> {
        self.field(name, |value| T::try_from(value.as_u64()?).ok())
    }

    pub(super) fn text(self, name: &str) -> Result<&'a str, No> {
        self.field(name, Value::as_str)
    }

    pub(super) fn truth(self, name: &str) -> Result<bool, No> {
        self.field(name, Value::as_bool)
    }

    pub(super) fn inner(self, name: &str) -> Result<Self, No> {
        self.field(name, |value| value.is_object().then_some(Self(value)))
    }

    /// The objects of a list.
    pub(super) fn list(self, name: &str) -> Result<Vec<Self>, No> {
        self.field(name, |value| Some(value.as_array()?.iter().map(Self).collect()))
    }

    /// The bytes of a list.
    pub(super) fn bytes_list(self, name: &str) -> Result<Vec<Vec<u8>>, No> {
        self.field(name, |value| value.as_array()?.iter().map(bytes).collect())
    }

    /// The arrays of a list.
    pub(super) fn arrays<const N: usize>(self, name: &str) -> Result<Vec<[u8; N]>, No> {
        let list = self.bytes_list(name)?;
        let all = list.into_iter().map(|bytes| bytes.try_into().ok()).collect::<Option<_>>();
        all.ok_or_else(|| strange(format_args!("field {name}")))
    }

    /// The suite, where it may be used here (SUITE-2).
    pub(super) fn suite(self) -> Result<SuiteId, No> {
        let suite = SuiteId::try_from(self.number::<u16>("suite")?).map_err(strange)?;
        usable(suite)
    }

    pub(super) fn class(self) -> Result<Class, No> {
        Class::try_from(self.number::<u32>("class")?).map_err(strange)
    }
}

/// The suite, where it may be used here (SUITE-2).
pub(super) fn usable(suite: SuiteId) -> Result<SuiteId, No> {
    if suite == SuiteId::Aes256Gcm && !aes_available() {
        return Err(No::Unsupported("suite 0x0002 needs AES in hardware".to_owned()));
    }
    Ok(suite)
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    hex::decode(value.as_str()?).ok()
}
