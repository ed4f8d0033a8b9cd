//! glTF 2.0.
//!
//! The `gltf` crate parses the JSON; what that points at is looked up here with every index and every byte range
//! checked, since its own accessors stop the program at a wrong one.

mod accessor;
mod buffers;
mod look;
mod mesh;
mod motion;
mod nodes;
mod pointer;

use gltf::json::{Index, Root};
use serde_json::Value;

use self::accessor::Data;
use super::budget::Context;
use super::{ReadError, SceneFormat};
use crate::scene::Scene;

/// Extensions that are read.
const CARRIED: &[&str] = &[
    "KHR_lights_punctual",
    "KHR_texture_transform",
    "KHR_materials_unlit",
    "KHR_materials_emissive_strength",
    "KHR_mesh_quantization",
    "KHR_animation_pointer",
    "KHR_node_visibility",
];

/// Extensions that change nothing the passes show.
const HARMLESS: &[&str] = &[
    "KHR_materials_ior",
    "KHR_materials_specular",
    "KHR_xmp_json_ld",
    "KHR_xmp",
];

/// What is worked from while a file is read.
struct Source<'a> {
    root: &'a Root,
    data: Data<'a>,
    /// The same JSON, untyped, where it has what the typed one does not carry.
    raw: Option<Value>,
}

pub(super) fn read(
    bytes: Vec<u8>,
    format: SceneFormat,
    context: &mut Context<'_>,
) -> Result<Scene, ReadError> {
    let (text, blob) = match format {
        SceneFormat::Glb => chunks(&bytes, context)?,
        _ => (&bytes[..], None),
    };
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    sizes(text, context)?;
    let (root, raw, pointers) = parse(text, context)?;
    extensions(&root, context)?;
    let buffers = buffers::load(&root, blob, context)?;
    let source = Source {
        root: &root,
        data: Data::new(&root, buffers),
        raw,
    };
    let mut scene = Scene::default();
    let looks = look::read(&source, &mut scene, context)?;
    mesh::read(&source, &looks, &mut scene, context)?;
    let places = nodes::read(&source, &mut scene, context)?;
    motion::read(&source, &places, &pointers, &mut scene, context)?;
    Ok(scene)
}

/// The JSON and the binary chunk of a .glb (glTF 2.0, section 4.4).
fn chunks<'a>(bytes: &'a [u8], context: &Context<'_>) -> Result<(&'a [u8], Option<&'a [u8]>), ReadError> {
    let word = |at: usize| {
        let four = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    };
    let cut = || context.damaged(format!("it ends after {} bytes, within its header", bytes.len()));
    let version = word(4).ok_or_else(cut)?;
    if !bytes.starts_with(b"glTF") {
        return Err(context.damaged("it does not begin with `glTF`"));
    }
    if version != 2 {
        return Err(ReadError::Unsupported {
            name: context.name.clone(),
            what: format!("version {version} of glTF"),
            mend: "export it as glTF 2.0".into(),
        });
    }
    let length = word(8).ok_or_else(cut)? as usize;
    if length > bytes.len() {
        return Err(context.damaged(format!(
            "it says that it has {length} bytes, and ends after {}",
            bytes.len()
        )));
    }
    let bytes = &bytes[..length];
    let (mut at, mut text, mut blob) = (12_usize, None, None);
    while at + 8 <= bytes.len() {
        let (size, kind) = (word(at).ok_or_else(cut)? as usize, word(at + 4).ok_or_else(cut)?);
        let Some(chunk) = bytes.get(at + 8..(at + 8).saturating_add(size)) else {
            return Err(context.damaged(format!("a part of {size} bytes goes beyond its end")));
        };
        match kind {
            0x4E4F_534A if text.is_none() => text = Some(chunk),
            0x004E_4942 if blob.is_none() => blob = Some(chunk),
            // Other chunks are to be passed over.
            _ => {}
        }
        at += 8 + size;
    }
    let text = text.ok_or_else(|| context.damaged("it has no JSON part"))?;
    Ok((text, blob))
}

