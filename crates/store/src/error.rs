//! What can go wrong with the store, and the stable code of each cause.

use std::io;

use chancery_fault::{Code, Coded, Fault, Retry};
use rusqlite::ErrorCode;

use crate::id::MessageId;

/// The result of everything the store does.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. It is `Clone` because one failed commit is the answer to every caller in it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The audit log is not what was written.
    #[error("audit log is broken at entry {entry}: {what}")]
    AuditBroken {
        /// The first entry that does not fit.
        entry: i64,
        /// What does not fit.
        what: &'static str,
    },
    /// A body that a row speaks of is not there any more.
    #[error("cannot read body of {message}: it is gone")]
    BodyGone {
        /// The message whose body it was.
        message: MessageId,
    },
    /// The database, or a value in it, is damaged.
    #[error("cannot {doing}: the database is damaged: {why}")]
    Corrupt {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        why: String,
    },
    /// No space is left.
    #[error("cannot {doing}: no space left in the data directory: {why}")]
    Full {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        why: String,
    },
    /// Another process serves this data directory.
    #[error("cannot serve {directory}: another process serves it already")]
    InUse {
        /// The data directory.
        directory: String,
    },
    /// The disk or the file system failed.
    #[error("cannot {doing}: {why}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        why: String,
    },
    /// Another process holds the database.
    #[error("cannot {doing}: another process holds the database")]
    Locked {
        /// What was being done.
        doing: &'static str,
    },
    /// There is no store in the directory.
    #[error("cannot open {directory}: there is no chancery.db in it")]
    Missing {
        /// The data directory.
        directory: String,
    },
    /// The domain belongs to a partner with another key.
    #[error(
        "cannot add partner: {domain} belongs to partner {partner} with fingerprint {fingerprint}"
    )]
    PartnerConflict {
        /// The domain both claim.
        domain: String,
        /// The partner that has it.
        partner: String,
        /// Its fingerprint.
        fingerprint: String,
    },
    /// The database was written by a newer release.
    #[error(
        "cannot open the database: its schema {found} is newer than {known}, the newest this release knows"
    )]
    SchemaNewer {
        /// The version found.
        found: i64,
        /// The newest known version.
        known: i64,
    },
    /// Somebody else has changed the recipients meanwhile; nothing was written.
    #[error("cannot change {message}: its recipients have changed meanwhile")]
    Stale {
        /// The message.
        message: MessageId,
    },
    /// The writer has stopped, or broke off this change.
    #[error("cannot {doing}: the database writer broke off")]
    Stopped {
        /// What was being done.
        doing: &'static str,
    },
}

impl Error {
    /// Translates an error of the engine.
    pub(crate) fn database(doing: &'static str, error: &rusqlite::Error) -> Self {
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { doing, why },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { doing },
            Some(
                ErrorCode::ConstraintViolation
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::SchemaChanged,
            )
            // No code: the statement ran, but the row holds what it must not hold.
            | None => Self::Corrupt { doing, why },
            Some(_) => Self::Io { doing, why },
        }
    }

    /// Translates an error of the file system.
    pub fn file(doing: &'static str, error: &io::Error) -> Self {
        let why = error.to_string();
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full { doing, why },
            _ => Self::Io { doing, why },
        }
    }

    /// Returns true if it is unknown whether the change is on disk.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Stopped { .. } | Self::Corrupt { .. })
    }
}

/// Adds what was being done to an error of the engine or of the file system.
pub(crate) trait Doing<T> {
    /// Names the act that failed.
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|error| Error::database(doing, &error))
    }
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|error| Error::file(doing, &error))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Full { .. } => io::ErrorKind::StorageFull,
            Error::BodyGone { .. } => io::ErrorKind::NotFound,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::AuditBroken { .. } => &AUDIT_BROKEN,
            Self::BodyGone { .. } => &BODY_GONE,
            Self::Corrupt { .. } => &CORRUPT,
            Self::Full { .. } => &FULL,
            Self::InUse { .. } => &IN_USE,
            Self::Io { .. } => &IO,
            Self::Locked { .. } => &LOCKED,
            Self::Missing { .. } => &MISSING,
            Self::PartnerConflict { .. } => &PARTNER_CONFLICT,
            Self::SchemaNewer { .. } => &SCHEMA_NEWER,
            Self::Stale { .. } => &STALE,
            Self::Stopped { .. } => &STOPPED,
        }
    }
}

