//! The operations that are measured, one process each; `openssl/peer.c` has the same ones.

use std::{
    hint::black_box,
    io::{Cursor, Read, Seek, Write},
    path::Path,
    slice,
};

use chancery_cms::{
    ContentCipher, DecryptionKey, DetachedSigner, DetachedVerifier, EnvelopedWriter, Recipient,
    SignOptions, SignerKey, open_enveloped,
};
use chancery_smime::{
    Anchor, ContentAlgorithm, MemorySpools, OpenFacts, OpeningKey, Outcome, OuterHeaders,
    OuterSubject, Protection, RecipientKey, Signer, Spools, open, protect,
};
use rustix::time::{ClockId, clock_gettime};

use crate::{
    Result, generated,
    people::{AT, Person},
};

/// Repeats an operation for so long and returns what it took.
pub(crate) fn measure(
    name: &str,
    folder: &Path,
    size: usize,
    milliseconds: u64,
) -> Result<serde_json::Value> {
    let person = Person::load(folder)?;
    let mut operation = prepared(name, &person, size)?;
    operation()?;
    let wanted = milliseconds * 1_000_000;
    let start = processor_time()?;
    let (mut spent, mut count) = (0, 0_u64);
    while spent < wanted || count < AT_LEAST {
        operation()?;
        count += 1;
        spent = processor_time()?.saturating_sub(start);
    }
    Ok(serde_json::json!({ "nanoseconds": spent, "operations": count }))
}

/// One turn of an operation.
type Operation = Box<dyn FnMut() -> Result>;

/// Prepares everything that is done once: keys are parsed, messages are there.
fn prepared(name: &str, person: &Person, size: usize) -> Result<Operation> {
    let content = generated::text(size)?;
    let bench = Bench::new(person)?;
    Ok(match name {
        "sign-encrypt" => Box::new(move || {
            black_box(bench.sign_encrypt(&content)?);
            Ok(())
        }),
        "decrypt-verify" => {
            let (sealed, signature) = bench.sign_encrypt(&content)?;
            Box::new(move || bench.decrypt_verify(&sealed, &signature, content.len()))
        }
        "verify" => {
            let (_, signature) = bench.sign_encrypt(&content)?;
            Box::new(move || verified(&signature, |verifier| verifier.update(&content)))
        }
        "encrypt" => Box::new(move || bench.encrypt(&content, 1)),
        "encrypt-1000" => Box::new(move || bench.encrypt(&content, 1000)),
        "mail-protect" => {
            let mail = Mail::new(person)?;
            Box::new(move || {
                let mut wire = Vec::with_capacity(content.len() * 3 / 2 + ROOM);
                mail.protect(&mut content.as_slice(), &mut wire)?;
                black_box(wire);
                Ok(())
            })
        }
        "mail-open" => {
            let mail = Mail::new(person)?;
            let mut wire = Vec::new();
            mail.protect(&mut content.as_slice(), &mut wire)?;
            Box::new(move || {
                let mut out = Vec::with_capacity(content.len() + ROOM);
                let mut spools = MemorySpools::new(content.len() + ROOM);
                mail.open(&mut Cursor::new(&wire), &mut spools, &mut out)?;
                black_box(out);
                Ok(())
            })
        }
        _ => return Err(format!("there is no operation {name}").into()),
    })
}

/// What is ready before a message of the CMS engine is made or opened.
struct Bench {
    signer: SignerKey,
    recipient: Recipient,
    key: DecryptionKey,
}

impl Bench {
    fn new(person: &Person) -> Result<Self> {
        Ok(Self {
            signer: person.signer_key()?,
            recipient: person.recipient()?,
            key: person.decryption_key()?,
        })
    }

    /// In one pass: each piece is digested and encrypted while it is in the cache.
    fn sign_encrypt(&self, content: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        let options = SignOptions { signing_time: Some(AT), ..SignOptions::default() };
        let mut signer = DetachedSigner::new(slice::from_ref(&self.signer), &[], &options)?;
        let mut writer = self.writer(content.len(), 1)?;
        for piece in content.chunks(PIECE) {
            signer.update(piece);
            writer.write_all(piece)?;
        }
        Ok((writer.finish()?, signer.finish()?))
    }

