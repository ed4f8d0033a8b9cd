//! Makes one shot from a clip or from two stills and shows chosen frames as PNG: for judging the engine by eye.
//!
//! `cargo run --release -p heirloom-engine-exemplar --example from_clips -- kind=slow clip=a.mp4 out=/folder/name
//! w=960 h=540 n=96 every=24 [start=0 pace=0.25] [strength=1 photo=style.jpg,other.jpg finish=0.5] [tail=24]
//! [from=a.jpg to=b.jpg] seed=7`
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used)]
use heirloom_engine::local::{Control, Generator};
use heirloom_engine::{Failure, Inputs, Order, Param, Request, TakeFrames, Task, manifest_of};
use heirloom_engine_exemplar::{engine, take};
use heirloom_film::{Rate, Size};
use heirloom_picture::{color, png};
use heirloom_vault::ObjectId;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

struct Files(HashMap<ObjectId, PathBuf>);

impl Inputs for Files {
    fn read(&self, object: &ObjectId) -> Result<Vec<u8>, Failure> {
        std::fs::read(self.path(object)?).map_err(|e| Failure::lasting("input", e.to_string()))
    }
    fn path(&self, object: &ObjectId) -> Result<PathBuf, Failure> {
        self.0
            .get(object)
            .cloned()
            .ok_or_else(|| Failure::lasting("input", "not given"))
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let given: HashMap<&str, &str> = args.iter().filter_map(|a| a.split_once('=')).collect();
    let number = |name: &str, usual: f64| given.get(name).map_or(usual, |v| v.parse().unwrap());
    let mut files = HashMap::new();
    let mut sources = Vec::new();
    let named = ["clip", "from", "to", "photo"]
        .iter()
        .filter_map(|name| given.get(name));
    for path in named.flat_map(|p| p.split(',')) {
        let id = ObjectId::of(&std::fs::read(path).unwrap());
        files.insert(id, PathBuf::from(path));
        sources.push(id);
    }
    let out = given.get("out").copied().unwrap_or("shot");
    let task = match given.get("kind").copied() {
        Some("style") => Task::Style,
        Some("extend") => Task::Extend,
        Some("between") => Task::Between,
        _ => Task::Slow,
    };
    let mut params = BTreeMap::new();
    for name in ["finish", "strength", "pace", "scale"] {
        if given.contains_key(name) {
            params.insert(name.to_string(), Param::Number(number(name, 0.0)));
        }
    }
    for name in ["start", "tail"] {
        if given.contains_key(name) {
            params.insert(name.to_string(), Param::Whole(number(name, 0.0) as i64));
        }
    }
    let request = Request {
        engine: engine::NAME.into(),
        revision: engine::REVISION,
        task,
        prompt: String::new(),
        mood: String::new(),
        seed: number("seed", 7.0) as u64,
        size: Size {
            width: number("w", 960.0) as u32,
            height: number("h", 540.0) as u32,
        },
        rate: Rate::parse("24").unwrap(),
        frames: number("n", 24.0) as u32,
        sources,
        keyframes: vec![],
        pictures: BTreeMap::default(),
        guides: None,
        style: None,
        params,
    };
    let folder = tempfile::tempdir().unwrap();
    let order = Order::new(
        request.clone(),
        0,
        &folder.path().join("work"),
        Arc::new(Files(files.clone())),
    )
    .unwrap();
    let begun = Instant::now();
    let exemplar = engine::Exemplar::new();
    let draft = match exemplar.generate(&order, &Control::new()) {
        Ok(mut drafts) => drafts.remove(0),
        Err(stop) => {
            println!("{stop:?}");
            return;
        }
    };
    println!(
        "{} frames in {:.1} s",
        request.frames,
        begun.elapsed().as_secs_f64()
    );
    let (manifest, stored) = manifest_of(&request, order.draw, &draft).unwrap();
    let bytes: u64 = stored.iter().map(|(_, p)| p.metadata().unwrap().len()).sum();
    println!("{} KB a frame", bytes / 1024 / u64::from(request.frames));
    files.extend(stored);
    let take = take::ExemplarTake::open(&manifest, Arc::new(Files(files))).unwrap();
    let every = number("every", 8.0) as u32;
    for n in (0..request.frames).filter(|n| n % every == 0 || n + 1 == request.frames) {
        let codes = color::to_display8(&take.frame(n).unwrap());
        let path = PathBuf::from(format!("{out}-{n:03}.png"));
        png::write8(&path, &codes, request.size.width, request.size.height).unwrap();
    }
}
