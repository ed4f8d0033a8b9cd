//! Many files worked on at once, and what comes of them in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Results that may wait to be taken before workers pause.
const AHEAD: usize = 256;

/// Works on the items `0..count` in three threads for each core, and hands what comes of each to `take`, in
/// order and in the caller's thread. `tools` makes what each thread works with.
///
/// # Errors
/// The first that `work` or `take` gives. No item is begun after one; those before the first that failed are taken.
pub(crate) fn in_order<S, T: Send, E: Send>(
    count: usize,
    tools: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<T, E> + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel(AHEAD);
        for _ in 0..threads().min(count) {
            let (send, next, over, tools, work) = (send.clone(), &next, &over, &tools, &work);
            scope.spawn(move || {
                let mut with = tools();
                while !over.load(Ordering::Relaxed) {
                    let item = next.fetch_add(1, Ordering::Relaxed);
                    if item >= count {
                        break;
                    }
                    let done = work(&mut with, item);
                    if done.is_err() {
                        over.store(true, Ordering::Relaxed);
                    }
                    if send.send((item, done)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let (mut waiting, mut at, mut failed) = (BTreeMap::new(), 0, None);
        // Leaving this loop drops `receive`, at which the workers stop.
        for (item, done) in receive {
            match done {
                Ok(done) => {
                    waiting.insert(item, done);
                }
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
            while let Some(done) = waiting.remove(&at) {
                take(at, done)?;
                at += 1;
            }
        }
        failed.map_or(Ok(()), Err)
    })
}

/// Three for each core: while two wait for the disk (every object is synced), one goes on.
fn threads() -> usize {
    3 * thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_comes_in_order() {
        let mut taken = Vec::new();
        let work = |(): &mut (), n: usize| {
            thread::sleep(std::time::Duration::from_micros((n * 7919 % 13 * 50) as u64));
            Ok::<usize, ()>(n * n)
        };
        let take = |n, square| {
            taken.push((n, square));
            Ok(())
        };
        assert_eq!(in_order(700, || (), work, take), Ok(()));
        assert!(taken.iter().copied().eq((0..700).map(|n| (n, n * n))));
    }

    #[test]
    fn after_a_failure_what_lies_before_it_is_taken_and_nothing_more() {
        let mut taken = 0;
        let work = |(): &mut (), n: usize| if n == 300 { Err(n) } else { Ok(n) };
        let result = in_order(
            100_000,
            || (),
            work,
            |n, _| {
                taken = n + 1;
                Ok(())
            },
        );
        assert_eq!((result, taken), (Err(300), 300));
        let result = in_order(
            100_000,
            || (),
            |(), n| Ok(n),
            |n, _| if n == 40 { Err("full") } else { Ok(()) },
        );
        assert_eq!(result, Err("full"));
    }
}
