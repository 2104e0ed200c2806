//! The other content types: digested and compressed.

use std::process::{Command, Stdio};

use chancery_cms::{
    Error, ExpansionLimit, RsaPadding, inspect, open_authenticated, open_compressed, open_digested,
};
use chancery_crypto::DigestAlgorithm;

use crate::encrypt::encrypt;
use crate::openssl::{Workshop, noise};

#[test]
fn digested_data_of_openssl_are_read() {
    let workshop = Workshop::new();
    let content = noise(100_000);
    workshop.write("content", &content);
    for (name, digest) in [
        ("md5", DigestAlgorithm::Md5),
        ("sha1", DigestAlgorithm::Sha1),
        ("sha256", DigestAlgorithm::Sha256),
        ("sha3-512", DigestAlgorithm::Sha3_512),
    ] {
        workshop.run(&format!(
            "cms -digest_create -binary -md {name} -in content -outform DER -out d.der"
        ));
        let message = workshop.read("d.der");
        let mut plain = Vec::new();
        let report = open_digested(message.as_slice(), &mut plain).unwrap();
        assert_eq!((plain.as_slice(), report.digest), (content.as_slice(), digest));
        assert_eq!(inspect(message.as_slice()).unwrap().content_type, "digested-data");
        let mut changed = message.clone();
        changed[1000] ^= 1;
        let result = open_digested(changed.as_slice(), std::io::sink());
        assert!(matches!(result, Err(Error::MessageDigest)), "{result:?}");
        for length in (0..message.len()).step_by(997) {
            assert!(open_digested(&message[..length], std::io::sink()).is_err());
        }
    }
}

#[test]
fn compressed_data_are_read_in_pieces_of_any_size() {
    for content in [noise(0), noise(200_000), b"line\r\n".repeat(100_000)] {
        let message = compressed_data(&zlib(&content));
        for piece in [1, 1000, 1 << 20] {
            let mut plain = Vec::new();
            let source = Slow { rest: &message, piece };
            let report = open_compressed(source, ExpansionLimit::default(), &mut plain).unwrap();
            assert_eq!(plain, content);
            assert_eq!(report.content_length, content.len() as u64);
            assert_eq!((report.content_type.as_str(), report.trailing_bytes), ("data", 0));
            if content.is_empty() {
                break;
            }
        }
    }
}

#[test]
fn expansion_is_limited() {
    let bomb = compressed_data(&zlib(&vec![0; 50_000_000]));
    let open = |message: &[u8], limit| {
        let mut counter = Counter(0);
        let result = open_compressed(message, limit, &mut counter);
        (result, counter.0)
    };
    let (result, written) = open(&bomb, ExpansionLimit::default());
    assert!(matches!(result, Err(Error::Limit { limit: 100, .. })), "{result:?}");
    assert!(written < 6_000_000, "{written}");
    let generous = ExpansionLimit { max_bytes: 10_000_000, max_ratio: u64::MAX };
    let (result, written) = open(&bomb, generous);
    assert!(matches!(result, Err(Error::Limit { limit: 10_000_000, .. })), "{result:?}");
    assert!(written <= 10_000_000);
    let enough = ExpansionLimit { max_bytes: 50_000_000, ..generous };
    assert_eq!(open(&bomb, enough).0.unwrap().content_length, 50_000_000);
}

#[test]
fn damaged_compression_is_an_error() {
    let stream = zlib(&noise(5000));
    let open =
        |message: &[u8]| open_compressed(message, ExpansionLimit::default(), std::io::sink());
    let message = compressed_data(&stream);
    for length in (0..message.len()).step_by(13) {
        assert!(open(&message[..length]).is_err());
    }
    // Cut off inside a well-formed message, with bytes behind, with a wrong checksum.
    assert!(open(&compressed_data(&stream[..stream.len() - 1])).is_err());
    assert!(open(&compressed_data(&[&stream[..], b"x"].concat())).is_err());
    let mut changed = stream.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert!(open(&compressed_data(&changed)).is_err());
    assert!(open(&compressed_data(b"")).is_err());
}

#[test]
fn each_reader_names_what_it_got_instead() {
    let workshop = Workshop::new();
    let person = workshop.person("p256", "ec:P-256");
    let message = encrypt(
        chancery_cms::ContentCipher::Aes256Cbc,
        &[person.recipient(RsaPadding::Oaep256)],
        b"x",
    );
    let sink = std::io::sink;
    let errors = [
        open_digested(message.as_slice(), sink()).unwrap_err(),
        open_compressed(message.as_slice(), ExpansionLimit::default(), sink()).unwrap_err(),
        open_authenticated(message.as_slice(), &[], sink()).unwrap_err(),
    ];
    for error in errors {
        let Error::UnexpectedContent { found, .. } = error else { panic!("{error}") };
        assert_eq!(found, "enveloped-data");
    }
}

/// Compresses with the zlib of Python, which is not the one we expand with.
fn zlib(content: &[u8]) -> Vec<u8> {
    let script = "import sys,zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))";
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut input = python.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || std::io::Write::write_all(&mut input, content).unwrap());
        python.wait_with_output().unwrap().stdout
    })
}

/// Puts a compressed stream into `CompressedData` (RFC 3274 section 1.1).
fn compressed_data(stream: &[u8]) -> Vec<u8> {
    let algorithm = element(0x30, &[&oid(&[1, 9, 16, 3, 8])]);
    let content = element(0xa0, &[&element(0x04, &[stream])]);
    let encapsulated = element(0x30, &[&oid(&[1, 7, 1]), &content]);
    let compressed = element(0x30, &[&[2, 1, 0], &algorithm, &encapsulated]);
    element(0x30, &[&oid(&[1, 9, 16, 1, 9]), &element(0xa0, &[&compressed])])
}

/// Returns an identifier below that of RSA Security, 1.2.840.113549.
fn oid(rest: &[u8]) -> Vec<u8> {
    element(0x06, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d], rest])
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, &content].concat()
}

/// Hands out pieces of one size.
struct Slow<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl std::io::Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.piece.min(buffer.len());
        std::io::Read::read(&mut self.rest, &mut buffer[..length])
    }
}

/// Counts what is written.
struct Counter(u64);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
