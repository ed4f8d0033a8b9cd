// What all of the passes' shaders know: cameras, surfaces, pictures on them.

struct View {
    // Pixels a unit of x / depth, or pixels a metre.
    scale: f32,
    orthographic: u32,
    // Where the axis meets the picture, in pixels.
    center: vec2<f32>,
    size: vec2<f32>,
    clip: vec2<f32>,
    // Rows of world from camera.
    world_x: vec4<f32>,
    world_y: vec4<f32>,
    world_z: vec4<f32>,
}

struct Attributes {
    color: vec4<f32>,
    uv: vec2<f32>,
    spare: vec2<f32>,
}

struct Instance {
    attributes_from_vertex: u32,
    material: u32,
    object: u32,
    flags: u32,
}

const ATTRIBUTES: u32 = 2u;
const MAPPED: u32 = 4u;

// See `MaterialRecord` in surface.rs.
struct Material {
    color: vec4<f32>,
    // Light of its own, and the alpha below which nothing is seen.
    emission_cut: vec4<f32>,
    // Rows of the texture's transform.
    map_u: vec4<f32>,
    map_v: vec4<f32>,
    // Of the picture: the first texel, width and height; the width is 0 where there is none. Its halvings follow it.
    texel: u32,
    width: u32,
    height: u32,
    flags: u32,
}

const LIT: u32 = 1u;
const BLEND: u32 = 2u;
// Two bits each for u and v: clamp, repeat, mirror.
const WRAP_U: u32 = 4u;
const WRAP_V: u32 = 6u;

// A column or row of a picture, whatever lies beyond its edges.
fn wrapped(i: i32, size: u32, wrap: u32) -> u32 {
    let n = i32(size);
    if wrap == 0u {
        return u32(clamp(i, 0, n - 1));
    }
    let period = select(2 * n, n, wrap == 1u);
    var r = i % period;
    r = select(r, r + period, r < 0);
    return u32(select(r, period - 1 - r, r >= n));
}

// One halving of a picture.
struct Level {
    first: u32,
    width: u32,
    height: u32,
    wrap_u: u32,
    wrap_v: u32,
}

fn texel(l: Level, x: i32, y: i32) -> vec4<f32> {
    return texels[l.first + wrapped(y, l.height, l.wrap_v) * l.width + wrapped(x, l.width, l.wrap_u)];
}

fn bilinear(l: Level, uv: vec2<f32>) -> vec4<f32> {
    let at = clamp(uv * vec2(f32(l.width), f32(l.height)) - 0.5, vec2(-1e9), vec2(1e9));
    let corner = floor(at);
    let t = at - corner;
    let x = i32(corner.x);
    let y = i32(corner.y);
    let above = mix(texel(l, x, y), texel(l, x + 1, y), t.x);
    let below = mix(texel(l, x, y + 1), texel(l, x + 1, y + 1), t.x);
    return mix(above, below, t.y);
}

fn halved(l: Level) -> Level {
    return Level(l.first + l.width * l.height, (l.width + 1u) / 2u, (l.height + 1u) / 2u, l.wrap_u, l.wrap_v);
}

fn mapped(m: Material, uv: vec2<f32>) -> vec2<f32> {
    return vec2(dot(m.map_u.xyz, vec3(uv, 1.0)), dot(m.map_v.xyz, vec3(uv, 1.0)));
}

// The picture's colour (premultiplied) at a mapped place, for a footprint of so many of its own pixels squared.
fn picture(m: Material, at: vec2<f32>, area: f32) -> vec4<f32> {
    var level = Level(m.texel, m.width, m.height, (m.flags >> WRAP_U) & 3u, (m.flags >> WRAP_V) & 3u);
    var side = sqrt(max(area, 1.0));
    while side >= 2.0 && max(level.width, level.height) > 1u {
        side *= 0.5;
        level = halved(level);
    }
    let near = bilinear(level, at);
    let t = min(side - 1.0, 1.0);
    if t <= 0.0 || max(level.width, level.height) <= 1u {
        return near;
    }
    return mix(near, bilinear(halved(level), at), t);
}
