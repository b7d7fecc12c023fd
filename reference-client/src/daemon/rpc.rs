//! One program that is connected: its requests, and what it is told.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Interest};
use tokio::net::UnixStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::cli::desk::{Desk, Request};
use crate::cli::failure::Failure;
use crate::cli::outcome::{Event, Line, Outcome, SCHEMA};
use crate::cli::verb::Verb;

/// Longest line that is taken, in bytes.
pub(super) const LINE_MAX: usize = 1 << 20;
/// Lines that a client may be behind.
const LINES_MAX: usize = 4_096;
/// Requests that one client may have under way.
const REQUESTS_MAX: usize = 64;
/// Requests of one batch.
const BATCH_MAX: usize = 100;

/// How long answers may take after a client has said its last.
const LAST: Duration = Duration::from_secs(5);

const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
/// Of the verbs' failures: this less the exit code.
const FAILED: i64 = -32_000;

/// A connected program.
pub(super) struct Client {
    desk: Desk,
    stop: watch::Sender<bool>,
    lines: mpsc::Sender<String>,
    subscribed: watch::Sender<bool>,
}

/// Tells a program that there is no place for it.
pub(super) async fn refuse(mut stream: UnixStream) {
    let line = failure(Value::Null, FAILED, "too many programs are connected; try again later");
    let _ = stream.write_all(format!("{line}\n").as_bytes()).await;
}

impl Client {
    /// Serves a program until it goes away.
    pub(super) async fn serve(stream: UnixStream, desk: Desk, stop: watch::Sender<bool>) {
        let (read, mut write) = stream.into_split();
        let (lines, mut waiting) = mpsc::channel::<String>(LINES_MAX);
        let client = Arc::new(Self { desk, stop, lines, subscribed: watch::Sender::new(false) });
        // Whatever belongs to the client ends with it.
        let mut events = JoinSet::new();
        events.spawn(Arc::clone(&client).tell_events());
        let mut tasks = JoinSet::new();
        let writing = async move {
            while let Some(line) = waiting.recv().await {
                if write.write_all(format!("{line}\n").as_bytes()).await.is_err() {
                    break;
                }
            }
        };
        let reading = async {
            let mut read = BufReader::new(read);
            client.read(&mut read, &mut tasks).await;
            // Who has only said all it wants to say still gets its answers.
            let ready = read.get_ref().ready(Interest::WRITABLE).await;
            if ready.is_ok_and(|ready| !ready.is_write_closed()) {
                let answers = async { while tasks.join_next().await.is_some() {} };
                let _ = tokio::time::timeout(LAST, answers).await;
            }
            tasks.shutdown().await;
            events.shutdown().await;
        };
        tokio::pin!(writing);
        tokio::select! {
            () = &mut writing => return,
            () = reading => {}
        }
        drop(client);
        let _ = tokio::time::timeout(LAST, writing).await;
    }

    async fn read(
        self: &Arc<Self>,
        from: &mut (impl AsyncBufRead + Unpin),
        tasks: &mut JoinSet<()>,
    ) {
        let places = Arc::new(Semaphore::new(REQUESTS_MAX));
        let mut stopped = self.stop.subscribe();
        loop {
            let line = tokio::select! {
                line = read_line(from) => line,
                _ = stopped.wait_for(|stop| *stop) => return,
            };
            let line = match line {
                Ok(Some(line)) => line,
                Ok(None) => return,
                Err(why) => return self.say(failure(Value::Null, PARSE_ERROR, &why)),
            };
            if line.trim().is_empty() {
                continue;
            }
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let client = Arc::clone(self);
            tasks.spawn(async move {
                if let Some(answer) = client.line(&line).await {
                    client.say(answer);
                }
                drop(place);
            });
            while tasks.try_join_next().is_some() {}
        }
    }

