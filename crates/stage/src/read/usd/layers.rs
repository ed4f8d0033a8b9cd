//! The layers of a stage: fetched from the scene's folder, checked, and handed to the `openusd` crate.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::SystemTime;

use openusd::ar::{Asset, ResolvedPath, Resolver};
use openusd::sdf::LayerRegistry;
use openusd::usd::Stage;

use super::{Told, arcs, crate_check, text_check};
use crate::read::budget::Context;
use crate::read::files::within;
use crate::read::names::tidy;
use crate::read::{FileError, ReadError, ReadLimits, SceneFormat};

/// Layers of one stage that are read.
const LAYERS: usize = 256;

/// What the reading thread asks of the one that started it.
pub(super) enum Ask {
    /// A file beside the scene, and where to send it.
    File(String, Sender<Result<Vec<u8>, FileError>>),
    /// Nothing more: this is the result.
    Done(Box<Told>),
}

/// The files beside the scene, as the reading thread sees them.
#[derive(Clone)]
pub(super) struct Remote {
    asks: Sender<Ask>,
}

impl Remote {
    pub fn new(asks: Sender<Ask>) -> Self {
        Self { asks }
    }

    pub fn ask(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let (answer, answered) = mpsc::channel();
        self.asks.send(Ask::File(path.into(), answer)).ok();
        answered.recv().unwrap_or(Err(FileError::Missing))
    }
}

/// What came up while layers were fetched: what it is about, and what.
#[derive(Default)]
pub(super) struct Said {
    notes: Rc<RefCell<Vec<(String, String)>>>,
}

impl Said {
    /// Hands it all over as warnings, with what composition could not do beside that.
    pub fn tell(&self, stage: &Stage, context: &mut Context<'_>) {
        let notes = self.notes.borrow();
        for (subject, what) in notes.iter() {
            context.warn(subject, what);
        }
        for error in stage.composition_errors() {
            let text = super::said(&error);
            if !notes.iter().any(|(subject, _)| text.contains(subject.as_str())) {
                let text = ROOTS.iter().fold(text, |t, root| t.replace(root, &context.name));
                context.warn("composition", format!("a part of the scene is left out: {text}"));
            }
        }
    }
}

/// Names of the root layer, binary and text, that no file can have, since names are made plain before they are looked
/// up: a file that refers to the scene itself gets what is in the folder.
const ROOTS: [&str; 2] = ["./root.usdc", "./root.usda"];

struct Layers {
    files: Remote,
    limits: ReadLimits,
    root: String,
    known: RefCell<HashMap<String, Option<Arc<[u8]>>>>,
    notes: Rc<RefCell<Vec<(String, String)>>>,
}

/// Opens the stage whose root layer is in `bytes`.
pub(super) fn open(
    bytes: Vec<u8>,
    format: SceneFormat,
    files: Remote,
    context: &mut Context<'_>,
) -> Result<(Stage, Said), ReadError> {
    let limits = context.options.limits;
    check(&bytes, &limits).map_err(|why| context.damaged(why))?;
    let root = ROOTS[usize::from(format != SceneFormat::Usdc)];
    let said = Said::default();
    let layers = Layers {
        files,
        limits,
        root: root.into(),
        known: RefCell::new(HashMap::from([(root.to_owned(), Some(bytes.into()))])),
        notes: said.notes.clone(),
    };
    let opened = Stage::builder().resolver(layers).open(root);
    let stage = opened.map_err(|error| context.damaged(super::said(&error)))?;
    arcs::check(&stage, context)?;
    Ok((stage, said))
}

/// What is wrong with a layer's bytes, if anything.
fn check(bytes: &[u8], limits: &ReadLimits) -> Result<(), String> {
    if bytes.starts_with(b"PXR-USDC") {
        crate_check::check(bytes, limits)
    } else {
        text_check::check(bytes, limits)
    }
}

impl Layers {
    fn note(&self, subject: &str, what: impl Into<String>) {
        let mut notes = self.notes.borrow_mut();
        if notes.len() < 1000 {
            notes.push((tidy(subject), what.into()));
        }
    }

    fn fetch(&self, path: &str) -> Option<Arc<[u8]>> {
        if let Some(known) = self.known.borrow().get(path) {
            return known.clone();
        }
        let found = self.fetch_new(path);
        self.known.borrow_mut().insert(path.to_owned(), found.clone());
        found
    }

