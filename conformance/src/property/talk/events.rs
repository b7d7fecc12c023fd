//! What a talker tells while it talks, and what it must have told in the end.

use std::collections::HashMap;

use bytes::Bytes;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, DeliveryState};

use super::command::Side;
use super::model::{short, text_now};
use super::play::{Counts, Play};
use crate::case::Need;
use crate::verdict::{Stop, Verdict};

/// What one end was told to tell, and what it has told.
#[derive(Debug)]
pub(super) struct Told {
    /// It was killed, and may not have told everything.
    pub(super) cut_short: bool,
    /// Whether it was never told to send no receipts of delivery.
    delivered_always: bool,
    /// Whether it sends receipts of reading now.
    pub(super) read_told: bool,
    shown: Counts,
    states: HashMap<Bytes, DeliveryState>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            cut_short: false,
            delivered_always: true,
            read_told: false,
            shown: Counts::new(),
            states: HashMap::new(),
        }
    }
}

impl Told {
    pub(super) const fn choose(&mut self, delivered: bool, read: bool) {
        self.delivered_always &= delivered;
        self.read_told = read;
    }
}

impl Play<'_> {
    pub(super) const fn told_of(&mut self, side: Side) -> &mut Told {
        let [inviter, claimer] = &mut self.told;
        match side {
            Side::Inviter => inviter,
            Side::Claimer => claimer,
        }
    }

    /// Judges an event.
    pub(super) fn heard(&mut self, who: Side, event: &Event) -> Verdict {
        let name = who.name();
        match event {
            Event::Shown(driver::Shown { entry: Some(entry), .. }) => self.shows(who, entry),
            Event::Delivery(delivery) => self.delivers(who, delivery),
            Event::InvitationMade(_) | Event::InvitationClaimed(_) | Event::ContactReady(_) => {
                Ok(())
            }
            // A server that lies may be found out, and this may be told.
            Event::ServerFault(_) | Event::Problem(_) if self.talks.powers.lies => Ok(()),
            other => {
                let expected = "nothing told but messages and what became of them";
                Err(Stop::fail(expected, format!("the {name} is told {other:?}")))
            }
        }
    }

    fn shows(&mut self, who: Side, entry: &driver::Entry) -> Verdict {
        if entry.own {
            return Ok(());
        }
        let Some(text) = text_now(entry) else { return Ok(()) };
        let id = self.model.id_of(text).filter(|(side, _)| *side != who);
        let said = id.and_then(|id| self.model.get(id));
        let Some(said) = said else {
            let expected = format!("what the {} has said", who.other().name());
            return Err(Stop::fail(expected, format!("{:?}", short(text))));
        };
        // Once when it comes, and once for what is done to it.
        let most = 1 + said.touched;
        let times = self.told_of(who).shown.entry(entry.id.clone()).or_default();
        *times += 1;
        if *times > most {
            let (times, name) = (*times, who.name());
            let actual = format!("{:?} shown {times} times to the {name}", short(text));
            return Err(Stop::fail(format!("{most} times at most (MESSAGE-15)"), actual));
        }
        Ok(())
    }

    fn delivers(&mut self, who: Side, delivery: &driver::Delivery) -> Verdict {
        let state = delivery.state();
        let before = self.told_of(who).states.insert(delivery.id.clone(), state);
        if before.is_some_and(|before| before >= state) {
            let actual = format!("{state:?} behind {before:?} of one message");
            return Err(Stop::fail("each state of a message once, and none before", actual));
        }
        let number = self.handles_of(who).iter().position(|handle| *handle == delivery.id);
        let said = number.and_then(|number| self.model.get((who, number)));
        if state == DeliveryState::Read && said.is_some_and(|said| !said.read_told) {
            let expected = "no receipt of reading that was not chosen (MESSAGE-32)";
            return Err(Stop::fail(expected, format!("READ at the {}", who.name())));
        }
        Ok(())
    }

    /// A receipt that a side must have been told of by now, and has not.
    pub(super) fn untold(&mut self, side: Side) -> Option<(String, String)> {
        let other = side.other();
        let both = self.can(side, Need::Receipts) && self.can(other, Need::Receipts);
        let always = self.told_of(other).delivered_always;
        if !both || self.told_of(side).cut_short {
            return None;
        }
        let handles = self.handles_of(side).to_vec();
        for (number, handle) in handles.iter().enumerate() {
            let state = self.told_of(side).states.get(handle).copied();
            let said = self.model.get((side, number))?;
            let must = match (said.read_told, always) {
                (true, _) => DeliveryState::Read,
                (false, true) => DeliveryState::Delivered,
                (false, false) => continue,
            };
            if state.is_none_or(|state| state < must) {
                let expected = format!("{must:?} of message {number} of the {}", side.name());
                return Some((expected, format!("{state:?}")));
            }
        }
        None
    }
}
