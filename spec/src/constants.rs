//! Every number of the protocol, once. `spec/parameters.md` is rendered from this file.
//!
//! Relations between numbers are assertions at the end, checked when the crate is compiled.

/// Revision of the specification that this crate implements; the same number is in Describe.
pub const SPEC_REVISION: u32 = 1;

/// Length of a SHA-256 digest, of a key seed and of every symmetric key, in bytes.
pub const HASH_LEN: usize = 32;
/// Length of an Ed25519 public key, in bytes.
pub const VK_LEN: usize = 32;
/// Length of an Ed25519 signature, in bytes.
pub const SIGNATURE_LEN: usize = 64;
/// Length of an AEAD nonce, in bytes.
pub const NONCE_LEN: usize = 12;
/// Length of an AEAD tag, in bytes.
pub const TAG_LEN: usize = 16;
/// Length of an X-Wing encapsulation key, in bytes.
pub const EK_LEN: usize = 1_216;
/// Length of an X-Wing ciphertext, in bytes.
pub const CT_LEN: usize = 1_120;
/// Length of an X-Wing shared secret, in bytes.
pub const SS_LEN: usize = 32;

/// Labels of every derivation, hash and signature. No string of this module stands anywhere else.
pub mod labels {
    /// Salt prefix of `D`.
    pub const SALT: &str = "edgewise/1";
    /// First hash of a link's transcript.
    pub const LINK: &str = "link";
    /// Hash of an identity key.
    pub const LINK_FINGERPRINT: &str = "link/fingerprint";
    /// Signature of an epoch record.
    pub const LINK_EPOCH: &str = "link/epoch";
    /// Key of the hello's sealed options.
    pub const LINK_HELLO: &str = "link/hello";
    /// Confirmation and traffic keys.
    pub const LINK_MASTER: &str = "link/master";
    /// Next traffic key.
    pub const LINK_RATCHET: &str = "link/ratchet";
    /// Hash of a connection's first recipient key.
    pub const CONNECTION_RECIPIENT_ID: &str = "connection/recipient-id";
    /// Hash of a connection's claim key.
    pub const CONNECTION_SENDER_ID: &str = "connection/sender-id";
    /// Signatures of a create.
    pub const CONNECTION_CREATE: &str = "connection/create";
    /// Signatures of a claim.
    pub const CONNECTION_CLAIM: &str = "connection/claim";
    /// Signature of an attach.
    pub const CONNECTION_ATTACH: &str = "connection/attach";
    /// Signature of a deposit.
    pub const CONNECTION_DEPOSIT: &str = "connection/deposit";
    /// Proof of the access password.
    pub const CONNECTION_ACCESS: &str = "connection/access";
    /// Signatures of a change of key.
    pub const ROTATION_CHANGE: &str = "rotation/change";
    /// Secret of a one-time invitation.
    pub const INVITATION_COMMIT: &str = "invitation/commit";
    /// Secret of one connection of an invitation.
    pub const INVITATION_CONNECTION: &str = "invitation/connection";
    /// Seed of a claim key.
    pub const INVITATION_CLAIM: &str = "invitation/claim";
    /// Key of a sealed bundle.
    pub const INVITATION_BUNDLE: &str = "invitation/bundle";
    /// Check of a card.
    pub const INVITATION_CARD: &str = "invitation/card";
    /// Secret of a contact address.
    pub const INVITATION_ROOT: &str = "invitation/root";
    /// Signature of a contact address's bundle.
    pub const INVITATION_ADDRESS: &str = "invitation/address";
    /// Key of a contact request.
    pub const INVITATION_REQUEST: &str = "invitation/request";
    /// First root and header keys of a session.
    pub const SESSION_ROOT: &str = "session/root";
    /// Transcript of a session after a step.
    pub const SESSION_TRANSCRIPT: &str = "session/transcript";
    /// Root, chain and header key of a step.
    pub const SESSION_STEP: &str = "session/step";
    /// Next chain key, and a message key.
    pub const SESSION_CHAIN: &str = "session/chain";
    /// Key, nonce and commitment of one body.
    pub const SESSION_MESSAGE: &str = "session/message";
    /// Associated data of a header.
    pub const SESSION_HEADER: &str = "session/header";
    /// Digits of a safety number.
    pub const SESSION_SAFETY: &str = "session/safety";
    /// Hash of a message's content.
    pub const MESSAGE_CONTENT: &str = "message/content";
    /// Hash of a message, which the next one names.
    pub const MESSAGE_HASH: &str = "message/hash";
    /// Signature of a message.
    pub const MESSAGE_ATTEST: &str = "message/attest";
    /// First bytes of a proof.
    pub const MESSAGE_PROOF: &str = "message/proof";
    /// First chain key of a connection's parts.
    pub const SCATTER_CHAIN: &str = "scatter/chain";
    /// Next chain key, key and tag of a part.
    pub const SCATTER_PART: &str = "scatter/part";
}

