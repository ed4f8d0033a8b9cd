//! Looking after a vault: what takes the room, whether all is sound, and what may go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use crate::act::{Actor, NewAct, Verb, Way};
use crate::error::{VaultError, io_error};
use crate::ledger::Filter;
use crate::object::ObjectId;
use crate::progress::Progress;
use crate::store::{Vault, objects_path, writing_path};

/// Objects longer than this are not searched for the names of others: they are pictures, not lists.
const LONGEST_LIST: u64 = 64 << 20;

/// How many objects of a kind there are, and their bytes together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct KindSize {
    /// How many objects.
    pub objects: u64,
    /// Their bytes together.
    pub bytes: u64,
}

impl KindSize {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

/// What takes the room in a vault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SizeReport {
    /// Photographs and clips of the archive.
    pub sources: KindSize,
    /// What engines made: frames, maps, manifests.
    pub takes: KindSize,
    /// What was cut and exported.
    pub masters: KindSize,
    /// What acts refer to besides: requests, texts of terms.
    pub other: KindSize,
    /// What no act refers to; [`Vault::tidy`] would remove it.
    pub unreferenced: KindSize,
    /// What interrupted writes left, and what is being written just now.
    pub leftovers: KindSize,
    /// Bytes of the ledger.
    pub ledger_bytes: u64,
}

impl SizeReport {
    /// All bytes together.
    pub fn total_bytes(&self) -> u64 {
        let kinds = [
            self.sources,
            self.takes,
            self.masters,
            self.other,
            self.unreferenced,
            self.leftovers,
        ];
        kinds.iter().map(|kind| kind.bytes).sum::<u64>() + self.ledger_bytes
    }
}

/// What [`Vault::verify`] found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct VerifyReport {
    /// Objects whose bytes match their names.
    pub sound: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Acts read and found whole.
    pub acts: u64,
    /// Objects that acts refer to and that are not here.
    pub missing: Vec<ObjectId>,
    /// Objects whose bytes do not match their names, or cannot be read.
    pub damaged: Vec<ObjectId>,
    /// Files among the objects that are none.
    pub strays: Vec<PathBuf>,
    /// What is wrong with the ledger, if anything.
    pub ledger_fault: Option<String>,
}

impl VerifyReport {
    /// Whether nothing is missing and nothing damaged. Strays do no harm.
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.damaged.is_empty() && self.ledger_fault.is_none()
    }
}

/// What [`Vault::tidy`] removed, or would remove.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct TidyReport {
    /// Objects that no act refers to.
    pub objects: Vec<ObjectId>,
    /// Leftovers of interrupted writes.
    pub leftovers: Vec<PathBuf>,
    /// The bytes of both together.
    pub bytes: u64,
}

/// What an object is to the film. In this order: what is both a source and part of a take is a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Source,
    Master,
    Take,
    Other,
}

impl Kind {
    fn of_edge(verb: Verb, way: Way, role: &str) -> Self {
        match (role, verb, way) {
            ("source", _, _) => Kind::Source,
            ("master", _, _) | (_, Verb::Cut | Verb::Exported, Way::Out) => Kind::Master,
            ("take", _, _) | (_, Verb::Drawn, Way::Out) => Kind::Take,
            _ => Kind::Other,
        }
    }
}

impl Vault {
    /// What takes the room, by kind.
    pub fn size(&self) -> Result<SizeReport, VaultError> {
        let found = Found::walk(&self.dir)?;
        let kinds = self.referred(&found)?;
        let mut report = SizeReport::default();
        for (id, bytes) in &found.objects {
            let kind = match kinds.get(id) {
                Some(Kind::Source) => &mut report.sources,
                Some(Kind::Master) => &mut report.masters,
                Some(Kind::Take) => &mut report.takes,
                Some(Kind::Other) => &mut report.other,
                None => &mut report.unreferenced,
            };
            kind.add(*bytes);
        }
        leftovers(&self.dir)?
            .iter()
            .for_each(|(_, bytes)| report.leftovers.add(*bytes));
        report.ledger_bytes = ["ledger.sqlite", "ledger.sqlite-wal"]
            .iter()
            .filter_map(|name| fs::metadata(self.dir.join(name)).ok())
            .map(|m| m.len())
            .sum();
        Ok(report)
    }

