//! A clip's frames as pictures, one after another.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};

use heirloom_film::Size;

use super::process::Process;
use super::{CLIP_INPUT, ClipInfo, Ffmpeg, FfmpegError, SCALER, file_url};
use crate::color::{self, Matrix};
use crate::image::{AcesCg, Image};
use crate::resample;

/// The frames of a part of a clip, in order. Ends after the last; after an error, nothing follows.
pub struct Frames {
    process: Process,
    stdout: BufReader<ChildStdout>,
    path: PathBuf,
    width: u32,
    height: u32,
    size: Size,
    to_acescg: Matrix,
    start: u64,
    count: u64,
    done: u64,
    over: bool,
    /// The codes of the frame read last.
    bytes: Vec<u8>,
}

/// Frames before which a jump into the file is not worth it.
const NEAR: u64 = 48;

impl Ffmpeg {
    /// The frames `start` to `start + count` of a clip, upright, in ACEScg, of the film's size: scaled
    /// to cover it, in linear light, and what stands over is cropped evenly. Frame 0 is the first; a
    /// clip of uneven pace is taken at [`ClipInfo::rate`].
    ///
    /// # Errors
    /// Where the file is no clip, in colours that are not read, or shorter than `start + count`; while
    /// it runs, where ffmpeg gives up.
    pub fn frames(&self, path: &Path, start: u64, count: u64, size: Size) -> Result<Frames, FfmpegError> {
        let clip = self.probe(path)?;
        clip.check_transfer(path)?;
        if start.saturating_add(count) > clip.frames {
            return Err(FfmpegError::ClipEnds {
                path: path.into(),
                start,
                count,
                had: clip.frames,
            });
        }
        let mut command = self.command();
        command.args(["-nostdin", "-threads", "2"]).args(CLIP_INPUT);
        let (num, den) = (clip.rate.num(), clip.rate.den());
        let mut filters = Vec::new();
        let mut skip = start;
        if !clip.even_pace {
            filters.push(format!("fps={num}/{den}:round=near"));
        } else if clip.begins_with_file && start > NEAR {
            // Half a frame early, so that no rounding of times can jump over the one that is meant.
            let half_frames = u128::from(2 * start - 1);
            let microseconds = half_frames * u128::from(den) * 500_000 / u128::from(num);
            command.arg("-ss").arg(format!("{}us", microseconds));
            skip = 0;
        }
        filters.push(format!("trim=start_frame={skip}:end_frame={}", skip + count));
        // Evenly timed anew, or ffmpeg would double or drop frames to keep to the old times.
        filters.push(format!("settb={den}/{num},setpts=N"));
        filters.push(to_rgb(&clip));
        command
            .arg("-i")
            .arg(file_url(path))
            .args(["-map", "0:v:0", "-an", "-sn", "-dn"]);
        command
            .arg("-vf")
            .arg(filters.join(","))
            .arg("-r")
            .arg(format!("{num}/{den}"));
        command.arg("-frames:v").arg(count.to_string());
        command
            .args(["-f", "rawvideo", "-pix_fmt", "rgb48le", "pipe:1"])
            .stdout(Stdio::piped());
        let mut process = Process::start(&mut command)?;
        let Some(stdout) = process.child().stdout.take() else {
            return Err(FfmpegError::Unusable {
                program: self.ffmpeg.display().to_string(),
                why: "its output cannot be read".into(),
            });
        };
        Ok(Frames {
            process,
            stdout: BufReader::with_capacity(1 << 20, stdout),
            path: path.into(),
            width: clip.width,
            height: clip.height,
            size,
            to_acescg: clip.to_acescg(),
            start,
            count,
            done: 0,
            over: count == 0,
            bytes: Vec::new(),
        })
    }
}

/// To full-range RGB, its matrix and range named.
fn to_rgb(clip: &ClipInfo) -> String {
    match clip.matrix_name() {
        Some(matrix) => {
            let range = if clip.full_range { "full" } else { "limited" };
            format!("scale=in_color_matrix={matrix}:in_range={range}:out_range=full:{SCALER},format=rgb48le")
        }
        None => format!("scale={SCALER},format=rgb48le"),
    }
}

impl Frames {
    fn read_codes(&mut self) -> Result<(), FfmpegError> {
        self.bytes
            .resize(self.width as usize * self.height as usize * 6, 0);
        if self.stdout.read_exact(&mut self.bytes).is_err() {
            let (content, words) = self.process.end();
            return Err(if content {
                let had = self.start + self.done;
                FfmpegError::ClipEnds {
                    path: self.path.clone(),
                    start: self.start,
                    count: self.count,
                    had,
                }
            } else {
                FfmpegError::Failed {
                    doing: format!("reading {}", self.path.display()),
                    words,
                    mend: "If the clip plays elsewhere, export it anew as ProRes or H.264.",
                }
            });
        }
        Ok(())
    }

    fn next_frame(&mut self) -> Result<Image<AcesCg>, FfmpegError> {
        self.read_codes()?;
        let code = |b: &[u8]| u16::from_le_bytes([b[0], b[1]]);
        let codes: Vec<[u16; 3]> = self
            .bytes
            .chunks_exact(6)
            .map(|p| [code(&p[0..2]), code(&p[2..4]), code(&p[4..6])])
            .collect();
        let light = &*color::SRGB16;
        let image = color::bring_in(&codes, self.width, self.height, &self.to_acescg, |c| {
            light[usize::from(c)]
        });
        let image = image.unwrap_or_else(|| Image::new(self.width, self.height));
        if (image.width(), image.height()) == (self.size.width, self.size.height) {
            return Ok(image);
        }
        Ok(resample::cover(&image, self.size.width, self.size.height))
    }

    /// Passes over one frame without making a picture of it; `None` after the last.
    pub fn skip_one(&mut self) -> Option<Result<(), FfmpegError>> {
        if self.over {
            return None;
        }
        let passed = self.read_codes();
        self.done += 1;
        self.over = passed.is_err() || self.done == self.count;
        Some(passed)
    }
}

impl Iterator for Frames {
    type Item = Result<Image<AcesCg>, FfmpegError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let frame = self.next_frame();
        self.done += 1;
        self.over = frame.is_err() || self.done == self.count;
        Some(frame)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = if self.over {
            0
        } else {
            (self.count - self.done) as usize
        };
        (0, Some(left))
    }
}
