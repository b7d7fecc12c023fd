//! The client's half of a handshake, written from the chapter and open to every fault.

use bytes::Bytes;
use edgewise_proto::v1::HelloOptions;
use edgewise_spec::constants::{
    CONFIRMATION_LEN, CT_LEN, EPOCH_RECORD_LEN, HASH_LEN, HELLO_OPTIONS_LEN, NONCE_LEN, REPLY_LEN,
    VK_LEN, labels,
};
use edgewise_spec::suite::{
    Decapsulator, Encapsulator, Sealer, SharedSecret, SuiteId, derive, hash, lp,
};
use prost::Message;
use rand_core::CryptoRng;

use super::class::Class;
use crate::verdict::Stop;

/// What a hello says. Every field may be a lie.
#[derive(Clone, Debug)]
pub struct HelloPlan {
    /// Length of the blocks.
    pub class: Class,
    /// The suite's number.
    pub suite: u16,
    /// The epoch record whose key the hello is for, and which stands in the transcript.
    pub record: Bytes,
    /// The epoch number that is named, if not the record's.
    pub epoch: Option<u32>,
    /// The options' class, if not the blocks'.
    pub link_class: Option<u32>,
    /// The options' depth.
    pub depth: u32,
    /// The options' tick, in milliseconds; 0 for no cadence.
    pub tick_ms: u32,
    /// The options before sealing, if not the regular ones.
    pub options: Option<Vec<u8>>,
    /// The ciphertext to the epoch key, if not a regular one.
    pub ct_s: Option<Vec<u8>>,
    /// The client's key, if not a regular one.
    pub ek_c: Option<Vec<u8>>,
}

impl HelloPlan {
    /// A hello without a fault.
    #[must_use]
    pub fn new(class: Class, record: Bytes) -> Self {
        Self {
            class,
            suite: 1,
            record,
            epoch: None,
            link_class: None,
            depth: 0,
            tick_ms: 0,
            options: None,
            ct_s: None,
            ek_c: None,
        }
    }

    /// The options before sealing: length, HelloOptions, zeros.
    #[must_use]
    pub fn options_text(&self) -> Vec<u8> {
        let link_class = self.link_class.unwrap_or_else(|| self.class.code());
        let options = HelloOptions { link_class, depth: self.depth, tick_ms: self.tick_ms };
        let options = options.encode_to_vec();
        let mut text = u16::try_from(options.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
        text.extend(options);
        text.resize(HELLO_OPTIONS_LEN, 0);
        text
    }

    /// Makes the hello's blocks and what is needed to read the reply.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server's epoch key is none.
    pub fn build(
        &self,
        fingerprint: &[u8; HASH_LEN],
        rng: &mut dyn CryptoRng,
    ) -> Result<Hello, Stop> {
        let suite = SuiteId::try_from(self.suite).unwrap_or(SuiteId::Chacha20Poly1305);
        let ek_at = VK_LEN + 4 + 8 + 8;
        let ek = self.record.get(ek_at..EPOCH_RECORD_LEN - 64).unwrap_or_default();
        let ek = Encapsulator::parse(ek)
            .map_err(|e| Stop::fail("an acceptable key in the epoch record", e.to_string()))?;
        let number = self.epoch.unwrap_or_else(|| record_number(&self.record));
        let (ct_s, ss_s) = ek.encapsulate(rng);
        let decapsulator = Decapsulator::generate(rng);

        let mut hello = self.suite.to_be_bytes().to_vec();
        hello.extend(number.to_be_bytes());
        hello.extend(self.ct_s.as_deref().unwrap_or(&ct_s));
        match &self.ek_c {
            Some(ek_c) => hello.extend(ek_c),
            None => hello.extend(decapsulator.encapsulator().as_bytes()),
        }
        let th0 = hash(&[&lp(labels::LINK), &self.suite.to_be_bytes(), fingerprint, &self.record]);
        let mut k1 = [0; HASH_LEN];
        derive(suite, &[ss_s.as_bytes()], labels::LINK_HELLO, &[&th0, &hello], &mut k1);
        let mut options = self.options.clone().unwrap_or_else(|| self.options_text());
        let tag = Sealer::new(suite, &k1).seal(&[0; NONCE_LEN], &hello, &mut options);
        hello.extend(options);
        hello.extend(tag);
        let th1 = hash(&[&th0, &hello]);
        let mut padded = hello;
        padded.resize(self.class.block() * self.class.hello_blocks(), 0);
        let blocks = padded.chunks(self.class.block()).map(<[u8]>::to_vec).collect();
        Ok(Hello { blocks, class: self.class, suite, th1, ss_s, decapsulator })
    }
}

/// The number of an epoch record.
#[must_use]
pub fn record_number(record: &[u8]) -> u32 {
    let bytes = record.get(VK_LEN..VK_LEN + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_be_bytes)
}

/// A hello that was made and may be altered on its way.
#[derive(Debug)]
pub struct Hello {
    /// The blocks to send, in order.
    pub blocks: Vec<Vec<u8>>,
    class: Class,
    suite: SuiteId,
    th1: [u8; HASH_LEN],
    ss_s: SharedSecret,
    decapsulator: Decapsulator,
}

/// What both ends hold after the reply.
#[derive(Clone)]
pub struct Keys {
    /// AEAD of the link.
    pub suite: SuiteId,
    /// Seals the client's blocks.
    pub client: [u8; HASH_LEN],
    /// Seals the server's blocks.
    pub server: [u8; HASH_LEN],
    /// The link's transcript, which later signatures cover.
    pub transcript: [u8; HASH_LEN],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Hello {
    /// Judges the reply's blocks (LINK-22) and derives the link's keys.
    ///
    /// # Errors
    /// [`Stop::Fail`] with what is wrong with the reply.
    pub fn finish(&self, reply: &[u8]) -> Result<Keys, Stop> {
        let wrong = |actual: String| {
            Stop::fail("a reply of ct_c, confirmation and zeros (LINK-22)", actual)
        };
        let want = self.class.block() * self.class.reply_blocks();
        if reply.len() != want {
            return Err(wrong(format!("{} bytes instead of {want}", reply.len())));
        }
        let (reply, padding) = reply.split_at(REPLY_LEN);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(wrong("padding that is not zero".to_owned()));
        }
        let (ct_c, confirmation) = reply.split_at(CT_LEN);
        let ct = ct_c.try_into().map_err(|_| Stop::harness("a reply shorter than ct_c"))?;
        let ss_c =
            self.decapsulator.decapsulate(ct).map_err(|e| wrong(format!("ct_c refused: {e}")))?;
        let mut out = [0; CONFIRMATION_LEN + 2 * HASH_LEN];
        let secret: [&[u8]; 2] = [self.ss_s.as_bytes(), ss_c.as_bytes()];
        derive(self.suite, &secret, labels::LINK_MASTER, &[&self.th1, ct_c], &mut out);
        let (expected, keys) = out.split_at(CONFIRMATION_LEN);
        if expected != confirmation {
            return Err(wrong("a wrong confirmation".to_owned()));
        }
        let (client, server) = keys.split_at(HASH_LEN);
        let key = |bytes: &[u8]| bytes.try_into().map_err(|_| Stop::harness("key length"));
        Ok(Keys {
            suite: self.suite,
            client: key(client)?,
            server: key(server)?,
            transcript: hash(&[&self.th1, reply]),
        })
    }
}
