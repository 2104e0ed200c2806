//! NSS by its `cmsutil`: the library of Debian, and the one that Thunderbird brings.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Envelope, Made, Mailer, People, Signature,
    mime::{clear_signed, dressed, undressed},
    people::PASSPHRASE,
};
use crate::peers::run;

/// A database of NSS with the keys that it can hold.
#[derive(Debug)]
pub struct Nss {
    folder: PathBuf,
    name: &'static str,
    /// Where its libraries are, if not where Debian has them.
    libraries: Option<PathBuf>,
}

/// Thunderbird's engine without Thunderbird: it hands S/MIME to the NSS libraries beside it, and those are used here.
#[derive(Debug)]
pub struct Thunderbird;

impl Thunderbird {
    /// Makes the database in a folder, which must exist.
    pub fn engine(people: &People, folder: PathBuf) -> Nss {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let libraries = std::env::split_paths(&path)
            .filter_map(|bin| Some(bin.parent()?.join("thunderbird-nss")))
            .chain([PathBuf::from("/usr/lib/thunderbird")])
            .find(|folder| folder.join("libsmime3.so").is_file());
        let libraries =
            libraries.expect("Thunderbird's libraries are in the cache: cargo xtask test tools");
        Nss::with(people, folder, "Thunderbird", Some(libraries))
    }
}

impl Nss {
    /// Makes the database in a folder, which must exist.
    pub fn new(people: &People, folder: PathBuf) -> Self {
        Self::with(people, folder, "NSS", None)
    }

    fn with(
        people: &People,
        folder: PathBuf,
        name: &'static str,
        libraries: Option<PathBuf>,
    ) -> Self {
        let nss = Self { folder, name, libraries };
        fill(people, &nss.folder, |program| nss.command(program));
        nss
    }

    /// Makes a database in a folder, which must exist, that knows nobody but an authority.
    pub fn stranger(folder: PathBuf, authority: &Path) -> Self {
        let nss = Self { folder, name: "NSS", libraries: None };
        start(authority, |program| nss.command(program));
        nss
    }

    /// Imports a PKCS#12 file, as Thunderbird does from its certificate manager.
    pub fn import(&self, file: &Path, passphrase_file: &Path) -> Result<(), String> {
        self.pk12util("-i", file, passphrase_file, &[])
    }

    /// Exports the key of that name into a PKCS#12 file.
    pub fn export(&self, name: &str, file: &Path, passphrase_file: &Path) -> Result<(), String> {
        self.pk12util("-o", file, passphrase_file, &["-n", name])
    }

    fn pk12util(
        &self,
        verb: &str,
        file: &Path,
        passphrase_file: &Path,
        words: &[&str],
    ) -> Result<(), String> {
        let mut command = self.command("pk12util");
        command.arg(verb).arg(file).arg("-w").arg(passphrase_file).args(words);
        let output = run(&mut command, b"");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(words) }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command.current_dir(&self.folder).args(["-d", "sql:."]);
        command
    }

    /// Runs `cmsutil`; returns what it wrote.
    fn cmsutil(&self, words: &[&str]) -> Made {
        let out = self.folder.join("out");
        fs::remove_file(&out).ok();
        let mut command = self.command("cmsutil");
        let output = run(command.args(words).args(["-o", "out"]), b"");
        if output.status.success() {
            return fs::read(&out).map_err(|error| error.to_string());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(words.lines().last().unwrap_or_default().to_owned())
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.join(name), content).expect("the folder is ours");
    }
}

/// Fills a new database with everybody's key, as far as NSS takes it.
pub(crate) fn fill(people: &People, folder: &Path, command: impl Fn(&str) -> Command) {
    let demand = |command: &mut Command| {
        let output = run(command, b"");
        assert!(output.status.success(), "{command:?}: {output:?}");
    };
    demand(command("certutil").args(["-N", "--empty-password"]));
    demand(command("certutil").args([
        "-A",
        "-n",
        "ca",
        "-t",
        "C,C,C",
        "-i",
        &people.file("ca.pem"),
    ]));
    for name in People::names() {
        let file = people.file(&format!("{name}.p12"));
        // A kind of key that it does not know shows in the table.
        run(command("pk12util").args(["-i", &file, "-W", PASSPHRASE]), b"");
        let certificate = people.file(&format!("{name}.pem"));
        run(command("certutil").args(["-A", "-n", name, "-t", ",,", "-i", &certificate]), b"");
    }
    assert!(folder.join("cert9.db").is_file());
}

/// Makes a new database that believes an authority.
fn start(authority: &Path, command: impl Fn(&str) -> Command) {
    let demand = |command: &mut Command| {
        let output = run(command, b"");
        assert!(output.status.success(), "{command:?}: {output:?}");
    };
    demand(command("certutil").args(["-N", "--empty-password"]));
    demand(command("certutil").args(["-A", "-n", "ca", "-t", "C,C,C", "-i"]).arg(authority));
}

impl Mailer for Nss {
    fn name(&self) -> &'static str {
        self.name
    }

    fn sign(&self, entity: &[u8], how: &Signature) -> Made {
        if how.beside.is_some() {
            return Err("it has no option for a second signer".into());
        }
        if how.pss {
            return Err("it has no option for PSS".into());
        }
        self.write("in", entity);
        let digest = how.digest.to_ascii_uppercase();
        let mut words = vec!["-S", "-G", "-P", "-N", how.signer, "-i", "in"];
        if how.digest != "own" {
            words.extend(["-H", &digest]);
        }
        if how.opaque {
            return Ok(dressed("signed-data", &self.cmsutil(&words)?));
        }
        words.push("-T");
        Ok(clear_signed(entity, how.digest, &self.cmsutil(&words)?))
    }

    fn verify(&self, message: &[u8], _signer: &str) -> Made {
        let bare = undressed(message);
        self.write("cms", &bare.cms);
        let mut words = vec!["-D", "-i", "cms"];
        if let Some(content) = &bare.content {
            self.write("in", content);
            words.extend(["-c", "in"]);
        }
        self.cmsutil(&words)
    }

    fn encrypt(&self, entity: &[u8], how: &Envelope) -> Made {
        if how.cipher != "own" || how.oaep.is_some() || how.by_key_identifier {
            return Err("it has no option for it".into());
        }
        self.write("in", entity);
        let mut words = vec!["-E", "-i", "in"];
        words.extend(how.readers.iter().flat_map(|reader| ["-r", reader]));
        Ok(dressed("enveloped-data", &self.cmsutil(&words)?))
    }

    fn decrypt(&self, message: &[u8], _reader: &str) -> Made {
        self.write("cms", &undressed(message).cms);
        self.cmsutil(&["-D", "-i", "cms"])
    }
}
