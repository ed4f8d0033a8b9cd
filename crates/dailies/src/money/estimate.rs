//! What a plan will cost and how long it will take, by what was measured, and by prices else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use heirloom_engine::{Draw, Engines};
use heirloom_film::Usd;
use heirloom_vault::{Filter, Vault, Verb};
use serde::Serialize;

use super::{Book, Caps, MoneyError, Purpose, State, Stop, quote};
use crate::plan::{Plan, Work};
use crate::takes;

/// Finished draws that are looked at for what a draw takes.
const LOOKED_AT: usize = 200;

/// What the draws of one engine come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EngineEstimate {
    /// The engine.
    pub engine: String,
    /// Draws to make.
    pub draws: u64,
    /// Of these, draws whose cost is known.
    pub priced: u64,
    /// What those cost together. By the price; where paid draws cost more or less than their price, in their proportion.
    pub usd: Usd,
    /// How many paid draws the cost was measured by; 0 where it rests on the price alone.
    pub measured: u64,
    /// Seconds for all its draws, one after another, by the median of what a frame took; none where none was made yet.
    pub seconds: Option<f64>,
    /// How many finished draws the seconds were measured by.
    pub timed: u64,
}

/// What a plan comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Draws of the plan, each once.
    pub all: u64,
    /// Of these, draws that are there already and cost nothing more.
    pub there: u64,
    /// The rest, by engine.
    pub engines: Vec<EngineEstimate>,
    /// How many of the rest the budget lets through, by their prices.
    pub within_budget: u64,
    /// What stops the others: the first under each cap.
    pub stops: Vec<Stop>,
}

impl Estimate {
    /// Draws to make.
    pub fn to_draw(&self) -> u64 {
        self.all - self.there
    }

    /// What is known of the cost of all of them.
    pub fn usd(&self) -> Usd {
        self.engines.iter().map(|engine| engine.usd).sum()
    }

    /// Draws whose cost nobody knows.
    pub fn unpriced(&self) -> u64 {
        self.engines
            .iter()
            .map(|engine| engine.draws - engine.priced)
            .sum()
    }

    /// Seconds to wait with so many workers, and of how many draws that is known.
    pub fn seconds(&self, workers: usize) -> Option<(f64, u64)> {
        let timed = || self.engines.iter().filter(|engine| engine.seconds.is_some());
        let seconds: f64 = timed().filter_map(|engine| engine.seconds).sum();
        let draws: u64 = timed().map(|engine| engine.draws).sum();
        (draws > 0).then(|| (seconds / workers.max(1) as f64, draws))
    }
}

/// What the draws that a plan lacks will cost and take, and what of them the budget lets through.
///
/// # Errors
/// The ledger can not be read.
pub fn estimate(plan: &Plan, engines: &Engines, vault: &Vault) -> Result<Estimate, MoneyError> {
    let book = Book::read(vault.ledger())?;
    let held = takes::held(vault)?;
    let caps = &plan.caps;
    let mut tab = Tab::new(caps, &book);
    let mut estimate = Estimate::default();
    let mut by_engine: BTreeMap<&str, EngineEstimate> = BTreeMap::new();
    let mut frames: BTreeMap<&str, u64> = BTreeMap::new();
    let mut seen: BTreeSet<Draw> = BTreeSet::new();
    for planned in &plan.shots {
        let Work::Draw { request, id } = &planned.work else {
            continue;
        };
        let draw = Draw { request: *id, n: 0 };
        if !seen.insert(draw) {
            continue;
        }
        estimate.all += 1;
        if held.contains(&draw) {
            estimate.there += 1;
            continue;
        }
        let usd = match engines.get(Some(&request.engine)) {
            Ok(engine) => quote(&engine.card().price, request, caps).usd,
            Err(_) => None,
        };
        let engine = by_engine.entry(&request.engine).or_default();
        engine.draws += 1;
        engine.priced += u64::from(usd.is_some());
        engine.usd = engine.usd.plus(usd.unwrap_or_default());
        *frames.entry(&request.engine).or_default() += u64::from(request.frames);
        let purpose = Purpose {
            draw: draw.to_string(),
            engine: request.engine.clone(),
            scene: planned.scene.clone(),
            scene_id: caps.scene_id(&planned.scene),
            shot: planned.label(),
            frames: request.frames,
            usd,
        };
        // What was reserved before is counted already.
        let reserved = book.standing(&purpose.draw).is_some();
        match tab.stop(&purpose, reserved) {
            None => estimate.within_budget += 1,
            Some(stop) if estimate.stops.iter().all(|other| other.stops() != stop.stops()) => {
                estimate.stops.push(stop);
            }
            Some(_) => {}
        }
    }
    let times = frame_seconds(vault, by_engine.keys().copied().collect())?;
    for (name, mut engine) in by_engine {
        engine.engine = name.to_owned();
        measure(&mut engine, &book);
        if let Some((each, timed)) = times.get(name) {
            let frames = frames.get(name).copied().unwrap_or_default();
            (engine.seconds, engine.timed) = (Some(each * frames as f64), *timed);
        }
        estimate.engines.push(engine);
    }
    Ok(estimate)
}

/// The caps, with what has been put on each so far.
struct Tab<'a> {
    caps: &'a Caps,
    lines: Vec<Stop>,
}