/// Sees that the JSON does not become far more than its bytes in memory.
fn sizes(text: &[u8], context: &Context<'_>) -> Result<(), ReadError> {
    let limits = &context.options.limits;
    let (mut things, mut values) = (0_u64, 0_u64);
    for byte in text {
        match byte {
            b'{' => things += 1,
            b',' => values += 1,
            _ => {}
        }
    }
    let too_large = |what, count, limit| ReadError::TooLarge {
        name: context.name.clone(),
        what,
        count,
        limit,
    };
    let most = limits.nodes.saturating_mul(8);
    if things > most {
        return Err(too_large("JSON objects", things, most));
    }
    if values > limits.text_values {
        return Err(too_large("JSON values", values, limits.text_values));
    }
    Ok(())
}

type Parsed = (Root, Option<Value>, Vec<pointer::Pointer>);

fn parse(text: &[u8], context: &mut Context<'_>) -> Result<Parsed, ReadError> {
    let has = |name: &[u8]| text.windows(name.len()).any(|w| w == name);
    let plain = !has(b"KHR_animation_pointer") && !has(b"KHR_node_visibility");
    if plain && let Ok(root) = gltf::json::deserialize::from_slice::<Root>(text) {
        return Ok((root, None, Vec::new()));
    }
    let broken = |context: &Context<'_>, error: serde_json::Error| {
        let why = if error.is_eof() {
            "its JSON is cut short".to_owned()
        } else {
            format!("its JSON is not glTF: {error}")
        };
        context.damaged(why)
    };
    let mut value: Value = serde_json::from_slice(text).map_err(|e| broken(context, e))?;
    if value.get("asset").is_none() {
        return Err(context.damaged("it is JSON, but not glTF: it has no `asset`"));
    }
    let pointers = pointer::take(&mut value, context);
    let again = serde_json::to_vec(&value).map_err(|e| broken(context, e))?;
    let root = gltf::json::deserialize::from_slice(&again).map_err(|e| broken(context, e))?;
    Ok((root, Some(value), pointers))
}

fn extensions(root: &Root, context: &mut Context<'_>) -> Result<(), ReadError> {
    if !root.asset.version.starts_with("2.") {
        return Err(ReadError::Unsupported {
            name: context.name.clone(),
            what: format!("version {} of glTF", super::names::tidy(&root.asset.version)),
            mend: "export it as glTF 2.0".into(),
        });
    }
    let known = |name: &String| CARRIED.contains(&name.as_str()) || HARMLESS.contains(&name.as_str());
    if let Some(name) = root.extensions_required.iter().find(|n| !known(n)) {
        let mend = match name.as_str() {
            "KHR_draco_mesh_compression" | "EXT_meshopt_compression" => "export it without mesh compression",
            "KHR_texture_basisu" | "EXT_texture_webp" | "EXT_texture_avif" => {
                "export it with its pictures as PNG or JPEG"
            }
            "EXT_mesh_gpu_instancing" => "export it with instances made real",
            _ => "export it without that extension",
        };
        return Err(ReadError::Unsupported {
            name: context.name.clone(),
            what: format!("the glTF extension {}", super::names::tidy(name)),
            mend: mend.into(),
        });
    }
    for name in root.extensions_used.iter().filter(|n| !known(n)) {
        let what = match name.as_str() {
            n if n.starts_with("KHR_materials_") => "is not shown: surfaces have their base colour only",
            "EXT_mesh_gpu_instancing" => {
                "is left out: each node is shown once; make instances real to see all"
            }
            _ => "is not read; what it adds is left out",
        };
        context.warn(name, format!("this glTF extension {what}"));
    }
    Ok(())
}

/// An element of a list of the file.
fn at<'a, T>(list: &'a [T], index: Index<T>, what: &str, context: &Context<'_>) -> Result<&'a T, ReadError> {
    list.get(index.value()).ok_or_else(|| {
        context.damaged(format!(
            "it speaks of {what} {}, and has {}",
            index.value(),
            list.len()
        ))
    })
}
