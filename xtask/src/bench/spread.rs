//! What several rounds came to: the middle one, and how far the others lie from it.

use serde::Serialize;

/// What several rounds came to.
#[derive(Serialize)]
pub(super) struct Spread {
    pub(super) middle: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    /// Sums up the rounds.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        Self { middle: at(values.len() / 2), lowest: at(0), highest: at(last) }
    }

    /// Sums up the rounds; none if one has no figure.
    pub(super) fn of_some(values: impl Iterator<Item = Option<f64>>) -> Option<Self> {
        let values: Vec<f64> = values.collect::<Option<_>>()?;
        Some(Self::of(values.into_iter()))
    }

    /// Returns it for people: the middle, and how far the others lie.
    pub(super) fn text(&self, digits: usize) -> String {
        let Self { middle, lowest, highest } = self;
        format!("{middle:.digits$} ({lowest:.digits$}–{highest:.digits$})")
    }
}
