//! How many files and connections the process may have open: as many as the system lets it.

use std::fs;

use rustix::process::{Resource, Rlimit, setrlimit};

/// What the system permits at least, where it does not say what it permits.
const USUAL: usize = 1024;
/// More is of no use: the memory for so many connections is not there.
const ENOUGH: usize = 1 << 20;

/// Raises the limit to the highest that needs no rights, and returns it.
///
/// Many systems start programs with 1,024, out of regard for a call that we do not use (`select`).
pub fn raise() -> usize {
    // Read as text: the filter of our service lets nobody call what would read and write it.
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some((soft, hard)) = limits.lines().find_map(read) else { return USUAL };
    if soft >= hard {
        return soft;
    }
    let most = hard.min(ENOUGH).max(soft);
    let number = |count: usize| u64::try_from(count).ok();
    match setrlimit(Resource::Nofile, Rlimit { current: number(most), maximum: number(hard) }) {
        Ok(()) => most,
        Err(error) => {
            tracing::warn!(%error, soft, most, "cannot raise the limit of open files");
            soft
        }
    }
}

/// Reads the line about open files: the limit, and how far it may be raised.
fn read(line: &str) -> Option<(usize, usize)> {
    let mut words = line.strip_prefix("Max open files")?.split_whitespace();
    let mut next = || match words.next()? {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    };
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_becomes_the_highest() {
        assert_eq!(
            read("Max open files            1024                 524288               files"),
            Some((1024, 524_288))
        );
        assert_eq!(
            read("Max open files            1024  unlimited  files"),
            Some((1024, usize::MAX))
        );
        assert_eq!(read("Max locked memory         8388608  8388608  bytes"), None);
        let most = raise();
        let limits = fs::read_to_string("/proc/self/limits").unwrap();
        let (soft, hard) = limits.lines().find_map(read).unwrap();
        assert_eq!((soft, most), (hard.min(ENOUGH), soft));
    }
}
