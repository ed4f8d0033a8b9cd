//! Money: what a draw costs, what may still be spent, and what became of every dollar.
//!
//! Caps stand in `film.toml` ([`Caps`]), for the film, for a scene, for an engine. Before a draw that costs something is
//! handed in, its price is *reserved*: an act in the ledger. When it is over, a second act says that the money is *spent*, or
//! *released* because the engine charges nothing. What neither says is *uncertain*, counts as if it were spent, and is asked of
//! the engine before the same draw is ever handed in again.
//!
//! ```
//! use heirloom_dailies::money::{Caps, Quote, Usd, quote};
//! # use heirloom_engine::{Request, Task}; use heirloom_film::{Rate, Size};
//! let film = heirloom_film::parse(
//!     "film.toml",
//!     "[film]\ntitle = \"First light\"\n[budget]\nusd = 50.0\n[budget.engines.veo]\nusd_per_second = 0.1\n",
//! )?
//! .film;
//! let request = Request {
//! #   engine: "veo".into(), revision: 1, task: Task::Living, prompt: String::new(), mood: String::new(), seed: 7,
//! #   size: Size { width: 1280, height: 720 }, rate: Rate::parse("24")?, sources: vec![], keyframes: vec![],
//! #   pictures: Default::default(), guides: None, style: None, params: Default::default(),
//!     frames: 96, // four seconds
//!     // ...
//! };
//! let caps = Caps::of(&film);
//! let price = heirloom_engine::card::Price::Unknown; // what the engine's card says
//! assert_eq!(quote(&price, &request, &caps).usd, Some(Usd::parse("0.4")?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - The act that reserves is on the disk before an engine hears of the draw, and it is written only if, with it, no cap is
//!   passed: looking and writing are one step for all processes that use the vault. Reserved, spent and uncertain count alike.
//! - Everything here is a view of the ledger. There is nothing else to lose: `dailies/money.lock` is empty.
//! - A draw whose outcome is not known, and that costs something, is never handed in again without the engine's or a
//!   person's word that nothing was paid.
//! - What costs nothing is never stopped, and writes nothing.

mod accounts;
mod book;
mod caps;
pub(crate) mod desk;
mod estimate;
mod price;
mod till;

use std::path::PathBuf;

use heirloom_vault::{ActId, VaultError};

pub use accounts::{Account, Accounts, Doubt, accounts};
pub use book::{Book, Entry, State};
pub use caps::{Caps, Purpose, Scope, Stop};
pub use estimate::{EngineEstimate, Estimate, estimate};
pub use heirloom_film::Usd;
pub use price::{PricedBy, Quote, quote};
pub use till::{Reserving, Ruling, Till, rule};

/// Money could not be reckoned.
#[derive(Debug, thiserror::Error)]
pub enum MoneyError {
    /// The ledger's words.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// An act about money does not say what it must.
    #[error("the act {} is about money, but its {what} cannot be read: use the Heirloom that wrote it", act.short())]
    Unreadable {
        /// The act.
        act: ActId,
        /// Which of its facts.
        what: &'static str,
    },
    /// The lock could not be had.
    #[error("{path} could not be locked: {source}; check that the vault's folder can be written to")]
    Lock {
        /// The lock.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing to rule on.
    #[error("{0}")]
    NoDoubt(String),
}
