//! What a store gets for nothing that can only load, commit and read: [`Store::apply`].

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::Mutex;

use edgewise_spec::connection::{Around, By, Op, Outcome, Plan, Record, Role, State};
use edgewise_spec::error::Reject;
use edgewise_spec::store::{
    Changed, PartBuf, RETRIES_MAX, ReadSpec, Shard, Slot, Store, StoreLimits, Wake, Wakes, Why,
};
use edgewise_spec::time::Now;

use super::{DAY, create, place};
use crate::world::server::START;

/// A store behind a lock that is free between load and commit, as a database's rows are.
struct Plain {
    inner: Mutex<Inner>,
}

struct Inner {
    shard: Shard,
    /// What another link gets through after a load and before its commit: one a time.
    meanwhile: VecDeque<Op>,
    loads: usize,
    commits: usize,
    reachable: bool,
}

impl Store for Plain {
    async fn load(&self, now: Now, op: &Op) -> Result<(Option<Record>, Around), Reject> {
        let inner = &mut *self.inner.lock().unwrap();
        inner.loads += 1;
        if !inner.reachable {
            return Err(Reject::Unavailable);
        }
        let loaded = inner.shard.load(now, op, None, false);
        if let Some(other) = inner.meanwhile.pop_front() {
            let applied = inner.shard.apply(now, &other, None, false, &mut Wakes::new());
            applied.outcome.unwrap();
        }
        Ok(loaded)
    }

    async fn commit(
        &self,
        now: Now,
        op: &Op,
        plan: Plan,
        slot: Slot,
        wakes: &mut Wakes,
    ) -> Result<Result<Outcome, Reject>, Changed> {
        let inner = &mut *self.inner.lock().unwrap();
        inner.commits += 1;
        let applied = inner.shard.commit(now, op, plan, Some(slot), wakes)?;
        Ok(applied.outcome)
    }

    async fn read(&self, now: Now, spec: &ReadSpec, out: &mut PartBuf) -> Result<(), Reject> {
        self.inner.lock().unwrap().shard.read(now, spec, out);
        Ok(())
    }
}

/// What a future that waits for nothing comes to.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

struct Bench {
    store: Plain,
    wakes: Wakes,
    recipient: By,
    sender: By,
}

impl Bench {
    /// A claimed connection, subscribed to by place 1; its sender is place 2.
    fn new() -> Self {
        let limits = StoreLimits { connections_max: 100, tombstone_seconds: DAY };
        let shard = Shard::new([5, 6], limits);
        let (meanwhile, reachable) = (VecDeque::new(), true);
        let inner = Inner { shard, meanwhile, loads: 0, commits: 0, reachable };
        let store = Plain { inner: Mutex::new(inner) };
        let by = |role, number| By {
            slot: Slot(0),
            incarnation: 9,
            version: 0,
            role,
            place: place(number),
        };
        let (recipient, sender) = (by(Role::Recipient, 1), by(Role::Sender, 2));
        let mut bench = Self { store, wakes: Wakes::new(), recipient, sender };
        assert_eq!(bench.apply(&create(0, 9)), Ok(Outcome::Created(State::Claimed)));
        assert!(bench.apply(&Op::Subscribe { by: recipient }).is_ok());
        bench.count();
        bench
    }

    fn apply(&mut self, op: &Op) -> Result<Outcome, Reject> {
        self.wakes.clear();
        ready(self.store.apply(START, op, &mut self.wakes))
    }

    /// Loads and commits since the last time.
    fn count(&mut self) -> (usize, usize) {
        let inner = self.store.inner.get_mut().unwrap();
        (std::mem::take(&mut inner.loads), std::mem::take(&mut inner.commits))
    }

    fn meanwhile(&mut self, ops: impl IntoIterator<Item = Op>) {
        self.store.inner.get_mut().unwrap().meanwhile.extend(ops);
    }

    fn send(&self, submission: u64, fill: u8) -> Op {
        Op::Send { by: self.sender, submission, part: vec![fill; 4].into() }
    }

