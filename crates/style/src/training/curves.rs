//! A run's curves as a picture: losses and drift over steps, as SVG.

use std::fmt::Write;

use super::record::Record;

const WIDTH: f64 = 900.0;
const PANEL: f64 = 240.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 44.0;
const GAP: f64 = 64.0;
/// Points of the smoothed curve.
const SMOOTHED: usize = 300;

/// Steps and their losses.
pub type Losses = [(u64, f64)];

/// One panel: what goes into it, and where it lies.
struct Panel {
    top: f64,
    steps: f64,
    least: f64,
    most: f64,
}

impl Panel {
    fn new(top: f64, steps: u64, values: impl Iterator<Item = f64> + Clone) -> Self {
        let sound = values.filter(|v| v.is_finite());
        let least = sound.clone().fold(f64::INFINITY, f64::min);
        let most = sound.fold(f64::NEG_INFINITY, f64::max);
        let (least, most) = if least.is_finite() {
            (least, most)
        } else {
            (0.0, 1.0)
        };
        let room = ((most - least) * 0.08).max(most.abs() * 0.01).max(1e-9);
        Self {
            top,
            steps: steps.max(1) as f64,
            least: least - room,
            most: most + room,
        }
    }

    fn x(&self, step: u64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * step as f64 / self.steps
    }

    fn y(&self, value: f64) -> f64 {
        self.top + PANEL * (1.0 - (value - self.least) / (self.most - self.least))
    }

    fn frame(&self, svg: &mut String, title: &str) {
        let (right, bottom) = (WIDTH - RIGHT, self.top + PANEL);
        let _ = write!(
            svg,
            "<text x=\"{LEFT}\" y=\"{:.1}\" class=\"title\">{title}</text>\n<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{PANEL}\" class=\"frame\"/>\n",
            self.top - 10.0,
            self.top,
            right - LEFT
        );
        for n in 0..=4 {
            let part = f64::from(n) / 4.0;
            let value = self.least + (self.most - self.least) * part;
            let y = self.y(value);
            let _ = write!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"grid\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" class=\"value\">{value:.3}</text>\n",
                LEFT - 6.0,
                y + 4.0
            );
            let step = (self.steps * part).round();
            let x = LEFT + (right - LEFT) * part;
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" class=\"step\">{step}</text>",
                bottom + 16.0
            );
        }
    }

    fn line(&self, svg: &mut String, class: &str, points: &[(u64, f64)]) {
        if points.is_empty() {
            return;
        }
        let all: Vec<String> = points
            .iter()
            .filter(|(_, v)| v.is_finite())
            .map(|(step, value)| format!("{:.1},{:.1}", self.x(*step), self.y(*value)))
            .collect();
        let _ = writeln!(svg, "<polyline points=\"{}\" class=\"{class}\"/>", all.join(" "));
    }

    fn dots(&self, svg: &mut String, class: &str, points: &[(u64, f64)], kept: Option<u64>) {
        for (step, value) in points {
            let radius = if kept == Some(*step) { 7.0 } else { 3.5 };
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\" class=\"{class}\"><title>step {step}: {value:.4}</title></circle>",
                self.x(*step),
                self.y(*value)
            );
        }
    }
}

/// The curves of a run of `steps` steps: above, the samples' losses (as means over stretches) with the held-out ones at
/// each checkpoint; below, the drift of each checkpoint's stills, where 1 is as the archive's own pictures. The checkpoint that
/// is suggested is drawn large.
pub fn curves(record: &Record, losses: &Losses, steps: u64) -> String {
    let smooth = smoothed(losses);
    let held: Vec<(u64, f64)> = record
        .looks
        .iter()
        .filter_map(|look| Some((look.step, look.held_out_mean()?)))
        .collect();
    let drift: Vec<(u64, f64)> = record
        .looks
        .iter()
        .filter_map(|look| Some((look.step, look.drift?)))
        .collect();
    let kept = record.suggestion.as_ref().map(|s| s.step);
    let height = TOP + PANEL + GAP + PANEL + GAP;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\">\n<style>\
         .ground{{fill:#fff}} .frame{{fill:none;stroke:#888}} .grid{{stroke:#ddd}} .title{{font-size:14px;fill:#222}} \
         .value{{font-size:11px;fill:#555;text-anchor:end}} .step{{font-size:11px;fill:#555;text-anchor:middle}} \
         .train{{fill:none;stroke:#888;stroke-width:1.2}} .held{{fill:none;stroke:#b3401f;stroke-width:1.8}} \
         .heldDot{{fill:#b3401f}} .drift{{fill:none;stroke:#1f5fb3;stroke-width:1.8}} .driftDot{{fill:#1f5fb3}} \
         .home{{stroke:#1f5fb3;stroke-dasharray:4 4}}</style>\n<rect width=\"{WIDTH}\" height=\"{height}\" class=\"ground\"/>\n"
    );
    let above = Panel::new(TOP, steps, smooth.iter().chain(&held).map(|(_, v)| *v));
    above.frame(&mut svg, "loss: samples (grey), held out (red)");
    above.line(&mut svg, "train", &smooth);
    above.line(&mut svg, "held", &held);
    above.dots(&mut svg, "heldDot", &held, kept);
    let below = Panel::new(
        TOP + PANEL + GAP,
        steps,
        drift
            .iter()
            .map(|(_, v)| *v)
            .chain((!drift.is_empty()).then_some(1.0)),
    );
    let title = match drift.is_empty() {
        true => "drift of the stills: none was measured",
        false => "drift of the stills from the style (1 is as its own sources)",
    };
    below.frame(&mut svg, title);
    if !drift.is_empty() {
        let y = below.y(1.0);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"home\"/>",
            WIDTH - RIGHT
        );
    }
    below.line(&mut svg, "drift", &drift);
    below.dots(&mut svg, "driftDot", &drift, kept);
    svg.push_str("</svg>\n");
    svg
}

/// Means over stretches of steps.
fn smoothed(losses: &Losses) -> Vec<(u64, f64)> {
    let stretch = losses.len().div_ceil(SMOOTHED).max(losses.len() / 40).max(1);
    losses
        .chunks(stretch)
        .filter_map(|some| {
            let mean = some.iter().map(|(_, loss)| loss).sum::<f64>() / some.len() as f64;
            Some((some.last()?.0, mean))
        })
        .collect()
}
