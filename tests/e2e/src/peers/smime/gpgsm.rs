//! GnuPG's S/MIME.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

use super::{
    Envelope, Made, Mailer, People, Signature,
    mime::{clear_signed, dressed, undressed},
    people::PASSPHRASE,
};
use crate::peers::{OpenSsl, run};

/// A home of GnuPG with everybody's certificate, and the private keys that it can hold.
#[derive(Debug)]
pub struct Gpgsm {
    home: PathBuf,
}

/// Curves, and what the agent calls them.
const CURVES: [(&str, &str); 3] =
    [("p256", "NIST P-256"), ("p384", "NIST P-384"), ("p521", "NIST P-521")];

impl Gpgsm {
    /// Makes the home in a folder, which must exist.
    pub fn new(people: &People, home: PathBuf) -> Self {
        let gpgsm = Self { home };
        let write = |name: &str, text: &str| {
            fs::write(gpgsm.home.join(name), text).expect("the folder is ours");
        };
        fs::set_permissions(&gpgsm.home, fs::Permissions::from_mode(0o700))
            .expect("the folder is ours");
        // The least of work for each passphrase: the keys are worth nothing.
        write("gpg-agent.conf", "allow-loopback-pinentry\ns2k-count 65536\n");
        write("gpgsm.conf", "disable-crl-checks\ndisable-dirmngr\n");
        let fingerprint = OpenSsl::within(people.folder())
            .demand(&["x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha1"], b"");
        let fingerprint = String::from_utf8_lossy(&fingerprint);
        let fingerprint = fingerprint.trim().rsplit('=').next().unwrap_or_default();
        write("trustlist.txt", &format!("{fingerprint} S relax\n"));
        let certificates = People::names().chain(["ca"]).map(|name| format!("{name}.pem"));
        for file in certificates.chain(["rsa.p12".to_owned()]) {
            // A kind of key that it does not know shows in the table.
            gpgsm.run(&["--import", &people.file(&file)], false).ok();
        }
        for (name, curve) in CURVES {
            gpgsm.adopt(people, name, curve);
        }
        gpgsm
    }

    /// Gives a key on a curve to the agent: its PKCS#12 reader fails on those.
    fn adopt(&self, people: &People, name: &str, curve: &str) {
        let text = OpenSsl::within(people.folder())
            .demand(&["pkey", "-in", &format!("{name}.key"), "-noout", "-text"], b"");
        let text = String::from_utf8_lossy(&text);
        let (point, secret) = (hex(&text, "pub:"), hex(&text, "priv:"));
        let item = |bytes: &[u8]| [format!("{}:", bytes.len()).as_bytes(), bytes].concat();
        let key = [
            &b"(11:private-key(3:ecc(5:curve"[..],
            &item(curve.as_bytes()),
            b")(1:q",
            &item(&point),
            b")(1:d",
            &item(&secret),
            b")))",
        ]
        .concat();
        let mut list = self.command();
        list.args(["--with-colons", "--with-keygrip", "-k", &address(name)]);
        let list = run(&mut list, b"");
        let list = String::from_utf8_lossy(&list.stdout);
        let grip = list.lines().find_map(|line| line.strip_prefix("grp:"));
        let grip = grip.expect("it has a grip").trim_matches(':');
        let folder = self.home.join("private-keys-v1.d");
        fs::create_dir_all(&folder).expect("the folder is ours");
        fs::write(folder.join(format!("{grip}.key")), key).expect("the folder is ours");
    }

    fn command(&self) -> Command {
        let mut command = Command::new("gpgsm");
        command.env("GNUPGHOME", &self.home).current_dir(&self.home).args(["--batch", "--no-tty"]);
        command
    }

