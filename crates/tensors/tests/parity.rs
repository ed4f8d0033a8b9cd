//! The models against goldens that the reference implementation made of tiny random weights.
//!
//! `crates/engine-diffusion/tests/goldens/README.md` says what each file holds and how it was made.

#![allow(clippy::unwrap_used, clippy::panic)] // of helpers: in tests a panic is the report

mod support;

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use heirloom_tensors::wan::{
    Dit, DitConfig, RopeTable, Sample, TextConfig, TextEncoder, Tiling, Vae, VaeConfig,
};
use heirloom_tensors::weights::{ModelError, Reader, Stored, Weight, Weights};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use support::assert_close;

/// What is allowed between a stage and its golden, relative to the greatest value.
const LIMIT: f64 = 1e-4;

fn goldens() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../engine-diffusion/tests/goldens")
}

/// The tensors of all files of a folder, or of one file.
struct Files(HashMap<String, (Stored, Vec<usize>, Vec<u8>)>);

impl Files {
    fn read(path: &str) -> Self {
        let path = goldens().join(path);
        let files: Vec<PathBuf> = if path.is_dir() {
            let all = std::fs::read_dir(&path).unwrap().map(|f| f.unwrap().path());
            all.filter(|f| f.extension().is_some_and(|e| e == "safetensors"))
                .collect()
        } else {
            vec![path.with_extension("safetensors")]
        };
        assert!(!files.is_empty(), "no weights in {}", path.display());
        let mut all = HashMap::new();
        for file in files {
            let bytes = std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
                let stored = match view.dtype() {
                    Dtype::F32 => Stored::F32,
                    Dtype::F16 => Stored::F16,
                    Dtype::BF16 => Stored::Bf16,
                    // Ids and masks; read by `integers`.
                    Dtype::I64 => Stored::F32,
                    other => panic!("{name} is {other:?}"),
                };
                all.insert(name, (stored, view.shape().to_vec(), view.data().to_vec()));
            }
        }
        Self(all)
    }

    fn integers(&self, name: &str) -> Vec<i64> {
        self.0[name]
            .2
            .as_chunks::<8>()
            .0
            .iter()
            .map(|b| i64::from_le_bytes(*b))
            .collect()
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let (stored, _, bytes) = self.0.get(name).unwrap_or_else(|| panic!("no golden {name}"));
        let weight = Weight {
            stored: *stored,
            bytes: Cow::Borrowed(bytes),
        };
        weight.widened(0, weight.len())
    }

    /// A tensor without its leading axes of size one.
    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let values = self.values(name);
        let shape = &self.0[name].1;
        let (ones, rest) = shape.split_at(shape.len() - D);
        assert!(ones.iter().all(|n| *n == 1), "{name} is {shape:?}");
        let shape: [usize; D] = rest.try_into().unwrap();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }
}

impl Weights for Files {
    fn get(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let Some((stored, found, bytes)) = self.0.get(name) else {
            return Err(ModelError::Missing { name: name.into() });
        };
        if found != shape {
            return Err(ModelError::Shape {
                name: name.into(),
                wanted: shape.to_vec(),
                found: found.clone(),
            });
        }
        Ok(Weight {
            stored: *stored,
            bytes: Cow::Borrowed(bytes),
        })
    }
}

/// A configuration beside the weights.
struct Config(Value);

