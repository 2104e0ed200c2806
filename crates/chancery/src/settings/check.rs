//! What must fit together: listeners with each other, next hops with listeners.

use std::net::{IpAddr, SocketAddr};

use chancery_policy::document::Value;

use super::address::NextHop;
use super::socket::ListenAddress;

/// One address that we listen on.
pub(super) struct Listener<'d> {
    pub(super) path: &'static str,
    pub(super) address: ListenAddress,
    pub(super) place: Value<'d>,
    /// Whether the file names it; otherwise it is a default and there is no line to point to.
    pub(super) is_written: bool,
    pub(super) is_mail: bool,
}

/// Notes every listener that cannot be opened because another one has its port.
pub(super) fn listeners(listeners: &[Listener<'_>]) {
    // Written ones last, so that the mistake is noted at a line of the file.
    let mut ordered: Vec<&Listener<'_>> = listeners.iter().collect();
    ordered.sort_by_key(|listener| listener.is_written);
    for (index, listener) in ordered.iter().enumerate() {
        let clash =
            ordered.iter().take(index).find(|other| overlap(&listener.address, &other.address));
        if let Some(other) = clash {
            let whose = if other.is_written { "" } else { " (its default)" };
            listener.place.mistake(
                format!("{} is already taken by \"{}\"{whose}", listener.address, other.path),
                Some(hint(&listener.address, &other.address).to_owned()),
            );
        }
    }
}

/// Notes a next hop that leads back to one of our own listeners.
pub(super) fn loops(
    hop: &NextHop,
    place: &Value<'_>,
    is_written: bool,
    listeners: &[Listener<'_>],
    hostname: &str,
) {
    let Some(server) = hop.server() else {
        return;
    };
    let own = listeners
        .iter()
        .find(|listener| listener.is_mail && server.is_listener(&listener.address, hostname));
    if let Some(listener) = own {
        // Of the two, one is in the file: the defaults do not loop.
        let written = if is_written { place } else { &listener.place };
        written.mistake(
            format!("mail for \"{hop}\" would come back to \"{}\" of this gateway", listener.path),
            Some("name another server or port".to_owned()),
        );
    }
}

/// Warns about metrics that the network can read.
pub(super) fn metrics(address: SocketAddr, place: &Value<'_>) {
    if !address.ip().is_loopback() {
        place.warning(
            "metrics can be read by everybody who reaches this address",
            Some(
                "listen on a loopback address, or make sure that a firewall is in front of it"
                    .to_owned(),
            ),
        );
    }
}

/// Returns true if the second of the two sockets could not be opened.
fn overlap(a: &ListenAddress, b: &ListenAddress) -> bool {
    let (ListenAddress::Tcp(a), ListenAddress::Tcp(b)) = (a, b) else {
        return a == b;
    };
    // Port 0 is a free port chosen by the system.
    let is_same_port = a.port() != 0 && a.port() == b.port();
    is_same_port && (takes(a.ip(), b.ip()) || takes(b.ip(), a.ip()))
}

/// Returns true if a socket on the first address gets what is sent to the second.
fn takes(listener: IpAddr, address: IpAddr) -> bool {
    match listener {
        // `[::]` takes IPv4 as well (RFC 3493 section 5.3; Linux unless `net.ipv6.bindv6only` is set).
        IpAddr::V6(listener) if listener.is_unspecified() => true,
        IpAddr::V4(listener) if listener.is_unspecified() => address.is_ipv4(),
        listener => listener == address,
    }
}

/// Says what is meant when both `0.0.0.0` and `[::]` are listed, which looks right and is not.
fn hint(a: &ListenAddress, b: &ListenAddress) -> &'static str {
    let (ListenAddress::Tcp(a), ListenAddress::Tcp(b)) = (a, b) else {
        return "give each listener a file of its own";
    };
    if a.is_ipv4() != b.is_ipv4() && a.ip().is_unspecified() && b.ip().is_unspecified() {
        "\"[::]\" takes IPv4 as well; remove \"0.0.0.0\""
    } else {
        "give each listener a port of its own"
    }
}
