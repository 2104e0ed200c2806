//! The two organisations of the demo: their directories, processes and mail.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chancery_crypto::{hex, random};
use chancery_net::shutdown::Shutdown;
use chancery_smime::card::Card;
use chancery_store::{MessageView, QueueFilter};
use chancery_wire::smtp::data::Facts;
use chancery_wire::smtp::{BodyKind, Envelope};
use serde_json::Value;
use tokio::process::{Child, Command};

use super::stations::{self, Station};
use crate::cli::{Init, KeyChoice};
use crate::commands;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, now_ms};
use crate::output::{note, plain};
use crate::story;

/// The folder of the demo; it holds private keys and is removed with this value.
pub(super) struct Place(PathBuf);

/// Everything that the demo starts.
pub(super) struct World {
    shutdown: Shutdown,
    internet: Station,
    mailbox: Station,
    /// The sender's organisation.
    pub(super) acme: Site,
    /// The recipient's organisation.
    pub(super) globex: Site,
}

/// One organisation.
pub(super) struct Site {
    domain: &'static str,
    installation: Installation,
    /// The fingerprint of its card.
    pub(super) fingerprint: String,
    process: Option<Child>,
    inside: Option<SocketAddr>,
    outside: Option<SocketAddr>,
}

/// What was seen of the message.
pub(super) struct Seen {
    /// On the internet.
    pub(super) wire: Vec<u8>,
    /// In the mailbox.
    pub(super) delivered: Vec<u8>,
}

impl Place {
    /// Makes an empty folder that nobody else can look into.
    pub(super) fn make() -> Result<Self> {
        let unique = random::bytes::<6>().map_err(|error| Failure::of("cannot start", &error))?;
        let directory = std::env::temp_dir().join(format!("chancery-demo-{}", hex(&unique)));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&directory);
        made.map_err(|error| {
            Failure::failed(format!("cannot make {}: {error}", directory.display()))
        })?;
        Ok(Self(directory))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            note(&format!("cannot remove {}, which has private keys: {error}", self.0.display()));
        }
    }
}

