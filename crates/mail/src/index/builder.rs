//! Builds an [`Index`] from chunks of any size.

use crate::index::Index;

/// Builds an [`Index`] in one pass; how the message is cut into chunks makes no difference.
#[derive(Debug, Default)]
pub struct IndexBuilder {}

impl IndexBuilder {
    /// Starts an empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the message.
    pub fn push(&mut self, bytes: &[u8]) {
        todo!("{bytes:?}")
    }

    /// Ends the message.
    pub fn finish(self) -> Index {
        todo!()
    }
}
