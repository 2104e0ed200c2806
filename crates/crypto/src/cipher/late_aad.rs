//! The share of additional data in a GCM tag, for data that arrives after the content.
//!
//! GHASH (NIST SP 800-38D section 6.4) of data A and ciphertext C with m and n blocks is
//! `A1·H^(m+n+1) + … + Am·H^(n+2) + C1·H^(n+1) + … + Cn·H^2 + L·H` where L holds both lengths. Without A the last
//! term loses the length of A and the first m terms vanish. The difference is what [`share`] returns.

/// Returns what the additional data contribute to the tag.
pub(super) fn share(subkey: &[u8; 16], additional_data: &[u8], ciphertext_len: u64) -> [u8; 16] {
    let subkey = u128::from_be_bytes(*subkey);
    let mut hash = 0;
    for block in additional_data.chunks(16) {
        let mut padded = [0; 16];
        for (to, from) in padded.iter_mut().zip(block) {
            *to = *from;
        }
        hash = multiply(hash ^ u128::from_be_bytes(padded), subkey);
    }
    hash = multiply(hash, power(subkey, ciphertext_len.div_ceil(16)));
    let bits = (additional_data.len() as u128).wrapping_mul(8);
    multiply(hash ^ (bits << 64), subkey).to_be_bytes()
}

/// Returns `base` to the power `exponent`; the exponent is public (a length), the base is secret.
fn power(base: u128, mut exponent: u64) -> u128 {
    let (mut result, mut square) = (ONE, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        exponent >>= 1;
    }
    result
}

/// Multiplies in GF(2^128) as NIST SP 800-38D section 6.3 does, with masks in place of branches on secrets.
fn multiply(x: u128, y: u128) -> u128 {
    let (mut product, mut shifted) = (0u128, y);
    for bit in (0..128).rev() {
        product ^= shifted & 0u128.wrapping_sub((x >> bit) & 1);
        let carry = 0u128.wrapping_sub(shifted & 1);
        shifted = (shifted >> 1) ^ (REDUCTION & carry);
    }
    product
}

/// The multiplicative identity: the leftmost bit is the coefficient of x^0.
const ONE: u128 = 1 << 127;

/// The constant R of section 6.3: 11100001 followed by 120 zeros.
const REDUCTION: u128 = 0xe1 << 120;
