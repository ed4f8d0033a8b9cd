//! Care for takes: what every engine must keep, work that goes on, and where pixels come from.

#![allow(clippy::unwrap_used)] // what fails here fails the test

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{Files, draw, request, two_photographs};
use heirloom_engine::card::{Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::conformance::{Fixture, check};
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::{
    Card, Draft, Draw, Engines, Failure, Inputs, Order, Origin, Param, Request, Share, TakeFrames,
    TakeManifest, Task, manifest_of, settings,
};
use heirloom_engine_exemplar::care::{self, Care};
use heirloom_film::{Rate, Size};
use heirloom_picture::{Image, resample};
use heirloom_vault::ObjectId;

/// An engine whose takes are waves that pass, with light that flickers, and that can not say where pixels come from.
struct Shown(Card);

impl Shown {
    fn new() -> Self {
        Self(Card {
            engine: "shown".into(),
            revision: 1,
            about: "waves".into(),
            tasks: BTreeSet::from([Task::Still]),
            text: Text::Ignored,
            sources: (0, 0),
            guides: false,
            lengths: Lengths::any(10_000),
            sizes: Sizes::UpTo {
                max_pixels: 1 << 24,
                min_side: 16,
            },
            rates: Rates::Any,
            seeded: true,
            repeats: Repeats::Everywhere,
            price: Price::Free,
            local: true,
            settings: BTreeMap::new(),
            of_task: Default::default(),
            params: BTreeMap::new(),
        })
    }
}

impl Generator for Shown {
    fn card(&self) -> &Card {
        &self.0
    }

    fn generate(&self, _: &Order, _: &Control) -> Result<Vec<Draft>, Stop> {
        Err(Failure::lasting("test", "its takes are there already").into())
    }

    fn open(&self, take: &TakeManifest, _: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        Ok(Box::new(Waves(take.size, take.frames)))
    }
}

struct Waves(Size, u32);

impl TakeFrames for Waves {
    fn size(&self) -> Size {
        self.0
    }

    fn frames(&self) -> u32 {
        self.1
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        let Size { width, height } = self.0;
        let flicker = [1.0, 1.08, 0.97, 1.02, 0.93][n as usize % 5];
        let pixels = (0..width * height).map(|i| {
            let (x, y) = ((i % width) as f32 + n as f32, (i / width) as f32);
            let v = flicker
                * (0.3 + 0.1 * libm::sinf(x * 0.31 + y * 0.13) + 0.08 * libm::sinf(y * 0.4 - x * 0.07));
            [v, v * 0.9, v * 0.7, 1.0]
        });
        Image::from_pixels(width, height, pixels.collect()).ok_or_else(|| Failure::lasting("test", "size"))
    }

    fn origins(&self, _: u32, _: u32, _: u32) -> Result<Vec<Origin>, Failure> {
        Ok(Vec::new())
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        Ok(Vec::new())
    }
}

fn engines() -> Engines {
    Engines::new()
        .with(Arc::new(heirloom_engine_exemplar::engine::engine()))
        .with(Arc::new(LocalEngine::new(Shown::new())))
}

/// Puts a manifest where its id finds it.
fn put(manifest: &TakeManifest, folder: &Path, files: &mut Files) -> ObjectId {
    let bytes = serde_json::to_vec(manifest).unwrap();
    let id = ObjectId::of(&bytes);
    let path = folder.join(id.to_string());
    std::fs::write(&path, bytes).unwrap();
    files.0.insert(id, path);
    id
}

fn shown(frames: u32, folder: &Path, files: &mut Files) -> ObjectId {
    let manifest = TakeManifest {
        engine: "shown".into(),
        revision: 1,
        draw: Draw {
            request: ObjectId::of(b"shown"),
            n: 0,
        },
        output: 0,
        size: Size {
            width: 64,
            height: 36,
        },
        rate: Rate::CINEMA,
        frames,
        files: Vec::new(),
        facts: serde_json::Value::Null,
    };
    put(&manifest, folder, files)
}

/// What is wished for a take of so many frames.
fn wish(
    take: ObjectId,
    frames: u32,
    size: (u32, u32),
    params: &[(&str, Param)],
    sources: &[ObjectId],
) -> Request {
    Request {
        engine: care::NAME.into(),
        revision: care::REVISION,
        task: Task::Care,
        prompt: String::new(),
        mood: String::new(),
        seed: 3,
        size: Size {
            width: size.0,
            height: size.1,
        },
        rate: Rate::CINEMA,
        frames,
        sources: sources.to_vec(),
        keyframes: Vec::new(),
        pictures: BTreeMap::from([(settings::OF_TAKE.to_owned(), take)]),
        guides: None,
        style: None,
        params: params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    }
}

fn number(v: f64) -> Param {
    Param::Number(v)
}

/// Makes a take and puts it beside the others.
fn made(request: &Request, work: &Path, folder: &Path, files: &mut Files) -> (Draft, TakeManifest, ObjectId) {
    let order = Order::new(request.clone(), 0, work, Arc::new(files.clone())).unwrap();
    let draft = Care::new(engines())
        .generate(&order, &Control::new())
        .unwrap()
        .remove(0);
    let (manifest, stored) = manifest_of(request, order.draw, &draft).unwrap();
    files.0.extend(stored);
    let id = put(&manifest, folder, files);
    (draft, manifest, id)
}

fn bytes(draft: &Draft) -> Vec<Vec<u8>> {
    draft
        .files
        .iter()
        .map(|file| std::fs::read(&file.path).unwrap())
        .collect()
}

#[test]
fn it_keeps_what_every_engine_must() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, cells, _) = two_photographs(folder.path());
    let (short, long) = (
        shown(4, folder.path(), &mut files),
        shown(400, folder.path(), &mut files),
    );
    let all = [
        (settings::DEFLICKER, number(1.0)),
        (settings::UPSCALE, number(2.0)),
        (settings::DETAIL, number(1.0)),
        (settings::DETAIL_FROM, Param::Text("0".into())),
    ];
    let good = wish(short, 4, (128, 72), &all, &[cells]);
    check(&Fixture {
        engine: &care::engine(engines()),
        another: &care::engine(engines()),
        broken: Some(wish(ObjectId::of(b"nothing"), 4, (128, 72), &all, &[cells])),
        refused: Some(wish(short, 4, (64, 36), &[], &[])),
        long: wish(long, 400, (128, 72), &all, &[cells]),
        inputs: Arc::new(files),
        work: &folder.path().join("work"),
        patience: Duration::from_secs(300),
        good,
    })
    .unwrap();
}

