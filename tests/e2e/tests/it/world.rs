//! Two organisations with everything around them, and one organisation between two recorders.

use chancery_e2e::{
    chancery::Gateway,
    peers::{Dialogue, Filter, Postfix, Role, SmtpSink, Tap},
};

/// How Acme's Postfix hands outgoing mail to its gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handover {
    /// `content_filter` over LMTP.
    ContentFilter,
    /// `relayhost` over SMTP.
    RelayHost,
}

/// One organisation: its mail server, its gateway, and the recorder in front of the gateway.
pub(crate) struct Organisation {
    pub(crate) postfix: Postfix,
    pub(crate) gateway: Gateway,
    pub(crate) tap: Tap,
}

/// A gateway between two sinks: `mailboxes` for its own people, `internet` for everybody else.
pub(crate) struct Lone {
    pub(crate) gateway: Gateway,
    pub(crate) mailboxes: SmtpSink,
    pub(crate) internet: SmtpSink,
}

/// Acme and Globex, who know each other's cards and reach each other through taps.
pub(crate) fn acme_and_globex(handover: Handover) -> (Organisation, Organisation) {
    let acme = Organisation::set_up("acme.example", handover);
    let globex = Organisation::set_up("globex.example", handover);
    acme.gateway.route("globex.example", globex.tap.address());
    globex.gateway.route("acme.example", acme.tap.address());
    acme.gateway.meet(&globex.gateway);
    let mut both = (acme, globex);
    both.0.gateway.start();
    both.1.gateway.start();
    both
}

impl Organisation {
    /// Starts the mail server and sets the gateway up, which does not run yet.
    fn set_up(domain: &str, handover: Handover) -> Self {
        let postfix = Postfix::new();
        let gateway = Gateway::init(domain, postfix.inside());
        let filter = match handover {
            Handover::ContentFilter => Filter::Content(gateway.inside_lmtp()),
            Handover::RelayHost => Filter::Relay(gateway.inside()),
        };
        postfix.start(&Role { domain: domain.into(), filter });
        let tap = Tap::before(gateway.outside());
        Self { postfix, gateway, tap }
    }

    /// Hands a message in as a user of the organisation does.
    pub(crate) fn submit(&self, from: &str, to: &[&str], message: &str) {
        let answer = Dialogue::greeted(self.postfix.submission()).deliver(from, to, message);
        assert!(answer.starts_with("250"), "the mail server refused: {answer}");
    }
}

impl Lone {
    /// Sets acme.example up and starts it after the test's own preparations.
    pub(crate) fn start(prepare: impl FnOnce(&mut Gateway)) -> Self {
        Self::start_with("acme.example", &[], prepare)
    }

    /// The same with options of `init`.
    pub(crate) fn start_with_options(options: &[&str]) -> Self {
        Self::start_with("acme.example", options, |_| {})
    }

    /// The same for another domain, with nothing to prepare.
    pub(crate) fn start_as(domain: &str) -> Self {
        Self::start_with(domain, &[], |_| {})
    }

    fn start_with(domain: &str, options: &[&str], prepare: impl FnOnce(&mut Gateway)) -> Self {
        let (mailboxes, internet) = (SmtpSink::start(), SmtpSink::start());
        let mut gateway = Gateway::init_with(domain, mailboxes.address(), options);
        gateway.route_outside(internet.address());
        prepare(&mut gateway);
        gateway.start();
        Self { gateway, mailboxes, internet }
    }

    /// Hands a message in at the inside listener and returns the answer.
    pub(crate) fn send(&self, to: &[&str], message: &str) -> String {
        Dialogue::greeted(self.gateway.inside()).deliver("alice@acme.example", to, message)
    }

    /// Hands a message in from the internet and returns the answer.
    pub(crate) fn receive(&self, from: &str, message: &str) -> String {
        Dialogue::greeted(self.gateway.outside()).deliver(from, &["alice@acme.example"], message)
    }

    /// Returns the state and code of every recipient that waits, as text to look into.
    pub(crate) fn waiting(&self, state: &str) -> String {
        self.gateway.demand(&["--format", "json", "queue", "list", "--state", state])
    }
}

/// Finds a fingerprint, six groups of four letters, in what a command showed.
pub(crate) fn fingerprint_in(shown: &str) -> String {
    let is_group = |group: &str| {
        group.len() == 4
            && group.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    for line in shown.lines() {
        let groups: Vec<&str> = line.split([' ', '-', ':']).collect();
        if let Some(found) =
            groups.windows(6).find(|window| window.iter().all(|group| is_group(group)))
        {
            return found.join("-");
        }
    }
    panic!("no fingerprint in:\n{shown}");
}
