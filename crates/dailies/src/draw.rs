//! Drawing what a plan lacks: queue, workers, acts.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use heirloom_engine::{
    Draft, Draw, Engine, Engines, Failure, Inputs, JobId, JobState, Order, Progress, Request, manifest_of,
};
use heirloom_vault::{Actor, LORA, NewAct, Vault, Verb};

use crate::event::{Event, Observer};
use crate::guides::Handed;
use crate::money::Entry;
use crate::money::desk::{Desk, Settled, Way};
use crate::outcome::{DrawError, Outcome, told};
use crate::plan::{Plan, Planned, Work};
use crate::queue::{Job, Leased, Queue, SqliteQueue};
use crate::takes::{self, TakeError, request_subject};
use crate::trained;
use crate::worker::{Beat, Broken, Ended, Handler, Worker};

/// The kind of job that draws a take.
pub const GENERATE: &str = "generate";
const POLL: Duration = Duration::from_millis(40);

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

/// Draw every take that the plan needs and the ledger does not hold.
///
/// A stop on demand, a crash or an error loses nothing: run again, it goes on. Processes that [`help_draw`] the same plan meanwhile
/// take jobs of the same queue.
///
/// # Errors
/// See [`DrawError`]. One shot's failure is not an error: it stands in the [`Outcome`], the others go on.
pub fn draw_all(drawing: &Drawing<'_>) -> Result<Outcome, DrawError> {
    let (floor, queue) = Floor::lay_out(drawing)?;
    let owners = floor.owners.clone();
    queue.reclaim(|owner| is_dead(&owners, owner))?;
    queue.withdraw_all_but(&floor.missing.keys().cloned().collect::<Vec<_>>())?;
    let mut jobs = Vec::new();
    for (draw, shots) in &floor.missing {
        let Some((first, planned)) = shots
            .iter()
            .min()
            .and_then(|n| Some((*n, drawing.plan.shots.get(*n)?)))
        else {
            continue;
        };
        jobs.push(Job {
            draw: draw.clone(),
            kind: GENERATE.into(),
            shot: planned.label(),
            priority: planned.asked.priority,
            position: u32::try_from(first).unwrap_or(u32::MAX),
        });
        shots
            .iter()
            .for_each(|&index| drawing.observer.event(index, Event::Queued));
    }
    queue.enqueue(&jobs)?;
    floor.work(&queue)?;
    let state = std::mem::take(&mut *floor.state());
    let mut outcome = Outcome {
        drawn: state.drawn,
        kept: floor.kept,
        failed: state.failed,
        held: 0,
        stopped: drawing.stop.load(Ordering::Relaxed),
        takes: Vec::new(),
    };
    for held in queue.held()? {
        outcome.held += 1;
        if !outcome.failed.iter().any(|(_, why)| *why == held.why) {
            outcome.failed.push((held.job.shot, held.why));
        }
    }
    for planned in &drawing.plan.shots {
        outcome.takes.push(match &planned.work {
            Work::Draw { id, .. } => {
                takes::take_of(&drawing.vault, &Draw { request: *id, n: 0 })?.map(|take| take.id)
            }
            Work::Plate { .. } => None,
        });
    }
    Ok(outcome)
}

/// Works at what [`draw_all`] of another process has queued, until nothing of it waits. Says how many takes it drew.
///
/// # Errors
/// See [`DrawError`].
pub fn help_draw(drawing: &Drawing<'_>) -> Result<u32, DrawError> {
    let (floor, queue) = Floor::lay_out(drawing)?;
    floor.work(&queue)?;
    let drawn = floor.state().drawn;
    Ok(drawn)
}

/// Whether the process that calls itself so is no more. Every process holds a lock on a file of its name while it works, which
/// the system lets go of however it ends.
fn is_dead(owners: &Path, owner: &str) -> bool {
    let process = owner.split('-').next().unwrap_or_default();
    if process == std::process::id().to_string() {
        return false;
    }
    let path = owners.join(process);
    match OpenOptions::new().write(true).open(&path) {
        Ok(file) => match file.try_lock() {
            Ok(()) => {
                // Nobody can be waiting for it.
                let _ = std::fs::remove_file(&path);
                true
            }
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(_)) => true,
        },
        Err(_) => true,
    }
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
}

/// Where the workers stand: one vault, one list of what is wanted.
struct Floor<'a> {
    drawing: &'a Drawing<'a>,
    missing: HashMap<String, Vec<usize>>,
    kept: u32,
    draws: PathBuf,
    owners: PathBuf,
    /// Locked while this process works.
    _owner: File,
    desk: Desk<'a>,
    state: Mutex<State>,
}

impl Drop for Floor<'_> {
    fn drop(&mut self) {
        // A file of a process that is no more says the same as none.
        let _ = std::fs::remove_file(self.owners.join(std::process::id().to_string()));
    }
}

