//! Masters: the cut rendered once, into every file that is asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use heirloom_film::{Rate, Size};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, FfmpegError, Master};
use heirloom_picture::{Image, color};

use crate::cut::Cut;
use crate::error::FinishError;
use crate::frame_map::FrameMap;
use crate::render::{Program, Renderer, in_order};

/// What was made.
#[derive(Debug, Clone)]
pub struct Mastered {
    /// Length in frames.
    pub frames: u64,
    /// The files, in the order they were asked for.
    pub files: Vec<PathBuf>,
    /// What every frame is made of; the same for all files.
    pub frame_map: FrameMap,
}

type Codes = Arc<Vec<[u16; 3]>>;

/// Render `cut` once and encode it into every file of `files`. `progress` hears how many frames are done, of how
/// many. The files get their names together at the end, replacing what had them before.
///
/// The same cut gives the same bytes on the same machine with the same ffmpeg, for any number of threads.
///
/// # Errors
/// As [`FinishError`] says, or `cancel` was set: then what was there before is as it was, and nothing is left.
pub fn master(
    cut: &Cut,
    ffmpeg: &Ffmpeg,
    files: &[(Master, PathBuf)],
    progress: &mut dyn FnMut(u64, u64),
    cancel: &AtomicBool,
) -> Result<Mastered, FinishError> {
    let frame_map = FrameMap::of(cut)?;
    let frames = frame_map.frames();
    let renderer = Renderer::new(Program::of(cut)?, Some(ffmpeg), 0..frames)?;
    let sink = Sink {
        ffmpeg,
        size: cut.size,
        rate: cut.rate,
        sound: cut.sound.as_deref(),
        files,
    };
    encode_all(&renderer, &sink, &|_, _| Ok(()), progress, cancel)?;
    Ok(Mastered {
        frames,
        files: files.iter().map(|(_, path)| path.clone()).collect(),
        frame_map,
    })
}

/// Where rendered frames go.
pub(crate) struct Sink<'s> {
    pub ffmpeg: &'s Ffmpeg,
    pub size: Size,
    pub rate: Rate,
    pub sound: Option<&'s Path>,
    pub files: &'s [(Master, PathBuf)],
}

/// What is done to a frame between rendering and encoding, several at a time.
pub(crate) type Touch<'t> = &'t (dyn Fn(u64, &mut Image) -> Result<(), FinishError> + Sync);

/// Render a whole program into every file of the sink; the files get their names together at the end.
pub(crate) fn encode_all(
    renderer: &Renderer<'_>,
    sink: &Sink<'_>,
    touch: Touch<'_>,
    progress: &mut dyn FnMut(u64, u64),
    cancel: &AtomicBool,
) -> Result<(), FinishError> {
    let frames = renderer.frames();
    let making = Making::begin(sink.files)?;
    progress(0, frames);
    std::thread::scope(|scope| {
        let encoders = sink
            .files
            .iter()
            .zip(&making.parts)
            .map(|((kind, _), part)| Encoding::start(scope, sink, *kind, part))
            .collect::<Result<Vec<_>, _>>()?;
        let rendered = in_order(
            renderer,
            cancel,
            &|_| false,
            &|n, mut image| {
                touch(n, &mut image)?;
                Ok(Arc::new(color::to_video16(&image)))
            },
            |n, codes: Option<Codes>| {
                for encoder in &encoders {
                    // An encoder that has ended early says why when it is joined.
                    let sent = codes
                        .as_ref()
                        .is_none_or(|c| encoder.frames.send(c.clone()).is_ok());
                    if !sent {
                        return Err(FinishError::Fault);
                    }
                }
                progress(n + 1, frames);
                Ok(())
            },
        );
        // Whether all frames are there decides if the encoders finish their files or drop them.
        let whole = rendered.is_ok();
        let ends: Vec<_> = encoders.into_iter().map(|encoder| encoder.end(whole)).collect();
        for end in ends {
            end?;
        }
        rendered
    })?;
    making.give_names()
}

/// One encoder on a thread of its own.
struct Encoding<'s> {
    frames: SyncSender<Codes>,
    whole: SyncSender<bool>,
    thread: ScopedJoinHandle<'s, Result<(), FfmpegError>>,
}

impl<'s> Encoding<'s> {
    fn start<'e>(
        scope: &'s Scope<'s, 'e>,
        sink: &Sink<'_>,
        kind: Master,
        part: &Path,
    ) -> Result<Self, FinishError> {
        let encoder = Encoder::start(sink.ffmpeg, kind, part, sink.size, sink.rate, sink.sound)?;
        let (frames, incoming) = sync_channel(2);
        let (whole, verdict) = sync_channel(1);
        let thread = scope.spawn(move || encode(encoder, &incoming, &verdict));
        Ok(Self {
            frames,
            whole,
            thread,
        })
    }

    fn end(self, whole: bool) -> Result<(), FinishError> {
        drop(self.frames);
        // Fails only when the thread is over already; then its own error tells more.
        let _ = self.whole.send(whole);
        self.thread
            .join()
            .map_err(|_| FinishError::Fault)?
            .map_err(Into::into)
    }
}

fn encode(mut encoder: Encoder, frames: &Receiver<Codes>, whole: &Receiver<bool>) -> Result<(), FfmpegError> {
    for codes in frames {
        encoder.push(&codes)?;
    }
    if whole.recv() == Ok(true) {
        encoder.finish()
    } else {
        Ok(())
    }
}

/// Masters in a folder beside their place, until all are done.
struct Making {
    folders: Vec<PathBuf>,
    parts: Vec<PathBuf>,
    places: Vec<PathBuf>,
}

impl Making {
    /// Clears what a killed run left and makes room for this one.
    fn begin(files: &[(Master, PathBuf)]) -> Result<Self, FinishError> {
        let mut making = Self {
            folders: Vec::new(),
            parts: Vec::new(),
            places: Vec::new(),
        };
        for (_, place) in files {
            let name = place.file_name().unwrap_or_default();
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(".making");
            let folder = place.with_file_name(hidden);
            let io = |source| FinishError::Io {
                path: folder.clone(),
                source,
            };
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
                _ => {}
            }
            std::fs::create_dir_all(&folder).map_err(io)?;
            making.parts.push(folder.join(name));
            making.folders.push(folder);
            making.places.push(place.clone());
        }
        Ok(making)
    }

    fn give_names(self) -> Result<(), FinishError> {
        for (part, place) in self.parts.iter().zip(&self.places) {
            std::fs::rename(part, place).map_err(|source| FinishError::Io {
                path: place.clone(),
                source,
            })?;
        }
        Ok(())
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        for folder in &self.folders {
            // What can not be removed now is removed by the next run.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
