//! What connections say: to whom it goes.

use edgewise_spec::client::{RecipientEvent, RecipientState, SenderEvent, SenderState, Stopped};

use edgewise_spec::error::Reject;
use edgewise_spec::mutant;

use super::net::{Heard, Order};
use super::turn::{Result, Turn, Use};
use crate::messenger::Event;
use crate::store::{ConnectionId, Delivery, SessionId};

impl Turn<'_, '_> {
    pub(super) fn heard(&mut self, id: ConnectionId, heard: Heard) -> Result<()> {
        // What a connection said that is gone by now says nothing.
        let Some(used) = self.state.uses.get(&id).copied() else { return Ok(()) };
        match heard {
            Heard::Sender(event, state) => self.sender_heard(id, used, &event, state.as_deref()),
            Heard::Recipient(event, state) => {
                self.recipient_heard(id, used, &event, state.as_deref())
            }
            Heard::Standing(up) => self.standing(id, up),
            Heard::Failed(error) => {
                self.standing(id, false)?;
                let Some(connection) = self.tx.connection(id)? else { return Ok(()) };
                let (server, text) = (connection.address, error.to_string());
                self.tell(Event::Server { server, text });
                Ok(())
            }
        }
    }

    fn sender_heard(
        &mut self,
        id: ConnectionId,
        used: Use,
        event: &SenderEvent,
        state: Option<&SenderState>,
    ) -> Result<()> {
        if let Some(state) = state {
            self.tx.set_sender(id, state)?;
        }
        match event {
            SenderEvent::Attached { .. } => self.standing(id, true)?,
            SenderEvent::Unreachable => self.standing(id, false)?,
            SenderEvent::Stopped(_) => self.stopped(id)?,
            SenderEvent::KeyExpired => self.rotate_key(id)?,
            _ => {}
        }
        if matches!(
            event,
            SenderEvent::KeyConfirmed | SenderEvent::KeyRefused(_) | SenderEvent::Stopped(_)
        ) {
            self.state.changing.remove(&id);
        }
        let Use::Session(session) = used else { return Ok(()) };
        if self.state.joins.contains_key(&session) {
            return self.join_sender(session, id, event);
        }
        match event {
            SenderEvent::Accepted { through } => self.accepted(session, id, *through),
            SenderEvent::Stopped(Stopped::Conflict) => {
                let moving = self.state.talks.get(&session).is_some_and(|talk| {
                    talk.moving.claiming.as_ref().is_some_and(|out| out.connection == id)
                });
                if moving {
                    return self.follower_heard(session, id, event);
                }
                self.end_betrayed(session)
            }
            _ => self.follower_heard(session, id, event),
        }
    }

    /// Another key has claimed what only this session has told of: whoever reads it must hear
    /// nothing more. The history stays.
    pub(super) fn end_betrayed(&mut self, id: SessionId) -> Result<()> {
        let Some(talk) = self.state.talks.remove(&id) else { return Ok(()) };
        for connection in talk.connections() {
            self.doom(connection)?;
        }
        self.tx.remove_session(id)?;
        // INVITATION-57: the standbys were passed in it.
        if !mutant!(INVITATION_57) {
            self.void_standbys(talk.contact)?;
        }
        let text = "Somebody else has claimed a connection that was made for this session alone: \
                    others can read it. It has been ended; invite this contact again, in another \
                    way.";
        self.notice(talk.contact, text)?;
        self.tell(Event::Contact(talk.contact));
        Ok(())
    }

    /// Nothing will go over it any more.
    fn stopped(&mut self, id: ConnectionId) -> Result<()> {
        self.state.up.remove(&id);
        self.is_down(id, true)
    }

    /// A server has taken parts.
    fn accepted(&mut self, session: SessionId, id: ConnectionId, through: u64) -> Result<()> {
        let Some(talk) = self.state.talks.get_mut(&session) else { return Ok(()) };
        let contact = talk.contact;
        let front = talk.queue.front().map(|queued| queued.position);
        let Some(out) = talk.all_outs_mut().find(|out| out.connection == id) else {
            return Ok(());
        };
        let mut messages = Vec::new();
        for part in out.parts.iter_mut().filter(|part| part.number <= through && !part.accepted) {
            part.accepted = true;
            messages.extend(part.message);
        }
        messages.dedup();
        // A message of several cells is there when the last of them is, and a cell when enough of
        // its parts are.
        messages.retain(|position| front != Some(*position) && talk.is_accepted(*position));
        for position in messages {
            let raised = self.tx.set_delivery(contact, position, Delivery::Accepted)?;
            if raised && self.shown(contact, position)?.is_some() {
                self.tell(Event::Changed { contact, position });
            }
        }
        Ok(())
    }

    fn recipient_heard(
        &mut self,
        id: ConnectionId,
        used: Use,
        event: &RecipientEvent,
        state: Option<&RecipientState>,
    ) -> Result<()> {
        if let Some(state) = state {
            self.tx.set_recipient(id, state)?;
        }
        match event {
            RecipientEvent::StoreSenderKey(_) => self.order(id, Order::SenderKeyStored),
            RecipientEvent::Subscribed(_) => self.standing(id, true)?,
            RecipientEvent::Stopped(Stopped::Refused(Reject::Terms))
                if self.ask_for_less(id)? =>
            {
                return Ok(());
            }
            RecipientEvent::Replaced => {
                self.state.up.remove(&id);
            }
            RecipientEvent::Stopped(_) => self.stopped(id)?,
            RecipientEvent::KeyExpired => self.rotate_key(id)?,
            _ => {}
        }
        if matches!(
            event,
            RecipientEvent::KeyConfirmed
                | RecipientEvent::KeyRefused(_)
                | RecipientEvent::Suspended(_)
                | RecipientEvent::Stopped(_)
        ) {
            self.state.changing.remove(&id);
        }
        match used {
            Use::Offer(invitation) => self.offer_heard(invitation, id, event),
            Use::Home(profile) => self.home_heard(profile, id, event),
            Use::Doomed => {
                if matches!(event, RecipientEvent::Stopped(_)) {
                    self.tx.remove_connection(id)?;
                    self.forget(id);
                }
                Ok(())
            }
            Use::Session(session) => match event {
                RecipientEvent::Part { sequence, part } => {
                    if self.state.joins.contains_key(&session) {
                        // The session has not begun here, so nobody else can have sealed it.
                        self.order(id, Order::Stored(*sequence));
                        return Ok(());
                    }
                    self.talk_part(session, id, *sequence, part)
                }
                _ if self.state.joins.contains_key(&session) => {
                    self.join_recipient(session, id, event)
                }
                _ => self.mover_heard(session, id, event),
            },
        }
    }
}
