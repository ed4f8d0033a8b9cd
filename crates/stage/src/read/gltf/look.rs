//! Materials, pictures and how they lie on surfaces.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use gltf::json::image::Image as Picture;
use gltf::json::material::{AlphaMode as Alpha, Material as Json};
use gltf::json::texture::{Info, WrappingMode};
use gltf::json::validation::Checked;
use gltf::json::{Index, Root};
use heirloom_picture::{AcesCg, Image};

use super::{Source, buffers};
use crate::read::budget::Context;
use crate::read::names::{Names, tidy};
use crate::read::surface;
use crate::read::{FileError, ReadError};
use crate::scene::{AlphaMode, Material, Scene, Texture, TextureUse, Wrap};

/// What meshes need to know of materials.
pub(super) struct Looks {
    /// Which set of texture coordinates each material's picture wants.
    pub uv_sets: Vec<u32>,
}

pub(super) fn read(
    source: &Source<'_>,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<Looks, ReadError> {
    let mut looks = Looks { uv_sets: Vec::new() };
    let mut pictures = Pictures::default();
    let mut names = Names::default();
    let mut rough = 0_usize;
    for json in &source.root.materials {
        let name = names.unique(json.name.as_deref(), "material");
        let (material, uv_set) = material(name, json, source, &mut pictures, scene, context)?;
        let pbr = &json.pbr_metallic_roughness;
        rough += usize::from(
            json.normal_texture.is_some()
                || json.occlusion_texture.is_some()
                || pbr.metallic_roughness_texture.is_some(),
        );
        scene.materials.push(material);
        looks.uv_sets.push(uv_set);
    }
    if rough > 0 {
        context.warn(
            "materials",
            format!(
                "pictures of bumps, roughness, metal and hollows are not shown; {rough} materials have some"
            ),
        );
    }
    Ok(looks)
}

fn material(
    name: String,
    json: &Json,
    source: &Source<'_>,
    pictures: &mut Pictures,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<(Material, u32), ReadError> {
    let pbr = &json.pbr_metallic_roughness;
    let factor = pbr.base_color_factor.0.map(|v| surface::sound(v, 1.0));
    let extended = json.extensions.as_ref();
    let strength = extended
        .and_then(|e| e.emissive_strength.as_ref())
        .map_or(1.0, |e| surface::sound(e.emissive_strength.0, 1.0));
    let alpha = match &json.alpha_mode {
        Checked::Valid(Alpha::Mask) => AlphaMode::Mask(
            json.alpha_cutoff
                .as_ref()
                .map_or(0.5, |c| surface::sound(c.0, 0.5)),
        ),
        Checked::Valid(Alpha::Blend) => AlphaMode::Blend,
        Checked::Valid(Alpha::Opaque) => AlphaMode::Opaque,
        Checked::Invalid => {
            context.warn(
                &name,
                "its alpha mode is unknown; it is shown without transparency",
            );
            AlphaMode::Opaque
        }
    };
    if json.emissive_texture.is_some() {
        context.warn(
            &name,
            "its picture of light given off is not shown; only its factor is",
        );
    }
    let mut uv_set = 0;
    let mut base_texture = None;
    if let Some(info) = &pbr.base_color_texture {
        let (set, transform) = placed(info);
        uv_set = set;
        base_texture = pictures
            .texture(info, alpha == AlphaMode::Opaque, source, scene, context)?
            .map(|texture| TextureUse { texture, transform });
    }
    let emission = json.emissive_factor.0.map(|v| surface::sound(v, 0.0) * strength);
    Ok((
        Material {
            name,
            base_color: surface::rgba(factor),
            base_texture,
            alpha,
            double_sided: json.double_sided,
            emission: surface::rgb(emission),
            lit: extended.is_none_or(|e| e.unlit.is_none()),
        },
        uv_set,
    ))
}

/// Which coordinates a picture wants and how they are turned into its own (KHR_texture_transform: scaled, turned
/// counter-clockwise as seen, moved; v goes down).
fn placed(info: &Info) -> (u32, [[f32; 3]; 2]) {
    let Some(t) = info
        .extensions
        .as_ref()
        .and_then(|e| e.texture_transform.as_ref())
    else {
        return (info.tex_coord, TextureUse::plain(0).transform);
    };
    let [sx, sy] = t.scale.0.map(|v| surface::sound(v, 1.0));
    let [ox, oy] = t.offset.0.map(|v| surface::sound(v, 0.0));
    let angle = surface::sound(t.rotation.0, 0.0);
    let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
    let rows = [[cos * sx, sin * sy, ox], [-sin * sx, cos * sy, oy]];
    (t.tex_coord.unwrap_or(info.tex_coord), rows)
}

/// Pictures that were read, each once.
#[derive(Default)]
struct Pictures {
    decoded: HashMap<usize, Option<Image<AcesCg>>>,
    made: HashMap<(usize, [u8; 2], bool), usize>,
}

impl Pictures {
    fn texture(
        &mut self,
        info: &Info,
        opaque: bool,
        source: &Source<'_>,
        scene: &mut Scene,
        context: &mut Context<'_>,
    ) -> Result<Option<usize>, ReadError> {
        let root = source.root;
        let texture = super::at(&root.textures, info.index, "texture", context)?;
        let wrap = wraps(root, texture.sampler, context)?;
        // Extensions may put the picture elsewhere: then the crate gives this index.
        if texture.source.value() == u32::MAX as usize {
            context.warn(
                format!("texture {}", info.index.value()),
                "its picture is in a format that is not read, its surfaces are plain; export it as PNG or JPEG",
            );
            return Ok(None);
        }
        let number = texture.source.value();
        let json = super::at(&root.images, texture.source, "image", context)?;
        let decoded = match self.decoded.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(picture(number, json, source, context)?),
        };
        let Some(image) = decoded else {
            return Ok(None);
        };
        let opaque = opaque && image.pixels().iter().any(|p| p[3] < 1.0);
        let key = (number, wrap.map(|w| w as u8), opaque);
        if let Some(made) = self.made.get(&key) {
            return Ok(Some(*made));
        }
        // A picture that is used in two ways stands in the scene twice.
        if self.made.keys().any(|k| k.0 == number) {
            context.texture_pixels(image.pixels().len() as u64)?;
        }
        let image = image.clone();
        scene.textures.push(Texture {
            name: picture_name(number, json),
            image: if opaque { surface::opaque(image) } else { image },
            wrap,
        });
        let made = scene.textures.len() - 1;
        self.made.insert(key, made);
        Ok(Some(made))
    }
}

