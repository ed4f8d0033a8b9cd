//! Masters out and clips in, through the ffmpeg of this machine.

// clippy lets tests unwrap, but not the helpers beside them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_film::{Rate, Size};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, FfmpegError, Master};
use heirloom_picture::{WriteError, color};

fn ffmpeg() -> &'static Ffmpeg {
    static FOUND: OnceLock<Ffmpeg> = OnceLock::new();
    FOUND.get_or_init(|| Ffmpeg::find().expect("these tests need ffmpeg, as cutting a film does"))
}

fn size() -> Size {
    Size::new(64, 48).unwrap()
}

/// Frame `n`: a field of colour that says which frame it is, and a moving bar.
fn frame(n: u32) -> Vec<[u16; 3]> {
    let level = 8000 + 400 * n as u16;
    (0..64 * 48)
        .map(|i| {
            if i % 64 == n % 64 {
                [60_000, 30_000, 9000]
            } else {
                [level, level, 65_535 - level]
            }
        })
        .collect()
}

fn make(
    path: &Path,
    master: Master,
    frames: u32,
    rate: Rate,
    sound: Option<&Path>,
) -> Result<(), FfmpegError> {
    let mut encoder = Encoder::start(ffmpeg(), master, path, size(), rate, sound)?;
    for n in 0..frames {
        encoder.push(&frame(n))?;
    }
    encoder.finish()
}

/// What ffprobe says of the first stream of a kind, as `key=value` lines.
fn ffprobe(path: &Path, kind: &str, entries: &str) -> String {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            kind,
            "-show_entries",
            entries,
            "-of",
            "default=nw=1",
        ])
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A sine of 440 Hz, 16 bits, mono, as WAV.
fn tone(path: &Path, seconds: f64) {
    let samples = (seconds * 48_000.0) as u32;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + samples * 2).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(48_000u32.to_le_bytes());
    bytes.extend(96_000u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend((samples * 2).to_le_bytes());
    for n in 0..samples {
        let v = (f64::from(n) * 440.0 / 48_000.0 * std::f64::consts::TAU).sin() * 20_000.0;
        bytes.extend((v as i16).to_le_bytes());
    }
    std::fs::write(path, bytes).unwrap();
}

fn only(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn masters_carry_their_tags_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let rate = Rate::parse("24000/1001").unwrap();
    for (master, name, tags, format, off_by) in [
        (Master::H264, "a.mp4", "iec61966-2-1", "yuv420p", 5),
        (Master::ProResHq, "a.mov", "bt709", "yuv422p10le", 2),
    ] {
        let path = folder.path().join(name);
        make(&path, master, 30, rate, None).unwrap();
        assert_eq!(path.extension().unwrap(), master.extension());
        let info = ffmpeg().probe(&path).unwrap();
        assert_eq!(
            (info.width, info.height, info.rate, info.frames),
            (64, 48, rate, 30)
        );
        assert_eq!(info.primaries.as_deref(), Some("bt709"));
        assert_eq!(info.transfer.as_deref(), Some(tags));
        assert_eq!(info.matrix.as_deref(), Some("bt709"));
        assert_eq!(info.pixel_format, format);
        assert!(!info.full_range && info.even_pace && !info.has_audio);
        // What goes out comes in again: the field's colour, away from the bar.
        let frames: Vec<_> = ffmpeg()
            .frames(&path, 0, 30, size())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(frames.len(), 30);
        for (n, image) in frames.iter().enumerate() {
            let seen = color::to_display8(image)[24 * 64 + 48];
            let meant = frame(n as u32)[24 * 64 + 48].map(|v| (v / 257) as u8);
            for c in 0..3 {
                assert!(
                    seen[c].abs_diff(meant[c]) <= off_by,
                    "{name} frame {n}: {seen:?} for {meant:?}"
                );
            }
        }
    }
    let prores = ffprobe(
        &folder.path().join("a.mov"),
        "v",
        "stream=profile,codec_tag_string,color_range",
    );
    assert!(
        prores.contains("profile=HQ") && prores.contains("apch") && prores.contains("color_range=tv"),
        "{prores}"
    );
    assert_eq!(only(folder.path()).len(), 2, "no temporary file stays");
}

