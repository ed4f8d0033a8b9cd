//! What a clip is: its size, exact rate, length and colour, as ffprobe reads them.

use std::path::Path;

use heirloom_film::Rate;
use serde::Deserialize;

use super::{CLIP_INPUT, Ffmpeg, FfmpegError, file_url};
use crate::color::{Chromaticities, Matrix, between};

/// A clip's first picture track.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipInfo {
    /// Pixels in a row, upright.
    pub width: u32,
    /// Rows, upright.
    pub height: u32,
    /// Frames a second, exact. A clip of uneven pace has the usual rate nearest to its mean.
    pub rate: Rate,
    /// Frames at that rate.
    pub frames: u64,
    /// Whether there is a sound track.
    pub has_audio: bool,
    /// The codec, as ffmpeg names it: `h264`, `prores`.
    pub codec: String,
    /// The pixel format, as ffmpeg names it: `yuv420p`, `yuv422p10le`.
    pub pixel_format: String,
    /// Degrees that the clip is turned by for showing, clockwise: 0, 90, 180 or 270. Already in
    /// `width` and `height`, and in the frames.
    pub rotation_deg: u32,
    /// Primaries as tagged, or `None`.
    pub primaries: Option<String>,
    /// Transfer function as tagged, or `None`.
    pub transfer: Option<String>,
    /// Y'CbCr matrix as tagged, or `None`.
    pub matrix: Option<String>,
    /// Whether black is code 0 and white the highest, and not 16 and 235.
    pub full_range: bool,
    /// Whether every frame lasts equally long.
    pub even_pace: bool,
    /// Whether the picture begins where the file does, so that a place in time is a frame.
    pub(super) begins_with_file: bool,
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Container,
}

