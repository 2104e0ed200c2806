//! Files and pipes of the desk: input that can be read twice, output that nobody else can read, progress.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chancery_crypto::{hex, random};
use chancery_mail::IndexBuilder;
use chancery_mail::content_type::TransferEncoding;
use chancery_mail::index::Part;
use chancery_smime::{Spool, Spools};

use crate::cli::message::Files;
use crate::failure::{Failure, Result};
use crate::input::{self, MB};
use crate::output::plain;

/// A message that can be read as often as it takes.
pub(super) struct Input {
    source: Box<dyn Spool>,
    /// True if its lines end as they do in files here, with LF alone.
    pub(super) is_local: bool,
    /// The line that mailbox files and procmail put before a message (RFC 4155); it is no part of it.
    pub(super) separator: Vec<u8>,
    progress: Progress,
}

impl Input {
    /// Opens a message as it is.
    pub(super) fn open(file: Option<&Path>) -> Result<Self> {
        let name = input::name(file.unwrap_or(Path::new("-")));
        let cannot = |error: io::Error| Failure::usage(format!("cannot read {name}: {error}"));
        let mut source: Box<dyn Spool> = match file.filter(|file| *file != Path::new("-")) {
            Some(file) => {
                let opened = File::open(file).map_err(cannot)?;
                if opened.metadata().map_err(cannot)?.is_dir() {
                    return Err(cannot(io::ErrorKind::IsADirectory.into()));
                }
                if opened.metadata().map_err(cannot)?.is_file() {
                    Box::new(opened)
                } else {
                    spooled(opened)?
                }
            }
            None => spooled(io::stdin().lock())?,
        };
        let is_local = is_local(&mut source).map_err(cannot)?;
        let length = source.seek(SeekFrom::End(0)).map_err(cannot)?;
        source.rewind().map_err(cannot)?;
        if length == 0 {
            return Err(Failure::usage(format!("{name} is empty")).hint("give a whole message"));
        }
        Ok(Self { source, is_local, separator: Vec::new(), progress: Progress::new(length) })
    }

    /// Opens a message and makes its line ends CRLF, which is what is signed and sent (RFC 8551 section 3.1.1).
    pub(super) fn canonical(file: Option<&Path>) -> Result<Self> {
        let input = Self::open(file)?;
        if !input.is_local {
            return Ok(input);
        }
        let Self { mut source, is_local, progress, .. } = input;
        let mut separator = Vec::new();
        let spool = fresh().and_then(|mut spool| {
            separator = take_separator(&mut source)?;
            copy_canonical(&mut source, &mut spool)?;
            spool.rewind()?;
            Ok(spool)
        });
        let source = spool.map_err(|error| spool_failed(&error))?;
        Ok(Self { source, is_local, separator, progress })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.progress.advance(read as u64);
        Ok(read)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = self.source.seek(to)?;
        self.progress.stand_at(at);
        Ok(at)
    }
}

/// Tells a person at a terminal how far a large message is. It may be read more than once: to find its parts, and to
/// work on them.
struct Progress {
    length: u64,
    /// Where reading is.
    at: u64,
    /// Where it is shown next.
    next: u64,
    is_shown: bool,
    /// True once something stands on the terminal.
    is_drawn: bool,
}

impl Progress {
    fn new(length: u64) -> Self {
        let is_shown = length >= MIN_SHOWN && io::stderr().is_terminal();
        Self { length, at: 0, next: STEP, is_shown, is_drawn: false }
    }

    fn stand_at(&mut self, at: u64) {
        (self.at, self.next) = (at, at + STEP);
    }

