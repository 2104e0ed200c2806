//! How much memory a mail of any size needs: it is generated while it is read, and what is made of it goes to disk.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write as _},
    path::Path,
};

use chancery_smime::{Signing, Spool, Spools, sign, sign_opaque};

use crate::{
    Result,
    generated::Generated,
    operations::Mail,
    people::{AT, Person},
};

/// Runs an operation once and returns the most memory it needed over what the idle process has.
///
/// `mail-open` and `mail-verify` read what `mail-protect` and `mail-sign` left in the folder.
pub(crate) fn measure(name: &str, folder: &Path, size: u64) -> Result<serde_json::Value> {
    let mail = Mail::new(&Person::load(folder)?)?;
    let (protected, signed) = (folder.join("protected.eml"), folder.join("signed.eml"));
    let signing = Signing { signer: mail.signer(), signing_time: AT, boundary_seed: b"child" };
    let idle = peak_kibibytes()?;
    match name {
        "mail-protect" => {
            let mut out = BufWriter::new(File::create(protected)?);
            mail.protect(&mut Generated::new(size), &mut out)?;
            out.flush()?;
        }
        "mail-sign" => {
            let mut out = BufWriter::new(File::create(signed)?);
            sign(&mut Generated::new(size), &signing, &mut out)?;
            out.flush()?;
        }
        "mail-sign-opaque" => {
            sign_opaque(&mut Generated::new(size), &signing, &mut io::sink())?;
        }
        "mail-open" => open(&mail, &protected, folder)?,
        "mail-verify" => open(&mail, &signed, folder)?,
        _ => return Err(format!("there is no operation {name}").into()),
    }
    let most = peak_kibibytes()?;
    Ok(serde_json::json!({ "idle": idle, "most": most, "over_idle": most.saturating_sub(idle) }))
}

fn open(mail: &Mail, wire: &Path, folder: &Path) -> Result {
    let mut wire = BufReader::new(File::open(wire)?);
    mail.open(&mut wire, &mut FileSpools { folder }, &mut io::sink())
}

/// Spools on disk, without a name.
struct FileSpools<'f> {
    folder: &'f Path,
}

impl Spools for FileSpools<'_> {
    fn fresh(&mut self) -> io::Result<Box<dyn Spool>> {
        Ok(Box::new(tempfile::tempfile_in(self.folder)?))
    }
}

/// Returns the most memory that this process ever had in use, in KiB.
fn peak_kibibytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("Linux tells no peak")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
