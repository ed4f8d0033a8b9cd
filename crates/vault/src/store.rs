//! The vault itself: a folder of objects and the ledger beside it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::canonical;
use crate::error::{VaultError, io_error};
use crate::ledger::Ledger;
use crate::object::ObjectId;

/// The newest vault format this program reads and writes.
const FORMAT: u32 = 1;

/// What `vault.json` says.
#[derive(Serialize, Deserialize)]
struct Stamp {
    heirloom_vault: u32,
}

/// A film's objects and the ledger of its acts.
///
/// In the folder: `objects/ab/cdef…` (read-only, named by their hash), `ledger.sqlite`, `writing/` (what
/// is half written), `vault.json` (the format) and `in-use` (locked while the vault is open).
/// May be used from many threads, and by many processes at once.
#[derive(Debug)]
pub struct Vault {
    pub(crate) dir: PathBuf,
    pub(crate) ledger: Ledger,
    /// Held shared while the vault is open; [`Vault::tidy`] takes it alone.
    pub(crate) in_use: File,
}

impl Vault {
    /// Makes a vault in this folder, and the folder where needed.
    ///
    /// # Errors
    /// [`VaultError::AlreadyThere`] where there is one; a full disk; a folder that cannot be written.
    pub fn create(dir: &Path) -> Result<Self, VaultError> {
        if stamp_path(dir).exists() {
            return Err(VaultError::AlreadyThere { dir: dir.to_owned() });
        }
        for folder in [dir.to_owned(), objects_path(dir), writing_path(dir)] {
            fs::create_dir_all(&folder).map_err(io_error("making", &folder, 0))?;
        }
        Ledger::open(&dir.join("ledger.sqlite"))?;
        // The stamp comes last: a vault whose making was cut short is none, and can be made again.
        let json = |source| VaultError::Json {
            what: "vault.json",
            source,
        };
        let stamp = serde_json::to_vec(&Stamp {
            heirloom_vault: FORMAT,
        })
        .map_err(json)?;
        let path = stamp_path(dir);
        let mut file = temporary(dir)?;
        file.write_all(&stamp).map_err(io_error("writing", &path, 0))?;
        settle(file, &path)?;
        Self::open(dir)
    }

