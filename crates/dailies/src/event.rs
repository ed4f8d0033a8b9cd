//! What happens while shots are drawn, for whoever shows it.

use heirloom_engine::Progress;

/// Something that happened to a shot.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Its take is there already.
    Kept,
    /// It waits in the queue.
    Queued,
    /// An engine works on it; `done` frames were found from before.
    Progress(Progress),
    /// Its take is in the vault.
    Drawn,
    /// A policy said no.
    Refused(Vec<String>),
    /// Something went wrong; it will be tried again.
    Retrying(String),
    /// Something went wrong for good.
    Failed(String),
    /// Stopped on demand; the next run goes on here.
    Stopped,
}

/// Shows what happens. Called from worker threads.
pub trait Observer: Sync {
    /// Something happened to the shot at `index` of the plan.
    fn event(&self, index: usize, event: Event);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: usize, _: Event) {}
}
