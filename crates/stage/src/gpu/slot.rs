//! One moment of the shot on the device: vertices in its camera's space, and which triangle each pixel shows.

use bytemuck::{Pod, Zeroable};
use heirloom_film::Size;

use super::adapter::{Gpu, GpuError};
use super::geometry::{Geometry, Run, Stand};
use super::pipelines::{DEPTH_FORMAT, ID_FORMAT, Pipelines};
use super::surface::Surfaces;
use crate::pose::{Projection, View};
use crate::posed::Posed;

/// A camera as the shaders read it; see `common.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct ViewRecord {
    scale: f32,
    orthographic: u32,
    center: [f32; 2],
    size: [f32; 2],
    clip: [f32; 2],
    world_from_camera: [[f32; 4]; 3],
}

impl ViewRecord {
    pub fn of(view: &View) -> Self {
        let (scale, orthographic) = match view.projection {
            Projection::Perspective { focal_px } => (focal_px, 0),
            Projection::Orthographic { scale_px } => (scale_px, 1),
        };
        Self {
            scale: scale as f32,
            orthographic,
            center: view.center_px.to_array().map(|v| v as f32),
            size: [view.size.width as f32, view.size.height as f32],
            clip: view.clip_m.map(|v| v as f32),
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
    /// Its camera; none before it holds a frame.
    pub view: Option<View>,
    pub positions: wgpu::Buffer,
    pub normals: wgpu::Buffer,
    pub ids: wgpu::TextureView,
    stands: wgpu::Buffer,
    view_record: wgpu::Buffer,
    pose_job: wgpu::Buffer,
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
        let vertices = u64::from(geometry.cast.vertices);
        let bytes = vertices * 16;
        gpu.check_bytes(
            "the scene's vertices",
            bytes,
            "show fewer copies or simpler meshes",
        )?;
        let vertex = wgpu::BufferUsages::VERTEX;
        let positions = gpu.storage("positions", bytes, vertex);
        let normals = gpu.storage("normals", bytes, vertex);
        let stand_bytes = (geometry.cast.instances.len() * size_of::<Stand>()) as u64;
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
        let (_, stride) = groups(gpu, geometry.cast.vertices);
        let job = PoseJob {
            vertices: geometry.cast.vertices,
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
            view: None,
            ids: picture(gpu, "ids", size, 1, ID_FORMAT),
            positions,
            normals,
            stands,
            view_record,
            pose_job,
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
        posed: &Posed<'_>,
        view: View,
        frame: i64,
    ) {
        let record = ViewRecord::of(&view);
        gpu.queue
            .write_buffer(&self.view_record, 0, bytemuck::bytes_of(&record));
        let stands = geometry.stands(posed, &view);
        if !stands.is_empty() {
            gpu.queue
                .write_buffer(&self.stands, 0, bytemuck::cast_slice(&stands));
        }
        geometry.write_shapes(gpu, posed);
        self.runs = geometry.runs(posed);
        self.view = Some(view);
        self.frame = Some(frame);
        let (rows, stride) = groups(gpu, geometry.cast.vertices);
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
        depth: &wgpu::TextureView,
        samples: Option<&wgpu::TextureView>,
    ) {
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("visibility"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: samples.unwrap_or(&self.ids),
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                    store: wgpu::StoreOp::Store,
                },
            })],
            depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
                view: depth,
                depth_ops: Some(wgpu::Operations {
                    load: wgpu::LoadOp::Clear(0.0),
                    store: wgpu::StoreOp::Discard,
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

/// Rows of workgroups, and invocations a row.
fn groups(gpu: &Gpu, vertices: u32) -> (u32, u32) {
    let groups = vertices.div_ceil(GROUP).max(1);
    let across = groups.min(gpu.limits.max_compute_workgroups_per_dimension);
    (groups.div_ceil(across), across * GROUP)
}

/// Buffers bound in order from 0.
fn group(gpu: &Gpu, layout: &wgpu::BindGroupLayout, buffers: &[&wgpu::Buffer]) -> wgpu::BindGroup {
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
pub(super) fn picture(
    gpu: &Gpu,
    label: &str,
    size: Size,
    samples: u32,
    format: wgpu::TextureFormat,
) -> wgpu::TextureView {
    let mut usage = wgpu::TextureUsages::RENDER_ATTACHMENT;
    if format != DEPTH_FORMAT {
        usage |= wgpu::TextureUsages::TEXTURE_BINDING;
    }
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
            usage,
            view_formats: &[],
        })
        .create_view(&wgpu::TextureViewDescriptor::default())
}
