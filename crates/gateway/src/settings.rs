//! What the gateway is told to do, already checked: nothing in here is read from a file or the environment.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chancery_mail::Address;
use chancery_net::smtp::{Route, TlsPolicy};
use chancery_smime::Permitted;

/// Everything the gateway needs to know about its organisation and its surroundings.
#[derive(Clone)]
pub struct Settings {
    /// The organisation's main domain, in lower case.
    pub organisation: String,
    /// The address that notices come from.
    pub postmaster: String,
    /// Every domain whose mail is ours, in lower case; the main one is among them.
    pub domains: Vec<String>,
    /// The name of this host in greetings, trace fields and Authentication-Results.
    pub hostname: String,
    /// Where the organisation's own servers hand over mail.
    pub inside: Inside,
    /// Addresses to listen on for mail from the internet.
    pub outside: Vec<String>,
    /// Where mail goes.
    pub routes: Routes,
    /// Limits of what is accepted.
    pub limits: Limits,
    /// Retries and patience.
    pub queue: Queue,
    /// The content ciphers that may be used.
    pub ciphers: Permitted,
    /// Where the metrics are served.
    pub metrics: Option<SocketAddr>,
    /// How long a message waits at most for what is fetched about its certificates.
    pub lookup_wait: Duration,
    /// Name servers; empty for those of the system.
    pub name_servers: Vec<SocketAddr>,
}

/// The inside listeners and who may use them.
#[derive(Clone, Default)]
pub struct Inside {
    /// Addresses to listen on for SMTP.
    pub listen: Vec<String>,
    /// Addresses to listen on for LMTP.
    pub lmtp_listen: Vec<String>,
    /// Networks whose servers need no password.
    pub allow: Vec<Network>,
    /// Clients with a certificate of one of these authorities need no password.
    pub client_authorities: Vec<chancery_pki::Certificate>,
    /// Checks a user's password.
    pub users: Option<std::sync::Arc<dyn Users>>,
    /// Take mail for the outside whose sender is not of our domains.
    pub accepts_foreign_senders: bool,
}

/// Checks passwords, and who may write as whom.
pub trait Users: Send + Sync {
    /// Returns true if the password is the user's; takes the same time for an unknown user.
    fn check(&self, user: &str, password: &str) -> bool;

    /// Returns true if a user who has logged in may write as this address.
    fn may_be(&self, user: &str, address: &Address) -> bool;
}

/// A range of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// An address in it.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

/// Where mail goes.
#[derive(Clone)]
pub struct Routes {
    /// Mail for our own domains.
    pub inside: Route,
    /// Mail for everybody else; `None` looks up MX records.
    pub outside: Option<Route>,
    /// Domains that go somewhere else.
    pub domains: BTreeMap<String, Route>,
    /// TLS towards the inside.
    pub inside_tls: TlsPolicy,
    /// TLS towards the outside.
    pub outside_tls: TlsPolicy,
}

/// Limits of what is accepted.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Octets of one message.
    pub message_size: u64,
    /// Recipients of one message.
    pub recipients: usize,
    /// Connections at a time, for each listener.
    pub connections: usize,
    /// Connections at a time from one address.
    pub connections_per_client: usize,
    /// How long to wait for a command.
    pub command_timeout: Duration,
    /// How long to wait for the next octets of a message.
    pub data_timeout: Duration,
    /// How long a connection may last, whatever the client does.
    pub session_timeout: Duration,
    /// Faulty commands of one connection.
    pub errors: u32,
    /// Received fields after which a message is taken to go in circles (RFC 5321 section 6.3).
    pub hops: usize,
}

/// Retries and patience.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Pauses after the first, second … failure; the last one is used from then on.
    pub retry: Vec<Duration>,
    /// How much longer or shorter each pause is made by chance, in percent.
    pub jitter_percent: u32,
    /// When to give up delivery.
    pub expire: Duration,
    /// When to give up what is on hold.
    pub hold_expire: Duration,
    /// When to tell the sender that it takes longer.
    pub delay_notice: Option<Duration>,
    /// Deliveries at a time.
    pub deliveries: usize,
    /// Deliveries at a time to one next hop.
    pub deliveries_per_route: usize,
}

