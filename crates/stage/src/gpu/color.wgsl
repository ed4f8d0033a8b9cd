// How the colour pass looks: lit clay. The formulas are those of the processor's renderer (lamps.rs, sky.rs, shadow.rs
// and clay.rs in `shade`).

// See `LampRecord` in light.rs. Places are relative to the camera, with the world's axes.
struct Lamp {
    strength: vec3<f32>,
    // 0 a sun, 1 a point, 2 a spot, 3 an area.
    kind: u32,
    // Where it is; of a sun the unit vector towards it.
    at: vec3<f32>,
    // Radius in metres, or area in square metres.
    extent: f32,
    // Which way it shines.
    way: vec3<f32>,
    cos_inner: f32,
    cos_outer: f32,
}

struct Map {
    row_x: vec4<f32>,
    row_y: vec4<f32>,
    row_z: vec4<f32>,
    scale: f32,
    perspective: u32,
    side: f32,
    spare: f32,
    clip: vec2<f32>,
    spare2: vec2<f32>,
}

// See `LightRecord` in light.rs.
struct Light {
    ambient: array<vec4<f32>, 9>,
    lamps: u32,
    // Which lamp throws shadows.
    key: u32,
    maps: u32,
    // Whether the dome is what is seen of the sky; else a plain one times the factor.
    dome: u32,
    sky_factor: f32,
    exposure: f32,
    spare: vec2<f32>,
    shadow: array<Map, 6>,
}

const PI: f32 = 3.14159265358979;

fn irradiance(n: vec3<f32>) -> vec3<f32> {
    var sum = 0.886227 * light.ambient[0].xyz;
    sum += 2.0 * 0.511664 * (n.y * light.ambient[1].xyz + n.z * light.ambient[2].xyz + n.x * light.ambient[3].xyz);
    sum += 2.0 * 0.429043 * (n.x * n.y * light.ambient[4].xyz + n.y * n.z * light.ambient[5].xyz
        + n.x * n.z * light.ambient[7].xyz);
    sum += (0.743125 * n.z * n.z - 0.247708) * light.ambient[6].xyz;
    sum += 0.429043 * (n.x * n.x - n.y * n.y) * light.ambient[8].xyz;
    return max(sum, vec3(0.0));
}

// Irradiance of a surface at a place for a strength of 1.
fn lamp_on(lamp: Lamp, at: vec3<f32>, n: vec3<f32>) -> f32 {
    if lamp.kind == 0u {
        return max(dot(lamp.at, n), 0.0);
    }
    let d = lamp.at - at;
    let square = dot(d, d);
    let way = d / sqrt(square + 1e-20);
    let cosine = max(dot(way, n), 0.0);
    let along = -dot(way, lamp.way);
    if lamp.kind == 3u {
        return lamp.extent * max(along, 0.0) * cosine / (square + lamp.extent / PI);
    }
    var cone = 1.0;
    if lamp.kind == 2u {
        let t = clamp((along - lamp.cos_outer) / max(lamp.cos_inner - lamp.cos_outer, 1e-3), 0.0, 1.0);
        cone = t * t;
    }
    return cone * cosine / (square + lamp.extent * lamp.extent + 1e-6);
}

// Where a place of the camera's space lies for a map's light: right, up, and towards the light.
fn of_map(map: Map, p: vec3<f32>) -> vec3<f32> {
    let at = vec4(p, 1.0);
    return vec3(dot(map.row_x, at), dot(map.row_y, at), dot(map.row_z, at));
}

// The share of the key light that reaches a place, by a tent over 4 x 4 texels; below 0 outside the map.
fn map_lit(index: u32, at: vec3<f32>, n: vec3<f32>) -> f32 {
    let map = light.shadow[index];
    var texel = 1.0 / map.scale;
    if map.perspective != 0u {
        let depth = -of_map(map, at).z;
        if depth <= 0.0 {
            return -1.0;
        }
        texel = depth / map.scale;
    }
    // A texel's width at the place is how far off the surface the question is put, so that it does not shade itself.
    let p = of_map(map, at + n * (1.5 * texel));
    let depth = -p.z;
    let by = select(map.scale, map.scale / depth, map.perspective != 0u);
    let x = map.side * 0.5 + p.x * by;
    let y = map.side * 0.5 - p.y * by;
    if !(x >= 3.0 && y >= 3.0 && x < map.side - 3.0 && y < map.side - 3.0) {
        return -1.0;
    }
    let near = depth - texel;
    var k = (map.clip.y - near) / (map.clip.y - map.clip.x);
    if map.perspective != 0u {
        k = map.clip.x / near;
    }
    let corner = floor(vec2(x - 1.5, y - 1.5));
    let f = vec2(x - 1.5, y - 1.5) - corner;
    var wx = array(1.0 - f.x, 1.0, 1.0, f.x);
    var wy = array(1.0 - f.y, 1.0, 1.0, f.y);
    var sum = 0.0;
    for (var row = 0u; row < 4u; row++) {
        for (var column = 0u; column < 4u; column++) {
            let stored = textureLoad(shadow_maps, vec2<u32>(corner) + vec2(column, row), index, 0);
            if stored <= k {
                sum += wx[column] * wy[row];
            }
        }
    }
    return sum / 9.0;
}

fn key_lit(at: vec3<f32>, n: vec3<f32>) -> f32 {
    for (var i = 0u; i < light.maps; i++) {
        let lit = map_lit(i, at, n);
        if lit >= 0.0 {
            return lit;
        }
    }
    return 1.0;
}

