//! Any bytes are a USD scene that points inside itself or an error with a mend, in little memory.
#![no_main]

use std::sync::Once;

use heirloom_stage::read::{Memory, ReadLimits, ReadOptions, SceneFormat, read_bytes};
use libfuzzer_sys::fuzz_target;

static HOOK: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    // The fuzzer ends the run at any panic, and Heirloom turns those of the USD reader into errors. One that gets out
    // ends the run all the same.
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))));
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
    let format = match bytes.get(..4) {
        Some(b"PXR-") => SceneFormat::Usdc,
        Some(b"PK\x03\x04") => SceneFormat::Usdz,
        _ => SceneFormat::Usda,
    };
    let beside = b"#usda 1.0\n( defaultPrim = \"a\" )\ndef Xform \"a\" { def Cube \"c\" {} }".to_vec();
    let files = Memory::default().with("beside.usda", beside);
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
