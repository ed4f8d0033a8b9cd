//! USD scenes that are not as they should be: one clear error or a named warning each, and never a crash.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end at the first thing wrong"
)]

mod made;

use std::fs;

use heirloom_stage::read::{self as stage, Memory, ReadError, ReadOptions};
use made::{data, read, read_with, warned};

#[test]
fn a_usdc_and_a_usdz_cut_anywhere_are_errors() {
    let whole = fs::read(data("moving.usdc")).unwrap();
    for length in (1..whole.len()).step_by(97) {
        assert!(
            read(&whole[..length], "cut.usdc").is_err(),
            "{length} of {} bytes",
            whole.len()
        );
    }
}

fn usda(body: &str) -> Result<heirloom_stage::scene::Scene, ReadError> {
    read(format!("#usda 1.0\n{body}").as_bytes(), "made.usda")
}

#[test]
fn usd_text_that_goes_wrong() {
    for (body, said) in [
        ("def Xform \"a\" {", "cut short"),
        (
            "def Mesh \"a\" { int[] faceVertexCounts = [3] int[] faceVertexIndices = [0, 1] }",
            "corners",
        ),
        (
            "def Mesh \"a\" { int[] faceVertexCounts = [3] int[] faceVertexIndices = [0, 1, 9] point3f[] points = [(0,0,0)] }",
            "corner at point 1,",
        ),
        ("def Mesh \"a\" { int[] faceVertexCounts = [-3] }", "negative"),
        ("def Mesh \"a\" { point3f[] points = [(0, inf, 0)] }", "infinite"),
        (
            "def Xform \"a\" { double3 xformOp:translate = (0, nan, 0) uniform token[] xformOpOrder = [\"xformOp:translate\"] }",
            "made.usda",
        ),
        ("def Camera \"a\" { float focalLength = 0 }", "lens"),
    ] {
        let error = usda(body).expect_err(body).to_string();
        assert!(
            error.contains(said) && error.contains("made.usda"),
            "{body}: {error}"
        );
    }
}

#[test]
fn usd_text_that_is_nested_without_end() {
    let deep = "def Xform \"a\" {".repeat(5000) + &"}".repeat(5000);
    assert!(usda(&deep).unwrap_err().to_string().contains("deeper than 256"));
    let brackets = format!(
        "def Xform \"a\" {{ custom int[] x = {}{} }}",
        "[".repeat(9999),
        "]".repeat(9999)
    );
    assert!(
        usda(&brackets)
            .unwrap_err()
            .to_string()
            .contains("deeper than 256")
    );
    // Brackets in strings and remarks are none.
    let text = format!(
        "# {}\ndef Xform \"a\" (doc = \"{}\") {{}}",
        "{".repeat(500),
        "[".repeat(500)
    );
    assert!(usda(&text).is_ok());
}

/// The fuzzer changed one letter of an operation's name, and the reader walked up from it for ever: at such a path the
/// `openusd` crate finds itself as its own parent.
#[test]
fn usd_names_that_are_none() {
    for name in [
        "xformOp:tran#late.x",
        "xformOp:a/b.c",
        "xformOp:..",
        "xformOp:{a=b}.c",
        "!invert!xformOp:\u{1}.y",
    ] {
        let body = format!("def Xform \"a\" {{ uniform token[] xformOpOrder = [\"{name}\"] }}");
        let scene = usda(&body).unwrap();
        assert!(
            warned(&scene, "/a", "not carried"),
            "{name}: {:?}",
            scene.warnings
        );
    }
    for name in ["..", "a/../b", ".", "a.b", "a{b=c}", "#", "a b"] {
        match usda(&format!("def Xform \"{name}\" {{ def Cube \"c\" {{}} }}")) {
            Ok(scene) => assert!(
                scene.warnings.iter().any(|w| w.what.contains("no name")),
                "{name}"
            ),
            Err(error) => assert!(error.to_string().contains("made.usda"), "{name}: {error}"),
        }
    }
    for target in ["../a", "", "/a/..", "/a#.b", "/{x=y}"] {
        let body = format!("def Cube \"a\" {{ rel material:binding = <{target}> }}");
        match usda(&body) {
            Ok(scene) => assert_eq!(scene.meshes.len(), 1, "{target}"),
            Err(error) => assert!(error.to_string().contains("made.usda"), "{target}: {error}"),
        }
    }
}

