//! One connection of a session, on a link of its own.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edgewise_proto::v1::{self, Notice, item::Body};
use edgewise_spec::constants::{VK_LEN, WINDOW_BYTES_MAX, WINDOW_PARTS_MAX};
use edgewise_spec::frame;
use edgewise_spec::invitation::ConnectionSecret;
use edgewise_spec::suite::SigningKey;
use rand_chacha::ChaCha20Rng;

use super::{Door, Person, Surroundings};
use crate::peer::answer::Answer;
use crate::peer::{Class, Connection, HelloPlan, Http, Key, Link, OPEN, PATIENCE, Role, sender_id};
use crate::verdict::{Stop, Verdict};

/// Between two attempts to attach to what the other end has to restore.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// One connection of a session.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) door: Door,
    pub(super) link: Link,
    /// The connection's; what is made or claimed over a medium link is used over one of this class.
    class: Class,
    /// The connection, this end of it, and its handle, once attached.
    attached: Option<(Connection, Role, u32)>,
    /// The next submission, at a sender.
    next: u64,
    /// The sender's key, at a recipient that was told of it.
    sender_key: Option<v1::KeyRecord>,
}

/// A key of the usual life.
fn key(around: &Surroundings, rng: &mut ChaCha20Rng) -> Key {
    let hour = around.clock.now().hour();
    let signing = SigningKey::generate(rng);
    Key::new(signing, 0, hour.saturating_sub(1), hour.saturating_add(365 * 24 - 1), 24)
}

impl Lane {
    /// A medium link, over which a connection of a class is to be made or claimed.
    pub(super) async fn open(
        door: &Door,
        class: frame::Class,
        around: &Surroundings,
        rng: &mut ChaCha20Rng,
    ) -> Result<Self, Stop> {
        let link = connect(door, Class::Medium, around, rng).await?;
        let class = Class::of(class);
        Ok(Self { door: door.clone(), link, class, attached: None, next: 0, sender_key: None })
    }

    /// Goes over to a link of the connection's own class (CONNECTION-25).
    async fn change_link(&mut self, around: &Surroundings, rng: &mut ChaCha20Rng) -> Verdict {
        if self.link.class() != self.class {
            self.link = connect(&self.door, self.class, around, rng).await?;
        }
        Ok(())
    }

    fn connection(
        &self,
        around: &Surroundings,
        secret: &ConnectionSecret,
        bundle: Bytes,
        rng: &mut ChaCha20Rng,
    ) -> Connection {
        let fingerprint = self.door.public.fingerprint;
        let (recipient, sender) = (key(around, rng), key(around, rng));
        Connection::new(self.class, fingerprint, recipient, sender, secret.claim_key(), bundle)
    }

    /// Creates the connection of a secret, attaches and subscribes to it.
    pub(super) async fn receive_on(
        &mut self,
        around: &Surroundings,
        secret: &ConnectionSecret,
        bundle: Bytes,
        rng: &mut ChaCha20Rng,
    ) -> Verdict {
        let connection = self.connection(around, secret, bundle, rng);
        self.create(around, connection, rng).await
    }

    /// Creates the connection of a contact address, attaches and subscribes to it.
    pub(super) async fn take_requests(
        &mut self,
        around: &Surroundings,
        secret: &ConnectionSecret,
        bundle: Bytes,
        rng: &mut ChaCha20Rng,
    ) -> Verdict {
        let mut connection = self.connection(around, secret, bundle, rng);
        connection.kind = v1::Kind::Address;
        self.create(around, connection, rng).await
    }

    async fn create(
        &mut self,
        around: &Surroundings,
        connection: Connection,
        rng: &mut ChaCha20Rng,
    ) -> Verdict {
        let create = connection.create(self.link.transcript());
        self.link.ask(Body::Create(create)).await?.created()?;
        self.change_link(around, rng).await?;
        let (handle, _) = self.link.attach(&connection, Role::Recipient, 0).await?;
        self.attached = Some((connection, Role::Recipient, handle));
        self.subscribe().await.map(drop)
    }

    /// Puts another bundle in the place of the one before (CONNECTION-74).
    pub(super) async fn announce(&mut self, bundle: Bytes) -> Verdict {
        let Some((connection, _, _)) = &mut self.attached else {
            return Err(Stop::harness("a lane without a connection"));
        };
        connection.bundle = bundle;
        let create = connection.create(self.link.transcript());
        self.link.ask(Body::Create(create)).await?.created().map(drop)
    }

