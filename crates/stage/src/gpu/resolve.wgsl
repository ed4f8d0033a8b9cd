// From which triangle a pixel shows to all that the passes say of it.

struct Frame {
    previous: View,
    current: View,
    next: View,
    // Words of the output before each pass; NONE where it is not wanted.
    depth: u32,
    normal: u32,
    object: u32,
    to_next: u32,
    to_previous: u32,
    hidden: u32,
    color: u32,
    // First row of this band, and its rows.
    row: u32,
    rows: u32,
    spare: array<u32, 3>,
}

const NONE: u32 = 0xffffffffu;

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> previous: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> current: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> next: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> normals: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> indices: array<u32>;
@group(0) @binding(6) var<storage, read> attributes: array<Attributes>;
@group(0) @binding(7) var<storage, read> instances: array<Instance>;
@group(0) @binding(8) var<storage, read> materials: array<Material>;
@group(0) @binding(9) var<storage, read> texels: array<vec4<f32>>;
@group(0) @binding(10) var<storage, read_write> out: array<u32>;
@group(0) @binding(11) var previous_ids: texture_2d<u32>;
@group(0) @binding(12) var current_ids: texture_2d<u32>;
@group(0) @binding(13) var next_ids: texture_2d<u32>;
@group(0) @binding(14) var sample_ids: texture_multisampled_2d<u32>;

fn number(halves: vec2<u32>) -> u32 {
    return halves.x | (halves.y << 16u);
}

fn corners(triangle: u32) -> vec3<u32> {
    let first = triangle * 3u;
    return vec3(indices[first], indices[first + 1u], indices[first + 2u]);
}

struct Ray {
    origin: vec2<f32>,
    // Of x and y with every metre of depth.
    slope: vec2<f32>,
}

fn ray(view: View, pixel: vec2<f32>) -> Ray {
    let off = (pixel - view.center) / view.scale * vec2(1.0, -1.0);
    if view.orthographic != 0u {
        return Ray(off, vec2(0.0));
    }
    return Ray(vec2(0.0), off);
}

// How far a corner lies beside the ray, at the corner's own depth.
fn beside(r: Ray, corner: vec3<f32>) -> vec2<f32> {
    return corner.xy - r.origin + r.slope * corner.z;
}

fn across(a: vec2<f32>, b: vec2<f32>) -> f32 {
    return a.x * b.y - a.y * b.x;
}

// Barycentric weights of the place where a ray meets a triangle's plane: those for which the corners, seen from
// along the ray, cancel out. Corners may lie behind the camera.
fn weights(r: Ray, a: vec3<f32>, b: vec3<f32>, c: vec3<f32>) -> vec3<f32> {
    let qa = beside(r, a);
    let qb = beside(r, b);
    let qc = beside(r, c);
    let parts = vec3(across(qb, qc), across(qc, qa), across(qa, qb));
    let sum = parts.x + parts.y + parts.z;
    if sum == 0.0 {
        return vec3(1.0 / 3.0);
    }
    // The hardware rounds corners to a fraction of a pixel, so that the ray may just miss the triangle. The plane goes
    // on there, but not for ever where it is seen edge on.
    let w = clamp(parts / sum, vec3(-1.0), vec3(2.0));
    return w / (w.x + w.y + w.z);
}

// Where a place of the camera's space falls in its picture.
fn pixel_of(view: View, at: vec3<f32>) -> vec2<f32> {
    let w = select(-at.z, 1.0, view.orthographic != 0u);
    return view.center + vec2(at.x, -at.y) * (view.scale / w);
}

fn put(base: u32, value: f32) {
    out[base] = bitcast<u32>(value);
}

@compute @workgroup_size(8, 8)
fn resolve(@builtin(global_invocation_id) id: vec3<u32>) {
    let width = u32(frame.current.size.x);
    if id.x >= width || id.y >= frame.rows {
        return;
    }
    let texel = vec2(id.x, id.y + frame.row);
    let i = id.y * width + id.x;
    data(i, texel);
}

fn data(i: u32, at: vec2<u32>) {
    let pixel = vec2<f32>(at) + 0.5;
    let id = number(textureLoad(current_ids, at, 0).xy);
    if id == 0u {
        if frame.depth != NONE {
            put(frame.depth + i, bitcast<f32>(0x7f800000u));
        }
        return;
    }
    let corner = corners(id - 1u);
    let r = ray(frame.current, pixel);
    let a = current[corner.x].xyz;
    let b = current[corner.y].xyz;
    let c = current[corner.z].xyz;
    let w = weights(r, a, b, c);
    let place = w.x * a + w.y * b + w.z * c;
    if frame.depth != NONE {
        put(frame.depth + i, -place.z);
    }
}
