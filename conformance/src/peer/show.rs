//! Items in one short line, for traces and verdicts.

use edgewise_proto::v1::{
    self, EndReason, GoodbyeCode, Item, KeyRecord, RejectCode, Role, State, item::Body, result,
};

/// Several items, or what an empty block is.
#[must_use]
pub fn items(items: &[Item]) -> String {
    if items.is_empty() {
        return "empty block".to_owned();
    }
    items.iter().map(item).collect::<Vec<_>>().join("; ")
}

/// One item with its tag.
#[must_use]
pub fn item(item: &Item) -> String {
    let body = item.body.as_ref().map_or_else(|| "no body".to_owned(), body);
    if item.tag == 0 { body } else { format!("#{} {body}", item.tag) }
}

/// One item's body.
#[must_use]
pub fn body(body: &Body) -> String {
    match body {
        Body::Send(m) => {
            format!("Send handle {} submission {} part {}", m.handle, m.submission, bytes(&m.part))
        }
        Body::Deliver(m) => {
            format!("Deliver handle {} sequence {} part {}", m.handle, m.sequence, bytes(&m.part))
        }
        Body::Acknowledge(m) => format!("Acknowledge handle {} through {}", m.handle, m.through),
        Body::Result(m) => m.outcome.as_ref().map_or_else(|| "Result of nothing".into(), outcome),
        Body::Goodbye(m) => format!("Goodbye {}", goodbye(m.code)),
        Body::Create(m) => format!(
            "Create body {} chain of {} access {}",
            bytes(&m.body),
            m.chain.len(),
            bytes(&m.access)
        ),
        Body::Claim(m) => format!("Claim claim_vk {}", bytes(&m.claim_vk)),
        Body::Deposit(m) => {
            format!("Deposit claim_vk {} part {}", bytes(&m.claim_vk), bytes(&m.part))
        }
        Body::Attach(m) => attach(m),
        Body::Subscribe(m) => format!(
            "Subscribe handle {} window {} parts, {} bytes",
            m.handle, m.window_parts, m.window_bytes
        ),
        Body::Suspend(m) => format!("Suspend handle {}", m.handle),
        Body::Resume(m) => format!("Resume handle {}", m.handle),
        Body::Rotate(m) => format!(
            "Rotate handle {} to {}",
            m.handle,
            key(m.change.as_ref().and_then(|change| change.new_key.as_ref()))
        ),
        Body::Delete(m) => format!("Delete handle {}", m.handle),
        Body::Detach(m) => format!("Detach handle {}", m.handle),
        Body::Notice(m) => notice(m),
        Body::Ended(m) => format!("Ended handle {} {}", m.handle, reason(m.reason)),
        Body::Space(m) => format!("Space handle {}", m.handle),
    }
}

/// The outcome of a request.
#[must_use]
pub fn outcome(outcome: &result::Outcome) -> String {
    match outcome {
        result::Outcome::Done(_) => "Done".to_owned(),
        result::Outcome::Reject(m) if m.next != 0 => {
            format!("Reject {} next {}", code(m.code), m.next)
        }
        result::Outcome::Reject(m) => format!("Reject {}", code(m.code)),
        result::Outcome::Created(m) => format!("Created {}", state(m.state)),
        result::Outcome::Claimed(m) => format!(
            "Claimed recipient_id {} bundle {} class {}",
            bytes(&m.recipient_id),
            bytes(&m.bundle),
            m.link_class
        ),
        result::Outcome::Attached(m) => {
            format!("Attached incarnation {:x} {} next {}", m.incarnation, state(m.state), m.next)
        }
        result::Outcome::Subscribed(m) => {
            let inner = m.notice.as_ref().map_or_else(|| "no notice".to_owned(), notice);
            format!("Subscribed {inner}")
        }
    }
}

/// A refusal's code by its name.
#[must_use]
pub fn code(number: i32) -> String {
    RejectCode::try_from(number).map_or_else(
        |_| format!("code {number}"),
        |code| short(code.as_str_name(), "REJECT_CODE_").to_owned(),
    )
}

/// A goodbye's code by its name.
#[must_use]
pub fn goodbye(number: i32) -> String {
    GoodbyeCode::try_from(number).map_or_else(
        |_| format!("code {number}"),
        |code| short(code.as_str_name(), "GOODBYE_CODE_").to_owned(),
    )
}

/// The first bytes in hex and how many there are.
#[must_use]
pub fn bytes(bytes: &[u8]) -> String {
    match bytes.get(..6) {
        Some(first) => format!("{}…({})", hex::encode(first), bytes.len()),
        None if bytes.is_empty() => "-".to_owned(),
        None => hex::encode(bytes),
    }
}

fn attach(m: &v1::Attach) -> String {
    let role = Role::try_from(m.role)
        .map_or_else(|_| m.role.to_string(), |role| short(role.as_str_name(), "ROLE_").to_owned());
    format!(
        "Attach handle {} {role} of {} under {} version {} from {} chain of {}",
        m.handle,
        bytes(&m.recipient_id),
        bytes(&m.vk),
        m.version,
        m.from,
        m.chain.len()
    )
}

fn notice(m: &v1::Notice) -> String {
    let conflict = if m.conflict { " conflict" } else { "" };
    format!("Notice handle {} {} sender {}{conflict}", m.handle, state(m.state), {
        key(m.sender_key.as_ref())
    })
}

fn key(record: Option<&KeyRecord>) -> String {
    record.map_or_else(
        || "no key".to_owned(),
        |key| format!("{} version {}", bytes(&key.vk), key.version),
    )
}

fn state(number: i32) -> String {
    State::try_from(number).map_or_else(
        |_| format!("state {number}"),
        |state| short(state.as_str_name(), "STATE_").to_lowercase(),
    )
}

fn reason(number: i32) -> String {
    EndReason::try_from(number).map_or_else(
        |_| format!("reason {number}"),
        |reason| short(reason.as_str_name(), "END_REASON_").to_owned(),
    )
}

fn short<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}
