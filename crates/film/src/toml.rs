//! A typed reader of TOML tables that knows where everything stands.
//!
//! It stands behind `film.toml` and `rights.toml`. A file is read by asking: every [`Table`] remembers
//! which keys were asked for, so that [`Table::finish`] can say of the others that they are unknown and
//! which was probably meant. What is wrong is collected, not thrown: asking goes on, and all errors of
//! a file are shown in one go.
//!
//! ```
//! use heirloom_film::toml;
//!
//! let read = |text: &str| {
//!     toml::read("pets.toml", text, |mut root| {
//!         let name = root.require("name", "\"Rex\"").and_then(|v| v.string()).unwrap_or_default();
//!         let legs = root.get("legs").and_then(|v| v.integer(0..=8)).unwrap_or(4);
//!         root.finish(&[]);
//!         (name.to_string(), legs)
//!     })
//! };
//! let (pet, warnings) = read("name = \"Rex\"").map_err(|problems| problems.to_string())?;
//! assert_eq!((pet, warnings.len()), (("Rex".to_string(), 4), 0));
//!
//! let problems = read("nmae = \"Rex\"\nlegs = 9").unwrap_err();
//! assert_eq!(problems.0.len(), 2, "nmae is name misspelt, and 9 legs are too many");
//! assert!(problems.to_string().contains("write `name`"));
//! # Ok::<(), String>(())
//! ```
//!
//! Invariants: reading never panics, whatever the text; a value that is wrong gives `None` *and* leaves
//! an error, so a fallback put in its place is never used for anything.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use crate::problem::{Problem, Problems, Severity};

mod nearest;
mod table;
mod value;

pub use nearest::nearest;
pub use table::Table;
pub use value::Value;

/// Longest text that is read, in bytes. A plan of ten thousand shots is well below it.
pub const MAX_BYTES: usize = 4 << 20;

/// Most problems that are collected of one file.
pub(crate) const MAX_PROBLEMS: usize = 500;

/// What is known of a file while it is read.
struct Report {
    file: String,
    text: Arc<str>,
    found: RefCell<Vec<Problem>>,
}

impl Report {
    fn add(&self, span: Range<usize>, severity: Severity, message: String, mend: String) {
        self.add_with(span, severity, message, mend, |problem| problem);
    }

    /// Adds a problem, finished by `and`. Past the first [`MAX_PROBLEMS`] nothing is added: working out
    /// where each stands takes time, and nobody reads as many.
    fn add_with(
        &self,
        span: Range<usize>,
        severity: Severity,
        message: String,
        mend: String,
        and: impl FnOnce(Problem) -> Problem,
    ) {
        let mut found = self.found.borrow_mut();
        // An error is never dropped in favour of warnings: it decides whether the file holds.
        let full = found.len() >= MAX_PROBLEMS;
        if !full || (severity == Severity::Error && found.iter().all(|p| p.severity == Severity::Warning)) {
            found.push(and(Problem::at(
                &self.file, &self.text, span, severity, message, mend,
            )));
        }
    }
}

/// Reads `text`, called `file` in messages, by handing its root table to `take`. Gives what `take` made
/// of it, and any warnings.
///
/// # Errors
/// All that is wrong, in the order of the lines: either the syntax, or whatever `take` came upon.
pub fn read<T>(
    file: &str,
    text: &str,
    take: impl FnOnce(Table<'_>) -> T,
) -> Result<(T, Vec<Problem>), Problems> {
    if text.len() > MAX_BYTES {
        return Err(too_long(file, text.len() as u64).into());
    }
    let shared: Arc<str> = Arc::from(text);
    let document = match toml_edit::Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            return Err(Problems(crate::syntax::problems(file, &shared, &error)));
        }
    };
    let report = Report {
        file: file.into(),
        text: shared,
        found: RefCell::default(),
    };
    let root = Table::new(&report, document.as_table(), 0..0, "the file".into());
    let made = take(root);
    let mut found = report.found.into_inner();
    found.sort_by_key(|problem| (problem.line, problem.column));
    if found.iter().any(|problem| problem.severity == Severity::Error) {
        // Warnings wait until the errors are mended; they may be their consequence.
        found.retain(|problem| problem.severity == Severity::Error);
        Err(Problems(found))
    } else {
        Ok((made, found))
    }
}

/// The problem of a file longer than [`MAX_BYTES`].
pub(crate) fn too_long(file: &str, bytes: u64) -> Problem {
    Problem::of_file(
        file,
        format!("the file is {bytes} bytes long, more than the {MAX_BYTES} that are read"),
        "see whether this is the file you mean".into(),
    )
}
