//! A trace in words.

use std::fmt;

use crate::trace::{LayerTrace, OriginTrace, SourceTrace, TakeTrace, Trace, What};

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, frame {} of {} ({})",
            self.title, self.frame, self.frames, self.timecode
        )?;
        if let Some((x, y)) = self.pixel {
            write!(f, ", pixel {x},{y}")?;
        }
        writeln!(f)?;
        if self.layers.len() > 1 {
            writeln!(f, "a dissolve of {} layers:", self.layers.len())?;
        }
        for layer in &self.layers {
            layer.fmt(f)?;
        }
        if !self.shares.is_empty() {
            writeln!(f, "sources of this frame:")?;
            for share in &self.shares {
                writeln!(f, "  {:>6.2} %  {}", share.share * 100.0, share.source)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for LayerTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = Percent(self.weight);
        match &self.what {
            What::Drawn {
                what,
                by,
                fonts,
                text,
            } => {
                writeln!(
                    f,
                    "{percent} {what}: drawn by {by} in {}; no source has a part in it",
                    fonts.join(", ")
                )?;
                for line in text {
                    writeln!(f, "    \"{line}\"")?;
                }
                Ok(())
            }
            What::Plate {
                scene,
                shot,
                source,
                clip_frame,
                pixel,
            } => {
                writeln!(f, "{percent} shot {scene}/{shot}, a plate")?;
                writeln!(f, "    {source}")?;
                write!(f, "    frame {clip_frame} of the clip")?;
                match pixel {
                    Some((x, y)) => writeln!(f, ", pixel {x},{y}{}", Of(source.size)),
                    None => writeln!(f),
                }
            }
            What::Take(take) => {
                writeln!(
                    f,
                    "{percent} shot {}/{}, frame {}{} of its take",
                    take.scene,
                    take.shot,
                    take.frame,
                    if take.between { " and the next" } else { "" }
                )?;
                take.fmt(f)
            }
        }
    }
}

impl fmt::Display for TakeTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for origin in &self.origins {
            origin.fmt(f)?;
        }
        for source in &self.made_of {
            writeln!(f, "    made of   {source}")?;
        }
        writeln!(f, "    take      {}", self.take)?;
        if let Some(of) = self.of_take {
            writeln!(f, "    of take   {of}")?;
        }
        writeln!(f, "    request   {}, draw {}", self.request, self.draw)?;
        writeln!(
            f,
            "    engine    {} revision {}, seed {}",
            self.engine, self.revision, self.seed
        )?;
        for (what, words) in [("prompt", &self.prompt), ("mood", &self.mood)] {
            if !words.is_empty() {
                writeln!(f, "    {what:<9} \"{words}\"")?;
            }
        }
        for lora in &self.loras {
            writeln!(
                f,
                "    LoRA      {} of {}, step {} on {}, kept by {}, {} (act {})",
                lora.name, lora.of, lora.step, lora.model, lora.act.by, lora.act.at, lora.act.id
            )?;
            for source in &lora.sources {
                writeln!(f, "      trained on {source}")?;
            }
        }
        for act in &self.acts {
            writeln!(
                f,
                "    {:<9} by {} on {}, {} (act {})",
                act.verb, act.by, act.machine, act.at, act.id
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for OriginTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    {} {}", Percent(self.weight), self.source)?;
        let finish = if self.finished {
            "moved by the finish"
        } else {
            "not moved by the finish"
        };
        writeln!(
            f,
            "           {}pixel {:.2}, {:.2}{}; {finish}",
            self.clip_frame
                .map_or(String::new(), |n| format!("frame {n} of the clip, ")),
            self.x,
            self.y,
            Of(self.source.size)
        )?;
        let (width, height) = self.scaled_to;
        writeln!(
            f,
            "           sampled at {:.3}, {:.3} of {width}x{height}",
            self.scaled_x, self.scaled_y
        )
    }
}

impl fmt::Display for SourceTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "archive:{}", self.name)?;
        if let Some(file) = &self.file_name {
            write!(f, " ({file})")?;
        }
        match (&self.owner, &self.terms) {
            (Some(owner), Some(terms)) => write!(f, ", {owner}, {terms}")?,
            _ => write!(f, ", owner not stated")?,
        }
        if !self.scope.is_empty() {
            write!(f, ", for: {}", self.scope.join(", "))?;
        }
        if self.revoked {
            write!(f, "; leave taken back since")?;
        }
        Ok(())
    }
}

struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6.2} %", self.0 * 100.0)
    }
}

/// ` of 3000x2000`, where that is known.
struct Of(Option<(u32, u32)>);

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |(width, height)| write!(f, " of {width}x{height}"))
    }
}
