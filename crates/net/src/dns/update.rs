//! Changes the records of a zone at its server (RFC 2136), signed with a shared key (RFC 8945).

use std::fmt;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, OpCode, Query, ResponseCode, UpdateMessage as _};
use hickory_resolver::proto::rr::rdata::SMIMEA;
use hickory_resolver::proto::rr::rdata::tlsa::{CertUsage, Matching, Selector};
use hickory_resolver::proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record, RecordType, TSigner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::secure::Association;
use super::{Error, absolute};
use crate::outbound::{self, Dialer};
use crate::stream::Stream;

/// A key that the server shares with us; its secret is never shown.
#[derive(Clone)]
pub struct Key(TSigner);

/// All SMIMEA records at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSet {
    /// The name, without the final dot.
    pub name: String,
    /// How long others may remember them, in seconds.
    pub ttl: u32,
    /// The records; none to have none there.
    pub records: Vec<Association>,
}

impl Key {
    /// Makes a key; the algorithm is `hmac-sha256`, `hmac-sha384` or `hmac-sha512`.
    pub fn new(name: &str, algorithm: &str, secret: Vec<u8>) -> Result<Self, Error> {
        let unusable = |why: &str| Error::Update { reason: format!("the key {name}: {why}") };
        let algorithm = match algorithm {
            "hmac-sha256" => TsigAlgorithm::HmacSha256,
            "hmac-sha384" => TsigAlgorithm::HmacSha384,
            "hmac-sha512" => TsigAlgorithm::HmacSha512,
            _ => return Err(unusable("its algorithm is none that is used")),
        };
        if secret.len() < SHORTEST_SECRET {
            return Err(unusable("its secret is too short"));
        }
        let owner = Name::from_ascii(name).map_err(|_| unusable("its name is none"))?;
        let signer = TSigner::new(secret, algorithm, owner, FUDGE);
        signer.map(Self).map_err(|error| unusable(&error.to_string()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({})", self.0.signer_name())
    }
}

/// Puts these records in the place of those that are at their names. What fits into one message changes at once; before
/// an error, earlier messages may have changed something.
pub async fn replace(
    dialer: &Dialer,
    server: (&str, u16),
    zone: &str,
    sets: &[RecordSet],
    key: &Key,
) -> Result<(), Error> {
    let origin = read_name(zone)?;
    let mut messages = Vec::new();
    let mut message = start(&origin);
    let mut octets = 0;
    for set in sets {
        let size: usize = set.records.iter().map(|record| record.data.len() + 100).sum();
        if octets > 0 && octets + size > MANY_OCTETS {
            messages.push(std::mem::replace(&mut message, start(&origin)));
            octets = 0;
        }
        add(&mut message, &origin, set)?;
        octets += size + 100;
    }
    if octets > 0 {
        messages.push(message);
    }
    let (host, port) = server;
    let work = async {
        let mut stream = dialer.dial(host, port, &[53], false).await?;
        for message in messages {
            let now = u64::try_from(dialer.clock.unix()).unwrap_or(0);
            if let Err(error) = exchange(&mut stream, message, key, now).await {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    };
    let failed = |error: outbound::Error| Error::Update { reason: error.to_string() };
    dialer.within(TIMEOUT, work).await.map_err(failed)?
}

fn start(origin: &Name) -> Message {
    let mut zone = Query::new();
    zone.set_name(origin.clone()).set_query_class(DNSClass::IN).set_query_type(RecordType::SOA);
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Update;
    message.metadata.recursion_desired = false;
    message.add_zone(zone);
    message
}

/// Adds that what is there goes (RFC 2136 section 2.5.2) and that this comes (section 2.5.1).
fn add(message: &mut Message, origin: &Name, set: &RecordSet) -> Result<(), Error> {
    let name = read_name(&set.name)?;
    if !origin.zone_of(&name) {
        return Err(Error::Update { reason: format!("{} is not in the zone", set.name) });
    }
    let mut gone = Record::update0(name.clone(), 0, RecordType::SMIMEA).into_record_of_rdata();
    gone.dns_class = DNSClass::ANY;
    message.add_update(gone);
    for record in &set.records {
        let data = SMIMEA::new(
            CertUsage::from(record.usage),
            Selector::from(record.selector),
            Matching::from(record.matching),
            record.data.clone(),
        );
        message.add_update(Record::from_rdata(name.clone(), set.ttl, RData::SMIMEA(data)));
    }
    Ok(())
}

async fn exchange(
    stream: &mut Stream,
    mut message: Message,
    key: &Key,
    now: u64,
) -> Result<(), Error> {
    let failed = |reason: String| Error::Update { reason };
    let verifier = message.finalize(&key.0, now).map_err(|error| failed(error.to_string()))?;
    let octets = message.to_vec().map_err(|error| failed(error.to_string()))?;
    let length = u16::try_from(octets.len());
    let length = length.map_err(|_| failed("the records of one name are too many".to_owned()))?;
    let lost = |error: std::io::Error| failed(format!("the connection: {error}"));
    stream.write_all(&[&length.to_be_bytes(), &octets[..]].concat()).await.map_err(lost)?;
    stream.flush().await.map_err(lost)?;
    let mut answer = vec![0; usize::from(stream.read_u16().await.map_err(lost)?)];
    stream.read_exact(&mut answer).await.map_err(lost)?;
    let said = Message::from_vec(&answer).map_err(|error| failed(error.to_string()))?;
    // Without a signature it is a hint for people and no more: it never counts as done.
    let signed = verifier.and_then(|mut verifier| verifier.verify(&answer).ok());
    match (signed, said.metadata.response_code) {
        (Some(signed), ResponseCode::NoError) if signed.id == message.id => Ok(()),
        (Some(_), code) => Err(failed(format!("the server refuses: {code}"))),
        (None, code) => Err(failed(format!("the server's answer is not signed; it says: {code}"))),
    }
}

fn read_name(name: &str) -> Result<Name, Error> {
    let wrong = |_| Error::Update { reason: format!("{name} is no name") };
    Name::from_ascii(absolute(name.trim_end_matches('.'))).map_err(wrong)
}

/// How far the clocks of both may differ, in seconds (RFC 8945 section 10).
const FUDGE: u16 = 300;
/// The least that RFC 8945 section 8 wants of a secret, in octets: half of the shortest digest.
const SHORTEST_SECRET: usize = 16;
/// Octets of records of one message; 65535 is the most that TCP takes, and signatures come to it.
const MANY_OCTETS: usize = 40_000;
/// For all messages of one change.
const TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_enough_and_never_shown() {
        let key = Key::new("chancery.", "hmac-sha256", b"0123456789abcdef".to_vec()).unwrap();
        assert_eq!(format!("{key:?}"), "Key(chancery.)");
        for (algorithm, secret) in [("hmac-md5", 16), ("hmac-sha256", 15), ("", 32)] {
            assert!(Key::new("k", algorithm, vec![1; secret]).is_err(), "{algorithm} {secret}");
        }
    }

    #[test]
    fn records_outside_the_zone_are_refused() {
        let origin = read_name("acme.example").unwrap();
        let set = |name: &str| RecordSet { name: name.to_owned(), ttl: 60, records: Vec::new() };
        assert!(add(&mut start(&origin), &origin, &set("x._smimecert.acme.example")).is_ok());
        assert!(add(&mut start(&origin), &origin, &set("x.globex.example")).is_err());
        assert!(add(&mut start(&origin), &origin, &set("x.notacme.example")).is_err());
    }
}
