//! Takes are held against what is asked of them: a pan against its motion and its mirror image, a style, the stage; and when
//! what is asked changes they are measured again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use heirloom_dailies::asked::{Against, AskedFor, OfShot, OfStyle, ShotPlan};
use heirloom_dailies::index::Index;
use heirloom_dailies::measures::{Exemplars, Expected, LayoutPlan, LayoutPlans, MeasureOptions, Move};
use heirloom_dailies::measuring::{Measuring, nothing};
use heirloom_dailies::staged::Sources;
use heirloom_engine::card::{Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::{
    Card, Draw, Engine, Engines, Failure, Inputs, JobId, JobState, Keyframe, Order, Origin, Request, Share,
    TakeFrames, TakeManifest, Task,
};
use heirloom_film::{Board, Ease, Film, Kind, Motion, Picture, Rate, Shot, Size};
use heirloom_picture::preview::{self, Preview};
use heirloom_picture::resample::{self, Window};
use heirloom_picture::{Image, color};
use heirloom_vault::{ObjectId, Vault};

const FRAMES: u32 = 10;
const SIZE: Size = Size {
    width: 240,
    height: 136,
};

fn photograph() -> &'static Image {
    static PHOTOGRAPH: OnceLock<Image> = OnceLock::new();
    PHOTOGRAPH.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/archive/retina.jpg");
        let small = preview::decode(&std::fs::read(path).unwrap(), "retina.jpg", 600).unwrap();
        color::from_display8(small.codes(), small.width(), small.height()).unwrap()
    })
}

/// A pan over the photograph: what is seen goes `right` widths of the picture in each frame.
struct Pan {
    right: f64,
}

impl TakeFrames for Pan {
    fn size(&self) -> Size {
        SIZE
    }

    fn frames(&self) -> u32 {
        FRAMES
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        let (width, height) = (f64::from(SIZE.width), f64::from(SIZE.height));
        let seen = Window {
            left: 180.0 - f64::from(n) * self.right * width,
            top: 200.0,
            width,
            height,
        };
        Ok(resample::window(photograph(), seen, SIZE.width, SIZE.height))
    }

    fn origins(&self, _: u32, _: u32, _: u32) -> Result<Vec<Origin>, Failure> {
        Ok(Vec::new())
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        Ok(Vec::new())
    }
}

/// Opens takes that say in their facts how they pan. It draws none.
struct Panning(Card);

impl Engine for Panning {
    fn card(&self) -> &Card {
        &self.0
    }

    fn submit(&self, _: Order) -> Result<JobId, Failure> {
        Err(Failure::lasting("draw", "this engine draws nothing"))
    }

    fn poll(&self, _: &JobId) -> Result<JobState, Failure> {
        Ok(JobState::Gone)
    }

    fn cancel(&self, _: &JobId) -> Result<(), Failure> {
        Ok(())
    }

    fn open(&self, take: &TakeManifest, _: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        let right = take.facts["right"]
            .as_f64()
            .ok_or_else(|| Failure::lasting("open", "no pan"))?;
        Ok(Box::new(Pan { right }))
    }
}

struct Room {
    folder: tempfile::TempDir,
    vault: Arc<Vault>,
    engines: Engines,
    index: Index,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Arc::new(Vault::create(&folder.path().join("vault")).unwrap());
        let card = Card {
            engine: "panning".into(),
            revision: 1,
            about: "pans".into(),
            tasks: [Task::Living].into(),
            text: Text::Ignored,
            sources: (1, 2),
            guides: false,
            lengths: Lengths::any(1000),
            sizes: Sizes::UpTo {
                max_pixels: 1 << 20,
                min_side: 16,
            },
            rates: Rates::Any,
            seeded: true,
            repeats: Repeats::Never,
            price: Price::Free,
            local: true,
            settings: Default::default(),
            of_task: Default::default(),
            params: Default::default(),
        };
        let index = Index::open(&vault).unwrap();
        Self {
            folder,
            vault,
            engines: Engines::new().with(Arc::new(Panning(card))),
            index,
        }
    }

    fn manifest(&self, right: f64) -> TakeManifest {
        TakeManifest {
            engine: "panning".into(),
            revision: 1,
            draw: Draw {
                request: ObjectId::of(b"a request"),
                n: 0,
            },
            output: 0,
            size: SIZE,
            rate: Rate::CINEMA,
            frames: FRAMES,
            files: Vec::new(),
            facts: serde_json::json!({ "right": right }),
        }
    }

    fn take(&self, right: f64) -> ObjectId {
        self.vault.put_json(&self.manifest(right)).unwrap()
    }

    /// Which takes are not measured so yet; then they are.
    fn measure(
        &self,
        takes: &[ObjectId],
        asked: &(dyn Fn(&TakeManifest) -> AskedFor + Sync),
    ) -> Vec<ObjectId> {
        let stop = AtomicBool::new(false);
        let measuring = Measuring {
            vault: &self.vault,
            engines: &self.engines,
            index: &self.index,
            asked,
            options: MeasureOptions::default(),
            threads: 2,
            stop: &stop,
        };
        let missing = measuring.missing(takes).unwrap();
        let outcome = measuring.measure(&missing, &|_| ()).unwrap();
        assert_eq!((outcome.measured, outcome.failed), (missing.len(), Vec::new()));
        missing
    }

    fn number(&self, take: &ObjectId, name: &str) -> Option<f64> {
        self.index
            .measured(take)
            .unwrap()
            .unwrap()
            .numbers
            .get(name)
            .copied()
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            folder: self.folder.path(),
            archive: None,
        }
    }
}

