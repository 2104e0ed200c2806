//! The running gateway: what all its parts share, its listeners, and how it starts and stops.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chancery_fault::Coded as _;
use chancery_lookup::Lookup;
use chancery_lookup::keys::Finder;
use chancery_net::clock::Clock;
use chancery_net::dns::Resolver;
use chancery_net::listener::Listener;
use chancery_net::shutdown::Shutdown;
use chancery_net::smtp::{self, Client, ClientConfig, ServerConfig, TlsMode};
use chancery_net::tls;
use chancery_pki::path::Known;
use chancery_policy::Policy;
use chancery_store::{MessageId, Store};
use chancery_wire::smtp::Protocol;
use chancery_wire::smtp::server::{AuthOffer, Config};
use tokio::sync::{Notify, Semaphore};

use crate::bridges::Guests;
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::imported::Imported;
use crate::intake::{Door, Intake};
use crate::metrics::Metrics;
use crate::partners::PartnerBook;
use crate::settings::Settings;
use crate::{endpoint, queue, routes::RouteSlots};

/// What the gateway is given by the one who starts it.
pub struct Context {
    /// The open data directory.
    pub store: Store,
    /// The organisation's keys.
    pub identity: Identity,
    /// The policy.
    pub policy: Policy,
    /// Certificate and key for STARTTLS.
    pub tls: tls::Identity,
    /// Fetches what is lacking about certificates; without it, what is here has to do.
    pub lookup: Option<Lookup>,
    /// Finds keys of recipients; without it, those in the key book have to do.
    pub finder: Option<Finder>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Asks for the end.
    pub shutdown: Shutdown,
    /// Reads the policy again when the administrator asks for it; `None` keeps what is there.
    pub reload: Arc<dyn Fn() -> Option<Policy> + Send + Sync>,
    /// Reads the organisation's keys again when they were renewed; `None` keeps those that are there.
    pub reload_identity: Arc<dyn Fn() -> Option<Identity> + Send + Sync>,
}

/// The addresses that a gateway listens on, with the ports it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Addresses {
    /// SMTP from inside.
    pub inside: Vec<String>,
    /// LMTP from inside.
    pub inside_lmtp: Vec<String>,
    /// SMTP from the internet.
    pub outside: Vec<String>,
    /// Metrics over HTTP.
    pub metrics: Option<String>,
}

/// A gateway whose sockets are bound and whose keys are ready; [`Server::run`] starts it.
pub struct Server {
    gateway: Arc<Gateway>,
    doors: Vec<(Door, Listener)>,
    metrics: Option<tokio::net::TcpListener>,
    tls: Arc<tls::ServerConfig>,
    addresses: Addresses,
}

/// What all parts of the gateway share.
pub(crate) struct Gateway {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) identity: RwLock<Arc<Identity>>,
    pub(crate) policy: RwLock<Arc<Policy>>,
    pub(crate) partners: RwLock<Arc<PartnerBook>>,
    pub(crate) lookup: Option<Lookup>,
    pub(crate) finder: Option<Finder>,
    /// What is known where nothing is fetched: what was imported, and the signatures that were verified.
    known: RwLock<Known>,
    /// What is known of the members of bridges.
    pub(crate) guests: RwLock<Arc<Guests>>,
    /// What was imported, as it is in use.
    imported: Mutex<Imported>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
    pub(crate) metrics: Metrics,
    pub(crate) client: Client,
    pub(crate) routes: RouteSlots,
    /// Plans at a time: they are bound by the processor.
    pub(crate) plan_slots: Arc<Semaphore>,
    /// Claims at a time, waiting ones included: what bounds the memory of the queue.
    pub(crate) work_slots: Arc<Semaphore>,
    /// The partner book for which held mail was let go.
    pub(crate) released_for: Mutex<Option<(Arc<PartnerBook>, i64)>>,
    /// The version of the partner book whose keys were asked about, and when.
    pub(crate) asked_for: Mutex<(i64, i64)>,
    /// Addresses that are being asked for their key, by which message, and since when.
    pub(crate) asking: Mutex<BTreeMap<String, (MessageId, i64)>>,
    /// When was last looked for what has waited too long.
    pub(crate) late_at_ms: AtomicI64,
    /// When finished messages were last forgotten.
    pub(crate) forgotten_at_ms: AtomicI64,
    /// Wakes the scheduler.
    pub(crate) wake: Notify,
    /// What another role of this process counts, as text for Prometheus.
    pub(crate) more_metrics: std::sync::OnceLock<Arc<dyn Fn() -> String + Send + Sync>>,
    reload: Arc<dyn Fn() -> Option<Policy> + Send + Sync>,
    reload_identity: Arc<dyn Fn() -> Option<Identity> + Send + Sync>,
}

