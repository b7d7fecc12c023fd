//! `spec/parameters.md` is rendered from `constants.rs`: every public number, its value, its words.

use edgewise_spec::constants as c;
use std::fmt::Write as _;

const SOURCE: &str = include_str!("../../src/constants.rs");

/// The value of every constant, by name. A constant that is missing here fails the test below.
macro_rules! values {
    ($($name:ident),* $(,)?) => { vec![$((stringify!($name), format!("{:?}", c::$name))),*] };
}

fn values() -> Vec<(&'static str, String)> {
    let mut values = values_of_core();
    values.extend(values_of_duplex());
    values
}

/// Up to the chapter rotation.
fn values_of_core() -> Vec<(&'static str, String)> {
    values![
        SPEC_REVISION,
        HASH_LEN,
        VK_LEN,
        SIGNATURE_LEN,
        NONCE_LEN,
        TAG_LEN,
        EK_LEN,
        CT_LEN,
        SS_LEN,
        BLOCK_SMALL,
        BLOCK_MEDIUM,
        BLOCK_LARGE,
        LINK_TAG,
        HOP_OVERHEAD,
        ROUTE_HOPS_MAX,
        ITEM_OVERHEAD,
        CONTROL_RESERVE,
        ITEM_PREFIX,
        ITEMS_MAX,
        PART_OVERHEAD,
        HELLO_LEN,
        HELLO_PREFIX_LEN,
        HELLO_OPTIONS_LEN,
        CONFIRMATION_LEN,
        REPLY_LEN,
        EPOCH_RECORD_LEN,
        SEEN_EPOCHS_MAX,
        EPOCH_SECONDS,
        DESCRIBE_REQUEST_LEN,
        DESCRIBE_LEN,
        EDGES_MAX,
        HOST_LEN_MAX,
        RATCHET_FRAMES,
        REQUESTS_MAX,
        LINK_WINDOW_BYTES,
        HELLO_SECONDS,
        STALL_SECONDS,
        LINK_LIFE_SECONDS,
        STALL_SECONDS_LIST,
        LINK_LIFE_SECONDS_LIST,
        ANSWER_SECONDS,
        HALF_OPEN_MAX,
        TICK_MS_LIST,
        TICK_LATE_PART,
        TICKS_UNANSWERED_MAX,
        TICKS_AHEAD_MAX,
        BUNDLE_LEN,
        ACCESS_LEN,
        ACCESS_ARGON2_MEMORY_KIB,
        ACCESS_ARGON2_PASSES,
        SUBMISSIONS_MAX,
        WAITERS_MAX,
        HANDLES_MAX,
        WINDOW_PARTS_MAX,
        WINDOW_BYTES_MAX,
        QUOTAS,
        QUOTA,
        IDLE_DAYS,
        PART_DAYS,
        SPACE_BATCH_MS,
        SPACE_RETRY_SECONDS,
        RESTORE_GRACE_DAYS,
        RETRY_FIRST_SECONDS,
        RETRY_MAX_SECONDS,
        CHAIN_MAX,
        KEY_LIFE_HOURS_MAX,
        KEY_GRACE_HOURS_MAX,
        MOVE_LANES_MAX,
    ]
}

/// From the chapter invitation on.
fn values_of_duplex() -> Vec<(&'static str, String)> {
    values![
        CARD_SERVERS_MAX,
        CARD_CHECK_LEN,
        CARD_LEN_MAX,
        BUNDLE_TEXT_LEN,
        NAME_LEN_MAX,
        INVITATION_HOURS,
        INVITATION_HOURS_MAX,
        STANDBY_RENEW_DAYS,
        STANDBY_TURN_HOURS,
        STANDBY_DELAY_SECONDS,
        ADDRESS_EK_HOURS,
        REQUEST_GRACE_DAYS,
        REQUEST_LEN,
        REQUEST_TEXT_LEN,
        GREETING_LEN_MAX,
        HEADER_BOX_LEN,
        COMMITMENT_LEN,
        CELL_OVERHEAD,
        SERVERS_MAX,
        PART_TAG_LEN,
        SHARE_LEN,
        FRAGMENT_OVERHEAD,
        TAG_WINDOW,
        PARTIAL_DAYS,
        HEADER_TEXT_LEN,
        UNACKED_MAX,
        ANSWER_CELLS,
        ANSWER_RESERVE,
        MOVE_RESERVE,
        SKIPPED_MAX,
        SKIPPED_HOURS,
        COVER_STEP_TICKS,
        TICK_SECONDS,
        REPEAT_FIRST_SECONDS,
        REPEAT_MAX_SECONDS,
        SAFETY_GROUPS,
        SAFETY_GROUP_BYTES,
        MESSAGE_ID_LEN,
        DENIABLE_OVERHEAD,
        ATTESTED_OVERHEAD,
        MESSAGE_MAX,
        PIECES_MAX,
        PIECE_DAYS,
        INCOMPLETE_MAX,
        INCOMPLETE_BYTES_MAX,
        CHAIN_WINDOW,
        FORKS_MAX,
        ABOUT_LEN_MAX,
        REACTION_LEN_MAX,
        DESCRIPTOR_LEN_MAX,
        RECEIPTS_MAX,
        PROOF_MESSAGES_MAX,
        PROOF_LEN_MAX,
    ]
}

