//! The database, our keys and the partners: damage, ends, and whether everything fits together.

use std::time::Duration;

use chancery_gateway::identity::{Identity, KeyState};
use chancery_gateway::partners::{Partner, PartnerBook};
use chancery_pki::Certificate;
use chancery_store::key::KeyPurpose;
use chancery_store::{Soundness, Store};

use super::Findings;
use crate::commands::serve;
use crate::convert;
use crate::failure::Failure;
use crate::installation::{Installation, now_ms};
use crate::output::{counted, day, plain};

/// Something that ends, and how it is renewed.
struct Term {
    subject: &'static str,
    name: String,
    from: i64,
    until: i64,
    mend: String,
}

impl Findings {
    /// The data directory, the keys in it, and the files that the configuration names.
    pub(super) fn data(&mut self, installation: &Installation) {
        let data = &installation.settings.data;
        let store = match installation.store() {
            Ok(store) => store,
            Err(failure) => {
                self.failure("data", &failure);
                return self.at(data.display());
            }
        };
        self.ok("data", data.display().to_string());
        self.database(installation, &store);
        match store.verify_audit() {
            Ok(entries) => self.ok("audit log", format!("{entries} entries, unbroken")),
            Err(error) => self.failure("audit log", &Failure::from(error)),
        }
        let identity = match installation.identity(&store) {
            Ok(identity) => Some(identity),
            Err(failure) => {
                self.failure("keys", &failure);
                self.at("keys.unseal");
                None
            }
        };
        self.tls(installation, &store);
        let settings = match convert::settings(&installation.settings) {
            Ok(settings) => Some(settings),
            Err(failure) => {
                self.failure("files", &failure);
                None
            }
        };
        let book = identity.zip(settings).and_then(|(identity, settings)| {
            let book = PartnerBook::read(&store, &identity, &settings);
            book.map_err(|error| self.failure("partners", &Failure::from(error))).ok()
        });
        let mut terms = keys(&store).unwrap_or_default();
        terms.extend(own_tls(installation, &store));
        terms.extend(partners(&store, book.as_ref()).unwrap_or_default());
        self.terms(&terms);
    }

    /// Damage in the database shows itself late and in strange places, so it is looked for.
    fn database(&mut self, installation: &Installation, store: &Store) {
        let file = installation.settings.data.join("chancery.db");
        match store.examine(PATIENCE) {
            Ok(Soundness::Sound) => self.ok("database", "no damage"),
            Ok(Soundness::Unfinished) => {
                let seconds = PATIENCE.as_secs();
                self.ok("database", format!("no damage in what could be looked at in {seconds} seconds"));
            }
            Ok(Soundness::Damaged(lines)) => self.problem(
                "database",
                format!("{} is damaged: {}", file.display(), plain(&lines.join("; "))),
                "stop the gateway, keep a copy of the data directory, and restore the last backup; look at the disk too",
            ),
            Err(error) => self.failure("database", &Failure::from(error)),
        }
        self.at(file.display());
    }

    fn tls(&mut self, installation: &Installation, store: &Store) {
        let fits = serve::tls_identity(installation, store).and_then(|identity| {
            chancery_net::tls::server(&identity, chancery_net::tls::ClientCertificates::Ignore)
                .map_err(|error| Failure::of("", &error))
        });
        match fits {
            Ok(_) => self.ok("tls", "certificate and key fit"),
            Err(failure) => {
                self.failure("tls", &failure);
                self.at("tls.certificate");
            }
        }
    }

    /// When everything begins and ends, and what ends next.
    fn terms(&mut self, terms: &[Term]) {
        let now = now_ms() / 1000;
        for term in terms {
            let Term { subject, name, from, until, mend } = term;
            let end = day(*until);
            if now > *until {
                self.problem(subject, format!("{name} expired on {end}"), mend);
            } else if now < *from {
                let text = format!("{name} is not valid before {}", day(*from));
                self.problem(subject, text, "set the clock, if it is wrong");
            } else if until - now < SOON {
                self.warning(
                    subject,
                    format!("{name} expires on {end}, {}", left(until - now)),
                    mend,
                );
            } else {
                self.ok(subject, format!("{name}, until {end}"));
            }
        }
        let running = terms.iter().filter(|term| term.until >= now);
        if let Some(next) = running.min_by_key(|term| term.until) {
            let (end, left) = (day(next.until), left(next.until - now));
            self.ok("next end", format!("{} on {end}, {left}", next.name));
        }
    }
}

fn left(seconds: i64) -> String {
    match usize::try_from(seconds / 86_400).unwrap_or_default() {
        0 => "today".to_owned(),
        days => format!("in {}", counted(days, "day")),
    }
}

/// The certificates in use. Old ones may have ended.
fn keys(store: &Store) -> Result<Vec<Term>, chancery_gateway::Error> {
    let used = Identity::summary(store)?.into_iter().filter(|key| key.state == KeyState::Used);
    // Whether the TLS key is used at all depends on the configuration.
    let used = used.filter(|key| key.purpose != KeyPurpose::Tls);
    Ok(used
        .map(|key| Term {
            subject: "keys",
            mend: match key.purpose {
                KeyPurpose::Ca => "chancery key renew authority signing encryption",
                _ => "chancery key renew signing encryption, and give partners the new card",
            }
            .to_owned(),
            name: plain(&key.subject),
            from: key.not_before,
            until: key.not_after,
        })
        .collect())
}

/// The certificate of the listeners: the configured file, or what `init` made.
fn own_tls(installation: &Installation, store: &Store) -> Option<Term> {
    let file = &installation.settings.tls.certificate;
    let term = |certificate: &Certificate, mend: String| Term {
        subject: "tls",
        name: plain(&certificate.subject()),
        from: certificate.not_before(),
        until: certificate.not_after(),
        mend,
    };
    if file.exists() {
        let chain = Certificate::chain_from_bytes(&std::fs::read(file).ok()?).ok()?;
        let mend = format!(
            "put a new certificate and key in the place of {}, and restart",
            file.display()
        );
        return chain.first().map(|first| term(first, mend));
    }
    let rows = store.keys(KeyPurpose::Tls).ok()?;
    let certificate =
        Certificate::from_der(&rows.iter().find(|row| row.active)?.certificate).ok()?;
    Some(term(&certificate, "chancery key renew tls, and restart the gateway".to_owned()))
}

/// The partners: their card, or a renewed certificate that they announced in signed mail.
fn partners(store: &Store, book: Option<&PartnerBook>) -> Result<Vec<Term>, chancery_store::Error> {
    let term = |row: chancery_store::partner::PartnerRow| {
        let domain = row.domains.first().map_or("", String::as_str);
        let known = book.and_then(|book| book.partner(domain)).and_then(Partner::end);
        Term {
            subject: "partners",
            name: plain(&row.name),
            from: i64::MIN,
            until: known.unwrap_or(row.expires_at_ms / 1000),
            mend: format!("ask {domain} for its new card, and take it: chancery partner add FILE"),
        }
    };
    Ok(store.partners()?.into_iter().map(term).collect())
}

/// How long looking for damage may take; a gigabyte takes a second or two.
const PATIENCE: Duration = Duration::from_secs(20);

/// What ends so soon needs attention: 30 days.
const SOON: i64 = 30 * 86_400;
