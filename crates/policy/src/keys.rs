//! Which of the keys that are known for a mail address is encrypted to.
//!
//! The choice never guesses: of two keys that are as good as each other and come from different authorities, and of a key
//! that takes the place of another one without its authority's word, a person decides.
//!
//! ```text
//! retired ─► out      not usable (expired, revoked, no path, not for the address) ─► out, with the reason
//!                                        │ usable
//! trusted by an administrator ─► the newest of them
//! in use before ─► it, or the newer one of the same authority; another one is for review
//! else ─► the surest origin; of several keys there the newest of one authority; of several authorities: review
//! ```

use serde::Serialize;

/// One key for an address, as the key book has it and the path engine judged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// How sure its origin is; smaller is surer. Keys of one rank are as good as each other.
    pub rank: u8,
    /// What an administrator said.
    pub decided: Decided,
    /// Whether it can be used now for this address, or why not.
    pub usable: Result<(), String>,
    /// What is the same in two certificates for one key.
    pub key: [u8; 32],
    /// Which authority issued it, by its name and key as far as they are known.
    pub issuer: Vec<u8>,
    /// The beginning of its validity, in Unix seconds.
    pub not_before: i64,
    /// Whether mail was encrypted to it before.
    pub used: bool,
}

/// What an administrator said about a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decided {
    /// Nothing.
    #[default]
    No,
    /// It is the right one.
    Trusted,
    /// It is not used any more.
    Retired,
}

/// The choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyChoice {
    /// The place of the chosen key in the list; none if there is none to encrypt to.
    pub chosen: Option<usize>,
    /// Why, in words.
    pub why: String,
    /// What a person must look at, in words; there may be a key in use all the same.
    pub review: Option<String>,
    /// The places of those that are not used, each with the reason.
    pub passed_over: Vec<(usize, String)>,
}

/// Chooses among the keys of one address.
pub fn choose_key(keys: &[KeyFacts]) -> KeyChoice {
    let mut passed_over = Vec::new();
    let mut usable: Vec<(usize, &KeyFacts)> = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        match (&key.usable, key.decided) {
            (_, Decided::Retired) => passed_over.push((at, RETIRED.to_owned())),
            (Err(why), _) => passed_over.push((at, why.clone())),
            (Ok(()), _) => usable.push((at, key)),
        }
    }
    let (chosen, why, review) = choose(&usable);
    for (at, key) in usable {
        if Some(at) != chosen {
            let is_same = chosen.and_then(|it| keys.get(it)).is_some_and(|it| it.key == key.key);
            let why = if is_same { SAME_KEY } else { NOT_CHOSEN };
            passed_over.push((at, why.to_owned()));
        }
    }
    passed_over.sort();
    KeyChoice { chosen, why, review, passed_over }
}

fn choose(usable: &[(usize, &KeyFacts)]) -> (Option<usize>, String, Option<String>) {
    let newest = |keys: &[(usize, &KeyFacts)]| {
        keys.iter().max_by_key(|(at, key)| (key.not_before, usize::MAX - at)).map(|(at, _)| *at)
    };
    let trusted: Vec<_> =
        usable.iter().copied().filter(|(_, key)| key.decided == Decided::Trusted).collect();
    if !trusted.is_empty() {
        return (newest(&trusted), "an administrator trusts it for this address".to_owned(), None);
    }
    let in_use =
        usable.iter().filter(|(_, key)| key.used).max_by_key(|(_, key)| (key.not_before, key.key));
    if let Some((at, in_use)) = in_use {
        return go_on(usable, *at, in_use);
    }
    let Some(best) = usable.iter().map(|(_, key)| key.rank).min() else {
        return (None, "no key of this address can be used".to_owned(), None);
    };
    let best: Vec<_> = usable.iter().copied().filter(|(_, key)| key.rank == best).collect();
    let differ = best.first().is_some_and(|(_, first)| {
        best.iter().any(|(_, it)| it.key != first.key && it.issuer != first.issuer)
    });
    if differ {
        let review = format!("{} keys of different authorities, equally sure", best.len());
        return (None, "two authorities name different keys".to_owned(), Some(review));
    }
    (newest(&best), "it is the newest of the surest origin".to_owned(), None)
}

/// Goes on with the key that is in use, or with one by which its authority renewed it.
fn go_on(
    usable: &[(usize, &KeyFacts)],
    at: usize,
    in_use: &KeyFacts,
) -> (Option<usize>, String, Option<String>) {
    let newer = usable.iter().filter(|(_, key)| key.not_before > in_use.not_before);
    let newer: Vec<_> = newer.copied().collect();
    let renewed = newer
        .iter()
        .filter(|(_, key)| key.issuer == in_use.issuer || key.key == in_use.key)
        .max_by_key(|(_, key)| key.not_before);
    // A less sure origin cannot put what we use in doubt.
    let rival = newer.iter().any(|(_, key)| {
        key.key != in_use.key && key.issuer != in_use.issuer && key.rank <= in_use.rank
    });
    let review = rival.then(|| {
        "another authority names a newer key; the one that was used before stays in use".to_owned()
    });
    match renewed {
        Some((renewed, _)) => {
            (Some(*renewed), "the authority of the key in use renewed it".to_owned(), review)
        }
        None => (Some(at), "it was used before".to_owned(), review),
    }
}

