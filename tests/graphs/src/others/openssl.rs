//! OpenSSL's library, behind a program of ours that takes one question after the other (`openssl/verify.c`).

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::graph::{AT, Ask, Graph, Issued};
use crate::themes::ANY_POLICY;

/// The program, running.
#[derive(Debug)]
pub struct OpenSsl {
    process: Child,
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
}

/// What it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `X509_V_OK` is zero; -1 is none of OpenSSL's and says that something could not be read.
    pub error: i32,
    /// At which certificate, counted from the target.
    pub depth: i32,
    /// The processor time of all turns.
    pub nanoseconds: u64,
    /// The chain that it built, the target first: places as the question had them, anchors from [`FIRST_ANCHOR`].
    pub chain: Vec<u32>,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What is asked.
    pub ask: &'a Ask,
    /// For which time, in Unix seconds.
    pub at: i64,
    /// How often.
    pub repeat: u32,
    /// The anchors in DER.
    pub anchors: &'a [&'a [u8]],
    /// The target, and certificates that may help.
    pub others: &'a [&'a [u8]],
    /// Revocation lists.
    pub lists: &'a [&'a [u8]],
}

impl OpenSsl {
    /// Builds the program into a folder and starts it. `library` has `libcrypto.a` and `include`.
    pub fn start(folder: &Path, library: &Path) -> io::Result<Self> {
        let program = build(folder, library)?;
        let mut process = command(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let gone = || io::Error::other("the process has no pipes");
        let to = BufWriter::new(process.stdin.take().ok_or_else(gone)?);
        let from = BufReader::new(process.stdout.take().ok_or_else(gone)?);
        Ok(Self { process, to, from })
    }

    /// Asks about one chain of a graph, the anchor first and the target last.
    pub fn chain(&mut self, graph: &Graph, chain: &[&Issued]) -> io::Result<Said> {
        let [anchor, below @ ..] = chain else { return Err(io::ErrorKind::InvalidInput.into()) };
        let others: Vec<&[u8]> = below.iter().rev().map(|it| it.der.as_slice()).collect();
        let lists: Vec<&[u8]> = graph.lists.iter().map(|it| it.der.as_slice()).collect();
        self.ask(&Asked {
            ask: &graph.ask,
            at: AT,
            repeat: 1,
            anchors: &[&anchor.der],
            others: &others,
            lists: &lists,
        })
    }

    /// Asks one question.
    pub fn ask(&mut self, asked: &Asked<'_>) -> io::Result<Said> {
        let ask = asked.ask;
        let flags = [ask.explicit, ask.inhibit_mapping, ask.inhibit_any, ask.revocation];
        let flags = flags.iter().rev().fold(0_u32, |all, flag| all << 1 | u32::from(*flag));
        self.to.write_all(&flags.to_be_bytes())?;
        self.to.write_all(&asked.at.to_be_bytes())?;
        self.to.write_all(&(if ask.is_for_mail { SMIME_SIGN } else { 0 }).to_be_bytes())?;
        self.to.write_all(&asked.repeat.to_be_bytes())?;
        // It takes an empty set for none.
        let any = vec![ANY_POLICY];
        let policies: Vec<&[u8]> =
            ask.policies.as_ref().unwrap_or(&any).iter().map(|policy| policy.as_bytes()).collect();
        self.write_list(&policies)?;
        self.write_list(asked.anchors)?;
        self.write_list(asked.others)?;
        self.write_list(asked.lists)?;
        self.to.flush()?;
        let (error, depth) = (self.number()?.cast_signed(), self.number()?.cast_signed());
        let nanoseconds = u64::from(self.number()?) << 32 | u64::from(self.number()?);
        let count = self.number()?;
        let chain = (0..count.min(1000)).map(|_| self.number()).collect::<io::Result<_>>()?;
        Ok(Said { error, depth, nanoseconds, chain })
    }

    fn write_list(&mut self, list: &[&[u8]]) -> io::Result<()> {
        let count = |length: usize| u32::try_from(length).map_err(io::Error::other);
        self.to.write_all(&count(list.len())?.to_be_bytes())?;
        for octets in list {
            self.to.write_all(&count(octets.len())?.to_be_bytes())?;
            self.to.write_all(octets)?;
        }
        Ok(())
    }

    fn number(&mut self) -> io::Result<u32> {
        let mut octets = [0; 4];
        self.from.read_exact(&mut octets)?;
        Ok(u32::from_be_bytes(octets))
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // It reads no more questions; if it is gone already, that is what is wanted.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Returns the folder in which `cargo xtask test tools` leaves OpenSSL 4.
pub fn library() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let folder = base.or_else(home)?.join("chancery/openssl-4");
    folder.join("libcrypto.a").is_file().then_some(folder)
}

fn build(folder: &Path, library: &Path) -> io::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("openssl/verify.c");
    // Tests are processes of their own and may build at the same time.
    let program = folder.join(format!("openssl-verify-{}", std::process::id()));
    let mut compile = command(Path::new("cc"));
    compile.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(&source);
    compile.arg("-I").arg(library.join("include")).arg(library.join("libcrypto.a"));
    compile.args(["-lz", "-lpthread", "-ldl"]);
    let output = compile.output()?;
    if output.status.success() {
        Ok(program)
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

fn command(program: &Path) -> Command {
    Command::new(program)
}

/// `X509_PURPOSE_SMIME_SIGN`.
const SMIME_SIGN: u32 = 4;
/// The place of the first anchor in a chain.
pub const FIRST_ANCHOR: u32 = 1000;
