//! The binary against real peers, from the user's mail program to the partner's mailbox.

mod harness;