#[test]
fn a_frame_is_the_same_wherever_reading_begins() {
    let folder = tempfile::tempdir().unwrap();
    for (master, rate) in [(Master::H264, "24000/1001"), (Master::ProResHq, "25")] {
        let path = folder.path().join("a").with_extension(master.extension());
        make(&path, master, 100, Rate::parse(rate).unwrap(), None).unwrap();
        let all: Vec<_> = ffmpeg()
            .frames(&path, 0, 100, size())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for start in [40, 49, 99] {
            let count = 2.min(100 - start);
            let part: Vec<_> = ffmpeg()
                .frames(&path, start, count, size())
                .unwrap()
                .map(Result::unwrap)
                .collect();
            assert_eq!(part.len() as u64, count);
            for (i, image) in part.iter().enumerate() {
                assert!(
                    *image == all[start as usize + i],
                    "{rate}: frame {} from {start} on",
                    start as usize + i
                );
            }
        }
        assert_eq!(ffmpeg().frames(&path, 100, 0, size()).unwrap().count(), 0);
        let Err(refused) = ffmpeg().frames(&path, 90, 11, size()) else {
            panic!("it has 100 frames")
        };
        assert!(
            matches!(refused, FfmpegError::ClipEnds { had: 100, .. }),
            "{refused}"
        );
    }
}

#[test]
fn two_runs_give_the_same_bytes_under_any_load() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("tone.wav");
    tone(&sound, 0.7);
    for master in [Master::H264, Master::ProResHq] {
        let made = |name: &str| {
            let path = folder.path().join(name).with_extension(master.extension());
            make(&path, master, 20, Rate::CINEMA, Some(&sound)).unwrap();
            std::fs::read(path).unwrap()
        };
        let quiet = made("quiet");
        let over = AtomicBool::new(false);
        let busy = std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let busy = made("busy");
            over.store(true, Ordering::Relaxed);
            busy
        });
        assert!(quiet == busy, "{master:?}");
    }
}

#[test]
fn sound_is_cut_or_filled_to_the_pictures_length() {
    let folder = tempfile::tempdir().unwrap();
    let rate = Rate::parse("24000/1001").unwrap();
    for (seconds, frames) in [(5.0, 24), (0.5, 48)] {
        let sound = folder.path().join("tone.wav");
        tone(&sound, seconds);
        let path = folder.path().join("a.mov");
        make(&path, Master::ProResHq, frames, rate, Some(&sound)).unwrap();
        // PCM: each sample is an object of the track; 48 frames last 96 096 of them.
        let samples = ffprobe(&path, "a", "stream=duration_ts,sample_rate,codec_name");
        let expected = u64::from(frames) * 1001 * 48_000 / 24_000;
        assert!(
            samples.contains(&format!("duration_ts={expected}\n")),
            "{samples}"
        );
        assert!(
            samples.contains("sample_rate=48000") && samples.contains("pcm_s24le"),
            "{samples}"
        );

        let path = folder.path().join("a.mp4");
        make(&path, Master::H264, frames, rate, Some(&sound)).unwrap();
        let info = ffmpeg().probe(&path).unwrap();
        assert!(info.has_audio);
        assert_eq!(info.frames, u64::from(frames));
        assert_eq!(
            info.transfer.as_deref(),
            Some("iec61966-2-1"),
            "tags outlive the laying under"
        );
        let track = ffprobe(&path, "a", "stream=duration,codec_name");
        let duration: f64 = track
            .lines()
            .find_map(|l| l.strip_prefix("duration=")?.parse().ok())
            .unwrap();
        assert!(
            track.contains("aac") && (duration - rate.seconds(frames.into())).abs() < 0.022,
            "{track}"
        );
    }
}

#[test]
fn what_is_no_sound_is_said_before_a_frame_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("song.wav");
    std::fs::write(&text, "la la la").unwrap();
    for sound in [&text, &folder.path().join("missing.wav")] {
        let path = folder.path().join("a.mp4");
        let Err(refused) = Encoder::start(ffmpeg(), Master::H264, &path, size(), Rate::CINEMA, Some(sound))
        else {
            panic!("{} is no sound", sound.display());
        };
        assert!(matches!(refused, FfmpegError::Sound { .. }));
        assert!(refused.to_string().contains("export it anew as WAV"), "{refused}");
        assert_eq!(only(folder.path()), ["song.wav"]);
    }
}

#[test]
fn what_is_left_unfinished_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    let start = || Encoder::start(ffmpeg(), Master::H264, &path, size(), Rate::CINEMA, None).unwrap();
    assert!(matches!(
        start().finish().unwrap_err(),
        FfmpegError::Frames { .. }
    ));
    let mut encoder = start();
    encoder.push(&frame(0)).unwrap();
    assert!(matches!(
        encoder.push(&[[0; 3]; 7]).unwrap_err(),
        FfmpegError::Frames { .. }
    ));
    assert_eq!(encoder.frames(), 1);
    drop(encoder);
    assert_eq!(only(folder.path()).len(), 0);
    let missing = folder.path().join("no/such/folder/a.mp4");
    let refused = Encoder::start(ffmpeg(), Master::H264, &missing, size(), Rate::CINEMA, None)
        .err()
        .unwrap();
    assert!(
        matches!(refused, FfmpegError::Write(WriteError::Io { .. })),
        "{refused}"
    );
}

