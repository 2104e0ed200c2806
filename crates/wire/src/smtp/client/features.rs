//! What the reply to EHLO offers.

use crate::smtp::Reply;

/// The extensions of a server that we can use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one extension")]
pub struct Features {
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 4954 with PLAIN.
    pub auth_plain: bool,
    /// RFC 4954 with LOGIN.
    pub auth_login: bool,
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 1870 was offered.
    pub size: bool,
    /// RFC 1870: the largest message, if there is a limit.
    pub max_size: Option<u64>,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3207.
    pub starttls: bool,
}

impl Features {
    /// Reads the reply to EHLO or LHLO; its first line is the server's name.
    pub fn parse(reply: &Reply) -> Self {
        let mut features = Self::default();
        for line in reply.lines().skip(1) {
            // Some old servers write `AUTH=PLAIN`.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            let Some(keyword) = words.next() else { continue };
            match keyword.to_ascii_uppercase().as_str() {
                "8BITMIME" => features.eight_bit_mime = true,
                "AUTH" => {
                    for word in words {
                        features.auth_plain |= word.eq_ignore_ascii_case("PLAIN");
                        features.auth_login |= word.eq_ignore_ascii_case("LOGIN");
                    }
                }
                "CHUNKING" => features.chunking = true,
                "DSN" => features.dsn = true,
                "PIPELINING" => features.pipelining = true,
                "SIZE" => {
                    features.size = true;
                    // RFC 1870 section 4: 0 means no limit.
                    features.max_size =
                        words.next().and_then(|word| word.parse().ok()).filter(|limit| *limit > 0);
                }
                "SMTPUTF8" => features.smtputf8 = true,
                "STARTTLS" => features.starttls = true,
                _ => {}
            }
        }
        features
    }
}
