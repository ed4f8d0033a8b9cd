//! The contract, kept and broken: a small honest generator passes the conformance suite, and every way of
//! breaking a promise is caught by it.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use heirloom_engine::card::{Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::conformance::{Broken, Fixture, check};
use heirloom_engine::gate::{Action, Gate, SourceGate, SourceUse, Verdict};
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::{
    Card, Draft, DraftFile, Failure, Inputs, Order, Origin, Param, Refusal, Request, Share, TakeFrames,
    TakeManifest, Task,
};
use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_vault::{Actor, ObjectId, Rights, Vault};

/// How a generator may break its promises.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Unrepeatable,
    DeafToCancel,
    LittersOnFailure,
    CallsRefusalFailure,
    WritesElsewhere,
    WrongLength,
    Panics,
}

/// Paints each frame in one grey that the source's bytes and the seed decide.
struct Grey {
    card: Card,
    fault: Fault,
}

/// Counts every run in this process, so that an unrepeatable generator never repeats.
static RUNS: AtomicU32 = AtomicU32::new(1);

impl Grey {
    fn new(fault: Fault) -> Self {
        let card = Card {
            engine: "grey".into(),
            revision: 1,
            about: "one grey a frame".into(),
            tasks: BTreeSet::from([Task::Still]),
            text: Text::Ignored,
            sources: (1, 1),
            guides: false,
            lengths: Lengths::any(10_000),
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
        Self { card, fault }
    }
}

struct GreyTake(TakeManifest, Vec<u8>, ObjectId);

impl TakeFrames for GreyTake {
    fn size(&self) -> Size {
        self.0.size
    }
    fn frames(&self) -> u32 {
        self.0.frames
    }
    fn frame(&self, n: u32) -> Result<Image, Failure> {
        let grey = *self
            .1
            .get(n as usize)
            .ok_or_else(|| Failure::lasting("frame", "past the end"))?;
        let mut image = Image::new(self.0.size.width, self.0.size.height);
        image.pixels_mut().fill([f32::from(grey) / 255.0; 4]);
        Ok(image)
    }
    fn origins(&self, _: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        let (x, y) = (f64::from(x), f64::from(y));
        Ok(vec![Origin {
            source: self.2,
            frame: None,
            x,
            y,
            scaled_to: (1, 1),
            scaled_x: x,
            scaled_y: y,
            weight: 1.0,
            finished: false,
        }])
    }
    fn shares(&self) -> Result<Vec<Share>, Failure> {
        Ok(vec![Share {
            source: self.2,
            share: 1.0,
        }])
    }
}

impl Generator for Grey {
    fn card(&self) -> &Card {
        &self.card
    }
    fn generate(&self, order: &Order, control: &Control) -> Result<Vec<Draft>, Stop> {
        let request = &order.request;
        if let Some(no) = self.card.objection(
            request.task,
            request.size,
            request.rate,
            request.frames,
            request.sources.len(),
        ) {
            return Err(if self.fault == Fault::CallsRefusalFailure {
                Stop::Failed(Failure::lasting("policy", no))
            } else {
                Stop::Refused(Refusal { grounds: vec![no] })
            });
        }
        if self.fault == Fault::LittersOnFailure {
            std::fs::create_dir_all(&order.work).unwrap();
            std::fs::write(order.work.join("half"), b"half").unwrap();
        }
        let bytes = order.inputs.read(&request.sources[0])?;
        assert!(self.fault != Fault::Panics, "a fault of the generator's own");
        std::fs::create_dir_all(&order.work).map_err(|e| Failure::passing("disk", e.to_string()))?;
        let chance = if self.fault == Fault::Unrepeatable {
            RUNS.fetch_add(1, Ordering::Relaxed) as u8
        } else {
            0
        };
        let mut greys = Vec::new();
        for n in 0..request.frames {
            if self.fault != Fault::DeafToCancel {
                control.check()?;
            }
            if request.frames > 100 {
                std::thread::sleep(Duration::from_millis(10));
            }
            greys.push(
                bytes[n as usize % bytes.len()]
                    .wrapping_add(request.seed as u8)
                    .wrapping_add(chance),
            );
            control.progress(n + 1, request.frames);
        }
        let folder: &Path = if self.fault == Fault::WritesElsewhere {
            order.work.parent().unwrap()
        } else {
            &order.work
        };
        let path = folder.join("greys");
        std::fs::write(&path, &greys).map_err(|e| Failure::passing("disk", e.to_string()))?;
        Ok(vec![Draft {
            output: 0,
            size: request.size,
            rate: request.rate,
            frames: request.frames - u32::from(self.fault == Fault::WrongLength),
            files: vec![DraftFile {
                role: "greys".into(),
                frame: None,
                path,
            }],
            facts: serde_json::json!({ "source": request.sources[0] }),
        }])
    }
    fn open(&self, take: &TakeManifest, inputs: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        let greys = take
            .file("greys", None)
            .ok_or_else(|| Failure::lasting("take", "no greys"))?;
        let source = serde_json::from_value(take.facts["source"].clone())
            .map_err(|e| Failure::lasting("take", e.to_string()))?;
        Ok(Box::new(GreyTake(take.clone(), inputs.read(&greys)?, source)))
    }
}

fn request(source: ObjectId, frames: u32) -> Request {
    Request {
        engine: "grey".into(),
        revision: 1,
        task: Task::Still,
        prompt: String::new(),
        mood: String::new(),
        seed: 3,
        size: Size {
            width: 32,
            height: 16,
        },
        rate: Rate::parse("24").unwrap(),
        frames,
        sources: vec![source],
        keyframes: vec![],
        pictures: Default::default(),
        guides: None,
        style: None,
        params: BTreeMap::new(),
    }
}

fn suite(fault: Fault) -> Result<(), Broken> {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault")).unwrap();
    let source = vault.put_bytes(b"a photograph's bytes").unwrap();
    let absent = ObjectId::of(b"bytes that nobody brought in");
    let work = folder.path().join("work");
    let refused = Request {
        task: Task::Becoming,
        ..request(source, 4)
    };
    let (one, two) = (
        LocalEngine::new(Grey::new(fault)),
        LocalEngine::new(Grey::new(fault)),
    );
    check(&Fixture {
        engine: &one,
        another: &two,
        good: request(source, 6),
        long: request(source, 300),
        broken: Some(request(absent, 6)),
        refused: Some(refused),
        inputs: Arc::new(vault),
        work: &work,
        patience: Duration::from_secs(20),
    })
}

#[test]
fn an_honest_engine_conforms() {
    suite(Fault::None).unwrap();
}

#[test]
fn every_broken_promise_is_named() {
    for (fault, promise) in [
        (Fault::Unrepeatable, "the same draw has the same bytes"),
        (
            Fault::DeafToCancel,
            "a job stops within a second of being told to",
        ),
        (
            Fault::LittersOnFailure,
            "a missing source is a failure that leaves nothing behind",
        ),
        (
            Fault::CallsRefusalFailure,
            "a policy's no is a refusal with its grounds, and leaves nothing behind",
        ),
        (Fault::WritesElsewhere, "outputs lie in the job's work folder"),
        (Fault::WrongLength, "a take has the size and length asked for"),
        (Fault::Panics, "a good request succeeds"),
    ] {
        assert_eq!(suite(fault).unwrap_err().promise, promise);
    }
}

#[test]
fn a_request_without_a_canonical_form_says_which_setting() {
    let mut request = request(ObjectId::of(b"x"), 2);
    request.params.insert("speed".into(), Param::Number(f64::NAN));
    assert!(request.id().unwrap_err().to_string().contains("`speed`"));
}

#[test]
fn the_gate_names_source_and_clause() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault")).unwrap();
    let cleared = vault.put_bytes(b"cleared").unwrap();
    let unknown = vault.put_bytes(b"unknown").unwrap();
    let me = Actor::person("tester");
    let rights = Rights::new("A. Owner", "own work");
    vault
        .ledger()
        .append(heirloom_vault::rights::declaration(&cleared, &rights, me.clone(), false).unwrap())
        .unwrap();
    let gate = SourceGate::new(&vault, "2026-11-22".parse().unwrap());
    let uses = |object, name: &str| SourceUse {
        object,
        name: name.into(),
    };
    let both = [uses(cleared, "sea"), uses(unknown, "who-knows")];
    assert_eq!(gate.judge(Action::Spend, &both[..1]).unwrap(), Verdict::Allowed);
    let Verdict::Refused(grounds) = gate.judge(Action::Export, &both).unwrap() else {
        panic!("allowed")
    };
    assert_eq!(grounds.len(), 1);
    assert!(
        grounds[0].to_string().starts_with("archive:who-knows: "),
        "{}",
        grounds[0]
    );
    vault
        .ledger()
        .revoke(&cleared, me, Some("the family asked".into()))
        .unwrap();
    let Verdict::Refused(grounds) = gate.judge(Action::Spend, &both[..1]).unwrap() else {
        panic!("allowed")
    };
    assert!(grounds[0].clause.contains("revoked"), "{}", grounds[0]);
}

mod always {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_hash_is_that_of_what_is_stored_and_tells_requests_apart(
            seed in 0u64..1 << 53, frames in 1u32..500, speed in -4.0f64..4.0, word in "[a-zäé \"\\\\]{0,12}",
        ) {
            let mut a = request(ObjectId::of(b"x"), frames);
            a.seed = seed;
            a.prompt = word;
            a.params.insert("speed".into(), Param::Number(speed));
            let bytes = a.canonical().unwrap();
            prop_assert_eq!(ObjectId::of(&bytes), a.id().unwrap());
            let back: Request = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&back, &a);
            let longer = Request { frames: frames + 1, ..a.clone() };
            prop_assert_ne!(longer.id().unwrap(), a.id().unwrap());
        }

        #[test]
        fn lengths_of_4n_plus_1(frames in 0u32..200) {
            let wan = Lengths { min_frames: 5, max_frames: 81, step_frames: 4, first_frames: 1 };
            prop_assert_eq!(wan.allows(frames), (5..=81).contains(&frames) && frames % 4 == 1);
        }
    }
}
