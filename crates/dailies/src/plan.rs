//! A film's shots as work: every call resolved, every request made, every objection found, before anything runs.

use std::collections::BTreeMap;
use std::fmt;

use heirloom_archive::{Archive, Media, ResolveError, Source, resolve_among};
use heirloom_engine::card::Text;
use heirloom_engine::gate::{Action, Gate, Ground, SourceUse, Verdict};
use heirloom_engine::{Engines, Failure, Param, Request, Task, settings};
use heirloom_film::{Film, Kind, Like, Motion, Scene, Shot, SourceCall};
use heirloom_vault::{ObjectId, Vault, VaultError};

use crate::takes::TakeError;

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
    /// What it needs.
    pub work: Work,
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
    /// The shot is sound, but nothing here makes its kind yet.
    Waits(String),
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
            Why::Engine(words) | Why::Shot(words) | Why::Waits(words) => f.write_str(words),
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
}

impl Plan {
    /// The objections that only say that an engine is still to come: the plan is sound as far as they go.
    pub fn waiting(&self) -> impl Iterator<Item = &Objection> {
        self.objections
            .iter()
            .filter(|objection| matches!(objection.why, Why::Waits(_)))
    }
}

/// Resolve the film's shots against the archive, the engines' cards and the gate.
///
/// # Errors
/// The ledger could not be read.
pub fn plan(
    film: &Film,
    archive: &Archive<'_>,
    engines: &Engines,
    gate: &dyn Gate,
) -> Result<Plan, VaultError> {
    let mut plan = Plan::default();
    let sources = archive.sources()?;
    for (scene, shot) in film.shots() {
        match planned(film, scene, shot, archive, &sources, engines, gate)? {
            Ok(planned) => plan.shots.push(planned),
            Err(objections) => plan.objections.extend(objections),
        }
    }
    Ok(plan)
}

type Answer<T> = Result<Result<T, Vec<Objection>>, VaultError>;

fn planned(
    film: &Film,
    scene: &Scene,
    shot: &Shot,
    archive: &Archive<'_>,
    known: &[Source],
    engines: &Engines,
    gate: &dyn Gate,
) -> Answer<Planned> {
    let label = format!("{} {}", scene.name, shot.name);
    let subject = match &shot.id {
        Some(id) => format!("shot:{}", id.as_str()),
        None => format!("shot:{}/{}", scene.name, shot.name),
    };
    let object = |why| Objection {
        shot: label.clone(),
        subject: subject.clone(),
        why,
    };
    let mut objections = Vec::new();
    let mut sources = Vec::new();
    let mut uses = Vec::new();
    for call in calls(shot) {
        match resolve_among(known, call) {
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
    if let Verdict::Refused(grounds) = gate.judge(Action::Spend, &uses)? {
        objections.push(object(Why::Gate(grounds)));
    }
    if !objections.is_empty() {
        return Ok(Err(objections));
    }
    let work = match &shot.kind {
        Kind::Plate { start } => plate(film, shot, *start, &sources).map_err(Why::Shot),
        Kind::Guided => Err(Why::Waits(
            "no engine here makes guided shots yet; look at it with `heirloom stage animatic`, and make the shot \
             another kind to go on without it"
                .into(),
        )),
        _ => draw(film, shot, &sources, engines),
    };
    let work = match (work, &shot.like) {
        (Ok(Work::Draw { request, .. }), Some(like)) => alike(*request, like, archive.vault(), known)?,
        (work, _) => work,
    };
    Ok(match work {
        Ok(work) => Ok(Planned {
            scene: scene.name.clone(),
            shot: shot.clone(),
            sources,
            work,
        }),
        Err(why) => Err(vec![object(why)]),
    })
}

/// The shot's calls in the order an engine gets them: a becoming's from and to come first.
fn calls(shot: &Shot) -> Vec<&SourceCall> {
    match &shot.kind {
        Kind::Becoming { from, to, .. } => [from, to].into_iter().chain(&shot.sources).collect(),
        _ => shot.sources.iter().collect(),
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
fn frames_needed(end: u64, film: &Film, rate: heirloom_film::Rate) -> u64 {
    let up = u128::from(end) * u128::from(rate.num()) * u128::from(film.rate.den());
    let down = u128::from(rate.den()) * u128::from(film.rate.num());
    u64::try_from(up.div_ceil(down.max(1))).unwrap_or(u64::MAX)
}

fn draw(film: &Film, shot: &Shot, sources: &[Source], engines: &Engines) -> Result<Work, Why> {
    let engine = engines
        .get(shot.engine.as_deref())
        .map_err(|Failure { message, .. }| Why::Engine(message))?;
    let card = engine.card();
    let task = match shot.kind {
        Kind::Still { .. } => Task::Still,
        Kind::Becoming { .. } => Task::Becoming,
        Kind::Living { .. } | Kind::Guided | Kind::Plate { .. } => Task::Living,
    };
    if let Some(objection) = card.objection(task, film.size, film.rate, shot.frames, sources.len()) {
        return Err(Why::Engine(objection));
    }
    if let Some(clip) = sources.iter().find(|s| s.media != Media::Photograph) {
        return Err(Why::Shot(format!(
            "{} is a clip; a {} shot is made from photographs (use `kind = \"plate\"` for clips)",
            clip.file_name,
            shot.kind.word()
        )));
    }
    let words = |text: &str| {
        if card.text == Text::Ignored {
            String::new()
        } else {
            text.to_owned()
        }
    };
    let request = Request {
        engine: card.engine.clone(),
        revision: card.revision,
        task,
        prompt: words(&shot.prompt),
        mood: words(&shot.mood),
        seed: shot.seed,
        size: film.size,
        rate: film.rate,
        frames: shot.frames,
        sources: sources.iter().map(|s| s.object).collect(),
        keyframes: Vec::new(),
        pictures: Default::default(),
        guides: None,
        style: None,
        params: params(shot),
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

fn params(shot: &Shot) -> BTreeMap<String, Param> {
    // What a person wrote as 0.4 should stand in the request as 0.4, not as the nearest f32 in all its digits.
    let number = |v: f32| Param::Number((f64::from(v) * 1e6).round() / 1e6);
    let mut params = BTreeMap::from([(settings::FINISH.to_owned(), number(shot.finish))]);
    if let Some(scale) = shot.scale {
        params.insert(settings::SCALE.into(), number(scale));
    }
    if let Some(Motion {
        flow,
        speed,
        direction_deg,
        steady,
    }) = shot.kind.motion()
    {
        params.insert(settings::FLOW.into(), Param::Text(flow.word().into()));
        params.insert(settings::SPEED.into(), number(*speed));
        params.insert(settings::DIRECTION_DEG.into(), number(*direction_deg));
        params.insert(settings::STEADY.into(), number(*steady));
    }
    params
}
