//! Pictures in: what comes in, what is skipped and why, and adding again.

#![allow(clippy::unwrap_used, reason = "a test may end at the first thing wrong")]

mod common;

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Film, jpeg, own_work};
use heirloom_archive::{AddError, AddOptions, AddReport, Media};
use heirloom_vault::{Clause, Progress, Use, VaultError, Verb};

#[test]
fn a_folder_of_photographs_comes_in() {
    let film = Film::new();
    film.picture("father/Eta_Carinae.png", 1);
    film.picture("father/1974/beach 2.png", 2);
    film.text("father/1974/beach 2.txt", "The beach at noon,\n  nobody there.\n");
    film.text("father/notes.txt", "for myself");
    film.text("father/list.csv", "a,b");
    film.picture("father/.hidden.png", 3);
    film.picture("father/.thumbs/small.png", 4);
    let report = film.add_with("father", &own_work()).unwrap();
    assert_eq!(report.added, ["father/1974/beach 2", "father/Eta_Carinae"]);
    assert_eq!(
        (report.skipped.len(), report.passed_over, report.declared),
        (0, 1, 2)
    );
    assert!(report.unusable.is_empty() && report.warnings.is_empty());

    let beach = film.source("archive:1974/Beach-2");
    assert_eq!(
        (beach.folder.as_str(), beach.file_name.as_str()),
        ("father/1974", "beach 2.png")
    );
    assert_eq!(
        (beach.media, beach.format.as_str(), beach.width, beach.height),
        (Media::Photograph, "PNG", 4, 3)
    );
    assert_eq!(beach.caption, "The beach at noon, nobody there.");
    assert_eq!(film.source("archive:eta-carinae").caption, "Eta Carinae");
    assert!(film.vault.read(&beach.object).is_ok());
    let today = jiff::civil::date(2026, 11, 22);
    assert_eq!(beach.standing.allows(Use::Generate, today), Ok(()));
    assert!(matches!(
        beach.standing.allows(Use::Train, today),
        Err(Clause::OutsideScope { .. })
    ));
}

#[test]
fn nothing_of_where_the_folder_lay_is_recorded() {
    let film = Film::new();
    film.picture("father/moon.png", 1);
    film.add_with("father", &own_work()).unwrap();
    let above = film
        .folder
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    for act in film
        .vault
        .ledger()
        .acts(&heirloom_vault::Filter::default())
        .unwrap()
    {
        assert!(!act.facts.to_string().contains(&above));
    }
}

#[test]
fn adding_again_adds_nothing_twice() {
    let film = Film::new();
    film.picture("father/moon.png", 1);
    film.picture("father/sea.png", 2);
    film.add_with("father", &own_work()).unwrap();
    let before = film.vault.ledger().count().unwrap();
    let report = film.add_with("father", &own_work()).unwrap();
    assert_eq!(
        report,
        AddReport {
            known: vec!["father/moon".into(), "father/sea".into()],
            ..AddReport::default()
        }
    );
    // Without a word on rights, what was declared stays declared.
    assert!(film.add("father").unwrap().unusable.is_empty());
    assert_eq!(film.vault.ledger().count().unwrap(), before);
}

#[test]
fn a_new_caption_or_name_is_recorded_without_a_second_object() {
    let film = Film::new();
    film.picture("father/moon.png", 1);
    film.add_with("father", &own_work()).unwrap();
    film.text("father/moon.txt", "Tycho, seen from the garden");
    film.picture("copies/luna.png", 1);
    assert_eq!(film.add("father").unwrap().renamed, ["father/moon"]);
    let report = film.add("copies").unwrap();
    assert_eq!(report.renamed, ["copies/luna"]);
    assert!(
        report.unusable.is_empty(),
        "it is the same picture, with the same rights"
    );
    assert_eq!(film.source("archive:moon").caption, "Tycho, seen from the garden");
    assert_eq!(
        film.source("archive:luna").object,
        film.source("archive:moon").object
    );
    assert_eq!(film.vault.size().unwrap().sources.objects, 1);
}

