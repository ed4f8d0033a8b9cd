//! The synthesis itself, independent of films and vaults.
//!
//! From the bottom up: [`feature`] planes and the [`patch`] kernels compare places, [`search`] and [`vote`]
//! improve a picture on one level, [`pyramid`] goes from coarse to fine. [`matter`] holds the photographs,
//! [`layout`] and [`guide`] say what goes where, [`flow`] and [`carry`] move it. [`compose`] and [`points`] are
//! what a person says of the composition and of stars, [`turning`] is how new matter comes in. [`living`], [`becoming`]
//! and [`fill`] are shots from photographs. [`pair`] says what lies between two pictures ([`align`] where they lie far
//! apart); [`between`], [`slow`], [`extend`] and [`style`] are shots from stills and clips.

pub mod align;
pub mod becoming;
pub mod between;
pub mod blur;
pub mod carry;
pub mod compose;
pub mod extend;
pub mod feature;
pub mod fill;
pub mod flow;
pub mod guide;
pub mod hash;
pub mod layout;
pub mod living;
pub mod matter;
pub mod pair;
pub mod patch;
pub mod points;
pub mod pyramid;
pub mod search;
pub mod slow;
pub mod spans;
mod stages;
pub mod style;
pub mod turning;
pub mod vote;
pub mod wished;
