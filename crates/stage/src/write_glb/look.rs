//! Materials and their pictures.

use heirloom_picture::{Image, LinearRec709, color};
use serde_json::{Map, Value, json};

use super::GlbError;
use super::pack::Pack;
use crate::scene::{AlphaMode, Material, Scene, TextureUse, Wrap};

/// Linear ACEScg as linear Rec. 709.
pub(super) fn rec709(color: [f32; 3]) -> [f32; 3] {
    matrix().apply(color.map(f64::from)).map(|v| v as f32)
}

fn matrix() -> color::Matrix {
    color::between(&color::Chromaticities::AP1, &color::Chromaticities::REC709)
}

/// Within 0 and 1.
pub(super) fn unit(value: f32) -> f32 {
    if value.is_finite() {
        value.clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// Many colours at once, as the file has them.
pub(super) fn colors(colors: &[[f32; 4]]) -> Vec<[f32; 4]> {
    let matrix = matrix();
    colors
        .iter()
        .map(|c| {
            let [r, g, b] = matrix
                .apply([c[0], c[1], c[2]].map(f64::from))
                .map(|v| unit(v as f32));
            [r, g, b, unit(c[3])]
        })
        .collect()
}

/// Every picture of the scene as a PNG within the file.
pub(super) fn images(scene: &Scene, pack: &mut Pack) -> Result<Vec<Value>, GlbError> {
    let mut images = Vec::new();
    for texture in &scene.textures {
        let bytes = png(&texture.image).map_err(|why| GlbError::Picture {
            name: texture.name.clone(),
            why,
        })?;
        let view = pack.blob(bytes);
        images.push(json!({ "name": texture.name, "mimeType": "image/png", "bufferView": view }));
    }
    Ok(images)
}

/// A picture as an 8-bit sRGB PNG with straight alpha, where it has any.
fn png(image: &Image) -> Result<Vec<u8>, String> {
    let display: Image<LinearRec709> = image.to_space();
    let whole = display.pixels().iter().all(|p| p[3] >= 1.0);
    let mut bytes = Vec::with_capacity(display.pixels().len() * 4);
    for p in display.pixels() {
        let alpha = if p[3] > 0.0 { p[3] } else { 1.0 };
        bytes.extend([0, 1, 2].map(|c| color::encode8(p[c] / alpha)));
        if !whole {
            bytes.push((unit(p[3]) * 255.0 + 0.5) as u8);
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, image.width(), image.height());
    encoder.set_color(if whole {
        png::ColorType::Rgb
    } else {
        png::ColorType::Rgba
    });
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&bytes)?;
        writer.finish()
    });
    written.map_err(|error| error.to_string())?;
    Ok(file)
}

/// The materials, textures and samplers.
pub(super) fn materials(scene: &Scene, pack: &mut Pack) -> (Vec<Value>, Vec<Value>, Vec<Value>) {
    let textures: Vec<Value> = (0..scene.textures.len())
        .map(|i| json!({ "sampler": i, "source": i }))
        .collect();
    let samplers = scene
        .textures
        .iter()
        .map(|texture| {
            let [s, t] = texture.wrap.map(|wrap| match wrap {
                Wrap::Clamp => 33071,
                Wrap::Repeat => 10497,
                Wrap::Mirror => 33648,
            });
            json!({ "wrapS": s, "wrapT": t, "magFilter": 9729, "minFilter": 9987 })
        })
        .collect();
    let materials = scene
        .materials
        .iter()
        .map(|one| material(one, scene.textures.len(), pack))
        .collect();
    (materials, textures, samplers)
}

fn material(material: &Material, textures: usize, pack: &mut Pack) -> Value {
    let base = colors(&[material.base_color])[0];
    let mut surface = json!({ "baseColorFactor": base, "metallicFactor": 0, "roughnessFactor": 1 });
    if let Some(used) = material.base_texture.filter(|used| used.texture < textures) {
        surface["baseColorTexture"] = texture(&used, pack);
    }
    let mut json = json!({
        "name": material.name,
        "pbrMetallicRoughness": surface,
        "doubleSided": material.double_sided,
    });
    match material.alpha {
        AlphaMode::Opaque => {}
        AlphaMode::Mask(cutoff) => {
            json["alphaMode"] = json!("MASK");
            json["alphaCutoff"] = json!(if cutoff.is_finite() { cutoff.max(0.0) } else { 0.5 });
        }
        AlphaMode::Blend => json["alphaMode"] = json!("BLEND"),
    }
    let mut extensions = Map::new();
    let glow = rec709(material.emission).map(|v| if v.is_finite() { v.max(0.0) } else { 0.0 });
    let strongest = glow.into_iter().fold(0.0_f32, f32::max);
    if strongest > 0.0 {
        let over = strongest.max(1.0);
        json["emissiveFactor"] = json!(glow.map(|v| unit(v / over)));
        if over > 1.0 {
            pack.uses("KHR_materials_emissive_strength");
            extensions.insert(
                "KHR_materials_emissive_strength".into(),
                json!({ "emissiveStrength": over }),
            );
        }
    }
    if !material.lit {
        pack.uses("KHR_materials_unlit");
        extensions.insert("KHR_materials_unlit".into(), json!({}));
    }
    if !extensions.is_empty() {
        json["extensions"] = Value::Object(extensions);
    }
    json
}

fn texture(used: &TextureUse, pack: &mut Pack) -> Value {
    let mut json = json!({ "index": used.texture });
    if *used != TextureUse::plain(used.texture) {
        let [[a, b, x], [c, d, y]] = used.transform.map(|row| row.map(f64::from));
        // The extension's own order: moved, then turned, then scaled.
        let wide = libm::sqrt(a * a + c * c);
        let high = if wide > 0.0 { (a * d - b * c) / wide } else { 0.0 };
        pack.uses("KHR_texture_transform");
        json["extensions"] = json!({
            "KHR_texture_transform": { "offset": [x, y], "rotation": libm::atan2(-c, a), "scale": [wide, high] }
        });
    }
    json
}
