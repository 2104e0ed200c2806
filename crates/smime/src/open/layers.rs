//! Peels one layer of protection after the other off a message (RFC 8551 section 3.7).

use std::io::{self, Read, Seek, SeekFrom};

use chancery_cms::{EnvelopeReport, Receipt, SignedReport};
use chancery_fault::Code;
use chancery_mail::{
    Span,
    form::{self, Form},
    index::Part,
    transfer::Decoder,
};

use crate::{
    entity::{Entity, Head, Place},
    error::{self, Error, Result},
    keys::OpeningKey,
    open::{
        body,
        kind::{Kind, Sealed, kind_of},
        parts, signature,
    },
    spool::{Spool, Spools},
    verdict::{EncryptedBy, EncryptionVerdict, PartialVerdict, Problem},
};

/// A message without its layers.
#[derive(Default)]
pub(super) struct Peeled<'m> {
    /// What is inside of the innermost layer that could be opened; none if nothing may be shown.
    pub(super) content: Option<Content<'m>>,
    /// The layers from the outside in.
    pub(super) layers: Vec<Layer>,
    /// The names of the layers from the outside in, and of what is inside.
    pub(super) names: Vec<&'static str>,
    /// What was noticed.
    pub(super) problems: Vec<Problem>,
    /// True if a signature inside covers only a part of the content.
    pub(super) is_partial: bool,
    /// What is protected then, and what is not.
    pub(super) partial: Option<PartialVerdict>,
    /// What the message confirms, if it is a signed receipt.
    pub(super) receipt: Option<Receipt>,
    /// True if it was packed in Outlook's own format.
    pub(super) is_from_tnef: bool,
    /// Multiparts around the only part, that were taken off.
    frames: usize,
    /// True if mail programs may see another structure than the one that was verified.
    pub(super) is_ambiguous: bool,
}

/// The innermost content.
pub(super) struct Content<'m> {
    pub(super) entity: Entity<'m>,
    pub(super) head: Head,
}

/// One layer of protection.
pub(super) enum Layer {
    /// Encryption; none if it did not open.
    Encrypted(Option<EncryptionVerdict>),
    /// A signature over a part of what is shown; no report if it cannot be read.
    PartlySigned(Option<SignedReport>),
    /// A signature over all that is inside; no report if it cannot be read.
    Signed(Option<SignedReport>),
}

/// What one step found.
enum Step<'m> {
    /// A layer was taken off.
    Deeper(Content<'m>),
    /// There is no further layer.
    Bottom(Content<'m>),
    /// There is a layer that does not open.
    Closed,
}

/// Peels off all layers that open.
pub(super) fn peel<'m>(
    outer: Content<'m>,
    keys: &[OpeningKey],
    spools: &mut dyn Spools,
) -> Result<Peeled<'m>> {
    peel_further(Peeled::default(), outer, keys, spools)
}

/// Peels off the layers inside of an encryption that was opened already.
pub(super) fn peel_decrypted<'m>(
    inside: Content<'m>,
    report: EnvelopeReport,
    keys: &[OpeningKey],
    spools: &mut dyn Spools,
) -> Result<Peeled<'m>> {
    let mut peeled = Peeled::default();
    peeled.opened(report, keys);
    peel_further(peeled, inside, keys, spools)
}

fn peel_further<'m>(
    mut peeled: Peeled<'m>,
    outer: Content<'m>,
    keys: &[OpeningKey],
    spools: &mut dyn Spools,
) -> Result<Peeled<'m>> {
    let mut next = outer;
    loop {
        match peeled.step(next, keys, spools).map_err(Error::io("open the message"))? {
            Step::Deeper(content) => next = content,
            Step::Bottom(content) => {
                peeled.content = Some(content);
                return Ok(peeled);
            }
            Step::Closed => return Ok(peeled),
        }
    }
}

