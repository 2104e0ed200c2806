//! Who answers: slapd, slapd in front of slapd, and Chancery with people of its own and in front of slapd.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::Contender;
use crate::bench::{
    contenders::{last_lines, write},
    round::{Running, cpu_ticks, free_port, wait_for_port},
};
use crate::run::{Result, command, output};

/// All of them.
pub(super) struct Servers {
    pub(super) slapd: Server,
    pub(super) proxy: Server,
    pub(super) own: Server,
    pub(super) chained: Server,
    /// Where `chained` tells whom it asked.
    metrics: u16,
}

/// One of them.
pub(super) struct Server {
    pub(super) port: u16,
    pub(super) tls_port: u16,
    /// Where its people are.
    pub(super) base: &'static str,
    log: PathBuf,
    process: Running,
}

/// Puts the people into slapd and into Chancery's store.
pub(super) fn fill(folder: &Path) -> Result {
    let slapd = folder.join("slapd");
    fs::create_dir_all(slapd.join("db"))
        .map_err(|error| format!("cannot create {}: {error}", slapd.display()))?;
    write(&slapd.join("slapd.conf"), &slapd_conf(folder))?;
    eprintln!("filling slapd");
    let mut add = command("slapadd");
    add.args(["-q", "-f"]).arg(slapd.join("slapd.conf")).arg("-l").arg(folder.join("people.ldif"));
    output(&mut add)?;
    Ok(())
}

impl Servers {
    /// Starts them with what is in the folder.
    pub(super) fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let slapd = Server::slapd(folder, "slapd", SUFFIX)?;
        let proxy = folder.join("proxy");
        fs::create_dir_all(&proxy)
            .map_err(|error| format!("cannot create {}: {error}", proxy.display()))?;
        write(&proxy.join("slapd.conf"), &proxy_conf(folder, slapd.port))?;
        let proxy = Server::slapd(folder, "proxy", PUBLIC)?;
        let (own, _) = Server::chancery(binary, folder, "own", None)?;
        let (chained, metrics) = Server::chancery(binary, folder, "chained", Some(slapd.port))?;
        Ok(Self { slapd, proxy, own, chained, metrics })
    }

    /// Returns the server behind a contender.
    pub(super) fn behind(&self, contender: Contender) -> Option<&Server> {
        matches!(contender, Contender::Proxy | Contender::Chained | Contender::Cached)
            .then_some(&self.slapd)
    }

    /// Returns how many questions Chancery has put to slapd so far.
    pub(super) fn requests(&self, contender: Contender) -> Result<f64> {
        if !matches!(contender, Contender::Chained | Contender::Cached) {
            return Ok(0.0);
        }
        let failed = |error| format!("cannot read the metrics: {error}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.metrics)).map_err(failed)?;
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).map_err(failed)?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map_err(failed)?;
        let value =
            text.lines().find_map(|line| line.strip_prefix("chancery_find_requests_total "));
        let value = value.and_then(|value| value.trim().parse().ok());
        value.ok_or_else(|| "the metrics do not tell how many questions were passed on".to_owned())
    }
}

impl Server {
    /// Starts slapd with the settings in `FOLDER/NAME`.
    fn slapd(folder: &Path, name: &str, base: &'static str) -> Result<Self> {
        let (port, tls_port) = (free_port()?, free_port()?);
        let here = folder.join(name);
        let urls = format!("ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/");
        let mut serve = command("slapd");
        serve.args(["-d", "0", "-h", &urls, "-f"]).arg(here.join("slapd.conf"));
        Self::start(&mut serve, here.join("log"), [port, tls_port], base)
    }

    /// Starts Chancery in `FOLDER/NAME`, in front of a server or with people of its own; tells where its metrics are too.
    fn chancery(
        binary: &Path,
        folder: &Path,
        name: &str,
        behind: Option<u16>,
    ) -> Result<(Self, u16)> {
        let here = folder.join(name);
        let (port, tls_port, metrics) = (free_port()?, free_port()?, free_port()?);
        let run = || {
            let mut command = command(binary);
            command.arg("--config").arg(here.join("chancery.toml"));
            command.stdout(Stdio::null());
            command
        };
        let quietly = |command: &mut Command| output(command).map(drop);
        let is_new = !here.exists();
        if is_new {
            let mut init = command(binary);
            init.args(["init", "acme.example", "--key-type", "p-256", "--dir"]).arg(&here);
            quietly(&mut init)?;
        }
        let settings = settings(folder, behind, [port, tls_port, metrics]);
        write(&here.join("chancery.toml"), &settings)?;
        if is_new {
            // With their authority in the store, every certificate is followed to it.
            quietly(run().args(["cert", "import"]).arg(folder.join("authority.pem")))?;
            if behind.is_none() {
                eprintln!("filling Chancery");
                quietly(run().args(["cert", "import"]).arg(folder.join("people.pem")))?;
            }
            quietly(run().args(["directory", "publish", "@acme.example"]))?;
        }
        let mut serve = run();
        // With the gateway, which has nothing to do here: without one nobody shows metrics.
        let server = Self::start(serve.arg("serve"), here.join("log"), [port, tls_port], PUBLIC)?;
        wait_for_port(metrics)?;
        Ok((server, metrics))
    }