const RETIRED: &str = "an administrator retired it";
const SAME_KEY: &str = "another certificate of the same key is used";
const NOT_CHOSEN: &str = "another key is surer or newer";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(rank: u8, key: u8, issuer: u8, not_before: i64) -> KeyFacts {
        KeyFacts {
            rank,
            decided: Decided::No,
            usable: Ok(()),
            key: [key; 32],
            issuer: vec![issuer],
            not_before,
            used: false,
        }
    }

    fn used(facts: KeyFacts) -> KeyFacts {
        KeyFacts { used: true, ..facts }
    }

    #[test]
    fn the_surest_origin_wins_and_then_the_newest() {
        let keys = [key(5, 1, 1, 300), key(2, 2, 2, 100), key(2, 3, 2, 200)];
        let choice = choose_key(&keys);
        assert_eq!((choice.chosen, choice.review), (Some(2), None));
        assert_eq!(choice.passed_over.len(), 2);
    }

    #[test]
    fn two_authorities_that_disagree_are_for_a_person() {
        let choice = choose_key(&[key(2, 1, 1, 300), key(2, 2, 2, 100)]);
        assert_eq!(choice.chosen, None);
        assert!(choice.review.is_some());
        let same_key = choose_key(&[key(2, 1, 1, 300), key(2, 1, 2, 100)]);
        assert_eq!((same_key.chosen, same_key.review), (Some(0), None));
    }

    #[test]
    fn a_key_in_use_stays_until_its_own_authority_renews_it() {
        let renewed = choose_key(&[used(key(3, 1, 1, 100)), key(3, 2, 1, 200)]);
        assert_eq!((renewed.chosen, renewed.review), (Some(1), None));
        let changed = choose_key(&[used(key(3, 1, 1, 100)), key(3, 2, 2, 200)]);
        assert_eq!(changed.chosen, Some(0));
        assert!(changed.review.is_some());
        let weaker = choose_key(&[used(key(3, 1, 1, 100)), key(4, 2, 2, 200)]);
        assert_eq!((weaker.chosen, weaker.review), (Some(0), None));
        let ended = KeyFacts { usable: Err("expired".into()), ..used(key(3, 1, 1, 100)) };
        assert_eq!(choose_key(&[ended, key(3, 2, 2, 200)]).chosen, Some(1));
    }

    #[test]
    fn what_an_administrator_said_goes_before_everything() {
        let trusted = KeyFacts { decided: Decided::Trusted, ..key(7, 1, 1, 100) };
        let retired = KeyFacts { decided: Decided::Retired, ..used(key(0, 2, 2, 300)) };
        let choice = choose_key(&[used(key(0, 3, 3, 200)), retired.clone(), trusted]);
        assert_eq!((choice.chosen, choice.review), (Some(2), None));
        assert_eq!(choose_key(&[retired]).chosen, None);
    }

    fn facts() -> impl Strategy<Value = KeyFacts> {
        let decided = prop_oneof![
            4 => Just(Decided::No), 1 => Just(Decided::Trusted), 1 => Just(Decided::Retired)
        ];
        let usable = prop_oneof![3 => Just(Ok(())), 1 => Just(Err("no".to_owned()))];
        (0..3u8, decided, usable, 0..4u8, 0..3u8, 0..5i64, any::<bool>()).prop_map(
            |(rank, decided, usable, key, issuer, not_before, used)| KeyFacts {
                rank,
                decided,
                usable,
                key: [key; 32],
                issuer: vec![issuer],
                not_before,
                used,
            },
        )
    }

    proptest! {
        #[test]
        fn nothing_unusable_is_chosen_and_everything_is_accounted_for(
            keys in prop::collection::vec(facts(), 0..7)
        ) {
            let choice = choose_key(&keys);
            if let Some(chosen) = choice.chosen {
                let chosen = &keys[chosen];
                prop_assert!(chosen.usable.is_ok() && chosen.decided != Decided::Retired);
                let trusts = |it: &KeyFacts| it.decided == Decided::Trusted && it.usable.is_ok();
                prop_assert!(!keys.iter().any(trusts) || chosen.decided == Decided::Trusted);
            }
            let told = choice.passed_over.len() + usize::from(choice.chosen.is_some());
            prop_assert_eq!(told, keys.len());
            let is_usable = |it: &KeyFacts| it.usable.is_ok() && it.decided != Decided::Retired;
            prop_assert!(
                choice.chosen.is_some() || choice.review.is_some() || !keys.iter().any(is_usable)
            );
        }

        #[test]
        fn the_order_of_the_list_says_nothing(keys in prop::collection::vec(facts(), 0..6)) {
            let mut turned = keys.clone();
            turned.reverse();
            let one = choose_key(&keys).chosen.map(|at| (keys[at].key, keys[at].not_before));
            let other = choose_key(&turned).chosen.map(|at| (turned[at].key, turned[at].not_before));
            // Two keys of one authority from the same second are as new as each other.
            let key_of = |it: Option<([u8; 32], i64)>| it.map(|(_, not_before)| not_before);
            prop_assert_eq!(key_of(one), key_of(other));
        }
    }
}
