//! The processes of a measurement: this program again, told its role, talking in lines of JSON.

use crate::Failure;
use crate::role::Role;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long a child may take to end by itself once its input is closed.
const GRACE: Duration = Duration::from_secs(5);

/// A running child. Dropping it closes its input, which tells it to end.
pub struct Child {
    child: std::process::Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    name: &'static str,
}

impl Child {
    /// Runs this program again in a role, on one core if one is named.
    pub fn start(role: &Role, core: Option<usize>) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("as").arg(serde_json::to_string(&Start { core, role })?);
        Self::spawn(command, role.name())
    }

    /// Runs a command whose standard input and output are pipes to us.
    pub fn spawn(mut command: Command, name: &'static str) -> Result<Self, Failure> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        let commands = child.stdin.take();
        let answers = child.stdout.take().ok_or("a child without output")?;
        Ok(Self { child, commands, answers: BufReader::new(answers), name })
    }

    /// The child's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the child writes, for one that does not speak JSON.
    pub fn output(&mut self) -> &mut BufReader<ChildStdout> {
        &mut self.answers
    }

    /// What the child reads, for one that does not speak JSON.
    pub fn input(&mut self) -> Result<&mut ChildStdin, Failure> {
        self.commands.as_mut().ok_or_else(|| format!("{} is gone", self.name).into())
    }

    /// Tells the child something.
    pub fn tell(&mut self, command: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_string(command)?;
        line.push('\n');
        let name = self.name;
        let told = self.input()?.write_all(line.as_bytes());
        told.map_err(|error| format!("{name} takes no command: {error}").into())
    }

    /// Waits for the child's next line.
    pub fn answer<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(format!("{} ended without an answer", self.name).into());
        }
        let answer: Result<T, String> = serde_json::from_str(&line)
            .map_err(|error| format!("{} answered {line:?}: {error}", self.name))?;
        answer.map_err(|failure| format!("{}: {failure}", self.name).into())
    }

    /// Tells the child something and waits for its answer.
    pub fn ask<T: DeserializeOwned>(&mut self, command: &impl Serialize) -> Result<T, Failure> {
        self.tell(command)?;
        self.answer()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.commands = None;
        let started = Instant::now();
        while started.elapsed() < GRACE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // It had its chance; a child that is gone already is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child is told on its command line.
#[derive(Serialize, serde::Deserialize)]
pub struct Start<R> {
    /// The core to stay on.
    pub core: Option<usize>,
    /// What to be.
    pub role: R,
}

/// Answers the parent with one line.
pub fn answer<T: Serialize>(answer: Result<T, Failure>) -> Result<(), Failure> {
    let mut line = serde_json::to_string(&answer.map_err(|failure| failure.to_string()))?;
    line.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())?;
    Ok(out.flush()?)
}

/// What the parent says, line by line, read by a thread so that the child's own work goes on. The
/// process ends when the parent closes its side.
pub fn commands() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    receiver
}
