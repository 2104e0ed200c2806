//! One binary: command line, settings, start of roles, check, explain, demo.

pub mod settings;
