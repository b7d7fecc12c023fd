//! Verbs about one contact.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::verb::{Contacts, Read, Verb, Verify};
use super::profile::server_address;
use super::{Desk, done};
use crate::store::{ContactId, Position, ProfileId};

impl Desk {
    pub(super) async fn contact_verb(
        &self,
        profile: ProfileId,
        verb: Verb,
    ) -> Result<Outcome, Failure> {
        match verb {
            Verb::Contacts(contacts) => self.contacts(profile, contacts).await,
            Verb::Verify(verify) => self.verify(profile, verify).await,
            Verb::Read(read) => self.read(profile, read).await,
            Verb::Rotate(one) => {
                let contact = self.contact(profile, &one.contact).await?.id;
                self.messenger.rotate(contact).await?;
                Ok(done("the keys of every connection are being changed"))
            }
            Verb::Renew(one) => {
                let contact = self.contact(profile, &one.contact).await?.id;
                self.messenger.renew(contact).await?;
                Ok(done("a new session takes the place of this one once the contact has answered"))
            }
            Verb::Move(to) => {
                let contact = self.contact(profile, &to.contact).await?.id;
                let server = to.server.as_deref().map(server_address).transpose()?;
                self.messenger.move_connection(contact, to.place, server).await?;
                Ok(done("the connection moves once the contact has answered"))
            }
            Verb::Block(one) => self.block(profile, &one.contact, true).await,
            Verb::Unblock(one) => self.block(profile, &one.contact, false).await,
            Verb::Rename(rename) => {
                let contact = self.contact(profile, &rename.contact).await?.id;
                self.messenger.rename(contact, &rename.name.join(" ")).await?;
                self.shown(contact).await
            }
            Verb::Remove(one) => {
                let contact = self.contact(profile, &one.contact).await?.id;
                self.messenger.remove_contact(contact).await?;
                Ok(done("the contact is removed, with everything that was said"))
            }
            _ => Err(Failure::failed("this verb is not about a contact")),
        }
    }

    async fn shown(&self, contact: ContactId) -> Result<Outcome, Failure> {
        let contact = self.messenger.contact(contact).await?;
        Ok(Outcome::Contact { contact: (&contact).into() })
    }

    async fn contacts(&self, profile: ProfileId, which: Contacts) -> Result<Outcome, Failure> {
        if let Some(name) = which.contact {
            let contact = self.contact(profile, &name).await?;
            return Ok(Outcome::Contact { contact: (&contact).into() });
        }
        let contacts = self.messenger.contacts(profile).await?;
        Ok(Outcome::Contacts { contacts: contacts.iter().map(Into::into).collect() })
    }

    async fn verify(&self, profile: ProfileId, verify: Verify) -> Result<Outcome, Failure> {
        let contact = self.contact(profile, &verify.contact).await?.id;
        if verify.same || verify.different {
            self.messenger.verify(contact, verify.same).await?;
        }
        let safety = self.messenger.safety_number(contact).await?;
        let contact = self.messenger.contact(contact).await?;
        Ok(Outcome::Safety { contact: (&contact).into(), safety: safety.as_ref().map(Into::into) })
    }

    async fn read(&self, profile: ProfileId, read: Read) -> Result<Outcome, Failure> {
        let contact = self.contact(profile, &read.contact).await?.id;
        let newest = self.messenger.history(contact, None, 1).await?.messages;
        let newest = newest.first().map(|message| message.position);
        if let Some(through) = read.through.map(Position).or(newest) {
            self.messenger.mark_read(contact, through).await?;
        }
        self.shown(contact).await
    }

    async fn block(&self, profile: ProfileId, name: &str, block: bool) -> Result<Outcome, Failure> {
        let contact = self.contact(profile, name).await?.id;
        self.messenger.block(contact, block).await?;
        self.shown(contact).await
    }
}
