//! The running role: its listeners, its catalogue, and what it notes.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chancery_lookup::keys::Finder;
use chancery_net::clock::Clock;
use chancery_net::http::server as http;
use chancery_net::ldap::server::{self, ServerConfig};
use chancery_net::listener::Listener;
use chancery_net::shutdown::Shutdown;
use chancery_net::smtp::TlsMode;
use chancery_net::tls;
use chancery_store::Store;
use tokio::task::JoinSet;

use crate::asked::AskedList;
use crate::catalogue::{self, Catalogue};
use crate::error::{Error, Result};
use crate::face::{Face, Shared};
use crate::limiter::Limiter;
use crate::metrics::{Counter, Metrics};
use crate::name::Bases;
use crate::settings::{Passwords, Settings};
use crate::web::Web;

/// What the role works with.
pub struct Context {
    /// Where certificates are, and what was decided about them.
    pub store: Store,
    /// What finds certificates elsewhere.
    pub finder: Option<Finder>,
    /// What knows passwords.
    pub passwords: Option<Passwords>,
    /// What listeners show; without it there is no TLS.
    pub tls: Option<Arc<tls::ServerConfig>>,
    /// For the hashes of addresses in the list of who asked; of this installation alone.
    pub key: [u8; 32],
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// When to stop.
    pub shutdown: Shutdown,
}

/// The role, with its listeners open.
pub struct Directory {
    shared: Arc<Shared>,
    store: Store,
    shutdown: Shutdown,
    doors: Vec<Door>,
    addresses: Listening,
}

/// A listener, and what answers there.
enum Door {
    Ldap(Listener, Arc<Face>, ServerConfig),
    Web(Listener, Arc<Web>, http::ServerConfig),
}

/// What a listener is for.
#[derive(Clone, Copy)]
struct Kind {
    is_inside: bool,
    is_tls: bool,
    is_web: bool,
}

/// Where the role listens.
#[derive(Clone, Debug, Default)]
pub struct Listening {
    /// Where strangers ask.
    pub outside: Vec<String>,
    /// Where strangers ask over TLS.
    pub outside_tls: Vec<String>,
    /// Where our own people ask.
    pub inside: Vec<String>,
    /// Where our own people ask over TLS.
    pub inside_tls: Vec<String>,
    /// Where strangers ask over HTTP.
    pub outside_http: Vec<String>,
    /// Where strangers ask over HTTP with TLS.
    pub outside_https: Vec<String>,
    /// Where our own people ask over HTTP.
    pub inside_http: Vec<String>,
    /// Where our own people ask over HTTP with TLS.
    pub inside_https: Vec<String>,
}

impl Directory {
    /// Reads the catalogue and opens the listeners.
    pub async fn bind(settings: Settings, context: Context) -> Result<Self> {
        let Context { store, finder, passwords, tls, key, clock, shutdown } = context;
        let bases = Bases::new(&settings.bases, &settings.domains);
        let catalogue = read(&store, &settings, clock.unix()).await?;
        let shared = Arc::new(Shared {
            bases,
            catalogue: RwLock::new(Arc::new(catalogue)),
            limiter: Mutex::new(Limiter::new(settings.limits)),
            asked: AskedList::new(settings.kept, key),
            metrics: Metrics::default(),
            finder,
            passwords,
            clock,
            settings,
        });
        let mut directory = Self {
            shared: Arc::clone(&shared),
            store,
            shutdown,
            doors: Vec::new(),
            addresses: Listening::default(),
        };
        let from = &shared.settings;
        let lists = [
            (&from.outside, false, false, false),
            (&from.outside_tls, false, true, false),
            (&from.inside, true, false, false),
            (&from.inside_tls, true, true, false),
            (&from.outside_http, false, false, true),
            (&from.outside_https, false, true, true),
            (&from.inside_http, true, false, true),
            (&from.inside_https, true, true, true),
        ];
        for (list, is_inside, is_tls, is_web) in lists {
            let kind = Kind { is_inside, is_tls, is_web };
            for address in list {
                let bound = directory.open(address, kind, tls.as_ref()).await?;
                directory.addresses.list(kind).push(bound);
            }
        }
        let (outside, inside) = directory.shared.catalogue().sizes();
        tracing::info!(outside, inside, "the directory knows mailboxes");
        Ok(directory)
    }

    /// Returns where it listens.
    pub fn addresses(&self) -> &Listening {
        &self.addresses
    }

    /// Returns what renders the metrics, as long as the role runs and after.
    pub fn metrics(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.metrics.render()
    }

