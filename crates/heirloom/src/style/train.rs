//! `heirloom style train`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use heirloom_archive::THUMBNAIL_SIDE;
use heirloom_archive::fingerprint::{Fingerprint, fingerprint};
use heirloom_engine_diffusion::generate::{Ask, Steps, TEXT_TOKENS};
use heirloom_engine_diffusion::lora::Expert;
use heirloom_engine_diffusion::model::Model;
use heirloom_engine_diffusion::models::ModelList;
use heirloom_engine_diffusion::train::dataset::{Buckets, Cache, Item, Makers, Preparing};
use heirloom_engine_diffusion::train::{
    About, Ended as Run, Ground, LoraShape, Sample, Settings, SourceTerms, Trained, Trainer,
};
use heirloom_picture::preview;
use heirloom_style::style::{Held, Styles};
use heirloom_style::training::{Chosen, Record, choose, slug, tell_trained, trigger_for};
use heirloom_vault::{Actor, ObjectId, Vault};

use super::samples::{Cut, Reading, sources, whose};
use super::watch::{CURVES, Following, Looker, RECORD, SHEET};
use crate::args::{Train as Options, Which};
use crate::show::Show;
use crate::{Ended, INTERRUPTED, make, models, open, reports};

/// Above so many pixels a picture goes through the autoencoder in tiles of so many on a side.
const UNTILED_PIXELS: usize = 640 * 640;
const TILE_PX: usize = 384;
/// Chance of the stills.
const STILL_SEED: u64 = 1;
/// How far words are followed in stills.
const STILL_GUIDANCE: f64 = 5.0;
/// Held while a run goes on.
const IN_USE: &str = "in-use";

/// Where latents and text states are kept: derived, in the vault's folder beside what is not.
fn cache(vault: &Vault) -> Cache {
    Cache::new(vault.dir().join("training"))
}

/// Where runs lie.
pub fn runs(folder: &Path) -> PathBuf {
    open::work(folder).join("training")
}

