//! End-to-end tests of the chancery binary against real peers.
