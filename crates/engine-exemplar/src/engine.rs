//! The weightless engine: requests in, takes out.

use crate::atlas::{self, Scaled};
use crate::codec::MAX_PIXELS;
use crate::guided::prepare;
use crate::making::{Making, crops, make_frames};
use crate::map::{CoordinateMap, Origin};
use crate::poisson;
use crate::synth::becoming::Becoming;
use crate::synth::flow::{Kind, Manner};
use crate::synth::living::{self, Living, Setting};
use crate::synth::matter::Sheet;
use crate::synth::wished::Wished;
use crate::take::{ExemplarTake, Facts, MAP, OFFSET, OVER, SourceFacts, WEIGHT, Work, read_photograph};
use heirloom_engine::card::{Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::palette::{self, Palette};
use heirloom_engine::{
    Card, Draft, DraftFile, Failure, Inputs, Order, Refusal, Request, TakeFrames, TakeManifest, Task,
    settings,
};
use heirloom_picture::Image;
use heirloom_vault::ObjectId;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The engine's name in requests and in `film.toml`.
pub const NAME: &str = "weightless";
/// Raised only when the bytes of takes change.
pub const REVISION: u32 = 2;
/// Most sources in one shot.
const MOST_SOURCES: u32 = 60;

/// The generator behind the engine.
pub struct Exemplar {
    card: Card,
}

impl Default for Exemplar {
    fn default() -> Self {
        Exemplar::new()
    }
}

/// The engine, as a program plugs it in.
pub fn engine() -> LocalEngine<Exemplar> {
    LocalEngine::new(Exemplar::new())
}

impl Exemplar {
    /// A generator.
    pub fn new() -> Exemplar {
        Exemplar {
            card: Card {
                engine: NAME.into(),
                revision: REVISION,
                about: "makes shots out of your own photographs alone, without any model or download".into(),
                tasks: BTreeSet::from([Task::Still, Task::Living, Task::Becoming, Task::Guided]),
                text: Text::Ignored,
                sources: (1, MOST_SOURCES),
                guides: true,
                lengths: Lengths::any(24 * 3600 * 60),
                sizes: Sizes::UpTo {
                    max_pixels: MAX_PIXELS,
                    min_side: 16,
                },
                rates: Rates::Any,
                seeded: true,
                repeats: Repeats::Everywhere,
                price: Price::Free,
                local: true,
            },
        }
    }
}

/// How the shot of a request is made.
fn setting(request: &Request) -> Setting {
    let kind = match request.word(settings::FLOW) {
        Some("curl") => Kind::Curl,
        Some("drift") => Kind::Drift,
        Some("rise") => Kind::Rise,
        Some("breathe") => Kind::Breathe,
        Some("spiral") => Kind::Spiral,
        _ => Kind::Hold,
    };
    let number = |name: &str, usual: f64, least: f64, most: f64| -> f32 {
        request.number(name).unwrap_or(usual).clamp(least, most) as f32
    };
    Setting {
        width: request.size.width as usize,
        height: request.size.height as usize,
        seconds_a_frame: request.rate.den() as f32 / request.rate.num() as f32,
        seed: request.seed,
        manner: Manner {
            kind,
            speed: number(settings::SPEED, 1.0, 0.0, 4.0),
            direction_deg: number(settings::DIRECTION_DEG, 0.0, -100_000.0, 100_000.0),
        },
        steady: number(settings::STEADY, 0.5, 0.0, 1.0),
        wished: wished(request),
    }
}

/// What words wish of the shot of a request; [`refuse`] has seen that it can be read.
pub(crate) fn wished(request: &Request) -> Wished {
    let weights = request
        .word(settings::WEIGHTS)
        .and_then(|text| palette::weights(text, request.sources.len()))
        .unwrap_or_default();
    Wished {
        weights: weights.into_iter().map(|w| w as f32).collect(),
        palette: request
            .word(settings::PALETTE)
            .and_then(|text| Palette::parse(text).ok())
            .unwrap_or_default(),
        accelerate: request
            .number(settings::ACCELERATE)
            .unwrap_or(0.0)
            .clamp(-1.0, 1.0) as f32,
        frames: request.frames,
    }
}

/// A wish of a request that can not be read.
fn unreadable(request: &Request) -> Option<String> {
    let palette = request
        .word(settings::PALETTE)
        .and_then(|text| Palette::parse(text).err())
        .map(|bad| format!("the setting `{}`: {bad}", settings::PALETTE));
    let weights = request
        .word(settings::WEIGHTS)
        .filter(|text| palette::weights(text, request.sources.len()).is_none())
        .map(|text| {
            format!(
                "the setting `{}` is `{text}`; write {} numbers from 0 to 1 parted by commas, one above 0",
                settings::WEIGHTS,
                request.sources.len()
            )
        });
    palette.or(weights)
}

/// The frame before `n`, whose map is `old`, carried along the flow of a living shot: what the measure
/// `pop` compares frame `n` with. `None` for shots of other kinds.
pub fn carried(request: &Request, n: u32, old: &CoordinateMap) -> Option<Vec<Origin>> {
    (request.task == Task::Living && n > 0).then(|| living::carried(&setting(request), n, old.origins()))
}

/// A shot prepared: its sources as they were scaled, and the making of its frames.
struct Prepared {
    making: Box<dyn Making>,
    scaled: Vec<Scaled>,
    /// The photograph of each.
    objects: Vec<ObjectId>,
}

/// Prepares the shot of an order.
fn prepare(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    match order.request.task {
        Task::Becoming => becoming(order, control),
        Task::Guided => guided(order, control),
        _ => living(order, control),
    }
}

fn too_small() -> Stop {
    Failure::lasting(
        "input",
        "the sources are too small to make a picture of; use larger photographs",
    )
    .into()
}

fn photographs(order: &Order, control: &Control) -> Result<Vec<Image>, Stop> {
    let mut out = Vec::new();
    for object in &order.request.sources {
        control.check()?;
        out.push(read_photograph(&*order.inputs, object)?);
    }
    control.check()?;
    Ok(out)
}

fn becoming(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    let request = &order.request;
    let scaled: Vec<Scaled> = photographs(order, control)?
        .iter()
        .map(|p| Scaled::covering(p, request.size.width, request.size.height))
        .collect();
    control.check()?;
    let light = |s: &Scaled| -> Vec<[f32; 3]> {
        let (x, y, w, h) = s.crop;
        (y..y + h)
            .flat_map(|row| s.image.row(row)[x as usize..(x + w) as usize].iter())
            .map(|p| std::array::from_fn(|k| poisson::encode(p[k])))
            .collect()
    };
    let [a, b] = scaled.as_slice() else {
        return Err(too_small());
    };
    let (la, lb) = (light(a), light(b));
    let making = Becoming::new(
        a.sheet(true),
        b.sheet(true),
        [&la, &lb],
        request.frames,
        setting(request),
    )
    .ok_or_else(too_small)?;
    Ok(Prepared {
        making: Box::new(making),
        scaled,
        objects: request.sources.clone(),
    })
}

fn guided(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    let request = &order.request;
    let photographs = photographs(order, control)?;
    let ready = prepare::prepare(order, &photographs, request.size)?;
    let (numbers, scaled): (Vec<usize>, Vec<Scaled>) = ready.scaled.into_iter().unzip();
    let objects = numbers.iter().filter_map(|k| request.sources.get(*k).copied());
    Ok(Prepared {
        making: Box::new(ready.guided),
        scaled,
        objects: objects.collect(),
    })
}

fn living(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    let request = &order.request;
    let photographs = photographs(order, control)?;
    let originals: Vec<(u32, u32)> = photographs.iter().map(|p| (p.width(), p.height())).collect();
    let by = request.number(settings::SCALE).unwrap_or(1.0).clamp(0.1, 8.0);
    let sizes = atlas::sizes(&originals, request.size.height, by);
    let scaled: Vec<Scaled> = photographs
        .iter()
        .zip(sizes)
        .map(|(p, size)| Scaled::whole(p, size))
        .collect();
    drop(photographs);
    control.check()?;
    let sheets: Vec<Sheet> = scaled.iter().map(|s| s.sheet(true)).collect();
    let making = Living::new(sheets, setting(request)).ok_or_else(too_small)?;
    Ok(Prepared {
        making: Box::new(making),
        scaled,
        objects: request.sources.clone(),
    })
}

impl Generator for Exemplar {
    fn card(&self) -> &Card {
        &self.card
    }

    fn generate(&self, order: &Order, control: &Control) -> Result<Vec<Draft>, Stop> {
        let request = &order.request;
        refuse(&self.card, request)?;
        control.progress(0, request.frames);
        let finish = request.number(settings::FINISH).unwrap_or(0.5).clamp(0.0, 1.0) as f32;
        let Prepared {
            mut making,
            scaled,
            objects,
        } = prepare(order, control)?;
        let images: Vec<Image> = scaled.iter().map(|s| s.image.clone()).collect();
        let hashes = make_frames(order, control, &mut *making, &crops(&scaled), &images, finish)?;
        let facts = Facts {
            sources: objects
                .iter()
                .zip(&scaled)
                .map(|(object, s)| SourceFacts {
                    object: *object,
                    original: s.original,
                    scaled: (s.image.width(), s.image.height()),
                    crop: s.crop,
                    frame: None,
                })
                .collect(),
            finish,
            frame_hashes: hashes,
        };
        let facts = serde_json::to_value(facts).map_err(|e| Failure::lasting("take", e.to_string()))?;
        let work = Work::new(&order.work);
        let mut files = Vec::new();
        for n in 0..request.frames {
            for role in [MAP, OVER, WEIGHT, OFFSET] {
                let path = work.file(role, n);
                let there = role == MAP || (role == OFFSET && finish > 0.0) || path.exists();
                if there {
                    files.push(DraftFile {
                        role: role.into(),
                        frame: Some(n),
                        path,
                    });
                }
            }
        }
        Ok(vec![Draft {
            output: 0,
            size: request.size,
            rate: request.rate,
            frames: request.frames,
            files,
            facts,
        }])
    }

    fn open(&self, take: &TakeManifest, inputs: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        if take.engine != NAME {
            return Err(Failure::lasting(
                "take",
                format!("this take is of the engine `{}`", take.engine),
            ));
        }
        if take.revision > REVISION {
            return Err(Failure::lasting(
                "take",
                format!(
                    "this take was made by a newer Heirloom (revision {} of this engine); open it with that version",
                    take.revision
                ),
            ));
        }
        Ok(Box::new(ExemplarTake::open(take, inputs)?))
    }
}

/// What the card does not offer is refused before anything is read or written.
fn refuse(card: &Card, request: &Request) -> Result<(), Stop> {
    let objection = card
        .objection(
            request.task,
            request.size,
            request.rate,
            request.frames,
            request.sources.len(),
        )
        .or_else(|| {
            (request.task == Task::Becoming && request.sources.len() != 2)
                .then(|| "a becoming has two sources, `from` and `to`; name both".into())
        })
        .or_else(|| {
            (request.task == Task::Becoming && request.frames < 2)
                .then(|| "a becoming has two frames or more; give the shot more frames".into())
        })
        .or_else(|| unreadable(request))
        .or_else(|| {
            (request.revision != card.revision).then(|| {
                format!(
                    "this Heirloom has revision {} of the engine `{NAME}`; the request asks for {}",
                    card.revision, request.revision
                )
            })
        });
    match objection {
        Some(ground) => Err(Stop::Refused(Refusal {
            grounds: vec![ground],
        })),
        None => Ok(()),
    }
}