// ---- frame -------------------------------------------------------------------------------------

/// Length of a block of class small, in bytes.
pub const BLOCK_SMALL: usize = 1_024;
/// Length of a block of class medium, in bytes.
pub const BLOCK_MEDIUM: usize = 4_096;
/// Length of a block of class large, in bytes: 16,384 would overflow one HTTP/2 frame.
pub const BLOCK_LARGE: usize = 16_320;
/// Bytes of a block that are the link's AEAD tag. The nonce is the counter and is never sent.
pub const LINK_TAG: usize = TAG_LEN;
/// Bytes that one level of nesting costs.
pub const HOP_OVERHEAD: usize = 32;
/// Most hops of a route.
pub const ROUTE_HOPS_MAX: usize = 2;
/// Most bytes that a Send or Deliver item needs beside its part, its u16 length included.
pub const ITEM_OVERHEAD: usize = 32;
/// Room in every block that carries a part for one more result or acknowledgement.
pub const CONTROL_RESERVE: usize = 64;
/// Bytes of an item's length prefix.
pub const ITEM_PREFIX: usize = 2;
/// Most items of one block.
pub const ITEMS_MAX: usize = 128;
/// What a part is shorter than its link's block: the same whatever the route.
pub const PART_OVERHEAD: usize =
    LINK_TAG + ROUTE_HOPS_MAX * HOP_OVERHEAD + ITEM_OVERHEAD + CONTROL_RESERVE;

// ---- link --------------------------------------------------------------------------------------

/// Length of a hello, in bytes, before it is padded to blocks.
pub const HELLO_LEN: usize = 2_560;
/// Length of a hello before its sealed options: suite, epoch, ct_s, ek_c.
pub const HELLO_PREFIX_LEN: usize = 2 + 4 + CT_LEN + EK_LEN;
/// Length of the hello's options before sealing.
pub const HELLO_OPTIONS_LEN: usize = HELLO_LEN - HELLO_PREFIX_LEN - TAG_LEN;
/// Length of the confirmation in the reply.
pub const CONFIRMATION_LEN: usize = 32;
/// Length of a reply, in bytes, before it is padded to blocks: ct_c, confirmation.
pub const REPLY_LEN: usize = CT_LEN + CONFIRMATION_LEN;
/// Length of an epoch record: identity key, number, not-before, not-after, ek, signature.
pub const EPOCH_RECORD_LEN: usize = VK_LEN + 4 + 8 + 8 + EK_LEN + SIGNATURE_LEN;
/// Most epoch records of one server that a client remembers, to notice two for one number.
pub const SEEN_EPOCHS_MAX: usize = 8;
/// Seconds an epoch key is current.
pub const EPOCH_SECONDS: u64 = 86_400;
/// Length of the block of a DescribeRequest.
pub const DESCRIBE_REQUEST_LEN: usize = BLOCK_SMALL;
/// Length of the block of a DescribeResponse.
pub const DESCRIBE_LEN: usize = BLOCK_MEDIUM;
/// Most edges a Description lists.
pub const EDGES_MAX: usize = 20;
/// Longest host name, in bytes.
pub const HOST_LEN_MAX: usize = 100;
/// Frames of one direction after which its key ratchets forward.
pub const RATCHET_FRAMES: u64 = 1 << 16;
/// Most unanswered requests of a link.
pub const REQUESTS_MAX: usize = 64;
/// Most bytes of parts delivered over a link and not acknowledged.
pub const LINK_WINDOW_BYTES: usize = 1 << 20;
/// Seconds in which a hello must be complete and confirmed.
pub const HELLO_SECONDS: u64 = 10;
/// Seconds in which a peer must take a block: the usual value of a Description.
pub const STALL_SECONDS: u64 = 60;
/// Seconds a link may live: the usual value of a Description.
pub const LINK_LIFE_SECONDS: u64 = 86_400;
/// Closed list for `stall_seconds`.
pub const STALL_SECONDS_LIST: [u64; 4] = [5, 15, 60, 120];
/// Closed list for `link_life_seconds`.
pub const LINK_LIFE_SECONDS_LIST: [u64; 4] = [60, 3_600, 43_200, 86_400];
/// Seconds in which a server must answer a request, for its client to keep the link.
pub const ANSWER_SECONDS: u64 = 60;
/// Most links of one server that have not confirmed.
pub const HALF_OPEN_MAX: usize = 4_096;

