//! From a frame of a master back to photographs, requests, engines and people.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_engine::conform::{Conformed, moment};
use heirloom_engine::{Failure, Origin, Request, TakeFrames, TakeManifest, settings};
use heirloom_film::Size;
use heirloom_vault::{Act, Filter, ObjectId, Vault, VaultError, Verb};
use serde::Serialize;

use crate::credits::SourceLookup;
use crate::cut::conformed;
use crate::frame_map::{FrameMap, FrameMapError, Part, Placed, Seen};

mod loras;

pub use loras::LoraTrace;

/// Why a frame could not be traced; each says the mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file could not be read.
    #[error("{path} could not be read ({source}); see that the file is there and may be read", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No export act knows the file.
    #[error(
        "{path} was not exported from this film, or it was changed since: trace a file as `heirloom make` wrote it, \
         or run `heirloom make` again", path = path.display()
    )]
    Unknown {
        /// Which.
        path: PathBuf,
    },
    /// The act names no frame map.
    #[error("the act that exported this master names no frame map; run `heirloom make` again")]
    NoFrameMap,
    /// Ledger or objects.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The frame map, or the frame is not in it.
    #[error(transparent)]
    FrameMap(#[from] FrameMapError),
    /// An object of the vault is not what it should be.
    #[error("the object {object} is no {what} ({why}); run `heirloom vault verify`")]
    Object {
        /// Which.
        object: ObjectId,
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A take could not be opened or read.
    #[error("the take {take} can not be read: {failure}")]
    Take {
        /// Which.
        take: ObjectId,
        /// What its engine said.
        failure: Failure,
    },
    /// A pixel outside the frame.
    #[error("the master's frames are {size}, columns 0 to {} and rows 0 to {}; pixel {x},{y} lies outside: name one of those", size.width - 1, size.height - 1)]
    OutsideFrame {
        /// Column that was asked for.
        x: u32,
        /// Row that was asked for.
        y: u32,
        /// The master's size.
        size: Size,
    },
}

/// A master that the ledger knows.
#[derive(Debug, Clone)]
pub struct FoundMaster {
    /// The file's object.
    pub master: ObjectId,
    /// The act that exported it.
    pub act: Act,
    /// What every frame is made of.
    pub frame_map: FrameMap,
}

/// Find the master in the file `path` by its hash among the acts of export, whose edges are `master` and
/// `frame-map`.
///
/// # Errors
/// As [`TraceError`] says.
pub fn find_master(vault: &Vault, path: &Path) -> Result<FoundMaster, TraceError> {
    let read = |source| TraceError::Read {
        path: path.into(),
        source,
    };
    let file = std::fs::File::open(path).map_err(read)?;
    let master = ObjectId::of_reader(std::io::BufReader::with_capacity(1 << 20, file)).map_err(read)?;
    let filter = Filter {
        verb: Some(Verb::Exported),
        newest_first: true,
        ..Filter::object(master)
    };
    let exported = |act: &Act| {
        act.edges
            .iter()
            .any(|edge| edge.role == "master" && edge.object == master)
    };
    let act = vault.ledger().acts(&filter)?.into_iter().find(exported);
    let act = act.ok_or_else(|| TraceError::Unknown { path: path.into() })?;
    let map = act
        .edges
        .iter()
        .find(|edge| edge.role == "frame-map")
        .ok_or(TraceError::NoFrameMap)?;
    let frame_map = FrameMap::parse(&vault.read(&map.object)?)?;
    Ok(FoundMaster {
        master,
        act,
        frame_map,
    })
}

/// Opens takes, as the plugged-in engines can.
pub type OpenTake<'o> = dyn Fn(&TakeManifest) -> Result<Box<dyn TakeFrames>, Failure> + 'o;

/// What tracing asks.
pub struct Tracer<'t> {
    /// Manifests, requests and acts.
    pub vault: &'t Vault,
    /// Opens takes.
    pub open: &'t OpenTake<'t>,
    /// Knows sources.
    pub sources: &'t SourceLookup<'t>,
}

/// Where a frame, or a pixel of it, came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// The film's title.
    pub title: String,
    /// Frame of the master, from 0.
    pub frame: u64,
    /// Length of the master in frames.
    pub frames: u64,
    /// The frame's place as `HH:MM:SS:FF`.
    pub timecode: String,
    /// Pixel of the master, column and row from 0; none when the whole frame was asked for.
    pub pixel: Option<(u32, u32)>,
    /// What is seen there; weights sum to one.
    pub layers: Vec<LayerTrace>,
    /// Every source's share of the frame, largest first; empty when a pixel was asked for.
    pub shares: Vec<ShareTrace>,
}

