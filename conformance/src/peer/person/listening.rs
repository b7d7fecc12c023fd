//! The person hears: parts become cells, cells bodies, bodies messages; each step is kept.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::v1::{self, item::Body};
use edgewise_spec::message::{Content, Event, Message};
use edgewise_spec::scatter::Arrival;
use edgewise_spec::session::Session;

use super::gathering::Whole;
use super::{Person, Role};
use crate::peer::PATIENCE;
use crate::verdict::{Stop, Verdict};

/// How long one of several links is listened to before the next one has its turn.
const TURN: Duration = Duration::from_millis(10);

/// What came over one of the connections.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A cell that opened.
    Cell {
        /// Its number.
        s: u32,
        /// What its body led to.
        events: Vec<Event>,
        /// The highest s of this person's that the other has acknowledged, after it.
        acknowledged: u32,
        /// The number of the step that it is of.
        step: u32,
        /// Whether its body was empty.
        empty: bool,
        /// Which of this person's connections brought it.
        place: usize,
    },
    /// A part of a cell that is not whole yet.
    Part {
        /// The cell's number.
        s: u32,
        /// The place it came from.
        place: usize,
    },
    /// A part of a cell that was opened before.
    Repeated {
        /// The cell's number.
        s: u32,
        /// The part.
        part: Bytes,
        /// The place it came from.
        place: usize,
    },
    /// A part or a cell that does not open, or a body that is no message.
    Bad(String),
    /// What the server says of the connection.
    Notice(v1::Notice),
    /// The subscription is over.
    Ended,
}

impl Person {
    /// What comes next within a time.
    ///
    /// # Errors
    /// [`Stop`] of a link, and [`Stop::Fail`] where the other end's hello cannot be answered.
    pub async fn listen(&mut self, within: Duration) -> Result<Option<Heard>, Stop> {
        let end = Instant::now() + within;
        loop {
            let alone = self.ins.len() == 1;
            // Many are heard as soon as a few.
            let turn = TURN / u32::try_from(self.ins.len().max(1)).unwrap_or(1);
            for place in 0..self.ins.len() {
                let left = end.saturating_duration_since(Instant::now());
                let turn = if alone { left } else { left.min(turn) };
                let Some(lane) = self.ins.get_mut(place) else { continue };
                if let Some(body) = lane.next(turn).await? {
                    return self.hear(place, body).await.map(Some);
                }
            }
            if Instant::now() >= end {
                return Ok(None);
            }
        }
    }

