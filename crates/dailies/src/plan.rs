//! A film's shots as work: every call resolved, every request made, every objection found, before anything runs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use heirloom_archive::{Archive, Media, ResolveError, Source, resolve_among};
use heirloom_engine::card::Text;
use heirloom_engine::conform::clip_frames_a_frame;
use heirloom_engine::gate::{Action, Gate, Ground, SourceUse, Verdict};
use heirloom_engine::{Engines, Failure, Param, Request, Task, settings};
use heirloom_film::{Film, Kind, Like, Rate, Scene, Shot, SourceCall};
use heirloom_vault::{NewAct, ObjectId, Vault, VaultError};

use crate::choices::Growth;
use crate::guided;
use crate::guides::ShotGuides;
use crate::money::Caps;
use crate::takes::TakeError;
use crate::trained;
use crate::variants::first_of;
use crate::wording::Wording;
use crate::words::{self, Measured, Photographs, ShotWords, Words};

use crate::clips;

use crate::pictures::{self, Pictured};

/// What a shot needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// A take of this request (draw 0, output 0), by the engine it names.
    Draw {
        /// The request.
        request: Box<Request>,
        /// Its hash.
        id: ObjectId,
    },
    /// Nothing to draw: a trimmed clip, from the frame `start` of the shot's one source.
    Plate {
        /// First frame of the clip that is used.
        start: u32,
    },
}

/// A shot, ready to be made.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Name of its scene.
    pub scene: String,
    /// The shot as planned.
    pub shot: Shot,
    /// Its sources, in the order of the request.
    pub sources: Vec<Source>,
    /// The pictures it is composed by: drawings, masks.
    pub pictures: Vec<Pictured>,
    /// What it needs.
    pub work: Work,
    /// The guides of a guided shot.
    pub guides: Option<Arc<ShotGuides>>,
    /// What stands beside the request: how it was come to.
    pub asked: Asked,
}

/// How a request was come to: stands in the ledger beside it, and not in its hash.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// The prompt before its choices were made (see [`crate::pattern`]), where it had any.
    pub pattern: Option<String>,
    /// The style whose photographs it is made of, where one was asked for.
    pub style: Option<ObjectId>,
    /// The take that it grew from.
    pub parent: Option<ObjectId>,
    /// What was to become other than in that take: "nearer to dusk, less literal".
    pub note: Option<String>,
    /// Its place in the queue before all else: larger is sooner.
    pub priority: i32,
}

impl Asked {
    /// The act of asking, with what is said here.
    pub(crate) fn told(&self, mut act: NewAct) -> NewAct {
        if let Some(pattern) = &self.pattern {
            act.facts["pattern"] = pattern.clone().into();
        }
        if let Some(style) = self.style {
            act = act.input("style", style);
        }
        match self.parent {
            // The take is an input too, so that what grew from what is seen from both ends.
            Some(parent) => Growth {
                parent,
                note: self.note.clone(),
            }
            .on(act)
            .input("parent", parent),
            None => {
                if let Some(note) = &self.note {
                    act.facts["note"] = note.clone().into();
                }
                act
            }
        }
    }
}

impl Planned {
    /// Scene and shot, for people.
    pub fn label(&self) -> String {
        format!("{} {}", self.scene, self.shot.name)
    }

    /// The ledger's name for the shot: its id where it has one.
    pub fn subject(&self) -> String {
        match &self.shot.id {
            Some(id) => format!("shot:{}", id.as_str()),
            None => format!("shot:{}/{}", self.scene, self.shot.name),
        }
    }
}

/// Why a shot can not be made.
#[derive(Debug)]
pub enum Why {
    /// A source call names nothing, or more than one thing.
    Source(ResolveError),
    /// The engine is not there or does not offer this.
    Engine(String),
    /// The shot and its source do not fit.
    Shot(String),
    /// The gate says no.
    Gate(Vec<Ground>),
}

/// A shot that can not be made, and the mend.
#[derive(Debug)]
pub struct Objection {
    /// Scene and shot.
    pub shot: String,
    /// The ledger's name for the shot.
    pub subject: String,
    /// Why.
    pub why: Why,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shot {}: ", self.shot)?;
        match &self.why {
            Why::Source(error) => write!(f, "{error}"),
            Why::Engine(words) | Why::Shot(words) => f.write_str(words),
            Why::Gate(grounds) => {
                f.write_str("refused")?;
                for ground in grounds {
                    write!(f, "\n  {ground}")?;
                }
                Ok(())
            }
        }
    }
}

