//! Takes made over by a model, by strength: a companion pass over a take of any engine.
//!
//! A take that was drawn for a stage keeps to it: where the engine follows guides, those of the take's own request are followed
//! again, at the engine's own moments.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use heirloom_archive::{Archive, Source};
use heirloom_engine::card::Text;
use heirloom_engine::gate::Gate;
use heirloom_engine::{Card, Engines, Param, Request, Task, settings};
use heirloom_film::{Film, Setting, Shot, Size};
use heirloom_vault::{ObjectId, Vault};

use crate::Desk;
use crate::guided;
use crate::guides::ShotGuides;
use crate::over::{Made, Over, OverError, OverTakes};
use crate::plan::{Plan, Room, Why};
use crate::takes::Take;
use crate::variants::first_of;
use crate::words::{Photographs, Words};

/// What is wished for a take.
#[derive(Clone, Debug, PartialEq)]
pub struct Wishes {
    /// The engine that makes it over; the first that can where none is named.
    pub engine: Option<String>,
    /// How strongly, above 0 (hardly) to 1 (nearly nothing of the take is left).
    pub strength: f64,
    /// What should be seen; as the take was asked for, or as its shot is in the film, where none is said.
    pub prompt: Option<String>,
    /// How it should feel; likewise.
    pub mood: Option<String>,
    /// Settings of the engine, by their names on its card.
    pub settings: BTreeMap<String, Setting>,
    /// Photographs of what is to be seen, for engines that take some.
    pub references: Vec<Source>,
    /// The size that is worked at; the take's own, as nearly as the engine can, where none is said.
    pub size: Option<Size>,
    /// Whether the guides of the take's request are left aside.
    pub without_guides: bool,
    /// Chance; that of the take where none is said.
    pub seed: Option<u64>,
    /// Why, for the ledger.
    pub note: Option<String>,
}

impl Wishes {
    /// A pass of this strength, and nothing else said.
    pub fn of_strength(strength: f64) -> Self {
        Self {
            engine: None,
            strength,
            prompt: None,
            mood: None,
            settings: BTreeMap::new(),
            references: Vec::new(),
            size: None,
            without_guides: false,
            seed: None,
            note: None,
        }
    }
}

/// Whether an engine makes takes over.
pub fn makes_over(card: &Card) -> bool {
    card.of_task.get(&Task::Style).is_some_and(|of| of.takes)
}

/// The card of the engine that is wished for.
fn card<'e>(engines: &'e Engines, wishes: &Wishes) -> Result<&'e Card, String> {
    let able: Vec<&Card> = engines
        .iter()
        .map(|engine| engine.card())
        .filter(|card| makes_over(card))
        .collect();
    let names: Vec<&str> = able.iter().map(|card| card.engine.as_str()).collect();
    match &wishes.engine {
        None => able.first().copied().ok_or_else(|| {
            "no engine here makes takes over; add a model of open weights with `heirloom models add`".into()
        }),
        Some(name) => {
            let card = engines.get(Some(name)).map_err(|failure| failure.message)?.card();
            match makes_over(card) {
                true => Ok(card),
                false => Err(format!(
                    "the engine `{name}` does not make takes over; name one that does: {}",
                    if names.is_empty() {
                        "there is none, until `heirloom models add` has one".to_owned()
                    } else {
                        names.join(", ")
                    }
                )),
            }
        }
    }
}

/// Plans passes over takes of the film: one piece of work for each, in their order, and what stands in the way. `folder` is the
/// film's.
///
/// # Errors
/// See [`OverError`].
pub fn plan(
    (film, folder): (&Film, &Path),
    vault: &Vault,
    engines: &Engines,
    gate: &dyn Gate,
    takes: &[Take],
    wishes: &Wishes,
) -> Result<Plan, OverError> {
    let archive = Archive::new(vault).sources()?;
    let desk = Desk {
        words: &Words::built_in(),
        measured: &Photographs::new(vault),
        explain: false,
    };
    let room = Room {
        film,
        folder,
        vault,
        archive: &archive,
        engines,
        gate,
        desk: &desk,
    };
    let over = OverTakes {
        film,
        vault,
        gate,
        note: wishes.note.as_deref(),
    };
    over.plan(takes, &wishes.references, &mut |over| {
        let card = card(engines, wishes).map_err(Why::Engine)?;
        made(&room, card, over, wishes)
    })
}

