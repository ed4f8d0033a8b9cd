//! What a request has of the film's own LoRAs: the chain of title runs from a take through them to photographs.

use heirloom_archive::Source;
use heirloom_engine::gate::{Action, Gate, Ground, SourceUse, Verdict};
use heirloom_engine::{Param, Request};
use heirloom_vault::{FilmLora, ObjectId, Vault, VaultError};

/// The film's LoRAs that a request names among its settings, each once. Others on the list of models are not the film's.
///
/// # Errors
/// The ledger could not be read.
pub fn loras_of(vault: &Vault, request: &Request) -> Result<Vec<FilmLora>, VaultError> {
    let named: Vec<&str> = request
        .params
        .values()
        .filter_map(|param| match param {
            Param::Text(text) => Some(text.lines()),
            _ => None,
        })
        .flatten()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| is_hash(word))
        .collect();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<FilmLora> = Vec::new();
    for lora in vault.ledger().loras()? {
        let known = found.iter().any(|known| known.object == lora.object);
        if !known && named.contains(&lora.facts.id.as_str()) {
            found.push(lora);
        }
    }
    Ok(found)
}

/// Whether a word can be a hash in hexadecimal.
fn is_hash(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Why nothing may be made with these LoRAs: what they were trained on must still be leave to train on. `archive` names
/// sources for people.
///
/// # Errors
/// The ledger could not be read.
pub fn refused(loras: &[FilmLora], gate: &dyn Gate, archive: &[Source]) -> Result<Vec<Ground>, VaultError> {
    let named = |object: &ObjectId| {
        let known = archive.iter().find(|source| source.object == *object);
        known.map_or_else(|| object.short(), Source::name)
    };
    let mut grounds = Vec::new();
    for lora in loras {
        let uses: Vec<SourceUse> = lora
            .sources
            .iter()
            .map(|object| SourceUse {
                object: *object,
                name: named(object),
            })
            .collect();
        if let Verdict::Refused(some) = gate.judge(Action::Train, &uses)? {
            grounds.extend(some.into_iter().map(|ground| Ground {
                clause: format!(
                    "{} (the LoRA {} was trained on it: train anew without it, or leave the LoRA out)",
                    ground.clause, lora.facts.name
                ),
                ..ground
            }));
        }
    }
    Ok(grounds)
}
