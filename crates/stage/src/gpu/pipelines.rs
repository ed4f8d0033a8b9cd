//! The shaders, compiled, and what is bound to them.

use super::adapter::Gpu;
use super::geometry::Kind;

/// Samples a pixel of the colour pass.
pub(super) const SAMPLES: u32 = 4;
/// A triangle's number and one, in two halves: of all 32-bit formats that hold whole numbers, the one that every
/// adapter can multisample.
pub(super) const ID_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rg16Uint;
pub(super) const DEPTH_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Depth32Float;

/// Everything compiled.
#[derive(Debug)]
pub(super) struct Pipelines {
    pub pose_layout: wgpu::BindGroupLayout,
    pub pose: wgpu::ComputePipeline,
    pub visibility_layout: wgpu::BindGroupLayout,
    /// One sample a pixel; see [`Pipelines::index`].
    visibility: Vec<wgpu::RenderPipeline>,
    /// [`SAMPLES`] a pixel.
    samples: Vec<wgpu::RenderPipeline>,
    pub shadow_layout: wgpu::BindGroupLayout,
    /// Of a sun and of a lamp.
    pub shadow: [wgpu::RenderPipeline; 2],
    pub resolve_layout: wgpu::BindGroupLayout,
    pub resolve: wgpu::ComputePipeline,
}

/// What a place of a layout holds.
#[derive(Clone, Copy)]
enum Slot {
    Uniform,
    Read,
    Write,
    Ids,
    SampledIds,
    Depths,
    DepthLayers,
}

fn layout(gpu: &Gpu, label: &str, stages: wgpu::ShaderStages, slots: &[Slot]) -> wgpu::BindGroupLayout {
    let buffer = |ty| wgpu::BindingType::Buffer {
        ty,
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    let texture = |sample_type, view_dimension, multisampled| wgpu::BindingType::Texture {
        sample_type,
        view_dimension,
        multisampled,
    };
    let (ids, depths) = (wgpu::TextureSampleType::Uint, wgpu::TextureSampleType::Depth);
    let (plain, layers) = (
        wgpu::TextureViewDimension::D2,
        wgpu::TextureViewDimension::D2Array,
    );
    let entries: Vec<wgpu::BindGroupLayoutEntry> = (0..)
        .zip(slots)
        .map(|(binding, slot)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: stages,
            ty: match slot {
                Slot::Uniform => buffer(wgpu::BufferBindingType::Uniform),
                Slot::Read => buffer(wgpu::BufferBindingType::Storage { read_only: true }),
                Slot::Write => buffer(wgpu::BufferBindingType::Storage { read_only: false }),
                Slot::Ids => texture(ids, plain, false),
                Slot::SampledIds => texture(ids, plain, true),
                Slot::Depths => texture(depths, plain, false),
                Slot::DepthLayers => texture(depths, layers, false),
            },
            count: None,
        })
        .collect();
    gpu.device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(label),
            entries: &entries,
        })
}

fn shader(gpu: &Gpu, label: &str, text: &str) -> wgpu::ShaderModule {
    gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    })
}

fn whole_layout(gpu: &Gpu, label: &str, group: &wgpu::BindGroupLayout) -> wgpu::PipelineLayout {
    gpu.device
        .create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(label),
            bind_group_layouts: &[Some(group)],
            immediate_size: 0,
        })
}

