// What the key light sees: depth alone.

// See `MapRecord` in light.rs.
struct Map {
    // From the camera's space to the light's, rows.
    row_x: vec4<f32>,
    row_y: vec4<f32>,
    row_z: vec4<f32>,
    scale: f32,
    perspective: u32,
    side: f32,
    spare: f32,
    // Nearest and farthest depth that the map tells apart.
    clip: vec2<f32>,
    spare2: vec2<f32>,
}

@group(0) @binding(0) var<uniform> map: Map;

@vertex
fn shadow(@location(0) at: vec4<f32>) -> @builtin(position) vec4<f32> {
    let p = vec4(at.xyz, 1.0);
    let x = dot(map.row_x, p);
    let y = dot(map.row_y, p);
    let depth = -dot(map.row_z, p);
    let by = 2.0 * map.scale / map.side;
    if map.perspective != 0u {
        return vec4(x * by, y * by, map.clip.x, depth);
    }
    return vec4(x * by, y * by, (map.clip.y - depth) / (map.clip.y - map.clip.x), 1.0);
}
