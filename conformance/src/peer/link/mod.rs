//! A link of the suite's own: everything the server sends is judged, anything can be sent.

mod events;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use edgewise_proto::v1::item::Body;
use edgewise_proto::v1::{self, Frame, Item, result::Outcome};
use prost::Message;

use crate::peer::answer::Answer;
use crate::peer::blocks::{Direction, read_items, write_items};
use crate::peer::carrier::{Carrier, Ending, Heard, Http, PATIENCE};
use crate::peer::class::Class;
use crate::peer::connection::{Connection, Role};
use crate::peer::contrary;
use crate::peer::hello::{Hello, Keys};
use crate::peer::show;
use crate::peer::trace::What;
use crate::peer::wire;
use crate::verdict::{Stop, Verdict};

/// One link, from the client's end.
#[derive(Debug)]
pub struct Link {
    carrier: Carrier,
    _http: Option<Http>,
    class: Class,
    keys: Keys,
    outgoing: Direction,
    incoming: Direction,
    unanswered: HashSet<u32>,
    answers: HashMap<u32, Outcome>,
    inbox: VecDeque<Body>,
    last_result: (u32, Bytes),
    goodbye: Option<i32>,
    ending: Option<Ending>,
    next_tag: u32,
    next_handle: u32,
}

impl Link {
    /// Sends a hello over a stream, judges the reply, and confirms with an empty block.
    ///
    /// The HTTP/2 connection, if given, lives as long as the link.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server does not answer as the chapter says.
    pub async fn open(
        mut carrier: Carrier,
        http: Option<Http>,
        hello: &Hello,
        class: Class,
    ) -> Result<Self, Stop> {
        let keys = Self::shake(&mut carrier, hello, class).await?;
        let mut link = Self::unconfirmed(carrier, http, keys, class);
        link.send_items(&[]).await?;
        Ok(link)
    }