#[test]
fn what_can_not_be_is_refused_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let take = shown(4, folder.path(), &mut files);
    let refused = |request: &Request| {
        let order = Order::new(request.clone(), 0, folder.path(), Arc::new(files.clone())).unwrap();
        match Care::new(engines()).generate(&order, &Control::new()) {
            Err(Stop::Refused(refusal)) => refusal.grounds.join("; "),
            other => format!("{other:?}"),
        }
    };
    let twice = [(settings::UPSCALE, number(2.0))];
    assert!(refused(&wish(take, 4, (64, 36), &[], &[])).contains("--deflicker"));
    assert!(refused(&wish(take, 3, (128, 72), &twice, &[])).contains("ask for all of it"));
    assert!(refused(&wish(take, 4, (128, 100), &twice, &[])).contains("same shape"));
    assert!(
        refused(&wish(
            take,
            4,
            (640, 360),
            &[(settings::UPSCALE, number(10.0))],
            &[]
        ))
        .contains("from 1.2 to 4")
    );
    let from = [
        (settings::UPSCALE, number(2.0)),
        (settings::DETAIL_FROM, Param::Text("1".into())),
    ];
    assert!(refused(&wish(take, 4, (128, 72), &from, &[])).contains("numbers of the request's 0 sources"));
    let mut older = wish(take, 4, (128, 72), &twice, &[]);
    older.revision += 1;
    assert!(refused(&older).contains("revision"));
    // A take whose engine is not there.
    let order = Order::new(
        wish(take, 4, (128, 72), &twice, &[]),
        0,
        folder.path(),
        Arc::new(files.clone()),
    )
    .unwrap();
    let Err(Stop::Failed(failure)) = Care::new(Engines::new()).generate(&order, &Control::new()) else {
        unreachable!("made without its engine")
    };
    assert!(
        failure.message.contains("there is no engine `shown`"),
        "{failure}"
    );
}

#[test]
fn stopped_anywhere_it_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, cells, stars) = two_photographs(folder.path());
    let take = shown(6, folder.path(), &mut files);
    let request = wish(
        take,
        6,
        (96, 54),
        &[
            (settings::DEFLICKER, number(0.8)),
            (settings::UPSCALE, number(1.5)),
            (settings::DETAIL, number(1.0)),
            (settings::DETAIL_FROM, Param::Text("0,1".into())),
        ],
        &[cells, stars],
    );
    let whole = made(&request, &folder.path().join("whole"), folder.path(), &mut files).0;
    let expected = bytes(&whole);
    for left in [1, 3, 5] {
        let work = folder.path().join(format!("after {left}"));
        let order = Order::new(request.clone(), 0, &work, Arc::new(files.clone())).unwrap();
        std::fs::create_dir_all(&order.work).unwrap();
        for file in &whole.files {
            let frame = file.frame.unwrap();
            // Of the frame that was under way only what is written first is there.
            if frame < left || (frame == left && file.role == care::LIGHT) {
                std::fs::copy(&file.path, order.work.join(file.path.file_name().unwrap())).unwrap();
            }
        }
        let draft = Care::new(engines())
            .generate(&order, &Control::new())
            .unwrap()
            .remove(0);
        assert!(
            bytes(&draft) == expected,
            "stopped after {left} frames it became another take"
        );
    }
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = one.install(|| made(&request, &folder.path().join("alone"), folder.path(), &mut files).0);
    assert!(bytes(&alone) == expected, "one thread made another take");
}