/// All shots in the film's order, and whatever stands in the way.
#[derive(Debug, Default)]
pub struct Plan {
    /// Shots that can be made.
    pub shots: Vec<Planned>,
    /// Those that can not; while there is one, nothing is drawn.
    pub objections: Vec<Objection>,
    /// What the words of every shot did, in the film's order.
    pub words: Vec<ShotWords>,
    /// What may be spent on it.
    pub caps: Caps,
}

/// What a plan is made with, besides film, archive, engines and gate.
pub struct Desk<'a> {
    /// The words that prompts are read by.
    pub words: &'a Words,
    /// Where colours of photographs are had.
    pub measured: &'a dyn Measured,
    /// Tell of every colour word how much of it the sources have, which asks for the colours of all of them.
    pub explain: bool,
}

/// What a plan is made in.
pub(crate) struct Room<'a> {
    pub film: &'a Film,
    pub folder: &'a Path,
    pub vault: &'a Vault,
    pub archive: &'a [Source],
    pub engines: &'a Engines,
    pub gate: &'a dyn Gate,
    pub desk: &'a Desk<'a>,
}

/// Resolve the film's shots against the archive of `vault`, the engines' cards and the gate, by the built-in words. `folder` is
/// the film's: paths in `film.toml` are within it.
///
/// # Errors
/// The ledger could not be read.
pub fn plan(
    film: &Film,
    folder: &Path,
    vault: &Vault,
    engines: &Engines,
    gate: &dyn Gate,
) -> Result<Plan, VaultError> {
    let desk = Desk {
        words: &Words::built_in(),
        measured: &Photographs::new(vault),
        explain: false,
    };
    plan_with(film, folder, vault, engines, gate, &desk)
}

/// [`plan`] by the words of a desk.
///
/// # Errors
/// The ledger could not be read.
pub fn plan_with(
    film: &Film,
    folder: &Path,
    vault: &Vault,
    engines: &Engines,
    gate: &dyn Gate,
    desk: &Desk<'_>,
) -> Result<Plan, VaultError> {
    let mut plan = Plan::default();
    let sources = Archive::new(vault).sources()?;
    let room = Room {
        film,
        folder,
        vault,
        archive: &sources,
        engines,
        gate,
        desk,
    };
    for (scene, shot) in film.shots() {
        // What a prompt leaves open is chosen as its first variation has it.
        let first = match first_of(shot) {
            Ok(first) => first,
            Err(error) => {
                plan.objections.push(Objection {
                    shot: format!("{} {}", scene.name, shot.name),
                    subject: subject(scene, shot),
                    why: Why::Shot(format!("its prompt or mood: {error}")),
                });
                continue;
            }
        };
        let shot = &first;
        let mut spoken = Wording::new(desk, shot);
        let planned = planned(&room, scene, shot, &mut spoken)?;
        plan.words.push(spoken.told(scene, shot));
        match planned {
            Ok(planned) => plan.shots.push(planned),
            Err(objections) => plan.objections.extend(objections),
        }
    }
    plan.caps = Caps::of(film);
    Ok(plan)
}

/// The ledger's name for a shot: its id where it has one.
pub fn subject(scene: &Scene, shot: &Shot) -> String {
    match &shot.id {
        Some(id) => format!("shot:{}", id.as_str()),
        None => format!("shot:{}/{}", scene.name, shot.name),
    }
}

type Answer<T> = Result<Result<T, Vec<Objection>>, VaultError>;