impl Config {
    fn read(folder: &str) -> Self {
        let text = std::fs::read_to_string(goldens().join(folder).join("config.json")).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    fn size(&self, key: &str) -> usize {
        self.0[key].as_u64().unwrap_or_else(|| panic!("{key}")) as usize
    }

    fn list<T>(&self, key: &str, one: impl Fn(&Value) -> T) -> Vec<T> {
        self.0[key].as_array().unwrap().iter().map(one).collect()
    }
}

fn dit_config(folder: &str) -> DitConfig {
    let c = Config::read(folder);
    let patch = c.list("patch_size", |v| v.as_u64().unwrap() as usize);
    DitConfig {
        patch: patch.try_into().unwrap(),
        heads: c.size("num_attention_heads"),
        head_dim: c.size("attention_head_dim"),
        in_channels: c.size("in_channels"),
        out_channels: c.size("out_channels"),
        text_dim: c.size("text_dim"),
        freq_dim: c.size("freq_dim"),
        ffn_dim: c.size("ffn_dim"),
        layers: c.size("num_layers"),
        cross_attn_norm: c.0["cross_attn_norm"].as_bool().unwrap(),
        eps: c.0["eps"].as_f64().unwrap() as f32,
    }
}

fn text_config() -> TextConfig {
    let c = Config::read("t2v/text_encoder");
    TextConfig {
        vocabulary: c.size("vocab_size"),
        width: c.size("d_model"),
        heads: c.size("num_heads"),
        head_dim: c.size("d_kv"),
        ffn_dim: c.size("d_ff"),
        layers: c.size("num_layers"),
        buckets: c.size("relative_attention_num_buckets"),
        max_distance: c.size("relative_attention_max_distance"),
        eps: c.0["layer_norm_epsilon"].as_f64().unwrap() as f32,
    }
}

fn vae_config() -> VaeConfig {
    let c = Config::read("t2v/vae");
    let numbers = |key: &str| c.list(key, |v| v.as_f64().unwrap() as f32);
    VaeConfig {
        base: c.size("base_dim"),
        decoder_base: c.size("base_dim"),
        residual: false,
        patch: 1,
        multiples: c.list("dim_mult", |v| v.as_u64().unwrap() as usize),
        blocks: c.size("num_res_blocks"),
        time_steps: c.list("temperal_downsample", |v| v.as_bool().unwrap()),
        latent_channels: c.size("z_dim"),
        mean: numbers("latents_mean"),
        deviation: numbers("latents_std"),
    }
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec::<f32>().unwrap()
}

fn always(_: usize) -> bool {
    true
}

#[test]
fn text_states_are_those_of_the_reference() {
    let (weights, wanted) = (Files::read("t2v/text_encoder"), Files::read("umt5"));
    let config = text_config();
    let width = config.width;
    let encoder = TextEncoder::new(config, &weights, &Device::flex());
    for prompt in ["prompt", "negative", "empty", "full"] {
        let length = wanted.integers(&format!("{prompt}.mask")).iter().sum::<i64>() as usize;
        let ids: Vec<u32> = wanted.integers(&format!("{prompt}.ids"))[..length]
            .iter()
            .map(|id| *id as u32)
            .collect();
        let got = values(encoder.encode(&ids, &mut always).unwrap());
        assert_close(
            &got,
            &wanted.values(&format!("{prompt}.padded"))[..length * width],
            LIMIT,
        );
    }
}

#[test]
fn rotary_positions_are_those_of_the_reference() {
    let dit = Files::read("dit");
    let config = dit_config("t2v/transformer");
    assert_eq!(RopeTable::pairs(config.head_dim), [4, 2, 2]);
    assert_eq!(RopeTable::pairs(128), [22, 21, 21]);
    let table = RopeTable::new([2, 2, 3], config.head_dim);
    assert_eq!((table.tokens, table.pairs), (12, 8));
    assert_close(&table.cos, &dit.values("t637.rope.cos"), 1e-6);
    assert_close(&table.sin, &dit.values("t637.rope.sin"), 1e-6);
}

#[test]
fn velocities_are_those_of_the_reference() {
    let wanted = Files::read("dit");
    let cases = [
        ("t999", "t2v/transformer", 999.0),
        ("t637", "t2v/transformer", 637.25),
        ("t1", "t2v/transformer", 1.0),
        ("high", "a14b/transformer", 900.0),
        ("sharp", "a14b/transformer_2", 420.0),
    ];
    for (case, folder, time) in cases {
        let weights = Files::read(folder);
        let dit = Dit::new(dit_config(folder), &weights, &Device::flex());
        let sample = Sample {
            latents: wanted.tensor(&format!("{case}.latents")),
            text: wanted.tensor("states"),
        };
        let got = dit.forward(&[sample], time, &mut always).unwrap().remove(0);
        assert_close(&values(got), &wanted.values(&format!("{case}.out")), LIMIT);
    }
}

#[test]
fn samples_that_run_together_come_out_as_each_alone() {
    let (weights, wanted) = (Files::read("t2v/transformer"), Files::read("dit"));
    let dit = Dit::new(dit_config("t2v/transformer"), &weights, &Device::flex());
    let sample = |case: &str| Sample {
        latents: wanted.tensor(&format!("{case}.latents")),
        text: wanted.tensor("states"),
    };
    let mut blocks = Vec::new();
    let mut seen = |block| {
        blocks.push(block);
        true
    };
    let both = dit
        .forward(&[sample("t637"), sample("t999")], 637.25, &mut seen)
        .unwrap();
    assert_eq!(blocks, [0, 1, 2]);
    assert_close(&values(both[0].clone()), &wanted.values("t637.out"), LIMIT);
    let alone = dit
        .forward(&[sample("t999")], 637.25, &mut always)
        .unwrap()
        .remove(0);
    assert_close(&values(both[1].clone()), &values(alone), 1e-6);
}

#[test]
fn encoded_latents_are_those_of_the_reference() {
    let (weights, wanted) = (Files::read("t2v/vae"), Files::read("vae"));
    let vae = Vae::new(vae_config(), &weights, &Device::flex()).unwrap();
    let cases: Vec<&str> = wanted.0.keys().filter_map(|k| k.strip_suffix(".mean")).collect();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let clip = wanted.tensor(&format!("{case}.pixels"));
        let got = vae.encode(clip, None, &mut |_, _| true).unwrap();
        assert_close(&values(got), &wanted.values(&format!("{case}.mean")), LIMIT);
    }
}