impl World {
    /// Makes both organisations; `own_domain` is a domain that Acme has besides acme.example.
    pub(super) async fn build(
        place: &Place,
        keys: KeyChoice,
        own_domain: Option<&str>,
    ) -> Result<Self> {
        let shutdown = Shutdown::new();
        let internet = Station::start("internet.example", true, &shutdown).await?;
        let mailbox = Station::start("mailbox.example", false, &shutdown).await?;
        let make = |domain: &'static str, more: Vec<String>| {
            let options = Init {
                domain: domain.to_owned(),
                more_domains: more,
                dir: place.0.join(domain),
                hostname: None,
                key_type: keys,
                passphrase_file: None,
                inside_listen: vec!["127.0.0.1:0".to_owned()],
                inside_lmtp_listen: Vec::new(),
                outside_listen: vec!["127.0.0.1:0".to_owned()],
                inside_route: Some(format!("smtp:{}", mailbox.address)),
                outside_route: Some(format!("smtp:{}", internet.address)),
                metrics_listen: Some(String::new()),
            };
            // Making keys is work for the processor.
            tokio::task::spawn_blocking(move || Site::make(domain, &options))
        };
        let acme = make("acme.example", own_domain.map(str::to_owned).into_iter().collect());
        let globex = make("globex.example", Vec::new());
        let gone = |error: tokio::task::JoinError| Failure::failed(error.to_string());
        let (acme, globex) = (acme.await.map_err(gone)??, globex.await.map_err(gone)??);
        Ok(Self { shutdown, internet, mailbox, acme, globex })
    }

    /// Gives each organisation the other's card.
    pub(super) async fn exchange_cards(&mut self) -> Result {
        let from_acme = self.acme.card()?;
        let from_globex = self.globex.card()?;
        self.acme.take(&from_globex).await?;
        self.globex.take(&from_acme).await
    }

    /// Starts both gateways and connects them to the internet.
    pub(super) async fn start(&mut self) -> Result {
        for site in [&mut self.acme, &mut self.globex] {
            site.start()?;
        }
        for site in [&mut self.acme, &mut self.globex] {
            site.wait_until_ready().await?;
        }
        if let Some(outside) = self.globex.outside {
            // It is set once only: there is one internet.
            let _set = self.internet.next.set(outside);
        }
        Ok(())
    }

    /// Hands the message in at Acme's inside listener, and returns what the gateway called it.
    pub(super) async fn send(&self, message: &[u8]) -> Result<String> {
        let inside = self
            .acme
            .inside
            .ok_or_else(|| Failure::failed("Acme's gateway has no inside listener"))?;
        let client = stations::client("desk.acme.example")?;
        let mut envelope = Envelope::new("juergen@acme.example", ["bob@globex.example"]);
        if Facts::of(message).is_8bit {
            envelope.mail.body = BodyKind::EightBitMime;
        }
        match stations::send(&client, inside, &envelope, message).await {
            Ok(reply) => Ok(reply.text.rsplit(' ').next().unwrap_or_default().to_owned()),
            Err(reply) => Err(Failure::no(format!(
                "Acme's gateway does not take the message: {}",
                plain(&reply.to_string())
            ))),
        }
    }

    /// Waits until the message is in the mailbox.
    pub(super) async fn wait_for_mail(&mut self) -> Result<Seen> {
        let both = async { (self.internet.mail.recv().await, self.mailbox.mail.recv().await) };
        match tokio::time::timeout(PATIENCE, both).await {
            Ok((Some(wire), Some(delivered))) => Ok(Seen { wire, delivered }),
            _ => Err(Failure::no(format!(
                "the message did not arrive in {} seconds\n{}",
                PATIENCE.as_secs(),
                self.whereabouts()
            ))),
        }
    }

    /// Returns the verdict of Globex on the last message.
    pub(super) async fn verdict(&self) -> Result<Value> {
        let view = self.globex.last_message("delivered").await?;
        let verdict = view.decisions.into_iter().find(|decision| decision.kind == "verdict");
        verdict.map(|it| it.facts).ok_or_else(|| Failure::failed("Globex recorded no verdict"))
    }

    /// Returns why Acme did what it did.
    pub(super) fn acme_decision(&self, id: &str) -> Result<String> {
        let store = self.acme.installation.store()?;
        let id = id.parse().map_err(|_| {
            Failure::failed("Acme's gateway did not say what it called the message")
        })?;
        let view =
            store.show(id)?.ok_or_else(|| Failure::failed("Acme's gateway forgot the message"))?;
        let whole = story::whole(&view);
        let lines = whole.lines().skip_while(|line| !line.starts_with("What happened")).skip(1);
        Ok(lines
            .map(|line| format!("    {line}"))
            .collect::<Vec<_>>()
            .join("\n")
            .trim_end()
            .to_owned())
    }

    /// Leaves everything running until a signal ends the demo, and says how to send more.
    pub(super) async fn keep(&mut self) {
        let address =
            |address: Option<SocketAddr>| address.map(|it| it.to_string()).unwrap_or_default();
        note(&format!(
            "\nBoth gateways go on. To send more from Acme to Globex:\n\
             \x20 swaks --server {} --from juergen@acme.example --to bob@globex.example\n\
             From Globex to Acme:\n\
             \x20 swaks --server {} --from bob@globex.example --to juergen@acme.example\n\
             To look inside:\n\
             \x20 chancery --config {} queue list\n\
             \x20 chancery --config {} explain MESSAGE-ID\n\
             Ctrl-C ends it and removes everything.",
            address(self.acme.inside),
            address(self.globex.inside),
            self.acme.installation.file.display(),
            self.globex.installation.file.display(),
        ));
        loop {
            tokio::select! {
                mail = self.internet.mail.recv() => {
                    note(&format!("the internet saw {} octets", mail.map_or(0, |it| it.len())));
                }
                mail = self.mailbox.mail.recv() => {
                    note(&format!("the mailbox got {} octets", mail.map_or(0, |it| it.len())));
                }
            }
        }
    }

    /// Stops both gateways and waits until they have ended.
    pub(super) async fn stop(mut self) {
        for site in [&mut self.acme, &mut self.globex] {
            site.stop().await;
        }
        self.shutdown.trigger();
    }

    /// Says where the message is when it is not where it should be.
    fn whereabouts(&self) -> String {
        let mut text = String::new();
        for site in [&self.acme, &self.globex] {
            let rows = site.installation.store().and_then(|store| {
                Ok(store.list(&QueueFilter { limit: 10, ..QueueFilter::default() })?)
            });
            for row in rows.unwrap_or_default() {
                let recipient = row.recipient;
                let why = recipient.reply.unwrap_or_default();
                text += &format!(
                    "  {}: {} is {} {}\n",
                    site.domain,
                    recipient.address,
                    recipient.state,
                    plain(&why)
                );
            }
            let log = std::fs::read_to_string(site.log()).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(5).collect();
            for line in tail.into_iter().rev() {
                text += &format!("  {}: {}\n", site.domain, plain(line));
            }
        }
        text
    }
}

