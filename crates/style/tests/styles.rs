//! Styles kept, found again, blended; and what may not go into one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use heirloom_archive::{AddOptions, Archive, Source};
use heirloom_picture::{color, oklab, png};
use heirloom_style::make::MakeOptions;
use heirloom_style::style::{StyleError, Styles};
use heirloom_vault::{Actor, Filter, Vault, Verb};
use jiff::civil::{Date, date};
use tempfile::TempDir;

const TODAY: Date = date(2026, 11, 26);

/// A picture of waves in one tint: no two kinds look alike.
fn picture(path: &Path, tint: [f32; 3], kind: u32) {
    let (width, height) = (160_u32, 120_u32);
    let codes: Vec<[u8; 3]> = (0..width * height)
        .map(|n| {
            let (x, y) = ((n % width) as f32, (n / width) as f32);
            let k = kind as f32 + 1.0;
            let wave = 0.5 + 0.3 * (x * 0.07 * k).sin() + 0.2 * (y * 0.11 + x * 0.03 * k).cos();
            tint.map(|t| (255.0 * t * wave.clamp(0.0, 1.0)) as u8)
        })
        .collect();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    png::write8(path, &codes, width, height).unwrap();
}

struct Film {
    folder: TempDir,
    vault: Vault,
}

impl Film {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..6 {
            picture(&folder.path().join(format!("warm/w{n}.png")), [1.0, 0.75, 0.5], n);
            picture(
                &folder.path().join(format!("cold/c{n}.png")),
                [0.5, 0.7, 1.0],
                n + 7,
            );
        }
        let vault = Vault::create(&folder.path().join("vault")).unwrap();
        let film = Self { folder, vault };
        film.add("warm");
        film.add("cold");
        film
    }

    fn add(&self, name: &str) {
        let options = AddOptions {
            owner: Some("Robin".into()),
            rights: Some("own work".into()),
            ..AddOptions::default()
        };
        Archive::new(&self.vault)
            .add(&[self.folder.path().join(name)], &options, &())
            .unwrap();
    }

    fn sources(&self, folder: &str) -> Vec<Source> {
        let all = Archive::new(&self.vault).sources().unwrap();
        all.into_iter().filter(|source| source.folder == folder).collect()
    }

    fn styles(&self) -> Styles<'_> {
        Styles::new(&self.vault)
    }

    fn options(&self) -> MakeOptions {
        let mut options = MakeOptions::new(TODAY);
        options.exemplars = 4;
        // Coarse tables, so that the test is quick.
        options.fit.size = 17;
        options
    }
}

/// Where a grade sends middle grey, in OKLab.
fn grey(styles: &Styles<'_>, held: &heirloom_style::style::Held) -> [f64; 3] {
    let grade = styles.grade(&held.style).unwrap();
    oklab::from_linear(grade.lut().sample([0.5; 3]).map(color::srgb_decode))
}

#[test]
fn a_style_is_kept_by_version_and_found_again() {
    let film = Film::new();
    let styles = film.styles();
    let warm = film.sources("warm");
    let first = styles
        .make("father", "folder:warm", &warm, &film.options(), &())
        .unwrap()
        .held;
    assert_eq!((first.style.version, first.style.sources.len()), (1, 6));
    assert_eq!(first.style.exemplars.len(), 4);
    assert!(grey(&styles, &first)[2] > 0.02, "warm sources give a warm grade");
    let again = styles
        .make("father", "folder:warm", &warm[..3], &film.options(), &())
        .unwrap()
        .held;
    assert_eq!((again.style.version, again.style.before), (2, Some(first.id)));
    assert_eq!(styles.get("father").unwrap(), again);
    assert_eq!(styles.get("father@1").unwrap(), first);
    assert_eq!(styles.all().unwrap(), std::slice::from_ref(&again));
    assert!(matches!(
        styles.get("father@3"),
        Err(StyleError::NoVersion { last: 2, .. })
    ));
    let Err(StyleError::NotFound { near, .. }) = styles.get("mother") else {
        panic!("there is no such style");
    };
    assert_eq!(near, ["father"]);
    for bad in ["", "a//b", "a@b", "../x", "a\nb"] {
        let made = styles.make(bad, "", &warm, &film.options(), &());
        assert!(matches!(made, Err(StyleError::BadName(_))), "{bad:?}");
    }
    // Each source of it, and the style itself, stand in the ledger, so a revocation reaches it.
    let touched = film.vault.ledger().touched_by([warm[0].object]).unwrap();
    assert_eq!(touched.objects("style"), [first.id, again.id].into());
}

