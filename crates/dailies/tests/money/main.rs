//! Money through the whole path of a draw: caps, crashes, races, prices. The engine here charges in files that outlive every
//! process, as a server would: each handing in is charged anew, so that what is handed in twice is paid twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod books;
mod crashes;
mod stops;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use heirloom_archive::{AddOptions, Archive};
use heirloom_dailies::money::{Accounts, Caps, Usd, accounts};
use heirloom_dailies::{Drawing, Event, Observer, Outcome, Plan, SqliteQueue, draw_all, help_draw, plan};
use heirloom_engine::card::{Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::gate::SourceGate;
use heirloom_engine::{
    Card, Charge, Draft, DraftFile, Engine, Engines, Failure, Found, Inputs, JobId, JobState, Order,
    Progress, Refusal, TakeFrames, TakeManifest, Task,
};
use heirloom_film::Film;
use heirloom_vault::{Actor, Filter, Vault, Verb};
use serde::{Deserialize, Serialize};

/// What the server remembers of draws when it is asked by their key.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Memory {
    /// Everything.
    Knows,
    /// Nothing, and it says so.
    Forgets,
    /// Jobs by their own names alone: the contract's default.
    ByJob,
    /// It can not be asked.
    Away,
}

/// How its jobs end.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Ending {
    Well,
    Fails,
    FailsOnce,
    Refuses,
    /// Handing in fails before anything is begun, the first time.
    BusyOnce,
    /// It charges, and then the line breaks before it answers, the first time.
    LineBreaks,
    /// Never ends.
    Runs,
}

/// What it says it charged for jobs that gave nothing.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Bill {
    Nothing,
    Full,
    Cents(u64),
    CanNotSay,
}

/// Where the process dies.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Spot {
    /// When handing in, before the server has heard of it.
    BeforeCharge,
    /// When handing in, once the server has charged, before its answer.
    AfterCharge,
    /// While it is made.
    InPoll,
    /// When the take is there, before it is kept.
    BeforeKept,
    /// Once the take is kept, before the queue knows.
    AfterKept,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Setup {
    price: Price,
    memory: Memory,
    ending: Ending,
    bill: Bill,
    spot: Option<Spot>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            price: Price::PerDrawUsd(0.3),
            memory: Memory::Knows,
            ending: Ending::Well,
            bill: Bill::Nothing,
            spot: None,
        }
    }
}

/// An engine far away that costs money.
struct Server {
    card: Card,
    setup: Setup,
    /// One file a draw, one line each time it was charged.
    folder: PathBuf,
    works: Mutex<HashMap<String, Order>>,
}

impl Server {
    fn new(folder: &Path, setup: Setup) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let card = Card {
            engine: "server".into(),
            revision: 1,
            about: "charges".into(),
            tasks: BTreeSet::from([Task::Living]),
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
            price: setup.price,
            local: false,
            settings: Default::default(),
            of_task: Default::default(),
            params: Default::default(),
        };
        Self {
            card,
            setup,
            folder: folder.to_owned(),
            works: Mutex::default(),
        }
    }

    fn dies_at(&self, spot: Spot) {
        if self.setup.spot == Some(spot) {
            std::process::abort();
        }
    }

    fn charges(&self, draw: &str) -> usize {
        std::fs::read_to_string(self.folder.join(draw)).map_or(0, |text| text.lines().count())
    }
}

impl Engine for Server {
    fn card(&self) -> &Card {
        &self.card
    }

