//! The report as a table for people.

use std::fmt::{self, Display, Formatter};

use super::report::{Adherence, Blocking, Camera, Light, Reading, Signal, Timing};

impl Display for Adherence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let frames = &self.frames;
        writeln!(
            f,
            "{} frames compared at {}x{} (guides {}, take {})",
            frames.judged, frames.working_px[0], frames.working_px[1], frames.guides, frames.take
        )?;
        line(f, "camera", &self.camera)?;
        line(f, "timing", &self.timing)?;
        line(f, "blocking", &self.blocking)?;
        line(f, "light", &self.light)?;
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

fn line<T: Display>(f: &mut Formatter<'_>, name: &str, reading: &Reading<T>) -> fmt::Result {
    match reading {
        Reading::Read(value) => writeln!(f, "{name:<9} {value}"),
        Reading::Unsure { why } => writeln!(f, "{name:<9} unsure: {why}"),
    }
}

impl Display for Camera {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "off by {:.2} px a frame (median {:.2}, 95 % below {:.2}); {:.0} % of the picture judged",
            self.mean_px, self.median_px, self.p95_px, self.judged_percent
        )?;
        if let Some(ratio) = self.ratio_to_still {
            write!(f, "; {ratio:.2} of the error of standing still")?;
        }
        if let Some(gain) = self.gain {
            write!(f, "; makes {:.0} % of the motion", 100.0 * gain)?;
        }
        Ok(())
    }
}

impl Display for Timing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (late, spread) = (self.lag_fine_frames, self.spread_frames);
        match self.lag_frames {
            0 => write!(f, "on time ({late:+.2} ± {spread:.2} frames)")?,
            1.. => write!(f, "{} frames late ({late:.2} ± {spread:.2})", self.lag_frames)?,
            _ => write!(
                f,
                "{} frames early ({:.2} ± {spread:.2})",
                -self.lag_frames, -late
            )?,
        }
        write!(f, "; fit {:.2} of 1", self.fit)?;
        match self.by {
            Signal::Field => Ok(()),
            Signal::Energy => write!(f, ", by how much moves only"),
        }
    }
}

impl Display for Blocking {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let take = &self.take;
        write!(
            f,
            "outlines placed {:.2} of 1 (precision {:.2}, recall {:.2}, F {:.2}; by chance {:.2})",
            take.placed, take.precision, take.recall, take.f, take.chance_f
        )?;
        if let Some(stage) = &self.stage {
            write!(f, "; the stage's own picture {:.2}", stage.placed)?;
        }
        write!(f, "; by object {:.2}", self.objects_shown)?;
        for object in &self.objects {
            for span in &object.missing {
                write!(
                    f,
                    "\n{:<9} `{}` does not show where the stage has it in frames {}-{}",
                    "", object.name, span.first, span.last
                )?;
            }
        }
        Ok(())
    }
}

impl Display for Light {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0}° from the stage's ({} frames, confidence {:.2})",
            self.angle_deg, self.frames, self.confidence
        )
    }
}
