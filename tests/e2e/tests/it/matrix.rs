//! Everybody's S/MIME read by us, and ours by everybody: each operation with each algorithm, in both directions, against
//! programs that share no code with us. The table is `docs/reference/interop.md`, and this test fails if it is not true.

mod refusals;
mod rows;

use std::{fmt::Write as _, fs, path::Path, sync::OnceLock, thread};

use chancery_e2e::{
    peers::smime::{
        BouncyCastle, Camel, Chancery, Gpgsm, Made, Mailer, Nss, OpenSslCms, People, Thunderbird,
        canonical, tampered,
    },
    place::Folder,
};

use refusals::{REFUSALS, Refusal};
use rows::{Operation, Row, rows};

/// Which way the mail goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// They write and we read.
    In,
    /// We write and they read.
    Out,
}

/// Why a cell is not green: who said no, and in which words.
#[derive(Clone, Debug)]
enum No {
    /// The writer did not write it.
    Written(String),
    /// The reader did not read it.
    Read(String),
    /// The reader took what somebody had changed.
    Fooled,
}

type Cell = Result<(), No>;

/// A column's results: of each row, what they made of ours and what we made of theirs.
type Column = Vec<[Option<Cell>; 2]>;

/// Makes a peer in a folder that exists.
type Hire = for<'p> fn(&'p People, &Path) -> Box<dyn Mailer + 'p>;

/// The columns.
const PEERS: [(&str, Hire); 7] = [
    ("OpenSSL 3.0", |people, folder| {
        Box::new(OpenSslCms::new(people, folder.into(), "OpenSSL 3.0", "openssl"))
    }),
    ("OpenSSL 4.0", |people, folder| {
        Box::new(OpenSslCms::new(people, folder.into(), "OpenSSL 4.0", "openssl-4"))
    }),
    ("gpgsm", |people, folder| Box::new(Gpgsm::new(people, folder.into()))),
    ("NSS", |people, folder| Box::new(Nss::new(people, folder.into()))),
    ("Thunderbird", |people, folder| Box::new(Thunderbird::engine(people, folder.into()))),
    ("Evolution", |people, folder| Box::new(Camel::new(people, folder.into()))),
    ("Bouncy Castle", |people, folder| Box::new(BouncyCastle::new(people, folder.into()))),
];

#[test]
fn everybody_reads_everybody() {
    let folder = Folder::new();
    let people_folder = folder.path().join("people");
    fs::create_dir(&people_folder).expect("the folder is ours");
    let people = People::within(&people_folder);
    let rows = rows();
    // What we write is written once, and read by all.
    let ours_made: Vec<OnceLock<Made>> = rows.iter().map(|_| OnceLock::new()).collect();
    let columns: Vec<Column> = thread::scope(|scope| {
        let hired: Vec<_> = PEERS
            .iter()
            .enumerate()
            .map(|(number, (_, hire))| {
                let (people, rows, ours_made) = (&people, &rows, &ours_made);
                let place = folder.path();
                scope.spawn(move || {
                    let room = |name: &str| {
                        let room = place.join(format!("{name}{number}"));
                        fs::create_dir(&room).expect("the folder is ours");
                        room
                    };
                    let peer = hire(people, &room("peer"));
                    let ours = Chancery::new(people, room("ours"));
                    let both = rows.iter().zip(ours_made);
                    both.map(|(row, made)| cells(row, made, &ours, peer.as_ref())).collect()
                })
            })
            .collect();
        hired.into_iter().map(|one| one.join().expect("a column fails as a whole")).collect()
    });
    let (table, mistakes) = page(&rows, &columns);
    println!("{table}");
    assert!(mistakes.is_empty(), "these cells are ours to fix:\n{mistakes}");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/interop.md");
    let known = fs::read_to_string(&kept).unwrap_or_default();
    if known != table {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop.md");
        fs::write(&fresh, &table).expect("cargo's folder is ours");
        panic!(
            "docs/reference/interop.md is not true any more; the true one is {}",
            fresh.display()
        );
    }
}

/// Tries a row in both directions.
fn cells(
    row: &Row,
    ours_made: &OnceLock<Made>,
    ours: &dyn Mailer,
    peer: &dyn Mailer,
) -> [Option<Cell>; 2] {
    let entity = format!("Content-Type: text/plain; charset=us-ascii\r\n\r\n{}", text());
    let write = |writer| row.operation.write(writer, entity.as_bytes());
    let out = row.out.then(|| cell(row, ours_made.get_or_init(|| write(ours)), peer, Way::Out));
    [out, Some(cell(row, &write(peer), ours, Way::In))]
}

/// Has a message read; then changed, and not read.
fn cell(row: &Row, made: &Made, reader: &dyn Mailer, way: Way) -> Cell {
    let text = text();
    let message = canonical(made.as_deref().map_err(|words| No::Written(words.clone()))?);
    let is_whole = |content: &[u8]| {
        let content = String::from_utf8_lossy(&canonical(content)).into_owned();
        content.contains(&text)
    };
    match row.operation.read(reader, &message) {
        // What is weak is ours to name, not to believe.
        Err(words) if row.is_weak_signature && way == Way::In => {
            return if words.contains("smime.weak_algorithm") {
                Ok(())
            } else {
                Err(No::Read(words))
            };
        }
        Err(words) => return Err(No::Read(words)),
        Ok(_) if row.is_weak_signature && way == Way::In => return Err(No::Fooled),
        Ok(content) if !is_whole(&content) => {
            return Err(No::Read(format!(
                "another content: {}",
                String::from_utf8_lossy(&content)
            )));
        }
        Ok(_) => {}
    }
    match row.operation.read(reader, &tampered(&message)) {
        Ok(content) if row.operation.is_authenticated() || is_whole(&content) => Err(No::Fooled),
        _ => Ok(()),
    }
}