    /// What comes next over one connection alone; the others are left to wait.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub async fn listen_at(
        &mut self,
        place: usize,
        within: Duration,
    ) -> Result<Option<Heard>, Stop> {
        let lane = self.ins.get_mut(place).ok_or_else(|| Stop::harness("no such place"))?;
        match lane.next(within).await? {
            Some(body) => self.hear(place, body).await.map(Some),
            None => Ok(None),
        }
    }

    async fn hear(&mut self, place: usize, body: Body) -> Result<Heard, Stop> {
        match body {
            Body::Deliver(deliver) => {
                if self.acknowledges
                    && let Some(lane) = self.ins.get_mut(place)
                {
                    lane.acknowledge(deliver.sequence).await?;
                }
                self.take(place, deliver.part).await
            }
            Body::Notice(notice) => {
                if let Some(lane) = self.ins.get_mut(place) {
                    lane.note(&notice);
                }
                Ok(Heard::Notice(notice))
            }
            Body::Ended(_) => Ok(Heard::Ended),
            other => Err(Stop::fail("a Deliver or a Notice", format!("{other:?}"))),
        }
    }

    async fn take(&mut self, place: usize, part: Bytes) -> Result<Heard, Stop> {
        let id = u32::try_from(place).unwrap_or_default();
        let arrival = self.receiver.open(id, &part);
        self.receiver.blame(id, &arrival);
        let (s, cell) = match arrival {
            Arrival::Cell { s, cell } => (s, cell),
            Arrival::Part { s, part } => match self.gather(id, s, part)? {
                Whole::No => return Ok(Heard::Part { s, place }),
                Whole::Never(why) => return Ok(Heard::Bad(why)),
                Whole::Cell(cell) => (s, cell),
            },
            Arrival::Late { s } => {
                self.receiver.commit(id, s);
                return Ok(Heard::Repeated { s, part, place });
            }
            Arrival::Repeated { s } => return Ok(Heard::Repeated { s, part, place }),
            Arrival::Bad(why) => return Ok(Heard::Bad(why.to_string())),
            Arrival::Stray => return Ok(Heard::Bad("a part without a known tag".to_owned())),
            Arrival::NoConnection => return Err(Stop::harness("no such place")),
        };
        let now = self.now();
        let session = self.session.as_ref().ok_or_else(|| Stop::harness("no session"))?;
        let Ok(opened) = session.open(now, s, &cell) else {
            return Ok(Heard::Bad(format!("the cell of s = {s} does not open")));
        };
        self.receiver.commit(id, s);
        let acknowledged = opened.session.acknowledged();
        let step = step_of(&opened.session, matches!(self.role, Role::Inviter { .. }));
        self.session = Some(opened.session);
        let first = self.inbox.is_none();
        if first {
            self.begin_words(None)?;
        }
        let empty = opened.body.iter().all(|byte| *byte == 0);
        let inbox = self.inbox.as_mut().ok_or_else(|| Stop::harness("no words"))?;
        let events = match inbox.receive(now, &opened.body) {
            Ok(events) => events,
            Err(why) => return Ok(Heard::Bad(why.to_string())),
        };
        for event in &events {
            if let Event::Message(message) = event
                && let Ok(Content::Hello(hello)) = &message.content
                && self.outs.is_empty()
            {
                self.claim_back(&hello.descriptors).await?;
            }
        }
        Ok(Heard::Cell { s, events, acknowledged, step, empty, place })
    }

    /// Waits for the other's hello, and claims what it describes.
    ///
    /// # Errors
    /// [`Stop::Fail`] where something else comes, or nothing.
    pub async fn meet(&mut self) -> Result<Message, Stop> {
        let message = self.message("a hello (SESSION-36)").await?;
        match &message.content {
            Ok(Content::Hello(_)) => Ok(message),
            other => Err(Stop::fail("a hello (SESSION-36)", format!("{other:?}"))),
        }
    }

    /// The next message that is no receipt; what else comes is passed over.
    ///
    /// # Errors
    /// [`Stop::Fail`] where none comes, or something that does not open.
    pub async fn message(&mut self, expected: &str) -> Result<Message, Stop> {
        let end = Instant::now() + 2 * PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Some(heard) = self.listen(left).await? else {
                let actual = format!("nothing for {} s", (2 * PATIENCE).as_secs());
                return Err(Stop::fail(expected, actual));
            };
            match heard {
                Heard::Cell { events, .. } => {
                    for event in events {
                        if let Event::Message(message) = event
                            && !matches!(message.content, Ok(Content::Receipt(_)))
                        {
                            return Ok(*message);
                        }
                    }
                }
                Heard::Bad(why) => return Err(Stop::fail(expected, why)),
                Heard::Part { .. } | Heard::Repeated { .. } | Heard::Notice(_) => {}
                Heard::Ended => return Err(Stop::fail(expected, "an end of the subscription")),
            }
        }
    }

    /// The text of the card in the next standby; what else is said is passed over.
    ///
    /// # Errors
    /// [`Stop::Fail`] where none comes within a time.
    pub async fn standby(&mut self) -> Result<String, Stop> {
        let standby = self.standby_within(2 * PATIENCE).await?;
        standby.ok_or_else(|| Stop::fail("a standby", "none"))
    }

    /// The same, or nothing within a time.
    ///
    /// # Errors
    /// [`Stop::Fail`] where something comes that does not open.
    pub async fn standby_within(&mut self, within: Duration) -> Result<Option<String>, Stop> {
        let end = Instant::now() + within;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Some(heard) = self.listen(left).await? else { return Ok(None) };
            let events = match heard {
                Heard::Cell { events, .. } => events,
                Heard::Bad(why) => return Err(Stop::fail("a standby", why)),
                _ => continue,
            };
            for event in events {
                if let Event::Message(message) = event
                    && let Ok(Content::Standby(card)) = message.content
                {
                    let text = String::from_utf8(card);
                    return text.map(Some).map_err(|_| Stop::fail("the text of a card", "bytes"));
                }
            }
        }
    }

    /// The next message, which is this text.
    ///
    /// # Errors
    /// [`Stop::Fail`] on another, or none.
    pub async fn text(&mut self, text: &str) -> Verdict {
        let expected = format!("the text {text:?}");
        let message = self.message(&expected).await?;
        match &message.content {
            Ok(Content::Text(said)) if said == text => Ok(()),
            other => Err(Stop::fail(expected, format!("{other:?}"))),
        }
    }

    /// The next cell that opens.
    ///
    /// # Errors
    /// [`Stop::Fail`] where none comes within a time, or something that does not open.
    pub async fn cell(&mut self, expected: &str, within: Duration) -> Result<Heard, Stop> {
        let end = Instant::now() + within;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.listen(left).await? {
                Some(heard @ Heard::Cell { .. }) => return Ok(heard),
                Some(Heard::Bad(why)) => return Err(Stop::fail(expected, why)),
                Some(_) => {}
                None => {
                    let actual = format!("nothing for {:.1} s", within.as_secs_f32());
                    return Err(Stop::fail(expected, actual));
                }
            }
        }
    }
}

/// The latest step of the other end, which has the parity of its role.
fn step_of(session: &Session, inviter: bool) -> u32 {
    let theirs = u32::from(!inviter);
    let number = session.safety_number();
    let steps = number.iter().flat_map(|number| number.steps.iter());
    steps.map(|(t, _)| *t).filter(|t| t % 2 == theirs).max().unwrap_or_default()
}
