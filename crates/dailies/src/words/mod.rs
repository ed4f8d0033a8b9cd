//! Words that do something: a prompt and a mood, as far as they can be understood without a model.
//!
//! A list of words in English, French and Spanish ([`Words`], extended by a film's `words.toml`) says what each
//! does: the shape of the motion, its pace, colours and light that are wished for, how large the matter is. What a
//! shot says by hand always goes before its words. Words enter a request only as settings and sources, so a
//! rewording that does the same is the same request; and [`Told`] says of every word what it did, from the very
//! values that went into the request.
//!
//! ```
//! use heirloom_dailies::words::{Deed, Words, resolve};
//! use heirloom_film::{Flow, Kind, Motion, Shot};
//!
//! let mut shot = Shot::new("010", 48, Kind::Living { motion: Motion::default() });
//! shot.prompt = "crimson embers drift very slowly".into();
//! let words = Words::built_in();
//! let resolved = resolve(&words, &words.read(&shot.prompt, &shot.mood), &shot);
//! let motion = resolved.motion.ok_or("a living shot moves")?;
//! assert_eq!(motion.flow, Flow::Drift);
//! assert!(motion.speed < 0.5);
//! assert_eq!(resolved.palette.0.len(), 2);
//! let drift = resolved.told.iter().find(|told| told.word == "drift").ok_or("told")?;
//! assert_eq!(drift.deeds, [Deed::Did("flow drift".into())]);
//! # Ok::<(), String>(())
//! ```

mod amounts;
mod colors;
mod fold;
mod inflect;
mod reading;
mod sources;
mod tell;
mod vocabulary;

use std::fmt;

pub use amounts::{Resolved, resolve};
pub use colors::{Colors, Measured, Photographs};
pub use reading::{Field, Reading, Spoken};
pub use sources::{NoChoice, Part, Reason, source_for};
pub(crate) use sources::{choose, weigh};
pub use tell::{Deed, ShotWords, Told};
pub use vocabulary::{FILE_NAME, Role, Word, Words};

/// A language that words are listed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// English.
    English,
    /// French.
    French,
    /// Spanish.
    Spanish,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 3] = [Language::English, Language::French, Language::Spanish];

    /// Its key in `words.toml`.
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::French => "fr",
            Language::Spanish => "es",
        }
    }

    /// What it is called in English.
    pub fn english_name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::French => "French",
            Language::Spanish => "Spanish",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.english_name())
    }
}
