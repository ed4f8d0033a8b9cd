//! Scenes that are not as they should be: one clear error or a named warning each, and never a crash.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end at the first thing wrong"
)]

mod made;

use std::fs;

use heirloom_stage::read::{
    self as stage, FileError, Files, Folder, Memory, ReadError, ReadLimits, ReadOptions,
};
use made::{Maker, png, push, read, read_with, warned};
use proptest::prelude::*;
use serde_json::json;

/// The error of a .glb, which names its file and says a mend.
fn error(made: &Maker) -> ReadError {
    let error = made.read().expect_err("this should not be read");
    let said = error.to_string();
    assert!(said.contains("made.glb") && said.contains(';'), "{said}");
    error
}

fn damaged(made: &Maker, why: &str) {
    let error = error(made);
    assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains(why), "{error}");
}

#[test]
fn a_glb_cut_anywhere_is_an_error() {
    let whole = Maker::triangle().glb();
    for length in 1..whole.len() {
        assert!(
            read(&whole[..length], "cut.glb").is_err(),
            "{length} of {} bytes",
            whole.len()
        );
    }
    assert!(matches!(read(b"", "cut.glb"), Err(ReadError::Empty { .. })));
}

#[test]
fn what_is_no_scene_is_said_to_be_none() {
    let said = |bytes: &[u8], name: &str| read(bytes, name).unwrap_err().to_string();
    assert!(said(b"BLENDER-v500 and so on", "a.blend").contains("this is a Blender file: export it"));
    assert!(said(b"Kaydara FBX Binary", "a.fbx").contains("FBX"));
    assert!(said(b"hello, world, this is", "a.txt").contains("starts with \"hello, world\""));
    // The name says what it should have been.
    assert!(said(b"hello", "a.glb").contains("damaged"));
    assert!(said(b"{\"a\": 1}", "a.json").contains("not glTF"));
    assert!(said(b"glTF\x01\0\0\0\x14\0\0\0", "a.glb").contains("version 1"));
}

#[test]
fn buffers_shorter_than_accessors_say() {
    let mut made = Maker::triangle();
    made.json["accessors"][0]["count"] = 4.into();
    damaged(&made, "fewer than the 4 elements");
    let mut made = Maker::triangle();
    made.json["bufferViews"][0]["byteLength"] = 100_000.into();
    damaged(&made, "goes to byte 100000");
    let mut made = Maker::triangle();
    made.json["bufferViews"][0]["byteOffset"] = u64::MAX.into();
    damaged(&made, "buffer view 0");
    let mut made = Maker::triangle();
    made.json["accessors"][0]["byteOffset"] = u64::MAX.into();
    damaged(&made, "fewer than");
    let mut short = Maker::triangle();
    short.buffer.truncate(8);
    assert!(short.read().unwrap_err().to_string().contains("damaged"));
    let mut text = Maker::triangle();
    text.json["accessors"][0]["count"] = (1_u64 << 60).into();
    assert!(error(&text).to_string().contains("vertices"));
}

