//! Looks of surfaces on the device: materials, and the texels of all pictures in one list.

use bytemuck::{Pod, Zeroable};

use super::adapter::{Gpu, GpuError};
use crate::scene::{AlphaMode, Material, Scene, Texture, Wrap};
use crate::shade::texture::Pyramid;

/// A material as the shaders read it; see `common.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct MaterialRecord {
    color: [f32; 4],
    emission_cut: [f32; 4],
    map_u: [f32; 4],
    map_v: [f32; 4],
    texel: u32,
    width: u32,
    height: u32,
    flags: u32,
}

const LIT: u32 = 1;
const BLEND: u32 = 2;
const WRAP_U: u32 = 4;
const WRAP_V: u32 = 6;

/// Materials and texels.
#[derive(Debug)]
pub(super) struct Surfaces {
    pub materials: wgpu::Buffer,
    pub texels: wgpu::Buffer,
}

impl Surfaces {
    /// Brings a scene's looks to the device, each picture with its halvings after it.
    pub fn new(gpu: &Gpu, scene: &Scene, pyramids: &[Pyramid]) -> Result<Self, GpuError> {
        let mut firsts = Vec::with_capacity(pyramids.len());
        let mut total = 0u64;
        for pyramid in pyramids {
            firsts.push(total as u32);
            total += pyramid
                .levels
                .iter()
                .map(|l| l.pixels().len() as u64)
                .sum::<u64>();
        }
        gpu.check_bytes("the scene's pictures", total * 16, "make its textures smaller")?;
        let none = wgpu::BufferUsages::empty();
        let texels = gpu.storage("texels", total * 16, none);
        let mut at = 0u64;
        for level in pyramids.iter().flat_map(|p| &p.levels) {
            let bytes: &[u8] = bytemuck::cast_slice(level.pixels());
            if !bytes.is_empty() {
                gpu.queue.write_buffer(&texels, at, bytes);
            }
            at += bytes.len() as u64;
        }
        let plain = Material::default();
        let records: Vec<MaterialRecord> = scene
            .materials
            .iter()
            .chain([&plain])
            .map(|m| record(m, &scene.textures, &firsts))
            .collect();
        Ok(Self {
            materials: gpu.storage_of("materials", &records, none),
            texels,
        })
    }
}

fn record(material: &Material, textures: &[Texture], firsts: &[u32]) -> MaterialRecord {
    let cut = match material.alpha {
        AlphaMode::Opaque => f32::MIN,
        AlphaMode::Mask(least) => least,
        AlphaMode::Blend => 0.5,
    };
    let [r, g, b] = material.emission;
    let mut record = MaterialRecord {
        color: material.base_color,
        emission_cut: [r, g, b, cut],
        map_u: [1.0, 0.0, 0.0, 0.0],
        map_v: [0.0, 1.0, 0.0, 0.0],
        texel: 0,
        width: 0,
        height: 0,
        flags: if material.lit { LIT } else { 0 }
            | if material.alpha == AlphaMode::Blend {
                BLEND
            } else {
                0
            },
    };
    let used = material.base_texture.as_ref();
    if let Some((map, texture)) = used.and_then(|u| Some((u, textures.get(u.texture)?))) {
        let row = |r: [f32; 3]| [r[0], r[1], r[2], 0.0];
        record.map_u = row(map.transform[0]);
        record.map_v = row(map.transform[1]);
        record.texel = firsts[map.texture];
        record.width = texture.image.width();
        record.height = texture.image.height();
        record.flags |= wrap(texture.wrap[0]) << WRAP_U | wrap(texture.wrap[1]) << WRAP_V;
    }
    record
}

fn wrap(wrap: Wrap) -> u32 {
    match wrap {
        Wrap::Clamp => 0,
        Wrap::Repeat => 1,
        Wrap::Mirror => 2,
    }
}