/// Some pages in which a change is found.
fn text() -> String {
    let lines = (0..200).map(|number| format!("Line {number} says what nobody may change.\r\n"));
    format!("Hello matrix\r\n{}", lines.collect::<String>())
}

/// The page in the making.
#[derive(Default)]
struct Page {
    table: String,
    /// The reasons that are in it, in the order of their numbers.
    reasons: Vec<&'static str>,
    /// What should not be in it.
    mistakes: String,
}

/// Returns the page, and what is on it that should not be.
fn page(rows: &[Row], columns: &[Column]) -> (String, String) {
    let names = PEERS.map(|(name, _)| name).join(" | ");
    let line = "|---".repeat(PEERS.len());
    let mut page = Page { table: format!("| | {names} |\n|---{line}|\n"), ..Page::default() };
    for (number, row) in rows.iter().enumerate() {
        page.table += &format!("| {} |", row.name);
        for ((peer, _), column) in PEERS.iter().zip(columns) {
            let [out, inward] = &column[number];
            let words = [(Way::Out, out), (Way::In, inward)]
                .map(|(way, cell)| page.word(peer, way, row, cell.as_ref()));
            page.table += &format!(" {} |", words.join(" / "));
        }
        page.table += "\n";
    }
    let notes = page.reasons.iter().zip(1..).map(|(why, number)| format!("{number}. {why}\n"));
    let notes: String = notes.collect();
    (format!("{HEAD}\n{}\n## Who says no, and why\n\n{notes}", page.table), page.mistakes)
}

impl Page {
    /// Returns what stands in a cell.
    fn word(&mut self, peer: &str, way: Way, row: &Row, cell: Option<&Cell>) -> String {
        let no = match cell {
            None => return "–".to_owned(),
            Some(Ok(())) => return "works".to_owned(),
            Some(Err(no)) => no,
        };
        let known = REFUSALS.iter().find(|it| it.is_of(peer, way, row) && it.fits(way, no));
        let Some(Refusal { why, .. }) = known else {
            writeln!(self.mistakes, "{peer}, {way:?}, {}: {no:?}", row.name)
                .expect("a string takes all");
            return "OURS TO FIX".to_owned();
        };
        let seen = self.reasons.iter().position(|it| it == why);
        let note = seen.unwrap_or_else(|| {
            self.reasons.push(why);
            self.reasons.len() - 1
        });
        format!("no ({})", note + 1)
    }
}

const HEAD: &str = "\
# Who reads whose S/MIME

Measured, not promised: a test lets each program write what `chancery message` reads, and read what it writes, and fails
if this table is not true.

A cell says first whether they read ours, then whether we read theirs.
`works` means that the content came through whole, and that the same message with a change in it was refused, or was
not taken for the first one where nothing is authenticated (CBC).
`–` means that we do not write it, on purpose.
`no (n)` means that the other program refuses, or cannot write it; the reason stands below.
Weak signatures work if we name them as weak and do not believe them.

Thunderbird is the NSS that comes with Thunderbird 153, to which it hands all of its S/MIME, under NSS's own tool; Evolution is
Camel 3.46, its mail engine; NSS is 3.87, gpgsm 2.2.40, Bouncy Castle 1.72 with its mail library, all of Debian 12; OpenSSL is
3.0 of Debian 12, and 4.0.3.
";

impl Refusal {
    fn is_of(&self, peer: &str, way: Way, row: &Row) -> bool {
        self.peers.contains(&peer)
            && self.ways.contains(&way)
            && self.rows.iter().any(|part| row.name.contains(part))
    }

    /// A refusal is theirs, never ours: on the way in only their writing may fail.
    fn fits(&self, way: Way, no: &No) -> bool {
        match (way, no) {
            (Way::In, No::Written(words)) | (Way::Out, No::Read(words)) => {
                self.says.iter().any(|part| words.contains(part))
            }
            _ => false,
        }
    }
}

impl Operation {
    fn write(&self, writer: &dyn Mailer, entity: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Sign(signature) => writer.sign(entity, signature),
            Self::Encrypt(envelope) => writer.encrypt(entity, envelope),
            Self::Seal(signature, envelope) => writer.seal(entity, signature, envelope),
            Self::Compress(signature) => writer.sign(&writer.compress(entity)?, signature),
        }
    }

    /// Returns the content, of all readers the same.
    fn read(&self, reader: &dyn Mailer, message: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Sign(signature) | Self::Compress(signature) => {
                reader.verify(message, signature.signer)
            }
            Self::Encrypt(envelope) => {
                let mut content = Vec::new();
                for name in envelope.readers {
                    content =
                        reader.decrypt(message, name).map_err(|why| format!("{name}: {why}"))?;
                }
                Ok(content)
            }
            Self::Seal(signature, envelope) => {
                reader.unseal(message, envelope.readers[0], signature.signer)
            }
        }
    }

    /// Returns true if no change may go unnoticed.
    fn is_authenticated(&self) -> bool {
        match self {
            Self::Encrypt(envelope) => {
                envelope.cipher.ends_with("gcm") || envelope.cipher.ends_with("poly1305")
            }
            _ => true,
        }
    }
}
