//! Which addresses a certificate speaks for, and which it encrypts for.
//!
//! A mailbox certificate speaks for its own addresses. A gateway certificate speaks for a whole domain: RFC 3183 names
//! it `domain-signing-authority@domain` for signing and `domain-confidentiality-authority@domain` for encryption.
//! Neither counts outside the domains that its anchor is trusted for: a partner's authority can write any name into a
//! certificate, but it does not speak for us or for another partner.

use crate::certificate::Certificate;
use crate::extension::{ExtendedKeyUsage, KeyUsage};
use crate::name::with_ascii_domain;

/// What the trust anchor of the certificate's path is trusted for.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// These domains only: the anchor is a partner's, from its card.
    Domains(&'a [String]),
    /// Mailboxes of any domain: a public authority that checks each mailbox. Such an anchor never vouches for domain
    /// signatures, because whoever may open the mailbox `domain-signing-authority` would speak for everybody.
    Mailboxes,
}

/// In which way a certificate belongs to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// As the organisation that runs the domain (RFC 3183).
    Domain(String),
    /// As the mailbox itself.
    Mailbox(String),
}

/// Returns how the certificate speaks for the address, or `None` if it does not.
///
/// It says nothing about the path, which [`crate::path::check`] does; `scope` is that of the anchor it ended at.
pub fn speaks_for(certificate: &Certificate, address: &str, scope: Scope<'_>) -> Option<Speaks> {
    belongs(certificate, address, scope, SIGNING_AUTHORITY)
}

/// Returns how messages to the address may be encrypted to the certificate, or `None` if they may not.
pub fn encrypts_for(certificate: &Certificate, address: &str, scope: Scope<'_>) -> Option<Speaks> {
    if !can_encrypt(certificate) {
        return None;
    }
    belongs(certificate, address, scope, CONFIDENTIALITY_AUTHORITY)
}

fn belongs(
    certificate: &Certificate,
    address: &str,
    scope: Scope<'_>,
    authority: &str,
) -> Option<Speaks> {
    // RFC 9598 section 5: a domain in U-labels is compared as its A-labels, in which certificates and settings have it.
    let address = with_ascii_domain(address);
    let (local, domain) = address.rsplit_once('@')?;
    if let Scope::Domains(domains) = scope
        && !domains.iter().any(|trusted| trusted.eq_ignore_ascii_case(domain))
    {
        return None;
    }
    let mut by_domain = None;
    for email in certificate.emails() {
        let Some((email_local, email_domain)) = email.rsplit_once('@') else { continue };
        // RFC 5280 section 7.5: the local part counts letter by letter, the domain without case.
        if email_local == local && email_domain.eq_ignore_ascii_case(domain) {
            return Some(Speaks::Mailbox(email.clone()));
        }
        let is_authority =
            email_local.eq_ignore_ascii_case(authority) && matches!(scope, Scope::Domains(_));
        if is_authority && is_same_or_below(domain, email_domain) && by_domain.is_none() {
            by_domain = Some(Speaks::Domain(email_domain.to_ascii_lowercase()));
        }
    }
    by_domain
}

/// Returns true if the certificate may be used to encrypt: key usage for key management, and mail not excluded
/// (RFC 8550 sections 4.4.2 and 4.4.4).
fn can_encrypt(certificate: &Certificate) -> bool {
    certificate.permits(KeyUsage::KEY_MANAGEMENT)
        && certificate.permits_extended(&ExtendedKeyUsage::EmailProtection)
}

/// Returns true if `domain` is `above` or lies below it (RFC 3183: the authority's domain is the same or an ascendant).
fn is_same_or_below(domain: &str, above: &str) -> bool {
    let Some(start) = domain.len().checked_sub(above.len()) else { return false };
    let (Some(head), Some(tail)) = (domain.get(..start), domain.get(start..)) else { return false };
    tail.eq_ignore_ascii_case(above)
        && above.contains('.')
        && (head.is_empty() || head.ends_with('.'))
}

/// Returns true if the text is a mail domain as we write it: lower-case ASCII labels, two at least (RFC 1035 section 2.3.1).
pub fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let all_digits = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(is_label)
        && !text.rsplit('.').next().is_some_and(all_digits)
}

/// The local part under which a gateway signs for its domain (RFC 3183).
pub const SIGNING_AUTHORITY: &str = "domain-signing-authority";
/// The local part under which a gateway decrypts for its domain (RFC 3183).
pub const CONFIDENTIALITY_AUTHORITY: &str = "domain-confidentiality-authority";

#[cfg(test)]
mod tests {
    use chancery_crypto::{KeyKind, PrivateKey};

    use crate::issue::{self, Authority, Organisation, Profile};
    use crate::name::AlternativeName;
    use crate::{Certificate, Scope, Speaks, encrypts_for, is_domain, speaks_for};

