//! Generation from one's own photographs alone, without weights: no model, no download, no account.
//!
//! A shot is made of patches of its sources. The search ([`synth`]) finds, for every pixel, a place in one of
//! the photographs, so that every patch of the frame looks like a patch of a photograph, the whole keeps the
//! photograph's layout, and nothing is copied in large pieces. What is stored of a frame is that map of
//! places ([`map`]), losslessly ([`codec`]), and a small offset that smooths the seams ([`poisson`]); frames
//! are sampled from the originals ([`take`]). So every pixel says where it comes from, and the same map
//! serves any bit depth. [`engine`] is the whole as the program plugs it in.
//!
//! Five kinds of shot are made from photographs: a *still* is a new variation of one or several photographs; a *living* shot sets it
//! in motion ([`synth::living`]); a *becoming* turns one whole photograph into another ([`synth::becoming`]);
//! a *fill* makes a part of a photograph anew ([`synth::fill`]); a *guided* shot follows the stage ([`guided`]).
//! Four are made from clips and pairs of stills: a *style* pass ([`synth::style`]), an *extension* of a clip
//! ([`synth::extend`]), *slow* motion ([`synth::slow`]) and what lies *between* two stills ([`synth::between`]).
//! Takes of any engine are cared for by a second engine ([`care`]).
//!
//! ```
//! use heirloom_engine::{Engine, Inputs, JobState, Order, Param, Request, Task, Failure};
//! use heirloom_engine_exemplar::engine;
//! use heirloom_film::{Rate, Size};
//! use heirloom_picture::png;
//! use heirloom_vault::ObjectId;
//! use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
//!
//! // One photograph (any will do) in a folder that gives it out by its hash.
//! struct One(ObjectId, PathBuf);
//! impl Inputs for One {
//!     fn read(&self, object: &ObjectId) -> Result<Vec<u8>, Failure> {
//!         std::fs::read(self.path(object)?).map_err(|e| Failure::lasting("input", e.to_string()))
//!     }
//!     fn path(&self, object: &ObjectId) -> Result<PathBuf, Failure> {
//!         if *object == self.0 { Ok(self.1.clone()) } else { Err(Failure::lasting("input", "not here")) }
//!     }
//! }
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("waves.png");
//! let codes: Vec<[u8; 3]> = (0..120 * 90u32).map(|i| [(i % 120 * 2) as u8, (i / 9 % 251) as u8, (i * i >> 7) as u8]).collect();
//! png::write8(&path, &codes, 120, 90)?;
//! let photograph = ObjectId::of(&std::fs::read(&path)?);
//!
//! let request = Request {
//!     engine: engine::NAME.into(), revision: engine::REVISION, task: Task::Living,
//!     prompt: String::new(), mood: String::new(), seed: 7,
//!     size: Size { width: 96, height: 54 }, rate: Rate::parse("24")?, frames: 3,
//!     sources: vec![photograph], keyframes: vec![], pictures: Default::default(), guides: None, style: None,
//!     params: BTreeMap::from([("flow".into(), Param::Text("curl".into()))]),
//! };
//! let weightless = engine::engine();
//! let order = Order::new(request, 0, &folder.path().join("work"), Arc::new(One(photograph, path)))?;
//! let job = weightless.submit(order)?;
//! let drafts = loop {
//!     match weightless.poll(&job)? {
//!         JobState::Done(drafts) => break drafts,
//!         JobState::Running(_) | JobState::Queued => std::thread::sleep(std::time::Duration::from_millis(5)),
//!         other => return Err(format!("{other:?}").into()),
//!     }
//! };
//! // A map and an offset for each of the three frames, and a second layer with its weights where something fades.
//! assert!([6, 8, 10].contains(&drafts[0].files.len()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - The same request gives the same bytes on every processor, with or without SIMD, for any number of
//!   threads, and however often the work was stopped and gone on with: costs are whole numbers, work is
//!   cut into fixed bands, chance belongs to the pixel, and floats know only + - * / sqrt and `libm`.
//! - Without finish, every pixel is the bicubic sample of its photograph (at the recorded scale) that its
//!   map names. With it, what differs is the stored offset.
//! - The first and last frames of a becoming are the two photographs themselves.
//! - Nothing is read but the sources of the order, nothing is written but its work folder, each file whole.

pub mod atlas;
pub mod care;
pub mod codec;
pub mod composed;
pub mod engine;
mod from_clips;
pub mod grid;
pub mod guided;
pub mod like;
pub mod making;
pub mod map;
pub mod measure;
pub mod pictures;
pub mod poisson;
pub mod reel;
pub mod synth;
pub mod take;
