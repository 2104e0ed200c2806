//! Prints what the engine costs: microseconds for a message of 10 kB, megabytes a second for one of 10 MB.
//!
//! Run with `cargo run --release -p chancery-cms --example throughput`. It prints CPU time, which the kernel counts in
//! each thread (Linux), so that other work on the machine disturbs less; each number is the best of
//! several batches. Compare numbers of one run only.
#![expect(clippy::print_stdout, reason = "an example for the terminal")]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures time and has openssl make certificates"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "an example stops at the first failure"
)]

use std::hint::black_box;
use std::io::{self, Write};
use std::process::Command;
use std::slice;
use std::time::{Duration, Instant};

use chancery_cms::{
    ContentCipher, DecryptionKey, DetachedSigner, DetachedVerifier, EnvelopedWriter, Recipient,
    RsaPadding, SignOptions, SignerKey, open_enveloped,
};
use chancery_crypto::PrivateKey;

fn main() {
    for (name, kind) in [("RSA-2048", "rsa:2048"), ("P-256", "ec")] {
        let person = Person::new(kind);
        for size in [10_000, 10_000_000] {
            measure(name, &person, size);
        }
    }
}

fn measure(name: &str, person: &Person, size: usize) {
    let content = vec![0x5a; size];
    let signature = sign(person, &content);
    let seal = |cipher| seal(person, cipher, &content);
    let (gcm, cbc) = (seal(ContentCipher::Aes256Gcm), seal(ContentCipher::Aes256Cbc));
    report(name, "sign", size, || drop(black_box(sign(person, &content))));
    report(name, "verify", size, || {
        let mut verifier = DetachedVerifier::new(&signature).unwrap();
        verifier.update(&content);
        assert!(verifier.finish().signers.iter().all(|signer| signer.result.is_ok()));
    });
    report(name, "encrypt gcm", size, || drop(black_box(seal(ContentCipher::Aes256Gcm))));
    report(name, "encrypt cbc", size, || drop(black_box(seal(ContentCipher::Aes256Cbc))));
    report(name, "sign+encrypt gcm", size, || {
        // One pass: each piece is hashed and encrypted while it is in the cache.
        let mut signer =
            DetachedSigner::new(slice::from_ref(&person.signer), &[], &SignOptions::default())
                .unwrap();
        let recipients = slice::from_ref(&person.recipient);
        let mut writer = EnvelopedWriter::new(
            Vec::with_capacity(size + 4096),
            ContentCipher::Aes256Gcm,
            recipients,
        )
        .unwrap();
        for piece in content.chunks(32 * 1024) {
            signer.update(piece);
            writer.write_all(piece).unwrap();
        }
        writer.write_all(&signer.finish().unwrap()).unwrap();
        black_box(writer.finish().unwrap());
    });
    for (what, message) in [("decrypt gcm", &gcm), ("decrypt cbc", &cbc)] {
        report(name, what, size, || {
            open_enveloped(message.as_slice(), slice::from_ref(&person.decryption), io::sink())
                .unwrap();
        });
    }
}

fn sign(person: &Person, content: &[u8]) -> Vec<u8> {
    let options = SignOptions { signing_time: Some(1_790_000_000), ..SignOptions::default() };
    let mut signer = DetachedSigner::new(slice::from_ref(&person.signer), &[], &options).unwrap();
    signer.update(content);
    signer.finish().unwrap()
}

fn seal(person: &Person, cipher: ContentCipher, content: &[u8]) -> Vec<u8> {
    let sink = Vec::with_capacity(content.len() + 4096);
    let mut writer =
        EnvelopedWriter::new(sink, cipher, slice::from_ref(&person.recipient)).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

/// Runs batches of about a fifth of a second and prints the best.
fn report(name: &str, what: &str, size: usize, mut operation: impl FnMut()) {
    operation();
    // By the clock on the wall: the kernel's counter moves only with its ticks, some milliseconds apart.
    let started = Instant::now();
    operation();
    let once = started.elapsed().max(Duration::from_micros(1));
    let batch =
        u32::try_from(Duration::from_millis(200).as_nanos() / once.as_nanos()).unwrap().max(4);
    let best = (0..5)
        .map(|_| cost(|| (0..batch).for_each(|_| operation())) / batch)
        .min()
        .unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let megabytes = size as f64 / best.as_secs_f64() / 1e6;
    let microseconds = best.as_secs_f64() * 1e6;
    println!("{name:9} {what:17} {size:>9} bytes {microseconds:>10.1} us {megabytes:>9.0} MB/s");
}

fn cost(operation: impl FnOnce()) -> Duration {
    let started = processor_time();
    operation();
    processor_time().saturating_sub(started)
}

/// Returns the time that this thread has run so far.
fn processor_time() -> Duration {
    let counters = std::fs::read_to_string("/proc/thread-self/schedstat")
        .expect("Linux counts time for threads");
    let nanoseconds =
        counters.split_whitespace().next().expect("the first field is the time on the processor");
    Duration::from_nanos(nanoseconds.parse().expect("a number"))
}

struct Person {
    signer: SignerKey,
    recipient: Recipient,
    decryption: DecryptionKey,
}

impl Person {
    fn new(kind: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("chancery-throughput-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let openssl = |arguments: &str| {
            let status = Command::new("openssl")
                .args(arguments.split_whitespace())
                .current_dir(&directory)
                .output()
                .expect("the openssl command is installed")
                .status;
            assert!(status.success(), "openssl {arguments}");
        };
        let curve = if kind == "ec" { "-pkeyopt ec_paramgen_curve:P-256" } else { "" };
        openssl(&format!(
            "req -x509 -newkey {kind} {curve} -nodes -keyout key -out crt -outform DER -subj /CN=x"
        ));
        openssl("pkcs8 -topk8 -nocrypt -in key -outform DER -out p8");
        let certificate = std::fs::read(directory.join("crt")).unwrap();
        let key =
            PrivateKey::from_pkcs8_der(&std::fs::read(directory.join("p8")).unwrap()).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        Self {
            signer: SignerKey::new(key.clone(), &certificate).unwrap(),
            recipient: Recipient::from_certificate(&certificate, RsaPadding::Oaep256).unwrap(),
            decryption: DecryptionKey::new(key, &certificate).unwrap(),
        }
    }
}
