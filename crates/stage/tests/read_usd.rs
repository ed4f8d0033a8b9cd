//! OpenUSD: what a file says, and what comes of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end at the first thing wrong"
)]

mod made;

use std::fs;

use glam::DVec3;
use heirloom_stage::pose::Pose;
use heirloom_stage::posed::{Cast, Posed};
use heirloom_stage::read::{self as stage, Memory, ReadOptions};
use heirloom_stage::scene::{AlphaMode, Fit, LightKind, Placement, Scene, Wrap};
use heirloom_stage::summary::summary;
use made::{data, near, png, read, read_with, warned};

const METRES: &str = "( metersPerUnit = 1 upAxis = \"Y\" )";

/// A text layer in metres with y up.
fn usda(body: &str) -> Scene {
    let text = format!("#usda 1.0\n{METRES}\n{body}");
    read(text.as_bytes(), "made.usda").unwrap_or_else(|e| panic!("{e}\n{body}"))
}

fn node(scene: &Scene, name: &str) -> usize {
    let names: Vec<&str> = scene.nodes.iter().map(|n| n.name.as_str()).collect();
    names
        .iter()
        .position(|n| *n == name)
        .unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

fn place(scene: &Scene, name: &str, time_s: f64) -> DVec3 {
    Pose::of(scene, time_s).world[node(scene, name)].w_axis.truncate()
}

/// What the named object takes up of the world at the start.
fn bounds(scene: &Scene, object: &str) -> [DVec3; 2] {
    let cast = Cast::of(scene).unwrap();
    let posed = Posed::at(scene, &cast, 0.0);
    let (mut low, mut high) = (DVec3::INFINITY, DVec3::NEG_INFINITY);
    for (instance, placed) in cast.instances.iter().zip(&posed.placed) {
        if cast.names[&instance.object] == object {
            for p in placed.positions.iter() {
                let world = placed
                    .world_from_local
                    .transform_point3(DVec3::from_array(p.map(f64::from)));
                (low, high) = (low.min(world), high.max(world));
            }
        }
    }
    [low, high]
}

#[test]
fn units_and_the_upper_side_are_made_ours() {
    let body = "def Xform \"a\" { double3 xformOp:translate = (100, 200, 300)
        uniform token[] xformOpOrder = [\"xformOp:translate\"]
        def Cube \"c\" { double size = 50 } }";
    let text = format!("#usda 1.0\n( metersPerUnit = 0.01 upAxis = \"Z\" )\n{body}");
    let scene = read(text.as_bytes(), "made.usda").unwrap();
    assert!(place(&scene, "a", 0.0).distance(DVec3::new(1.0, 3.0, -2.0)) < 1e-9);
    let [low, high] = bounds(&scene, "c");
    assert!(
        low.distance(DVec3::new(0.75, 2.75, -2.25)) < 1e-6
            && high.distance(DVec3::new(1.25, 3.25, -1.75)) < 1e-6
    );
    // Centimetres where a file says nothing.
    let scene = read(format!("#usda 1.0\n{body}").as_bytes(), "made.usda").unwrap();
    assert!(place(&scene, "a", 0.0).distance(DVec3::new(1.0, 2.0, 3.0)) < 1e-9);
}

#[test]
fn operations_are_done_in_their_order() {
    let scene = usda(
        "def Xform \"a\" {
            double3 xformOp:translate = (1, 0, 0)
            double3 xformOp:translate:pivot = (0, 2, 0)
            float xformOp:rotateZ = 90
            float3 xformOp:scale = (2, 2, 2)
            uniform token[] xformOpOrder = [\"xformOp:translate\", \"xformOp:translate:pivot\", \"xformOp:rotateZ\",
                \"!invert!xformOp:translate:pivot\", \"xformOp:scale\"]
            def Xform \"b\" { double3 xformOp:translate = (3, 0, 0)
                uniform token[] xformOpOrder = [\"xformOp:translate\"] }
            def Xform \"alone\" { double3 xformOp:translate = (7, 0, 0)
                uniform token[] xformOpOrder = [\"!resetXformStack!\", \"xformOp:translate\"] }
        }
        def Xform \"m\" { matrix4d xformOp:transform = ((0, 1, 0, 0), (-1, 0, 0, 0), (0, 0, 1, 0), (5, 6, 7, 1))
            uniform token[] xformOpOrder = [\"xformOp:transform\"]
            def Xform \"n\" { double3 xformOp:translate = (1, 0, 0)
                uniform token[] xformOpOrder = [\"xformOp:translate\"] } }",
    );
    // (3, 0) doubled is (6, 0); turned about (0, 2) it is (2, 8); moved, (3, 8).
    assert!(
        place(&scene, "b", 0.0).distance(DVec3::new(3.0, 8.0, 0.0)) < 1e-9,
        "{}",
        place(&scene, "b", 0.0)
    );
    assert_eq!(place(&scene, "alone", 0.0), DVec3::new(7.0, 0.0, 0.0));
    assert!(place(&scene, "n", 0.0).distance(DVec3::new(5.0, 7.0, 7.0)) < 1e-9);
}

#[test]
fn turns_about_three_axes_go_in_the_order_of_their_name() {
    let turned = |op: &str| {
        let scene = usda(&format!(
            "def Xform \"a\" {{ float3 xformOp:{op} = (90, 90, 0) uniform token[] xformOpOrder = [\"xformOp:{op}\"]
                def Xform \"p\" {{ double3 xformOp:translate = (0, 0, 1)
                    uniform token[] xformOpOrder = [\"xformOp:translate\"] }} }}"
        ));
        place(&scene, "p", 0.0)
    };
    // About x first: z goes to -y, which y leaves alone. About y first: z goes to x, which x leaves alone.
    assert!(turned("rotateXYZ").distance(DVec3::new(0.0, -1.0, 0.0)) < 1e-9);
    assert!(turned("rotateYXZ").distance(DVec3::new(1.0, 0.0, 0.0)) < 1e-9);
}

#[test]
fn times_count_from_the_start_in_seconds() {
    let text = "#usda 1.0
        ( metersPerUnit = 1 upAxis = \"Y\" startTimeCode = 101 endTimeCode = 125 timeCodesPerSecond = 24 )
        def Xform \"a\" {
            double3 xformOp:translate.timeSamples = { 101: (0, 0, 0), 125: (6, 0, 0) }
            float xformOp:rotateY.timeSamples = { 101: 0, 125: 720 }
            uniform token[] xformOpOrder = [\"xformOp:translate\", \"xformOp:rotateY\"]
            token visibility.timeSamples = { 101: \"inherited\", 113: \"invisible\" }
            def Xform \"p\" { double3 xformOp:translate = (0, 0, 1)
                uniform token[] xformOpOrder = [\"xformOp:translate\"] }
        }";
    let scene = read(text.as_bytes(), "made.usda").unwrap();
    assert!(near(scene.duration_s, 1.0, 1e-9));
    assert!(place(&scene, "a", 0.5).distance(DVec3::new(3.0, 0.0, 0.0)) < 1e-9);
    // Two whole turns a second: a quarter turn after an eighth, where the shortest way between the two keys is none.
    assert!(matches!(scene.nodes[0].placement, Placement::Parts { .. }));
    let p = place(&scene, "p", 0.125);
    assert!(p.distance(DVec3::new(0.75 + 1.0, 0.0, 0.0)) < 2e-3, "{p}");
    assert_eq!([0.4, 0.5].map(|t| Pose::of(&scene, t).visible[1]), [true, false]);
}

#[test]
fn cameras_count_in_tenths_of_a_unit() {
    let scene = usda(
        "def Camera \"eye\" {
            float focalLength.timeSamples = { 0: 0.35, 24: 0.7 }
            float horizontalAperture = 0.36
            float verticalAperture = 0.24
            float horizontalApertureOffset = 0.05
            float2 clippingRange = (0.1, 500)
        }
        def Camera \"plan\" { token projection = \"orthographic\" float horizontalAperture = 40 float verticalAperture = 20 }",
    );
    let eye = &scene.cameras[0];
    let focal = eye.focal_mm.as_ref().unwrap();
    assert!(near(focal.at(0.0), 35.0, 1e-4) && near(focal.at(0.5), 52.5, 1e-4));
    assert!(
        near(eye.back_mm[0], 36.0, 1e-4)
            && near(eye.back_mm[1], 24.0, 1e-4)
            && near(eye.shift_mm[0], 5.0, 1e-4)
    );
    assert_eq!(eye.fit, Fit::Width);
    assert!(near(eye.clip_m[0], 0.1, 1e-6) && near(eye.clip_m[1], 500.0, 1e-6));
    // Four metres wide.
    assert!(scene.cameras[1].focal_mm.is_none() && near(scene.cameras[1].back_mm[0], 4000.0, 1e-3));
    assert_eq!(scene.camera_node(Some("plan")), Some(1));
}

#[test]
fn lights_are_counted_by_what_they_are() {
    let scene = usda(
        "def DistantLight \"sun\" { float inputs:intensity = 3 bool inputs:normalize = 1 float inputs:angle = 1 }
        def SphereLight \"ball\" { float inputs:intensity = 100 float inputs:radius = 0.5 }
        def SphereLight \"spot\" { float inputs:intensity = 8 bool inputs:normalize = 1 float inputs:exposure = 1
            float inputs:shaping:cone:angle = 40 float inputs:shaping:cone:softness = 0.25 }
        def RectLight \"panel\" { float inputs:intensity = 10 bool inputs:normalize = 1
            float inputs:width = 2 float inputs:height = 0.5 color3f inputs:color = (1, 1, 1) }
        def DiskLight \"disk\" { float intensity = 7 float radius = 2 }
        def DomeLight \"sky\" { float inputs:intensity = 0.5 asset inputs:texture:file = @sky.exr@ }",
    );
    let of = |name: &str| &scene.lights[scene.nodes[node(&scene, name)].light.unwrap()];
    let strength = |name: &str| of(name).intensity.at(0.0);
    assert!(near(strength("sun"), 3.0, 1e-9) && of("sun").kind == LightKind::Sun { angle_deg: 1.0 });
    // A ball of 100 nits looks like a disc of its radius.
    assert!(near(strength("ball"), 100.0 * std::f64::consts::PI * 0.25, 1e-6));
    assert!(near(strength("spot"), 8.0 * 2.0 / 4.0, 1e-6));
    match of("spot").kind {
        LightKind::Spot {
            inner_deg, outer_deg, ..
        } => assert_eq!((inner_deg, outer_deg), (30.0, 40.0)),
        ref other => panic!("{other:?}"),
    }
    assert!(near(strength("panel"), 10.0, 1e-9));
    assert_eq!(
        of("panel").kind,
        LightKind::Area {
            size_m: [2.0, 0.5],
            round: false
        }
    );
    assert_eq!(
        of("disk").kind,
        LightKind::Area {
            size_m: [4.0; 2],
            round: true
        }
    );
    assert!(matches!(of("sky").kind, LightKind::Dome(_)) && warned(&scene, "/sky", "picture of the sky"));
}

#[test]
fn shapes_have_their_size_and_their_front_outside() {
    let scene = usda(
        "def Cube \"cube\" { double size = 3 }
        def Sphere \"sphere\" { double radius = 2 }
        def Cylinder \"cylinder\" { double radius = 1 double height = 4 token axis = \"X\" }
        def Cone \"cone\" { double radius = 1 double height = 4 token axis = \"Y\" }
        def Capsule \"capsule\" { double radius = 1 double height = 2 }
        def Plane \"plane\" { double width = 4 double length = 6 token axis = \"Y\" }",
    );
    for (name, half) in [
        ("cube", [1.5, 1.5, 1.5]),
        ("sphere", [2.0, 2.0, 2.0]),
        ("cylinder", [2.0, 1.0, 1.0]),
        ("cone", [1.0, 2.0, 1.0]),
        ("capsule", [1.0, 1.0, 2.0]),
        ("plane", [3.0, 0.0, 2.0]),
    ] {
        let [low, high] = bounds(&scene, name);
        let half = DVec3::from_array(half);
        assert!(
            high.distance(half) < 1e-5 && low.distance(-half) < 1e-5,
            "{name}: {low} to {high}"
        );
        let mesh = &scene.meshes[scene.nodes[node(&scene, name)].mesh.unwrap()];
        for p in &mesh.primitives {
            let at = |v: u32| DVec3::from_array(p.positions[v as usize].map(f64::from));
            for &[a, b, c] in &p.triangles {
                let out = (at(b) - at(a)).cross(at(c) - at(a)).dot(at(a) + at(b) + at(c));
                assert!(
                    name == "plane" || out > 0.0,
                    "{name} has a triangle that faces in"
                );
            }
        }
    }
}

const QUADS: &str = "int[] faceVertexCounts = [4, 3] int[] faceVertexIndices = [0, 1, 2, 3, 1, 4, 2]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (2, 0, 0)] uniform token subdivisionScheme = \"none\"";

#[test]
fn faces_corners_and_points_carry_what_they_say() {
    let scene = usda(&format!(
        "def Mesh \"m\" {{ {QUADS}
            normal3f[] normals = [(0, 0, 2), (0, 1, 0)] ( interpolation = \"uniform\" )
            texCoord2f[] primvars:st = [(0, 0), (1, 0.25)] ( interpolation = \"faceVarying\" )
            int[] primvars:st:indices = [0, 0, 0, 1, 0, 0, 0]
            color3f[] primvars:displayColor = [(1, 1, 1)]
            float[] primvars:displayOpacity = [0.5]
        }}"
    ));
    let p = &scene.meshes[0].primitives[0];
    assert_eq!(p.triangles.len(), 3);
    // Points 1 and 2 are on both faces, whose normals differ: two vertices each.
    assert_eq!(p.positions.len(), 7);
    let corner = p.positions.iter().position(|q| *q == [0.0, 1.0, 0.0]).unwrap();
    assert_eq!((p.uvs[corner], p.normals[corner]), ([1.0, 0.75], [0.0, 0.0, 1.0]));
    let far = p.positions.iter().position(|q| *q == [2.0, 0.0, 0.0]).unwrap();
    assert_eq!((p.uvs[far], p.normals[far]), ([0.0, 1.0], [0.0, 1.0, 0.0]));
    assert!((p.colors[far][0] - 1.0).abs() < 1e-5 && p.colors[far][3] == 0.5);
    let material = &scene.materials[p.material.unwrap()];
    assert_eq!(
        (material.alpha, material.double_sided, material.base_color),
        (AlphaMode::Blend, false, [1.0; 4])
    );
}

#[test]
fn left_handed_holed_subdivided_and_hollow_faces() {
    let facing = |scene: &Scene| -> Vec<f32> {
        let p = &scene.meshes[0].primitives[0];
        let at = |v: u32| p.positions[v as usize];
        let z = |[a, b, c]: [[f32; 3]; 3]| (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        p.triangles.iter().map(|t| z(t.map(at))).collect()
    };
    let right = usda(&format!("def Mesh \"m\" {{ {QUADS} }}"));
    let left = usda(&format!(
        "def Mesh \"m\" {{ {QUADS} uniform token orientation = \"leftHanded\" }}"
    ));
    assert!(facing(&right).iter().all(|z| *z > 0.0) && facing(&left).iter().all(|z| *z < 0.0));
    assert!(right.meshes[0].primitives[0].normals.is_empty());
    let holed = usda(&format!("def Mesh \"m\" {{ {QUADS} int[] holeIndices = [0] }}"));
    assert_eq!(facing(&holed).len(), 1);
    let smooth = usda(&format!(
        "def Mesh \"m\" {{ {} }}",
        QUADS.replace("\"none\"", "\"catmullClark\"")
    ));
    assert!(warned(&smooth, "/m", "subdivision (catmullClark)"));
    assert_eq!(smooth.meshes[0].primitives[0].normals[0], [0.0, 0.0, 1.0]);
    // An L: a fan from its first corner would cover what is not there.
    let hollow = usda(
        "def Mesh \"m\" { int[] faceVertexCounts = [6] int[] faceVertexIndices = [0, 1, 2, 3, 4, 5]
            point3f[] points = [(2, 0, 0), (2, 1, 0), (1, 1, 0), (1, 2, 0), (0, 2, 0), (0, 0, 0)]
            uniform token subdivisionScheme = \"none\" }",
    );
    let areas = facing(&hollow);
    assert!(
        areas.iter().all(|z| *z > 0.0) && near(areas.iter().sum::<f32>().into(), 6.0, 1e-5),
        "{areas:?}"
    );
}

#[test]
fn subsets_have_materials_of_their_own() {
    let scene = usda(&format!(
        "def Xform \"w\" ( prepend apiSchemas = [\"MaterialBindingAPI\"] ) {{
            rel material:binding = </looks/red>
            def Mesh \"m\" {{ {QUADS} uniform bool doubleSided = 1
                def GeomSubset \"s\" {{ uniform token elementType = \"face\" uniform token familyName = \"materialBind\"
                    int[] indices = [1] rel material:binding = </looks/blue> }} }}
        }}
        def Scope \"looks\" {{ {} {} }}",
        look("red", "color3f inputs:diffuseColor = (1, 0, 0)", ""),
        look("blue", "color3f inputs:diffuseColor = (0, 0, 1) float inputs:opacity = 0.25", ""),
    ));
    let [quad, triangle] = &scene.meshes[0].primitives[..] else {
        panic!("{} parts", scene.meshes[0].primitives.len());
    };
    let named = |i: Option<usize>| &scene.materials[i.unwrap()];
    assert_eq!(
        (quad.triangles.len(), named(quad.material).name.as_str()),
        (2, "red")
    );
    assert_eq!(
        (triangle.triangles.len(), named(triangle.material).name.as_str()),
        (1, "blue")
    );
    assert_eq!(
        (
            named(triangle.material).alpha,
            named(triangle.material).base_color[3]
        ),
        (AlphaMode::Blend, 0.25)
    );
    assert!(named(quad.material).double_sided);
}

/// A material with a preview surface, and more shaders beside that.
fn look(name: &str, inputs: &str, more: &str) -> String {
    format!(
        "def Material \"{name}\" {{ token outputs:surface.connect = </looks/{name}/s.outputs:surface>
            def Shader \"s\" {{ uniform token info:id = \"UsdPreviewSurface\" {inputs} token outputs:surface }} {more} }}"
    )
}

#[test]
fn pictures_are_found_in_the_folder_and_in_packages() {
    let texture = "def Shader \"t\" { uniform token info:id = \"UsdUVTexture\" asset inputs:file = @./tex/red.png@
            float2 inputs:st.connect = </looks/sign/x.outputs:result> token inputs:wrapS = \"clamp\"
            token inputs:wrapT = \"repeat\" float4 inputs:scale = (0.5, 0.5, 0.5, 1) float3 outputs:rgb float outputs:a }
        def Shader \"x\" { uniform token info:id = \"UsdTransform2d\" float2 inputs:in.connect = </looks/sign/r.outputs:result>
            float2 inputs:translation = (0.25, 0) float2 inputs:scale = (2, 1) float2 outputs:result }
        def Shader \"r\" { uniform token info:id = \"UsdPrimvarReader_float2\" string inputs:varname = \"map\" float2 outputs:result }";
    let inputs = "color3f inputs:diffuseColor.connect = </looks/sign/t.outputs:rgb>
        float inputs:opacity.connect = </looks/sign/t.outputs:a> float inputs:opacityThreshold = 0.5";
    let text = format!(
        "#usda 1.0\n{METRES}\ndef Mesh \"m\" {{ {QUADS} rel material:binding = </looks/sign>
            texCoord2f[] primvars:map = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)] ( interpolation = \"vertex\" ) }}
        def Scope \"looks\" {{ {} }}",
        look("sign", inputs, texture)
    );
    let red = png(2, 2, [255, 0, 0, 255]);
    let files = Memory::default().with("tex/red.png", red.clone());
    let in_folder = read_with(text.as_bytes(), "made.usda", &files).unwrap();
    let in_package = read(
        &zip(&[("made.usda", text.as_bytes()), ("tex/red.png", &red)]),
        "made.usdz",
    )
    .unwrap();
    for scene in [&in_folder, &in_package] {
        let material = &scene.materials[0];
        assert_eq!(material.alpha, AlphaMode::Mask(0.5));
        assert!(
            material.base_color[..3].iter().all(|c| (c - 0.5).abs() < 1e-5),
            "{:?}",
            material.base_color
        );
        let used = material.base_texture.unwrap();
        assert_eq!(scene.textures[used.texture].wrap, [Wrap::Clamp, Wrap::Repeat]);
        assert_eq!(used.transform, [[2.0, 0.0, 0.25], [0.0, 1.0, 0.0]]);
        let p = &scene.meshes[0].primitives[0];
        let corner = p.positions.iter().position(|q| *q == [0.0, 1.0, 0.0]).unwrap();
        assert_eq!(
            p.uvs[corner],
            [0.0, 0.0],
            "the upper left corner is the picture's"
        );
    }
    let without = read(text.as_bytes(), "made.usda").unwrap();
    assert!(without.materials[0].base_texture.is_none() && warned(&without, "sign", "tex/red.png"));
}

