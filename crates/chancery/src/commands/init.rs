//! `chancery init`: from nothing to an organisation that can serve.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use chancery_crypto::{DigestAlgorithm, KeyKind, hex};
use chancery_gateway::identity::{Identity, KeySummary};
use chancery_pki::{CONFIDENTIALITY_AUTHORITY, Organisation};
use chancery_store::{Options, Store};
use serde::Serialize;

use super::block_on;
use crate::cli::{Init, KeyChoice};
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act, make_master_key, make_salt, write_public};
use crate::output::{Output, day};
use crate::settings::{InitAnswers, template};

/// What was made.
#[derive(Debug, Serialize)]
pub struct Created {
    /// The organisation's main domain.
    pub organisation: String,
    /// The configuration file.
    pub configuration: PathBuf,
    /// The policy file.
    pub policy: PathBuf,
    /// The data directory.
    pub data: PathBuf,
    /// What unseals the keys.
    pub sealed_under: String,
    /// The keys.
    pub keys: Vec<KeySummary>,
    /// Lines of a DNS zone to publish.
    pub dns: Vec<String>,
    /// The file with the DNS records.
    pub dns_file: PathBuf,
}

/// Runs the command.
pub(super) fn run(options: &Init, output: Output) -> Result {
    let created = create(options)?;
    output.show(&created, || text(&created))
}

/// Makes the installation; refuses to touch one that is there.
pub fn create(options: &Init) -> Result<Created> {
    let configuration = options.dir.join("chancery.toml");
    let policy = options.dir.join("policy.toml");
    let data = options.dir.join("data");
    for existing in [&configuration, &policy, &data] {
        if existing.exists() {
            return Err(Failure::usage(format!("{} exists already", existing.display())).hint(
                "choose another directory with --dir, or remove what is there if nobody needs it",
            ));
        }
    }
    let mut builder = DirBuilder::new();
    let text = template(&answers(options));
    // The text is checked before anything is made, so that a wrong option leaves nothing behind.
    let name = configuration.display().to_string();
    let settings =
        crate::settings::Settings::parse(&text, &name).map_err(|it| Failure::of_mistakes(&it))?;
    let organisation = Organisation::new(&settings.organisation, settings.domains.clone())
        .map_err(|error| Failure::usage(error.to_string()))?;
    builder
        .recursive(true)
        .create(&options.dir)
        .map_err(|error| cannot_make(&options.dir, &error))?;
    builder.mode(0o700).create(&data).map_err(|error| cannot_make(&data, &error))?;
    if options.passphrase_file.is_some() {
        make_salt(&data)?;
    } else {
        make_master_key(&data.join("master.key"))?;
    }
    write_public(&configuration, text.as_bytes())?;
    write_public(&policy, chancery_policy::Policy::default_text().as_bytes())?;
    let installation = Installation { settings, file: configuration.clone() };
    let store = Store::open(&data, Options { create: true, ..Options::default() })?;
    let master = installation.master_key()?;
    let act = act("chancery init");
    block_on(async {
        let hostname = &installation.settings.hostname;
        Ok(Identity::create(
            &store,
            &master,
            &organisation,
            hostname,
            options.key_type.into(),
            &act,
        )
        .await?)
    })?;
    let identity = Identity::unseal(&store, &master, act.at_ms / 1000)?;
    let dns = dns_records(&installation, &identity);
    let dns_file = options.dir.join("dns-records.txt");
    write_public(&dns_file, (dns.join("\n") + "\n").as_bytes())?;
    Ok(Created {
        organisation: installation.settings.organisation.clone(),
        configuration,
        policy,
        sealed_under: match &options.passphrase_file {
            Some(file) => format!("the passphrase in {}", file.display()),
            None => data.join("master.key").display().to_string(),
        },
        data,
        keys: Identity::summary(&store)?,
        dns,
        dns_file,
    })
}

