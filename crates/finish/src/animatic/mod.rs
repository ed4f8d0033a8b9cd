//! The animatic: a film at its own timing before it is made, every shot shown by the best there is.
//!
//! A shot is a take or a plate, or [`Pictures`]: frames of the stage, storyboard drawings ([`Boards`]), or a
//! [`Slate`] where there is nothing yet. This module knows nothing of how the stage is rendered: its frames are
//! rendered beforehand ([`crate::stage_frames`]) and read from where they are [`Kept`], so that the next animatic is
//! quick.
//!
//! An animatic is derived: it is no master, has no frame map, and nothing of it is kept in the vault.
//!
//! ```
//! use std::sync::Arc;
//! use heirloom_film::{Rate, Size};
//! use heirloom_finish::animatic::{Animatic, AnimaticShot, Shown, Slate};
//!
//! let (size, rate) = (Size::new(160, 90)?, Rate::CINEMA);
//! let slate = Slate::new("cosmos", "010", 24, rate, "A slow tide under the moon.").size(size);
//! let animatic = Animatic {
//!     rate,
//!     size,
//!     title_card: None,
//!     shots: vec![AnimaticShot {
//!         scene: "cosmos".into(),
//!         shot: "010".into(),
//!         frames: 24,
//!         dissolve: 0,
//!         shown: Shown::Pictures(Arc::new(slate)),
//!     }],
//!     sound: None,
//!     burn_in: true,
//! };
//! assert_eq!(animatic.timeline()?.frames(), 24);
//! assert_eq!(animatic.frame(None, 12)?.width(), 160);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod board;
mod burn_in;
mod kept;
mod paint;
mod slate;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_engine::Failure;
use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_picture::ffmpeg::{Ffmpeg, Master};

use crate::cut::{Footage, check_footage};
use crate::error::FinishError;
use crate::master::{Sink, encode_all};
use crate::render::{Program, Renderer, Seen, ShotName};
use crate::timeline::{Layer, Length, Timeline, TimelineError};
use crate::titles::Card;

pub use board::{Board, BoardWarning, Boards, Drawing, Part};
pub use burn_in::strip_top;
pub use kept::{Kept, Labels};
pub use slate::Slate;

use burn_in::{BurnIn, Fields};

/// Pictures of a shot that are no take: of the stage, of drawings, of a slate.
pub trait Pictures: Send + Sync {
    /// Frame `n` of the shot, from 0, in linear ACEScg; a picture of another size is scaled to cover the animatic's
    /// and cropped. Frames are asked for nearly in order, several at a time.
    ///
    /// # Errors
    /// It can not be made; the failure says the mend.
    fn frame(&self, n: u32) -> Result<Image, Failure>;

    /// What the burn-in says of frame `n`.
    fn label(&self, n: u32) -> Label;
}

/// What the burn-in says of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// What it is, in a word or two: `stage`, `board 2/3`.
    pub what: String,
    /// The lens it is seen through.
    pub lens: Option<Lens>,
}

/// A lens at one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lens {
    /// Focal length in millimetres.
    pub focal_mm: f64,
    /// Whether it changes during the shot; then a tenth of a millimetre is always said.
    pub zooms: bool,
}

/// A film at its timing.
#[derive(Clone)]
pub struct Animatic {
    /// Frames a second.
    pub rate: Rate,
    /// Frame size in pixels.
    pub size: Size,
    /// Shown first.
    pub title_card: Option<Card>,
    /// The shots, in order.
    pub shots: Vec<AnimaticShot>,
    /// Laid under from the first frame on, cut or filled with silence to the picture's length.
    pub sound: Option<PathBuf>,
    /// Whether shot, frame, lens and timecode are written at the bottom of the picture.
    pub burn_in: bool,
}

/// One shot of it.
#[derive(Clone)]
pub struct AnimaticShot {
    /// Name of its scene.
    pub scene: String,
    /// Name of the shot.
    pub shot: String,
    /// Length in frames.
    pub frames: u32,
    /// Frames shared with the shot before; 0 for a cut.
    pub dissolve: u32,
    /// What is seen.
    pub shown: Shown,
}

/// What is seen of a shot.
#[derive(Clone)]
pub enum Shown {
    /// The take that was made of it, or its plate.
    Footage(Footage),
    /// Anything else.
    Pictures(Arc<dyn Pictures>),
}

