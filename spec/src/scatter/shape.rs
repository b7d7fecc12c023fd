//! The legal table: how cells are split, and every length that follows from it.

use crate::constants::{
    CELL_OVERHEAD, FRAGMENT_OVERHEAD, PART_TAG_LEN, SERVERS_MAX, SHARE_LEN, TAG_LEN,
};
use crate::frame::Class;
use crate::require;

/// How the cells of a session are split: one row of the legal table, and the number of servers.
///
/// k fragments of n join to a cell, each sent to another server over a connection of one class.
/// A shape that is not in the table cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    class: Class,
    k: u8,
    n: u8,
}

/// The three numbers are in no row of the legal table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no cell is split {k} of {n} over connections of class {class}; see the table of scatter")]
pub struct ShapeRefused {
    /// Number of the class.
    pub class: u32,
    /// Fragments that join to a cell.
    pub k: u8,
    /// Parts that a cell is sent as.
    pub n: u8,
}

impl Shape {
    /// The legal table: class and k. Each row goes with every n from k to SERVERS_MAX.
    pub const TABLE: [(Class, u8); 5] = [
        (Class::Small, 4),
        (Class::Small, 7),
        (Class::Medium, 1),
        (Class::Medium, 7),
        (Class::Large, 1),
    ];

    /// The default of a single server: medium, 1 of 1.
    pub const SINGLE: Self = Self { class: Class::Medium, k: 1, n: 1 };

    /// The default of ten servers: small, 7 of 10.
    pub const SEVEN_OF_TEN: Self = Self { class: Class::Small, k: 7, n: 10 };

    /// The shape of a class, k and n.
    ///
    /// # Errors
    /// [`ShapeRefused`] when the table does not have it (SCATTER-1).
    pub fn new(class: Class, k: u8, n: u8) -> Result<Self, ShapeRefused> {
        let listed = Self::TABLE.contains(&(class, k)) && k <= n && usize::from(n) <= SERVERS_MAX;
        require!(SCATTER_1, listed, ShapeRefused { class: class.number(), k, n });
        Ok(Self { class, k, n })
    }

    /// Class of the connections.
    #[must_use]
    pub const fn class(self) -> Class {
        self.class
    }

    /// How many parts join to a cell.
    #[must_use]
    pub const fn k(self) -> u8 {
        self.k
    }

    /// How many parts a cell is sent as, each over another connection.
    #[must_use]
    pub const fn n(self) -> u8 {
        self.n
    }

    /// Length of a part, in bytes.
    #[must_use]
    pub const fn part_len(self) -> usize {
        self.class.part_len()
    }

    /// FRAGMENT: length of a fragment, in bytes.
    #[must_use]
    pub const fn fragment_len(self) -> usize {
        self.class.block_len() - FRAGMENT_OVERHEAD
    }

    /// CELL: length of a cell, in bytes.
    #[must_use]
    pub const fn cell_len(self) -> usize {
        self.k as usize * self.fragment_len() - TAG_LEN
    }

    /// BODY: length of a padded body, in bytes.
    #[must_use]
    pub const fn body_len(self) -> usize {
        self.cell_len() - CELL_OVERHEAD
    }
}

const fn lens(class: Class, k: u8) -> [usize; 4] {
    let shape = Shape { class, k, n: k };
    [shape.part_len(), shape.fragment_len(), shape.cell_len(), shape.body_len()]
}

const fn are(class: Class, k: u8, [part, fragment, cell, body]: [usize; 4]) -> bool {
    let lens = lens(class, k);
    lens[0] == part && lens[1] == fragment && lens[2] == cell && lens[3] == body
}

const _: () = {
    // SCATTER-1: the numbers of the chapter's table.
    assert!(are(Class::Small, 4, [848, 784, 3_120, 704]));
    assert!(are(Class::Small, 7, [848, 784, 5_472, 3_056]));
    assert!(are(Class::Medium, 1, [3_920, 3_856, 3_840, 1_424]));
    assert!(are(Class::Medium, 7, [3_920, 3_856, 26_976, 24_560]));
    assert!(are(Class::Large, 1, [16_144, 16_080, 16_064, 13_648]));
    // Small cells of fewer than four fragments have no room for a body.
    assert!(3 * (Class::Small.block_len() - FRAGMENT_OVERHEAD) - TAG_LEN < CELL_OVERHEAD);
    // A part is tag, fragment, share and the seal's own tag.
    assert!(
        Class::Small.part_len() == PART_TAG_LEN + lens(Class::Small, 4)[1] + SHARE_LEN + TAG_LEN
    );
    // Every row has a server for each of its fragments.
    let mut row = 0;
    while row < Shape::TABLE.len() {
        let (class, k) = Shape::TABLE[row];
        assert!(k as usize <= SERVERS_MAX && lens(class, k)[2] > CELL_OVERHEAD);
        row += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_of_the_table_are_shapes() {
        for class in Class::ALL {
            for k in 0..=u8::MAX {
                for n in 0..=u8::MAX {
                    let row = match class {
                        Class::Small => k == 4 || k == 7,
                        Class::Medium => k == 1 || k == 7,
                        Class::Large => k == 1,
                    };
                    let shape = Shape::new(class, k, n);
                    assert_eq!(shape.is_ok(), row && k <= n && n <= 10, "{class:?} {k} {n}");
                    if let Ok(shape) = shape {
                        assert_eq!((shape.class(), shape.k(), shape.n()), (class, k, n));
                    }
                }
            }
        }
        assert_eq!(Shape::new(Class::Medium, 1, 1), Ok(Shape::SINGLE));
        assert_eq!(Shape::new(Class::Small, 7, 10), Ok(Shape::SEVEN_OF_TEN));
    }
}
