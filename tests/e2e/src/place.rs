//! Places that a test has for itself: a folder, and ports.

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher as _, Hasher as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// Below the range that the kernel hands to outgoing connections, so that none of those takes a port we picked.
const FIRST: u16 = 10_000;
const LAST: u16 = 32_000;

/// Leaves room for the names of folders and sockets below.
const MAX_BASE: usize = 30;

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
        // Postfix drops its rights, and must still read what is written here, whatever the caller's habit is.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let folder = tempfile::Builder::new().prefix("chancery-e2e-").tempdir_in(base());
        let folder = folder.expect("cannot make a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
            .expect("cannot open the folder to others");
        Self(folder)
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Returns where folders are made: every user must get there, and the path of a socket has 108 bytes at most.
fn base() -> PathBuf {
    let is_open = |folder: &Path| {
        fs::metadata(folder).is_ok_and(|it| it.is_dir() && it.permissions().mode() & 0o001 != 0)
    };
    let is_good =
        |place: &PathBuf| place.as_os_str().len() <= MAX_BASE && place.ancestors().all(is_open);
    let usual = std::env::temp_dir();
    [usual.clone(), "/tmp".into(), "/var/tmp".into()].into_iter().find(is_good).unwrap_or(usual)
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
