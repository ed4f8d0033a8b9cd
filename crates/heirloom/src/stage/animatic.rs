//! `heirloom stage animatic`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use heirloom_dailies::staged::{self, StageError};
use heirloom_dailies::{Plan, Planned, Work, takes};
use heirloom_engine::gate::{Action, Gate, SourceGate, SourceUse, Verdict};
use heirloom_engine::{Engines, Failure};
use heirloom_film::{Board, Scene, Shot, Size};
use heirloom_finish::animatic::{Animatic, AnimaticShot, Boards, Kept, Label, Lens, Part, Shown, Slate};
use heirloom_finish::stage_frames::StageFrames;
use heirloom_finish::{Card, FinishError, Footage, Plate, animatic};
use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_stage::passes::{self, Passes, Renderer};
use heirloom_vault::ObjectId;

use super::{Room, Setup, render};
use crate::args::{Prefer, StageAnimatic};
use crate::show::Show;
use crate::{Ended, INTERRUPTED, cut, make, open, selects};

/// The widest animatic that is made unasked.
const WIDEST: u32 = 1280;

/// Make the film's animatic.
pub fn run(
    folder: &Path,
    engines: &Engines,
    options: &StageAnimatic,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    make::threads(options.threads)?;
    let room = Room::open(folder, show)?;
    anyhow::ensure!(
        room.film.shots().next().is_some(),
        "the film has no shots yet: add a [[scene]] with a [[scene.shot]] to {}",
        open::film_toml(folder).display()
    );
    let ffmpeg = Ffmpeg::find()?;
    let sound = sound(&room)?;
    let size = options.size.unwrap_or_else(|| at_most(room.film.size, WIDEST));
    let made = Made::find(&room, engines, size, show)?;
    let work = open::work(folder).join("stage");
    let maker = Maker {
        room: &room,
        made: &made,
        engines,
        ffmpeg: &ffmpeg,
        size,
        work: &work,
        show,
        stop,
    };
    let mut shots = Vec::new();
    let mut counts = Counts::default();
    for (index, (scene, shot)) in room.film.shots().enumerate() {
        let shown = maker.shown(index, scene, shot, options.prefer, &mut counts)?;
        shots.push(AnimaticShot {
            scene: scene.name.clone(),
            shot: shot.name.clone(),
            frames: shot.frames,
            dissolve: shot.dissolve,
            shown,
        });
    }
    let film = &room.film;
    let title_card =
        (film.title_frames > 0).then(|| Card::title(&film.title, size, film.rate, film.title_frames));
    let animatic = Animatic {
        rate: film.rate,
        size,
        title_card,
        shots,
        sound,
        burn_in: !options.no_burn_in,
    };
    let to = options
        .to
        .clone()
        .unwrap_or_else(|| open::out(folder).join("animatic.mp4"));
    if let Some(parent) = to.parent().filter(|p| !p.as_os_str().is_empty()) {
        open::make_folder(parent)?;
    }
    let bar = show.bar("animatic", animatic.timeline()?.frames(), "frames");
    let written = animatic.write(&ffmpeg, &to, &mut |done, of| bar.at(done, of), stop);
    drop(bar);
    let frames = stopped(written, show)?;
    show.say(&format!(
        "{}: {frames} frames, {}, {size}; {counts}",
        to.display(),
        film.rate.timecode(frames)
    ));
    Ok(())
}

/// End well where the user asked to stop.
fn stopped<T>(done: Result<T, FinishError>, show: &Show) -> anyhow::Result<T> {
    match done {
        Err(FinishError::Cancelled) => {
            show.note("Stopped. The stage frames that are there are kept: run it again to go on.");
            Err(Ended::Said(INTERRUPTED).into())
        }
        done => Ok(done?),
    }
}

/// The film's size, scaled down to be at most so wide, and even.
fn at_most(size: Size, widest: u32) -> Size {
    if size.width <= widest {
        return size;
    }
    let height = u64::from(size.height) * u64::from(widest) / u64::from(size.width);
    let height = (height as u32 / 2 * 2).max(Size::MIN_SIDE);
    Size::new(widest, height).unwrap_or(size)
}

