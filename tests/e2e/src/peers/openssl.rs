//! OpenSSL's command line as an independent judge, and as a partner organisation of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::run;

/// The folder in which one test uses OpenSSL.
#[derive(Debug)]
pub struct OpenSsl {
    folder: PathBuf,
}

/// An organisation that exists only in OpenSSL: a CA, and a certificate and key for each use.
#[derive(Debug)]
pub struct Identity {
    /// The CA's certificate.
    pub ca: PathBuf,
    /// Signs; `key` beside it.
    pub signing: PathBuf,
    /// The signing key.
    pub signing_key: PathBuf,
    /// Is encrypted to.
    pub encryption: PathBuf,
    /// The decryption key.
    pub encryption_key: PathBuf,
}

impl OpenSsl {
    /// Uses a folder, which must exist.
    pub fn within(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    /// Runs `openssl` with words and an input, and returns what came of it.
    pub fn run(&self, words: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new("openssl");
        command.current_dir(&self.folder).args(words);
        // The machine's configuration has no say in what the judge accepts.
        command.env("OPENSSL_CONF", "/dev/null");
        run(&mut command, input)
    }

    /// Runs `openssl` and returns its output; panics with its words if it says no.
    pub fn demand(&self, words: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(words, input);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {} says no:\n{complaint}", words.join(" "));
        output.stdout
    }

    /// Writes a file into the folder and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, content)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }

    /// Makes an organisation with keys as `openssl req -newkey` names them, such as `rsa:2048` or `ec`.
    pub fn organisation(&self, domain: &str, days: i32) -> Identity {
        let path = |name: &str| self.folder.join(format!("{domain}-{name}"));
        let extensions = format!(
            "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n\
             [signing]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\n\
             subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
             subjectAltName=email:domain-signing-authority@{domain},DNS:{domain}\n\
             [encryption]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyEncipherment\nextendedKeyUsage=emailProtection\n\
             subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
             subjectAltName=email:domain-confidentiality-authority@{domain},DNS:{domain}\n"
        );
        let extensions = text(&self.file(&format!("{domain}-extensions.cnf"), extensions));
        let identity = Identity {
            ca: path("ca.pem"),
            signing: path("signing.pem"),
            signing_key: path("signing.key"),
            encryption: path("encryption.pem"),
            encryption_key: path("encryption.key"),
        };
        let ca_key = text(&path("ca.key"));
        self.request(&ca_key, &format!("/O={domain}/CN={domain} mail CA"));
        self.issue(
            &text(&identity.ca),
            &["-extfile", &extensions, "-extensions", "ca", "-signkey", &ca_key, "-days", "3650"],
        );
        let uses = [
            ("signing", "domain-signing-authority", &identity.signing, &identity.signing_key),
            (
                "encryption",
                "domain-confidentiality-authority",
                &identity.encryption,
                &identity.encryption_key,
            ),
        ];
        for (section, name, certificate, key) in uses {
            self.request(&text(key), &format!("/O={domain}/CN={name}"));
            let authority = ["-CA", &text(&identity.ca), "-CAkey", &ca_key, "-CAcreateserial"];
            let options =
                ["-extfile", &extensions, "-extensions", section, "-days", &days.to_string()];
            self.issue(&text(certificate), &[&options[..], &authority[..]].concat());
        }
        identity
    }

    fn request(&self, key: &str, subject: &str) {
        self.demand(
            &[
                "req",
                "-new",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                key,
                "-subj",
                subject,
                "-out",
                "request.pem",
            ],
            b"",
        );
    }

    fn issue(&self, certificate: &str, options: &[&str]) {
        self.demand(
            &[&["x509", "-req", "-in", "request.pem", "-out", certificate][..], options].concat(),
            b"",
        );
    }
}

/// Returns a path as a word of a command line.
fn text(path: &Path) -> String {
    path.to_str().expect("the test's folder has a plain name").to_owned()
}
