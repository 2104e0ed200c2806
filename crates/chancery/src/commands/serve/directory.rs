//! The role `directory`: answers who asks for certificates.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use chancery_crypto::{random, seal};
use chancery_directory::asked::Kept;
use chancery_directory::limiter::Limits;
use chancery_directory::settings::{Addresses, Passwords, Settings};
use chancery_directory::{Context, Directory, Shown};
use chancery_gateway::settings::Users as _;
use chancery_lookup::keys::Finder;
use chancery_net::clock::SystemClock;
use chancery_net::shutdown::Shutdown;
use chancery_net::tls::{self, ClientCertificates};
use chancery_store::Store;
use tokio::task::JoinHandle;

use super::tls_identity;
use crate::commands::Users;
use crate::convert;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, write_private};
use crate::settings::{Audit, Cidr, Directory as Configured, ListenAddress};

/// The running role; it ends with the shutdown that it was given.
pub(super) struct Running {
    pub(super) addresses: Places,
    pub(super) metrics: Arc<dyn Fn() -> String + Send + Sync>,
    task: JoinHandle<()>,
}

/// Where it listens, as the file of addresses has it.
pub(super) type Places = BTreeMap<&'static str, Vec<String>>;

impl Running {
    /// Starts the role if the configuration says where it is asked; the process may open so many descriptors.
    pub(super) async fn start(
        installation: &Installation,
        store: &Store,
        finder: Finder,
        descriptors: usize,
        shutdown: &Shutdown,
    ) -> Result<Option<Self>> {
        let from = &installation.settings.directory;
        if !from.is_on() {
            return Ok(None);
        }
        let settings = settings(installation, descriptors)?;
        let identity = tls_identity(installation, store)?;
        let clients = if settings.client_authorities.is_empty() {
            ClientCertificates::Ignore
        } else {
            ClientCertificates::Ask
        };
        let tls = tls::server(&identity, clients).map_err(|error| Failure::of("", &error))?;
        let passwords = match &from.auth_file {
            None => None,
            Some(file) => {
                let users = Users::read(file)?;
                let check = move |name: &str, password: &[u8]| {
                    std::str::from_utf8(password).is_ok_and(|it| users.check(name, it))
                };
                Some(Arc::new(check) as Passwords)
            }
        };
        let context = Context {
            store: store.clone(),
            finder: Some(finder),
            passwords,
            tls: Some(tls),
            key: question_key(installation, store)?,
            clock: Arc::new(SystemClock::new()),
            shutdown: shutdown.clone(),
        };
        let directory = Directory::bind(settings, context).await;
        let directory = directory.map_err(|error| Failure::of("", &error))?;
        let addresses = directory.addresses().named();
        let addresses = addresses.into_iter().map(|(name, list)| (name, list.to_vec())).collect();
        let metrics = Arc::new(directory.metrics());
        Ok(Some(Self { addresses, metrics, task: tokio::spawn(directory.run()) }))
    }

    /// Waits for its end.
    pub(super) async fn ended(self) {
        if self.task.await.is_err() {
            tracing::error!("the directory stopped");
        }
    }
}

/// Returns what the role is told; reads the files that the configuration names.
fn settings(installation: &Installation, descriptors: usize) -> Result<Settings> {
    let from = &installation.settings.directory;
    let text = |list: &[ListenAddress]| list.iter().map(ToString::to_string).collect();
    let client_authorities = match &from.client_ca {
        None => Vec::new(),
        Some(file) => convert::certificates(file, "directory.client-ca")?,
    };
    Ok(Settings {
        domains: installation.settings.domains.clone(),
        bases: from.bases.clone(),
        shown: shown(installation),
        limits: Limits { lookups: from.lookups, misses: from.misses, ..Limits::default() },
        max_addresses: from.addresses,
        inside_allow: networks(&from.inside_allow),
        proxies: networks(&from.proxies),
        client_authorities,
        wait: installation.settings.lookup.wait,
        connections: connections(from, descriptors),
        connections_per_client: from.connections_per_client,
        idle_timeout: from.idle_timeout,
        kept: match from.audit {
            Audit::Clear => Kept::Clear,
            Audit::Hashed => Kept::Hashed,
            Audit::Off => Kept::Nothing,
        },
        outside: text(&from.outside_listen),
        outside_tls: text(&from.outside_tls_listen),
        inside: text(&from.inside_listen),
        inside_tls: text(&from.inside_tls_listen),
        outside_http: text(&from.outside_http_listen),
        outside_https: text(&from.outside_https_listen),
        inside_http: text(&from.inside_http_listen),
        inside_https: text(&from.inside_https_listen),
        store_path: from.store_path.clone(),
        lifetime: from.lifetime,
        negative_lifetime: from.negative_lifetime,
    })
}

/// Returns how many connections each listener takes: as configured, as long as a quarter of the descriptors is left for
/// everything else. A listener that is full makes room for newcomers; a process without descriptors does nothing more.
fn connections(from: &Configured, descriptors: usize) -> usize {
    let lists = [
        &from.outside_listen,
        &from.outside_tls_listen,
        &from.inside_listen,
        &from.inside_tls_listen,
        &from.outside_http_listen,
        &from.outside_https_listen,
        &from.inside_http_listen,
        &from.inside_https_listen,
    ];
    let listeners: usize = lists.iter().map(|list| list.len()).sum();
    let most = descriptors / 4 * 3 / listeners.max(1);
    if from.connections > most {
        tracing::warn!(
            configured = from.connections,
            used = most,
            descriptors,
            "the process may open too few files for the configured connections to the directory"
        );
    }
    from.connections.min(most)
}

/// Returns what answers show besides certificates.
pub(in crate::commands) fn shown(installation: &Installation) -> Shown {
    let from = &installation.settings.directory;
    Shown { names: from.names, calendar: from.calendar.clone() }
}

fn networks(list: &[Cidr]) -> Addresses {
    let list = list.to_vec();
    Arc::new(move |address| list.iter().any(|network| network.contains(address)))
}

/// Returns the key under which addresses are hashed in the list of who asked; made when it is first needed, and sealed.
pub(in crate::commands) fn question_key(
    installation: &Installation,
    store: &Store,
) -> Result<[u8; 32]> {
    let master = installation.working_master_key(store)?;
    let file = installation.settings.data.join(KEY_FILE);
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::failed(format!("cannot use {}: {error}", file.display()))
            .hint("restore it from a backup; or remove it: then nobody can look any more who asked for whom before")
    };
    if !file.exists() {
        let key =
            random::bytes::<32>().map_err(|error| Failure::of("cannot make a key", &error))?;
        let sealed = seal::seal(&master, CONTEXT, &key).map_err(|error| cannot(&error))?;
        write_private(&file, &sealed)?;
    }
    let sealed = fs::read(&file).map_err(|error| cannot(&error))?;
    let key = seal::open(&master, CONTEXT, &sealed).map_err(|error| cannot(&error))?;
    key.as_slice().try_into().map_err(|_| cannot(&"it is no key"))
}

/// In the data directory.
const KEY_FILE: &str = "directory.key";
const CONTEXT: &[u8] = b"chancery directory questions";
