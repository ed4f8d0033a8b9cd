//! Drawing what a plan lacks: queue, workers, acts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use heirloom_engine::{
    Draft, Draw, Engine, Engines, Failure, Inputs, JobState, Order, Progress, Request, manifest_of,
};
use heirloom_vault::{Actor, NewAct, ObjectId, Vault, VaultError, Verb};

use crate::event::{Event, Observer};
use crate::guides::Handed;
use crate::plan::{Plan, Planned, Work};
use crate::queue::{Job, Leased, Queue, QueueError};
use crate::takes::{self, TakeError, request_subject};

const LEASE_MS: i64 = 60_000;
const POLL: Duration = Duration::from_millis(40);
const RENEW_EVERY: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;

/// What is needed to draw a plan.
pub struct Drawing<'a> {
    /// The plan, without objections.
    pub plan: &'a Plan,
    /// The film's vault.
    pub vault: Arc<Vault>,
    /// The engines plugged in.
    pub engines: &'a Engines,
    /// The film's work folder.
    pub work: &'a Path,
    /// Who asked for it.
    pub by: Actor,
    /// Draws at a time. The weightless engine uses every core for one draw, so one is best for it.
    pub workers: usize,
    /// Set to stop; workers let go of their jobs within a second or so.
    pub stop: &'a AtomicBool,
    /// Who shows what happens.
    pub observer: &'a dyn Observer,
}

/// What came of drawing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Every shot's take, in the plan's order; none for plates and for what is not finished.
    pub takes: Vec<Option<ObjectId>>,
    /// Draws finished now.
    pub drawn: u32,
    /// Draws that were there already.
    pub kept: u32,
    /// Shots that engines refused or that failed, with the words.
    pub failed: Vec<(String, String)>,
    /// Whether the work was stopped on demand.
    pub stopped: bool,
}

/// Drawing broke off. What was finished is in the vault, what was under way is in the work folder.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The plan has objections, so nothing was made.
    #[error("{0} shots can not be made as planned; nothing was drawn")]
    Objections(usize),
    /// The vault's or the ledger's words.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A take could not be read.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// The queue's words.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A folder could not be written.
    #[error(
        "{path} could not be written: {source}; check the disk and the folder's permissions, then run again to go on"
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Draw every take that the plan needs and the ledger does not hold.
///
/// A stop on demand, a crash or an error loses nothing: run again, it goes on.
///
/// # Errors
/// See [`DrawError`]. One shot's failure is not an error: it stands in the [`Outcome`], the others go on.
pub fn draw_all(drawing: &Drawing<'_>) -> Result<Outcome, DrawError> {
    let plan = drawing.plan;
    if !plan.objections.is_empty() {
        return Err(DrawError::Objections(plan.objections.len()));
    }
    let draws = drawing.work.join("draws");
    std::fs::create_dir_all(&draws).map_err(|source| DrawError::Io {
        path: draws.clone(),
        source,
    })?;
    let queue = Queue::open(&drawing.work.join("queue.sqlite"))?;
    queue.reclaim()?;

    let mut outcome = Outcome::default();
    let mut missing: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, planned) in plan.shots.iter().enumerate() {
        let Work::Draw { id, .. } = &planned.work else {
            continue;
        };
        let draw = Draw { request: *id, n: 0 };
        if takes::drawn(&drawing.vault, &draw)?.is_some() {
            outcome.kept += 1;
            drawing.observer.event(index, Event::Kept);
            forget(&draws.join(draw.to_string()));
        } else {
            missing.entry(draw.to_string()).or_default().push(index);
        }
    }
    queue.withdraw_all_but(&missing.keys().cloned().collect::<Vec<_>>())?;
    for (draw, shots) in &missing {
        let Some(&first) = shots.iter().min() else {
            continue;
        };
        queue.offer(&Job {
            draw: draw.clone(),
            kind: "generate".into(),
            shot: plan.shots[first].label(),
            position: first as u32,
        })?;
        shots
            .iter()
            .for_each(|&index| drawing.observer.event(index, Event::Queued));
    }

    let floor = Floor {
        drawing,
        queue: &queue,
        missing: &missing,
        draws: &draws,
        state: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for n in 0..drawing.workers.max(1) {
            let floor = &floor;
            scope.spawn(move || floor.work(&format!("{}-{n}", std::process::id())));
        }
    });
    let state = floor.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = state.broken {
        return Err(error);
    }
    outcome.drawn = state.drawn;
    outcome.failed = state.failed;
    outcome.stopped = drawing.stop.load(Ordering::Relaxed);
    for planned in &plan.shots {
        outcome.takes.push(match &planned.work {
            Work::Draw { id, .. } => {
                takes::take_of(&drawing.vault, &Draw { request: *id, n: 0 })?.map(|take| take.id)
            }
            Work::Plate { .. } => None,
        });
    }
    Ok(outcome)
}