impl<'a> Tab<'a> {
    fn new(caps: &'a Caps, book: &Book) -> Self {
        let line = |(scope, cap)| {
            let sums = book.sums(|entry| caps.is_of(&scope, entry));
            Stop {
                scope,
                cap,
                spent: sums.spent,
                reserved: sums.reserved,
                uncertain: sums.uncertain,
                engine: String::new(),
                price: None,
            }
        };
        Self {
            caps,
            lines: caps.all().into_iter().map(line).collect(),
        }
    }

    /// Puts a draw on every cap that covers it, or says which stops it.
    fn stop(&mut self, purpose: &Purpose, reserved: bool) -> Option<Stop> {
        if reserved || purpose.usd == Some(Usd::ZERO) {
            return None;
        }
        let covering = self.caps.covering(&purpose.engine, &purpose.scene);
        let covers = |line: &Stop| covering.iter().any(|(scope, _)| *scope == line.scope);
        for line in self.lines.iter().filter(|line| covers(line)) {
            let on_it = line.spent.plus(line.reserved).plus(line.uncertain);
            if purpose.usd.is_none_or(|usd| on_it.plus(usd) > line.cap) {
                return Some(Stop {
                    engine: purpose.engine.clone(),
                    price: purpose.usd,
                    ..line.clone()
                });
            }
        }
        for line in self.lines.iter_mut().filter(|line| covers(line)) {
            line.reserved = line.reserved.plus(purpose.usd.unwrap_or_default());
        }
        None
    }
}

/// Corrects a cost by what paid draws of the engine cost in truth.
fn measure(engine: &mut EngineEstimate, book: &Book) {
    let of_engine = book
        .entries()
        .iter()
        .rev()
        .filter(|entry| entry.engine == engine.engine);
    let paid = of_engine.filter_map(|entry| match entry.state {
        State::Spent(Some(paid)) => Some((entry.usd, paid)),
        _ => None,
    });
    let paid: Vec<(Option<Usd>, Usd)> = paid.take(LOOKED_AT).collect();
    let all: Usd = paid.iter().map(|(_, paid)| *paid).sum();
    let count = paid.len() as u64;
    if count > 0 && engine.priced == 0 {
        // No price, but bills: each draw as the mean of them.
        engine.usd = all.times(engine.draws, count);
        (engine.priced, engine.measured) = (engine.draws, count);
        return;
    }
    let priced = || paid.iter().filter_map(|(price, paid)| Some(((*price)?, *paid)));
    let (price, cost) = priced().fold((Usd::ZERO, Usd::ZERO), |(price, cost), (p, c)| {
        (price.plus(p), cost.plus(c))
    });
    if price > Usd::ZERO {
        engine.usd = engine.usd.times(cost.micros(), price.micros());
        engine.measured = priced().count() as u64;
    }
}

/// The median of the seconds that a frame took, by engine, and how many draws say so: from asking to having, which does not hold
/// the wait in the queue.
fn frame_seconds(vault: &Vault, of: BTreeSet<&str>) -> Result<BTreeMap<String, (f64, u64)>, MoneyError> {
    let ledger = vault.ledger();
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let newest = Filter {
        limit: Some(LOOKED_AT),
        newest_first: true,
        ..Filter::verb(Verb::Drawn)
    };
    for act in ledger.acts(&newest)? {
        let frames = act.facts.get("frames").and_then(serde_json::Value::as_u64);
        let (Some(request), Some(frames)) = (act.inputs("request").next(), frames.filter(|n| *n > 0)) else {
            continue;
        };
        if !of.contains(act.by.name.as_str()) {
            continue;
        }
        let asked = Filter {
            verb: Some(Verb::Requested),
            limit: Some(1),
            newest_first: true,
            ..Filter::object(request)
        };
        if let Some(asked) = ledger.acts(&asked)?.first().filter(|asked| asked.at <= act.at) {
            let seconds = act.at.duration_since(asked.at).as_secs_f64();
            all.entry(act.by.name.clone())
                .or_default()
                .push(seconds / frames as f64);
        }
    }
    let middle = |(engine, mut seconds): (String, Vec<f64>)| {
        seconds.sort_by(f64::total_cmp);
        let median = seconds.get(seconds.len() / 2).copied()?;
        Some((engine, (median, seconds.len() as u64)))
    };
    Ok(all.into_iter().filter_map(middle).collect())
}

impl fmt::Display for EngineEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} draws", self.engine, self.draws)?;
        match (self.priced, self.usd) {
            (0, _) => write!(f, ", and nobody knows what one costs")?,
            (_, Usd::ZERO) => write!(f, ", which cost nothing")?,
            (_, usd) if self.measured > 0 => write!(f, ", {usd} by what {} paid ones cost", self.measured)?,
            (_, usd) => write!(f, ", {usd} by the price")?,
        }
        let unpriced = self.draws - self.priced;
        if self.priced > 0 && unpriced > 0 {
            write!(f, ", {unpriced} more at a price that nobody knows")?;
        }
        Ok(())
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} takes, {} there already, {} to draw",
            self.all,
            self.there,
            self.to_draw()
        )?;
        for engine in &self.engines {
            write!(f, "\n{engine}")?;
        }
        if !self.stops.is_empty() {
            write!(f, "\nThe budget lets {} of them through.", self.within_budget)?;
        }
        for stop in &self.stops {
            write!(f, "\n{stop}")?;
        }
        Ok(())
    }
}
