//! The OpenSSL program with the keys of a party in files.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use chancery_pki::key_file;
use tempfile::TempDir;

use crate::support::Party;

/// OpenSSL in a folder of its own.
pub(crate) struct OpenSsl {
    folder: TempDir,
}

impl OpenSsl {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        let path: PathBuf = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command that must succeed.
    pub(crate) fn run(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("openssl")
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // OpenSSL may stop reading early.
            stdin.write_all(&input).ok();
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {errors}");
        output.stdout
    }

    /// Signs an entity; returns a MIME entity with CRLF line ends.
    pub(crate) fn sign(&self, party: &Party, options: &[&str], entity: &[u8]) -> Vec<u8> {
        let name = &party.name;
        let signing = self.file(&format!("{name}-signing.pem"), party.signing.to_pem().as_bytes());
        let key = key_file::write(&party.signing_key).unwrap();
        let key = self.file(&format!("{name}-signing.key"), key.as_bytes());
        let ca = self.file(&format!("{name}-ca.pem"), party.ca.to_pem().as_bytes());
        let base = ["cms", "-sign", "-signer", &signing, "-inkey", &key, "-certfile", &ca];
        with_crlf(&self.run(&[&base[..], options].concat(), entity))
    }

    /// Encrypts an entity; returns a MIME entity with CRLF line ends.
    pub(crate) fn encrypt(&self, to: &Party, options: &[&str], entity: &[u8]) -> Vec<u8> {
        let certificate =
            self.file(&format!("{}-encryption.pem", to.name), to.encryption.to_pem().as_bytes());
        let arguments =
            [&["cms", "-encrypt", "-binary"][..], options, &[certificate.as_str()]].concat();
        with_crlf(&self.run(&arguments, entity))
    }

    /// Decrypts a message.
    pub(crate) fn decrypt(&self, party: &Party, message: &[u8]) -> Vec<u8> {
        let certificate = self.file("decrypt.pem", party.encryption.to_pem().as_bytes());
        let key = key_file::write(&party.encryption_key).unwrap();
        let key = self.file("decrypt.key", key.as_bytes());
        self.run(&["cms", "-decrypt", "-recip", &certificate, "-inkey", &key], message)
    }

    /// Verifies a signed message and returns what was signed.
    pub(crate) fn verify(&self, by: &Party, message: &[u8]) -> Vec<u8> {
        let ca = self.file("verify-ca.pem", by.ca.to_pem().as_bytes());
        self.run(
            &["cms", "-verify", "-CAfile", &ca, "-purpose", "smimesign", "-attime", ATTIME],
            message,
        )
    }
}

/// Makes every line end CRLF, as the mail server does that takes OpenSSL's output.
fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 40);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// The time of all tests, in words.
const ATTIME: &str = "1795000000";
