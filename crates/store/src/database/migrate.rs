//! Brings the schema up to date: numbered steps, forward only, each in a transaction of its own.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Doing, Error, Result};

/// One step of the schema.
struct Migration {
    /// What both engines run.
    common: &'static str,
    /// What only SQLite runs.
    sqlite: &'static str,
}

/// Runs the steps that are missing; refuses a schema that is newer than the last one.
pub(crate) fn migrate(connection: &mut Connection) -> Result<()> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    loop {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).doing(DOING)?;
        transaction.execute_batch(VERSION_TABLE).doing(DOING)?;
        let found: i64 = transaction
            .query_row("SELECT COALESCE(MAX(version), 0) FROM schema_version", [], |row| row.get(0))
            .doing(DOING)?;
        if found > known {
            return Err(Error::SchemaNewer { found, known });
        }
        let Some(step) = usize::try_from(found).ok().and_then(|found| MIGRATIONS.get(found)) else {
            return transaction.commit().doing(DOING);
        };
        transaction.execute_batch(&for_sqlite(step.common)).doing(DOING)?;
        transaction.execute_batch(step.sqlite).doing(DOING)?;
        transaction
            .execute("INSERT INTO schema_version (version) VALUES ($1)", [found + 1])
            .doing(DOING)?;
        transaction.commit().doing(DOING)?;
    }
}

/// SQLite keeps rows in the order of a key only if its type is spelled INTEGER; otherwise each table would have a
/// second tree from the key to the row.
fn for_sqlite(sql: &str) -> String {
    sql.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")
}

const DOING: &str = "bring the schema up to date";

const VERSION_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)";

/// Only ever add to the end.
const MIGRATIONS: &[Migration] = &[
    Migration {
        common: include_str!("schema/0001.sql"),
        sqlite: include_str!("schema/0001.sqlite.sql"),
    },
    Migration { common: include_str!("schema/0002.sql"), sqlite: "" },
    Migration { common: include_str!("schema/0003.sql"), sqlite: "" },
    Migration { common: include_str!("schema/0004.sql"), sqlite: "" },
    Migration { common: include_str!("schema/0005.sql"), sqlite: "" },
    Migration { common: include_str!("schema/0006.sql"), sqlite: "" },
    Migration { common: include_str!("schema/0007.sql"), sqlite: "" },
    Migration { common: include_str!("schema/0008.sql"), sqlite: "" },
    Migration { common: include_str!("schema/0009.sql"), sqlite: "" },
    Migration { common: include_str!("schema/0010.sql"), sqlite: "" },
];
