//! The cut, masters with their frame maps, and tracing.

mod lettering;
pub mod titles;
