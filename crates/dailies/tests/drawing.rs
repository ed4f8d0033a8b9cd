//! From a plan to takes: what is drawn, kept, retried, refused, stopped and gone on with. The engine here is a
//! small honest one of this test's own, so that each ending can be asked for.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heirloom_archive::{AddOptions, Archive};
use heirloom_dailies::{Drawing, Event, Observer, Outcome, Plan, Why, Work, draw_all, plan, takes};
use heirloom_engine::card::{Knob, Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::gate::SourceGate;
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::{
    Card, Draft, DraftFile, Draw, Engines, Failure, Inputs, Order, Param, Progress, Refusal, TakeFrames,
    TakeManifest, Task,
};
use heirloom_film::{Film, Rate, Size};
use heirloom_vault::{Actor, Filter, Vault, Verb};

/// How the test's engine ends.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Well,
    FailsTwice,
    FailsForGood,
    Refuses,
}

struct Counter {
    card: Card,
    ending: Ending,
    tries: Arc<AtomicU32>,
    frames_made: Arc<AtomicU32>,
}

impl Generator for Counter {
    fn card(&self) -> &Card {
        &self.card
    }

    /// One small file a frame; frames found in the work folder are not made again.
    fn generate(&self, order: &Order, control: &Control) -> Result<Vec<Draft>, Stop> {
        let tries = self.tries.fetch_add(1, Ordering::SeqCst);
        match self.ending {
            Ending::FailsTwice if tries < 2 => {
                return Err(Failure::passing("busy", "the engine was busy").into());
            }
            Ending::FailsForGood => return Err(Failure::lasting("broken", "the engine is broken").into()),
            Ending::Refuses => {
                return Err(Stop::Refused(Refusal {
                    grounds: vec!["not this one".into()],
                }));
            }
            _ => {}
        }
        std::fs::create_dir_all(&order.work).unwrap();
        let mut files = Vec::new();
        for n in 0..order.request.frames {
            control.check()?;
            let path = order.work.join(n.to_string());
            if !path.exists() {
                std::thread::sleep(Duration::from_millis(10));
                self.frames_made.fetch_add(1, Ordering::SeqCst);
                std::fs::write(&path, format!("{} {n}", order.request.seed)).unwrap();
            }
            files.push(DraftFile {
                role: "frame".into(),
                frame: Some(n),
                path,
            });
            control.progress(n + 1, order.request.frames);
        }
        let request = &order.request;
        Ok(vec![Draft {
            output: 0,
            size: request.size,
            rate: request.rate,
            frames: request.frames,
            files,
            facts: serde_json::Value::Null,
        }])
    }

    fn open(&self, _: &TakeManifest, _: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        Err(Failure::lasting("open", "this test reads no frames"))
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<(usize, Event)>>);

impl Observer for Heard {
    fn event(&self, index: usize, event: Event) {
        self.0.lock().unwrap().push((index, event));
    }
}

struct Room {
    folder: tempfile::TempDir,
    vault: Arc<Vault>,
    engines: Engines,
    tries: Arc<AtomicU32>,
    frames_made: Arc<AtomicU32>,
    stop: AtomicBool,
    heard: Heard,
}

impl Room {
    fn new(ending: Ending) -> Self {
        Self::with_card(ending, |_| ())
    }

    fn with_card(ending: Ending, change: impl FnOnce(&mut Card)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Arc::new(Vault::create(&folder.path().join("vault")).unwrap());
        let pictures = folder.path().join("pictures");
        std::fs::create_dir(&pictures).unwrap();
        for (n, name) in ["sea.png", "moon.png"].into_iter().enumerate() {
            let codes: Vec<[u8; 3]> = (0..40 * 30).map(|i| [(i * (n + 3)) as u8, i as u8, 90]).collect();
            heirloom_picture::png::write8(&pictures.join(name), &codes, 40, 30).unwrap();
        }
        let options = AddOptions {
            owner: Some("A. Owner".into()),
            rights: Some("own work".into()),
            ..AddOptions::default()
        };
        Archive::new(&vault).add(&[pictures], &options, &()).unwrap();
        let (tries, frames_made) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let mut card = Card {
            engine: "counter".into(),
            revision: 1,
            about: "counts".into(),
            tasks: BTreeSet::from([Task::Living, Task::Still, Task::Guided, Task::Fill]),
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
            repeats: Repeats::Everywhere,
            price: Price::Free,
            local: true,
            settings: Default::default(),
            of_task: Default::default(),
            params: Default::default(),
        };
        change(&mut card);
        let counter = Counter {
            card,
            ending,
            tries: tries.clone(),
            frames_made: frames_made.clone(),
        };
        Self {
            folder,
            vault,
            engines: Engines::new().with(Arc::new(LocalEngine::new(counter))),
            tries,
            frames_made,
            stop: AtomicBool::new(false),
            heard: Heard::default(),
        }
    }

