//! `heirloom takes SHOT --count N`, `watch` and `queue`: many takes of one shot.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use heirloom_dailies::money::{Account, Caps, accounts, estimate};
use heirloom_dailies::variants::{Matter, Spread, film_of};
use heirloom_dailies::{
    Drawing, Lock, Plan, Silent, SqliteQueue, Work, draw_all, help_draw, takes as dailies,
};
use heirloom_engine::{Draw, Engines};
use heirloom_film::{Kind, Shot, SourceCall, Usd};
use heirloom_style::style::Styles;
use heirloom_vault::{Actor, ObjectId, Vault};

use crate::args::{Queue as QueueCommand, Takes as Options, Watch};
use crate::cut::sources;
use crate::show::Show;
use crate::{Ended, INTERRUPTED, make, open, reports, takes};

/// Between two looks at the queue.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Times a process that ends before its time is started again, for each of those asked for.
const RESTARTS: u32 = 20;

/// Draw variations of one shot.
pub fn draw(
    folder: &Path,
    engines: &Engines,
    (options, wanted, count): (&Options, &str, u32),
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let spread = &options.spread;
    make::threads(spread.threads)?;
    let vault = open::vault(folder)?;
    let lock = if spread.hand || spread.dry_run {
        None
    } else {
        Some(Lock::acquire(folder)?)
    };
    let plan = planned(folder, engines, &vault, (options, wanted, count), show)?;
    if !plan.objections.is_empty() {
        return Err(make::objections(&plan, show));
    }
    let work = open::work(folder);
    open::make_folder(&work)?;
    let drawing = Drawing {
        plan: &plan,
        vault: vault.clone(),
        engines,
        work: &work,
        by: Actor::person_here(),
        workers: 1,
        stop,
        observer: &Silent,
    };
    if spread.hand {
        help_draw(&drawing)?;
        return Ok(());
    }
    let held = dailies::held(&vault)?;
    let mut draws: Vec<Draw> = plan
        .shots
        .iter()
        .filter_map(|planned| match &planned.work {
            Work::Draw { id, .. } => Some(Draw { request: *id, n: 0 }),
            Work::Plate { .. } => None,
        })
        .collect();
    anyhow::ensure!(
        !draws.is_empty(),
        "{wanted} is a plate: a clip as it was shot; there is nothing to draw"
    );
    draws.sort_unstable();
    draws.dedup();
    let missing = draws.iter().filter(|draw| !held.contains(draw)).count();
    tell(&plan, (draws.len(), missing), (&vault, engines), options, show)?;
    if spread.dry_run || missing == 0 {
        return Ok(());
    }
    if spread.background {
        drop(lock);
        return background(&work, show);
    }
    let over = AtomicBool::new(false);
    let queue = SqliteQueue::open(&work.join("queue.sqlite"))?;
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| follow(&vault, &draws, (draws.len(), missing), (&over, stop), show));
        scope.spawn(|| hands(spread.workers - 1, &queue, (&over, stop), show));
        let outcome = draw_all(&drawing);
        over.store(true, Ordering::Relaxed);
        outcome
    })?;
    for poison in queue.poison()? {
        show.error(&format!(
            "{}: {} (tried {} times)",
            poison.job.shot, poison.why, poison.attempts
        ));
    }
    if outcome.held > 0 {
        for (_, why) in &outcome.failed {
            show.error(why);
        }
        show.note(&format!(
            "{} wait for the budget: `heirloom budget` shows it; raise the cap in film.toml and run the same command again.",
            reports::count(usize::try_from(outcome.held).unwrap_or(usize::MAX), "draw")
        ));
    }
    if outcome.stopped || stop.load(Ordering::Relaxed) {
        show.note("Stopped. Nothing is lost: the same command goes on from here.");
        return Err(Ended::Said(INTERRUPTED).into());
    }
    let there = outcome.takes.iter().flatten().count();
    show.say(&format!(
        "{there} of {} takes are there; `heirloom takes {wanted}` lists them.",
        plan.shots.len()
    ));
    if outcome.failed.is_empty() && there == plan.shots.len() {
        Ok(())
    } else {
        Err(Ended::Said(1).into())
    }
}

/// Styles as what a shot is made of.
fn matters(vault: &Vault, shot: &Shot, wanted: &str, names: &[String]) -> anyhow::Result<Vec<Matter>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    anyhow::ensure!(
        matches!(
            shot.kind,
            Kind::Living { .. } | Kind::Still { .. } | Kind::Style { .. } | Kind::Guided { .. }
        ),
        "{wanted} is a shot of kind {}, which is not made of sources of one's choice, so that no style can take their place; leave \
         --style out",
        shot.kind.word()
    );
    let styles = Styles::new(vault);
    let names_of = sources(vault)?;
    let mut matters = Vec::new();
    for name in names {
        let held = styles.get(name)?;
        let mut calls = Vec::new();
        for exemplar in &held.style.exemplars {
            let known = names_of.get(exemplar).with_context(|| {
                format!(
                    "a photograph of the style {held} ({}) is no longer in the archive; make the style again, or leave it out",
                    exemplar.short()
                )
            })?;
            calls.push(SourceCall::parse(&format!("archive:{}", known.name))?);
        }
        matters.push(Matter {
            style: held.id,
            sources: calls,
        });
    }
    Ok(matters)
}

