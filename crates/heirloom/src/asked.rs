//! What a shot's takes are held against when they are measured: its plan, their style, the stage.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use heirloom_archive::Archive;
use heirloom_dailies::asked::{Against, AskedFor, OfShot, OfStyle, StyleDrift};
use heirloom_dailies::faces;
use heirloom_dailies::measures::{Exemplars, FindFaces, MeasureOptions, Sought};
use heirloom_dailies::staged::{Shelf, Sources};
use heirloom_dailies::subjects::OfSubjects;
use heirloom_dailies::takes as dailies;
use heirloom_engine::TakeManifest;
use heirloom_engine::gate::{Action, SourceGate};
use heirloom_film::{Faces, Film, Rate, Scene, Shot};
use heirloom_picture::preview::{self, Preview};
use heirloom_style::drift::Features;
use heirloom_style::style::{Style, Styles};
use heirloom_vault::{ObjectId, Vault};

use crate::open;
use crate::show::Show;

/// A network that finds faces, made ready when it is needed.
type FaceFinder = Arc<Against<Box<dyn FindFaces>>>;

/// What is asked of the takes of one shot.
pub struct Asking {
    vault: Arc<Vault>,
    shot: OfShot,
    subjects: Arc<OfSubjects>,
    /// Subjects with their pictures, by object: one for every rate of takes.
    sought: Mutex<BTreeMap<ObjectId, Arc<Against<Vec<Sought>>>>>,
    /// The style that was named; else every take's own.
    style: Option<Arc<Against<OfStyle>>>,
    /// Takes' own styles, by object.
    styles: Mutex<BTreeMap<ObjectId, Arc<Against<OfStyle>>>>,
    /// Whether adherence to the stage is judged too.
    stage: bool,
    /// What finds faces, where the charter forbids them.
    faces: Option<FaceFinder>,
}

impl Asking {
    /// What `film.toml` asks of a shot's takes. What of it can not be had is said, with the mend, and left out.
    pub fn of(
        folder: &Path,
        vault: &Arc<Vault>,
        (film, scene, shot): (&Film, &Scene, &Shot),
        show: &Show,
    ) -> anyhow::Result<Self> {
        let archive = Archive::new(vault).sources()?;
        let gate = SourceGate::new(vault, open::today());
        let sources = Sources {
            folder,
            archive: Some(Shelf {
                vault,
                sources: &archive,
                gate: &gate,
                action: Action::Choose,
            }),
        };
        let (of_shot, mut lacking) = OfShot::new(film, shot, vault.clone(), &sources);
        let (subjects, without) = OfSubjects::new(film, shot, &sources);
        lacking.extend(without);
        let faces = match finder(folder, film) {
            Ok(faces) => faces,
            Err(why) => {
                lacking.push(why);
                None
            }
        };
        for why in lacking {
            show.note(&format!(
                "note: takes of {} {} are measured without all that its plan asks for: {why}",
                scene.name, shot.name
            ));
        }
        Ok(Self {
            vault: vault.clone(),
            shot: of_shot,
            subjects: Arc::new(subjects),
            sought: Mutex::default(),
            style: None,
            styles: Mutex::default(),
            stage: false,
            faces,
        })
    }

    /// Takes are held against this style, whatever their own is.
    pub fn with_style(mut self, call: &str) -> anyhow::Result<Self> {
        let held = Styles::new(&self.vault).get(call)?;
        self.style = Some(Arc::new(self.against(held.id)));
        Ok(self)
    }

    /// Adherence to the stage is judged too.
    pub fn with_stage(mut self, shot: &Shot) -> anyhow::Result<Self> {
        anyhow::ensure!(
            shot.blocking.is_some(),
            "shot {} is not blocked, so there is no stage to hold its takes against; give it a [scene.shot.blocking] in \
             film.toml, or leave --stage out",
            shot.name
        );
        self.stage = true;
        Ok(self)
    }

    /// What is asked of a take.
    pub fn asked(&self, take: &TakeManifest) -> AskedFor {
        // A take whose request is gone has no keyframes and no style that could be known.
        let request = dailies::request(&self.vault, take).ok();
        let own = dailies::style_of(&self.vault, take).ok().flatten();
        AskedFor {
            plan: self.shot.plan(take, request.as_ref()),
            style: match (&self.style, own) {
                (Some(named), _) => Some(named.clone()),
                (None, Some(own)) => Some(self.own(own)),
                (None, None) => None,
            },
            stage: self.stage.then(|| self.shot.stage(take)).flatten(),
            subjects: self.sought(take.rate),
            faces: self.faces.clone(),
        }
    }

    fn sought(&self, rate: Rate) -> Option<Arc<Against<Vec<Sought>>>> {
        let id = self.subjects.id(rate)?;
        let mut all = self.sought.lock().unwrap_or_else(PoisonError::into_inner);
        let made = all.entry(id).or_insert_with(|| {
            let subjects = self.subjects.clone();
            Arc::new(Against::new(id, move || subjects.sought(rate)))
        });
        Some(made.clone())
    }

    fn own(&self, id: ObjectId) -> Arc<Against<OfStyle>> {
        let mut styles = self.styles.lock().unwrap_or_else(PoisonError::into_inner);
        styles
            .entry(id)
            .or_insert_with(|| Arc::new(self.against(id)))
            .clone()
    }

    fn against(&self, id: ObjectId) -> Against<OfStyle> {
        let vault = self.vault.clone();
        Against::new(id, move || of_style(&vault, &id).map_err(|e| format!("{e:#}")))
    }
}

/// What finds faces, where the charter forbids them; made ready when the first take needs it.
fn finder(folder: &Path, film: &Film) -> Result<Option<FaceFinder>, String> {
    if film.charter.faces == Faces::Allowed {
        return Ok(None);
    }
    let Some(path) = &film.charter.face_detector else {
        return Err(
            "the charter forbids faces, and nothing looks for them; name a network that does in its face_detector"
                .into(),
        );
    };
    let name = path.display().to_string();
    let network = std::fs::read(folder.join(path)).map_err(|why| {
        format!(
            "the charter forbids faces, and {name}, which is to find them, could not be read ({why}); put it into the \
             film's folder"
        )
    })?;
    Ok(Some(Arc::new(Against::new(faces::id(&network), move || {
        faces::open(&network, &name).map_err(|e| e.to_string())
    }))))
}

/// A style's pictures and its drift.
fn of_style(vault: &Vault, id: &ObjectId) -> anyhow::Result<OfStyle> {
    let style: Style = serde_json::from_slice(&vault.read(id)?).with_context(|| {
        format!(
            "the style {} can not be read; `heirloom vault verify` tells whether it is whole",
            id.short()
        )
    })?;
    let side = MeasureOptions::default().side_px;
    let mut pictures = Vec::new();
    for exemplar in &style.exemplars {
        pictures.push(preview::decode(&vault.read(exemplar)?, &exemplar.short(), side)?);
    }
    let drift = Styles::new(vault).reference(&style)?.map(|reference| {
        let drift: StyleDrift = Box::new(move |view| reference.drift(&Features::of(view)).total);
        drift
    });
    Ok(OfStyle {
        exemplars: Exemplars::of(pictures.iter().filter_map(Preview::view)),
        drift,
    })
}
