// Which triangle every pixel, or every sample of it, shows: its number and one, in two halves; 0 is nothing.

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> attributes: array<Attributes>;
@group(0) @binding(2) var<storage, read> instances: array<Instance>;
@group(0) @binding(3) var<storage, read> materials: array<Material>;
@group(0) @binding(4) var<storage, read> texels: array<vec4<f32>>;

// Depth runs from 1 at the nearest plane to 0 at the farthest, which spreads the digits of a float evenly.
fn projected(at: vec3<f32>) -> vec4<f32> {
    let depth = -at.z;
    let w = select(depth, 1.0, view.orthographic != 0u);
    let pixel = view.center * w + vec2(at.x, -at.y) * view.scale;
    let near = view.clip.x;
    let far = view.clip.y;
    let factor = select(near, 1.0, view.orthographic != 0u) / (far - near);
    return vec4(2.0 * pixel.x / view.size.x - w, w - 2.0 * pixel.y / view.size.y, (far - depth) * factor, w);
}

struct Plain {
    @builtin(position) position: vec4<f32>,
    // Number of the draw's first triangle.
    @location(0) @interpolate(flat) first: u32,
}

@vertex
fn vertex(@location(0) at: vec4<f32>, @builtin(instance_index) first: u32) -> Plain {
    return Plain(projected(at.xyz), first);
}

fn halves(triangle: u32) -> vec2<u32> {
    let number = triangle + 1u;
    return vec2(number & 0xffffu, number >> 16u);
}

@fragment
fn solid(in: Plain, @builtin(primitive_index) triangle: u32) -> @location(0) vec2<u32> {
    return halves(in.first + triangle);
}

struct Cut {
    @builtin(position) position: vec4<f32>,
    @location(0) @interpolate(flat) first: u32,
    @location(1) @interpolate(flat) material: u32,
    @location(2) @interpolate(perspective, sample) uv: vec2<f32>,
    @location(3) @interpolate(perspective, sample) alpha: f32,
    @location(4) @interpolate(flat) mapped: u32,
}

@vertex
fn cut_vertex(
    @location(0) at: vec4<f32>,
    @location(1) normal: vec4<f32>,
    @builtin(vertex_index) v: u32,
    @builtin(instance_index) first: u32,
) -> Cut {
    let instance = instances[u32(normal.w)];
    var out = Cut(projected(at.xyz), first, instance.material, vec2(0.0), 1.0, instance.flags & MAPPED);
    if (instance.flags & ATTRIBUTES) != 0u {
        let own = attributes[v + instance.attributes_from_vertex];
        out.uv = own.uv;
        out.alpha = own.color.a;
    }
    return out;
}

fn alpha(m: Material, in: Cut) -> f32 {
    var a = m.color.a * in.alpha;
    if m.width > 0u && in.mapped != 0u {
        a *= picture(m, mapped(m, in.uv), 1.0).a;
    }
    return a;
}

@fragment
fn cut(in: Cut, @builtin(primitive_index) triangle: u32) -> @location(0) vec2<u32> {
    let m = materials[in.material];
    if alpha(m, in) < m.emission_cut.w {
        discard;
    }
    return halves(in.first + triangle);
}

// Of what blends, as many samples hold as alpha says.
@fragment
fn cut_sample(
    in: Cut,
    @builtin(primitive_index) triangle: u32,
    @builtin(sample_index) index: u32,
) -> @location(0) vec2<u32> {
    let m = materials[in.material];
    let thresholds = array(0.125, 0.625, 0.875, 0.375);
    let least = select(m.emission_cut.w, thresholds[index & 3u], (m.flags & BLEND) != 0u);
    if alpha(m, in) < least {
        discard;
    }
    return halves(in.first + triangle);
}
