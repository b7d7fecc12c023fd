//! What a link hears without having asked: items of the server's own, and its end.

use std::time::{Duration, Instant};

use edgewise_proto::v1::item::Body;
use edgewise_proto::v1::{self, GoodbyeCode};

use super::Link;
use crate::peer::carrier::{Ending, PATIENCE};
use crate::peer::show;
use crate::verdict::{Stop, Verdict};

impl Link {
    /// The next item that is no Result.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn event(&mut self) -> Result<Body, Stop> {
        self.event_named("an item").await
    }

    /// The next item that is no Result, if one comes in time.
    ///
    /// # Errors
    /// [`Stop::Fail`] on an end or on anything a server may not send.
    pub async fn next_event(&mut self, within: Duration) -> Result<Option<Body>, Stop> {
        let end = Instant::now() + within;
        loop {
            if let Some(body) = self.inbox.pop_front() {
                return Ok(Some(body));
            }
            if !self.try_pump(end, "an item").await? {
                return Ok(None);
            }
        }
    }

    /// The next item, which is a Deliver.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and on another item.
    pub async fn deliver(&mut self) -> Result<v1::Deliver, Stop> {
        match self.event_named("a Deliver").await? {
            Body::Deliver(deliver) => Ok(deliver),
            other => Err(Stop::fail("a Deliver", show::body(&other))),
        }
    }

    /// The next item, which is a Notice.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and on another item.
    pub async fn notice(&mut self) -> Result<v1::Notice, Stop> {
        match self.event_named("a Notice").await? {
            Body::Notice(notice) => Ok(notice),
            other => Err(Stop::fail("a Notice", show::body(&other))),
        }
    }

    /// The next item, which is an Ended.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and on another item.
    pub async fn ended(&mut self) -> Result<v1::Ended, Stop> {
        match self.event_named("an Ended").await? {
            Body::Ended(ended) => Ok(ended),
            other => Err(Stop::fail("an Ended", show::body(&other))),
        }
    }

    /// The next item, which is a Space; waits for a batch of the server's clock and a second.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and on another item.
    pub async fn space(&mut self) -> Result<v1::Space, Stop> {
        let batch = edgewise_spec::constants::SPACE_BATCH_MS;
        let within = Duration::from_millis(batch) + PATIENCE;
        match self.next_event(within).await? {
            Some(Body::Space(space)) => Ok(space),
            Some(other) => Err(Stop::fail("a Space", show::body(&other))),
            None => Err(Stop::fail("a Space", format!("nothing for {} s", within.as_secs()))),
        }
    }

    /// Expects that nothing comes for a while.
    ///
    /// # Errors
    /// [`Stop::Fail`] with whatever came.
    pub async fn quiet(&mut self, during: Duration) -> Verdict {
        let end = Instant::now() + during;
        if let Some(body) = self.inbox.front() {
            return Err(Stop::fail("nothing", show::body(body)));
        }
        let blocks = self.received();
        if !self.try_pump(end, "nothing").await? {
            return Ok(());
        }
        let came = self
            .inbox
            .front()
            .map_or_else(|| format!("{} blocks", self.received() - blocks), show::body);
        Err(Stop::fail("nothing", came))
    }

    /// Expects exactly so many blocks, whatever they hold, and no other one for a while after.
    ///
    /// # Errors
    /// [`Stop::Fail`] on fewer or more, or on an end.
    pub async fn exactly(&mut self, count: u64, and_quiet: Duration) -> Verdict {
        let (begin, end) = (self.received(), Instant::now() + PATIENCE);
        let expected = match count {
            0 => "no block".to_owned(),
            1 => "one block".to_owned(),
            _ => format!("{count} blocks"),
        };
        while self.received() < begin + count {
            if !self.try_pump(end, &expected).await? {
                let actual = format!("{} within {} s", self.received() - begin, PATIENCE.as_secs());
                return Err(Stop::fail(expected, actual));
            }
        }
        if self.try_pump(Instant::now() + and_quiet, &expected).await? {
            return Err(Stop::fail(expected, "one more"));
        }
        Ok(())
    }

    /// Expects the link's last block with this Goodbye as its last item, then status OK.
    ///
    /// # Errors
    /// [`Stop::Fail`] on another end, or none.
    pub async fn goodbye(&mut self, code: GoodbyeCode) -> Verdict {
        let name = show::goodbye(code.into());
        let expected = format!("a last block with Goodbye {name}, then status OK");
        let ending = self.end(&expected).await?;
        match self.goodbye {
            Some(number) if number == i32::from(code) && ending.status == Some(0) => Ok(()),
            Some(number) => {
                Err(Stop::fail(expected, format!("Goodbye {}, {ending}", show::goodbye(number))))
            }
            None => Err(Stop::fail(expected, ending.to_string())),
        }
    }

    /// Expects the stream's end with status OK, with or without a Goodbye.
    ///
    /// # Errors
    /// [`Stop::Fail`] on another end, or none.
    pub async fn ends_ok(&mut self) -> Verdict {
        let ending = self.end("the end of the stream with status OK").await?;
        if ending.status == Some(0) {
            return Ok(());
        }
        Err(Stop::fail("the end of the stream with status OK", ending.to_string()))
    }

    /// Says Goodbye and expects status OK.
    ///
    /// # Errors
    /// [`Stop::Fail`] on another end, or none.
    pub async fn finish(&mut self) -> Verdict {
        self.tell(Body::Goodbye(v1::Goodbye { code: GoodbyeCode::Done.into() })).await?;
        self.ends_ok().await
    }

    /// Reads until the stream ends, within [`PATIENCE`].
    ///
    /// # Errors
    /// [`Stop::Fail`] if it does not end.
    pub async fn end(&mut self, expected: &str) -> Result<Ending, Stop> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(ending) = &self.ending {
                return Ok(ending.clone());
            }
            if !self.step(end).await? {
                let waited = format!("no end for {} s", PATIENCE.as_secs());
                return Err(Stop::fail(expected, waited));
            }
        }
    }
}
