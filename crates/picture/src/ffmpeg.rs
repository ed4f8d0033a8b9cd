//! Video in and out, through the program `ffmpeg` and over pipes.
//!
//! Colours never rest on a guess of ffmpeg's: every conversion names its matrix and range, every
//! master its tags. Network protocols are off, and only the formats of clips and sound are opened,
//! so that a playlist with a clip's name cannot make it fetch or read anything else.
//!
//! # Colour
//! Masters are BT.709, limited range, with the codes of [`crate::color::to_video16`]: photographs
//! leave with the code values they came in with. H.264 says so in its tags (transfer IEC 61966-2-1,
//! that is, sRGB); ProRes is tagged BT.709 throughout, since its frame header knows no sRGB and post
//! houses expect 1-1-1. Clips come in by the same curve, whichever of the two they are tagged with,
//! so that a plate leaves as it came; HDR and log are refused.
//!
//! ```no_run
//! use std::path::Path;
//! use heirloom_film::{Rate, Size};
//! use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, Master};
//!
//! let ffmpeg = Ffmpeg::find()?;
//! let path = Path::new("out/film.mp4");
//! let mut film = Encoder::start(&ffmpeg, Master::H264, path, Size::new(1280, 720)?, Rate::CINEMA, None)?;
//! film.push(&vec![[0u16; 3]; 1280 * 720])?;
//! film.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clip;
mod encode;
mod frames;
mod process;
mod small;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use clip::ClipInfo;
pub use encode::{Encoder, Master};
pub use frames::Frames;
pub use small::SmallFrames;

use crate::write::WriteError;

/// The oldest ffmpeg that is used: its muxers write colour tags unasked, its scaler keeps to ours.
const OLDEST: (u32, u32) = (4, 4);

/// What went wrong with ffmpeg, with a clip, or with a master.
#[derive(Debug, thiserror::Error)]
pub enum FfmpegError {
    /// The program is not there.
    #[error("`{program}` was not found; {}", how_to_install())]
    Missing {
        /// What was looked for.
        program: String,
    },
    /// The program is older than what is used of it.
    #[error("`{program}` is version {found}, and {}.{} or newer is needed; {}", OLDEST.0, OLDEST.1, how_to_install())]
    TooOld {
        /// Which program.
        program: String,
        /// What it says of itself.
        found: String,
    },
    /// The program could not be run, or is not ffmpeg.
    #[error("`{program}` could not be run ({why}); {}", how_to_install())]
    Unusable {
        /// Which program.
        program: String,
        /// What happened.
        why: String,
    },
    /// The file is no clip that can be read.
    #[error("{} is not a video clip that can be read: {words}; export it anew as MP4 or MOV", path.display())]
    NotAClip {
        /// The file.
        path: PathBuf,
        /// What ffmpeg says of it, or what it lacks.
        words: String,
    },
    /// A clip in colours that are not read.
    #[error("{} is {what}, which is not read yet; grade it to BT.709 and export it as ProRes or H.264", path.display())]
    Colour {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// A clip with fewer frames than were asked for.
    #[error("{} ends after frame {had}, and frames {start} to {} were asked for; shorten the shot or start earlier", path.display(), start + count)]
    ClipEnds {
        /// The file.
        path: PathBuf,
        /// The first frame asked for.
        start: u64,
        /// How many were asked for.
        count: u64,
        /// How many the clip was found to have.
        had: u64,
    },
    /// A sound file that cannot be laid under the film.
    #[error("the sound {} cannot be used: {words}; export it anew as WAV", path.display())]
    Sound {
        /// The file.
        path: PathBuf,
        /// What ffmpeg says of it.
        words: String,
    },
    /// A frame of another size than the film's, or no frame at all.
    #[error("{path} cannot be made: {why}", path = path.display())]
    Frames {
        /// The master.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// ffmpeg gave up. Its words are all here.
    #[error("ffmpeg failed while {doing}. It said:\n{words}\n{mend}")]
    Failed {
        /// What it was doing.
        doing: String,
        /// All that it said.
        words: String,
        /// What to do.
        mend: &'static str,
    },
    /// The master's file.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn how_to_install() -> &'static str {
    if cfg!(target_os = "macos") {
        "install it with `brew install ffmpeg`, or name another one in HEIRLOOM_FFMPEG"
    } else if cfg!(target_os = "windows") {
        "install it with `winget install ffmpeg`, or name another one in HEIRLOOM_FFMPEG"
    } else {
        "install it with `apt install ffmpeg` (or your system's own way), or name another one in HEIRLOOM_FFMPEG"
    }
}

/// The ffmpeg on this machine: found, and new enough.
#[derive(Clone, Debug)]
pub struct Ffmpeg {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    version: String,
}

impl Ffmpeg {
    /// Finds `ffmpeg` and `ffprobe`: those of the environment variable `HEIRLOOM_FFMPEG` (the path of
    /// ffmpeg itself, ffprobe beside it), or else those of the system's search path.
    ///
    /// # Errors
    /// Where one is missing, cannot be run, or is older than 4.4; each says what to install.
    pub fn find() -> Result<Self, FfmpegError> {
        match std::env::var_os("HEIRLOOM_FFMPEG") {
            Some(named) if !named.is_empty() => Self::at(Path::new(&named)),
            _ => Self::from_programs("ffmpeg".into(), "ffprobe".into()),
        }
    }

    /// The ffmpeg at this path, with the ffprobe beside it.
    ///
    /// # Errors
    /// As [`Ffmpeg::find`].
    pub fn at(ffmpeg: &Path) -> Result<Self, FfmpegError> {
        let name = ffmpeg.file_name().and_then(OsStr::to_str).unwrap_or("ffmpeg");
        Self::from_programs(
            ffmpeg.into(),
            ffmpeg.with_file_name(name.replacen("ffmpeg", "ffprobe", 1)),
        )
    }

    fn from_programs(ffmpeg: PathBuf, ffprobe: PathBuf) -> Result<Self, FfmpegError> {
        let version = checked_version(&ffmpeg)?;
        checked_version(&ffprobe)?;
        Ok(Self {
            ffmpeg,
            ffprobe,
            version,
        })
    }

    /// What ffmpeg calls its version, such as `5.1.9-0+deb12u1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    fn command(&self) -> Command {
        quiet(&self.ffmpeg)
    }

    fn probe_command(&self) -> Command {
        quiet(&self.ffprobe)
    }
}

/// A command that asks nothing, writes no report, and is out of the terminal's reach: a Ctrl-C is for
/// Heirloom, which then stops what it began.
fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_remove("FFREPORT")
        .env("AV_LOG_FORCE_NOCOLOR", "1")
        .stdin(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.args(["-hide_banner", "-v", "warning"]);
    command
}

fn checked_version(program: &Path) -> Result<String, FfmpegError> {
    let name = program.display().to_string();
    let output = match quiet(program).arg("-version").output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FfmpegError::Missing { program: name });
        }
        Err(error) => {
            return Err(FfmpegError::Unusable {
                program: name,
                why: error.to_string(),
            });
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(version) = text.split_whitespace().skip_while(|w| *w != "version").nth(1) else {
        return Err(FfmpegError::Unusable {
            program: name,
            why: "it does not say its version".into(),
        });
    };
    match is_new_enough(version, &text) {
        true => Ok(version.to_owned()),
        false => Err(FfmpegError::TooOld {
            program: name,
            found: version.to_owned(),
        }),
    }
}