    /// 2026-06-01 12:00 UTC.
    const AT: i64 = 1_780_315_200;

    /// The signing and the encryption certificate of an organisation.
    fn gateway(domains: &[&str]) -> [Certificate; 2] {
        let organisation = Organisation::new("Globex", domains.iter().copied()).unwrap();
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let ca = issue::ca(&organisation, &key, AT, [1; 20]).unwrap();
        let authority = Authority { key: &key, certificate: &ca };
        [
            issue::organisation_signing(&organisation, &authority, key.public_key(), AT, [2; 20])
                .unwrap(),
            issue::organisation_encryption(
                &organisation,
                &authority,
                key.public_key(),
                AT,
                [3; 20],
            )
            .unwrap(),
        ]
    }

    #[test]
    fn a_gateway_speaks_for_its_domain_within_the_scope_of_its_anchor() {
        let [signing, encryption] = gateway(&["globex.example", "acme.example"]);
        let card = ["globex.example".to_owned(), "mail.globex.example".to_owned()];
        let scope = Scope::Domains(&card);
        let globex = Some(Speaks::Domain("globex.example".to_owned()));
        for (address, expected) in [
            ("bob@globex.example", globex.clone()),
            ("BOB@Globex.EXAMPLE", globex.clone()),
            ("bob@mail.globex.example", globex),
            // The certificate says acme.example too, but the anchor is not trusted for it.
            ("alice@acme.example", None),
            ("bob@notglobex.example", None),
            ("bob@other.globex.example", None),
            ("bob@example", None),
            ("globex.example", None),
            ("", None),
        ] {
            assert_eq!(speaks_for(&signing, address, scope), expected, "{address}");
            assert_eq!(encrypts_for(&encryption, address, scope), expected, "{address}");
            assert_eq!(encrypts_for(&signing, address, scope), None, "{address}");
            assert_eq!(speaks_for(&encryption, address, scope), None, "{address}");
        }
    }

    #[test]
    fn no_public_authority_vouches_for_a_domain_signature() {
        let [signing, _] = gateway(&["globex.example"]);
        assert_eq!(speaks_for(&signing, "bob@globex.example", Scope::Mailboxes), None);
        let own = "domain-signing-authority@globex.example";
        assert_eq!(
            speaks_for(&signing, own, Scope::Mailboxes),
            Some(Speaks::Mailbox(own.to_owned()))
        );
    }

    #[test]
    fn a_domain_counts_in_both_its_spellings() {
        let mailbox = |address: &str| {
            let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
            let profile = Profile {
                alternative_names: vec![AlternativeName::Email(address.to_owned())],
                not_before: AT,
                not_after: AT + 86_400,
                ..Profile::default()
            };
            issue::self_signed(&profile, &key, [1; 20]).unwrap()
        };
        let buero = mailbox("büro@xn--bro-hoa.example");
        let speaks = Some(Speaks::Mailbox("büro@xn--bro-hoa.example".to_owned()));
        for (address, expected) in [
            ("büro@büro.example", speaks.clone()),
            ("büro@BÜRO.example", speaks.clone()),
            ("büro@XN--BRO-HOA.example", speaks),
            // The local part has no other spelling (RFC 9598 section 5).
            ("BÜRO@büro.example", None),
            ("xn--bro-hoa@büro.example", None),
            ("büro@buero.example", None),
        ] {
            assert_eq!(speaks_for(&buero, address, Scope::Mailboxes), expected, "{address}");
        }
        let domains = ["xn--bro-hoa.example".to_owned()];
        let ascii = mailbox("alice@xn--bro-hoa.example");
        for certificate in [mailbox("alice@büro.example"), ascii] {
            let scope = Scope::Domains(&domains);
            assert!(speaks_for(&certificate, "alice@büro.example", scope).is_some());
            assert!(speaks_for(&certificate, "alice@xn--bro-hoa.example", scope).is_some());
        }
        let [signing, _] = gateway(&["xn--bro-hoa.example"]);
        let whole = Some(Speaks::Domain("xn--bro-hoa.example".to_owned()));
        assert_eq!(speaks_for(&signing, "alice@büro.example", Scope::Domains(&domains)), whole);
    }

    #[test]
    fn domains_are_lower_case_labels() {
        for good in ["acme.example", "a.b.c.example", "xn--bcher-kva.example", "1.example"] {
            assert!(is_domain(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "acme",
            "Acme.example",
            "-a.example",
            "a-.example",
            "a..example",
            ".example",
            "a.example.",
            "192.0.2.1",
            "bücher.example",
            "a_b.example",
            "*.example",
        ] {
            assert!(!is_domain(bad), "{bad}");
        }
    }
}
