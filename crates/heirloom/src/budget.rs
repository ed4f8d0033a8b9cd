//! `heirloom budget`: how the money stands, and ruling on what nobody knew to have been paid.

use std::path::Path;

use heirloom_dailies::money::{Caps, Ruling, accounts, rule};
use heirloom_vault::Actor;

use crate::args::Budget;
use crate::open;
use crate::show::Show;

/// How the money stands, or a ruling.
pub fn run(folder: &Path, options: &Budget, show: &Show) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let film = open::film(folder, show)?;
    let ruled = match (&options.paid, &options.not_paid) {
        (Some(draw), _) => Some((draw, Ruling::Paid(options.usd))),
        (None, Some(draw)) => Some((draw, Ruling::NotPaid)),
        (None, None) => None,
    };
    if let Some((draw, ruling)) = ruled {
        let entry = rule(
            &vault,
            draw,
            ruling,
            Actor::person_here(),
            options.why.as_deref().unwrap_or_default(),
        )?;
        show.say(&match ruling {
            Ruling::Paid(_) => format!(
                "{}: paid; it is not handed in again (another seed is another draw).",
                entry.shot
            ),
            Ruling::NotPaid => format!("{}: not paid; it is made when it is wanted.", entry.shot),
        });
        return Ok(());
    }
    let accounts = accounts(&vault, &Caps::of(&film))?;
    show.say(&if options.json {
        serde_json::to_string_pretty(&accounts)?
    } else {
        accounts.to_string().trim_end().to_owned()
    });
    Ok(())
}
