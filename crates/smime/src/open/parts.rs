//! Looks at a multipart that is not protected as a whole: what in it is, and what lies outside.

use std::io::{self, Read, Take};

use chancery_mail::{
    Index,
    form::{self, Form},
    index::Part,
    transfer::Decoder,
};

use crate::{
    entity::{Entity, Place},
    error,
    open::{
        body::cms,
        layers::{Content, Layer, Peeled},
        signature,
        tnef::{self, Unpacked},
    },
    spool::{Spool, Spools},
    verdict::{PartialVerdict, Problem},
};

/// Protected parts of a multipart that is itself not protected.
#[derive(Default)]
struct PartsFound {
    /// Numbers of the parts that are a multipart/signed.
    signed: Vec<usize>,
    /// Numbers of the parts that are one CMS structure.
    sealed: Vec<usize>,
    /// Numbers of the parts that are a signature without what it covers.
    stray_signatures: Vec<usize>,
    /// Numbers of the parts in Microsoft's own format.
    tnef: Vec<usize>,
}

/// What was found in one CMS part.
enum Sealed {
    Encrypted,
    Other,
    Signed(chancery_cms::SignedReport),
}

impl Peeled<'_> {
    /// Looks for protected parts beside others: they are no protection of the message.
    pub(super) fn look_for_parts(&mut self, at: &mut Content<'_>, index: &Index) -> io::Result<()> {
        for part in index.parts() {
            self.note_elsewhere(part);
        }
        let found = PartsFound::of(index);
        self.note_tnef(&mut at.entity, found.tnef.iter().filter_map(|number| index.part(*number)))?;
        if self.is_signed_inside() {
            return Ok(());
        }
        let mut protected = Vec::new();
        if let Some((&number, part)) = first(&found.signed, index) {
            let verified = signature::verify(&mut at.entity, index, part)?;
            self.problems.extend(verified.problems);
            self.layers.push(Layer::PartlySigned(verified.report));
            protected.push(number);
        }
        let mut is_any_encrypted = false;
        for &number in found.sealed.iter().take(MAX_SEALED) {
            let Some(part) = index.part(number) else { continue };
            match sealed(&mut at.entity, part)? {
                Sealed::Encrypted => is_any_encrypted = true,
                Sealed::Other => continue,
                Sealed::Signed(report) => self.layers.push(Layer::PartlySigned(Some(report))),
            }
            protected.push(number);
        }
        if protected.is_empty() && found.stray_signatures.is_empty() {
            return Ok(());
        }
        self.is_partial = true;
        let partial = partial(index, &protected);
        if self.layers.iter().any(|layer| matches!(layer, Layer::PartlySigned(_))) {
            let protected = partial.protected.join(", ");
            let text = if partial.outside.is_empty() {
                format!(
                    "part {protected} is signed by itself; nobody signed the message as a whole"
                )
            } else {
                let outside = partial.outside.join(", ");
                format!("part {protected} is signed; nobody signed part {outside}")
            };
            self.problems.push(Problem::new(&error::PARTIALLY_PROTECTED, text));
        } else if !found.stray_signatures.is_empty() {
            self.problems.push(Problem::new(
                &error::PARTIALLY_PROTECTED,
                "a signature lies among the parts, and the message no longer says what it covers",
            ));
        }
        if is_any_encrypted {
            self.problems.push(Problem::new(
                &error::NESTED_NOT_OPENED,
                "an encrypted part lies beside other parts; it stays closed",
            ));
        }
        self.partial = Some(partial);
        Ok(())
    }

    /// Notes a part that is only a pointer: what the reader is shown comes from a server, or from other messages (RFC 2046
    /// sections 5.2.2 and 5.2.3), and no signature here covers it.
    pub(super) fn note_elsewhere(&mut self, part: &Part) {
        let kind = &part.content_type;
        let is_elsewhere = kind.is("message", "external-body") || kind.is("message", "partial");
        if !is_elsewhere || self.layers.is_empty() {
            return;
        }
        let text =
            "a part of the message is taken from elsewhere when it is shown; nobody signed that";
        self.note(Problem::new(&error::PARTIALLY_PROTECTED, text));
        self.is_ambiguous = true;
    }

    /// Takes in a problem, once.
    fn note(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Takes an S/MIME message out of the format of Outlook, if it is all there is (MS-OXOSMIME); else says that it is
    /// there.
    pub(super) fn unpack_tnef(
        &mut self,
        entity: &mut Entity<'_>,
        part: &Part,
        spools: &mut dyn Spools,
    ) -> io::Result<Option<Box<dyn Spool>>> {
        self.note_tnef(entity, std::iter::once(part))?;
        let has_smime = self.problems.iter().any(|problem| problem.code == error::TNEF.id);
        if !has_smime || self.is_framed_too_often() {
            return Ok(None);
        }
        let mut spool = spools.fresh()?;
        let unpacked = tnef::unpack(body(entity, part)?, &mut spool)?;
        if unpacked == Unpacked::WithMore {
            let text =
                "winmail.dat has more in it than the protected message; Outlook shows that too";
            self.note(Problem::new(&error::PARTIALLY_PROTECTED, text));
            self.is_ambiguous = true;
        }
        let is_whole = unpacked != Unpacked::Nothing;
        self.is_from_tnef |= is_whole;
        if is_whole {
            self.names.push("winmail.dat");
        }
        Ok(is_whole.then_some(spool))
    }

    /// Notes mail in the format of Outlook that has S/MIME inside, which nothing but Outlook can open.
    pub(super) fn note_tnef<'p>(
        &mut self,
        entity: &mut Entity<'_>,
        parts: impl Iterator<Item = &'p Part>,
    ) -> io::Result<()> {
        for part in parts.take(MAX_SEALED) {
            let mut start = Vec::new();
            body(entity, part)?.take(TNEF_START).read_to_end(&mut start)?;
            if start.starts_with(&tnef::SIGNATURE) && mentions_smime(&start) {
                let text = "an attachment winmail.dat of Outlook has the S/MIME message inside";
                self.note(Problem::new(&error::TNEF, text));
                return Ok(());
            }
        }
        Ok(())
    }
}

