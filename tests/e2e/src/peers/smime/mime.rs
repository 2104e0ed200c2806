//! As much MIME as it takes to dress bare CMS as a message and to undress a message for a program that knows CMS only.

use crate::peers::OpenSsl;

/// What a program that knows CMS only gets of a message.
pub(crate) struct Bare {
    /// The CMS structure in DER or BER.
    pub(crate) cms: Vec<u8>,
    /// What was signed, if it stands beside the signature.
    pub(crate) content: Option<Vec<u8>>,
}

/// Returns a text with CRLF at the ends of all of its lines.
pub fn canonical(text: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(text.len() + text.len() / 32);
    for &byte in text {
        if byte == b'\n' && canonical.last() != Some(&b'\r') {
            canonical.push(b'\r');
        }
        canonical.push(byte);
    }
    canonical
}

/// Changes what a message protects: the word `Hello` of a signed text, or a bit of what is encrypted or compressed.
///
/// Panics if it finds neither.
pub fn tampered(message: &[u8]) -> Vec<u8> {
    if let Some(at) = find(message, b"Hello") {
        return replaced(message, at);
    }
    let bare = undressed(message);
    let mut cms = bare.cms;
    let at = match find(&cms, b"Hello") {
        Some(at) => at,
        // A long content begins before the middle, whoever is addressed, and ends behind it, whatever follows. A short
        // one was compressed and signed: this is in the signature.
        None if cms.len() > 6000 => cms.len() / 2,
        None => cms.len() - 100,
    };
    if let Some(byte) = cms.get_mut(at) {
        *byte ^= 1;
    }
    let end = find(message, b"\r\n\r\n").expect("it has a header") + 4;
    [&message[..end], &armor(&cms)].concat()
}

fn replaced(message: &[u8], at: usize) -> Vec<u8> {
    [&message[..at], b"Jello", &message[at + 5..]].concat()
}

/// Takes a message or an entity apart.
pub(crate) fn undressed(message: &[u8]) -> Bare {
    let end = find(message, b"\r\n\r\n").expect("it has a header");
    let head =
        String::from_utf8_lossy(&message[..end]).replace("\r\n ", " ").replace("\r\n\t", " ");
    let body = &message[end + 4..];
    let kind = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("content-type:"))
        .expect("it has a type");
    if !kind.to_ascii_lowercase().contains("multipart/signed") {
        return Bare { cms: unarmored(body), content: None };
    }
    let at = kind.to_ascii_lowercase().find("boundary=").expect("it has a boundary") + 9;
    let boundary = kind[at..].split([';', ' ']).next().unwrap_or_default().trim_matches('"');
    let delimiter = format!("--{boundary}\r\n");
    let start = find(body, delimiter.as_bytes()).expect("it has parts") + delimiter.len();
    let rest = &body[start..];
    let delimiter = format!("\r\n--{boundary}");
    let end = find(rest, delimiter.as_bytes()).expect("it has two parts");
    let second = &rest[end + delimiter.len()..];
    let armor = find(second, b"\r\n\r\n").expect("the signature has a header") + 4;
    let stop = find(second, delimiter.as_bytes()).expect("it is closed");
    Bare { cms: unarmored(&second[armor..stop]), content: Some(rest[..end].to_vec()) }
}

/// Makes a multipart/signed.
pub(crate) fn clear_signed(entity: &[u8], digest: &str, signature: &[u8]) -> Vec<u8> {
    let micalg = digest.replace("sha", "sha-");
    let head = format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n\
         \x20micalg={micalg}; boundary=\"=-matrix\"\r\n\r\n--=-matrix\r\n"
    );
    let between = "\r\n--=-matrix\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n";
    let parts = [head.as_bytes(), entity, between.as_bytes(), &armor(signature)];
    [&parts.concat(), &b"\r\n--=-matrix--\r\n"[..]].concat()
}

/// Makes an application/pkcs7-mime.
pub(crate) fn dressed(kind: &str, cms: &[u8]) -> Vec<u8> {
    let head = format!(
        "MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type={kind}; name=smime.p7m\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    [head.as_bytes(), &armor(cms)].concat()
}

pub(crate) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn armor(bytes: &[u8]) -> Vec<u8> {
    canonical(&base64(&["-e"], bytes))
}

fn unarmored(text: &[u8]) -> Vec<u8> {
    base64(&["-d"], text)
}

/// OpenSSL's base64, so that no codec of ours has a part in it.
fn base64(words: &[&str], input: &[u8]) -> Vec<u8> {
    OpenSsl::within(&std::env::temp_dir()).demand(&[&["base64"][..], words].concat(), input)
}