// ---- cadence -----------------------------------------------------------------------------------

/// Closed list for a tick, in milliseconds.
pub const TICK_MS_LIST: [u32; 7] = [300, 1_000, 3_000, 10_000, 30_000, 60_000, 300_000];
/// A block that is late by this part of a tick is not sent: its tick is missed.
pub const TICK_LATE_PART: u64 = 2;
/// Most blocks of a client in cadence that have no answer yet.
pub const TICKS_UNANSWERED_MAX: usize = 32;
/// Blocks that a client in cadence may be ahead of its ticks, because networks bunch blocks up.
pub const TICKS_AHEAD_MAX: u64 = 64;

// ---- connection --------------------------------------------------------------------------------

/// Length of a sealed bundle, in bytes.
pub const BUNDLE_LEN: usize = 3_584;
/// Length of the proof of the access password, in bytes.
pub const ACCESS_LEN: usize = 32;
/// Memory with which Argon2id stretches the access password, in KiB.
pub const ACCESS_ARGON2_MEMORY_KIB: u32 = 19_456;
/// Passes with which Argon2id stretches the access password.
pub const ACCESS_ARGON2_PASSES: u32 = 2;
/// Submissions are lower: a sender that sends a million parts a second gets there in 292,000 years.
pub const SUBMISSIONS_MAX: u64 = 1 << 63;
/// Most attachments of a connection that wait for room; the one that has waited longest is
/// forgotten.
pub const WAITERS_MAX: usize = 16;
/// Most attachments of a link; handles are lower.
pub const HANDLES_MAX: usize = 65_536;
/// Most parts of a subscription delivered and not acknowledged.
pub const WINDOW_PARTS_MAX: u32 = 64;
/// Most bytes of a subscription delivered and not acknowledged.
pub const WINDOW_BYTES_MAX: u32 = 1 << 20;
/// Closed list for a connection's quota, in parts.
pub const QUOTAS: [u32; 4] = [16, 32, 128, 512];
/// The usual quota.
pub const QUOTA: u32 = 128;
/// Closed list for the days a connection lives without activity of its recipient.
pub const IDLE_DAYS: [u32; 4] = [7, 30, 90, 365];
/// Closed list for the days a part waits.
pub const PART_DAYS: [u32; 4] = [1, 7, 21, 30];
/// Milliseconds to the multiple of which notices of space are delayed.
pub const SPACE_BATCH_MS: u64 = 5_000;
/// Seconds after which a sender without notice of space tries again.
pub const SPACE_RETRY_SECONDS: u64 = 600;
/// Days for which a sender goes on trying to reach a lost connection.
pub const RESTORE_GRACE_DAYS: u32 = 21;
/// Seconds before the end of a connection first repeats what was refused for now.
pub const RETRY_FIRST_SECONDS: u64 = 5;
/// Seconds to which that delay doubles.
pub const RETRY_MAX_SECONDS: u64 = 600;

// ---- rotation ----------------------------------------------------------------------------------

/// Most changes of key that an attach or a create carries.
pub const CHAIN_MAX: usize = 3;
/// Longest life of a connection key, in hours.
pub const KEY_LIFE_HOURS_MAX: u32 = 366 * 24;
/// Longest grace of a connection key, in hours.
pub const KEY_GRACE_HOURS_MAX: u32 = 30 * 24;
/// Most connections of a direction, beside the n of its places, that are left or offered and still waited for.
pub const MOVE_LANES_MAX: usize = 8;

// ---- invitation --------------------------------------------------------------------------------

