//! A server that runs as a program of its own: started, spoken to over its standard streams, and
//! watched until it ends.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgewise_proto::conformance::v1::{ServerReady, ServerStart};
use prost::Message;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::Family;
use super::source::StartFault;

/// Longest ServerReady; anything longer is text on the wrong stream.
const READY_MAX: usize = 64 * 1024;
/// Lines of standard error kept as evidence.
const LINES_MAX: usize = 40;
/// Bytes of stray output kept as evidence.
const STRAY_MAX: usize = 256;

/// A running program. Dropping it closes its standard input and kills it, and all that it started.
#[derive(Debug)]
pub struct Program {
    child: Mutex<Child>,
    _family: Family,
    _stdin: Option<ChildStdin>,
    errors: Lines,
    stray: Stray,
}

type Lines = Arc<Mutex<VecDeque<String>>>;
type Stray = Arc<Mutex<Vec<u8>>>;

impl Program {
    /// Starts a program and waits until it is ready, no longer than `within`.
    ///
    /// # Errors
    /// [`StartFault`] with the evidence.
    pub async fn start(
        mut command: Command,
        start: &ServerStart,
        within: Duration,
    ) -> Result<(Self, ServerReady), StartFault> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        Family::begin(&mut command);
        let mut child = command.spawn().map_err(|error| StartFault::Spawn(error.to_string()))?;
        let family = Family::of(&child);
        let errors = Lines::default();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(keep_lines(stderr, Arc::clone(&errors)));
        }
        let missing = || StartFault::Spawn("no standard streams".to_owned());
        let mut stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stray = Stray::default();
        let program = |child, stdin| Self {
            child: Mutex::new(child),
            _family: family,
            _stdin: stdin,
            errors,
            stray,
        };

        let message = start.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        // A program that does not read is caught by what it does not answer.
        let _ = stdin.write_all(&[&length[..], &message].concat()).await;
        let _ = stdin.flush().await;
        let read = timeout(within, read_ready(stdout)).await;
        let program = program(child, Some(stdin));
        match read {
            Err(_) => Err(StartFault::Silent {
                seconds: within.as_secs(),
                evidence: program.evidence().await,
            }),
            Ok(Err(NotReady::Stray(bytes))) => Err(StartFault::Stray(bytes)),
            Ok(Err(NotReady::End)) => Err(StartFault::Crash(program.evidence().await)),
            Ok(Ok((ready, rest))) => {
                tokio::spawn(keep_stray(rest, Arc::clone(&program.stray)));
                Ok((program, ready))
            }
        }
    }

    /// How the program ended, if it did.
    pub fn ended(&self) -> Option<String> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// What the program wrote to standard output behind ServerReady.
    pub fn stray(&self) -> Vec<u8> {
        self.stray.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How it ended and the end of its standard error.
    pub async fn evidence(&self) -> String {
        // What was written before the end may still be on its way.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let fate = self.ended().unwrap_or_else(|| "still running".to_owned());
        let lines = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        if lines.is_empty() {
            return format!("{fate}, nothing on standard error");
        }
        format!("{fate}, standard error ends:\n{}", lines.join("\n"))
    }
}

enum NotReady {
    Stray(Vec<u8>),
    End,
}

async fn read_ready(mut stdout: ChildStdout) -> Result<(ServerReady, ChildStdout), NotReady> {
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        if let Some(ready) = parse_ready(&seen)? {
            return Ok((ready, stdout));
        }
        match stdout.read(&mut buffer).await {
            Ok(count @ 1..) => seen.extend(buffer.iter().take(count)),
            _ if seen.is_empty() => return Err(NotReady::End),
            _ => return Err(NotReady::Stray(seen)),
        }
    }
}

/// `None` while bytes are missing.
fn parse_ready(seen: &[u8]) -> Result<Option<ServerReady>, NotReady> {
    let stray = || NotReady::Stray(seen.iter().copied().take(STRAY_MAX).collect());
    let Some((length, rest)) = seen.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if length > READY_MAX {
        return Err(stray());
    }
    if rest.len() < length {
        return Ok(None);
    }
    if rest.len() > length {
        return Err(stray());
    }
    ServerReady::decode(rest).map(Some).map_err(|_| stray())
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

async fn keep_stray(mut stdout: ChildStdout, stray: Stray) {
    let mut buffer = [0; 256];
    while let Ok(count @ 1..) = stdout.read(&mut buffer).await {
        let mut stray = stray.lock().unwrap_or_else(PoisonError::into_inner);
        let room = STRAY_MAX.saturating_sub(stray.len());
        stray.extend(buffer.iter().take(count.min(room)));
    }
}