    fn plan(&self, film: &Film) -> Plan {
        let gate = SourceGate::new(&self.vault, "2026-11-22".parse().unwrap());
        plan(film, self.folder.path(), &self.vault, &self.engines, &gate).unwrap()
    }

    fn draw(&self, plan: &Plan, workers: usize) -> Outcome {
        draw_all(&Drawing {
            plan,
            vault: self.vault.clone(),
            engines: &self.engines,
            work: &self.folder.path().join("work"),
            by: Actor::person("tester"),
            workers,
            stop: &self.stop,
            observer: &self.heard,
        })
        .unwrap()
    }

    fn acts(&self, verb: Verb) -> usize {
        self.vault.ledger().acts(&Filter::verb(verb)).unwrap().len()
    }

    fn works_left(&self) -> usize {
        count(&self.folder.path().join("work/draws"))
    }
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

fn film(shots: &str) -> Film {
    let text = format!("[film]\ntitle = \"T\"\nsize = [64, 32]\n[[scene]]\nname = \"s\"\n{shots}");
    heirloom_film::parse("film.toml", &text)
        .unwrap_or_else(|p| panic!("{p}"))
        .film
}

fn shot(name: &str, frames: u32, seed: u32, source: &str) -> String {
    format!(
        "[[scene.shot]]\nname = \"{name}\"\nframes = {frames}\nseed = {seed}\nkind = \"living\"\n\
         sources = [\"archive:{source}\"]\nprompt = \"a word\"\n"
    )
}

#[test]
fn shots_are_drawn_once_and_kept() {
    let room = Room::new(Ending::Well);
    let film = film(&(shot("010", 5, 1, "sea") + &shot("020", 5, 2, "moon") + &shot("030", 5, 1, "sea")));
    let plan = room.plan(&film);
    assert!(plan.objections.is_empty(), "{:?}", plan.objections);
    let first = room.draw(&plan, 2);
    // Two shots ask for the same thing: it is drawn once, and both have it.
    assert_eq!((first.drawn, first.kept), (2, 0));
    assert_eq!(first.takes[0], first.takes[2]);
    assert_ne!(first.takes[0], first.takes[1]);
    assert_eq!((room.acts(Verb::Requested), room.acts(Verb::Drawn)), (2, 2));
    assert_eq!(
        room.works_left(),
        0,
        "a finished draw's work folder is still there"
    );
    let again = room.draw(&room.plan(&film), 1);
    assert_eq!((again.drawn, again.kept, again.takes), (0, 3, first.takes));
    assert_eq!(room.frames_made.load(Ordering::SeqCst), 10);
    assert!(room.vault.verify(&()).unwrap().is_sound());
}

#[test]
fn words_that_an_engine_ignores_cost_nothing_to_edit() {
    let room = Room::new(Ending::Well);
    let text = shot("010", 5, 1, "sea");
    let one = room.plan(&film(&text));
    let two = room.plan(&film(&text.replace("a word", "quite another word")));
    assert_eq!(one.shots[0].work, two.shots[0].work);
    let three = room.plan(&film(&text.replace("seed = 1", "seed = 2")));
    assert_ne!(one.shots[0].work, three.shots[0].work);
}

/// An engine of words alone, with settings of its own.
#[test]
fn an_engine_that_takes_no_sources_is_asked_with_words_and_its_own_settings() {
    let room = Room::with_card(Ending::Well, |card| {
        card.sources = (0, 0);
        card.text = Text::Required;
        card.params.insert("model".into(), Param::Text("1234".into()));
        let (what, negative) = ("how often".to_owned(), "what not".to_owned());
        card.settings = [
            (
                "steps".to_owned(),
                Knob::Whole {
                    what,
                    min: 1,
                    max: 50,
                },
            ),
            ("negative".to_owned(), Knob::Text { what: negative }),
            (
                "scheduler".to_owned(),
                Knob::Choice {
                    what: "how".into(),
                    of: vec!["euler".into(), "unipc".into()],
                },
            ),
            (
                "loras".to_owned(),
                Knob::Weights {
                    what: "changes".into(),
                    names: [("grain", "b2"), ("film", "a1")]
                        .map(|(n, id)| (n.into(), id.into()))
                        .into(),
                    min: -1.0,
                    max: 2.0,
                },
            ),
        ]
        .into();
    });
    let shot = |settings: &str| {
        film(&format!(
            "[[scene.shot]]\nname = \"010\"\nframes = 5\nkind = \"living\"\nprompt = \"a slow red tide\"\n{settings}"
        ))
    };
    let request = |film: &Film| {
        let plan = room.plan(film);
        assert!(plan.objections.is_empty(), "{:?}", plan.objections);
        match &plan.shots[0].work {
            Work::Draw { request, .. } => request.clone(),
            Work::Plate { .. } => panic!("a plate"),
        }
    };
    let plain = request(&shot(""));
    assert_eq!(
        (plain.sources.len(), plain.prompt.as_str()),
        (0, "a slow red tide")
    );
    assert_eq!(plain.params["model"], Param::Text("1234".into()));
    let set = request(&shot("settings = { steps = 30, negative = \"blurred\" }"));
    assert_eq!(set.params["steps"], Param::Whole(30));
    assert_eq!(set.params["negative"], Param::Text("blurred".into()));
    assert_ne!(set.id().unwrap(), plain.id().unwrap());
    let set = request(&shot(
        "settings = { scheduler = \"euler\", loras = { grain = 0.4, film = 1 } }",
    ));
    assert_eq!(set.params["scheduler"], Param::Text("euler".into()));
    // By what they are, not by what they are called: another name for the same file is the same request.
    assert_eq!(set.params["loras"], Param::Text("a1 1\nb2 0.4\n".into()));
    for (settings, words) in [
        (
            "settings = { step = 30 }",
            "has no setting `step`; there are: loras, negative, scheduler, steps",
        ),
        ("settings = { steps = 51 }", "must be a whole number from 1 to 50"),
        (
            "settings = { steps = 1.5 }",
            "must be a whole number from 1 to 50",
        ),
        ("settings = { negative = true }", "must be words in quotes"),
        (
            "settings = { scheduler = \"ddim\" }",
            "must be one of: euler, unipc",
        ),
        (
            "settings = { loras = { rain = 1 } }",
            "of these: film, grain; there is no `rain`",
        ),
        (
            "settings = { loras = { grain = 9 } }",
            "from -1 to 2 for each name, and `grain` has 9",
        ),
        (
            "settings = { loras = \"grain\" }",
            "names, each with a number from -1 to 2",
        ),
    ] {
        let told = room.plan(&shot(settings)).objections[0].to_string();
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(room.draw(&room.plan(&shot("")), 1).drawn, 1);
    // An engine without settings says so.
    let other = Room::new(Ending::Well);
    let told = other
        .plan(&shot("sources = [\"archive:sea\"]\nsettings = { steps = 30 }"))
        .objections[0]
        .to_string();
    assert!(told.contains("has no settings of its own"), "{told}");
}

/// A film at 24 frames a second and a size of its own, an engine at 16 with lengths of 4n+1 on a grid.
#[test]
fn an_engine_is_asked_at_its_own_rate_length_and_size_for_what_covers_the_shot() {
    let room = Room::with_card(Ending::Well, |card| {
        card.rates = Rates::Only(vec![Rate::new(16, 1).unwrap()]);
        card.lengths = Lengths {
            min_frames: 1,
            max_frames: 161,
            step_frames: 4,
            first_frames: 1,
        };
        card.sizes = Sizes::Grid {
            step: 16,
            max_pixels: 1920 * 1088,
        };
    });
    let asked = |frames: u32, more: &str| {
        let text = format!("{}{more}", shot("010", frames, 1, "sea"));
        let mut film = film(&text);
        film.size = Size::new(1920, 1080).unwrap();
        let plan = room.plan(&film);
        match plan.shots.first().map(|shot| &shot.work) {
            Some(Work::Draw { request, .. }) => {
                Ok((request.frames, request.size.to_string(), request.rate.to_string()))
            }
            _ => Err(plan.objections[0].to_string()),
        }
    };
    let of = |frames, size: &str| Ok((frames, size.to_owned(), "16".to_owned()));
    // Two seconds: frame 47 of the film lies between the engine's 31st and 32nd, so that 33 are needed, which is 4n+1.
    assert_eq!(asked(48, ""), of(33, "1920x1088"));
    assert_eq!(asked(49, ""), of(33, "1920x1088"));
    assert_eq!(asked(50, ""), of(37, "1920x1088"));
    assert_eq!(asked(1, ""), of(1, "1920x1088"));
    assert_eq!(asked(48, "size = [832, 480]\n"), of(33, "832x480"));
    let long = asked(400, "").unwrap_err();
    assert!(long.contains("1 to 161 frames"), "{long}");
}

#[test]
fn drawings_and_masks_are_named_by_their_bytes_and_kept_in_the_vault() {
    let room = Room::new(Ending::Well);
    let drawing = room.folder.path().join("d.png");
    std::fs::write(&drawing, "a drawing").unwrap();
    std::fs::write(room.folder.path().join("m.png"), "a mask").unwrap();
    let text = shot("010", 2, 1, "sea")
        + "layout = { drawing = \"d.png\", strength = 0.5 }\nmotion = { still = \"m.png\" }\n"
        + "[[scene.shot]]\nname = \"020\"\nframes = 2\nkind = \"fill\"\nplate = \"archive:sea\"\nmask = \"m.png\"\n\
           sources = [\"archive:moon\"]\nframe = { up = 0.2 }\n";
    let film = film(&text);
    let plan = room.plan(&film);
    assert!(plan.objections.is_empty(), "{:?}", plan.objections);
    let requests: Vec<_> = plan
        .shots
        .iter()
        .filter_map(|planned| match &planned.work {
            Work::Draw { request, .. } => Some(request),
            _ => None,
        })
        .collect();
    let [drawn, masked] = [&b"a drawing"[..], b"a mask"].map(heirloom_vault::ObjectId::of);
    let pictures = &requests[0].pictures;
    assert_eq!(pictures.get("layout"), Some(&drawn));
    assert_eq!(pictures.get("still"), Some(&masked));
    assert_eq!(requests[0].number("layout_strength"), Some(0.5));
    assert_eq!((requests[1].task, requests[1].sources.len()), (Task::Fill, 2));
    assert_eq!(requests[1].pictures.get("mask"), Some(&masked));
    assert_eq!(requests[1].number("frame_up"), Some(0.2));
    assert_eq!(requests[1].number("frame_left"), None);
    assert_eq!(room.draw(&plan, 1).drawn, 2);
    assert_eq!(std::fs::read(room.vault.path(&drawn)).unwrap(), b"a drawing");
    assert_eq!(std::fs::read(room.vault.path(&masked)).unwrap(), b"a mask");

    // Another drawing is another request; one that is gone is an objection that names it.
    std::fs::write(&drawing, "another drawing").unwrap();
    assert_ne!(room.plan(&film).shots[0].work, plan.shots[0].work);
    assert_eq!(room.plan(&film).shots[1].work, plan.shots[1].work);
    std::fs::remove_file(&drawing).unwrap();
    let words = room.plan(&film).objections[0].to_string();
    assert!(
        words.contains("d.png could not be read") && words.contains("put the layout picture there"),
        "{words}"
    );
}

#[test]
fn a_drawing_that_changes_under_way_stops_its_shot_alone() {
    let room = Room::new(Ending::Well);
    let drawing = room.folder.path().join("d.png");
    std::fs::write(&drawing, "a drawing").unwrap();
    let text = shot("010", 2, 1, "sea") + "layout = { drawing = \"d.png\" }\n" + &shot("020", 2, 2, "moon");
    let film = film(&text);
    let plan = room.plan(&film);
    std::fs::write(&drawing, "another").unwrap();
    let outcome = room.draw(&plan, 1);
    assert_eq!((outcome.drawn, outcome.failed.len()), (1, 1));
    assert!(
        outcome.failed[0].1.contains("was changed since the work began"),
        "{:?}",
        outcome.failed
    );
    assert_eq!(room.draw(&room.plan(&film), 1).drawn, 1);
}

#[test]
fn progress_is_heard_and_never_goes_back() {
    let room = Room::new(Ending::Well);
    room.draw(&room.plan(&film(&shot("010", 30, 1, "sea"))), 1);
    let heard = room.heard.0.lock().unwrap();
    let steps: Vec<u32> = heard
        .iter()
        .filter_map(|(_, e)| match e {
            Event::Progress(Progress {
                done_frames,
                total_frames: 30,
            }) => Some(*done_frames),
            _ => None,
        })
        .collect();
    assert!(
        steps.len() > 2 && steps.windows(2).all(|w| w[0] <= w[1]),
        "{steps:?}"
    );
    assert_eq!(heard.last(), Some(&(0, Event::Drawn)));
}

#[test]
fn a_stop_is_gone_on_from() {
    let room = Room::new(Ending::Well);
    let plan = room.plan(&film(&shot("010", 60, 1, "sea")));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(250));
            room.stop.store(true, Ordering::SeqCst);
        });
        let outcome = room.draw(&plan, 1);
        assert!(outcome.stopped && outcome.takes == [None], "{outcome:?}");
    });
    assert_eq!((room.acts(Verb::Requested), room.acts(Verb::Drawn)), (1, 0));
    assert_eq!(room.works_left(), 1);
    room.stop.store(false, Ordering::SeqCst);
    let outcome = room.draw(&plan, 1);
    assert_eq!(outcome.drawn, 1);
    assert_eq!(
        room.frames_made.load(Ordering::SeqCst),
        60,
        "a finished frame was made again"
    );
    assert_eq!((room.acts(Verb::Requested), room.acts(Verb::Drawn)), (1, 1));
}