/// Digits in groups of three, as the chapters write them; lists without brackets.
fn shown(value: &str) -> String {
    let group = |digits: &str| {
        let mut out = String::new();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out
    };
    let list: Vec<_> = value.trim_matches(['[', ']']).split(", ").map(group).collect();
    list.join("; ")
}

fn rendered() -> String {
    let mut values: std::collections::HashMap<_, _> = values().into_iter().collect();
    let mut out = String::from(
        "# parameters\n\nEvery number of the protocol, rendered from `spec/src/constants.rs`; the \
         chapters name them.\nA list is closed: no other value is ever described, asked for or \
         granted.\n\n## suite\n",
    );
    let (mut words, mut table, mut labels) = (String::new(), false, String::new());
    for line in SOURCE.lines() {
        let text = line.trim();
        if let Some(section) = text.strip_prefix("// ---- ") {
            let name = section.trim_end_matches(['-', ' ']);
            write!(out, "\n## {name}\n").unwrap();
            table = false;
        } else if let Some(doc) = text.strip_prefix("/// ") {
            words.push_str(if words.is_empty() { "" } else { " " });
            words.push_str(doc);
        } else if let Some(constant) = text.strip_prefix("pub const ") {
            let name = constant.split(':').next().unwrap();
            if let Some(label) = constant.split('"').nth(1) {
                writeln!(labels, "| `{label}` | {words} |").unwrap();
            } else {
                if !table {
                    out.push_str("\n| name | value | meaning |\n|---|---|---|\n");
                }
                table = true;
                let value = values.remove(name).unwrap_or_else(|| panic!("{name}: add it above"));
                writeln!(out, "| {name} | {} | {words} |", shown(&value)).unwrap();
            }
            words.clear();
        } else {
            words.clear();
        }
    }
    assert!(values.is_empty(), "no longer in constants.rs: {values:?}");
    write!(out, "\n## labels\n\n| label | of |\n|---|---|\n{labels}").unwrap();
    out
}

#[test]
fn the_chapter_is_rendered_from_the_constants() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/parameters.md");
    let rendered = rendered();
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(path, &rendered).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert!(written == rendered, "parameters.md is stale: run UPDATE_VECTORS=1 cargo test");
}

/// The chapters name numbers by their constant; a number beside it must be the constant's.
#[test]
fn chapters_name_only_constants_that_exist() {
    let names: Vec<_> = values().into_iter().map(|(name, _)| name).collect();
    let codes = include_str!("../../../proto/edgewise/v1/error.proto").to_owned()
        + include_str!("../../../proto/edgewise/v1/connection.proto");
    let statuses = [
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "OUT_OF_RANGE",
    ];
    for chapter in [
        "suite",
        "frame",
        "link",
        "connection",
        "rotation",
        "invitation",
        "session",
        "message",
        "scatter",
        "cadence",
        "error",
    ] {
        let path = format!("{}/{chapter}.md", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let is_word = |ch: char| ch.is_ascii_alphanumeric() || ch == '_';
        for word in text.split(|ch| !is_word(ch)) {
            let capital = word.len() > 4
                && word.contains('_')
                && word.chars().all(|ch| !ch.is_ascii_lowercase());
            let known = names.contains(&word)
                || codes.contains(&format!("_{word} "))
                || statuses.contains(&word);
            assert!(!capital || known, "{chapter}.md names {word}, which is no constant or code");
        }
    }
}
