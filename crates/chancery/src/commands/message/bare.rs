//! The bare content and CMS structure, without a mail header around them, as mutt and `openssl smime` take them.

use std::io::{self, Seek as _, Write as _};
use std::path::Path;

use chancery_cms::{
    AttachedSigner, DetachedSigner, DetachedVerifier, EnvelopedWriter, SignedReport,
    open_enveloped, open_signed_attached,
};
use chancery_pki::{Certificate, Purpose, path};
use chancery_smime::{OpenFacts, Outcome, RecipientKey, Spools as _, Verdict, examine};
use serde::Serialize;

use super::files::{Input, Sink, TemporarySpools, spool_failed};
use super::keys::{self, Believed, Readers};
use super::{cipher, explain, report, services};
use crate::cli::message::{Decrypt, Encrypt, Sign, Verify};
use crate::failure::{Failure, Result};
use crate::input::{self, SMALL};
use crate::installation::now_ms;
use crate::output::{Output, note, plain};

/// Writes the signature of a content, with the content in it only if it is opaque.
pub(super) fn sign(config: Option<&Path>, options: &Sign) -> Result {
    let chain = options.chain.as_deref();
    let signer = keys::signer(&options.signer, &options.key, chain, config)?;
    let signer = services::wishing(signer, &options.wishes)?;
    let (key, chain) = signer.for_cms();
    let how = signer.options(now_ms() / 1000);
    let mut input = Input::canonical(options.files.file.as_deref())?;
    let cannot = |error| Failure::of("cannot sign the content", &error);
    if options.opaque {
        let sink = Sink::open(&options.files, false)?;
        let mut message = AttachedSigner::new(sink, key, chain, &how).map_err(cannot)?;
        io::copy(&mut input, &mut message).map_err(|error| cannot_write(&error))?;
        return message.finish().map_err(cannot)?.finish();
    }
    let mut signature = DetachedSigner::new(key, chain, &how).map_err(cannot)?;
    io::copy(&mut input, &mut signature).map_err(|error| spool_failed(&error))?;
    drop(input);
    let mut sink = Sink::open(&options.files, false)?;
    sink.write_all(&signature.finish().map_err(cannot)?).map_err(|error| cannot_write(&error))?;
    sink.finish()
}

/// Encrypts a content as it is; it is a MIME entity, or nobody can read it.
pub(super) fn encrypt(config: Option<&Path>, options: &Encrypt, output: Output) -> Result {
    if options.sign || !options.signer.is_empty() {
        return Err(Failure::usage("--bare makes one layer only")
            .hint("sign first, put the result into a multipart/signed, and encrypt that"));
    }
    let Readers { recipients, permitted } = Readers::find(&options.to, config)?;
    let choice = cipher(options, &recipients.iter().collect::<Vec<_>>(), &permitted);
    explain(output, &choice, options.verbose);
    let recipients: Vec<_> = recipients.iter().map(RecipientKey::for_cms).collect();
    let mut input = Input::canonical(options.files.file.as_deref())?;
    let sink = Sink::open(&options.files, false)?;
    let cannot = |error| Failure::of("cannot encrypt the content", &error);
    let mut envelope =
        EnvelopedWriter::new(sink, choice.cipher.into(), &recipients).map_err(cannot)?;
    io::copy(&mut input, &mut envelope).map_err(|error| cannot_write(&error))?;
    drop(input);
    envelope.finish().map_err(cannot)?.finish()?;
    report(output, &choice)
}

