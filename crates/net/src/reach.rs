//! Which addresses and ports may be asked when somebody else chose the address: requests must not be turned against our
//! own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far requests go whose destination stands in foreign data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Everywhere, for closed networks and tests.
    Anywhere,
    /// To addresses of the public internet only, and to the ports of the protocol or from 1024 up.
    #[default]
    Public,
}

impl Reach {
    /// Returns true if the address may be asked.
    pub fn permits(self, address: IpAddr) -> bool {
        self == Self::Anywhere || is_public(address)
    }

    /// Returns true if the port may be asked; `usual` are those of the protocol. Below 1024 other services listen, which
    /// might take a request for something else.
    pub fn permits_port(self, port: u16, usual: &[u16]) -> bool {
        port != 0 && (self == Self::Anywhere || port >= 1024 || usual.contains(&port))
    }
}

/// Returns true for an address of the public internet, by the registries of special addresses (RFC 6890 and its updates).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !SPECIAL_V4
        .iter()
        .any(|(network, length)| bits >> (32 - length) == network.to_bits() >> (32 - length))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    let lies_in = |(network, length): &(Ipv6Addr, u32)| {
        bits >> (128 - length) == network.to_bits() >> (128 - length)
    };
    if lies_in(&TRANSLATED) {
        // A network with IPv6 alone reaches IPv4 so; what counts is where it ends (RFC 6052).
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    lies_in(&GLOBAL_V6) && !SPECIAL_V6.iter().any(lies_in)
}

/// Networks that are not the internet: the IANA registry of special-purpose addresses, multicast and what is reserved.
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];
/// What is given out to the internet (RFC 4291 section 2.4); mapped, link-local, private and multicast lie outside.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// Special networks within it: protocol assignments with Teredo, documentation, and 6to4, which hides an IPv4 address.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];
/// IPv4 through a translator (RFC 6052).
const TRANSLATED: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "::1.1.1.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:101:101::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
            assert!(Reach::Anywhere.permits(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn low_ports_of_other_services_are_out_of_reach() {
        for (port, is_permitted) in [
            (80, true),
            (443, true),
            (25, false),
            (22, false),
            (1024, true),
            (8080, true),
            (0, false),
        ] {
            assert_eq!(Reach::Public.permits_port(port, &[80, 443]), is_permitted, "{port}");
        }
        assert!(Reach::Anywhere.permits_port(25, &[80]));
    }
}