fn made(room: &Room<'_>, card: &Card, over: &Over<'_>, wishes: &Wishes) -> Result<Made, Why> {
    let (manifest, theirs) = (&over.take.manifest, &over.theirs);
    let own = wishes.size.unwrap_or(manifest.size);
    let (size, rate, frames) = card.fitted(Task::Style, own, manifest.rate, manifest.frames);
    let looked_at = 1 + wishes.references.len();
    if let Some(objection) = card.objection(Task::Style, size, rate, frames, looked_at) {
        return Err(Why::Engine(objection));
    }
    let mut params = card.own_settings(&wishes.settings).map_err(Why::Engine)?;
    params.extend(card.params.clone());
    params.insert(settings::STRENGTH.into(), Param::Number(wishes.strength));
    if let Some(numbers) = numbers(&theirs.sources, &wishes.references) {
        params.insert(settings::REFERENCES.into(), Param::Text(numbers));
    }
    let (prompt, mood) = words(over.shot, theirs, wishes)?;
    if card.text == Text::Required && prompt.trim().is_empty() && mood.trim().is_empty() {
        return Err(Why::Engine(format!(
            "the engine `{}` makes nothing without words, and neither the take nor its shot has any; say --prompt",
            card.engine
        )));
    }
    let mut request = Request {
        engine: card.engine.clone(),
        revision: card.revision,
        task: Task::Style,
        prompt,
        mood,
        seed: wishes.seed.unwrap_or(theirs.seed),
        size,
        rate,
        frames,
        sources: theirs.sources.clone(),
        keyframes: Vec::new(),
        pictures: BTreeMap::from([(settings::OF_TAKE.to_owned(), over.take.id)]),
        guides: None,
        style: theirs.style,
        params,
    };
    let guides = match theirs.guides {
        Some(object) if card.guides && !wishes.without_guides => {
            Some(guides(room, over.shot, object, &request)?)
        }
        _ => None,
    };
    request.guides = guides.as_ref().map(|guides| guides.object());
    Ok((request, guides))
}

/// The guides of the take's own request, at the moments of the new one.
fn guides(room: &Room<'_>, shot: &Shot, object: ObjectId, request: &Request) -> Result<Arc<ShotGuides>, Why> {
    let changed = || {
        Why::Shot(
            "its blocking, or what that rests on, is not what the take was drawn for; put it back, or leave the stage aside with \
             --without-guides"
                .into(),
        )
    };
    if shot.blocking.is_none() {
        return Err(changed());
    }
    let guides = guided::guides(guided::staged(room, shot)?, request)?;
    match guides.object() == object {
        true => Ok(Arc::new(guides)),
        false => Err(changed()),
    }
}

/// Prompt and mood: as they are wished, else as the take was asked for, else as the film has them.
fn words(shot: &Shot, theirs: &Request, wishes: &Wishes) -> Result<(String, String), Why> {
    let film = first_of(shot).map_err(|error| Why::Shot(format!("its prompt or mood: {error}")))?;
    let chosen = |wished: &Option<String>, asked: &str, film: &str| match (wished, asked) {
        (Some(words), _) => words.clone(),
        (None, "") => film.to_owned(),
        (None, words) => words.to_owned(),
    };
    Ok((
        chosen(&wishes.prompt, &theirs.prompt, &film.prompt),
        chosen(&wishes.mood, &theirs.mood, &film.mood),
    ))
}

/// Which of the sources are references, as a setting says it.
fn numbers(sources: &[ObjectId], references: &[Source]) -> Option<String> {
    let number = |of: &Source| sources.iter().position(|object| *object == of.object);
    let numbers: Vec<String> = references
        .iter()
        .filter_map(number)
        .map(|n| n.to_string())
        .collect();
    (!numbers.is_empty()).then(|| numbers.join(","))
}
