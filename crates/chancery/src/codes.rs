//! Every stable code of every layer in one list.

use chancery_fault::Code;

/// Iterates over all codes, in the order of the layers.
pub fn all() -> impl Iterator<Item = &'static Code> {
    [
        chancery_crypto::CODES,
        chancery_mail::CODES,
        chancery_cms::CODES,
        chancery_pki::CODES,
        chancery_smime::CODES,
        chancery_smime::card::CODES,
        chancery_smime::bridge::CODES,
        chancery_policy::CODES,
        chancery_wire::CODES,
        chancery_store::CODES,
        chancery_net::CODES,
        chancery_lookup::CODES,
        chancery_gateway::CODES,
        chancery_authority::CODES,
        chancery_directory::CODES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Finds a code by its name.
pub fn find(id: &str) -> Option<&'static Code> {
    all().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen: HashMap<&str, &Code> = HashMap::new();
        for code in all() {
            if let Some(other) = seen.insert(code.id, code) {
                assert_eq!(other, code, "two codes are called {}", code.id);
            }
            let (area, cause) = code.id.split_once('.').expect(code.id);
            assert!(!area.is_empty() && !cause.is_empty(), "{}", code.id);
            let (reply, enhanced) = code.reply.split_once(' ').expect(code.id);
            assert!(
                reply.parse::<u16>().is_ok_and(|n| (400..600).contains(&n)),
                "{} {}",
                code.id,
                code.reply
            );
            assert_eq!(
                enhanced.chars().next(),
                reply.chars().next(),
                "{}: classes differ",
                code.id
            );
            assert!(!code.summary.ends_with('.') && code.help.ends_with('.'), "{}", code.id);
        }
    }
}
