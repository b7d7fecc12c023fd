//! The other side: a program of ours that asks a daemon.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{mpsc, oneshot};

use crate::cli::desk::{Request, Tell};
use crate::cli::failure::Failure;
use crate::cli::folder::Folder;
use crate::cli::outcome::{Event, Line, Outcome, SCHEMA};

/// A connection to the daemon of a folder. It ends when this is dropped.
pub(crate) struct Remote {
    lines: mpsc::UnboundedSender<String>,
    calls: Arc<Mutex<Calls>>,
    events: Mutex<Option<mpsc::UnboundedReceiver<Event>>>,
}

#[derive(Default)]
struct Calls {
    next: u64,
    open: HashMap<u64, Call>,
    gone: bool,
}

struct Call {
    told: mpsc::UnboundedSender<Outcome>,
    answer: oneshot::Sender<Result<Value, Failure>>,
}

impl Remote {
    /// Connects to the daemon of a folder, if one answers.
    pub(crate) async fn connect(folder: &Folder) -> Option<Self> {
        let stream = UnixStream::connect(folder.socket()).await.ok()?;
        let (read, mut write) = stream.into_split();
        let (lines, mut waiting) = mpsc::unbounded_channel::<String>();
        tokio::spawn(async move {
            while let Some(line) = waiting.recv().await {
                if write.write_all(line.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let calls = Arc::new(Mutex::new(Calls::default()));
        let (told, events) = mpsc::unbounded_channel();
        tokio::spawn(read_answers(read, Arc::clone(&calls), told));
        Some(Self { lines, calls, events: Mutex::new(Some(events)) })
    }

    /// Has a verb done.
    pub(crate) async fn run(&self, request: Request, tell: Tell<'_>) -> Result<Outcome, Failure> {
        let (method, params) = method_of(&request)?;
        let (told, mut progress) = mpsc::unbounded_channel();
        let answer = self.call(&method, params, told);
        tokio::pin!(answer);
        let value = loop {
            tokio::select! {
                biased;
                Some(outcome) = progress.recv() => {
                    if !tell(outcome) {
                        return Ok(Outcome::Done { what: String::new() });
                    }
                }
                answer = &mut answer => break answer?,
            }
        };
        read_outcome(value)
    }

    /// What happens from now on; once.
    pub(crate) async fn events(&self) -> Result<mpsc::UnboundedReceiver<Event>, Failure> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (told, _) = mpsc::unbounded_channel();
        self.call("subscribe", json!({}), told).await?;
        events.ok_or_else(|| Failure::failed("the events are listened to already"))
    }

    /// Asks the daemon to end.
    pub(crate) async fn stop(&self) -> Result<(), Failure> {
        let (told, _) = mpsc::unbounded_channel();
        self.call("shutdown", json!({}), told).await.map(drop)
    }

    async fn call(
        &self,
        method: &str,
        params: Value,
        told: mpsc::UnboundedSender<Outcome>,
    ) -> Result<Value, Failure> {
        let (answer, answered) = oneshot::channel();
        let id = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            if calls.gone {
                return Err(gone());
            }
            calls.next += 1;
            let id = calls.next;
            calls.open.insert(id, Call { told, answer });
            id
        };
        let line = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.lines.send(format!("{line}\n")).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Method and params of a request: `{"address": {"add": {…}}}` is `address.add`.
fn method_of(request: &Request) -> Result<(String, Value), Failure> {
    let mut value = serde_json::to_value(&request.verb).map_err(Failure::failed)?;
    let mut names = Vec::new();
    let depth = if is_nested(&value) { 2 } else { 1 };
    for _ in 0..depth {
        if let Value::Object(fields) = value {
            let (name, inner) = fields.into_iter().next().unwrap_or_default();
            names.push(name);
            value = inner;
        } else {
            break;
        }
    }
    if let (Some(profile), Some(fields)) = (&request.profile, value.as_object_mut()) {
        fields.insert("profile".to_owned(), json!(profile));
    }
    Ok((names.join("."), value))
}

/// Whether the verb has verbs of its own: these are the ones.
fn is_nested(verb: &Value) -> bool {
    ["invitations", "address", "profile", "broadcast", "servers"]
        .iter()
        .any(|name| verb.get(name).is_some())
}

fn read_outcome(value: Value) -> Result<Outcome, Failure> {
    let other = || {
        Failure::failed(
            "the daemon is of another version than this program; restart it: edgewise daemon --stop, edgewise daemon",
        )
    };
    let line: Line = serde_json::from_value(value).map_err(|_| other())?;
    if line.schema == SCHEMA { Ok(line.outcome) } else { Err(other()) }
}

async fn read_answers(
    read: OwnedReadHalf,
    calls: Arc<Mutex<Calls>>,
    events: mpsc::UnboundedSender<Event>,
) {
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(mut value) = serde_json::from_str::<Value>(&line) else { continue };
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        match value.get("method").and_then(Value::as_str) {
            Some("progress") => {
                let id = value.pointer("/params/id").and_then(Value::as_u64);
                let outcome = value.pointer_mut("/params/outcome").map(Value::take);
                if let (Some(call), Some(Ok(outcome))) =
                    (id.and_then(|id| calls.open.get(&id)), outcome.map(read_outcome))
                {
                    let _ = call.told.send(outcome);
                }
            }
            Some(_) => {
                let outcome = value.get_mut("params").map(Value::take).map(read_outcome);
                if let Some(Ok(Outcome::Event { event })) = outcome {
                    let _ = events.send(event);
                }
            }
            None => {
                let call = value.get("id").and_then(Value::as_u64);
                if let Some(call) = call.and_then(|id| calls.open.remove(&id)) {
                    let _ = call.answer.send(read_answer(value));
                }
            }
        }
    }
    let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
    calls.gone = true;
    calls.open.clear();
}

fn read_answer(mut value: Value) -> Result<Value, Failure> {
    if let Some(result) = value.get_mut("result") {
        return Ok(result.take());
    }
    let failure = value.pointer_mut("/error/data").map(Value::take);
    if let Some(Ok(failure)) = failure.map(serde_json::from_value) {
        return Err(failure);
    }
    let why = value.pointer("/error/message").and_then(Value::as_str);
    Err(Failure::failed(why.unwrap_or("the daemon gave no answer that this program knows")))
}

fn gone() -> Failure {
    Failure::failed("the daemon has ended; start it again: edgewise daemon")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_a_method() {
        for (verb, method) in [
            (json!({ "send": { "contact": "a", "text": "x" } }), "send"),
            (json!({ "address": { "add": {} } }), "address.add"),
            (json!({ "invitations": { "list": {} } }), "invitations.list"),
            (json!({ "profile": { "use": { "name": "x" } } }), "profile.use"),
            (json!({ "broadcast": { "close": { "contact": "a" } } }), "broadcast.close"),
            (json!({ "servers": { "remove": { "server": "a" } } }), "servers.remove"),
        ] {
            let verb = serde_json::from_value(verb).unwrap();
            let request = Request { profile: Some("me".to_owned()), verb };
            let (found, params) = method_of(&request).unwrap();
            assert_eq!(found, method);
            assert_eq!(params["profile"], "me");
        }
    }
}
