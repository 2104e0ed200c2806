//! Black-box tests: against the `openssl` command, over the vectors, and with hostile bytes.

#![expect(clippy::disallowed_methods, reason = "these tests start openssl and read the vectors")]

#[cfg(test)]
mod bundle;
#[cfg(test)]
mod describe;
#[cfg(test)]
mod dsa;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod openssl;
#[cfg(test)]
mod pkits;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod revocation_limits;
#[cfg(test)]
mod revocation_vectors;
#[cfg(test)]
mod vectors;
