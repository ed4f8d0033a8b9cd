//! The weightless engine: requests in, takes out.

use crate::atlas::{self, Scaled};
use crate::codec::{MAX_PIXELS, Offset, encode_map, encode_offset};
use crate::map::{CoordinateMap, Origin, UNIT};
use crate::poisson;
use crate::synth::becoming::Becoming;
use crate::synth::flow::{Kind, Manner};
use crate::synth::living::{self, Living, Setting};
use crate::synth::matter::Sheet;
use crate::take::{
    ExemplarTake, Facts, MAP, OFFSET, SourceFacts, Work, frame_hash, read_photograph, sample, samples,
};
use heirloom_engine::card::{Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::{
    Card, Draft, DraftFile, Failure, Inputs, Order, Refusal, Request, TakeFrames, TakeManifest, Task,
    settings,
};
use heirloom_picture::Image;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The engine's name in requests and in `film.toml`.
pub const NAME: &str = "weightless";
/// Raised only when the bytes of takes change.
pub const REVISION: u32 = 1;
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
                tasks: BTreeSet::from([Task::Still, Task::Living, Task::Becoming]),
                text: Text::Ignored,
                sources: (1, MOST_SOURCES),
                guides: false,
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
    }
}

/// The frame before `n`, whose map is `old`, carried along the flow of a living shot: what the measure
/// `pop` compares frame `n` with. `None` for shots of other kinds.
pub fn carried(request: &Request, n: u32, old: &CoordinateMap) -> Option<Vec<Origin>> {
    (request.task == Task::Living && n > 0).then(|| living::carried(&setting(request), n, old.origins()))
}

/// The shot under way: whichever it is, a frame after another, and able to go on from a key.
enum Shot {
    Living(Box<Living>),
    Becoming(Box<Becoming>),
}

impl Shot {
    fn new(request: &Request, scaled: &[Scaled]) -> Option<Shot> {
        let setting = setting(request);
        if request.task == Task::Becoming {
            let light = |s: &Scaled| -> Vec<[f32; 3]> {
                let (x, y, w, h) = s.crop;
                (y..y + h)
                    .flat_map(|row| s.image.row(row)[x as usize..(x + w) as usize].iter())
                    .map(|p| std::array::from_fn(|k| poisson::encode(p[k])))
                    .collect()
            };
            let [a, b] = scaled else { return None };
            let (la, lb) = (light(a), light(b));
            return Becoming::new(a.sheet(true), b.sheet(true), [&la, &lb], request.frames, setting)
                .map(|b| Shot::Becoming(Box::new(b)));
        }
        let sheets: Vec<Sheet> = scaled.iter().map(|s| s.sheet(true)).collect();
        Living::new(sheets, setting).map(|l| Shot::Living(Box::new(l)))
    }

    fn first(&mut self, stop: &living::Stop) -> Vec<Origin> {
        match self {
            Shot::Living(l) => l.first(stop),
            Shot::Becoming(b) => b.first(),
        }
    }

    /// Takes frame 0 in.
    fn follow(&mut self, first: &[Origin]) {
        match self {
            Shot::Living(l) => l.follow(first),
            Shot::Becoming(b) => b.resume(0, first),
        }
    }

    fn next(&mut self, n: u32, stop: &living::Stop) -> Vec<Origin> {
        match self {
            Shot::Living(l) => l.next(n, stop),
            Shot::Becoming(b) => b.next(n, stop),
        }
    }

    fn resume(&mut self, key: u32, base: &[Origin]) {
        match self {
            Shot::Living(l) => l.resume(key, base),
            Shot::Becoming(b) => b.resume(key, base),
        }
    }

    fn key_frames(&self) -> u32 {
        match self {
            Shot::Living(_) => living::KEY_FRAMES,
            Shot::Becoming(b) => b.key_frames(),
        }
    }

    fn lead(&self, n: u32, origins: &[Origin]) -> Vec<[f32; 3]> {
        match self {
            Shot::Living(_) => Vec::new(),
            Shot::Becoming(b) => b.lead(n, origins),
        }
    }
}

/// Between the search's coordinates (of the used part) and the map's (of the whole scaled picture).
fn shifted(origins: &[Origin], scaled: &[Scaled], way: i32) -> Vec<Origin> {
    origins
        .iter()
        .map(|o| {
            let crop = scaled
                .get(usize::from(o.source))
                .map_or((0, 0), |s| (s.crop.0 as i32, s.crop.1 as i32));
            Origin {
                source: o.source,
                x: o.x.wrapping_add(crop.0 * UNIT * way),
                y: o.y.wrapping_add(crop.1 * UNIT * way),
            }
        })
        .collect()
}

impl Generator for Exemplar {
    fn card(&self) -> &Card {
        &self.card
    }

