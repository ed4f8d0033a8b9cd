//! How far seeds lie apart, against renderings of one seed and takes that are like it: figures and a contact sheet.
//!
//! `cargo run -p heirloom-engine-exemplar --example variation -- photo=a.jpg[,b.jpg] out=/folder/name w=480 h=270
//! seeds=8 n=1 flow=curl`
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used)]
use heirloom_engine::distance::{Distance, Signature};
use heirloom_engine::local::{Control, Generator};
use heirloom_engine::{
    Failure, Inputs, Order, Param, Request, TakeFrames, TakeManifest, Task, manifest_of, places, settings,
};
use heirloom_engine_exemplar::{engine, take::ExemplarTake};
use heirloom_film::{Rate, Size};
use heirloom_picture::{color, png};
use heirloom_vault::ObjectId;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Clone)]
struct Files(HashMap<ObjectId, PathBuf>);

impl Inputs for Files {
    fn read(&self, object: &ObjectId) -> Result<Vec<u8>, Failure> {
        std::fs::read(self.path(object)?).map_err(|e| Failure::lasting("input", e.to_string()))
    }
    fn path(&self, object: &ObjectId) -> Result<PathBuf, Failure> {
        let path = self.0.get(object).cloned();
        path.ok_or_else(|| Failure::lasting("input", "not given"))
    }
}

/// A picture: display codes, width and height.
type Shown = (Vec<[u8; 3]>, u32, u32);

struct Studio {
    files: Files,
    work: PathBuf,
    rows: Vec<Vec<Shown>>,
}

impl Studio {
    /// Draws a request: its manifest's id, and what it is compared by. Its first frame goes on the sheet.
    fn draw(&mut self, request: &Request) -> (ObjectId, Signature) {
        let order = Order::new(request.clone(), 0, &self.work, Arc::new(self.files.clone())).unwrap();
        let drafts = engine::Exemplar::new().generate(&order, &Control::new()).unwrap();
        let (manifest, stored) = manifest_of(request, order.draw, &drafts[0]).unwrap();
        self.files.0.extend(stored);
        let id = self.keep(&manifest);
        let take = ExemplarTake::open(&manifest, Arc::new(self.files.clone())).unwrap();
        let frame = take.frame(0).unwrap();
        let codes = color::to_display8(&frame);
        if let Some(row) = self.rows.last_mut() {
            row.push((codes, frame.width(), frame.height()));
        }
        let map = places::PlaceMap::read(&take, 0).unwrap().unwrap();
        let copying = places::copying(&map, &|_| false).unwrap();
        println!(
            "  seed {}: largest piece {:.3} of the frame, {:.3} of its photograph, in place {:.2}",
            request.seed, copying.largest_of_frame, copying.largest_of_photograph, copying.in_place
        );
        (id, Signature::of(&take, request.rate).unwrap())
    }

    fn keep(&mut self, manifest: &TakeManifest) -> ObjectId {
        let bytes = serde_json::to_value(manifest).unwrap().to_string().into_bytes();
        let id = ObjectId::of(&bytes);
        let path = self.work.join(id.to_string());
        std::fs::write(&path, bytes).unwrap();
        self.files.0.insert(id, path);
        id
    }

    fn sheet(&self, path: &str) {
        let (w, h) = (self.rows[0][0].1 as usize, self.rows[0][0].2 as usize);
        let across = self.rows.iter().map(Vec::len).max().unwrap_or(1);
        let mut sheet = vec![[20u8; 3]; (w + 6) * across * (h + 6) * self.rows.len()];
        let stride = (w + 6) * across;
        for (r, row) in self.rows.iter().enumerate() {
            for (c, (codes, ..)) in row.iter().enumerate() {
                for y in 0..h {
                    let at = (r * (h + 6) + y + 3) * stride + c * (w + 6) + 3;
                    sheet[at..at + w].copy_from_slice(&codes[y * w..(y + 1) * w]);
                }
            }
        }
        let rows = (h + 6) * self.rows.len();
        png::write8(std::path::Path::new(path), &sheet, stride as u32, rows as u32).unwrap();
    }
}

