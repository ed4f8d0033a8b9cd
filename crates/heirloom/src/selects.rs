//! The takes that people chose: what the cut is made of, in the place of what film.toml alone would draw.

use heirloom_dailies::choices::ShotChoices;
use heirloom_dailies::{Plan, Planned, Work, takes as dailies};
use heirloom_engine::{Draw, Engines, TakeManifest};
use heirloom_film::Film;
use heirloom_vault::{ObjectId, Vault};

use crate::show::Show;
use crate::takes;

/// The select of every shot of the plan that has one which fits the film as it is now; what does not fit is said.
pub fn of(
    plan: &Plan,
    film: &Film,
    (vault, engines): (&Vault, &Engines),
    show: &Show,
) -> anyhow::Result<Vec<Option<ObjectId>>> {
    plan.shots
        .iter()
        .map(|planned| one(planned, film, (vault, engines), show))
        .collect()
}

/// Whether a take of an engine that works at lengths, rates and sizes of its own is what that engine gives for the shot: then it
/// is trimmed, conformed and scaled in the cut as one that was drawn for it.
fn is_its_engines(
    take: &TakeManifest,
    planned: &Planned,
    film: &Film,
    (vault, engines): (&Vault, &Engines),
) -> anyhow::Result<bool> {
    let Ok(engine) = engines.get(Some(&take.engine)) else {
        return Ok(false);
    };
    let task = dailies::request(vault, take)?.task;
    let card = engine.card();
    let step = card.lengths_of(task).step_frames;
    let (_, rate, frames) = card.fitted(task, film.size, film.rate, planned.shot.frames);
    // One that was made of a take at a third rate may be a step or two longer.
    Ok(step > 1 && take.rate == rate && (frames..=frames + 2 * step).contains(&take.frames))
}

fn one(
    planned: &Planned,
    film: &Film,
    (vault, engines): (&Vault, &Engines),
    show: &Show,
) -> anyhow::Result<Option<ObjectId>> {
    let (Work::Draw { .. }, Some(shot)) = (&planned.work, &planned.shot.id) else {
        return Ok(None);
    };
    let choices = ShotChoices::read(vault.ledger(), &format!("shot:{shot}"))?;
    let Some(select) = choices.select() else {
        return Ok(None);
    };
    let manifest = dailies::open(vault, &select)?.manifest;
    let (has, wanted) = (
        (manifest.frames, manifest.size, manifest.rate),
        (planned.shot.frames, film.size, film.rate),
    );
    if has == wanted || is_its_engines(&manifest, planned, film, (vault, engines))? {
        return Ok(Some(select));
    }
    show.note(&format!(
        "warning: the select {} of {} has {} frames, {}, at {} a second, and the film asks for {} frames, {}, at {}: what film.toml \
         says is cut in its place; draw takes anew (`heirloom takes`) and choose one",
        takes::short(&select),
        planned.label(),
        has.0,
        has.1,
        has.2,
        wanted.0,
        wanted.1,
        wanted.2
    ));
    Ok(None)
}

/// Every shot's take: its select, or what was drawn as film.toml has the shot now.
pub fn takes_of(
    plan: &Plan,
    film: &Film,
    (vault, engines): (&Vault, &Engines),
    show: &Show,
) -> anyhow::Result<Vec<Option<ObjectId>>> {
    let mut found = of(plan, film, (vault, engines), show)?;
    for (planned, take) in plan.shots.iter().zip(&mut found) {
        if let (None, Work::Draw { id, .. }) = (&take, &planned.work) {
            *take = dailies::take_of(vault, &Draw { request: *id, n: 0 })?.map(|take| take.id);
        }
    }
    Ok(found)
}

/// Takes out of the plan what need not be drawn as it has a select. [`join`] puts it back.
pub fn part(plan: &mut Plan, selects: &[Option<ObjectId>]) -> Vec<(usize, Planned)> {
    let (mut drawn, mut chosen) = (Vec::new(), Vec::new());
    for (n, planned) in std::mem::take(&mut plan.shots).into_iter().enumerate() {
        match selects.get(n) {
            Some(Some(_)) => chosen.push((n, planned)),
            _ => drawn.push(planned),
        }
    }
    plan.shots = drawn;
    chosen
}

/// The whole plan again, and every shot's take: its select, or what was drawn for it.
pub fn join(
    plan: &mut Plan,
    chosen: Vec<(usize, Planned)>,
    selects: &[Option<ObjectId>],
    drawn: Vec<Option<ObjectId>>,
) -> Vec<Option<ObjectId>> {
    let mut takes = drawn;
    // From the first on, so that each finds its old place.
    for (n, planned) in chosen {
        takes.insert(n, selects.get(n).copied().flatten());
        plan.shots.insert(n, planned);
    }
    takes
}
