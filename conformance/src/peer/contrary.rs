//! A fault of the suite itself, so that a test can show that it is told as one: the suite's peers
//! hear and say something else than cases and models believe of them.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use edgewise_proto::v1::{Done, Reject, RejectCode, result::Outcome};
use edgewise_spec::message::Content;

static CONTRARY: AtomicBool = AtomicBool::new(false);

/// From now on the peers of this process contradict.
pub fn begin() {
    CONTRARY.store(true, Ordering::Relaxed);
}

fn is() -> bool {
    CONTRARY.load(Ordering::Relaxed)
}

/// What a link hears of an answer.
pub(super) fn heard(outcome: Outcome) -> Outcome {
    match outcome {
        outcome if !is() => outcome,
        Outcome::Reject(_) => Outcome::Done(Done {}),
        _ => {
            let code = RejectCode::Malformed.into();
            Outcome::Reject(Reject { code, ..Reject::default() })
        }
    }
}

/// What a person says in place of what it was told to say.
pub(super) fn said(content: &Content) -> Cow<'_, Content> {
    match content {
        Content::Text(text) if is() => Cow::Owned(Content::Text(text.chars().rev().collect())),
        content => Cow::Borrowed(content),
    }
}
