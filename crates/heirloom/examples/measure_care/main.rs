//! How well takes are cared for: prints tab-separated figures for `cargo xtask measure care`.
//!
//! `measure_care PHOTOGRAPHS PICTURES [FILM_FOLDER]`. Of every photograph of the folder PHOTOGRAPHS a camera's way over it is made,
//! flicker put into it and taken off again. Of every shot of the film that has a take and a larger one made of that by
//! `heirloom care`, both are compared with the photographs. Strips for the docs go to the folder PICTURES.

#![allow(clippy::print_stdout)]

mod flicker;
mod larger;

use std::path::PathBuf;

use anyhow::Context;
use heirloom_engine::Failure;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let photographs = arguments.next().context("argument: a folder of photographs")?;
    let pictures = arguments
        .next()
        .context("argument: a folder for strips of frames")?;
    std::fs::create_dir_all(&pictures)?;
    flicker::measure(&photographs, &pictures)?;
    match arguments.next() {
        Some(film) => larger::measure(&film, &pictures),
        None => Ok(()),
    }
}

fn said(failure: Failure) -> anyhow::Error {
    anyhow::anyhow!(failure.message)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