/// The scratch sound, else the film's own.
fn sound(room: &Room) -> anyhow::Result<Option<PathBuf>> {
    let Some(scratch) = &room.film.scratch_sound else {
        return make::sound(&room.folder, &room.film);
    };
    let path = room.folder.join(scratch);
    anyhow::ensure!(
        path.is_file(),
        "the scratch sound {} is not there; put it beside film.toml or take `scratch_sound` out of [film]",
        path.display()
    );
    Ok(Some(path))
}

/// How many shots are shown by what.
#[derive(Default)]
struct Counts {
    takes: usize,
    stage: usize,
    boards: usize,
    slates: usize,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            (self.takes, "take", "takes"),
            (self.stage, "stage", "stage"),
            (self.boards, "storyboard", "storyboards"),
            (self.slates, "slate", "slates"),
        ];
        let words: Vec<String> = parts
            .iter()
            .filter(|(n, ..)| *n > 0)
            .map(|(n, one, more)| format!("{n} {}", if *n == 1 { one } else { more }))
            .collect();
        f.write_str(&words.join(", "))
    }
}

/// What was made of the film, as far as its plan is sound.
struct Made {
    /// Plans at the film's size and, where that is another, at the animatic's.
    plans: Vec<Plan>,
    /// The take that every shot of each has: its select, or what was drawn for it as film.toml has it now.
    takes: Vec<Vec<Option<ObjectId>>>,
}

impl Made {
    fn find(room: &Room, engines: &Engines, size: Size, show: &Show) -> anyhow::Result<Self> {
        let mut made = Self {
            plans: Vec::new(),
            takes: Vec::new(),
        };
        let Some(vault) = &room.vault else {
            return Ok(made);
        };
        let mut film = room.film.clone();
        for at in [film.size, size] {
            if at == film.size && !made.plans.is_empty() {
                continue;
            }
            film.size = at;
            let how = make::Planning::default();
            let plan = make::planned(&room.folder, &film, vault, engines, how, show)?;
            // A select of the film's own size is shown in a smaller animatic too, and told of once.
            let show = if made.plans.is_empty() {
                show
            } else {
                &Show::silent()
            };
            made.takes
                .push(selects::takes_of(&plan, &film, (vault, engines), show)?);
            made.plans.push(plan);
        }
        Ok(made)
    }

    /// The shot as it was planned, at the one size and the other, each with its take if there is one.
    fn planned<'m>(
        &'m self,
        scene: &'m Scene,
        shot: &'m Shot,
    ) -> impl Iterator<Item = (&'m Planned, Option<ObjectId>)> {
        let shots = self.plans.iter().zip(&self.takes).flat_map(|(plan, takes)| {
            let takes = takes.iter().copied().chain(std::iter::repeat(None));
            plan.shots.iter().zip(takes)
        });
        shots.filter(move |(planned, _)| planned.scene == scene.name && planned.shot.name == shot.name)
    }
}

/// Finds what each shot is shown by.
struct Maker<'m> {
    room: &'m Room,
    made: &'m Made,
    engines: &'m Engines,
    ffmpeg: &'m Ffmpeg,
    size: Size,
    work: &'m Path,
    show: &'m Show,
    stop: &'m Arc<AtomicBool>,
}

