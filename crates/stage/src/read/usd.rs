//! OpenUSD, by way of the `openusd` crate.
//!
//! That crate stops the program at some wrong bytes and can be made to take memory without end. So each layer is
//! checked before it is parsed ([`crate_check`], [`text_check`]), the layers' arcs are counted before they are
//! composed ([`arcs`]), and the whole runs on a thread of its own, whose stack is large and whose panics become
//! errors. The thread asks for files by way of [`layers::Ask`], since the crate wants a resolver that outlives the
//! caller's.

mod arcs;
mod crate_check;
mod crate_values;
mod instancer;
mod lamp;
mod layers;
mod lens;
mod look;
mod mesh;
mod package;
mod place;
mod polygon;
mod shapes;
mod skel;
mod text_check;
mod values;
mod walk;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use openusd::sdf::Path;
use openusd::usd::Prim;

use self::layers::{Ask, Remote};
use super::budget::Context;
use super::{FileError, Files, ReadError, ReadOptions, SceneFormat};
use crate::scene::{Scene, Warning};

/// Of the thread that reads: composition goes down by functions that call themselves. The system gives it as it is
/// used.
const STACK_BYTES: usize = 256 << 20;

/// How deep brackets and paths may lie within each other.
const DEPTH: usize = 256;

/// How deep prims may lie within each other: the crate walks up to the top for every value of every prim, letter by
/// letter, so that a few thousand prims 256 levels deep take minutes.
const PRIM_DEPTH: usize = 64;

pub(super) fn read(
    bytes: Vec<u8>,
    format: SceneFormat,
    context: &mut Context<'_>,
) -> Result<Scene, ReadError> {
    let (asks, asked) = mpsc::channel();
    let name = context.name.clone();
    let options = context.options.clone();
    let worker = std::thread::Builder::new()
        .name("usd".into())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let files = Remote::new(asks.clone());
            let told = catch_unwind(AssertUnwindSafe(|| alone(bytes, format, &name, &options, &files)));
            let told = told.unwrap_or_else(|_| {
                let gave_up = ReadError::Damaged {
                    name: name.clone(),
                    why: "the USD reader gave up on it".into(),
                };
                (Err(gave_up), Vec::new())
            });
            asks.send(Ask::Done(Box::new(told))).ok();
        })
        .map_err(|source| ReadError::Read {
            path: context.name.clone().into(),
            source,
        })?;
    let mut told = None;
    for ask in asked {
        match ask {
            Ask::File(path, answer) => {
                answer.send(context.file(&path)).ok();
            }
            Ask::Done(done) => {
                told = Some(*done);
                break;
            }
        }
    }
    worker.join().ok();
    let (result, warnings) = told.ok_or_else(|| context.damaged("the USD reader gave up on it"))?;
    for Warning { subject, what } in warnings {
        context.warn(subject, what);
    }
    result
}

/// A package: what it holds stands for the scene's folder.
pub(super) fn read_package(bytes: Vec<u8>, context: &mut Context<'_>) -> Result<Scene, ReadError> {
    let (first, inside) = package::open(&bytes, context)?;
    drop(bytes);
    let Ok(root) = inside.read(&first, u64::MAX) else {
        return Err(context.damaged("its first file cannot be read"));
    };
    let format = match SceneFormat::of(&root, &first) {
        Some(format @ (SceneFormat::Usda | SceneFormat::Usdc)) => format,
        _ => return Err(context.damaged("its first file is not a USD layer")),
    };
    let (mut scene, warnings) = {
        let mut within = Context::new(&context.name, context.options, &inside);
        let scene = read(root, format, &mut within)?;
        (scene, within.into_warnings())
    };
    for Warning { subject, what } in warnings {
        context.warn(subject, what);
    }
    scene.warnings.clear();
    Ok(scene)
}

type Told = (Result<Scene, ReadError>, Vec<Warning>);

fn alone(bytes: Vec<u8>, format: SceneFormat, name: &str, options: &ReadOptions, files: &Remote) -> Told {
    let mut context = Context::new(name, options, files);
    let scene = layers::open(bytes, format, files.clone(), &mut context)
        .and_then(|(stage, said)| walk::read(&stage, &said, &mut context));
    (scene, context.into_warnings())
}

impl Files for Remote {
    fn read(&self, path: &str, _: u64) -> Result<Vec<u8>, FileError> {
        self.ask(path)
    }
}

/// Whether a path is one that the crate can walk up: names of letters, digits and `_`, parted by `/`, and at the end
/// perhaps a property, which may have `:` in it. At others it can go round for ever.
fn is_plain(path: &str) -> bool {
    let (prims, property) = match path.split_once('.') {
        Some((prims, property)) => (prims, Some(property)),
        None => (path, None),
    };
    let Some(prims) = prims.strip_prefix('/') else {
        return false;
    };
    (prims.is_empty() && property.is_none() || prims.split('/').all(is_name))
        && property.is_none_or(is_property)
}

/// Whether it can be a prim's name.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Whether it can be a property's name.
fn is_property(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':')
}

/// The targets of a relationship that can be followed.
fn targets(prim: &Prim, name: &str, context: &Context<'_>) -> Result<Vec<Path>, ReadError> {
    let targets = prim.relationship(name).targets();
    let targets = targets.map_err(|e| context.damaged(format!("{}.{name}: {}", prim.path(), said(&e))))?;
    Ok(targets.into_iter().filter(|t| is_plain(t.as_str())).collect())
}

/// What the `openusd` crate says, in one line.
fn said(error: &impl std::fmt::Display) -> String {
    let all = format!("{error:#}");
    super::names::tidy(&all.replace('\n', " "))
}
