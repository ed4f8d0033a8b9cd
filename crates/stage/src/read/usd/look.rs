//! Materials: UsdPreviewSurface's colour, picture, opacity and light given off.

use std::collections::HashMap;

use heirloom_picture::{AcesCg, Image};
use openusd::sdf::{Path, Value};
use openusd::usd::{Prim, Stage};

use super::values::{self, Measures};
use super::{is_plain, said};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::read::names::{Names, tidy};
use crate::read::surface;
use crate::scene::{AlphaMode, Material, Scene, Texture, TextureUse, Wrap};

/// Connections that are followed from one input.
const HOPS: usize = 16;

/// What a surface takes from its material.
#[derive(Clone)]
pub(super) struct Look {
    pub material: usize,
    /// The list of texture coordinates that its picture asks for.
    pub uv_name: Option<String>,
    /// Whether the surface's own colours count.
    pub colored: bool,
}

/// Materials that were read, each once.
#[derive(Default)]
pub(super) struct Looks {
    made: HashMap<(String, bool), Look>,
    plain: HashMap<(bool, bool), usize>,
    decoded: HashMap<String, Option<Image<AcesCg>>>,
    textures: HashMap<(String, [u8; 2], bool), usize>,
    names: Names,
}

/// What feeds an input of a shader.
enum Input {
    Nothing,
    Is(Value),
    /// An output of a shader.
    From(Prim, String),
}

/// The material that a prim is bound to, by itself or by a prim above it.
pub(super) fn bound(prim: &Prim, context: &Context<'_>) -> Result<Option<Path>, ReadError> {
    let stage = prim.stage();
    for path in prim.path().ancestors_below_root() {
        let above = stage.prim(path);
        for name in ["material:binding", "material:binding:preview"] {
            let targets = super::targets(&above, name, context)?;
            if let Some(first) = targets.into_iter().next() {
                return Ok(Some(first));
            }
        }
    }
    Ok(None)
}

impl Looks {
    /// A material that shows a surface's own colours.
    pub fn display_color(&mut self, double_sided: bool, clear: bool, scene: &mut Scene) -> usize {
        *self.plain.entry((double_sided, clear)).or_insert_with(|| {
            scene.materials.push(Material {
                name: self.names.unique(None, "display colour"),
                base_color: [1.0; 4],
                alpha: if clear {
                    AlphaMode::Blend
                } else {
                    AlphaMode::Opaque
                },
                double_sided,
                ..Material::default()
            });
            scene.materials.len() - 1
        })
    }

    /// The material at a path.
    pub fn read(
        &mut self,
        stage: &Stage,
        path: &Path,
        double_sided: bool,
        measures: &Measures,
        scene: &mut Scene,
        context: &mut Context<'_>,
    ) -> Result<Look, ReadError> {
        let key = (path.as_str().to_owned(), double_sided);
        if let Some(known) = self.made.get(&key) {
            return Ok(known.clone());
        }
        let prim = stage.prim(path.clone());
        let name = self.names.unique(path.name(), "material");
        let mut material = Material {
            name,
            double_sided,
            ..Material::default()
        };
        let mut look = Look {
            material: scene.materials.len(),
            uv_name: None,
            colored: false,
        };
        match source(&prim, "outputs:surface", measures, context)? {
            Input::From(shader, _) if id(&shader, measures, context)?.as_deref() == Some("UsdPreviewSurface") => {
                let mut reading = Reading {
                    looks: self,
                    measures,
                    scene,
                    context,
                };
                reading.preview(&shader, &mut material, &mut look)?;
            }
            _ => context.warn(
                path.as_str(),
                "its surface is not a UsdPreviewSurface; it is shown as plain grey (export with preview surfaces)",
            ),
        }
        scene.materials.push(material);
        self.made.insert(key, look.clone());
        Ok(look)
    }
}