    fn start(
        serve: &mut Command,
        log: PathBuf,
        [port, tls_port]: [u16; 2],
        base: &'static str,
    ) -> Result<Self> {
        let file = fs::File::create(&log)
            .map_err(|error| format!("cannot create {}: {error}", log.display()))?;
        let process = Running::spawn(serve.stdout(Stdio::null()).stderr(file))?;
        let server = Self { port, tls_port, base, log, process };
        for port in [port, tls_port] {
            wait_for_port(port).map_err(|error| format!("{error}\n{}", server.log()))?;
        }
        Ok(server)
    }

    /// Returns the last lines it logged.
    pub(super) fn log(&self) -> String {
        last_lines(&self.log)
    }

    /// Returns its processor time in ticks.
    pub(super) fn ticks(&self) -> Result<f64> {
        cpu_ticks(self.process.0.id())
    }

    /// Returns the memory that it has in use, in KiB: all, and without what is a file's.
    pub(super) fn memory(&self) -> Result<[u64; 2]> {
        let path = format!("/proc/{}/status", self.process.0.id());
        let text =
            fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse().ok()
        };
        let values = value("VmRSS:").zip(value("RssAnon:"));
        values.map(|(all, own)| [all, own]).ok_or_else(|| format!("{path} tells no memory"))
    }
}

/// slapd with a database and an index, and otherwise as it comes.
fn slapd_conf(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd/slapd.pid
loglevel none
TLSCertificateFile {folder}/tls.pem
TLSCertificateKeyFile {folder}/tls.key
database mdb
maxsize 8589934592
suffix \"{SUFFIX}\"
directory {folder}/slapd/db
index objectClass,mail eq
"
    )
}

/// slapd that shows another tree to the world than the one that it asks.
fn proxy_conf(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_ldap
moduleload rwm
pidfile {folder}/proxy/slapd.pid
loglevel none
TLSCertificateFile {folder}/tls.pem
TLSCertificateKeyFile {folder}/tls.key
database ldap
suffix \"{PUBLIC}\"
uri \"ldap://127.0.0.1:{port}\"
overlay rwm
rwm-suffixmassage \"{PUBLIC}\" \"{SUFFIX}\"
"
    )
}

/// Chancery as it comes, but for the number of questions that one client may put in an hour.
fn settings(folder: &Path, behind: Option<u16>, [port, tls_port, metrics]: [u16; 3]) -> String {
    let folder = folder.display();
    let source = behind.map_or_else(String::new, |port| {
        format!(
            "[[find.source]]
name = \"slapd\"
kind = \"directory\"
url = \"ldap://127.0.0.1:{port}/{SUFFIX}\"
tls = \"none\"
"
        )
    });
    format!(
        "organisation = \"acme.example\"
domains = [\"acme.example\"]
hostname = \"localhost\"
[tls]
certificate = \"{folder}/tls.pem\"
key = \"{folder}/tls.key\"
[inside]
listen = [\"127.0.0.1:0\"]
[outside]
listen = []
[route]
inside = \"smtp:127.0.0.1:9\"
outside = \"smtp:127.0.0.1:9\"
[directory]
outside-listen = [\"127.0.0.1:{port}\"]
outside-tls-listen = [\"127.0.0.1:{tls_port}\"]
bases = [\"{PUBLIC}\"]
lookups = 1000000
[find]
dns = false
web = false
[metrics]
listen = \"127.0.0.1:{metrics}\"
{source}"
    )
}

/// The tree that slapd keeps.
pub(super) const SUFFIX: &str = "dc=inside,dc=acme,dc=example";
/// The tree that strangers see.
const PUBLIC: &str = "dc=acme,dc=example";
