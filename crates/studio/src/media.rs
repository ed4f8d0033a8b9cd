//! Posters, clips and frames of takes, made when they are first asked for.
//!
//! Posters and clips are kept under the film's `work/look` by the take's hash, so that they never go stale. All of that
//! folder may be deleted. Of what is made at a time there are a few at most: the machine has takes to draw.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_dailies::takes::{self, TakeError};
use heirloom_engine::{Engines, Failure};
use heirloom_picture::ffmpeg::FfmpegError;
use heirloom_picture::preview::JpegError;
use heirloom_picture::{WriteError, write_whole};
use heirloom_vault::{ObjectId, Vault};
use tokio::sync::{Mutex as Turn, OwnedSemaphorePermit, Semaphore};

use crate::answer::{Refusal, aside};
use crate::pixels::{self, Opened};
use crate::shot::Look;

/// Pixels on the longer side of posters and clips.
const SIDE: u32 = 480;
/// Clips made at a time.
const CLIPS: usize = 2;
/// Posters and frames made at a time.
const PICTURES: usize = 3;
/// Takes kept open: two that are compared, and those that were looked at before them. An open take holds its photographs.
const OPEN: usize = 4;

/// A picture of a take could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MediaError {
    /// The take can not be read.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// The engine can not open it, or a frame of it can not be made.
    #[error("{0}")]
    Engine(#[from] Failure),
    /// ffmpeg's words.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// JPEG's.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The folder could not be made.
    #[error("{} could not be made ({source}): see that there is room and that you may write there", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// The take is shorter.
    #[error("the take has {frames} frames, counted from 0, and no frame {n}")]
    NoFrame {
        /// The frame asked for.
        n: u32,
        /// How many there are.
        frames: u32,
    },
    /// The server ends.
    #[error("the viewer was stopped; start it again")]
    Stopped,
}

/// A picture file's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coded {
    Png,
    Jpeg,
}

/// What makes pictures of takes.
pub(crate) struct Media {
    folder: PathBuf,
    vault: Arc<Vault>,
    engines: Engines,
    clips: Arc<Semaphore>,
    pictures: Arc<Semaphore>,
    /// Whoever makes a file holds its lock; who asks for the same meanwhile waits and finds it there.
    turns: Mutex<HashMap<PathBuf, Arc<Turn<()>>>>,
    open: Mutex<Vec<(ObjectId, Arc<Opened>)>>,
    stop: Arc<AtomicBool>,
}

impl Media {
    pub(crate) fn new(look: &Look, stop: Arc<AtomicBool>) -> Arc<Self> {
        Arc::new(Self {
            folder: look.folder.join("work").join("look"),
            vault: look.vault.clone(),
            engines: look.engines.clone(),
            clips: Arc::new(Semaphore::new(CLIPS)),
            pictures: Arc::new(Semaphore::new(PICTURES)),
            turns: Mutex::new(HashMap::new()),
            open: Mutex::new(Vec::new()),
            stop,
        })
    }

    /// The file of a take's poster, a JPEG.
    pub(crate) async fn poster(self: &Arc<Self>, take: ObjectId) -> Result<PathBuf, Refusal> {
        let path = self.folder.join(format!("{take}-{SIDE}.jpg"));
        let media = self.clone();
        self.file(path, self.pictures.clone(), move |path| {
            let bytes = media.opened(&take)?.poster(SIDE)?;
            Ok(write_whole(path, &bytes)?)
        })
        .await
    }

    /// The file of a take's clip, H.264 in MP4.
    pub(crate) async fn clip(self: &Arc<Self>, take: ObjectId) -> Result<PathBuf, Refusal> {
        let path = self.folder.join(format!("{take}-{SIDE}.mp4"));
        let media = self.clone();
        self.file(path, self.clips.clone(), move |path| {
            media.opened(&take)?.clip(SIDE, path, &media.stop)
        })
        .await
    }

    /// A frame at the take's own size, as a file's bytes. Not kept: a browser keeps it, and there are many.
    pub(crate) async fn frame(
        self: &Arc<Self>,
        take: ObjectId,
        n: u32,
        coded: Coded,
    ) -> Result<Vec<u8>, Refusal> {
        let permit = permit(self.pictures.clone()).await?;
        let media = self.clone();
        aside(move || {
            let _held = permit;
            let image = media.opened(&take)?.frame(n)?;
            match coded {
                Coded::Png => pixels::png(&image),
                Coded::Jpeg => pixels::jpeg(&image),
            }
        })
        .await
    }

    /// A file, made where it is not there; by one at a time.
    async fn file(
        self: &Arc<Self>,
        path: PathBuf,
        room: Arc<Semaphore>,
        make: impl FnOnce(&std::path::Path) -> Result<(), MediaError> + Send + 'static,
    ) -> Result<PathBuf, Refusal> {
        if path.is_file() {
            return Ok(path);
        }
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.entry(path.clone()).or_default().clone()
        };
        // Lock and permit go with the work: who asked may be gone before it is done.
        let turn = turn.lock_owned().await;
        if path.is_file() {
            return Ok(path);
        }
        let permit = permit(room).await?;
        let media = self.clone();
        aside(move || {
            let _held = permit;
            std::fs::create_dir_all(&media.folder).map_err(|source| MediaError::Folder {
                path: media.folder.clone(),
                source,
            })?;
            let made = make(&path);
            drop(turn);
            let mut turns = media.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            drop(turns);
            made.map(|()| path)
        })
        .await
    }

    /// A take, open; the one that was not asked for longest is let go.
    fn opened(&self, take: &ObjectId) -> Result<Arc<Opened>, MediaError> {
        let lock = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut open = lock();
            if let Some(at) = open.iter().position(|(id, _)| id == take) {
                let found = open.remove(at);
                let opened = found.1.clone();
                open.push(found);
                return Ok(opened);
            }
        }
        let opened = Arc::new(Opened::new(
            &takes::open(&self.vault, take)?,
            &self.engines,
            &self.vault,
        )?);
        let mut open = lock();
        if open.len() >= OPEN {
            open.remove(0);
        }
        open.push((*take, opened.clone()));
        Ok(opened)
    }
}

async fn permit(room: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
    room.acquire_owned().await.map_err(|_| MediaError::Stopped.into())
}
