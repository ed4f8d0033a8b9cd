//! What an engine can do, as data: what goes in, at which sizes, lengths and rates, and what holds of its results.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_film::{Rate, Setting, Size};
use serde::{Deserialize, Serialize};

use crate::conform;
use crate::request::Param;

/// A kind of picture an engine is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Task {
    /// A new picture out of sources, held for the shot's length.
    Still,
    /// A photograph that lives: a new variation of the sources, set in motion.
    Living,
    /// One photograph becoming another.
    Becoming,
    /// A shot that follows the stage's passes: the request names its guides.
    Guided,
    /// A plate (a photograph or a clip, the first source) with what a mask names filled anew.
    Fill,
    /// A clip (the first source) gone on with beyond its end.
    Extend,
    /// A clip (the first source) in the matter of the other sources.
    Style,
    /// The frames between two stills of one scene.
    Between,
    /// A clip (the one source) slowed down.
    Slow,
    /// A take of any engine ([`crate::settings::OF_TAKE`]) cared for: its flicker taken off, its size made the film's.
    Care,
}

/// What an engine does with words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    /// Words change nothing: they are left out of the request, so editing them costs nothing.
    Ignored,
    /// Words are read where they are given.
    Optional,
    /// Nothing is made without words.
    Required,
}

/// Which lengths an engine gives, in frames: `first + n * step`, from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lengths {
    /// Shortest length in frames.
    pub min_frames: u32,
    /// Longest length in frames.
    pub max_frames: u32,
    /// Distance between lengths (Wan: 4).
    pub step_frames: u32,
    /// Offset of the lengths (Wan: 1, for 4n+1).
    pub first_frames: u32,
}

impl Lengths {
    /// Any length from one frame to `max_frames`.
    pub const fn any(max_frames: u32) -> Self {
        Self {
            min_frames: 1,
            max_frames,
            step_frames: 1,
            first_frames: 0,
        }
    }

    /// The shortest length of `frames` or more; none where that is past the longest.
    pub fn at_least(&self, frames: u32) -> Option<u32> {
        let (step, least) = (
            self.step_frames.max(1),
            frames.max(self.min_frames).max(self.first_frames),
        );
        let more = (least - self.first_frames).div_ceil(step).checked_mul(step)?;
        let next = self.first_frames.checked_add(more)?;
        (next <= self.max_frames).then_some(next)
    }

    /// Whether a length of `frames` can be asked for.
    pub fn allows(&self, frames: u32) -> bool {
        let step = self.step_frames.max(1);
        (self.min_frames..=self.max_frames).contains(&frames)
            && frames >= self.first_frames
            && (frames - self.first_frames).is_multiple_of(step)
    }
}

/// Which picture sizes an engine gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sizes {
    /// Every size up to so many pixels, each side at least `min_side`.
    UpTo {
        /// Most pixels in one frame.
        max_pixels: u64,
        /// Shortest side in pixels.
        min_side: u32,
    },
    /// Sides in steps of so many pixels, up to so many pixels in all.
    Grid {
        /// What both sides are multiples of.
        step: u32,
        /// Most pixels in one frame.
        max_pixels: u64,
    },
    /// Only these.
    Only(Vec<Size>),
}

impl Sizes {
    /// The size that is asked for where a picture is to cover `size`: that itself where it can be had, else what is cropped
    /// least, and of that the smallest that covers it, or the largest.
    pub fn covering(&self, size: Size) -> Size {
        if self.allows(size) {
            return size;
        }
        let all: Vec<Size> = match self {
            Self::UpTo { .. } => return size,
            Self::Only(list) => list.clone(),
            Self::Grid { step, max_pixels } => {
                let step = (*step).max(1);
                let up = |side: u32| side.div_ceil(step).saturating_mul(step);
                let covering = Size {
                    width: up(size.width),
                    height: up(size.height),
                };
                if self.allows(covering) {
                    return covering;
                }
                // As large as may be, in the film's shape: one side on the grid, the other at the next place.
                let (w, h) = (f64::from(size.width), f64::from(size.height));
                let most = (*max_pixels as f64 / (w * h)).sqrt().min(1.0);
                let steps = |side: f64| (side / f64::from(step)) as u32;
                let wide = steps(w * most).max(1);
                (wide.saturating_sub(2).max(1)..=wide + 1)
                    .flat_map(|across| {
                        let down = steps(f64::from(across * step) * h / w).max(1);
                        [down, down + 1].map(|down| Size {
                            width: across * step,
                            height: down * step,
                        })
                    })
                    .filter(|size| self.allows(*size))
                    .collect()
            }
        };
        // The share of a picture that is cropped, in thousandths: finer differences are not seen.
        let cropped = |of: &Size| {
            let (a, b) = (
                u64::from(of.width) * u64::from(size.height),
                u64::from(of.height) * u64::from(size.width),
            );
            1000 - 1000 * a.min(b) / a.max(b).max(1)
        };
        let pixels = |of: &Size| u64::from(of.width) * u64::from(of.height);
        let covers = |of: &Size| of.width >= size.width && of.height >= size.height;
        let worst = |of: &Size| match covers(of) {
            true => (cropped(of), 0, pixels(of)),
            false => (cropped(of), 1, u64::MAX - pixels(of)),
        };
        all.into_iter().min_by_key(worst).unwrap_or(size)
    }

