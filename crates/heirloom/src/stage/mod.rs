//! `heirloom stage`: blocked shots and scene files as passes, as an animatic, as a list of what was read.

mod adhere;
mod animatic;
mod check;
mod glb;
mod render;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_archive::{Archive, Source};
use heirloom_dailies::staged::{self, Shelf, Sources, StageError, Staged};
use heirloom_engine::Engines;
use heirloom_engine::gate::{Action, SourceGate};
use heirloom_film::{Film, Rate, Scene, Shot, Size};
use heirloom_stage::scene;
use heirloom_vault::Vault;

use crate::args::Stage;
use crate::show::Show;
use crate::{Ended, REFUSED, open};

/// Endings of scene files.
const SCENE_FILES: [&str; 5] = ["glb", "gltf", "usda", "usdc", "usdz"];

/// Do what was asked.
pub fn run(
    folder: &Path,
    engines: &Engines,
    command: &Stage,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    match command {
        Stage::Check { what } => check::run(folder, what.as_deref(), show),
        Stage::Render(options) => render::run(folder, options, show, stop),
        Stage::Adhere(options) => adhere::run(folder, options, show, stop),
        Stage::Animatic(options) => animatic::run(folder, engines, options, show, stop),
        Stage::Glb { shot, to } => glb::run(folder, shot, to.as_deref(), show),
    }
}

/// A film's folder with what its blocking may call on.
struct Room {
    folder: PathBuf,
    film: Film,
    vault: Option<Arc<Vault>>,
    archive: Vec<Source>,
}

impl Room {
    /// Open a film's folder. Writes nothing: a film without a vault has an empty archive.
    fn open(folder: &Path, show: &Show) -> anyhow::Result<Self> {
        let film = open::film(folder, show)?;
        let vault = match folder.join("vault").is_dir() {
            true => Some(open::vault(folder)?),
            false => None,
        };
        let archive = match &vault {
            Some(vault) => Archive::new(vault).sources()?,
            None => Vec::new(),
        };
        Ok(Self {
            folder: folder.to_owned(),
            film,
            vault,
            archive,
        })
    }

    /// Ask `then` with what finds pictures and clears them for `action`.
    fn with_sources<T>(&self, action: Action, then: impl FnOnce(&Sources<'_>) -> T) -> T {
        let gate = self.vault.as_deref().map(|v| SourceGate::new(v, open::today()));
        let shelf = self
            .vault
            .as_deref()
            .zip(gate.as_ref())
            .map(|(vault, gate)| Shelf {
                vault,
                sources: &self.archive,
                gate,
                action,
            });
        then(&Sources {
            folder: &self.folder,
            archive: shelf,
        })
    }

    /// A shot on the stage, or why not, said and ended with the right code.
    fn staged(&self, scene: &Scene, shot: &Shot, action: Action, show: &Show) -> anyhow::Result<Staged> {
        let staged = self.with_sources(action, |sources| staged::stage_shot(&self.film, shot, sources));
        staged.map_err(|error| {
            let label = format!("shot {} {}", scene.name, shot.name);
            match error {
                StageError::NotBlocked(_) => {
                    show.error(&format!("{label}: {}", not_blocked(&self.film)));
                    Ended::Said(1).into()
                }
                error => {
                    show.error(&format!("{label}: {error}"));
                    let refused = matches!(error, StageError::Gate(_));
                    Ended::Said(if refused { REFUSED } else { 1 }).into()
                }
            }
        })
    }

    /// The shot that is called so: by "scene/shot" or by its id.
    fn find(&self, wanted: &str) -> anyhow::Result<(&Scene, &Shot)> {
        let found = self.film.shots().find(|(scene, shot)| {
            format!("{}/{}", scene.name, shot.name) == wanted
                || shot.id.as_ref().is_some_and(|id| id.as_str() == wanted)
        });
        found.ok_or_else(|| {
            let labels: Vec<String> = self
                .film
                .shots()
                .map(|(scene, shot)| format!("{}/{}", scene.name, shot.name))
                .collect();
            let looks_like_a_file = Path::new(wanted).extension().is_some();
            let beside = if looks_like_a_file {
                format!(
                    ", and no file of that name; scene files end in {}",
                    SCENE_FILES.join(", ")
                )
            } else {
                String::new()
            };
            match labels.as_slice() {
                [] => anyhow::anyhow!("there is no shot `{wanted}`{beside}: the film has no shots yet"),
                labels => anyhow::anyhow!(
                    "there is no shot `{wanted}`{beside}; the film has {}",
                    labels.join(", ")
                ),
            }
        })
    }

    /// The shots that are blocked; an error with the mend where there is none.
    fn blocked(&self) -> anyhow::Result<Vec<(&Scene, &Shot)>> {
        let blocked: Vec<_> = self
            .film
            .shots()
            .filter(|(_, shot)| shot.blocking.is_some())
            .collect();
        anyhow::ensure!(
            !blocked.is_empty(),
            "no shot of the film is blocked; give one a [scene.shot.blocking] in film.toml, or name a scene file"
        );
        Ok(blocked)
    }

    /// The shots that are meant: the one called `what`, or every blocked one.
    fn meant(&self, what: Option<&str>) -> anyhow::Result<Vec<(&Scene, &Shot)>> {
        match what {
            Some(what) => Ok(vec![self.find(what)?]),
            None => self.blocked(),
        }
    }
}

fn not_blocked(film: &Film) -> String {
    let blocked: Vec<String> = film
        .shots()
        .filter(|(_, shot)| shot.blocking.is_some())
        .map(|(scene, shot)| format!("{}/{}", scene.name, shot.name))
        .collect();
    let others = match blocked.as_slice() {
        [] => String::new(),
        blocked => format!("; blocked are {}", blocked.join(", ")),
    };
    format!("it is not blocked: give it a [scene.shot.blocking] in film.toml{others}")
}

/// Whether a word on the command line means a scene file: it ends as one and there is one, or no film has such shots.
fn scene_file(what: &str) -> Option<PathBuf> {
    let path = Path::new(what);
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    let named_so = SCENE_FILES.contains(&ending.as_str());
    (named_so || path.is_file()).then(|| path.to_owned())
}

/// What is seen of a scene: through which camera, when, how large.
struct Setup {
    /// For files' names: `cosmos-010`.
    name: String,
    scene: scene::Scene,
    camera: Option<usize>,
    start_s: f64,
    frames: u32,
    rate: Rate,
    size: Size,
    /// All that decides how it looks, but size, camera and passes.
    made_of: serde_json::Value,
}

impl Setup {
    /// A shot's.
    fn of_shot(film: &Film, scene: &Scene, shot: &Shot, staged: Staged) -> Self {
        Self {
            name: file_name(&format!("{}-{}", scene.name, shot.name)),
            camera: Some(staged.blocked.camera_node),
            start_s: staged.blocked.start_s,
            scene: staged.blocked.scene,
            frames: shot.frames,
            rate: film.rate,
            size: film.size,
            made_of: staged.made_of,
        }
    }

