//! Benchmarks.
use crate::args::Args;
use crate::command::program;
use anyhow::Result;
pub enum Kind {
    Speed,
    Quality,
}
pub fn run(_args: Args, _kind: Kind) -> Result<()> {
    anyhow::bail!("not yet")
}
/// Processor and number of cores.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map(|l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{}, {cores} cores, {}",
        name.unwrap_or(std::env::consts::ARCH),
        std::env::consts::OS
    )
}
/// Today, in UTC, as 2026-01-31.
pub fn today() -> String {
    program("date")
        .args(["-u", "+%Y-%m-%d"])
        .read()
        .unwrap_or_default()
}