#[test]
fn decoded_clips_are_those_of_the_reference() {
    let (weights, wanted) = (Files::read("t2v/vae"), Files::read("vae"));
    let vae = Vae::new(vae_config(), &weights, &Device::flex()).unwrap();
    let cases: Vec<&str> = wanted
        .0
        .keys()
        .filter_map(|k| k.strip_suffix(".latents"))
        .collect();
    assert_eq!(cases.iter().filter(|c| c.starts_with("decode")).count(), 5);
    for case in cases.into_iter().filter(|c| c.starts_with("decode")) {
        let got = vae
            .decode(wanted.tensor(&format!("{case}.latents")), None, &mut |_, _| true)
            .unwrap();
        assert_close(&values(got), &wanted.values(&format!("{case}.pixels")), LIMIT);
    }
}

#[test]
fn tiles_are_joined_as_the_reference_joins_them() {
    let (weights, wanted) = (Files::read("t2v/vae"), Files::read("vae"));
    let vae = Vae::new(vae_config(), &weights, &Device::flex()).unwrap();
    let tiling = Tiling::new([32, 32], [24, 24], vae.config().space_ratio()).unwrap();
    let mut seen = Vec::new();
    let mut count = |done, all| {
        seen.push((done, all));
        true
    };
    let got = vae
        .decode(wanted.tensor("tiled.latents"), Some(tiling), &mut count)
        .unwrap();
    assert_close(&values(got), &wanted.values("tiled.pixels"), LIMIT);
    // Six by seven latents, tiles of four every three: two by three.
    assert_eq!(seen, (0..6).map(|i| (i, 6)).collect::<Vec<_>>());
    let whole = vae
        .decode(wanted.tensor("tiled.latents"), None, &mut |_, _| true)
        .unwrap();
    assert_close(&values(whole), &wanted.values("tiled.whole"), LIMIT);
}

#[test]
fn latents_go_to_the_transformer_and_back() {
    let weights = Files::read("t2v/vae");
    let config = vae_config();
    let vae = Vae::new(config.clone(), &weights, &Device::flex()).unwrap();
    let latents: Tensor<4> = Files::read("vae").tensor("tiled.latents");
    let model = vae.to_model(latents.clone());
    let first = values(latents.clone())[0];
    assert!((values(model.clone())[0] - (first - config.mean[0]) / config.deviation[0]).abs() < 1e-6);
    assert_close(&values(vae.from_model(model)), &values(latents), 1e-6);
}

#[test]
fn whoever_asks_to_stop_is_heard() {
    let (weights, wanted) = (Files::read("t2v/transformer"), Files::read("dit"));
    let dit = Dit::new(dit_config("t2v/transformer"), &weights, &Device::flex());
    let sample = Sample {
        latents: wanted.tensor("t637.latents"),
        text: wanted.tensor("states"),
    };
    let stopped = dit.forward(&[sample], 1.0, &mut |block| block < 1);
    assert_eq!(stopped.unwrap_err(), ModelError::Stopped);
    let weights = Files::read("t2v/vae");
    let vae = Vae::new(vae_config(), &weights, &Device::flex()).unwrap();
    let latents = Files::read("vae").tensor("decode.3x2x2.latents");
    assert_eq!(
        vae.decode(latents, None, &mut |done, _| done < 2).unwrap_err(),
        ModelError::Stopped
    );
}

