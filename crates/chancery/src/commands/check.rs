//! `chancery check`: every problem at once, each with its place and the mend.

use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use chancery_net::dns::Resolver;
use chancery_policy::{Mistake, Severity};
use chancery_store::Store;
use serde::Serialize;

use super::{block_on, serve};
use crate::cli::Check;
use crate::convert;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, now_ms, read_policy};
use crate::output::{Output, counted, day};
use crate::settings::{ListenAddress, NextHop, Server};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at.
    subject: String,
    /// `ok`, `warning` or `problem`.
    level: &'static str,
    /// What was found.
    text: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

/// Everything that was looked at.
#[derive(Default)]
struct Findings(Vec<Finding>);

/// Runs the command.
pub(super) fn run(config: Option<&Path>, options: &Check, output: Output) -> Result {
    let mut findings = Findings::default();
    let installation = match Installation::load(config) {
        Ok(installation) => installation,
        Err(failure) => {
            // Nothing else can be looked at without the configuration.
            findings.problem(
                "configuration",
                failure.message.clone(),
                failure.hint.as_deref().unwrap_or(""),
            );
            findings.show(output)?;
            return Err(Failure::usage("the configuration cannot be used"));
        }
    };
    findings.ok("configuration", installation.file.display().to_string());
    findings.warnings("configuration", &installation.settings.warnings);
    findings.policy(&installation);
    findings.data(&installation);
    findings.clock();
    findings.ports(&installation);
    if !options.offline {
        findings.next_hops(&installation);
        findings.dns(&installation);
    }
    findings.show(output)?;
    let problems = findings.0.iter().filter(|it| it.level == "problem").count();
    if problems == 0 {
        Ok(())
    } else {
        Err(Failure::usage(format!("{} to mend", counted(problems, "problem"))))
    }
}

impl Findings {
    fn ok(&mut self, subject: &str, text: impl Into<String>) {
        self.0.push(Finding {
            subject: subject.to_owned(),
            level: "ok",
            text: text.into(),
            mend: None,
        });
    }

    fn warning(&mut self, subject: &str, text: impl Into<String>, mend: &str) {
        self.add("warning", subject, text.into(), mend);
    }

    fn problem(&mut self, subject: &str, text: impl Into<String>, mend: &str) {
        self.add("problem", subject, text.into(), mend);
    }

    fn add(&mut self, level: &'static str, subject: &str, text: String, mend: &str) {
        let mend = (!mend.is_empty()).then(|| mend.to_owned());
        self.0.push(Finding { subject: subject.to_owned(), level, text, mend });
    }

    fn failure(&mut self, subject: &str, failure: &Failure) {
        self.problem(subject, failure.message.clone(), failure.hint.as_deref().unwrap_or(""));
    }

    fn warnings(&mut self, subject: &str, mistakes: &[Mistake]) {
        for mistake in mistakes {
            self.warning(subject, mistake.to_string(), "");
        }
    }

