//! What a proxy writes in front of a connection, so that the server knows who the client is (PROXY protocol, version 2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the octets at the front of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// More octets are needed to say.
    Short,
    /// It is no header of version 2.
    Wrong,
    /// It is whole.
    Whole {
        /// Octets of the header.
        length: usize,
        /// The client; `None` if the proxy itself speaks, or the client has no Internet address.
        client: Option<IpAddr>,
    },
}

/// Reads the header (section 2.2). What is added after the addresses is passed over.
pub fn read(octets: &[u8]) -> Header {
    let known = octets.len().min(SIGNATURE.len());
    if octets.get(..known) != SIGNATURE.get(..known) {
        return Header::Wrong;
    }
    let Some([command, family, high, low]) = octets.get(12..16) else { return Header::Short };
    let size = usize::from(u16::from_be_bytes([*high, *low]));
    if size > MAX_SIZE {
        return Header::Wrong;
    }
    let length = 16 + size;
    let Some(addresses) = octets.get(16..length) else { return Header::Short };
    let client = match (command, family >> 4) {
        (0x21, 1) => match addresses.first_chunk::<12>().and_then(|it| it.first_chunk::<4>()) {
            Some(source) => Some(IpAddr::V4(Ipv4Addr::from(*source))),
            None => return Header::Wrong,
        },
        (0x21, 2) => match addresses.first_chunk::<36>().and_then(|it| it.first_chunk::<16>()) {
            Some(source) => Some(IpAddr::V6(Ipv6Addr::from(*source)).to_canonical()),
            None => return Header::Wrong,
        },
        // A health check of the proxy (LOCAL), whatever it says of addresses; or a client without an Internet address.
        (0x20 | 0x21, _) => None,
        _ => return Header::Wrong,
    };
    Header::Whole { length, client }
}

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Octets after the first sixteen; certificates among them would need a few thousand.
const MAX_SIZE: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let size = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &size, addresses].concat()
    }

    #[test]
    fn clients_are_read() {
        let four = [192, 0, 2, 7, 127, 0, 0, 1, 0x30, 0x39, 1, 0x85];
        let mut six = [0; 36];
        six[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        six[15] = 9;
        let with_more = [four.as_slice(), &[4, 0, 1, 0]].concat();
        for (octets, client) in [
            (header(0x21, 0x11, &four), Some("192.0.2.7")),
            (header(0x21, 0x11, &with_more), Some("192.0.2.7")),
            (header(0x21, 0x21, &six), Some("2001:db8::9")),
            (header(0x20, 0x11, &four), None),
            (header(0x20, 0, &[]), None),
            (header(0x21, 0x31, &[0; 216]), None),
        ] {
            let expected = client.map(|it| it.parse().unwrap());
            let whole = Header::Whole { length: octets.len(), client: expected };
            assert_eq!(read(&octets), whole);
            assert_eq!(read(&[octets.as_slice(), b"0\x0c"].concat()), whole);
            for cut in 0..octets.len() {
                assert_eq!(read(&octets[..cut]), Header::Short, "{cut}");
            }
        }
    }

    #[test]
    fn anything_else_is_wrong() {
        let long = [SIGNATURE.as_slice(), &[0x21, 0x11, 0xff, 0xff]].concat();
        for octets in [
            &b"0\x0c"[..],
            b"PROXY TCP4 192.0.2.7",
            &header(0x11, 0x11, &[0; 12]),
            &header(0x21, 0x11, &[0; 11]),
            &header(0x21, 0x21, &[0; 12]),
            &header(0x22, 0x11, &[0; 12]),
            &long,
        ] {
            assert_eq!(read(octets), Header::Wrong, "{octets:?}");
        }
    }
}
