//! Pictures made by arithmetic, and draws of them in temporary folders.
// Helpers of tests: what fails here fails the test. Not every test uses all of them.
#![allow(dead_code, clippy::unwrap_used)]

use heirloom_engine::local::{Control, Generator};
use heirloom_engine::{Draft, Failure, Inputs, Order, Param, Request, TakeManifest, Task, manifest_of};
use heirloom_engine_exemplar::engine::{Exemplar, NAME, REVISION};
use heirloom_engine_exemplar::take::{ExemplarTake, Facts};
use heirloom_film::{Rate, Size};
use heirloom_picture::png;
use heirloom_vault::ObjectId;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files by hash.
#[derive(Clone, Default)]
pub struct Files(pub HashMap<ObjectId, PathBuf>);

impl Inputs for Files {
    fn read(&self, object: &ObjectId) -> Result<Vec<u8>, Failure> {
        std::fs::read(self.path(object)?).map_err(|e| Failure::lasting("input", e.to_string()))
    }

    fn path(&self, object: &ObjectId) -> Result<PathBuf, Failure> {
        self.0
            .get(object)
            .cloned()
            .ok_or_else(|| Failure::lasting("input", "there is no such source"))
    }
}

/// Two photographs of a kind in a folder: cells on a gradient, and stars in the dark.
pub fn two_photographs(folder: &Path) -> (Files, ObjectId, ObjectId) {
    let (w, h) = (300u32, 220u32);
    let wave = |v: i64, n: i64| -> i64 { ((v.rem_euclid(2 * n)) - n).abs() * 255 / n };
    let mix = |mut v: u64| {
        v = (v ^ (v >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        v = (v ^ (v >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        v ^ (v >> 32)
    };
    let cells: Vec<[u8; 3]> = (0..w * h)
        .map(|i| {
            let (x, y) = (i64::from(i % w), i64::from(i / w));
            let grain = (mix(u64::from(i)) % 23) as i64;
            let a = wave(x * 3 + y * y / 40, 40) * wave(y * 2 - x / 3, 31) / 255;
            let b = wave(x + 2 * y, 90);
            let byte = |v: i64| v.clamp(0, 255) as u8;
            [
                byte(60 + a / 2 + grain),
                byte(30 + b / 2 + a / 4 + grain),
                byte(90 - a / 4 + b / 3 + grain),
            ]
        })
        .collect();
    let stars: Vec<[u8; 3]> = (0..w * h)
        .map(|i| {
            let (x, y) = (i64::from(i % w), i64::from(i / w));
            let cloud = wave(x * 2 + wave(y, 50) / 4, 110) * wave(y * 3 + x / 5, 130) / 255;
            let star = mix(u64::from(i) + 99) % 211 == 0;
            let byte = |v: i64| v.clamp(0, 255) as u8;
            if star {
                [240, 235, 250]
            } else {
                [byte(14 + cloud / 2), byte(12 + cloud / 6), byte(20 + cloud / 3)]
            }
        })
        .collect();
    let mut files = Files::default();
    let mut ids = Vec::new();
    for (name, codes) in [("cells.png", cells), ("stars.png", stars)] {
        let path = folder.join(name);
        png::write8(&path, &codes, w, h).unwrap();
        let id = ObjectId::of(&std::fs::read(&path).unwrap());
        files.0.insert(id, path);
        ids.push(id);
    }
    (files, ids[0], ids[1])
}

/// A request for a small shot.
pub fn request(task: Task, sources: &[ObjectId], frames: u32, flow: Option<&str>, finish: f64) -> Request {
    let mut params = BTreeMap::from([("finish".to_string(), Param::Number(finish))]);
    if let Some(flow) = flow {
        params.insert("flow".into(), Param::Text(flow.into()));
    }
    Request {
        engine: NAME.into(),
        revision: REVISION,
        task,
        prompt: String::new(),
        mood: String::new(),
        seed: 11,
        size: Size {
            width: 192,
            height: 108,
        },
        rate: Rate::parse("24").unwrap(),
        frames,
        sources: sources.to_vec(),
        keyframes: vec![],
        pictures: Default::default(),
        guides: None,
        style: None,
        params,
    }
}

/// Draws a request into a work folder.
pub fn draw(request: &Request, work: &Path, files: &Files) -> (Order, Draft) {
    let order = Order::new(request.clone(), 0, work, Arc::new(files.clone())).unwrap();
    let mut drafts = Exemplar::new().generate(&order, &Control::new()).unwrap();
    (order, drafts.remove(0))
}

/// The facts of a draft.
pub fn facts(draft: &Draft) -> Facts {
    serde_json::from_value(draft.facts.clone()).unwrap()
}

/// Opens a draft as the take it will be.
pub fn open(request: &Request, order: &Order, draft: &Draft, files: &Files) -> (TakeManifest, ExemplarTake) {
    let (manifest, stored) = manifest_of(request, order.draw, draft).unwrap();
    let mut files = files.clone();
    files.0.extend(stored);
    let take = ExemplarTake::open(&manifest, Arc::new(files)).unwrap();
    (manifest, take)
}
