//! `chancery partner trust`: whom to believe for which domain, shown and changed.

mod change;
mod show;

use chancery_smime::card::Card;
use chancery_store::partner::PartnerRow;
use chancery_store::trust::Scope;

use crate::cli::trust::PartnerTrust;
use crate::commands::block_on;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act};
use crate::output::{Output, note, plain};

use change::Change;
use show::Shown;

/// Runs the command.
pub(super) fn run(installation: &Installation, options: &PartnerTrust, output: Output) -> Result {
    let store = installation.store()?;
    let asked = scope(installation, options)?;
    let partner = match &asked {
        Scope::Domain(domain) => store.partner_by_domain(domain)?,
        _ => None,
    };
    let trusts = store.trusts()?;
    if let Some(change) = Change::read(&options.change, &trusts)? {
        change.refuse_ours(&installation.settings.domains)?;
        let act = act("chancery partner trust");
        let before = trusts.clone();
        let (scope, now) = block_on(async {
            Ok(store
                .change_trust(asked.clone(), move |settings| change.apply(settings), act)
                .await?)
        })?;
        if before.of(&scope).cloned().unwrap_or_default() == now {
            note("nothing has changed: it was so before");
        }
    }
    let shown = shown(&store.trusts()?, &asked, partner.as_ref())?;
    output.show(&shown, || shown.to_string())
}

fn scope(installation: &Installation, options: &PartnerTrust) -> Result<Scope> {
    let Some(domain) = &options.domain else {
        return Ok(if options.everybody { Scope::Everybody } else { Scope::Partners });
    };
    let domain = change::domain(domain)?;
    if installation.settings.is_ours(&domain) {
        return Err(Failure::usage(format!("{domain} is a domain of this organisation"))
            .hint("only your own authority speaks for your domains; that cannot be changed"));
    }
    Ok(Scope::Domain(domain))
}

fn shown(
    trusts: &chancery_store::trust::Trusts,
    asked: &Scope,
    partner: Option<&PartnerRow>,
) -> Result<Shown> {
    let card = partner.map(|row| Card::read_stored(&row.card)).transpose().map_err(|error| {
        Failure::of(
            &format!("cannot read the card of {}", plain(asked.to_string().as_str())),
            &error,
        )
    })?;
    Ok(Shown::new(trusts, asked, partner, card.as_ref()))
}
