//! Pictures in: walk, look, decode, keep, record.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use heirloom_film::{Problems, toml};
use heirloom_picture::preview::Decoder;
use heirloom_vault::rights::{declaration, source_subject};
use heirloom_vault::{
    Actor, Clause, NewAct, ObjectId, Progress, Rights, Standing, Use, Vault, VaultError, Verb,
};

use crate::again::look_again;
use crate::catalogue::{Catalogue, Ingest, Picture, full_name};
use crate::consents;
use crate::index::{Index, IndexError};
use crate::look::caption;
use crate::rights_toml::{self, RightsFile, Statement};
use crate::seen::Seen;
use crate::taking::{Taken, Taking};
use crate::walk::{Found, Walk, walk};
use crate::workers::in_order;

/// Files between two writes to the ledger: what an interruption costs at most.
const BATCH: usize = 128;

/// What to say of pictures whose `rights.toml` leaves it open, and who adds them.
#[derive(Clone, Debug, Default)]
pub struct AddOptions {
    /// Whose they are.
    pub owner: Option<String>,
    /// The terms on which they may be used, in words: "own work".
    pub rights: Option<String>,
    /// Who adds them; the person at this machine where it is left open.
    pub by: Option<Actor>,
}

/// What came of adding. Pictures are named in full: `folder/stem`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AddReport {
    /// Pictures that are new in the archive.
    pub added: Vec<String>,
    /// Pictures that were there already, under this name and caption.
    pub known: Vec<String>,
    /// Pictures that were there already, and got another name or caption.
    pub renamed: Vec<String>,
    /// How many pictures' rights were declared, for the first time or anew.
    pub declared: usize,
    /// How many people's consents were declared, for the first time or anew.
    pub consents: usize,
    /// Files that were meant as pictures and did not come in, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// How many other files there were: neither pictures nor texts beside them.
    pub passed_over: usize,
    /// Pictures that came in but may not be used as things stand, with the clause that forbids it.
    pub unusable: Vec<(String, Clause)>,
    /// What else the user should know, each with what to do.
    pub warnings: Vec<String>,
}

/// Why nothing could be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// No folder was named.
    #[error("nothing to add: name a folder of photographs, as in `heirloom archive add ~/Pictures/father`")]
    NothingGiven,
    /// A folder or file is not there.
    #[error("{} does not exist: see that its name is written right", path.display())]
    NotFound {
        /// What was given.
        path: PathBuf,
    },
    /// A folder or file may not be read.
    #[error("{} could not be read ({source}): see that you may read it", path.display())]
    Unreadable {
        /// What was given, or what lies in it.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// A folder with nothing in it.
    #[error("{} is empty: put photographs (JPEG, PNG, TIFF, WebP, OpenEXR, Radiance HDR) or clips (mp4, mov, mkv, webm, avi, mxf) into it, or name another folder", path.display())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Folders in which no file is a picture that can be read.
    #[error(
        "no photograph or clip that can be read in {}{}; photographs are read as JPEG, PNG, TIFF, WebP, OpenEXR and Radiance HDR, clips as mp4, mov, mkv, webm, avi, mxf and mts: save others as one of these",
        paths(given),
        reasons(skipped)
    )]
    NoPictures {
        /// What was given.
        given: Vec<PathBuf>,
        /// Files that were meant as pictures, and what is wrong with each.
        skipped: Vec<(PathBuf, String)>,
    },
    /// A `rights.toml` that cannot be understood. Nothing was added.
    #[error("{0}")]
    Rights(Problems),
    /// The vault could not take something.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was seen in pictures, or their thumbnails, could not be noted.
    #[error(transparent)]
    Index(IndexError),
}

impl From<IndexError> for AddError {
    fn from(error: IndexError) -> Self {
        match error.path() {
            Some(path) if error.is_full_disk() => Self::Vault(VaultError::DiskFull {
                path: path.to_owned(),
                free_mb: 100,
            }),
            _ => Self::Index(error),
        }
    }
}

