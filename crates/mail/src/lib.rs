//! Byte-exact MIME index, headers and addresses; never rebuilds what it did not change.
//!
//! It is **not** a mail reader and **not** a mail builder: it says where things are in a message
//! ([`Index`], byte ranges only), reads what a gateway must understand (header fields, addresses, media types,
//! transfer encodings), and writes what a gateway must say itself (notices, trace and result fields).
//!
//! ```text
//!  bytes ──push──► IndexBuilder ──finish──► Index ─┬─ parts: header, body, delimiter ranges
//!                  one pass, constant memory       ├─ header block of the message (kept, up to 256 KiB)
//!                                                  └─ form::classify ─► S/MIME? PGP? plain?
//! ```
//!
//! ```
//! use chancery_mail::{Index, form, header::HeaderBlock};
//!
//! let message = b"From: a@acme.example\r\nContent-Type: text/plain\r\n\r\nHello\r\n";
//! let index = Index::of(message);
//! assert_eq!(index.root().body.of(message), Some(&b"Hello\r\n"[..]));
//! assert_eq!(form::classify(&index), form::Form::Plain);
//! assert_eq!(HeaderBlock::parse(message).text("from").as_deref(), Some("a@acme.example"));
//! ```
//!
//! Standards: RFC 5322 and 6532 (messages), 2045, 2046, 2047, 2231 (MIME), 1847 (signed and encrypted multiparts),
//! 8551 (S/MIME forms), 3156 (PGP/MIME), 3461, 3464, 6522, 6533 (notices), 8601 (Authentication-Results).
#![warn(clippy::indexing_slicing)]

pub mod index;

pub mod header;

pub mod content_type;

pub mod form;

pub mod address;

pub mod transfer;

pub mod encoded_word;

pub mod date;

pub mod message_id;

pub mod trace;

pub mod authentication_results;

pub mod notice;

pub mod xtext;

mod charset;

mod error;

pub use crate::address::Address;
pub use crate::error::{CODES, Error};
pub use crate::header::HeaderBlock;
pub use crate::index::{Index, IndexBuilder, Span};
