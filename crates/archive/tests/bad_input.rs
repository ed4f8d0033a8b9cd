//! Bad files, bad names, a bad disk: each is told once, the rest comes in, and a second run takes up only what is missing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may end at the first thing wrong"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{Film, jpeg, own_work};
use heirloom_archive::{AddReport, Index};
use heirloom_picture::preview::Preview;
use heirloom_vault::Verb;

fn add(film: &Film) -> AddReport {
    film.add_with("mixed", &own_work()).unwrap()
}

/// File names that were skipped, and why; each must be there once.
fn skipped(report: &AddReport) -> BTreeMap<String, String> {
    let all: BTreeMap<String, String> = report
        .skipped
        .iter()
        .map(|(path, why)| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                why.clone(),
            )
        })
        .collect();
    assert_eq!(all.len(), report.skipped.len(), "{:?}", report.skipped);
    all
}

/// A PNG file of these chunks.
fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in chunks {
        let whole = [kind.as_slice(), body].concat();
        let mut crc = !0_u32;
        for byte in &whole {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            }
        }
        out.extend((body.len() as u32).to_be_bytes());
        out.extend(whole);
        out.extend((!crc).to_be_bytes());
    }
    out
}

fn header(width: u32, height: u32) -> Vec<u8> {
    let mut body = [width.to_be_bytes(), height.to_be_bytes()].concat();
    // Eight bits of RGB.
    body.extend([8, 2, 0, 0, 0]);
    body
}

/// `repeats` times 258 zeros and one more, as zlib packs them: 13 bits for 258 bytes.
fn zeros(repeats: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    // The literal 0, then "258 bytes, from one back", then the end, in the fixed code.
    let code = |bits: &mut Vec<bool>, code: u32, length: u32| {
        bits.extend((0..length).rev().map(|n| code >> n & 1 == 1));
    };
    code(&mut bits, 0x30, 8);
    for _ in 0..repeats {
        code(&mut bits, 0xc5, 8);
        code(&mut bits, 0, 5);
    }
    code(&mut bits, 0, 7);
    let mut out = vec![0x78, 0x9c];
    let byte = |bits: &[bool]| bits.iter().rev().fold(0_u8, |b, bit| b << 1 | u8::from(*bit));
    out.extend(bits.chunks(8).map(byte));
    // Adler's sum of n zeros: 1 below, n above.
    let n = (258 * repeats as u32 + 1) % 65_521;
    out.extend((n << 16 | 1).to_be_bytes());
    out
}

