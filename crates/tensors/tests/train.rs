//! Gradients and steps of training against goldens of PyTorch and PEFT, and what always holds of them.
//!
//! `tools/parity/training.py` made the goldens, and says how.

#![allow(clippy::unwrap_used, clippy::panic)] // of helpers: in tests a panic is the report

mod support;

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;

use heirloom_tensors::train::{
    AdamW, Average, Control, Dit, Example, Gradients, Lora, Nothing, Parameters, clip,
};
use heirloom_tensors::wan::DitConfig;
use heirloom_tensors::weights::{ModelError, Stored, Weight, Weights};
use safetensors::{Dtype, SafeTensors};
use support::{assert_close, difference, random};

/// What is allowed between ours and the reference's, relative to a tensor's greatest value.
const LIMIT: f64 = 1e-4;
const SIZE: [usize; 3] = [2, 4, 6];
const SIGMAS: [f32; 3] = [0.637, 0.251, 0.914];
const RATE: f64 = 1e-2;
const DECAY: f64 = 0.05;

/// The tensors of some files.
struct Files(HashMap<String, (Stored, Vec<usize>, Vec<u8>)>);

impl Files {
    fn read(names: &[&str]) -> Self {
        let mut all = HashMap::new();
        for name in names {
            let goldens = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../engine-diffusion/tests/goldens");
            let bytes = std::fs::read(goldens.join(name).with_extension("safetensors")).unwrap();
            for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
                let stored = match view.dtype() {
                    Dtype::F32 => Stored::F32,
                    Dtype::F16 => Stored::F16,
                    Dtype::BF16 => Stored::Bf16,
                    other => panic!("{name} is {other:?}"),
                };
                all.insert(name, (stored, view.shape().to_vec(), view.data().to_vec()));
            }
        }
        Self(all)
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let (_, shape, _) = self.0.get(name).unwrap_or_else(|| panic!("no golden {name}"));
        let weight = self.get(name, &shape.clone()).unwrap();
        weight.widened(0, weight.len())
    }

    /// All under a prefix, by the rest of their names.
    fn under(&self, prefix: &str) -> Parameters {
        let mut all = Parameters::new();
        for (name, (_, shape, _)) in &self.0 {
            if let Some(rest) = name.strip_prefix(prefix) {
                all.insert(rest, shape, self.values(name));
            }
        }
        assert!(!all.is_empty(), "nothing under {prefix}");
        all
    }
}

impl Weights for Files {
    fn get(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let Some((stored, found, bytes)) = self.0.get(name) else {
            return Err(ModelError::Missing {
                name: name.to_owned(),
            });
        };
        assert_eq!(found, shape, "{name}");
        Ok(Weight {
            stored: *stored,
            bytes: Cow::Borrowed(bytes),
        })
    }
}

fn config(layers: usize) -> DitConfig {
    DitConfig {
        patch: [1, 2, 2],
        heads: 2,
        head_dim: 16,
        in_channels: 16,
        out_channels: 16,
        text_dim: 24,
        freq_dim: 20,
        ffn_dim: 44,
        layers,
        cross_attn_norm: true,
        eps: 1e-6,
    }
}

/// A clip before it is noised.
struct Clip {
    latents: Vec<f32>,
    noise: Vec<f32>,
    text: Vec<f32>,
    control: Option<Vec<f32>>,
}

impl Clip {
    fn golden(files: &Files, name: &str) -> Self {
        let of = |part: &str| files.values(&format!("{name}.{part}"));
        Self {
            latents: of("latents"),
            noise: of("noise"),
            text: of("text"),
            control: None,
        }
    }

    fn noised<T>(&self, sigma: f32, run: impl FnOnce(&Example<'_>) -> T) -> T {
        let pair = || self.latents.iter().zip(&self.noise);
        let latents: Vec<f32> = pair().map(|(x, n)| (1.0 - sigma) * x + sigma * n).collect();
        let target: Vec<f32> = pair().map(|(x, n)| n - x).collect();
        run(&Example {
            latents: &latents,
            size: SIZE,
            text: &self.text,
            control: self.control.as_deref(),
            timestep: sigma * 1000.0,
            target: &target,
        })
    }
}

fn gradients_of(dit: &Dit<'_>, trained: &Parameters, clip: &Clip, sigma: f32) -> (f64, Gradients) {
    let mut gradients = Gradients::zeros(trained);
    let found = clip
        .noised(sigma, |e| {
            dit.gradients(trained, e, 1.0, &mut gradients, &mut || true)
        })
        .unwrap();
    (found.loss, gradients)
}

/// Every gradient within the limit of its tensor's largest.
#[track_caller]
fn assert_gradients(got: &Gradients, files: &Files, prefix: &str) {
    for (name, got) in got.iter() {
        let wanted = files.values(&format!("{prefix}{name}"));
        let far = difference(got, &wanted);
        assert!(far <= LIMIT, "{prefix}{name} is {far:e} apart");
    }
}

#[track_caller]
fn assert_loss(got: f64, want: f32) {
    assert!(
        (got - f64::from(want)).abs() <= 1e-5 * f64::from(want),
        "{got} for {want}"
    );
}

fn t2v() -> Files {
    let shard = |i| format!("t2v/transformer/diffusion_pytorch_model-0000{i}-of-00002");
    Files::read(&[&shard(1), &shard(2)])
}

fn lora_dit(base: &Files, alpha: f32, checkpointing: bool) -> Dit<'_> {
    Dit {
        config: config(3),
        control: None,
        base,
        lora: Some(Lora {
            rank: 4,
            scale: alpha / 4.0,
        }),
        checkpointing,
    }
}

