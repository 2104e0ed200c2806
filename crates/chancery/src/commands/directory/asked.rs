//! `chancery directory asked`: who asked for whom.

use chancery_directory::{asked, key_of};

use crate::cli::directory::AskedFor;
use crate::commands::serve::directory::question_key;
use crate::failure::Result;
use crate::installation::{Installation, now_ms};
use crate::output::{Output, plain, table, time};
use crate::settings::Audit;

/// Runs the command.
pub(super) fn run(installation: &Installation, options: &AskedFor, output: Output) -> Result {
    let store = installation.store()?;
    let kept = match &options.address {
        None => None,
        Some(text) => {
            let key = key_of(&super::address(text)?);
            Some(match installation.settings.directory.audit {
                Audit::Clear => key,
                Audit::Hashed | Audit::Off => {
                    asked::hashed(&question_key(installation, &store)?, &key)
                }
            })
        }
    };
    let since = now_ms().saturating_sub(i64::from(options.days) * DAY_MS);
    let rows = store.questions(kept.as_deref(), since, options.limit)?;
    output.show(&rows, || {
        let lines: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                vec![
                    time(row.at_ms),
                    row.face.clone(),
                    plain(&row.client),
                    plain(&row.address),
                    row.outcome.clone(),
                    row.times.to_string(),
                ]
            })
            .collect();
        table(&["WHEN", "FACE", "CLIENT", "FOR", "OUTCOME", "TIMES"], &lines)
    })
}

const DAY_MS: i64 = 86_400_000;