    /// Runs it, with the passphrase at hand; returns what it wrote to the file `out` if it is to write.
    fn run(&self, words: &[&str], writes: bool) -> Made {
        let out = self.home.join("out");
        fs::remove_file(&out).ok();
        let mut command = self.command();
        command.args(["--pinentry-mode", "loopback", "--passphrase-fd", "0"]);
        if writes {
            command.args(["-o", "out"]);
        }
        let output = run(command.args(words), format!("{PASSPHRASE}\n").as_bytes());
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(words.lines().last().unwrap_or_default().to_owned());
        }
        if writes { fs::read(&out).map_err(|error| error.to_string()) } else { Ok(Vec::new()) }
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.home.join(name), content).expect("the folder is ours");
    }
}

impl Drop for Gpgsm {
    fn drop(&mut self) {
        let mut command = Command::new("gpgconf");
        run(command.env("GNUPGHOME", &self.home).args(["--kill", "gpg-agent"]), b"");
    }
}

impl Mailer for Gpgsm {
    fn name(&self) -> &'static str {
        "gpgsm"
    }

    fn sign(&self, entity: &[u8], how: &Signature) -> Made {
        if how.pss {
            return Err("it has no option for PSS".into());
        }
        if how.digest == "md5" {
            return Err("it takes SHA-1 in place of MD5".into());
        }
        self.write("in", entity);
        let signer = address(how.signer);
        let beside = how.beside.map(address);
        let mut words = vec!["-u", &signer];
        if let Some(beside) = &beside {
            words.extend(["-u", beside]);
        }
        if how.digest != "own" {
            words.extend(["--digest-algo", how.digest]);
        }
        if how.opaque {
            return Ok(dressed(
                "signed-data",
                &self.run(&[&words[..], &["--sign", "in"]].concat(), true)?,
            ));
        }
        let signature = self.run(&[&words[..], &["--detach-sign", "in"]].concat(), true)?;
        Ok(clear_signed(entity, how.digest, &signature))
    }

    fn verify(&self, message: &[u8], _signer: &str) -> Made {
        let bare = undressed(message);
        self.write("cms", &bare.cms);
        match bare.content {
            Some(content) => {
                self.write("in", &content);
                self.run(&["--verify", "cms", "in"], false)?;
                Ok(content)
            }
            None => self.run(&["--verify", "cms"], true),
        }
    }

    fn encrypt(&self, entity: &[u8], how: &Envelope) -> Made {
        if how.oaep.is_some() || how.by_key_identifier {
            return Err("it has no option for it".into());
        }
        self.write("in", entity);
        let cipher = match how.cipher {
            "own" => None,
            "aes-128-cbc" => Some("AES"),
            "aes-192-cbc" => Some("AES192"),
            "aes-256-cbc" => Some("AES256"),
            "des3" => Some("3DES"),
            other => return Err(format!("it has no option for {other}")),
        };
        let readers: Vec<String> = how.readers.iter().map(|reader| address(reader)).collect();
        let mut words: Vec<&str> = cipher.iter().flat_map(|it| ["--cipher-algo", it]).collect();
        words.extend(readers.iter().flat_map(|it| ["-r", it]));
        words.extend(["--encrypt", "in"]);
        Ok(dressed("enveloped-data", &self.run(&words, true)?))
    }

    fn decrypt(&self, message: &[u8], _reader: &str) -> Made {
        self.write("cms", &undressed(message).cms);
        self.run(&["--decrypt", "cms"], true)
    }
}

fn address(name: &str) -> String {
    format!("<{name}@matrix.example>")
}

/// Reads the lines of hexadecimal digits behind a label of `openssl pkey -text`.
fn hex(text: &str, label: &str) -> Vec<u8> {
    let lines = text.lines().skip_while(|line| *line != label).skip(1);
    let digits: String = lines.take_while(|line| line.starts_with("    ")).map(str::trim).collect();
    let bytes = digits.split(':').filter(|byte| !byte.is_empty());
    bytes.map(|byte| u8::from_str_radix(byte, 16).expect("it is hexadecimal")).collect()
}
