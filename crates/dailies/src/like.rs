//! Shots that are like a take: what their requests say of it.

use heirloom_archive::Source;
use heirloom_engine::{Param, Request, Task, settings};
use heirloom_film::Like;
use heirloom_vault::{ObjectId, Vault};

use crate::takes::{self, TakeError};

/// Writes into a shot's request what it is to be like; `Err` is why it can not be, with the mend.
///
/// # Errors
/// The ledger can not be read.
pub(crate) fn apply(
    request: &mut Request,
    like: &Like,
    vault: &Vault,
    sources: &[Source],
) -> Result<Result<(), String>, TakeError> {
    let id = match takes::find(vault, &like.take)? {
        Ok(id) => id,
        Err(why) => return Ok(Err(why)),
    };
    let manifest = takes::open(vault, &id)?.manifest;
    let theirs = takes::request(vault, &manifest)?;
    if manifest.engine != request.engine {
        return Ok(Err(format!(
            "it is to be like the take {} of the engine `{}`, but is made by `{}`; name a take of its own engine",
            id.short(),
            manifest.engine,
            request.engine
        )));
    }
    if !matches!(theirs.task, Task::Still | Task::Living) {
        return Ok(Err(format!(
            "it is to be like the take {}, which is of a shot of another kind; name a take of a living or a still shot",
            id.short()
        )));
    }
    let missing: Vec<String> = theirs
        .sources
        .iter()
        .filter(|source| !request.sources.contains(source))
        .map(|source| name(source, sources))
        .collect();
    if !missing.is_empty() {
        return Ok(Err(format!(
            "it is to be like the take {}, which is made of {} too; add that to the shot's `sources`, or delete `like`",
            id.short(),
            missing.join(" and ")
        )));
    }
    request.pictures.insert(settings::LIKE.into(), id);
    request
        .params
        .insert(settings::AMOUNT.into(), Param::Number(like.amount.share()));
    // What is mostly the same picture moves as it did.
    if request.params.contains_key(settings::FLOW) && like.amount.share() < 1.0 {
        let seed = theirs.whole(settings::FLOW_SEED).unwrap_or(theirs.seed);
        let seed = i64::try_from(seed).unwrap_or(i64::MAX);
        request
            .params
            .insert(settings::FLOW_SEED.into(), Param::Whole(seed));
    }
    Ok(Ok(()))
}

/// A source as a film calls it.
fn name(object: &ObjectId, archive: &[Source]) -> String {
    let known = archive.iter().find(|source| source.object == *object);
    known.map_or_else(|| object.short(), |source| format!("archive:{}", source.name()))
}