/// Trains a LoRA, or goes on training it.
pub fn run(folder: &Path, options: &Options, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    make::threads(options.threads)?;
    let vault = open::vault(folder)?;
    let styles = Styles::new(&vault);
    let held = styles.get(&options.name)?;
    let whose = whose(options.subject.as_deref(), options.thing);
    let all = sources(&vault, &held, &options.more)?;
    let mut chosen = choose(vault.ledger(), &all, &whose, options.held_out, open::today())?;
    for left in &chosen.left_out {
        show.note(&format!("left out: archive:{}: {}", left.name, left.why));
    }
    anyhow::ensure!(
        !chosen.trained.is_empty(),
        "no source of {held} may be trained on: ask whose they are, then `heirloom rights change SOURCE --scope \
         look,generate,publish,train`"
    );
    let prints = fingerprints(&vault, &chosen)?;
    chosen.hold_copies_out(&prints);
    anyhow::ensure!(
        !chosen.trained.is_empty(),
        "all sources of {held} are near copies of those that are held out: hold none out with --held-out 0, or add others"
    );
    let list = ModelList::open(&models::list_path()?)?;
    let listed = list.get(&options.model)?;
    let model = Model::open(&listed.folder)?;
    let expert = match options.expert {
        None => Expert::Only,
        Some(Which::High) => Expert::High,
        Some(Which::Low) => Expert::Low,
    };
    let ground = Ground::new(&model, &listed.name, &listed.id, expert)?;
    let settings = settings(options, &model, &ground);
    let name = options.subject.as_deref().unwrap_or(&held.style.name);
    let trigger = options.trigger.clone().unwrap_or_else(|| trigger_for(name));
    anyhow::ensure!(
        !trigger.trim().is_empty(),
        "the trigger is empty: name a word that nobody uses with --trigger"
    );
    anyhow::ensure!(
        options.frames % 4 == 1,
        "--frames is {}, and must be 4n+1, such as 17",
        options.frames
    );
    let grid = model.config.grid_px().map(|px| px as usize);
    let buckets = Buckets::new(
        options.size.width as usize * options.size.height as usize,
        [grid[1], grid[0]],
    );
    let cut = Cut {
        buckets: &buckets,
        trigger: &trigger,
        frames: options.frames,
        stretches: options.stretches,
        rate: model.config.trained_rate(),
    };
    let (items, kept_back) = (
        cut.items(&chosen.trained, show),
        cut.items(&chosen.held_out, show),
    );
    anyhow::ensure!(!items.is_empty(), "nothing is left to train on: see above");
    let prompts = prompts(options, &trigger, &kept_back, &items);
    let id = run_id(
        &settings,
        (&listed.id, &trigger, &prompts),
        &items,
        &kept_back,
        options,
    )?;
    let run = runs(folder).join(folder_name(&held, options, &listed.name, &id));
    open::make_folder(&run)?;
    let in_use =
        File::create(run.join(IN_USE)).with_context(|| format!("{} could not be written", run.display()))?;
    anyhow::ensure!(
        in_use.try_lock().is_ok(),
        "{} is being trained by another program just now: wait for it, or stop it",
        run.display()
    );
    show.note(&format!(
        "{}: {} from {}, {} held out; trigger \"{trigger}\"; in {}",
        options.subject.clone().unwrap_or_else(|| held.to_string()),
        reports::count(items.len(), "sample"),
        reports::count(chosen.trained.len(), "source"),
        kept_back.len(),
        run.display()
    ));

    let makers = Makers::of(listed);
    let cache = cache(&vault);
    let pixels = options.size.width as usize * options.size.height as usize;
    let preparing = Preparing {
        model: &model,
        makers: &makers,
        cache: &cache,
        text_tokens: TEXT_TOKENS,
        tile_px: (pixels > UNTILED_PIXELS).then_some(TILE_PX),
    };
    let prepared = {
        let both = chosen.trained.iter().chain(&chosen.held_out);
        let mut reading = Reading::new(&vault, both, cut.rate, show, stop);
        prepare(&preparing, (&items, &kept_back), &mut reading)
    };
    let (samples, held_out, blank) = match prepared {
        Err(error) if stop.load(Ordering::Relaxed) => {
            show.note(&error.to_string());
            return Err(Ended::Said(INTERRUPTED).into());
        }
        prepared => prepared?,
    };
    let subject = ground.subject(Some(blank));
    let mut trainer = Trainer::in_folder(subject, &samples, settings.clone(), &run)?.padded_to(TEXT_TOKENS);
    let done = trainer.step_number();
    if done > 0 {
        show.note(&format!("going on from step {done}"));
        if trainer.same_threads() == Some(false) {
            show.note("it was begun with another number of threads: the last digits will differ from a run in one go");
        }
    }
    let fresh = Record {
        heirloom_training: Record::FORM,
        style: held.style.name.clone(),
        style_object: held.id,
        subject: options.subject.clone(),
        model: listed.name.clone(),
        model_id: listed.id.clone(),
        model_title: listed.title.clone(),
        expert: options.expert.map(|which| format!("{which:?}").to_lowercase()),
        trigger: trigger.clone(),
        settings: serde_json::to_value(&settings)?,
        dataset: trainer.samples_hash().to_owned(),
        sources: cut.learnt(&chosen.trained),
        held_out: cut.learnt(&chosen.held_out),
        left_out: chosen
            .left_out
            .iter()
            .map(|left| (left.name.clone(), left.why.clone()))
            .collect(),
        prompts: prompts.clone(),
        looks: Vec::new(),
        suggestion: None,
        warnings: Vec::new(),
    };
    let record = known(&run, fresh, done);
    let looker = Looker {
        ground: &ground,
        settings: &settings,
        text_tokens: TEXT_TOKENS,
        held_out: &held_out,
        reference: styles.reference(&held.style)?,
        sources: chosen
            .trained
            .iter()
            .filter_map(|source| Some((source.name(), prints.get(&source.object)?.clone())))
            .collect(),
        asks: asks(options, &prompts, &grid),
    };
    let mut following = Following::new(run.clone(), done, (record, looker), show, stop)?;
    following.write()?;
    following.catch_up(done, trainer.trained(), trainer.average());
    let ended = trainer.run(&run, &mut following)?;
    if let Some(fault) = following.fault() {
        return Err(fault);
    }
    // A stop while the last checkpoint was looked at is one too.
    let all_seen = following
        .record
        .looks
        .last()
        .is_some_and(|l| l.step == settings.steps);
    if ended == Run::Stopped || !all_seen {
        show.note(&format!(
            "Stopped at step {} of {}. Nothing is lost: the same command goes on.",
            trainer.step_number(),
            settings.steps
        ));
        return Err(Ended::Said(INTERRUPTED).into());
    }
    tell_trained(&vault, &following.record, Actor::person_here())?;
    report(&following.record, &run, options, show);
    Ok(())
}

