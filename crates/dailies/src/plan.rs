//! A film's shots as work: every call resolved, every request made, every objection found, before anything runs.

use std::collections::BTreeMap;
use std::fmt;

use heirloom_archive::{Archive, Media, ResolveError, Source, resolve_among};
use heirloom_engine::card::Text;
use heirloom_engine::gate::{Action, Gate, Ground, SourceUse, Verdict};
use heirloom_engine::{Engines, Failure, Param, Request, Task, settings};
use heirloom_film::{Film, Kind, Motion, Scene, Shot, SourceCall};
use heirloom_vault::{ObjectId, VaultError};

use crate::words::{self, Measured, Photographs, Reading, Resolved, ShotWords, Words};

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
    /// What the words of every shot did, in the film's order.
    pub words: Vec<ShotWords>,
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

impl Plan {
    /// The objections that only say that an engine is still to come: the plan is sound as far as they go.
    pub fn waiting(&self) -> impl Iterator<Item = &Objection> {
        self.objections
            .iter()
            .filter(|objection| matches!(objection.why, Why::Waits(_)))
    }
}

/// Resolve the film's shots against the archive, the engines' cards and the gate, by the built-in words.
///
/// # Errors
/// The ledger could not be read.
pub fn plan(
    film: &Film,
    archive: &Archive<'_>,
    engines: &Engines,
    gate: &dyn Gate,
) -> Result<Plan, VaultError> {
    let desk = Desk {
        words: &Words::built_in(),
        measured: &Photographs::new(archive.vault()),
        explain: false,
    };
    plan_with(film, archive, engines, gate, &desk)
}

/// Resolve the film's shots against the archive, the engines' cards and the gate.
///
/// # Errors
/// The ledger could not be read.
pub fn plan_with(
    film: &Film,
    archive: &Archive<'_>,
    engines: &Engines,
    gate: &dyn Gate,
    desk: &Desk<'_>,
) -> Result<Plan, VaultError> {
    let mut plan = Plan::default();
    let sources = archive.sources()?;
    for (scene, shot) in film.shots() {
        let reading = desk.words.read(&shot.prompt, &shot.mood);
        let mut spoken = Wording {
            resolved: words::resolve(desk.words, &reading, shot),
            reading,
            weights: None,
        };
        let planned = planned(film, scene, shot, &sources, engines, gate, desk, &mut spoken)?;
        plan.words.push(spoken.told(scene, shot));
        match planned {
            Ok(planned) => plan.shots.push(planned),
            Err(objections) => plan.objections.extend(objections),
        }
    }
    Ok(plan)
}

type Answer<T> = Result<Result<T, Vec<Objection>>, VaultError>;

/// What the words of a shot come to.
struct Wording {
    reading: Reading,
    resolved: Resolved,
    /// How much each source counts, as the setting has it.
    weights: Option<String>,
}

impl Wording {
    /// What every word did; those that did nothing are told why.
    fn told(self, scene: &Scene, shot: &Shot) -> ShotWords {
        let mut told = self.resolved.told;
        let chosen = matches!(shot.kind, Kind::Living { .. } | Kind::Still { .. }) && shot.sources.is_empty();
        for (told, spoken) in told.iter_mut().zip(&self.reading.spoken) {
            if !told.deeds.is_empty() {
                continue;
            }
            told.nothing(if !spoken.is_known() {
                "not among the words, nor of use to tell the shot's sources apart"
            } else if chosen {
                "no photograph that may be used has it"
            } else {
                "it could only tell the shot's sources apart, and does not"
            });
        }
        ShotWords {
            shot: format!("{} {}", scene.name, shot.name),
            kind: shot.kind.word(),
            language: self.reading.language,
            told,
        }
    }

    /// Tells colour words how much of them the sources have.
    fn shares(&mut self, sources: &[Source], desk: &Desk<'_>) {
        let colors: Vec<_> = sources
            .iter()
            .filter(|s| s.media == Media::Photograph)
            .filter_map(|s| desk.measured.colors(&s.object))
            .collect();
        if colors.is_empty() || self.resolved.palette.is_empty() {
            return;
        }
        for (told, spoken) in self.resolved.told.iter_mut().zip(&self.reading.spoken) {
            let wishes = desk.words.wishes(spoken);
            if wishes.is_empty() || !told.did_something() {
                continue;
            }
            let share: f64 = wishes
                .iter()
                .map(|wish| colors.iter().map(|c| c.share_of(wish)).sum::<f64>() / colors.len() as f64)
                .sum();
            let percent = (share.min(1.0) * 100.0).round();
            told.did(match percent {
                0.0 => "the sources have none of it, so what is nearest comes forward".to_owned(),
                percent => format!("the sources have {percent} % of it"),
            });
        }
    }
}

