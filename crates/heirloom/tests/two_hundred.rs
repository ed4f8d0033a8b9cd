//! A folder of two hundred mixed photographs and a film.toml of five lines make a film; and changing one shot's
//! seed draws that shot alone again.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::path::Path;

use heirloom_picture::{color, photo, png};
use support::Film;

const FILM: &str = r#"film = { title = "Two hundred", size = [160, 90], title_frames = 0, credits_frames = 6 }
[[scene]]
name = "all"
shot = [{ name = "010", frames = 10, kind = "living", sources = ["archive:coffee-007", "archive:rocket-023"], seed = 4 },
        { name = "020", frames = 10, kind = "becoming", from = "archive:tissue-031", to = "archive:retina-002", dissolve = 3 }]
"#;

/// Crops of the demo's photographs, as PNG and as JPEG of several qualities.
fn two_hundred(folder: &Path) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/archive");
    std::fs::create_dir_all(folder).unwrap();
    let names = [
        "coffee.png",
        "rocket.jpg",
        "tissue.png",
        "retina.jpg",
        "eta-carinae.png",
    ];
    for name in names {
        let picture = photo::read(&demo.join(name)).unwrap().image;
        let codes = color::to_display8(&picture);
        let stem = name.split('.').next().unwrap();
        for n in 0..40u32 {
            let (w, h) = (120 + n * 2, 90 + (n * 7) % 60);
            let (x0, y0) = (
                (n * 53) % (picture.width() - w),
                (n * 31) % (picture.height() - h),
            );
            let crop: Vec<[u8; 3]> = (0..w * h)
                .map(|i| codes[((y0 + i / w) * picture.width() + x0 + i % w) as usize])
                .collect();
            let path = folder.join(format!("{stem} {n:03}"));
            if n % 2 == 0 {
                png::write8(&path.with_extension("png"), &crop, w, h).unwrap();
            } else {
                let quality = 60 + (n % 4) as u8 * 10;
                let encoder = jpeg_encoder::Encoder::new_file(path.with_extension("jpg"), quality).unwrap();
                let (w, h) = (w as u16, h as u16);
                encoder
                    .encode(crop.as_flattened(), w, h, jpeg_encoder::ColorType::Rgb)
                    .unwrap();
            }
        }
    }
}

#[test]
fn two_hundred_photographs_and_five_lines_make_a_film() {
    let film = Film::empty();
    std::fs::write(film.path("film.toml"), FILM).unwrap();
    two_hundred(&film.path("photographs"));
    film.run(&[
        "archive",
        "add",
        "photographs",
        "--owner",
        "A. Owner",
        "--rights",
        "own work",
    ])
    .well();
    assert_eq!(
        film.run(&["archive", "list", "--json"])
            .well()
            .out
            .matches("\"file_name\"")
            .count(),
        200
    );
    film.run(&["make", "--plain"]).well();
    assert_eq!(
        (film.acts("requested"), film.acts("drawn"), film.acts("exported")),
        (2, 2, 1)
    );
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    std::fs::write(film.path("film.toml"), toml.replace("seed = 4", "seed = 5")).unwrap();
    film.run(&["make", "--plain"]).well();
    assert_eq!(
        (film.acts("requested"), film.acts("drawn"), film.acts("exported")),
        (3, 3, 2)
    );
}
