//! The cut of a film, its masters, and the acts that say what they were made from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_archive::{Archive, Source};
use heirloom_dailies::{Plan, Work, takes, trained};
use heirloom_engine::Engines;
use heirloom_engine::gate::{Action, Gate, SourceGate, SourceUse, Verdict};
use heirloom_film::Film;
use heirloom_finish::credits::{SourceInfo, credit_text};
use heirloom_finish::{Card, Cut, CutItem, FinishError, Footage, Mastered, Plate, master};
use heirloom_picture::ffmpeg::{Ffmpeg, Master};
use heirloom_vault::{Actor, FilmLora, Filter, NewAct, ObjectId, Vault, Verb};

use crate::show::Show;
use crate::{Ended, INTERRUPTED, REFUSED, limits, open};

/// A film whose shots are all there.
pub struct Ready<'a> {
    /// The film's folder.
    pub folder: &'a Path,
    /// The film.
    pub film: &'a Film,
    /// Its plan.
    pub plan: &'a Plan,
    /// Every shot's take.
    pub takes: &'a [Option<ObjectId>],
    /// Its vault.
    pub vault: Arc<Vault>,
    /// What opens takes.
    pub engines: &'a Engines,
    /// Its sound file.
    pub sound: Option<PathBuf>,
}

/// What is known of every source, by object.
pub fn sources(vault: &Vault) -> anyhow::Result<HashMap<ObjectId, SourceInfo>> {
    let info = |s: Source| {
        let info = SourceInfo {
            name: s.name(),
            file_name: s.file_name,
            width: s.width,
            height: s.height,
            revoked: s.standing.revoked.is_some(),
            rights: s.standing.rights,
        };
        (s.object, info)
    };
    Ok(Archive::new(vault).sources()?.into_iter().map(info).collect())
}

/// Every source that is in the cut: those of each shot's take, which may be an older one that a person chose, and of plates.
pub fn used(ready: &Ready<'_>) -> anyhow::Result<Vec<SourceUse>> {
    let mut all: Vec<ObjectId> = Vec::new();
    for (planned, take) in ready.plan.shots.iter().zip(ready.takes) {
        let objects = match take {
            Some(take) => {
                let manifest = takes::open(&ready.vault, take)?.manifest;
                takes::request(&ready.vault, &manifest)?.sources
            }
            None => planned.sources.iter().map(|source| source.object).collect(),
        };
        for object in objects {
            if !all.contains(&object) {
                all.push(object);
            }
        }
    }
    uses(&ready.vault, all)
}

/// The film's own LoRAs that the cut's takes were made with, each once.
fn loras(ready: &Ready<'_>) -> anyhow::Result<Vec<FilmLora>> {
    let mut all: Vec<FilmLora> = Vec::new();
    for take in ready.takes.iter().flatten() {
        let manifest = takes::open(&ready.vault, take)?.manifest;
        let request = takes::request(&ready.vault, &manifest)?;
        for lora in trained::loras_of(&ready.vault, &request)? {
            if !all.iter().any(|known| known.object == lora.object) {
                all.push(lora);
            }
        }
    }
    Ok(all)
}

/// Sources by their names in the archive.
pub fn uses(vault: &Vault, objects: impl IntoIterator<Item = ObjectId>) -> anyhow::Result<Vec<SourceUse>> {
    let known = sources(vault)?;
    let named = |object: ObjectId| SourceUse {
        name: known
            .get(&object)
            .map_or_else(|| object.short(), |info| info.name.clone()),
        object,
    };
    Ok(objects.into_iter().map(named).collect())
}

/// The film's cut, with its cards.
pub fn cut(ready: &Ready<'_>, ffmpeg: &Ffmpeg) -> anyhow::Result<Cut> {
    let Ready {
        film,
        plan,
        takes,
        vault,
        engines,
        ..
    } = ready;
    let mut items = Vec::new();
    for (planned, take) in plan.shots.iter().zip(*takes) {
        let footage = match (&planned.work, take) {
            (Work::Plate { start }, _) => {
                let source = &planned.sources[0];
                let plate = Plate::probe(ffmpeg, source.object, &vault.path(&source.object), *start)?;
                Footage::Plate(plate)
            }
            (Work::Draw { .. }, Some(id)) => {
                let take = takes::open(vault, id)?;
                let engine = engines.get(Some(&take.manifest.engine))?;
                let frames = engine.open(&take.manifest, vault.clone())?;
                Footage::of_take(*id, Arc::from(frames), take.manifest.rate, film.rate)
            }
            (Work::Draw { .. }, None) => {
                anyhow::bail!("shot {} is not drawn yet; run `heirloom make`", planned.label())
            }
        };
        items.push(CutItem {
            scene: planned.scene.clone(),
            shot: planned.shot.name.clone(),
            shot_id: planned.shot.id.clone(),
            frames: planned.shot.frames,
            dissolve: planned.shot.dissolve,
            footage,
        });
    }
    let mut cut = Cut {
        title: film.title.clone(),
        rate: film.rate,
        size: film.size,
        items,
        title_card: None,
        credits: None,
        sound: ready.sound.clone(),
    };
    if film.title_frames > 0 {
        cut.title_card = Some(Card::title(&film.title, film.size, film.rate, film.title_frames));
    }
    if film.credits_frames > 0 {
        let known = sources(vault)?;
        let text = credit_text(film, &cut, &|id| known.get(id).cloned())?;
        cut.credits = Some(Card::credits(&text, film.size, film.rate, film.credits_frames));
    }
    Ok(cut)
}

