//! Stored moves: a version, the state's number, its fields. Integers are big-endian.

use zeroize::Zeroizing;

use super::follower::{Answer, FollowerClaim, Past};
use super::mover::{Course, Offer, Still};
use super::{AllLeft, Follower, Left, Mover, MovingState};
use crate::constants::DESCRIPTOR_LEN_MAX;

const STATE_VERSION: u8 = 1;

const STILL: u8 = 0;
const MAKING: u8 = 1;
const ASKING: u8 = 2;
const CLAIMING: u8 = 1;
const WAITING: u8 = 2;

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn long(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*first))
    }

    /// A count of what has no more than there is room for, then that many.
    fn all<T, const MAX: usize>(
        &mut self,
        read: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<arrayvec::ArrayVec<T, MAX>> {
        let count = usize::from(self.byte()?);
        let mut all = arrayvec::ArrayVec::new();
        for _ in 0..count {
            all.try_push(read(self)?).ok()?;
        }
        Some(all)
    }

    fn left(&mut self) -> Option<AllLeft> {
        self.all(|it| Some(Left { lane: it.long()?, s: it.long()? }))
    }

    fn offer(&mut self) -> Option<Offer> {
        Some(Offer { number: self.long()?, lane: self.long()?, base: self.long()? })
    }

    fn still(&mut self) -> Option<Still> {
        Some(Still { number: self.long()?, left: self.left()? })
    }

    fn course(&mut self) -> Option<Course> {
        let (still, place, from) = (self.still()?, self.byte()?, self.long()?);
        Some(Course { still, place, from, offer: self.offer()?, before: self.all(Self::offer)? })
    }

    fn past(&mut self) -> Option<Past> {
        let number = self.long()?;
        let answered = match self.byte()? {
            0 => None,
            1 => Some(Answer { number: self.long()?, place: self.byte()?, s: self.long()? }),
            _ => return None,
        };
        Some(Past { number, answered, floor: self.long()?, left: self.left()? })
    }

    fn claim(&mut self) -> Option<FollowerClaim> {
        let (past, number, place) = (self.past()?, self.long()?, self.byte()?);
        let (base, from, to) = (self.long()?, self.long()?, self.long()?);
        let descriptor = std::mem::take(&mut self.0);
        let descriptor = (descriptor.len() <= DESCRIPTOR_LEN_MAX).then(|| descriptor.to_vec())?;
        let descriptor = Zeroizing::new(descriptor);
        Some(FollowerClaim { past, number, place, base, from, to, descriptor })
    }
}

struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    /// With room for everything, so that nothing secret is left behind by growing.
    fn new(state: u8) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(256 + DESCRIPTOR_LEN_MAX));
        bytes.extend_from_slice(&[STATE_VERSION, state]);
        Self(bytes)
    }

    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn long(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn longs(&mut self, numbers: &[u32]) {
        numbers.iter().for_each(|number| self.long(*number));
    }

    fn count(&mut self, count: usize) {
        self.byte(u8::try_from(count).unwrap_or(u8::MAX));
    }

    fn left(&mut self, left: &AllLeft) {
        self.count(left.len());
        left.iter().for_each(|it| self.longs(&[it.lane, it.s]));
    }

    fn still(&mut self, still: &Still) {
        self.long(still.number);
        self.left(&still.left);
    }

    fn course(&mut self, course: &Course) {
        let Course { still, place, from, offer, before } = course;
        self.still(still);
        self.byte(*place);
        self.long(*from);
        self.longs(&[offer.number, offer.lane, offer.base]);
        self.count(before.len());
        before.iter().for_each(|it| self.longs(&[it.number, it.lane, it.base]));
    }

    fn past(&mut self, past: &Past) {
        let Past { number, answered, floor, left } = past;
        self.long(*number);
        match answered {
            None => self.byte(0),
            Some(Answer { number, place, s }) => {
                self.byte(1);
                self.long(*number);
                self.byte(*place);
                self.long(*s);
            }
        }
        self.long(*floor);
        self.left(left);
    }

    fn claim(&mut self, claim: &FollowerClaim) {
        let FollowerClaim { past, number, place, base, from, to, descriptor } = claim;
        self.past(past);
        self.long(*number);
        self.byte(*place);
        self.longs(&[*base, *from, *to]);
        self.0.extend_from_slice(descriptor);
    }
}

fn opened(bytes: &[u8]) -> Option<(u8, Reader<'_>)> {
    let (&[STATE_VERSION, state], rest) = bytes.split_first_chunk()? else { return None };
    Some((state, Reader(rest)))
}

impl Mover {
    /// The state, to be stored: at most 256 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (state, course) = match self {
            Self::Still(still) => {
                let mut writer = Writer::new(STILL);
                writer.still(still);
                return writer.0.to_vec();
            }
            Self::Making(course) => (MAKING, course),
            Self::Asking(course) => (ASKING, course),
        };
        let mut writer = Writer::new(state);
        writer.course(course);
        writer.0.to_vec()
    }

    /// Reads a stored state.
    ///
    /// # Errors
    /// [`MovingState`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MovingState> {
        let read = || {
            let (state, mut reader) = opened(bytes)?;
            let mover = match state {
                STILL => Self::Still(reader.still()?),
                MAKING => Self::Making(reader.course()?),
                ASKING => Self::Asking(reader.course()?),
                _ => return None,
            };
            reader.0.is_empty().then_some(mover)
        };
        read().ok_or(MovingState)
    }
}

impl Follower {
    /// The state, to be stored: at most 128 bytes and the descriptor of a move under way.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let (state, claim) = match self {
            Self::Still(past) => {
                let mut writer = Writer::new(STILL);
                writer.past(past);
                return writer.0;
            }
            Self::Claiming(claim) => (CLAIMING, claim),
            Self::Waiting(claim) => (WAITING, claim),
        };
        let mut writer = Writer::new(state);
        writer.claim(claim);
        writer.0
    }

    /// Reads a stored state.
    ///
    /// # Errors
    /// [`MovingState`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MovingState> {
        let read = || {
            let (state, mut reader) = opened(bytes)?;
            let follower = match state {
                STILL => Self::Still(reader.past()?),
                CLAIMING => Self::Claiming(reader.claim()?),
                WAITING => Self::Waiting(reader.claim()?),
                _ => return None,
            };
            reader.0.is_empty().then_some(follower)
        };
        read().ok_or(MovingState)
    }
}