    /// Whether a frame of `size` can be asked for.
    pub fn allows(&self, size: Size) -> bool {
        match self {
            Self::UpTo { max_pixels, min_side } => {
                u64::from(size.width) * u64::from(size.height) <= *max_pixels
                    && size.width.min(size.height) >= *min_side
            }
            Self::Grid { step, max_pixels } => {
                let step = (*step).max(1);
                size.width.is_multiple_of(step)
                    && size.height.is_multiple_of(step)
                    && u64::from(size.width) * u64::from(size.height) <= *max_pixels
            }
            Self::Only(list) => list.contains(&size),
        }
    }
}

/// Which frame rates an engine works at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rates {
    /// The film's own, whatever it is.
    Any,
    /// Only these; conforming to the film's rate is a recorded step.
    Only(Vec<Rate>),
}

impl Rates {
    /// The rate that is asked for where the film has `rate`: that itself, else the next higher, else the highest.
    pub fn nearest(&self, rate: Rate) -> Rate {
        let Self::Only(list) = self else { return rate };
        let of = |rate: &Rate| f64::from(rate.num()) / f64::from(rate.den());
        if list.contains(&rate) {
            return rate;
        }
        let higher = list.iter().filter(|own| of(own) >= of(&rate));
        let next = higher.min_by(|a, b| of(a).total_cmp(&of(b)));
        let most = || list.iter().max_by(|a, b| of(a).total_cmp(&of(b)));
        next.or_else(most).copied().unwrap_or(rate)
    }

    /// Whether frames at `rate` can be asked for.
    pub fn allows(&self, rate: Rate) -> bool {
        match self {
            Self::Any => true,
            Self::Only(list) => list.contains(&rate),
        }
    }
}

/// How far the same draw gives the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// On any machine.
    Everywhere,
    /// On the same machine and build.
    SameMachine,
    /// Never: each draw is its own chance.
    Never,
}

/// What one draw costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Price {
    /// Nothing but time.
    Free,
    /// So many US dollars a second of picture.
    PerSecondUsd(f64),
    /// So many US dollars a frame.
    PerFrameUsd(f64),
    /// So many US dollars a draw, however long: one clip, one image.
    PerDrawUsd(f64),
    /// Something, and nobody has said how much. Under a cap nothing is drawn at such a price; a film can state one.
    Unknown,
}

/// An engine's abilities and limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The engine's name, as `film.toml` calls it: `weightless`.
    pub engine: String,
    /// Raised only when the bytes it makes change.
    pub revision: u32,
    /// One line for people.
    pub about: String,
    /// What it can be asked for.
    pub tasks: BTreeSet<Task>,
    /// What it does with words.
    pub text: Text,
    /// Fewest and most sources in one request.
    pub sources: (u32, u32),
    /// Whether it follows guides from the stage.
    pub guides: bool,
    /// Lengths it gives.
    pub lengths: Lengths,
    /// Sizes it gives.
    pub sizes: Sizes,
    /// Rates it gives.
    pub rates: Rates,
    /// Whether a request's seed determines the take; without it, chance is drawn again for every draw.
    pub seeded: bool,
    /// How far a draw repeats.
    pub repeats: Repeats,
    /// What a draw costs.
    pub price: Price,
    /// Whether it runs on this machine alone, with no network call.
    pub local: bool,
    /// Its own settings, by name: what a shot may say in `settings`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Knob>,
    /// What holds of single tasks where it is other than of the rest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub of_task: BTreeMap<Task, OfTask>,
    /// What stands in each of its requests' params: its model's hash, say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Param>,
}

/// What holds of one task; what is none is as the card says of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OfTask {
    /// Fewest and most sources, a clip or a plate among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<(u32, u32)>,
    /// Lengths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lengths: Option<Lengths>,
    /// Whether a take ([`crate::settings::OF_TAKE`]) may stand in the place of a clip.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes: bool,
}

