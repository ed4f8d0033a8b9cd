//! Memory, taken before it is used.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// So many bytes, which many threads share. Who asks first is served first, so that a large picture is not passed over
/// for ever by small ones.
#[derive(Debug)]
pub(crate) struct Gate {
    whole: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: u64,
    /// The number that the next to come draws, and the number whose turn it is.
    drawn: u64,
    turn: u64,
}

/// Bytes taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Hold<'a> {
    gate: &'a Gate,
    bytes: u64,
}

impl Gate {
    pub fn new(whole: u64) -> Self {
        Self {
            whole,
            state: Mutex::new(State {
                free: whole,
                drawn: 0,
                turn: 0,
            }),
            changed: Condvar::new(),
        }
    }

    /// Waits until there is room for so many bytes. What is larger than all there is waits until it is alone.
    pub fn take(&self, bytes: u64) -> Hold<'_> {
        let bytes = bytes.min(self.whole);
        let mut state = self.state();
        let number = state.drawn;
        state.drawn += 1;
        while state.turn != number || state.free < bytes {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.turn += 1;
        state.free -= bytes;
        self.changed.notify_all();
        Hold { gate: self, bytes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.gate.state().free += self.bytes;
        self.gate.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn never_more_is_out_than_there_is_and_all_are_served() {
        let (gate, out, served) = (Gate::new(100), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (gate, out, served) = (&gate, &out, &served);
                scope.spawn(move || {
                    for round in 0..200 {
                        let want = (thread * 37 + round * 13) % 130;
                        let _hold = gate.take(want);
                        let taken = want.min(100);
                        assert!(out.fetch_add(taken, Ordering::SeqCst) + taken <= 100);
                        std::thread::yield_now();
                        out.fetch_sub(taken, Ordering::SeqCst);
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(served.into_inner(), 1600);
    }
}
