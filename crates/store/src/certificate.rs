//! Certificates of others and lists of revoked ones, imported by an administrator: what helps to find paths.
//!
//! None of them is trusted for being here; whom to believe is decided in [`trust`](crate::trust). Our own certificates
//! with their keys are in [`key`](crate::key).

mod list;

use chancery_pki::Certificate;
use rusqlite::{Row, params};
use serde::Serialize;
use serde_json::json;

pub use list::ListRow;

use crate::audit;
use crate::database::{Db, Write};
use crate::error::{Error, Result};
use crate::keybook::{self, BookKey};
use crate::queue::admin::Act;
use crate::store::Store;
use crate::version::Versioned;

/// A stored certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateRow {
    /// What it is.
    pub kind: CertificateKind,
    /// The certificate.
    #[serde(skip)]
    pub certificate: Certificate,
    /// Where it came from, such as the name of a file.
    pub source: String,
    /// When it was stored.
    pub added_at_ms: i64,
    /// Who stored it.
    pub added_by: String,
}

/// What a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateKind {
    /// Of an authority, issued by itself.
    Authority,
    /// Of an authority, issued by another one (RFC 5280 section 3.2).
    Cross,
    /// Of somebody who issues nothing.
    EndEntity,
    /// For a key of our own: somebody else certified it, such as a bridge.
    Own,
}

/// Which certificates to list; everything that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFilter {
    /// The beginning of the SHA-256, in lower-case hexadecimal.
    pub fingerprint: Option<String>,
    /// A mail address in it, or with `@` in front a domain of one.
    pub address: Option<String>,
    /// A part of the subject, in any case.
    pub subject: Option<String>,
    /// Ends before this time, in seconds since 1970.
    pub ends_before: Option<i64>,
    /// What it is.
    pub kind: Option<CertificateKind>,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Certificates that are new.
    pub certificates: usize,
    /// Lists that are new.
    pub lists: usize,
    /// Certificates and lists that were there.
    pub known: usize,
}

impl Store {
    /// Stores certificates and lists in one commit.
    pub async fn import(
        &self,
        certificates: Vec<Certificate>,
        lists: Vec<chancery_pki::revocation::RevocationList>,
        source: String,
        act: Act,
    ) -> Result<Imported> {
        self.database
            .write("import certificates", Vec::new(), move |write| {
                let own = own_keys(write)?;
                let mut imported = Imported::default();
                for certificate in &certificates {
                    let kind = CertificateKind::of(certificate, &own);
                    let is_new = insert(write, certificate, kind, &source, &act)?;
                    imported.certificates += usize::from(is_new);
                }
                for list in &lists {
                    imported.lists += usize::from(list::insert(write, list, &source, &act)?);
                }
                let new = imported.certificates + imported.lists;
                imported.known = certificates.len() + lists.len() - new;
                if new > 0 {
                    grow(write)?;
                    let details =
                        json!({"certificates": imported.certificates, "lists": imported.lists});
                    audit::append(write, &act, "certificate.import", &source, details)?;
                }
                Ok(imported)
            })
            .await
    }

    /// Returns certificates by subject, those that end last first.
    pub fn certificates(&self, filter: &CertificateFilter) -> Result<Vec<CertificateRow>> {
        let address = filter.address.as_ref().map(|address| {
            let address = address.to_lowercase();
            if address.starts_with('@') {
                format!("%{}", escaped(&address))
            } else {
                escaped(&address)
            }
        });
        let prefix = filter.fingerprint.as_ref().map(|it| format!("{}%", escaped(it)));
        let subject = filter.subject.as_ref().map(|it| format!("%{}%", escaped(it)));
        let sql = format!(
            "{SELECT} WHERE organisation = $1 AND ($2 IS NULL OR fingerprint LIKE $2 ESCAPE '\\') \
             AND ($3 IS NULL OR EXISTS (SELECT 1 FROM certificate_address it WHERE it.organisation = $1 \
                  AND it.fingerprint = certificate.fingerprint AND it.address LIKE $3 ESCAPE '\\')) \
             AND ($4 IS NULL OR subject LIKE $4 ESCAPE '\\') AND ($5 IS NULL OR not_after < $5) \
             AND ($6 IS NULL OR kind = $6) ORDER BY subject, not_after DESC, fingerprint"
        );
        let kind = filter.kind.map(CertificateKind::word);
        self.database.read(READING, |db| {
            let params = params![
                self.database.organisation,
                prefix,
                address,
                subject,
                filter.ends_before,
                kind
            ];
            all(db, &sql, params)
        })
    }

