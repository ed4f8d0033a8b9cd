//! What a request gives besides words: photographs, clips, takes and the stage's passes, as pictures of the size that is asked
//! for.
//!
//! | task | model | what its sources are |
//! |---|---|---|
//! | living | Wan 2.2 TI2V 5B | the first frame, where there is one |
//! | living | image to video | the first frame |
//! | between | image to video, VACE | the first and the last frame; VACE takes more as references |
//! | still, living | VACE | references: what people or things look like |
//! | guided | VACE | the same, and the stage's passes are followed |
//! | style | all | a clip, or the take of [`heirloom_engine::settings::OF_TAKE`], that is made over; VACE takes more as references |
//! | extend | TI2V 5B, image to video, VACE | a clip whose last frames are gone on from |
//! | fill | VACE | a plate of which a part is made anew; more are references |
//!
//! A shot may be made in [`fragments`](crate::fragments): what is given is read for each of them when it is its turn.

use crate::conditions::{BLANK, Conditions, Mask, Scale, settle};
use crate::followed::{Followed, Kind};
use crate::fragments::{Fragment, whole_latents};
use crate::generate::{Ask, Clip};
use crate::models;
use crate::settings;
use crate::start::{Basis, Start};
use crate::wan::Takes;
use heirloom_engine::conform::{Moment, clip_frames_a_frame};
use heirloom_engine::hole::Hole;
use heirloom_engine::local::{Control, Stop};
use heirloom_engine::settings::{LAYOUT, LAYOUT_STRENGTH, MASK, OF_TAKE, REFERENCES, START, STRENGTH, TAIL};
use heirloom_engine::{Failure, Footage, Inputs, Refusal, Request, Task};
use heirloom_film::Size;
use heirloom_picture::{Image, color, photo, resample};
use heirloom_vault::ObjectId;
use std::ops::Range;

/// How many of a clip's last frames it is gone on from, where the shot does not say.
const TAIL_FRAMES: u64 = 24;
/// Frames that a clip may lack at the end of a shot: a length is rounded up to whole latents.
const SLACK: f64 = 5.0;

/// Where a request's footage comes from: `take` opens that of [`OF_TAKE`].
pub(crate) struct Shelf<'a> {
    pub inputs: &'a dyn Inputs,
    pub take: &'a dyn Fn(&ObjectId) -> Result<Footage, Failure>,
}

/// A refusal.
pub(crate) fn refused(ground: impl Into<String>) -> Stop {
    Stop::Refused(Refusal {
        grounds: vec![ground.into()],
    })
}

/// How many sources a model is asked to look at. Those of a take that is made over stand in the request so that the gate is
/// asked for them: the take itself is what is looked at.
pub(crate) fn counted(request: &Request) -> Result<usize, String> {
    Ok(match request.pictures.contains_key(OF_TAKE) {
        true => 1 + named(request)?.len(),
        false => request.sources.len(),
    })
}

/// The sources that [`REFERENCES`] names.
fn named(request: &Request) -> Result<Vec<ObjectId>, String> {
    let Some(text) = request.word(REFERENCES) else {
        return Ok(Vec::new());
    };
    let source = |number: &str| {
        let at: usize = number.trim().parse().ok()?;
        request.sources.get(at).copied()
    };
    text.split(',')
        .map(|number| {
            source(number).ok_or_else(|| {
                format!(
                    "the setting `{REFERENCES}` is `{text}`; write numbers of the request's {} sources from 0, commas between",
                    request.sources.len()
                )
            })
        })
        .collect()
}

/// A plate in its frame, and what of it is kept.
struct Plate {
    pixels: Clip,
    mask: Mask,
}

/// What a request gives.
pub(crate) struct Given<'a> {
    request: &'a Request,
    takes: Takes,
    control: &'a Control,
    /// The stage's passes, or a pass of the footage itself.
    followed: Option<Followed>,
    kind: Option<Kind>,
    /// A drawing that every frame follows.
    drawing: Option<Clip>,
    /// Footage that is made over, and the frame at the request's rate with which it begins.
    over: Option<(Footage, f64)>,
    plate: Option<Plate>,
    /// Frames before the shot that it goes on from.
    before: Clip,
    first: Option<Clip>,
    last: Option<Clip>,
    references: Vec<Clip>,
    scale: Scale,
}

