//! A shot's blocking put on the stage: its scene file read, its photographs found and cleared, all of it hashed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heirloom_archive::{ResolveError, Source, resolve_among};
use heirloom_engine::gate::{Action, Gate, Ground, SourceUse, Verdict};
use heirloom_film::{Film, Picture, Shot};
use heirloom_picture::{Image, photo};
use heirloom_stage::blocking::{Blocked, BlockingError, Context, build};
use heirloom_stage::read::{self, FileError, Files, Folder, ReadError, ReadOptions};
use heirloom_vault::{ObjectId, Vault, VaultError};

/// The largest scene file, in bytes; a million triangles are some tens of megabytes.
const MOST_BYTES: u64 = 4 << 30;

/// Where pictures are found: the film's folder and its archive.
pub struct Sources<'a> {
    /// The film's folder; paths in `film.toml` are within it.
    pub folder: &'a Path,
    /// The archive, if the film has one yet.
    pub archive: Option<Shelf<'a>>,
}

/// The archive, and what says whether its sources may be used.
pub struct Shelf<'a> {
    /// The vault that holds it.
    pub vault: &'a Vault,
    /// Its sources.
    pub sources: &'a [Source],
    /// What says whether they may be used.
    pub gate: &'a dyn Gate,
    /// For what.
    pub action: Action,
}

/// A picture that was found and cleared.
pub struct Found {
    /// What it is, by its bytes.
    pub object: ObjectId,
    /// Its bytes, as they lie on the disk.
    pub bytes: Vec<u8>,
    /// A file that holds them.
    pub path: PathBuf,
    /// What people call it, for errors.
    pub name: String,
}

/// Why a picture can not be had; each says the mend.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The call means no source, or more than one.
    #[error(transparent)]
    Source(#[from] ResolveError),
    /// It may not be used.
    #[error("refused\n  {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Gate(Vec<Ground>),
    /// The film has no archive.
    #[error(
        "{0} is not in the archive, which is empty: add the folder it lies in with `heirloom archive add FOLDER`"
    )]
    NoArchive(String),
    /// The vault or the ledger could not be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The file could not be read.
    #[error("{} could not be read ({why}); put it into the film's folder", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// It is no photograph.
    #[error(transparent)]
    Photo(#[from] photo::PhotoError),
}

impl Sources<'_> {
    /// Find a picture that `film.toml` names.
    ///
    /// # Errors
    /// As [`PictureError`] says: it is not there, or the gate says no.
    pub fn find(&self, picture: &Picture) -> Result<Found, PictureError> {
        let (path, name) = match picture {
            Picture::File(path) => {
                let path = self.folder.join(path);
                let name = path.display().to_string();
                (path, name)
            }
            Picture::Source(call) => {
                let shelf = self
                    .archive
                    .as_ref()
                    .ok_or_else(|| PictureError::NoArchive(call.to_string()))?;
                let source = resolve_among(shelf.sources, call)?;
                let uses = [SourceUse {
                    object: source.object,
                    name: call.call.clone(),
                }];
                if let Verdict::Refused(grounds) = shelf.gate.judge(shelf.action, &uses)? {
                    return Err(PictureError::Gate(grounds));
                }
                (shelf.vault.path(&source.object), source.file_name)
            }
        };
        let bytes = std::fs::read(&path).map_err(|why| PictureError::File {
            path: path.clone(),
            why,
        })?;
        Ok(Found {
            object: ObjectId::of(&bytes),
            bytes,
            path,
            name,
        })
    }

    /// Find a picture and read it: linear ACEScg, upright.
    ///
    /// # Errors
    /// As [`PictureError`] says.
    pub fn picture(&self, picture: &Picture) -> Result<(ObjectId, Image), PictureError> {
        let found = self.find(picture)?;
        Ok((found.object, photo::decode(&found.bytes, &found.name)?.image))
    }
}

/// A shot on the stage.
#[derive(Debug, Clone)]
pub struct Staged {
    /// Its scene, camera and time.
    pub blocked: Blocked,
    /// All that decides how its passes look, but the size: the blocking and every file it rests on, by hash.
    pub made_of: serde_json::Value,
}

/// A shot that can not be put on the stage; each says the mend.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// There is no blocking.
    #[error("shot {0} is not blocked; give it a [scene.shot.blocking] in film.toml")]
    NotBlocked(String),
    /// Its scene file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The blocking.
    #[error(transparent)]
    Blocking(#[from] BlockingError),
    /// Photographs that the gate keeps back.
    #[error("refused\n  {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Gate(Vec<Ground>),
}

/// Put a shot on the stage.
///
/// # Errors
/// As [`StageError`] says.
pub fn stage_shot(film: &Film, shot: &Shot, sources: &Sources<'_>) -> Result<Staged, StageError> {
    let blocking = shot
        .blocking
        .as_ref()
        .ok_or_else(|| StageError::NotBlocked(shot.name.clone()))?;
    let read = RefCell::new(BTreeMap::new());
    let file = match &blocking.scene {
        Some(path) => Some(scene_file(&sources.folder.join(path), &read)?),
        None => None,
    };
    let refused = RefCell::new(Vec::new());
    let pictures = |picture: &Picture| match sources.picture(picture) {
        Ok((object, image)) => {
            read.borrow_mut().insert(picture.to_string(), object);
            Ok(image)
        }
        Err(error) => {
            let words = error.to_string();
            if let PictureError::Gate(grounds) = error {
                refused.borrow_mut().extend(grounds);
            }
            Err(words)
        }
    };
    let blocked = build(blocking, Context::of(film, shot, file, &pictures));
    let refused = refused.into_inner();
    if !refused.is_empty() {
        return Err(StageError::Gate(refused));
    }
    let made_of = serde_json::json!({
        "blocking": blocking,
        "frames": shot.frames,
        "rate": film.rate,
        "files": read.into_inner(),
    });
    Ok(Staged {
        blocked: blocked?,
        made_of,
    })
}

/// Read a scene from a file; what it rests on goes into `read`, by path and hash.
///
/// # Errors
/// See [`ReadError`].
pub fn scene_file(
    path: &Path,
    read: &RefCell<BTreeMap<String, ObjectId>>,
) -> Result<heirloom_stage::scene::Scene, ReadError> {
    let failed = |source| ReadError::Read {
        path: path.into(),
        source,
    };
    let folder = Folder::around(path).map_err(failed)?;
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(failed(std::io::Error::other("it is not a regular file")));
    }
    if meta.len() > MOST_BYTES {
        return Err(ReadError::TooLarge {
            name: path.display().to_string(),
            what: "bytes",
            count: meta.len(),
            limit: MOST_BYTES,
        });
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    read.borrow_mut().insert(name, ObjectId::of(&bytes));
    let files = Noted { folder, read };
    read::read_bytes(
        bytes,
        &path.display().to_string(),
        None,
        &files,
        &ReadOptions::default(),
    )
}

/// Files beside a scene, each noted with its hash.
struct Noted<'n> {
    folder: Folder,
    read: &'n RefCell<BTreeMap<String, ObjectId>>,
}

impl Files for Noted<'_> {
    fn read(&self, path: &str, limit_bytes: u64) -> Result<Vec<u8>, FileError> {
        let bytes = self.folder.read(path, limit_bytes)?;
        self.read
            .borrow_mut()
            .insert(path.to_owned(), ObjectId::of(&bytes));
        Ok(bytes)
    }
}