    /// Returns the certificates of all authorities, for a pool in which paths are searched.
    pub fn authorities(&self) -> Result<Vec<Certificate>> {
        let sql =
            format!("{SELECT} WHERE organisation = $1 AND kind IN ('authority', 'cross', 'own')");
        let rows = self.database.read(READING, |db| all(db, &sql, [self.database.organisation]))?;
        Ok(rows.into_iter().map(|row| row.certificate).filter(Certificate::is_ca).collect())
    }

    /// Returns the certificates of an address that issue nothing, the newest first. Whether one may be encrypted to is for
    /// the path engine to say.
    pub fn certificates_for(&self, address: &str) -> Result<Vec<Certificate>> {
        let sql = format!(
            "{SELECT} JOIN certificate_address USING (organisation, fingerprint) \
             WHERE organisation = $1 AND address = $2 AND kind = 'end-entity' ORDER BY not_before DESC, fingerprint"
        );
        let params = params![self.database.organisation, address.to_lowercase()];
        let rows = self.database.read(READING, |db| all(db, &sql, params))?;
        Ok(rows.into_iter().map(|row| row.certificate).collect())
    }

    /// Returns the certificates of a subject.
    pub fn certificates_of(
        &self,
        subject: &chancery_pki::DistinguishedName,
    ) -> Result<Vec<Certificate>> {
        self.indexed("subject_name", &subject.fingerprint())
    }

    /// Returns the certificates with a subject key identifier.
    pub fn certificates_with_key(&self, key_id: &[u8]) -> Result<Vec<Certificate>> {
        self.indexed("key_id", key_id)
    }

    /// Removes certificates and lists by their SHA-256 in hexadecimal; returns how many were there.
    pub async fn remove_certificates(&self, fingerprints: Vec<String>, act: Act) -> Result<usize> {
        self.database
            .write("remove certificates", Vec::new(), move |write| {
                let mut removed = Vec::new();
                for fingerprint in &fingerprints {
                    let params = params![write.organisation, fingerprint];
                    let mut count = 0;
                    for table in ["certificate", "revocation_list"] {
                        let sql = format!("DELETE FROM {table} WHERE organisation = $1 AND fingerprint = $2");
                        count += write.run(&sql, params)?;
                    }
                    let sql = "DELETE FROM certificate_address WHERE organisation = $1 AND fingerprint = $2";
                    write.run(sql, params)?;
                    keybook::forget_imported(write, fingerprint)?;
                    if count > 0 {
                        removed.push(fingerprint);
                    }
                }
                for fingerprint in &removed {
                    audit::append(write, &act, "certificate.remove", fingerprint, json!({}))?;
                }
                if !removed.is_empty() {
                    grow(write)?;
                }
                Ok(removed.len())
            })
            .await
    }

    /// Returns a number that grows with each change of the certificates and lists, so that a copy in memory knows when it
    /// is old. The number of the book of partners grows along.
    pub fn certificate_version(&self) -> Result<i64> {
        Versioned::Certificates.read(&self.database)
    }

    fn indexed(&self, column: &str, value: &[u8]) -> Result<Vec<Certificate>> {
        let sql = format!(
            "{SELECT} WHERE organisation = $1 AND {column} = $2 ORDER BY not_before DESC, fingerprint"
        );
        let params = params![self.database.organisation, value];
        let rows = self.database.read(READING, |db| all(db, &sql, params))?;
        Ok(rows.into_iter().map(|row| row.certificate).collect())
    }
}