/// What an input or an output is fed by.
fn source(prim: &Prim, name: &str, measures: &Measures, context: &Context<'_>) -> Result<Input, ReadError> {
    let stage = prim.stage();
    let mut attribute = prim.attribute(name);
    for _ in 0..HOPS {
        let targets = attribute.connections();
        let targets = targets.map_err(|e| context.damaged(format!("{}: {}", attribute.path(), said(&e))))?;
        let Some(target) = targets.into_iter().find(|t| is_plain(t.as_str())) else {
            let path = attribute.path().clone();
            let owner = stage.prim(path.prim_path());
            let name = path
                .split_property()
                .map_or_else(String::new, |(_, name)| name.to_owned());
            return Ok(values::fixed(&owner, &name, measures, context)?.map_or(Input::Nothing, Input::Is));
        };
        let owner = stage.prim(target.prim_path());
        let kind = owner.type_name().ok().flatten();
        if kind.as_ref().map(|t| t.as_str()) == Some("Shader") {
            let output = target
                .split_property()
                .map_or_else(String::new, |(_, name)| name.to_owned());
            return Ok(Input::From(owner, output));
        }
        // An input of the material, or an output of a group of shaders: what feeds that.
        attribute = stage.attribute(target);
    }
    Ok(Input::Nothing)
}

fn id(shader: &Prim, measures: &Measures, context: &Context<'_>) -> Result<Option<String>, ReadError> {
    let id = values::fixed(shader, "info:id", measures, context)?;
    Ok(id.as_ref().and_then(values::text))
}

struct Reading<'a, 'c, 'f> {
    looks: &'a mut Looks,
    measures: &'a Measures,
    scene: &'a mut Scene,
    context: &'c mut Context<'f>,
}

