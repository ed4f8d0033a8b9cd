//! The contract of every generator.
