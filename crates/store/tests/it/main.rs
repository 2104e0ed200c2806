//! The store on a real SQLite database in directories of its own.

mod admin;
mod bodies;
mod book;
mod crash;
mod failures;
mod flow;
mod model;
mod support;