    fn generate(&self, order: &Order, control: &Control) -> Result<Vec<Draft>, Stop> {
        let request = &order.request;
        refuse(&self.card, request)?;
        let (width, height) = (request.size.width, request.size.height);
        control.progress(0, request.frames);
        let mut photographs = Vec::new();
        for object in &request.sources {
            control.check()?;
            photographs.push(read_photograph(&*order.inputs, object)?);
        }
        control.check()?;
        let scaled: Vec<Scaled> = if request.task == Task::Becoming {
            photographs
                .iter()
                .map(|p| Scaled::covering(p, width, height))
                .collect()
        } else {
            let originals: Vec<(u32, u32)> = photographs.iter().map(|p| (p.width(), p.height())).collect();
            let by = request.number(settings::SCALE).unwrap_or(1.0).clamp(0.1, 8.0);
            let sizes = atlas::sizes(&originals, height, by);
            photographs
                .iter()
                .zip(sizes)
                .map(|(p, size)| Scaled::whole(p, size))
                .collect()
        };
        drop(photographs);
        control.check()?;
        let images: Vec<Image> = scaled.iter().map(|s| s.image.clone()).collect();
        let finish = request.number(settings::FINISH).unwrap_or(0.5).clamp(0.0, 1.0) as f32;
        let mut shot = Shot::new(request, &scaled).ok_or_else(|| {
            Failure::lasting(
                "input",
                "the sources are too small to make a picture of; use larger photographs",
            )
        })?;
        let hashes = make_frames(order, control, &mut shot, &scaled, &images, finish)?;
        let facts = Facts {
            sources: request
                .sources
                .iter()
                .zip(&scaled)
                .map(|(object, s)| SourceFacts {
                    object: *object,
                    original: s.original,
                    scaled: (s.image.width(), s.image.height()),
                    crop: s.crop,
                })
                .collect(),
            finish,
            frame_hashes: hashes,
        };
        let facts = serde_json::to_value(facts).map_err(|e| Failure::lasting("take", e.to_string()))?;
        let work = Work::new(&order.work);
        let mut files = Vec::new();
        for n in 0..request.frames {
            files.push(DraftFile {
                role: MAP.into(),
                frame: Some(n),
                path: work.file(MAP, n),
            });
            if finish > 0.0 {
                files.push(DraftFile {
                    role: OFFSET.into(),
                    frame: Some(n),
                    path: work.file(OFFSET, n),
                });
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

/// Makes all frames that are not there yet; the hash of every frame.
fn make_frames(
    order: &Order,
    control: &Control,
    shot: &mut Shot,
    scaled: &[Scaled],
    images: &[Image],
    finish: f32,
) -> Result<Vec<String>, Stop> {
    let request = &order.request;
    let (width, height) = (request.size.width, request.size.height);
    let work = Work::new(&order.work);
    let stop = || control.cancelled();
    let mut hashes = Vec::new();
    while (hashes.len() as u32) < request.frames {
        match work.finished(hashes.len() as u32, finish > 0.0) {
            Some(hash) => hashes.push(hash),
            None => break,
        }
    }
    let have = hashes.len() as u32;
    control.progress(have, request.frames);
    if have == request.frames {
        return Ok(hashes);
    }
    let first = shot.first(&stop);
    control.check()?;
    shot.follow(&first);
    let mut begin = 0;
    if have > 0 {
        // Go on from the last key at or before the last finished frame.
        let key = (have - 1) / shot.key_frames() * shot.key_frames();
        if key > 0 {
            let map = work.map(key).ok_or_else(|| {
                Failure::passing(
                    "work",
                    "a frame in the work folder has just become unreadable; try again",
                )
            })?;
            shot.resume(key, &shifted(map.origins(), scaled, -1));
        }
        for n in key + 1..have {
            shot.next(n, &stop);
            control.check()?;
        }
        begin = have;
    }
    let mut before: Option<(Vec<Origin>, Frame)> = None;
    for n in begin..request.frames {
        let own = if n == 0 {
            first.clone()
        } else {
            shot.next(n, &stop)
        };
        control.check()?;
        let lead = if finish > 0.0 {
            shot.lead(n, &own)
        } else {
            Vec::new()
        };
        let origins = shifted(&own, scaled, 1);
        let frame = match before.take() {
            Some((o, frame)) if o == origins && lead.is_empty() => frame,
            _ => frame(&origins, images, width, height, finish, &lead)?,
        };
        control.check()?;
        work.write(MAP, n, &frame.map)?;
        if let Some(offset) = &frame.offset {
            work.write(OFFSET, n, offset)?;
        }
        // Last: this says that the frame is finished.
        work.write("done", n, frame.hash.as_bytes())?;
        hashes.push(frame.hash.clone());
        before = Some((origins, frame));
        control.progress(n + 1, request.frames);
    }
    Ok(hashes)
}

/// A frame as it is stored.
struct Frame {
    map: Vec<u8>,
    offset: Option<Vec<u8>>,
    hash: String,
}

fn frame(
    origins: &[Origin],
    images: &[Image],
    width: u32,
    height: u32,
    finish: f32,
    lead: &[[f32; 3]],
) -> Result<Frame, Failure> {
    let fault = |e: String| Failure::lasting("take", e);
    let mut pixels = samples(origins, images);
    let offset: Option<Offset> = if finish > 0.0 {
        // The lead belongs to the finish: half its strength and more show it whole.
        let share = (finish * 2.0).min(1.0);
        let lead: Vec<[f32; 3]> = lead.iter().map(|l| l.map(|v| v * share)).collect();
        poisson::offset(&pixels, origins, width as usize, finish, &lead, |o| {
            sample(o, images)
        })
    } else {
        None
    };
    if let Some(offset) = &offset {
        poisson::apply(&mut pixels, offset);
    }
    let hash = frame_hash(&pixels);
    let map = CoordinateMap::new(width, height, origins.to_vec())
        .ok_or_else(|| fault("a frame has no pixels".into()))?;
    let map = encode_map(&map).map_err(|e| fault(e.to_string()))?;
    let offset = offset
        .map(|o| encode_offset(&o))
        .transpose()
        .map_err(|e| fault(e.to_string()))?;
    Ok(Frame { map, offset, hash })
}