/// One layer of a frame.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerTrace {
    /// Its share of the light, 0..=1.
    pub weight: f64,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
}

/// What a layer is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A card, drawn by the program; no source has a part in it.
    Drawn {
        /// `title card` or `credits`.
        what: String,
        /// The program and its version.
        by: String,
        /// Fonts used.
        fonts: Vec<String>,
        /// The words on it.
        text: Vec<String>,
    },
    /// A frame of a take.
    Take(Box<TakeTrace>),
    /// A frame of a clip.
    Plate {
        /// Scene's name.
        scene: String,
        /// Shot's name.
        shot: String,
        /// The clip.
        source: SourceTrace,
        /// Frame of the clip, from 0, at its own rate.
        clip_frame: u64,
        /// The clip's pixel.
        pixel: Option<(u32, u32)>,
    },
}

/// A take and what led to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TakeTrace {
    /// Scene's name.
    pub scene: String,
    /// Shot's name.
    pub shot: String,
    /// Hash of the take's manifest.
    pub take: ObjectId,
    /// Frame of the take, from 0.
    pub frame: u32,
    /// Whether it is made of that frame and the next, the take having another rate than the film.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub between: bool,
    /// Hash of the request.
    pub request: ObjectId,
    /// The engine, and its algorithm revision.
    pub engine: String,
    /// The engine's algorithm revision.
    pub revision: u32,
    /// What was to be seen, in words.
    pub prompt: String,
    /// How it was to feel, in words.
    pub mood: String,
    /// The seed.
    pub seed: u64,
    /// Which go at the request, from 0.
    pub draw: u32,
    /// Models of the film's own that it was made with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loras: Vec<LoraTrace>,
    /// Who asked for it and who drew it, from the ledger, oldest first.
    pub acts: Vec<ActTrace>,
    /// Where the pixel came from; empty when none was asked for, or the engine can not say.
    pub origins: Vec<OriginTrace>,
    /// What the request was made of, where the engine can not say what a pixel came from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub made_of: Vec<SourceTrace>,
    /// The take that it was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of_take: Option<ObjectId>,
}

/// An act of the ledger, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActTrace {
    /// The act's id.
    pub id: String,
    /// What was done.
    pub verb: String,
    /// Who did it.
    pub by: String,
    /// On which machine.
    pub machine: String,
    /// When, UTC.
    pub at: String,
}

/// A source, whose it is and under what terms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceTrace {
    /// Its object.
    pub object: ObjectId,
    /// What a film calls it by; its hash's beginning where the archive does not know it.
    pub name: String,
    /// Its file's name.
    pub file_name: Option<String>,
    /// Pixels of the original across and down, upright.
    pub size: Option<(u32, u32)>,
    /// Whose it is.
    pub owner: Option<String>,
    /// Under what terms.
    pub terms: Option<String>,
    /// What it may be used for.
    pub scope: Vec<String>,
    /// Whether the leave to use it was taken back since.
    pub revoked: bool,
}

/// Where in a source a pixel came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OriginTrace {
    /// The source.
    pub source: SourceTrace,
    /// The frame of a clip, from 0 at its own rate; none of a photograph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_frame: Option<u32>,
    /// Share of the layer, 0..=1.
    pub weight: f64,
    /// Column in the original in pixels; 0.0 is the centre of the first one.
    pub x: f64,
    /// Row in the original, likewise.
    pub y: f64,
    /// Pixels of the scaled picture that was sampled.
    pub scaled_to: (u32, u32),
    /// Column in the scaled picture.
    pub scaled_x: f64,
    /// Row in the scaled picture.
    pub scaled_y: f64,
    /// Whether the finish moved the value away from the sample.
    pub finished: bool,
}

/// A source's share of a frame.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShareTrace {
    /// The source.
    pub source: SourceTrace,
    /// Share of the frame's light, 0..=1.
    pub share: f64,
}

impl ActTrace {
    fn of(act: &Act) -> Self {
        Self {
            id: act.id.short(),
            verb: act.verb.to_string(),
            by: act.by.name.clone(),
            machine: act.by.machine.clone(),
            at: act.at.to_string(),
        }
    }
}

