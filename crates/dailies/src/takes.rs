//! What there is of a request: views over the ledger.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_engine::{Draw, Request, TakeManifest};
use heirloom_vault::{Act, Filter, ObjectId, Vault, VaultError, Verb};

/// The ledger's name for a request.
pub fn request_subject(request: &ObjectId) -> String {
    format!("request:{request}")
}

/// A finished take.
#[derive(Debug, Clone, PartialEq)]
pub struct Take {
    /// The manifest's object.
    pub id: ObjectId,
    /// The manifest.
    pub manifest: TakeManifest,
}

/// The act by which a draw was finished, if it was.
///
/// # Errors
/// The ledger can not be read.
pub fn drawn(vault: &Vault, draw: &Draw) -> Result<Option<Act>, VaultError> {
    let filter = Filter {
        verb: Some(Verb::Drawn),
        ..Filter::subject(request_subject(&draw.request))
    };
    Ok(vault
        .ledger()
        .acts(&filter)?
        .into_iter()
        .find(|act| act.facts["draw"].as_u64() == Some(draw.n.into())))
}

/// Every draw that was finished.
///
/// # Errors
/// The ledger can not be read.
pub fn held(vault: &Vault) -> Result<BTreeSet<Draw>, VaultError> {
    let acts = vault.ledger().acts(&Filter::verb(Verb::Drawn))?;
    let draws = acts.iter().filter_map(|act| {
        let n = act.facts["draw"].as_u64().and_then(|n| u32::try_from(n).ok())?;
        Some(Draw {
            request: act.inputs("request").next()?,
            n,
        })
    });
    Ok(draws.collect())
}

/// The median of the seconds that takes of a shot (as people call it) took, from the asking to the last byte; of the newest
/// hundred. `None` where there are none.
///
/// Asking stands right before drawing, so that waiting in the queue does not count.
///
/// # Errors
/// The ledger can not be read.
pub fn usual_seconds(vault: &Vault, shot: &str) -> Result<Option<f64>, VaultError> {
    let mut asked = BTreeMap::new();
    for act in vault.ledger().acts(&Filter::verb(Verb::Requested))? {
        if act.facts["shot"].as_str() == Some(shot) {
            asked.extend(act.outputs("request").map(|request| (request, act.at)));
        }
    }
    let mut seconds = Vec::new();
    for act in vault.ledger().acts(&Filter::verb(Verb::Drawn))?.iter().rev() {
        let at = act
            .inputs("request")
            .next()
            .and_then(|request| asked.get(&request));
        if let Some(at) = at {
            seconds.push(act.at.duration_since(*at).as_secs_f64());
        }
        if seconds.len() == 100 {
            break;
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds.get(seconds.len() / 2).copied())
}

/// A take could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The vault's or the ledger's words.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The object is there, but is no take.
    #[error("{id} is not a take ({why}); `heirloom log` lists the takes of this film")]
    NotATake {
        /// The object.
        id: ObjectId,
        /// What is wrong with it.
        why: String,
    },
}

/// The take of a draw's first output, if the draw was finished.
///
/// # Errors
/// The ledger or the manifest can not be read.
pub fn take_of(vault: &Vault, draw: &Draw) -> Result<Option<Take>, TakeError> {
    let Some(act) = drawn(vault, draw)? else {
        return Ok(None);
    };
    let Some(id) = act.outputs("take").next() else {
        return Ok(None);
    };
    open(vault, &id).map(Some)
}

/// Read a take's manifest.
///
/// # Errors
/// It is not in the vault, or is not a take.
pub fn open(vault: &Vault, id: &ObjectId) -> Result<Take, TakeError> {
    let bytes = vault.read(id)?;
    let manifest = serde_json::from_slice(&bytes).map_err(|e| TakeError::NotATake {
        id: *id,
        why: e.to_string(),
    })?;
    Ok(Take { id: *id, manifest })
}

/// The request that a take was drawn for.
///
/// # Errors
/// It is not in the vault, or is no request.
pub fn request(vault: &Vault, manifest: &TakeManifest) -> Result<Request, TakeError> {
    let id = manifest.draw.request;
    serde_json::from_slice(&vault.read(&id)?).map_err(|e| TakeError::NotATake {
        id,
        why: format!("no request: {e}"),
    })
}

/// The style of a take: that of its request, or the one whose photographs it was asked to be made of.
///
/// # Errors
/// The ledger can not be read.
pub fn style_of(vault: &Vault, manifest: &TakeManifest) -> Result<Option<ObjectId>, VaultError> {
    let own = request(vault, manifest).ok().and_then(|request| request.style);
    if own.is_some() {
        return Ok(own);
    }
    let asked = Filter {
        verb: Some(Verb::Requested),
        ..Filter::object(manifest.draw.request)
    };
    let acts = vault.ledger().acts(&asked)?;
    Ok(acts.iter().find_map(|act| act.inputs("style").next()))
}

/// A take as the ledger lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The manifest's object.
    pub id: ObjectId,
    /// The request it was drawn for.
    pub request: ObjectId,
    /// Scene and shot that asked for it first, as they were called then.
    pub shot: String,
    /// The ledger's names of the shots that asked for it.
    pub subjects: Vec<String>,
    /// The take it is to be like.
    pub like: Option<ObjectId>,
    /// The act by which it was drawn.
    pub act: Act,
}

/// Every take of the film, oldest first.
///
/// # Errors
/// The ledger can not be read.
pub fn all(vault: &Vault) -> Result<Vec<Listed>, VaultError> {
    let mut asked: BTreeMap<ObjectId, (String, Vec<String>)> = BTreeMap::new();
    for act in vault.ledger().acts(&Filter::verb(Verb::Requested))? {
        for request in act.outputs("request") {
            let label = act.facts["shot"].as_str().unwrap_or_default();
            let (_, subjects) = asked.entry(request).or_insert_with(|| (label.into(), Vec::new()));
            subjects.push(act.subject.clone());
        }
    }
    let mut listed = Vec::new();
    for act in vault.ledger().acts(&Filter::verb(Verb::Drawn))? {
        let Some(request) = act.inputs("request").next() else {
            continue;
        };
        let (shot, subjects) = asked.get(&request).cloned().unwrap_or_default();
        for id in act.outputs("take") {
            listed.push(Listed {
                id,
                request,
                shot: shot.clone(),
                subjects: subjects.clone(),
                like: act.inputs("like").next(),
                act: act.clone(),
            });
        }
    }
    Ok(listed)
}

/// The take whose id begins with `digits`; `Err` says why there is not just one, with the mend.
///
/// # Errors
/// The ledger can not be read.
pub fn find(vault: &Vault, digits: &str) -> Result<Result<ObjectId, String>, VaultError> {
    let mut found: Vec<ObjectId> = all(vault)?
        .into_iter()
        .map(|take| take.id)
        .filter(|id| id.to_string().starts_with(digits))
        .collect();
    found.sort_unstable();
    found.dedup();
    Ok(match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(format!(
            "this film has no take {digits}; `heirloom takes` lists those it has"
        )),
        several => Err(format!(
            "{} takes begin with {digits}; write more of the id's digits (`heirloom takes` shows them)",
            several.len()
        )),
    })
}
