//! Makes one shot from photographs and shows chosen frames as PNG, with figures: for judging the engine by eye.
//!
//! `cargo run --release -p heirloom-engine-exemplar --example try -- photo=a.jpg [to=b.jpg] out=/folder/name
//! w=960 h=540 n=96 every=24 flow=curl speed=1 steady=0.5 seed=7 finish=0.5 accelerate=0
//! weights=1,0.4 palette="0.55 0.2 25 1"`
//!
//! A composition: `drawing=d.png strength=0.75`, `labels=l.png label_sources=ff0000:0,0000ff:1`, `still=mask.png`,
//! `stars=1`. A fill, of the first photograph by the others: `fill=1 mask=m.png left=0.2 right=0.2 up=0 down=0`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used)]
use heirloom_engine::local::{Control, Generator};
use heirloom_engine::{Failure, Inputs, Order, Param, Request, Task, manifest_of};
use heirloom_engine_exemplar::making::Over;
use heirloom_engine_exemplar::map::{CoordinateMap, Origin};
use heirloom_engine_exemplar::{engine, measure, take};
use heirloom_film::{Rate, Size};
use heirloom_picture::{color, measure as look, png};
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

/// Seconds that this process's threads have run together; 0 where the system does not tell.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets: state, then 10 more, then user and system time in hundredths.
    let times = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = times.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let given: HashMap<&str, &str> = args.iter().filter_map(|a| a.split_once('=')).collect();
    let number = |name: &str, usual: f64| given.get(name).map_or(usual, |v| v.parse().unwrap());
    let mut files = HashMap::new();
    let mut sources = Vec::new();
    for path in given
        .get("photo")
        .into_iter()
        .flat_map(|p| p.split(','))
        .chain(given.get("to").copied())
    {
        let id = ObjectId::of(&std::fs::read(path).unwrap());
        files.insert(id, PathBuf::from(path));
        sources.push(id);
    }
    let out = given.get("out").copied().unwrap_or("shot");
    let mut pictures = BTreeMap::new();
    for (arg, role) in [
        ("drawing", "layout"),
        ("labels", "labels"),
        ("still", "still"),
        ("mask", "mask"),
    ] {
        if let Some(path) = given.get(arg) {
            let id = ObjectId::of(&std::fs::read(path).unwrap());
            files.insert(id, PathBuf::from(path));
            pictures.insert(role.to_string(), id);
        }
    }
    let task = if given.contains_key("fill") {
        Task::Fill
    } else if given.contains_key("to") {
        Task::Becoming
    } else if given.contains_key("flow") {
        Task::Living
    } else {
        Task::Still
    };
    let mut params = BTreeMap::from([("finish".to_string(), Param::Number(number("finish", 0.5)))]);
    if let Some(flow) = given.get("flow") {
        params.insert("flow".into(), Param::Text((*flow).into()));
        for name in ["speed", "steady", "direction_deg"] {
            if given.contains_key(name) {
                params.insert(name.into(), Param::Number(number(name, 0.0)));
            }
        }
    }
    if given.contains_key("scale") {
        params.insert("scale".into(), Param::Number(number("scale", 1.0)));
    }
    for (arg, name) in [
        ("strength", "layout_strength"),
        ("left", "frame_left"),
        ("right", "frame_right"),
        ("up", "frame_up"),
        ("down", "frame_down"),
    ] {
        if given.contains_key(arg) {
            params.insert(name.into(), Param::Number(number(arg, 0.0)));
        }
    }
    if let Some(words) = given.get("label_sources") {
        params.insert("label_sources".into(), Param::Text(words.replace(',', " ")));
    }
    if given.contains_key("stars") {
        params.insert("still_stars".into(), Param::Flag(true));
    }
    if given.contains_key("accelerate") {
        params.insert("accelerate".into(), Param::Number(number("accelerate", 0.0)));
    }
    for name in ["palette", "weights"] {
        if let Some(text) = given.get(name) {
            params.insert(name.into(), Param::Text((*text).into()));
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
        frames: number("n", 1.0) as u32,
        sources,
        keyframes: vec![],
        pictures,
        guides: None,
        style: None,
        params,
    };
    let work = PathBuf::from(format!("{out}-work"));
    let _ = std::fs::remove_dir_all(&work);
    let order = Order::new(request.clone(), 0, &work, Arc::new(Files(files.clone()))).unwrap();
    let generator = engine::Exemplar::new();
    let begun = Instant::now();
    let drafts = generator.generate(&order, &Control::new()).unwrap();
    let took = begun.elapsed();
    println!(
        "{} frames in {took:.2?}, {:.3?} each; the processor {:.2} s",
        request.frames,
        took / request.frames,
        processor_s()
    );
    let (manifest, stored) = manifest_of(&request, order.draw, &drafts[0]).unwrap();
    let bytes = |role: &str| -> u64 {
        let all = drafts[0].files.iter().filter(|f| f.role == role);
        all.map(|f| std::fs::metadata(&f.path).unwrap().len())
            .sum::<u64>()
            / u64::from(request.frames)
    };
    println!(
        "bytes a frame: map {} over {} weight {} offset {}",
        bytes("map"),
        bytes("over"),
        bytes("weight"),
        bytes("offset")
    );
    files.extend(stored);
    let opened = take::ExemplarTake::open(&manifest, Arc::new(Files(files))).unwrap();
    let views = opened.matter().unwrap();
    let views: Vec<look::View> = views
        .iter()
        .map(|(c, w, h)| look::View::new(c, *w, *h).unwrap())
        .collect();
    let every = number("every", 24.0) as u32;
    let (mut pops, mut worst) = (0.0, 0.0f64);
    let (mut jolts, mut hardest) = (0.0, 0.0f64);
    for n in 0..request.frames {
        let carried = if n > 0 && given.contains_key("pop") {
            engine::carried(&request, n, &opened.map(n - 1).unwrap())
        } else {
            None
        };
        if let Some(carried) = carried {
            let pop = measure::pop(&carried, opened.map(n).unwrap().origins());
            pops += pop;
            worst = worst.max(pop);
            let layers = |n: u32| (opened.map(n).unwrap(), opened.over(n).unwrap());
            let ((old, old_over), (new, new_over)) = (layers(n - 1), layers(n));
            let bring = |map: &[Origin]| {
                let map = CoordinateMap::new(old.width(), old.height(), map.to_vec()).unwrap();
                engine::carried(&request, n, &map).unwrap()
            };
            let before = (
                bring(old.origins()),
                old_over.map(|o| Over {
                    map: bring(&o.map),
                    weight: engine::carried_weight(&request, n, &old, &o.weight).unwrap(),
                }),
            );
            let jolt = measure::jolt((&before.0, before.1.as_ref()), (new.origins(), new_over.as_ref()));
            jolts += jolt;
            hardest = hardest.max(jolt);
        }
        if n % every != 0 && n + 1 != request.frames {
            continue;
        }
        let frame = heirloom_engine::TakeFrames::frame(&opened, n).unwrap();
        let codes = color::to_display8(&frame);
        let (w, h) = (frame.width(), frame.height());
        png::write8(std::path::Path::new(&format!("{out}_{n:03}.png")), &codes, w, h).unwrap();
        let view = look::View::new(&codes, w, h).unwrap();
        println!(
            "frame {n}: chunk {:.0}, sharpness {:.3}, patches {:.3}",
            measure::copying(&opened.map(n).unwrap(), u64::MAX).chunk_pixels,
            look::sharpness_ratio(&view, &views),
            look::patch_distance(&view, &views, 7),
        );
    }
    if given.contains_key("pop") {
        println!(
            "pop {:.4}, at most {worst:.4}; jolt {:.4}, at most {hardest:.4}",
            pops / f64::from(request.frames.max(2) - 1),
            jolts / f64::from(request.frames.max(2) - 1)
        );
    }
    let _ = std::fs::remove_dir_all(&work);
}
