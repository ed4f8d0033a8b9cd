//! Figures of a benchmark: read from the programs that measure, written to docs/benchmarks.
//!
//! A measuring program prints, among whatever else it says, lines of tab-separated fields:
//! `figure`, name, value, unit, `lower` or `higher`, goal or `-`, and optionally a note.

use crate::command::Cmd;
use crate::{bench, places};
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::fs;

/// One number that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is of.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// What it should reach, if anything.
    pub goal: Option<f64>,
    /// What a reader should know besides.
    pub note: String,
}

impl Figure {
    fn met(&self) -> Option<bool> {
        self.goal.map(|g| {
            if self.higher_is_better {
                self.value >= g
            } else {
                self.value <= g
            }
        })
    }

    fn parse(line: &str) -> Result<Option<Self>> {
        let Some(rest) = line.strip_prefix("figure\t") else {
            return Ok(None);
        };
        let fields: Vec<&str> = rest.split('\t').collect();
        let [name, value, unit, better, goal, note @ ..] = fields.as_slice() else {
            bail!("a figure has too few fields: {line}");
        };
        let number = |text: &str| {
            text.parse::<f64>()
                .with_context(|| format!("`{text}` is not a number: {line}"))
        };
        Ok(Some(Self {
            name: (*name).to_owned(),
            value: number(value)?,
            unit: (*unit).to_owned(),
            higher_is_better: match *better {
                "higher" => true,
                "lower" => false,
                other => bail!("`{other}` is neither lower nor higher: {line}"),
            },
            goal: if *goal == "-" { None } else { Some(number(goal)?) },
            note: note.join(" "),
        }))
    }
}

/// Runs a measuring program and takes its figures.
pub fn measured_by(program: Cmd) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut wrong = None;
    program.run_reading(|line| match Figure::parse(line) {
        Ok(Some(figure)) => figures.push(figure),
        Ok(None) => {}
        Err(e) => wrong = Some(e),
    })?;
    match wrong {
        Some(e) => Err(e),
        None if figures.is_empty() => bail!("the measuring program printed no figure"),
        None => Ok(figures),
    }
}

/// Writes `docs/benchmarks/FILE.json` and `.md`; `text` stands above the table.
pub fn write(file: &str, command: &str, text: &str, figures: &[Figure]) -> Result<()> {
    let folder = places::root().join("docs/benchmarks");
    fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
    let (machine, date) = (bench::machine(), bench::today());

    let mut json = String::new();
    writeln!(
        json,
        "{{\n  \"bench\": {},\n  \"command\": {},",
        quote(file),
        quote(command)
    )?;
    writeln!(
        json,
        "  \"machine\": {},\n  \"date\": {},\n  \"figures\": [",
        quote(&machine),
        quote(&date)
    )?;
    for (n, f) in figures.iter().enumerate() {
        let better = if f.higher_is_better { "higher" } else { "lower" };
        let goal = f.goal.map_or_else(|| "null".to_owned(), |g| g.to_string());
        let comma = if n + 1 < figures.len() { "," } else { "" };
        let (name, unit) = (quote(&f.name), quote(&f.unit));
        writeln!(
            json,
            "    {{\"name\": {name}, \"value\": {}, \"unit\": {unit}, \"better\": \"{better}\", \"goal\": {goal}}}{comma}",
            f.value
        )?;
    }
    json.push_str("  ]\n}\n");

    let mut page = format!("{text}\n\nCommand: `{command}`. Machine: {machine}. Date: {date}.\n\n");
    page.push_str("| what | measured | goal | met | note |\n|---|---|---|---|---|\n");
    for f in figures {
        let sign = if f.higher_is_better { "≥" } else { "≤" };
        let goal = f
            .goal
            .map_or_else(|| "–".to_owned(), |g| format!("{sign} {g} {}", f.unit));
        let met = f.met().map_or("", |m| if m { "yes" } else { "**no**" });
        writeln!(
            page,
            "| {} | {} {} | {goal} | {met} | {} |",
            f.name, f.value, f.unit, f.note
        )?;
    }
    for (ending, content) in [("json", json), ("md", page)] {
        let path = folder.join(format!("{file}.{ending}"));
        fs::write(&path, content).with_context(|| format!("{} could not be written", path.display()))?;
        println!("wrote {}", places::show(&path));
    }
    let missed: Vec<&str> = figures
        .iter()
        .filter(|f| f.met() == Some(false))
        .map(|f| f.name.as_str())
        .collect();
    match missed.as_slice() {
        [] => println!("every goal is met"),
        names => println!(
            "{} of {} goals are missed:\n  {}",
            names.len(),
            figures.len(),
            names.join("\n  ")
        ),
    }
    Ok(())
}

/// A JSON string. Names here hold no control characters.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_and_other_lines_are_not() {
        assert_eq!(Figure::parse("making a picture").unwrap(), None);
        let f = Figure::parse("figure\tstill 640x360\t1.25\ts\tlower\t7.8\tthe peer's time")
            .unwrap()
            .unwrap();
        assert_eq!((f.value, f.goal, f.higher_is_better), (1.25, Some(7.8), false));
        assert_eq!(f.met(), Some(true));
        assert_eq!(f.note, "the peer's time");
        let none = Figure::parse("figure\ta\t2\ts\thigher\t-").unwrap().unwrap();
        assert_eq!((none.goal, none.met()), (None, None));
        assert!(Figure::parse("figure\ta\ttwo\ts\thigher\t-").is_err());
        assert!(Figure::parse("figure\ta\t2\ts\tmore\t-").is_err());
    }
}
