//! The drivers against real sockets: our own other side, real mail software, and peers that die.

mod cuts;
mod dns;
mod limits;
mod routes;
mod sinks;
mod sources;
mod support;
mod tls;
