//! Fragments and shares: the code beside the chapter's tables and beside slow arithmetic, and every
//! choice of places that is enough.

use edgewise_spec::constants::TAG_LEN;
use edgewise_spec::scatter::{Joined, coding_row, fragments, join, seal_cell, shares};

use super::parts::{
    FRAGMENTS, SHARES, all_coded, cell_of, choices, chosen, coefficients, inverse, times, whole,
};

const CHAPTER: &str = include_str!("../../../scatter.md");

/// The rows of the chapter's matrix for this k: place, entries.
fn written(k: u8) -> Vec<(u8, Vec<u8>)> {
    let (_, after) = CHAPTER.split_once(&format!("For k = {k}")).unwrap();
    let rows = after.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let mut fields = line.trim_matches('|').split('|').map(str::trim);
        let place = fields.next().unwrap().parse().unwrap();
        (place, fields.map(|field| u8::from_str_radix(field, 16).unwrap()).collect())
    };
    rows.map(row).collect()
}

#[test]
fn the_matrix_of_the_chapter_is_that_of_the_code() {
    for k in [4, 7] {
        let rows = written(k);
        assert!(rows.iter().map(|(place, _)| *place).eq(k..10), "rows of k = {k}");
        for (place, row) in rows {
            assert_eq!(coding_row(k, place), row, "row {place} of k = {k}");
            let slow = (0..k).map(|column| inverse(place ^ column, FRAGMENTS));
            assert!(slow.eq(row), "row {place} of k = {k}");
        }
        for place in 0..k {
            let unit = (0..k).map(|column| u8::from(column == place));
            assert!(unit.eq(coding_row(k, place)));
        }
    }
    assert!((0..10).all(|place| coding_row(1, place) == [1]));
}

#[test]
fn fragments_and_shares_are_those_of_slow_arithmetic() {
    for shape in all_coded().filter(|shape| shape.n() == 10) {
        let (key, coefficients) = ([0xA7; 32], coefficients(shape, 5));
        let sealed = seal_cell(&key, &cell_of(shape, 5));
        let len = shape.fragment_len();
        assert_eq!(sealed.len(), usize::from(shape.k()) * len);
        assert_eq!(sealed.len(), shape.cell_len() + TAG_LEN);
        for (place, fragment) in (0..).zip(fragments(shape, &sealed)) {
            // Some bytes of each, the first and the last among them.
            for at in (0..len).step_by(97).chain([len - 1]) {
                let slow = (0..shape.k()).fold(0, |sum, column| {
                    let data = sealed[usize::from(column) * len + at];
                    let factor = if place < shape.k() {
                        u8::from(place == column)
                    } else {
                        inverse(place ^ column, FRAGMENTS)
                    };
                    sum ^ times(factor, data, FRAGMENTS)
                });
                assert_eq!(fragment[at], slow, "byte {at} of fragment {place} of {shape:?}");
            }
        }
        for (x, share) in (1..).zip(shares(shape, &key, &coefficients)) {
            for (at, byte) in share.iter().enumerate() {
                let power = |degree| (0..degree).fold(1, |power, _| times(power, x, SHARES));
                let terms = (1..).zip(&coefficients);
                let slow = terms.fold(key[at], |sum, (degree, coefficient)| {
                    sum ^ times(coefficient[at], power(degree), SHARES)
                });
                assert_eq!(*byte, slow, "byte {at} of the share at {x}");
            }
        }
    }
}

#[test]
fn whatever_is_lost_k_places_are_enough_and_fewer_are_not() {
    for shape in all_coded() {
        // The longest cells at their most places only: the arithmetic is that of small ones.
        if shape.cell_len() > 6_000 && shape.n() < 10 {
            continue;
        }
        let parts = whole(shape, 3);
        let cell = cell_of(shape, 3);
        for count in 0..=u32::from(shape.n()) {
            for places in choices(shape, count) {
                let mut some = chosen(&parts, places);
                let first = places as usize % some.len().max(1);
                some.rotate_left(first);
                let expected = match u32::from(shape.k()).checked_sub(count) {
                    Some(missing @ 1..) => Joined::Short { missing: missing as u8 },
                    _ => Joined::Cell { cell: cell.clone(), wrong: Vec::new() },
                };
                assert!(join(shape, &some) == expected, "{places:#b} of {shape:?}");
            }
        }
    }
}