fn wraps(
    root: &Root,
    sampler: Option<Index<gltf::json::texture::Sampler>>,
    context: &mut Context<'_>,
) -> Result<[Wrap; 2], ReadError> {
    let Some(index) = sampler else {
        return Ok([Wrap::Repeat; 2]);
    };
    let sampler = super::at(&root.samplers, index, "sampler", context)?;
    Ok([sampler.wrap_s, sampler.wrap_t].map(|mode| match mode {
        Checked::Valid(WrappingMode::ClampToEdge) => Wrap::Clamp,
        Checked::Valid(WrappingMode::MirroredRepeat) => Wrap::Mirror,
        Checked::Valid(WrappingMode::Repeat) => Wrap::Repeat,
        Checked::Invalid => {
            context.warn(
                format!("sampler {}", index.value()),
                "its way beyond the edges is unknown; the picture repeats",
            );
            Wrap::Repeat
        }
    }))
}

fn picture_name(number: usize, json: &Picture) -> String {
    let file = json.uri.as_deref().filter(|u| !u.starts_with("data:"));
    json.name
        .as_deref()
        .or(file)
        .map_or_else(|| format!("picture {number}"), tidy)
}

fn picture(
    number: usize,
    json: &Picture,
    source: &Source<'_>,
    context: &mut Context<'_>,
) -> Result<Option<Image<AcesCg>>, ReadError> {
    let name = picture_name(number, json);
    let beside;
    let bytes: &[u8] = match (&json.uri, json.buffer_view) {
        (Some(uri), _) if uri.starts_with("data:") => match buffers::data_uri(uri) {
            Some(bytes) => {
                context.bytes(bytes.len() as u64)?;
                beside = bytes;
                &beside
            }
            None => {
                context.warn(
                    name,
                    "the picture is a data URI that is not base64; its surfaces are plain",
                );
                return Ok(None);
            }
        },
        (Some(uri), _) => {
            let path = buffers::percent_decoded(uri);
            match context.file(&path) {
                Ok(bytes) => {
                    beside = bytes;
                    &beside
                }
                Err(error) => {
                    context.warn(name, missing(&path, &error));
                    return Ok(None);
                }
            }
        }
        (None, Some(view)) => source.data.view(view, context)?,
        (None, None) => {
            context.warn(name, "the picture names no file; its surfaces are plain");
            return Ok(None);
        }
    };
    Ok(surface::picture(context, &name, bytes))
}

fn missing(path: &str, error: &FileError) -> String {
    format!(
        "the picture `{}` is left out, its surfaces are plain: {error}",
        tidy(path)
    )
}
