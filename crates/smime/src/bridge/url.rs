//! Addresses at which bridges and members publish.

/// Returns true for an http or https address of a folder, plain enough to stand in a certificate.
pub fn is_base(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]".contains(&byte);
    rest.is_some_and(|rest| {
        !rest.starts_with('/')
            && rest.ends_with('/')
            && !rest.contains("//")
            && rest.bytes().all(is_plain)
    }) && text.len() <= 200
}

/// Returns the host of such an address, without its port.
pub fn host(base: &str) -> &str {
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|it| it.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Where the certificates of members by the bridge are published.
pub const ISSUED_BY: &str = "issued-by.p7c";
/// Where the certificates of the bridge, its own and those by members, are published.
pub const ISSUED_TO: &str = "issued-to.p7c";
/// Where the revocation list of the bridge is published.
pub const CRL: &str = "bridge.crl";
/// Where it is published which other bridges the bridge vouches for.
pub const PEERS: &str = "peers.json";
/// The folder of the members' cards.
pub const MEMBERS: &str = "members/";

/// Returns where the card of the member that has a domain is published.
pub fn card(domain: &str) -> String {
    format!("{MEMBERS}{domain}.card")
}

#[cfg(test)]
mod tests {
    use super::{host, is_base};

    #[test]
    fn only_plain_folders_are_bases() {
        for good in ["http://b.example/", "https://b.example/x/", "http://127.0.0.1:80/"] {
            assert!(is_base(good), "{good}");
        }
        for bad in [
            "",
            "http://",
            "http:///",
            "ftp://b.example/",
            "http://b.example",
            "http://b/a b/",
            "http://u@b.example/",
            "http://b.example/?x/",
            "http://b.example//",
            "http://b/\n/",
        ] {
            assert!(!is_base(bad), "{bad}");
        }
        assert_eq!(host("http://b.example:8080/x/"), "b.example");
        assert_eq!(host("http://b.example/"), "b.example");
    }
}