    /// A scene file's: its first camera, for as long as it moves.
    fn of_file(path: &Path, rate: Rate, size: Size) -> anyhow::Result<Self> {
        let read = RefCell::new(BTreeMap::new());
        let scene = staged::scene_file(path, &read)?;
        // The last key is seen too.
        let last = scene.duration_s * f64::from(rate.num()) / f64::from(rate.den());
        let frames = (last + 1e-6).clamp(0.0, 1e6).floor() as u32 + 1;
        Ok(Self {
            name: file_name(&path.file_stem().unwrap_or_default().to_string_lossy()),
            camera: scene.camera_node(None),
            start_s: 0.0,
            scene,
            frames,
            rate,
            size,
            made_of: serde_json::json!({ "files": read.into_inner(), "rate": rate }),
        })
    }

    /// The camera called `name`, or the setup's own.
    fn camera_node(&self, name: Option<&str>) -> anyhow::Result<usize> {
        if let Some(name) = name {
            return self.scene.camera_node(Some(name)).ok_or_else(|| {
                anyhow::anyhow!(
                    "{} has no camera called `{name}`; {}",
                    self.name,
                    match self.cameras().as_slice() {
                        [] => "it has none".to_owned(),
                        names => format!("it has {}", names.join(", ")),
                    }
                )
            });
        }
        self.camera.ok_or_else(|| {
            anyhow::anyhow!(
                "{} has no camera; put one in where it was made and export it with cameras, or block a shot with the \
                 file and a `camera` of its own",
                self.name
            )
        })
    }

    /// Names of all cameras.
    fn cameras(&self) -> Vec<String> {
        let nodes = self.scene.nodes.iter();
        nodes
            .filter(|node| node.camera.is_some())
            .map(|node| node.name.clone())
            .collect()
    }

    /// Focal length of a camera's lens at a frame of the shot, in millimetres; none for an orthographic one.
    fn focal_mm(&self, camera_node: usize, frame: u32) -> Option<f64> {
        let camera = self.scene.nodes.get(camera_node)?.camera?;
        let time = heirloom_stage::pose::frame_time_s(self.start_s, frame.into(), self.rate);
        Some(self.scene.cameras.get(camera)?.focal_mm.as_ref()?.at(time))
    }
}

/// A name as a file's: nothing that a file system may not have.
fn file_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '-',
            c if c.is_control() => '-',
            c => c,
        })
        .collect();
    match plain.trim_matches(['.', ' ']) {
        "" => "scene".into(),
        name => name.into(),
    }
}
