//! A file layer that loses unsynced writes: what `faults/unsynced.c` recorded is undone here, as a power cut might.
//!
//! A cut leaves what was synced. Of the rest, each piece of each write may have reached the disk or not, in any order;
//! of names, which a journalling file system orders, some first part has.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{chancery::Gateway, random::Random};

/// Octets of a record before its variable part.
const HEAD: usize = 48;

/// A disk writes sectors whole.
const SECTOR: usize = 512;

/// The page cache is written back by pages.
const PAGE: usize = 4_096;

/// The layer under one gateway.
#[derive(Debug)]
pub struct FileFaults {
    library: PathBuf,
    data: PathBuf,
    journal: PathBuf,
}

/// What a cut did, for the report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cut {
    /// Changes of data that were not synced.
    pub unsynced_writes: usize,
    /// Changes of names that were not synced.
    pub unsynced_names: usize,
    /// How many of both had been made since the start.
    pub changes: usize,
}

/// How much of what was not synced survives a cut.
#[derive(Clone, Copy, Debug)]
enum Survival {
    /// All of it, as after a kill.
    All,
    /// Everything up to some moment.
    First,
    /// Nothing.
    None,
    /// Pieces of this size, each by chance.
    Pieces(usize),
}

/// One record of the journal.
#[derive(Debug)]
struct Record {
    /// Where it stands in the journal.
    position: u64,
    inode: u64,
    folder: u64,
    change: Change,
}

#[derive(Debug)]
enum Change {
    Create { path: PathBuf },
    MakeFolder { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, kept: Option<u32> },
    Sync { start: u64 },
    Truncate { size: u64, old_size: u64, old: Vec<u8> },
    Unlink { path: PathBuf, kept: Option<u32> },
    Write { offset: u64, old_size: u64, old: Vec<u8>, new: Vec<u8> },
}

impl FileFaults {
    /// Puts the layer under a gateway that does not run yet.
    pub fn under(gateway: &mut Gateway) -> Self {
        let layer = Self::new(&gateway.path(""), &gateway.path("data"));
        for (name, value) in layer.environment() {
            gateway.set_environment(name, &value);
        }
        layer
    }

    /// Makes a layer for the files under `data`; its own files go to `folder`, on the same file system.
    pub fn new(folder: &Path, data: &Path) -> Self {
        let layer = Self {
            library: folder.join("unsynced.so"),
            data: data.into(),
            journal: folder.join("journal"),
        };
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/faults/unsynced.c");
        let words = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"];
        let status = Command::new("cc").args(words).arg(&layer.library).arg(source).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot compile {source}");
        layer.forget();
        layer
    }

    /// Returns what a program needs in its environment to run on the layer.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            // With the slash, so that no file beside the folder is meant.
            ("UNSYNCED_DIR", format!("{}/", self.data.display())),
            ("UNSYNCED_JOURNAL", self.journal.display().to_string()),
        ]
    }

    /// Makes the disk full, or gives it room again.
    pub fn set_full(&self, is_full: bool) {
        let mark = self.journal.join("full");
        let done = if is_full { fs::write(&mark, "") } else { fs::remove_file(&mark) };
        done.unwrap_or_else(|error| panic!("cannot change {}: {error}", mark.display()));
    }

    /// Leaves the files as a power cut might have left them, and begins anew. The gateway must be dead.
    pub fn cut(&self, random: &mut Random) -> Cut {
        self.cut_as(Survival::pick(random), random)
    }

    /// Leaves nothing but what was synced, and begins anew.
    pub fn cut_all(&self) -> Cut {
        self.cut_as(Survival::None, &mut Random::from_seed(0))
    }

    fn cut_as(&self, survival: Survival, random: &mut Random) -> Cut {
        let records = self.records();
        let mut data_synced: HashMap<u64, u64> = HashMap::new();
        for record in &records {
            if let Change::Sync { start } = record.change {
                let known = data_synced.entry(record.inode).or_default();
                *known = start.max(*known);
            }
        }
        let is_lost = |inode: u64, position: u64| {
            data_synced.get(&inode).is_none_or(|start| position >= *start)
        };
        let writes: Vec<&Record> = records
            .iter()
            .filter(|record| record.change.is_data() && is_lost(record.inode, record.position))
            .collect();
        let names: Vec<&Record> = records
            .iter()
            .filter(|record| record.change.is_name() && is_lost(record.folder, record.position))
            .collect();
        self.cut_data(&writes, survival, random);
        let surviving = match survival {
            Survival::All => names.len(),
            Survival::None => 0,
            Survival::First | Survival::Pieces(_) => {
                usize::try_from(random.below(names.len() as u64 + 1)).unwrap_or_default()
            }
        };
        for record in names.iter().skip(surviving).rev() {
            self.undo_name(record);
        }
        let changes =
            records.iter().filter(|record| !matches!(record.change, Change::Sync { .. })).count();
        self.forget();
        Cut { unsynced_writes: writes.len(), unsynced_names: names.len(), changes }
    }

    /// Begins a new journal; everything that is there counts as durable.
    fn forget(&self) {
        match fs::remove_dir_all(&self.journal) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                panic!("cannot clear the journal: {error}")
            }
            _ => fs::create_dir(&self.journal).expect("the gateway's folder is ours"),
        }
    }

    /// Takes every unsynced change of data back, last first, and makes those that survive again, first first.
    fn cut_data(&self, writes: &[&Record], survival: Survival, random: &mut Random) {
        for record in writes.iter().rev() {
            let file = self.file(record.inode);
            match &record.change {
                Change::Write { offset, old_size, old, new } => {
                    put(&file, *offset, old);
                    if offset + new.len() as u64 > *old_size {
                        file.set_len(*old_size).expect("a file of ours");
                    }
                }
                Change::Truncate { size, old_size, old } => {
                    file.set_len(*old_size).expect("a file of ours");
                    put(&file, *size, old);
                }
                _ => {}
            }
        }
        let count = match survival {
            Survival::None => 0,
            Survival::First => {
                usize::try_from(random.below(writes.len() as u64 + 1)).unwrap_or_default()
            }
            Survival::All | Survival::Pieces(_) => writes.len(),
        };
        for record in writes.iter().take(count) {
            let file = self.file(record.inode);
            let survives = |random: &mut Random| {
                !matches!(survival, Survival::Pieces(_)) || random.below(2) == 0
            };
            match &record.change {
                Change::Write { offset, new, .. } => {
                    let size =
                        if let Survival::Pieces(size) = survival { size } else { usize::MAX };
                    for (start, piece) in pieces(*offset, new, size) {
                        if survives(random) {
                            put(&file, start, piece);
                        }
                    }
                }
                Change::Truncate { size, .. } if survives(random) => {
                    file.set_len(*size).expect("a file of ours");
                }
                _ => {}
            }
        }
    }

    fn undo_name(&self, record: &Record) {
        let kept =
            |number: &Option<u32>| number.map(|number| self.journal.join(format!("old-{number}")));
        match &record.change {
            Change::Create { path } => gone(fs::remove_file(path)),
            Change::MakeFolder { path } => gone(fs::remove_dir_all(path)),
            Change::Unlink { path, kept: number } => {
                if let Some(old) = kept(number)
                    && !path.exists()
                {
                    fs::hard_link(old, path).expect("the file was kept");
                }
            }
            Change::Rename { from, to, kept: number } => {
                // Recorded, but the kill came before it was made.
                if !fs::symlink_metadata(to).is_ok_and(|status| status.ino() == record.inode) {
                    return;
                }
                fs::rename(to, from).expect("both names are ours");
                if let Some(old) = kept(number) {
                    fs::hard_link(old, to).expect("the file was kept");
                }
            }
            Change::Sync { .. } | Change::Truncate { .. } | Change::Write { .. } => {}
        }
    }

    /// Opens a file by its second name.
    fn file(&self, inode: u64) -> File {
        let path = self.journal.join(format!("ino-{inode}"));
        OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Reads the journal; a record that the kill cut short stands for a change that was not made.
    fn records(&self) -> Vec<Record> {
        let bytes = fs::read(self.journal.join("journal")).expect("the layer wrote a journal");
        let mut records = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some((record, after)) = Record::read(rest, (bytes.len() - rest.len()) as u64) {
            records.push(record);
            rest = after;
        }
        assert!(!records.is_empty(), "the layer recorded nothing, so it was not there");
        records
    }
}

