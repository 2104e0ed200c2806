//! The role `authority`: publishes what the bridge of this installation says, and renews it in time.

use std::time::Duration;

use chancery_authority::Host;
use chancery_authority::server::{self, Shelf};
use chancery_fault::Coded as _;
use chancery_net::shutdown::Shutdown;
use chancery_store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::commands::bridge::read_levels;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act};

/// The running role; it ends with the shutdown that it was given.
pub(super) struct Authority {
    /// Where it listens.
    pub(super) address: String,
    tasks: JoinSet<()>,
}

impl Authority {
    /// Starts the role if the configuration says where it listens; there must be a bridge then.
    pub(super) async fn start(
        installation: &Installation,
        store: &Store,
        shutdown: &Shutdown,
    ) -> Result<Option<Self>> {
        let Some(address) = installation.settings.authority.listen else { return Ok(None) };
        let shelf = Shelf::default();
        let shown = refresh(installation, store, &shelf).await?;
        let failed = |error: std::io::Error| {
            Failure::failed(format!("cannot listen on {address}: {error}"))
                .hint("choose another address for `authority.listen`, or stop what listens there")
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?.to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(server::serve(listener, shelf.clone(), shutdown.clone()));
        tasks.spawn(watch(installation.clone(), store.clone(), shelf, shown, shutdown.clone()));
        Ok(Some(Self { address, tasks }))
    }

    /// Waits for its end.
    pub(super) async fn ended(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if ended.is_err() {
                tracing::error!("a part of the publication stopped");
            }
        }
    }
}

/// Looks again and again whether the bridge has changed or something is due.
async fn watch(
    installation: Installation,
    store: Store,
    shelf: Shelf,
    mut shown: i64,
    shutdown: Shutdown,
) {
    let mut ticks: u32 = 0;
    loop {
        tokio::select! {
            () = shutdown.triggered() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        ticks = ticks.wrapping_add(1);
        // What is due without a change, renewals and reviews that are over, is looked for once an hour.
        let is_due = ticks.is_multiple_of(TICKS_PER_HOUR);
        let version = store.bridge_version().unwrap_or(shown);
        if version == shown && !is_due {
            continue;
        }
        match refresh(&installation, &store, &shelf).await {
            Ok(version) => {
                tracing::info!("the publication of the bridge was made anew");
                shown = version;
            }
            // What is published stays; the next round tries it again.
            Err(failure) => tracing::error!(
                code = failure.code,
                error = failure.message,
                "the publication of the bridge cannot be made anew"
            ),
        }
    }
}

/// Renews what is due and publishes; returns the number of the state that is published.
async fn refresh(installation: &Installation, store: &Store, shelf: &Shelf) -> Result<i64> {
    let levels = read_levels(installation)?;
    let master = installation.working_master_key(store)?;
    let mut host = Host::open(store, &master)?;
    let act = act("chancery serve");
    let at = act.at_ms / 1000;
    match host.renew(&levels, act).await {
        Ok(renewed) => {
            for what in renewed {
                tracing::info!(what, "renewed");
            }
        }
        // An old list is better than none.
        Err(error) => {
            tracing::error!(code = error.code().id, %error, "the bridge cannot renew what is due");
        }
    }
    shelf.put(host.publication(&levels, at)?);
    Ok(host.book().version)
}

/// How soon a revocation is published.
const INTERVAL: Duration = Duration::from_secs(10);
/// Intervals of an hour.
const TICKS_PER_HOUR: u32 = 360;
