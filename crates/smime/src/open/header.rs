//! Compares the header inside of the protection with the one outside, and decides which fields are shown.

use chancery_mail::header::{Field, HeaderBlock};

use crate::{
    entity::Patch,
    header::{HeaderForm, PROTECTED, same_value, says_clear},
    verdict::HeaderVerdict,
};

/// The header inside beside the one outside.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Fields that are inside.
    pub(super) inside: Vec<&'static str>,
    /// Of these, those that the author hid from the world.
    pub(super) hidden: Vec<&'static str>,
    /// Of these, those that were changed, added or taken away outside, after the message was protected.
    pub(super) differing: Vec<&'static str>,
    /// Fields that are only outside although the author protected the header.
    pub(super) added: Vec<&'static str>,
}

/// Which of the two headers each shown field is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Restoration {
    /// True if From is taken from inside.
    pub(super) takes_from: bool,
    /// Fields of the outer header that are not shown.
    pub(super) dropped: Vec<&'static str>,
    /// What takes the legacy display off the body.
    pub(super) display: Vec<Patch>,
}

impl Comparison {
    pub(super) fn of(
        form: HeaderForm,
        outer: HeaderBlock<'_>,
        inner: HeaderBlock<'_>,
        is_encrypted: bool,
    ) -> Self {
        let mut found = Self::default();
        if form == HeaderForm::None {
            return found;
        }
        for name in PROTECTED {
            let outside: Vec<Field<'_>> = outer.all(name).take(2).collect();
            let Some(inside) = inner.first(name) else {
                if form != HeaderForm::ProtectedHeadersV1
                    && !outside.is_empty()
                    && !WRITTEN_ON_THE_WAY.contains(&name)
                {
                    found.added.push(name);
                }
                continue;
            };
            found.inside.push(name);
            let is_same = matches!(outside.as_slice(), [one] if same_value(name, one, &inside));
            if is_same {
                continue;
            }
            if is_encrypted && is_announced(form, name, &outside, inner) {
                found.hidden.push(name);
            } else {
                found.differing.push(name);
            }
        }
        found
    }

    /// Takes note that From outside is shown, although there is one inside: nothing covers it.
    pub(super) fn leave_from_outside(&mut self) {
        let is_inside = self.inside.contains(&"From");
        for fields in [&mut self.inside, &mut self.hidden] {
            fields.retain(|name| *name != "From");
        }
        if is_inside && !self.differing.contains(&"From") {
            self.differing.insert(0, "From");
        }
    }

    /// Returns true if what stands outside is not what was protected.
    pub(super) fn is_changed(&self) -> bool {
        !self.differing.is_empty() || !self.added.is_empty()
    }

    /// Forms the verdict about the header; `is_signed` if a right signature covers what is inside.
    pub(super) fn verdict(&self, form: HeaderForm, is_signed: bool) -> HeaderVerdict {
        HeaderVerdict {
            form,
            covered: if is_signed { self.inside.clone() } else { Vec::new() },
            hidden: self.hidden.clone(),
            differing: self.differing.clone(),
            added: self.added.clone(),
        }
    }
}

impl Restoration {
    /// Returns the field to show in place of the outer one.
    pub(super) fn inner<'h>(&self, name: &str, inner: HeaderBlock<'h>) -> Option<Field<'h>> {
        if name == "From" && !self.takes_from { None } else { inner.first(name) }
    }
}

/// Returns true if the author meant the outer field to be as it is: `HP-Outer` says so (RFC 9788 section 2.2), or the
/// form is one that has no `HP-Outer`, where the outer field is only a stand-in. Who wrote `hp="clear"` hid nothing, and
/// somebody else encrypted it (section 2.1.1).
fn is_announced(
    form: HeaderForm,
    name: &str,
    outside: &[Field<'_>],
    inner: HeaderBlock<'_>,
) -> bool {
    if form == HeaderForm::Hp && says_clear(inner) {
        return false;
    }
    if form != HeaderForm::Hp || inner.first("HP-Outer").is_none() {
        return true;
    }
    let announced = inner
        .all("HP-Outer")
        .map(|field| field.value.trim_ascii_start())
        .find(|line| HeaderBlock::parse(line).first(name).is_some());
    match (announced, outside) {
        (None, []) => true,
        (Some(line), [outside]) => HeaderBlock::parse(line)
            .first(name)
            .is_some_and(|announced| same_value(name, &announced, outside)),
        _ => false,
    }
}

/// Fields that servers add to mail that lacks them.
const WRITTEN_ON_THE_WAY: [&str; 2] = ["Date", "Message-ID"];

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(outer: &str, inner: &str, is_encrypted: bool) -> Comparison {
        Comparison::of(
            HeaderForm::Hp,
            HeaderBlock::parse(outer.as_bytes()),
            HeaderBlock::parse(inner.as_bytes()),
            is_encrypted,
        )
    }

    #[test]
    fn what_the_author_announced_is_hidden_and_everything_else_was_changed() {
        let inner = "HP-Outer: Subject: [...]\r\nHP-Outer:\r\n From: a@b.example\r\nFrom: a@b.example\r\n\
             Subject: real\r\nKeywords: k\r\n";
        let good = compare("From: a@b.example\r\nSubject: [...]\r\n", inner, true);
        assert_eq!(good.inside, ["From", "Subject", "Keywords"]);
        assert_eq!(good.hidden, ["Subject", "Keywords"]);
        assert!(!good.is_changed());

        let changed = compare(
            "From: c@b.example\r\nSubject: [list] [...]\r\nReply-To: evil@d.example\r\nDate: now\r\n",
            inner,
            true,
        );
        assert_eq!(changed.differing, ["From", "Subject"]);
        assert_eq!(changed.added, ["Reply-To"]);
        assert_eq!(changed.hidden, ["Keywords"]);

        // The author announced a Subject outside, and there is none any more.
        assert_eq!(compare("From: a@b.example\r\n", inner, true).differing, ["Subject"]);
        // Nothing can be hidden without encryption.
        assert_eq!(
            compare("From: a@b.example\r\nSubject: [...]\r\n", inner, false).differing,
            ["Subject", "Keywords"]
        );
    }

    #[test]
    fn a_field_that_is_there_twice_outside_is_not_the_one_that_was_signed() {
        let twice = compare("Subject: a\r\nSubject: a\r\n", "Subject: a\r\n", false);
        assert_eq!(twice.differing, ["Subject"]);
    }
}
