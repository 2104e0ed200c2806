//! Looking up against real sockets: chains that have to be climbed, lists that end, servers that fail or lie.

// `cfg(test)` tells clippy that helpers may unwrap too.
#[cfg(test)]
mod caches;
#[cfg(test)]
mod chains;
#[cfg(test)]
mod directories;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod support;
