//! Where a server is: the place that somebody gave, and those that its Description lists.
//!
//! A Description is signed no further than its epoch records, so the places in it are hints. They
//! are replaced whole by the next one that is accepted, never added up; each is known by the
//! server's fingerprint and by nothing else; and the given place stays in the round: it comes
//! first, because somebody vouched for it, and at least every other try is there, so that a list
//! of dead places keeps nobody from it. Whoever hands out addresses spreads clients over edges;
//! those of a lost edge spread by choosing another one at random.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use edgewise_spec::constants::{EDGES_MAX, HASH_LEN};
use edgewise_spec::link::{Address, Edge};
use edgewise_spec::mutant;
use rand_core::Rng as _;

use crate::clock::OsRandom;

/// What the last Description of a server listed: at most EDGES_MAX hints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// Whether TLS lies around the streams there, as at the place that was asked.
    pub(crate) tls: bool,
    pub(crate) edges: Vec<Edge>,
}

type Told = Box<dyn Fn([u8; HASH_LEN], Places) + Send + Sync>;

/// The places of all servers of one isolation context, by fingerprint.
#[derive(Default)]
pub(crate) struct Book {
    known: Mutex<HashMap<[u8; HASH_LEN], Places>>,
    told: OnceLock<Told>,
}

impl core::fmt::Debug for Book {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Book")
    }
}

impl Book {
    /// Takes what was stored in an earlier life.
    pub(crate) fn remember(&self, fingerprint: [u8; HASH_LEN], places: Places) {
        self.known().insert(fingerprint, places);
    }

    /// From now on tells whatever changes, to have it stored; the first who asks is told.
    pub(crate) fn tell(&self, told: impl Fn([u8; HASH_LEN], Places) + Send + Sync + 'static) {
        let _ = self.told.set(Box::new(told));
    }

    /// Takes the places of a Description that was accepted, in place of all before.
    pub(crate) fn learn(&self, asked: &Address, edges: &[Edge]) {
        let edges = edges.iter().take(EDGES_MAX).cloned().collect();
        let places = Places { tls: asked.tls, edges };
        let before = self.known().insert(asked.fingerprint, places.clone());
        if before.unwrap_or_default() != places
            && let Some(told) = self.told.get()
        {
            told(asked.fingerprint, places);
        }
    }

    /// The other places of a server, without the given one. Where that has TLS, so have they.
    pub(crate) fn others(&self, given: &Address) -> Vec<Address> {
        if mutant!(LINK_52) {
            return Vec::new();
        }
        let known = self.known();
        let Some(places) = known.get(&given.fingerprint) else { return Vec::new() };
        if given.tls && !places.tls {
            return Vec::new();
        }
        let mut others: Vec<Address> = Vec::new();
        for edge in &places.edges {
            if *edge != given.edge && others.iter().all(|other| other.edge != *edge) {
                let Places { tls, .. } = *places;
                others.push(Address { edge: edge.clone(), tls, ..given.clone() });
            }
        }
        others
    }

    /// Some few others in any order, `most` at most.
    pub(crate) fn some_others(&self, given: &Address, most: usize) -> Vec<Address> {
        let mut others = self.others(given);
        let mut some = Vec::new();
        while some.len() < most
            && let Some(at) = any(others.len())
        {
            some.push(others.swap_remove(at));
        }
        some
    }

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; HASH_LEN], Places>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way of one link round the places of its server: the given one, another, the given one,
/// another that was not tried yet.
#[derive(Debug)]
pub(crate) struct Round {
    given: Address,
    at: Address,
    /// The others that were tried since the round began, at most EDGES_MAX.
    tried: Vec<Edge>,
}

impl Round {
    pub(crate) fn new(given: &Address) -> Self {
        Self { given: given.clone(), at: given.clone(), tried: Vec::new() }
    }

    /// Where the link is, or is to be opened next.
    pub(crate) const fn at(&self) -> &Address {
        &self.at
    }

    /// Begins anew at the given place.
    pub(crate) fn begin(&mut self) {
        self.at = self.given.clone();
        self.tried.clear();
    }

    /// The place in use was good for a while: whatever was tried before may be good again.
    pub(crate) fn settled(&mut self) {
        self.tried.clear();
    }

    /// LINK-52: the place in use has failed; the next one. False where the round is over: the
    /// given place has failed after all others that are known.
    pub(crate) fn go_on(&mut self, book: &Book) -> bool {
        if self.at != self.given {
            self.at = self.given.clone();
            return true;
        }
        let others = book.others(&self.given);
        let untried = |other: &&Address| !self.tried.contains(&other.edge);
        let mut next: Vec<Address> = others.iter().filter(untried).cloned().collect();
        let over = next.is_empty() || self.tried.len() >= EDGES_MAX;
        if over {
            self.tried.clear();
            next = others;
        }
        if let Some(at) = any(next.len()) {
            self.at = next.swap_remove(at);
            self.tried.push(self.at.edge.clone());
        }
        !over
    }
}

