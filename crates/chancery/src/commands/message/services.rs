//! Labels and receipts: what the signer of a message asks for, and how it is answered (RFC 2634).

use std::io::{Seek as _, Write as _};
use std::path::Path;

use chancery_cms::{ReceiptRequest, ReceiptsFrom, SecurityLabel};
use chancery_crypto::{hex, random};
use chancery_mail::{Address, message_id};
use chancery_smime::{Answer, OpeningKey, Outcome, Signer, Wishes, check_receipt};

use serde::Serialize;

use super::files::{Input, Sink, TemporarySpools, spool_failed};
use super::keys::{self, Believed};
use super::{opened, verdict};
use crate::cli::message::{Receipt, Wishes as Options};
use crate::failure::{Failure, Result};
use crate::installation::now_ms;
use crate::output::{Output, note};

/// Adds to a signer what the options ask for.
pub(super) fn wishing(signer: Signer, options: &Options) -> Result<Signer> {
    let label = options.label.as_deref().map(label).transpose()?;
    let receipt_request = match &options.request_receipt {
        None => None,
        Some(to) => {
            let from =
                options.receipt_from.iter().map(|it| ascii(it)).collect::<Result<Vec<_>>>()?;
            Some(ReceiptRequest {
                identifier: random::bytes::<24>()
                    .map_err(|error| Failure::of("cannot name the request", &error))?
                    .to_vec(),
                from: if from.is_empty() { ReceiptsFrom::All } else { ReceiptsFrom::List(from) },
                to: vec![ascii(to)?],
            })
        }
    };
    Ok(signer.wishing(Wishes { label, receipt_request }))
}

/// Fails if something was asked for that only a signature can carry.
pub(super) fn needs_signer(options: &Options) -> Result {
    if options.label.is_none() && options.request_receipt.is_none() {
        return Ok(());
    }
    Err(Failure::usage("labels and requests for receipts are part of a signature")
        .hint("add --sign or --signer KEY"))
}

/// Reads `POLICY[:CLASS[:MARK]]`.
fn label(text: &str) -> Result<SecurityLabel> {
    let mut parts = text.splitn(3, ':');
    let policy = parts.next().unwrap_or_default();
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    if !policy.contains('.') || !policy.split('.').all(is_number) {
        return Err(Failure::usage(format!("\"{policy}\" is no object identifier"))
            .hint("write the policy of the label in numbers, such as 1.3.6.1.4.1.99.1"));
    }
    let class = parts.next().filter(|class| !class.is_empty());
    let number =
        |class: &str| (0_u64..).zip(CLASSES).find(|(_, it)| *it == class).map(|(at, _)| at);
    let classification = match class {
        None => None,
        Some(class) => Some(number(class).or_else(|| class.parse().ok()).ok_or_else(|| {
            Failure::usage(format!("\"{class}\" is no classification"))
                .hint(format!("write a number, or one of {}", CLASSES.join(", ")))
        })?),
    };
    Ok(SecurityLabel {
        policy: policy.to_owned(),
        classification,
        privacy_mark: parts.next().filter(|mark| !mark.is_empty()).map(str::to_owned),
        categories: Vec::new(),
    })
}

/// Returns an address that a request can name.
fn ascii(text: &str) -> Result<String> {
    let address = address(text)?;
    if address.is_ascii() {
        return Ok(address.to_string());
    }
    Err(Failure::usage("a request for a receipt can only name addresses in ASCII"))
}

fn address(text: &str) -> Result<Address> {
    Address::parse(text).map_err(|error| Failure::usage(format!("\"{text}\": {error}")))
}

/// Writes the receipt that a message asks for.
pub(super) fn receipt(config: Option<&Path>, options: &Receipt, output: Output) -> Result {
    let from = address(&options.from)?;
    let file = options.signer.as_slice();
    let signer = keys::signer(file, &options.key, options.chain.as_deref(), config)?;
    let keys = keys::opening(file, &options.key, config).unwrap_or_default();
    let believed = Believed::read(&options.trusted, config, true)?;
    let mut input = Input::canonical(options.files.file.as_deref())?;
    let opened = opened(&mut input, &keys, &believed, &mut std::io::sink())?;
    if opened.verdict.result != Outcome::Verified {
        let failure = verdict::failure("only a verified message is answered", &opened.verdict);
        return Err(failure.with_found(output, &opened.verdict, ""));
    }
    let Some(asked) = opened.asked.first() else {
        return Err(Failure::no("the message does not ask for a receipt"));
    };
    if let Some(why) = asked.excludes(&from) {
        return Err(Failure::no(format!("{from} shall send no receipt: {why}")));
    }
    let to = asked.to().into_iter().next();
    let to = to.ok_or_else(|| Failure::no("the request does not say where receipts go"))?;
    let unique =
        random::bytes::<12>().map_err(|error| Failure::of("cannot name the receipt", &error))?;
    let answer = Answer {
        signer: &signer,
        signing_time: now_ms() / 1000,
        from: &from,
        to: &to,
        message_id: &message_id::make(&hex(&unique), from.domain()),
    };
    let mut sink = Sink::like(&options.files, &input)?;
    let mut receipt = Vec::new();
    let cannot = |error| Failure::of("cannot sign the receipt", &error);
    asked.answer(&answer, &mut receipt).map_err(cannot)?;
    sink.write_all(&receipt).map_err(|error| spool_failed(&error))?;
    sink.finish()?;
    if output.is_json() {
        return output.show(&Sent { to: to.to_string() }, String::new);
    }
    note(&format!("the receipt goes to {to}, with an empty envelope sender"));
    Ok(())
}

/// Where a receipt goes, for programs.
#[derive(Serialize)]
struct Sent {
    to: String,
}

/// Fails if the message is no receipt for the original.
pub(super) fn check(
    input: &mut Input,
    original: &Path,
    keys: &[OpeningKey],
    output: Output,
) -> Result {
    input.rewind().map_err(|error| spool_failed(&error))?;
    let mut original = Input::canonical(Some(original))?;
    let found = check_receipt(input, &mut original, keys, &mut TemporarySpools)
        .map_err(|error| Failure::of("cannot compare the receipt", &error))?;
    match found {
        Ok(()) => {
            if !output.is_json() {
                note("the receipt is for this message");
            }
            Ok(())
        }
        Err(why) => Err(Failure::no(format!("the receipt is not for this message: {why}"))),
    }
}

/// RFC 2634 section 3.2.
const CLASSES: [&str; 6] =
    ["unmarked", "unclassified", "restricted", "confidential", "secret", "top-secret"];