/// The shot's variations, as a plan of their own.
fn planned(
    folder: &Path,
    engines: &Engines,
    vault: &Vault,
    (options, wanted, count): (&Options, &str, u32),
    show: &Show,
) -> anyhow::Result<Plan> {
    let film = if options.spread.hand || options.spread.dry_run {
        open::film(folder, show)?
    } else {
        make::film(folder, None, show)?
    };
    let (scene, shot) = takes::among(&film, wanted)?;
    let words = &options.spread;
    anyhow::ensure!(
        (words.from.is_empty() && words.to.is_empty())
            || matches!(shot.kind, Kind::Becoming { .. } | Kind::Between { .. }),
        "{wanted} is a shot of kind {}, which has no keyframes: --from and --to are for shots that become something, or go between \
         two stills",
        shot.kind.word()
    );
    let spread = Spread {
        prompts: words.prompt.clone(),
        engines: words.engine.clone(),
        styles: matters(vault, shot, wanted, &words.style)?,
        from: words.from.clone(),
        to: words.to.clone(),
        finish: words.finish,
        scale: words.scale,
        seed: words.seed,
    };
    let variants = spread.shots(shot, words.first, count)?;
    let varied = film_of(&film, &scene.name, &variants);
    let how = make::Planning {
        keep: true,
        explain: false,
    };
    let mut plan = make::planned(folder, &varied, vault, engines, how, show)?;
    let parent: Option<ObjectId> = match &words.parent {
        Some(digits) => Some(dailies::find(vault, digits)?.map_err(|why| anyhow::anyhow!("{why}"))?),
        None => None,
    };
    for (planned, variant) in plan.shots.iter_mut().zip(variants) {
        planned.asked = variant.asked;
        planned.asked.parent = parent;
        planned.asked.note.clone_from(&words.note);
        planned.asked.priority = words.priority;
    }
    // All say the same of one shot.
    plan.objections.truncate(3);
    Ok(plan)
}

/// What would be drawn, what is there, and what it takes.
fn tell(
    plan: &Plan,
    (all, missing): (usize, usize),
    (vault, engines): (&Vault, &Engines),
    options: &Options,
    show: &Show,
) -> anyhow::Result<()> {
    let label = plan
        .shots
        .first()
        .map(heirloom_dailies::Planned::label)
        .unwrap_or_default();
    let seconds = dailies::usual_seconds(vault, &label)?;
    let estimate = estimate(plan, engines, vault)?;
    if options.json {
        show.say(&serde_json::to_string_pretty(&serde_json::json!({
            "shot": label, "takes": all, "there": all - missing, "to_draw": missing,
            "seconds_each": seconds, "cost": estimate.usd(), "estimate": estimate,
        }))?);
        return Ok(());
    }
    let time = match seconds {
        Some(seconds) => format!(
            ", about {} by what the shot's takes took",
            clock(seconds * missing as f64)
        ),
        None => String::new(),
    };
    let free = estimate.usd() == Usd::ZERO && estimate.unpriced() == 0 && estimate.stops.is_empty();
    show.say(&format!(
        "{label}: {all} takes, {} there already, {missing} to draw{time}{}",
        all - missing,
        if free { "; this engine costs nothing." } else { "." }
    ));
    if !free {
        show.say(estimate.to_string().trim_end());
    }
    Ok(())
}

