//! What every engine must keep, as a suite that its tests run. Each promise is checked through the engine's
//! public face only; a broken one is named with what was seen.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::charge::Found;
use crate::contract::Engine;
use crate::job::{Draft, Inputs, JobId, JobState, Order};
use crate::request::Request;

/// What the suite needs of an engine's author.
pub struct Fixture<'a> {
    /// A fresh engine, as a program would plug it in.
    pub engine: &'a dyn Engine,
    /// A second, independent engine of the same kind, knowing nothing of the first one's jobs.
    pub another: &'a dyn Engine,
    /// A small request that succeeds, two frames or more.
    pub good: Request,
    /// A request that takes at least two seconds here, for cancelling.
    pub long: Request,
    /// A request whose source the inputs can not give: it must fail. None for engines that take no sources.
    pub broken: Option<Request>,
    /// A request that the engine's own policy refuses, if it has one (a weightless engine refuses what its card
    /// does not offer).
    pub refused: Option<Request>,
    /// Where sources come from.
    pub inputs: Arc<dyn Inputs>,
    /// An empty folder for work.
    pub work: &'a Path,
    /// How long a job may take before the suite gives up.
    pub patience: Duration,
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{promise}: {seen}")]
pub struct Broken {
    /// The promise.
    pub promise: &'static str,
    /// What was seen instead.
    pub seen: String,
}

fn broken<T>(promise: &'static str, seen: impl Into<String>) -> Result<T, Broken> {
    Err(Broken {
        promise,
        seen: seen.into(),
    })
}

/// Run the whole suite.
///
/// # Errors
/// The first promise that does not hold.
pub fn check(fixture: &Fixture<'_>) -> Result<(), Broken> {
    same_request_same_hash(fixture)?;
    let drafts = a_draw_is_done_once(fixture)?;
    a_draw_repeats(fixture, &drafts)?;
    the_take_opens(fixture, &drafts)?;
    cancel_within_a_second(fixture)?;
    failure_leaves_nothing(fixture)?;
    refusal_is_not_failure(fixture)?;
    an_unknown_job_is_gone(fixture)
}

fn order(fixture: &Fixture<'_>, request: &Request, root: &str) -> Result<Order, Broken> {
    let root = fixture.work.join(root);
    Order::new(request.clone(), 0, &root, fixture.inputs.clone())
        .or_else(|e| broken("a request has a canonical form", e.to_string()))
}

