//! The data directory: its files, their modes, and the lock of the process that serves it.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Doing, Error, Result};
use crate::fail::{FailPoint, FailPoints};
use crate::id::file_name;

/// Held by the one process that serves a data directory; the system lets go of it when the process ends.
#[derive(Debug)]
pub struct ServeLock {
    _file: File,
}

/// The paths in a data directory.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    /// Files of this process that no row names yet.
    pending: Mutex<HashSet<String>>,
    fail_points: FailPoints,
}

impl Layout {
    /// Opens the directory, or makes it.
    pub(crate) fn open(root: &Path, create: bool, fail_points: FailPoints) -> Result<Self> {
        let layout = Self { root: root.to_path_buf(), pending: Mutex::default(), fail_points };
        if create {
            layout.create().doing("make the data directory")?;
        } else if !layout.database().is_file() {
            return Err(Error::Missing { directory: root.display().to_string() });
        }
        Ok(layout)
    }

    /// Returns the path of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("chancery.db")
    }

    /// Takes the lock of the process that serves.
    pub(crate) fn lock(&self) -> Result<ServeLock> {
        let file = private_file().create(true).truncate(false).open(self.root.join("serve.lock"));
        let file = file.doing("open serve.lock")?;
        match file.try_lock() {
            Ok(()) => Ok(ServeLock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::InUse { directory: self.root.display().to_string() })
            }
            Err(TryLockError::Error(error)) => Err(Error::file("lock serve.lock", &error)),
        }
    }

    /// Returns how many octets are free and how many the file system has in all.
    pub(crate) fn room(&self) -> io::Result<(u64, u64)> {
        let system = rustix::fs::statvfs(&self.root)?;
        let octets = |blocks: u64| blocks.saturating_mul(system.f_frsize);
        Ok((octets(system.f_bavail), octets(system.f_blocks)))
    }

    /// Makes a file in `tmp/` and returns it with its name.
    pub(crate) fn create_temporary(&self) -> io::Result<(File, String)> {
        let name = file_name();
        // Known before it exists, so that a sweep cannot come between.
        self.pending().insert(name.clone());
        let file = private_file().create_new(true).open(self.temporary(&name));
        if file.is_err() {
            self.pending().remove(&name);
        }
        Ok((file?, name))
    }

    /// Makes a file that has no name any more, for text that must not outlive the process.
    pub(crate) fn create_unnamed(&self) -> io::Result<File> {
        let (file, name) = self.create_temporary()?;
        self.remove_temporary(&name);
        Ok(file)
    }

    /// Moves a written file from `tmp/` to `bodies/`; when this returns, it survives a power cut.
    pub(crate) fn publish(&self, file: &File, name: &str) -> io::Result<()> {
        self.fail_points.check(FailPoint::BodySync)?;
        file.sync_data()?;
        let path = self.body(name);
        let folder = path.parent().unwrap_or(&self.root);
        if !folder.is_dir() {
            make_folder(folder)?;
            sync_folder(&self.root.join("bodies"))?;
        }
        self.fail_points.check(FailPoint::BodyRename)?;
        fs::rename(self.temporary(name), &path)?;
        sync_folder(folder)
    }

    /// Opens a published body.
    pub(crate) fn open_body(&self, name: &str) -> io::Result<File> {
        File::open(self.body(name))
    }

    /// Removes an unfinished body.
    pub(crate) fn remove_temporary(&self, name: &str) {
        remove(&self.temporary(name));
        self.pending().remove(name);
    }

    /// Removes a published body that no row names any more.
    pub(crate) fn remove_body(&self, name: &str) {
        remove(&self.body(name));
        self.pending().remove(name);
    }

    /// Notes that a row names the file now, or that it is left to the sweep.
    pub(crate) fn settle(&self, name: &str) {
        self.pending().remove(name);
    }

    /// Returns the names of all published bodies that are not about to be named by a row of this process.
    pub(crate) fn bodies(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for folder in fs::read_dir(self.root.join("bodies"))? {
            let folder = folder?;
            if folder.file_type()?.is_dir() {
                names.extend(file_names(&folder.path())?);
            }
        }
        Ok(self.without_pending(names))
    }

    /// Removes what a process that ended left in `tmp/`; returns how many files.
    pub(crate) fn sweep_temporary(&self) -> io::Result<usize> {
        // A backup may have left it out.
        make_folder(&self.root.join("tmp"))?;
        let names = self.without_pending(file_names(&self.root.join("tmp"))?);
        for name in &names {
            remove(&self.temporary(name));
        }
        Ok(names.len())
    }

    /// Makes the entries of the data directory itself survive a power cut.
    pub(crate) fn sync(&self) -> io::Result<()> {
        sync_folder(&self.root)
    }

    fn create(&self) -> io::Result<()> {
        make_folder(&self.root)?;
        make_folder(&self.root.join("bodies"))?;
        make_folder(&self.root.join("tmp"))?;
        // SQLite gives its other files the mode of this one.
        let _file = private_file().create(true).truncate(false).open(self.database())?;
        if let Some(parent) = self.root.parent().filter(|parent| parent.is_dir()) {
            sync_folder(parent)?;
        }
        self.sync()
    }

    fn without_pending(&self, mut names: Vec<String>) -> Vec<String> {
        let pending = self.pending();
        names.retain(|name| !pending.contains(name));
        names
    }

    fn temporary(&self, name: &str) -> PathBuf {
        self.root.join("tmp").join(name)
    }

    fn body(&self, name: &str) -> PathBuf {
        // The names are random, so their last letters spread them over 1,024 folders.
        let folder = name.get(name.len().saturating_sub(2)..).unwrap_or("00");
        self.root.join("bodies").join(folder).join(name)
    }

    fn pending(&self) -> MutexGuard<'_, HashSet<String>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    options
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        // A name that is not text is not ours.
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove a body; the next start tries again");
        }
        _ => {}
    }
}
