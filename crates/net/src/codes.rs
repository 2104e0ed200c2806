//! The stable codes of networking: names, routes, TLS.

use chancery_fault::{Code, Fault, Retry};

/// All codes of this crate, for `chancery explain` and the generated reference.
pub const CODES: &[&Code] = &[
    &CONNECT,
    &DNS_NO_MAIL,
    &DNS_NO_SUCH_DOMAIN,
    &DNS_TEMPORARY,
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
