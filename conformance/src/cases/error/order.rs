//! Of several faults in one request, the first row of the table is named.

use bytes::Bytes;
use edgewise_proto::v1::{self, RejectCode, item::Body};

use crate::case::{Case, case};
use crate::peer::{Class, Role};
use crate::trial::{Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("error/malformed-before-terms", [ERROR_6], malformed_before_terms),
    case!("error/malformed-before-not-attached", [ERROR_6], malformed_before_not_attached),
    case!("error/malformed-before-link-class", [ERROR_6], malformed_before_link_class),
    case!("error/link-class-before-signature", [ERROR_6], link_class_before_signature),
    case!("error/handle-before-signature", [ERROR_6], handle_before_signature),
    case!("error/not-attached-before-terms", [ERROR_6], not_attached_before_terms),
    case!("error/terms-before-signature", [ERROR_6], terms_before_signature),
    case!("error/signature-before-refused", [ERROR_6], signature_before_refused),
    case!("error/signature-before-access", [ERROR_6], signature_before_access, needs Access),
    case!("error/access-before-refused", [ERROR_6], access_before_refused, needs Access),
    case!("error/refused-before-early", [ERROR_6], refused_before_early),
    case!("error/gap-before-quota", [ERROR_6], gap_before_quota),
];

const FORGED: Bytes = Bytes::from_static(&[1; 64]);

async fn malformed_before_terms(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let mut body = connection.body();
    body.quota = 17;
    body.claim_vk.truncate(31);
    let create = connection.create_from(link.transcript(), &body);
    link.ask(Body::Create(create)).await?.reject(RejectCode::Malformed)
}

async fn malformed_before_not_attached(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    let rotate = v1::Rotate { handle: 0, change: None };
    link.ask(Body::Rotate(rotate)).await?.reject(RejectCode::Malformed)
}

async fn malformed_before_link_class(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Small).await?;
    let mut link = t.link(Class::Small).await?;
    let mut claim = connection.claim(link.transcript());
    claim.claim_vk.truncate(31);
    link.ask(Body::Claim(claim)).await?.reject(RejectCode::Malformed)
}

async fn link_class_before_signature(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Small).await?;
    let mut link = t.link(Class::Small).await?;
    let mut claim = connection.claim(link.transcript());
    claim.claim_signature = FORGED;
    link.ask(Body::Claim(claim)).await?.reject(RejectCode::WrongLinkClass)
}

async fn handle_before_signature(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let handle = pair.recipient_handle;
    let transcript = *pair.recipient.transcript();
    let mut attach = pair.connection.attach(&transcript, Role::Recipient, handle, 0);
    attach.signature = FORGED;
    pair.recipient.ask(Body::Attach(attach)).await?.reject(RejectCode::HandleTaken)
}

async fn not_attached_before_terms(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    let subscribe = v1::Subscribe { handle: 0, window_parts: 0, window_bytes: 0 };
    link.ask(Body::Subscribe(subscribe)).await?.reject(RejectCode::NotAttached)
}

async fn terms_before_signature(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let mut body = connection.body();
    body.quota = 17;
    let mut create = connection.create_from(link.transcript(), &body);
    create.recipient_signature = FORGED;
    link.ask(Body::Create(create)).await?.reject(RejectCode::Terms)
}

async fn signature_before_refused(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let mut attach = connection.attach(link.transcript(), Role::Recipient, 0, 0);
    attach.signature = FORGED;
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::BadSignature)
}

async fn signature_before_access(t: &mut Trial) -> Verdict {
    let connection = t.connection(Class::Medium).await?;
    let mut link = t.link(Class::Medium).await?;
    let mut create = connection.create(link.transcript());
    create.recipient_signature = FORGED;
    create.access = Bytes::from_static(&[1; 32]);
    link.ask(Body::Create(create)).await?.reject(RejectCode::BadSignature)
}

async fn access_before_refused(t: &mut Trial) -> Verdict {
    let (known, mut link) = t.open(Class::Medium).await?;
    let mut thief = known.clone();
    thief.recipient = t.next_key(&known.recipient);
    let mut create = thief.create(link.transcript());
    create.access = Bytes::from_static(&[1; 32]);
    link.ask(Body::Create(create)).await?.reject(RejectCode::AccessDenied)
}

/// The record is looked at before the life of the key that would be proven.
async fn refused_before_early(t: &mut Trial) -> Verdict {
    let (known, mut link) = t.open(Class::Medium).await?;
    let mut early = t.key();
    early.record.not_before = t.hour() + 48;
    let transcript = *link.transcript();
    let attach = known.attach_with(&transcript, Role::Recipient, 0, 0, &early, Vec::new());
    link.ask(Body::Attach(attach)).await?.reject(RejectCode::Refused)
}

async fn gap_before_quota(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let suspend = Body::Suspend(v1::Suspend { handle: pair.recipient_handle });
    pair.recipient.ask(suspend).await?.done()?;
    let (handle, part) = (pair.sender_handle, t.part(Class::Medium));
    let send = v1::Send { handle, submission: 1, part };
    ensure_eq!(pair.sender.ask(Body::Send(send)).await?.gap()?, 0, "next");
    Ok(())
}