#[test]
fn a_file_renamed_or_painted_over_goes_by_what_it_is_now() {
    let film = Film::new();
    let old = film.picture("father/moon.png", 1);
    film.picture("father/sea.png", 2);
    film.add_with("father", &own_work()).unwrap();
    let first = film.source("archive:moon").object;
    fs::rename(&old, film.path("father/luna.png")).unwrap();
    assert_eq!(film.add("father").unwrap().renamed, ["father/luna"]);
    assert_eq!(film.names(), ["father/luna", "father/sea"]);

    film.picture("father/luna.png", 9);
    let report = film.add_with("father", &own_work()).unwrap();
    assert_eq!(report.added, ["father/luna"]);
    assert!(
        report.warnings[0].contains("is another picture now"),
        "{:?}",
        report.warnings
    );
    assert_ne!(film.source("archive:luna").object, first);
    assert!(film.vault.contains(&first), "the old picture stays in the vault");
    assert_eq!(film.names(), ["father/luna", "father/sea"]);
}

#[test]
fn what_cannot_be_read_is_skipped_and_the_others_come_in() {
    let film = Film::new();
    film.picture("mixed/good.png", 1);
    film.text("mixed/letter.jpg", "Dear Jean,");
    film.text("mixed/nothing.png", "");
    fs::write(
        film.path("mixed/phone.heic"),
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    )
    .unwrap();
    let whole = jpeg(&film.path("mixed/cut.jpg"));
    fs::write(film.path("mixed/cut.jpg"), &whole[..whole.len() / 2]).unwrap();
    let mut bomb = fs::read(film.path("mixed/good.png")).unwrap();
    bomb[16..24].copy_from_slice(&[0x00, 0x01, 0x86, 0xA0, 0x00, 0x01, 0x86, 0xA0]);
    fs::write(film.path("mixed/bomb.png"), bomb).unwrap();
    let report = film.add_with("mixed", &own_work()).unwrap();
    assert_eq!(report.added, ["mixed/good"]);
    let why = |name: &str| {
        let found = report.skipped.iter().find(|(path, _)| path.ends_with(name));
        found.map(|(_, why)| why.clone()).unwrap_or_default()
    };
    assert!(
        why("letter.jpg").contains("\"Dear Jean,\""),
        "{}",
        why("letter.jpg")
    );
    assert!(why("nothing.png").contains("empty"), "{}", why("nothing.png"));
    assert!(why("phone.heic").contains("HEIC"), "{}", why("phone.heic"));
    assert!(why("cut.jpg").contains("cut short"), "{}", why("cut.jpg"));
    assert!(!why("bomb.png").is_empty());
    assert_eq!(report.skipped.len(), 5);
    assert_eq!(film.vault.size().unwrap().sources.objects, 1);
}

#[test]
fn content_decides_and_not_the_name() {
    let film = Film::new();
    let png = film.picture("mixed/really-a.png", 1);
    fs::rename(&png, film.path("mixed/really-a.jpg")).unwrap();
    jpeg(&film.path("mixed/photo.jpg"));
    fs::rename(film.path("mixed/photo.jpg"), film.path("mixed/no-ending")).unwrap();
    let light = heirloom_picture::Image::filled(9, 7, [8.0, 1.0, 0.5, 1.0]);
    heirloom_picture::exr::write(
        &film.path("mixed/light.exr"),
        &light,
        heirloom_picture::exr::Depth::Half,
    )
    .unwrap();
    film.add_with("mixed", &own_work()).unwrap();
    let light = film.source("archive:light");
    assert_eq!(
        (light.format.as_str(), light.width, light.height),
        ("OpenEXR", 9, 7)
    );
    assert_eq!(film.source("archive:really-a").format, "PNG");
    assert_eq!(film.source("archive:no-ending").format, "JPEG");
}

#[test]
fn a_folder_that_gives_nothing_is_one_clear_error() {
    let film = Film::new();
    let message = |result: Result<AddReport, AddError>| result.unwrap_err().to_string();
    assert!(message(film.add("nowhere")).contains("nowhere does not exist: see that"));
    fs::create_dir(film.folder.path().join("empty")).unwrap();
    assert!(message(film.add("empty")).contains("empty is empty: put photographs"));
    film.text("texts/notes.md", "hello");
    assert!(message(film.add("texts")).contains("no photograph or clip that can be read in"));
    film.text("broken/one.jpg", "hello");
    let text = message(film.add("broken"));
    assert!(
        text.contains("one.jpg is not a photograph")
            && text.contains("photographs are read as JPEG, PNG, TIFF, WebP, OpenEXR and Radiance HDR"),
        "{text}"
    );
    let nothing = film.archive().add(&[], &AddOptions::default(), &());
    assert!(message(nothing).contains("nothing to add: name a folder"));
    assert_eq!(film.vault.ledger().count().unwrap(), 0);
}

