//! One moment of the shot on the device: vertices in its camera's space, and which triangle each pixel shows.

use bytemuck::{Pod, Zeroable};
use heirloom_film::Size;

use super::adapter::{Gpu, GpuError};
use super::geometry::{Geometry, Run, Stand, depth_range, runs, stands};
use super::pipelines::{DEPTH_FORMAT, ID_FORMAT, Pipelines};
use super::surface::Surfaces;
use crate::pose::{Projection, View};
use crate::render::still::{Set, Still};

/// A camera as the shaders read it; see `common.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
pub(super) struct ViewRecord {
    scale: f32,
    orthographic: u32,
    center: [f32; 2],
    size: [f32; 2],
    clip: [f32; 2],
    world_from_camera: [[f32; 4]; 3],
}

impl ViewRecord {
    fn of(view: &View, clip_m: [f64; 2]) -> Self {
        let [near, far] = clip_m;
        let (scale, orthographic, near) = match view.projection {
            Projection::Perspective { focal_px } => (focal_px, 0, near.max(1e-6)),
            Projection::Orthographic { scale_px } => (scale_px, 1, near),
        };
        Self {
            scale: scale as f32,
            orthographic,
            center: view.center_px.to_array().map(|v| v as f32),
            size: [view.size.width as f32, view.size.height as f32],
            clip: [near as f32, far as f32],
            world_from_camera: [0, 1, 2].map(|r| view.world_from_camera.row(r).to_array().map(|v| v as f32)),
        }
    }
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct PoseJob {
    vertices: u32,
    stride: u32,
    spare: [u32; 2],
}

/// Invocations of a workgroup of `pose.wgsl`.
const GROUP: u32 = 64;

/// One moment.
#[derive(Debug)]
pub(super) struct Slot {
    /// The frame it holds.
    pub frame: Option<i64>,
    /// Its camera, as the shaders read it.
    pub record: ViewRecord,
    pub positions: wgpu::Buffer,
    pub normals: wgpu::Buffer,
    pub ids: wgpu::TextureView,
    pub depths: wgpu::TextureView,
    stands: wgpu::Buffer,
    view_record: wgpu::Buffer,
    pose_group: wgpu::BindGroup,
    draw_group: wgpu::BindGroup,
    runs: Vec<Run>,
}

impl Slot {
    pub fn new(
        gpu: &Gpu,
        pipelines: &Pipelines,
        geometry: &Geometry,
        surfaces: &Surfaces,
        size: Size,
    ) -> Result<Self, GpuError> {
        let bytes = u64::from(geometry.vertices) * 16;
        gpu.check_bytes(
            "the scene's vertices",
            bytes,
            "show fewer copies or simpler meshes",
        )?;
        let vertex = wgpu::BufferUsages::VERTEX;
        let positions = gpu.storage("positions", bytes, vertex);
        let normals = gpu.storage("normals", bytes, vertex);
        let stand_bytes = (geometry.instance_count * size_of::<Stand>()) as u64;
        gpu.check_bytes("the scene's things", stand_bytes, "show fewer of them")?;
        let stands = gpu.storage("stands", stand_bytes, wgpu::BufferUsages::empty());
        let uniform = |label, bytes| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: bytes,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let view_record = uniform("view", size_of::<ViewRecord>() as u64);
        let pose_job = uniform("pose", size_of::<PoseJob>() as u64);
        let (_, stride) = groups(gpu, geometry.vertices);
        let job = PoseJob {
            vertices: geometry.vertices,
            stride,
            spare: [0; 2],
        };
        gpu.queue.write_buffer(&pose_job, 0, bytemuck::bytes_of(&job));
        let pose_group = group(
            gpu,
            &pipelines.pose_layout,
            &[&pose_job, &geometry.rest, &stands, &positions, &normals],
        );
        let draw_group = group(
            gpu,
            &pipelines.visibility_layout,
            &[
                &view_record,
                &geometry.attributes,
                &geometry.instances,
                &surfaces.materials,
                &surfaces.texels,
            ],
        );
        Ok(Self {
            frame: None,
            record: ViewRecord::default(),
            ids: picture(gpu, "ids", size, 1, ID_FORMAT),
            depths: picture(gpu, "depths", size, 1, DEPTH_FORMAT),
            positions,
            normals,
            stands,
            view_record,
            pose_group,
            draw_group,
            runs: Vec::new(),
        })
    }