impl<'m> Peeled<'m> {
    fn step(
        &mut self,
        mut at: Content<'m>,
        keys: &[OpeningKey],
        spools: &mut dyn Spools,
    ) -> io::Result<Step<'m>> {
        if !at.head.is_whole {
            self.complain(&error::HEADER_TOO_LARGE, "the header is larger than 256 KiB");
            self.is_ambiguous = true;
            // Nobody knows what is behind it.
            self.is_partial = true;
            return Ok(Step::Bottom(at));
        }
        if at.head.is_multipart() {
            return self.multipart(at, spools);
        }
        let form = at.head.form();
        if !form.is_cms() {
            let part = at.head.part();
            self.note_elsewhere(part);
            if parts::is_tnef(part) {
                let body = Span {
                    start: at.head.body.saturating_sub(at.entity.span.start),
                    end: at.entity.span.len(),
                };
                let part = Part { body, ..part.clone() };
                if let Some(spool) = self.unpack_tnef(&mut at.entity, &part, spools)? {
                    return inner(spool);
                }
            }
            self.names.push(name_of(form, &at.head));
            return Ok(Step::Bottom(at));
        }
        if self.layers.len() >= MAX_LAYERS {
            self.complain(&error::TOO_DEEP, format!("more than {MAX_LAYERS} layers"));
            self.is_partial = true;
            return Ok(Step::Bottom(at));
        }
        self.note_head(&at.head);
        match kind_of(&mut at, form)? {
            Kind::Enveloped(sealed) => self.decrypt(at, &sealed, keys, spools),
            Kind::Compressed => self.expand(at, spools),
            Kind::Signed => self.unpack(at, spools),
            Kind::Authenticated(sealed) => self.check_code(at, &sealed, keys, spools),
            Kind::Digested => self.check_digest(at, spools),
            Kind::Other(what) if what == "data" => {
                self.names.push("application/pkcs7-mime");
                self.complain(
                    &error::MALFORMED,
                    "the message calls itself S/MIME, and nothing in it is signed or encrypted",
                );
                Ok(Step::Bottom(at))
            }
            Kind::Other(what) => {
                self.names.push("application/pkcs7-mime");
                self.complain(
                    &error::MALFORMED,
                    format!("the message calls itself S/MIME and has content of the type {what}"),
                );
                self.layers.push(Layer::Encrypted(None));
                Ok(Step::Closed)
            }
        }
    }

    /// Notes a header around something protected in place of which mail programs may show something else.
    fn note_head(&mut self, head: &Head) {
        if head.is_ambiguous() {
            self.complain(
                &error::SIGNATURE_MALFORMED,
                "the header can be read differently: where it ends, or what the content is",
            );
            self.is_ambiguous = true;
        }
    }

    fn multipart(&mut self, mut at: Content<'m>, spools: &mut dyn Spools) -> io::Result<Step<'m>> {
        let index = at.entity.index()?;
        let root = index.root();
        let form = form::classify(&index);
        let is_signed = form == Form::SmimeSignedDetached || claims_smime(root);
        let may_be_framed = !at.head.is_ambiguous() && self.frames < MAX_FRAMES;
        if !is_signed
            && may_be_framed
            && let Some(child) = parts::lone(&index)
        {
            self.frames += 1;
            self.names.push("multipart");
            return narrowed(at, child.whole());
        }
        if !is_signed
            && may_be_framed
            && let Some(part) = parts::lone_tnef(&index)
            && let Some(spool) = self.unpack_tnef(&mut at.entity, part, spools)?
        {
            return inner(spool);
        }
        let is_relabelled = !is_signed && may_be_framed && parts::is_relabelled(&index);
        if !is_signed && !is_relabelled {
            self.look_for_parts(&mut at, &index)?;
            self.names.push(name_of(form, &at.head));
            return Ok(Step::Bottom(at));
        }
        if self.layers.len() >= MAX_LAYERS {
            self.complain(&error::TOO_DEEP, format!("more than {MAX_LAYERS} layers"));
            self.is_partial = true;
            return Ok(Step::Bottom(at));
        }
        self.names.push("multipart/signed");
        self.note_head(&at.head);
        if signature::has_loose_delimiter(&mut at.entity, root)? {
            self.complain(
                &error::SIGNATURE_MALFORMED,
                "programs for which a lone CR ends a line see other parts, which nobody signed",
            );
            self.is_ambiguous = true;
        }
        let found = signature::verify(&mut at.entity, &index, root)?;
        self.problems.extend(found.problems);
        self.is_ambiguous |= found.is_shown;
        if is_relabelled {
            self.complain(
                &error::RELABELLED,
                "the message has the parts of a multipart/signed and calls itself something else",
            );
        }
        self.layers.push(Layer::Signed(found.report));
        let Some(span) = found.content else {
            return Ok(Step::Bottom(at));
        };
        narrowed(at, span)
    }

    fn decrypt(
        &mut self,
        mut at: Content<'m>,
        sealed: &Sealed,
        keys: &[OpeningKey],
        spools: &mut dyn Spools,
    ) -> io::Result<Step<'m>> {
        self.names.push(sealed.name);
        let ring: Vec<_> = keys.iter().map(OpeningKey::for_cms).collect();
        let mut spool = spools.fresh()?;
        let opened = chancery_cms::open_enveloped(at.cms()?, &ring, &mut spool);
        match opened {
            Ok(report) => {
                self.opened(report, keys);
                inner(spool)
            }
            Err(error) => self.closed(error, sealed),
        }
    }

    /// Notes an encryption that was opened.
    fn opened(&mut self, report: EnvelopeReport, keys: &[OpeningKey]) {
        let cipher = report.content_cipher.name();
        for problem in &report.problems {
            self.complain(&error::WEAK_ENCRYPTION, problem.to_string());
        }
        if !report.authenticated {
            let text = format!("{cipher} does not notice changes");
            self.complain(&error::CIPHER_UNAUTHENTICATED, text);
        }
        self.layers.push(Layer::Encrypted(Some(EncryptionVerdict {
            cipher: cipher.to_owned(),
            key_management: report.key_management,
            authenticated: report.authenticated,
            is_weak: !report.problems.is_empty(),
            recipient: keys.get(report.used).map(|key| key.fingerprint().to_owned()),
            by: EncryptedBy::Unknown,
        })));
    }

    /// Notes why a layer does not open; an error of the spool or the store is one of ours and no verdict.
    fn closed(&mut self, error: chancery_cms::Error, sealed: &Sealed) -> io::Result<Step<'m>> {
        let problem = match error {
            chancery_cms::Error::Io(source) => return Err(source),
            chancery_cms::Error::NotForUs { .. } => {
                let text = format!(
                    "none of our certificates is among the recipients: {}",
                    sealed.recipients
                );
                Problem::new(&error::NOT_FOR_US, text)
            }
            chancery_cms::Error::Malformed { .. } => {
                Problem::new(&error::MALFORMED, error.to_string())
            }
            // What the sender wrote in clear; no key has been touched.
            chancery_cms::Error::Unsupported { .. } | chancery_cms::Error::Limit { .. } => {
                Problem::new(&error::ENCRYPTION_UNSUPPORTED, error.to_string())
            }
            // Every failure that depends on a key looks the same (RFC 3218, Efail).
            _ => Problem::new(&error::UNDECIPHERABLE, "the message cannot be decrypted"),
        };
        self.problems.push(problem);
        self.layers.push(Layer::Encrypted(None));
        Ok(Step::Closed)
    }

    /// Expands compressed content (RFC 8551 section 3.6, RFC 3274); it may lie around a signature or inside of one.
    fn expand(&mut self, mut at: Content<'m>, spools: &mut dyn Spools) -> io::Result<Step<'m>> {
        self.names.push("compressed-data");
        if self.is_framed_too_often() {
            return Ok(Step::Bottom(at));
        }
        let mut spool = spools.fresh()?;
        let limit = chancery_cms::ExpansionLimit::default();
        let expanded = chancery_cms::open_compressed(at.cms()?, limit, &mut spool);
        match expanded {
            Ok(_) => inner(spool),
            Err(chancery_cms::Error::Io(source)) => Err(source),
            Err(failure) => {
                self.complain(&error::MALFORMED, failure.to_string());
                Ok(Step::Bottom(at))
            }
        }
    }

    /// Opens content with an authentication code (RFC 5652 section 9): nobody hid it, and each of its recipients could
    /// have written it, so it counts for nothing.
    fn check_code(
        &mut self,
        mut at: Content<'m>,
        sealed: &Sealed,
        keys: &[OpeningKey],
        spools: &mut dyn Spools,
    ) -> io::Result<Step<'m>> {
        self.names.push(sealed.name);
        if self.is_framed_too_often() {
            return Ok(Step::Bottom(at));
        }
        let ring: Vec<_> = keys.iter().map(OpeningKey::for_cms).collect();
        let mut spool = spools.fresh()?;
        let opened = chancery_cms::open_authenticated(at.cms()?, &ring, &mut spool);
        match opened {
            Ok(_) => {
                self.complain(
                    &error::NOT_SIGNED,
                    "the message has an authentication code that each of its recipients can make",
                );
                inner(spool)
            }
            Err(error) => self.closed(error, sealed),
        }
    }

    /// Opens content with its digest (RFC 5652 section 7), which anybody can make.
    fn check_digest(
        &mut self,
        mut at: Content<'m>,
        spools: &mut dyn Spools,
    ) -> io::Result<Step<'m>> {
        self.names.push("digested-data");
        if self.is_framed_too_often() {
            return Ok(Step::Bottom(at));
        }
        let mut spool = spools.fresh()?;
        let opened = chancery_cms::open_digested(at.cms()?, &mut spool);
        match opened {
            Ok(_) => {
                self.complain(
                    &error::NOT_SIGNED,
                    "the message has a digest, which anybody can make, and no signature",
                );
                inner(spool)
            }
            Err(chancery_cms::Error::Io(source)) => Err(source),
            Err(failure) => {
                self.complain(&error::MALFORMED, failure.to_string());
                Ok(Step::Bottom(at))
            }
        }
    }

    /// Counts a frame that protects nothing.
    pub(super) fn is_framed_too_often(&mut self) -> bool {
        self.frames += 1;
        let is_too_deep = self.frames > MAX_FRAMES;
        if is_too_deep {
            self.complain(&error::TOO_DEEP, "too many frames that protect nothing in each other");
            self.is_partial = true;
        }
        is_too_deep
    }

    /// Takes the content out of an opaque signature.
    fn unpack(&mut self, mut at: Content<'m>, spools: &mut dyn Spools) -> io::Result<Step<'m>> {
        self.names.push("signed-data");
        let mut spool = spools.fresh()?;
        let opened = chancery_cms::open_signed_attached(at.cms()?, &mut spool);
        match opened {
            Ok(report) if report.signers.is_empty() => {
                let is_empty = spool.seek(SeekFrom::End(0))? == 0;
                if is_empty {
                    let text = format!("{} certificates and no message", report.certificates.len());
                    self.complain(&error::CERTIFICATES_ONLY, text);
                } else {
                    self.complain(
                        &error::SIGNATURE_MALFORMED,
                        "the signed data has content but no signer",
                    );
                    self.layers.push(Layer::Signed(None));
                }
                Ok(Step::Bottom(at))
            }
            Ok(report) if report.content_type != "data" => {
                self.note_content(&report.content_type, &mut spool)?;
                self.layers.push(Layer::Signed(Some(report)));
                Ok(Step::Bottom(at))
            }
            Ok(report) => {
                let is_good = signature::is_good(&report);
                self.layers.push(Layer::Signed(Some(report)));
                // A bad signature in clear is shown as it came: unpacking would only hide the evidence.
                if !is_good && at.entity.is_received() {
                    Ok(Step::Bottom(at))
                } else {
                    inner(spool)
                }
            }
            Err(chancery_cms::Error::Io(source)) => Err(source),
            Err(failure) => {
                self.complain(
                    &error::SIGNATURE_MALFORMED,
                    format!("the signed data cannot be read: {failure}"),
                );
                self.layers.push(Layer::Signed(None));
                Ok(Step::Bottom(at))
            }
        }
    }

    /// Notes signed content that is no MIME (RFC 8551 section 2.4.1 has mail sign `data` only): a receipt, or something that
    /// no mail program shows.
    fn note_content(&mut self, kind: &str, content: &mut Box<dyn Spool>) -> io::Result<()> {
        if kind != "receipt" {
            let text = format!("what is signed is no mail but content of the type {kind}");
            self.complain(&error::SIGNATURE_MALFORMED, text);
            self.is_ambiguous = true;
            return Ok(());
        }
        content.rewind()?;
        let mut der = Vec::new();
        content.take(MAX_RECEIPT).read_to_end(&mut der)?;
        match Receipt::from_der(&der) {
            Ok(receipt) => {
                self.names.push("receipt");
                self.receipt = Some(receipt);
            }
            Err(error) => {
                self.complain(
                    &error::SIGNATURE_MALFORMED,
                    format!("the receipt cannot be read: {error}"),
                );
            }
        }
        Ok(())
    }

    /// Returns the number of the first layer inside of all encryption; what is signed there, is signed as it is shown.
    pub(super) fn inside_encryption(&self) -> usize {
        self.layers
            .iter()
            .rposition(|layer| matches!(layer, Layer::Encrypted(_)))
            .map_or(0, |at| at + 1)
    }

    /// Returns true if a signature covers all that is inside of the encryption.
    pub(super) fn is_signed_inside(&self) -> bool {
        self.layers
            .iter()
            .skip(self.inside_encryption())
            .any(|layer| matches!(layer, Layer::Signed(_)))
    }

    fn complain(&mut self, code: &'static Code, text: impl Into<String>) {
        self.problems.push(Problem::new(code, text));
    }
}

