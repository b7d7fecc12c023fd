//! Small concurrent histories, checked for linearizability (Wing and Gong).
//!
//! A history is linearizable if its calls can be put in one order that respects real time and in
//! which the model gives every answer that was given. A call without an answer may have taken
//! effect at any time after it was made, or never. Linearizability is local, so each connection
//! is checked by itself.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::model::{Answer, Request, World};

/// Most calls of one history: the search keeps the done ones in the bits of a number.
pub const CALLS_MAX: usize = 32;

/// One call of a concurrent history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The link it was made on.
    pub link: usize,
    /// What was asked.
    pub request: Request,
    /// When it was made, on a clock shared by all links.
    pub made: u64,
    /// When its answer came, and the answer; none while it is in flight.
    pub answered: Option<(u64, Answer)>,
}

/// An order of calls, by their places in the history, that explains every answer and leads to a
/// world that `end` agrees with; none if there is no such order.
///
/// Calls of one link stand in the order in which they were made on it.
pub fn explain(start: &World, calls: &[Call], end: impl Fn(&World) -> bool) -> Option<Vec<usize>> {
    if calls.len() > CALLS_MAX {
        return None;
    }
    let mut search = Search::new(calls, 0, usize::MAX, end);
    search.from(start, 0).then_some(search.order)
}

/// The part of a history that no order explains by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Core {
    /// Places of the calls whose answers contradict one another.
    pub calls: Vec<usize>,
    /// Whether that takes what the end was like.
    pub end: bool,
}

/// The smallest part of a history without an order that still has none.
///
/// A call that is left out may have taken effect in its time, or never, whatever its answer was:
/// so the contradiction that remains is one of the whole history too. Where a search for it would
/// take too long, the call stays.
pub fn core(start: &World, calls: &[Call], end: impl Fn(&World) -> bool) -> Core {
    let contradicts = |left_out: u32, with_end: bool| {
        let end = |world: &World| !with_end || end(world);
        !Search::new(calls, left_out, STATES_MAX, end).from(start, 0)
    };
    let with_end = !contradicts(0, false);
    let mut left_out = 0;
    // Leaving out more only allows more orders: one round is enough.
    for place in (0..calls.len().min(CALLS_MAX)).rev() {
        let more = left_out | (1 << place);
        if contradicts(more, with_end) {
            left_out = more;
        }
    }
    let kept = (0..calls.len()).filter(|place| !is_in(left_out, *place));
    Core { calls: kept.collect(), end: with_end }
}

/// Most states of one search for a smaller history.
const STATES_MAX: usize = 50_000;

struct Search<'a, F> {
    calls: &'a [Call],
    /// Those that may have taken effect or not, whatever they were answered.
    left_out: u32,
    /// Most states to be seen; beyond them everything counts as explained.
    states_max: usize,
    end: F,
    seen: HashSet<(u32, World)>,
    order: Vec<usize>,
}

impl<'a, F: Fn(&World) -> bool> Search<'a, F> {
    fn new(calls: &'a [Call], left_out: u32, states_max: usize, end: F) -> Self {
        Self { calls, left_out, states_max, end, seen: HashSet::new(), order: Vec::new() }
    }

    fn from(&mut self, world: &World, done: u32) -> bool {
        let must = self.calls.iter().enumerate().filter(|(_, call)| call.answered.is_some());
        let mut must = must.filter(|(place, _)| !is_in(self.left_out, *place));
        if must.all(|(place, _)| is_in(done, place)) && (self.end)(world) {
            return true;
        }
        if self.seen.len() >= self.states_max {
            return true;
        }
        if !self.seen.insert((done, world.clone())) {
            return false;
        }
        for (place, call) in self.calls.iter().enumerate() {
            if is_in(done, place) || !self.may_be_next(place, call, done) {
                continue;
            }
            let mut after = world.clone();
            let answer = after.handle(call.link, &call.request).answer;
            let given = call.answered.as_ref().filter(|_| !is_in(self.left_out, place));
            let given = given.map(|(_, answer)| answer);
            if given.is_some() && given != answer.as_ref() {
                continue;
            }
            if is_in(self.left_out, place) && after == *world {
                continue;
            }
            self.order.push(place);
            if self.from(&after, done | (1 << place)) {
                return true;
            }
            self.order.pop();
        }
        false
    }

