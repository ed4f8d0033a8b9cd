//! The cut: what is shown, in which order, from which footage.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_engine::conform::Conformed;
use heirloom_engine::{Failure, TakeFrames};
use heirloom_film::{Id, Rate, Size};
use heirloom_picture::ffmpeg::{Ffmpeg, FfmpegError};
use heirloom_picture::{Image, resample};
use heirloom_vault::ObjectId;

use crate::timeline::{Length, Timeline, TimelineError};
use crate::titles::Card;

/// A film as it is put together: shots in order, with a title card before and credits after.
#[derive(Debug, Clone)]
pub struct Cut {
    /// The film's title.
    pub title: String,
    /// Frames a second.
    pub rate: Rate,
    /// Frame size in pixels.
    pub size: Size,
    /// The shots, in order.
    pub items: Vec<CutItem>,
    /// Shown first.
    pub title_card: Option<Card>,
    /// Shown last.
    pub credits: Option<Card>,
    /// Laid under from the first frame on, cut or filled with silence to the picture's length.
    pub sound: Option<PathBuf>,
}

/// One shot in the cut.
#[derive(Debug, Clone)]
pub struct CutItem {
    /// Name of its scene.
    pub scene: String,
    /// Name of the shot.
    pub shot: String,
    /// The shot's stable id.
    pub shot_id: Option<Id>,
    /// Length in frames.
    pub frames: u32,
    /// Frames shared with the shot before; 0 for a cut.
    pub dissolve: u32,
    /// What is seen.
    pub footage: Footage,
}

/// Where a shot's frames come from.
#[derive(Clone)]
pub enum Footage {
    /// A take; its frames from 0 on.
    Take {
        /// Hash of its manifest.
        id: ObjectId,
        /// The opened take, at the film's rate.
        frames: Arc<dyn TakeFrames>,
        /// The take's own frames a second, where it was conformed to the film's.
        conformed_from: Option<Rate>,
    },
    /// A clip of live action, scaled to cover the film's size and cropped evenly.
    Plate(Plate),
}

/// A trimmed clip of the archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Plate {
    /// The clip's object.
    pub source: ObjectId,
    /// A file holding it.
    pub path: PathBuf,
    /// First frame shown, counted from 0 at the film's rate.
    pub start: u32,
    /// Pixels of its frames, across and down, upright.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Its own frames a second.
    pub rate: Rate,
}

impl Footage {
    /// A take whose frames are at `own`, in a film at `film`: conformed where the two differ ([`Conformed`]).
    pub fn of_take(id: ObjectId, frames: Arc<dyn TakeFrames>, own: Rate, film: Rate) -> Self {
        match own == film {
            true => Self::Take {
                id,
                frames,
                conformed_from: None,
            },
            false => Self::Take {
                id,
                frames: Arc::new(Conformed::new(frames, own, film)),
                conformed_from: Some(own),
            },
        }
    }
}

impl Plate {
    /// Look into a clip.
    ///
    /// # Errors
    /// It can not be read as a clip.
    pub fn probe(ffmpeg: &Ffmpeg, source: ObjectId, path: &Path, start: u32) -> Result<Self, FfmpegError> {
        let clip = ffmpeg.probe(path)?;
        Ok(Self {
            source,
            path: path.into(),
            start,
            width: clip.width,
            height: clip.height,
            rate: clip.rate,
        })
    }
}

/// The frame of a clip at `clip_rate` that is on screen in frame `frame` at `film_rate`, both from 0.
pub fn conformed(frame: u64, film_rate: Rate, clip_rate: Rate) -> u64 {
    let up = u128::from(frame) * u128::from(clip_rate.num()) * u128::from(film_rate.den());
    let down = u128::from(clip_rate.den()) * u128::from(film_rate.num());
    u64::try_from(up / down.max(1)).unwrap_or(u64::MAX)
}

impl fmt::Debug for Footage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Take { id, .. } => f.debug_struct("Take").field("id", id).finish_non_exhaustive(),
            Self::Plate(plate) => plate.fmt(f),
        }
    }
}

/// A part of the cut, as [`Timeline`] counts them.
#[derive(Clone, Copy)]
pub(crate) enum PartOf<'c> {
    Title(&'c Card),
    Shot(&'c CutItem),
    Credits(&'c Card),
}

impl Cut {
    /// Where everything lies in time.
    ///
    /// # Errors
    /// Dissolves that do not fit, or a film without frames.
    pub fn timeline(&self) -> Result<Timeline, TimelineError> {
        let lengths: Vec<Length> = self
            .items
            .iter()
            .map(|item| Length {
                frames: item.frames,
                dissolve: item.dissolve,
            })
            .collect();
        let card = |card: &Option<Card>| card.as_ref().map_or(0, Card::frames);
        Timeline::new(card(&self.title_card), &lengths, card(&self.credits))
    }

    /// The cut of one shot alone, without cards and sound: for exporting its frames.
    pub fn of_shot(&self, scene: &str, shot: &str) -> Option<Self> {
        let item = self
            .items
            .iter()
            .find(|item| item.scene == scene && item.shot == shot)?;
        Some(Self {
            items: vec![CutItem {
                dissolve: 0,
                ..item.clone()
            }],
            title_card: None,
            credits: None,
            sound: None,
            ..self.clone()
        })
    }

    /// The parts in the order of the timeline.
    pub(crate) fn parts(&self) -> Vec<PartOf<'_>> {
        let shown = |card: &&Card| card.frames() > 0;
        let title = self.title_card.as_ref().filter(shown).map(PartOf::Title);
        let credits = self.credits.as_ref().filter(shown).map(PartOf::Credits);
        title
            .into_iter()
            .chain(self.items.iter().map(PartOf::Shot))
            .chain(credits)
            .collect()
    }

    /// That every take is as long as its shot, found out before anything is rendered.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        for item in &self.items {
            check_footage(&item.scene, &item.shot, item.frames, &item.footage)?;
        }
        for card in self.title_card.iter().chain(&self.credits) {
            if card.size() != self.size {
                return Err(Failure::lasting(
                    "input",
                    format!(
                        "a card was drawn at {} for a film of {}; draw it anew",
                        card.size(),
                        self.size
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// That a shot's take is long enough.
pub(crate) fn check_footage(scene: &str, shot: &str, frames: u32, footage: &Footage) -> Result<(), Failure> {
    match footage {
        Footage::Take { id, frames: take, .. } if take.frames() < frames => Err(Failure::lasting(
            "input",
            format!(
                "shot {scene}/{shot} has {frames} frames, but its take {} only {}; make the shot again",
                id.short(),
                take.frames()
            ),
        )),
        _ => Ok(()),
    }
}

/// A picture at the film's size.
pub(crate) fn fitted(image: Image, size: Size) -> Image {
    if (image.width(), image.height()) == (size.width, size.height) {
        image
    } else {
        resample::cover(&image, size.width, size.height)
    }
}

/// How [`fitted`] places a picture: the size it is scaled to, and how much of its left and top is cropped.
pub(crate) fn placement(from: (u32, u32), size: Size) -> ((u64, u64), (u64, u64)) {
    let (from_width, from_height) = (u64::from(from.0).max(1), u64::from(from.1).max(1));
    let (w, h) = (u64::from(size.width), u64::from(size.height));
    let scaled = if w * from_height >= h * from_width {
        (w, ((2 * from_height * w + from_width) / (2 * from_width)).max(h))
    } else {
        (((2 * from_width * h + from_height) / (2 * from_height)).max(w), h)
    };
    (scaled, ((scaled.0 - w) / 2, (scaled.1 - h) / 2))
}
