//! Generation from one's own photographs alone, without weights.
