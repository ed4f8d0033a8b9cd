//! `heirloom takes`, and finding the take or the shot that a word on the command line means.

use std::path::Path;

use heirloom_dailies::takes::{self, Take};
use heirloom_dailies::{Plan, Planned, Work, subject};
use heirloom_engine::{Draw, Task};
use heirloom_film::{Film, Scene, Shot};
use heirloom_vault::Vault;

use crate::args::Takes as Options;
use crate::show::Show;
use crate::{make, open};

/// Digits of a take's id that are shown; films do not have so many takes that two share them.
const DIGITS: usize = 12;

/// A take's id as it is shown and can be typed.
pub fn short(id: &heirloom_vault::ObjectId) -> String {
    id.to_string().chars().take(DIGITS).collect()
}

/// List the film's takes, oldest first.
pub fn list(folder: &Path, options: &Options, show: &Show) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let mut all = takes::all(&vault)?;
    if let Some(wanted) = &options.shot {
        let film = open::film(folder, show)?;
        let (scene, shot) = among(&film, wanted)?;
        let (label, subject) = (format!("{} {}", scene.name, shot.name), subject(scene, shot));
        all.retain(|take| take.subjects.contains(&subject) || take.shot == label);
        if all.is_empty() && !options.json {
            show.note(&format!("{wanted} has no takes yet; `heirloom make` draws one, `heirloom takes {wanted} --count N` many"));
        }
    }
    let mut rows = Vec::new();
    for take in &all {
        let manifest = takes::open(&vault, &take.id)?.manifest;
        let request = takes::request(&vault, &manifest)?;
        let of = request.pictures.get(heirloom_engine::settings::OF_TAKE);
        if options.json {
            rows.push(serde_json::json!({
                "take": take.id, "shot": take.shot, "engine": manifest.engine, "seed": request.seed,
                "size": manifest.size, "frames": manifest.frames, "like": take.like,
                "care_of": of.filter(|_| request.task == Task::Care),
                "restyle_of": of.filter(|_| request.task != Task::Care),
                "amount": take.like.and_then(|_| request.number(heirloom_engine::settings::AMOUNT)),
                "at": take.act.at.to_string(),
            }));
            continue;
        }
        let like = take.like.map_or(String::new(), |like| {
            let amount = request.number(heirloom_engine::settings::AMOUNT).unwrap_or(1.0);
            format!(", like {} by {amount}", short(&like))
        });
        let pass = match request.task {
            Task::Care => "care",
            _ => "restyled",
        };
        let care = of.map_or(String::new(), |of| format!(", {pass} of {}", short(of)));
        show.say(&format!(
            "{}  {:<24} {}, {} frames, seed {}{like}{care}",
            short(&take.id),
            take.shot,
            manifest.size,
            manifest.frames,
            request.seed
        ));
    }
    if options.json {
        show.say(&serde_json::to_string_pretty(&rows)?);
    }
    Ok(())
}

/// The shot that a word means, and its scene.
pub fn among<'f>(film: &'f Film, wanted: &str) -> anyhow::Result<(&'f Scene, &'f Shot)> {
    let mut names = Vec::new();
    for (scene, shot) in film.shots() {
        let name = format!("{}/{}", scene.name, shot.name);
        if name == wanted || shot.id.as_ref().is_some_and(|id| id.as_str() == wanted) {
            return Ok((scene, shot));
        }
        names.push(name);
    }
    anyhow::bail!("there is no shot `{wanted}`; the film has {}", names.join(", "))
}

/// The number in the plan of the shot that a word means.
pub fn shot(plan: &Plan, wanted: &str) -> anyhow::Result<usize> {
    let name = |s: &Planned| format!("{}/{}", s.scene, s.shot.name);
    let is_it = |s: &Planned| name(s) == wanted || s.shot.id.as_ref().is_some_and(|id| id.as_str() == wanted);
    if let Some(index) = plan.shots.iter().position(is_it) {
        return Ok(index);
    }
    let slashed = wanted.replacen('/', " ", 1);
    if let Some(objection) = plan
        .objections
        .iter()
        .find(|o| o.shot == slashed || o.subject == format!("shot:{wanted}"))
    {
        anyhow::bail!("{objection}");
    }
    let names: Vec<String> = plan.shots.iter().map(name).collect();
    anyhow::bail!("there is no shot `{wanted}`; the film has {}", names.join(", "))
}

/// Leave only the shot that a word means in the plan, and only what stands in its own way.
pub fn only(plan: &mut Plan, wanted: &str) -> anyhow::Result<()> {
    let slashed = wanted.replacen('/', " ", 1);
    plan.objections
        .retain(|o| o.shot == slashed || o.subject == format!("shot:{wanted}"));
    if plan.objections.is_empty() {
        let index = shot(plan, wanted)?;
        plan.shots = vec![plan.shots.swap_remove(index)];
    } else {
        plan.shots.clear();
    }
    Ok(())
}

/// Whether a word has the shape of a take's id.
fn is_id(wanted: &str) -> bool {
    (8..=64).contains(&wanted.len())
        && wanted
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The take that a word means: the one whose id begins with it, or that of a shot as it is planned now; with a name
/// for people.
pub fn take(
    folder: &Path,
    vault: &Vault,
    plan: &mut dyn FnMut() -> anyhow::Result<Plan>,
    wanted: &str,
) -> anyhow::Result<(String, Take)> {
    if is_id(wanted) {
        let id = takes::find(vault, wanted)?.map_err(|why| anyhow::anyhow!("{why}"))?;
        let label = takes::all(vault)?
            .into_iter()
            .find(|t| t.id == id)
            .map(|t| t.shot);
        return Ok((label.unwrap_or_default(), takes::open(vault, &id)?));
    }
    let plan = plan()?;
    let planned = &plan.shots[shot(&plan, wanted)?];
    let Work::Draw { id, .. } = &planned.work else {
        anyhow::bail!("{wanted} is a plate: a clip as it was shot, all of it its one source; it has no take");
    };
    let take = takes::take_of(vault, &Draw { request: *id, n: 0 })?;
    let take = take.ok_or_else(|| {
        anyhow::anyhow!(
            "{wanted} is not drawn yet as film.toml has it now; run `heirloom make --film {}`, or name an older take \
             by its id (`heirloom takes {wanted}`)",
            folder.display()
        )
    })?;
    Ok((planned.label(), take))
}

/// The film's plan as it is now.
pub fn plan(
    folder: &Path,
    size: Option<heirloom_film::Size>,
    vault: &Vault,
    engines: &heirloom_engine::Engines,
    show: &Show,
) -> anyhow::Result<Plan> {
    let mut film = open::film(folder, show)?;
    film.size = size.unwrap_or(film.size);
    make::planned(folder, &film, vault, engines, make::Planning::default(), show)
}