impl Pipelines {
    pub fn new(gpu: &Gpu) -> Self {
        use Slot::{DepthLayers, Depths, Ids, Read, SampledIds, Uniform, Write};
        let compute = wgpu::ShaderStages::COMPUTE;
        let pose_layout = layout(gpu, "pose", compute, &[Uniform, Read, Read, Write, Write]);
        let visibility_layout = layout(
            gpu,
            "visibility",
            wgpu::ShaderStages::VERTEX_FRAGMENT,
            &[Uniform, Read, Read, Read, Read],
        );
        let resolve_layout = layout(
            gpu,
            "resolve",
            compute,
            &[
                Uniform,
                Uniform,
                Read,
                Read,
                Read,
                Read,
                Read,
                Read,
                Read,
                Read,
                Read,
                Read,
                Write,
                Ids,
                Ids,
                Ids,
                Depths,
                Depths,
                SampledIds,
                DepthLayers,
            ],
        );
        let pose = shader(gpu, "pose", include_str!("pose.wgsl"));
        let enable = "enable primitive_index;\n";
        let common = include_str!("common.wgsl");
        let visibility = shader(
            gpu,
            "visibility",
            &[enable, common, include_str!("visibility.wgsl")].concat(),
        );
        let resolve = [common, include_str!("resolve.wgsl"), include_str!("color.wgsl")].concat();
        let resolve = shader(gpu, "resolve", &resolve);
        let shadow_layout = layout(gpu, "shadow", wgpu::ShaderStages::VERTEX, &[Uniform]);
        let shadow = shader(gpu, "shadow", include_str!("shadow.wgsl"));
        let casting = whole_layout(gpu, "shadow", &shadow_layout);
        let shadow = [true, false].map(|flatten| draw_shadow(gpu, &casting, &shadow, flatten));
        let computing = |label, layout, module, entry| {
            gpu.device
                .create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                    label: Some(label),
                    layout: Some(&whole_layout(gpu, label, layout)),
                    module,
                    entry_point: Some(entry),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    cache: None,
                })
        };
        let pose = computing("pose", &pose_layout, &pose, "pose");
        let resolve = computing("resolve", &resolve_layout, &resolve, "resolve");
        let drawing = whole_layout(gpu, "visibility", &visibility_layout);
        let all = |samples| {
            let kinds = (0..VARIANTS).map(|index| draw(gpu, &drawing, &visibility, samples, index));
            kinds.collect()
        };
        Self {
            pose,
            visibility: all(1),
            samples: all(SAMPLES),
            resolve,
            shadow,
            shadow_layout,
            pose_layout,
            visibility_layout,
            resolve_layout,
        }
    }

    /// What draws triangles of a kind.
    pub fn drawing(&self, sampled: bool, kind: Kind, mirrored: bool) -> Option<&wgpu::RenderPipeline> {
        let list = if sampled { &self.samples } else { &self.visibility };
        let sides = match (kind.both_sides, mirrored) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        list.get(sides + if kind.cut { 3 } else { 0 })
    }
}

/// Both sides, the front, or the back of mirrored ones; whole or cut out by alpha.
const VARIANTS: usize = 6;

fn draw(
    gpu: &Gpu,
    layout: &wgpu::PipelineLayout,
    module: &wgpu::ShaderModule,
    samples: u32,
    variant: usize,
) -> wgpu::RenderPipeline {
    let cut = variant >= 3;
    let [position, normal] = [attribute(0), attribute(1)];
    let buffers = [vertices(&position), vertices(&normal)];
    gpu.device
        .create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("visibility"),
            layout: Some(layout),
            vertex: wgpu::VertexState {
                module,
                entry_point: Some(if cut { "cut_vertex" } else { "vertex" }),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: if cut { &buffers } else { &buffers[..1] },
            },
            primitive: wgpu::PrimitiveState {
                cull_mode: match variant % 3 {
                    0 => None,
                    1 => Some(wgpu::Face::Back),
                    _ => Some(wgpu::Face::Front),
                },
                ..wgpu::PrimitiveState::default()
            },
            depth_stencil: Some(nearest()),
            multisample: wgpu::MultisampleState {
                count: samples,
                ..wgpu::MultisampleState::default()
            },
            fragment: Some(wgpu::FragmentState {
                module,
                entry_point: Some(match (cut, samples) {
                    (false, _) => "solid",
                    (true, 1) => "cut",
                    (true, _) => "cut_sample",
                }),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(ID_FORMAT.into())],
            }),
            multiview_mask: None,
            cache: None,
        })
}

fn attribute(shader_location: u32) -> [wgpu::VertexAttribute; 1] {
    [wgpu::VertexAttribute {
        format: wgpu::VertexFormat::Float32x4,
        offset: 0,
        shader_location,
    }]
}

fn vertices(attributes: &[wgpu::VertexAttribute]) -> Option<wgpu::VertexBufferLayout<'_>> {
    Some(wgpu::VertexBufferLayout {
        array_stride: 16,
        step_mode: wgpu::VertexStepMode::Vertex,
        attributes,
    })
}

/// Depth runs from 1 at the nearest plane to 0.
fn nearest() -> wgpu::DepthStencilState {
    wgpu::DepthStencilState {
        format: DEPTH_FORMAT,
        depth_write_enabled: Some(true),
        depth_compare: Some(wgpu::CompareFunction::Greater),
        stencil: wgpu::StencilState::default(),
        bias: wgpu::DepthBiasState::default(),
    }
}

fn draw_shadow(
    gpu: &Gpu,
    layout: &wgpu::PipelineLayout,
    module: &wgpu::ShaderModule,
    flatten: bool,
) -> wgpu::RenderPipeline {
    gpu.device
        .create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("shadow map"),
            layout: Some(layout),
            vertex: wgpu::VertexState {
                module,
                entry_point: Some("shadow"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[vertices(&attribute(0))],
            },
            primitive: wgpu::PrimitiveState {
                unclipped_depth: flatten,
                ..wgpu::PrimitiveState::default()
            },
            depth_stencil: Some(nearest()),
            multisample: wgpu::MultisampleState::default(),
            fragment: None,
            multiview_mask: None,
            cache: None,
        })
}
