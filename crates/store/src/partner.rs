//! The partners whose keys we use: the book of cards.

use rusqlite::params;
use serde::Serialize;
use serde_json::json;

use crate::audit;
use crate::database::{Db, Write};
use crate::error::{Error, Result};
use crate::peer;
use crate::queue::admin::Act;
use crate::store::Store;
use crate::trust;
use crate::version::Versioned;

/// A partner organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartnerRow {
    /// What it calls itself.
    pub name: String,
    /// Its domains, in lower case.
    pub domains: Vec<String>,
    /// The card as it came.
    #[serde(skip)]
    pub card: Vec<u8>,
    /// What was compared over the telephone; a partner is the same as long as this is.
    pub fingerprint: String,
    /// When it was added, or last renewed.
    pub added_at_ms: i64,
    /// Who added it.
    pub added_by: String,
    /// When the card expires.
    pub expires_at_ms: i64,
}

impl Store {
    /// Adds a partner, or renews the one with the same fingerprint.
    ///
    /// Fails with [`Error::PartnerConflict`] if a domain belongs to another fingerprint: a card never replaces another
    /// key by itself.
    pub async fn put_partner(&self, mut partner: PartnerRow, act: Act) -> Result<()> {
        partner.domains.iter_mut().for_each(|domain| domain.make_ascii_lowercase());
        partner.domains.sort();
        partner.domains.dedup();
        self.database
            .write("add a partner", Vec::new(), move |write| {
                refuse_conflict(write, &partner)?;
                delete(write, &partner.fingerprint)?;
                insert(write, &partner)?;
                Versioned::Partners.grow(write)?;
                let details = json!({"name": partner.name, "domains": partner.domains,
                    "expires_at_ms": partner.expires_at_ms});
                audit::append(write, &act, "partner.add", &partner.fingerprint, details)?;
                Ok(())
            })
            .await
    }

    /// Returns the partner that has exactly this domain.
    pub fn partner_by_domain(&self, domain: &str) -> Result<Option<PartnerRow>> {
        let domain = domain.to_ascii_lowercase();
        let sql = "SELECT fingerprint FROM partner_domain WHERE organisation = $1 AND domain = $2";
        self.database.read("read the book of partners", |db| {
            let organisation = self.database.organisation;
            match db.one(sql, params![organisation, domain], |row| row.get::<_, String>(0))? {
                None => Ok(None),
                Some(fingerprint) => {
                    read(db, organisation, Some(&fingerprint)).map(|mut rows| rows.pop())
                }
            }
        })
    }

    /// Returns all partners by name.
    pub fn partners(&self) -> Result<Vec<PartnerRow>> {
        self.database
            .read("read the book of partners", |db| read(db, self.database.organisation, None))
    }

    /// Removes the partner with this fingerprint; returns false if there is none.
    pub async fn remove_partner(&self, fingerprint: &str, act: Act) -> Result<bool> {
        let fingerprint = fingerprint.to_owned();
        self.database
            .write("remove a partner", Vec::new(), move |write| {
                let Some(partner) = read(write, write.organisation, Some(&fingerprint))?.pop()
                else {
                    return Ok(false);
                };
                delete(write, &fingerprint)?;
                for domain in &partner.domains {
                    peer::forget(write, domain)?;
                    trust::forget(write, domain)?;
                }
                Versioned::Partners.grow(write)?;
                let details = json!({"name": partner.name, "domains": partner.domains});
                audit::append(write, &act, "partner.remove", &fingerprint, details)?;
                Ok(true)
            })
            .await
    }

    /// Returns a number that grows with each change of the book, so that a copy in memory knows when it is old.
    pub fn partner_version(&self) -> Result<i64> {
        Versioned::Partners.read(&self.database)
    }
}

fn refuse_conflict(write: &Write<'_>, partner: &PartnerRow) -> Result<()> {
    let sql = "SELECT p.name, p.fingerprint FROM partner_domain d \
               JOIN partner p ON p.organisation = d.organisation AND p.fingerprint = d.fingerprint \
               WHERE d.organisation = $1 AND d.domain = $2 AND d.fingerprint <> $3";
    for domain in &partner.domains {
        let params = params![write.organisation, domain, partner.fingerprint];
        if let Some((name, fingerprint)) =
            write.one(sql, params, |row| Ok((row.get(0)?, row.get(1)?)))?
        {
            return Err(Error::PartnerConflict {
                domain: domain.clone(),
                partner: name,
                fingerprint,
            });
        }
    }
    Ok(())
}

fn insert(write: &Write<'_>, partner: &PartnerRow) -> Result<()> {
    write.run(
        "INSERT INTO partner (organisation, fingerprint, name, added_at, added_by, expires_at, card) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            write.organisation,
            partner.fingerprint,
            partner.name,
            partner.added_at_ms,
            partner.added_by,
            partner.expires_at_ms,
            partner.card
        ],
    )?;
    let sql = "INSERT INTO partner_domain (organisation, domain, fingerprint) VALUES ($1, $2, $3)";
    for domain in &partner.domains {
        write.run(sql, params![write.organisation, domain, partner.fingerprint])?;
    }
    Ok(())
}

fn delete(write: &Write<'_>, fingerprint: &str) -> Result<()> {
    let params = params![write.organisation, fingerprint];
    write.run("DELETE FROM partner_domain WHERE organisation = $1 AND fingerprint = $2", params)?;
    write.run("DELETE FROM partner WHERE organisation = $1 AND fingerprint = $2", params)?;
    Ok(())
}

fn read(db: &Db<'_>, organisation: i64, fingerprint: Option<&str>) -> Result<Vec<PartnerRow>> {
    let sql = "SELECT fingerprint, name, added_at, added_by, expires_at, card FROM partner \
               WHERE organisation = $1 AND ($2 IS NULL OR fingerprint = $2) ORDER BY name, fingerprint";
    let mut partners = db.all(sql, params![organisation, fingerprint], |row| {
        Ok(PartnerRow {
            fingerprint: row.get(0)?,
            name: row.get(1)?,
            domains: Vec::new(),
            added_at_ms: row.get(2)?,
            added_by: row.get(3)?,
            expires_at_ms: row.get(4)?,
            card: row.get(5)?,
        })
    })?;
    let sql = "SELECT domain FROM partner_domain WHERE organisation = $1 AND fingerprint = $2 ORDER BY domain";
    for partner in &mut partners {
        partner.domains =
            db.all(sql, params![organisation, partner.fingerprint], |row| row.get(0))?;
    }
    Ok(partners)
}