#[test]
fn a_first_step_has_the_loss_and_gradients_of_peft_and_three_steps_its_weights() {
    let (base, goldens) = (t2v(), Files::read(&["train"]));
    let clips = [0, 1].map(|i| Clip::golden(&goldens, &format!("example.{i}")));
    for (case, alpha) in [("equal", 4.0), ("unlike", 6.0)] {
        for checkpointing in [false, true] {
            let dit = lora_dit(&base, alpha, checkpointing);
            let mut trained = goldens.under("lora.");
            assert_eq!(trained.len(), 60);
            let losses = goldens.values(&format!("{case}.losses"));
            let mut adam = AdamW::new(&trained, [0.9, 0.999], 1e-8, DECAY);
            for step in 0..3 {
                let (loss, gradients) = gradients_of(&dit, &trained, &clips[step % 2], SIGMAS[step]);
                assert_loss(loss, losses[step]);
                if step == 0 {
                    assert_gradients(&gradients, &goldens, &format!("{case}.gradient."));
                }
                adam.step(&mut trained, &gradients, RATE);
            }
            for (name, tensor) in trained.iter() {
                assert_close(
                    &tensor.values,
                    &goldens.values(&format!("{case}.trained.{name}")),
                    LIMIT,
                );
            }
        }
    }
}

#[test]
fn accumulated_clipped_and_warmed_up_steps_are_those_of_peft() {
    let (base, goldens) = (t2v(), Files::read(&["train"]));
    let clips = [0, 1].map(|i| Clip::golden(&goldens, &format!("example.{i}")));
    let dit = lora_dit(&base, 6.0, true);
    let mut trained = goldens.under("lora.");
    let mut adam = AdamW::new(&trained, [0.9, 0.999], 1e-8, DECAY);
    let (losses, norms) = (
        goldens.values("accumulated.losses"),
        goldens.values("accumulated.norms"),
    );
    let rates = [0.5 * RATE, RATE, RATE];
    for step in 0..3 {
        let mut gradients = Gradients::zeros(&trained);
        let mut loss = 0.0;
        for one in &clips {
            let found = one.noised(SIGMAS[step], |e| {
                dit.gradients(&trained, e, 0.5, &mut gradients, &mut || true)
            });
            loss += 0.5 * found.unwrap().loss;
        }
        assert_loss(loss, losses[step]);
        let norm = clip(&mut gradients, 0.5);
        assert!(
            (norm - f64::from(norms[step])).abs() < 1e-4 * norm,
            "{norm} for {}",
            norms[step]
        );
        adam.step(&mut trained, &gradients, rates[step]);
    }
    for (name, tensor) in trained.iter() {
        assert_close(
            &tensor.values,
            &goldens.values(&format!("accumulated.trained.{name}")),
            LIMIT,
        );
    }
}

#[test]
fn every_weight_of_a_transformer_has_the_gradient_of_pytorch() {
    let goldens = Files::read(&["train"]);
    let base = Files::read(&["a14b/transformer/diffusion_pytorch_model"]);
    let trained = base.under("");
    let dit = Dit {
        config: config(1),
        control: None,
        base: &Nothing,
        lora: None,
        checkpointing: false,
    };
    assert_eq!(
        dit.tensors()
            .iter()
            .map(|(n, s)| (n.as_str(), s))
            .collect::<Vec<_>>(),
        trained.iter().map(|(n, p)| (n, &p.shape)).collect::<Vec<_>>()
    );
    let clip = Clip::golden(&goldens, "example.0");
    let (loss, gradients) = gradients_of(&dit, &trained, &clip, SIGMAS[0]);
    assert_loss(loss, goldens.values("whole.loss")[0]);
    assert_gradients(&gradients, &goldens, "whole.gradient.");
}

fn vace(checkpointing: bool) -> (Dit<'static>, Parameters, Clip, Files) {
    let goldens = Files::read(&["train"]);
    let mut clip = Clip::golden(&goldens, "vace");
    clip.control = Some(goldens.values("vace.control"));
    let dit = Dit {
        config: DitConfig {
            head_dim: 8,
            in_channels: 5,
            out_channels: 5,
            text_dim: 12,
            freq_dim: 10,
            ffn_dim: 20,
            ..config(3)
        },
        control: Some(Control {
            layers: vec![0, 2],
            in_channels: 7,
        }),
        base: &Nothing,
        lora: None,
        checkpointing,
    };
    (dit, Files::read(&["train-vace"]).under(""), clip, goldens)
}