fn paths(given: &[PathBuf]) -> String {
    given
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn reasons(skipped: &[(PathBuf, String)]) -> String {
    let shown: Vec<&str> = skipped.iter().take(3).map(|(_, why)| why.as_str()).collect();
    match (shown.len(), skipped.len()) {
        (0, _) => String::new(),
        (shown_count, all) if all > shown_count => {
            format!(" ({}; and {} more)", shown.join("; "), all - shown_count)
        }
        _ => format!(" ({})", shown.join("; ")),
    }
}

/// One run of [`crate::Archive::add`].
pub(crate) struct Adding<'a> {
    vault: &'a Vault,
    index: &'a Index,
    options: &'a AddOptions,
    by: Actor,
    catalogue: Catalogue,
    standings: BTreeMap<ObjectId, Standing>,
    rights: BTreeMap<PathBuf, RightsFile>,
    /// Texts of terms that were kept in this run, by path.
    terms: BTreeMap<PathBuf, ObjectId>,
    /// What this run has said of each picture, and under which name first.
    decided: BTreeMap<ObjectId, (Rights, String)>,
    /// Folders walked, and every file in them: a name that is not among them is gone.
    present: BTreeSet<(String, String)>,
    walked: BTreeSet<String>,
    /// What is still to be written to the ledger, and then to the index.
    acts: Vec<NewAct>,
    seen: Vec<(ObjectId, Option<Seen>)>,
    report: AddReport,
}

pub(crate) fn add(
    vault: &Vault,
    given: &[PathBuf],
    options: &AddOptions,
    progress: &dyn Progress,
) -> Result<AddReport, AddError> {
    if given.is_empty() {
        return Err(AddError::NothingGiven);
    }
    let Walk {
        files,
        skipped,
        folders,
    } = walk(given)?;
    let index = Index::open(vault)?;
    let mut adding = Adding {
        vault,
        index: &index,
        options,
        by: options.by.clone().unwrap_or_else(Actor::person_here),
        catalogue: Catalogue::read(vault.ledger())?,
        standings: vault.ledger().standings()?,
        rights: BTreeMap::new(),
        terms: BTreeMap::new(),
        decided: BTreeMap::new(),
        present: files
            .iter()
            .map(|f| (f.folder.clone(), f.file_name.clone()))
            .collect(),
        walked: folders.into_iter().collect(),
        acts: Vec::new(),
        seen: Vec::new(),
        report: AddReport {
            skipped,
            ..AddReport::default()
        },
    };
    // All of them before the first picture: a mistake in one adds nothing.
    adding.read_rights(&files)?;
    let (consents, warnings) = consents::declare(vault, &adding.rights, &adding.by)?;
    adding.report.consents = consents;
    adding.report.warnings.extend(warnings);
    progress.begin("adding photographs", Some(files.len() as u64));
    adding.take_in(&files, progress)?;
    progress.end();
    let Adding {
        catalogue,
        mut report,
        ..
    } = adding;
    if report.added.is_empty() && report.known.is_empty() && report.renamed.is_empty() {
        return Err(AddError::NoPictures {
            given: given.to_vec(),
            skipped: report.skipped,
        });
    }
    let again = look_again(vault, &index, &catalogue, false, progress)?;
    report.warnings.extend(again.warnings);
    Ok(report)
}