#[test]
fn the_same_sources_give_the_same_style() {
    let film = Film::new();
    let mut sources = film.sources("warm");
    let one = film
        .styles()
        .make("a", "x", &sources, &film.options(), &())
        .unwrap()
        .held
        .style;
    sources.reverse();
    let other = film
        .styles()
        .make("b", "x", &sources, &film.options(), &())
        .unwrap()
        .held
        .style;
    assert_eq!(one.exemplars, other.exemplars);
    assert_eq!(one.sources, other.sources);
    assert_eq!(one.texture, other.texture);
    // The title alone is not the same.
    let cube = |style: &heirloom_style::style::Style| {
        let text = String::from_utf8(film.vault.read(&style.grade).unwrap()).unwrap();
        text.lines()
            .skip_while(|line| line.starts_with("TITLE"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(cube(&one), cube(&other));
}

#[test]
fn what_may_not_be_used_goes_into_no_style() {
    let film = Film::new();
    let warm = film.sources("warm");
    film.vault
        .ledger()
        .revoke(&warm[0].object, Actor::person("Robin"), Some("private".into()))
        .unwrap();
    let warm = film.sources("warm");
    let made = film
        .styles()
        .make("father", "x", &warm, &film.options(), &())
        .unwrap();
    assert_eq!(made.held.style.sources.len(), 5);
    assert!(!made.held.style.sources.contains(&warm[0].object));
    assert_eq!(made.forbidden.len(), 1);
    assert!(made.forbidden[0].1.to_string().contains("private"));
    let none = film
        .styles()
        .make("father", "x", &warm[..1], &film.options(), &());
    let Err(StyleError::NoSources(why)) = none else {
        panic!("nothing is left to make it from");
    };
    assert!(
        why.contains("archive:warm/w0") && why.contains("private"),
        "{why}"
    );
    assert_eq!(
        film.vault
            .ledger()
            .acts(&Filter::verb(Verb::Styled))
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn an_arc_goes_from_one_style_to_the_other_step_by_step() {
    let film = Film::new();
    let styles = film.styles();
    let warm = styles
        .make("father/day", "x", &film.sources("warm"), &film.options(), &())
        .unwrap()
        .held;
    let cold = styles
        .make("father/night", "x", &film.sources("cold"), &film.options(), &())
        .unwrap()
        .held;
    let ends = [grey(&styles, &warm)[2], grey(&styles, &cold)[2]];
    assert!(ends[0] > ends[1] + 0.03, "{ends:?}");
    let mut last = ends[0] + 1e-6;
    for step in 0..=4 {
        let at = f64::from(step) / 4.0;
        let by = Actor::person("Robin");
        let held = styles.blend("father/dusk", &warm, &cold, at, by).unwrap();
        let b = grey(&styles, &held)[2];
        assert!(b <= last + 1e-4, "{step}: {b} after {last}");
        assert!(
            (b - (ends[0] + (ends[1] - ends[0]) * at)).abs() < 0.01,
            "{step}: {b}"
        );
        last = b;
        let of_cold = held
            .style
            .exemplars
            .iter()
            .filter(|e| cold.style.exemplars.contains(e))
            .count();
        assert_eq!(of_cold, step as usize);
        assert_eq!(held.style.blend.unwrap().at, at);
    }
    let touched = film
        .vault
        .ledger()
        .touched_by([film.sources("cold")[0].object])
        .unwrap();
    assert_eq!(
        touched.objects("style").len(),
        6,
        "the night and every blend with it"
    );
}

#[test]
fn exemplars_cover_and_leave_out_copies() {
    let film = Film::new();
    // Each picture a second time, a little smaller and as a file of its own: no exemplar twice.
    let folder = film.folder.path().join("copies");
    std::fs::create_dir_all(&folder).unwrap();
    for n in 0..6 {
        let photo =
            heirloom_picture::photo::read(&film.folder.path().join(format!("warm/w{n}.png"))).unwrap();
        let small = heirloom_picture::resample::scale_to(&photo.image, 140, 105);
        png::write8(
            &folder.join(format!("copy{n}.png")),
            &color::to_display8(&small),
            140,
            105,
        )
        .unwrap();
    }
    film.add("copies");
    let mut both = film.sources("warm");
    both.extend(film.sources("copies"));
    let mut options = film.options();
    options.exemplars = 12;
    let made = film
        .styles()
        .make("father", "x", &both, &options, &())
        .unwrap()
        .held
        .style;
    let name = |object| {
        let source = both.iter().find(|s| s.object == object).unwrap();
        source
            .stem
            .trim_start_matches("copy")
            .trim_start_matches('w')
            .to_owned()
    };
    let mut names: Vec<String> = made.exemplars.iter().map(|e| name(*e)).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "a copy beside its original: {names:?}");
    assert!(all >= 4, "{names:?}");
}