    fn advance(&mut self, bytes: u64) {
        self.at += bytes;
        if self.is_shown && self.at >= self.next {
            (self.next, self.is_drawn) = (self.at + STEP, true);
            let text = format!("\rread {} MB of {} MB\x1b[K", self.at / MB, self.length / MB);
            let _ok = io::stderr().write_all(text.as_bytes());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_drawn {
            // The line is cleared, so that what is said next stands alone.
            let _ok = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

/// The result of a command on its way to a file or to standard output. A file that was not finished is removed.
pub(super) struct Sink {
    place: Place,
    /// What is written before the first byte.
    prefix: Vec<u8>,
    /// True to write lines as the input had them.
    is_local: bool,
    /// True if a CR waits for what follows it.
    has_cr: bool,
}

enum Place {
    File {
        writer: BufWriter<File>,
        written: PathBuf,
        target: PathBuf,
        is_done: bool,
    },
    Stdout(BufWriter<io::Stdout>),
    /// A device or a named pipe.
    Stream(BufWriter<File>),
}

impl Sink {
    /// Opens the output for a message in the dress of the input: its line ends, and what separates it from others.
    pub(super) fn like(files: &Files, input: &Input) -> Result<Self> {
        let mut sink = Self::open(files, input.is_local)?;
        sink.prefix.clone_from(&input.separator);
        Ok(sink)
    }

    /// Opens the output; `is_local` says that line ends go out as LF.
    pub(super) fn open(files: &Files, is_local: bool) -> Result<Self> {
        let target = files.out.as_deref().filter(|file| *file != Path::new("-"));
        let place = match target {
            None => Place::Stdout(BufWriter::with_capacity(CHUNK, io::stdout())),
            Some(target) => Self::file(target, files.force)?,
        };
        Ok(Self { place, prefix: Vec::new(), is_local, has_cr: false })
    }

    fn file(target: &Path, is_forced: bool) -> Result<Place> {
        let shown = plain(&target.display().to_string());
        let cannot = |error: &io::Error| Failure::usage(format!("cannot write {shown}: {error}"));
        // What a link leads to is written; a device or a named pipe is no file that could be replaced.
        let there = fs::metadata(target).ok();
        if there.is_some_and(|there| !there.is_file()) {
            let stream = OpenOptions::new().write(true).open(target).map_err(|it| cannot(&it))?;
            return Ok(Place::Stream(BufWriter::with_capacity(CHUNK, stream)));
        }
        let target = target.canonicalize().unwrap_or_else(|_| target.to_path_buf());
        let written = if is_forced { beside(&target)? } else { target.clone() };
        let file = create(&written).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                return Failure::usage(format!("{shown} is there already"))
                    .hint("name another file, or add --force to replace it");
            }
            cannot(&error)
        })?;
        let writer = BufWriter::with_capacity(CHUNK, file);
        Ok(Place::File { writer, written, target, is_done: false })
    }

    /// Finishes; only now a file that is replaced is.
    pub(super) fn finish(mut self) -> Result {
        let cannot = |error: io::Error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                std::process::exit(0);
            }
            Failure::failed(format!("cannot write the result: {error}"))
        };
        if self.has_cr {
            self.emit(b"\r").map_err(cannot)?;
        }
        match &mut self.place {
            Place::Stdout(out) => out.flush().map_err(cannot),
            Place::Stream(out) => out.flush().map_err(cannot),
            Place::File { writer, written, target, is_done } => {
                writer.flush().and_then(|()| writer.get_ref().sync_all()).map_err(cannot)?;
                if written != target {
                    fs::rename(&*written, &*target).map_err(cannot)?;
                }
                *is_done = true;
                Ok(())
            }
        }
    }

    fn emit(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = match &mut self.place {
            Place::File { writer, .. } | Place::Stream(writer) => writer.write_all(bytes),
            Place::Stdout(out) => out.write_all(bytes),
        };
        // A reader that goes away has seen enough; whoever is asked to write through here need not know of it.
        if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            std::process::exit(0);
        }
        written
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.prefix.is_empty() {
            let prefix = std::mem::take(&mut self.prefix);
            self.emit(&prefix)?;
        }
        if !self.is_local {
            self.emit(bytes)?;
            return Ok(bytes.len());
        }
        let Some(&last) = bytes.last() else { return Ok(0) };
        if self.has_cr && bytes.first() != Some(&b'\n') {
            self.emit(b"\r")?;
        }
        self.has_cr = last == b'\r';
        let body = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let mut start = 0;
        for at in memchr::memmem::find_iter(body, b"\r\n") {
            self.emit(body.get(start..at).unwrap_or_default())?;
            start = at + 1;
        }
        self.emit(body.get(start..).unwrap_or_default())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Place::File { written, is_done: false, .. } = &self.place {
            let _ok = fs::remove_file(written);
        }
    }
}

/// Hands out unnamed files in the folder for temporary files, readable by this process alone.
pub(super) struct TemporarySpools;

impl Spools for TemporarySpools {
    fn fresh(&mut self) -> io::Result<Box<dyn Spool>> {
        fresh()
    }
}

/// Makes a failure of temporary space.
pub(super) fn spool_failed(error: &io::Error) -> Failure {
    Failure::failed(format!("cannot use temporary space: {error}"))
        .hint("make room in the folder for temporary files, or name another one in TMPDIR")
}

fn spooled(mut source: impl Read) -> Result<Box<dyn Spool>> {
    let mut spool = fresh().map_err(|error| spool_failed(&error))?;
    io::copy(&mut source, &mut spool).map_err(|error| spool_failed(&error))?;
    spool.rewind().map_err(|error| spool_failed(&error))?;
    Ok(spool)
}

/// Makes a file without a name: nothing of it can be found once the process has ended.
fn fresh() -> io::Result<Box<dyn Spool>> {
    let name = random_name().map_err(io::Error::other)?;
    let path = std::env::temp_dir().join(format!("chancery-{name}"));
    let file = create(&path)?;
    fs::remove_file(&path)?;
    Ok(Box::new(file))
}

fn create(path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).write(true).create_new(true).mode(PRIVATE).open(path)?;
    // The mode of `open` is subject to the umask, which can only take away; a broader one is never given.
    file.set_permissions(fs::Permissions::from_mode(PRIVATE))?;
    Ok(file)
}

fn beside(target: &Path) -> Result<PathBuf> {
    let name = random_name().map_err(Failure::failed)?;
    Ok(target.with_file_name(format!(".chancery-{name}")))
}

fn random_name() -> std::result::Result<String, String> {
    let bytes = random::bytes::<16>().map_err(|error| error.to_string())?;
    Ok(hex(&bytes))
}