#[test]
fn what_may_pass_is_tried_again_under_the_same_draw() {
    let room = Room::new(Ending::FailsTwice);
    let outcome = room.draw(&room.plan(&film(&shot("010", 3, 1, "sea"))), 1);
    assert_eq!((outcome.drawn, room.tries.load(Ordering::SeqCst)), (1, 3));
    assert_eq!((room.acts(Verb::Requested), room.acts(Verb::Drawn)), (1, 1));
}

#[test]
fn a_failure_is_one_shots_and_a_refusal_is_no_failure() {
    for (ending, verb, words) in [
        (Ending::FailsForGood, Verb::Drawn, "broken"),
        (Ending::Refuses, Verb::Refused, "not this one"),
    ] {
        let room = Room::new(ending);
        let outcome = room.draw(&room.plan(&film(&shot("010", 3, 1, "sea"))), 1);
        assert_eq!(outcome.failed.len(), 1);
        assert!(
            outcome.failed[0].0.contains("010") && outcome.failed[0].1.contains(words),
            "{outcome:?}"
        );
        assert_eq!(room.tries.load(Ordering::SeqCst), 1, "it was tried again");
        assert_eq!(room.acts(verb), usize::from(verb == Verb::Refused));
    }
}

#[test]
fn nothing_is_drawn_while_one_shot_has_an_objection() {
    let room = Room::new(Ending::Well);
    let plan = room.plan(&film(&(shot("010", 3, 1, "sea") + &shot("020", 3, 1, "see"))));
    assert!(
        matches!(plan.objections[0].why, Why::Source(_)),
        "{:?}",
        plan.objections
    );
    assert!(
        plan.objections[0].to_string().starts_with("shot s 020: "),
        "{}",
        plan.objections[0]
    );
    let result = draw_all(&Drawing {
        plan: &plan,
        vault: room.vault.clone(),
        engines: &room.engines,
        work: &room.folder.path().join("work"),
        by: Actor::person("tester"),
        workers: 1,
        stop: &room.stop,
        observer: &room.heard,
    });
    assert!(result.is_err());
    assert_eq!(room.acts(Verb::Requested), 0);
}

