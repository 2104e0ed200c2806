//! `chancery password`, and the check of the passwords in `inside.auth-file`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use chancery_mail::Address;
use serde::Serialize;

use crate::cli::Password;
use crate::failure::{Failure, Result};
use crate::output::{Output, note};
use crate::users::{self, Sender, User};

/// People who may submit mail, by name.
#[derive(Debug)]
pub struct Users {
    users: BTreeMap<String, User>,
}

#[derive(Serialize)]
struct Line {
    line: String,
}

/// Reads a password and prints the line for the file.
pub(super) fn run(options: &Password, output: Output) -> Result {
    if options.user.is_empty() || options.user.contains([':', '\n', '\r', '\0']) {
        return Err(Failure::usage(
            "a user's name must not be empty or contain a colon or a line end",
        ));
    }
    note("Password (end with Ctrl-D, or pipe it in):");
    let mut password = zeroize::Zeroizing::new(String::new());
    let mut input = std::io::stdin().lock().take(MAX_PASSWORD);
    input
        .read_to_string(&mut password)
        .map_err(|error| Failure::usage(format!("cannot read the password: {error}")))?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::usage("the password is empty"));
    }
    if let Some(wrong) = options.sender.iter().find(|it| Sender::parse(it).is_none()) {
        return Err(Failure::usage(format!("{wrong:?} is no sender"))
            .hint("write an address, `@` and a domain, or `*` for every address of ours"));
    }
    let line = users::line(&options.user, password, &options.sender)?;
    output.show(&Line { line: line.clone() }, || line)
}

impl Users {
    /// Reads the file; every wrong line is named.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failure::usage(format!("cannot read `inside.auth-file` {}: {error}", file.display()))
        })?;
        let mut users = BTreeMap::new();
        let mut wrong = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            match User::parse(line) {
                Some((name, user)) => {
                    users.insert(name, user);
                }
                None => wrong.push(format!(
                    "{}:{}: not a line that `chancery password` makes",
                    file.display(),
                    number + 1
                )),
            }
        }
        if wrong.is_empty() { Ok(Self { users }) } else { Err(Failure::usage(wrong.join("\n"))) }
    }
}

impl chancery_gateway::settings::Users for Users {
    fn check(&self, user: &str, password: &str) -> bool {
        // An unknown user takes as long as a known one, so that names cannot be guessed by the time.
        let known = self.users.get(user).cloned();
        let is_known = known.is_some();
        known.unwrap_or_else(User::nobody).check(password) && is_known
    }

    fn may_be(&self, user: &str, address: &Address) -> bool {
        self.users.get(user).is_some_and(|user| user.may_be(address))
    }
}

/// Octets of a password.
const MAX_PASSWORD: u64 = 4_096;
