//! The stage: 3D scenes and cameras become a timed blocking, exact guide passes, and a measure of how well a take
//! keeps to them.
//!
//! A shot is blocked before it is generated: who and what stands where, when things happen, how the camera moves,
//! where the light comes from. A [`scene`] comes from a file ([`read`]: glTF and OpenUSD) or from words of the set in
//! `film.toml` ([`blocking`]), and goes out again as .glb ([`write_glb`]). [`passes`] renders it: lit clay for the eye,
//! and for the engines depth, normals, object ids, positions and motion that are exact. [`exr`] keeps a frame's
//! passes in one file, [`preview`] shows them. [`light`] reads the light of a place off a photograph. [`adherence`]
//! says in numbers how a take follows the stage.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use heirloom_film::Size;
//! use heirloom_stage::blocking::{Context, build};
//! use heirloom_stage::passes::{Renderer, Shot, Wanted};
//!
//! let film = heirloom_film::parse("film.toml", r#"
//!     [film]
//!     title = "First light"
//!     size = [64, 36]
//!     [[scene]]
//!     name = "shore"
//!     [[scene.shot]]
//!     name = "010"
//!     frames = 24
//!     kind = "guided"
//!     [scene.shot.blocking]
//!     camera = { at = [0, 1.6, 6], look_at = "moon", lens_mm = 50 }
//!     moves = [{ kind = "truck", right = 2.0, frames = [0, 24] }]
//!     [[scene.shot.blocking.thing]]
//!     name = "sea"
//!     shape = "water"
//!     [[scene.shot.blocking.thing]]
//!     name = "moon"
//!     shape = "sphere"
//!     at = [0, 1, -4]
//!     size = [2, 2, 2]
//! "#)?.film;
//! let (_, shot) = film.shots().next().ok_or("a shot")?;
//! let blocking = shot.blocking.as_ref().ok_or("a blocking")?;
//!
//! let blocked = build(blocking, Context::of(&film, shot, None, &|_| Err("no photographs here".into())))?;
//! let view = Shot {
//!     camera: blocked.camera_node,
//!     start_s: blocked.start_s,
//!     rate: film.rate,
//!     frames: shot.frames,
//!     size: film.size,
//! };
//! let guides = Renderer::new(&blocked.scene, view)?.guides(&Wanted::all(0..2), &AtomicBool::new(false))?;
//!
//! guides.validate()?;
//! let ids = guides.frames[0].object_id.as_ref().ok_or("ids")?;
//! let middle = ids.values[18 * 64 + 32];
//! assert_eq!(guides.names[&middle], "moon");
//! // The camera goes to the right and keeps the moon: its middle hardly moves.
//! let [right, _] = guides.frames[0].motion_next_px.as_ref().ok_or("motion")?.values[18 * 64 + 32];
//! assert!(right.abs() < 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - Metres, right-handed, y up; a camera looks down −z; pixel centres at +0.5; motion in pixels from this frame's
//!   pixel centre to where the point goes, x right, y down.
//! - The same scene and shot give the same bytes on every processor, for any number of threads, with AVX2 and without.
//! - Data passes are one surface a pixel, unfiltered; colour is antialiased.
//! - What a reader cannot carry is named in a warning; bad input is one clear error; memory is bounded before it is taken.
//! - Nothing outside a scene's own folder is read.

pub mod adherence;
pub mod blocking;
pub mod exr;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod light;
pub mod passes;
pub mod pose;
pub mod posed;
pub mod preview;
mod raster;
pub mod read;
mod render;
pub mod scene;
mod shade;
pub mod summary;
pub mod track;
mod vector;
pub mod write_glb;

pub use raster::simd::{Simd, choose as choose_simd};
pub use shade::sky::{basis as sky_basis, irradiance as sky_irradiance};

/// Raised whenever passes of the same scene come to differ, so that frames that were kept are rendered anew.
pub const REVISION: u32 = 1;
