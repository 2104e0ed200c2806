//! The binary against real peers, from the user's mail program to the partner's mailbox.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests: a panic is a failure, and figures go to the report"
)]

mod access;
mod answers;
mod bad_input;
mod bare;
mod bridge;
mod certs;
mod chained;
mod choice;
mod commands;
mod crash;
mod crowd;
mod desk;
mod desk_keys;
mod dialogues;
mod directory;
mod fetching;
mod finding;
mod forgery;
mod harness;
mod interop;
mod journeys;
mod judging;
mod keybook;
mod keys;
mod matrix;
mod members;
mod metrics;
mod mutt;
mod old_keys;
mod own_keys;
mod publishing;
mod relay;
mod ring;
mod time;
mod timing;
mod trust;
mod upstreams;
mod world;
mod zones;