/// One of an engine's own settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Knob {
    /// Yes or no.
    Flag {
        /// What it does.
        what: String,
    },
    /// A whole number.
    Whole {
        /// What it does.
        what: String,
        /// Least.
        min: i64,
        /// Most.
        max: i64,
    },
    /// A number.
    Number {
        /// What it does.
        what: String,
        /// Least.
        min: f64,
        /// Most.
        max: f64,
    },
    /// Words.
    Text {
        /// What it does.
        what: String,
    },
    /// One of these words.
    Choice {
        /// What it does.
        what: String,
        /// The words.
        of: Vec<String>,
    },
    /// Some of these names, each with a number: `{ grain = 0.4 }`.
    Weights {
        /// What they do.
        what: String,
        /// What a request holds for each name: a hash, say, so that a request means the same when names change.
        names: BTreeMap<String, String>,
        /// Least number.
        min: f64,
        /// Most.
        max: f64,
    },
}

impl Knob {
    /// What a setting of a shot is in a request; what is wrong with it otherwise. A whole number does where a number is
    /// wanted.
    ///
    /// # Errors
    /// What it should be, in words.
    pub fn read(&self, value: &Setting) -> Result<Param, String> {
        match (self, value) {
            (Self::Flag { .. }, Setting::Flag(flag)) => Ok(Param::Flag(*flag)),
            (Self::Text { .. }, Setting::Text(text)) => Ok(Param::Text(text.clone())),
            (Self::Choice { of, .. }, Setting::Text(text)) if of.contains(text) => {
                Ok(Param::Text(text.clone()))
            }
            (Self::Choice { of, .. }, _) => Err(format!("one of: {}", of.join(", "))),
            (Self::Whole { min, max, .. }, Setting::Whole(n)) if (*min..=*max).contains(n) => {
                Ok(Param::Whole(*n))
            }
            (Self::Number { min, max, .. }, Setting::Number(n)) if (*min..=*max).contains(n) => {
                Ok(Param::Number(*n))
            }
            (Self::Number { min, max, .. }, Setting::Whole(n)) if (*min..=*max).contains(&(*n as f64)) => {
                Ok(Param::Number(*n as f64))
            }
            (Self::Weights { names, min, max, .. }, Setting::Weights(given)) => {
                weights(names, *min..=*max, given)
            }
            (Self::Flag { .. }, _) => Err("true or false".into()),
            (Self::Text { .. }, _) => Err("words in quotes".into()),
            (Self::Whole { min, max, .. }, _) => Err(format!("a whole number from {min} to {max}")),
            (Self::Number { min, max, .. }, _) => Err(format!("a number from {min} to {max}")),
            (Self::Weights { names, min, max, .. }, _) => Err(format!(
                "names, each with a number from {min} to {max}: `{{ {} = {max} }}`",
                names.keys().next().map_or("grain", String::as_str)
            )),
        }
    }
}

/// Weighted names as they stand in a request: what each stands for and its number, a line each, in their order.
fn weights(
    names: &BTreeMap<String, String>,
    range: std::ops::RangeInclusive<f64>,
    given: &BTreeMap<String, f64>,
) -> Result<Param, String> {
    let mut lines = Vec::new();
    for (name, number) in given {
        let Some(of) = names.get(name) else {
            let known: Vec<&str> = names.keys().map(String::as_str).collect();
            return Err(match known.as_slice() {
                [] => format!("left out: there is no `{name}`, nor any other to name"),
                known => format!("of these: {}; there is no `{name}`", known.join(", ")),
            });
        };
        if !range.contains(number) {
            return Err(format!(
                "from {} to {} for each name, and `{name}` has {number}",
                range.start(),
                range.end()
            ));
        }
        lines.push(format!("{of} {number}\n"));
    }
    lines.sort();
    Ok(Param::Text(lines.concat()))
}

impl Card {
    /// A shot's own settings as they stand in a request.
    ///
    /// # Errors
    /// A setting that the engine does not have, or a value that it can not take; with the mend.
    pub fn own_settings(&self, given: &BTreeMap<String, Setting>) -> Result<BTreeMap<String, Param>, String> {
        let name = &self.engine;
        let mut read = BTreeMap::new();
        for (key, value) in given {
            let Some(knob) = self.settings.get(key) else {
                let known: Vec<&str> = self.settings.keys().map(String::as_str).collect();
                return Err(match known.as_slice() {
                    [] => format!("the engine `{name}` has no settings of its own; delete `settings`"),
                    known => format!(
                        "the engine `{name}` has no setting `{key}`; there are: {}",
                        known.join(", ")
                    ),
                });
            };
            let value = knob
                .read(value)
                .map_err(|wanted| format!("the setting `{key}` of the engine `{name}` must be {wanted}"))?;
            read.insert(key.clone(), value);
        }
        Ok(read)
    }