#[test]
fn indices_of_nothing() {
    type Change = (&'static str, fn(&mut Maker));
    let change: [Change; 9] = [
        ("corner at vertex 7", |m| {
            let indices = m.indices(&[0, 1, 7]);
            m.json["meshes"][0]["primitives"][0]["indices"] = indices.into();
        }),
        ("accessor 9", |m| {
            m.json["meshes"][0]["primitives"][0]["indices"] = 9.into()
        }),
        ("buffer view 9", |m| {
            m.json["accessors"][0]["bufferView"] = 9.into()
        }),
        ("buffer 9", |m| m.json["bufferViews"][0]["buffer"] = 9.into()),
        ("mesh 9", |m| m.json["nodes"][0]["mesh"] = 9.into()),
        ("skin 9", |m| m.json["nodes"][0]["skin"] = 9.into()),
        ("camera 9", |m| m.json["nodes"][0]["camera"] = 9.into()),
        ("material", |m| {
            m.json["meshes"][0]["primitives"][0]["material"] = 9.into()
        }),
        ("node 9", |m| m.json["scenes"][0]["nodes"] = json!([9])),
    ];
    for (said, change) in change {
        let mut made = Maker::triangle();
        change(&mut made);
        damaged(&made, said);
    }
}

#[test]
fn sparse_elements_that_are_not_there() {
    for (count, place, said) in [
        (1, 3_u8, "changes element 3 of 3"),
        (4, 0, "changes 4 of 3"),
        (2, 0, "fewer than"),
    ] {
        let mut made = Maker::triangle();
        let places = made.view(&[place]);
        let values = made.view(&[0; 12]);
        made.json["accessors"][0]["sparse"] = json!({
            "count": count,
            "indices": {"bufferView": places, "componentType": 5121},
            "values": {"bufferView": values},
        });
        damaged(&made, said);
    }
}

#[test]
fn numbers_that_are_none() {
    let mut made = Maker::triangle();
    let positions = made.vectors(&[[0.0, f32::NAN, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
    made.json["meshes"][0]["primitives"][0]["attributes"]["POSITION"] = positions.into();
    let found = error(&made);
    assert!(
        matches!(&found, ReadError::NotFinite { subject, .. } if subject == "leaf"),
        "{found}"
    );

    let mut made = Maker::triangle();
    // JSON has no infinity; a number that f32 cannot hold becomes one.
    made.json["nodes"][0]["translation"] = json!([1e300, 0.0, 0.0]);
    assert!(matches!(
        error(&made),
        ReadError::NotFinite { .. } | ReadError::Damaged { .. }
    ));

    let mut made = Maker::triangle();
    let target = json!({"node": 0, "path": "translation"});
    made.channel(&[0.0, f32::INFINITY], &[0.0; 6], "VEC3", "LINEAR", target.clone());
    assert!(matches!(error(&made), ReadError::NotFinite { .. }));
    let mut made = Maker::triangle();
    made.channel(
        &[0.0, 1.0],
        &[0.0, 0.0, f32::NAN, 0.0, 0.0, 0.0],
        "VEC3",
        "LINEAR",
        target,
    );
    assert!(matches!(error(&made), ReadError::NotFinite { .. }));

    let mut made = Maker::triangle();
    made.json["cameras"] = json!([{"type": "perspective", "perspective": {"yfov": 0.0, "znear": 0.1}}]);
    made.json["nodes"][0]["camera"] = 0.into();
    assert!(error(&made).to_string().contains("lens"));
}

#[test]
fn keys_that_do_not_fit() {
    let target = json!({"node": 0, "path": "rotation"});
    let mut made = Maker::triangle();
    made.channel(
        &[0.0, 1.0, 2.0],
        &[0.0, 0.0, 0.0, 1.0],
        "VEC4",
        "LINEAR",
        target.clone(),
    );
    damaged(&made, "1 values for 3 keys");
    let mut made = Maker::triangle();
    let same = [0.0, 0.0, 0.0, 1.0].repeat(3);
    made.channel(&[0.0, 1.0, 1.0], &same, "VEC4", "LINEAR", target);
    let scene = made.read().unwrap();
    assert!(warned(&scene, "leaf", "1 keys do not come after"));
}

#[test]
fn trees_that_are_none() {
    let tree = |nodes: serde_json::Value| {
        let mut made = Maker::triangle();
        made.json["nodes"] = nodes;
        match error(&made) {
            ReadError::Tree { what, .. } => what,
            other => panic!("{other}"),
        }
    };
    assert_eq!(tree(json!([{"children": [0]}])), "is under itself");
    assert_eq!(
        tree(json!([{"children": [1]}, {"children": [2]}, {"children": [1]}])),
        "is under two nodes"
    );
    assert_eq!(
        tree(json!([{"children": [1]}, {"children": [0]}])),
        "is under itself, by way of others"
    );
    let mut made = Maker::triangle();
    made.json["scenes"] = json!([{"nodes": [0, 1]}]);
    made.json["nodes"] = json!([{"children": [1]}, {}]);
    assert!(
        error(&made)
            .to_string()
            .contains("top of the scene and under another")
    );
}

#[test]
fn a_tree_of_a_hundred_thousand_in_a_row() {
    let mut made = Maker::triangle();
    let count = 100_000;
    let nodes: Vec<serde_json::Value> = (0..count)
        .map(|i| {
            if i + 1 < count {
                json!({"children": [i + 1]})
            } else {
                json!({})
            }
        })
        .collect();
    made.json["nodes"] = nodes.into();
    assert_eq!(made.read().unwrap().nodes.len(), count);
}

#[test]
fn limits_are_named() {
    let made = Maker::triangle();
    let with = |limits: ReadLimits| {
        let options = ReadOptions {
            limits,
            ..ReadOptions::default()
        };
        stage::read_bytes(made.glb(), "made.glb", None, &Memory::default(), &options)
    };
    let plain = ReadLimits::default();
    for (limits, what) in [
        (
            ReadLimits {
                triangles: 0,
                ..plain
            },
            "triangles",
        ),
        (ReadLimits { vertices: 2, ..plain }, "vertices"),
        (ReadLimits { nodes: 0, ..plain }, "JSON objects"),
        (
            ReadLimits {
                file_bytes: 10,
                ..plain
            },
            "bytes",
        ),
        (
            ReadLimits {
                text_values: 2,
                ..plain
            },
            "JSON values",
        ),
    ] {
        match with(limits) {
            Err(ReadError::TooLarge { what: found, .. }) => assert_eq!(found, what),
            other => panic!("{what}: {other:?}"),
        }
    }
    // An accessor that has no bytes behind its count.
    let mut made = Maker::triangle();
    let empty = push(
        &mut made.json["accessors"],
        json!({"componentType": 5126, "type": "VEC3", "count": 4_000_000_000_u64}),
    );
    made.json["meshes"][0]["primitives"][0]["attributes"]["POSITION"] = empty.into();
    assert!(matches!(
        error(&made),
        ReadError::TooLarge { what: "vertices", .. }
    ));
}

#[test]
fn a_picture_too_large_is_left_out() {
    let mut made = Maker::triangle();
    let view = made.view(&png(64, 64, [9; 4]));
    made.json["images"] = json!([{"bufferView": view, "mimeType": "image/png"}]);
    made.json["textures"] = json!([{"source": 0}]);
    made.json["materials"] = json!([{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]);
    let options = ReadOptions {
        limits: ReadLimits {
            texture_pixels: 1000,
            ..ReadLimits::default()
        },
        ..ReadOptions::default()
    };
    let scene = stage::read_bytes(made.glb(), "made.glb", None, &Memory::default(), &options).unwrap();
    assert!(scene.textures.is_empty() && warned(&scene, "picture 0", "left out"));
}

#[test]
fn files_outside_the_folder_are_not_touched() {
    let made = Maker::triangle();
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("scene");
    fs::create_dir(&inner).unwrap();
    fs::write(folder.path().join("secret.bin"), &made.buffer).unwrap();
    fs::write(inner.join("own.bin"), &made.buffer).unwrap();
    let absolute = folder.path().join("secret.bin");
    let mut outside = vec![
        "../secret.bin".to_owned(),
        "a/../../secret.bin".into(),
        "%2e%2e/secret.bin".into(),
        "..\\secret.bin".into(),
        format!("file://{}", absolute.display()),
        absolute.display().to_string(),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&absolute, inner.join("link.bin")).unwrap();
        outside.push("link.bin".into());
    }
    let path = inner.join("made.gltf");
    for uri in outside {
        fs::write(&path, made.gltf(&uri)).unwrap();
        match stage::read(&path, &ReadOptions::default()) {
            Err(ReadError::Outside { .. }) => {}
            other => panic!("{uri}: {other:?}"),
        }
    }
    fs::write(&path, made.gltf("own.bin")).unwrap();
    assert_eq!(stage::read(&path, &ReadOptions::default()).unwrap().name, "made");
    fs::write(&path, made.gltf("gone.bin")).unwrap();
    assert!(matches!(
        stage::read(&path, &ReadOptions::default()),
        Err(ReadError::Missing { .. })
    ));
    let missing = stage::read(&inner.join("none.glb"), &ReadOptions::default()).unwrap_err();
    assert!(missing.to_string().contains("could not be read"), "{missing}");
    let files = Folder::around(&path).unwrap();
    assert!(matches!(files.read("own.bin", 3), Err(FileError::TooLarge(_))));
}

#[test]
fn flat_triangles_are_fine() {
    let mut made = Maker::triangle();
    let indices = made.indices(&[0, 0, 0, 0, 1, 1]);
    made.json["meshes"][0]["primitives"][0]["indices"] = indices.into();
    let scene = made.read().unwrap();
    assert_eq!(scene.meshes[0].primitives[0].triangles.len(), 2);
}

/// Bytes of a sound file with some of them changed.
fn changed(file: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((0..file.len(), any::<u8>()), 1..12).prop_map(move |changes| {
        let mut bytes = file.to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes
    })
}

/// Whatever a file says, what comes out of it points inside itself.
fn sound(scene: &heirloom_stage::scene::Scene) {
    for (i, node) in scene.nodes.iter().enumerate() {
        assert!(node.parent.is_none_or(|p| p < i));
        assert!(node.mesh.is_none_or(|m| m < scene.meshes.len()));
        assert!(node.skin.is_none_or(|s| s < scene.skins.len()));
        assert!(node.camera.is_none_or(|c| c < scene.cameras.len()));
        assert!(node.light.is_none_or(|l| l < scene.lights.len()));
    }
    for p in scene.meshes.iter().flat_map(|m| &m.primitives) {
        assert!(
            p.triangles
                .iter()
                .flatten()
                .all(|&v| (v as usize) < p.positions.len())
        );
        assert!(p.material.is_none_or(|m| m < scene.materials.len()));
        assert!(p.positions.as_flattened().iter().all(|v| v.is_finite()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_glb_with_changed_bytes_is_a_scene_or_an_error(bytes in changed(include_bytes!("data/moving.glb"))) {
        if let Ok(scene) = read(&bytes, "changed.glb") {
            sound(&scene);
        }
    }

    #[test]
    fn a_usdc_with_changed_bytes_is_a_scene_or_an_error(bytes in changed(include_bytes!("data/moving.usdc"))) {
        if let Ok(scene) = read(&bytes, "changed.usdc") {
            sound(&scene);
        }
    }
}

#[test]
fn memory_and_folders_refuse_the_same_paths() {
    let files = Memory::default().with("a.bin", [1]);
    for path in [
        "../a.bin",
        "/a.bin",
        "c:\\a.bin",
        "",
        "x/../../a.bin",
        "http://a/a.bin",
    ] {
        assert!(matches!(files.read(path, 9), Err(FileError::Outside)), "{path}");
    }
    assert!(matches!(files.read("b.bin", 9), Err(FileError::Missing)));
    assert!(files.read("./x/../a.bin", 9).is_ok());
    let _ = read_with(b"x", "x", &files);
}
