//! The cut, masters with their frame maps, and tracing.
