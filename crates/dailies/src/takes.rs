//! What there is of a request: views over the ledger.

use heirloom_engine::{Draw, TakeManifest};
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
