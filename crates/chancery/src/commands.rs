//! The commands, one module each.

mod bridge;
mod card;
mod cert;
mod check;
mod directory;
mod doc;
mod explain;
mod init;
mod key;
mod message;
mod partner;
mod password;
mod queue;
mod serve;

use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command};
use crate::failure::{Failure, Result};
use crate::installation::Installation;
use crate::output::Output;

pub use card::{add as store_partner, make as make_card};
pub use init::create as create_installation;
pub use password::Users;

/// Runs a command.
pub fn run(cli: Cli) -> Result {
    let output = Output::new(cli.format);
    let load = || Installation::load(cli.config.as_deref());
    match cli.command {
        Command::Init(options) => init::run(&options, output),
        Command::Serve(options) => serve::run(&load()?, &options),
        Command::Check(options) => check::run(cli.config.as_deref(), &options, output),
        Command::Partner(command) => partner::run(&load()?, command, output),
        Command::Bridge(command) => bridge::run(cli.config.as_deref(), *command, output),
        Command::Directory(command) => directory::run(&load()?, command, output),
        Command::Key(command) => key::run(&load()?, command, output),
        Command::Queue(command) => queue::run(&load()?, command, output),
        Command::Explain(options) => explain::run(cli.config.as_deref(), &options, output),
        Command::Message(command) => message::run(cli.config.as_deref(), *command, output),
        Command::Cert(command) => cert::run(cli.config.as_deref(), *command, output),
        Command::Demo(options) => crate::demo::run(&options, output),
        Command::Password(options) => password::run(&options, output),
        Command::Doc(options) => doc::run(&options, output),
    }
}

/// Runs asynchronous work of a command on this thread.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    runtime(&mut Builder::new_current_thread())?.block_on(work)
}

/// Makes what asynchronous work runs on.
fn runtime(builder: &mut Builder) -> Result<Runtime> {
    let made = builder.enable_all().build();
    made.map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))
}