/// Returns the answers as the template takes them.
fn answers(options: &Init) -> InitAnswers {
    let list = |items: &[String]| {
        let quoted: Vec<String> = items.iter().map(|item| quoted(item)).collect();
        format!("[{}]", quoted.join(", "))
    };
    let mut values = Vec::new();
    let mut set = |key: &str, value: String| values.push((key.to_owned(), value));
    if !options.more_domains.is_empty() {
        let all: Vec<String> =
            std::iter::once(&options.domain).chain(&options.more_domains).cloned().collect();
        set("domains", list(&all));
    }
    for (key, items) in [
        ("inside.listen", &options.inside_listen),
        ("inside.lmtp-listen", &options.inside_lmtp_listen),
        ("outside.listen", &options.outside_listen),
    ] {
        if !items.is_empty() {
            set(key, list(items));
        }
    }
    for (key, item) in [
        ("hostname", &options.hostname),
        ("route.inside", &options.inside_route),
        ("route.outside", &options.outside_route),
        ("metrics.listen", &options.metrics_listen),
    ] {
        if let Some(item) = item {
            set(key, quoted(item));
        }
    }
    if let Some(file) = &options.passphrase_file {
        // The configuration may be read from anywhere, so the path must not depend on where this is run.
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        set("keys.unseal", quoted(&format!("passphrase:{}", file.display())));
    }
    InitAnswers { organisation: options.domain.clone(), values }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn cannot_make(directory: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot make {}: {error}", directory.display()))
        .hint("choose another directory with --dir, or run this as a user who may write there")
}

impl From<KeyChoice> for KeyKind {
    fn from(choice: KeyChoice) -> Self {
        match choice {
            KeyChoice::P256 => Self::EcP256,
            KeyChoice::P384 => Self::EcP384,
            KeyChoice::Rsa2048 => Self::Rsa2048,
            KeyChoice::Rsa3072 => Self::Rsa3072,
            KeyChoice::Rsa4096 => Self::Rsa4096,
        }
    }
}

/// Returns the records that let the internet find the gateway and its key (RFC 5321 section 5.1, RFC 8162).
fn dns_records(installation: &Installation, identity: &Identity) -> Vec<String> {
    let settings = &installation.settings;
    let hostname = &settings.hostname;
    let mut records = vec![
        "; Records for your DNS. Replace 192.0.2.1 with the public address of the gateway."
            .to_owned(),
        format!("{hostname}. IN A 192.0.2.1"),
    ];
    for domain in &settings.domains {
        records.push(format!("{domain}. IN MX 10 {hostname}."));
    }
    records.push("; The organisation's encryption certificate (RFC 8162); only worth something in a signed zone.".to_owned());
    records.extend(certificate_records(installation, identity));
    records
}

/// Returns the records with the certificate that others encrypt to.
pub(super) fn certificate_records(installation: &Installation, identity: &Identity) -> Vec<String> {
    let owner = DigestAlgorithm::Sha256.digest(CONFIDENTIALITY_AUTHORITY.as_bytes());
    // RFC 8162 section 3: the first 28 octets of the SHA-256 of the local part.
    let owner = hex(owner.as_ref().get(..28).unwrap_or_default());
    let certificate = identity.encryption().first().map(|it| hex(it.der())).unwrap_or_default();
    let record = |domain| format!("{owner}._smimecert.{domain}. IN SMIMEA 3 0 0 {certificate}");
    installation.settings.domains.iter().map(record).collect()
}

fn text(created: &Created) -> String {
    let mut text = format!("{} is set up.\n\n", created.organisation);
    let row = |name: &str, value: String| format!("  {name:<15}{value}\n");
    text += &row("configuration", created.configuration.display().to_string());
    text += &row("policy", created.policy.display().to_string());
    text += &row("data", format!("{} (back it up: it holds the keys)", created.data.display()));
    text += &row("DNS records", created.dns_file.display().to_string());
    text += &format!("\nKeys, sealed under {}:\n", created.sealed_under);
    for key in &created.keys {
        text += &format!("  {:<8} until {}  {}\n", key.kind, day(key.not_after), key.subject);
    }
    let config = if created.configuration == Path::new("./chancery.toml") {
        String::new()
    } else {
        format!(" --config {}", created.configuration.display())
    };
    text += &format!(
        "\nNext steps:\n\
         \x20 1. Look at the configuration: where your mail server is (`route.inside`) and where it hands mail in (`inside.listen`).\n\
         \x20 2. chancery check{config}\n\
         \x20 3. chancery serve{config}\n\
         \x20 4. Exchange cards with a partner:\n\
         \x20      chancery partner card{config} --out {}.card     give them the file, read them the fingerprint\n\
         \x20      chancery partner add{config} THEIR.card{}from then on mail to them is protected\n",
        created.organisation,
        " ".repeat(created.organisation.len().max(1)),
    );
    text
}
