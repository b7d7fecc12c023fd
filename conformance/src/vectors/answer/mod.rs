//! The answers to vectors, worked out by the reference: an example of a program that is asked.
//!
//! What is asked comes as JSON, as [`protocol`](super::protocol) has it; nothing here knows what is
//! expected.

mod connection;
mod content;
mod frame;
mod handshake;
mod input;
mod invitation;
mod link;
mod message;
mod rotation;
mod scatter;
mod session;
mod suite;

use std::io::{self, BufRead, Write};

use serde_json::Value;

use super::protocol::{Answer, Reply, Request};
use input::{Input, No};

/// What an operation comes to.
type Answered = Result<Value, No>;

/// One operation.
type Operation = fn(Input<'_>) -> Answered;

/// Answers each line of `lines` with one, until they end.
///
/// # Errors
/// Whatever reading or writing says; a line that is no [`Request`].
pub fn serve(lines: impl BufRead, mut out: impl Write) -> io::Result<()> {
    for line in lines.lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let reply = Reply::new(request.id, of(&request));
        serde_json::to_writer(&mut out, &reply)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}

/// The answer to one request.
#[must_use]
pub fn of(request: &Request) -> Answer {
    let Request { file, operation, input, .. } = request;
    let Some(run) = operation_of(file, operation) else {
        return Answer::Unsupported(format!("{file} has no operation {operation}"));
    };
    match run(Input::new(input)) {
        Ok(output) => Answer::Output(output),
        Err(No::Refused(layer)) => Answer::Refused(layer.to_owned()),
        Err(No::Unsupported(why)) => Answer::Unsupported(why),
    }
}

fn operation_of(file: &str, operation: &str) -> Option<Operation> {
    match file {
        "suite" => suite::operation(operation),
        "frame" => frame::operation(operation),
        "link" => link::operation(operation),
        "connection" => connection::operation(operation),
        "rotation" => rotation::operation(operation),
        "invitation" => invitation::operation(operation),
        "session" => session::operation(operation),
        "message" => message::operation(operation),
        "scatter" => scatter::operation(operation),
        _ => None,
    }
}
