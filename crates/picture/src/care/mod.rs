//! Care for finished frames, whoever made them: light that stays steady along the motion ([`Deflicker`]), noise taken off along
//! it and grain in its place ([`Denoise`]).
//!
//! What is asked for is a frame at a time, and frames around it are fetched as they are needed: any take, clip or list of
//! pictures can be cared for, and work can begin at any frame.
//!
//! ```
//! use heirloom_picture::care::{Deflicker, DeflickerOptions};
//! use heirloom_picture::{AcesCg, Image};
//!
//! // A still picture of soft waves; one of its frames is a tenth too light.
//! let frame = |n: u32| {
//!     let light = if n == 6 { 1.1 } else { 1.0 };
//!     let wave = |i: u32| 0.3 + 0.1 * ((i % 96) as f32 * 0.3).sin() * ((i / 96) as f32 * 0.2).cos();
//!     let pixels = (0..96 * 54).map(|i| { let v = wave(i) * light; [v, v, v, 1.0] }).collect();
//!     Image::<AcesCg>::from_pixels(96, 54, pixels).ok_or("its size")
//! };
//! let mut care = Deflicker::new(13, DeflickerOptions::default());
//! let gains = care.gains(6, &mut |n| frame(n))?;
//! let mended = gains.apply(&frame(6)?);
//! let (is, was) = (mended.at(48, 27)[1], frame(5)?.at(48, 27)[1]);
//! assert!((is / was - 1.0).abs() < 0.02, "{is} beside {was}");
//! # Ok::<(), &str>(())
//! ```
//!
//! # What always holds
//! The same bytes on every processor, for any number of threads and whatever frame the work began at: plain arithmetic,
//! square roots and `libm`, sums in one order.

mod deflicker;
mod denoise;
mod gains;
mod grain;
mod trend;

pub use deflicker::{Deflicker, DeflickerOptions};
pub use denoise::{Denoise, DenoiseOptions};
pub use gains::Gains;
