//! The light of a frame on the device: lamps, sky, and the maps of what the key light sees.

use bytemuck::{Pod, Zeroable};
use glam::DMat4;

use super::adapter::Gpu;
use super::geometry::{Geometry, Run, runs};
use super::pipelines::{DEPTH_FORMAT, Pipelines};
use super::slot::{Slot, group};
use crate::pose::{Projection, View};
use crate::render::still::{Set, Still};
use crate::shade::lamps::{Lamps, Shape};
use crate::shade::shadow;
use crate::shade::sky::Sky;

/// Maps that a frame can have: the faces of a cube.
const MAPS: usize = 6;

/// A lamp as the shaders read it; see `color.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
struct LampRecord {
    strength: [f32; 3],
    kind: u32,
    at: [f32; 3],
    extent: f32,
    way: [f32; 3],
    cos_inner: f32,
    cos_outer: f32,
    // Its size there is a whole number of 16 bytes.
    spare: [f32; 3],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
struct MapRecord {
    /// From the camera's space to the light's, rows.
    rows: [[f32; 4]; 3],
    scale: f32,
    perspective: u32,
    side: f32,
    spare: f32,
    clip: [f32; 2],
    spare2: [f32; 2],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct LightRecord {
    ambient: [[f32; 4]; 9],
    lamps: u32,
    key: u32,
    maps: u32,
    dome: u32,
    sky_factor: f32,
    exposure: f32,
    spare: [f32; 2],
    shadow: [MapRecord; MAPS],
}

/// Lamps and shadow maps.
#[derive(Debug)]
pub(super) struct Light {
    pub record: wgpu::Buffer,
    pub lamps: wgpu::Buffer,
    /// All maps, as the shaders read them.
    pub maps: wgpu::TextureView,
    layers: Vec<wgpu::TextureView>,
    side: u32,
    jobs: Vec<(wgpu::Buffer, wgpu::BindGroup)>,
}

impl Light {
    pub fn new(gpu: &Gpu, pipelines: &Pipelines) -> Self {
        let uniform = |label, bytes| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: bytes,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let jobs = (0..MAPS).map(|_| {
            let buffer = uniform("shadow map", size_of::<MapRecord>() as u64);
            let bound = group(gpu, &pipelines.shadow_layout, &[&buffer]);
            (buffer, bound)
        });
        let (maps, layers) = textures(gpu, 1, 1);
        Self {
            record: uniform("light", size_of::<LightRecord>() as u64),
            lamps: gpu.storage("lamps", 0, wgpu::BufferUsages::empty()),
            maps,
            layers,
            side: 1,
            jobs: jobs.collect(),
        }
    }