/// All codes of this crate.
pub const CODES: &[&Code] = &[
    &AUDIT_BROKEN,
    &BODY_GONE,
    &CORRUPT,
    &FULL,
    &IN_USE,
    &IO,
    &LOCKED,
    &MISSING,
    &PARTNER_CONFLICT,
    &SCHEMA_NEWER,
    &STALE,
    &STOPPED,
];

static AUDIT_BROKEN: Code = Code {
    id: "store.audit_broken",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.3.0",
    summary: "the audit log is not what was written",
    help: "Compare the data directory with a backup. Each audit entry holds the SHA-256 of the one before it; the entry \
           named is the first that does not fit, so somebody or something changed it or one next to it outside Chancery.",
};

static BODY_GONE: Code = Code {
    id: "store.body_gone",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.3.0",
    summary: "the body of a message is no longer stored",
    help: "Look with `chancery explain` at who finished or dropped the message. A body is deleted as soon as no recipient \
           waits for it; if recipients still wait, a file under bodies/ was removed by hand: restore it from a backup, \
           or drop the recipients.",
};

static CORRUPT: Code = Code {
    id: "store.corrupt",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.3.0",
    summary: "the database is damaged",
    help: "Stop the gateway, copy the data directory away, and run `sqlite3 chancery.db 'PRAGMA integrity_check'` on the \
           copy. Restore from a backup or recover with `sqlite3 chancery.db .recover`. Mail is refused with 451 \
           meanwhile, so senders keep it.",
};

static FULL: Code = Code {
    id: "store.full",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "452 4.3.1",
    summary: "no space is left in the data directory",
    help: "Free space on the file system of the data directory. New mail is refused with 452 meanwhile, so senders keep \
           it; nothing that was accepted is lost, and deliveries go on and free space themselves.",
};

static IN_USE: Code = Code {
    id: "store.in_use",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.3.0",
    summary: "another process serves this data directory",
    help: "Stop the other `chancery serve`, or give this one a data directory of its own. Two processes would deliver \
           the same mail twice.",
};

static IO: Code = Code {
    id: "store.io",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.0",
    summary: "the disk or the file system failed",
    help: "Look at the system's log for disk errors, and at the owner and mode of the data directory. Mail is refused \
           with 451 meanwhile; what was answered with 250 was on disk before.",
};

static LOCKED: Code = Code {
    id: "store.locked",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.0",
    summary: "another process holds the database",
    help: "Find what holds chancery.db with `fuser`; a backup tool or an open `sqlite3` shell is the usual cause. Copy a \
           running store with `sqlite3 chancery.db '.backup FILE'`, which does not hold it.",
};

static MISSING: Code = Code {
    id: "store.missing",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.3.0",
    summary: "there is no store in the data directory",
    help: "Run `chancery init` first, or name the right data directory in the configuration.",
};

static PARTNER_CONFLICT: Code = Code {
    id: "store.partner_conflict",
    fault: Fault::Partner,
    retry: Retry::Never,
    reply: "550 5.7.0",
    summary: "the domain belongs to a partner with another key",
    help: "Compare the new fingerprint with the partner over the telephone. If they have a new key, remove the old \
           partner first with `chancery partner remove`, then add the new card. A card never replaces another key by \
           itself, because that is what an attacker would send.",
};

static SCHEMA_NEWER: Code = Code {
    id: "store.schema_newer",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.3.0",
    summary: "the database was written by a newer release",
    help: "Install the newer release again, or restore the backup made before the upgrade. The schema only goes forward.",
};

static STALE: Code = Code {
    id: "store.stale",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.0",
    summary: "the recipients have changed meanwhile",
    help: "Do nothing: an administrator acted on the message while it was being worked on, and it is planned anew.",
};

static STOPPED: Code = Code {
    id: "store.stopped",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.0",
    summary: "the database writer broke off",
    help: "Look at the log for the failure before this one and report it; restart the gateway if it goes on. What was \
           answered with 250 was on disk before.",
};