impl Server {
    /// Binds every listener and reads the partner book; nothing is accepted yet.
    pub async fn bind(settings: Settings, context: Context) -> Result<Self> {
        let mut doors = Vec::new();
        let mut addresses = Addresses::default();
        for (door, list, bound) in [
            (Door::Inside, &settings.inside.listen, &mut addresses.inside),
            (Door::InsideLmtp, &settings.inside.lmtp_listen, &mut addresses.inside_lmtp),
            (Door::Outside, &settings.outside, &mut addresses.outside),
        ] {
            for address in list {
                let (listener, local) = bind(address).await?;
                bound.push(local);
                doors.push((door, listener));
            }
        }
        let metrics = match settings.metrics {
            None => None,
            Some(address) => {
                let listener = tokio::net::TcpListener::bind(address).await;
                let listener = listener
                    .map_err(|source| Error::Bind { address: address.to_string(), source })?;
                addresses.metrics = listener.local_addr().ok().map(|it| it.to_string());
                Some(listener)
            }
        };
        // A client certificate is asked for only where one can be accepted; some old clients stumble over the question.
        let ask = if settings.inside.client_authorities.is_empty() {
            tls::ClientCertificates::Ignore
        } else {
            tls::ClientCertificates::Ask
        };
        let tls = tls::server(&context.tls, ask)?;
        let gateway = Gateway::new(settings, context, &addresses)?;
        Ok(Self { gateway, doors, metrics, tls, addresses })
    }

    /// Returns the addresses that are listened on.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Shows what another role counts beside the gateway's own metrics; the first one stays.
    pub fn add_metrics(&self, more: Arc<dyn Fn() -> String + Send + Sync>) {
        let _is_first = self.gateway.more_metrics.set(more);
    }

    /// Returns what reads the policy again.
    pub fn reloader(&self) -> impl Fn() + Send + 'static + use<> {
        let gateway = Arc::clone(&self.gateway);
        move || gateway.reload_policy()
    }

    /// Serves until shutdown is asked for and everything in progress is finished or safely put down.
    pub async fn run(self) -> Result<()> {
        let gateway = self.gateway;
        let mut listeners = tokio::task::JoinSet::new();
        for (door, listener) in self.doors {
            let config = gateway.server_config(door, &self.tls);
            let intake = Arc::new(Intake { gateway: Arc::clone(&gateway), door });
            listeners.spawn(smtp::serve(listener, intake, config, gateway.shutdown.clone()));
        }
        if let Some(listener) = self.metrics {
            let gateway = Arc::clone(&gateway);
            listeners.spawn(async move { endpoint::serve(listener, gateway).await });
        }
        if let Some(lookup) = gateway.lookup.clone() {
            let shutdown = gateway.shutdown.clone();
            tokio::spawn(async move { lookup.keep_fresh(&shutdown).await });
        }
        let scheduler = tokio::spawn(queue::run(Arc::clone(&gateway)));
        let mut result = Ok(());
        while let Some(ended) = listeners.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::error!(%error, "a listener failed");
                gateway.shutdown.trigger();
                result = Err(Error::Listener(error));
            }
        }
        // The listeners have ended, so no new work comes; what is being delivered is waited for.
        if scheduler.await.is_err() {
            tracing::error!("the scheduler stopped");
        }
        gateway.client.close_idle().await;
        result
    }
}