impl Content<'_> {
    /// Returns a reader of the CMS structure in the body.
    pub(super) fn cms(&mut self) -> io::Result<Decoder<impl Read>> {
        let encoding = self.head.part().transfer_encoding;
        let body = Span { start: self.head.body, end: self.entity.span.end };
        body::cms(&mut self.entity, body, encoding)
    }
}

/// Returns true if a multipart says that it is signed with S/MIME; its second part may be missing.
fn claims_smime(part: &Part) -> bool {
    let protocol =
        part.content_type.parameter("protocol").unwrap_or_default().trim().to_ascii_lowercase();
    part.content_type.is("multipart", "signed")
        && matches!(
            protocol.as_str(),
            "application/pkcs7-signature" | "application/x-pkcs7-signature"
        )
}

/// Narrows to a part, which is counted from the start of the entity.
fn narrowed(at: Content<'_>, span: Span) -> io::Result<Step<'_>> {
    let span = at.entity.placed(span);
    let mut entity = at.entity.narrowed(span);
    let head = entity.inner_head()?;
    Ok(Step::Deeper(Content { entity, head }))
}

/// Takes a spool that was written as the next entity.
fn inner<'m>(spool: Box<dyn Spool>) -> io::Result<Step<'m>> {
    let mut entity = Entity::whole(Place::Spool(spool))?;
    let head = entity.inner_head()?;
    Ok(Step::Deeper(Content { entity, head }))
}

/// Returns the name of what is inside all layers.
fn name_of(form: Form, head: &Head) -> &'static str {
    match form {
        Form::PgpEncrypted | Form::PgpInlineEncrypted => "openpgp-encrypted",
        Form::PgpInlineSigned | Form::PgpSigned => "openpgp-signed",
        _ if head.is_wrapped_message() => "message/rfc822",
        _ => "content",
    }
}

/// Sign, encrypt, sign is three; gateways and lists may add some. Each costs a private key operation at most.
const MAX_LAYERS: usize = 8;

/// A receipt has an identifier and a signature; post-quantum ones have some kilobytes.
const MAX_RECEIPT: u64 = 64 * 1024;

/// Frames around protected mail that are taken off: a list's and a gateway's.
const MAX_FRAMES: usize = 2;