/// Cut the film and write its masters, unless those that are there are of this very cut.
pub fn masters(ready: &Ready<'_>, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let vault = &ready.vault;
    let ffmpeg = Ffmpeg::find()?;
    leave_to_export(ready, show)?;
    let cut = cut(ready, &ffmpeg)?;
    for card in cut.title_card.iter().chain(&cut.credits) {
        card.warnings()
            .iter()
            .for_each(|warning| show.note(&format!("warning: {warning}")));
    }
    let frame_map = heirloom_finish::FrameMap::of(&cut)?;
    let sound = cut
        .sound
        .as_deref()
        .map(|path| vault.put_file(path))
        .transpose()?
        .map(|(id, _)| id);
    let words = |card: &Option<Card>| card.as_ref().map(|c| c.text().to_vec());
    // All that decides the masters' bytes: what is shown, what is heard, what is written, and by which encoder.
    let description = serde_json::json!({
        "heirloom_cut": 1,
        "frame_map": vault.put_bytes(&frame_map.to_bytes())?,
        "sound": sound,
        "title": words(&cut.title_card),
        "credits": words(&cut.credits),
        "size": ready.film.size,
        "rate": ready.film.rate,
        "encoder": ffmpeg.version(),
    });
    let cut_id = vault.put_json(&description)?;
    let out = open::out(ready.folder);
    let files = [
        (Master::H264, out.join("film.mp4")),
        (Master::ProResHq, out.join("film.mov")),
    ];
    if there_already(vault, &cut_id, &files)? {
        show.say(&format!(
            "{} and {} are of this cut already.",
            files[0].1.display(),
            files[1].1.display()
        ));
        return Ok(());
    }
    limits::leave_to_export(ready, &cut, show)?;
    open::make_folder(&out)?;
    let made = {
        let bar = show.bar("cut and masters", frame_map.frames(), "frames");
        let made = master(
            &cut,
            &ffmpeg,
            &files,
            &mut |done, total| bar.at(done, total),
            stop,
        );
        if made.is_ok() {
            bar.end("written");
        }
        made
    };
    let made = match made {
        Err(FinishError::Cancelled) => {
            show.note("Stopped. No shot is lost: `heirloom make` goes on with the masters.");
            return Err(Ended::Said(INTERRUPTED).into());
        }
        made => made?,
    };
    record(ready, &cut, cut_id, sound, &made)?;
    let total = made.frames;
    show.say(&format!(
        "{} (H.264) and {} (ProRes 422 HQ): {total} frames, {}",
        files[0].1.display(),
        files[1].1.display(),
        ready.film.rate.timecode(total),
    ));
    Ok(())
}

/// The gate's word on every source of the cut, before anything leaves the studio.
pub fn leave_to_export(ready: &Ready<'_>, show: &Show) -> anyhow::Result<()> {
    let uses = used(ready)?;
    let gate = SourceGate::new(&ready.vault, open::today());
    let mut grounds = match gate.judge(Action::Export, &uses)? {
        Verdict::Refused(grounds) => grounds,
        Verdict::Allowed => Vec::new(),
    };
    // What the film's own models were trained on must still be leave to train on.
    grounds.extend(trained::refused(
        &loras(ready)?,
        &gate,
        &Archive::new(&ready.vault).sources()?,
    )?);
    if grounds.is_empty() {
        return Ok(());
    }
    let mut act = NewAct::new(Verb::Refused, Actor::program(), "film").because(
        grounds
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
    );
    for ground in &grounds {
        act = act.input("source", ground.source.object);
        show.error(&format!("the film may not be exported: {ground}"));
    }
    ready.vault.ledger().append(act)?;
    Err(Ended::Said(REFUSED).into())
}

/// Whether the masters lie there, whole, as an act exported them from this cut.
fn there_already(vault: &Vault, cut: &ObjectId, files: &[(Master, PathBuf)]) -> anyhow::Result<bool> {
    let filter = Filter {
        verb: Some(Verb::Exported),
        newest_first: true,
        ..Filter::object(*cut)
    };
    let Some(act) = vault.ledger().acts(&filter)?.into_iter().next() else {
        return Ok(false);
    };
    for (_, path) in files {
        let Ok(file) = std::fs::File::open(path) else {
            return Ok(false);
        };
        let found = ObjectId::of_reader(std::io::BufReader::with_capacity(1 << 20, file))?;
        if !act.outputs("master").any(|id| id == found) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Keep the masters, and say in the ledger what they were cut from.
fn record(
    ready: &Ready<'_>,
    cut: &Cut,
    cut_id: ObjectId,
    sound: Option<ObjectId>,
    made: &Mastered,
) -> anyhow::Result<()> {
    let vault = &ready.vault;
    let frame_map = vault.put_bytes(&made.frame_map.to_bytes())?;
    let mut cutting = NewAct::new(Verb::Cut, Actor::person_here(), "film").output("cut", cut_id);
    let mut exporting = NewAct::new(Verb::Exported, Actor::program(), "film")
        .input("cut", cut_id)
        .output("frame-map", frame_map)
        .with_facts(serde_json::json!({
            "title": cut.title, "frames": made.frames, "size": cut.size, "rate": cut.rate,
            "files": made.files.iter().filter_map(|f| f.file_name()).map(|n| n.to_string_lossy()).collect::<Vec<_>>(),
        }));
    for item in &cut.items {
        match &item.footage {
            Footage::Take { id, .. } => cutting = cutting.input("take", *id),
            Footage::Plate(plate) => cutting = cutting.input("source", plate.source),
        }
    }
    for source in used(ready)? {
        exporting = exporting.input("source", source.object);
    }
    if let Some(sound) = sound {
        cutting = cutting.input("sound", sound);
    }
    for file in &made.files {
        exporting = exporting.output("master", vault.put_file(file)?.0);
    }
    vault.ledger().append_many(vec![cutting, exporting])?;
    Ok(())
}
