//! Delivers a message so that its reader sees that something is wrong: a few plain words, then the message as it is.
//!
//! Subjects are never tagged, because a sender can type a tag too. The message becomes a `message/rfc822` attachment of
//! a message of ours that has the original's From, To, Date and Message-ID, so that it is filed where it belongs.

use std::io::{Read, Seek as _, Write as _};

use chancery_crypto::hex;
use chancery_fault::Code;
use chancery_mail::HeaderBlock;
use chancery_smime::{Delivered, Opened};
use chancery_store::{NewBody, Spool};

use crate::error::Result;
use crate::inward::copy_without_forgeries;
use crate::plan::Subject;

/// Makes the message with the warning.
pub(crate) fn wrap(
    subject: &Subject<'_>,
    opened: &Opened,
    content: &mut Spool,
    code: Option<&'static Code>,
    trace: &[u8],
) -> Result<NewBody> {
    let gateway = subject.gateway;
    let mut received;
    let is_opened =
        matches!(opened.delivered, Delivered::Original { .. } | Delivered::Rebuilt { .. });
    let message: &mut dyn Read = if is_opened {
        content.rewind()?;
        content
    } else {
        received = gateway.store.body(&subject.message.body)?;
        &mut received
    };
    let boundary = gateway.identity().boundary_seed(&format!("{} warning", subject.message.id));
    let boundary = hex(boundary.get(..16).unwrap_or(&boundary));
    let mut out = gateway.store.body_writer();
    out.write_all(trace)?;
    for name in KEPT_FIELDS {
        // The outer fields were seen by everybody on the way, so they are safe to repeat here.
        if let Some(field) = subject.header().first(name).filter(|field| is_harmless(field.raw)) {
            out.write_all(field.raw)?;
        }
    }
    write!(
        out,
        "Chancery-Warning: {}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n\
         --{boundary}\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"message.eml\"\r\n\r\n",
        code.map_or("policy", |code| code.id),
        text(subject, opened, code),
    )?;
    copy_without_forgeries(message, &gateway.settings.hostname, &mut out)?;
    write!(out, "\r\n--{boundary}--\r\n")?;
    Ok(out.finish()?)
}

/// Returns what the reader is told.
fn text(subject: &Subject<'_>, opened: &Opened, code: Option<&'static Code>) -> String {
    let summary =
        code.map_or("the protection of this message is not in order", |code| code.summary);
    let mut text = format!(
        "WARNING from the mail gateway {}:\r\n\r\n{summary}.\r\n\r\n\
         The message is attached. Do not act on it before you have asked its sender in another way.\r\n",
        subject.gateway.settings.hostname
    );
    if !opened.verdict.problems.is_empty() {
        text.push_str("\r\nWhat was found:\r\n");
        for problem in opened.verdict.problems.iter().take(MAX_PROBLEMS) {
            let words: String =
                problem.text.chars().filter(|c| !c.is_control()).take(300).collect();
            text.push_str(&format!("- {words} ({})\r\n", problem.code));
        }
    }
    text.push_str(&format!(
        "\r\nYour administrator finds more with: chancery explain {}\r\n",
        subject.message.id
    ));
    text
}

/// Returns true if a field can stand in a header of ours.
fn is_harmless(raw: &[u8]) -> bool {
    raw.len() <= 8 * 1024 && raw.ends_with(b"\r\n") && HeaderBlock::parse(raw).fields().count() == 1
}

/// Fields that mail programs file and sort by.
const KEPT_FIELDS: [&str; 7] = ["From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To"];

/// Problems told to a reader.
const MAX_PROBLEMS: usize = 10;
