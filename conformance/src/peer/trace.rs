//! What went over the wire during a case, decoded and timed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use edgewise_proto::v1::Item;

use super::show;
use crate::report::ShrunkReport;

/// Events kept from a case's beginning.
const HEAD_MAX: usize = 64;
/// Events kept from its end.
const TAIL_MAX: usize = 192;

/// The record of one case; clones share it.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Mutex<Events>>);

#[derive(Debug)]
struct Events {
    begin: Instant,
    head: Vec<Event>,
    tail: VecDeque<Event>,
    dropped: u64,
    heard: u64,
    streams: u32,
    shrunk: Option<ShrunkReport>,
}

#[derive(Debug)]
struct Event {
    micros: u128,
    stream: u32,
    what: What,
}

/// One thing that happened on a stream.
#[derive(Clone, Debug)]
pub enum What {
    /// The suite sent a block that opens to these items.
    Sent(Vec<Item>),
    /// The suite sent something else.
    SentRaw(String),
    /// The server sent a block that opens to these items.
    Received(Vec<Item>),
    /// The server sent something else.
    ReceivedRaw(String),
    /// The case says what it is about to do.
    Note(String),
}

impl Default for Trace {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Events {
            begin: Instant::now(),
            head: Vec::new(),
            tail: VecDeque::new(),
            dropped: 0,
            heard: 0,
            streams: 0,
            shrunk: None,
        })))
    }
}

impl Trace {
    /// The number of the next stream, from 1; 0 is the case itself.
    #[must_use]
    pub fn stream(&self) -> u32 {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.streams += 1;
        events.streams
    }

    /// Adds an event.
    pub fn push(&self, stream: u32, what: What) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.heard += u64::from(matches!(what, What::Received(_) | What::ReceivedRaw(_)));
        let event = Event { micros: events.begin.elapsed().as_micros(), stream, what };
        if events.head.len() < HEAD_MAX {
            events.head.push(event);
            return;
        }
        if events.tail.len() == TAIL_MAX {
            events.tail.pop_front();
            events.dropped += 1;
        }
        events.tail.push_back(event);
    }

    /// How often something came from the server.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).heard
    }

    /// Keeps what the failure of a property was shrunk to.
    pub fn keep(&self, shrunk: ShrunkReport) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).shrunk = Some(shrunk);
    }

    /// What the failure of a property was shrunk to, if it was.
    #[must_use]
    pub fn shrunk(&self) -> Option<ShrunkReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).shrunk
    }

    /// The events as lines: milliseconds, stream, direction, what.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gap = (events.dropped > 0).then(|| format!("… {} events left out …", events.dropped));
        let head = events.head.iter().map(Event::line);
        head.chain(gap).chain(events.tail.iter().map(Event::line)).collect()
    }
}

impl Event {
    fn line(&self) -> String {
        let (arrow, what) = match &self.what {
            What::Sent(items) => ("→", show::items(items)),
            What::SentRaw(what) => ("→", what.clone()),
            What::Received(items) => ("←", show::items(items)),
            What::ReceivedRaw(what) => ("←", what.clone()),
            What::Note(what) => ("·", what.clone()),
        };
        let millis = self.micros / 1_000;
        let rest = self.micros % 1_000;
        format!("{millis:>6}.{rest:03} ms  {:>2} {arrow} {what}", self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_trace_keeps_its_beginning_and_its_end() {
        let trace = Trace::default();
        for n in 0..HEAD_MAX + TAIL_MAX + 10 {
            trace.push(1, What::Note(format!("event {n}.")));
        }
        trace.push(1, What::Sent(Vec::new()));
        assert_eq!(trace.heard(), 0);
        trace.push(1, What::Received(Vec::new()));
        trace.push(1, What::ReceivedRaw(String::new()));
        assert_eq!(trace.heard(), 2);
        let lines = trace.lines();
        assert_eq!(lines.len(), HEAD_MAX + 1 + TAIL_MAX);
        assert!(lines[0].ends_with("event 0."));
        assert!(lines[HEAD_MAX].contains("13 events left out"));
        assert!(lines[HEAD_MAX + 1].ends_with(&format!("event {}.", HEAD_MAX + 13)));
    }
}