impl Gateway {
    fn new(settings: Settings, context: Context, addresses: &Addresses) -> Result<Arc<Self>> {
        let resolver = Resolver::with_servers(&settings.name_servers)?;
        let listening =
            addresses.inside.iter().chain(&addresses.inside_lmtp).chain(&addresses.outside);
        let mut client = ClientConfig::new(&settings.hostname, resolver)?;
        client.own_addresses = listening.filter_map(|it| it.parse().ok()).collect();
        client.max_idle = settings.queue.deliveries_per_route;
        client.clock = Arc::clone(&context.clock);
        let client = Client::new(client);
        let imported = Imported::read(&context.store)?;
        let known = Known {
            pool: Arc::clone(imported.pool()),
            evidence: Arc::clone(imported.evidence()),
            ..Known::default()
        };
        if let Some(lookup) = &context.lookup {
            lookup.give(Arc::clone(imported.pool()), Arc::clone(imported.evidence()));
        }
        let partners = PartnerBook::read(&context.store, &context.identity, &settings)?;
        let partners =
            partners.knowing(&context.lookup.as_ref().map_or_else(|| known.clone(), Lookup::known));
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Ok(Arc::new(Self {
            routes: RouteSlots::new(settings.queue.deliveries, settings.queue.deliveries_per_route),
            settings,
            store: context.store,
            identity: RwLock::new(Arc::new(context.identity)),
            policy: RwLock::new(Arc::new(context.policy)),
            partners: RwLock::new(Arc::new(partners)),
            lookup: context.lookup,
            finder: context.finder,
            known: RwLock::new(known),
            imported: Mutex::new(imported),
            guests: RwLock::default(),
            clock: context.clock,
            shutdown: context.shutdown,
            metrics: Metrics::default(),
            client,
            plan_slots: Arc::new(Semaphore::new(processors + 1)),
            work_slots: Arc::new(Semaphore::new(MAX_CLAIMS as usize)),
            released_for: Mutex::new(None),
            asked_for: Mutex::new((-1, 0)),
            asking: Mutex::default(),
            late_at_ms: AtomicI64::new(0),
            forgotten_at_ms: AtomicI64::new(0),
            wake: Notify::new(),
            more_metrics: std::sync::OnceLock::new(),
            reload: context.reload,
            reload_identity: context.reload_identity,
        }))
    }

