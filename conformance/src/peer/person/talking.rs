//! The person says something, whole or piece by piece.

use bytes::Bytes;
use edgewise_spec::message::{Chain, Composed, Content, Inbox, UpTo};
use edgewise_spec::session::{Purpose, Session};

use super::Person;
use crate::peer::contrary;
use crate::verdict::{Stop, Verdict};

/// A sealed cell and its parts, not yet handed in.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its number in its direction.
    pub s: u32,
    /// The cell.
    pub cell: Vec<u8>,
    /// One part a place.
    pub parts: Vec<Bytes>,
}

impl Person {
    /// Says something: composes, seals and hands in all of it.
    ///
    /// # Errors
    /// [`Stop`] of a link, or of the suite.
    pub async fn say(&mut self, content: &Content) -> Result<Vec<Cell>, Stop> {
        let composed = self.compose(content)?;
        let cells = self.seal_all(&composed.bodies)?;
        for cell in &cells {
            self.hand_in(cell).await?;
        }
        Ok(cells)
    }

    /// Says a text.
    ///
    /// # Errors
    /// As [`say`](Self::say).
    pub async fn say_text(&mut self, text: &str) -> Result<Vec<Cell>, Stop> {
        self.say(&Content::Text(text.to_owned())).await
    }

    /// The next message of its direction.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn compose(&mut self, content: &Content) -> Result<Composed, Stop> {
        let up_to = self.inbox.as_ref().map(Inbox::chain).map(Chain::up_to).unwrap_or_default();
        self.compose_with(content, up_to)
    }

    /// The same with any word about what was received.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn compose_with(&mut self, content: &Content, up_to: UpTo) -> Result<Composed, Stop> {
        let now = self.now();
        let composer = self.composer.as_ref().ok_or_else(|| Stop::harness("no words yet"))?;
        let composed = composer.compose(now, up_to, &contrary::said(content), &mut self.rng);
        let (next, composed) = composed.map_err(|error| Stop::harness(error.to_string()))?;
        self.composer = Some(next);
        Ok(composed)
    }

    /// Seals bodies as the next cells.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn seal_all(&mut self, bodies: &[Vec<u8>]) -> Result<Vec<Cell>, Stop> {
        bodies.iter().map(|body| self.seal(Purpose::Message, body)).collect()
    }

    /// Seals a body as the next cell.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn seal(&mut self, purpose: Purpose, body: &[u8]) -> Result<Cell, Stop> {
        let harness = |why: &dyn std::fmt::Display| Stop::harness(why.to_string());
        let now = self.now();
        let session = self.session.as_ref().ok_or_else(|| harness(&"no session yet"))?;
        let sealed = session.seal(purpose, now, body, &mut self.rng).map_err(|e| harness(&e))?;
        self.session = Some(sealed.session);
        self.split(sealed.s, sealed.cell)
    }

    /// Splits any bytes as the cell of s, which is above all split before.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn split(&mut self, s: u32, cell: Vec<u8>) -> Result<Cell, Stop> {
        let (next, parts) = self.try_split(s, &cell)?;
        self.sender = Some(next);
        Ok(Cell { s, cell, parts })
    }

    /// The parts of any bytes as the cell of s, and nothing of it is remembered: as a sender that
    /// seals one s twice.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn forge(&mut self, s: u32, cell: &[u8]) -> Result<Vec<Bytes>, Stop> {
        self.try_split(s, cell).map(|(_, parts)| parts)
    }

    /// Says a text and hands in nothing: its cells.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn prepare(&mut self, text: &str) -> Result<Vec<Cell>, Stop> {
        let composed = self.compose(&Content::Text(text.to_owned()))?;
        self.seal_all(&composed.bodies)
    }

    /// Seals a text of one cell, and gives beside it parts under the same s of a cell that nobody
    /// sealed: authentic on every connection, and no parts of the text's cell.
    ///
    /// # Errors
    /// [`Stop::Harness`].
    pub fn prepare_apart(&mut self, text: &str) -> Result<(Cell, Vec<Bytes>), Stop> {
        let before = self.sender.clone();
        let cells = self.prepare(text)?;
        let [cell] = <[Cell; 1]>::try_from(cells)
            .map_err(|cells| Stop::harness(format!("{} cells for a text", cells.len())))?;
        let after = std::mem::replace(&mut self.sender, before);
        let apart = self.forge(cell.s, &vec![0x5a; self.shape().cell_len()]);
        self.sender = after;
        Ok((cell, apart?))
    }

    /// Hands in the parts of some places of a cell.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn hand_in_at(&mut self, cell: &Cell, places: &[usize]) -> Verdict {
        for place in places {
            let part = cell.parts.get(*place).cloned();
            let part = part.ok_or_else(|| Stop::harness("no such place"))?;
            self.post(*place, part).await?;
        }
        Ok(())
    }

    fn try_split(
        &mut self,
        s: u32,
        cell: &[u8],
    ) -> Result<(edgewise_spec::scatter::Sender, Vec<Bytes>), Stop> {
        let sender = self.sender.as_ref().ok_or_else(|| Stop::harness("nowhere to send to"))?;
        let split = sender.split(s, cell, &mut self.rng);
        let (next, parts) = split.map_err(|error| Stop::harness(error.to_string()))?;
        Ok((next, parts.into_iter().map(Bytes::from).collect()))
    }

    /// Hands in every part of a cell.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn hand_in(&mut self, cell: &Cell) -> Verdict {
        for (place, part) in cell.parts.iter().enumerate() {
            self.post(place, part.clone()).await?;
        }
        Ok(())
    }

    /// Says nothing, as an answer.
    ///
    /// # Errors
    /// [`Stop`] of a link.
    pub async fn answer(&mut self) -> Result<Cell, Stop> {
        let body = self.layout().empty();
        let cell = self.seal(Purpose::Cover, &body)?;
        self.hand_in(&cell).await?;
        Ok(cell)
    }

    /// The safety number of the session, as both ends are to show it.
    #[must_use]
    pub fn safety_number(&self) -> Option<String> {
        self.session.as_ref().and_then(Session::safety_number).map(|it| it.number.to_string())
    }
}