#[test]
fn a_single_file_goes_by_its_folder() {
    let film = Film::new();
    film.picture("father/moon.png", 1);
    film.text(
        "father/rights.toml",
        "owner = \"Jean Doe\"\nterms = \"own work\"\n",
    );
    assert_eq!(film.add("father/moon.png").unwrap().added, ["father/moon"]);
    assert_eq!(film.add("father").unwrap().known, ["father/moon"]);
    assert_eq!(
        film.source("archive:father/moon").standing.rights.unwrap().owner,
        "Jean Doe"
    );
}

#[test]
fn folders_of_one_name_are_told_apart() {
    let film = Film::new();
    film.picture("one/father/moon.png", 1);
    film.picture("two/father/moon.png", 2);
    let given = ["one/father", "two/father"].map(|path| film.folder.path().join(path));
    let report = film.archive().add(&given, &own_work(), &()).unwrap();
    assert_eq!(report.added, ["one/father/moon", "two/father/moon"]);
    assert!(report.warnings.is_empty());
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere_outside() {
    use std::os::unix::fs::symlink;
    let film = Film::new();
    film.picture("elsewhere/secret.png", 1);
    film.picture("father/moon.png", 2);
    let at = |path: &str| film.folder.path().join(path);
    symlink(at("elsewhere/secret.png"), at("father/secret.png")).unwrap();
    symlink(at("elsewhere"), at("father/all")).unwrap();
    symlink(at("father/moon.png"), at("father/luna.png")).unwrap();
    symlink(at("father"), at("father/round")).unwrap();
    symlink(at("gone.png"), at("father/gone.png")).unwrap();
    let report = film.add_with("father", &own_work()).unwrap();
    assert_eq!(film.names(), ["father/luna", "father/moon"]);
    let skipped: Vec<_> = report
        .skipped
        .iter()
        .map(|(path, _)| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(skipped, ["all", "gone.png", "secret.png"]);
    assert!(report.skipped[0].1.contains("link to outside the folder"));
}

#[test]
fn adding_tells_its_progress_stops_when_asked_and_goes_on() {
    #[derive(Default)]
    struct Watch {
        total: AtomicU64,
        done: AtomicU64,
        stop_after: Option<u64>,
    }
    impl Progress for Watch {
        fn begin(&self, _what: &str, total: Option<u64>) {
            self.total.store(total.unwrap(), Ordering::Relaxed);
        }
        fn advance(&self, units: u64) {
            self.done.fetch_add(units, Ordering::Relaxed);
        }
        fn stopped(&self) -> bool {
            self.stop_after
                .is_some_and(|after| self.done.load(Ordering::Relaxed) >= after)
        }
    }
    let film = Film::new();
    (0..300).for_each(|n| drop(film.picture(&format!("father/{n:03}.png"), n)));
    let add = |watch: &Watch| {
        film.archive()
            .add(&[film.folder.path().join("father")], &own_work(), watch)
    };
    let watch = Watch {
        stop_after: Some(200),
        ..Watch::default()
    };
    assert!(matches!(add(&watch), Err(AddError::Vault(VaultError::Stopped))));
    let there = film.names().len();
    assert!((1..300).contains(&there), "{there}");

    let watch = Watch::default();
    let report = add(&watch).unwrap();
    assert_eq!((report.known.len(), report.added.len()), (there, 300 - there));
    assert_eq!((watch.total.into_inner(), watch.done.into_inner()), (300, 300));
    assert_eq!(film.acts(Verb::Ingested).len(), 300);
    assert_eq!(film.acts(Verb::Declared).len(), 300);
    assert!(film.vault.verify(&()).unwrap().is_sound());
}

/// A clip needs ffmpeg; where it is missing there is nothing to test with but its absence.
#[test]
fn clips_come_in_beside_photographs() {
    use std::process::Command;
    let film = Film::new();
    film.picture("plates/still.png", 1);
    let clip = film.path("plates/walk 01.mp4");
    let input = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=64x48:rate=24000/1001:duration=1",
        "-pix_fmt",
        "yuv420p",
    ];
    let made = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(input)
        .arg(&clip)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        fs::write(&clip, b"\0\0\0\x18ftypisom\0\0\0\0isom").unwrap();
        let report = film.add_with("plates", &own_work()).unwrap();
        assert_eq!((report.added.len(), report.skipped.len()), (1, 1));
        return;
    }
    fs::write(film.path("plates/cut.mov"), &fs::read(&clip).unwrap()[..200]).unwrap();
    let report = film.add_with("plates", &own_work()).unwrap();
    assert_eq!(report.added, ["plates/still", "plates/walk 01"]);
    assert!(
        report.skipped.len() == 1 && report.skipped[0].1.contains("cut.mov"),
        "{:?}",
        report.skipped
    );
    let clip = film.source("archive:walk-01");
    assert_eq!((clip.media, clip.width, clip.height), (Media::Clip, 64, 48));
    assert_eq!(clip.rate.unwrap().to_string(), "24000/1001");
    assert!(
        clip.frames.is_some_and(|frames| (23..=24).contains(&frames)),
        "{:?}",
        clip.frames
    );
    assert_eq!(film.add("plates").unwrap().known.len(), 2);
}