    /// What a line is answered with, if it is.
    async fn line(&self, line: &str) -> Option<Value> {
        match serde_json::from_str(line) {
            Err(error) => Some(failure(Value::Null, PARSE_ERROR, &format!("no JSON: {error}"))),
            Ok(Value::Array(batch)) if batch.is_empty() || batch.len() > BATCH_MAX => {
                let why = format!("a batch has 1 to {BATCH_MAX} requests");
                Some(failure(Value::Null, INVALID_REQUEST, &why))
            }
            Ok(Value::Array(batch)) => {
                let mut answers = Vec::new();
                for request in batch {
                    answers.extend(self.request(request).await);
                }
                (!answers.is_empty()).then_some(Value::Array(answers))
            }
            Ok(request) => self.request(request).await,
        }
    }

    /// What a request is answered with; a notification is not.
    async fn request(&self, request: Value) -> Option<Value> {
        let id = request.get("id").cloned();
        let version = request.get("jsonrpc").and_then(Value::as_str);
        let known_id = matches!(id, None | Some(Value::Null | Value::String(_) | Value::Number(_)));
        let method = request.get("method").and_then(Value::as_str);
        let (Some("2.0"), true, Some(method)) = (version, known_id, method) else {
            let why = "a request has jsonrpc \"2.0\", a method, and an id that is text or number";
            return Some(failure(Value::Null, INVALID_REQUEST, why));
        };
        let params = request.get("params").cloned().unwrap_or_else(|| json!({}));
        let answer = self.call(method, params, id.as_ref()).await;
        let id = id?;
        Some(match answer {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err(Refused::Rpc(code, why)) => failure(id, code, &why),
            Err(Refused::Verb(why)) => {
                let code = FAILED - i64::from(why.reason.code());
                let error = json!({ "code": code, "message": why.message, "data": why });
                json!({ "jsonrpc": "2.0", "id": id, "error": error })
            }
        })
    }

    async fn call(
        &self,
        method: &str,
        params: Value,
        id: Option<&Value>,
    ) -> Result<Value, Refused> {
        match method {
            "subscribe" | "unsubscribe" => {
                self.subscribed.send_replace(method == "subscribe");
                Ok(json!({ "schema": SCHEMA, "subscribed": method == "subscribe" }))
            }
            "version" => Ok(
                json!({ "schema": SCHEMA, "version": env!("CARGO_PKG_VERSION"), "process": std::process::id() }),
            ),
            "shutdown" => {
                self.stop.send_replace(true);
                Ok(json!({ "schema": SCHEMA, "stopping": true }))
            }
            _ => self.verb(read_request(method, params)?, id).await,
        }
    }

    async fn verb(&self, request: Request, id: Option<&Value>) -> Result<Value, Refused> {
        let tell = |outcome: Outcome| {
            let params = json!({ "id": id, "outcome": Line::new(outcome) });
            let told = json!({ "jsonrpc": "2.0", "method": "progress", "params": params });
            self.lines.try_send(told.to_string()).is_ok()
        };
        let outcome = self.desk.run(request, &tell).await.map_err(Refused::Verb)?;
        serde_json::to_value(Line::new(outcome))
            .map_err(|error| Refused::Verb(Failure::failed(error)))
    }

    /// Tells what happens, while the client wants to hear it.
    async fn tell_events(self: Arc<Self>) {
        let mut subscribed = self.subscribed.subscribe();
        loop {
            if subscribed.wait_for(|on| *on).await.is_err() {
                return;
            }
            let mut bell = self.desk.listen();
            loop {
                let event = tokio::select! {
                    event = bell.recv() => event,
                    _ = subscribed.wait_for(|on| !*on) => break,
                };
                let event = match event {
                    Ok(event) => event.into(),
                    Err(RecvError::Lagged(count)) => Event::Missed { count },
                    Err(RecvError::Closed) => return,
                };
                let params = Line::new(Outcome::Event { event });
                let told = json!({ "jsonrpc": "2.0", "method": "event", "params": params });
                if self.lines.send(told.to_string()).await.is_err() {
                    return;
                }
            }
        }
    }

    fn say(&self, answer: Value) {
        // A client that reads nothing loses answers, not the daemon its memory.
        let _ = self.lines.try_send(answer.to_string());
    }
}