fn pan(right: f64) -> Arc<Against<ShotPlan>> {
    let moves = [Move {
        right,
        ..Move::default()
    }; FRAMES as usize - 1];
    let plan = ShotPlan {
        motion: Some(Expected::of_moves(&moves)),
        layout: None,
    };
    Arc::new(Against::of(
        ObjectId::of(format!("a pan of {right}").as_bytes()),
        plan,
    ))
}

#[test]
fn a_pan_is_held_against_its_motion_and_measured_again_when_that_changes() {
    let room = Room::new();
    let takes = [room.take(0.02), room.take(-0.02)];
    assert_eq!(room.measure(&takes, &nothing), takes);
    assert!(room.measure(&takes, &nothing).is_empty());
    assert_eq!(room.number(&takes[0], "motion.as_asked"), None);

    let right = |_: &TakeManifest| AskedFor {
        plan: Some(pan(0.02)),
        ..AskedFor::default()
    };
    assert_eq!(room.measure(&takes, &right), takes);
    assert!(room.measure(&takes, &right).is_empty());
    let as_asked = |take| room.number(take, "motion.as_asked").unwrap();
    assert!(as_asked(&takes[0]) > 0.95, "{}", as_asked(&takes[0]));
    assert!(as_asked(&takes[1]) < -0.95, "{}", as_asked(&takes[1]));
    let gain = room.number(&takes[0], "motion.gain").unwrap();
    assert!((gain - 1.0).abs() < 0.1, "{gain}");

    // The other way round; and of one take only, as its own manifest says.
    let left = |take: &TakeManifest| AskedFor {
        plan: Some(pan(if take.facts["right"] == 0.02 { -0.02 } else { 0.02 })),
        ..AskedFor::default()
    };
    assert_eq!(room.measure(&takes, &left), takes[..1]);
    assert!(as_asked(&takes[0]) < -0.95 && as_asked(&takes[1]) < -0.95);

    // What is not asked any more is not kept.
    assert_eq!(room.measure(&takes, &nothing), takes);
    assert_eq!(room.number(&takes[0], "motion.as_asked"), None);
    drop(room.index);
    let index = Index::open(&room.vault).unwrap();
    assert!(index.measured(&takes[0]).unwrap().is_some());
    assert_eq!(index.against(&takes[0]).unwrap(), BTreeMap::new());
}

