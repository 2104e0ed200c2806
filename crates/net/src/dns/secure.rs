//! Answers of the DNS with what their signatures say (RFC 4033 to 4035): SMIMEA and SRV records.
//!
//! A signed zone whose answer breaks a signature is [`Error::Bogus`], which is a failure for now and never a no: somebody
//! may be in the way. An answer counts as secure only if each record on the way to it is, aliases included.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};

use super::{Error, absolute, configuration, normal, unusable};

/// Where names are looked up with DNSSEC; clones share the cache.
#[derive(Clone)]
pub struct SecureResolver(Arc<TokioResolver>);

/// What the DNS says to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// The records; none if there are none, or no such name.
    pub records: Vec<T>,
    /// The owner of the zone wrote this, and that there is none if there is none.
    pub is_secure: bool,
    /// How long it may be used; `None` if the answer does not say.
    pub ttl: Option<Duration>,
}

/// An SMIMEA record (RFC 8162 section 2), which has the form of TLSA (RFC 6698 section 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// 0 and 2 are about an authority, 1 and 3 about the certificate itself.
    pub usage: u8,
    /// 0: the whole certificate, 1: its public key.
    pub selector: u8,
    /// 0: that itself, 1: its SHA-256, 2: its SHA-512.
    pub matching: u8,
    /// What is selected, as it matches.
    pub data: Vec<u8>,
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Lower is tried first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; empty if the service is decidedly not there.
    pub host: String,
}

impl fmt::Debug for SecureResolver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecureResolver")
    }
}

impl SecureResolver {
    /// Asks these servers, or those of the system if none are named; they must pass signatures on.
    ///
    /// `anchors` are DNSKEY records as zone files write them, of the root or of other zones; without them, the root's keys
    /// are those of IANA.
    pub fn new(servers: &[SocketAddr], anchors: Option<&str>) -> Result<Self, Error> {
        let mut builder: ResolverBuilder<TokioRuntimeProvider> = match servers {
            [] => TokioResolver::builder_tokio().map_err(|error| unusable(&error))?,
            servers => TokioResolver::builder_with_config(
                configuration(servers),
                TokioRuntimeProvider::default(),
            ),
        };
        let options = builder.options_mut();
        options.validate = true;
        // Each alias must be seen, because each must be signed.
        options.preserve_intermediates = true;
        options.timeout = TIMEOUT;
        options.attempts = 1;
        if let Some(text) = anchors {
            builder = builder.with_trust_anchor(Arc::new(read_anchors(text)?));
        }
        let resolver = builder.build().map_err(|error| unusable(&error))?;
        Ok(Self(Arc::new(resolver)))
    }

    /// Returns the SMIMEA records at a name.
    pub async fn associations(&self, name: &str) -> Result<Answer<Association>, Error> {
        self.lookup(name, RecordType::SMIMEA, |data| match data {
            RData::SMIMEA(record) => Some(Association {
                usage: record.cert_usage.into(),
                selector: record.selector.into(),
                matching: record.matching.into(),
                data: record.cert_data.clone(),
            }),
            _ => None,
        })
        .await
    }

    /// Returns the SRV records at a name, the first to try first.
    pub async fn services(&self, name: &str) -> Result<Answer<Service>, Error> {
        let answer = self.lookup(name, RecordType::SRV, |data| match data {
            RData::SRV(record) => Some(Service {
                priority: record.priority,
                weight: record.weight,
                port: record.port,
                host: normal(&record.target.to_ascii()),
            }),
            _ => None,
        });
        let mut answer = answer.await?;
        answer.records.sort_by_key(|service| (service.priority, u16::MAX - service.weight));
        Ok(answer)
    }

    async fn lookup<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, Error> {
        let name = normal(name);
        let wrong = |_| Error::Temporary { name: name.clone(), reason: "no name".to_owned() };
        let asked = Name::from_str(&absolute(&name)).map_err(wrong)?;
        match self.0.lookup(asked.clone(), kind).await {
            Ok(lookup) => collect(&name, &asked, kind, lookup.answers(), read),
            Err(error) => none(name, &error),
        }
    }
}

/// Follows the aliases from the name that was asked for and takes the records at their end, and nothing else that came.
fn collect<T>(
    name: &str,
    asked: &Name,
    kind: RecordType,
    answers: &[Record],
    read: impl Fn(&RData) -> Option<T>,
) -> Result<Answer<T>, Error> {
    let mut at = asked.clone();
    let mut links: Vec<&Record> = Vec::new();
    let records: Vec<&Record> = loop {
        let here = |record: &&Record| record.name == at;
        let wanted: Vec<&Record> =
            answers.iter().filter(here).filter(|it| it.record_type() == kind).collect();
        if !wanted.is_empty() || links.len() >= MAX_ALIASES {
            break wanted;
        }
        let alias = answers.iter().filter(here).find_map(|record| match &record.data {
            RData::CNAME(target) => Some((record, target.0.clone())),
            _ => None,
        });
        let Some((record, target)) = alias else { break Vec::new() };
        links.push(record);
        at = target;
    };
    let all = || links.iter().chain(&records);
    if all().any(|record| record.proof.is_bogus()) {
        return Err(Error::Bogus { name: name.to_owned() });
    }
    // An answer without an end proves nothing.
    let is_secure = !records.is_empty() && all().all(|record| record.proof.is_secure());
    let ttl = all().map(|record| record.ttl).min();
    Ok(Answer {
        records: records.iter().take(MAX_RECORDS).filter_map(|it| read(&it.data)).collect(),
        is_secure,
        ttl: ttl.map(|seconds| Duration::from_secs(u64::from(seconds))),
    })
}

