//! The file's binary part and its accessors.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::GlbError;

const FLOAT: u32 = 5126;
const UNSIGNED_SHORT: u32 = 5123;
const UNSIGNED_INT: u32 = 5125;
/// What a view of the buffer is for.
const VERTICES: u32 = 34962;
const INDICES: u32 = 34963;

/// Bytes and the tables that say what they are.
#[derive(Default)]
pub(super) struct Pack {
    bytes: Vec<u8>,
    views: Vec<Value>,
    accessors: Vec<Value>,
    extensions: BTreeSet<&'static str>,
    /// Key times that were written before, by their bits.
    times: HashMap<Vec<u32>, usize>,
}

impl Pack {
    /// Says that the file uses an extension.
    pub fn uses(&mut self, extension: &'static str) {
        self.extensions.insert(extension);
    }

    /// A view of these bytes, aligned to four.
    fn view(&mut self, bytes: impl IntoIterator<Item = u8>, target: Option<u32>) -> usize {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
        let offset = self.bytes.len();
        self.bytes.extend(bytes);
        let mut view = json!({ "buffer": 0, "byteOffset": offset, "byteLength": self.bytes.len() - offset });
        if let Some(target) = target {
            view["target"] = json!(target);
        }
        self.views.push(view);
        self.views.len() - 1
    }

    fn accessor(&mut self, view: usize, component: u32, count: usize, shape: &str) -> usize {
        self.accessors
            .push(json!({ "bufferView": view, "componentType": component, "count": count, "type": shape }));
        self.accessors.len() - 1
    }

    fn floats<const N: usize>(&mut self, values: &[[f32; N]], shape: &str, target: Option<u32>) -> usize {
        let bytes = values.iter().flatten().flat_map(|v| v.to_le_bytes());
        let view = self.view(bytes, target);
        self.accessor(view, FLOAT, values.len(), shape)
    }

    /// Places in metres, with the bounds that the file must say.
    pub fn places(&mut self, values: &[[f32; 3]]) -> usize {
        let accessor = self.floats(values, "VEC3", Some(VERTICES));
        let mut bounds = [[f32::INFINITY; 3], [f32::NEG_INFINITY; 3]];
        for value in values {
            for c in 0..3 {
                bounds[0][c] = bounds[0][c].min(value[c]);
                bounds[1][c] = bounds[1][c].max(value[c]);
            }
        }
        self.accessors[accessor]["min"] = json!(bounds[0]);
        self.accessors[accessor]["max"] = json!(bounds[1]);
        accessor
    }

    /// Values of vertices.
    pub fn vertices<const N: usize>(&mut self, values: &[[f32; N]]) -> usize {
        let shape = match N {
            2 => "VEC2",
            3 => "VEC3",
            _ => "VEC4",
        };
        self.floats(values, shape, Some(VERTICES))
    }

    /// Joints of vertices.
    pub fn joints(&mut self, values: &[[u16; 4]]) -> usize {
        let bytes = values.iter().flatten().flat_map(|v| v.to_le_bytes());
        let view = self.view(bytes, Some(VERTICES));
        self.accessor(view, UNSIGNED_SHORT, values.len(), "VEC4")
    }

    /// Corners of triangles.
    pub fn triangles(&mut self, values: &[[u32; 3]]) -> usize {
        let bytes = values.iter().flatten().flat_map(|v| v.to_le_bytes());
        let view = self.view(bytes, Some(INDICES));
        self.accessor(view, UNSIGNED_INT, values.len() * 3, "SCALAR")
    }

    /// Matrices, column by column.
    pub fn matrices(&mut self, values: &[[f32; 16]]) -> usize {
        self.floats(values, "MAT4", None)
    }

    /// Key times in seconds, which must rise.
    pub fn times(&mut self, times: &[f32]) -> usize {
        let bits: Vec<u32> = times.iter().map(|t| t.to_bits()).collect();
        if let Some(known) = self.times.get(&bits) {
            return *known;
        }
        let values: Vec<[f32; 1]> = times.iter().map(|t| [*t]).collect();
        let accessor = self.floats(&values, "SCALAR", None);
        self.accessors[accessor]["min"] = json!([times.first()]);
        self.accessors[accessor]["max"] = json!([times.last()]);
        self.times.insert(bits, accessor);
        accessor
    }

    /// Values of keys, `N` numbers each.
    pub fn keys<const N: usize>(&mut self, values: &[[f32; N]]) -> usize {
        let shape = match N {
            1 => "SCALAR",
            3 => "VEC3",
            _ => "VEC4",
        };
        self.floats(values, shape, None)
    }

    /// True or false at keys, in a byte each.
    pub fn flags(&mut self, values: &[bool]) -> usize {
        let view = self.view(values.iter().map(|v| u8::from(*v)), None);
        self.accessor(view, 5121, values.len(), "SCALAR")
    }

    /// A whole file within the file.
    pub fn blob(&mut self, bytes: Vec<u8>) -> usize {
        self.view(bytes, None)
    }

    /// The .glb with this root.
    pub fn finish(mut self, mut root: Map<String, Value>) -> Result<Vec<u8>, GlbError> {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
        if !self.bytes.is_empty() {
            root.insert("buffers".into(), json!([{ "byteLength": self.bytes.len() }]));
            root.insert("bufferViews".into(), Value::Array(self.views));
        }
        if !self.accessors.is_empty() {
            root.insert("accessors".into(), Value::Array(self.accessors));
        }
        if !self.extensions.is_empty() {
            root.insert("extensionsUsed".into(), json!(self.extensions));
        }
        let mut text = Value::Object(root).to_string().into_bytes();
        while !text.len().is_multiple_of(4) {
            text.push(b' ');
        }
        let whole = 12
            + 8
            + text.len() as u64
            + if self.bytes.is_empty() {
                0
            } else {
                8 + self.bytes.len() as u64
            };
        let length = u32::try_from(whole).map_err(|_| GlbError::TooLarge(whole))?;
        let mut file = Vec::with_capacity(whole as usize);
        file.extend(b"glTF");
        file.extend(2_u32.to_le_bytes());
        file.extend(length.to_le_bytes());
        for (kind, part) in [(b"JSON", text), (b"BIN\0", self.bytes)] {
            if !part.is_empty() {
                file.extend((part.len() as u32).to_le_bytes());
                file.extend(kind);
                file.extend(part);
            }
        }
        Ok(file)
    }
}
