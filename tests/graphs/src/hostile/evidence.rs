//! Revocation lists and responses that are large, many or old.

use chancery_crypto::DigestAlgorithm;
use chancery_pki::revocation::{Evidence, OcspResponse, RevocationList};

use crate::der::{bits, element, explicit, implicit, integer, octets, oid, sequence, text, time};
use crate::graph::{AT, DAY, authority_name};
use crate::hostile::{Attack, Row, USER, certify, user, write};
use crate::keys;
use crate::list::{Entry, ListRecipe};
use crate::recipe::{algorithm, key_id, name};

pub(super) fn rows(entries: u64) -> Vec<Row> {
    vec![
        list(entries),
        many_lists(),
        replay(&[(AT - 30 * DAY, AT - 23 * DAY)], false, "an old OCSP response, replayed"),
        replay(
            &[(AT - 2 * DAY, AT + 5 * DAY)],
            true,
            "a good OCSP response from before the list that revokes",
        ),
        replay(&[(AT - DAY, AT + DAY); 200], false, "OCSP responses without end"),
    ]
}

/// A list with millions of entries, the user's the last of them.
fn list(entries: u64) -> Row {
    let mut recipe = recipe();
    recipe.entries = (0..entries).map(|number| entry(1_000_000 + number)).collect();
    recipe.entries.push(entry(user(0).serial));
    let der = recipe.write(keys::key(0));
    let size = format!("{entries} entries, {} MB", der.len() / 1_000_000);
    let before = most_memory();
    let list = read(der);
    let mut evidence = Evidence::new();
    evidence.add_list(list);
    let mut row = attack(evidence).row("a giant revocation list", size);
    let more = most_memory().saturating_sub(before);
    // Eight bytes for each entry, and what else a process takes meanwhile.
    if more > entries * 8 + 8_000_000 {
        row.outcome = format!("{more} bytes more than the list");
    }
    row
}

/// Each of thousands of lists could be about the user, and none can be used.
fn many_lists() -> Row {
    let mut evidence = Evidence::new();
    for number in 0..2_000 {
        let recipe =
            ListRecipe { number, this_update: AT - DAY - number.cast_signed(), ..recipe() };
        evidence.add_list(read(recipe.write(keys::key(40))));
    }
    attack(evidence).row("revocation lists that another key signed", "2,000".to_owned())
}

/// Responses that say good, of these times, perhaps beside a list of today that says revoked.
fn replay(times: &[(i64, i64)], is_revoked: bool, name: &'static str) -> Row {
    let mut evidence = Evidence::new();
    for (number, (this_update, next_update)) in times.iter().enumerate() {
        // All but the first are signed by somebody else.
        let signer = if times.len() == 1 { 0 } else { 40 };
        let der = response(this_update - number.cast_signed() as i64, *next_update, signer);
        #[expect(clippy::expect_used, reason = "it was written here")]
        evidence.add_response(&OcspResponse::from_der(der).expect("a response that can be read"));
    }
    if is_revoked {
        let mut recipe = recipe();
        recipe.entries = vec![entry(user(0).serial)];
        evidence.add_list(read(recipe.write(keys::key(0))));
    }
    attack(evidence).row(name, times.len().to_string())
}

fn attack(evidence: Evidence) -> Attack {
    let attack = Attack::new(certify(0, 0), Vec::new(), write(&user(0), 0, USER));
    Attack { evidence, checks_revocation: true, ..attack }
}

fn recipe() -> ListRecipe {
    ListRecipe {
        issuer: authority_name(0),
        this_update: AT - DAY,
        next_update: AT + DAY,
        number: 1,
        key_id: Some(key_id(keys::key(0))),
        ..ListRecipe::default()
    }
}

fn entry(serial: u64) -> Entry {
    Entry { serial, since: AT - 2 * DAY, reason: None, issuer: None }
}

fn read(der: Vec<u8>) -> RevocationList {
    #[expect(clippy::expect_used, reason = "it was written here")]
    RevocationList::from_der(der).expect("a list that can be read")
}

/// Writes a response about the user that says good (RFC 6960 section 4.2.1).
fn response(this_update: i64, next_update: i64, signer: usize) -> Vec<u8> {
    let sha1 = |bytes: &[u8]| octets(DigestAlgorithm::Sha1.digest(bytes).as_ref());
    let id = sequence(&[
        sequence(&[oid("1.3.14.3.2.26"), vec![5, 0]]),
        sha1(&name(&authority_name(0))),
        octets(&key_id(keys::key(0))),
        integer(user(0).serial),
    ]);
    let single = sequence(&[
        id,
        implicit(0, &[]),
        generalized(this_update),
        explicit(0, &generalized(next_update)),
    ]);
    let responder = explicit(2, &octets(&key_id(keys::key(signer))));
    let data = sequence(&[responder, generalized(this_update), sequence(&[single])]);
    let key = keys::key(signer);
    #[expect(clippy::expect_used, reason = "the keys here can sign")]
    let signature = key.sign(key.default_signature_algorithm(), &data).expect("a signature");
    let basic = sequence(&[data, algorithm(key), bits(&signature)]);
    let bytes = sequence(&[oid("1.3.6.1.5.5.7.48.1.1"), octets(&basic)]);
    sequence(&[element(10, &[0]), explicit(0, &bytes)])
}

/// Returns a time as OCSP has it: with the century.
fn generalized(seconds: i64) -> Vec<u8> {
    let short = time(seconds);
    let digits = short.get(2..).map(String::from_utf8_lossy).unwrap_or_default();
    text(0x18, &format!("20{digits}"))
}

/// Returns the most memory that this process has had, in bytes.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
