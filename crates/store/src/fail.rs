//! Places where a test can make the store fail.

use std::fmt;
use std::io;
use std::sync::Arc;

/// A place where a test can make the store fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailPoint {
    /// Before a body file is renamed to its place.
    BodyRename,
    /// Before a body file is synced.
    BodySync,
    /// Before the transaction commits.
    Commit,
    /// While a change runs; it panics.
    JobPanic,
}

/// Decides at which places the store fails; nowhere by default.
#[derive(Clone, Default)]
pub struct FailPoints(Option<Arc<FailFn>>);

type FailFn = dyn Fn(FailPoint) -> bool + Send + Sync;

impl FailPoints {
    /// Fails wherever the function says so.
    pub fn new(fails: impl Fn(FailPoint) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(fails)))
    }

    /// Returns true if this place fails now.
    pub(crate) fn is_hit(&self, point: FailPoint) -> bool {
        self.0.as_ref().is_some_and(|fails| fails(point))
    }

    /// Returns an error if this place fails now.
    pub(crate) fn check(&self, point: FailPoint) -> io::Result<()> {
        if self.is_hit(point) { Err(io::Error::other("made to fail by a test")) } else { Ok(()) }
    }
}

impl fmt::Debug for FailPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FailPoints").field(&self.0.is_some()).finish()
    }
}
