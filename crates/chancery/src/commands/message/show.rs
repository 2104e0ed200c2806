//! `chancery message show`: the structure of a message as a tree, as far as it can be seen without a key.

use std::io::{self, Read, Seek, SeekFrom};

use chancery_cms::{DetachedVerifier, ExpansionLimit, SignedReport};
use chancery_mail::form::{self, Form};
use chancery_mail::index::Part;
use chancery_mail::transfer::Decoder;
use chancery_mail::{Index, IndexBuilder, Span};
use chancery_pki::Certificate;
use chancery_smime::{ServicesVerdict, Spools as _, UnsignedVerdict};
use serde::Serialize;

use super::files::{CrlfWriter, Input, TemporarySpools, spool_failed};
use crate::cli::message::Show;
use crate::failure::Result;
use crate::output::{Output, day, plain, time};

/// Runs the command.
pub(super) fn run(options: &Show, output: Output) -> Result {
    let mut input = Input::open(options.file.as_deref())?;
    let tree = tree(&mut input, 0).map_err(|error| spool_failed(&error))?;
    drop(input);
    output.show(&tree, || {
        let mut text = String::new();
        draw(&tree, &mut text);
        text
    })
}

/// One part of a message, or one layer inside of a part.
#[derive(Debug, Default, Serialize)]
struct Node {
    /// Media type of a part, content type of a CMS layer.
    what: String,
    /// Bytes of the body as it stands in the message.
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cipher: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recipients: Vec<Recipient>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_count: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signers: Vec<Signer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<Shown>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Node>,
}

#[derive(Debug, Serialize)]
struct Recipient {
    identifier: String,
    key_management: String,
}

/// A signature; whether its maker may be believed is not looked at.
#[derive(Debug, Serialize)]
struct Signer {
    identifier: String,
    subject: String,
    algorithm: String,
    digest: Option<&'static str>,
    signing_time: Option<i64>,
    fits: bool,
    /// Labels, requests for receipts, mailing lists.
    #[serde(skip_serializing_if = "ServicesVerdict::is_empty")]
    services: ServicesVerdict,
    /// Counter-signatures, and names of what else nobody signed.
    #[serde(skip_serializing_if = "UnsignedVerdict::is_empty")]
    unsigned: UnsignedVerdict,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Shown {
    subject: String,
    issuer: String,
    key: String,
    emails: Vec<String>,
    valid_from: String,
    valid_until: String,
    fingerprint_sha256: String,
}

/// What a message is read from: the input, or the content of a layer.
trait Source: Read + Seek {}

impl<T: Read + Seek + ?Sized> Source for T {}

/// Looks at a whole message; `depth` counts the CMS layers around it.
fn tree(source: &mut dyn Source, depth: usize) -> io::Result<Node> {
    let index = index(source)?;
    let mut nodes: Vec<Option<Node>> = Vec::with_capacity(index.parts().len());
    let mut signatures: Vec<Option<(usize, Span)>> = vec![None; index.parts().len()];
    for (number, part) in index.parts().iter().enumerate() {
        let form = form::classify_part(&index, part);
        if form == Form::SmimeSignedDetached
            && let [content, signature] = part.children.as_slice()
            && let Some(content) = index.part(*content)
            && let Some(slot) = signatures.get_mut(*signature)
        {
            *slot = Some((number, content.whole()));
        }
        let mut node = Node {
            what: part.content_type.essence(),
            bytes: part.body.len(),
            encoding: (!part.transfer_encoding.is_identity())
                .then(|| format!("{:?}", part.transfer_encoding).to_ascii_lowercase()),
            file_name: part.file_name(),
            ..Node::default()
        };
        match signatures.get(number).copied().flatten() {
            Some((_, content)) => detached(source, part, content, &mut node)?,
            None if form.is_cms() => attached(source, part, depth, &mut node)?,
            None => {}
        }
        nodes.push(Some(node));
    }
    // Children stand behind their parents, so each is whole when its turn comes from behind.
    for (number, part) in index.parts().iter().enumerate().rev() {
        let Some(parent) = part.parent else { continue };
        let node = nodes.get_mut(number).and_then(Option::take);
        if let (Some(node), Some(Some(parent))) = (node, nodes.get_mut(parent)) {
            parent.parts.insert(0, node);
        }
    }
    let mut root = nodes.into_iter().next().flatten().unwrap_or_default();
    if let Some(limit) = index.limit() {
        root.problems.push(format!("not all of it was looked into: limit of {limit:?}"));
    }
    Ok(root)
}

fn index(source: &mut dyn Source) -> io::Result<Index> {
    source.rewind()?;
    let mut builder = IndexBuilder::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(builder.finish()),
            read => builder.push(buffer.get(..read).unwrap_or_default()),
        }
    }
}

