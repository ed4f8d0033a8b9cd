//! Masters: frames in, a finished file out, or nothing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use heirloom_film::{Rate, Size};

use super::process::Process;
use super::{Ffmpeg, FfmpegError, SCALER, SOUND_INPUT, file_url};
use crate::write::{self, WriteError};

/// The kinds of master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Master {
    /// H.264 in MP4, 8 bits, for looking; sound as AAC.
    H264,
    /// H.264 in MP4 as [`Master::H264`], encoded quickly and smaller: for looking on the way.
    Preview,
    /// ProRes 422 HQ in QuickTime, 10 bits, for finishing; sound as 24-bit PCM.
    ProResHq,
}

/// Sound is laid under at this many samples a second.
const SOUND_RATE: u64 = 48_000;

impl Master {
    /// The ending of its files' names, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::H264 | Self::Preview => "mp4",
            Self::ProResHq => "mov",
        }
    }

    fn codec(self) -> &'static [&'static str] {
        match self {
            Self::H264 => &["-c:v", "libx264", "-preset", "medium", "-crf", "16"],
            Self::Preview => &["-c:v", "libx264", "-preset", "veryfast", "-crf", "21"],
            Self::ProResHq => &["-c:v", "prores_ks", "-profile:v", "3", "-vendor", "apl0"],
        }
    }

    /// Four threads always: the encoders cut their work by the number of threads, and their bytes
    /// with it.
    fn video(self) -> [&'static str; 14] {
        [
            "-pix_fmt",
            self.pixel_format(),
            "-threads",
            "4",
            "-color_primaries",
            "bt709",
            "-color_trc",
            self.transfer(),
            "-colorspace",
            "bt709",
            "-color_range",
            "tv",
            "-flags:v",
            "+bitexact",
        ]
    }

    fn sound(self) -> &'static [&'static str] {
        match self {
            Self::H264 | Self::Preview => {
                &["-c:a", "aac", "-b:a", "192k", "-ac", "2", "-flags:a", "+bitexact"]
            }
            Self::ProResHq => &["-c:a", "pcm_s24le", "-flags:a", "+bitexact"],
        }
    }

    fn container(self) -> &'static [&'static str] {
        match self {
            Self::H264 | Self::Preview => &[
                "-fflags",
                "+bitexact",
                "-map_metadata",
                "-1",
                "-movflags",
                "+faststart",
                "-f",
                "mp4",
            ],
            Self::ProResHq => &["-fflags", "+bitexact", "-map_metadata", "-1", "-f", "mov"],
        }
    }

    /// The frames carry it as well as the track: ProRes writes it into each one.
    fn transfer(self) -> &'static str {
        match self {
            Self::H264 | Self::Preview => "iec61966-2-1",
            Self::ProResHq => "bt709",
        }
    }

    fn pixel_format(self) -> &'static str {
        match self {
            Self::H264 | Self::Preview => "yuv420p",
            Self::ProResHq => "yuv422p10le",
        }
    }
}

/// A master in the making. Dropped before [`Encoder::finish`], it leaves nothing.
pub struct Encoder {
    ffmpeg: Ffmpeg,
    process: Process,
    master: Master,
    path: PathBuf,
    part: tempfile::TempPath,
    size: Size,
    rate: Rate,
    sound: Option<PathBuf>,
    frames: u64,
    bytes: Vec<u8>,
}

impl Encoder {
    /// Begins a master. With a sound file, its first track is laid under from the first frame on, cut
    /// or filled with silence to the picture's length.
    ///
    /// # Errors
    /// Where the folder cannot be written to, the sound is no sound, or ffmpeg does not start.
    pub fn start(
        ffmpeg: &Ffmpeg,
        master: Master,
        path: &Path,
        size: Size,
        rate: Rate,
        sound: Option<&Path>,
    ) -> Result<Self, FfmpegError> {
        if let Some(sound) = sound {
            check_sound(ffmpeg, sound)?;
        }
        let part = temporary(path, master)?;
        let mut command = ffmpeg.command();
        command.args([
            "-y",
            "-protocol_whitelist",
            "file,pipe",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb48le",
        ]);
        command
            .arg("-video_size")
            .arg(format!("{}x{}", size.width, size.height));
        command
            .arg("-framerate")
            .arg(format!("{}/{}", rate.num(), rate.den()));
        command
            .args(["-i", "pipe:0", "-map", "0:v:0", "-vf"])
            .arg(format!(
                "scale=in_range=full:out_range=limited:out_color_matrix=bt709:{SCALER},format={},\
             setparams=range=tv:color_primaries=bt709:color_trc={}:colorspace=bt709",
                master.pixel_format(),
                master.transfer()
            ));
        command
            .args(master.codec())
            .args(master.video())
            .args(master.container())
            .arg(file_url(&part));
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let process = Process::start(&mut command)?;
        Ok(Self {
            ffmpeg: ffmpeg.clone(),
            process,
            master,
            path: path.into(),
            part,
            size,
            rate,
            sound: sound.map(Into::into),
            frames: 0,
            bytes: Vec::new(),
        })
    }