/// Releases are called `5.1.9-…` or `n5.1`; builds of the day `N-…-g…`, whose age only the libraries
/// tell (4.4 came with libavutil 56.70).
fn is_new_enough(version: &str, all: &str) -> bool {
    let pair = |text: &str| -> Option<(u32, u32)> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        Some((
            numbers.next()?.parse().ok()?,
            numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0),
        ))
    };
    if let Some(release) = pair(version.trim_start_matches('n')) {
        return release >= OLDEST;
    }
    let library = all.lines().find_map(|line| line.trim().strip_prefix("libavutil"));
    library
        .and_then(|l| pair(&l.replace(' ', "")))
        .is_some_and(|library| library >= (56, 70))
}

/// A path as ffmpeg takes it for a file and nothing else, whatever its name looks like.
fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// What may be opened: files and pipes, in the formats of clips.
const CLIP_INPUT: [&str; 4] = [
    "-protocol_whitelist",
    "file,pipe",
    "-format_whitelist",
    "mov,matroska,avi,mxf,mpegts",
];

/// The same for sound.
const SOUND_INPUT: [&str; 4] = [
    "-protocol_whitelist",
    "file,pipe",
    "-format_whitelist",
    "wav,w64,aiff,flac,mp3,ogg,aac,caf,mov,matroska",
];

/// The scaler's ways: no shortcuts that depend on the processor, chroma at full resolution.
const SCALER: &str = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for new in [
            "4.4",
            "4.4.2-0ubuntu0.22.04.1",
            "5.1.9-0+deb12u1",
            "n6.0",
            "7",
            "10.0",
        ] {
            assert!(is_new_enough(new, ""), "{new}");
        }
        for old in ["4.3.6-0+deb11u1", "3.4", "n4.2.7"] {
            assert!(!is_new_enough(old, ""), "{old}");
        }
        let daily = "N-109542-gd2f1d2ad1f";
        assert!(is_new_enough(
            daily,
            "ffmpeg version\nlibavutil      57. 44.100 / 57. 44.100\n"
        ));
        assert!(!is_new_enough(daily, "libavutil      56. 51.100 / 56. 51.100\n"));
        assert!(!is_new_enough("unknown", ""));
    }

    #[test]
    fn a_missing_program_says_what_to_install() {
        let error = Ffmpeg::at(Path::new("/nowhere/ffmpeg")).unwrap_err();
        assert!(matches!(error, FfmpegError::Missing { .. }));
        assert!(error.to_string().contains("install ffmpeg"), "{error}");
        let error = Ffmpeg::at(Path::new("/bin/true")).unwrap_err();
        assert!(matches!(error, FfmpegError::Unusable { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn an_old_program_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ffmpeg");
        std::fs::write(
            &path,
            "#!/bin/sh\necho ffmpeg version 4.2.7-0ubuntu0.1 Copyright\n",
        )
        .unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = Ffmpeg::at(&path).unwrap_err();
        assert!(matches!(error, FfmpegError::TooOld { .. }));
        assert!(
            error.to_string().contains("4.2.7") && error.to_string().contains("4.4 or newer"),
            "{error}"
        );
    }
}