    /// Suspend, Resume, and so on: each of them changes the record.
    fn changes(&self, count: usize) -> Vec<Op> {
        let by = self.recipient;
        let change = |n: usize| {
            if n.is_multiple_of(2) { Op::Suspend { by } } else { Op::Resume { by } }
        };
        (0..count).map(change).collect()
    }

    /// Sequence and first byte of the parts that are kept.
    fn parts(&self) -> Vec<(u64, u8)> {
        let spec = ReadSpec { by: self.recipient, after: 0, cursor: u32::MAX, seen: 0, parts: 4 };
        let mut out = PartBuf::default();
        ready(self.store.read(START, &spec, &mut out)).unwrap();
        out.parts.iter().map(|(sequence, part)| (*sequence, part[0])).collect()
    }
}

#[test]
fn what_nobody_disturbs_is_loaded_and_committed_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.apply(&bench.send(0, 7)), Ok(Outcome::Done));
    assert_eq!(bench.count(), (1, 1));
    assert_eq!(bench.parts(), [(1, 7)]);
    let told = Wake { place: place(1), slot: Slot(0), why: Why::Parts };
    assert_eq!(bench.wakes, [told]);
    // A refusal is a plan like any other: nothing is tried again because of it.
    assert_eq!(bench.apply(&bench.send(5, 7)), Err(Reject::Gap { next: 1 }));
    assert_eq!(bench.count(), (1, 1));
}

#[test]
fn a_plan_whose_record_has_changed_is_made_anew() {
    let mut bench = Bench::new();
    // The record that the second plan is made of takes no parts.
    bench.meanwhile(bench.changes(1));
    assert_eq!(bench.apply(&bench.send(0, 7)), Err(Reject::Quota));
    assert_eq!(bench.count(), (2, 2));
    assert_eq!(bench.parts(), []);
    // And of this one it does again.
    bench.meanwhile([Op::Resume { by: bench.recipient }]);
    assert_eq!(bench.apply(&bench.send(0, 7)), Ok(Outcome::Done));
    assert_eq!(bench.count(), (2, 2));
    assert_eq!(bench.parts(), [(1, 7)]);
}

#[test]
fn a_guard_that_fails_once_does_not_do_the_work_twice() {
    let mut bench = Bench::new();
    bench.meanwhile([bench.send(0, 7)]);
    assert_eq!(bench.apply(&bench.send(0, 7)), Ok(Outcome::Done), "a repeat");
    assert_eq!(bench.count(), (2, 2));
    assert_eq!(bench.parts(), [(1, 7)]);
    assert_eq!(bench.wakes, [], "whoever committed it has told of it");
    // Of two parts under one submission the one that was committed first is kept.
    bench.meanwhile([bench.send(1, 8)]);
    assert_eq!(bench.apply(&bench.send(1, 9)), Ok(Outcome::Done));
    assert_eq!(bench.parts(), [(1, 7), (2, 8)]);
}

#[test]
fn what_is_disturbed_for_ever_is_unavailable_and_not_done() {
    let mut bench = Bench::new();
    let most = RETRIES_MAX;
    let delete = Op::Delete { by: bench.recipient };
    bench.meanwhile(bench.changes(2 * most));
    assert_eq!(bench.apply(&delete), Err(Reject::Unavailable));
    assert_eq!(bench.count(), (most, most));
    assert_eq!(bench.wakes, []);
    bench.store.inner.get_mut().unwrap().meanwhile.clear();

    // The last of the plans is as good as the first.
    bench.meanwhile(bench.changes(most - 1));
    assert_eq!(bench.apply(&delete), Ok(Outcome::Done));
    assert_eq!(bench.count(), (most, most));
    let told = Wake { place: place(1), slot: Slot(0), why: Why::Stale };
    assert_eq!(bench.wakes, [told]);
}

#[test]
fn a_store_that_cannot_be_reached_is_asked_once() {
    let mut bench = Bench::new();
    bench.store.inner.get_mut().unwrap().reachable = false;
    assert_eq!(bench.apply(&bench.send(0, 7)), Err(Reject::Unavailable));
    assert_eq!(bench.count(), (1, 0));
}
