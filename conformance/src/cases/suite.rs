//! Cases of the chapter suite: what can be seen of it from outside. Its other clauses have vectors.

use edgewise_proto::v1::item::Body;
use edgewise_spec::suite::{SuiteId, aes_available};

use crate::case::{Case, case};
use crate::peer::{Class, Role};
use crate::trial::{Trial, Verdict, ensure};

/// All of them.
pub const CASES: &[Case] = &[case!("suite/offered", [SUITE_1], offered)];

/// Suite 1 is listed, and a connection is made and attached over a link of each listed suite that
/// this machine has.
async fn offered(t: &mut Trial) -> Verdict {
    let suites = t.describe().await?.suites;
    ensure!(suites.contains(&1), "suite 1 among those described", "{suites:?}");
    for suite in suites.into_iter().filter_map(|suite| u16::try_from(suite).ok()) {
        let here = match SuiteId::try_from(suite) {
            Ok(SuiteId::Chacha20Poly1305) => true,
            Ok(SuiteId::Aes256Gcm) => aes_available(),
            Err(_) => false,
        };
        if !here {
            t.note(format!("suite {suite} is not tried: this machine does not have it"));
            continue;
        }
        let mut link = t.link_on(Class::Medium, suite).await?;
        let connection = t.connection(Class::Medium).await?;
        let create = connection.create(link.transcript());
        link.ask(Body::Create(create)).await?.created()?;
        link.attach(&connection, Role::Recipient, 0).await?;
        link.finish().await?;
    }
    Ok(())
}