impl Reading<'_, '_, '_> {
    fn input(&self, shader: &Prim, name: &str) -> Result<Input, ReadError> {
        source(shader, &format!("inputs:{name}"), self.measures, self.context)
    }

    fn number(&self, shader: &Prim, name: &str) -> Result<Option<f32>, ReadError> {
        Ok(match self.input(shader, name)? {
            Input::Is(value) => values::number(&value).map(|v| v as f32).filter(|v| v.is_finite()),
            _ => None,
        })
    }

    fn preview(&mut self, shader: &Prim, material: &mut Material, look: &mut Look) -> Result<(), ReadError> {
        let subject = material.name.clone();
        // What the schema says where a file does not.
        let mut color = [0.18_f32; 3];
        let mut picture: Option<Prim> = None;
        match self.input(shader, "diffuseColor")? {
            Input::Nothing => {}
            Input::Is(value) => {
                if let Some(c) = values::triple(&value) {
                    color = c.to_array().map(|v| surface::sound(v as f32, 0.18));
                }
            }
            Input::From(from, _) => match id(&from, self.measures, self.context)?.as_deref() {
                Some("UsdUVTexture") => {
                    color = [1.0; 3];
                    picture = Some(from);
                }
                Some(reader) if reader.starts_with("UsdPrimvarReader_float") => {
                    color = [1.0; 3];
                    look.colored = true;
                }
                other => {
                    let what = other.unwrap_or("a shader without a kind").to_owned();
                    self.context.warn(
                        &subject,
                        format!("what feeds its colour ({what}) is not carried; it is grey"),
                    );
                }
            },
        }
        let mut alpha = 1.0;
        let threshold = self.number(shader, "opacityThreshold")?.unwrap_or(0.0);
        match self.input(shader, "opacity")? {
            Input::Nothing => {}
            Input::Is(value) => alpha = values::number(&value).map_or(1.0, |v| surface::sound(v as f32, 1.0)),
            Input::From(from, output) => {
                let same = picture.as_ref().is_some_and(|p| p.path() == from.path());
                if same && output == "outputs:a" {
                    material.alpha = AlphaMode::Blend;
                } else {
                    self.context.warn(
                        &subject,
                        "its opacity comes from elsewhere than its colour's own picture; it is shown as opaque",
                    );
                }
            }
        }
        if alpha < 1.0 {
            material.alpha = AlphaMode::Blend;
        }
        if threshold > 0.0 && material.alpha == AlphaMode::Blend {
            material.alpha = AlphaMode::Mask(threshold);
        }
        match self.input(shader, "emissiveColor")? {
            Input::Is(value) => {
                if let Some(c) = values::triple(&value) {
                    material.emission = surface::rgb(c.to_array().map(|v| surface::sound(v as f32, 0.0)));
                }
            }
            Input::From(..) => self
                .context
                .warn(&subject, "its picture of light given off is not carried"),
            Input::Nothing => {}
        }
        for what in ["normal", "roughness", "metallic", "displacement", "occlusion"] {
            if matches!(self.input(shader, what)?, Input::From(..)) {
                self.context.warn(
                    "materials",
                    "pictures of bumps, roughness, metal and hollows are not shown; some materials have some",
                );
            }
        }
        if let Some(shader) = picture {
            let tint = self.tint(&shader, &subject)?;
            for i in 0..3 {
                color[i] *= tint[i];
            }
            alpha *= tint[3];
            let opaque = material.alpha == AlphaMode::Opaque;
            if let Some(texture) = self.texture(&shader, opaque, &subject)? {
                let (uv_name, transform) = self.coordinates(&shader, &subject)?;
                look.uv_name = uv_name;
                material.base_texture = Some(TextureUse { texture, transform });
            } else {
                color = [0.5; 3];
            }
        }
        material.base_color = surface::rgba([color[0], color[1], color[2], alpha]);
        Ok(())
    }

    /// What a picture is multiplied with.
    fn tint(&mut self, shader: &Prim, subject: &str) -> Result<[f32; 4], ReadError> {
        let four = |input: Input| match input {
            Input::Is(Value::Vec4f(v)) => Some([v.x, v.y, v.z, v.w].map(|c| surface::sound(c, 1.0))),
            _ => None,
        };
        if four(self.input(shader, "bias")?).is_some_and(|b| b.iter().any(|v| *v != 0.0)) {
            self.context
                .warn(subject, "what is added to its picture is not carried");
        }
        let space = match self.input(shader, "sourceColorSpace")? {
            Input::Is(value) => values::text(&value),
            _ => None,
        };
        if space.as_deref() == Some("raw") {
            self.context.warn(
                subject,
                "its picture says that it is raw; it is taken for a display picture (sRGB)",
            );
        }
        Ok(four(self.input(shader, "scale")?).unwrap_or([1.0; 4]))
    }

    fn texture(&mut self, shader: &Prim, opaque: bool, subject: &str) -> Result<Option<usize>, ReadError> {
        let Input::Is(Value::AssetPath(asset)) = self.input(shader, "file")? else {
            self.context
                .warn(subject, "its picture names no file; it is grey");
            return Ok(None);
        };
        let path = asset.resolved_path().unwrap_or(asset.asset_path()).to_owned();
        let wrap = [self.wrap(shader, "wrapS")?, self.wrap(shader, "wrapT")?];
        if path.contains("<UDIM>") {
            self.context.warn(
                subject,
                "its picture is in tiles (UDIM), which are not carried; it is grey",
            );
            return Ok(None);
        }
        if !self.looks.decoded.contains_key(&path) {
            let image = match self.context.file(&path) {
                Ok(bytes) => surface::picture(self.context, &tidy(&path), &bytes),
                Err(error) => {
                    let what = format!(
                        "the picture `{}` is left out, its surfaces are grey: {error}",
                        tidy(&path)
                    );
                    self.context.warn(subject, what);
                    None
                }
            };
            self.looks.decoded.insert(path.clone(), image);
        }
        let Some(Some(image)) = self.looks.decoded.get(&path) else {
            return Ok(None);
        };
        let opaque = opaque && image.pixels().iter().any(|p| p[3] < 1.0);
        let key = (path.clone(), wrap.map(|w| w as u8), opaque);
        if let Some(known) = self.looks.textures.get(&key) {
            return Ok(Some(*known));
        }
        if self.looks.textures.keys().any(|k| k.0 == path) {
            self.context.texture_pixels(image.pixels().len() as u64)?;
        }
        let image = image.clone();
        self.scene.textures.push(Texture {
            name: tidy(&path),
            image: if opaque { surface::opaque(image) } else { image },
            wrap,
        });
        let number = self.scene.textures.len() - 1;
        self.looks.textures.insert(key, number);
        Ok(Some(number))
    }

    fn wrap(&mut self, shader: &Prim, name: &str) -> Result<Wrap, ReadError> {
        let mode = match self.input(shader, name)? {
            Input::Is(value) => values::text(&value),
            _ => None,
        };
        Ok(match mode.as_deref() {
            Some("clamp") => Wrap::Clamp,
            Some("mirror") => Wrap::Mirror,
            Some("black") => {
                self.context.warn(
                    shader.path().as_str(),
                    "beyond its edges it should be black; its edge goes on there",
                );
                Wrap::Clamp
            }
            _ => Wrap::Repeat,
        })
    }

    /// The list of texture coordinates, and how they are turned into the picture's own.
    fn coordinates(
        &mut self,
        shader: &Prim,
        subject: &str,
    ) -> Result<(Option<String>, [[f32; 3]; 2]), ReadError> {
        // Rows of (u, v) → (u, v), counted from the lower left as USD does.
        let mut rows = TextureUse::plain(0).transform;
        let mut from = self.input(shader, "st")?;
        for _ in 0..HOPS {
            let Input::From(node, _) = from else { break };
            match id(&node, self.measures, self.context)?.as_deref() {
                Some("UsdPrimvarReader_float2") => {
                    let name = match self.input(&node, "varname")? {
                        Input::Is(value) => values::text(&value),
                        _ => None,
                    };
                    return Ok((name, flipped(rows)));
                }
                Some("UsdTransform2d") => {
                    rows = after(rows, self.transform(&node)?);
                    from = self.input(&node, "in")?;
                }
                _ => {
                    self.context.warn(
                        subject,
                        "what places its picture is not carried; it lies as its coordinates say",
                    );
                    break;
                }
            }
        }
        Ok((None, flipped(rows)))
    }

    /// Scaled, turned by degrees counter-clockwise, moved.
    fn transform(&self, node: &Prim) -> Result<[[f32; 3]; 2], ReadError> {
        let two = |input: Input, instead: f32| match input {
            Input::Is(value) => {
                values::pair(&value).map_or([instead; 2], |p| p.map(|v| surface::sound(v as f32, instead)))
            }
            _ => [instead; 2],
        };
        let [sx, sy] = two(self.input(node, "scale")?, 1.0);
        let [tx, ty] = two(self.input(node, "translation")?, 0.0);
        let angle = self.number(node, "rotation")?.unwrap_or(0.0).to_radians();
        let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
        Ok([[cos * sx, -sin * sy, tx], [sin * sx, cos * sy, ty]])
    }
}

/// First `second`, then `first`.
fn after(first: [[f32; 3]; 2], second: [[f32; 3]; 2]) -> [[f32; 3]; 2] {
    [0, 1].map(|r| {
        let row = first[r];
        [0, 1, 2].map(|c| {
            let moved = if c == 2 { row[2] } else { 0.0 };
            row[0] * second[0][c] + row[1] * second[1][c] + moved
        })
    })
}

/// The same for coordinates counted from the upper left.
fn flipped(rows: [[f32; 3]; 2]) -> [[f32; 3]; 2] {
    let flip = [[1.0, 0.0, 0.0], [0.0, -1.0, 1.0]];
    after(flip, after(rows, flip))
}
