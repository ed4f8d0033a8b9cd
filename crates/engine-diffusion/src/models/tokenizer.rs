//! Whether a `tokenizer.json` is the text encoder's own.

use crate::wan::TextConfig;
use crate::weights::{read_limited, shortened};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// umT5's has 17 MB.
const MOST_BYTES: u64 = 128_000_000;

/// A tokenizer that cannot be the text encoder's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct TokenizerError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, with the mend.
    pub why: String,
}

#[derive(Deserialize)]
struct File {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    vocab: serde_json::Value,
}

#[derive(Deserialize)]
struct Added {
    id: u64,
    content: String,
}

/// Holds a `tokenizer.json` against the encoder: a unigram model, no id past the embedding, padding and end where the
/// encoder expects them, and no far smaller vocabulary than the embedding has rows.
///
/// # Errors
/// [`TokenizerError`] where it is missing, damaged, or another model's.
pub fn check_tokenizer(path: &Path, text: &TextConfig) -> Result<(), TokenizerError> {
    let wrong = |why: String| TokenizerError {
        path: path.to_owned(),
        why,
    };
    if !path.is_file() {
        return Err(wrong(
            "it is missing: copy or download it with the rest of the model".into(),
        ));
    }
    let bytes = read_limited(path, MOST_BYTES)
        .map_err(|e| wrong(e.to_string()))?
        .ok_or_else(|| wrong("it is too long for a tokenizer: copy or download it again".into()))?;
    let file: File = serde_json::from_slice(&bytes).map_err(|e| {
        wrong(format!(
            "it is no tokenizer.json ({}): copy or download it again",
            shortened(&e.to_string())
        ))
    })?;
    let other = |why: String| {
        wrong(format!(
            "it is the tokenizer of another model ({why}): get the one of this model"
        ))
    };
    let pieces = match (&*file.model.kind, file.model.vocab.as_array()) {
        ("Unigram", Some(pieces)) => pieces,
        (kind, _) => {
            return Err(other(format!(
                "its kind is \"{}\" and not Unigram",
                shortened(kind)
            )));
        }
    };
    let largest = file
        .added_tokens
        .iter()
        .map(|a| a.id + 1)
        .chain([pieces.len() as u64])
        .max()
        .unwrap_or(0);
    if largest > text.vocab_size {
        return Err(other(format!(
            "its ids go up to {largest}, and the encoder knows {}",
            text.vocab_size
        )));
    }
    // The embedding is rounded up by some rows (umT5: 256 300 pieces, 256 384 rows), and not by more.
    if largest + largest / 20 + 128 < text.vocab_size {
        return Err(other(format!(
            "it has {largest} pieces, and the encoder {} rows",
            text.vocab_size
        )));
    }
    let piece = |id: u64| -> Option<&str> {
        let added = file
            .added_tokens
            .iter()
            .find(|a| a.id == id)
            .map(|a| a.content.as_str());
        added.or_else(|| pieces.get(usize::try_from(id).ok()?)?.get(0)?.as_str())
    };
    for (id, wanted) in [(text.pad_token_id, "<pad>"), (text.eos_token_id, "</s>")] {
        if piece(id) != Some(wanted) {
            let found = piece(id).map_or("nothing".to_owned(), |p| format!("\"{}\"", shortened(p)));
            return Err(other(format!(
                "{wanted} should have the id {id}, where {found} stands"
            )));
        }
    }
    Ok(())
}
