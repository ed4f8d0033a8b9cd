//! `heirloom style keep`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use heirloom_engine_diffusion::lora::Expert;
use heirloom_engine_diffusion::model::Model;
use heirloom_engine_diffusion::models::{ModelList, NewLora};
use heirloom_engine_diffusion::train::{Form, Ground, Settings, Stored, export_lora, read_lora};
use heirloom_style::style::Styles;
use heirloom_style::training::{Kept, LookAt, Record, keep, keep_subject, slug, tell_trained};
use heirloom_vault::{Actor, LoraFacts, Use};

use super::train::{about, runs};
use super::watch::RECORD;
use crate::args::Keep as Options;
use crate::show::Show;
use crate::{models, open};

/// Keeps a checkpoint.
pub fn run(folder: &Path, options: &Options, show: &Show) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let styles = Styles::new(&vault);
    let name = styles.get(&options.name)?.style.name;
    let (run, record) = found(folder, &name, options)?;
    let (look, why) = picked(&record, options)?;
    // Nobody took their leave back since it was trained.
    for source in &record.sources {
        let standing = vault.ledger().rights_of(&source.object)?;
        if let Err(clause) = standing.allows(Use::Train, open::today()) {
            anyhow::bail!(
                "it may not be kept: it was trained on archive:{}: {clause}; train anew without it",
                source.name
            );
        }
    }
    let mut list = ModelList::open(&models::list_path()?)?;
    let model = list.get(&record.model)?.clone();
    anyhow::ensure!(
        model.id == record.model_id,
        "the model {} is not the one that it was trained on: its files are others now; bring those back",
        record.model
    );
    let file = run.join(&look.file);
    let bytes = std::fs::read(&file)
        .with_context(|| format!("the checkpoint {} could not be read", file.display()))?;
    let lora = vault.put_bytes(&bytes)?;
    let out = open::out(folder).join("loras");
    let version = styles.versions(&name)?.len() + 1;
    let called = match (&options.called, &record.subject) {
        (Some(name), _) => name.clone(),
        (None, Some(subject)) => free(&list, &slug(subject), 1),
        (None, None) => free(&list, &slug(&name), version),
    };
    let comfy_file = out.join(format!("{called}-comfyui.safetensors"));
    open::make_folder(&out)?;
    comfy(&file, &comfy_file, &record, look, &model.folder)?;
    let (comfy, _) = vault.put_file(&comfy_file)?;
    let plain = out.join(format!("{called}.safetensors"));
    open::write_whole(&plain, &bytes)?;
    let training = tell_trained(&vault, &record, Actor::person_here())?;

    // On the list before it is in the ledger: an act says what stands.
    let path = vault.path(&lora);
    let listed = match list
        .loras()
        .iter()
        .find(|known| known.path == path.canonicalize().unwrap_or_default())
    {
        Some(known) => known.clone(),
        None => list
            .add_lora(NewLora {
                path: &path,
                low: None,
                name: Some(&called),
                licence: None,
            })?
            .clone(),
    };
    let of = match &record.subject {
        Some(subject) => subject.clone(),
        None => format!("{name}@{version}"),
    };
    let kept = Kept {
        record: &record,
        training,
        lora,
        comfy,
        facts: LoraFacts {
            id: listed.id.clone(),
            name: listed.name.clone(),
            of: of.clone(),
            model: model.name.clone(),
            trigger: record.trigger.clone(),
            step: look.step,
        },
        why: why.clone(),
        by: Actor::person_here(),
    };
    match &record.subject {
        Some(subject) => keep_subject(&vault, subject, kept)?,
        None => drop(keep(&styles, &styles.read(record.style_object)?, kept)?),
    }
    show.say(&format!(
        "{of}: kept step {} ({why}), as {} for {}. A shot asks for it with the word \"{}\" in its prompt and settings = {{ \
         loras = {{ \"{}\" = 1.0 }} }}",
        look.step, listed.name, model.name, record.trigger, listed.name
    ));
    show.say(&format!("wrote {} and {}", plain.display(), comfy_file.display()));
    Ok(())
}

/// The run that is meant: the one named, or the last one of this style and subject.
fn found(folder: &Path, style: &str, options: &Options) -> anyhow::Result<(PathBuf, Record)> {
    let all = runs(folder);
    let mut found: Vec<(std::time::SystemTime, PathBuf, Record)> = Vec::new();
    for entry in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        let run = entry.path();
        let named = options
            .run
            .as_ref()
            .is_none_or(|name| *name == entry.file_name().to_string_lossy());
        let path = run.join(RECORD);
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let Ok(record) = serde_json::from_slice::<Record>(&bytes) else {
            continue;
        };
        let meant = record.style == style && record.subject == options.subject;
        if named && meant && !record.looks.is_empty() {
            let at = std::fs::metadata(&path)?.modified()?;
            found.push((at, run, record));
        }
    }
    found.sort_by_key(|(at, ..)| *at);
    let (_, run, record) = found.pop().with_context(|| {
        let of = options.subject.as_deref().unwrap_or(style);
        format!(
            "there is no run of {of} with a checkpoint in {}: `heirloom style train` makes one",
            all.display()
        )
    })?;
    Ok((run, record))
}

/// The checkpoint that is meant, and why it.
fn picked<'r>(record: &'r Record, options: &Options) -> anyhow::Result<(&'r LookAt, String)> {
    let suggested = record.suggestion.as_ref();
    let step = options
        .step
        .or(suggested.map(|s| s.step))
        .context("no checkpoint is suggested: name one by its step")?;
    let look = record
        .looks
        .iter()
        .find(|look| look.step == step)
        .with_context(|| {
            let steps: Vec<String> = record.looks.iter().map(|l| l.step.to_string()).collect();
            format!(
                "there is no checkpoint of step {step}: there are {}",
                steps.join(", ")
            )
        })?;
    let why = match (&options.why, suggested) {
        (Some(why), _) => why.clone(),
        (None, Some(s)) if s.step == step => s.why.clone(),
        (None, Some(s)) => format!("chosen by hand; step {} was suggested: {}", s.step, s.why),
        (None, None) => "chosen by hand".to_owned(),
    };
    Ok((look, why))
}

/// A name that is not on the list yet: `father-2`, then `father-3`.
fn free(list: &ModelList, base: &str, from: usize) -> String {
    let taken = |name: &str| {
        list.loras().iter().any(|l| l.name == name) || list.models().iter().any(|m| m.name == name)
    };
    let mut n = from;
    loop {
        let name = format!("{base}-{n}");
        if !taken(&name) {
            return name;
        }
        n += 1;
    }
}

/// Writes a checkpoint in the form of ComfyUI.
fn comfy(from: &Path, to: &Path, record: &Record, look: &LookAt, model: &Path) -> anyhow::Result<()> {
    let model = Model::open(model)?;
    let expert = match record.expert.as_deref() {
        Some("high") => Expert::High,
        Some("low") => Expert::Low,
        _ => Expert::Only,
    };
    let ground = Ground::new(&model, &record.model, &record.model_id, expert)?;
    let settings: Settings = serde_json::from_value(record.settings.clone())?;
    let shape = Ground::shape(&settings).context("the run trained no LoRA")?;
    export_lora(
        to,
        &read_lora(from)?,
        shape,
        ground.config(),
        expert,
        Form::Comfy,
        &about(record, look.step),
        Stored::Bf16,
    )?;
    Ok(())
}
