//! How far each name is from an anchor, counted in certificates: the search walks towards the anchors with it.
//!
//! It is a walk down from the anchors over names alone, which looks at each certificate once at most. A name that it does
//! not reach has no path, however many cross-certificates lead around it.

use crate::path::pool::{NameId, Pool};

/// The distances of one pool to one set of anchors.
pub(super) struct Distances<'a> {
    pool: &'a Pool,
    by_name: Vec<u32>,
    /// The names at the distance `reached`, not walked on from yet.
    border: Vec<NameId>,
    reached: u32,
}

impl<'a> Distances<'a> {
    /// Begins at the names of the anchors.
    pub(super) fn new(pool: &'a Pool, anchors: impl Iterator<Item = NameId>) -> Self {
        let by_name = vec![UNKNOWN; pool.name_count()];
        let mut distances = Self { pool, by_name, border: Vec::new(), reached: 0 };
        for name in anchors {
            distances.note(name, 0);
        }
        distances
    }

    /// Walks until the distance of a name is known, or nothing is left to walk.
    pub(super) fn walk_to(&mut self, name: NameId) {
        while self.get(name) == UNKNOWN && !self.border.is_empty() {
            self.walk_on();
        }
    }

    /// Walks until every distance up to this one is known.
    pub(super) fn walk_as_far_as(&mut self, distance: u32) {
        while self.reached < distance && !self.border.is_empty() {
            self.walk_on();
        }
    }

    /// Walks until every distance is known.
    pub(super) fn walk_all(&mut self) {
        while !self.border.is_empty() {
            self.walk_on();
        }
    }

    /// Returns a lower bound of the number of certificates between a name and an anchor; `None` if there is no way.
    pub(super) fn at_least(&self, name: NameId) -> Option<u32> {
        match self.get(name) {
            UNKNOWN if self.border.is_empty() => None,
            UNKNOWN => Some(self.reached + 1),
            distance => Some(distance),
        }
    }

    fn walk_on(&mut self) {
        let pool = self.pool;
        let next = self.reached + 1;
        for name in std::mem::take(&mut self.border) {
            for certified in pool.certified_by(name) {
                self.note(certified, next);
            }
        }
        self.reached = next;
    }

    fn get(&self, name: NameId) -> u32 {
        let place = usize::try_from(name).ok();
        place.and_then(|place| self.by_name.get(place)).copied().unwrap_or(UNKNOWN)
    }

    fn note(&mut self, name: NameId, distance: u32) {
        let place = usize::try_from(name).ok().and_then(|place| self.by_name.get_mut(place));
        if let Some(known) = place
            && *known == UNKNOWN
        {
            *known = distance;
            self.border.push(name);
        }
    }
}

/// No distance.
const UNKNOWN: u32 = u32::MAX;
