//! `chancery message`: one message in a file or a pipe.

mod bare;
mod export;
mod files;
mod keys;
mod services;
mod show;
mod transit;
mod verdict;

use std::io::{Seek, Write as _};
use std::path::Path;

use chancery_crypto::random;
use chancery_smime::{
    Choice, Delivered, HeaderConfidentiality, InPlace, OpenFacts, Opened, OpeningKey, Outcome,
    Permitted, Protection, RecipientKey, Signing, Spools as _, Verdict, choose, encrypt_in_place,
    open, protect_in_place, sign_opaque,
};
use serde::Serialize;

use crate::cli::message::{Decrypt, Encrypt, Files, Message, Sign, Verify};
use crate::failure::{Failure, Result};
use crate::installation::now_ms;
use crate::output::{Output, note};

use files::{Input, Sink, TemporarySpools};
pub(super) use keys::first_line;
use keys::{Believed, Readers};

/// Runs the command.
pub(super) fn run(config: Option<&Path>, command: Message, output: Output) -> Result {
    let output = output.beside(has_message_on_stdout(&command));
    let done = run_one(config, command, output);
    done.map_err(|failure| Failure { is_beside: output.is_beside(), ..failure })
}

/// Returns true if standard output belongs to a message.
fn has_message_on_stdout(command: &Message) -> bool {
    let is_stdout = |files: &Files| files.out.as_deref().is_none_or(|out| out == Path::new("-"));
    match command {
        Message::Sign(options) => is_stdout(&options.files),
        Message::Encrypt(options) => is_stdout(&options.files),
        Message::Decrypt(options) => is_stdout(&options.files),
        Message::Receipt(options) => is_stdout(&options.files),
        Message::Verify(options) if options.files.bare => {
            options.content.is_none() && is_stdout(&options.files)
        }
        Message::Verify(options) => options.files.out.as_deref() == Some(Path::new("-")),
        Message::ExportKey(_) | Message::Show(_) | Message::Transit(_) => false,
    }
}

fn run_one(config: Option<&Path>, command: Message, output: Output) -> Result {
    match command {
        Message::Sign(options) if options.files.bare => bare::sign(config, &options),
        Message::Sign(options) => sign(config, &options, output),
        Message::Encrypt(options) if options.files.bare => bare::encrypt(config, &options, output),
        Message::Encrypt(options) => encrypt(config, &options, output),
        Message::Decrypt(options) if options.files.bare => bare::decrypt(config, &options, output),
        Message::Decrypt(options) => decrypt(config, &options, output),
        Message::Verify(options) if options.files.bare => bare::verify(config, &options, output),
        Message::Verify(options) => verify(config, &options, output),
        Message::Receipt(options) => services::receipt(config, &options, output),
        Message::Show(options) => show::run(&options, output),
        Message::Transit(options) => transit::run(config, &options, output),
        Message::ExportKey(options) => export::run(&options),
    }
}

fn sign(config: Option<&Path>, options: &Sign, output: Output) -> Result {
    let signer = keys::signer(&options.signer, &options.key, options.chain.as_deref(), config)?;
    let signer = services::wishing(signer, &options.wishes)?;
    let mut input = Input::canonical(options.files.file.as_deref())?;
    let mut sink = Sink::like(&options.files, &input)?;
    let seed = seed()?;
    let signing = Signing { signer: &signer, signing_time: now_ms() / 1000, boundary_seed: &seed };
    let made = if options.opaque {
        sign_opaque(&mut input, &signing, &mut sink)
    } else {
        chancery_smime::sign(&mut input, &signing, &mut sink)
    };
    let made = made.map_err(|error| Failure::of("cannot sign the message", &error))?;
    sink.finish()?;
    report(output, &made)
}