impl Maker<'_> {
    fn shown(
        &self,
        index: usize,
        scene: &Scene,
        shot: &Shot,
        prefer: Prefer,
        counts: &mut Counts,
    ) -> anyhow::Result<Shown> {
        let order = match prefer {
            Prefer::Take => [Prefer::Take, Prefer::Stage, Prefer::Board],
            Prefer::Stage => [Prefer::Stage, Prefer::Take, Prefer::Board],
            Prefer::Board => [Prefer::Board, Prefer::Stage, Prefer::Take],
        };
        for kind in order {
            let found = match kind {
                Prefer::Take => self.take(scene, shot)?,
                Prefer::Stage => self.stage(index, scene, shot)?,
                Prefer::Board => self.boards(scene, shot)?,
            };
            if let Some(shown) = found {
                match kind {
                    Prefer::Take => counts.takes += 1,
                    Prefer::Stage => counts.stage += 1,
                    Prefer::Board => counts.boards += 1,
                }
                return Ok(shown);
            }
        }
        counts.slates += 1;
        let slate = Slate::new(
            &scene.name,
            &shot.name,
            shot.frames,
            self.room.film.rate,
            &shot.prompt,
        );
        Ok(Shown::Pictures(Arc::new(slate.size(self.size))))
    }

    fn warn(&self, scene: &Scene, shot: &Shot, words: &str) {
        self.show
            .note(&format!("warning: shot {} {}: {words}", scene.name, shot.name));
    }

    /// The take or the plate, if there is one and it may leave the house.
    fn take(&self, scene: &Scene, shot: &Shot) -> anyhow::Result<Option<Shown>> {
        let Some(vault) = &self.room.vault else {
            return Ok(None);
        };
        for (planned, take) in self.made.planned(scene, shot) {
            let (footage, uses) = match &planned.work {
                Work::Plate { start } => {
                    let Some(source) = planned.sources.first() else {
                        continue;
                    };
                    let path = vault.path(&source.object);
                    let used = [SourceUse {
                        object: source.object,
                        name: source.name(),
                    }];
                    let plate = Plate::probe(self.ffmpeg, source.object, &path, *start)?;
                    (Footage::Plate(plate), used.to_vec())
                }
                Work::Draw { .. } => {
                    let Some(take) = take else {
                        continue;
                    };
                    let take = takes::open(vault, &take)?;
                    let engine = self.engines.get(Some(&take.manifest.engine))?;
                    let frames = engine.open(&take.manifest, vault.clone())?;
                    // A select may be of other sources than film.toml names now.
                    let used = takes::request(vault, &take.manifest)?.sources;
                    let footage = Footage::of_take(
                        take.id,
                        Arc::from(frames),
                        take.manifest.rate,
                        self.room.film.rate,
                    );
                    (footage, cut::uses(vault, used)?)
                }
            };
            let gate = SourceGate::new(vault, open::today());
            if let Verdict::Refused(grounds) = gate.judge(Action::Export, &uses)? {
                let words: Vec<String> = grounds.iter().map(ToString::to_string).collect();
                self.warn(
                    scene,
                    shot,
                    &format!(
                        "its take is not shown, for it may not leave the house: {}",
                        words.join("; ")
                    ),
                );
                return Ok(None);
            }
            return Ok(Some(Shown::Footage(footage)));
        }
        Ok(None)
    }

    /// The stage, rendered as far as it is not there yet.
    fn stage(&self, index: usize, scene: &Scene, shot: &Shot) -> anyhow::Result<Option<Shown>> {
        if shot.blocking.is_none() {
            return Ok(None);
        }
        let film = &self.room.film;
        let staged = self
            .room
            .with_sources(Action::Export, |sources| staged::stage_shot(film, shot, sources));
        let staged = match staged {
            Ok(staged) => staged,
            // What may not be shown is not shown; what is wrong with the blocking must be mended.
            Err(error @ StageError::Gate(_)) => {
                self.warn(scene, shot, &format!("its stage is not shown: {error}"));
                return Ok(None);
            }
            Err(error) => anyhow::bail!("shot {} {}: {error}", scene.name, shot.name),
        };
        let mut setup = Setup::of_shot(film, scene, shot, staged);
        setup.size = self.size;
        render::warnings(&setup, self.show);
        let camera = setup.camera_node(None)?;
        let lenses: Vec<Option<f64>> = (0..setup.frames).map(|n| setup.focal_mm(camera, n)).collect();
        let zooms = lenses
            .windows(2)
            .any(|w| matches!(w, [Some(a), Some(b)] if (a - b).abs() > 1e-6));
        let labels = move |n: u32| Label {
            what: "stage".into(),
            lens: lenses
                .get(n as usize)
                .copied()
                .flatten()
                .map(|focal_mm| Lens { focal_mm, zooms }),
        };
        let made_of = serde_json::json!({
            "heirloom_stage": heirloom_stage::REVISION,
            "of": setup.made_of,
            "size": self.size,
        });
        // A number before the name, since two names may differ only in what a file's name can not hold.
        let folder = self
            .work
            .join(format!("{index:03}-{}", setup.name))
            .join(self.size.to_string());
        let kept = Kept::open(&folder, self.size, &made_of, Box::new(labels))?;
        self.render(&setup, camera, &kept)?;
        Ok(Some(Shown::Pictures(Arc::new(kept))))
    }

    /// Render what is missing of a shot's colour.
    fn render(&self, setup: &Setup, camera: usize, kept: &Kept) -> anyhow::Result<()> {
        let is_there = |n: u32| kept.path(n).is_file();
        if (0..setup.frames).all(is_there) {
            return Ok(());
        }
        let renderer = Renderer::new(
            &setup.scene,
            passes::Shot {
                camera,
                start_s: setup.start_s,
                rate: setup.rate,
                frames: setup.frames,
                size: setup.size,
            },
        )
        .with_context(|| setup.name.clone())?;
        let bar = self.show.bar(
            &format!("stage of {}", setup.name),
            u64::from(setup.frames),
            "frames",
        );
        let done = StageFrames {
            renderer: &renderer,
            passes: Passes::COLOR,
            range: 0..setup.frames,
            is_there: &is_there,
            write: &|n, frame| match &frame.color {
                Some((image, _)) => kept.put(n, image),
                None => Ok(()),
            },
        }
        .write_missing(&mut |done, of| bar.at(done, of), self.stop);
        drop(bar);
        stopped(done, self.show)?;
        Ok(())
    }

    /// The storyboard.
    fn boards(&self, scene: &Scene, shot: &Shot) -> anyhow::Result<Option<Shown>> {
        if shot.boards.is_empty() {
            return Ok(None);
        }
        let mut boards = Vec::new();
        for board in &shot.boards {
            boards.push(self.board(board).map_err(|words| {
                anyhow::anyhow!(
                    "shot {} {}: the board {}: {words}",
                    scene.name,
                    shot.name,
                    board.picture
                )
            })?);
        }
        let boards = Boards::new(boards, shot.frames, self.size)
            .map_err(|failure| anyhow::anyhow!("shot {} {}: {failure}", scene.name, shot.name))?;
        if let Some(warning) = boards.warning() {
            self.warn(scene, shot, &warning.to_string());
        }
        Ok(Some(Shown::Pictures(Arc::new(boards))))
    }

    fn board(&self, board: &Board) -> Result<animatic::Board, String> {
        // Looked at once before anything is made, so that a missing drawing is known at once; read again when shown,
        // so that a film of drawings needs the room of one.
        let found = self
            .room
            .with_sources(Action::Export, |sources| sources.find(&board.picture))
            .map_err(|error| error.to_string())?;
        heirloom_picture::photo::inspect(&found.bytes, &found.name).map_err(|error| error.to_string())?;
        let (path, name) = (found.path, found.name);
        let drawing = move || {
            let failed = |words: String| Failure::lasting("input", words);
            let bytes =
                std::fs::read(&path).map_err(|error| failed(format!("{name} could not be read: {error}")))?;
            let photo =
                heirloom_picture::photo::decode(&bytes, &name).map_err(|error| failed(error.to_string()))?;
            Ok(photo.image)
        };
        let part = |[x, y, width, height]: [f64; 4]| Part { x, y, width, height };
        Ok(animatic::Board {
            name: board.picture.to_string(),
            drawing: Arc::new(drawing),
            frames: board.frames,
            from: part(board.from),
            to: part(board.to),
            ease: board.ease,
            caption: board.caption.clone(),
        })
    }
}