#[test]
fn a_guided_shot_without_matter_or_with_a_strange_thing_says_what_to_do() {
    let room = Room::new(Ending::Well);
    let guided = "[[scene.shot]]\nname = \"020\"\nframes = 8\nkind = \"guided\"\n[scene.shot.blocking]\n\
                  thing = [{ name = \"a\", shape = \"figure\" }]\n";
    let plan = room.plan(&film(&(shot("010", 3, 1, "sea") + guided)));
    assert_eq!((plan.shots.len(), plan.objections.len()), (1, 1));
    let words = plan.objections[0].to_string();
    assert!(words.starts_with("shot s 020: it has no matter"), "{words}");
    let strange = guided.replace("kind =", "matter = { moon = \"archive:sea\" }\nkind =");
    let words = room.plan(&film(&strange)).objections[0].to_string();
    assert!(
        words.contains("`moon`") && words.contains("there are: a"),
        "{words}"
    );
    let lost = guided.replace("kind =", "sources = [\"archive:see\"]\nkind =");
    assert_eq!(room.plan(&film(&lost)).objections.len(), 1);
}

#[test]
fn a_guided_shot_asks_for_its_guides_by_hash() {
    let room = Room::new(Ending::Well);
    let guided = "[[scene.shot]]\nname = \"020\"\nframes = 8\nkind = \"guided\"\n\
                  matter = { a = \"archive:sea\", \"*\" = [\"archive:sea\"] }\n[scene.shot.blocking]\n\
                  thing = [{ name = \"a\", shape = \"figure\" }]\n";
    let request = |text: &str| {
        let plan = room.plan(&film(text));
        assert!(plan.objections.is_empty(), "{}", plan.objections[0]);
        match &plan.shots[0].work {
            Work::Draw { request, .. } => request.clone(),
            Work::Plate { .. } => panic!("a plate"),
        }
    };
    let one = request(guided);
    assert_eq!(one.sources.len(), 1);
    assert!(one.guides.is_some());
    assert_eq!(one.word("objects"), Some("{\"*\":[0],\"a\":[0]}"));
    // Another blocking is another request.
    let other = request(&guided.replace("\"figure\"", "\"figure\", at = [1, 0, 0]"));
    assert_ne!(one.guides, other.guides);
    // What the engine is handed renders the passes.
    let plan = room.plan(&film(guided));
    let guides = plan.shots[0].guides.clone().unwrap();
    let size = Size {
        width: 32,
        height: 18,
    };
    let frame = heirloom_engine::Guides::frame(&*guides, 3, size).unwrap();
    assert_eq!(frame.object_id.unwrap().values.len(), 32 * 18);
}

#[test]
fn a_take_is_found_by_its_draw_and_holds_its_files() {
    let room = Room::new(Ending::Well);
    let plan = room.plan(&film(&shot("010", 4, 9, "sea")));
    room.draw(&plan, 1);
    let Work::Draw { id, .. } = &plan.shots[0].work else {
        panic!("a plate")
    };
    let take = takes::take_of(&room.vault, &Draw { request: *id, n: 0 })
        .unwrap()
        .unwrap();
    assert_eq!(take.manifest.frames, 4);
    let third = take.manifest.file("frame", Some(2)).unwrap();
    assert_eq!(room.vault.read(&third).unwrap(), b"9 2");
    assert_eq!(
        takes::take_of(&room.vault, &Draw { request: *id, n: 1 }).unwrap(),
        None
    );
    assert!(
        takes::open(&room.vault, &third)
            .unwrap_err()
            .to_string()
            .contains("not a take")
    );
}