/// Why there is no result.
enum Refused {
    Rpc(i64, String),
    Verb(Failure),
}

/// The verb of a method such as `address.add`, with its fields and the profile's name.
fn read_request(method: &str, mut params: Value) -> Result<Request, Refused> {
    let fields = params.as_object_mut().ok_or_else(|| {
        Refused::Rpc(INVALID_PARAMS, "params are an object with the verb's fields".to_owned())
    })?;
    let profile = match fields.remove("profile") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => {
            return Err(Refused::Rpc(INVALID_PARAMS, "profile is a name".to_owned()));
        }
    };
    let wrapped = method.rsplit('.').fold(params, |inner, name| json!({ name: inner }));
    match serde_json::from_value::<Verb>(wrapped) {
        Ok(verb) => Ok(Request { profile, verb }),
        Err(error) => {
            let why = error.to_string();
            let unknown = why.starts_with("unknown variant");
            let code = if unknown { METHOD_NOT_FOUND } else { INVALID_PARAMS };
            Err(Refused::Rpc(code, format!("{method}: {why}")))
        }
    }
}

fn failure(id: Value, code: i64, why: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": why } })
}

/// The next line, `None` at the end; an error if it is too long or no text.
pub(super) async fn read_line(
    from: &mut (impl AsyncBufRead + Unpin),
) -> Result<Option<String>, String> {
    let mut line = Vec::new();
    loop {
        let bytes = from.fill_buf().await.map_err(|error| error.to_string())?;
        if bytes.is_empty() {
            return if line.is_empty() { Ok(None) } else { text(line).map(Some) };
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(bytes.len(), |end| end + 1);
        line.extend_from_slice(bytes.get(..end.unwrap_or(used)).unwrap_or_default());
        from.consume(used);
        if line.len() > LINE_MAX {
            return Err(format!("a line has at most {LINE_MAX} bytes"));
        }
        if end.is_some() {
            return text(line).map(Some);
        }
    }
}

fn text(line: Vec<u8>) -> Result<String, String> {
    String::from_utf8(line).map_err(|_| "a line is UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(method: &str, params: Value) -> i64 {
        match read_request(method, params) {
            Ok(_) => 0,
            Err(Refused::Rpc(code, _)) => code,
            Err(Refused::Verb(_)) => 1,
        }
    }

    #[test]
    fn methods_are_verbs() {
        assert_eq!(code("contacts", json!({})), 0);
        assert_eq!(code("send", json!({ "contact": "ann", "text": "x", "profile": "me" })), 0);
        assert_eq!(code("address.add", json!({ "servers": 2 })), 0);
        assert_eq!(code("address.nothing", json!({})), METHOD_NOT_FOUND);
        assert_eq!(code("wipe", json!({})), METHOD_NOT_FOUND);
        assert_eq!(code("send", json!({})), INVALID_PARAMS);
        assert_eq!(code("send", json!(["ann", "x"])), INVALID_PARAMS);
        assert_eq!(code("contacts", json!({ "profile": 1 })), INVALID_PARAMS);
        assert_eq!(code("contacts", json!({ "contcat": "x" })), INVALID_PARAMS);
    }

    #[tokio::test]
    async fn lines_have_an_end_and_a_limit() {
        let long = [&vec![b'x'; LINE_MAX][..], b"x\n"].concat();
        let mut from = BufReader::new(&b"one\ntwo"[..]);
        assert_eq!(read_line(&mut from).await.unwrap().unwrap(), "one");
        assert_eq!(read_line(&mut from).await.unwrap().unwrap(), "two");
        assert_eq!(read_line(&mut from).await.unwrap(), None);
        assert!(read_line(&mut BufReader::new(&long[..])).await.is_err());
        assert!(read_line(&mut BufReader::new(&b"\xff\n"[..])).await.is_err());
        let fits = [&vec![b'x'; LINE_MAX][..], b"\n"].concat();
        assert!(read_line(&mut BufReader::new(&fits[..])).await.is_ok());
    }
}
