//! The lists and responses from which is answered.

use std::collections::HashMap;

use crate::name::DistinguishedName;
use crate::revocation::list::RevocationList;
use crate::revocation::ocsp::{OcspResponse, SingleResponse};

/// A set of lists and responses, found by who issued them. Cloning copies references only.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    lists: HashMap<DistinguishedName, Vec<RevocationList>>,
    /// The answers of responders, by the serial number of the certificate.
    answers: HashMap<Vec<u8>, Vec<SingleResponse>>,
}

impl Evidence {
    /// Returns a set without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a list, unless it is there. Lists of other dates stay: each time has its evidence.
    pub fn add_list(&mut self, list: RevocationList) {
        let lists = self.lists.entry(list.issuer_name().clone()).or_default();
        if lists.contains(&list) {
            return;
        }
        // The newest first, which is the order of looking.
        let place = lists.partition_point(|other| other.is_newer(&list));
        lists.insert(place, list);
    }

    /// Adds all answers of a response, unless they are there.
    pub fn add_response(&mut self, response: &OcspResponse) {
        for answer in response.answers() {
            let answers = self.answers.entry(answer.serial().to_vec()).or_default();
            if !answers.contains(&answer) {
                let place =
                    answers.partition_point(|other| other.this_update() > answer.this_update());
                answers.insert(place, answer);
            }
        }
    }

    /// Returns the answers about certificates with this serial number, the newest first.
    pub(crate) fn answers(&self, serial: &[u8]) -> &[SingleResponse] {
        self.answers.get(serial).map_or(&[], Vec::as_slice)
    }

    /// Returns the lists of an issuer, the newest first.
    pub(crate) fn lists(&self, issuer: &DistinguishedName) -> &[RevocationList] {
        self.lists.get(issuer).map_or(&[], Vec::as_slice)
    }
}

impl Extend<RevocationList> for Evidence {
    fn extend<T: IntoIterator<Item = RevocationList>>(&mut self, lists: T) {
        for list in lists {
            self.add_list(list);
        }
    }
}