    /// Returns now, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        i64::try_from(self.clock.unix_ms()).unwrap_or(i64::MAX)
    }

    /// Returns the policy in force.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the organisation's keys as they are now.
    pub(crate) fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.identity.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns what is known about certificates now, whoever asks.
    pub(crate) fn known(&self) -> Known {
        let own = || self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.lookup.as_ref().map_or_else(own, Lookup::known)
    }

    /// Takes what an administrator imported or removed since.
    pub(crate) fn refresh_imported(&self) -> std::result::Result<(), chancery_store::Error> {
        let mut imported = self.imported.lock().unwrap_or_else(PoisonError::into_inner);
        if imported.is_current(&self.store)? {
            return Ok(());
        }
        *imported = Imported::read(&self.store)?;
        let (pool, evidence) = (Arc::clone(imported.pool()), Arc::clone(imported.evidence()));
        if let Some(lookup) = &self.lookup {
            lookup.give(pool, evidence);
        } else {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            *known = Known { pool, evidence, verifier: Arc::clone(&known.verifier) };
        }
        tracing::info!("imported certificates and lists read again");
        Ok(())
    }

    /// Returns the partners as they are now.
    pub(crate) fn partners(&self) -> Arc<PartnerBook> {
        Arc::clone(&self.partners.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the partners as the store has them, so that no message is planned with a book that is out of date:
    /// once `partner add` has said that mail is protected, it is. Our own keys are looked at with them.
    pub(crate) fn current_partners(
        &self,
    ) -> std::result::Result<Arc<PartnerBook>, chancery_store::Error> {
        let (book, known, guests) = (self.partners(), self.known(), self.guests());
        if self.store.partner_version()? == book.version() {
            let is_same = book.is_with(&known, &guests);
            return Ok(if is_same { book } else { self.put_book(book.with(&known, &guests)) });
        }
        let Some(identity) = self.current_identity()? else { return Ok(book) };
        match PartnerBook::read(&self.store, &identity, &self.settings) {
            Ok(book) => {
                tracing::info!(partners = book.len(), "partner book read again");
                Ok(self.put_book(book.with(&known, &guests)))
            }
            Err(Error::Store(error)) => Err(error),
            Err(error) => {
                tracing::error!(code = error.code().id, %error, "cannot read the partner book; the old one stays in use");
                Ok(book)
            }
        }
    }

    fn put_book(&self, book: PartnerBook) -> Arc<PartnerBook> {
        let book = Arc::new(book);
        *self.partners.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&book);
        book
    }

    /// Returns the organisation's keys as the store has them: what is encrypted to a renewed key can be opened at once.
    /// `None` if they cannot be read now; the next message tries it again.
    fn current_identity(
        &self,
    ) -> std::result::Result<Option<Arc<Identity>>, chancery_store::Error> {
        let known = self.identity();
        if self.store.key_version()? == known.version() {
            return Ok(Some(known));
        }
        let Some(identity) = (self.reload_identity)() else { return Ok(None) };
        let identity = Arc::new(identity);
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&identity);
        tracing::info!("the organisation's keys were read again");
        Ok(Some(identity))
    }

    /// Starts the work for a message at once if there is room, or leaves it to the scheduler.
    pub(crate) fn dispatch(self: &Arc<Self>, message: MessageId) {
        queue::dispatch(self, message);
    }

    /// Reads the policy again; a policy with mistakes changes nothing.
    pub(crate) fn reload_policy(&self) {
        if let Some(policy) = (self.reload)() {
            *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
            tracing::info!("policy read again");
        }
    }

    fn server_config(&self, door: Door, tls: &Arc<tls::ServerConfig>) -> ServerConfig {
        let limits = &self.settings.limits;
        let mut session = Config::new(&self.settings.hostname);
        session.protocol = if door == Door::InsideLmtp { Protocol::Lmtp } else { Protocol::Smtp };
        session.max_message_size = limits.message_size;
        session.max_recipients = limits.recipients;
        session.command_timeout_ms = millis(limits.command_timeout);
        session.max_errors = limits.errors;
        session.data_timeout_ms = millis(limits.data_timeout);
        session.session_timeout_ms = millis(limits.session_timeout);
        if door.is_inside() && self.settings.inside.users.is_some() {
            session.auth = AuthOffer::AfterTls;
        }
        let mut config = ServerConfig::new(session);
        config.tls = TlsMode::StartTls(Arc::clone(tls));
        config.max_connections = limits.connections;
        config.max_connections_per_ip = limits.connections_per_client;
        config.clock = Arc::clone(&self.clock);
        config
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

async fn bind(address: &str) -> Result<(Listener, String)> {
    let failed = |source: io::Error| Error::Bind { address: address.to_owned(), source };
    let listener = Listener::bind(address).await.map_err(failed)?;
    let local = listener.local().map_err(failed)?;
    Ok((listener, local))
}

/// What waits in memory: a claim is about 2 KiB, so this is 10 MB; the rest waits in the database.
pub(crate) const MAX_CLAIMS: u32 = 5_000;
