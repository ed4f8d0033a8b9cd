//! How a shot calls a source of the archive.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A call of one source: the stem of its file, or `folder/stem` where the stem alone is not enough.
/// In files it is written `archive:eta-carinae` or `archive:moon/tycho`.
///
/// Case, and the difference between hyphen, underscore and space, do not matter:
///
/// ```
/// use heirloom_film::SourceCall;
///
/// let call = SourceCall::parse("archive:moon/tycho-crater")?;
/// assert!(call.matches("pictures/Moon", "Tycho_Crater"));
/// assert!(!call.matches("pictures/mars", "Tycho_Crater"));
/// assert_eq!(call.to_string(), "archive:moon/tycho-crater");
/// # Ok::<(), heirloom_film::CallError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceCall {
    /// What follows `archive:`, as written: `eta-carinae` or `moon/tycho`.
    pub call: String,
}

/// Why a text is no call of a source; the message says the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Does not begin with `archive:`.
    #[error("`{text}` does not say where the source is; write `{mend}`")]
    NoArchive {
        /// What was written.
        text: String,
        /// What was probably meant.
        mend: String,
    },
    /// Nothing, or an empty or dotted step, after `archive:`.
    #[error(
        "`{0}` names no source; write `archive:` and the file's stem, such as `archive:eta-carinae`, or folder/stem"
    )]
    Empty(String),
    /// Written with the file's ending.
    #[error("`{text}` carries a file ending, but sources are called by their stem; write `{mend}`")]
    Ending {
        /// What was written.
        text: String,
        /// The call without the ending.
        mend: String,
    },
}

impl CallError {
    /// What went wrong and the mend, apart.
    pub(crate) fn parts(&self) -> (String, String) {
        let text = self.to_string();
        match text.split_once("; ") {
            Some((what, mend)) => (what.into(), mend.into()),
            None => (text, String::new()),
        }
    }
}

const ENDINGS: [&str; 7] = ["jpg", "jpeg", "png", "mp4", "mov", "tif", "heic"];

impl SourceCall {
    /// Reads `archive:stem` or `archive:folder/stem`.
    ///
    /// # Errors
    /// [`CallError`], which says the mend.
    pub fn parse(text: &str) -> Result<SourceCall, CallError> {
        let Some(call) = text.trim().strip_prefix("archive:") else {
            let stem = text
                .trim()
                .rsplit(':')
                .next()
                .unwrap_or_default()
                .trim_start_matches('/');
            let stem = if stem.is_empty() { "eta-carinae" } else { stem };
            let mend = format!("archive:{}", without_ending(stem).unwrap_or(stem));
            return Err(CallError::NoArchive {
                text: text.into(),
                mend,
            });
        };
        let call = call.trim();
        let hollow = |step: &str| matches!(step.trim(), "" | "." | "..");
        if call.split('/').any(hollow) || call.chars().any(char::is_control) {
            return Err(CallError::Empty(text.into()));
        }
        if let Some(stem) = without_ending(call) {
            return Err(CallError::Ending {
                text: text.into(),
                mend: format!("archive:{stem}"),
            });
        }
        Ok(SourceCall { call: call.into() })
    }

    /// Whether this call means the source whose file is `stem` in `folder`. Folders are separated by
    /// `/` (or `\`); a call with folders means files whose folder path ends in them.
    pub fn matches(&self, folder: &str, stem: &str) -> bool {
        let mut asked = self.call.split('/').rev();
        let last = asked.next().unwrap_or_default();
        if alike(last) != alike(stem) {
            return false;
        }
        let mut have = folder.split(['/', '\\']).filter(|step| !step.is_empty()).rev();
        asked.all(|step| have.next().is_some_and(|name| alike(name) == alike(step)))
    }

    /// The form in which two calls or stems are compared: lower case, with hyphen, underscore and space
    /// as one.
    pub fn canonical(&self) -> String {
        alike(&self.call)
    }
}

/// `text` without a picture's or clip's file ending, when it has one and something before it.
fn without_ending(text: &str) -> Option<&str> {
    let (stem, ending) = text.rsplit_once('.')?;
    let known = ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending));
    (known && !stem.is_empty() && !stem.ends_with('/')).then_some(stem)
}

fn alike(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c == '_' || c == ' ' { '-' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}

impl fmt::Display for SourceCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "archive:{}", self.call)
    }
}

impl TryFrom<String> for SourceCall {
    type Error = CallError;
    fn try_from(text: String) -> Result<SourceCall, CallError> {
        SourceCall::parse(&text)
    }
}

impl From<SourceCall> for String {
    fn from(call: SourceCall) -> String {
        call.to_string()
    }
}
