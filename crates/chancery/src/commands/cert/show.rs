//! `chancery cert show`: certificates and what belongs to them in words; nothing is verified.

use std::path::Path;

use chancery_pki::describe::{Description, Object};
use chancery_pki::pkcs12::Pkcs12;

use super::files::{MAX_LENGTH, cannot_use};
use crate::cli::cert::Show;
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::Output;

/// Runs the command.
pub(super) fn run(options: &Show, output: Output) -> Result {
    let file = options.file.as_deref().unwrap_or(Path::new("-"));
    let objects = objects(file, &input::read(file, MAX_LENGTH)?)?;
    let all: Vec<Description> = objects.iter().map(Object::describe).collect();
    output.show(&all, || all.iter().map(Description::to_string).collect::<Vec<_>>().join("\n"))
}

/// Reads what is in a file; one that is none of these is a mistake of the command line, as for the other commands.
fn objects(file: &Path, bytes: &[u8]) -> Result<Vec<Object>> {
    Object::read_all(bytes).map_err(|error| {
        if Pkcs12::is_one(bytes) {
            let name = input::name(file);
            return Failure::usage(format!("{name} is a PKCS#12 key store, which is not shown"))
                .hint("read its certificates with `chancery cert import`, then see `chancery cert list`");
        }
        cannot_use(file, &error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Status;

    #[test]
    fn what_is_no_certificate_is_a_mistake_of_the_command_line() {
        // The version of a PKCS#12 file and the beginning of its contents.
        let mut store = vec![0x30, 16, 0x02, 0x01, 0x03, 0x30, 11];
        // `id-data`
        store.extend([0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01]);
        for (bytes, says) in [
            (&b"nothing"[..], "cannot use x: "),
            (&[0x30, 0x03, 0x02, 0x01, 0x00][..], "cannot use x: "),
            (&store[..], "x is a PKCS#12 key store"),
        ] {
            let failure = objects(Path::new("x"), bytes).unwrap_err();
            assert_eq!(failure.status, Status::Usage, "{failure}");
            assert!(failure.message.starts_with(says), "{failure}");
        }
    }
}
