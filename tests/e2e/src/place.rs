//! Places that a test has for itself: a folder, and ports.

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher as _, Hasher as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use tempfile::TempDir;

/// Below the range that the kernel hands to outgoing connections, so that none of those takes a port we picked.
const FIRST: u16 = 10_000;
const LAST: u16 = 32_000;

/// A folder that other users can look into, removed at the end.
#[derive(Debug)]
pub struct Folder(TempDir);

/// A TCP port of the loopback interface that no other test picks while this value lives.
///
/// Servers such as Postfix cannot be asked which port they got, so one is picked for them. The UDP port of the same
/// number is held as the mark that says "taken"; the kernel removes it however the test ends.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _mark: UdpSocket,
}

impl Folder {
    /// Makes an empty folder.
    #[expect(clippy::new_without_default, reason = "making a folder is not a default")]
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("chancery-e2e-").expect("cannot make a temporary folder");
        // Postfix drops its rights, and must still reach its queue.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
            .expect("cannot open the folder to others");
        Self(folder)
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Port {
    /// Picks one that is free.
    pub fn pick() -> Self {
        let span = u64::from(LAST - FIRST);
        let start = RandomState::new().build_hasher().finish() % span;
        for step in 0..span {
            let offset = u16::try_from((start + step) % span).expect("the span fits");
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + offset));
            if let Ok(mark) = UdpSocket::bind(address)
                && TcpListener::bind(address).is_ok()
            {
                return Self { number: address.port(), _mark: mark };
            }
        }
        panic!("there is no free port between {FIRST} and {LAST}");
    }

    /// Returns its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}