/// Most servers that a card names.
pub const CARD_SERVERS_MAX: usize = 3;
/// Length of a card's check before it is spelled, in bytes.
pub const CARD_CHECK_LEN: usize = 5;
/// Longest card, in characters: three servers with the longest host names.
pub const CARD_LEN_MAX: usize = 556;
/// Length of a bundle's text before sealing: u16 length, bundle, zeros.
pub const BUNDLE_TEXT_LEN: usize = BUNDLE_LEN - 4 - TAG_LEN;
/// Longest name in a bundle, in bytes of UTF-8.
pub const NAME_LEN_MAX: usize = 64;
/// Hours for which an invitation is usually good.
pub const INVITATION_HOURS: u32 = 7 * 24;
/// Most hours for which an invitation, a standby among them, is good.
pub const INVITATION_HOURS_MAX: u32 = KEY_LIFE_HOURS_MAX;
/// Days that are left of a standby when it is replaced.
pub const STANDBY_RENEW_DAYS: u32 = 31;
/// Hours for which the inviter of a session leaves it to the claimer to take up a standby.
pub const STANDBY_TURN_HOURS: u32 = 24;
/// Seconds of a session after which its standbys are made, at the soonest; at the latest twice as many.
pub const STANDBY_DELAY_SECONDS: u64 = 600;
/// Hours after which the key of a contact address is replaced.
pub const ADDRESS_EK_HOURS: u32 = 7 * 24;
/// Days for which a replaced key of a contact address still opens requests.
pub const REQUEST_GRACE_DAYS: u32 = 30;
/// Length of a contact request, in bytes: a part of class medium.
pub const REQUEST_LEN: usize = BLOCK_MEDIUM - PART_OVERHEAD;
/// Length of a contact request's text before sealing: u16 length, request, zeros.
pub const REQUEST_TEXT_LEN: usize = REQUEST_LEN - 4 - CT_LEN - TAG_LEN;
/// Longest greeting of a contact request, in bytes of UTF-8.
pub const GREETING_LEN_MAX: usize = 1_024;

// ---- session -----------------------------------------------------------------------------------

/// Length of a cell's header, in bytes: ek, ct, four u32.
pub const HEADER_TEXT_LEN: usize = EK_LEN + CT_LEN + 4 * 4;
/// Length of a cell's sealed header.
pub const HEADER_BOX_LEN: usize = HEADER_TEXT_LEN + TAG_LEN;
/// Length of a cell's key commitment, in bytes.
pub const COMMITMENT_LEN: usize = 32;
/// What a body is shorter than its cell: header box, commitment and the body's tag.
pub const CELL_OVERHEAD: usize = HEADER_BOX_LEN + COMMITMENT_LEN + TAG_LEN;
/// Most cells of a direction beyond the highest that was acknowledged.
pub const UNACKED_MAX: u32 = 512;
/// Cells opened beyond the last ack that make an answer due.
pub const ANSWER_CELLS: u32 = 64;
/// Cells before that limit that are for answers alone: two ends at the limit still answer.
pub const ANSWER_RESERVE: u32 = 8;
/// Cells before these that are for moves and their answers alone: an end at the limit gets away from a dead server.
pub const MOVE_RESERVE: u32 = 4;
/// Most cells that one cell skips, and most skipped keys of a session.
pub const SKIPPED_MAX: usize = 512;
/// Hours for which a skipped key is kept.
pub const SKIPPED_HOURS: u32 = 7 * 24;
/// Ticks since an end's last step after which cover steps.
pub const COVER_STEP_TICKS: u64 = 8;
/// Seconds of a tick where no cadence says otherwise.
pub const TICK_SECONDS: u64 = 60;
/// Seconds after which what got no answer is first repeated.
pub const REPEAT_FIRST_SECONDS: u32 = 60;
/// Seconds to which that interval doubles.
pub const REPEAT_MAX_SECONDS: u32 = 6 * 3_600;
/// Groups of five digits of a safety number.
pub const SAFETY_GROUPS: usize = 12;
/// Bytes that one group is read from.
pub const SAFETY_GROUP_BYTES: usize = 5;

// ---- scatter -----------------------------------------------------------------------------------

/// Most servers of one session, and so most parts of a cell.
pub const SERVERS_MAX: usize = 10;
/// Length of a part's tag, in bytes.
pub const PART_TAG_LEN: usize = 16;
/// Length of the share of a cell's key in each of its parts, in bytes.
pub const SHARE_LEN: usize = 32;
/// What a fragment is shorter than its link's block: part, part's tag, key share, the seal's tag.
pub const FRAGMENT_OVERHEAD: usize = PART_OVERHEAD + PART_TAG_LEN + SHARE_LEN + TAG_LEN;
/// How far from the highest s opened in a direction the tags of its parts are known, either way.
pub const TAG_WINDOW: u32 = 512;
/// Days after its first part after which a cell that has not joined is given up.
pub const PARTIAL_DAYS: u32 = 7;

// ---- message -----------------------------------------------------------------------------------