/// Any number below a length.
fn any(len: usize) -> Option<usize> {
    usize::try_from(OsRandom.next_u32()).ok()?.checked_rem(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        let edge = Edge { host: "edge.example".to_owned(), port };
        Address { fingerprint: [7; HASH_LEN], edge, tls: true }
    }

    fn book(ports: &[u16]) -> Book {
        let book = Book::default();
        book.learn(&address(1), &ports.iter().map(|port| address(*port).edge).collect::<Vec<_>>());
        book
    }

    /// The ports of so many tries, each of which fails.
    fn ways(book: &Book, tries: usize) -> Vec<u16> {
        let mut round = Round::new(&address(1));
        let mut next = || {
            let port = round.at().edge.port;
            round.go_on(book);
            port
        };
        (0..tries).map(|_| next()).collect()
    }

    #[test]
    fn every_other_try_is_at_the_given_place_and_all_others_have_their_turn() {
        let ports: Vec<u16> = (1..=20).collect();
        let way = ways(&book(&ports), 80);
        assert!(way.iter().step_by(2).all(|port| *port == 1), "{way:?}");
        for half in [&way[..38], &way[38..76]] {
            let mut others: Vec<_> = half.iter().skip(1).step_by(2).copied().collect();
            others.sort_unstable();
            assert_eq!(others, ports[1..], "each once a round");
        }
        assert_eq!(ways(&book(&[]), 4), [1; 4]);
        assert_eq!(ways(&book(&[1]), 4), [1; 4]);
        assert_eq!(ways(&book(&[1, 2]), 5), [1, 2, 1, 2, 1]);
    }

    #[test]
    fn clients_of_one_place_do_not_all_go_to_one_other() {
        let book = book(&(1..=20).collect::<Vec<_>>());
        let seconds: std::collections::BTreeSet<_> = (0..400).map(|_| ways(&book, 2)[1]).collect();
        assert!(seconds.len() > 10, "{seconds:?}");
        let some = book.some_others(&address(1), 3);
        assert_eq!(some.iter().collect::<std::collections::HashSet<_>>().len(), 3);
        assert!(book.some_others(&address(1), 99).len() == 19);
    }

    /// A list that is another each time ends a round all the same.
    #[test]
    fn a_round_has_an_end_whatever_is_listed() {
        let book = book(&[2]);
        let mut round = Round::new(&address(1));
        let ended = (0..100).position(|n| {
            book.learn(&address(1), &[address(1_000 + n).edge]);
            !round.go_on(&book)
        });
        assert!(ended.is_some_and(|n| n <= 2 * EDGES_MAX), "{ended:?}");
        let mut alone = Round::new(&address(1));
        assert!(!alone.go_on(&Book::default()), "there is no other");
        assert_eq!(alone.at(), &address(1));
    }

    #[test]
    fn a_description_replaces_the_one_before_and_is_told_when_it_is_another() {
        let book = Book::default();
        let told = std::sync::Arc::new(Mutex::new(Vec::new()));
        let sink = std::sync::Arc::clone(&told);
        book.tell(move |fingerprint, places| sink.lock().unwrap().push((fingerprint, places)));
        let list = |ports: &[u16]| ports.iter().map(|it| address(*it).edge).collect::<Vec<_>>();
        for ports in [&[1, 2, 2, 3][..], &[1, 2, 2, 3], &[4], &[]] {
            book.learn(&address(1), &list(ports));
        }
        let lens: Vec<_> =
            told.lock().unwrap().iter().map(|(_, places)| places.edges.len()).collect();
        assert_eq!(lens, [4, 1, 0]);
        assert!(book.others(&address(1)).is_empty());
        book.learn(&address(1), &list(&[1, 2, 2, 3]));
        assert_eq!(book.others(&address(1)), [address(2), address(3)]);
        assert_eq!(book.others(&address(9)).len(), 3, "another place of the same server");
        let stranger = Address { fingerprint: [8; HASH_LEN], ..address(1) };
        assert!(book.others(&stranger).is_empty());
    }

    #[test]
    fn nobody_goes_on_with_less_tls_than_was_given() {
        let book = Book::default();
        let open = Address { tls: false, ..address(1) };
        book.learn(&open, &[address(2).edge]);
        assert!(book.others(&address(1)).is_empty());
        assert_eq!(book.others(&open), [Address { tls: false, ..address(2) }]);
    }
}
