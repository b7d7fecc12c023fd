//! State × event of both ends of the handshake. The same tables stand in the chapter.

use std::fmt::Write as _;

use bytes::Bytes;
use edgewise_spec::error::{LinkEnd, Status};
use edgewise_spec::frame::Class;
use edgewise_spec::link::{ClientHandshake, HandshakeParams, Progress, ServerHandshake};
use edgewise_spec::suite::SuiteId;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::{NOW, server};

const CHAPTER: &str = include_str!("../../../link.md");
const CLASS: Class = Class::Small;

/// A handshake in class small, stopped before its `sent`-th block from the client.
struct Stage {
    params: HandshakeParams,
    rng: ChaCha20Rng,
    edge: ServerHandshake,
    client: ClientHandshake,
    hello: Vec<Bytes>,
    reply: Vec<Bytes>,
    sent: usize,
}

impl Stage {
    fn after(sent: usize) -> Self {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let (_, params) = server(&mut rng);
        let epoch = params.epochs.current(NOW).unwrap().record().clone();
        let suite = SuiteId::Chacha20Poly1305;
        let (client, hello) = ClientHandshake::start(&epoch, suite, CLASS, &mut rng);
        let edge = ServerHandshake::new(NOW, 10);
        let mut stage = Self { params, rng, edge, client, hello, reply: Vec::new(), sent: 0 };
        for _ in 0..sent {
            let block = stage.next_block();
            match stage.give(&block) {
                Ok(Progress::Reply(blocks)) => stage.reply = blocks,
                Ok(_) => {}
                Err(end) => panic!("{end:?}"),
            }
        }
        stage
    }

    /// What an honest client sends next.
    fn next_block(&mut self) -> Bytes {
        self.sent += 1;
        if let Some(block) = self.hello.get(self.sent - 1) {
            return block.clone();
        }
        let mut blocks = None;
        for block in std::mem::take(&mut self.reply) {
            blocks = self.client.handle_block(&block).unwrap();
        }
        let mut first = vec![0; CLASS.block_len()];
        if let Some(mut blocks) = blocks {
            blocks.sealer.seal(&mut first).unwrap();
        }
        first.into()
    }

    fn give(&mut self, block: &[u8]) -> Result<Progress, LinkEnd> {
        self.edge.handle_block(&self.params, NOW, &mut self.rng, &mut block.to_vec())
    }
}

fn status(end: LinkEnd) -> &'static str {
    match end {
        LinkEnd::Refused(Status::InvalidArgument) => "INVALID_ARGUMENT",
        LinkEnd::Refused(Status::DeadlineExceeded) => "DEADLINE_EXCEEDED",
        other => panic!("{other:?}"),
    }
}

fn server_cell(sent: usize, event: &str) -> String {
    let mut stage = Stage::after(sent);
    let random = vec![0x5a; CLASS.block_len()];
    let outcome = match event {
        "next block" => {
            let block = stage.next_block();
            stage.give(&block).map(Some)
        }
        "other bytes" => stage.give(&random).map(Some),
        "other length" => stage.give(&random[1..]).map(Some),
        "deadline" => stage.edge.handle_timeout(NOW.plus_seconds(10)).map(|()| None),
        other => panic!("{other}"),
    };
    let what = match outcome {
        Ok(Some(Progress::More)) => "–",
        Ok(Some(Progress::Reply(_))) => "reply",
        Ok(Some(Progress::Confirmed(_))) => "confirmed",
        Ok(None) => "–",
        Err(end) => status(end),
    };
    format!("{what} → {:?}", stage.edge)
}

fn client_cell(given: usize, event: &str) -> String {
    let mut stage = Stage::after(CLASS.hello_blocks());
    let reply = stage.reply.clone();
    for block in &reply[..given.min(2)] {
        stage.client.handle_block(block).unwrap();
    }
    let random = vec![0x5a; CLASS.block_len()];
    let outcome = match event {
        "next block" => stage.client.handle_block(reply.get(given).unwrap_or(&reply[0])),
        "other bytes" => stage.client.handle_block(&random),
        "other length" => stage.client.handle_block(&random[1..]),
        other => panic!("{other}"),
    };
    let what = match outcome {
        Ok(None) => "–".to_owned(),
        Ok(Some(_)) => "confirmed".to_owned(),
        Err(why) => format!("end: {why:?}").to_lowercase(),
    };
    format!("{what} → {:?}", stage.client)
}

fn table(
    states: &[(&str, usize)],
    events: &[&str],
    cell: impl Fn(usize, &str) -> String,
) -> String {
    let mut out = format!("| state | {} |\n|---|", events.join(" | "));
    out.push_str(&"---|".repeat(events.len()));
    for (state, at) in states {
        let cells: Vec<_> = events.iter().map(|event| cell(*at, event)).collect();
        write!(out, "\n| {state} | {} |", cells.join(" | ")).unwrap();
    }
    out + "\n"
}

#[test]
fn the_server_handles_every_event_in_every_state() {
    let states = [
        ("Hello, 0 of 3 blocks", 0),
        ("Hello, 1 of 3 blocks", 1),
        ("Hello, 2 of 3 blocks", 2),
        ("Confirm", 3),
        ("Over", 4),
    ];
    let events = ["next block", "other bytes", "other length", "deadline"];
    let table = table(&states, &events, server_cell);
    assert!(CHAPTER.contains(&table), "link.md lacks this table:\n{table}");
    insta::assert_snapshot!(table);
}

#[test]
fn the_client_handles_every_event_in_every_state() {
    let states = [("Reply, 0 of 2 blocks", 0), ("Reply, 1 of 2 blocks", 1), ("Over", 2)];
    let events = ["next block", "other bytes", "other length"];
    let table = table(&states, &events, client_cell);
    assert!(CHAPTER.contains(&table), "link.md lacks this table:\n{table}");
    insta::assert_snapshot!(table);
}
