//! `heirloom distance`.

use std::path::Path;

use heirloom_engine::distance::Signature;
use heirloom_engine::{Distance, Engines};
use heirloom_vault::Vault;

use crate::args::Distance as Options;
use crate::show::Show;
use crate::{open, takes};

/// How far two takes lie apart.
pub fn run(folder: &Path, engines: &Engines, options: &Options, show: &Show) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let mut found = Vec::new();
    for wanted in [&options.one, &options.other] {
        let mut plan = || takes::plan(folder, None, &vault, engines, show);
        found.push(takes::take(folder, &vault, &mut plan, wanted)?);
    }
    let signatures: Vec<Signature> = found
        .iter()
        .map(|(_, take)| signature(&vault, engines, take))
        .collect::<anyhow::Result<_>>()?;
    let distance = signatures[0].distance(&signatures[1]);
    if options.json {
        let both: Vec<_> = found.iter().map(|(_, take)| take.id).collect();
        let json = serde_json::json!({ "takes": both, "distance": distance });
        show.say(&serde_json::to_string_pretty(&json)?);
    } else {
        for (label, take) in &found {
            show.say(&format!("{}  {label}", takes::short(&take.id)));
        }
        show.say(&distance.to_string());
    }
    Ok(())
}

fn signature(
    vault: &std::sync::Arc<Vault>,
    engines: &Engines,
    take: &heirloom_dailies::takes::Take,
) -> anyhow::Result<Signature> {
    let engine = engines.get(Some(&take.manifest.engine))?;
    let frames = engine.open(&take.manifest, vault.clone())?;
    Ok(Signature::of(&*frames, take.manifest.rate)?)
}

/// How far two takes lie apart.
pub fn between(
    vault: &std::sync::Arc<Vault>,
    engines: &Engines,
    one: &heirloom_dailies::takes::Take,
    other: &heirloom_dailies::takes::Take,
) -> anyhow::Result<Distance> {
    Ok(signature(vault, engines, one)?.distance(&signature(vault, engines, other)?))
}