#[cfg(unix)]
fn pretender(folder: &Path, does: &str) -> Ffmpeg {
    use std::os::unix::fs::PermissionsExt;
    for name in ["ffmpeg", "ffprobe"] {
        let path = folder.join(name);
        let script =
            format!("#!/bin/sh\ncase \"$*\" in *-version) echo ffmpeg version 6.0;; *) {does};; esac\n");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Another test's fork may hold the script open for writing for a moment; then it cannot be run yet.
    (0..50)
        .find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            Ffmpeg::at(&folder.join("ffmpeg")).ok()
        })
        .unwrap()
}

#[cfg(unix)]
#[test]
fn an_ffmpeg_that_dies_early_is_heard_out() {
    let folder = tempfile::tempdir().unwrap();
    let dies =
        "for i in $(seq 3000); do echo line $i of my complaint >&2; done; head -c 5000 >/dev/null; exit 1";
    let pretender = pretender(folder.path(), dies);
    let path = folder.path().join("a.mp4");
    let mut encoder = Encoder::start(&pretender, Master::H264, &path, size(), Rate::CINEMA, None).unwrap();
    let refused = (0..10_000)
        .find_map(|n| encoder.push(&frame(n % 100)).err())
        .unwrap();
    let FfmpegError::Failed { words, .. } = &refused else {
        panic!("{refused}")
    };
    assert!(
        words.contains("line 3000 of my complaint") && words.contains("line 1500 "),
        "{words}"
    );
    assert!(encoder.push(&frame(0)).is_err());
    assert!(encoder.finish().is_err());
    assert_eq!(
        only(folder.path()).len(),
        2,
        "the two pretenders and nothing else"
    );
}

#[test]
fn an_impossible_master_carries_ffmpegs_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    // A place that vanishes while the film is made.
    let gone = tempfile::tempdir().unwrap();
    let inside = gone.path().join("a.mp4");
    let mut encoder = Encoder::start(ffmpeg(), Master::H264, &inside, size(), Rate::CINEMA, None).unwrap();
    encoder.push(&frame(0)).unwrap();
    gone.close().unwrap();
    assert!(encoder.finish().is_err());
    assert!(!path.exists());
}

#[test]
fn what_is_no_clip_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let secret = write("secret.ts", "not for the film");
    let playlist = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:{}\n#EXT-X-ENDLIST\n",
        secret.display()
    );
    let sound = folder.path().join("tone.mov");
    tone(&sound, 0.1);
    let paths: [PathBuf; 5] = [
        write("text.mp4", "Dear all"),
        write("empty.mov", ""),
        write("playlist.mp4", &playlist),
        folder.path().join("missing.mov"),
        sound,
    ];
    for path in paths {
        let refused = ffmpeg().probe(&path).unwrap_err();
        assert!(matches!(refused, FfmpegError::NotAClip { .. }), "{refused}");
        assert!(refused.to_string().contains("export it anew"), "{refused}");
        assert!(ffmpeg().frames(&path, 0, 1, size()).is_err());
    }
}

