//! A running ffmpeg whose words are taken down while it works, so that it never waits for a reader,
//! and which ends with its owner.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use super::FfmpegError;

/// As much of a program's words as is kept: the last so many bytes.
const KEPT: usize = 64 << 10;

pub(super) struct Process {
    child: Child,
    words: Option<JoinHandle<String>>,
}

impl Process {
    /// Starts the command; standard input and output are as it has them set.
    pub fn start(command: &mut Command) -> Result<Self, FfmpegError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let unusable = |why: std::io::Error| FfmpegError::Unusable {
            program,
            why: why.to_string(),
        };
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(unusable)?;
        let words = child.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let (mut kept, mut block) = (Vec::new(), [0; 4096]);
                while let Ok(n @ 1..) = stderr.read(&mut block) {
                    kept.extend_from_slice(&block[..n]);
                    if kept.len() > 2 * KEPT {
                        kept.drain(..kept.len() - KEPT);
                    }
                }
                String::from_utf8_lossy(&kept).trim().to_owned()
            })
        });
        Ok(Self { child, words })
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the end. Gives what the program said, and whether it was content.
    pub fn end(&mut self) -> (bool, String) {
        drop(self.child.stdin.take());
        let status = self.child.wait();
        let mut words = self.words.take().and_then(|w| w.join().ok()).unwrap_or_default();
        let content = status.as_ref().is_ok_and(ExitStatus::success);
        if words.is_empty() && !content {
            words = match status {
                Ok(status) => format!("(nothing; it ended with {status})"),
                Err(error) => format!("(nothing; {error})"),
            };
        }
        (content, words)
    }

    /// Stops the program now.
    pub fn stop(&mut self) {
        // It may have ended by itself: then there is nothing to stop.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}
