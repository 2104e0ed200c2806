//! `chancery serve`: runs the roles.

mod authority;
pub(super) mod directory;

use std::path::Path;
use std::sync::Arc;

use chancery_gateway::identity::Identity;
use chancery_gateway::{Addresses, Context, Server};
use chancery_net::clock::SystemClock;
use chancery_net::shutdown::Shutdown;
use chancery_net::tls;
use chancery_store::Store;
use serde::Serialize;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::runtime;
use crate::cli::{Role, Serve};
use crate::convert;
use crate::failure::{Failure, Result};
use crate::finding;
use crate::installation::{Installation, read_policy};
use crate::output::note;
use crate::{descriptors, logging, systemd};
use authority::Authority;

/// Runs until SIGTERM or SIGINT.
pub(super) fn run(installation: &Installation, options: &Serve) -> Result {
    logging::start(&installation.settings.log);
    for warning in &installation.settings.warnings {
        tracing::warn!("{warning}");
    }
    let descriptors = descriptors::raise();
    match options.role {
        Some(Role::Authority) => return run_authority(installation),
        Some(Role::Directory) => return run_directory(installation, descriptors),
        Some(Role::Gateway) | None => {}
    }
    let policy = installation.policy()?;
    let store = installation.store()?;
    let lock = store.serve_lock()?;
    let identity = installation.identity(&store)?;
    let tls = tls_identity(installation, &store)?;
    let settings = convert::settings(&installation.settings)?;
    let runtime = runtime(&mut Builder::new_multi_thread())?;
    let ended = runtime.block_on(async {
        let shutdown = Shutdown::new();
        let finder = finding::finder(&installation.settings)?;
        let policy_file = installation.settings.policy.clone();
        let (keys_of, keys_in) = (installation.clone(), store.clone());
        let context = Context {
            store: store.clone(),
            identity,
            policy,
            tls,
            lookup: convert::lookup(&installation.settings, &store)?,
            finder: Some(finder.clone()),
            clock: Arc::new(SystemClock::new()),
            shutdown: shutdown.clone(),
            reload: Arc::new(move || match read_policy(&policy_file) {
                Ok(policy) => Some(policy),
                Err(mistakes) => {
                    for mistake in mistakes {
                        tracing::error!(
                            "the policy has a mistake and is not read again: {mistake}"
                        );
                    }
                    None
                }
            }),
            reload_identity: Arc::new(move || {
                let failed = |failure: &Failure| {
                    tracing::error!(
                        error = failure.message,
                        "the renewed keys cannot be read; the old ones stay in use"
                    );
                };
                keys_of.identity(&keys_in).inspect_err(failed).ok()
            }),
        };
        let server = Server::bind(settings, context).await?;
        let (authority, directory) = match options.role {
            None => (
                Authority::start(installation, &store, &shutdown).await?,
                directory::Running::start(installation, &store, finder, descriptors, &shutdown)
                    .await?,
            ),
            Some(_) => (None, None),
        };
        if let Some(directory) = &directory {
            server.add_metrics(Arc::clone(&directory.metrics));
        }
        let all = All {
            addresses: server.addresses(),
            authority: authority.as_ref().map(|it| it.address.as_str()),
            directory: directory.as_ref().map(|it| &it.addresses),
        };
        announce(&installation.settings.data, &all)?;
        watch_signals(&shutdown, server.reloader())?;
        systemd::notify("READY=1");
        let ended = server.run().await;
        shutdown.trigger();
        if let Some(authority) = authority {
            authority.ended().await;
        }
        if let Some(directory) = directory {
            directory.ended().await;
        }
        Ok(ended?)
    });
    // The last worker threads wait for the disk at most; then the lock is given back.
    runtime.shutdown_timeout(std::time::Duration::from_secs(10));
    drop(lock);
    tracing::info!("stopped");
    ended
}

/// Runs what a bridge publishes, without a gateway.
fn run_authority(installation: &Installation) -> Result {
    let store = installation.store()?;
    let lock = store.serve_lock()?;
    let runtime = runtime(&mut Builder::new_multi_thread())?;
    let ended = runtime.block_on(async {
        let shutdown = Shutdown::new();
        let authority = Authority::start(installation, &store, &shutdown).await?;
        let authority = authority.ok_or_else(|| {
            Failure::usage("the configuration does not say where the authority listens")
                .hint("add `[authority] listen = \"0.0.0.0:80\"`")
        })?;
        let none = Addresses::default();
        let all = All { authority: Some(&authority.address), ..All::of(&none) };
        announce(&installation.settings.data, &all)?;
        watch_signals(&shutdown, || ())?;
        systemd::notify("READY=1");
        authority.ended().await;
        Ok(())
    });
    drop(lock);
    tracing::info!("stopped");
    ended
}

