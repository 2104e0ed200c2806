//! Any bytes as messages, addresses and filters of LDAP: what is read is written again as what it was.
#![no_main]

use chancery_wire::ldap::{Filter, Message, Operation, Url, length_of_first};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(length)) = length_of_first(bytes)
        && let Some(first) = bytes.get(..length)
        && let Ok(message) = Message::from_ber(first)
        && !matches!(message.operation, Operation::Other(_))
    {
        if let Operation::SearchRequest(search) = &message.operation
            && let Ok(steps) = search.filter.steps()
        {
            assert!(!steps.is_empty() && steps.len() <= 2 * bytes.len());
        }
        let again = message.to_ber();
        assert_eq!(Message::from_ber(&again).as_ref(), Ok(&message));
        assert_eq!(length_of_first(&again), Ok(Some(again.len())));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(url) = Url::parse(text) {
        assert!(text.len() >= url.base.len() && url.port != 0 && url.host.is_ascii());
    }
    if let Ok(filter) = Filter::parse(text) {
        // Each character of the text costs a few octets at most.
        assert!(filter.ber().len() <= 16 * text.len() + 16);
    }
});