    /// Nothing that is not done was answered before this was made, or stands before it on its link.
    fn may_be_next(&self, place: usize, call: &Call, done: u32) -> bool {
        self.calls.iter().enumerate().all(|(other, there)| {
            if is_in(done, other) {
                // What may take effect or not does so in its time.
                return !is_in(self.left_out, place) || !before((place, call), (other, there));
            }
            is_in(self.left_out, other) || !before((other, there), (place, call))
        })
    }
}

/// Whether one call was over before the other was made, or stands before it on its link.
fn before((place, call): (usize, &Call), (other, there): (usize, &Call)) -> bool {
    let answered = call.answered.as_ref().is_some_and(|(at, _)| *at < there.made);
    answered || (call.link == there.link && place < other)
}

const fn is_in(done: u32, place: usize) -> bool {
    done & (1 << place) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attach, Class, Create, Key, Role, State, Terms};
    use edgewise_proto::v1::RejectCode;

    /// A claimed connection with a quota of 16: its recipient on link 0, its sender on 1 and 2.
    fn world() -> World {
        let (quota_max, idle_days_max, part_days_max, buried_hours) = (512, 365, 30, 24);
        let terms = Terms { quota_max, idle_days_max, part_days_max, buried_hours };
        let mut world = World::new(terms, 500_000);
        let key =
            |pair| Key { pair, version: 0, not_before: 499_999, not_after: 500_999, grace: 0 };
        for _ in 0..3 {
            world.open(Class::Medium);
        }
        let create = Create {
            name: 1,
            key: key(1),
            claim: 2,
            state: State::Claimed,
            sender: Some(key(3)),
            class: Class::Medium,
            quota: 16,
            idle_days: 7,
            part_days: 1,
            bundle: None,
            recipient_signed: true,
            claim_signed: false,
            chain: Vec::new(),
        };
        world.handle(0, &Request::Create(Box::new(create)));
        for (link, role, pair) in
            [(0, Role::Recipient, 1), (1, Role::Sender, 3), (2, Role::Sender, 3)]
        {
            let (handle, name, version, from, signed, chain) = (0, 1, 0, 0, true, Vec::new());
            let attach = Attach { handle, role, name, pair, version, from, signed, chain };
            world.handle(link, &Request::Attach(Box::new(attach)));
        }
        world
    }

    fn send(link: usize, submission: u64, made: u64, answered: u64, answer: Answer) -> Call {
        let part = u32::try_from(link).unwrap() * 100 + u32::try_from(submission).unwrap();
        let request = Request::Send { handle: 0, submission, part, whole: true };
        Call { link, request, made, answered: Some((answered, answer)) }
    }

    const fn gap(next: u64) -> Answer {
        Answer::Refused { code: RejectCode::Gap as i32, next }
    }

    fn parts(world: &World) -> Vec<u32> {
        world.records()[&1].parts.iter().map(|part| part.part).collect()
    }

    #[test]
    fn concurrent_sends_have_an_order() {
        let calls =
            [send(1, 0, 0, 3, Answer::Done), send(1, 1, 4, 9, gap(0)), send(2, 1, 1, 2, gap(0))];
        assert_eq!(explain(&world(), &calls, |_| true), None, "a gap behind what was accepted");
        let calls = [
            send(1, 0, 0, 5, Answer::Done),
            send(2, 0, 1, 2, Answer::Done),
            send(2, 1, 3, 4, Answer::Done),
        ];
        assert!(explain(&world(), &calls, |world| parts(world) == [100, 201]).is_some());
        assert!(explain(&world(), &calls, |world| parts(world) == [200, 201]).is_some());
        assert_eq!(explain(&world(), &calls, |world| parts(world) == [201, 100]), None);
        assert_eq!(explain(&world(), &calls, |world| parts(world).len() == 3), None);
    }

    #[test]
    fn real_time_is_respected() {
        let refused = Answer::refused(RejectCode::Quota);
        let suspend = |made, answered| Call {
            link: 0,
            request: Request::Suspend { handle: 0 },
            made,
            answered: Some((answered, Answer::Done)),
        };
        let overlapping = [suspend(0, 3), send(1, 0, 1, 2, refused.clone())];
        assert!(explain(&world(), &overlapping, |_| true).is_some());
        let before = [suspend(2, 3), send(1, 0, 0, 1, refused)];
        assert_eq!(explain(&world(), &before, |_| true), None, "refused before the suspend");
        let after = [suspend(0, 1), send(1, 0, 2, 3, Answer::Done)];
        assert_eq!(explain(&world(), &after, |_| true), None, "accepted after it");
    }

    #[test]
    fn a_core_is_what_contradicts_itself() {
        let done = |link, submission, at| send(link, submission, at, at + 1, Answer::Done);
        // Two parts under submission 1, among calls that have nothing to do with it.
        let mut calls = vec![done(1, 0, 0)];
        calls.push(send(1, 1, 2, 5, Answer::Done));
        calls.push(send(2, 1, 3, 4, Answer::Done));
        calls.extend([done(1, 2, 6), done(2, 3, 8), done(1, 0, 10)]);
        let kept = |wanted: &'static [u32]| move |world: &World| parts(world) == wanted;
        assert!(explain(&world(), &calls, kept(&[100, 201, 102, 203])).is_some());
        let twice = kept(&[100, 101, 201, 102, 203]);
        assert_eq!(explain(&world(), &calls, twice), None);
        // What was delivered contradicts by itself: only one of two parts can be kept.
        assert_eq!(core(&world(), &calls, twice), Core { calls: vec![], end: true });
        // A gap that names a submission from before: the Done that came earlier is needed.
        let calls = [done(1, 0, 0), done(1, 1, 2), send(2, 2, 4, 5, gap(0)), done(1, 2, 6)];
        assert_eq!(explain(&world(), &calls, |_| true), None);
        let core = core(&world(), &calls, |_| true);
        assert!(!core.end);
        assert!(core.calls == [0, 2] || core.calls == [1, 2], "{core:?}");
    }

    #[test]
    fn what_is_left_out_took_effect_in_its_time_or_never() {
        let calls = [send(1, 0, 0, 1, Answer::Done), send(2, 1, 2, 3, Answer::Done)];
        let search = |left_out| Search::new(&calls, left_out, usize::MAX, |_: &World| true);
        assert!(search(0b01).from(&world(), 0), "it took effect");
        let late = [send(2, 1, 0, 1, Answer::Done), send(1, 0, 2, 3, Answer::Done)];
        let mut search = Search::new(&late, 0b10, usize::MAX, |_: &World| true);
        assert!(!search.from(&world(), 0), "too late for what was answered before");
        let never = [send(1, 0, 0, 1, Answer::Done), send(2, 0, 2, 3, gap(0))];
        let mut search = Search::new(&never, 0b10, usize::MAX, |_: &World| true);
        assert!(search.from(&world(), 0), "whatever it was answered");
    }

    #[test]
    fn a_call_in_flight_may_have_happened_or_not() {
        let mut lost = send(1, 0, 0, 0, Answer::Done);
        lost.answered = None;
        let happened = [lost.clone(), send(2, 1, 1, 2, Answer::Done)];
        assert!(explain(&world(), &happened, |_| true).is_some());
        let not = [lost.clone(), send(2, 1, 1, 2, gap(0))];
        assert!(explain(&world(), &not, |_| true).is_some());
        let twice = [lost, send(2, 1, 1, 2, Answer::Done), send(2, 1, 3, 4, gap(0))];
        assert_eq!(explain(&world(), &twice, |_| true), None);
    }
}
