//! The stable codes of networking: names, routes, TLS, and what is fetched.

use chancery_fault::{Code, Fault, Retry};

/// All codes of this crate, for `chancery explain` and the generated reference.
pub const CODES: &[&Code] = &[
    &CONNECT,
    &DNS_ANCHOR,
    &DNS_BOGUS,
    &DNS_NO_MAIL,
    &DNS_NO_SUCH_DOMAIN,
    &DNS_TEMPORARY,
    &DNS_UPDATE,
    &FETCH_ADDRESS,
    &FETCH_CONNECT,
    &FETCH_LOGIN,
    &FETCH_NAME,
    &FETCH_OUT_OF_REACH,
    &FETCH_PROTOCOL,
    &FETCH_REDIRECT,
    &FETCH_REFUSED,
    &FETCH_TIMED_OUT,
    &FETCH_TOO_LARGE,
    &ROUTE_LOOP,
    &BODY_SOURCE,
    &TLS_CONFIGURATION,
    &TLS_HANDSHAKE,
];

macro_rules! code {
    ($(#[$doc:meta])* $name:ident, $id:literal, $fault:ident, $retry:ident, $reply:literal, $summary:literal, $help:literal) => {
        $(#[$doc])*
        pub static $name: Code = Code {
            id: $id,
            fault: Fault::$fault,
            retry: Retry::$retry,
            reply: $reply,
            summary: $summary,
            help: $help,
        };
    };
}

code!(
    /// No address of the next hop answered.
    CONNECT, "route.connect", Partner, Later, "451 4.4.1", "no server of the next hop could be reached",
    "Check with `nc HOST PORT` from this machine that the next hop is up and no firewall is in the way; the message is \
     tried again."
);
code!(
    /// The trust anchors of the DNS cannot be read.
    DNS_ANCHOR, "dns.anchor", Us, Never, "451 4.3.5", "the keys that the DNS is believed by cannot be read",
    "`dns.trust-anchor` names a file with DNSKEY records as zone files write them; leave it out to use those of IANA."
);
code!(
    /// An answer of the DNS breaks the signatures of its zone.
    DNS_BOGUS, "dns.bogus", Partner, Later, "451 4.7.5", "an answer of the DNS breaks the signatures of its zone",
    "Compare with `delv SMIMEA NAME`. If other signed names fail too, the name server that is asked does not pass \
     signatures on: name a validating one in `dns.servers`. Else the zone is broken or somebody is in the way; it is tried \
     again later."
);
code!(
    /// The domain says that it takes no mail (RFC 7505).
    DNS_NO_MAIL, "dns.no_mail", Sender, Never, "556 5.1.10", "the domain does not take mail",
    "Check the spelling of the address: the domain publishes a null MX record."
);
code!(
    /// The domain does not exist or has neither MX nor address records.
    DNS_NO_SUCH_DOMAIN, "dns.no_such_domain", Sender, Never, "550 5.1.2", "the domain does not exist or has no mail server",
    "Check the spelling of the address."
);
code!(
    /// A lookup failed for now.
    DNS_TEMPORARY, "dns.temporary", Partner, Later, "451 4.4.3", "a DNS lookup failed",
    "Check with `dig MX DOMAIN` from this machine; the message is tried again. A failed DNSSEC check ends here too."
);
code!(
    /// A zone's server did not take a change.
    DNS_UPDATE, "dns.update", Us, Later, "451 4.4.3", "the server of a zone did not take a change",
    "Compare key, zone and server with `knsupdate` or `nsupdate`: BADKEY means that the server does not have the key, BADTIME \
     that the clocks differ, REFUSED or NOTAUTH that the key may not change the zone."
);
code!(
    /// The address in a certificate or list cannot be asked.
    FETCH_ADDRESS, "fetch.address", Partner, Never, "451 4.4.3", "the address where it should be cannot be used",
    "Nothing can be fetched from this address: it must be http, https, ldap or ldaps, with a host and without a password. \
     Tell the authority that wrote it into its certificates."
);
code!(
    /// No server answers at the address.
    FETCH_CONNECT, "fetch.connect", Partner, Later, "451 4.4.1", "the server for certificates or lists does not answer",
    "Check with `curl -v URL` from this machine that the server is up and no firewall is in the way; it is tried again \
     after a while."
);
code!(
    /// A directory does not take our name and password.
    FETCH_LOGIN, "fetch.login", Us, Later, "451 4.7.8", "a directory does not take our name and password",
    "Compare `bind` and `password-file` of the source with `ldapwhoami -x -D NAME -W -H URL`; result code 49 means that \
     one of them is wrong. A password is never sent without TLS."
);
code!(
    /// The host of the address cannot be looked up.
    FETCH_NAME, "fetch.name", Partner, Later, "451 4.4.3", "the host of an address cannot be found",
    "Check with `dig HOST` from this machine. A host that is gone for good is the authority's to mend."
);
code!(
    /// The address leads into a network that must not be asked.
    FETCH_OUT_OF_REACH, "fetch.out_of_reach", Partner, Never, "451 4.4.3", "the address does not lead to the public internet",
    "Addresses in certificates are chosen by others, so requests never go to private networks or to ports of other \
     services. If the server is really yours, allow it with `lookup.allow-private`."
);
code!(
    /// The server's answer breaks the protocol.
    FETCH_PROTOCOL, "fetch.protocol", Partner, Later, "451 4.4.2", "the answer of a server cannot be read",
    "Fetch the address with `curl -v URL` (or `ldapsearch`) and compare; the connection may have broken in the middle."
);
code!(
    /// The server sends elsewhere too often or to a place that may not be asked.
    FETCH_REDIRECT, "fetch.redirect", Partner, Later, "451 4.4.3", "a server sends elsewhere too often or to a bad address",
    "Look at where it leads with `curl -vL URL`; the authority should give the final address."
);
code!(
    /// The server says no.
    FETCH_REFUSED, "fetch.refused", Partner, Later, "451 4.4.2", "a server does not give what was asked for",
    "The status in the text is the server's (404: it has no such file). Tell the authority whose address it is."
);
code!(
    /// The answer took too long.
    FETCH_TIMED_OUT, "fetch.timed_out", Partner, Later, "451 4.4.1", "a server did not answer in time",
    "Check with `curl -v URL` how long it takes; the limit is `lookup.timeout`. It is tried again after a while."
);
code!(
    /// The answer is larger than allowed.
    FETCH_TOO_LARGE, "fetch.too_large", Partner, Never, "451 4.4.2", "the answer of a server is too large",
    "If the list is really so large, raise `lookup.max-size`."
);
code!(
    /// Mail for this domain would come straight back.
    ROUTE_LOOP, "route.loop", Us, Never, "554 5.4.6", "the best mail server for the domain is this gateway itself",
    "Give the domain a next hop in the configuration, or remove this gateway from its MX records."
);
code!(
    /// Reading the message to be sent failed.
    BODY_SOURCE, "route.body_source", Us, Later, "451 4.3.0", "the message could not be read from the store",
    "Check the disk and the log entries of the store; the message is tried again."
);
code!(
    /// A certificate or key cannot be used.
    TLS_CONFIGURATION, "tls.configuration", Us, Never, "454 4.7.0", "the TLS certificate or key cannot be used",
    "Check that the certificate file is PEM, begins with the server's own certificate and fits the key file."
);
code!(
    /// The TLS handshake failed.
    TLS_HANDSHAKE, "tls.handshake", Partner, Later, "454 4.7.0", "the TLS handshake failed",
    "Compare the TLS versions of both servers; for verified connections check the other certificate's names, dates and \
     issuer with `openssl s_client -starttls smtp`."
);
