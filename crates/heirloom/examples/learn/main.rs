//! Small models that learn on this machine: prints tab-separated figures for `cargo xtask learn`.
//!
//! `learn guides FILM_FOLDER WORK_FOLDER PICTURES_FOLDER`: a transformer of VACE's shape learns from nothing, from renders of
//! the film's blocked shots and their depth, and is then asked for camera moves that it never saw. A run that was stopped goes
//! on from the checkpoint in WORK_FOLDER.
//!
//! - [`ways`]: camera moves by chance, and which of them are held out.
//! - [`sets`]: the film's blocked shots, rendered along a way.
//! - [`course`]: what is trained, for how long, and the training itself.
//! - [`following`]: how well a clip follows the guides of its way.
//! - [`sheet`]: the pictures, side by side.
//! - [`guides`]: all of it.

#![allow(clippy::print_stdout)]

mod course;
mod following;
mod guides;
mod sets;
mod sheet;
mod ways;

use std::path::PathBuf;

use anyhow::{Context, bail};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let lesson = arguments
        .next()
        .context("arguments: a lesson; there is: guides")?;
    let mut folders = arguments.map(PathBuf::from);
    match lesson.as_str() {
        "guides" => {
            let film = folders.next().context("argument: the film's folder")?;
            let work = folders
                .next()
                .context("argument: a folder to work in, where checkpoints are kept")?;
            let pictures = folders.next().context("argument: a folder for pictures")?;
            guides::learn(&film, &work, &pictures)
        }
        other => bail!("there is no lesson `{other}`; there is: guides"),
    }
}
