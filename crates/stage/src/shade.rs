//! How the colour pass looks: lit clay.

pub(crate) mod clay;
pub(crate) mod lamps;
pub(crate) mod shadow;
pub(crate) mod sky;
pub(crate) mod texture;
