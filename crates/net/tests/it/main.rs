//! The drivers against real sockets: our own other side, real mail software, and peers that die.

// `cfg(test)` tells clippy that helpers may unwrap too.
#[cfg(test)]
mod cuts;
#[cfg(test)]
mod dns;
#[cfg(test)]
mod http_server;
#[cfg(test)]
mod ldap_server;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod sinks;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod web;
