//! Keys and certificates made by openssl, and a way to run it in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use chancery_cms::{DecryptionKey, Recipient, RsaPadding, SignerKey};
use chancery_crypto::PrivateKey;
use tempfile::TempDir;

/// A directory in which openssl runs.
pub(crate) struct Workshop {
    directory: TempDir,
    program: PathBuf,
}

/// A key with a self-signed certificate: `NAME.key` and `NAME.crt` in the workshop.
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) key: PrivateKey,
    pub(crate) certificate: Vec<u8>,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap(), program: "openssl".into() }
    }

    /// Uses `openssl-4`, which `cargo xtask test` builds; none if it is not there.
    pub(crate) fn with_openssl_4() -> Option<Self> {
        let program = "openssl-4";
        Command::new(program).arg("version").output().ok()?;
        let workshop = Self { directory: TempDir::new().unwrap(), program: program.into() };
        workshop.write(CONFIGURATION, b"[req]\ndistinguished_name=d\n[d]\n");
        Some(workshop)
    }

    /// Makes a person; `kind` is what `openssl req -newkey` takes, or a curve as `ec:P-256`.
    pub(crate) fn person(&self, name: &'static str, kind: &str) -> Person {
        self.certificate(name, kind);
        self.existing(name)
    }

    /// Returns the person whose key and certificate are in `NAME.key` and `NAME.crt`.
    pub(crate) fn existing(&self, name: &'static str) -> Person {
        self.run(&format!("x509 -in {name}.crt -outform DER -out {name}.der"));
        let certificate = self.read(&format!("{name}.der"));
        self.run(&format!("pkcs8 -topk8 -nocrypt -in {name}.key -outform DER -out {name}.p8"));
        let key = PrivateKey::from_pkcs8_der(&self.read(&format!("{name}.p8"))).unwrap();
        Person { name, key, certificate }
    }

    /// Makes a key with a certificate and returns the certificate.
    pub(crate) fn certificate(&self, name: &str, kind: &str) -> Vec<u8> {
        let mut new_key = format!("-newkey {kind}");
        if let Some(curve) = kind.strip_prefix("ec:") {
            new_key = format!("-newkey ec -pkeyopt ec_paramgen_curve:{curve}");
        }
        self.run(&format!(
            "req -x509 {new_key} -nodes -keyout {name}.key -out {name}.crt -days 30 -subj /O=Acme/CN={name}"
        ));
        self.run(&format!("x509 -in {name}.crt -outform DER -out {name}.der"));
        self.read(&format!("{name}.der"))
    }

    /// Runs openssl, which must succeed, and returns what it printed.
    pub(crate) fn run(&self, arguments: &str) -> String {
        match self.attempt(arguments) {
            Ok(output) => output,
            Err(message) => panic!("openssl {arguments}\n{message}"),
        }
    }

    /// Runs openssl and returns what it printed, as an error if it failed.
    pub(crate) fn attempt(&self, arguments: &str) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.args(arguments.split_whitespace()).current_dir(self.directory.path());
        // One that is not installed has no configuration where it looks for it.
        if self.path(CONFIGURATION).exists() {
            command.env("OPENSSL_CONF", CONFIGURATION);
        }
        let output = command.output().expect("the openssl command is installed");
        let text = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat();
        if output.status.success() { Ok(text) } else { Err(text) }
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::join(self.directory.path(), name)
    }
}

impl Person {
    pub(crate) fn signer(&self) -> SignerKey {
        SignerKey::new(self.key.clone(), &self.certificate).unwrap()
    }

    pub(crate) fn decryption(&self) -> DecryptionKey {
        DecryptionKey::new(self.key.clone(), &self.certificate).unwrap()
    }

    pub(crate) fn recipient(&self, padding: RsaPadding) -> Recipient {
        Recipient::from_certificate(&self.certificate, padding).unwrap()
    }
}

/// Returns bytes that do not repeat and look like nothing.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

const CONFIGURATION: &str = "openssl.cnf";
