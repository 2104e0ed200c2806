//! The Lightweight Directory Access Protocol (RFC 4511): messages in BER, addresses (RFC 4516), filters (RFC 4515).
//!
//! A message is a value, read from bytes and written to bytes, the same for both sides. The only state is in
//! [`server::Session`], which turns what a client sends into what it asks for.

mod ber;
mod bind;
mod chain;
mod condition;
mod extended;
mod filter;
mod message;
mod search;
pub mod server;
mod template;
mod url;

pub use ber::element;
pub use bind::{Authentication, BindRequest, Password};
pub use chain::Chain;
pub use condition::{Composed, Item, Step, Test};
pub use extended::{DISCONNECTION, ExtendedRequest, ExtendedResponse, START_TLS, WHO_AM_I};
pub use filter::Filter;
pub use message::{Control, Foreign, Message, Operation, Outcome, length_of_first};
pub use search::{Attribute, Dereference, Scope, SearchEntry, SearchRequest};
pub use template::Template;
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
