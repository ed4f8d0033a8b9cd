//! What the photographs of the tests must be read as.