    /// Reads every object and every act again and compares them with their names.
    ///
    /// Tells `progress` of bytes. What is missing or damaged is in the report, not an error.
    ///
    /// # Errors
    /// [`VaultError::Stopped`] when the user asks; a folder that cannot be listed.
    pub fn verify(&self, progress: &dyn Progress) -> Result<VerifyReport, VaultError> {
        let found = Found::walk(&self.dir)?;
        let mut report = VerifyReport {
            strays: found.strays.clone(),
            ..VerifyReport::default()
        };
        match self.ledger.check() {
            Ok(acts) => report.acts = acts,
            Err(fault) => report.ledger_fault = Some(fault.to_string()),
        }
        // A ledger that cannot be read is already in the report; the objects are still worth checking.
        let named = self.ledger.edges().unwrap_or_default();
        let named: BTreeSet<ObjectId> = named.into_iter().map(|edge| edge.object).collect();
        report.missing = named
            .into_iter()
            .filter(|id| !found.objects.contains_key(id))
            .collect();

        progress.begin("verifying objects", Some(found.objects.values().sum()));
        for id in found.objects.keys() {
            match hash_watched(&self.path(id), progress, &mut report.bytes)? {
                Some(hash) if hash == *id => report.sound += 1,
                _ => report.damaged.push(*id),
            }
        }
        progress.end();
        Ok(report)
    }

    /// Removes what interrupted writes left and the objects that no act refers to, and records it as an act.
    /// With `dry_run` it only says what it would remove.
    ///
    /// An object is referred to when an act has an edge to it or names it in its subject or facts, or when an
    /// object that is referred to is JSON and names it. Sources, requests, takes and masters therefore stay.
    ///
    /// # Errors
    /// [`VaultError::InUse`] while another program (or another handle) has the vault open: what it has put
    /// it may not have recorded yet.
    pub fn tidy(&mut self, dry_run: bool, by: Actor) -> Result<TidyReport, VaultError> {
        if dry_run {
            return self.untidy();
        }
        let lock = self.dir.join("in-use");
        let fault = |e| io_error("locking", &lock, 0)(e);
        self.in_use.unlock().map_err(fault)?;
        let alone = self.in_use.try_lock();
        let done = match alone {
            Ok(()) => self.remove_untidy(by),
            Err(TryLockError::WouldBlock) => Err(VaultError::InUse {
                dir: self.dir.clone(),
            }),
            Err(TryLockError::Error(e)) => Err(fault(e)),
        };
        self.in_use.unlock().map_err(fault)?;
        self.in_use.lock_shared().map_err(fault)?;
        done
    }

    fn remove_untidy(&self, by: Actor) -> Result<TidyReport, VaultError> {
        let report = self.untidy()?;
        if report.objects.is_empty() && report.leftovers.is_empty() {
            return Ok(report);
        }
        // Recorded first: better an act that names an object still there than one gone without a word.
        let facts = json!({
            "objects": report.objects,
            "leftovers": report.leftovers.len(),
            "bytes": report.bytes,
        });
        self.ledger
            .append(NewAct::new(Verb::Tidied, by, "vault").with_facts(facts))?;
        for path in report
            .leftovers
            .iter()
            .cloned()
            .chain(report.objects.iter().map(|id| self.path(id)))
        {
            remove(&path).map_err(io_error("removing", &path, 0))?;
        }
        Ok(report)
    }

    /// What tidying would remove.
    fn untidy(&self) -> Result<TidyReport, VaultError> {
        let found = Found::walk(&self.dir)?;
        let kinds = self.referred(&found)?;
        let mut report = TidyReport::default();
        for (id, bytes) in &found.objects {
            if !kinds.contains_key(id) {
                report.objects.push(*id);
                report.bytes += bytes;
            }
        }
        for (path, bytes) in leftovers(&self.dir)? {
            report.leftovers.push(path);
            report.bytes += bytes;
        }
        Ok(report)
    }

    /// Every object here that an act refers to, straight or through JSON objects, and what it is.
    fn referred(&self, found: &Found) -> Result<BTreeMap<ObjectId, Kind>, VaultError> {
        let mut kinds: BTreeMap<ObjectId, Kind> = BTreeMap::new();
        let mut note = |id: ObjectId, kind: Kind| {
            let held = kinds.entry(id).or_insert(kind);
            *held = kind.min(*held);
        };
        for edge in self.ledger.edges()? {
            note(edge.object, Kind::of_edge(edge.verb, edge.way, &edge.role));
        }
        for act in self.ledger.acts(&Filter::default())? {
            // What was tidied away is named by the act that did it, and is not kept by that.
            if act.verb != Verb::Tidied {
                let named = ids_in(act.content().as_bytes());
                named
                    .into_iter()
                    .filter(|id| found.objects.contains_key(id))
                    .for_each(|id| note(id, Kind::Other));
            }
        }
        let mut to_read: Vec<ObjectId> = kinds.keys().copied().collect();
        while let Some(id) = to_read.pop() {
            let kind = kinds.get(&id).copied().unwrap_or(Kind::Other);
            for child in self.names_in_object(&id, found)? {
                if child != id && kinds.get(&child).is_none_or(|held| kind < *held) {
                    kinds.insert(child, kind);
                    to_read.push(child);
                }
            }
        }
        Ok(kinds)
    }

