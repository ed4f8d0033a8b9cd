//! A run of named steps, each timed; the first failure ends it.

use anyhow::{Result, anyhow};
use std::time::{Duration, Instant};

/// The steps done so far, and how long each took.
#[derive(Default)]
pub struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Does one step. `alone` is the command a person types to run only this one.
    pub fn step<T>(&mut self, name: &str, alone: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        self.done.push((name.to_owned(), took));
        match &result {
            Ok(_) => println!("== {name}: {}", time(took)),
            Err(_) => println!("== {name}: FAILED after {}", time(took)),
        }
        result.map_err(|e| anyhow!("the step `{name}` failed: {e:#}\n\nTo run it alone: {alone}"))
    }

    /// Names and seconds of the steps done.
    pub fn times(&self) -> Vec<(String, f64)> {
        self.done
            .iter()
            .map(|(n, d)| (n.clone(), d.as_secs_f64()))
            .collect()
    }

    /// Prints the table of times.
    pub fn table(&self) {
        let width = self
            .done
            .iter()
            .map(|(n, _)| n.chars().count())
            .max()
            .unwrap_or(0)
            .max(5);
        println!("\n{:width$}  time", "step");
        for (name, took) in &self.done {
            println!("{name:width$}  {}", time(*took));
        }
        println!(
            "{:width$}  {}",
            "total",
            time(self.done.iter().map(|(_, d)| *d).sum())
        );
    }
}

/// `0.4 s`, `12.3 s`, `3 min 07 s`.
pub fn time(d: Duration) -> String {
    let s = d.as_secs_f64();
    if s < 59.95 {
        format!("{s:.1} s")
    } else {
        format!("{} min {:02} s", s as u64 / 60, s as u64 % 60)
    }
}