fn encrypt(config: Option<&Path>, options: &Encrypt, output: Output) -> Result {
    let Readers { recipients, permitted } = Readers::find(&options.to, config)?;
    let recipients: Vec<&RecipientKey> = recipients.iter().collect();
    let choice = cipher(options, &recipients, &permitted);
    let is_signed = options.sign || !options.signer.is_empty();
    let signer = if is_signed {
        let signer = keys::signer(&options.signer, &options.key, options.chain.as_deref(), config)?;
        Some(services::wishing(signer, &options.wishes)?)
    } else {
        services::needs_signer(&options.wishes)?;
        None
    };
    let mut input = Input::canonical(options.files.file.as_deref())?;
    let mut sink = Sink::like(&options.files, &input)?;
    let confidentiality = if options.show_header {
        HeaderConfidentiality::None
    } else {
        HeaderConfidentiality::Baseline
    };
    let how = InPlace { confidentiality, legacy_display: true, keeps_bcc: true };
    let cannot = |error| Failure::of("cannot encrypt the message", &error);
    if let Some(signer) = &signer {
        let protection = Protection {
            signer,
            recipients: &recipients,
            cipher: choice.cipher,
            signing_time: now_ms() / 1000,
            boundary_seed: &seed()?,
        };
        protect_in_place(&mut input, how, &protection, &mut sink).map_err(cannot)?;
    } else {
        encrypt_in_place(&mut input, how, &recipients, choice.cipher, &mut sink).map_err(cannot)?;
    }
    sink.finish()?;
    explain(output, &choice, options.verbose);
    report(output, &Encrypted { signed: is_signed, choice })
}

/// What was encrypted.
#[derive(Serialize)]
struct Encrypted {
    signed: bool,
    #[serde(flatten)]
    choice: Choice,
}

/// Chooses the content cipher; who names one is believed.
fn cipher(options: &Encrypt, recipients: &[&RecipientKey], permitted: &Permitted) -> Choice {
    match options.cipher {
        Some(cipher) => Choice::named(cipher.into(), recipients),
        None => choose(recipients, permitted),
    }
}

/// Tells people what was chosen; programs get it with the rest.
fn explain(output: Output, choice: &Choice, is_verbose: bool) {
    if output.is_json() {
        return;
    }
    for line in reasons(choice, is_verbose) {
        note(&line);
    }
}

/// Says what was chosen and why, as `chancery explain` does for mail of the gateway. Unless asked, it says only what is
/// wrong: mail programs show what a filter says, and wait for a key.
fn reasons(choice: &Choice, is_verbose: bool) -> Vec<String> {
    let warning = choice.warning.iter().map(|warning| format!("warning: {warning}"));
    if !is_verbose {
        return warning.collect();
    }
    let mut lines = vec![format!("{}: {}", choice.cipher.as_str(), choice.why)];
    lines.extend(warning);
    for recipient in &choice.recipients {
        let way = recipient.key_management.as_str();
        lines.push(format!("to the certificate {} ({way})", recipient.fingerprint));
        lines.extend(recipient.reasons.iter().map(|reason| format!("  because {reason}")));
    }
    lines
}

