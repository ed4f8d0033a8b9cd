//! Options of `heirloom care`.

use clap::Args as Group;

/// Options of `care`.
#[derive(Debug, Group)]
#[command(after_help = "\
A take is named by its id, or by its shot: then it is the shot's select, or what film.toml draws. docs/care.md says how.
  heirloom care sea/010 --deflicker              take all flicker off
  heirloom care 4f2a91… --deflicker 0.6          six tenths of it
  heirloom care sea/010 --denoise --grain 0.5    noise off, half as much grain in its place
  heirloom care sea/010 --upscale                to the film's size, what is fine from the take's own photographs
  heirloom care 4f2a91… --upscale 2 --from sea-2019 --from waves
                                                 twice as large, and from these photographs as well
Stopped, the same command goes on. `heirloom choose` makes the new take the select.")]
pub struct Care {
    /// Takes: ids, or shots as "scene/shot" or their ids.
    #[arg(value_name = "TAKE", required = true)]
    pub takes: Vec<String>,
    /// Take flicker off, region by region along the motion: 1 all that is found (when no number is said), 0 none.
    #[arg(long, value_name = "0..1", num_args = 0..=1, default_missing_value = "1", value_parser = super::share)]
    pub deflicker: Option<f64>,
    /// Take noise off along the motion, and put grain in its place: 1 all that is found (when no number is said), 0 none.
    #[arg(long, value_name = "0..1", num_args = 0..=1, default_missing_value = "1", value_parser = super::share)]
    pub denoise: Option<f64>,
    /// How strong the grain is where noise is taken off, against the take's own; 1 when left out, 0 for none.
    #[arg(long, value_name = "0..2", requires = "denoise", value_parser = grain)]
    pub grain: Option<f64>,
    /// Make it so many times as large, 1.2 to 4; to the film's size when no number is said.
    #[arg(long, value_name = "TIMES", num_args = 0..=1, default_missing_value = "0", value_parser = times, conflicts_with = "size")]
    pub upscale: Option<f64>,
    /// Make it so large: 1.2 to 4 times its own size.
    #[arg(long, value_name = "WxH", value_parser = super::size)]
    pub size: Option<heirloom_film::Size>,
    /// How much of what is fine in a larger take comes from photographs; 1 when left out, 0 for none: Lanczos' kernel alone.
    #[arg(long, value_name = "0..1", value_parser = super::share)]
    pub detail: Option<f64>,
    /// A photograph that what is fine may come from, besides those the take is made of. May be given again.
    #[arg(long, value_name = "SOURCE")]
    pub from: Vec<String>,
    /// Chance, where it matters; the take's own when left out.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Why, for the ledger.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Only say what would be made.
    #[arg(long)]
    pub dry_run: bool,
    /// The new takes as JSON.
    #[arg(long)]
    pub json: bool,
    /// Threads; all cores when left out.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// A factor; 0 stands for the film's size.
fn times(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(by) if by == 0.0 || (1.2..=4.0).contains(&by) => Ok(by),
        _ => Err("write a number from 1.2 to 4, or none for the film's size".into()),
    }
}

/// A strength of grain.
fn grain(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|v| (0.0..=2.0).contains(v));
    number.ok_or_else(|| "write a number from 0 to 2; 1 keeps the take's own".into())
}
