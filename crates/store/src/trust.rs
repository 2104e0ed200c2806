//! Whom we believe: what administrators decided, for one partner, all partners or everybody else.
//!
//! ```text
//! change_trust ─► rows ─► Trusts ─► in_force(domain, its partner's domains) ─► InForce {settings, scope}
//! ```

use std::collections::BTreeMap;
use std::fmt;

use chancery_pki::trust::TrustSettings;
use rusqlite::params;
use serde::Serialize;
use serde_json::{Value, json};

use crate::audit;
use crate::database::{Db, Write};
use crate::error::{Error, Result};
use crate::queue::admin::Act;
use crate::store::Store;
use crate::version::Versioned;

/// For whom settings count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The organisation that has this mail domain, in lower case; with or without a card.
    Domain(String),
    /// Everybody for whom nothing else counts.
    Everybody,
    /// All partners, as far as nothing else was decided for one.
    Partners,
}

/// All settings at one moment.
#[derive(Clone, Debug, Default)]
pub struct Trusts(BTreeMap<Scope, TrustSettings>);

/// The settings that count for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// What counts.
    pub settings: TrustSettings,
    /// What was decided for it alone, or, without that, for all like it.
    pub scope: Scope,
}

impl Trusts {
    /// Returns what was decided for exactly this scope.
    pub fn of(&self, scope: &Scope) -> Option<&TrustSettings> {
        self.0.get(scope)
    }

    /// Returns what was decided, by scope.
    pub fn iter(&self) -> impl Iterator<Item = (&Scope, &TrustSettings)> {
        self.0.iter()
    }

    /// Returns what counts for a mail domain (lower case): what was decided for it over what was for all partners.
    ///
    /// `partner` are all domains of the partner that has it; what was decided for one of them counts for all that have
    /// nothing of their own. Who is neither a partner nor has settings of his own is one of everybody.
    pub fn in_force(&self, domain: &str, partner: Option<&[String]>) -> InForce {
        let others = partner.unwrap_or_default().iter().map(String::as_str);
        let mut scopes = [domain].into_iter().chain(others).map(|it| Scope::Domain(it.to_owned()));
        let nothing = TrustSettings::default();
        let partners = self.of(&Scope::Partners).unwrap_or(&nothing);
        if let Some((scope, own)) = scopes.find_map(|scope| Some((scope.clone(), self.of(&scope)?)))
        {
            return InForce { settings: own.over(partners), scope };
        }
        if partner.is_some() {
            return InForce { settings: partners.clone(), scope: Scope::Partners };
        }
        let settings = self.of(&Scope::Everybody).cloned().unwrap_or_default();
        InForce { settings, scope: Scope::Everybody }
    }
}

impl Store {
    /// Returns all settings. Their version is that of the book of partners
    /// ([`partner_version`](Store::partner_version)): it grows with each change.
    pub fn trusts(&self) -> Result<Trusts> {
        self.database.read(READING, |db| read_all(db, self.database.organisation))
    }

    /// Returns what counts for a mail domain.
    pub fn trust_for(&self, domain: &str) -> Result<InForce> {
        let domain = domain.to_ascii_lowercase();
        let partner = self.partner_by_domain(&domain)?.map(|partner| partner.domains);
        Ok(self.trusts()?.in_force(&domain, partner.as_deref()))
    }

    /// Changes what was decided for a scope, and returns it with the scope. For a partner of several domains that is the
    /// one of them that has settings already.
    ///
    /// The change is made to what is there at the moment of the commit, so that two administrators do not undo each
    /// other. Settings that decide nothing are removed. Nothing is written, not even to the audit log, if nothing changes.
    pub async fn change_trust(
        &self,
        scope: Scope,
        mut change: impl FnMut(&mut TrustSettings) + Send + 'static,
        act: Act,
    ) -> Result<(Scope, TrustSettings)> {
        self.database
            .write("change whom to believe", Vec::new(), move |write| {
                let scope = established(write, &scope)?;
                let before = read_all(write, write.organisation)?.0.remove(&scope);
                let before = before.unwrap_or_default();
                let mut now = before.clone();
                change(&mut now);
                if now != before {
                    put(write, &scope, &now, &act)?;
                }
                Ok((scope, now))
            })
            .await
    }
}

