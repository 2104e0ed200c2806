//! Any bytes as a partner card: a card that is taken holds what it must, and is the same when it is read again.
#![no_main]

use chancery_smime::card::Card;
use libfuzzer_sys::fuzz_target;

/// A day on which the card of the seeds is valid: 2027-01-01.
const AT: i64 = 1_798_761_600;

fuzz_target!(|bytes: &[u8]| {
    let Ok((card, _)) = Card::read(bytes, AT) else { return };
    assert!(!card.domains().is_empty() && !card.encryption().is_empty() && !card.signing().is_empty());
    assert!(card.has_fingerprint(&card.fingerprint()));
    assert!(Card::read_stored(bytes).is_ok_and(|again| again == card));
});