    fn fetch_new(&self, path: &str) -> Option<Arc<[u8]>> {
        if self.known.borrow().len() >= LAYERS {
            self.note(
                path,
                format!("the layer is left out: the scene has more than {LAYERS} layers"),
            );
            return None;
        }
        if let Some(path) = path.strip_prefix(OUTSIDE) {
            self.note(
                path,
                "the layer is left out: it is outside the scene's folder; put it into the folder",
            );
            return None;
        }
        if !is_layer(path) {
            self.note(
                path,
                "the file is left out: only .usd, .usda and .usdc can be referred to; export it as one",
            );
            return None;
        }
        match self.files.ask(path) {
            Ok(bytes) => match check(&bytes, &self.limits).and_then(|()| parsed(path, bytes.into())) {
                Ok(bytes) => Some(bytes),
                Err(why) => {
                    self.note(
                        path,
                        format!("the layer is left out, for it is damaged: {why}; export it again"),
                    );
                    None
                }
            },
            Err(error) => {
                self.note(path, format!("the layer is left out: {error}"));
                None
            }
        }
    }
}

/// A layer beside the root one, once it is seen that its arcs can be followed. It is parsed twice for that.
fn parsed(path: &str, bytes: Arc<[u8]>) -> Result<Arc<[u8]>, String> {
    let extension = if bytes.starts_with(b"PXR-USDC") {
        "usdc"
    } else {
        "usda"
    };
    let format = LayerRegistry::find_by_extension(extension).ok_or("there is no reader for it")?;
    let one = One(bytes.clone());
    let data = format
        .read(&one, &ResolvedPath::new(path))
        .map_err(|e| super::said(&e))?;
    arcs::check_layer(data.as_ref())?;
    Ok(bytes)
}

/// A layer alone.
struct One(Arc<[u8]>);

impl Resolver for One {
    fn create_identifier(&self, asset_path: &str, _: Option<&ResolvedPath>) -> String {
        asset_path.to_owned()
    }

    fn resolve(&self, asset_path: &str) -> Option<ResolvedPath> {
        Some(ResolvedPath::new(asset_path))
    }

    fn resolve_for_new_asset(&self, _: &str) -> Option<ResolvedPath> {
        None
    }

    fn open_asset(&self, _: &ResolvedPath) -> io::Result<Box<dyn Asset>> {
        Ok(Box::new(Bytes(Cursor::new(self.0.clone()))))
    }

    fn get_modification_timestamp(&self, _: &str, _: &ResolvedPath) -> Option<SystemTime> {
        None
    }
}

/// Whether a file is a layer, by its name.
fn is_layer(path: &str) -> bool {
    let extension = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    ["usd", "usda", "usdc"].contains(&extension.as_str())
}

/// Before the name of what lies outside the folder.
const OUTSIDE: &str = "outside:";

impl Resolver for Layers {
    fn create_identifier(&self, asset_path: &str, anchor: Option<&ResolvedPath>) -> String {
        if asset_path.is_empty() || asset_path == self.root || asset_path.starts_with(OUTSIDE) {
            return asset_path.to_owned();
        }
        let anchor = anchor.and_then(|a| a.to_str()).unwrap_or_default();
        let folder = anchor.rsplit_once('/').map_or("", |(folder, _)| folder);
        within(folder, asset_path).unwrap_or_else(|| format!("{OUTSIDE}{asset_path}"))
    }

    fn resolve(&self, asset_path: &str) -> Option<ResolvedPath> {
        // Pictures and the like are looked for when they are wanted; here they only get their plain names.
        let known = asset_path.starts_with(OUTSIDE) || is_layer(asset_path);
        if known && self.fetch(asset_path).is_none() {
            return None;
        }
        Some(ResolvedPath::new(asset_path))
    }

    fn resolve_for_new_asset(&self, _: &str) -> Option<ResolvedPath> {
        None
    }

    fn open_asset(&self, resolved_path: &ResolvedPath) -> io::Result<Box<dyn Asset>> {
        let path = resolved_path.to_str().unwrap_or_default();
        match self.fetch(path) {
            Some(bytes) => Ok(Box::new(Bytes(Cursor::new(bytes)))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn get_modification_timestamp(&self, _: &str, _: &ResolvedPath) -> Option<SystemTime> {
        None
    }

    fn identity(&self) -> String {
        "heirloom".into()
    }
}

struct Bytes(Cursor<Arc<[u8]>>);

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Bytes {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Asset for Bytes {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.get_ref().len() as u64)
    }
}
