//! `chancery bridge init`: a bridge in an installation, or in a directory of its own.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use chancery_authority::assurance::Levels;
use chancery_authority::{Host, NewBridge};
use chancery_crypto::{PrivateKey, random};
use chancery_smime::bridge::url;
use chancery_store::{Options, Store};
use serde::Serialize;

use super::LEVELS;
use crate::cli::bridge::Init;
use crate::commands::block_on;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act, make_master_key, now_ms, write_public};
use crate::output::{Output, note};
use crate::settings::{InitAnswers, Settings, template};

/// What was made.
#[derive(Serialize)]
struct Created {
    name: String,
    url: String,
    fingerprint: String,
    configuration: PathBuf,
    levels: PathBuf,
    certificate: PathBuf,
}

/// Runs the command.
pub(super) fn run(config: Option<&Path>, options: &Init, output: Output) -> Result {
    if !url::is_base(&options.url) {
        return Err(Failure::usage("the address is not of the form http://bridge.example/")
            .hint("begin with http:// or https:// and end with a slash"));
    }
    let arc = options.arc.clone().map_or_else(example_arc, Ok)?;
    let table = Levels::template(&arc);
    Levels::parse(&table)?;
    let installation = match &options.dir {
        Some(folder) => alone(folder, options)?,
        None => Installation::load(config)?,
    };
    let data = &installation.settings.data;
    let store = match &options.dir {
        Some(_) => Store::open(data, Options { create: true, ..Options::default() })?,
        None => installation.store()?,
    };
    let levels = data.join(LEVELS);
    let certificate = data.join("bridge.pem");
    if store.bridge()?.is_some() {
        return Err(Failure::no("there is a bridge in this data directory already"));
    }
    if !levels.exists() {
        write_public(&levels, table.as_bytes())?;
    }
    let key = PrivateKey::generate(options.key_type.into())
        .map_err(|error| Failure::of("cannot make a key", &error))?;
    let new = NewBridge { name: options.name.clone(), url: options.url.clone(), key };
    let master = installation.working_master_key(&store);
    // Before there is any key, there is nothing by which to tell which master key is in use.
    let master = master.or_else(|_| installation.master_key())?;
    let host = block_on(async {
        Ok(Host::create(&store, &master, new, act("chancery bridge init")).await?)
    })?;
    write_public(&certificate, host.authority().to_pem().as_bytes())?;
    let created = Created {
        name: host.name().to_owned(),
        url: host.url().to_owned(),
        fingerprint: host.fingerprint(),
        configuration: installation.file.clone(),
        levels,
        certificate,
    };
    if options.arc.is_none() {
        note(&format!(
            "The identifiers of the levels are below {arc}, which is for examples. Before members join, take an enterprise \
             number of your own (free, from IANA) and replace them in the table."
        ));
    }
    output.show(&created, || {
        format!(
            "The bridge {} is made.\n\n  fingerprint    {}\n  certificate    {} (give it to members, and read them the \
             fingerprint)\n  levels         {} (a person edits it)\n  published at   {}\n\nNext steps:\n  \
             1. Publish: `chancery serve --role authority` with `authority.listen`, or `chancery bridge publish --out DIR`.\n  \
             2. A member asks with `chancery bridge join bridge.pem --out FILE`; take it: `chancery bridge join FILE`.\n",
            created.name,
            created.fingerprint,
            created.certificate.display(),
            created.levels.display(),
            created.url,
        )
    })
}

/// Makes a directory for a bridge without a gateway.
fn alone(folder: &Path, options: &Init) -> Result<Installation> {
    let domain = options.domain.as_deref().unwrap_or_else(|| url::host(&options.url));
    let file = folder.join("chancery.toml");
    let data = folder.join("data");
    for existing in [&file, &data] {
        if existing.exists() {
            return Err(Failure::usage(format!("{} exists already", existing.display()))
                .hint("choose another directory; in an installation, leave --dir out"));
        }
    }
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut values = vec![("metrics.listen".to_owned(), quoted(""))];
    if let Some(listen) = &options.listen {
        values.push(("authority.listen".to_owned(), quoted(listen)));
    }
    let text = template(&InitAnswers { organisation: domain.to_owned(), values });
    let settings = Settings::parse(&text, &file.display().to_string()).map_err(|mistakes| {
        Failure::of_mistakes(&mistakes).hint("name the domain of who runs the bridge with --domain")
    })?;
    let failed = |error: std::io::Error| {
        Failure::failed(format!("cannot make {}: {error}", folder.display()))
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true).create(folder).map_err(failed)?;
    builder.mode(0o700).create(&data).map_err(failed)?;
    make_master_key(&data.join("master.key"))?;
    write_public(&file, text.as_bytes())?;
    Ok(Installation { settings, file })
}

/// Returns a random arc below the enterprise number for examples (RFC 5612), so that two bridges do not have the same.
fn example_arc() -> Result<String> {
    let bytes: [u8; 4] =
        random::bytes().map_err(|error| Failure::of("cannot make a number", &error))?;
    let number = u32::from_be_bytes(bytes) >> 1;
    let year = chrono::DateTime::from_timestamp_millis(now_ms())
        .map_or(0, |it| chrono::Datelike::year(&it));
    Ok(format!("1.3.6.1.4.1.32473.{year}.{number}"))
}
