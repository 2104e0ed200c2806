//! `openssl cms` in two ages.

use std::{fs, path::PathBuf, process::Command};

use super::{Envelope, Made, Mailer, People, Signature, canonical};
use crate::peers::run;

/// One OpenSSL.
#[derive(Debug)]
pub struct OpenSslCms<'p> {
    people: &'p People,
    folder: PathBuf,
    name: &'static str,
    program: &'static str,
}

impl<'p> OpenSslCms<'p> {
    /// Uses the program of that name, and a folder for what it is working on.
    pub fn new(
        people: &'p People,
        folder: PathBuf,
        name: &'static str,
        program: &'static str,
    ) -> Self {
        Self { people, folder, name, program }
    }

    /// Runs `openssl cms` on an input file.
    fn cms(&self, words: &[&str], input: &[u8]) -> Made {
        let file = self.folder.join("in");
        fs::write(&file, input).map_err(|error| error.to_string())?;
        let mut command = Command::new(self.program);
        command.args(["cms", "-in"]).arg(&file).args(words);
        // The machine's configuration has no say; RC2 is only in the provider of old algorithms.
        command.env("OPENSSL_CONF", "/dev/null");
        if words.contains(&"-rc2-128") {
            command.args(["-provider", "default", "-provider", "legacy"]);
        }
        let output = run(&mut command, b"");
        if output.status.success() {
            return Ok(canonical(&output.stdout));
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(complaint.lines().last().unwrap_or_default().to_owned())
    }
}

impl Mailer for OpenSslCms<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn sign(&self, entity: &[u8], how: &Signature) -> Made {
        let pem = self.people.file(&format!("{}.pem", how.signer));
        let key = self.people.file(&format!("{}.key", how.signer));
        let mut words = vec!["-sign", "-binary", "-signer", &pem, "-inkey", &key];
        let beside = how
            .beside
            .map(|name| ["pem", "key"].map(|end| self.people.file(&format!("{name}.{end}"))));
        if let Some([pem, key]) = &beside {
            words.extend(["-signer", pem, "-inkey", key]);
        }
        if how.digest != "own" {
            words.extend(["-md", how.digest]);
        }
        if how.pss {
            words.extend(["-keyopt", "rsa_padding_mode:pss"]);
        }
        if how.opaque {
            words.push("-nodetach");
        }
        self.cms(&words, entity)
    }

    fn verify(&self, message: &[u8], _signer: &str) -> Made {
        self.cms(&["-verify", "-CAfile", &self.people.file("ca.pem")], message)
    }

    fn encrypt(&self, entity: &[u8], how: &Envelope) -> Made {
        let cipher = format!("-{}", how.cipher);
        let mut words = vec!["-encrypt", "-binary"];
        if how.cipher != "own" {
            words.push(&cipher);
        }
        if how.by_key_identifier {
            words.push("-keyid");
        }
        let files: Vec<String> =
            how.readers.iter().map(|reader| self.people.file(&format!("{reader}.pem"))).collect();
        let digest = format!("rsa_oaep_md:{}", how.oaep.unwrap_or_default());
        for file in &files {
            words.extend(["-recip", file]);
            if how.oaep.is_some() {
                words.extend(["-keyopt", "rsa_padding_mode:oaep", "-keyopt", &digest]);
            }
        }
        self.cms(&words, entity)
    }

    fn decrypt(&self, message: &[u8], reader: &str) -> Made {
        let pem = self.people.file(&format!("{reader}.pem"));
        let key = self.people.file(&format!("{reader}.key"));
        self.cms(&["-decrypt", "-recip", &pem, "-inkey", &key], message)
    }

    fn compress(&self, entity: &[u8]) -> Made {
        self.cms(&["-compress", "-binary"], entity)
    }
}
