//! What a clip is made from beside words: control clips, masks, frames that are given, reference images.
//!
//! All pictures are sRGB codes from 0 to 1 and have the size of the clip that is asked for, but references, which may have
//! any. What a model takes of it, [`Takes`] says: VACE takes all; a model for image to video takes the first frame, or the first
//! and the last; the others take words only. (Jiang and others, "VACE: All-in-One Video Creation and Editing", 2025, arXiv
//! 2503.07598, section 3.2, calls them context frames, masks and references.)
//!
//! ```
//! use heirloom_engine_diffusion::conditions::{Conditions, Mask};
//! use heirloom_engine_diffusion::generate::Clip;
//!
//! // Of a clip of one grey frame the right half is made anew.
//! let clip = Clip { width: 32, height: 16, pixels: vec![[0.2; 3]; 32 * 16] };
//! let values = (0..32 * 16).map(|n| if n % 32 < 16 { 0.0 } else { 1.0 }).collect();
//! let fill = Conditions::fill(clip, Mask { width: 32, height: 16, values })?;
//! assert_eq!(fill.control.unwrap().pixels[20], [0.5; 3]);
//! # Ok::<(), heirloom_engine_diffusion::conditions::ConditionError>(())
//! ```

mod kinds;
mod prepare;
mod settle;

pub use kinds::{Depth, Outline, depth, edges, flow, grey, layout};
pub(crate) use prepare::{Prepared, told};
pub use settle::settle;

use crate::generate::{Ask, Clip};
use crate::model::Model;
use crate::wan::{Takes, TransformerConfig};

/// What stands where nothing is given: middle grey, as the models were trained with.
pub const BLANK: [f32; 3] = [0.5; 3];
/// Above this a mask says that a place is made anew.
pub(crate) const HALF: f32 = 0.5;
/// Strongest scale: past it nothing but noise comes out, and a slip of the pen is likelier.
const MOST_SCALE: f32 = 10.0;

/// What a clip is made from beside words. [`Conditions::default`] is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// A clip that is followed (depth, grey, edges, flow, layout, one of them or several on one picture), or whose places
    /// are kept where [`Conditions::mask`] says so. Its length is that of the clip asked for.
    pub control: Option<Clip>,
    /// Which places of the control clip are kept as they are, and which are made anew. Without it all are made anew, and the
    /// clip is followed everywhere.
    pub mask: Option<Mask>,
    /// The first frame, kept as it is: a clip of one frame.
    pub first: Option<Clip>,
    /// The last frame, kept as it is: a clip of one frame.
    pub last: Option<Clip>,
    /// Pictures of what is to be seen, one frame each, of any size. Each is fitted into the clip's size on white, by two by
    /// two pixels (as the models were trained): a much larger one is better made smaller before.
    pub references: Vec<Clip>,
    /// How strongly all this is followed.
    pub scale: Scale,
}

/// Places to be kept, 0, and to be made anew, 1, frame by frame and row by row. What lies between is told to the model as it
/// is; of the picture itself a place is kept up to 0.5 and made anew above.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Values from 0 to 1, frames one after the other.
    pub values: Vec<f32>,
}

/// How strongly conditions are followed; 1 is as trained, 0 is not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// Alike in all layers.
    Same(f32),
    /// In each layer of the branch for control, from the first to the last.
    Each(Vec<f32>),
}

impl Default for Scale {
    fn default() -> Self {
        Self::Same(1.0)
    }
}

