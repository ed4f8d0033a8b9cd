//! The weightless engine: requests in, takes out.

use crate::atlas;
use crate::codec::MAX_PIXELS;
use crate::composed;
use crate::from_clips;
use crate::grid::Grid;
use crate::guided::prepare;
use crate::like;
use crate::making::{Making, make_frames};
use crate::map::{CoordinateMap, Origin};
use crate::pictures::{Pictures, size_of_photograph};
use crate::poisson;
use crate::synth::becoming::Becoming;
use crate::synth::fill::Fill;
use crate::synth::flow::{Kind, Manner};
use crate::synth::living::{self, Living, Setting};
use crate::synth::matter::Sheet;
use crate::synth::wished::Wished;
use crate::take::{ExemplarTake, Facts, MAP, OFFSET, OVER, WEIGHT, Work};
use heirloom_engine::card::{Lengths, OfTask, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::palette::{self, Palette};
use heirloom_engine::{
    Card, Draft, DraftFile, Failure, Inputs, Order, Refusal, Request, TakeFrames, TakeManifest, Task,
    settings,
};
use heirloom_picture::Image;
use std::collections::{BTreeMap, BTreeSet};
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
                about:
                    "makes shots out of your own photographs and clips alone, without any model or download"
                        .into(),
                tasks: BTreeSet::from([
                    Task::Still,
                    Task::Living,
                    Task::Becoming,
                    Task::Guided,
                    Task::Fill,
                    Task::Style,
                    Task::Extend,
                    Task::Between,
                    Task::Slow,
                ]),
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
                settings: Default::default(),
                // A clip and matter.
                of_task: BTreeMap::from([(
                    Task::Style,
                    OfTask {
                        sources: Some((2, MOST_SOURCES)),
                        ..OfTask::default()
                    },
                )]),
                params: Default::default(),
            },
        }
    }
}

