//! Constant memory: content passes in small pieces, however much there is.

use std::io::{self, Read, Write};

use chancery_cms::{
    AttachedSigner, ContentCipher, DetachedSigner, DetachedVerifier, EnvelopedWriter, RsaPadding,
    SignOptions, open_enveloped,
};

use crate::openssl::Workshop;

/// Enough to show that nothing collects it.
const SIZE: u64 = 200 * 1024 * 1024;

/// The engines' buffers have 64 KiB; a little more comes with headers.
const LARGEST_PIECE: usize = 65 * 1024;

/// Decrypts what is written to it in another thread's place: pieces go through a pipe of one piece.
struct Pipe {
    sender: std::sync::mpsc::SyncSender<Vec<u8>>,
    largest: usize,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.largest = self.largest.max(bytes.len());
        self.sender.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct PipeEnd {
    receiver: std::sync::mpsc::Receiver<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
    largest_request: usize,
}

impl Read for PipeEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.largest_request = self.largest_request.max(buffer.len());
        if self.at == self.current.len() {
            self.current = self.receiver.recv().unwrap_or_default();
            self.at = 0;
        }
        let length = buffer.len().min(self.current.len() - self.at);
        buffer[..length].copy_from_slice(&self.current[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

#[derive(Default)]
struct Counter {
    total: u64,
    largest: usize,
}

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.total += bytes.len() as u64;
        self.largest = self.largest.max(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn two_hundred_megabytes_pass_in_small_pieces_both_ways() {
    for cipher in [ContentCipher::Aes256Gcm, ContentCipher::Aes128Cbc] {
        pass(cipher, SIZE, false);
    }
}

/// Beyond what a program counts with 31 bits: `openssl smime -encrypt` wrote the first 2,004,623,747 bytes and said that
/// it was done, and `-decrypt` held all of it in memory, or failed.
#[test]
fn openssl_26274_13160_9673_6577_2038_two_gigabytes_are_neither_cut_nor_collected() {
    pass(ContentCipher::Aes256Gcm, 2200 * 1024 * 1024, true);
}

/// Encrypts and decrypts so much content at once, with the lengths written in front (DER) or not.
fn pass(cipher: ContentCipher, size: u64, has_length: bool) {
    let workshop = Workshop::new();
    let person = workshop.person("p256", "ec:P-256");
    // One piece in the pipe: if the reader wanted to collect more, the writer would have to wait for ever, and if the
    // writer kept pieces back, the reader would.
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let recipients = [person.recipient(RsaPadding::Oaep256)];
    let key = person.decryption();
    let (largest_written, (largest_read, counter)) = std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut end = PipeEnd { receiver, current: Vec::new(), at: 0, largest_request: 0 };
            let mut counter = Counter::default();
            let report = open_enveloped(&mut end, &[key], &mut counter).unwrap();
            assert_eq!(report.content_length, size);
            (end.largest_request, counter)
        });
        let piece = vec![0x5a; 1024 * 1024];
        let pipe = Pipe { sender, largest: 0 };
        let mut writer = if has_length {
            EnvelopedWriter::with_length(pipe, cipher, &recipients, size).unwrap()
        } else {
            EnvelopedWriter::new(pipe, cipher, &recipients).unwrap()
        };
        for _ in 0..size / piece.len() as u64 {
            writer.write_all(&piece).unwrap();
        }
        let pipe = writer.finish().unwrap();
        let largest = pipe.largest;
        drop(pipe);
        (largest, reader.join().unwrap())
    });
    assert!(largest_written <= LARGEST_PIECE, "{largest_written}");
    assert!(largest_read <= LARGEST_PIECE, "{largest_read}");
    assert!(counter.largest <= LARGEST_PIECE, "{}", counter.largest);
    assert_eq!(counter.total, size);
}

#[test]
fn a_signature_with_its_content_inside_is_written_in_small_pieces() {
    let workshop = Workshop::new();
    let person = workshop.person("p256", "ec:P-256");
    let options = SignOptions::default();
    let mut signer =
        AttachedSigner::new(Counter::default(), &[person.signer()], &[], &options).unwrap();
    let piece = vec![0x5a; 1024 * 1024];
    for _ in 0..20 {
        signer.write_all(&piece).unwrap();
    }
    let counter = signer.finish().unwrap();
    assert!(counter.total > 20 * 1024 * 1024);
    assert!(counter.largest <= LARGEST_PIECE, "{}", counter.largest);
}

#[test]
fn signatures_over_large_content_stay_small() {
    let workshop = Workshop::new();
    let person = workshop.person("p256", "ec:P-256");
    let mut signer = DetachedSigner::new(&[person.signer()], &[], &SignOptions::default()).unwrap();
    let piece = vec![0x5a; 1024 * 1024];
    for _ in 0..20 {
        signer.update(&piece);
    }
    let signature = signer.finish().unwrap();
    assert!(signature.len() < 2000, "{}", signature.len());
    let mut verifier = DetachedVerifier::new(&signature).unwrap();
    for _ in 0..20 {
        verifier.update(&piece);
    }
    assert!(verifier.finish().signers[0].result.is_ok());
}
