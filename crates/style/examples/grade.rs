//! Grades pictures to the colours of others: `grade FROM.. --to STYLE_PICTURES.. OUT.png [--cube OUT.cube]`.
//! Of several pictures, OUT.png becomes OUT-1.png, OUT-2.png, …

use std::path::{Path, PathBuf};

use heirloom_picture::{color, measure::View, photo};
use heirloom_style::grade::{ClipGrade, FitOptions, Grade, Samples, grade_still};

fn samples(paths: &[String]) -> Result<Samples, Box<dyn std::error::Error>> {
    let mut each = Vec::new();
    for path in paths {
        let image = photo::read(Path::new(path))?.image;
        let codes = color::to_display8(&image);
        let view = View::new(&codes, image.width(), image.height()).ok_or("an empty picture")?;
        each.push(Samples::of(&view));
    }
    Ok(Samples::merged(&each))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let usage = "grade FROM.. --to STYLE_PICTURES.. OUT.png [--cube OUT.cube]";
    let mut cube = None;
    if let Some(at) = words.iter().position(|w| w == "--cube") {
        cube = words.get(at + 1).cloned();
        words.truncate(at);
    }
    let at = words.iter().position(|w| w == "--to").ok_or(usage)?;
    let out = PathBuf::from(words.pop().ok_or(usage)?);
    if at == 0 || words.len() < at + 2 {
        return Err(usage.into());
    }
    let (from, to) = (&words[..at], &words[at + 1..]);
    let grade = Grade::fit(&samples(from)?, &samples(to)?, &FitOptions::default());
    if let Some(cube) = cube {
        grade.lut().write_cube(Path::new(&cube))?;
    }
    for (n, input) in from.iter().enumerate() {
        let stem = out.file_stem().unwrap_or_default().to_string_lossy();
        let path = if from.len() == 1 {
            out.clone()
        } else {
            out.with_file_name(format!("{stem}-{}.png", n + 1))
        };
        grade_still(
            Path::new(input),
            &path,
            &ClipGrade {
                grade: &grade,
                strength: 1.0,
                skin: None,
            },
        )?;
    }
    Ok(())
}
