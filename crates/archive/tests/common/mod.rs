//! A film's folder for tests: a vault, and pictures made on the spot.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and may end at the first thing wrong"
)]

use std::fs;
use std::path::{Path, PathBuf};

use heirloom_archive::{AddError, AddOptions, AddReport, Archive, Source};
use heirloom_film::SourceCall;
use heirloom_vault::{Act, Filter, Vault, Verb};

pub struct Film {
    pub folder: tempfile::TempDir,
    pub vault: Vault,
}

impl Film {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::create(&folder.path().join("vault")).unwrap();
        Self { folder, vault }
    }

    /// A path beside the vault; its folder is made.
    pub fn path(&self, path: &str) -> PathBuf {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// A picture of 4 by 3 pixels; the same number gives the same bytes.
    pub fn picture(&self, path: &str, number: u32) -> PathBuf {
        let path = self.path(path);
        let codes: Vec<[u8; 3]> = (0..12_u32)
            .map(|i| [i as u8, (number >> 8) as u8, number as u8])
            .collect();
        heirloom_picture::png::write8(&path, &codes, 4, 3).unwrap();
        path
    }

    pub fn text(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        fs::write(&path, text).unwrap();
        path
    }

    pub fn archive(&self) -> Archive<'_> {
        Archive::new(&self.vault)
    }

    /// Adds a folder beside the vault, with nothing said on the command line.
    pub fn add(&self, folder: &str) -> Result<AddReport, AddError> {
        self.add_with(folder, &AddOptions::default())
    }

    pub fn add_with(&self, folder: &str, options: &AddOptions) -> Result<AddReport, AddError> {
        self.archive()
            .add(&[self.folder.path().join(folder)], options, &())
    }

    pub fn names(&self) -> Vec<String> {
        self.archive()
            .sources()
            .unwrap()
            .iter()
            .map(Source::name)
            .collect()
    }

    pub fn source(&self, call: &str) -> Source {
        self.archive().resolve(&SourceCall::parse(call).unwrap()).unwrap()
    }

    pub fn acts(&self, verb: Verb) -> Vec<Act> {
        self.vault.ledger().acts(&Filter::verb(verb)).unwrap()
    }
}

/// What a person says on the command line.
pub fn own_work() -> AddOptions {
    AddOptions {
        owner: Some("Jean Doe".into()),
        rights: Some("own work".into()),
        by: None,
    }
}

/// Puts a JPEG that another program wrote at this path, and gives its bytes.
pub fn jpeg(path: &Path) -> Vec<u8> {
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../picture/tests/photos");
    fs::copy(photos.join("baseline-420.jpg"), path).unwrap();
    fs::read(path).unwrap()
}