    /// Whether a request's params are settings that the engine has, with values that it takes.
    ///
    /// # Errors
    /// As [`Card::own_settings`].
    pub fn check_params(&self, params: &BTreeMap<String, Param>) -> Result<(), String> {
        // What stands for weighted names was made of them by this very card.
        let weighted = |name: &str| matches!(self.settings.get(name), Some(Knob::Weights { .. }));
        let given = params.iter().filter(|(name, _)| !weighted(name));
        let setting = |param: &Param| match param {
            Param::Flag(flag) => Setting::Flag(*flag),
            Param::Whole(n) => Setting::Whole(*n),
            Param::Number(n) => Setting::Number(*n),
            Param::Text(text) => Setting::Text(text.clone()),
        };
        let given = given.map(|(name, param)| (name.clone(), setting(param)));
        self.own_settings(&given.collect()).map(drop)
    }

    /// Fewest and most sources of a task.
    pub fn sources_of(&self, task: Task) -> (u32, u32) {
        let own = self.of_task.get(&task).and_then(|of| of.sources);
        own.unwrap_or(self.sources)
    }

    /// Lengths of a task.
    pub fn lengths_of(&self, task: Task) -> Lengths {
        let own = self.of_task.get(&task).and_then(|of| of.lengths);
        own.unwrap_or(self.lengths)
    }

    /// What it is asked for so that a shot of `frames` frames at `film_rate` and `size` can be made of the take: a size that
    /// covers it as nearly as may be (the take is scaled and cropped), its own rate (the take is conformed), the next length
    /// that it gives (the take is trimmed). What it can not give at all is left for [`Card::objection`] to name.
    pub fn fitted(&self, task: Task, size: Size, film_rate: Rate, frames: u32) -> (Size, Rate, u32) {
        let rate = self.rates.nearest(film_rate);
        let frames = match rate == film_rate {
            true => frames,
            false => conform::frames_at(frames, film_rate, rate),
        };
        let frames = self.lengths_of(task).at_least(frames).unwrap_or(frames);
        (self.sizes.covering(size), rate, frames)
    }

    /// Why this engine can not take a request of such a shape; `None` if it can. Each reason says the mend.
    pub fn objection(
        &self,
        task: Task,
        size: Size,
        rate: Rate,
        frames: u32,
        sources: usize,
    ) -> Option<String> {
        let name = &self.engine;
        if !self.tasks.contains(&task) {
            return Some(format!(
                "the engine `{name}` does not make {task:?} shots; name another engine or kind"
            ));
        }
        if !self.sizes.allows(size) {
            return Some(format!(
                "the engine `{name}` does not make pictures of {}x{}; it gives {}",
                size.width,
                size.height,
                match &self.sizes {
                    Sizes::UpTo { max_pixels, min_side } =>
                        format!("up to {max_pixels} pixels with sides of {min_side} or more"),
                    Sizes::Grid { step, max_pixels } =>
                        format!("up to {max_pixels} pixels with sides that are multiples of {step}"),
                    Sizes::Only(list) => list
                        .iter()
                        .map(|s| format!("{}x{}", s.width, s.height))
                        .collect::<Vec<_>>()
                        .join(", "),
                }
            ));
        }
        if !self.rates.allows(rate) {
            let gives = match &self.rates {
                Rates::Any => String::new(),
                Rates::Only(rates) => {
                    let rates: Vec<String> = rates.iter().map(Rate::to_string).collect();
                    rates.join(" or ")
                }
            };
            return Some(format!(
                "the engine `{name}` works at {gives} frames a second, and the film has {rate}; set the film's `rate`, or name \
                 another engine"
            ));
        }
        let l = self.lengths_of(task);
        if !l.allows(frames) {
            let step = match l.step_frames {
                0 | 1 => String::new(),
                step => format!(" in steps of {step} from {}", l.first_frames),
            };
            return Some(format!(
                "the engine `{name}` gives {} to {} frames a fragment{step}; {frames} were asked for",
                l.min_frames, l.max_frames
            ));
        }
        let (least, most) = self.sources_of(task);
        let fits = (u64::from(least)..=u64::from(most)).contains(&(sources as u64));
        let own = self.of_task.get(&task).is_some_and(|of| of.sources.is_some());
        let wanted = match (least, most) {
            (0, 0) => "without sources".to_owned(),
            (1, 1) => "from one source".to_owned(),
            (least, most) if least == most => format!("from {least} sources"),
            (least, most) => format!("from {least} to {most} sources"),
        };
        match (fits, own) {
            (true, _) => None,
            (false, true) => Some(format!(
                "the engine `{name}` makes {task:?} shots {wanted}, a clip or a plate among them; the shot names {sources}: \
                 name as many, or another engine"
            )),
            (false, false) => Some(format!(
                "the engine `{name}` works {wanted}; the shot names {sources}"
            )),
        }
    }
}
