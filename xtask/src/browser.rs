//! The studio's page in a real browser: Debian's Chromium, driven by playwright-core, which brings no browser of its own.

use crate::args::Args;
use crate::command::{Cmd, cargo, program};
use crate::packages::{self, Need};
use crate::places;
use crate::steps::Steps;
use anyhow::{Context, Result};

/// The browser.
const CHROMIUM: Need = Need {
    program: "chromium",
    files: &[],
    apt: &["chromium"],
    dnf: "chromium",
    brew: "chromium",
    why: "shows the studio's page in tests",
};
/// What runs the script that looks at the page. Debian 12 has Node 18: playwright-core stays at 1.60, as later
/// ones ask for Node 20.
const NODE: Need = Need {
    program: "node",
    files: &[],
    apt: &["nodejs"],
    dnf: "nodejs",
    brew: "node",
    why: "drives the browser in tests",
};
/// What fetches playwright-core.
const NPM: Need = Need {
    program: "npm",
    files: &[],
    apt: &["npm"],
    dnf: "nodejs-npm",
    brew: "node",
    why: "fetches what drives the browser",
};

/// `cargo xtask browser [FOLDER]`: the page's test alone; screenshots are kept in the folder.
pub fn run(mut args: Args) -> Result<()> {
    let folder = args.word();
    args.done()?;
    let mut steps = Steps::default();
    steps.step("set up the browser", "cargo xtask browser", install)?;
    steps.step("the viewer in a browser", "cargo xtask browser", || {
        let mut test = test();
        if let Some(folder) = folder {
            test = test.env("HEIRLOOM_SCREENSHOTS", std::path::absolute(folder)?);
        }
        test.run()
    })?;
    steps.table();
    Ok(())
}

/// Installs what is missing.
pub fn install() -> Result<()> {
    packages::install(&[&CHROMIUM, &NODE, &NPM])?;
    let folder = places::root().join("web/look");
    // As locked, and nothing that a package would run.
    program("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .dir(folder)
        .run()
        .context("playwright-core could not be fetched; is there a network?")
}

/// The test, over the workspace, so that what other tests have built serves here too.
pub fn test() -> Cmd {
    cargo("test --locked --workspace --test browser -- --ignored")
}
