//! Guided shots, asked through the engine: things keep to their sources and their matter to their surfaces.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod common;

use common::{Files, request, two_photographs};
use heirloom_engine::guides::{Certainty, GuideFrame, GuideSet, Guides, Pass};
use heirloom_engine::local::{Control, Generator, Stop};
use heirloom_engine::{Draft, Failure, Inputs, Order, Param, Request, Task, manifest_of};
use heirloom_engine_exemplar::engine::Exemplar;
use heirloom_engine_exemplar::map::UNIT;
use heirloom_engine_exemplar::take::ExemplarTake;
use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_vault::ObjectId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Pixels a frame that the disc goes to the right, and the ground behind it to the left.
const DISC: f32 = 1.5;
const GROUND: f32 = -0.75;
const FRAMES: u32 = 20;

/// A lit disc (id 7) that goes to the right over a ground (id 3) that goes to the left, at any size: a stage of two flat
/// things whose motion is known to the last bit.
struct Stage(BTreeMap<u32, String>);

fn stage() -> Stage {
    Stage(BTreeMap::from([(3, "ground".into()), (7, "disc".into())]))
}

impl Stage {
    /// The id at a pixel of frame `n`.
    fn id(n: u32, x: f32, y: f32, size: Size) -> u32 {
        let by = size.width as f32 / 192.0;
        let middle = (60.0 + DISC * n as f32) * by;
        let (dx, dy) = (x - middle, y - 54.0 * by);
        if dx * dx + dy * dy < (30.0 * by) * (30.0 * by) {
            7
        } else {
            3
        }
    }
}

impl Guides for Stage {
    fn frames(&self) -> u32 {
        FRAMES
    }

    fn names(&self) -> &BTreeMap<u32, String> {
        &self.0
    }

    fn frame(&self, n: u32, size: Size) -> Result<GuideFrame, Failure> {
        let (w, h) = (size.width, size.height);
        let by = w as f32 / 192.0;
        let pixels = || (0..w * h).map(move |i| ((i % w) as f32, (i / w) as f32));
        let ids: Vec<u32> = pixels().map(|(x, y)| Stage::id(n, x, y, size)).collect();
        let way = |id: u32| if id == 7 { DISC * by } else { GROUND * by };
        let motion = |sign: f32| -> Vec<[f32; 2]> { ids.iter().map(|id| [sign * way(*id), 0.0]).collect() };
        let hidden = |other: i64| -> Vec<f32> {
            pixels()
                .zip(&ids)
                .map(|((x, y), id)| {
                    let x = x + other as f32 * way(*id);
                    let out = x < 0.0 || x > (w - 1) as f32;
                    let there = u32::try_from(i64::from(n) + other).unwrap_or(0);
                    if out || Stage::id(there, x, y, size) != *id {
                        1.0
                    } else {
                        0.0
                    }
                })
                .collect()
        };
        let exact = Certainty::Exact;
        let mut clay = Image::new(w, h);
        for (p, ((x, y), id)) in clay.pixels_mut().iter_mut().zip(pixels().zip(&ids)) {
            // Light from the left on the disc, from above on the ground.
            let v = if *id == 7 {
                0.5 - (x - (60.0 + DISC * n as f32) * by) / (100.0 * by)
            } else {
                0.4 - y / h as f32 * 0.3
            };
            *p = [v, v, v, 1.0];
        }
        Ok(GuideFrame {
            color: Some((clay, exact)),
            object_id: Some(Pass {
                values: ids.clone(),
                certainty: exact,
            }),
            motion_next_px: Some(Pass {
                values: motion(1.0),
                certainty: exact,
            }),
            motion_previous_px: Some(Pass {
                values: motion(-1.0),
                certainty: exact,
            }),
            occlusion: Some(Pass {
                values: hidden(1),
                certainty: exact,
            }),
            occlusion_previous: Some(Pass {
                values: hidden(-1),
                certainty: exact,
            }),
            ..GuideFrame::default()
        })
    }
}

/// Files and a stage by hash.
struct Handed(Files, ObjectId);

impl Inputs for Handed {
    fn read(&self, object: &ObjectId) -> Result<Vec<u8>, Failure> {
        self.0.read(object)
    }
    fn path(&self, object: &ObjectId) -> Result<PathBuf, Failure> {
        self.0.path(object)
    }
    fn guides(&self, object: &ObjectId) -> Result<Arc<dyn Guides>, Failure> {
        if *object == self.1 {
            Ok(Arc::new(stage()))
        } else {
            self.0.guides(object)
        }
    }
}

fn guides_id() -> ObjectId {
    ObjectId::of(b"a disc over a ground")
}

fn shot(ground: ObjectId, disc: ObjectId, finish: f64) -> Request {
    let mut request = request(Task::Guided, &[ground, disc], FRAMES, None, finish);
    request.guides = Some(guides_id());
    request.params.insert(
        "objects".into(),
        Param::Text("{\"disc\":[1],\"ground\":[0]}".into()),
    );
    request
}

fn draw(request: &Request, work: &Path, files: &Files) -> Result<(Order, Draft), Stop> {
    let inputs = Arc::new(Handed(files.clone(), guides_id()));
    let order = Order::new(request.clone(), 0, work, inputs).unwrap();
    let mut drafts = Exemplar::new().generate(&order, &Control::new())?;
    Ok((order, drafts.remove(0)))
}