impl<'a> Given<'a> {
    /// Reads what is small, and opens what is long. `most` is how many frames are made in one go at most.
    ///
    /// # Errors
    /// [`Stop`]: something can not be read or does not go together, or it was asked to stop.
    pub(crate) fn new(
        request: &'a Request,
        model: &models::Model,
        shelf: &Shelf<'_>,
        most: u32,
        control: &'a Control,
    ) -> Result<Self, Stop> {
        let inputs = shelf.inputs;
        let size = request.size;
        let nothing = || Clip {
            width: size.width as usize,
            height: size.height as usize,
            pixels: Vec::new(),
        };
        let kind = kind(request)?;
        let mut given = Self {
            request,
            takes: model.takes,
            control,
            followed: None,
            kind,
            drawing: None,
            over: None,
            plate: None,
            before: nothing(),
            first: None,
            last: None,
            references: Vec::new(),
            scale: Scale::Same(scale(request)),
        };
        let mut sources = request.sources.iter();
        let footage = match (request.task, request.pictures.get(OF_TAKE)) {
            (Task::Style | Task::Extend, Some(take)) => {
                let footage = (shelf.take)(take)?;
                sources = [].iter();
                Some(footage)
            }
            (Task::Style | Task::Extend, None) => {
                let clip = sources.next().ok_or_else(|| {
                    refused("the shot names no clip; give it one with `clip`, or make a take over with `heirloom restyle`")
                })?;
                Some(Footage::of_clip(inputs, *clip, size)?)
            }
            _ => None,
        };
        match (request.task, footage) {
            (Task::Style, Some(footage)) => {
                given.over = Some((footage, request.number(START).unwrap_or(0.0)));
                given.reaches()?;
            }
            (Task::Extend, Some(footage)) => given.before = given.tail(&footage, most, model)?,
            (Task::Fill, _) => {
                let plate = sources
                    .next()
                    .ok_or_else(|| refused("the shot names no plate; give it one with `plate`"))?;
                given.plate = Some(given.plate(inputs, plate)?);
            }
            _ => {}
        }
        let mut photographs = Vec::new();
        let named = match request.pictures.contains_key(OF_TAKE) {
            true => named(request).map_err(refused)?,
            false => Vec::new(),
        };
        for source in sources.copied().chain(named) {
            control.check()?;
            photographs.push(given.photograph(&read(inputs, &source)?));
        }
        let mut photographs = photographs.into_iter();
        match (model.takes, request.task) {
            (Takes::Words | Takes::Frames, Task::Living) => given.first = photographs.next(),
            (_, Task::Between) => (given.first, given.last) = (photographs.next(), photographs.next()),
            _ => {}
        }
        given.references = photographs.collect();
        if let (Takes::Control, Some(drawing)) = (model.takes, request.pictures.get(LAYOUT)) {
            given.drawing = Some(given.photograph(&read(inputs, drawing)?));
        }
        Ok(given)
    }

    /// Makes ready what of the stage is followed, in so many goes.
    ///
    /// # Errors
    /// [`Stop`]
    pub(crate) fn follow(&mut self, inputs: &dyn Inputs, goes: usize) -> Result<(), Stop> {
        let Some(kind) = self.kind else { return Ok(()) };
        let request = self.request;
        let own = request.task == Task::Style && matches!(kind, Kind::Edges | Kind::Grey);
        if own && request.guides.is_none() {
            return Ok(());
        }
        let Some(object) = &request.guides else {
            return Err(refused(match request.task {
                Task::Guided => "the request names no guides; plan the shot again".to_owned(),
                _ => format!(
                    "only a stage knows what `control = \"{}\"` follows, and there is none here: give the shot a \
                     [scene.shot.blocking], or follow the clip's own `edges` or `grey`",
                    kind.word()
                ),
            }));
        };
        let guides = (inputs.guides(object)?, kind);
        let followed = Followed::new(guides, request.size, (request.frames, goes), self.control)?;
        self.followed = Some(followed);
        Ok(())
    }

    /// Frames before the shot that it goes on from.
    pub(crate) fn before(&self) -> &Clip {
        &self.before
    }

