//! Single certificates that are large: constraints, policies, names, extensions, keys.

use chancery_pki::Certificate;

use crate::der::{bits, element, integer, oid, sequence};
use crate::hostile::{Attack, Row, USER, authority, certify, user, write};
use crate::keys;
use crate::recipe::GeneralName;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![constraints(), policies(), names()];
    rows.extend(extensions());
    rows.extend([modulus(2_048 + 1), modulus(16_384 / 8), exponent()]);
    rows
}

/// Each of thousands of names is to be compared with each of thousands of trees.
fn constraints() -> Row {
    let mut above = authority(0, 1);
    above.permitted = (0..2_000).map(|it| GeneralName::Dns(format!("a{it}.example"))).collect();
    above.excluded = (0..2_000).map(|it| GeneralName::Dns(format!("b{it}.example"))).collect();
    let mut target = user(1);
    target.names = (0..2_000).map(|it| GeneralName::Dns(format!("x.a{it}.example"))).collect();
    let attack = Attack::new(certify(0, 0), vec![write(&above, 0, 1)], write(&target, 1, USER));
    attack.row("name constraints", "4,000 trees, 2,000 names".to_owned())
}

/// Each authority maps each policy to each: the tree of RFC 5280 would have 50 to the power of 8 nodes.
fn policies() -> Row {
    let all: Vec<&'static str> = POLICIES.split(' ').collect();
    let chain = (0..8).map(|issuer| {
        let mut authority = authority(issuer, issuer + 1);
        authority.policies = Some(all.clone());
        authority.mappings =
            all.iter().flat_map(|from| all.iter().map(move |to| (*from, *to))).collect();
        authority.require_explicit = Some(0);
        write(&authority, issuer, issuer + 1)
    });
    let mut target = user(8);
    target.policies = Some(all.clone());
    let attack = Attack::new(certify(0, 0), chain.collect(), write(&target, 8, USER));
    attack.row("policy mappings, all to all", format!("8 authorities, {} policies", all.len()))
}

fn names() -> Row {
    let mut target = user(0);
    target.names = (0..5_000).map(|it| GeneralName::Email(format!("user{it}@a.example"))).collect();
    let attack = Attack::new(certify(0, 0), Vec::new(), write(&target, 0, USER));
    attack.row("alternative names", "5,000 addresses".to_owned())
}

/// What is too large is not read at all.
fn extensions() -> [Row; 3] {
    let with = |count: usize, length: usize| {
        let mut target = user(0);
        target.others = vec![("1.3.6.1.4.1.99999.7", false, vec![0; length]); count];
        write(&target, 0, USER)
    };
    let mut target = with(1, 120_000);
    let read = Attack::new(certify(0, 0), Vec::new(), std::mem::take(&mut target));
    [
        read.row("a giant extension", "120 kB".to_owned()),
        refused("a giant extension", "140 kB", &with(1, 140_000)),
        refused("extensions without end", "1,000", &with(1_000, 8)),
    ]
}

/// RSA keys with more bits than anybody needs: the time of a verification grows with the square.
fn modulus(octets: usize) -> Row {
    let size = format!("{} bits", octets * 8);
    key("a giant RSA modulus", size, octets, &[1, 0, 1])
}

/// RSA keys with a long exponent: the time of a verification grows with its length.
fn exponent() -> Row {
    key("a giant RSA exponent", "2,048 bits of 2,048".to_owned(), 256, &[0x7f; 256])
}

fn key(attack: &'static str, size: String, octets: usize, exponent: &[u8]) -> Row {
    let number = |octets: &[u8]| element(2, octets);
    let modulus = [&[0][..], &vec![0xc5; octets]].concat();
    let key = sequence(&[number(&modulus), number(exponent)]);
    let algorithm = sequence(&[oid("1.2.840.113549.1.1.1"), vec![5, 0]]);
    let mut above = authority(0, 1);
    above.key_info = Some(sequence(&[algorithm, bits(&key)]));
    let above = write(&above, 0, 1);
    // A signature as long as the key, which only arithmetic can tell from a real one.
    let algorithm = sequence(&[oid("1.2.840.113549.1.1.11"), vec![5, 0]]);
    let body = sequence(&[
        integer(5),
        algorithm.clone(),
        crate::recipe::name(&crate::graph::authority_name(1)),
        sequence(&[crate::der::time(crate::graph::AT - 9), crate::der::time(crate::graph::AT + 9)]),
        crate::recipe::name(&[("2.5.4.3", "User".to_owned())]),
        keys::key(USER).public_key().spki_der().to_vec(),
    ]);
    let target = sequence(&[body, algorithm, bits(&vec![0x55; octets])]);
    Attack::new(certify(0, 0), vec![above], target).row(attack, size)
}

fn refused(attack: &'static str, size: &str, der: &[u8]) -> Row {
    let outcome = match Certificate::from_der(der) {
        Ok(_) => "read".to_owned(),
        Err(_) => "refused: pki.malformed".to_owned(),
    };
    Row { attack, size: size.to_owned(), outcome, counts: [0; 4], milliseconds: 0 }
}

const POLICIES: &str = "1.3.6.1.4.1.9.1 1.3.6.1.4.1.9.2 1.3.6.1.4.1.9.3 1.3.6.1.4.1.9.4 1.3.6.1.4.1.9.5 \
    1.3.6.1.4.1.9.6 1.3.6.1.4.1.9.7 1.3.6.1.4.1.9.8 1.3.6.1.4.1.9.9 1.3.6.1.4.1.9.10 1.3.6.1.4.1.9.11 \
    1.3.6.1.4.1.9.12 1.3.6.1.4.1.9.13 1.3.6.1.4.1.9.14 1.3.6.1.4.1.9.15 1.3.6.1.4.1.9.16 1.3.6.1.4.1.9.17 \
    1.3.6.1.4.1.9.18 1.3.6.1.4.1.9.19 1.3.6.1.4.1.9.20 1.3.6.1.4.1.9.21 1.3.6.1.4.1.9.22 1.3.6.1.4.1.9.23 \
    1.3.6.1.4.1.9.24 1.3.6.1.4.1.9.25 1.3.6.1.4.1.9.26 1.3.6.1.4.1.9.27 1.3.6.1.4.1.9.28 1.3.6.1.4.1.9.29 \
    1.3.6.1.4.1.9.30 1.3.6.1.4.1.9.31 1.3.6.1.4.1.9.32 1.3.6.1.4.1.9.33 1.3.6.1.4.1.9.34 1.3.6.1.4.1.9.35 \
    1.3.6.1.4.1.9.36 1.3.6.1.4.1.9.37 1.3.6.1.4.1.9.38 1.3.6.1.4.1.9.39 1.3.6.1.4.1.9.40 1.3.6.1.4.1.9.41 \
    1.3.6.1.4.1.9.42 1.3.6.1.4.1.9.43 1.3.6.1.4.1.9.44 1.3.6.1.4.1.9.45 1.3.6.1.4.1.9.46 1.3.6.1.4.1.9.47 \
    1.3.6.1.4.1.9.48 1.3.6.1.4.1.9.49 1.3.6.1.4.1.9.50";