    /// Keeps what a recipient needs to restore (CONNECTION's *restore*).
    pub(super) fn note(&mut self, notice: &Notice) {
        if let Some(key) = &notice.sender_key {
            self.sender_key = Some(key.clone());
        }
    }

    /// After a loss of the server's memory: makes the record anew at a recipient, and waits until
    /// the other end has at a sender.
    async fn restore(&mut self, around: &Surroundings, rng: &mut ChaCha20Rng) -> Verdict {
        let end = Instant::now() + 2 * PATIENCE;
        loop {
            self.link = connect(&self.door, self.class, around, rng).await?;
            let Some((connection, role, handle)) = &mut self.attached else { return Ok(()) };
            if *role == Role::Recipient {
                let mut body = connection.body();
                if let Some(key) = &self.sender_key {
                    connection.sender.record = key.clone();
                    body = connection.restore_body(v1::State::Claimed);
                }
                let create = connection.create_from(self.link.transcript(), &body);
                self.link.ask(Body::Create(create)).await?.created()?;
            }
            let attach = connection.attach(
                self.link.transcript(),
                *role,
                self.link.next_handle(),
                self.next,
            );
            let answer = self.link.ask(Body::Attach(attach)).await?;
            match answer.clone().attached() {
                Ok(attached) => {
                    *handle = self.link.next_handle();
                    self.link.use_handle();
                    self.next = attached.next;
                    if *role == Role::Recipient {
                        self.subscribe().await?;
                    }
                    return Ok(());
                }
                Err(stop) if Instant::now() >= end => return Err(stop),
                Err(_) => tokio::time::sleep(TRY_AGAIN).await,
            }
        }
    }

    fn handle(&self) -> Result<u32, Stop> {
        let attached = self.attached.as_ref().map(|(_, _, handle)| *handle);
        attached.ok_or_else(|| Stop::harness("a lane without a connection"))
    }

    async fn subscribe(&mut self) -> Result<Notice, Stop> {
        let body = Body::Subscribe(v1::Subscribe {
            handle: self.handle()?,
            window_parts: WINDOW_PARTS_MAX,
            window_bytes: WINDOW_BYTES_MAX,
        });
        let subscribed = self.link.ask(body).await?.subscribed()?;
        let notice = subscribed.notice;
        let notice = notice.ok_or_else(|| Stop::fail("a Notice in Subscribed", "none"))?;
        self.note(&notice);
        Ok(notice)
    }

    /// Claims the connection of a secret, and nothing else.
    pub(super) async fn claim(
        &mut self,
        around: &Surroundings,
        secret: &ConnectionSecret,
        rng: &mut ChaCha20Rng,
    ) -> Result<(Connection, Answer), Stop> {
        let mut connection = self.connection(around, secret, Bytes::new(), rng);
        let vk: [u8; VK_LEN] = *secret.claim_key().verifying_key().as_bytes();
        let id = sender_id(&self.door.public.fingerprint, &vk);
        connection.sender_id = Bytes::copy_from_slice(&id);
        let claim = connection.claim(self.link.transcript());
        let answer = self.link.ask(Body::Claim(claim)).await?;
        Ok((connection, answer))
    }

    /// Attaches as the sender of a connection that was claimed.
    pub(super) async fn send_on(
        &mut self,
        around: &Surroundings,
        mut connection: Connection,
        claimed: &v1::Claimed,
        rng: &mut ChaCha20Rng,
    ) -> Verdict {
        connection.recipient_id = claimed.recipient_id.clone();
        let told = Class::ALL.into_iter().find(|class| class.code() == claimed.link_class);
        self.class = told.ok_or_else(|| Stop::fail("a class (CONNECTION-17)", "another number"))?;
        connection.class = self.class;
        self.change_link(around, rng).await?;
        let (handle, attached) = self.link.attach(&connection, Role::Sender, 0).await?;
        self.attached = Some((connection, Role::Sender, handle));
        self.next = attached.next;
        Ok(())
    }