impl PartsFound {
    /// Looks at all parts but those of attached messages, which are another message's business.
    fn of(index: &Index) -> Self {
        let mut found = Self::default();
        let mut is_attached = Vec::with_capacity(index.parts().len());
        for (number, part) in index.parts().iter().enumerate() {
            let parent = part
                .parent
                .and_then(|number| Some((index.part(number)?, *is_attached.get(number)?)));
            let attached = parent
                .is_some_and(|(parent, attached)| attached || parent.content_type.is_message());
            is_attached.push(attached);
            if attached || part.parent.is_none() {
                continue;
            }
            match form::classify_part(index, part) {
                Form::SmimeSignedDetached => found.signed.push(number),
                // The signature of a multipart/signed belongs to it.
                _ if is_signature(part) => {
                    let is_stray =
                        !parent.is_some_and(|(it, _)| it.content_type.is("multipart", "signed"));
                    found.stray_signatures.extend(is_stray.then_some(number));
                }
                form if form.is_cms() && is_mail(part) => found.sealed.push(number),
                _ if is_tnef(part) => found.tnef.push(number),
                _ => {}
            }
        }
        found
    }
}

/// Returns the only part of a multipart, if it is protected mail: some gateways and lists put such a frame around it.
pub(super) fn lone(index: &Index) -> Option<&Part> {
    let root = index.root();
    let mut children = index.children(root);
    let (child, None) = (children.next()?, children.next()) else { return None };
    let is_protected = match form::classify_part(index, child) {
        Form::SmimeSignedDetached => true,
        form => form.is_cms() && is_mail(child),
    };
    (is_protected && !index.is_truncated()).then_some(child)
}

/// Returns the part in Outlook's own format, if there is nothing to read beside it: Exchange puts an empty text before it.
pub(super) fn lone_tnef(index: &Index) -> Option<&Part> {
    let is_empty = |part: &&Part| part.content_type.kind == "text" && part.body.len() <= MAX_EMPTY;
    let mut others = index.children(index.root()).filter(|part| !is_empty(part));
    let (part, None) = (others.next()?, others.next()) else { return None };
    (is_tnef(part) && !index.is_truncated()).then_some(part)
}

/// Returns true if a multipart has the two parts of a multipart/signed, and only calls itself something else.
pub(super) fn is_relabelled(index: &Index) -> bool {
    let children: Vec<&Part> = index.children(index.root()).collect();
    matches!(children.as_slice(), [_, signature] if is_signature(signature))
        && !index.is_truncated()
}

/// Returns true for a detached signature, by its type or by its name (RFC 8551 section 3.2.1).
fn is_signature(part: &Part) -> bool {
    let kind = &part.content_type;
    kind.is("application", "pkcs7-signature")
        || kind.is("application", "x-pkcs7-signature")
        || (kind.kind == "application" && has_name(part, "smime.p7s"))
}

