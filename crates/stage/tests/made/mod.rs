//! Small glTF files, made piece by piece.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and may end at the first thing wrong"
)]

use std::path::PathBuf;

use serde_json::{Value, json};

use heirloom_stage::read::{Files, Memory, ReadError, ReadOptions, read_bytes};
use heirloom_stage::scene::Scene;

/// A file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// Reads bytes as a scene with nothing beside it.
pub fn read(bytes: &[u8], name: &str) -> Result<Scene, ReadError> {
    read_with(bytes, name, &Memory::default())
}

/// The same with files beside it.
pub fn read_with(bytes: &[u8], name: &str, files: &dyn Files) -> Result<Scene, ReadError> {
    read_bytes(bytes.to_vec(), name, None, files, &ReadOptions::default())
}

/// A glTF file being made: its JSON, to be changed at will, and its one buffer.
pub struct Maker {
    pub json: Value,
    pub buffer: Vec<u8>,
}

impl Maker {
    /// One node with one mesh of one triangle.
    pub fn triangle() -> Self {
        let mut made = Self::empty();
        let positions = made.vectors(&[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
        let indices = made.indices(&[0, 1, 2]);
        made.json["meshes"] = json!([{
            "name": "leaf",
            "primitives": [{"attributes": {"POSITION": positions}, "indices": indices}],
        }]);
        made.json["nodes"] = json!([{"name": "leaf", "mesh": 0}]);
        made
    }

    /// Nothing but a scene with node 0.
    pub fn empty() -> Self {
        Self {
            json: json!({
                "asset": {"version": "2.0"},
                "scene": 0,
                "scenes": [{"nodes": [0]}],
                "nodes": [],
                "accessors": [],
                "bufferViews": [],
            }),
            buffer: Vec::new(),
        }
    }

    /// Adds bytes as a view of the buffer; gives its number.
    pub fn view(&mut self, bytes: &[u8]) -> usize {
        while !self.buffer.len().is_multiple_of(4) {
            self.buffer.push(0);
        }
        let view = json!({"buffer": 0, "byteOffset": self.buffer.len(), "byteLength": bytes.len()});
        self.buffer.extend_from_slice(bytes);
        push(&mut self.json["bufferViews"], view)
    }

    /// Adds an accessor over new bytes; gives its number.
    pub fn accessor(&mut self, bytes: &[u8], component: u32, kind: &str, count: usize) -> usize {
        let view = self.view(bytes);
        let accessor = json!({"bufferView": view, "componentType": component, "type": kind, "count": count});
        push(&mut self.json["accessors"], accessor)
    }

    /// Floats, as `kind` says.
    pub fn floats(&mut self, values: &[f32], kind: &str) -> usize {
        let parts = match kind {
            "SCALAR" => 1,
            "VEC2" => 2,
            "VEC3" => 3,
            "VEC4" => 4,
            _ => 16,
        };
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.accessor(&bytes, 5126, kind, values.len() / parts)
    }

    /// Vectors of three floats.
    pub fn vectors(&mut self, values: &[[f32; 3]]) -> usize {
        self.floats(values.as_flattened(), "VEC3")
    }

    /// Corners in 32 bits.
    pub fn indices(&mut self, values: &[u32]) -> usize {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.accessor(&bytes, 5125, "SCALAR", values.len())
    }

    /// Adds an animation channel with its sampler to animation 0.
    pub fn channel(&mut self, times: &[f32], values: &[f32], kind: &str, how: &str, target: Value) {
        let input = self.floats(times, "SCALAR");
        let output = self.floats(values, kind);
        if self.json["animations"].is_null() {
            self.json["animations"] = json!([{"name": "move", "samplers": [], "channels": []}]);
        }
        let animation = &mut self.json["animations"][0];
        let sampler = json!({"input": input, "output": output, "interpolation": how});
        let sampler = push(&mut animation["samplers"], sampler);
        push(
            &mut animation["channels"],
            json!({"sampler": sampler, "target": target}),
        );
    }

    /// As .glb.
    pub fn glb(&self) -> Vec<u8> {
        let mut json = self.json.clone();
        json["buffers"] = json!([{"byteLength": self.buffer.len()}]);
        let mut text = serde_json::to_vec(&json).unwrap();
        while !text.len().is_multiple_of(4) {
            text.push(b' ');
        }
        let mut blob = self.buffer.clone();
        while !blob.len().is_multiple_of(4) {
            blob.push(0);
        }
        let mut out = b"glTF\x02\0\0\0".to_vec();
        out.extend_from_slice(&((12 + 8 + text.len() + 8 + blob.len()) as u32).to_le_bytes());
        for (kind, chunk) in [(b"JSON", &text), (b"BIN\0", &blob)] {
            out.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
            out.extend_from_slice(kind);
            out.extend_from_slice(chunk);
        }
        out
    }

    /// As .gltf with its buffer at a URI.
    pub fn gltf(&self, uri: &str) -> Vec<u8> {
        let mut json = self.json.clone();
        json["buffers"] = json!([{"byteLength": self.buffer.len(), "uri": uri}]);
        serde_json::to_vec_pretty(&json).unwrap()
    }

    /// Reads it as .glb.
    pub fn read(&self) -> Result<Scene, ReadError> {
        read(&self.glb(), "made.glb")
    }
}

/// Adds to a JSON list; gives the place.
pub fn push(list: &mut Value, value: Value) -> usize {
    if list.is_null() {
        *list = json!([]);
    }
    let list = list.as_array_mut().unwrap();
    list.push(value);
    list.len() - 1
}

/// Bytes in base64.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut word = [0; 3];
        word[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, word[0], word[1], word[2]]);
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i) & 63) as usize] as char;
            out.push(if i <= chunk.len() { letter } else { '=' });
        }
    }
    out
}

/// A PNG of one colour (display codes), with alpha.
pub fn png(width: u32, height: u32, pixel: [u8; 4]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    let pixels: Vec<u8> = pixel
        .iter()
        .copied()
        .cycle()
        .take((width * height * 4) as usize)
        .collect();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    out
}

/// Whether a warning about something speaks of something.
pub fn warned(scene: &Scene, subject: &str, what: &str) -> bool {
    scene
        .warnings
        .iter()
        .any(|w| w.subject.contains(subject) && w.what.contains(what))
}

/// Whether two numbers are near each other.
pub fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance
}
