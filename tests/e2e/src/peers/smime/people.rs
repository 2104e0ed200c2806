//! One authority and a person for each kind of key, made with OpenSSL 4, which knows all of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::peers::run;

/// A folder with `NAME.key` and `NAME.pem` for each person, both of them as `NAME.pair`, `NAME.p12` where old programs know such keys, and the
/// authority's `ca.pem`. The address of a person is `NAME@matrix.example`.
#[derive(Debug)]
pub struct People {
    folder: PathBuf,
}

/// Name, use of the key, and how OpenSSL makes it.
const PEOPLE: &[(&str, &str, &[&str])] = &[
    ("rsa", "digitalSignature,keyEncipherment", &["RSA", "rsa_keygen_bits:2048"]),
    ("rsapss", "digitalSignature", &["RSA-PSS", "rsa_keygen_bits:2048"]),
    ("p256", "digitalSignature,keyAgreement", &["EC", "ec_paramgen_curve:P-256"]),
    ("p384", "digitalSignature,keyAgreement", &["EC", "ec_paramgen_curve:P-384"]),
    ("p521", "digitalSignature,keyAgreement", &["EC", "ec_paramgen_curve:P-521"]),
    ("ed25519", "digitalSignature", &["ED25519"]),
    ("x25519", "keyAgreement", &["X25519"]),
    ("mldsa44", "digitalSignature", &["ML-DSA-44"]),
    ("mldsa65", "digitalSignature", &["ML-DSA-65"]),
    ("mldsa87", "digitalSignature", &["ML-DSA-87"]),
    ("mlkem512", "keyEncipherment", &["ML-KEM-512"]),
    ("mlkem768", "keyEncipherment", &["ML-KEM-768"]),
    ("mlkem1024", "keyEncipherment", &["ML-KEM-1024"]),
];

/// What opens the PKCS#12 files.
pub(crate) const PASSPHRASE: &str = "matrix";

impl People {
    /// Makes all of them in a folder, which must exist.
    pub fn within(folder: &Path) -> Self {
        let people = Self { folder: folder.to_owned() };
        let words = "req -x509 -nodes -newkey rsa:2048 -keyout ca.key -out ca.pem -days 30";
        let more = [
            "-subj",
            "/CN=Matrix CA",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
        ];
        people.openssl(&[&words.split(' ').collect::<Vec<_>>()[..], &more].concat());
        for (name, usage, kind) in PEOPLE {
            people.person(name, usage, kind);
        }
        people
    }

    /// Returns all names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PEOPLE.iter().map(|(name, ..)| *name)
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of a file as a word of a command line.
    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).to_str().expect("the test's folder has a plain name").to_owned()
    }

    fn person(&self, name: &str, usage: &str, kind: &[&str]) {
        let file = |end: &str| format!("{name}.{end}");
        let (key, public, certificate) = (file("key"), file("pub"), file("pem"));
        let (algorithm, option) = kind.split_first().expect("it says which algorithm");
        let options: Vec<&str> = option.iter().flat_map(|it| ["-pkeyopt", it]).collect();
        self.openssl(&[&["genpkey", "-algorithm", algorithm, "-out", &key][..], &options].concat());
        self.openssl(&["pkey", "-in", &key, "-pubout", "-out", &public]);
        let extensions = format!(
            "subjectAltName=email:{name}@matrix.example\nkeyUsage=critical,{usage}\nextendedKeyUsage=emailProtection\n\
             basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        );
        fs::write(self.folder.join("extensions"), extensions).expect("the folder is ours");
        let subject = format!("/CN={name}");
        self.openssl(&[
            "x509",
            "-new",
            "-force_pubkey",
            &public,
            "-subj",
            &subject,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-days",
            "20",
            "-extfile",
            "extensions",
            "-out",
            &certificate,
        ]);
        let read = |name: &str| fs::read(self.folder.join(name)).expect("openssl wrote it");
        let pair = [read(&key), read(&certificate)].concat();
        fs::write(self.folder.join(file("pair")), pair).expect("the folder is ours");
        if name.starts_with("ml") {
            return;
        }
        // Read by every program of the last twenty years.
        let pass = format!("pass:{PASSPHRASE}");
        self.openssl(&[
            "pkcs12",
            "-export",
            "-in",
            &certificate,
            "-inkey",
            &key,
            "-certfile",
            "ca.pem",
            "-name",
            name,
            "-passout",
            &pass,
            "-keypbe",
            "PBE-SHA1-3DES",
            "-certpbe",
            "PBE-SHA1-3DES",
            "-macalg",
            "sha1",
            "-out",
            &file("p12"),
        ]);
    }

    fn openssl(&self, words: &[&str]) {
        let mut command = Command::new("openssl-4");
        command.current_dir(&self.folder).args(words).env("OPENSSL_CONF", "/dev/null");
        let output = run(&mut command, b"");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl-4 {}: {complaint}", words.join(" "));
    }
}
