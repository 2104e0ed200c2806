//! The part of the conclusion that is about the header: which From counts, and what is said about the other fields.

use std::io;

use chancery_mail::{
    address::{self, Mailbox},
    header::HeaderBlock,
};

use crate::{
    entity::{Entity, Head, Patch},
    error,
    header::{HeaderForm, is_same_message, legacy, legacy_part, says_clear},
    open::{
        Authors, Conclusion, authors_of,
        deliver::{self, Plan},
        header::{Comparison, Restoration},
        is_good_for_from,
        layers::{Content, Layer},
    },
};

impl Conclusion<'_, '_> {
    /// Decides what is shown of a message whose content is no wrapped message, and whose From it is.
    ///
    /// From inside counts if it is the one outside, or if somebody signed it who may speak for it; then a From that
    /// was changed on the way is put right, and the message is still not called verified. Otherwise From outside is
    /// shown, which the network has judged: else anybody could choose it by encrypting.
    pub(super) fn in_place(&mut self, content: &mut Content<'_>) -> io::Result<(Plan, Authors)> {
        let is_received = content.entity.is_received();
        let unchanged = if is_received { Plan::AsReceived } else { Plan::Rebuilt(None) };
        let inner = content.head.block();
        // A lone CR would end a line for some, and show them other fields than those that were compared.
        let form =
            if has_lone_cr(inner.raw()) { HeaderForm::None } else { HeaderForm::of_content(inner) };
        let is_protected = !self.peeled.layers.is_empty()
            && !self.peeled.is_partial
            && form != HeaderForm::None
            && (!is_received || self.is_signature_good());
        if !is_protected {
            return Ok((unchanged, self.outer_authors.clone()));
        }
        let (takes_from, authors) = self.authors_by(content);
        let comparison = self.compare(form, inner, takes_from);
        let speaks = authors.as_ref().is_ok_and(|authors| self.is_spoken_for(authors));
        let dropped = if speaks {
            // The outer From goes only where the inner one comes.
            comparison.added.iter().copied().filter(|name| *name != "From").collect()
        } else {
            Vec::new()
        };
        // Only who meant to encrypt wrote a legacy display (RFC 9788 section 4.5.3.1).
        let has_display = self.peeled.inside_encryption() > 0 && !says_clear(content.head.block());
        let display = if has_display {
            legacy_display(form, &mut content.entity, &content.head)?
        } else {
            Vec::new()
        };
        let restoration = Restoration { takes_from, dropped, display };
        self.sender = match restoration.inner("Sender", inner) {
            Some(_) => sender_of(inner),
            None if restoration.dropped.contains(&"Sender") => None,
            None => self.sender.take(),
        };
        let plan = if !is_received {
            Plan::Rebuilt(Some(restoration))
        } else if speaks && comparison.is_changed() {
            Plan::Restored(restoration, content.entity.stream_end()?)
        } else {
            unchanged
        };
        Ok((plan, authors))
    }

    /// Returns true if this is the header of the received message, kept inside, and neither a layer of its own nor one
    /// that is protected in place.
    pub(super) fn is_message_around(&self, inner: &Head) -> bool {
        let (Ok(outer), Ok(authors)) = (&self.outer_authors, authors_of(inner)) else {
            return false;
        };
        let kind = &inner.part().content_type;
        let is_layer = inner.form().is_cms()
            || kind.is("multipart", "signed")
            || kind.is("multipart", "encrypted");
        inner.is_whole
            && !is_layer
            && HeaderForm::of_content(inner.block()) == HeaderForm::None
            && deliver::agree(outer, &authors)
            && is_same_message(self.outer.block(), inner.block())
    }

    /// Returns whether From is taken from inside, and who the authors are then.
    fn authors_by(&mut self, content: &Content<'_>) -> (bool, Authors) {
        if content.head.block().first("From").is_none() {
            return (false, self.outer_authors.clone());
        }
        let inner = match authors_of(&content.head) {
            Ok(inner) => inner,
            Err(error) => {
                self.complain(&error::FROM_AMBIGUOUS, format!("inside of the protection: {error}"));
                self.peeled.is_ambiguous = true;
                return (false, self.outer_authors.clone());
            }
        };
        if self.outer_authors.as_ref().is_ok_and(|outer| deliver::agree(outer, &inner)) {
            return (true, Ok(inner));
        }
        self.complain(
            &error::FROM_DIFFERS,
            "From outside is not the From that was protected with the content",
        );
        self.is_from_changed = true;
        if self.is_spoken_for(&inner) {
            (true, Ok(inner))
        } else {
            (false, self.outer_authors.clone())
        }
    }

    /// Compares the header inside with the one outside, and keeps what the verdict says about it; `takes_from` says that
    /// From inside is shown.
    pub(super) fn compare(
        &mut self,
        form: HeaderForm,
        inner: HeaderBlock<'_>,
        takes_from: bool,
    ) -> Comparison {
        let is_encrypted = self.peeled.inside_encryption() > 0;
        let mut comparison = Comparison::of(form, self.outer.block(), inner, is_encrypted);
        if !takes_from {
            comparison.leave_from_outside();
        }
        let is_signed = self.peeled.is_signed_inside() && self.is_signature_good();
        self.header = comparison.verdict(form, is_signed);
        comparison
    }