/// Tells a no from a failure.
fn none<T>(name: String, error: &NetError) -> Result<Answer<T>, Error> {
    let nothing = |is_secure, ttl: Option<u32>| Answer {
        records: Vec::new(),
        is_secure,
        ttl: ttl.map(|seconds| Duration::from_secs(u64::from(seconds))),
    };
    match error {
        NetError::Dns(DnsError::NoRecordsFound(no))
            if matches!(no.response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
        {
            let is_secure = no.soa.as_ref().is_some_and(|soa| soa.proof.is_secure());
            Ok(nothing(is_secure, no.negative_ttl))
        }
        NetError::Dns(DnsError::Nsec { proof: Proof::Insecure, .. }) => Ok(nothing(false, None)),
        NetError::Dns(DnsError::DnssecBogus | DnsError::Nsec { .. }) => Err(Error::Bogus { name }),
        other => Err(Error::Temporary { name, reason: other.to_string() }),
    }
}

fn read_anchors(text: &str) -> Result<TrustAnchors, Error> {
    TrustAnchors::from_str(text).map_err(|error| Error::Anchor(error.to_string()))
}

/// For one question to one server; the asker has a limit of its own.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Aliases that are followed.
const MAX_ALIASES: usize = 8;
/// Records that are looked at.
const MAX_RECORDS: usize = 64;

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::rdata::{CNAME, SMIMEA, tlsa};

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_str(text).unwrap()
    }

    fn record(at: &str, proof: Proof, octet: u8) -> Record {
        let (usage, selector) = (tlsa::CertUsage::DaneEe, tlsa::Selector::Full);
        let data = SMIMEA::new(usage, selector, tlsa::Matching::Raw, vec![octet]);
        let mut record = Record::from_rdata(name(at), 300, RData::SMIMEA(data));
        record.proof = proof;
        record
    }

    fn alias(at: &str, to: &str, proof: Proof) -> Record {
        let mut record = Record::from_rdata(name(at), 60, RData::CNAME(CNAME(name(to))));
        record.proof = proof;
        record
    }

    fn read(data: &RData) -> Option<u8> {
        match data {
            RData::SMIMEA(record) => record.cert_data.first().copied(),
            _ => None,
        }
    }

    fn collected(answers: &[Record]) -> Result<Answer<u8>, Error> {
        collect("a.test", &name("a.test."), RecordType::SMIMEA, answers, read)
    }

    #[test]
    fn an_answer_is_as_sure_as_its_weakest_record() {
        use Proof::{Bogus, Insecure, Secure};
        let own = record("a.test.", Secure, 1);
        let answer = collected(std::slice::from_ref(&own)).unwrap();
        assert_eq!(
            (answer.records, answer.is_secure, answer.ttl),
            (vec![1], true, Some(Duration::from_secs(300)))
        );
        for (records, expected) in [
            (vec![own.clone(), record("a.test.", Insecure, 2)], Some((vec![1, 2], false))),
            (vec![own.clone(), record("a.test.", Bogus, 2)], None),
            (
                vec![own.clone(), record("a.test.", Proof::Indeterminate, 2)],
                Some((vec![1, 2], false)),
            ),
            // Somebody's own signed zone says nothing about this name.
            (vec![record("evil.test.", Secure, 3)], Some((vec![], false))),
            (vec![own.clone(), record("evil.test.", Secure, 3)], Some((vec![1], true))),
            (
                vec![alias("a.test.", "b.test.", Secure), record("b.test.", Secure, 4)],
                Some((vec![4], true)),
            ),
            (
                vec![alias("a.test.", "b.test.", Insecure), record("b.test.", Secure, 4)],
                Some((vec![4], false)),
            ),
            (vec![alias("a.test.", "b.test.", Bogus), record("b.test.", Secure, 4)], None),
            (
                vec![alias("x.test.", "b.test.", Secure), record("b.test.", Secure, 4)],
                Some((vec![], false)),
            ),
            // A circle has no end.
            (
                vec![alias("a.test.", "b.test.", Secure), alias("b.test.", "a.test.", Secure)],
                Some((vec![], false)),
            ),
        ] {
            let answer = collected(&records).ok().map(|answer| (answer.records, answer.is_secure));
            assert_eq!(answer, expected, "{records:?}");
        }
    }

    #[test]
    fn anchors_are_read_or_refused() {
        let key = ". 3600 IN DNSKEY 257 3 13 \
            mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n";
        assert_eq!(read_anchors(key).unwrap().len(), 1);
        assert!(matches!(read_anchors("no key"), Err(Error::Anchor(_))));
    }
}