/// Poll until the job ends, watching that progress never goes back.
fn run(fixture: &Fixture<'_>, engine: &dyn Engine, order: Order) -> Result<(JobId, JobState), Broken> {
    let job = engine
        .submit(order)
        .or_else(|e| broken("a job is taken in", e.to_string()))?;
    let begun = Instant::now();
    let mut last = 0;
    loop {
        let state = engine
            .poll(&job)
            .or_else(|e| broken("a job can be asked after", e.to_string()))?;
        if let JobState::Running(progress) = &state {
            if progress.done_frames < last {
                return broken(
                    "progress never goes back",
                    format!("{} after {last}", progress.done_frames),
                );
            }
            if progress.done_frames > progress.total_frames {
                return broken("progress stays within the whole", format!("{progress:?}"));
            }
            last = progress.done_frames;
        }
        if state.is_final() {
            return Ok((job, state));
        }
        if begun.elapsed() > fixture.patience {
            return broken(
                "a job ends",
                format!("still {state:?} after {:?}", fixture.patience),
            );
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn same_request_same_hash(fixture: &Fixture<'_>) -> Result<(), Broken> {
    let promise = "the same request has the same hash, and another one another";
    let id = |r: &Request| r.id().or_else(|e| broken(promise, e.to_string()));
    let a = &fixture.good;
    let bytes = a.canonical().or_else(|e| broken(promise, e.to_string()))?;
    let again: Request = serde_json::from_slice(&bytes).or_else(|e| broken(promise, e.to_string()))?;
    if &again != a || id(&again)? != id(a)? {
        return broken(promise, "reading the canonical form back gave another request");
    }
    let mut other = a.clone();
    other.seed ^= 1;
    if id(&other)? == id(a)? {
        return broken(promise, "another seed gave the same hash");
    }
    Ok(())
}

fn a_draw_is_done_once(fixture: &Fixture<'_>) -> Result<Vec<Draft>, Broken> {
    let promise = "a draw is never done twice";
    let first = order(fixture, &fixture.good, "once")?;
    let (job, state) = run(fixture, fixture.engine, first.clone())?;
    let JobState::Done(drafts) = state else {
        return broken("a good request succeeds", format!("{state:?}"));
    };
    if drafts.is_empty() {
        return broken("a good request gives a take", "no output");
    }
    for draft in &drafts {
        for file in &draft.files {
            if !file.path.starts_with(&first.work) || !file.path.is_file() {
                return broken(
                    "outputs lie in the job's work folder",
                    file.path.display().to_string(),
                );
            }
        }
        if draft.size != fixture.good.size || draft.frames != fixture.good.frames {
            return broken(
                "a take has the size and length asked for",
                format!("{:?}", draft.size),
            );
        }
    }
    let before = newest(&first.work);
    let again = fixture
        .engine
        .submit(first.clone())
        .or_else(|e| broken(promise, format!("second submit: {e}")))?;
    if again != job {
        return broken(promise, format!("submitted again it became job {again}"));
    }
    let (_, state) = run(fixture, fixture.engine, first.clone())?;
    if state != JobState::Done(drafts.clone()) || newest(&first.work) != before {
        return broken(promise, "submitted again it wrote its files again");
    }
    // Asked after a crash: who says that it never had what it did is paid for it twice.
    if matches!(fixture.engine.find(&first, Some(&job)), Ok(Found::Nothing)) {
        return broken(
            promise,
            "asked for a draw that it has done, it says that it has none",
        );
    }
    Ok(drafts)
}

fn a_draw_repeats(fixture: &Fixture<'_>, drafts: &[Draft]) -> Result<(), Broken> {
    if fixture.engine.card().repeats == crate::card::Repeats::Never {
        return Ok(());
    }
    let promise = "the same draw has the same bytes";
    let (_, state) = run(fixture, fixture.another, order(fixture, &fixture.good, "repeat")?)?;
    let JobState::Done(again) = state else {
        return broken(promise, format!("{state:?}"));
    };
    if again.len() != drafts.len() {
        return broken(promise, format!("{} outputs, then {}", drafts.len(), again.len()));
    }
    for (a, b) in drafts.iter().zip(&again) {
        if a.facts != b.facts || a.files.len() != b.files.len() {
            return broken(promise, "the facts or the list of files differ");
        }
        for (x, y) in a.files.iter().zip(&b.files) {
            if std::fs::read(&x.path).ok() != std::fs::read(&y.path).ok() {
                return broken(promise, format!("{} of frame {:?} differs", x.role, x.frame));
            }
        }
    }
    Ok(())
}

fn the_take_opens(fixture: &Fixture<'_>, drafts: &[Draft]) -> Result<(), Broken> {
    let promise = "a take opens and gives its frames";
    let first = order(fixture, &fixture.good, "once")?;
    for draft in drafts {
        let (manifest, files) = crate::take::manifest_of(&fixture.good, first.draw, draft)
            .or_else(|e| broken(promise, e.to_string()))?;
        let inputs = Arc::new(WithFiles {
            files,
            below: fixture.inputs.clone(),
        });
        let take = fixture
            .another
            .open(&manifest, inputs)
            .or_else(|e| broken(promise, e.to_string()))?;
        if take.size() != draft.size || take.frames() != draft.frames {
            return broken(promise, "another size or length");
        }
        for n in 0..take.frames() {
            let frame = take.frame(n).or_else(|e| broken(promise, e.to_string()))?;
            if frame.width() != draft.size.width || frame.height() != draft.size.height {
                return broken(promise, format!("frame {n} has another size"));
            }
            if frame.pixels().iter().flatten().any(|v| !v.is_finite()) {
                return broken(promise, format!("frame {n} holds a value that is no number"));
            }
        }
        if take.frame(take.frames()).is_ok() {
            return broken(promise, "there is a frame past the end");
        }
        let shares = take.shares().or_else(|e| broken(promise, e.to_string()))?;
        let sum: f64 = shares.iter().map(|s| s.share).sum();
        if !shares.is_empty() && (sum - 1.0).abs() > 1e-6 {
            return broken("shares add up to the whole", format!("{sum}"));
        }
        if let Some(stranger) = shares.iter().find(|s| !fixture.good.sources.contains(&s.source)) {
            return broken(
                "only sources that were given have a share",
                stranger.source.to_string(),
            );
        }
    }
    Ok(())
}

/// Inputs that also know the files of a draft that is not in a vault yet.
struct WithFiles {
    files: Vec<(heirloom_vault::ObjectId, PathBuf)>,
    below: Arc<dyn Inputs>,
}

impl Inputs for WithFiles {
    fn read(&self, object: &heirloom_vault::ObjectId) -> Result<Vec<u8>, crate::job::Failure> {
        match self.files.iter().find(|(id, _)| id == object) {
            Some((_, path)) => std::fs::read(path)
                .map_err(|e| crate::job::Failure::lasting("input", format!("{}: {e}", path.display()))),
            None => self.below.read(object),
        }
    }

    fn path(&self, object: &heirloom_vault::ObjectId) -> Result<PathBuf, crate::job::Failure> {
        match self.files.iter().find(|(id, _)| id == object) {
            Some((_, path)) => Ok(path.clone()),
            None => self.below.path(object),
        }
    }
}

fn cancel_within_a_second(fixture: &Fixture<'_>) -> Result<(), Broken> {
    let promise = "a job stops within a second of being told to";
    let long = order(fixture, &fixture.long, "cancel")?;
    let job = fixture
        .engine
        .submit(long)
        .or_else(|e| broken(promise, e.to_string()))?;
    std::thread::sleep(Duration::from_millis(300));
    let told = Instant::now();
    fixture
        .engine
        .cancel(&job)
        .or_else(|e| broken(promise, e.to_string()))?;
    loop {
        let state = fixture
            .engine
            .poll(&job)
            .or_else(|e| broken(promise, e.to_string()))?;
        match state {
            JobState::Cancelled => break,
            state if state.is_final() => return broken(promise, format!("it became {state:?}")),
            _ if told.elapsed() > Duration::from_secs(1) => {
                return broken(promise, format!("still {state:?} after {:?}", told.elapsed()));
            }
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    // Stopping what is over changes nothing.
    fixture
        .engine
        .cancel(&job)
        .or_else(|e| broken(promise, e.to_string()))?;
    match fixture.engine.poll(&job) {
        Ok(JobState::Cancelled) => Ok(()),
        other => broken(promise, format!("cancelled twice it became {other:?}")),
    }
}

fn failure_leaves_nothing(fixture: &Fixture<'_>) -> Result<(), Broken> {
    let promise = "a missing source is a failure that leaves nothing behind";
    let Some(request) = &fixture.broken else {
        return Ok(());
    };
    let bad = order(fixture, request, "failure")?;
    let (_, state) = run(fixture, fixture.engine, bad.clone())?;
    let JobState::Failed(failure) = state else {
        return broken(promise, format!("{state:?}"));
    };
    if failure.message.is_empty() || failure.code.is_empty() {
        return broken("a failure says what went wrong", format!("{failure:?}"));
    }
    if newest(&bad.work).is_some() {
        return broken(promise, format!("files lie in {}", bad.work.display()));
    }
    Ok(())
}

fn refusal_is_not_failure(fixture: &Fixture<'_>) -> Result<(), Broken> {
    let promise = "a policy's no is a refusal with its grounds, and leaves nothing behind";
    let Some(request) = &fixture.refused else {
        return Ok(());
    };
    let refused = order(fixture, request, "refusal")?;
    let (_, state) = run(fixture, fixture.engine, refused.clone())?;
    match state {
        JobState::Refused(refusal) if !refusal.grounds.is_empty() && newest(&refused.work).is_none() => {
            Ok(())
        }
        other => broken(promise, format!("{other:?}")),
    }
}

fn an_unknown_job_is_gone(fixture: &Fixture<'_>) -> Result<(), Broken> {
    match fixture.engine.poll(&JobId("a job nobody submitted".into())) {
        Ok(JobState::Gone) => Ok(()),
        other => broken("an unknown job is gone", format!("{other:?}")),
    }
}

/// The newest change below a folder; none where it holds no file.
fn newest(folder: &Path) -> Option<std::time::SystemTime> {
    let mut last = None;
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        let time = if path.is_dir() {
            newest(&path)
        } else {
            entry.metadata().ok().and_then(|m| m.modified().ok())
        };
        last = last.max(time);
    }
    last
}
