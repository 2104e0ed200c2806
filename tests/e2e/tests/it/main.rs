//! The binary against real peers, from the user's mail program to the partner's mailbox.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests; a panic is a failed test"
)]

mod dialogues;
mod harness;
mod interop;
mod journeys;
mod relay;
mod world;
