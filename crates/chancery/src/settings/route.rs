//! Where mail goes next.

use std::path::Path;

use chancery_policy::document::{Value, domain};

use super::address::NextHop;
use super::check::{self, Listener};
use super::read::Source;
use super::{Route, TlsDemand};

/// Reads `[route]`; a next hop that leads back to one of the listeners is a mistake.
pub(super) fn read<'d>(
    source: &Source<'d>,
    base: &Path,
    listeners: &[Listener<'d>],
    hostname: Option<&str>,
) -> Option<Route> {
    let hop = |path: &str, value: &Value<'d>| -> Option<NextHop> {
        let hop = value.parse(
            "\"mx\", \"smtp:HOST:PORT\", \"lmtp:HOST:PORT\" or \"lmtp:unix:PATH\"",
            |text| NextHop::parse(text, base),
        )?;
        let is_written = source.written(path).is_some();
        check::loops(&hop, value, is_written, listeners, hostname.unwrap_or_default());
        Some(hop)
    };
    let inside = source.value("route.inside").and_then(|value| {
        let found = hop("route.inside", &value)?;
        if found == NextHop::Mx {
            value.mistake(
                "\"mx\" would send mail for our own domains back to this gateway",
                Some("name your mail server, such as \"smtp:127.0.0.1:10026\"".to_owned()),
            );
        }
        Some(found)
    });
    let outside = source.value("route.outside").and_then(|value| hop("route.outside", &value));
    let mut domains = Vec::new();
    if let Some(table) =
        source.value("route.domains").and_then(|value| value.open_table("[route.domains]"))
    {
        for value in table.entries() {
            let Some(name) = domain(value.key()) else {
                let hint =
                    "write a domain in quotes, such as \"globex.example\" = \"smtp:192.0.2.25:25\""
                        .to_owned();
                value.key_mistake(format!("{} is no domain", value.label()), Some(hint));
                continue;
            };
            if domains.iter().any(|(other, _)| *other == name) {
                value.key_mistake(
                    format!("domain \"{name}\" has two ways"),
                    Some("remove one of them".to_owned()),
                );
            }
            if let Some(found) = hop("route.domains", &value) {
                domains.push((name, found));
            }
        }
    }
    let demand = |path| source.value(path).and_then(|value| value.choice(TLS_DEMANDS));
    let (tls, inside_tls) = (demand("route.tls"), demand("route.inside-tls"));
    Some(Route { inside: inside?, outside: outside?, domains, tls: tls?, inside_tls: inside_tls? })
}

const TLS_DEMANDS: &[(&str, TlsDemand)] = &[
    ("none", TlsDemand::None),
    ("opportunistic", TlsDemand::Opportunistic),
    ("required", TlsDemand::Required),
    ("verified", TlsDemand::Verified),
];
