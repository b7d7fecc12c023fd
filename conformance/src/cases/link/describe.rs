//! What a server says of itself.

use bytes::Bytes;
use edgewise_spec::constants::{
    DESCRIBE_REQUEST_LEN, EPOCH_RECORD_LEN, IDLE_DAYS, LINK_LIFE_SECONDS_LIST, PART_DAYS, QUOTAS,
    SIGNATURE_LEN, STALL_SECONDS_LIST, VK_LEN, labels,
};
use edgewise_spec::suite::{VerifyingKey, lp};

use crate::case::{Case, case};
use crate::target::life;
use crate::trial::{Stop, Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("link/description-holds-the-epoch", [LINK_3], description_holds_the_epoch),
    case!("link/description-is-padded", [LINK_6], description_is_padded),
    case!("link/describe-request-length", [LINK_7], describe_request_length),
    case!("link/describe-request-not-zero", [LINK_7], describe_request_not_zero),
    case!("link/limits-come-from-lists", [LINK_8], limits_come_from_lists),
    case!("link/description-is-the-same-to-all", [LINK_9], description_is_the_same_to_all),
];

async fn description_holds_the_epoch(t: &mut Trial) -> Verdict {
    let description = t.describe().await?;
    let expected = "records of the epoch that the identity key has signed";
    let identity = VerifyingKey::parse(&description.identity_vk)
        .map_err(|error| Stop::fail("an acceptable identity key", error.to_string()))?;
    for record in &description.epochs {
        ensure_eq!(record.len(), EPOCH_RECORD_LEN, "length of an epoch record");
        let (signed, signature) = record.split_at(EPOCH_RECORD_LEN - SIGNATURE_LEN);
        ensure!(
            signed.get(..VK_LEN) == Some(&description.identity_vk[..]),
            expected,
            "a record of another identity key"
        );
        let message = [&lp(labels::LINK_EPOCH)[..], signed].concat();
        let signature = signature.try_into().map_err(|_| Stop::harness("length of a signature"))?;
        identity
            .verify(&message, signature)
            .map_err(|error| Stop::fail(expected, error.to_string()))?;
    }
    let now = t.now().seconds();
    let valid =
        |record: &Bytes| life(record).is_some_and(|(from, until)| (from..until).contains(&now));
    ensure!(
        description.epochs.iter().any(valid),
        "the record of the current epoch",
        "{} records, none of which is valid now",
        description.epochs.len()
    );
    // The record is of use: a link comes about by it.
    t.link(crate::peer::Class::Small).await?.finish().await
}

async fn description_is_padded(t: &mut Trial) -> Verdict {
    let block = t.target().describe_block(t.trace()).await?;
    crate::target::read_description(&block).map(|_| ())
}

async fn is_invalid(t: &Trial, block: Vec<u8>) -> Verdict {
    let length = block.len();
    let expected = "status INVALID_ARGUMENT (3)";
    match t.target().describe_with(block.into(), t.trace()).await? {
        Err(ending) if ending.status == Some(3) => Ok(()),
        Err(ending) => Err(Stop::fail(expected, ending.to_string())),
        Ok(_) => Err(Stop::fail(expected, format!("a Description for {length} bytes"))),
    }
}

async fn describe_request_length(t: &mut Trial) -> Verdict {
    for length in [0, 1, DESCRIBE_REQUEST_LEN - 1, DESCRIBE_REQUEST_LEN + 1] {
        is_invalid(t, vec![0; length]).await?;
    }
    Ok(())
}

async fn describe_request_not_zero(t: &mut Trial) -> Verdict {
    for place in [0, DESCRIBE_REQUEST_LEN / 2, DESCRIBE_REQUEST_LEN - 1] {
        let mut block = vec![0; DESCRIBE_REQUEST_LEN];
        if let Some(byte) = block.get_mut(place) {
            *byte = 1;
        }
        is_invalid(t, block).await?;
    }
    Ok(())
}

async fn limits_come_from_lists(t: &mut Trial) -> Verdict {
    t.describe().await?;
    let limits = t.limits().await?;
    ensure!(QUOTAS.contains(&limits.quota_max), "a quota of the list", "{}", limits.quota_max);
    ensure!(
        IDLE_DAYS.contains(&limits.idle_days_max),
        "idle days of the list",
        "{}",
        limits.idle_days_max
    );
    ensure!(
        PART_DAYS.contains(&limits.part_days_max),
        "part days of the list",
        "{}",
        limits.part_days_max
    );
    let stall = u64::from(limits.stall_seconds);
    ensure!(STALL_SECONDS_LIST.contains(&stall), "stall seconds of the list", "{stall}");
    let lives = u64::from(limits.link_life_seconds);
    ensure!(LINK_LIFE_SECONDS_LIST.contains(&lives), "link life of the list", "{lives}");
    Ok(())
}

async fn description_is_the_same_to_all(t: &mut Trial) -> Verdict {
    let epoch = t.epoch().await?;
    let first = t.target().describe_block(t.trace()).await?;
    for _ in 0..8 {
        let again = t.target().describe_block(t.trace()).await?;
        if first == again {
            continue;
        }
        // An epoch may have ended in between, once a day.
        t.describe().await?;
        ensure!(t.epoch().await? != epoch, "the same bytes to everyone", "other bytes");
    }
    Ok(())
}
