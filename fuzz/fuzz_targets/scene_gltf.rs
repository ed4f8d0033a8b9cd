//! Any bytes are a glTF scene that points inside itself or an error with a mend, in little memory.
#![no_main]

use heirloom_stage::read::{Memory, ReadLimits, ReadOptions, SceneFormat, read_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let options = ReadOptions {
        limits: ReadLimits {
            file_bytes: 1 << 22,
            files: 8,
            nodes: 4096,
            vertices: 1 << 18,
            triangles: 1 << 18,
            key_values: 1 << 18,
            texture_pixels: 1 << 16,
            text_values: 1 << 16,
        },
        ..ReadOptions::default()
    };
    let format = if bytes.starts_with(b"glTF") { SceneFormat::Glb } else { SceneFormat::Gltf };
    let files = Memory::default().with("beside.bin", vec![7; 4096]);
    match read_bytes(bytes.to_vec(), "fuzz", Some(format), &files, &options) {
        Ok(scene) => {
            for (i, node) in scene.nodes.iter().enumerate() {
                assert!(node.parent.is_none_or(|p| p < i));
                assert!(node.mesh.is_none_or(|m| m < scene.meshes.len()));
                assert!(node.skin.is_none_or(|s| s < scene.skins.len()));
            }
            for p in scene.meshes.iter().flat_map(|m| &m.primitives) {
                assert!(p.triangles.iter().flatten().all(|&v| (v as usize) < p.positions.len()));
                assert!(p.positions.as_flattened().iter().all(|v| v.is_finite()));
            }
            // What is read can be looked at.
            let _ = heirloom_stage::summary::summary(&scene).to_string();
        }
        Err(error) => assert!(error.to_string().contains("fuzz"), "every error names its file"),
    }
});
