//! A server in memory, made of the model, and with one fault of choice: what the engine must find.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use super::Supply;
use super::target::Target;
use crate::model::{Answer, Class, Event, Hour, Request, Terms, World};
use crate::verdict::Stop;

pub const TERMS: Terms =
    Terms { quota_max: 512, idle_days_max: 365, part_days_max: 30, buried_hours: 24 };
pub const HOUR: Hour = 500_000;

/// What is wrong with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Suspend is answered and not done.
    SuspendForgotten,
    /// A new subscription begins behind what was delivered to the old one.
    NothingTwice,
    /// A repeated submission is kept again.
    SendDoubled,
    /// An acknowledgement deletes what was not delivered.
    AcknowledgeAll,
    /// A subscription outlives the change of its key.
    RotateSilent,
    /// The last part but one of a full record is swapped with the last.
    Swapped,
}

pub struct Memory {
    world: World,
    inboxes: Vec<VecDeque<Event>>,
    fault: Fault,
}

pub struct Memories(pub Fault, pub Mutex<u32>);

impl Supply for Memories {
    type Target = Memory;

    async fn supply(&self) -> Result<Memory, Stop> {
        *self.1.lock().unwrap() += 1;
        Ok(Memory { world: World::new(TERMS, HOUR), inboxes: Vec::new(), fault: self.0 })
    }
}

impl Memory {
    fn carry_out(&mut self, link: usize, request: &Request) -> Option<Answer> {
        let outcome = self.world.handle(link, request);
        let mut events = outcome.events;
        match (self.fault, request) {
            (Fault::NothingTwice, Request::Subscribe { .. }) => {
                events.retain(|(_, event)| !matches!(event, Event::Deliver { .. }));
            }
            (Fault::RotateSilent, Request::Rotate { .. }) => {
                events.retain(|(_, event)| !matches!(event, Event::Stale { .. }));
            }
            (Fault::Swapped, _) => {
                for (_, event) in &mut events {
                    if let Event::Deliver { sequence, part, .. } = event {
                        match *sequence {
                            15 => *part += 1,
                            16 => *part -= 1,
                            _ => {}
                        }
                    }
                }
            }
            _ => {}
        }
        for (link, event) in events {
            self.inboxes[link].push_back(event);
        }
        outcome.answer
    }
}

impl Target for Memory {
    fn hour(&self) -> Hour {
        self.world.hour()
    }

    async fn open(&mut self, class: Class) -> Result<(), Stop> {
        self.world.open(class);
        self.inboxes.push(VecDeque::new());
        Ok(())
    }

    async fn close(&mut self, link: usize) -> Result<Vec<Event>, Stop> {
        self.world.close(link);
        Ok(self.inboxes[link].drain(..).collect())
    }

    async fn request(&mut self, link: usize, request: &Request) -> Result<Option<Answer>, Stop> {
        match (self.fault, request) {
            (Fault::SuspendForgotten, Request::Suspend { handle }) => {
                return Ok(self.carry_out(link, &Request::Resume { handle: *handle }));
            }
            (Fault::SendDoubled, Request::Send { handle, submission, part, whole }) => {
                let answer = self.carry_out(link, request);
                let attachment = self.world.links()[link].attachments.get(handle);
                let record = attachment.and_then(|a| self.world.records().get(&a.name));
                let next = record.map_or(0, |record| record.next);
                if answer == Some(Answer::Done) && submission + 1 < next {
                    let (handle, part, whole) = (*handle, *part, *whole);
                    self.carry_out(link, &Request::Send { handle, submission: next, part, whole });
                }
                return Ok(answer);
            }
            (Fault::AcknowledgeAll, Request::Acknowledge { handle, .. }) => {
                for _ in 0..40 {
                    let through = u64::MAX;
                    self.carry_out(link, &Request::Acknowledge { handle: *handle, through });
                    self.inboxes[link].retain(|event| !matches!(event, Event::Deliver { .. }));
                }
                return Ok(None);
            }
            _ => {}
        }
        Ok(self.carry_out(link, request))
    }

    async fn event(&mut self, link: usize, _within: Duration) -> Result<Option<Event>, Stop> {
        Ok(self.inboxes[link].pop_front())
    }

    async fn advance(&mut self, hours: u32) -> Result<(), Stop> {
        self.world.advance(hours);
        Ok(())
    }

    async fn restart(&mut self) -> Result<(), Stop> {
        self.world.lose();
        Ok(())
    }
}
