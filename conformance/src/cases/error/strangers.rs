//! Attaches that all have to be refused alike, each for another reason.

use edgewise_proto::v1::{self, item::Body};

use crate::peer::{Class, Link, Role};
use crate::trial::{Stop, Trial};

/// What cannot be told apart.
#[derive(Debug)]
pub struct Strangers {
    /// Why each must be refused, and the Attach, all with the handle 0.
    pub attaches: Vec<(&'static str, v1::Attach)>,
}

/// Attaches for `link`, of class medium, well signed and with a handle that is free.
///
/// # Errors
/// [`Stop::Fail`] if the server does not do what comes before.
pub async fn strangers(t: &mut Trial, link: &Link) -> Result<Strangers, Stop> {
    let transcript = *link.transcript();
    let unknown = t.connection(Class::Medium).await?;
    let (known, mut medium) = t.open(Class::Medium).await?;
    let (small, _) = t.open(Class::Small).await?;
    let deleted = t.connection(Class::Medium).await?;
    medium.ask(Body::Create(deleted.create(medium.transcript()))).await?.created()?;
    let (handle, _) = medium.attach(&deleted, Role::Recipient, 0).await?;
    medium.ask(Body::Delete(v1::Delete { handle })).await?.done()?;

    let other = t.key();
    let mut version = known.recipient.clone();
    version.record.version += 1;
    let with = |key| known.attach_with(&transcript, Role::Recipient, 0, 0, key, Vec::new());
    Ok(Strangers {
        attaches: vec![
            ("an unknown connection", unknown.attach(&transcript, Role::Recipient, 0, 0)),
            ("a deleted connection", deleted.attach(&transcript, Role::Recipient, 0, 0)),
            ("a connection of another class", small.attach(&transcript, Role::Recipient, 0, 0)),
            ("another key", with(&other)),
            ("another version of the key", with(&version)),
            ("a sender of a connection that none has claimed", {
                known.attach(&transcript, Role::Sender, 0, 0)
            }),
        ],
    })
}
