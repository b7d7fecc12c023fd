//! What the client says and shows.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::event::Kind as Event;
use edgewise_proto::conformance::v1::{self as driver, ok};

use super::{PATIENCE, Scene, cut};
use crate::driver::Told;
use crate::verdict::{Stop, Verdict};

/// The text of an entry that is one.
#[must_use]
pub fn text_of(entry: &driver::Entry) -> Option<&str> {
    match entry.content.as_ref()?.kind.as_ref()? {
        driver::content::Kind::Text(text) => Some(text),
        _ => None,
    }
}

impl Scene {
    /// The client says something.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it refuses.
    pub async fn client_says(
        &self,
        contact: &Bytes,
        content: driver::content::Kind,
    ) -> Result<driver::Sent, Stop> {
        let content = Some(driver::Content { kind: Some(content) });
        let send = driver::SendMessage { contact: contact.clone(), content };
        let told = self.tell(Kind::SendMessage(send)).await?;
        match told.map_err(|refused| refused.stop("Sent"))? {
            ok::Kind::Sent(sent) => Ok(sent),
            other => Err(Stop::fail("Sent", cut(&format!("{other:?}")))),
        }
    }

    /// The client is told to say something, and may refuse.
    ///
    /// # Errors
    /// [`Stop::Harness`] on a fault of the driver.
    pub async fn try_says(
        &self,
        contact: &Bytes,
        content: driver::content::Kind,
    ) -> Result<Told, Stop> {
        let content = Some(driver::Content { kind: Some(content) });
        let send = driver::SendMessage { contact: contact.clone(), content };
        self.tell(Kind::SendMessage(send)).await
    }

    /// The client says a text.
    ///
    /// # Errors
    /// As [`client_says`](Self::client_says).
    pub async fn client_texts(&self, contact: &Bytes, text: &str) -> Result<driver::Sent, Stop> {
        self.client_says(contact, driver::content::Kind::Text(text.to_owned())).await
    }

    /// The next received message that the client shows.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it shows none.
    pub async fn shown(&self, contact: &Bytes, expected: &str) -> Result<driver::Entry, Stop> {
        let found = self.event(expected, |event| match event {
            Event::Shown(shown) if shown.contact == *contact => {
                shown.entry.clone().filter(|entry| !entry.own)
            }
            _ => None,
        });
        found.await
    }

    /// The next received message that the client shows, which is this text.
    ///
    /// # Errors
    /// [`Stop::Fail`] on another, or none.
    pub async fn shows(&self, contact: &Bytes, text: &str) -> Result<driver::Entry, Stop> {
        let expected = format!("the text {text:?} shown");
        let entry = self.shown(contact, &expected).await?;
        if text_of(&entry) == Some(text) {
            return Ok(entry);
        }
        Err(Stop::fail(expected, cut(&format!("{entry:?}"))))
    }

    /// Waits until the client shows this text; what it shows before is passed over.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it does not.
    pub async fn shown_text(&self, contact: &Bytes, text: &str) -> Result<driver::Entry, Stop> {
        let expected = format!("the text {text:?} shown");
        let found = self.event(&expected, |event| match event {
            Event::Shown(shown) if shown.contact == *contact => {
                shown.entry.clone().filter(|entry| !entry.own && text_of(entry) == Some(text))
            }
            _ => None,
        });
        found.await
    }

    /// Expects that the client shows nothing more of a contact for a while.
    ///
    /// # Errors
    /// [`Stop::Fail`] with what it shows.
    pub async fn shows_nothing(&self, contact: &Bytes, why: &str) -> Verdict {
        self.no_event(&format!("nothing shown: {why}"), |event| {
            matches!(event, Event::Shown(shown) if shown.contact == *contact
                && shown.entry.as_ref().is_some_and(|entry| !entry.own))
        })
        .await
    }

    /// The safety number that the client shows.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it shows none.
    pub async fn safety_number(&self, contact: &Bytes) -> Result<String, Stop> {
        let get = driver::GetSafetyNumber { contact: contact.clone() };
        let told = self.tell(Kind::GetSafetyNumber(get)).await?;
        match told.map_err(|refused| refused.stop("SafetyNumber"))? {
            ok::Kind::SafetyNumber(safety) => Ok(safety.number),
            other => Err(Stop::fail("SafetyNumber", cut(&format!("{other:?}")))),
        }
    }

    /// Waits until the received texts of a history are these, and that it stays so.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it does not come to that.
    pub async fn until_history(&self, contact: &Bytes, texts: &[String]) -> Verdict {
        let end = Instant::now() + PATIENCE;
        loop {
            let entries = self.history(contact).await?;
            let said: Vec<String> = entries
                .iter()
                .filter(|entry| !entry.own)
                .filter_map(|entry| text_of(entry).map(str::to_owned))
                .collect();
            if said == texts {
                return Ok(());
            }
            if Instant::now() >= end || said.len() > texts.len() {
                return Err(Stop::fail(format!("the history {texts:?}"), format!("{said:?}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the user sees of a contact.
    ///
    /// # Errors
    /// [`Stop::Fail`] where the client refuses.
    pub async fn history(&self, contact: &Bytes) -> Result<Vec<driver::Entry>, Stop> {
        let get = driver::GetHistory { contact: contact.clone() };
        let told = self.tell(Kind::GetHistory(get)).await?;
        match told.map_err(|refused| refused.stop("History"))? {
            ok::Kind::History(history) => Ok(history.entries),
            other => Err(Stop::fail("History", cut(&format!("{other:?}")))),
        }
    }
}
