//! Words to token ids: a model's own tokenizer, by the `tokenizers` crate, and the cleaning that the reference does first.

use std::path::{Path, PathBuf};

/// A prompt that can not be tokenised, or a tokenizer that is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The file is missing or no tokenizer.
    #[error("{}: the tokenizer can not be read ({why}): copy or download the model's tokenizer folder again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        why: String,
    },
    /// It makes ids that the text encoder has no embedding for, or no end of text.
    #[error(
        "{}: this tokenizer is of another model ({why}): copy the tokenizer folder that belongs to this text encoder",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// More tokens than the model was trained to read.
    #[error("the {what} is {tokens} tokens long, and this model reads {most}: shorten it by about {} words", words(*tokens, *most))]
    Long {
        /// Prompt or negative prompt.
        what: &'static str,
        /// Its length.
        tokens: usize,
        /// What is read.
        most: usize,
    },
    /// The tokenizer refuses the words.
    #[error("the {what} can not be read by this model's tokenizer ({why}); write it in plain words")]
    Words {
        /// Prompt or negative prompt.
        what: &'static str,
        /// The cause.
        why: String,
    },
}

/// About how many words so many tokens too many are, at least one.
fn words(tokens: usize, most: usize) -> usize {
    (tokens.saturating_sub(most) * 3 / 4).max(1)
}

/// A model's tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
    end: u32,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tokenizer").field(&self.path).finish()
    }
}

impl Tokenizer {
    /// Opens `tokenizer.json` in a folder, for a text encoder with embeddings for `vocabulary` ids. Padding and cutting that
    /// the file asks for are left out: what is too long is told of, and states are padded, not ids.
    ///
    /// # Errors
    /// [`TokenError::Unreadable`], [`TokenError::Foreign`].
    pub fn open(folder: &Path, vocabulary: u64) -> Result<Self, TokenError> {
        let path = folder.join("tokenizer.json");
        let unreadable = |why: String| TokenError::Unreadable {
            path: path.clone(),
            why,
        };
        let bytes = std::fs::read(&path).map_err(|e| unreadable(e.to_string()))?;
        let mut inner = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|e| unreadable(e.to_string()))?;
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|e| unreadable(e.to_string()))?;
        let foreign = |why: String| TokenError::Foreign {
            path: path.clone(),
            why,
        };
        let ids = inner.get_vocab_size(true) as u64;
        if ids > vocabulary {
            return Err(foreign(format!(
                "it has {ids} tokens, and the text encoder embeds {vocabulary}"
            )));
        }
        let end = inner
            .token_to_id("</s>")
            .ok_or_else(|| foreign("it has no end of text, </s>".into()))?;
        Ok(Self { inner, path, end })
    }

    /// The ids of a text, cleaned, up to and with the end of text; at most `most`. `what` names the text in errors.
    ///
    /// # Errors
    /// [`TokenError::Long`], [`TokenError::Words`], and [`TokenError::Foreign`] where the text does not end as the model wants.
    pub fn ids(&self, text: &str, what: &'static str, most: usize) -> Result<Vec<u32>, TokenError> {
        let encoded = self
            .inner
            .encode(clean(text), true)
            .map_err(|e| TokenError::Words {
                what,
                why: e.to_string(),
            })?;
        let ids = encoded.get_ids().to_vec();
        if ids.last() != Some(&self.end) {
            return Err(TokenError::Foreign {
                path: self.path.clone(),
                why: "it does not end a text with </s>".into(),
            });
        }
        if ids.len() > most {
            return Err(TokenError::Long {
                what,
                tokens: ids.len(),
                most,
            });
        }
        Ok(ids)
    }
}

/// A text as the family's reference cleans it: HTML entities resolved twice, runs of white space made one blank.
pub fn clean(text: &str) -> String {
    let once = html_escape::decode_html_entities(text);
    let twice = html_escape::decode_html_entities(&once);
    twice.split_whitespace().collect::<Vec<_>>().join(" ")
}