/// A zip archive of files as they are.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let offset = out.len() as u32;
        let sizes = [data.len() as u32, data.len() as u32];
        let names = [name.len() as u16, 0];
        let mut head = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        head.extend(sizes.iter().flat_map(|s| s.to_le_bytes()));
        head.extend(names.iter().flat_map(|s| s.to_le_bytes()));
        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(name.as_bytes());
        out.extend(*data);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&head);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((files.len() as u16).to_le_bytes());
    out.extend((files.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

#[test]
fn layers_below_and_instances_come_in() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("parts")).unwrap();
    let part = format!(
        "#usda 1.0\n( defaultPrim = \"tree\" )\ndef Xform \"tree\" {{ def Mesh \"crown\" {{ {QUADS} rel material:binding = </tree/looks/leaf> }}
            def Scope \"looks\" {{ def Material \"leaf\" {{ token outputs:surface.connect = </tree/looks/leaf/s.outputs:surface>
                def Shader \"s\" {{ uniform token info:id = \"UsdPreviewSurface\"
                    asset inputs:unused = @x.png@ color3f inputs:diffuseColor.connect = </tree/looks/leaf/t.outputs:rgb> }}
                def Shader \"t\" {{ uniform token info:id = \"UsdUVTexture\" asset inputs:file = @../leaf.png@ }} }} }} }}"
    );
    fs::write(folder.path().join("parts/tree.usda"), part).unwrap();
    fs::write(folder.path().join("leaf.png"), png(1, 1, [0, 255, 0, 255])).unwrap();
    fs::write(
        folder.path().join("made.usda"),
        "#usda 1.0\n( metersPerUnit = 1 upAxis = \"Y\" subLayers = [@./parts/../light.usda@] )
        def Xform \"wood\" {
            def \"a\" ( instanceable = true references = @parts/tree.usda@ ) {}
            def \"b\" ( instanceable = true references = @parts/tree.usda@ ) {
                double3 xformOp:translate = (5, 0, 0) uniform token[] xformOpOrder = [\"xformOp:translate\"] }
            def \"c\" ( payload = @parts/tree.usda@ ) {}
        }",
    )
    .unwrap();
    fs::write(
        folder.path().join("light.usda"),
        "#usda 1.0\ndef DistantLight \"sun\" {}",
    )
    .unwrap();
    let scene = stage::read(&folder.path().join("made.usda"), &ReadOptions::default()).unwrap();
    assert_eq!(scene.lights.len(), 1);
    let summary = summary(&scene);
    assert_eq!((summary.objects.len(), summary.triangles), (3, 9));
    assert_eq!(scene.meshes.len(), 2, "the two instances share one mesh");
    assert_eq!(
        scene.textures.len(),
        1,
        "the picture beside the layer's folder: {:?}",
        scene.warnings
    );
    assert!(
        bounds(&scene, "b")[1].distance(DVec3::new(7.0, 1.0, 0.0)) < 1e-6,
        "{:?}",
        summary.objects
    );
}

