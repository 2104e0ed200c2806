//! Tests of the whole crate: against the openssl command in both directions, and against hostile messages.
#![expect(
    clippy::disallowed_methods,
    reason = "the openssl command is the independent witness; it works on files"
)]

// `cfg(test)` tells clippy that helpers outside of test functions are tests too.
#[cfg(test)]
mod contents;
#[cfg(test)]
mod encrypt;
#[cfg(test)]
mod ess;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod legacy;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod openssl;
#[cfg(test)]
mod quantum;
#[cfg(test)]
mod recipients;
#[cfg(test)]
mod sign;
#[cfg(test)]
mod vectors;
