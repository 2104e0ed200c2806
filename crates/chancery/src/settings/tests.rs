//! What the author of a configuration is told, and that everything made from the schema agrees.

use std::fs;

use chancery_policy::document::listed;
use proptest::prelude::*;

use super::schema::{KEYS, SOURCE_KEYS, TABLES};
use super::*;

const LEAST: &str = "organisation = \"acme.example\"\n";

fn good(text: &str) -> Settings {
    Settings::parse(&format!("{LEAST}{text}"), "/etc/chancery/chancery.toml").unwrap()
}

/// Returns everything that is said about a file, warnings too.
fn said(text: &str) -> String {
    let found = match Settings::parse(text, "chancery.toml") {
        Ok(settings) => settings.warnings,
        Err(mistakes) => mistakes,
    };
    listed(&found)
}

#[test]
fn the_defaults_are_safe() {
    let settings = good("");
    assert_eq!(settings.warnings, []);
    assert_eq!(settings.domains, ["acme.example"]);
    assert_eq!(settings.hostname, "mail.acme.example");
    assert_eq!(settings.postmaster, "postmaster@acme.example");
    assert_eq!(settings.data, Path::new("/etc/chancery/data"));
    assert_eq!(settings.policy, Path::new("/etc/chancery/policy.toml"));
    assert_eq!(settings.keys.unseal, Unseal::KeyFile("/etc/chancery/data/master.key".into()));
    assert!(settings.inside.listen.iter().all(|address| address.tcp().unwrap().ip().is_loopback()));
    assert!(
        !settings
            .inside
            .allow
            .iter()
            .any(|network| network.contains("203.0.113.1".parse().unwrap()))
    );
    assert_eq!(settings.inside.lmtp_listen, []);
    assert_eq!(settings.route.outside, NextHop::Mx);
    assert_eq!(settings.route.tls, TlsDemand::Opportunistic);
    assert_eq!(settings.limits.message_size, 50_000_000);
    assert_eq!(settings.queue.retry.len(), 5);
    assert_eq!(settings.queue.expire, Duration::from_hours(120));
    assert!(settings.metrics.listen.unwrap().ip().is_loopback());
}

