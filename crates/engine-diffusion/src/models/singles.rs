//! A folder of original files: which of them is which part.

use super::look::{Found, Layout, Role};
use crate::wan::{Part, TextConfig, TransformerConfig, VaeConfig, single_expected};
use crate::weights::{Expected, Weights, is_pickle};
use std::path::{Path, PathBuf};

/// Most files that are looked at: a wrong folder (a home folder, say) is not gone through.
const MOST_FILES: usize = 500;
/// How deep parts may lie: `google/umt5-xxl/tokenizer.json`.
const DEEPEST: usize = 3;

struct Set {
    weights: Weights,
    part: Part,
    expected: Vec<Expected>,
    path: PathBuf,
}

/// Looks at a folder of single files. False where there is nothing of a model in it.
pub(super) fn look(folder: &Path, found: &mut Found) -> bool {
    found.layout = Layout::Single;
    let mut files = Vec::new();
    gather(folder, 0, &mut files);
    files.sort();
    let named = |ending: &'static str| {
        files
            .iter()
            .filter(move |f| f.to_string_lossy().ends_with(ending))
    };
    let pickles: Vec<&PathBuf> = files.iter().filter(|f| is_pickle(f)).collect();
    if named(".safetensors").next().is_none() && pickles.is_empty() {
        return false;
    }
    let mut sets = Vec::new();
    let mut sharded: Vec<PathBuf> = Vec::new();
    for index in named(".safetensors.index.json") {
        found.others.push(index.clone());
        match Weights::open_index(index) {
            Ok(weights) => {
                sharded.extend(weights.files().map(Path::to_owned));
                take(index, weights, &mut sets, found);
            }
            Err(error) => {
                // Its shards are not each taken for a model of their own.
                sharded.extend(
                    named(".safetensors")
                        .filter(|f| f.parent() == index.parent())
                        .cloned(),
                );
                found.problems.push(error.to_string());
            }
        }
    }
    for file in named(".safetensors").filter(|f| !sharded.contains(f)) {
        match Weights::open(file) {
            Ok(weights) => take(file, weights, &mut sets, found),
            Err(error) => found.problems.push(error.to_string()),
        }
    }
    let text = sets
        .iter()
        .find(|s| s.part == Part::Text)
        .and_then(|s| TextConfig::of_shapes(&s.weights).ok());
    if let Some(set) = sets.iter().find(|s| s.part == Part::Vae) {
        let vae = VaeConfig::of_names(&set.weights);
        // The autoencoder of the 5B is no other model's.
        found.holds_frames = vae.is_residual;
        found.problems.extend(other_latents(&sets, &vae));
    }
    roles(sets, found);
    for (role, missing) in [
        (
            Role::Transformer,
            "its name is like wan2.1_t2v_1.3B.safetensors, wan2.1_vace_14B.safetensors or diffusion_pytorch_model.safetensors",
        ),
        (
            Role::Vae,
            "its name is like wan_2.1_vae.safetensors, or wan2.2_vae.safetensors for the 5B",
        ),
        (Role::Text, "its name is like umt5_xxl_bf16.safetensors"),
    ] {
        let known = found.parts.iter().any(|p| p.role == role);
        let faulty = found.problems.iter().any(|p| p.starts_with(&format!("{role}:")));
        if !known && !faulty {
            let pickle = pickles.iter().find(|p| looks_like(p, role));
            let beside = pickle.map_or(String::new(), |p| {
                format!(
                    ". {} is a pickle file, which can run code and so is never read",
                    p.display()
                )
            });
            found.problems.push(format!(
                "{role}: there is no safetensors file of it ({missing}): copy or download it{beside}"
            ));
        }
    }
    match (text, named("tokenizer.json").next()) {
        (Some(text), Some(tokenizer)) => found.take_tokenizer(tokenizer, &text),
        (_, None) => found.problems.push(format!(
            "{}: there is no tokenizer.json: copy or download umT5's (google/umt5-xxl) into the folder",
            Role::Tokenizer
        )),
        (None, Some(_)) => {}
    }
    true
}

/// What is wrong where a transformer and the autoencoder are of different models.
fn other_latents(sets: &[Set], vae: &VaeConfig) -> Option<String> {
    let transformers = sets.iter().filter(|s| s.part == Part::Transformer);
    let other = transformers
        .filter_map(|s| TransformerConfig::of_shapes(&s.weights).ok())
        .find(|transformer| transformer.out_channels != vae.z_dim)?;
    Some(format!(
        "{}: it makes {} latent channels, and the autoencoder takes {}: these parts are of different models; get the \
         autoencoder that belongs to it",
        Role::Transformer,
        other.out_channels,
        vae.z_dim
    ))
}

fn looks_like(path: &Path, role: Role) -> bool {
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    match role {
        Role::Vae => name.contains("vae"),
        Role::Text => name.contains("t5"),
        _ => ["diffusion", "t2v", "i2v", "ti2v", "vace"]
            .iter()
            .any(|part| name.contains(part)),
    }
}

fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(listed) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in listed.flatten() {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if hidden || files.len() >= MOST_FILES {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            if depth + 1 < DEEPEST {
                gather(&path, depth + 1, files);
            }
        } else {
            files.push(path);
        }
    }
}

fn take(path: &Path, weights: Weights, sets: &mut Vec<Set>, found: &mut Found) {
    match single_expected(&weights) {
        Ok((part, expected)) => sets.push(Set {
            weights,
            part,
            expected,
            path: path.to_owned(),
        }),
        Err(error) => found.problems.push(format!("{}: {error}", path.display())),
    }
}

/// Gives each set its role. Two transformers are two experts, and their names say which is for which noise.
fn roles(sets: Vec<Set>, found: &mut Found) {
    let count = |part: Part| sets.iter().filter(|s| s.part == part).count();
    let experts = count(Part::Transformer);
    for part in [Part::Vae, Part::Text] {
        if count(part) > 1 {
            let all: Vec<String> = sets
                .iter()
                .filter(|s| s.part == part)
                .map(|s| s.path.display().to_string())
                .collect();
            found.problems.push(format!(
                "{part}: there are several ({}): leave one in the folder",
                all.join(", ")
            ));
        }
    }
    for set in sets {
        let role = match set.part {
            Part::Vae => Role::Vae,
            Part::Text => Role::Text,
            Part::Transformer if experts == 1 => Role::Transformer,
            Part::Transformer => {
                let place = set
                    .path
                    .strip_prefix(&found.folder)
                    .unwrap_or(&set.path)
                    .to_string_lossy()
                    .to_lowercase();
                match (place.contains("high"), place.contains("low")) {
                    (true, false) if experts == 2 => Role::Transformer,
                    (false, true) if experts == 2 => Role::Transformer2,
                    _ => {
                        found.problems.push(format!(
                            "{}: {} is one of {experts} transformers, and which is which is not to be seen: leave one, or \
                             the two experts with \"high\" and \"low\" in their names",
                            Role::Transformer,
                            set.path.display()
                        ));
                        continue;
                    }
                }
            }
        };
        if found.parts.iter().any(|p| p.role == role) {
            if matches!(role, Role::Transformer | Role::Transformer2) {
                found.problems.push(format!(
                    "{role}: {} is a second one: leave one in the folder",
                    set.path.display()
                ));
            }
            continue;
        }
        found.take(role, set.weights, &set.expected);
    }
}