/// Looks at the signature of a multipart/signed.
fn detached(
    source: &mut dyn Source,
    part: &Part,
    content: Span,
    node: &mut Node,
) -> io::Result<()> {
    let mut der = Vec::new();
    decoded(source, part)?.take(MAX_SIGNATURE).read_to_end(&mut der)?;
    match DetachedVerifier::new(&der) {
        Ok(mut verifier) => {
            source.seek(SeekFrom::Start(content.start))?;
            let mut canonical = CrlfWriter::new(&mut verifier);
            io::copy(&mut source.take(content.len()), &mut canonical)?;
            node.signed(&verifier.finish());
        }
        Err(error) => node.problems.push(format!("the signature cannot be read: {error}")),
    }
    Ok(())
}

/// Looks at a part that is one CMS structure, and into it if that takes no key.
fn attached(source: &mut dyn Source, part: &Part, depth: usize, node: &mut Node) -> io::Result<()> {
    if depth >= MAX_LAYERS {
        node.problems.push(format!("more than {MAX_LAYERS} layers; what lies deeper is not shown"));
        return Ok(());
    }
    let mut layer = Node { bytes: part.body.len(), ..Node::default() };
    let inspected = match chancery_cms::inspect(decoded(source, part)?) {
        Ok(inspected) => inspected,
        Err(error) => {
            node.problems.push(format!("the CMS structure cannot be read: {error}"));
            return Ok(());
        }
    };
    layer.what.clone_from(&inspected.content_type);
    layer.cipher = inspected.content_cipher;
    layer.recipient_count = (inspected.recipient_count > 0).then_some(inspected.recipient_count);
    let recipients = inspected.recipients.into_iter().zip(inspected.key_management);
    layer.recipients = recipients
        .map(|(identifier, key_management)| Recipient { identifier, key_management })
        .collect();
    let mut content = TemporarySpools.fresh()?;
    let mut is_mail = true;
    let result = match inspected.content_type.as_str() {
        "signed-data" => chancery_cms::open_signed_attached(decoded(source, part)?, &mut content)
            .map(|report| {
                layer.signed(&report);
                is_mail = report.content_type == "data";
                if !is_mail {
                    layer
                        .problems
                        .push(format!("what is signed is no mail but a {}", report.content_type));
                }
            }),
        "compressed-data" => {
            let limit = ExpansionLimit::default();
            chancery_cms::open_compressed(decoded(source, part)?, limit, &mut content).map(|_| ())
        }
        "digested-data" => {
            chancery_cms::open_digested(decoded(source, part)?, &mut content).map(|_| ())
        }
        _ => Ok(()),
    };
    if let Err(error) = result {
        layer.problems.push(error.to_string());
    } else if is_mail && content.seek(SeekFrom::End(0))? > 0 {
        layer.parts.push(tree(&mut content, depth + 1)?);
    }
    node.parts.push(layer);
    Ok(())
}

fn decoded<'s>(
    source: &'s mut dyn Source,
    part: &Part,
) -> io::Result<Decoder<io::Take<&'s mut dyn Source>>> {
    source.seek(SeekFrom::Start(part.body.start))?;
    Ok(Decoder::new(part.transfer_encoding, source.take(part.body.len())))
}

