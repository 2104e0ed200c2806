//! Single values of the configuration: domains, addresses, networks and paths.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use chancery_policy::document::{Value, domain};

use super::address::Cidr;
use super::socket::ListenAddress;
use super::sources::Secret;

pub(super) fn read_domain(value: &Value<'_>) -> Option<String> {
    value.parse("a domain such as \"acme.example\"", domain)
}

pub(super) fn read_address(value: &Value<'_>) -> Option<String> {
    value.parse("an address such as \"postmaster@acme.example\"", |text| {
        let (local, name) = text.rsplit_once('@')?;
        // RFC 5322 section 3.2.3: dot-atom; nobody needs more for a role address.
        let is_atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
        let is_local = !local.is_empty() && local.len() <= 64 && local.bytes().all(is_atom);
        let is_dotted_well =
            !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        (is_local && is_dotted_well).then_some(())?;
        Some(format!("{local}@{}", domain(name)?))
    })
}

pub(super) fn read_listener(value: &Value<'_>, base: &Path) -> Option<ListenAddress> {
    value.parse(
        "an address and a port such as \"127.0.0.1:10025\" or \"[::]:25\", or \"unix:\" and a path",
        |text| ListenAddress::parse(text, base),
    )
}

pub(super) fn read_port(value: &Value<'_>) -> Option<SocketAddr> {
    value.parse("an address and a port such as \"127.0.0.1:10025\" or \"[::]:25\"", |text| {
        text.parse().ok()
    })
}

pub(super) fn read_server(value: &Value<'_>) -> Option<SocketAddr> {
    value.parse(
        "the address of a resolver such as \"192.0.2.53\" or \"[2001:db8::53]:53\"",
        |text| {
            text.parse()
                .ok()
                .or_else(|| text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 53)))
        },
    )
}

pub(super) fn read_network(value: &Value<'_>) -> Option<Cidr> {
    let network = read_proxy(value)?;
    if network.is_everything() {
        value.mistake(
            format!("\"{network}\" lets everybody send through us: an open relay"),
            Some("name the networks of your own mail servers".to_owned()),
        );
    }
    Some(network)
}

/// Reads a network whose clients are believed about something other than mail.
pub(super) fn read_proxy(value: &Value<'_>) -> Option<Cidr> {
    value.parse(
        "a network such as \"192.0.2.0/24\" or an address (no bits set after the prefix)",
        Cidr::parse,
    )
}

pub(super) fn read_path(value: &Value<'_>, base: &Path) -> Option<PathBuf> {
    value.parse("the path of a file", |text| {
        let is_path = !text.is_empty() && !text.contains(char::is_control);
        // A secret that was pasted where its file belongs must not be used, and not be shown again by accident.
        (is_path && !text.contains("-----BEGIN")).then(|| base.join(text))
    })
}

pub(super) fn read_secret(value: &Value<'_>, base: &Path) -> Option<Secret> {
    value.parse("a file or \"credential:NAME\"", |text| {
        if let Some(name) = text.strip_prefix("credential:") {
            return credential(name).map(Secret::Credential);
        }
        let is_path = !text.is_empty() && !text.contains(char::is_control);
        is_path.then(|| Secret::File(base.join(text)))
    })
}

/// Returns the name of a systemd credential, if it is one: it becomes a file name in the credentials directory, and must
/// not lead out of it.
pub(super) fn credential(name: &str) -> Option<String> {
    let is_good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_name = !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_good);
    is_name.then(|| name.to_owned())
}
