//! Options of `heirloom restyle`.

use clap::Args as Group;
use heirloom_film::Setting;

/// Options of `restyle`.
#[derive(Debug, Group)]
#[command(after_help = "\
A take is named by its id, or by its shot: then it is the shot's select, or what film.toml draws. docs/diffusion.md says how.
  heirloom restyle sea/010 --strength 0.4                    by the first model that can, to the take's own words
  heirloom restyle 4f2a91… --engine wan --strength 0.3 --prompt \"old film, silver grain\" --set steps=30
  heirloom restyle sea/010 --engine vace --strength 0.6 --set control=edges --from portrait
                                                             its own edges held, and what a photograph shows
A take that was drawn for a stage keeps to it where the engine follows guides.
Stopped, the same command goes on. `heirloom choose` makes the new take the select.")]
pub struct Restyle {
    /// Takes: ids, or shots as "scene/shot" or their ids.
    #[arg(value_name = "TAKE", required = true)]
    pub takes: Vec<String>,
    /// The engine that makes them over; the first model on the list when left out.
    #[arg(long, value_name = "NAME")]
    pub engine: Option<String>,
    /// How strongly: 0.2 changes the look, 0.8 leaves little, 1 nearly nothing of the take.
    #[arg(long, value_name = "0..1", value_parser = strength)]
    pub strength: f64,
    /// What is to be seen; the take's own prompt, or its shot's, when left out.
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// How it is to feel; likewise.
    #[arg(long, value_name = "TEXT")]
    pub mood: Option<String>,
    /// A setting of the engine, as a shot's `settings` have it. May be given again.
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub set: Vec<(String, Setting)>,
    /// A photograph of what is to be seen, for models that take some. May be given again.
    #[arg(long, value_name = "SOURCE")]
    pub from: Vec<String>,
    /// The size that is worked at; the take's own when left out.
    #[arg(long, value_name = "WxH", value_parser = super::size)]
    pub size: Option<heirloom_film::Size>,
    /// Leave the stage aside that the take was drawn for.
    #[arg(long)]
    pub without_guides: bool,
    /// Chance; the take's own when left out.
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

/// A strength.
fn strength(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|v| *v > 0.0 && *v <= 1.0);
    number.ok_or_else(|| "write a number above 0, at most 1; 0 would leave the take as it is".into())
}

/// A setting: its name, and a flag, a number or words.
fn setting(text: &str) -> Result<(String, Setting), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("write its name, `=` and its value: steps=30")?;
    let value = match (value.parse(), value.parse::<i64>(), value.parse::<f64>()) {
        (Ok(flag), _, _) => Setting::Flag(flag),
        (_, Ok(whole), _) => Setting::Whole(whole),
        (_, _, Ok(number)) if number.is_finite() => Setting::Number(number),
        _ => Setting::Text(value.to_owned()),
    };
    Ok((name.to_owned(), value))
}