/// Conditions that can not be; each says the mend.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConditionError {
    /// Something that the model does not take.
    #[error("this model is for {takes} and takes no {what}; {mend}")]
    NotTaken {
        /// What was given.
        what: &'static str,
        /// What the model takes beside words.
        takes: Takes,
        /// What to do.
        mend: &'static str,
    },
    /// Another size.
    #[error(
        "the {what} is {width}x{height} pixels and the clip asked for is {asked_width}x{asked_height}; give it in that size"
    )]
    Size {
        /// What was given.
        what: &'static str,
        /// Its pixels in a row.
        width: usize,
        /// Its rows.
        height: usize,
        /// The clip's pixels in a row.
        asked_width: usize,
        /// The clip's rows.
        asked_height: usize,
    },
    /// Another length.
    #[error("the {what} has {frames} frames and {asked} are wanted; give as many")]
    Length {
        /// What was given.
        what: &'static str,
        /// Its frames.
        frames: usize,
        /// Those wanted.
        asked: usize,
    },
    /// Numbers that are no whole pictures.
    #[error(
        "the {what} has {values} pixels, which is no whole number of frames of {width}x{height}; give whole frames"
    )]
    Uneven {
        /// What was given.
        what: &'static str,
        /// Its pixels.
        values: usize,
        /// Its pixels in a row.
        width: usize,
        /// Its rows.
        height: usize,
    },
    /// Numbers out of range, or none at all.
    #[error("the {what} has the value {value}, and its values must be between 0 and 1; give sRGB codes")]
    Value {
        /// What was given.
        what: &'static str,
        /// The first such value.
        value: f32,
    },
    /// A mask of nothing.
    #[error(
        "there is a mask and no control clip of which it could keep anything; give the clip too, or leave the mask away"
    )]
    MaskOfNothing,
    /// Image to video without an image.
    #[error(
        "this model makes a clip from its first frame; give the first frame, or take a model for text to video"
    )]
    NoFirst,
    /// Two frames for one place.
    #[error(
        "a clip of one frame has no last frame beside its first; leave one of them away, or ask for a longer clip"
    )]
    OneFrame,
    /// A scale that is none.
    #[error(
        "the scale of the conditions is {value}, and it must be a number from 0 to {MOST_SCALE}; 1 is as trained"
    )]
    Scale {
        /// What was given.
        value: f32,
    },
    /// Scales for another number of layers.
    #[error(
        "{given} scales are given, and the model has {layers} layers for control; give one number for all, or one for each"
    )]
    Scales {
        /// How many were given.
        given: usize,
        /// How many layers there are.
        layers: usize,
    },
    /// A picture that does not lie within the frame it is put into.
    #[error(
        "a clip of {width}x{height} at {left}, {top} does not lie within {whole_width}x{whole_height}; move it, or make it smaller"
    )]
    Outside {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Pixels from the left.
        left: usize,
        /// Rows from the top.
        top: usize,
        /// The whole's pixels in a row.
        whole_width: usize,
        /// The whole's rows.
        whole_height: usize,
    },
}

impl Conditions {
    /// A clip that is followed everywhere: one of those that [`depth`], [`grey`], [`edges`], [`flow`] and [`layout`] make.
    pub fn follow(control: Clip) -> Self {
        Self {
            control: Some(control),
            ..Self::default()
        }
    }

    /// Inpainting: footage that is kept where the mask is 0. Where it is made anew the footage is blanked, for a model would
    /// follow what it still saw there.
    ///
    /// # Errors
    /// [`ConditionError::Size`], [`ConditionError::Length`] or [`ConditionError::Uneven`] where clip and mask differ.
    pub fn fill(mut footage: Clip, mask: Mask) -> Result<Self, ConditionError> {
        let what = "mask";
        if (mask.width, mask.height) != (footage.width, footage.height) {
            return Err(ConditionError::Size {
                what,
                width: mask.width,
                height: mask.height,
                asked_width: footage.width,
                asked_height: footage.height,
            });
        }
        let frames = whole_frames("control clip", &footage)?;
        if mask.values.len() != footage.pixels.len() {
            return Err(ConditionError::Length {
                what,
                frames: mask.values.len() / (mask.width * mask.height).max(1),
                asked: frames,
            });
        }
        for (pixel, value) in footage.pixels.iter_mut().zip(&mask.values) {
            if *value > HALF {
                *pixel = BLANK;
            }
        }
        Ok(Self {
            mask: Some(mask),
            ..Self::follow(footage)
        })
    }