    /// Writes a frame's light, and says how to draw the maps. `slot` holds the frame.
    pub fn take(
        &mut self,
        gpu: &Gpu,
        pipelines: &Pipelines,
        geometry: &Geometry,
        slot: &Slot,
        set: &Set<'_>,
        still: &Still<'_>,
        lamps: &Lamps,
        exposure: f32,
        encoder: &mut wgpu::CommandEncoder,
    ) {
        let mut views = lamps
            .key
            .map_or_else(Vec::new, |(_, key)| shadow::views(set, still, key));
        views.truncate(MAPS);
        let side = views.first().map_or(1, |v| v.size.width);
        if side != self.side || self.layers.len() < views.len() {
            (self.maps, self.layers) = textures(gpu, side, views.len().max(1) as u32);
            self.side = side;
        }
        let mut shadow = [MapRecord::default(); MAPS];
        for (i, view) in views.iter().enumerate() {
            shadow[i] = map_record(view, &still.view);
            let draws = still.draws(
                set,
                view,
                |i, _| {
                    let world = still.posed.placed[i].world_from_local;
                    let light = view.camera_from_world * world;
                    set.looks[i].solid.then(|| glam::DAffine3::from_mat4(light))
                },
                [0.0, 0.0, f64::from(side), f64::from(side)],
            );
            let (buffer, bound) = &self.jobs[i];
            gpu.queue.write_buffer(buffer, 0, bytemuck::bytes_of(&shadow[i]));
            let pipeline = &pipelines.shadow[shadow[i].perspective as usize];
            let runs = runs(&draws, true);
            draw_map(encoder, pipeline, geometry, slot, &self.layers[i], bound, &runs);
        }
        let records: Vec<LampRecord> = lamps.lamps.iter().map(|l| lamp(&l.shape, l.strength)).collect();
        let bytes: &[u8] = bytemuck::cast_slice(&records);
        if bytes.len() as u64 > self.lamps.size() {
            self.lamps = gpu.storage("lamps", bytes.len() as u64, wgpu::BufferUsages::empty());
        }
        if !bytes.is_empty() {
            gpu.queue.write_buffer(&self.lamps, 0, bytes);
        }
        let (dome, sky_factor) = match &lamps.sky {
            Sky::Dome(_) => (1, 1.0),
            Sky::Plain(factor) => (0, *factor),
        };
        let record = LightRecord {
            ambient: lamps.ambient.map(|[r, g, b]| [r, g, b, 0.0]),
            lamps: records.len() as u32,
            key: lamps.key.map_or(u32::MAX, |(key, _)| key as u32),
            maps: views.len() as u32,
            dome,
            sky_factor,
            exposure,
            spare: [0.0; 2],
            shadow,
        };
        gpu.queue
            .write_buffer(&self.record, 0, bytemuck::bytes_of(&record));
    }
}

fn draw_map(
    encoder: &mut wgpu::CommandEncoder,
    pipeline: &wgpu::RenderPipeline,
    geometry: &Geometry,
    slot: &Slot,
    layer: &wgpu::TextureView,
    bound: &wgpu::BindGroup,
    runs: &[Run],
) {
    let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        label: Some("shadow map"),
        color_attachments: &[],
        depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
            view: layer,
            depth_ops: Some(wgpu::Operations {
                load: wgpu::LoadOp::Clear(0.0),
                store: wgpu::StoreOp::Store,
            }),
            stencil_ops: None,
        }),
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    if runs.is_empty() {
        return;
    }
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, bound, &[]);
    pass.set_vertex_buffer(0, slot.positions.slice(..));
    pass.set_index_buffer(geometry.indices.slice(..), wgpu::IndexFormat::Uint32);
    for run in runs {
        let first = run.first_triangle;
        pass.draw_indexed(first * 3..(first + run.triangles) * 3, 0, 0..1);
    }
}

fn textures(gpu: &Gpu, side: u32, layers: u32) -> (wgpu::TextureView, Vec<wgpu::TextureView>) {
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: Some("shadow maps"),
        size: wgpu::Extent3d {
            width: side,
            height: side,
            depth_or_array_layers: layers,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: DEPTH_FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    });
    let whole = texture.create_view(&wgpu::TextureViewDescriptor {
        dimension: Some(wgpu::TextureViewDimension::D2Array),
        ..wgpu::TextureViewDescriptor::default()
    });
    let layer = |i| {
        texture.create_view(&wgpu::TextureViewDescriptor {
            dimension: Some(wgpu::TextureViewDimension::D2),
            base_array_layer: i,
            array_layer_count: Some(1),
            ..wgpu::TextureViewDescriptor::default()
        })
    };
    (whole, (0..layers).map(layer).collect())
}

fn map_record(view: &View, camera: &View) -> MapRecord {
    let from_camera: DMat4 = view.camera_from_world * camera.world_from_camera;
    let side = f64::from(view.size.width);
    let (perspective, scale, clip) = match view.projection {
        Projection::Perspective { focal_px } => (1, focal_px, view.clip_m),
        // All that takes light lies within half a side of the middle. What throws shadows from farther off is pressed
        // flat at the range's near end, which changes nothing for what is behind it.
        Projection::Orthographic { scale_px } => (0, scale_px, [-side / scale_px, side / scale_px]),
    };
    MapRecord {
        rows: [0, 1, 2].map(|r| from_camera.row(r).to_array().map(|v| v as f32)),
        scale: scale as f32,
        perspective,
        side: side as f32,
        spare: 0.0,
        clip: clip.map(|v| v as f32),
        spare2: [0.0; 2],
    }
}

fn lamp(shape: &Shape, strength: [f32; 3]) -> LampRecord {
    let plain = LampRecord {
        strength,
        ..LampRecord::default()
    };
    match *shape {
        Shape::Sun(towards) => LampRecord { at: towards, ..plain },
        Shape::Point { at, radius } => LampRecord {
            kind: 1,
            at,
            extent: radius,
            ..plain
        },
        Shape::Spot {
            at,
            way,
            cos_inner,
            cos_outer,
            radius,
        } => LampRecord {
            kind: 2,
            at,
            extent: radius,
            way,
            cos_inner,
            cos_outer,
            ..plain
        },
        Shape::Area { at, way, area } => LampRecord {
            kind: 3,
            at,
            extent: area,
            way,
            ..plain
        },
    }
}