/// Hours, minutes and seconds, as far as they matter.
fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// A bar of what is there, by whichever process.
fn follow(
    vault: &Vault,
    draws: &[Draw],
    (all, missing): (usize, usize),
    (over, stop): (&AtomicBool, &AtomicBool),
    show: &Show,
) {
    let bar = show.bar("takes", all as u64, "takes");
    let mut last = all - missing;
    while !over.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
        if let Ok(held) = dailies::held(vault) {
            last = draws.iter().filter(|draw| held.contains(draw)).count().max(last);
        }
        bar.at(last as u64, all as u64);
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Starts processes that draw too, and starts them again when they end before the work does.
fn hands(count: u32, queue: &SqliteQueue, (over, stop): (&AtomicBool, &AtomicBool), show: &Show) {
    let start = || -> anyhow::Result<Child> {
        Command::new(std::env::current_exe()?)
            .args(std::env::args_os().skip(1))
            .arg("--hand")
            .stdout(Stdio::null())
            .spawn()
            .context("a second process could not be started")
    };
    let waits = || queue.counts(None).is_ok_and(|counts| counts.queued > 0);
    let mut children: Vec<Option<Child>> = (0..count).map(|_| None).collect();
    let mut starts = count + RESTARTS * count;
    while !over.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
        for child in &mut children {
            if let Some(running) = child {
                let Ok(Some(_)) = running.try_wait() else { continue };
                // What it had waits again at once, and not only when its lease has run out.
                let own = format!("{}-", running.id());
                if let Err(error) = queue.reclaim(|owner| owner.starts_with(&own)) {
                    show.note(&error.to_string());
                }
                *child = None;
            }
            if starts > 0 && waits() {
                starts -= 1;
                match start() {
                    Ok(started) => *child = Some(started),
                    Err(error) => show.note(&format!("{error:#}")),
                }
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // They let go of their draws by themselves: by Ctrl-C, which reaches all, or as nothing waits any more.
    let patience = Instant::now();
    for child in children.iter_mut().flatten() {
        while patience.elapsed() < Duration::from_secs(10) && child.try_wait().ok().flatten().is_none() {
            std::thread::sleep(Duration::from_millis(50));
        }
        if child.try_wait().ok().flatten().is_none() {
            show.note("A process that drew too did not end by itself; it is ended now, and its draw goes on the next time.");
            // It may have ended just now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts the same command in a process of its own, which no closed terminal ends.
fn background(work: &Path, show: &Show) -> anyhow::Result<()> {
    let path = work.join("takes.log");
    let words = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("{} could not be written", path.display()))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(std::env::args_os().skip(1).filter(|word| word != "--background"))
        .stdin(Stdio::null())
        .stdout(words.try_clone()?)
        .stderr(words);
    // A group of its own: neither Ctrl-C here nor the end of this terminal's shell is sent there.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().context("a second process could not be started")?;
    show.say(&format!(
        "Drawing in process {}, whatever becomes of this terminal. `heirloom watch` shows how far it is, {} has its words, \
         `heirloom queue cancel` ends it.",
        child.id(),
        path.display()
    ));
    Ok(())
}

/// What was spent, where anything was or there is a cap; the amounts are the ledger's, so those of every process.
fn spend(vault: &Vault, caps: &Caps) -> anyhow::Result<Option<Account>> {
    let film = accounts(vault, caps)?.film;
    Ok((film.draws > 0 || film.cap.is_some()).then_some(film))
}

/// How far the queue is, again and again.
pub fn watch(folder: &Path, options: &Watch, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let queue = queue(folder)?;
    let vault = open::vault(folder)?;
    // A film file that is being written to must not end the watch: without it there are no caps to tell of.
    let caps = open::film(folder, &Show::silent()).map_or_else(|_| Caps::default(), |film| Caps::of(&film));
    let before = queue.counts(None)?;
    let began = Instant::now();
    loop {
        let counts = queue.counts(None)?;
        let money = spend(&vault, &caps)?;
        if options.json {
            show.say(&serde_json::to_string_pretty(&serde_json::json!({
                "queued": counts.queued, "under_way": counts.leased, "done": counts.done, "failed": counts.failed,
                "paused": queue.is_paused()?, "money": money,
            }))?);
            return Ok(());
        }
        let mut line = format!(
            "{} wait, {} under way, {} done, {} failed",
            counts.queued, counts.leased, counts.done, counts.failed
        );
        let done = counts.done.saturating_sub(before.done);
        if done > 0 {
            let rate = done as f64 / began.elapsed().as_secs_f64();
            let left = (counts.queued + counts.leased) as f64 / rate;
            line += &format!("; {:.1} a minute, {} left", rate * 60.0, clock(left));
        }
        if let Some(money) = money {
            line += &format!("; {} spent, {} reserved", money.spent, money.reserved);
            if let Some(left) = money.left {
                line += &format!(", {left} left");
            }
        }
        if queue.is_paused()? {
            line += "; paused: heirloom queue resume";
        }
        show.say(&line);
        if options.once || counts.queued + counts.leased == 0 || stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// Pause, resume, cancel, failed.
pub fn manage(folder: &Path, command: &QueueCommand, show: &Show) -> anyhow::Result<()> {
    let queue = queue(folder)?;
    match command {
        QueueCommand::Pause => {
            queue.pause()?;
            show.say(
                "Paused: what is under way goes on, nothing new is begun. heirloom queue resume goes on.",
            );
        }
        QueueCommand::Resume => {
            queue.resume()?;
            show.say("The queue goes on.");
        }
        QueueCommand::Cancel { shot } => {
            let count = queue.cancel(shot.as_deref())?;
            show.say(&format!("{count} cancelled; what is drawn stays."));
        }
        QueueCommand::Failed => {
            for poison in queue.poison()? {
                show.say(&format!(
                    "{}  {}  tried {} times: {}",
                    poison.job.draw.chars().take(12).collect::<String>(),
                    poison.job.shot,
                    poison.attempts,
                    poison.why
                ));
            }
        }
    }
    Ok(())
}

fn queue(folder: &Path) -> anyhow::Result<SqliteQueue> {
    let path = open::work(folder).join("queue.sqlite");
    anyhow::ensure!(
        path.is_file(),
        "nothing was drawn in this film yet: `heirloom takes SHOT --count N` draws takes"
    );
    Ok(SqliteQueue::open(&path)?)
}