#[test]
fn what_is_not_carried_is_named() {
    let scene = usda(
        "def BasisCurves \"hair\" {}
        def BasisCurves \"grass\" {}
        def Cube \"help\" { uniform token purpose = \"guide\" }
        def Cube \"off\" ( active = false ) {}
        class Cube \"idea\" {}
        def Material \"odd\" { }
        def Cube \"c\" { rel material:binding = </odd> }",
    );
    assert!(warned(&scene, "BasisCurves", "2 are left out"));
    assert!(
        warned(&scene, "/help", "purpose is `guide`") && warned(&scene, "/odd", "not a UsdPreviewSurface")
    );
    assert_eq!(summary(&scene).objects, ["c"]);
}

#[test]
fn an_instancer_shows_its_prototypes_where_its_points_are() {
    let scene = usda(&format!(
        "def PointInstancer \"stones\" {{
            rel prototypes = [</stones/kinds/flat>, </stones/kinds/round>]
            int[] protoIndices = [1, 0, 1, 7]
            point3f[] positions = [(5, 0, 0), (0, 5, 0), (0, 0, 5), (9, 9, 9)]
            quath[] orientations = [(1, 0, 0, 0), (0.7071, 0, 0, 0.7071), (1, 0, 0, 0), (1, 0, 0, 0)]
            float3[] scales = [(2, 2, 2), (1, 1, 1), (1, 1, 1), (1, 1, 1)]
            int64[] invisibleIds = [2]
            def Scope \"kinds\" {{
                def Xform \"flat\" {{ def Mesh \"m\" {{ {QUADS} }} def Cube \"foot\" {{ double size = 0.1 }} }}
                def Sphere \"round\" {{ double radius = 1 }} }} }}"
    ));
    let names = summary(&scene).objects;
    assert_eq!(names, ["stones 2", "stones 3"], "each instance is one object");
    let [low, high] = bounds(&scene, "stones 2");
    assert!(
        low.distance(DVec3::new(3.0, -2.0, -2.0)) < 1e-5 && high.distance(DVec3::new(7.0, 2.0, 2.0)) < 1e-5
    );
    // A quarter turn about z brings x to y.
    assert!(near(bounds(&scene, "stones 3")[1].y, 7.0, 1e-3));
    assert!(warned(&scene, "/stones", "prototype 7"));
}

