//! Networks, hosts and next hops as the configuration writes them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;

use chancery_policy::document::domain;

use super::socket::Server;

/// A network: an address and how many of its first bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// A machine, by name or by address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Its address.
    Address(IpAddr),
    /// Its name, in lower case.
    Name(String),
}

/// A machine and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The machine.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// Where mail goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// This server, by LMTP.
    Lmtp(Server),
    /// Wherever the DNS says.
    Mx,
    /// This server, by SMTP.
    Smtp(Server),
}

impl Cidr {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address; `None` if it is none of these.
    ///
    /// Bits after the prefix must be zero, because `10.1.2.3/8` more often is a slip than a wish.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().ok()?;
        let width = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|p| *p <= width)?
            }
            Some(_) => return None,
            None => width,
        };
        let cidr = Self { network, prefix };
        (bits(network) & !cidr.mask() == 0).then_some(cidr)
    }

    /// Returns its address.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// Returns how many of its first bits count.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Returns true if the address is in the network; `::ffff:192.0.2.1` counts as `192.0.2.1`.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let network = self.network;
        address.is_ipv4() == network.is_ipv4() && bits(address) & self.mask() == bits(network)
    }

    /// Returns true if it is the whole internet.
    pub fn is_everything(&self) -> bool {
        self.prefix == 0
    }

    /// The mask in the low 32 bits for IPv4 and in all 128 for IPv6.
    fn mask(&self) -> u128 {
        let width = if self.network.is_ipv4() { 32 } else { 128 };
        let all = if width == 32 { u128::from(u32::MAX) } else { u128::MAX };
        let host_bits = u32::from(width - self.prefix.min(width));
        all.checked_shl(host_bits).unwrap_or(0) & all
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl HostPort {
    /// Reads `mail.acme.example:25`, `192.0.2.1:25` or `[2001:db8::1]:25`; without a port it is `default_port`.
    pub fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, after) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
            (Host::Address(address.into()), port)
        } else {
            let (host, port) =
                text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            (Host::parse(host)?, port)
        };
        let port = match port {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|p| *p != 0)?
            }
            Some(_) => return None,
            None => default_port,
        };
        Some(Self { host, port })
    }

    /// Returns true if connecting there reaches a socket that listens here.
    pub(super) fn is_listener(&self, listener: SocketAddr, hostname: &str) -> bool {
        if self.port != listener.port() {
            return false;
        }
        match &self.host {
            Host::Address(address) => {
                let address = address.to_canonical();
                address == listener.ip()
                    || (listener.ip().is_unspecified() && address.is_loopback())
            }
            Host::Name(name) if name == "localhost" => {
                listener.ip().is_loopback() || listener.ip().is_unspecified()
            }
            Host::Name(name) => name == hostname,
        }
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(address));
        }
        // `10.0.0.300` is no name: no top-level domain is a number (RFC 3696 section 2).
        let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        domain(text).map(Self::Name)
    }
}

impl NextHop {
    /// Reads `mx`, `smtp:HOST:PORT`, `lmtp:HOST:PORT`, or `lmtp:unix:PATH`, whose path may start at `base`.
    pub fn parse(text: &str, base: &Path) -> Option<Self> {
        if text == "mx" {
            return Some(Self::Mx);
        }
        if let Some(rest) = text.strip_prefix("smtp:") {
            return Server::parse(rest, 25, base).map(Self::Smtp);
        }
        // 24 is the private-mail port that LMTP servers use by custom; RFC 2033 forbids 25.
        Server::parse(text.strip_prefix("lmtp:")?, 24, base).map(Self::Lmtp)
    }

    /// Returns the server, if it is fixed.
    pub fn server(&self) -> Option<&Server> {
        match self {
            Self::Mx => None,
            Self::Lmtp(server) | Self::Smtp(server) => Some(server),
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            Host::Address(address) => write!(f, "{address}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lmtp(server) => write!(f, "lmtp:{server}"),
            Self::Mx => f.write_str("mx"),
            Self::Smtp(server) => write!(f, "smtp:{server}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_should() {
        for (network, address, expected) in [
            ("127.0.0.0/8", "127.1.2.3", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
            ("::1", "::1", true),
            ("::1", "0.0.0.1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
        ] {
            let cidr = Cidr::parse(network).unwrap();
            assert_eq!(cidr.contains(address.parse().unwrap()), expected, "{address} in {network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.1.2.3/8",
            "::/129",
            "10.0.0",
            "a/8",
            "10.0.0.0/",
        ] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
    }

    #[test]
    fn next_hops_are_read_and_written() {
        for (text, written) in [
            ("mx", Some("mx")),
            ("smtp:127.0.0.1:10026", Some("smtp:127.0.0.1:10026")),
            ("smtp:Mail.Acme.Example", Some("smtp:mail.acme.example:25")),
            ("lmtp:[2001:db8::1]:24", Some("lmtp:[2001:db8::1]:24")),
            ("lmtp:localhost", Some("lmtp:localhost:24")),
            ("smtp:[2001:db8::1]", Some("smtp:[2001:db8::1]:25")),
            ("lmtp:unix:/run/dovecot/lmtp", Some("lmtp:unix:/run/dovecot/lmtp")),
            ("smtp:unix:smtp.sock", Some("smtp:unix:/etc/smtp.sock")),
            ("lmtp:unix:", None),
            ("unix:/run/lmtp", None),
            ("smtp:", None),
            ("smtp:host:0", None),
            ("smtp:host:65536", None),
            ("smtp:host:+25", None),
            ("smtp:host:25:26", None),
            ("smtp:10.0.0.300:25", None),
            ("smtp:2001:db8::1:25", None),
            ("http:host", None),
            ("host:25", None),
            ("smtp:bad host:25", None),
        ] {
            assert_eq!(
                NextHop::parse(text, Path::new("/etc")).map(|hop| hop.to_string()).as_deref(),
                written,
                "{text}"
            );
        }
    }
}