#[test]
fn clips_of_many_kinds_are_known_by_content_and_looked_at() {
    use std::process::Command;
    let film = Film::new();
    let make = |name: &str, more: &[&str]| {
        let made = Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                "testsrc=size=96x64:rate=25:duration=1",
            ])
            .args(["-pix_fmt", "yuv420p"])
            .args(more)
            .arg(film.path(&format!("plates/{name}")))
            .status();
        made.is_ok_and(|status| status.success())
    };
    if !make("a.mkv", &["-c:v", "ffv1"]) {
        // Without ffmpeg there is nothing to make them with; that case is tested above.
        return;
    }
    let others = [
        make("b.avi", &["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]),
        make("c.mxf", &["-c:v", "mpeg2video"]),
        make("d.ts", &["-c:v", "mpeg2video"]),
        make("e.mkv", &["-c:v", "ffv1", "-color_trc", "smpte2084"]),
    ];
    assert_eq!(others, [true; 4]);
    fs::rename(film.path("plates/a.mkv"), film.path("plates/a.jpg")).unwrap();
    let report = film.add_with("plates", &own_work()).unwrap();
    assert_eq!(report.added.len(), 5, "{:?}", report.skipped);
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    assert!(
        report.warnings[0].starts_with("e.mkv: the frame in its middle could not be decoded"),
        "{:?}",
        report.warnings
    );
    let index = heirloom_archive::Index::open(&film.vault).unwrap();
    assert_eq!(index.all_seen().unwrap().len(), 4);
    for name in ["a", "b", "c", "d"] {
        let clip = film.source(&format!("archive:{name}"));
        assert_eq!((clip.media, clip.width, clip.height), (Media::Clip, 96, 64));
        let proxy = fs::read(index.proxy_path(&clip.object)).unwrap();
        let proxy = heirloom_picture::preview::decode(&proxy, name, 1024).unwrap();
        assert_eq!((proxy.width(), proxy.height()), (96, 64));
    }
    // What could not be looked at is not tried at every turn, but when asked.
    assert!(film.add("plates").unwrap().warnings.is_empty());
    let again = film.archive().look_again(&()).unwrap();
    assert_eq!((again.seen, again.warnings.len()), (0, 1));
}

/// Not a test by itself: what the child of the test below does until it is killed.
#[test]
fn child_adds_until_killed() {
    let Ok(folder) = std::env::var("HEIRLOOM_KILL_TEST_FOLDER") else {
        return;
    };
    let folder = std::path::Path::new(&folder);
    let vault = heirloom_vault::Vault::open(&folder.join("vault")).unwrap();
    heirloom_archive::Archive::new(&vault)
        .add(&[folder.join("father")], &own_work(), &())
        .unwrap();
}

#[test]
fn killed_while_adding_it_goes_on_and_every_picture_comes_in_once() {
    use std::process::{Command, Stdio};
    use std::time::Duration;
    let film = Film::new();
    (0..400).for_each(|n| drop(film.picture(&format!("father/{n:03}.png"), n)));
    for round in 0..5_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_adds_until_killed"])
            .env("HEIRLOOM_KILL_TEST_FOLDER", film.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + 60 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(film.vault.verify(&()).unwrap().is_sound());
    }
    film.add_with("father", &own_work()).unwrap();
    assert_eq!(film.acts(Verb::Ingested).len(), 400);
    assert_eq!(film.acts(Verb::Declared).len(), 400);
    assert_eq!(film.vault.size().unwrap().sources.objects, 400);
}