impl Site {
    fn make(domain: &'static str, options: &Init) -> Result<Self> {
        let created = commands::create_installation(options)?;
        let installation = Installation::load(Some(&created.configuration))?;
        Ok(Self {
            domain,
            installation,
            fingerprint: String::new(),
            process: None,
            inside: None,
            outside: None,
        })
    }

    /// Returns the name under which its gateway writes results.
    pub(super) fn hostname(&self) -> &str {
        &self.installation.settings.hostname
    }

    fn card(&mut self) -> Result<String> {
        let store = self.installation.store()?;
        let identity = self.installation.identity(&store)?;
        let (text, fingerprint) = commands::make_card(&self.installation, &identity)?;
        self.fingerprint = fingerprint;
        Ok(text)
    }

    async fn take(&self, card: &str) -> Result {
        let store = self.installation.store()?;
        let (read, _) = Card::read(card.as_bytes(), now_ms() / 1000)
            .map_err(|error| Failure::of("", &error))?;
        commands::store_partner(&store, &read, card.as_bytes()).await
    }

    fn start(&mut self) -> Result {
        let cannot = |error: std::io::Error| {
            Failure::failed(format!("cannot start the gateway of {}: {error}", self.domain))
        };
        let program = std::env::current_exe().map_err(cannot)?;
        let log = std::fs::File::create(self.log()).map_err(cannot)?;
        let mut command = Command::new(program);
        command.arg("--config").arg(&self.installation.file).arg("serve");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        self.process = Some(command.spawn().map_err(cannot)?);
        Ok(())
    }

    /// Waits until the gateway has said where it listens.
    async fn wait_until_ready(&mut self) -> Result {
        let file = self.installation.settings.data.join("addresses.json");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(addresses) = read_json(&file) {
                let first = |key: &str| addresses.get(key)?.get(0)?.as_str()?.parse().ok();
                (self.inside, self.outside) = (first("inside"), first("outside"));
                return Ok(());
            }
            let has_ended =
                self.process.as_mut().is_some_and(|it| matches!(it.try_wait(), Ok(Some(_))));
            if has_ended || tokio::time::Instant::now() > deadline {
                let log = std::fs::read_to_string(self.log()).unwrap_or_default();
                return Err(Failure::failed(format!(
                    "the gateway of {} does not start:\n{}",
                    self.domain,
                    log.trim_end()
                )));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns the newest message with a recipient in this state, as soon as there is one.
    async fn last_message(&self, state: &str) -> Result<MessageView> {
        let store = self.installation.store()?;
        let filter =
            QueueFilter { state: Some(state.to_owned()), limit: 1_000, ..QueueFilter::default() };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        // The mailbox answers before the gateway has written down that it did.
        loop {
            if let Some(row) = store.list(&filter)?.into_iter().next_back() {
                let view = store.show(row.recipient.message)?;
                return view.ok_or_else(|| Failure::failed("the message is gone"));
            }
            if tokio::time::Instant::now() > deadline {
                return Err(Failure::failed(format!(
                    "{} has not written down the delivery",
                    self.domain
                )));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        if let Some(id) = process.id() {
            let asked = Command::new("kill").arg(id.to_string()).status().await;
            let waited = tokio::time::timeout(Duration::from_secs(10), process.wait()).await;
            if asked.is_ok() && waited.is_ok() {
                return;
            }
        }
        // It did not go by itself; the store survives that as well.
        let _killed = process.kill().await;
    }

    fn log(&self) -> PathBuf {
        self.installation.settings.data.with_file_name("serve.log")
    }
}

fn read_json(file: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

/// How long to wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);