/// Returns the scope under which the settings of a domain are kept.
fn established(write: &Write<'_>, scope: &Scope) -> Result<Scope> {
    let Scope::Domain(domain) = scope else { return Ok(scope.clone()) };
    let domain = domain.to_ascii_lowercase();
    let sql = "SELECT trust.scope FROM partner_domain asked \
               JOIN partner_domain other ON other.organisation = asked.organisation \
                                        AND other.fingerprint = asked.fingerprint \
               JOIN trust ON trust.organisation = other.organisation AND trust.scope = other.domain \
               WHERE asked.organisation = $1 AND asked.domain = $2 \
               ORDER BY trust.scope <> $2, trust.scope";
    let found = write.one(sql, params![write.organisation, domain], |row| row.get(0))?;
    Ok(Scope::Domain(found.unwrap_or(domain)))
}

fn put(write: &Write<'_>, scope: &Scope, settings: &TrustSettings, act: &Act) -> Result<()> {
    let document = serde_json::to_value(settings).map_err(|error| Error::Corrupt {
        doing: "write whom to believe",
        why: error.to_string(),
    })?;
    let name = scope.to_string();
    if settings.is_empty() {
        forget(write, &name)?;
        audit::append(write, act, "trust.reset", &name, json!({}))?;
    } else {
        let sql = "INSERT INTO trust (organisation, scope, changed_at, changed_by, settings) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organisation, scope) DO UPDATE SET \
                   changed_at = excluded.changed_at, changed_by = excluded.changed_by, settings = excluded.settings";
        let params = params![write.organisation, name, act.at_ms, act.who, document.to_string()];
        write.run(sql, params)?;
        audit::append(
            write,
            act,
            "trust.change",
            &name,
            json!({"settings": short(settings, document)}),
        )?;
    }
    // Who keeps a copy of the partners keeps one of these as well.
    Versioned::Partners.grow(write)
}

/// Forgets what was decided for a domain, because the partner that had it is no partner any more; whoever gets the domain
/// next shall not inherit it.
pub(crate) fn forget(write: &Write<'_>, scope: &str) -> Result<()> {
    let sql = "DELETE FROM trust WHERE organisation = $1 AND scope = $2";
    write.run(sql, params![write.organisation, scope]).map(|_| ())
}

fn read_all(db: &Db<'_>, organisation: i64) -> Result<Trusts> {
    let sql = "SELECT scope, settings FROM trust WHERE organisation = $1";
    let rows = db
        .all(sql, [organisation], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let read = |(scope, settings): (String, String)| {
        // To leave out settings that cannot be read would leave out their limits.
        let settings = serde_json::from_str(&settings).map_err(|error| Error::Corrupt {
            doing: READING,
            why: format!("settings for {scope}: {error}"),
        })?;
        Ok((Scope::from_word(scope), settings))
    };
    rows.into_iter().map(read).collect::<Result<_>>().map(Trusts)
}

/// Returns what the audit log keeps: fingerprints in the place of certificates.
fn short(settings: &TrustSettings, mut document: Value) -> Value {
    let written = document.get_mut("anchors").and_then(Value::as_array_mut);
    for (written, anchor) in written.into_iter().flatten().zip(&settings.anchors) {
        if let Some(certificate) = written.get_mut("certificate") {
            *certificate = Value::String(anchor.certificate.fingerprint_sha256());
        }
    }
    document
}

impl Scope {
    fn from_word(word: String) -> Self {
        match word.as_str() {
            EVERYBODY => Self::Everybody,
            PARTNERS => Self::Partners,
            _ => Self::Domain(word),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Domain(domain) => domain,
            Self::Everybody => EVERYBODY,
            Self::Partners => PARTNERS,
        })
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

const EVERYBODY: &str = "everybody";
const PARTNERS: &str = "partners";
const READING: &str = "read whom to believe";
