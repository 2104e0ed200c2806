//! A bridge and its members, from the first request to the last revocation list, over real stores.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod support;