/// Remove a work folder that is no longer needed. If that fails it is only room that is lost.
fn forget(folder: &Path) {
    if folder.exists()
        && let Err(error) = std::fs::remove_dir_all(folder)
    {
        tracing::warn!("{} could not be removed: {error}", folder.display());
    }
}

#[derive(Default)]
struct State {
    drawn: u32,
    failed: Vec<(String, String)>,
    broken: Option<DrawError>,
}

/// Where the workers stand: one queue, one vault, one list of what is wanted.
struct Floor<'a> {
    drawing: &'a Drawing<'a>,
    queue: &'a Queue,
    missing: &'a HashMap<String, Vec<usize>>,
    draws: &'a Path,
    state: Mutex<State>,
}

impl Floor<'_> {
    fn work(&self, owner: &str) {
        loop {
            if self.drawing.stop.load(Ordering::Relaxed) || self.state().broken.is_some() {
                return;
            }
            let step = self
                .queue
                .lease(owner, now_ms(), LEASE_MS)
                .map_err(DrawError::from);
            let result = match step {
                Ok(Some(leased)) => self.one(owner, &leased),
                // Nothing waits now; something may come back (a retry later, another worker's failure).
                Ok(None) => match self.queue.open_jobs() {
                    Ok(0) => return,
                    Ok(_) => {
                        std::thread::sleep(POLL);
                        Ok(())
                    }
                    Err(error) => Err(error.into()),
                },
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                self.state().broken.get_or_insert(error);
                return;
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, draw: &str, event: &Event) {
        for &index in self.missing.get(draw).into_iter().flatten() {
            self.drawing.observer.event(index, event.clone());
        }
    }

    /// One leased draw, from the act that asks for it to the act that has it.
    fn one(&self, owner: &str, leased: &Leased) -> Result<(), DrawError> {
        let name = &leased.job.draw;
        let planned = self
            .missing
            .get(name)
            .and_then(|shots| shots.iter().min())
            .map(|&i| &self.drawing.plan.shots[i]);
        let Some(planned) = planned else {
            self.queue.done(name, owner)?;
            return Ok(());
        };
        let Work::Draw { request, id } = &planned.work else {
            return Ok(());
        };
        let draw = Draw { request: *id, n: 0 };
        let engine = match self.drawing.engines.get(Some(&request.engine)) {
            Ok(engine) => engine,
            Err(failure) => return self.failed(owner, leased, failure),
        };
        if let Some(failure) = self.put_pictures(planned)? {
            return self.failed(owner, leased, failure);
        }
        self.request_act(planned, request, &draw)?;
        let inputs: Arc<dyn Inputs> = Arc::new(Handed {
            vault: self.drawing.vault.clone(),
            guides: planned.guides.clone(),
        });
        let order = Order {
            request: (**request).clone(),
            draw,
            work: self.draws.join(name),
            inputs,
        };
        let state = match self.follow(owner, name, engine.as_ref(), order) {
            Ok(state) => state,
            Err(failure) => return self.failed(owner, leased, failure),
        };
        match state {
            JobState::Done(drafts) => {
                self.keep(request, &draw, engine.as_ref(), &drafts)?;
                self.queue.done(name, owner)?;
                forget(&self.draws.join(name));
                self.state().drawn += 1;
                self.tell(name, &Event::Drawn);
            }
            JobState::Refused(refusal) => {
                let act = NewAct::new(Verb::Refused, Actor::engine(&request.engine), request_subject(id))
                    .input("request", *id)
                    .because(refusal.grounds.join("; "));
                self.drawing.vault.ledger().append(act)?;
                self.queue.fail(name, owner, &refusal.grounds.join("; "), None)?;
                self.state()
                    .failed
                    .push((planned.label(), refusal.grounds.join("; ")));
                self.tell(name, &Event::Refused(refusal.grounds));
            }
            JobState::Cancelled => {
                self.queue.release(name, owner)?;
                self.tell(name, &Event::Stopped);
            }
            JobState::Failed(failure) => self.failed(owner, leased, failure)?,
            JobState::Gone | JobState::Queued | JobState::Running(_) => self.failed(
                owner,
                leased,
                Failure::passing("gone", "the engine lost the job; it will be handed in again"),
            )?,
        }
        Ok(())
    }

    /// Puts the drawings and masks of a shot into the vault; a failure where one is no longer what was planned with.
    fn put_pictures(&self, planned: &Planned) -> Result<Option<Failure>, DrawError> {
        for picture in &planned.pictures {
            let Some(file) = &picture.file else { continue };
            if self.drawing.vault.put_file(file)?.0 != picture.object {
                return Ok(Some(Failure::lasting(
                    "input",
                    format!(
                        "{} was changed since the work began; run again to use it as it is now",
                        file.display()
                    ),
                )));
            }
        }
        Ok(None)
    }

    /// The act that stands in the ledger before anything is spent, once for each draw.
    fn request_act(&self, planned: &Planned, request: &Request, draw: &Draw) -> Result<(), DrawError> {
        let vault = &self.drawing.vault;
        let canonical = request.canonical().map_err(|e| {
            DrawError::Take(TakeError::NotATake {
                id: draw.request,
                why: e.to_string(),
            })
        })?;
        let id = vault.put_bytes(&canonical)?;
        if let Some(guides) = &planned.guides {
            vault.put_bytes(guides.manifest())?;
        }
        let filter = heirloom_vault::Filter {
            verb: Some(Verb::Requested),
            ..heirloom_vault::Filter::object(id)
        };
        if !vault.ledger().acts(&filter)?.is_empty() {
            return Ok(());
        }
        let mut act = NewAct::new(Verb::Requested, self.drawing.by.clone(), planned.subject())
            .output("request", id)
            .with_facts(serde_json::json!({
                "draw": draw.n, "engine": request.engine, "revision": request.revision, "shot": planned.label(),
                "prompt": planned.shot.prompt, "mood": planned.shot.mood,
            }));
        for source in &request.sources {
            act = act.input("source", *source);
        }
        if let Some(guides) = &request.guides {
            act = act.input("guides", *guides);
        }
        for (role, picture) in &request.pictures {
            act = act.input(role, *picture);
        }
        vault.ledger().append(act)?;
        Ok(())
    }

    /// Hand the draw in and follow it to its end, keeping the lease alive.
    fn follow(
        &self,
        owner: &str,
        name: &str,
        engine: &dyn Engine,
        order: Order,
    ) -> Result<JobState, Failure> {
        let job = engine.submit(order)?;
        let mut renewed = std::time::Instant::now();
        let mut shown = Progress::default();
        let mut stopping = false;
        loop {
            let state = engine.poll(&job)?;
            if let JobState::Running(progress) = &state {
                if *progress != shown {
                    shown = *progress;
                    self.tell(name, &Event::Progress(*progress));
                }
                if !stopping && self.drawing.stop.load(Ordering::Relaxed) {
                    stopping = true;
                    engine.cancel(&job)?;
                }
                if renewed.elapsed() > RENEW_EVERY {
                    renewed = std::time::Instant::now();
                    let ours = self
                        .queue
                        .renew(name, owner, now_ms(), LEASE_MS)
                        .map_err(|e| Failure::passing("queue", e.to_string()))?;
                    if !ours && !stopping {
                        stopping = true;
                        engine.cancel(&job)?;
                    }
                }
            }
            if state.is_final() {
                return Ok(state);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Put a draw's outputs into the vault and say so in the ledger, in that order.
    fn keep(
        &self,
        request: &Request,
        draw: &Draw,
        engine: &dyn Engine,
        drafts: &[Draft],
    ) -> Result<(), DrawError> {
        let vault = &self.drawing.vault;
        let mut act = NewAct::new(
            Verb::Drawn,
            Actor::engine(&engine.card().engine),
            request_subject(&draw.request),
        )
        .input("request", draw.request)
        .with_facts(serde_json::json!({
            "draw": draw.n, "revision": request.revision, "frames": request.frames,
        }));
        for source in &request.sources {
            act = act.input("source", *source);
        }
        for (role, picture) in &request.pictures {
            act = act.input(role, *picture);
        }
        for draft in drafts {
            let (manifest, files) = manifest_of(request, *draw, draft).map_err(|source| DrawError::Io {
                path: self.draws.join(draw.to_string()),
                source,
            })?;
            let paths: Vec<&Path> = files.iter().map(|(_, path)| path.as_path()).collect();
            for path in paths {
                vault.put_file(path)?;
            }
            act = act.output("take", vault.put_json(&manifest)?);
            for file in &manifest.files {
                act = act.output(&file.role, file.object);
            }
        }
        vault.ledger().append(act)?;
        Ok(())
    }

    fn failed(&self, owner: &str, leased: &Leased, failure: Failure) -> Result<(), DrawError> {
        let name = &leased.job.draw;
        if failure.retryable && leased.attempt < ATTEMPTS {
            let wait_ms = 500 << leased.attempt;
            self.queue
                .fail(name, owner, &failure.message, Some(now_ms() + wait_ms))?;
            self.tell(name, &Event::Retrying(failure.message));
        } else {
            self.queue.fail(name, owner, &failure.message, None)?;
            self.state()
                .failed
                .push((leased.job.shot.clone(), failure.message.clone()));
            self.tell(name, &Event::Failed(failure.message));
        }
        Ok(())
    }
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}
