//! Which certificates may be shown: alive, for mail, for that address, and not in doubt as far as anybody said whom to
//! believe.

use chancery_mail::address::normal_domain;
use chancery_pki::path::{Known, Trust};
use chancery_pki::revocation::RevocationList;
use chancery_pki::{Certificate, ExtendedKeyUsage, KeyUsage, Purpose, Rule, path};
use chancery_store::certificate::CertificateKind;
use chancery_store::key::KeyPurpose;
use chancery_store::published::Kinds;
use chancery_store::trust::Trusts;
use chancery_store::{Result, Store};

/// Judges certificates with what was known at one moment.
#[derive(Clone, Debug)]
pub struct Judge {
    trusts: Trusts,
    known: Known,
    domains: Vec<String>,
    /// The organisation's own authority.
    own: Option<Certificate>,
    /// All certificates of authorities, and the lists of what they revoked.
    authorities: Vec<Certificate>,
    lists: Vec<RevocationList>,
    /// Authorities that were imported. None is believed for that; but what they revoked is revoked.
    imported: Trust,
}

/// What is thought of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// A path of somebody whom we believe leads to it.
    Trusted,
    /// Nobody said whom to believe about it.
    Unjudged,
    /// It must not be shown; why, as the end of a sentence.
    Unfit(String),
}

impl Judge {
    /// Reads whom to believe.
    pub fn read(store: &Store, domains: &[String]) -> Result<Self> {
        let own = store.keys(KeyPurpose::Ca)?.into_iter().find(|key| key.active);
        let own = own.and_then(|key| Certificate::from_der(&key.certificate).ok());
        let mut authorities = store.authorities()?;
        let lists: Vec<_> = store.revocation_lists()?.into_iter().map(|row| row.list).collect();
        let anchors: Vec<_> =
            authorities.iter().filter(|it| it.is_self_issued()).cloned().collect();
        authorities.extend(own.clone());
        let known = Known::default().with(&authorities, lists.iter().cloned());
        let imported = Trust {
            revocation: path::RevocationDemand {
                strictness: path::Strictness::Soft,
                ..path::RevocationDemand::default()
            },
            ..Trust::anchors(&anchors)
        };
        let (trusts, domains) = (store.trusts()?, domains.to_vec());
        Ok(Self { trusts, known, domains, own, authorities, lists, imported })
    }

    /// Returns the certificates of all authorities; one may be there twice.
    pub(crate) fn authorities(&self) -> &[Certificate] {
        &self.authorities
    }

    /// Returns the lists of all authorities.
    pub(crate) fn lists(&self) -> &[RevocationList] {
        &self.lists
    }

    /// Returns when something new may be known about whether these were revoked, in Unix seconds; of several lists of an
    /// issuer the newest one counts.
    pub(crate) fn next_list(&self, certificates: &[&Certificate]) -> Option<i64> {
        let next = |certificate: &&Certificate| {
            let issuer = certificate.issuer_name();
            let lists = self.lists.iter().filter(|list| list.issuer_name() == issuer);
            lists.filter_map(RevocationList::next_update).max()
        };
        certificates.iter().filter_map(next).min()
    }

    /// Returns what is thought of a certificate for an address, which is one of those in it.
    pub fn opinion(&self, certificate: &Certificate, address: &str, at: i64) -> Opinion {
        if !certificate.is_valid_at(at) {
            return Opinion::Unfit("is not valid now".to_owned());
        }
        let kinds = kinds(certificate);
        if kinds.is_none() {
            return Opinion::Unfit("is not for mail".to_owned());
        }
        let purpose = if kinds.encryption { Purpose::SmimeEncrypt } else { Purpose::SmimeSign };
        let (local, domain) = address.rsplit_once('@').unwrap_or(("", address));
        let domain = normal_domain(domain);
        let address = &format!("{local}@{domain}");
        let is_ours = self.domains.contains(&domain);
        let settings = self.trusts.in_force(&domain, is_ours.then_some(&self.domains)).settings;
        let own = self.own.as_ref().filter(|_| is_ours);
        let trust = settings.trust(own, is_ours.then_some(&self.domains));
        let decides = !settings.anchors.is_empty()
            || !settings.pinned_keys.is_empty()
            || own.is_some_and(|own| own.subject_name() == certificate.issuer_name());
        if !decides {
            return self.unjudged(certificate, purpose, address, at);
        }
        let mut question = self.known.question(certificate, purpose, at, &trust);
        question.address = Some(address);
        let answer = path::decide(&question);
        if answer.is_trusted() {
            return Opinion::Trusted;
        }
        let why = answer.path.failures().next().map(|failure| failure.detail);
        Opinion::Unfit(why.unwrap_or_else(|| "has no path to an authority we believe".to_owned()))
    }