    fn policy(&mut self, installation: &Installation) {
        match read_policy(&installation.settings.policy) {
            Ok(policy) => {
                self.ok("policy", installation.settings.policy.display().to_string());
                self.warnings("policy", policy.warnings());
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    let level =
                        if mistake.severity == Severity::Warning { "warning" } else { "problem" };
                    self.add(level, "policy", mistake.to_string(), "");
                }
            }
        }
    }

    /// The data directory, the keys in it, and the files that the configuration names.
    fn data(&mut self, installation: &Installation) {
        let data = &installation.settings.data;
        if std::fs::metadata(data).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0) {
            let mend = format!("chmod 700 {}", data.display());
            self.problem("data", format!("{} can be read by others", data.display()), &mend);
        }
        let store = match installation.store() {
            Ok(store) => store,
            Err(failure) => return self.failure("data", &failure),
        };
        self.ok("data", data.display().to_string());
        match store.verify_audit() {
            Ok(entries) => self.ok("audit log", format!("{entries} entries, unbroken")),
            Err(error) => self.failure("audit log", &Failure::from(error)),
        }
        match installation.identity(&store) {
            Ok(identity) => {
                let used = [identity.signing(), identity.encryption()].map(<[_]>::first);
                for certificate in
                    std::iter::once(identity.authority()).chain(used.into_iter().flatten())
                {
                    self.term(
                        "keys",
                        &certificate.subject(),
                        certificate.not_before(),
                        certificate.not_after(),
                    );
                }
            }
            Err(failure) => self.failure("keys", &failure),
        }
        match serve::tls_identity(installation, &store) {
            Ok(identity) => match chancery_net::tls::server(
                &identity,
                chancery_net::tls::ClientCertificates::Ignore,
            ) {
                Ok(_) => self.ok("tls", "certificate and key fit"),
                Err(error) => self.failure("tls", &Failure::of("", &error)),
            },
            Err(failure) => self.failure("tls", &failure),
        }
        if let Err(failure) = convert::settings(&installation.settings) {
            self.failure("files", &failure);
        }
        self.partners(&store);
    }

    fn partners(&mut self, store: &Store) {
        match store.partners() {
            Ok(partners) => {
                for partner in partners {
                    self.term("partners", &partner.name, 0, partner.expires_at_ms / 1000);
                }
            }
            Err(error) => self.failure("partners", &Failure::from(error)),
        }
    }

    /// When something begins and ends.
    fn term(&mut self, subject: &str, name: &str, from: i64, until: i64) {
        let now = now_ms() / 1000;
        if now > until {
            self.problem(
                subject,
                format!("{name} expired on {}", day(until)),
                "get or make a new one",
            );
        } else if now < from {
            self.problem(
                subject,
                format!("{name} is not valid before {}", day(from)),
                "check the clock",
            );
        } else if until - now < SOON {
            self.warning(
                subject,
                format!("{name} expires on {}", day(until)),
                "get or make a new one in time",
            );
        } else {
            self.ok(subject, format!("{name}, until {}", day(until)));
        }
    }

    /// A clock that is far off makes good certificates look bad.
    fn clock(&mut self) {
        let now = now_ms() / 1000;
        if now < BUILT_AFTER {
            self.problem(
                "clock",
                format!("the clock says {}", day(now)),
                "set the clock, and keep it right with NTP",
            );
        } else {
            self.ok("clock", crate::output::time(now * 1000));
        }
    }

    fn ports(&mut self, installation: &Installation) {
        let settings = &installation.settings;
        // While the gateway runs, its ports are in use by itself.
        let is_served = installation.store().is_ok_and(|store| store.serve_lock().is_err());
        let listen = settings
            .inside
            .listen
            .iter()
            .chain(&settings.inside.lmtp_listen)
            .chain(&settings.outside.listen);
        for path in listen.clone().filter_map(|address| match address {
            ListenAddress::Tcp(_) => None,
            ListenAddress::Unix(path) => Some(path),
        }) {
            self.socket_file(path);
        }
        let ports = listen.filter_map(ListenAddress::tcp);
        for address in ports.chain(settings.metrics.listen) {
            match TcpListener::bind(address) {
                Ok(_) => self.ok("ports", format!("{address} is free")),
                Err(error) if is_served && error.kind() == std::io::ErrorKind::AddrInUse => {
                    self.ok("ports", format!("{address} is in use, and a gateway is running"));
                }
                Err(error) => self.problem(
                    "ports",
                    format!("cannot listen on {address}: {error}"),
                    mend_of_port(&error),
                ),
            }
        }
    }

    /// A Unix socket is made when the gateway starts; its folder must be there before.
    fn socket_file(&mut self, path: &Path) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_none_or(Path::is_dir) {
            self.ok("ports", format!("{} has its folder", path.display()));
        } else {
            self.problem(
                "ports",
                format!("the folder of the socket {} is not there", path.display()),
                "make it, and let only those into it who may hand in mail",
            );
        }
    }

    fn next_hops(&mut self, installation: &Installation) {
        let route = &installation.settings.route;
        let fixed = [("route.inside", &route.inside), ("route.outside", &route.outside)];
        for (name, hop) in
            fixed.into_iter().chain(route.domains.iter().map(|(_, hop)| ("route.domains", hop)))
        {
            if let NextHop::Lmtp(server) | NextHop::Smtp(server) = hop {
                match greets(server) {
                    Ok(greeting) if greeting.starts_with("220") => {
                        self.ok(name, format!("{server} says {greeting}"));
                    }
                    Ok(greeting) => self.problem(
                        name,
                        format!("{server} takes no mail from here, it says {greeting:?}"),
                        "correct the address, or let that server accept connections of this machine; mail for it \
                         waits in the queue meanwhile",
                    ),
                    Err(error) => self.problem(
                        name,
                        format!("{server} does not answer: {error}"),
                        "start that server, or correct the address; mail for it waits in the queue meanwhile",
                    ),
                }
            }
        }
    }

    fn dns(&mut self, installation: &Installation) {
        let settings = &installation.settings;
        let resolver = if settings.dns.servers.is_empty() {
            Resolver::system()
        } else {
            Resolver::with_servers(&settings.dns.servers)
        };
        let resolver = match resolver {
            Ok(resolver) => resolver,
            Err(error) => return self.failure("dns", &Failure::of("", &error)),
        };
        for domain in &settings.domains {
            let found = block_on(async {
                let wait =
                    tokio::time::timeout(Duration::from_secs(10), resolver.mail_servers(domain));
                wait.await
                    .map_err(|_| Failure::failed("no answer in 10 seconds"))?
                    .map_err(|e| Failure::of("", &e))
            });
            match found {
                Ok(servers) if servers.iter().any(|it| it.host.trim_end_matches('.') == settings.hostname) => {
                    self.ok("dns", format!("{domain} has {} as its mail server", settings.hostname));
                }
                Ok(servers) => {
                    let names: Vec<&str> = servers.iter().map(|it| it.host.as_str()).collect();
                    self.warning(
                        "dns",
                        format!("the mail servers of {domain} are {} and not {}", names.join(", "), settings.hostname),
                        "publish the records of dns-records.txt if mail from the internet shall come here",
                    );
                }
                Err(failure) => self.warning(
                    "dns",
                    format!("cannot look up the mail servers of {domain}: {}", failure.message),
                    "publish the records of dns-records.txt, and check the resolver (`dns.servers`)",
                ),
            }
        }
    }

    fn show(&self, output: Output) -> Result {
        output.show(&self.0, || {
            let mut lines = Vec::new();
            for finding in &self.0 {
                lines
                    .push(format!("{:<8} {:<14} {}", finding.level, finding.subject, finding.text));
                lines.extend(finding.mend.iter().map(|mend| format!("{:24}→ {mend}", "")));
            }
            lines.join("\n")
        })
    }
}

