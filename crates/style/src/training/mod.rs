//! A model of the film's own, as far as it rests on the archive: what may be learnt from, in what words, whether there is
//! enough of it, which checkpoint to keep, and the acts that say so.
//!
//! Nothing is trained here: an engine does that. What it tells comes back as a [`Record`].

mod captions;
mod check;
mod curves;
mod marks;
mod rank;
mod record;
mod sources;

pub use captions::{Caption, Said, caption, slug, trigger_for};
pub use check::{Checked, Finding, Looks, Seen, Weight, check};
pub use curves::{Losses, curves};
pub use marks::{Mark, stamped, watermark};
pub use rank::{Copied, Ranked, Ranking, rank};
pub use record::{Kept, Learnt, LookAt, Nearest, Record, Suggestion, keep, keep_subject, tell_trained};
pub use sources::{Chosen, LeftOut, NoLeave, Whose, choose};