fn planned(room: &Room<'_>, scene: &Scene, shot: &Shot, spoken: &mut Wording) -> Answer<Planned> {
    let Room {
        film,
        archive,
        folder,
        engines,
        gate,
        desk,
        ..
    } = *room;
    let label = format!("{} {}", scene.name, shot.name);
    let subject = subject(scene, shot);
    let object = |why| Objection {
        shot: label.clone(),
        subject: subject.clone(),
        why,
    };
    let mut objections = Vec::new();
    let mut sources = Vec::new();
    let mut uses = Vec::new();
    for call in calls(shot) {
        match resolve_among(archive, call) {
            Ok(source) => {
                uses.push(SourceUse {
                    object: source.object,
                    name: call.call.clone(),
                });
                sources.push(source);
            }
            Err(error) => objections.push(object(Why::Source(error))),
        }
    }
    let pictured = match pictures::pictures(folder, shot, archive, &mut uses) {
        Ok(pictured) => pictured,
        Err(why) => {
            objections.push(object(why));
            Vec::new()
        }
    };
    let mut names: Vec<String> = calls(shot).iter().map(ToString::to_string).collect();
    let chooses = matches!(shot.kind, Kind::Living { .. } | Kind::Still { .. }) && shot.sources.is_empty();
    if chooses {
        let most = match engines.get(shot.engine.as_deref()) {
            // An engine that can make its pictures of words alone is left to: photographs are for the shot to name.
            Ok(engine) => match engine.card().sources_of(task(&shot.kind)) {
                (0, _) => 0,
                (_, most) => most as usize,
            },
            Err(Failure { message, .. }) => return Ok(Err(vec![object(Why::Engine(message))])),
        };
        if most > 0 {
            match words::choose(
                desk.words,
                &spoken.reading,
                &spoken.resolved.palette,
                archive,
                desk.measured,
                gate,
                most,
            )? {
                Ok(chosen) => (sources, names) = (chosen.sources, chosen.names),
                Err(none) => return Ok(Err(vec![object(Why::Shot(none.to_string()))])),
            }
        }
    }
    if let Verdict::Refused(grounds) = gate.judge(Action::Spend, &uses)? {
        objections.push(object(Why::Gate(grounds)));
    }
    if !objections.is_empty() {
        return Ok(Err(objections));
    }
    if !matches!(shot.kind, Kind::Becoming { .. } | Kind::Plate { .. }) {
        spoken.weigh(desk, &sources, &names, chooses);
    }
    let mut guides = None;
    let work = match &shot.kind {
        Kind::Plate { start } => plate(film, shot, *start, &sources).map_err(Why::Shot),
        Kind::Guided { .. } => guided::guided(room, shot, &sources, spoken).map(|(work, made)| {
            guides = Some(made);
            work
        }),
        _ => draw(film, shot, &sources, &pictured, engines, spoken),
    };
    let work = match work {
        Ok(work) if guided::keeps_to_stage(shot) => guided::styled(room, shot, work).map(|(work, made)| {
            guides = Some(made);
            work
        }),
        other => other,
    };
    let work = match (work, &shot.like) {
        (Ok(Work::Draw { request, .. }), Some(like)) => alike(*request, like, room.vault, archive)?,
        (work, _) => work,
    };
    if let Ok(Work::Draw { request, .. }) = &work {
        let loras = trained::loras_of(room.vault, request)?;
        let grounds = trained::refused(&loras, gate, archive)?;
        if !grounds.is_empty() {
            return Ok(Err(vec![object(Why::Gate(grounds))]));
        }
    }
    Ok(match work {
        Ok(work) => Ok(Planned {
            guides,
            scene: scene.name.clone(),
            shot: shot.clone(),
            sources,
            pictures: pictured,
            work,
            asked: Asked::default(),
        }),
        Err(why) => Err(vec![object(why)]),
    })
}

/// The shot's calls in the order an engine gets them: a becoming's from and to come first, and a clip before all else.
pub(crate) fn calls(shot: &Shot) -> Vec<&SourceCall> {
    match &shot.kind {
        Kind::Guided { matter, .. } => {
            let mut calls: Vec<&SourceCall> = shot.sources.iter().collect();
            for call in matter.values().flatten() {
                if !calls.contains(&call) {
                    calls.push(call);
                }
            }
            calls
        }
        _ => clips::calls(shot).unwrap_or_else(|| shot.sources.iter().collect()),
    }
}

fn plate(film: &Film, shot: &Shot, start: u32, sources: &[Source]) -> Result<Work, String> {
    let [source] = sources else {
        return Err(format!(
            "a plate is one clip; this shot names {} sources",
            sources.len()
        ));
    };
    let (Media::Clip, Some(frames), Some(rate)) = (source.media, source.frames, source.rate) else {
        return Err(format!(
            "{} is a photograph, not a clip; make the shot `kind = \"still\"` or name a clip",
            source.file_name
        ));
    };
    let end = u64::from(start) + u64::from(shot.frames);
    let needed = frames_needed(end, film, rate);
    if needed > frames {
        return Err(format!(
            "{} has {frames} frames, but the shot needs {needed}; start earlier or make the shot shorter",
            source.file_name
        ));
    }
    Ok(Work::Plate { start })
}

/// How many frames of a clip at `rate` reach as far as `end` frames of the film.
fn frames_needed(end: u64, film: &Film, rate: Rate) -> u64 {
    let up = u128::from(end) * u128::from(rate.num()) * u128::from(film.rate.den());
    let down = u128::from(rate.den()) * u128::from(film.rate.num());
    u64::try_from(up.div_ceil(down.max(1))).unwrap_or(u64::MAX)
}

