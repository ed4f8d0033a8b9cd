//! The engine through its contract: what every engine promises, kept by a tiny model with random weights.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heirloom_engine::conformance::{Fixture, check};
use heirloom_engine::{Engine, JobState, Order, Param, Request, Task};
use heirloom_engine_diffusion::engine::{PREVIEW, REVISION, engine};
use heirloom_engine_diffusion::models::{Model, ModelList, look};
use heirloom_engine_diffusion::settings;
use heirloom_engine_diffusion::wan::Takes;
use heirloom_film::{Rate, Size};
use heirloom_vault::Vault;

fn listed(folder: &Path) -> Model {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/t2v");
    let mut list = ModelList::open(&folder.join("models.json")).unwrap();
    let found = look(&goldens).unwrap();
    list.add(&found, Some("tiny"), Some("cc0-1.0"), |_, _| true)
        .unwrap()
        .clone()
}

fn request(model: &Model) -> Request {
    let settings = [
        (settings::MODEL, Param::Text(model.id.clone())),
        (settings::STEPS, Param::Whole(2)),
        (settings::NEGATIVE, Param::Text("blurred".into())),
    ];
    Request {
        engine: "tiny".into(),
        revision: REVISION,
        task: Task::Living,
        prompt: "a cat walks on the grass".into(),
        mood: "quiet".into(),
        seed: 7,
        size: Size::new(64, 32).unwrap(),
        rate: Rate::new(16, 1).unwrap(),
        frames: 5,
        sources: Vec::new(),
        keyframes: Vec::new(),
        pictures: BTreeMap::new(),
        guides: None,
        style: None,
        params: settings.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

#[test]
fn it_keeps_what_every_engine_promises() {
    let folder = tempfile::tempdir().unwrap();
    let model = listed(folder.path());
    let vault = Arc::new(Vault::create(&folder.path().join("vault")).unwrap());
    let good = request(&model);
    let mut long = good.clone();
    long.size = Size::new(256, 256).unwrap();
    long.frames = 81;
    long.params.insert(settings::STEPS.into(), Param::Whole(200));
    let mut refused = good.clone();
    refused.prompt = "a cat walks on the grass ".repeat(200);
    check(&Fixture {
        engine: &engine(&model, Vec::new()),
        another: &engine(&model, Vec::new()),
        good,
        long,
        broken: None,
        refused: Some(refused),
        inputs: vault,
        work: folder.path(),
        patience: Duration::from_secs(120),
    })
    .unwrap();
}

/// Runs a request to its end.
fn ended(model: &Model, request: Request, work: &Path) -> JobState {
    let vault = Arc::new(Vault::open_or_create(&work.join("vault")).unwrap());
    let engine = engine(model, Vec::new());
    let job = engine
        .submit(Order::new(request, 0, work, vault).unwrap())
        .unwrap();
    let begun = Instant::now();
    loop {
        let state = engine.poll(&job).unwrap();
        if state.is_final() {
            return state;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{state:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_still_is_one_frame_and_a_preview_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let model = listed(folder.path());
    let still = Request {
        task: Task::Still,
        ..request(&model)
    };
    let order = Order::new(
        still.clone(),
        0,
        folder.path(),
        Arc::new(Vault::create(&folder.path().join("v")).unwrap()),
    );
    let work = order.unwrap().work;
    let JobState::Done(drafts) = ended(&model, still, folder.path()) else {
        panic!("it was not done");
    };
    assert_eq!((drafts[0].files.len(), drafts[0].frames), (1, 5));
    let preview = std::fs::read(work.join(PREVIEW)).unwrap();
    let preview = heirloom_picture::preview::decode(&preview, PREVIEW, 4096).unwrap();
    assert_eq!((preview.width(), preview.height()), (64, 32));
}

#[test]
fn what_it_can_not_make_is_refused_with_the_mend_and_what_is_not_there_fails() {
    let folder = tempfile::tempdir().unwrap();
    let model = listed(folder.path());
    let refusal = |change: &dyn Fn(&mut Request)| {
        let mut request = request(&model);
        change(&mut request);
        match ended(&model, request, folder.path()) {
            JobState::Refused(refusal) => refusal.grounds.join("; "),
            other => panic!("{other:?}"),
        }
    };
    let words = refusal(&|r| (r.prompt, r.mood) = (String::new(), String::new()));
    assert!(words.contains("makes nothing without words"), "{words}");
    let words = refusal(&|r| r.frames = 6);
    assert!(words.contains("in steps of 4 from 1"), "{words}");
    let words = refusal(&|r| r.rate = Rate::CINEMA);
    assert!(words.contains("16 frames a second"), "{words}");
    let words = refusal(&|r| r.size = Size::new(64, 40).unwrap());
    assert!(words.contains("multiples of 16"), "{words}");
    // More tokens in a row than the model's tables of positions have.
    let words = refusal(&|r| r.size = Size::new(2048, 16).unwrap());
    assert!(
        words.contains("128 tokens") && words.contains("knows 64"),
        "{words}"
    );
    let words = refusal(&|r| r.revision = 9);
    assert!(words.contains("plan the shot again"), "{words}");
    let words = refusal(&|r| {
        r.params
            .insert(settings::MODEL.into(), Param::Text("another".into()));
    });
    assert!(words.contains("other files of the model"), "{words}");

    let gone = Model {
        folder: folder.path().join("gone"),
        ..model.clone()
    };
    match ended(&gone, request(&gone), folder.path()) {
        JobState::Failed(failure) => assert!(failure.message.contains("gone"), "{failure}"),
        other => panic!("{other:?}"),
    }
}

/// What a model takes and was trained at is on its card, so that nothing is offered that it can not do.
#[test]
fn a_card_says_what_its_model_can_do() {
    let folder = tempfile::tempdir().unwrap();
    let plain = listed(folder.path());
    let of = |model: &Model| engine(model, Vec::new()).card().clone();
    let rate = |n| Rate::new(n, 1).unwrap();
    let (small, odd) = (Size::new(64, 32).unwrap(), Size::new(80, 48).unwrap());
    let card = of(&plain);
    assert!(card.rates.allows(rate(16)) && !card.rates.allows(rate(24)));
    assert!(card.sizes.allows(small) && card.sizes.allows(odd));
    assert!(card.tasks.contains(&Task::Living));
    // Wan 2.2 TI2V 5B.
    let mut other = plain.clone();
    other.holds_frames = true;
    let card = of(&other);
    assert!(card.rates.allows(rate(24)) && !card.rates.allows(rate(16)));
    assert!(card.sizes.allows(small) && !card.sizes.allows(odd));
    // Image to video makes nothing of words alone, and VACE follows the stage.
    let mut other = plain.clone();
    other.takes = Takes::Frames;
    assert_eq!(of(&other).sources, (1, 2));
    let mut other = plain;
    other.takes = Takes::Control;
    let card = of(&other);
    assert!(
        card.guides && card.tasks.contains(&Task::Guided) && card.settings.contains_key(settings::CONTROL)
    );
}