/// Decrypts a CMS structure; nothing is written before it was read to its end and found harmless, or said to be harmful.
pub(super) fn decrypt(config: Option<&Path>, options: &Decrypt, output: Output) -> Result {
    let keys = keys::opening_all(&options.keys, config)?;
    let believed = Believed::read(&options.trusted, config, false)?;
    let ring: Vec<_> = keys.iter().map(chancery_smime::OpeningKey::for_cms).collect();
    let mut input = Input::open(options.files.file.as_deref())?;
    let mut spool = TemporarySpools.fresh().map_err(|error| spool_failed(&error))?;
    let cannot = |error| Failure::of("cannot decrypt", &error);
    let report = open_enveloped(&mut input, &ring, &mut spool).map_err(cannot)?;
    drop(input);
    let (authenticated, trailing) = (report.authenticated, report.trailing_bytes);
    let facts = OpenFacts { at: now_ms() / 1000, our_domains: &[] };
    let verdict = examine(&mut spool, report, &keys, &believed, &facts, &mut TemporarySpools)
        .map_err(|error| Failure::of("cannot examine what was decrypted", &error))?;
    if verdict.result == Outcome::Undecipherable {
        // It looks like everything else that does not decrypt.
        return Err(cannot(chancery_cms::Error::Decrypt).with_found(output, &verdict, ""));
    }
    if output.is_json() {
        output.show(&Decrypted { verdict: &verdict, trailing_bytes: trailing }, String::new)?;
    } else {
        warn(&verdict, authenticated, trailing);
    }
    let mut sink = Sink::open(&options.files, false)?;
    spool
        .rewind()
        .and_then(|()| io::copy(&mut spool, &mut sink))
        .map_err(|error| cannot_write(&error))?;
    sink.finish()
}

/// What was decrypted, for programs.
#[derive(Serialize)]
struct Decrypted<'v> {
    #[serde(flatten)]
    verdict: &'v Verdict,
    trailing_bytes: u64,
}

/// Says what to mind about decrypted content before it is written.
fn warn(verdict: &Verdict, authenticated: bool, trailing: u64) {
    if let Some(encryption) = verdict.encryption.as_ref().filter(|_| !authenticated) {
        let name = &encryption.cipher;
        note(&format!("{name} does not notice changes: believe the content only if it is signed"));
    }
    let is_signed = verdict.signers.iter().any(|it| it.signature_ok && it.covers_content);
    for problem in &verdict.problems {
        // Who made a right signature is for the mail program to ask next; what is signed nobody put together unseen.
        let is_said = OTHERS_SAY.contains(&problem.code)
            || (is_signed && problem.code == "smime.remote_content");
        if !is_said {
            note(&format!("{}: {}", problem.code, plain(&problem.text)));
        }
    }
    if trailing > 0 {
        note(&format!("{trailing} bytes follow the encrypted structure; they are left out"));
    }
}

/// Verifies a CMS signature, of `--content` or of the content in it, which is written to the output.
pub(super) fn verify(config: Option<&Path>, options: &Verify, output: Output) -> Result {
    if options.trusted.anchor.is_empty() {
        return Err(Failure::usage(
            "a bare signature has no From to look for in the book of partners",
        )
        .hint("name the authority to believe with --anchor"));
    }
    let believed = Believed::read(&options.trusted, config, false)?;
    let cannot = |error| Failure::of("cannot read the signature", &error);
    let mut spool = None;
    let report = if let Some(content) = &options.content {
        let file = options.files.file.as_deref().unwrap_or(Path::new("-"));
        let mut verifier = DetachedVerifier::new(&input::read(file, SMALL)?).map_err(cannot)?;
        io::copy(&mut Input::canonical(Some(content))?, &mut verifier)
            .map_err(|error| spool_failed(&error))?;
        verifier.finish()
    } else {
        let mut input = Input::open(options.files.file.as_deref())?;
        let content = spool.insert(TemporarySpools.fresh().map_err(|error| spool_failed(&error))?);
        open_signed_attached(&mut input, content).map_err(cannot)?
    };
    let found = judge(&report, believed.anchors());
    if !found.verified {
        let why = found.signers.iter().find_map(|it| it.problem.clone());
        let failure = Failure::no(format!(
            "the signature is not verified: {}",
            plain(&why.unwrap_or_else(|| "there is none".to_owned()))
        ));
        return Err(failure.with_found(output, &found, ""));
    }
    if !output.is_json() {
        // The very words that mutt looks for on the first line of standard error.
        note("Verification successful");
    }
    if found.trailing_bytes > 0 && !output.is_json() {
        note(&format!("{} bytes follow the signature; nobody signed them", found.trailing_bytes));
    }
    output.show(&found, || words(&found))?;
    let Some(mut spool) = spool else { return Ok(()) };
    let mut sink = Sink::open(&options.files, false)?;
    spool
        .rewind()
        .and_then(|()| io::copy(&mut spool, &mut sink))
        .map_err(|error| cannot_write(&error))?;
    sink.finish()
}

