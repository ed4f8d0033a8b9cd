//! The synthesis itself, independent of films and vaults.
//!
//! From the bottom up: [`feature`] planes and the [`patch`] kernels compare places, [`search`] and [`vote`]
//! improve a picture on one level, [`pyramid`] goes from coarse to fine. [`matter`] holds the photographs,
//! [`layout`] and [`guide`] say what goes where, [`flow`] and [`carry`] move it. [`living`] and [`becoming`]
//! are the shots.

pub mod becoming;
pub mod blur;
pub mod carry;
pub mod feature;
pub mod flow;
pub mod guide;
pub mod hash;
pub mod layout;
pub mod living;
pub mod matter;
pub mod patch;
pub mod pyramid;
pub mod search;
pub mod spans;
mod stages;
pub mod vote;
