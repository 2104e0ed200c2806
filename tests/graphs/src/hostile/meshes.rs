//! Graphs with more paths than anybody can walk.

use crate::hostile::{Attack, Row, USER, authority, certify, user, write};
use crate::keys;
use crate::recipe::key_id;

pub(super) fn rows() -> Vec<Row> {
    vec![mesh(false), mesh(true), cross(), ring(), twins(true), twins(false), rollovers()]
}

/// Each of forty certifies each other one; the way to the anchor is one that has ended, or there is none.
fn mesh(reaches_anchor: bool) -> Row {
    let mut pool = everybody(1, SIZE);
    if reaches_anchor {
        let mut last = authority(0, SIZE);
        last.valid.1 = last.valid.0 + 1;
        pool.push(write(&last, 0, SIZE));
    }
    let attack = Attack::new(certify(0, 0), pool, write(&user(1), 1, USER));
    let name = if reaches_anchor {
        "exponential cross-certification, one way out that expired"
    } else {
        "exponential cross-certification, no way out"
    };
    attack.row(name, format!("{SIZE} authorities, {} certificates", SIZE * (SIZE - 1)))
}

/// The way out of the mesh looks right, but another key signed it.
fn cross() -> Row {
    let mut pool = everybody(1, SIZE);
    pool.push(authority(0, SIZE).write(keys::key(SIZE), keys::key(50)));
    let attack = Attack::new(certify(0, 0), pool, write(&user(1), 1, USER));
    let size = format!("{SIZE} authorities, {} certificates", SIZE * (SIZE - 1));
    attack.row("exponential cross-certification, the way out is forged", size)
}

/// Bridges in a ring, certified in both directions; the anchor is on the other side.
fn ring() -> Row {
    let length = 24;
    let mut pool = Vec::new();
    for place in 0..length {
        let next = (place + 1) % length;
        pool.extend([certify(place, next), certify(next, place)]);
    }
    let attack =
        Attack::new(certify(0, 0), pool, write(&user(length / 2 - 1), length / 2 - 1, USER));
    attack.row("cyclic bridges", format!("a ring of {length}, both directions"))
}

/// Ten thousand certificates of the name that issued the target, the right one among them.
fn twins(tell_keys: bool) -> Row {
    let mut pool = Vec::new();
    for number in 0..10_000_usize {
        let mut twin = authority(0, 1);
        twin.serial = 10_000 + number as u64;
        // The right key is that of one; as many others as there are stand for somebody else's.
        let key = if number == 7_777 { 1 } else { 2 + number % 50 };
        twin.key_ids.0 = tell_keys.then(|| key_id(keys::key(key)));
        pool.push(twin.write(keys::key(key), keys::key(0)));
    }
    let mut target = user(1);
    if !tell_keys {
        target.key_ids.1 = None;
    }
    let name = if tell_keys {
        "candidate issuers of one name, key identifiers told"
    } else {
        "candidate issuers of one name, nothing told"
    };
    Attack::new(certify(0, 0), pool, write(&target, 1, USER)).row(name, "10,000".to_owned())
}

/// An authority that changed its key sixty times, each certified by the one before.
fn rollovers() -> Row {
    let name = |mut recipe: crate::recipe::Recipe| {
        recipe.subject.clone_from(&recipe.issuer);
        recipe
    };
    let pool = (0..60).map(|key| {
        let mut next = name(authority(0, key + 1));
        next.key_ids.1 = Some(key_id(keys::key(key)));
        next.write(keys::key(key + 1), keys::key(key))
    });
    let mut target = user(0);
    target.key_ids.1 = Some(key_id(keys::key(60)));
    let target = target.write(keys::key(USER), keys::key(60));
    Attack::new(certify(0, 0), pool.collect(), target)
        .row("self-issued rollovers", "60 in a row".to_owned())
}

fn everybody(first: usize, last: usize) -> Vec<Vec<u8>> {
    let all = || first..=last;
    all()
        .flat_map(|issuer| all().map(move |subject| (issuer, subject)))
        .filter(|(issuer, subject)| issuer != subject)
        .map(|(issuer, subject)| certify(issuer, subject))
        .collect()
}

const SIZE: usize = 40;
