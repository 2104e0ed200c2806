//! What the end-to-end tests are built from: the real `chancery` binary, real mail servers, and a recording "internet".
//!
//! It is **not** linked with any crate of ours: it starts the binary and looks at it from outside, so that our own code
//! does not grade itself. Ports are picked at run time, waiting is for events with a deadline, and everything that a
//! test starts ends with it.
//!
//! ```text
//!   swaks ─► Postfix ─► chancery ─► tap ─► chancery ─► Postfix ─► Maildir
//!            (acme)      (acme)   records  (globex)    (globex)
//!                                          sink: takes mail and dies where the test says
//! ```
//!
//! A panic is a failed test here, so helpers panic with the whole story instead of returning errors.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test harness: a panic with the whole story is a failed test"
)]

pub mod chancery;
pub mod faults;
pub mod load;
pub mod message;
pub mod peers;
pub mod place;
pub mod publication;
pub mod random;
pub mod wait;