    /// Serves until shutdown.
    pub async fn run(self) {
        let Self { shared, store, shutdown, doors, .. } = self;
        let mut tasks = JoinSet::new();
        for door in doors {
            let shutdown = shutdown.clone();
            match door {
                Door::Ldap(listener, face, config) => {
                    tasks.spawn(server::serve(listener, face, config, shutdown))
                }
                Door::Web(listener, web, config) => {
                    tasks.spawn(http::serve(listener, web, config, shutdown))
                }
            };
        }
        let watching = watch(Arc::clone(&shared), store.clone(), shutdown.clone());
        tasks.spawn(watching);
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the directory stopped");
            }
        }
        note(&shared, &store).await;
    }

    async fn open(
        &mut self,
        address: &str,
        kind: Kind,
        tls: Option<&Arc<tls::ServerConfig>>,
    ) -> Result<String> {
        let tls = match (tls, kind) {
            (Some(tls), Kind { is_tls: true, .. }) => TlsMode::Implicit(Arc::clone(tls)),
            (Some(tls), Kind { is_web: false, .. }) => TlsMode::StartTls(Arc::clone(tls)),
            (None, Kind { is_tls: true, .. }) => return Err(Error::NoTls),
            _ => TlsMode::None,
        };
        let failed = |error| Error::Listen { address: address.to_owned(), source: error };
        let listener = Listener::bind(address).await.map_err(failed)?;
        let bound = listener.local().map_err(failed)?;
        let settings = &self.shared.settings;
        let offers_tls = !matches!(tls, TlsMode::None);
        let face = Face { shared: Arc::clone(&self.shared), is_inside: kind.is_inside, offers_tls };
        if kind.is_web {
            let config = http::ServerConfig {
                tls,
                proxies: Arc::clone(&settings.proxies),
                max_connections: settings.connections,
                max_connections_per_ip: settings.connections_per_client,
                slow_timeout: SLOW,
                answer_timeout: settings.wait + SEARCH,
                clock: Arc::clone(&self.shared.clock),
            };
            self.doors.push(Door::Web(listener, Arc::new(Web(face)), config));
            return Ok(bound);
        }
        let session = chancery_wire::ldap::server::Settings {
            takes_passwords: self.shared.passwords.is_some(),
            ..Default::default()
        };
        let config = ServerConfig {
            session,
            proxies: Arc::clone(&settings.proxies),
            max_connections: settings.connections,
            max_connections_per_ip: settings.connections_per_client,
            idle_timeout: settings.idle_timeout,
            slow_timeout: SLOW,
            search_timeout: settings.wait + SEARCH,
            clock: Arc::clone(&self.shared.clock),
            tls,
        };
        self.doors.push(Door::Ldap(listener, Arc::new(face), config));
        Ok(bound)
    }
}

impl Listening {
    /// Returns the lists with their names.
    pub fn named(&self) -> [(&'static str, &[String]); 8] {
        [
            ("outside", &self.outside),
            ("outside_tls", &self.outside_tls),
            ("inside", &self.inside),
            ("inside_tls", &self.inside_tls),
            ("outside_http", &self.outside_http),
            ("outside_https", &self.outside_https),
            ("inside_http", &self.inside_http),
            ("inside_https", &self.inside_https),
        ]
    }

    fn list(&mut self, kind: Kind) -> &mut Vec<String> {
        let Kind { is_inside, is_tls, is_web } = kind;
        match (is_web, is_inside, is_tls) {
            (false, false, false) => &mut self.outside,
            (false, false, true) => &mut self.outside_tls,
            (false, true, false) => &mut self.inside,
            (false, true, true) => &mut self.inside_tls,
            (true, false, false) => &mut self.outside_http,
            (true, false, true) => &mut self.outside_https,
            (true, true, false) => &mut self.inside_http,
            (true, true, true) => &mut self.inside_https,
        }
    }
}

/// Looks again and again whether the catalogue is old, and writes down who asked.
async fn watch(shared: Arc<Shared>, store: Store, shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = shutdown.triggered() => return,
            () = shared.clock.sleep(INTERVAL) => {}
        }
        note(&shared, &store).await;
        let at = shared.clock.unix();
        let state = catalogue::state(&store);
        match state {
            Ok(state) if shared.catalogue().is_current(state, at) => continue,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "the directory cannot read the store");
                continue;
            }
        }
        match read(&store, &shared.settings, at).await {
            Ok(new) => {
                let (outside, inside) = new.sizes();
                tracing::info!(outside, inside, "the directory was made anew");
                *shared.catalogue.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
            }
            // What is shown stays; the next round tries it again.
            Err(error) => tracing::error!(%error, "the directory cannot be made anew"),
        }
    }
}

async fn note(shared: &Shared, store: &Store) {
    let at_ms = i64::try_from(shared.clock.unix_ms()).unwrap_or(i64::MAX);
    let (rows, lost) = shared.asked.take(at_ms);
    shared.metrics.add(Counter::Unnoted, lost);
    if rows.is_empty() {
        return;
    }
    if let Err(error) = store.note_questions(rows, KEPT_QUESTIONS).await {
        tracing::error!(%error, "it cannot be noted who asked the directory");
    }
}

/// Reads the catalogue beside everything else: with many certificates it takes seconds.
async fn read(store: &Store, settings: &Settings, at: i64) -> Result<Catalogue> {
    let (store, domains, shown) = (store.clone(), settings.domains.clone(), settings.shown.clone());
    let reading =
        tokio::task::spawn_blocking(move || Catalogue::read(&store, &domains, &shown, at)).await;
    match reading {
        Ok(read) => Ok(read?),
        Err(_) => Err(Error::Stopped),
    }
}

/// How soon a change is seen.
const INTERVAL: Duration = Duration::from_secs(2);
/// For the first octet, a handshake, the rest of a request and the reading of an answer.
const SLOW: Duration = Duration::from_secs(30);
/// For one search beyond the time in which others are asked: the longest delay of who asks too much.
const SEARCH: Duration = Duration::from_secs(15);
/// Lines of the list of who asked; each has some hundred octets.
const KEPT_QUESTIONS: i64 = 1_000_000;
