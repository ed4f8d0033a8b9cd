//! Shots made from clips: which sources they need, and whether the clip is long enough.

use heirloom_archive::{Media, Source};
use heirloom_engine::conform::{clip_frame, moment};
use heirloom_film::{Film, Kind, Shot, SourceCall};

/// Calls in the order an engine gets them, where the kind has one of its own: the clip before the matter, the
/// first still before the last.
pub(crate) fn calls(shot: &Shot) -> Option<Vec<&SourceCall>> {
    Some(match &shot.kind {
        Kind::Becoming { from, to, .. } | Kind::Between { from, to } => {
            [from, to].into_iter().chain(&shot.sources).collect()
        }
        Kind::Style { clip, .. } | Kind::Extend { clip, .. } | Kind::Slow { clip, .. } => {
            std::iter::once(clip).chain(&shot.sources).collect()
        }
        _ => return None,
    })
}

/// Whether the shot's first source is a clip.
pub(crate) fn begins_with_clip(kind: &Kind) -> bool {
    matches!(kind, Kind::Style { .. } | Kind::Extend { .. } | Kind::Slow { .. })
}

/// Whether the sources are what the kind is made from; else why not, with the mend.
pub(crate) fn fits(film: &Film, shot: &Shot, sources: &[Source]) -> Result<(), String> {
    let photographs = usize::from(begins_with_clip(&shot.kind));
    if let Some(clip) = sources
        .iter()
        .skip(photographs)
        .find(|s| s.media != Media::Photograph)
    {
        return Err(if photographs == 0 {
            format!(
                "{} is a clip; a {} shot is made from photographs (use `kind = \"plate\"` for clips)",
                clip.file_name,
                shot.kind.word()
            )
        } else {
            format!(
                "{} is a clip, but the matter of a {} shot is photographs; name photographs in `sources`",
                clip.file_name,
                shot.kind.word()
            )
        });
    }
    let Some(source) = sources.first().filter(|_| photographs > 0) else {
        return Ok(());
    };
    let (Media::Clip, Some(frames), Some(rate)) = (source.media, source.frames, source.rate) else {
        return Err(format!(
            "{} is a photograph, and a {} shot is made from a clip; name a clip, or make the shot `kind = \"living\"`",
            source.file_name,
            shot.kind.word()
        ));
    };
    let last = shot.frames.saturating_sub(1);
    let (needed, mend) = match shot.kind {
        Kind::Style { start, .. } => (
            clip_frame(u64::from(start) + u64::from(last), film.rate, rate) + 1,
            "start earlier or make the shot shorter",
        ),
        Kind::Slow { start, pace, .. } => (
            moment(start, last, round(pace), film.rate, rate).needs(),
            "start earlier, make the shot shorter or `pace` smaller",
        ),
        Kind::Extend { .. } => (
            2,
            "a clip of one frame has no motion to go on with: name a longer one",
        ),
        _ => return Ok(()),
    };
    if needed > frames {
        return Err(format!(
            "{} has {frames} frames at {rate} a second, but the shot, at the film's {} a second, needs {needed} of \
             them; {mend}",
            source.file_name, film.rate
        ));
    }
    Ok(())
}

/// What a person wrote as 0.4, as 0.4 and not as the nearest f32 in all its digits: the same number stands in
/// the request.
pub(crate) fn round(v: f32) -> f64 {
    (f64::from(v) * 1e6).round() / 1e6
}
