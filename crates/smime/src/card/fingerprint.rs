//! The fingerprint that two people compare over the phone.

use chancery_crypto::{DigestAlgorithm, Hasher};

/// Returns the fingerprint of an organisation and its authority's key, in six groups of four.
pub(super) fn of(organisation: &str, spki: &[u8]) -> String {
    let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
    hasher.update(b"chancery partner card 1\0");
    // With the length in front no end of the name can be taken for the start of the key.
    hasher.update(&(organisation.len() as u64).to_be_bytes());
    hasher.update(organisation.as_bytes());
    hasher.update(spki);
    let digest = hasher.finish();
    let (bits, _) = digest.as_ref().as_chunks::<5>();
    let mut letters = String::with_capacity(GROUPS * 5);
    for block in bits.iter().take(3) {
        let block = block.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        for position in (0..8).rev() {
            if letters.len() % 5 == 4 {
                letters.push('-');
            }
            let index = usize::try_from(block >> (5 * position) & 31).unwrap_or(0);
            letters.push(ALPHABET.chars().nth(index).unwrap_or('A'));
        }
    }
    letters
}

/// Returns the letters of a fingerprint as somebody typed it.
pub(super) fn normalised(typed: &str) -> String {
    typed
        .chars()
        .filter(|character| !matches!(character, '-' | ' ' | '\t' | '\n' | '\r'))
        .map(|character| match character.to_ascii_uppercase() {
            // The alphabet leaves these digits out because they look like letters.
            '0' => 'O',
            '1' => 'I',
            '8' => 'B',
            other => other,
        })
        .collect()
}

/// RFC 4648 section 6.
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Six groups of four letters of five bits: 120 bits, out of reach for finding a second card with the same ones.
const GROUPS: usize = 6;
