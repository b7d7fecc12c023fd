//! Fields of fixed and of stated length, one after another.

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The bytes end within it.
    Short(&'static str),
    /// It is longer than allowed.
    Long { field: &'static str, max: usize, got: usize },
    /// It is not UTF-8, empty where it must not be, or holds control characters.
    Text(&'static str),
}

/// Takes fields off the front of some bytes.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Fault> {
        let (front, rest) = self.0.split_first_chunk::<N>().ok_or(Fault::Short(field))?;
        self.0 = rest;
        Ok(*front)
    }

    pub fn u8(&mut self, field: &'static str) -> Result<u8, Fault> {
        self.array(field).map(|[byte]: [u8; 1]| byte)
    }

    pub fn u16(&mut self, field: &'static str) -> Result<u16, Fault> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub fn u32(&mut self, field: &'static str) -> Result<u32, Fault> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub fn u64(&mut self, field: &'static str) -> Result<u64, Fault> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub fn bytes(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], Fault> {
        let (front, rest) = self.0.split_at_checked(len).ok_or(Fault::Short(field))?;
        self.0 = rest;
        Ok(front)
    }

    /// A u16 length of at most `max`, then as many bytes.
    pub fn prefixed(&mut self, field: &'static str, max: usize) -> Result<&'a [u8], Fault> {
        let got = usize::from(self.u16(field)?);
        if got > max {
            return Err(Fault::Long { field, max, got });
        }
        self.bytes(field, got)
    }

    /// A name: prefixed UTF-8 without control characters.
    pub fn name(&mut self, field: &'static str, max: usize) -> Result<String, Fault> {
        let bytes = self.prefixed(field, max)?;
        let name = core::str::from_utf8(bytes).map_err(|_| Fault::Text(field))?;
        if name.chars().any(char::is_control) {
            return Err(Fault::Text(field));
        }
        Ok(name.to_owned())
    }

    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// A text: all that is left, UTF-8, not empty, without U+0000.
    pub fn text(&mut self, field: &'static str) -> Result<String, Fault> {
        let text = core::str::from_utf8(self.rest()).map_err(|_| Fault::Text(field))?;
        if text.is_empty() || text.contains('\0') {
            return Err(Fault::Text(field));
        }
        Ok(text.to_owned())
    }
}

/// Appends a u16 length and the bytes; `None` beyond `max`.
pub(super) fn put_prefixed(out: &mut Vec<u8>, bytes: &[u8], max: usize) -> Option<()> {
    let len = u16::try_from(bytes.len()).ok().filter(|len| usize::from(*len) <= max)?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
    Some(())
}
