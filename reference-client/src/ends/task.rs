//! The task of all ends of one kind on one server.

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::task::{Context, Poll};

use edgewise_spec::client::{Event, Token};
use edgewise_spec::error::Misuse;
use edgewise_spec::frame::Class;
use edgewise_spec::link::Address;
use edgewise_spec::time::Now;
use tokio::sync::mpsc;

use super::lane::{Lane, Turned};
use super::{Ask, End, Told};
use crate::client::Client;
use crate::clock::Alarm;
use crate::error::Error;

/// Asks that are taken before the links get their turn.
const ASKS: usize = 64;

/// Owns its ends and their links.
pub(super) struct Task<E: End> {
    client: Client,
    asks: mpsc::UnboundedReceiver<Ask<E>>,
    /// Nobody can ask any more.
    deserted: bool,
    ends: HashMap<u32, Held<E>>,
    lanes: [Lane; 3],
    deadlines: BTreeSet<(Now, u32)>,
    alarm: Alarm,
}

struct Held<E: End> {
    end: E,
    told: mpsc::UnboundedSender<Told<E>>,
    /// What is known of the end outside it, kept in step by `follow`.
    class: Option<Class>,
    handle: Option<u32>,
    deadline: Option<Now>,
    /// It stands in its lane's row already.
    ready: bool,
}

/// What happened since the last time.
struct Happened<E: End> {
    asks: Vec<Ask<E>>,
    turned: Vec<(usize, Turned, Vec<Event>)>,
}

impl<E: End> Task<E> {
    pub(super) fn new(
        client: Client,
        address: &Address,
        asks: mpsc::UnboundedReceiver<Ask<E>>,
    ) -> Self {
        let alarm = Alarm::new(&client.options().clock);
        Self {
            client,
            asks,
            deserted: false,
            ends: HashMap::new(),
            lanes: Class::ALL.map(|class| Lane::new(class, address)),
            deadlines: BTreeSet::new(),
            alarm,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.go_on();
            if self.deserted && self.ends.is_empty() {
                return;
            }
            let happened = poll_fn(|cx| self.poll(cx)).await;
            happened.asks.into_iter().for_each(|ask| self.asked(ask));
            for (lane, turned, events) in happened.turned {
                self.turned(lane, turned, &events);
            }
            self.wake();
        }
    }

    /// Lets those go on that may, over the links that are open.
    fn go_on(&mut self) {
        for place in 0..self.lanes.len() {
            while let Some(number) = self.lanes.get_mut(place).and_then(Lane::next) {
                self.advance(place, number);
            }
        }
        for lane in &mut self.lanes {
            lane.settle(&self.client);
        }
        self.alarm.set(self.deadlines.first().map(|(at, _)| *at));
    }

