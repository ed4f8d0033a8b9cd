//! `heirloom style check`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use heirloom_dailies::faces;
use heirloom_dailies::measures::FindFaces;
use heirloom_picture::preview::Preview;
use heirloom_style::style::Styles;
use heirloom_style::training::{Looks, Weight, check, choose, trigger_for};

use crate::args::CheckStyle as Options;
use crate::open;
use crate::show::{Show, VaultBar};

/// Says of a style's sources whether there is enough to train on.
pub fn run(folder: &Path, options: &Options, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let held = Styles::new(&vault).get(&options.name)?;
    let sources = super::samples::sources(&vault, &held, &options.more)?;
    let whose = super::samples::whose(options.subject.as_deref(), options.thing);
    let chosen = choose(vault.ledger(), &sources, &whose, 0.0, open::today())?;
    let name = options.subject.as_deref().unwrap_or(&held.style.name);
    let trigger = options.trigger.clone().unwrap_or_else(|| trigger_for(name));
    let detector = detector(folder, options, show)?;
    let count = |picture: &Preview| -> Result<usize, String> {
        let (Some(detector), Some(view)) = (&detector, picture.view()) else {
            return Ok(0);
        };
        Ok(detector.find(&view)?.len())
    };
    let looks = Looks {
        area: options.size.width as usize * options.size.height as usize,
        trigger: &trigger,
        faces: match &detector {
            Some(_) => Some(&count),
            None => None,
        },
    };
    let checked = check(&vault, &chosen, &looks, &VaultBar::new(show, stop))?;
    if options.json {
        show.say(&serde_json::to_string_pretty(&checked)?);
        return Ok(());
    }
    show.say(&format!(
        "{}: {} sources may be trained on, {} of them different",
        options.subject.clone().unwrap_or_else(|| held.to_string()),
        checked.usable,
        checked.different
    ));
    for finding in &checked.findings {
        let weight = match finding.weight {
            Weight::Serious => "serious",
            Weight::Doubtful => "doubtful",
            Weight::Advice => "advice",
        };
        show.say(&format!("{weight:<9} {}: {}", finding.kind, finding.words));
        for name in finding.told() {
            show.say(&format!("            {name}"));
        }
    }
    if !checked.findings.iter().any(|f| f.weight != Weight::Advice) {
        show.say("Nothing speaks against training.");
    }
    Ok(())
}

/// A network that finds faces: the one that is named, or the film's own, where this program can run one.
fn detector(folder: &Path, options: &Options, show: &Show) -> anyhow::Result<Option<Box<dyn FindFaces>>> {
    let path = match &options.face_detector {
        Some(path) => path.clone(),
        None => {
            // What is wrong with film.toml is said where it matters.
            let film = open::film(folder, &Show::silent()).ok();
            match film.and_then(|film| film.charter.face_detector) {
                Some(path) => folder.join(path),
                None => return Ok(None),
            }
        }
    };
    let name = path.display().to_string();
    let network = std::fs::read(&path).with_context(|| format!("{name} could not be read"))?;
    match faces::open(&network, &name) {
        Ok(detector) => Ok(Some(detector)),
        Err(error) if options.face_detector.is_some() => Err(error.into()),
        // The film's own is for takes; what cannot be run here is said, and the rest is checked.
        Err(error) => {
            show.note(&format!("faces are not looked for: {error}"));
            Ok(None)
        }
    }
}
