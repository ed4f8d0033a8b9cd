//! Frames of the stage on disk: those that are missing are rendered in order and written on threads of their own.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use heirloom_engine::GuideFrame;
use heirloom_picture::WriteError;
use heirloom_stage::passes::{Passes, RenderError, Renderer, Wanted};

use crate::error::FinishError;
use crate::frames::ExportedFrames;

/// What is to be rendered of a shot, and where it goes.
pub struct StageFrames<'s> {
    /// The shot.
    pub renderer: &'s Renderer<'s>,
    /// Which passes.
    pub passes: Passes,
    /// Which frames of the shot, from 0.
    pub range: Range<u32>,
    /// Whether a frame is there already, whole, made of the same.
    pub is_there: &'s (dyn Fn(u32) -> bool + Sync),
    /// Writes a frame, whole or not at all.
    pub write: &'s (dyn Fn(u32, &GuideFrame) -> Result<(), WriteError> + Sync),
}

impl StageFrames<'_> {
    /// Render and write what is missing. `progress` hears how many frames of the range are there, of how many. A few
    /// frames are in memory at once, however many there are.
    ///
    /// # Errors
    /// A frame can not be rendered or written, or `stop` was raised: what was written until then stays, and the next
    /// call goes on from there.
    pub fn write_missing(
        &self,
        progress: &mut dyn FnMut(u64, u64),
        stop: &AtomicBool,
    ) -> Result<ExportedFrames, FinishError> {
        let total = u64::from(self.range.end.saturating_sub(self.range.start));
        let missing = self.missing();
        let to_write: u64 = missing.iter().map(|run| u64::from(run.end - run.start)).sum();
        let kept = total - to_write;
        progress(kept, total);
        if missing.is_empty() {
            return Ok(ExportedFrames { written: 0, kept });
        }
        // Half the threads are enough to keep up with the renderer, which has them all.
        let writers = rayon::current_num_threads().div_ceil(2).clamp(1, 8);
        let failed: Mutex<Option<WriteError>> = Mutex::new(None);
        let broken = AtomicBool::new(false);
        let (send, receive) = sync_channel::<(u32, GuideFrame)>(writers);
        let receive = Mutex::new(receive);
        let (done, heard) = std::sync::mpsc::channel::<()>();
        let mut written = 0;
        let rendered = std::thread::scope(|scope| {
            for _ in 0..writers {
                let done = done.clone();
                let (receive, failed, broken) = (&receive, &failed, &broken);
                scope.spawn(move || {
                    loop {
                        let next = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok((n, frame)) = next else { break };
                        // After a failure the rest is let go, so that nobody waits for room.
                        if broken.load(Ordering::Relaxed) {
                            continue;
                        }
                        match (self.write)(n, &frame) {
                            Ok(()) => {
                                let _ = done.send(());
                            }
                            Err(error) => {
                                broken.store(true, Ordering::Relaxed);
                                failed
                                    .lock()
                                    .unwrap_or_else(PoisonError::into_inner)
                                    .get_or_insert(error);
                            }
                        }
                    }
                });
            }
            drop(done);
            let mut rendered = Ok(());
            for frames in missing {
                let wanted = Wanted {
                    frames,
                    passes: self.passes,
                    window: None,
                };
                let run = self.renderer.render(&wanted, stop, |n, frame| {
                    let sent = send.send((n, std::mem::take(frame))).is_ok();
                    while heard.try_recv().is_ok() {
                        written += 1;
                        progress(kept + written, total);
                    }
                    if sent && !broken.load(Ordering::Relaxed) {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                });
                if let Err(error) = run {
                    rendered = Err(error);
                    break;
                }
                if broken.load(Ordering::Relaxed) {
                    break;
                }
            }
            drop(send);
            while heard.recv().is_ok() {
                written += 1;
                progress(kept + written, total);
            }
            rendered
        });
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error.into());
        }
        match rendered {
            Ok(()) if written == to_write => Ok(ExportedFrames { written, kept }),
            Ok(()) => Err(FinishError::Fault),
            Err(RenderError::Stopped) => Err(FinishError::Cancelled),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs of frames that are not there.
    fn missing(&self) -> Vec<Range<u32>> {
        let mut runs: Vec<Range<u32>> = Vec::new();
        for n in self.range.clone().filter(|n| !(self.is_there)(*n)) {
            match runs.last_mut() {
                Some(run) if run.end == n => run.end = n + 1,
                _ => runs.push(n..n + 1),
            }
        }
        runs
    }
}