/// What bare signatures are worth.
#[derive(Serialize)]
struct Found {
    verified: bool,
    signers: Vec<Signer>,
    /// Bytes behind the structure, which nobody signed.
    trailing_bytes: u64,
}

#[derive(Serialize)]
struct Signer {
    subject: String,
    emails: Vec<String>,
    fingerprint: String,
    algorithm: String,
    problem: Option<String>,
}

/// Verified are signatures that all fit, and of which one leads to an authority that is believed.
fn judge(report: &SignedReport, anchors: &[Certificate]) -> Found {
    let read = |der: &Vec<u8>| Certificate::from_der(der).ok();
    let pool: Vec<Certificate> =
        report.certificates.iter().take(MAX_POOL).filter_map(read).collect();
    let mut is_believed = false;
    let mut signers = Vec::new();
    for signer in &report.signers {
        let certificate = signer.certificate.as_ref().and_then(read);
        let problem = match (&signer.result, &certificate) {
            (Err(error), _) => Some(error.to_string()),
            (Ok(()), _) if !signer.is_sound() => {
                Some("its algorithm or key is too weak".to_owned())
            }
            (Ok(()), None) => Some("the certificate of the signer cannot be read".to_owned()),
            (Ok(()), Some(certificate)) => {
                let checked =
                    path::check(certificate, &pool, anchors, Purpose::SmimeSign, now_ms() / 1000);
                is_believed |= checked.is_trusted();
                let failures = checked.failures.iter().map(ToString::to_string);
                (!checked.is_trusted()).then(|| {
                    let text = failures.collect::<Vec<_>>().join("; ");
                    if text.is_empty() {
                        "no authority that you believe vouches for the signer".to_owned()
                    } else {
                        text
                    }
                })
            }
        };
        signers.push(Signer {
            subject: certificate.as_ref().map(Certificate::subject).unwrap_or_default(),
            emails: certificate.as_ref().map(|it| it.emails().to_vec()).unwrap_or_default(),
            fingerprint: certificate
                .as_ref()
                .map(Certificate::fingerprint_sha256)
                .unwrap_or_default(),
            algorithm: signer.algorithm.clone(),
            problem,
        });
    }
    let is_all_sound = report.signers.iter().all(chancery_cms::SignerReport::is_sound);
    let trailing_bytes = report.trailing_bytes;
    Found { verified: is_believed && is_all_sound, signers, trailing_bytes }
}

fn words(found: &Found) -> String {
    let lines = found.signers.iter().map(|it| {
        let worth = it.problem.as_deref().unwrap_or("right");
        format!("signer      {} ({}): {}\n", plain(&it.subject), it.emails.join(", "), plain(worth))
    });
    lines.collect()
}

fn cannot_write(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Failure::failed(format!("cannot write the result: {error}"))
}

/// What is said in other words, or is about a header, which bare content has not.
const OTHERS_SAY: [&str; 6] = [
    "smime.cipher_unauthenticated",
    "smime.from_ambiguous",
    "smime.header_not_covered",
    "smime.not_signed",
    "smime.signer_mismatch",
    "smime.signer_unknown",
];

/// Certificates taken from one signature; honest ones carry two or three.
const MAX_POOL: usize = 32;