#[test]
fn each_bad_file_is_told_once_and_the_rest_comes_in() {
    let film = Film::new();
    let write = |name: &str, bytes: &[u8]| fs::write(film.path(&format!("mixed/{name}")), bytes).unwrap();
    (0..40).for_each(|n| drop(film.picture(&format!("mixed/good {n:02}.png"), n)));
    let whole = jpeg(&film.path("mixed/good.jpg"));

    // Giants by their headers alone.
    let empty = zeros(10);
    write(
        "giant.png",
        &png(&[
            (b"IHDR", &header(100_000, 100_000)),
            (b"IDAT", &empty),
            (b"IEND", b""),
        ]),
    );
    write(
        "giant.hdr",
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 100000 +X 100000\n\0\0\0\0",
    );
    let mut giant = whole.clone();
    let frame = giant.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    giant[frame + 5..frame + 9].fill(0xff);
    write("giant.jpg", &giant);
    // Within the limits by its header, with next to nothing behind it.
    write(
        "bomb.png",
        &png(&[
            (b"IHDR", &header(15_000, 14_999)),
            (b"IDAT", &empty),
            (b"IEND", b""),
        ]),
    );
    // 400 MB of zeros in a text beside one row of pixels: the picture is sound.
    let text = [b"Comment\0\0".as_slice(), &zeros(1_600_000)].concat();
    let row = zeros(1);
    let texts = png(&[
        (b"IHDR", &header(86, 1)),
        (b"zTXt", &text),
        (b"IDAT", &row),
        (b"IEND", b""),
    ]);
    write("texts.png", &texts);
    // Cut short, in the pixels and in the header; damaged within.
    write("cut.jpg", &whole[..whole.len() * 2 / 3]);
    write("head only.jpg", &whole[..40]);
    let two = fs::read(film.path("mixed/good 02.png")).unwrap();
    write("cut.png", &two[..two.len() - 20]);
    write("cut.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isom");
    write("cut.mkv", b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f");
    // Names that lie.
    write(
        "really a png.jpg",
        &fs::read(film.picture("other/png.png", 900)).unwrap(),
    );
    write("letter.jpg", b"Dear Jean, nothing here is a picture.");
    write("empty.jpg", b"");
    write("notes.doc", b"nobody meant this as a picture");

    let report = add(&film);
    let found = skipped(&report);
    let expected = [
        ("bomb.png", "damaged"),
        ("cut.jpg", "cut short"),
        ("cut.mkv", "cut.mkv"),
        ("cut.mp4", "cut.mp4"),
        ("cut.png", ""),
        ("empty.jpg", "is empty"),
        ("giant.hdr", "100000 x 100000"),
        ("giant.jpg", "65535 x 65535"),
        ("giant.png", "100000 x 100000"),
        ("head only.jpg", ""),
        ("letter.jpg", "not a photograph"),
    ];
    for (name, says) in expected {
        let why = found.get(name);
        assert!(why.is_some_and(|why| why.contains(says)), "{name}: {why:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert_eq!((report.added.len(), report.passed_over), (43, 1));
    assert_eq!(film.source("archive:really-a-png").format, "PNG");
    assert_eq!(film.vault.size().unwrap().sources.objects, 43);
    assert!(
        fs::read_dir(film.vault.dir().join("writing"))
            .unwrap()
            .next()
            .is_none()
    );
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    if let Some(kb) = peak.and_then(|kb| kb.trim().trim_end_matches(" kB").parse::<u64>().ok()) {
        assert!(kb < 1 << 20, "{kb} kB at the peak");
    }

    // A second run takes up only what was mended.
    write("cut.jpg", &whole[..whole.len()]);
    fs::write(
        film.path("mixed/letter.jpg"),
        fs::read(film.picture("other/new.png", 901)).unwrap(),
    )
    .unwrap();
    let before = film.acts(Verb::Ingested).len();
    let report = add(&film);
    assert_eq!(report.added, ["mixed/letter"]);
    // The whole of what was cut is a picture that is there under another name.
    assert_eq!(report.renamed, ["mixed/cut"]);
    assert_eq!(
        (report.known.len(), skipped(&report).len()),
        (43, expected.len() - 2)
    );
    assert_eq!(film.acts(Verb::Ingested).len(), before + 2);
    assert!(film.vault.verify(&()).unwrap().is_sound());
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_stay_apart() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let film = Film::new();
    film.picture("mixed/good.png", 1);
    let folder = film.folder.path().join("mixed");
    let named = |name: &[u8], number: u32| {
        let bytes = fs::read(film.picture("other/one.png", number)).unwrap();
        fs::write(folder.join(OsStr::from_bytes(name)), bytes).unwrap();
    };
    named(b"beach \xff.png", 2);
    named(b"beach \xfe.png", 3);
    // What the third would be called is the name of the fourth.
    named(b"sea \xe9.png", 4);
    named(b"sea %E9.png", 5);
    let below = folder.join(OsStr::from_bytes(b"\xe9t\xe9"));
    fs::create_dir(&below).unwrap();
    fs::write(
        below.join("noon.png"),
        fs::read(film.picture("other/one.png", 6)).unwrap(),
    )
    .unwrap();

    let report = add(&film);
    assert_eq!(
        report.added,
        [
            "mixed/beach %FE",
            "mixed/beach %FF",
            "mixed/good",
            "mixed/sea %E9",
            "mixed/%E9t%E9/noon"
        ]
    );
    assert_eq!(report.skipped.len(), 1);
    let why = &report.skipped[0].1;
    assert!(why.contains("no UTF-8") && why.contains("rename it"), "{why}");
    let object = |call: &str| film.source(call).object;
    assert_ne!(object("archive:beach-%FE"), object("archive:beach-%FF"));
    assert_eq!(add(&film).known.len(), 5);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_and_what_is_no_file_do_not_come_in() {
    use std::os::unix::fs::symlink;
    let film = Film::new();
    film.picture("mixed/good.png", 1);
    let secret = film.picture("elsewhere/secret.png", 2);
    symlink(&secret, film.path("mixed/link.png")).unwrap();
    let pipe = film.path("mixed/pipe.jpg");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    let report = add(&film);
    assert_eq!(report.added, ["mixed/good"]);
    let found = skipped(&report);
    assert_eq!(found.len(), 1);
    assert!(
        found["link.png"].contains("link to outside the folder"),
        "{found:?}"
    );
    assert!(made.is_err() || !film.names().contains(&"mixed/pipe".to_owned()));
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let film = Film::new();
    film.picture("mixed/good.png", 1);
    let closed = film.picture("mixed/closed.png", 2);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&closed).is_ok() {
        eprintln!("skipped: this user may read everything");
    } else {
        let report = add(&film);
        assert_eq!(report.added, ["mixed/good"]);
        assert!(skipped(&report)["closed.png"].contains("could not be read"));
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o644)).unwrap();
    // A file at whose beginning even the first user on the machine reads an error.
    let given = [film.folder.path().join("mixed"), "/proc/self/mem".into()];
    let report = film.archive().add(&given, &own_work(), &()).unwrap();
    let why = &skipped(&report)["mem"];
    assert!(
        why.contains("mem could not be read") && why.contains("see that it is there"),
        "{why}"
    );
}

#[test]
fn small_pictures_and_what_was_seen_are_made_again() {
    let film = Film::new();
    (0..9).for_each(|n| drop(film.picture(&format!("mixed/{n}.png"), n)));
    assert!(add(&film).warnings.is_empty());
    let one = film.source("archive:mixed/3").object;
    let index = Index::open(&film.vault).unwrap();
    let before = index.all_seen().unwrap();
    assert_eq!(before.len(), 9);
    let proxy = fs::read(index.proxy_path(&one)).unwrap();
    assert!(proxy.starts_with(b"\xff\xd8\xff") && index.thumbnail_path(&one).is_file());

    // One thumbnail gone: the next time something is added it is made again.
    fs::remove_file(index.thumbnail_path(&one)).unwrap();
    add(&film);
    assert!(index.thumbnail_path(&one).is_file());
    drop(index);

    // All gone: made again from the vault, also when the folder is no longer there.
    fs::remove_dir_all(film.vault.dir().join("archive")).unwrap();
    fs::remove_dir_all(film.folder.path().join("mixed")).unwrap();
    let again = film.archive().look_again(&()).unwrap();
    assert_eq!((again.seen, again.warnings.len()), (9, 0));
    let index = Index::open(&film.vault).unwrap();
    assert_eq!(index.all_seen().unwrap(), before);
    assert_eq!(fs::read(index.proxy_path(&one)).unwrap(), proxy);
    assert_eq!(film.archive().look_again(&()).unwrap().seen, 0);

    // An object that is gone is named, and the others are looked at.
    drop(index);
    fs::remove_dir_all(film.vault.dir().join("archive")).unwrap();
    fs::remove_file(film.vault.path(&one)).unwrap();
    let again = film.archive().look_again(&()).unwrap();
    assert_eq!((again.seen, again.warnings.len()), (8, 1));
    assert!(
        again.warnings[0].contains("is not in the vault"),
        "{:?}",
        again.warnings
    );
}

/// A disk of six megabytes runs full midway. Needs the right to mount; where there is none, nothing is tested.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing_and_adding_goes_on() {
    use std::process::Command;

    struct Mounted(tempfile::TempDir);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
        }
    }
    let mount = |options: &str, at: &Path| {
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "none"])
            .arg(at)
            .output();
        done.is_ok_and(|done| done.status.success())
    };
    let disk = tempfile::tempdir().unwrap();
    if !mount("size=6m", disk.path()) {
        eprintln!("skipped: no right to mount a small disk here");
        return;
    }
    let disk = Mounted(disk);
    let film = Film::new();
    for n in 0..200_u32 {
        // Grain that is packed badly.
        let mut state = n + 1;
        let codes = (0..160 * 120).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [(state >> 24) as u8, (state >> 16) as u8, n as u8]
        });
        let picture = Preview::from_codes(codes.collect(), 160, 120).unwrap();
        fs::write(
            film.path(&format!("mixed/{n:03}.jpg")),
            picture.to_jpeg(95).unwrap(),
        )
        .unwrap();
    }
    let dir = disk.0.path().join("vault");
    let vault = heirloom_vault::Vault::create(&dir).unwrap();
    let given = [film.folder.path().join("mixed")];
    let archive = heirloom_archive::Archive::new(&vault);
    let error = archive.add(&given, &own_work(), &()).unwrap_err().to_string();
    assert!(
        error.contains("the disk is full") && error.contains("run again"),
        "{error}"
    );
    assert!(fs::read_dir(dir.join("writing")).unwrap().next().is_none());
    assert!(
        fs::read_dir(dir.join("archive/writing"))
            .unwrap()
            .next()
            .is_none()
    );

    assert!(mount("remount,size=64m", disk.0.path()));
    assert!(vault.verify(&()).unwrap().is_sound());
    let report = archive.add(&given, &own_work(), &()).unwrap();
    assert_eq!(
        (report.added.len() + report.known.len(), report.skipped.len()),
        (200, 0)
    );
    assert_eq!(archive.sources().unwrap().len(), 200);
    let filter = heirloom_vault::Filter::verb(Verb::Ingested);
    assert_eq!(vault.ledger().acts(&filter).unwrap().len(), 200);
    assert_eq!(Index::open(&vault).unwrap().all_seen().unwrap().len(), 200);
    assert!(vault.verify(&()).unwrap().is_sound());
}