/// What an engine is asked for by a kind of shot.
fn task(kind: &Kind) -> Task {
    match kind {
        Kind::Still { .. } => Task::Still,
        Kind::Becoming { .. } => Task::Becoming,
        Kind::Style { .. } => Task::Style,
        Kind::Extend { .. } => Task::Extend,
        Kind::Between { .. } => Task::Between,
        Kind::Slow { .. } => Task::Slow,
        Kind::Fill { .. } => Task::Fill,
        Kind::Guided { .. } => Task::Guided,
        Kind::Living { .. } | Kind::Plate { .. } => Task::Living,
    }
}

pub(crate) fn draw(
    film: &Film,
    shot: &Shot,
    sources: &[Source],
    pictures: &[Pictured],
    engines: &Engines,
    spoken: &Wording,
) -> Result<Work, Why> {
    let engine = engines
        .get(shot.engine.as_deref())
        .map_err(|Failure { message, .. }| Why::Engine(message))?;
    let card = engine.card();
    let task = task(&shot.kind);
    let (size, rate, frames) = card.fitted(task, shot.size.unwrap_or(film.size), film.rate, shot.frames);
    if let Some(objection) = card.objection(task, size, rate, frames, sources.len()) {
        return Err(Why::Engine(objection));
    }
    clips::fits(film, shot, sources).map_err(Why::Shot)?;
    if let (Kind::Fill { .. }, Some(plate)) = (&shot.kind, sources.first())
        && plate.media != Media::Photograph
    {
        return Err(Why::Shot(format!(
            "{} is a clip; filling a clip, frame after frame, is not made yet: put one of its frames into the archive \
             as a photograph and name that",
            plate.file_name
        )));
    }
    let words = |text: &str| {
        if card.text == Text::Ignored {
            String::new()
        } else {
            text.to_owned()
        }
    };
    let mut params = spoken.params();
    own_params(shot, (film.rate, rate), &mut params);
    params.extend(card.own_settings(&shot.settings).map_err(Why::Engine)?);
    params.extend(card.params.clone());
    let request = Request {
        engine: card.engine.clone(),
        revision: card.revision,
        task,
        prompt: words(&shot.prompt),
        mood: words(&shot.mood),
        seed: shot.seed,
        size,
        rate,
        frames,
        sources: sources.iter().map(|s| s.object).collect(),
        keyframes: Vec::new(),
        pictures: pictures.iter().map(|p| (p.role.to_owned(), p.object)).collect(),
        guides: None,
        style: None,
        params,
    };
    let id = request.id().map_err(|e| Why::Shot(e.to_string()))?;
    Ok(Work::Draw {
        request: Box::new(request),
        id,
    })
}

/// A shot's work once it is known what it is like.
fn alike(
    mut request: Request,
    like: &Like,
    vault: &Vault,
    known: &[Source],
) -> Result<Result<Work, Why>, VaultError> {
    match crate::like::apply(&mut request, like, vault, known) {
        Ok(Ok(())) => {}
        Ok(Err(why)) => return Ok(Err(Why::Shot(why))),
        Err(TakeError::Vault(error)) => return Err(error),
        Err(error) => return Ok(Err(Why::Shot(error.to_string()))),
    }
    Ok(request
        .id()
        .map(|id| Work::Draw {
            request: Box::new(request),
            id,
        })
        .map_err(|e| Why::Shot(e.to_string())))
}

/// The settings that only the shot's kind or its pictures have.
fn own_params(shot: &Shot, (film, own): (Rate, Rate), params: &mut BTreeMap<String, Param>) {
    // What a person wrote as 0.4 should stand in the request as 0.4, not as the nearest f32 in all its digits.
    let number = |v: f32| Param::Number(clips::round(v));
    let frame = |n: u32| Param::Whole(i64::from(n));
    // The film counts its own frames, an engine at another rate its own.
    let start_at = |n: u32| {
        let at = f64::from(n) * clip_frames_a_frame(film, own);
        match film == own {
            true => frame(n),
            false => Param::Number((at * 1e6).round() / 1e6),
        }
    };
    match &shot.kind {
        Kind::Style { start, strength, .. } => {
            params.insert(settings::START.into(), start_at(*start));
            params.insert(settings::STRENGTH.into(), number(*strength));
        }
        Kind::Slow { start, pace, .. } => {
            params.insert(settings::START.into(), start_at(*start));
            params.insert(settings::PACE.into(), number(*pace));
        }
        Kind::Extend { tail, .. } => {
            params.insert(settings::TAIL.into(), frame(*tail));
        }
        _ => {}
    }
    pictures::params(shot, number, params);
}
