//! An installation as every command meets it: configuration, store, master key.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chancery_crypto::seal::{MIN_ROUNDS, MasterKey};
use chancery_crypto::{Zeroizing, random};
use chancery_gateway::identity::Identity;
use chancery_net::clock::{Clock as _, SystemClock};
use chancery_pki::Organisation;
use chancery_policy::Policy;
use chancery_store::{Act, Options, Store};

use crate::failure::{Failure, Result};
use crate::settings::{Settings, Unseal, credentials_directory};

/// The configuration of an installation and where it was found.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The checked configuration.
    pub settings: Settings,
    /// The file it was read from.
    pub file: PathBuf,
}

impl Installation {
    /// Finds and reads the configuration.
    pub fn load(named: Option<&Path>) -> Result<Self> {
        let file = match named {
            Some(file) => file.to_path_buf(),
            None => Self::find()?,
        };
        let settings = Settings::load(&file).map_err(|mistakes| Failure::of_mistakes(&mistakes))?;
        Ok(Self { settings, file })
    }

    /// Opens the store.
    pub fn store(&self) -> Result<Store> {
        let reserve = self.settings.limits.disk_reserve;
        Ok(Store::open(&self.settings.data, Options { reserve, ..Options::default() })?)
    }

    /// Reads the policy.
    pub fn policy(&self) -> Result<Policy> {
        read_policy(&self.settings.policy).map_err(|mistakes| Failure::of_mistakes(&mistakes))
    }

    /// Reads what unseals the private keys.
    pub fn master_key(&self) -> Result<MasterKey> {
        let unseal = &self.settings.keys.unseal;
        let Some(file) = unseal.path(credentials_directory().as_deref()) else {
            return Err(Failure::usage("`keys.unseal` names a systemd credential, and systemd has not handed one over")
                .hint("run this in the service (`systemd-run -p LoadCredential=…`), or name a file in `keys.unseal`"));
        };
        read_master_key(&file, unseal.is_passphrase(), &self.settings.data)
    }

    /// Reads what unseals the private keys of this store; finishes a `key reseal` that was cut off.
    pub fn working_master_key(&self, store: &Store) -> Result<MasterKey> {
        let Unseal::KeyFile(file) = &self.settings.keys.unseal else { return self.master_key() };
        let next = next_to(file);
        match self.master_key() {
            // Before the keys were sealed anew, the old file is right.
            Ok(master) if !next.exists() || Identity::is_sealed_under(store, &master)? => {
                return Ok(master);
            }
            Err(failure) if !next.exists() => return Err(failure),
            _ => {}
        }
        let master = read_master_key(&next, false, &self.settings.data)?;
        if !Identity::is_sealed_under(store, &master)? {
            return self.master_key();
        }
        put_in_place(&next, file)?;
        Ok(master)
    }

    /// Unseals the organisation's keys.
    pub fn identity(&self, store: &Store) -> Result<Identity> {
        Ok(Identity::unseal(store, &self.working_master_key(store)?, now_ms() / 1000)?)
    }

    /// Returns the organisation with its domains, as its certificates bear them.
    pub fn organisation(&self) -> Result<Organisation> {
        Organisation::new(&self.settings.organisation, self.settings.domains.clone())
            .map_err(|error| Failure::usage(error.to_string()))
    }

    fn find() -> Result<PathBuf> {
        let found = PLACES.iter().map(PathBuf::from).find(|place| place.is_file());
        found.ok_or_else(|| {
            Failure::usage(format!("there is no configuration at {}", PLACES.join(" or ")))
                .hint("name one with --config FILE, or make one with `chancery init DOMAIN`")
        })
    }
}

