//! `heirloom models`: open weights on this machine, and the engines that they make.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use heirloom_engine::Engines;
use heirloom_engine_diffusion::engine::{engine, engine_over};
use heirloom_engine_diffusion::models::{
    Found, Licence, LicenceFrom, ListedLora, Model, ModelList, NewLora, look,
};
use heirloom_engine_exemplar::{care, engine::NAME};

use crate::args::Models;
use crate::show::Show;
use crate::{Ended, INTERRUPTED};

/// Names another place for the list of models: for tests, and for several people on one machine.
const LIST: &str = "HEIRLOOM_MODELS";

/// Names that are the program's own.
const OWN: [&str; 2] = [NAME, care::NAME];

/// Where the list of models is kept.
pub fn list_path() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os(LIST) {
        return Ok(path.into());
    }
    let folder = dirs::config_dir().with_context(|| {
        format!("this system names no folder for settings; name a file for the list of models in {LIST}")
    })?;
    Ok(folder.join("heirloom/models.json"))
}

/// The engines, with one for each model on the list. A list that can not be read is told of where models are asked for: what
/// needs none goes on without.
pub fn engines(mut engines: Engines) -> Engines {
    let Ok(list) = list_path().and_then(|path| Ok(ModelList::open(&path)?)) else {
        return engines;
    };
    // The program's own engines keep their names, whatever a list from elsewhere says.
    let free =
        |model: &&Model| engines.get(Some(&model.name)).is_err() && !OWN.contains(&model.name.as_str());
    let models: Vec<&Model> = list.models().iter().filter(free).collect();
    // A model makes over takes of every engine, of other models and of care too: it is given engines that open them all, and
    // that are given none themselves.
    let mut readers = engines.clone();
    for model in &models {
        readers = readers.with(Arc::new(engine(model, Vec::new())));
    }
    readers = readers.clone().with(Arc::new(care::engine(readers)));
    for model in models {
        let loras = list.loras_of(model).cloned().collect();
        engines = engines.with(Arc::new(engine_over(model, loras, readers.clone())));
    }
    engines
}

/// One of the commands.
pub fn run(command: &Models, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let path = list_path()?;
    let mut list = ModelList::open(&path)?;
    match command {
        Models::Add {
            folder,
            name,
            licence,
            low,
        } => {
            if is_lora(folder) {
                let new = NewLora {
                    path: folder,
                    low: low.as_deref(),
                    name: name.as_deref(),
                    licence: licence.as_deref(),
                };
                return add_lora(&mut list, new, show);
            }
            anyhow::ensure!(
                low.is_none(),
                "`--low` names the second file of a LoRA, and {} is a model's folder; leave it out",
                folder.display()
            );
            if let Some(own) = name.as_deref().filter(|name| OWN.contains(name)) {
                anyhow::bail!("\"{own}\" is the name of the program's own engine; give the model another");
            }
            let found = look(folder)?;
            tell(&found, show);
            let bar = show.bar("hashing", 1, "bytes");
            let added = list.add(&found, name.as_deref(), licence.as_deref(), |done, of| {
                bar.at(done, of);
                !stop.load(Ordering::Relaxed)
            });
            drop(bar);
            if stop.load(Ordering::Relaxed) {
                show.note("Stopped; nothing was added. The same command begins anew.");
                return Err(Ended::Said(INTERRUPTED).into());
            }
            let added = added?;
            show.say(&format!(
                "{} is on the list ({}). A shot asks for it with: engine = \"{}\"",
                added.name,
                licensed(&added.licence),
                added.name
            ));
            Ok(())
        }
        Models::List { json: true } => {
            let all = serde_json::json!({ "models": list.models(), "loras": list.loras() });
            show.say(&serde_json::to_string_pretty(&all)?);
            Ok(())
        }
        Models::List { json: false } => {
            if list.models().is_empty() {
                show.say("No models yet. `heirloom models add FOLDER` takes one in; docs/diffusion.md says where to get them.");
            }
            list.models().iter().for_each(|model| line(model, show));
            for lora in list.loras() {
                lora_line(&list, lora, show);
            }
            Ok(())
        }
        Models::Check { model, deep } => check(&list, model.as_deref(), *deep, show, stop),
        Models::Forget { name } => {
            if list.loras().iter().any(|lora| lora.name == *name) {
                let gone = list.forget_lora(name)?;
                show.say(&format!(
                    "{} is off the list; its file stays, {}.",
                    gone.name,
                    gone.path.display()
                ));
                return Ok(());
            }
            let gone = list.forget(name)?;
            show.say(&format!(
                "{} is off the list; its files stay in {}.",
                gone.name,
                gone.folder.display()
            ));
            Ok(())
        }
    }
}

/// Whether this is a LoRA rather than a model's folder: a file, or the folder that PEFT leaves.
fn is_lora(path: &Path) -> bool {
    path.is_file() || path.join("adapter_model.safetensors").is_file()
}

