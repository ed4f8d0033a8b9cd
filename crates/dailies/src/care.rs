//! Care for a take as work: a request to the engine that cares for takes, ready to be drawn as a shot's own are.
//!
//! What may be wished is what that engine's card says. The request names the take and all that it is made of, so that the gate
//! is asked for every source again, and what is revoked reaches what was cared for as well; it stands in the ledger as grown from
//! the take.

use std::collections::BTreeMap;

use heirloom_archive::{Media, Source};
use heirloom_engine::gate::Gate;
use heirloom_engine::{Card, Engines, Param, Request, Task, settings};
use heirloom_film::{Film, Size};
use heirloom_vault::{ObjectId, Vault};

use crate::over::{OverError, OverTakes};
use crate::plan::{Plan, Why};
use crate::takes::Take;

/// What is wished for a take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    /// Settings of the engine, by their names on its card.
    pub settings: BTreeMap<String, Param>,
    /// How large it is to become.
    pub larger: Larger,
    /// Photographs that what is fine may come from where it becomes larger, besides those that it is made of.
    pub photographs: Vec<Source>,
    /// Chance; that of the take where none is said.
    pub seed: Option<u64>,
    /// Why, for the ledger.
    pub note: Option<String>,
}

/// How large a take is to become.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Larger {
    /// As large as it is.
    #[default]
    Same,
    /// So many times as wide and high, to even sides.
    By(f64),
    /// So large.
    To(Size),
}

impl Larger {
    /// The size, and how many times the take's own it is.
    fn of(self, own: Size) -> Result<(Size, Option<f64>), String> {
        let even = |side: u32, by: f64| (2.0 * libm::round(f64::from(side) * by / 2.0)) as u32;
        match self {
            Self::Same => Ok((own, None)),
            Self::By(by) => {
                let (width, height) = (even(own.width, by), even(own.height, by));
                Ok((Size { width, height }, Some(by)))
            }
            Self::To(size) if size == own => Err(format!(
                "the take is of {size} already; say how many times larger it is to become, as in --upscale 2"
            )),
            Self::To(size) => {
                let across = f64::from(size.width) / f64::from(own.width.max(1));
                let down = f64::from(size.height) / f64::from(own.height.max(1));
                // As a person would write it.
                let by = libm::round(5000.0 * (across + down)) / 10_000.0;
                if (across - down).abs() > 0.02 * by {
                    return Err(format!(
                        "the take is of {own}, which is of another shape than {size}; name a size of its own shape with --size"
                    ));
                }
                Ok((size, Some(by)))
            }
        }
    }
}

/// The card of the engine that cares for takes, if one is plugged in.
pub fn card(engines: &Engines) -> Option<&Card> {
    engines
        .iter()
        .map(|engine| engine.card())
        .find(|card| card.tasks.contains(&Task::Care))
}

/// Plans care for takes of the film: one piece of work for each, in their order, and what stands in the way.
///
/// # Errors
/// See [`OverError`].
pub fn plan(
    film: &Film,
    vault: &Vault,
    engines: &Engines,
    gate: &dyn Gate,
    takes: &[Take],
    wishes: &Wishes,
) -> Result<Plan, OverError> {
    let more = match wishes.larger {
        Larger::Same => &[],
        _ => wishes.photographs.as_slice(),
    };
    let over = OverTakes {
        film,
        vault,
        gate,
        note: wishes.note.as_deref(),
    };
    over.plan(takes, more, &mut |over| {
        let request = request(over.take, &over.theirs, &over.sources, engines, wishes);
        request.map(|request| (request, None)).map_err(Why::Engine)
    })
}

/// The request; or why the engine can not take it, with the mend.
fn request(
    take: &Take,
    theirs: &Request,
    known: &[Source],
    engines: &Engines,
    wishes: &Wishes,
) -> Result<Request, String> {
    let card =
        card(engines).ok_or("no engine that cares for takes is plugged in; use another build of Heirloom")?;
    let manifest = &take.manifest;
    let (size, by) = wishes.larger.of(manifest.size)?;
    if let Some(objection) = card.objection(
        Task::Care,
        size,
        manifest.rate,
        manifest.frames,
        theirs.sources.len(),
    ) {
        return Err(objection);
    }
    let mut own = wishes.settings.clone();
    if let Some(by) = by {
        own.insert(settings::UPSCALE.to_owned(), Param::Number(by));
        let photograph = |object: &ObjectId| {
            known
                .iter()
                .any(|source| source.object == *object && source.media == Media::Photograph)
        };
        let numbers: Vec<String> = theirs
            .sources
            .iter()
            .enumerate()
            .filter(|(_, object)| photograph(object))
            .map(|(n, _)| n.to_string())
            .collect();
        if !numbers.is_empty() && own.contains_key(settings::DETAIL) {
            own.insert(settings::DETAIL_FROM.to_owned(), Param::Text(numbers.join(",")));
        }
    } else {
        own.remove(settings::DETAIL);
    }
    card.check_params(&own)?;
    let mut params = own;
    params.extend(card.params.clone());
    Ok(Request {
        engine: card.engine.clone(),
        revision: card.revision,
        task: Task::Care,
        prompt: String::new(),
        mood: String::new(),
        seed: wishes.seed.unwrap_or(theirs.seed),
        size,
        rate: manifest.rate,
        frames: manifest.frames,
        sources: theirs.sources.clone(),
        keyframes: Vec::new(),
        pictures: BTreeMap::from([(settings::OF_TAKE.to_owned(), take.id)]),
        guides: None,
        style: theirs.style,
        params,
    })
}
