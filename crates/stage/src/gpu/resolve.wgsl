// From which triangle a pixel shows to all that the passes say of it.

// See `FrameRecord` in frame.rs.
struct Frame {
    previous: View,
    current: View,
    next: View,
    // Turns of directions from this camera to the others, rows.
    to_previous_x: vec4<f32>,
    to_previous_y: vec4<f32>,
    to_previous_z: vec4<f32>,
    to_next_x: vec4<f32>,
    to_next_y: vec4<f32>,
    to_next_z: vec4<f32>,
    // Words of the output before each pass; NONE where it is not wanted.
    depth: u32,
    normal: u32,
    object: u32,
    motion_previous: u32,
    motion_next: u32,
    hidden: u32,
    color: u32,
    // The first column and row of this band in the picture, and its size.
    left: u32,
    top: u32,
    width: u32,
    rows: u32,
    spare: u32,
}

const NONE: u32 = 0xffffffffu;
const PREVIOUS: u32 = 0u;
const NEXT: u32 = 1u;

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> light: Light;
@group(0) @binding(2) var<storage, read> previous: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> current: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> next: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> normals: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> indices: array<u32>;
@group(0) @binding(7) var<storage, read> attributes: array<Attributes>;
@group(0) @binding(8) var<storage, read> instances: array<Instance>;
@group(0) @binding(9) var<storage, read> materials: array<Material>;
@group(0) @binding(10) var<storage, read> texels: array<vec4<f32>>;
@group(0) @binding(11) var<storage, read> lamps: array<Lamp>;
@group(0) @binding(12) var<storage, read_write> out: array<u32>;
@group(0) @binding(13) var previous_ids: texture_2d<u32>;
@group(0) @binding(14) var current_ids: texture_2d<u32>;
@group(0) @binding(15) var next_ids: texture_2d<u32>;
@group(0) @binding(16) var previous_depths: texture_depth_2d;
@group(0) @binding(17) var next_depths: texture_depth_2d;
@group(0) @binding(18) var sample_ids: texture_multisampled_2d<u32>;
@group(0) @binding(19) var shadow_maps: texture_depth_2d_array;

fn number(halves: vec4<u32>) -> u32 {
    return halves.x | (halves.y << 16u);
}

fn corners(triangle: u32) -> vec3<u32> {
    let first = triangle * 3u;
    return vec3(indices[first], indices[first + 1u], indices[first + 2u]);
}