/// Returns the greeting of a mail server.
fn greets(server: &Server) -> std::io::Result<String> {
    use std::io::BufRead as _;
    let stream: Box<dyn std::io::Read> = match server {
        Server::Tcp(server) => {
            let addresses: Vec<SocketAddr> = server.to_string().to_socket_addrs()?.collect();
            let address = addresses.first().ok_or(std::io::ErrorKind::NotFound)?;
            let stream = TcpStream::connect_timeout(address, ANSWER)?;
            stream.set_read_timeout(Some(ANSWER))?;
            Box::new(stream)
        }
        Server::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(ANSWER))?;
            Box::new(stream)
        }
    };
    let mut line = String::new();
    let read = std::io::BufReader::new(std::io::Read::take(stream, 1_000)).read_line(&mut line);
    read.map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
            std::io::Error::other(format!("no greeting in {} seconds", ANSWER.as_secs()))
        }
        _ => error,
    })?;
    Ok(crate::output::plain(line.trim_end()))
}

fn mend_of_port(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "stop the other program, or choose another port",
        std::io::ErrorKind::PermissionDenied => {
            "run it as a service with CAP_NET_BIND_SERVICE, or choose a port above 1024"
        }
        std::io::ErrorKind::AddrNotAvailable => "choose an address of this machine",
        _ => "",
    }
}

/// How long a mail server may take to greet.
const ANSWER: Duration = Duration::from_secs(5);

/// A certificate that ends so soon needs attention: 30 days.
const SOON: i64 = 30 * 86_400;

/// This program was written after 2026-11-01, so a clock before that is wrong.
const BUILT_AFTER: i64 = 1_793_491_200;
