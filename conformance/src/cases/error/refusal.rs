//! The common refusal: one answer to many questions.

use bytes::Bytes;
use edgewise_proto::v1::{self, RejectCode, item::Body};

use super::strangers::{Strangers, strangers};
use crate::case::{Case, case};
use crate::peer::{Class, Link, Role};
use crate::trial::{Stop, Trial, Verdict, ensure};

/// All of them.
pub const CASES: &[Case] = &[
    case!("error/common-refusal", [ERROR_4], common_refusal),
    case!("error/common-refusal-after-a-loss", [ERROR_4], after_a_loss, needs Restart),
];

/// Asks, expects REFUSED, and compares its bytes with those seen before.
async fn same_refusal(link: &mut Link, body: Body, seen: &mut Option<Bytes>) -> Verdict {
    let tag = link.post(body).await?;
    link.answer(tag).await?.reject(RejectCode::Refused)?;
    let bytes = link.untagged(tag).ok_or_else(|| {
        Stop::fail("a Result that begins with its tag", "another order of fields")
    })?;
    let first = seen.get_or_insert_with(|| bytes.clone());
    ensure!(
        *first == bytes,
        format!("the bytes of every common refusal, {}", hex::encode(&*first)),
        "{}",
        hex::encode(&bytes)
    );
    Ok(())
}

async fn common_refusal(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    let Strangers { attaches } = strangers(t, &link).await?;
    let mut seen = None;
    for (what, attach) in attaches {
        t.note(what);
        same_refusal(&mut link, Body::Attach(attach), &mut seen).await?;
    }
    let unknown = t.connection(Class::Medium).await?;
    t.note("a claim of an unknown connection");
    let claim = unknown.claim(link.transcript());
    same_refusal(&mut link, Body::Claim(claim), &mut seen).await?;
    t.note("a create for a known connection under another key");
    let (known, _medium) = t.open(Class::Medium).await?;
    let mut thief = known.clone();
    thief.recipient = t.next_key(&known.recipient);
    let create = thief.create(link.transcript());
    same_refusal(&mut link, Body::Create(create), &mut seen).await
}

/// Attachments made before a loss, where the server keeps records and changes incarnations or
/// loses both; either way an attach to what is gone is the common refusal.
async fn after_a_loss(t: &mut Trial) -> Verdict {
    let pair = t.pair(Class::Medium).await?;
    t.restart().await?;
    let mut link = t.link(Class::Medium).await?;
    let mut seen = None;
    let unknown = t.connection(Class::Medium).await?;
    let attach = unknown.attach(link.transcript(), Role::Recipient, 0, 0);
    same_refusal(&mut link, Body::Attach(attach), &mut seen).await?;
    let stranger = t.key();
    let transcript = *link.transcript();
    let attach = pair.connection.attach_with(
        &transcript,
        Role::Recipient,
        link.next_handle(),
        0,
        &stranger,
        Vec::new(),
    );
    same_refusal(&mut link, Body::Attach(attach), &mut seen).await?;
    let restore = pair.connection.restore_body(v1::State::Claimed);
    let create = pair.connection.create_from(&transcript, &restore);
    link.ask(Body::Create(create)).await?.created().map(|_| ())
}
