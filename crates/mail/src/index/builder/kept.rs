//! The few fields of a part that the index reads, as they come in line by line.

/// The fields of the part whose header is being read, raw; the first of each kind counts.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) content_type: Option<Vec<u8>>,
    pub(super) transfer_encoding: Option<Vec<u8>>,
    pub(super) disposition: Option<Vec<u8>>,
    /// The field that a continuation line would belong to.
    pub(super) current: Option<Kind>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    ContentType,
    Disposition,
    TransferEncoding,
}

impl Kept {
    pub(super) fn start_field(&mut self, name: &str, value: &[u8]) {
        let kind = if name.eq_ignore_ascii_case("content-type") {
            Kind::ContentType
        } else if name.eq_ignore_ascii_case("content-transfer-encoding") {
            Kind::TransferEncoding
        } else if name.eq_ignore_ascii_case("content-disposition") {
            Kind::Disposition
        } else {
            self.current = None;
            return;
        };
        let slot = self.slot(kind);
        if slot.is_some() {
            self.current = None;
        } else {
            *slot = Some(value.to_vec());
            self.current = Some(kind);
        }
    }

    pub(super) fn add_line(&mut self, content: &[u8]) {
        let Some(kind) = self.current else { return };
        if let Some(value) = self.slot(kind) {
            let room = FIELD_KEPT.saturating_sub(value.len());
            value.extend_from_slice(content.get(..room).unwrap_or(content));
        }
    }

    fn slot(&mut self, kind: Kind) -> &mut Option<Vec<u8>> {
        match kind {
            Kind::ContentType => &mut self.content_type,
            Kind::Disposition => &mut self.disposition,
            Kind::TransferEncoding => &mut self.transfer_encoding,
        }
    }

    /// Returns about how much memory these fields take once they are read: the text, and two strings a parameter.
    pub(super) fn cost(&self) -> usize {
        [&self.content_type, &self.disposition]
            .into_iter()
            .flatten()
            .map(|value| value.len() + 64 * memchr::memchr_iter(b';', value).count())
            .sum()
    }
}

/// How much of one field of a part is kept, over all its lines.
const FIELD_KEPT: usize = 32 * 1024;
