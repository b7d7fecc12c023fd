//! The daemon: the same verbs over a socket, and a bot.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Person, Serving, Started, met, mode};

fn daemon(person: &Person) -> Started {
    let mut daemon = person.start(&["daemon"]);
    assert!(daemon.next()["what"].as_str().unwrap().contains("listening on"));
    daemon
}

fn connect(person: &Person) -> (UnixStream, BufReader<UnixStream>) {
    let stream = UnixStream::connect(person.data().join("daemon.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    (stream.try_clone().unwrap(), BufReader::new(stream))
}

fn line(from: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"))
}

#[test]
fn verbs_go_to_the_daemon_that_runs() {
    let server = Serving::start();
    let (ann, bob) = met(&server, &[]);
    let mut running = daemon(&ann);
    let socket = ann.data().join("daemon.sock");
    assert_eq!(mode(&socket), 0o600);
    ann.run(&["send", "bob", "hi"]).ok();
    assert_eq!(bob.run(&["receive", "--seconds", "20"]).said[0]["message"]["said"]["text"], "hi");
    bob.run(&["send", "ann", "ho"]).ok();
    let got = ann.run(&["receive", "--seconds", "20"]);
    assert_eq!(got.said[0]["message"]["said"]["text"], "ho", "{got:?}");
    // Files are the caller's, not the daemon's.
    let file = ann.home.path().join("talk.jsonl");
    ann.run(&["export", "bob", "--out", file.to_str().unwrap()]).ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
    let png = ann.home.path().join("card.png");
    ann.run(&["invite", "--png", png.to_str().unwrap()]).ok();
    assert!(png.exists());
    assert!(ann.run(&["send", "nobody", "x"]).failed(2).contains("no contact"));
    assert!(ann.run(&["daemon"]).failed(1).contains("already"));
    assert!(ann.run(&["wipe", "--yes"]).failed(3).contains("in use"));
    running.signal("-TERM");
    assert_eq!(running.wait(), Some(0));
    assert!(!socket.exists());
    // What was left by one that was killed is in nobody's way.
    let mut running = daemon(&ann);
    running.signal("-KILL");
    running.wait();
    assert!(socket.exists());
    ann.run(&["contacts"]).ok();
    let mut running = daemon(&ann);
    ann.run(&["daemon", "--stop"]).ok();
    assert_eq!(running.wait(), Some(0));
}

#[test]
fn json_rpc_as_it_is_written() {
    let server = Serving::start();
    let ann = Person::new("Ann", &server);
    let _running = daemon(&ann);
    let (mut to, mut from) = connect(&ann);
    let mut ask = |text: &str| to.write_all(format!("{text}\n").as_bytes()).unwrap();
    ask(r#"{"jsonrpc":"2.0","id":"a","method":"servers.list"}"#);
    let answer = line(&mut from);
    assert_eq!((&answer["id"], &answer["result"]["kind"]), (&"a".into(), &"servers".into()));
    for (text, code) in [
        ("{", -32_700),
        ("[]", -32_600),
        (r#"{"id":1,"method":"contacts"}"#, -32_600),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"contacts"}"#, -32_600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"nothing"}"#, -32_601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"init"}"#, -32_601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"send","params":["a"]}"#, -32_602),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"send","params":{"contact":"a","text":"x"}}"#,
            -32_002,
        ),
    ] {
        ask(text);
        let answer = line(&mut from);
        assert_eq!(answer["error"]["code"], code, "{text}: {answer}");
    }
    ask(r#"[{"jsonrpc":"2.0","method":"contacts"},{"jsonrpc":"2.0","id":7,"method":"version"},1]"#);
    let answer = line(&mut from);
    assert_eq!(answer.as_array().unwrap().len(), 2, "{answer}");
    assert_eq!((&answer[0]["id"], &answer[1]["error"]["code"]), (&7.into(), &(-32_600).into()));
    // A notification is not answered, and whoever has said all still gets its answers.
    ask(r#"{"jsonrpc":"2.0","method":"contacts"}"#);
    ask(r#"{"jsonrpc":"2.0","id":8,"method":"doctor"}"#);
    to.shutdown(Shutdown::Write).unwrap();
    assert_eq!(line(&mut from)["id"], 8);
    let mut rest = String::new();
    from.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    // A line without an end is the end.
    let (mut to, mut from) = connect(&ann);
    let _ = to.write_all(&vec![b'x'; (1 << 20) + 2]);
    assert_eq!(line(&mut from)["error"]["code"], -32_700);
    assert_eq!(from.read_to_string(&mut rest).unwrap(), 0);
}

#[test]
fn no_more_programs_than_there_is_room_for() {
    let server = Serving::start();
    let ann = Person::new("Ann", &server);
    let _running = daemon(&ann);
    let mut connected: Vec<_> = (0..32).map(|_| connect(&ann)).collect();
    for (to, from) in &mut connected {
        to.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}\n").unwrap();
        assert_eq!(line(from)["id"], 1);
    }
    assert_eq!(line(&mut connect(&ann).1)["error"]["code"], -32_000);
}

#[test]
fn events_are_told_and_a_bot_of_python_answers() {
    let server = Serving::start();
    let (ann, bob) = met(&server, &[]);
    let _running = daemon(&ann);
    let (mut to, mut from) = connect(&ann);
    to.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\"}\n").unwrap();
    assert_eq!(line(&mut from)["result"]["subscribed"], json!(true));
    let text = include_str!("../../../daemon.md");
    let code = text.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let bot = Command::new("python3")
        .args(["-c", code])
        .arg(ann.data().join("daemon.sock"))
        .stdout(Stdio::null())
        .spawn();
    if bot.is_err() {
        println!("SKIPPED: the bot of daemon.md, for there is no python3");
    }
    bob.run(&["send", "ann", "are you there?"]).ok();
    let event = loop {
        let told = line(&mut from);
        if told["params"]["event"]["type"] == "message" {
            break told;
        }
    };
    assert_eq!(event["method"], "event");
    assert_eq!(event["params"]["event"]["message"]["said"]["text"], "are you there?");
    let Ok(mut bot) = bot else { return };
    // Python takes its time to start: whatever was said before is not told to the bot.
    let begun = std::time::Instant::now();
    let answered = loop {
        let got = bob.run(&["receive", "--seconds", "2"]);
        let first = got.said[0]["message"]["said"]["text"].clone();
        if first != Value::Null || begun.elapsed().as_secs() > 40 {
            break first;
        }
        bob.run(&["send", "ann", "are you there?"]).ok();
    };
    let _ = bot.kill();
    let _ = bot.wait();
    assert_eq!(answered, "You said: are you there?");
}
