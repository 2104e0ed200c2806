//! What a source gave, before anybody looked at it.

use std::time::Duration;

use chancery_fault::Coded;
use chancery_net::dns::secure::Association;
use chancery_net::{dns, outbound};
use chancery_pki::Certificate;

use crate::error::Error;

use super::found::Channel;

/// An answer of a source; it may be that there is nothing.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) certificates: Vec<Certificate>,
    /// Why other things that came are no certificates.
    pub(super) unreadable: Vec<String>,
    /// SMIMEA records with signatures.
    pub(super) associations: Vec<Association>,
    pub(super) channel: Channel,
    /// How long the source says that it may be used.
    pub(super) lifetime: Option<Duration>,
}

/// Why a source gave no answer.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) is_temporary: bool,
    /// The source itself does not work, whatever the question; others need not ask it for a while.
    pub(super) is_of_source: bool,
    pub(super) code: &'static str,
    pub(super) why: String,
}

impl Given {
    pub(super) fn nothing(channel: Channel) -> Self {
        Self {
            certificates: Vec::new(),
            unreadable: Vec::new(),
            associations: Vec::new(),
            channel,
            lifetime: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.associations.is_empty()
    }
}

impl Failure {
    pub(super) fn temporary(error: &(impl Coded + ToString)) -> Self {
        let (code, why) = (error.code().id, error.to_string());
        Self { is_temporary: true, is_of_source: false, code, why }
    }

    pub(super) fn permanent(error: &Error) -> Self {
        Self { is_temporary: false, ..Self::temporary(error) }
    }
}

impl From<outbound::Error> for Failure {
    fn from(error: outbound::Error) -> Self {
        use outbound::Error as E;
        let is_temporary =
            !matches!(error, E::Address(_) | E::OutOfReach(_) | E::Redirect(_) | E::TooLarge(_));
        // What is too large is so for one address, and a refusal may be about one.
        let is_of_source = !matches!(error, E::TooLarge(_) | E::Refused(_));
        Self { is_temporary, is_of_source, ..Self::temporary(&error) }
    }
}

impl From<dns::Error> for Failure {
    fn from(error: dns::Error) -> Self {
        Self::temporary(&error)
    }
}