    /// Hands in one part.
    pub(super) async fn post(&mut self, part: Bytes) -> Verdict {
        let send = v1::Send { handle: self.handle()?, submission: self.next, part };
        self.next += 1;
        self.link.ask(Body::Send(send)).await?.done()
    }

    pub(super) async fn acknowledge(&mut self, through: u64) -> Verdict {
        let handle = self.handle()?;
        self.link.tell(Body::Acknowledge(v1::Acknowledge { handle, through })).await
    }

    /// What the server says next within a time.
    pub(super) async fn next(&mut self, within: Duration) -> Result<Option<Body>, Stop> {
        self.link.next_event(within).await
    }

    /// Begins a new link and attaches again to what there is.
    pub(super) async fn relink(&mut self, around: &Surroundings, rng: &mut ChaCha20Rng) -> Verdict {
        self.link = connect(&self.door, self.class, around, rng).await?;
        let Some((connection, role, handle)) = &mut self.attached else { return Ok(()) };
        let attached;
        (*handle, attached) = self.link.attach(connection, *role, self.next).await?;
        self.next = attached.next;
        if *role == Role::Recipient {
            self.subscribe().await?;
        }
        Ok(())
    }
}

async fn connect(
    door: &Door,
    class: Class,
    around: &Surroundings,
    rng: &mut ChaCha20Rng,
) -> Result<Link, Stop> {
    // Asked anew: the scene's clock may have gone on to another epoch.
    let description = door.target.describe(&around.trace).await?;
    let record = description.epochs.first().cloned();
    let record = record.ok_or_else(|| Stop::fail("an epoch record (LINK-3)", "none"))?;
    let plan = HelloPlan::new(class, record);
    let hello = plan.build(&door.target.address.fingerprint, rng)?;
    let http = Http::connect(&door.target.address).await?;
    let carrier = http.open(OPEN, &around.trace).await?;
    Link::open(carrier, Some(http), &hello, plan.class).await
}

impl Person {
    /// Begins new links and attaches again, as after an end of the old ones.
    ///
    /// # Errors
    /// [`Stop`] of the link.
    pub async fn relink(&mut self) -> Verdict {
        for lane in self.ins.iter_mut().chain(&mut self.outs) {
            lane.relink(&self.around, &mut self.rng).await?;
        }
        Ok(())
    }
}

impl Person {
    /// Makes its records anew where a server has lost its memory, and waits until the client has
    /// made its own.
    ///
    /// # Errors
    /// [`Stop::Fail`] where it does not.
    pub async fn restore(&mut self) -> Verdict {
        for lane in self.ins.iter_mut().chain(&mut self.outs) {
            lane.restore(&self.around, &mut self.rng).await?;
        }
        Ok(())
    }

    /// The same for the first connection either way, where others lie on other servers.
    ///
    /// # Errors
    /// As [`restore`](Self::restore).
    pub async fn restore_first(&mut self) -> Verdict {
        for lane in self.ins.first_mut().into_iter().chain(self.outs.first_mut()) {
            lane.restore(&self.around, &mut self.rng).await?;
        }
        Ok(())
    }

    /// Hands in a part at a place, once, over new links where the old ones end.
    ///
    /// # Errors
    /// [`Stop`] of the link that does not come back in time.
    pub async fn post_surely(&mut self, place: usize, part: Bytes) -> Verdict {
        let end = Instant::now() + 2 * PATIENCE;
        let number = self.outs.get(place).map_or(0, |lane| lane.next);
        loop {
            let Err(mut stop) = self.post(place, part.clone()).await else { return Ok(()) };
            // Not answered yet, so that the server must not count it as such (CONNECTION-27).
            if let Some(lane) = self.outs.get_mut(place) {
                lane.next = number;
            }
            while Instant::now() < end {
                match self.relink().await {
                    Ok(()) => break,
                    Err(again) => stop = again,
                }
                tokio::time::sleep(TRY_AGAIN).await;
            }
            if self.outs.get(place).is_some_and(|lane| lane.next > number) {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(stop);
            }
        }
    }

    /// Hands in a part at a place, as it is.
    ///
    /// # Errors
    /// [`Stop::Fail`] where the server refuses.
    pub async fn post(&mut self, place: usize, part: Bytes) -> Verdict {
        let lane = self.outs.get_mut(place);
        lane.ok_or_else(|| Stop::harness("no such place"))?.post(part).await
    }
}
