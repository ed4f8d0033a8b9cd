// Brings every vertex into the camera's space of one time.

struct Rest {
    position: vec3<f32>,
    instance: u32,
    normal: vec3<f32>,
    spare: u32,
}

// See `Stand` in geometry.rs.
struct Stand {
    row_x: vec4<f32>,
    row_y: vec4<f32>,
    row_z: vec4<f32>,
    high: vec4<f32>,
    low: vec4<f32>,
}

struct Job {
    vertices: u32,
    // Invocations a row of the dispatch.
    stride: u32,
    spare: vec2<u32>,
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read> rest: array<Rest>;
@group(0) @binding(2) var<storage, read> stands: array<Stand>;
@group(0) @binding(3) var<storage, read_write> positions: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> normals: array<vec4<f32>>;

@compute @workgroup_size(64)
fn pose(@builtin(global_invocation_id) id: vec3<u32>) {
    let v = id.x + id.y * job.stride;
    if v >= job.vertices {
        return;
    }
    let vertex = rest[v];
    let stand = stands[vertex.instance];
    let p = (vertex.position - stand.high.xyz) - stand.low.xyz;
    let at = vec3(dot(stand.row_x.xyz, p), dot(stand.row_y.xyz, p), dot(stand.row_z.xyz, p));
    let offset = vec3(stand.row_x.w, stand.row_y.w, stand.row_z.w);
    // The last number of `low` says whether the instance is seen (1) and whether it is mirrored (2).
    positions[v] = vec4(at + offset, stand.low.w);
    // The cofactor matrix: rows are cross products of the other two.
    let n = vertex.normal;
    let turned = vec3(
        dot(cross(stand.row_y.xyz, stand.row_z.xyz), n),
        dot(cross(stand.row_z.xyz, stand.row_x.xyz), n),
        dot(cross(stand.row_x.xyz, stand.row_y.xyz), n),
    );
    // Numbers of instances stay below 2^24, so that they are whole as floats.
    normals[v] = vec4(turned, f32(vertex.instance));
}