    fn encrypt(&self, content: &[u8], recipients: usize) -> Result {
        let mut writer = self.writer(content.len(), recipients)?;
        writer.write_all(content)?;
        black_box(writer.finish()?);
        Ok(())
    }

    fn writer(&self, length: usize, recipients: usize) -> Result<EnvelopedWriter<Vec<u8>>> {
        let sink = Vec::with_capacity(length + ROOM);
        let recipients = vec![self.recipient.clone(); recipients];
        Ok(EnvelopedWriter::new(sink, ContentCipher::Aes256Gcm, &recipients)?)
    }

    /// The plaintext is kept and digested while it comes.
    fn decrypt_verify(&self, sealed: &[u8], signature: &[u8], length: usize) -> Result {
        let mut content = Vec::with_capacity(length);
        let mut verifier = DetachedVerifier::new(signature)?;
        let sink = Both { first: &mut content, second: &mut verifier };
        open_enveloped(sealed, slice::from_ref(&self.key), sink)?;
        black_box(&content);
        judged(verifier)
    }
}

fn verified(signature: &[u8], read: impl FnOnce(&mut DetachedVerifier)) -> Result {
    let mut verifier = DetachedVerifier::new(signature)?;
    read(&mut verifier);
    judged(verifier)
}

fn judged(verifier: DetachedVerifier) -> Result {
    let report = verifier.finish();
    match report.signers.as_slice() {
        [signer] if signer.is_sound() => Ok(()),
        _ => Err("the signature does not verify".into()),
    }
}

/// Writes everything twice.
struct Both<A, B> {
    first: A,
    second: B,
}

impl<A: Write, B: Write> Write for Both<A, B> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.first.write_all(bytes)?;
        self.second.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is ready before a mail is protected or opened.
pub(crate) struct Mail {
    signer: Signer,
    recipient: RecipientKey,
    key: OpeningKey,
    anchors: Vec<Anchor>,
}

impl Mail {
    pub(crate) fn new(person: &Person) -> Result<Self> {
        Ok(Self {
            signer: person.signer()?,
            recipient: person.recipient_key()?,
            key: person.opening_key()?,
            anchors: person.anchors(),
        })
    }

    /// Signs and encrypts a mail as the gateway does.
    pub(crate) fn protect(&self, content: &mut dyn Read, out: &mut dyn Write) -> Result {
        let protection = Protection {
            signer: &self.signer,
            recipients: &[&self.recipient],
            cipher: ContentAlgorithm::Aes256Gcm,
            signing_time: AT,
            boundary_seed: b"child",
        };
        let outer = OuterHeaders::copied_from(&generated::text(ROOM)?, OuterSubject::Hide);
        protect(content, &outer, &protection, out)?;
        Ok(())
    }

    /// Opens and verifies a mail as the gateway does.
    pub(crate) fn open<R: Read + Seek>(
        &self,
        wire: &mut R,
        spools: &mut dyn Spools,
        out: &mut dyn Write,
    ) -> Result {
        let facts = OpenFacts { at: AT, our_domains: &[] };
        let opened = open(wire, slice::from_ref(&self.key), &self.anchors, &facts, spools, out)?;
        if opened.verdict.result == Outcome::Verified {
            Ok(())
        } else {
            Err(format!("not verified: {:?}", opened.verdict).into())
        }
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }
}

fn processor_time() -> Result<u64> {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Ok(u64::try_from(now.tv_sec)? * 1_000_000_000 + u64::try_from(now.tv_nsec)?)
}

/// Turns of an operation, however long one takes.
const AT_LEAST: u64 = 3;

/// As much as fits the first cache beside what is made of it.
const PIECE: usize = 16 * 1024;

/// Room for everything around the content.
const ROOM: usize = 8 * 1024;
