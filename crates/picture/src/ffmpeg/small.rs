//! A clip's frames small and in display codes, decoded and scaled in one go: what takes are measured by.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};

use heirloom_film::Rate;

use super::process::Process;
use super::{CLIP_INPUT, ClipInfo, Ffmpeg, FfmpegError, file_url};
use crate::preview::{Preview, fitted};

/// Each pixel the mean of the area that it covers: fast, and no detail is invented. Without `full_chroma_int` all codes
/// come out two too dark.
const SCALER: &str = "flags=area+full_chroma_int+bitexact";

/// The frames of a clip as [`Preview`]s, in order. Ends after the last; after an error, nothing follows.
///
/// Codes are those of the clip, brought to full range and RGB and scaled as they are; they may differ in a code between
/// versions of ffmpeg.
pub struct SmallFrames {
    process: Process,
    stdout: BufReader<ChildStdout>,
    path: PathBuf,
    width: u32,
    height: u32,
    clip: ClipInfo,
    step: u32,
    done: u64,
    over: bool,
}

impl Ffmpeg {
    /// Every `step`-th frame of a clip from the first on, upright, at most `side` pixels on its longer side.
    ///
    /// The whole clip is decoded once, with two threads of ffmpeg's; at any time a few frames are in memory.
    ///
    /// # Errors
    /// Where the file is no clip or in colours that are not read; while it runs, where ffmpeg gives up.
    pub fn small_frames(&self, path: &Path, side: u32, step: u32) -> Result<SmallFrames, FfmpegError> {
        let clip = self.probe(path)?;
        clip.check_transfer(path)?;
        let step = step.max(1);
        let (width, height) = fitted(clip.width, clip.height, side.max(1));
        let (num, den) = (clip.rate.num(), u64::from(clip.rate.den()) * u64::from(step));
        let mut filters = Vec::new();
        if !clip.even_pace {
            filters.push(format!("fps={num}/{}:round=near", clip.rate.den()));
        }
        if step > 1 {
            filters.push(format!("framestep={step}"));
        }
        // Evenly timed anew, or ffmpeg would double or drop frames to keep to the old times.
        filters.push(format!("settb={den}/{num},setpts=N"));
        let matrix = clip.matrix_name().map_or_else(String::new, |matrix| {
            let range = if clip.full_range { "full" } else { "limited" };
            format!(":in_color_matrix={matrix}:in_range={range}:out_range=full")
        });
        filters.push(format!("scale={width}:{height}:{SCALER}{matrix},format=rgb24"));
        let mut command = self.command();
        command.args(["-nostdin", "-threads", "2"]).args(CLIP_INPUT);
        command
            .arg("-i")
            .arg(file_url(path))
            .args(["-map", "0:v:0", "-an", "-sn", "-dn"]);
        command
            .arg("-vf")
            .arg(filters.join(","))
            .arg("-r")
            .arg(format!("{num}/{den}"));
        command
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"])
            .stdout(Stdio::piped());
        let mut process = Process::start(&mut command)?;
        let Some(stdout) = process.child().stdout.take() else {
            return Err(FfmpegError::Unusable {
                program: self.ffmpeg.display().to_string(),
                why: "its output cannot be read".into(),
            });
        };
        Ok(SmallFrames {
            process,
            stdout: BufReader::with_capacity(1 << 20, stdout),
            path: path.into(),
            width,
            height,
            clip,
            step,
            done: 0,
            over: false,
        })
    }
}

impl SmallFrames {
    /// The clip's own rate; of its frames, one in [`SmallFrames::step`] comes.
    pub fn clip_rate(&self) -> Rate {
        self.clip.rate
    }

    /// How many of the clip's frames lie between two that come, one of them counted.
    pub fn step(&self) -> u32 {
        self.step
    }

    fn next_frame(&mut self) -> Result<Option<Preview>, FfmpegError> {
        let mut codes = vec![[0u8; 3]; self.width as usize * self.height as usize];
        let bytes = codes.as_flattened_mut();
        let mut had = 0;
        while had < bytes.len() {
            match self.stdout.read(&mut bytes[had..]) {
                Ok(0) => break,
                Ok(n) => had += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if had == bytes.len() {
            return Ok(Preview::from_codes(codes, self.width, self.height));
        }
        let (content, words) = self.process.end();
        if content && had == 0 && self.done > 0 {
            return Ok(None);
        }
        Err(FfmpegError::Failed {
            doing: format!("reading {}", self.path.display()),
            words,
            mend: "If the clip plays elsewhere, export it anew as ProRes or H.264.",
        })
    }
}

impl Iterator for SmallFrames {
    type Item = Result<Preview, FfmpegError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let frame = self.next_frame().transpose();
        self.done += 1;
        self.over = !matches!(frame, Some(Ok(_)));
        frame
    }
}
