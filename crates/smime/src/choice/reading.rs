//! What a recipient is believed to read, out of all statements about it.

use crate::{
    capability::{ContentAlgorithm, KeyTransport},
    choice::{Source, Statement},
};

/// What a recipient is believed to read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) content: Vec<ContentAlgorithm>,
    pub(crate) content_source: Source,
    pub(crate) content_at: Option<i64>,
    pub(crate) ways: Vec<KeyTransport>,
    pub(crate) key_source: Source,
    pub(crate) reasons: Vec<String>,
}

impl Reading {
    /// Weighs the statements about one recipient.
    pub(crate) fn of(statements: &[Statement]) -> Self {
        let mut ranked: Vec<&Statement> = statements.iter().collect();
        ranked.sort_by_key(|it| std::cmp::Reverse(rank(it)));
        let on_content = ranked.iter().find(|it| it.capabilities.names_ciphers);
        let on_keys = ranked.iter().find(|it| !it.capabilities.key_transport.is_empty());
        let mut content = match on_content {
            Some(said) if said.source != Source::Observed => said.capabilities.content.clone(),
            Some(_) | None => vec![DEFAULT],
        };
        if let Some(said) = on_content.filter(|it| it.source == Source::Observed) {
            // It was not signed how it was encrypted, so this can add to the default and never take from it.
            let better = said.capabilities.content.iter().filter(|it| it.is_authenticated());
            content.extend(better);
        }
        let reasons = ranked.iter().map(|said| {
            let decides =
                [on_content, on_keys].into_iter().flatten().any(|it| std::ptr::eq(*it, *said));
            let note = if decides { "" } else { "; not used, something better is known" };
            format!("{}{note}", said.describe())
        });
        let mut reasons: Vec<String> = reasons.collect();
        if on_content.is_none() {
            reasons.push(format!("nothing says which ciphers it reads, so {}", DEFAULT.as_str()));
        }
        Self {
            content,
            content_source: on_content.map_or(Source::Default, |it| it.source),
            content_at: on_content.map(|it| it.at),
            ways: on_keys.map(|it| it.capabilities.key_transport.clone()).unwrap_or_default(),
            key_source: on_keys.map_or(Source::Default, |it| it.source),
            reasons,
        }
    }
}

/// Orders statements: the higher, the more it counts. Attribute and extension are both the recipient's own word, so the
/// newer one counts; of the same time, the attribute, which the software makes by itself.
fn rank(said: &Statement) -> (u8, i64, Source) {
    let class = match said.source {
        Source::Card => 3,
        Source::Attribute | Source::Extension => 2,
        Source::Observed => 1,
        Source::Default => 0,
    };
    (class, said.at, said.source)
}

/// For somebody of whom nothing is known: as strong as AES is, and read by every program since S/MIME 3.1.
const DEFAULT: ContentAlgorithm = ContentAlgorithm::Aes256Cbc;
