//! Learns from verified mail what its signer's software reads, for the next message that is encrypted to it.
//!
//! Of a person its certificate goes into the key book. Three things more can be learned: the capabilities attribute, the algorithms the message was encrypted with, and a renewed
//! encryption certificate. Only a signer counts who may speak for From, and only words that are not from the future. An
//! older word never replaces a newer one (`chancery_store::peer`), and a partner's card goes before all of them.

use chancery_mail::Address;
use chancery_pki::{Certificate, SIGNING_AUTHORITY};
use chancery_smime::{
    EncryptedBy, EncryptionVerdict, Outcome, SignerTrust, SignerVerdict, Statement, Verdict,
};
use chancery_store::keybook::{BookKey, KeyEvent, Origin};
use chancery_store::peer::PeerRow;

use crate::error::Result;
use crate::partners::Partner;
use crate::plan::{Draft, Subject};

/// Notes what a verified message tells about its signer.
pub(crate) fn from_verdict(
    subject: &Subject<'_>,
    verdict: &Verdict,
    draft: &mut Draft,
) -> Result<()> {
    let [author] = verdict.from.as_slice() else { return Ok(()) };
    let Ok(author) = Address::parse(author) else { return Ok(()) };
    if verdict.result != Outcome::Verified {
        return Ok(());
    }
    let (domain, partners) = (author.ascii_domain(), &subject.partners);
    let Some(signer) = verdict.signers.iter().find(|it| may_tell(it)) else { return Ok(()) };
    let received_at = subject.message.received_at_ms / 1000;
    let Some(at) = signer.signing_time.filter(|at| (1..=received_at + LEEWAY).contains(at)) else {
        return Ok(());
    };
    if !speaks_as_organisation(signer, &domain) {
        harvest(subject, &author, signer, draft);
    }
    let Some(partner) = partners.partner(&domain) else { return Ok(()) };
    let news = if speaks_as_organisation(signer, &domain) {
        of_organisation(partner, signer, verdict, at, &domain)
    } else {
        let address = author.folded();
        let known = subject.gateway.store.peer(&address)?;
        let news = stated(signer, verdict, at, address);
        // What is known already is not written again for each message; its time is, or an old message would be new.
        Some(news).filter(|news| known.is_none_or(|known| is_newer(news, &known)))
    };
    if let Some(news) =
        news.filter(|it| it.stated_at > 0 || it.observed_at > 0 || it.certificate.is_some())
    {
        draft.record("learned", &news);
        draft.planned.peers.push(PeerRow { seen_at_ms: subject.message.received_at_ms, ..news });
    }
    Ok(())
}

/// Puts the certificate that a person wants to be encrypted to into the key book.
fn harvest(subject: &Subject<'_>, author: &Address, signer: &SignerVerdict, draft: &mut Draft) {
    let (now_ms, message) = (subject.message.received_at_ms, subject.message);
    let source = message.message_id.clone().unwrap_or_else(|| message.id.to_string());
    let certificate = signer.encryption_certificate.as_deref();
    let Some(certificate) = certificate.and_then(|der| Certificate::from_der(der).ok()) else {
        return;
    };
    let key = BookKey::seen(&author.folded(), certificate, Origin::Harvested, source, now_ms);
    draft.record("harvested", &key);
    draft.planned.keys.push(KeyEvent::Seen(Box::new(key)));
}

/// Returns what is new about an organisation; nothing if its card says it all.
fn of_organisation(
    partner: &Partner,
    signer: &SignerVerdict,
    verdict: &Verdict,
    at: i64,
    domain: &str,
) -> Option<PeerRow> {
    let address = format!("@{domain}");
    let renewal = signer.encryption_certificate.clone().filter(|it| partner.is_renewal(it));
    if partner.says_all() {
        return renewal.map(|it| PeerRow { address, certificate: Some(it), ..PeerRow::default() });
    }
    let news = PeerRow { certificate: renewal, ..stated(signer, verdict, at, address) };
    let known = partner.learned(domain);
    Some(news).filter(|news| {
        news.certificate.is_some() || known.is_none_or(|known| is_newer(news, known))
    })
}

/// Returns what the signature and the encryption around it say.
fn stated(signer: &SignerVerdict, verdict: &Verdict, at: i64, address: String) -> PeerRow {
    // The names are of algorithms or numbers with dots; together they are some kilobytes at most.
    let capabilities = signer.capabilities.clone();
    let is_own = |it: &&EncryptionVerdict| it.recipient.is_some() && it.by != EncryptedBy::Other;
    let opened = verdict.encryption.as_ref().filter(is_own);
    let observed = opened.map(Statement::names_of).unwrap_or_default();
    PeerRow {
        address,
        stated_at: if capabilities.is_empty() { 0 } else { at },
        capabilities,
        observed_at: if observed.is_empty() { 0 } else { at },
        observed,
        ..PeerRow::default()
    }
}

fn is_newer(news: &PeerRow, known: &PeerRow) -> bool {
    news.stated_at > known.stated_at || news.observed_at > known.observed_at
}

/// Returns true if this signer is believed about itself: it vouches for the message to its core.
fn may_tell(signer: &SignerVerdict) -> bool {
    signer.speaks_for_from
        && signer.signature_ok
        && !signer.is_weak
        && signer.covers_content
        && signer.trust == SignerTrust::Partner
}

/// Returns true if the certificate is the organisation's (RFC 3183), not a person's. Not every gateway marks its
/// signatures, and the mark alone would let a person speak for all.
fn speaks_as_organisation(signer: &SignerVerdict, domain: &str) -> bool {
    let name = format!("{SIGNING_AUTHORITY}@{domain}");
    signer.emails.iter().any(|email| email.eq_ignore_ascii_case(&name))
}

/// A signer's clock may be ahead of ours by so many seconds.
const LEEWAY: i64 = 3600;
