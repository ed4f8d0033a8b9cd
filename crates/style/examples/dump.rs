#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use heirloom_picture::measure::View;
use heirloom_picture::preview::{Preview, decode};
use heirloom_picture::color;
use heirloom_style::drift::Features;
use rayon::prelude::*;
use std::path::PathBuf;
use std::io::Write;

fn crops(whole: &Preview) -> Vec<Preview> {
    let (w, h) = (whole.width() / 3, whole.height() / 3);
    let one = |n: u32| {
        let at = |i: u32| (n / 3 * h + i / w) * whole.width() + n % 3 * w + i % w;
        let codes = (0..w * h).map(|i| whole.codes()[at(i) as usize]).collect();
        Preview::from_codes(codes, w, h).unwrap()
    };
    (0..9).map(one).collect()
}
fn mixed(a: &Preview, b: &Preview, share: f64) -> (Vec<[u8; 3]>, u32, u32) {
    let (w, h) = (a.width().min(b.width()), a.height().min(b.height()));
    let light = |v: u8| color::srgb_decode(f64::from(v) / 255.0);
    let pixel = |i: u32| {
        let at = |p: &Preview| p.codes()[(i / w * p.width() + i % w) as usize];
        let (a, b) = (at(a), at(b));
        std::array::from_fn(|c| color::encode8(((1.0 - share) * light(a[c]) + share * light(b[c])) as f32))
    };
    ((0..w * h).map(pixel).collect(), w, h)
}
fn main() {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let mut out = std::io::BufWriter::new(std::fs::File::create(args.next().unwrap()).unwrap());
    let mut all: Vec<(String, String, Vec<(String, Preview)>)> = vec![];
    for folder in args {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let cut = name.ends_with(".crops");
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        let pics: Vec<Vec<(String, Preview)>> = files.par_iter().map(|p| {
            let f = p.file_name().unwrap().to_string_lossy().into_owned();
            match decode(&std::fs::read(p).unwrap(), &f, 1024) {
                Ok(w) if cut => crops(&w).into_iter().map(|c| (f.clone(), c)).collect(),
                Ok(w) => vec![(f, w)],
                Err(e) => { eprintln!("{f}: {e}"); vec![] }
            }
        }).collect();
        all.push((name.trim_end_matches(".crops").to_owned(), String::new(), pics.into_iter().flatten().collect()));
    }
    for (name, _, pics) in &all {
        let fs: Vec<Features> = pics.par_iter().map(|(_, p)| Features::of(&p.view().unwrap())).collect();
        for ((f, _), x) in pics.iter().zip(&fs) {
            writeln!(out, "{}", serde_json::json!({"a": name, "f": f, "x": x})).unwrap();
        }
    }
    let mut jobs = vec![];
    for h in 0..all.len() { for o in 0..all.len() { if h != o { for n in 0..6usize {
        let i = (n * 7919 + h * 31 + o * 17 + 5) % all[h].2.len();
        let j = (n * 104_729 + h * 13 + o * 41 + 3) % all[o].2.len();
        jobs.push((h, o, i, j));
    }}}}
    let res: Vec<String> = jobs.par_iter().map(|&(h, o, i, j)| {
        let xs: Vec<Features> = [0.0, 0.25, 0.5, 0.75, 1.0].iter().map(|s| {
            let (c, w, hh) = mixed(&all[h].2[i].1, &all[o].2[j].1, *s);
            Features::of(&View::new(&c, w, hh).unwrap())
        }).collect();
        serde_json::json!({"h": all[h].0, "o": all[o].0, "hf": all[h].2[i].0, "of": all[o].2[j].0, "i": i, "j": j, "m": xs}).to_string()
    }).collect();
    for r in res { writeln!(out, "{r}").unwrap(); }
}