    fn submit(&self, order: Order) -> Result<JobId, Failure> {
        let draw = order.draw.to_string();
        self.dies_at(Spot::BeforeCharge);
        let busy = self.folder.join("busy");
        if self.setup.ending == Ending::BusyOnce && !busy.exists() {
            std::fs::write(busy, "").unwrap();
            return Err(Failure::passing("busy", "no room just now"));
        }
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join(&draw))
            .unwrap();
        file.write_all(b"charged\n").unwrap();
        self.dies_at(Spot::AfterCharge);
        if self.setup.ending == Ending::LineBreaks {
            return Err(Failure::uncertain("the line broke"));
        }
        self.works.lock().unwrap().insert(draw.clone(), order);
        Ok(JobId(draw))
    }

    fn poll(&self, job: &JobId) -> Result<JobState, Failure> {
        self.dies_at(Spot::InPoll);
        let works = self.works.lock().unwrap();
        let Some(order) = works.get(&job.0) else {
            let is_there = self.charges(&job.0) > 0 && self.setup.memory != Memory::Forgets;
            return Ok(if is_there {
                JobState::Running(Progress::default())
            } else {
                JobState::Gone
            });
        };
        match self.setup.ending {
            Ending::Runs => return Ok(JobState::Running(Progress::default())),
            Ending::Fails => return Ok(JobState::Failed(Failure::passing("odd", "it came out odd"))),
            Ending::FailsOnce if self.charges(&job.0) == 1 => {
                return Ok(JobState::Failed(Failure::passing("odd", "it came out odd")));
            }
            Ending::Refuses => {
                return Ok(JobState::Refused(Refusal {
                    grounds: vec!["not this one".into()],
                }));
            }
            _ => {}
        }
        std::fs::create_dir_all(&order.work).unwrap();
        let path = order.work.join("clip");
        std::fs::write(&path, format!("clip {}", order.request.seed)).unwrap();
        Ok(JobState::Done(vec![Draft {
            output: 0,
            size: order.request.size,
            rate: order.request.rate,
            frames: order.request.frames,
            files: vec![DraftFile {
                role: "clip".into(),
                frame: None,
                path,
            }],
            facts: serde_json::Value::Null,
        }]))
    }

    fn cancel(&self, _: &JobId) -> Result<(), Failure> {
        Ok(())
    }

    fn find(&self, order: &Order, job: Option<&JobId>) -> Result<Found, Failure> {
        let draw = order.draw.to_string();
        let take_up = || drop(self.works.lock().unwrap().insert(draw.clone(), order.clone()));
        Ok(match self.setup.memory {
            Memory::Knows if self.charges(&draw) > 0 => {
                take_up();
                Found::Job(JobId(draw))
            }
            Memory::Knows => Found::Nothing,
            Memory::Forgets => Found::Unknown,
            Memory::Away => return Err(Failure::passing("away", "the server does not answer")),
            Memory::ByJob => match job {
                Some(job) if self.poll(job)? != JobState::Gone => {
                    take_up();
                    Found::Job(job.clone())
                }
                _ => Found::Unknown,
            },
        })
    }

    fn charged(&self, job: &JobId) -> Result<Charge, Failure> {
        let is_done = matches!(self.poll(job)?, JobState::Done(_));
        if is_done {
            self.dies_at(Spot::BeforeKept);
        }
        Ok(match self.setup.bill {
            Bill::Cents(cents) => Charge::Usd(Usd::from_micros(cents * 10_000)),
            Bill::CanNotSay => Charge::Unknown,
            Bill::Nothing if !is_done => Charge::Nothing,
            Bill::Nothing | Bill::Full => Charge::AsPriced,
        })
    }

    fn open(&self, _: &TakeManifest, _: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        Err(Failure::lasting("open", "this test reads no frames"))
    }
}

/// Hears what happens, and dies where it is told to.
struct Ear {
    dies: bool,
}

impl Observer for Ear {
    fn event(&self, _: usize, event: Event) {
        if self.dies && event == Event::Drawn {
            std::process::abort();
        }
    }
}

