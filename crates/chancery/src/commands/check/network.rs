//! What `chancery check` looks at outside of the data directory: ports, next hops, DNS.

use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use chancery_net::dns::Resolver;

use super::Findings;
use crate::commands::block_on;
use crate::failure::Failure;
use crate::installation::Installation;
use crate::settings::{ListenAddress, NextHop, Server};

impl Findings {
    pub(super) fn ports(&mut self, installation: &Installation) {
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

    pub(super) fn next_hops(&mut self, installation: &Installation) {
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

    pub(super) fn dns(&mut self, installation: &Installation) {
        let settings = &installation.settings;
        let resolver = match Resolver::with_servers(&settings.dns.servers) {
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
