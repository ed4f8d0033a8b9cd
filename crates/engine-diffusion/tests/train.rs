//! Training: what a step sees, how a run goes on, what is written of it.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{apart, goldens};
use heirloom_engine_diffusion::lora::{Expert, Lora, LoraStack};
use heirloom_engine_diffusion::model::Laid;
use heirloom_engine_diffusion::train::{
    About, Ended, Form, Levels, LoraShape, Progress, STATE_FILE, Sample, Settings, SourceTerms, Stored,
    Subject, TrainError, Trained, Trainer, Watch, draw, export_lora, export_model, noised,
};
use heirloom_engine_diffusion::wan::TransformerConfig;
use heirloom_engine_diffusion::weights::{Dtype, Weights};
use heirloom_tensors::train::{Nothing, Parameters};
use heirloom_tensors::wan::DitConfig;
use std::fs;
use std::path::Path;

/// Small enough that a step takes a millisecond.
fn config() -> DitConfig {
    DitConfig {
        patch: [1, 2, 2],
        heads: 2,
        head_dim: 8,
        in_channels: 3,
        out_channels: 3,
        text_dim: 6,
        freq_dim: 8,
        ffn_dim: 24,
        layers: 2,
        cross_attn_norm: true,
        eps: 1e-6,
    }
}

fn subject() -> Subject<'static> {
    Subject {
        config: config(),
        control: None,
        weights: &Nothing,
        base: "from nothing".into(),
        blank: Some(vec![0.0; 12]),
    }
}

/// Two kinds of pictures, told apart by their texts.
fn samples() -> Vec<Sample> {
    let one = |kind: usize| {
        let wave = |i: usize| ((i % 24) as f32 * if kind == 0 { 0.5 } else { 1.3 }).sin();
        Sample {
            latents: (0..3 * 2 * 4 * 6).map(wave).collect(),
            size: [2, 4, 6],
            text: (0..12).map(|i| if i % 2 == kind { 1.0 } else { -0.5 }).collect(),
            control: None,
        }
    };
    vec![one(0), one(1), one(0)]
}

fn whole() -> Settings {
    Settings {
        trained: Trained::Whole,
        steps: 6,
        examples: 3,
        rate: 2e-3,
        warm_up: 2,
        average: Some(0.99),
        blank: 0.2,
        checkpoint_every: 2,
        seed: 5,
        ..Settings::default()
    }
}

/// Keeps what it is told; stops after so many questions.
#[derive(Default)]
struct Seen {
    steps: Vec<Progress>,
    checkpoints: Vec<u64>,
    asked: u64,
    most: Option<u64>,
}

impl Watch for Seen {
    fn go_on(&mut self) -> bool {
        self.asked += 1;
        self.most.is_none_or(|most| self.asked <= most)
    }

    fn step(&mut self, progress: &Progress) {
        self.steps.push(*progress);
    }

    fn checkpoint(&mut self, step: u64, _trained: &Parameters, average: Option<&Parameters>) {
        assert!(average.is_some());
        self.checkpoints.push(step);
    }
}