/// A film's folder with a plan of `shots` draws.
struct Room {
    _folder: Option<tempfile::TempDir>,
    root: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Room {
    /// `budget` is what stands in film.toml before the scenes; scene `a` has half of the shots, `b` the others.
    fn new(budget: &str, scene_cap: &str, shots: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let vault = Vault::create(&root.join("vault")).unwrap();
        let pictures = root.join("pictures");
        std::fs::create_dir(&pictures).unwrap();
        let codes: Vec<[u8; 3]> = (0..40 * 30).map(|i| [i as u8, (i / 7) as u8, 90]).collect();
        heirloom_picture::png::write8(&pictures.join("sea.png"), &codes, 40, 30).unwrap();
        let options = AddOptions {
            owner: Some("A. Owner".into()),
            rights: Some("own work".into()),
            ..AddOptions::default()
        };
        Archive::new(&vault).add(&[pictures], &options, &()).unwrap();
        let room = Self {
            _folder: Some(folder),
            root,
            stop: Arc::default(),
        };
        room.write(budget, scene_cap, shots);
        room
    }

    fn at(root: &Path) -> Self {
        Self {
            _folder: None,
            root: root.to_owned(),
            stop: Arc::default(),
        }
    }

    fn write(&self, budget: &str, scene_cap: &str, shots: u32) {
        let mut text = format!("[film]\ntitle = \"T\"\nsize = [64, 32]\n{budget}\n");
        for (scene, of) in [("a", 0..shots.div_ceil(2)), ("b", shots.div_ceil(2)..shots)] {
            let cap = if scene == "a" { scene_cap } else { "" };
            text += &format!("[[scene]]\nname = \"{scene}\"\nid = \"sc-{scene}\"\n{cap}\n");
            for n in of {
                text += &format!(
                    "[[scene.shot]]\nname = \"{n:03}\"\nframes = 48\nseed = {n}\nkind = \"living\"\nsources = [\"archive:sea\"]\n"
                );
            }
        }
        std::fs::write(self.root.join("film.toml"), text).unwrap();
    }

    fn vault(&self) -> Arc<Vault> {
        Arc::new(Vault::open(&self.root.join("vault")).unwrap())
    }

    fn film(&self) -> Film {
        let loaded = heirloom_film::load(&self.root.join("film.toml"));
        loaded.unwrap_or_else(|problems| panic!("{problems}")).film
    }

    fn engines(&self, setup: Setup) -> Engines {
        Engines::new().with(Arc::new(Server::new(&self.root.join("server"), setup)))
    }

    fn plan(&self, setup: Setup) -> Plan {
        let vault = self.vault();
        let gate = SourceGate::new(&vault, "2026-11-22".parse().unwrap());
        let plan = plan(&self.film(), &self.root, &vault, &self.engines(setup), &gate).unwrap();
        assert!(plan.objections.is_empty(), "{:?}", plan.objections);
        plan
    }

    fn with<T>(&self, setup: Setup, workers: usize, run: impl FnOnce(&Drawing<'_>) -> T) -> T {
        run(&Drawing {
            plan: &self.plan(setup),
            vault: self.vault(),
            engines: &self.engines(setup),
            work: &self.root.join("work"),
            by: Actor::person("tester"),
            workers,
            stop: &self.stop,
            observer: &Ear {
                dies: setup.spot == Some(Spot::AfterKept),
            },
        })
    }

    fn draw(&self, setup: Setup, workers: usize) -> Outcome {
        self.with(setup, workers, |drawing| draw_all(drawing).unwrap())
    }

    fn help(&self, setup: Setup, workers: usize) -> u32 {
        self.with(setup, workers, |drawing| help_draw(drawing).unwrap())
    }

    /// Draws in a process of its own, which `helps` or leads.
    fn begin(&self, setup: Setup, workers: usize, helps: bool) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process_of_its_own", "--ignored", "--nocapture"])
            .env("MONEY_ROOM", &self.root)
            .env("MONEY_SETUP", serde_json::to_string(&setup).unwrap())
            .env("MONEY_HELPS", if helps { "yes" } else { "" })
            .env("MONEY_WORKERS", workers.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn process(&self, setup: Setup) -> ExitStatus {
        self.begin(setup, 1, false).wait().unwrap()
    }

    /// How often the server charged, by draw.
    fn charged(&self) -> BTreeMap<String, usize> {
        let server = Server::new(&self.root.join("server"), Setup::default());
        let files = std::fs::read_dir(&server.folder).unwrap();
        files
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name != "busy")
            .map(|draw| (draw.clone(), server.charges(&draw)))
            .collect()
    }

    fn charges(&self) -> usize {
        self.charged().values().sum()
    }

    fn accounts(&self) -> Accounts {
        accounts(&self.vault(), &Caps::of(&self.film())).unwrap()
    }

    fn drawn(&self) -> usize {
        let vault = self.vault();
        vault.ledger().acts(&Filter::verb(Verb::Drawn)).unwrap().len()
    }

    fn queue(&self) -> SqliteQueue {
        SqliteQueue::open(&self.root.join("work/queue.sqlite")).unwrap()
    }
}

fn cents(cents: u64) -> Usd {
    Usd::from_micros(cents * 10_000)
}

#[test]
#[ignore = "a process of its own, begun by the other tests"]
fn process_of_its_own() {
    let Ok(root) = std::env::var("MONEY_ROOM") else {
        return;
    };
    let setup: Setup = serde_json::from_str(&std::env::var("MONEY_SETUP").unwrap()).unwrap();
    let workers = std::env::var("MONEY_WORKERS").unwrap().parse().unwrap();
    let room = Room::at(Path::new(&root));
    if std::env::var("MONEY_HELPS").unwrap().is_empty() {
        room.draw(setup, workers);
    } else {
        room.help(setup, workers);
    }
}
