//! The synthesis itself, independent of films and vaults.
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
pub mod vote;
