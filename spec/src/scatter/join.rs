//! Parts join to their cell.

use super::coding::{fragments, sealed_of};
use super::part::cell_of;
use super::share::joined;
use super::{OpenedPart, Shape};
use crate::mutant;
use crate::suite::constant_time_eq;

/// What the parts that there are of a cell come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// There are fewer than k.
    Short {
        /// How many more it takes, of other places.
        missing: u8,
    },
    /// k of them join.
    Cell {
        /// CELL bytes: the session opens it.
        cell: Vec<u8>,
        /// The places whose parts do not belong to it, ascending: they are counted against their
        /// connections (SCATTER-23), and whoever knew their keys lied.
        wrong: Vec<u8>,
    },
    /// There are k or more, and no k of them join: further ones may help.
    Apart,
}

/// Joins the parts of one s that were taken, in the order in which they came. Of several of one
/// place the first counts (SCATTER-20), and one that is not of the shape does not.
///
/// Any k places do (SCATTER-21). Where those that came first do not join, which no server can
/// cause and the peer can, all other choices are tried (SCATTER-22): at most 210, with k = 4.
///
/// The caller keeps the parts, stored before they are acknowledged (SCATTER-15), and drops them when
/// the cell is open, when its s is forgotten (SCATTER-9), and PARTIAL_DAYS after the first of them
/// came (SCATTER-24).
#[must_use]
pub fn join(shape: Shape, parts: &[OpenedPart]) -> Joined {
    let mut held: Vec<&OpenedPart> = Vec::with_capacity(parts.len());
    for part in parts.iter().filter(|part| part.is_of(shape)) {
        if held.iter().all(|other| other.place != part.place) {
            held.push(part);
        }
    }
    let k = if mutant!(SCATTER_21) { shape.n() } else { shape.k() };
    let count = u8::try_from(held.len()).unwrap_or(u8::MAX);
    if let missing @ 1.. = k.saturating_sub(count) {
        return Joined::Short { missing };
    }
    let choices = (0_u16..1 << held.len()).filter(|it| it.count_ones() == u32::from(shape.k()));
    for choice in choices.take(if mutant!(SCATTER_22) { 1 } else { usize::MAX }) {
        let chosen = (0..).zip(&held).filter(|(at, _)| choice >> at & 1 == 1);
        if let Some(cell) = joined_by(shape, chosen.map(|(_, part)| *part), &held) {
            return cell;
        }
    }
    Joined::Apart
}

/// The cell that k parts join to, if they do, and which of all do not belong to it.
fn joined_by<'a>(
    shape: Shape,
    chosen: impl Iterator<Item = &'a OpenedPart> + Clone,
    held: &[&OpenedPart],
) -> Option<Joined> {
    let shares = chosen.clone().map(|part| (part.place, &*part.share));
    let sealed = sealed_of(shape.k(), chosen.map(|part| (part.place, &part.fragment[..])))?;
    let cell = cell_of(&*joined(shares.clone(), None)?, &sealed)?;
    let fragments = fragments(shape, &sealed);
    let belongs = |part: &OpenedPart| {
        let share = joined(shares.clone(), Some(part.place));
        fragments.get(usize::from(part.place)).is_some_and(|it| *it == *part.fragment)
            && share.is_some_and(|share| constant_time_eq(&*share, &*part.share))
    };
    let wrong = held.iter().filter(|part| !belongs(part) && !mutant!(SCATTER_23));
    let mut wrong: Vec<u8> = wrong.map(|part| part.place).collect();
    wrong.sort_unstable();
    Some(Joined::Cell { cell, wrong })
}