fn open(request: &Request, order: &Order, draft: &Draft, files: &Files) -> ExemplarTake {
    let (manifest, stored) = manifest_of(request, order.draw, draft).unwrap();
    let mut files = files.clone();
    files.0.extend(stored);
    ExemplarTake::open(&manifest, Arc::new(files)).unwrap()
}

#[test]
fn things_keep_to_their_sources_and_matter_to_its_surface() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    let request = shot(cells, stars, 0.0);
    let (order, draft) = draw(&request, &folder.path().join("work"), &files).unwrap();
    let take = open(&request, &order, &draft, &files);
    let size = request.size;
    let (w, h) = (size.width as usize, size.height as usize);
    let mut jumps = [0usize; 2];
    let mut all = 0usize;
    for n in 0..FRAMES {
        let map = take.map(n).unwrap();
        for (i, o) in map.origins().iter().enumerate() {
            let id = Stage::id(n, (i % w) as f32, (i / w) as f32, size);
            let source = take.facts().sources[usize::from(o.source)].object;
            assert_eq!(
                source,
                if id == 7 { stars } else { cells },
                "frame {n}, pixel {i}"
            );
        }
        // Two frames on, a pixel's matter has gone three pixels right, or one and a half left: to a whole place for the disc.
        if n < 2 {
            continue;
        }
        let before = take.map(n - 2).unwrap();
        for y in 0..h {
            for x in 3..w {
                let was = before.origins()[y * w + x - 3];
                let now = map.origins()[y * w + x];
                let on = |k: u32, x: usize| Stage::id(k, x as f32, y as f32, size) == 7;
                if on(n, x) && on(n - 2, x - 3) {
                    all += 1;
                    jumps[0] += usize::from(was.source != now.source);
                    jumps[1] += usize::from(
                        was.source != now.source
                            || (was.x - now.x).abs() > 2 * UNIT
                            || (was.y - now.y).abs() > 2 * UNIT,
                    );
                }
            }
        }
    }
    assert!(all > 10_000);
    assert_eq!(jumps[0], 0, "the disc is made of one photograph");
    // What is made anew because it no longer fits may jump; the rest stays where it is on the disc.
    assert!(jumps[1] * 12 < all, "{} of {all} jump", jumps[1]);
}

#[test]
fn a_stopped_guided_shot_goes_on_to_the_same_bytes_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    let request = shot(cells, stars, 0.5);
    let in_threads = |n: usize, root: &Path| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| draw(&request, root, &files).unwrap().1)
    };
    let whole = in_threads(1, &folder.path().join("whole"));
    let again = in_threads(3, &folder.path().join("again"));
    assert_eq!(whole.facts, again.facts);
    for cut in [1u32, 8, 13, 19] {
        let root = folder.path().join(format!("cut-{cut}"));
        let inputs = Arc::new(Handed(files.clone(), guides_id()));
        let order = Order::new(request.clone(), 0, &root, inputs).unwrap();
        std::fs::create_dir_all(&order.work).unwrap();
        for file in whole.files.iter().filter(|f| f.frame.is_some_and(|n| n < cut)) {
            std::fs::copy(&file.path, order.work.join(file.path.file_name().unwrap())).unwrap();
        }
        for n in 0..cut {
            let name = format!("done-{n:06}");
            std::fs::copy(whole.files[0].path.with_file_name(&name), order.work.join(name)).unwrap();
        }
        let (_, on) = draw(&request, &root, &files).unwrap();
        assert_eq!(on.facts, whole.facts, "cut at {cut}");
    }
}

#[test]
fn what_is_missing_is_named_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    let words = |request: &Request| match draw(request, &folder.path().join("none"), &files) {
        Err(Stop::Failed(failure)) => failure.message,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was drawn"),
    };
    let mut plain = shot(cells, stars, 0.0);
    plain.guides = None;
    assert!(words(&plain).contains("block the shot in film.toml"));
    let mut lost = shot(cells, stars, 0.0);
    lost.guides = Some(ObjectId::of(b"other guides"));
    assert!(words(&lost).contains("draw the shot from its film"));
    let mut long = shot(cells, stars, 0.0);
    long.frames = FRAMES + 1;
    assert!(words(&long).contains("the guides have 20 frames"));
    let mut strange = shot(cells, stars, 0.0);
    strange
        .params
        .insert("without".into(), Param::Text("gravity".into()));
    assert!(words(&strange).contains("there is no part `gravity`"));
}

#[test]
fn guides_in_memory_are_guides_too() {
    let size = Size {
        width: 32,
        height: 18,
    };
    let set = GuideSet {
        size,
        rate: Rate::parse("24").unwrap(),
        names: stage().0,
        light: None,
        frames: (0..3).map(|n| stage().frame(n, size).unwrap()).collect(),
    };
    assert_eq!((set.frames.len(), Guides::frames(&set)), (3, 3));
    let ids = |frame: GuideFrame| frame.object_id.unwrap();
    assert_eq!(
        ids(Guides::frame(&set, 2, size).unwrap()),
        ids(stage().frame(2, size).unwrap())
    );
    assert!(
        Guides::frame(&set, 3, size)
            .unwrap_err()
            .message
            .contains("no frame 3")
    );
    let other = Size {
        width: 64,
        height: 36,
    };
    assert!(
        Guides::frame(&set, 0, other)
            .unwrap_err()
            .message
            .contains("32x18")
    );
}
