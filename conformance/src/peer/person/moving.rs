//! The person moves a connection that it receives over, and follows a move of the other's.

use edgewise_spec::invitation::{ConnectionSecret, Descriptor, filler};
use edgewise_spec::message::Content;
use edgewise_spec::scatter::{PartChain, Window};
use edgewise_spec::session::Session;

use super::Person;
use super::lanes::Lane;
use crate::verdict::{Stop, Verdict};

impl Person {
    /// The highest s that it has sealed.
    #[must_use]
    pub fn sealed(&self) -> u32 {
        self.session.as_ref().map_or(0, Session::sealed)
    }

    /// The highest s that it has opened.
    #[must_use]
    pub fn opened(&self) -> u32 {
        self.session.as_ref().map_or(0, Session::opened)
    }

    /// Makes another connection to receive over, at a server of the scene's, which becomes its next
    /// place; the other is not told of it. Its descriptor.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn offer(&mut self, server: usize, base: u32) -> Result<Vec<u8>, Stop> {
        self.offer_for(0, server, base).await
    }

    /// The same for any place of the direction.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn offer_for(
        &mut self,
        place: u8,
        server: usize,
        base: u32,
    ) -> Result<Vec<u8>, Stop> {
        let door = self.around.doors.get(server).cloned();
        let door = door.ok_or_else(|| Stop::harness("a scene with fewer servers"))?;
        let secret = ConnectionSecret::generate(&mut self.rng);
        let mut lane = Lane::open(&door, self.shape.class(), &self.around, &mut self.rng).await?;
        lane.receive_on(&self.around, &secret, filler(), &mut self.rng).await?;
        let id = u32::try_from(self.ins.len()).unwrap_or(u32::MAX);
        let chain = PartChain::new(&secret.part_chain(), base);
        let window = Window::new(chain, self.receiver.highest());
        let added = self.receiver.add(id, place, window);
        added.map_err(|error| Stop::harness(error.to_string()))?;
        self.ins.push(lane);
        Ok(Descriptor { server: door.public, secret, base }.to_bytes())
    }

    /// Moves its first place to a server of the scene's, as an honest end does.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn moves(&mut self, number: u32, server: usize) -> Verdict {
        self.moves_place(number, 0, server).await
    }

    /// Moves any place to a server of the scene's.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn moves_place(&mut self, number: u32, place: u8, server: usize) -> Verdict {
        let descriptor = self.offer_for(place, server, self.opened()).await?;
        self.say(&Content::Move { number, place, descriptor }).await.map(drop)
    }

    /// Claims what the other has moved a place to, and has it from the next cell on; the place's
    /// old connection becomes the last one. The first s that goes over the new one.
    ///
    /// # Errors
    /// [`Stop::Fail`] where the claim is refused.
    pub async fn switch(&mut self, place: u8, to: &Descriptor) -> Result<u32, Stop> {
        self.claim_out(&to.server, &to.secret).await?;
        let sealed = self.sealed();
        let mut chain = PartChain::new(&to.secret.part_chain(), to.base);
        // Nothing is stepped over where the connection begins with the next cell.
        let _ = chain.step_to(sealed);
        let sender = self.sender.as_mut().ok_or_else(|| Stop::harness("nowhere to send to"))?;
        let replaced = sender.replace(place, chain);
        replaced.map_err(|error| Stop::harness(error.to_string()))?;
        let last = self.outs.len().saturating_sub(1);
        self.outs.swap(usize::from(place), last);
        Ok(sealed.saturating_add(1))
    }

    /// Follows a move of the other's to the end, as an honest end does.
    ///
    /// # Errors
    /// [`Stop::Fail`] where the claim is refused.
    pub async fn follow(&mut self, number: u32, place: u8, to: &Descriptor) -> Verdict {
        let s = self.switch(place, to).await?;
        self.say(&Content::Moved { number, place, s }).await.map(drop)
    }

    /// The place of the connection that was left last.
    #[must_use]
    pub fn left(&self) -> usize {
        self.outs.len().saturating_sub(1)
    }
}
