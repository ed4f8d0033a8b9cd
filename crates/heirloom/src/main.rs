//! The command line: parse, run, exit code. It plugs the engines in and holds no other rule.

#![allow(clippy::print_stdout, clippy::print_stderr)] // words on the terminal are what a command line is for

mod archive;
mod args;
mod asked;
mod attribution;
mod budget;
mod care;
mod choose;
mod compare;
mod cull;
mod cut;
mod distance;
mod draws;
mod drift;
mod frames;
mod ledger;
mod like;
mod limits;
mod look;
mod make;
mod models;
mod open;
mod over;
mod reports;
mod restyle;
mod rights;
mod selects;
mod show;
mod stage;
mod style;
mod takes;
mod trace;
mod versions;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use heirloom_engine::Engines;

use args::{Args, Command};
use show::Show;

/// Keeps the megabytes of one picture for the next, where the system's allocator gives them back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Ended by what the gate refused.
const REFUSED: u8 = 3;
/// Ended by Ctrl-C, as shells count it.
const INTERRUPTED: u8 = 130;

/// How a command ended, where it did not just end well.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// Everything was said already.
    #[error("see above")]
    Said(u8),
}

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("HEIRLOOM_LOG").unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let show = Show::new(args.plain);
    let stop = match stop_on_ctrl_c() {
        Ok(stop) => stop,
        Err(error) => {
            show.error(&format!("Ctrl-C can not be listened for: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match run(&args, &show, &stop) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<Ended>() {
            Some(Ended::Said(code)) => ExitCode::from(*code),
            None => {
                show.error(&chain(&error));
                ExitCode::FAILURE
            }
        },
    }
}

fn run(args: &Args, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let folder = &args.film;
    match &args.command {
        Command::New { name } => make::new(folder, name, show),
        Command::Check(options) => make::check(folder, &engines(), options, show),
        Command::Make(options) => make::make(folder, &engines(), options, show, stop),
        Command::Archive(command) => archive::run(folder, command, show, stop),
        Command::Rights(command) => rights::run(folder, command, show),
        Command::Style(command) => style::run(folder, command, show, stop),
        Command::Grade(options) => style::grade(folder, options, show, stop),
        Command::Models(command) => models::run(command, show, stop),
        Command::Log(options) => ledger::log(folder, options, show),
        Command::Vault(command) => ledger::vault(folder, *command, show, stop),
        Command::Trace(options) => trace::run(folder, &engines(), options, show),
        Command::Takes(options) => match (&options.shot, options.count) {
            (Some(shot), Some(count)) => draws::draw(folder, &engines(), (options, shot, count), show, stop),
            _ if options.sheet.is_some() || !options.near.is_empty() => {
                compare::sheet(folder, &engines(), options, show)
            }
            _ if options.versions.is_some() => versions::compare(folder, options, show),
            _ => takes::list(folder, options, show),
        },
        Command::Choose(options) => choose::choose(folder, options, show),
        Command::Measure(options) => cull::measure(folder, &engines(), options, show, stop),
        Command::Cull(options) => cull::cull(folder, &engines(), options, show, stop),
        Command::Look(options) => look::run(folder, engines(), options, show, stop),
        Command::Compare(options) => compare::compare(folder, &engines(), options, show, stop),
        Command::Report(options) => choose::report(folder, options, show),
        Command::Budget(options) => budget::run(folder, options, show),
        Command::Watch(options) => draws::watch(folder, options, show, stop),
        Command::Queue(command) => draws::manage(folder, command, show),
        Command::Care(options) => care::run(folder, &engines(), options, show, stop),
        Command::Restyle(options) => restyle::run(folder, &engines(), options, show, stop),
        Command::Distance(options) => distance::run(folder, &engines(), options, show),
        Command::Attribution(options) => attribution::run(folder, &engines(), options, show),
        Command::Stage(command) => stage::run(folder, &engines(), command, show, stop),
        Command::Frames(options) => frames::run(folder, &engines(), options, show, stop),
    }
}

/// The engines of this program; the first is the default.
fn engines() -> Engines {
    let engines = models::engines(Engines::new().with(Arc::new(heirloom_engine_exemplar::engine::engine())));
    // Last: it opens the takes of all others.
    let care = heirloom_engine_exemplar::care::engine(engines.clone());
    engines.with(Arc::new(care))
}

/// An error and what it came from, each said once: our errors quote the system's words themselves.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for part in error.chain().map(ToString::to_string) {
        if !text.contains(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
    }
    text
}

/// The first Ctrl-C asks for a stop, the second ends the program at once; either way nothing is lost.
fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>, ctrlc::Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED.into());
        }
    })?;
    Ok(stop)
}