    /// Outpainting: footage that is kept, `left` and `top` pixels from the corner of a larger frame, and all around it made
    /// anew.
    ///
    /// # Errors
    /// [`ConditionError::Outside`] where it does not lie within, [`ConditionError::Uneven`] for broken frames.
    pub fn extend(
        footage: &Clip,
        [whole_width, whole_height]: [usize; 2],
        [left, top]: [usize; 2],
    ) -> Result<Self, ConditionError> {
        let (width, height) = (footage.width, footage.height);
        let frames = whole_frames("control clip", footage)?;
        let within =
            |at: usize, side: usize, whole: usize| at.checked_add(side).is_some_and(|end| end <= whole);
        if !within(left, width, whole_width) || !within(top, height, whole_height) {
            return Err(ConditionError::Outside {
                width,
                height,
                left,
                top,
                whole_width,
                whole_height,
            });
        }
        let count = frames * whole_width * whole_height;
        let (mut pixels, mut values) = (vec![BLANK; count], vec![1.0; count]);
        for (n, row) in footage.pixels.chunks_exact(width).enumerate() {
            let (frame, row_number) = (n / height, n % height);
            let at = (frame * whole_height + top + row_number) * whole_width + left;
            pixels[at..at + width].copy_from_slice(row);
            values[at..at + width].fill(0.0);
        }
        let (width, height) = (whole_width, whole_height);
        Ok(Self {
            mask: Some(Mask {
                width,
                height,
                values,
            }),
            ..Self::follow(Clip {
                width,
                height,
                pixels,
            })
        })
    }

    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.control.is_none()
            && self.mask.is_none()
            && self.first.is_none()
            && self.last.is_none()
            && self.references.is_empty()
    }

    /// Whether these can be followed by this model in a clip of the size and length of `ask`.
    ///
    /// # Errors
    /// [`ConditionError`], the first that is found.
    pub fn check(&self, model: &Model, ask: &Ask) -> Result<(), ConditionError> {
        self.taken(model.config.takes())?;
        for (what, clip, frames) in [
            ("control clip", &self.control, ask.frames),
            ("first frame", &self.first, 1),
            ("last frame", &self.last, 1),
        ] {
            if let Some(clip) = clip {
                fits(what, [clip.width, clip.height], ask)?;
                has_frames(what, whole_frames(what, clip)?, frames)?;
                in_range(what, clip.pixels.iter().flatten())?;
            }
        }
        for reference in &self.references {
            let what = "reference image";
            has_frames(what, whole_frames(what, reference)?, 1)?;
            in_range(what, reference.pixels.iter().flatten())?;
        }
        if let Some(mask) = &self.mask {
            let what = "mask";
            fits(what, [mask.width, mask.height], ask)?;
            has_frames(
                what,
                counted(what, mask.values.len(), [mask.width, mask.height])?,
                ask.frames,
            )?;
            in_range(what, mask.values.iter())?;
            if self.control.is_none() {
                return Err(ConditionError::MaskOfNothing);
            }
        }
        if ask.frames == 1 && self.first.is_some() && self.last.is_some() {
            return Err(ConditionError::OneFrame);
        }
        if let Scale::Same(value) = self.scale {
            in_scale(value)?;
        }
        let mut experts = std::iter::once(&model.config.transformer).chain(&model.config.second);
        experts.try_for_each(|expert| self.scale.of(expert).map(drop))
    }

    /// Refuses what a model of this kind does not take.
    fn taken(&self, takes: Takes) -> Result<(), ConditionError> {
        let control = [
            ("control clip", self.control.is_some()),
            ("mask", self.mask.is_some()),
            ("reference image", !self.references.is_empty()),
            ("scale of conditions", self.scale != Scale::default()),
        ];
        let frames = [
            ("first frame", self.first.is_some()),
            ("last frame", self.last.is_some()),
        ];
        let found = match takes {
            Takes::Control => None,
            Takes::Frames => control.iter().find(|(_, given)| *given),
            Takes::Words => control.iter().chain(&frames).find(|(_, given)| *given),
        };
        if let Some(&(what, _)) = found {
            let mend = match takes {
                Takes::Words if what.ends_with("frame") => {
                    "leave it away, or take a model that does: Wan 2.2 I2V A14B or Wan 2.1 VACE"
                }
                _ => "leave it away, or take a model that does: Wan 2.1 VACE",
            };
            return Err(ConditionError::NotTaken { what, takes, mend });
        }
        if takes == Takes::Frames && self.first.is_none() {
            return Err(ConditionError::NoFirst);
        }
        Ok(())
    }
}

impl Scale {
    /// A scale for each layer of this transformer's branch.
    pub(crate) fn of(&self, transformer: &TransformerConfig) -> Result<Vec<f32>, ConditionError> {
        let layers = transformer.vace_layers.len();
        match self {
            Self::Same(value) => Ok(vec![*value; layers]),
            Self::Each(values) if values.len() == layers => {
                values.iter().try_for_each(|value| in_scale(*value))?;
                Ok(values.clone())
            }
            Self::Each(values) => Err(ConditionError::Scales {
                given: values.len(),
                layers,
            }),
        }
    }
}

fn in_scale(value: f32) -> Result<(), ConditionError> {
    if (0.0..=MOST_SCALE).contains(&value) {
        Ok(())
    } else {
        Err(ConditionError::Scale { value })
    }
}

/// How many frames so many pixels are.
fn counted(what: &'static str, values: usize, [width, height]: [usize; 2]) -> Result<usize, ConditionError> {
    let frame = width.saturating_mul(height);
    if frame == 0 || values == 0 || !values.is_multiple_of(frame) {
        return Err(ConditionError::Uneven {
            what,
            values,
            width,
            height,
        });
    }
    Ok(values / frame)
}

fn whole_frames(what: &'static str, clip: &Clip) -> Result<usize, ConditionError> {
    counted(what, clip.pixels.len(), [clip.width, clip.height])
}

fn has_frames(what: &'static str, frames: usize, asked: usize) -> Result<(), ConditionError> {
    if frames == asked {
        Ok(())
    } else {
        Err(ConditionError::Length { what, frames, asked })
    }
}

fn fits(what: &'static str, [width, height]: [usize; 2], ask: &Ask) -> Result<(), ConditionError> {
    if (width, height) == (ask.width, ask.height) {
        return Ok(());
    }
    Err(ConditionError::Size {
        what,
        width,
        height,
        asked_width: ask.width,
        asked_height: ask.height,
    })
}

fn in_range<'a>(what: &'static str, mut values: impl Iterator<Item = &'a f32>) -> Result<(), ConditionError> {
    match values.find(|value| !(0.0..=1.0).contains(*value)) {
        Some(value) => Err(ConditionError::Value { what, value: *value }),
        None => Ok(()),
    }
}
