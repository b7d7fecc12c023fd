//! A program under test and all that it started, which are ended together.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// The programs of one command: `sh -c` is rarely the one that serves. Dropping it kills them, so
/// that nothing is left behind, and what is to be killed in the middle of its work does not go on.
#[derive(Debug)]
pub struct Family {
    group: Option<Pid>,
    killed: AtomicBool,
}

impl Family {
    /// Gives a command that is about to be started a group of its own.
    pub fn begin(command: &mut Command) {
        command.process_group(0);
    }

    /// The family of a program that was started so.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self { group: id.and_then(Pid::from_raw), killed: AtomicBool::new(false) }
    }

    /// Kills all of it, at once, and once only: the number of a family that is gone may soon be
    /// that of another.
    pub fn kill(&self) {
        if let Some(group) = self.group
            && !self.killed.swap(true, Ordering::Relaxed)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    /// What a shell starts is found by its standard output, which it keeps open as long as it lives.
    #[tokio::test]
    async fn what_a_program_started_ends_with_it() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & echo $!; wait"]).stdout(Stdio::piped());
        command.kill_on_drop(true);
        Family::begin(&mut command);
        let mut child = command.spawn().unwrap();
        let family = Family::of(&child);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let started = lines.next_line().await.unwrap().unwrap();
        assert!(started.parse::<u32>().is_ok(), "{started}");
        drop(family);
        let end = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await;
        assert_eq!(end.expect("it still holds the pipe").unwrap(), None);
    }
}