    /// Opens the vault in this folder.
    ///
    /// # Errors
    /// [`VaultError::NotAVault`] where there is none, [`VaultError::Newer`] for one of a newer program.
    pub fn open(dir: &Path) -> Result<Self, VaultError> {
        let path = stamp_path(dir);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(VaultError::NotAVault { dir: dir.to_owned() });
            }
            Err(e) => return Err(io_error("reading", &path, 0)(e)),
        };
        let stamp: Stamp = serde_json::from_slice(&text)
            .map_err(|e| io_error("reading", &path, 0)(io::Error::new(io::ErrorKind::InvalidData, e)))?;
        if stamp.heirloom_vault > FORMAT {
            return Err(VaultError::Newer {
                path,
                found: stamp.heirloom_vault,
                known: FORMAT,
            });
        }
        for folder in [objects_path(dir), writing_path(dir)] {
            fs::create_dir_all(&folder).map_err(io_error("making", &folder, 0))?;
        }
        let lock = dir.join("in-use");
        let in_use = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock)
            .map_err(io_error("opening", &lock, 0))?;
        // Who is alone here is the only one who could be writing: what lies half written is a dead program's.
        if in_use.try_lock().is_ok() {
            sweep(dir);
            in_use.unlock().map_err(io_error("locking", &lock, 0))?;
        }
        share(&in_use, dir, &lock)?;
        let ledger = Ledger::open(&dir.join("ledger.sqlite"))?;
        Ok(Self {
            dir: dir.to_owned(),
            ledger,
            in_use,
        })
    }

    /// Opens the vault in this folder, or makes one.
    pub fn open_or_create(dir: &Path) -> Result<Self, VaultError> {
        if stamp_path(dir).exists() {
            Self::open(dir)
        } else {
            Self::create(dir)
        }
    }

    /// The vault's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The ledger of acts.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Keeps these bytes and returns their name. Cheap where they are kept already.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<ObjectId, VaultError> {
        let hashed = Hashed::of(bytes);
        self.put_hashed(&hashed)?;
        Ok(hashed.id)
    }

    /// As [`Vault::put_bytes`], for bytes whose name was asked for before. Says whether they were new here.
    pub fn put_hashed(&self, hashed: &Hashed<'_>) -> Result<bool, VaultError> {
        let new = self.put_hashed_of_many(hashed)?;
        if new {
            self.settle_names([&hashed.id])?;
        }
        Ok(new)
    }

    /// As [`Vault::put_hashed`], for one of many: its bytes outlast a loss of power, its name does from
    /// [`Vault::settle_names`] on. Call that before an act speaks of the object.
    pub fn put_hashed_of_many(&self, hashed: &Hashed<'_>) -> Result<bool, VaultError> {
        let Hashed { bytes, id } = hashed;
        if self.holds(id, bytes.len() as u64) {
            return Ok(false);
        }
        let path = self.path(id);
        let mut file = temporary(&self.dir)?;
        file.write_all(bytes)
            .map_err(io_error("writing", &path, bytes.len() as u64))?;
        place(file, &path)?;
        Ok(true)
    }

    /// Makes the names of these objects outlast a loss of power. The sooner ones of a batch take the later ones along, so that
    /// many cost little more than one.
    pub fn settle_names<'a>(&self, ids: impl IntoIterator<Item = &'a ObjectId>) -> Result<(), VaultError> {
        let folders: BTreeSet<PathBuf> = ids
            .into_iter()
            .filter_map(|id| self.path(id).parent().map(Path::to_owned))
            .collect();
        for folder in folders {
            sync_folder(&folder).map_err(io_error("writing in", &folder, 0))?;
        }
        Ok(())
    }

    /// Keeps a file's bytes (the file itself stays where it is) and says whether they were new here.
    pub fn put_file(&self, path: &Path) -> Result<(ObjectId, bool), VaultError> {
        let open = || File::open(path).map_err(io_error("reading", path, 0));
        let mut file = open()?;
        let len = file.metadata().map_err(io_error("reading", path, 0))?.len();
        let id = ObjectId::of_reader(&mut file).map_err(io_error("reading", path, 0))?;
        if self.holds(&id, len) {
            return Ok((id, false));
        }
        let mut file = open()?;
        let mut writer = self.writer()?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    let piece = buffer.get(..n).unwrap_or_default();
                    writer
                        .write_all(piece)
                        .map_err(io_error("writing", &self.path(&id), len))?;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(io_error("reading", path, 0)(e)),
            }
        }
        // Named by what was copied, should the file have changed since it was hashed.
        writer.keep().map(|(id, _, new)| (id, new))
    }

    /// Keeps a value as canonical JSON and returns its name.
    pub fn put_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<ObjectId, VaultError> {
        let value = serde_json::to_value(value).map_err(|source| VaultError::Json {
            what: "an object",
            source,
        })?;
        self.put_bytes(canonical::to_string(&value).as_bytes())
    }

    /// An object to be written piece by piece, for what is too large to hold in memory.
    pub fn writer(&self) -> Result<ObjectWriter<'_>, VaultError> {
        let file = temporary(&self.dir)?;
        Ok(ObjectWriter {
            vault: self,
            file,
            hasher: blake3::Hasher::new(),
            len: 0,
        })
    }

    /// An object's bytes, checked against its name.
    ///
    /// # Errors
    /// [`VaultError::Missing`], [`VaultError::Damaged`].
    pub fn read(&self, id: &ObjectId) -> Result<Vec<u8>, VaultError> {
        let path = self.path(id);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(VaultError::Missing { id: *id, path });
            }
            Err(e) => return Err(io_error("reading", &path, 0)(e)),
        };
        if ObjectId::of(&bytes) != *id {
            return Err(VaultError::Damaged { id: *id, path });
        }
        Ok(bytes)
    }

    /// Where an object lies, or would lie. Read it through [`Vault::read`] where you can: that checks it.
    pub fn path(&self, id: &ObjectId) -> PathBuf {
        let name = id.to_string();
        let (head, tail) = name.split_at(2);
        objects_path(&self.dir).join(head).join(tail)
    }

    /// Whether an object is in the vault (its bytes are not checked).
    pub fn contains(&self, id: &ObjectId) -> bool {
        self.path(id).is_file()
    }

    /// Whether the object is here with all its bytes; one cut short by a failing disk is written again.
    fn holds(&self, id: &ObjectId, len: u64) -> bool {
        fs::metadata(self.path(id)).is_ok_and(|m| m.is_file() && m.len() == len)
    }
}

/// Bytes and their name, hashed once. Nothing but hashing makes one, so that no object gets another's name.
#[derive(Clone, Copy, Debug)]
pub struct Hashed<'a> {
    bytes: &'a [u8],
    id: ObjectId,
}