/// Reads a master key, or a passphrase and the salt beside the sealed keys.
pub fn read_master_key(file: &Path, is_passphrase: bool, data: &Path) -> Result<MasterKey> {
    let secret = fs::read(file).map(Zeroizing::new).map_err(|error| {
        Failure::usage(format!("cannot read the file that unseals the keys, {}: {error}", file.display()))
            .hint("run this as the user the service runs as, or restore the file: without it the keys are lost")
    })?;
    if is_passphrase {
        let salt = fs::read(data.join(SALT)).map_err(|error| {
            Failure::failed(format!("cannot read {SALT} in the data directory: {error}"))
                .hint("restore it from a backup: without it the passphrase opens nothing")
        })?;
        let passphrase = secret.strip_suffix(b"\n").unwrap_or(&secret);
        return MasterKey::from_passphrase(passphrase, &salt, MIN_ROUNDS)
            .map_err(|error| Failure::of("cannot use the passphrase", &error));
    }
    let bytes: &[u8; 32] = secret.as_slice().try_into().map_err(|_| {
        Failure::usage(format!("the master key {} does not have 32 octets", file.display()))
            .hint("restore it from a backup; a passphrase is named as `passphrase:FILE`")
    })?;
    MasterKey::from_bytes(bytes).map_err(|error| Failure::of("cannot use the master key", &error))
}

/// Makes a file with a random master key; never over another file.
pub fn make_master_key(file: &Path) -> Result {
    let master = random::bytes::<32>().map(Zeroizing::new);
    let master = master.map_err(|error| Failure::of("cannot make a key", &error))?;
    write_private(file, master.as_slice())?;
    sync_folder(file)
}

/// Returns where a new master key waits until the keys are sealed under it.
pub fn next_to(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
}

/// Puts a file in the place of another one, and waits for the disk.
pub fn put_in_place(file: &Path, place: &Path) -> Result {
    fs::rename(file, place).map_err(|error| {
        Failure::failed(format!("cannot rename {} to {}: {error}", file.display(), place.display()))
    })?;
    sync_folder(place)
}

fn sync_folder(file: &Path) -> Result {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Failure::failed(format!("cannot sync {}: {error}", folder.display())))
}

/// Reads a policy file.
pub fn read_policy(file: &Path) -> std::result::Result<Policy, Vec<chancery_policy::Mistake>> {
    let name = file.display().to_string();
    match fs::read(file) {
        Ok(bytes) => {
            let text = chancery_policy::Mistake::check_text(&bytes, &name)
                .map_err(|mistake| vec![mistake])?;
            Policy::parse(text, &name)
        }
        Err(error) => Err(vec![chancery_policy::Mistake::of_file(
            &name,
            format!("cannot read the policy: {error}"),
            Some(
                "name it as `policy` in the configuration; `chancery init` makes a commented one"
                    .to_owned(),
            ),
        )]),
    }
}

/// Writes a file that only its owner can read; never over another file.
pub fn write_private(file: &Path, bytes: &[u8]) -> Result {
    write_new(file, bytes, 0o600)
}

/// Writes a file that everybody may read; never over another file.
pub fn write_public(file: &Path, bytes: &[u8]) -> Result {
    write_new(file, bytes, 0o644)
}

/// Returns who acts, for the audit log.
pub fn act(why: &str) -> Act {
    Act { who: user(), why: why.to_owned(), at_ms: now_ms() }
}

/// Returns now in milliseconds since 1970.
pub fn now_ms() -> i64 {
    i64::try_from(SystemClock::new().unix_ms()).unwrap_or(i64::MAX)
}

/// Makes the salt of a passphrase, unless there is one.
pub fn make_salt(data: &Path) -> Result {
    if data.join(SALT).exists() {
        return Ok(());
    }
    let salt = random::bytes::<16>().map_err(|error| Failure::of("cannot make a salt", &error))?;
    write_private(&data.join(SALT), &salt)?;
    sync_folder(&data.join(SALT))
}

fn write_new(file: &Path, bytes: &[u8], mode: u32) -> Result {
    let cannot = |error: std::io::Error| {
        Failure::failed(format!("cannot write {}: {error}", file.display()))
    };
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(file)
        .map_err(cannot)?;
    out.write_all(bytes).and_then(|()| out.sync_all()).map_err(cannot)
}

#[expect(clippy::disallowed_methods, reason = "the audit log names the person at the terminal")]
fn user() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "administrator".to_owned())
}

/// Where the configuration is looked for.
const PLACES: [&str; 2] = ["chancery.toml", "/etc/chancery/chancery.toml"];

/// The salt of a passphrase, beside the sealed keys.
pub const SALT: &str = "master.salt";