/// Samples that are trained on, those that are held out, and the states of an empty text.
type Prepared = (Vec<Sample>, Vec<Sample>, Vec<f32>);

fn prepare(
    preparing: &Preparing<'_>,
    (items, kept_back): (&[Item], &[Item]),
    reading: &mut Reading<'_>,
) -> anyhow::Result<Prepared> {
    let samples = preparing.samples(items, reading)?;
    let held_out = preparing.samples(kept_back, reading)?;
    let blank = preparing.text("", "the empty text", reading)?;
    Ok((samples, held_out, blank))
}

/// The run's settings: what the options say, and what the model asks for.
fn settings(options: &Options, model: &Model, ground: &Ground<'_>) -> Settings {
    let mut shape = LoraShape::new(options.rank, options.alpha.unwrap_or(options.rank as f32));
    if !options.targets.is_empty() {
        shape.targets.clone_from(&options.targets);
    }
    Settings {
        trained: Trained::Lora(shape),
        steps: options.steps,
        examples: options.examples,
        rate: options.rate,
        warm_up: options.warm_up,
        average: options.average,
        blank: options.dropout,
        shift: options.shift.unwrap_or(model.config.scheduler.shift),
        range: ground.range(),
        checkpointing: !options.no_checkpointing,
        checkpoint_every: options
            .checkpoint_every
            .unwrap_or_else(|| options.steps.div_ceil(10).max(1)),
        seed: options.seed,
        ..Settings::default()
    }
}

/// What the stills are to show: the prompts given, or captions of what is held out, or of what is not. The trigger stands
/// before each.
fn prompts(options: &Options, trigger: &str, kept_back: &[Item], items: &[Item]) -> Vec<String> {
    if !options.prompt.is_empty() {
        let with = |words: &String| match words.contains(trigger) {
            true => words.clone(),
            false => format!("{trigger}, {words}"),
        };
        return options.prompt.iter().map(with).take(options.stills).collect();
    }
    let mut all: Vec<String> = Vec::new();
    for item in kept_back.iter().chain(items) {
        if all.len() < options.stills && !all.contains(&item.caption) {
            all.push(item.caption.clone());
        }
    }
    all
}

fn asks(options: &Options, prompts: &[String], grid: &[usize; 2]) -> Vec<Ask> {
    let [rows, columns] = *grid;
    let to = |side: u32, step: usize| (side as usize / step).max(1) * step;
    let (width, height) = match options.still_size {
        Some(size) => (to(size.width, columns), to(size.height, rows)),
        None => (
            to(options.size.width / 2, columns),
            to(options.size.height / 2, rows),
        ),
    };
    prompts
        .iter()
        .map(|prompt| Ask {
            prompt: prompt.clone(),
            negative: String::new(),
            width,
            height,
            frames: 1,
            seed: STILL_SEED,
            steps: Steps::Own {
                count: options.still_steps.max(1),
                shift: None,
                kind: None,
            },
            guidance: STILL_GUIDANCE,
            guidance_low: None,
            text_tokens: TEXT_TOKENS,
            tile_px: (width * height > UNTILED_PIXELS).then_some(TILE_PX),
            start: Default::default(),
            conditions: Default::default(),
        })
        .collect()
}