#[derive(Default, Deserialize)]
struct Container {
    start_time: Option<String>,
    duration: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stream {
    codec_type: String,
    codec_name: String,
    width: u32,
    height: u32,
    pix_fmt: String,
    r_frame_rate: String,
    avg_frame_rate: String,
    nb_frames: Option<String>,
    nb_read_packets: Option<String>,
    start_time: Option<String>,
    duration: Option<String>,
    color_range: Option<String>,
    color_space: Option<String>,
    color_transfer: Option<String>,
    color_primaries: Option<String>,
    side_data_list: Vec<SideData>,
    tags: Tags,
    disposition: Disposition,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tags {
    rotate: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
}

impl Ffmpeg {
    /// What the clip at `path` is.
    ///
    /// # Errors
    /// Where it is no clip, has no picture, or no frame rate.
    pub fn probe(&self, path: &Path) -> Result<ClipInfo, FfmpegError> {
        let refuse = |words: String| FfmpegError::NotAClip {
            path: path.into(),
            words,
        };
        if let Err(error) = std::fs::metadata(path) {
            return Err(refuse(error.to_string()));
        }
        let report = self.report(path, &[])?;
        let has_audio = report.streams.iter().any(|s| s.codec_type == "audio");
        let is_picture = |s: &Stream| s.codec_type == "video" && s.disposition.attached_pic == 0;
        let Some(video) = report.streams.into_iter().find(is_picture) else {
            return Err(refuse("it has no moving picture".into()));
        };
        if video.width == 0 || video.height == 0 {
            return Err(refuse("its picture has no size".into()));
        }
        let (rate, even_pace) = rate_of(&video).ok_or_else(|| refuse("it has no frame rate".into()))?;
        let number = |text: &Option<String>| text.as_ref().and_then(|n| n.parse::<u64>().ok());
        let seconds = |text: &Option<String>| text.as_ref().and_then(|n| n.parse::<f64>().ok());
        let duration = seconds(&video.duration).or_else(|| seconds(&report.format.duration));
        let at_rate = |s: f64| {
            (s * f64::from(rate.num()) / f64::from(rate.den()))
                .round()
                .max(1.0) as u64
        };
        let frames = match (even_pace, number(&video.nb_frames), duration) {
            (true, Some(frames), _) => frames,
            (false, _, Some(duration)) => at_rate(duration),
            _ => {
                let counted = self.report(path, &["-count_packets", "-select_streams", "v:0"])?;
                counted
                    .streams
                    .first()
                    .and_then(|s| number(&s.nb_read_packets))
                    .unwrap_or(0)
            }
        };
        if frames == 0 {
            return Err(refuse("it has no frames".into()));
        }
        let turned = video.side_data_list.iter().find_map(|s| s.rotation).map(|r| -r);
        let tagged = video.tags.rotate.as_ref().and_then(|r| r.parse().ok());
        // Only quarter turns are applied; a camera held askew stays so.
        let quarters = (turned.or(tagged).unwrap_or(0.0) / 90.0).round().rem_euclid(4.0) as u32;
        let (width, height) = if quarters % 2 == 1 {
            (video.height, video.width)
        } else {
            (video.width, video.height)
        };
        let known = |tag: Option<String>| {
            tag.filter(|t| !matches!(t.as_str(), "unknown" | "reserved" | "unspecified"))
        };
        Ok(ClipInfo {
            width,
            height,
            rate,
            frames,
            has_audio,
            codec: video.codec_name,
            full_range: video.color_range.as_deref() == Some("pc") || video.pix_fmt.starts_with("yuvj"),
            pixel_format: video.pix_fmt,
            rotation_deg: quarters * 90,
            primaries: known(video.color_primaries),
            transfer: known(video.color_transfer),
            matrix: known(video.color_space),
            even_pace,
            begins_with_file: video.start_time == report.format.start_time,
        })
    }

    fn report(&self, path: &Path, more: &[&str]) -> Result<Report, FfmpegError> {
        let mut command = self.probe_command();
        command.args(CLIP_INPUT).args(more);
        command
            .args(["-show_streams", "-show_format", "-of", "json"])
            .arg(file_url(path));
        let output = command.output().map_err(|e| FfmpegError::Unusable {
            program: self.ffprobe.display().to_string(),
            why: e.to_string(),
        })?;
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let refuse = |words: String| FfmpegError::NotAClip {
            path: path.into(),
            words,
        };
        if !output.status.success() {
            return Err(refuse(if words.is_empty() {
                "ffprobe does not know it".into()
            } else {
                words
            }));
        }
        serde_json::from_slice(&output.stdout).map_err(|e| refuse(format!("ffprobe's report is odd ({e})")))
    }
}

/// The rates that cameras run at.
const USUAL: [(u32, u32); 12] = [
    (24, 1),
    (24_000, 1001),
    (25, 1),
    (30, 1),
    (30_000, 1001),
    (48, 1),
    (50, 1),
    (60, 1),
    (60_000, 1001),
    (100, 1),
    (120, 1),
    (120_000, 1001),
];

/// The exact rate, and whether the pace is even. Telephones record at an uneven pace and leave frames
/// out: what was meant is then the rate that the times are multiples of, where that is a usual one
/// and most frames are there; or else the usual rate within half a percent of the mean.
fn rate_of(video: &Stream) -> Option<(Rate, bool)> {
    let base = Rate::parse(&video.r_frame_rate).ok();
    let mean = Rate::parse(&video.avg_frame_rate).ok();
    let value = |rate: Rate| f64::from(rate.num()) / f64::from(rate.den());
    match (base, mean) {
        (Some(base), None) => Some((base, true)),
        (Some(base), Some(mean)) if (value(base) / value(mean) - 1.0).abs() < 1e-3 => Some((base, true)),
        (_, Some(mean)) => {
            let off = |rate: &Rate| (value(*rate) / value(mean) - 1.0).abs();
            let usual = USUAL.iter().filter_map(|(num, den)| Rate::new(*num, *den).ok());
            let mut usual: Vec<Rate> = usual.collect();
            usual.sort_by(|a, b| off(a).total_cmp(&off(b)));
            let whole = base.filter(|base| usual.contains(base) && value(mean) / value(*base) > 0.75);
            let nearest = usual.first().copied().filter(|rate| off(rate) < 5e-3);
            Some((whole.or(nearest).unwrap_or(mean), false))
        }
        (None, None) => None,
    }
}

impl ClipInfo {
    /// ffmpeg's name of the Y'CbCr matrix to undo; none for RGB. What is not tagged is BT.709 from 720
    /// lines on and BT.601 below, as by custom.
    pub(super) fn matrix_name(&self) -> Option<&'static str> {
        let rgb = ["rgb", "bgr", "gbr", "argb", "abgr", "pal8"];
        if rgb.iter().any(|name| self.pixel_format.starts_with(name)) {
            return None;
        }
        Some(match self.matrix.as_deref() {
            Some("bt709") => "bt709",
            Some("bt470bg" | "smpte170m") => "bt601",
            Some("bt2020nc" | "bt2020c") => "bt2020",
            Some("smpte240m") => "smpte240m",
            Some("fcc") => "fcc",
            _ if self.width.max(self.height) >= 1280 || self.width.min(self.height) >= 720 => "bt709",
            _ => "bt601",
        })
    }

    /// From the clip's linear RGB to ACEScg.
    pub(super) fn to_acescg(&self) -> Matrix {
        let from = match self.primaries.as_deref() {
            Some("bt2020") => Chromaticities::REC2020,
            Some("smpte432") => Chromaticities::DISPLAY_P3,
            Some("bt470bg") => Chromaticities {
                green: [0.29, 0.60],
                ..Chromaticities::REC709
            },
            Some("smpte170m" | "smpte240m") => Chromaticities {
                red: [0.630, 0.340],
                green: [0.310, 0.595],
                blue: [0.155, 0.070],
                ..Chromaticities::REC709
            },
            _ => Chromaticities::REC709,
        };
        between(&from, &Chromaticities::AP1)
    }

    /// Refuses what the display curve would read wrongly.
    pub(super) fn check_transfer(&self, path: &Path) -> Result<(), FfmpegError> {
        let what = match self.transfer.as_deref() {
            Some("smpte2084") => "HDR (PQ)",
            Some("arib-std-b67") => "HDR (HLG)",
            Some("log100" | "log316") => "in a logarithmic curve",
            Some("linear") => "in linear light",
            _ => return Ok(()),
        };
        Err(FfmpegError::Colour {
            path: path.into(),
            what: what.into(),
        })
    }
}
