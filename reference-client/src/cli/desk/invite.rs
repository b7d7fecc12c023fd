//! Invitations: made, handed on, accepted.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::shape;
use super::super::verb::{Accept, Blocks, Invitations, Invite};
use super::{Desk, Seen, Tell, choose, done};
use crate::messenger::{self, Event, InvitationStep, InvitationView, Reach};
use crate::store::{ContactId, InvitationId, ProfileId};
use edgewise_spec::constants::SERVERS_MAX;
use edgewise_spec::scatter::Shape;
use edgewise_spec::session::Mode;

/// Seconds that a program which is about to end gives the servers of an invitation.
const CLAIM_SECONDS: u64 = 10;

impl Desk {
    pub(super) async fn invite(
        &self,
        profile: ProfileId,
        invite: Invite,
        tell: Tell<'_>,
    ) -> Result<Outcome, Failure> {
        let options = messenger::Invite {
            label: invite.label,
            mode: if invite.attested { Mode::Attested } else { Mode::Deniable },
            shape: split(invite.full, invite.servers, invite.enough, invite.class)?,
            hours: invite.hours,
            contact: self.contact_id(profile, invite.contact.as_deref()).await?,
            ..messenger::Invite::default()
        };
        let mut watch = self.watch(Some(invite.seconds));
        let id = self.messenger.invite(profile, options).await?;
        loop {
            let view = self.invitation(profile, id).await?;
            if view.is_some_and(|view| view.ready) {
                break;
            }
            match watch.next().await {
                Seen::Event(event) => abandoned(&event, id)?,
                Seen::Look => {}
                Seen::Late => {
                    return Err(Failure::unreached(format!(
                        "its servers have not all answered in {} s; the invitation {} is kept: try `edgewise invitations card {}` later, and `edgewise doctor`",
                        invite.seconds,
                        shape::id(id.number()),
                        shape::id(id.number()),
                    )));
                }
            }
        }
        let made = self.card(profile, id, !invite.shown).await?;
        if !invite.wait || !tell(made.clone()) {
            return Ok(made);
        }
        self.accepted(id).await
    }

    /// An invitation with its card.
    async fn card(
        &self,
        profile: ProfileId,
        id: InvitationId,
        sent: bool,
    ) -> Result<Outcome, Failure> {
        let card = self.messenger.card(id, sent).await?;
        let view = self.invitation(profile, id).await?;
        let view = view.ok_or_else(|| Failure::failed("the invitation is over"))?;
        Ok(Outcome::Invitation { invitation: (&view).into(), card: Some(card) })
    }

    /// Waits until an invitation or a request is accepted, however long that takes.
    pub(super) async fn accepted(&self, id: InvitationId) -> Result<Outcome, Failure> {
        let mut watch = self.watch(None);
        loop {
            match watch.next().await {
                Seen::Event(Event::Invitation {
                    invitation,
                    step: InvitationStep::Accepted(contact),
                }) if invitation == id => {
                    let contact = self.messenger.contact(contact).await?;
                    let invitation = Some(shape::id(id.number()));
                    return Ok(Outcome::Accepted { invitation, contact: (&contact).into() });
                }
                Seen::Event(event) => abandoned(&event, id)?,
                Seen::Look => {}
                Seen::Late => return Err(Failure::failed("the messenger was closed")),
            }
        }
    }

    pub(super) async fn invitation(
        &self,
        profile: ProfileId,
        id: InvitationId,
    ) -> Result<Option<InvitationView>, Failure> {
        let views = self.messenger.invitations(profile).await?;
        Ok(views.into_iter().find(|view| view.id == id))
    }

    pub(super) async fn invitations(
        &self,
        profile: ProfileId,
        verb: Invitations,
    ) -> Result<Outcome, Failure> {
        let views = self.messenger.invitations(profile).await?;
        let find = |name: &str| {
            let named = |view: &InvitationView| (shape::id(view.id.number()), view.label.clone());
            let names: Vec<_> = views.iter().map(named).collect();
            let place = choose(name, &names, "invitation", "edgewise invitations list")?;
            views.get(place).map(|view| view.id).ok_or_else(|| Failure::usage("it has just gone"))
        };
        match verb {
            Invitations::List(_) => {
                Ok(Outcome::Invitations { invitations: views.iter().map(Into::into).collect() })
            }
            Invitations::Card(card) => {
                let id = find(&card.invitation)?;
                self.card(profile, id, !card.shown).await
            }
            Invitations::Withdraw(one) => {
                self.messenger.withdraw(find(&one.invitation)?).await?;
                Ok(done("the invitation is taken back; its card is good for nothing"))
            }
        }
    }

    pub(super) async fn accept(
        &self,
        profile: ProfileId,
        accept: Accept,
    ) -> Result<Outcome, Failure> {
        let options = messenger::Accept {
            name: accept.name,
            scanned: accept.scanned,
            contact: self.contact_id(profile, accept.contact.as_deref()).await?,
        };
        let seconds = match (accept.wait, self.stays) {
            (0, true) => 0,
            (0, false) => CLAIM_SECONDS,
            (seconds, _) => seconds,
        };
        // Whoever waits wants an answer; else it is enough that the invitation is claimed.
        let enough = |reach| match reach {
            Reach::Joining => false,
            Reach::Waiting => accept.wait == 0,
            _ => true,
        };
        let mut watch = self.watch(Some(seconds));
        let id = self.messenger.accept(profile, &accept.card, options).await?;
        loop {
            let view = self.messenger.contact(id).await;
            if let Ok(view) = &view
                && (enough(view.reach) || seconds == 0)
            {
                return Ok(Outcome::Accepted { invitation: None, contact: view.into() });
            }
            match watch.next().await {
                Seen::Event(event) => accept_failed(&event, id)?,
                Seen::Look => {}
                Seen::Late if accept.wait == 0 => {
                    return Ok(Outcome::Accepted { invitation: None, contact: (&view?).into() });
                }
                Seen::Late => {
                    return Err(Failure::unreached(format!(
                        "no answer in {seconds} s; {} is kept and goes on whenever this program runs",
                        super::super::text::named(&view?.name),
                    )));
                }
            }
        }
    }
}

/// How everything that is said will be split.
pub(super) fn split(
    full: bool,
    servers: u8,
    enough: u8,
    class: Option<Blocks>,
) -> Result<Shape, Failure> {
    if full {
        return Ok(Shape::SEVEN_OF_TEN);
    }
    let class = class.unwrap_or(if enough == 1 { Blocks::Medium } else { Blocks::Small });
    Shape::new(class.into(), enough, servers).map_err(|refused| {
        Failure::usage(format!(
            "{refused}: --enough is 1 (medium, large), 4 (small) or 7 (small, medium), and --servers is as many or more, up to {SERVERS_MAX}"
        ))
    })
}

fn abandoned(event: &Event, id: InvitationId) -> Result<(), Failure> {
    match event {
        Event::Invitation { invitation, step: InvitationStep::Abandoned(why) }
            if *invitation == id =>
        {
            Err(Failure::failed(why))
        }
        _ => Ok(()),
    }
}

fn accept_failed(event: &Event, id: ContactId) -> Result<(), Failure> {
    match event {
        Event::AcceptFailed { contact, why, .. } if *contact == id => Err(Failure::failed(why)),
        _ => Ok(()),
    }
}