impl Node {
    /// Notes what a signed-data has.
    fn signed(&mut self, report: &SignedReport) {
        if report.trailing_bytes > 0 {
            self.problems
                .push(format!("{} bytes follow that nobody signed", report.trailing_bytes));
        }
        for signer in &report.signers {
            let certificate =
                signer.certificate.as_ref().and_then(|der| Certificate::from_der(der).ok());
            let mut problems: Vec<String> =
                signer.problems.iter().map(ToString::to_string).collect();
            problems.extend(signer.result.as_ref().err().map(ToString::to_string));
            self.signers.push(Signer {
                identifier: signer.identifier.to_string(),
                subject: certificate.map(|it| it.subject()).unwrap_or_default(),
                algorithm: signer.algorithm.clone(),
                digest: signer.digest.map(chancery_crypto::DigestAlgorithm::name),
                signing_time: signer.signing_time,
                fits: signer.result.is_ok(),
                services: ServicesVerdict::of(&signer.services),
                unsigned: UnsignedVerdict::of(signer),
                problems,
            });
        }
        for der in &report.certificates {
            match Certificate::from_der(der) {
                Ok(certificate) => self.certificates.push(Shown::of(&certificate)),
                Err(error) => self.problems.push(error.to_string()),
            }
        }
        if !report.crls.is_empty() {
            self.problems.push(format!("{} revocation lists, not looked at", report.crls.len()));
        }
    }
}

impl Shown {
    fn of(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            key: certificate.key_kind(),
            emails: certificate.emails().to_vec(),
            valid_from: day(certificate.not_before()),
            valid_until: day(certificate.not_after()),
            fingerprint_sha256: certificate.fingerprint_sha256(),
        }
    }
}

/// Draws a tree; a stack of its own stands for recursion.
fn draw(root: &Node, text: &mut String) {
    let mut open: Vec<(&Node, usize)> = vec![(root, 0)];
    while let Some((node, depth)) = open.pop() {
        let indent = "  ".repeat(depth);
        let mut line = |value: &str| *text += &format!("{indent}{}\n", plain(value));
        let mut head = format!("{}  {} bytes", node.what, node.bytes);
        for (name, value) in [("", &node.encoding), ("", &node.cipher), ("file ", &node.file_name)]
        {
            if let Some(value) = value {
                head += &format!(", {name}{value}");
            }
        }
        line(&head);
        for recipient in &node.recipients {
            line(&format!("- recipient {}: {}", recipient.identifier, recipient.key_management));
        }
        if let Some(more) =
            node.recipient_count.and_then(|it| it.checked_sub(node.recipients.len()))
            && more > 0
        {
            line(&format!("- and {more} more"));
        }
        for signer in &node.signers {
            let fits = if signer.fits { "fits" } else { "does not fit" };
            let at =
                signer.signing_time.map(|at| format!(", says {}", time(at.saturating_mul(1000))));
            let name = if signer.subject.is_empty() { &signer.identifier } else { &signer.subject };
            let (algorithm, digest) = (&signer.algorithm, signer.digest.unwrap_or_default());
            line(&format!(
                "- signer {name}: {fits} ({algorithm} {digest}){}",
                at.unwrap_or_default()
            ));
            for said in signer.services.lines().into_iter().chain(signer.unsigned.lines()) {
                line(&format!("  {said}"));
            }
            for problem in &signer.problems {
                line(&format!("  ! {problem}"));
            }
        }
        for it in &node.certificates {
            line(&format!(
                "- certificate {} ({}), {} to {}",
                it.subject, it.key, it.valid_from, it.valid_until
            ));
            line(&format!("  issuer {}; sha256 {}", it.issuer, it.fingerprint_sha256));
        }
        for problem in &node.problems {
            line(&format!("! {problem}"));
        }
        open.extend(node.parts.iter().rev().map(|part| (part, depth + 1)));
    }
}

const CHUNK: usize = 64 * 1024;

/// The opener goes as deep.
const MAX_LAYERS: usize = 8;

/// The opener reads no larger signature either.
const MAX_SIGNATURE: u64 = 1 << 20;