fn add_lora(list: &mut ModelList, new: NewLora<'_>, show: &Show) -> anyhow::Result<()> {
    let added = list.add_lora(new)?.clone();
    show.say(&format!(
        "{} is on the list ({}), for {}. A shot asks for it with: settings = {{ loras = {{ \"{}\" = 1.0 }} }}",
        added.name,
        licensed(&added.licence),
        models_of(list, &added),
        added.name
    ));
    Ok(())
}

/// The names of the models that a LoRA fits.
fn models_of(list: &ModelList, lora: &ListedLora) -> String {
    let names: Vec<&str> = list
        .models()
        .iter()
        .filter(|model| lora.fits.contains(&model.id))
        .map(|model| model.name.as_str())
        .collect();
    match names.as_slice() {
        [] => "no model on the list".into(),
        names => names.join(", "),
    }
}

fn lora_line(list: &ModelList, lora: &ListedLora, show: &Show) {
    let bytes: u64 = lora.files.iter().map(|file| file.bytes).sum();
    show.say(&format!(
        "{}  LoRA for {}  {:.1} MB  {}  {}",
        lora.name,
        models_of(list, lora),
        bytes as f64 / 1e6,
        licensed(&lora.licence),
        lora.path.display()
    ));
}

fn check(
    list: &ModelList,
    wanted: Option<&str>,
    deep: bool,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let known = |name: &str| list.models().iter().any(|model| model.name == name);
    if let Some(folder) = wanted.filter(|name| !known(name) && Path::new(name).is_dir()) {
        let found = look(Path::new(folder))?;
        tell(&found, show);
        anyhow::ensure!(found.problems.is_empty(), "{folder} is not whole: see above");
        show.say("It is whole. `heirloom models add` puts it on the list.");
        return Ok(());
    }
    let lora = |name: &str| list.loras().iter().find(|lora| lora.name == name);
    let mut wrong = 0;
    for lora in list.loras() {
        if wanted.is_some_and(|name| name != lora.name) {
            continue;
        }
        match lora.is_as_noted() {
            Ok(()) => show.say(&format!("{}: well (every byte)", lora.name)),
            Err(why) => {
                wrong += 1;
                show.say(&format!("{}: {why}", lora.name));
            }
        }
    }
    let names: Vec<&str> = match wanted {
        Some(name) if lora(name).is_some() => Vec::new(),
        Some(name) => vec![list.get(name)?.name.as_str()],
        None => list.models().iter().map(|model| model.name.as_str()).collect(),
    };
    for name in names {
        let bar = show.bar(&format!("checking {name}"), 1, "bytes");
        let faults = list.check(name, deep, |done, of| {
            bar.at(done, of);
            !stop.load(Ordering::Relaxed)
        });
        drop(bar);
        if stop.load(Ordering::Relaxed) {
            show.note("Stopped.");
            return Err(Ended::Said(INTERRUPTED).into());
        }
        let faults = faults?;
        if faults.is_empty() {
            let how = if deep {
                "every byte"
            } else {
                "files, shapes and lengths"
            };
            show.say(&format!("{name}: well ({how})"));
        }
        wrong += faults.len();
        for fault in faults {
            show.say(&format!("{name}: {}", fault.what));
        }
    }
    anyhow::ensure!(wrong == 0, "what is wrong with the models is listed above");
    Ok(())
}

/// What a folder holds.
fn tell(found: &Found, show: &Show) {
    show.say(&format!("{}: {}", found.folder.display(), found.title));
    for part in &found.parts {
        let kinds: Vec<String> = part.kinds.keys().map(|kind| kind.name().to_owned()).collect();
        let numbers = match part.numbers {
            0 => String::new(),
            n => format!(
                ", {:.2} thousand million numbers in {}",
                n as f64 / 1e9,
                kinds.join(" and ")
            ),
        };
        let files = match part.files.len() {
            1 => "1 file".to_owned(),
            n => format!("{n} files"),
        };
        show.say(&format!("  {}: {files}{numbers}", part.role));
    }
    if let Some(licence) = &found.licence {
        show.say(&format!("  licence: {}", licensed(licence)));
    }
    for problem in &found.problems {
        show.say(&format!("  wrong: {problem}"));
    }
}

fn licensed(licence: &Licence) -> String {
    match &licence.from {
        LicenceFrom::File(file) => format!("{}, says its {file}", licence.name),
        LicenceFrom::Stated => format!("{}, as stated", licence.name),
    }
}

fn line(model: &Model, show: &Show) {
    let bytes: u64 = model.files.iter().map(|file| file.bytes).sum();
    show.say(&format!(
        "{}  {}  {:.1} GB  {}  {}",
        model.name,
        model.title,
        bytes as f64 / 1e9,
        licensed(&model.licence),
        model.folder.display()
    ));
}