#[test]
fn a_model_trained_from_nothing_learns() {
    let samples = samples();
    let settings = Settings {
        steps: 150,
        checkpoint_every: 1000,
        side_by_side: true,
        ..whole()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut run = Trainer::new(subject(), &samples, settings).unwrap();
    let mut seen = Seen::default();
    assert_eq!(run.run(folder.path(), &mut seen).unwrap(), Ended::Done);
    let mean = |steps: &[Progress]| steps.iter().map(|s| s.loss).sum::<f64>() / steps.len() as f64;
    let (before, after) = (mean(&seen.steps[..10]), mean(&seen.steps[140..]));
    assert!(after < 0.6 * before, "from {before} to {after}");
    assert_eq!(seen.checkpoints, [150]);
}

#[test]
fn examples_side_by_side_are_those_in_turn() {
    let samples = samples();
    let losses = |side_by_side: bool| {
        let settings = Settings {
            side_by_side,
            ..whole()
        };
        let mut run = Trainer::new(subject(), &samples, settings).unwrap();
        (0..4)
            .map(|_| run.step(&mut || true).unwrap().loss)
            .collect::<Vec<_>>()
    };
    for (a, b) in losses(true).iter().zip(losses(false)) {
        // Sums are taken in another order.
        assert!((a - b).abs() < 1e-4 * b, "{a} for {b}");
    }
    assert_eq!(losses(true), losses(true));
}

#[test]
fn a_run_stopped_anywhere_and_gone_on_with_is_the_run_that_was_not() {
    let samples = samples();
    let straight = tempfile::tempdir().unwrap();
    let mut run = Trainer::in_folder(subject(), &samples, whole(), straight.path()).unwrap();
    let mut seen = Seen::default();
    run.run(straight.path(), &mut seen).unwrap();
    assert_eq!(seen.checkpoints, [2, 4, 6]);
    let wanted = fs::read(straight.path().join(STATE_FILE)).unwrap();
    // A run asks before each block both ways; some stops lie within a step, some right after a checkpoint.
    for most in [0, 1, 7, 23, 24, 25, 60, 100] {
        let folder = tempfile::tempdir().unwrap();
        let mut steps = Vec::new();
        let mut watch = Seen {
            most: Some(most),
            ..Seen::default()
        };
        loop {
            let mut run = Trainer::in_folder(subject(), &samples, whole(), folder.path()).unwrap();
            let ended = run.run(folder.path(), &mut watch).unwrap();
            steps.append(&mut watch.steps);
            if ended == Ended::Done {
                break;
            }
            watch = Seen::default();
        }
        assert_eq!(steps, seen.steps, "stopped after {most} questions");
        let got = fs::read(folder.path().join(STATE_FILE)).unwrap();
        assert!(got == wanted, "other bytes when stopped after {most} questions");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_run_goes_on_only_with_what_it_began_with() {
    let samples = samples();
    let folder = tempfile::tempdir().unwrap();
    let begin = |subject: Subject<'static>, samples: &[Sample], settings: Settings| {
        Trainer::in_folder(subject, samples, settings, folder.path()).map(|run| run.step_number())
    };
    let mut run = Trainer::new(subject(), &samples, whole()).unwrap();
    run.step(&mut || true).unwrap();
    run.save(folder.path()).unwrap();
    assert_eq!(begin(subject(), &samples, whole()).unwrap(), 1);
    let often = Settings {
        checkpoint_every: 1,
        ..whole()
    };
    assert_eq!(begin(subject(), &samples, often).unwrap(), 1);

    let told = |e: Result<u64, TrainError>| e.unwrap_err().to_string();
    let other = Settings {
        rate: 1e-3,
        ..whole()
    };
    assert!(told(begin(subject(), &samples, other)).contains("other settings"));
    assert!(told(begin(subject(), &samples[..2], whole())).contains("other samples"));
    let base = Subject {
        base: "another".into(),
        ..subject()
    };
    assert!(told(begin(base, &samples, whole())).contains("other weights beneath"));
    let state = folder.path().join(STATE_FILE);
    let bytes = fs::read(&state).unwrap();
    fs::write(&state, &bytes[..bytes.len() - 100]).unwrap();
    assert!(begin(subject(), &samples, whole()).is_err());
    fs::copy(goldens("loras/comfy.safetensors"), &state).unwrap();
    assert!(told(begin(subject(), &samples, whole())).contains("no checkpoint"));
}

#[test]
fn what_cannot_be_is_said_with_the_mend() {
    let samples = samples();
    let told = |settings: Settings| {
        Trainer::new(subject(), &samples, settings)
            .err()
            .unwrap()
            .to_string()
    };
    let lora = |shape: LoraShape| Settings {
        trained: Trained::Lora(shape),
        ..Settings::default()
    };
    assert!(told(lora(LoraShape::new(0, 1.0))).contains("rank is 0"));
    assert!(told(lora(LoraShape::new(2, f32::NAN))).contains("alpha"));
    let stranger = LoraShape {
        targets: vec!["to_nothing".into()],
        ..LoraShape::new(2, 2.0)
    };
    assert!(told(lora(stranger)).contains("name linear layers"));
    for (settings, word) in [
        (Settings { steps: 0, ..whole() }, "steps is 0"),
        (
            Settings {
                rate: -1.0,
                ..whole()
            },
            "rate is -1",
        ),
        (
            Settings {
                range: [0.9, 0.2],
                ..whole()
            },
            "range",
        ),
        (
            Settings {
                betas: [0.9, 1.0],
                ..whole()
            },
            "betas is 1",
        ),
        (
            Settings {
                blank: 1.5,
                ..whole()
            },
            "blank is 1.5",
        ),
        (
            Settings {
                clip: Some(0.0),
                ..whole()
            },
            "clip is 0",
        ),
    ] {
        assert!(told(settings).contains(word), "{word}");
    }
    let none = Trainer::new(subject(), &[], whole()).err().unwrap();
    assert!(none.to_string().contains("at least one"));
    let without = Subject {
        blank: None,
        ..subject()
    };
    let told = Trainer::new(without, &samples, whole())
        .err()
        .unwrap()
        .to_string();
    assert!(told.contains("blank text"));
    // Numbers that run away end the run before they are kept.
    let wild = Settings {
        rate: 1e30,
        clip: None,
        steps: 20,
        ..whole()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut run = Trainer::new(subject(), &samples, wild).unwrap();
    let told = run
        .run(folder.path(), &mut Seen::default())
        .unwrap_err()
        .to_string();
    assert!(told.contains("lower rate"), "{told}");
}

#[test]
fn each_sample_is_seen_once_a_round_and_levels_are_where_they_should_be() {
    let settings = Settings {
        examples: 2,
        shift: 3.0,
        ..whole()
    };
    let all: Vec<_> = (0..4000u64)
        .flat_map(|step| (0..2).map(move |place| (step, place)))
        .map(|(step, place)| draw(&settings, step, place, 5))
        .collect();
    for round in all.chunks_exact(5) {
        let mut seen: Vec<usize> = round.iter().map(|d| d.sample).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }
    assert!(all.windows(2).all(|w| w[0].number + 1 == w[1].number));
    assert_ne!(
        all[..5].iter().map(|d| d.sample).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4]
    );
    let share = |f: &dyn Fn(f32) -> bool| all.iter().filter(|d| f(d.level)).count() as f64 / all.len() as f64;
    // The middle of the logistic normal, 0.5, is moved to 3·0.5/(1 + 2·0.5).
    assert!((share(&|s| s < 0.75) - 0.5).abs() < 0.02);
    // One deviation above: u = 1/(1 + e^-1).
    assert!((share(&|s| s < 0.890_8) - 0.841).abs() < 0.02);
    let blank = all.iter().filter(|d| d.blank).count() as f64 / all.len() as f64;
    assert!((blank - 0.2).abs() < 0.02, "{blank}");
    // An expert's own part.
    let low = Settings {
        range: [0.0, 0.6],
        levels: Levels::Even,
        ..settings
    };
    let levels: Vec<f32> = (0..2000).map(|step| draw(&low, step, 0, 5).level).collect();
    assert!(levels.iter().all(|s| *s <= 0.6));
    assert!(levels.iter().any(|s| *s > 0.55) && levels.iter().any(|s| *s < 0.05));
    // A draw is the same whenever it is asked for.
    let one = draw(&low, 7, 1, 5);
    let latents = [0.25, -1.0, 3.0];
    let (noisy, velocity) = noised(&latents, &one, 5);
    assert_eq!(
        (noisy.clone(), velocity.clone()),
        noised(&latents, &draw(&low, 7, 1, 5), 5)
    );
    for i in 0..3 {
        // What is noised, less the level times the velocity, is the sample.
        assert!((noisy[i] - one.level * velocity[i] - latents[i]).abs() < 1e-6);
    }
}

#[test]
fn the_rate_rises_and_falls() {
    let settings = Settings {
        steps: 12,
        warm_up: 2,
        rate: 1.0,
        least_rate: 0.1,
        ..whole()
    };
    let rates: Vec<f64> = (0..=12).map(|step| settings.rate_at(step)).collect();
    assert_eq!(rates[..3], [0.5, 1.0, 1.0]);
    assert!(rates[2..].windows(2).all(|w| w[0] > w[1]));
    assert!((rates[7] - 0.55).abs() < 1e-12 && (rates[12] - 0.1).abs() < 1e-12);
}

fn about() -> About {
    About {
        title: "Red tide".into(),
        base_model: "Wan2.1-T2V-1.3B".into(),
        trigger: Some("r3dt1de".into()),
        dataset: "00ff".into(),
        steps: 3,
        sources: vec![
            SourceTerms {
                source: "beach".into(),
                terms: "CC-BY-4.0".into(),
            },
            SourceTerms {
                source: "pier".into(),
                terms: "by leave of A. Sea, for this film".into(),
            },
        ],
    }
}

/// The LoRA of the goldens, its numbers such that every kind holds them.
fn golden_lora() -> (Parameters, LoraShape, TransformerConfig) {
    let file = Weights::open(&goldens("train.safetensors")).unwrap();
    let mut trained = Parameters::new();
    for (name, entry) in file.entries() {
        if let Some(rest) = name.strip_prefix("lora.") {
            let shape: Vec<usize> = entry.shape.iter().map(|s| *s as usize).collect();
            trained.insert(rest, &shape, file.get(name).unwrap().to_f32().unwrap());
        }
    }
    let config = TransformerConfig::read(&goldens("t2v/transformer/config.json")).unwrap();
    // Alpha over rank a power of two, for diffusers multiplies by it in the kind of the file.
    (trained, LoraShape::new(4, 8.0), config)
}

fn write(form: Form, path: &Path, expert: Expert, stored: Stored) {
    let (trained, shape, config) = golden_lora();
    export_lora(path, &trained, &shape, &config, expert, form, &about(), stored).unwrap();
}

/// `tools/parity/training.py` lets diffusers read the files that are committed under `trained`: here they are what is
/// written today, and our own reading of them is what was trained.
#[test]
fn a_lora_is_written_in_both_forms_and_read_back() {
    let (trained, shape, config) = golden_lora();
    let folder = tempfile::tempdir().unwrap();
    let model = config.expected();
    for (form, name) in [(Form::Diffusers, "diffusers"), (Form::Comfy, "comfy")] {
        let path = folder.path().join(format!("{name}.safetensors"));
        write(form, &path, Expert::Only, Stored::F16);
        let kept = goldens(&format!("trained/{name}.safetensors"));
        if std::env::var_os("HEIRLOOM_WRITE_GOLDENS").is_some() {
            fs::create_dir_all(kept.parent().unwrap()).unwrap();
            fs::copy(&path, &kept).unwrap();
        }
        assert!(
            fs::read(&path).unwrap() == fs::read(&kept).unwrap(),
            "{name} is not what is committed"
        );
        let lora = Lora::open(&path, &model, Expert::Only).unwrap();
        assert_eq!(lora.layers().len(), 30);
        let stack = LoraStack::new(vec![(lora, 1.0)]).unwrap();
        for (name, down) in trained
            .iter()
            .filter(|(name, _)| name.ends_with(".lora_A.weight"))
        {
            let layer = name.strip_suffix(".lora_A.weight").unwrap();
            let up = trained.get(&format!("{layer}.lora_B.weight")).unwrap();
            let got = stack.delta(&format!("{layer}.weight")).unwrap().unwrap();
            let inputs = down.shape[1];
            let scale = f64::from(shape.alpha) / 4.0;
            let wanted: Vec<f32> = (0..got.len())
                .map(|i| {
                    let (row, column) = (i / inputs, i % inputs);
                    let pair = (0..4).map(|r| {
                        f64::from(up.values[row * 4 + r]) * f64::from(down.values[r * inputs + column])
                    });
                    (scale * pair.sum::<f64>()) as f32
                })
                .collect();
            assert!(apart(&got, &wanted) < 1e-6, "{layer}");
        }
        let file = Weights::open(&path).unwrap();
        let said: About = serde_json::from_str(&file.metadata()["heirloom_about"]).unwrap();
        assert_eq!(said, about());
        assert_eq!(file.metadata()["modelspec.trigger_phrase"], "r3dt1de");
        assert_eq!(
            file.metadata()["modelspec.license"],
            "CC-BY-4.0; by leave of A. Sea, for this film"
        );
    }
}

#[test]
fn a_loras_file_says_for_which_expert_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("low.safetensors");
    write(Form::Diffusers, &path, Expert::Low, Stored::Bf16);
    let model = golden_lora().2.expected();
    assert!(Lora::open(&path, &model, Expert::High).is_err());
    let lora = Lora::open(&path, &model, Expert::Low).unwrap();
    assert_eq!(lora.layers().len(), 30);
    assert!(
        Weights::open(&path)
            .unwrap()
            .entries()
            .all(|(_, e)| e.dtype == Dtype::Bf16)
    );
}

#[test]
fn a_model_trained_whole_is_written_to_the_bit() {
    let samples = samples();
    let mut run = Trainer::new(subject(), &samples, whole()).unwrap();
    run.step(&mut || true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("diffusion_pytorch_model.safetensors");
    export_model(&path, run.trained(), Stored::F32).unwrap();
    let file = Weights::open(&path).unwrap();
    assert_eq!(file.entries().len(), run.trained().len());
    for (name, tensor) in run.trained().iter() {
        assert_eq!(file.get(name).unwrap().to_f32().unwrap(), tensor.values, "{name}");
    }
    let missing = folder.path().join("nowhere/model.safetensors");
    let told = export_model(&missing, run.trained(), Stored::F32).unwrap_err();
    assert!(told.to_string().contains("check its folder"));
}

/// The goldens' first values are what the reference's loop began with; the trainer's own start is PEFT's.
#[test]
fn a_lora_begins_by_changing_nothing() {
    let samples = samples();
    let settings = Settings {
        trained: Trained::Lora(LoraShape::new(4, 4.0)),
        blank: 0.0,
        ..whole()
    };
    let mut base = Trainer::new(subject(), &samples, whole()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.safetensors");
    base.step(&mut || true).unwrap();
    export_model(&path, base.trained(), Stored::F32).unwrap();
    let weights = Weights::open(&path).unwrap();
    let beneath = Laid::new(&weights, None);
    let subject = Subject {
        weights: &beneath,
        ..subject()
    };
    let mut run = Trainer::new(subject, &samples, settings).unwrap();
    assert_eq!(run.trained().len(), 2 * 20);
    for (name, tensor) in run.trained().iter() {
        let nought = tensor.values.iter().all(|v| *v == 0.0);
        assert_eq!(nought, name.ends_with("lora_B.weight"), "{name}");
        let most = 1.0 / (tensor.shape[1] as f32).sqrt();
        assert!(tensor.values.iter().all(|v| v.abs() <= most));
    }
    let before = run.trained().clone();
    run.step(&mut || true).unwrap();
    // After one step the second halves have moved; the first, whose gradient is nought, have only decayed.
    for (name, tensor) in run.trained().iter() {
        let moved = apart(&tensor.values, &before.get(name).unwrap().values);
        assert_eq!(moved > 1e-3, name.ends_with("lora_B.weight"), "{name}: {moved}");
    }
}