impl<'a> Hashed<'a> {
    /// Works out the name of these bytes.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            id: ObjectId::of(bytes),
        }
    }

    /// The name.
    pub fn id(&self) -> ObjectId {
        self.id
    }
}

/// An object being written. Dropped before [`ObjectWriter::keep`], it leaves nothing.
#[derive(Debug)]
pub struct ObjectWriter<'a> {
    vault: &'a Vault,
    file: NamedTempFile,
    hasher: blake3::Hasher,
    len: u64,
}

impl ObjectWriter<'_> {
    /// Names the object and puts it in its place; gives its name, its length in bytes and whether it was new.
    pub fn keep(self) -> Result<(ObjectId, u64, bool), VaultError> {
        let Self {
            vault,
            file,
            hasher,
            len,
        } = self;
        let id = ObjectId::from(&hasher);
        if vault.holds(&id, len) {
            return Ok((id, len, false));
        }
        settle(file, &vault.path(&id))?;
        Ok((id, len, true))
    }

    /// Turns an error of writing into the vault's own, with a full disk told apart.
    pub fn fault(&self, error: io::Error) -> VaultError {
        io_error("writing", self.file.path(), self.len)(error)
    }
}

impl Write for ObjectWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..n).unwrap_or_default());
        self.len += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn stamp_path(dir: &Path) -> PathBuf {
    dir.join("vault.json")
}

/// How long to wait for another program that has the vault for itself: to sweep takes it a moment, to tidy longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Locks the vault shared with others.
fn share(in_use: &File, dir: &Path, lock: &Path) -> Result<(), VaultError> {
    let begun = Instant::now();
    loop {
        match in_use.try_lock_shared() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(fs::TryLockError::WouldBlock) => return Err(VaultError::InUse { dir: dir.to_owned() }),
            // Some network folders have no locks; the vault is safe without, only tidying is not guarded.
            Err(fs::TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => return Ok(()),
            Err(fs::TryLockError::Error(e)) => return Err(io_error("locking", lock, 0)(e)),
        }
    }
}

/// Removes what programs that were killed left half written. What can not be removed harms nobody.
fn sweep(dir: &Path) {
    let Ok(left) = fs::read_dir(writing_path(dir)) else {
        return;
    };
    for entry in left.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PART) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

pub(crate) fn objects_path(dir: &Path) -> PathBuf {
    dir.join("objects")
}

/// How names of what is half written begin.
const PART: &str = "part-";

/// Where things are half written: inside the vault, so that a rename never crosses file systems.
pub(crate) fn writing_path(dir: &Path) -> PathBuf {
    dir.join("writing")
}

/// A fresh temporary file that goes away unless it is settled.
fn temporary(dir: &Path) -> Result<NamedTempFile, VaultError> {
    let folder = writing_path(dir);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PART);
    #[cfg(unix)]
    {
        // The user's own umask decides who may read; a vault is often shared by a unit.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder
        .tempfile_in(&folder)
        .map_err(io_error("writing in", &folder, 0))
}

/// Puts a written file in its place for good: synced, read-only, renamed, and the folders synced.
fn settle(file: NamedTempFile, path: &Path) -> Result<(), VaultError> {
    let folder = place(file, path)?;
    sync_folder(folder).map_err(io_error("writing in", folder, 0))
}

/// Puts a written file in its place, synced, read-only and renamed; gives the folder, which is not synced yet.
fn place(file: NamedTempFile, path: &Path) -> Result<&Path, VaultError> {
    let len = file.as_file().metadata().map_or(0, |m| m.len());
    let fault = |e| io_error("writing", path, len)(e);
    let mut permissions = file.as_file().metadata().map_err(fault)?.permissions();
    permissions.set_readonly(true);
    file.as_file().set_permissions(permissions).map_err(fault)?;
    file.as_file().sync_all().map_err(fault)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    if !folder.is_dir() {
        fs::create_dir_all(folder).map_err(fault)?;
        sync_folder(folder.parent().unwrap_or(folder)).map_err(fault)?;
    }
    match file.persist(path) {
        Ok(_) => {}
        // Where a read-only file cannot be replaced, the same object by another writer is as good.
        Err(e) if path.is_file() && e.error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(e) => return Err(fault(e.error)),
    }
    Ok(folder)
}

/// Makes a rename in this folder outlast a loss of power.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}
