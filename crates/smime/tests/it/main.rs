//! Protecting, signing and opening, with OpenSSL as judge and as partner.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests ask OpenSSL, which is a program that reads files"
)]

// `cfg(test)` tells clippy that helpers outside of test functions are tests too.
#[cfg(test)]
mod beside;
#[cfg(test)]
mod display;
#[cfg(test)]
mod encrypter;
#[cfg(test)]
mod field;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod header;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod legacy;
#[cfg(test)]
mod openssl;
#[cfg(test)]
mod protect;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod sign;
#[cfg(test)]
mod signers;
#[cfg(test)]
mod support;
#[cfg(test)]
mod transit;
#[cfg(test)]
mod truth;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod verdict;
