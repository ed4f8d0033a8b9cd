//! Every bad input: one clear error with the mend, an exit code, no panic, nothing half-written.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use support::{Film, SCENES};

const ONE: &str = "[[scene]]\nname = \"one\"\n[[scene.shot]]\nname = \"010\"\nframes = 4\nkind = \"living\"\nsources = [\"archive:sea\"]\n";

#[test]
fn a_source_that_is_not_there() {
    let film = Film::with(&ONE.replace("archive:sea", "archive:see"));
    film.run(&["check"]).ended(1, &["one 010", "see", "sea"]);
    film.run(&["make"]).ended(1, &["Nothing was made"]);
    assert_eq!(film.acts("requested"), 0);
}

#[test]
fn a_source_without_rights_is_refused_before_anything_is_made() {
    let film = Film::empty();
    film.toml(ONE);
    film.photographs();
    film.run(&["archive", "add", "pictures"]).well();
    film.run(&["check"]).ended(3, &["archive:sea", "owner"]);
    film.run(&["make"])
        .ended(3, &["archive:sea", "owner", "Nothing was made"]);
    assert_eq!(
        (film.acts("refused"), film.acts("requested"), film.acts("drawn")),
        (1, 0, 0)
    );
}

#[test]
fn a_source_outside_its_scope_is_refused() {
    let film = Film::empty();
    film.toml(ONE);
    film.photographs();
    let rights = "owner = \"A\"\nterms = \"for looking at\"\nscope = [\"look\"]\n";
    std::fs::write(film.path("pictures/rights.toml"), rights).unwrap();
    film.run(&["archive", "add", "pictures"]).well();
    film.run(&["make"]).ended(3, &["archive:sea", "generate"]);
}

#[test]
fn photographs_that_are_none() {
    let film = Film::empty();
    film.toml(ONE);
    film.photographs();
    let pictures = film.path("pictures");
    std::fs::write(
        pictures.join("letter.jpg"),
        "Dear mother, this is no photograph at all.\n",
    )
    .unwrap();
    std::fs::write(pictures.join("nothing.png"), b"").unwrap();
    let whole = std::fs::read(pictures.join("sea.png")).unwrap();
    std::fs::write(pictures.join("torn.png"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(pictures.join("bomb.png"), bomb()).unwrap();
    let said = film
        .run(&[
            "archive", "add", "pictures", "--owner", "A", "--rights", "own work",
        ])
        .well();
    for name in ["letter.jpg", "nothing.png", "torn.png", "bomb.png"] {
        assert!(
            format!("{}{}", said.out, said.err).contains(name),
            "{name}: {}{}",
            said.out,
            said.err
        );
    }
    assert_eq!(film.acts("ingested"), 3);
}

/// A PNG of a few bytes that says it is 60 000 by 60 000 pixels.
fn bomb() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend([60_000u32.to_be_bytes(), 60_000u32.to_be_bytes()].concat());
    header.extend([8, 2, 0, 0, 0]);
    let crc = header.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| {
            if c & 1 == 1 {
                (c >> 1) ^ 0xedb8_8320
            } else {
                c >> 1
            }
        })
    });
    bytes.extend(13u32.to_be_bytes());
    bytes.extend(header);
    bytes.extend((!crc).to_be_bytes());
    bytes.extend([0, 0, 0, 0]);
    bytes.extend(b"IDAT\x35\xaf\x06\x1e");
    bytes
}

#[test]
fn folders_with_nothing_in_them() {
    let film = Film::empty();
    film.toml(ONE);
    std::fs::create_dir(film.path("empty")).unwrap();
    film.run(&["archive", "add", "empty", "--owner", "A", "--rights", "x"])
        .ended(1, &["empty"]);
    film.run(&["archive", "add", "nowhere", "--owner", "A", "--rights", "x"])
        .ended(1, &["nowhere"]);
    Film::empty()
        .run(&["make"])
        .ended(1, &["film.toml", "heirloom new"]);
}

#[test]
fn a_photograph_that_can_not_be_read_any_more() {
    let film = Film::with(ONE);
    // The vault's copy is damaged after it came in.
    let objects = film
        .files()
        .into_iter()
        .filter(|(p, _)| p.to_string_lossy().contains("vault/objects"));
    for (path, _) in objects {
        let mut permissions = std::fs::metadata(&path).unwrap().permissions();
        #[allow(clippy::permissions_set_readonly_false)] // a test's own file
        permissions.set_readonly(false);
        std::fs::set_permissions(&path, permissions).unwrap();
        std::fs::write(&path, b"rot").unwrap();
    }
    film.run(&["make", "--plain"]).ended(1, &["damaged"]);
    assert_eq!(film.acts("drawn"), 0);
    film.run(&["vault", "verify"]).ended(1, &["damaged"]);
    assert!(!film.path("out/film.mp4").exists());
}

