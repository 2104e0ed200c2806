//! Turns the configuration into what finds the certificates of others.

use std::path::Path;
use std::sync::Arc;

use chancery_crypto::{DigestAlgorithm, Zeroizing, random};
use chancery_lookup::keys::{
    Directory, Domains, Finder, How, Kind, Pattern, Place, Settings, Source, Web,
};
use chancery_net::clock::SystemClock;
use chancery_net::dns::secure::SecureResolver;
use chancery_net::ldap::{Client, Login, Security, Server};
use chancery_net::outbound::Dialer;
use chancery_net::tls;
use chancery_policy::document::domain;
use chancery_wire::ldap::Password;

use crate::convert;
use crate::failure::{Failure, Result};
use crate::settings::{
    self, Find, FindSource, LdapPlace, Secret, ServerTrust, SourceKind, SourcePlace,
    credentials_directory,
};

/// Returns what finds the certificates of others; without a source it finds none. It reads the files that the
/// configuration names.
pub fn finder(from: &settings::Settings) -> Result<Finder> {
    let Find { dns, web, cached, .. } = from.find;
    let mut sources = Vec::new();
    for source in &from.find.sources {
        sources.push(with_lifetimes(&from.find, configured(from, source)?));
    }
    let others = || Domains { only: vec![Pattern::All], except: Domains::exactly(&from.domains) };
    if dns || web {
        let names = secure_resolver(&from.dns)?;
        if dns {
            let mut source = Source::new("dns", Kind::Dns, others(), How::Dns(names.clone()));
            source.lifetime = from.find.lifetime;
            source.negative_lifetime = from.find.negative_lifetime;
            sources.push(source);
        }
        if web {
            let dialer = convert::dialer(&from.dns.servers, from.lookup.allow_private)?;
            let how = How::Http(Web { dialer, place: Place::Discovered(names) });
            let source = Source::new("web", Kind::Http, others(), how);
            sources.push(with_lifetimes(&from.find, source));
        }
    }
    let id = random::bytes::<16>().map_err(|error| Failure::of("cannot make a number", &error))?;
    Ok(Finder::new(Settings { sources, cached }, id, Arc::new(SystemClock::new())))
}

/// Returns what looks names up with their signatures.
pub fn secure_resolver(from: &settings::Dns) -> Result<SecureResolver> {
    let anchors = match &from.trust_anchor {
        None => None,
        Some(file) => Some(std::fs::read_to_string(file).map_err(|error| {
            Failure::usage(format!("cannot read `dns.trust-anchor` {}: {error}", file.display()))
        })?),
    };
    SecureResolver::new(&from.servers, anchors.as_deref()).map_err(|error| Failure::of("", &error))
}

fn with_lifetimes(find: &Find, source: Source) -> Source {
    let (lifetime, negative_lifetime) = (find.lifetime, find.negative_lifetime);
    Source { lifetime, negative_lifetime, stale: find.stale, ..source }
}

fn configured(from: &settings::Settings, source: &FindSource) -> Result<Source> {
    let kind = match source.kind {
        SourceKind::Bridge => Kind::Bridge,
        SourceKind::Directory => Kind::Directory,
        SourceKind::Partner => Kind::Partner,
        SourceKind::Store => Kind::Http,
    };
    let patterns = source.domains.iter().filter_map(|text| Pattern::parse(text, domain));
    // A bridge and a store know nothing of our own people that we do not know ourselves.
    let except = match kind {
        Kind::Bridge | Kind::Http => Domains::exactly(&from.domains),
        _ => Vec::new(),
    };
    let domains = Domains { only: patterns.collect(), except };
    let dialer = dialer(from, source)?;
    let how = match &source.place {
        SourcePlace::Ldap(place) => How::Ldap(directory(source, place, dialer)?),
        SourcePlace::Web(url) => How::Http(Web { dialer, place: Place::At(url.clone()) }),
    };
    let (timeout, max_octets) = (source.timeout, source.max_octets);
    Ok(Source { timeout, max_octets, ..Source::new(&source.name, kind, domains, how) })
}

fn directory(source: &FindSource, place: &LdapPlace, dialer: Dialer) -> Result<Directory> {
    let LdapPlace { url, filter, attributes, bind, connections } = place;
    let security = match (&source.server, url.is_tls) {
        (ServerTrust::Clear, _) => Security::Clear,
        (_, true) => Security::Tls,
        (_, false) => Security::StartTls,
    };
    let login = match bind {
        None => None,
        Some((name, secret)) => {
            Some(Login { name: name.clone(), password: password(&source.name, secret)? })
        }
    };
    let server = Server {
        host: url.host.clone(),
        port: url.port,
        security,
        login,
        connections: *connections,
        max_octets: source.max_octets,
    };
    Ok(Directory {
        client: Client::new(server, dialer),
        base: url.base.clone(),
        filter: filter.clone(),
        attributes: attributes.clone(),
    })
}

/// The administrator named the place, so it may be in a private network.
fn dialer(from: &settings::Settings, source: &FindSource) -> Result<Dialer> {
    let dialer = convert::dialer(&from.dns.servers, true)?;
    let config = match &source.server {
        ServerTrust::Authority(file) => {
            let found = convert::certificates(file, "ca")?;
            let roots: Vec<Vec<u8>> = found.iter().map(|it| it.der().to_vec()).collect();
            tls::client_verified(&roots, None)
        }
        ServerTrust::Clear => return Ok(dialer),
        ServerTrust::Pin(pin) => {
            let pin = *pin;
            tls::client_pinned(move |key| DigestAlgorithm::Sha256.digest(key).as_ref() == pin)
        }
        ServerTrust::System => return Ok(Dialer { tls: convert::system_tls()?, ..dialer }),
    };
    let tls = config.map_err(|error| Failure::of(&format!("source {}", source.name), &error))?;
    Ok(Dialer { tls, ..dialer })
}

fn password(source: &str, secret: &Secret) -> Result<Password> {
    let missing = |what: String| Failure::usage(format!("source {source}: cannot read {what}"));
    let read = |file: &Path| {
        let read = std::fs::read(file).map(Zeroizing::new);
        read.map_err(|error| missing(format!("the password in {}: {error}", file.display())))
    };
    let octets = match secret {
        Secret::File(file) => read(file)?,
        Secret::Credential(name) => {
            let folder = credentials_directory().ok_or_else(|| {
                missing(format!("the credential {name}: systemd hands none over"))
            })?;
            read(&folder.join(name))?
        }
    };
    let octets = octets.strip_suffix(b"\n").unwrap_or(&octets);
    let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
    if octets.is_empty() {
        // RFC 4513 section 5.1.2: with an empty one the server would take us for nobody.
        return Err(missing("a password that is not empty".to_owned()));
    }
    Ok(Password(octets.to_vec()))
}