impl Survival {
    fn pick(random: &mut Random) -> Self {
        match random.below(6) {
            0 => Self::All,
            1 => Self::First,
            2 | 3 => Self::None,
            4 => Self::Pieces(PAGE),
            _ => Self::Pieces(SECTOR),
        }
    }
}

impl Record {
    fn read(bytes: &[u8], position: u64) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let short =
            |place: usize| head.get(place..place + 4)?.try_into().ok().map(u32::from_ne_bytes);
        let long =
            |place: usize| head.get(place..place + 8)?.try_into().ok().map(u64::from_ne_bytes);
        let (first, rest) = rest.split_at_checked(usize::try_from(short(4)?).ok()?)?;
        let (second, rest) = rest.split_at_checked(usize::try_from(short(8)?).ok()?)?;
        let path =
            |bytes: &[u8]| Path::new(&String::from_utf8_lossy(bytes).into_owned()).to_owned();
        let kept = Some(short(12)?).filter(|number| *number != 0);
        let (inode, folder, offset, old_size) = (long(16)?, long(24)?, long(32)?, long(40)?);
        let change = match short(0)? {
            1 => Change::Write { offset, old_size, old: first.into(), new: second.into() },
            2 => Change::Truncate { size: offset, old_size, old: first.into() },
            3 => Change::Sync { start: folder },
            4 => Change::Create { path: path(first) },
            5 => Change::Unlink { path: path(first), kept },
            6 => Change::Rename { from: path(first), to: path(second), kept },
            7 => Change::MakeFolder { path: path(first) },
            kind => panic!("the journal has a record of kind {kind}"),
        };
        Some((Self { position, inode, folder, change }, rest))
    }
}

impl Change {
    fn is_data(&self) -> bool {
        matches!(self, Self::Truncate { .. } | Self::Write { .. })
    }

    fn is_name(&self) -> bool {
        !self.is_data() && !matches!(self, Self::Sync { .. })
    }
}

/// Cuts a write at the multiples of a size in the file.
fn pieces(offset: u64, bytes: &[u8], size: usize) -> Vec<(u64, &[u8])> {
    let mut pieces = Vec::new();
    let (mut start, mut rest) = (offset, bytes);
    while !rest.is_empty() {
        let into = usize::try_from(start % size as u64).unwrap_or_default();
        let (piece, after) = rest.split_at((size - into).min(rest.len()));
        pieces.push((start, piece));
        start += piece.len() as u64;
        rest = after;
    }
    pieces
}

fn put(file: &File, offset: u64, bytes: &[u8]) {
    file.write_all_at(bytes, offset).expect("a file of ours");
}

/// What is not there need not be removed.
fn gone(result: std::io::Result<()>) {
    if let Err(error) = result {
        assert_eq!(error.kind(), ErrorKind::NotFound, "cannot undo a name: {error}");
    }
}
