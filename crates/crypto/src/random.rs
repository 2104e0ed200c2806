//! Random bytes from the provider's generator, which the operating system seeds.

use aws_lc_rs::rand;

use crate::error::Error;

/// Fills the buffer with random bytes fit for keys.
pub fn fill(buffer: &mut [u8]) -> Result<(), Error> {
    rand::fill(buffer).map_err(|_| Error::operation("random bytes"))
}

/// Returns an array of random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut buffer = [0; N];
    fill(&mut buffer)?;
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn two_draws_differ() {
        assert_ne!(bytes::<32>().unwrap(), bytes::<32>().unwrap());
    }
}