/// Returns true if a CMS part is mail and not a signed document: those (`invoice.xml.p7m`) have other names.
fn is_mail(part: &Part) -> bool {
    part.content_type.parameter("smime-type").is_some()
        || has_name(part, "smime.p7m")
        || part.file_name().is_none()
}

/// Returns true for Outlook's own format (MS-OXTNEF).
pub(super) fn is_tnef(part: &Part) -> bool {
    part.content_type.is("application", "ms-tnef")
        || part.content_type.is("application", "vnd.ms-tnef")
        || has_name(part, "winmail.dat")
}

fn has_name(part: &Part, name: &str) -> bool {
    part.file_name().is_some_and(|it| it.trim().eq_ignore_ascii_case(name))
}

fn mentions_smime(tnef: &[u8]) -> bool {
    let wide = |text: &str| text.bytes().flat_map(|byte| [byte, 0]).collect::<Vec<u8>>();
    ["IPM.Note.SMIME", "smime.p7m"].iter().any(|text| {
        memchr::memmem::find(tnef, text.as_bytes()).is_some()
            || memchr::memmem::find(tnef, &wide(text)).is_some()
    })
}

/// Looks into a CMS part; one that cannot be read is as closed as one that is encrypted.
fn sealed(entity: &mut Entity<'_>, part: &Part) -> io::Result<Sealed> {
    let span = entity.placed(part.body);
    let Ok(inspected) = chancery_cms::inspect(cms(entity, span, part.transfer_encoding)?) else {
        return Ok(Sealed::Encrypted);
    };
    Ok(match inspected.content_type.as_str() {
        "signed-data" => {
            match chancery_cms::open_signed_attached(
                cms(entity, span, part.transfer_encoding)?,
                io::sink(),
            ) {
                Ok(report) if report.signers.is_empty() => Sealed::Other,
                Ok(report) => Sealed::Signed(report),
                Err(chancery_cms::Error::Io(source)) => return Err(source),
                Err(_) => Sealed::Other,
            }
        }
        "enveloped-data" | "auth-enveloped-data" => Sealed::Encrypted,
        _ => Sealed::Other,
    })
}

/// Returns a reader of the decoded body of a part.
fn body<'e, 'm>(
    entity: &'e mut Entity<'m>,
    part: &Part,
) -> io::Result<Decoder<Take<&'e mut Place<'m>>>> {
    Ok(Decoder::new(part.transfer_encoding, entity.reader(entity.placed(part.body))?))
}

fn first<'n, 'i>(numbers: &'n [usize], index: &'i Index) -> Option<(&'n usize, &'i Part)> {
    let number = numbers.first()?;
    Some((number, index.part(*number)?))
}

/// Names the protected parts, and the leaves that are in none of them.
fn partial(index: &Index, protected: &[usize]) -> PartialVerdict {
    let is_inside = |number: usize| {
        let mut at = Some(number);
        while let Some(number) = at {
            if protected.contains(&number) {
                return true;
            }
            at = index.part(number).and_then(|part| part.parent);
        }
        false
    };
    let leaves = index.parts().iter().enumerate().filter(|(_, part)| part.is_leaf());
    PartialVerdict {
        protected: protected.iter().map(|number| section(index, *number)).collect(),
        outside: leaves
            .filter(|(number, _)| !is_inside(*number))
            .take(MAX_NAMED)
            .map(|(number, _)| section(index, number))
            .collect(),
    }
}

/// Returns the number of a part as IMAP counts (RFC 3501 section 6.4.5): `1.2` is the second part of the first.
fn section(index: &Index, number: usize) -> String {
    let mut places = Vec::new();
    let mut at = number;
    while let Some(parent) = index.part(at).and_then(|part| part.parent) {
        let place = index.part(parent).and_then(|it| it.children.iter().position(|it| *it == at));
        places.push((place.unwrap_or_default() + 1).to_string());
        at = parent;
    }
    places.reverse();
    places.join(".")
}

/// Line ends only.
const MAX_EMPTY: u64 = 2;

/// CMS parts looked into; honest messages have one.
const MAX_SEALED: usize = 8;

/// Parts named in a verdict.
const MAX_NAMED: usize = 16;

/// The class of the message and the names of attachments stand near the start.
const TNEF_START: u64 = 64 * 1024;
