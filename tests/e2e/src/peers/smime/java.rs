//! Bouncy Castle, by a small program in Java.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Envelope, Made, Mailer, People, Signature, canonical, script::Script};
use crate::peers::run;

/// A Java program that was compiled for this test.
#[derive(Debug)]
pub struct BouncyCastle<'p> {
    people: &'p People,
    folder: PathBuf,
    script: Script,
}

/// Where Debian has the libraries.
const LIBRARIES: [&str; 6] =
    ["bcmail", "bcpkix", "bcprov", "bcutil", "javax.mail", "javax.activation"];

impl<'p> BouncyCastle<'p> {
    /// Compiles the program into a folder, which must exist.
    pub fn new(people: &'p People, folder: PathBuf) -> Self {
        let source = folder.join("BouncyCastle.java");
        fs::write(&source, include_str!("BouncyCastle.java")).expect("the folder is ours");
        let mut compiler = Command::new("javac");
        compiler
            .args(["-encoding", "UTF-8", "-nowarn", "-cp", &libraries(), "-d"])
            .arg(&folder)
            .arg(&source);
        let output = run(&mut compiler, b"");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "javac: {complaint}");
        Self { people, folder, script: Script::new(false) }
    }

    /// Reads a PKCS#12 file as Java programs do; returns why not.
    pub fn keystore(&self, file: &Path, passphrase: &str) -> Result<(), String> {
        self.ask(&["keystore", file.to_str().expect("a plain path"), passphrase])
    }

    fn ask(&self, words: &[&str]) -> Result<(), String> {
        self.script.ask(words, || {
            let mut java = Command::new("java");
            // It lives for seconds, so it starts fast and compiles little.
            java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp"]);
            java.arg(format!("{}:{}", self.folder.display(), libraries()));
            java.args(["BouncyCastle"]).arg(self.people.folder());
            java
        })
    }

    fn work(&self, verb: &str, input: &[u8], words: &[&str]) -> Made {
        let file = |name: &str| {
            self.folder.join(name).to_str().expect("the test's folder has a plain name").to_owned()
        };
        let (source, target) = (file("in"), file("out"));
        fs::write(&source, input).expect("the folder is ours");
        self.ask(&[&[verb, &source, &target], words].concat())?;
        Ok(canonical(&fs::read(&target).map_err(|error| error.to_string())?))
    }
}

fn libraries() -> String {
    LIBRARIES.map(|name| format!("/usr/share/java/{name}.jar")).join(":")
}

fn word(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

impl Mailer for BouncyCastle<'_> {
    fn name(&self) -> &'static str {
        "Bouncy Castle"
    }

    fn sign(&self, entity: &[u8], how: &Signature) -> Made {
        if how.beside.is_some() {
            return Err("it has no option for a second signer".into());
        }
        self.work("sign", entity, &[how.signer, how.digest, word(how.pss), word(how.opaque)])
    }

    fn verify(&self, message: &[u8], _signer: &str) -> Made {
        self.work("verify", message, &[])
    }

    fn encrypt(&self, entity: &[u8], how: &Envelope) -> Made {
        let identifier = word(how.by_key_identifier);
        let words = [how.cipher, how.oaep.unwrap_or("none"), identifier];
        self.work("encrypt", entity, &[&words[..], how.readers].concat())
    }

    fn decrypt(&self, message: &[u8], reader: &str) -> Made {
        self.work("decrypt", message, &[reader])
    }

    fn compress(&self, entity: &[u8]) -> Made {
        self.work("compress", entity, &[])
    }
}
