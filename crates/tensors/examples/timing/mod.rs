//! What the benchmarks have in common: random weights, and the lines that they print.

use std::time::Instant;

use half::bf16;
use heirloom_tensors::wan::DitConfig;
use heirloom_tensors::weights::{Stored, Weight};

/// The program's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `n` values spread evenly between −`most` and `most`.
pub fn random(n: usize, most: f32) -> impl Iterator<Item = f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ n as u64;
    (0..n).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * most
    })
}

/// The transformer of Wan 2.1 1.3B, of so many blocks.
pub fn wan_1_3b(layers: usize) -> DitConfig {
    DitConfig {
        patch: [1, 2, 2],
        heads: 12,
        head_dim: 128,
        in_channels: 16,
        out_channels: 16,
        text_dim: 4096,
        freq_dim: 256,
        ffn_dim: 8960,
        layers,
        cross_attn_norm: true,
        eps: 1e-6,
    }
}

/// A weight in bfloat16, as models are stored, spread by its inputs.
pub fn weight(shape: &[usize]) -> Weight<'static> {
    let inputs = shape.iter().skip(1).product::<usize>().max(1) as f32;
    let values = random(shape.iter().product(), 1.0 / inputs.sqrt());
    let bytes: Vec<u8> = values.flat_map(|v| bf16::from_f32(v).to_le_bytes()).collect();
    Weight {
        stored: Stored::Bf16,
        bytes: bytes.into(),
    }
}

/// Milliseconds that this process has spent on processors, where the system tells: on a busy machine it says more than the
/// clock.
fn cpu_ms() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    let of = |task: std::io::Result<std::fs::DirEntry>| -> Option<f64> {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    tasks.filter_map(of).sum::<f64>() / 1e6
}

/// Times `run` by the clock and by the processors, after one run that is not counted, and prints `time`, what, and the
/// median, the least and the processors' milliseconds.
///
/// # Errors
/// What `run` gives.
pub fn report<E>(what: &str, repeats: usize, mut run: impl FnMut() -> Result<(), E>) -> Result<(), E> {
    run()?;
    let (mut clock, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..repeats.max(1) {
        let (start, before) = (Instant::now(), cpu_ms());
        run()?;
        clock.push(start.elapsed().as_secs_f64() * 1e3);
        cpu.push(cpu_ms() - before);
    }
    clock.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    let (median, least, cpu) = (clock[clock.len() / 2], clock[0], cpu[cpu.len() / 2]);
    println!("time\t{what}\t{median:.2}\t{least:.2}\t{cpu:.2}");
    Ok(())
}

/// Prints the most memory that this process has held, in MiB, where the system tells.
pub fn report_peak() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    if let Some(kib) = kib {
        println!("time\tpeak\t{}", kib / 1024);
    }
}

/// The number among the program's words, and what it is where it is left out.
pub fn repeats(place: usize, otherwise: usize) -> usize {
    let word = std::env::args().nth(place);
    word.and_then(|v| v.parse().ok()).unwrap_or(otherwise).max(1)
}
