//! Options of `heirloom care`.

use clap::Args as Group;

/// Options of `care`.
#[derive(Debug, Group)]
#[command(after_help = "\
A take is named by its id, or by its shot: then it is the shot's select, or what film.toml draws. docs/care.md says how.
  heirloom care sea/010 --deflicker              take all flicker off
  heirloom care 4f2a91… --deflicker 0.6          six tenths of it
Stopped, the same command goes on. `heirloom choose` makes the new take the select.")]
pub struct Care {
    /// Takes: ids, or shots as "scene/shot" or their ids.
    #[arg(value_name = "TAKE", required = true)]
    pub takes: Vec<String>,
    /// Take flicker off, region by region along the motion: 1 all that is found (when no number is said), 0 none.
    #[arg(long, value_name = "0..1", num_args = 0..=1, default_missing_value = "1", value_parser = super::share)]
    pub deflicker: Option<f64>,
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
