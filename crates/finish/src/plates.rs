//! Frames of a plate, decoded in order, handed out to workers that ask a little out of order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_picture::ffmpeg::{Ffmpeg, FfmpegError, Frames};

use crate::cut::{Plate, conformed};

/// A plate's frames `first..end` of its shot, each of which is asked for once.
pub(crate) struct PlateReader<'c> {
    ffmpeg: &'c Ffmpeg,
    plate: &'c Plate,
    rate: Rate,
    size: Size,
    end: u32,
    state: Mutex<State>,
}

struct State {
    decoder: Option<Frames>,
    /// Frame of the clip that the decoder gives next.
    next_clip_frame: u64,
    /// The frame it gave last.
    last: Option<Arc<Image>>,
    /// Frame of the shot that is handed out or kept next.
    next: u32,
    /// Decoded, not yet asked for.
    kept: BTreeMap<u32, Arc<Image>>,
}

impl<'c> PlateReader<'c> {
    pub fn new(
        ffmpeg: &'c Ffmpeg,
        plate: &'c Plate,
        rate: Rate,
        size: Size,
        frames: std::ops::Range<u32>,
    ) -> Self {
        let state = State {
            decoder: None,
            next_clip_frame: 0,
            last: None,
            next: frames.start,
            kept: BTreeMap::new(),
        };
        Self {
            ffmpeg,
            plate,
            rate,
            size,
            end: frames.end,
            state: Mutex::new(state),
        }
    }

    fn clip_frame(&self, frame: u32) -> u64 {
        conformed(
            u64::from(self.plate.start) + u64::from(frame),
            self.rate,
            self.plate.rate,
        )
    }

    /// Frame `frame` of the shot, at the film's size.
    pub fn frame(&self, frame: u32) -> Result<Arc<Image>, FfmpegError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.next <= frame && state.next < self.end {
            let image = self.decode(&mut state)?;
            let at = state.next;
            state.kept.insert(at, image);
            state.next += 1;
        }
        if state.next >= self.end {
            state.decoder = None;
        }
        state.kept.remove(&frame).ok_or_else(|| FfmpegError::ClipEnds {
            path: self.plate.path.clone(),
            start: self.clip_frame(0),
            count: self.clip_frame(frame) + 1 - self.clip_frame(0),
            had: state.next_clip_frame,
        })
    }

    /// The clip's frame for the shot's next one: the same again where the clip is slower than the film.
    fn decode(&self, state: &mut State) -> Result<Arc<Image>, FfmpegError> {
        let wanted = self.clip_frame(state.next);
        if state.decoder.is_none() && state.last.is_none() {
            let count = self.clip_frame(self.end - 1) - wanted + 1;
            state.decoder = Some(self.ffmpeg.frames(&self.plate.path, wanted, count, self.size)?);
            state.next_clip_frame = wanted;
        }
        while state.next_clip_frame <= wanted {
            let Some(image) = state.decoder.as_mut().and_then(Iterator::next) else {
                break;
            };
            state.last = Some(Arc::new(image?));
            state.next_clip_frame += 1;
        }
        match &state.last {
            Some(image) if state.next_clip_frame > wanted => Ok(image.clone()),
            _ => Err(FfmpegError::ClipEnds {
                path: self.plate.path.clone(),
                start: self.clip_frame(0),
                count: wanted + 1 - self.clip_frame(0),
                had: state.next_clip_frame,
            }),
        }
    }
}
