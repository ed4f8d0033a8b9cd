//! What trained tensors are before the first step.

use super::settings::LoraShape;
use crate::noise::Noise;
use heirloom_tensors::train::{Dit, Parameters};
use heirloom_tensors::weights::ModelError;

/// A LoRA that changes nothing yet: its first half drawn evenly up to `1/√inputs` (as PEFT does), its second nought.
pub(super) fn lora(dit: &Dit<'_>, shape: &LoraShape, seed: u64) -> Parameters {
    let mut all = Parameters::new();
    for (layer, inputs, outputs) in dit.linear_layers() {
        if !shape.is_on(&layer) {
            continue;
        }
        let name = format!("{layer}.lora_A.weight");
        let most = 1.0 / (inputs as f64).sqrt();
        let down = even(&name, seed, shape.rank * inputs, most);
        all.insert(name, &[shape.rank, inputs], down);
        let up = vec![0.0; outputs * shape.rank];
        all.insert(format!("{layer}.lora_B.weight"), &[outputs, shape.rank], up);
    }
    all
}

/// Every tensor of a model: its own where it has one, else drawn as the models' authors draw them.
pub(super) fn whole(dit: &Dit<'_>, seed: u64) -> Result<Parameters, ModelError> {
    let mut all = Parameters::new();
    for (name, shape) in dit.tensors() {
        let values = match dit.base.get(&name, &shape) {
            Ok(weight) => weight.widened(0, weight.len()),
            Err(ModelError::Missing { .. }) => fresh(&name, &shape, seed),
            Err(other) => return Err(other),
        };
        all.insert(name, &shape, values);
    }
    Ok(all)
}

/// The start of one tensor. Layers by Glorot and Bengio ("Understanding the difficulty of training deep feedforward neural
/// networks", 2010, equation 16), those of text and time normal with deviation 0.02; what a gate or the output stands
/// behind is nought, so that the model begins by saying nothing.
fn fresh(name: &str, shape: &[usize], seed: u64) -> Vec<f32> {
    let count = shape.iter().product();
    let normal = |deviation: f32| {
        let mut values = vec![0.0; count];
        Noise::new(&format!("training start {name}"), seed).fill(&mut values);
        values.iter_mut().for_each(|v| *v *= deviation);
        values
    };
    if name.ends_with("scale_shift_table") {
        let width = shape.last().copied().unwrap_or(1);
        return normal(1.0 / (width as f32).sqrt());
    }
    if name.ends_with("bias") || name == "proj_out.weight" || name.contains(".proj_out.") {
        return vec![0.0; count];
    }
    if shape.len() < 2 {
        return vec![1.0; count];
    }
    if name.contains("text_embedder") || name.contains("time_embedder") {
        return normal(0.02);
    }
    let inputs: usize = shape.iter().skip(1).product();
    let outputs = shape.first().copied().unwrap_or(1);
    even(name, seed, count, (6.0 / (inputs + outputs) as f64).sqrt())
}

/// Numbers spread evenly up to `most` on either side of nought.
fn even(name: &str, seed: u64, count: usize, most: f64) -> Vec<f32> {
    let mut chance = Noise::new(&format!("training start {name}"), seed);
    (0..count)
        .map(|_| ((2.0 * chance.uniform() - 1.0) * most) as f32)
        .collect()
}
