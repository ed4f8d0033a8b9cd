//! Photographs and clips in, with owner, rights and consent.
//!
//! A film is made from one's own pictures. They come in by the folder: every photograph and clip is
//! read once, looked at, kept in the vault under its hash, and recorded with what its file says and whose it is. A film calls
//! them by name: `archive:eta-carinae`, or `archive:father/1974/beach`.
//!
//! ```
//! use heirloom_archive::{AddOptions, Archive};
//! use heirloom_film::SourceCall;
//! use heirloom_vault::Vault;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let pictures = folder.path().join("father");
//! std::fs::create_dir(&pictures)?;
//! heirloom_picture::png::write8(&pictures.join("The_Beach.png"), &[[200, 180, 90]; 12], 4, 3)?;
//!
//! let vault = Vault::create(&folder.path().join("vault"))?;
//! let archive = Archive::new(&vault);
//! let options = AddOptions {
//!     owner: Some("Jean Doe".into()),
//!     rights: Some("own work".into()),
//!     ..AddOptions::default()
//! };
//! let report = archive.add(&[pictures], &options, &())?;
//! assert_eq!(report.added, ["father/The_Beach"]);
//!
//! let source = archive.resolve(&SourceCall::parse("archive:the-beach")?)?;
//! assert_eq!((source.width, source.height, source.caption.as_str()), (4, 3, "The Beach"));
//! assert_eq!(source.standing.rights.map(|rights| rights.owner).as_deref(), Some("Jean Doe"));
//! # Ok(())
//! # }
//! ```
//!
//! What always holds:
//! - A file's content decides what it is, never its name; what cannot be read is skipped with its reason.
//! - Every photograph has been decoded once from end to end when it comes in.
//! - What was seen in a source, its thumbnail and its proxy lie in the [`Index`]: derived, and made anew where they are gone.
//! - Adding can be stopped at any time and done again: what is known by its hash is not added twice.
//! - Nothing of where a file lay outside the added folder is recorded.
//! - A source whose owner or rights nobody declared comes in, and its [`Standing`](heirloom_vault::Standing)
//!   refuses every use.

use std::path::PathBuf;

use heirloom_film::SourceCall;
use heirloom_vault::{Progress, Vault, VaultError};

mod add;
mod again;
mod catalogue;
mod clip;
mod consents;
pub mod fingerprint;
mod gate;
pub mod groups;
mod index;
pub mod judge;
mod look;
mod resolve;
pub mod rights_toml;
pub mod search;
mod seen;
mod taking;
mod walk;
mod workers;

pub use add::{AddError, AddOptions, AddReport};
pub use again::LookedAgain;
pub use catalogue::{Media, Source};
pub use index::{Index, IndexError};
pub use resolve::{ResolveError, resolve_among};
pub use seen::{PROXY_SIDE, Seen, THUMBNAIL_SIDE};

/// The sources of a vault.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    vault: &'a Vault,
}

impl<'a> Archive<'a> {
    /// The sources of this vault.
    pub fn new(vault: &'a Vault) -> Self {
        Self { vault }
    }

    /// Takes in every photograph and clip of these folders, and single files, with their rights.
    ///
    /// `rights.toml` files say whose they are (see [`rights_toml`]); `options` say it where those leave it open.
    /// `progress` is told of files. Files that are meant as pictures and cannot be read are in the report.
    ///
    /// # Errors
    /// [`AddError`]: a folder that is not there, is empty or holds no picture; a `rights.toml` that cannot be
    /// understood (then nothing is added); a full disk or [`VaultError::Stopped`] (then what came in stays,
    /// and adding again goes on).
    pub fn add(
        &self,
        given: &[PathBuf],
        options: &AddOptions,
        progress: &dyn Progress,
    ) -> Result<AddReport, AddError> {
        add::add(self.vault, given, options, progress)
    }

    /// Looks at every source of which nothing was seen yet, or whose thumbnail or proxy is gone: at those of a vault that
    /// an older program filled, or whose index was deleted. [`Archive::add`] does the same at its end, but does not try
    /// again what could not be looked at before.
    ///
    /// # Errors
    /// [`AddError::Vault`] where the vault cannot be read, the disk is full or the user stopped; [`AddError::Index`].
    pub fn look_again(&self, progress: &dyn Progress) -> Result<LookedAgain, AddError> {
        let index = Index::open(self.vault)?;
        let catalogue = catalogue::Catalogue::read(self.vault.ledger())?;
        again::look_again(self.vault, &index, &catalogue, true, progress)
    }

    /// The vault that holds them.
    pub fn vault(&self) -> &'a Vault {
        self.vault
    }

    /// Every source by every name it has, sorted by folder and file name.
    pub fn sources(&self) -> Result<Vec<Source>, VaultError> {
        let ledger = self.vault.ledger();
        Ok(catalogue::Catalogue::read(ledger)?.into_sources(&ledger.standings()?))
    }

    /// The source that a film calls so. For many calls read [`Archive::sources`] once and ask [`resolve_among`].
    ///
    /// # Errors
    /// [`ResolveError`], with the nearest names or all that it may mean.
    pub fn resolve(&self, call: &SourceCall) -> Result<Source, ResolveError> {
        resolve_among(&self.sources()?, call)
    }
}
