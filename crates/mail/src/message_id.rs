//! Message-ID, In-Reply-To and References (RFC 5322 section 3.6.4).

/// Returns the first message id in a field's value, with its angle brackets.
pub fn parse(value: &[u8]) -> Option<String> {
    parse_all(value).into_iter().next()
}

/// Returns all message ids in a field's value (References), with their angle brackets.
pub fn parse_all(value: &[u8]) -> Vec<String> {
    todo!("{value:?}")
}

/// Makes a message id from something unique and a domain, leaving out what may not stand in one.
pub fn make(unique: &str, domain: &str) -> String {
    todo!("{unique} {domain}")
}