fn decrypt(config: Option<&Path>, options: &Decrypt, output: Output) -> Result {
    let keys = keys::opening_all(&options.keys, config)?;
    let believed = Believed::read(&options.trusted, config, false)?;
    let mut input = Input::canonical(options.files.file.as_deref())?;
    let mut sink = Sink::like(&options.files, &input)?;
    // What is refused below must not be on its way already.
    let mut content = TemporarySpools.fresh().map_err(|error| files::spool_failed(&error))?;
    let facts = OpenFacts { at: now_ms() / 1000, our_domains: &[] };
    let opened = chancery_smime::decrypt(
        &mut input,
        &keys,
        &believed,
        &facts,
        &mut TemporarySpools,
        &mut content,
    )
    .map_err(|error| Failure::of("cannot open the message", &error))?;
    drop(input);
    let verdict = &opened.verdict;
    let refused = if verdict.result == Outcome::Undecipherable {
        Some(verdict::failure("the message was not decrypted", verdict))
    } else if !verdict.form.contains("enveloped-data") {
        Some(Failure::no("the message is not encrypted").hint(
            "see `chancery message show`; `chancery message verify` checks what is only signed",
        ))
    } else if opened.delivered == Delivered::AsReceived {
        Some(
            Failure::no("the message is encrypted in part only, and was left as it is")
                .hint("see `chancery message show`, and decrypt that part alone"),
        )
    } else if !options.allow_remote_content && may_leak(verdict) {
        Some(Failure {
            code: Some("smime.remote_content"),
            ..Failure::no(
                "the message was decrypted and not written: HTML in it loads something from elsewhere, the cipher does \
                 not notice changes and nobody signed it, so showing it may give it away",
            )
            .hint("pass --allow-remote-content, and show it without remote content")
        })
    } else {
        None
    };
    if let Some(failure) = refused {
        return Err(failure.with_found(output, verdict, ""));
    }
    copy(&mut content, &mut sink)?;
    sink.finish()?;
    if !output.is_json() {
        note(verdict::text(verdict).trim_end());
    }
    report(output, verdict)
}

/// Returns true if what was decrypted would load something from elsewhere, and somebody may have made it do so without being
/// able to read it (Efail).
fn may_leak(verdict: &Verdict) -> bool {
    let has = |code: &str| verdict.problems.iter().any(|problem| problem.code == code);
    let is_signed = verdict.signers.iter().any(|it| it.signature_ok && it.covers_content);
    has("smime.remote_content") && has("smime.cipher_unauthenticated") && !is_signed
}

fn verify(config: Option<&Path>, options: &Verify, output: Output) -> Result {
    let believed = Believed::read(&options.trusted, config, true)?;
    let keys = if !options.keys.is_any() && config.is_none() {
        Vec::new()
    } else {
        keys::opening_all(&options.keys, config)?
    };
    let mut input = Input::canonical(options.files.file.as_deref())?;
    let verdict = if options.files.out.is_some() {
        let mut sink = Sink::like(&options.files, &input)?;
        let opened = opened(&mut input, &keys, &believed, &mut sink)?;
        if opened.delivered == Delivered::AsReceived {
            copy(&mut input, &mut sink)?;
        }
        if opened.delivered != Delivered::Nothing {
            sink.finish()?;
        }
        opened.verdict
    } else {
        opened(&mut input, &keys, &believed, &mut std::io::sink())?.verdict.of_received()
    };
    if let Some(original) = &options.original {
        services::check(&mut input, original, &keys, output)?;
    }
    drop(input);
    let text = verdict::text(&verdict);
    if verdict.result == Outcome::Verified {
        return output.show(&verdict, || text);
    }
    let failure = verdict::failure("the message is not verified", &verdict);
    Err(failure.with_found(output, &verdict, &text))
}

/// Opens and judges a message.
fn opened(
    input: &mut Input,
    keys: &[OpeningKey],
    believed: &Believed,
    out: &mut dyn std::io::Write,
) -> Result<Opened> {
    let facts = OpenFacts { at: now_ms() / 1000, our_domains: &[] };
    open(input, keys, believed, &facts, &mut TemporarySpools, out)
        .map_err(|error| Failure::of("cannot open the message", &error))
}

/// Writes a message as it is.
fn copy(input: &mut (impl std::io::Read + Seek), sink: &mut Sink) -> Result {
    input.rewind().map_err(|error| files::spool_failed(&error))?;
    std::io::copy(input, sink).map_err(|error| files::spool_failed(&error))?;
    sink.flush().map_err(|error| files::spool_failed(&error))
}

/// Tells programs what was done.
fn report(output: Output, value: &impl Serialize) -> Result {
    if output.is_json() { output.show(value, String::new) } else { Ok(()) }
}

fn seed() -> Result<[u8; 32]> {
    random::bytes().map_err(|error| Failure::of("cannot make a boundary", &error))
}
