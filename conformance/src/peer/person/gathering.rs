//! The person gathers the parts of a cell: joins the first k as an honest end does, or waits for all n
//! and tries several k of them.

use edgewise_spec::constants::PARTIAL_DAYS;
use edgewise_spec::scatter::{Joined, LaneId, OpenedPart, Tally, join};

use super::Person;
use super::lanes::Lane;
use crate::verdict::Stop;

/// Bytes of a cell that show under which key it was sealed.
const PAD_LEN: usize = 32;

/// A cell of which all n parts came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// Its number.
    pub s: u32,
    /// What its first bytes were masked with: the same for two cells if their cell key is (SCATTER-16).
    pub pad: Vec<u8>,
}

/// What the parts of one s are together.
pub(super) enum Whole {
    /// Too few yet.
    No,
    /// The cell.
    Cell(Vec<u8>),
    /// No cell, whatever still comes; or not all are of the cell.
    Never(String),
}

impl Person {
    /// Keeps a part, and joins the cell if there are enough.
    pub(super) fn gather(&mut self, id: LaneId, s: u32, part: OpenedPart) -> Result<Whole, Stop> {
        let now = self.now();
        self.receiver.hold(id, s);
        // SCATTER-24
        let life = u64::from(PARTIAL_DAYS) * 86_400;
        self.held.retain(|_, (since, _)| now < since.plus_seconds(life));
        let (_, held) = self.held.entry(s).or_insert((now, Vec::new()));
        held.push(part);
        let (k, n) = (usize::from(self.shape.k()), usize::from(self.shape.n()));
        if held.len() < if self.gathers { n } else { k } {
            return Ok(Whole::No);
        }
        let (cell, wrong) = match join(self.shape, held) {
            Joined::Short { .. } => return Ok(Whole::No),
            Joined::Apart if self.forgives => return Ok(Whole::No),
            Joined::Apart => {
                return Ok(Whole::Never(format!("the parts of s = {s} do not join to a cell")));
            }
            Joined::Cell { wrong, .. } if !wrong.is_empty() && !self.forgives => {
                return Ok(Whole::Never(format!("of s = {s}, {wrong:?} are no parts of the cell")));
            }
            Joined::Cell { cell, wrong } => (cell, wrong),
        };
        for place in wrong {
            self.receiver.blame_wrong(place.into());
        }
        let held = self.held.remove(&s).map(|(_, held)| held).unwrap_or_default();
        if self.gathers {
            self.any_join(s, &held, &cell)?;
            let first = held.iter().find(|part| part.place == 0);
            let first = first.ok_or_else(|| Stop::harness("n parts without the first"))?;
            let masked = first.fragment.iter().zip(cell.iter());
            let pad = masked.map(|(sealed, clear)| sealed ^ clear).take(PAD_LEN).collect();
            self.gathered.push(Gathered { s, pad });
        }
        Ok(Whole::Cell(cell))
    }

    /// What each of its servers has brought that was of no use.
    #[must_use]
    pub fn tallies(&self) -> Vec<(String, Tally)> {
        let servers = (0..).zip(&self.ins);
        let tally = |(id, lane): (LaneId, &Lane)| {
            Some((lane.door.public.to_string(), self.receiver.tally(id)?))
        };
        servers.filter_map(tally).collect()
    }

    /// Joins each k neighbours of the parts, which are all there are.
    fn any_join(&self, s: u32, held: &[OpenedPart], cell: &[u8]) -> Result<(), Stop> {
        let k = usize::from(self.shape.k());
        for first in 0..held.len() {
            let chosen: Vec<_> = held.iter().cycle().skip(first).take(k).cloned().collect();
            let places: Vec<_> = chosen.iter().map(|part| part.place).collect();
            let same = matches!(
                join(self.shape, &chosen),
                Joined::Cell { cell: joined, .. } if joined == cell
            );
            if !same {
                let expected = format!("any {k} parts join to the cell");
                let actual = format!("those of places {places:?} of s = {s} do not");
                return Err(Stop::fail(expected, actual));
            }
        }
        Ok(())
    }
}
