//! The Lightweight Directory Access Protocol (RFC 4511): messages in BER, addresses (RFC 4516), filters (RFC 4515).
//!
//! So far what a client needs that searches without logging in. Nothing here keeps state: a message is a value, read from
//! bytes and written to bytes, the same for both sides.

mod ber;
mod chain;
mod filter;
mod message;
mod url;

pub use chain::Chain;
pub use filter::Filter;
pub use message::{
    Attribute, Dereference, Message, Operation, Outcome, Scope, SearchEntry, SearchRequest,
    length_of_first,
};
pub use url::Url;

/// What is wrong with a message, a filter or an address, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text of an address or a filter breaks its grammar.
    #[error("{what} at offset {offset} of the {of}")]
    Text {
        /// Address or filter.
        of: &'static str,
        /// What is wrong.
        what: &'static str,
        /// Where, in octets.
        offset: usize,
    },
    /// The bytes of a message break its grammar.
    #[error("{what} at offset {offset} of the message")]
    Message {
        /// What is wrong.
        what: &'static str,
        /// Where, in octets.
        offset: usize,
    },
}