#[test]
fn a_larger_take_says_where_its_pixels_come_from_and_is_the_same_made_small() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, cells, stars) = two_photographs(folder.path());
    let living = request(Task::Living, &[cells], 2, Some("curl"), 0.5);
    let (order, draft) = draw(&living, &folder.path().join("living"), &files);
    let (manifest, stored) = manifest_of(&living, order.draw, &draft).unwrap();
    files.0.extend(stored);
    let take = put(&manifest, folder.path(), &mut files);
    let all = [
        (settings::UPSCALE, number(2.0)),
        (settings::DETAIL, number(1.0)),
        (settings::DETAIL_FROM, Param::Text("0,1".into())),
    ];
    let larger = wish(take, 2, (384, 216), &all, &[cells, stars]);
    let (_, manifest, id) = made(&larger, &folder.path().join("larger"), folder.path(), &mut files);
    let care = Care::new(engines());
    let (open, below) = (
        care.open(&manifest, Arc::new(files.clone())).unwrap(),
        heirloom_engine_exemplar::take::ExemplarTake::open(
            &serde_json::from_slice(&files.read(&take).unwrap()).unwrap(),
            Arc::new(files.clone()),
        )
        .unwrap(),
    );
    let frame = open.frame(1).unwrap();
    assert_eq!((frame.width(), frame.height()), (384, 216));
    let small = resample::scale_to(&frame, 192, 108);
    let was = below.frame(1).unwrap();
    let off: f32 = small
        .pixels()
        .iter()
        .zip(was.pixels())
        .map(|(a, b)| (a[1] - b[1]).abs())
        .sum();
    assert!(
        off / (192.0 * 108.0) < 0.004,
        "made small again it is {off} away in all"
    );
    // What is fine is there: the frame is sharper than Lanczos' kernel leaves it.
    let lanczos = resample::lanczos(&was, 384, 216);
    let rough = |image: &Image| -> f64 {
        (1..216u32)
            .flat_map(|y| (1..384u32).map(move |x| (x, y)))
            .map(|(x, y)| {
                f64::from((2.0 * image.at(x, y)[1] - image.at(x - 1, y)[1] - image.at(x, y - 1)[1]).abs())
            })
            .sum()
    };
    assert!(
        rough(&frame) > 1.1 * rough(&lanczos),
        "{} beside {}",
        rough(&frame),
        rough(&lanczos)
    );

    let mut seen = 0;
    open.each_origin(1, &mut |x, y, origins| {
        let sum: f64 = origins.iter().map(|o| o.weight).sum();
        assert!((sum - 1.0).abs() < 1e-9, "({x}, {y}): {sum}");
        for o in origins {
            assert!(
                o.x > -3.0 && o.x < 303.0 && o.y > -3.0 && o.y < 223.0,
                "({x}, {y}): {o:?}"
            );
        }
        if (x, y) == (100, 77) {
            assert_eq!(origins, open.origins(1, x, y).unwrap());
        }
        seen += usize::from(origins.len() > 1);
    })
    .unwrap();
    assert!(
        seen > 384 * 216 / 4,
        "what is fine is named at {seen} pixels alone"
    );
    let shares = open.shares().unwrap();
    assert!((shares.iter().map(|s| s.share).sum::<f64>() - 1.0).abs() < 1e-6);
    assert!(open.sources().unwrap().contains(&cells));
    assert!(open.origins(1, 384, 0).is_err() && open.origins(2, 0, 0).is_err());

    // A take that was cared for can be cared for.
    let again = wish(
        id,
        2,
        (384, 216),
        &[(settings::DEFLICKER, number(1.0))],
        &[cells, stars],
    );
    let (_, manifest, _) = made(&again, &folder.path().join("again"), folder.path(), &mut files);
    let twice = care.open(&manifest, Arc::new(files.clone())).unwrap();
    assert_eq!(twice.shares().unwrap(), shares);
    assert_eq!(twice.frame(0).unwrap().width(), 384);
}

#[test]
fn without_photographs_a_take_becomes_larger_by_lanczos() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let take = shown(2, folder.path(), &mut files);
    let request = wish(take, 2, (128, 72), &[(settings::UPSCALE, number(2.0))], &[]);
    let (draft, manifest, _) = made(&request, &folder.path().join("work"), folder.path(), &mut files);
    assert_eq!(draft.files.len(), 2);
    let open = Care::new(engines()).open(&manifest, Arc::new(files)).unwrap();
    let lanczos = resample::lanczos(
        &Waves(
            Size {
                width: 64,
                height: 36,
            },
            2,
        )
        .frame(1)
        .unwrap(),
        128,
        72,
    );
    for (a, b) in open.frame(1).unwrap().pixels().iter().zip(lanczos.pixels()) {
        // Half floats.
        assert!((a[0] - b[0]).abs() <= b[0].abs() / 1024.0, "{a:?} {b:?}");
    }
    assert!(open.shares().unwrap().is_empty() && open.origins(0, 5, 5).unwrap().is_empty());
}