#[test]
fn a_style_is_made_once_and_its_numbers_stay_while_none_is_asked() {
    let room = Room::new();
    let takes = [room.take(0.01), room.take(0.02), room.take(-0.01)];
    let made = Arc::new(AtomicUsize::new(0));
    let style = |name: &'static [u8], drift: f64| {
        let made = made.clone();
        Arc::new(Against::new(ObjectId::of(name), move || {
            made.fetch_add(1, Ordering::SeqCst);
            let own = Preview::of_image(&Pan { right: 0.01 }.frame(0).unwrap(), 480);
            Ok(OfStyle {
                exemplars: Exemplars::of(own.view()),
                drift: Some(Box::new(move |view| drift + f64::from(view.width()))),
            })
        }))
    };
    let father = style(b"father", 0.5);
    let asked = |_: &TakeManifest| AskedFor {
        style: Some(father.clone()),
        ..AskedFor::default()
    };
    assert_eq!(room.measure(&takes, &asked), takes);
    assert_eq!(made.load(Ordering::SeqCst), 1);
    for take in &takes {
        // The first frame is the style's own picture; those after it are near.
        let palette = room.number(take, "style.palette").unwrap();
        assert!((0.0..0.2).contains(&palette), "{palette}");
        assert_eq!(room.number(take, "drift.mean"), Some(240.5));
        assert_eq!(room.number(take, "drift.farthest"), Some(240.5));
    }
    // Who asks for no style has nothing against one, and when something else is measured anew its numbers stay.
    assert!(room.measure(&takes, &nothing).is_empty());
    let panned = |_: &TakeManifest| AskedFor {
        plan: Some(pan(0.02)),
        ..AskedFor::default()
    };
    assert_eq!(room.measure(&takes, &panned), takes);
    assert!(room.number(&takes[0], "motion.as_asked").is_some());
    assert_eq!(room.number(&takes[0], "drift.mean"), Some(240.5));
    assert_eq!(
        room.index.against(&takes[0]).unwrap().get("style"),
        Some(&ObjectId::of(b"father"))
    );
    assert_eq!(room.measure(&takes, &nothing), takes);
    let mother = style(b"mother", 1.0);
    let asked = |_: &TakeManifest| AskedFor {
        style: Some(mother.clone()),
        ..AskedFor::default()
    };
    assert_eq!(room.measure(&takes, &asked), takes);
    assert_eq!(room.number(&takes[0], "drift.mean"), Some(241.0));
}

#[test]
fn what_can_not_be_had_is_said_once_and_the_rest_is_measured() {
    let room = Room::new();
    let takes = [room.take(0.01), room.take(0.02)];
    let plan = Arc::new(Against::new(ObjectId::of(b"broken"), || {
        Err("the stage fell down; put it up".to_owned())
    }));
    let asked = |_: &TakeManifest| AskedFor {
        plan: Some(plan.clone()),
        ..AskedFor::default()
    };
    let stop = AtomicBool::new(false);
    let measuring = Measuring {
        vault: &room.vault,
        engines: &room.engines,
        index: &room.index,
        asked: &asked,
        options: MeasureOptions::default(),
        threads: 2,
        stop: &stop,
    };
    let outcome = measuring.measure(&takes, &|_| ()).unwrap();
    assert_eq!((outcome.measured, outcome.failed.len()), (2, 0));
    assert_eq!(
        outcome.without.into_iter().collect::<Vec<_>>(),
        ["without the plan: the stage fell down; put it up"]
    );
    assert!(room.number(&takes[0], "sharpness.blur_px").unwrap() > 0.0);
    // As soon as it can be had they are measured again.
    assert_eq!(measuring.missing(&takes).unwrap(), takes);
}

/// A shot with a storyboard of one drawing, which is what the pan shows first, and the move over it.
fn drawn(room: &Room) -> (Film, Shot) {
    let first = Pan { right: 0.0 }.frame(0).unwrap();
    let codes = color::to_display8(&first);
    heirloom_picture::png::write8(
        &room.folder.path().join("board.png"),
        &codes,
        SIZE.width,
        SIZE.height,
    )
    .unwrap();
    let kind = Kind::Living {
        motion: Motion::default(),
    };
    let mut shot = Shot::new("010", FRAMES, kind);
    shot.boards = vec![Board {
        picture: Picture::File("board.png".into()),
        frames: FRAMES,
        from: [0.0, 0.0, 1.0, 1.0],
        to: [0.0, 0.0, 1.0, 1.0],
        ease: Ease::Linear,
        caption: String::new(),
    }];
    (Film::new("Test"), shot)
}

