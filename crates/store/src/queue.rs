//! The queue: messages, their recipients, and everything that may happen to them.
//!
//! | module | what it does |
//! |---|---|
//! | [`state`] | the pure state table |
//! | [`message`] | what a message and a recipient are |
//! | [`due`] | what waits to be done |
//! | [`lease`] | who does it |
//! | [`plan`] | commits what a message becomes |
//! | [`settle`] | commits what became of a delivery |
//! | [`admin`] | lists, releases, retries, drops |
//! | [`view`] | the whole story of one message |
//! | [`purge`] | forgets what is finished |

pub mod state;

pub mod message;

pub mod due;

pub mod lease;

pub mod plan;

pub mod settle;

pub mod admin;

pub mod view;

pub mod purge;

pub mod accept;
pub(crate) mod change;
mod rows;
