//! Stable names of scenes and shots, written once by the program and kept for ever.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A stable id such as `sh-7f3k9q2m`: lower-case ASCII letters, digits and hyphens, 3 to 64 long,
/// beginning with a letter. Safe as a file name on every system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

/// Why a text is no id; the message says the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an id; ids are 3 to 64 lower-case letters, digits and hyphens, beginning with a letter: delete the line and the next `heirloom make` writes a fresh one"
)]
pub struct IdError(pub(crate) String);

impl Id {
    /// Reads an id.
    ///
    /// # Errors
    /// [`IdError`] when the text is not of the shape described at [`Id`].
    pub fn parse(text: &str) -> Result<Id, IdError> {
        let shape = (3..=64).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if shape {
            Ok(Id(text.into()))
        } else {
            Err(IdError(text.into()))
        }
    }

    /// A fresh id with the given prefix (`sc` for scenes, `sh` for shots), unlike any made before: 40
    /// bits of a hash over time, process and a counter, keyed afresh by the system for every call.
    ///
    /// ```
    /// use heirloom_film::Id;
    ///
    /// let id = Id::fresh("sh");
    /// assert!(id.as_str().starts_with("sh-"));
    /// assert_ne!(id, Id::fresh("sh"));
    /// ```
    pub fn fresh(prefix: &str) -> Id {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos());
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u128(now);
        hasher.write_u32(std::process::id());
        hasher.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
        Id::from_bits(prefix, hasher.finish())
    }

    /// The id with the given prefix that spells the low 40 bits of `bits`; a prefix that cannot begin an
    /// id is read as `id`. For generators that must repeat, such as those of tests.
    pub fn from_bits(prefix: &str, bits: u64) -> Id {
        // Without i, l, o and u no two letters look alike and no id spells a word one would regret.
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let tail: String = (0..8)
            .rev()
            .map(|k| char::from(ALPHABET[(bits >> (5 * k)) as usize & 31]))
            .collect();
        Id::parse(&format!("{prefix}-{tail}")).unwrap_or_else(|_| Id(format!("id-{tail}")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = IdError;
    fn try_from(text: String) -> Result<Id, IdError> {
        Id::parse(&text)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        id.0
    }
}