#[test]
fn ffmpeg_missing_or_too_old() {
    let film = Film::with(ONE);
    let run = |path: &std::path::Path| {
        film.command(&["make", "--plain"])
            .env("HEIRLOOM_FFMPEG", path)
            .output()
            .unwrap()
            .into()
    };
    let missing: support::Ran = run(&film.path("no-such-ffmpeg"));
    missing.ended(1, &["ffmpeg", "install"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let old = film.path("ffmpeg");
        std::fs::write(
            &old,
            "#!/bin/sh\necho 'ffmpeg version 2.8.17 Copyright (c) 2000-2020'\n",
        )
        .unwrap();
        std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
        let too_old: support::Ran = run(&old);
        too_old.ended(1, &["2.8", "4.4"]);
    }
    assert_eq!(film.acts("drawn"), 0);
}

#[test]
fn films_that_make_no_sense() {
    for (wrong, words) in [
        (ONE.replace("frames = 4", "frames = 0"), ["frames", "film.toml:"]),
        (
            ONE.replace("frames = 4", "frames = 99999999999"),
            ["frames", "film.toml:"],
        ),
        (ONE.replace("frames = 4", "frmaes = 4"), ["frames", "film.toml:"]),
        (ONE.replace("\"living\"", "\"livign\""), ["living", "film.toml:"]),
    ] {
        let film = Film::with(ONE);
        film.toml(&wrong);
        let before = film.files();
        film.run(&["make"]).ended(1, &words);
        assert_eq!(film.files(), before, "something was written");
    }
    let film = Film::with(ONE);
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    std::fs::write(film.path("film.toml"), toml.replace("[96, 64]", "[9600000, 64]")).unwrap();
    film.run(&["make"]).ended(1, &["size", "film.toml:"]);
    film.run(&["make", "--size", "7x9"]).ended(2, &["--size"]);
}

#[test]
fn a_folder_of_a_newer_program() {
    let film = Film::with(ONE);
    let stamp = film.path("vault/vault.json");
    let newer = std::fs::read_to_string(&stamp)
        .unwrap()
        .replace(":1", ":99")
        .replace(": 1", ": 99");
    let mut permissions = std::fs::metadata(&stamp).unwrap().permissions();
    #[allow(clippy::permissions_set_readonly_false)] // a test's own file
    permissions.set_readonly(false);
    std::fs::set_permissions(&stamp, permissions).unwrap();
    std::fs::write(&stamp, newer).unwrap();
    film.run(&["make"]).ended(1, &["newer Heirloom"]);
}

#[test]
fn two_at_once_in_one_film() {
    let film = Film::with(SCENES);
    let _held = heirloom_dailies::Lock::acquire(&film.path("")).unwrap();
    film.run(&["make"])
        .ended(1, &["another Heirloom", &std::process::id().to_string()]);
    assert_eq!(film.acts("drawn"), 0);
}

#[test]
fn a_sound_that_is_not_there() {
    let film = Film::with(ONE);
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    std::fs::write(
        film.path("film.toml"),
        toml.replace("title = ", "sound = \"score.wav\"\ntitle = "),
    )
    .unwrap();
    film.run(&["make"]).ended(1, &["score.wav"]);
}

/// A guided shot is planned, put on the stage and drawn like any other; without photographs it says what it lacks.
#[test]
fn a_guided_shot_is_made_and_needs_matter() {
    let blocking = "\"guided\"\nblocking = { thing = [{ name = \"a\", shape = \"figure\" }] }";
    let film = Film::with(&ONE.replace("\"living\"", blocking));
    film.run(&["check"]).ended(0, &["The film is sound: 1 shots"]);
    film.run(&["make", "--no-cut"]).well();
    assert_eq!(film.acts("drawn"), 1);
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    let bare: String = toml
        .lines()
        .filter(|l| !l.starts_with("sources"))
        .map(|l| format!("{l}\n"))
        .collect();
    std::fs::write(film.path("film.toml"), bare).unwrap();
    film.run(&["check"]).ended(1, &["it has no matter", "matter"]);
}

#[test]
fn a_photograph_called_as_a_clip() {
    let film = Film::with(&ONE.replace("\"living\"", "\"plate\""));
    film.run(&["check"]).ended(1, &["is a photograph, not a clip"]);
}

/// A film on a disk that fills up while it is made: one clear error, nothing half-written, and all goes on with room
/// again. Needs the right to mount; where there is none, the vault's own tests of the words must do.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    use std::process::Command;

    struct Mounted(std::path::PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(&self.0).output();
        }
    }
    let film = Film::with(SCENES);
    let disk = film.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=6m", "none"])
        .arg(&disk)
        .output();
    if !mount.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: no right to mount a small disk here");
        return;
    }
    let _mounted = Mounted(disk.clone());
    let copy = Command::new("cp")
        .arg("-r")
        .args([film.path("film.toml"), film.path("vault")])
        .arg(&disk)
        .status();
    assert!(copy.unwrap().success());
    let filler = disk.join("filler");
    let free = |keep: u64| {
        // Fill the disk to the last block, then give back so many bytes.
        let mut file = std::fs::File::create(&filler).unwrap();
        let mut size = 0u64;
        while let Ok(n) = std::io::Write::write(&mut file, &[7; 4096]) {
            size += n as u64;
        }
        file.set_len(size.saturating_sub(keep)).unwrap();
    };
    for keep in [200 << 10, 500 << 10] {
        free(keep);
        film.run(&["--film", "disk", "make", "--plain"])
            .ended(1, &["disk is full"]);
        assert!(!disk.join("out/film.mp4").exists(), "half a film");
    }
    std::fs::remove_file(&filler).unwrap();
    film.run(&["--film", "disk", "make", "--plain"]).well();
    film.run(&["make", "--plain"]).well();
    assert_eq!(film.hash("disk/out/film.mp4"), film.hash("out/film.mp4"));
    film.run(&["--film", "disk", "vault", "verify"]).well();
}