    fn advance(&mut self, place: usize, number: u32) {
        let (Some(lane), Some(held)) = (self.lanes.get_mut(place), self.ends.get_mut(&number))
        else {
            return;
        };
        // It may have gone to another lane, or be here twice.
        if !std::mem::take(&mut held.ready) || held.class != Some(lane.class) {
            return;
        }
        let Some((pipeline, access)) = lane.link() else { return };
        let now = self.client.now();
        let advanced = held.end.advance(now, number, access.as_deref(), pipeline.link());
        let full = lane.is_full();
        match advanced {
            Err(misuse) if misuse != Misuse::NotOpen => self.give_up(number, misuse.into()),
            _ => self.follow(number, full),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened<E>> {
        let mut happened = Happened { asks: Vec::new(), turned: Vec::new() };
        let mut woken = self.alarm.poll(cx).is_ready();
        while !self.deserted && happened.asks.len() < ASKS {
            match self.asks.poll_recv(cx) {
                Poll::Ready(Some(ask)) => happened.asks.push(ask),
                Poll::Ready(None) => (self.deserted, woken) = (true, true),
                Poll::Pending => break,
            }
        }
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            let mut events = Vec::new();
            if let Poll::Ready(turned) = lane.poll(cx, &mut events) {
                happened.turned.push((place, turned, events));
            }
        }
        if woken || !happened.asks.is_empty() || !happened.turned.is_empty() {
            return Poll::Ready(happened);
        }
        Poll::Pending
    }

    fn asked(&mut self, ask: Ask<E>) {
        match ask {
            Ask::Begin(number, end, told) => {
                let held =
                    Held { end, told, class: None, handle: None, deadline: None, ready: false };
                self.ends.insert(number, held);
                self.follow(number, true);
            }
            Ask::Command(number, command) => {
                if let Some(held) = self.ends.get_mut(&number) {
                    command(&mut held.end);
                    self.follow(number, true);
                }
            }
            Ask::Leave(number) => {
                let Some(held) = self.ends.get_mut(&number) else { return };
                held.end.leave();
                let place = held.class.map(index);
                let open = place.and_then(|place| self.lanes.get(place)).is_some_and(Lane::is_open);
                if open {
                    self.follow(number, true);
                } else {
                    self.forget(number);
                }
            }
        }
    }

    fn turned(&mut self, place: usize, turned: Turned, events: &[Event]) {
        for event in events {
            self.heard(place, event);
        }
        match turned {
            Turned::Heard => {}
            Turned::Opened => self.members(place).into_iter().for_each(|n| self.follow(n, true)),
            Turned::Failed(error) => self.failed(place, &error),
        }
    }

    /// Brings an event to the end that it is for.
    fn heard(&mut self, place: usize, event: &Event) {
        let of = |handle: &u32| self.lanes.get(place)?.handles.get(handle).copied();
        let number = match event {
            Event::Answered { token, .. } => Some(Token(*token).end()),
            Event::Deliver(deliver) => of(&deliver.handle),
            Event::Notice(notice) => of(&notice.handle),
            Event::Ended { handle, .. } | Event::Space { handle } => of(handle),
            Event::Opened => None,
        };
        let Some((number, held)) = number.and_then(|n| Some((n, self.ends.get_mut(&n)?))) else {
            return;
        };
        let mut told = Vec::new();
        held.end.handle(self.client.now(), number, event, &mut told);
        for event in told {
            // Nobody may listen any more; the end goes on as long as it is held.
            let _ = held.told.send(Ok(event));
        }
        self.follow(number, true);
    }

    /// A link is lost, or could not be opened.
    fn failed(&mut self, place: usize, error: &Error) {
        let members = self.members(place);
        let client = &self.client;
        let goes_on = self.lanes.get_mut(place).is_some_and(|lane| lane.goes_on(client, error));
        if !goes_on {
            members.into_iter().for_each(|number| self.give_up(number, error.clone()));
        } else {
            for number in members {
                if let Some(held) = self.ends.get_mut(&number) {
                    held.end.link_lost();
                    (held.handle, held.ready) = (None, false);
                }
                self.follow(number, false);
            }
        }
        if let Some(lane) = self.lanes.get_mut(place) {
            lane.wait(&self.client);
        }
    }

    /// Those whose time has come.
    fn wake(&mut self) {
        let now = self.client.now();
        while let Some((_, number)) = self.deadlines.first().filter(|(at, _)| *at <= now).copied() {
            self.deadlines.pop_first();
            if let Some(held) = self.ends.get_mut(&number) {
                held.deadline = None;
            }
            self.follow(number, true);
        }
    }

    /// Keeps in step with an end that was asked, told or advanced: which link it wants, which
    /// handle is its own, when it wants to be woken, and whether it goes on now.
    fn follow(&mut self, number: u32, goes_on: bool) {
        let now = self.client.now();
        let Some(held) = self.ends.get_mut(&number) else { return };
        if held.end.has_left() {
            return self.forget(number);
        }
        let (class, handle) = (held.end.wants(), held.end.handle_of());
        if class != held.class {
            if let Some(lane) = held.class.and_then(|class| self.lanes.get_mut(index(class))) {
                lane.members -= 1;
                held.handle.take().map(|handle| lane.handles.remove(&handle));
            }
            (held.class, held.ready) = (class, false);
            if let Some(lane) = class.and_then(|class| self.lanes.get_mut(index(class))) {
                lane.members += 1;
            }
        }
        if let Some(lane) = class.and_then(|class| self.lanes.get_mut(index(class))) {
            if handle != held.handle {
                held.handle.map(|handle| lane.handles.remove(&handle));
                handle.map(|handle| lane.handles.insert(handle, number));
                held.handle = handle;
            }
            if goes_on && !held.ready && lane.is_open() {
                lane.ready.push_back(number);
                held.ready = true;
            }
        }
        // A deadline that has passed was told of: the end stands in its row.
        let deadline = held.end.deadline().filter(|at| *at > now);
        if deadline != held.deadline {
            held.deadline.map(|at| self.deadlines.remove(&(at, number)));
            deadline.map(|at| self.deadlines.insert((at, number)));
            held.deadline = deadline;
        }
    }

    /// Tells the user of an end why it cannot go on, and drops it.
    fn give_up(&mut self, number: u32, error: Error) {
        if let Some(held) = self.ends.get(&number) {
            let _ = held.told.send(Err(error));
        }
        self.forget(number);
    }

    fn forget(&mut self, number: u32) {
        let Some(held) = self.ends.remove(&number) else { return };
        held.deadline.map(|at| self.deadlines.remove(&(at, number)));
        if let Some(lane) = held.class.and_then(|class| self.lanes.get_mut(index(class))) {
            lane.members -= 1;
            held.handle.map(|handle| lane.handles.remove(&handle));
        }
    }

    /// The ends that want the link of a lane.
    fn members(&self, place: usize) -> Vec<u32> {
        let of = |held: &Held<E>| held.class.map(index) == Some(place);
        let members = self.ends.iter().filter(|(_, held)| of(held));
        members.map(|(number, _)| *number).collect()
    }
}

const fn index(class: Class) -> usize {
    match class {
        Class::Small => 0,
        Class::Medium => 1,
        Class::Large => 2,
    }
}