/// Length of a message's id, in bytes: number, random.
pub const MESSAGE_ID_LEN: usize = 16;
/// Bytes of a deniable body that carry no content.
pub const DENIABLE_OVERHEAD: usize = 96;
/// Bytes of an attested body that carry no content.
pub const ATTESTED_OVERHEAD: usize = 176;
/// Longest content of a message, in bytes.
pub const MESSAGE_MAX: usize = 256 * 1_024;
/// Most pieces of a message, each in a cell of its own.
pub const PIECES_MAX: usize = 400;
/// Days after which an incomplete message is given up.
pub const PIECE_DAYS: u32 = 7;
/// Most incomplete messages of a direction.
pub const INCOMPLETE_MAX: usize = 64;
/// Most bytes of incomplete messages of a direction.
pub const INCOMPLETE_BYTES_MAX: usize = 4 * MESSAGE_MAX;
/// How many numbers below the highest received a recipient knows the messages of.
pub const CHAIN_WINDOW: u32 = 512;
/// Most messages marked as forks that a recipient knows again.
pub const FORKS_MAX: usize = 64;
/// Longest text about oneself in a profile, in bytes.
pub const ABOUT_LEN_MAX: usize = 1_024;
/// Longest reaction, in bytes.
pub const REACTION_LEN_MAX: usize = 32;
/// Longest descriptor in a message, in bytes.
pub const DESCRIPTOR_LEN_MAX: usize = 256;
/// Most messages that one receipt names.
pub const RECEIPTS_MAX: usize = 64;
/// Most messages of a proof.
pub const PROOF_MESSAGES_MAX: usize = 1_000;
/// Longest proof, in bytes.
pub const PROOF_LEN_MAX: usize = 16 * 1_024 * 1_024;

const _: () = {
    assert!(PART_OVERHEAD == 176);
    assert!(ATTESTED_OVERHEAD - DENIABLE_OVERHEAD == SIGNATURE_LEN + HASH_LEN / 2);
    assert!(INCOMPLETE_BYTES_MAX >= MESSAGE_MAX && PIECES_MAX <= u16::MAX as usize);
    assert!(FORKS_MAX <= u8::MAX as usize);
    assert!(RECEIPTS_MAX <= u16::MAX as usize && PROOF_LEN_MAX >= MESSAGE_MAX + 512);
    assert!(FRAGMENT_OVERHEAD == 240);
    assert!(HEADER_BOX_LEN == 2_368 && CELL_OVERHEAD == 2_416);
    assert!(HELLO_OPTIONS_LEN == 202);
    assert!(EPOCH_RECORD_LEN == 1_332);
    assert!(HELLO_LEN <= 3 * BLOCK_SMALL && HELLO_LEN > 2 * BLOCK_SMALL);
    assert!(HELLO_LEN <= BLOCK_MEDIUM && REPLY_LEN <= 2 * BLOCK_SMALL);
    // A create with its bundle fits one medium block.
    assert!(BUNDLE_LEN + 480 <= BLOCK_MEDIUM - LINK_TAG);
    assert!(BUNDLE_TEXT_LEN == 3_564 && REQUEST_LEN == 3_920 && REQUEST_TEXT_LEN == 2_780);
    // Two epoch records leave room for the limits and the edges.
    assert!(2 * EPOCH_RECORD_LEN + 1_300 <= DESCRIBE_LEN);
    // Every request of a link can be answered while its window is full.
    assert!(REQUESTS_MAX <= ITEMS_MAX);
    // gRPC's five bytes and protobuf's four fit beside the block in one HTTP/2 frame of 16,384.
    assert!(BLOCK_LARGE + 5 + 4 <= 16_384);
    // Nothing that an honest end has sealed is further ahead than can be skipped.
    assert!(UNACKED_MAX as usize <= SKIPPED_MAX && UNACKED_MAX <= TAG_WINDOW);
    // One answer for each ANSWER_CELLS of what the other end may have sealed.
    assert!(ANSWER_RESERVE * ANSWER_CELLS >= UNACKED_MAX);
    assert!(ANSWER_RESERVE + MOVE_RESERVE < UNACKED_MAX);
    // What an honest client has under way may come at once, and once more.
    assert!(TICKS_AHEAD_MAX as usize >= 2 * TICKS_UNANSWERED_MAX);
    // A scatter::Receiver has room for what a direction leaves.
    assert!(MOVE_LANES_MAX <= SERVERS_MAX);
};