fn planned(
    film: &Film,
    scene: &Scene,
    shot: &Shot,
    archive: &[Source],
    engines: &Engines,
    gate: &dyn Gate,
    desk: &Desk<'_>,
    spoken: &mut Wording,
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
    let mut names: Vec<String> = calls(shot).iter().map(ToString::to_string).collect();
    let chooses = matches!(shot.kind, Kind::Living { .. } | Kind::Still { .. }) && shot.sources.is_empty();
    if chooses {
        let most = match engines.get(shot.engine.as_deref()) {
            Ok(engine) => engine.card().sources.1 as usize,
            Err(Failure { message, .. }) => return Ok(Err(vec![object(Why::Engine(message))])),
        };
        let palette = &spoken.resolved.palette;
        match words::choose(
            desk.words,
            &spoken.reading,
            palette,
            archive,
            desk.measured,
            gate,
            most,
        )? {
            Ok(chosen) => (sources, names) = (chosen.sources, chosen.names),
            Err(none) => return Ok(Err(vec![object(Why::Shot(none.to_string()))])),
        }
    }
    if let Verdict::Refused(grounds) = gate.judge(Action::Spend, &uses)? {
        objections.push(object(Why::Gate(grounds)));
    }
    if !objections.is_empty() {
        return Ok(Err(objections));
    }
    if !matches!(shot.kind, Kind::Becoming { .. } | Kind::Plate { .. }) {
        spoken.weights = words::weigh(
            desk.words,
            &spoken.reading,
            &spoken.resolved.palette,
            &sources,
            &names,
            chooses,
            desk.measured,
            &mut spoken.resolved.told,
        );
        if desk.explain {
            spoken.shares(&sources, desk);
        }
    }
    let work = match &shot.kind {
        Kind::Plate { start } => plate(film, shot, *start, &sources).map_err(Why::Shot),
        Kind::Guided => Err(Why::Waits(
            "no engine here makes guided shots yet; look at it with `heirloom stage animatic`, and make the shot \
             another kind to go on without it"
                .into(),
        )),
        _ => draw(film, shot, &sources, engines, spoken),
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

fn draw(
    film: &Film,
    shot: &Shot,
    sources: &[Source],
    engines: &Engines,
    spoken: &Wording,
) -> Result<Work, Why> {
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
        params: params(&spoken.resolved, spoken.weights.as_deref()),
    };
    let id = request.id().map_err(|e| Why::Shot(e.to_string()))?;
    Ok(Work::Draw {
        request: Box::new(request),
        id,
    })
}

/// The settings of a request: what the shot says by hand, and what its words fill in.
fn params(resolved: &Resolved, weights: Option<&str>) -> BTreeMap<String, Param> {
    // What a person wrote as 0.4 should stand in the request as 0.4, not as the nearest f32 in all its digits.
    let number = |v: f32| Param::Number((f64::from(v) * 1e6).round() / 1e6);
    let mut params = BTreeMap::from([(settings::FINISH.to_owned(), number(resolved.finish))]);
    if let Some(scale) = resolved.scale {
        params.insert(settings::SCALE.into(), number(scale));
    }
    if let Some(Motion {
        flow,
        speed,
        direction_deg,
        steady,
    }) = &resolved.motion
    {
        params.insert(settings::FLOW.into(), Param::Text(flow.word().into()));
        params.insert(settings::SPEED.into(), number(*speed));
        params.insert(settings::DIRECTION_DEG.into(), number(*direction_deg));
        params.insert(settings::STEADY.into(), number(*steady));
    }
    if resolved.accelerate != 0.0 {
        params.insert(settings::ACCELERATE.into(), Param::Number(resolved.accelerate));
    }
    if !resolved.palette.is_empty() {
        params.insert(settings::PALETTE.into(), Param::Text(resolved.palette.to_string()));
    }
    if let Some(weights) = weights {
        params.insert(settings::WEIGHTS.into(), Param::Text(weights.into()));
    }
    params
}