// What is seen of the sky through a pixel.
fn sky(pixel: vec2<f32>) -> vec4<f32> {
    let r = ray(frame.current, pixel);
    let w = normalize(to_world(frame.current, vec3(r.slope, -1.0)));
    var c = vec3(0.0);
    if light.dome != 0u {
        c = 0.2820948 * light.ambient[0].xyz;
        c += 0.4886025 * (w.y * light.ambient[1].xyz + w.z * light.ambient[2].xyz + w.x * light.ambient[3].xyz);
        c += 1.0925484 * (w.x * w.y * light.ambient[4].xyz + w.y * w.z * light.ambient[5].xyz
            + w.x * w.z * light.ambient[7].xyz);
        c += 0.31539157 * (3.0 * w.z * w.z - 1.0) * light.ambient[6].xyz;
        c += 0.5462742 * (w.x * w.x - w.y * w.y) * light.ambient[8].xyz;
        c = max(c, vec3(0.0));
    } else {
        let horizon = vec3(0.62, 0.66, 0.70);
        if w.y >= 0.0 {
            c = mix(horizon, vec3(0.20, 0.29, 0.42), sqrt(w.y));
        } else {
            c = mix(horizon, vec3(0.26, 0.25, 0.24), min(-w.y * 6.0, 1.0));
        }
        c *= light.sky_factor;
    }
    return vec4(c * light.exposure, 1.0);
}

fn coordinates(m: Material, hit: Hit, first: u32) -> vec2<f32> {
    let uv = hit.w.x * attributes[hit.corner.x + first].uv + hit.w.y * attributes[hit.corner.y + first].uv
        + hit.w.z * attributes[hit.corner.z + first].uv;
    return mapped(m, uv);
}

// Colour of a place on a triangle, seen through a pixel.
fn surface(triangle: u32, hit: Hit, n: vec3<f32>, pixel: vec2<f32>) -> vec4<f32> {
    let instance = instances[u32(normals[hit.corner.x].w)];
    let m = materials[instance.material];
    var base = m.color.rgb;
    if (instance.flags & ATTRIBUTES) != 0u {
        let first = instance.attributes_from_vertex;
        base *= hit.w.x * attributes[hit.corner.x + first].color.rgb
            + hit.w.y * attributes[hit.corner.y + first].color.rgb
            + hit.w.z * attributes[hit.corner.z + first].color.rgb;
        if m.width > 0u && (instance.flags & MAPPED) != 0u {
            let at = coordinates(m, hit, first);
            let right = coordinates(m, meet(triangle, ray(frame.current, pixel + vec2(1.0, 0.0))), first);
            let below = coordinates(m, meet(triangle, ray(frame.current, pixel + vec2(0.0, 1.0))), first);
            let size = vec2(f32(m.width), f32(m.height));
            let c = picture(m, at, abs(across((right - at) * size, (below - at) * size)));
            base *= select(vec3(0.0), c.rgb / c.a, c.a > 1e-6);
        }
    }
    if (m.flags & LIT) == 0u {
        return vec4(base, 1.0);
    }
    let at = to_world(frame.current, hit.at);
    let normal = to_world(frame.current, n);
    var sum = irradiance(normal);
    for (var i = 0u; i < light.lamps; i++) {
        let lamp = lamps[i];
        var e = lamp_on(lamp, at, normal);
        if e > 0.0 && i == light.key {
            e *= key_lit(hit.at, n);
        }
        sum += lamp.strength * e;
    }
    return vec4(base * sum / PI * light.exposure + m.emission_cut.rgb, 1.0);
}

// Where the samples of a pixel stand, from its corner: the pattern that every adapter has for four.
const PLACES: array<vec2<f32>, 4> = array<vec2<f32>, 4>(
    vec2<f32>(0.375, 0.125),
    vec2<f32>(0.875, 0.375),
    vec2<f32>(0.125, 0.625),
    vec2<f32>(0.625, 0.875),
);

// The mean over the centre and the four samples; each triangle is shaded once, at the centre where it is seen there,
// else in the middle of its samples.
fn color(texel: vec2<u32>, pixel: vec2<f32>, seen: u32, hit: Hit, n: vec3<f32>) -> vec4<f32> {
    var places = PLACES;
    var ids: array<u32, 4>;
    var same = 1u;
    for (var s = 0u; s < 4u; s++) {
        ids[s] = number(textureLoad(sample_ids, texel, s));
        same += select(0u, 1u, ids[s] == seen);
    }
    var sum = vec4(0.0);
    if seen == 0u {
        sum = sky(pixel) * f32(same);
    } else {
        sum = surface(seen - 1u, hit, n, pixel) * f32(same);
    }
    if same == 5u {
        return sum * 0.2;
    }
    var done = 0u;
    for (var s = 0u; s < 4u; s++) {
        let mine = ids[s];
        if mine == seen || (done & (1u << s)) != 0u {
            continue;
        }
        var count = 0.0;
        var middle = vec2(0.0);
        for (var o = s; o < 4u; o++) {
            if ids[o] == mine {
                done |= 1u << o;
                count += 1.0;
                middle += places[o];
            }
        }
        if mine == 0u {
            sum += sky(pixel) * count;
        } else {
            let at = vec2<f32>(texel) + middle / count;
            let there = meet(mine - 1u, ray(frame.current, at));
            sum += surface(mine - 1u, there, normal_at(there), at) * count;
        }
    }
    return sum * 0.2;
}
