//! The second verdict: what stood on the wire, whatever the case was about.

use std::collections::HashMap;

use bytes::Bytes;
use edgewise_spec::connection::Id;
use edgewise_spec::constants::{
    BLOCK_LARGE, BLOCK_MEDIUM, BLOCK_SMALL, BUNDLE_LEN, PART_OVERHEAD, PART_TAG_LEN,
};

use super::Scene;
use crate::host::{Host, Record, Watched};
use crate::verdict::{Stop, Verdict};

/// The tag in front of a part.
#[must_use]
pub fn tag_of(part: &[u8]) -> Option<[u8; PART_TAG_LEN]> {
    part.first_chunk().copied()
}

impl Scene {
    /// Judges the record of every server: block and part sizes, no counter sealed twice, and
    /// nothing of what was said in clear.
    ///
    /// # Errors
    /// [`Stop::Fail`].
    pub fn judge_wire(&self) -> Verdict {
        judge_wire(self.hosts(), &self.canaries)
    }
}

/// The same of any hosts, for texts that must not stand there in clear.
pub(crate) fn judge_wire(hosts: &[Host], canaries: &[Vec<u8>]) -> Verdict {
    for host in hosts {
        let record = host.record();
        sizes(&record)?;
        seals(&record)?;
        no_canary(&record, canaries)?;
    }
    Ok(())
}

fn no_canary(record: &Record, canaries: &[Vec<u8>]) -> Verdict {
    for canary in canaries {
        let seen = record.readable().any(|bytes| contains(bytes, canary));
        if seen {
            let text = String::from_utf8_lossy(canary).into_owned();
            let expected = "nothing of what is said in what a server can read";
            return Err(Stop::fail(expected, format!("{text:?} in clear")));
        }
    }
    Ok(())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn sizes(record: &Record) -> Verdict {
    let blocks = [BLOCK_SMALL, BLOCK_MEDIUM, BLOCK_LARGE];
    if let Some(odd) = record.blocks.keys().find(|length| !blocks.contains(length)) {
        let expected = format!("blocks of {blocks:?} bytes (FRAME-1)");
        return Err(Stop::fail(expected, format!("a block of {odd} bytes")));
    }
    for asked in &record.asked {
        match &asked.what {
            Watched::Send { part, .. } | Watched::Deposit { part } => {
                let fits = blocks.iter().any(|block| part.len() == block - PART_OVERHEAD);
                if !fits {
                    let actual = format!("a part of {} bytes", part.len());
                    return Err(Stop::fail("parts of a class's length (SCATTER-4)", actual));
                }
            }
            Watched::Create { bundle, open, .. } if *open && bundle.len() != BUNDLE_LEN => {
                let actual = format!("a bundle of {} bytes", bundle.len());
                return Err(Stop::fail(format!("{BUNDLE_LEN} bytes (INVITATION-6)"), actual));
            }
            _ => {}
        }
    }
    Ok(())
}

/// One tag of one connection stands for one part, however often that is sent (SCATTER-8,
/// SESSION-23).
fn seals(record: &Record) -> Verdict {
    let mut seen: HashMap<(Id, [u8; PART_TAG_LEN]), &Bytes> = HashMap::new();
    for asked in &record.asked {
        let Watched::Send { id, part, .. } = &asked.what else { continue };
        let Some(tag) = tag_of(part) else { continue };
        if let Some(before) = seen.insert((*id, tag), part)
            && before != part
        {
            let expected = "one part for one s of a connection (SCATTER-8, SESSION-23)";
            return Err(Stop::fail(expected, "two different parts under one tag"));
        }
    }
    Ok(())
}
