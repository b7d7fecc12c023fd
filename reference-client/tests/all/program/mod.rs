//! The program `edgewise` itself: verbs, JSON, exit codes, daemon, demonstration.

mod daemon;
mod edges;
mod far;
mod scatter;
mod talk;
mod wrong;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use edgewise_spec::link::IdentityKey;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::server::{Config, TestServer};

/// A server on a runtime of its own, for programs to talk with.
pub struct Serving {
    server: Option<TestServer>,
    runtime: Runtime,
}

impl Serving {
    pub fn start() -> Self {
        Self::start_as(42)
    }

    /// Another one.
    pub fn start_as(seed: u8) -> Self {
        let runtime = Runtime::new().unwrap();
        let identity = IdentityKey::from_seed(&[seed; 32]);
        let server = runtime.block_on(TestServer::start_as(&identity, Config::default()));
        Self { server: Some(server), runtime }
    }

    pub fn address(&self) -> String {
        self.server.as_ref().unwrap().address.to_string()
    }

    /// Nobody reaches it any more.
    pub fn stop(&mut self) {
        let _within = self.runtime.enter();
        self.server = None;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The program, with nothing of the environment that could change what it does.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgewise"));
    for name in
        ["EDGEWISE_DATA", "EDGEWISE_PASSPHRASE", "XDG_DATA_HOME", "NO_COLOR", "CLICOLOR_FORCE"]
    {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    /// Its lines of JSON.
    pub said: Vec<Value>,
    pub complained: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let said = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let complained = String::from_utf8(output.stderr.clone()).unwrap();
        Self { code: output.status.code(), said, complained }
    }

    /// The last line, of a run that worked.
    pub fn ok(self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        let last = self.said.last().cloned().unwrap_or_default();
        assert_eq!(last["schema"], 1, "{last}");
        last
    }

    /// What was complained of, by a run that did not.
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        let line: Value = serde_json::from_str(self.complained.lines().last().unwrap()).unwrap();
        assert_eq!((&line["kind"], &line["code"]), (&"error".into(), &code.into()), "{line}");
        line["message"].as_str().unwrap().to_owned()
    }
}

/// Somebody with a folder, whose store opens with a key file.
pub struct Person {
    pub home: TempDir,
}

impl Person {
    pub fn new(name: &str, server: &Serving) -> Self {
        Self::at(name, &server.address())
    }

    pub fn at(name: &str, server: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let person = Self { home };
        let key = person.home.path().join("key");
        let made = person.run(&[
            "init",
            "--name",
            name,
            "--server",
            server,
            "--make-key-file",
            key.to_str().unwrap(),
        ]);
        assert_eq!(made.ok()["profile"]["name"], name);
        person
    }

    /// Somebody with several servers.
    pub fn with_servers(name: &str, servers: &[Serving]) -> Self {
        let person = Self::new(name, &servers[0]);
        for server in &servers[1..] {
            person.run(&["servers", "add", &server.address()]).ok();
        }
        person
    }

    /// What a run says to a person, in black and white.
    pub fn text(&self, arguments: &[&str]) -> String {
        let mut command = program();
        let output = command.arg("--data").arg(self.data()).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.arg("--data").arg(self.data()).arg("--json").args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    pub fn run_with(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        Ran::of(&child.wait_with_output().unwrap())
    }

    pub fn start(&self, arguments: &[&str]) -> Started {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Started { child, lines }
    }
}

/// A run that goes on. It is killed when the test is done with it.
pub struct Started {
    pub child: Child,
    lines: BufReader<ChildStdout>,
}

impl Started {
    /// Its next line of JSON.
    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"))
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ann and Bob, who can talk.
pub fn met(server: &Serving, invite: &[&str]) -> (Person, Person) {
    let (ann, bob) = (Person::new("Ann", server), Person::new("Bob", server));
    let mut inviting = ann.start(&[&["invite", "--wait"], invite].concat());
    let made = inviting.next();
    let card = made["card"].as_str().unwrap();
    let accepted = bob.run(&["accept", card, "--wait", "20"]).ok();
    assert_eq!(
        (&accepted["kind"], &accepted["contact"]["name"]),
        (&"accepted".into(), &"Ann".into())
    );
    assert_eq!(accepted["contact"]["reach"], "ready");
    assert_eq!(inviting.next()["contact"]["name"], "Bob");
    assert_eq!(inviting.wait(), Some(0));
    (ann, bob)
}

pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().unwrap().permissions().mode() & 0o777
}