/// Names a run by all that it follows from: with anything else it is another, in a folder of its own.
fn run_id(
    settings: &Settings,
    model: (&str, &str, &[String]),
    items: &[Item],
    kept_back: &[Item],
    options: &Options,
) -> anyhow::Result<String> {
    let parts = serde_json::json!({
        "settings": settings, "model": model, "items": told(items), "held_out": told(kept_back),
        "stills": [options.stills, options.still_steps],
        "still_size": options.still_size.map(|s| s.to_string()),
    });
    let id = ObjectId::of(&serde_json::to_vec(&parts)?);
    Ok(id.short())
}

fn told(items: &[Item]) -> Vec<serde_json::Value> {
    items
        .iter()
        .map(|i| serde_json::json!([i.source, i.caption, i.width, i.height, i.first, i.frames]))
        .collect()
}

fn folder_name(held: &Held, options: &Options, model: &str, id: &str) -> String {
    let of = match &options.subject {
        Some(subject) => slug(subject),
        None => format!("{}-{}", slug(&held.style.name), held.style.version),
    };
    format!("{of}-{}-{id}", slug(model))
}

/// What is known of a run, but for looks at steps that are not done.
fn known(run: &Path, fresh: Record, done: u64) -> Record {
    let read = std::fs::read(run.join(RECORD)).ok();
    let known = read.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
    let mut record = fresh;
    for look in known.into_iter().flat_map(|known| known.looks) {
        if look.step <= done && run.join(&look.file).is_file() {
            record.note(look);
        }
    }
    record
}

/// Fingerprints of the photographs, by object.
fn fingerprints(vault: &Vault, chosen: &Chosen) -> anyhow::Result<BTreeMap<ObjectId, Fingerprint>> {
    let photographs = chosen.trained.iter().chain(&chosen.held_out);
    photographs
        .filter(|source| source.frames.is_none())
        .map(|source| {
            let bytes = vault.read(&source.object)?;
            let small = preview::decode(&bytes, &source.file_name, THUMBNAIL_SIDE)?;
            let view = small.view().context("it has no pixels")?;
            Ok((source.object, fingerprint(&view)))
        })
        .collect()
}

/// What the file of a run's LoRA says of itself.
pub fn about(record: &Record, steps: u64) -> About {
    About {
        title: record.of().to_owned(),
        base_model: record.model_title.clone(),
        trigger: Some(record.trigger.clone()),
        dataset: record.dataset.clone(),
        steps,
        sources: record
            .sources
            .iter()
            .map(|source| SourceTerms {
                source: source.object.to_string(),
                terms: format!("{} ({})", source.terms, source.owner),
            })
            .collect(),
    }
}

/// How the run came out.
fn report(record: &Record, run: &Path, options: &Options, show: &Show) {
    for warning in &record.warnings {
        show.say(&format!("warning: {warning}"));
    }
    if let Some(suggestion) = &record.suggestion {
        let subject = options
            .subject
            .as_ref()
            .map_or_else(String::new, |s| format!(" --subject \"{s}\""));
        show.say(&format!("Keep step {}: {}.", suggestion.step, suggestion.why));
        show.say(&format!(
            "  heirloom style keep \"{}\" {}{subject}",
            record.style, suggestion.step
        ));
    }
    show.say(&format!("curves {}", run.join(CURVES).display()));
    if run.join(SHEET).is_file() {
        show.say(&format!("stills {}", run.join(SHEET).display()));
    }
}