/// Runs the directory, without a gateway.
fn run_directory(installation: &Installation, descriptors: usize) -> Result {
    let store = installation.store()?;
    let lock = store.serve_lock()?;
    let runtime = runtime(&mut Builder::new_multi_thread())?;
    let ended = runtime.block_on(async {
        let shutdown = Shutdown::new();
        let finder = finding::finder(&installation.settings)?;
        let directory =
            directory::Running::start(installation, &store, finder, descriptors, &shutdown).await?;
        let directory = directory.ok_or_else(|| {
            Failure::usage("the configuration does not say where the directory is asked")
                .hint("add `[directory] outside-listen = [\"0.0.0.0:389\"]`")
        })?;
        let none = Addresses::default();
        let all = All { directory: Some(&directory.addresses), ..All::of(&none) };
        announce(&installation.settings.data, &all)?;
        watch_signals(&shutdown, || ())?;
        systemd::notify("READY=1");
        directory.ended().await;
        Ok(())
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(10));
    drop(lock);
    tracing::info!("stopped");
    ended
}

/// Returns the certificate that listeners show: the configured files, or what `init` made.
pub(super) fn tls_identity(installation: &Installation, store: &Store) -> Result<tls::Identity> {
    let files = &installation.settings.tls;
    if files.certificate.exists() || files.key.exists() {
        let read = |file: &Path| {
            std::fs::read(file)
                .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))
        };
        let (chain, key) = (read(&files.certificate)?, zeroize::Zeroizing::new(read(&files.key)?));
        return tls::Identity::from_pem(&chain, &key).map_err(|error| Failure::of("", &error));
    }
    let (certificate, key) = Identity::unseal_tls(store, &installation.working_master_key(store)?)?;
    Ok(tls::Identity::from_der(vec![certificate], key.to_vec()))
}

/// Says where the gateway listens: on standard error for people, in a file for programs.
fn announce(data: &Path, all: &All<'_>) -> Result {
    let All { addresses, authority, directory } = all;
    for (name, list) in [
        ("inside smtp", &addresses.inside),
        ("inside lmtp", &addresses.inside_lmtp),
        ("outside smtp", &addresses.outside),
    ] {
        for address in list {
            note(&format!("listening: {name} {address}"));
        }
    }
    if let Some(address) = &addresses.metrics {
        note(&format!("listening: metrics {address}"));
    }
    if let Some(address) = authority {
        note(&format!("listening: authority {address}"));
    }
    if let Some(directory) = directory {
        for (name, list) in *directory {
            let (face, protocol) = name.split_once('_').unwrap_or((name, ""));
            let protocol = match protocol {
                "" => "ldap",
                "tls" => "ldaps",
                other => other,
            };
            for address in list {
                note(&format!("listening: {face} {protocol} {address}"));
            }
        }
    }
    let text = serde_json::to_string(all).unwrap_or_default();
    let (file, part) = (data.join("addresses.json"), data.join("addresses.json.part"));
    // Renamed into place, so that whoever waits for the file never reads half of it.
    std::fs::write(&part, text)
        .and_then(|()| std::fs::rename(&part, &file))
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))
}

/// Everything that is listened on.
#[derive(Serialize)]
struct All<'a> {
    #[serde(flatten)]
    addresses: &'a Addresses,
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<&'a directory::Places>,
}

impl<'a> All<'a> {
    /// Takes the addresses of a gateway, and nothing else.
    fn of(addresses: &'a Addresses) -> Self {
        Self { addresses, authority: None, directory: None }
    }
}

/// SIGTERM and SIGINT stop, SIGHUP reads the policy again.
fn watch_signals(shutdown: &Shutdown, reload: impl Fn() + Send + 'static) -> Result {
    let watch = |kind| {
        signal(kind).map_err(|error| Failure::failed(format!("cannot watch for signals: {error}")))
    };
    let (mut terminate, mut interrupt) =
        (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    let mut hang_up = watch(SignalKind::hangup())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => {
                    systemd::notify("RELOADING=1");
                    reload();
                    systemd::notify("READY=1");
                }
            }
        }
        tracing::info!("stopping: no new mail is taken, what is in progress is finished");
        systemd::notify("STOPPING=1");
        shutdown.trigger();
    });
    Ok(())
}
