//! What is kept and known: content-addressed objects, and the ledger of acts.
//!
//! No film work is ever lost, and every frame can say where it came from. For that, everything worth keeping
//! is an *object*, named by the BLAKE3 hash of its bytes and written once; and everything done is an *act*
//! in an append-only ledger: who, when, what, to which object, from which objects, why. All else (takes of
//! a shot, selects, spend, rights) is a view over acts.
//!
//! ```
//! use heirloom_vault::{Actor, Filter, NewAct, Vault, Verb};
//! use heirloom_vault::rights::{Rights, Use, source_subject};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let vault = Vault::create(&folder.path().join("vault"))?;
//!
//! let photograph = vault.put_bytes(b"what a camera wrote")?;
//! assert_eq!(vault.read(&photograph)?, b"what a camera wrote");
//!
//! let ledger = vault.ledger();
//! let came_in = NewAct::new(Verb::Ingested, Actor::person("Ada"), source_subject(&photograph))
//!     .output("source", photograph);
//! ledger.append(came_in)?;
//! assert_eq!(ledger.acts(&Filter::object(photograph))?.len(), 1);
//!
//! // Until someone says whose it is, it may not be used.
//! let today = jiff::civil::date(2026, 11, 22);
//! assert!(ledger.rights_of(&photograph)?.allows(Use::Generate, today).is_err());
//! ledger.declare(&photograph, &Rights::new("Ada", "own work"), Actor::person("Ada"), false)?;
//! assert!(ledger.rights_of(&photograph)?.allows(Use::Generate, today).is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! What always holds:
//! - An object's name is the hash of its bytes; reading checks it; objects are read-only on disk.
//! - An object or act that was reported as written is on the disk, whatever crashes afterwards.
//! - Nothing half-written is ever seen as an object; leftovers of a killed program lie in `writing/` until
//!   somebody opens the vault alone.
//! - Acts are never changed or removed. An act's id is the hash of its canonical JSON, so ledgers merge by
//!   union. Times within one ledger only go forward.
//! - What cannot be understood (a newer format, a declaration that does not parse) is an error, not a guess.

mod act;
pub mod canonical;
pub mod consent;
mod error;
mod ledger;
mod loras;
mod object;
mod progress;
pub mod rights;
mod schema;
mod store;
mod touched;
mod upkeep;

pub use act::{Act, ActId, Actor, Edge, NewAct, Role, UnknownVerb, Verb, Way};
pub use consent::{Consent, Consenting};
pub use error::VaultError;
pub use ledger::{Filter, Ledger};
pub use loras::{FilmLora, LORA, LoraFacts, TRAINED_ON};
pub use object::ObjectId;
pub use progress::Progress;
pub use rights::{Clause, Rights, Standing, Use};
pub use store::{Hashed, ObjectWriter, Vault};
pub use touched::Touched;
pub use upkeep::{KindSize, SizeReport, TidyReport, VerifyReport};
