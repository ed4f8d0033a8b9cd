//! From pictures and words to samples: sizes by shape, latents and states once and for all, and the same training from texts
//! that are padded late as from texts that are padded before.
#![allow(missing_docs, clippy::unwrap_used)]

use heirloom_engine_diffusion::generate::{Ask, Clip, Steps};
use heirloom_engine_diffusion::lora::Expert;
use heirloom_engine_diffusion::model::Model;
use heirloom_engine_diffusion::train::dataset::{
    Buckets, Cache, Item, Makers, Pictures, PrepareError, Preparing,
};
use heirloom_engine_diffusion::train::{
    About, Form, Ground, GroundError, LoraShape, Sample, Settings, Stored, Trained, Trainer, Watch,
    export_lora, read_lora,
};
use std::path::{Path, PathBuf};

const TOKENS: usize = 24;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens")
        .join(name)
}

/// A golden that has transformers of its own, and all else of `t2v`.
fn assembled(of: &str) -> (tempfile::TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    let parts = [
        (of, "transformer"),
        (of, "transformer_2"),
        (of, "scheduler"),
        ("t2v", "vae"),
        ("t2v", "text_encoder"),
        ("t2v", "tokenizer"),
    ];
    for (from, part) in parts {
        let (from, to) = (golden(from).join(part), folder.path().join(part));
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(from).unwrap().flatten() {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    let index = "model_index.json";
    std::fs::copy(golden(of).join(index), folder.path().join(index)).unwrap();
    let model = Model::open(folder.path()).unwrap();
    (folder, model)
}

/// Waves in colours, other ones for each item.
struct Waves {
    read: usize,
    stop_at: Option<usize>,
}

impl Pictures for Waves {
    fn read(&mut self, item: &Item) -> Result<Clip, String> {
        self.read += 1;
        if item.source == "broken" {
            return Err("its file is damaged; add it anew".into());
        }
        let kind = item.source.len() as f32;
        let pixels = (0..item.frames * item.height * item.width).map(|n| {
            let (x, y) = (n % item.width, n / item.width);
            let at = |by: f32| 0.5 + 0.5 * ((x as f32 * by + kind) * 0.3 + y as f32 * 0.2).sin();
            [at(1.0), at(0.6), at(1.7)]
        });
        Ok(Clip {
            width: item.width,
            height: item.height,
            pixels: pixels.collect(),
        })
    }

    fn go_on(&mut self) -> bool {
        self.stop_at.is_none_or(|at| self.read < at)
    }
}

fn item(source: &str, [width, height]: [usize; 2], frames: usize) -> Item {
    Item {
        source: source.into(),
        name: format!("archive:{source}"),
        caption: format!("waves, {source}"),
        width,
        height,
        first: 0,
        frames,
    }
}

fn makers() -> Makers {
    Makers {
        vae: "vae".into(),
        text: "text".into(),
    }
}

fn waves() -> Waves {
    Waves {
        read: 0,
        stop_at: None,
    }
}

#[test]
fn pictures_get_sizes_of_their_own_shape_and_are_never_enlarged() {
    let buckets = Buckets::new(832 * 480, [16, 16]);
    for [w, h] in buckets.sizes() {
        assert!(
            w % 16 == 0 && h % 16 == 0 && w * h <= 832 * 480 && w * h > 832 * 480 * 9 / 10,
            "{w}x{h}"
        );
    }
    for (width, height) in [
        (4000, 3000),
        (3000, 4000),
        (6000, 4000),
        (2000, 2000),
        (1920, 1080),
        (5000, 2000),
        (5000, 500),
        (900, 500),
        (640, 480),
        (100, 70),
        (20, 17),
        (3, 2),
    ] {
        let fit = buckets.fit(width, height);
        let turned = buckets.fit(height, width);
        if width != height {
            assert_eq!(
                (fit.width, fit.height),
                (turned.height, turned.width),
                "{width}x{height}"
            );
        }
        assert!(fit.width * fit.height <= 832 * 480);
        if width >= 32 {
            assert!(
                fit.width * fit.height <= width * height,
                "{width}x{height}: {fit:?}"
            );
        }
        // But for panoramas and specks little is cut off.
        if width.max(height) * 2 <= 5 * width.min(height) && width > 300 {
            assert!(fit.kept > 0.93, "{width}x{height}: {fit:?}");
        }
    }
    assert_eq!(buckets.fit(832, 480).kept, 1.0);
}

#[test]
fn what_was_worked_out_once_is_read_back_the_same() {
    let model = Model::open(&golden("t2v")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path());
    let makers = makers();
    let preparing = Preparing {
        model: &model,
        makers: &makers,
        cache: &cache,
        text_tokens: TOKENS,
        tile_px: None,
    };
    let items = [
        item("a", [48, 32], 1),
        item("bb", [32, 48], 1),
        item("clip", [32, 32], 5),
    ];
    let mut pictures = waves();
    let samples = preparing.samples(&items, &mut pictures).unwrap();
    assert_eq!(pictures.read, 3);
    let sizes: Vec<[usize; 3]> = samples.iter().map(|s| s.size).collect();
    assert_eq!(sizes, [[1, 4, 6], [1, 6, 4], [2, 4, 4]]);
    for sample in &samples {
        assert_eq!(sample.latents.len(), 16 * sample.size.iter().product::<usize>());
        // No padding is kept: fewer rows than a text may have.
        assert!(sample.text.len().is_multiple_of(24) && sample.text.len() < TOKENS * 24);
    }
    // Again, and by another that shares the folder: nothing is read, and all is the same to the bit.
    let mut again = waves();
    assert_eq!(preparing.samples(&items, &mut again).unwrap(), samples);
    assert_eq!(again.read, 0);
    // A file that was damaged is made anew; other makers share nothing.
    let mut files = Vec::new();
    for sub in std::fs::read_dir(folder.path()).unwrap().flatten() {
        files.extend(std::fs::read_dir(sub.path()).unwrap().flatten().map(|e| e.path()));
    }
    assert_eq!(files.len(), 6);
    for file in &files {
        std::fs::write(file, b"nothing").unwrap();
    }
    let mut anew = waves();
    assert_eq!(preparing.samples(&items, &mut anew).unwrap(), samples);
    assert_eq!(anew.read, 3);
    let others = Makers {
        vae: "another".into(),
        ..makers.clone()
    };
    let other = Preparing {
        makers: &others,
        ..preparing
    };
    let mut pictures = waves();
    other.samples(&items[..1], &mut pictures).unwrap();
    assert_eq!(pictures.read, 1);
    // What cannot be read is named; a stop leaves what is done.
    let broken = [item("broken", [32, 32], 1)];
    let error = preparing.samples(&broken, &mut waves()).unwrap_err().to_string();
    assert!(
        error.contains("archive:broken") && error.contains("add it anew"),
        "{error}"
    );
    let fresh = tempfile::tempdir().unwrap();
    let cache = Cache::new(fresh.path());
    let stopped = Preparing {
        cache: &cache,
        ..preparing
    };
    let mut pictures = Waves {
        read: 0,
        stop_at: Some(1),
    };
    assert!(matches!(
        stopped.samples(&items, &mut pictures),
        Err(PrepareError::Stopped)
    ));
    let mut long = item("a", [48, 32], 1);
    long.caption = "waves ".repeat(200);
    let error = preparing.samples(&[long], &mut waves()).unwrap_err().to_string();
    assert!(
        error.contains("tokens long") && error.contains("shorten"),
        "{error}"
    );
}

struct Quiet;
impl Watch for Quiet {}

fn settings(shape: LoraShape) -> Settings {
    Settings {
        trained: Trained::Lora(shape),
        steps: 12,
        rate: 0.02,
        warm_up: 1,
        blank: 0.3,
        checkpoint_every: 12,
        ..Settings::default()
    }
}

#[test]
fn texts_padded_late_train_as_texts_padded_before() {
    let model = Model::open(&golden("t2v")).unwrap();
    let ground = Ground::new(&model, "tiny", "id", Expert::Only).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().join("cache"));
    let makers = makers();
    let preparing = Preparing {
        model: &model,
        makers: &makers,
        cache: &cache,
        text_tokens: TOKENS,
        tile_px: None,
    };
    let items = [
        item("a", [48, 32], 1),
        item("bb", [32, 48], 1),
        item("ccc", [32, 32], 1),
    ];
    let short = preparing.samples(&items, &mut waves()).unwrap();
    let blank = preparing.text("", "none", &mut waves()).unwrap();
    let padded = |text: &[f32]| {
        let mut text = text.to_vec();
        text.resize(TOKENS * 24, 0.0);
        text
    };
    let long: Vec<Sample> = short
        .iter()
        .map(|s| Sample {
            text: padded(&s.text),
            ..s.clone()
        })
        .collect();
    let shape = LoraShape::new(3, 3.0);
    let run = |samples: &[Sample], blank: Vec<f32>, late: bool, at: &str| {
        let trainer = Trainer::new(ground.subject(Some(blank)), samples, settings(shape.clone())).unwrap();
        let mut trainer = if late { trainer.padded_to(TOKENS) } else { trainer };
        trainer.run(&folder.path().join(at), &mut Quiet).unwrap();
        trainer.trained().clone()
    };
    let late = run(&short, blank.clone(), true, "late");
    let before = run(&long, padded(&blank), false, "before");
    let numbers = |p: &heirloom_engine_diffusion::train::Parameters| -> Vec<f32> {
        p.iter().flat_map(|(_, one)| one.values.clone()).collect()
    };
    assert_eq!(numbers(&late), numbers(&before));

    // Learnt by heart, the samples' own loss falls, with the same noise each time it is asked.
    let fresh = Trainer::new(ground.subject(Some(blank)), &short, settings(shape.clone())).unwrap();
    let of = |trained| {
        let losses = ground.losses(
            (&shape, trained),
            &short,
            &settings(shape.clone()),
            TOKENS,
            &mut || true,
        );
        losses.unwrap()
    };
    let (first, then) = (of(fresh.trained()), of(&late));
    assert_eq!(first.len(), 3);
    assert_eq!(of(&late), then);
    assert!(
        then.iter().sum::<f64>() < first.iter().sum::<f64>(),
        "{first:?} {then:?}"
    );

    // Written in one form, it is read back and written in another; and a picture is made with it.
    let (one, other) = (
        folder.path().join("one.safetensors"),
        folder.path().join("other.safetensors"),
    );
    let about = About {
        title: "waves".into(),
        ..About::default()
    };
    let write = |path: &Path, trained, form| {
        let config = ground.config();
        export_lora(
            path,
            trained,
            &shape,
            config,
            Expert::Only,
            form,
            &about,
            Stored::F32,
        )
        .unwrap();
    };
    write(&one, &late, Form::Diffusers);
    let back = read_lora(&one).unwrap();
    assert_eq!(numbers(&back), numbers(&late));
    write(&other, &back, Form::Comfy);
    let ask = Ask {
        prompt: "waves".into(),
        negative: String::new(),
        width: 32,
        height: 32,
        frames: 1,
        seed: 3,
        steps: Steps::Own {
            count: 2,
            shift: None,
            kind: None,
        },
        guidance: 1.0,
        guidance_low: None,
        text_tokens: TOKENS,
        tile_px: None,
        start: Default::default(),
        conditions: Default::default(),
    };
    let picture = |lora: &Path| ground.picture(lora, &ask, &mut || true).unwrap();
    assert_eq!(picture(&one), picture(&other));
    write(&one, fresh.trained(), Form::Diffusers);
    assert_ne!(picture(&one), picture(&other), "the LoRA changes nothing");
}

#[test]
fn what_a_lora_can_be_trained_on_is_told() {
    let plain = Model::open(&golden("t2v")).unwrap();
    let ((_one, two), (_other, frames)) = (assembled("a14b"), assembled("i2v"));
    let of = |model, expert| Ground::new(model, "m", "id", expert);
    assert_eq!(of(&plain, Expert::Only).unwrap().range(), [0.0, 1.0]);
    assert!(matches!(of(&plain, Expert::Low), Err(GroundError::NoExperts(_))));
    assert!(matches!(of(&two, Expert::Only), Err(GroundError::WhichExpert(_))));
    assert!(matches!(of(&frames, Expert::Only), Err(GroundError::Frames(_))));
    let (high, low) = (of(&two, Expert::High).unwrap(), of(&two, Expert::Low).unwrap());
    assert_eq!(high.range()[0], low.range()[1]);
    assert_eq!((high.range()[1], low.range()[0]), (1.0, 0.0));
}