    /// Looks whether it was revoked by somebody who was imported.
    fn unjudged(
        &self,
        certificate: &Certificate,
        purpose: Purpose,
        address: &str,
        at: i64,
    ) -> Opinion {
        let mut question = self.known.question(certificate, purpose, at, &self.imported);
        question.address = Some(address);
        let answer = path::decide(&question);
        let revoked = answer.path.failures().find(|failure| failure.rule == Rule::Revoked);
        match revoked {
            Some(failure) => Opinion::Unfit(failure.detail),
            None => Opinion::Unjudged,
        }
    }
}

/// Returns what a certificate is for; nothing if it is not for mail (RFC 8550 section 4.4).
pub fn kinds(certificate: &Certificate) -> Kinds {
    if !certificate.permits_extended(&ExtendedKeyUsage::EmailProtection) || certificate.is_ca() {
        return Kinds::NONE;
    }
    Kinds {
        encryption: certificate.permits(KeyUsage::KEY_MANAGEMENT),
        signing: certificate.permits(KeyUsage::SIGNING),
    }
}

/// Kinds of stored certificates that are of people and not of authorities.
pub const OF_PEOPLE: [CertificateKind; 2] = [CertificateKind::EndEntity, CertificateKind::Own];

#[cfg(test)]
mod tests {
    use chancery_crypto::{KeyKind, PrivateKey};
    use chancery_pki::{AlternativeName, Organisation, issue};
    use chancery_store::trust::Scope;
    use chancery_store::{Act, Options};

    use super::*;

    /// Somebody asks with letters that the certificate has to write in another way; what was decided for the domain counts.
    #[test]
    fn a_domain_counts_however_it_is_written() {
        const AT: i64 = 1_780_315_200;
        let directory = tempfile::tempdir().unwrap();
        let options = Options { create: true, ..Options::default() };
        let store = Store::open(directory.path(), options).unwrap();
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let globex = Organisation::new("Globex", ["xn--bcher-kva.example"]).unwrap();
        let ca = issue::ca(&globex, &key, AT, [1; 20]).unwrap();
        let authority = issue::Authority { key: &key, certificate: &ca };
        let address = "domain-confidentiality-authority@xn--bcher-kva.example".to_owned();
        let profile = issue::Profile {
            alternative_names: vec![AlternativeName::Email(address)],
            key_usage: Some(KeyUsage::KEY_AGREEMENT),
            not_before: AT - 60,
            not_after: AT + 60,
            ..issue::Profile::default()
        };
        let gateway = issue::certificate(&profile, &authority, key.public_key(), [2; 20]).unwrap();
        let pin = gateway.key_fingerprint();
        let change = move |settings: &mut chancery_pki::trust::TrustSettings| {
            settings.pinned_keys.insert(pin);
            settings.domains = Some(["xn--bcher-kva.example".to_owned()].into());
        };
        let scope = Scope::Domain("xn--bcher-kva.example".to_owned());
        let act = Act { who: "ada".into(), why: "test".into(), at_ms: AT * 1000 };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(store.change_trust(scope, change, act)).unwrap();
        let judge = Judge::read(&store, &[]).unwrap();
        for address in
            ["ann@xn--bcher-kva.example", "ann@b\u{fc}cher.example", "ann@B\u{dc}CHER.example"]
        {
            assert_eq!(judge.opinion(&gateway, address, AT), Opinion::Trusted, "{address}");
        }
        assert_eq!(judge.opinion(&gateway, "ann@acme.example", AT), Opinion::Unjudged);
    }
}