    /// Adds one frame: `width` x `height` codes of [`crate::color::to_video16`], rows from the top.
    ///
    /// # Errors
    /// Where their number is not the size's, or ffmpeg gave up, with all its words.
    pub fn push(&mut self, codes: &[[u16; 3]]) -> Result<(), FfmpegError> {
        if codes.len() as u64 != self.size.pixels() {
            let why = format!(
                "a frame of {} pixels was given for a film of {}",
                codes.len(),
                self.size
            );
            return Err(FfmpegError::Frames {
                path: self.path.clone(),
                why,
            });
        }
        self.bytes.clear();
        self.bytes
            .extend(codes.as_flattened().iter().flat_map(|code| code.to_le_bytes()));
        let written = match self.process.child().stdin.as_mut() {
            Some(stdin) => stdin.write_all(&self.bytes).is_ok(),
            None => false,
        };
        if !written {
            // ffmpeg has closed its end: it is over, and it has said why.
            let (_, words) = self.process.end();
            return Err(self.failed(words));
        }
        self.frames += 1;
        Ok(())
    }

    /// Frames added so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Ends the master, lays the sound under and gives the file its name.
    ///
    /// # Errors
    /// Where no frame was added, ffmpeg fails, or the file cannot be renamed. Nothing is left then.
    pub fn finish(mut self) -> Result<(), FfmpegError> {
        if self.frames == 0 {
            self.process.stop();
            let why = "it has no frames; give the film at least one shot".into();
            return Err(FfmpegError::Frames { path: self.path, why });
        }
        let (content, words) = self.process.end();
        // Some versions end well though the disk was full.
        if !content || is_full(&words) {
            return Err(self.failed(words));
        }
        let finished = match self.sound.take() {
            Some(sound) => self.with_sound(&sound)?,
            None => self.part,
        };
        let io = |source| FfmpegError::Write(WriteError::io(&self.path, source));
        std::fs::File::open(&finished)
            .and_then(|f| f.sync_all())
            .map_err(io)?;
        finished.persist(&self.path).map_err(|e| io(e.error))
    }

    /// The picture copied into another file, with the sound at exactly its length.
    fn with_sound(&self, sound: &Path) -> Result<tempfile::TempPath, FfmpegError> {
        let whole = temporary(&self.path, self.master)?;
        let samples = u128::from(self.frames) * u128::from(self.rate.den()) * u128::from(SOUND_RATE)
            / u128::from(self.rate.num());
        let mut command = self.ffmpeg.command();
        command
            .args(["-nostdin", "-y", "-protocol_whitelist", "file,pipe", "-i"])
            .arg(file_url(&self.part));
        command.args(SOUND_INPUT).arg("-i").arg(file_url(sound));
        command.args(["-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-af"]);
        command.arg(format!("aresample={SOUND_RATE},apad,atrim=end_sample={samples}"));
        command
            .args(self.master.sound())
            .args(self.master.container())
            .arg(file_url(&whole));
        let (content, words) = run(&mut command)?;
        if !content || is_full(&words) {
            return Err(self.failed(words));
        }
        Ok(whole)
    }

    fn failed(&self, words: String) -> FfmpegError {
        if is_full(&words) {
            return WriteError::DiskFull {
                path: self.path.clone(),
            }
            .into();
        }
        let mend = if words.contains("Unknown encoder") {
            "This ffmpeg was built without that encoder: install your system's full build."
        } else {
            "Nothing was written. If its words do not help, run again with another ffmpeg (HEIRLOOM_FFMPEG)."
        };
        FfmpegError::Failed {
            doing: format!("making {}", self.path.display()),
            words,
            mend,
        }
    }
}

fn is_full(words: &str) -> bool {
    words.contains("No space left on device") || words.contains("Disk quota exceeded")
}

fn temporary(path: &Path, master: Master) -> Result<tempfile::TempPath, FfmpegError> {
    let suffix = format!(".part.{}", master.extension());
    Ok(write::beside(path, &suffix)?.into_temp_path())
}

fn run(command: &mut Command) -> Result<(bool, String), FfmpegError> {
    Ok(Process::start(command.stdout(Stdio::null()))?.end())
}

/// Decodes a moment of the sound: better to know now than after an hour of frames.
fn check_sound(ffmpeg: &Ffmpeg, sound: &Path) -> Result<(), FfmpegError> {
    let refuse = |words| FfmpegError::Sound {
        path: sound.into(),
        words,
    };
    if let Err(error) = std::fs::metadata(sound) {
        return Err(refuse(error.to_string()));
    }
    let mut command = ffmpeg.command();
    command
        .arg("-nostdin")
        .args(SOUND_INPUT)
        .arg("-i")
        .arg(file_url(sound));
    command.args(["-map", "0:a:0", "-t", "0.1", "-f", "null", "-"]);
    match run(&mut command)? {
        (true, _) => Ok(()),
        (false, words) => Err(refuse(words)),
    }
}
