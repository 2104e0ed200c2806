//! Which other bridges a bridge vouches for, and where they publish: a file that anybody may read.
//!
//! Nothing is trusted for standing there. It says where to look; whether a member of another bridge is believed, a path
//! through both bridges decides.

use serde::{Deserialize, Serialize};

use crate::bridge::url;

/// The file [`url::PEERS`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// The other bridges.
    pub peers: Vec<Peer>,
}

/// Another bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name, for people.
    pub name: String,
    /// Where it publishes, ending in a slash.
    pub url: String,
}

impl Peers {
    /// Reads the file, and returns the addresses that can be such; no more than [`Self::LIMIT`].
    pub fn addresses(bytes: &[u8]) -> Vec<String> {
        let read: Self = serde_json::from_slice(bytes).unwrap_or_default();
        let addresses = read.peers.into_iter().map(|it| it.url);
        addresses.filter(|it| url::is_base(it)).take(Self::LIMIT).collect()
    }

    /// Other bridges of one bridge that count: each is asked about every domain that nobody knows.
    pub const LIMIT: usize = 8;
    /// The largest file that is read, in octets.
    pub const MAX_LENGTH: usize = 64 * 1024;
}

#[cfg(test)]
mod tests {
    use super::{Peer, Peers};

    #[test]
    fn only_addresses_of_bridges_are_taken_and_only_a_few() {
        let peer = |url: &str| Peer { name: "South".to_owned(), url: url.to_owned() };
        let some = Peers { peers: vec![peer("http://a.example/"), peer("file:///etc/")] };
        let bytes = serde_json::to_vec(&some).unwrap();
        assert_eq!(Peers::addresses(&bytes), ["http://a.example/"]);
        let many = Peers { peers: vec![peer("http://a.example/"); 1000] };
        let bytes = serde_json::to_vec(&many).unwrap();
        assert_eq!(Peers::addresses(&bytes).len(), Peers::LIMIT);
        for nothing in [&b""[..], b"[]", b"{\"peers\": 3}", &bytes[..40]] {
            assert!(Peers::addresses(nothing).is_empty());
        }
    }
}
