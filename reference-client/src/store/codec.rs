//! How a record becomes bytes: fixed-width integers, lengths before bytes, nothing optional in
//! the order. Buffers are erased when they are dropped or outgrown.

use zeroize::{Zeroize, Zeroizing};

/// Appends fields.
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    /// A record of this version.
    pub(crate) fn new(version: u8) -> Self {
        let mut writer = Self(Zeroizing::new(Vec::with_capacity(512)));
        writer.u8(version);
        writer
    }

    /// Fields without a version of their own.
    pub(crate) fn bare() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(512)))
    }

    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    /// Appends without leaving a copy behind when the buffer moves.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let wanted = self.0.len().saturating_add(bytes.len());
        if wanted > self.0.capacity() {
            let mut larger = Vec::with_capacity(wanted.saturating_mul(2));
            larger.extend_from_slice(&self.0);
            let mut outgrown = std::mem::replace(&mut *self.0, larger);
            outgrown.zeroize();
        }
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.raw(&[value]);
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.u8(value.into());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    /// Length, then bytes. Nothing the store takes is longer than a u32 counts.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.raw(bytes);
    }

    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Takes fields from the front; `None` is a record that does not have this shape.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn raw(&mut self, len: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(front)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.raw(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        self.raw(len)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        std::str::from_utf8(self.bytes()?).ok().map(str::to_owned)
    }

    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Some(None) }
    }

    /// Nothing may be left.
    pub(crate) const fn end(&self) -> Option<()> {
        if self.0.is_empty() { Some(()) } else { None }
    }
}

/// What is kept in a row's sealed value.
pub(crate) trait Record: Sized {
    /// The version that [`write`](Self::write) writes. A later version reads earlier ones too.
    const VERSION: u8;

    fn write(&self, to: &mut Writer);

    /// `version` is at most [`VERSION`](Self::VERSION).
    fn read(version: u8, from: &mut Fields<'_>) -> Option<Self>;

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new(Self::VERSION);
        self.write(&mut writer);
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Fields::new(bytes);
        let version = reader.u8().filter(|version| *version <= Self::VERSION)?;
        let record = Self::read(version, &mut reader)?;
        reader.end()?;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_taken_apart_as_it_was_put_together() {
        let mut writer = Writer::new(3);
        writer.flag(true);
        writer.u32(7);
        writer.i64(-9);
        writer.bytes(&[5; 2_000]);
        writer.option(Some("Ann"), |to, name| to.bytes(name.as_bytes()));
        writer.option(None::<u32>, Writer::u32);
        let bytes = writer.finish();
        let mut reader = Fields::new(&bytes);
        assert_eq!((reader.u8(), reader.flag(), reader.u32()), (Some(3), Some(true), Some(7)));
        assert_eq!((reader.i64(), reader.bytes()), (Some(-9), Some(&[5; 2_000][..])));
        assert_eq!(reader.option(Fields::text), Some(Some("Ann".to_owned())));
        assert_eq!(reader.option(Fields::u32), Some(None));
        assert_eq!(reader.end(), Some(()));
    }

    #[test]
    fn a_record_of_another_shape_is_none() {
        assert_eq!(Fields::new(&[2]).flag(), None);
        assert_eq!(Fields::new(&[0, 0, 0, 3, 1, 2]).bytes(), None);
        assert_eq!(Fields::new(&[0, 0, 0, 1, 0xff]).text(), None);
        assert_eq!(Fields::new(&[1, 0]).option(Fields::u32), None);
        assert_eq!(Fields::new(&[1]).end(), None);
    }
}