/// A clip as others make them: by ffmpeg itself.
fn foreign(path: &Path, args: &[&str]) {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(args)
        .arg(path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn clips_of_others_are_upright_and_in_their_colours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    // A grey with a known code, in the matrix and range that tags, or custom, say.
    let yuv = "color=c=black:s=64x32:r=25:d=0.2,format=yuv444p,geq=lum='81':cb='90':cr='240'";
    let red = |expected: [u8; 3], args: &[&str]| {
        let mut all = vec!["-f", "lavfi", "-i", yuv];
        all.extend(args);
        all.extend(["-c:v", "libx264", "-qp", "0"]);
        foreign(&path, &all);
        let info = ffmpeg().probe(&path).unwrap();
        assert_eq!(info.frames, 5);
        assert_eq!((info.width, info.height), (64, 32));
        let image = ffmpeg().frames(&path, 2, 1, Size::new(info.width, info.height).unwrap());
        let image = image.unwrap().next().unwrap().unwrap();
        let seen = color::to_display8(&image)[40];
        for c in 0..3 {
            assert!(
                seen[c].abs_diff(expected[c]) <= 2,
                "{args:?}: {seen:?} for {expected:?}"
            );
        }
    };
    // 601 red is (81, 90, 240); read by 709 it is another red.
    let tags = |m: &'static str| {
        vec![
            "-colorspace",
            m,
            "-color_primaries",
            "bt709",
            "-color_trc",
            "bt709",
        ]
    };
    red([255, 0, 0], &tags("smpte170m"));
    red([255, 24, 0], &tags("bt709"));
    red([255, 0, 0], &[]);
    red([255, 0, 0], &tags("smpte170m"));
    let turned = folder.path().join("turned.mp4");
    foreign(
        &turned,
        &[
            "-i",
            path.to_str().unwrap(),
            "-c",
            "copy",
            "-metadata:s:v:0",
            "rotate=90",
        ],
    );
    let info = ffmpeg().probe(&turned).unwrap();
    // Which way a tag of 90 turns has changed between versions; the frames follow the file.
    assert_eq!((info.width, info.height, info.rotation_deg % 180), (32, 64, 90));
    let image = ffmpeg()
        .frames(&turned, 0, 5, Size::new(32, 64).unwrap())
        .unwrap()
        .last()
        .unwrap()
        .unwrap();
    assert_eq!((image.width(), image.height()), (32, 64));

    foreign(
        &path,
        &[
            "-f",
            "lavfi",
            "-i",
            yuv,
            "-c:v",
            "libx264",
            "-color_trc",
            "smpte2084",
        ],
    );
    let refused = ffmpeg().frames(&path, 0, 1, size()).err().unwrap();
    assert!(
        matches!(refused, FfmpegError::Colour { .. }) && refused.to_string().contains("PQ"),
        "{refused}"
    );
}

#[test]
fn a_clip_without_a_frame_count_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mkv");
    foreign(
        &path,
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=64x48:r=30000/1001:d=1.5",
            "-c:v",
            "libx264",
        ],
    );
    let info = ffmpeg().probe(&path).unwrap();
    assert_eq!((info.rate.to_string(), info.frames), ("30000/1001".into(), 45));
    let frames = ffmpeg().frames(&path, 44, 1, Size::new(32, 32).unwrap()).unwrap();
    assert_eq!(
        frames
            .map(Result::unwrap)
            .map(|f| (f.width(), f.height()))
            .collect::<Vec<_>>(),
        [(32, 32)]
    );
}

#[test]
fn an_uneven_clip_is_taken_at_the_usual_rate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("phone.mp4");
    // Thirty frames a second, of which every tenth is missing.
    let missing = "testsrc2=s=64x48:r=30:d=4,select='not(eq(mod(n,10),3))'";
    foreign(
        &path,
        &["-f", "lavfi", "-i", missing, "-vsync", "vfr", "-c:v", "libx264"],
    );
    let info = ffmpeg().probe(&path).unwrap();
    assert_eq!((info.rate.to_string().as_str(), info.even_pace), ("30", false));
    assert!((119..=121).contains(&info.frames), "{}", info.frames);
    let frames = ffmpeg().frames(&path, 50, 60, size()).unwrap();
    assert_eq!(frames.filter(Result::is_ok).count(), 60);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_clear_error() {
    // A small file system in memory, in a name space of our own; where that is not allowed, not tried.
    let script = "mount -t tmpfs -o size=128k none \"$0\" && cd \"$0\" && exec \"$1\" --exact on_a_tiny_disk --ignored";
    let folder = tempfile::tempdir().unwrap();
    let this = std::env::current_exe().unwrap();
    if !Command::new("unshare")
        .args(["-rm", "true"])
        .status()
        .is_ok_and(|s| s.success())
    {
        return;
    }
    let run = Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .arg(folder.path())
        .arg(this)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

#[test]
#[ignore = "run by a_full_disk_is_one_clear_error, on a disk of 128 KiB"]
fn on_a_tiny_disk() {
    for master in [Master::H264, Master::ProResHq] {
        let path = Path::new("a").with_extension(master.extension());
        let size = Size::new(320, 240).unwrap();
        let mut encoder = Encoder::start(ffmpeg(), master, &path, size, Rate::CINEMA, None).unwrap();
        let noise = |n: u32| -> Vec<[u16; 3]> {
            (0..320 * 240u32)
                .map(|i| [((i ^ n).wrapping_mul(2_654_435_761) >> 7) as u16; 3])
                .collect()
        };
        let refused = (0..12).find_map(|n| encoder.push(&noise(n)).err());
        let refused = refused.or_else(|| encoder.finish().err()).unwrap();
        assert!(
            matches!(refused, FfmpegError::Write(WriteError::DiskFull { .. })),
            "{refused}"
        );
    }
    assert_eq!(only(Path::new(".")).len(), 0, "nothing half-written stays");
}
