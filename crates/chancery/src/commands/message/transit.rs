//! `chancery message transit`: what a signed message survives on its way.

use std::io::Read as _;
use std::path::Path;

use chancery_smime::transit::{Effect, Rewriting, Survey};

use super::files::{Input, spool_failed};
use super::keys;
use crate::cli::message::Transit;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Runs the command.
pub(super) fn run(config: Option<&Path>, options: &Transit, output: Output) -> Result {
    let keys = if !options.keys.is_any() && config.is_none() {
        Vec::new()
    } else {
        keys::opening_all(&options.keys, config)?
    };
    let mut message = Vec::new();
    let mut input = Input::canonical(options.file.as_deref())?;
    (&mut input)
        .take(MAX_MESSAGE + 1)
        .read_to_end(&mut message)
        .map_err(|error| spool_failed(&error))?;
    drop(input);
    if message.len() as u64 > MAX_MESSAGE {
        return Err(Failure::usage("the message is larger than 64 MiB")
            .hint("try it with a smaller one: the form is the same for all"));
    }
    let survey = Survey::of(&message, &keys)
        .map_err(|error| Failure::of("cannot try the message", &error))?;
    if !survey.holds {
        return Err(Failure::no("no signature covers the message and fits it as it is")
            .hint("see `chancery message show`; --key opens what is encrypted"));
    }
    output.show(&survey, || text(&survey))
}

fn text(survey: &Survey) -> String {
    let lines = survey.findings.iter().map(|finding| {
        let effect = match finding.effect {
            Effect::Breaks => "breaks",
            Effect::Survives => "survives",
            Effect::Untouched => "untouched",
        };
        format!("{effect:<10}  {}\n", words(finding.rewriting))
    });
    lines.collect()
}

fn words(rewriting: Rewriting) -> &'static str {
    match rewriting {
        Rewriting::Base64Wrapped => "base64 is wrapped anew at 76 characters",
        Rewriting::BoundaryRenamed => "the outer multipart gets another boundary",
        Rewriting::EightBitEncoded => "text in 8 bits becomes quoted-printable",
        Rewriting::EndsTidied => "blank lines after multiparts are dropped",
        Rewriting::FooterAfter => "a footer is put behind the last part",
        Rewriting::FooterInText => "a footer is put into the text",
        Rewriting::FromQuoted => "\"From \" at the start of a line gets a \">\"",
        Rewriting::HeaderFolded => "the header is folded anew",
        Rewriting::LeadingDotDoubled => "a dot at the start of a line is doubled",
        Rewriting::LineFeeds => "line ends become LF",
        Rewriting::LongLinesCut => "lines over 998 characters are cut",
        Rewriting::PartHeadersFolded => "the headers of parts are folded anew",
        Rewriting::QuotedPrintableWrapped => "quoted-printable is encoded anew",
        Rewriting::SubjectTagged => "a list puts its name before the Subject",
        Rewriting::TrailingSpaceStripped => "white space at the end of lines is dropped",
    }
}

/// The message is held in memory a few times over.
const MAX_MESSAGE: u64 = 64 * 1024 * 1024;