impl Adding<'_> {
    fn read_rights(&mut self, files: &[Found]) -> Result<(), AddError> {
        let paths: BTreeSet<&PathBuf> = files.iter().filter_map(|file| file.rights.as_ref()).collect();
        for path in paths {
            let unreadable = |source| AddError::Unreadable {
                path: path.clone(),
                source,
            };
            let text = read_text(path).map_err(unreadable)?;
            let (rights, warnings) = rights_toml::parse(&path.display().to_string(), &text, path.parent())
                .map_err(AddError::Rights)?;
            self.report
                .warnings
                .extend(warnings.iter().map(ToString::to_string));
            self.rights.insert(path.clone(), rights);
        }
        Ok(())
    }

    /// Takes in all files, in many threads, and records them in their order. What was taken in before something went
    /// wrong, or the user asked to stop, is recorded too.
    fn take_in(&mut self, files: &[Found], progress: &dyn Progress) -> Result<(), AddError> {
        let known: BTreeSet<ObjectId> = self.catalogue.pictures.keys().copied().collect();
        let taking = Taking::new(self.vault, self.index);
        let result = in_order(
            files.len(),
            Decoder::default,
            |decoder, n| {
                if progress.stopped() {
                    return Err(VaultError::Stopped.into());
                }
                let taken = match files.get(n) {
                    Some(file) => taking.file(decoder, &file.path, &file.file_name, &known)?,
                    None => Taken::SomethingElse,
                };
                progress.advance(1);
                Ok(taken)
            },
            |n, taken| {
                if let Some(file) = files.get(n) {
                    self.note(file, taken)?;
                }
                if self.acts.len() >= BATCH {
                    self.write()?;
                }
                Ok(())
            },
        );
        let written = self.write();
        // What went wrong first is what is told.
        result.and(written)
    }

    /// Notes what became of one file.
    fn note(&mut self, file: &Found, taken: Taken) -> Result<(), AddError> {
        match taken {
            Taken::Known(object) => {
                if let Some(picture) = self.catalogue.pictures.get(&object).cloned() {
                    self.record(file, object, picture)?;
                }
            }
            Taken::New(new) => {
                let name = &file.file_name;
                let warnings = new.warnings.iter().map(|warning| format!("{name}: {warning}"));
                self.report.warnings.extend(warnings);
                self.seen.push((new.object, new.seen));
                self.record(file, new.object, new.picture)?;
            }
            Taken::Skipped(why) => self.report.skipped.push((file.path.clone(), why)),
            Taken::SomethingElse => {
                let is_text = file
                    .path
                    .extension()
                    .is_some_and(|e| e.eq_ignore_ascii_case("txt"));
                self.report.passed_over += usize::from(!is_text);
            }
        }
        Ok(())
    }

    /// Writes what was noted: first to the ledger, then to the index, which may be lost.
    fn write(&mut self) -> Result<(), AddError> {
        self.vault
            .settle_names(self.seen.iter().map(|(object, _)| object))?;
        self.vault.ledger().append_many(std::mem::take(&mut self.acts))?;
        self.index.note(&self.seen)?;
        self.seen.clear();
        Ok(())
    }

    /// Notes what is to be recorded of one picture: that it came in under this name, and its rights.
    fn record(&mut self, file: &Found, object: ObjectId, picture: Picture) -> Result<(), AddError> {
        let stem = Path::new(&file.file_name)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let name = full_name(&file.folder, &stem);
        let caption = caption(&file.path, &stem);
        let new = !self.catalogue.pictures.contains_key(&object);
        let held = self
            .catalogue
            .names
            .get(&(file.folder.clone(), file.file_name.clone()));
        let same = held.is_some_and(|(held, ingest)| *held == object && ingest.caption == caption);
        if same {
            self.report.known.push(name.clone());
        } else {
            let replaces = held.map(|(held, _)| *held).filter(|held| *held != object);
            if let Some(old) = replaces {
                self.report.warnings.push(format!(
                    "{name} ({}) is another picture now (before: {}): films that call it get the new one",
                    file.file_name,
                    old.short()
                ));
            }
            let ingest = Ingest {
                stem,
                folder: file.folder.clone(),
                file_name: file.file_name.clone(),
                caption,
                picture,
                replaces,
                renamed_from: self.gone_name(file, &object),
            };
            let facts = serde_json::to_value(&ingest).map_err(|source| VaultError::Json {
                what: "what is known of a picture",
                source,
            })?;
            let act = NewAct::new(Verb::Ingested, self.by.clone(), source_subject(&object));
            self.acts.push(act.output("source", object).with_facts(facts));
            self.catalogue.note(object, ingest);
            let list = if new {
                &mut self.report.added
            } else {
                &mut self.report.renamed
            };
            list.push(name.clone());
        }
        self.declare(file, object, &name)
    }

    /// The name by which the picture went in the same folder, if that file is there no longer.
    fn gone_name(&self, file: &Found, object: &ObjectId) -> Option<String> {
        if !self.walked.contains(&file.folder) {
            return None;
        }
        let from = (file.folder.clone(), String::new());
        let in_folder = self
            .catalogue
            .names
            .range(from..)
            .take_while(|((folder, _), _)| *folder == file.folder);
        let mut gone = in_folder.filter(|(name, (held, _))| held == object && !self.present.contains(*name));
        gone.next().map(|((_, file_name), _)| file_name.clone())
    }

    /// Declares a picture's rights where files or options say something that does not stand already.
    fn declare(&mut self, file: &Found, object: ObjectId, name: &str) -> Result<(), AddError> {
        if let Some(rights) = self.rights_for(file, &object)? {
            match self.decided.get(&object) {
                Some((decided, first)) if *decided != rights => self.report.warnings.push(format!(
                    "{name} is the same picture as {first}, but other rights are declared for it; those of \
                     {first} count: make them the same"
                )),
                Some(_) => {}
                None => {
                    let standing = self.standings.entry(object).or_default();
                    if standing.rights.as_ref() != Some(&rights) {
                        self.acts
                            .push(declaration(&object, &rights, self.by.clone(), false)?);
                        standing.rights = Some(rights.clone());
                        self.report.declared += 1;
                    }
                    self.decided.insert(object, (rights, name.to_owned()));
                }
            }
        }
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let standing = self.standings.get(&object).cloned().unwrap_or_default();
        match standing.allows(Use::Look, today) {
            // A scope is chosen, not forgotten.
            Ok(()) | Err(Clause::OutsideScope { .. }) => {}
            Err(clause) => self.report.unusable.push((name.to_owned(), clause)),
        }
        Ok(())
    }

    /// What files and options say of a picture's rights; none where they say nothing.
    fn rights_for(&mut self, file: &Found, object: &ObjectId) -> Result<Option<Rights>, AddError> {
        let rights_file = file
            .rights
            .as_ref()
            .and_then(|path| Some((path.parent()?, self.rights.get(path)?)));
        let (folder, statement) = match rights_file {
            Some((folder, rights)) => (folder.to_owned(), rights.of(&relative_name(file, folder))),
            None => (PathBuf::new(), Statement::default()),
        };
        if statement == Statement::default() && self.options.owner.is_none() && self.options.rights.is_none()
        {
            return Ok(None);
        }
        let before = self
            .standings
            .get(object)
            .and_then(|standing| standing.rights.clone());
        let (owner_before, terms_before) = before.map(|b| (b.owner, b.terms)).unzip();
        let terms_file = match &statement.terms_file {
            Some(name) => Some(self.keep_terms(&folder.join(name))?),
            None => None,
        };
        let in_file = statement.terms_file.as_ref().map(|name| format!("as in {name}"));
        let trimmed = |text: &Option<String>| {
            text.as_deref()
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        };
        let owner = statement
            .owner
            .or_else(|| trimmed(&self.options.owner))
            .or(owner_before);
        let terms = statement
            .terms
            .or(in_file)
            .or_else(|| trimmed(&self.options.rights))
            .or(terms_before);
        if owner.is_none() && terms.is_none() {
            return Ok(None);
        }
        Ok(Some(Rights {
            owner: owner.unwrap_or_default(),
            obtained: statement.obtained,
            terms: terms.unwrap_or_default(),
            terms_file,
            scope: statement.scope.unwrap_or_else(Use::usual),
            until: statement.until,
            people: statement.people.unwrap_or_default(),
        }))
    }

    fn keep_terms(&mut self, path: &Path) -> Result<ObjectId, AddError> {
        if let Some(object) = self.terms.get(path) {
            return Ok(*object);
        }
        let (object, _) = self.vault.put_file(path)?;
        self.terms.insert(path.to_owned(), object);
        Ok(object)
    }
}

/// A text file, read no further than the reader of it would go.
fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?
        .take(toml::MAX_BYTES as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// A file's name for the tables of a `rights.toml`: they only speak of files beside it.
fn relative_name(file: &Found, folder: &Path) -> String {
    if file.path.parent() == Some(folder) {
        file.file_name.clone()
    } else {
        String::new()
    }
}
