//! Running statements: prepared once, errors named after what was being done.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};

use crate::error::{Doing, Result};

/// A connection and what it is used for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Db<'c> {
    connection: &'c Connection,
    doing: &'static str,
}

impl<'c> Db<'c> {
    pub(crate) fn new(connection: &'c Connection, doing: &'static str) -> Self {
        Self { connection, doing }
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) fn run(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare(sql)?.execute(params).doing(self.doing)
    }

    /// Returns the first row, if any.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.prepare(sql)?.query_row(params, read).optional().doing(self.doing)
    }

    /// Returns all rows.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map(params, read).doing(self.doing)?;
        rows.collect::<rusqlite::Result<_>>().doing(self.doing)
    }

    /// Reads rows until one gives an answer.
    pub(crate) fn find<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<Option<T>>,
    ) -> Result<Option<T>> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(params).doing(self.doing)?;
        while let Some(row) = rows.next().doing(self.doing)? {
            if let Some(found) = read(row).doing(self.doing)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'c>> {
        let statement = self.connection.prepare_cached(sql).doing(self.doing)?;
        debug_assert!(
            (1..=statement.parameter_count())
                .all(|n| statement.parameter_name(n) == Some(format!("${n}").as_str())),
            "parameters must first appear in ascending order: {sql}"
        );
        Ok(statement)
    }
}
