//! Who takes part: nothing at all, Postfix with its defaults, and Chancery.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::round::{Running, free_port, wait_for_port};
use crate::run::{Result, command, output, succeed};

/// Something between source and sink.
pub(super) trait Contender {
    fn name(&self) -> String;

    /// Where it takes mail.
    fn port(&self) -> u16;

    /// The process that all others of it descend from.
    fn process(&self) -> Option<u32>;

    /// The last lines it logged, for the report of a failure.
    fn log(&self) -> String;

    /// Whether what reaches the sink is encrypted.
    fn is_protecting(&self) -> bool;
}

/// The source speaks to the sink.
pub(super) struct Direct {
    pub(super) sink_port: u16,
}

/// Postfix as Debian ships it, relaying to the sink in clear.
pub(super) struct Postfix {
    port: u16,
    process: u32,
    master: Master,
}

/// A Postfix in a folder of its own, stopped with us.
struct Master {
    folder: PathBuf,
}

/// The gateway of one organisation, with a partner at the other end.
pub(super) struct Chancery {
    key_type: String,
    port: u16,
    log: PathBuf,
    serve: Running,
}

impl Contender for Direct {
    fn name(&self) -> String {
        "nothing".into()
    }

    fn port(&self) -> u16 {
        self.sink_port
    }

    fn process(&self) -> Option<u32> {
        None
    }

    fn log(&self) -> String {
        String::new()
    }

    fn is_protecting(&self) -> bool {
        false
    }
}

impl Contender for Postfix {
    fn name(&self) -> String {
        "Postfix, in clear".into()
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn process(&self) -> Option<u32> {
        Some(self.process)
    }

    fn log(&self) -> String {
        last_lines(&self.master.folder.join("log"))
    }

    fn is_protecting(&self) -> bool {
        false
    }
}

impl Contender for Chancery {
    fn name(&self) -> String {
        format!("Chancery, {}", self.key_type)
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn process(&self) -> Option<u32> {
        Some(self.serve.0.id())
    }

    fn log(&self) -> String {
        last_lines(&self.log)
    }

    fn is_protecting(&self) -> bool {
        true
    }
}

impl Postfix {
    pub(super) fn start(folder: &Path, sink_port: u16) -> Result<Self> {
        let port = free_port()?;
        for name in ["", "etc", "queue", "data"] {
            let path = folder.join(name);
            fs::create_dir_all(&path)
                .map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        }
        succeed(command("chown").arg("postfix").arg(folder.join("data")))?;
        write(&folder.join("etc/main.cf"), &main_cf(folder, sink_port))?;
        write(&folder.join("etc/master.cf"), &master_cf(port))?;
        let master = Master { folder: folder.into() };
        succeed(&mut master.control("start"))?;
        wait_for_port(port)?;
        let pid = folder.join("queue/pid/master.pid");
        let text = fs::read_to_string(&pid)
            .map_err(|error| format!("cannot read {}: {error}", pid.display()))?;
        let process = text.trim().parse().map_err(|error| format!("{}: {error}", pid.display()))?;
        Ok(Self { port, process, master })
    }
}

impl Master {
    fn control(&self, verb: &str) -> Command {
        let mut command = command("postfix");
        command.arg("-c").arg(self.folder.join("etc")).arg(verb);
        command
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        if let Err(message) = succeed(&mut self.control("stop")) {
            eprintln!("{message}");
        }
    }
}

impl Chancery {
    pub(super) fn start(
        binary: &Path,
        folder: &Path,
        key_type: &str,
        sink_port: u16,
    ) -> Result<Self> {
        let port = free_port()?;
        let partner = folder.join("partner");
        init(
            binary,
            folder,
            "acme.example",
            key_type,
            &[("--inside-listen", port), ("--outside-listen", free_port()?)],
            sink_port,
        )?;
        init(
            binary,
            &partner,
            "globex.example",
            key_type,
            &[("--inside-listen", free_port()?)],
            sink_port,
        )?;
        let configuration = folder.join("chancery.toml");
        let text = fs::read_to_string(&configuration)
            .map_err(|error| format!("no configuration: {error}"))?;
        // One client has all the sessions here, which the default takes for an attack.
        write(&configuration, &with_limit(&text)?)?;
        let run = |folder: &Path| {
            let mut command = command(binary);
            command.arg("--config").arg(folder.join("chancery.toml"));
            command
        };
        let card = folder.join("partner.pem");
        let shown = output(
            run(&partner).args(["--format", "json", "partner", "card", "--out"]).arg(&card),
        )?;
        let shown: serde_json::Value = serde_json::from_str(&shown)
            .map_err(|error| format!("cannot read what `partner card` says: {error}"))?;
        let fingerprint = shown.get("fingerprint").and_then(|value| value.as_str());
        let fingerprint = fingerprint.ok_or("the card has no fingerprint")?;
        let add = ["partner", "add", "--yes", "--fingerprint", fingerprint];
        succeed(run(folder).args(add).arg(&card).stdout(Stdio::null()).stderr(Stdio::null()))?;
        let log = folder.join("log");
        let file = fs::File::create(&log)
            .map_err(|error| format!("cannot create {}: {error}", log.display()))?;
        let serve = Running::spawn(run(folder).arg("serve").stdout(Stdio::null()).stderr(file))?;
        let failure = |error| format!("{error}\n{}", last_lines(&log));
        wait_for_port(port).map_err(failure)?;
        Ok(Self { key_type: key_type.into(), port, log, serve })
    }
}

fn init(
    binary: &Path,
    folder: &Path,
    domain: &str,
    key_type: &str,
    listeners: &[(&str, u16)],
    sink_port: u16,
) -> Result {
    let mut init = command(binary);
    init.args(["init", domain, "--key-type", key_type, "--dir"]).arg(folder);
    for (option, port) in listeners {
        init.args([option, format!("127.0.0.1:{port}").as_str()]);
    }
    init.args(["--outside-route", &format!("smtp:127.0.0.1:{sink_port}"), "--metrics-listen", ""]);
    succeed(init.stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Lets one client have as many sessions as the source opens.
fn with_limit(text: &str) -> Result<String> {
    let mut table: toml::Table =
        text.parse().map_err(|error| format!("cannot read the configuration: {error}"))?;
    let limits = table.entry("limits").or_insert_with(|| toml::Table::new().into());
    let limits = limits.as_table_mut().ok_or("limits is no table")?;
    limits.insert("connections-per-client".into(), 500.into());
    Ok(table.to_string())
}

/// Returns the end of a log; nothing if there is none.
pub(super) fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let mut lines: Vec<&str> = text.lines().rev().take(20).collect();
    lines.reverse();
    lines.join("\n")
}

pub(super) fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn main_cf(folder: &Path, sink_port: u16) -> String {
    let folder = folder.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mail.acme.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
smtpd_peername_lookup = no
relayhost = [127.0.0.1]:{sink_port}
# One client has all the sessions here.
smtpd_client_connection_count_limit = 0
"
    )
}

fn master_cf(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"
    )
}