    /// The objects here that a JSON object names; none for any other object.
    fn names_in_object(&self, id: &ObjectId, found: &Found) -> Result<Vec<ObjectId>, VaultError> {
        if found
            .objects
            .get(id)
            .is_none_or(|bytes| !(66..=LONGEST_LIST).contains(bytes))
        {
            return Ok(Vec::new());
        }
        let path = self.path(id);
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&path)?;
            let mut bytes = vec![0; 1];
            file.read_exact(&mut bytes)?;
            if matches!(bytes.first(), Some(b'{' | b'[')) {
                file.read_to_end(&mut bytes)?;
            }
            Ok(bytes)
        };
        let bytes = read().map_err(io_error("reading", &path, 0))?;
        Ok(ids_in(&bytes)
            .into_iter()
            .filter(|id| found.objects.contains_key(id))
            .collect())
    }
}

/// Every run of exactly 64 hexadecimal digits in this text.
fn ids_in(text: &[u8]) -> Vec<ObjectId> {
    text.split(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        .filter(|run| run.len() == 64)
        .filter_map(|run| std::str::from_utf8(run).ok()?.parse().ok())
        .collect()
}

/// What lies in a vault's `objects` folder.
struct Found {
    /// Every object and its bytes.
    objects: BTreeMap<ObjectId, u64>,
    /// Files whose names are no objects' names.
    strays: Vec<PathBuf>,
}

impl Found {
    fn walk(dir: &Path) -> Result<Self, VaultError> {
        let mut found = Found {
            objects: BTreeMap::new(),
            strays: Vec::new(),
        };
        for (folder, is_dir, _) in list(&objects_path(dir))? {
            if !is_dir {
                found.strays.push(folder);
                continue;
            }
            for (path, is_dir, bytes) in list(&folder)? {
                let name = [&folder, &path].map(|p| p.file_name().unwrap_or_default().to_string_lossy());
                match name.concat().parse() {
                    Ok(id) if !is_dir => drop(found.objects.insert(id, bytes)),
                    _ => found.strays.push(path),
                }
            }
        }
        Ok(found)
    }
}

/// What interrupted writes left, and what is being written just now.
fn leftovers(dir: &Path) -> Result<Vec<(PathBuf, u64)>, VaultError> {
    Ok(list(&writing_path(dir))?
        .into_iter()
        .map(|(path, _, bytes)| (path, bytes))
        .collect())
}

/// A folder's entries in order: path, whether it is a folder, bytes.
fn list(folder: &Path) -> Result<Vec<(PathBuf, bool, u64)>, VaultError> {
    let read = || -> io::Result<Vec<_>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(m) => entries.push((entry.path(), m.is_dir(), m.len())),
                // A write that ended between listing and looking.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        entries.sort();
        Ok(entries)
    };
    read().map_err(io_error("listing", folder, 0))
}

/// A file's hash, telling progress of its bytes; none when it cannot be read.
fn hash_watched(
    path: &Path,
    progress: &dyn Progress,
    bytes: &mut u64,
) -> Result<Option<ObjectId>, VaultError> {
    let Ok(mut file) = File::open(path) else {
        return Ok(None);
    };
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        if progress.stopped() {
            return Err(VaultError::Stopped);
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Some(ObjectId::from(&hasher))),
            Ok(n) => {
                hasher.update(buffer.get(..n).unwrap_or_default());
                *bytes += n as u64;
                progress.advance(n as u64);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(None),
        }
    }
}

/// Removes a file that may be read-only; one that is gone already is as good.
fn remove(path: &Path) -> io::Result<()> {
    #[cfg(not(unix))]
    if let Ok(metadata) = fs::metadata(path) {
        let mut permissions = metadata.permissions();
        permissions.set_readonly(false);
        fs::set_permissions(path, permissions)?;
    }
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