    /// Looks for a name beside an author's address that shows another address (`"boss@acme.example" <eve@evil.example>`):
    /// many readers show the name alone. It is no deception if a signer may speak for that address too. And looks for
    /// domains that only look like another one.
    pub(super) fn look_at_names(&mut self, authors: &[Mailbox]) {
        if self.peeled.layers.is_empty() {
            return;
        }
        let mut looked_at = 0;
        for author in authors {
            for address in author.misleading_addresses() {
                looked_at += 1;
                let shown = Mailbox { display: String::new(), address, beside: String::new() };
                if looked_at > MAX_NAMES || !self.is_spoken_for(std::slice::from_ref(&shown)) {
                    let text = format!("the name of {} shows another address", author.address);
                    self.complain(&error::FROM_MISLEADING, text);
                    self.peeled.is_ambiguous = true;
                    return;
                }
            }
        }
        let look_alike =
            authors.iter().find_map(|author| Some((author, author.address.looks_like()?)));
        if let Some((author, seen)) = look_alike {
            let text = format!("the domain of {} looks like {seen} and is another", author.address);
            self.complain(&error::FROM_LOOKALIKE, text);
        }
    }

    /// Notes what the reader should know about the header: what is not covered, what was changed, who sent it.
    pub(super) fn note_header(&mut self, authors: &[Mailbox]) {
        let is_signed = self.peeled.is_signed_inside() && self.is_signature_good();
        if is_signed && !self.header.covered.contains(&"From") && !self.peeled.is_partial {
            let text = if self.header.covered.is_empty() {
                "the signature covers the content; all fields of the header lie outside of it"
            } else {
                "the signature covers the content and some fields of the header, but not From"
            };
            self.complain(&error::HEADER_NOT_COVERED, text);
        }
        // A wrapped message is shown whole; its wrapper is nobody's business but for From, which was looked at.
        if self.header.form != HeaderForm::Wrapped {
            for (fields, what) in [
                (self.header.differing.join(", "), "fields that were changed outside"),
                (self.header.added.join(", "), "fields that were added outside"),
            ] {
                if !fields.is_empty() {
                    self.complain(&error::HEADER_DIFFERS, format!("{what}: {fields}"));
                }
            }
        }
        self.note_sender(authors);
    }

    /// Notes a Sender who is no author, and for whom no signer may speak (RFC 5322 section 3.6.2).
    fn note_sender(&mut self, authors: &[Mailbox]) {
        let is_signed = self.peeled.layers.iter().any(|it| !matches!(it, Layer::Encrypted(_)));
        let Some(sender) = self.sender.take().filter(|_| is_signed) else { return };
        let Ok(sender) = sender else {
            self.complain(
                &error::SENDER_DIFFERS,
                "the field Sender cannot be read in one way only",
            );
            return;
        };
        let is_author = authors.iter().any(|author| author.address.same_mailbox(&sender.address));
        if is_author {
            return;
        }
        if !self.is_spoken_for(std::slice::from_ref(&sender)) {
            let text = format!("Sender is {}, who is not in From", sender.address);
            self.complain(&error::SENDER_DIFFERS, text);
        } else if !self.is_spoken_for(authors) {
            // RFC 8550 section 3 lets a signer be in either field. Readers see From, so that alone is believed.
            let text = format!("the signer is Sender, {}, who is not in From", sender.address);
            self.complain(&error::SENDER_DIFFERS, text);
        }
    }

    /// Returns true if a right signature over the content is by somebody who may speak for all of them.
    fn is_spoken_for(&self, authors: &[Mailbox]) -> bool {
        self.signers(authors).iter().any(is_good_for_from)
    }
}

/// Returns what takes the legacy display off; programs of the time between write both forms of it.
fn legacy_display(
    form: HeaderForm,
    entity: &mut Entity<'_>,
    head: &Head,
) -> io::Result<Vec<Patch>> {
    let display = match form {
        HeaderForm::Hp => legacy::remove(entity, head)?,
        _ => Vec::new(),
    };
    if !display.is_empty() || !head.is_multipart() {
        return Ok(display);
    }
    legacy_part::remove(entity, head)
}

/// Returns the mailbox in the field Sender; an error if it is there and not clear.
pub(super) fn sender_of(header: HeaderBlock<'_>) -> Option<Result<Mailbox, ()>> {
    let mut fields = header.all("Sender");
    let (first, second) = (fields.next()?, fields.next());
    let mut list = address::parse_mailbox_list(first.value);
    let is_clear = second.is_none() && list.problems.is_empty() && list.mailboxes.len() == 1;
    Some(list.mailboxes.pop().filter(|_| is_clear).ok_or(()))
}

/// Returns true if this is a message that does not say whether it is wrapped or forwarded, as before the parameter.
pub(super) fn is_undeclared_message(head: &Head) -> bool {
    let root = head.part();
    root.content_type.is_message()
        && root.transfer_encoding.is_identity()
        && root.content_type.parameter("forwarded").is_none()
}

fn has_lone_cr(header: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', header).any(|at| header.get(at + 1) != Some(&b'\n'))
}

/// Other addresses in names looked at; each may cost a look at all signers, and no honest message has more.
const MAX_NAMES: usize = 8;
