//! The bridges that this organisation has joined, or asked to join.

use rusqlite::{Row, params};
use serde_json::Value;

use crate::audit;
use crate::error::Result;
use crate::queue::admin::Act;
use crate::store::Store;
use crate::version::Versioned;

/// A bridge that this organisation has joined. Before the bridge has answered, there are no cross-certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedBridge {
    /// What was compared over the telephone: of its name and its key.
    pub fingerprint: String,
    /// Its name.
    pub name: String,
    /// Where it publishes, ending in a slash; empty until it has answered.
    pub url: String,
    /// The assurance level: asked for, or granted.
    pub level: String,
    /// The number of our newest request.
    pub request_id: String,
    /// When we asked.
    pub asked_at_ms: i64,
    /// Since when we are a member.
    pub since_ms: Option<i64>,
    /// When the first of the two cross-certificates ends.
    pub ends_ms: Option<i64>,
    /// The bridge's own certificate, DER. It is not an anchor: paths go through `to_bridge`.
    pub authority: Vec<u8>,
    /// What our authority says of the bridge, DER.
    pub to_bridge: Option<Vec<u8>>,
    /// What the bridge says of our authority, DER.
    pub from_bridge: Option<Vec<u8>>,
}

impl JoinedBridge {
    /// Returns true if there are certificates in both directions.
    pub fn is_joined(&self) -> bool {
        self.to_bridge.is_some() && self.from_bridge.is_some()
    }
}

impl Store {
    /// Returns the bridges that we have joined or asked to join, by name. [`Store::partner_version`] grows with each
    /// change of them.
    pub fn bridges(&self) -> Result<Vec<JoinedBridge>> {
        let organisation = self.database.organisation;
        self.database.read("read the bridges", |db| db.all(SELECT, [organisation], joined))
    }

    /// Adds a bridge, or changes the one with the same fingerprint.
    pub async fn put_joined_bridge(
        &self,
        bridge: JoinedBridge,
        act: Act,
        action: &'static str,
        details: Value,
    ) -> Result<()> {
        self.database
            .write("store a bridge", Vec::new(), move |write| {
                let row = params![
                    write.organisation,
                    bridge.fingerprint,
                    bridge.name,
                    bridge.url,
                    bridge.level,
                    bridge.request_id,
                    bridge.asked_at_ms,
                    bridge.since_ms,
                    bridge.ends_ms,
                    bridge.authority,
                    bridge.to_bridge,
                    bridge.from_bridge
                ];
                write.run(PUT, row)?;
                Versioned::Partners.grow(write)?;
                audit::append(write, &act, action, &bridge.fingerprint, details.clone())?;
                Ok(())
            })
            .await
    }

    /// Forgets a bridge: nothing is reached through it any more. Returns false if there is none with this fingerprint.
    pub async fn remove_joined_bridge(&self, fingerprint: &str, act: Act) -> Result<bool> {
        let fingerprint = fingerprint.to_owned();
        self.database
            .write("forget a bridge", Vec::new(), move |write| {
                let sql = "DELETE FROM joined_bridge WHERE organisation = $1 AND fingerprint = $2";
                if write.run(sql, params![write.organisation, fingerprint])? == 0 {
                    return Ok(false);
                }
                Versioned::Partners.grow(write)?;
                audit::append(
                    write,
                    &act,
                    "bridge.leave",
                    &fingerprint,
                    Value::Object(<_>::default()),
                )?;
                Ok(true)
            })
            .await
    }
}

fn joined(row: &Row<'_>) -> rusqlite::Result<JoinedBridge> {
    Ok(JoinedBridge {
        fingerprint: row.get(0)?,
        name: row.get(1)?,
        url: row.get(2)?,
        level: row.get(3)?,
        request_id: row.get(4)?,
        asked_at_ms: row.get(5)?,
        since_ms: row.get(6)?,
        ends_ms: row.get(7)?,
        authority: row.get(8)?,
        to_bridge: row.get(9)?,
        from_bridge: row.get(10)?,
    })
}

const SELECT: &str = "SELECT fingerprint, name, url, level, request_id, asked_at, since, ends, authority, to_bridge, \
    from_bridge FROM joined_bridge WHERE organisation = $1 ORDER BY name, fingerprint";

const PUT: &str = "INSERT INTO joined_bridge (organisation, fingerprint, name, url, level, request_id, asked_at, since, \
    ends, authority, to_bridge, from_bridge) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
    ON CONFLICT (organisation, fingerprint) DO UPDATE SET name = excluded.name, url = excluded.url, \
    level = excluded.level, request_id = excluded.request_id, asked_at = excluded.asked_at, since = excluded.since, \
    ends = excluded.ends, authority = excluded.authority, to_bridge = excluded.to_bridge, \
    from_bridge = excluded.from_bridge";