impl CertificateKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Authority, Self::Cross, Self::EndEntity, Self::Own];

    /// Returns what a certificate is, if these are the fingerprints of our own keys.
    fn of(certificate: &Certificate, own: &[[u8; 32]]) -> Self {
        if own.contains(&certificate.key_fingerprint()) {
            Self::Own
        } else if !certificate.is_ca() {
            Self::EndEntity
        } else if certificate.is_self_issued() {
            Self::Authority
        } else {
            Self::Cross
        }
    }

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Cross => "cross",
            Self::EndEntity => "end-entity",
            Self::Own => "own",
        }
    }
}

/// Who keeps a copy of the partners keeps one of these as well.
fn grow(write: &Write<'_>) -> Result<()> {
    Versioned::Certificates.grow(write)?;
    Versioned::Partners.grow(write)
}

fn own_keys(write: &Write<'_>) -> Result<Vec<[u8; 32]>> {
    let sql = "SELECT certificate FROM own_key WHERE organisation = $1";
    let own = write.all(sql, [write.organisation], |row| row.get::<_, Vec<u8>>(0))?;
    let own = own.iter().filter_map(|der| Certificate::from_der(der).ok());
    Ok(own.map(|it| it.key_fingerprint()).collect())
}

fn insert(
    write: &Write<'_>,
    certificate: &Certificate,
    kind: CertificateKind,
    source: &str,
    act: &Act,
) -> Result<bool> {
    let fingerprint = certificate.fingerprint_sha256();
    let params = params![
        write.organisation,
        fingerprint,
        kind.word(),
        certificate.subject(),
        certificate.subject_name().fingerprint(),
        certificate.issuer_name().fingerprint(),
        certificate.subject_key_id(),
        certificate.not_before(),
        certificate.not_after(),
        source,
        act.at_ms,
        act.who,
        certificate.der()
    ];
    if write.run(INSERT, params)? == 0 {
        return Ok(false);
    }
    let sql = "INSERT INTO certificate_address (organisation, address, fingerprint) VALUES ($1, $2, $3) \
               ON CONFLICT DO NOTHING";
    for address in certificate.emails() {
        write.run(sql, params![write.organisation, address.to_lowercase(), fingerprint])?;
        if kind == CertificateKind::EndEntity {
            let origin = keybook::Origin::Imported;
            let key = BookKey::seen(address, certificate.clone(), origin, source, act.at_ms);
            keybook::see(write, &key)?;
        }
    }
    Ok(true)
}

fn all(db: &Db<'_>, sql: &str, params: impl rusqlite::Params) -> Result<Vec<CertificateRow>> {
    let rows = db.all(sql, params, |row| Ok((read(row)?, row.get::<_, Vec<u8>>(4)?)))?;
    let whole = |(row, der): (Unread, Vec<u8>)| {
        let certificate = Certificate::from_der(&der)
            .map_err(|error| Error::Corrupt { doing: READING, why: error.to_string() })?;
        let kind = CertificateKind::ALL.into_iter().find(|kind| kind.word() == row.0);
        let kind = kind.ok_or_else(|| Error::Corrupt {
            doing: READING,
            why: "a certificate of a kind that is not known".to_owned(),
        })?;
        let (_, source, added_at_ms, added_by) = row;
        Ok(CertificateRow { kind, certificate, source, added_at_ms, added_by })
    };
    rows.into_iter().map(whole).collect()
}

/// The fields of a row beside the certificate.
type Unread = (String, String, i64, String);

fn read(row: &Row<'_>) -> rusqlite::Result<Unread> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

/// Takes the meaning from the signs that have one in a pattern.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

const READING: &str = "read certificates";

const SELECT: &str = "SELECT kind, source, added_at, added_by, certificate FROM certificate";

const INSERT: &str = "INSERT INTO certificate (organisation, fingerprint, kind, subject, subject_name, issuer_name, key_id, \
    not_before, not_after, source, added_at, added_by, certificate) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING";