impl Shown {
    fn label(&self, n: u32) -> Label {
        let plain = |what: &str| Label {
            what: what.into(),
            lens: None,
        };
        match self {
            Self::Footage(Footage::Take { .. }) => plain("take"),
            Self::Footage(Footage::Plate(_)) => plain("plate"),
            Self::Pictures(pictures) => pictures.label(n),
        }
    }
}

impl Animatic {
    /// Where everything lies in time: as the film's own cut, without what is left out.
    ///
    /// # Errors
    /// Dissolves that do not fit, or a film without frames.
    pub fn timeline(&self) -> Result<Timeline, TimelineError> {
        let lengths: Vec<Length> = self
            .shots
            .iter()
            .map(|shot| Length {
                frames: shot.frames,
                dissolve: shot.dissolve,
            })
            .collect();
        let title = self.title_card.as_ref().map_or(0, Card::frames);
        Timeline::new(title, &lengths, 0)
    }

    /// One frame as it will be, opaque, in linear ACEScg.
    ///
    /// # Errors
    /// As [`FinishError`] says; a plate needs `ffmpeg`.
    pub fn frame(&self, ffmpeg: Option<&Ffmpeg>, n: u64) -> Result<Image, FinishError> {
        let renderer = Renderer::new(self.program()?, ffmpeg, n..n + 1)?;
        let mut image = renderer.frame(n)?;
        self.burnt_in()(&renderer.layers(n), n, &mut image);
        Ok(image)
    }

    /// Render it into an mp4 (H.264). `progress` hears how many frames are done, of how many. The file gets its name
    /// when it is whole, replacing what had it before. Says how many frames it has.
    ///
    /// # Errors
    /// As [`FinishError`] says, or `cancel` was set: then what was there before is as it was.
    pub fn write(
        &self,
        ffmpeg: &Ffmpeg,
        path: &Path,
        progress: &mut dyn FnMut(u64, u64),
        cancel: &AtomicBool,
    ) -> Result<u64, FinishError> {
        let frames = self.timeline()?.frames();
        let renderer = Renderer::new(self.program()?, Some(ffmpeg), 0..frames)?;
        let sink = Sink {
            ffmpeg,
            size: self.size,
            rate: self.rate,
            sound: self.sound.as_deref(),
            files: &[(Master::Preview, path.to_owned())],
        };
        let burn = self.burnt_in();
        let touch = |n: u64, image: &mut Image| {
            burn(&renderer.layers(n), n, image);
            Ok(())
        };
        encode_all(&renderer, &sink, &touch, progress, cancel)?;
        Ok(frames)
    }

    fn program(&self) -> Result<Program<'_>, FinishError> {
        let mut parts: Vec<Seen<'_>> = Vec::new();
        parts.extend(
            self.title_card
                .iter()
                .filter(|card| card.frames() > 0)
                .map(Seen::Card),
        );
        for shot in &self.shots {
            let name = ShotName {
                scene: &shot.scene,
                shot: &shot.shot,
            };
            parts.push(match &shot.shown {
                Shown::Footage(footage) => {
                    check_footage(&shot.scene, &shot.shot, shot.frames, footage).map_err(FinishError::Cut)?;
                    Seen::Footage { shot: name, footage }
                }
                Shown::Pictures(pictures) => Seen::Pictures {
                    shot: name,
                    pictures: pictures.as_ref(),
                },
            });
        }
        Ok(Program {
            parts,
            timeline: self.timeline()?,
            size: self.size,
            rate: self.rate,
        })
    }

    /// What writes the burn-in of a frame, if there is one.
    fn burnt_in(&self) -> impl Fn(&[Layer], u64, &mut Image) + Sync + '_ {
        let writer = self.burn_in.then(|| BurnIn::new(self.size));
        let cards = usize::from(self.title_card.as_ref().is_some_and(|card| card.frames() > 0));
        let last = self.timeline().map_or(0, |t| t.frames()).saturating_sub(1);
        move |layers, n, image| {
            let Some(writer) = &writer else { return };
            // In a dissolve, the shot that is more there; the later one at half and half.
            let lead = layers
                .iter()
                .max_by(|a, b| a.weight.value().total_cmp(&b.weight.value()));
            let Some((lead, index)) = lead.and_then(|l| Some((l, l.part.checked_sub(cards)?))) else {
                return;
            };
            let Some(shot) = self.shots.get(index) else { return };
            writer.write(
                image,
                &Fields {
                    scene: &shot.scene,
                    shot: &shot.shot,
                    label: shot.shown.label(lead.frame),
                    frame: lead.frame,
                    frames: shot.frames,
                    film_frame: n,
                    film_last: last,
                    rate: self.rate,
                },
            );
        }
    }
}