#[test]
fn usd_references_that_go_round_or_grow() {
    for body in [
        "def Xform \"a\" (references = </b>) {}\ndef Xform \"b\" (references = </a>) { def Cube \"c\" {} }",
        "def Xform \"a\" { def Xform \"b\" (references = </a>) {} }",
        // At this one the reader's composition called itself until the stack was full.
        "class \"a\" (inherits = </b>) { def \"c\" {} }\nclass \"b\" (inherits = </b>) { def \"c\" {} }",
        "def \"a\" ( variants = { string v = \"x\" } prepend variantSets = \"v\" ) {
            variantSet \"v\" = { \"x\" (references = </a>) { } } }",
    ] {
        assert!(
            usda(body).unwrap_err().to_string().contains("refers to itself"),
            "{body}"
        );
    }
    // The same by another word: what inherits nothing is taken for what inherits itself.
    assert!(usda("class \"a\" (inherits = <>) { def \"c\" {} }").is_err());
    assert!(usda("class \"a\" (specializes = <>) {}").is_err());
    let itself = "#usda 1.0\n( defaultPrim = \"a\" )\ndef \"a\" (references = <>) {}";
    assert!(read(itself.as_bytes(), "made.usda").is_err());
    // The same in a layer beside it: that one is left out.
    let files = Memory::default().with("b.usda", "#usda 1.0\nclass \"b\" (inherits = </b>) {}");
    let text = "#usda 1.0\ndef \"a\" (references = @b.usda@</b>) {}\ndef Cube \"c\" {}";
    let scene = read_with(text.as_bytes(), "made.usda", &files).unwrap();
    assert!(
        warned(&scene, "b.usda", "refers to itself") && scene.meshes.len() == 1,
        "{:?}",
        scene.warnings
    );
    // Two that refer to each other.
    let files = Memory::default().with(
        "b.usda",
        "#usda 1.0\ndef \"b\" (references = @made.usda@</a>) { def Cube \"d\" {} }",
    );
    let text = "#usda 1.0\ndef \"a\" (references = @b.usda@</b>) {}\n";
    let files = files.with("made.usda", text);
    let scene = read_with(text.as_bytes(), "made.usda", &files).unwrap();
    assert!(warned(&scene, "composition", "left out"), "{:?}", scene.warnings);
    // Twelve prims with twice two references each: only 26 prims, and the reader's composition took over a minute.
    let mut body = String::new();
    for i in 0..12 {
        let b = i + 1;
        for name in ["p", "q"] {
            body += &format!("def \"{name}{i}\" (references = [</p{b}>, </q{b}>]) {{}}\n");
        }
    }
    body += "def \"p12\" {}\ndef \"q12\" {}";
    assert!(
        usda(&body)
            .unwrap_err()
            .to_string()
            .contains("stands for too many others")
    );
    // A crowd of one thing is no such thing.
    let mut body = String::from("def Xform \"one\" { def Cube \"c\" {} }\n");
    for i in 0..300 {
        body += &format!("def \"copy{i}\" (references = </one>) {{}}\n");
    }
    assert_eq!(usda(&body).unwrap().meshes.len(), 301);
    // Thirty prims that each refer twice to the next would be a thousand million.
    let mut body = String::new();
    for i in 0..30 {
        let (a, b) = (i, i + 1);
        body += &format!(
            "def \"p{a}\" {{ def \"x\" (references = </p{b}>) {{}} def \"y\" (references = </p{b}>) {{}} }}\n"
        );
    }
    body += "def \"p30\" {}";
    assert!(
        usda(&body)
            .unwrap_err()
            .to_string()
            .contains("stands for too many others")
    );
    let mut body = String::new();
    for i in 0..30 {
        let (a, b) = (i, i + 1);
        body += &format!(
            "def \"p{a}\" (references = [</p{b}>, </q{b}>]) {{}}\ndef \"q{a}\" (references = [</p{b}>, </q{b}>]) {{}}\n"
        );
    }
    body += "def \"p30\" {}\ndef \"q30\" {}";
    assert!(
        usda(&body)
            .unwrap_err()
            .to_string()
            .contains("stands for too many others")
    );
}

#[test]
fn usd_layers_outside_or_missing_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("scene");
    fs::create_dir(&inner).unwrap();
    fs::write(folder.path().join("out.usda"), "#usda 1.0\ndef Cube \"c\" {}").unwrap();
    let body = "#usda 1.0\n(\n subLayers = [@../out.usda@, @gone.usda@, @bad.usda@]\n)\n\
        def Xform \"a\" (references = @/etc/passwd@</a>) {}\ndef Xform \"b\" (payload = @x.abc@</a>) {}\n";
    fs::write(inner.join("made.usda"), body).unwrap();
    fs::write(inner.join("bad.usda"), "#usda 1.0\ndef Cube \"c\" {").unwrap();
    let scene = stage::read(&inner.join("made.usda"), &ReadOptions::default()).unwrap();
    assert!(scene.meshes.is_empty(), "nothing of it may come in");
    assert!(
        warned(&scene, "../out.usda", "outside the scene's folder"),
        "{:?}",
        scene.warnings
    );
    assert!(warned(&scene, "/etc/passwd", "outside the scene's folder"));
    assert!(warned(&scene, "gone.usda", "no such file"));
    assert!(warned(&scene, "bad.usda", "damaged"));
    // What is named once is not named again by what composition makes of it.
    assert_eq!(scene.warnings.len(), 4 + 1 + 2, "{:?}", scene.warnings);
    assert!(warned(&scene, "composition", "x.abc"));
}

#[test]
fn packages_that_go_wrong() {
    let said = |bytes: &[u8]| read(bytes, "made.usdz").unwrap_err().to_string();
    assert!(said(b"PK\x03\x04").contains("no directory"));
    let mut empty = b"PK\x05\x06".to_vec();
    empty.resize(22, 0);
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend(&empty);
    assert!(said(&bytes).contains("empty"));
    bytes[4 + 10] = 9;
    assert!(said(&bytes).contains("cut short"));
}