#[test]
fn what_does_not_fit_is_said_with_the_mend() {
    let weights = Files::read("t2v/transformer");
    let device = Device::flex();
    let good = dit_config("t2v/transformer");
    let sample = |shape: [usize; 4], width| Sample {
        latents: Tensor::zeros(shape, &device),
        text: Tensor::zeros([16, width], &device),
    };
    let ask = |config: &DitConfig, weights: &Files, sample| {
        let dit = Dit::new(config.clone(), weights, &device);
        dit.forward(&[sample], 500.0, &mut always).unwrap_err()
    };
    let odd = ask(&good, &weights, sample([16, 1, 3, 4], 24));
    assert!(
        odd.to_string().contains("take a size on the model's grid"),
        "{odd}"
    );
    let other = ask(&good, &weights, sample([16, 1, 4, 4], 32));
    assert!(other.to_string().contains("must be of one model"), "{other}");
    let wide = DitConfig {
        ffn_dim: 48,
        ..good.clone()
    };
    let ModelError::Shape { name, wanted, found } = ask(&wide, &weights, sample([16, 1, 4, 4], 24)) else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), &wanted[..], &found[..]),
        ("blocks.0.ffn.net.0.proj.weight", &[48, 32][..], &[44, 32][..])
    );
    let mut holed = Files::read("t2v/transformer");
    holed.0.remove("blocks.1.attn2.norm_k.weight");
    let missing = ask(&good, &holed, sample([16, 1, 4, 4], 24));
    assert_eq!(
        missing,
        ModelError::Missing {
            name: "blocks.1.attn2.norm_k.weight".into()
        }
    );

    let texts = Files::read("t2v/text_encoder");
    let encoder = TextEncoder::new(text_config(), &texts, &device);
    let unknown = encoder.encode(&[1_000_000], &mut always).unwrap_err();
    assert!(
        unknown
            .to_string()
            .contains("tokenizer and encoder are of different models"),
        "{unknown}"
    );
    assert!(encoder.encode(&[], &mut always).is_err());
    assert!(Tiling::new([32, 32], [20, 24], 8).is_err());
    assert!(Tiling::new([32, 32], [40, 24], 8).is_err());
    let contradicting = VaeConfig {
        time_steps: vec![true],
        ..vae_config()
    };
    assert!(Vae::new(contradicting, &weights, &device).is_err());
}

#[test]
fn every_tensor_is_read_and_no_other() {
    use std::collections::BTreeSet;
    use std::sync::Mutex;
    /// Notes which tensors are asked for.
    struct Noting<'a>(&'a Files, Mutex<BTreeSet<String>>);
    impl Weights for Noting<'_> {
        fn get(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
            let weight = self.0.get(name, shape)?;
            self.1.lock().unwrap().insert(name.to_owned());
            Ok(weight)
        }
    }
    let device = Device::flex();
    let all = |files: &Files| files.0.keys().cloned().collect::<BTreeSet<_>>();
    let note = |files| Noting(files, Mutex::new(BTreeSet::new()));

    let files = Files::read("t2v/transformer");
    let noting = note(&files);
    let sample = Sample {
        latents: Tensor::zeros([16, 1, 2, 2], &device),
        text: Tensor::zeros([4, 24], &device),
    };
    Dit::new(dit_config("t2v/transformer"), &noting, &device)
        .forward(&[sample], 1.0, &mut always)
        .unwrap();
    assert_eq!(*noting.1.lock().unwrap(), all(&files));

    let files = Files::read("t2v/vae");
    let noting = note(&files);
    let vae = Vae::new(vae_config(), &noting, &device).unwrap();
    let clip = vae
        .decode(Tensor::zeros([16, 1, 1, 1], &device), None, &mut |_, _| true)
        .unwrap();
    vae.encode(clip, None, &mut |_, _| true).unwrap();
    assert_eq!(*noting.1.lock().unwrap(), all(&files));

    let files = Files::read("t2v/text_encoder");
    let noting = note(&files);
    TextEncoder::new(text_config(), &noting, &device)
        .encode(&[1], &mut always)
        .unwrap();
    assert_eq!(*noting.1.lock().unwrap(), all(&files));
    // The reader asks by full name, whatever it stands under.
    let from = Reader::new(&files, &device)
        .under("encoder")
        .under("final_layer_norm");
    assert_eq!(from.values("weight", &[24]).unwrap().len(), 24);
}
