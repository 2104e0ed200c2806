//! The rows: what is written and read, in the order in which a reader looks for it.

use chancery_e2e::peers::smime::{Envelope, Signature};

/// A row.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    /// Whether we write it too.
    pub(crate) out: bool,
    /// Whether we read it and name it as weak, and believe nothing.
    pub(crate) is_weak_signature: bool,
}

/// What is done.
pub(crate) enum Operation {
    Sign(Signature),
    Encrypt(Envelope),
    Seal(Signature, Envelope),
    Compress(Signature),
}

const RSA: Signature =
    Signature { signer: "rsa", digest: "sha256", pss: false, opaque: false, beside: None };

const TO_RSA: Envelope =
    Envelope { readers: &["rsa"], cipher: "aes-256-cbc", oaep: None, by_key_identifier: false };

/// Returns all rows.
pub(crate) fn rows() -> Vec<Row> {
    let rows = [signatures(), weak_signatures(), envelopes(), agreements(), both()];
    rows.into_iter().flatten().collect()
}

fn row(name: &str, operation: Operation, out: bool) -> Row {
    Row { name: name.to_owned(), operation, out, is_weak_signature: false }
}

fn signatures() -> Vec<Row> {
    let sign = |name: &str, signature, out| row(name, Operation::Sign(signature), out);
    let mut rows = vec![
        sign("sign: RSA, SHA-256", RSA, true),
        sign("sign: RSA, SHA-256, opaque", Signature { opaque: true, ..RSA }, true),
        sign("sign: RSA, SHA-512", Signature { digest: "sha512", ..RSA }, false),
        sign("sign: RSA, SHA3-256", Signature { digest: "sha3-256", ..RSA }, false),
        sign("sign: RSA-PSS, SHA-256", Signature { pss: true, ..RSA }, false),
        sign(
            "sign: a key for RSA-PSS alone",
            Signature { signer: "rsapss", pss: true, ..RSA },
            true,
        ),
    ];
    for (name, signer, digest) in [
        ("ECDSA P-256, SHA-256", "p256", "sha256"),
        ("ECDSA P-384, SHA-384", "p384", "sha384"),
        ("ECDSA P-521, SHA-512", "p521", "sha512"),
        ("Ed25519", "ed25519", "own"),
        ("ML-DSA-44", "mldsa44", "own"),
        ("ML-DSA-65", "mldsa65", "own"),
        ("ML-DSA-87", "mldsa87", "own"),
    ] {
        for (opaque, form) in [(false, ""), (true, ", opaque")] {
            let signature = Signature { signer, digest, pss: false, opaque, beside: None };
            rows.push(sign(&format!("sign: {name}{form}"), signature, true));
        }
    }
    for (name, beside) in [("P-256", "p256"), ("ML-DSA-65", "mldsa65")] {
        let signature = Signature { digest: "own", beside: Some(beside), ..RSA };
        rows.push(sign(&format!("sign: RSA with {name} beside it"), signature, true));
    }
    rows
}

fn weak_signatures() -> Vec<Row> {
    ["sha1", "md5"]
        .map(|digest| Row {
            name: format!("sign: RSA, {} (weak)", digest.to_uppercase()),
            operation: Operation::Sign(Signature { digest, ..RSA }),
            out: false,
            is_weak_signature: true,
        })
        .into()
}

fn envelopes() -> Vec<Row> {
    let encrypt = |name: &str, envelope, out| {
        row(&format!("encrypt: {name}"), Operation::Encrypt(envelope), out)
    };
    let cipher = |cipher| Envelope { cipher, ..TO_RSA };
    vec![
        encrypt("RSA, the writer's own cipher", cipher("own"), true),
        encrypt("RSA, AES-128-CBC", cipher("aes-128-cbc"), false),
        encrypt("RSA, AES-192-CBC", cipher("aes-192-cbc"), false),
        encrypt("RSA, AES-256-CBC", TO_RSA, true),
        encrypt("RSA, AES-128-GCM", cipher("aes-128-gcm"), false),
        encrypt("RSA, AES-256-GCM", cipher("aes-256-gcm"), true),
        encrypt("RSA, ChaCha20-Poly1305", cipher("chacha20-poly1305"), false),
        encrypt("RSA, triple DES (weak)", cipher("des3"), false),
        encrypt("RSA, RC2-128 (weak)", cipher("rc2-128"), false),
        encrypt("RSA-OAEP SHA-1, AES-256-CBC", Envelope { oaep: Some("sha1"), ..TO_RSA }, false),
        encrypt(
            "RSA-OAEP SHA-256, AES-256-GCM",
            Envelope { oaep: Some("sha256"), cipher: "aes-256-gcm", ..TO_RSA },
            false,
        ),
        encrypt(
            "RSA by key identifier, AES-256-CBC",
            Envelope { by_key_identifier: true, ..TO_RSA },
            false,
        ),
    ]
}

fn agreements() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, readers) in [
        ("ECDH P-256", &["p256"][..]),
        ("ECDH P-384", &["p384"]),
        ("ECDH P-521", &["p521"]),
        ("X25519", &["x25519"]),
        ("ML-KEM-512", &["mlkem512"]),
        ("ML-KEM-768", &["mlkem768"]),
        ("ML-KEM-1024", &["mlkem1024"]),
        ("RSA and P-256 and P-521 at once", &["rsa", "p256", "p521"]),
    ] {
        for (cipher, word) in [("aes-256-cbc", "AES-256-CBC"), ("aes-256-gcm", "AES-256-GCM")] {
            let envelope = Envelope { readers, cipher, ..TO_RSA };
            rows.push(row(&format!("encrypt: {name}, {word}"), Operation::Encrypt(envelope), true));
        }
    }
    let envelope = Envelope { readers: &["p256"], cipher: "own", ..TO_RSA };
    let name = "encrypt: ECDH P-256, the writer's own cipher";
    rows.insert(0, row(name, Operation::Encrypt(envelope), true));
    let envelope = Envelope { readers: &["p256"], by_key_identifier: true, ..TO_RSA };
    rows.push(row(
        "encrypt: ECDH P-256 by key identifier, AES-256-CBC",
        Operation::Encrypt(envelope),
        false,
    ));
    rows
}

fn both() -> Vec<Row> {
    let seal = |name: &str, signature, envelope, out| {
        row(&format!("sign and encrypt: {name}"), Operation::Seal(signature, envelope), out)
    };
    let own = |signer, readers, cipher| {
        let signature =
            Signature { signer, digest: "own", pss: false, opaque: false, beside: None };
        (signature, Envelope { readers, cipher, ..TO_RSA })
    };
    let (p256, to_p256) = own("p256", &["p256"], "aes-256-gcm");
    let (mldsa, to_mlkem) = own("mldsa65", &["mlkem768"], "aes-256-gcm");
    vec![
        seal("RSA, the writer's own cipher", RSA, Envelope { cipher: "own", ..TO_RSA }, true),
        seal("RSA, AES-256-CBC", RSA, TO_RSA, true),
        seal("RSA opaque, AES-256-CBC", Signature { opaque: true, ..RSA }, TO_RSA, false),
        seal("P-256, AES-256-GCM", Signature { digest: "sha256", ..p256 }, to_p256, true),
        seal("ML-DSA-65, ML-KEM-768, AES-256-GCM", mldsa, to_mlkem, true),
        row(
            "compress and sign: RSA, opaque",
            Operation::Compress(Signature { opaque: true, ..RSA }),
            false,
        ),
    ]
}