/// Returns true if this is text whose first line ends with LF alone.
fn is_local(source: &mut dyn Spool) -> io::Result<bool> {
    let mut start = Vec::new();
    source.take(FIRST_LINE).read_to_end(&mut start)?;
    source.rewind()?;
    let Some(end) = memchr::memchr(b'\n', &start) else { return Ok(false) };
    // CMS in binary has no lines. What comes later may be a part in binary.
    let line = start.get(..end).unwrap_or_default();
    let is_text = line.iter().all(|byte| *byte >= b' ' || *byte == b'\t');
    Ok(is_text && !line.ends_with(b"\r"))
}

/// Reads a line `From somebody at some time`, if the text starts with one, and stays behind it.
fn take_separator(source: &mut dyn Spool) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    source.take(FIRST_LINE).read_to_end(&mut start)?;
    let end = memchr::memchr(b'\n', &start).filter(|_| start.starts_with(b"From "));
    let length = end.map_or(0, |end| end + 1);
    source.seek(SeekFrom::Start(length as u64))?;
    start.truncate(length);
    Ok(start)
}

/// Copies a message from where it stands, with CRLF at the ends of its lines. Parts in binary have no lines: they stay.
fn copy_canonical(source: &mut dyn Spool, out: &mut dyn Write) -> io::Result<()> {
    let start = source.stream_position()?;
    let mut indexer = Indexer(IndexBuilder::new());
    io::copy(source, &mut indexer)?;
    let index = indexer.0.finish();
    let is_binary =
        |part: &&Part| part.is_leaf() && part.transfer_encoding == TransferEncoding::Binary;
    source.seek(SeekFrom::Start(start))?;
    let mut at = 0;
    for part in index.parts().iter().filter(is_binary) {
        let text = part.body.start.saturating_sub(at);
        io::copy(&mut (&mut *source).take(text), &mut CrlfWriter::new(out))?;
        io::copy(&mut (&mut *source).take(part.body.len()), out)?;
        at = part.body.end;
    }
    io::copy(source, &mut CrlfWriter::new(out)).map(|_| ())
}

/// Indexes what is written to it.
struct Indexer(IndexBuilder);

impl Write for Indexer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Puts CR before each LF that has none.
pub(super) struct CrlfWriter<'s> {
    sink: &'s mut dyn Write,
    last: u8,
}

impl<'s> CrlfWriter<'s> {
    pub(super) fn new(sink: &'s mut dyn Write) -> Self {
        Self { sink, last: 0 }
    }
}

impl Write for CrlfWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(&last) = bytes.last() else { return Ok(0) };
        let mut start = 0;
        for at in memchr::memchr_iter(b'\n', bytes) {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at)).copied();
            if before.unwrap_or(self.last) != b'\r' {
                self.sink.write_all(bytes.get(start..at).unwrap_or_default())?;
                self.sink.write_all(b"\r")?;
                start = at;
            }
        }
        self.sink.write_all(bytes.get(start..).unwrap_or_default())?;
        self.last = last;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Only the owner may read and write.
const PRIVATE: u32 = 0o600;

/// Smaller messages are done before anybody looks.
const MIN_SHOWN: u64 = 32 * MB;

/// Read between two lines of progress.
const STEP: u64 = 8 * MB;

const CHUNK: usize = 64 * 1024;

/// Longer than any line of an honest header (RFC 5322 section 2.1.1).
const FIRST_LINE: u64 = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn line_ends_go_to_crlf_and_back_however_the_bytes_are_cut(text in "[ab\n]{0,40}", cut in 0_usize..40) {
            let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
            let mut canonical = Vec::new();
            let mut writer = CrlfWriter::new(&mut canonical);
            writer.write_all(first).unwrap();
            writer.write_all(second).unwrap();
            prop_assert_eq!(String::from_utf8(canonical.clone()).unwrap(), text.replace('\n', "\r\n"));

            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("out");
            let files = Files { file: None, out: Some(out.clone()), force: false, bare: false };
            let mut sink = Sink::open(&files, true).unwrap();
            let (first, second) = canonical.split_at(cut.min(canonical.len()));
            sink.write_all(first).unwrap();
            sink.write_all(second).unwrap();
            sink.finish().unwrap();
            prop_assert_eq!(fs::read_to_string(&out).unwrap(), text);
        }
    }

    #[test]
    fn an_unfinished_file_is_removed_and_a_finished_one_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let files = Files { file: None, out: Some(out.clone()), force: false, bare: false };
        let mut sink = Sink::open(&files, false).unwrap();
        sink.write_all(b"half").unwrap();
        drop(sink);
        assert!(!out.exists());

        let mut sink = Sink::open(&files, false).unwrap();
        sink.write_all(b"whole").unwrap();
        sink.finish().unwrap();
        assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Sink::open(&files, false).is_err(), "never over another file");

        let mut sink = Sink::open(&Files { force: true, ..files }, false).unwrap();
        sink.write_all(b"half").unwrap();
        drop(sink);
        assert_eq!(
            fs::read(&out).unwrap(),
            b"whole",
            "the old one stays until the new one is whole"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