#[test]
fn pictures_of_a_shot_are_its_layout() {
    let room = Room::new();
    let (film, mut shot) = drawn(&room);
    let takes = [room.take(0.0), room.take(0.04)];
    let (asks, lacking) = OfShot::new(&film, &shot, room.vault.clone(), &room.sources());
    assert_eq!(lacking, Vec::<String>::new());
    let asked = |take: &TakeManifest| AskedFor {
        plan: asks.plan(take, None),
        ..AskedFor::default()
    };
    assert_eq!(room.measure(&takes, &asked), takes);
    let distance = |take| room.number(take, "layout.distance").unwrap();
    assert!(distance(&takes[0]) < 0.02, "{}", distance(&takes[0]));
    assert!(distance(&takes[1]) > 0.2, "{}", distance(&takes[1]));

    // The same plan by another reading of the film is the same; another part of the drawing is another plan.
    let again = OfShot::new(&film, &shot, room.vault.clone(), &room.sources()).0;
    let plan = |asks: &OfShot| asks.plan(&room.manifest(0.0), None).unwrap().id();
    assert_eq!(plan(&again), plan(&asks));
    shot.boards[0].from = [0.25, 0.25, 0.5, 0.5];
    let other = OfShot::new(&film, &shot, room.vault.clone(), &room.sources()).0;
    assert_ne!(plan(&other), plan(&asks));
    std::fs::remove_file(room.folder.path().join("board.png")).unwrap();
    let (none, lacking) = OfShot::new(&film, &shot, room.vault.clone(), &room.sources());
    assert!(none.plan(&room.manifest(0.0), None).is_none());
    assert_eq!(lacking.len(), 1, "{lacking:?}");
    assert!(
        lacking[0].contains("board.png") && lacking[0].contains("film's folder"),
        "{lacking:?}"
    );
}

#[test]
fn keyframes_hold_their_own_frames_alone() {
    let room = Room::new();
    let (film, mut shot) = drawn(&room);
    shot.boards.clear();
    let board = room
        .vault
        .put_bytes(&std::fs::read(room.folder.path().join("board.png")).unwrap());
    let request = Request {
        engine: "panning".into(),
        revision: 1,
        task: Task::Living,
        prompt: String::new(),
        mood: String::new(),
        seed: 0,
        size: SIZE,
        rate: Rate::CINEMA,
        frames: FRAMES,
        sources: Vec::new(),
        keyframes: vec![Keyframe {
            frame: 0,
            object: board.unwrap(),
        }],
        pictures: BTreeMap::new(),
        guides: None,
        style: None,
        params: BTreeMap::new(),
    };
    let asks = OfShot::new(&film, &shot, room.vault.clone(), &room.sources()).0;
    let takes = [room.take(0.04)];
    assert!(asks.plan(&room.manifest(0.04), None).is_none());
    let asked = |take: &TakeManifest| AskedFor {
        plan: asks.plan(take, Some(&request)),
        ..AskedFor::default()
    };
    assert_eq!(room.measure(&takes, &asked), takes);
    // Its first frame is the picture; that those after it go away is none of the keyframe's business.
    let farthest = room.number(&takes[0], "layout.farthest").unwrap();
    assert!(farthest < 0.02, "{farthest}");
    let view = Preview::of_image(&Pan { right: 0.04 }.frame(FRAMES - 1).unwrap(), 480);
    let last = LayoutPlans::exactly(vec![(0, LayoutPlan::of(&view.view().unwrap()))]);
    let asked = |_: &TakeManifest| AskedFor {
        plan: Some(Arc::new(Against::of(
            ObjectId::of(b"the last frame first"),
            ShotPlan {
                motion: None,
                layout: Some(last.clone()),
            },
        ))),
        ..AskedFor::default()
    };
    assert_eq!(room.measure(&takes, &asked), takes);
    assert!(room.number(&takes[0], "layout.farthest").unwrap() > 0.2);
}

#[test]
fn an_index_from_before_keeps_what_was_measured() {
    let room = Room::new();
    let takes = [room.take(0.01)];
    room.measure(&takes, &nothing);
    let before = room.index.measured(&takes[0]).unwrap();
    let path = room.index.path();
    drop(room.index);
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch("DROP TABLE against; PRAGMA user_version = 2;")
        .unwrap();
    drop(database);
    let index = Index::open(&room.vault).unwrap();
    assert_eq!(index.measured(&takes[0]).unwrap(), before);
    assert_eq!(index.against(&takes[0]).unwrap(), BTreeMap::new());
    let objects = BTreeMap::from([("plan".to_owned(), ObjectId::of(b"a plan"))]);
    index.put_against(&takes[0], &objects).unwrap();
    assert_eq!(index.against(&takes[0]).unwrap(), objects);
    // Other numbers, against nothing that is known.
    index.put_measured(&[(takes[0], before.unwrap())]).unwrap();
    assert_eq!(index.against(&takes[0]).unwrap(), BTreeMap::new());
}