    /// What the model is asked for in a fragment; `known` are the frames that it begins with.
    ///
    /// # Errors
    /// [`Stop`]
    pub(crate) fn ask(&self, base: &Ask, fragment: &Fragment, known: Clip) -> Result<Ask, Stop> {
        let mut ask = Ask {
            frames: fragment.frames() as usize,
            seed: seed(base.seed, fragment),
            start: Start::default(),
            conditions: Conditions::default(),
            ..base.clone()
        };
        let places = fragment.place(0).unwrap_or(0)..fragment.to;
        if let Some((footage, start)) = &self.over {
            let clip = self.part(footage, *start, places.clone())?;
            ask.conditions.control = match (&self.followed, self.kind) {
                (None, Some(kind)) => kind.of_footage(&clip),
                _ => None,
            };
            if self.takes == Takes::Frames {
                ask.conditions.first = Some(one(&clip));
            }
            ask.start.basis = Some(Basis {
                clip,
                strength: self.request.number(STRENGTH).unwrap_or(1.0),
            });
        }
        if let Some(followed) = &self.followed {
            ask.conditions.control = Some(followed.clip(places, self.control)?);
        } else if let Some(drawing) = &self.drawing {
            ask.conditions.control = Some(repeated(drawing, ask.frames));
        }
        if let Some(plate) = &self.plate {
            ask.conditions = Conditions::fill(plate.pixels.clone(), plate.mask.clone())
                .map_err(|e| Failure::lasting("diffusion", e.to_string()))?;
        }
        self.begin(&mut ask, fragment, known);
        if fragment.to == self.request.frames {
            ask.conditions.last.clone_from(&self.last);
        }
        if self.takes == Takes::Control {
            ask.conditions.references.clone_from(&self.references);
            ask.conditions.scale.clone_from(&self.scale);
        }
        Ok(ask)
    }

    /// What a fragment begins with: the frames that are known, or the shot's first.
    fn begin(&self, ask: &mut Ask, fragment: &Fragment, known: Clip) {
        if fragment.known == 0 {
            match self.takes {
                Takes::Words => ask.start.held.clone_from(&self.first),
                Takes::Frames | Takes::Control if self.first.is_some() => {
                    ask.conditions.first.clone_from(&self.first);
                }
                Takes::Frames | Takes::Control => {}
            }
            return;
        }
        match self.takes {
            Takes::Words => ask.start.held = Some(known),
            Takes::Frames => ask.conditions.first = Some(known),
            Takes::Control => {
                let plane = ask.width * ask.height;
                let mut values = vec![1.0; ask.frames * plane];
                let blank = || vec![BLANK; ask.frames * plane];
                let mut pixels = ask
                    .conditions
                    .control
                    .take()
                    .map_or_else(blank, |clip| clip.pixels);
                for (into, from) in pixels.iter_mut().zip(&known.pixels) {
                    *into = *from;
                }
                values[..known.pixels.len()].fill(0.0);
                let (width, height) = (ask.width, ask.height);
                ask.conditions.control = Some(Clip {
                    width,
                    height,
                    pixels,
                });
                ask.conditions.mask = Some(Mask {
                    width,
                    height,
                    values,
                });
            }
        }
    }

    /// Puts back what must not have changed: of a plate, what is kept is its own, pixel by pixel.
    pub(crate) fn mend(&self, clip: &mut Clip) {
        if let Some(plate) = &self.plate {
            settle(clip, &plate.pixels, &plate.mask);
        }
    }

    /// The frames of the shot that footage shows there.
    fn part(&self, footage: &Footage, start: f64, frames: Range<u32>) -> Result<Clip, Stop> {
        let step = clip_frames_a_frame(self.request.rate, footage.rate());
        self.shown(footage, frames.map(|n| (start + f64::from(n)) * step))
    }

    /// The last frames of a clip, at the request's rate, the last of all among them.
    fn tail(&self, footage: &Footage, most: u32, model: &models::Model) -> Result<Clip, Stop> {
        let step = clip_frames_a_frame(self.request.rate, footage.rate());
        let last = f64::from(footage.frames().saturating_sub(1));
        let asked = self.request.whole(TAIL).unwrap_or(TAIL_FRAMES) as f64 / step;
        let there = (last / step).floor() as u32 + 1;
        // At least half of what the model is asked for is new.
        let most = match model.takes {
            Takes::Frames => 1,
            Takes::Words | Takes::Control => there.min(most.div_ceil(2)),
        };
        let held = whole_latents((asked + 0.5) as u32, most);
        self.shown(footage, (0..held).map(|n| last - f64::from(held - 1 - n) * step))
    }

    /// What footage shows at these places, in its own frames.
    fn shown(&self, footage: &Footage, places: impl Iterator<Item = f64>) -> Result<Clip, Stop> {
        let size = self.request.size;
        let mut pixels = Vec::new();
        for place in places {
            self.control.check()?;
            let image = footage.at(Moment::of(place))?;
            pixels.extend(codes(&resample::cover(&image, size.width, size.height)).pixels);
        }
        Ok(Clip {
            width: size.width as usize,
            height: size.height as usize,
            pixels,
        })
    }