    /// Takes another moment: writes what it needs, and says how to place the vertices.
    pub fn take(
        &mut self,
        gpu: &Gpu,
        pipelines: &Pipelines,
        geometry: &Geometry,
        encoder: &mut wgpu::CommandEncoder,
        set: &Set<'_>,
        still: &Still<'_>,
        frame: i64,
    ) {
        let view = &still.view;
        let rect = [0.0, 0.0, f64::from(view.size.width), f64::from(view.size.height)];
        let draws = still.draws(set, view, |_, place| Some(place.camera_from_local), rect);
        let clip_m = match view.projection {
            // One over the depth is fine wherever it is needed.
            Projection::Perspective { .. } => view.clip_m,
            Projection::Orthographic { .. } => depth_range(set, still, &draws),
        };
        self.record = ViewRecord::of(view, clip_m);
        gpu.queue
            .write_buffer(&self.view_record, 0, bytemuck::bytes_of(&self.record));
        let stands = stands(still);
        if !stands.is_empty() {
            gpu.queue
                .write_buffer(&self.stands, 0, bytemuck::cast_slice(&stands));
        }
        geometry.write_shapes(gpu, set, &still.posed);
        self.runs = runs(&draws, false);
        self.frame = Some(frame);
        let (rows, stride) = groups(gpu, geometry.vertices);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("pose"),
            timestamp_writes: None,
        });
        pass.set_pipeline(&pipelines.pose);
        pass.set_bind_group(0, &self.pose_group, &[]);
        pass.dispatch_workgroups(stride / GROUP, rows, 1);
    }

    /// Says how to draw what is seen, into its own ids or into `samples`.
    pub fn draw(
        &self,
        pipelines: &Pipelines,
        geometry: &Geometry,
        encoder: &mut wgpu::CommandEncoder,
        samples: Option<&Samples>,
    ) {
        let (ids, depths, store) = match samples {
            Some(samples) => (&samples.ids, &samples.depths, wgpu::StoreOp::Discard),
            None => (&self.ids, &self.depths, wgpu::StoreOp::Store),
        };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("visibility"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: ids,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                    store: wgpu::StoreOp::Store,
                },
            })],
            depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
                view: depths,
                depth_ops: Some(wgpu::Operations {
                    load: wgpu::LoadOp::Clear(0.0),
                    store,
                }),
                stencil_ops: None,
            }),
            timestamp_writes: None,
            occlusion_query_set: None,
            multiview_mask: None,
        });
        if self.runs.is_empty() {
            return;
        }
        pass.set_bind_group(0, &self.draw_group, &[]);
        pass.set_vertex_buffer(0, self.positions.slice(..));
        pass.set_vertex_buffer(1, self.normals.slice(..));
        pass.set_index_buffer(geometry.indices.slice(..), wgpu::IndexFormat::Uint32);
        for run in &self.runs {
            if let Some(pipeline) = pipelines.drawing(samples.is_some(), run.kind, run.mirrored) {
                pass.set_pipeline(pipeline);
                let first = run.first_triangle;
                // The draw's first triangle goes along as the number of its instance.
                pass.draw_indexed(first * 3..(first + run.triangles) * 3, 0, first..first + 1);
            }
        }
    }
}

/// Several samples a pixel, for colour.
#[derive(Debug)]
pub(super) struct Samples {
    pub ids: wgpu::TextureView,
    depths: wgpu::TextureView,
}

impl Samples {
    pub fn new(gpu: &Gpu, size: Size, samples: u32) -> Self {
        Self {
            ids: picture(gpu, "sample ids", size, samples, ID_FORMAT),
            depths: picture(gpu, "sample depths", size, samples, DEPTH_FORMAT),
        }
    }
}

/// Rows of workgroups, and invocations a row.
fn groups(gpu: &Gpu, vertices: u32) -> (u32, u32) {
    let groups = vertices.div_ceil(GROUP).max(1);
    let across = groups.min(gpu.limits.max_compute_workgroups_per_dimension);
    (groups.div_ceil(across), across * GROUP)
}

/// Buffers bound in order from 0.
pub(super) fn group(gpu: &Gpu, layout: &wgpu::BindGroupLayout, buffers: &[&wgpu::Buffer]) -> wgpu::BindGroup {
    let entries: Vec<wgpu::BindGroupEntry<'_>> = (0..)
        .zip(buffers)
        .map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding,
            resource: buffer.as_entire_binding(),
        })
        .collect();
    gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout,
        entries: &entries,
    })
}

/// A picture that can be drawn into, and read by shaders.
fn picture(
    gpu: &Gpu,
    label: &str,
    size: Size,
    samples: u32,
    format: wgpu::TextureFormat,
) -> wgpu::TextureView {
    gpu.device
        .create_texture(&wgpu::TextureDescriptor {
            label: Some(label),
            size: wgpu::Extent3d {
                width: size.width,
                height: size.height,
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: samples,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        })
        .create_view(&wgpu::TextureViewDescriptor::default())
}