fn say(what: &str, all: &[Distance]) {
    let mean = |of: &dyn Fn(&Distance) -> Option<f64>| {
        let told: Vec<f64> = all.iter().filter_map(of).collect();
        if told.is_empty() {
            return "-".to_owned();
        }
        format!("{:.3}", told.iter().sum::<f64>() / told.len() as f64)
    };
    println!(
        "{what}: whole {}, composition {}, matter {}, motion {}",
        mean(&|d| Some(d.whole)),
        mean(&|d| Some(d.composition)),
        mean(&|d| d.matter),
        mean(&|d| d.motion)
    );
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let given: HashMap<&str, &str> = args.iter().filter_map(|a| a.split_once('=')).collect();
    let number = |name: &str, usual: u32| given.get(name).map_or(usual, |v| v.parse().unwrap());
    let out = given.get("out").copied().unwrap_or("variation");
    let work = PathBuf::from(format!("{out}-work"));
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work).unwrap();
    let mut studio = Studio {
        files: Files(HashMap::new()),
        work: work.clone(),
        rows: Vec::new(),
    };
    let mut sources = Vec::new();
    for path in given["photo"].split(',') {
        let id = ObjectId::of(&std::fs::read(path).unwrap());
        studio.files.0.insert(id, PathBuf::from(path));
        sources.push(id);
    }
    let mut params = BTreeMap::from([(settings::FINISH.to_owned(), Param::Number(0.5))]);
    if let Some(flow) = given.get("flow") {
        params.insert(settings::FLOW.into(), Param::Text((*flow).into()));
    }
    let request = Request {
        engine: engine::NAME.into(),
        revision: engine::REVISION,
        task: if given.contains_key("flow") {
            Task::Living
        } else {
            Task::Still
        },
        prompt: String::new(),
        mood: String::new(),
        seed: 1,
        size: Size {
            width: number("w", 480),
            height: number("h", 270),
        },
        rate: Rate::CINEMA,
        frames: number("n", 1),
        sources,
        keyframes: vec![],
        pictures: BTreeMap::default(),
        guides: None,
        style: None,
        params,
    };
    println!("seeds");
    studio.rows.push(Vec::new());
    let seeds: Vec<(ObjectId, Signature)> = (1..=u64::from(number("seeds", 8)))
        .map(|seed| {
            if studio.rows.last().is_some_and(|row| row.len() == 4) {
                studio.rows.push(Vec::new());
            }
            studio.draw(&Request {
                seed,
                ..request.clone()
            })
        })
        .collect();
    let mut apart = Vec::new();
    for (i, (_, a)) in seeds.iter().enumerate() {
        apart.extend(seeds[i + 1..].iter().map(|(_, b)| a.distance(b)));
    }
    apart.sort_by(|a, b| a.whole.total_cmp(&b.whole));
    let mut same = Vec::new();
    for (name, value) in [(settings::FINISH, 0.0), (settings::STEADY, 1.0)] {
        let mut other = request.clone();
        other.params.insert(name.into(), Param::Number(value));
        same.push(studio.draw(&other).1.distance(&seeds[0].1));
        if let Some(row) = studio.rows.last_mut() {
            row.pop();
        }
    }
    studio.rows.push(Vec::new());
    let mut likes = Vec::new();
    for amount in [0.0, 0.15, 0.3, 0.6, 1.0] {
        let all: Vec<Distance> = (101..=100 + u64::from(number("likes", 2)))
            .map(|seed| {
                let mut like = Request {
                    seed,
                    pictures: BTreeMap::from([(settings::LIKE.to_owned(), seeds[0].0)]),
                    ..request.clone()
                };
                like.params.insert(settings::AMOUNT.into(), Param::Number(amount));
                like.params.insert(settings::FLOW_SEED.into(), Param::Whole(1));
                let drawn = studio.draw(&like).1;
                if seed > 101
                    && let Some(row) = studio.rows.last_mut()
                {
                    row.pop();
                }
                drawn.distance(&seeds[0].1)
            })
            .collect();
        likes.push((amount, all));
    }
    say("between seeds", &apart);
    println!(
        "  nearest {:.3}, farthest {:.3}",
        apart[0].whole,
        apart[apart.len() - 1].whole
    );
    say("one seed, finish or steady changed", &same);
    for (amount, all) in &likes {
        say(&format!("like seed 1, amount {amount}"), all);
    }
    studio.sheet(&format!("{out}.png"));
    let _ = std::fs::remove_dir_all(&work);
}