// A ray through the picture: beside the axis at depth 0, and how much farther beside it every metre of depth.
struct Ray {
    origin: vec2<f32>,
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

// Barycentric weights of the place where a ray meets a triangle's plane: those for which the corners, seen along the
// ray, cancel out. Corners may lie behind the camera.
fn weights(r: Ray, a: vec3<f32>, b: vec3<f32>, c: vec3<f32>) -> vec3<f32> {
    let qa = beside(r, a);
    let qb = beside(r, b);
    let qc = beside(r, c);
    let parts = vec3(across(qb, qc), across(qc, qa), across(qa, qb));
    return parts / (parts.x + parts.y + parts.z);
}

struct Hit {
    corner: vec3<u32>,
    // Shares of the corners.
    w: vec3<f32>,
    // The place in the camera's space.
    at: vec3<f32>,
    // Across the triangle, not of unit length.
    normal: vec3<f32>,
    front: bool,
}

fn least(w: vec3<f32>) -> f32 {
    return min(w.x, min(w.y, w.z));
}

fn meet(triangle: u32, r: Ray) -> Hit {
    var hit: Hit;
    hit.corner = corners(triangle);
    let a = current[hit.corner.x].xyz;
    let b = current[hit.corner.y].xyz;
    let c = current[hit.corner.z].xyz;
    hit.normal = cross(b - a, c - a);
    let way = vec3(r.slope, -1.0);
    let det = dot(way, hit.normal);
    hit.front = det < 0.0;
    hit.w = weights(r, a, b, c);
    let outside = -least(hit.w);
    // The hardware rounds corners to a fraction of a pixel, so that the ray may just miss. The plane goes on there;
    // but where it is seen nearly edge on, a hair's breadth outside may be far away.
    let grazing = det * det < 1e-4 * dot(hit.normal, hit.normal) * dot(way, way);
    let sound = outside <= 1e-3 || (outside <= 0.25 && !grazing);
    if !sound {
        let w = max(hit.w, vec3(0.0));
        let sum = w.x + w.y + w.z;
        hit.w = select(vec3(1.0 / 3.0), w / sum, sum > 0.0 && sum < 1e6);
    }
    hit.at = hit.w.x * a + hit.w.y * b + hit.w.z * c;
    return hit;
}

// The unit normal in the camera's space, on the side that is seen.
fn normal_at(hit: Hit) -> vec3<f32> {
    let n = hit.w.x * normals[hit.corner.x].xyz + hit.w.y * normals[hit.corner.y].xyz
        + hit.w.z * normals[hit.corner.z].xyz;
    let largest = max(abs(n.x), max(abs(n.y), abs(n.z)));
    if largest > 1e-30 && largest < 1e30 {
        let mirrored = current[hit.corner.x].w >= 2.0;
        return normalize(n / largest) * select(-1.0, 1.0, hit.front != mirrored);
    }
    let by = max(abs(hit.normal.x), max(abs(hit.normal.y), abs(hit.normal.z)));
    if by == 0.0 {
        return vec3(0.0, 0.0, 1.0);
    }
    return normalize(hit.normal / by) * select(-1.0, 1.0, hit.front);
}

fn to_world(view: View, v: vec3<f32>) -> vec3<f32> {
    return vec3(dot(view.world_x.xyz, v), dot(view.world_y.xyz, v), dot(view.world_z.xyz, v));
}

// Where a place of the camera's space falls in its picture, from where the axis falls.
fn off_axis(view: View, at: vec3<f32>) -> vec2<f32> {
    let w = select(-at.z, 1.0, view.orthographic != 0u);
    return vec2(at.x, -at.y) * (view.scale / w);
}

fn put(at: u32, value: f32) {
    out[at] = bitcast<u32>(value);
}

// Of the other frames.
fn other_view(side: u32) -> View {
    if side == PREVIOUS {
        return frame.previous;
    }
    return frame.next;
}

fn other_position(side: u32, v: u32) -> vec4<f32> {
    if side == PREVIOUS {
        return previous[v];
    }
    return next[v];
}

fn other_number(side: u32, at: vec2<u32>) -> u32 {
    if side == PREVIOUS {
        return number(textureLoad(previous_ids, at, 0));
    }
    return number(textureLoad(next_ids, at, 0));
}

fn other_depth(side: u32, view: View, at: vec2<u32>) -> f32 {
    var z = 0.0;
    if side == PREVIOUS {
        z = textureLoad(previous_depths, at, 0);
    } else {
        z = textureLoad(next_depths, at, 0);
    }
    let range = view.clip.y - view.clip.x;
    if view.orthographic != 0u {
        return view.clip.y - z * range;
    }
    return view.clip.x * view.clip.y / (z * range + view.clip.x);
}

const INFINITE: u32 = 0x7f800000u;

// How much nearer than a point, as a share of its depth, something must be to hide it.
const NEARER: f32 = 1e-3;

// Whether something of another frame hides the point that falls at `place` of its picture. The four pixels about the
// place are asked: a triangle of theirs that is nearer than the point and that the ray through the very place goes
// through hides it. Where none does, the point is hidden only if all four planes are nearer.
fn hidden(side: u32, place: vec2<f32>, depth: f32, endless: bool, own: u32) -> bool {
    let view = other_view(side);
    let size = vec2<u32>(view.size);
    if !(place.x >= 0.0 && place.y >= 0.0 && place.x < view.size.x && place.y < view.size.y) {
        return true;
    }
    let beyond = vec2<u32>(place + 0.5);
    let last = min(beyond, size - 1u);
    let first = max(beyond, vec2(1u)) - 1u;
    let limit = depth * (1.0 - NEARER);
    var seen: array<u32, 4>;
    var near: array<bool, 4>;
    var any_near = false;
    for (var i = 0u; i < 4u; i++) {
        let at = vec2(select(first.x, last.x, (i & 1u) != 0u), select(first.y, last.y, i >= 2u));
        seen[i] = other_number(side, at);
        let off = abs(vec2<f32>(at) + 0.5 - place);
        if seen[i] == own && max(off.x, off.y) < 1.0 / 64.0 {
            // In the very middle of a pixel that shows it.
            return false;
        }
        near[i] = seen[i] != 0u && seen[i] != own && (endless || other_depth(side, view, at) < limit);
        any_near |= near[i];
    }
    if !any_near {
        return false;
    }
    let r = ray(view, place);
    var all_near = true;
    for (var i = 0u; i < 4u; i++) {
        if !near[i] {
            all_near = false;
            continue;
        }
        let corner = corners(seen[i] - 1u);
        let a = other_position(side, corner.x).xyz;
        let b = other_position(side, corner.y).xyz;
        let c = other_position(side, corner.z).xyz;
        let w = weights(r, a, b, c);
        let there = -(w.x * a.z + w.y * b.z + w.z * c.z);
        let hides = endless || there < limit;
        if hides && least(w) >= -1e-4 {
            return true;
        }
        all_near &= hides;
    }
    return all_near;
}

// Motion of what is seen at a pixel, and whether it is hidden there.
fn follow(side: u32, hit: Hit, own: u32, pixel: vec2<f32>, plane: u32) -> bool {
    let view = other_view(side);
    let a = other_position(side, hit.corner.x);
    let b = other_position(side, hit.corner.y);
    let c = other_position(side, hit.corner.z);
    let there = hit.w.x * a.xyz + hit.w.y * b.xyz + hit.w.z * c.xyz;
    let depth = -there.z;
    if view.orthographic == 0u && !(depth > 0.0) {
        return true;
    }
    // Both by the same arithmetic, so that what rests has no motion at all.
    let motion = off_axis(view, there) - off_axis(frame.current, hit.at) + (view.center - frame.current.center);
    put(plane, motion.x);
    put(plane + 1u, motion.y);
    let shown = (u32(a.w) & 1u) != 0u;
    if !shown || depth < view.clip.x {
        return true;
    }
    return hidden(side, pixel + motion, depth, false, own);
}

// The same for a point infinitely far off.
fn follow_sky(side: u32, pixel: vec2<f32>, plane: u32) -> bool {
    let view = other_view(side);
    let here = frame.current;
    var motion = vec2(0.0);
    if view.orthographic == 0u {
        let r = ray(here, pixel);
        let way = vec3(r.slope, -1.0);
        var there = vec3(dot(frame.to_next_x.xyz, way), dot(frame.to_next_y.xyz, way), dot(frame.to_next_z.xyz, way));
        if side == PREVIOUS {
            there = vec3(
                dot(frame.to_previous_x.xyz, way),
                dot(frame.to_previous_y.xyz, way),
                dot(frame.to_previous_z.xyz, way),
            );
        }
        if !(there.z < 0.0) {
            return true;
        }
        let start = select(off_axis(here, way), pixel - here.center, here.orthographic != 0u);
        motion = off_axis(view, there) - start + (view.center - here.center);
    }
    put(plane, motion.x);
    put(plane + 1u, motion.y);
    return hidden(side, pixel + motion, 0.0, true, 0u);
}

@compute @workgroup_size(8, 8)
fn resolve(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= frame.width || id.y >= frame.rows {
        return;
    }
    let i = id.y * frame.width + id.x;
    let texel = vec2(id.x + frame.left, id.y + frame.top);
    let pixel = vec2<f32>(texel) + 0.5;
    let seen = number(textureLoad(current_ids, texel, 0));
    var hit: Hit;
    var normal = vec3(0.0);
    var object = 0u;
    if seen != 0u {
        hit = meet(seen - 1u, ray(frame.current, pixel));
        normal = normal_at(hit);
    }
    if frame.depth != NONE {
        out[frame.depth + i] = select(INFINITE, bitcast<u32>(-hit.at.z), seen != 0u);
    }
    if frame.normal != NONE {
        let world = to_world(frame.current, normal);
        put(frame.normal + 3u * i, world.x);
        put(frame.normal + 3u * i + 1u, world.y);
        put(frame.normal + 3u * i + 2u, world.z);
    }
    if frame.object != NONE {
        if seen != 0u {
            object = instances[u32(normals[hit.corner.x].w)].object;
        }
        out[frame.object + i] = object;
    }
    var covered = 0u;
    for (var side = PREVIOUS; side <= NEXT; side++) {
        let plane = select(frame.motion_next, frame.motion_previous, side == PREVIOUS);
        if plane == NONE {
            continue;
        }
        let at = plane + 2u * i;
        out[at] = 0u;
        out[at + 1u] = 0u;
        var is_hidden = false;
        if seen != 0u {
            is_hidden = follow(side, hit, seen, pixel, at);
        } else {
            is_hidden = follow_sky(side, pixel, at);
        }
        covered |= select(0u, 1u << side, is_hidden);
    }
    if frame.hidden != NONE {
        out[frame.hidden + i] = covered;
    }
    if frame.color != NONE {
        let c = color(texel, pixel, seen, hit, normal);
        put(frame.color + 4u * i, c.x);
        put(frame.color + 4u * i + 1u, c.y);
        put(frame.color + 4u * i + 2u, c.z);
        put(frame.color + 4u * i + 3u, c.w);
    }
}