    /// That footage reaches as far as the shot does, but for what a length is rounded up by.
    fn reaches(&self) -> Result<(), Stop> {
        let Some((footage, start)) = &self.over else {
            return Ok(());
        };
        let (rate, frames) = (self.request.rate, footage.frames());
        let end = start + (f64::from(self.request.frames) - SLACK).max(1.0);
        if (end - 1.0) * clip_frames_a_frame(rate, footage.rate()) <= f64::from(frames.saturating_sub(1)) {
            return Ok(());
        }
        Err(refused(format!(
            "the clip has {frames} frames at {} a second, and the shot needs {} at {rate}, from {start} on; start earlier or make \
             the shot shorter",
            footage.rate(),
            self.request.frames
        )))
    }

    fn plate(&self, inputs: &dyn Inputs, object: &ObjectId) -> Result<Plate, Failure> {
        let (request, size) = (self.request, self.request.size);
        let plate = read(inputs, object)?;
        let mask = request.pictures.get(MASK);
        let mask = mask.map(|mask| read(inputs, mask)).transpose()?;
        let original = (plate.width(), plate.height());
        let hole = Hole::of(request, (size.width, size.height), original, mask.as_ref())?;
        let seen = codes(&resample::cover(&plate, hole.width, hole.height));
        let mut pixels = vec![BLANK; hole.made.len()];
        let rows = pixels
            .chunks_exact_mut(size.width as usize)
            .skip(hole.top as usize);
        for (row, seen) in rows.zip(
            seen.frames()
                .flat_map(|all| all.chunks_exact(hole.width as usize)),
        ) {
            row[hole.left as usize..][..seen.len()].copy_from_slice(seen);
        }
        let (width, height) = (size.width as usize, size.height as usize);
        let values = hole.made.iter().map(|made| f32::from(u8::from(*made)));
        Ok(Plate {
            mask: Mask {
                width,
                height,
                values: values.collect(),
            },
            pixels: Clip {
                width,
                height,
                pixels,
            },
        })
    }

    /// A photograph, scaled to cover the frame and cropped evenly.
    fn photograph(&self, image: &Image) -> Clip {
        let Size { width, height } = self.request.size;
        codes(&resample::cover(image, width, height))
    }
}

/// Which pass a request follows.
fn kind(request: &Request) -> Result<Option<Kind>, Stop> {
    let word = match (request.task, request.word(settings::CONTROL)) {
        (Task::Guided | Task::Style, Some(word)) => word,
        (Task::Guided, None) => Kind::Depth.word(),
        (Task::Style, None) if request.guides.is_some() => Kind::Depth.word(),
        (_, None) => return Ok(None),
        (_, Some(_)) => {
            return Err(refused(format!(
                "`{}` is for guided shots and for a clip or take that is made over; leave it out",
                settings::CONTROL
            )));
        }
    };
    let kind = Kind::of(word)
        .ok_or_else(|| refused(format!("there is no control \"{word}\"; plan the shot again")))?;
    Ok(Some(kind))
}

/// How strongly conditions are followed.
fn scale(request: &Request) -> f32 {
    let drawn = || {
        let drawn = request.pictures.contains_key(LAYOUT);
        request.number(LAYOUT_STRENGTH).filter(|_| drawn)
    };
    request
        .number(settings::CONTROL_SCALE)
        .or_else(drawn)
        .map_or(1.0, |v| v as f32)
}

/// A fragment's own chance: with the same noise in each, they would look alike where they should go on.
fn seed(seed: u64, fragment: &Fragment) -> u64 {
    // The golden section of 64 bits, as in Knuth's hashing: no two places give the same.
    seed ^ u64::from(fragment.from).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn read(inputs: &dyn Inputs, object: &ObjectId) -> Result<Image, Failure> {
    let bytes = inputs.read(object)?;
    let photo =
        photo::decode(&bytes, &object.short()).map_err(|e| Failure::lasting("input", e.to_string()))?;
    Ok(photo.image)
}

/// A picture as codes.
pub(crate) fn codes(image: &Image) -> Clip {
    let pixels = color::to_video16(image).into_iter();
    Clip {
        width: image.width() as usize,
        height: image.height() as usize,
        pixels: pixels.map(|p| p.map(|v| f32::from(v) / 65535.0)).collect(),
    }
}

/// The first frame of a clip.
fn one(clip: &Clip) -> Clip {
    Clip {
        pixels: clip.frames().next().unwrap_or_default().to_vec(),
        ..*clip
    }
}

/// A frame so many times.
fn repeated(frame: &Clip, count: usize) -> Clip {
    Clip {
        pixels: frame.pixels.repeat(count),
        ..*frame
    }
}