#[test]
fn all_mistakes_come_at_once() {
    let text = r#"
organization = "acme.example"
hostname = "bad host"
[inside]
lisen = ["127.0.0.1:25"]
listen = ["127.0.0.1"]
allow = ["10.1.2.3/8", "0.0.0.0/0"]
[outsied]
[route]
inside = "mx"
outside = "smpt:relay"
tls = "encrypted"
[route.domains]
"glo bex" = "mx"
"globex.example" = 25
[tls]
certificate = "x.pem"
[keys]
unseal = "credential:../../etc/passwd"
[limits]
message-size = "50M"
recipients = 0
command-timeout = "0s"
[queue]
retry = []
expire = "forever"
[log]
level = "inof"
"#;
    insta::assert_snapshot!(said(text), @r#"
    chancery.toml:1:1: missing key "organisation"; add your domain, such as organisation = "acme.example"
    chancery.toml:2:1: unknown key "organization"; did you mean "organisation"?
    chancery.toml:3:12: "hostname" must be a domain such as "acme.example", not "bad host"
    chancery.toml:5:1: unknown key "lisen" in [inside]; did you mean "listen"?
    chancery.toml:6:11: "listen" in [inside] must be an address and a port such as "127.0.0.1:10025" or "[::]:25", or "unix:" and a path, not "127.0.0.1"
    chancery.toml:7:10: "allow" in [inside] must be a network such as "192.0.2.0/24" or an address (no bits set after the prefix), not "10.1.2.3/8"
    chancery.toml:7:24: "0.0.0.0/0" lets everybody send through us: an open relay; name the networks of your own mail servers
    chancery.toml:8:2: unknown key "outsied"; did you mean "outside"?
    chancery.toml:10:10: "mx" would send mail for our own domains back to this gateway; name your mail server, such as "smtp:127.0.0.1:10026"
    chancery.toml:11:11: "outside" in [route] must be "mx", "smtp:HOST:PORT", "lmtp:HOST:PORT" or "lmtp:unix:PATH", not "smpt:relay"
    chancery.toml:12:7: unknown value "encrypted" of "tls" in [route]; use one of "none", "opportunistic", "required", "verified"
    chancery.toml:14:1: "glo bex" in [route.domains] is no domain; write a domain in quotes, such as "globex.example" = "smtp:192.0.2.25:25"
    chancery.toml:15:20: "globex.example" in [route.domains] must be "mx", "smtp:HOST:PORT", "lmtp:HOST:PORT" or "lmtp:unix:PATH", not a whole number
    chancery.toml:17:15: "certificate" in [tls] is there without "key"; add "key"
    chancery.toml:19:10: "unseal" in [keys] must be a file, "passphrase:FILE" or "credential:NAME", not "credential:../../etc/passwd"
    chancery.toml:21:16: "message-size" in [limits] must be a size such as "100kB" or "50MB", not "50M"
    chancery.toml:22:14: "recipients" in [limits] must be from 1 to 100000
    chancery.toml:23:19: "command-timeout" in [limits] must be from 1s to 1d
    chancery.toml:25:9: "retry" in [queue] is empty, so that nothing would be tried again
    chancery.toml:26:10: "expire" in [queue] must be a time such as "90s", "5m", "4h" or "5d", not "forever"
    chancery.toml:28:9: unknown value "inof" of "level" in [log]; did you mean "info"?
    "#);
}

#[test]
fn listeners_must_not_share_a_port() {
    let text = format!(
        "{LEAST}[inside]\nlisten = [\"127.0.0.1:2525\", \"[::1]:2525\", \"127.0.0.1:0\", \"127.0.0.1:0\"]\n\
         lmtp-listen = [\"127.0.0.1:9464\"]\n[outside]\nlisten = [\"0.0.0.0:2525\"]\n"
    );
    insta::assert_snapshot!(said(&text), @r#"
    chancery.toml:4:16: 127.0.0.1:9464 is already taken by "metrics.listen" (its default); give each listener a port of its own
    chancery.toml:6:11: 0.0.0.0:2525 is already taken by "inside.listen"; give each listener a port of its own
    "#);
}

#[test]
fn sockets_may_be_files() {
    let settings = good(
        "[inside]\nlisten = []\nlmtp-listen = [\"unix:/run/chancery/lmtp\", \"unix:lmtp\"]\n\
         [route]\ninside = \"lmtp:unix:/run/dovecot/lmtp\"\n",
    );
    let listen: Vec<String> = settings.inside.lmtp_listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["unix:/run/chancery/lmtp", "unix:/etc/chancery/lmtp"]);
    assert_eq!(settings.route.inside.to_string(), "lmtp:unix:/run/dovecot/lmtp");
    let text = format!(
        "{LEAST}[inside]\nlisten = [\"unix:a\"]\nlmtp-listen = [\"unix:a\", \"unix:\"]\n\
         [outside]\nlisten = [\"unix:b\"]\n[route]\ninside = \"smtp:unix:b\"\n[metrics]\nlisten = \"unix:m\"\n"
    );
    insta::assert_snapshot!(said(&text), @r#"
    chancery.toml:4:16: unix:a is already taken by "inside.listen"; give each listener a file of its own
    chancery.toml:4:26: "lmtp-listen" in [inside] must be an address and a port such as "127.0.0.1:10025" or "[::]:25", or "unix:" and a path, not "unix:"
    chancery.toml:8:10: mail for "smtp:unix:b" would come back to "outside.listen" of this gateway; name another server or port
    chancery.toml:10:10: "listen" in [metrics] must be an address and a port such as "127.0.0.1:10025" or "[::]:25", not "unix:m"
    "#);
}

#[test]
fn the_two_addresses_for_everything_clash() {
    let text = format!("{LEAST}[outside]\nlisten = [\"0.0.0.0:25\", \"[::]:25\"]\n");
    insta::assert_snapshot!(said(&text), @r#"chancery.toml:3:25: [::]:25 is already taken by "outside.listen"; "[::]" takes IPv4 as well; remove "0.0.0.0""#);
}

#[test]
fn mail_must_not_come_back_to_us() {
    let text = format!(
        "{LEAST}[inside]\nlisten = [\"127.0.0.1:10026\"]\n[outside]\nlisten = [\"0.0.0.0:25\"]\n\
         [route]\noutside = \"smtp:MAIL.acme.example:25\"\ndomains = {{ \"a.example\" = \"smtp:localhost:25\", \
         \"b.example\" = \"smtp:192.0.2.1:25\", \"c.example\" = \"smtp:[::ffff:127.0.0.1]:25\" }}\n"
    );
    insta::assert_snapshot!(said(&text), @r#"
    chancery.toml:3:11: mail for "smtp:127.0.0.1:10026" would come back to "inside.listen" of this gateway; name another server or port
    chancery.toml:7:11: mail for "smtp:mail.acme.example:25" would come back to "outside.listen" of this gateway; name another server or port
    chancery.toml:8:27: mail for "smtp:localhost:25" would come back to "outside.listen" of this gateway; name another server or port
    chancery.toml:8:97: mail for "smtp:[::ffff:127.0.0.1]:25" would come back to "outside.listen" of this gateway; name another server or port
    "#);
}

#[test]
fn questionable_values_are_warned_about() {
    let text = format!(
        "{LEAST}[metrics]\nlisten = \"0.0.0.0:9464\"\n[limits]\nconnections = 10\nconnections-per-client = 20\n\
         [queue]\nexpire = \"1h\"\ndelay-notice = \"2h\"\n"
    );
    insta::assert_snapshot!(said(&text), @r#"
    chancery.toml:3:10: warning: metrics can be read by everybody who reaches this address; listen on a loopback address, or make sure that a firewall is in front of it
    chancery.toml:6:26: warning: one client may open 20 connections, but all together only 10; one client can lock everybody else out; make "connections-per-client" smaller
    chancery.toml:9:16: warning: the delay notice comes after the message has expired, so it never comes
    "#);
}

#[test]
fn our_domains_hold_the_organisation() {
    assert_eq!(
        good("domains = [\"acme.test\", \"Acme.Example\"]").domains,
        ["acme.example", "acme.test"]
    );
    let text = "organisation = \"acme.example\"\ndomains = [\"acme.test\", \"ACME.test\"]\n";
    insta::assert_snapshot!(said(text), @r#"
    chancery.toml:2:11: "domains" lacks the organisation "acme.example"; add "acme.example" to the list
    chancery.toml:2:25: domain "acme.test" is listed twice; remove one of them
    "#);
}

#[test]
fn mail_finds_its_way() {
    let settings = good(
        "domains = [\"acme.example\", \"müller.example\", \"other.example\"]\n[route]\ninside = \"lmtp:127.0.0.1:24\"\n\
         tls = \"required\"\ninside-tls = \"none\"\n\
         domains = { \"globex.example\" = \"smtp:192.0.2.25:25\", \"other.example\" = \"smtp:192.0.2.26:25\" }",
    );
    for (domain, hop, demand) in [
        ("acme.example", "lmtp:127.0.0.1:24", TlsDemand::None),
        ("XN--MLLER-KVA.example", "lmtp:127.0.0.1:24", TlsDemand::None),
        ("Globex.example", "smtp:192.0.2.25:25", TlsDemand::Required),
        ("other.example", "smtp:192.0.2.26:25", TlsDemand::Required),
        ("mail.globex.example", "mx", TlsDemand::Required),
        ("not a domain", "mx", TlsDemand::Required),
    ] {
        let (found, tls) = settings.route_for(domain);
        assert_eq!((found.to_string().as_str(), tls), (hop, demand), "{domain}");
    }
    assert!(settings.is_ours("other.example"));
    assert!(!settings.is_ours("sub.acme.example"));
}

#[test]
fn relative_paths_start_at_the_file() {
    let settings =
        good("data = \"d\"\npolicy = \"/p.toml\"\n[keys]\nunseal = \"passphrase:secret\"");
    assert_eq!(settings.data, Path::new("/etc/chancery/d"));
    assert_eq!(settings.policy, Path::new("/p.toml"));
    assert_eq!(settings.tls.certificate, Path::new("/etc/chancery/d/tls.pem"));
    assert_eq!(settings.keys.unseal, Unseal::PassphraseFile("/etc/chancery/secret".into()));
}

#[test]
fn a_credential_comes_from_the_directory_of_systemd() {
    let unseal = good("keys.unseal = \"credential:chancery-key\"").keys.unseal;
    assert!(unseal.is_passphrase());
    assert_eq!(unseal.path(None), None);
    assert_eq!(
        unseal.path(Some(Path::new("/run/credentials"))),
        Some("/run/credentials/chancery-key".into())
    );
}

#[test]
fn secrets_are_not_values() {
    let text =
        format!("{LEAST}[tls]\ncertificate = \"x\"\nkey = \"-----BEGIN PRIVATE KEY-----\"\n");
    assert!(said(&text).contains("must be the path of a file"));
}

#[test]
fn what_init_writes_means_the_defaults() {
    let answers = InitAnswers { organisation: "acme.example".to_owned(), values: Vec::new() };
    let text = template(&answers);
    assert_eq!(Settings::parse(&text, "/etc/chancery/chancery.toml").unwrap(), good(""));
}

#[test]
fn what_init_writes_means_the_same_with_its_defaults_uncommented() {
    let answers = InitAnswers { organisation: "acme.example".to_owned(), values: Vec::new() };
    let is_default =
        |line: &str| KEYS.iter().any(|key| line == format!("#{} = {}", key.key(), key.default));
    let mut uncommented = 0;
    let mut text = String::new();
    for line in template(&answers).lines() {
        if is_default(line) {
            uncommented += 1;
            text.push_str(line.trim_start_matches('#'));
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    assert_eq!(uncommented, KEYS.iter().filter(|key| !key.default.is_empty()).count());
    assert_eq!(Settings::parse(&text, "/etc/chancery/chancery.toml").unwrap(), good(""));
}

#[test]
fn answers_are_written_where_they_belong() {
    let answers = InitAnswers {
        organisation: "acme.example".to_owned(),
        values: vec![
            ("inside.listen".to_owned(), "[\"127.0.0.1:1025\"]".to_owned()),
            ("route.outside".to_owned(), "\"smtp:127.0.0.1:2525\"".to_owned()),
            (
                "route.domains".to_owned(),
                "{ \"globex.example\" = \"smtp:127.0.0.1:3025\" }".to_owned(),
            ),
        ],
    };
    let settings = Settings::parse(&template(&answers), "chancery.toml").unwrap();
    assert_eq!(settings.inside.listen, [ListenAddress::Tcp("127.0.0.1:1025".parse().unwrap())]);
    assert_eq!(settings.route.outside.to_string(), "smtp:127.0.0.1:2525");
    assert_eq!(settings.route_for("globex.example").0.to_string(), "smtp:127.0.0.1:3025");
}

#[test]
fn a_hostile_domain_cannot_write_configuration() {
    let answers = InitAnswers {
        organisation: "a\"\n[inside]\nallow = [\"0.0.0.0/1\"]\n#".to_owned(),
        values: Vec::new(),
    };
    let mistakes = Settings::parse(&template(&answers), "chancery.toml").unwrap_err();
    assert!(
        mistakes
            .iter()
            .any(|mistake| mistake.message.contains("\"organisation\" must be a domain")),
        "{mistakes:?}"
    );
}

#[test]
fn every_example_of_the_reference_is_good() {
    for key in KEYS.iter().filter(|key| key.path != "organisation") {
        // A certificate needs its key; and an example must not clash with the defaults of the rest.
        let more = match key.path {
            "tls.certificate" => "tls.key = \"k\"",
            "tls.key" => "tls.certificate = \"c\"",
            _ => "",
        };
        let text = format!("{LEAST}{} = {}\n{more}\n", key.path, key.example);
        if let Err(mistakes) = Settings::parse(&text, "chancery.toml") {
            panic!("{}: {}", key.path, mistakes[0]);
        }
    }
}

#[test]
fn the_schema_is_whole() {
    for (index, key) in KEYS.iter().enumerate() {
        assert!(
            TABLES.iter().any(|(table, _)| *table == key.table()),
            "{} is in no table",
            key.path
        );
        assert!(
            !KEYS[..index].iter().any(|other| other.path == key.path),
            "{} is there twice",
            key.path
        );
        for text in [key.kind, key.doc, key.example, key.owner] {
            assert!(!text.is_empty(), "{}", key.path);
        }
        assert!(key.doc.ends_with('.'), "{}", key.path);
        if key.default.is_empty() && key.path != "organisation" {
            assert!(
                key.doc.contains("Without it:"),
                "{} does not say what happens without it",
                key.path
            );
        }
    }
    let page = reference_markdown();
    assert!(KEYS.iter().all(|key| page.contains(&format!("### `{}`", key.path))));
}

#[test]
fn every_example_configuration_is_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/config");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let settings =
                Settings::load(&path).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
            assert_eq!(settings.warnings, [], "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} examples");
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Settings::load(&folder.path().join("none.toml")).unwrap_err();
    assert!(missing[0].message.starts_with("cannot read the configuration"), "{}", missing[0]);
    let bytes = folder.path().join("bytes.toml");
    fs::write(&bytes, b"organisation = \"acme.example\"\n\xff").unwrap();
    let mistake = &Settings::load(&bytes).unwrap_err()[0];
    assert_eq!((mistake.line, mistake.column), (2, 1));
    let huge = folder.path().join("huge.toml");
    fs::write(&huge, vec![b'\n'; (1 << 20) + 1]).unwrap();
    assert!(Settings::load(&huge).unwrap_err()[0].message.contains("larger than"));
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        drop(Settings::parse(&text, "chancery.toml"));
    }

    #[test]
    fn no_value_panics(index in 0..KEYS.len(), value in "\"?([a-z]|[0-9]|[:/.\\[\\]@\\-+]|ä){0,40}\"?") {
        let key = &KEYS[index];
        drop(Settings::parse(&format!("{LEAST}{} = {value}\n", key.path), "chancery.toml"));
    }
}

/// A configuration with one source, with these keys beside its name and kind.
fn source(kind: &str, keys: &str) -> String {
    format!("{LEAST}[[find.source]]\nname = \"s\"\nkind = \"{kind}\"\n{keys}\n")
}

#[test]
fn every_example_of_a_source_is_good() {
    for key in SOURCE_KEYS {
        let mut keys = vec![format!("{} = {}", key.key(), key.example)];
        for (other, value) in
            [("url", "\"ldap://h.example/o=x\""), ("bind", "\"cn=x\""), ("password", "\"file\"")]
        {
            let is_needed =
                other == "url" || (key.key() != other && ["bind", "password"].contains(&key.key()));
            if is_needed && key.key() != other {
                keys.push(format!("{other} = {value}"));
            }
        }
        let text = match key.key() {
            "name" => source("directory", &keys[1..].join("\n")).replace("\"s\"", key.example),
            "kind" => source("directory", &keys[1..].join("\n")),
            _ => source("directory", &keys.join("\n")),
        };
        let settings = Settings::parse(&text, "chancery.toml");
        let settings = settings.unwrap_or_else(|mistakes| panic!("{}: {}", key.path, mistakes[0]));
        assert_eq!(settings.find.sources.len(), 1);
    }
}

#[test]
fn sources_have_safe_defaults() {
    let text = source("directory", "url = \"ldap://dc1.acme.example/dc=acme,dc=example\"");
    let settings = Settings::parse(&text, "chancery.toml").unwrap();
    assert!(!settings.find.dns && !settings.find.web);
    let [found] = &settings.find.sources[..] else { panic!("{:?}", settings.find) };
    assert_eq!(
        (&found.server, &found.domains[..]),
        (&ServerTrust::System, &["acme.example".to_owned()][..])
    );
    let SourcePlace::Ldap(place) = &found.place else { panic!("{found:?}") };
    assert_eq!((place.url.port, place.url.base.as_str()), (389, "dc=acme,dc=example"));
    assert!(place.attributes.contains(&"userCertificate;binary".to_owned()));
}

#[test]
fn the_defaults_of_sources_are_those_of_the_reference() {
    let url = "url = \"ldap://h.example/o=x\"\n".to_owned();
    let with_defaults = SOURCE_KEYS.iter().filter(|key| !key.default.is_empty());
    let written = with_defaults
        .fold(url.clone(), |text, key| format!("{text}{} = {}\n", key.key(), key.default));
    let read = |keys: &str| Settings::parse(&source("directory", keys), "chancery.toml").unwrap();
    assert_eq!(read(&url).find, read(&written).find);
    assert!(written.lines().count() > 5, "{written}");
}

#[test]
fn mistakes_of_sources_are_told() {
    let pin = "a".repeat(64);
    for (kind, keys, expected) in [
        ("directory", "", "missing key \"url\" in [[find.source]]"),
        ("direktory", "url = \"ldap://h/\"", "unknown value \"direktory\""),
        ("directory", "url = \"ldap:///o=x\"", "must be an address such as"),
        ("directory", "url = \"ldap://h/o=x?cn?sub?(a=b)\"", "must be an address such as"),
        ("directory", "url = \"ftp://h/\"", "must be an address such as"),
        (
            "directory",
            "url = \"ldap://h/\"\nfliter = \"(mail={address})\"",
            "did you mean \"filter\"?",
        ),
        (
            "directory",
            "url = \"ldap://h/\"\nfilter = \"(objectClass=*)\"",
            "neither {address} nor {local} is",
        ),
        ("directory", "url = \"ldap://h/\"\nattributes = [\"*\"]", "must be an attribute such as"),
        ("directory", "url = \"ldap://h/\"\nbind = \"cn=x\"", "is there without \"password\""),
        (
            "directory",
            "url = \"ldap://h/\"\ntls = \"none\"\nbind = \"cn=x\"\npassword = \"f\"",
            "a password would be sent without TLS",
        ),
        (
            "directory",
            "url = \"ldap://h/\"\nbind = \"cn=x\"\npassword = \"credential:../x\"",
            "must be a file or \"credential:NAME\"",
        ),
        (
            "directory",
            &format!("url = \"ldaps://h/\"\nca = \"f\"\npin = \"{pin}\""),
            "exclude each other",
        ),
        (
            "directory",
            &format!("url = \"ldap://h/\"\ntls = \"none\"\npin = \"{pin}\""),
            "has no meaning with tls",
        ),
        ("directory", "url = \"ldap://h/\"\npin = \"abc\"", "must be 64 hexadecimal digits"),
        ("partner", "url = \"ldaps://h/\"", "a partner is asked about its own domains only"),
        ("partner", "url = \"ldaps://h/\"\ndomains = [\"*\"]", "must be a domain such as"),
        ("store", "url = \"http://h/\"", "is without TLS; write https://"),
        ("store", "url = \"https://h/\"\nbind = \"cn=x\"\npassword = \"f\"", "is for directories"),
        ("directory", "url = \"ldap://h/\"\ntimeout = \"5m\"", "must be from 1s to 60s"),
        (
            "directory",
            "url = \"ldap://h/\"\n[[find.source]]\nname = \"s\"\nkind = \"store\"\nurl = \"https://h/\"",
            "the name \"s\" is taken",
        ),
    ] {
        let mistakes = Settings::parse(&source(kind, keys), "chancery.toml").unwrap_err();
        let texts: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert!(texts.iter().any(|text| text.contains(expected)), "{kind} {keys}: {texts:?}");
    }
}
