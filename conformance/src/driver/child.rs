//! A driver that is a program of its own, spoken to over its standard streams.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgewise_proto::conformance::v1::{Command as Order, Outcome};
use prost::Message;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::Fault;
use crate::target::Family;

/// Longest message of a driver; anything longer is text on the wrong stream.
const MESSAGE_MAX: usize = 64 * 1_024 * 1_024;
/// Lines of standard error kept as evidence.
const LINES_MAX: usize = 40;
/// Bytes of stray output kept as evidence.
const STRAY_MAX: usize = 256;

type Lines = Arc<Mutex<VecDeque<String>>>;

/// A running driver. Dropping it kills it and all that it started, wherever they stand.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    family: Family,
    stdin: ChildStdin,
    stdout: ChildStdout,
    errors: Lines,
}

impl Program {
    /// Starts a program.
    pub(crate) fn spawn(mut command: Command) -> Result<Self, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        Family::begin(&mut command);
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let family = Family::of(&child);
        let errors = Lines::default();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(keep_lines(stderr, Arc::clone(&errors)));
        }
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            return Err("no standard streams".to_owned());
        };
        Ok(Self { child, family, stdin, stdout, errors })
    }

    /// Writes one message and reads the answer, which is one message.
    pub(super) async fn exchange<A: Message + Default>(
        &mut self,
        message: &impl Message,
        within: Duration,
    ) -> Result<A, Fault> {
        let bytes = message.encode_to_vec();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        let exchanged = timeout(within, async {
            // A program that has ended is known by what it does not answer.
            let _ = self.stdin.write_all(&[&length[..], &bytes].concat()).await;
            let _ = self.stdin.flush().await;
            self.read().await
        });
        match exchanged.await {
            Ok(answer) => answer,
            Err(_) => Err(Fault::Hang(within, self.evidence().await)),
        }
    }

    /// Writes one line and reads the next one, without its end; `kept` is what came behind the last.
    pub(crate) async fn exchange_line(
        &mut self,
        line: &[u8],
        kept: &mut Vec<u8>,
        longest: usize,
        within: Duration,
    ) -> Result<Vec<u8>, Fault> {
        let exchanged = timeout(within, async {
            // A program that has ended is known by what it does not answer.
            let _ = self.stdin.write_all(&[line, b"\n"].concat()).await;
            let _ = self.stdin.flush().await;
            self.read_line(kept, longest).await
        });
        match exchanged.await {
            Ok(answer) => answer,
            Err(_) => Err(Fault::Hang(within, self.evidence().await)),
        }
    }

    async fn read_line(&mut self, kept: &mut Vec<u8>, longest: usize) -> Result<Vec<u8>, Fault> {
        let mut searched = 0;
        loop {
            let unread = kept.get(searched..).unwrap_or_default();
            if let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                let rest = kept.split_off(searched + end + 1);
                let mut line = std::mem::replace(kept, rest);
                line.pop();
                return Ok(line);
            }
            searched = kept.len();
            if searched >= longest {
                let why = format!("a line of more than {longest} bytes");
                return Err(self.stray_line(&why, kept).await);
            }
            let mut buffer = [0; 16 * 1_024];
            match self.stdout.read(&mut buffer).await {
                Ok(count @ 1..) => kept.extend(buffer.iter().take(count)),
                _ if kept.is_empty() => return Err(Fault::Crash(self.evidence().await)),
                _ => return Err(self.stray_line("a line without an end", kept).await),
            }
        }
    }

    /// The fault of a program that wrote this where a line was expected.
    pub(crate) async fn stray_line(&mut self, why: &str, seen: &[u8]) -> Fault {
        let shown: Vec<u8> = seen.iter().copied().take(STRAY_MAX).collect();
        let shown = String::from_utf8_lossy(&shown).into_owned();
        Fault::Stray(format!("{why}: {shown:?}; {}", self.evidence().await))
    }

    /// Closes standard input and reads what still comes, no longer than a while.
    pub(crate) async fn last_words(self, within: Duration) -> Vec<u8> {
        let Self { child: _child, family: _family, stdin, mut stdout, .. } = self;
        drop(stdin);
        let mut seen = [0; STRAY_MAX];
        let read = timeout(within, stdout.read(&mut seen)).await;
        let count = read.ok().and_then(Result::ok).unwrap_or_default();
        seen.iter().copied().take(count).collect()
    }

    pub(super) async fn drive(
        &mut self,
        order: &Order,
        within: Duration,
    ) -> Result<Outcome, Fault> {
        self.exchange(order, within).await
    }

    async fn read<A: Message + Default>(&mut self) -> Result<A, Fault> {
        let mut length = [0; 4];
        if self.stdout.read_exact(&mut length).await.is_err() {
            return Err(Fault::Crash(self.evidence().await));
        }
        let count = u32::from_be_bytes(length) as usize;
        if count > MESSAGE_MAX {
            return Err(self.stray(length.to_vec()).await);
        }
        let mut bytes = vec![0; count];
        if self.stdout.read_exact(&mut bytes).await.is_err() {
            return Err(Fault::Crash(self.evidence().await));
        }
        match A::decode(&bytes[..]) {
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.stray([&length[..], &bytes].concat()).await),
        }
    }

    async fn stray(&mut self, mut seen: Vec<u8>) -> Fault {
        let mut rest = [0; STRAY_MAX];
        let more = timeout(Duration::from_millis(200), self.stdout.read(&mut rest)).await;
        if let Ok(Ok(count)) = more {
            seen.extend(rest.iter().take(count));
        }
        seen.truncate(STRAY_MAX);
        let seen = String::from_utf8_lossy(&seen).into_owned();
        Fault::Stray(format!("on standard output: {seen:?}; {}", self.evidence().await))
    }

    /// Kills the program, as a crash does.
    pub(super) async fn kill(&mut self) {
        self.family.kill();
        let _ = self.child.kill().await;
    }

    /// Waits until the program ends by itself, no longer than a while.
    pub(super) async fn end(&mut self, within: Duration) -> bool {
        timeout(within, self.child.wait()).await.is_ok()
    }

    /// How it ended and the end of its standard error.
    pub(super) async fn evidence(&mut self) -> String {
        // What was written before the end may still be on its way.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let status = self.child.try_wait().ok().flatten();
        let fate = status.map_or_else(|| "still running".to_owned(), |status| status.to_string());
        let lines = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        if lines.is_empty() {
            return format!("{fate}, nothing on standard error");
        }
        format!("{fate}, standard error ends:\n{}", lines.join("\n"))
    }
}

async fn keep_lines(stderr: tokio::process::ChildStderr, lines: Lines) {
    let mut reader = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}
