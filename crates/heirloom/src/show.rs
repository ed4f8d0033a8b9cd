//! What the user sees: words on standard output and error, bars for long work.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use heirloom_dailies::{Event, Observer};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where words and bars go.
pub struct Show {
    bars: MultiProgress,
    color: bool,
    moving: bool,
    quiet: bool,
}

impl Show {
    /// Colours and bars where standard error is a terminal and `plain` is not asked for.
    pub fn new(plain: bool) -> Self {
        let moving = !plain && std::io::stderr().is_terminal();
        let color = moving && std::env::var_os("NO_COLOR").is_none();
        let target = if moving {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            bars: MultiProgress::with_draw_target(target),
            color,
            moving,
            quiet: false,
        }
    }

    /// One that nobody sees, for doing again what was shown already.
    pub fn silent() -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            color: false,
            moving: false,
            quiet: true,
        }
    }

    /// Whether to use colours.
    pub fn color(&self) -> bool {
        self.color
    }

    /// A result, on standard output.
    pub fn say(&self, line: &str) {
        self.bars.suspend(|| println!("{line}"));
    }

    /// News of the work, on standard error.
    pub fn note(&self, line: &str) {
        self.bars.suspend(|| eprintln!("{line}"));
    }

    /// A block of text such as a diagnostic, on standard error.
    pub fn block(&self, text: &str) {
        if self.quiet {
            return;
        }
        self.bars.suspend(|| eprintln!("{}", text.trim_end()));
    }

    /// What went wrong, with its mend.
    pub fn error(&self, text: &str) {
        let word = if self.color {
            "\x1b[1;31merror\x1b[0m"
        } else {
            "error"
        };
        self.bars.suspend(|| eprintln!("{word}: {text}"));
    }

    /// A bar for `total` units of work; without a terminal, a line every so often.
    pub fn bar(&self, what: &str, total: u64, unit: &str) -> Bar<'_> {
        let template = format!("{{prefix:28}} {{bar:32}} {{pos}}/{{len}} {unit} {{eta:>5}} {{msg}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.bars.add(
            ProgressBar::new(total)
                .with_style(style)
                .with_prefix(what.to_owned()),
        );
        bar.enable_steady_tick(Duration::from_millis(250));
        Bar {
            show: self,
            bar,
            what: what.to_owned(),
            unit: unit.to_owned(),
            said: Mutex::new(Instant::now()),
        }
    }
}

/// One stretch of long work.
pub struct Bar<'s> {
    show: &'s Show,
    bar: ProgressBar,
    what: String,
    unit: String,
    said: Mutex<Instant>,
}

impl Bar<'_> {
    /// So much is done of so much.
    pub fn at(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.show.moving && said.elapsed() > Duration::from_secs(5) {
            *said = Instant::now();
            self.show
                .note(&format!("{}: {done} of {total} {}", self.what, self.unit));
        }
    }

    /// It is over.
    pub fn end(&self, words: &str) {
        self.bar.finish_and_clear();
        self.show.note(&format!("{}: {words}", self.what));
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar for every shot that is being drawn.
pub struct ShotBars<'s> {
    show: &'s Show,
    labels: Vec<String>,
    bars: Mutex<HashMap<usize, (Bar<'s>, Instant)>>,
}

impl<'s> ShotBars<'s> {
    /// For shots with these names.
    pub fn new(show: &'s Show, labels: Vec<String>) -> Self {
        Self {
            show,
            labels,
            bars: Mutex::new(HashMap::new()),
        }
    }
}

impl Observer for ShotBars<'_> {
    fn event(&self, index: usize, event: Event) {
        let label = self.labels.get(index).map_or("", String::as_str);
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let mut over = |words: &str| match bars.remove(&index) {
            Some((bar, begun)) => bar.end(&format!("{words} after {:.1} s", begun.elapsed().as_secs_f64())),
            None => self.show.note(&format!("{label}: {words}")),
        };
        match event {
            Event::Queued => {}
            Event::Kept => self.show.note(&format!("{label}: there already")),
            Event::Progress(p) => {
                let (bar, _) = bars.entry(index).or_insert_with(|| {
                    (
                        self.show.bar(label, p.total_frames.into(), "frames"),
                        Instant::now(),
                    )
                });
                bar.at(p.done_frames.into(), p.total_frames.into());
            }
            Event::Drawn => over("drawn"),
            Event::Refused(grounds) => over(&format!("refused: {}", grounds.join("; "))),
            Event::Retrying(words) => over(&format!("will be tried again: {words}")),
            Event::Failed(words) => over(&format!("failed: {words}")),
            Event::Stopped => over("stopped; the same command goes on from here"),
        }
    }
}

/// A bar for the vault's and the archive's long work, which asks whether to stop.
pub struct VaultBar<'s> {
    show: &'s Show,
    stop: Arc<AtomicBool>,
    done: AtomicU64,
    bar: Mutex<Option<(Bar<'s>, u64)>>,
}

impl<'s> VaultBar<'s> {
    /// A bar that `stop` stops.
    pub fn new(show: &'s Show, stop: &Arc<AtomicBool>) -> Self {
        Self {
            show,
            stop: stop.clone(),
            done: AtomicU64::new(0),
            bar: Mutex::new(None),
        }
    }
}

impl heirloom_vault::Progress for VaultBar<'_> {
    fn begin(&self, what: &str, total: Option<u64>) {
        self.done.store(0, Ordering::Relaxed);
        let total = total.unwrap_or(0);
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((self.show.bar(what, total, ""), total));
    }

    fn advance(&self, units: u64) {
        let done = self.done.fetch_add(units, Ordering::Relaxed) + units;
        if let Some((bar, total)) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.at(done, (*total).max(done));
        }
    }

    fn end(&self) {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