impl Settings {
    /// Returns true if mail for this domain is ours.
    pub fn is_ours(&self, domain: &str) -> bool {
        self.domains.iter().any(|ours| ours.eq_ignore_ascii_case(domain))
    }
}

impl Network {
    /// Returns true if the address is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32_u32.saturating_sub(u32::from(self.prefix));
                network.to_bits().checked_shr(shift).unwrap_or(0)
                    == address.to_bits().checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128_u32.saturating_sub(u32::from(self.prefix));
                network.to_bits().checked_shr(shift).unwrap_or(0)
                    == address.to_bits().checked_shr(shift).unwrap_or(0)
            }
            _ => false,
        }
    }
}

impl Inside {
    /// Returns true if a client at this address needs no password; `None` is a process of this machine.
    pub fn allows(&self, address: Option<IpAddr>) -> bool {
        address.is_none_or(|address| self.allow.iter().any(|network| network.contains(address)))
    }
}

impl Queue {
    /// Returns how long to wait after the given number of failed attempts, without jitter.
    pub fn pause(&self, attempts: u32) -> Duration {
        let index = usize::try_from(attempts).unwrap_or(usize::MAX);
        self.retry.get(index).or(self.retry.last()).copied().unwrap_or(Duration::from_secs(900))
    }

    /// Returns how often to look for what has waited too long: 10 seconds, oftener if patience is short.
    pub fn look_every(&self) -> Duration {
        let patience = self.expire.min(self.hold_expire);
        let patience = self.delay_notice.map_or(patience, |delay| delay.min(patience));
        (patience / 10).clamp(Duration::from_millis(250), Duration::from_secs(10))
    }

    /// Returns true if the pauses of so many attempts add up to the time after which delivery is given up.
    ///
    /// The pauses count and not the age, so that mail which was on hold, or waited while the gateway was switched off,
    /// is still tried for as long as any other.
    pub fn is_exhausted(&self, attempts: u32) -> bool {
        let mut waited = Duration::ZERO;
        for attempt in 0..=attempts {
            waited = waited.saturating_add(self.pause(attempt));
            if waited > self.expire {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_contains_its_addresses_only() {
        let network = |address: &str, prefix| Network { address: address.parse().unwrap(), prefix };
        for (range, address, expected) in [
            (network("10.1.0.0", 16), "10.1.255.3", true),
            (network("10.1.0.0", 16), "10.2.0.1", false),
            (network("0.0.0.0", 0), "198.51.100.7", true),
            (network("192.0.2.1", 32), "192.0.2.1", true),
            (network("192.0.2.1", 32), "192.0.2.2", false),
            (network("2001:db8::", 32), "2001:db8:ffff::1", true),
            (network("::", 0), "10.0.0.1", false),
        ] {
            assert_eq!(range.contains(address.parse().unwrap()), expected, "{range:?} {address}");
        }
    }

    #[test]
    fn the_last_pause_is_used_from_then_on() {
        let queue = Queue {
            retry: vec![Duration::from_secs(60), Duration::from_secs(300)],
            jitter_percent: 0,
            expire: Duration::from_secs(1_000),
            hold_expire: Duration::from_secs(1),
            delay_notice: None,
            deliveries: 1,
            deliveries_per_route: 1,
        };
        assert_eq!(queue.pause(0), Duration::from_secs(60));
        assert_eq!(queue.pause(1), Duration::from_secs(300));
        assert_eq!(queue.pause(9), Duration::from_secs(300));
        assert!(!queue.is_exhausted(3), "60 + 300 + 300 + 300 = 960 s");
        assert!(queue.is_exhausted(4));
    }
}