impl Tracer<'_> {
    /// Trace frame `frame` of a master, from 0, and its pixel `pixel`, column and row from 0, if one is given.
    ///
    /// # Errors
    /// As [`TraceError`] says.
    pub fn trace(&self, map: &FrameMap, frame: u64, pixel: Option<(u32, u32)>) -> Result<Trace, TraceError> {
        let size = map.size();
        let seen = map.seen(frame)?;
        if let Some((x, y)) = pixel
            && (x >= size.width || y >= size.height)
        {
            return Err(TraceError::OutsideFrame { x, y, size });
        }
        let mut layers = Vec::new();
        let mut shares: Vec<(ObjectId, f64)> = Vec::new();
        for layer in &seen {
            let weight = layer.weight.value();
            let (what, parts) = self.layer(map, layer, pixel)?;
            for (source, part) in parts {
                match shares.iter_mut().find(|(known, _)| *known == source) {
                    Some((_, sum)) => *sum += part * weight,
                    None => shares.push((source, part * weight)),
                }
            }
            layers.push(LayerTrace { weight, what });
        }
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        let shares = shares
            .into_iter()
            .map(|(source, share)| ShareTrace {
                source: self.source(source),
                share,
            })
            .collect();
        Ok(Trace {
            title: map.title().into(),
            frame,
            frames: map.frames(),
            timecode: map.rate().timecode(frame).to_string(),
            pixel,
            layers,
            shares,
        })
    }

    /// A layer, and, where no pixel was asked for, its sources with their shares of it.
    fn layer(
        &self,
        map: &FrameMap,
        seen: &Seen<'_>,
        pixel: Option<(u32, u32)>,
    ) -> Result<(What, Vec<(ObjectId, f64)>), TraceError> {
        let within = |placed: &Option<Placed>| {
            pixel.map(|(x, y)| placed.map_or((x, y), |placed| placed.source_pixel(x, y)))
        };
        match seen.part {
            Part::Drawn {
                what,
                by,
                fonts,
                text,
                ..
            } => {
                let (what, by) = (what.clone(), by.clone());
                Ok((
                    What::Drawn {
                        what,
                        by,
                        fonts: fonts.clone(),
                        text: text.clone(),
                    },
                    Vec::new(),
                ))
            }
            Part::Plate {
                scene,
                shot,
                source,
                start,
                rate,
                placed,
                ..
            } => {
                let shares = if pixel.is_none() {
                    vec![(*source, 1.0)]
                } else {
                    Vec::new()
                };
                let film_frame = u64::from(*start) + u64::from(seen.frame);
                let what = What::Plate {
                    scene: scene.clone(),
                    shot: shot.clone(),
                    source: self.source(*source),
                    clip_frame: conformed(film_frame, map.rate(), *rate),
                    pixel: within(placed),
                };
                Ok((what, shares))
            }
            Part::Take {
                scene,
                shot,
                take,
                placed,
                conformed_from,
                ..
            } => {
                let (mut trace, opened) = self.take(*take, seen.frame)?;
                let opened: Arc<dyn TakeFrames> = match conformed_from {
                    None => opened,
                    Some(own) => {
                        let moment = moment(0, seen.frame, 1.0, map.rate(), *own);
                        trace.frame = moment.frame;
                        trace.between = moment.part > 0;
                        Arc::new(Conformed::new(opened, *own, map.rate()))
                    }
                };
                trace.scene.clone_from(scene);
                trace.shot.clone_from(shot);
                let failed = |failure| TraceError::Take { take: *take, failure };
                let mut shares = Vec::new();
                match within(placed) {
                    Some((x, y)) => {
                        let origins = opened.origins(seen.frame, x, y).map_err(failed)?;
                        trace.origins = origins.iter().map(|origin| self.origin(origin)).collect();
                    }
                    None => shares = frame_shares(&*opened, seen.frame).map_err(failed)?,
                }
                Ok((What::Take(Box::new(trace)), shares))
            }
        }
    }

    fn take(&self, take: ObjectId, frame: u32) -> Result<(TakeTrace, Arc<dyn TakeFrames>), TraceError> {
        let manifest: TakeManifest = self.read(take, "take")?;
        let request: Request = self.read(manifest.draw.request, "request")?;
        let opened = (self.open)(&manifest).map_err(|failure| TraceError::Take { take, failure })?;
        // An engine that reads no words has none in its request; what was wanted stands in the act that asked.
        let asked = self.vault.ledger().acts(&Filter {
            verb: Some(Verb::Requested),
            ..Filter::object(manifest.draw.request)
        })?;
        let words = |in_request: String, key: &str| {
            let in_act = || {
                asked
                    .iter()
                    .find_map(|act| act.facts[key].as_str().map(str::to_owned))
            };
            if in_request.is_empty() {
                in_act().unwrap_or_default()
            } else {
                in_request
            }
        };
        let trace = TakeTrace {
            scene: String::new(),
            shot: String::new(),
            take,
            frame,
            between: false,
            request: manifest.draw.request,
            engine: manifest.engine,
            revision: manifest.revision,
            prompt: words(request.prompt, "prompt"),
            mood: words(request.mood, "mood"),
            seed: request.seed,
            draw: manifest.draw.n,
            loras: self.loras(&asked)?,
            acts: self.acts(take, manifest.draw.request)?,
            origins: Vec::new(),
            made_of: match opened.sources() {
                Ok(told) if told.is_empty() => request
                    .sources
                    .iter()
                    .map(|object| self.source(*object))
                    .collect(),
                _ => Vec::new(),
            },
            of_take: request.pictures.get(settings::OF_TAKE).copied(),
        };
        Ok((trace, Arc::from(opened)))
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        object: ObjectId,
        what: &'static str,
    ) -> Result<T, TraceError> {
        serde_json::from_slice(&self.vault.read(&object)?).map_err(|e| TraceError::Object {
            object,
            what,
            why: e.to_string(),
        })
    }

    /// Who asked for a take and who drew it.
    fn acts(&self, take: ObjectId, request: ObjectId) -> Result<Vec<ActTrace>, TraceError> {
        let mut acts = Vec::new();
        for (verb, object) in [
            (Verb::Requested, request),
            (Verb::Drawn, take),
            (Verb::Chosen, take),
        ] {
            acts.extend(self.vault.ledger().acts(&Filter {
                verb: Some(verb),
                ..Filter::object(object)
            })?);
        }
        acts.sort_by_key(|act| act.at);
        acts.dedup_by_key(|act| act.id);
        Ok(acts.iter().map(ActTrace::of).collect())
    }

    fn origin(&self, origin: &Origin) -> OriginTrace {
        OriginTrace {
            source: self.source(origin.source),
            clip_frame: origin.frame,
            weight: origin.weight,
            x: origin.x,
            y: origin.y,
            scaled_to: origin.scaled_to,
            scaled_x: origin.scaled_x,
            scaled_y: origin.scaled_y,
            finished: origin.finished,
        }
    }

    fn source(&self, object: ObjectId) -> SourceTrace {
        let info = (self.sources)(&object);
        let rights = info.as_ref().and_then(|info| info.rights.clone());
        SourceTrace {
            object,
            name: info
                .as_ref()
                .map_or_else(|| object.short(), |info| info.name.clone()),
            file_name: info.as_ref().map(|info| info.file_name.clone()),
            size: info.as_ref().map(|info| (info.width, info.height)),
            owner: rights.as_ref().map(|rights| rights.owner.clone()),
            terms: rights.as_ref().map(|rights| rights.terms.clone()),
            scope: rights.map_or(Vec::new(), |r| {
                r.scope.iter().map(|used| used.as_str().to_owned()).collect()
            }),
            revoked: info.is_some_and(|info| info.revoked),
        }
    }
}

