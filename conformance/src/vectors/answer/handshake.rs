//! Chapter link, *Handshake*: hellos and replies, by the way of decapsulation.

use edgewise_spec::cadence::TickMs;
use edgewise_spec::constants::{HELLO_LEN, HELLO_OPTIONS_LEN, HELLO_PREFIX_LEN, REPLY_LEN};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{
    self, EpochSecret, EpochWindow, HandshakeParams, HelloRefused, ReplyRefused, open_hello,
    open_reply, schedule,
};
use edgewise_spec::suite::{Decapsulator, Sealer, SuiteId, VerifyingKey};
use edgewise_spec::time::Now;
use serde_json::json;

use super::Answered;
use super::input::{Input, No, hex, strange, usable};

/// The secret epoch of a server.
fn epoch(input: Input<'_>) -> Result<EpochSecret, No> {
    EpochSecret::from_parts(&input.array("epoch_seed")?, &input.bytes("record")?).map_err(strange)
}

/// The suite of a hello, where it may be used here.
fn check(hello: &[u8; HELLO_LEN]) -> Result<(), No> {
    let code = u16::from_be_bytes([hello[0], hello[1]]);
    SuiteId::try_from(code).map_or(Ok(()), |suite| usable(suite).map(|_| ()))
}

/// A server that has one epoch and offers everything.
pub(super) fn hello(input: Input<'_>) -> Answered {
    let hello: [u8; HELLO_LEN] = input.array("hello")?;
    check(&hello)?;
    let fingerprint = input.array("fingerprint")?;
    let params = HandshakeParams {
        fingerprint,
        epochs: EpochWindow::new([epoch(input)?]),
        suites: [SuiteId::Chacha20Poly1305, SuiteId::Aes256Gcm].into_iter().collect(),
        classes: Class::ALL.into(),
        ticks: TickMs::all().collect(),
    };
    let now = Now::from_seconds(input.number("now")?);
    let opened = open_hello(&params, now, input.class()?, &hello).map_err(|why| match why {
        HelloRefused::Length => "length",
        HelloRefused::Padding => "padding",
        HelloRefused::Suite => "suite",
        HelloRefused::Epoch => "epoch",
        HelloRefused::Key => "key",
        HelloRefused::OptionsSeal => "options-seal",
        HelloRefused::OptionsEncoding => "options-encoding",
        HelloRefused::OptionsValue => "options-value",
        HelloRefused::Tick => "tick",
    })?;
    let th0 = schedule::th0(opened.suite, &fingerprint, &input.array("record")?);
    let missing = || strange("a hello without options");
    let (prefix, rest) = hello.split_first_chunk::<HELLO_PREFIX_LEN>().ok_or_else(missing)?;
    let k1 = schedule::hello_key(opened.suite, &opened.ss_s, &th0, prefix);
    let (options, tag) = rest.split_first_chunk::<HELLO_OPTIONS_LEN>().ok_or_else(missing)?;
    let mut options = *options;
    let tag = tag.first_chunk().ok_or_else(missing)?;
    let sealer = Sealer::new(opened.suite, &k1);
    sealer.open(&[0; 12], prefix, &mut options, tag).map_err(|_| "options-seal")?;
    Ok(json!({
        "th0": hex(th0),
        "ss_s": hex(opened.ss_s.as_bytes()),
        "k1": hex(k1.as_slice()),
        "options": hex(options),
        "th1": hex(opened.th1),
    }))
}

/// The client that sent a hello in class medium; the fingerprint is that of the record's identity.
pub(super) fn reply(input: Input<'_>) -> Answered {
    let hello: [u8; HELLO_LEN] = input.array("hello")?;
    check(&hello)?;
    let reply: [u8; REPLY_LEN] = input.array("reply")?;
    let suite = SuiteId::try_from(u16::from_be_bytes([hello[0], hello[1]])).map_err(strange)?;
    let epoch = epoch(input)?;
    let record = epoch.record().bytes();
    let identity = VerifyingKey::parse(record.get(..32).unwrap_or_default());
    let fingerprint = link::fingerprint(&identity.map_err(|_| strange("its identity"))?);
    let th1 = schedule::th1(&schedule::th0(suite, &fingerprint, record), &hello);
    let server = Decapsulator::from_seed(&epoch.to_seed());
    let ct_s = hello.get(6..).and_then(<[u8]>::first_chunk).ok_or_else(|| strange("no ct_s"))?;
    let ss_s = server.decapsulate(ct_s).map_err(|_| strange("its ct_s"))?;
    let client = Decapsulator::from_seed(&input.array("client_seed")?);
    let opened = open_reply(suite, Class::Medium, &ss_s, &client, &th1, &reply);
    let opened = opened.map_err(|why| match why {
        ReplyRefused::Ciphertext => No::from("ciphertext"),
        ReplyRefused::Confirmation => "confirmation".into(),
        other => strange(format_args!("{other:?}")),
    })?;
    let ct_c = reply.first_chunk().ok_or_else(|| strange("no ct_c"))?;
    let ss_c = client.decapsulate(ct_c).map_err(|_| "ciphertext")?;
    let keys = schedule::master(suite, &ss_s, &ss_c, &th1, ct_c);
    Ok(json!({
        "th1": hex(th1),
        "ss_s": hex(ss_s.as_bytes()),
        "ss_c": hex(ss_c.as_bytes()),
        "confirmation": hex(keys.confirmation),
        "client_to_server": hex(keys.client_to_server.as_slice()),
        "server_to_client": hex(keys.server_to_client.as_slice()),
        "transcript": hex(opened.transcript),
    }))
}
