//! The models that people have on their disks: what a folder holds, and a list of those that are in use.
//!
//! [`look`] reads headers and configurations only, and names everything that is missing or wrong at once. [`ModelList`]
//! is a JSON file in a folder that the caller chooses: [`ModelList::add`] hashes each file (BLAKE3) and notes the licence
//! of the weights, [`ModelList::check`] holds a folder against what was noted. Weights stay where they are; nothing is
//! copied, moved or fetched.
//!
//! ```no_run
//! use heirloom_engine_diffusion::models::{ModelList, look};
//! use std::path::Path;
//!
//! let found = look(Path::new("/models/Wan2.1-T2V-1.3B-Diffusers"))?;
//! assert!(found.problems.is_empty(), "{:?}", found.problems);
//! let mut list = ModelList::open(Path::new("/home/me/.config/heirloom/models.json"))?;
//! let added = list.add(&found, None, None, |_done, _of| true)?;
//! println!("{} is {}", added.name, added.id);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod licence;
mod list;
mod look;
mod loras;
mod singles;
mod tokenizer;

pub use licence::{Licence, LicenceFrom};
pub use list::{Fault, FileRecord, ListError, Model, ModelList};
pub use look::{Found, FoundPart, Layout, LookError, Role, look};
pub use loras::{ListedLora, NewLora, Stacks};
pub use tokenizer::{TokenizerError, check_tokenizer};