/// How the shot of a request is made, on its grid.
pub(crate) fn setting(request: &Request) -> Setting {
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
    let grid = Grid::of_request(request);
    Setting {
        width: grid.across,
        height: grid.down,
        seconds_a_frame: request.rate.den() as f32 / request.rate.num() as f32,
        seed: request.seed,
        manner: Manner {
            kind,
            speed: number(settings::SPEED, 1.0, 0.0, 4.0),
            direction_deg: number(settings::DIRECTION_DEG, 0.0, -100_000.0, 100_000.0),
        },
        steady: number(settings::STEADY, 0.5, 0.0, 1.0),
        wished: wished(request),
        flow_seed: request.whole(settings::FLOW_SEED).unwrap_or(request.seed),
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
    let frame = Setting {
        width: old.width() as usize,
        height: old.height() as usize,
        ..setting(request)
    };
    (request.task == Task::Living && n > 0).then(|| living::carried(&frame, n, old.origins()))
}

/// The weights of the second layer of the frame before `n`, carried as [`carried`] does.
/// `map` is of that frame.
pub fn carried_weight(request: &Request, n: u32, map: &CoordinateMap, old: &[u8]) -> Option<Vec<u8>> {
    let frame = Setting {
        width: map.width() as usize,
        height: map.height() as usize,
        ..setting(request)
    };
    (request.task == Task::Living && n > 0).then(|| living::carried_weight(&frame, n, old))
}

/// A shot prepared: its sources as pictures, and the making of its frames.
pub(crate) struct Prepared {
    pub making: Box<dyn Making>,
    pub pictures: Pictures,
}

/// Prepares the shot of an order.
fn prepare(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    match order.request.task {
        Task::Becoming => becoming(order, control),
        Task::Style | Task::Extend | Task::Between | Task::Slow => from_clips::prepare(order, control),
        Task::Guided => guided(order, control),
        Task::Fill => fill(order, control),
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

/// Sizes of the order's photographs from source `first` on, upright.
pub(crate) fn originals(order: &Order, control: &Control, first: usize) -> Result<Vec<(u32, u32)>, Stop> {
    let mut out = Vec::new();
    for object in order.request.sources.iter().skip(first) {
        control.check()?;
        out.push(size_of_photograph(&*order.inputs, object)?);
    }
    Ok(out)
}

fn becoming(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    let request = &order.request;
    let (size, by) = (request.size, Grid::of_request(request).by);
    let sources = request.sources.iter().zip(originals(order, control, 0)?);
    let sources = sources.map(|(object, o)| atlas::covering(*object, o, size.width, size.height, by));
    let pictures = Pictures::new(order.inputs.clone(), sources.collect());
    let mut parts = Vec::new();
    for k in 0..pictures.sources().len() {
        control.check()?;
        parts.push(pictures.used(k, by)?);
    }
    let light = |image: &Image| -> Vec<[f32; 3]> {
        let pixels = image.pixels().iter();
        pixels
            .map(|p| std::array::from_fn(|k| poisson::encode(p[k])))
            .collect()
    };
    let [a, b] = parts.as_slice() else {
        return Err(too_small());
    };
    let (la, lb) = (light(a), light(b));
    let making = Becoming::new(
        atlas::sheet(a, true),
        atlas::sheet(b, true),
        [&la, &lb],
        request.frames,
        setting(request),
    )
    .ok_or_else(too_small)?;
    Ok(Prepared {
        making: Box::new(making),
        pictures,
    })
}

fn guided(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    let (making, pictures) = prepare::prepare(order, &originals(order, control, 0)?, control)?;
    Ok(Prepared {
        making: Box::new(making),
        pictures,
    })
}

fn living(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    let request = &order.request;
    let originals = originals(order, control, 0)?;
    let by = request.number(settings::SCALE).unwrap_or(1.0).clamp(0.1, 8.0);
    let grid = Grid::of_request(request);
    let sizes = atlas::sizes(&originals, request.size.height, by, grid.by);
    let sources = request.sources.iter().zip(originals).zip(sizes);
    let sources = sources.map(|((object, original), size)| atlas::whole(*object, original, size));
    let pictures = Pictures::new(order.inputs.clone(), sources.collect());
    let mut sheets: Vec<Sheet> = Vec::new();
    for k in 0..pictures.sources().len() {
        control.check()?;
        sheets.push(pictures.sheet(k, grid.by, true)?);
    }
    let wanted = composed::wanted(order)?;
    let mut making = Living::composed(sheets, setting(request), wanted).ok_or_else(too_small)?;
    if let Some(like) = like::read(order, pictures.sources())? {
        making.be_like(like);
    }
    Ok(Prepared {
        making: Box::new(making),
        pictures,
    })
}

fn fill(order: &Order, control: &Control) -> Result<Prepared, Stop> {
    let request = &order.request;
    let originals = originals(order, control, 0)?;
    let (Some(object), Some((plate, matter))) = (request.sources.first(), originals.split_first()) else {
        return Err(too_small());
    };
    let (plate, hole) = composed::plate(order, *object, *plate)?;
    let by = request.number(settings::SCALE).unwrap_or(1.0).clamp(0.1, 8.0);
    let grid = Grid::of_request(request);
    let sizes = atlas::sizes(matter, request.size.height, by, grid.by);
    let others = request.sources.iter().skip(1).zip(matter).zip(sizes);
    let mut sources = vec![plate];
    sources.extend(others.map(|((object, original), size)| atlas::whole(*object, *original, size)));
    let pictures = Pictures::new(order.inputs.clone(), sources);
    let mut sheets: Vec<Sheet> = Vec::new();
    for k in 0..pictures.sources().len() {
        control.check()?;
        // The plate's flat borders are part of what is kept.
        sheets.push(pictures.sheet(k, grid.by, k > 0)?);
    }
    let making = Fill::new(sheets, hole, request.seed).ok_or_else(too_small)?;
    Ok(Prepared {
        making: Box::new(making),
        pictures,
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
        let finish = match from_clips::is_plain(request.task) {
            true => 0.0,
            false => request.number(settings::FINISH).unwrap_or(0.5).clamp(0.0, 1.0) as f32,
        };
        let Prepared { mut making, pictures } = prepare(order, control)?;
        let hashes = make_frames(order, control, &mut *making, &pictures, finish)?;
        let facts = Facts {
            sources: pictures.sources().to_vec(),
            finish,
            enlarged: Grid::of_request(request).by,
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
        .or_else(|| from_clips::objection(request))
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
