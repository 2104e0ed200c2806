//! What answering for certificates costs, for `cargo xtask bench directory`: the people, and who asks for them.

pub(crate) mod connection;
pub(crate) mod load;
pub(crate) mod residents;