impl<'a> Floor<'a> {
    /// Finds what is missing, and opens the queue.
    fn lay_out(drawing: &'a Drawing<'a>) -> Result<(Self, SqliteQueue), DrawError> {
        let plan = drawing.plan;
        if !plan.objections.is_empty() {
            return Err(DrawError::Objections(plan.objections.len()));
        }
        let (draws, owners) = (drawing.work.join("draws"), drawing.work.join("workers"));
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| DrawError::Io { path, source }
        };
        for folder in [&draws, &owners] {
            std::fs::create_dir_all(folder).map_err(io(folder))?;
        }
        let own = owners.join(std::process::id().to_string());
        let owner = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&own)
            .map_err(io(&own))?;
        // Taken only by a second drawing of this same process, which is as alive.
        let _ = owner.try_lock();
        let queue = SqliteQueue::open(&drawing.work.join("queue.sqlite"))?;
        let (mut missing, mut kept): (HashMap<String, Vec<usize>>, u32) = (HashMap::new(), 0);
        let held = takes::held(&drawing.vault)?;
        for (index, planned) in plan.shots.iter().enumerate() {
            let Work::Draw { id, .. } = &planned.work else {
                continue;
            };
            let draw = Draw { request: *id, n: 0 };
            if held.contains(&draw) {
                kept += 1;
                drawing.observer.event(index, Event::Kept);
                forget(&draws.join(draw.to_string()));
            } else {
                missing.entry(draw.to_string()).or_default().push(index);
            }
        }
        let floor = Self {
            drawing,
            missing,
            kept,
            draws,
            owners,
            _owner: owner,
            desk: Desk::open(&drawing.vault, &plan.caps, &drawing.by)?,
            state: Mutex::default(),
        };
        Ok((floor, queue))
    }

    fn work(&self, queue: &SqliteQueue) -> Result<(), DrawError> {
        let handlers: BTreeMap<&str, &dyn Handler> = BTreeMap::from([(GENERATE, self as &dyn Handler)]);
        let broken = Mutex::new(None);
        // One worker's trouble (a full disk) is all workers' trouble.
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for n in 0..self.drawing.workers.max(1) {
                let (handlers, broken, over) = (&handlers, &broken, &over);
                scope.spawn(move || {
                    let worker = Worker {
                        queue,
                        handlers,
                        owner: &format!("{}-{n}", std::process::id()),
                        stop: &[self.drawing.stop, over],
                    };
                    if let Err(error) = worker.work() {
                        over.store(true, Ordering::Relaxed);
                        broken
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .get_or_insert(error);
                    }
                });
            }
        });
        match broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(error) => Err(told(error)),
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
    fn one(&self, leased: &Leased, beat: &Beat<'_>) -> Result<Ended, DrawError> {
        let name = &leased.job.draw;
        let planned = self
            .missing
            .get(name)
            .and_then(|shots| shots.iter().min())
            .and_then(|&i| self.drawing.plan.shots.get(i));
        let Some(planned) = planned else {
            // Another's order, or a plan from before: not for this worker.
            return Ok(Ended::Released);
        };
        let Work::Draw { request, id } = &planned.work else {
            return Ok(Ended::Done);
        };
        let draw = Draw { request: *id, n: 0 };
        let Some(_hold) = self.hold(name)? else {
            return Ok(Ended::Released);
        };
        // A worker that died between the ledger and the queue has done it. Asked under the hold: who had it before has ended.
        if takes::drawn(&self.drawing.vault, &draw)?.is_some() {
            self.clear(name);
            return Ok(Ended::Done);
        }
        let engine = match self.drawing.engines.get(Some(&request.engine)) {
            Ok(engine) => engine,
            Err(failure) => return Ok(self.failed(leased, failure)),
        };
        if let Some(failure) = self.put_pictures(planned)? {
            return Ok(self.failed(leased, failure));
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
        let engine = engine.as_ref();
        let handed = match self.desk.before(planned, engine, &order)? {
            Way::Free => engine.submit(order).map(|job| (job, None)),
            Way::Paid(entry) => {
                let handed = self.desk.hand_in(&entry, engine, order)?;
                handed.map(|job| (job, Some(entry)))
            }
            Way::Found(entry, job) => Ok((job, Some(entry))),
            Way::Held(why) => {
                self.tell(name, &Event::Stopped);
                return Ok(Ended::Held(why));
            }
            Way::Aside(why) => Err(Failure::lasting("paid", why)),
            Way::Later(failure) => Err(failure),
        };
        let (job, paid) = match handed {
            Ok(handed) => handed,
            Err(failure) => return Ok(self.failed(leased, failure)),
        };
        let leave = paid.is_some() && !engine.card().local;
        let state = match self.follow(name, (engine, &job, leave), beat) {
            Ok(Some(state)) => state,
            Ok(None) => {
                self.tell(name, &Event::Stopped);
                return Ok(Ended::Released);
            }
            Err(failure) => return Ok(self.failed(leased, failure)),
        };
        let mut no = match &state {
            JobState::Refused(refusal) => {
                let act = NewAct::new(Verb::Refused, Actor::engine(&request.engine), request_subject(id))
                    .input("request", *id)
                    .because(refusal.grounds.join("; "));
                Some(act)
            }
            _ => None,
        };
        if let (Some(entry), false) = (&paid, matches!(state, JobState::Done(_))) {
            let over = (engine, &job, &state);
            match self.desk.ended(entry, over, no.take())? {
                Settled::Free => {}
                Settled::Paid(why) => return Ok(self.failed(leased, Failure::lasting("paid", why))),
                Settled::Later(failure) => return Ok(self.failed(leased, failure)),
            }
        }
        Ok(match state {
            JobState::Done(drafts) => {
                self.keep(request, &draw, (engine, &job), &drafts, paid.as_ref())?;
                self.clear(name);
                self.state().drawn += 1;
                self.tell(name, &Event::Drawn);
                Ended::Done
            }
            JobState::Refused(refusal) => {
                self.drawing
                    .vault
                    .ledger()
                    .append_many(no.into_iter().collect())?;
                let why = refusal.grounds.join("; ");
                self.state().failed.push((planned.label(), why.clone()));
                self.tell(name, &Event::Refused(refusal.grounds));
                Ended::Failed(why)
            }
            JobState::Cancelled => {
                self.tell(name, &Event::Stopped);
                Ended::Released
            }
            JobState::Failed(failure) => self.failed(leased, failure),
            JobState::Gone | JobState::Queued | JobState::Running(_) => self.failed(
                leased,
                Failure::passing("gone", "the engine lost the job; it will be handed in again"),
            ),
        })
    }

    /// The draw's work folder for this worker alone; `None` while another is still in it, whose lease ran out but who lives.
    fn hold(&self, name: &str) -> Result<Option<File>, DrawError> {
        let path = self.owners.join(format!("{name}.lock"));
        let io = |source| DrawError::Io {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Removes a finished draw's work folder, and its lock: who waits for that finds in the ledger that it is drawn.
    fn clear(&self, name: &str) {
        forget(&self.draws.join(name));
        // Only an empty file is left behind where this fails.
        let _ = std::fs::remove_file(self.owners.join(format!("{name}.lock")));
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
        act = planned.asked.told(act);
        for source in &request.sources {
            act = act.input("source", *source);
        }
        for lora in trained::loras_of(vault, request)? {
            act = act.input(LORA, lora.object);
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

    /// Follow a draw to its end, keeping the lease alive. On a stop, one that may be left is left with its engine, which goes on
    /// with it: none then. Its outcome, which is paid for, is taken by the next run.
    fn follow(
        &self,
        name: &str,
        (engine, job, leave): (&dyn Engine, &JobId, bool),
        beat: &Beat<'_>,
    ) -> Result<Option<JobState>, Failure> {
        let mut shown = Progress::default();
        let mut stopping = false;
        loop {
            let state = engine.poll(job)?;
            if let JobState::Running(progress) = &state
                && *progress != shown
            {
                shown = *progress;
                self.tell(name, &Event::Progress(*progress));
            }
            if !state.is_final() {
                let ours = beat
                    .alive()
                    .map_err(|e| Failure::passing("queue", e.to_string()))?;
                if !stopping && !ours {
                    stopping = true;
                    if leave && self.drawing.stop.load(Ordering::Relaxed) {
                        return Ok(None);
                    }
                    engine.cancel(job)?;
                }
            }
            if state.is_final() {
                return Ok(Some(state));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Put a draw's outputs into the vault and say so in the ledger, in that order.
    fn keep(
        &self,
        request: &Request,
        draw: &Draw,
        (engine, job): (&dyn Engine, &JobId),
        drafts: &[Draft],
        paid: Option<&Entry>,
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
        let mut acts = Vec::new();
        if let Some(entry) = paid {
            let (settled, usd) = self.desk.finished(entry, engine, job);
            act.facts["cost_usd"] = usd.map(heirloom_film::Usd::dollars).into();
            acts.push(settled);
        }
        acts.push(act);
        self.desk.write(acts)?;
        Ok(())
    }

    /// How a failure ends a job. One that may pass is told of when it is known whether it is tried again.
    fn failed(&self, leased: &Leased, failure: Failure) -> Ended {
        if failure.retryable {
            return Ended::Retry(failure.message);
        }
        self.retried(leased, &failure.message, false);
        Ended::Failed(failure.message)
    }
}

impl Handler for Floor<'_> {
    fn run(&self, leased: &Leased, beat: &Beat<'_>) -> Result<Ended, Broken> {
        Ok(self.one(leased, beat)?)
    }

    fn retried(&self, leased: &Leased, why: &str, again: bool) {
        let name = &leased.job.draw;
        if again {
            self.tell(name, &Event::Retrying(why.to_owned()));
        } else {
            self.state()
                .failed
                .push((leased.job.shot.clone(), why.to_owned()));
            self.tell(name, &Event::Failed(why.to_owned()));
        }
    }
}
