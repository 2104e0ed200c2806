//! What others say: OpenSSL's library in a process beside us, and certval.

pub mod certval;
pub mod openssl;