#[test]
fn points_that_move_are_keyed() {
    let scene = usda(
        "def Mesh \"m\" { int[] faceVertexCounts = [3] int[] faceVertexIndices = [0, 1, 2]
            point3f[] points.timeSamples = { 0: [(0, 0, 0), (1, 0, 0), (0, 1, 0)], 24: [(0, 0, 4), (1, 0, 0), (0, 1, 0)] }
            uniform token subdivisionScheme = \"none\" }",
    );
    let moving = scene.meshes[0].primitives[0].moving.as_ref().unwrap();
    assert_eq!(moving.at(0.5)[0], [0.0, 0.0, 2.0]);
    assert!(near(scene.duration_s, 1.0, 1e-9));
    assert_eq!(summary(&scene).deforming_meshes, 1);
}

#[test]
fn the_summary_reads_as_a_table() {
    let scene = stage::read(&data("moving.usdc"), &ReadOptions::default()).unwrap();
    let summary = summary(&scene);
    assert_eq!(summary.deforming_meshes, 2);
    assert!(summary.cameras[0].moves && near(summary.cameras[0].focal_mm.unwrap()[1], 70.0, 1e-3));
    let table = summary.to_string();
    for part in [
        "objects",
        "bar",
        "camera     eye, 35.0 to 70.0 mm, back 36.0 x 24.0 mm, moves",
        "length     1.000 s",
    ] {
        assert!(table.contains(part), "{part} is not in\n{table}");
    }
    assert!(
        serde_json::to_value(&summary).unwrap()["bounds_m"][1][1]
            .as_f64()
            .unwrap()
            > 1.0
    );
}
