//! Shots made from clips as requests: what an engine is asked for, and what stands in the way.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

use std::collections::BTreeSet;
use std::sync::Arc;

use heirloom_archive::{AddOptions, Archive};
use heirloom_dailies::{Plan, Work, plan};
use heirloom_engine::card::{Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::gate::SourceGate;
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::{
    Card, Draft, Engines, Failure, Inputs, Order, Param, Request, TakeFrames, TakeManifest, Task,
};
use heirloom_film::{Rate, Size};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, Master};
use heirloom_vault::Vault;

/// An engine that is only asked what it offers.
struct Asked(Card);

impl Generator for Asked {
    fn card(&self) -> &Card {
        &self.0
    }

    fn generate(&self, _: &Order, _: &Control) -> Result<Vec<Draft>, Stop> {
        Err(Failure::lasting("asked", "this engine is only asked").into())
    }

    fn open(&self, _: &TakeManifest, _: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        Err(Failure::lasting("asked", "this engine is only asked"))
    }
}

/// An archive with a photograph and a clip of ten frames at thirty a second.
fn vault(folder: &std::path::Path) -> Vault {
    let vault = Vault::create(&folder.join("vault")).unwrap();
    let pictures = folder.join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    let codes: Vec<[u8; 3]> = (0..40 * 30).map(|i| [(i * 3) as u8, i as u8, 90]).collect();
    heirloom_picture::png::write8(&pictures.join("sea.png"), &codes, 40, 30).unwrap();
    let (size, rate) = (Size::new(64, 32).unwrap(), Rate::new(30, 1).unwrap());
    let path = pictures.join("rocket.mp4");
    let mut encoder =
        Encoder::start(&Ffmpeg::find().unwrap(), Master::H264, &path, size, rate, None).unwrap();
    for n in 0..10u16 {
        encoder.push(&vec![[n * 6000, 20_000, 9_000]; 64 * 32]).unwrap();
    }
    encoder.finish().unwrap();
    let options = AddOptions {
        owner: Some("A. Owner".into()),
        rights: Some("own work".into()),
        ..AddOptions::default()
    };
    Archive::new(&vault).add(&[pictures], &options, &()).unwrap();
    vault
}

fn planned(vault: &Vault, shot: &str) -> Plan {
    let text = format!(
        "[film]\ntitle = \"T\"\nsize = [64, 32]\n[[scene]]\nname = \"s\"\n[[scene.shot]]\nname = \"010\"\n{shot}"
    );
    let film = heirloom_film::parse("film.toml", &text)
        .unwrap_or_else(|p| panic!("{p}"))
        .film;
    let card = Card {
        engine: "asked".into(),
        revision: 1,
        about: "asked".into(),
        tasks: BTreeSet::from([Task::Style, Task::Extend, Task::Between, Task::Slow]),
        text: Text::Ignored,
        sources: (1, 9),
        guides: false,
        lengths: Lengths::any(1000),
        sizes: Sizes::UpTo {
            max_pixels: 1 << 20,
            min_side: 16,
        },
        rates: Rates::Any,
        seeded: true,
        repeats: Repeats::Everywhere,
        price: Price::Free,
        local: true,
        settings: Default::default(),
        of_task: Default::default(),
        params: Default::default(),
    };
    let engines = Engines::new().with(Arc::new(LocalEngine::new(Asked(card))));
    let gate = SourceGate::new(vault, "2026-11-22".parse().unwrap());
    plan(&film, std::path::Path::new("."), vault, &engines, &gate).unwrap()
}

fn request(vault: &Vault, shot: &str) -> Request {
    let plan = planned(vault, shot);
    assert!(plan.objections.is_empty(), "{}", plan.objections[0]);
    match &plan.shots[0].work {
        Work::Draw { request, .. } => (**request).clone(),
        Work::Plate { .. } => panic!("a plate is not drawn"),
    }
}

fn objection(vault: &Vault, shot: &str) -> String {
    planned(vault, shot).objections[0].to_string()
}

#[test]
fn a_request_names_the_clip_first_and_how_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let sources = Archive::new(&vault).sources().unwrap();
    let id = |stem: &str| sources.iter().find(|s| s.stem == stem).unwrap().object;
    let (clip, sea) = (id("rocket"), id("sea"));

    let style = "frames = 5\nkind = \"style\"\nclip = \"archive:rocket\"\nstart = 3\nstrength = 0.8\nsources = [\"archive:sea\"]";
    let made = request(&vault, style);
    assert_eq!((made.task, &made.sources[..]), (Task::Style, &[clip, sea][..]));
    assert_eq!(made.params["strength"], Param::Number(0.8));
    assert_eq!(made.params["start"], Param::Whole(3));

    let made = request(&vault, "frames = 28\nkind = \"slow\"\nclip = \"archive:rocket\"");
    assert_eq!((made.task, &made.sources[..]), (Task::Slow, &[clip][..]));
    assert_eq!(made.params["pace"], Param::Number(0.25));

    let made = request(&vault, "frames = 9\nkind = \"extend\"\nclip = \"archive:rocket\"");
    assert_eq!((made.task, &made.sources[..]), (Task::Extend, &[clip][..]));
    assert_eq!(made.params["tail"], Param::Whole(24));

    let between = "frames = 9\nkind = \"between\"\nfrom = \"archive:sea\"\nto = \"archive:sea\"";
    let made = request(&vault, between);
    assert_eq!((made.task, &made.sources[..]), (Task::Between, &[sea, sea][..]));
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let say = |shot: &str, words: &[&str]| {
        let said = objection(&vault, shot);
        assert!(words.iter().all(|w| said.contains(w)), "{said}");
    };
    say(
        "frames = 9\nkind = \"slow\"\nclip = \"archive:sea\"",
        &["sea.png is a photograph", "name a clip"],
    );
    say(
        "frames = 9\nkind = \"slow\"\nclip = \"archive:rokcet\"",
        &["did you mean archive:pictures/rocket"],
    );
    // 0.25 of a film's frame is 0.3125 of the clip's: frame 29 of the shot is past frame 9.
    say(
        "frames = 30\nkind = \"slow\"\nclip = \"archive:rocket\"",
        &[
            "rocket.mp4 has 10 frames at 30 a second",
            "the film's 24 a second",
            "needs 11",
            "`pace` smaller",
        ],
    );
    say(
        "frames = 8\nkind = \"style\"\nclip = \"archive:rocket\"\nstart = 1\nsources = [\"archive:sea\"]",
        &["needs 11", "start earlier"],
    );
    say(
        "frames = 5\nkind = \"style\"\nclip = \"archive:rocket\"\nsources = [\"archive:rocket\"]",
        &["the matter of a style shot is photographs"],
    );
    say(
        "frames = 5\nkind = \"between\"\nfrom = \"archive:sea\"\nto = \"archive:rocket\"",
        &["rocket.mp4 is a clip", "made from photographs"],
    );
}