#[test]
fn every_weight_of_a_transformer_with_control_blocks_has_the_gradient_of_pytorch() {
    let (dit, trained, clip, goldens) = vace(false);
    assert_eq!(
        dit.tensors()
            .iter()
            .map(|(n, s)| (n.as_str(), s))
            .collect::<Vec<_>>(),
        trained.iter().map(|(n, p)| (n, &p.shape)).collect::<Vec<_>>()
    );
    let (loss, gradients) = gradients_of(&dit, &trained, &clip, SIGMAS[1]);
    assert_loss(loss, goldens.values("vace.loss")[0]);
    assert_gradients(&gradients, &goldens, "vace.gradient.");
    assert_eq!(
        clip.noised(SIGMAS[1], |e| dit.loss(&trained, e)).unwrap().loss,
        loss
    );
    // Blocks run again give the very same.
    let (again, trained, clip, _) = vace(true);
    assert_eq!(
        gradients_of(&again, &trained, &clip, SIGMAS[1]),
        (loss, gradients)
    );
}

/// Any subset of tensors can be trained, and each gradient is that of training all: what is let go or skipped for frozen
/// weights is never what a gradient needs.
#[test]
fn a_part_of_the_weights_has_the_gradients_it_has_among_all() {
    let (dit, all, clip, _) = vace(false);
    let (loss, wanted) = gradients_of(&dit, &all, &clip, SIGMAS[1]);
    let base = Files::read(&["train-vace"]);
    let names: Vec<&str> = all.iter().map(|(name, _)| name).collect();
    for round in 0..40 {
        let mut part = Parameters::new();
        // One tensor alone in the first rounds, then some.
        let drawn = random(round, names.len());
        for (i, name) in names.iter().enumerate() {
            let taken = match round < 25 {
                true => i == (round as usize * 7) % names.len(),
                false => drawn[i] > 0.7,
            };
            if taken {
                let tensor = all.get(name).unwrap();
                part.insert(*name, &tensor.shape, tensor.values.clone());
            }
        }
        if part.is_empty() {
            continue;
        }
        for checkpointing in [false, true] {
            let dit = Dit {
                base: &base,
                checkpointing,
                ..dit.clone()
            };
            let (found, gradients) = gradients_of(&dit, &part, &clip, SIGMAS[1]);
            assert_eq!(found, loss);
            for (name, got) in gradients.iter() {
                assert_eq!(got, wanted.get(name).unwrap(), "{name} in round {round}");
            }
        }
    }
}

#[test]
fn a_run_can_be_stopped_at_any_block() {
    let (dit, trained, clip, _) = vace(true);
    let mut gradients = Gradients::zeros(&trained);
    let mut asked = 0;
    let mut whole = || {
        asked += 1;
        true
    };
    clip.noised(0.5, |e| {
        dit.gradients(&trained, e, 1.0, &mut gradients, &mut whole)
    })
    .unwrap();
    for most in 0..asked {
        let mut left = most;
        let mut go_on = || {
            left -= 1;
            left >= 0
        };
        let stopped = clip.noised(0.5, |e| {
            dit.gradients(&trained, e, 1.0, &mut gradients, &mut go_on)
        });
        assert_eq!(stopped.unwrap_err(), ModelError::Stopped, "at {most} of {asked}");
    }
}

#[test]
fn what_does_not_fit_is_said() {
    let (dit, trained, clip, _) = vace(false);
    let told = |e: &Example<'_>| dit.loss(&trained, e).unwrap_err().to_string();
    clip.noised(0.5, |e| {
        assert!(told(&Example { control: None, ..*e }).contains("control latents"));
        assert!(
            told(&Example {
                size: [2, 4, 5],
                ..*e
            })
            .contains("grid")
        );
        assert!(
            told(&Example {
                size: [1, 4, 6],
                ..*e
            })
            .contains("of one model")
        );
        assert!(
            told(&Example {
                text: &e.text[1..],
                ..*e
            })
            .contains("text encoder")
        );
        assert!(
            told(&Example {
                target: &e.target[1..],
                ..*e
            })
            .contains("velocity")
        );
    });
}

#[test]
fn an_average_forgets_its_beginning() {
    let mut parameters = Parameters::new();
    parameters.insert("w", &[1], vec![0.0]);
    let mut average = Average::new(&parameters, 0.9);
    parameters.insert("w", &[1], vec![1.0]);
    let mut wanted = 0.0;
    for step in 1..200u64 {
        let kept = 0.9f64.min((1.0 + step as f64) / (10.0 + step as f64));
        wanted = kept * wanted + (1.0 - kept);
        average.update(&parameters, step);
        let got = average.values.get("w").unwrap().values[0];
        assert!(
            (f64::from(got) - wanted).abs() < 1e-5,
            "{got} for {wanted} at {step}"
        );
    }
    assert!(wanted > 0.999);
}
