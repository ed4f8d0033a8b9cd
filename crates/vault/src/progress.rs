//! How long work tells of itself and is asked to stop.

/// What long work reports to, and asks whether it should stop. `()` listens to nothing.
pub trait Progress: Sync {
    /// A stage of work begins: what it is, and how many units it has (bytes or things) where known.
    fn begin(&self, _what: &str, _total: Option<u64>) {}
    /// So many more units are done.
    fn advance(&self, _units: u64) {}
    /// The stage is over.
    fn end(&self) {}
    /// Whether the user has asked to stop; asked between small pieces of work.
    fn stopped(&self) -> bool {
        false
    }
}

impl Progress for () {}