    /// Sends a hello and judges the reply, no more.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn shake(carrier: &mut Carrier, hello: &Hello, class: Class) -> Result<Keys, Stop> {
        for block in &hello.blocks {
            carrier.send_block(block).await?;
        }
        let mut reply = Vec::new();
        for _ in 0..class.reply_blocks() {
            match carrier.receive_within(PATIENCE).await? {
                Heard::Message(message) => {
                    let block = block_of(&message)?;
                    judge_length(&block, class)?;
                    let what = format!("reply block of {} bytes", block.len());
                    carrier.record(What::ReceivedRaw(what));
                    reply.extend_from_slice(&block);
                }
                Heard::End(ending) => {
                    return Err(Stop::fail("a reply to the hello", ending.to_string()));
                }
            }
        }
        hello.finish(&reply)
    }

    /// A link whose keys are known and whose first block the client has yet to send.
    #[must_use]
    pub fn unconfirmed(carrier: Carrier, http: Option<Http>, keys: Keys, class: Class) -> Self {
        Self {
            carrier,
            _http: http,
            class,
            outgoing: Direction::new(keys.suite, keys.client),
            incoming: Direction::new(keys.suite, keys.server),
            keys,
            unanswered: HashSet::new(),
            answers: HashMap::new(),
            inbox: VecDeque::new(),
            last_result: (0, Bytes::new()),
            goodbye: None,
            ending: None,
            next_tag: 1,
            next_handle: 0,
        }
    }

    /// What signatures on this link cover.
    #[must_use]
    pub fn transcript(&self) -> &[u8; 32] {
        &self.keys.transcript
    }

    /// The link's class.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// The stream below, for half-closes, resets and foreign bytes.
    pub fn carrier(&mut self) -> &mut Carrier {
        &mut self.carrier
    }

    /// Blocks sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.outgoing.count()
    }

    /// Blocks received so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.incoming.count()
    }

    /// The lowest handle never used on this link.
    #[must_use]
    pub fn next_handle(&self) -> u32 {
        self.next_handle
    }

    /// Counts a handle as used.
    pub fn use_handle(&mut self) {
        self.next_handle += 1;
    }

    /// A tag never used on this link.
    pub fn tag(&mut self) -> u32 {
        let tag = self.next_tag;
        self.next_tag += 1;
        tag
    }

    /// Awaits exactly one Result of this tag, sent by way of [`send_text`](Self::send_text).
    pub fn expect(&mut self, tag: u32) {
        self.unanswered.insert(tag);
    }

    // ---- sending -------------------------------------------------------------------------------

    /// Asks for one thing in a block of its own and waits for the Result.
    ///
    /// # Errors
    /// [`Stop::Fail`] on silence, on an end, or on anything a server may not send.
    pub async fn ask(&mut self, body: Body) -> Result<Answer, Stop> {
        let tag = self.post(body).await?;
        self.answer(tag).await
    }

    /// Sends one thing without a tag.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn tell(&mut self, body: Body) -> Verdict {
        self.send_items(&[Item { tag: 0, body: Some(body) }]).await
    }

    /// Asks without waiting; [`answer`](Self::answer) waits.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn post(&mut self, body: Body) -> Result<u32, Stop> {
        let tag = self.tag();
        self.send_items(&[Item { tag, body: Some(body) }]).await?;
        Ok(tag)
    }

    /// Asks several things in one block.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); [`Stop::Harness`] if they do not fit.
    pub async fn post_all(&mut self, bodies: Vec<Body>) -> Result<Vec<u32>, Stop> {
        let items: Vec<Item> =
            bodies.into_iter().map(|body| Item { tag: self.tag(), body: Some(body) }).collect();
        self.send_items(&items).await?;
        Ok(items.iter().map(|item| item.tag).collect())
    }

    /// Sends items in one block.
    ///
    /// # Errors
    /// As [`post_all`](Self::post_all).
    pub async fn send_items(&mut self, items: &[Item]) -> Verdict {
        let text = self.text(items)?;
        for item in items {
            if item.tag != 0 && !matches!(item.body, Some(Body::Acknowledge(_) | Body::Goodbye(_)))
            {
                self.unanswered.insert(item.tag);
            }
        }
        let block = self.outgoing.seal(text);
        self.carrier.record(What::Sent(items.to_vec()));
        self.carrier.put_block(&block).await
    }

    /// The opened block that holds these items.
    ///
    /// # Errors
    /// [`Stop::Harness`] if they do not fit.
    pub fn text(&self, items: &[Item]) -> Result<Vec<u8>, Stop> {
        let mut text = write_items(items);
        if text.len() > self.class.text() {
            return Err(Stop::harness(format!("items of {} bytes do not fit", text.len())));
        }
        text.resize(self.class.text(), 0);
        Ok(text)
    }

    /// Seals any opened block as the next one, and sends it.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn send_text(&mut self, text: Vec<u8>) -> Verdict {
        let length = text.len();
        let block = self.outgoing.seal(text);
        self.carrier.record(What::SentRaw(format!("sealed text of {length} bytes")));
        self.carrier.put_block(&block).await
    }

    /// Seals an opened block as the next one, without sending it.
    #[must_use]
    pub fn seal(&mut self, text: Vec<u8>) -> Vec<u8> {
        self.outgoing.seal(text)
    }

    /// Seals an opened block with the other direction's key, as its first one.
    #[must_use]
    pub fn seal_as_server(&self, text: Vec<u8>) -> Vec<u8> {
        Direction::new(self.keys.suite, self.keys.server).seal(text)
    }

    /// Sends any bytes as a block; the count stays.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn send_block(&mut self, block: &[u8]) -> Verdict {
        self.carrier.send_block(block).await
    }

    // ---- receiving -----------------------------------------------------------------------------

    /// The Result of a tag.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn answer(&mut self, tag: u32) -> Result<Answer, Stop> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(outcome) = self.answers.remove(&tag) {
                return Ok(Answer { tag, outcome });
            }
            self.pump(end, &format!("a Result for #{tag}")).await?;
        }
    }

    /// The Result of a tag, if it has been read already.
    #[must_use]
    pub fn answered(&self, tag: u32) -> Option<&Outcome> {
        self.answers.get(&tag)
    }

    /// The bytes of the Result read last but for its tag, if it is the one of this tag: the item
    /// as it came, without the field of number 1 at its beginning.
    #[must_use]
    pub fn untagged(&self, tag: u32) -> Option<Bytes> {
        let (last, bytes) = &self.last_result;
        let field = wire::number(1, u64::from(tag));
        let rest = bytes.strip_prefix(&field[..]).filter(|_| *last == tag)?;
        Some(bytes.slice_ref(rest))
    }

    /// The next item that is no Result, if it has been read already.
    pub fn unread(&mut self) -> Option<Body> {
        self.inbox.pop_front()
    }

    /// Attaches with the next free handle.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server refuses.
    pub async fn attach(
        &mut self,
        connection: &Connection,
        role: Role,
        from: u64,
    ) -> Result<(u32, v1::Attached), Stop> {
        let handle = self.next_handle;
        let attach = connection.attach(&self.keys.transcript, role, handle, from);
        let attached = self.ask(Body::Attach(attach)).await?.attached()?;
        self.use_handle();
        Ok((handle, attached))
    }

    async fn event_named(&mut self, expected: &str) -> Result<Body, Stop> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(body) = self.inbox.pop_front() {
                return Ok(body);
            }
            self.pump(end, expected).await?;
        }
    }

    async fn pump(&mut self, end: Instant, expected: &str) -> Verdict {
        if self.try_pump(end, expected).await? {
            return Ok(());
        }
        Err(Stop::fail(expected, format!("nothing for {} s", PATIENCE.as_secs())))
    }

    async fn try_pump(&mut self, end: Instant, expected: &str) -> Result<bool, Stop> {
        let came = self.step(end).await?;
        let Some(ending) = &self.ending else { return Ok(came) };
        let goodbye = self
            .goodbye
            .map_or_else(String::new, |code| format!("Goodbye {}, ", show::goodbye(code)));
        Err(Stop::fail(expected, format!("{goodbye}{ending}")))
    }

    /// Takes one message or the end; false if neither came before `end`.
    async fn step(&mut self, end: Instant) -> Result<bool, Stop> {
        let received = tokio::time::timeout_at(end.into(), self.carrier.receive()).await;
        match received {
            Err(_) => Ok(false),
            Ok(Heard::End(ending)) => {
                self.ending = Some(ending);
                Ok(true)
            }
            Ok(Heard::Message(message)) => {
                let block = block_of(&message)?;
                self.take(&block)?;
                Ok(true)
            }
        }
    }

    /// Judges one block and sorts its items.
    fn take(&mut self, block: &[u8]) -> Verdict {
        judge_length(block, self.class)?;
        if self.goodbye.is_some() {
            return Err(Stop::fail("nothing behind a Goodbye (LINK-34)", "another block"));
        }
        let number = self.incoming.count();
        let Some(text) = self.incoming.open(block) else {
            return Err(Stop::fail(
                format!("block {number} of the server opens under its key"),
                "it does not",
            ));
        };
        let items = read_items(text)
            .map_err(|wrong| Stop::fail("whole items, an end and zeros (FRAME-13)", wrong))?;
        let shown = items.iter().map(|(item, _)| item.clone()).collect();
        self.carrier.record(What::Received(shown));
        let count = items.len();
        for (place, (item, bytes)) in items.into_iter().enumerate() {
            if matches!(item.body, Some(Body::Result(_))) {
                self.last_result = (item.tag, bytes);
            }
            self.sort(item, place + 1 == count)?;
        }
        Ok(())
    }

    fn sort(&mut self, item: Item, last: bool) -> Verdict {
        match item.body {
            Some(Body::Result(result)) => {
                if !self.unanswered.remove(&item.tag) {
                    let actual = format!("a Result for #{}, which is not open", item.tag);
                    return Err(Stop::fail("one Result for each request (FRAME-17)", actual));
                }
                if let Some(outcome) = result.outcome {
                    judge_next(&outcome)?;
                    self.answers.insert(item.tag, contrary::heard(outcome));
                }
            }
            Some(Body::Goodbye(goodbye)) => {
                if !last {
                    let actual = "an item behind it";
                    return Err(Stop::fail("Goodbye as the last item (LINK-34)", actual));
                }
                self.goodbye = Some(goodbye.code);
            }
            Some(body) => self.inbox.push_back(body),
            None => {}
        }
        Ok(())
    }
}

fn block_of(message: &[u8]) -> Result<Bytes, Stop> {
    let frame = Frame::decode(message)
        .map_err(|error| Stop::fail("a Frame", format!("a message that is none: {error}")))?;
    Ok(frame.block)
}

// FRAME-1
fn judge_length(block: &[u8], class: Class) -> Verdict {
    if block.len() == class.block() {
        return Ok(());
    }
    let expected = format!("blocks of {} bytes (FRAME-1)", class.block());
    Err(Stop::fail(expected, format!("a block of {} bytes", block.len())))
}

// ERROR-3
fn judge_next(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Reject(reject)
            if reject.next != 0 && reject.code != i32::from(v1::RejectCode::Gap) =>
        {
            Err(Stop::fail("next 0 but with GAP (ERROR-3)", show::outcome(outcome)))
        }
        _ => Ok(()),
    }
}
