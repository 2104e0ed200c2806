//! `chancery message`, as a person at a desk uses it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use super::{Envelope, Made, Mailer, People, Signature};
use crate::{chancery, peers::run};

/// Our side.
#[derive(Debug)]
pub struct Chancery<'p> {
    people: &'p People,
    folder: PathBuf,
}

impl<'p> Chancery<'p> {
    /// Uses a folder for what it is working on.
    pub fn new(people: &'p People, folder: PathBuf) -> Self {
        Self { people, folder }
    }

    /// Runs `chancery message` on an input file, with the header that a mail program puts before an entity.
    fn message(&self, verb: &str, words: &[&str], from: &str, input: &[u8]) -> Output {
        let file = self.folder.join("message.eml");
        let header = format!(
            "From: {from}@matrix.example\r\nTo: you@matrix.example\r\nSubject: matrix\r\n\
             Date: Sun, 22 Nov 2026 04:00:00 +0000\r\nMessage-ID: <matrix@matrix.example>\r\n"
        );
        let is_whole = input.starts_with(b"From:");
        let header = if is_whole { String::new() } else { header };
        fs::write(&file, [header.as_bytes(), input].concat()).expect("the folder is ours");
        let mut command = Command::new(chancery::binary());
        run(command.args(["message", verb]).arg(&file).args(words), b"")
    }

    fn key(&self, option: &str, name: &str) -> [String; 4] {
        let file = |end: &str| self.people.file(&format!("{name}.{end}"));
        [option.into(), file("key"), "--certificate".into(), file("pem")]
    }

    fn readers(&self, how: &Envelope) -> Vec<String> {
        let mut words = vec!["--to".to_owned()];
        words.extend(how.readers.iter().map(|reader| self.people.file(&format!("{reader}.pem"))));
        if how.cipher != "own" {
            words.push(format!("--cipher={}", how.cipher.replace("aes-", "aes")));
        }
        words
    }
}

/// Returns what was made, or what was said instead.
fn made(output: Output) -> Made {
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(output.stdout) } else { Err(words) }
}

fn words(lists: &[&[String]]) -> Vec<String> {
    lists.concat()
}

impl Mailer for Chancery<'_> {
    fn name(&self) -> &'static str {
        "chancery"
    }

    fn sign(&self, entity: &[u8], how: &Signature) -> Made {
        let mut words = words(&[&self.key("--signer", how.signer)]);
        if let Some(beside) = how.beside {
            words.extend(["--signer".into(), self.people.file(&format!("{beside}.pair"))]);
        }
        if how.opaque {
            words.push("--opaque".into());
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        made(self.message("sign", &words, how.signer, entity))
    }

    fn verify(&self, message: &[u8], signer: &str) -> Made {
        let anchor = self.people.file("ca.pem");
        made(self.message("verify", &["--anchor", &anchor, "--out", "-"], signer, message))
    }

    fn encrypt(&self, entity: &[u8], how: &Envelope) -> Made {
        let words = self.readers(how);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        made(self.message("encrypt", &words, "somebody", entity))
    }

    fn decrypt(&self, message: &[u8], reader: &str) -> Made {
        let words = self.key("--key", reader);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        made(self.message("decrypt", &words, "somebody", message))
    }

    fn seal(&self, entity: &[u8], signature: &Signature, envelope: &Envelope) -> Made {
        let words = words(&[&self.readers(envelope), &self.key("--signer", signature.signer)]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        made(self.message("encrypt", &words, signature.signer, entity))
    }

    fn unseal(&self, message: &[u8], reader: &str, signer: &str) -> Made {
        let anchor = ["--anchor".to_owned(), self.people.file("ca.pem")];
        let words = words(&[&self.key("--key", reader), &anchor]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = self.message("decrypt", &words, signer, message);
        let verdict = String::from_utf8_lossy(&output.stderr).into_owned();
        let content = made(output)?;
        if verdict.contains("verified: it is") { Ok(content) } else { Err(verdict) }
    }
}
