//! Camel, Evolution's engine, by a small program in Python.

use std::{fs, path::PathBuf, process::Command};

use super::{Envelope, Made, Mailer, People, Signature, canonical, nss, script::Script};

/// A home with a database of keys where Camel looks for it.
#[derive(Debug)]
pub struct Camel {
    home: PathBuf,
    script: Script,
}

impl Camel {
    /// Makes the home in a folder, which must exist.
    pub fn new(people: &People, home: PathBuf) -> Self {
        let folder = home.join(".pki/nssdb");
        fs::create_dir_all(&folder).expect("the folder is ours");
        nss::fill(people, &folder, |program| {
            let mut command = Command::new(program);
            command.current_dir(&folder).args(["-d", "sql:."]);
            command
        });
        fs::write(home.join("camel.py"), include_str!("camel.py")).expect("the folder is ours");
        // What it refuses spoils its memory: the next one may crash.
        Self { home, script: Script::new(true) }
    }

    fn work(&self, verb: &str, input: &[u8], words: &[&str]) -> Made {
        let (source, target) = (self.home.join("in"), self.home.join("out"));
        fs::write(&source, input).expect("the folder is ours");
        self.script.ask(&[&[verb, "in", "out"], words].concat(), || {
            // Debian's own Python has the bindings.
            let mut python = Command::new("/usr/bin/python3");
            python.arg("camel.py").arg(&self.home).current_dir(&self.home);
            python.env("HOME", &self.home).env("GSETTINGS_BACKEND", "memory");
            python
        })?;
        Ok(canonical(&fs::read(&target).map_err(|error| error.to_string())?))
    }
}

impl Mailer for Camel {
    fn name(&self) -> &'static str {
        "Evolution"
    }

    fn sign(&self, entity: &[u8], how: &Signature) -> Made {
        if how.beside.is_some() {
            return Err("it has no option for a second signer".into());
        }
        if how.pss {
            return Err("it has no option for PSS".into());
        }
        let opaque = if how.opaque { "true" } else { "false" };
        self.work("sign", entity, &[how.signer, how.digest, opaque])
    }

    fn verify(&self, message: &[u8], _signer: &str) -> Made {
        self.work("verify", message, &[])
    }

    fn encrypt(&self, entity: &[u8], how: &Envelope) -> Made {
        if how.cipher != "own" || how.oaep.is_some() || how.by_key_identifier {
            return Err("it has no option for it".into());
        }
        let readers: Vec<String> =
            how.readers.iter().map(|reader| format!("{reader}@matrix.example")).collect();
        self.work("encrypt", entity, &readers.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn decrypt(&self, message: &[u8], _reader: &str) -> Made {
        self.work("decrypt", message, &[])
    }
}
