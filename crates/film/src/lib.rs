//! The words everyone shares: film, scene, shot, charter, frame times; and `film.toml`, from its text to
//! a checked plan, every error with file, line and mend.
//!
//! ```
//! use heirloom_film::{Kind, parse};
//!
//! let loaded = parse(
//!     "film.toml",
//!     r#"
//!         [film]
//!         title = "First light"
//!         [[scene]]
//!         name = "cosmos"
//!         [[scene.shot]]
//!         name = "010"
//!         frames = 96
//!         kind = "living"
//!         sources = ["archive:eta-carinae"]
//!     "#,
//! )?;
//! let (scene, shot) = loaded.film.shots().next().ok_or("a shot")?;
//! assert_eq!((scene.name.as_str(), shot.frames), ("cosmos", 96));
//! assert!(matches!(shot.kind, Kind::Living { .. }));
//! assert!(shot.calls().all(|call| call.matches("hubble", "Eta Carinae")));
//!
//! let problems = parse("film.toml", "[film]\ntitel = \"First light\"\n").unwrap_err();
//! assert!(problems.to_string().contains("film.toml:2:1"));
//! assert!(problems.to_string().contains("write `title`"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants:
//! - Time is frame counts at an exact [`Rate`]; no float of seconds takes part in any decision.
//! - A [`Film`] that came from [`parse`] or [`load`] is whole: every number within its range, names and
//!   ids unique, no dissolve longer than a shot. What is not so is a [`Problem`], never a guess.
//! - All problems of a file are found in one go, and each says the mend.
//! - Reading writes nothing; [`write_missing_ids`] changes no byte but those of the ids it adds.

mod blocking;
mod budget;
mod call;
mod check;
mod cull;
mod id;
mod ids;
mod layout;
mod like;
mod plan;
mod problem;
mod rate;
mod read;
mod read_blocking;
mod read_layout;
mod read_moves;
mod read_things;
mod settings;
mod shares;
mod shot;
mod size;
mod subject;
mod syntax;
mod template;
pub mod toml;

pub use blocking::{
    Blocking, Board, CameraSetup, Ease, FigurePose, FilmBack, Mark, Move, MoveKind, Picture, Push, Relief,
    Shape, Spot, Sun, Thing, Waves,
};
pub use budget::{Budget, EngineBudget, StatedPrice, Usd, UsdError};
pub use call::{CallError, SourceCall};
pub use cull::{Cull, Limit};
pub use id::{Id, IdError};
pub use ids::{IdsError, write_missing_ids};
pub use layout::{Layout, LayoutBy, Margins, Still};
pub use like::{Like, write_like};
pub use plan::{
    Charter, Faces, Film, Flow, Kind, Leave, Motion, NamedArtists, Person, Scene, Shot, SourcesRule,
};
pub use problem::{Problem, Problems, Severity};
pub use rate::{Rate, RateError, Timecode};
pub use read::{Loaded, load, parse};
pub use settings::Setting;
pub use shares::{Bounds, Copies, CopyRule, CreditsBy, Portion, ShareLimits};
pub use size::{Size, SizeError};
pub use subject::{Portrait, Region, Shown, Subject};
pub use template::template;