/// Shares of one frame, told from a grid of at most this many pixels across and down.
const GRID: (u32, u32) = (48, 27);

/// Every source's share of frame `n`: counted over a grid of pixels; the whole take's shares where the engine
/// can not say single pixels.
fn frame_shares(take: &dyn TakeFrames, n: u32) -> Result<Vec<(ObjectId, f64)>, Failure> {
    let size = take.size();
    let (across, down) = (GRID.0.min(size.width), GRID.1.min(size.height));
    let mut sums: Vec<(ObjectId, f64)> = Vec::new();
    for row in 0..down {
        for column in 0..across {
            let at = |k: u32, of: u32, whole: u32| ((2 * k + 1) * whole / (2 * of)).min(whole - 1);
            for origin in take.origins(n, at(column, across, size.width), at(row, down, size.height))? {
                match sums.iter_mut().find(|(source, _)| *source == origin.source) {
                    Some((_, sum)) => *sum += origin.weight,
                    None => sums.push((origin.source, origin.weight)),
                }
            }
        }
    }
    if sums.is_empty() {
        return Ok(take
            .shares()?
            .into_iter()
            .map(|share| (share.source, share.share))
            .collect());
    }
    let total: f64 = sums.iter().map(|(_, sum)| sum).sum();
    Ok(sums
        .into_iter()
        .map(|(source, sum)| (source, sum / total))
        .collect())
}
