//! What has changed is told once, however often a message is looked at again.

use std::collections::HashMap;

use bytes::Bytes;
use edgewise_proto::conformance::v1::event::Kind as Told;
use edgewise_proto::conformance::v1::{self as wire, DeliveryState};

use super::show;
use crate::messenger::MessageView;

/// What was told of messages, by contact and message.
#[derive(Debug, Default)]
pub(super) struct Once {
    states: HashMap<(Bytes, Bytes), DeliveryState>,
    entries: HashMap<(Bytes, Bytes), wire::Entry>,
}

impl Once {
    /// Takes for told what stands in a history.
    pub(super) fn know(&mut self, contact: &Bytes, message: &MessageView) {
        for told in show::changed(contact.clone(), message) {
            self.is_new(&told);
        }
    }

    /// Whether this is still to be told; from now on it is not.
    pub(super) fn is_new(&mut self, told: &Told) -> bool {
        match told {
            Told::Delivery(it) => {
                let key = (it.contact.clone(), it.id.clone());
                let before = self.states.insert(key, it.state());
                before.is_none_or(|before| before < it.state())
            }
            Told::Shown(wire::Shown { contact, entry: Some(entry) }) => {
                let key = (contact.clone(), entry.id.clone());
                let before = self.entries.insert(key, entry.clone());
                match before {
                    Some(before) => before != *entry,
                    // What its user has said is not told until it has changed.
                    None => !entry.own || entry.marks != Some(wire::Marks::default()),
                }
            }
            _ => true,
        }
    }
}
