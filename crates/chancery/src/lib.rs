//! One binary: command line, settings, start of roles, check, explain, demo.
//!
//! It is the top layer: it reads the configuration and the environment, opens the store, starts roles and prints. It
//! holds no rule about mail; those are in the layers below.
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | every command, option and help text |
//! | [`settings`] | the configuration file, checked |
//! | [`commands`] | what each command does |
//! | [`demo`] | two organisations on this machine |
//! | [`installation`] | configuration, store and master key together |
//! | [`descriptors`] | how many files and connections there may be |
//! | [`story`] | a message's rows as a story |
//! | [`codes`] | every stable code |

pub mod cli;
pub mod codes;
pub mod commands;
pub mod convert;
pub mod demo;
pub mod descriptors;
pub mod failure;
pub mod finding;
mod input;
pub mod installation;
pub mod logging;
pub mod output;
pub mod settings;
pub mod story;
pub mod systemd;
pub mod users;
